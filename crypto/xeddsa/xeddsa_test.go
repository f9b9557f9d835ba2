package xeddsa

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/internal/vectors"
)

type recording struct {
	Cases []struct {
		Note                                string
		Private, Public, Message, Signature vectors.Hex
		Valid                               bool
	}
	DH []struct{ Private, Public, Shared vectors.Hex }
}

func readVectors(t testing.TB) (r recording) {
	t.Helper()
	vectors.Read("testdata/xeddsa.json", &r)
	if len(r.Cases) == 0 || len(r.DH) == 0 {
		t.Fatal("no vectors")
	}
	return r
}

func parsePrivate(t testing.TB, b []byte) PrivateKey {
	t.Helper()
	k, err := ParsePrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func parsePublic(t testing.TB, b []byte) PublicKey {
	t.Helper()
	p, err := ParsePublicKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestVectors(t *testing.T) {
	r := readVectors(t)
	for i, c := range r.Cases {
		t.Run(fmt.Sprintf("signature %d %s", i, c.Note), func(t *testing.T) {
			p := parsePublic(t, c.Public)
			if got := p.Bytes(); !bytes.Equal(got, c.Public) {
				t.Errorf("key written again is %x, want %x", got, c.Public)
			}
			if err := p.Verify(c.Message, c.Signature); (err == nil) != c.Valid {
				t.Errorf("Verify: got %v, want valid %v", err, c.Valid)
			}
			if len(c.Private) == 0 {
				return
			}
			k := parsePrivate(t, c.Private)
			if k.Public() != p {
				t.Errorf("public half is %x, want %x", k.Public().Bytes(), c.Public)
			}
			sig, err := k.Sign(c.Message)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Verify(c.Message, sig[:]); err != nil {
				t.Errorf("own signature: %v", err)
			}
			if sig[63]&0x80 != c.Signature[63]&0x80 {
				t.Error("own signature has another sign bit than the recorded one")
			}
		})
	}
	for i, c := range r.DH {
		t.Run(fmt.Sprintf("dh %d", i), func(t *testing.T) {
			got, err := parsePrivate(t, c.Private).DH(parsePublic(t, c.Public))
			if err != nil || !bytes.Equal(got[:], c.Shared) {
				t.Errorf("got %x, %v, want %x", got, err, c.Shared)
			}
		})
	}
}

// TestSignGolden pins the bytes of a signature for given randomness, for both sign bits.
func TestSignGolden(t *testing.T) {
	z := [64]byte{1, 2, 3}
	for _, tt := range []struct {
		scalar byte
		want   string
	}{
		{1, goldenPlus},
		{3, goldenMinus},
	} {
		k := parsePrivate(t, bytes.Repeat([]byte{tt.scalar}, 32))
		sig, err := k.sign([]byte("linnet"), &z)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(sig[:]); got != tt.want {
			t.Errorf("scalar %d: got %s, want %s", tt.scalar, got, tt.want)
		}
	}
}

// pointWithTorsion returns the Montgomery form of k·B plus a point of order 8.
func pointWithTorsion(t testing.TB) PublicKey {
	t.Helper()
	// A point of order 8, from the list in RFC 8032-style small-order tables: its y coordinate.
	b, _ := hex.DecodeString("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
	torsion, err := new(edwards25519.Point).SetBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	p := new(edwards25519.Point).ScalarBaseMult(reduce([]byte{42}))
	return PublicKey{u: [32]byte(p.Add(p, torsion).BytesMontgomery())}
}

func TestCheckCanonical(t *testing.T) {
	good := GenerateKey().Public()
	highBit := good
	highBit.u[31] |= 0x80
	little := func(n *big.Int) PublicKey {
		b := n.FillBytes(make([]byte, 32))
		slices.Reverse(b)
		return PublicKey{u: [32]byte(b)}
	}
	prime := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	tests := []struct {
		name string
		key  PublicKey
		want error
	}{
		{"fresh", good, nil},
		{"base point", little(big.NewInt(9)), nil},
		{"bit 255 set", highBit, ErrNotCanonical},
		{"zero", PublicKey{}, ErrNotCanonical},
		{"one, of order 4", little(big.NewInt(1)), ErrNotCanonical},
		{"two, on the twist", little(big.NewInt(2)), ErrNotCanonical},
		{"p - 1", little(new(big.Int).Sub(prime, big.NewInt(1))), ErrNotCanonical},
		{"p", little(prime), ErrNotCanonical},
		{"p + 9, the base point again", little(new(big.Int).Add(prime, big.NewInt(9))), ErrNotCanonical},
		{"torsion", pointWithTorsion(t), ErrNotCanonical},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.key.CheckCanonical(); !errors.Is(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	good := GenerateKey().Public().Bytes()
	for name, b := range map[string][]byte{
		"empty":       nil,
		"short":       good[:32],
		"long":        append(slices.Clone(good), 0),
		"other type":  append([]byte{6}, good[1:]...),
		"bare":        good[1:],
		"zero":        append([]byte{keyType}, make([]byte, 32)...),
		"very long":   make([]byte, 1<<20),
		"double type": append([]byte{keyType}, good...),
	} {
		if _, err := ParsePublicKey(b); !errors.Is(err, ErrKey) {
			t.Errorf("public, %s: got %v, want %v", name, err, ErrKey)
		}
	}
	for _, n := range []int{0, 31, 33, 64} {
		if _, err := ParsePrivateKey(make([]byte, n)); !errors.Is(err, ErrKey) {
			t.Errorf("private of %d bytes: got %v, want %v", n, err, ErrKey)
		}
	}
}

func TestZeroKeysRefuse(t *testing.T) {
	var k PrivateKey
	var p PublicKey
	if _, err := k.Sign(nil); !errors.Is(err, ErrKey) {
		t.Errorf("Sign: %v", err)
	}
	if _, err := k.DH(GenerateKey().Public()); !errors.Is(err, ErrKey) {
		t.Errorf("DH of zero key: %v", err)
	}
	if _, err := GenerateKey().DH(p); !errors.Is(err, ErrKey) {
		t.Errorf("DH with zero key: %v", err)
	}
	if err := p.Verify(nil, make([]byte, 64)); !errors.Is(err, ErrSignature) {
		t.Errorf("Verify: %v", err)
	}
	if !k.Public().IsZero() || len(k.AppendTo(nil)) != 0 || k.Equal(k) {
		t.Error("the zero key is a key")
	}
}

func TestSmallOrderRefused(t *testing.T) {
	one := PublicKey{u: [32]byte{1}}
	if _, err := GenerateKey().DH(one); !errors.Is(err, ErrSmallOrder) {
		t.Errorf("got %v, want %v", err, ErrSmallOrder)
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	k := GenerateKey()
	secret := k.AppendTo(nil)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		out := fmt.Sprintf(verb, k) + fmt.Sprintf(verb, struct{ K PrivateKey }{k}) + fmt.Sprintf(verb, struct{ k PrivateKey }{k})
		if strings.Contains(out, hex.EncodeToString(secret[8:16])) || strings.Contains(out, strings.Trim(fmt.Sprintf("%d", secret[8:16]), "[]")) {
			t.Errorf("%s prints the secret: %s", verb, out)
		}
	}
}

func TestClamp(t *testing.T) {
	k := parsePrivate(t, bytes.Repeat([]byte{0xff}, 32))
	got := k.AppendTo(nil)
	if got[0] != 0xf8 || got[31] != 0x7f {
		t.Errorf("import does not clamp: %x", got)
	}
	k = parsePrivate(t, make([]byte, 32))
	if got := k.AppendTo(nil); got[31] != 0x40 {
		t.Errorf("import does not clamp: %x", got)
	}
}

// TestProperties holds that both sides agree, that signatures verify, and that no changed bit is accepted.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, _ := ParsePrivateKey(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "a"))
		b, _ := ParsePrivateKey(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "b"))
		ab, err1 := a.DH(b.Public())
		ba, err2 := b.DH(a.Public())
		if err1 != nil || err2 != nil || ab != ba {
			t.Fatalf("DH: %x, %v and %x, %v", ab, err1, ba, err2)
		}
		if err := a.Public().CheckCanonical(); err != nil {
			t.Fatal(err)
		}
		message := rapid.SliceOf(rapid.Byte()).Draw(t, "message")
		sig, err := a.Sign(message)
		if err != nil || a.Public().Verify(message, sig[:]) != nil {
			t.Fatalf("own signature refused, %v", err)
		}
		if sig[63]&0x60 != 0 {
			t.Fatal("the top bits of s are not free for the sign")
		}
		bit := rapid.IntRange(0, 8*SignatureSize-1).Draw(t, "bit")
		sig[bit/8] ^= 1 << (bit % 8)
		if a.Public().Verify(message, sig[:]) == nil {
			t.Fatalf("signature with bit %d flipped is accepted", bit)
		}
	})
}

// TestFieldAgrees holds the twist and the curve apart for random points: exactly those that square to a point are accepted.
func TestTwistRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p PublicKey
		copy(p.u[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "u"))
		p.u[31] &= 0x7f
		u, _ := new(field.Element).SetBytes(p.u[:])
		// v² = u³ + 486662u² + u
		var u2, u3, rhs field.Element
		u2.Square(u)
		u3.Multiply(&u2, u)
		rhs.Mult32(&u2, 486662)
		rhs.Add(&rhs, &u3)
		rhs.Add(&rhs, u)
		_, square := new(field.Element).SqrtRatio(&rhs, new(field.Element).One())
		_, err := edwards(p, 0)
		if (err == nil) != (square == 1) {
			t.Fatalf("u %x: on the curve %v, got %v", p.u, square == 1, err)
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	for _, c := range readVectors(f).Cases {
		f.Add([]byte(c.Public), []byte(c.Message), []byte(c.Signature))
	}
	k := GenerateKey()
	f.Fuzz(func(t *testing.T, b, message, sig []byte) {
		p, err := ParsePublicKey(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Bytes(), b) {
			t.Errorf("%x is written %x", b, p.Bytes())
		}
		_ = p.CheckCanonical()
		_ = p.Verify(message, sig)
		_, _ = k.DH(p)
	})
}

const (
	goldenPlus  = "343dbd8b25706f05d1fce1b9ed3492a15d9b6c7adc692c72b3c364021f2f0b090a1fb025bc5a0ba8d9d797be73db77b5e26d3822286be4bc60e3deea30f7280e"
	goldenMinus = "460dae76f62dbd5d4d0747d12e476ce4e7a4564453de9b5083a54a90a234c96ef57dfade0cbf68169ba0aaa227710b6ea54120ee8817dd732b5368e7b1f5b98e"
)
