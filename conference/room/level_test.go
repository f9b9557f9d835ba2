package room

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/jitter"
	"github.com/linnetmesh/linnet/conference/mixer"
	"github.com/linnetmesh/linnet/conference/opus"
	"github.com/linnetmesh/linnet/conference/rtc"
)

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

// edge is the sharpest corner in sound, by its third difference: speech has little there, and a crack much.
func edge(pcm []float32) float64 {
	most := 0.0
	for i := 3; i < len(pcm); i++ {
		most = max(most, math.Abs(float64(pcm[i]-3*pcm[i-1]+3*pcm[i-2]-pcm[i-3])))
	}
	return most
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
