// Package canon writes and reads the CBOR of Linnet: one encoding per value, and room to grow.
//
// A body is a Go struct whose fields carry integer keys. What travels is the deterministic encoding of RFC 8949,
// section 4.2.1, of these items and no others, nested at most MaxDepth deep:
//
//	integers           0 .. 2^64-1 and -2^63 .. -1, in the fewest bytes
//	byte strings       definite length
//	text strings       definite length, valid UTF-8
//	arrays             definite length
//	maps               definite length, keys are integers in -2^63 .. 2^63-1, ascending by their bytes, none twice
//	false, true
//
// There is no null (what is absent is left out), no float, no tag. What does not have this form is refused, so an
// accepted body is written again with the same bytes.
//
// Bodies grow by keys. A key that the reader does not know is ignored and kept if it is 0 or more: it stays in the
// Unknown of its struct and is written again. A negative one means "must understand": the reader refuses it with
// ErrNewer, and so knows that it needs a newer Linnet.
//
// Where nobody may add anything, as in a map that no signature covers, a struct has a Closed in the place of its Unknown.
// Any key that it does not know is ErrMalformed then, negative or not.
//
// Whoever carries what it cannot read, and must know whose it is and which of two is newer, reads these keys alone, into
// a struct with a Rest in that place: all other keys are passed over, negative ones too. It is only read, never written.
//
// Every length has a limit that is checked before memory is taken: of the whole by an argument, of each part by a
// struct tag.
//
//	type Book struct {
//		Title   string        `cbor:"1,keyasint" max:"80"`              // bytes of text
//		ISBN    [13]byte      `cbor:"2,keyasint"`                       // exactly 13 bytes
//		Pages   uint16        `cbor:"3,keyasint,omitempty"`             // left out if zero, and never zero on the wire
//		Authors []string      `cbor:"4,keyasint" max:"10" each:"40"`    // at most 10, of at most 40 bytes
//		Unknown canon.Unknown `cbor:"-"`                                // every struct has it, a Closed or a Rest
//	}
//
// Fields may be unsigned and signed integers, bool, string, []byte, [n]byte, Raw, structs of this kind, pointers to
// such structs and to integers (omitempty; nil if absent), and slices of all these but pointers. Any other type, and a
// missing limit, is a mistake in the program: it panics when the type is first used.
//
// The tests hold it to fxamacker/cbor: that writes what this writes, and reads what this accepts.
package canon

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// MaxDepth is how deep arrays and maps may be nested; the outermost counts.
const MaxDepth = 8

var (
	// ErrMalformed says that bytes are not the one encoding of a body that was expected, or that a value cannot be
	// written as one.
	ErrMalformed = errors.New("canon: malformed")
	// ErrSize says that a body, or a part of it, is larger than its limit.
	ErrSize = errors.New("canon: too large")
	// ErrNewer says that a body holds something that must be understood and is not.
	ErrNewer = errors.New("canon: needs a newer Linnet")
)

// Unknown holds the pairs of a map that its reader did not know, one after the other as they travelled. The zero value
// holds none. It is immutable, and two are the same if they are ==.
type Unknown string

// Closed stands in a struct in the place of Unknown, if its map has no other keys than those of its fields.
type Closed struct{}

// Rest stands in a struct in the place of Unknown, if it reads a few keys of a map and nothing of what the map means: it
// keeps none of the others, and takes no offence at any. To Marshal such a struct is a mistake in the program.
type Rest struct{}

// Raw is one CBOR item as it travelled, for what is hashed, signed or read later. Its form is checked, its meaning is
// not.
type Raw []byte

// spaces are where bodies are put together. Most fit in, and so take memory once, and no more than they need.
var spaces = sync.Pool{New: func() any { return new([spaceSize]byte) }}

const spaceSize = 1 << 10

// Marshal returns the encoding of a struct, or of a pointer to one. It refuses what Unmarshal would refuse: ErrSize
// for a part over its limit, ErrMalformed for text that is not UTF-8, a Raw that is no item and an Unknown that is not
// what Unmarshal left there. It panics for a struct with a Rest. What it writes, Unmarshal reads, given room. It may be called by several goroutines at once.
func Marshal(v any) ([]byte, error) {
	value := reflect.ValueOf(v)
	if value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if value.Kind() != reflect.Struct {
		panic(fmt.Sprintf("canon: %T is no struct", v))
	}
	space := spaces.Get().(*[spaceSize]byte)
	defer func() {
		clear(space[:]) // it may have been secret
		spaces.Put(space)
	}()
	b, err := shapeOf(value.Type()).appendTo(space[:0], value)
	if err == nil {
		err = Check(b)
	}
	if err != nil {
		return nil, err
	}
	return bytes.Clone(b), nil
}

// Unmarshal reads a body of at most limit bytes into the struct that v points to. It keeps nothing of b. The error is
// ErrSize, ErrNewer or ErrMalformed, and then *v is untouched. It may be called by several goroutines at once.
func Unmarshal(b []byte, limit int, v any) error {
	value := reflect.ValueOf(v)
	if value.Kind() != reflect.Pointer || value.IsNil() || value.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("canon: %T is no pointer to a struct", v))
	}
	if len(b) > limit {
		return ErrSize
	}
	if err := Check(b); err != nil {
		return err
	}
	fresh := reflect.New(value.Type().Elem()).Elem()
	if err := shapeOf(fresh.Type()).parse(b, fresh); err != nil {
		return err
	}
	value.Elem().Set(fresh)
	return nil
}
