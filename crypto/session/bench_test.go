package session

import (
	"testing"

	"github.com/linnetmesh/linnet/crypto/internal/cbc"
	"github.com/linnetmesh/linnet/crypto/internal/kdf"
	"github.com/linnetmesh/linnet/crypto/internal/skipped"
)

// settled returns two devices whose session is answered, so that messages are SignalMessages.
func settled(b *testing.B) (x, y *device) {
	b.Helper()
	x, y = newPair(b)
	x.initiate(b, y, true)
	y.mustOpen(b, x.send(b, "hi"))
	x.mustOpen(b, y.send(b, "hi"))
	return x, y
}

// BenchmarkEncrypt1KiB is the steady state of somebody who writes: one message of 1 KiB on a session, no answers.
func BenchmarkEncrypt1KiB(b *testing.B) {
	x, _ := settled(b)
	r, plaintext := x.record, make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		var err error
		if r, _, _, err = r.Encrypt(plaintext, now); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b)
}

// BenchmarkDecrypt1KiB is the steady state of somebody who reads: the next message of 1 KiB in its chain.
func BenchmarkDecrypt1KiB(b *testing.B) {
	x, y := settled(b)
	plaintext := make([]byte, 1024)
	// Decryption does not write to a record, so a stretch of one long conversation may be gone through many times.
	const stretch = 512
	var messages [stretch][]byte
	var records [stretch]*Record
	sender, receiver := x.record, y.record
	for i := range messages {
		var err error
		if sender, _, messages[i], err = sender.Encrypt(plaintext, now); err != nil {
			b.Fatal(err)
		}
		records[i] = receiver
		if receiver, _, err = receiver.Decrypt(messages[i]); err != nil {
			b.Fatal(err)
		}
	}
	// The first message turns the ratchet and is no steady state.
	b.ReportAllocs()
	b.SetBytes(1024)
	for i := 0; b.Loop(); i++ {
		n := 1 + i%(stretch-1)
		if _, _, err := records[n].Decrypt(messages[n]); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b)
}

// BenchmarkFloor is the primitives of one message without SPQR: chain step, message keys, cipher and MAC.
func BenchmarkFloor(b *testing.B) {
	var c kdf.Chain
	plaintext := make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		floor(&c, plaintext)
	}
	perSecond(b)
}

// BenchmarkFloorSPQR is the same with the one derivation that SPQR adds.
func BenchmarkFloorSPQR(b *testing.B) {
	var c kdf.Chain
	var pq [64]byte
	plaintext := make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		kdf.HKDF(pq[:], nil, c.Key[:], "Signal PQ Ratchet V1 Chain Next")
		floor(&c, plaintext)
	}
	perSecond(b)
}

func floor(c *kdf.Chain, plaintext []byte) {
	seed := c.Step(true)
	var out [80]byte
	kdf.HKDF(out[:], seed[:], seed[:], "WhisperMessageKeys")
	body := cbc.Encrypt((*[32]byte)(out[:32]), (*[16]byte)(out[64:]), plaintext)
	kdf.HMAC(out[32:64], body)
}

// BenchmarkConversation1KiB is a message of 1 KiB and an answer, in turn: every message turns the Diffie-Hellman
// ratchet, and SPQR epochs turn under them. It counts one message, encrypted and decrypted.
func BenchmarkConversation1KiB(b *testing.B) {
	x, y := settled(b)
	from, to := x.record, y.record
	plaintext := make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		next, _, out, err := from.Encrypt(plaintext, now)
		if err != nil {
			b.Fatal(err)
		}
		if to, _, err = to.Decrypt(out); err != nil {
			b.Fatal(err)
		}
		from, to = to, next
	}
	perSecond(b)
}

// BenchmarkInitiate opens a session: verifies the bundle, makes the handshake.
func BenchmarkInitiate(b *testing.B) {
	x, y := newPair(b)
	bundle := y.bundle(b, true)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.record.Initiate(x.identity, 1, bundle, now); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAccept opens a session from the other side, and its first message.
func BenchmarkAccept(b *testing.B) {
	x, y := newPair(b)
	x.initiate(b, y, true)
	l := x.send(b, "hi")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, _, err := y.decrypt(KindPreKey, l.bytes); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGarbage is the most that a message which opens nothing can cost: for a record with as many sessions as there can
// be, it names a new ratchet key, and is as far ahead as may be.
func BenchmarkGarbage(b *testing.B) {
	x, y := newPair(b)
	for range MaxArchived + 1 {
		x.initiate(b, y, false)
		y.mustOpen(b, x.send(b, "hi"))
	}
	stranger, _ := settled(b)
	r := stranger.record
	var out []byte
	for range skipped.MaxJump - 1 {
		var err error
		if r, _, out, err = r.Encrypt(nil, now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := y.record.Decrypt(out); err == nil {
			b.Fatal("garbage opens")
		}
	}
}

// BenchmarkStore writes and reads a record of one settled session.
func BenchmarkStore(b *testing.B) {
	x, _ := settled(b)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = x.record.AppendTo(buf[:0])
		if _, err := ParseRecord(buf); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buf)), "B-stored")
}

func perSecond(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
