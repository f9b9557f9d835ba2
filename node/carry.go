package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/linnetmesh/linnet/crypto/bundle"
	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// Rules of leaving post with relays.
const (
	headStart     = 700 * time.Millisecond // of the device itself, where it may be awake
	liveStart     = 3 * time.Second        // where a stream to it is open
	putPatience   = 20 * time.Second
	putsAtOnce    = 32 // on one relay
	putAgainFirst = 10 * time.Minute
	putAgainMost  = 24 * time.Hour
	keepFirst     = 2 * time.Second // until the next attempt where too few relays keep something
	keepMost      = 10 * time.Minute
	lagPatience   = 2 * time.Second  // for the other relays, once enough keep what there is
	shunFirst     = 5 * time.Second  // a relay that did not answer is left alone; doubled
	shunMost      = 10 * time.Minute // where others are enough
	shunNeeded    = 30 * time.Second // where they are not
)

// Why relays do not keep a message.
var (
	errNoRelay = errors.New("no relay of its answers")
)

// left is when a relay last signed for a post of a courier, and how often.
type left struct {
	at    time.Time
	times int
}

// due tells whether the post is to be put again, to be sure: the relay may have died since.
func (l left) due(now time.Time) bool {
	if l.at.IsZero() {
		return true
	}
	wait := putAgainMost
	if l.times < 8 {
		wait = min(wait, putAgainFirst<<l.times)
	}
	return now.Sub(l.at) >= wait
}

// carrier leaves with the relays of a device what the device does not take itself. It is a part of the courier, and runs
// beside it.
type carrier struct {
	k          *courier
	poke       chan struct{}                             // buffered: there is something new
	seen       map[uint64]time.Time                      // when each post was first seen here
	left       map[uint64]map[identity.TransportKey]left // by post and relay
	shunned    map[identity.TransportKey]shun            // relays that did not answer
	anew       atomic.Bool                               // the network changed: none is shunned
	generation uint32                                    // of the sessions in which they were sealed
}

// shun is until when a relay is left alone, because it did not answer: others are not to wait for it.
type shun struct {
	until time.Time
	wait  time.Duration
}

// rest leaves a relay alone for a while, a longer one if others are enough.
func (c *carrier) rest(relay identity.TransportKey, enough bool) {
	wait := max(shunFirst, 2*c.shunned[relay].wait)
	if enough {
		wait = min(wait, shunMost)
	} else {
		wait = min(wait, shunNeeded)
	}
	c.shunned[relay] = shun{time.Now().Add(wait), wait}
}

func newCarrier(k *courier) *carrier {
	return &carrier{
		k: k, poke: make(chan struct{}, 1),
		seen: make(map[uint64]time.Time), left: make(map[uint64]map[identity.TransportKey]left),
		shunned: make(map[identity.TransportKey]shun),
	}
}

// run goes until ctx ends.
func (c *carrier) run(ctx context.Context) {
	wait := keepFirst
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-c.poke:
		case <-ctx.Done():
			return
		}
		next, err := c.round(ctx)
		if ctx.Err() != nil {
			return
		}
		c.k.mu.Lock()
		c.k.unkept = err
		c.k.mu.Unlock()
		c.k.tell()
		switch {
		case err == nil:
			wait = keepFirst
		case next <= 0 || next > wait:
			next = wait
			wait = min(2*wait, keepMost)
		}
		t.Reset(max(next, 10*time.Millisecond))
	}
}

// boxes returns the boxes of the device, in its order, and where it may be itself.
func (c *carrier) boxes() (s *site, boxes []descriptor.Box) {
	k := c.k
	if who := k.n.contact(k.to.account); who != nil {
		if s = who.site(k.to.number); s != nil {
			boxes = s.Boxes
		}
	}
	return s, boxes
}

