package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/ratchet"
	"github.com/linnetmesh/linnet/crypto/session"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/frame"
)

// dedupeFor is how long the hash of a session message is remembered: longer than post can be on its way.
const dedupeFor = 60 * 24 * time.Hour

// openings bounds how many first messages of strangers are opened at once: each costs about 2 ms.
const maxOpenings = 4

// incoming is an envelope that came, as far as it can be read outside of a turn.
type incoming struct {
	form   envelope.Form
	name   envelope.Name
	bytes  []byte
	from   identity.TransportKey // who brought it; zero: a relay kept it
	opened envelope.Opened       // of form 1
	first  *session.PreKeyMessage
	sender device // by its tag or seal; zero: not known
}

// serveDeliver takes envelopes from one stream. It answers each once what it brought is durable.
func (n *Node) serveDeliver(ctx context.Context, key identity.TransportKey, conn net.Conn) {
	stream := frame.New(conn, envelope.MaxSize, lanePatience)
	w := newAnswerer(frame.New(conn, frame.Max, lanePatience))
	defer w.close()
	for {
		b, err := stream.ReadWithin(2 * idleTime)
		if err != nil {
			return
		}
		in := &incoming{name: envelope.NameOf(b), bytes: b, from: key}
		if in.form, err = envelope.FormOf(b); err != nil {
			return // it does not speak this protocol
		}
		if in.form == envelope.FormOpening && !n.openFirst(ctx, in) {
			if !w.begin(ctx) {
				return
			}
			w.end(answer{status: statusClosed, name: in.name}, true)
			continue
		}
		if !w.begin(ctx) {
			return
		}
		o := &op{do: func(t *turn) error { return n.receive(t, in, w.end) }, done: make(chan error, 1)}
		o.failed = func(error) { w.end(answer{status: statusBusy, name: in.name}, in.form != envelope.FormWeak) }
		if n.submit(ctx, o) != nil {
			return
		}
	}
}

// openFirst opens a first message outside of the turns: anybody can send one, and it takes a while.
func (n *Node) openFirst(ctx context.Context, in *incoming) bool {
	select {
	case n.openings <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-n.openings }()
	for _, key := range n.envelopeKeys() {
		opened, err := envelope.OpenOpening(key, n.envelopeParty(), in.bytes)
		if err != nil {
			continue
		}
		if in.first, err = session.ParsePreKeyMessage(opened.Message); err != nil {
			return false
		}
		in.opened, in.sender = opened, device{opened.Sender.Account, opened.Sender.Device}
		return true
	}
	return false
}

// receive is the one way in: whatever brought an envelope, it is read here. What is answered goes to end once it is durable;
// nothing is to be said where say is false.
func (n *Node) receive(t *turn, in *incoming, end func(a answer, say bool)) error {
	var a answer
	var err error
	switch in.form {
	case envelope.FormOpening:
		a, err = n.receiveFirst(t, in)
	case envelope.FormSession:
		a, err = n.receiveSession(t, in)
	default:
		t.after(func() { end(answer{}, false) })
		n.receiveWeak(t, in)
		return nil
	}
	if err != nil {
		return err
	}
	if a.status == statusStored {
		n.stats.received.Add(1)
	}
	t.after(func() { end(a, a.status != 0) })
	return nil
}

// stored is the answer to an envelope whose content is durable when the turn is.
func (in *incoming) stored(o envelope.Opened) (answer, error) {
	ack, err := o.Ack.Acknowledge(in.name)
	return answer{status: statusStored, name: in.name, ack: ack}, err
}

func (in *incoming) answer(s status) (answer, error) { return answer{status: s, name: in.name}, nil }

// seenBefore tells whether a session message was taken before, and with which message in it, if it could be read.
// Otherwise it is to be remembered with remember.
func (t *turn) seenBefore(message []byte) (hash [32]byte, id chat.ID, seen bool, err error) {
	hash = sha256.Sum256(message)
	b, err := t.batch.Get(vault.Dedupe, hash[:])
	if errors.Is(err, vault.ErrNotFound) {
		return hash, id, false, nil
	}
	if len(b) > 1 {
		copy(id[:], b[1:])
	}
	return hash, id, err == nil, err
}

