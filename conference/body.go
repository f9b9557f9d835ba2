package conference

import (
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Invite calls an account. Each account gets one of its own, with the keys of its devices alone.
type Invite struct {
	Mode    Mode               `cbor:"1,keyasint"`
	Media   Media              `cbor:"2,keyasint"`
	Members []identity.Account `cbor:"3,keyasint,omitempty" max:"127"` // all accounts that are called; none in a direct call
	Room    RoomID             `cbor:"4,keyasint,omitempty"`           // of mixed and forwarded calls, as are the next two
	Mixers  []Mixer            `cbor:"5,keyasint,omitempty" max:"4"`   // where the room is: now the first, the others if it is lost
	Keys    []DeviceKey        `cbor:"6,keyasint,omitempty" max:"8"`   // one for each device that is called
	Unknown identity.Unknown   `cbor:"-"`
}

// Mixer is a node that holds the room, pinned by its key: whoever else answers at its addresses is not it.
type Mixer struct {
	Key     identity.TransportKey `cbor:"1,keyasint"`
	Addrs   []string              `cbor:"2,keyasint" max:"4" each:"128"` // multiaddrs in text form
	Name    string                `cbor:"3,keyasint,omitempty" max:"64"` // whose it is, as the caller says: people should know who hears
	Unknown identity.Unknown      `cbor:"-"`
}

// DeviceKey is the join key of one device of the called account.
type DeviceKey struct {
	Device  uint8            `cbor:"1,keyasint"`
	Key     [KeySize]byte    `cbor:"2,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

// Format prints what this is, and nothing of the secret, whatever the verb.
func (DeviceKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "conference.DeviceKey") }

// JoinKey returns the key for a device, zero if it was not called.
func (i *Invite) JoinKey(device uint8) JoinKey {
	for _, k := range i.Keys {
		if k.Device == device {
			return JoinKey{b: k.Key}
		}
	}
	return JoinKey{}
}

func (i *Invite) valid() bool {
	if i.Mode == 0 || i.Media == 0 {
		return false
	}
	seen := make(map[identity.Account]bool, len(i.Members))
	for _, a := range i.Members {
		if a.IsZero() || seen[a] {
			return false
		}
		seen[a] = true
	}
	last := uint8(0)
	for _, k := range i.Keys {
		if k.Device <= last || k.Device > identity.MaxNumber || k.Key == [KeySize]byte{} {
			return false
		}
		last = k.Device
	}
	switch {
	case !i.Mode.Known():
		return true // of a mode to come; it is declined
	case i.Mode.hosted():
		return !i.Room.IsZero() && validMixers(i.Mixers) && len(i.Members) > 0 && len(i.Keys) > 0
	default:
		return i.Room.IsZero() && len(i.Mixers)+len(i.Keys) == 0 && len(i.Members) < i.Mode.size()
	}
}

func validMixers(list []Mixer) bool {
	seen := make(map[identity.TransportKey]bool, len(list))
	for _, m := range list {
		if m.Key.IsZero() || seen[m.Key] || len(m.Addrs) == 0 {
			return false
		}
		seen[m.Key] = true
	}
	return len(list) > 0
}

// Elsewhere tells the devices of a called account that it is settled who of them has the call.
type Elsewhere struct {
	Device  uint8            `cbor:"1,keyasint,omitempty"` // which took the call; 0: one declined it
	Unknown identity.Unknown `cbor:"-"`
}

// Roster is who is in. Its first party is the host: it alone tells the others, and when it leaves, the next is the host.
type Roster struct {
	Parties []Party          `cbor:"1,keyasint" max:"128"`
	Unknown identity.Unknown `cbor:"-"`
}

func (r *Roster) valid() bool {
	seen := make(map[identity.Account]bool, len(r.Parties))
	for _, p := range r.Parties {
		if !p.valid() || seen[p.Account] {
			return false
		}
		seen[p.Account] = true
	}
	return len(r.Parties) > 0
}

// SDPType says what a Description is.
type SDPType uint8

// The types.
const (
	Offer  SDPType = 1
	Answer SDPType = 2
)

// Description is one half of an agreement between two devices (RFC 8829).
type Description struct {
	Type    SDPType          `cbor:"1,keyasint"`
	Round   uint32           `cbor:"2,keyasint"` // of the offer, rising with each; an answer repeats it
	SDP     string           `cbor:"3,keyasint" max:"16384"`
	Unknown identity.Unknown `cbor:"-"`
}

// Candidates are addresses that were found after the description went out.
type Candidates struct {
	Round   uint32           `cbor:"1,keyasint"`
	Lines   []string         `cbor:"2,keyasint" max:"16" each:"256"` // "candidate:…" (RFC 8839)
	Last    bool             `cbor:"3,keyasint,omitempty"`
	Unknown identity.Unknown `cbor:"-"`
}

// State is what a participant does with its own voice, as a whole: the newest counts.
type State struct {
	Hold    bool             `cbor:"1,keyasint,omitempty"` // neither speaks nor listens
	Mute    bool             `cbor:"2,keyasint,omitempty"`
	Hand    bool             `cbor:"3,keyasint,omitempty"` // wants to speak
	Unknown identity.Unknown `cbor:"-"`
}

// Mixers says where the call is. Of two, the higher epoch counts, and of the same epoch the lower index.
type Mixers struct {
	Epoch   uint32           `cbor:"1,keyasint,omitempty"`
	Current uint8            `cbor:"2,keyasint,omitempty"` // index into the list
	List    []Mixer          `cbor:"3,keyasint" max:"4"`
	Ask     bool             `cbor:"4,keyasint,omitempty"` // others are missing where the sender is: where are you?
	Unknown identity.Unknown `cbor:"-"`
}

// MediaKey is the sender's new SFrame key, in the form of crypto/sframe, for all that are in.
type MediaKey struct {
	Key     []byte           `cbor:"1,keyasint" max:"128"`
	Unknown identity.Unknown `cbor:"-"`
}

// Format prints what this is, and nothing of the secret, whatever the verb.
func (MediaKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "conference.MediaKey") }
