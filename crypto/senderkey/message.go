package senderkey

import (
	"fmt"

	"github.com/linnetmesh/linnet/crypto/internal/pb"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// version is the first byte of both messages: the version of the message and that of the sender, both 3.
const version = 0x33

// Sizes in bytes.
const (
	// IDSize is the size of an ID.
	IDSize = 16
	// MaxMessage is the largest SenderKeyMessage that is read or written.
	MaxMessage = 64 << 10
	// MaxPlaintext is the largest plaintext that fits.
	MaxPlaintext = MaxMessage - 256
	// MaxDistribution is the largest SenderKeyDistributionMessage that is read. What is written takes at most 101.
	MaxDistribution = 256

	blockSize = 16
)

// ID names a distribution: one sender's messages to one group, until the group's members change.
type ID [IDSize]byte

// Message is a SenderKeyMessage as it travels. It aliases the bytes that it was parsed from.
type Message struct {
	ID        ID
	ChainID   uint32
	Iteration uint32

	ciphertext      []byte
	body, signature []byte
}

// appendTo appends version ‖ pb, without the signature.
func (m *Message) appendTo(b []byte) []byte {
	b = append(b, version)
	b = pb.AppendBytes(b, 1, m.ID[:])
	b = pb.AppendUint(b, 2, uint64(m.ChainID))
	b = pb.AppendUint(b, 3, uint64(m.Iteration))
	return pb.AppendBytes(b, 4, m.ciphertext)
}

// ParseMessage reads a SenderKeyMessage of at most MaxMessage bytes. Its fields are not to be trusted before Decrypt.
func ParseMessage(b []byte) (*Message, error) {
	if err := check(b, 1+xeddsa.SignatureSize, MaxMessage); err != nil {
		return nil, err
	}
	split := len(b) - xeddsa.SignatureSize
	m := &Message{body: b[:split], signature: b[split:]}
	r := pb.NewReader(m.body[1:], pb.Skip)
	r.Fixed(1, m.ID[:])
	m.ChainID = r.Uint32(2)
	m.Iteration = r.Uint32(3)
	m.ciphertext = r.Bytes(4, blockSize, MaxMessage)
	if r.Done() != nil || len(m.ciphertext)%blockSize != 0 || m.Iteration > maxIteration {
		return nil, ErrMessage
	}
	return m, nil
}

// Distribution is a SenderKeyDistributionMessage: what somebody needs to read a sender's messages from now on. It is
// secret, and neither encrypted nor signed by itself: it goes to each member through the session with its device.
type Distribution struct {
	id         ID
	chainID    uint32
	iteration  uint32
	chainKey   [32]byte
	signingKey xeddsa.PublicKey
}

// Format prints what this is, and nothing of its secrets, whatever the verb.
func (Distribution) Format(f fmt.State, _ rune) { fmt.Fprint(f, "senderkey.Distribution") }

// ID returns the distribution's name.
func (d *Distribution) ID() ID { return d.id }

// AppendTo appends the SenderKeyDistributionMessage.
func (d *Distribution) AppendTo(b []byte) []byte {
	b = append(b, version)
	b = pb.AppendBytes(b, 1, d.id[:])
	b = pb.AppendUint(b, 2, uint64(d.chainID))
	b = pb.AppendUint(b, 3, uint64(d.iteration))
	b = pb.AppendBytes(b, 4, d.chainKey[:])
	return d.signingKey.AppendTo(pb.AppendHeader(b, 5, xeddsa.PublicKeySize))
}

// ParseDistribution reads a SenderKeyDistributionMessage of at most MaxDistribution bytes.
func ParseDistribution(b []byte) (*Distribution, error) {
	if err := check(b, 1, MaxDistribution); err != nil {
		return nil, err
	}
	var d Distribution
	var err error
	r := pb.NewReader(b[1:], pb.Skip)
	r.Fixed(1, d.id[:])
	d.chainID = r.Uint32(2)
	d.iteration = r.Uint32(3)
	r.Fixed(4, d.chainKey[:])
	key := r.Bytes(5, xeddsa.PublicKeySize, xeddsa.PublicKeySize)
	if r.Done() != nil {
		return nil, ErrMessage
	}
	if d.signingKey, err = xeddsa.ParsePublicKey(key); err != nil {
		return nil, ErrMessage
	}
	return &d, nil
}

// check tells whether a message has a size between least and most, and the version.
func check(b []byte, least, most int) error {
	switch {
	case len(b) < least || len(b) > most:
		return fmt.Errorf("%w: %d bytes", ErrMessage, len(b))
	case b[0] == version:
		return nil
	case b[0]>>4 < version>>4:
		return ErrLegacy
	default:
		return fmt.Errorf("%w: %#x", ErrVersion, b[0])
	}
}
