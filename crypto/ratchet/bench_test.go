package ratchet

import (
	"testing"

	"github.com/linnetmesh/linnet/crypto/internal/cbc"
	"github.com/linnetmesh/linnet/crypto/internal/kdf"
	"github.com/linnetmesh/linnet/crypto/spqr"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// BenchmarkTurn is one message of 1 KiB each way: every one turns the Diffie-Hellman ratchet, and SPQR epochs turn under
// them. It counts one message: encrypted here, decrypted there.
func BenchmarkTurn(b *testing.B) {
	x, y := pair(b)
	plaintext := make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		next, out, err := x.Encrypt(plaintext, nil)
		if err != nil {
			b.Fatal(err)
		}
		m, err := ParseMessage(out)
		if err != nil {
			b.Fatal(err)
		}
		if y, _, err = y.Decrypt(m, nil); err != nil {
			b.Fatal(err)
		}
		x, y = y, next
	}
}

// BenchmarkTurnFloor is the primitives of the same message: a key pair, two agreements, the derivations and ciphers.
func BenchmarkTurnFloor(b *testing.B) {
	remote, plaintext := xeddsa.GenerateKey().Public(), make([]byte, 1024)
	var keys messageKeys
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		k := xeddsa.GenerateKey()
		dh, _ := k.DH(remote)
		_, _ = k.DH(remote)
		rootStep(&dh, &dh)
		rootStep(&dh, &dh)
		floor(&keys, plaintext)
		c := floor(&keys, plaintext)
		_, _ = cbc.Decrypt(&keys.cipher, &keys.iv, c)
	}
}

// floor is the primitives of one message, without the post-quantum ratchet.
func floor(keys *messageKeys, plaintext []byte) []byte {
	var c kdf.Chain
	seed := c.Step(true)
	*keys = deriveKeys(&seed, &seed)
	out := cbc.Encrypt(&keys.cipher, &keys.iv, plaintext)
	kdf.HMAC(keys.mac[:], out)
	return out
}

// BenchmarkGarbage is what a message costs that names an unknown ratchet key and does not open.
func BenchmarkGarbage(b *testing.B) {
	x, _ := pair(b)
	_, other := pair(b)
	_, out := encrypt(b, x, "x")
	m, err := ParseMessage(out)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := other.Decrypt(m, nil); err == nil {
			b.Fatal("garbage opens")
		}
	}
}

// BenchmarkStore writes and reads a state between two turns.
func BenchmarkStore(b *testing.B) {
	s, _ := pair(b)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = s.AppendTo(buf[:0])
		if _, err := Parse(buf, s.local, s.remote); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buf)), "B-stored")
}

// BenchmarkSPQRShare is the post-quantum ratchet's part of one message sent.
func BenchmarkSPQRShare(b *testing.B) {
	s := spqr.New(new([32]byte), true)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if s, _, _, err = s.Send(); err != nil {
			b.Fatal(err)
		}
	}
}
