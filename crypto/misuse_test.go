package crypto

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

// TestArgumentsCannotBeSwapped holds the types to what the compiler checks: none stands for another by itself, and of
// those that hold keys or results none by conversion either.
func TestArgumentsCannotBeSwapped(t *testing.T) {
	opaque := []reflect.Type{
		reflect.TypeFor[Secret](), reflect.TypeFor[Public](), reflect.TypeFor[Sealed](), reflect.TypeFor[Signed](),
	}
	plain := []reflect.Type{
		reflect.TypeFor[Purpose](), reflect.TypeFor[string](), reflect.TypeFor[[]byte](), reflect.TypeFor[[32]byte](),
	}
	for _, a := range opaque {
		for _, b := range append(opaque, plain...) {
			if a != b && (a.ConvertibleTo(b) || b.ConvertibleTo(a)) {
				t.Errorf("%v and %v can stand for each other", a, b)
			}
		}
	}
	for _, a := range plain {
		for _, b := range plain {
			if a != b && a.AssignableTo(b) {
				t.Errorf("%v is taken for %v", a, b)
			}
		}
	}
	for _, f := range []any{Seal, Open, Sign, Verify} {
		typ := reflect.TypeOf(f)
		for i := range typ.NumIn() {
			for j := range i {
				if typ.In(i).AssignableTo(typ.In(j)) {
					t.Errorf("arguments %d and %d of %v can be swapped", j, i, typ)
				}
			}
		}
	}
}

func TestComparable(t *testing.T) {
	for typ, want := range map[reflect.Type]bool{
		reflect.TypeFor[Secret](): false,
		reflect.TypeFor[Public](): true,
		reflect.TypeFor[Sealed](): false,
		reflect.TypeFor[Signed](): false,
	} {
		if got := typ.Comparable(); got != want {
			t.Errorf("%v: comparable is %v, want %v", typ, got, want)
		}
	}
}

func TestZeroValuesRefuse(t *testing.T) {
	alice := numbered(1)
	sealed, signed := mustSeal(t, alice.Public(), "hello"), mustSign(t, alice, "hello")
	tests := []struct {
		name string
		do   func() ([]byte, error)
		want error
	}{
		{"Seal to nobody", func() ([]byte, error) { s, err := Seal(Public{}, testPurpose, nil); return s.sealed, err }, ErrPublic},
		{"Seal to the half of nobody", func() ([]byte, error) { s, err := Seal(Secret{}.Public(), testPurpose, nil); return s.sealed, err }, ErrPublic},
		{"Seal for nothing", func() ([]byte, error) { s, err := Seal(alice.Public(), "", nil); return s.sealed, err }, ErrPurpose},
		{"Open without a secret", func() ([]byte, error) { return Open(Secret{}, testPurpose, sealed) }, ErrSecret},
		{"Open for nothing", func() ([]byte, error) { return Open(alice, "", sealed) }, ErrPurpose},
		{"Open nothing", func() ([]byte, error) { return Open(alice, testPurpose, Sealed{}) }, ErrSealed},
		{"Sign without a secret", func() ([]byte, error) { s, err := Sign(Secret{}, testPurpose, nil); return s.signed, err }, ErrSecret},
		{"Sign for nothing", func() ([]byte, error) { s, err := Sign(alice, "", nil); return s.signed, err }, ErrPurpose},
		{"Verify by nobody", func() ([]byte, error) { return Verify(Public{}, testPurpose, signed) }, ErrPublic},
		{"Verify for nothing", func() ([]byte, error) { return Verify(alice.Public(), "", signed) }, ErrPurpose},
		{"Verify nothing", func() ([]byte, error) { return Verify(alice.Public(), testPurpose, Signed{}) }, ErrSigned},
		{"stored secret", func() ([]byte, error) { s, err := ParseSecret(Secret{}.AppendTo(nil)); return s.AppendTo(nil), err }, ErrSecret},
		{"stored public key", func() ([]byte, error) { p, err := ParsePublic(Public{}.AppendTo(nil)); return p.AppendTo(nil), err }, ErrPublic},
		{"stored sealed", func() ([]byte, error) { s, err := ParseSealed(Sealed{}.AppendTo(nil)); return s.sealed, err }, ErrSealed},
		{"stored signed", func() ([]byte, error) { s, err := ParseSigned(Signed{}.AppendTo(nil)); return s.signed, err }, ErrSigned},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := tt.do(); !errors.Is(err, tt.want) || got != nil {
				t.Errorf("got %x, %v, want %v", got, err, tt.want)
			}
		})
	}
	if (Secret{}).Equal(Secret{}) || (Secret{}).Equal(alice) || alice.Equal(Secret{}) {
		t.Error("the zero secret equals something")
	}
}

