package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
)

// MaxReplays is how many sessions may be opened with one last-resort key before it must be replaced.
const MaxReplays = 1 << 16

// Replay names one use of a last-resort key: a hash of key, signed prekey and base key.
type Replay [sha256.Size]byte

// Replay returns the name of the use of prekeys that the message makes.
func (m *PreKeyMessage) Replay() Replay {
	var ids [8]byte
	binary.BigEndian.PutUint32(ids[:], m.KEMPreKeyID)
	binary.BigEndian.PutUint32(ids[4:], m.SignedPreKeyID)
	return sha256.Sum256(m.BaseKey.AppendTo(ids[:]))
}

// Replays remembers the uses of one last-resort KEM key. That key is not deleted after use, so a recorded first
// message could open its session again once the session is forgotten; a remembered use is refused. It lives as long as
// the key. The zero value is empty. It is not for use by several goroutines at once.
type Replays struct{ seen map[Replay]struct{} }

// Has tells whether a use is remembered.
func (r *Replays) Has(use Replay) bool {
	_, ok := r.seen[use]
	return ok
}

// Len returns how many uses are remembered.
func (r *Replays) Len() int { return len(r.seen) }

// Add remembers a use. It returns ErrReplaysFull if MaxReplays are remembered: the key must be replaced.
func (r *Replays) Add(use Replay) error {
	if r.Has(use) {
		return nil
	}
	if len(r.seen) >= MaxReplays {
		return ErrReplaysFull
	}
	if r.seen == nil {
		r.seen = make(map[Replay]struct{})
	}
	r.seen[use] = struct{}{}
	return nil
}

// replaysVersion begins the stored form: version (1) ‖ uses (32 each), rising.
const replaysVersion = 1

// AppendTo appends the stored form.
func (r *Replays) AppendTo(b []byte) []byte {
	b = append(b, replaysVersion)
	for _, use := range slices.SortedFunc(maps.Keys(r.seen), compare) {
		b = append(b, use[:]...)
	}
	return b
}

// ParseReplays reads what AppendTo wrote: at most MaxReplays uses.
func ParseReplays(b []byte) (*Replays, error) {
	const size = sha256.Size
	if len(b) == 0 || b[0] != replaysVersion || (len(b)-1)%size != 0 || len(b) > 1+MaxReplays*size {
		return nil, ErrState
	}
	b = b[1:]
	r := &Replays{seen: make(map[Replay]struct{}, len(b)/size)}
	for last := (Replay{}); len(b) > 0; b = b[size:] {
		use := Replay(b[:size])
		if len(r.seen) > 0 && compare(last, use) >= 0 {
			return nil, ErrState
		}
		r.seen[use], last = struct{}{}, use
	}
	return r, nil
}

func compare(a, b Replay) int { return bytes.Compare(a[:], b[:]) }
