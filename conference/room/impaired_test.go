package room

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/jitter"
	"github.com/linnetmesh/linnet/conference/mixer"
	"github.com/linnetmesh/linnet/conference/opus"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// harm is what the way to the mixer does to packets, and what the machine does to the mixer, for a while.
type harm struct {
	loss, twice, swap float64       // of 1
	jitter            time.Duration // more than the least, at most
	drift             float64       // ppm by which the sender's clock is fast, all the time
	stall             time.Duration // the mixer has no CPU
}

const (
	harmFrom = 2 * time.Second
	harmTo   = 7 * time.Second
	callEnd  = 15 * time.Second
)

// coded is a voice as packets with levels, as long as the call.
func coded(t *testing.T, pcm []float32) (list [][]byte, levels []uint8) {
	t.Helper()
	e, err := opus.NewEncoder(opus.Options{Complexity: 1, Loss: 15})
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at+opus.Frame <= len(pcm); at += opus.Frame {
		p, err := e.Encode(nil, pcm[at:at+opus.Frame])
		if err != nil {
			t.Fatal(err)
		}
		list, levels = append(list, p), append(levels, mixer.Level(pcm[at:at+opus.Frame]))
	}
	return list, levels
}

// arrives is a packet at the mixer.
type arrives struct {
	at time.Duration
	id uint32
	p  rtc.Packet
}

// travels is when the packets of a voice arrive.
func travels(id uint32, list [][]byte, levels []uint8, h harm) []arrives {
	r := rand.New(rand.NewPCG(uint64(id), 8))
	var all []arrives
	for i, b := range list {
		at := time.Duration(float64(i)*float64(beat)*(1-h.drift/1e6)) + time.Duration(id)*3*time.Millisecond
		a := arrives{at, id, rtc.Packet{
			Codec: rtc.Opus, Sequence: uint16(i), Timestamp: uint32(i) * opus.Frame, Level: levels[i], Leveled: true, Payload: b,
		}}
		if at >= harmFrom && at < harmTo {
			if r.Float64() < h.loss {
				continue
			}
			if h.jitter > 0 {
				a.at += time.Duration(r.Int64N(int64(h.jitter)))
			}
			if r.Float64() < h.swap {
				a.at += 25 * time.Millisecond
			}
			if r.Float64() < h.twice {
				again := a
				again.at += 10 * time.Millisecond
				all = append(all, again)
			}
		}
		if h.stall > 0 && a.at >= harmTo-h.stall && a.at < harmTo {
			a.at = harmTo // it waits in the socket
		}
		all = append(all, a)
	}
	return all
}

// sink is a listener: it plays what the room sends as it comes.
type sink struct {
	desk
	buffer  jitter.Buffer
	decoder *opus.Decoder
	pcm     []float32
	heard   []float32
}

func (s *sink) Write(p *rtc.Packet) error {
	n, _ := opus.Samples(p.Payload)
	level := p.Level
	if !p.Leveled {
		level = 0
	}
	_ = s.buffer.Push(time.Now(), jitter.Packet{ // one that is late is passed over
		Sequence: p.Sequence, Timestamp: p.Timestamp, Level: level, Frames: n / opus.Frame, Payload: p.Payload,
	})
	return nil
}

func (s *sink) play(now time.Time) {
	p := s.buffer.Pop(now)
	clear(s.pcm)
	switch p.Kind {
	case jitter.Voice:
		if p.Fold != nil {
			_, _ = s.decoder.Decode(p.Fold, s.pcm)
		}
		_, _ = s.decoder.Decode(p.Payload, s.pcm)
	case jitter.Lost:
		_ = s.decoder.Conceal(p.Next, s.pcm)
	case jitter.More, jitter.Nothing:
	}
	s.heard = append(s.heard, s.pcm[:opus.Frame]...)
}

