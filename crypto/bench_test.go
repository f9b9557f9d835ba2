package crypto

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	"testing"
)

// benchSizes are a text, and the largest post.
var benchSizes = []int{1 << 10, 64 << 10}

// perSize measures, for each size of message, the work that prepare returns.
func perSize(b *testing.B, prepare func(message []byte) func() error) {
	b.Helper()
	for _, size := range benchSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			do := prepare(make([]byte, size))
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The floors are what the standard library takes for the same work, with keys that were read before.

func BenchmarkSeal(b *testing.B) {
	public := Generate().Public()
	perSize(b, func(message []byte) func() error {
		return func() error { _, err := Seal(public, testPurpose, message); return err }
	})
}

func BenchmarkSealFloor(b *testing.B) {
	public := must(hpke.MLKEM768X25519().GenerateKey()).PublicKey()
	perSize(b, func(message []byte) func() error {
		return func() error {
			_, err := hpke.Seal(public, hpke.HKDFSHA256(), hpke.AES256GCM(), nil, message)
			return err
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	secret := Generate()
	perSize(b, func(message []byte) func() error {
		sealed := must(Seal(secret.Public(), testPurpose, message))
		return func() error { _, err := Open(secret, testPurpose, sealed); return err }
	})
}

func BenchmarkOpenFloor(b *testing.B) {
	key := must(hpke.MLKEM768X25519().GenerateKey())
	perSize(b, func(message []byte) func() error {
		sealed := must(hpke.Seal(key.PublicKey(), hpke.HKDFSHA256(), hpke.AES256GCM(), nil, message))
		return func() error {
			_, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), nil, sealed)
			return err
		}
	})
}

func BenchmarkSign(b *testing.B) {
	secret := Generate()
	perSize(b, func(message []byte) func() error {
		return func() error { _, err := Sign(secret, testPurpose, message); return err }
	})
}

func BenchmarkSignFloor(b *testing.B) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	perSize(b, func(message []byte) func() error {
		return func() error { ed25519.Sign(key, message); return nil }
	})
}

func BenchmarkVerify(b *testing.B) {
	secret := Generate()
	public := secret.Public()
	perSize(b, func(message []byte) func() error {
		signed := must(Sign(secret, testPurpose, message))
		return func() error { _, err := Verify(public, testPurpose, signed); return err }
	})
}

func BenchmarkVerifyFloor(b *testing.B) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	public := ed25519.PublicKey(key[32:])
	perSize(b, func(message []byte) func() error {
		signature := ed25519.Sign(key, message)
		return func() error { return ed25519.VerifyWithOptions(public, message, signature, &ed25519.Options{}) }
	})
}

func BenchmarkGenerate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Generate()
	}
}

func BenchmarkGenerateFloor(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ed25519.GenerateKey(nil); err != nil {
			b.Fatal(err)
		}
		key, err := hpke.MLKEM768X25519().GenerateKey()
		if err != nil {
			b.Fatal(err)
		}
		key.PublicKey().Bytes()
	}
}

func BenchmarkParsePublic(b *testing.B) {
	public := Generate().Public().AppendTo(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParsePublic(public); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParsePublicFloor reads the sealing half, and multiplies by a scalar as the check of the other half must.
func BenchmarkParsePublicFloor(b *testing.B) {
	public := Generate().Public().AppendTo(nil)
	scalar, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	point := scalar.PublicKey()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := hpke.MLKEM768X25519().NewPublicKey(public[33:]); err != nil {
			b.Fatal(err)
		}
		if _, err := scalar.ECDH(point); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefuse is what garbage costs that was sealed for nobody, and that nobody signed.
func BenchmarkRefuse(b *testing.B) {
	secret := Generate()
	public := secret.Public()
	sealed, signed := Sealed{make([]byte, SealOverhead+1024)}, Signed{make([]byte, SignOverhead+1024)}
	sealed.sealed[1120] = 9 // an X25519 key of no small order
	b.Run("Open", func(b *testing.B) {
		for b.Loop() {
			if _, err := Open(secret, testPurpose, sealed); err == nil {
				b.Fatal("opened")
			}
		}
	})
	b.Run("Verify", func(b *testing.B) {
		for b.Loop() {
			if _, err := Verify(public, testPurpose, signed); err == nil {
				b.Fatal("verified")
			}
		}
	})
}
