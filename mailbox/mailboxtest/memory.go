// Package mailboxtest is the test that every store must pass, and a store in memory.
package mailboxtest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"iter"
	"slices"
	"sync"

	"github.com/linnetmesh/linnet/mailbox"
)

// Memory is a Store that keeps everything in RAM. What it holds survives Close and Reopen, as a disk survives a crash,
// and it has faults to switch on. The zero value is ready to use.
type Memory struct {
	mu     sync.Mutex
	boxes  map[mailbox.BoxID]*box
	left   map[mailbox.PlaceKey]left
	age    mailbox.Age
	full   bool
	fault  error
	closed bool
	syncs  uint64
	lost   uint64
}

type box struct {
	mailbox.Box
	posts  []mailbox.Post // by rising sequence
	bundle mailbox.Bundle
}

type left struct {
	mailbox.Descriptor
	box mailbox.BoxID
}

var _ mailbox.Store = (*Memory)(nil)

// SetFull makes writes that take room fail with ErrDiskFull, or no longer.
func (m *Memory) SetFull(full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = full
}

// SetFault makes every call fail with this error, having done nothing; nil ends it.
func (m *Memory) SetFault(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = err
}

// Reopen makes the store usable after Close.
func (m *Memory) Reopen() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = false
}

// Wipe forgets everything, as a relay does whose disk was replaced.
func (m *Memory) Wipe() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.boxes, m.left, m.age = nil, nil, 0
}

// Damage makes a post unreadable, as a flipped byte on a disk does. It tells whether the post was there.
func (m *Memory) Damage(id mailbox.BoxID, name mailbox.Name) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxes[id]
	if b == nil {
		return false
	}
	i := slices.IndexFunc(b.posts, func(p mailbox.Post) bool { return p.Name == name })
	if i < 0 {
		return false
	}
	b.drop(i)
	b.Lost++
	m.lost++
	return true
}

// Posts returns the posts that lie in boxes, as they are now, in no order.
func (m *Memory) Posts() iter.Seq2[mailbox.BoxID, mailbox.Name] {
	m.mu.Lock()
	defer m.mu.Unlock()
	type post struct {
		box  mailbox.BoxID
		name mailbox.Name
	}
	var all []post
	for id, b := range m.boxes {
		for _, p := range b.posts {
			all = append(all, post{id, p.Name})
		}
	}
	return func(yield func(mailbox.BoxID, mailbox.Name) bool) {
		for _, p := range all {
			if !yield(p.box, p.name) {
				return
			}
		}
	}
}

// enter begins a call, and finds its box, if it has one. The caller holds mu.
func (m *Memory) enter(ctx context.Context, id *mailbox.BoxID) (*box, error) {
	switch {
	case m.closed:
		return nil, mailbox.ErrClosed
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case m.fault != nil:
		return nil, m.fault
	case id == nil:
		return nil, nil
	}
	b := m.boxes[*id]
	if b == nil {
		return nil, mailbox.ErrNoBox
	}
	return b, nil
}

// Age returns the highest Age that Expire was told.
func (m *Memory) Age() mailbox.Age {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.age
}

// SetBox makes a box or sets the owner's part of one.
func (m *Memory) SetBox(ctx context.Context, b mailbox.Box) (mailbox.Box, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.enter(ctx, nil); err != nil {
		return mailbox.Box{}, false, err
	}
	old := m.boxes[b.ID]
	switch {
	case old != nil && old.Kind != b.Kind:
		return mailbox.Box{}, false, mailbox.ErrKind
	case m.full:
		return mailbox.Box{}, false, mailbox.ErrDiskFull
	}
	made := old == nil
	if made {
		old = &box{Box: mailbox.Box{ID: b.ID, Kind: b.Kind, Made: b.Made}}
		_, _ = rand.Read(old.Incarnation[:]) // never fails
		if m.boxes == nil {
			m.boxes = make(map[mailbox.BoxID]*box)
		}
		m.boxes[b.ID] = old
	}
	old.Secret, old.Closed, old.Seen, old.Origin = b.Secret, b.Closed, b.Seen, b.Origin
	old.Revoked, old.Extra = slices.Clone(b.Revoked), bytes.Clone(b.Extra)
	m.syncs++
	return old.copy(), made, nil
}

// copy returns what others may see of a box.
func (b *box) copy() mailbox.Box {
	c := b.Box
	c.Revoked, c.Extra = slices.Clone(b.Revoked), bytes.Clone(b.Extra)
	c.Parts, c.Bundle = len(b.bundle.Parts), b.bundle.Version
	return c
}

// Box returns a box.
func (m *Memory) Box(ctx context.Context, id mailbox.BoxID) (mailbox.Box, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.enter(ctx, &id)
	if err != nil {
		return mailbox.Box{}, err
	}
	return b.copy(), nil
}

