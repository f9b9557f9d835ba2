package disk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	db "github.com/dgraph-io/badger/v4"

	"github.com/linnetmesh/linnet/mailbox"
)

// descriptor reads what lies under a key of the DHT. The error is mailbox.ErrNotFound.
func (s *Store) descriptor(get func([]byte, func([]byte) error) (bool, error), k mailbox.PlaceKey) (p place, d mailbox.Descriptor, err error) {
	plain, err := s.sealed(get, at(left, k[:]), "descriptor")
	if err == nil {
		p, d, err = parseLeft(k, plain)
	}
	if err != nil {
		return p, d, mailbox.ErrNotFound
	}
	return p, d, nil
}

// forget deletes a descriptor and what points to it.
func (g *group) forget(p place, d *mailbox.Descriptor) {
	g.delete(at(left, d.Key[:]))
	g.delete(at(periods, u64(d.Period), d.Key[:]))
	g.delete(at(leavers, p[:], d.Key[:]))
	g.delta.descriptors--
}

// deleteLeft deletes all that a box left.
func (s *Store) deleteLeft(g *group, p place) error {
	prefix := at(leavers, p[:])
	var all []mailbox.PlaceKey
	err := scan(g.read, prefix, prefix, func(key []byte, _ func(func([]byte) error) error) error {
		if len(key) == 1+placeSize+32 {
			all = append(all, mailbox.PlaceKey(key[1+placeSize:]))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for key, value := range g.ops {
		if value != nil && len(key) == 1+placeSize+32 && key[:1+placeSize] == string(prefix) {
			all = append(all, mailbox.PlaceKey([]byte(key[1+placeSize:])))
		}
	}
	for _, k := range all {
		owner, d, err := s.descriptor(g.get, k)
		if err == nil && owner == p {
			g.forget(p, &d)
			continue
		}
		g.delete(at(leavers, p[:], k[:]))
	}
	return nil
}

// Leave replaces all descriptors that a box left. See mailbox.Store.
func (s *Store) Leave(ctx context.Context, id mailbox.BoxID, list []mailbox.Descriptor) error {
	p := s.keys.place(id)
	size := 0
	for i := range list {
		size += len(list[i].Value) + 256
	}
	return s.submit(ctx, request{small: 512 * (1 + len(list)), large: size, do: func(g *group) error {
		if there, err := g.has(at(owners, p[:])); err != nil {
			return err
		} else if !there {
			return mailbox.ErrNoBox
		}
		if g.full {
			return mailbox.ErrDiskFull
		}
		if err := s.deleteLeft(g, p); err != nil {
			return err
		}
		for i := range list {
			d := &list[i]
			if owner, old, err := s.descriptor(g.get, d.Key); err == nil {
				if old.Signed >= d.Signed {
					continue
				}
				g.forget(owner, &old)
			}
			key := at(left, d.Key[:])
			g.put(key, s.keys.seal(nil, key, appendLeft(nil, p, d)))
			g.put(at(periods, u64(d.Period), d.Key[:]), []byte{})
			g.put(at(leavers, p[:], d.Key[:]), []byte{})
			g.put(at(ends, u64(uint64(d.Until)/3600), d.Key[:]), []byte{})
			g.delta.descriptors++
		}
		return nil
	}})
}

// Descriptor returns the descriptor under a key. See mailbox.Store.
func (s *Store) Descriptor(ctx context.Context, k mailbox.PlaceKey) (d mailbox.Descriptor, err error) {
	if err := ctx.Err(); err != nil {
		return d, err
	}
	if err := s.enter(); err != nil {
		return d, err
	}
	defer s.leave()
	t := s.badger.db.NewTransaction(false)
	defer t.Discard()
	_, d, err = s.descriptor(func(key []byte, f func([]byte) error) (bool, error) { return get(t, key, f) }, k)
	return d, err
}

// Descriptors calls each with the descriptors of a period. See mailbox.Store.
func (s *Store) Descriptors(ctx context.Context, period uint64, after mailbox.PlaceKey, each func(mailbox.Descriptor) bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	prefix := at(periods, u64(period))
	from := append(at(periods, u64(period), after[:]), 0)
	t := s.badger.db.NewTransaction(false)
	defer t.Discard()
	err := scan(t, prefix, from, func(key []byte, _ func(func([]byte) error) error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(key) != 1+8+32 {
			return nil
		}
		_, d, err := s.descriptor(func(key []byte, f func([]byte) error) (bool, error) { return get(t, key, f) }, mailbox.PlaceKey(key[9:]))
		if err == nil && !each(d) {
			return errEnough
		}
		return nil // a damaged one was counted, and is left anew within days
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// expireLeft forgets descriptors of the hours up to now.
func (s *Store) expireLeft(ctx context.Context, now mailbox.Age) error {
	for {
		var marks [][]byte
		err := s.snapshot(func(t *db.Txn) error {
			return scan(t, []byte{ends}, []byte{ends}, func(key []byte, _ func(func([]byte) error) error) error {
				if len(key) != 1+8+32 || binary.BigEndian.Uint64(key[1:]) > uint64(now)/3600 || len(marks) == 500 {
					return errEnough
				}
				marks = append(marks, bytes.Clone(key))
				return nil
			})
		})
		if err != nil || len(marks) == 0 {
			return err
		}
		gone := 0
		err = s.submit(ctx, request{urgent: true, small: 250 * len(marks), do: func(g *group) error {
			gone = 0
			if g.full {
				return mailbox.ErrDiskFull
			}
			for _, mark := range marks {
				p, d, err := s.descriptor(g.get, mailbox.PlaceKey(mark[9:]))
				switch hour := binary.BigEndian.Uint64(mark[1:]); {
				case err == nil && d.Until <= now:
					g.forget(p, &d)
				case err == nil && uint64(d.Until)/3600 == hour:
					continue // later in this hour
				}
				g.delete(mark)
				gone++
			}
			return nil
		}})
		if err != nil || gone == 0 {
			return err
		}
	}
}
