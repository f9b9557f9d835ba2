package vault

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// MaxPage is the most that Page and After return at once.
const MaxPage = 1000

// Where an item is, the first byte of a ref record.
const (
	refWaiting byte = 0 // here: its message has not come, so it has no place
	refPlaced  byte = 1 // at the time (8) that follows
)

const (
	itemKeySize = 1 + 32 + 8 + 32 + chat.IDSize
	refKeySize  = 1 + 32 + 32 + chat.IDSize
)

func itemKey(c chat.ConversationID, p chat.Place) []byte {
	return items.at(c[:], binary.BigEndian.AppendUint64(nil, uint64(p.Time)), p.Ref.Author[:], p.Ref.ID[:])
}

func refKey(c chat.ConversationID, r chat.Ref) []byte { return refs.at(c[:], r.Author[:], r.ID[:]) }

// parseItemKey reads what itemKey wrote.
func parseItemKey(key []byte) (c chat.ConversationID, p chat.Place, ok bool) {
	if len(key) != itemKeySize || Drawer(key[0]) != items {
		return c, p, false
	}
	c = chat.ConversationID(key[1:])
	p.Time = chat.Time(binary.BigEndian.Uint64(key[33:]))
	p.Ref = chat.Ref{Author: identity.Account(key[41:73]), ID: chat.ID(key[73:])}
	return c, p, true
}

// parseItem reads the item under a key.
func (v *Vault) parseItem(key, value []byte) (*chat.Item, error) {
	it, err := chat.ParseItem(value)
	if errors.Is(err, identity.ErrNewer) {
		return nil, fmt.Errorf("reading item: %w", err)
	}
	if err != nil {
		return nil, v.damaged(key)
	}
	return it, nil
}

// PutItem puts an item in the place of what is known of it, and keeps nothing of it. An item whose message has come lies
// where it is shown; one that waits lies aside, and is found by Item alone. The errors are those of Item.AppendTo and Get.
func (b *Batch) PutItem(c chat.ConversationID, it *chat.Item) error {
	if c.IsZero() {
		return fmt.Errorf("%w: no conversation", ErrSize)
	}
	at := refKey(c, it.Ref)
	old, err := b.placed(c, it.Ref)
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) {
		return err
	}
	place, has := it.Place()
	head := []byte{refWaiting}
	if has {
		head = nil
	}
	value, err := it.AppendTo(head)
	if err != nil {
		return fmt.Errorf("writing item: %w", err)
	}
	if old.Time != 0 && (!has || old.Time != place.Time) {
		b.set(itemKey(c, old), write{})
	}
	switch {
	case !has:
		b.set(at, write{value: value})
		return nil
	case old.Time != place.Time:
		b.set(at, write{value: binary.BigEndian.AppendUint64([]byte{refPlaced}, uint64(place.Time))})
	}
	b.set(itemKey(c, place), write{value: value})
	return nil
}

// DeleteItem deletes what is known of an item, without a trace: if it comes again, it is there again. What must stay away
// is to be erased by Item.Erase, and put.
func (b *Batch) DeleteItem(c chat.ConversationID, r chat.Ref) error {
	old, err := b.placed(c, r)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	if old.Time != 0 {
		b.set(itemKey(c, old), write{})
	}
	b.set(refKey(c, r), write{})
	return nil
}

// placed returns the place of an item in the store, the zero Place if it waits.
func (b *Batch) placed(c chat.ConversationID, r chat.Ref) (chat.Place, error) {
	value, err := b.get(refKey(c, r))
	if err != nil {
		return chat.Place{}, err
	}
	p, _, ok := parseRef(value, r)
	if !ok {
		return chat.Place{}, ErrDamaged
	}
	return p, nil
}

// parseRef reads a ref record: the place of the item, or the item.
func parseRef(value []byte, r chat.Ref) (p chat.Place, item []byte, ok bool) {
	switch {
	case len(value) == 9 && value[0] == refPlaced:
		p = chat.Place{Time: chat.Time(binary.BigEndian.Uint64(value[1:])), Ref: chat.Ref{Author: r.Author, ID: r.ID}}
		return p, nil, p.Time != 0
	case len(value) > 1 && value[0] == refWaiting:
		return p, value[1:], true
	default:
		return p, nil, false
	}
}

// Item returns what will be known of an item after the batch. The errors are those of Vault.Item.
func (b *Batch) Item(c chat.ConversationID, r chat.Ref) (*chat.Item, error) {
	return b.vault.item(b.get, c, r)
}

// Item returns what is known of an item, which belongs to the caller. The error is ErrNotFound, ErrDamaged, ErrClosed, the
// disk's, or identity.ErrNewer for what a newer Linnet wrote.
func (v *Vault) Item(c chat.ConversationID, r chat.Ref) (*chat.Item, error) {
	return v.item(v.get, c, r)
}

