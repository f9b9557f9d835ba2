package mixer

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const frame = 960

func tone(hz, amplitude float64, from int) []float32 {
	f := make([]float32, frame)
	for i := range f {
		f[i] = float32(amplitude * math.Sin(2*math.Pi*hz*float64(from+i)/48000))
	}
	return f
}

// toneLevel is Goertzel's, in dB of a full sine.
func toneLevel(f []float32, hz float64) float64 {
	c := 2 * math.Cos(2*math.Pi*hz/48000)
	var a, b float64
	for _, v := range f {
		a, b = float64(v)+c*a-b, a
	}
	n := float64(len(f))
	return 10 * math.Log10((a*a+b*b-c*a*b)*4/(n*n)+1e-12)
}

// Each hears all others as loud as they are, and not themselves; a listener hears all; nothing is later or louder than it may
// be.
func TestMix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "voices")
		loud := rapid.Float64Range(0.01, 1).Draw(t, "loud")
		in, out := make([][]float32, n), make([][]float32, n+1)
		heard := make([][]float32, n+1)
		limiters := make([]Limiter, n+1)
		const frames = 10
		for at := range frames {
			for i := range n {
				in[i], out[i] = tone(500+float64(i)*250, loud, at*frame), make([]float32, frame)
			}
			out[n] = make([]float32, frame)
			Mix(out, in)
			for i := range out {
				limiters[i].Limit(out[i])
				heard[i] = append(heard[i], out[i]...)
			}
		}
		for i, f := range heard {
			for _, v := range f {
				if v > ceiling+1e-4 || v < -ceiling-1e-4 {
					t.Fatalf("clipped: %v", v)
				}
			}
			settled := f[4*frame:]
			for j := range n {
				got := toneLevel(settled, 500+float64(j)*250)
				if i == j {
					if got > -40 {
						t.Errorf("%d hears themselves at %.1f dB", i, got)
					}
					continue
				}
				want := 20*math.Log10(loud) + 20*math.Log10(min(1, ceiling/(loud*float64(n))))
				if got < want-3 {
					t.Errorf("%d hears %d at %.1f dB, want %.1f", i, j, got, want)
				}
			}
		}
	})
}

func TestLimiter(t *testing.T) {
	var l Limiter
	f := tone(440, 0.5, 0)
	want := slices.Clone(f)
	if l.Limit(f); !slices.Equal(f, want) {
		t.Error("what was not too loud was changed")
	}
	f = tone(440, 3, 0)
	l.Limit(f)
	for i := 1; i < len(f); i++ {
		if d := math.Abs(float64(f[i] - f[i-1])); d > 0.2 {
			t.Fatalf("a crack of %.2f at %d", d, i)
		}
	}
	for range 4 { // 60 ms and a little
		f = tone(440, 0.5, 0)
		l.Limit(f)
	}
	if !slices.Equal(f, want) {
		t.Errorf("80 ms after it was too loud it is still changed")
	}
}

func TestFold(t *testing.T) {
	out := make([]float32, 4)
	Fold(out, []float32{1, 1, 1, 1}, []float32{0, 0, 0, 0})
	if want := []float32{0.875, 0.625, 0.375, 0.125}; !slices.Equal(out, want) {
		t.Errorf("got %v, want %v", out, want)
	}
}

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// hall plays beats: each voice claims what say returns for it, and is as loud as is says.
type hall struct {
	c      Chooser
	voices []*Voice
	now    time.Time
}

func newHall(n int) *hall {
	h := &hall{now: start}
	for range n {
		h.voices = append(h.voices, new(Voice))
	}
	return h
}

// beats plays ms and returns how many beats each was heard in.
func (h *hall) beats(ms, k int, say, is func(i int) uint8) []int {
	heard := make([]int, len(h.voices))
	for range ms / 20 {
		h.now = h.now.Add(20 * time.Millisecond)
		for i, v := range h.voices {
			v.Claim(h.now, say(i))
		}
		for _, v := range h.c.Choose(h.now, k, h.voices) {
			i := slices.Index(h.voices, v)
			heard[i]++
			v.Measure(h.now, say(i), is(i))
		}
	}
	return heard
}

func levels(l ...uint8) func(int) uint8 { return func(i int) uint8 { return l[i] } }

func TestChooser(t *testing.T) {
	h := newHall(5)
	steps := []struct {
		name  string
		ms    int
		say   []uint8
		want  []int // beats
		exact bool
	}{
		{"nobody", 200, []uint8{127, 127, 90, 127, 60}, []int{0, 0, 0, 0, 0}, true},
		{"one begins", 200, []uint8{30, 127, 127, 127, 127}, []int{10, 0, 0, 0, 0}, true},
		{"three, from their first packet", 200, []uint8{30, 33, 127, 28, 127}, []int{10, 10, 0, 10, 0}, true},
		{"a fourth, no louder", 200, []uint8{30, 33, 30, 28, 127}, []int{10, 10, 0, 10, 0}, true},
		{"a fourth, much louder", 1000, []uint8{30, 33, 18, 28, 127}, []int{50, 5, 45, 50, 0}, false},
		{"a pause between words", 400, []uint8{127, 127, 127, 127, 127}, []int{20, 0, 20, 20, 0}, true},
		{"who speaks takes the place of who does not", 400, []uint8{127, 30, 127, 127, 127}, []int{4, 20, 4, 4, 0}, false},
	}
	for _, s := range steps {
		got := h.beats(s.ms, 3, levels(s.say...), levels(s.say...))
		for i := range got {
			slack := 6
			if s.exact {
				slack = 0
			}
			if d := got[i] - s.want[i]; d > slack || d < -slack {
				t.Errorf("%s: heard %v, want %v", s.name, got, s.want)
				break
			}
		}
	}
}

