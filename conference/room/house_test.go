package room

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/conference/rtc"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/p2p/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var node = identity.TransportKey{7}

// lane dials a house in memory, as a node.
type lane struct{ h *House }

func (l lane) Dial(context.Context, identity.TransportKey, []string) (net.Conn, error) {
	here, there := net.Pipe()
	go l.h.ServeLane(node, there)
	return here, nil
}

func newHouse(t testing.TB, cfg HouseConfig) *House {
	t.Helper()
	cfg.LoopbackOnly, cfg.NoTCP = true, true
	h, err := NewHouse(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func newClient(t testing.TB) *rtc.Endpoint {
	t.Helper()
	e, err := rtc.Listen(rtc.Config{LoopbackOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// enter has a client's leg enter a room.
func enter(t testing.TB, h *House, e *rtc.Endpoint, room conference.RoomID, key conference.JoinKey) (*conference.Entry, error) {
	t.Helper()
	leg, offer, err := e.Offer(t.Context(), rtc.Shape{}, rtc.Ears{})
	if err != nil {
		t.Fatal(err)
	}
	entry, answer, err := conference.EnterRoom(t.Context(), lane{h}, conference.Mixer{}, room, key, offer)
	if err != nil {
		_ = leg.Close()
		return nil, err
	}
	if err := leg.Accept(answer); err != nil {
		t.Fatal(err)
	}
	return entry, nil
}

func ended(t testing.TB, e *conference.Entry) error {
	t.Helper()
	select {
	case <-e.Ended():
		return e.Err()
	case <-time.After(20 * time.Second):
		t.Fatal("goes on")
		return nil
	}
}

func TestWhoMayOpen(t *testing.T) {
	o := conference.Opening{Room: conference.RoomID{1}, Mode: conference.Mixed, Keys: []conference.KeyHash{{1}}}
	for _, tt := range []struct {
		name  string
		cfg   HouseConfig
		token string
		want  error
	}{
		{"nobody", HouseConfig{}, "", conference.ErrNotAllowed},
		{"everybody", HouseConfig{Open: true}, "", nil},
		{"with the token", HouseConfig{Tokens: []string{"a token of many letters", "another of as many ones"}}, "another of as many ones", nil},
		{"with a wrong token", HouseConfig{Tokens: []string{"a token of many letters"}}, "a token of many letterz", conference.ErrNotAllowed},
		{"this node", HouseConfig{Allow: []identity.TransportKey{node}}, "", nil},
		{"another node", HouseConfig{Allow: []identity.TransportKey{{8}}}, "", conference.ErrNotAllowed},
	} {
		h := newHouse(t, tt.cfg)
		o.Token = tt.token
		if err := conference.OpenRoom(t.Context(), lane{h}, conference.Mixer{}, o); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	h := newHouse(t, HouseConfig{Open: true, Rooms: 1})
	if err := errors.Join(h.open(node, &o), h.open(node, &o)); err != nil {
		t.Errorf("the same twice: %v", err)
	}
	other := o
	other.Owner = conference.KeyHash{9}
	if err := h.open(node, &other); !errors.Is(err, conference.ErrExists) {
		t.Errorf("somebody else's: %v", err)
	}
	other.Room = conference.RoomID{2}
	if err := h.open(node, &other); !errors.Is(err, conference.ErrFull) {
		t.Errorf("one more: %v", err)
	}
	h.sweep(time.Now().Add(time.Hour))
	if err := h.open(node, &other); err != nil {
		t.Errorf("after the empty one was closed: %v", err)
	}
}

func TestKeys(t *testing.T) {
	h, e := newHouse(t, HouseConfig{Open: true, RoomLegs: 2}), newClient(t)
	owner, a, b, c := conference.NewJoinKey(), conference.NewJoinKey(), conference.NewJoinKey(), conference.NewJoinKey()
	room := conference.NewRoomID()
	o := conference.Opening{Room: room, Mode: conference.Mixed, Owner: owner.Hash(), Keys: []conference.KeyHash{a.Hash(), b.Hash()}}
	if err := conference.OpenRoom(t.Context(), lane{h}, conference.Mixer{}, o); err != nil {
		t.Fatal(err)
	}
	if _, err := enter(t, h, e, room, c); !errors.Is(err, conference.ErrNoKey) {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := enter(t, h, e, conference.NewRoomID(), a); !errors.Is(err, conference.ErrNoKey) {
		t.Errorf("no such room: %v", err)
	}
	first, err := enter(t, h, e, room, a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := enter(t, h, e, room, a)
	if err != nil {
		t.Fatal(err)
	}
	if err := ended(t, first); !errors.Is(err, conference.ErrDropped) {
		t.Errorf("the older leg of a key: %v", err)
	}
	third, err := enter(t, h, e, room, b)
	if err != nil {
		t.Fatal(err)
	}
	admit := conference.Admit{Room: room, Add: []conference.KeyHash{c.Hash()}}
	if err := conference.AdmitTo(t.Context(), lane{h}, conference.Mixer{}, admit); !errors.Is(err, conference.ErrNoKey) {
		t.Errorf("not the owner: %v", err)
	}
	copy(admit.Owner[:], owner.AppendTo(nil))
	if err := conference.AdmitTo(t.Context(), lane{h}, conference.Mixer{}, admit); err != nil {
		t.Fatal(err)
	}
	if _, err := enter(t, h, e, room, c); !errors.Is(err, conference.ErrFull) {
		t.Errorf("a third of two: %v", err)
	}
	admit.Add, admit.Drop = nil, []conference.KeyHash{b.Hash()}
	if err := conference.AdmitTo(t.Context(), lane{h}, conference.Mixer{}, admit); err != nil {
		t.Fatal(err)
	}
	if err := ended(t, third); !errors.Is(err, conference.ErrDropped) {
		t.Errorf("thrown out: %v", err)
	}
	if _, err := enter(t, h, e, room, b); !errors.Is(err, conference.ErrNoKey) {
		t.Errorf("thrown out, and again: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(20 * time.Second); h.Stats().Legs > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("legs are left")
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.legs != 0 || h.bits != 0 {
		t.Errorf("%d legs, %d bits", h.legs, h.bits)
	}
}

// A proof for other fingerprints, or an offer with another certificate than the proof, does not enter.
func TestProof(t *testing.T) {
	h, e := newHouse(t, HouseConfig{Open: true}), newClient(t)
	key, room := conference.NewJoinKey(), conference.NewRoomID()
	if err := h.open(node, &conference.Opening{Room: room, Mode: conference.Mixed, Keys: []conference.KeyHash{key.Hash()}}); err != nil {
		t.Fatal(err)
	}
	_, offer, err := e.Offer(t.Context(), rtc.Shape{}, rtc.Ears{})
	if err != nil {
		t.Fatal(err)
	}
	own, err := conference.FingerprintOf(offer)
	if err != nil {
		t.Fatal(err)
	}
	for name, proof := range map[string][32]byte{
		"of another offer":  key.Proof(conference.Entering, conference.Fingerprint{1}, h.rtc.Fingerprint()),
		"of another answer": key.Proof(conference.Entering, own, conference.Fingerprint{1}),
		"of the other side": key.Proof(conference.Answering, own, h.rtc.Fingerprint()),
		"none":              {},
	} {
		conn, _ := lane{h}.Dial(t.Context(), node, nil)
		s := frame.New(conn, conference.AskSize, 5*time.Second)
		ask := func(a conference.Ask) *conference.Reply {
			b, _ := a.AppendTo(nil)
			_ = s.Write(b)
			b, err := s.Read()
			if err != nil {
				t.Fatal(err)
			}
			r, err := conference.ParseReply(b)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if r := ask(conference.Ask{Enter: &conference.Visit{Room: room}}); r.Welcome == nil {
			t.Fatalf("%+v", r)
		}
		prove := &conference.Prove{Proof: proof, Offer: offer}
		copy(prove.Key[:], key.AppendTo(nil))
		if r := ask(conference.Ask{Prove: prove}); r.Refused == nil || r.Refused.Why != conference.ErrNoKey {
			t.Errorf("%s: %+v", name, r)
		}
		_ = s.Close()
	}
}

func TestReload(t *testing.T) {
	token := "a token of many letters"
	cfg := HouseConfig{Fixed: []FixedRoom{{Name: "lobby", Token: token}, {Name: "stage", Token: token, Forward: true}}}
	h := newHouse(t, cfg)
	if s := h.Stats(); s.Fixed != 2 || s.Rooms != 0 {
		t.Errorf("%+v", s)
	}
	lobby := h.halls["lobby"]
	cfg.Fixed = []FixedRoom{{Name: "lobby", Token: "another token of many", Legs: 3}}
	h.Reload(cfg)
	if s := h.Stats(); s.Fixed != 1 || h.halls["lobby"] != lobby || lobby.most != 3 {
		t.Errorf("%+v", s)
	}
	if a, _ := h.opens("lobby", token); a != nil {
		t.Error("the old token opens")
	}
	if a, _ := h.opens("lobby", "another token of many"); a != lobby {
		t.Error("the new token does not open")
	}
	for _, bad := range []HouseConfig{
		{Legs: -1},
		{Tokens: []string{"short"}},
		{Fixed: []FixedRoom{{Name: "a b", Token: token}}},
		{Fixed: []FixedRoom{{Name: "lobby", Token: token}, {Name: "lobby", Token: token}}},
		{Fixed: []FixedRoom{{Name: "lobby"}}},
		{Fixed: []FixedRoom{{Name: conference.RoomID{1}.String(), Token: token}}},
	} {
		if err := bad.Check(); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

func TestHandler(t *testing.T) {
	token := "a token of many letters"
	h, e := newHouse(t, HouseConfig{Fixed: []FixedRoom{{Name: "lobby", Token: token, Legs: 1}}}), newClient(t)
	s := httptest.NewServer(h.Handler())
	defer s.Close()
	leg, offer, err := e.Offer(t.Context(), rtc.Shape{}, rtc.Ears{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, bearer, kind, body string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+bearer)
		r.Header.Set("Content-Type", kind)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		b, _ := io.ReadAll(a.Body)
		return a, string(b)
	}
	const sdp = "application/sdp"
	for _, tt := range []struct {
		name, method, path, bearer, kind, body string
		want                                   int
	}{
		{"no token", "POST", "/rooms/lobby/legs", "", sdp, offer, 401},
		{"a wrong token", "POST", "/rooms/lobby/legs", token + "x", sdp, offer, 401},
		{"no such room", "POST", "/rooms/cellar/legs", token, sdp, offer, 401},
		{"not SDP", "POST", "/rooms/lobby/legs", token, "text/plain", offer, 415},
		{"malformed", "POST", "/rooms/lobby/legs", token, sdp, "hello", 400},
		{"large", "POST", "/rooms/lobby/legs", token, sdp, offer + strings.Repeat("x", conference.SDPSize), 413},
		{"another method", "GET", "/rooms/lobby/legs", token, sdp, "", 405},
		{"elsewhere", "POST", "/rooms", token, sdp, "", 404},
		{"no such leg", "DELETE", "/rooms/lobby/legs/00", token, "", "", 404},
		{"preflight", "OPTIONS", "/rooms/lobby/legs", "", "", "", 204},
	} {
		a, body := ask(tt.method, tt.path, tt.bearer, tt.kind, tt.body)
		if a.StatusCode != tt.want {
			t.Errorf("%s: got %d %s, want %d", tt.name, a.StatusCode, body, tt.want)
		}
		if a.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: no page may ask", tt.name)
		}
		if strings.Contains(body, token) {
			t.Errorf("%s: says the token", tt.name)
		}
	}
	a, answer := ask("POST", "/rooms/lobby/legs", token, sdp, offer)
	if a.StatusCode != 201 || a.Header.Get("Content-Type") != sdp || !strings.HasPrefix(a.Header.Get("Location"), "/rooms/lobby/legs/") {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	if err := leg.Accept(answer); err != nil {
		t.Fatal(err)
	}
	if a, _ := ask("POST", "/rooms/lobby/legs", token, sdp, offer); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
		t.Errorf("one leg more: %d", a.StatusCode)
	}
	if a, _ := ask("DELETE", a.Header.Get("Location"), token, "", ""); a.StatusCode != 204 {
		t.Errorf("leaving: %d", a.StatusCode)
	}
	for deadline := time.Now().Add(20 * time.Second); h.rtc.Legs() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the leg is left")
		}
	}
	if s := h.Stats(); s.Entered != 1 || s.Left["left"] != 1 || s.Refused["no key"] != 3 || s.Refused["full"] != 1 {
		t.Errorf("%+v", s)
	}
	http.DefaultClient.CloseIdleConnections()
}

// A stream that says nonsense, or nothing, or too much, is closed, and nothing is left of it.
func TestHostileLane(t *testing.T) {
	h := newHouse(t, HouseConfig{Open: true})
	for name, b := range map[string][]byte{
		"nonsense":     []byte("\x05hello"),
		"too much":     {0xff, 0xff, 0xff, 0x7f},
		"not an ask":   {1, 0xa0},
		"cut":          {100, 1, 2},
		"a leg's talk": append([]byte{6}, 0xa1, 5, 0xa1, 1, 0x61, 'x'),
	} {
		conn, _ := lane{h}.Dial(t.Context(), node, nil)
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		go func() {
			_, _ = conn.Write(b)
			if name == "cut" {
				_ = conn.Close()
			}
		}()
		if got, err := io.ReadAll(conn); err != nil && name != "cut" {
			t.Errorf("%s: %x, %v", name, got, err)
		}
		_ = conn.Close()
	}
}

// Run lets those that are in finish, and nobody in.
func TestRun(t *testing.T) {
	token := "a token of many letters"
	h, e := newHouse(t, HouseConfig{Fixed: []FixedRoom{{Name: "lobby", Token: token}}}), newClient(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() {
		h.Run(ctx, 200*time.Millisecond)
		close(done)
	}()
	hall, key := h.opens("lobby", token)
	_, offer, err := e.Offer(t.Context(), rtc.Shape{}, rtc.Ears{})
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := h.join(t.Context(), hall, key, offer)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	<-done
	if !errors.Is(s.leg.Err(), conference.ErrClosing) && !errors.Is(s.leg.Err(), rtc.ErrClosed) {
		t.Errorf("ended for %v", s.leg.Err())
	}
	if _, _, err := h.join(t.Context(), hall, key, offer); !errors.Is(err, conference.ErrClosing) {
		t.Errorf("after the end: %v", err)
	}
}
