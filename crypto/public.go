package crypto

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"fmt"

	"filippo.io/edwards25519/field"

	"github.com/linnetmesh/linnet/crypto/internal/point"
)

// PublicSize is the size in bytes of a Public: form (1), Ed25519 (32), ML-KEM-768 (1184), X25519 (32). Nearly all of it
// is the part that withstands quantum computers.
const PublicSize = 1 + ed25519.PublicKeySize + sealingSize

// sealingSize is the size of the HPKE public key, of which the last fieldSize are X25519.
const (
	sealingSize = 1184 + fieldSize
	fieldSize   = 32
)

// Public is the half of a key pair that others may know: Seal takes it for an address, Verify for a name. It is safe to
// give to anybody, but whoever takes one must know whose it is, from a place that the owner alone could write to.
//
// Two are the same if and only if they are equal by ==, and one can be the key of a map. It is 1249 bytes large, which
// a copy copies, and several goroutines may use it at once. The zero value is no key: every call refuses it with
// ErrPublic. It prints as its type alone, so that no log says by accident who talks to whom.
type Public struct{ raw [PublicSize]byte }

// ParsePublic reads what Public.AppendTo wrote: exactly PublicSize bytes. It keeps nothing of b. The error is ErrPublic
// for anything that Generate could not have made, as far as can be told without the secret:
//
//   - an Ed25519 point that is not in its one encoding (RFC 8032, section 5.1.3), or is not in the group of prime
//     order, so that signatures under it could mean two things, or hold for every message;
//   - an ML-KEM key with a coefficient that is not reduced (FIPS 203, section 7.2);
//   - an X25519 key that is not below 2^255-19, or of small order (RFC 7748, section 6.1), to which nobody can seal.
func ParsePublic(b []byte) (Public, error) {
	if len(b) != PublicSize || b[0] != formPublic {
		return Public{}, ErrPublic
	}
	p := Public{raw: [PublicSize]byte(b)}
	if !point.Prime(p.signing()) || !usefulField([fieldSize]byte(b[PublicSize-fieldSize:])) {
		return Public{}, ErrPublic
	}
	if _, err := p.sealing(); err != nil {
		return Public{}, ErrPublic
	}
	return p, nil
}

// AppendTo appends the PublicSize bytes of the key, to be stored or sent. The zero Public appends nothing, and
// ParsePublic refuses nothing.
func (p Public) AppendTo(b []byte) []byte {
	if p.isZero() {
		return b
	}
	return append(b, p.raw[:]...)
}

// Format prints what this is, and not which, whatever the verb.
func (Public) Format(f fmt.State, _ rune) { fmt.Fprint(f, "crypto.Public") }

// MarshalText always fails: encoding/json and its like would else write an empty object, and the key would be lost.
func (Public) MarshalText() ([]byte, error) { return nil, errText }

func (p *Public) isZero() bool { return p.raw[0] != formPublic }

func (p *Public) signing() ed25519.PublicKey { return p.raw[1 : 1+ed25519.PublicKeySize] }

// sealing reads the HPKE public key. It takes a seventh of the time of Seal; to keep it would cost Public its ==.
func (p *Public) sealing() (hpke.PublicKey, error) {
	return hpke.MLKEM768X25519().NewPublicKey(bytes.Clone(p.raw[1+ed25519.PublicKeySize:])) // cloned, p stays on the stack
}

// usefulField tells whether u is the one encoding of an X25519 key with which a secret can be shared.
func usefulField(u [fieldSize]byte) bool {
	e, err := new(field.Element).SetBytes(u[:])
	if err != nil || [fieldSize]byte(e.Bytes()) != u { // Bytes reduces, and never sets bit 255
		return false
	}
	switch string(u[:]) {
	case smallOrder0, smallOrder1, smallOrder2, smallOrder3, smallOrder4:
		return false
	}
	return true
}

// The u coordinates of the points of order 1, 2, 4 and 8 on the curve and its twist, little endian: 0, 1, both of order
// 8, and -1. (The list is D. J. Bernstein's, cr.yp.to/ecdh.html, without those that are not reduced.)
const (
	smallOrder0 = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	smallOrder1 = "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	smallOrder2 = "\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a" +
		"\xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00"
	smallOrder3 = "\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef\x5b" +
		"\x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f\x11\x57"
	smallOrder4 = "\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
)
