package mailbox

import (
	"context"
	"errors"
	"sync"
)

// Limits of what one frame of posts holds, so that it stays below frame.Max with its head.
const (
	pagePosts = 120
	pageBytes = 60 << 10
)

// maxListeners is how many may listen to one box at a time.
const maxListeners = 1024

// fetch is a fetch or listen under way.
type fetch struct {
	c    *conn
	id   uint32
	box  BoxID
	wake chan struct{} // buffered: something came, or credit
	stop chan struct{} // closed: it is over
	once sync.Once

	mu     sync.Mutex
	credit int64 // bytes that may be sent; what is sent last may overdraw it
}

func (f *fetch) end() { f.once.Do(func() { close(f.stop) }) }

func (f *fetch) prod() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// hub knows who listens to what.
type hub struct {
	mu sync.Mutex
	by map[BoxID]map[*fetch]struct{}
}

// add is false if too many listen.
func (h *hub) add(f *fetch) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.by[f.box]) >= maxListeners {
		return false
	}
	if h.by == nil {
		h.by = make(map[BoxID]map[*fetch]struct{})
	}
	if h.by[f.box] == nil {
		h.by[f.box] = make(map[*fetch]struct{})
	}
	h.by[f.box][f] = struct{}{}
	return true
}

func (h *hub) remove(f *fetch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.by[f.box], f)
	if len(h.by[f.box]) == 0 {
		delete(h.by, f.box)
	}
}

// wake wakes all who listen to a box.
func (h *hub) wake(box BoxID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f := range h.by[box] {
		f.prod()
	}
}

// boxes returns to which boxes somebody listens.
func (h *hub) boxes() []BoxID {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]BoxID, 0, len(h.by))
	for b := range h.by {
		list = append(list, b)
	}
	return list
}

// begin makes a fetch known under its id.
func (c *conn) begin(id uint32, box BoxID, credit uint32) (*fetch, error) {
	f := &fetch{c: c, id: id, box: box, credit: int64(credit), wake: make(chan struct{}, 1), stop: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(c.fetches) >= maxFetches:
		return nil, ErrBusy
	case c.fetches[id] != nil:
		return nil, ErrMalformed
	}
	c.fetches[id] = f
	return f, nil
}

func (c *conn) finish(f *fetch) {
	f.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.fetches, f.id)
}

// steer gives a fetch more credit, or ends it. One that is over meanwhile is no mistake.
func (c *conn) steer(p packet) error {
	c.mu.Lock()
	f := c.fetches[p.id]
	c.mu.Unlock()
	if p.verb == verbStop {
		if f != nil {
			f.end()
		}
		return nil
	}
	var h creditHead
	if err := p.read(&h); err != nil || f == nil {
		return err
	}
	f.mu.Lock()
	f.credit = min(f.credit+int64(h.Bytes), 1<<32)
	f.mu.Unlock()
	f.prod()
	return nil
}

// fetch gives what lies in a box, and goes on with what comes if the reader wants to follow. It takes as long as that.
func (c *conn) fetch(p packet) error {
	var h fetchHead
	if err := p.read(&h); err != nil {
		return err
	}
	if err := c.mayRead(h.Box, h.Capability); err != nil {
		return err
	}
	b, err := c.s.config.Store.Box(c.ctx, h.Box)
	if err != nil {
		return err
	}
	cursor := cursorOf(h.Cursor)
	if err := c.s.checkCursor(c.ctx, &b, cursor); err != nil {
		return err
	}
	cursor.Incarnation = b.Incarnation
	if c.owns(h.Box) {
		c.s.touch(c.ctx, h.Box)
	}
	f, err := c.begin(p.id, h.Box, h.Window)
	if err != nil {
		return err
	}
	defer c.finish(f)
	if h.Follow {
		if !c.s.hub.add(f) {
			return ErrBusy
		}
		defer c.s.hub.remove(f)
		c.s.count.listeners.Add(1)
		defer c.s.count.listeners.Add(^uint64(0))
	}
	err = f.run(c.ctx, cursor, h.Follow)
	if errors.Is(err, context.Canceled) {
		return ErrClosed
	}
	return err
}

// checkCursor tells whether a cursor is of this box as it is now.
func (s *Server) checkCursor(ctx context.Context, b *Box, c Cursor) error {
	if c == (Cursor{}) || c == b.Cursor() || c == (Cursor{Incarnation: b.Incarnation}) {
		return nil
	}
	if c.Incarnation != b.Incarnation || c.Seq == 0 || c.Seq > b.Seq {
		return ErrCursor
	}
	items, err := s.config.Store.List(ctx, b.ID, c.Seq-1, 1)
	if err != nil {
		return err
	}
	if len(items) == 0 || items[0].Seq != c.Seq || items[0].Chain != c.Chain {
		return ErrCursor
	}
	return nil
}

// run sends pages until there are no more, or, if it follows, until it is over.
func (f *fetch) run(ctx context.Context, cursor Cursor, follow bool) error {
	c := f.c
	for caught := false; ; {
		room := c.pipe.waitRoom(f.stop)
		select {
		case <-f.stop: // the reader wants no more: this is the last frame
			c.send(packetOf(verbPosts, f.id, postsHead{End: true, Cursor: cursorBytes(cursor)}))
			return nil
		default:
		}
		if !room {
			return nil
		}
		f.mu.Lock()
		credit := f.credit
		f.mu.Unlock()
		if credit > 0 {
			posts, err := c.s.config.Store.Fetch(ctx, f.box, cursor.Seq, pagePosts, int(min(credit, pageBytes)))
			if err != nil {
				return err
			}
			if len(posts) > 0 {
				f.page(posts, &cursor)
				caught = false
				continue
			}
			if !caught {
				caught = true
				c.send(packetOf(verbPosts, f.id, postsHead{Caught: true, End: !follow, Cursor: cursorBytes(cursor)}))
			}
			if !follow {
				return nil
			}
		}
		select {
		case <-f.wake:
		case <-f.stop:
		case <-c.pipe.closed:
			return nil
		}
	}
}

// page sends posts, and moves the cursor behind them.
func (f *fetch) page(posts []Post, cursor *Cursor) {
	h := postsHead{Items: make([]itemBody, len(posts))}
	tail := make([][]byte, len(posts))
	size := 0
	for i, p := range posts {
		h.Items[i], tail[i] = bodyOf(p.Item), p.Bytes
		cursor.Seq, cursor.Chain = p.Seq, p.Chain
		size += len(p.Bytes)
	}
	h.Cursor = cursorBytes(*cursor)
	f.mu.Lock()
	f.credit -= int64(size)
	f.mu.Unlock()
	f.c.send(packetOf(verbPosts, f.id, h, tail...))
	f.c.s.count.fetched.Add(uint64(len(posts)))
	f.c.s.count.fetchedBytes.Add(uint64(size))
}
