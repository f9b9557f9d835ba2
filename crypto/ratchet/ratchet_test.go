package ratchet

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/internal/pb"
	"github.com/linnetmesh/linnet/crypto/internal/skipped"
	"github.com/linnetmesh/linnet/crypto/pqxdh"
	"github.com/linnetmesh/linnet/crypto/spqr"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

type tester interface {
	Helper()
	Fatalf(string, ...any)
}

// pair returns both ends of a fresh session.
func pair(t tester) (a, b *State) {
	t.Helper()
	secrets := pqxdh.Secrets{Root: [32]byte{1}, Chain: [32]byte{2}, PQ: [32]byte{3}}
	prekey, ia, ib := xeddsa.GenerateKey(), xeddsa.GenerateKey().Public(), xeddsa.GenerateKey().Public()
	a, err := NewInitiator(secrets, xeddsa.GenerateKey(), prekey.Public(), ia, ib)
	if err != nil {
		t.Fatalf("initiator: %v", err)
	}
	if b, err = NewResponder(secrets, prekey, ib, ia); err != nil {
		t.Fatalf("responder: %v", err)
	}
	return a, b
}

// stored returns the state as it comes back from storage.
func stored(t tester, s *State) *State {
	t.Helper()
	b := s.AppendTo(nil)
	next, err := Parse(b, s.local, s.remote)
	if err != nil {
		t.Fatalf("a stored state does not come back: %v", err)
	}
	if !bytes.Equal(next.AppendTo(nil), b) {
		t.Fatalf("a stored state comes back as another")
	}
	return next
}

func encrypt(t tester, s *State, plaintext string) (*State, []byte) {
	t.Helper()
	before := s.AppendTo(nil)
	next, out, err := s.Encrypt([]byte(plaintext), nil)
	if err != nil {
		t.Fatalf("Encrypt: %v", err)
	}
	if !bytes.Equal(s.AppendTo(nil), before) {
		t.Fatalf("Encrypt changed the old state")
	}
	return next, out
}

// decrypt returns the next state and the plaintext, and holds that the old state stays as it was.
func decrypt(t tester, s *State, message []byte) (*State, string, error) {
	t.Helper()
	m, err := ParseMessage(message)
	if err != nil {
		return nil, "", err
	}
	before := s.AppendTo(nil)
	next, plaintext, err := s.Decrypt(m, nil)
	if !bytes.Equal(s.AppendTo(nil), before) {
		t.Fatalf("Decrypt changed the old state")
	}
	return next, string(plaintext), err
}

// must decrypts and holds that the plaintext is want.
func must(t tester, s *State, message []byte, want string) *State {
	t.Helper()
	next, got, err := decrypt(t, s, message)
	if err != nil || got != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
	return next
}

