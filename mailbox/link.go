package mailbox

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// errResting says that a connection was closed because nobody used it.
var errResting = fmt.Errorf("%w: closed for being idle", ErrUnreachable)

const (
	// maxPending is how many requests wait for their answers on one connection at a time; more wait for their turn.
	maxPending = 192
	// maxRoots is how many signatures of receipts a link remembers.
	maxRoots = 8
)

// link is a connection to a relay, and what goes on on it.
type link struct {
	c     *Client
	id    linkID
	ready chan struct{} // closed when the relay has said hello
	over  chan struct{} // closed when it is over
	slots chan struct{}

	mu      sync.Mutex
	pipe    *pipe // nil until dialled
	err     error // why it is over
	nonce   [32]byte
	drain   bool
	last    uint32
	uses    int // calls under way
	idle    *time.Timer
	pending map[uint32]chan packet
	free    []*waiter
	streams map[uint32]*stream
	proven  map[BoxID]chan struct{} // closed when it is
	roots   [maxRoots]signedRoot
	root    int
}

func newLink(c *Client, id linkID) *link {
	return &link{
		c:       c,
		id:      id,
		ready:   make(chan struct{}),
		over:    make(chan struct{}),
		slots:   make(chan struct{}, maxPending),
		pending: make(map[uint32]chan packet),
		streams: make(map[uint32]*stream),
		proven:  make(map[BoxID]chan struct{}),
	}
}

// run dials, and reads until the connection ends.
func (l *link) run(at Place) {
	err := l.serve(at)
	l.shut(err)
	l.c.forget(l)
}

func (l *link) serve(at Place) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	stop := make(chan struct{})
	var group sync.WaitGroup
	defer group.Wait()
	defer close(stop)
	group.Go(func() {
		select {
		case <-l.over: // shut while dialling
			cancel()
		case <-stop:
		}
	})
	conn, err := l.c.lane.Dial(ctx, at.Relay, at.Addrs)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	p := newPipe(conn)
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		_ = conn.Close()
		return l.err
	}
	l.pipe = p
	l.mu.Unlock()
	group.Go(func() { p.write(l.several, func(int, int) {}) })
	defer func() { l.shut(err) }() // before anybody finds the pipe closed without a reason

	first, err := p.in.Read()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	var h helloHead
	hello, err := parsePacket(first)
	if err != nil || hello.verb != verbHello || hello.id != 0 || hello.read(&h) != nil {
		return fmt.Errorf("%w: no greeting", ErrLie)
	}
	l.mu.Lock()
	l.nonce, l.drain = h.Nonce, h.Draining
	l.idle = time.AfterFunc(clientIdle, l.restIf)
	l.mu.Unlock()
	defer l.idle.Stop()
	close(l.ready)
	for {
		packet, err := p.read()
		switch {
		case errors.Is(err, ErrMalformed):
			return fmt.Errorf("%w: a frame that is none", ErrLie)
		case err != nil:
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		if err := l.take(packet); err != nil {
			return err
		}
	}
}

// several tells whether more than one call awaits an answer.
func (l *link) several() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending) > 1
}

// take gives a packet to who waits for it.
func (l *link) take(p packet) error {
	if p.id == 0 {
		if p.verb != verbNotice {
			return nil // of a later version: nobody needs it
		}
		var h noticeHead
		if p.read(&h) != nil {
			return fmt.Errorf("%w: a notice that is none", ErrLie)
		}
		l.mu.Lock()
		l.drain = h.Draining
		streams := make([]*stream, 0, len(l.streams))
		for _, s := range l.streams {
			streams = append(streams, s)
		}
		l.mu.Unlock()
		for _, s := range streams {
			s.prod()
		}
		return nil
	}
	l.mu.Lock()
	answer, stream := l.pending[p.id], l.streams[p.id]
	delete(l.pending, p.id)
	l.mu.Unlock()
	switch {
	case answer != nil:
		answer <- p // buffered
		return nil
	case stream != nil:
		return stream.take(p)
	default:
		return fmt.Errorf("%w: an answer that nobody asked for", ErrLie)
	}
}

// shut ends the link, once, for a reason.
func (l *link) shut(reason error) {
	l.mu.Lock()
	if l.err == nil {
		l.err = reason
		close(l.over)
	}
	p := l.pipe
	l.mu.Unlock()
	if p != nil {
		p.shut(reason)
	}
}

func (l *link) cause() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// lie ends the link because the relay lies, and returns the error that says so.
func (l *link) lie(how string) error {
	err := fmt.Errorf("%w: %s", ErrLie, how)
	l.shut(err)
	l.c.forget(l)
	return err
}

// greeted tells whether the relay has said hello.
func (l *link) greeted() bool {
	select {
	case <-l.ready:
		return true
	default:
		return false
	}
}

// enter begins a use; leave ends it.
func (l *link) enter() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	l.uses++
	return nil
}

func (l *link) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.uses--; l.uses == 0 && l.err == nil {
		l.idle.Reset(clientIdle)
	}
}

// restIf closes the link if nobody uses it.
func (l *link) restIf() {
	l.mu.Lock()
	rest := l.uses == 0 && l.err == nil && l.pipe != nil
	if rest {
		l.err = errResting
		close(l.over)
	}
	p := l.pipe
	l.mu.Unlock()
	if rest {
		p.shut(errResting) // and run forgets it
	}
}

// waiter is what a call awaits its answer with. There are as many of a link's as calls were under way at a time.
type waiter struct {
	answer chan packet // buffered
	limit  *time.Timer
}

// waiter returns one that nobody uses; free gives it back once it has had its answer. The caller holds mu.
func (l *link) waiter() *waiter {
	if n := len(l.free); n > 0 {
		w := l.free[n-1]
		l.free = l.free[:n-1]
		return w
	}
	w := &waiter{answer: make(chan packet, 1), limit: time.NewTimer(callPatience)}
	w.limit.Stop()
	return w
}