func TestPurposeRefuses(t *testing.T) {
	alice := numbered(1)
	sealed, signed := mustSeal(t, alice.Public(), "hello"), mustSign(t, alice, "hello")
	tests := []struct {
		name    string
		purpose Purpose
		want    error
	}{
		{"none", "", ErrPurpose},
		{"shortest", "a", nil},
		{"first and last character", " ~", nil},
		{"longest", Purpose(strings.Repeat("a", MaxPurpose)), nil},
		{"too long", Purpose(strings.Repeat("a", MaxPurpose+1)), ErrPurpose},
		{"control character", "a\x1f", ErrPurpose},
		{"zero byte", "a\x00", ErrPurpose},
		{"delete", "a\x7f", ErrPurpose},
		{"not ASCII", "é", ErrPurpose},
		{"not UTF-8", "\xff", ErrPurpose},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Seal(alice.Public(), tt.purpose, nil); !errors.Is(err, tt.want) {
				t.Errorf("Seal: got %v, want %v", err, tt.want)
			}
			if _, err := Sign(alice, tt.purpose, nil); !errors.Is(err, tt.want) {
				t.Errorf("Sign: got %v, want %v", err, tt.want)
			}
			if _, err := Open(alice, tt.purpose, sealed); errors.Is(err, ErrPurpose) != (tt.want != nil) {
				t.Errorf("Open: got %v", err)
			}
			if _, err := Verify(alice.Public(), tt.purpose, signed); errors.Is(err, ErrPurpose) != (tt.want != nil) {
				t.Errorf("Verify: got %v", err)
			}
		})
	}
}

// verbs are those that fmt knows, flags that change what they do, and one that nobody knows.
var verbs = strings.Fields("%v %+v %#v %s %+s %x %#x %X %d %+d %q %+q %#q %b %o %c %U %t %e %g %Z %20v %-5s %.3x")

func TestPrintsItsTypeAlone(t *testing.T) {
	alice := numbered(0xa5)
	signed, sealed, public := mustSign(t, alice, "hello"), mustSeal(t, alice.Public(), "hello"), alice.Public()
	for want, values := range map[string][]any{
		"crypto.Secret": {alice, &alice, Secret{}},
		"crypto.Public": {public, &public, Public{}},
		"crypto.Sealed": {sealed, &sealed, Sealed{}},
		"crypto.Signed": {signed, &signed, Signed{}},
	} {
		for _, v := range values {
			for _, verb := range verbs {
				if got := fmt.Sprintf(verb, v); got != want {
					t.Errorf("%s: got %q, want %q", verb, got, want)
				}
			}
		}
	}
}

// TestHiddenSecretPrintsNothing puts a secret where fmt does not call its methods: into fields that are not exported,
// and under %w, %p and %T.
func TestHiddenSecretPrintsNothing(t *testing.T) {
	alice := numbered(0xa5)
	type inner struct{ secret Secret }
	values := []any{
		alice, &alice,
		inner{alice},
		&inner{alice},
		[]inner{{alice}},
		map[string]inner{"a": {alice}},
		struct{ p *Secret }{&alice},
		struct{ in *inner }{&inner{alice}},
		struct{ any }{alice},
		struct{ list []Secret }{[]Secret{alice}},
	}
	k := alice.keys()
	open, err := k.open.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{k.seed[:], k.sign.Seed(), open} {
		for _, v := range values {
			for _, verb := range append([]string{"%w", "%p", "%T"}, verbs...) {
				if got := fmt.Sprintf(verb, v); shows(got, secret) {
					t.Errorf("%s of %T: %s", verb, v, got)
				}
			}
		}
	}
}

// shows tells whether text has any three bytes in a row of a secret, in a form that fmt writes bytes in.
func shows(text string, secret []byte) bool {
	for i := range len(secret) - 2 {
		three := secret[i : i+3]
		for _, verb := range []string{"%x", "%X", "%s", "%d", "%v", "%#v", "%#x", "% x", "%o", "%b", "%c", "%U"} {
			form := strings.TrimPrefix(fmt.Sprintf(verb, three), "[]byte")
			if strings.Contains(text, strings.Trim(form, "[]{}")) {
				return true
			}
		}
	}
	return false
}

func TestShows(t *testing.T) {
	secret := numbered(0xa5).AppendTo(nil)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d"} {
		if !shows(fmt.Sprintf(verb, struct{ b []byte }{secret}), secret) {
			t.Errorf("%s: the test does not see what it looks for", verb)
		}
	}
}

func TestEncodersRefuse(t *testing.T) {
	alice := numbered(1)
	for _, v := range []any{alice, alice.Public(), mustSeal(t, alice.Public(), "hello"), mustSign(t, alice, "hello")} {
		if b, err := json.Marshal(struct{ V any }{v}); err == nil {
			t.Errorf("json wrote %T as %s", v, b)
		}
		if err := gob.NewEncoder(new(bytes.Buffer)).Encode(v); err == nil {
			t.Errorf("gob wrote %T", v)
		}
	}
	for _, handler := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("hello", "secret", alice)
		if shows(b.String(), alice.keys().seed[:]) || strings.Contains(b.String(), hex.EncodeToString(alice.keys().seed[:2])) {
			t.Errorf("slog wrote %s", b.String())
		}
	}
}
