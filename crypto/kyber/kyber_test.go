package kyber

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestGolden pins a key pair of a fixed seed, and the secret of a fixed ciphertext. Round 3's own last step is held to
// the official library by the recordings in crypto/session.
func TestGolden(t *testing.T) {
	seed := bytes.Repeat([]byte{7}, SeedSize)
	k, err := ParsePrivateKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	public := k.Public().Bytes()
	inner, err := mlkem.NewEncapsulationKey1024(public[1:])
	if err != nil {
		t.Fatal(err)
	}
	shared, c, err := mlkemtest.Encapsulate1024(inner, bytes.Repeat([]byte{9}, 32))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := k.Decapsulate(append([]byte{keyType}, c...))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(secret[:], shared) {
		t.Error("the secret is that of FIPS 203, not of round 3")
	}
	for _, tt := range []struct{ name, got, want string }{
		{"public key", fmt.Sprintf("%x", sha256.Sum256(public)), goldenPublic},
		{"secret", hex.EncodeToString(secret[:]), goldenSecret},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

const (
	goldenPublic = "fa3bb5d5a18dc16fab12e0bb1add2d698fbf37bc9ce1bdd8c53808fab8435fd9"
	goldenSecret = "9e500b95f14ded208ebcd385d0c5b90fdc15e7f24cac99f6b5e0c27f05475dd0"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, err := ParsePrivateKey(rapid.SliceOfN(rapid.Byte(), SeedSize, SeedSize).Draw(t, "seed"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePublicKey(k.Public().Bytes())
		if err != nil {
			t.Fatal(err)
		}
		want, c, err := p.Encapsulate()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Decapsulate(c); err != nil || got != want {
			t.Fatalf("got %x, %v, want %x", got, err, want)
		}
		bit := rapid.IntRange(8, 8*CiphertextSize-1).Draw(t, "bit")
		c[bit/8] ^= 1 << (bit % 8)
		if got, err := k.Decapsulate(c); err != nil || got == want {
			t.Fatalf("bit %d flipped: got %x, %v; want another secret and no error", bit, got, err)
		}
		k2, err := ParsePrivateKey(k.AppendTo(nil))
		if err != nil || !k.Equal(k2) {
			t.Fatalf("stored key is another, %v", err)
		}
	})
}

func TestRefuses(t *testing.T) {
	k := GenerateKey()
	public := k.Public().Bytes()
	_, c, _ := k.Public().Encapsulate()
	beyond := bytes.Clone(public)
	beyond[1], beyond[2] = 0xff, beyond[2]|0x0f // a coefficient of 4095, above the modulus
	for name, b := range map[string][]byte{
		"empty": nil, "short": public[:PublicKeySize-1], "long": append(bytes.Clone(public), 0),
		"bare": public[1:], "type of Kyber-768": append([]byte{7}, public[1:]...),
		"type of ML-KEM-1024": append([]byte{10}, public[1:]...), "coefficient too large": beyond,
	} {
		if _, err := ParsePublicKey(b); !errors.Is(err, ErrKey) {
			t.Errorf("key, %s: got %v, want %v", name, err, ErrKey)
		}
	}
	for name, b := range map[string][]byte{
		"empty": nil, "short": c[:CiphertextSize-1], "long": append(bytes.Clone(c), 0),
		"bare": c[1:], "other type": append([]byte{7}, c[1:]...),
	} {
		if _, err := k.Decapsulate(b); !errors.Is(err, ErrCiphertext) {
			t.Errorf("ciphertext, %s: got %v, want %v", name, err, ErrCiphertext)
		}
	}
	for _, n := range []int{0, 32, 63, 65, 3168} {
		if _, err := ParsePrivateKey(make([]byte, n)); !errors.Is(err, ErrKey) {
			t.Errorf("seed of %d bytes: got %v, want %v", n, err, ErrKey)
		}
	}
	var zero PrivateKey
	if _, err := zero.Decapsulate(c); !errors.Is(err, ErrKey) {
		t.Errorf("zero private key: got %v", err)
	}
	if _, _, err := (PublicKey{}).Encapsulate(); !errors.Is(err, ErrKey) {
		t.Errorf("zero public key: got %v", err)
	}
	if !zero.Public().IsZero() || zero.Equal(zero) || zero.AppendTo(nil) != nil || (PublicKey{}).Bytes() != nil {
		t.Error("the zero key is a key")
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	k := GenerateKey()
	secret := hex.EncodeToString(k.AppendTo(nil)[:8])
	digits := strings.Trim(fmt.Sprintf("%d", k.AppendTo(nil)[:8]), "[]")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		out := fmt.Sprintf(verb, k) + fmt.Sprintf(verb, struct{ k PrivateKey }{k})
		if strings.Contains(out, secret) || strings.Contains(out, digits) {
			t.Errorf("%s prints the secret: %s", verb, out)
		}
	}
}

func FuzzParsePublicKey(f *testing.F) {
	k := GenerateKey()
	f.Add(k.Public().Bytes())
	f.Add([]byte{keyType})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePublicKey(b)
		if err == nil && !bytes.Equal(p.Bytes(), b) {
			t.Errorf("%x is written %x", b, p.Bytes())
		}
	})
}

func FuzzDecapsulate(f *testing.F) {
	k := GenerateKey()
	_, c, _ := k.Public().Encapsulate()
	f.Add(c)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := k.Decapsulate(b); (err == nil) != (CheckCiphertext(b) == nil) {
			t.Errorf("got %v", err)
		}
	})
}

func BenchmarkEncapsulate(b *testing.B) {
	p := GenerateKey().Public()
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = p.Encapsulate()
	}
}

func BenchmarkEncapsulateFloor(b *testing.B) {
	k, _ := mlkem.GenerateKey1024()
	p := k.EncapsulationKey()
	b.ReportAllocs()
	for b.Loop() {
		p.Encapsulate()
	}
}

func BenchmarkDecapsulate(b *testing.B) {
	k := GenerateKey()
	_, c, _ := k.Public().Encapsulate()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = k.Decapsulate(c)
	}
}

func BenchmarkDecapsulateFloor(b *testing.B) {
	k, _ := mlkem.GenerateKey1024()
	_, c := k.EncapsulationKey().Encapsulate()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = k.Decapsulate(c)
	}
}

func BenchmarkParsePublicKey(b *testing.B) {
	public := GenerateKey().Public().Bytes()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = ParsePublicKey(public)
	}
}
