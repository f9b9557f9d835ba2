package sframe

import "math/bits"

// Header is what a sealed frame says in the clear (RFC 9605, section 4.3).
type Header struct {
	KID uint64 // names the key
	CTR uint64 // counts the frames sealed under it
}

// AppendTo appends the header, 1 to MaxHeader bytes, to b.
func (h Header) AppendTo(b []byte) []byte {
	config := len(b)
	b = append(b, 0)
	b, k := appendField(b, h.KID)
	b, c := appendField(b, h.CTR)
	b[config] = k<<4 | c
	return b
}

// ParseHeader reads the header at the start of b and returns it with its size in bytes.
//
// Each value has one form: what is under 8 stands in the config byte, all else takes the fewest bytes that hold it.
// Section 4.3 asks this of whoever writes ("MUST be encoded with the minimum number of bytes") and does not say what
// a reader does with anything else. ParseHeader refuses it, as it refuses what is cut short, with ErrHeader: so a frame
// cannot be sent in two disguises, and no forwarder can mark frames by the form of their numbers.
func ParseHeader(b []byte) (Header, int, error) {
	if len(b) == 0 {
		return Header{}, 0, ErrHeader
	}
	kid, n, ok := parseField(b[0]>>4, b[1:])
	if !ok {
		return Header{}, 0, ErrHeader
	}
	ctr, m, ok := parseField(b[0]&0x0f, b[1+n:])
	if !ok {
		return Header{}, 0, ErrHeader
	}
	return Header{KID: kid, CTR: ctr}, 1 + n + m, nil
}

// extended is the flag (X or Y) of a field that stands behind the config byte.
const extended = 0x08

// appendField appends v to b, unless it fits into the config byte, and returns its half of that.
func appendField(b []byte, v uint64) ([]byte, byte) {
	if v < extended {
		return b, byte(v)
	}
	n := (bits.Len64(v) + 7) / 8
	for shift := 8 * (n - 1); shift >= 0; shift -= 8 {
		b = append(b, byte(v>>shift))
	}
	return b, extended | byte(n-1)
}

// parseField reads the field announced by its half of the config byte, and returns it with its size in b.
func parseField(half byte, b []byte) (uint64, int, bool) {
	if half&extended == 0 {
		return uint64(half), 0, true
	}
	n := int(half&^extended) + 1
	if len(b) < n {
		return 0, 0, false
	}
	var v uint64
	for _, c := range b[:n] {
		v = v<<8 | uint64(c)
	}
	return v, n, b[0] != 0 && v >= extended
}
