package p2ptest

import (
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Kind is what an Event tells of.
type Kind uint8

// Kinds.
const (
	Dialled Kind = iota + 1 // a connection was made
	Refused                 // a dial failed; Err says why
	Sent                    // bytes were written by one end, and are about to arrive
	Closed                  // one end closed
	Reset                   // the connection was cut
)

// String returns the kind in one word.
func (k Kind) String() string {
	switch k {
	case Dialled:
		return "dialled"
	case Refused:
		return "refused"
	case Sent:
		return "sent"
	case Closed:
		return "closed"
	case Reset:
		return "reset"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Event is what can be seen on the wire, and, because nothing is encrypted here, what lanes carry.
type Event struct {
	Kind     Kind
	Conn     uint64                // by which connection; 0 for Refused
	Proto    string                // of the lane
	From, To identity.TransportKey // who dialled, and who was dialled
	Addr     string                // that was dialled; empty if none was known
	Replay   bool                  // a connection that Echo or Inject made
	Reply    bool                  // Sent, Closed: by who was dialled
	Data     []byte                // Sent: a copy
	Err      error                 // Refused
}

// Tap calls f for each event, in their order for one direction of a connection; nil ends it. f runs in the goroutine of
// who dials or writes, while that waits, and in several at once. It may use the network (inject, crash a host, part it),
// but not wait for the connection that it is told of.
func (n *Net) Tap(f func(Event)) {
	if f == nil {
		n.tap.Store(nil)
		return
	}
	n.tap.Store(&f)
}

// tell tells the tap, if there is one. No lock is held.
func (n *Net) tell(e Event) {
	if f := n.tap.Load(); f != nil {
		(*f)(e)
	}
}

// Inject lets a stranger who claims this key send data to the host at an address: a new connection on which data comes,
// and then the end. Replies are thrown away. It does not wait until data is read, and meets no faults. The errors are
// ErrAddress, ErrRefused and ErrProtocol.
func (n *Net) Inject(from identity.TransportKey, to, proto string, data []byte) error {
	number, err := parseAddr(to)
	if err != nil {
		return err
	}
	n.mu.Lock()
	h := n.hosts[number]
	if h == nil || n.closed {
		n.mu.Unlock()
		return fmt.Errorf("%w: nobody at %.40q", ErrRefused, to)
	}
	return n.replay(h, from, proto, data)
}

// replay makes a connection whose dialler wrote data and closed. The caller holds mu, which replay gives back.
func (n *Net) replay(h *Host, from identity.TransportKey, proto string, data []byte) error {
	serve, err := h.accepts(proto)
	if err != nil {
		n.mu.Unlock()
		return err
	}
	l := n.newLink(nil, h, from, proto, fate{budget: -1})
	l.replay = true
	l.ends[0].closed = true
	l.halves[0].buf = append([]byte(nil), data...)
	l.halves[0].sent, l.halves[0].here, l.halves[0].closed = int64(len(data)), int64(len(data)), true
	l.halves[1].sink = true
	n.mu.Unlock()
	n.tell(l.event(Dialled))
	e := l.event(Sent)
	e.Data = data
	n.tell(e)
	l.serve(serve)
	return nil
}
