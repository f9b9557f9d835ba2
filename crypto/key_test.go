package crypto

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"strings"
	"testing"

	"filippo.io/edwards25519"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// badPublic are public keys with one thing wrong each.
var badPublic = []struct {
	name   string
	change func(b []byte) []byte
}{
	{"empty", func([]byte) []byte { return nil }},
	{"a byte short", func(b []byte) []byte { return b[:len(b)-1] }},
	{"a byte long", func(b []byte) []byte { return append(b, 0) }},
	{"no form", func(b []byte) []byte { b[0] = 0; return b }},
	{"form of a secret", func(b []byte) []byte { b[0] = formSecret; return b }},
	{"next version", func(b []byte) []byte { b[0] = formPublic + 1; return b }},
	{"Ed25519 not on the curve", signingHalf("0200000000000000000000000000000000000000000000000000000000000000")},
	{"Ed25519 of order 1", signingHalf("0100000000000000000000000000000000000000000000000000000000000000")},
	{"Ed25519 of order 2", signingHalf("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
	{"Ed25519 of order 4", signingHalf("0000000000000000000000000000000000000000000000000000000000000000")},
	{"Ed25519 of order 8", signingHalf(order8)},
	{"Ed25519 not reduced", signingHalf("f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
	{"Ed25519 of order 1 with a sign", signingHalf("0100000000000000000000000000000000000000000000000000000000000080")},
	{"Ed25519 with torsion", func(b []byte) []byte {
		p, _ := new(edwards25519.Point).SetBytes(b[1:33])
		torsion, _ := new(edwards25519.Point).SetBytes(mustHex(order8))
		copy(b[1:33], p.Add(p, torsion).Bytes())
		return b
	}},
	{"first ML-KEM coefficient is q", func(b []byte) []byte { b[33], b[34] = 0x01, b[34]&0xf0|0x0d; return b }},
	{"last ML-KEM coefficient is 4095", func(b []byte) []byte { b[33+1150] |= 0xf0; b[33+1151] = 0xff; return b }},
	{"X25519 with bit 255", func(b []byte) []byte { b[PublicSize-1] |= 0x80; return b }},
	{"X25519 is 9 and not reduced", sealingField("\xf6" + strings.Repeat("\xff", 30) + "\x7f")},
	{"X25519 of small order 0", sealingField(smallOrder0)},
	{"X25519 of small order 1", sealingField(smallOrder1)},
	{"X25519 of small order 2", sealingField(smallOrder2)},
	{"X25519 of small order 3", sealingField(smallOrder3)},
	{"X25519 of small order 4", sealingField(smallOrder4)},
}

// order8 is a point of order 8.
const order8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"

func signingHalf(half string) func([]byte) []byte {
	return func(b []byte) []byte { copy(b[1:], mustHex(half)); return b }
}

func sealingField(u string) func([]byte) []byte {
	return func(b []byte) []byte { copy(b[PublicSize-fieldSize:], u); return b }
}

func TestParsePublicRefuses(t *testing.T) {
	for _, tt := range badPublic {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.change(numbered(1).Public().AppendTo(nil))
			if got, err := ParsePublic(b); !errors.Is(err, ErrPublic) || got != (Public{}) {
				t.Errorf("got %v, want %v", err, ErrPublic)
			}
		})
	}
}

func TestParseSecretRefuses(t *testing.T) {
	good := numbered(1).AppendTo(nil)
	tests := []struct {
		name string
		b    []byte
	}{
		{"empty", nil},
		{"seed alone", good[1:]},
		{"a byte long", append(bytes.Clone(good), 0)},
		{"zeroed", make([]byte, SecretSize)},
		{"form of a public key", append([]byte{formPublic}, good[1:]...)},
		{"next version", append([]byte{formSecret + 1}, good[1:]...)},
		{"public key", numbered(1).Public().AppendTo(nil)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := ParseSecret(tt.b); !errors.Is(err, ErrSecret) || got.keys != nil {
				t.Errorf("got %v, want %v", err, ErrSecret)
			}
		})
	}
}

// TestSmallOrder shows that the list of keys of small order is of those, and that a key that parses can be sealed to.
func TestSmallOrder(t *testing.T) {
	key, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []string{smallOrder0, smallOrder1, smallOrder2, smallOrder3, smallOrder4} {
		public, err := ecdh.X25519().NewPublicKey([]byte(u))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := key.ECDH(public); err == nil {
			t.Errorf("%x shares a secret", u)
		}
	}
}

func TestSecretAndPublicTravel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := [seedSize]byte(rapid.SliceOfN(rapid.Byte(), seedSize, seedSize).Draw(t, "seed"))
		secret := newSecret(&seed)
		again, err := ParseSecret(secret.AppendTo(nil))
		if err != nil || !again.Equal(secret) {
			t.Fatalf("secret: got %v, want the same", err)
		}
		public, err := ParsePublic(again.Public().AppendTo(nil))
		if err != nil || public != secret.Public() {
			t.Fatalf("public key: got %v, want the same", err)
		}
		seed[rapid.IntRange(0, seedSize-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if other := newSecret(&seed); other.Equal(secret) || other.Public() == public {
			t.Fatal("another seed gives the same key")
		}
	})
}

func TestGenerateIsFresh(t *testing.T) {
	a, b := Generate(), Generate()
	if a.Equal(b) || a.Public() == b.Public() {
		t.Error("two calls gave the same secret")
	}
	if !a.Equal(a) {
		t.Error("a secret does not equal itself")
	}
	if _, err := ParsePublic(a.Public().AppendTo(nil)); err != nil {
		t.Errorf("its public key: %v", err)
	}
}

// TestParseKeepsNothing changes the bytes after they were parsed.
func TestParseKeepsNothing(t *testing.T) {
	secret := numbered(1)
	b := secret.AppendTo(nil)
	got, err := ParseSecret(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !got.Equal(secret) {
		t.Error("a secret lives on in the bytes that it was parsed from")
	}
	b = secret.AppendTo(nil)
	clear(b)
	if diff := cmp.Diff(got.AppendTo(nil), secret.AppendTo(nil)); diff != "" {
		t.Error("a secret lives on in the bytes that it was written to")
	}
	b = mustSeal(t, secret.Public(), "hello").AppendTo(nil)
	sealed, err := ParseSealed(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if got, err := Open(secret, testPurpose, sealed); err != nil || string(got) != "hello" {
		t.Errorf("sealed: got %q, %v", got, err)
	}
	b = mustSign(t, secret, "hello").AppendTo(nil)
	signed, err := ParseSigned(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	for range 2 {
		got, err := Verify(secret.Public(), testPurpose, signed)
		if err != nil || string(got) != "hello" {
			t.Errorf("signed: got %q, %v", got, err)
		}
		clear(got)
	}
}
