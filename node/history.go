package node

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

// Message is a line of a conversation, and where it is.
type Message struct {
	Ref Ref
	Line
	Own        bool
	Deliveries []Way // of own messages: one for each device that it goes to
}

// Way is how far an own message came on its way to one device.
type Way struct {
	Account Account
	Device  uint8 // 0: the account's devices are not known yet
	Delivery
	At time.Time // when it was delivered or read, by the other device's word
}

// State returns how far a message came: with the device where it came farthest. It is chat.Queued for one that has
// nowhere to go yet.
func (m *Message) State() chat.State {
	best := chat.Queued
	for i, w := range m.Deliveries {
		if i == 0 || rank(w.State) > rank(best) {
			best = w.State
		}
	}
	return best
}

// rank orders states by how far a message came.
func rank(s chat.State) int {
	return slices.Index([]chat.State{chat.Failed, chat.Queued, chat.Kept, chat.Delivered, chat.Read}, s)
}

// Messages returns up to most messages of the conversation with an account before a place, the newest first; a zero
// place is behind the newest. If there are fewer, there are no more.
func (n *Node) Messages(with Account, before chat.Place, most int) ([]Message, error) {
	return n.gather(with, before, most, n.config.Vault.Page)
}

// MessagesAfter returns up to most messages of the conversation with an account after a place, the oldest first; a zero
// place is before the oldest. If there are fewer, there are no more.
func (n *Node) MessagesAfter(with Account, after chat.Place, most int) ([]Message, error) {
	return n.gather(with, after, most, n.config.Vault.After)
}

// gather reads on from a place until there are most messages: what was erased or has expired is not shown, and takes no
// other's room.
func (n *Node) gather(with Account, from chat.Place, most int, read func(chat.ConversationID, chat.Place, int) ([]*chat.Item, error)) ([]Message, error) {
	var out []Message
	for len(out) < most {
		want := min(most-len(out), vault.MaxPage)
		items, err := read(chat.Direct(with), from, want)
		if err != nil {
			return nil, err
		}
		shown, err := n.show(with, items)
		if err != nil {
			return nil, err
		}
		out = append(out, shown...)
		if len(items) < want {
			break
		}
		var ok bool
		if from, ok = items[len(items)-1].Place(); !ok {
			break
		}
	}
	return out, nil
}

// PlaceAt returns the place before all that was said at a time, or later.
func PlaceAt(t time.Time) Place { return Place{Time: chat.At(t)} }

// Newest returns up to most messages of the conversation with an account, the newest first.
func (n *Node) Newest(with Account, most int) ([]Message, error) {
	return n.Messages(with, chat.Place{}, most)
}

// Message returns one message of the conversation with an account. The error is ErrUnknownMessage.
func (n *Node) Message(with Account, ref Ref) (Message, error) {
	it, err := n.config.Vault.Item(chat.Direct(with), ref)
	if err != nil {
		return Message{}, notFound(err)
	}
	out, err := n.show(with, []*chat.Item{it})
	if err != nil {
		return Message{}, err
	}
	if len(out) == 0 {
		return Message{}, ErrUnknownMessage
	}
	return out[0], nil
}

// Search calls f with the messages that hold a text, the newest first, until f returns false. A zero account searches
// all conversations.
func (n *Node) Search(ctx context.Context, text string, with Account, f func(ConversationID, Message) bool) error {
	q := vault.Query{Text: text, Me: n.me, Now: n.now()}
	if !with.IsZero() {
		q.Conversation = chat.Direct(with)
	}
	var failed error
	err := n.config.Vault.Search(ctx, q, func(c chat.ConversationID, it *chat.Item) bool {
		found, err := n.show(Account(c), []*chat.Item{it})
		failed = err
		return err == nil && (len(found) == 0 || f(c, found[0]))
	})
	return errors.Join(err, failed)
}

