// Package vault is the device's own memory: account, sessions, contacts and history of one account, encrypted at rest.
//
// A vault is a folder of mode 0700 that one process has open at a time, or a Disk in memory. Records lie in drawers:
//
//	record   drawer (1) ‖ key (≤ 512) → form (1) ‖ … ‖ nonce (24) ‖ XChaCha20-Poly1305 of the value (≤ 1 MiB)
//	item     conversation (32) ‖ time (8) ‖ author (32) ‖ ID (16) → chat.Item, in the order in which items are shown
//	ref      conversation (32) ‖ author (32) ‖ ID (16) → where the item is, or the item itself while it has no place
//
// What is read is what was written, in this place: drawer and key are sealed in as associated data. Below lies Badger,
// which the vault does not trust to notice damage (RELIABILITY A4): a record that does not open is counted and named, a
// ring of commit numbers and a high-water mark outside of Badger show commits that vanished, and nothing is written when
// the disk is nearly full, because a full disk kills Badger.
//
// A Batch collects what belongs together, and Commit makes all of it durable or nothing. Sessions and prekeys are sealed
// under the erase key, which Renew replaces and overwrites, so that what was deleted does not come back from old blocks.
//
// A Vault is safe for several goroutines at once; a Batch is not. PROTOCOL.md has every byte and what it protects against.
package vault

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
)

// Schema is the version of what this program writes. A vault of a lower one is brought up to it by Open, one of a higher
// one is refused with a *SchemaError.
const Schema = 1

// Sizes in bytes.
const (
	// KeySize is the most that a key takes.
	KeySize = 512
	// ValueSize is the most that a value takes.
	ValueSize = 1 << 20
)

// What a vault may answer.
var (
	// ErrNotFound says that there is no such record.
	ErrNotFound = errors.New("vault: not found")
	// ErrFull says that the disk is nearly full: nothing was written. Reading goes on, and so do urgent batches while
	// their reserve lasts.
	ErrFull = errors.New("vault: the disk is nearly full")
	// ErrBatch says that a batch holds more than one transaction can take, see Batch.Full. Nothing was written.
	ErrBatch = errors.New("vault: batch too large")
	// ErrSize says that a key or a value is larger than KeySize or ValueSize, or that a key is empty.
	ErrSize = errors.New("vault: key or value of a wrong size")
	// ErrPassphrase says that the passphrase is wrong, or that there is one and none was given, or none and one was.
	ErrPassphrase = errors.New("vault: wrong passphrase")
	// ErrDamaged says that something is not what was written; the text names what.
	ErrDamaged = errors.New("vault: damaged")
	// ErrInUse says that another process has the vault open.
	ErrInUse = errors.New("vault: in use by another process")
	// ErrClosed says that the vault was closed, or that a write to the disk failed in such a way that only opening it anew
	// shows what is there.
	ErrClosed = errors.New("vault: closed")
)

// SchemaError says that a vault was written by a newer program.
type SchemaError struct {
	Stored, Known uint16
}

// Error is for people.
func (e *SchemaError) Error() string {
	return fmt.Sprintf("this store was written by a newer Linnet (schema %d; this one knows %d): upgrade Linnet", e.Stored, e.Known)
}

// Config says where a vault lies. The zero Config is a vault in memory that is gone when it is closed.
type Config struct {
	// Folder is where the vault lies; it is made if there is none. Empty is Disk, or memory.
	Folder string
	// Disk takes the place of a Folder in simulations.
	Disk *Disk
	// Passphrase protects the key. Without one the key lies in the folder, in a file of mode 0600.
	Passphrase []byte
	// Mobile chooses small tables, caches and password hashing: about 26 MiB of memory when idle.
	Mobile bool
	// MinFree is how many bytes of the disk are left free. Zero is 256 MiB or 5 % of the disk, whichever is less. What
	// Badger needs for what was accepted already is left free in any case: 33 MiB on a Mobile, 105 MiB otherwise.
	MinFree uint64
	// Log takes warnings, without keys, contents or names. Nil is none.
	Log *slog.Logger
}

