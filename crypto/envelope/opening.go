package envelope

import (
	"crypto/hpke"
	"crypto/rand"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Sizes of an envelope key in bytes.
const (
	PublicKeySize  = 1184 + 32 // ML-KEM-768 ‖ X25519
	PrivateKeySize = 32

	encapsulatedSize = 1088 + 32
	openingOverhead  = 1 + encapsulatedSize + gcmSize
)

// PublicKey is what envelopes of form 1 are sealed to: MLKEM768-X25519 (X-Wing). A device publishes it in its bundle. It
// is a small handle that may be copied and used by several goroutines at once. The zero value is no key.
type PublicKey struct{ k hpke.PublicKey }

// ParsePublicKey reads a key of exactly PublicKeySize bytes.
func ParsePublicKey(b []byte) (PublicKey, error) {
	if len(b) != PublicKeySize {
		return PublicKey{}, ErrKey
	}
	k, err := hpke.MLKEM768X25519().NewPublicKey(b)
	if err != nil {
		return PublicKey{}, ErrKey
	}
	return PublicKey{k}, nil
}

// IsZero tells whether p was never set.
func (p PublicKey) IsZero() bool { return p.k == nil }

// AppendTo appends the PublicKeySize bytes of the key. A zero key appends nothing.
func (p PublicKey) AppendTo(b []byte) []byte {
	if p.IsZero() {
		return b
	}
	return append(b, p.k.Bytes()...)
}

// PrivateKey opens envelopes of form 1. It is a small handle that may be copied and used by several goroutines at once. It
// does not print its secret. The zero value is no key.
type PrivateKey struct {
	_ [0]func() // no ==
	k *private
}

type private struct {
	seed hidden
	key  hpke.PrivateKey
}

// GenerateKey returns a fresh key.
func GenerateKey() PrivateKey {
	var seed [PrivateKeySize]byte
	rand.Read(seed[:])
	k, err := ParsePrivateKey(seed[:])
	if err != nil {
		panic("envelope: a seed is refused: " + err.Error())
	}
	return k
}

// ParsePrivateKey reads a key: a seed of exactly PrivateKeySize bytes.
func ParsePrivateKey(seed []byte) (PrivateKey, error) {
	if len(seed) != PrivateKeySize {
		return PrivateKey{}, ErrKey
	}
	s := [PrivateKeySize]byte(seed)
	key, err := hpke.MLKEM768X25519().NewPrivateKey(s[:])
	if err != nil {
		return PrivateKey{}, ErrKey
	}
	return PrivateKey{k: &private{hide(s), key}}, nil
}

// IsZero tells whether k was never set.
func (k PrivateKey) IsZero() bool { return k.k == nil }

// Format prints what this is, and nothing of the secret, whatever the verb.
func (PrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "envelope.PrivateKey") }

// AppendTo appends the secret PrivateKeySize bytes of the key, for sealed storage. A zero key appends nothing.
func (k PrivateKey) AppendTo(b []byte) []byte {
	if k.IsZero() {
		return b
	}
	return k.k.seed.appendTo(b)
}

// Equal tells in constant time whether both are the same key. Zero keys equal nothing.
func (k PrivateKey) Equal(other PrivateKey) bool {
	return !k.IsZero() && !other.IsZero() && k.k.seed.equal(other.k.seed)
}

// Public returns the public half, which is zero for a zero key.
func (k PrivateKey) Public() PublicKey {
	if k.IsZero() {
		return PublicKey{}
	}
	return PublicKey{k.k.key.PublicKey()}
}

// openingInfo binds an envelope of form 1 to the device that it is for.
func openingInfo(recipient Party) []byte {
	return identity.LabelEnvelope.Input(recipient.Account[:], []byte{recipient.Device})
}

// SealOpening seals an inner header with a PreKeySignalMessage, to the envelope key from the recipient's bundle.
func SealOpening(to PublicKey, recipient Party, in *Inner) (Sealed, error) {
	if to.IsZero() || !recipient.valid() {
		return Sealed{}, ErrKey
	}
	body, err := in.marshal(FormOpening)
	if err != nil {
		return Sealed{}, err
	}
	padded, err := pad(body, openingOverhead)
	if err != nil {
		return Sealed{}, err
	}
	enc, sender, err := hpke.NewSender(to.k, hpke.HKDFSHA256(), hpke.AES256GCM(), openingInfo(recipient))
	if err != nil {
		return Sealed{}, ErrKey
	}
	form := []byte{byte(FormOpening)}
	ciphertext, err := sender.Seal(form, padded)
	if err != nil {
		return Sealed{}, ErrKey
	}
	ack, err := sender.Export(identity.LabelAckKey.Info(), 32)
	if err != nil {
		return Sealed{}, ErrKey
	}
	b := append(append(make([]byte, 0, openingOverhead+len(padded)), form...), enc...)
	return Sealed{Bytes: append(b, ciphertext...), Ack: AckKey{hide([32]byte(ack))}}, nil
}

// Opened is what an envelope brought.
type Opened struct {
	*Inner
	Epoch uint32 // of forms 2 and 3
	Ack   AckKey // of forms 1 and 2
}

// OpenOpening opens an envelope of form 1 that is for this device. Anybody can make one: the session in it proves who did.
// A device that keeps older envelope keys tries them one
// after the other, so that junk costs it some 0.2 ms for each.
func OpenOpening(key PrivateKey, recipient Party, b []byte) (Opened, error) {
	if key.IsZero() || !recipient.valid() {
		return Opened{}, ErrKey
	}
	if f, err := FormOf(b); err != nil {
		return Opened{}, err
	} else if f != FormOpening || len(b) < openingOverhead {
		return Opened{}, ErrForm
	}
	enc, ciphertext := b[1:1+encapsulatedSize], b[1+encapsulatedSize:]
	r, err := hpke.NewRecipient(enc, key.k.key, hpke.HKDFSHA256(), hpke.AES256GCM(), openingInfo(recipient))
	if err != nil {
		return Opened{}, ErrOpen
	}
	padded, err := r.Open(b[:1], ciphertext)
	if err != nil {
		return Opened{}, ErrOpen
	}
	ack, err := r.Export(identity.LabelAckKey.Info(), 32)
	if err != nil {
		return Opened{}, ErrOpen
	}
	body, err := unpad(padded)
	if err != nil {
		return Opened{}, err
	}
	in, err := parseInner(body, FormOpening)
	if err != nil {
		return Opened{}, err
	}
	return Opened{Inner: in, Ack: AckKey{hide([32]byte(ack))}}, nil
}