func (t *turn) remember(hash [32]byte, id chat.ID) {
	t.changes++
	value := []byte{1}
	if id != (chat.ID{}) {
		value = append(value, id[:]...)
	}
	_ = t.fail(t.batch.PutUntil(vault.Dedupe, hash[:], value, t.now.Add(dedupeFor)))
}

// reading is a plaintext, as far as it can be read.
type reading struct {
	plain   *chat.Plaintext // nil if it is none
	message *chat.Message   // nil if there is none, or err
	err     error
}

func read(b []byte) (r reading) {
	if r.plain, r.err = chat.ParsePlaintext(b); r.err != nil {
		r.plain = nil
		return r
	}
	if len(r.plain.Message) > 0 {
		if r.message, r.err = chat.ParseMessage(r.plain.Message); r.err != nil {
			r.message = nil
		}
	}
	return r
}

// id returns what names the message, zero if there is none that can be read, or nobody waits for word that it came: of
// three relays that keep it, two bring a duplicate, and each word of one would be answered by words of its duplicates.
func (r *reading) id() chat.ID {
	if r.message == nil || !wantsWord(r.message) {
		return chat.ID{}
	}
	return r.message.ID
}

// again confirms what came before, if a relay brought it: the last confirmation may have been lost.
func (t *turn) again(in *incoming, d device, id chat.ID) {
	t.n.stats.duplicates.Add(1)
	if in.from.IsZero() && id != (chat.ID{}) {
		t.confirm(d, id)
	}
}

// receiveSession takes an envelope of form 2.
func (n *Node) receiveSession(t *turn, in *incoming) (answer, error) {
	tag, err := envelope.TagOf(in.bytes)
	if err != nil {
		return in.answer(statusUnknown)
	}
	at, ok := t.findTag(tag)
	if !ok || at.tag.Form != envelope.FormSession {
		n.stats.unreadable.Add(1)
		return in.answer(statusUnknown)
	}
	in.sender = at.device
	p := t.peer(at.device)
	c := t.contact(at.device.account)
	if p == nil || c == nil {
		return in.answer(statusUnknown)
	}
	if c.State == Blocked {
		return answer{}, nil
	}
	if !t.listed(p) {
		n.stats.unreadable.Add(1)
		return in.answer(statusClosed)
	}
	i := slices.IndexFunc(p.channels, func(c *channel) bool { return c.id == at.channel })
	if i < 0 {
		return in.answer(statusUnknown)
	}
	receiver, opened, err := p.channels[i].receiver.OpenAt(at.tag, in.bytes)
	if err != nil {
		n.stats.unreadable.Add(1)
		return in.answer(statusUnknown)
	}
	if opened.Sender != (envelope.Party{Account: p.account, Device: p.number}) {
		return in.answer(statusClosed)
	}
	hash, id, seen, err := t.seenBefore(opened.Message)
	if err != nil {
		return answer{}, err
	}
	if seen {
		t.again(in, p.device, id)
		return in.stored(opened)
	}
	q, err := p.clone()
	if err != nil {
		return answer{}, err
	}
	record, plaintext, err := q.record.Decrypt(opened.Message)
	if err != nil {
		// A key that is gone, without the hash that says why: the message was never stored. So it is asked for again.
		n.stats.unreadable.Add(1)
		if !errors.Is(err, ratchet.ErrDuplicate) {
			n.log.Debug("an envelope opened and its message did not", "error", err)
		}
		return in.answer(statusClosed)
	}
	plain := read(plaintext)
	if c.askedEnough(&plain) {
		return in.answer(statusBusy)
	}
	q.record = record
	oldFirst, oldLast := q.channels[i].receiver.Epochs()
	ch := q.use(i)
	ch.receiver, ch.ready, ch.secret = receiver, true, envelope.Secret{}
	t.remember(hash, plain.id())
	first, last := receiver.Epochs()
	t.putPeer(q, first != oldFirst || last != oldLast)
	if err := n.take(t, q, c, opened.Inner, &plain, in.from); err != nil {
		return answer{}, err
	}
	return in.stored(opened)
}

