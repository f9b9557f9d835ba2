package chat

import (
	"cmp"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// MaxWaiting is about how many messages that have not come one account may speak in a conversation, so that nobody
// fills it with what is said about nothing.
const MaxWaiting = 1024

// Conversation is the state of one conversation: all messages that belong to it (Plaintext.ConversationOf), in any
// order and as often as they come, give the same lines on all devices. The zero Conversation is empty. It is not safe
// for several goroutines at once.
//
// It is for conversations that fit into memory. An owner with a store does the same by itself: for each of
// Message.Targets load the Item, apply, store; and keep the TimerChange.
type Conversation struct {
	items   map[Ref]*entry
	waiting map[identity.Account]int // items without a message, by who spoke first of them
	timer   TimerChange
}

type entry struct {
	Item
	opener identity.Account
}

// TimerChange is who set the conversation's timer, when, and to what. The zero TimerChange is the timer of a
// conversation where nobody did: messages stay.
type TimerChange struct {
	Timer Timer
	Time  Time
	Ref   Ref
}

// Join returns the later of two changes: by time, then by author, then by ID.
func (t TimerChange) Join(u TimerChange) TimerChange {
	later := cmp.Or(cmp.Compare(t.Time, u.Time), t.Ref.compare(u.Ref), cmp.Compare(t.Timer.Seconds, u.Timer.Seconds),
		cmp.Compare(t.Timer.From, u.Timer.From))
	if later < 0 {
		return u
	}
	return t
}

// TimerChange returns what m makes of the conversation's timer, the zero TimerChange for other kinds.
func (m *Message) TimerChange(from identity.Account) TimerChange {
	if m.Kind != KindTimer {
		return TimerChange{}
	}
	return TimerChange{Timer{Seconds: m.NewTimer.Seconds, From: m.NewTimer.From}, m.Time, Ref{Author: from, ID: m.ID}}
}

// Apply adds what from says with m, which is valid and of this conversation. The conversation keeps m. The error is
// ErrMessage if from is nobody, or ErrFull if there was no room for all of it; what fitted was applied.
func (c *Conversation) Apply(m *Message, from Author, received time.Time) error {
	if c.items == nil {
		c.items, c.waiting = make(map[Ref]*entry), make(map[identity.Account]int)
	}
	var full error
	for _, ref := range m.Targets(from.Account) {
		e := c.items[ref]
		if e == nil {
			if !m.Kind.Shown() && c.waiting[from.Account] >= MaxWaiting {
				full = ErrFull
				continue
			}
			e = &entry{Item{Ref: ref}, from.Account}
		}
		waited := c.items[ref] != nil && e.Message == nil
		if err := e.Apply(m, from, received); err != nil {
			full = err
			continue
		}
		if c.items[ref] == nil && e.Message == nil {
			c.waiting[from.Account]++
		}
		if waited && e.Message != nil {
			c.waiting[e.opener]--
		}
		c.items[ref] = e
	}
	if full == nil {
		c.timer = c.timer.Join(m.TimerChange(from.Account))
	}
	return full
}

// Item returns what is known of a message, nil if that is nothing. It is the conversation's own: it changes.
func (c *Conversation) Item(r Ref) *Item {
	if e := c.items[r]; e != nil {
		return &e.Item
	}
	return nil
}

// Timer returns the last change of the timer: what new messages should carry.
func (c *Conversation) Timer() TimerChange { return c.timer }

// Lines returns what a device of the account me shows at now, from the oldest to the newest.
func (c *Conversation) Lines(me identity.Account, now time.Time) []Line {
	lines := make([]Line, 0, len(c.items))
	for _, e := range c.items {
		if l, ok := e.Line(me, now); ok {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b Line) int { return a.Place.Compare(b.Place) })
	return lines
}
