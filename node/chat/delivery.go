package chat

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// State is how far an outgoing message came on its way to one device.
//
//	            enough custody receipts
//	┌────────┐ ─────────────────────────▶ ┌────────┐
//	│ queued │ ◀───────────────────────── │  kept  │
//	└────────┘  too few of them are left  └────────┘
//	 │    ▲                                    │
//	 │    └─ try again ─┐                      │
//	 │              ┌────────┐                 │
//	 ├─ give up ──▶ │ failed │ ◀─── give up ───┤
//	 │              └────────┘                 │
//	 │ ack, receipt      │ it came after all   │ ack, receipt
//	 ▼                   ▼                     ▼
//	┌───────────────────────────────────────────┐ read receipt ┌──────┐
//	│                 delivered                 │ ───────────▶ │ read │   from every other state, too
//	└───────────────────────────────────────────┘              └──────┘
type State uint8

// The states. From Delivered and Read none leads back.
const (
	Queued    State = 0 // on this device only, or not on enough relays
	Kept      State = 1 // on relays that signed for it
	Delivered State = 2 // stored by the other device, which said so
	Read      State = 3 // seen on it
	Failed    State = 4 // given up, with the reason
)

// String names the state as people read it.
func (s State) String() string {
	switch s {
	case Queued:
		return "queued"
	case Kept:
		return "kept"
	case Delivered:
		return "delivered"
	case Read:
		return "read"
	case Failed:
		return "failed"
	default:
		return "State?"
	}
}

// Bounds of a Delivery.
const (
	// MaxKeepers is how many relays a Delivery remembers.
	MaxKeepers = 8
	// Keepers is how many relays make a message kept, where the other side has more than one.
	Keepers = 2
	// DeliverySize is the most that a stored Delivery takes in bytes.
	DeliverySize = 1024

	maxWhy = 120
)

// Keeper is a relay that signed a custody receipt.
type Keeper struct {
	Relay   identity.TransportKey `cbor:"1,keyasint"`
	Until   uint64                `cbor:"2,keyasint"` // ms since 1970
	Unknown identity.Unknown      `cbor:"-"`
}

// Delivery is how far a message came on its way to one device. It is a value: the owner stores what Step returns. The
// zero Delivery is queued.
type Delivery struct {
	State   State            `cbor:"1,keyasint,omitempty"`
	Why     string           `cbor:"2,keyasint,omitempty" max:"120"` // it failed, or is still queued
	Keepers []Keeper         `cbor:"3,keyasint,omitempty" max:"8"`   // by relay, while Queued or Kept; never written to
	Unknown identity.Unknown `cbor:"-"`
}

// Event is what happened to a message on its way.
type Event uint8

// The events.
const (
	Passed   Event = 0 // time passed
	Custody  Event = 1 // Relay signed that it keeps the message Until; the signature was verified
	Lost     Event = 2 // Relay does not keep the message any more
	Delayed  Event = 3 // it cannot leave now: Why
	Acked    Event = 4 // the other device acknowledged the envelope, or a receipt of its came inside the session
	Seen     Event = 5 // a read receipt of the other device came inside the session
	GivenUp  Event = 6 // by the user, or by a rule: Why
	TryAgain Event = 7 // by the user
)

// String names the event.
func (e Event) String() string {
	names := [...]string{"passed", "custody", "lost", "delayed", "acked", "seen", "given up", "try again"}
	if int(e) >= len(names) {
		return "Event?"
	}
	return names[e]
}

// Input is an event with what belongs to it.
type Input struct {
	Event Event
	Relay identity.TransportKey
	Until time.Time
	Why   string // at most 120 bytes; more is cut off
}

