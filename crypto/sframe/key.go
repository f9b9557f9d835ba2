package sframe

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
)

// Sizes in bytes of a Key's form: suite (2), KID (8), base key. RFC 9605 leaves the size of base keys open; 16 is
// that of its test vectors, 96 the longest that MLS would export (section 5.2).
const (
	keyHead    = 2 + 8
	minBaseKey = 16
	newBaseKey = 32 // of a Sender
	maxBaseKey = 96
)

// Key opens the frames of one Sender. It is secret: it goes to those who may hear the Sender, and to nobody else, over
// sessions that are encrypted end to end.
//
// A Key cannot seal, since two senders under one key would give their frames away: RFC 9605, section 4.4.1, has every
// base key marked for one direction, and here its type is the mark. The zero value opens nothing. Printing a Key shows
// no secret.
type Key struct {
	secret *secret
}

type secret struct {
	suite Suite
	kid   uint64
	base  *[]byte // behind two pointers from Key: fmt follows one, for a verb that does not fit a pointer
}

// ParseKey reads what AppendTo wrote: suite (2 bytes), KID (8), base key (16 to 96), up to the end of b. It keeps
// nothing of b. The error is ErrKey, or ErrSuite if the suite is not known.
func ParseKey(b []byte) (Key, error) {
	if len(b) < keyHead+minBaseKey || len(b) > MaxKeySize {
		return Key{}, ErrKey
	}
	suite := Suite(binary.BigEndian.Uint16(b))
	if !suite.Known() {
		return Key{}, ErrSuite
	}
	return makeKey(suite, binary.BigEndian.Uint64(b[2:]), bytes.Clone(b[keyHead:])), nil
}

// AppendTo appends the key, at most MaxKeySize bytes, to b; nothing if it is the zero value, and ParseKey refuses nothing.
func (k Key) AppendTo(b []byte) []byte {
	if k.secret == nil {
		return b
	}
	b = binary.BigEndian.AppendUint16(b, uint16(k.secret.suite))
	b = binary.BigEndian.AppendUint64(b, k.secret.kid)
	return append(b, *k.secret.base...)
}

// KID returns the number by which frames name the key. It is 0 for the zero value.
func (k Key) KID() uint64 {
	if k.secret == nil {
		return 0
	}
	return k.secret.kid
}

// Suite returns the key's cipher suite. It is 0, which is none, for the zero value.
func (k Key) Suite() Suite {
	if k.secret == nil {
		return 0
	}
	return k.secret.suite
}

// Equal reports whether both are the same key, in a time that tells nothing of the base keys but their sizes. The zero
// value equals nothing.
func (k Key) Equal(other Key) bool {
	a, b := k.secret, other.secret
	return a != nil && b != nil && a.suite == b.suite && a.kid == b.kid &&
		subtle.ConstantTimeCompare(*a.base, *b.base) == 1
}

func makeKey(suite Suite, kid uint64, base []byte) Key { return Key{&secret{suite, kid, &base}} }

// freshKey makes a key that nobody has sealed under. The suite must be known.
func freshKey(suite Suite, kid uint64) Key {
	base := make([]byte, newBaseKey)
	rand.Read(base) // never fails: it would rather crash
	return makeKey(suite, kid, base)
}

// derived is what the frames of a key are sealed and opened with. One goroutine at a time.
type derived struct {
	aead  cipher.AEAD
	salt  [nonceSize]byte
	nonce [nonceSize]byte
	aad   []byte
}

// derive makes AEAD and salt from the base key (section 4.4.2).
func (k Key) derive() (*derived, error) {
	if k.secret == nil {
		return nil, ErrKey
	}
	key, salt, err := k.secret.keyAndSalt()
	if err != nil {
		return nil, ErrKey
	}
	aead, err := k.secret.suite.aead(key)
	if err != nil {
		return nil, err
	}
	return &derived{aead: aead, salt: [nonceSize]byte(salt)}, nil
}

func (s *secret) keyAndSalt() (key, salt []byte, err error) {
	t := &suites[s.suite]
	prk, err := hkdf.Extract(t.hash, *s.base, nil)
	if err != nil {
		return nil, nil, err
	}
	key, err = hkdf.Expand(t.hash, prk, s.label("key"), t.nk)
	if err != nil {
		return nil, nil, err
	}
	salt, err = hkdf.Expand(t.hash, prk, s.label("salt"), nonceSize)
	return key, salt, err
}

// label returns the HKDF info of a purpose: "SFrame 1.0 Secret key ", KID (8 bytes), suite (2).
func (s *secret) label(purpose string) string {
	b := []byte("SFrame 1.0 Secret " + purpose + " ")
	b = binary.BigEndian.AppendUint64(b, s.kid)
	b = binary.BigEndian.AppendUint16(b, uint16(s.suite))
	return string(b)
}

// setNonce computes the nonce of a counter (section 4.4.3): the salt, XOR the counter at its end.
func (d *derived) setNonce(ctr uint64) []byte {
	d.nonce = d.salt
	low := d.nonce[nonceSize-8:]
	binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^ctr)
	return d.nonce[:]
}

// setAAD joins the header as it travels and the metadata to what the tag covers.
func (d *derived) setAAD(header, metadata []byte) []byte {
	if len(metadata) == 0 {
		return header
	}
	d.aad = append(append(d.aad[:0], header...), metadata...)
	return d.aad
}
