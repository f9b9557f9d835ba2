package p2ptest

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// link is a connection: two ends and the two halves between them.
//
//	ends[0] dialled    ── halves[0] ──▶  ends[1] accepted
//	                   ◀── halves[1] ──
type link struct {
	net            *Net
	id             uint64
	proto          string
	from, to       *Host // from is nil for a replay
	fromKey, toKey identity.TransportKey
	fromAddr, addr Addr
	replay         bool
	echo           bool
	echoAfter      time.Duration
	keep           float64

	mu     sync.Mutex
	ends   [2]Conn
	halves [2]half
	broken bool
	over   bool  // no longer counted
	budget int64 // bytes until it is cut; negative: never
	idle   *time.Timer
	wrote  []byte // by the dialler, if it will echo
}

// half is one direction. Offsets count its bytes from the first: taken <= here <= sent.
type half struct {
	readable, writable sync.Cond // on link.mu
	readAlarm          alarm
	writeAlarm         alarm
	readBy, writeBy    time.Time // deadlines
	writing            bool      // one Write at a time

	buf               []byte // what was sent and not taken begins at start
	start             int
	sent, here, taken int64
	marks             []mark    // what is sent and not here
	closed            bool      // by who writes
	closedAt          time.Time // when the other end learns of it, if not at once
	gone              bool      // closed by who reads
	goneAt            time.Time
	stalled           bool // by a partition
	dam               int64
	end               int64 // of what can be read of a broken link
	sink              bool  // what is written is thrown away
	jitter            *rand.Rand
	seed              uint64
}

// mark says when the bytes before an offset arrive.
type mark struct {
	end int64
	at  time.Time
}

// newLink makes a link that both hosts know. The caller holds Net.mu.
func (n *Net) newLink(from, to *Host, key identity.TransportKey, proto string, d fate) *link {
	n.links++
	n.open++
	l := &link{
		net: n, id: n.links, proto: proto, from: from, to: to, fromKey: key, toKey: to.public,
		addr: Addr(formatAddr(to.address)), echo: d.echo, echoAfter: d.echoAfter, keep: d.keep, budget: d.budget,
	}
	l.fromAddr = addrPrefix
	if from != nil {
		l.fromAddr = Addr(formatAddr(from.address))
		from.links[l] = struct{}{}
	}
	to.links[l] = struct{}{}
	for i := range l.halves {
		h := &l.halves[i]
		h.readable.L, h.writable.L = &l.mu, &l.mu
		h.seed = d.seed + uint64(i)
		l.ends[i].link, l.ends[i].side = l, i
	}
	return l
}

func (l *link) event(k Kind) Event {
	return Event{Kind: k, Conn: l.id, Proto: l.proto, From: l.fromKey, To: l.toKey, Addr: string(l.addr), Replay: l.replay}
}

// cut breaks the link. That share of what was not read yet can still be read.
func (l *link) cut(keep float64) {
	l.mu.Lock()
	done := l.cutLocked(keep)
	l.mu.Unlock()
	if done {
		l.finish()
		l.net.tell(l.event(Reset))
	}
}

// cutLocked tells whether the caller must finish the link.
func (l *link) cutLocked(keep float64) bool {
	if l.over {
		return false
	}
	l.broken, l.over = true, true
	for i := range l.halves {
		h := &l.halves[i]
		h.end = h.taken + int64(keep*float64(h.sent-h.taken))
		if h.end == h.taken {
			h.drop()
		}
		h.wake()
	}
	if l.idle != nil {
		l.idle.Stop()
	}
	return true
}

// finish forgets a link that is over, and lets it echo. No lock is held.
func (l *link) finish() {
	n := l.net
	n.mu.Lock()
	n.open--
	if l.from != nil {
		delete(l.from.links, l)
	}
	delete(l.to.links, l)
	n.mu.Unlock()
	if !l.echo || len(l.wrote) == 0 {
		return
	}
	again := func() {
		n.mu.Lock()
		if l.to.closed || n.closed || n.apart(l.from, l.to) {
			n.mu.Unlock()
			return
		}
		_ = n.replay(l.to, l.fromKey, l.proto, l.wrote) // a lane that is full or gone hears no echo
	}
	if l.echoAfter > 0 {
		time.AfterFunc(l.echoAfter, again)
		return
	}
	again()
}

