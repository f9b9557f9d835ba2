package crypto

import (
	"bytes"
	"crypto/hpke"
	"fmt"
)

// SealOverhead is by how many bytes something sealed is longer than its message: form (1), what carries the key (1120),
// tag (16).
const SealOverhead = 1 + encSize + tagSize

const (
	encSize = 1088 + fieldSize // ML-KEM-768, X25519
	tagSize = 16
)

// Sealed is a message that one Secret can open. It may lie and travel anywhere: it names neither who sealed it nor for
// whom, but its length tells that of the message (SealOverhead less).
//
// It is a type of its own, and not bytes, so that a message cannot be sent in its place. Several goroutines may use it
// at once, and it may be copied. The zero value is not sealed: Open refuses it.
type Sealed struct{ sealed []byte }

// Seal seals a message of at most MaxMessage bytes, which may be empty, for the owner of a public key. It is different
// each time. The errors are ErrPublic for the zero Public, ErrPurpose, and ErrTooLong.
//
// What it promises: nobody without the Secret learns more of the message than its length, also if they recorded it and
// have a quantum computer in years to come, as long as one of ML-KEM-768 and X25519 holds; and nobody can change it.
//
// What it does not: who sealed it (anybody can; Sign first, and put into the message for whom it is, or else the reader
// can seal it on to others in the signer's name), that it was not opened before, and forward secrecy: who gets the
// Secret one day reads all that was ever sealed for it. Conversations have all three: they use crypto/session.
//
// Source: RFC 9180 (HPKE), base mode, one message, with MLKEM768-X25519 (X-Wing, draft-ietf-hpke-pq), HKDF-SHA256 and
// AES-256-GCM.
func Seal(to Public, purpose Purpose, message []byte) (Sealed, error) {
	if to.isZero() {
		return Sealed{}, ErrPublic
	}
	if err := purpose.check(); err != nil {
		return Sealed{}, err
	}
	if len(message) > MaxMessage {
		return Sealed{}, ErrTooLong
	}
	key, err := to.sealing()
	if err != nil {
		return Sealed{}, ErrPublic
	}
	enc, sender, err := hpke.NewSender(key, hpke.HKDFSHA256(), hpke.AES256GCM(), purpose.bind(labelSealed, &to, 0))
	if err != nil {
		return Sealed{}, ErrPublic
	}
	ciphertext, err := sender.Seal(nil, message)
	if err != nil {
		return Sealed{}, ErrPublic
	}
	b := make([]byte, 0, 1+len(enc)+len(ciphertext))
	b = append(append(b, formSealed), enc...)
	return Sealed{append(b, ciphertext...)}, nil
}

// Open returns the message that was sealed for this secret and this purpose. It is the caller's own, and may be empty.
//
// All that is wrong with what was sealed is ErrSealed and nothing more, for the reason would help who sent it to guess.
// The other errors are the caller's own: ErrSecret for the zero Secret, and ErrPurpose.
func Open(secret Secret, purpose Purpose, sealed Sealed) ([]byte, error) {
	if secret.keys == nil {
		return nil, ErrSecret
	}
	if err := purpose.check(); err != nil {
		return nil, err
	}
	if len(sealed.sealed) < SealOverhead {
		return nil, ErrSealed
	}
	k := secret.keys()
	info := purpose.bind(labelSealed, &k.public, 0)
	message, err := hpke.Open(k.open, hpke.HKDFSHA256(), hpke.AES256GCM(), info, sealed.sealed[1:])
	if err != nil {
		return nil, ErrSealed
	}
	return message, nil
}

// ParseSealed reads what Sealed.AppendTo wrote, up to the end of b: SealOverhead to SealOverhead + MaxMessage bytes. It
// checks the form alone; whether it can be opened, Open tells. It keeps nothing of b. The error is ErrSealed.
func ParseSealed(b []byte) (Sealed, error) {
	if len(b) < SealOverhead || len(b) > SealOverhead+MaxMessage || b[0] != formSealed {
		return Sealed{}, ErrSealed
	}
	return Sealed{bytes.Clone(b)}, nil
}

// AppendTo appends the bytes, SealOverhead more than the message has, to be stored or sent. The zero Sealed appends
// nothing, and ParseSealed refuses nothing.
func (s Sealed) AppendTo(b []byte) []byte { return append(b, s.sealed...) }

// Format prints what this is, and not its bytes, whatever the verb.
func (Sealed) Format(f fmt.State, _ rune) { fmt.Fprint(f, "crypto.Sealed") }

// MarshalText always fails: encoding/json and its like would else write an empty object, and the message would be lost.
func (Sealed) MarshalText() ([]byte, error) { return nil, errText }
