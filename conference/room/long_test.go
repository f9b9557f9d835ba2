//go:build !race

// Tests of much sound, in one goroutine: the race detector has nothing to find in them, and takes minutes.

package room

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/mixer"
	"github.com/linnetmesh/linnet/conference/opus"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// A leg that is 20 dB too quiet and one that is 14 dB too loud are as loud as others within seconds, alone and with others, and
// at once when they speak again after a while; nothing is later than it was.
func TestLevelled(t *testing.T) {
	quiet, loud, good := reads(t, 0, -20), reads(t, 1, 14), reads(t, 2, 0)
	even := func(t *testing.T, who string, pcm []float32) {
		t.Helper()
		if got := quarter(pcm); got < -27 || got > -16 {
			t.Errorf("%s is heard at %.1f dBov", who, got)
		}
	}
	for i, v := range []*talk{quiet, loud} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, v)
			raw := quarter(s.play(3*time.Second, 0))
			for s.gains[0] == 0 && s.clock < 15*opus.Rate {
				s.beat(0)
			}
			began := s.clock / opus.Rate
			s.play(15*time.Second-time.Duration(s.clock/opus.Frame)*beat, 0)
			heard := s.play(9*time.Second, 0)
			t.Logf("%.1f dBov at first, levelled after %d s, %.1f dB, %.1f dBov at last", raw, began, s.gains[0], quarter(heard))
			even(t, []string{"the quiet one", "the loud one"}[i], heard)
		})
	}
	t.Run("together", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, quiet, loud, good)
			s.play(15*time.Second, 0, 1, 2)
			s.play(2 * time.Second)
			s.play(30*time.Second, 2)
			for i, who := range []string{"the quiet one", "the loud one", "the good one"} {
				even(t, who, s.play(6*time.Second, i))
				s.play(time.Second)
			}
			if s.gains[2] != 0 {
				t.Errorf("the good one has %.1f dB", s.gains[2])
			}
		})
	})
	t.Run("delay", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, quiet)
			later := func() time.Duration {
				at := quiet.at
				heard := s.play(5*time.Second, 0)
				said := slices.Concat(quiet.pcm, quiet.pcm)[at*opus.Frame:][:4*opus.Rate]
				likeness, later := hearing.Likeness(said, heard, opus.Rate/5)
				if likeness < 0.85 {
					t.Errorf("likeness %.2f", likeness)
				}
				return time.Duration(later) * time.Second / opus.Rate
			}
			passed := later()
			s.play(10*time.Second, 0)
			for range 3 {
				if levelled := later(); levelled < passed-10*time.Millisecond || levelled > passed+10*time.Millisecond {
					t.Errorf("delay %v, passed through %v", levelled, passed)
				}
			}
		})
	})
}

// A voice of normal loudness that speaks alone is neither encoded nor decoded, but to see whether it is as loud as it says.
func TestNormalIsPassed(t *testing.T) {
	for voice := range hearing.Voices {
		good := reads(t, voice, 0)
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, good)
			s.play(30*time.Second, 0)
			if s.encoded > 0 || s.decoded != s.tests || s.tests > 125 || s.passed < 1250 {
				t.Errorf("voice %d: %d encoded, %d decoded, %d of them tests, %d passed", voice, s.encoded, s.decoded, s.tests, s.passed)
			}
		})
	}
}

// A leg that lies about its level makes nobody louder, is heard as it was, and is decoded seldom for it.
func TestLyingLevel(t *testing.T) {
	for _, off := range []int{-25, 18} {
		liar := reads(t, 0, 0)
		for i, l := range liar.levels {
			liar.levels[i] = uint8(min(max(int(l)-off, 0), 127))
		}
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, liar)
			s.play(40*time.Second, 0)
			if s.gains[0] != 0 || s.encoded > 0 || s.decoded-s.tests > 800 {
				t.Errorf("%d dB: gain %v, %d encoded, %d decoded, %d of them tests", off, s.gains[0], s.encoded, s.decoded, s.tests)
			}
		})
	}
}

