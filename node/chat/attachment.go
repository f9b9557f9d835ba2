package chat

import (
	"fmt"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Attachment is a file that goes with a text. What is fetched must have this size and hash. The name is for showing: it
// never becomes a path.
type Attachment struct {
	Hash      [32]byte         `cbor:"1,keyasint"`                      // of the file, as the room that fetches it says; not zero
	Size      uint64           `cbor:"2,keyasint"`                      // of the file, in bytes
	Type      string           `cbor:"3,keyasint,omitempty" max:"127"`  // media type (RFC 6838)
	Name      string           `cbor:"4,keyasint,omitempty" max:"255"`  // of the file
	Key       [32]byte         `cbor:"5,keyasint,omitempty"`            // that opens it
	Place     []byte           `cbor:"6,keyasint,omitempty" max:"1024"` // where it lies, as the room that fetches it says
	Thumbnail []byte           `cbor:"7,keyasint,omitempty" max:"4096"` // a small picture of it
	Width     uint32           `cbor:"8,keyasint,omitempty"`            // pixels
	Height    uint32           `cbor:"9,keyasint,omitempty"`            // pixels
	Duration  uint32           `cbor:"10,keyasint,omitempty"`           // of sound and film, in ms
	Waveform  []byte           `cbor:"11,keyasint,omitempty" max:"128"` // of sound, loudness 0..255 in equal steps
	Unknown   identity.Unknown `cbor:"-"`
}

// MaxTimer is the longest time after which a message disappears.
const MaxTimer = 366 * 24 * time.Hour

// From says when a timer begins to run.
type From uint8

// The beginnings.
const (
	FromRead From = 0 // for each account when it read the message, for the author when it was sent
	FromSent From = 1 // for all when it was sent
)

// String names the beginning.
func (f From) String() string {
	switch f {
	case FromRead:
		return "read"
	case FromSent:
		return "sent"
	default:
		return "From?"
	}
}

// Timer says how long a message stays.
type Timer struct {
	Seconds uint32           `cbor:"1,keyasint"` // at most MaxTimer
	From    From             `cbor:"2,keyasint,omitempty"`
	Unknown identity.Unknown `cbor:"-"`
}

// Duration returns how long that is.
func (t Timer) Duration() time.Duration { return time.Duration(t.Seconds) * time.Second }

func (t *Timer) check() error {
	switch {
	case t.Duration() > MaxTimer:
		return fmt.Errorf("%w: timer of %v", ErrMessage, t.Duration())
	case t.From > FromSent:
		return identity.ErrNewer
	default:
		return nil
	}
}