// receiveFirst takes an envelope of form 1, which openFirst opened.
func (n *Node) receiveFirst(t *turn, in *incoming) (answer, error) {
	from := in.opened.Sender
	if from.Account == n.me && from.Device == n.number || in.first == nil {
		return in.answer(statusClosed)
	}
	c := t.contact(from.Account)
	if c != nil && c.State == Blocked {
		return answer{}, nil
	}
	known := c != nil
	if !known {
		if from.Account == n.me {
			c = &contact{account: n.me, view: t.getSelf().view, contactBody: contactBody{State: myself, Since: millisOf(t.now)}}
		} else {
			if len(n.state.contacts) >= maxContacts {
				return in.answer(statusBusy)
			}
			c = &contact{account: from.Account, view: identity.NewView(from.Account), contactBody: contactBody{State: Requested, Since: millisOf(t.now)}}
		}
	}
	view, _, err := c.view.Read(in.opened.Manifest)
	if err != nil && !errors.Is(err, identity.ErrRollback) {
		return in.answer(statusClosed)
	}
	if view.Check(from.Device, in.first.Identity) != nil {
		return in.answer(statusClosed) // not listed, or revoked
	}
	address, err := identity.ParseAddress(in.opened.Address)
	if err == nil && address.Account != from.Account {
		return in.answer(statusClosed)
	}
	before := c.view
	c = c.clone()
	// Who restored an account has another address, which its other devices, if they are still there, do not have.
	newEpoch := view.Stewards().Epoch() > before.Stewards().Epoch()
	if err == nil && (!known || c.Discovery.IsZero() || newEpoch) {
		c.moveTo(address.Discovery)
	}
	if c.Discovery.IsZero() && from.Account != n.me {
		return in.answer(statusClosed)
	}
	hash, id, seen, err := t.seenBefore(in.opened.Message)
	if err != nil {
		return answer{}, err
	}
	if seen {
		t.again(in, device{from.Account, from.Device}, id)
		return in.stored(in.opened)
	}
	d := device{from.Account, from.Device}
	p := t.peer(d)
	if p == nil || p.identity != in.first.Identity {
		if p, err = n.newPeer(d, in.first.Identity); err != nil {
			return in.answer(statusClosed)
		}
	}
	q, err := p.clone()
	if err != nil {
		return answer{}, err
	}
	keys, last := new(session.Keys), (*private)(nil)
	if !q.record.Knows(in.first) {
		if keys, last, err = t.keys(in.first); errors.Is(err, session.ErrNoKey) || errors.Is(err, session.ErrReplayed) {
			n.stats.unreadable.Add(1)
			return in.answer(statusClosed)
		} else if err != nil {
			return answer{}, err
		}
	}
	record, accepted, err := q.record.Accept(in.first, keys)
	if err != nil {
		n.stats.unreadable.Add(1)
		return in.answer(statusClosed)
	}
	plain := read(accepted.Plaintext)
	if plain.plain == nil || plain.plain.Secret == (chat.Secret{}) {
		return in.answer(statusClosed)
	}
	secret, err := envelope.ParseSecret(plain.plain.Secret[:])
	if err != nil {
		return in.answer(statusClosed)
	}
	if c.askedEnough(&plain) {
		return in.answer(statusBusy)
	}
	if accepted.Opened && c.State == Requested && !n.openers.may(d, t.now) {
		return in.answer(statusBusy)
	}
	q.record, q.lost = record, false
	if accepted.Opened {
		if err := q.addChannel(n.envelopeParty(), secret, false, t.now); err != nil {
			return in.answer(statusClosed)
		}
		t.spend(in.first, last, accepted.Replay)
		t.tell(Event{Kind: EventSession, Account: d.account, Device: d.number})
	}
	t.remember(hash, plain.id())
	if view.Equal(before) {
		t.putContact(c)
	} else if err := t.takeView(c, view); err != nil {
		return answer{}, t.fail(err)
	}
	t.putPeer(q, true)
	if !known {
		t.tell(Event{Kind: EventContact, Account: c.account})
	}
	if err := n.take(t, q, c, in.opened.Inner, &plain, in.from); err != nil {
		return answer{}, t.fail(err)
	}
	if !known {
		t.pushOut(c.account)
	}
	return in.stored(in.opened)
}

// pushOut forgets the account that asked first, where more than maxRequests ask. Who shows an invite that fits is no
// request any more when this is looked at.
func (t *turn) pushOut(newest identity.Account) {
	var oldest *contact
	count := 0
	for _, c := range t.allContacts() {
		if c.State != Requested {
			continue
		}
		if count++; c.account != newest && (oldest == nil || c.Since < oldest.Since) {
			oldest = c
		}
	}
	if count > maxRequests && oldest != nil {
		t.removeContact(oldest)
	}
}