// Boxes calls each with every box.
func (m *Memory) Boxes(ctx context.Context, each func(mailbox.Box) bool) error {
	m.mu.Lock()
	_, err := m.enter(ctx, nil)
	list := make([]mailbox.Box, 0, len(m.boxes))
	for _, b := range m.boxes {
		list = append(list, b.copy())
	}
	m.mu.Unlock()
	if err != nil {
		return err
	}
	for _, b := range list {
		if !each(b) {
			break
		}
	}
	return nil
}

// RemoveBox removes a box and all that lies in it.
func (m *Memory) RemoveBox(ctx context.Context, id mailbox.BoxID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.enter(ctx, nil); err != nil {
		return err
	}
	delete(m.boxes, id)
	m.forget(id)
	m.syncs++
	return nil
}

// forget forgets the descriptors that a box left. The caller holds mu.
func (m *Memory) forget(id mailbox.BoxID) {
	for k, d := range m.left {
		if d.box == id {
			delete(m.left, k)
		}
	}
}

// Put keeps posts.
func (m *Memory) Put(ctx context.Context, posts []mailbox.Deposit) []mailbox.Kept {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]mailbox.Kept, len(posts))
	for i, d := range posts {
		out[i] = m.put(ctx, d)
	}
	m.syncs++
	return out
}

func (m *Memory) put(ctx context.Context, d mailbox.Deposit) mailbox.Kept {
	b, err := m.enter(ctx, &d.Box)
	if err != nil {
		return mailbox.Kept{Err: err}
	}
	if p := b.find(d.Name); p != nil {
		return mailbox.Kept{Item: p.Item, Old: true}
	}
	if m.full {
		return mailbox.Kept{Err: mailbox.ErrDiskFull}
	}
	b.Seq++
	b.Chain = b.Chain.Next(b.Seq, d.Name)
	item := mailbox.Item{
		Name: d.Name, Seq: b.Seq, Chain: b.Chain, Size: uint32(len(d.Bytes)), Token: d.Token, Class: d.Class, Until: d.Until,
	}
	b.posts = append(b.posts, mailbox.Post{Item: item, Bytes: bytes.Clone(d.Bytes)})
	b.Posts++
	b.Bytes += uint64(len(d.Bytes))
	return mailbox.Kept{Item: item}
}

func (b *box) find(name mailbox.Name) *mailbox.Post {
	for i := range b.posts {
		if b.posts[i].Name == name {
			return &b.posts[i]
		}
	}
	return nil
}

// after returns the posts after a sequence.
func (b *box) after(seq uint64) []mailbox.Post {
	i, _ := slices.BinarySearchFunc(b.posts, seq, func(p mailbox.Post, seq uint64) int {
		if p.Seq <= seq {
			return -1
		}
		return 1
	})
	return b.posts[i:]
}

func (b *box) drop(i int) mailbox.Item {
	item := b.posts[i].Item
	b.posts = slices.Delete(b.posts, i, i+1)
	b.Posts--
	b.Bytes -= uint64(item.Size)
	return item
}

// List returns what lies in a box, without the bytes.
func (m *Memory) List(ctx context.Context, id mailbox.BoxID, after uint64, limit int) ([]mailbox.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.enter(ctx, &id)
	if err != nil {
		return nil, err
	}
	var out []mailbox.Item
	for _, p := range b.after(after) {
		if len(out) >= limit {
			break
		}
		out = append(out, p.Item)
	}
	return out, nil
}

// Fetch returns what lies in a box.
func (m *Memory) Fetch(ctx context.Context, id mailbox.BoxID, after uint64, limit, size int) ([]mailbox.Post, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.enter(ctx, &id)
	if err != nil {
		return nil, err
	}
	var out []mailbox.Post
	for _, p := range b.after(after) {
		if size -= len(p.Bytes); len(out) >= limit || len(out) > 0 && size < 0 {
			break
		}
		out = append(out, mailbox.Post{Item: p.Item, Bytes: bytes.Clone(p.Bytes)})
	}
	return out, nil
}

// Get returns one post.
func (m *Memory) Get(ctx context.Context, id mailbox.BoxID, name mailbox.Name) (mailbox.Post, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.enter(ctx, &id)
	if err != nil {
		return mailbox.Post{}, err
	}
	p := b.find(name)
	if p == nil {
		return mailbox.Post{}, mailbox.ErrNotFound
	}
	return mailbox.Post{Item: p.Item, Bytes: bytes.Clone(p.Bytes)}, nil
}

