package identity

import "fmt"

// TransportKey is what a node is known by on the network: the public half of an Ed25519 key, which p2p knows as the key
// of a peer. Devices make a new one at each start; relays, mixers and other public nodes keep theirs. It may be
// compared with ==. The zero value is nobody.
type TransportKey [KeySize]byte

// transportText is how the text form of a TransportKey begins: 72 characters, "linnetnode1" and
// bech32m( version (1) ‖ algorithm (1) ‖ key (32) ).
const transportText = "linnetnode"

// ParseTransportKey reads a transport key of KeySize bytes. The error is ErrKey, also for keys that are not canonical
// or not of prime order.
func ParseTransportKey(b []byte) (TransportKey, error) { return parsePoint(b) }

// IsZero tells whether t is nobody.
func (t TransportKey) IsZero() bool { return t == TransportKey{} }

// AppendTo appends the KeySize bytes of the key.
func (t TransportKey) AppendTo(b []byte) []byte { return append(b, t[:]...) }

// String returns the text form, with a checksum, for configurations and screens.
func (t TransportKey) String() string { return encodeText(transportText, textKeys(t)) }

// MarshalText returns the text form.
func (t TransportKey) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the text form. The errors are those of ParseAddress.
func (t *TransportKey) UnmarshalText(text []byte) error {
	keys, err := parseTextKeys(transportText, string(text), 1)
	if err == nil {
		*t = keys[0]
	}
	return err
}

// Verify returns nil if sig is the signature of the labelled parts by this node, and otherwise ErrSignature.
func (t TransportKey) Verify(l Label, sig []byte, parts ...[]byte) error {
	return verify((*[KeySize]byte)(&t), sig, l, parts...)
}

// TransportPrivateKey is the private half of a transport key. It is a small handle that may be copied and used by
// several goroutines at once. The zero value refuses to work.
type TransportPrivateKey struct {
	_ [0]func() // no ==
	s *signer
}

// GenerateTransportKey returns a fresh key.
func GenerateTransportKey() TransportPrivateKey { return TransportPrivateKey{s: newSigner(NewSeed())} }

// ParseTransportPrivateKey reads the KeySize bytes of an Ed25519 seed.
func ParseTransportPrivateKey(b []byte) (TransportPrivateKey, error) {
	s, err := parseSigner(b)
	return TransportPrivateKey{s: s}, err
}

// IsZero tells whether k was never set.
func (k TransportPrivateKey) IsZero() bool { return k.s == nil }

// Format prints what this is, and nothing of the secret, whatever the verb.
func (TransportPrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "identity.TransportPrivateKey") }

// AppendTo appends the KeySize secret bytes of the key: an Ed25519 seed (RFC 8032), from which the host of p2p makes
// its own form. A zero key appends nothing.
func (k TransportPrivateKey) AppendTo(b []byte) []byte { return k.s.appendTo(b) }

// Equal tells in constant time whether both are the same key. Zero keys equal nothing.
func (k TransportPrivateKey) Equal(other TransportPrivateKey) bool { return k.s.equal(other.s) }

// Public returns the public half, which is zero for a zero key.
func (k TransportPrivateKey) Public() TransportKey { return k.s.public() }

// Sign returns the Ed25519 signature of the labelled parts, or ErrKey: what relays and mixers publish, and custody
// receipts.
func (k TransportPrivateKey) Sign(l Label, parts ...[]byte) ([SignatureSize]byte, error) {
	return k.s.sign(l, parts...)
}
