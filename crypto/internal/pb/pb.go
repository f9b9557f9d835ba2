// Package pb reads and writes the protobuf wire format, as strictly as it can be read.
//
// The Signal Protocol's messages and this module's own stored states are protobuf on the wire. They are small and
// fixed, so they are read by hand, field by field, in the order in which every writer emits them. What the
// general format would allow and no writer does, is refused: fields out of order or twice, varints longer than
// needed, groups, numbers that do not fit their field, lengths beyond the input. So one message has one encoding.
//
// A Reader allocates nothing; what it returns aliases its input.
//
// Source: Protocol Buffers, "Encoding".
package pb

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrMalformed says that the input is not the strict protobuf that was expected.
var ErrMalformed = errors.New("pb: malformed")

// The wire types of protobuf. Groups (3 and 4) are refused.
const (
	typeVarint  = 0
	typeFixed64 = 1
	typeBytes   = 2
	typeFixed32 = 5
)

// maxField is the highest field number that protobuf allows.
const maxField = 1<<29 - 1

// Unknown says what a Reader does with fields that its caller does not ask for.
type Unknown bool

const (
	// Skip passes over unknown fields: for messages of a protocol that others may extend.
	Skip Unknown = false
	// Refuse makes them an error: for formats of our own, whose version changes when a field comes.
	Refuse Unknown = true
)

// Reader reads one protobuf message. Its methods must be called with ascending field numbers. The first error
// sticks: later calls return zero values, and Done returns it. A Reader must not be used by two goroutines at once.
type Reader struct {
	rest    []byte
	unknown Unknown
	bad     bool

	last  uint32 // number of the field that was used last
	seen  uint32 // number of the field that was read last
	field uint32 // the same while it waits, 0 if it was used or passed over
	typ   byte   // its wire type
	num   uint64 // its value, of a varint
	bytes []byte // its value, of bytes
}

// NewReader returns a Reader of the message b.
func NewReader(b []byte, unknown Unknown) *Reader {
	return &Reader{rest: b, unknown: unknown}
}

// Has tells whether field n comes next, passing over unknown fields before it.
func (r *Reader) Has(n uint32) bool {
	for !r.bad {
		if r.field == 0 && !r.next() {
			return false
		}
		switch {
		case r.field == n:
			return true
		case r.field == r.last: // twice, and nobody asks for it again
			r.bad = true
		case r.field > n:
			return false
		case r.unknown == Refuse:
			r.bad = true
		default:
			r.field = 0 // another of the same number may follow
		}
	}
	return false
}

// next reads the field that follows and tells whether there was one.
func (r *Reader) next() bool {
	if len(r.rest) == 0 {
		return false
	}
	tag := r.varint()
	n := tag >> 3
	if r.bad || n == 0 || n > maxField || n < uint64(r.seen) {
		r.bad = true
		return false
	}
	r.field, r.seen, r.typ = uint32(n), uint32(n), byte(tag&7)
	switch r.typ {
	case typeVarint:
		r.num = r.varint()
	case typeFixed64:
		r.take(8)
	case typeBytes:
		r.bytes = r.take(r.varint())
	case typeFixed32:
		r.take(4)
	default:
		r.bad = true
	}
	return !r.bad
}

// use forgets the field that waits.
func (r *Reader) use() { r.last, r.field = r.field, 0 }

func (r *Reader) varint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 1 && r.rest[n-1] == 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *Reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// Uint64 returns the varint field n, which must be there.
func (r *Reader) Uint64(n uint32) uint64 {
	if !r.Has(n) || r.typ != typeVarint {
		r.bad = true
		return 0
	}
	v := r.num
	r.use()
	return v
}

// Uint32 returns the varint field n, which must be there and below 2^32.
func (r *Reader) Uint32(n uint32) uint32 {
	v := r.Uint64(n)
	if v > math.MaxUint32 {
		r.bad = true
		return 0
	}
	return uint32(v)
}

// Bool returns the varint field n, which must be there and 0 or 1.
func (r *Reader) Bool(n uint32) bool {
	v := r.Uint64(n)
	if v > 1 {
		r.bad = true
	}
	return v == 1
}

// Bytes returns the bytes field n, which must be there and from least to most bytes long. The result aliases the input.
func (r *Reader) Bytes(n uint32, least, most int) []byte {
	if !r.Has(n) || r.typ != typeBytes || len(r.bytes) < least || len(r.bytes) > most {
		r.bad = true
		return nil
	}
	b := r.bytes
	r.use()
	return b
}

// Fixed copies the bytes field n, which must be there and exactly as long as dst, into dst.
func (r *Reader) Fixed(n uint32, dst []byte) {
	copy(dst, r.Bytes(n, len(dst), len(dst)))
}

// Fail makes the message malformed: for what the caller finds wrong in a field.
func (r *Reader) Fail() { r.bad = true }

// Failed tells whether an error was met, so that a caller who reads a repeated field can stop.
func (r *Reader) Failed() bool { return r.bad }

// Done returns ErrMalformed if any field was missing, twice, out of order or not as asked, or if the input goes on.
func (r *Reader) Done() error {
	r.Has(maxField + 1) // passes over unknown fields, or refuses them
	if r.bad {
		return ErrMalformed
	}
	return nil
}

// AppendUint appends field n with the varint v.
func AppendUint(b []byte, n uint32, v uint64) []byte {
	b = binary.AppendUvarint(b, uint64(n)<<3|typeVarint)
	return binary.AppendUvarint(b, v)
}

// AppendBool appends field n with 0 or 1.
func AppendBool(b []byte, n uint32, v bool) []byte {
	if v {
		return AppendUint(b, n, 1)
	}
	return AppendUint(b, n, 0)
}

// AppendBytes appends field n with the bytes v.
func AppendBytes(b []byte, n uint32, v []byte) []byte {
	return append(AppendHeader(b, n, len(v)), v...)
}

// AppendHeader appends the start of bytes field n of size bytes, which the caller appends.
func AppendHeader(b []byte, n uint32, size int) []byte {
	b = binary.AppendUvarint(b, uint64(n)<<3|typeBytes)
	return binary.AppendUvarint(b, uint64(size))
}

// AppendMessage appends field n with the message that body appends. The message is made in place, so that nothing of it
// stays elsewhere in memory.
func AppendMessage(b []byte, n uint32, body func([]byte) []byte) []byte {
	start := len(b)
	b = body(b)
	size := len(b) - start
	var buf [2 * binary.MaxVarintLen64]byte
	header := AppendHeader(buf[:0], n, size)
	b = append(b, header...)
	copy(b[start+len(header):], b[start:start+size])
	copy(b[start:], header)
	return b
}
