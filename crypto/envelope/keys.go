package envelope

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// SecretSize is the size of a Secret in bytes.
const SecretSize = 32

// Secret is what the initiator draws for a session and repeats inside each of its PreKeySignalMessages: the beginning of the
// keys of both directions. Whoever has made a Sender and a Receiver from it must forget it. It does not print itself. The
// zero value is none.
type Secret struct {
	b func() *[SecretSize]byte // a function, because fmt prints what it finds behind a pointer, but cannot call
}

func secretOf(b [SecretSize]byte) Secret { return Secret{func() *[SecretSize]byte { return &b }} }

// NewSecret returns a fresh Secret.
func NewSecret() Secret {
	var b [SecretSize]byte
	rand.Read(b[:])
	return secretOf(b)
}

// ParseSecret reads a Secret of exactly SecretSize bytes.
func ParseSecret(b []byte) (Secret, error) {
	if len(b) != SecretSize {
		return Secret{}, ErrKey
	}
	return secretOf([SecretSize]byte(b)), nil
}

// Format prints what this is, and nothing of the secret, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "envelope.Secret") }

// IsZero tells whether s was never set.
func (s Secret) IsZero() bool { return s.b == nil }

// AppendTo appends the SecretSize bytes. A zero Secret appends nothing.
func (s Secret) AppendTo(b []byte) []byte {
	if s.IsZero() {
		return b
	}
	return append(b, s.b()[:]...)
}

// Equal tells in constant time whether both are the same. Zero Secrets equal nothing.
func (s Secret) Equal(other Secret) bool {
	return !s.IsZero() && !other.IsZero() && subtle.ConstantTimeCompare(s.b()[:], other.b()[:]) == 1
}

// The directions of a session.
const (
	fromInitiator = 0
	fromResponder = 1
)

func direction(initiatorSends bool) byte {
	if initiatorSends {
		return fromInitiator
	}
	return fromResponder
}

// epochKey is the key of one direction in one epoch. The next one comes from it, the one before does not.
type epochKey struct {
	epoch uint32
	key   [32]byte
}

func firstEpoch(s Secret, direction byte) (k epochKey) {
	identity.LabelEnvelopeRoot.Derive(k.key[:], s.b()[:], []byte{direction})
	return k
}

// at returns the key of a later epoch.
func (k epochKey) at(epoch uint32) epochKey {
	for k.epoch < epoch {
		var next [32]byte
		identity.LabelEnvelopeEpoch.Derive(next[:], k.key[:])
		k = epochKey{k.epoch + 1, next}
	}
	return k
}

// Tag says, to whoever holds the session's keys and to nobody else, which session and epoch an envelope is of.
type Tag [tagSize]byte

func (k epochKey) tag(f Form) (t Tag) {
	label := identity.LabelEnvelopeTag
	if f == FormWeak {
		label = identity.LabelWeakTag
	}
	label.Derive(t[:], k.key[:])
	return t
}

func (k epochKey) seal(f Form) (key [32]byte) {
	label := identity.LabelEnvelopeKey
	if f == FormWeak {
		label = identity.LabelWeakKey
	}
	label.Derive(key[:], k.key[:])
	return key
}

func (k epochKey) ack() (a AckKey) {
	identity.LabelAckKey.Derive(a.key[:], k.key[:])
	return a
}

// associated is what forms 2 and 3 authenticate beside the plaintext: the header, and whom it is for.
func associated(header []byte, recipient Party) []byte {
	b := make([]byte, 0, headerSize+identity.KeySize+1)
	return append(append(append(b, header...), recipient.Account[:]...), recipient.Device)
}
