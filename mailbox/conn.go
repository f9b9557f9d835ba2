package mailbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Limits of one connection.
const (
	maxRequests = 256     // under way
	maxUnderway = 2 << 20 // bytes of them
	maxOwned    = 64      // boxes whose key was proven
	maxFetches  = 64      // under way
	idleTime    = 3 * time.Minute

	// How many refusals a connection gets on average per second, and at once, before it is made to wait.
	refusalRate  = 50
	refusalBurst = 500
)

// conn is a connection that is served.
type conn struct {
	s      *Server
	ctx    context.Context //nolint:containedctx // of Run, which a Server has one of
	node   identity.TransportKey
	origin Origin
	pipe   *pipe
	nonce  [32]byte
	freed  chan struct{} // buffered: a request was answered
	group  sync.WaitGroup

	mu       sync.Mutex
	owned    map[BoxID]bool
	fetches  map[uint32]*fetch
	requests int
	bytes    int
	refusals bucket
	idle     *time.Timer
	leaving  []Descriptor // of a leave in several frames
	leaver   BoxID
}

// serve reads requests until the connection ends.
func (c *conn) serve() {
	stop := context.AfterFunc(c.ctx, func() { c.pipe.shut(ErrClosed) })
	defer stop()
	c.idle = time.AfterFunc(idleTime, c.rest)
	defer c.idle.Stop()
	c.group.Go(func() { c.pipe.write(c.several, func(_, bytes int) { c.s.memory.Add(-int64(bytes)) }) })
	c.send(packetOf(verbHello, 0, helloHead{Nonce: c.nonce, Draining: c.s.draining.Load()}))
	for c.pipe.waitRoom(nil) && c.waitTurn() {
		p, err := c.pipe.read()
		if err == nil {
			err = c.take(p)
		}
		if err != nil {
			c.pipe.shut(err)
			break
		}
	}
	c.mu.Lock()
	for _, f := range c.fetches {
		f.end()
	}
	c.mu.Unlock()
	c.group.Wait()
	c.s.memory.Add(-int64(c.pipe.unsent()))
}

// several tells whether more than one request is under way.
func (c *conn) several() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests > 1
}

// rest closes a connection on which nothing goes on.
func (c *conn) rest() {
	c.mu.Lock()
	quiet := c.requests == 0 && len(c.fetches) == 0
	c.mu.Unlock()
	if quiet {
		c.pipe.shut(errors.New("mailbox: idle"))
		return
	}
	c.idle.Reset(idleTime)
}

// waitTurn waits until the connection may ask for more: not too much is under way, and not too much was refused.
func (c *conn) waitTurn() bool {
	for {
		c.mu.Lock()
		now := time.Since(c.s.start)
		c.refusals.settle(refusalRate, now)
		wait := time.Duration(0)
		if over := c.refusals.spent - refusalBurst; over > 0 {
			wait = time.Duration(over / refusalRate * float64(time.Second))
		}
		fits := c.requests < maxRequests && c.bytes < maxUnderway
		c.mu.Unlock()
		switch {
		case wait > 0:
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-c.pipe.closed:
				t.Stop()
				return false
			}
		case fits:
			return true
		default:
			select {
			case <-c.freed:
			case <-c.pipe.closed:
				return false
			}
		}
	}
}

// take begins what a packet asks for. An error ends the connection.
func (c *conn) take(p packet) error {
	c.idle.Reset(idleTime)
	if p.id == 0 || p.verb >= verbHello {
		return ErrMalformed
	}
	if p.verb == verbCredit || p.verb == verbStop {
		return c.steer(p)
	}
	size := len(p.tail) + len(p.head)
	c.mu.Lock()
	c.requests++
	c.bytes += size
	c.mu.Unlock()
	if used := c.s.memory.Add(int64(size)); used > c.s.lim().Memory {
		c.refuse(p.id, &RefusedError{Err: ErrBusy, RetryAfter: time.Second})
		c.done(1, size)
		return nil
	}
	if p.verb == verbPut {
		c.put(p, size)
		return nil
	}
	c.group.Go(func() {
		if err := c.handle(p); err != nil {
			c.refuse(p.id, err)
		}
		c.done(1, size)
	})
	return nil
}

