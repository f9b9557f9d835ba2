package sframe

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"fmt"
	"testing"
)

type benchCase struct {
	name  string
	suite Suite
	size  int
}

// benchCases has for each suite a frame of voice, which should take no more than a microsecond, and a packet of video.
func benchCases() []benchCase {
	var all []benchCase
	for _, suite := range allSuites {
		for _, size := range []int{100, 1200} {
			all = append(all, benchCase{fmt.Sprintf("%v/%d", suite, size), suite, size})
		}
	}
	return all
}

func BenchmarkSeal(b *testing.B) {
	for _, bc := range benchCases() {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(bc.size))
			s, _ := pair(b, bc.suite, 3)
			frame, dst := make([]byte, bc.size), make([]byte, 0, bc.size+MaxHeader+MaxTag)
			for b.Loop() {
				if _, err := s.Seal(dst, frame, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen opens one frame again and again, and forgets that it did.
func BenchmarkOpen(b *testing.B) {
	for _, bc := range benchCases() {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(bc.size))
			s, r := pair(b, bc.suite, 3)
			for range 300 {
				seal(b, s, nil, nil)
			}
			sealed, dst := seal(b, s, make([]byte, bc.size), nil), make([]byte, 0, bc.size)
			for b.Loop() {
				if _, _, err := r.Open(dst, sealed, nil); err != nil {
					b.Fatal(err)
				}
				r.keys[3].seen = window{}
			}
		})
	}
}

// BenchmarkOpenForged opens a frame with a wrong tag: what it costs to refuse garbage.
func BenchmarkOpenForged(b *testing.B) {
	for _, bc := range benchCases() {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(bc.size))
			s, r := pair(b, bc.suite, 3)
			sealed, dst := seal(b, s, make([]byte, bc.size), nil), make([]byte, 0, bc.size)
			sealed[len(sealed)-1] ^= 1
			for b.Loop() {
				if _, _, err := r.Open(dst, sealed, nil); err == nil {
					b.Fatal("opened")
				}
			}
		})
	}
}

// BenchmarkFloor is what the primitives of a suite take by themselves: AES-GCM, or AES-CTR and HMAC over the same bytes
// as section 4.5.1 feeds them. One key stream runs on from frame to frame, which Seal, with a nonce for each, cannot have:
// it is a floor, not a rival.
func BenchmarkFloor(b *testing.B) {
	for _, bc := range benchCases() {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(bc.size))
			t := &suites[bc.suite]
			block, err := aes.NewCipher(make([]byte, t.nka))
			if err != nil {
				b.Fatal(err)
			}
			nonce, header, frame := make([]byte, nonceSize), make([]byte, 3), make([]byte, bc.size)
			dst := make([]byte, bc.size, bc.size+MaxTag)
			if t.nk == t.nka {
				gcm, err := cipher.NewGCM(block)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					gcm.Seal(dst[:0], nonce, frame, header)
				}
				return
			}
			stream := cipher.NewCTR(block, make([]byte, aes.BlockSize))
			prefix, sum := make([]byte, 3*8+nonceSize), make([]byte, 0, t.nh)
			mac := hmac.New(t.hash, make([]byte, t.nh))
			for b.Loop() {
				stream.XORKeyStream(dst, frame)
				mac.Reset()
				mac.Write(prefix)
				mac.Write(header)
				mac.Write(dst)
				mac.Sum(sum)
			}
		})
	}
}

func BenchmarkNewSender(b *testing.B) {
	for _, suite := range allSuites {
		b.Run(suite.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := NewSender(suite, 3); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseHeader(b *testing.B) {
	header := Header{0x123, 0x4567}.AppendTo(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseHeader(header); err != nil {
			b.Fatal(err)
		}
	}
}
