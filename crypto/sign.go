package crypto

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
)

// SignOverhead is by how many bytes something signed is longer than its message: form (1), signature (64).
const SignOverhead = 1 + ed25519.SignatureSize

// Signed is a message together with the proof of who wrote it. The message stands in it for everybody to read: signing
// does not hide. Verify alone gives it out, so that nobody reads what they did not verify.
//
// Several goroutines may use it at once, and it may be copied. The zero value is not signed: Verify refuses it.
type Signed struct{ signed []byte }

// Sign signs a message of at most MaxMessage bytes, which may be empty. The same arguments give the same bytes. The
// errors are ErrSecret for the zero Secret, ErrPurpose, and ErrTooLong.
//
// What it promises: nobody without the Secret can make anything that Verify takes, for this message or another, this
// purpose or another, or change a bit of what the owner made. Unlike what is sealed, this is classical: whoever has
// a quantum computer large enough can forge. So far nobody has, and what is verified today is not undone by one tomorrow.
//
// What it does not: that it is new (put a number or a time into the message), or for you (put in for whom it is). And
// it cannot be denied: anybody can be shown who signed. What people say to each other is not for Sign, but for
// crypto/session.
//
// Source: Ed25519 (RFC 8032, section 5.1) over Purpose.bind and the message. It is not Ed25519ctx (section 5.1.1): its
// context would say the same as bind, many libraries lack it, and the key signs nothing else, so nothing can be mistaken.
func Sign(secret Secret, purpose Purpose, message []byte) (Signed, error) {
	if secret.keys == nil {
		return Signed{}, ErrSecret
	}
	if err := purpose.check(); err != nil {
		return Signed{}, err
	}
	if len(message) > MaxMessage {
		return Signed{}, ErrTooLong
	}
	k := secret.keys()
	signature := ed25519.Sign(k.sign, append(purpose.bind(labelSigned, &k.public, len(message)), message...))
	b := make([]byte, 0, SignOverhead+len(message))
	b = append(append(b, formSigned), signature...)
	return Signed{append(b, message...)}, nil
}

// Verify returns the message if the owner of the public key signed it for this purpose, and nothing else otherwise. It
// is the caller's own, and may be empty.
//
// All that is wrong with what was signed is ErrSigned. The other errors are the caller's own: ErrPublic for the zero
// Public, and ErrPurpose. What is verified is public, so the time that it takes is not constant.
func Verify(by Public, purpose Purpose, signed Signed) ([]byte, error) {
	if by.isZero() {
		return nil, ErrPublic
	}
	if err := purpose.check(); err != nil {
		return nil, err
	}
	if len(signed.signed) < SignOverhead {
		return nil, ErrSigned
	}
	signature, message := signed.signed[1:SignOverhead], signed.signed[SignOverhead:]
	if !ed25519.Verify(by.signing(), append(purpose.bind(labelSigned, &by, len(message)), message...), signature) {
		return nil, ErrSigned
	}
	return bytes.Clone(message), nil
}

// ParseSigned reads what Signed.AppendTo wrote, up to the end of b: SignOverhead to SignOverhead + MaxMessage bytes. It
// checks the form alone; who signed, Verify tells. It keeps nothing of b. The error is ErrSigned.
func ParseSigned(b []byte) (Signed, error) {
	if len(b) < SignOverhead || len(b) > SignOverhead+MaxMessage || b[0] != formSigned {
		return Signed{}, ErrSigned
	}
	return Signed{bytes.Clone(b)}, nil
}

// AppendTo appends the bytes, SignOverhead more than the message has, to be stored or sent. The zero Signed appends
// nothing, and ParseSigned refuses nothing.
func (s Signed) AppendTo(b []byte) []byte { return append(b, s.signed...) }

// Format prints what this is, and not the message, whatever the verb.
func (Signed) Format(f fmt.State, _ rune) { fmt.Fprint(f, "crypto.Signed") }

// MarshalText always fails: encoding/json and its like would else write an empty object, and the message would be lost.
func (Signed) MarshalText() ([]byte, error) { return nil, errText }
