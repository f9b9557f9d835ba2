package node

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/node/chat"
)

// Rules of collecting.
const (
	pollEvery    = 5 * time.Minute // relays at which this device does not listen
	collectFirst = time.Second     // after a failure; doubled
	collectMost  = 10 * time.Minute
	steady       = time.Minute      // a visit that was longer before it failed is no reason to wait ever longer
	deadAfter    = 24 * time.Hour   // without an answer, while another answers: contacts are told another relay
	askEvery     = time.Minute      // at most, a device is asked to send again what could not be read
	busyPause    = 30 * time.Second // until what could not be taken is fetched again; doubled up to collectMost
)

// collect fetches post from all own relays until ctx ends: it listens at the first that answers, and looks into the others
// now and then.
func (n *Node) collect(ctx context.Context) {
	if n.mail == nil {
		return
	}
	running := make(map[identity.TransportKey]context.CancelFunc)
	var all sync.WaitGroup
	defer all.Wait()
	for {
		want := make(map[identity.TransportKey]bool)
		for _, r := range n.relaysIn(RelayUsed, RelayLeaving) {
			want[r.key] = true
			if running[r.key] == nil {
				one, cancel := context.WithCancel(ctx)
				running[r.key] = cancel
				c := &collector{n: n, key: r.key, rush: make(chan struct{}, 1), tend: make(chan struct{}, 1)}
				n.mail.enter(c)
				all.Go(func() {
					defer n.mail.exit(c)
					c.run(one)
				})
			}
		}
		for key, cancel := range running {
			if !want[key] {
				cancel()
				delete(running, key)
			}
		}
		select {
		case <-n.mail.changed:
		case <-ctx.Done():
			for _, cancel := range running {
				cancel()
			}
			return
		}
	}
}

// collector fetches post from one relay.
type collector struct {
	n    *Node
	key  identity.TransportKey
	rush chan struct{} // buffered: look now

	tend chan struct{} // buffered: there is something new for the relay

	// Of run and what it awaits.
	lost       uint64 // posts that it said it had lost
	located    time.Time
	weak       mailbox.WeakCursor
	again      bool // something could not be taken in this visit
	busyVisits int  // visits one after the other in which it was so
	refused    unput

	mu        sync.Mutex
	health    RelayHealth
	supplied  uint32 // version of the bundle that the relay has
	leftSince uint64 // of the descriptors that it has
}

// relay returns what is known of the relay now, nil if it is not used any more.
func (c *collector) relay() *ownRelay {
	for _, r := range c.n.relaysIn(RelayUsed, RelayLeaving) {
		if r.key == c.key {
			return r
		}
	}
	return nil
}

func (c *collector) note(change func(*RelayHealth)) {
	c.mu.Lock()
	change(&c.health)
	c.mu.Unlock()
	c.n.mail.tell()
}

// silent tells whether the relay failed when it was tried last.
func (c *collector) silent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.health.Why != ""
}

// hurry has the relay visited now.
func (c *collector) hurry() {
	select {
	case c.rush <- struct{}{}:
	default:
	}
}

func (c *collector) well() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.health.Why == "" && !c.health.Seen.IsZero()
}

