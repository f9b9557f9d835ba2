package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
)

// find looks for an account in the DHT, and returns once something fresh was found and stored, or nothing. The search
// goes on in the background: what comes later may be newer. Who asks while it runs waits for the same search.
func (c *couriers) find(ctx context.Context, a identity.Account) error {
	c.mu.Lock()
	if c.ctx == nil {
		c.mu.Unlock()
		return ErrStopped
	}
	f := c.finds[a]
	if f == nil || f.over(time.Now()) {
		for b, old := range c.finds {
			if old.over(time.Now()) {
				delete(c.finds, b)
			}
		}
		f = &find{done: make(chan struct{}), at: time.Now()}
		c.finds[a] = f
		run := c.ctx
		c.group.Go(func() {
			ctx, cancel := context.WithTimeout(run, findPatience)
			defer cancel()
			c.n.lookup(ctx, a, f)
		})
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// seekEvery is how often an account is looked for only because it says that it has changed.
const seekEvery = 10 * time.Minute

// seek looks for an account in the background.
func (c *couriers) seek(a identity.Account) {
	c.mu.Lock()
	now := time.Now()
	again := now.Sub(c.sought[a]) < seekEvery
	if !again {
		c.sought[a] = now
	}
	c.mu.Unlock()
	if again {
		return
	}
	c.background(func(ctx context.Context) { _ = c.find(ctx, a) })
}

// over tells whether a search has ended, so long ago that another may begin.
func (f *find) over(now time.Time) bool { return f.ended() && now.Sub(f.at) >= findEvery }

func (f *find) ended() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// end ends the waiting for a search, once.
func (f *find) end(err error) {
	f.once.Do(func() {
		f.err = err
		close(f.done)
	})
}

// lookup asks for the descriptors of an account at all places where it may be.
func (n *Node) lookup(ctx context.Context, a identity.Account, f *find) {
	n.stats.lookups.Add(1)
	var d identity.DiscoveryKey
	var view identity.View
	if a == n.me {
		s := n.currentSelf()
		d, view = s.discovery.Public(), s.view
	} else if c := n.contact(a); c != nil {
		d, view = c.Discovery, c.view
	}
	if d.IsZero() {
		f.end(errNotFound)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var grace sync.Once
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	take := func(o descriptor.Opened) {
		if n.run(ctx, func(t *turn) error { return t.takeDescriptor(a, o) }) == nil {
			f.end(nil)
			grace.Do(func() { time.AfterFunc(findGrace, cancel) })
		}
	}
	for _, at := range descriptor.LookupPlaces(n.now()) {
		key, err := descriptor.Blind(d, at)
		if err != nil {
			f.end(err)
			return
		}
		all.Go(func() {
			err := n.config.Directory.Lookup(ctx, key.DHT(), func(value []byte) bool {
				o, err := descriptor.Open(value, d, view, n.now())
				if err != nil {
					n.log.Debug("a descriptor that was found is not used", "error", err)
					return true
				}
				take(o)
				return true
			})
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
		})
	}
	if n.mail != nil {
		for _, at := range n.relaysOf(a) {
			all.Go(func() {
				n.mail.descriptors(ctx, at, d, func(value []byte) {
					if o, err := descriptor.Open(value, d, view, n.now()); err == nil {
						take(o)
					}
				})
			})
		}
	}
	all.Wait()
	if failed != nil {
		n.log.Debug("a lookup failed", "error", failed)
	}
	f.end(errNotFound)
}

// maxRelaysAsked of an account's relays are asked for its descriptor: those of the invite, and those where it had boxes last.
const maxRelaysAsked = 4

// relaysOf returns relays that may know where an account is: they are asked beside the DHT, and know it first.
func (n *Node) relaysOf(a identity.Account) (out []target) {
	c := n.contact(a)
	if c == nil {
		return nil
	}
	add := func(key identity.TransportKey, addrs [][]byte) {
		if len(out) < maxRelaysAsked && !slices.ContainsFunc(out, func(t target) bool { return t.key == key }) {
			out = append(out, target{key, n.texts(addrs)})
		}
	}
	for _, h := range c.Hints {
		if !h.Box.IsZero() {
			add(h.Key, h.Addrs)
		}
	}
	for _, s := range c.Sites {
		for _, b := range s.Boxes {
			add(b.Relay, b.Addresses)
		}
	}
	return out
}

// takeDescriptor stores what an account publishes, if that is not older than what was seen.
func (t *turn) takeDescriptor(a identity.Account, o descriptor.Opened) error {
	c := t.contact(a)
	if c == nil {
		if a != t.n.me {
			return ErrUnknownContact
		}
		c = &contact{account: a, view: t.getSelf().view, contactBody: contactBody{State: myself, Since: millisOf(t.now)}}
	}
	seen, err := c.seen.Next(o.Place, o.Order)
	if err != nil {
		return err
	}
	next := c.clone()
	view, err := c.view.Apply(o.Content.Manifest())
	if err != nil && !errors.Is(err, identity.ErrRollback) {
		return err
	}
	if !view.Equal(c.view) {
		if err := t.takeView(next, view); err != nil {
			return err
		}
	}
	content, err := o.Content.Active(next.view)
	if err != nil {
		return err
	}
	var sites []site
	for _, r := range content.Records() {
		if d, err := r.Device(); err == nil {
			sites = append(sites, site{Number: d.Number, Version: d.Version, Bundle: d.Bundle, Transport: d.Transport, Direct: d.Direct, Boxes: d.Boxes})
		}
	}
	for i := range sites {
		sites[i].hint(c.Hints)
	}
	moved := next.place(false, sites...)
	if seen == c.seen && !moved && view.Equal(c.view) {
		return nil
	}
	next.seen, next.Hints = seen, nil
	t.putContact(next)
	if moved {
		t.wakeAll(next)
	}
	return nil
}