// Whatever the way and the machine do for five seconds, what is said is understood meanwhile, and five seconds later it
// comes as well and as soon as before: passed through and mixed.
func TestImpaired(t *testing.T) {
	voice := hearing.Speech(0)
	said := slices.Concat(voice, voice)[:int(callEnd.Seconds())*opus.Rate]
	list, levels := coded(t, said)
	low, r := make([]float32, len(said)), rand.New(rand.NewPCG(1, 8))
	for i := range low {
		low[i] = float32(r.Float64()-0.5) * 0.02 // it is there, so that all is mixed, hides nothing, and is not made louder
	}
	lowList, lowLevels := coded(t, low)

	for _, tt := range []struct {
		name       string
		h          harm
		understood float64
		mixed      bool // also when something hisses at once; that takes the race detector long
	}{
		{"nothing", harm{}, 0.93, false},
		{"5 % lost", harm{loss: 0.05}, 0.88, false},
		{"15 % lost", harm{loss: 0.15}, 0.80, false},
		{"40 ms of jitter", harm{jitter: 40 * time.Millisecond}, 0.85, false},
		{"in the wrong order", harm{swap: 0.2}, 0.85, false},
		{"twice", harm{twice: 0.3}, 0.93, false},
		{"all of it", harm{loss: 0.05, jitter: 40 * time.Millisecond, swap: 0.05, twice: 0.1}, 0.75, true},
		{"a fast clock", harm{drift: 200}, 0.93, false},
		{"a slow clock", harm{drift: -200}, 0.93, false},
		{"a stolen CPU", harm{stall: 600 * time.Millisecond}, 0.93, true},
	} {
		for _, mixed := range []bool{false, true} {
			name := tt.name + ", passed through"
			if mixed {
				if name = tt.name + ", mixed"; !tt.mixed {
					continue
				}
			}
			t.Run(name, func(t *testing.T) {
				way := travels(1, list, levels, tt.h)
				if mixed {
					way = append(way, travels(2, lowList, lowLevels, harm{stall: tt.h.stall})...)
				}
				slices.SortStableFunc(way, func(a, b arrives) int { return int(a.at - b.at) })
				synctest.Test(t, func(t *testing.T) { impaired(t, way, tt.h, said, tt.understood) })
			})
		}
	}
}

func impaired(t *testing.T, way []arrives, h harm, said []float32, understood float64) {
	t.Helper()
	d, err := opus.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	listener := &sink{decoder: d, pcm: make([]float32, opus.MaxFrame)}
	m := newMixing()
	m.Enter(1, new(desk))
	m.Enter(2, new(desk))
	m.Enter(3, listener)
	began := time.Now()
	until := func(at time.Duration) { time.Sleep(time.Until(began.Add(at))) }
	for at := beat / 2; at < callEnd; at += beat {
		for len(way) > 0 && way[0].at <= at {
			until(way[0].at)
			m.Hear(way[0].id, &way[0].p)
			way = way[1:]
		}
		until(at)
		if at >= harmTo-h.stall && at < harmTo {
			m.time += opus.Frame // as Run does for beats that were missed
		} else {
			m.step(time.Now())
		}
		listener.play(time.Now())
	}
	part := func(from, to int) (likeness float64, delay time.Duration) {
		likeness, later := hearing.Likeness(said[from*opus.Rate:to*opus.Rate], listener.heard[from*opus.Rate:min((to+1)*opus.Rate, len(listener.heard))], opus.Rate)
		return likeness, time.Duration(later) * time.Second / opus.Rate
	}
	_, before := part(0, 2)
	during, held := part(3, 6)
	after, delay := part(12, 14)
	t.Logf("delay %v, then %v (likeness %.2f), at last %v (likeness %.2f)", before, held, during, delay, after)
	if during < understood {
		t.Errorf("understood %.2f of it, want %.2f", during, understood)
	}
	if after < 0.93 || delay > before+15*time.Millisecond {
		t.Errorf("five seconds later: likeness %.2f, delay %v, was %v", after, delay, before)
	}
}
