// Package envelope seals a session message so that its carrier learns neither sender nor length.
//
// An envelope is 512 bytes, or 1, 2, 4, 8, 16, 32 or 64 KiB, and nothing else. Its first byte is the form:
//
//	1 opening   0x01 ‖ HPKE key (1120) ‖ HPKE ciphertext              as long as the session has no answer
//	2 session   0x02 ‖ tag (8) ‖ nonce (12) ‖ AES-256-GCM             afterwards
//	3 weak      0x03 ‖ tag (8) ‖ nonce (12) ‖ AES-256-GCM             typing and presence: no ratchet, never written to disk
//	4, 5        reserved for groups and blobs
//	plaintext   size of the body (2, big endian) ‖ body ‖ zeros       so that the envelope has one of the sizes
//
// The body is the inner header (see Inner) with the session message. In form 1, HPKE (RFC 9180, base mode,
// MLKEM768-X25519, HKDF-SHA256, AES-256-GCM) seals it to the recipient's envelope key, and info binds it to account and
// device. In forms 2 and 3 the keys come from 32 bytes that the initiator drew for the session: a chain for each
// direction, hashed forward from epoch to epoch, gives a tag and a key to each form. A carrier without those bytes cannot
// link the tags of two epochs, of two directions or of two forms.
//
// An epoch is a number and no date. The sender goes on to the next when it sends, at most once a day, and never more
// than 40 beyond the last from which the other side acknowledged anything; the receiver knows the tags from 44 epochs
// back to 45 ahead of the highest that it opened. So a message of yesterday opens, and a clock decides nothing.
//
// What a session's message says is the session's to protect. This package hides who wrote it, and how long it is, from
// whoever carries it, also against a quantum computer. Times and places still tell something. Form 1 hides the sender
// until the recipient's envelope key is stolen; forms 2 and 3 until the keys of a session are, and then from the lowest
// epoch that the thief finds.
//
// Everything is a value: a call returns the next Sender or Receiver and leaves its own untouched. PROTOCOL.md has the
// bytes.
package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Form says how an envelope is sealed. It is its first byte.
type Form byte

// The forms.
const (
	FormOpening Form = 1 // HPKE, around a PreKeySignalMessage
	FormSession Form = 2 // keys of the session, around a SignalMessage
	FormWeak    Form = 3 // keys of the session, around a weak update
)

// String names the form.
func (f Form) String() string {
	switch f {
	case FormOpening:
		return "opening"
	case FormSession:
		return "session"
	case FormWeak:
		return "weak"
	default:
		return "Form?"
	}
}

// Sizes in bytes.
const (
	MinSize = 512      // of the smallest envelope
	MaxSize = 64 << 10 // of the largest

	// NameSize is the size of a Name.
	NameSize = sha256.Size

	lengthSize = 2
	tagSize    = 8
	nonceSize  = 12
	gcmSize    = 16
)

var (
	// ErrForm says that bytes are not an envelope of a form that is known.
	ErrForm = errors.New("envelope: unknown form")
	// ErrSize says that an envelope has none of the sizes, or that a message fits into none.
	ErrSize = errors.New("envelope: wrong size")
	// ErrTag says that an envelope is not of this session, or of an epoch that is too far away.
	ErrTag = errors.New("envelope: unknown tag")
	// ErrOpen says that an envelope cannot be opened.
	ErrOpen = errors.New("envelope: cannot open")
	// ErrInner says that what was sealed is not an inner header as it must be.
	ErrInner = errors.New("envelope: invalid inner header")
	// ErrKey says that a key is invalid or was never set.
	ErrKey = errors.New("envelope: invalid key")
	// ErrAck says that a reply does not acknowledge the envelope.
	ErrAck = errors.New("envelope: not acknowledged")
	// ErrState says that stored bytes are not a state of this version.
	ErrState = errors.New("envelope: invalid state")
)

// Party is one device of an account.
type Party struct {
	Account identity.Account
	Device  uint8 // 1..identity.MaxNumber
}

func (p Party) valid() bool {
	return !p.Account.IsZero() && p.Device >= 1 && p.Device <= identity.MaxNumber
}

// Name names post: the SHA-256 of an envelope's bytes.
type Name [NameSize]byte

// NameOf returns the name of an envelope.
func NameOf(b []byte) Name { return sha256.Sum256(b) }