// ask sends a request and awaits its answer, no longer than to a limit, if that is not zero.
func (l *link) ask(ctx context.Context, limit time.Time, v verb, head any, tail ...[]byte) (packet, error) {
	if err := l.enter(); err != nil {
		return packet{}, err
	}
	defer l.leave()
	select {
	case l.slots <- struct{}{}:
	default:
		turn, cancel := ctx, context.CancelFunc(func() {})
		if !limit.IsZero() {
			turn, cancel = context.WithDeadlineCause(ctx, limit, errNoAnswer)
		}
		select {
		case l.slots <- struct{}{}:
			cancel()
		case <-l.over:
			cancel()
			return packet{}, l.cause()
		case <-turn.Done():
			cancel()
			return packet{}, context.Cause(turn)
		}
	}
	l.mu.Lock()
	id, w := l.nextID(), l.waiter()
	l.pending[id] = w.answer
	l.mu.Unlock()
	var late <-chan time.Time
	if !limit.IsZero() {
		w.limit.Reset(time.Until(limit))
		late = w.limit.C
	}
	if l.pipe.send(packetOf(v, id, head, tail...)) != nil {
		<-l.slots
		l.mu.Lock()
		delete(l.pending, id)
		l.mu.Unlock()
		return packet{}, l.broken()
	}
	select {
	case p := <-w.answer:
		w.limit.Stop() // before anybody else has it
		<-l.slots
		l.mu.Lock()
		l.free = append(l.free, w)
		l.mu.Unlock()
		return l.settle(p)
	case <-l.over:
		<-l.slots
		select {
		case p := <-w.answer: // it came just before
			return l.settle(p)
		default:
		}
		return packet{}, l.cause()
	case <-ctx.Done():
		// The answer comes, or not; until then it takes its place, so that its id is not another's.
		l.abandon(id, w.answer)
		return packet{}, context.Cause(ctx)
	case <-late:
		l.abandon(id, w.answer)
		return packet{}, errNoAnswer
	}
}

// broken returns why nothing can be sent.
func (l *link) broken() error {
	if err := l.cause(); err != nil {
		return err
	}
	return ErrUnreachable
}

// abandon awaits an answer that nobody wants any more.
func (l *link) abandon(id uint32, answer chan packet) {
	l.c.group.Go(func() {
		select {
		case <-answer:
		case <-l.over:
		}
		<-l.slots
		l.mu.Lock()
		delete(l.pending, id)
		l.mu.Unlock()
	})
}

// nextID returns an id that nothing uses. The caller holds mu.
func (l *link) nextID() uint32 {
	for {
		l.last++
		if l.last == 0 {
			continue
		}
		if l.pending[l.last] == nil && l.streams[l.last] == nil {
			return l.last
		}
	}
}

// settle reads an answer: done, or a refusal.
func (l *link) settle(p packet) (packet, error) {
	switch p.verb {
	case verbDone:
		return p, nil
	case verbRefused:
		return p, l.refusal(p)
	default:
		return p, l.lie("an answer of another kind")
	}
}

func (l *link) refusal(p packet) error {
	var h refusedHead
	if p.read(&h) != nil {
		return l.lie("a refusal that is none")
	}
	return &RefusedError{Err: errorOf(code(h.Code)), RetryAfter: time.Duration(h.Retry) * time.Second, Bits: h.Bits}
}

// prove proves a box key, once. Who needs the same while it is under way waits for that.
func (l *link) prove(ctx context.Context, key identity.BoxPrivateKey) error {
	if key.IsZero() {
		return ErrMalformed
	}
	box := key.Public()
	for {
		l.mu.Lock()
		done, under := l.proven[box]
		if !under {
			done = make(chan struct{})
			l.proven[box] = done
		}
		l.mu.Unlock()
		if !under {
			err := l.proveNow(ctx, key)
			if err != nil {
				l.mu.Lock()
				delete(l.proven, box)
				l.mu.Unlock()
			}
			close(done)
			return err
		}
		select {
		case <-done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		l.mu.Lock()
		_, still := l.proven[box]
		l.mu.Unlock()
		if still {
			return nil
		}
	}
}

func (l *link) proveNow(ctx context.Context, key identity.BoxPrivateKey) error {
	box := key.Public()
	sig, err := key.Sign(identity.LabelBox, l.id.relay[:], l.nonce[:], box[:])
	if err != nil {
		return err
	}
	_, err = l.ask(ctx, time.Time{}, verbOwn, ownHead{Box: box, Signature: sig})
	return err
}

// verify tells whether a receipt is good. Of receipts under one signature it verifies one.
func (l *link) verify(r *Receipt) error {
	l.mu.Lock()
	roots := l.roots
	l.mu.Unlock()
	got, err := r.rootOf([]byte(r.proof))
	if err != nil {
		return err
	}
	for i := range roots {
		if roots[i] == got {
			return nil
		}
	}
	if err := got.verify(); err != nil {
		return err
	}
	l.mu.Lock()
	l.roots[l.root] = got
	l.root = (l.root + 1) % maxRoots
	l.mu.Unlock()
	return nil
}

func nonce() (n [32]byte) {
	_, _ = rand.Read(n[:]) // never fails
	return n
}

// timeParts is what a relay signs of its time.
func timeParts(nonce [32]byte, ms uint64) [][]byte {
	return [][]byte{nonce[:], binary.BigEndian.AppendUint64(nil, ms)}
}

// fromMillis returns a time, for what a time.Time can hold.
func fromMillis(ms uint64) time.Time { return time.UnixMilli(int64(min(ms, math.MaxInt64>>8))).UTC() }
