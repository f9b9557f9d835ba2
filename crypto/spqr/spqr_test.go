package spqr

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/internal/skipped"
)

// side is one end of a ratchet under test, and what it sent.
type side struct {
	state *State
	sent  []sentMessage
	taken map[int]bool // messages of the other side that it received
}

type sentMessage struct {
	bytes []byte
	key   [32]byte
}

func pair() [2]*side {
	secret := [32]byte{1, 2, 3}
	return [2]*side{
		{state: New(&secret, true), taken: map[int]bool{}},
		{state: New(&secret, false), taken: map[int]bool{}},
	}
}

type tester interface {
	Helper()
	Fatalf(string, ...any)
}

// stored returns the state as it comes back from storage.
func stored(t tester, s *State) *State {
	t.Helper()
	b := s.AppendTo(nil)
	next, err := Parse(b)
	if err != nil {
		t.Fatalf("a stored state (%v of epoch %d) does not come back: %v", s.Phase(), s.Epoch(), err)
	}
	if again := next.AppendTo(nil); !bytes.Equal(again, b) {
		t.Fatalf("a stored state comes back as another:\n%x\n%x", b, again)
	}
	return next
}

func (s *side) send(t tester) int {
	t.Helper()
	before := s.state.AppendTo(nil)
	next, out, key, err := s.state.Send()
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	if !bytes.Equal(s.state.AppendTo(nil), before) {
		t.Fatalf("Send changed the old state")
	}
	s.state = stored(t, next)
	s.sent = append(s.sent, sentMessage{out, key})
	return len(s.sent) - 1
}

// receive gives message i of the other side to s and checks that the key is right, once.
func (s *side) receive(t tester, from *side, i int) {
	t.Helper()
	before := s.state.AppendTo(nil)
	next, key, err := s.state.Receive(from.sent[i].bytes)
	if !bytes.Equal(s.state.AppendTo(nil), before) {
		t.Fatalf("Receive changed the old state")
	}
	if s.taken[i] {
		if err == nil {
			t.Fatalf("message %d gives its key twice", i)
		}
		return
	}
	if err != nil {
		t.Fatalf("message %d: %v", i, err)
	}
	if key != from.sent[i].key {
		t.Fatalf("message %d has another key", i)
	}
	s.taken[i], s.state = true, stored(t, next)
}

// TestBothSidesAgree plays random conversations with loss, reordering and repetition, stores and loads the state at each
// step, and then lets both talk in turn until the epoch turns.
func TestBothSidesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sides := pair()
		var wire [2][]int // on the way to the other side
		for range rapid.IntRange(0, 300).Draw(t, "events") {
			who := rapid.IntRange(0, 1).Draw(t, "who")
			from, to := sides[who], sides[1-who]
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1:
				wire[who] = append(wire[who], from.send(t))
			case 2: // the oldest arrives
				if len(wire[who]) > 0 {
					to.receive(t, from, wire[who][0])
					wire[who] = wire[who][1:]
				}
			case 3: // any arrives, and perhaps stays on the way
				if n := len(wire[who]); n > 0 {
					// Of the last messages only: those of an epoch before the last are gone by design.
					i := n - 1 - rapid.IntRange(0, min(n, 8)-1).Draw(t, "which")
					m := wire[who][i]
					to.receive(t, from, m)
					if rapid.Bool().Draw(t, "once") {
						wire[who] = append(wire[who][:i:i], wire[who][i+1:]...)
					}
				}
			case 4: // the oldest is lost
				if len(wire[who]) > 0 {
					wire[who] = wire[who][1:]
				}
			}
		}
		epochs := [2]uint64{sides[0].state.Epoch(), sides[1].state.Epoch()}
		for range 120 {
			for who := range sides {
				sides[1-who].receive(t, sides[who], sides[who].send(t))
			}
		}
		for who, s := range sides {
			if s.state.Epoch() <= epochs[who] {
				t.Fatalf("120 rounds in peace, and epoch %d does not turn (%v)", s.state.Epoch(), s.state.Phase())
			}
		}
	})
}

