package sframe

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
)

// Suite is a cipher suite: its number in the registry "SFrame Cipher Suites" (RFC 9605, section 8.1).
//
// Against a tag of n bits, one blind forgery in 2^n succeeds: in practice none for 128 and 80, one in about an hour of
// saturated gigabit Ethernet for 32 (section 7.5). A success is worse than one false frame: if it has a high CTR, the
// Receiver takes all that the true sender sends afterwards for old. So the suites with short tags are only for frames
// that travel inside an encrypted transport such as SRTP, where none but the forwarder can try, and save 12 bytes at
// most.
type Suite uint16

// The suites of RFC 9605, section 4.5, and those that draft-barnes-sframe-iana-256 adds to them. The number at the end
// of the names with CTR is the size of the tag in bits; GCM always has 128.
const (
	AES128CTR80 Suite = 1 // AES_128_CTR_HMAC_SHA256_80
	AES128CTR64 Suite = 2 // AES_128_CTR_HMAC_SHA256_64
	AES128CTR32 Suite = 3 // AES_128_CTR_HMAC_SHA256_32
	AES128GCM   Suite = 4 // AES_128_GCM_SHA256_128: what Linnet seals with
	AES256GCM   Suite = 5 // AES_256_GCM_SHA512_128
	AES256CTR80 Suite = 6 // AES_256_CTR_HMAC_SHA512_80
	AES256CTR64 Suite = 7 // AES_256_CTR_HMAC_SHA512_64
	AES256CTR32 Suite = 8 // AES_256_CTR_HMAC_SHA512_32
)

const nonceSize = 12 // Nn, of every suite

// traits are the constants of a suite, named as in section 4.4.
type traits struct {
	name string
	hash func() hash.Hash
	nh   int // size of the hash
	nka  int // size of the AES key
	nk   int // size of the whole key: nka, and nh more for the suites with HMAC
	nt   int // size of the tag
}

var suites = [...]traits{
	AES128CTR80: {"AES_128_CTR_HMAC_SHA256_80", sha256.New, 32, 16, 48, 10},
	AES128CTR64: {"AES_128_CTR_HMAC_SHA256_64", sha256.New, 32, 16, 48, 8},
	AES128CTR32: {"AES_128_CTR_HMAC_SHA256_32", sha256.New, 32, 16, 48, 4},
	AES128GCM:   {"AES_128_GCM_SHA256_128", sha256.New, 32, 16, 16, 16},
	AES256GCM:   {"AES_256_GCM_SHA512_128", sha512.New, 64, 32, 32, 16},
	AES256CTR80: {"AES_256_CTR_HMAC_SHA512_80", sha512.New, 64, 32, 96, 10},
	AES256CTR64: {"AES_256_CTR_HMAC_SHA512_64", sha512.New, 64, 32, 96, 8},
	AES256CTR32: {"AES_256_CTR_HMAC_SHA512_32", sha512.New, 64, 32, 96, 4},
}

// Known reports whether the suite is one of those above. The zero Suite is not.
func (s Suite) Known() bool { return s != 0 && int(s) < len(suites) }

// TagSize returns the size in bytes of the suite's tag, 4 to MaxTag, or 0 if the suite is not known.
func (s Suite) TagSize() int {
	if !s.Known() {
		return 0
	}
	return suites[s].nt
}

// String returns the suite's name in the registry.
func (s Suite) String() string {
	if !s.Known() {
		return fmt.Sprintf("Suite(%#04x)", uint16(s))
	}
	return suites[s].name
}

// aead makes the AEAD of a known suite from a key of nk bytes.
func (s Suite) aead(key []byte) (cipher.AEAD, error) {
	t := &suites[s]
	block, err := aes.NewCipher(key[:t.nka])
	if err != nil {
		return nil, ErrKey
	}
	if t.nk > t.nka {
		return newCTRHMAC(block, t.hash, key[t.nka:], t.nt), nil
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, ErrKey
	}
	return gcm, nil
}
