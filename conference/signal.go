package conference

import (
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// SignalSize is the most that a Signal takes in bytes: it is the body of a message of kind call.
const SignalSize = 30 << 10

// Kind says what a signal is. It is also the key under which its body lies, if it has one.
type Kind uint16

// The kinds.
const (
	KindInvite      Kind = 10 // somebody calls
	KindRinging     Kind = 11 // it rings there
	KindAccept      Kind = 12 // a device takes the call
	KindDecline     Kind = 13 // the account does not want to
	KindBusy        Kind = 14 // the device is in another call
	KindCancel      Kind = 15 // who called gave up
	KindHangUp      Kind = 16 // a device leaves
	KindElsewhere   Kind = 17 // another device of the called account took or declined the call
	KindRoster      Kind = 18 // who is in, as the host of the call says
	KindDescription Kind = 19 // an SDP offer or answer, of calls without a room
	KindCandidates  Kind = 20 // ICE candidates for it
	KindState       Kind = 21 // hold, mute, hand
	KindMixers      Kind = 22 // where the call is now, and where it may go
	KindMediaKey    Kind = 23 // the SFrame key of the sender, new after every change of members

	// MinKind and MaxKind bound the kinds, known and unknown.
	MinKind Kind = 10
	MaxKind Kind = 63
)

// String names the kind.
func (k Kind) String() string {
	names := [...]string{
		"invite", "ringing", "accept", "decline", "busy", "cancel", "hang-up", "elsewhere", "roster", "description", "candidates",
		"state", "mixers", "media key",
	}
	if k < MinKind || int(k-MinKind) >= len(names) {
		return fmt.Sprintf("kind %d", uint16(k))
	}
	return names[k-MinKind]
}

// Known tells whether this program knows what the kind means. Others are ignored.
func (k Kind) Known() bool { return k >= MinKind && k <= KindMediaKey }

// Signal is what a device tells another of a call. Exactly the body that goes with its Kind is set, and kinds without one
// have none. It travels as an ordinary message, so who sent it is known, and nobody else reads it.
type Signal struct {
	Call   CallID `cbor:"1,keyasint"`
	Kind   Kind   `cbor:"2,keyasint"`
	Number uint64 `cbor:"3,keyasint"` // of the signals of this device in this call, rising from 1: of two, the newer counts

	Invite      *Invite      `cbor:"10,keyasint,omitempty"`
	Elsewhere   *Elsewhere   `cbor:"17,keyasint,omitempty"`
	Roster      *Roster      `cbor:"18,keyasint,omitempty"`
	Description *Description `cbor:"19,keyasint,omitempty"`
	Candidates  *Candidates  `cbor:"20,keyasint,omitempty"`
	State       *State       `cbor:"21,keyasint,omitempty"`
	Mixers      *Mixers      `cbor:"22,keyasint,omitempty"`
	MediaKey    *MediaKey    `cbor:"23,keyasint,omitempty"`

	Unknown identity.Unknown `cbor:"-"`
}

// AppendTo appends the signal, at most SignalSize bytes. The error is ErrSignal, identity.ErrSize or
// identity.ErrMalformed.
func (s *Signal) AppendTo(b []byte) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	body, err := identity.Marshal(s)
	if err != nil {
		return nil, err
	}
	if len(body) > SignalSize {
		return nil, identity.ErrSize
	}
	return append(b, body...), nil
}

// ParseSignal reads what AppendTo wrote, and keeps nothing of b. A signal of an unknown kind is no error. The errors are
// those of AppendTo, and identity.ErrNewer.
func ParseSignal(b []byte) (*Signal, error) {
	s := new(Signal)
	if err := identity.Unmarshal(b, SignalSize, s); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// check holds s to the rules of its kind.
func (s *Signal) check() error {
	switch {
	case s.Call.IsZero():
		return fmt.Errorf("%w: no call", ErrSignal)
	case s.Number == 0:
		return fmt.Errorf("%w: no number", ErrSignal)
	case s.Kind < MinKind || s.Kind > MaxKind:
		return fmt.Errorf("%w: no kind", ErrSignal)
	}
	for kind, set := range map[Kind]bool{
		KindInvite: s.Invite != nil, KindElsewhere: s.Elsewhere != nil, KindRoster: s.Roster != nil,
		KindDescription: s.Description != nil, KindCandidates: s.Candidates != nil, KindState: s.State != nil,
		KindMixers: s.Mixers != nil, KindMediaKey: s.MediaKey != nil,
	} {
		if set != (kind == s.Kind) {
			return fmt.Errorf("%w: a %v with the body of another kind, or none", ErrSignal, s.Kind)
		}
	}
	ok := true
	switch s.Kind {
	case KindInvite:
		ok = s.Invite.valid()
	case KindElsewhere:
		ok = s.Elsewhere.Device <= identity.MaxNumber
	case KindRoster:
		ok = s.Roster.valid()
	case KindDescription:
		ok = s.Description.SDP != "" && (s.Description.Type == Offer || s.Description.Type == Answer)
	case KindCandidates:
		ok = len(s.Candidates.Lines) > 0
	case KindMixers:
		ok = validMixers(s.Mixers.List) && int(s.Mixers.Current) < len(s.Mixers.List)
	case KindMediaKey:
		ok = len(s.MediaKey.Key) > 0
	default:
	}
	if !ok {
		return fmt.Errorf("%w: %v", ErrSignal, s.Kind)
	}
	return nil
}
