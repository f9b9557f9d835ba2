package chat

import (
	"fmt"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Kind says what a message is. It is also the key under which its body lies.
type Kind uint16

// The kinds. Those from 24 are free: below 96 for lines, from there for what is none.
const (
	KindText      Kind = 10 // a line, with attachments
	KindReaction  Kind = 11 // one emoji about a message
	KindEdit      Kind = 12 // another text for an own message
	KindDelete    Kind = 13 // own messages taken back from everyone
	KindReceipt   Kind = 14 // messages came, were read, were viewed
	KindContact   Kind = 15 // somebody's card, as a line
	KindProfile   Kind = 16 // how the author is called
	KindAvatar    Kind = 17 // how the author looks
	KindTimer     Kind = 18 // from now on messages disappear
	KindCall      Kind = 19 // a call's signal, opaque here
	KindRetry     Kind = 20 // something could not be read: send it again
	KindSignal    Kind = 21 // what two nodes tell each other, opaque here
	KindRoster    Kind = 22 // reserved for groups
	KindSenderKey Kind = 23 // reserved for groups

	// MinKind and MaxKind bound the kinds, known and unknown: the keys below and above are for other fields.
	MinKind Kind = 10
	MaxKind Kind = 127

	firstFree  Kind = 24
	firstQuiet Kind = 96
)

// String names the kind.
func (k Kind) String() string {
	names := [...]string{
		"text", "reaction", "edit", "delete", "receipt", "contact", "profile", "avatar", "timer", "call", "retry", "signal",
		"roster", "sender key",
	}
	if k < MinKind || int(k-MinKind) >= len(names) {
		return fmt.Sprintf("kind %d", uint16(k))
	}
	return names[k-MinKind]
}

// Known tells whether ParseMessage reads the body of this kind. Other bodies stay in Unknown.
func (k Kind) Known() bool { return k >= MinKind && k <= KindSignal }

// Shown tells whether a message of this kind is a line of its conversation. Of the kinds that are not known,
// those below 96 are: they say that there is something to see with a newer Linnet.
func (k Kind) Shown() bool {
	return k == KindText || k == KindContact || k == KindTimer || k >= firstFree && k < firstQuiet
}

// Message is what somebody says, the same for all devices that get it. Exactly the body that goes with its Kind is set.
// What the reader does not know is kept, so a message is written again with the same bytes.
type Message struct {
	ID   ID   `cbor:"1,keyasint"`
	Time Time `cbor:"2,keyasint"`
	Kind Kind `cbor:"3,keyasint"`

	Conversation ConversationID `cbor:"4,keyasint,omitempty"`          // a group; zero between two accounts
	Ahead        uint64         `cbor:"5,keyasint,omitempty"`          // by how many ms Time was ahead of the sender's clock, below 2^48
	Timer        *Timer         `cbor:"6,keyasint,omitempty"`          // of texts and cards: when it disappears
	Attachments  []Attachment   `cbor:"7,keyasint,omitempty" max:"16"` // of texts
	ViewOnce     bool           `cbor:"8,keyasint,omitempty"`          // of texts
	ReplyTo      *Ref           `cbor:"9,keyasint,omitempty"`          // of texts

	Text     *Text     `cbor:"10,keyasint,omitempty"`
	Reaction *Reaction `cbor:"11,keyasint,omitempty"`
	Edit     *Edit     `cbor:"12,keyasint,omitempty"`
	Delete   *Delete   `cbor:"13,keyasint,omitempty"`
	Receipt  *Receipt  `cbor:"14,keyasint,omitempty"`
	Contact  *Contact  `cbor:"15,keyasint,omitempty"`
	Profile  *Profile  `cbor:"16,keyasint,omitempty"`
	Avatar   *Avatar   `cbor:"17,keyasint,omitempty"`
	NewTimer *Timer    `cbor:"18,keyasint,omitempty"` // of zero seconds: messages stay
	Call     *Opaque   `cbor:"19,keyasint,omitempty"`
	Retry    *Retry    `cbor:"20,keyasint,omitempty"`
	Signal   *Opaque   `cbor:"21,keyasint,omitempty"`

	Unknown identity.Unknown `cbor:"-"`
}

// NewMessage returns a message with a fresh ID and the next time of the clock; Kind and body are for the caller to set.
// What takes the place of something, such as an edit of an edit, names the Time of that as after, everything else 0.
func NewMessage(c Clock, now time.Time, after Time) (Clock, *Message) {
	c, t := c.Tick(now, after)
	return c, &Message{ID: NewID(), Time: t, Ahead: t.ms() - min(t.ms(), At(now).ms())}
}

// Sent returns what the sender's clock said.
func (m *Message) Sent() time.Time {
	return time.UnixMilli(int64(m.Time.ms() - min(m.Time.ms(), m.Ahead))).UTC()
}

// AppendTo appends the message, at most MessageSize bytes. The error is ErrMessage, identity.ErrSize,
// identity.ErrMalformed, or identity.ErrNewer for a number that has no meaning yet.
func (m *Message) AppendTo(b []byte) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	body, err := identity.Marshal(m)
	if err != nil {
		return nil, err
	}
	if len(body) > MessageSize {
		return nil, identity.ErrSize
	}
	return append(b, body...), nil
}

