package p2ptest

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// An address is "/mem/" and a number, which is never given twice; as bytes:
//
//	0  1  'm'
//	1  …  number (uvarint, in the fewest bytes)
const (
	addrPrefix = "/mem/"
	addrTag    = 'm'
)

// Addr is a net.Addr.
type Addr string

// Network returns "mem".
func (Addr) Network() string { return "mem" }

// String returns the address as in Host.Addrs.
func (a Addr) String() string { return string(a) }

func formatAddr(number uint64) string { return addrPrefix + strconv.FormatUint(number, 10) }

func parseAddr(text string) (uint64, error) {
	digits, ok := strings.CutPrefix(text, addrPrefix)
	number, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || formatAddr(number) != text {
		return 0, fmt.Errorf("%w: %.40q", ErrAddress, text)
	}
	return number, nil
}

// EncodeAddr returns an address as records carry it, at most 11 bytes. The error is ErrAddress.
func (*Host) EncodeAddr(text string) ([]byte, error) {
	number, err := parseAddr(text)
	if err != nil {
		return nil, err
	}
	return binary.AppendUvarint([]byte{addrTag}, number), nil
}

// DecodeAddr returns the text of an address. The error is ErrAddress, also for numbers in more bytes than they need.
func (*Host) DecodeAddr(b []byte) (string, error) {
	if len(b) < 2 || len(b) > 1+binary.MaxVarintLen64 || b[0] != addrTag {
		return "", ErrAddress
	}
	number, size := binary.Uvarint(b[1:])
	if size != len(b)-1 || size > 1 && b[size] == 0 {
		return "", ErrAddress
	}
	return formatAddr(number), nil
}
