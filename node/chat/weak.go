package chat

import (
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// WeakKind says what a weak update is.
type WeakKind uint8

// The kinds of weak updates. Others are ignored: they are worth telling now or never.
const (
	WeakTyping   WeakKind = 1 // somebody writes in this conversation (On), or stopped
	WeakPresence WeakKind = 2 // somebody is there (On), or left
	WeakAvatar   WeakKind = 3 // somebody looks different; who wants to know asks
)

// String names the kind.
func (k WeakKind) String() string {
	switch k {
	case WeakTyping:
		return "typing"
	case WeakPresence:
		return "presence"
	case WeakAvatar:
		return "avatar"
	default:
		return fmt.Sprintf("weak kind %d", uint8(k))
	}
}

// Weak is a weak update: it goes around the ratchet, is held in RAM only, and nothing is lost if it is lost. Of one
// device, an older Time than the last is to be ignored.
type Weak struct {
	Kind         WeakKind         `cbor:"1,keyasint"`
	Time         Time             `cbor:"2,keyasint"`
	Conversation ConversationID   `cbor:"3,keyasint,omitempty"` // a group; zero between two accounts
	On           bool             `cbor:"4,keyasint,omitempty"` // of typing and presence
	Avatar       [32]byte         `cbor:"5,keyasint,omitempty"` // of WeakAvatar: Avatar.Hash, zero for none
	Unknown      identity.Unknown `cbor:"-"`
}

// AppendTo appends the update, at most WeakSize bytes. The error is ErrMessage, identity.ErrSize or
// identity.ErrMalformed.
func (w *Weak) AppendTo(b []byte) ([]byte, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	body, err := identity.Marshal(w)
	if err != nil {
		return nil, err
	}
	if len(body) > WeakSize {
		return nil, identity.ErrSize
	}
	return append(b, body...), nil
}

// ParseWeak reads what AppendTo wrote. An unknown kind is no error. The errors are those of AppendTo, and
// identity.ErrNewer.
func ParseWeak(b []byte) (*Weak, error) {
	w := new(Weak)
	if err := identity.Unmarshal(b, WeakSize, w); err != nil {
		return nil, err
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *Weak) check() error {
	avatar, on := w.Avatar != [32]byte{}, w.On
	switch {
	case w.Kind == 0 || w.Time == 0:
		return fmt.Errorf("%w: weak update", ErrMessage)
	case w.Kind == WeakAvatar && on, (w.Kind == WeakTyping || w.Kind == WeakPresence) && avatar:
		return fmt.Errorf("%w: %v with something of another kind", ErrMessage, w.Kind)
	default:
		return nil
	}
}