// round leaves what is to be left now, and returns when the next is due, putAgainFirst at the latest. The error is why too
// few relays keep something.
func (c *carrier) round(ctx context.Context) (next time.Duration, err error) {
	k, n := c.k, c.k.n
	if k.n.mail == nil || n.isBlocked(k.to.account) {
		return putAgainFirst, nil
	}
	if _, err := n.entryOf(k.to); err != nil {
		return putAgainFirst, nil //nolint:nilerr // the courier says so
	}
	s, boxes := c.boxes()
	if len(boxes) == 0 {
		return putAgainFirst, nil // the courier says why it waits
	}
	if g := n.queues.generation(k.to); g != c.generation { // all is sealed anew
		c.generation = g
		clear(c.left)
	}
	start := time.Duration(0)
	if s.Transport != (identity.TransportKey{}) || n.couriers.isAwake(k.to) {
		start = headStart
	}
	if k.live.Load() {
		start = liveStart
	}
	next = putAgainFirst
	now := time.Now()
	if c.anew.Swap(false) {
		clear(c.shunned)
	}
	for relay, s := range c.shunned {
		if !slices.ContainsFunc(boxes, func(b descriptor.Box) bool { return b.Relay == relay }) {
			delete(c.shunned, relay)
		} else if again := s.until.Sub(now); again > 0 && n.queues.size(k.to) > 0 {
			next = min(next, again)
		}
	}
	need, lacking := min(chat.Keepers, len(boxes)), false
	waits := make(map[uint64]bool)
	var failed error
	for cursor := uint64(0); ctx.Err() == nil; {
		numbers := n.queues.after(k.to, cursor, sealAtOnce)
		if len(numbers) == 0 {
			break
		}
		cursor = numbers[len(numbers)-1]
		var todo []uint64
		for _, number := range numbers {
			waits[number] = true
			first, ok := c.seen[number]
			if !ok {
				first = now
				c.seen[number] = now
			}
			if young := start - now.Sub(first); young > 0 {
				next = min(next, young)
				continue
			}
			if c.unsettled(number, boxes, now) {
				todo = append(todo, number)
			} else {
				lacking = lacking || c.keepers(number) < need
			}
		}
		if len(todo) > 0 {
			if err := c.leave(ctx, todo, s, boxes); err != nil {
				failed = err
				if ctx.Err() == nil && errors.Is(err, errNoRelay) { // it may have moved
					_ = n.couriers.find(ctx, k.to.account)
				}
				break
			}
		}
	}
	if failed == nil && lacking { // all that could keep it are left alone for now
		failed = errNoRelay
	}
	for number := range c.seen {
		if !waits[number] && failed == nil {
			delete(c.seen, number)
			delete(c.left, number)
		}
	}
	return next, failed
}

// unsettled tells whether some relay is to be given a post, the first time or again.
func (c *carrier) unsettled(number uint64, boxes []descriptor.Box, now time.Time) bool {
	return slices.ContainsFunc(boxes, func(b descriptor.Box) bool { return c.due(number, b.Relay, now) })
}

// due tells whether a relay is to be given a post now.
func (c *carrier) due(number uint64, relay identity.TransportKey, now time.Time) bool {
	return c.left[number][relay].due(now) && !now.Before(c.shunned[relay].until)
}

// custody is what one relay signed for.
type custody struct {
	relay identity.TransportKey
	until time.Time
}

// leave puts posts into boxes, all relays at once, and stores what they signed.
func (c *carrier) leave(ctx context.Context, numbers []uint64, s *site, boxes []descriptor.Box) error {
	k, n := c.k, c.k.n
	var posts []*post
	for _, number := range numbers {
		p, err := c.ready(ctx, number, s, boxes)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		if c.left[number] == nil {
			c.left[number] = make(map[identity.TransportKey]left)
			for _, kept := range p.state.Keepers { // signed before the node started: put again in a while
				c.left[number][kept.Relay] = left{at: time.Now()}
			}
		}
		posts = append(posts, p)
	}
	need := min(chat.Keepers, len(boxes))
	var why error
	results := make(chan putResult)
	running := 0
	putting, cancel := context.WithTimeout(ctx, putPatience)
	defer cancel()
	for _, box := range boxes {
		var some []*post
		for _, p := range posts {
			if c.due(p.number, box.Relay, time.Now()) {
				some = append(some, p)
			}
		}
		if len(some) == 0 {
			continue
		}
		running++
		n.couriers.group.Go(func() { results <- c.putAll(putting, s, box, some) })
	}
	var stored error
	hold := time.AfterFunc(putPatience, cancel)
	defer hold.Stop()
	for ; running > 0; running-- {
		r := <-results
		if r.err != nil && (why == nil || !errors.Is(r.err, context.Canceled)) {
			why = r.err
		}
		if len(r.signed) > 0 {
			if err := n.run(ctx, func(t *turn) error {
				for _, p := range posts {
					if until, ok := r.signed[p.number]; ok {
						if err := t.custody(k.to, p.number, need, []custody{{r.relay, until}}); err != nil {
							return t.fail(err)
						}
					}
				}
				return nil
			}); err != nil {
				stored = errors.Join(stored, err)
				continue
			}
			delete(c.shunned, r.relay)
			for number := range r.signed {
				was := c.left[number][r.relay]
				c.left[number][r.relay] = left{at: time.Now(), times: was.times + boolInt(!was.at.IsZero())}
			}
		}
		if errors.Is(r.err, errUnreachable) || r.err != nil && putting.Err() != nil {
			c.rest(r.relay, len(boxes)-len(c.shunned) > need)
		}
		if !c.short(posts, need) { // what is missing is but more
			hold.Reset(lagPatience)
		}
	}
	if stored != nil {
		return stored
	}
	switch {
	case !c.short(posts, need):
		return nil
	case why == nil || errors.Is(why, errUnreachable) || errors.Is(why, context.Canceled):
		return errNoRelay
	default:
		return why
	}
}

