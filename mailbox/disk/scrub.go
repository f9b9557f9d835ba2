package disk

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"github.com/linnetmesh/linnet/mailbox"
)

// scrubSize is how many bytes of posts one part of a scrub reads.
const scrubSize = 64 << 20

// recount counts anew what lies in a box, and returns its new state. What was there and is not is lost.
func (s *Store) recount(g *group, p place, old state) (state, error) {
	st := state{Seq: old.Seq, Chain: old.Chain, Lost: old.Lost, Bundle: old.Bundle, Parts: old.Parts}
	var bad [][]byte
	fresh := old == state{}
	err := g.posts(p, func(key []byte) bool {
		var i mailbox.Item
		found, err := g.get(key, func(value []byte) (err error) {
			i, err = s.keys.item(key, value)
			return err
		})
		switch {
		case err != nil || !found:
			bad = append(bad, bytes.Clone(key))
		case i.Seq > st.Seq:
			st.Seq, st.Chain = i.Seq, i.Chain
			fallthrough
		default:
			st.add(&i)
		}
		return true
	})
	if err != nil {
		return st, err
	}
	for _, key := range bad {
		s.damage("post", string(key))
		g.delete(key)
	}
	if fresh { // the state itself was lost: what it counted, and where it stood, is not known
		st.Seq += 1 << 20
		st.Lost += uint64(len(bad))
		s.countBundle(g, p, &st)
	}
	if old.Posts > st.Posts {
		st.Lost += old.Posts - st.Posts
	}
	g.setState(p, &st)
	d := totals{0, int64(st.Posts) - int64(old.Posts), int64(st.Bytes) - int64(old.Bytes), 0, int64(st.Lost) - int64(old.Lost)}
	if fresh {
		d.boxes++
	}
	g.delta.add(d)
	return st, nil
}

// lose drops posts of a box that do not open, and counts the box anew. What goes wrong is found again.
func (s *Store) lose(p place, bad [][]byte) {
	_ = s.submit(context.Background(), s.losing(p, bad))
}

func (s *Store) losing(p place, bad [][]byte) request {
	return request{urgent: true, small: 512 + 64*len(bad), do: func(g *group) error {
		if g.full {
			return mailbox.ErrDiskFull
		}
		st, err := g.state(p)
		if err != nil {
			return err
		}
		for _, key := range bad {
			_, err := g.get(key, func(value []byte) error {
				_, err := s.keys.post(key, value)
				return err
			})
			if err != nil {
				s.damage("post", string(key))
				g.delete(key)
			}
		}
		_, err = s.recount(g, p, st)
		return err
	}}
}

// loseSoon is lose for the committer, which cannot wait for itself.
func (s *Store) loseSoon(p place, bad [][]byte) {
	s.background.Go(func() { s.lose(p, bad) })
}

