package vault

import (
	"errors"
	"fmt"

	"github.com/linnetmesh/linnet/node/chat"
)

// reader is the records as they were at one moment.
type reader interface {
	get(key []byte) ([]byte, error)
	scan(from, to []byte, down bool, f func(key, value []byte) error) error
	close()
}

// Snapshot is what a vault held at one moment, while the vault goes on: for a backup, which takes a while. Sessions and
// prekeys are not in it, since their keys may be erased meanwhile. It is for one goroutine at a time. Until it is closed,
// it keeps the vault from closing, and the disk from giving back the room of what was deleted since.
type Snapshot struct {
	vault *Vault
	at    reader
}

// Snapshot returns what the vault holds now. The error is ErrClosed or the disk's.
func (v *Vault) Snapshot() (*Snapshot, error) {
	if err := v.enter(); err != nil {
		return nil, err
	}
	at, err := v.store.snapshot()
	if err != nil {
		v.leave()
		return nil, err
	}
	return &Snapshot{v, at}, nil
}

// Close lets the snapshot go. Closing twice does nothing.
func (s *Snapshot) Close() {
	if s.at != nil {
		s.at.close()
		s.at = nil
		s.vault.leave()
	}
}

// Get returns the value of a record, as Vault.Get does. The error is ErrNotFound for sessions and prekeys.
func (s *Snapshot) Get(d Drawer, key []byte) ([]byte, error) {
	if !d.open() || d.erased() || len(key) == 0 {
		return nil, ErrNotFound
	}
	return s.get(d.at(key))
}

func (s *Snapshot) get(key []byte) ([]byte, error) {
	sealed, err := s.at.get(key)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", Drawer(key[0]), err)
	}
	if sealed == nil {
		return nil, ErrNotFound
	}
	value, _, err := s.vault.keys.open(nil, key, sealed)
	if err != nil {
		return nil, s.vault.damaged(key)
	}
	return value, nil
}

// Item returns what was known of an item, as Vault.Item does.
func (s *Snapshot) Item(c chat.ConversationID, r chat.Ref) (*chat.Item, error) {
	return s.vault.item(s.get, c, r)
}

// Each calls f for every record of a drawer whose key begins with prefix, as Vault.Each does.
func (s *Snapshot) Each(d Drawer, prefix []byte, f func(key, value []byte) error) error {
	if !d.open() || d.erased() {
		return fmt.Errorf("vault: %s is not in a snapshot", d)
	}
	from := d.at(prefix)
	return s.scan(from, after(from), func(key, value []byte) error { return f(key[1:], value) })
}

func (s *Snapshot) scan(from, to []byte, f func(key, value []byte) error) error {
	var buffer []byte
	return s.at.scan(from, to, false, func(key, sealed []byte) error {
		value, _, err := s.vault.keys.open(buffer[:0], key, sealed)
		if err != nil {
			_ = s.vault.damaged(key)
			return nil //nolint:nilerr // it was counted
		}
		buffer = value
		return f(key, value)
	})
}

// Items calls f with all items of a conversation, or of all conversations if it is zero: first those that are shown, by
// conversation and in the order in which they are shown, then those whose message has not come. An item belongs to f. If
// f returns an error, Items ends and returns it. Damaged items are left out, and counted in Damaged. The error is also
// identity.ErrNewer for what a newer Linnet wrote.
func (s *Snapshot) Items(c chat.ConversationID, f func(chat.ConversationID, *chat.Item) error) error {
	var prefix []byte
	if !c.IsZero() {
		prefix = c[:]
	}
	each := func(key, value []byte) error {
		it, err := s.vault.parseItem(key, value)
		if errors.Is(err, ErrDamaged) {
			return nil
		}
		if err != nil {
			return err
		}
		return f(chat.ConversationID(key[1:33]), it)
	}
	from := items.at(prefix)
	if err := s.scan(from, after(from), func(key, value []byte) error {
		if len(key) != itemKeySize {
			return nil
		}
		return each(key, value)
	}); err != nil {
		return err
	}
	from = refs.at(prefix)
	return s.scan(from, after(from), func(key, value []byte) error {
		if len(key) != refKeySize || len(value) < 2 || value[0] != refWaiting {
			return nil
		}
		return each(key, value[1:])
	})
}