// run visits the relay again and again.
func (c *collector) run(ctx context.Context) {
	c.n.couriers.background(func(ctx context.Context) { // it leads into the DHT, and lends its address
		if r := c.relay(); r != nil {
			ctx, cancel := context.WithTimeout(ctx, joinPatience)
			defer cancel()
			if c.n.config.Reach.Join(ctx, r.key, c.n.texts(r.Addrs)) == nil {
				c.n.touch()
			}
		}
	})
	wait := collectFirst
	began := time.Now()
	for ctx.Err() == nil {
		r := c.relay()
		if r == nil {
			return
		}
		c.again = false
		visited := time.Now()
		err := c.visit(ctx, r)
		if ctx.Err() != nil {
			return
		}
		if c.busyVisits++; !c.again {
			c.busyVisits = 0
		}
		pause, tend := pollEvery, c.tend
		if err != nil {
			was := c.silent()
			c.note(func(h *RelayHealth) { h.Connected, h.Listens, h.Why = false, false, reasonOf(err) })
			c.n.log.Debug("a relay does not do", "error", err)
			long := time.Since(visited) > steady
			if !was { // somebody else listens now
				c.n.mail.replace(c, long)
			}
			if long {
				wait = collectFirst
			}
			pause, tend = wait, nil // what there is to bring does not make it answer
			wait = min(2*wait, collectMost)
			if errors.Is(err, errUnreachable) {
				c.locate(ctx)
			}
			c.bury(ctx, r, began)
		} else {
			wait = collectFirst
			c.note(func(h *RelayHealth) { h.Connected, h.Listens, h.Why = false, false, "" })
		}
		t := time.NewTimer(pause/2 + rand.N(pause)) //nolint:gosec // jitter needs no secret
		select {
		case <-t.C:
		case <-c.rush:
		case <-tend:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// locateEvery is how often a relay that does not answer is looked for.
const locateEvery = 10 * time.Minute

// locate looks for where the relay is now: public nodes publish that.
func (c *collector) locate(ctx context.Context) {
	n := c.n
	if time.Since(c.located) < locateEvery {
		return
	}
	c.located = time.Now()
	ctx, cancel := context.WithTimeout(ctx, findPatience)
	defer cancel()
	var newest descriptor.Node
	var signed time.Time
	_ = n.config.Directory.Lookup(ctx, descriptor.NodeKey(c.key), func(value []byte) bool {
		if node, at, err := descriptor.OpenNode(value, c.key, n.now()); err == nil && at.After(signed) {
			newest, signed = node, at
		}
		return true
	})
	addrs := newest.Addresses[:min(len(newest.Addresses), 4)]
	if len(addrs) == 0 {
		return
	}
	_ = n.run(ctx, func(t *turn) error {
		r := t.relay(c.key)
		if r == nil || slices.EqualFunc(r.Addrs, addrs, bytes.Equal) {
			return nil
		}
		r = r.clone()
		r.Addrs = addrs
		t.putRelay(r)
		t.after(n.touch)
		t.after(n.tellSites)
		return nil
	})
}

// bury has contacts told another relay in the place of one that has not answered for long, while another does.
func (c *collector) bury(ctx context.Context, r *ownRelay, began time.Time) {
	c.mu.Lock()
	last := c.health.Seen
	c.mu.Unlock()
	if last.IsZero() {
		last = began
	}
	if r.State != RelayUsed || time.Since(last) < deadAfter || !c.n.mail.anotherWell(c.key) {
		return
	}
	_ = c.n.run(ctx, func(t *turn) error {
		if r := t.relay(c.key); r != nil && r.State == RelayUsed {
			t.leaveRelay(r, false)
		}
		return nil
	})
}

// visit opens the box, brings what the relay hands out for this device, and fetches. Where this device listens, it stays
// until the connection ends, or listenFor.
func (c *collector) visit(ctx context.Context, r *ownRelay) error {
	n, m := c.n, c.n.mail
	at := m.place(r)
	secret, err := mailbox.ParseSecret(r.Secret)
	if err != nil {
		return err
	}
	opening, cancel := context.WithTimeout(ctx, putPatience)
	defer cancel()
	o, err := m.client.Open(opening, at, r.box, mailbox.Opening{Kind: mailbox.Mail, Secret: secret})
	if err != nil {
		if errors.Is(err, mailbox.ErrDraining) || errors.Is(err, mailbox.ErrTooManyBoxes) || errors.Is(err, mailbox.ErrBanned) {
			c.forgo(ctx)
		}
		return err
	}
	c.note(func(h *RelayHealth) { h.Connected, h.Drains = true, o.Draining })
	if told, err := m.client.Time(opening, at); err == nil {
		ahead := told.Time.Sub(n.config.Now())
		c.note(func(h *RelayHealth) { h.Ahead, h.Timed = ahead, true })
		n.correct()
	}
	if o.Draining {
		c.forgo(ctx)
	}
	if o.Lost > c.lost {
		n.log.Warn("a relay lost post that it kept; those who sent it put it again", "posts", o.Lost-c.lost)
		c.lost = o.Lost
	}
	if r.State == RelayUsed {
		if gone := n.revoked(r); len(gone) > 0 {
			if err := m.client.Revoke(opening, at, r.box, gone...); err != nil {
				return err
			}
		}
	}
	cancel()
	life, end := context.WithTimeout(ctx, listenFor)
	defer end()
	var beside sync.WaitGroup
	defer beside.Wait()
	defer end()
	stays := r.State == RelayUsed && m.mayListen(c.key)
	if r.State == RelayUsed {
		beside.Go(func() {
			c.supply(life, r, &o, stays)
			if stays { // another is the first now
				end()
			}
		})
	}
	take := func(b mailbox.Batch) error { return c.take(life, r, b, stays, end) }
	reader := mailbox.Reader{Key: r.box}
	if !stays {
		if _, err = m.client.Fetch(life, at, reader, mailbox.Cursor{}, take); err == nil {
			c.answered(false)
			beside.Wait()
		}
	} else {
		beside.Go(func() { c.listenWeak(life, at, reader) })
		err = m.client.Listen(life, at, reader, mailbox.Cursor{}, take)
		if life.Err() != nil && ctx.Err() == nil { // an hour is over, or there is something to fetch again
			c.hurry()
			return nil
		}
	}
	return err
}

// answered notes that the relay gives what it has, and whether this device listens there: it need not be replaced any more.
// That it opens the box is not enough.
func (c *collector) answered(listens bool) {
	was := c.silent()
	c.note(func(h *RelayHealth) { h.Listens, h.Why, h.Seen = listens, "", time.Now() })
	if was { // who listened in its place need not any more
		c.n.mail.attend()
	}
}

// listenFor is how long a device listens until it looks anew at what the relay has of it.
const listenFor = time.Hour

// take receives posts and acks them. What could not be taken now is fetched again after a while.
func (c *collector) take(ctx context.Context, r *ownRelay, b mailbox.Batch, stays bool, end func()) error {
	n := c.n
	c.note(func(h *RelayHealth) { h.Drains = b.Draining })
	if b.Draining {
		c.forgo(ctx)
	}
	posts := make([]mailed, 0, len(b.Posts))
	for i := range b.Posts {
		p := &b.Posts[i]
		posts = append(posts, mailed{p.Name, p.Bytes, n.owner(r, p)})
	}
	done, busy, err := n.arrive(ctx, posts)
	if err != nil {
		return err
	}
	if busy && !c.again {
		c.again = true
		c.later(ctx, min(busyPause<<min(c.busyVisits, 8), collectMost), end)
	}
	for len(done) > 0 {
		some := done[:min(len(done), mailbox.MaxAck)]
		if err := n.mail.client.Ack(ctx, n.mail.place(r), r.box, some...); err != nil {
			return err
		}
		done = done[len(some):]
	}
	c.answered(stays)
	return nil
}

// later ends a visit after a while, so that the next fetches again what could not be taken. While the own disk is full
// that would be for nothing, and it waits on.
func (c *collector) later(visit context.Context, pause time.Duration, end func()) {
	time.AfterFunc(pause, func() {
		if visit.Err() == nil && c.n.config.Vault.Stats().Full {
			c.later(visit, busyPause, end)
			return
		}
		end()
	})
}

// forgo has contacts told another relay: this one takes nothing more.
func (c *collector) forgo(ctx context.Context) {
	_ = c.n.run(ctx, func(t *turn) error {
		if r := t.relay(c.key); r != nil && r.State == RelayUsed {
			t.leaveRelay(r, false)
		}
		return nil
	})
}

// listenWeak takes weak updates as they come, and those that the relay still holds.
func (c *collector) listenWeak(ctx context.Context, at mailbox.Place, reader mailbox.Reader) {
	n := c.n
	_ = n.mail.client.ListenWeak(ctx, at, reader, c.weak, func(list []mailbox.Weak, cursor mailbox.WeakCursor) error {
		c.weak = cursor
		for _, w := range list {
			in := &incoming{bytes: w.Bytes}
			var err error
			if in.form, err = envelope.FormOf(w.Bytes); err != nil || in.form != envelope.FormWeak {
				continue
			}
			o := &op{do: func(t *turn) error { return n.receive(t, in, func(answer, bool) {}) }, done: make(chan error, 1)}
			if err := n.submit(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
}

// mailed is a post as a relay gave it.
type mailed struct {
	name   mailbox.Name
	bytes  []byte
	sender device // whom the token that it was put with is of; zero: a stranger's, or not known
}

// arrive takes posts that a relay kept, through receive as all that comes. It returns the names of those that the relay need
// not keep any more, once what was in them is durable; busy says that some were not taken, and could be later.
func (n *Node) arrive(ctx context.Context, posts []mailed) (done []mailbox.Name, busy bool, err error) {
	var mu sync.Mutex
	var ops []*op
	for i := range posts {
		p := &posts[i]
		in := &incoming{name: envelope.NameOf(p.bytes), bytes: p.bytes}
		finish := func(again device, drop bool) {
			mu.Lock()
			defer mu.Unlock()
			if drop {
				done = append(done, p.name)
			}
			if again != (device{}) {
				n.askAgain(again, p.name)
			}
		}
		form, err := envelope.FormOf(p.bytes)
		in.form = form
		if err != nil || mailbox.Name(in.name) != p.name {
			finish(device{}, true)
			continue
		}
		if in.form == envelope.FormOpening && !n.openFirst(ctx, in) {
			if ctx.Err() != nil {
				return nil, false, ctx.Err()
			}
			finish(p.sender, true) // its keys are gone: who has a token is asked again
			continue
		}
		o := &op{done: make(chan error, 1)}
		o.do = func(t *turn) error {
			return n.receive(t, in, func(a answer, say bool) {
				switch {
				case !say, a.status == statusStored:
					finish(device{}, true)
				case a.status == statusClosed:
					finish(in.sender, true)
				case a.status == statusUnknown: // kept until it expires: the session may come yet
					finish(p.sender, false)
				default:
					mu.Lock()
					busy = true
					mu.Unlock()
				}
			})
		}
		if err := n.submit(ctx, o); err != nil {
			return nil, false, err
		}
		ops = append(ops, o)
	}
	for _, o := range ops {
		select {
		case err := <-o.done:
			if err != nil {
				mu.Lock()
				busy = true
				mu.Unlock()
			}
		case <-n.stop:
			return nil, false, ErrStopped
		}
	}
	return done, busy, nil
}

// askAgain asks a device to say again what could not be read, over a fresh session: at most now and then.
func (n *Node) askAgain(d device, name mailbox.Name) {
	if d == (device{}) || d.number == 0 {
		return
	}
	n.couriers.background(func(ctx context.Context) {
		_ = n.run(ctx, func(t *turn) error {
			c := t.contact(d.account)
			if c == nil || c.State != Accepted && c.State != myself || t.now.Sub(n.asked[d]).Abs() < askEvery {
				return nil
			}
			_, m := chat.NewMessage(chat.Clock{}, t.now, 0)
			m.Kind, m.Retry = chat.KindRetry, &chat.Retry{Posts: [][32]byte{name}}
			raw, err := m.AppendTo(nil)
			if err != nil {
				return err
			}
			t.after(func() { n.asked[d] = t.now })
			t.reset(d, true)
			return t.queuePost(&post{device: d, postBody: postBody{
				Conversation: chat.Direct(d.account), ID: m.ID, Kind: m.Kind, Message: raw, Said: millisOf(t.now), Light: true,
			}})
		})
	})
}

// reasonOf returns why something with a relay failed, for people.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, errUnreachable): // also if it was dialled for so long
		return saysUnreachable
	case errors.Is(err, context.DeadlineExceeded):
		return saysSlow
	default:
		return strings.TrimPrefix(err.Error(), "mailbox: ")
	}
}
