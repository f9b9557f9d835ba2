package disk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"

	db "github.com/dgraph-io/badger/v4"

	"github.com/linnetmesh/linnet/mailbox"
)

var errEnough = errors.New("enough")

// maxDeposits is how many posts one request takes.
const maxDeposits = 1024

// Put keeps posts. See mailbox.Store.
func (s *Store) Put(ctx context.Context, all []mailbox.Deposit) []mailbox.Kept {
	kept := make([]mailbox.Kept, 0, len(all))
	for len(all) > 0 {
		n, size := 0, 0
		for n < len(all) && n < maxDeposits && (n == 0 || size+len(all[n].Bytes) <= maxGroup) {
			size += len(all[n].Bytes)
			n++
		}
		kept = append(kept, s.put(ctx, all[:n], size)...)
		all = all[n:]
	}
	return kept
}

// put keeps posts in one commit. They are sealed before, by whoever calls.
func (s *Store) put(ctx context.Context, all []mailbox.Deposit, size int) []mailbox.Kept {
	kept := make([]mailbox.Kept, len(all))
	places, values := make([]place, len(all)), make([][]byte, len(all))
	for i := range all {
		d := &all[i]
		places[i] = s.keys.place(d.Box)
		value := make([]byte, itemSize+macSize, itemSize+macSize+sealedSize+len(d.Bytes))
		values[i] = s.keys.seal(value, bodyAD(places[i], d.Name), d.Bytes)
	}
	err := s.submit(ctx, request{small: 350 * len(all), large: size + 128*len(all), do: func(g *group) error {
		changed := make(map[place]*state)
		for i := range all {
			st := changed[places[i]]
			if st == nil {
				loaded, err := g.state(places[i])
				if err != nil {
					kept[i].Err = err
					continue
				}
				st = &loaded
			}
			kept[i] = s.putOne(g, places[i], st, &all[i], values[i])
			if kept[i].Err == nil && !kept[i].Old {
				changed[places[i]] = st
			}
		}
		for p, st := range changed {
			g.setState(p, st)
		}
		return nil
	}})
	if err != nil {
		for i := range kept {
			kept[i] = mailbox.Kept{Err: err}
		}
	}
	return kept
}

func (s *Store) putOne(g *group, p place, st *state, d *mailbox.Deposit, value []byte) (k mailbox.Kept) {
	name := nameKey(p, d.Name)
	get := g.get
	if d.New { // a ledger that was read meanwhile does not know what this group writes
		get = g.written
	}
	old, err := s.find(get, p, d.Name)
	if err == nil {
		return mailbox.Kept{Item: old, Old: true}
	}
	if !errors.Is(err, mailbox.ErrNotFound) {
		return mailbox.Kept{Err: err}
	}
	if g.full {
		return mailbox.Kept{Err: mailbox.ErrDiskFull}
	}
	st.Seq++
	st.Chain = st.Chain.Next(st.Seq, d.Name)
	k.Item = mailbox.Item{
		Name: d.Name, Seq: st.Seq, Chain: st.Chain, Size: uint32(len(d.Bytes)), Token: d.Token, Class: d.Class, Until: d.Until,
	}
	st.add(&k.Item)
	key := postKey(p, st.Seq, d.Until)
	head := appendItem(value[:0], &k.Item)
	mac := s.keys.check(key, head)
	copy(value[itemSize:], mac[:])
	g.put(key, value)
	where := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, st.Seq), uint64(d.Until))
	g.put(name, s.keys.guarded(name, where))
	if hour := uint64(d.Until)/3600 + 1; hour != st.Marks[0] && hour != st.Marks[1] {
		g.put(hourKey(d.Until, p), []byte{})
		st.Marks[0], st.Marks[1] = hour, st.Marks[0]
	}
	g.delta.posts++
	g.delta.bytes += int64(len(d.Bytes))
	return k
}

// find returns what is known of a post. The error is mailbox.ErrNotFound, also if it is damaged: then it can be put again.
func (s *Store) find(get func([]byte, func([]byte) error) (bool, error), p place, name mailbox.Name) (i mailbox.Item, err error) {
	_, err = s.lookup(get, p, name, func(key, value []byte) (err error) {
		i, err = s.keys.item(key, value)
		return err
	})
	return i, err
}

