package session

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/internal/pb"
	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/ratchet"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Kind says what form a message has. Its values are the official library's ciphertext types.
type Kind byte

// The two kinds of messages.
const (
	KindSignal Kind = 2 // a SignalMessage, in a session that the other side has answered in
	KindPreKey Kind = 3 // a PreKeySignalMessage, which also opens the session
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case KindSignal:
		return "SignalMessage"
	case KindPreKey:
		return "PreKeySignalMessage"
	default:
		return "Kind?"
	}
}

// MaxMessage is the largest message of either kind in bytes.
const MaxMessage = ratchet.MaxMessage + maxOpening

// MaxPlaintext is the largest plaintext of a message in bytes.
const MaxPlaintext = ratchet.MaxPlaintext

// maxOpening is what a PreKeySignalMessage has above the SignalMessage in it: most of it the KEM ciphertext.
const maxOpening = 2 << 10

// PreKeyMessage is a PreKeySignalMessage: what a sleeper needs to open the session, around a SignalMessage. It
// aliases the bytes that it was parsed from.
type PreKeyMessage struct {
	RegistrationID uint32 // the sender's; the only part that nothing authenticates
	HasPreKey      bool   // whether a one-time prekey was used
	PreKeyID       uint32 // which
	SignedPreKeyID uint32
	KEMPreKeyID    uint32
	BaseKey        xeddsa.PublicKey // of the handshake; names the session
	Identity       xeddsa.PublicKey // the sender's

	kemCiphertext []byte
	message       *ratchet.Message
}

// opening is the part of a PreKeySignalMessage that is the same in all of a session.
type opening struct {
	registrationID uint32
	hasPreKey      bool
	preKeyID       uint32
	signedPreKeyID uint32
	kemPreKeyID    uint32
	kemCiphertext  []byte
}

// appendPreKeyMessage appends a PreKeySignalMessage around a SignalMessage.
func appendPreKeyMessage(b []byte, o *opening, baseKey, identity xeddsa.PublicKey, message []byte) []byte {
	b = append(b, ratchet.Version)
	if o.hasPreKey {
		b = pb.AppendUint(b, 1, uint64(o.preKeyID))
	}
	b = baseKey.AppendTo(pb.AppendHeader(b, 2, xeddsa.PublicKeySize))
	b = identity.AppendTo(pb.AppendHeader(b, 3, xeddsa.PublicKeySize))
	b = pb.AppendBytes(b, 4, message)
	b = pb.AppendUint(b, 5, uint64(o.registrationID))
	b = pb.AppendUint(b, 6, uint64(o.signedPreKeyID))
	b = pb.AppendUint(b, 7, uint64(o.kemPreKeyID))
	return pb.AppendBytes(b, 8, o.kemCiphertext)
}

// ParsePreKeyMessage reads a PreKeySignalMessage of at most MaxMessage bytes, and the form of the SignalMessage in it.
func ParsePreKeyMessage(b []byte) (*PreKeyMessage, error) {
	if len(b) == 0 || len(b) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes", ErrMessage, len(b))
	}
	if err := ratchet.CheckVersion(b[0]); err != nil {
		return nil, err
	}
	var m PreKeyMessage
	r := pb.NewReader(b[1:], pb.Skip)
	if m.HasPreKey = r.Has(1); m.HasPreKey {
		m.PreKeyID = r.Uint32(1)
	}
	baseKey := r.Bytes(2, xeddsa.PublicKeySize, xeddsa.PublicKeySize)
	identity := r.Bytes(3, xeddsa.PublicKeySize, xeddsa.PublicKeySize)
	message := r.Bytes(4, 1, ratchet.MaxMessage)
	if r.Has(5) {
		m.RegistrationID = r.Uint32(5)
	}
	m.SignedPreKeyID = r.Uint32(6)
	m.KEMPreKeyID = r.Uint32(7)
	m.kemCiphertext = r.Bytes(8, kyber.CiphertextSize, kyber.CiphertextSize)
	if r.Done() != nil || kyber.CheckCiphertext(m.kemCiphertext) != nil {
		return nil, ErrMessage
	}
	var err error
	if m.BaseKey, err = xeddsa.ParsePublicKey(baseKey); err != nil {
		return nil, ErrMessage
	}
	if m.Identity, err = xeddsa.ParsePublicKey(identity); err != nil {
		return nil, ErrMessage
	}
	if m.message, err = ratchet.ParseMessage(message); err != nil {
		return nil, err
	}
	return &m, nil
}

// handshake returns the hash of everything that the handshake depends on. All messages of a session have the same.
func (m *PreKeyMessage) handshake() [sha256.Size]byte {
	h := sha256.New()
	var ids [1 + 3*4]byte
	if m.HasPreKey {
		ids[0] = 1
		binary.BigEndian.PutUint32(ids[1:], m.PreKeyID)
	}
	binary.BigEndian.PutUint32(ids[5:], m.SignedPreKeyID)
	binary.BigEndian.PutUint32(ids[9:], m.KEMPreKeyID)
	h.Write(ids[:])
	h.Write(m.BaseKey.Bytes())
	h.Write(m.Identity.Bytes())
	h.Write(m.kemCiphertext)
	return [sha256.Size]byte(h.Sum(nil))
}