// Vault is an open vault.
type Vault struct {
	store  store
	log    *slog.Logger
	mobile bool

	gate    sync.Mutex // guards closed
	closed  bool
	users   sync.WaitGroup // calls that began before closed
	writing sync.Mutex     // one commit at a time; guards the following
	commits uint64         // the number of the last commit
	synced  uint64         // the last commit of which the mark was synced
	broken  error          // why nothing more is written
	base    uint64         // what vanished up to this commit is known
	lost    uint64         // how many commits vanished, not yet forgiven

	ladder   ladder
	schema   uint16   // of what is stored; lower than the ladder's top only while Open runs
	upgraded *Upgrade // what Open did, nil for nothing

	renewing sync.Mutex // one Renew at a time
	keyMutex sync.RWMutex
	keys     keys
	damage   damage
	version  atomic.Uint64 // even, and odd while the store commits: what was read is as it was while this stays the same
}

// Open opens a vault, or makes one. If another process has it open, it waits up to five seconds: a process that was just
// killed may not be gone yet. The error is ErrInUse, ErrPassphrase, ErrDamaged, ErrFull, a *SchemaError, or the disk's.
//
// A vault that lacks commits opens, and Lost says how many: what to do is the owner's decision.
//
// A vault of a lower Schema is upgraded, after a copy of its folder was made beside it: Upgraded says where. That takes as
// long as copying does. It may be killed at any moment; the next Open goes on. If there is no room for the copy, the error
// is ErrFull with a text that says how much it takes, and nothing changed.
func Open(c Config) (*Vault, error) { return openLadder(c, theLadder) }

// openLadder opens a vault for a program that knows these steps.
func openLadder(c Config, l ladder) (*Vault, error) {
	v := &Vault{log: c.Log, mobile: c.Mobile, ladder: l}
	if v.log == nil {
		v.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	switch {
	case c.Folder != "" && c.Disk != nil:
		return nil, errors.New("vault: Folder and Disk are both set")
	case c.Folder != "":
		f, err := lockFolder(c, v.log)
		if err != nil {
			return nil, err
		}
		f.report = func(key []byte) { _ = v.damaged(key) }
		v.store = f
	case c.Disk != nil:
		v.store = c.Disk.attach()
	default:
		v.store = new(Disk).attach()
	}
	if err := v.unlock(c.Passphrase); err != nil {
		return nil, errors.Join(err, v.store.close())
	}
	if err := v.count(); err != nil {
		return nil, errors.Join(err, v.store.close())
	}
	if err := v.upgrade(c.Passphrase); err != nil {
		return nil, errors.Join(err, v.store.close())
	}
	return v, nil
}

// enter begins a call that needs the store open, and leave ends it.
func (v *Vault) enter() error {
	v.gate.Lock()
	defer v.gate.Unlock()
	if v.closed {
		return ErrClosed
	}
	v.users.Add(1)
	return nil
}

func (v *Vault) leave() { v.users.Done() }

// Close waits for calls that run, and closes the vault. Calls from then on return ErrClosed. Closing twice does nothing.
func (v *Vault) Close() error {
	v.gate.Lock()
	was := v.closed
	v.closed = true
	v.gate.Unlock()
	if was {
		return nil
	}
	v.users.Wait()
	err := v.store.settle()
	if err == nil && v.broken == nil {
		if err = v.writeMark(true); errors.Is(err, ErrClosed) {
			err = nil // a Disk that another Vault has now
		}
	}
	return errors.Join(err, v.store.close())
}

// Stats is how a vault does.
type Stats struct {
	Bytes   uint64 // on disk
	Records uint64 // about how many, with older versions that were not tidied away yet
	Commits uint64 // since the vault was made
	Free    uint64 // bytes of the disk that are free
	Full    bool   // a commit was refused with ErrFull, and there is no room yet
	Damaged uint64 // records that did not open since Open, each counted once
	Lost    uint64 // commits that vanished, see Lost
}

// Stats returns how the vault does; it looks at the disk.
func (v *Vault) Stats() Stats {
	if v.enter() != nil {
		return Stats{}
	}
	defer v.leave()
	s := v.store.stats()
	v.writing.Lock()
	s.Commits, s.Lost = v.commits, v.lost
	v.writing.Unlock()
	s.Damaged = v.damage.total()
	return s
}
