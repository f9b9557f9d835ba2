package envelope

import (
	"crypto/rand"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// SecretSize is the size of a Secret in bytes.
const SecretSize = 32

// Secret is what the initiator draws for a session and repeats inside each of its PreKeySignalMessages, inside the ratchet:
// the beginning of the keys of both directions. The initiator keeps it until the session is answered, the responder makes
// one Sender and one Receiver of it when the session opens, and never again: a message that repeats it later begins
// nothing anew. It cannot be compared with == and does not print itself. The zero value is none.
type Secret struct{ b hidden }

// NewSecret returns a fresh Secret.
func NewSecret() Secret {
	var b [SecretSize]byte
	rand.Read(b[:])
	return Secret{hide(b)}
}

// ParseSecret reads a Secret of exactly SecretSize bytes.
func ParseSecret(b []byte) (Secret, error) {
	if len(b) != SecretSize {
		return Secret{}, ErrKey
	}
	return Secret{hide([SecretSize]byte(b))}, nil
}

// Format prints what this is, and nothing of the secret, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "envelope.Secret") }

// IsZero tells whether s was never set.
func (s Secret) IsZero() bool { return s.b == nil }

// AppendTo appends the SecretSize bytes. A zero Secret appends nothing.
func (s Secret) AppendTo(b []byte) []byte { return s.b.appendTo(b) }

// Equal tells in constant time whether both are the same. Zero Secrets equal nothing.
func (s Secret) Equal(other Secret) bool { return s.b.equal(other.b) }

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
	key   hidden
}

func firstEpoch(s Secret, direction byte) epochKey {
	var key [32]byte
	identity.LabelEnvelopeRoot.Derive(key[:], s.b()[:], []byte{direction})
	return epochKey{0, hide(key)}
}

// at returns the key of a later epoch.
func (k epochKey) at(epoch uint32) epochKey {
	if epoch <= k.epoch {
		return k
	}
	key := *k.key()
	for range epoch - k.epoch {
		identity.LabelEnvelopeEpoch.Derive(key[:], append([]byte(nil), key[:]...))
	}
	return epochKey{epoch, hide(key)}
}

// Tag says, to whoever holds the session's keys and to nobody else, which session and epoch an envelope is of.
type Tag [tagSize]byte

func (k epochKey) tag(f Form) (t Tag) {
	label := identity.LabelEnvelopeTag
	if f == FormWeak {
		label = identity.LabelWeakTag
	}
	label.Derive(t[:], k.key()[:])
	return t
}

func (k epochKey) seal(f Form) (key [32]byte) {
	label := identity.LabelEnvelopeKey
	if f == FormWeak {
		label = identity.LabelWeakKey
	}
	label.Derive(key[:], k.key()[:])
	return key
}

// ack returns the acknowledgement key of the one envelope with this header.
func (k epochKey) ack(header []byte) AckKey {
	var key [32]byte
	identity.LabelAckKey.Derive(key[:], k.key()[:], header)
	return AckKey{hide(key)}
}

// associated is what forms 2 and 3 authenticate beside the plaintext: the header, and whom it is for.
func associated(header []byte, recipient Party) []byte {
	b := make([]byte, 0, headerSize+identity.KeySize+1)
	return append(append(append(b, header...), recipient.Account[:]...), recipient.Device)
}
