package descriptor

import (
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"fmt"

	"filippo.io/edwards25519"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// keyPrefix is how the DHT key of a descriptor begins.
const keyPrefix = "/linnet/"

// BlindedKey is D', what a descriptor lies under and is signed by: an Ed25519 public key that only who knows the
// discovery key can make, or tie to it. It may be compared with ==. The zero value is no key.
type BlindedKey [KeySize]byte

// Blind returns the key of an account's descriptor at a place. The error is ErrReplica, or ErrKey for a discovery key
// that is not canonical, of small order or not torsion-free: of such a key, parts of h would show in D'.
func Blind(d identity.DiscoveryKey, at Place) (BlindedKey, error) {
	if at.Replica >= Replicas {
		return BlindedKey{}, ErrReplica
	}
	if _, err := identity.ParseDiscoveryKey(d[:]); err != nil {
		return BlindedKey{}, ErrKey
	}
	point, err := new(edwards25519.Point).SetBytes(d[:])
	if err != nil {
		return BlindedKey{}, ErrKey
	}
	return BlindedKey(point.ScalarMult(factor(d, at), point).Bytes()), nil
}

// IsZero tells whether k was never set.
func (k BlindedKey) IsZero() bool { return k == BlindedKey{} }

// DHT returns the key under which the DHT keeps the descriptor: "/linnet/" and the KeySize bytes, which are no text.
func (k BlindedKey) DHT() string { return keyPrefix + string(k[:]) }

// ParseKey reads a DHT key of a descriptor. The error is ErrKey. Whether the bytes are a point, Validate says: nothing
// is ever signed by what is none.
func ParseKey(dht string) (k BlindedKey, err error) {
	if len(dht) != len(keyPrefix)+KeySize || dht[:len(keyPrefix)] != keyPrefix {
		return k, ErrKey
	}
	copy(k[:], dht[len(keyPrefix):])
	return k, nil
}

// factor returns h.
func factor(d identity.DiscoveryKey, at Place) *edwards25519.Scalar {
	tail := append(binary.BigEndian.AppendUint64(nil, uint64(at.Period)), at.Replica)
	return reduce(sha512.Sum512(identity.LabelBlind.Input(d[:], tail)))
}

// reduce returns the hash, a little-endian integer, mod l.
func reduce(hash [sha512.Size]byte) *edwards25519.Scalar {
	s, err := edwards25519.NewScalar().SetUniformBytes(hash[:])
	if err != nil {
		panic("descriptor: a SHA-512 hash has no 64 bytes")
	}
	return s
}

// signer is the private half of a BlindedKey. It is made when something is to be signed, and forgotten afterwards:
// h is no secret to those who know D, so whoever learns d' learns d = d'/h.
type signer struct {
	public BlindedKey
	scalar *edwards25519.Scalar // d', a number mod l: there is no seed from which it would come
	prefix [32]byte             // in the place of the right half of an expanded key
	clock  [32]byte             // see signingTime
}

// newSigner blinds a discovery key. The error is ErrReplica, or ErrKey for a zero key.
func newSigner(d identity.DiscoveryPrivateKey, at Place) (*signer, error) {
	if at.Replica >= Replicas {
		return nil, ErrReplica
	}
	if d.IsZero() {
		return nil, ErrKey
	}
	expanded := sha512.Sum512(d.AppendTo(nil)) // RFC 8032, section 5.1.5
	scalar, err := edwards25519.NewScalar().SetBytesWithClamping(expanded[:32])
	if err != nil {
		return nil, ErrKey
	}
	// Clamping makes a multiple of 8 below 2^255, and SetBytesWithClamping takes it mod l. Nothing is lost: d is
	// multiplied with points of order l alone, and what clamping is for, to silence a cofactor, cannot come up.
	s := &signer{scalar: scalar.Multiply(scalar, factor(d.Public(), at))}
	copy(s.public[:], new(edwards25519.Point).ScalarBaseMult(s.scalar).Bytes())
	secret := sha512.Sum512(identity.LabelBlindPrefix.Input(expanded[32:], s.public[:]))
	copy(s.prefix[:], secret[:32])
	copy(s.clock[:], secret[32:])
	return s, nil
}

// Format prints what this is, and nothing of the secret, whatever the verb.
func (*signer) Format(f fmt.State, _ rune) { fmt.Fprint(f, "descriptor.signer") }

// sign returns the Ed25519 signature (RFC 8032, section 5.1.6) of the message. Its nonce comes from the prefix, the
// message and 32 random bytes, so neither a bad random source nor a repeated message gives d' away.
func (s *signer) sign(message []byte, random [32]byte) (sig [ed25519.SignatureSize]byte) {
	nonce := reduce(sha512.Sum512(identity.LabelDescriptorNonce.Input(s.prefix[:], random[:], message)))
	copy(sig[:32], new(edwards25519.Point).ScalarBaseMult(nonce).Bytes())
	h := sha512.New()
	h.Write(sig[:32])
	h.Write(s.public[:])
	h.Write(message)
	k := reduce([sha512.Size]byte(h.Sum(nil)))
	copy(sig[32:], k.MultiplyAdd(k, s.scalar, nonce).Bytes())
	return sig
}
