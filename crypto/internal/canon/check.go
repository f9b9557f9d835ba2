package canon

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// The major types of CBOR (RFC 8949, section 3.1).
const (
	majorUint  = 0
	majorNeg   = 1
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
	majorOther = 7
)

// The simple values that a body may hold.
const (
	valueFalse = 20
	valueTrue  = 21
)

// Check returns ErrMalformed unless b is one item in the form that the package comment describes. It takes time linear
// in the length of b, and no memory.
func Check(b []byte) error {
	rest, err := skip(b, 0)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return ErrMalformed
	}
	return nil
}

// head reads the first bytes of an item: its major type, its argument, and what follows. The argument must be in the
// fewest bytes.
func head(b []byte) (major byte, arg uint64, rest []byte, err error) {
	if len(b) == 0 {
		return 0, 0, nil, ErrMalformed
	}
	major, short := b[0]>>5, b[0]&31
	b = b[1:]
	if short < 24 {
		return major, uint64(short), b, nil
	}
	n := 1 << (short - 24) // 1, 2, 4 or 8 bytes; 28 to 31 are not for us
	if short > 27 || len(b) < n || major == majorOther {
		return 0, 0, nil, ErrMalformed
	}
	var wide [8]byte
	copy(wide[8-n:], b[:n])
	arg = binary.BigEndian.Uint64(wide[:])
	if n == 1 && arg < 24 || n > 1 && arg>>(4*n) == 0 {
		return 0, 0, nil, ErrMalformed
	}
	return major, arg, b[n:], nil
}

// skip passes over one item that lies in depth containers, and holds it to the form.
func skip(b []byte, depth int) (rest []byte, err error) {
	major, arg, rest, err := head(b)
	if err != nil {
		return nil, err
	}
	switch major {
	case majorUint:
		return rest, nil
	case majorNeg:
		if arg > math.MaxInt64 {
			return nil, ErrMalformed
		}
		return rest, nil
	case majorBytes, majorText:
		if arg > uint64(len(rest)) || major == majorText && !utf8.Valid(rest[:arg]) {
			return nil, ErrMalformed
		}
		return rest[arg:], nil
	case majorArray, majorMap:
		if depth == MaxDepth || arg > uint64(len(rest)) { // every item takes a byte
			return nil, ErrMalformed
		}
		if major == majorMap {
			return skipPairs(rest, arg, depth+1)
		}
		for range arg {
			if rest, err = skip(rest, depth+1); err != nil {
				return nil, err
			}
		}
		return rest, nil
	case majorOther:
		if arg == valueFalse || arg == valueTrue {
			return rest, nil
		}
	}
	return nil, ErrMalformed
}

// skipPairs passes over the n pairs of a map.
func skipPairs(b []byte, n uint64, depth int) (rest []byte, err error) {
	var last []byte
	for range n {
		_, rest, err := readKey(b)
		if err != nil {
			return nil, err
		}
		key := b[:len(b)-len(rest)]
		if last != nil && bytes.Compare(last, key) >= 0 {
			return nil, ErrMalformed
		}
		last = key
		if b, err = skip(rest, depth); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// readKey reads the key of a pair.
func readKey(b []byte) (key int64, rest []byte, err error) {
	major, arg, rest, err := head(b)
	if err != nil || major > majorNeg || arg > math.MaxInt64 {
		return 0, nil, ErrMalformed
	}
	if major == majorNeg {
		return -1 - int64(arg), rest, nil
	}
	return int64(arg), rest, nil
}

// appendHead appends the first bytes of an item, the fewest.
func appendHead(b []byte, major byte, arg uint64) []byte {
	switch {
	case arg < 24:
		return append(b, major<<5|byte(arg))
	case arg <= math.MaxUint8:
		return append(b, major<<5|24, byte(arg))
	case arg <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major<<5|25), uint16(arg))
	case arg <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major<<5|26), uint32(arg))
	default:
		return binary.BigEndian.AppendUint64(append(b, major<<5|27), arg)
	}
}

// appendKey appends the key of a pair.
func appendKey(b []byte, key int64) []byte {
	if key < 0 {
		return appendHead(b, majorNeg, uint64(-1-key))
	}
	return appendHead(b, majorUint, uint64(key))
}
