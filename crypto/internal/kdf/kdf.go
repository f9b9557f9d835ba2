// Package kdf derives keys with HMAC and HKDF over SHA-256, the two functions that the Signal Protocol uses everywhere.
//
// Sources: RFC 2104 (HMAC), RFC 5869 (HKDF).
package kdf

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
)

// Size is the size in bytes of an HMAC and of every key of a chain.
const Size = sha256.Size

// HMAC returns HMAC-SHA-256 of the parts, one after the other, under key.
func HMAC(key []byte, parts ...[]byte) (mac [Size]byte) {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(mac[:0])
	return mac
}

// HKDF fills out, at most 8160 bytes, with HKDF-SHA-256 of the input key material ikm. An empty salt stands for 32
// zero bytes, which is the same thing in HMAC.
func HKDF(out, salt, ikm []byte, info string) {
	key, err := hkdf.Key(sha256.New, ikm, salt, info, len(out))
	if err != nil { // only for more than 255 blocks, or in FIPS-only mode, where X25519 is refused as well
		panic("kdf: " + err.Error())
	}
	copy(out, key)
}

// Chain is a symmetric-key ratchet: each key gives the seed of one message and the key of the next. (Double Ratchet,
// section 5.2: HMAC of 0x01 for the message, of 0x02 for the chain.)
type Chain struct {
	Key   [Size]byte
	Index uint32 // of the next message
}

// Step moves the chain on by one message and returns its seed, which is not made if nobody wants it.
func (c *Chain) Step(wanted bool) (seed [Size]byte) {
	if wanted {
		seed = HMAC(c.Key[:], []byte{1})
	}
	c.Key = HMAC(c.Key[:], []byte{2})
	c.Index++
	return seed
}
