package crypto

import (
	"bytes"
	"encoding/hex"
	"testing"
)

const testPurpose Purpose = "linnet test v1"

// numbered returns the secret whose seed is the byte n, 32 times.
func numbered(n byte) Secret {
	seed := [seedSize]byte(bytes.Repeat([]byte{n}, seedSize))
	return newSecret(&seed)
}

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func mustSeal(t testing.TB, to Public, message string) Sealed {
	t.Helper()
	sealed, err := Seal(to, testPurpose, []byte(message))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func mustSign(t testing.TB, s Secret, message string) Signed {
	t.Helper()
	signed, err := Sign(s, testPurpose, []byte(message))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// openBytes and verifyBytes take what a test has changed, which may be refused by its form already.
func openBytes(s Secret, purpose Purpose, b []byte) ([]byte, error) {
	sealed, err := ParseSealed(b)
	if err != nil {
		return nil, err
	}
	return Open(s, purpose, sealed)
}

func verifyBytes(p Public, purpose Purpose, b []byte) ([]byte, error) {
	signed, err := ParseSigned(b)
	if err != nil {
		return nil, err
	}
	return Verify(p, purpose, signed)
}

// mixed returns a public key with the signing half of one and the sealing half of the other.
func mixed(signing, sealing Public) Public {
	p := sealing
	copy(p.signing(), signing.signing())
	return p
}
