package sframe

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A change here is a new protocol.
var goldenKeys = []struct {
	suite   Suite
	kid     uint64
	size    int // of the base key 00 01 02 …
	encoded string
}{
	{AES128CTR80, 0, 16, "00010000000000000000" + "000102030405060708090a0b0c0d0e0f"},
	{AES128GCM, 3, 32, "00040000000000000003" + "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
	{AES256CTR32, 1<<64 - 2, 17, "0008fffffffffffffffe" + "000102030405060708090a0b0c0d0e0f10"},
}

func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestKeyGolden(t *testing.T) {
	for _, tt := range goldenKeys {
		key := makeKey(tt.suite, tt.kid, counting(tt.size))
		if got := hex.EncodeToString(key.AppendTo(nil)); got != tt.encoded {
			t.Errorf("AppendTo = %s, want %s", got, tt.encoded)
		}
		got, err := ParseKey(unhex(t, tt.encoded))
		if err != nil || !got.Equal(key) || got.Suite() != tt.suite || got.KID() != tt.kid {
			t.Errorf("ParseKey(%s): suite %v, KID %d, %v", tt.encoded, got.Suite(), got.KID(), err)
		}
	}
}

func TestParseKeyRefuses(t *testing.T) {
	good := makeKey(AES128GCM, 3, counting(32)).AppendTo(nil)
	for _, tt := range []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, ErrKey},
		{"a base key of 15 bytes", good[:keyHead+15], ErrKey},
		{"a base key of 97 bytes", append(good[:keyHead:keyHead], counting(97)...), ErrKey},
		{"suite 0", append([]byte{0, 0}, good[2:]...), ErrSuite},
		{"suite 9", append([]byte{0, 9}, good[2:]...), ErrSuite},
		{"suite 0x0104", append([]byte{1, 4}, good[2:]...), ErrSuite},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if k, err := ParseKey(tt.b); !errors.Is(err, tt.want) || k != (Key{}) {
				t.Errorf("ParseKey: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestParseKeyKeepsNothing(t *testing.T) {
	b := makeKey(AES128GCM, 3, counting(32)).AppendTo(nil)
	k, err := ParseKey(b)
	if err != nil {
		t.Fatal(err)
	}
	want := k.AppendTo(nil)
	clear(b)
	if diff := cmp.Diff(want, k.AppendTo(nil)); diff != "" {
		t.Errorf("the key changed with what it was read from (-want +got):\n%s", diff)
	}
}

func TestKeyEqual(t *testing.T) {
	key := makeKey(AES128GCM, 3, counting(32))
	for _, tt := range []struct {
		name  string
		other Key
		want  bool
	}{
		{"the same", makeKey(AES128GCM, 3, counting(32)), true},
		{"another suite", makeKey(AES256GCM, 3, counting(32)), false},
		{"another KID", makeKey(AES128GCM, 4, counting(32)), false},
		{"another base key", makeKey(AES128GCM, 3, make([]byte, 32)), false},
		{"a longer base key", makeKey(AES128GCM, 3, counting(33)), false},
		{"zero", Key{}, false},
	} {
		if got := key.Equal(tt.other); got != tt.want {
			t.Errorf("%s: Equal = %v, want %v", tt.name, got, tt.want)
		}
		if got := tt.other.Equal(key); got != tt.want {
			t.Errorf("%s, turned around: Equal = %v, want %v", tt.name, got, tt.want)
		}
	}
	if (Key{}).Equal(Key{}) {
		t.Error("the zero Key equals itself")
	}
}

func TestZeroValuesRefuse(t *testing.T) {
	var k Key
	var s Sender
	var r Receiver
	if b := k.AppendTo(nil); len(b) != 0 || k.KID() != 0 || k.Suite().Known() {
		t.Errorf("the zero Key has form %x, KID %d, suite %v", b, k.KID(), k.Suite())
	}
	if err := r.Add(k); !errors.Is(err, ErrKey) {
		t.Errorf("Add(zero Key): %v, want %v", err, ErrKey)
	}
	if _, err := s.Seal(nil, nil, nil); !errors.Is(err, ErrKey) {
		t.Errorf("zero Sender: Seal: %v, want %v", err, ErrKey)
	}
	if s.Key() != k {
		t.Error("the zero Sender has a Key")
	}
	if _, _, err := r.Open(nil, []byte{0}, nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("zero Receiver: Open: %v, want %v", err, ErrNoKey)
	}
	r.Remove(0)
	for _, suite := range []Suite{0, 9, 0xf000} {
		if _, err := NewSender(suite, 0); !errors.Is(err, ErrSuite) {
			t.Errorf("NewSender(%v): %v, want %v", suite, err, ErrSuite)
		}
		if suite.Known() || suite.TagSize() != 0 {
			t.Errorf("%v is known", suite)
		}
	}
}

// TestPrintShowsNoSecret prints everything that holds a key with every verb, alone and inside another value, and looks
// for three bytes of the base key in a row: as text, hex or decimals.
func TestPrintShowsNoSecret(t *testing.T) {
	base := bytes.Repeat([]byte("KeY"), 11)
	s, err := newSender(makeKey(AES128GCM, 3, base), 0)
	if err != nil {
		t.Fatal(err)
	}
	var r Receiver
	if err := r.Add(s.Key()); err != nil {
		t.Fatal(err)
	}
	type holder struct {
		key      Key
		sender   *Sender
		copied   Sender
		receiver *Receiver
	}
	h := holder{s.Key(), s, *s, &r}
	for _, v := range []any{s.Key(), s, *s, r, &r, h, &h, []any{h}, []Key{h.key}, map[string]Key{"": h.key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U"} {
			got := fmt.Sprintf(verb, v)
			for _, bad := range []string{"KeY", "4b6559", "4B6559", "75 101 89", "0x4b, 0x65, 0x59"} {
				if strings.Contains(got, bad) {
					t.Errorf("%T with %s: %s", v, verb, got)
				}
			}
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, tt := range goldenKeys {
		f.Add(unhex(f, tt.encoded))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParseKey(b)
		if err != nil {
			return
		}
		if got := k.AppendTo(nil); !bytes.Equal(got, b) {
			t.Fatalf("ParseKey(%x) is %x", b, got)
		}
		var r Receiver
		if err := r.Add(k); err != nil {
			t.Fatalf("Add: %v", err)
		}
	})
}