// askedEnough tells whether a plaintext is more than there is room for: a message beyond those that a request may bring,
// or one that needs a newer Linnet beyond those that are kept. It is not stored, and so not acknowledged, and waits at its
// sender. A request's signals come through, for they may make the account a contact.
func (c *contact) askedEnough(r *reading) bool {
	asked := c.State == Requested && c.Asked >= maxAsked
	if !asked && c.Newer < maxNewer || r.plain == nil || len(r.plain.Message) == 0 {
		return false
	}
	if errors.Is(r.err, identity.ErrNewer) {
		return true
	}
	return asked && (r.err != nil || r.message.Kind != chat.KindSignal)
}

// take stores what a session brought. The peer is a clone. An error makes the turn fail: nothing of it may stay.
func (n *Node) take(t *turn, p *peer, c *contact, in *envelope.Inner, r *reading, from identity.TransportKey) error {
	t.after(func() { n.couriers.here(p.device, from) })
	plain, m := r.plain, r.message
	if plain != nil {
		p.count(plain.Sequence)
	}
	t.heads(c, p, in)
	author := chat.Author{Account: p.account, Device: p.number}
	switch {
	case plain != nil && errors.Is(r.err, identity.ErrNewer):
		return t.keepNewer(c, author, plain)
	case r.err != nil: // a session proves that this is what the other side said: asking again would bring the same
		n.log.Warn("a message is not as it must be", "error", r.err)
		return nil //nolint:nilerr // the same
	case m == nil:
		return nil
	}
	if from.IsZero() && wantsWord(m) {
		t.confirm(p.device, m.ID)
	}
	id, err := plain.ConversationOf(m, p.account, n.me)
	if err != nil || m.Conversation != (chat.ConversationID{}) { // somebody else's copy; groups come later
		return nil //nolint:nilerr // the same
	}
	partner := t.contact(c.account)
	if id != chat.Direct(p.account) {
		if partner = t.contact(identity.Account(id)); partner == nil { // another device of ours knows it: how to find it comes with a signal
			partner = &contact{account: identity.Account(id), view: identity.NewView(identity.Account(id)), contactBody: contactBody{State: Accepted, Since: millisOf(t.now)}}
			t.putContact(partner)
			t.tell(Event{Kind: EventContact, Account: partner.account})
		}
	}
	if partner.State == Requested && p.account == partner.account && m.Kind != chat.KindSignal {
		partner = partner.clone()
		partner.Asked++
		t.putContact(partner)
	}
	clock, err := t.clock(id)
	if err != nil {
		return t.fail(err)
	}
	t.clocks[id] = clock.Witness(m.Time, t.now)
	t.live = !from.IsZero()
	if err := t.apply(partner, m, author); err != nil {
		return t.fail(err)
	}
	if len(n.ownBoxes()) > 0 { // who never says anything to it must not be a stranger's post for ever
		if err := t.tellSite(p.device); err != nil {
			return t.fail(err)
		}
	}
	return nil
}

// receiveWeak takes a weak update: shown now, or never.
func (n *Node) receiveWeak(t *turn, in *incoming) {
	tag, err := envelope.TagOf(in.bytes)
	if err != nil {
		return
	}
	at, ok := t.findTag(tag)
	if !ok || at.tag.Form != envelope.FormWeak {
		return
	}
	p, c := t.peer(at.device), t.contact(at.device.account)
	if p == nil || c == nil || c.State != Accepted && c.State != Asked || !t.listed(p) {
		return
	}
	i := slices.IndexFunc(p.channels, func(c *channel) bool { return c.id == at.channel })
	if i < 0 {
		return
	}
	_, opened, err := p.channels[i].receiver.OpenAt(at.tag, in.bytes)
	if err != nil || opened.Sender != (envelope.Party{Account: p.account, Device: p.number}) {
		return
	}
	w, err := chat.ParseWeak(opened.Message)
	if err != nil || !n.weak.newer(at.device, w) {
		return
	}
	t.after(func() { n.couriers.here(at.device, in.from) })
	kind := EventTyping
	switch w.Kind {
	case chat.WeakTyping:
	case chat.WeakPresence:
		kind = EventPresence
	default:
		return
	}
	t.tell(Event{Kind: kind, Conversation: chat.Direct(p.account), Account: p.account, Device: p.number, On: w.On})
}