// lookup calls f with a post that lies under a name, and returns its key.
func (s *Store) lookup(get func([]byte, func([]byte) error) (bool, error), p place, name mailbox.Name, f func(key, value []byte) error) (key []byte, err error) {
	index := nameKey(p, name)
	found, err := get(index, func(value []byte) error {
		b, err := s.keys.unguarded(index, value, 16)
		if err != nil {
			s.damage("name", string(index))
			return nil //nolint:nilerr // it was counted
		}
		key = postKey(p, binary.BigEndian.Uint64(b), mailbox.Age(binary.BigEndian.Uint64(b[8:])))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !found || key == nil {
		return nil, mailbox.ErrNotFound
	}
	found, err = get(key, func(value []byte) error { return f(key, value) })
	if errors.Is(err, errSealed) || errors.Is(err, ErrDamaged) || err == nil && !found {
		return key, mailbox.ErrNotFound
	}
	return key, err
}

// each calls f with posts of a box after a sequence, as they lie in the records. What Badger cannot read at all is stepped
// over, one sequence after the other.
func (s *Store) each(t *db.Txn, p place, st *state, after uint64, f func(key []byte, value func(func([]byte) error) error) error) error {
	prefix := at(posts, p[:])
	last := after
	for range 1 << 14 {
		err := scan(t, prefix, postKey(p, last+1, 0), func(key []byte, value func(func([]byte) error) error) error {
			if seq, _, ok := parsePostKey(key); ok {
				last = max(last, seq)
			}
			return f(key, value)
		})
		if !errors.Is(err, ErrDamaged) {
			return err
		}
		s.damage("records", string(prefix))
		if last++; last >= st.Seq {
			return nil
		}
	}
	return nil
}

// List returns what lies in a box. See mailbox.Store.
func (s *Store) List(ctx context.Context, id mailbox.BoxID, after uint64, limit int) (items []mailbox.Item, err error) {
	err = s.view(ctx, id, func(t *db.Txn, p place, st *state) error {
		var bad [][]byte
		err := s.each(t, p, st, max(after, st.Floor), func(key []byte, value func(func([]byte) error) error) error {
			if len(items) >= limit {
				return errEnough
			}
			return value(func(b []byte) error {
				i, err := s.keys.item(key, b)
				if err != nil {
					bad = append(bad, bytes.Clone(key))
					return nil //nolint:nilerr // it is lost, see below
				}
				items = append(items, i)
				return nil
			})
		})
		return s.read(p, st, bad, after == 0 && err == nil && uint64(len(items)) != st.Posts, err)
	})
	return items, err
}

// read ends the reading of a box: what was bad is dropped, and a hole is counted.
func (s *Store) read(p place, st *state, bad [][]byte, hole bool, err error) error {
	if len(bad) > 0 || hole {
		s.lose(p, bad)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	_ = st
	return err
}

// Fetch returns posts. See mailbox.Store.
func (s *Store) Fetch(ctx context.Context, id mailbox.BoxID, after uint64, limit, size int) (out []mailbox.Post, err error) {
	err = s.view(ctx, id, func(t *db.Txn, p place, st *state) error {
		var bad [][]byte
		err := s.each(t, p, st, max(after, st.Floor), func(key []byte, value func(func([]byte) error) error) error {
			if len(out) >= limit {
				return errEnough
			}
			return value(func(b []byte) error {
				// What does not fit is not opened.
				if n := len(b) - itemSize - macSize - sealedSize; len(out) > 0 && n > size {
					return errEnough
				}
				post, err := s.keys.post(key, b)
				if err != nil {
					bad = append(bad, bytes.Clone(key))
					return nil //nolint:nilerr // it is lost, see below
				}
				size -= len(post.Bytes)
				out = append(out, post)
				return nil
			})
		})
		s.given.note(p, out)
		return s.read(p, st, bad, after == 0 && err == nil && uint64(len(out)) != st.Posts, err)
	})
	return out, err
}

// Get returns one post. See mailbox.Store.
func (s *Store) Get(ctx context.Context, id mailbox.BoxID, name mailbox.Name) (post mailbox.Post, err error) {
	err = s.view(ctx, id, func(t *db.Txn, p place, _ *state) error {
		read := func(key []byte, f func([]byte) error) (bool, error) { return get(t, key, f) }
		key, err := s.lookup(read, p, name, func(key, value []byte) (err error) {
			post, err = s.keys.post(key, value)
			return err
		})
		if err == nil && post.Name != name {
			return mailbox.ErrNotFound
		}
		if key != nil && err != nil {
			s.lose(p, [][]byte{key})
		}
		return err
	})
	if err != nil {
		return mailbox.Post{}, err
	}
	return post, nil
}

// Ack deletes posts. See mailbox.Store.
func (s *Store) Ack(ctx context.Context, id mailbox.BoxID, all []mailbox.Name) (items []mailbox.Item, err error) {
	p := s.keys.place(id)
	err = s.submit(ctx, request{urgent: true, small: 160*len(all) + 256, do: func(g *group) error {
		items = nil
		st, err := g.state(p)
		if err != nil {
			return err
		}
		if g.full {
			return mailbox.ErrDiskFull
		}
		for _, name := range all {
			var i mailbox.Item
			read := func(key, value []byte) (err error) {
				i, err = s.keys.item(key, value)
				return err
			}
			key := s.given.key(p, name)
			if key != nil {
				_, err = g.get(key, func(value []byte) error { return read(key, value) })
			}
			if key == nil || err != nil || i.Name != name {
				key, err = s.lookup(g.get, p, name, read)
			}
			switch {
			case errors.Is(err, mailbox.ErrNotFound):
				if key != nil {
					s.loseSoon(p, [][]byte{key})
				}
				continue
			case err != nil:
				return err
			case i.Name != name:
				continue
			}
			g.delete(key)
			g.delete(nameKey(p, name))
			st.drop(&i)
			items = append(items, i)
			g.delta.posts--
			g.delta.bytes -= int64(i.Size)
		}
		if len(items) > 0 {
			g.setState(p, &st)
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// posts calls f with the keys of a box's posts as they are after the group so far, in no order, until it returns false.
func (g *group) posts(p place, f func(key []byte) bool) error {
	prefix := at(posts, p[:])
	for key, value := range g.ops {
		if value != nil && strings.HasPrefix(key, string(prefix)) && !f([]byte(key)) {
			return nil
		}
	}
	st := state{Seq: 1 << 62}
	err := g.s.each(g.read, p, &st, 0, func(key []byte, _ func(func([]byte) error) error) error {
		if _, ok := g.ops[string(key)]; ok {
			return nil
		}
		if !f(key) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// deletePost deletes a post by its key, and counts it out if it can be read.
func (s *Store) deletePost(g *group, p place, key []byte, st *state) (i mailbox.Item, ok bool) {
	_, err := g.get(key, func(value []byte) (err error) {
		i, err = s.keys.item(key, value)
		return err
	})
	g.delete(key)
	if err != nil {
		return i, false
	}
	g.delete(nameKey(p, i.Name))
	st.drop(&i)
	return i, true
}