func (v *Vault) item(get func([]byte) ([]byte, error), c chat.ConversationID, r chat.Ref) (*chat.Item, error) {
	for range 3 { // between reading where it is and reading it, a commit may move it
		key := refKey(c, r)
		value, err := get(key)
		if err != nil {
			return nil, err
		}
		p, item, ok := parseRef(value, r)
		switch {
		case !ok:
			return nil, v.damaged(key)
		case item != nil:
			return v.parseItem(key, item)
		}
		key = itemKey(c, p)
		if item, err = get(key); err == nil {
			return v.parseItem(key, item)
		} else if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	return nil, v.damaged(refKey(c, r))
}

// Page returns up to n items of a conversation (MaxPage at most) before a place, the newest first; the zero Place is behind
// the newest. Items that wait for their message have no place, and are left out; so are damaged ones, see Damaged.
func (v *Vault) Page(c chat.ConversationID, before chat.Place, n int) ([]*chat.Item, error) {
	from := items.at(c[:])
	to := after(from)
	if before != (chat.Place{}) {
		to = itemKey(c, before)
	}
	return v.page(from, to, true, n)
}

// After returns up to n items of a conversation (MaxPage at most) after a place, the oldest first; the zero Place is before
// the oldest. What is left out is what Page leaves out.
func (v *Vault) After(c chat.ConversationID, place chat.Place, n int) ([]*chat.Item, error) {
	from := items.at(c[:])
	to := after(from)
	if place != (chat.Place{}) {
		from = append(itemKey(c, place), 0)
	}
	return v.page(from, to, false, n)
}

func (v *Vault) page(from, to []byte, down bool, n int) ([]*chat.Item, error) {
	if n = min(n, MaxPage); n <= 0 {
		return nil, nil
	}
	var page []*chat.Item
	err := v.scan(from, to, down, func(key, value []byte) error {
		it, err := v.parseItem(key, value)
		if errors.Is(err, ErrDamaged) {
			return nil
		}
		if err != nil {
			return err
		}
		if page = append(page, it); len(page) == n {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("reading history: %w", err)
	}
	return page, nil
}

// Refs returns up to n messages of an author in a conversation whose IDs lie between two, both included, in ascending
// order: shown or not.
func (v *Vault) Refs(c chat.ConversationID, author identity.Account, from, to chat.ID, n int) (out []chat.Ref, err error) {
	if n <= 0 {
		return nil, nil
	}
	if err := v.enter(); err != nil {
		return nil, err
	}
	defer v.leave()
	first := refKey(c, chat.Ref{Author: author, ID: from})
	last := append(refKey(c, chat.Ref{Author: author, ID: to}), 0) // the first key behind it
	err = v.store.scan(first, last, false, func(key, _ []byte) error {
		if len(key) == len(first) {
			out = append(out, chat.Ref{Author: author, ID: chat.ID(key[len(key)-len(chat.ID{}):])})
		}
		if len(out) >= n {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("reading references: %w", err)
	}
	return out, nil
}

// Conversations returns the conversations of which there is any item, in the order of their IDs.
func (v *Vault) Conversations() ([]chat.ConversationID, error) {
	if err := v.enter(); err != nil {
		return nil, err
	}
	defer v.leave()
	var all []chat.ConversationID
	from, to := refs.at(), after(refs.at())
	for {
		var next []byte
		err := v.store.scan(from, to, false, func(key, _ []byte) error {
			if len(key) == refKeySize {
				all = append(all, chat.ConversationID(key[1:]))
				next = after(key[:33])
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			return all, err
		}
		from = next
	}
}

// DeleteConversation deletes all items of a conversation, in commits of a bounded size: after a crash, some may be left,
// and it is to be called again. The errors are those of Commit.
func (v *Vault) DeleteConversation(c chat.ConversationID) error {
	for _, d := range []Drawer{items, refs} {
		if err := v.deleteAll(d.at(c[:])); err != nil {
			return fmt.Errorf("deleting conversation: %w", err)
		}
	}
	return nil
}

// Clear deletes all records, those of the account's drawer last, in commits of a bounded size: what a restore that was cut
// short has left. After a crash, some may be left, and it is to be called again. The errors are those of Commit.
func (v *Vault) Clear() error {
	all := []Drawer{items, refs, dates}
	for d := Setting; d >= Account; d-- {
		all = append(all, d)
	}
	for _, d := range all {
		if err := v.deleteAll(d.at()); err != nil {
			return fmt.Errorf("clearing: %w", err)
		}
	}
	return nil
}

// deleteAll deletes the records whose keys begin with a prefix.
func (v *Vault) deleteAll(from []byte) error {
	for to := after(from); ; {
		b := v.NewBatch()
		b.Urgent = true
		if err := v.enter(); err != nil {
			return err
		}
		err := v.store.scan(from, to, false, func(key, _ []byte) error {
			if b.set(append([]byte(nil), key...), write{}); b.Full() {
				return errEnough
			}
			return nil
		})
		v.leave()
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		if b.Len() == 0 {
			return nil
		}
		if err := v.Commit(b); err != nil {
			return err
		}
	}
}
