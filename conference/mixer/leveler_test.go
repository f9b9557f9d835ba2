package mixer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// speech is how loud a voice is, frame by frame: syllables of about that level, in -dBov, and every two seconds a pause in which
// there is noise of another.
type speech struct {
	loud, noise float64
	r           *rand.Rand
	at          int
}

func (s *speech) next() uint8 {
	shape := [...]float64{-6, -1, 2, 3, 1, -1, -5, -10, -16, -30}
	s.at++
	at := -s.loud + shape[s.at%len(shape)]
	if s.at%100 > 75 {
		at = -200
	}
	at = max(at+s.r.Float64()*4-2, -s.noise+s.r.Float64()*2-1)
	return uint8(min(max(-at, 0), Silent))
}

func newSpeech(loud, noise float64) *speech {
	return &speech{loud: loud, noise: noise, r: rand.New(rand.NewPCG(1, 2))}
}

// hear has a leveler measure and change frames, and returns the last gain.
func hear(l *Leveler, s *speech, seconds int) float64 {
	f := make([]float32, frame)
	for range seconds * 50 {
		l.Measure(s.next())
		l.Apply(f)
	}
	return l.Gain()
}

func TestLeveler(t *testing.T) {
	for _, tt := range []struct {
		name        string
		loud, noise float64
		least, most float64 // gain after 12 s
	}{
		{"as it should be", 22, 70, 0, 0},
		{"a little loud", 18, 70, 0, 0},
		{"a little quiet", 26, 70, 0, 0},
		{"20 dB too quiet", 42, 80, 16, 18},
		{"much too quiet", 50, 90, 12, 18},
		{"14 dB too loud", 8, 50, -17, -11},
		{"as loud as can be", 2, 50, -18, -16},
		{"quiet, with noise", 38, 55, 7, 12},
		{"quiet, with much noise", 38, 46, 0, 0},
		{"with noise in its pauses", 22, 47, 0, 0},
		{"noise alone", 90, 50, 0, 0},
		{"loud noise alone", 90, 30, 0, 0},
		{"nothing", 127, 127, 0, 0},
	} {
		var l Leveler
		if got := hear(&l, newSpeech(tt.loud, tt.noise), 12); got < tt.least || got > tt.most {
			t.Errorf("%s: %.1f dB, want %.0f to %.0f", tt.name, got, tt.least, tt.most)
		}
	}
}

// The way of a voice: learnt from what it claims, found to be so, changed, kept over a pause, and given up.
func TestLevelerLife(t *testing.T) {
	var l Leveler
	s := newSpeech(42, 80)
	frames := 0
	for !l.Unsure() {
		l.Claim(s.next())
		if frames++; frames > 250 {
			t.Fatal("five seconds of claims are no cause to look")
		}
	}
	if l.Needed() {
		t.Error("claims alone are believed")
	}
	for frames = 0; l.Unsure(); frames++ {
		l.Measure(s.next())
	}
	if !l.Needed() || frames > 250 {
		t.Errorf("after %d frames: needed %v", frames, l.Needed())
	}
	gain := hear(&l, s, 8)
	if gain < 16 {
		t.Errorf("%.1f dB", gain)
	}
	for range 5000 {
		l.Claim(Silent)
	}
	if got := hear(&l, newSpeech(127, 60), 10); got != gain {
		t.Errorf("%.1f dB after a pause, was %.1f", got, gain)
	}
	if got := hear(&l, newSpeech(22, 80), 10); got != 0 || l.Needed() || l.Unsure() {
		t.Errorf("%.1f dB of a voice that is as it should be again", got)
	}
}

// Who lies about the level, always or only while nobody looks, is looked at for moments, and nothing comes of it.
func TestLevelerLied(t *testing.T) {
	for _, tt := range []struct {
		name   string
		loud   float64
		always bool
	}{
		{"too loud", 2, true},
		{"too loud, while nobody looks", 2, false},
		{"too quiet", 50, true},
		{"too quiet, while nobody looks", 50, false},
	} {
		var l Leveler
		var v Voice
		is, says := newSpeech(22, 80), newSpeech(tt.loud, 80)
		looked := 0
		for i := range 50 * 120 {
			level, claimed := is.next(), says.next()
			switch tested := i%250 < 15; { // as Untested has it
			case tested || l.Unsure():
				if !tested {
					looked++
				}
				if !tt.always {
					claimed = level
				}
				v.Claim(start, claimed)
				v.Measure(start, claimed, level)
				l.Measure(level)
				l.Apply(make([]float32, frame))
			case v.Believed():
				l.Claim(claimed)
			}
			if l.Needed() {
				t.Fatalf("%s: %.1f dB", tt.name, l.Gain())
			}
		}
		t.Logf("%s: looked at for %d of 6000 frames", tt.name, looked)
		if tt.always && looked > 120 || looked > 800 {
			t.Errorf("%s: looked at for %d of 6000 frames", tt.name, looked)
		}
	}
}

