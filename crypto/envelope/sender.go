package envelope

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/linnetmesh/linnet/crypto/internal/pb"
)

const (
	headerSize      = 1 + tagSize + nonceSize
	sessionOverhead = headerSize + gcmSize

	// EpochTime is the least time between two epochs of a sender.
	EpochTime = 24 * time.Hour
	// MaxUnacknowledged is how many epochs a sender goes on without an acknowledgement, and how many epochs old an
	// unacknowledged envelope may get before it is sealed anew.
	MaxUnacknowledged = 40
)

// Sender seals what this device sends in one session, in forms 2 and 3. It is a value.
type Sender struct {
	local, recipient Party
	key              epochKey
	acknowledged     uint32 // the highest epoch from which anything was
	since            uint64 // when the epoch began, ms since 1970
}

// NewSender returns the Sender of a session that begins. initiator tells whether this device opened it.
func NewSender(s Secret, initiator bool, local, recipient Party, now time.Time) (*Sender, error) {
	if s.IsZero() || !local.valid() || !recipient.valid() {
		return nil, ErrKey
	}
	return &Sender{local: local, recipient: recipient, key: firstEpoch(s, direction(initiator)), since: millis(now)}, nil
}

// Format prints what this is, and nothing of its secrets, whatever the verb.
func (Sender) Format(f fmt.State, _ rune) { fmt.Fprint(f, "envelope.Sender") }

// Epoch returns the epoch of the next envelope, if it is sent today.
func (s *Sender) Epoch() uint32 { return s.key.epoch }

// Seal seals an inner header with a SignalMessage, in form 2. It goes on to the next epoch first if that is due. The
// next Sender must be stored before the envelope leaves.
func (s *Sender) Seal(in *Inner, now time.Time) (*Sender, Sealed, error) {
	next := s.advance(now)
	sealed, err := next.seal(FormSession, in, freshNonce())
	if err != nil {
		return nil, Sealed{}, err
	}
	sealed.Ack = next.key.ack(sealed.Bytes[:headerSize])
	return next, sealed, nil
}

// SealWeak seals an inner header with a weak update, in form 3. It goes on to the next epoch for this envelope alone, if that
// is due, and changes nothing that would have to be stored.
func (s *Sender) SealWeak(in *Inner, now time.Time) (Sealed, error) {
	return s.advance(now).seal(FormWeak, in, freshNonce())
}

func freshNonce() (nonce [nonceSize]byte) {
	rand.Read(nonce[:])
	return nonce
}

func (s *Sender) seal(f Form, in *Inner, nonce [nonceSize]byte) (Sealed, error) {
	if in.Sender != s.local {
		return Sealed{}, ErrInner
	}
	body, err := in.marshal(f)
	if err != nil {
		return Sealed{}, err
	}
	padded, err := pad(body, sessionOverhead)
	if err != nil {
		return Sealed{}, err
	}
	tag, key := s.key.tag(f), s.key.seal(f)
	b := append(append(make([]byte, 0, sessionOverhead+len(padded)), byte(f)), tag[:]...)
	b = append(b, nonce[:]...)
	b = gcm(&key).Seal(b, nonce[:], padded, associated(b, s.recipient))
	return Sealed{Bytes: b, Epoch: s.key.epoch}, nil
}

// advance returns the Sender in the epoch in which it seals at this time.
func (s *Sender) advance(now time.Time) *Sender {
	n := *s
	age := int64(millis(now)) - int64(s.since)
	switch {
	case age < -EpochTime.Milliseconds(): // a clock was wrong: begin to count again
		n.since = millis(now)
	case age >= EpochTime.Milliseconds() && s.key.epoch-s.acknowledged < MaxUnacknowledged && s.key.epoch < maxEpoch:
		n.key, n.since = s.key.at(s.key.epoch+1), millis(now)
	}
	return &n
}

// Acknowledged returns the Sender after the other side acknowledged an envelope of form 2 of the given epoch: by a reply
// that AckKey.Verify found right, or by a receipt inside the session.
func (s *Sender) Acknowledged(epoch uint32) *Sender {
	n := *s
	n.acknowledged = max(n.acknowledged, min(epoch, n.key.epoch))
	return &n
}

// Outdated tells whether an envelope of the given epoch, which was not acknowledged, must be sealed anew: the receiver will
// soon no longer know its tag.
func (s *Sender) Outdated(epoch uint32) bool {
	return epoch < s.key.epoch && s.key.epoch-epoch >= MaxUnacknowledged
}

// The stored form of a Sender:
//
//	senderVersion ‖ pb{1 local account (32)   2 local device   3 recipient's account (32)   4 recipient's device
//	   5 epoch   6 epoch's key (32)   7 acknowledged epoch   8 begin of the epoch, ms}
const senderVersion = 1

// MaxState is the largest stored Sender or Receiver in bytes.
const MaxState = 256

// AppendTo appends the stored form of the Sender: secrets, to be sealed by whoever stores them.
func (s *Sender) AppendTo(b []byte) []byte {
	b = append(b, senderVersion)
	b = appendParty(b, 1, s.local)
	b = appendParty(b, 3, s.recipient)
	b = pb.AppendUint(b, 5, uint64(s.key.epoch))
	b = pb.AppendBytes(b, 6, s.key.key()[:])
	b = pb.AppendUint(b, 7, uint64(s.acknowledged))
	return pb.AppendUint(b, 8, s.since)
}

// ParseSender reads a stored Sender of at most MaxState bytes. It refuses whatever AppendTo would not have written.
func ParseSender(b []byte) (*Sender, error) {
	if len(b) == 0 || len(b) > MaxState || b[0] != senderVersion {
		return nil, ErrState
	}
	var s Sender
	r := pb.NewReader(b[1:], pb.Refuse)
	s.local = readParty(r, 1)
	s.recipient = readParty(r, 3)
	s.key.epoch = r.Uint32(5)
	s.key.key = readSecret(r, 6)
	s.acknowledged = r.Uint32(7)
	s.since = r.Uint64(8)
	if r.Done() != nil || s.key.epoch > maxEpoch || s.acknowledged > s.key.epoch || s.key.epoch-s.acknowledged > MaxUnacknowledged || s.since > maxMillis {
		return nil, ErrState
	}
	return &s, nil
}

func appendParty(b []byte, n uint32, p Party) []byte {
	return pb.AppendUint(pb.AppendBytes(b, n, p.Account[:]), n+1, uint64(p.Device))
}

// readParty reads fields n and n+1; r fails if that fails.
func readParty(r *pb.Reader, n uint32) (p Party) {
	r.Fixed(n, p.Account[:])
	device := r.Uint32(n + 1)
	p.Device = uint8(device)
	if uint32(p.Device) != device || !p.valid() {
		r.Fail()
	}
	return p
}

// readSecret reads field n; r fails if that fails.
func readSecret(r *pb.Reader, n uint32) hidden {
	var b [32]byte
	r.Fixed(n, b[:])
	return hide(b)
}

// maxMillis is the latest time that is told apart: what 53 bits hold.
const maxMillis = 1<<53 - 1

func millis(t time.Time) uint64 { return uint64(min(max(t.UnixMilli(), 0), maxMillis)) }
