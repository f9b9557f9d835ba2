package identity

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// eight is a manifest of eight devices, one of them a steward.
func eight(b *testing.B) *Manifest {
	b.Helper()
	m := epochOf(b, seedOf("Ada"), 0, start, "a")
	v := viewOf(b, m)
	for i := range MaxDevices - 1 {
		m = must[*Manifest](b)(v.Add(identityOf("a"), deviceOf(b, m.Account(), uint8(i+10), fmt.Sprint("device ", i), start), start))
		v = viewOf(b, v.Manifest(), m)
	}
	return m
}

func BenchmarkParseManifest(b *testing.B) {
	for name, m := range map[string]*Manifest{"1": epochOf(b, seedOf("Ada"), 0, start, "a"), "8": eight(b)} {
		b.Run("devices="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = ParseManifest(m.raw)
			}
		})
	}
}

// BenchmarkReadRenewal: the usual case, where the view knows everything but the last signature.
func BenchmarkReadRenewal(b *testing.B) {
	v := viewOf(b, eight(b))
	m := must[*Manifest](b)(v.Renew(identityOf("a"), start.Add(time.Hour)))
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = v.Read(m.raw)
	}
}

// BenchmarkReadGarbage: a manifest whose last signature is wrong, and one that is cut.
func BenchmarkReadGarbage(b *testing.B) {
	m := eight(b)
	b.Run("cut", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = ParseManifest(m.raw[:len(m.raw)-1])
		}
	})
	b.Run("zeros", func(b *testing.B) {
		zeros := make([]byte, ManifestSize)
		b.ReportAllocs()
		for b.Loop() {
			_, _ = ParseManifest(zeros)
		}
	})
}

// BenchmarkManifestFloor is what the primitives of ParseManifest take for eight devices: nine XEdDSA verifications,
// eight checks of identity keys, one Ed25519 verification, one check of the account key.
func BenchmarkManifestFloor(b *testing.B) {
	message := make([]byte, 90)
	k := xeddsa.GenerateKey()
	p := k.Public()
	xsig := must[[SignatureSize]byte](b)(k.Sign(message))
	public, private, _ := ed25519.GenerateKey(nil)
	esig := ed25519.Sign(private, message)
	for b.Loop() {
		for range 9 {
			_ = p.Verify(message, xsig[:])
		}
		for range 8 {
			_ = p.CheckCanonical()
		}
		ed25519.Verify(public, message, esig)
		_, _ = parsePoint(public)
	}
}

func BenchmarkSignManifest(b *testing.B) {
	v := viewOf(b, eight(b))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = v.Renew(identityOf("a"), start)
	}
}

func BenchmarkParseAddress(b *testing.B) {
	text := adaAddress().String()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = ParseAddress(text)
	}
}

// BenchmarkParseAddressGarbage: one character is wrong.
func BenchmarkParseAddressGarbage(b *testing.B) {
	text := strings.Replace(adaAddress().String(), "q", "p", 1)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = ParseAddress(text)
	}
}

// BenchmarkAddressFloor is two checks of keys.
func BenchmarkAddressFloor(b *testing.B) {
	a := adaAddress()
	for b.Loop() {
		_, _ = parsePoint(a.Account[:])
		_, _ = parsePoint(a.Discovery[:])
	}
}

func BenchmarkApply(b *testing.B) {
	m := eight(b)
	v := viewOf(b, m)
	next := must[*Manifest](b)(v.Renew(identityOf("a"), start.Add(time.Hour)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = v.Apply(next)
	}
}

func BenchmarkCheck(b *testing.B) {
	v := viewOf(b, eight(b))
	key := identityOf("a").Public()
	b.ReportAllocs()
	for b.Loop() {
		_ = v.Check(1, key)
	}
}

func BenchmarkWords(b *testing.B) {
	text := readWords(b).Seeds[0].Words
	for b.Loop() {
		_, _ = ParseWords(text)
	}
}

func BenchmarkSafetyNumber(b *testing.B) {
	a, c := seedOf("Ada").Account().Public(), seedOf("Ben").Account().Public()
	for b.Loop() {
		_, _ = SafetyNumber(a, c)
	}
}
