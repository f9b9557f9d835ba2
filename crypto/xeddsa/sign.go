package xeddsa

import (
	"crypto/rand"
	"crypto/sha512"

	"filippo.io/edwards25519"
)

// SignatureSize is the size of a signature in bytes.
const SignatureSize = 64

// Sign returns the XEdDSA signature of the message. It is hedged: it draws 64 random bytes and hashes them with the
// key and the message, so neither a bad random source nor a repeated message gives the key away. A zero key returns
// ErrKey.
func (k PrivateKey) Sign(message []byte) ([SignatureSize]byte, error) {
	var z [64]byte
	rand.Read(z[:])
	return k.sign(message, &z)
}

func (k PrivateKey) sign(message []byte, z *[64]byte) (sig [SignatureSize]byte, err error) {
	if k.IsZero() {
		return sig, ErrKey
	}
	a := reduce(k.k.scalar[:])
	A := new(edwards25519.Point).ScalarBaseMult(a).Bytes()

	// hash_1 of the XEdDSA paper, section 2.5: its prefix is 2^256 - 2, little endian.
	prefix := [32]byte{0xfe}
	for i := range prefix[1:] {
		prefix[1+i] = 0xff
	}
	r := digest(prefix[:], k.k.scalar[:], message, z[:])
	R := new(edwards25519.Point).ScalarBaseMult(r).Bytes()
	h := digest(R, A, message)
	s := new(edwards25519.Scalar).MultiplyAdd(h, a, r)

	copy(sig[:], R)
	copy(sig[32:], s.Bytes())
	sig[63] |= A[31] & 0x80
	return sig, nil
}

// Verify returns nil if sig, of SignatureSize bytes, is a signature of the message by the owner of p, and otherwise
// ErrSignature.
func (p PublicKey) Verify(message, sig []byte) error {
	if p.IsZero() || len(sig) != SignatureSize {
		return ErrSignature
	}
	sign := sig[63] & 0x80
	var s [32]byte
	copy(s[:], sig[32:])
	s[31] &= 0x7f
	if s[31]&0xe0 != 0 {
		return ErrSignature
	}
	A, err := edwards(p, sign)
	if err != nil {
		return ErrSignature
	}
	h := digest(sig[:32], A.Bytes(), message)
	R := new(edwards25519.Point).VarTimeDoubleScalarBaseMult(h.Negate(h), A, reduce(s[:]))
	if [32]byte(R.Bytes()) != [32]byte(sig[:32]) {
		return ErrSignature
	}
	return nil
}

// digest returns SHA-512 of the parts, reduced mod l.
func digest(parts ...[]byte) *edwards25519.Scalar {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	return reduce(h.Sum(nil))
}

// reduce returns the little-endian number b, of at most 64 bytes, mod l.
func reduce(b []byte) *edwards25519.Scalar {
	var wide [64]byte
	copy(wide[:], b)
	s, err := new(edwards25519.Scalar).SetUniformBytes(wide[:])
	if err != nil {
		panic("xeddsa: 64 bytes are not a scalar")
	}
	return s
}