// Who claims to shout and whispers loses the place to those who speak, and cannot have it again soon.
func TestLiar(t *testing.T) {
	h := newHall(4)
	say, is := levels(0, 30, 32, 34), levels(70, 30, 32, 34)
	h.beats(1000, 3, say, is)
	if got := h.beats(10_000, 3, say, is); got[0] > 25 || got[1] < 490 || got[2] < 490 || got[3] < 470 {
		t.Errorf("heard %v of 500; the first lies", got)
	}
	if h.voices[0].Lies() < 10 || h.voices[1].Lies() > 1 {
		t.Errorf("lies: %.0f and %.0f dB", h.voices[0].Lies(), h.voices[1].Lies())
	}
}

// Who claims to be quieter or louder than they are is not believed, and is again some time after they cease to lie.
func TestBelieved(t *testing.T) {
	for _, tt := range []struct {
		name     string
		say, is  uint8
		believed bool
	}{
		{"honest", 25, 25, true},
		{"nearly", 25, 29, true},
		{"quieter than claimed", 20, 40, false},
		{"louder than claimed", 46, 26, false},
		{"silent, it claims", 127, 26, false},
	} {
		h := newHall(1)
		h.beats(1000, 1, levels(25), levels(25))
		for range 25 { // half a second of looking
			h.voices[0].Measure(h.now, tt.say, tt.is)
		}
		if got := h.voices[0].Believed(); got != tt.believed {
			t.Errorf("%s: believed %v", tt.name, got)
		}
		for range 45 { // three looks
			h.voices[0].Measure(h.now, 25, 24)
		}
		if !h.voices[0].Believed() {
			t.Errorf("%s, and honest for long: not believed", tt.name)
		}
	}
	// Where a word ends, the level is of samples that are 6.5 ms later than those that are decoded: nobody lies by that.
	var v Voice
	said := []uint8{70, 30, 24, 22, 26, 60, 80, 80}
	for i := range 1000 {
		is := min(said[i%8], said[(i+7)%8]+4)
		if v.Measure(start, said[i%8], is); !v.Believed() {
			t.Fatalf("after %d frames", i)
		}
	}
}

// Who is heard louder than they speak has a place as one who speaks as loud.
func TestRaised(t *testing.T) {
	h := newHall(3)
	say := levels(24, 24, 42)
	h.beats(1000, 2, say, say)
	if got := h.beats(1000, 2, say, say); got[2] != 0 {
		t.Errorf("heard %v of 50", got)
	}
	h.voices[0].Raise(-9)
	h.voices[2].Raise(16)
	if got := h.beats(1000, 2, say, say); got[2] < 40 || got[0] > 10 || got[1] != 50 {
		t.Errorf("heard %v of 50 once the third is made louder and the first quieter", got)
	}
}

// No more than k are chosen, each of them spoke within the last half second, and nobody flickers: a place is kept for a while.
func TestChoice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, k := rapid.IntRange(1, 12).Draw(t, "voices"), rapid.IntRange(0, 4).Draw(t, "places")
		h := newHall(n)
		say := make([]uint8, n)
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			for i := range say {
				say[i] = uint8(rapid.IntRange(0, 127).Draw(t, "level"))
			}
			for range rapid.IntRange(1, 40).Draw(t, "beats") {
				h.beats(20, k, levels(say...), levels(say...))
				got := h.c.places
				if len(got) > k {
					t.Fatalf("%d of %d places", len(got), k)
				}
				loud := 0
				for _, v := range h.voices {
					if v.loud(h.now) {
						loud++
					}
					if v.chosen != slices.Contains(got, v) {
						t.Fatal("a voice does not know whether it is chosen")
					}
				}
				if len(got) < min(loud, k) {
					t.Fatalf("%d are loud, %d of %d places taken", loud, len(got), k)
				}
				for _, v := range got {
					if h.now.Sub(v.heard) > hang {
						t.Fatal("who is long silent has a place")
					}
				}
			}
		}
	})
}

func BenchmarkMix(b *testing.B) {
	in, out := make([][]float32, 3), make([][]float32, 4)
	for i := range out {
		out[i] = make([]float32, frame)
		if i < 3 {
			in[i] = tone(400, 0.3, 0)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		Mix(out, in)
	}
}

func BenchmarkChoose100(b *testing.B) {
	h := newHall(100)
	b.ReportAllocs()
	for b.Loop() {
		h.now = h.now.Add(20 * time.Millisecond)
		for _, v := range h.voices {
			v.Claim(h.now, 30)
		}
		h.c.Choose(h.now, 3, h.voices)
	}
}