// Step returns what the delivery is after an event. need is how many relays must keep the message for Kept: Keepers, or
// 1 if the other side has one box only.
//
// Nothing but Acked and Seen leads to Delivered and Read, nothing leads from there but from Delivered to Read, and
// nothing but Custody leads to Kept, which ends when receipts run out. Failed ends by an answer or by TryAgain.
func (d Delivery) Step(now time.Time, in Input, need int) Delivery {
	switch {
	case d.State == Read:
		return d
	case in.Event == Seen:
		return Delivery{State: Read, Unknown: d.Unknown}
	case in.Event == Acked || d.State == Delivered:
		return Delivery{State: Delivered, Unknown: d.Unknown}
	case in.Event == GivenUp:
		return Delivery{State: Failed, Why: cmp.Or(cut(in.Why), "given up"), Unknown: d.Unknown}
	case d.State == Failed:
		if in.Event == TryAgain {
			return Delivery{Unknown: d.Unknown}
		}
		return d
	}
	if in.Event == Delayed {
		d.Why = cut(in.Why)
	}
	d.Keepers = keepers(d.Keepers, now, in)
	d.State = Queued
	if len(d.Keepers) >= max(need, 1) {
		d.State, d.Why = Kept, ""
	}
	return d
}

// keepers returns the relays that keep the message after an event, those that keep it longest if they are too many.
func keepers(has []Keeper, now time.Time, in Input) []Keeper {
	var next []Keeper
	if in.Event == Custody && !in.Relay.IsZero() {
		next = append(next, Keeper{Relay: in.Relay, Until: uint64(max(in.Until.UnixMilli(), 0))})
	}
	for _, k := range has {
		switch {
		case k.Relay != in.Relay || in.Event != Custody && in.Event != Lost:
			next = append(next, k)
		case in.Event == Custody && k.Until > next[0].Until:
			next[0] = k
		}
	}
	next = slices.DeleteFunc(next, func(k Keeper) bool { return k.Until <= uint64(max(now.UnixMilli(), 0)) })
	for len(next) > MaxKeepers {
		shortest := 0
		for i, k := range next {
			if k.Until < next[shortest].Until {
				shortest = i
			}
		}
		next = slices.Delete(next, shortest, shortest+1)
	}
	if len(next) == 0 {
		return nil
	}
	slices.SortFunc(next, func(a, b Keeper) int { return bytes.Compare(a.Relay[:], b.Relay[:]) })
	return next
}

// cut returns a reason that fits.
func cut(why string) string {
	for len(why) > maxWhy {
		_, size := utf8.DecodeLastRuneInString(why)
		why = why[:len(why)-size]
	}
	return strings.ToValidUTF8(why, "?")
}

// AppendTo appends the stored form, at most DeliverySize bytes. The error is ErrMessage for what Step did not make.
func (d Delivery) AppendTo(b []byte) ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	stored, err := identity.Marshal(d)
	if err != nil {
		return nil, err
	}
	return append(b, stored...), nil
}

// ParseDelivery reads what Delivery.AppendTo wrote. The error is ErrMessage, or one of identity.Unmarshal.
func ParseDelivery(b []byte) (Delivery, error) {
	var d Delivery
	if err := identity.Unmarshal(b, DeliverySize, &d); err != nil {
		return Delivery{}, err
	}
	if err := d.check(); err != nil {
		return Delivery{}, err
	}
	return d, nil
}

func (d Delivery) check() error {
	waits := d.State == Queued || d.State == Kept
	nobody := slices.ContainsFunc(d.Keepers, func(k Keeper) bool { return k.Relay.IsZero() })
	ordered := slices.IsSortedFunc(d.Keepers, func(a, b Keeper) int { return cmp.Or(bytes.Compare(a.Relay[:], b.Relay[:]), -1) })
	if d.State > Failed || !waits && len(d.Keepers) > 0 || d.State == Kept && len(d.Keepers) == 0 ||
		d.Why != "" && d.State != Queued && d.State != Failed || d.Why == "" && d.State == Failed || nobody || !ordered {
		return fmt.Errorf("%w: stored delivery", ErrMessage)
	}
	return nil
}
