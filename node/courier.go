package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/p2p/frame"
)

// courier brings one device what waits for it.
type courier struct {
	n    *Node
	to   device
	poke chan struct{} // buffered: there is something new
	rush chan struct{} // buffered: try again at once

	mu     sync.Mutex
	reason string
	told   string // what EventWaiting told last
	next   time.Time
	weak   chan []byte

	again     atomic.Bool // posts were put back into the queue
	live      atomic.Bool // a stream to the device is open
	carrier   *carrier
	unkept    error // why too few relays keep something
	lastReset time.Time
	tried     time.Time // of run alone
}

func (k *courier) prod(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run goes again and again, until nothing waits for the device for a while.
func (k *courier) run(ctx context.Context) {
	defer func() {
		k.n.couriers.mu.Lock()
		defer k.n.couriers.mu.Unlock()
		delete(k.n.couriers.by, k.to)
		if k.n.couriers.ctx != nil && k.n.queues.size(k.to) > 0 {
			k.n.couriers.start(k.to) // something came while it went
		}
	}()
	carry, stop := context.WithCancel(ctx)
	defer stop()
	if k.to.number != 0 && k.n.mail != nil {
		k.n.couriers.group.Go(func() { k.carrier.run(carry) })
	}
	wait, since := firstRetry, time.Time{}
	for ctx.Err() == nil {
		select {
		case k.n.couriers.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		k.tried = time.Now()
		moved, err := k.once(ctx)
		<-k.n.couriers.slots
		if err == nil {
			if k.n.queues.size(k.to) == 0 {
				return
			}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if moved || since.IsZero() {
			since = time.Now()
		}
		if moved {
			wait = firstRetry
		}
		pause := wait/2 + rand.N(wait) //nolint:gosec // jitter needs no secret
		k.note(err, time.Now().Add(pause))
		if !k.rest(ctx, pause) {
			wait = firstRetry
			continue
		}
		wait *= 2
		if limit := maxRetry; wait > limit {
			wait = limit
			if time.Since(since) > lateAfter {
				wait = lateRetry
			}
		}
	}
}

func (k *courier) note(err error, next time.Time) {
	k.mu.Lock()
	k.reason, k.next = "", next
	if err != nil {
		k.reason = err.Error()
	}
	k.mu.Unlock()
	k.tell()
}

// tell tells who watches why something waits, where that is another reason than they were told last. That one looks again is
// no news.
func (k *courier) tell() {
	k.mu.Lock()
	defer k.mu.Unlock()
	why := k.why()
	if why == k.told || why == reasonUnknown && k.told != "" {
		return
	}
	k.told = why
	k.n.ring.add([]Event{{Kind: EventWaiting, Time: k.n.now(), Account: k.to.account, Device: k.to.number}})
}

// rest waits, and is false if something happened that makes it worth trying at once.
func (k *courier) rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	poke := k.poke
	for {
		select {
		case <-t.C:
			return true
		case <-k.rush:
			return false
		case <-poke: // something new was said, or is known: worth another try, if the last was not just now
			if time.Since(k.tried) >= pokeEvery {
				return false
			}
			poke = nil
			if left := pokeEvery - time.Since(k.tried); left < d {
				t.Reset(left)
			}
		case <-ctx.Done():
			return true
		}
	}
}

// pokeEvery is how often what is new makes a courier try again that waits.
const pokeEvery = 2 * time.Second

// target is where a device may be.
type target struct {
	key   identity.TransportKey
	addrs []string
}

// targets returns where the device may be, the likeliest first.
func (k *courier) targets() (out []target) {
	k.n.couriers.mu.Lock()
	key, ok := k.n.couriers.places[k.to]
	k.n.couriers.mu.Unlock()
	var s *site
	if c := k.n.contact(k.to.account); c != nil {
		s = c.site(k.to.number)
	}
	if ok && (s == nil || s.Transport != key) {
		out = append(out, target{key, nil})
	}
	if s != nil && !s.Transport.IsZero() {
		out = append(out, target{s.Transport, k.n.texts(s.Direct)})
	}
	return out
}

// dial opens a stream to the device: where it was heard last, where its descriptor says, and, if that takes long or
// fails, where a search finds it. It goes on with the next while the last is still being tried; the first that answers
// is taken.
func (k *courier) dial(ctx context.Context, lane Lane) (net.Conn, target, error) {
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	type result struct {
		conn net.Conn
		at   target
		err  error
	}
	results := make(chan result)
	tried := make(map[identity.TransportKey]bool)
	running, searched := 0, false
	try := func() bool {
		for _, t := range k.targets() {
			if tried[t.key] {
				continue
			}
			tried[t.key] = true
			running++
			k.n.couriers.group.Go(func() {
				conn, err := lane.Dial(ctx, t.key, t.addrs)
				if err != nil && ctx.Err() == nil {
					k.n.couriers.left(k.to, t.key)
				}
				select {
				case results <- result{conn, t, err}:
				case <-ctx.Done():
					if err == nil {
						_ = conn.Close()
					}
				}
			})
			return true
		}
		if searched {
			return false
		}
		searched = true
		running++
		k.n.couriers.group.Go(func() {
			err := k.n.couriers.find(ctx, k.to.account)
			select {
			case results <- result{err: err}:
			case <-ctx.Done():
			}
		})
		return true
	}
	failed := errNowhere
	more := try()
	for running > 0 {
		next := time.NewTimer(dialNext)
		if !more {
			next.Stop()
		}
		select {
		case r := <-results:
			running--
			switch {
			case r.err == nil && r.conn != nil:
				next.Stop()
				return r.conn, r.at, nil
			case !r.at.key.IsZero():
				failed = errNoAnswer
			case r.err != nil && len(tried) == 0:
				failed = r.err
			}
			more = try()
		case <-next.C:
			more = try()
		case <-ctx.Done():
			next.Stop()
			if len(tried) > 0 {
				failed = errNoAnswer
			}
			return nil, target{}, failed
		}
		next.Stop()
	}
	return nil, target{}, failed
}

// once goes once. It is nil when nothing is left to do, or the stream was idle for long. moved tells whether something
// arrived.
func (k *courier) once(ctx context.Context) (moved bool, err error) {
	if k.to.number == 0 {
		return false, k.split(ctx)
	}
	if _, err := k.n.entryOf(k.to); err != nil || k.n.isBlocked(k.to.account) {
		return false, errNotListed // reconcile looks through what waits
	}
	conn, where, err := k.dial(ctx, k.n.config.Deliver)
	if err != nil {
		return false, err
	}
	defer func() {
		if err != nil && !moved { // somebody else may be there now
			k.n.couriers.left(k.to, where.key)
		}
	}()
	k.live.Store(true)
	defer k.live.Store(false)
	s := &stream{k: k, conn: conn, out: frame.New(conn, envelope.MaxSize, lanePatience), in: frame.New(conn, frame.Max, lanePatience)}
	return s.run(ctx)
}

// split gives what waits for an account to its devices, once they are known.
func (k *courier) split(ctx context.Context) error {
	k.note(errors.New(reasonUnknown), time.Time{})
	c := k.n.contact(k.to.account)
	if c == nil {
		return errNotFound
	}
	if len(c.view.Devices()) == 0 {
		if err := k.n.couriers.find(ctx, k.to.account); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		left := 0
		err := k.n.run(ctx, func(t *turn) error {
			c := t.contact(k.to.account)
			if c == nil || len(c.view.Devices()) == 0 {
				return errNotFound
			}
			numbers := k.n.queues.after(k.to, 0, sealAtOnce)
			left = k.n.queues.size(k.to) - len(numbers)
			for _, number := range numbers {
				p, err := t.post(k.to, number)
				if err != nil {
					return err
				}
				if p == nil {
					continue
				}
				for _, d := range t.devices(c) {
					q := *p
					q.device = d
					if err := t.queuePost(&q); err != nil {
						return t.fail(err)
					}
				}
				t.removePost(p)
			}
			return nil
		})
		if err != nil || left <= 0 {
			return err
		}
	}
	return ctx.Err()
}

// reset begins a new session, because the other side cannot read the last. It does so only now and then, so that nobody
// who lies about it makes a device spend its days on that.
func (k *courier) reset(ctx context.Context) {
	k.mu.Lock()
	again := time.Since(k.lastReset) < resetEvery
	if !again {
		k.lastReset = time.Now()
	}
	k.mu.Unlock()
	if again {
		return
	}
	_ = k.n.run(ctx, func(t *turn) error {
		t.reset(k.to, true)
		return nil
	})
}

func (n *Node) isBlocked(a identity.Account) bool {
	c := n.contact(a)
	return a != n.me && (c == nil || c.State == Blocked)
}

// entryOf returns a device as its manifest lists it.
func (n *Node) entryOf(d device) (identity.Device, error) {
	view := n.currentSelf().view
	if d.account != n.me {
		c := n.contact(d.account)
		if c == nil {
			return identity.Device{}, ErrUnknownContact
		}
		view = c.view
	}
	for _, e := range view.Devices() {
		if e.Number() == d.number {
			return e, nil
		}
	}
	return identity.Device{}, identity.ErrNotListed
}
