// Package point tells which 32 bytes are a public key of Ed25519 that stands for one key alone.
package point

import "filippo.io/edwards25519"

// Size is the size of a point in bytes (RFC 8032, section 5.1.2).
const Size = 32

// minusOne is l-1, where l is the order of the prime-order group.
var minusOne = func() *edwards25519.Scalar {
	one, err := new(edwards25519.Scalar).SetCanonicalBytes(append([]byte{1}, make([]byte, Size-1)...))
	if err != nil {
		panic("point: 1 is not a scalar")
	}
	return one.Negate(one)
}()

// Prime tells whether b is the one encoding (RFC 8032, section 5.1.3) of a point other than 0 in the group of prime
// order: so no two keys are one person, and no signature fits two keys, or every message. It takes some 50 µs, and is
// not in constant time: public keys alone are for it.
func Prime(b []byte) bool {
	p, err := new(edwards25519.Point).SetBytes(b)
	if err != nil || string(p.Bytes()) != string(b) {
		return false
	}
	zero := edwards25519.NewIdentityPoint()
	// l·P = (l-1)·P + P: a Scalar is always reduced, so l itself cannot be one.
	q := new(edwards25519.Point).VarTimeDoubleScalarBaseMult(minusOne, p, new(edwards25519.Scalar))
	return q.Add(q, p).Equal(zero) == 1 && p.Equal(zero) == 0
}
