package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/backup"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

// Words of node/backup that callers need.
type (
	// BackupLock says who can open a backup.
	BackupLock = backup.Lock
	// BackupKey opens a backup.
	BackupKey = backup.Key
	// BackupSummary is what is in a backup.
	BackupSummary = backup.Summary
)

// What may be wrong with a backup.
var (
	// ErrBackup says that a file is no backup.
	ErrBackup = backup.ErrFormat
	// ErrBackupKey says that the passphrase or identity is not the right one.
	ErrBackupKey = backup.ErrKey
	// ErrBackupLock says that a passphrase or recipient is none that a backup can be made for.
	ErrBackupLock = backup.ErrLock
	// ErrBackupDamaged says that a backup is not what was written.
	ErrBackupDamaged = backup.ErrDamaged
	// ErrNewer says that something needs a newer Linnet.
	ErrNewer = identity.ErrNewer
)

// backupSoon is how long a message must still be there to be in a backup, by its timer.
const backupSoon = 24 * time.Hour

// backedUpKey is where it is stored when the last backup was made: ms (8).
var backedUpKey = []byte("backup")

// BackupTakesPassphrase tells whether a file, of which this is the beginning, opens by a passphrase; otherwise it opens by
// an identity, or is no backup.
func BackupTakesPassphrase(head []byte) bool { return backup.TakesPassphrase(head) }

// Backup writes what the account holds at one moment: contacts, history, and what waits; see package backup for what is
// not in it. The node goes on meanwhile. Nothing is written if the error is ErrBackupLock or ErrStopped; others are those
// of the vault, of out and of ctx. Once the file is where it is to stay, NoteBackup is to be called.
func (n *Node) Backup(ctx context.Context, out io.Writer, lock BackupLock) (BackupSummary, error) {
	if err := lock.Check(); err != nil {
		return BackupSummary{}, err
	}
	snapshot, err := n.config.Vault.Snapshot()
	if errors.Is(err, vault.ErrClosed) {
		return BackupSummary{}, ErrStopped
	}
	if err != nil {
		return BackupSummary{}, err
	}
	defer snapshot.Close()
	k := &keeping{ctx: ctx, n: n, from: snapshot, me: n.me, now: n.now(), known: make(map[identity.Account]bool)}
	before := n.config.Vault.Stats().Damaged
	if k.to, err = backup.NewWriter(out, lock, k.now); err != nil {
		return BackupSummary{}, err
	}
	for _, step := range []func() error{k.account, k.contacts, k.clocks, k.items, k.deliveries, k.waiting} {
		if err := step(); err != nil {
			return BackupSummary{}, fmt.Errorf("making a backup: %w", err)
		}
	}
	k.to.Damaged(n.config.Vault.Stats().Damaged - before)
	return k.to.Close()
}

// NoteBackup remembers that a backup is where it is to stay, and when it was made.
func (n *Node) NoteBackup(ctx context.Context, made time.Time) error {
	return n.run(ctx, func(t *turn) error {
		t.put(vault.Account, backedUpKey, binary.BigEndian.AppendUint64(nil, millisOf(made)))
		return nil
	})
}

// LastBackup returns when the last backup was made, false if none ever was. A device that was restored begins with the
// backup that it is from.
func (n *Node) LastBackup() (made time.Time, ok bool) {
	b, err := n.config.Vault.Get(vault.Account, backedUpKey)
	if err != nil || len(b) != 8 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))), true
}

// keeping is a backup that is being made.
type keeping struct {
	ctx   context.Context //nolint:containedctx // of the one call that makes it
	n     *Node
	from  *vault.Snapshot
	to    *backup.Writer
	me    identity.Account
	now   time.Time
	known map[identity.Account]bool
}

// put adds a record, as long as somebody waits for it.
func (k *keeping) put(r backup.Record) error {
	select {
	case <-k.ctx.Done():
		return k.ctx.Err()
	case <-k.n.stop:
		return ErrStopped
	default:
		return k.to.Put(r)
	}
}

func (k *keeping) account() error {
	b, err := k.from.Get(vault.Account, selfKey)
	if err != nil {
		return err
	}
	s, err := parseSelf(b)
	if err != nil {
		return err
	}
	var relays []backup.Peer
	if err := k.from.Each(vault.Peer, []byte{'r'}, func(key, value []byte) error {
		r, err := parseRelay(key, value)
		if err == nil && !r.Removed && len(relays) < maxAllowed {
			relays = append(relays, backup.Peer{Key: r.key, Addrs: r.Addrs, Invited: r.Invited})
		}
		return err
	}); err != nil {
		return err
	}
	image, err := k.picture(k.me)
	if err != nil {
		return err
	}
	return k.put(&backup.Account{
		Picture: image, Pictured: s.Pictured,
		Relays:  relays,
		Account: k.me, Device: s.number, Manifest: s.view.Manifest().AppendTo(nil), Discovery: s.discovery.Public(),
		Name: s.Name, About: s.About, Profile: s.Profile,
	})
}