// A voice at a rim of the dead band does not go to and fro.
func TestLevelerRim(t *testing.T) {
	for loud := 8.0; loud < 40; loud++ {
		var l Leveler
		s := newSpeech(loud, 80)
		changes, was := 0, false
		for range 40 {
			hear(&l, s, 3)
			if l.Needed() != was {
				changes, was = changes+1, !was
			}
		}
		if changes > 2 {
			t.Errorf("%v: %d changes in two minutes", loud, changes)
		}
	}
}

// Whatever is heard and claimed, in any order: a voice of normal loudness is not touched, the gain stays within its reach, keeps its pace, moves
// with speech that is heard alone and without a crack, and what comes out is not clipped, nor louder than it was or than half of what
// can be, once it is much louder.
func TestLevelerAlways(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l Leveler
		normal := true
		flat, f := make([]float32, frame), make([]float32, frame)
		for range rapid.IntRange(1, 5).Draw(t, "parts") {
			s := newSpeech(rapid.Float64Range(0, 127).Draw(t, "loud"), rapid.Float64Range(30, 127).Draw(t, "noise"))
			if rapid.Bool().Draw(t, "normal") {
				s.loud, s.noise = rapid.Float64Range(19, 25).Draw(t, "normal loud"), max(s.noise, 50)
			}
			normal = normal && s.loud >= 19 && s.loud <= 25 && s.noise >= 50
			what := rapid.SampledFrom([]string{"claim", "measure", "apply"}).Draw(t, "what")
			for range rapid.IntRange(1, 250).Draw(t, "frames") {
				level, before := s.next(), l.Gain()
				switch what {
				case "claim":
					l.Claim(level)
				case "measure":
					l.Measure(level)
				}
				if l.Gain() != before {
					t.Fatal("moves while it is not heard")
				}
				if what != "apply" {
					continue
				}
				l.Measure(level)
				amplitude := min(math.Sqrt2*math.Pow(10, -float64(level)/20), 1)
				for i := range f {
					f[i] = float32(amplitude * math.Sin(float64(i)/7))
				}
				was := slices.Max(f)
				twice, unlimited := l, l
				twice.Apply(flatten(flat))
				l.Apply(f)
				for i := range flat[1:] {
					if d := math.Abs(float64(flat[i+1] - flat[i])); d > 1e-5 {
						t.Fatalf("a crack of %v", d)
					}
				}
				unlimited.limit = Limiter{} // which after a loud frame takes 60 ms to let go: here it is the gain alone
				unlimited.Apply(flatten(flat))
				if first := float64(flat[0]) / 1e-3; math.Abs(20*math.Log10(first)-before) > 1e-3 {
					t.Fatalf("begins at %.2f dB, was at %.2f", 20*math.Log10(first), before)
				}
				if d := l.Gain() - before; d > up+1e-9 || d < -down-1e-9 {
					t.Fatalf("%v dB in a frame", d)
				}
				if math.Abs(l.Gain()) > reach {
					t.Fatalf("%v dB", l.Gain())
				}
				peak := slices.Max(f)
				if peak > max(was, ceiling)+1e-4 || min(before, l.Gain()) > full && peak > max(was, raised)+1e-4 {
					t.Fatalf("%v of %v, with %v dB", peak, was, l.Gain())
				}
			}
			if normal && (l.Needed() || l.Unsure()) {
				t.Fatal("a normal voice is changed")
			}
		}
	})
}

func flatten(f []float32) []float32 {
	for i := range f {
		f[i] = 1e-3
	}
	return f
}

func BenchmarkLeveler(b *testing.B) {
	for name, loud := range map[string]float64{"normal": 22, "quiet": 42} {
		b.Run(name, func(b *testing.B) {
			var l Leveler
			s, f := newSpeech(loud, 80), make([]float32, frame)
			hear(&l, s, 10)
			b.ReportAllocs()
			for b.Loop() {
				l.Claim(30)
				l.Measure(s.next())
				l.Apply(f)
			}
		})
	}
}
