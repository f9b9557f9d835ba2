package ratchet

import (
	"crypto/hmac"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/internal/kdf"
	"github.com/linnetmesh/linnet/crypto/internal/pb"
	"github.com/linnetmesh/linnet/crypto/spqr"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Version is the first byte of a SignalMessage and of the message that opens a session: the version of the message and
// that of the sender, both 4.
const Version = 0x44

// Sizes in bytes.
const (
	// MaxMessage is the largest SignalMessage that is read or written.
	MaxMessage = 64 << 10
	// MaxPlaintext is the largest plaintext that fits.
	MaxPlaintext = MaxMessage - 256
	// AddressesSize is the size of Addresses.
	AddressesSize = 2 * (1 + 16 + 1)

	macSize   = 8
	blockSize = 16
)

// Addresses names sender and recipient of a message: for each of them its kind (1 byte), UUID (16) and device (1).
type Addresses [AddressesSize]byte

// CheckVersion returns an error unless the first byte of a message is Version.
func CheckVersion(b byte) error {
	switch {
	case b == Version:
		return nil
	case b>>4 == 3:
		return fmt.Errorf("%w: X3DH, without a post-quantum key", ErrLegacy)
	case b>>4 < 3:
		return ErrLegacy
	default:
		return fmt.Errorf("%w: %#x", ErrVersion, b)
	}
}

// Message is a SignalMessage as it travels. It aliases the bytes that it was parsed from.
type Message struct {
	ratchetKey xeddsa.PublicKey
	counter    uint32
	previous   uint32
	ciphertext []byte
	pq         []byte
	addresses  *Addresses // nil if it names none

	body, mac []byte // of a message that was parsed: what the MAC is of, and the MAC
}

// appendTo appends version ‖ pb, without the MAC.
func (m *Message) appendTo(b []byte) []byte {
	b = append(b, Version)
	b = m.ratchetKey.AppendTo(pb.AppendHeader(b, 1, xeddsa.PublicKeySize))
	b = pb.AppendUint(b, 2, uint64(m.counter))
	b = pb.AppendUint(b, 3, uint64(m.previous))
	b = pb.AppendBytes(b, 4, m.ciphertext)
	b = pb.AppendBytes(b, 5, m.pq)
	if m.addresses != nil {
		b = pb.AppendBytes(b, 6, m.addresses[:])
	}
	return b
}

// ParseMessage reads a SignalMessage of at most MaxMessage bytes.
func ParseMessage(b []byte) (*Message, error) {
	if len(b) == 0 || len(b) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes", ErrMessage, len(b))
	}
	if err := CheckVersion(b[0]); err != nil {
		return nil, err
	}
	if len(b) < 1+macSize {
		return nil, ErrMessage
	}
	m := &Message{body: b[:len(b)-macSize], mac: b[len(b)-macSize:]}
	r := pb.NewReader(m.body[1:], pb.Skip)
	key := r.Bytes(1, xeddsa.PublicKeySize, xeddsa.PublicKeySize)
	m.counter = r.Uint32(2)
	m.previous = r.Uint32(3)
	m.ciphertext = r.Bytes(4, blockSize, MaxMessage)
	m.pq = r.Bytes(5, 1, spqr.MaxMessage)
	if r.Has(6) {
		m.addresses = new(Addresses)
		r.Fixed(6, m.addresses[:])
	}
	if r.Done() != nil || len(m.ciphertext)%blockSize != 0 || m.counter > maxCounter {
		return nil, ErrMessage
	}
	var err error
	if m.ratchetKey, err = xeddsa.ParsePublicKey(key); err != nil {
		return nil, ErrMessage
	}
	return m, nil
}

// messageMAC is the MAC of a message: of who sends it to whom, and of its bytes as they travel.
func messageMAC(key *[32]byte, sender, recipient xeddsa.PublicKey, body []byte) [macSize]byte {
	var keys [2 * xeddsa.PublicKeySize]byte
	mac := kdf.HMAC(key[:], recipient.AppendTo(sender.AppendTo(keys[:0])), body)
	return [macSize]byte(mac[:])
}

func checkMAC(key *[32]byte, sender, recipient xeddsa.PublicKey, body, mac []byte) bool {
	want := messageMAC(key, sender, recipient, body)
	return hmac.Equal(want[:], mac)
}
