package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	db "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// badger is the records of a folder. It starts no compactor of Badger's own, which would wake up twenty times a second:
// the folder compacts after commits, when there is room.
type badger struct {
	path   string
	log    *slog.Logger
	mobile bool

	table int64 // size of a memory table
	vlog  int64 // size of a file of the value log
	depth int   // tables in the first level from which on it is compacted
	db    *db.DB

	report func(key []byte) // called for what scan leaves out

	unsynced  atomic.Bool // Badger logged that a sync failed, and told nobody else
	written   atomic.Uint64
	deletions atomic.Int64 // since flush
	looked    int64        // bytes since levels were looked at; under the vault's commit lock

	mutex sync.Mutex // guards busy
	busy  bool
	work  sync.WaitGroup
}

// sizes sets the sizes of files, and returns how much room Badger may need for what it took already: two memory tables in
// their logs and again as tables, a file of the value log and what one commit may add to it, and the rest for a manifest.
// The ballast is the other.
func (b *badger) sizes() (floor, ballast uint64) {
	b.table, b.vlog, b.depth = 16<<20, 32<<20, 8
	if b.mobile {
		b.table, b.vlog, b.depth = 4<<20, 8<<20, 8
	}
	return uint64(4*b.table + b.vlog + maxLarge + 1<<20), uint64(b.table)
}

// options are those measured in RELIABILITY.md, A4, for devices.
func (b *badger) options(key []byte) db.Options {
	cache := int64(16 << 20)
	if b.mobile {
		cache = 2 << 20
	}
	o := db.DefaultOptions(b.path)
	o.MemTableSize, o.NumMemtables = b.table, 2
	o.ValueLogFileSize, o.ValueThreshold = b.vlog, large
	o.BlockCacheSize, o.IndexCacheSize = cache, cache
	o.NumCompactors, o.NumLevelZeroTablesStall = 0, 1<<20 // it must not wait for compactors that are not there
	o.NumLevelZeroTables = 1                              // below, Flatten would leave tables of the first level as they are
	o.SyncWrites = true
	o.Compression = options.None // it is ciphertext
	o.DetectConflicts = false    // one commit at a time
	o.MetricsEnabled = false
	o.BypassLockGuard = true // the folder has a lock
	o.EncryptionKey = key    // it hides keys; it protects from no change, which our own sealing does
	o.Logger = (*badgerLog)(b)
	return o
}

// dropEmpty removes logs that have no bytes. A process that dies between making a log and giving it its size leaves one, and
// Badger, which takes it for a log that it had, does not open then.
func (b *badger) dropEmpty() error {
	for _, pattern := range []string{"*.mem", "*.vlog"} {
		logs, err := fs.Glob(os.DirFS(b.path), pattern)
		if err != nil {
			return fmt.Errorf("looking for empty logs: %w", err)
		}
		for _, name := range logs {
			path := filepath.Join(b.path, name)
			if info, err := os.Stat(path); err != nil || info.Size() > 0 {
				continue
			}
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("removing an empty log: %w", err)
			}
		}
	}
	return nil
}

func (b *badger) open(key []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: records: %v", ErrDamaged, r)
		}
	}()
	opened, err := db.Open(b.options(key))
	if err == nil {
		b.db = opened // with an error it is half a database, which must not be closed
	}
	switch {
	case errors.Is(err, db.ErrEncryptionKeyMismatch):
		return fmt.Errorf("%w: key registry", ErrDamaged)
	case errors.As(err, new(syscall.Errno)):
		return fmt.Errorf("opening records: %w", err)
	case err != nil:
		return fmt.Errorf("%w: records: %w", ErrDamaged, err)
	}
	return nil
}

func (b *badger) get(key []byte) ([]byte, error) {
	t := b.db.NewTransaction(false)
	defer t.Discard()
	return getIn(t, key)
}

func getIn(t *db.Txn, key []byte) (value []byte, err error) {
	defer recoverDamage(&err)
	item, err := t.Get(key)
	if errors.Is(err, db.ErrKeyNotFound) {
		return nil, nil
	}
	if err == nil {
		value, err = item.ValueCopy(nil)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if value == nil {
		value = []byte{} // it is there, and empty where Badger lost it
	}
	return value, nil
}

// snapshot returns the records of a transaction that reads. Its iterator, which is never moved, keeps Badger from deleting
// files of the value log meanwhile.
func (b *badger) snapshot() (at reader, err error) {
	defer recoverDamage(&err)
	t := b.db.NewTransaction(false)
	return &badgerSnapshot{b, t, t.NewIterator(db.IteratorOptions{})}, nil
}

type badgerSnapshot struct {
	b    *badger
	t    *db.Txn
	hold *db.Iterator
}

func (s *badgerSnapshot) get(key []byte) ([]byte, error) { return getIn(s.t, key) }

func (s *badgerSnapshot) scan(from, to []byte, down bool, f func(key, value []byte) error) error {
	return s.b.scanIn(s.t, from, to, down, f)
}

func (s *badgerSnapshot) close() {
	s.hold.Close()
	s.t.Discard()
}

// recoverDamage turns a panic of Badger's, such as about a block that makes no sense, into an error.
func recoverDamage(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: records: %v", ErrDamaged, r)
	}
}