func TestLimitsOfOneChain(t *testing.T) {
	const jump, keep = skipped.MaxJump, skipped.Max
	a, b := pair(t)
	messages := make([][]byte, jump+1)
	for i := range messages {
		var err error
		if a, messages[i], err = a.Encrypt(fmt.Append(nil, i), nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := decrypt(t, b, messages[jump]); !errors.Is(err, ErrTooFar) {
		t.Errorf("counter %d on a fresh chain: got %v, want %v", jump, err, ErrTooFar)
	}
	b = must(t, b, messages[jump-1], fmt.Sprint(jump-1))
	last := jump - 1 - keep
	if _, _, err := decrypt(t, b, messages[last-1]); !errors.Is(err, ErrDuplicate) {
		t.Errorf("%d messages late: got %v, want %v", keep+1, err, ErrDuplicate)
	}
	b = must(t, stored(t, b), messages[last], fmt.Sprint(last))
	if _, _, err := decrypt(t, b, messages[last]); !errors.Is(err, ErrDuplicate) {
		t.Errorf("again: got %v, want %v", err, ErrDuplicate)
	}
	b = must(t, b, messages[jump], fmt.Sprint(jump))
	if n := len(b.AppendTo(nil)); n > MaxState {
		t.Errorf("stored: %d bytes", n)
	}
}

// TestFiveChains keeps a message back while the other side's ratchet turns: four newer chains leave it readable, five do not.
func TestFiveChains(t *testing.T) {
	for _, tt := range []struct {
		newer int
		want  error
	}{{maxReceivers - 1, nil}, {maxReceivers, ErrDecrypt}} {
		a, b := pair(t)
		var late, m []byte
		a, m = encrypt(t, a, "first")
		b = must(t, b, m, "first")
		a, late = encrypt(t, a, "late")
		for i := range tt.newer {
			b, m = encrypt(t, b, fmt.Sprint("answer ", i))
			a = must(t, a, m, fmt.Sprint("answer ", i))
			a, m = encrypt(t, a, fmt.Sprint("turn ", i))
			b = stored(t, must(t, b, m, fmt.Sprint("turn ", i)))
		}
		if _, _, err := decrypt(t, b, late); !errors.Is(err, tt.want) {
			t.Errorf("%d newer chains: got %v, want %v", tt.newer, err, tt.want)
		}
	}
}

// TestPreviousCounter holds the official library's way of counting: one less than the messages of the chain before.
func TestPreviousCounter(t *testing.T) {
	a, b := pair(t)
	var m []byte
	for i := range 4 {
		var last []byte
		for range i {
			a, last = encrypt(t, a, "x")
		}
		if i > 0 {
			b = must(t, b, last, "x")
		}
		b, m = encrypt(t, b, "y")
		a = must(t, a, m, "y")
		_, out := encrypt(t, a, "z")
		got, err := ParseMessage(out)
		if err != nil {
			t.Fatal(err)
		}
		if want := uint32(max(i, 1) - 1); got.previous != want && i > 0 {
			t.Errorf("after %d messages: previous counter %d, want %d", i, got.previous, want)
		}
	}
}

func TestAddresses(t *testing.T) {
	a, b := pair(t)
	names := &Addresses{0, 1, 2, 3}
	_, out, err := a.Encrypt([]byte("hi"), names)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMessage(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		expected *Addresses
		want     error
	}{{"same", names, nil}, {"other", &Addresses{1}, ErrDecrypt}, {"none", nil, ErrDecrypt}} {
		if _, _, err := b.Decrypt(m, tt.expected); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	_, out = encrypt(t, a, "hi")
	if m, err = ParseMessage(out); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Decrypt(m, names); err != nil {
		t.Errorf("a message without addresses: %v", err)
	}
}

// TestEveryBit flips each bit of a message, and cuts it at each length: nothing of it opens.
func TestEveryBit(t *testing.T) {
	a, b := pair(t)
	_, out := encrypt(t, a, "hi")
	for bit := range 8 * len(out) {
		damaged := bytes.Clone(out)
		damaged[bit/8] ^= 1 << (bit % 8)
		if _, _, err := decrypt(t, b, damaged); err == nil {
			t.Errorf("bit %d flipped, and it opens", bit)
		}
	}
	for n := range out {
		if _, _, err := decrypt(t, b, out[:n]); err == nil {
			t.Errorf("cut to %d bytes, and it opens", n)
		}
	}
	if _, _, err := decrypt(t, b, append(bytes.Clone(out), 0)); err == nil {
		t.Error("one byte longer, and it opens")
	}
	must(t, b, out, "hi")
}

// TestOtherIdentity holds that the MAC binds both identity keys.
func TestOtherIdentity(t *testing.T) {
	a, b := pair(t)
	_, out := encrypt(t, a, "hi")
	for _, change := range []func(*State){
		func(s *State) { s.local = xeddsa.GenerateKey().Public() },
		func(s *State) { s.remote = xeddsa.GenerateKey().Public() },
		func(s *State) { s.local, s.remote = s.remote, s.local },
	} {
		other := *b
		change(&other)
		if _, _, err := decrypt(t, &other, out); !errors.Is(err, ErrDecrypt) {
			t.Errorf("got %v, want %v", err, ErrDecrypt)
		}
	}
}

// TestWithoutPQ holds that no message opens without a key of the post-quantum ratchet.
func TestWithoutPQ(t *testing.T) {
	a, b := pair(t)
	_, out := encrypt(t, a, "hi")
	good, err := ParseMessage(out)
	if err != nil {
		t.Fatal(err)
	}
	seal := func(pq []byte) []byte { // as a peer would that knows all classical keys
		c := a.send
		seed := c.Step(true)
		keys := deriveKeys(&seed, new([32]byte))
		m := *good
		m.pq = pq
		body := m.appendTo(nil)
		if pq == nil { // leave field 5 out
			body = body[:len(body)-2]
		}
		mac := messageMAC(&keys.mac, a.local, a.remote, body)
		return append(body, mac[:]...)
	}
	for name, pq := range map[string][]byte{"left out": nil, "index 0": {1, 1, 0, 0}, "unknown version": {9, 1, 1, 0}} {
		if _, _, err := decrypt(t, b, seal(pq)); err == nil {
			t.Errorf("%s: it opens", name)
		}
	}
}

func TestEncryptRefuses(t *testing.T) {
	a, b := pair(t)
	if _, _, err := a.Encrypt(make([]byte, MaxPlaintext+1), nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: got %v", err)
	}
	_, out, err := a.Encrypt(make([]byte, MaxPlaintext), &Addresses{})
	if err != nil || len(out) > MaxMessage {
		t.Fatalf("largest: %d bytes, %v", len(out), err)
	}
	m, err := ParseMessage(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, got, err := b.Decrypt(m, &Addresses{}); err != nil || len(got) != MaxPlaintext {
		t.Errorf("largest: %d bytes, %v", len(got), err)
	}
	last := *a
	last.send.Index = maxCounter + 1
	if _, _, err := last.Encrypt(nil, nil); !errors.Is(err, ErrExhausted) {
		t.Errorf("exhausted: got %v", err)
	}
	if _, err := NewInitiator(pqxdh.Secrets{}, xeddsa.PrivateKey{}, a.local, a.local, a.remote); !errors.Is(err, ErrKey) {
		t.Errorf("no key: got %v", err)
	}
	if _, err := NewResponder(pqxdh.Secrets{}, xeddsa.PrivateKey{}, a.local, a.remote); !errors.Is(err, ErrKey) {
		t.Errorf("no key: got %v", err)
	}
}

// TestMessageGolden pins the bytes of a message.
func TestMessageGolden(t *testing.T) {
	key, err := xeddsa.ParsePublicKey(append([]byte{5, 9}, make([]byte, 31)...))
	if err != nil {
		t.Fatal(err)
	}
	m := Message{ratchetKey: key, counter: 0, previous: 300, ciphertext: bytes.Repeat([]byte{0xcc}, 16), pq: []byte{1, 1, 1, 0}}
	const want = "44" + "0a21" + "0509" + "00000000000000000000000000000000000000000000000000000000000000" + "1000" + "18ac02" +
		"2210" + "cccccccccccccccccccccccccccccccc" + "2a04" + "01010100"
	if got := hex.EncodeToString(m.appendTo(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m.addresses = &Addresses{0xad, 35: 0xde}
	const addresses = "3224" + "ad" + "00000000000000000000000000000000000000000000000000000000000000000000" + "de"
	if got := hex.EncodeToString(m.appendTo(nil)); got != want+addresses {
		t.Errorf("got %s, want %s", got, want+addresses)
	}
}

// TestParseMessageRefuses has one fault per row.
func TestParseMessageRefuses(t *testing.T) {
	key := append([]byte{5, 9}, make([]byte, 31)...)
	build := func(skip uint32, change func(n uint32, b []byte) []byte) []byte {
		b := []byte{Version}
		for n := uint32(1); n <= 5; n++ {
			if n == skip {
				continue
			}
			if change != nil {
				if c := change(n, b); c != nil {
					b = c
					continue
				}
			}
			switch n {
			case 1:
				b = pb.AppendBytes(b, n, key)
			case 2, 3:
				b = pb.AppendUint(b, n, 7)
			case 4:
				b = pb.AppendBytes(b, n, make([]byte, 32))
			case 5:
				b = pb.AppendBytes(b, n, []byte{1, 1, 1, 0})
			}
		}
		return append(b, make([]byte, macSize)...)
	}
	field := func(at uint32, f func(b []byte) []byte) []byte {
		return build(0, func(n uint32, b []byte) []byte {
			if n == at {
				return f(b)
			}
			return nil
		})
	}
	version := func(v byte) []byte {
		b := build(0, nil)
		b[0] = v
		return b
	}
	if _, err := ParseMessage(build(0, nil)); err != nil {
		t.Fatalf("what the rows change is refused itself: %v", err)
	}
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, ErrMessage},
		{"version alone", []byte{Version}, ErrMessage},
		{"no fields", append([]byte{Version}, make([]byte, macSize)...), ErrMessage},
		{"oversize", make([]byte, MaxMessage+1), ErrMessage},
		{"X3DH", version(0x34), ErrLegacy},
		{"legacy", version(0x22), ErrLegacy},
		{"next version", version(0x55), ErrVersion},
		{"next sender version", version(0x45), ErrVersion},
		{"no ratchet key", build(1, nil), ErrMessage},
		{"no counter", build(2, nil), ErrMessage},
		{"no previous counter", build(3, nil), ErrMessage},
		{"no ciphertext", build(4, nil), ErrMessage},
		{"no SPQR message", build(5, nil), ErrMessage},
		{"short ratchet key", field(1, func(b []byte) []byte { return pb.AppendBytes(b, 1, key[:32]) }), ErrMessage},
		{"ratchet key of another type", field(1, func(b []byte) []byte { return pb.AppendBytes(b, 1, make([]byte, 33)) }), ErrMessage},
		{"counter of 33 bits", field(2, func(b []byte) []byte { return pb.AppendUint(b, 2, 1<<32) }), ErrMessage},
		{"last counter", field(2, func(b []byte) []byte { return pb.AppendUint(b, 2, 1<<32-1) }), ErrMessage},
		{"empty ciphertext", field(4, func(b []byte) []byte { return pb.AppendBytes(b, 4, nil) }), ErrMessage},
		{"ciphertext of half a block", field(4, func(b []byte) []byte { return pb.AppendBytes(b, 4, make([]byte, 24)) }), ErrMessage},
		{"empty SPQR message", field(5, func(b []byte) []byte { return pb.AppendBytes(b, 5, nil) }), ErrMessage},
		{"long SPQR message", field(5, func(b []byte) []byte { return pb.AppendBytes(b, 5, make([]byte, spqr.MaxMessage+1)) }), ErrMessage},
		{"short addresses", field(5, func(b []byte) []byte {
			return pb.AppendBytes(pb.AppendBytes(b, 5, []byte{1}), 6, make([]byte, 35))
		}), ErrMessage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseMessage(tt.b); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestParseRefuses has one fault per row, in a stored state.
func TestParseRefuses(t *testing.T) {
	a, b := pair(t)
	_, m := encrypt(t, a, "x")
	b = must(t, b, m, "x")
	good := b.AppendTo(nil)
	for name, change := range map[string]func(*State){
		"two chains of one key": func(s *State) { s.receivers = append(s.receivers, s.receivers[0]) },
		"six chains": func(s *State) {
			s.receivers = nil
			for range maxReceivers + 1 {
				s.receivers = append(s.receivers, receiver{theirs: xeddsa.GenerateKey().Public()})
			}
		},
		"a chain without key": func(s *State) { s.receivers = []receiver{{}} },
		"no ratchet key":      func(s *State) { s.ours = xeddsa.PrivateKey{} },
	} {
		s := *b
		change(&s)
		stored := s.AppendTo(nil)
		if s.ours.IsZero() { // AppendTo leaves the length of a key that is not there
			stored = append(bytes.Clone(stored), 0)
		}
		if _, err := Parse(stored, b.local, b.remote); !errors.Is(err, ErrState) {
			t.Errorf("%s: got %v, want %v", name, err, ErrState)
		}
	}
	for name, in := range map[string][]byte{
		"empty": nil, "version": append([]byte{2}, good[1:]...), "cut": good[:len(good)-1],
		"longer": append(bytes.Clone(good), 0), "oversize": make([]byte, MaxState+1),
	} {
		if _, err := Parse(in, b.local, b.remote); !errors.Is(err, ErrState) {
			t.Errorf("%s: got %v, want %v", name, err, ErrState)
		}
	}
	if _, err := Parse(good, xeddsa.PublicKey{}, b.remote); !errors.Is(err, ErrState) {
		t.Errorf("no identity: got %v", err)
	}
	// An unclamped private key is no key that AppendTo wrote.
	i := bytes.Index(good, b.ours.AppendTo(nil))
	unclamped := bytes.Clone(good)
	unclamped[i] |= 1
	if _, err := Parse(unclamped, b.local, b.remote); !errors.Is(err, ErrState) {
		t.Errorf("unclamped key: got %v", err)
	}
}

// TestConversation plays random conversations: whatever is lost, late, repeated or damaged, each message opens once, to
// what was said. Late ones come within the last four turns of the ratchet, as the protocol promises.
func TestConversation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s [2]*State
		s[0], s[1] = pair(t)
		type letter struct {
			message   []byte
			plaintext string
			turn      int
			opened    bool
		}
		var wire [2][]*letter // sent by each side
		turn := 0             // counts how often the one who speaks has changed
		last := 0
		for i := range rapid.IntRange(1, 120).Draw(t, "events") {
			who := rapid.IntRange(0, 1).Draw(t, "who")
			if rapid.Bool().Draw(t, "send") {
				if who != last {
					turn, last = turn+1, who
				}
				l := &letter{plaintext: fmt.Sprintf("%d from %d", i, who), turn: turn}
				s[who], l.message = encrypt(t, s[who], l.plaintext)
				s[who] = stored(t, s[who])
				wire[who] = append(wire[who], l)
				continue
			}
			// Before the first message came, the responder has nothing to turn its ratchet with.
			if len(wire[who]) == 0 {
				continue
			}
			l := rapid.SampledFrom(wire[who]).Draw(t, "letter")
			message := bytes.Clone(l.message)
			damaged := rapid.IntRange(0, 4).Draw(t, "damage") == 0
			if damaged {
				bit := rapid.IntRange(0, 8*len(message)-1).Draw(t, "bit")
				message[bit/8] ^= 1 << (bit % 8)
			}
			to := 1 - who
			next, got, err := decrypt(t, s[to], message)
			switch {
			case err == nil && (damaged || l.opened || got != l.plaintext):
				t.Fatalf("opened %q, damaged %v, opened before %v, want %q", got, damaged, l.opened, l.plaintext)
			case err == nil:
				s[to], l.opened = stored(t, next), true
			case !damaged && !l.opened && turn-l.turn < 2*(maxReceivers-1):
				t.Fatalf("message of turn %d at turn %d: %v", l.turn, turn, err)
			}
		}
	})
}

func TestSecretsAreNotPrinted(t *testing.T) {
	a, _ := pair(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if out := fmt.Sprintf(verb, a) + fmt.Sprintf(verb, *a); out != "ratchet.Stateratchet.State" {
			t.Errorf("%s prints %s", verb, out)
		}
	}
}

func FuzzParseMessage(f *testing.F) {
	a, b := pair(f)
	for i := range 3 {
		var out []byte
		a, out = encrypt(f, a, fmt.Sprint(i))
		f.Add(out)
	}
	_, withAddresses, _ := a.Encrypt(nil, &Addresses{})
	f.Add(withAddresses)
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := ParseMessage(in)
		if err != nil {
			return
		}
		if next, _, err := b.Decrypt(m, nil); err == nil {
			stored(t, next)
		}
	})
}

func FuzzParse(f *testing.F) {
	a, b := pair(f)
	for range 3 {
		var m []byte
		a, _ = encrypt(f, a, "lost")
		a, m = encrypt(f, a, "x")
		b = must(f, b, m, "x")
		b, m = encrypt(f, b, "y")
		a = must(f, a, m, "y")
		f.Add(a.AppendTo(nil))
		f.Add(b.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := Parse(in, a.local, a.remote)
		if err != nil {
			return
		}
		if !bytes.Equal(s.AppendTo(nil), in) {
			t.Errorf("%x is written %x", in, s.AppendTo(nil))
		}
		if next, _, err := s.Encrypt(nil, nil); err == nil {
			stored(t, next)
		}
	})
}
