package room

import (
	"testing"
	"time"

	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/jitter"
	"github.com/linnetmesh/linnet/conference/mixer"
	"github.com/linnetmesh/linnet/conference/opus"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// deaf is a leg that keeps nothing.
type deaf struct{ desk }

func (*deaf) Write(*rtc.Packet) error { return nil }

func (*deaf) Open() bool { return false }

// beats returns a room of legs of which some talk, and what one beat of it is.
func beats(legs, talk int) (*mixing, func()) {
	m, now := newMixing(), time.Now()
	for id := range uint32(legs) {
		m.Enter(id+1, new(deaf))
	}
	list, pcm := hearing.Packets(0), hearing.Speech(0)
	levels := make([]uint8, len(list))
	for i := range levels {
		levels[i] = mixer.Level(pcm[i*opus.Frame : (i+1)*opus.Frame])
	}
	at := 0
	return m, func() {
		now = now.Add(beat)
		for i, p := range m.members[:talk] {
			k := (at + i*150) % len(list)
			if p.buffer.Push(now, jitter.Packet{Sequence: uint16(at), Timestamp: uint32(at) * opus.Frame, Level: levels[k], Payload: list[k]}) == nil {
				p.voice.Claim(now, levels[k])
				p.claims = true
			}
		}
		at++
		m.step(now)
	}
}

// A beat in which one speaks alone makes no garbage: it is 50 a second in each room.
func TestBeatMakesNoGarbage(t *testing.T) {
	m, next := beats(20, 1)
	for range 1000 {
		next()
	}
	if n := testing.AllocsPerRun(500, next); n > 0 {
		t.Errorf("%v allocations a beat", n)
	}
	if m.common.encoder != nil {
		t.Error("it is encoded")
	}
}

func BenchmarkBeat(b *testing.B) {
	for name, talk := range map[string]int{"none": 0, "one": 1, "three": 3, "all": 100} {
		b.Run(name, func(b *testing.B) {
			_, next := beats(100, talk)
			for range 500 {
				next()
			}
			b.ReportAllocs()
			for b.Loop() {
				next()
			}
		})
	}
}
