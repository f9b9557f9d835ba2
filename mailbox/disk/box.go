package disk

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"

	db "github.com/dgraph-io/badger/v4"

	"github.com/linnetmesh/linnet/mailbox"
)

// owner reads the owner's part of a box with get. The error is mailbox.ErrNoBox.
func (s *Store) owner(p place, get func(key []byte, f func([]byte) error) (bool, error)) (b mailbox.Box, err error) {
	key := at(owners, p[:])
	found, err := get(key, func(value []byte) error {
		plain, err := s.keys.open(key, value)
		if err == nil {
			b, err = parseOwner(plain)
		}
		if err != nil {
			s.damage("owner", string(p[:]))
			return ErrDamaged
		}
		return nil
	})
	if err != nil {
		return b, err
	}
	if !found {
		return b, mailbox.ErrNoBox
	}
	return b, nil
}

// show adds the store's part to a box.
func (s *Store) show(b *mailbox.Box, st *state) {
	for i := range b.Incarnation {
		b.Incarnation[i] ^= s.epoch[i]
	}
	b.Seq, b.Chain, b.Posts, b.Bytes, b.Lost = st.Seq, st.Chain, st.Posts, st.Bytes, st.Lost
	b.Bundle = st.Bundle
	for bits := st.Parts; bits != 0; bits &= bits - 1 {
		b.Parts++
	}
}

// SetBox makes a box, or sets the owner's part of one. See mailbox.Store.
func (s *Store) SetBox(ctx context.Context, b mailbox.Box) (now mailbox.Box, made bool, err error) {
	p := s.keys.place(b.ID)
	err = s.submit(ctx, request{small: 512 + 24*len(b.Revoked) + len(b.Extra), do: func(g *group) error {
		old, err := s.owner(p, g.get)
		switch {
		case err == mailbox.ErrNoBox: //nolint:errorlint // as owner returns it
			made = true
			old = mailbox.Box{ID: b.ID, Kind: b.Kind, Made: b.Made}
			rand.Read(old.Incarnation[:])
		case err != nil: // damaged: its owner says anew what it was
			old = mailbox.Box{ID: b.ID, Kind: b.Kind, Made: b.Made}
			rand.Read(old.Incarnation[:])
		case old.Kind != b.Kind:
			return mailbox.ErrKind
		}
		if g.full {
			return mailbox.ErrDiskFull
		}
		st, err := s.stateOf(g, p, made)
		if err != nil {
			return err
		}
		old.Secret, old.Closed, old.Seen, old.Origin = b.Secret, b.Closed, b.Seen, b.Origin
		old.Revoked, old.Extra = b.Revoked, b.Extra
		key := at(owners, p[:])
		g.put(key, s.keys.seal(nil, key, appendOwner(nil, &old)))
		now = old
		now.Revoked, now.Extra = append([]mailbox.Revoked(nil), old.Revoked...), bytes.Clone(old.Extra)
		s.show(&now, &st)
		return nil
	}})
	if err != nil {
		return mailbox.Box{}, false, err
	}
	return now, made, nil
}

// stateOf returns the store's part of a box that its owner opens. One that is made is new, unless it was there before and
// its owner's part was lost: then what lies there is the owner's again.
func (s *Store) stateOf(g *group, p place, made bool) (state, error) {
	st, err := g.state(p)
	if !made || !errors.Is(err, mailbox.ErrNoBox) {
		return st, err
	}
	left := false
	if err := g.posts(p, func([]byte) bool { left = true; return false }); err != nil {
		return st, err
	}
	if left {
		return s.recount(g, p, state{})
	}
	g.setState(p, &st)
	g.delta.boxes++
	return st, nil
}

// view calls f with a box and a snapshot of the records. The error is mailbox.ErrNoBox.
func (s *Store) view(ctx context.Context, id mailbox.BoxID, f func(t *db.Txn, p place, st *state) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	p := s.keys.place(id)
	t := s.badger.db.NewTransaction(false)
	defer t.Discard()
	var st state
	bad := false
	found, err := get(t, at(states, p[:]), func(value []byte) error {
		var err error
		if st, err = s.keys.openState(p, value); err != nil {
			bad = true
		}
		return nil
	})
	if err != nil || bad || !found {
		there, e := get(t, at(owners, p[:]), func([]byte) error { return nil })
		if !there {
			if e != nil {
				return e
			}
			return mailbox.ErrNoBox
		}
		s.damage("box", string(p[:]))
		s.lose(p, nil)
		if err != nil {
			return err
		}
	}
	return f(t, p, &st)
}

// Box returns a box. See mailbox.Store.
func (s *Store) Box(ctx context.Context, id mailbox.BoxID) (b mailbox.Box, err error) {
	err = s.view(ctx, id, func(t *db.Txn, p place, st *state) (err error) {
		b, err = s.owner(p, func(key []byte, f func([]byte) error) (bool, error) { return get(t, key, f) })
		s.show(&b, st)
		return err
	})
	if err != nil {
		return mailbox.Box{}, err
	}
	return b, nil
}

// Boxes calls each with every box. See mailbox.Store.
func (s *Store) Boxes(ctx context.Context, each func(mailbox.Box) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	t := s.badger.db.NewTransaction(false)
	defer t.Discard()
	err := scan(t, []byte{owners}, []byte{owners}, func(key []byte, value func(func([]byte) error) error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(key) != 1+placeSize {
			return nil
		}
		p := place(key[1:])
		b, err := s.owner(p, func(_ []byte, f func([]byte) error) (bool, error) { return true, value(f) })
		if err != nil {
			return nil //nolint:nilerr // it was counted
		}
		var st state
		_, _ = get(t, at(states, p[:]), func(b []byte) (err error) {
			st, err = s.keys.openState(p, b)
			return err
		})
		s.show(&b, &st)
		if !each(b) {
			return errEnough
		}
		return nil
	})
	if err == errEnough { //nolint:errorlint // as it was returned
		return nil
	}
	return err
}

// RemoveBox removes a box and all that lies in it: first the posts, in pieces, so that a crash leaves a box that can be
// removed again. See mailbox.Store.
func (s *Store) RemoveBox(ctx context.Context, id mailbox.BoxID) error {
	p := s.keys.place(id)
	for more := true; more; {
		err := s.submit(ctx, request{urgent: true, small: 1000 * 120, do: func(g *group) error {
			more = false
			if there, err := g.has(at(owners, p[:])); err != nil || !there {
				return err
			}
			if g.full {
				return mailbox.ErrDiskFull
			}
			st, err := g.state(p)
			if err != nil {
				return err
			}
			var keys [][]byte
			if err := g.posts(p, func(key []byte) bool {
				keys = append(keys, bytes.Clone(key))
				return len(keys) < 500
			}); err != nil {
				return err
			}
			before := st
			for _, key := range keys {
				s.deletePost(g, p, key, &st)
			}
			if more = len(keys) == 500; more {
				g.setState(p, &st)
				g.delta.posts -= int64(before.Posts - st.Posts)
				g.delta.bytes -= int64(before.Bytes - st.Bytes)
				return nil
			}
			g.delta.add(totals{-1, -int64(before.Posts), -int64(before.Bytes), 0, 0})
			g.delete(at(owners, p[:]))
			g.delete(at(states, p[:]))
			s.deleteBundle(g, p)
			return s.deleteLeft(g, p)
		}})
		if err != nil {
			return err
		}
	}
	return nil
}
