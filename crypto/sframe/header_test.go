package sframe

import (
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// A change here is a new protocol.
var goldenHeaders = []struct {
	header  Header
	encoded string
}{
	{Header{0, 0}, "00"},
	{Header{0, 7}, "07"},
	{Header{7, 0}, "70"},
	{Header{7, 7}, "77"},
	{Header{0, 8}, "0808"},
	{Header{8, 0}, "8008"},
	{Header{8, 8}, "880808"},
	{Header{1, 255}, "18ff"},
	{Header{1, 256}, "190100"},
	{Header{255, 1}, "81ff"},
	{Header{256, 1}, "910100"},
	{Header{0x123, 0x4567}, "9901234567"},
	{Header{3, 65535}, "39ffff"},
	{Header{3, 65536}, "3a010000"},
	{Header{3, 1<<24 - 1}, "3affffff"},
	{Header{3, 1 << 24}, "3b01000000"},
	{Header{0x0102030405, 0x060708090a0b}, "cd0102030405060708090a0b"},
	{Header{1 << 56, 1<<56 - 1}, "fe0100000000000000ffffffffffffff"},
	{Header{math.MaxUint64, 0}, "f0ffffffffffffffff"},
	{Header{0, math.MaxUint64}, "0fffffffffffffffff"},
	{Header{math.MaxUint64, math.MaxUint64}, "ffffffffffffffffffffffffffffffffff"},
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestHeaderGolden(t *testing.T) {
	for _, tt := range goldenHeaders {
		if got := hex.EncodeToString(tt.header.AppendTo(nil)); got != tt.encoded {
			t.Errorf("%+v: AppendTo = %s, want %s", tt.header, got, tt.encoded)
		}
		for _, rest := range []string{"", "00", "ffffff"} {
			got, n, err := ParseHeader(unhex(t, tt.encoded+rest))
			if got != tt.header || n != len(tt.encoded)/2 || err != nil {
				t.Errorf("ParseHeader(%s) = %+v, %d, %v; want %+v", tt.encoded+rest, got, n, err, tt.header)
			}
		}
		for n := range len(tt.encoded) / 2 {
			if _, _, err := ParseHeader(unhex(t, tt.encoded)[:n]); !errors.Is(err, ErrHeader) {
				t.Errorf("ParseHeader(%s, cut to %d bytes): %v, want %v", tt.encoded, n, err, ErrHeader)
			}
		}
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	for _, tt := range []struct{ name, encoded string }{
		{"nothing", ""},
		{"KID missing", "80"},
		{"KID cut", "b0010203"},
		{"CTR missing", "08"},
		{"CTR cut", "0a0102"},
		{"CTR missing behind KID", "8808"},
		{"CTR cut behind KID", "99012345"},
		{"KID fits the config byte", "8007"},
		{"KID zero in a byte of its own", "8000"},
		{"CTR fits the config byte", "0807"},
		{"CTR zero in a byte of its own", "0800"},
		{"KID with a leading zero", "900008"},
		{"KID with a leading zero byte of eight", "f000ffffffffffffff"},
		{"CTR with a leading zero", "090008"},
		{"CTR with a leading zero byte of eight", "0f00ffffffffffffff"},
		{"CTR with a leading zero behind a good KID", "9901230045"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if h, n, err := ParseHeader(unhex(t, tt.encoded)); !errors.Is(err, ErrHeader) || n != 0 || h != (Header{}) {
				t.Errorf("ParseHeader(%s) = %+v, %d, %v; want %v", tt.encoded, h, n, err, ErrHeader)
			}
		})
	}
}

// genNumber draws numbers of all lengths: rapid's own are mostly of the longest.
func genNumber() *rapid.Generator[uint64] {
	return rapid.Custom(func(t *rapid.T) uint64 {
		return rapid.Uint64().Draw(t, "number") >> rapid.IntRange(0, 63).Draw(t, "shift")
	})
}

func TestHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Header{KID: genNumber().Draw(t, "KID"), CTR: genNumber().Draw(t, "CTR")}
		rest := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "rest")
		encoded := want.AppendTo([]byte("before"))[len("before"):]
		got, n, err := ParseHeader(append(encoded, rest...))
		if got != want || n != len(encoded) || err != nil {
			t.Fatalf("ParseHeader(%x) = %+v, %d, %v; want %+v", encoded, got, n, err, want)
		}
		if len(encoded) > MaxHeader {
			t.Fatalf("%d bytes", len(encoded))
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	for _, tt := range goldenHeaders {
		f.Add(unhex(f, tt.encoded))
	}
	for _, v := range readVectors(f).SFrame {
		f.Add([]byte(v.CT))
	}
	f.Add(unhex(f, "8007"))
	f.Add(unhex(f, "0f00ffffffffffffff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := ParseHeader(b)
		if err != nil {
			if n != 0 || h != (Header{}) {
				t.Fatalf("ParseHeader(%x) = %+v, %d with %v", b, h, n, err)
			}
			return
		}
		if got := h.AppendTo(nil); string(got) != string(b[:n]) {
			t.Fatalf("ParseHeader(%x) = %+v, which is %x", b, h, got)
		}
	})
}
