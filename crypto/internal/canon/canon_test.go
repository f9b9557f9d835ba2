package canon

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type inner struct {
	Name    string  `cbor:"1,keyasint" max:"8"`
	Unknown Unknown `cbor:"-"`
}

type kinds struct {
	Byte    uint8    `cbor:"0,keyasint"`
	Signed  int32    `cbor:"1,keyasint,omitempty"`
	Yes     bool     `cbor:"2,keyasint,omitempty"`
	Text    string   `cbor:"3,keyasint,omitempty" max:"8"`
	Bytes   []byte   `cbor:"4,keyasint,omitempty" max:"8"`
	Fixed   [4]byte  `cbor:"5,keyasint,omitempty"`
	Raw     Raw      `cbor:"6,keyasint,omitempty" max:"16"`
	Inner   *inner   `cbor:"7,keyasint,omitempty"`
	Maybe   *uint64  `cbor:"8,keyasint,omitempty"`
	List    []inner  `cbor:"9,keyasint,omitempty" max:"3"`
	Shorts  []uint16 `cbor:"10,keyasint" max:"4"`
	Strings [][]byte `cbor:"300,keyasint,omitempty" max:"2" each:"3"`
	Must    uint64   `cbor:"-1,keyasint,omitempty"`
	Unknown Unknown  `cbor:"-"`
}

const limit = 200

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func full() kinds {
	n := uint64(0)
	return kinds{
		Byte: 255, Signed: -500, Yes: true, Text: "é", Bytes: []byte{1}, Fixed: [4]byte{1, 2, 3, 4}, Raw: Raw{0x81, 0x05},
		Inner: &inner{Name: "a", Unknown: "\x02\x05"}, Maybe: &n, List: []inner{{Name: ""}, {Name: "b"}},
		Shorts: []uint16{1, 1000}, Strings: [][]byte{nil, {9}}, Must: math.MaxUint64,
		Unknown: "\x18\x64\xa1\x20\xf4",
	}
}

const fullHex = "ae 00 18ff 01 3901f3 02 f5 03 62c3a9 04 4101 05 4401020304 06 8105 07 a2016161 0205 08 00" +
	"09 82a10160a1016162 0a 82011903e8 1864 a120f4 19012c 824041 09 20 1bffffffffffffffff"

// TestGolden: a change here is a new protocol.
func TestGolden(t *testing.T) {
	n := uint64(7)
	for _, tt := range []struct {
		name, hex string
		v         kinds
	}{
		{"least", "a2 00 00 0a 80", kinds{}},
		{"full", fullHex, full()},
		{"unknown between", "a5 00 01 08 07 0a 80 1863 01 19012c 8141aa", kinds{Byte: 1, Maybe: &n, Strings: [][]byte{{0xaa}}, Unknown: "\x18\x63\x01"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := fromHex(t, tt.hex)
			got, err := Marshal(&tt.v)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("got  %x, %v\nwant %x", got, err, want)
			}
			if got, err := Marshal(tt.v); err != nil || !bytes.Equal(got, want) {
				t.Errorf("by value: got %x, %v", got, err)
			}
			var v kinds
			if err := Unmarshal(want, limit, &v); err != nil {
				t.Fatal(err)
			}
			again, err := Marshal(&v)
			if err != nil || !bytes.Equal(again, want) {
				t.Errorf("written again %x, %v", again, err)
			}
			if !cmp.Equal(v, tt.v) {
				t.Error(cmp.Diff(tt.v, v))
			}
		})
	}
}

