package mailbox

import (
	"bytes"
	"encoding/base32"
	"errors"
	"strings"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// ErrAddress says that a text is no relay's address, or one that was misspelt.
var ErrAddress = errors.New("mailbox: not a relay's address")

// A relay's address is a link: "linnet:relay/" and base32 (RFC 4648, lower case, no padding) of
//
//	version (1) = 1 ‖ CBOR {1: transport key, 2: network addresses} ‖ the first 4 bytes of its labelled SHA-256
//
// All upper case it means the same, which makes QR codes smaller.
const (
	addressScheme   = "linnet:relay/"
	addressVersion  = 1
	addressCheck    = 4
	maxAddressBytes = 640
)

// Bounds of an Address.
const (
	// MaxAddrs is how many network addresses an Address has at most.
	MaxAddrs = 6
	// MaxAddr is the size of the longest.
	MaxAddr = 64
)

var addressText = base32.StdEncoding.WithPadding(base32.NoPadding)

// NodeKey names a node, as identity.TransportKey does, for who knows this package alone.
type NodeKey = identity.TransportKey

// Address is what a volunteer gives to others so that they use a relay: its key, and where it is.
type Address struct {
	Key   identity.TransportKey
	Addrs [][]byte // multiaddrs in binary form; those that are too long, or too many, are left out of the text
}

type addressBody struct {
	Key     identity.TransportKey `cbor:"1,keyasint"`
	Addrs   [][]byte              `cbor:"2,keyasint" max:"6" each:"64"`
	Unknown identity.Unknown      `cbor:"-"`
}

// String returns the link.
func (a Address) String() string {
	body := addressBody{Key: a.Key, Addrs: [][]byte{}}
	for _, addr := range a.Addrs {
		if len(addr) > 0 && len(addr) <= MaxAddr && len(body.Addrs) < MaxAddrs {
			body.Addrs = append(body.Addrs, addr)
		}
	}
	b, err := identity.Marshal(&body)
	if err != nil {
		return ""
	}
	b = append([]byte{addressVersion}, b...)
	sum := identity.LabelRelayAddress.Hash(b)
	return addressScheme + strings.ToLower(addressText.EncodeToString(append(b, sum[:addressCheck]...)))
}

// ParseAddress reads a relay's address. White space around and within is forgiven. The error is ErrAddress, or
// identity.ErrNewer for one that a later version wrote.
func ParseAddress(text string) (Address, error) {
	if len(text) > 4*maxAddressBytes {
		return Address{}, ErrAddress
	}
	rest, ok := strings.CutPrefix(strings.ToLower(strings.Join(strings.Fields(text), "")), addressScheme)
	if !ok {
		return Address{}, ErrAddress
	}
	b, err := addressText.DecodeString(strings.ToUpper(rest))
	if err != nil || len(b) < 1+addressCheck || len(b) > maxAddressBytes || !strings.EqualFold(addressText.EncodeToString(b), rest) {
		return Address{}, ErrAddress
	}
	b, sum := b[:len(b)-addressCheck], b[len(b)-addressCheck:]
	if want := identity.LabelRelayAddress.Hash(b); !bytes.Equal(want[:addressCheck], sum) {
		return Address{}, ErrAddress
	}
	if b[0] != addressVersion {
		return Address{}, identity.ErrNewer
	}
	var body addressBody
	if err := identity.Unmarshal(b[1:], maxAddressBytes, &body); err != nil {
		if errors.Is(err, identity.ErrNewer) {
			return Address{}, err
		}
		return Address{}, ErrAddress
	}
	key, err := identity.ParseTransportKey(body.Key[:])
	if err != nil {
		return Address{}, ErrAddress
	}
	return Address{key, body.Addrs}, nil
}