// A leg that claims no levels is decoded until it is known how loud it is: levelled if need be, and else passed on.
func TestNoLevels(t *testing.T) {
	for _, tt := range []struct{ gain, least, most float64 }{{-20, 14, 18}, {14, -18, -11}, {0, 0, 0}} {
		v := reads(t, 0, tt.gain)
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, v)
			for range 30 * 50 {
				silently(s, 0)
			}
			if got := quarter(s.listener.heard[len(s.listener.heard)-5*opus.Rate:]); got < -27 || got > -16 {
				t.Errorf("%v dB: heard at %.1f dBov", tt.gain, got)
			}
			said := slices.Concat(v.pcm, v.pcm, v.pcm, v.pcm)[25*opus.Rate : 29*opus.Rate]
			if l, _ := hearing.Likeness(said, s.listener.heard[25*opus.Rate:], opus.Rate/5); l < 0.85 {
				t.Errorf("%v dB: likeness %.2f, lies %.1f", tt.gain, l, s.m.members[0].voice.Lies())
			}
			if s.gains[0] < tt.least || s.gains[0] > tt.most {
				t.Errorf("%v dB: gain %.1f dB", tt.gain, s.gains[0])
			}
			s.decoded, s.tests = 0, 0
			for range 20 * 50 {
				silently(s, 0)
			}
			if tt.gain == 0 && (s.encoded > 0 || s.decoded != s.tests) {
				t.Errorf("a normal one: %d encoded, %d decoded, %d of them tests", s.encoded, s.decoded, s.tests)
			}
		})
	}
}

// While beats are late all voices go as they came, and afterwards they are as they were before.
func TestStrained(t *testing.T) {
	quiet := reads(t, 0, -20)
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, quiet)
		s.play(15*time.Second, 0)
		gain := s.gains[0]
		s.passed = 0
		defer func() {
			if len(s.switched) < 3 {
				t.Errorf("%d switches", len(s.switched))
			}
			for _, i := range s.switched {
				near := func(from, to int) float64 { return edge(s.listener.heard[(i+from)*opus.Frame : (i+to)*opus.Frame]) }
				if got, around := near(-1, 5), max(near(-60, -1), near(5, 60)); got > around {
					t.Errorf("a corner of %.3f at beat %d, where it begins or ceases to be levelled, and %.3f around it", got, i, around)
				}
			}
		}()
		s.play(5*time.Second, 0)
		if gain < 10 || s.passed > 0 {
			t.Fatalf("%.1f dB, %d passed", gain, s.passed)
		}
		s.m.strain = time.Now().Add(3 * time.Second)
		s.play(2*time.Second, 0)
		s.passed, s.encoded, s.decoded, s.tests = 0, 0, 0, 0
		s.play(5*time.Second, 0)
		if s.passed < 200 || s.encoded > 0 || s.decoded != s.tests {
			t.Errorf("%d passed, %d encoded, %d decoded while beats are late", s.passed, s.encoded, s.decoded)
		}
		s.play(4*time.Second, 0)
		s.passed = 0
		if s.play(5*time.Second, 0); s.passed > 0 || s.gains[0] < gain-3 {
			t.Errorf("%d passed, %.1f dB, was %.1f", s.passed, s.gains[0], gain)
		}
	})
}