// TestRefuses has one failure per row; the wholesome form of each is "a2 00 00 0a 80" with the row's pair added.
func TestRefuses(t *testing.T) {
	deep := func(n int) string {
		return "a3 00 00 0a 80 0b" + strings.Repeat("81", n-1) + "80" // the map is one level
	}
	for _, tt := range []struct {
		name, hex string
		want      error
	}{
		{"unknown key", "a3 00 00 0a 80 0b 00", nil},
		{"unknown negative key", "a3 00 00 0a 80 21 00", ErrNewer},
		{"unknown negative key, and a field of another type", "a3 00 60 0a 80 21 00", ErrNewer},
		{"unknown negative key within", "a3 00 00 07 a2 0160 20 00 0a 80", ErrNewer},
		{"unknown negative key within the unknown", "a3 00 00 0a 80 0b a1 20 00", nil},
		{"duplicate key", "a3 00 00 00 00 0a 80", ErrMalformed},
		{"duplicate unknown key", "a4 00 00 0a 80 0b 00 0b 00", ErrMalformed},
		{"duplicate key within the unknown", "a3 00 00 0a 80 0b a2 01 00 01 00", ErrMalformed},
		{"keys out of order", "a2 0a 80 00 00", ErrMalformed},
		{"negative key before", "a3 20 01 00 00 0a 80", ErrMalformed},
		{"text key", "a3 00 00 0a 80 6161 00", ErrMalformed},
		{"text key within the unknown", "a3 00 00 0a 80 0b a1 6161 00", ErrMalformed},
		{"key beyond 63 bits", "a3 00 00 0a 80 1b8000000000000000 00", ErrMalformed},
		{"long key", "a3 00 00 180a 80 0b 00", ErrMalformed},
		{"long integer of 1", "a2 00 1817 0a 80", ErrMalformed},
		{"long integer of 2", "a2 00 1900ff 0a 80", ErrMalformed},
		{"long integer of 4", "a3 00 00 0a 80 0b 1a0000ffff", ErrMalformed},
		{"long integer of 8", "a3 00 00 0a 80 0b 1b00000000ffffffff", ErrMalformed},
		{"largest integer", "a3 00 00 0a 80 0b 1bffffffffffffffff", nil},
		{"least integer", "a3 00 00 0a 80 0b 3b7fffffffffffffff", nil},
		{"integer below", "a3 00 00 0a 80 0b 3b8000000000000000", ErrMalformed},
		{"integer too large for its field", "a2 00 190100 0a 80", ErrMalformed},
		{"negative for unsigned", "a2 00 20 0a 80", ErrMalformed},
		{"bool for integer", "a2 00 f5 0a 80", ErrMalformed},
		{"integer for bool", "a3 00 00 02 01 0a 80", ErrMalformed},
		{"text for bytes", "a3 00 00 04 6161 0a 80", ErrMalformed},
		{"bytes for text", "a3 00 00 03 4161 0a 80", ErrMalformed},
		{"array for bytes", "a3 00 00 04 8101 0a 80", ErrMalformed},
		{"array for map", "a3 00 00 07 8101 0a 80", ErrMalformed},
		{"map for array", "a2 00 00 0a a0", ErrMalformed},
		{"missing key", "a1 00 00", ErrMalformed},
		{"absent written as zero", "a3 00 00 01 00 0a 80", ErrMalformed},
		{"absent written as false", "a3 00 00 02 f4 0a 80", ErrMalformed},
		{"absent written as empty", "a3 00 00 04 40 0a 80", ErrMalformed},
		{"absent written as empty array", "a3 00 00 09 80 0a 80", ErrMalformed},
		{"absent written as zeros", "a3 00 00 05 4400000000 0a 80", ErrMalformed},
		{"fixed too short", "a3 00 00 05 43010203 0a 80", ErrMalformed},
		{"fixed too long", "a3 00 00 05 450102030405 0a 80", ErrMalformed},
		{"bytes at the limit", "a3 00 00 04 480102030405060708 0a 80", nil},
		{"bytes over the limit", "a3 00 00 04 49010203040506070809 0a 80", ErrSize},
		{"text over the limit", "a3 00 00 03 69616161616161616161 0a 80", ErrSize},
		{"raw over the limit", "a3 00 00 06 51" + strings.Repeat("00", 17) + "0a 80", ErrSize},
		{"too many", "a3 00 00 09 84a10160a10160a10160a10160 0a 80", ErrSize},
		{"each over the limit", "a3 00 00 0a 80 19012c 81 4401020304", ErrSize},
		{"whole over the limit", "a3 00 00 0a 80 0b 58c8" + strings.Repeat("00", 200), ErrSize},
		{"text not UTF-8", "a3 00 00 03 61ff 0a 80", ErrMalformed},
		{"unknown text not UTF-8", "a3 00 00 0a 80 0b 61ff", ErrMalformed},
		{"null", "a3 00 00 04 f6 0a 80", ErrMalformed},
		{"unknown null", "a3 00 00 0a 80 0b f6", ErrMalformed},
		{"undefined", "a3 00 00 0a 80 0b f7", ErrMalformed},
		{"simple value", "a3 00 00 0a 80 0b f820", ErrMalformed},
		{"false in two bytes", "a3 00 00 0a 80 0b f814", ErrMalformed},
		{"float16", "a3 00 00 0a 80 0b f93c00", ErrMalformed},
		{"float64", "a3 00 00 0a 80 0b fb3ff0000000000000", ErrMalformed},
		{"tag", "a3 00 00 0a 80 0b c100", ErrMalformed},
		{"indefinite bytes", "a3 00 00 0a 80 0b 5f4100ff", ErrMalformed},
		{"indefinite array", "a3 00 00 0a 80 0b 9fff", ErrMalformed},
		{"indefinite map", "bf 00 00 0a 80 ff", ErrMalformed},
		{"reserved head", "a3 00 00 0a 80 0b 1c", ErrMalformed},
		{"depth 8", deep(8 - 1), nil},
		{"depth 9", deep(9 - 1), ErrMalformed},
		{"depth bomb", deep(150), ErrMalformed},
		{"array bomb", "a2 00 00 0a 9bffffffffffffffff", ErrMalformed},
		{"array bomb of 2^31", "a2 00 00 0a 9a7fffffff 00", ErrMalformed},
		{"map bomb", "bbffffffffffffffff", ErrMalformed},
		{"bytes bomb", "a3 00 00 04 5bffffffffffffffff 0a 80", ErrMalformed},
		{"text bomb", "a3 00 00 03 7b7fffffffffffffff 0a 80", ErrMalformed},
		{"no map", "80", ErrMalformed},
		{"empty", "", ErrMalformed},
		{"cut", "a2 00 00 0a", ErrMalformed},
		{"cut in a head", "a2 00 19ff", ErrMalformed},
		{"trailing", "a2 00 00 0a 80 00", ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := kinds{Byte: 9}
			b := fromHex(t, tt.hex)
			if err := Unmarshal(b, limit, &v); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if tt.want != nil {
				if !cmp.Equal(v, kinds{Byte: 9}) {
					t.Error("what failed left something")
				}
				return
			}
			if again, err := Marshal(v); err != nil || !bytes.Equal(again, b) {
				t.Errorf("written again %x, %v", again, err)
			}
		})
	}
}

func TestMarshalRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		v    kinds
		want error
	}{
		"bytes over the limit":   {kinds{Bytes: make([]byte, 9)}, ErrSize},
		"text over the limit":    {kinds{Text: "123456789"}, ErrSize},
		"raw over the limit":     {kinds{Raw: make(Raw, 17)}, ErrSize},
		"too many":               {kinds{List: make([]inner, 4)}, ErrSize},
		"each over the limit":    {kinds{Strings: [][]byte{make([]byte, 4)}}, ErrSize},
		"text not UTF-8":         {kinds{Text: "\xff"}, ErrMalformed},
		"raw is no item":         {kinds{Raw: Raw{0x18, 0x00}}, ErrMalformed},
		"raw is two items":       {kinds{Raw: Raw{0, 0}}, ErrMalformed},
		"unknown is cut":         {kinds{Unknown: "\x0b"}, ErrMalformed},
		"unknown is no integer":  {kinds{Unknown: "\x60\x00"}, ErrMalformed},
		"unknown is in disorder": {kinds{Unknown: "\x0c\x00\x0b\x00"}, ErrMalformed},
		"unknown is known":       {kinds{Unknown: "\x00\x00"}, ErrMalformed},
		"unknown is absent":      {kinds{Unknown: "\x01\x05"}, ErrMalformed},
		"unknown is negative":    {kinds{Unknown: "\x21\x00"}, ErrMalformed},
		"unknown is both":        {kinds{Unknown: "\x0b\x00\x21\x00"}, ErrMalformed},
		"negative within":        {kinds{Inner: &inner{Unknown: "\x20\x00"}}, ErrMalformed},
	} {
		if b, err := Marshal(tt.v); !errors.Is(err, tt.want) || b != nil && err != nil && len(b) == 0 {
			t.Errorf("%s: got %x, %v, want %v", name, b, err, tt.want)
		}
	}
}

