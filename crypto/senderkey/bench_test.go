package senderkey

import (
	"testing"

	"github.com/linnetmesh/linnet/crypto/internal/cbc"
	"github.com/linnetmesh/linnet/crypto/internal/kdf"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

func BenchmarkEncrypt1KiB(b *testing.B) {
	s, plaintext := NewSender(ID{}), make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		var err error
		if s, _, err = s.Encrypt(plaintext); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncrypt1KiBFloor is the primitives of one message alone.
func BenchmarkEncrypt1KiBFloor(b *testing.B) {
	var c kdf.Chain
	signing, plaintext := xeddsa.GenerateKey(), make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		seed := c.Step(true)
		iv, key := deriveKeys(&seed)
		_, _ = signing.Sign(cbc.Encrypt(&key, &iv, plaintext))
	}
}

func BenchmarkDecrypt1KiB(b *testing.B) {
	s, plaintext := NewSender(ID{}), make([]byte, 1024)
	r := receiver(b, s.Distribution().AppendTo(nil))
	var messages [256]*Message
	var states [256]*Receiver
	for i := range messages {
		next, out, err := s.Encrypt(plaintext)
		if err != nil {
			b.Fatal(err)
		}
		if messages[i], err = ParseMessage(out); err != nil {
			b.Fatal(err)
		}
		states[i] = r
		if r, _, err = r.Decrypt(messages[i]); err != nil {
			b.Fatal(err)
		}
		s = next
	}
	b.ReportAllocs()
	b.SetBytes(1024)
	for i := 0; b.Loop(); i++ {
		if _, _, err := states[i%256].Decrypt(messages[i%256]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecrypt1KiBFloor is the primitives of one message alone.
func BenchmarkDecrypt1KiBFloor(b *testing.B) {
	var c kdf.Chain
	var iv [16]byte
	var key [32]byte
	signing := xeddsa.GenerateKey()
	ciphertext := cbc.Encrypt(&key, &iv, make([]byte, 1024))
	signature, _ := signing.Sign(ciphertext)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		_ = signing.Public().Verify(ciphertext, signature[:])
		seed := c.Step(true)
		deriveKeys(&seed)
		_, _ = cbc.Decrypt(&key, &iv, ciphertext)
	}
}
