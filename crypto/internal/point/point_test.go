package point

import (
	"bytes"
	"encoding/hex"
	"testing"

	"filippo.io/edwards25519"
)

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPrime(t *testing.T) {
	base := edwards25519.NewGeneratorPoint()
	order8 := fromHex(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
	torsion, err := new(edwards25519.Point).SetBytes(order8)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, Size)
	for name, tt := range map[string]struct {
		b    []byte
		want bool
	}{
		"base point":       {base.Bytes(), true},
		"minus base point": {new(edwards25519.Point).Negate(base).Bytes(), true},
		"with torsion":     {new(edwards25519.Point).Add(base, torsion).Bytes(), false},
		"of order 8":       {order8, false},
		"of order 4":       {zeros, false},
		"0":                {append([]byte{1}, zeros[1:]...), false},
		"-0":               {fromHex(t, "0100000000000000000000000000000000000000000000000000000000000080"), false},
		"y = p + 1":        {fromHex(t, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), false},
		"not on the curve": {append([]byte{2}, zeros[1:]...), false},
		"too short":        {base.Bytes()[:Size-1], false},
		"too long":         {append(base.Bytes(), 0), false},
		"nothing":          {nil, false},
	} {
		if got := Prime(tt.b); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// FuzzPrime: l·P is 0, reached here by doublings.
func FuzzPrime(f *testing.F) {
	f.Add(edwards25519.NewGeneratorPoint().Bytes())
	f.Add(make([]byte, Size))
	l := fromHex(f, "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed") // big-endian
	f.Fuzz(func(t *testing.T, b []byte) {
		if !Prime(b) {
			return
		}
		p, err := new(edwards25519.Point).SetBytes(b)
		if err != nil || !bytes.Equal(p.Bytes(), b) {
			t.Fatalf("%x is no encoding", b)
		}
		q := edwards25519.NewIdentityPoint()
		for i := range 8 * len(l) {
			q.Add(q, q)
			if l[i/8]>>(7-i%8)&1 == 1 {
				q.Add(q, p)
			}
		}
		if q.Equal(edwards25519.NewIdentityPoint()) != 1 {
			t.Fatalf("%x is not of prime order", b)
		}
	})
}
