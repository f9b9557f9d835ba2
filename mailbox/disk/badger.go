package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	db "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// ErrDamaged says that the folder cannot be opened, or that something in it cannot be read.
var ErrDamaged = errors.New("disk: damaged")

// badger is the records of a folder. It starts no compactor of Badger's own: one that met a damaged block would take the
// process with it. The store compacts by itself, after a check, and when there is room.
type badger struct {
	path     string
	log      *slog.Logger
	table    int64 // size of a memory table
	vlog     int64 // size of a file of the value log
	depth    int   // tables in the first level from which on it is compacted
	db       *db.DB
	unsynced atomic.Bool // Badger logged that a sync failed, and told nobody else
	ignored  atomic.Bool // Badger left a table out while it opened, and told nobody else
	deleted  atomic.Int64
}

// large is from which size on a value lies in the value log.
const large = 512

// sizes sets the sizes of files, and returns how much room Badger may need for what it took already: two memory tables in
// their logs and again as tables, a file of the value log and what a group may add to it, and the rest for a manifest.
func (b *badger) sizes(small bool) (floor, ballast uint64) {
	b.table, b.vlog, b.depth = 8<<20, 64<<20, 16
	if small {
		b.table, b.vlog, b.depth = 6<<20, 8<<20, 8
	}
	return uint64(4*b.table + b.vlog + 2*maxGroup + 1<<20), uint64(b.table)
}

// options are those measured in RELIABILITY.md, A4, for relays. Badger encrypts nothing: then a flipped byte in its key
// registry or manifest takes nothing with it that our own sealing does not see.
func (b *badger) options() db.Options {
	o := db.DefaultOptions(b.path)
	o.MemTableSize, o.NumMemtables = b.table, 2
	o.ValueLogFileSize, o.ValueThreshold = b.vlog, large
	o.BlockCacheSize, o.IndexCacheSize = 32<<20, 0
	o.NumCompactors, o.NumLevelZeroTablesStall = 0, 1<<20 // it must not wait for compactors that are not there
	o.NumLevelZeroTables = 1                              // below, Flatten would leave tables of the first level as they are
	o.SyncWrites = true
	o.Compression = options.None // it is ciphertext
	o.DetectConflicts = false    // one committer
	o.MetricsEnabled = false
	o.BypassLockGuard = true // the folder has a lock
	o.Logger = (*badgerLog)(b)
	return o
}

// prepare removes what would keep Badger from opening and holds nothing: logs without bytes, which a process leaves that
// dies between making one and giving it its size, and a key registry, for there are no keys in it.
func (b *badger) prepare() error {
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
	for _, name := range []string{db.KeyRegistryFileName, db.KeyRegistryRewriteFileName} {
		if err := os.Remove(filepath.Join(b.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the key registry: %w", err)
		}
	}
	return nil
}

func (b *badger) open() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: records: %v", ErrDamaged, r)
		}
	}()
	opened, err := db.Open(b.options())
	if err == nil {
		b.db = opened // with an error it is half a database, which must not be closed
	}
	switch {
	case errors.As(err, new(syscall.Errno)):
		return fmt.Errorf("opening records: %w", err)
	case err != nil:
		return fmt.Errorf("%w: records: %w", ErrDamaged, err)
	}
	return nil
}

// recoverDamage turns a panic of Badger's, such as about a block that makes no sense, into an error.
func recoverDamage(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: records: %v", ErrDamaged, r)
	}
}

// get calls f with a record, if it is there. The value is f's only while it runs.
func get(t *db.Txn, key []byte, f func(value []byte) error) (found bool, err error) {
	defer recoverDamage(&err)
	item, err := t.Get(key)
	if errors.Is(err, db.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return true, item.Value(f)
}

// scan calls f for each record from ≤ key that begins with prefix, in ascending order. value gives its value. What Badger
// cannot read at all ends the scan with ErrDamaged.
func scan(t *db.Txn, prefix, from []byte, f func(key []byte, value func(func([]byte) error) error) error) (err error) {
	defer recoverDamage(&err)
	o := db.DefaultIteratorOptions
	o.PrefetchValues, o.Prefix = false, prefix
	it := t.NewIterator(o)
	defer it.Close()
	for it.Seek(from); it.ValidForPrefix(prefix); it.Next() {
		item := it.Item()
		if bytes.Compare(item.Key(), from) < 0 {
			continue
		}
		if err := f(item.Key(), item.Value); err != nil {
			return err
		}
	}
	return nil
}

// commit makes all of it durable, or nothing.
func (b *badger) commit(ops map[string][]byte) error {
	t := b.db.NewTransaction(true)
	defer t.Discard()
	deleted := int64(0)
	for key, value := range ops {
		var err error
		if value == nil {
			deleted++
			err = t.Delete([]byte(key))
		} else {
			err = t.Set([]byte(key), value)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
	}
	b.unsynced.Store(false)
	if err := t.Commit(); err != nil {
		return err
	}
	if b.unsynced.Load() {
		return errors.New("syncing the value log failed")
	}
	b.deleted.Add(deleted)
	return nil
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

// check reads all tables and compares their checksums.
func (b *badger) check() (err error) {
	defer recoverDamage(&err)
	if err := b.db.VerifyChecksum(); err != nil {
		return fmt.Errorf("%w: tables: %w", ErrDamaged, err)
	}
	return nil
}

// flush makes Badger write its memory table out, so that compacting sees the deletions in it: one table of them may keep
// a hundred times its size of dead records. There is no call for that, so it fills the table up.
func (b *badger) flush() error {
	b.deleted.Store(0)
	first, _ := b.levels()
	fill := make([]byte, large-1)
	const n = 256
	for size := int64(0); size <= b.table; size += n * large {
		err := b.db.Update(func(t *db.Txn) error {
			for i := range n {
				if err := t.Set([]byte{filler, byte(i)}, fill); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("flushing: %w", err)
		}
	}
	for range 500 {
		if now, _ := b.levels(); now.NumTables > first.NumTables {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

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

// size returns how many bytes of the disk the files take. Logs look twice as large as they get.
func (b *badger) size() (n uint64) {
	entries, err := os.ReadDir(b.path)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // it went meanwhile
		}
		size := info.Size()
		switch filepath.Ext(e.Name()) {
		case ".mem":
			size = min(size, b.table)
		case ".vlog":
			size = min(size, b.vlog)
		}
		n += uint64(size)
	}
	return n
}

// badgerLog takes what Badger logs. Its texts hold paths, and with damage keys, so they go to Debug alone.
type badgerLog badger

// Errorf notes what Badger tells nobody else: a failed sync of the value log, and a table that it left out.
func (l *badgerLog) Errorf(format string, args ...any) {
	if strings.Contains(format, "sync") {
		l.unsynced.Store(true)
	}
	if strings.HasPrefix(format, "Ignoring table") {
		l.ignored.Store(true)
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
