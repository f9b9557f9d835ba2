package identity

import (
	"bytes"
	"strings"
)

// Bech32m, as BIP 350 describes it, without its limit of 90 characters: the caller sets one. Up to 90 characters the
// checksum finds every 4 wrong characters, and up to 1023 every 3; others pass with chance 2^-30.

const (
	textAlphabet  = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	textConstant  = 0x2bc830a3
	textSeparator = '1'
	textChecksum  = 6 // characters
	maxTextPrefix = 83
)

// polymod takes the checksum on by one value of 5 bits.
func polymod(sum uint32, value byte) uint32 {
	top := sum >> 25
	sum = sum&0x1ffffff<<5 ^ uint32(value)
	for i, g := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 == 1 {
			sum ^= g
		}
	}
	return sum
}

// polymodPrefix returns the checksum after the prefix, which is lower case.
func polymodPrefix(prefix string) uint32 {
	sum := uint32(1)
	for i := range len(prefix) {
		sum = polymod(sum, prefix[i]>>5)
	}
	sum = polymod(sum, 0)
	for i := range len(prefix) {
		sum = polymod(sum, prefix[i]&31)
	}
	return sum
}

// encodeText returns prefix, separator, data in groups of 5 bits, and checksum, all lower case.
func encodeText(prefix string, data []byte) string {
	values := regroup(nil, data, 8, 5)
	sum := polymodPrefix(prefix)
	for _, v := range values {
		sum = polymod(sum, v)
	}
	for range textChecksum {
		sum = polymod(sum, 0)
	}
	sum ^= textConstant
	var text strings.Builder
	text.Grow(len(prefix) + 1 + len(values) + textChecksum)
	text.WriteString(prefix)
	text.WriteByte(textSeparator)
	for _, v := range values {
		text.WriteByte(textAlphabet[v])
	}
	for i := range textChecksum {
		text.WriteByte(textAlphabet[sum>>(5*(textChecksum-1-i))&31])
	}
	return text.String()
}

// decodeText reads what encodeText wrote, all in lower or all in upper case, of at most limit characters. The error is
// ErrText, or ErrChecksum.
func decodeText(text string, limit int) (prefix string, data []byte, err error) {
	prefix, values, err := decodeValues(text, limit)
	if err != nil {
		return "", nil, err
	}
	data = regroup(nil, values, 5, 8)
	if spare := len(values) * 5 % 8; spare > 4 || len(values) > 0 && values[len(values)-1]&(1<<spare-1) != 0 {
		return "", nil, ErrText
	}
	return prefix, data, nil
}

// decodeValues is decodeText before the groups of 5 bits are put together.
func decodeValues(text string, limit int) (prefix string, values []byte, err error) {
	if len(text) > limit {
		return "", nil, ErrText
	}
	for i := range len(text) {
		if text[i] < 33 || text[i] > 126 {
			return "", nil, ErrText
		}
	}
	lower := strings.ToLower(text)
	if text != lower && text != strings.ToUpper(text) {
		return "", nil, ErrText
	}
	at := strings.LastIndexByte(lower, textSeparator)
	if at < 1 || at > maxTextPrefix || len(lower)-at-1 < textChecksum {
		return "", nil, ErrText
	}
	prefix = lower[:at]
	sum := polymodPrefix(prefix)
	for _, c := range []byte(lower[at+1:]) {
		v := strings.IndexByte(textAlphabet, c)
		if v < 0 {
			return "", nil, ErrText
		}
		values = append(values, byte(v))
		sum = polymod(sum, byte(v))
	}
	if sum != textConstant {
		return "", nil, ErrChecksum
	}
	return prefix, bytes.Clone(values[:len(values)-textChecksum]), nil
}

// regroup appends the bits of groups of from bits as groups of to bits. From 8 to 5 the last group is filled with zeros;
// from 5 to 8 what does not fill a byte is left out.
func regroup(b, groups []byte, from, to int) []byte {
	var bits uint32
	var n int
	for _, g := range groups {
		bits = bits<<from | uint32(g)
		for n += from; n >= to; n -= to {
			b = append(b, byte(bits>>(n-to))&(1<<to-1))
		}
		bits &= 1<<n - 1
	}
	if from > to && n > 0 {
		b = append(b, byte(bits<<(to-n))&(1<<to-1))
	}
	return b
}
