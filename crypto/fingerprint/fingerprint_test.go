package fingerprint

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/internal/vectors"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

type recording struct {
	Cases []struct {
		Version                                uint32
		Iterations                             int
		LocalID, LocalKey, RemoteID, RemoteKey vectors.Hex
		Displayable                            string
		ScannableLocal, ScannableRemote        vectors.Hex
	}
}

func readVectors(t testing.TB) (r recording) {
	t.Helper()
	vectors.Read("testdata/fingerprint.json", &r)
	if len(r.Cases) == 0 {
		t.Fatal("no vectors")
	}
	return r
}

func owner(t testing.TB, id, key []byte) Owner {
	t.Helper()
	k, err := xeddsa.ParsePublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return Owner{id, k}
}

func TestVectors(t *testing.T) {
	for i, c := range readVectors(t).Cases {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			local, remote := owner(t, c.LocalID, c.LocalKey), owner(t, c.RemoteID, c.RemoteKey)
			here, err := New(c.Version, c.Iterations, local, remote)
			if err != nil {
				t.Fatal(err)
			}
			there, err := New(c.Version, c.Iterations, remote, local)
			if err != nil {
				t.Fatal(err)
			}
			if here.String() != c.Displayable || there.String() != c.Displayable {
				t.Errorf("display: got %s and %s, want %s", here, there, c.Displayable)
			}
			if !bytes.Equal(here.Scannable(), c.ScannableLocal) || !bytes.Equal(there.Scannable(), c.ScannableRemote) {
				t.Errorf("scan: got %x and %x, want %x and %x", here.Scannable(), there.Scannable(), c.ScannableLocal, c.ScannableRemote)
			}
			if here.Compare(c.ScannableRemote) != nil || there.Compare(c.ScannableLocal) != nil {
				t.Error("the two sides do not match")
			}
		})
	}
}

// TestCompareRefuses has one difference per row.
func TestCompareRefuses(t *testing.T) {
	a, b, c := Owner{[]byte("a"), key()}, Owner{[]byte("b"), key()}, Owner{[]byte("b"), key()}
	number := func(version uint32, local, remote Owner) *Fingerprint {
		f, err := New(version, 2, local, remote)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	here := number(2, a, b)
	good := number(2, b, a).Scannable()
	flipped := bytes.Clone(good)
	flipped[20] ^= 1
	tests := []struct {
		name string
		scan []byte
		want error
	}{
		{"the other side", good, nil},
		{"our own code", here.Scannable(), ErrMismatch},
		{"another's key", number(2, c, a).Scannable(), ErrMismatch},
		{"another's key for ours", number(2, b, c).Scannable(), ErrMismatch},
		{"another id", number(2, Owner{[]byte("x"), b.Key}, a).Scannable(), ErrMismatch},
		{"flipped bit", flipped, ErrMismatch},
		{"version", number(1, b, a).Scannable(), ErrVersion},
		{"empty", nil, ErrScan},
		{"cut", good[:len(good)-1], ErrScan},
		{"long", append(bytes.Clone(good), bytes.Repeat([]byte{0x42, 0}, 40)...), ErrScan},
		{"a web address", []byte("https://example.org"), ErrScan},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := here.Compare(tt.scan); !errors.Is(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	good := Owner{[]byte("a"), key()}
	for name, f := range map[string]func() (*Fingerprint, error){
		"one iteration":       func() (*Fingerprint, error) { return New(2, 1, good, good) },
		"too many iterations": func() (*Fingerprint, error) { return New(2, MaxIterations+1, good, good) },
		"no local key":        func() (*Fingerprint, error) { return New(2, 2, Owner{ID: good.ID}, good) },
		"no remote key":       func() (*Fingerprint, error) { return New(2, 2, good, Owner{ID: good.ID}) },
		"long id":             func() (*Fingerprint, error) { return New(2, 2, good, Owner{make([]byte, MaxID+1), good.Key}) },
	} {
		if _, err := f(); !errors.Is(err, ErrInput) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestSymmetric holds that both sides show the same 60 digits.
func TestSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SliceOfN(rapid.Byte(), 0, 40)
		a, b := Owner{id.Draw(t, "a"), key()}, Owner{id.Draw(t, "b"), key()}
		here, err1 := New(2, 3, a, b)
		there, err2 := New(2, 3, b, a)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if here.String() != there.String() || len(here.String()) != Digits {
			t.Fatalf("%s and %s", here, there)
		}
	})
}

func key() xeddsa.PublicKey { return xeddsa.GenerateKey().Public() }

func FuzzCompare(f *testing.F) {
	c := readVectors(f).Cases[0]
	f.Add([]byte(c.ScannableRemote))
	f.Add([]byte(c.ScannableLocal))
	here, err := New(c.Version, c.Iterations, owner(f, c.LocalID, c.LocalKey), owner(f, c.RemoteID, c.RemoteKey))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, local, remote, err := parse(b)
		same := err == nil && bytes.Equal(local[:], here.remote[:hashSize]) && bytes.Equal(remote[:], here.local[:hashSize])
		if here.Compare(b) == nil && !same {
			t.Errorf("%x is accepted", b)
		}
	})
}

func BenchmarkNew(b *testing.B) {
	local, remote := Owner{[]byte("a"), key()}, Owner{[]byte("b"), key()}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = New(2, Iterations, local, remote)
	}
}

// BenchmarkNewFloor is the hashing alone.
func BenchmarkNewFloor(b *testing.B) {
	var in [sha512.Size + xeddsa.PublicKeySize]byte
	b.ReportAllocs()
	for b.Loop() {
		for range 2 * Iterations {
			sum := sha512.Sum512(in[:])
			copy(in[:], sum[:])
		}
	}
}
