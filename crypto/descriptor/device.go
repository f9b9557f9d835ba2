package descriptor

import (
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Device is what a device says of itself: how to reach it, and what it can do. It is a body of CBOR. The keys in it are
// what the device wrote: that they are points nobody checked, and whoever uses one finds out.
type Device struct {
	Number    uint8                 `cbor:"1,keyasint"`                             // 1..127, as in the manifest
	Version   uint64                `cbor:"2,keyasint"`                             // 1..2^53-1, rising: the higher stands
	Features  []uint16              `cbor:"3,keyasint,omitempty" max:"32"`          // rising
	Boxes     []Box                 `cbor:"4,keyasint,omitempty" max:"4"`           // the first is where it listens
	Bundle    BundleKey             `cbor:"5,keyasint"`                             // under which its bundle lies sealed
	Transport identity.TransportKey `cbor:"6,keyasint,omitempty"`                   // only for who may come directly
	Direct    [][]byte              `cbor:"7,keyasint,omitempty" max:"4" each:"40"` // multiaddrs; they need Transport
	Unknown   identity.Unknown      `cbor:"-"`
}

// Box is a mail box of a device.
type Box struct {
	Relay     identity.TransportKey `cbor:"1,keyasint"`
	Addresses [][]byte              `cbor:"2,keyasint,omitempty" max:"2" each:"40"` // multiaddrs of the relay
	Box       identity.BoxKey       `cbor:"3,keyasint"`
	Knock     Knock                 `cbor:"4,keyasint,omitempty"`
	Unknown   identity.Unknown      `cbor:"-"`
}

// Knock says what a stranger, who has no token, must do to put into a box. The zero value leaves it to the relay. The
// relay decides: this saves the stranger the asking.
type Knock struct {
	Closed  bool             `cbor:"1,keyasint,omitempty"` // strangers are not let in: try the next box
	Work    uint8            `cbor:"2,keyasint,omitempty"` // bits of work at least
	Size    uint32           `cbor:"3,keyasint,omitempty"` // the largest post in bytes
	Unknown identity.Unknown `cbor:"-"`
}

// BundleKey opens the bundle that a device left with its relays. Everybody who knows the address may have it, and nobody
// else, so it does not print itself. crypto/bundle reads its bytes. The zero value is no key.
type BundleKey [KeySize]byte

// IsZero tells whether k was never set.
func (k BundleKey) IsZero() bool { return k == BundleKey{} }

// Format prints what this is, whatever the verb.
func (BundleKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "descriptor.BundleKey") }

// check looks for what contradicts itself.
func (d *Device) check() error {
	if !countable(d.Number, d.Version) || d.Bundle.IsZero() ||
		!rising(d.Features) || !addresses(d.Direct) || len(d.Direct) > 0 && d.Transport.IsZero() {
		return ErrRecord
	}
	for i, b := range d.Boxes {
		if b.Relay.IsZero() || b.Box.IsZero() || !addresses(b.Addresses) {
			return ErrRecord
		}
		for _, other := range d.Boxes[:i] {
			if other.Box == b.Box {
				return ErrRecord
			}
		}
	}
	return nil
}

// countable tells whether number and version are in range.
func countable(number uint8, version uint64) bool {
	return number >= 1 && number <= identity.MaxNumber && version >= 1 && version <= maxCount
}

// rising tells whether each is above the one before.
func rising[N ~uint16](list []N) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return false
		}
	}
	return true
}

// addresses tells whether none is empty.
func addresses(list [][]byte) bool {
	for _, a := range list {
		if len(a) == 0 {
			return false
		}
	}
	return true
}
