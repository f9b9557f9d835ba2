package p2ptest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
)

// sweepLeast is how many values there must be before those that are over are looked for.
const sweepLeast = 256

// nodePrefix is how the key of a node record begins, see descriptor.NodeKey.
const nodePrefix = "/linnet-node/"

// record is a value that passed the validator, once in memory however many servers hold it.
//
// Whether a value is good depends on the clock, but the times at which it is make one span: what was good at two times
// is good between them. So no server works again for what another one worked for.
type record struct {
	id          [sha256.Size]byte // hash of key and value
	value       []byte
	first, last time.Time // good from and to, as far as is known; guarded by Net.mu
}

// stored is what one server holds under one key.
type stored struct {
	record   *record
	received time.Time
}

// SetServer says whether this host serves the directory. A server that others cannot dial is not asked.
func (h *Host) SetServer(on bool) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.server = on
}

// SetRollback makes this server hostile: it acknowledges every value, and answers with the oldest it ever saw, also after
// Life.
func (h *Host) SetRollback(on bool) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.rollback = on
}

// Publish puts a value on the servers nearest to its key, and tells how many kept it. A server refuses a value that is
// older than what it holds. The errors are the validator's, ErrClosed, ErrNobody (which is ErrNoPeers as well if no
// server answered), and the context's if it ended before anybody kept it.
func (h *Host) Publish(ctx context.Context, key string, value []byte) (kept int, err error) {
	rec, err := h.net.check(key, value)
	if err != nil {
		return 0, fmt.Errorf("publishing: %w", err)
	}
	h.put(key, rec, fate{}) // a host keeps what it publishes, and finds it again
	asked := 0
	err = h.ask(ctx, key, func(server *Host, d fate) bool {
		asked++
		if server.put(key, rec, d) {
			kept++
		}
		return true
	})
	switch {
	case kept > 0:
		return kept, nil
	case err != nil:
		return 0, fmt.Errorf("publishing: %w: %w", ErrNobody, err)
	default:
		return 0, fmt.Errorf("publishing: %w: %d servers refused", ErrNobody, asked)
	}
}

// Lookup asks the servers nearest to a key, and calls found with each different value that is good now, as it comes,
// until found returns false. The value is found's own. No value is no error; the errors are ErrKey of package
// descriptor, ErrClosed, ErrNoPeers and the context's.
func (h *Host) Lookup(ctx context.Context, key string, found func(value []byte) bool) error {
	if _, err := descriptor.ParseKey(key); err != nil && !strings.HasPrefix(key, nodePrefix) {
		return fmt.Errorf("looking up: %w", err)
	}
	var seen [][sha256.Size]byte
	more := true
	look := func(server *Host, _ fate) bool {
		rec := server.get(key)
		if rec == nil || slices.Contains(seen, rec.id) {
			return true
		}
		seen = append(seen, rec.id)
		if !h.net.good(key, rec) {
			return true
		}
		more = found(bytes.Clone(rec.value))
		return more
	}
	if look(h, fate{}); !more {
		return nil
	}
	err := h.ask(ctx, key, look)
	if err != nil {
		return fmt.Errorf("looking up: %w", err)
	}
	return nil
}

// question is one server to be asked.
type question struct {
	server *Host
	fate   fate
}

// ask calls answer for each server near the key as its answer comes, until that returns false. The error is ErrNoPeers
// if none answered.
func (h *Host) ask(ctx context.Context, key string, answer func(*Host, fate) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	questions, err := h.questions(key)
	if err != nil {
		return err
	}
	answered := false
	var waited time.Duration
	for _, q := range questions {
		if err := wait(ctx, q.fate.delay-waited); err != nil {
			return err
		}
		waited = max(waited, q.fate.delay)
		if q.fate.refuse || !h.hears(q.server) {
			continue
		}
		answered = true
		if !answer(q.server, q.fate) {
			return nil
		}
	}
	if !answered {
		return ErrNoPeers
	}
	return nil
}

