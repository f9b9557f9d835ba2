package vault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Get returns the value of a record, which belongs to the caller. The error is ErrNotFound, ErrDamaged, ErrClosed or the
// disk's.
func (v *Vault) Get(d Drawer, key []byte) ([]byte, error) {
	if !d.open() || len(key) == 0 {
		return nil, ErrNotFound
	}
	return v.get(d.at(key))
}

func (v *Vault) get(key []byte) ([]byte, error) {
	if err := v.enter(); err != nil {
		return nil, err
	}
	defer v.leave()
	v.keyMutex.RLock() // from reading to opening: Renew takes the key away only between
	defer v.keyMutex.RUnlock()
	sealed, err := v.store.get(key)
	if err != nil {
		if errors.Is(err, ErrDamaged) {
			return nil, v.damaged(key)
		}
		return nil, fmt.Errorf("reading %s: %w", Drawer(key[0]), err)
	}
	if sealed == nil {
		return nil, ErrNotFound
	}
	value, _, err := v.keys.open(nil, key, sealed)
	if err != nil {
		return nil, v.damaged(key)
	}
	return value, nil
}

// Each calls f for every record of a drawer whose key begins with prefix, in ascending order of keys, as they were when it
// began. f may read and commit; key and value are its own only while it runs. If f returns an error, Each ends and returns
// it. Records that are damaged are left out, and counted in Damaged.
func (v *Vault) Each(d Drawer, prefix []byte, f func(key, value []byte) error) error {
	if !d.open() {
		return fmt.Errorf("vault: %s is not for callers", d)
	}
	from := d.at(prefix)
	return v.scan(from, after(from), false, func(key, value []byte) error { return f(key[1:], value) })
}

// scan calls f with opened records.
func (v *Vault) scan(from, to []byte, down bool, f func(key, value []byte) error) error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	var buffer []byte
	return v.store.scan(from, to, down, func(key, sealed []byte) error {
		v.keyMutex.RLock()
		value, _, err := v.keys.open(buffer[:0], key, sealed)
		v.keyMutex.RUnlock()
		if err != nil && Drawer(key[0]).erased() {
			value, err = v.get(key) // it may have been sealed anew meanwhile
			if errors.Is(err, ErrNotFound) {
				return nil
			}
		}
		if err != nil {
			_ = v.damaged(key)
			return nil //nolint:nilerr // it was counted
		}
		buffer = value
		return f(key, value)
	})
}

// dateKey returns the key under which Sweep finds a record. The record itself says whether that time still counts.
func dateKey(until uint64, key []byte) []byte {
	return dates.at(binary.BigEndian.AppendUint64(nil, until), key)
}

// sweepSize is how many records one Sweep looks at.
const sweepSize = 1024

// Sweep deletes what was put with PutUntil and whose time has come, at most 1024 records, and tells whether there is more
// to sweep. Only an explicit call deletes, so the owner decides what time it is: a clock that is wrong must not make
// the vault forget, see WIRE.md, section 5. The errors are those of Commit.
func (v *Vault) Sweep(now time.Time) (more bool, err error) {
	b := v.NewBatch()
	b.Urgent = true
	n := 0
	to := dates.at(binary.BigEndian.AppendUint64(nil, stamp(now)+1))
	err = v.scan(dates.at(), to, false, func(date, _ []byte) error {
		if n++; n > sweepSize {
			return errEnough
		}
		b.set(append([]byte(nil), date...), write{})
		if len(date) < 1+8+2 {
			return nil
		}
		key := append([]byte(nil), date[9:]...)
		until, err := v.until(key)
		if err == nil && until != 0 && until <= stamp(now) {
			b.set(key, write{})
		}
		return nil
	})
	if more = errors.Is(err, errEnough); err != nil && !more {
		return false, err
	}
	return more, v.Commit(b)
}

// until returns the time of a record, 0 if it has none or is not there.
func (v *Vault) until(key []byte) (uint64, error) {
	sealed, err := v.store.get(key)
	if err != nil || sealed == nil {
		return 0, err
	}
	v.keyMutex.RLock()
	defer v.keyMutex.RUnlock()
	_, until, err := v.keys.open(nil, key, sealed)
	return until, err
}
