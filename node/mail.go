package node

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/bundle"
	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/mailbox"
)

// Rules of talking with relays.
const (
	maxWork     = 22              // bits that a stranger's device works at most: some seconds
	offsetLife  = time.Hour       // how long it is believed what a relay's clock said
	askPatience = 8 * time.Second // for a descriptor or a bundle
	maxOffsets  = 1024
)

// errUnreachable says that a relay cannot be reached.
var errUnreachable = mailbox.ErrUnreachable

// mail is the node's way to relays. Its methods are for several goroutines at once, and a nil mail has none.
type mail struct {
	n       *Node
	client  *mailbox.Client
	salt    uint64
	changed chan struct{} // buffered: the own relays changed

	mu         sync.Mutex
	collectors map[identity.TransportKey]*collector
	offsets    map[identity.TransportKey]offset
	left       map[mailbox.PlaceKey][]byte // descriptors, for all own relays
	leftSince  uint64                      // counts what was left
	leftOf     []descriptor.Box            // those that it names

	telling sync.Mutex                            // before mu
	told    map[identity.TransportKey]RelayHealth // what EventRelay told last
}

// offset is by how much a relay's clock is ahead of this machine's.
type offset struct {
	ahead time.Duration
	at    time.Time
}

func newMail(n *Node) *mail {
	if n.config.Mailbox == nil {
		return nil
	}
	return &mail{
		n: n, client: mailbox.NewClient(n.config.Mailbox), salt: rand.Uint64(), //nolint:gosec // it only tells connections apart
		changed:    make(chan struct{}, 1),
		collectors: make(map[identity.TransportKey]*collector), offsets: make(map[identity.TransportKey]offset),
	}
}

// look has it looked which relays are used.
func (m *mail) look() {
	if m == nil {
		return
	}
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func (m *mail) enter(c *collector) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.collectors[c.key] = c
}

func (m *mail) exit(c *collector) {
	m.mu.Lock()
	if m.collectors[c.key] == c {
		delete(m.collectors, c.key)
	}
	m.mu.Unlock()
	m.tell()
}

// tell tells who watches that relays do otherwise than they were told last. That one was heard again is no news, and that a
// clock goes a little otherwise neither.
func (m *mail) tell() {
	m.telling.Lock()
	defer m.telling.Unlock()
	now := make(map[identity.TransportKey]RelayHealth)
	for _, c := range m.all() {
		h := m.health(c.key)
		h.Seen, h.Ahead = time.Time{}, h.Ahead.Truncate(time.Minute)
		now[c.key] = h
	}
	if !maps.Equal(now, m.told) {
		m.told = now
		m.n.ring.add([]Event{{Kind: EventRelay, Time: m.n.now()}})
	}
}

// all returns who collects now.
func (m *mail) all() []*collector {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.collectors))
}

// hurry has all relays visited now: the network changed.
func (m *mail) hurry() {
	for _, c := range m.all() {
		c.hurry()
	}
}

// replace has other relays visited now, of which one listens where a relay does not any more. Those that did not answer when
// they were tried last are tried as well if it answered for long: two that fail in turn would else have each other tried for
// ever.
func (m *mail) replace(failed *collector, long bool) {
	for _, c := range m.all() {
		if c != failed && (long || !c.silent()) {
			c.hurry()
		}
	}
}

// health returns how a relay does.
func (m *mail) health(key identity.TransportKey) RelayHealth {
	for _, c := range m.all() {
		if c.key == key {
			c.mu.Lock()
			h := c.health
			c.mu.Unlock()
			bundle, left := c.has()
			h.Ready = h.Why == "" && bundle > 0 && m.current(left)
			return h
		}
	}
	return RelayHealth{}
}

// current tells whether descriptors that were left are the last, and name the boxes of now.
func (m *mail) current(since uint64) bool {
	boxes := m.n.ownBoxes()
	m.mu.Lock()
	defer m.mu.Unlock()
	return since > 0 && since == m.leftSince && sameBoxes(boxes, m.leftOf)
}

// anotherWell tells whether another relay answers.
func (m *mail) anotherWell(key identity.TransportKey) bool {
	return slices.ContainsFunc(m.all(), func(c *collector) bool { return c.key != key && c.well() })
}

// mayListen tells whether this device listens at a relay: at the first of those that it uses, or, if that does not answer,
// at the next.
func (m *mail) mayListen(key identity.TransportKey) bool {
	for _, r := range m.n.relaysIn(RelayUsed) {
		if r.key == key {
			return true
		}
		if h := m.health(r.key); h.Why == "" && !h.Drains { // it does, or is being tried
			return false
		}
	}
	return false
}

