// Package xeddsa holds the X25519 keys of the Signal Protocol, and signs with them.
//
// One key pair agrees on secrets (X25519, RFC 7748) and signs (XEdDSA, in the form that the official Signal library
// uses, which differs from the paper in one point: the sign of the Edwards key travels in the signature, and the
// private scalar is never negated).
//
//	public key on the wire   33 bytes   0x05 ‖ u              u: Montgomery coordinate, little endian
//	private key              32 bytes   clamped as RFC 7748 section 5 says, at generation and at import
//	signature                64 bytes   R ‖ s                 bit 7 of the last byte: sign of the Edwards key
//
// A signature is malleable in s: 0 ≤ s < 2^253 is accepted, not only s < l. Never use a signature as an identifier.
//
// Everything here is classical: a quantum computer breaks X25519 and XEdDSA. Operations on private keys take
// constant time; verification does not, for what it sees is public.
//
// Sources: RFC 7748; "The XEdDSA and VXEdDSA Signature Schemes", sections 2 and 3 (Signal, revision 1).
package xeddsa

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"

	"github.com/linnetmesh/linnet/crypto/internal/point"
)

// Sizes in bytes.
const (
	PublicKeySize  = 33 // with the type byte
	PrivateKeySize = 32
	SecretSize     = 32 // of what DH returns
)

// keyType is the type byte of an X25519 public key.
const keyType = 0x05

var (
	// ErrKey says that bytes are not a key of this kind, or that a key was never set.
	ErrKey = errors.New("xeddsa: invalid key")
	// ErrNotCanonical says that a public key is not the one encoding of a point in the prime-order group.
	ErrNotCanonical = errors.New("xeddsa: public key is not canonical")
	// ErrSmallOrder says that a public key leads to the same secret for everybody.
	ErrSmallOrder = errors.New("xeddsa: public key of small order")
	// ErrSignature says that a signature does not belong to this key and message.
	ErrSignature = errors.New("xeddsa: invalid signature")
)

// PublicKey is an X25519 public key. It may be compared with ==. The zero value is no key: every operation refuses it.
type PublicKey struct{ u [32]byte }

// ParsePublicKey reads a public key of exactly PublicKeySize bytes. It checks the form, not the point: DH refuses
// points of small order by itself, and CheckCanonical is there for keys whose encoding must be unique.
func ParsePublicKey(b []byte) (PublicKey, error) {
	var p PublicKey
	if len(b) != PublicKeySize || b[0] != keyType {
		return p, ErrKey
	}
	copy(p.u[:], b[1:])
	if p.IsZero() {
		return p, ErrKey
	}
	return p, nil
}

// IsZero tells whether p was never set. (u = 0 is a point of order 2, which nobody can use.)
func (p PublicKey) IsZero() bool { return p == PublicKey{} }

// AppendTo appends the PublicKeySize bytes of the key as it travels.
func (p PublicKey) AppendTo(b []byte) []byte { return append(append(b, keyType), p.u[:]...) }

// Bytes returns the key as it travels.
func (p PublicKey) Bytes() []byte { return p.AppendTo(make([]byte, 0, PublicKeySize)) }

// CheckCanonical returns ErrNotCanonical unless the key is below 2^255-19, on the curve and not on its twist, and in
// the group of prime order. A first message's base key must be so, for it is remembered by its bytes.
func (p PublicKey) CheckCanonical() error {
	u, err := new(field.Element).SetBytes(p.u[:])
	if err != nil || [32]byte(u.Bytes()) != p.u { // Bytes reduces, and never sets bit 255
		return ErrNotCanonical
	}
	e, err := edwards(p, 0)
	if err != nil {
		return ErrNotCanonical
	}
	if !point.Prime(e.Bytes()) {
		return ErrNotCanonical
	}
	return nil
}