// every has an optional field of each shape that can be empty in more than one way.
type every struct {
	Struct  holder   `cbor:"7,keyasint,omitempty"`
	Pointer *holder  `cbor:"8,keyasint,omitempty"`
	Structs []holder `cbor:"9,keyasint,omitempty" max:"3"`
	Raws    []Raw    `cbor:"65536,keyasint,omitempty" max:"3" each:"9"`
	Unknown Unknown  `cbor:"-"`
}

type holder struct {
	Shorts  []uint16 `cbor:"3,keyasint,omitempty" max:"4"`
	Deeper  deeper   `cbor:"4,keyasint,omitempty"`
	Unknown Unknown  `cbor:"-"`
}

type deeper struct {
	Bytes   []byte  `cbor:"-3,keyasint,omitempty" max:"4"`
	Unknown Unknown `cbor:"-"`
}

// TestEmpty: what is empty is left out in whichever way it is empty, for what Marshal writes Unmarshal reads.
func TestEmpty(t *testing.T) {
	for name, tt := range map[string]struct {
		v   every
		hex string
	}{
		"empty slice in a struct":           {every{Struct: holder{Shorts: []uint16{}}}, "a0"},
		"empty bytes in a struct in one":    {every{Struct: holder{Deeper: deeper{Bytes: []byte{}}}}, "a0"},
		"empty lists":                       {every{Structs: []holder{}, Raws: []Raw{}}, "a0"},
		"pointer to an empty struct":        {every{Pointer: &holder{Shorts: []uint16{}}}, "a1 08 a0"},
		"list of an empty struct":           {every{Structs: []holder{{Shorts: []uint16{}}}}, "a1 09 81 a0"},
		"struct of nothing but what is new": {every{Struct: holder{Unknown: "\x05\x00"}}, "a1 07 a1 05 00"},
		"zero in a list":                    {every{Struct: holder{Shorts: []uint16{0}}}, "a1 07 a1 03 81 00"},
	} {
		b, err := Marshal(tt.v)
		if err != nil || !bytes.Equal(b, fromHex(t, tt.hex)) {
			t.Errorf("%s: got %x, %v", name, b, err)
		}
		var again every
		if err := Unmarshal(b, limit, &again); err != nil {
			t.Errorf("%s: not read back: %v", name, err)
		}
	}
}

// TestClosed: a map that is closed holds what it holds.
func TestClosed(t *testing.T) {
	type shut struct {
		A      uint8  `cbor:"1,keyasint,omitempty"`
		Closed Closed `cbor:"-"`
	}
	for in, want := range map[string]error{
		"a0":           nil,
		"a1 01 05":     nil,
		"a2 0105 0205": ErrMalformed,
		"a2 0105 2005": ErrMalformed,
		"a1 20 05":     ErrMalformed,
	} {
		var v shut
		b := fromHex(t, in)
		if err := Unmarshal(b, limit, &v); !errors.Is(err, want) || errors.Is(err, ErrNewer) {
			t.Errorf("%s: got %v, want %v", in, err, want)
		} else if again, err := Marshal(v); want == nil && (err != nil || !bytes.Equal(again, b)) {
			t.Errorf("%s: written again %x, %v", in, again, err)
		}
	}
}

