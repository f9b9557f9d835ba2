// Package kdf derives keys with HMAC and HKDF over SHA-256, the two functions that the Signal Protocol uses everywhere.
//
// Sources: RFC 2104 (HMAC), RFC 5869 (HKDF).
package kdf

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
)

// Size is the size in bytes of an HMAC and of every key of a chain.
const Size = sha256.Size

// blockSize is the block size of SHA-256, and shortest what HMAC takes without memory of its own.
const (
	blockSize = sha256.BlockSize
	shortest  = 256
)

// HMAC returns HMAC-SHA-256 of the parts, one after the other, under key. A ratchet takes many thousand of short ones for
// a message that skips others, so those are hashed where they stand; crypto/hmac takes memory for each.
func HMAC(key []byte, parts ...[]byte) (mac [Size]byte) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n > shortest || len(key) > blockSize {
		return long(bytes.Clone(key), bytes.Join(parts, nil)) // copies, so that the short ones stay on the stack
	}
	var inner [blockSize + shortest]byte
	var outer [blockSize + Size]byte
	copy(inner[:], key)
	copy(outer[:], key)
	for i := range blockSize {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	end := blockSize
	for _, p := range parts {
		end += copy(inner[end:], p)
	}
	sum := sha256.Sum256(inner[:end])
	copy(outer[blockSize:], sum[:])
	return sha256.Sum256(outer[:])
}

func long(key, message []byte) (mac [Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	h.Sum(mac[:0])
	return mac
}

// HKDF fills out, at most 8160 bytes, with HKDF-SHA-256 of the input key material ikm. An empty salt stands for 32
// zero bytes, which is the same thing in HMAC.
func HKDF(out, salt, ikm []byte, info string) {
	if len(out) > 255*Size {
		panic("kdf: more than HKDF gives")
	}
	key := HMAC(salt, ikm)
	var buf [shortest]byte
	in := append(buf[:0], info...)
	var block [Size]byte
	for i := byte(1); len(out) > 0; i++ {
		counter := [1]byte{i}
		if i == 1 {
			block = HMAC(key[:], in, counter[:])
		} else {
			block = HMAC(key[:], block[:], in, counter[:])
		}
		out = out[copy(out, block[:]):]
	}
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