// stall lets nothing more pass, until resume or the link is cut.
func (l *link) stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over || l.idle != nil {
		return
	}
	for i := range l.halves {
		h := &l.halves[i]
		h.stalled, h.dam = true, h.sent
	}
	l.idle = time.AfterFunc(IdlePatience, func() { l.cut(0) })
}

func (l *link) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over || l.idle == nil {
		return
	}
	l.idle.Stop()
	l.idle = nil
	for i := range l.halves {
		h := &l.halves[i]
		h.stalled = false
		h.wake()
	}
}

func (h *half) wake() {
	h.readable.Broadcast()
	h.writable.Broadcast()
}

// drop forgets what was not taken.
func (h *half) drop() { h.buf, h.start, h.marks = nil, 0, nil }

// space returns how much may be written now.
func (h *half) space() int { return Window - int(h.sent-h.taken) }

// put takes bytes that are due after some time; none under way overtake others.
func (h *half) put(p []byte, now time.Time, delay time.Duration) {
	if h.start > 0 && h.start >= len(h.buf)/2 && len(h.buf)+len(p) > cap(h.buf) {
		h.buf = h.buf[:copy(h.buf, h.buf[h.start:])]
		h.start = 0
	}
	h.buf = append(h.buf, p...)
	h.sent += int64(len(p))
	if delay <= 0 && len(h.marks) == 0 {
		h.here = h.sent
		return
	}
	at := now.Add(delay)
	if last := len(h.marks) - 1; last >= 0 {
		if !at.After(h.marks[last].at) {
			h.marks[last].end = h.sent
			return
		}
	}
	h.marks = append(h.marks, mark{h.sent, at})
}

// take reads what has come.
func (h *half) take(p []byte, limit int64) int {
	n := copy(p, h.buf[h.start:h.start+int(limit-h.taken)])
	h.start += n
	h.taken += int64(n)
	if h.start == len(h.buf) {
		h.start, h.buf = 0, h.buf[:0]
		if cap(h.buf) > keepBuffer {
			h.buf = nil
		}
	}
	return n
}

// keepBuffer is the most memory in bytes that an empty half keeps.
const keepBuffer = 16 << 10

// arrive moves here.
func (h *half) arrive(now time.Time) {
	i := 0
	for ; i < len(h.marks) && !h.marks[i].at.After(now); i++ {
		h.here = h.marks[i].end
	}
	if h.marks = h.marks[i:]; len(h.marks) == 0 {
		h.marks = nil
	}
}

// delay returns how long what is sent now takes.
func (h *half) delay(f *Faults) time.Duration {
	d := f.Latency
	if f.Jitter > 0 {
		if h.jitter == nil {
			h.jitter = source(h.seed, 0)
		}
		d += time.Duration(h.jitter.Int64N(int64(f.Jitter) + 1))
	}
	return d
}

// lag returns when the other end learns of a close: after all that was sent, the zero Time for at once.
func (h *half) lag(now time.Time, delay time.Duration) time.Time {
	at := time.Time{}
	if delay > 0 {
		at = now.Add(delay)
	}
	if last := len(h.marks) - 1; last >= 0 && h.marks[last].at.After(at) {
		at = h.marks[last].at
	}
	return at
}

// alarm wakes who waits on a condition. It is set lazily: an earlier time than asked for is good enough, for who wakes
// looks and waits again. So a connection whose deadline moves with every frame does not move a timer each time.
type alarm struct {
	timer *time.Timer
	at    time.Time
}

// set makes the alarm ring at this time or before. The zero Time is never. The caller holds the lock of c.
func (a *alarm) set(at, now time.Time, c *sync.Cond) {
	if at.IsZero() || !a.at.IsZero() && !a.at.After(at) {
		return
	}
	a.at = at
	if a.timer != nil {
		a.timer.Reset(at.Sub(now))
		return
	}
	a.timer = time.AfterFunc(at.Sub(now), func() {
		c.L.Lock()
		a.at = time.Time{}
		c.L.Unlock()
		c.Broadcast()
	})
}

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.at = time.Time{}
}
