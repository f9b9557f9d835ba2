package room

import (
	"bytes"
	"math"
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

// long is a test of much sound, in one goroutine: the race detector has nothing to find in it, and takes minutes.
func long(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("long, and in one goroutine")
	}
}

// talk is what a leg says: packets, and what they claim.
type talk struct {
	list   [][]byte
	levels []uint8
	pcm    []float32
	at     int
}

// reads is a voice that reads, so much louder than it is recorded.
func reads(t testing.TB, voice int, gain float64) *talk {
	t.Helper()
	by, pcm := float32(math.Pow(10, gain/20)), hearing.Speech(voice)
	for i, v := range pcm {
		pcm[i] = min(max(v*by, -1), 1)
	}
	e, err := opus.NewEncoder(opus.Options{Complexity: 5, Loss: 5})
	if err != nil {
		t.Fatal(err)
	}
	s := &talk{pcm: pcm}
	for at := 0; at+opus.Frame <= len(pcm); at += opus.Frame {
		p, err := e.Encode(nil, pcm[at:at+opus.Frame])
		if err != nil {
			t.Fatal(err)
		}
		s.list, s.levels = append(s.list, p), append(s.levels, mixer.Level(pcm[at:at+opus.Frame]))
	}
	return s
}

// silently has a leg claim no levels.
func silently(s *stage, who int) {
	v := s.talks[who]
	s.m.Hear(uint32(who+1), &rtc.Packet{
		Codec: rtc.Opus, Sequence: s.sent[who], Timestamp: s.clock, Payload: v.list[v.at],
	})
	s.sent[who]++
	v.at = (v.at + 1) % len(v.list)
	s.beat()
}

// stage is a mixing room in virtual time, in which legs 1 to 3 may talk and the last listens.
type stage struct {
	t        testing.TB
	m        *mixing
	listener *hearer
	talks    [3]*talk
	sent     [3]uint16
	clock    uint32
	gains    [3]float64
	passed   int // beats in which a packet of the first that talks came as it was
	decoded  int
	encoded  int
	tests    int   // beats in which one is looked at in any case
	switched []int // beats in which encoding began or ended
	encodes  bool
}

func newStage(t testing.TB, talks ...*talk) *stage {
	t.Helper()
	d, err := opus.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, m: newMixing(), listener: &hearer{sink: sink{decoder: d, pcm: make([]float32, opus.MaxFrame)}, r: rand.New(rand.NewPCG(1, 9)), first: 1, next: 1}}
	copy(s.talks[:], talks)
	for id := range uint32(3) {
		s.m.Enter(id+1, quietDesk{new(desk)})
	}
	s.m.Enter(4, s.listener)
	return s
}

// hearer keeps the last packet, too; some do not come.
type hearer struct {
	sink
	last        []byte
	loss        float64 // of 1
	r           *rand.Rand
	came, bytes int // since the last report
	first, next uint16
}

// report is which share is missing, as a receiver tells it.
func (h *hearer) report() float64 {
	all := h.next - h.first
	missing := float64(int(all)-h.came) / float64(max(all, 1))
	h.first, h.came = h.next, 0
	return missing
}

func (h *hearer) Write(p *rtc.Packet) error {
	h.last = append(h.last[:0], p.Payload...)
	h.bytes += len(p.Payload)
	if h.next++; p.Sequence >= h.next {
		h.next = p.Sequence + 1
	}
	if h.loss > 0 && h.r.Float64() < h.loss {
		return nil
	}
	h.came++
	return h.sink.Write(p)
}

// quietDesk keeps nothing.
type quietDesk struct{ *desk }

func (quietDesk) Write(*rtc.Packet) error { return nil }

// play has some talk for a while, and returns what the listener heard meanwhile.
func (s *stage) play(d time.Duration, who ...int) []float32 {
	s.t.Helper()
	from := len(s.listener.heard)
	for range d / beat {
		s.beat(who...)
	}
	return s.listener.heard[from:]
}

