package node

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

func notFound(err error) error {
	if errors.Is(err, vault.ErrNotFound) {
		return ErrUnknownMessage
	}
	return err
}

// apply stores what a message says, in the conversation with c: of this device, or of another. The error is the vault's,
// or chat.ErrMessage.
func (t *turn) apply(c *contact, m *chat.Message, from chat.Author) error {
	id := c.conversation()
	for _, ref := range m.Targets(from.Account) {
		it, err := t.item(id, ref)
		fresh := errors.Is(err, ErrUnknownMessage)
		if fresh {
			it = &chat.Item{Ref: ref}
		} else if err != nil {
			return err
		}
		waits := it.Message == nil
		if fresh && !m.Kind.Shown() && c.Waiting >= chat.MaxWaiting {
			continue // said about messages that never came: nobody fills the vault with that
		}
		if err := it.Apply(m, from, t.now); errors.Is(err, chat.ErrFull) {
			continue
		} else if err != nil {
			return err
		}
		if err := t.putItem(id, it); err != nil {
			return err
		}
		if count := waiting(c.Waiting, fresh, waits, it.Message == nil); count != c.Waiting {
			c = c.clone()
			c.Waiting = count
			t.putContact(c)
		}
		if waits && it.Message != nil && ref.Author != t.n.me {
			t.after(func() { t.n.floors.lift(c.account) })
		}
		t.tellMessage(id, ref)
	}
	if m.Kind == chat.KindCall || m.Kind == chat.KindSignal || m.Kind == chat.KindRetry { // they leave no item to know them by
		hash, _, seen, err := t.seenBefore(slices.Concat([]byte("message"), from.Account[:], m.ID[:]))
		if err != nil || seen {
			return err
		}
		t.remember(hash, chat.ID{})
	}
	switch m.Kind {
	case chat.KindProfile:
		t.takeProfile(c, m, from)
	case chat.KindAvatar:
		t.takePicture(c, m, from)
	case chat.KindSignal:
		if from != (chat.Author{Account: t.n.me, Device: t.n.number}) {
			return t.takeSignal(c, m, from)
		}
	case chat.KindRetry:
		d := device{from.Account, from.Device}
		if from.Account == t.n.me && from.Device == t.n.number || t.now.Sub(t.n.retried[d]).Abs() < resetEvery {
			return nil // whoever asks all the time does not make us seal all the time
		}
		t.n.retried[d] = t.now
		t.reset(d, false)
	case chat.KindCall:
		if from.Account == c.account && c.State == Accepted {
			t.tell(Event{Kind: EventCallSignal, Conversation: id, Account: from.Account, Device: from.Device})
			t.takeCall(m, from)
		}
	default:
	}
	return nil
}

// waiting counts the items without a message.
func waiting(count uint32, fresh, was, is bool) uint32 {
	switch {
	case fresh && is:
		return count + 1
	case !fresh && was && !is && count > 0:
		return count - 1
	default:
		return count
	}
}

// takeProfile remembers how somebody is called: the latest counts.
func (t *turn) takeProfile(c *contact, m *chat.Message, from chat.Author) {
	if from.Account == t.n.me {
		if s := t.getSelf(); m.Time > s.Profile {
			s = s.clone()
			s.Name, s.About, s.Profile = m.Profile.Name, m.Profile.About, m.Time
			t.putSelf(s)
		}
		return
	}
	if later := cmp.Or(cmp.Compare(m.Time, c.NameTime), bytes.Compare(m.ID[:], c.NameID[:])); later <= 0 {
		return
	}
	c = c.clone()
	c.Name, c.About, c.NameTime, c.NameID = m.Profile.Name, m.Profile.About, m.Time, m.ID
	t.putContact(c)
	t.tell(Event{Kind: EventContact, Account: c.account})
}

// takeSignal does what another node asks for.
func (t *turn) takeSignal(c *contact, m *chat.Message, from chat.Author) error {
	s, err := parseSignal(m.Signal.Bytes)
	if err != nil {
		t.n.log.Warn("a signal is not as it must be", "error", err)
		return nil
	}
	if from.Account != c.account {
		return nil // a copy: signals go from device to device
	}
	if s.Contact != nil && c.State == myself {
		return t.takeContact(s.Contact)
	}
	for _, id := range s.Took {
		if err := t.tookIt(device{from.Account, from.Device}, id); err != nil {
			return err
		}
	}
	next := c.clone()
	changed := false
	if s.Manifest != nil {
		if view, _, err := c.view.Read(s.Manifest); err == nil && !view.Equal(c.view) {
			if err := t.takeView(next, view); err != nil {
				return err
			}
			changed = true
		}
	}
	if s.Site != nil && s.Site.Number == from.Device && next.place(true, *s.Site) {
		changed = true
		t.wakeAll(next)
	}
	if s.Address != "" {
		if a, err := identity.ParseAddress(s.Address); err == nil && a.Account == c.account && a.Discovery != c.Discovery {
			next.moveTo(a.Discovery)
			changed = true
		}
	}
	if changed {
		t.putContact(next)
		c = next
	}
	if s.Accepted && c.State == Asked {
		return t.befriend(c)
	}
	if s.Request == nil || c.State == myself {
		return nil
	}
	if c.Name == "" && s.Request.Name != "" {
		c = c.clone()
		c.Name = s.Request.Name
		t.putContact(c)
	}
	switch c.State {
	case Asked: // both ask
		return t.befriend(c)
	case Accepted: // it lost what it knew, or never heard that it is
		if d := (device{account: c.account}); t.now.Sub(t.n.retried[d]).Abs() > acceptEvery {
			t.n.retried[d] = t.now
			return t.accept(c)
		}
		return nil
	case Requested:
		fits, err := t.fits(s.Request.Token)
		if err != nil {
			return err
		}
		if fits {
			return t.accept(c)
		}
	default:
	}
	t.tell(Event{Kind: EventContact, Account: c.account})
	return nil
}