// clocks returns by how much the clocks of the own relays are ahead.
func (m *mail) clocks() (out []time.Duration) {
	for _, c := range m.all() {
		c.mu.Lock()
		if c.health.Timed {
			out = append(out, c.health.Ahead)
		}
		c.mu.Unlock()
	}
	return out
}

// place returns where an own relay is.
func (m *mail) place(r *ownRelay) mailbox.Place {
	return mailbox.Place{Relay: r.key, Addrs: m.n.texts(r.Addrs)}
}

// at returns where a box of another device is, over a connection apart for each device: the relay is not to see that they
// belong together.
func (m *mail) at(d device, b descriptor.Box) mailbox.Place {
	sum := identity.LabelToken.Hash(binary.BigEndian.AppendUint64(nil, m.salt), d.account[:], []byte{d.number})
	return mailbox.Place{Relay: b.Relay, Addrs: m.n.texts(b.Addresses), Apart: binary.BigEndian.Uint64(sum[:]) | 1}
}

// put puts an envelope into a box of a device, and returns until when the relay keeps it, by this device's clock. Without
// a token that is good it works for it as a stranger.
func (m *mail) put(ctx context.Context, d device, b descriptor.Box, token, post []byte) (until time.Time, err error) {
	at := m.at(d, b)
	var receipt mailbox.Receipt
	t, err := mailbox.ParseToken(token)
	if err == nil {
		receipt, err = m.client.Put(ctx, at, b.Box, post, t)
	}
	stranger := len(token) == 0 || errors.Is(err, mailbox.ErrMalformed) || errors.Is(err, mailbox.ErrToken) ||
		errors.Is(err, mailbox.ErrTokenExpired) || errors.Is(err, mailbox.ErrTokenRevoked)
	if stranger && len(post) <= mailbox.MaxStranger && !b.Knock.Closed {
		receipt, err = m.client.Knock(ctx, at, b.Box, post, maxWork)
	}
	if err != nil {
		return until, err
	}
	return receipt.Until.Add(-m.ahead(ctx, at)), nil
}

// ahead returns by how much a relay's clock is ahead of this device's, 0 if it does not tell.
func (m *mail) ahead(ctx context.Context, at mailbox.Place) time.Duration {
	m.mu.Lock()
	o, ok := m.offsets[at.Relay]
	m.mu.Unlock()
	if !ok || time.Since(o.at) > offsetLife {
		ctx, cancel := context.WithTimeout(ctx, askPatience)
		defer cancel()
		told, err := m.client.Time(ctx, at)
		if err != nil {
			return 0
		}
		o = offset{told.Time.Sub(m.n.config.Now()), time.Now()} // half of the round trip is little here
		m.mu.Lock()
		if len(m.offsets) >= maxOffsets {
			clear(m.offsets)
		}
		m.offsets[at.Relay] = o
		m.mu.Unlock()
	}
	return o.ahead - time.Duration(m.n.skew.Load())
}

// bundle returns the sealed bundle of a device from one of its relays, and a one-time part if there is one.
func (m *mail) bundle(ctx context.Context, d device, b descriptor.Box, token []byte) (base, part []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	var t mailbox.Token
	if parsed, err := mailbox.ParseToken(token); err == nil {
		t = parsed
	}
	at := m.at(d, b)
	base, part, err = m.client.TakeBundle(ctx, at, b.Box, t, 0)
	if err != nil && !t.IsZero() {
		base, part, err = m.client.TakeBundle(ctx, at, b.Box, mailbox.Token{}, 0)
	}
	if err == nil && (len(base) != bundle.SealedSize || len(part) != 0 && len(part) != bundle.SealedPartSize) {
		err = bundle.ErrBundle
	}
	return base, part, err
}

// descriptors asks a relay for what it keeps under the keys of an account now, and calls found with each.
func (m *mail) descriptors(ctx context.Context, at target, d identity.DiscoveryKey, found func([]byte)) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	var all sync.WaitGroup
	for _, place := range descriptor.LookupPlaces(m.n.now()) {
		key, err := descriptor.Blind(d, place)
		if err != nil {
			return
		}
		all.Go(func() {
			value, err := m.client.Descriptor(ctx, mailbox.Place{Relay: at.key, Addrs: at.addrs, Apart: m.salt | 1}, mailbox.PlaceKey(key))
			if err == nil {
				found(value)
			}
		})
	}
	all.Wait()
}

