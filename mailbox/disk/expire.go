package disk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	db "github.com/dgraph-io/badger/v4"

	"github.com/linnetmesh/linnet/mailbox"
)

// snapshot calls f with the records as they are now; errEnough is no error.
func (s *Store) snapshot(f func(t *db.Txn) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	t := s.badger.db.NewTransaction(false)
	defer t.Discard()
	err := f(t)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// Expire deletes what expired. See mailbox.Store. Afterwards it gives room back, and scrubs a part, beside all else. If that
// found damage before, which is mended when the store is opened, the error is mailbox.ErrBroken.
func (s *Store) Expire(ctx context.Context, now mailbox.Age, gone func(mailbox.BoxID, []mailbox.Item)) error {
	if now > s.Age() {
		err := s.submit(ctx, request{urgent: true, small: 64, do: func(g *group) error {
			if g.full {
				return mailbox.ErrDiskFull
			}
			g.put(ageKey, s.keys.guarded(ageKey, u64(uint64(now))))
			return nil
		}})
		if err != nil {
			return err
		}
		for {
			was := s.age.Load()
			if was >= uint64(now) || s.age.CompareAndSwap(was, uint64(now)) {
				break
			}
		}
	} else if err := s.snapshot(func(*db.Txn) error { return ctx.Err() }); err != nil {
		return err
	}
	from := []byte{expiry}
	for from != nil {
		var marks [][]byte
		err := s.snapshot(func(t *db.Txn) error {
			return scan(t, []byte{expiry}, from, func(key []byte, _ func(func([]byte) error) error) error {
				if len(key) != 1+8+placeSize || binary.BigEndian.Uint64(key[1:]) > uint64(now)/3600 || len(marks) == 256 {
					return errEnough
				}
				marks = append(marks, bytes.Clone(key))
				return nil
			})
		})
		if err != nil {
			return err
		}
		from = nil
		if len(marks) > 0 {
			from = append(bytes.Clone(marks[len(marks)-1]), 0)
		}
		for _, mark := range marks {
			if err := s.expireBox(ctx, mark, now, gone); err != nil {
				return err
			}
		}
	}
	if err := s.expireLeft(ctx, now); err != nil {
		return err
	}
	if s.mendable.Load() {
		return fmt.Errorf("a table is damaged: %w", mailbox.ErrBroken)
	}
	s.tidySoon()
	return nil
}

// expireBox deletes what expired in one box, and its mark in the index if nothing more can expire in that hour.
func (s *Store) expireBox(ctx context.Context, mark []byte, now mailbox.Age, gone func(mailbox.BoxID, []mailbox.Item)) error {
	hour, p := binary.BigEndian.Uint64(mark[1:]), place(mark[9:])
	for more := true; more; {
		var owner mailbox.Box
		var items []mailbox.Item
		err := s.submit(ctx, request{urgent: true, small: 500 * 120, do: func(g *group) error {
			items, more = nil, false
			if g.full {
				return mailbox.ErrDiskFull
			}
			st, err := g.state(p)
			if errors.Is(err, mailbox.ErrNoBox) {
				g.delete(mark)
				return nil
			}
			if err != nil {
				return err
			}
			owner, _ = s.owner(p, g.get)
			var keys [][]byte
			later := false
			err = g.posts(p, func(key []byte) bool {
				_, until, _ := parsePostKey(key)
				switch {
				case until <= now:
					keys = append(keys, bytes.Clone(key))
				case uint64(until)/3600 == hour:
					later = true
				}
				return len(keys) < 500
			})
			if err != nil {
				return err
			}
			more = len(keys) == 500
			for _, key := range keys {
				if i, ok := s.deletePost(g, p, key, &st); ok {
					items = append(items, i)
					g.delta.posts--
					g.delta.bytes -= int64(i.Size)
				} else {
					s.damage("post", string(key))
				}
			}
			if len(keys) > 0 {
				g.setState(p, &st)
			}
			if len(items) < len(keys) {
				if _, err := s.recount(g, p, st); err != nil {
					return err
				}
			}
			if !more && !later {
				g.delete(mark)
				// A post to come that expires in this hour needs a mark of its own.
				for i := range st.Marks {
					if st.Marks[i] == hour+1 {
						st.Marks[i] = 0
						g.setState(p, &st)
					}
				}
			}
			return nil
		}})
		if err != nil {
			return err
		}
		if len(items) > 0 {
			gone(owner.ID, items)
		}
	}
	return nil
}