// ParseMessage reads what AppendTo wrote, and keeps nothing of b. A message of an unknown kind is no error. The errors
// are those of AppendTo: after identity.ErrNewer the bytes are to be stored, acknowledged and read again by a newer
// Linnet.
func ParseMessage(b []byte) (*Message, error) {
	m := new(Message)
	if err := identity.Unmarshal(b, MessageSize, m); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

// check holds m to the rules of its kind.
func (m *Message) check() error {
	switch {
	case m.ID.IsZero():
		return fmt.Errorf("%w: no ID", ErrMessage)
	case m.Time == 0:
		return fmt.Errorf("%w: no time", ErrMessage)
	case m.Ahead > maxMS:
		return fmt.Errorf("%w: clock", ErrMessage)
	case m.Kind < MinKind || m.Kind > MaxKind:
		return fmt.Errorf("%w: no kind", ErrMessage)
	}
	for i, set := range [...]bool{
		m.Text != nil, m.Reaction != nil, m.Edit != nil, m.Delete != nil, m.Receipt != nil, m.Contact != nil, m.Profile != nil,
		m.Avatar != nil, m.NewTimer != nil, m.Call != nil, m.Retry != nil, m.Signal != nil,
	} {
		if k := MinKind + Kind(i); set != (k == m.Kind) {
			return fmt.Errorf("%w: a %v with the body of another kind, or none", ErrMessage, m.Kind)
		}
	}
	if err := m.checkHead(); err != nil {
		return err
	}
	return m.checkBody()
}

// checkHead holds the optional fields of the message to the rules.
func (m *Message) checkHead() error {
	if m.Kind.Known() {
		text := m.Kind == KindText
		if !text && (len(m.Attachments) > 0 || m.ViewOnce || m.ReplyTo != nil) || !text && m.Kind != KindContact && m.Timer != nil {
			return fmt.Errorf("%w: a %v with something of a text", ErrMessage, m.Kind)
		}
	}
	if m.ReplyTo != nil && !m.ReplyTo.valid() {
		return fmt.Errorf("%w: reply to nothing", ErrMessage)
	}
	if m.Timer != nil {
		if m.Timer.Seconds == 0 {
			return fmt.Errorf("%w: timer of no time", ErrMessage)
		}
		if err := m.Timer.check(); err != nil {
			return err
		}
	}
	for i := range m.Attachments {
		if m.Attachments[i].Hash == [32]byte{} {
			return fmt.Errorf("%w: attachment without a hash", ErrMessage)
		}
	}
	return nil
}