// weak leaves a weak update at the first relay of a device: it is seen at once, or soon, or never.
func (m *mail) weak(d device, s *site, update []byte) {
	if m == nil || s == nil || len(s.Boxes) == 0 {
		return
	}
	t, err := mailbox.ParseToken(s.token(s.Boxes[0].Box))
	if err != nil {
		return
	}
	b := s.Boxes[0]
	m.n.couriers.background(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, askPatience)
		defer cancel()
		_ = m.client.PutWeak(ctx, m.at(d, b), b.Box, t, update) // now or never
	})
}

// leave gives own relays the descriptors that they put while this device sleeps, which name these boxes of its.
func (m *mail) leave(boxes []descriptor.Box, now, ahead []descriptor.Sealed) {
	if m == nil {
		return
	}
	values := make(map[mailbox.PlaceKey][]byte)
	for _, list := range [][]descriptor.Sealed{now, ahead} {
		for _, v := range list {
			if len(values) < mailbox.MaxDescriptors {
				values[mailbox.PlaceKey(v.Key)] = v.Value
			}
		}
	}
	m.mu.Lock()
	same := maps.EqualFunc(values, m.left, func(a, b []byte) bool { return &a[0] == &b[0] })
	if !same {
		m.left, m.leftOf = values, boxes
		m.leftSince++
	}
	m.mu.Unlock()
	if !same {
		m.tell()
		m.attend()
	}
}

// attend has all who collect look at what their relay has, and whether they are to listen there.
func (m *mail) attend() {
	for _, c := range m.all() {
		select {
		case c.tend <- struct{}{}:
		default:
		}
	}
}

// toLeave returns the descriptors, and what counts them.
func (m *mail) toLeave() (map[mailbox.PlaceKey][]byte, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left, m.leftSince
}

// Tokens: a contact's devices share a class, and each has a token of its own. Class and ID come by a MAC from what owner
// and relay share, so nothing has to be remembered to make the same again, to take it back, or to know it.

// tokenLife is how long tokens are good: at least a year, to the month, so that the same are made again.
const tokenLife = 400 * 24 * time.Hour

func tokenUntil(now time.Time) time.Time { return now.Add(tokenLife).Truncate(30 * 24 * time.Hour) }

func (r *ownRelay) mint() (mailbox.Mint, bool) {
	s, err := mailbox.ParseSecret(r.Secret)
	if err != nil || r.box.IsZero() {
		return mailbox.Mint{}, false
	}
	return s.Mint(r.key, r.box.Public()), true
}

func (r *ownRelay) class(a identity.Account) (c mailbox.Class) {
	sum := identity.LabelTokenName.MAC(r.Secret, a[:])
	copy(c[:], sum[:])
	return c
}

func (r *ownRelay) tokenID(d device) (id mailbox.TokenID) {
	sum := identity.LabelTokenName.MAC(r.Secret, d.account[:], []byte{d.number})
	copy(id[:], sum[:])
	return id
}

// token returns the token of a device of a contact, or of one's own.
func (r *ownRelay) token(d device, now time.Time) []byte {
	m, ok := r.mint()
	if !ok {
		return nil
	}
	return m.Named(r.tokenID(d), r.class(d.account), tokenUntil(now), 0, 0).AppendTo(nil)
}

// inviteToken returns the token that goes with an invite.
func (r *ownRelay) inviteToken(i *Invite, now time.Time) []byte {
	m, ok := r.mint()
	if !ok {
		return nil
	}
	until := tokenUntil(now)
	if !i.Until.IsZero() && i.Until.Before(until) {
		until = i.Until
	}
	var id mailbox.TokenID
	var class mailbox.Class
	sum := identity.LabelTokenName.MAC(r.Secret, i.Token)
	copy(id[:], sum[:])
	copy(class[:], sum[len(id):])
	return m.Named(id, class, until, 0, 0).AppendTo(nil)
}

// owner returns the device that a token was made for, zero if that is nobody who is known.
func (n *Node) owner(r *ownRelay, p *mailbox.Post) device {
	if p.Class == (mailbox.Class{}) {
		return device{}
	}
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	for a, c := range n.shared.contacts {
		if r.class(a) != p.Class {
			continue
		}
		for _, entry := range c.view.Devices() {
			if d := (device{a, entry.Number()}); r.tokenID(d) == p.Token {
				return d
			}
		}
	}
	return device{}
}

// revoked returns the tokens of blocked contacts.
func (n *Node) revoked(r *ownRelay) (out []mailbox.Revoked) {
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	until := uint64(max(tokenUntil(n.now()).Unix(), 0))
	for a, c := range n.shared.contacts {
		if c.State != Blocked {
			continue
		}
		for _, entry := range c.view.Devices() {
			if len(out) < mailbox.MaxRevoked {
				out = append(out, mailbox.Revoked{ID: r.tokenID(device{a, entry.Number()}), Until: until})
			}
		}
	}
	return out
}
