package vault

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"

	db "github.com/dgraph-io/badger/v4"
)

// scan leaves out what Badger cannot read, and reports it: Badger panics over an entry that makes no sense. The others are
// found by seeking behind it.
func (b *badger) scan(from, to []byte, down bool, f func(key, value []byte) error) error {
	t := b.db.NewTransaction(false)
	defer t.Discard()
	return b.scanIn(t, from, to, down, f)
}

func (b *badger) scanIn(t *db.Txn, from, to []byte, down bool, f func(key, value []byte) error) error {
	s := &scanner{from: from, to: to, down: down, f: f, at: from}
	if down {
		s.at = to
	}
	for {
		err := s.run(t)
		if !errors.Is(err, errUnreadable) {
			return err
		}
		b.report(append([]byte{from[0]}, s.at...))
		next, ok := s.skip(t)
		if !ok {
			return nil
		}
		s.at = next
	}
}

// errUnreadable says that Badger could not read on.
var errUnreadable = fmt.Errorf("%w: records", ErrDamaged)

// scanner walks through records from ≤ key < to.
type scanner struct {
	from, to []byte
	down     bool
	f        func(key, value []byte) error
	at       []byte // the record that was read last, or where to begin
	read     bool   // at was read
	value    []byte
}

// begin returns an iterator, to be closed.
func (s *scanner) begin(t *db.Txn) *db.Iterator {
	o := db.DefaultIteratorOptions
	o.PrefetchValues, o.Reverse = false, s.down
	o.Prefix = s.from[:1]
	if s.from[0] != s.to[0] && !bytes.Equal(s.to, []byte{s.from[0] + 1}) {
		o.Prefix = nil
	}
	return t.NewIterator(o)
}

// run calls f until the end, an error of f's, or errUnreadable.
func (s *scanner) run(t *db.Txn) error {
	it := s.begin(t)
	defer it.Close()
	for step := func() { it.Seek(s.at) }; ; step = it.Next {
		var key []byte
		err := try(func() (err error) {
			if step(); !it.Valid() {
				return nil
			}
			key = it.Item().Key()
			s.value, err = it.Item().ValueCopy(s.value[:0])
			return err
		})
		if err != nil {
			if key != nil && s.within(key) {
				s.at, s.read = bytes.Clone(key), true
			}
			return err
		}
		if key == nil || s.down && bytes.Compare(key, s.from) < 0 || !s.down && bytes.Compare(key, s.to) >= 0 {
			return nil
		}
		if !s.within(key) || s.read && bytes.Equal(key, s.at) {
			continue
		}
		s.at, s.read = append(s.at[:0:0], key...), true
		if err := s.f(s.at, s.value); err != nil {
			return err
		}
	}
}

func (s *scanner) within(key []byte) bool {
	return bytes.Compare(key, s.from) >= 0 && bytes.Compare(key, s.to) < 0
}

// try returns errUnreadable if f panics or fails.
func try(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errUnreadable
		}
	}()
	if f() != nil {
		return errUnreadable
	}
	return nil
}

// skipSize is more than the longest key.
const skipSize = 1 + 8 + 1 + KeySize + 2

// skip returns the first key behind at from which Badger can read on, and false if there is none. It halves what lies
// between: some thousand seeks, for something that should not happen.
func (s *scanner) skip(t *db.Txn) ([]byte, bool) {
	number := func(key []byte) *big.Int {
		return new(big.Int).SetBytes(append(bytes.Clone(key), make([]byte, skipSize-len(key))...))
	}
	text := func(n *big.Int) []byte { return bytes.TrimRight(n.FillBytes(make([]byte, skipSize)), "\x00") }
	bad, good := number(s.at), number(s.to)
	if s.down {
		good = number(s.from)
	}
	end := new(big.Int).Set(good)
	for {
		mid := new(big.Int).Add(bad, good)
		if mid.Rsh(mid, 1); mid.Cmp(bad) == 0 || mid.Cmp(good) == 0 {
			break
		}
		if s.readable(t, text(mid)) {
			good = mid
		} else {
			bad = mid
		}
	}
	return text(good), good.Cmp(end) != 0
}

// readable tells whether Badger can read the record at or behind a key.
func (s *scanner) readable(t *db.Txn, key []byte) bool {
	it := s.begin(t)
	defer it.Close()
	return try(func() error {
		if it.Seek(key); it.Valid() {
			_, err := it.Item().ValueCopy(nil)
			return err
		}
		return nil
	}) == nil
}
