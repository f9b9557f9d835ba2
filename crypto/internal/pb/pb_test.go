package pb

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// read reads the message {1: uint32, 2: bytes of 0..4, 3: optional uint64, 4: repeated bytes of 1}.
func read(b []byte, unknown Unknown) (again []byte, err error) {
	r := NewReader(b, unknown)
	again = AppendUint(again, 1, uint64(r.Uint32(1)))
	again = AppendBytes(again, 2, r.Bytes(2, 0, 4))
	if r.Has(3) {
		again = AppendUint(again, 3, r.Uint64(3))
	}
	for r.Has(4) {
		again = AppendBytes(again, 4, r.Bytes(4, 1, 1))
	}
	return again, r.Done()
}

func TestReader(t *testing.T) {
	tests := []struct {
		name, in   string
		skip, hard bool // accepted with Skip, with Refuse
	}{
		{"whole", "0801" + "1202abcd" + "1807" + "220101" + "220102", true, true},
		{"least", "0800" + "1200", true, true},
		{"largest numbers", "08ffffffff0f" + "1200" + "18ffffffffffffffffff01", true, true},
		{"unknown before", "0801" + "1200" + "2a0100", true, false},
		{"unknown fixed64 after", "0801" + "1200" + "410000000000000000", true, false},
		{"unknown fixed32 after", "0801" + "1200" + "4500000000", true, false},
		{"unknown twice", "0801" + "1200" + "2a0100" + "2a0100", true, false},
		{"known after it was passed over", "0801" + "1807" + "1200", false, false},
		{"unknown falling", "0801" + "1200" + "320100" + "2a0100", false, false},
		{"missing first", "1200", false, false},
		{"missing last", "0801", false, false},
		{"empty", "", false, false},
		{"twice", "0801" + "0801" + "1200", false, false},
		{"last twice", "0801" + "1200" + "1807" + "1807", false, false},
		{"out of order", "1200" + "0801", false, false},
		{"wrong type of number", "0a0101" + "1200", false, false},
		{"wrong type of bytes", "0801" + "1001", false, false},
		{"number too large", "088080808010" + "1200", false, false},
		{"number beyond 64 bits", "0801" + "1200" + "18ffffffffffffffffff02", false, false},
		{"long varint", "088100" + "1200", false, false},
		{"long tag", "888000" + "01" + "1200", false, false},
		{"bytes too long", "0801" + "1205aaaaaaaaaa", false, false},
		{"bytes cut", "0801" + "1204aaaa", false, false},
		{"length beyond 63 bits", "0801" + "12ffffffffffffffffff01aa", false, false},
		{"cut in tag", "0801" + "1200" + "80", false, false},
		{"group", "0801" + "1200" + "2b", false, false},
		{"field 0", "0801" + "1200" + "0001", false, false},
		{"field too high", "0801" + "1200" + "808080801000", false, false},
		{"fixed64 cut", "0801" + "1200" + "4100000000", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := hex.DecodeString(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := read(in, Skip); (err == nil) != tt.skip {
				t.Errorf("Skip: got %v, want accepted %v", err, tt.skip)
			}
			again, err := read(in, Refuse)
			if (err == nil) != tt.hard {
				t.Errorf("Refuse: got %v, want accepted %v", err, tt.hard)
			}
			if err == nil && !bytes.Equal(again, in) {
				t.Errorf("written again %x, want %x", again, in)
			}
		})
	}
}

func TestNested(t *testing.T) {
	got := AppendMessage(nil, 3, func(b []byte) []byte { return AppendUint(b, 1, 300) })
	if want := []byte{0x1a, 3, 0x08, 0xac, 0x02}; !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	long := bytes.Repeat([]byte{7}, 1000)
	after := AppendMessage(bytes.Clone(got), 4, func(b []byte) []byte { return append(b, long...) })
	if want := AppendBytes(bytes.Clone(got), 4, long); !bytes.Equal(after, want) {
		t.Errorf("got %x, want %x", after, want)
	}
	r := NewReader(got, Refuse)
	in := NewReader(r.Bytes(3, 0, 8), Refuse)
	if n := in.Uint32(1); n != 300 || in.Done() != nil || r.Done() != nil {
		t.Errorf("got %d, %v, %v", n, in.Done(), r.Done())
	}
}

// FuzzReader holds that what is accepted without unknown fields has one encoding, and that nothing panics.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"08011202abcd1807220101", "08001200", "0801120041000000000000000045000000000000"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = read(b, Skip)
		again, err := read(b, Refuse)
		if err == nil && !bytes.Equal(again, b) {
			t.Errorf("%x was accepted, and is written %x", b, again)
		}
	})
}