// edwards returns the Edwards point whose Montgomery coordinate is p and whose x coordinate has the given sign bit,
// 0 or 0x80: y = (u-1)/(u+1). It fails for points of the twist and for u = -1.
func edwards(p PublicKey, sign byte) (*edwards25519.Point, error) {
	u, err := new(field.Element).SetBytes(p.u[:])
	if err != nil {
		return nil, ErrKey
	}
	var below field.Element
	below.Add(u, new(field.Element).One())
	if below.Equal(new(field.Element)) == 1 {
		return nil, ErrKey
	}
	u.Subtract(u, new(field.Element).One())
	y := u.Multiply(u, below.Invert(&below)).Bytes()
	y[31] |= sign
	point, err := new(edwards25519.Point).SetBytes(y)
	if err != nil {
		return nil, ErrKey
	}
	return point, nil
}

// PrivateKey is an X25519 private key. It is a small handle that may be copied and used by several goroutines at
// once. It cannot be compared with == and does not print its secret. The zero value is no key: every operation
// refuses it.
type PrivateKey struct {
	_ [0]func() // no ==
	k *private
}

// private is what a PrivateKey leads to; the public half is computed when it is first asked for.
type private struct {
	scalar *[PrivateKeySize]byte // a pointer, because fmt prints what it finds behind one, and not behind two
	once   sync.Once
	key    *ecdh.PrivateKey
	public PublicKey
}

// GenerateKey returns a fresh key pair.
func GenerateKey() PrivateKey {
	var b [PrivateKeySize]byte
	rand.Read(b[:])
	return newPrivateKey(b)
}

// ParsePrivateKey reads a private key of exactly PrivateKeySize bytes, and clamps it.
func ParsePrivateKey(b []byte) (PrivateKey, error) {
	if len(b) != PrivateKeySize {
		return PrivateKey{}, ErrKey
	}
	return newPrivateKey([PrivateKeySize]byte(b)), nil
}

func newPrivateKey(b [PrivateKeySize]byte) PrivateKey {
	b[0] &= 248
	b[31] = b[31]&127 | 64
	return PrivateKey{k: &private{scalar: &b}}
}

// IsZero tells whether k was never set.
func (k PrivateKey) IsZero() bool { return k.k == nil }

// Format prints what this is, and nothing of the secret, whatever the verb.
func (PrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "xeddsa.PrivateKey") }

// AppendTo appends the PrivateKeySize secret bytes of the key, for sealed storage. A zero key appends nothing.
func (k PrivateKey) AppendTo(b []byte) []byte {
	if k.IsZero() {
		return b
	}
	return append(b, k.k.scalar[:]...)
}

// Equal tells in constant time whether both are the same key. Zero keys equal nothing.
func (k PrivateKey) Equal(other PrivateKey) bool {
	return !k.IsZero() && !other.IsZero() && subtle.ConstantTimeCompare(k.k.scalar[:], other.k.scalar[:]) == 1
}

// Public returns the public half, which is the zero PublicKey for a zero key.
func (k PrivateKey) Public() PublicKey {
	if k.IsZero() {
		return PublicKey{}
	}
	k.k.expand()
	return k.k.public
}

func (p *private) expand() {
	p.once.Do(func() {
		key, err := ecdh.X25519().NewPrivateKey(p.scalar[:])
		if err != nil { // only in FIPS-only mode, which has no X25519
			panic("xeddsa: " + err.Error())
		}
		p.key = key
		copy(p.public.u[:], key.PublicKey().Bytes())
	})
}

// DH returns the SecretSize bytes that both sides of a key agreement share (RFC 7748, section 6.1). It returns
// ErrKey if a key was never set, and ErrSmallOrder if the secret is all zero.
func (k PrivateKey) DH(remote PublicKey) ([SecretSize]byte, error) {
	var secret [SecretSize]byte
	if k.IsZero() || remote.IsZero() {
		return secret, ErrKey
	}
	k.k.expand()
	public, err := ecdh.X25519().NewPublicKey(remote.u[:])
	if err != nil {
		return secret, ErrKey
	}
	shared, err := k.k.key.ECDH(public)
	if err != nil {
		return secret, ErrSmallOrder
	}
	copy(secret[:], shared)
	return secret, nil
}
