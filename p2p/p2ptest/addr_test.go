package p2ptest

import (
	"encoding/hex"
	"errors"
	"math"
	"testing"
)

// TestAddr pins the bytes of addresses.
func TestAddr(t *testing.T) {
	var h *Host
	for text, want := range map[string]string{
		"/mem/1": "6d01", "/mem/127": "6d7f", "/mem/128": "6d8001", "/mem/0": "6d00",
		formatAddr(math.MaxUint64): "6dffffffffffffffffff01",
	} {
		b, err := h.EncodeAddr(text)
		if err != nil || hex.EncodeToString(b) != want {
			t.Errorf("%s: got %x, %v", text, b, err)
		}
		if got, err := h.DecodeAddr(b); err != nil || got != text {
			t.Errorf("%s: back as %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "/mem/", "/mem/01", "/mem/+1", "/mem/-1", "mem/1", "/mem/1/", "/mem/18446744073709551616", "/ip4/1.2.3.4"} {
		if _, err := h.EncodeAddr(text); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	for _, text := range []string{"", "6d", "01", "6e01", "6d8000", "6d80", "6d0100", "6dffffffffffffffffff02", "6dffffffffffffffffffff01"} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := h.DecodeAddr(b); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
}

func FuzzDecodeAddr(f *testing.F) {
	f.Add([]byte("m\x01"))
	f.Add([]byte("m\x80\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h *Host
		text, err := h.DecodeAddr(b)
		if err != nil {
			return
		}
		if again, err := h.EncodeAddr(text); err != nil || string(again) != string(b) {
			t.Errorf("%x is %s is %x, %v", b, text, again, err)
		}
	})
}

func FuzzEncodeAddr(f *testing.F) {
	f.Add("/mem/1")
	f.Add("/mem/007")
	f.Fuzz(func(t *testing.T, text string) {
		var h *Host
		b, err := h.EncodeAddr(text)
		if err != nil {
			return
		}
		if again, err := h.DecodeAddr(b); err != nil || again != text || len(b) > 40 {
			t.Errorf("%q is %x is %q, %v", text, b, again, err)
		}
	})
}
