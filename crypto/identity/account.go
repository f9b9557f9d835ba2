package identity

import (
	"encoding/hex"
	"fmt"

	"filippo.io/edwards25519"

	"github.com/linnetmesh/linnet/crypto/fingerprint"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Account is a person: the public half of an account key (Ed25519). It may be compared with ==. The zero value is
// nobody, and everything refuses it. An Account that did not come from ParseAccount, ParseAddress or ParseManifest was
// not checked.
type Account [KeySize]byte

// ParseAccount reads an account key of KeySize bytes. The error is ErrKey, also for keys that are not canonical or not
// of prime order.
func ParseAccount(b []byte) (Account, error) { return parsePoint(b) }

// IsZero tells whether a is nobody.
func (a Account) IsZero() bool { return a == Account{} }

// AppendTo appends the KeySize bytes of the key.
func (a Account) AppendTo(b []byte) []byte { return append(b, a[:]...) }

// String returns the key in hex, for records and tests. What people exchange is an Address.
func (a Account) String() string { return hex.EncodeToString(a[:]) }

// MarshalText returns the key in hex.
func (a Account) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the key in lower-case hex, and checks it.
func (a *Account) UnmarshalText(text []byte) error {
	var b [KeySize]byte
	if len(text) != 2*KeySize {
		return ErrKey
	}
	if _, err := hex.Decode(b[:], text); err != nil || hex.EncodeToString(b[:]) != string(text) {
		return ErrKey
	}
	parsed, err := ParseAccount(b[:])
	if err == nil {
		*a = parsed
	}
	return err
}

// Name is how the Signal Protocol calls an account: a UUID, which the addresses field of its messages binds.
type Name [16]byte

// String returns the usual form of a UUID.
func (n Name) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", n[:4], n[4:6], n[6:8], n[8:10], n[10:])
}

// Name returns the account's name in the Signal Protocol: a UUID of version 8 (RFC 9562, section 5.8) from SHA-256 of
// the labelled key. It has 122 bits: enough against a collision with somebody else's, and not made to replace the key.
func (a Account) Name() Name {
	sum := LabelName.Hash(a[:])
	n := Name(sum[:16])
	n[6] = n[6]&0x0f | 0x80
	n[8] = n[8]&0x3f | 0x80
	return n
}

// safetyVersion is the version of our safety numbers: ids are bytes.
const safetyVersion = 2

// SafetyNumber returns what two people compare to know that nobody stands between them: the Signal fingerprint of both
// account keys. It does not change when a device is added. It takes some milliseconds, on purpose. The error is ErrKey.
//
// The fingerprint's key is the Montgomery form of the account key, which is the same for a key and its negative; its id
// is the account key, which is not.
func SafetyNumber(ours, theirs Account) (*fingerprint.Fingerprint, error) {
	var owners [2]fingerprint.Owner
	for i, a := range []Account{ours, theirs} {
		key, err := a.montgomery()
		if err != nil {
			return nil, err
		}
		owners[i] = fingerprint.Owner{ID: a[:], Key: key}
	}
	f, err := fingerprint.New(safetyVersion, fingerprint.Iterations, owners[0], owners[1])
	if err != nil {
		return nil, ErrKey
	}
	return f, nil
}

// montgomery returns the key as X25519 writes it: u = (1+y)/(1-y).
func (a Account) montgomery() (xeddsa.PublicKey, error) {
	if _, err := parsePoint(a[:]); err != nil {
		return xeddsa.PublicKey{}, err
	}
	point, err := new(edwards25519.Point).SetBytes(a[:])
	if err != nil {
		return xeddsa.PublicKey{}, ErrKey
	}
	key, err := xeddsa.ParsePublicKey(append([]byte{0x05}, point.BytesMontgomery()...))
	if err != nil {
		return xeddsa.PublicKey{}, ErrKey
	}
	return key, nil
}

// AccountPrivateKey is the private half of an account key. It signs who the stewards are, and nothing else. It is made
// from a Seed and has no form of its own: it goes when the seed goes. It is a small handle that may be copied and used
// by several goroutines at once. The zero value refuses to work.
type AccountPrivateKey struct {
	_ [0]func() // no ==
	s *signer
}

// IsZero tells whether k was never set.
func (k AccountPrivateKey) IsZero() bool { return k.s == nil }

// Format prints what this is, and nothing of the secret, whatever the verb.
func (AccountPrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "identity.AccountPrivateKey") }

// Equal tells in constant time whether both are the same key. Zero keys equal nothing.
func (k AccountPrivateKey) Equal(other AccountPrivateKey) bool { return k.s.equal(other.s) }

// Public returns the account, which is nobody for a zero key.
func (k AccountPrivateKey) Public() Account { return k.s.public() }
