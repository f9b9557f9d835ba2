package sframe

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"slices"
)

// ctrHMAC is the AEAD that RFC 9605, section 4.5.1, makes of AES in counter mode and a truncated HMAC:
//
//	encrypted = AES-CTR(first counter block: nonce, 00000000)
//	tag       = first bytes of HMAC(len(aad), len(encrypted), size of tag, nonce, aad, encrypted)
//
// with lengths as big-endian 64-bit integers. It satisfies cipher.AEAD. Unlike those of the standard library it is used
// by one goroutine at a time, because it keeps its hash and its scratch from call to call.
type ctrHMAC struct {
	block cipher.Block
	mac   hash.Hash
	size  int // of the tag

	counter [aes.BlockSize]byte
	stream  [shortFrame]byte
	prefix  [3*8 + nonceSize]byte
	sum     [64]byte
}

// shortFrame is the longest frame, in bytes, whose key stream is made block by block in place. Longer ones pay the
// 512 bytes that cipher.NewCTR takes from the heap, and gain from its working on eight blocks at once.
const shortFrame = 256

func newCTRHMAC(block cipher.Block, h func() hash.Hash, authKey []byte, tagSize int) *ctrHMAC {
	return &ctrHMAC{block: block, mac: hmac.New(h, authKey), size: tagSize}
}

// NonceSize returns the size in bytes of a nonce: 12.
func (a *ctrHMAC) NonceSize() int { return nonceSize }

// Overhead returns the size in bytes of the tag.
func (a *ctrHMAC) Overhead() int { return a.size }

// Seal appends the encrypted plaintext and its tag to dst, whose spare room must not overlap the other arguments.
func (a *ctrHMAC) Seal(dst, nonce, plaintext, aad []byte) []byte {
	start := len(dst)
	dst = slices.Grow(dst, len(plaintext)+a.size)[:start+len(plaintext)]
	out := dst[start:]
	a.crypt(out, nonce, plaintext)
	return append(dst, a.tag(nonce, aad, out)...)
}

// Open checks the tag and appends the plaintext to dst, whose spare room must not overlap the other arguments.
func (a *ctrHMAC) Open(dst, nonce, sealed, aad []byte) ([]byte, error) {
	end := len(sealed) - a.size
	if end < 0 {
		return nil, ErrOpen
	}
	encrypted, tag := sealed[:end], sealed[end:]
	if !hmac.Equal(tag, a.tag(nonce, aad, encrypted)) {
		return nil, ErrOpen
	}
	start := len(dst)
	dst = slices.Grow(dst, end)[:start+end]
	a.crypt(dst[start:], nonce, encrypted)
	return dst, nil
}

// crypt XORs src with the key stream of the nonce into dst. A frame is far shorter than the 2^32 blocks after which the
// counter would run into the nonce.
func (a *ctrHMAC) crypt(dst, nonce, src []byte) {
	copy(a.counter[:], nonce)
	clear(a.counter[nonceSize:])
	if len(src) > shortFrame {
		cipher.NewCTR(a.block, a.counter[:]).XORKeyStream(dst, src)
		return
	}
	for i := 0; i < len(src); i += aes.BlockSize {
		a.counter[aes.BlockSize-1] = byte(i / aes.BlockSize)
		a.block.Encrypt(a.stream[i:i+aes.BlockSize], a.counter[:])
	}
	subtle.XORBytes(dst, src, a.stream[:len(src)])
}

// tag returns the truncated HMAC. It is good until the next call.
func (a *ctrHMAC) tag(nonce, aad, encrypted []byte) []byte {
	p := a.prefix[:0]
	p = binary.BigEndian.AppendUint64(p, uint64(len(aad)))
	p = binary.BigEndian.AppendUint64(p, uint64(len(encrypted)))
	p = binary.BigEndian.AppendUint64(p, uint64(a.size))
	p = append(p, nonce...)

	a.mac.Reset()
	a.mac.Write(p)
	a.mac.Write(aad)
	a.mac.Write(encrypted)
	return a.mac.Sum(a.sum[:0])[:a.size]
}
