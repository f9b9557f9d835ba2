package p2p

import (
	"sync/atomic"
	"time"

	pbv2 "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/pb"
)

// carried counts what a relay carries for others. The library tells it.
type carried struct{ places, circuits, bytes, refused atomic.Int64 }

// RelayStatus is the library's.
func (*carried) RelayStatus(bool) {}

// ConnectionOpened counts a circuit in.
func (c *carried) ConnectionOpened() { c.circuits.Add(1) }

// ConnectionClosed counts it out.
func (c *carried) ConnectionClosed(time.Duration) { c.circuits.Add(-1) }

// ConnectionRequestHandled counts what was refused for a limit or by the owner's wish.
func (c *carried) ConnectionRequestHandled(s pbv2.Status) { c.handled(s) }

// ReservationAllowed counts a place in.
func (c *carried) ReservationAllowed(again bool) {
	if !again {
		c.places.Add(1)
	}
}

// ReservationClosed counts places out.
func (c *carried) ReservationClosed(n int) { c.places.Add(-int64(n)) }

// ReservationRequestHandled counts what was refused for a limit or by the owner's wish.
func (c *carried) ReservationRequestHandled(s pbv2.Status) { c.handled(s) }

// BytesTransferred counts what goes through circuits.
func (c *carried) BytesTransferred(n int) { c.bytes.Add(int64(n)) }

func (c *carried) handled(s pbv2.Status) {
	if s == pbv2.Status_RESERVATION_REFUSED || s == pbv2.Status_RESOURCE_LIMIT_EXCEEDED || s == pbv2.Status_PERMISSION_DENIED {
		c.refused.Add(1)
	}
}