func (b *badger) commit(ops []op) (err error) {
	t := b.db.NewTransaction(true)
	defer t.Discard()
	n, deleted := 0, int64(0)
	for _, o := range ops {
		if o.value == nil {
			deleted++
			err = t.Delete(o.key)
		} else {
			err = t.Set(o.key, o.value)
		}
		if errors.Is(err, db.ErrTxnTooBig) {
			return ErrBatch
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		n += len(o.key) + len(o.value)
	}
	b.unsynced.Store(false)
	if err := t.Commit(); err != nil {
		return err
	}
	if b.unsynced.Load() {
		return errors.New("syncing the value log failed")
	}
	b.written.Add(uint64(len(ops)))
	b.deletions.Add(deleted)
	b.looked += int64(n)
	return nil
}

// deep tells now and then whether the first level may have become deep.
func (b *badger) deep() bool {
	if b.looked < b.table {
		return false
	}
	b.looked = 0
	first, _ := b.levels()
	return first.NumTables >= b.depth
}

// levels returns the first level, and how many bytes all tables have.
func (b *badger) levels() (first db.LevelInfo, all uint64) {
	for _, l := range b.db.Levels() {
		if l.Level == 0 {
			first = l
		}
		all += uint64(l.Size)
	}
	return first, all
}

// background runs f beside commits, unless something runs already; close waits for it.
func (b *badger) background(f func()) {
	if !b.begin() {
		return
	}
	b.work.Go(func() {
		defer b.end()
		f()
	})
}

func (b *badger) begin() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	was := b.busy
	b.busy = true
	return !was
}

func (b *badger) end() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.busy = false
}

// check reads all tables and compares their checksums.
func (b *badger) check() (err error) {
	defer recoverDamage(&err)
	if err := b.db.VerifyChecksum(); err != nil {
		return fmt.Errorf("%w: tables: %w", ErrDamaged, err)
	}
	return nil
}

// flushAfter is how many deletions make it worth while to flush.
const flushAfter = 1000

// flush makes Badger write its memory table out, so that compacting sees the deletions in it: one table of them may keep
// a hundred times its size of dead records. There is no call for that, so it fills the table up.
func (b *badger) flush() error {
	b.deletions.Store(0)
	first, _ := b.levels()
	fill := make([]byte, large-1)
	const n = 256
	for size := int64(0); size <= b.table; size += n * large {
		err := b.db.Update(func(t *db.Txn) error {
			for i := range n {
				if err := t.Set(filler.at([]byte{byte(i)}), fill); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("flushing: %w", err)
		}
	}
	err := b.db.Update(func(t *db.Txn) error { // the table is full now: this begins the next
		for i := range n {
			if err := t.Delete(filler.at([]byte{byte(i)})); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("flushing: %w", err)
	}
	for range 500 {
		if now, _ := b.levels(); now.NumTables > first.NumTables {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

func (b *badger) flatten() error { return b.db.Flatten(1) }

// collect rewrites a file of the value log of which half is dead, and tells whether there was one.
func (b *badger) collect() (bool, error) {
	err := b.db.RunValueLogGC(0.5)
	if errors.Is(err, db.ErrNoRewrite) || errors.Is(err, db.ErrRejected) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("collecting: %w", err)
	}
	return true, nil
}

func (b *badger) stats() Stats {
	s := Stats{Records: b.written.Load()}
	for _, t := range b.db.Tables() {
		s.Records += uint64(t.KeyCount)
	}
	entries, err := os.ReadDir(b.path)
	if err != nil {
		return s
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // it went meanwhile
		}
		s.Bytes += b.weight(e.Name(), info.Size())
	}
	return s
}

// weight returns about how much of the disk a file takes: logs look twice as large as they get.
func (b *badger) weight(name string, size int64) uint64 {
	switch filepath.Ext(name) {
	case ".mem":
		size = min(size, b.table)
	case ".vlog":
		size = min(size, b.vlog)
	}
	return uint64(size)
}

// close waits for what runs, and writes the memory tables out.
func (b *badger) close() error {
	b.work.Wait()
	err := b.db.Close()
	b.db = nil
	return err
}

// badgerLog takes what Badger logs. Its texts hold paths, and with damage keys, so they go to Debug alone.
type badgerLog badger

// Errorf notes a failed sync of the value log, which Badger tells nobody else.
func (l *badgerLog) Errorf(format string, args ...any) {
	if strings.Contains(format, "sync") {
		l.unsynced.Store(true)
	}
	l.log.Debug("badger: " + strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// Warningf is Badger's.
func (l *badgerLog) Warningf(format string, args ...any) {
	l.log.Debug("badger: " + strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// Infof is dropped.
func (*badgerLog) Infof(string, ...any) {}

// Debugf is dropped.
func (*badgerLog) Debugf(string, ...any) {}
