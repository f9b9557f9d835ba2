package identity

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

// Seed is what an account is made from. It stays on the first device until the person has confirmed its words, and is
// then erased; no other device gets it. A Seed is a small handle that may be copied and used by several goroutines at
// once. It cannot be compared with == and does not print its secret. The zero value is no seed: what is made from it
// is zero as well, and refuses to work.
type Seed struct {
	_ [0]func() // no ==
	s *seed
}

// seed has its bytes behind a second pointer: fmt follows one, for a verb that does not fit a pointer.
type seed struct{ b *[KeySize]byte }

// NewSeed returns a fresh seed.
func NewSeed() Seed {
	var b [KeySize]byte
	rand.Read(b[:])
	return Seed{s: &seed{&b}}
}

// ParseSeed reads a seed of exactly KeySize bytes.
func ParseSeed(b []byte) (Seed, error) {
	if len(b) != KeySize {
		return Seed{}, ErrKey
	}
	own := [KeySize]byte(b)
	return Seed{s: &seed{&own}}, nil
}

// IsZero tells whether s was never set, or was erased.
func (s Seed) IsZero() bool { return s.s == nil || s.s.b == nil }

// Format prints what this is, and nothing of the secret, whatever the verb.
func (Seed) Format(f fmt.State, _ rune) { fmt.Fprint(f, "identity.Seed") }

// AppendTo appends the KeySize secret bytes of the seed, for sealed storage until its words are confirmed. A zero seed
// appends nothing.
func (s Seed) AppendTo(b []byte) []byte {
	if s.IsZero() {
		return b
	}
	return append(b, s.s.b[:]...)
}

// Equal tells in constant time whether both are the same seed. Zero seeds equal nothing.
func (s Seed) Equal(other Seed) bool {
	return !s.IsZero() && !other.IsZero() && subtle.ConstantTimeCompare(s.s.b[:], other.s.b[:]) == 1
}

// Erase overwrites the seed, in all copies of this handle. It cannot reach what the runtime copied elsewhere before,
// nor the keys that were made from the seed. No other method may run at the same time.
func (s Seed) Erase() {
	if !s.IsZero() {
		clear(s.s.b[:])
		s.s.b = nil
	}
}

// Account returns the account key A.
func (s Seed) Account() AccountPrivateKey {
	return AccountPrivateKey{s: newSigner(s.derive(LabelAccount))}
}

// ArchiveBox returns the key of the box in which the account's archive lies, for whoever has nothing but the words.
func (s Seed) ArchiveBox() BoxPrivateKey {
	return BoxPrivateKey{s: newSigner(s.derive(LabelArchiveBox))}
}

// DiscoveryRoot returns the discovery root Rn. The n-th epoch of an account, counted from 0, has the root Rn: who has
// nothing but the words tries upward.
func (s Seed) DiscoveryRoot(n uint32) DiscoveryRoot {
	return DiscoveryRoot{s: s.derive(LabelDiscoveryRoot, binary.BigEndian.AppendUint32(nil, n))}
}

// derive returns another secret that follows from this one, or a zero one from a zero one.
func (s Seed) derive(l Label, parts ...[]byte) Seed {
	if s.IsZero() {
		return Seed{}
	}
	var out [KeySize]byte
	l.Derive(out[:], s.s.b[:], parts...)
	return Seed{s: &seed{&out}}
}