// acceptEvery is how often a contact that asks again is told that it is one.
const acceptEvery = 10 * time.Minute

// befriend makes an account that was asked a contact.
func (t *turn) befriend(c *contact) error {
	c = c.clone()
	c.State, c.Token, c.Hints = Accepted, nil, nil
	if err := t.changed(c); err != nil {
		return err
	}
	return t.introduce(c)
}

// takeView gives a clone of a contact another view: what waits for devices that are gone is given up, and what waits for
// the others goes to new devices, too.
func (t *turn) takeView(c *contact, view identity.View) error {
	c.view = view
	c.place(false)
	c.Reconcile = true
	if c.account == t.n.me {
		s := t.getSelf().clone()
		s.view = view
		t.putSelf(s)
		t.after(t.n.touch)
	}
	t.putContact(c)
	t.tell(Event{Kind: EventContact, Account: c.account})
	for _, d := range t.peersOf(c.account) {
		if p := t.peer(d); p != nil && view.Check(d.number, p.identity) != nil {
			t.dropPeer(d)
		}
	}
	t.after(t.n.tidyUp)
	t.wakeAll(c)
	return nil
}

// peersOf returns the devices of an account with which there are sessions.
func (t *turn) peersOf(a identity.Account) (out []device) {
	for d := range t.n.state.peers {
		if d.account == a {
			out = append(out, d)
		}
	}
	for d := range t.peers {
		if d.account == a && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

func (t *turn) wakeAll(c *contact) {
	for _, d := range t.devices(c) {
		t.wake[d] = true
	}
	t.wake[device{c.account, 0}] = true
}

// heads compares what each knows of the other's devices: who knows less gets the newer manifest.
func (t *turn) heads(c *contact, p *peer, in *envelope.Inner) {
	if c.State != Accepted && c.State != Asked && c.State != myself {
		return // a stranger does not make us say where we are
	}
	if own := t.getSelf().view; in.Seen != nil && own.Head().Newer(*in.Seen) && p.account != t.n.me {
		t.tellManifest(p.device, own)
	}
	if in.Head.Newer(c.view.Head()) {
		t.after(func() { t.n.couriers.seek(c.account) }) // at most now and then
	}
}

// tellManifest tells a device the own manifest, once for each.
func (t *turn) tellManifest(d device, own identity.View) {
	head := own.Head()
	if t.n.told[d] == head {
		return
	}
	t.n.told[d] = head
	if err := t.signalTo(d, &signal{Manifest: own.Manifest().AppendTo(nil)}); err != nil {
		_ = t.fail(err)
	}
}

// reset makes everything that waits for a device be sealed anew: in a session to come where the other side has lost the
// last one.
func (t *turn) reset(d device, lost bool) {
	p := t.peer(d)
	if p == nil {
		return
	}
	q := *p
	q.generation++
	q.lost = q.lost || lost
	t.putPeer(&q, false)
	t.backlog[d] = true
	t.wake[d] = true
	t.n.stats.resets.Add(1)
}

// acked is what an acknowledgement of the other device changes: the message is delivered there. The post is as it left;
// if it was sealed anew meanwhile, the message has arrived all the same.
func (t *turn) acked(p *post) error {
	d := p.device
	if !t.queued(d, p.number) {
		return nil
	}
	if t.alone { // where the disk is full, this makes room
		t.batch.Urgent = true
	}
	if q := t.peer(d); q != nil {
		if next := q.acknowledged(p); next != q {
			t.putPeer(next, false)
		}
	}
	t.removePost(p)
	ref := chat.Ref{Author: t.n.me, ID: p.ID}
	state := p.state.Step(t.now, chat.Input{Event: chat.Acked}, 0)
	if p.Kind.Shown() && d.account != t.n.me {
		t.put(vault.Delivery, deliveryKey(d, p.ID), binary.BigEndian.AppendUint64(nil, uint64(chat.At(t.now))))
	}
	t.tellDelivery(p.Conversation, ref, d, state)
	return nil
}
