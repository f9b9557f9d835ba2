package identity

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzParseAddress(f *testing.F) {
	for _, r := range addressRows(f) {
		f.Add(r.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err == nil && a.String() != strings.ToLower(text) {
			t.Errorf("%q is written %q", text, a)
		}
	})
}

func FuzzParseWords(f *testing.F) {
	for _, v := range readWords(f).Seeds {
		f.Add(v.Words)
		f.Add(strings.ToUpper(v.Words) + " ")
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseWords(text)
		if (err == nil) == s.IsZero() {
			t.Fatalf("got %v", err)
		}
		if err != nil {
			return
		}
		words, err := s.Words()
		if err != nil || strings.Join(words, " ") != strings.Join(strings.Fields(strings.ToLower(text)), " ") {
			t.Errorf("%q is written %v, %v", text, words, err)
		}
	})
}

func FuzzParseTransportKey(f *testing.F) {
	f.Add(GenerateTransportKey().Public().String())
	f.Add(adaAddress().String())
	f.Fuzz(func(t *testing.T, text string) {
		var k TransportKey
		if err := k.UnmarshalText([]byte(text)); err == nil && k.String() != strings.ToLower(text) {
			t.Errorf("%q is written %q", text, k)
		}
	})
}

func FuzzParsePoint(f *testing.F) {
	good := seedOf("Ada").Account().Public()
	f.Add(good[:])
	for _, b := range badPoints(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := ParseAccount(b); err == nil && !bytes.Equal(a.AppendTo(nil), b) {
			t.Errorf("%x is written %x", b, a)
		}
	})
}

func FuzzParseDevice(f *testing.F) {
	m := usual(f)
	for _, d := range m.Devices() {
		f.Add(d.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseDevice(m.Account(), b)
		if (err == nil) == d.IsZero() || err == nil && !bytes.Equal(d.AppendTo(nil), b) {
			t.Errorf("%x is written %x, %v", b, d.AppendTo(nil), err)
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	for _, r := range manifestRows(f) {
		if len(r.Manifest) < 4096 {
			f.Add([]byte(r.Manifest))
		}
	}
	v := viewOf(f, usual(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if (err == nil) != (m != nil) {
			t.Fatalf("got %v, %v", m, err)
		}
		next, _, _ := v.Read(b)
		if m == nil && !next.Equal(v) {
			t.Errorf("%x changes a view, and is no manifest", b)
		}
		if m != nil && !bytes.Equal(m.AppendTo(nil), b) {
			t.Errorf("%x is written %x", b, m.AppendTo(nil))
		}
	})
}

func FuzzParseView(f *testing.F) {
	f.Add(viewOf(f, usual(f)).AppendTo(nil))
	f.Add(NewView(seedOf("Ada").Account().Public()).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseView(b)
		if err == nil && v.IsZero() {
			t.Error("a zero view is read")
		}
		if err != nil {
			return
		}
		if again, err := ParseView(v.AppendTo(nil)); err != nil || !again.Equal(v) {
			t.Errorf("%x does not come back: %v", b, err)
		}
	})
}