// When another begins or ceases to speak within a word, and when a voice begins or ceases to be levelled, nobody hears a crack.
func TestNoCrack(t *testing.T) {
	good := reads(t, 0, 0)
	other := &talk{pcm: make([]float32, opus.Rate)}
	e, err := opus.NewEncoder(opus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < opus.Rate; at += opus.Frame {
		p, err := e.Encode(nil, other.pcm[at:at+opus.Frame])
		if err != nil {
			t.Fatal(err)
		}
		other.list, other.levels = append(other.list, p), append(other.levels, 30) // it is chosen, and silent
	}
	synctest.Test(t, func(t *testing.T) {
		alone, s := newStage(t, good, other), newStage(t, good, other)
		const long = 30 * 50
		var mixed []bool
		alone.play(long*beat, 0)
		good.at = 0
		for i := range long {
			if i%41 == 0 { // it claims for 60 ms, and has a place for half a second
				s.m.members[1].voice = mixer.Voice{}
			}
			if i%41 < 3 {
				s.beat(0, 1)
			} else {
				s.beat(0)
			}
			mixed = append(mixed, s.m.common.encoder != nil)
		}
		switches, worst, hole := 0, 0.0, 0.0
		for i := 2; i+8 < long; i++ {
			if mixed[i] == mixed[i-1] {
				continue
			}
			switches++
			window := func(pcm []float32, before, after int) float64 {
				return edge(pcm[max(i-before, 0)*opus.Frame : min(i+after, long)*opus.Frame])
			}
			for at := (i - 1) * opus.Frame; mixed[i] && at < (i+5)*opus.Frame; at += opus.Frame / 4 {
				was := hearing.Level(alone.listener.heard[at : at+opus.Frame/4])
				if was > -30 {
					hole = min(hole, hearing.Level(s.listener.heard[at:at+opus.Frame/4])-was)
				}
			}
			ratio := window(s.listener.heard, 1, 5) / max(window(alone.listener.heard, 3, 7), 0.005)
			if worst = max(worst, ratio); ratio > 1.6 {
				t.Errorf("at beat %d (mixed: %v) a corner %.1f times as sharp as any when it is passed through", i, mixed[i], ratio)
			}
		}
		t.Logf("%d switches, corners %.2f times as sharp at most, %.1f dB for 5 ms at least", switches, worst, hole)
		if switches < 50 || hole < -23 {
			t.Errorf("%d switches, a hole of %.1f dB", switches, hole)
		}
	})
}

// Whoever loses much, and says so, understands more than one who does not say so, for no more bytes, with the encoder for all and
// with its own; at once nothing happens, and nothing for those who lose nothing.
func TestLossIsFollowed(t *testing.T) {
	good, hiss := reads(t, 0, 0), hisses(t)
	said := slices.Concat(good.pcm, good.pcm, good.pcm, good.pcm)
	hear := func(t *testing.T, loss float64, reports, speaks bool) (likeness float64, told, size int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			good.at, hiss.at = 0, 0
			s := newStage(t, good, hiss)
			s.listener.loss = loss
			for i := range 19 * 50 {
				if reports && i%50 == 49 {
					s.m.Lost(4, s.listener.report())
				}
				if i == 100 && s.m.loss != 5 {
					t.Errorf("told %d after two seconds", s.m.loss)
				}
				if i == 9*50 {
					s.listener.bytes = 0
				}
				if !speaks {
					s.beat(0, 1)
					continue
				}
				s.m.Hear(4, &rtc.Packet{
					Codec: rtc.Opus, Sequence: uint16(i), Timestamp: s.clock, Level: 45, Leveled: true, Payload: hiss.list[i%len(hiss.list)],
				})
				s.beat(0)
			}
			likeness, _ = hearing.Likeness(said[9*opus.Rate:18*opus.Rate], s.listener.heard[9*opus.Rate:], opus.Rate/5)
			told, size = s.m.loss, s.listener.bytes
			if speaks {
				told = s.m.members[3].way.loss
			}
		})
		return likeness, told, size
	}
	for _, tt := range []struct {
		name         string
		loss         float64
		speaks       bool
		least, most  int // told
		better, best float64
	}{
		{"nothing lost", 0, false, 0, 5, -0.005, 0.96},
		{"15 % lost", 0.15, false, 15, 15, 0.01, 0.95},
		{"20 % lost, of one who speaks", 0.2, true, 15, 20, 0.015, 0.94},
	} {
		before, told, size := hear(t, tt.loss, false, tt.speaks)
		if told != 5 {
			t.Errorf("%s, with no reports: told %d", tt.name, told)
		}
		after, told, later := hear(t, tt.loss, true, tt.speaks)
		t.Logf("%s: understood %.3f, and %.3f with reports; %d and %d bytes", tt.name, before, after, size, later)
		if told < tt.least || told > tt.most || after < before+tt.better || after < tt.best || later > size*102/100 {
			t.Errorf("%s: told %d, understood %.3f, before %.3f; %d bytes, before %d", tt.name, told, after, before, later, size)
		}
	}
}
