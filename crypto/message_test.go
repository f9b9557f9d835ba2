package crypto

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// change is one thing that somebody between the two sides could do.
type change struct {
	name string
	do   func(b []byte) []byte
}

func flip(name string, at int) change {
	return change{name, func(b []byte) []byte {
		i := at
		if i < 0 {
			i += len(b)
		}
		b[i] ^= 1
		return b
	}}
}

func cut(name string, n int) change {
	return change{name, func(b []byte) []byte { return b[:n] }}
}

func grow(name string) change {
	return change{name, func(b []byte) []byte { return append(b, 0) }}
}

// badSealed are changes to what was sealed; the message is longer than a byte.
var badSealed = []change{
	cut("empty", 0),
	cut("cut to the form", 1),
	cut("cut to the carried key", 1+encSize),
	cut("a byte less than the overhead", SealOverhead-1),
	cut("cut to the overhead", SealOverhead),
	{"a byte short", func(b []byte) []byte { return b[:len(b)-1] }},
	grow("a byte long"),
	{"no form", func(b []byte) []byte { b[0] = 0; return b }},
	{"form of something signed", func(b []byte) []byte { b[0] = formSigned; return b }},
	{"next version", func(b []byte) []byte { b[0]++; return b }},
	flip("first bit of ML-KEM", 1),
	flip("last byte of ML-KEM", 1088),
	flip("first byte of X25519", 1089),
	{"bit 255 of X25519", func(b []byte) []byte { b[encSize] ^= 0x80; return b }},
	{"X25519 of small order", func(b []byte) []byte { copy(b[1089:], smallOrder2); return b }},
	flip("first byte of the message", 1+encSize),
	flip("first byte of the tag", -tagSize),
	flip("last byte of the tag", -1),
}

// badSigned are changes to what was signed; the message is longer than a byte.
var badSigned = []change{
	cut("empty", 0),
	cut("cut to the form", 1),
	cut("a byte less than the overhead", SignOverhead-1),
	cut("cut to the overhead", SignOverhead),
	{"a byte short", func(b []byte) []byte { return b[:len(b)-1] }},
	grow("a byte long"),
	{"no form", func(b []byte) []byte { b[0] = 0; return b }},
	{"form of something sealed", func(b []byte) []byte { b[0] = formSealed; return b }},
	{"next version", func(b []byte) []byte { b[0]++; return b }},
	flip("first byte of R", 1),
	flip("last byte of R", 32),
	flip("first byte of S", 33),
	{"S plus l", addOrder},
	flip("first byte of the message", SignOverhead),
	flip("last byte of the message", -1),
}

// addOrder adds l, the order of the group, to S: the same equation, in other bytes.
func addOrder(b []byte) []byte {
	l := mustHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	carry := 0
	for i, v := range l {
		carry += int(b[33+i]) + int(v)
		b[33+i], carry = byte(carry), carry>>8
	}
	return b
}

