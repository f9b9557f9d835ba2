package headless_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/conference/headless"
	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/opus"
	"github.com/linnetmesh/linnet/conference/room"
	"github.com/linnetmesh/linnet/conference/rtc"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/sframe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipes is a lane to a house, in memory.
type pipes struct {
	house *room.House
	calls sync.WaitGroup
}

func (p *pipes) Dial(context.Context, identity.TransportKey, []string) (net.Conn, error) {
	here, there := net.Pipe()
	p.calls.Go(func() { p.house.ServeLane(identity.TransportKey{1}, there) })
	return here, nil
}

func house(t *testing.T, cfg room.HouseConfig) (*room.House, *pipes) {
	t.Helper()
	cfg.LoopbackOnly = true
	h, err := room.NewHouse(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := &pipes{house: h}
	t.Cleanup(func() {
		_ = h.Close()
		p.calls.Wait()
	})
	return h, p
}

func endpoint(t *testing.T) *rtc.Endpoint {
	t.Helper()
	e, err := rtc.Listen(rtc.Config{LoopbackOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// attend runs participants until the test ends, and waits until media flow for all.
func attend(t *testing.T, cfgs ...headless.Config) []*headless.Participant {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
	var all []*headless.Participant
	ready := make(chan bool, 100)
	for _, cfg := range cfgs {
		cfg.Endpoint, cfg.Record = endpoint(t), true
		if cfg.Up == nil {
			cfg.Up = func(up bool) { ready <- up }
		}
		p := headless.New(cfg)
		all = append(all, p)
		group.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for range cfgs {
		select {
		case <-ready:
		case <-time.After(20 * time.Second):
			t.Fatal("not all came in")
		}
	}
	return all
}

func openRoom(t *testing.T, lane conference.Lane, mode conference.Mode, n int) (conference.RoomID, []conference.JoinKey) {
	t.Helper()
	o := conference.Opening{Room: conference.NewRoomID(), Mode: mode, Owner: conference.NewJoinKey().Hash()}
	var keys []conference.JoinKey
	for range n {
		keys = append(keys, conference.NewJoinKey())
		o.Keys = append(o.Keys, keys[len(keys)-1].Hash())
	}
	if err := conference.OpenRoom(t.Context(), lane, conference.Mixer{}, o); err != nil {
		t.Fatal(err)
	}
	return o.Room, keys
}

// waitHeard waits until everybody has heard so much since they began.
func waitHeard(t *testing.T, all []*headless.Participant, d time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(d + 30*time.Second); ; {
		least := math.MaxInt
		for _, p := range all {
			least = min(least, p.HeardSamples())
		}
		if least >= int(d.Seconds()*48000) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("time stands still")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// understands waits until a participant has understood what another says again and again. On a machine with much else to do
// a try may fail, since nobody could understand a voice with so many gaps. Under the race detector, which makes coding ten
// times as slow, it is enough that the voice is there: that it is understood is shown without.
func understands(t *testing.T, p *headless.Participant, said []float32, loop time.Duration) {
	t.Helper()
	best, enough := 0.0, 0.75
	if raceEnabled {
		enough = 0.5
	}
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); {
		from := p.HeardSamples()
		waitHeard(t, []*headless.Participant{p}, time.Duration(from)*time.Second/48000+loop+2500*time.Millisecond)
		heard := p.Heard(max(from-48000, 0))
		likeness, later := hearing.Likeness(said, heard, int((loop+time.Second).Seconds()*48000))
		if best = max(best, likeness); likeness >= enough {
			t.Logf("likeness %.3f, %d samples later", likeness, later)
			return
		}
	}
	t.Errorf("understood nothing: %.2f", best)
}

// Two talk in turn through a mixer, one over the lane and one over HTTP: each is understood by the other.
func TestHeard(t *testing.T) {
	t.Parallel()
	h, lane := house(t, room.HouseConfig{Open: true})
	web := httptest.NewServer(h.Handler())
	defer web.Close()
	id, keys := openRoom(t, lane, conference.Mixed, 2)
	a, b := hearing.Speech(0)[:2*48000], hearing.Speech(1)[:2*48000]
	pause := make([]float32, 48000/2)
	quiet := make([]float32, len(a)+len(pause))
	all := attend(t,
		headless.Config{Way: headless.ByLane{Lane: lane, Room: id, Key: keys[0]}, Play: append(append(pause, a...), quiet...), Loop: true, DTX: true},
		headless.Config{
			Way:  headless.ByHTTP{URL: web.URL + "/rooms/" + id.String() + "/legs", Bearer: keys[1].Bearer()},
			Play: append(append(quiet, pause...), b...), Loop: true, DTX: true,
		})
	loop := time.Duration(len(a)+2*len(pause)+len(b)) * time.Second / 48000
	understands(t, all[0], b, loop)
	understands(t, all[1], a, loop)
	for i, said := range [][]float32{a, b} {
		if own, _ := hearing.Likeness(said, all[i].Heard(0), int(loop.Seconds()*48000)); own > 0.65 {
			t.Errorf("%d hears itself: %.2f", i, own)
		}
	}
}

// chirps is a tone that comes and goes, since a steady one is no voice to a codec.
func chirps(hz float64, length time.Duration) []float32 {
	s := make([]float32, int(length.Seconds()*48000))
	for i := range s {
		t := float64(i) / 48000
		s[i] = float32(0.25 * math.Sin(2*math.Pi*hz*t) * (0.6 + 0.4*math.Sin(2*math.Pi*4*t)))
	}
	return s
}

// Three sound different tones at once: each hears the two others, and not itself.
func TestMixMinus(t *testing.T) {
	t.Parallel()
	_, lane := house(t, room.HouseConfig{Open: true})
	id, keys := openRoom(t, lane, conference.Mixed, 3)
	tones := []float64{500, 800, 1300}
	var cfgs []headless.Config
	for i, hz := range tones {
		cfgs = append(cfgs, headless.Config{
			Way: headless.ByLane{Lane: lane, Room: id, Key: keys[i]}, Play: chirps(hz, 2*time.Second), Loop: true,
		})
	}
	all := attend(t, cfgs...)
	// On a slow machine a voice may be away for a while, but nobody ever hears their own. Under the race detector none is ever whole.
	present := -30.0
	if raceEnabled {
		present = -50
	}
	for deadline := time.Now().Add(60 * time.Second); ; {
		from := make([]int, len(all))
		for i, p := range all {
			from[i] = p.HeardSamples() + 24000
		}
		waitHeard(t, all, time.Duration(max(from[0], from[1], from[2])+48000)*time.Second/48000)
		missing := ""
		for i, p := range all {
			heard := p.Heard(from[i])
			for j, hz := range tones {
				switch got := hearing.ToneLevel(heard, hz); {
				case i == j && got > -40:
					t.Fatalf("%d hears itself at %.0f dB", i, got)
				case i != j && got < present:
					missing += fmt.Sprintf("%d hears %d at %.0f dB. ", i, j, got)
				}
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(missing)
		}
	}
}

// A forwarding room carries sealed frames: members hear; a member without the key hears nothing; the frames as the room has
// them, played as Opus, are no speech. A member is removed: there is a new key, and it hears nothing more, though its leg
// stays and everything still comes to it.
func TestSealed(t *testing.T) {
	t.Parallel()
	_, lane := house(t, room.HouseConfig{Open: true})
	id, keys := openRoom(t, lane, conference.Forward, 4)
	newSender := func(number uint64) *sframe.Sender {
		s, err := sframe.NewSender(sframe.Suite(4), number)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	var sender atomic.Pointer[sframe.Sender]
	sender.Store(newSender(1))
	said := hearing.Speech(2)[:2*48000]
	seal := func(dst, frame []byte) ([]byte, error) { return sender.Load().Seal(dst, frame, nil) }
	type member struct {
		mu     sync.Mutex
		keys   sframe.Receiver
		opened int
		sealed [][]byte // that it could not open
	}
	open := func(m *member) func(dst, sealed []byte) ([]byte, error) {
		return func(dst, sealed []byte) ([]byte, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			b, _, err := m.keys.Open(dst, sealed, nil)
			if err == nil {
				m.opened++
			} else {
				m.sealed = append(m.sealed, bytes.Clone(sealed))
			}
			return b, err
		}
	}
	tell := func(m *member) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if err := m.keys.Add(sender.Load().Key()); err != nil {
			t.Error(err)
		}
	}
	counts := func(m *member) (opened, sealed int) {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.opened, len(m.sealed)
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal(what)
			}
		}
	}
	var stays, removed, stranger member
	tell(&stays)
	tell(&removed)
	way := func(i int) headless.Way { return headless.ByLane{Lane: lane, Room: id, Key: keys[i]} }
	all := attend(t,
		headless.Config{Way: way(0), Play: said, Loop: true, Seal: seal, Voices: 2},
		headless.Config{Way: way(1), Open: open(&stays), Voices: 2, DTX: true},
		headless.Config{Way: way(2), Open: open(&removed), Voices: 2, DTX: true},
		headless.Config{Way: way(3), Open: open(&stranger), Voices: 2, DTX: true})
	understands(t, all[1], said, 2*time.Second)
	until("a member opens nothing", func() bool { opened, _ := counts(&removed); return opened > 50 })
	until("nothing comes to the stranger", func() bool { _, sealed := counts(&stranger); return sealed > 150 })
	for _, v := range all[3].Heard(0) {
		if v != 0 {
			t.Fatal("who has no key hears something")
		}
	}
	d, err := opus.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	var sound []float32
	pcm := make([]float32, opus.MaxFrame)
	stranger.mu.Lock()
	frames := stranger.sealed[:150:150]
	stranger.mu.Unlock()
	for _, frame := range frames {
		n, err := d.Decode(frame, pcm)
		if err != nil {
			n = 0
			clear(pcm)
		}
		sound = append(sound, pcm[:max(n, opus.Frame)]...)
	}
	if likeness, _ := hearing.Likeness(said[:48000], sound, 2*48000); likeness > 0.6 {
		t.Errorf("sealed frames sound like speech: %.2f", likeness)
	}

	sender.Store(newSender(2))
	tell(&stays)
	before, _ := counts(&stays)
	until("a member cannot open with the new key", func() bool { opened, _ := counts(&stays); return opened > before+100 })
	opened, sealed := counts(&removed)
	from := all[2].HeardSamples() + 24000 // what is concealed of the last that it could open
	until("nothing comes to who was removed", func() bool { _, n := counts(&removed); return n > sealed+50 })
	waitHeard(t, all[2:3], time.Duration(from+24000)*time.Second/48000)
	if n, _ := counts(&removed); n != opened {
		t.Errorf("who was removed opened %d frames more", n-opened)
	}
	for _, v := range all[2].Heard(from) {
		if v != 0 {
			t.Fatal("who was removed still hears")
		}
	}
}

// The mixer restarts: participants notice, enter again, and hear each other again.
func TestRestart(t *testing.T) {
	t.Parallel()
	key := conference.NewJoinKey().Bearer()
	cfg := room.HouseConfig{Fixed: []room.FixedRoom{{Name: "lobby", Token: key}}}
	h, _ := house(t, cfg)
	web := httptest.NewServer(h.Handler())
	address := web.Listener.Addr().String()
	way := headless.ByHTTP{URL: "http://" + address + "/rooms/lobby/legs", Bearer: key}
	said := hearing.Speech(0)[:2*48000]
	all := attend(t, headless.Config{Way: way, Play: said, Loop: true}, headless.Config{Way: way})
	waitHeard(t, all, time.Second)
	web.Close()
	_ = h.Close()

	cfg.LoopbackOnly = true
	again, err := room.NewHouse(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	web = &httptest.Server{Listener: l, Config: httptest.NewUnstartedServer(again.Handler()).Config}
	web.Start()
	defer web.Close()
	for deadline := time.Now().Add(30 * time.Second); again.Stats().Legs < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("they do not come back")
		}
	}
	understands(t, all[1], said, 2*time.Second)
	if _, entries := all[1].Counts(); entries < 2 {
		t.Errorf("entered %d times", entries)
	}
}

// The data channel says who is there, and who speaks; who mutes is not heard, whatever it sends.
func TestNotices(t *testing.T) {
	t.Parallel()
	_, lane := house(t, room.HouseConfig{Open: true})
	id, keys := openRoom(t, lane, conference.Mixed, 2)
	type told struct {
		You  uint32
		Legs []struct {
			Leg                   uint32
			Speaking, Muted, Hand bool
		}
	}
	notices := make(chan told, 1000)
	all := attend(t,
		headless.Config{Way: headless.ByLane{Lane: lane, Room: id, Key: keys[0]}, Play: chirps(500, time.Second), Loop: true},
		headless.Config{Way: headless.ByLane{Lane: lane, Room: id, Key: keys[1]}, Notice: func(b []byte) {
			var n told
			if json.Unmarshal(b, &n) == nil {
				notices <- n
			}
		}})
	until := func(what string, ok func(n told) bool) {
		t.Helper()
		for timeout := time.After(20 * time.Second); ; {
			select {
			case n := <-notices:
				if ok(n) {
					return
				}
			case <-timeout:
				t.Fatalf("never told %s", what)
			}
		}
	}
	other := func(n told, is func(speaking, muted, hand bool) bool) bool {
		for _, l := range n.Legs {
			if l.Leg != n.You && is(l.Speaking, l.Muted, l.Hand) {
				return true
			}
		}
		return false
	}
	until("who speaks", func(n told) bool { return other(n, func(s, _, _ bool) bool { return s }) })
	if err := all[0].Tell([]byte(`{"muted":true,"hand":true}`)); err != nil {
		t.Fatal(err)
	}
	until("who is mute", func(n told) bool { return other(n, func(s, m, h bool) bool { return m && h && !s }) })
}

func TestFiles(t *testing.T) {
	t.Parallel()
	said := hearing.Speech(1)[:2*48000]
	for _, name := range []string{"a.wav", "a.ogg"} {
		file := filepath.Join(t.TempDir(), name)
		if err := headless.WriteFile(file, said); err != nil {
			t.Fatal(err)
		}
		back, err := headless.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := len(back) - len(said); d < 0 || d > 960 {
			t.Errorf("%s: %d samples, said %d", name, len(back), len(said))
		}
		if likeness, _ := hearing.Likeness(said, back, 4800); likeness < 0.95 {
			t.Errorf("%s: %.2f", name, likeness)
		}
	}
	for name, b := range map[string]string{
		"empty": "", "noise": "noise noise noise noise", "cut": "RIFF\x00\x00\x00\x00WAVEfmt ",
		"ogg": "OggS", "8 bits": wav(1, 8000, 8), "no rate": wav(1, 0, 16), "no channels": wav(0, 8000, 16),
	} {
		file := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(file, []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := headless.ReadFile(file); !errors.Is(err, headless.ErrFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	file := filepath.Join(t.TempDir(), "stereo")
	_ = os.WriteFile(file, []byte(wav(2, 24000, 16)+"\x00\x40\x00\x40\x00\x40\x00\x00"), 0o600)
	got, err := headless.ReadFile(file)
	if diff := cmp.Diff([]float32{0.5, 0.375, 0.25, 0.25}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func wav(channels, rate, bits int) string {
	le := func(n, size int) string {
		return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}[:size])
	}
	return "RIFF\x00\x00\x00\x00WAVEfmt " + le(16, 4) + le(1, 2) + le(channels, 2) + le(rate, 4) + le(0, 4) + le(0, 2) + le(bits, 2) +
		"data" + le(8, 4)
}

// FuzzReadFile holds that no file panics or takes memory without bound.
func FuzzReadFile(f *testing.F) {
	dir := f.TempDir()
	for _, name := range []string{"a.wav", "a.ogg"} {
		if err := headless.WriteFile(filepath.Join(dir, name), hearing.Speech(0)[:4800]); err != nil {
			f.Fatal(err)
		}
		b, _ := os.ReadFile(filepath.Join(dir, name))
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = headless.ReadFile(file)
	})
}
