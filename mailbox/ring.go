package mailbox

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// Limits of what is held of weak updates.
const (
	ringUpdates = 64               // of one box
	ringBytes   = 64 << 10         // of them
	ringLife    = 10 * time.Minute // of each
	ringFixed   = 160              // bytes that each takes beside its own
)

// ring holds weak updates: the last of each box, for a while, in RAM alone.
type ring struct {
	id uint64 // drawn at the start: an older cursor is of no use

	mu    sync.Mutex
	seq   uint64
	bytes int64
	boxes map[BoxID]*boxRing
	order []*update // of all boxes, the oldest first; those that went before their time have no bytes
}

type boxRing struct {
	updates []*update
	bytes   int
	readers map[*fetch]struct{}
}

type update struct {
	Weak
	box BoxID
	at  time.Duration
}

func (r *ring) init() {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	r.id = binary.BigEndian.Uint64(b[:])>>1 | 1
	r.boxes = make(map[BoxID]*boxRing)
}

func (r *ring) size() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes
}

// put holds an update, lets go of what is old or too much, and wakes who listens.
func (r *ring) put(box BoxID, token TokenID, b []byte, limit int64, now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	u := &update{Weak{token, r.seq, b}, box, now}
	of := r.boxes[box]
	if of == nil {
		of = &boxRing{}
		r.boxes[box] = of
	}
	of.updates = append(of.updates, u)
	of.bytes += len(b)
	r.order = append(r.order, u)
	r.bytes += int64(len(b)) + ringFixed
	for len(of.updates) > ringUpdates || of.bytes > ringBytes {
		r.drop(of.updates[0])
	}
	r.tidy(limit, now)
	for f := range of.readers {
		f.prod()
	}
}

// tidy lets go of what is old, or too much of all.
func (r *ring) tidy(limit int64, now time.Duration) {
	for len(r.order) > 0 {
		u := r.order[0]
		if u.Bytes != nil && r.bytes <= limit && now-u.at < ringLife {
			return
		}
		if u.Bytes != nil {
			r.drop(u)
		}
		r.order[0] = nil
		r.order = r.order[1:]
	}
}

// drop lets go of the oldest update of a box.
func (r *ring) drop(u *update) {
	of := r.boxes[u.box]
	of.updates[0] = nil
	of.updates = of.updates[1:]
	of.bytes -= len(u.Bytes)
	r.bytes -= int64(len(u.Bytes)) + ringFixed
	u.Bytes = nil
	if len(of.updates) == 0 && len(of.readers) == 0 {
		delete(r.boxes, u.box)
	}
}

// after returns what is held of a box after a sequence, as much as fits into a frame.
func (r *ring) after(box BoxID, seq uint64) (list []Weak) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.boxes[box]
	if of == nil {
		return nil
	}
	size := 0
	for _, u := range of.updates {
		if u.Seq > seq && len(list) < ringUpdates {
			if size += len(u.Bytes); size > pageBytes && len(list) > 0 {
				break
			}
			list = append(list, u.Weak)
		}
	}
	return list
}

// listen makes a reader known, or forgets it.
func (r *ring) listen(f *fetch, on bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.boxes[f.box]
	if on {
		if of == nil {
			of = &boxRing{}
			r.boxes[f.box] = of
		}
		if len(of.readers) >= maxListeners {
			return false
		}
		if of.readers == nil {
			of.readers = make(map[*fetch]struct{})
		}
		of.readers[f] = struct{}{}
		return true
	}
	delete(of.readers, f)
	if len(of.updates) == 0 && len(of.readers) == 0 {
		delete(r.boxes, f.box)
	}
	return true
}

func (c *conn) putWeak(p packet) error {
	var h putWeakHead
	if err := p.read(&h); err != nil {
		return err
	}
	if len(p.tail) > MaxWeak || !IsPostSize(len(p.tail)) {
		return ErrPostSize
	}
	token, err := ParseToken(h.Token[:])
	if err != nil {
		return ErrToken
	}
	s := c.s
	err = s.shard(h.Box).with(c.ctx, h.Box, func(_ context.Context, l *ledger) error { return l.weak(s.lim(), token, s.now()) })
	if err != nil {
		return err
	}
	s.count.weak.Add(1)
	s.ring.put(h.Box, token.ID, append([]byte(nil), p.tail...), s.lim().WeakMemory, time.Since(s.start))
	c.answer(p.id, nil)
	return nil
}

// listenWeak gives what is held, and then what comes. A reader that is slow misses what goes meanwhile.
func (c *conn) listenWeak(p packet) error {
	var h listenWeakHead
	if err := p.read(&h); err != nil {
		return err
	}
	if err := c.mayRead(h.Box, h.Capability); err != nil {
		return err
	}
	if _, err := c.s.config.Store.Box(c.ctx, h.Box); err != nil {
		return err
	}
	f, err := c.begin(p.id, h.Box, 0)
	if err != nil {
		return err
	}
	defer c.finish(f)
	r := &c.s.ring
	if !r.listen(f, true) {
		return ErrBusy
	}
	defer r.listen(f, false)
	seq := h.Seq
	if h.Ring != r.id {
		seq = 0
	}
	for first := true; c.pipe.waitRoom(f.stop); first = false {
		list := r.after(h.Box, seq)
		if len(list) > 0 || first {
			head := weakHead{Ring: r.id}
			tail := make([][]byte, len(list))
			for i, w := range list {
				head.Items = append(head.Items, weakBody{Seq: w.Seq, Size: uint32(len(w.Bytes)), Token: w.Token})
				tail[i] = w.Bytes
				seq = w.Seq
			}
			c.send(packetOf(verbWeak, f.id, head, tail...))
			continue
		}
		select {
		case <-f.wake:
		case <-f.stop:
		case <-c.pipe.closed:
			return nil
		}
		select {
		case <-f.stop:
		default:
			continue
		}
		break
	}
	c.answer(p.id, nil) // the last frame
	return nil
}
