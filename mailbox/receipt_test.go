package mailbox

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// TestReceiptsOfAGroup holds that each post of a group of any size has its own proof, and that no proof stands for
// anything else.
func TestReceiptsOfAGroup(t *testing.T) {
	key := identity.GenerateTransportKey()
	until := fromUnix(1_800_000_000)
	for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 1024} {
		group := make([]custody, n)
		for i := range group {
			group[i] = custody{box: BoxID{1, byte(i)}, name: Name{2, byte(i), byte(i >> 8)}, size: 1024, until: unix(until)}
		}
		proofs, err := certify(key, group)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range group {
			r := Receipt{Relay: key.Public(), Box: p.box, Name: p.name, Size: p.size, Until: until}
			if len(proofs[i]) > MaxReceipt-108 {
				t.Fatalf("group of %d: proof of %d bytes", n, len(proofs[i]))
			}
			if n > 100 && i%50 != 0 && i != n-1 {
				continue
			}
			if err := r.verify(proofs[i]); err != nil {
				t.Fatalf("group of %d, post %d: %v", n, i, err)
			}
			if n > 9 {
				continue
			}
			for what, other := range map[string]Receipt{
				"box":   {key.Public(), BoxID{9}, p.name, p.size, until, ""},
				"name":  {key.Public(), p.box, Name{9}, p.size, until, ""},
				"size":  {key.Public(), p.box, p.name, 2048, until, ""},
				"until": {key.Public(), p.box, p.name, p.size, until.Add(time.Second), ""},
				"relay": {identity.GenerateTransportKey().Public(), p.box, p.name, p.size, until, ""},
			} {
				if other.verify(proofs[i]) == nil {
					t.Fatalf("group of %d, post %d: the proof stands for another %s", n, i, what)
				}
			}
		}
	}
}

func TestReceiptRoundTrip(t *testing.T) {
	key := identity.GenerateTransportKey()
	post := []byte("post")
	until := fromUnix(1_800_000_000)
	proofs, err := certify(key, []custody{{BoxID{1}, NameOf(post), 4, unix(until)}, {BoxID{2}, NameOf(post), 4, unix(until)}})
	if err != nil {
		t.Fatal(err)
	}
	r := Receipt{key.Public(), BoxID{1}, NameOf(post), 4, until, string(proofs[0])}
	b := r.AppendTo(nil)
	got, err := ParseReceipt(b)
	if err != nil || got != r {
		t.Fatalf("got %v, %v", got, err)
	}
	for i := range b {
		b[i] ^= 1
		if _, err := ParseReceipt(b); err == nil {
			t.Errorf("byte %d may be another", i)
		}
		b[i] ^= 1
	}
	for n := range b {
		if _, err := ParseReceipt(b[:n]); err == nil {
			t.Errorf("the first %d bytes do", n)
		}
	}
	if _, err := ParseReceipt(append(b, make([]byte, sha256.Size)...)); err == nil {
		t.Error("a longer path does")
	}
}

func TestMint(t *testing.T) {
	relay, other := identity.GenerateTransportKey().Public(), identity.GenerateTransportKey().Public()
	box := identity.GenerateBoxKey().Public()
	s := NewSecret()
	m := s.Mint(relay, box)
	until := fromUnix(1_800_000_000)
	token := m.Token(NewClass(), until, 10, 1000)
	again, err := ParseToken(token.AppendTo(nil))
	if err != nil || again != token || !m.made(again) {
		t.Fatalf("got %v, %v", again, err)
	}
	for what, bad := range map[string]bool{
		"relay":  s.Mint(other, box).made(token),
		"box":    s.Mint(relay, BoxID{1}).made(token),
		"secret": NewSecret().Mint(relay, box).made(token),
	} {
		if bad {
			t.Errorf("a token is good for another %s", what)
		}
	}
	b := token.AppendTo(nil)
	for i := range b {
		b[i] ^= 1
		if forged, err := ParseToken(b); err == nil && m.made(forged) {
			t.Errorf("byte %d may be another", i)
		}
		b[i] ^= 1
	}
	c := m.Capability(until)
	if again, err := ParseCapability(c.AppendTo(nil)); err != nil || !m.madeReader(again) {
		t.Errorf("got %v, %v", again, err)
	}
	if token.Expired(until) || !token.Expired(until.Add(time.Second)) {
		t.Error("a token expires at another time")
	}
}

// TestCodes holds that each refusal survives the wire.
func TestCodes(t *testing.T) {
	for c, err := range codes {
		if got := codeOf(&RefusedError{Err: err}); got != c || !errors.Is(errorOf(c), err) {
			t.Errorf("%v: got %d, %v", err, got, errorOf(c))
		}
	}
	if codeOf(errors.New("secret")) != codeOf(ErrInternal) || !errors.Is(errorOf(999), ErrUnknown) {
		t.Error("what has no number")
	}
}