func (s *stage) beat(who ...int) {
	s.t.Helper()
	s.clock += opus.Frame
	for _, i := range who {
		v := s.talks[i]
		s.m.Hear(uint32(i+1), &rtc.Packet{
			Codec: rtc.Opus, Sequence: s.sent[i], Timestamp: s.clock, Level: v.levels[v.at], Leveled: true, Payload: v.list[v.at],
		})
		s.sent[i]++
		v.at = (v.at + 1) % len(v.list)
	}
	time.Sleep(beat)
	now := time.Now()
	s.listener.last = s.listener.last[:0]
	s.m.step(now)
	for i, p := range s.m.members[:3] {
		gain := p.level.Gain()
		if d := math.Abs(gain - s.gains[i]); d > 8.0/50+1e-9 {
			s.t.Fatalf("the gain of %d moves by %.2f dB in a beat", i, d)
		}
		if s.gains[i] = gain; p.unused == 1 && p.decoder != nil {
			s.decoded++
		}
		if p.voice.Untested(now) && p.played.Kind == jitter.Voice {
			s.tests++
		}
		if p.own.encoder != nil {
			s.encoded++
		}
	}
	if len(who) > 0 && len(s.listener.last) > 0 && bytes.Equal(s.listener.last, s.m.members[who[0]].played.Payload) {
		s.passed++
	}
	if encodes := s.m.common.encoder != nil; encodes != s.encodes {
		s.encodes, s.switched = encodes, append(s.switched, len(s.listener.heard)/opus.Frame)
	}
	s.listener.play(now)
	if s.m.common.encoder == nil {
		return
	}
	s.encoded++
	for _, v := range s.m.out {
		if v > 0.9001 || v < -0.9001 {
			s.t.Fatalf("clipped: %v", v)
		}
	}
}

// quarter is the level that a quarter of the frames of speech exceed, in dBov.
func quarter(pcm []float32) float64 {
	var all []float64
	for at := 0; at+opus.Frame <= len(pcm); at += opus.Frame {
		if l := hearing.Level(pcm[at : at+opus.Frame]); l > -55 {
			all = append(all, l)
		}
	}
	slices.Sort(all)
	if len(all) == 0 {
		return -127
	}
	return all[len(all)*3/4]
}

// A leg that is 20 dB too quiet and one that is 14 dB too loud are as loud as others within seconds, alone and with others, and
// at once when they speak again after a while; nothing is later than it was.
func TestLevelled(t *testing.T) {
	long(t)
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
	long(t)
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
	long(t)
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
	long(t)
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
	long(t)
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

// edge is the sharpest corner in sound, by its third difference: speech has little there, and a crack much.
func edge(pcm []float32) float64 {
	most := 0.0
	for i := 3; i < len(pcm); i++ {
		most = max(most, math.Abs(float64(pcm[i]-3*pcm[i-1]+3*pcm[i-2]-pcm[i-3])))
	}
	return most
}

// When another begins or ceases to speak within a word, and when a voice begins or ceases to be levelled, nobody hears a crack.
func TestNoCrack(t *testing.T) {
	long(t)
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

// Of a packet without a level it is known whether it is of speech.
func TestUnsaid(t *testing.T) {
	for voice := range hearing.Voices {
		v, right := reads(t, voice, -6), 0
		for i, p := range v.list {
			if (unsaid(p) == voiced) == (v.levels[i] < 50) {
				right++
			}
		}
		if right < len(v.list)*85/100 {
			t.Errorf("voice %d: right of %d packets of %d", voice, right, len(v.list))
		}
	}
	for name, b := range map[string][]byte{"CELT": {0xf8, 0}, "two frames": {0x09, 0}} {
		if unsaid(b) != voiced {
			t.Errorf("%s: no voice", name)
		}
	}
	if unsaid([]byte{0x48}) != unvoiced {
		t.Error("an empty frame is a voice")
	}
}
