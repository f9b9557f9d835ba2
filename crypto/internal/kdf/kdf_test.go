package kdf

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"
)

// TestHKDF holds HKDF to RFC 5869, appendices A.1 to A.3.
func TestHKDF(t *testing.T) {
	tests := []struct{ ikm, salt, info, okm string }{
		{
			"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
			"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
		},
		{
			"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
			"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
		},
	}
	for _, tt := range tests {
		ikm, _ := hex.DecodeString(tt.ikm)
		salt, _ := hex.DecodeString(tt.salt)
		info, _ := hex.DecodeString(tt.info)
		out := make([]byte, len(tt.okm)/2)
		HKDF(out, salt, ikm, string(info))
		if got := hex.EncodeToString(out); got != tt.okm {
			t.Errorf("got %s, want %s", got, tt.okm)
		}
	}
}

// TestHMAC holds HMAC to RFC 4231, section 4.3, given whole and in parts.
func TestHMAC(t *testing.T) {
	const want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	for _, parts := range [][][]byte{
		{[]byte("what do ya want for nothing?")},
		{[]byte("what do ya "), nil, []byte("want for nothing?")},
	} {
		mac := HMAC([]byte("Jefe"), parts...)
		if got := hex.EncodeToString(mac[:]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestStandardLibrary holds both functions to crypto/hmac and crypto/hkdf, for all sizes around their limits.
func TestStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes := func(most int, name string) []byte { return rapid.SliceOfN(rapid.Byte(), 0, most).Draw(t, name) }
		key, a, b := bytes(2*blockSize, "key"), bytes(shortest, "a"), bytes(shortest, "b")
		h := hmac.New(sha256.New, key)
		h.Write(a)
		h.Write(b)
		if got := HMAC(key, a, b); string(got[:]) != string(h.Sum(nil)) {
			t.Fatalf("HMAC: got %x", got)
		}
		out := make([]byte, rapid.IntRange(0, 255*Size).Draw(t, "size"))
		info := string(bytes(2*shortest, "info"))
		HKDF(out, key, a, info)
		want, err := hkdf.Key(sha256.New, a, key, info, len(out))
		if err != nil || string(out) != string(want) {
			t.Fatalf("HKDF: got %x, want %x, %v", out, want, err)
		}
	})
}

func TestChain(t *testing.T) {
	a, b := Chain{Key: [Size]byte{1, 2, 3}}, Chain{Key: [Size]byte{1, 2, 3}}
	seed := a.Step(true)
	if none := b.Step(false); a != b || a.Index != 1 || none != [Size]byte{} {
		t.Error("the chain goes on in another way if the seed is not wanted")
	}
	if seed == a.Key || seed == [Size]byte{1, 2, 3} || a.Key == [Size]byte{1, 2, 3} {
		t.Error("the seed of a message is a key of the chain")
	}
}

func BenchmarkHMAC(b *testing.B) {
	key, data := make([]byte, 32), []byte{1}
	b.ReportAllocs()
	for b.Loop() {
		HMAC(key, data)
	}
}

// BenchmarkHMACFloor is the same with crypto/hmac.
func BenchmarkHMACFloor(b *testing.B) {
	key, data := make([]byte, 32), []byte{1}
	b.ReportAllocs()
	for b.Loop() {
		h := hmac.New(sha256.New, key)
		h.Write(data)
		h.Sum(nil)
	}
}

func BenchmarkHKDF80(b *testing.B) {
	var salt, ikm [32]byte
	var out [80]byte
	b.ReportAllocs()
	for b.Loop() {
		HKDF(out[:], salt[:], ikm[:], "WhisperMessageKeys")
	}
}

// BenchmarkHKDF80Floor is the same with crypto/hkdf.
func BenchmarkHKDF80Floor(b *testing.B) {
	var salt, ikm [32]byte
	b.ReportAllocs()
	for b.Loop() {
		_, _ = hkdf.Key(sha256.New, ikm[:], salt[:], "WhisperMessageKeys", 80)
	}
}
