package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/vault"
)

// Rules of the outbox (RELIABILITY.md, section D).
const (
	firstRetry    = time.Second
	maxRetry      = 10 * time.Minute // for the first day
	lateRetry     = time.Hour        // then
	lateAfter     = 24 * time.Hour
	giveUpAfter   = 30 * 24 * time.Hour
	dialPatience  = 15 * time.Second
	dialNext      = 500 * time.Millisecond // until the next address is tried beside the last
	findPatience  = 10 * time.Second
	findGrace     = 2 * time.Second // for what is fresher, once something was found
	findEvery     = 2 * time.Second // at most, for one account
	resetEvery    = 5 * time.Second // at most, for one device
	sealAtOnce    = 64              // posts in one operation
	maxFresh      = 4 << 20         // bytes of posts that are kept at hand for their courier
	maxCouriers   = 256             // that are on their way at once; the others wait
	reasonUnknown = "looking for the account"
)

// Why a message has not left.
var (
	errNotFound = errors.New("not found: nobody in the network has the account's descriptor")
	errNowhere  = errors.New("its device says nowhere that it can be reached directly")
	errBusy     = errors.New("its device cannot take it now")
	errReset    = errors.New("its device lost the session; a new one begins")
	errNoAnswer = errors.New("its device does not answer")

	errNotListed = errors.New("its device is not the account's any more")
)

// couriers carry posts to devices: one for each device for which something waits.
type couriers struct {
	n  *Node
	mu sync.Mutex

	ctx    context.Context //nolint:containedctx // of Run, which couriers are started by
	group  sync.WaitGroup
	early  []func(context.Context) // what is to be done once it runs
	ended  bool
	by     map[device]*courier
	places map[device]identity.TransportKey // whence each device last came
	finds  map[identity.Account]*find
	sought map[identity.Account]time.Time
	slots  chan struct{}

	fresh      map[device]map[uint64]*post
	freshBytes int
}

// find is a search for an account.
type find struct {
	once sync.Once
	done chan struct{}
	at   time.Time
	err  error
}

func (c *couriers) init(n *Node) {
	c.n = n
	c.by = make(map[device]*courier)
	c.places = make(map[device]identity.TransportKey)
	c.finds = make(map[identity.Account]*find)
	c.sought = make(map[identity.Account]time.Time)
	c.fresh = make(map[device]map[uint64]*post)
	c.slots = make(chan struct{}, maxCouriers)
}

// run sends couriers until ctx ends, and awaits them.
func (c *couriers) run(ctx context.Context) {
	c.mu.Lock()
	c.ctx = ctx
	early := c.early
	c.early = nil
	c.mu.Unlock()
	for _, f := range early {
		c.background(f)
	}
	for _, d := range c.n.queues.devices() {
		c.wake(d)
	}
	c.n.joinAgain()
	<-ctx.Done()
	c.mu.Lock()
	c.ctx, c.ended = nil, true
	c.mu.Unlock()
	c.group.Wait()
}

// background runs f while the node runs: when it does, if it does not yet.
func (c *couriers) background(f func(context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch ctx := c.ctx; {
	case ctx != nil:
		c.group.Go(func() { f(ctx) })
	case !c.ended:
		c.early = append(c.early, f)
	}
}

// wake sends a courier to a device, or tells the one on its way that there is more.
func (c *couriers) wake(d device) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil || c.n.queues.size(d) == 0 {
		return
	}
	c.start(d)
}

// start is called with the lock.
func (c *couriers) start(d device) *courier {
	k := c.by[d]
	if k == nil {
		k = &courier{n: c.n, to: d, poke: make(chan struct{}, 1), rush: make(chan struct{}, 1), weak: make(chan []byte, 4)}
		k.carrier = newCarrier(k)
		c.by[d] = k
		ctx := c.ctx
		c.group.Go(func() { k.run(ctx) })
	}
	k.prod(k.poke)
	k.prod(k.carrier.poke)
	return k
}

// here tells that a device has just been heard, from a transport key: what waits for it is tried at once.
func (c *couriers) here(d device, key identity.TransportKey) {
	if key.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places[d] = key
	for _, waits := range []device{d, {d.account, 0}} {
		if k := c.by[waits]; k != nil {
			k.prod(k.rush)
		}
	}
}

// again has a courier look at the whole queue of a device: posts were put back into it.
func (c *couriers) again(d device) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.by[d]; k != nil {
		k.again.Store(true)
	}
}

// hurry tries everything at once: the network changed.
func (c *couriers) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for a, f := range c.finds {
		if f.ended() {
			delete(c.finds, a)
		}
	}
	for _, k := range c.by {
		k.prod(k.rush)
		k.carrier.anew.Store(true)
		k.prod(k.carrier.poke)
	}
}

// keep has a post at hand until its courier comes for it.
func (c *couriers) keep(p *post) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.freshBytes+len(p.Envelope) > maxFresh || len(p.Envelope) == 0 {
		return
	}
	if c.fresh[p.device] == nil {
		c.fresh[p.device] = make(map[uint64]*post)
	}
	c.fresh[p.device][p.number] = p
	c.freshBytes += len(p.Envelope)
}

// let lets go of a post that was at hand, and returns it, nil if it was not.
func (c *couriers) let(d device, number uint64) *post {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.fresh[d][number]
	if p == nil {
		return nil
	}
	delete(c.fresh[d], number)
	c.freshBytes -= len(p.Envelope)
	if len(c.fresh[d]) == 0 {
		delete(c.fresh, d)
	}
	return p
}

// fetch returns a post, nil if it is gone.
func (c *couriers) fetch(d device, number uint64) (*post, error) {
	if p := c.let(d, number); p != nil {
		return p, nil
	}
	return c.look(d, number)
}

// peek returns a post and leaves it at hand, nil if it is gone.
func (c *couriers) peek(d device, number uint64) (*post, error) {
	c.mu.Lock()
	p := c.fresh[d][number]
	c.mu.Unlock()
	if p != nil {
		return p, nil
	}
	return c.look(d, number)
}

// look reads a post, nil if it is gone.
func (c *couriers) look(d device, number uint64) (*post, error) {
	key := postKey(d, number)
	b, err := c.n.config.Vault.Get(vault.Outbox, key)
	if errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parsePost(key, b)
}

// Waiting is what waits for a device, and why.
type Waiting struct {
	Account Account
	Device  uint8 // 0: the account's devices are not known yet
	Posts   int
	Kept    int // of them, by enough relays
	Why     string
	Next    time.Time // of the next try; zero: now
}

// Waiting returns what waits, and why.
func (n *Node) Waiting() (out []Waiting) {
	for _, d := range n.queues.devices() {
		w := Waiting{Account: d.account, Device: d.number, Posts: n.queues.size(d), Kept: n.queues.keeps(d)}
		n.couriers.mu.Lock()
		k := n.couriers.by[d]
		n.couriers.mu.Unlock()
		if k != nil {
			k.mu.Lock()
			w.Why, w.Next = k.why(), k.next
			k.mu.Unlock()
		}
		out = append(out, w)
	}
	return out
}

// left forgets where a device was.
func (c *couriers) left(d device, key identity.TransportKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.places[d] == key {
		delete(c.places, d)
	}
}
