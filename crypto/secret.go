package crypto

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/kdf"
)

// Sizes in bytes.
const (
	// SecretSize is the size of a Secret in storage: form (1), seed (32).
	SecretSize = 1 + seedSize
	// MaxMessage is the size of the largest message that Seal and Sign take: 16 MiB. A message is worked on as a
	// whole, in memory.
	MaxMessage = 1 << 24

	seedSize = 32
)

// The first byte of everything that is stored or sent: its kind in the high four bits, its version in the low four.
// Bytes of one kind are never taken for another, and zeroed memory for none.
const (
	formPublic = 0x11
	formSecret = 0x21
	formSealed = 0x31
	formSigned = 0x41
)

// The labels of this package: one for each use of SHA-256, so that nothing made for one use serves another. They stand
// in the one table of all labels.
const (
	labelSigning = string(identity.LabelDoorSigning)
	labelSealing = string(identity.LabelDoorSealing)
	labelSealed  = string(identity.LabelDoorSealed)
	labelSigned  = string(identity.LabelDoorSigned)
)

var (
	// ErrSecret says that bytes are not a secret, or that a Secret was never set.
	ErrSecret = errors.New("crypto: not a secret")
	// ErrPublic says that bytes are not a public key, or that a Public was never set.
	ErrPublic = errors.New("crypto: not a public key")
	// ErrPurpose says that a Purpose is not 1 to MaxPurpose bytes of printable ASCII.
	ErrPurpose = errors.New("crypto: not a purpose")
	// ErrTooLong says that a message is longer than MaxMessage.
	ErrTooLong = errors.New("crypto: message too long")
	// ErrSealed says that something cannot be opened, and not why: it was not sealed, or for somebody else, or for
	// another purpose, or it was changed or cut.
	ErrSealed = errors.New("crypto: cannot be opened")
	// ErrSigned says that something is not what this key signed for this purpose, and not why: it was not signed, or
	// by somebody else, or for another purpose, or it was changed or cut.
	ErrSigned = errors.New("crypto: not signed so")

	// errText keeps encoding/json from writing {} where a value with private fields stands, and losing it silently.
	errText = errors.New("crypto: no text form; store the bytes of AppendTo")
)

// Secret is the half of a key pair that its owner keeps: it opens what was sealed for its Public, and signs what its
// Public verifies. Whoever has it can do both, so it goes into no message, log or backup that is not itself sealed.
//
// It is a small handle that may be copied, and used by several goroutines at once. It cannot be compared with == (see
// Equal) and prints nothing of itself. The zero value is no secret: every call refuses it with ErrSecret.
type Secret struct {
	keys func() *keys // a function, because fmt prints what it finds behind a pointer, but cannot call
}

// keys is what a Secret leads to. It never changes. No key serves two algorithms: each is derived from the seed by a
// label of its own.
type keys struct {
	seed   [seedSize]byte
	sign   ed25519.PrivateKey
	open   hpke.PrivateKey
	public Public
}

// Generate returns a fresh key pair: the Secret, and with Secret.Public the half that others may know. It cannot fail,
// for the operating system's randomness does not.
func Generate() Secret {
	var seed [seedSize]byte
	rand.Read(seed[:])
	return newSecret(&seed)
}

// ParseSecret reads what Secret.AppendTo wrote: exactly SecretSize bytes. The error is ErrSecret. It keeps nothing of b.
func ParseSecret(b []byte) (Secret, error) {
	if len(b) != SecretSize || b[0] != formSecret {
		return Secret{}, ErrSecret
	}
	return newSecret((*[seedSize]byte)(b[1:])), nil
}

// newSecret derives both key pairs from a copy of the seed, by HKDF-SHA-256 (RFC 5869) without salt: the labels are
// the info. The sealing key is 32 bytes that crypto/hpke expands (X-Wing, section 5.2).
func newSecret(seed *[seedSize]byte) Secret {
	k := &keys{seed: *seed}
	var signing [ed25519.SeedSize]byte
	kdf.HKDF(signing[:], nil, seed[:], labelSigning)
	k.sign = ed25519.NewKeyFromSeed(signing[:])

	var sealing [seedSize]byte
	kdf.HKDF(sealing[:], nil, seed[:], labelSealing)
	open, err := hpke.MLKEM768X25519().NewPrivateKey(sealing[:])
	if err != nil { // it refuses nothing but other sizes
		panic("crypto: " + err.Error())
	}
	k.open = open

	k.public.raw[0] = formPublic
	copy(k.public.raw[1:], k.sign[seedSize:])
	copy(k.public.raw[1+ed25519.PublicKeySize:], open.PublicKey().Bytes())
	return Secret{keys: func() *keys { return k }}
}

// Public returns the half that others may know. It is the zero Public for the zero Secret.
func (s Secret) Public() Public {
	if s.keys == nil {
		return Public{}
	}
	return s.keys().public
}

// AppendTo appends the SecretSize secret bytes, for storage that nobody else can read. The zero Secret appends
// nothing, and ParseSecret refuses nothing.
func (s Secret) AppendTo(b []byte) []byte {
	if s.keys == nil {
		return b
	}
	return append(append(b, formSecret), s.keys().seed[:]...)
}

// Equal tells in constant time whether both are the same secret. The zero Secret equals nothing, not even itself.
func (s Secret) Equal(other Secret) bool {
	return s.keys != nil && other.keys != nil &&
		subtle.ConstantTimeCompare(s.keys().seed[:], other.keys().seed[:]) == 1
}

// Format prints what this is, and nothing of the secret, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "crypto.Secret") }

// MarshalText always fails: encoding/json and its like would else write an empty object, and the secret would be lost.
func (Secret) MarshalText() ([]byte, error) { return nil, errText }
