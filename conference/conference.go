// Package conference sets up calls and says what their signals are.
//
// A call is a Line's affair: the one telephone of a device, a machine without clock, network or sound. What it is told goes
// into Step, and what is to be done comes out: ring, send this signal, connect to that device, join this mixer.
//
//	call.go    what a Line is told, what it asks for, and the diagram of its states
//	line.go    the machine; parties.go who is in, links.go media, handover.go and company.go at which mixer
//	signal.go  what devices tell each other, as bodies of ordinary messages; body.go what is inside
//	key.go     join keys: who may enter a room, and with which media
//	lane.go    what is said to a mixer on /linnet/conference/1; enter.go the asking side of it
//
// A call has one of four modes, and who can hear differs (PROTOCOL.md): 1:1 and a mesh of four are heard by nobody else, a
// forwarded call by nobody else as long as its frames are sealed (SFrame), and a mixed one by the mixer too, which could also
// forge voices.
package conference

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
)

var (
	// ErrSignal says that something has the form of a signal, and breaks a rule of its kind.
	ErrSignal = errors.New("conference: invalid signal")
	// ErrKey says that a join key, or what was made with it, is not right.
	ErrKey = errors.New("conference: wrong join key")
)

// IDSize is the size of a CallID and of a RoomID in bytes.
const IDSize = 16

// CallID names a call. Who calls draws it. It may be compared with ==; the zero value names none.
type CallID [IDSize]byte

// NewCallID draws an ID.
func NewCallID() (id CallID) {
	_, _ = rand.Read(id[:]) // it never fails
	return id
}

// IsZero tells whether id names nothing.
func (id CallID) IsZero() bool { return id == CallID{} }

// String returns the ID in hex.
func (id CallID) String() string { return hex.EncodeToString(id[:]) }

// RoomID names a room on a mixer. It has nothing to do with the CallID, so that a mixer learns only what it must.
type RoomID [IDSize]byte

// NewRoomID draws an ID.
func NewRoomID() (id RoomID) {
	_, _ = rand.Read(id[:])
	return id
}

// IsZero tells whether id names nothing.
func (id RoomID) IsZero() bool { return id == RoomID{} }

// String returns the ID in hex.
func (id RoomID) String() string { return hex.EncodeToString(id[:]) }

// Mode says how media travel.
type Mode uint8

// The modes.
const (
	Direct  Mode = 1 // two devices, from one to the other
	Mesh    Mode = 2 // up to MeshSize accounts, each to each
	Mixed   Mode = 3 // one stream to a mixer and one back; the mixer hears
	Forward Mode = 4 // one stream to a node that forwards the loudest; it hears nothing if frames are sealed
)

// MeshSize is how many accounts a mesh holds: each sends to all others, so it costs the more the more there are.
const MeshSize = 4

// CallSize is how many accounts a call holds.
const CallSize = 128

// String names the mode.
func (m Mode) String() string {
	switch m {
	case Direct:
		return "direct"
	case Mesh:
		return "mesh"
	case Mixed:
		return "mixed"
	case Forward:
		return "forwarding"
	default:
		return fmt.Sprintf("mode %d", uint8(m))
	}
}

// Known tells whether this program can hold such a call.
func (m Mode) Known() bool { return m >= Direct && m <= Forward }

// hosted tells whether media go through a room on a mixer.
func (m Mode) hosted() bool { return m == Mixed || m == Forward }

// size is how many accounts, the caller's included, such a call holds.
func (m Mode) size() int {
	switch m {
	case Direct:
		return 2
	case Mesh:
		return MeshSize
	default:
		return CallSize
	}
}

// Media says what is sent.
type Media uint8

// The media.
const (
	Audio Media = 1
	Video Media = 2 // with audio
)

// String names the media.
func (m Media) String() string {
	switch m {
	case Audio:
		return "audio"
	case Video:
		return "video"
	default:
		return fmt.Sprintf("media %d", uint8(m))
	}
}

// Party is a device in a call. It may be compared with ==. The zero value stands for the room, where a Party names the other
// end of a link.
type Party struct {
	Account identity.Account `cbor:"1,keyasint"`
	Device  uint8            `cbor:"2,keyasint"` // 1..identity.MaxNumber
	Unknown identity.Unknown `cbor:"-"`
}

// IsZero tells whether p is nobody.
func (p Party) IsZero() bool { return p.Account.IsZero() }

func (p Party) valid() bool {
	return !p.Account.IsZero() && p.Device >= 1 && p.Device <= identity.MaxNumber
}

// compare orders parties: of two, the lower makes the offer.
func (p Party) compare(q Party) int {
	return cmp.Or(bytes.Compare(p.Account[:], q.Account[:]), cmp.Compare(p.Device, q.Device))
}

// known returns p as the key of a map.
func (p Party) known() Party { return Party{Account: p.Account, Device: p.Device} }