// done frees what requests took, in bytes.
func (c *conn) done(requests, size int) {
	c.s.memory.Add(-int64(size))
	c.mu.Lock()
	c.requests -= requests
	c.bytes -= size
	c.mu.Unlock()
	select {
	case c.freed <- struct{}{}:
	default:
	}
}

func (c *conn) send(bodies ...[]byte) {
	size := int64(0)
	for _, b := range bodies {
		size += int64(len(b))
	}
	c.s.memory.Add(size)
	if c.pipe.send(bodies...) != nil {
		c.s.memory.Add(-size)
	}
}

// answer says that a request was carried out.
func (c *conn) answer(id uint32, head any, tail ...[]byte) {
	c.send(packetOf(verbDone, id, head, tail...))
}

// refuse says no. What fails because the Server ends is no failure of the relay's: then the connection ends without a word,
// so that whoever asked finds it unreachable, and asks again.
func (c *conn) refuse(id uint32, err error) {
	h := refusedHead{Code: uint16(codeOf(err))}
	failed := h.Code == uint16(codeOf(ErrInternal))
	if failed && c.ctx.Err() != nil {
		c.pipe.shut(ErrClosed)
		return
	}
	var why *RefusedError
	if errors.As(err, &why) {
		h.Retry = uint32(min((why.RetryAfter+time.Second-1)/time.Second, 1<<31))
		h.Bits = why.Bits
	}
	c.s.mu.Lock()
	c.s.refused[errorOf(code(h.Code))]++
	c.s.mu.Unlock()
	if failed {
		c.s.config.Log.Error("a request failed", "error", err)
		c.s.look(err)
	}
	c.mu.Lock()
	c.refusals.spent++
	c.mu.Unlock()
	c.send(packetOf(verbRefused, id, h))
}

// owns tells whether the box's key was proven here.
func (c *conn) owns(box BoxID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owned[box]
}

// put gives a post to its shard.
func (c *conn) put(p packet, size int) {
	var h putHead
	err := p.read(&h)
	o := &put{c: c, id: p.id, box: h.Box, post: p.tail}
	switch {
	case err != nil:
	case c.s.draining.Load():
		err = ErrDraining
	case !IsPostSize(len(p.tail)):
		err = ErrPostSize
	case c.s.banned(c.node, h.Box):
		err = ErrBanned
	case h.Token != [TokenSize]byte{}:
		o.name = NameOf(p.tail)
		if o.who.token, err = ParseToken(h.Token[:]); err != nil {
			err = ErrToken
		}
	case h.Work != nil:
		if len(p.tail) > MaxStranger {
			err = ErrStrangerSize
			break
		}
		o.name = NameOf(p.tail)
		err = c.s.worked(h.Box, &o.name, h.Work)
	case c.owns(h.Box):
		o.name = NameOf(p.tail)
		o.who.owner = true
	default:
		err = c.s.wanted()
	}
	if err == nil {
		// The shard frees what the post took; the head is freed now.
		c.trim(size - len(p.tail))
		if !c.s.shard(h.Box).submit(c.ctx, op{put: o}) {
			c.pipe.shut(ErrClosed)
			c.done(1, len(p.tail))
		}
		return
	}
	c.refuse(p.id, err)
	c.done(1, size)
}

// trim frees a part of what a request took.
func (c *conn) trim(size int) {
	c.s.memory.Add(-int64(size))
	c.mu.Lock()
	c.bytes -= size
	c.mu.Unlock()
}

// wanted says that work is wanted, and how much.
func (s *Server) wanted() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &RefusedError{Err: ErrWork, Bits: s.crowd.bits(s.lim(), time.Since(s.start))}
}

// worked lets a stranger in who worked, for a post, or without a name for a one-time part.
func (s *Server) worked(box BoxID, name *Name, w *workBody) error {
	now := s.now()
	if err := worked(s.work[:], box, name, w, now.age); err != nil {
		return s.wanted()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == nil && !s.spent.once(w) {
		return ErrWork
	}
	if wait, ok := s.crowd.enter(s.lim(), now.tick); !ok {
		return &RefusedError{Err: ErrBusy, RetryAfter: wait}
	}
	return nil
}