// repair counts all boxes anew, after something was lost below the records. If commits vanished, a box may be as it was
// before, and give a sequence for the second time: so all get other incarnations.
func (s *Store) repair(vanished bool) error {
	var all []place
	t := s.badger.db.NewTransaction(false)
	err := scan(t, []byte{owners}, []byte{owners}, func(key []byte, _ func(func([]byte) error) error) error {
		if len(key) == 1+placeSize {
			all = append(all, place(key[1:]))
		}
		return nil
	})
	t.Discard()
	if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	do := func(f func(g *group) error) error {
		return s.commitAll([]request{{urgent: true, do: f, small: 64 << 10}}, 64<<10)[0]
	}
	for len(all) > 0 {
		some := all[:min(len(all), 100)]
		all = all[len(some):]
		err := do(func(g *group) error {
			for _, p := range some {
				st, err := g.state(p)
				if err != nil {
					return err
				}
				if again, err := s.peek(g, p, &st); err != nil || again {
					if _, err := s.recount(g, p, st); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if errors.Is(err, mailbox.ErrDiskFull) {
			return nil // it will be found when boxes are read
		}
		if err != nil {
			return err
		}
	}
	if !vanished {
		return nil
	}
	rand.Read(s.epoch[:])
	s.base = s.commits + 1
	err = do(func(g *group) error {
		g.put(knownKey, s.keys.guarded(knownKey, append(binary.BigEndian.AppendUint64(nil, s.base), s.epoch[:]...)))
		return nil
	})
	if errors.Is(err, mailbox.ErrDiskFull) {
		return nil
	}
	return err
}

// peek tells whether count or sum of a box are not those of its posts.
func (s *Store) peek(g *group, p place, st *state) (bool, error) {
	var now state
	err := g.posts(p, func(key []byte) bool {
		_, _ = g.get(key, func(value []byte) error {
			i, err := s.keys.item(key, value)
			if err == nil {
				now.add(&i)
			}
			return err
		})
		return true
	})
	return now.Posts != st.Posts || now.Sum != st.Sum || now.Bytes != st.Bytes, err
}

// Scrub reads and opens posts, about as many bytes as are asked for, and goes on where it stopped; at the end it begins
// anew. What is lost is counted in its box. It tells whether it came to the end.
func (s *Store) Scrub(ctx context.Context, size int) (end bool, err error) {
	if err := s.enter(); err != nil {
		return false, err
	}
	defer s.leave()
	s.mu.Lock()
	from := bytes.Clone(s.next)
	s.mu.Unlock()
	if len(from) == 0 {
		from = []byte{posts}
	}
	bad := make(map[place][][]byte)
	counts := make(map[place]state)
	var last place
	t := s.badger.db.NewTransaction(false)
	defer t.Discard()
	for {
		next := []byte(nil)
		err = scan(t, []byte{posts}, from, func(key []byte, value func(func([]byte) error) error) error {
			if len(key) != postKeySize {
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			p := place(key[1:])
			if size <= 0 && p != last {
				next = at(posts, p[:])
				return errEnough
			}
			last = p
			from = append(bytes.Clone(key), 0)
			return value(func(b []byte) error {
				size -= len(b)
				post, err := s.keys.post(key, b)
				if err != nil {
					bad[p] = append(bad[p], bytes.Clone(key))
					return nil //nolint:nilerr // it is lost, see below
				}
				st := counts[p]
				st.add(&post.Item)
				counts[p] = st
				s.scrubbed.Add(1)
				return nil
			})
		})
		if errors.Is(err, ErrDamaged) { // on from the next sequence
			s.damage("records", string(from))
			if len(from) < 1+placeSize+8 {
				break
			}
			from = postKey(place(from[1:]), binary.BigEndian.Uint64(from[1+placeSize:])+1, 0)
			continue
		}
		s.mu.Lock()
		s.next = next
		s.mu.Unlock()
		if end = next == nil; end { // what lies in a damaged block of a table is not seen above
			s.checkTables()
		}
		break
	}
	for p, st := range counts {
		var is state
		_, e := get(t, at(states, p[:]), func(b []byte) (err error) {
			is, err = s.keys.openState(p, b)
			return err
		})
		if e != nil || is.Posts != st.Posts || is.Sum != st.Sum {
			bad[p] = append([][]byte(nil), bad[p]...) // an entry, also if it is empty
		}
	}
	for p, keys := range bad {
		s.lose(p, keys)
	}
	if errors.Is(err, errEnough) || errors.Is(err, ErrDamaged) {
		err = nil
	}
	return end, err
}

// roomEvery is how often a full disk has the store tidy, beside the usual.
const roomEvery = 30 * time.Second

// makeRoom tidies because not even acks are taken any more, unless that was tried just now.
func (s *Store) makeRoom() {
	if time.Since(s.roomMade) >= roomEvery {
		s.roomMade = time.Now()
		s.tidySoon()
	}
}

// checkTables reads all tables, and tells whether they are whole.
func (s *Store) checkTables() bool {
	if s.badger.check() == nil {
		return true
	}
	s.damage("table", "")
	s.badger.recheck()
	s.mendable.Store(true)
	s.log.Error("a table is damaged, and nothing is compacted any more until the store is opened anew, which mends it")
	return false
}

// tidySoon gives room back and scrubs a part, beside all else, unless that goes on already.
func (s *Store) tidySoon() {
	if !s.tidying.TryLock() {
		return
	}
	s.background.Go(func() {
		defer s.tidying.Unlock()
		if err := s.tidy(context.Background(), s.badger.depth); err != nil {
			s.log.Warn("tidying failed", "error", err)
		}
		_, _ = s.Scrub(context.Background(), scrubSize)
	})
}

// Tidy gives the room of what was deleted back to the disk, as far as that is possible now. It may read and write all that
// is stored. The errors are the context's and the disk's.
func (s *Store) Tidy(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.tidying.Lock()
	defer s.tidying.Unlock()
	return s.tidy(ctx, 1)
}

// flushAfter is how many deletions make it worth while to flush.
const flushAfter = 4000

func (s *Store) tidy(ctx context.Context, depth int) error {
	b := &s.badger
	defer s.measure()
	if b.deleted.Load() >= flushAfter && s.guard.has(uint64(b.table)+1<<20) {
		if err := b.flush(); err != nil {
			return err
		}
		// Badger does not compact a table that is alone.
		if first, all := b.levels(); first.NumTables == 1 && uint64(first.Size) == all && s.guard.has(uint64(b.table)+1<<20) {
			if err := b.flush(); err != nil {
				return err
			}
		}
		depth = 1
	}
	if first, all := b.levels(); first.NumTables >= depth && s.guard.has(all) {
		// What is compacted is read first: Badger would drop what it cannot read, or die of it.
		if !s.checkTables() {
			return nil
		}
		if err := b.db.Flatten(1); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		live, ok := b.collectable()
		if !ok || !s.guard.has(uint64(live)+1<<20) {
			break
		}
		if more, err := b.collect(); err != nil || !more {
			return err
		}
	}
	return ctx.Err()
}