// questions returns the servers nearest to a key, those first that answer first.
func (h *Host) questions(key string) ([]question, error) {
	n := h.net
	place := sha256.Sum256([]byte(key))
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	if h.livePeers() == 0 {
		return nil, ErrNoPeers
	}
	list := make([]question, 0, len(n.hosts))
	for _, s := range n.hosts {
		if s != h && s.server && !s.hidden && !n.apart(h, s) {
			list = append(list, question{server: s})
		}
	}
	slices.SortFunc(list, func(a, b question) int { return nearer(&place, a.server, b.server) })
	list = list[:min(len(list), n.nearest)]
	f := n.faults.Load()
	for i := range list {
		list[i].fate = n.fate(f, encounter{h.number, list[i].server.number, "directory"})
	}
	slices.SortStableFunc(list, func(a, b question) int { return cmp.Compare(a.fate.delay, b.fate.delay) })
	return list, nil
}

// nearer orders hosts by the distance of Kademlia: the bits in which their place differs from the key's.
func nearer(place *[sha256.Size]byte, a, b *Host) int {
	for i, p := range place {
		if x, y := a.place[i]^p, b.place[i]^p; x != y {
			return int(x) - int(y)
		}
	}
	return 0
}

// hears tells whether a server still answers this host.
func (h *Host) hears(server *Host) bool {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return !h.closed && !server.closed && server.server && !server.hidden && !h.net.apart(h, server)
}

// put keeps a value on this server, and tells whether it acknowledged it.
func (h *Host) put(key string, rec *record, d fate) bool {
	now := time.Now()
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if d.forget {
		return true
	}
	old := h.values[key]
	switch {
	case old == nil || old.record.id == rec.id:
	case h.rollback:
		if !newer(key, old.record, rec) {
			return true
		}
	case now.Sub(old.received) <= Life && newer(key, old.record, rec):
		return false
	}
	h.values[key] = &stored{rec, now}
	if len(h.values) >= h.sweepAt {
		for k, s := range h.values {
			if now.Sub(s.received) > h.life() {
				delete(h.values, k)
			}
		}
		h.sweepAt = max(sweepLeast, 2*len(h.values))
	}
	return true
}

// get returns what this server answers, nil for nothing.
func (h *Host) get(key string) *record {
	now := time.Now()
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	s := h.values[key]
	if s == nil || now.Sub(s.received) > h.life() {
		return nil
	}
	return s.record
}

// life returns how long this server keeps a value. After three periods no reader takes it any more.
func (h *Host) life() time.Duration {
	if h.rollback {
		return 3 * descriptor.PeriodLength
	}
	return Life
}

// newer tells whether a is to be kept, and not b.
func newer(key string, a, b *record) bool {
	choose := descriptor.Select
	if strings.HasPrefix(key, nodePrefix) {
		choose = descriptor.SelectNode
	}
	i, err := choose([][]byte{a.value, b.value})
	return err == nil && i == 0
}

// check returns the record of a value that is good now under a key, or why it is not.
func (n *Net) check(key string, value []byte) (*record, error) {
	hash := sha256.New()
	hash.Write([]byte(key))
	hash.Write(value)
	id := [sha256.Size]byte(hash.Sum(nil))
	now := time.Now()
	n.mu.Lock()
	rec := n.checked[id]
	n.mu.Unlock()
	if rec != nil {
		return rec, n.validate(key, rec, now)
	}
	if err := validate(key, value, now); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if again := n.checked[id]; again != nil {
		return again, nil
	}
	if len(n.checked) >= n.sweepAt {
		for k, r := range n.checked {
			if now.Sub(r.last) > descriptor.PeriodLength {
				delete(n.checked, k)
			}
		}
		n.sweepAt = max(sweepLeast, 2*len(n.checked))
	}
	rec = &record{id: id, value: bytes.Clone(value), first: now, last: now}
	n.checked[id] = rec
	return rec, nil
}

// good tells whether a record is good now.
func (n *Net) good(key string, rec *record) bool { return n.validate(key, rec, time.Now()) == nil }

func (n *Net) validate(key string, rec *record, now time.Time) error {
	n.mu.Lock()
	known := !now.Before(rec.first) && !now.After(rec.last)
	n.mu.Unlock()
	if known {
		return nil
	}
	if err := validate(key, rec.value, now); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Before(rec.first) {
		rec.first = now
	}
	if now.After(rec.last) {
		rec.last = now
	}
	return nil
}

func validate(key string, value []byte, now time.Time) error {
	if strings.HasPrefix(key, nodePrefix) {
		return descriptor.ValidateNode(key, value, now)
	}
	return descriptor.Validate(key, value, now)
}
