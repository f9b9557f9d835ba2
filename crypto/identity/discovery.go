package identity

import (
	"encoding/binary"
	"fmt"
)

// DiscoveryKey is the public half of a discovery key (Ed25519): whoever knows it can find the account, so it does not
// print itself, and whoever holds it in a struct keeps that from printing too: fmt sees through a field that is not
// exported, as for any array. It may be compared with ==. The zero value is no key.
type DiscoveryKey [KeySize]byte

// ParseDiscoveryKey reads a discovery key of KeySize bytes. The error is ErrKey, also for keys that are not canonical
// or not of prime order, which could not be blinded.
func ParseDiscoveryKey(b []byte) (DiscoveryKey, error) { return parsePoint(b) }

// IsZero tells whether d was never set.
func (d DiscoveryKey) IsZero() bool { return d == DiscoveryKey{} }

// AppendTo appends the KeySize bytes of the key.
func (d DiscoveryKey) AppendTo(b []byte) []byte { return append(b, d[:]...) }

// Format prints what this is, whatever the verb.
func (DiscoveryKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "identity.DiscoveryKey") }

// DiscoveryRoot is a secret from which an epoch's discovery keys come. Stewards have it, other devices get the current
// DiscoveryPrivateKey alone. It is a small handle that may be copied and used by several goroutines at once. The zero
// value refuses to work.
type DiscoveryRoot struct {
	_ [0]func() // no ==
	s Seed
}

// ParseDiscoveryRoot reads a root of KeySize bytes.
func ParseDiscoveryRoot(b []byte) (DiscoveryRoot, error) {
	s, err := ParseSeed(b)
	return DiscoveryRoot{s: s}, err
}

// IsZero tells whether r was never set.
func (r DiscoveryRoot) IsZero() bool { return r.s.IsZero() }

// Format prints what this is, and nothing of the secret, whatever the verb.
func (DiscoveryRoot) Format(f fmt.State, _ rune) { fmt.Fprint(f, "identity.DiscoveryRoot") }

// AppendTo appends the KeySize secret bytes of the root, for sealed storage and for a new steward. A zero root appends
// nothing.
func (r DiscoveryRoot) AppendTo(b []byte) []byte { return r.s.AppendTo(b) }

// Equal tells in constant time whether both are the same root. Zero roots equal nothing.
func (r DiscoveryRoot) Equal(other DiscoveryRoot) bool { return r.s.Equal(other.s) }

// Key returns the discovery key Dn of this root. A new n makes old addresses useless to strangers.
func (r DiscoveryRoot) Key(n uint32) DiscoveryPrivateKey {
	return DiscoveryPrivateKey{s: newSigner(r.s.derive(LabelDiscoveryKey, binary.BigEndian.AppendUint32(nil, n)))}
}

// DiscoveryPrivateKey is the private half of a discovery key, which all devices of an account hold. It signs nothing by
// itself: crypto/descriptor blinds it first. It is a small handle that may be copied and used by several goroutines at
// once. The zero value refuses to work.
type DiscoveryPrivateKey struct {
	_ [0]func() // no ==
	s *signer
}

// ParseDiscoveryPrivateKey reads the KeySize bytes of an Ed25519 seed.
func ParseDiscoveryPrivateKey(b []byte) (DiscoveryPrivateKey, error) {
	s, err := parseSigner(b)
	return DiscoveryPrivateKey{s: s}, err
}

// IsZero tells whether k was never set.
func (k DiscoveryPrivateKey) IsZero() bool { return k.s == nil }

// Format prints what this is, and nothing of the secret, whatever the verb.
func (DiscoveryPrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "identity.DiscoveryPrivateKey") }

// AppendTo appends the KeySize secret bytes of the key: an Ed25519 seed (RFC 8032), which SHA-512 expands to scalar and
// prefix. A zero key appends nothing.
func (k DiscoveryPrivateKey) AppendTo(b []byte) []byte { return k.s.appendTo(b) }

// Equal tells in constant time whether both are the same key. Zero keys equal nothing.
func (k DiscoveryPrivateKey) Equal(other DiscoveryPrivateKey) bool { return k.s.equal(other.s) }

// Public returns the public half, which is zero for a zero key.
func (k DiscoveryPrivateKey) Public() DiscoveryKey { return k.s.public() }
