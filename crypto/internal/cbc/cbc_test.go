package cbc

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// TestVector holds Encrypt to NIST SP 800-38A, section F.2.5, whose plaintext fills its blocks: one of padding follows.
func TestVector(t *testing.T) {
	var key [32]byte
	var iv [16]byte
	hex.Decode(key[:], []byte("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"))
	hex.Decode(iv[:], []byte("000102030405060708090a0b0c0d0e0f"))
	plain, _ := hex.DecodeString("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
	want, _ := hex.DecodeString("f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d")
	got := Encrypt(&key, &iv, plain)
	if len(got) != len(plain)+16 || !bytes.Equal(got[:len(want)], want) {
		t.Errorf("got %x, want %x and one block", got, want)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "plain")
		key, iv := [32]byte{1}, [16]byte{2}
		c := Encrypt(&key, &iv, plain)
		got, err := Decrypt(&key, &iv, c)
		if err != nil || !bytes.Equal(got, plain) || len(c) <= len(plain) || len(c) > len(plain)+16 {
			t.Fatalf("got %x, %v", got, err)
		}
	})
}

// TestPaddingRefused encrypts whole blocks with each bad end.
func TestPaddingRefused(t *testing.T) {
	key, iv := [32]byte{1}, [16]byte{2}
	for name, end := range map[string][]byte{
		"zero": {0}, "seventeen": {17}, "255": {255}, "uneven": {1, 2, 3, 3}, "long and uneven": append([]byte{1}, bytes.Repeat([]byte{16}, 15)...),
	} {
		b := make([]byte, 32)
		copy(b[32-len(end):], end)
		cipher.NewCBCEncrypter(block(&key), iv[:]).CryptBlocks(b, b)
		if _, err := Decrypt(&key, &iv, b); !errors.Is(err, ErrPadding) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, n := range []int{0, 1, 15, 17, aes.BlockSize + 8} {
		if _, err := Decrypt(&key, &iv, make([]byte, n)); !errors.Is(err, ErrPadding) {
			t.Errorf("%d bytes: got %v", n, err)
		}
	}
}

func FuzzDecrypt(f *testing.F) {
	key, iv := [32]byte{1}, [16]byte{2}
	f.Add(Encrypt(&key, &iv, []byte("hello")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, err := Decrypt(&key, &iv, b); err == nil && !bytes.Equal(Encrypt(&key, &iv, plain), b) {
			t.Error("two ciphertexts of one plaintext")
		}
	})
}
