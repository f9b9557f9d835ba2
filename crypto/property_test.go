package crypto

import (
	"bytes"
	"errors"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// printable are the characters of a Purpose.
var printable = &unicode.RangeTable{R16: []unicode.Range16{{Lo: ' ', Hi: '~', Stride: 1}}}

func drawPurpose(t *rapid.T, name string) Purpose {
	return Purpose(rapid.StringOfN(rapid.RuneFrom(nil, printable), 1, MaxPurpose, -1).Draw(t, name))
}

// TestSealedOpensForOneAlone seals whatever, flips any bit, and asks everybody.
func TestSealedOpensForOneAlone(t *testing.T) {
	alice, bob := numbered(1), numbered(2)
	rapid.Check(t, func(t *rapid.T) {
		purpose, other := drawPurpose(t, "purpose"), drawPurpose(t, "other")
		message := rapid.SliceOf(rapid.Byte()).Draw(t, "message")
		sealed, err := Seal(bob.Public(), purpose, message)
		if err != nil {
			t.Fatal(err)
		}
		b := sealed.AppendTo(nil)
		if len(b) != SealOverhead+len(message) {
			t.Fatalf("got %d bytes for %d", len(b), len(message))
		}
		if got, err := openBytes(bob, purpose, b); err != nil || !bytes.Equal(got, message) {
			t.Fatalf("got %x, %v, want %x", got, err, message)
		}
		if _, err := Open(alice, purpose, sealed); !errors.Is(err, ErrSealed) {
			t.Fatalf("another opened it: %v", err)
		}
		if _, err := Open(bob, other, sealed); (err == nil) != (other == purpose) {
			t.Fatalf("other purpose: %v", err)
		}
		b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, err := openBytes(bob, purpose, b); !errors.Is(err, ErrSealed) || got != nil {
			t.Fatalf("changed: got %x, %v", got, err)
		}
	})
}

// TestSignedVerifiesForOneAlone signs whatever, flips any bit, and asks by everybody's key.
func TestSignedVerifiesForOneAlone(t *testing.T) {
	alice, bob := numbered(1), numbered(2)
	rapid.Check(t, func(t *rapid.T) {
		purpose, other := drawPurpose(t, "purpose"), drawPurpose(t, "other")
		message := rapid.SliceOf(rapid.Byte()).Draw(t, "message")
		signed, err := Sign(bob, purpose, message)
		if err != nil {
			t.Fatal(err)
		}
		b := signed.AppendTo(nil)
		if len(b) != SignOverhead+len(message) {
			t.Fatalf("got %d bytes for %d", len(b), len(message))
		}
		if got, err := verifyBytes(bob.Public(), purpose, b); err != nil || !bytes.Equal(got, message) {
			t.Fatalf("got %x, %v, want %x", got, err, message)
		}
		if again, err := Sign(bob, purpose, message); err != nil || !bytes.Equal(again.signed, b) {
			t.Fatalf("signed again: got %x, %v, want %x", again.signed, err, b)
		}
		if _, err := Verify(alice.Public(), purpose, signed); !errors.Is(err, ErrSigned) {
			t.Fatalf("another's key verified it: %v", err)
		}
		if _, err := Verify(bob.Public(), other, signed); (err == nil) != (other == purpose) {
			t.Fatalf("other purpose: %v", err)
		}
		b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, err := verifyBytes(bob.Public(), purpose, b); !errors.Is(err, ErrSigned) || got != nil {
			t.Fatalf("changed: got %x, %v", got, err)
		}
	})
}

// TestBindMeansOneThing looks for two meanings of what a signature covers.
func TestBindMeansOneThing(t *testing.T) {
	labels := []string{labelSealed, labelSigned}
	publics := []Public{numbered(1).Public(), numbered(2).Public()}
	type meaning struct {
		label, who int
		purpose    Purpose
		message    string
	}
	// Purposes and messages of few letters, so that one often begins as the other ends.
	draw := func(t *rapid.T, name string) (meaning, string) {
		m := meaning{
			rapid.IntRange(0, 1).Draw(t, name+" label"), rapid.IntRange(0, 1).Draw(t, name+" who"),
			Purpose(rapid.StringMatching("[ab]{1,3}").Draw(t, name+" purpose")), rapid.StringMatching("[ab]{0,3}").Draw(t, name+" message"),
		}
		return m, string(m.purpose.bind(labels[m.label], &publics[m.who], 0)) + m.message
	}
	rapid.Check(t, func(t *rapid.T) {
		m, a := draw(t, "one")
		n, b := draw(t, "other")
		if (a == b) != (m == n) {
			t.Fatalf("%v and %v are both %q", m, n, a)
		}
	})
}
