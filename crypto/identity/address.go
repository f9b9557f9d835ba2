package identity

import "strings"

const (
	// AddressSize is the length of an address in characters.
	AddressSize = 119
	// MaxTextSize is the longest text in characters that is looked at: a newer Linnet may write longer addresses.
	MaxTextSize = 256

	addressText = "linnet" // how an address begins, before the separator
	textVersion = 1        // of all text forms
)

// Address is how people give themselves to others: who they are, and how to find them. It may be compared with ==. The
// zero value is nobody's.
type Address struct {
	Account   Account
	Discovery DiscoveryKey
}

// String returns the text form, AddressSize characters: "linnet1" and bech32m( version (1) ‖ algorithm (1) ‖ account
// (32) ‖ discovery key (32) ).
func (a Address) String() string { return encodeText(addressText, textKeys(a.Account, a.Discovery)) }

// Upper returns the text form in upper case, which makes QR codes smaller (BIP 173, "Uppercase/lowercase").
func (a Address) Upper() string { return strings.ToUpper(a.String()) }

// MarshalText returns the text form.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the text form.
func (a *Address) UnmarshalText(text []byte) error {
	parsed, err := ParseAddress(string(text))
	if err == nil {
		*a = parsed
	}
	return err
}

// ParseAddress reads an address, all in lower or all in upper case. The error is ErrText for what is no address,
// ErrChecksum for one that was misspelt, ErrNewer for a version or algorithm that is not known, and ErrKey if one of
// the keys is not canonical or not of prime order, or if both are the same.
func ParseAddress(text string) (Address, error) {
	keys, err := parseTextKeys(addressText, text, 2)
	if err != nil {
		return Address{}, err
	}
	if keys[0] == keys[1] { // who blinds the discovery key would blind, and show, the account key
		return Address{}, ErrKey
	}
	return Address{keys[0], keys[1]}, nil
}

// textKeys returns what a text form holds: version, algorithm, keys.
func textKeys(keys ...[KeySize]byte) []byte {
	b := []byte{textVersion, algorithmEd25519}
	for i := range keys {
		b = append(b, keys[i][:]...)
	}
	return b
}

// parseTextKeys reads a text form with this prefix and n keys, and checks the keys.
func parseTextKeys(prefix, text string, n int) ([][KeySize]byte, error) {
	got, data, err := decodeText(text, MaxTextSize)
	switch {
	case err != nil:
		return nil, err
	case got != prefix || len(data) < 2:
		return nil, ErrText
	case data[0] != textVersion || data[1] != algorithmEd25519:
		return nil, ErrNewer
	case len(data) != 2+n*KeySize:
		return nil, ErrText
	}
	keys := make([][KeySize]byte, n)
	for i := range keys {
		if keys[i], err = parsePoint(data[2+i*KeySize : 2+(i+1)*KeySize]); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
