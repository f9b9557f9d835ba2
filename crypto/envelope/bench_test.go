package envelope

import (
	"crypto/hpke"
	"testing"
)

// message is about what a text of 100 bytes is in a settled session.
var message = make([]byte, 220)

func BenchmarkSealOpening(b *testing.B) {
	key, in := GenerateKey().Public(), inner(FormOpening, make([]byte, 1900))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := SealOpening(key, ben, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSealOpeningFloor is HPKE alone, for the same size.
func BenchmarkSealOpeningFloor(b *testing.B) {
	key := GenerateKey().Public()
	padded := make([]byte, 4096-openingOverhead)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := hpke.Seal(key.k, hpke.HKDFSHA256(), hpke.AES256GCM(), nil, padded); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenOpening(b *testing.B) {
	key := GenerateKey()
	sealed, err := SealOpening(key.Public(), ben, inner(FormOpening, make([]byte, 1900)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := OpenOpening(key, ben, sealed.Bytes); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealSession(b *testing.B) {
	sender, _ := ends(b, newSecret(b, 7))
	in := inner(FormSession, message)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := sender.Seal(in, now); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSealSessionFloor is AES-256-GCM alone, with a fresh key as for each envelope.
func BenchmarkSealSessionFloor(b *testing.B) {
	var key [32]byte
	nonce, padded := make([]byte, nonceSize), make([]byte, MinSize-sessionOverhead)
	b.ReportAllocs()
	for b.Loop() {
		gcm(&key).Seal(nil, nonce, padded, nil)
	}
}

func BenchmarkOpenSession(b *testing.B) {
	sender, receiver := ends(b, newSecret(b, 7))
	_, sealed, err := sender.Seal(inner(FormSession, message), now)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := receiver.Open(sealed.Bytes); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenAt is the same for a receiver that looked the tag up.
func BenchmarkOpenAt(b *testing.B) {
	sender, receiver := ends(b, newSecret(b, 7))
	_, sealed, err := sender.Seal(inner(FormSession, message), now)
	if err != nil {
		b.Fatal(err)
	}
	tagged := receiver.Tags()[0]
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := receiver.OpenAt(tagged, sealed.Bytes); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenWeak(b *testing.B) {
	sender, receiver := ends(b, newSecret(b, 7))
	sealed, err := sender.SealWeak(inner(FormWeak, []byte("typing")), now)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := receiver.Open(sealed.Bytes); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTags is what the index of one session takes.
func BenchmarkTags(b *testing.B) {
	_, receiver := ends(b, newSecret(b, 7))
	b.ReportAllocs()
	for b.Loop() {
		receiver.Tags()
	}
}

// BenchmarkUnknownTag is what an envelope costs that is of no session, where the tag was not looked up first.
func BenchmarkUnknownTag(b *testing.B) {
	_, receiver := ends(b, newSecret(b, 7))
	garbage := make([]byte, MinSize)
	garbage[0] = byte(FormSession)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := receiver.Open(garbage); err == nil {
			b.Fatal("garbage opens")
		}
	}
}
