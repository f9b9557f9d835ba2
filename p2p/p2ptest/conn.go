package p2ptest

import (
	"io"
	"net"
	"os"
	"time"
)

// Conn is one end of a connection, a net.Conn. Several goroutines may read and write at once; each Write stays in one
// piece.
type Conn struct {
	link   *link
	side   int // 0 dialled, 1 accepted
	closed bool
}

// Read reads what has come, at least a byte. The errors are net.ErrClosed after Close; io.EOF after all that the other
// end wrote before it closed; ErrReset; and os.ErrDeadlineExceeded.
func (c *Conn) Read(p []byte) (int, error) {
	l, h := c.link, c.in()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if c.closed {
			return 0, net.ErrClosed
		}
		var now time.Time
		if !h.readBy.IsZero() || len(h.marks) > 0 || !h.closedAt.IsZero() {
			now = time.Now()
		}
		if !h.readBy.IsZero() && !now.Before(h.readBy) {
			return 0, os.ErrDeadlineExceeded
		}
		if len(p) == 0 {
			return 0, nil
		}
		h.arrive(now)
		limit := h.here
		if h.stalled {
			limit = min(limit, h.dam)
		}
		if l.broken {
			limit = min(limit, h.end)
		}
		if limit > h.taken {
			n := h.take(p, limit)
			h.writable.Broadcast()
			return n, nil
		}
		if l.broken && h.taken >= h.end {
			return 0, ErrReset
		}
		ended := h.closed && h.taken == h.sent && !h.stalled
		if ended && !now.Before(h.closedAt) {
			return 0, io.EOF
		}
		wake := h.readBy
		if len(h.marks) > 0 {
			wake = sooner(wake, h.marks[0].at)
		}
		if ended {
			wake = sooner(wake, h.closedAt)
		}
		h.readAlarm.set(wake, now, &h.readable)
		h.readable.Wait()
	}
}

// Write writes all of p, and waits while Window bytes lie unread. It returns how much it could write before the error:
// net.ErrClosed after Close; ErrReset when the connection was cut or the other end has closed; os.ErrDeadlineExceeded.
// What was written need not arrive.
func (c *Conn) Write(p []byte) (n int, err error) {
	l, h := c.link, c.out()
	l.mu.Lock()
	cut := false
	for h.writing && err == nil {
		err = c.waitToWrite(h)
	}
	if err == nil {
		h.writing = true
		n, cut, err = c.write(h, p)
		h.writing = false
		h.writable.Broadcast()
	}
	l.mu.Unlock()
	if cut {
		l.finish()
		l.net.tell(l.event(Reset))
	}
	return n, err
}

// write is Write when it is this call's turn. It tells whether the link must be finished. The caller holds the lock.
func (c *Conn) write(h *half, p []byte) (n int, cut bool, err error) {
	l := c.link
	for {
		if err := c.mayWrite(h); err != nil {
			return n, false, err
		}
		if len(p) == 0 {
			return n, false, nil
		}
		piece := p[:min(len(p), h.space())]
		if h.gone || h.sink { // who reads has gone, and this end does not know yet
			piece = p
		}
		if len(piece) == 0 {
			if err := c.waitToWrite(h); err != nil {
				return n, false, err
			}
			continue
		}
		if l.budget >= 0 {
			piece = piece[:min(int64(len(piece)), l.budget)]
			l.budget -= int64(len(piece)) // before the lock is let go
			cut = l.budget == 0
		}
		if l.net.tap.Load() != nil {
			e := l.event(Sent)
			e.Reply, e.Data = c.side == 1, append([]byte(nil), piece...)
			l.mu.Unlock()
			l.net.tell(e)
			l.mu.Lock()
			if err := c.mayWrite(h); err != nil {
				return n, cut && l.cutLocked(l.keep), err
			}
		}
		if !h.gone && !h.sink {
			c.put(h, piece)
		}
		n, p = n+len(piece), p[len(piece):]
		if cut {
			return n, l.cutLocked(l.keep), ErrReset
		}
		h.readable.Broadcast()
	}
}

// put sends a piece.
func (c *Conn) put(h *half, piece []byte) {
	l := c.link
	if room := Window - len(l.wrote); l.echo && c.side == 0 && room > 0 {
		l.wrote = append(l.wrote, piece[:min(len(piece), room)]...)
	}
	f := l.net.faults.Load()
	delay := h.delay(f)
	var now time.Time
	if delay > 0 || len(h.marks) > 0 {
		now = time.Now()
	}
	h.put(piece, now, delay)
}

// mayWrite returns why nothing may be written.
func (c *Conn) mayWrite(h *half) error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.link.broken:
		return ErrReset
	case !h.writeBy.IsZero() && !time.Now().Before(h.writeBy):
		return os.ErrDeadlineExceeded
	case h.gone && !h.stalled && (h.goneAt.IsZero() || !time.Now().Before(h.goneAt)):
		return ErrReset
	}
	return nil
}

// waitToWrite waits until somebody read, another Write ended, or nothing may be written.
func (c *Conn) waitToWrite(h *half) error {
	if err := c.mayWrite(h); err != nil {
		return err
	}
	if !h.writeBy.IsZero() {
		h.writeAlarm.set(h.writeBy, time.Now(), &h.writable)
	}
	h.writable.Wait()
	return c.mayWrite(h)
}

// Close closes this end. What was written can still be read at the other end, before io.EOF. Closing again does nothing.
func (c *Conn) Close() error {
	l, in, out := c.link, c.in(), c.out()
	l.mu.Lock()
	if c.closed {
		l.mu.Unlock()
		return nil
	}
	c.closed = true
	delay := out.delay(l.net.faults.Load())
	var now time.Time
	if delay > 0 || len(out.marks) > 0 {
		now = time.Now()
	}
	out.closed, out.closedAt = true, out.lag(now, delay)
	in.gone, in.goneAt = true, out.closedAt
	in.taken, in.here = in.sent, in.sent
	in.drop()
	in.readAlarm.stop()
	out.writeAlarm.stop()
	in.wake()
	out.wake()
	told := !l.broken
	done := l.ends[0].closed && l.ends[1].closed && !l.over
	if done {
		l.over = true
		if l.idle != nil {
			l.idle.Stop()
		}
	}
	l.mu.Unlock()
	if told {
		e := l.event(Closed)
		e.Reply = c.side == 1
		l.net.tell(e)
	}
	if done {
		l.finish()
	}
	return nil
}

// LocalAddr returns the address that this end had when the connection was made, also if nobody can dial it.
func (c *Conn) LocalAddr() net.Addr { return c.addr(c.side) }

// RemoteAddr returns the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.addr(1 - c.side) }

func (c *Conn) addr(side int) net.Addr {
	if side == 0 {
		return c.link.fromAddr
	}
	return c.link.addr
}

// SetDeadline sets both deadlines. The zero Time is none. The error is net.ErrClosed.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(&t, &t) }

// SetReadDeadline sets until when Read waits, also one that waits now.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(&t, nil) }

// SetWriteDeadline sets until when Write waits, also one that waits now.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(nil, &t) }

func (c *Conn) setDeadlines(read, write *time.Time) error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	if h := c.in(); read != nil {
		h.readBy = *read
		h.readable.Broadcast()
	}
	if h := c.out(); write != nil {
		h.writeBy = *write
		h.writable.Broadcast()
	}
	return nil
}

func (c *Conn) in() *half  { return &c.link.halves[1-c.side] }
func (c *Conn) out() *half { return &c.link.halves[c.side] }

// sooner returns the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