// TestRest: a struct that reads a few keys passes over all others, whatever they are, and still holds the whole to its form.
func TestRest(t *testing.T) {
	type first struct {
		A    uint8 `cbor:"1,keyasint"`
		Rest Rest  `cbor:"-"`
	}
	for in, want := range map[string]error{
		"a1 01 05":                      nil,
		"a2 0105 0205":                  nil,
		"a2 0105 2005":                  nil, // must be understood, by whoever reads the rest
		"a3 0105 02 81 a1 20 05 20 05":  nil,
		"a1 20 05":                      ErrMalformed,
		"a2 0118ff 2005":                nil,
		"a2 01190100 2005":              ErrMalformed,
		"a2 2005 0105":                  ErrMalformed, // out of order
		"a3 0105 2005 2005":             ErrMalformed,
		"a2 0105 20 9bffffffffffffffff": ErrMalformed,
		"a2 0105 20 f6":                 ErrMalformed, // null
		"01":                            ErrMalformed,
	} {
		var v first
		b := fromHex(t, strings.ReplaceAll(in, " ", ""))
		if err := Unmarshal(b, limit, &v); !errors.Is(err, want) || errors.Is(err, ErrNewer) || err == nil && v.A == 0 {
			t.Errorf("%s: got %v, want %v", in, err, want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("it is written")
		}
	}()
	_, _ = Marshal(first{A: 1})
}

// TestManyUnknown: the work and memory for pairs that nobody knows are linear in their bytes.
func TestManyUnknown(t *testing.T) {
	in, v := manyUnknown(t, 16000)
	again, err := Marshal(v)
	if err != nil || !bytes.Equal(again, in) {
		t.Fatalf("%d bytes are written as %d, %v", len(in), len(again), err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = Marshal(v)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 64*uint64(len(in)) {
		t.Errorf("%d bytes of pairs take %d", len(in), got)
	}
}

// few knows one key.
type few struct {
	A       uint8   `cbor:"1,keyasint,omitempty"`
	Unknown Unknown `cbor:"-"`
}

// manyUnknown returns a body of n pairs that few does not know.
func manyUnknown(t testing.TB, n int) (b []byte, v few) {
	t.Helper()
	b = appendHead(b, majorMap, uint64(n))
	for i := range n {
		b = append(appendKey(b, int64(i+2)), 0)
	}
	if err := Unmarshal(b, 1<<16, &v); err != nil {
		t.Fatal(err)
	}
	return b, v
}

func BenchmarkMarshalUnknown(b *testing.B) {
	_, v := manyUnknown(b, 16000)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Marshal(v)
	}
}

func TestMistakes(t *testing.T) {
	type empty struct{}
	type self struct {
		Next    []self  `cbor:"1,keyasint" max:"1"`
		Unknown Unknown `cbor:"-"`
	}
	for name, v := range map[string]any{
		"no struct":       new(int),
		"nil":             (*inner)(nil),
		"no unknown":      new(empty),
		"contains itself": new(self),
		"closed and open": new(struct {
			Unknown Unknown `cbor:"-"`
			Closed  Closed  `cbor:"-"`
		}),
		"closed and passing": new(struct {
			Closed Closed `cbor:"-"`
			Rest   Rest   `cbor:"-"`
		}),
		"no key": new(struct {
			A       uint8
			Unknown Unknown `cbor:"-"`
		}),
		"text key": new(struct {
			A       uint8   `cbor:"a"`
			Unknown Unknown `cbor:"-"`
		}),
		"not exported": new(struct {
			a       uint8
			Unknown Unknown `cbor:"-"`
		}),
		"no limit": new(struct {
			A       []byte  `cbor:"1,keyasint"`
			Unknown Unknown `cbor:"-"`
		}),
		"no limit within": new(struct {
			A       []string `cbor:"1,keyasint" max:"3"`
			Unknown Unknown  `cbor:"-"`
		}),
		"limit of words": new(struct {
			A       []byte  `cbor:"1,keyasint" max:"few"`
			Unknown Unknown `cbor:"-"`
		}),
		"key twice": new(struct {
			A       uint8   `cbor:"1,keyasint"`
			B       uint8   `cbor:"1,keyasint"`
			Unknown Unknown `cbor:"-"`
		}),
		"pointer not optional": new(struct {
			A       *uint8  `cbor:"1,keyasint"`
			Unknown Unknown `cbor:"-"`
		}),
		"float": new(struct {
			A       float64 `cbor:"1,keyasint"`
			Unknown Unknown `cbor:"-"`
		}),
		"map": new(struct {
			A       map[int]int `cbor:"1,keyasint" max:"3"`
			Unknown Unknown     `cbor:"-"`
		}),
		"array of words": new(struct {
			A       [3]uint16 `cbor:"1,keyasint"`
			Unknown Unknown   `cbor:"-"`
		}),
	} {
		for verb, f := range map[string]func(){
			"Marshal":   func() { _, _ = Marshal(v) },
			"Unmarshal": func() { _ = Unmarshal([]byte{0xa0}, limit, v) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: %s did not panic", name, verb)
					}
				}()
				f()
			}()
		}
	}
}