// show returns items of the conversation with an account as they are shown.
func (n *Node) show(with Account, items []*chat.Item) ([]Message, error) {
	out := make([]Message, 0, len(items))
	now := n.now()
	for _, it := range items {
		line, ok := it.Line(n.me, now)
		if !ok {
			continue
		}
		m := Message{Ref: it.Ref, Line: line, Own: it.Ref.Author == n.me}
		if m.Own {
			var err error
			if m.Deliveries, err = n.ways(with, it); err != nil {
				return nil, err
			}
		}
		out = append(out, m)
	}
	return out, nil
}

// ways returns where an own message is: read, by the marks of its item; delivered, by acknowledgements; otherwise in the
// outbox.
func (n *Node) ways(with Account, it *chat.Item) (out []Way, err error) {
	for _, mark := range it.Marks {
		if mark.Account == n.me {
			continue
		}
		w := Way{Account: mark.Account, Device: mark.Device, Delivery: chat.Delivery{State: chat.Delivered}, At: mark.Delivered.Time()}
		if mark.Read != 0 {
			w.State, w.At = chat.Read, mark.Read.Time()
		}
		out = append(out, w)
	}
	known := func(d device) bool {
		return slices.ContainsFunc(out, func(w Way) bool { return w.Account == d.account && w.Device == d.number })
	}
	prefix := deliveryKey(device{account: with}, it.Ref.ID)
	prefix = prefix[:len(prefix)-1]
	err = n.config.Vault.Each(vault.Delivery, prefix, func(key, value []byte) error {
		d := device{with, key[len(key)-1]}
		if len(value) == 8 && !known(d) {
			at := chat.Time(binary.BigEndian.Uint64(value)).Time()
			out = append(out, Way{Account: with, Device: d.number, Delivery: chat.Delivery{State: chat.Delivered}, At: at})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, q := range n.queues.of(it.Ref.ID) {
		if q.account == n.me || known(q.device) {
			continue
		}
		w := Way{Account: q.account, Device: q.number}
		if p, err := n.couriers.look(q.device, q.post); err == nil && p != nil {
			w.Delivery = p.state
		}
		if w.State == chat.Queued && w.Why == "" {
			w.Why = n.couriers.why(q.device)
		}
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b Way) int {
		return cmp.Or(slices.Compare(a.Account[:], b.Account[:]), cmp.Compare(a.Device, b.Device))
	})
	return out, nil
}

// deliveryKey is where it is stored when a device acknowledged a message.
func deliveryKey(d device, id chat.ID) []byte {
	return append(append(append(make([]byte, 0, 49), d.account[:]...), id[:]...), d.number)
}

// Missing tells how many messages of each device of an account have been announced by later ones, and have not come.
func (n *Node) Missing(ctx context.Context, a Account) (map[uint8]uint64, error) {
	out := make(map[uint8]uint64)
	err := n.run(ctx, func(*turn) error {
		for d, p := range n.state.peers {
			if d.account != a {
				continue
			}
			for _, r := range p.missing {
				out[d.number] += r.Last - r.First + 1
			}
		}
		return nil
	})
	return out, err
}

// queued is a post that waits.
type queued struct {
	device
	post uint64
}

// of returns the posts that carry a message.
func (q *queues) of(id chat.ID) []queued {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return slices.Clone(q.messages[id])
}

// why returns why nothing leaves for a device, empty if it is on its way.
func (c *couriers) why(d device) string {
	c.mu.Lock()
	k := c.by[d]
	c.mu.Unlock()
	if k == nil {
		return ""
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.why()
}

// why is called with the lock.
func (k *courier) why() string {
	switch {
	case k.reason == "":
		return ""
	case k.unkept != nil:
		return k.reason + "; " + reasonOf(k.unkept)
	}
	if _, boxes := k.carrier.boxes(); k.n.mail != nil && len(boxes) > 0 { // that its device does not answer is no trouble
		return ""
	}
	return k.reason
}
