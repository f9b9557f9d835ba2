package node

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// Chat is a conversation in the list of all.
type Chat struct {
	With   Contact
	Last   *Message // the newest that is shown; nil if there is none
	Unread int      // messages that came and were not read, at most MaxUnread
}

// MaxUnread is how far unread messages are counted.
const MaxUnread = 1000

// Chats returns the conversations with all that this account talks to, has added, or that ask, the one with the newest
// message first, and those without a message by name. It reads the newest messages of each.
func (n *Node) Chats() ([]Chat, error) {
	var out []Chat
	for _, c := range n.Contacts() {
		x := Chat{With: c}
		newest, err := n.Newest(c.Account, 1)
		if err != nil {
			return nil, err
		}
		if len(newest) > 0 {
			x.Last = &newest[0]
			if x.Unread, err = n.Unread(c.Account); err != nil {
				return nil, err
			}
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b Chat) int {
		switch {
		case a.Last == nil || b.Last == nil:
			return cmp.Compare(boolInt(a.Last == nil), boolInt(b.Last == nil))
		default:
			return b.Last.Place.Compare(a.Last.Place)
		}
	})
	return out, nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Unread counts the messages of a conversation that came after the newest of the other side's that was read, at most
// MaxUnread: who read a message saw what stands above it.
func (n *Node) Unread(with Account) (int, error) {
	count := 0
	err := n.unread(with, func(Message) bool {
		count++
		return count < MaxUnread
	})
	return count, err
}

// floors remember where in each conversation nothing is unread from there down, so that one's own messages, of which there
// may be many in a row, are passed once. Its methods are for several goroutines at once.
type floors struct {
	mu sync.Mutex
	by map[Account]floor
}

type floor struct {
	place   chat.Place // zero: not known
	arrived uint64     // counts what came
}

func (f *floors) of(with Account) floor {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.by[with]
}

// lift forgets a floor: something came, which may stand below it.
func (f *floors) lift(with Account) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = make(map[Account]floor)
	}
	f.by[with] = floor{arrived: f.by[with].arrived + 1}
}

// lay remembers a floor, if nothing came since was was asked for.
func (f *floors) lay(with Account, was floor, at chat.Place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = make(map[Account]floor)
	}
	if f.by[with].arrived == was.arrived {
		f.by[with] = floor{at, was.arrived}
	}
}

// unread calls f with messages that came and were not read, the newest first, until f returns false.
func (n *Node) unread(with Account, f func(Message) bool) error {
	var before, newest chat.Place
	was, none := n.floors.of(with), true
	defer func() {
		if none && newest != (chat.Place{}) {
			n.floors.lay(with, was, newest)
		}
	}()
	for {
		page, err := n.Messages(with, before, unreadPage)
		if err != nil {
			none = false
			return err
		}
		for i := range page {
			before = page[i].Place
			if newest == (chat.Place{}) {
				newest = before
			}
			switch {
			case was.place != (chat.Place{}) && before.Compare(was.place) <= 0:
				return nil
			case page[i].Own:
				continue
			case !n.IsUnread(&page[i]):
				return nil
			}
			none = false
			if !f(page[i]) {
				return nil
			}
		}
		if len(page) < unreadPage {
			return nil
		}
	}
}

// unreadPage is how many messages are read at once.
const unreadPage = 32

// IsUnread tells whether a message came and was not read on any device of this account.
func (n *Node) IsUnread(m *Message) bool {
	return !m.Own && !m.Deleted && !slices.ContainsFunc(m.Marks, func(k chat.Mark) bool { return k.Account == n.me && k.Read != 0 })
}

// MarkAllRead marks as read, and tells the author of, all messages of a conversation that are unread, at most MaxUnread.
func (n *Node) MarkAllRead(ctx context.Context, with Account) error {
	var ids []MessageID
	if err := n.unread(with, func(m Message) bool {
		ids = append(ids, m.Ref.ID)
		return len(ids) < MaxUnread
	}); err != nil {
		return err
	}
	for some := range slices.Chunk(ids, 256) {
		if err := n.MarkRead(ctx, with, some...); err != nil {
			return err
		}
	}
	return nil
}

// Awake returns the accounts of which a device was heard, and was not missed since.
func (n *Node) Awake() []Account {
	seen := make(map[identity.Account]bool)
	for _, d := range n.couriers.awake() {
		if d.account != n.me {
			seen[d.account] = true
		}
	}
	out := make([]Account, 0, len(seen))
	for a := range seen {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Account) int { return slices.Compare(a[:], b[:]) })
	return out
}

// Name returns how the account is called, and what it says of itself.
func (n *Node) Name() (name, about string) {
	s := n.currentSelf()
	return s.Name, s.About
}

// Devices returns the numbers of the account's active devices.
func (n *Node) Devices() (out []uint8) {
	for _, d := range n.currentSelf().view.Devices() {
		out = append(out, d.Number())
	}
	return out
}

// Found is a message, and whose conversation it is in.
type Found struct {
	With Account
	Ref  Ref
}

// Find returns the messages whose IDs lie between two, both included: to name a message by the beginning of its ID. It
// returns at most most of them.
func (n *Node) Find(from, to MessageID, most int) ([]Found, error) {
	all, err := n.config.Vault.Conversations()
	if err != nil {
		return nil, err
	}
	var out []Found
	for _, c := range all {
		for _, author := range []Account{n.me, Account(c)} {
			refs, err := n.config.Vault.Refs(c, author, from, to, most-len(out))
			if err != nil {
				return nil, err
			}
			for _, r := range refs {
				if _, err := n.Message(Account(c), r); errors.Is(err, ErrUnknownMessage) {
					continue // it is not shown
				} else if err != nil {
					return nil, err
				}
				out = append(out, Found{Account(c), r})
			}
			if len(out) >= most {
				return out, nil
			}
		}
	}
	return out, nil
}

// Oldest returns the oldest message that people see of those that wait for a device, and when it was said; false if there
// is none.
func (n *Node) Oldest(with Account, number uint8) (ref Ref, said time.Time, ok bool) {
	d := device{with, number}
	for _, post := range n.queues.after(d, 0, MaxQueue) {
		p, err := n.couriers.look(d, post)
		if err == nil && p != nil && p.Kind.Shown() {
			return chat.Ref{Author: n.me, ID: p.ID}, p.said(), true
		}
	}
	return Ref{}, time.Time{}, false
}
