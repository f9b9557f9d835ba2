package chat

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Bounds of an Item.
const (
	// MaxReactions is how many accounts' reactions an item holds.
	MaxReactions = 1024
	// MaxMarks is of how many devices an item knows that it came there.
	MaxMarks = 2048
)

// Item is what is known of one message: itself, and what was said about it. Everything may come in any order, often, and
// before the message; the Item is the same in the end, on all devices. The zero Item is of nothing: set its Ref. It is
// not safe for several goroutines at once.
//
//	message     of two under one Ref, which only a liar sends, the first by (Time, Kind, device, bytes)
//	received    the earliest
//	edit        the last by (Time, ID, text)
//	reaction    of each account the last by (Time, ID, emoji); an empty one stays, and is not shown
//	marks       of each device the earliest of each
//	deleted     for good: content, edit and reactions go, and do not come back
type Item struct {
	Ref      Ref
	Message  *Message // nil while it has not come; without its content once it is Deleted or Erased
	Device   uint8    // of the author, 0 while the message has not come
	Received Time     // when the message came

	Edit      *Change  // nil if there is none
	Reactions []Change // by account, also those that were taken back
	Marks     []Mark   // by device
	Deleted   bool     // by its author, for everyone
	Erased    bool     // by this device: it disappeared, or was deleted here
}

// Change is the latest edit, or the latest reaction of an account.
type Change struct {
	Account identity.Account
	Time    Time
	ID      ID
	Text    string // or the emoji
}

func (c Change) compare(d Change) int {
	return cmp.Or(cmp.Compare(c.Time, d.Time), bytes.Compare(c.ID[:], d.ID[:]), cmp.Compare(c.Text, d.Text))
}

// Mark is how far a message came on one device, each 0 if it did not: by the clock of that device, or by ours where
// that cannot be right.
type Mark struct {
	Author
	Delivered, Read, Viewed Time
}

// Targets returns the items that m changes if from said it: none, one, or for deletes and receipts many.
func (m *Message) Targets(from identity.Account) []Ref {
	refs := func(author identity.Account, lists ...[]ID) (refs []Ref) {
		for _, ids := range lists {
			for _, id := range ids {
				refs = append(refs, Ref{Author: author, ID: id})
			}
		}
		return refs
	}
	switch {
	case m.Kind.Shown():
		return refs(from, []ID{m.ID})
	case m.Kind == KindReaction:
		return []Ref{m.Reaction.Target.known()}
	case m.Kind == KindEdit:
		return refs(from, []ID{m.Edit.Target})
	case m.Kind == KindDelete:
		return refs(from, m.Delete.Targets)
	case m.Kind == KindReceipt && m.Receipt.Author != from: // what one read of one's own says nothing
		return refs(m.Receipt.Author, m.Receipt.Delivered, m.Receipt.Read, m.Receipt.Viewed)
	default:
		return nil
	}
}

// Apply adds what m says about this item. The item keeps m, which must be valid and not change any more. What is not
// about it changes nothing; the item is also what it was if the error is ErrFull (no more reactions or marks fit), or
// ErrMessage (from is nobody).
func (it *Item) Apply(m *Message, from Author, received time.Time) error {
	if !from.valid() {
		return fmt.Errorf("%w: from nobody", ErrMessage)
	}
	own := from.Account == it.Ref.Author
	switch {
	case m.Kind.Shown():
		if own && m.ID == it.Ref.ID {
			it.arrive(m, from.Device, At(received))
		}
	case m.Kind == KindReaction:
		if m.Reaction.Target.known() == it.Ref && !it.gone() {
			return it.react(Change{from.Account, m.Time, m.ID, m.Reaction.Emoji})
		}
	case m.Kind == KindEdit:
		c := Change{from.Account, m.Time, m.ID, ""}
		if own && m.Edit.Target == it.Ref.ID && !it.gone() {
			if c.Text = m.Edit.Text; it.Edit == nil || it.Edit.compare(c) < 0 {
				it.Edit = &c
			}
		}
	case m.Kind == KindDelete:
		if own && slices.Contains(m.Delete.Targets, it.Ref.ID) {
			it.Deleted = true
			it.strip()
		}
	case m.Kind == KindReceipt:
		if !own && m.Receipt.Author == it.Ref.Author {
			return it.mark(m.Receipt, from, place(m.Time, At(received)))
		}
	}
	return nil
}

// Erase takes the content away on this device alone. A message that comes after it stays away, too.
func (it *Item) Erase() {
	it.Erased = true
	it.strip()
}

func (it *Item) gone() bool { return it.Deleted || it.Erased }

// strip takes everything away but who wrote when.
func (it *Item) strip() {
	it.Edit, it.Reactions = nil, nil
	if m := it.Message; m != nil {
		it.Message = &Message{ID: m.ID, Time: m.Time, Kind: m.Kind}
	}
}

// arrive takes the message itself.
func (it *Item) arrive(m *Message, device uint8, received Time) {
	if it.Message == nil || received < it.Received {
		it.Received = received
	}
	if it.Message != nil && !it.first(m, device) {
		return
	}
	it.Message, it.Device = m, device
	if it.gone() {
		it.strip()
	}
}

// first tells whether m comes before the message that the item has.
func (it *Item) first(m *Message, device uint8) bool {
	has := it.Message
	c := cmp.Or(cmp.Compare(m.Time, has.Time), cmp.Compare(m.Kind, has.Kind), cmp.Compare(device, it.Device))
	if c != 0 || m == has {
		return c < 0
	}
	a, errA := m.AppendTo(nil)
	b, errB := has.AppendTo(nil)
	return errA == nil && errB == nil && bytes.Compare(a, b) < 0
}

func (it *Item) react(c Change) error {
	i, found := slices.BinarySearchFunc(it.Reactions, c, func(a, b Change) int {
		return bytes.Compare(a.Account[:], b.Account[:])
	})
	switch {
	case found:
		if it.Reactions[i].compare(c) < 0 {
			it.Reactions[i] = c
		}
	case len(it.Reactions) >= MaxReactions:
		return ErrFull
	default:
		it.Reactions = slices.Insert(it.Reactions, i, c)
	}
	return nil
}

func (it *Item) mark(r *Receipt, from Author, t Time) error {
	viewed := slices.Contains(r.Viewed, it.Ref.ID)
	read := viewed || slices.Contains(r.Read, it.Ref.ID)
	if !read && !slices.Contains(r.Delivered, it.Ref.ID) {
		return nil
	}
	i, found := slices.BinarySearchFunc(it.Marks, from, func(m Mark, a Author) int { return m.compare(a) })
	if !found {
		if len(it.Marks) >= MaxMarks {
			return ErrFull
		}
		it.Marks = slices.Insert(it.Marks, i, Mark{Author: from})
	}
	earliest := func(has *Time, now bool) {
		if now && (*has == 0 || t < *has) {
			*has = t
		}
	}
	m := &it.Marks[i]
	earliest(&m.Delivered, true)
	earliest(&m.Read, read)
	earliest(&m.Viewed, viewed)
	return nil
}
