package disk

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// The high-water mark stands outside of the records: what is lost with records is still counted here. Badger drops what
// follows a flipped byte in its log without a word.
//
//	mark   two of: commit (8) ‖ closed in order (1) ‖ the beginning of SHA-256 of that (7); the higher one counts
//
// It is synced now and then only: what it protects against is not a crash, after which nothing is missing anyway.
const (
	markSize = 8 + 1 + 7
	markStep = 512
	markSync = 256     // commits after which the mark is synced
	ringSize = 1 << 16 // commits back to which a hole is seen: more than Badger's unflushed tables hold
)

func ringKey(n uint64) []byte {
	return at(ring, binary.BigEndian.AppendUint16(nil, uint16(n%ringSize)))
}

// writeMark writes the mark of the last commit.
func (s *Store) writeMark(closed bool) error {
	b := appendMark(make([]byte, 0, markSize), s.commits, closed)
	if _, err := s.mark.WriteAt(b, int64(s.commits%2)*markStep); err != nil {
		return err
	}
	if closed || s.commits-s.synced >= markSync {
		s.synced = s.commits
		return s.mark.Sync()
	}
	return nil
}

func appendMark(b []byte, commit uint64, closed bool) []byte {
	begin := len(b)
	b = binary.BigEndian.AppendUint64(b, commit)
	if closed {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	sum := sha256.Sum256(b[begin:])
	return append(b, sum[:7]...)
}

// parseMark returns the mark that counts; ok is false if there is none.
func parseMark(b []byte) (commit uint64, closed, ok bool) {
	for i := range 2 {
		if len(b) < i*markStep+markSize {
			break
		}
		m := b[i*markStep:][:markSize]
		sum := sha256.Sum256(m[:9])
		if n := binary.BigEndian.Uint64(m); string(sum[:7]) == string(m[9:]) && m[8] <= 1 && (!ok || n >= commit) {
			commit, closed, ok = n, m[8] == 1, true
		}
	}
	return commit, closed, ok
}

// openMark opens the file of the mark, and finds the number of the last commit and how many vanished.
func (s *Store) openMark(path string) (vanished uint64, err error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("reading the mark: %w", err)
	}
	fresh := errors.Is(err, fs.ErrNotExist)
	if s.mark, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return 0, fmt.Errorf("opening the mark: %w", err)
	}
	mark, _, ok := parseMark(b)
	seen, top := make(map[uint64]bool), uint64(0)
	t := s.badger.db.NewTransaction(false)
	defer t.Discard()
	err = scan(t, []byte{ring}, []byte{ring}, func(key []byte, value func(func([]byte) error) error) error {
		return value(func(b []byte) error {
			if len(key) == 3 && len(b) == 8 {
				if n := binary.BigEndian.Uint64(b); string(ringKey(n)) == string(key) {
					seen[n], top = true, max(top, n)
				}
			}
			return nil
		})
	})
	if errors.Is(err, ErrDamaged) {
		s.damage("commit ring", "")
	} else if err != nil {
		return 0, fmt.Errorf("reading the commit ring: %w", err)
	}
	if !ok && (top > 0 || !fresh) {
		s.damage("high-water mark", "")
	}
	for n := max(top, ringSize-1) - (ringSize - 1) + 1; err == nil && n <= top; n++ {
		if !seen[n] && n > s.base {
			vanished++
		}
	}
	if mark > max(top, s.base) {
		vanished += mark - max(top, s.base)
	}
	s.commits = max(top, mark, s.base)
	if vanished > 0 {
		s.commits += markSync // the mark may be behind what was committed
	}
	return vanished, nil
}
