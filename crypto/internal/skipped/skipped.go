// Package skipped keeps the keys of messages that did not come yet.
//
// Messages overtake each other and get lost. When one comes, the keys of those before it in its chain are made and kept,
// the newest Max of them, until their messages come. All three ratchets of the Signal Protocol do this alike.
package skipped

import (
	"encoding/binary"
	"errors"
	"slices"
)

const (
	// Max is how many keys are kept per chain; the newest are.
	Max = 2_000
	// MaxJump is how far ahead of its chain a message may be. Without it, one message could make the receiver
	// compute for hours.
	MaxJump = 25_000
	// Size is the size of one stored key in bytes: index (4, big endian) ‖ key (32).
	Size = 4 + 32
)

var (
	// ErrGone says that the key of a message was taken or dropped.
	ErrGone = errors.New("skipped: key is gone")
	// ErrTooFar says that a message is too far ahead of its chain.
	ErrTooFar = errors.New("skipped: too far ahead")
)

// Steps returns how often Key would call step for a message: not at all for one that comes late. It returns ErrTooFar
// for one more than jump ahead.
func Steps(next, index, jump uint32) (int, error) {
	switch {
	case index < next:
		return 0, nil
	case index-next > jump:
		return 0, ErrTooFar
	default:
		return int(index-next) + 1, nil
	}
}

// Keys are the kept keys of one chain, by rising index. It is a value: no operation writes to what a Keys holds. The
// zero value holds none.
type Keys struct{ list []entry }

type entry struct {
	index uint32
	key   [32]byte
}

// Len returns how many keys are kept.
func (k Keys) Len() int { return len(k.list) }

// Take returns the key of index, and the keys without it; ok is false if it is not there.
func (k Keys) Take(index uint32) (key [32]byte, rest Keys, ok bool) {
	i, ok := slices.BinarySearchFunc(k.list, index, func(e entry, index uint32) int {
		return int(int64(e.index) - int64(index))
	})
	if !ok {
		return key, k, false
	}
	return k.list[i].key, Keys{slices.Concat(k.list[:i], k.list[i+1:])}, true
}

// Key returns the key of a message, once, and the keys after that. The next message of the chain is next; step
// moves the chain on by one message and returns its key, which need not be made if it is not wanted. A message more
// than jump ahead is refused.
func (k Keys) Key(next, index, jump uint32, step func(wanted bool) [32]byte) (key [32]byte, rest Keys, err error) {
	if index < next {
		key, rest, ok := k.Take(index)
		if !ok {
			return key, k, ErrGone
		}
		return key, rest, nil
	}
	if _, err := Steps(next, index, jump); err != nil {
		return key, k, err
	}
	rest = k.advance(next, index, step)
	return step(true), rest, nil
}

// advance returns the keys together with those of the indexes from ≤ i < to, at most Max, dropping the oldest. All kept
// indexes are below from.
func (k Keys) advance(from, to uint32, step func(wanted bool) [32]byte) Keys {
	if from == to {
		return k
	}
	fresh := min(int(to-from), Max)
	old := k.list[max(0, len(k.list)+fresh-Max):]
	list := append(make([]entry, 0, len(old)+fresh), old...)
	for i := from; i < to; i++ {
		wanted := to-i <= Max
		if key := step(wanted); wanted {
			list = append(list, entry{i, key})
		}
	}
	return Keys{list}
}

// Size returns the size of what AppendTo appends.
func (k Keys) Size() int { return len(k.list) * Size }

// AppendTo appends the stored form: each key after the other.
func (k Keys) AppendTo(b []byte) []byte {
	for i := range k.list {
		b = binary.BigEndian.AppendUint32(b, k.list[i].index)
		b = append(b, k.list[i].key[:]...)
	}
	return b
}

// Parse reads what AppendTo wrote. It refuses more than Max keys, and indexes that do not rise, start below from or
// reach to.
func Parse(b []byte, from, to uint32) (k Keys, ok bool) {
	if len(b)%Size != 0 || len(b) > Max*Size {
		return k, false
	}
	if len(b) == 0 {
		return k, true
	}
	k.list = make([]entry, 0, len(b)/Size)
	for ; len(b) > 0; b = b[Size:] {
		e := entry{binary.BigEndian.Uint32(b), [32]byte(b[4:Size])}
		if e.index < from || e.index >= to {
			return Keys{}, false
		}
		k.list = append(k.list, e)
		from = e.index + 1
	}
	return k, true
}
