// Package cbc encrypts with AES-256-CBC and PKCS #7 padding, as the Signal Protocol does.
//
// It protects no integrity. Whoever decrypts must have checked a MAC or a signature over the ciphertext first.
//
// Sources: NIST SP 800-38A, section 6.2; RFC 5652, section 6.3.
package cbc

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
)

// ErrPadding says that a plaintext does not end as every plaintext must.
var ErrPadding = errors.New("cbc: invalid padding")

// Encrypt returns the ciphertext, 1 to 16 bytes longer than the plaintext. No two plaintexts may share key and iv.
func Encrypt(key *[32]byte, iv *[16]byte, plaintext []byte) []byte {
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	out := make([]byte, len(plaintext)+pad)
	for i := copy(out, plaintext); i < len(out); i++ {
		out[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(block(key), iv[:]).CryptBlocks(out, out)
	return out
}

// Decrypt returns the plaintext of what Encrypt returned.
func Decrypt(key *[32]byte, iv *[16]byte, ciphertext []byte) ([]byte, error) {
	if len(ciphertext) == 0 || len(ciphertext)%aes.BlockSize != 0 {
		return nil, ErrPadding
	}
	out := make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(block(key), iv[:]).CryptBlocks(out, ciphertext)
	pad := int(out[len(out)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, ErrPadding
	}
	for _, b := range out[len(out)-pad:] {
		if int(b) != pad {
			return nil, ErrPadding
		}
	}
	return out[:len(out)-pad], nil
}

func block(key *[32]byte) cipher.Block {
	b, err := aes.NewCipher(key[:])
	if err != nil {
		panic("cbc: 32 bytes are not a key")
	}
	return b
}
