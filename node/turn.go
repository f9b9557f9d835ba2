package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

// Bounds of a turn.
const (
	maxTurn = 512 // operations that share one transaction, and that wait for one
)

// device names a device of an account. Number 0 stands for all devices of an account whose manifest is not known yet.
type device struct {
	account identity.Account
	number  uint8
}

func (d device) compare(e device) int {
	if c := bytes.Compare(d.account[:], e.account[:]); c != 0 {
		return c
	}
	return int(d.number) - int(e.number)
}

// state is all that a node knows, as far as it is not left in the vault. It belongs to the turns.
type state struct {
	self     *self
	contacts map[identity.Account]*contact
	relays   map[identity.TransportKey]*ownRelay
	peers    map[device]*peer
	tags     map[envelope.Tag]tagged
	backlog  map[device]bool // among the posts for the device are some to be sealed first
	last     uint64          // number of the newest post
}

// tagged is what a tag stands for.
type tagged struct {
	device  device
	channel uint32
	tag     envelope.Tagged
}

// op is an operation that waits for a turn.
type op struct {
	do     func(*turn) error
	done   chan error  // receives once; buffered
	failed func(error) // may be nil; called where the turn failed, and nothing of it happened
}

func (o *op) fail(err error) {
	if o.failed != nil {
		o.failed(err)
	}
	o.done <- err
}

// turn is what several operations change together. An operation that fails after it changed something makes the whole
// turn fail: nothing of it stays.
type turn struct {
	n     *Node
	now   time.Time
	batch *vault.Batch

	self     *self
	contacts map[identity.Account]*contact // nil: gone
	relays   map[identity.TransportKey]*ownRelay
	peers    map[device]*peer        // nil: gone
	tagsOf   map[device]bool         // whose tags changed
	newTags  map[envelope.Tag]tagged // of those, and of versions in between
	posts    map[device]*queueChange
	backlog  map[device]bool
	clocks   map[chat.ConversationID]chat.Clock
	last     uint64
	changes  int // counts what was changed, or is to be done once that is durable
	broken   error
	alone    bool // no other operation shares the turn
	live     bool // what is being received came from the device itself, and not from a relay
	calls    map[CallID]CallRecord

	events []Event // to tell once it is durable
	then   []func()
	wake   map[device]bool
	took   map[device][]chat.ID // what came by a relay, to be confirmed
	moves  bool                 // who was told before where this device is was told something older
	told   map[device]bool      // where this device is, since
}

// run submits an operation and waits until what it changed is durable.
func (n *Node) run(ctx context.Context, do func(*turn) error) error {
	o := &op{do: do, done: make(chan error, 1)}
	if err := n.submit(ctx, o); err != nil {
		return err
	}
	select {
	case err := <-o.done:
		return err
	case <-n.stop:
		select {
		case err := <-o.done:
			return err
		default:
			return ErrStopped
		}
	}
}

