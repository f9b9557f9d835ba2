package rtc

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t testing.TB, cfg Config) *Endpoint {
	t.Helper()
	cfg.LoopbackOnly = true
	e, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// ear collects what a leg hears.
type ear struct {
	packets  chan Packet
	messages chan string
	up       chan bool
	open     chan bool
	closed   chan error
	keyframe chan int
}

func newEar() *ear {
	return &ear{
		make(chan Packet, 100), make(chan string, 100), make(chan bool, 100), make(chan bool, 1), make(chan error, 1),
		make(chan int, 10),
	}
}

func (e *ear) ears() Ears {
	return Ears{
		Packet: func(p *Packet) {
			q := *p
			q.Payload = bytes.Clone(p.Payload)
			select {
			case e.packets <- q:
			default:
			}
		},
		Told:     func(b []byte) { e.messages <- string(b) },
		Open:     func() { e.open <- true },
		Up:       func(up bool) { e.up <- up },
		Keyframe: func(slot int) { e.keyframe <- slot },
		Closed:   func(why error) { e.closed <- why },
	}
}

func next[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

// meet connects a leg of a to one of b.
func meet(t testing.TB, a, b *Endpoint, shape Shape) (here, there *Leg, hear, heard *ear) {
	t.Helper()
	hear, heard = newEar(), newEar()
	here, offer, err := a.Offer(t.Context(), shape, hear.ears())
	if err != nil {
		t.Fatal(err)
	}
	there, answer, err := b.Answer(t.Context(), offer, heard.ears())
	if err != nil {
		t.Fatal(err)
	}
	if err := here.Accept(answer); err != nil {
		t.Fatal(err)
	}
	for _, e := range []*ear{hear, heard} {
		if !next(t, "connection", e.up) {
			t.Fatal("down")
		}
		next(t, "data channel", e.open)
	}
	return here, there, hear, heard
}

// send writes packets until one is heard: the first may be lost while the other side makes ready. What others were sent
// before may still come, and is passed over.
func send(t testing.TB, l *Leg, p Packet, to *ear) Packet {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for tick := time.NewTicker(20 * time.Millisecond); ; p.Sequence++ {
		if err := l.Write(&p); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-to.packets:
			if bytes.Equal(got.Payload, p.Payload) {
				tick.Stop()
				return got
			}
		case <-tick.C:
		case <-deadline:
			t.Fatal("nothing heard")
		}
	}
}

func TestLegs(t *testing.T) {
	for _, tt := range []struct {
		name  string
		mixer Config
		tcp   bool
	}{
		{"a mixer", Config{Lite: true}, false},
		{"two devices", Config{}, false},
		{"a mixer, over TCP", Config{Lite: true, TCP: true}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mixer, client := listen(t, tt.mixer), listen(t, Config{})
			hear, heard := newEar(), newEar()
			here, offer, err := client.Offer(t.Context(), Shape{}, hear.ears())
			if err != nil {
				t.Fatal(err)
			}
			there, answer, err := mixer.Answer(t.Context(), offer, heard.ears())
			if err != nil {
				t.Fatal(err)
			}
			cert := mixer.Fingerprint()
			if text := strings.ToUpper(hex.EncodeToString(cert[:1])) + ":"; !strings.Contains(answer, "sha-256 "+text) {
				t.Errorf("fingerprint %s is not in\n%s", text, answer)
			}
			for _, want := range []string{"useinbandfec=1", "usedtx=1", levelURI} {
				if !strings.Contains(offer, want) || !strings.Contains(answer, want) {
					t.Errorf("no %s", want)
				}
			}
			if strings.Contains(offer+answer, ".local") {
				t.Error("mDNS")
			}
			if tt.tcp {
				answer = without(answer, " udp ")
			}
			if err := here.Accept(answer); err != nil {
				t.Fatal(err)
			}
			next(t, "connection", hear.up)
			next(t, "connection", heard.up)
			next(t, "data channel", hear.open)
			next(t, "data channel", heard.open)
			got := send(t, here, Packet{Codec: Opus, Timestamp: 960, Marker: true, Level: 30, Leveled: true, Payload: []byte("up")}, heard)
			if string(got.Payload) != "up" || got.Level != 30 || !got.Leveled || !got.Marker || got.Timestamp != 960 || got.Codec != Opus {
				t.Errorf("heard %+v", got)
			}
			got = send(t, there, Packet{Codec: Opus, Payload: []byte("down")}, hear)
			if string(got.Payload) != "down" || got.Leveled || got.Level != Silent {
				t.Errorf("heard %+v", got)
			}
			if err := errors.Join(here.Tell([]byte("hello")), there.Tell([]byte("welcome"))); err != nil {
				t.Error(err)
			}
			if a, b := next(t, "message", heard.messages), next(t, "message", hear.messages); a != "hello" || b != "welcome" {
				t.Errorf("told %q, %q", a, b)
			}
			if !tt.tcp { // another network
				again, err := here.Restart(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				answer, err := there.Again(t.Context(), again)
				if err != nil {
					t.Fatal(err)
				}
				if err := here.Accept(answer); err != nil {
					t.Fatal(err)
				}
				for len(heard.packets) > 0 {
					<-heard.packets
				}
				send(t, here, Packet{Codec: Opus, Sequence: 1000, Payload: []byte("again")}, heard)
			}
			if c := there.Counts(); c.HeardPackets == 0 || c.SentPackets == 0 || c.Refused != 0 {
				t.Errorf("%+v", c)
			}
			_ = here.Close()
			<-here.Done()
			if err := next(t, "end", hear.closed); !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
			_ = there.Close()
			<-there.Done()
			if mixer.Legs()+client.Legs() != 0 {
				t.Error("legs are left")
			}
		})
	}
}

func without(sdp, what string) string {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		if !strings.Contains(line, what) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// Video is carried as it comes, and who sees it may ask for a key frame.
func TestVideo(t *testing.T) {
	mixer, client := listen(t, Config{Lite: true}), listen(t, Config{})
	here, there, hear, heard := meet(t, client, mixer, Shape{Voices: 2, Videos: 2, Camera: true})
	if a, v := there.Slots(); a != 2 || v != 2 {
		t.Fatalf("slots %d, %d", a, v)
	}
	got := send(t, here, Packet{Codec: VP8, Timestamp: 3000, Payload: []byte("frame")}, heard)
	if got.Codec != VP8 || string(got.Payload) != "frame" || got.Slot != 0 {
		t.Errorf("heard %+v", got)
	}
	got = send(t, there, Packet{Codec: VP8, Slot: 1, Payload: []byte("seen")}, hear)
	if got.Codec != VP8 || string(got.Payload) != "seen" || got.Slot != 1 {
		t.Errorf("heard %+v", got)
	}
	got = send(t, there, Packet{Codec: Opus, Slot: 1, Payload: []byte("second voice")}, hear)
	if got.Codec != Opus || got.Slot != 1 {
		t.Errorf("heard %+v", got)
	}
	there.RequestKeyframe(0)
	if slot := next(t, "request", hear.keyframe); slot != 0 {
		t.Errorf("slot %d", slot)
	}
}

// A leg of which nothing comes, or that stops, goes by itself.
func TestSilence(t *testing.T) {
	mixer, client := listen(t, Config{Lite: true, Silence: 500 * time.Millisecond, Patience: time.Second}), listen(t, Config{})
	heard := newEar()
	_, offer, err := client.Offer(t.Context(), Shape{}, Ears{})
	if err != nil {
		t.Fatal(err)
	}
	leg, _, err := mixer.Answer(t.Context(), offer, heard.ears())
	if err != nil {
		t.Fatal(err)
	}
	if err := next(t, "end", heard.closed); !errors.Is(err, ErrFailed) || !errors.Is(leg.Err(), ErrFailed) {
		t.Error(err)
	}
	here, _, hear, heard := meet(t, client, mixer, Shape{})
	_ = client.Close() // says goodbye
	if err := next(t, "end", heard.closed); err == nil {
		t.Error("no reason")
	}
	if err := next(t, "end", hear.closed); !errors.Is(err, ErrClosed) || here.Err() == nil {
		t.Error(err)
	}
}

// The mixer is gone without a word: the client knows within its Silence, and can go on elsewhere.
func TestMixerGone(t *testing.T) {
	mixer, client := listen(t, Config{Lite: true}), listen(t, Config{})
	_, _, hear, _ := meet(t, client, mixer, Shape{})
	began := time.Now()
	mixer.closePorts()
	for next(t, "silence", hear.up) {
	}
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("noticed after %v, before it could be known", took)
	}
	if len(hear.closed) > 0 {
		t.Error("closed, though the mixer may come back")
	}
}

func TestFlood(t *testing.T) {
	mixer, client := listen(t, Config{Lite: true}), listen(t, Config{})
	here, there, _, heard := meet(t, client, mixer, Shape{})
	p := Packet{Codec: Opus, Payload: bytes.Repeat([]byte("x"), 10)}
	for there.Err() == nil {
		for range 500 {
			p.Sequence++
			if err := here.Write(&p); err != nil {
				break
			}
		}
		select {
		case <-there.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := next(t, "end", heard.closed); !errors.Is(err, ErrFlood) {
		t.Errorf("got %v", err)
	}
	if c := there.Counts(); c.HeardPackets > 5*mostPackets*10 {
		t.Errorf("took %d", c.HeardPackets)
	}
}

// Nonsense within SRTP and SRTCP, from who has the keys, is passed over, and the leg goes on.
func TestHostileMedia(t *testing.T) {
	mixer, client := listen(t, Config{Lite: true}), listen(t, Config{})
	here, there, _, heard := meet(t, client, mixer, Shape{Videos: 1, Camera: true})
	send(t, here, Packet{Codec: Opus, Payload: []byte("first")}, heard)
	for _, b := range [][]byte{
		{0x80, 200, 0, 0},
		{0x80, 201, 0xff, 0xff},
		{0x9f, 201, 0, 1, 1, 2, 3, 4},
		{0x81, 206, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0},
		bytes.Repeat([]byte{0xff}, 1000),
		{0x8f, 205, 0, 3, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3},
		bytes.Repeat([]byte{0x80, 203, 0, 0}, 200),
	} {
		raw := rtcp.RawPacket(b)
		_ = here.pc.WriteRTCP([]rtcp.Packet{&raw}) // what pion itself does not send is no matter
	}
	voice := here.audio[0]
	voice.mu.Lock()
	for i, payload := range [][]byte{{}, {0}, {255}, bytes.Repeat([]byte{255}, 1100)} {
		for _, h := range []rtp.Header{
			{Padding: true},
			{Padding: true, PaddingSize: 255},
			{PayloadType: 127},
			{Extension: true, ExtensionProfile: 0xbede, Extensions: nil},
			{CSRC: []uint32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
			{SequenceNumber: 20000, Timestamp: 1 << 31},
		} {
			h.Version, h.SSRC, h.SequenceNumber = 2, voice.ssrc, h.SequenceNumber+uint16(i)
			_, _ = voice.w.WriteRTP(&h, payload)
		}
	}
	voice.mu.Unlock()
	for range 300 { // whatever of it was heard is past
		got := send(t, here, Packet{Codec: Opus, Sequence: 30000, Payload: []byte("sane")}, heard)
		if string(got.Payload) == "sane" {
			if there.Err() != nil {
				t.Error(there.Err())
			}
			return
		}
	}
	t.Error("what is sane is not heard any more")
}

// A leg that does not read what it is told is dropped for it, and no more than 64 KiB wait for it until then.
func TestStopsReading(t *testing.T) {
	mixer, client := listen(t, Config{Lite: true}), listen(t, Config{})
	_, there, _, heard := meet(t, client, mixer, Shape{})
	mixer.closePorts() // nothing is acknowledged any more
	var err error
	told := 0
	for ; err == nil && told < 100; told++ {
		err = there.Tell(make([]byte, messageSize))
	}
	if !errors.Is(err, ErrSlow) || told > queueSize/messageSize+1 {
		t.Errorf("%d messages, %v", told, err)
	}
	if err := next(t, "end", heard.closed); !errors.Is(err, ErrSlow) {
		t.Errorf("ended for %v", err)
	}
}

// Many join at once, more than may.
func TestThousandJoins(t *testing.T) {
	mixer, client := listen(t, Config{Lite: true, Legs: 20, Patience: time.Second}), listen(t, Config{})
	_, offer, err := client.Offer(t.Context(), Shape{}, Ears{})
	if err != nil {
		t.Fatal(err)
	}
	var full atomic.Int64
	done := make(chan bool)
	for range 10 {
		go func() {
			for range 100 {
				if _, _, err := mixer.Answer(context.Background(), offer, Ears{}); errors.Is(err, ErrFull) {
					full.Add(1)
				}
			}
			done <- true
		}()
	}
	for range 10 {
		<-done
	}
	if mixer.Legs() > 20 || full.Load() < 900 {
		t.Errorf("%d legs, %d refused", mixer.Legs(), full.Load())
	}
}

// hostile are descriptions that are refused, or lead to a leg of which nothing comes; never to a panic or a leak.
func hostile(offer string) map[string]string {
	return map[string]string{
		"nothing":           "",
		"no SDP":            "hello",
		"no media":          "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
		"large":             offer + strings.Repeat("a=x\r\n", maxSDP/5),
		"a long line":       offer + "a=" + strings.Repeat("x", maxLine) + "\r\n",
		"giant candidate":   offer + "a=candidate:" + strings.Repeat("9", maxCandidate) + "\r\n",
		"many candidates":   offer + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", maxCandidates+1),
		"many media":        offer + strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", 20),
		"other media":       offer + "m=text 9 UDP/TLS/RTP/SAVPF 111\r\n",
		"cut":               offer[:len(offer)/2],
		"two fingerprints":  strings.Replace(offer, "a=setup", "a=fingerprint:sha-256 00\r\na=setup", 1),
		"no credentials":    without(without(offer, "ice-ufrag"), "ice-pwd"),
		"no codec we speak": strings.ReplaceAll(offer, "opus/48000", "pcmu/8000"),
		"bad payload types": strings.ReplaceAll(offer, "111", "999999999999999999999"),
		"bad extension":     strings.ReplaceAll(offer, "a=extmap:1 ", "a=extmap:-7 "),
		"loops of BUNDLE":   strings.ReplaceAll(offer, "a=group:BUNDLE 0", "a=group:BUNDLE 9 9 9 0 0"),
		"same mid":          strings.ReplaceAll(offer, "a=mid:1", "a=mid:0"),
	}
}

func TestHostileOffers(t *testing.T) {
	mixer, client := listen(t, Config{Lite: true, Patience: time.Second}), listen(t, Config{})
	_, offer, err := client.Offer(t.Context(), Shape{}, Ears{})
	if err != nil {
		t.Fatal(err)
	}
	for name, sdp := range hostile(offer) {
		leg, _, err := mixer.Answer(t.Context(), sdp, Ears{})
		switch {
		case err == nil:
			_ = leg.Close()
			<-leg.Done()
		case !errors.Is(err, ErrOffer):
			t.Logf("%s: %v", name, err)
		}
	}
	// A leg that lives is not hurt by a bad offer again.
	_, there, _, heard := meet(t, client, mixer, Shape{})
	if _, err := there.Again(t.Context(), "v=0\r\n"); !errors.Is(err, ErrOffer) {
		t.Error(err)
	}
	if there.Err() != nil || len(heard.closed) > 0 {
		t.Error("gone")
	}
}

// FuzzOffer holds that no offer panics, and that what was made of it can be closed.
func FuzzOffer(f *testing.F) {
	mixer, client := listen(f, Config{Lite: true}), listen(f, Config{})
	_, offer, err := client.Offer(context.Background(), Shape{Videos: 1, Camera: true}, Ears{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(offer)
	for _, sdp := range hostile(offer) {
		f.Add(sdp)
	}
	f.Fuzz(func(t *testing.T, sdp string) {
		leg, _, err := mixer.Answer(t.Context(), sdp, Ears{})
		if err == nil {
			_ = leg.Close()
			<-leg.Done()
		}
	})
}

func TestListen(t *testing.T) {
	a := listen(t, Config{Lite: true, TCP: true})
	if a.Port() == 0 {
		t.Error("no port")
	}
	if b, err := Listen(Config{Lite: true, Port: a.Port(), LoopbackOnly: true}); err == nil {
		_ = b.Close()
		t.Error("a port twice")
	}
	_ = a.Close()
	if _, _, err := a.Offer(t.Context(), Shape{}, Ears{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// BenchmarkWrite is what a packet to a leg costs: SRTP and the socket.
func BenchmarkWrite(b *testing.B) {
	mixer, client := listen(b, Config{Lite: true}), listen(b, Config{})
	here, there, _, _ := meet(b, client, mixer, Shape{})
	here.most = 1 << 40
	p := Packet{Codec: Opus, Payload: make([]byte, 60)}
	b.ReportAllocs()
	for b.Loop() {
		p.Sequence++
		_ = there.Write(&p)
	}
}
