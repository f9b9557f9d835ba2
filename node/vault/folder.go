package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// lockWait is how long Open waits for a process that dies.
const lockWait = 5 * time.Second

// fileMax is the most that is read of a small file.
const fileMax = 2 * slotStep

// folder is a store in a folder: small files, and Badger in the folder "records" in it.
type folder struct {
	path  string
	log   *slog.Logger
	lock  *os.File
	guard guard
	badger

	mutex sync.Mutex
	files map[string]*os.File
}

// lockFolder makes the folder and locks it.
func lockFolder(c Config, log *slog.Logger) (*folder, error) {
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("making vault: %w", err)
	}
	if err := os.Chmod(c.Folder, 0o700); err != nil { //nolint:gosec // a folder
		return nil, fmt.Errorf("making vault: %w", err)
	}
	path := filepath.Join(c.Folder, "lock")
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking vault: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	for tryLock(lock) != nil {
		select {
		case <-ctx.Done():
			return nil, errors.Join(ErrInUse, lock.Close())
		case <-time.After(20 * time.Millisecond):
		}
	}
	f := &folder{path: c.Folder, log: log, lock: lock, files: make(map[string]*os.File)}
	f.badger = badger{path: filepath.Join(c.Folder, "records"), log: log, mobile: c.Mobile}
	f.guard = guard{path: c.Folder, ballast: filepath.Join(c.Folder, "ballast"), min: c.MinFree, free: freeBytes}
	f.guard.need(f.sizes())
	return f, nil
}

func (f *folder) fresh() (bool, error) {
	_, err := os.Stat(filepath.Join(f.badger.path, "MANIFEST"))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// file returns an open file; it makes one only if create is set, and syncs the folder then.
func (f *folder) file(name string, create bool) (*os.File, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if file := f.files[name]; file != nil {
		return file, nil
	}
	path := filepath.Join(f.path, name)
	file, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) && create {
		if file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err == nil {
			err = syncFolder(f.path)
		}
	}
	if err != nil {
		return nil, err
	}
	f.files[name] = file
	return file, nil
}

func (f *folder) read(name string) ([]byte, error) {
	file, err := f.file(name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(info.Size(), fileMax))
	n, err := file.ReadAt(b, 0)
	if n == len(b) {
		err = nil
	}
	return b[:n], err
}

func (f *folder) write(name string, at int64, b []byte, sync bool) error {
	file, err := f.file(name, true)
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(b, at); err != nil {
		return err
	}
	if sync {
		return file.Sync()
	}
	return nil
}

// open opens Badger, if there is room for what it then writes: new logs, and a table of each old one.
func (f *folder) open(key []byte) error {
	need := uint64(4 << 20)
	logs, err := filepath.Glob(filepath.Join(f.badger.path, "*.mem"))
	if err != nil {
		return fmt.Errorf("reading vault: %w", err)
	}
	need += uint64(len(logs)) * uint64(f.table)
	if err := f.guard.spare(need); err != nil {
		return err
	}
	if err := f.dropEmpty(); err != nil {
		return err
	}
	return f.badger.open(key)
}

func (f *folder) commit(ops []op, urgent bool) error {
	n := 0
	for _, o := range ops {
		n += len(o.key) + len(o.value) + 64
	}
	if err := f.guard.room(uint64(2*n), urgent); err != nil {
		return err
	}
	err := f.badger.commit(ops)
	if f.deep() {
		f.background(func() { f.compact(f.depth) })
	}
	return err
}

// compact compacts if there are so many tables in the first level, and room. What it reads, it checks before: Badger would
// drop what it cannot read.
func (f *folder) compact(depth int) {
	first, all := f.levels()
	if first.NumTables < depth {
		return
	}
	if !f.guard.has(uint64(first.Size) + min(all, 64<<20)) {
		return
	}
	if err := f.check(); err != nil {
		f.log.Error("the vault is damaged, and not compacted", "error", err)
		return
	}
	if err := f.flatten(); err != nil {
		f.log.Warn("compacting the vault failed", "error", err)
	}
}

func (f *folder) tidy(ctx context.Context) error {
	if !f.begin() {
		return nil
	}
	defer f.end()
	if f.deletions.Load() >= flushAfter && f.guard.has(uint64(2*f.table)) {
		if err := f.flush(); err != nil {
			return err
		}
	}
	f.compact(1)
	for ctx.Err() == nil && f.guard.has(2*uint64(f.vlog)) {
		if more, err := f.collect(); err != nil || !more {
			return err
		}
	}
	return ctx.Err()
}

func (f *folder) stats() Stats {
	s := f.badger.stats()
	s.Free, s.Full = f.guard.state()
	return s
}

// settle closes Badger, which writes its memory tables. Without room for them it is left as it is: nothing is lost, but
// the process should end.
func (f *folder) settle() error {
	if f.db == nil {
		return nil
	}
	if err := f.guard.spare(uint64(2 * f.table)); errors.Is(err, ErrFull) {
		f.work.Wait()
		f.db = nil
		return err
	}
	return f.badger.close()
}

func (f *folder) close() error {
	err := f.settle()
	for _, file := range f.files {
		err = errors.Join(err, file.Close())
	}
	return errors.Join(err, f.lock.Close())
}
