package identity

import (
	"crypto/ed25519"
	"crypto/subtle"

	"github.com/linnetmesh/linnet/crypto/internal/point"
)

// signer is what the private keys of Ed25519 lead to. A nil one is no key. Its contents lie behind a second pointer:
// fmt follows one, for a verb that does not fit a pointer.
type signer struct{ key *ed25519.PrivateKey }

// newSigner returns the signer of an Ed25519 seed (RFC 8032), nil for a zero one.
func newSigner(s Seed) *signer {
	if s.IsZero() {
		return nil
	}
	key := ed25519.NewKeyFromSeed(s.s.b[:])
	return &signer{&key}
}

// parseSigner reads an Ed25519 seed.
func parseSigner(b []byte) (*signer, error) {
	s, err := ParseSeed(b)
	return newSigner(s), err
}

// appendTo appends the Ed25519 seed.
func (s *signer) appendTo(b []byte) []byte {
	if s == nil {
		return b
	}
	return append(b, s.key.Seed()...)
}

func (s *signer) public() (p [KeySize]byte) {
	if s != nil {
		copy(p[:], (*s.key)[ed25519.SeedSize:])
	}
	return p
}

func (s *signer) equal(other *signer) bool {
	return s != nil && other != nil && subtle.ConstantTimeCompare(*s.key, *other.key) == 1
}

func (s *signer) sign(l Label, parts ...[]byte) (sig [SignatureSize]byte, err error) {
	if s == nil {
		return sig, ErrKey
	}
	copy(sig[:], ed25519.Sign(*s.key, l.Input(parts...)))
	return sig, nil
}

// verify checks an Ed25519 signature (RFC 8032, without cofactor, s below l).
func verify(p *[KeySize]byte, sig []byte, l Label, parts ...[]byte) error {
	if *p == [KeySize]byte{} || len(sig) != SignatureSize || !ed25519.Verify(p[:], l.Input(parts...), sig) {
		return ErrSignature
	}
	return nil
}

// parsePoint reads a public key of Ed25519. It refuses, with ErrKey, what is not the one encoding of a point, and
// points outside of the group of prime order, so that no two keys are one person and no signature fits two keys.
func parsePoint(b []byte) (p [KeySize]byte, err error) {
	if !point.Prime(b) {
		return p, ErrKey
	}
	return [KeySize]byte(b), nil
}
