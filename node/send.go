package node

import (
	"context"
	"slices"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// Send says a text to a contact, as an answer to another message if reply is not zero. It returns what names the
// message once it is durable here: from then on it is delivered, however long that takes, or shown as failed. The
// text has 1 to chat.TextSize bytes. The errors are ErrUnknownContact, ErrBlocked, ErrRevoked, ErrOutboxFull, those of chat.Message,
// and the vault's.
func (n *Node) Send(ctx context.Context, to Account, text string, reply Ref) (Ref, error) {
	return n.say(ctx, to, func(_ *turn, m *chat.Message) (chat.Time, error) {
		fillText(m, text, reply)
		return 0, nil
	})
}

// React puts an emoji to a message of the conversation with an account; an empty one takes it back.
func (n *Node) React(ctx context.Context, with Account, target Ref, emoji string) error {
	_, err := n.say(ctx, with, func(t *turn, m *chat.Message) (chat.Time, error) {
		it, err := t.shown(with, target)
		if err != nil {
			return 0, err
		}
		m.Kind, m.Reaction = chat.KindReaction, &chat.Reaction{Target: target, Emoji: emoji}
		for _, r := range it.Reactions {
			if r.Account == n.me {
				return r.Time, nil
			}
		}
		return 0, nil
	})
	return err
}

// Edit gives an own message another text.
func (n *Node) Edit(ctx context.Context, with Account, target MessageID, text string) error {
	_, err := n.say(ctx, with, func(t *turn, m *chat.Message) (chat.Time, error) {
		it, err := t.shown(with, chat.Ref{Author: n.me, ID: target})
		if err != nil {
			return 0, err
		}
		m.Kind, m.Edit = chat.KindEdit, &chat.Edit{Target: target, Text: text}
		if it.Edit != nil {
			return it.Edit.Time, nil
		}
		return 0, nil
	})
	return err
}

// Delete takes own messages back from everyone.
func (n *Node) Delete(ctx context.Context, with Account, targets ...MessageID) error {
	_, err := n.say(ctx, with, func(t *turn, m *chat.Message) (chat.Time, error) {
		for _, id := range targets {
			if _, err := t.shown(with, chat.Ref{Author: n.me, ID: id}); err != nil {
				return 0, err
			}
		}
		m.Kind, m.Delete = chat.KindDelete, &chat.Delete{Targets: targets}
		return 0, nil
	})
	return err
}

// Erase takes messages away on this device alone.
func (n *Node) Erase(ctx context.Context, with Account, targets ...Ref) error {
	id := chat.Direct(with)
	return n.run(ctx, func(t *turn) error {
		for _, ref := range targets {
			it, err := t.item(id, ref)
			if err != nil {
				return err
			}
			it.Erase()
			if err := t.putItem(id, it); err != nil {
				return err
			}
			t.tellMessage(id, ref)
		}
		return nil
	})
}

// MarkRead tells the author, and the own other devices, that messages were read: all that are named, at most 256. Where
// Privacy or the contact's state forbids it, this device alone knows.
func (n *Node) MarkRead(ctx context.Context, with Account, ids ...MessageID) error {
	return n.run(ctx, func(t *turn) error {
		c, err := t.partner(with)
		if err != nil {
			return err
		}
		var unread []MessageID
		for _, id := range ids {
			it, err := t.shown(with, chat.Ref{Author: with, ID: id})
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(it.Marks, func(m chat.Mark) bool { return m.Account == n.me && m.Read != 0 }) {
				unread = append(unread, id)
			}
		}
		if len(unread) == 0 {
			return nil
		}
		read := func(m *chat.Message) {
			m.Kind, m.Receipt = chat.KindReceipt, &chat.Receipt{Author: with, Read: unread}
		}
		privacy, err := readPrivacy(t.batch.Get)
		if err != nil {
			return err
		}
		if privacy.NoReceipts || c.State != Accepted && c.State != Asked { // a stranger is not told
			_, m := chat.NewMessage(chat.Clock{}, t.now, 0)
			read(m)
			return t.fail(t.apply(c, m, chat.Author{Account: n.me, Device: n.number}))
		}
		_, err = t.say(c, 0, 0, read)
		return err
	})
}

// TryAgain queues what failed once more: for the devices that the account has now. The error is ErrUnknownMessage if
// nothing failed.
func (n *Node) TryAgain(ctx context.Context, with Account, id MessageID) error {
	return n.run(ctx, func(t *turn) error {
		c, err := t.partner(with)
		if err != nil {
			return err
		}
		active := t.devices(c)
		found := false
		for _, q := range n.queues.of(id) {
			p, err := t.post(q.device, q.post)
			if err != nil {
				return err
			}
			if p == nil || p.state.State != chat.Failed || p.account != with {
				continue
			}
			found = true
			if p.number != 0 && !slices.Contains(active, p.device) {
				t.removePost(p)
				again := p.unsealed(device{with, 0})
				again.Said = millisOf(t.now)
				err = t.queuePost(again)
			} else {
				err = t.unpark(p)
			}
			if err != nil {
				return t.fail(err)
			}
		}
		if !found {
			return ErrUnknownMessage
		}
		return nil
	})
}

// unsealed returns the post for another device.
func (p *post) unsealed(to device) *post {
	return &post{device: to, postBody: postBody{
		Conversation: p.Conversation, ID: p.ID, Kind: p.Kind, Message: p.Message, Copy: p.Copy, Said: p.Said,
	}}
}

// say says something to a contact: fill sets kind and body, and returns the time of what the message takes the place of.
func (n *Node) say(ctx context.Context, to Account, fill func(*turn, *chat.Message) (chat.Time, error)) (ref Ref, err error) {
	err = n.run(ctx, func(t *turn) error {
		c, err := t.partner(to)
		if err != nil {
			return err
		}
		var m chat.Message
		after, err := fill(t, &m)
		if err != nil {
			return err
		}
		if c.State == Requested { // who answers accepts
			if err := t.accept(c); err != nil {
				return err
			}
			c = t.contact(to)
		}
		id, err := t.say(c, after, MaxQueue, func(out *chat.Message) {
			m.Time, m.Ahead = out.Time, out.Ahead
			if m.ID == (chat.ID{}) {
				m.ID = out.ID
			}
			*out = m
		})
		ref = chat.Ref{Author: n.me, ID: id}
		return err
	})
	return ref, err
}

// ErrRevoked says that this device was taken off the account: it can read what it has, and say nothing.
var ErrRevoked = identity.ErrRevoked

// partner returns a contact that one can talk to.
func (t *turn) partner(a Account) (*contact, error) {
	if _, err := t.getSelf().entry(); err != nil {
		return nil, err
	}
	switch c := t.contact(a); {
	case c == nil || c.State == myself:
		return nil, ErrUnknownContact
	case c.State == Blocked:
		return nil, ErrBlocked
	default:
		return c, nil
	}
}

// devices returns the active devices of a contact, or the device 0 if they are not known.
func (t *turn) devices(c *contact) (out []device) {
	for _, d := range c.view.Devices() {
		out = append(out, device{c.account, d.Number()})
	}
	if len(out) == 0 {
		out = append(out, device{c.account, 0})
	}
	return out
}

// say stores a message here and queues it for all devices of the contact, and for the own others. most is how many
// posts may wait for a device, 0 for signals and the like, which have some room of their own. It looks before it changes.
func (t *turn) say(c *contact, after chat.Time, most int, fill func(*chat.Message)) (chat.ID, error) {
	id := c.conversation()
	clock, err := t.clock(id)
	if err != nil {
		return chat.ID{}, err
	}
	clock, m := chat.NewMessage(clock, t.now, after)
	fill(m)
	b, err := m.AppendTo(nil)
	if err != nil {
		return chat.ID{}, err
	}
	to := t.devices(c)
	if most == 0 {
		most = 2 * MaxQueue
	}
	for _, d := range to {
		if t.waiting(d) >= most {
			return chat.ID{}, ErrOutboxFull
		}
	}
	t.batch.Unheard(id, chat.Ref{Author: t.n.me, ID: m.ID})
	if err := t.apply(c, m, chat.Author{Account: t.n.me, Device: t.n.number}); err != nil {
		return chat.ID{}, err
	}
	t.clocks[id] = clock
	numbers := make(map[identity.Account][]byte)
	for _, d := range to {
		if d.number != 0 {
			numbers[d.account] = append(numbers[d.account], d.number)
		}
		if err := t.queuePost(&post{device: d, postBody: postBody{
			Conversation: id, ID: m.ID, Kind: m.Kind, Message: b, Said: millisOf(t.now),
		}}); err != nil {
			return chat.ID{}, t.fail(err)
		}
	}
	if m.Kind == chat.KindSignal { // between two devices
		return m.ID, nil
	}
	if len(t.n.ownBoxes()) > 0 { // the descriptor does not say where this device itself is
		for _, d := range to {
			if err := t.tellSite(d); err != nil {
				return chat.ID{}, t.fail(err)
			}
		}
	}
	own := &chat.Copy{Conversation: id}
	if list := numbers[c.account]; len(list) > 0 {
		own.Recipients = []chat.Recipient{{Account: c.account, Devices: list}}
	}
	for _, d := range t.getSelf().view.Devices() {
		if d.Number() == t.n.number {
			continue
		}
		if err := t.queuePost(&post{device: device{t.n.me, d.Number()}, postBody: postBody{
			Conversation: id, ID: m.ID, Kind: m.Kind, Message: b, Copy: own, Said: millisOf(t.now),
		}}); err != nil {
			return chat.ID{}, t.fail(err)
		}
	}
	return m.ID, nil
}

// signal queues a signal for all devices of a contact.
func (t *turn) signal(c *contact, s *signal) error {
	b, err := s.marshal()
	if err != nil {
		return err
	}
	_, err = t.say(c, 0, 0, func(m *chat.Message) { m.Kind, m.Signal = chat.KindSignal, &chat.Opaque{Bytes: b} })
	return err
}

// signalTo queues a signal for one device.
func (t *turn) signalTo(d device, s *signal) error {
	b, err := s.marshal()
	if err != nil {
		return err
	}
	_, m := chat.NewMessage(chat.Clock{}, t.now, 0)
	m.Kind, m.Signal = chat.KindSignal, &chat.Opaque{Bytes: b}
	raw, err := m.AppendTo(nil)
	if err != nil {
		return err
	}
	return t.queuePost(&post{device: d, postBody: postBody{
		Conversation: chat.Direct(d.account), ID: m.ID, Kind: m.Kind, Message: raw, Said: millisOf(t.now), Light: s.light(),
	}})
}

// queuePost adds a post, sealed if there is a session and nothing before it has to be sealed first.
func (t *turn) queuePost(p *post) error {
	if q := t.peer(p.device); q != nil && !t.behind(p.device) && t.listed(q) {
		s, err := t.sealing(p.device)
		if err == nil {
			if q, err = q.clone(); err != nil {
				return err
			}
			next := *p
			if q.usable(t.now) && q.seal(&next, s) == nil {
				t.putPeer(q, false)
				return t.addPost(&next)
			}
		}
	}
	t.backlog[p.device] = true
	return t.addPost(p)
}

// sealing returns what is sealed with every post for a device.
func (t *turn) sealing(d device) (*sealing, error) {
	c := t.contact(d.account)
	if c == nil {
		return nil, ErrUnknownContact
	}
	out := &sealing{me: t.n.envelopeParty(), self: t.getSelf(), now: t.now}
	if c.view.Manifest() != nil {
		head := c.view.Head()
		out.seen = &head
	}
	return out, nil
}

// item reads what is known of a message. The error is ErrUnknownMessage if that is nothing.
func (t *turn) item(id chat.ConversationID, ref chat.Ref) (*chat.Item, error) {
	it, err := t.batch.Item(id, ref)
	if err != nil {
		return nil, notFound(err)
	}
	return it, nil
}

// shown reads a message of the conversation with an account that is shown.
func (t *turn) shown(with Account, ref chat.Ref) (*chat.Item, error) {
	it, err := t.item(chat.Direct(with), ref)
	if err != nil {
		return nil, err
	}
	if _, ok := it.Line(t.n.me, t.now); !ok {
		return nil, ErrUnknownMessage
	}
	return it, nil
}

func (t *turn) putItem(id chat.ConversationID, it *chat.Item) error {
	t.changes++
	if err := t.batch.PutItem(id, it); err != nil {
		return t.fail(err)
	}
	return nil
}