// TestKeepsNothing: the input may be used again.
func TestKeepsNothing(t *testing.T) {
	b := fromHex(t, fullHex)
	var v kinds
	if err := Unmarshal(b, limit, &v); err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !cmp.Equal(v, full()) {
		t.Error(cmp.Diff(full(), v))
	}
}

// TestAgainstReference: what we write, fxamacker/cbor writes too, and it reads what we accept.
func TestAgainstReference(t *testing.T) {
	type plain struct {
		A uint64   `cbor:"1,keyasint" max:"0"`
		B int64    `cbor:"-5,keyasint,omitempty"`
		C []byte   `cbor:"30,keyasint,omitempty" max:"300"`
		D string   `cbor:"2,keyasint,omitempty" max:"300"`
		E []uint32 `cbor:"1000,keyasint,omitempty" max:"30"`
		F bool     `cbor:"-300,keyasint,omitempty"`
	}
	type body struct {
		A       uint64   `cbor:"1,keyasint" max:"0"`
		B       int64    `cbor:"-5,keyasint,omitempty"`
		C       []byte   `cbor:"30,keyasint,omitempty" max:"300"`
		D       string   `cbor:"2,keyasint,omitempty" max:"300"`
		E       []uint32 `cbor:"1000,keyasint,omitempty" max:"30"`
		F       bool     `cbor:"-300,keyasint,omitempty"`
		Unknown Unknown  `cbor:"-"`
	}
	rapid.Check(t, func(t *rapid.T) {
		p := plain{
			A: rapid.Uint64().Draw(t, "A"),
			B: rapid.Int64().Draw(t, "B"),
			C: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "C"),
			D: rapid.StringN(-1, -1, 300).Draw(t, "D"),
			E: rapid.SliceOfN(rapid.Uint32(), 0, 30).Draw(t, "E"),
			F: rapid.Bool().Draw(t, "F"),
		}
		mode, err := cbor.CoreDetEncOptions().EncMode()
		if err != nil {
			t.Fatal(err)
		}
		want, err := mode.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Marshal(body{p.A, p.B, p.C, p.D, p.E, p.F, ""})
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got  %x, %v\nwant %x", got, err, want)
		}
		var back body
		if err := Unmarshal(want, 4096, &back); err != nil || back.A != p.A || back.B != p.B || back.D != p.D || back.F != p.F {
			t.Fatalf("got %+v, %v", back, err)
		}
	})
}

// FuzzUnmarshal holds that what is accepted has one encoding, and that fxamacker/cbor finds it well-formed.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{fullHex, "a2 00 00 0a 80", "a3 00 00 0a 80 21 00", "a3 00 00 0a 80 0b 9fff"} {
		f.Add(fromHex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if Check(b) == nil && cbor.Wellformed(b) != nil {
			t.Errorf("%x passes the check and is not well-formed", b)
		}
		var v kinds
		if Unmarshal(b, limit, &v) != nil {
			return
		}
		again, err := Marshal(v)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x was accepted, and is written %x, %v", b, again, err)
		}
	})
}

func BenchmarkUnmarshal(b *testing.B) {
	in := fromHex(b, fullHex)
	b.ReportAllocs()
	for b.Loop() {
		var v kinds
		_ = Unmarshal(in, limit, &v)
	}
}

func BenchmarkMarshal(b *testing.B) {
	v := full()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Marshal(&v)
	}
}
