package conference

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// KeySize is the size of a join key, of its hash and of a proof in bytes.
const KeySize = 32

// JoinKey lets one device into a room. Who calls draws one for each device that is called, and tells the mixer their hashes
// alone: so the mixer cannot enter the same call at another mixer, and learns neither accounts nor names. The zero value
// opens nothing.
type JoinKey struct {
	_ [0]func() // no ==
	b [KeySize]byte
}

// KeyHash is what a room knows of a join key.
type KeyHash [KeySize]byte

// NewJoinKey draws a key.
func NewJoinKey() (k JoinKey) {
	_, _ = rand.Read(k.b[:]) // it never fails
	return k
}

// ParseJoinKey reads the KeySize bytes of a key. The error is ErrKey, also for the zero key.
func ParseJoinKey(b []byte) (k JoinKey, err error) {
	if len(b) != KeySize {
		return k, ErrKey
	}
	copy(k.b[:], b)
	if k.IsZero() {
		return k, ErrKey
	}
	return k, nil
}

// IsZero tells in constant time whether k was never set.
func (k JoinKey) IsZero() bool {
	var none [KeySize]byte
	return subtle.ConstantTimeCompare(k.b[:], none[:]) == 1
}

// AppendTo appends the secret bytes of the key.
func (k JoinKey) AppendTo(b []byte) []byte { return append(b, k.b[:]...) }

// Equal tells in constant time whether both are the same key. Zero keys equal nothing.
func (k JoinKey) Equal(other JoinKey) bool {
	return !k.IsZero() && subtle.ConstantTimeCompare(k.b[:], other.b[:]) == 1
}

// Format prints what this is, and nothing of the secret, whatever the verb.
func (JoinKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "conference.JoinKey") }

// Hash returns what the room is told of the key.
func (k JoinKey) Hash() KeyHash { return identity.LabelJoinHash.Hash(k.b[:]) }

// Bearer returns the key as a bearer token for the HTTP endpoint: 43 characters.
func (k JoinKey) Bearer() string { return base64.RawURLEncoding.EncodeToString(k.b[:]) }

// ParseBearer reads what Bearer returned. The error is ErrKey.
func ParseBearer(text string) (JoinKey, error) {
	if len(text) != base64.RawURLEncoding.EncodedLen(KeySize) {
		return JoinKey{}, ErrKey
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return JoinKey{}, ErrKey
	}
	defer clear(b)
	return ParseJoinKey(b)
}

// Fingerprint is the SHA-256 of a DTLS certificate, as SDP names it (RFC 8122).
type Fingerprint [sha256.Size]byte

// Side says who made a proof, so that neither passes for the other's.
type Side uint8

// The sides.
const (
	Entering  Side = 1 // who offers
	Answering Side = 2 // the room
)

// Proof returns the MAC over both DTLS fingerprints under the key: who has it and who carries the media are the same at
// both ends, so nobody sits between them.
func (k JoinKey) Proof(side Side, offer, answer Fingerprint) [KeySize]byte {
	return identity.LabelJoin.MAC(k.b[:], []byte{byte(side)}, offer[:], answer[:])
}

// Check returns nil if proof is that of the side over the same fingerprints, and otherwise ErrKey. It takes constant time.
func (k JoinKey) Check(proof [KeySize]byte, side Side, offer, answer Fingerprint) error {
	want := k.Proof(side, offer, answer)
	if k.IsZero() || subtle.ConstantTimeCompare(proof[:], want[:]) != 1 {
		return ErrKey
	}
	return nil
}
