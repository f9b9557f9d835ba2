package mailbox

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/p2p/frame"
)

// maxWeakWaiting is how many frames of weak updates wait for a slow reader; more are dropped.
const maxWeakWaiting = 16

// stream is a fetch or listen, as its reader sees it: what came and was not taken yet.
type stream struct {
	l    *link
	id   uint32
	weak bool
	wake chan struct{} // buffered

	mu     sync.Mutex
	queue  []packet
	ahead  int64 // bytes that came and were not taken
	result error // set by the last frame
	over   bool
}

func (s *stream) prod() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take queues a frame. The relay may send what it has credit for, and overdraw it by a frame.
func (s *stream) take(p packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.prod()
	switch {
	case s.over:
		return fmt.Errorf("%w: more after the end", ErrLie)
	case p.verb == verbRefused:
		s.over, s.result = true, s.l.refusal(p)
	case p.verb == verbDone && s.weak:
		s.over = true
	case p.verb == verbWeak && s.weak:
		if len(s.queue) >= maxWeakWaiting {
			s.queue = s.queue[1:]
		}
		s.queue = append(s.queue, p)
	case p.verb == verbPosts && !s.weak:
		s.ahead += int64(len(p.tail))
		if s.ahead > window+frame.Max || len(s.queue) > window/MinPost+64 {
			return fmt.Errorf("%w: more than it was let", ErrLie)
		}
		s.queue = append(s.queue, p)
	default:
		return fmt.Errorf("%w: an answer of another kind", ErrLie)
	}
	return nil
}

// next returns the next frame, or tells that there is none any more.
func (s *stream) next() (p packet, ok, over bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		p = s.queue[0]
		s.queue[0] = packet{}
		s.queue = s.queue[1:]
		s.ahead -= int64(len(p.tail))
		return p, true, false, nil
	}
	return p, false, s.over, s.result
}

// begin sends the request of a stream.
func (l *link) begin(v verb, head any, weak bool) (*stream, error) {
	if err := l.enter(); err != nil {
		return nil, err
	}
	s := &stream{l: l, weak: weak, wake: make(chan struct{}, 1)}
	l.mu.Lock()
	s.id = l.nextID()
	l.streams[s.id] = s
	l.mu.Unlock()
	if l.pipe.send(packetOf(v, s.id, head)) != nil {
		err := l.broken()
		s.forget()
		return nil, err
	}
	return s, nil
}

// forget ends a stream that the relay has ended.
func (s *stream) forget() {
	s.l.mu.Lock()
	delete(s.l.streams, s.id)
	s.l.mu.Unlock()
	s.l.leave()
}

// finish ends a stream. One that the relay has not ended is told to, and awaited, so that its id is not another's.
func (s *stream) finish() {
	s.mu.Lock()
	over := s.over
	s.mu.Unlock()
	if over || s.l.cause() != nil || s.l.pipe.send(packetOf(verbStop, s.id, nil)) != nil {
		s.forget()
		return
	}
	s.l.c.group.Go(func() {
		defer s.forget()
		for {
			p, ok, over, _ := s.next()
			switch {
			case over:
				return
			case ok && p.verb == verbPosts:
				var h postsHead
				if p.read(&h) != nil || h.End {
					return
				}
			case !ok:
				select {
				case <-s.wake:
				case <-s.l.over:
					return
				}
			}
		}
	})
}

