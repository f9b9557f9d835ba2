package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	db "github.com/dgraph-io/badger/v4"

	"github.com/linnetmesh/linnet/mailbox"
)

// What one group takes, in bytes of values in the value log, and of the rest, which a transaction of Badger's bounds.
const (
	maxGroup = 8 << 20
	maxSmall = 600 << 10
)

// errBroken says that a commit failed in a way after which nobody knows what is on the disk.
var errBroken = fmt.Errorf("disk: a write failed: %w", mailbox.ErrBroken)

// request is something to be done in a commit, together with others: Badger syncs once per transaction, so one each would
// make some thousand a second.
type request struct {
	do           func(g *group) error // runs in the committer; writes through g only after it has found nothing wrong
	urgent       bool                 // makes room, or holds up what must not wait
	small, large int                  // about how many bytes it writes, without and in the value log
	done         chan error
}

// group is what is committed together. Reads see what the group writes.
type group struct {
	s     *Store
	read  *db.Txn
	ops   map[string][]byte // nil deletes
	full  bool              // this request may write nothing
	delta totals
}

// totals are what the store counts over all boxes.
type totals struct{ boxes, posts, bytes, descriptors, lost int64 }

func (t *totals) add(d totals) {
	t.boxes += d.boxes
	t.posts += d.posts
	t.bytes += d.bytes
	t.descriptors += d.descriptors
	t.lost += d.lost
}

// get calls f with a record as it is after the group so far.
func (g *group) get(key []byte, f func([]byte) error) (bool, error) {
	if _, ok := g.ops[string(key)]; ok {
		return g.written(key, f)
	}
	return get(g.read, key, f)
}

// written calls f with a record that the group writes.
func (g *group) written(key []byte, f func([]byte) error) (bool, error) {
	value := g.ops[string(key)]
	if value == nil {
		return false, nil
	}
	return true, f(value)
}

func (g *group) has(key []byte) (bool, error) {
	return g.get(key, func([]byte) error { return nil })
}

// put writes a record; the group keeps the value.
func (g *group) put(key, value []byte) { g.ops[string(key)] = value }

func (g *group) delete(key []byte) { g.ops[string(key)] = nil }

// state returns the store's part of a box. The error is mailbox.ErrNoBox. What does not open is counted anew.
func (g *group) state(p place) (s state, err error) {
	found, err := g.get(at(states, p[:]), func(value []byte) (err error) {
		s, err = g.s.keys.openState(p, value)
		return err
	})
	if err == nil && found {
		return s, nil
	}
	if there, e := g.has(at(owners, p[:])); e == nil && !there {
		return s, mailbox.ErrNoBox
	}
	g.s.damage("box", string(p[:]))
	return g.s.recount(g, p, state{})
}

func (g *group) setState(p place, s *state) { g.put(at(states, p[:]), g.s.keys.sealState(p, s)) }

// submit has the committer do something, and returns when it is durable.
func (s *Store) submit(ctx context.Context, r request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	r.done = make(chan error, 1)
	s.queue <- r // the committer ends after the last who entered has left
	return <-r.done
}

// work commits what is submitted, until the queue is closed.
func (s *Store) work() {
	var next *request
	for {
		var r request
		if next != nil {
			r, next = *next, nil
		} else {
			var ok bool
			if r, ok = <-s.queue; !ok {
				return
			}
		}
		requests := []request{r}
		small, large := r.small, r.large
		for next == nil && len(requests) < 1024 {
			select {
			case more, ok := <-s.queue:
				switch {
				case !ok:
					s.finish(requests, small+large)
					return
				case small+more.small > maxSmall || large+more.large > maxGroup:
					next = &more
				default:
					requests, small, large = append(requests, more), small+more.small, large+more.large
				}
				continue
			default:
			}
			break
		}
		s.finish(requests, small+large)
	}
}

// finish commits a group, and tells everybody in it.
func (s *Store) finish(requests []request, bytes int) {
	errs := s.commitAll(requests, bytes)
	for i, r := range requests {
		r.done <- errs[i]
	}
}

func (s *Store) commitAll(requests []request, bytes int) []error {
	errs := make([]error, len(requests))
	all := func(err error) []error {
		for i := range errs {
			if errs[i] == nil {
				errs[i] = err
			}
		}
		return errs
	}
	if s.broken != nil {
		return all(s.broken)
	}
	full, none := s.guard.room(uint64(2*bytes), false), error(nil)
	if full != nil && !errors.Is(full, mailbox.ErrDiskFull) {
		return all(full)
	}
	if full != nil {
		none = s.guard.room(uint64(2*bytes), true)
	}
	g := &group{s: s, read: s.badger.db.NewTransaction(false), ops: make(map[string][]byte)}
	defer g.read.Discard()
	if none != nil {
		s.makeRoom()
	}
	for i, r := range requests {
		g.full = full != nil && (!r.urgent || none != nil)
		errs[i] = s.try(g, r.do)
	}
	if len(g.ops) == 0 {
		return errs
	}
	n := s.commits + 1
	g.put(ringKey(n), binary.BigEndian.AppendUint64(nil, n))
	if err := s.badger.commit(g.ops); errors.Is(err, errRefused) {
		return all(err)
	} else if err != nil {
		s.broken = fmt.Errorf("%w: %w", errBroken, err)
		s.log.Error("writing failed: the store must be opened anew", "error", err)
		return all(s.broken)
	}
	s.commits = n
	s.syncs.Add(1)
	if err := s.writeMark(false); err != nil {
		s.log.Warn("writing the high-water mark failed", "error", err) // the commit is durable all the same
	}
	s.mu.Lock()
	s.total.add(g.delta)
	s.mu.Unlock()
	s.looked += int64(bytes)
	if s.looked >= s.badger.table/8 {
		s.looked = 0
		if s.measure() >= s.badger.depth {
			s.tidySoon()
		}
	}
	return errs
}

// measure has the guard keep room for compacting all tables, and the three that memory tables and a flush become, and
// returns how many the first level has.
func (s *Store) measure() int {
	first, all := s.badger.levels()
	s.guard.compacts(all + uint64(3*s.badger.table))
	return first.NumTables
}

// try does one request; a panic of Badger's becomes its error, and it alone fails.
func (s *Store) try(g *group, do func(*group) error) (err error) {
	defer recoverDamage(&err)
	return do(g)
}
