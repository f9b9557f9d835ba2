package sframe

import (
	"math"
	"slices"
	"sync"
)

// Sender seals the frames of one stream. It makes its own key and counts its own frames, so that no key meets a counter
// twice, for that would give both frames away and let others forge. There is no way to make a Sender from a Key, to set
// its counter or to store it: after a restart, as at every change of those who listen, make another and hand out its
// Key.
//
// The zero value refuses to work. A copy shares key and counter with its original. Any number of goroutines may seal.
type Sender struct {
	state *sending
}

type sending struct {
	key Key

	mu      sync.Mutex
	derived *derived
	next    uint64 // the counter of the next frame
	spent   bool   // whether all counters are used
}

// NewSender makes a Sender with a fresh random key of its own. Frames name the key by kid: any number that no other key
// of the same stream has; one under 8 costs no bytes. The error is ErrSuite.
func NewSender(suite Suite, kid uint64) (*Sender, error) {
	if !suite.Known() {
		return nil, ErrSuite
	}
	return newSender(freshKey(suite, kid), 0)
}

// newSender makes a Sender that counts on from next under a given key: only for keys that never saw next or more.
func newSender(key Key, next uint64) (*Sender, error) {
	d, err := key.derive()
	if err != nil {
		return nil, err
	}
	return &Sender{&sending{key: key, derived: d, next: next}}, nil
}

// Key returns what a Receiver needs to open the frames. It is the zero Key if the Sender is the zero value.
func (s *Sender) Key() Key {
	if s.state == nil {
		return Key{}
	}
	return s.state.key
}

// Seal appends the sealed frame to dst, whose spare room must not overlap frame or metadata, and returns the result:
// longer than the frame by the header and the tag, MaxHeader+MaxTag bytes at most. The metadata, which may be nil, is
// not sent; whoever opens the frame must bring the same (RFC 9605, section 9.4).
//
// With room for all that in dst it allocates nothing, but for frames of more than 256 bytes under the suites with CTR,
// where it takes 512 bytes. The error is ErrKey for the zero Sender, ErrTooLong, or ErrExhausted after 2^64 frames; a
// frame refused uses no counter.
func (s *Sender) Seal(dst, frame, metadata []byte) ([]byte, error) {
	if s.state == nil {
		return nil, ErrKey
	}
	if len(frame) > MaxFrame || len(metadata) > MaxMetadata {
		return nil, ErrTooLong
	}
	return s.state.seal(dst, frame, metadata)
}

func (s *sending) seal(dst, frame, metadata []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spent {
		return nil, ErrExhausted
	}
	header := Header{KID: s.key.secret.kid, CTR: s.next}
	if s.next == math.MaxUint64 {
		s.spent = true
	} else {
		s.next++ // before it is used, so that nothing that happens below can use it again
	}

	d := s.derived
	start := len(dst)
	dst = slices.Grow(dst, MaxHeader+len(frame)+d.aead.Overhead())
	dst = header.AppendTo(dst)
	return d.aead.Seal(dst, d.setNonce(header.CTR), frame, d.setAAD(dst[start:], metadata)), nil
}