// TestEpochSpeed holds what an epoch takes when nothing is lost, and that the secrets keep coming.
func TestEpochSpeed(t *testing.T) {
	sides := pair()
	rounds := 0
	for ; sides[0].state.Epoch() < 5; rounds++ {
		for who := range sides {
			sides[1-who].receive(t, sides[who], sides[who].send(t))
		}
		if rounds > 1000 {
			t.Fatalf("after %d rounds: epoch %d", rounds, sides[0].state.Epoch())
		}
	}
	if per := rounds / 4; per < 40 || per > 80 {
		t.Errorf("an epoch takes %d rounds", per)
	}
	for _, s := range sides {
		if n := len(s.state.chains.links); n > maxLinks {
			t.Errorf("%d epochs are held", n)
		}
		for _, l := range s.state.chains.links {
			if l.epoch < s.state.chains.sendEpoch && l.send.next != [32]byte{} {
				t.Errorf("the sending key of epoch %d is still there", l.epoch)
			}
		}
	}
}

// TestLimits holds the limits of one chain: what is too far, and what is kept.
func TestLimits(t *testing.T) {
	const jump, keep = skipped.MaxJump, skipped.Max
	sides := pair()
	a, b := sides[0], sides[1]
	for range jump + 1 {
		next, out, key, err := a.state.Send()
		if err != nil {
			t.Fatal(err)
		}
		a.state, a.sent = next, append(a.sent, sentMessage{out, key})
	}
	if _, _, err := b.state.Receive(a.sent[jump].bytes); !errors.Is(err, ErrTooFar) {
		t.Errorf("message %d of a fresh chain: got %v, want %v", jump, err, ErrTooFar)
	}
	b.receive(t, a, jump-1)
	b.receive(t, a, jump-1-keep)
	if _, _, err := b.state.Receive(a.sent[jump-2-keep].bytes); !errors.Is(err, ErrDuplicate) {
		t.Errorf("%d messages late: got %v, want %v", keep+1, err, ErrDuplicate)
	}
	if _, _, err := b.state.Receive(a.sent[jump-1].bytes); !errors.Is(err, ErrDuplicate) {
		t.Errorf("a repeated message: got %v, want %v", err, ErrDuplicate)
	}
	if n := len(b.state.AppendTo(nil)); n > MaxState {
		t.Errorf("stored: %d bytes", n)
	}
}

// TestMessageGolden pins the bytes of each kind of message.
func TestMessageGolden(t *testing.T) {
	data := [chunkSize]byte{0xaa, 31: 0xbb}
	const chunk = "aa000000000000000000000000000000000000000000000000000000000000bb"
	tests := []struct {
		name string
		m    message
		want string
	}{
		{"none", message{epoch: 1, index: 1}, "01010100"},
		{"header", message{epoch: 1, index: 2, kind: kindHdr, data: data}, "0101020100" + chunk},
		{"vector", message{epoch: 300, index: 1, kind: kindVector, chunk: 35, data: data}, "01ac02010223" + chunk},
		{"vector and ack", message{epoch: 2, index: 70000, kind: kindAck, chunk: 128, data: data}, "0102f0a204038001" + chunk},
		{"ack", message{epoch: 2, index: 1, kind: kindCt1Ack}, "01020104"},
		{"ct1", message{epoch: 2, index: 1, kind: kindCt1, chunk: 65535, data: data}, "01020105ffff03" + chunk},
		{"ct2", message{epoch: 1<<64 - 1, index: maxIndex, kind: kindCt2, chunk: 65535, data: data}, "01ffffffffffffffffff01feffffff0f06ffff03" + chunk},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.m.appendTo(nil)
			if got := hex.EncodeToString(b); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got, err := parseMessage(b); err != nil || got != tt.m {
				t.Errorf("read as %+v, %v", got, err)
			}
			if got, err := parseMessage(append(b, 1, 2, 3)); err != nil || got != tt.m {
				t.Errorf("what follows is not ignored: %+v, %v", got, err)
			}
		})
	}
}