// stream runs a stream until it is over: each is called with every frame, in order, and with none when the relay says
// that it drains or does not any more.
func (c *Client) stream(ctx context.Context, at Place, by Reader, v verb, head func(box BoxID, capability [CapabilitySize]byte) any, each func(l *link, s *stream, p *packet) (end bool, err error)) error {
	box, owner, err := by.who()
	if err != nil {
		return err
	}
	begun, cancel := within(ctx)
	defer cancel()
	l, err := c.link(begun, at)
	if err != nil {
		return err
	}
	if owner != nil {
		if err := l.prove(begun, *owner); err != nil {
			return err
		}
	}
	s, err := l.begin(v, head(box, capabilityBytes(by.Capability)), v == verbListenWeak)
	if err != nil {
		return err
	}
	defer s.finish()
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p, ok, over, err := s.next()
		switch {
		case ok:
			if end, err := each(l, s, &p); end || err != nil {
				return err
			}
			continue
		case over:
			return err
		}
		if end, err := each(l, s, nil); end || err != nil {
			return err
		}
		select {
		case <-s.wake:
		case <-l.over:
			if p, ok, _, _ := s.next(); ok { // it came just before
				if end, err := each(l, s, &p); end || err != nil {
					return err
				}
				continue
			}
			return l.cause()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// who returns the box of a reader, and its key if it is the owner.
func (r *Reader) who() (BoxID, *identity.BoxPrivateKey, error) {
	switch {
	case !r.Key.IsZero():
		return r.Key.Public(), &r.Key, nil
	case !r.Box.IsZero() && !r.Capability.IsZero():
		return r.Box, nil, nil
	default:
		return BoxID{}, nil, ErrMalformed
	}
}

// Fetch calls take with all that lies in a box after a cursor, in order, and returns when it had everything, with the
// cursor of the last. An error of take ends it. The owner of a mail box begins with the zero Cursor, and gets all that is
// not acked. Each post fits its name. Refusals: ErrNoBox, ErrProof, ErrCursor.
func (c *Client) Fetch(ctx context.Context, at Place, by Reader, after Cursor, take func(Batch) error) (Cursor, error) {
	return c.fetch(ctx, at, by, after, false, take)
}

// Listen does the same, and goes on with what comes, as it comes, until the context or the connection ends, take returns
// an error, or the relay refuses. It asks for no more than 1 MiB ahead of what take has taken. It never returns nil. While
// take runs, nothing else comes to it: let it be quick, or hand on.
func (c *Client) Listen(ctx context.Context, at Place, by Reader, after Cursor, take func(Batch) error) error {
	_, err := c.fetch(ctx, at, by, after, true, take)
	if err == nil {
		err = fmt.Errorf("%w: the relay ended it", ErrUnreachable)
	}
	return err
}

func (c *Client) fetch(ctx context.Context, at Place, by Reader, after Cursor, follow bool, take func(Batch) error) (Cursor, error) {
	cursor := after
	drained := false
	head := func(box BoxID, capability [CapabilitySize]byte) any {
		return fetchHead{Box: box, Cursor: cursorBytes(after), Follow: follow, Window: window, Capability: capability}
	}
	err := c.stream(ctx, at, by, verbFetch, head, func(l *link, s *stream, p *packet) (bool, error) {
		if draining := l.draining(); draining != drained && follow {
			drained = draining
			if err := take(Batch{Draining: draining, Cursor: cursor}); err != nil {
				return true, err
			}
		}
		if p == nil {
			return false, nil
		}
		var h postsHead
		if p.read(&h) != nil {
			return true, l.lie("a page that is none")
		}
		posts, next, ok := readPage(&h, p.tail, cursor)
		if !ok {
			return true, l.lie("a post that does not fit its name or place")
		}
		if len(posts) > 0 || h.Caught && follow {
			if err := take(Batch{Posts: posts, Caught: h.Caught, Draining: drained, Cursor: next}); err != nil {
				return true, err
			}
		}
		cursor = next
		if h.End {
			s.mu.Lock()
			s.over = true
			s.mu.Unlock()
			return true, nil
		}
		if len(p.tail) > 0 {
			_ = l.pipe.send(packetOf(verbCredit, s.id, creditHead{Bytes: uint32(len(p.tail))}))
		}
		return false, nil
	})
	return cursor, err
}

func (l *link) draining() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.drain
}

// readPage splits the tail of a page into posts: each of a size of posts, with its own name, in rising order behind the
// cursor; and returns the cursor behind them.
func readPage(h *postsHead, tail []byte, cursor Cursor) (posts []Post, next Cursor, ok bool) {
	next = cursorOf(h.Cursor)
	seq := cursor.Seq
	for i := range h.Items {
		item := h.Items[i].item()
		n := int(min(item.Size, math.MaxInt32))
		if item.Seq <= seq || !IsPostSize(n) || n > len(tail) || NameOf(tail[:n]) != item.Name {
			return nil, next, false
		}
		seq = item.Seq
		posts = append(posts, Post{Item: item, Bytes: tail[:n:n]})
		tail = tail[n:]
	}
	return posts, next, len(tail) == 0 && next.Seq >= seq
}

// List returns what lies in a box after a sequence, without the bytes, at most 500, and where the box's last post stands.
func (c *Client) List(ctx context.Context, at Place, by Reader, after uint64) ([]Item, Cursor, error) {
	box, owner, err := by.who()
	if err != nil {
		return nil, Cursor{}, err
	}
	var h listedHead
	l, _, err := c.call(ctx, at, owner, verbList, listHead{Box: box, After: after, Capability: capabilityBytes(by.Capability)}, &h)
	if err != nil {
		return nil, Cursor{}, err
	}
	items := make([]Item, len(h.Items))
	for i := range h.Items {
		if items[i] = h.Items[i].item(); items[i].Seq <= after || !IsPostSize(int(min(items[i].Size, math.MaxInt32))) {
			return nil, Cursor{}, l.lie("a list out of order")
		}
		after = items[i].Seq
	}
	return items, cursorOf(h.Cursor), nil
}

// Get returns one post by its name. The refusal is ErrNotFound.
func (c *Client) Get(ctx context.Context, at Place, by Reader, name Name) (Post, error) {
	box, owner, err := by.who()
	if err != nil {
		return Post{}, err
	}
	var b itemBody
	l, tail, err := c.call(ctx, at, owner, verbGet, getHead{Box: box, Name: name, Capability: capabilityBytes(by.Capability)}, &b)
	if err != nil {
		return Post{}, err
	}
	if b.Name != name || int(min(b.Size, math.MaxInt32)) != len(tail) || NameOf(tail) != name {
		return Post{}, l.lie("a post that does not fit its name")
	}
	return Post{Item: b.item(), Bytes: tail}, nil
}

// ListenWeak calls take with what the relay still holds after a cursor, and then with what comes, as Listen does. What
// take is too slow for is dropped.
func (c *Client) ListenWeak(ctx context.Context, at Place, by Reader, after WeakCursor, take func([]Weak, WeakCursor) error) error {
	head := func(box BoxID, capability [CapabilitySize]byte) any {
		return listenWeakHead{Box: box, Ring: after.Ring, Seq: after.Seq, Capability: capability}
	}
	seq, ring := after.Seq, after.Ring
	err := c.stream(ctx, at, by, verbListenWeak, head, func(l *link, _ *stream, p *packet) (bool, error) {
		if p == nil {
			return false, nil
		}
		var h weakHead
		if p.read(&h) != nil {
			return true, l.lie("weak updates that are none")
		}
		if h.Ring != ring {
			ring, seq = h.Ring, 0
		}
		list := make([]Weak, 0, len(h.Items))
		tail := p.tail
		for _, i := range h.Items {
			n := int(min(i.Size, math.MaxInt32))
			if i.Seq <= seq || n > MaxWeak || n > len(tail) {
				return true, l.lie("weak updates out of order")
			}
			seq = i.Seq
			list = append(list, Weak{i.Token, i.Seq, tail[:n:n]})
			tail = tail[n:]
		}
		if len(tail) > 0 {
			return true, l.lie("weak updates that are none")
		}
		if len(list) == 0 {
			return false, nil
		}
		return false, take(list, WeakCursor{ring, seq})
	})
	if err == nil {
		err = fmt.Errorf("%w: the relay ended it", ErrUnreachable)
	}
	return err
}
