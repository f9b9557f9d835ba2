package chat

import (
	"cmp"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Place is where an item is shown: by time, then by author, then by ID. It is the same on all devices, except for what
// was sent by a clock that is wrong by more than MaxAhead or MaxBehind: that is where it came.
type Place struct {
	Time Time
	Ref  Ref
}

// Compare returns which place is above (-1) and which below (1).
func (p Place) Compare(q Place) int { return cmp.Or(cmp.Compare(p.Time, q.Time), p.Ref.compare(q.Ref)) }

// Line is what is shown of an item.
type Line struct {
	Place     Place
	Device    uint8     // of the author
	Kind      Kind      // if it is not Known: "needs a newer Linnet"
	Sent      time.Time // by the author's clock
	WrongTime bool      // that clock cannot be right: the time of Place is when the message came

	Deleted bool // "deleted by its author": nothing below is set but Marks
	Hidden  bool // content of view-once that was viewed, or is our own
	Edited  bool

	Text        string
	Attachments []Attachment
	ViewOnce    bool
	ReplyTo     *Ref
	Contact     *Contact
	Timer       *Timer // of the message, or of a KindTimer
	Reactions   []Change
	Marks       []Mark
}

// Place returns where the item is shown, and false while its message has not come.
func (it *Item) Place() (Place, bool) {
	if it.Message == nil {
		return Place{}, false
	}
	return Place{place(it.Message.Time, it.Received), it.Ref}, true
}

// Line returns what a device of the account me shows at now, and false if that is nothing: the message has not come, was
// erased, or its time is over.
func (it *Item) Line(me identity.Account, now time.Time) (Line, bool) {
	at, ok := it.Place()
	if !ok || it.Erased || it.Over(me, now) {
		return Line{}, false
	}
	m := it.Message
	l := Line{
		Place: at, Device: it.Device, Kind: m.Kind, Sent: m.Sent(), WrongTime: at.Time != m.Time,
		Deleted: it.Deleted, Marks: it.Marks,
	}
	if it.Deleted {
		return l, true
	}
	l.ViewOnce, l.ReplyTo, l.Contact, l.Timer = m.ViewOnce, m.ReplyTo, m.Contact, cmp.Or(m.Timer, m.NewTimer)
	for _, r := range it.Reactions {
		if r.Text != "" {
			l.Reactions = append(l.Reactions, r)
		}
	}
	if l.Hidden = m.ViewOnce && (it.Ref.Author == me || it.viewed(me)); l.Hidden || m.Kind != KindText {
		return l, true
	}
	l.Text, l.Attachments = m.Text.Text, m.Attachments
	if it.Edit != nil && !m.ViewOnce {
		l.Text, l.Edited = it.Edit.Text, true
	}
	return l, true
}

// Expires returns when the message disappears on the devices of the account me, and false if it does not, or not yet
// known: its timer runs from reading. It runs from the item's place, so that no wrong clock of the author makes a message
// disappear before it was seen.
func (it *Item) Expires(me identity.Account) (time.Time, bool) {
	at, ok := it.Place()
	if !ok || it.Message.Timer == nil {
		return time.Time{}, false
	}
	begin := at.Time
	if it.Message.Timer.From == FromRead && it.Ref.Author != me {
		if begin, ok = it.read(me); !ok {
			return time.Time{}, false
		}
	}
	return begin.Time().Add(it.Message.Timer.Duration()), true
}

// Over tells whether the message has disappeared on the devices of the account me.
func (it *Item) Over(me identity.Account, now time.Time) bool {
	t, ok := it.Expires(me)
	return ok && !now.Before(t)
}

// Expire takes away what must not stay on a device of the account me: the message once its time is over, the content of
// view-once that was viewed or is our own. It tells whether there was something to take, and so to store.
func (it *Item) Expire(me identity.Account, now time.Time) bool {
	m := it.Message
	switch {
	case m == nil || it.gone():
		return false
	case it.Over(me, now):
		it.Erase()
		return true
	case m.Kind == KindText && m.ViewOnce && (it.Ref.Author == me || it.viewed(me)) &&
		(m.Text.Text != "" || len(m.Attachments) > 0 || it.Edit != nil):
		rest := *m
		rest.Text, rest.Attachments = &Text{}, nil // its bytes come before those of m: if m comes again, this stays
		it.Message, it.Edit = &rest, nil
		return true
	default:
		return false
	}
}

// read returns when the account first read the message.
func (it *Item) read(me identity.Account) (first Time, ok bool) {
	for _, m := range it.Marks {
		if m.Account == me && m.Read != 0 && (first == 0 || m.Read < first) {
			first = m.Read
		}
	}
	return first, first != 0
}

// viewed tells whether the account viewed the message on any of its devices.
func (it *Item) viewed(me identity.Account) bool {
	for _, m := range it.Marks {
		if m.Account == me && m.Viewed != 0 {
			return true
		}
	}
	return false
}
