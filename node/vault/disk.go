package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Disk is a disk in memory, for simulations: what a vault wrote stays when the vault is closed, or was abandoned as by a
// crash, and can be opened again. Whoever opens it ends the vault that had it before. It starts no goroutine and costs
// microseconds per commit. The zero Disk is empty and ready; it is safe for several goroutines at once.
type Disk struct {
	// Before is called before write n (1, 2, …) is done, a commit or a part of a file. If it returns an error, nothing is
	// written, and the write fails: a commit as if it had been refused, so that the vault is as before.
	Before func(n int) error
	// After is called after write n was done. If it returns an error, the write fails although it was done, as when a
	// process dies before it knows: the vault writes no more.
	After func(n int) error

	mutex   sync.Mutex
	records []diskRecord // by key
	files   map[string][]byte
	writes  int
	full    bool
	owner   *diskStore
}

// diskRecord is a record. Its value is never changed, only replaced.
type diskRecord struct {
	key   string
	value []byte
}

// find returns where key is, or would be.
func (d *Disk) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(d.records, key, func(r diskRecord, key []byte) int {
		return strings.Compare(r.key, string(key))
	})
}

// Writes returns how many writes were done or tried.
func (d *Disk) Writes() int {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.writes
}

// SetFull says whether the disk is nearly full: then only urgent commits are taken.
func (d *Disk) SetFull(full bool) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.full = full
}

// Clone returns a copy of what is on the disk now, without its hooks: what a power loss at this moment leaves.
func (d *Disk) Clone() *Disk {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	c := &Disk{records: slices.Clone(d.records), files: make(map[string][]byte), full: d.full}
	for name, b := range d.files {
		c.files[name] = slices.Clone(b)
	}
	return c
}

// attach opens the disk.
func (d *Disk) attach() *diskStore {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.files == nil {
		d.files = make(map[string][]byte)
	}
	d.owner = &diskStore{disk: d}
	return d.owner
}

// diskStore is the store of one who opened a Disk.
type diskStore struct{ disk *Disk }

// lock locks the disk, and returns ErrClosed if another has opened it.
func (s *diskStore) lock() (*Disk, error) {
	s.disk.mutex.Lock()
	if s.disk.owner != s {
		s.disk.mutex.Unlock()
		return nil, ErrClosed
	}
	return s.disk, nil
}

func (s *diskStore) fresh() (bool, error) {
	d, err := s.lock()
	if err != nil {
		return false, err
	}
	defer d.mutex.Unlock()
	return len(d.records) == 0, nil
}

func (s *diskStore) read(name string) ([]byte, error) {
	d, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer d.mutex.Unlock()
	return slices.Clone(d.files[name]), nil
}

// do runs write between the hooks.
func (s *diskStore) do(write func(d *Disk)) error {
	d, err := s.lock()
	if err != nil {
		return err
	}
	d.writes++
	n, before, after := d.writes, d.Before, d.After
	d.mutex.Unlock() // a hook may look at the disk
	if before != nil {
		if err := before(n); err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
	}
	if d, err = s.lock(); err != nil {
		return err
	}
	write(d)
	d.mutex.Unlock()
	if after != nil {
		return after(n)
	}
	return nil
}

func (s *diskStore) write(name string, at int64, b []byte, _ bool) error {
	return s.do(func(d *Disk) {
		file := d.files[name]
		if n := int(at) + len(b) - len(file); n > 0 {
			file = append(file, make([]byte, n)...)
		}
		copy(file[at:], b)
		d.files[name] = file
	})
}

// keep keeps nothing: who has a Disk can Clone it.
func (s *diskStore) keep(uint16) (string, uint16, error) { return "", 0, nil }

func (s *diskStore) kept(_, _ uint16) string { return "" }

func (s *diskStore) open([]byte) error { return nil }

func (s *diskStore) get(key []byte) ([]byte, error) {
	d, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer d.mutex.Unlock()
	i, found := d.find(key)
	if !found {
		return nil, nil
	}
	return d.records[i].value, nil
}

func (s *diskStore) snapshot() (reader, error) {
	d, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer d.mutex.Unlock()
	then := &Disk{records: slices.Clone(d.records)}
	return diskSnapshot{then.attach()}, nil
}

type diskSnapshot struct{ *diskStore }

func (diskSnapshot) close() {}

func (s *diskStore) scan(from, to []byte, down bool, f func(key, value []byte) error) error {
	d, err := s.lock()
	if err != nil {
		return err
	}
	i, _ := d.find(from)
	j, _ := d.find(to)
	records := slices.Clone(d.records[i:max(i, j)])
	d.mutex.Unlock()
	for k := range records {
		r := records[k]
		if down {
			r = records[len(records)-1-k]
		}
		if err := f([]byte(r.key), r.value); err != nil {
			return err
		}
	}
	return nil
}

func (s *diskStore) commit(ops []op, urgent bool) error {
	d, err := s.lock()
	if err != nil {
		return err
	}
	full := d.full && !urgent
	d.mutex.Unlock()
	if full {
		return ErrFull
	}
	return s.do(func(d *Disk) {
		for _, o := range ops {
			i, found := d.find(o.key)
			switch {
			case o.value == nil && found:
				d.records = slices.Delete(d.records, i, i+1)
			case o.value != nil && found:
				d.records[i].value = slices.Clone(o.value)
			case o.value != nil:
				d.records = slices.Insert(d.records, i, diskRecord{string(o.key), slices.Clone(o.value)})
			}
		}
	})
}

func (s *diskStore) check() error { return nil }

func (s *diskStore) tidy(context.Context) error { return nil }

func (s *diskStore) stats() Stats {
	d, err := s.lock()
	if err != nil {
		return Stats{}
	}
	defer d.mutex.Unlock()
	st := Stats{Records: uint64(len(d.records)), Full: d.full}
	for _, r := range d.records {
		st.Bytes += uint64(len(r.key) + len(r.value))
	}
	return st
}

func (s *diskStore) settle() error { return nil }

func (s *diskStore) close() error {
	d, err := s.lock()
	if errors.Is(err, ErrClosed) {
		return nil // another has it
	}
	d.owner = nil
	d.mutex.Unlock()
	return err
}
