package identity

import (
	"encoding/hex"
	"fmt"
)

// BoxKey is the public half of a box's key (Ed25519): the place where post lies, as its relay knows it. It may be
// compared with ==. The zero value is no box.
type BoxKey [KeySize]byte

// ParseBoxKey reads a box key of KeySize bytes. The error is ErrKey, also for keys that are not canonical or not of
// prime order.
func ParseBoxKey(b []byte) (BoxKey, error) { return parsePoint(b) }

// IsZero tells whether b was never set.
func (b BoxKey) IsZero() bool { return b == BoxKey{} }

// AppendTo appends the KeySize bytes of the key.
func (b BoxKey) AppendTo(to []byte) []byte { return append(to, b[:]...) }

// String returns the key in hex.
func (b BoxKey) String() string { return hex.EncodeToString(b[:]) }

// Verify returns nil if sig is the signature of the labelled parts by the owner of the box, and otherwise ErrSignature.
func (b BoxKey) Verify(l Label, sig []byte, parts ...[]byte) error {
	return verify((*[KeySize]byte)(&b), sig, l, parts...)
}

// BoxPrivateKey is the private half of a box's key. Each box has one made for it alone, so that no relay can link it to
// anything. It is a small handle that may be copied and used by several goroutines at once. The zero value refuses to
// work.
type BoxPrivateKey struct {
	_ [0]func() // no ==
	s *signer
}

// GenerateBoxKey returns a fresh key.
func GenerateBoxKey() BoxPrivateKey { return BoxPrivateKey{s: newSigner(NewSeed())} }

// ParseBoxPrivateKey reads the KeySize bytes of an Ed25519 seed.
func ParseBoxPrivateKey(b []byte) (BoxPrivateKey, error) {
	s, err := parseSigner(b)
	return BoxPrivateKey{s: s}, err
}

// IsZero tells whether k was never set.
func (k BoxPrivateKey) IsZero() bool { return k.s == nil }

// Format prints what this is, and nothing of the secret, whatever the verb.
func (BoxPrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "identity.BoxPrivateKey") }

// AppendTo appends the KeySize secret bytes of the key, an Ed25519 seed. A zero key appends nothing.
func (k BoxPrivateKey) AppendTo(b []byte) []byte { return k.s.appendTo(b) }

// Equal tells in constant time whether both are the same key. Zero keys equal nothing.
func (k BoxPrivateKey) Equal(other BoxPrivateKey) bool { return k.s.equal(other.s) }

// Public returns the public half, which is zero for a zero key.
func (k BoxPrivateKey) Public() BoxKey { return k.s.public() }

// Sign returns the Ed25519 signature of the labelled parts, or ErrKey.
func (k BoxPrivateKey) Sign(l Label, parts ...[]byte) ([SignatureSize]byte, error) {
	return k.s.sign(l, parts...)
}