// TestMessageRefused has one fault per row.
func TestMessageRefused(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     error
	}{
		{"empty", "", ErrMessage},
		{"version 0", "00010100", ErrVersion},
		{"version 2", "02010100", ErrVersion},
		{"version alone", "01", ErrMessage},
		{"epoch 0", "01000100", ErrMessage},
		{"index 0", "01010000", ErrMessage},
		{"index of 33 bits", "0101808080801000", ErrMessage},
		{"last index", "0101ffffffff0f00", ErrMessage},
		{"epoch of 65 bits", "01ffffffffffffffffff020100", ErrMessage},
		{"long epoch", "0181000100", ErrMessage},
		{"unknown kind", "01010107", ErrMessage},
		{"no kind", "010101", ErrMessage},
		{"no chunk", "01010101", ErrMessage},
		{"chunk of 17 bits", "010101018080048000", ErrMessage},
		{"chunk cut", "0101010100aa", ErrMessage},
	} {
		b, err := hex.DecodeString(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseMessage(b); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := parseMessage(append([]byte{1, 1, 1, 0}, make([]byte, MaxMessage)...)); !errors.Is(err, ErrMessage) {
		t.Errorf("oversize: got %v", err)
	}
}

// TestReceiveRefused holds that what the machine cannot take fails, and changes nothing.
func TestReceiveRefused(t *testing.T) {
	sides := pair()
	a, b := sides[0], sides[1]
	for range 3 {
		a.send(t)
	}
	ahead := message{epoch: 2, index: 1}
	flipped := bytes.Clone(a.sent[2].bytes)
	flipped[len(flipped)-1] ^= 1 // the last chunk of header and MAC
	b.receive(t, a, 0)
	b.receive(t, a, 1)
	for _, tt := range []struct {
		name string
		in   []byte
		want error
	}{
		{"an epoch ahead", ahead.appendTo(nil), ErrEpoch},
		{"header with a wrong MAC", flipped, ErrAuthentication},
		{"empty", nil, ErrMessage},
	} {
		before := b.state.AppendTo(nil)
		if _, _, err := b.state.Receive(tt.in); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if !bytes.Equal(b.state.AppendTo(nil), before) {
			t.Errorf("%s changed the state", tt.name)
		}
	}
	b.receive(t, a, 2)
	if b.state.Phase() != HeaderReceived {
		t.Errorf("after the right header: %v", b.state.Phase())
	}
}

// TestDamagedExchange flips a bit in the last needed chunk of each part and holds that it is noticed.
func TestDamagedExchange(t *testing.T) {
	for _, tt := range []struct {
		name    string
		before  []Phase // of the receiver, before the chunk that completes the part
		damaged []kind
	}{
		{"vector", []Phase{Ct1Sampled, Ct1Acknowledged}, []kind{kindVector, kindAck}},
		{"ciphertext", []Phase{EkSentCt1Received}, []kind{kindCt2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sides := pair()
			noticed := false
			for range 200 {
				for who := range sides {
					from, to := sides[who], sides[1-who]
					i := from.send(t)
					m, err := parseMessage(from.sent[i].bytes)
					if err != nil {
						t.Fatal(err)
					}
					in := to.state.exchange.in
					last := len(in.points) == in.need-1
					if last && slices.Contains(tt.before, to.state.Phase()) && slices.Contains(tt.damaged, m.kind) {
						m.data[5] ^= 1
						if _, _, err := to.state.Receive(m.appendTo(nil)); !errors.Is(err, ErrAuthentication) {
							t.Fatalf("got %v, want %v", err, ErrAuthentication)
						}
						noticed = true
					}
					to.receive(t, from, i)
				}
			}
			if !noticed {
				t.Fatal("the part never came")
			}
		})
	}
}

// TestStateGolden pins a stored state of this version, of both sides and with keys skipped.
func TestStateGolden(t *testing.T) {
	secret := [32]byte{9}
	b := New(&secret, false)
	for _, want := range []struct{ name, want string }{{"fresh", goldenFresh}, {"later", goldenLater}} {
		if want.name == "later" {
			var err error
			m := message{epoch: 1, index: 3, kind: kindHdr, chunk: 2, data: [chunkSize]byte{1, 2}}
			if b, _, err = b.Receive(m.appendTo(nil)); err != nil {
				t.Fatal(err)
			}
		}
		if got := hex.EncodeToString(b.AppendTo(nil)); got != want.want {
			t.Errorf("%s: got %s, want %s", want.name, got, want.want)
		}
	}
}

const (
	goldenFresh = "0108001005180122207c19faaed413f0942abce5de52fae4d26580aba3cde238f34e23162a535776a52a20cc6a98fb0acda317eebda84eae165e511196026f0171ab6ff2304e0afb2656756a0072203947e1d91b560c98f5e9bd2fa7e2e35503417edca1e1eb9f1ddec14baec83fb5780082014c080010001a2048641878aebce1c274ed89fc4d7252e37c0a8ee39de3f45b704889152ef0619a20002a20ec16d996365ae6077dda19e260e2f4b330f0002019e5dfb5c70993bc957ad2193200"
	goldenLater = "0108001005180122207c19faaed413f0942abce5de52fae4d26580aba3cde238f34e23162a535776a52a20cc6a98fb0acda317eebda84eae165e511196026f0171ab6ff2304e0afb2656756a220002010200000000000000000000000000000000000000000000000000000000000072203947e1d91b560c98f5e9bd2fa7e2e35503417edca1e1eb9f1ddec14baec83fb5780082019401080010001a2048641878aebce1c274ed89fc4d7252e37c0a8ee39de3f45b704889152ef0619a20032a208df5b124bee37c375d0d2dbeea8bf540971e90035073548852500be2d87614373248000000015ed298b4015194d52a5ae881de68d8eb8dff895be171bd6f207b2ebd8e8b4d6a00000002030cc6cd7c92c3a7152a8736f2396b756e42454efa13e195f2b9beb1d6bb1667"
)

// TestStateRefused breaks what must agree in a state, one thing per row.
func TestStateRefused(t *testing.T) {
	build := func() *State {
		sides := pair()
		for range 50 {
			for who := range sides {
				sides[1-who].receive(t, sides[who], sides[who].send(t))
			}
		}
		return sides[0].state
	}
	for name, change := range map[string]func(*State){
		"epoch 0":               func(s *State) { s.exchange.epoch = 0 },
		"next epoch":            func(s *State) { s.exchange.epoch++ },
		"role":                  func(s *State) { s.chains.initiator = !s.chains.initiator },
		"no links":              func(s *State) { s.chains.links = nil },
		"too many links":        func(s *State) { s.chains.links = append(s.chains.links, s.chains.links...) },
		"links apart":           func(s *State) { s.chains.links[0].epoch += 7 },
		"sending epoch":         func(s *State) { s.chains.sendEpoch += 2 },
		"last sending index":    func(s *State) { s.chains.links[0].send.index = maxIndex + 1 },
		"last receiving index":  func(s *State) { s.chains.links[0].recv.index = maxIndex + 1 },
		"skipped from nowhere":  func(s *State) { s.chains.links[0].late = s.chains.links[1].late },
		"points of one index":   func(s *State) { s.exchange.in.points = []point{{}, {}} },
		"message of wrong size": func(s *State) { s.exchange.out.message = s.exchange.out.message[:32] },
	} {
		s := build()
		before := s.AppendTo(nil)
		change(s)
		b := s.AppendTo(nil)
		if bytes.Equal(b, before) {
			continue // this change does not show in this phase
		}
		if _, err := Parse(b); !errors.Is(err, ErrState) {
			t.Errorf("%s: got %v, want %v", name, err, ErrState)
		}
	}
	for name, b := range map[string][]byte{
		"empty": nil, "version": {2}, "no fields": {1}, "oversize": make([]byte, MaxState+1),
	} {
		if _, err := Parse(b); !errors.Is(err, ErrState) {
			t.Errorf("%s: got %v, want %v", name, err, ErrState)
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	s := pair()[0].state
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if out := fmt.Sprintf(verb, s) + fmt.Sprintf(verb, *s); out != "spqr.Statespqr.State" {
			t.Errorf("%s prints %s", verb, out)
		}
	}
}

func FuzzReceive(f *testing.F) {
	sides := pair()
	for range 45 {
		for who := range sides {
			sides[1-who].receive(f, sides[who], sides[who].send(f))
		}
	}
	for _, s := range sides {
		for _, m := range s.sent {
			f.Add(m.bytes)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range sides {
			if next, _, err := s.state.Receive(b); err == nil {
				stored(t, next)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	sides := pair()
	for range 60 {
		for who := range sides {
			sides[1-who].receive(f, sides[who], sides[who].send(f))
			f.Add(sides[who].state.AppendTo(nil))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(s.AppendTo(nil), b) {
			t.Errorf("%x is written %x", b, s.AppendTo(nil))
		}
		next, out, _, err := s.Send()
		if err == nil {
			stored(t, next)
			_, _, _ = s.Receive(out)
		}
	})
}
