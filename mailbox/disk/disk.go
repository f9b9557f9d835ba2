// Package disk keeps post on one relay, in Badger.
//
// Badger does not protect by itself: it dies of SIGBUS on a full disk, drops all that follows a flipped byte in a log
// without a word, and syncs once per transaction. So the Store
//
//   - commits what many ask for as one group, with one sync (commit.go);
//   - seals every post and checks every record by itself, and keeps a count and a sum of the posts of each box, which show a
//     hole (record.go);
//   - keeps the number of the last commit outside of the records, which shows what vanished (mark.go);
//   - refuses to write while the room that Badger needs for what it took is not free, and holds a ballast file (guard.go);
//   - reads everything again over time, and says what is lost (scrub.go);
//   - finds what expired by an index, and gives the room back (expire.go).
//
// What a Store writes can be read with the key in its folder: sealing is a check, and makes a disk unreadable from which
// that file is gone. Posts are sealed by their senders anyway.
package disk

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmesh/linnet/mailbox"
)

// ErrInUse says that another process has the folder.
var ErrInUse = errors.New("disk: in use by another process")

// lockWait is how long Open waits for a process that dies.
const lockWait = 5 * time.Second

// Config says where a Store is.
type Config struct {
	// Folder is made if there is none. It belongs to this Store alone.
	Folder string
	// MinFree is how many bytes of the disk must be free for writes, besides what Badger may need for what it took. 0 is
	// 5 % of the disk, at most 256 MiB.
	MinFree uint64
	// Small has smaller logs, for disks of less than a GiB: it needs about 80 MiB, instead of 220.
	Small bool
	// Log receives what an operator should know: no boxes, no names. Nil discards it.
	Log *slog.Logger
}

// Store keeps boxes in a folder. It is a mailbox.Store; all its methods may be called by several goroutines at once.
type Store struct {
	log    *slog.Logger
	lock   *os.File
	mark   *os.File
	guard  guard
	badger badger
	keys   *keys
	given  given
	queue  chan request
	done   sync.WaitGroup // the committer

	gate   sync.Mutex // guards closed, and users from growing after it
	closed bool
	users  sync.WaitGroup

	// Of the committer, once it runs.
	commits, synced, base uint64
	looked                int64
	roomMade              time.Time
	broken                error

	epoch    [8]byte // changes when commits vanished, and all incarnations with it
	age      atomic.Uint64
	syncs    atomic.Uint64
	scrubbed atomic.Uint64
	mendable atomic.Bool // damage was found that is mended when the store is opened

	mu         sync.Mutex
	total      totals
	hurt       map[string]map[string]bool // what is damaged, by what it is
	tidying    sync.Mutex                 // held by who tidies
	background sync.WaitGroup
	next       []byte // where the scrub goes on
	weight     uint64 // of the folder, when it was last looked at
	weighed    time.Time
}

var _ mailbox.Store = (*Store)(nil)

// Open opens a Store, or makes one. If another process has it open, it waits up to five seconds: one that was just killed
// may not be gone yet. The errors are ErrInUse, ErrDamaged, mailbox.ErrDiskFull, or the disk's.
//
// A Store that lacks commits opens; Stats and Damaged say so, and all incarnations of boxes are new.
func Open(c Config) (*Store, error) { return openWithin(c, lockWait) }

