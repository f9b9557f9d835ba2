package xeddsa

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"testing"
)

// The floors: what the standard library takes for the same work.

func BenchmarkDH(b *testing.B) {
	k, p := GenerateKey(), GenerateKey().Public()
	k.Public()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = k.DH(p)
	}
}

func BenchmarkDHFloor(b *testing.B) {
	k, _ := ecdh.X25519().GenerateKey(rand.Reader)
	p, _ := ecdh.X25519().GenerateKey(rand.Reader)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = k.ECDH(p.PublicKey())
	}
}

func BenchmarkGenerateKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		GenerateKey().Public()
	}
}

func BenchmarkSign(b *testing.B) {
	k, message := GenerateKey(), make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = k.Sign(message)
	}
}

func BenchmarkSignFloor(b *testing.B) {
	_, k, _ := ed25519.GenerateKey(nil)
	message := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		ed25519.Sign(k, message)
	}
}

func BenchmarkVerify(b *testing.B) {
	k, message := GenerateKey(), make([]byte, 1024)
	sig, _ := k.Sign(message)
	p := k.Public()
	b.ReportAllocs()
	for b.Loop() {
		_ = p.Verify(message, sig[:])
	}
}

func BenchmarkVerifyFloor(b *testing.B) {
	p, k, _ := ed25519.GenerateKey(nil)
	message := make([]byte, 1024)
	sig := ed25519.Sign(k, message)
	b.ReportAllocs()
	for b.Loop() {
		ed25519.Verify(p, message, sig)
	}
}

func BenchmarkCheckCanonical(b *testing.B) {
	p := GenerateKey().Public()
	b.ReportAllocs()
	for b.Loop() {
		_ = p.CheckCanonical()
	}
}
