package descriptor

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"
)

func benchWorld(b *testing.B) (*person, Content, Sealed) {
	b.Helper()
	ada := personOf(b, "Ada", 8, 1)
	c := ada.content(b, 1)
	return ada, c, ada.seal(b, c, placeOf(start), start)
}

func BenchmarkValidate(b *testing.B) {
	_, _, s := benchWorld(b)
	dht := s.Key.DHT()
	b.ReportAllocs()
	for b.Loop() {
		if err := Validate(dht, s.Value, start); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkValidateFloor is what the primitives take: the signature alone is what stands after the cheap checks.
func BenchmarkValidateFloor(b *testing.B) {
	public, private, _ := ed25519.GenerateKey(nil)
	message := make([]byte, 61)
	sig := ed25519.Sign(private, message)
	b.Run("signature", func(b *testing.B) {
		for b.Loop() {
			ed25519.Verify(public, message, sig)
		}
	})
	b.Run("hash", func(b *testing.B) {
		value := make([]byte, Size)
		for b.Loop() {
			sha256.Sum256(value)
		}
	})
}

// BenchmarkGarbage is what it takes to refuse a value that cost its sender nothing.
func BenchmarkGarbage(b *testing.B) {
	_, _, s := benchWorld(b)
	worked := bytes.Clone(s.Value)
	worked[offsetSealed+100] ^= 1
	old := bytes.Clone(s.Value)
	old[offsetPeriod+7] ^= 4
	for name, value := range map[string][]byte{"size": s.Value[1:], "period": old, "work": worked} {
		b.Run(name, func(b *testing.B) {
			dht := s.Key.DHT()
			b.ReportAllocs()
			for b.Loop() {
				if Validate(dht, value, start) == nil {
					b.Fatal("passed")
				}
			}
		})
	}
}

// BenchmarkSeal has the work in it, which is random: the last is without.
func BenchmarkSeal(b *testing.B) {
	ada, c, _ := benchWorld(b)
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			_, _ = c.Seal(ada.discovery, placeOf(start), time.Time{}, start)
		}
	})
	b.Run("work", func(b *testing.B) {
		var rest [32]byte
		for i := uint64(0); b.Loop(); i++ {
			rest[0]++
			findWork([32]byte{}, rest, i<<32)
		}
	})
	b.Run("without work", func(b *testing.B) {
		fresh := drawnOf("bench")
		s, _ := newSigner(ada.discovery, placeOf(start))
		sealed, _ := c.seal(ada.discovery, placeOf(start), time.Time{}, start, fresh)
		body, _ := c.marshal()
		h := parseHeader(sealed.Value)
		fresh.work = uint64(sealed.Value[offsetWork])<<56 | uint64(sealed.Value[offsetWork+1])<<48 | uint64(sealed.Value[offsetWork+2])<<40 |
			uint64(sealed.Value[offsetWork+3])<<32 | uint64(sealed.Value[offsetWork+4])<<24 | uint64(sealed.Value[offsetWork+5])<<16 |
			uint64(sealed.Value[offsetWork+6])<<8 | uint64(sealed.Value[offsetWork+7])
		for b.Loop() {
			s.seal(ada.d(), sealed.Place, h.time, body, fresh)
		}
	})
}

// BenchmarkOpen is a reader who knows the address alone, one who knows the manifest, and one who gets what is expired.
func BenchmarkOpen(b *testing.B) {
	ada, _, s := benchWorld(b)
	b.Run("stranger", func(b *testing.B) {
		for b.Loop() {
			_, _ = Open(s.Value, ada.d(), ada.stranger(), start)
		}
	})
	b.Run("contact", func(b *testing.B) {
		for b.Loop() {
			_, _ = Open(s.Value, ada.d(), ada.view, start)
		}
	})
	b.Run("garbage", func(b *testing.B) {
		for b.Loop() {
			_, _ = Open(s.Value, ada.d(), ada.view, start.Add(PeriodLength))
		}
	})
}

func BenchmarkBlind(b *testing.B) {
	d := discoveryOf(b, "Ada").Public()
	for b.Loop() {
		_, _ = Blind(d, placeOf(start))
	}
}

func BenchmarkValidateNode(b *testing.B) {
	n := nodeOf(b)
	value, _ := n.Seal(transportOf(b, "relay"), time.Time{}, start)
	dht := NodeKey(n.Key)
	for b.Loop() {
		_ = ValidateNode(dht, value, start)
	}
}