// openWithin waits so long for another process.
func openWithin(c Config, wait time.Duration) (*Store, error) {
	s := &Store{log: c.Log, queue: make(chan request, 1024), hurt: make(map[string]map[string]bool)}
	if s.log == nil {
		s.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if err := s.openFolder(c, wait); err != nil {
		return nil, err
	}
	if err := s.openRecords(c); err != nil {
		return nil, errors.Join(err, s.release())
	}
	s.done.Go(s.work)
	return s, nil
}

// openFolder makes the folder and locks it.
func (s *Store) openFolder(c Config, wait time.Duration) error {
	if err := os.MkdirAll(filepath.Join(c.Folder, "records"), 0o700); err != nil {
		return fmt.Errorf("making the store: %w", err)
	}
	if err := os.Chmod(c.Folder, 0o700); err != nil { //nolint:gosec // a folder
		return fmt.Errorf("making the store: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(c.Folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("locking the store: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for tryLock(lock) != nil {
		select {
		case <-ctx.Done():
			return errors.Join(ErrInUse, lock.Close())
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.lock = lock
	s.badger.path, s.badger.log = filepath.Join(c.Folder, "records"), s.log
	s.guard = guard{path: c.Folder, ballast: filepath.Join(c.Folder, "ballast"), min: c.MinFree, free: freeBytes}
	s.guard.need(s.badger.sizes(c.Small))
	return nil
}

// openRecords opens what is in the folder.
func (s *Store) openRecords(c Config) error {
	master, err := loadKey(filepath.Join(c.Folder, "key"), filepath.Join(s.badger.path, "MANIFEST"))
	if err != nil {
		return err
	}
	s.keys = newKeys(master)
	need := uint64(4 << 20) // what Badger writes when it opens: new logs, and a table of each old one
	logs, err := filepath.Glob(filepath.Join(s.badger.path, "*.mem"))
	if err != nil {
		return fmt.Errorf("reading the store: %w", err)
	}
	if err := s.guard.spare(need + uint64(len(logs))*uint64(s.badger.table)); err != nil {
		return err
	}
	if err := s.badger.prepare(); err != nil {
		return err
	}
	mended, err := s.badger.mend()
	if err != nil {
		return err
	}
	if err := s.badger.open(); err != nil {
		return err
	}
	for _, name := range mended {
		s.damage(name, "")
	}
	if s.badger.ignored.Load() {
		s.damage("table", "")
	}
	s.measure()
	if err := s.readScalars(); err != nil {
		return err
	}
	vanished, err := s.openMark(filepath.Join(c.Folder, "mark"))
	if err != nil {
		return err
	}
	if err := s.count(); err != nil {
		return err
	}
	if vanished > 0 {
		s.log.Error("commits have vanished: boxes are as they were before", "commits", vanished)
		s.damage("commits", fmt.Sprint(vanished))
	}
	if vanished > 0 || len(s.hurt) > 0 {
		return s.repair(vanished > 0)
	}
	return nil
}

// loadKey reads the key of the folder, and makes one in a folder that has no records.
func loadKey(path, records string) (key [32]byte, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, e := os.Stat(records); e == nil {
			return key, fmt.Errorf("%w: the key of the records is gone", ErrDamaged)
		}
		b = make([]byte, 32)
		rand.Read(b)
		b = append(append(b, b...), b...) // a flipped byte is outvoted
		f, e := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if e != nil {
			return key, fmt.Errorf("keeping the key: %w", e)
		}
		_, e = f.Write(b)
		if e = errors.Join(e, f.Sync(), f.Close()); e == nil {
			e = os.Rename(path+".new", path)
		}
		if e = errors.Join(e, syncFolder(filepath.Dir(path))); e != nil {
			return key, fmt.Errorf("keeping the key: %w", e)
		}
		err = nil
	}
	if err != nil {
		return key, fmt.Errorf("reading the key: %w", err)
	}
	if len(b) != 96 {
		return key, fmt.Errorf("%w: key", ErrDamaged)
	}
	for i := range key {
		x, y, z := b[i], b[32+i], b[64+i]
		key[i] = x&y | y&z | x&z
	}
	return key, nil
}

var (
	ageKey   = at(scalars, []byte("age"))
	knownKey = at(scalars, []byte("known"))
)

// readScalars reads the age, and what is known of commits that vanished.
func (s *Store) readScalars() error {
	t := s.badger.db.NewTransaction(false)
	defer t.Discard()
	read := func(key []byte, size int, f func(b []byte)) error {
		_, err := get(t, key, func(value []byte) error {
			b, err := s.keys.unguarded(key, value, size)
			if err != nil {
				s.damage("scalar", string(key))
				return nil //nolint:nilerr // it was counted
			}
			f(b)
			return nil
		})
		return err
	}
	return errors.Join(
		read(ageKey, 8, func(b []byte) { s.age.Store(binary.BigEndian.Uint64(b)) }),
		read(knownKey, 16, func(b []byte) { s.base = binary.BigEndian.Uint64(b); copy(s.epoch[:], b[8:]) }))
}

// count counts what lies in all boxes.
func (s *Store) count() error {
	t := s.badger.db.NewTransaction(false)
	defer t.Discard()
	bad := false
	err := scan(t, []byte{states}, []byte{states}, func(key []byte, value func(func([]byte) error) error) error {
		if len(key) != 1+placeSize {
			return nil
		}
		return value(func(b []byte) error {
			st, err := s.keys.openState(place(key[1:]), b)
			if err != nil {
				bad = true
				s.damage("box", string(key[1:]))
				return nil //nolint:nilerr // it was counted
			}
			s.total.add(totals{1, int64(st.Posts), int64(st.Bytes), 0, int64(st.Lost)})
			return nil
		})
	})
	if err == nil {
		err = scan(t, []byte{periods}, []byte{periods}, func([]byte, func(func([]byte) error) error) error {
			s.total.descriptors++
			return nil
		})
	}
	if errors.Is(err, ErrDamaged) || bad {
		s.damage("records", "")
		return nil
	}
	return err
}

// damage notes that something does not open; what says what it is and where where it lies, which stays in RAM.
func (s *Store) damage(what, where string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hurt[what] == nil {
		s.hurt[what] = make(map[string]bool)
	}
	if len(s.hurt[what]) < 1<<16 && !s.hurt[what][where] {
		s.hurt[what][where] = true
		s.log.Warn("something in the store is damaged", "what", what)
	}
}

// Damage is how many things of a sort did not open since Open.
type Damage struct {
	What  string // "post", "box", "table", "commits", …: never a name
	Count int
}

// Damaged returns what did not open since Open, by what it is. Only what was read is known.
func (s *Store) Damaged() []Damage {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Damage
	for what, where := range s.hurt {
		all = append(all, Damage{what, len(where)})
	}
	slices.SortFunc(all, func(a, b Damage) int {
		if a.What < b.What {
			return -1
		}
		return 1
	})
	return all
}

// enter begins a call, and leave ends it.
func (s *Store) enter() error {
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed {
		return mailbox.ErrClosed
	}
	s.users.Add(1)
	return nil
}

func (s *Store) leave() { s.users.Done() }

// Age returns the highest Age that Expire was told.
func (s *Store) Age() mailbox.Age { return mailbox.Age(s.age.Load()) }

// Stats tells how full the store is. The size on disk is at most ten seconds old.
func (s *Store) Stats() mailbox.StoreStats {
	if s.enter() != nil {
		return mailbox.StoreStats{}
	}
	defer s.leave()
	free, full := s.guard.state()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.weighed) > 10*time.Second {
		s.weight, s.weighed = s.badger.size(), now
	}
	return mailbox.StoreStats{
		Boxes: uint64(s.total.boxes), Posts: uint64(s.total.posts), Bytes: uint64(s.total.bytes),
		Descriptors: uint64(max(s.total.descriptors, 0)), Disk: s.weight, Free: s.guard.left(free), Full: full,
		Lost: uint64(s.total.lost), Syncs: s.syncs.Load(), Scrubbed: s.scrubbed.Load(),
	}
}

// Close waits for calls that run, and ends the store. Calls to come fail with mailbox.ErrClosed.
func (s *Store) Close() error {
	s.gate.Lock()
	was := s.closed
	s.closed = true
	s.gate.Unlock()
	if was {
		return nil
	}
	s.users.Wait()
	close(s.queue)
	s.done.Wait()
	s.background.Wait()
	return s.release()
}

// release closes Badger, which writes its memory tables, and the files. Without room for them Badger is left as it is:
// nothing is lost, but the process should end.
func (s *Store) release() error {
	var err error
	if s.badger.db != nil {
		if err = s.guard.spare(uint64(2 * s.badger.table)); !errors.Is(err, mailbox.ErrDiskFull) {
			err = errors.Join(err, s.badger.db.Close())
			if err == nil && s.broken == nil && s.mark != nil {
				err = s.writeMark(true)
			}
		}
	}
	if s.mark != nil {
		err = errors.Join(err, s.mark.Close())
	}
	return errors.Join(err, s.lock.Close())
}