func (k *keeping) contacts() error {
	return k.from.Each(vault.Contact, nil, func(key, value []byte) error {
		c, err := parseContact(key, value)
		if err != nil || c.State == myself {
			return err
		}
		k.known[c.account] = true
		b := c.backup()
		if b.Picture, err = k.picture(c.account); err != nil {
			return err
		}
		return k.put(b)
	})
}

// picture returns the picture of an account, nil if it has none.
func (k *keeping) picture(a identity.Account) ([]byte, error) {
	b, err := k.from.Get(vault.Setting, pictureKey(a))
	if errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	return b, err
}

// backup returns a contact as a backup has it.
func (c *contact) backup() *backup.Contact {
	b := &backup.Contact{
		Account: c.account, Discovery: c.Discovery, State: uint8(c.State), Before: uint8(c.Before), Name: c.Name, About: c.About,
		NameTime: c.NameTime, NameID: c.NameID, Alias: c.Alias, Verified: c.Verified, Since: c.Since, Changed: c.Changed,
		Told: c.Told, Waiting: c.Waiting, Asked: c.Asked, Pictured: c.Pictured, PictureID: c.PictureID,
	}
	if m := c.view.Manifest(); m != nil {
		b.Manifest = m.AppendTo(nil)
	}
	for _, s := range c.Sites {
		b.Sites = append(b.Sites, backup.Site{
			Number: s.Number, Version: s.Version, Bundle: s.Bundle, Transport: s.Transport, Direct: s.Direct, Boxes: s.Boxes,
		})
	}
	if c.State == Asked {
		b.Token = c.Token
		for _, p := range c.Hints {
			b.Peers = append(b.Peers, backup.Peer{Key: p.Key, Addrs: p.Addrs, Box: p.Box, Token: p.Token})
		}
	}
	return b
}

// with tells whether a conversation is with somebody who is in the backup.
func (k *keeping) with(c chat.ConversationID) bool { return k.known[identity.Account(c)] }

func (k *keeping) clocks() error {
	return k.from.Each(vault.Setting, []byte{'c'}, func(key, value []byte) error {
		c, err := parseClock(value)
		if err != nil || len(key) != 1+len(chat.ConversationID{}) {
			return errors.Join(err, errStored)
		}
		id := chat.ConversationID(key[1:])
		if !k.with(id) {
			return nil
		}
		return k.put(&backup.Clock{Conversation: id, Last: c.Last()})
	})
}

func (k *keeping) items() error {
	return k.from.Items(chat.ConversationID{}, func(c chat.ConversationID, it *chat.Item) error {
		if !k.with(c) {
			return nil
		}
		k.strip(it)
		return k.put(&backup.Item{Conversation: c, Item: it})
	})
}

// strip takes away what must not be in a backup, which stays where it is for longer than anybody can tell.
func (k *keeping) strip(it *chat.Item) {
	if it.Expire(k.me, k.now); it.Message == nil || it.Deleted || it.Erased {
		return
	}
	if t := it.Message.Timer; it.Message.ViewOnce || t != nil && t.Duration() <= backupSoon || it.Over(k.me, k.now.Add(backupSoon)) {
		it.Erase()
	}
}

// has tells whether the content of a message is in the backup.
func (k *keeping) has(c chat.ConversationID, r chat.Ref) (bool, error) {
	it, err := k.from.Item(c, r)
	if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrDamaged) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	k.strip(it)
	return it.Message != nil && !it.Deleted && !it.Erased, nil
}

func (k *keeping) deliveries() error {
	return k.from.Each(vault.Delivery, nil, func(key, value []byte) error {
		if len(key) != len(deliveryKey(device{}, chat.ID{})) || len(value) != 8 {
			return errStored
		}
		d := &backup.Delivery{Account: identity.Account(key), ID: chat.ID(key[32:]), Device: key[48], Time: chat.Time(binary.BigEndian.Uint64(value))}
		if !k.known[d.Account] {
			return nil
		}
		return k.put(d)
	})
}

func (k *keeping) waiting() error {
	return k.from.Each(vault.Outbox, nil, func(key, value []byte) error {
		p, err := parsePost(key, value)
		if err != nil || !k.known[p.account] {
			return err
		}
		w := &backup.Waiting{Account: p.account, Device: p.device.number, ID: p.ID, Kind: p.Kind, Said: p.Said}
		if p.state.State == chat.Failed {
			w.Failed = p.state.Why
		}
		is := false
		switch p.Kind {
		case chat.KindReaction, chat.KindEdit:
			m, err := chat.ParseMessage(p.Message)
			if err != nil {
				return err
			}
			targets := m.Targets(k.me)
			if is, err = k.has(p.Conversation, targets[0]); err != nil {
				return err
			}
			w.Message = p.Message
		case chat.KindDelete, chat.KindReceipt:
			is, w.Message = true, p.Message
		default: // signals and the like are between two devices, and a profile is told anew
			if p.Kind.Shown() {
				if is, err = k.has(p.Conversation, chat.Ref{Author: k.me, ID: p.ID}); err != nil {
					return err
				}
			}
		}
		if !is {
			return nil
		}
		return k.put(w)
	})
}