func TestOpenRefuses(t *testing.T) {
	alice, mallory := numbered(1), numbered(2)
	sealed := mustSeal(t, alice.Public(), "attack at dawn").AppendTo(nil)
	if got, err := openBytes(alice, testPurpose, sealed); err != nil || string(got) != "attack at dawn" {
		t.Fatalf("unchanged: got %q, %v", got, err)
	}
	for _, tt := range badSealed {
		t.Run(tt.name, func(t *testing.T) {
			got, err := openBytes(alice, testPurpose, tt.do(bytes.Clone(sealed)))
			if fmt.Sprint(err) != ErrSealed.Error() || got != nil { // the same words whatever the reason
				t.Errorf("got %q, %v, want %v", got, err, ErrSealed)
			}
		})
	}
	others := []struct {
		name    string
		secret  Secret
		purpose Purpose
		sealed  []byte
	}{
		{"other secret", mallory, testPurpose, sealed},
		{"other purpose", alice, testPurpose + " ", sealed},
		{"shorter purpose", alice, testPurpose[:4], sealed},
		{"sealed for another's name and my key", alice, testPurpose, mustSeal(t, mixed(mallory.Public(), alice.Public()), "hi there").AppendTo(nil)},
		{"sealed for my name and another's key", mallory, testPurpose, mustSeal(t, mixed(alice.Public(), mallory.Public()), "hi there").AppendTo(nil)},
	}
	for _, tt := range others {
		t.Run(tt.name, func(t *testing.T) {
			got, err := openBytes(tt.secret, tt.purpose, tt.sealed)
			if fmt.Sprint(err) != ErrSealed.Error() || got != nil { // the same words whatever the reason
				t.Errorf("got %q, %v, want %v", got, err, ErrSealed)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	alice, mallory := numbered(1), numbered(2)
	signed := mustSign(t, alice, "I owe you nothing").AppendTo(nil)
	if got, err := verifyBytes(alice.Public(), testPurpose, signed); err != nil || string(got) != "I owe you nothing" {
		t.Fatalf("unchanged: got %q, %v", got, err)
	}
	for _, tt := range badSigned {
		t.Run(tt.name, func(t *testing.T) {
			got, err := verifyBytes(alice.Public(), testPurpose, tt.do(bytes.Clone(signed)))
			if !errors.Is(err, ErrSigned) || got != nil {
				t.Errorf("got %q, %v, want %v", got, err, ErrSigned)
			}
		})
	}
	others := []struct {
		name    string
		public  Public
		purpose Purpose
	}{
		{"other key", mallory.Public(), testPurpose},
		{"other purpose", alice.Public(), testPurpose + " "},
		{"shorter purpose", alice.Public(), testPurpose[:4]},
		{"signer's half beside another's sealing half", mixed(alice.Public(), mallory.Public()), testPurpose},
		{"another's half beside the signer's sealing half", mixed(mallory.Public(), alice.Public()), testPurpose},
	}
	for _, tt := range others {
		t.Run(tt.name, func(t *testing.T) {
			got, err := verifyBytes(tt.public, tt.purpose, signed)
			if !errors.Is(err, ErrSigned) || got != nil {
				t.Errorf("got %q, %v, want %v", got, err, ErrSigned)
			}
		})
	}
}

func TestEmptyAndLargest(t *testing.T) {
	alice := numbered(1)
	for _, message := range [][]byte{nil, {}, {0}, bytes.Repeat([]byte("linnet"), MaxMessage/6+1)[:MaxMessage]} {
		sealed := mustSeal(t, alice.Public(), string(message)).AppendTo(nil)
		if got, err := openBytes(alice, testPurpose, sealed); err != nil || !bytes.Equal(got, message) {
			t.Errorf("sealed %d bytes: got %d, %v", len(message), len(got), err)
		}
		signed := mustSign(t, alice, string(message)).AppendTo(nil)
		if got, err := verifyBytes(alice.Public(), testPurpose, signed); err != nil || !bytes.Equal(got, message) {
			t.Errorf("signed %d bytes: got %d, %v", len(message), len(got), err)
		}
	}
}

// TestTooLong shows that limits come before memory.
func TestTooLong(t *testing.T) {
	alice := numbered(1)
	public := alice.Public()
	long := make([]byte, SealOverhead+MaxMessage+1)
	long[0] = formSealed
	longSigned := make([]byte, SignOverhead+MaxMessage+1)
	longSigned[0] = formSigned
	purpose := Purpose(strings.Repeat("a", MaxPurpose+1))
	tests := []struct {
		name string
		do   func() error
		want error
	}{
		{"Seal", func() error { _, err := Seal(public, testPurpose, long[:MaxMessage+1]); return err }, ErrTooLong},
		{"Sign", func() error { _, err := Sign(alice, testPurpose, long[:MaxMessage+1]); return err }, ErrTooLong},
		{"ParseSealed", func() error { _, err := ParseSealed(long); return err }, ErrSealed},
		{"ParseSigned", func() error { _, err := ParseSigned(longSigned); return err }, ErrSigned},
		{"ParsePublic", func() error { _, err := ParsePublic(long); return err }, ErrPublic},
		{"ParseSecret", func() error { _, err := ParseSecret(long); return err }, ErrSecret},
		{"purpose", func() error { _, err := Seal(public, purpose, nil); return err }, ErrPurpose},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.do(); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if n := testing.AllocsPerRun(10, func() { _ = tt.do() }); n != 0 {
				t.Errorf("took memory %v times before it refused", n)
			}
		})
	}
}

func TestSealIsFresh(t *testing.T) {
	alice := numbered(1)
	a, b := mustSeal(t, alice.Public(), "hello").sealed, mustSeal(t, alice.Public(), "hello").sealed
	if slices.Equal(a[1:1089], b[1:1089]) || slices.Equal(a[1089:1121], b[1089:1121]) || slices.Equal(a[1121:], b[1121:]) {
		t.Errorf("the same message sealed twice has the same bytes: %s", cmp.Diff(a, b))
	}
}
