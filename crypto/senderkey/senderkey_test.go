package senderkey

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/internal/skipped"
	"github.com/linnetmesh/linnet/crypto/internal/vectors"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

type recording struct {
	DistributionID string
	SKDM           vectors.Hex
	ChainID        uint32
	ChainKey       vectors.Hex
	SigningPrivate vectors.Hex
	Messages       []struct{ Plaintext, Message vectors.Hex }
	DecryptOrder   []int

	LateSKDM               vectors.Hex
	LateSKDMIteration      uint32
	LateErrorForIteration9 string
}

func readVectors(t testing.TB) (r recording) {
	t.Helper()
	vectors.Read("testdata/senderkey.json", &r)
	if len(r.Messages) == 0 || len(r.DecryptOrder) == 0 {
		t.Fatal("no vectors")
	}
	return r
}

func receiver(t testing.TB, distribution []byte) *Receiver {
	t.Helper()
	d, err := ParseDistribution(distribution)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.AppendTo(nil); !bytes.Equal(got, distribution) {
		t.Fatalf("distribution is written again %x, want %x", got, distribution)
	}
	r, err := new(Receiver).Add(d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// open stores and loads the Receiver and decrypts.
func open(t testing.TB, r *Receiver, message []byte) (*Receiver, []byte, error) {
	t.Helper()
	b := r.AppendTo(nil)
	r, err := ParseReceiver(b)
	if err != nil || !bytes.Equal(r.AppendTo(nil), b) {
		t.Fatalf("a stored receiver does not come back: %v", err)
	}
	m, err := ParseMessage(message)
	if err != nil {
		return nil, nil, err
	}
	return r.Decrypt(m)
}

func TestVectorsDecrypt(t *testing.T) {
	v := readVectors(t)
	r := receiver(t, v.SKDM)
	for _, i := range v.DecryptOrder {
		next, plaintext, err := open(t, r, v.Messages[i].Message)
		if err != nil || !bytes.Equal(plaintext, v.Messages[i].Plaintext) {
			t.Fatalf("message %d: got %x, %v, want %x", i, plaintext, err, v.Messages[i].Plaintext)
		}
		if _, _, err := open(t, next, v.Messages[i].Message); !errors.Is(err, ErrDuplicate) {
			t.Fatalf("message %d again: got %v", i, err)
		}
		r = next
	}
}

// TestVectorsEncrypt makes the recorded messages again, up to the signature, which is random.
func TestVectorsEncrypt(t *testing.T) {
	v := readVectors(t)
	d, err := ParseDistribution(v.SKDM)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := hex.DecodeString(strings.ReplaceAll(v.DistributionID, "-", "")); !bytes.Equal(got, d.id[:]) ||
		d.chainID != v.ChainID || !bytes.Equal(d.chainKey[:], v.ChainKey) {
		t.Fatal("the distribution is read as another")
	}
	signing, err := xeddsa.ParsePrivateKey(v.SigningPrivate)
	if err != nil {
		t.Fatal(err)
	}
	s := &Sender{id: d.id, chainID: d.chainID, signing: signing}
	s.chain.Key, s.chain.Index = d.chainKey, d.iteration
	if got := s.Distribution().AppendTo(nil); !bytes.Equal(got, v.SKDM) {
		t.Errorf("distribution %x, want %x", got, v.SKDM)
	}
	r := receiver(t, v.SKDM)
	for i, m := range v.Messages {
		stored, err := ParseSender(s.AppendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		next, got, err := stored.Encrypt(m.Plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if body := len(got) - xeddsa.SignatureSize; len(got) != len(m.Message) || !bytes.Equal(got[:body], m.Message[:body]) {
			t.Fatalf("message %d: got %x, want %x", i, got, m.Message)
		}
		var plaintext []byte
		if r, plaintext, err = open(t, r, got); err != nil || !bytes.Equal(plaintext, m.Plaintext) {
			t.Fatalf("message %d: got %x, %v", i, plaintext, err)
		}
		s = next
	}
}

// TestVectorsLate gives a newcomer the later distribution: the message before it stays unreadable, the rest opens.
func TestVectorsLate(t *testing.T) {
	v := readVectors(t)
	r := receiver(t, v.LateSKDM)
	if got := r.states[0].chain.Index; got != v.LateSKDMIteration {
		t.Fatalf("the late distribution begins at %d, want %d", got, v.LateSKDMIteration)
	}
	if v.LateErrorForIteration9 != "DuplicatedMessage" {
		t.Fatalf("unknown recorded error %q", v.LateErrorForIteration9)
	}
	for _, recorded := range v.Messages {
		m, err := ParseMessage(recorded.Message)
		if err != nil {
			t.Fatal(err)
		}
		_, plaintext, err := r.Decrypt(m)
		if m.Iteration < v.LateSKDMIteration {
			if !errors.Is(err, ErrDuplicate) {
				t.Errorf("iteration %d: got %v, want %v", m.Iteration, err, ErrDuplicate)
			}
		} else if err != nil || !bytes.Equal(plaintext, recorded.Plaintext) {
			t.Errorf("iteration %d: got %x, %v", m.Iteration, plaintext, err)
		}
	}
}

// sent returns n messages of a fresh sender, from a distribution made before them.
func sent(t testing.TB, n int) (distribution []byte, messages [][]byte) {
	t.Helper()
	s := NewSender(ID{1})
	distribution = s.Distribution().AppendTo(nil)
	for i := range n {
		next, m, err := s.Encrypt(fmt.Append(nil, "message ", i))
		if err != nil {
			t.Fatal(err)
		}
		s, messages = next, append(messages, m)
	}
	return distribution, messages
}

// at returns a message of the given iteration, of the same sender.
func at(t testing.TB, s *Sender, iteration uint32) *Message {
	t.Helper()
	n := *s
	for n.chain.Index < iteration {
		n.chain.Step(false)
	}
	_, b, err := n.Encrypt([]byte("far"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLimits(t *testing.T) {
	s := NewSender(ID{1})
	r := receiver(t, s.Distribution().AppendTo(nil))
	if _, _, err := r.Decrypt(at(t, s, skipped.MaxJump+1)); !errors.Is(err, ErrTooFar) {
		t.Errorf("jump of %d: got %v, want %v", skipped.MaxJump+1, err, ErrTooFar)
	}
	const n = skipped.MaxJump
	next, _, err := r.Decrypt(at(t, s, n))
	if err != nil {
		t.Fatalf("jump of %d: %v", n, err)
	}
	if _, _, err := next.Decrypt(at(t, s, n-skipped.Max)); err != nil {
		t.Errorf("%d messages late: %v", skipped.Max, err)
	}
	if _, _, err := next.Decrypt(at(t, s, n-skipped.Max-1)); !errors.Is(err, ErrDuplicate) {
		t.Errorf("%d messages late: got %v, want %v", skipped.Max+1, err, ErrDuplicate)
	}
	if b := next.AppendTo(nil); len(b) > MaxReceiver/maxStates+16 {
		t.Errorf("stored: %d bytes", len(b))
	}
	if _, _, err := s.Encrypt(make([]byte, MaxPlaintext+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: got %v", err)
	}
	if _, b, err := s.Encrypt(make([]byte, MaxPlaintext)); err != nil || len(b) > MaxMessage {
		t.Errorf("largest: %d bytes, %v", len(b), err)
	}
	last := *s
	last.chain.Index = maxIteration + 1
	if _, _, err := last.Encrypt(nil); !errors.Is(err, ErrExhausted) {
		t.Errorf("exhausted: got %v", err)
	}
}

// TestAdd holds the rules of which chains are kept.
func TestAdd(t *testing.T) {
	id := ID{1}
	senders := make([]*Sender, maxStates+1)
	r := new(Receiver)
	add := func(s *Sender) {
		t.Helper()
		var err error
		if r, err = r.Add(s.Distribution()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range senders {
		senders[i] = NewSender(id)
		senders[i].chainID = uint32(i)
		add(senders[i])
	}
	if _, _, err := r.Decrypt(at(t, senders[0], 0)); !errors.Is(err, ErrNoKey) {
		t.Errorf("the oldest of %d chains: got %v, want %v", len(senders), err, ErrNoKey)
	}
	next, _, err := r.Decrypt(at(t, senders[1], 0))
	if err != nil {
		t.Fatalf("the second oldest: %v", err)
	}
	r = next

	add(senders[1]) // known: it must not go back
	if _, _, err := r.Decrypt(at(t, senders[1], 0)); !errors.Is(err, ErrDuplicate) {
		t.Errorf("a repeated distribution takes the chain back: got %v", err)
	}
	add(senders[0]) // the newest again, so the third falls out
	if _, _, err := r.Decrypt(at(t, senders[2], 0)); !errors.Is(err, ErrNoKey) {
		t.Errorf("the third: got %v, want %v", err, ErrNoKey)
	}

	other := NewSender(id)
	other.chainID = senders[1].chainID
	add(other)
	if _, _, err := r.Decrypt(at(t, senders[1], 1)); !errors.Is(err, ErrDecrypt) {
		t.Errorf("a replaced chain: got %v, want %v", err, ErrDecrypt)
	}
	if _, _, err := r.Decrypt(at(t, other, 0)); err != nil {
		t.Errorf("its replacement: %v", err)
	}
	if _, err := r.Add(NewSender(ID{2}).Distribution()); !errors.Is(err, ErrDistribution) {
		t.Errorf("another distribution: got %v, want %v", err, ErrDistribution)
	}
	if _, err := r.Add(new(Distribution)); !errors.Is(err, ErrDistribution) {
		t.Errorf("no distribution: got %v, want %v", err, ErrDistribution)
	}
}

// TestDelivery holds that whatever order, loss, repetition and damage a network adds, each message opens once and
// undamaged, and a failure changes nothing.
func TestDelivery(t *testing.T) {
	distribution, messages := sent(t, 40)
	rapid.Check(t, func(rt *rapid.T) {
		r := receiver(t, distribution)
		opened := map[int]bool{}
		for range rapid.IntRange(1, 60).Draw(rt, "events") {
			i := rapid.IntRange(0, len(messages)-1).Draw(rt, "message")
			message := bytes.Clone(messages[i])
			damaged := rapid.IntRange(0, 3).Draw(rt, "damage") == 0
			if damaged {
				bit := rapid.IntRange(0, 8*len(message)-1).Draw(rt, "bit")
				message[bit/8] ^= 1 << (bit % 8)
			}
			before := r.AppendTo(nil)
			next, plaintext, err := open(t, r, message)
			if !bytes.Equal(r.AppendTo(nil), before) {
				rt.Fatal("Decrypt changed the old value")
			}
			if wanted := !damaged && !opened[i]; (err == nil) != wanted {
				rt.Fatalf("message %d, damaged %v, opened before %v: got %v", i, damaged, opened[i], err)
			}
			if err == nil {
				if want := fmt.Sprint("message ", i); string(plaintext) != want {
					rt.Fatalf("got %q, want %q", plaintext, want)
				}
				r, opened[i] = next, true
			}
		}
	})
}

// TestParseRefuses has one fault per row.
func TestParseRefuses(t *testing.T) {
	distribution, messages := sent(t, 1)
	with := func(b []byte, i int, v byte) []byte {
		b = bytes.Clone(b)
		b[i] = v
		return b
	}
	for _, tt := range []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, ErrMessage},
		{"signature alone", messages[0][len(messages[0])-64:], ErrMessage},
		{"cut", messages[0][:70], ErrMessage},
		{"legacy", with(messages[0], 0, 0x23), ErrLegacy},
		{"version of sessions", with(messages[0], 0, 0x44), ErrVersion},
		{"other sender version", with(messages[0], 0, 0x34), ErrVersion},
		{"short id", with(messages[0], 2, 15), ErrMessage},
		{"oversize", make([]byte, MaxMessage+1), ErrMessage},
	} {
		if _, err := ParseMessage(tt.b); !errors.Is(err, tt.want) {
			t.Errorf("message, %s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	for _, tt := range []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, ErrMessage},
		{"cut", distribution[:len(distribution)-1], ErrMessage},
		{"legacy", with(distribution, 0, 0x23), ErrLegacy},
		{"version", with(distribution, 0, 0x44), ErrVersion},
		{"key type", with(distribution, len(distribution)-33, 6), ErrMessage},
		{"oversize", append(bytes.Clone(distribution), make([]byte, MaxDistribution)...), ErrMessage},
	} {
		if _, err := ParseDistribution(tt.b); !errors.Is(err, tt.want) {
			t.Errorf("distribution, %s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestStateGolden pins the stored forms: a change here is a new version.
func TestStateGolden(t *testing.T) {
	signing, err := xeddsa.ParsePrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	s := &Sender{id: ID{1, 2, 3}, chainID: 99, signing: signing}
	s.chain.Key[0] = 5
	r := receiver(t, s.Distribution().AppendTo(nil))
	next, _, err := r.Decrypt(at(t, s, 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, got, want string }{
		{"sender", hex.EncodeToString(s.AppendTo(nil)), goldenSender},
		{"distribution", hex.EncodeToString(s.Distribution().AppendTo(nil)), goldenDistribution},
		{"receiver", hex.EncodeToString(next.AppendTo(nil)), goldenReceiver},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

const (
	goldenSender       = "010a100102030000000000000000000000000010631800222005000000000000000000000000000000000000000000000000000000000000002a200007070707070707070707070707070707070707070707070707070707070747"
	goldenDistribution = "330a100102030000000000000000000000000010631800222005000000000000000000000000000000000000000000000000000000000000002a210513be4feaeaf204c7fd3358fc9c00721881d174278128227ec674f37f7fe97b6d"
	goldenReceiver     = "010a1001020300000000000000000000000000129301086310031a20f726d9d5a4796b089e8fcf253e9aebef4ddd60fbd0686fa746e36d8d95c2d5aa22210513be4feaeaf204c7fd3358fc9c00721881d174278128227ec674f37f7fe97b6d2a4800000000d2a2d19f1576c52818474fc1377092ade7651f7cf64cac41ba551615ba0962fa00000001d160482017265c1359ad5eba6b2d4518c59938b781a9612639e07428f78711db"
)

func FuzzParseMessage(f *testing.F) {
	for _, m := range readVectors(f).Messages {
		f.Add([]byte(m.Message))
	}
	r := receiver(f, readVectors(f).SKDM)
	f.Fuzz(func(_ *testing.T, b []byte) {
		if m, err := ParseMessage(b); err == nil {
			_, _, _ = r.Decrypt(m)
		}
	})
}

func FuzzParseDistribution(f *testing.F) {
	f.Add([]byte(readVectors(f).SKDM))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := ParseDistribution(b); err == nil && len(d.AppendTo(nil)) > len(b) {
			t.Errorf("%x is written %x", b, d.AppendTo(nil))
		}
	})
}

func FuzzParseState(f *testing.F) {
	distribution, messages := sent(f, 4)
	_, r := receiver(f, distribution), receiver(f, distribution)
	next, _, _ := open(f, r, messages[3])
	f.Add(next.AppendTo(nil))
	f.Add(NewSender(ID{1}).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseReceiver(b); err == nil && !bytes.Equal(r.AppendTo(nil), b) {
			t.Errorf("receiver %x is written %x", b, r.AppendTo(nil))
		}
		if s, err := ParseSender(b); err == nil && !bytes.Equal(s.AppendTo(nil), b) {
			t.Errorf("sender %x is written %x", b, s.AppendTo(nil))
		}
	})
}

func TestSecretsAreNotPrinted(t *testing.T) {
	s := NewSender(ID{})
	r := receiver(t, s.Distribution().AppendTo(nil))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if out := fmt.Sprintf(verb+verb+verb, s, *r, *s.Distribution()); out != "senderkey.Sendersenderkey.Receiversenderkey.Distribution" {
			t.Errorf("%s prints %s", verb, out)
		}
	}
}