// submit hands over an operation. It waits while the queue is full.
func (n *Node) submit(ctx context.Context, o *op) error {
	select {
	case <-n.stop:
		return ErrStopped
	default:
	}
	select {
	case n.ops <- o:
		return nil
	case <-n.stop:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// turns takes operations until ctx ends, and then those that wait already.
func (n *Node) turns(ctx context.Context) error {
	defer close(n.stop)
	ops := make([]*op, 0, maxTurn)
	for {
		ops = ops[:0]
		select {
		case o := <-n.ops:
			ops = append(ops, o)
		case <-ctx.Done():
			for {
				select {
				case o := <-n.ops:
					o.fail(ErrStopped)
				default:
					return nil
				}
			}
		}
	more:
		for len(ops) < maxTurn {
			select {
			case o := <-n.ops:
				ops = append(ops, o)
			default:
				break more
			}
		}
		if err := n.turn(ops); err != nil {
			return err
		}
	}
}

// turn carries out operations and keeps what they changed. Where that fails for several at once, each gets a turn of its
// own, so that none fails for another. The error is that of a vault which writes no more.
func (n *Node) turn(ops []*op) error {
	t := n.newTurn()
	t.alone = len(ops) == 1
	results := make([]error, 0, len(ops))
	for _, o := range ops {
		before := t.changes
		err := o.do(t)
		if err != nil && t.changes != before {
			_ = t.fail(err)
		}
		results = append(results, err)
		if t.broken != nil || t.batch.Full() {
			break
		}
	}
	ops, rest := ops[:len(results)], ops[len(results):]
	t.confirmAll()
	t.flush()
	err := t.broken
	if err == nil && t.batch.Len() > 0 {
		err = n.config.Vault.Commit(t.batch)
		if err != nil && !errors.Is(err, vault.ErrFull) && !errors.Is(err, vault.ErrBatch) {
			for _, o := range slices.Concat(ops, rest) {
				o.fail(err)
			}
			return fmt.Errorf("keeping a change: %w", err)
		}
	}
	switch {
	case err != nil && len(ops) > 1:
		for i := range ops {
			if err := n.turn(ops[i : i+1]); err != nil {
				for _, o := range slices.Concat(ops[i+1:], rest) {
					o.fail(err)
				}
				return err
			}
		}
	case err != nil:
		n.log.Warn("a change was not kept", "error", err)
		ops[0].fail(err)
	default:
		n.finish(t, ops, results)
	}
	if len(rest) > 0 {
		return n.turn(rest)
	}
	return nil
}

// finish does what a turn that is durable leads to.
func (n *Node) finish(t *turn, ops []*op, results []error) {
	n.stats.turns.Add(1)
	n.stats.operations.Add(uint64(len(ops)))
	n.adopt(t)
	n.ring.add(t.events)
	for _, f := range t.then {
		f()
	}
	for i, o := range ops {
		if results[i] != nil {
			o.fail(results[i])
			continue
		}
		o.done <- nil
	}
	for d := range t.wake {
		n.couriers.wake(d)
	}
}

func (n *Node) newTurn() *turn {
	return &turn{
		n: n, now: n.now(), batch: n.config.Vault.NewBatch(),
		contacts: make(map[identity.Account]*contact), relays: make(map[identity.TransportKey]*ownRelay), peers: make(map[device]*peer), tagsOf: make(map[device]bool),
		newTags: make(map[envelope.Tag]tagged),
		posts:   make(map[device]*queueChange), backlog: make(map[device]bool), clocks: make(map[chat.ConversationID]chat.Clock),
		wake: make(map[device]bool), last: n.state.last,
	}
}

// adopt makes what a turn changed, and the vault keeps, the state of the node.
func (n *Node) adopt(t *turn) {
	s := &n.state
	for d, p := range t.peers {
		if t.tagsOf[d] {
			s.retag(d, p, t.newTags)
		}
		if p == nil {
			delete(s.peers, d)
		} else {
			s.peers[d] = p
		}
	}
	n.queues.adopt(t, &n.stats)
	for d, b := range t.backlog {
		if b {
			s.backlog[d] = true
		} else {
			delete(s.backlog, d)
		}
	}
	s.last = t.last
	if t.self == nil && len(t.contacts) == 0 && len(t.relays) == 0 {
		return
	}
	n.shared.mu.Lock()
	defer n.shared.mu.Unlock()
	if t.self != nil {
		s.self = t.self
		n.shared.self, n.shared.keys = s.self, s.self.envelopeKeys()
	}
	for a, c := range t.contacts {
		if c == nil {
			delete(s.contacts, a)
		} else {
			s.contacts[a] = c
		}
	}
	for key, r := range t.relays {
		if r == nil {
			delete(s.relays, key)
		} else {
			s.relays[key] = r
		}
	}
}

// retag puts the tags of a peer, which are among all, in the place of those that it had.
func (s *state) retag(d device, p *peer, all map[envelope.Tag]tagged) {
	if old := s.peers[d]; old != nil {
		for _, tag := range old.tags {
			delete(s.tags, tag)
		}
	}
	if p == nil {
		return
	}
	for _, tag := range p.tags {
		s.tags[tag] = all[tag]
	}
}

// after has something done once what the turn changed is durable.
func (t *turn) after(f func()) {
	t.changes++
	t.then = append(t.then, f)
}

// put and remove write a record; that fails only for a key or value of a wrong size, which is a mistake in the program.
func (t *turn) put(d vault.Drawer, key, value []byte) {
	t.changes++
	_ = t.fail(t.batch.Put(d, key, value))
}

func (t *turn) remove(d vault.Drawer, key []byte) {
	t.changes++
	_ = t.fail(t.batch.Delete(d, key))
}

// fail makes the whole turn fail: something was changed that must not stay alone.
func (t *turn) fail(err error) error {
	if err != nil && t.broken == nil {
		t.broken = err
	}
	return err
}

func (t *turn) getSelf() *self {
	if t.self != nil {
		return t.self
	}
	return t.n.state.self
}

func (t *turn) putSelf(s *self) {
	t.changes++
	t.self = s
}

// contact returns what is known of an account, nil if that is nothing. It is not to be changed: see contact.clone.
func (t *turn) contact(a identity.Account) *contact {
	if c, ok := t.contacts[a]; ok {
		return c
	}
	return t.n.state.contacts[a]
}

func (t *turn) putContact(c *contact) {
	t.changes++
	t.contacts[c.account] = c
}

// peer returns the sessions with a device, nil if there are none.
func (t *turn) peer(d device) *peer {
	if p, ok := t.peers[d]; ok {
		return p
	}
	return t.n.state.peers[d]
}

// putPeer keeps a peer. tags says whether what opens its envelopes changed.
func (t *turn) putPeer(p *peer, tags bool) {
	t.changes++
	t.peers[p.device] = p
	if tags {
		t.tagsOf[p.device] = true
		p.tag(t.newTags)
	}
}

// dropPeer gives up the sessions with a device that is not listed any more. What was sealed for it does not leave.
func (t *turn) dropPeer(d device) {
	t.changes++
	t.peers[d] = nil
	t.tagsOf[d] = true
	t.backlog[d] = true
}

// viewOf returns the devices of an account, as far as they are known.
func (t *turn) viewOf(a identity.Account) identity.View {
	if a == t.n.me {
		return t.getSelf().view
	}
	if c := t.contact(a); c != nil {
		return c.view
	}
	return identity.View{}
}

// listed tells whether the device behind a peer is still its account's.
func (t *turn) listed(p *peer) bool {
	v := t.viewOf(p.account)
	return !v.IsZero() && v.Check(p.number, p.identity) == nil
}

// flush writes what changed into the batch, once for all operations of the turn.
func (t *turn) flush() {
	if t.broken != nil {
		return
	}
	put := func(d vault.Drawer, key []byte, b []byte, err error) {
		if err == nil {
			err = t.batch.Put(d, key, b)
		}
		_ = t.fail(err)
	}
	if t.self != nil {
		b, err := t.self.marshal()
		put(vault.Account, selfKey, b, err)
	}
	for a, c := range t.contacts {
		if c == nil {
			t.remove(vault.Contact, a[:])
			continue
		}
		b, err := c.marshal()
		put(vault.Contact, c.account[:], b, err)
	}
	for key, r := range t.relays {
		if r == nil {
			t.remove(vault.Peer, relayKey(key))
			continue
		}
		b, err := r.marshal()
		put(vault.Peer, relayKey(key), b, err)
	}
	for d, p := range t.peers {
		if old := t.n.state.peers[d]; old != nil && (p == nil || old.identity != p.identity) {
			t.remove(vault.Session, old.key())
		}
		if p == nil {
			continue
		}
		b, err := p.marshalWithin(maxPeer)
		put(vault.Session, p.key(), b, err)
	}
	for id, c := range t.clocks {
		put(vault.Setting, clockKey(id), clockBytes(c), nil)
	}
}

// findTag returns what a tag stands for.
func (t *turn) findTag(tag envelope.Tag) (tagged, bool) {
	if x, ok := t.newTags[tag]; ok { // what changed in this turn is not indexed yet
		return x, true
	}
	x, ok := t.n.state.tags[tag]
	return x, ok
}

// clock returns the clock of a conversation.
func (t *turn) clock(id chat.ConversationID) (chat.Clock, error) {
	if c, ok := t.clocks[id]; ok {
		return c, nil
	}
	b, err := t.batch.Get(vault.Setting, clockKey(id))
	if errors.Is(err, vault.ErrNotFound) {
		return chat.Clock{}, nil
	}
	if err != nil {
		return chat.Clock{}, err
	}
	return parseClock(b)
}
