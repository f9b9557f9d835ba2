package vault

import (
	"context"
	"errors"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// Scrub reads and opens every record, and adds what is damaged to Damaged. It reads the whole disk's worth, so it is for
// times when there is power. The error is that of ctx, ErrDamaged if tables below the records are damaged, ErrClosed, or
// the disk's.
func (v *Vault) Scrub(ctx context.Context) error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	err := v.store.check()
	if errors.Is(err, ErrDamaged) {
		v.damage.add(damagedTables, []byte("tables"))
		v.log.Warn("tables of the vault are damaged")
	}
	for _, d := range []Drawer{
		Account, Contact, Invite, Session, PreKey, Replay, Dedupe, Outbox, Delivery, Peer, Setting, items, refs, dates, holes, climbed,
	} {
		scanned := v.scan(d.at(), after(d.at()), false, func(key, value []byte) error {
			if d == items {
				_, _ = v.parseItem(key, value)
			}
			if d == refs && len(key) == refKeySize {
				v.scrubRef(key, value)
			}
			return ctx.Err()
		})
		if scanned != nil {
			return errors.Join(err, scanned)
		}
	}
	return err
}

// scrubRef looks whether an item is where its ref says: Badger may have lost it.
func (v *Vault) scrubRef(key, value []byte) {
	c, r := chat.ConversationID(key[1:]), chat.Ref{Author: identity.Account(key[33:]), ID: chat.ID(key[65:])}
	p, item, ok := parseRef(value, r)
	switch {
	case !ok:
		_ = v.damaged(key)
	case item != nil:
		_, _ = v.parseItem(key, item)
	default:
		if _, err := v.get(itemKey(c, p)); errors.Is(err, ErrNotFound) {
			_, _ = v.Item(c, r) // it may have moved; otherwise that says so
		}
	}
}

// Tidy gives room of what was deleted and replaced back to the disk, and syncs the high-water mark. It may read and write
// all that is stored: call it about daily, at best while the device charges. The errors are those of the disk; on a disk
// that is nearly full it does what it can. Between its steps it ends when ctx does, with its error.
func (v *Vault) Tidy(ctx context.Context) error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	err := v.store.tidy(ctx)
	v.writing.Lock()
	defer v.writing.Unlock()
	if v.broken == nil && v.synced != v.commits {
		v.synced = 0
		err = errors.Join(err, v.writeMark(false))
	}
	return err
}
