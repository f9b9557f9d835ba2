package disk

import (
	"context"
	"encoding/binary"
	"math/bits"

	db "github.com/dgraph-io/badger/v4"

	"github.com/linnetmesh/linnet/mailbox"
)

// SetBundle replaces the bundle of a box. See mailbox.Store.
func (s *Store) SetBundle(ctx context.Context, id mailbox.BoxID, b mailbox.Bundle) error {
	p := s.keys.place(id)
	size := len(b.Base) + 1024
	for _, part := range b.Parts {
		size += len(part) + 128
	}
	return s.submit(ctx, request{small: 2048, large: size, do: func(g *group) error {
		st, err := g.state(p)
		switch {
		case err != nil:
			return err
		case b.Version < st.Bundle:
			return mailbox.ErrStale
		case b.Version == st.Bundle:
			return nil
		case g.full:
			return mailbox.ErrDiskFull
		}
		s.deleteBundle(g, p)
		key := at(bases, p[:])
		g.put(key, s.keys.seal(nil, key, append(binary.BigEndian.AppendUint64(nil, b.Version), b.Base...)))
		st.Bundle, st.Parts = b.Version, 0
		for i, part := range b.Parts[:min(len(b.Parts), mailbox.MaxParts)] {
			key := partKey(p, i)
			g.put(key, s.keys.seal(nil, key, append(binary.BigEndian.AppendUint64(nil, b.Version), part...)))
			st.Parts |= 1 << i
		}
		g.setState(p, &st)
		return nil
	}})
}

func partKey(p place, i int) []byte { return at(parts, p[:], []byte{byte(i)}) }

// deleteBundle deletes the bundle of a box.
func (s *Store) deleteBundle(g *group, p place) {
	g.delete(at(bases, p[:]))
	for i := range mailbox.MaxParts {
		if there, _ := g.has(partKey(p, i)); there {
			g.delete(partKey(p, i))
		}
	}
}

// countBundle finds again what the state of a box knew of its bundle.
func (s *Store) countBundle(g *group, p place, st *state) {
	st.Bundle, st.Parts = 0, 0
	if base, err := s.sealed(g.get, at(bases, p[:]), "bundle"); err == nil && len(base) >= 8 {
		st.Bundle = binary.BigEndian.Uint64(base)
	}
	for i := range mailbox.MaxParts {
		if there, _ := g.has(partKey(p, i)); there {
			st.Parts |= 1 << i
		}
	}
}

// sealed returns what a record holds. The error is mailbox.ErrNotFound, also if it does not open.
func (s *Store) sealed(get func([]byte, func([]byte) error) (bool, error), key []byte, what string) (plain []byte, err error) {
	found, err := get(key, func(value []byte) (err error) {
		plain, err = s.keys.open(key, value)
		return err
	})
	if err != nil {
		s.damage(what, string(key))
		return nil, mailbox.ErrNotFound
	}
	if !found {
		return nil, mailbox.ErrNotFound
	}
	return plain, nil
}

// TakeBundle returns the base of a bundle, and takes a part. See mailbox.Store.
func (s *Store) TakeBundle(ctx context.Context, id mailbox.BoxID, part bool) (base, one []byte, err error) {
	var version uint64
	var left uint16
	err = s.view(ctx, id, func(t *db.Txn, p place, st *state) error {
		plain, err := s.sealed(func(key []byte, f func([]byte) error) (bool, error) { return get(t, key, f) }, at(bases, p[:]), "bundle")
		if err != nil {
			return err
		}
		if len(plain) < 8 {
			return mailbox.ErrNotFound
		}
		version, base, left = binary.BigEndian.Uint64(plain), plain[8:], st.Parts
		return nil
	})
	if err != nil || !part || left == 0 {
		return base, nil, err
	}
	p := s.keys.place(id)
	err = s.submit(ctx, request{urgent: true, small: 512, do: func(g *group) error {
		one = nil
		st, err := g.state(p)
		if err != nil || st.Bundle != version || st.Parts == 0 {
			return err
		}
		if g.full {
			return mailbox.ErrDiskFull
		}
		for st.Parts != 0 && one == nil {
			i := bits.TrailingZeros16(st.Parts)
			st.Parts &^= 1 << i
			if plain, err := s.sealed(g.get, partKey(p, i), "part"); err == nil && len(plain) >= 8 && binary.BigEndian.Uint64(plain) == version {
				one = plain[8:]
			}
			g.delete(partKey(p, i))
		}
		g.setState(p, &st)
		return nil
	}})
	if err != nil { // a part is given only once it is gone
		one = nil
	}
	return base, one, nil
}
