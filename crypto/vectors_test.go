package crypto

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/internal/vectors"
)

// recorded is testdata/crypto.json; PROTOCOL.md says what stands in it.
type recorded struct {
	Keys []struct {
		Note           string
		Secret, Public vectors.Hex
	}
	Sealed []struct {
		Note             string
		Secret           vectors.Hex
		Purpose          string
		Message          vectors.Hex
		RandomM, RandomX vectors.Hex
		Sealed           vectors.Hex
	}
	Signed []struct {
		Note    string
		Secret  vectors.Hex
		Purpose string
		Message vectors.Hex
		Signed  vectors.Hex
	}
	RefusedKeys []struct {
		Note   string
		Public vectors.Hex
	}
	RefusedSealed []struct {
		Note    string
		Secret  vectors.Hex
		Purpose string
		Sealed  vectors.Hex
	}
	RefusedSigned []struct {
		Note    string
		Secret  vectors.Hex
		Purpose string
		Signed  vectors.Hex
	}
}

func readVectors(t testing.TB) (r recorded) {
	t.Helper()
	vectors.Read("testdata/crypto.json", &r)
	for name, n := range map[string]int{
		"keys": len(r.Keys), "sealed": len(r.Sealed), "signed": len(r.Signed),
		"refusedKeys": len(r.RefusedKeys), "refusedSealed": len(r.RefusedSealed), "refusedSigned": len(r.RefusedSigned),
	} {
		if n == 0 {
			t.Fatalf("no vectors of %s", name)
		}
	}
	return r
}

func parseSecret(t testing.TB, b []byte) Secret {
	t.Helper()
	s, err := ParseSecret(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parsePublic(t testing.TB, b []byte) Public {
	t.Helper()
	p, err := ParsePublic(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestVectors(t *testing.T) {
	r := readVectors(t)
	for _, v := range r.Keys {
		t.Run("key "+v.Note, func(t *testing.T) {
			s := parseSecret(t, v.Secret)
			if diff := cmp.Diff([]byte(v.Public), s.Public().AppendTo(nil)); diff != "" {
				t.Errorf("public key (-want +got):\n%s", diff)
			}
			if s.Public() != parsePublic(t, v.Public) {
				t.Error("the recorded public key is another")
			}
			if got := referenceSecret(v.Secret).public; !bytes.Equal(got, v.Public) {
				t.Errorf("second implementation: got %x, want %x", got, v.Public)
			}
		})
	}
	for _, v := range r.Signed {
		t.Run("signed "+v.Note, func(t *testing.T) {
			s := parseSecret(t, v.Secret)
			signed, err := Sign(s, Purpose(v.Purpose), v.Message)
			if diff := cmp.Diff([]byte(v.Signed), signed.AppendTo(nil)); diff != "" || err != nil {
				t.Errorf("%v, (-want +got):\n%s", err, diff)
			}
			got, err := verifyBytes(s.Public(), Purpose(v.Purpose), v.Signed)
			if err != nil || !bytes.Equal(got, v.Message) {
				t.Errorf("got %x, %v, want %x", got, err, v.Message)
			}
			if got := referenceSign(referenceSecret(v.Secret), v.Purpose, v.Message); !bytes.Equal(got, v.Signed) {
				t.Errorf("second implementation: got %x, want %x", got, v.Signed)
			}
		})
	}
	for _, v := range r.Sealed {
		t.Run("sealed "+v.Note, func(t *testing.T) {
			s := parseSecret(t, v.Secret)
			got, err := openBytes(s, Purpose(v.Purpose), v.Sealed)
			if err != nil || !bytes.Equal(got, v.Message) {
				t.Errorf("got %x, %v, want %x", got, err, v.Message)
			}
			sealed := referenceSeal(s.Public().AppendTo(nil), v.Purpose, v.Message, v.RandomM, v.RandomX)
			if !bytes.Equal(sealed, v.Sealed) {
				t.Errorf("second implementation: got %x, want %x", sealed, v.Sealed)
			}
		})
	}
}

func TestVectorsRefused(t *testing.T) {
	r := readVectors(t)
	for _, v := range r.RefusedKeys {
		if _, err := ParsePublic(v.Public); !errors.Is(err, ErrPublic) {
			t.Errorf("public key, %s: got %v", v.Note, err)
		}
	}
	for _, v := range r.RefusedSealed {
		if got, err := openBytes(parseSecret(t, v.Secret), Purpose(v.Purpose), v.Sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("sealed, %s: got %x, %v", v.Note, got, err)
		}
	}
	for _, v := range r.RefusedSigned {
		if got, err := verifyBytes(parseSecret(t, v.Secret).Public(), Purpose(v.Purpose), v.Signed); !errors.Is(err, ErrSigned) {
			t.Errorf("signed, %s: got %x, %v", v.Note, got, err)
		}
	}
}

// TestSecondImplementation lets the two implementations read each other.
func TestSecondImplementation(t *testing.T) {
	bytes32 := rapid.SliceOfN(rapid.Byte(), 32, 32)
	rapid.Check(t, func(t *rapid.T) {
		stored := join([]byte{formSecret}, bytes32.Draw(t, "seed"))
		s, err := ParseSecret(stored)
		if err != nil {
			t.Fatal(err)
		}
		k := referenceSecret(stored)
		purpose, message := drawPurpose(t, "purpose"), rapid.SliceOf(rapid.Byte()).Draw(t, "message")

		sealed, err := Seal(s.Public(), purpose, message)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := referenceOpen(k, string(purpose), sealed.AppendTo(nil)); err != nil || !bytes.Equal(got, message) {
			t.Fatalf("it opens %x, %v, want %x", got, err, message)
		}
		b := referenceSeal(k.public, string(purpose), message, bytes32.Draw(t, "m"), bytes32.Draw(t, "x"))
		if got, err := openBytes(s, purpose, b); err != nil || !bytes.Equal(got, message) {
			t.Fatalf("its seal opens to %x, %v, want %x", got, err, message)
		}
		if got, err := verifyBytes(s.Public(), purpose, referenceSign(k, string(purpose), message)); err != nil || !bytes.Equal(got, message) {
			t.Fatalf("its signature: got %x, %v, want %x", got, err, message)
		}
	})
}
