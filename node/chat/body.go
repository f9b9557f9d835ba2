package chat

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Text is a line. It is empty only beside attachments, and in what is left of a view-once message.
type Text struct {
	Text    string           `cbor:"1,keyasint,omitempty" max:"16384"`
	Unknown identity.Unknown `cbor:"-"`
}

// Reaction is one emoji of an account about a message; the latest of the account counts, and an empty one takes back.
// The emoji is any text without space and control characters: what is one emoji changes with Unicode.
type Reaction struct {
	Target  Ref              `cbor:"1,keyasint"`
	Emoji   string           `cbor:"2,keyasint,omitempty" max:"64"`
	Unknown identity.Unknown `cbor:"-"`
}

// Edit is another text for a message of the same account. It names no author, so nobody can edit what others said.
type Edit struct {
	Target  ID               `cbor:"1,keyasint"`
	Text    string           `cbor:"2,keyasint" max:"16384"` // not empty
	Unknown identity.Unknown `cbor:"-"`
}

// Delete takes messages of the same account back from everyone. It names no author, so nobody can delete what others
// said. It beats every edit, whatever their times.
type Delete struct {
	Targets []ID             `cbor:"1,keyasint" max:"256"` // one at least
	Unknown identity.Unknown `cbor:"-"`
}

// Receipt tells what a device did with messages of one author: the first is told after they are stored, and only then.
// To the account's own devices it says that nothing is unread there. At least one list has an ID.
type Receipt struct {
	Author    identity.Account `cbor:"1,keyasint"`
	Delivered []ID             `cbor:"2,keyasint,omitempty" max:"256"`
	Read      []ID             `cbor:"3,keyasint,omitempty" max:"256"` // so they were delivered, too
	Viewed    []ID             `cbor:"4,keyasint,omitempty" max:"256"` // of view-once: so they were read, too
	Unknown   identity.Unknown `cbor:"-"`
}

// Contact is somebody's card. The address is text as identity.ParseAddress reads it; it is not checked here, since it may
// be of a version to come.
type Contact struct {
	Address string           `cbor:"1,keyasint" max:"160"` // not empty
	Name    string           `cbor:"2,keyasint,omitempty" max:"128"`
	Unknown identity.Unknown `cbor:"-"`
}

// Profile is how the author wants to be called. The latest by (Time, ID) counts.
type Profile struct {
	Name    string           `cbor:"1,keyasint,omitempty" max:"128"`
	About   string           `cbor:"2,keyasint,omitempty" max:"512"`
	Avatar  [32]byte         `cbor:"3,keyasint,omitempty"` // Avatar.Hash of the image that goes with it, zero for none
	Unknown identity.Unknown `cbor:"-"`
}

// Avatar is a picture of the author, a PNG, JPEG or WebP as its first bytes say; the latest by (Time, ID) counts, and an
// empty one takes it away.
type Avatar struct {
	Image   []byte           `cbor:"1,keyasint,omitempty" max:"49152"`
	Unknown identity.Unknown `cbor:"-"`
}

// Hash names the image in profiles and weak updates: its SHA-256, zero if there is none.
func (a *Avatar) Hash() (h [32]byte) {
	if len(a.Image) > 0 {
		h = sha256.Sum256(a.Image)
	}
	return h
}

// Opaque is the body of a kind that another room reads.
type Opaque struct {
	Bytes   []byte           `cbor:"1,keyasint" max:"32768"` // not empty
	Unknown identity.Unknown `cbor:"-"`
}

// Retry asks the other device to send again what could not be read, in the session in which this comes: posts that did
// not open, sequences that never came. If both are empty: all that was never acknowledged.
type Retry struct {
	Posts   [][32]byte       `cbor:"1,keyasint,omitempty" max:"256"` // names of post
	Missing []Range          `cbor:"2,keyasint,omitempty" max:"256"` // ascending, apart
	Unknown identity.Unknown `cbor:"-"`
}

// Range is the sequences First..Last of a device.
type Range struct {
	First   uint64           `cbor:"1,keyasint"`
	Last    uint64           `cbor:"2,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

// checkBody holds the body of m to the rules of its kind.
func (m *Message) checkBody() error {
	bad := false
	switch m.Kind {
	case KindText:
		bad = m.Text.Text == "" && len(m.Attachments) == 0 && !m.ViewOnce
	case KindReaction:
		bad = !m.Reaction.Target.valid() || strings.ContainsFunc(m.Reaction.Emoji, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r)
		})
	case KindEdit:
		bad = m.Edit.Target.IsZero() || m.Edit.Text == ""
	case KindDelete:
		bad = len(m.Delete.Targets) == 0 || !names(m.Delete.Targets)
	case KindReceipt:
		r := m.Receipt
		bad = r.Author.IsZero() || len(r.Delivered)+len(r.Read)+len(r.Viewed) == 0 ||
			!names(r.Delivered) || !names(r.Read) || !names(r.Viewed)
	case KindContact:
		bad = m.Contact.Address == ""
	case KindTimer:
		return m.NewTimer.check()
	case KindCall:
		bad = len(m.Call.Bytes) == 0
	case KindRetry:
		bad = !m.Retry.ascending()
	case KindSignal:
		bad = len(m.Signal.Bytes) == 0
	default:
	}
	if bad {
		return fmt.Errorf("%w: %v", ErrMessage, m.Kind)
	}
	return nil
}

// names tells whether every ID names something.
func names(ids []ID) bool {
	for _, id := range ids {
		if id.IsZero() {
			return false
		}
	}
	return true
}

func (r *Retry) ascending() bool {
	last := uint64(0)
	for i, missing := range r.Missing {
		if missing.First <= last || missing.First > missing.Last || i > 0 && missing.First == last+1 {
			return false
		}
		last = missing.Last
	}
	return true
}
