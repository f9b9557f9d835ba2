package vault

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/node/chat"
)

// Batch collects writes that belong together. Of several writes to one record the last counts, so the writes of many
// operations cost no more than their outcome. Reads through the batch see what it holds. It is not safe for several
// goroutines at once.
type Batch struct {
	// Urgent lets the batch use the room that is held back when the disk is nearly full. It is for what makes room or
	// must not wait: deletions, and state without which something that came already would have to come again.
	Urgent bool

	vault      *Vault
	writes     map[string]write
	small, big int // as weigh counts

	place []byte // of the record that is looked at
	space []byte // where values go

	// The last record that was not there, and the version of the vault that says so. Most items are new: they are looked
	// for by Item, and at once by PutItem again.
	missed  []byte
	version uint64
}

// write is the next value of a record, nil for none.
type write struct {
	value []byte
	until uint64
}

// NewBatch returns an empty batch.
func (v *Vault) NewBatch() *Batch {
	return &Batch{vault: v, writes: make(map[string]write)}
}

// Len returns how many records the batch writes and deletes.
func (b *Batch) Len() int { return len(b.writes) }

// Full tells that the batch should be committed before the next operation. The next operation may still put as much
// again: half of 5000 records, of 512 KiB of keys and values below 1 KiB, and of 8 MiB of larger values.
func (b *Batch) Full() bool {
	return len(b.writes) >= maxOps/2 || b.small >= maxSmall/2 || b.big >= maxLarge/2
}

// tooLarge tells whether Commit refuses the batch.
func (b *Batch) tooLarge() bool {
	return len(b.writes) > maxOps || b.small > maxSmall || b.big > maxLarge
}

// Put puts a value under a key, in the place of what is there. It keeps nothing of its arguments. The error is ErrSize.
func (b *Batch) Put(d Drawer, key, value []byte) error {
	return b.keep(d, key, value, 0)
}

// PutUntil puts what Sweep deletes from a time on. A later Put or PutUntil of the same key takes its place with its time.
func (b *Batch) PutUntil(d Drawer, key, value []byte, until time.Time) error {
	at := stamp(until)
	if err := b.keep(d, key, value, at); err != nil {
		return err
	}
	b.set(dateKey(at, b.place), write{value: []byte{}})
	return nil
}

// Delete deletes a record, if there is one. The error is ErrSize.
func (b *Batch) Delete(d Drawer, key []byte) error {
	if err := b.check(d, key, nil); err != nil {
		return err
	}
	b.set(b.at(d, key), write{})
	return nil
}

func (b *Batch) check(d Drawer, key, value []byte) error {
	if !d.open() {
		return fmt.Errorf("vault: %s is not for callers", d)
	}
	if len(key) == 0 || len(key) > KeySize || len(value) > ValueSize {
		return ErrSize
	}
	return nil
}

// keep puts a copy of a value, and leaves its record's key in place.
func (b *Batch) keep(d Drawer, key, value []byte, until uint64) error {
	if err := b.check(d, key, value); err != nil {
		return err
	}
	b.set(b.at(d, key), write{b.copy(value), until})
	return nil
}

// at is Drawer.at where it takes no memory. It counts until it is called again.
func (b *Batch) at(d Drawer, key []byte) []byte {
	b.place = append(append(b.place[:0], byte(d)), key...)
	return b.place
}

// The pieces in which values take memory: small at first, for most batches are.
const (
	leastSpace = 512
	mostSpace  = 32 << 10
)

// copy returns a copy of a value, in a piece that it shares with others.
func (b *Batch) copy(value []byte) []byte {
	switch {
	case len(value) == 0:
		return []byte{} // nil would delete
	case len(value) > mostSpace/4:
		return slices.Clone(value)
	}
	if len(value) > cap(b.space)-len(b.space) {
		b.space = make([]byte, 0, max(len(value), min(mostSpace, max(leastSpace, 2*cap(b.space)))))
	}
	n := len(b.space)
	b.space = append(b.space, value...)
	return b.space[n:len(b.space):len(b.space)]
}

func (b *Batch) set(key []byte, w write) {
	if old, ok := b.writes[string(key)]; ok {
		small, big := weighSealed(key, old.value)
		b.small, b.big = b.small-small, b.big-big
	}
	small, big := weighSealed(key, w.value)
	b.small, b.big = b.small+small, b.big+big
	b.writes[string(key)] = w
}

// weighSealed returns what a record will count once its value is sealed.
func weighSealed(key, value []byte) (small, big int) {
	if n := len(value) + sealedSize; n >= large {
		return len(key) + 32, n
	}
	return len(key) + 32 + len(value) + sealedSize, 0
}

// Get returns what the record will be after the batch. The error is ErrNotFound, ErrDamaged, ErrClosed or the disk's.
func (b *Batch) Get(d Drawer, key []byte) ([]byte, error) {
	if !d.open() || len(key) == 0 {
		return nil, ErrNotFound
	}
	return b.get(b.at(d, key))
}

func (b *Batch) get(key []byte) ([]byte, error) {
	if w, ok := b.writes[string(key)]; ok {
		if w.value == nil {
			return nil, ErrNotFound
		}
		return slices.Clone(w.value), nil
	}
	version := b.vault.version.Load()
	if version == b.version && bytes.Equal(key, b.missed) {
		return nil, ErrNotFound
	}
	value, err := b.vault.get(key)
	if errors.Is(err, ErrNotFound) && version%2 == 0 {
		b.missed, b.version = append(b.missed[:0], key...), version
	}
	return value, err
}

// Unheard says that nothing is known of an item, since its ID was just drawn: whoever reads or puts it next need not look.
func (b *Batch) Unheard(c chat.ConversationID, r chat.Ref) {
	if version := b.vault.version.Load(); version%2 == 0 {
		b.missed, b.version = append(b.missed[:0], refKey(c, r)...), version
	}
}

// sizes returns how many bytes all keys have, and all values once they are sealed.
func (b *Batch) sizes() (keys, sealed int) {
	for key, w := range b.writes {
		keys += len(key)
		sealed += len(w.value) + sealedSize
	}
	return keys, sealed
}

// clear makes the batch empty.
func (b *Batch) clear() {
	clear(b.writes)
	b.small, b.big, b.space = 0, 0, nil
}