// short tells whether too few relays keep some of these.
func (c *carrier) short(posts []*post, need int) bool {
	return slices.ContainsFunc(posts, func(p *post) bool { return c.keepers(p.number) < need })
}

// keepers counts the relays that signed for a post.
func (c *carrier) keepers(number uint64) (count int) {
	for _, l := range c.left[number] {
		count += boolInt(!l.at.IsZero())
	}
	return count
}

// putResult is which posts a relay signed for, and until when it keeps each.
type putResult struct {
	relay  identity.TransportKey
	signed map[uint64]time.Time
	err    error // of the others
}

// putAll puts posts into one box.
func (c *carrier) putAll(ctx context.Context, s *site, box descriptor.Box, posts []*post) putResult {
	r := putResult{relay: box.Relay, signed: make(map[uint64]time.Time)}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(putsAtOnce)
	for _, p := range posts {
		g.Go(func() error {
			until, err := c.k.n.mail.put(ctx, c.k.to, box, s.token(box.Box), p.Envelope)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				r.signed[p.number] = until
			} else if r.err == nil {
				r.err = err
			}
			if errors.Is(err, errUnreachable) {
				return err // nor will it take the others
			}
			return nil
		})
	}
	_ = g.Wait()
	return r
}

// ready returns a post that can be left: sealed in the session there is, or in one that is begun with what the device's
// relays have of it. It is nil if the post is gone, or failed.
func (c *carrier) ready(ctx context.Context, number uint64, s *site, boxes []descriptor.Box) (*post, error) {
	k, n := c.k, c.k.n
	p, err := n.couriers.peek(k.to, number)
	if err != nil || p == nil || p.state.State == chat.Failed {
		return nil, err
	}
	if p.sealed(n.queues.generation(k.to)) && !p.old(n.now()) {
		return p, nil
	}
	err = k.seal(ctx, number)
	if errors.Is(err, errNoSession) {
		if err = c.begin(ctx, s, boxes); err == nil {
			err = k.seal(ctx, number)
		}
	}
	if err != nil {
		return nil, err
	}
	if p, err = n.couriers.look(k.to, number); err != nil || p == nil || len(p.Envelope) == 0 || p.state.State == chat.Failed {
		return nil, err
	}
	return p, nil
}

// unkept is a delivery after the post was sealed anew: what relays keep is not what it is now.
func unkept(d chat.Delivery, now time.Time) chat.Delivery {
	for _, k := range d.Keepers {
		d = d.Step(now, chat.Input{Event: chat.Lost, Relay: k.Relay}, 0)
	}
	return d
}

// begin opens a session from the bundle that the device left with its relays.
func (c *carrier) begin(ctx context.Context, s *site, boxes []descriptor.Box) error {
	k, n := c.k, c.k.n
	entry, err := n.entryOf(k.to)
	if err != nil {
		return err
	}
	if s.Bundle.IsZero() {
		return errNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, putPatience)
	defer cancel()
	key, err := bundle.ParseKey(s.Bundle[:])
	if err != nil {
		return err
	}
	why := errNoRelay
	boxes = slices.Clone(boxes)
	slices.SortStableFunc(boxes, func(a, b descriptor.Box) int { return c.shunned[a.Relay].until.Compare(c.shunned[b.Relay].until) })
	for _, box := range boxes {
		base, part, err := n.mail.bundle(ctx, k.to, box, s.token(box.Box))
		if err != nil {
			if errors.Is(err, errUnreachable) {
				c.rest(box.Relay, true)
			}
			why = err
			continue
		}
		b, p, err := openBundle(key, entry, base, part, n.now())
		if err == nil {
			err = k.initiate(ctx, entry, b, p)
		}
		if err == nil {
			return nil
		}
		why = err // a relay that holds back what came after, or whose bundle ran out: ask the next
	}
	return why
}

// custody is what signed receipts of relays change. A light post is done with it.
func (t *turn) custody(d device, number uint64, need int, got []custody) error {
	if len(got) == 0 {
		return nil
	}
	p, err := t.post(d, number)
	if err != nil || p == nil || !t.queued(d, number) {
		return err
	}
	before := p.state
	for _, c := range got {
		p.state = p.state.Step(t.now, chat.Input{Event: chat.Custody, Relay: c.relay, Until: c.until}, need)
	}
	if p.Light && p.state.State == chat.Kept {
		t.removePost(p)
		return nil
	}
	if p.state.State == before.State && slices.EqualFunc(p.state.Keepers, before.Keepers, func(a, b chat.Keeper) bool {
		return a.Relay == b.Relay && a.Until/1000 == b.Until/1000
	}) {
		return nil
	}
	t.tellDelivery(p.Conversation, chat.Ref{Author: t.n.me, ID: p.ID}, d, p.state)
	t.after(func() { t.n.couriers.let(d, number) })
	return t.putPost(p)
}