// FormOf returns the form of an envelope. It returns ErrSize unless b has one of the sizes, and ErrForm for a form that is
// not known (which may need a newer Linnet).
func FormOf(b []byte) (Form, error) {
	if len(b) < MinSize || len(b) > MaxSize || len(b)&(len(b)-1) != 0 {
		return 0, fmt.Errorf("%w: %d bytes", ErrSize, len(b))
	}
	switch f := Form(b[0]); f {
	case FormOpening, FormSession, FormWeak:
		return f, nil
	default:
		return 0, fmt.Errorf("%w: %d", ErrForm, b[0])
	}
}

// Sealed is an envelope and what its sender keeps with it until it is acknowledged. A retry sends the same bytes.
type Sealed struct {
	Bytes []byte
	Epoch uint32 // of forms 2 and 3; see Sender.Outdated
	Ack   AckKey // of forms 1 and 2
}

// hidden holds 32 secret bytes. It is a function because fmt prints what it finds behind a pointer, but cannot call. A nil
// one holds none.
type hidden func() *[32]byte

func hide(b [32]byte) hidden { return func() *[32]byte { return &b } }

// equal tells in constant time whether both hold the same. Those that hold none equal nothing.
func (h hidden) equal(other hidden) bool {
	return h != nil && other != nil && subtle.ConstantTimeCompare(h()[:], other()[:]) == 1
}

// appendTo appends the bytes, or nothing.
func (h hidden) appendTo(b []byte) []byte {
	if h == nil {
		return b
	}
	return append(b, h()[:]...)
}

// AckKey is what the reply to one envelope is made with: only who opened the envelope can acknowledge it. It cannot be
// compared with == and does not print its secret. The zero AckKey, that of a weak update, acknowledges and verifies
// nothing.
type AckKey struct{ key hidden }

// AckSize is the size of an acknowledgement in bytes.
const AckSize = sha256.Size

// Format prints what this is, and nothing of the secret, whatever the verb.
func (AckKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "envelope.AckKey") }

// IsZero tells whether k was never set.
func (k AckKey) IsZero() bool { return k.key == nil }

// Equal tells in constant time whether both are the same. Zero keys equal nothing.
func (k AckKey) Equal(other AckKey) bool { return k.key.equal(other.key) }

// ParseAckKey reads the 32 bytes that AppendTo wrote.
func ParseAckKey(b []byte) (AckKey, error) {
	if len(b) != 32 {
		return AckKey{}, ErrKey
	}
	return AckKey{hide([32]byte(b))}, nil
}

// AppendTo appends the 32 secret bytes of the key, for sealed storage. A zero key appends nothing.
func (k AckKey) AppendTo(b []byte) []byte { return k.key.appendTo(b) }

// Acknowledge returns the reply to the envelope of this name, or ErrKey. It is to be sent only after what the envelope
// brought is stored.
func (k AckKey) Acknowledge(name Name) ([AckSize]byte, error) {
	if k.IsZero() {
		return [AckSize]byte{}, ErrKey
	}
	return identity.LabelAck.MAC(k.key()[:], name[:]), nil
}

// Verify returns nil if reply is the other side's acknowledgement of the envelope of this name, and otherwise ErrAck. It
// takes constant time.
func (k AckKey) Verify(name Name, reply []byte) error {
	want, err := k.Acknowledge(name)
	if err != nil || !hmac.Equal(want[:], reply) {
		return ErrAck
	}
	return nil
}

// pad returns length ‖ body ‖ zeros so that, with the overhead, it has the smallest size that holds it.
func pad(body []byte, overhead int) ([]byte, error) {
	need := overhead + lengthSize + len(body)
	if need > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrSize, need)
	}
	size := MinSize
	for size < need {
		size *= 2
	}
	b := binary.BigEndian.AppendUint16(make([]byte, 0, size), uint16(len(body)))
	return append(b, body...)[:size-overhead], nil
}

// unpad returns the body of what pad returned.
func unpad(b []byte) ([]byte, error) {
	if len(b) < lengthSize {
		return nil, ErrInner
	}
	n := int(binary.BigEndian.Uint16(b))
	b = b[lengthSize:]
	if n > len(b) {
		return nil, ErrInner
	}
	for _, v := range b[n:] {
		if v != 0 {
			return nil, ErrInner
		}
	}
	return b[:n], nil
}

func gcm(key *[32]byte) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("envelope: 32 bytes are not a key")
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("envelope: AES has no GCM")
	}
	return aead
}
