package bundle

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Sizes of what relays hold, in bytes: always exactly these.
const (
	SealedSize     = 4096
	SealedPartSize = 2048

	sealVersion = 1
	nonceSize   = 12
	lengthSize  = 2
)

// KeySize is the size of a Key in bytes.
const KeySize = 32

// Key is a bundle key: it stands in the device's record, in the descriptor, and seals what the device leaves on relays. It
// does not print itself. The zero value is none.
type Key struct {
	b func() *[KeySize]byte // a function, because fmt prints what it finds behind a pointer, but cannot call
}

func keyOf(b [KeySize]byte) Key { return Key{func() *[KeySize]byte { return &b }} }

// GenerateKey returns a fresh key.
func GenerateKey() Key {
	var b [KeySize]byte
	rand.Read(b[:])
	return keyOf(b)
}

// ParseKey reads a key of exactly KeySize bytes.
func ParseKey(b []byte) (Key, error) {
	if len(b) != KeySize {
		return Key{}, ErrKey
	}
	return keyOf([KeySize]byte(b)), nil
}

// IsZero tells whether k was never set.
func (k Key) IsZero() bool { return k.b == nil }

// Format prints what this is, and nothing of the key, whatever the verb.
func (Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "bundle.Key") }

// Equal tells in constant time whether both are the same key. Zero keys equal nothing.
func (k Key) Equal(other Key) bool {
	return !k.IsZero() && !other.IsZero() && subtle.ConstantTimeCompare(k.b()[:], other.b()[:]) == 1
}

// AppendTo appends the KeySize bytes. A zero key appends nothing.
func (k Key) AppendTo(b []byte) []byte {
	if k.IsZero() {
		return b
	}
	return append(b, k.b()[:]...)
}

// Seal returns the bundle as its device's relays hold it: SealedSize bytes.
func (k Key) Seal(b *Bundle) ([]byte, error) {
	return k.seal(identity.LabelBundleSeal, b.device, b.raw, SealedSize)
}

// SealPart returns the part as its device's relays hold it: SealedPartSize bytes.
func (k Key) SealPart(p *Part) ([]byte, error) {
	return k.seal(identity.LabelBundlePartSeal, p.device, p.raw, SealedPartSize)
}

// Open opens and verifies a bundle of this device, as Parse does.
func (k Key) Open(sealed []byte, d identity.Device, seen uint32, now time.Time) (*Bundle, error) {
	b, err := k.open(identity.LabelBundleSeal, d, sealed, SealedSize)
	if err != nil {
		return nil, err
	}
	return Parse(b, d, seen, now)
}

// OpenPart opens and verifies a one-time part of this device.
func (k Key) OpenPart(sealed []byte, d identity.Device, now time.Time) (*Part, error) {
	b, err := k.open(identity.LabelBundlePartSeal, d, sealed, SealedPartSize)
	if err != nil {
		return nil, err
	}
	return ParsePart(b, d, now)
}

// aead returns the cipher for one device and one kind of content.
func (k Key) aead(l identity.Label, d identity.Device) (cipher.AEAD, error) {
	if k.IsZero() || d.IsZero() {
		return nil, ErrKey
	}
	account := d.Account()
	var key [32]byte
	l.Derive(key[:], k.b()[:], account[:], []byte{d.Number()})
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, ErrKey
	}
	return cipher.NewGCM(block)
}

func (k Key) seal(l identity.Label, d identity.Device, content []byte, size int) ([]byte, error) {
	aead, err := k.aead(l, d)
	if err != nil {
		return nil, err
	}
	padded := make([]byte, size-1-nonceSize-aead.Overhead())
	if lengthSize+len(content) > len(padded) {
		return nil, ErrBundle
	}
	binary.BigEndian.PutUint16(padded, uint16(len(content)))
	copy(padded[lengthSize:], content)
	out := make([]byte, 1+nonceSize, size)
	out[0] = sealVersion
	rand.Read(out[1:])
	return aead.Seal(out, out[1:], padded, out[:1]), nil
}

func (k Key) open(l identity.Label, d identity.Device, sealed []byte, size int) ([]byte, error) {
	aead, err := k.aead(l, d)
	if err != nil {
		return nil, err
	}
	if len(sealed) != size || sealed[0] != sealVersion {
		return nil, ErrOpen
	}
	padded, err := aead.Open(nil, sealed[1:1+nonceSize], sealed[1+nonceSize:], sealed[:1])
	if err != nil {
		return nil, ErrOpen
	}
	n := int(binary.BigEndian.Uint16(padded))
	if n > len(padded)-lengthSize {
		return nil, ErrOpen
	}
	for _, b := range padded[lengthSize+n:] {
		if b != 0 {
			return nil, ErrOpen
		}
	}
	return padded[lengthSize : lengthSize+n], nil
}
