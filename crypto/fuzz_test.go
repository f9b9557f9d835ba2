package crypto

import (
	"bytes"
	"testing"
)

func FuzzParseSecret(f *testing.F) {
	f.Add(numbered(1).AppendTo(nil))
	f.Add(make([]byte, SecretSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSecret(b)
		if err != nil {
			return
		}
		if got := s.AppendTo(nil); !bytes.Equal(got, b) {
			t.Fatalf("got %x, want %x", got, b)
		}
		if _, err := ParsePublic(s.Public().AppendTo(nil)); err != nil {
			t.Fatalf("its public key: %v", err)
		}
	})
}

// FuzzParsePublic holds that whatever parses has one form and can be sealed to.
func FuzzParsePublic(f *testing.F) {
	f.Add(numbered(1).Public().AppendTo(nil))
	for _, bad := range badPublic {
		f.Add(bad.change(numbered(1).Public().AppendTo(nil)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePublic(b)
		if err != nil {
			return
		}
		if got := p.AppendTo(nil); !bytes.Equal(got, b) {
			t.Fatalf("got %x, want %x", got, b)
		}
		if _, err := Seal(p, testPurpose, b); err != nil {
			t.Fatalf("sealing to %x: %v", b, err)
		}
	})
}

// FuzzParseSealed holds that nothing opens but the one thing that was sealed.
func FuzzParseSealed(f *testing.F) {
	alice := numbered(1)
	random := bytes.Repeat([]byte{1}, 32) // the same in all processes that fuzz
	good := referenceSeal(alice.Public().AppendTo(nil), string(testPurpose), []byte("hello"), random, random)
	f.Add(good)
	for _, bad := range badSealed {
		f.Add(bad.do(bytes.Clone(good)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sealed, err := ParseSealed(b)
		if err != nil {
			return
		}
		if got := sealed.AppendTo(nil); !bytes.Equal(got, b) {
			t.Fatalf("got %x, want %x", got, b)
		}
		if got, err := Open(alice, testPurpose, sealed); err == nil && !bytes.Equal(b, good) {
			t.Fatalf("%x opens to %x", b, got)
		}
	})
}

// FuzzParseSigned holds that nothing verifies but the one thing that was signed.
func FuzzParseSigned(f *testing.F) {
	alice := numbered(1)
	public := alice.Public()
	good := mustSign(f, alice, "hello").AppendTo(nil)
	f.Add(good)
	for _, bad := range badSigned {
		f.Add(bad.do(bytes.Clone(good)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		signed, err := ParseSigned(b)
		if err != nil {
			return
		}
		if got := signed.AppendTo(nil); !bytes.Equal(got, b) {
			t.Fatalf("got %x, want %x", got, b)
		}
		if got, err := Verify(public, testPurpose, signed); err == nil && !bytes.Equal(b, good) {
			t.Fatalf("%x verifies as %x", b, got)
		}
	})
}
