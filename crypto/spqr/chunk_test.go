package spqr

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"
)

// TestField holds mul to schoolbook arithmetic, and the field to its laws.
func TestField(t *testing.T) {
	slow := func(a, b uint16) uint16 {
		r, x := uint32(0), uint32(a)
		for ; b != 0; b >>= 1 {
			if b&1 == 1 {
				r ^= x
			}
			if x <<= 1; x>>16 == 1 {
				x ^= 0x1100b
			}
		}
		return uint16(r)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := rapid.Uint16().Draw(t, "a"), rapid.Uint16().Draw(t, "b"), rapid.Uint16().Draw(t, "c")
		if got, want := mul(a, b), slow(a, b); got != want {
			t.Fatalf("%#x · %#x = %#x, want %#x", a, b, got, want)
		}
		if mul(a, b^c) != mul(a, b)^mul(a, c) || mul(a, mul(b, c)) != mul(mul(a, b), c) {
			t.Fatal("not a field")
		}
		if a != 0 && mul(a, inverse(a)) != 1 {
			t.Fatalf("%#x · its inverse = %#x", a, mul(a, inverse(a)))
		}
	})
	for a := 1; a < 1<<16; a++ {
		if mul(uint16(a), inverse(uint16(a))) != 1 {
			t.Fatalf("%#x has no inverse", a)
		}
	}
}

// TestAnyChunksDecode holds that any n different chunks, in any order, with repeats, give the message, and fewer none.
func TestAnyChunksDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{hdrMessageSize, vectorSize, ct1Size, ct2MessageSize}).Draw(t, "size")
		message := make([]byte, size)
		rand.Read(message)
		n := size / chunkSize
		indexes := rapid.SliceOfNDistinct(rapid.OneOf(rapid.Uint16(), rapid.Uint16Range(0, uint16(2*n))), n, n, rapid.ID).Draw(t, "indexes")
		e, d := encoder{message: message}, newDecoder(size)
		for i, index := range indexes {
			var got []byte
			before := d
			d, got = d.add(index, e.chunk(index))
			if again, _ := d.add(index, [chunkSize]byte{1}); len(again.points) != len(d.points) || len(before.points) != i {
				t.Fatal("a repeated index counts, or the old decoder changed")
			}
			if (got != nil) != (i == n-1) {
				t.Fatalf("after %d of %d chunks: message %v", i+1, n, got != nil)
			}
			if got != nil && !bytes.Equal(got, message) {
				t.Fatalf("got %x, want %x", got, message)
			}
		}
	})
}

func TestEncoderCounts(t *testing.T) {
	e := encoder{message: make([]byte, ct2MessageSize), next: chunkMax - 2}
	for _, want := range []uint16{chunkMax - 2, chunkMax - 1, 0, 1} {
		var index uint16
		if e, index, _ = e.step(); index != want {
			t.Errorf("got index %d, want %d", index, want)
		}
	}
}

// TestChunkGolden pins the first chunk beyond the message for each size.
func TestChunkGolden(t *testing.T) {
	for _, tt := range []struct {
		size int
		want string
	}{
		{hdrMessageSize, golden96},
		{ct2MessageSize, golden160},
		{ct1Size, golden960},
		{vectorSize, golden1152},
	} {
		message := make([]byte, tt.size)
		for i := range message {
			message[i] = byte(i * i)
		}
		got := encoder{message: message}.chunk(uint16(tt.size / chunkSize))
		if hex.EncodeToString(got[:]) != tt.want {
			t.Errorf("size %d: got %x, want %s", tt.size, got, tt.want)
		}
	}
}

const (
	golden96   = "00c1844910d9a4714011e4b99069442100e1c4a9907964514031241910090401"
	golden160  = "004184c91059a4f14091e43990e944a10061c42990f964d140b1249910890481"
	golden960  = "00810489109924b140d164f99029c46100a144e99039e49140f1a45910c98441"
	golden1152 = "00010409101924314051647990a9c4e10021446990b9e4114071a4d9104984c1"
)
