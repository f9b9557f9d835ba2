package room

import (
	"testing"
	"time"

	"github.com/linnetmesh/linnet/conference/jitter"
	"github.com/linnetmesh/linnet/conference/opus"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// deaf is a leg that keeps nothing.
type deaf struct{ desk }

func (*deaf) Write(*rtc.Packet) error { return nil }

func (*deaf) Open() bool { return false }

// beats returns a room of legs of which some talk, so much louder than recorded, and what one beat of it is.
func beats(t testing.TB, legs, talk int, gain float64) (*mixing, func()) {
	t.Helper()
	m, now := newMixing(), time.Now()
	for id := range uint32(legs) {
		m.Enter(id+1, new(deaf))
	}
	v := reads(t, 0, gain)
	list, levels := v.list, v.levels
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
	m, next := beats(t, 20, 1, 0)
	for range 1000 {
		next()
	}
	if n := testing.AllocsPerRun(500, next); n > 0 && !raceEnabled {
		t.Errorf("%v allocations a beat", n)
	}
	if m.common.encoder != nil {
		t.Error("it is encoded")
	}
}

func BenchmarkBeat(b *testing.B) {
	for _, bb := range []struct {
		name string
		talk int
		gain float64
	}{{"none", 0, 0}, {"one", 1, 0}, {"one too quiet", 1, -20}, {"three", 3, 0}, {"all", 100, 0}} {
		b.Run(bb.name, func(b *testing.B) {
			_, next := beats(b, 100, bb.talk, bb.gain)
			for range 750 {
				next()
			}
			b.ReportAllocs()
			for b.Loop() {
				next()
			}
		})
	}
}