// Ack deletes posts.
func (m *Memory) Ack(ctx context.Context, id mailbox.BoxID, names []mailbox.Name) ([]mailbox.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.enter(ctx, &id)
	if err != nil {
		return nil, err
	}
	var out []mailbox.Item
	for _, n := range names {
		if i := slices.IndexFunc(b.posts, func(p mailbox.Post) bool { return p.Name == n }); i >= 0 {
			out = append(out, b.drop(i))
		}
	}
	m.syncs++
	return out, nil
}

// SetBundle replaces the bundle of a box.
func (m *Memory) SetBundle(ctx context.Context, id mailbox.BoxID, n mailbox.Bundle) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.enter(ctx, &id)
	switch {
	case err != nil:
		return err
	case n.Version < b.bundle.Version:
		return mailbox.ErrStale
	case n.Version == b.bundle.Version:
		return nil
	case m.full:
		return mailbox.ErrDiskFull
	}
	b.bundle = mailbox.Bundle{Version: n.Version, Base: bytes.Clone(n.Base)}
	for _, p := range n.Parts {
		b.bundle.Parts = append(b.bundle.Parts, bytes.Clone(p))
	}
	m.syncs++
	return nil
}

// TakeBundle returns the base, and takes a part.
func (m *Memory) TakeBundle(ctx context.Context, id mailbox.BoxID, part bool) (base, one []byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.enter(ctx, &id)
	switch {
	case err != nil:
		return nil, nil, err
	case b.bundle.Version == 0:
		return nil, nil, mailbox.ErrNotFound
	}
	if p := b.bundle.Parts; part && len(p) > 0 {
		one, b.bundle.Parts = p[0], p[1:]
		m.syncs++
	}
	return bytes.Clone(b.bundle.Base), one, nil
}

// Leave replaces the descriptors that a box left.
func (m *Memory) Leave(ctx context.Context, id mailbox.BoxID, list []mailbox.Descriptor) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.enter(ctx, &id); err != nil {
		return err
	}
	if m.full {
		return mailbox.ErrDiskFull
	}
	m.forget(id)
	if m.left == nil {
		m.left = make(map[mailbox.PlaceKey]left)
	}
	for _, d := range list {
		if old, ok := m.left[d.Key]; ok && old.Signed >= d.Signed {
			continue
		}
		d.Value = bytes.Clone(d.Value)
		m.left[d.Key] = left{d, id}
	}
	m.syncs++
	return nil
}

// Descriptor returns the descriptor under a key.
func (m *Memory) Descriptor(ctx context.Context, key mailbox.PlaceKey) (mailbox.Descriptor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.enter(ctx, nil); err != nil {
		return mailbox.Descriptor{}, err
	}
	d, ok := m.left[key]
	if !ok {
		return mailbox.Descriptor{}, mailbox.ErrNotFound
	}
	return d.Descriptor, nil
}

// Descriptors calls each with the descriptors of a period.
func (m *Memory) Descriptors(ctx context.Context, period uint64, after mailbox.PlaceKey, each func(mailbox.Descriptor) bool) error {
	m.mu.Lock()
	_, err := m.enter(ctx, nil)
	var list []mailbox.Descriptor
	for _, d := range m.left {
		if d.Period == period && bytes.Compare(d.Key[:], after[:]) > 0 {
			list = append(list, d.Descriptor)
		}
	}
	m.mu.Unlock()
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b mailbox.Descriptor) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	for _, d := range list {
		if !each(d) {
			break
		}
	}
	return nil
}

// Expire deletes what expired.
func (m *Memory) Expire(ctx context.Context, now mailbox.Age, gone func(mailbox.BoxID, []mailbox.Item)) error {
	type some struct {
		box   mailbox.BoxID
		items []mailbox.Item
	}
	var told []some
	m.mu.Lock()
	_, err := m.enter(ctx, nil)
	if err == nil {
		m.age = max(m.age, now)
		for id, b := range m.boxes {
			var items []mailbox.Item
			for i := 0; i < len(b.posts); {
				if b.posts[i].Until > now {
					i++
					continue
				}
				items = append(items, b.drop(i))
			}
			if len(items) > 0 {
				told = append(told, some{id, items})
			}
		}
		for k, d := range m.left {
			if d.Until <= now {
				delete(m.left, k)
			}
		}
	}
	m.mu.Unlock()
	slices.SortFunc(told, func(a, b some) int { return cmp.Compare(string(a.box[:]), string(b.box[:])) })
	for _, s := range told {
		gone(s.box, s.items)
	}
	return err
}

// Stats tells how full the store is.
func (m *Memory) Stats() mailbox.StoreStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := mailbox.StoreStats{Boxes: uint64(len(m.boxes)), Descriptors: uint64(len(m.left)), Full: m.full, Lost: m.lost, Syncs: m.syncs}
	for _, b := range m.boxes {
		s.Posts += b.Posts
		s.Bytes += b.Bytes
	}
	return s
}

// Close makes calls fail with ErrClosed until Reopen.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
