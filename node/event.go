package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/node/chat"
)

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	EventMessage    EventKind = iota + 1 // a line came, was said here, or changed: see Ref
	EventDelivery                        // a message went on its way: see Ref, To and Delivery
	EventContact                         // a contact came, changed or went: see Account
	EventTyping                          // somebody writes (On), or stopped
	EventPresence                        // somebody is there (On), or left
	EventSession                         // a session with a device began: see To
	EventCallSignal                      // a call's signal came: see Account and Device
	EventCall                            // a call rings, was answered, ended, or changed in some other way: see Node.Call
	EventRelay                           // the own relays changed, or how they do: see Node.Relays
	EventWaiting                         // why something waits for a device changed: see Account, Device and Node.Waiting
)

var eventNames = map[EventKind]string{
	EventMessage: "message", EventDelivery: "delivery", EventContact: "contact", EventTyping: "typing",
	EventPresence: "presence", EventSession: "session", EventCallSignal: "call signal", EventCall: "call",
	EventRelay: "relay", EventWaiting: "waiting",
}

// String names the event.
func (k EventKind) String() string { return eventNames[k] }

// Event is something that happened, and that a face may want to show. It is durable where it tells of something stored.
type Event struct {
	ID           uint64 // rising, from 1 at each start
	Kind         EventKind
	Time         time.Time
	Conversation ConversationID
	Ref          Ref
	Account      Account
	Device       uint8
	Delivery     Delivery
	On           bool
}

// ringSize is how many events a Node remembers for who watches.
const ringSize = 1024

// ErrResync says that events were missed: read again what is shown, and watch from now on.
var ErrResync = errors.New("node: events were missed")

// ring holds the last events.
type ring struct {
	mu     sync.Mutex
	events [ringSize]Event
	last   uint64
	more   chan struct{} // closed when there is another; nil if nobody waits for that
}

// add adds events, some at a time: who watches is to see the first before the last take their place.
func (r *ring) add(events []Event) {
	for some := range slices.Chunk(events, ringSize/8) {
		r.mu.Lock()
		for _, e := range some {
			r.last++
			e.ID = r.last
			r.events[e.ID%ringSize] = e
		}
		if r.more != nil {
			close(r.more)
			r.more = nil
		}
		r.mu.Unlock()
	}
}

// after returns the events after an ID, and what closes when there are more.
func (r *ring) after(id uint64) ([]Event, <-chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id > r.last || r.last-id > ringSize {
		return nil, nil, ErrResync
	}
	if r.more == nil {
		r.more = make(chan struct{})
	}
	out := make([]Event, 0, r.last-id)
	for id < r.last {
		id++
		out = append(out, r.events[id%ringSize])
	}
	return out, r.more, nil
}

// LastEvent returns the ID of the newest event, to Watch from.
func (n *Node) LastEvent() uint64 {
	n.ring.mu.Lock()
	defer n.ring.mu.Unlock()
	return n.ring.last
}

// Watch calls f with each event after an ID, in order, until f returns an error, which Watch returns, or ctx or the
// node ends. Who is slower than 1,024 events gets ErrResync. Watchers hold up nothing.
func (n *Node) Watch(ctx context.Context, after uint64, f func(Event) error) error {
	for {
		events, more, err := n.ring.after(after)
		if err != nil {
			return err
		}
		for i := range events {
			if err := f(events[i]); err != nil {
				return err
			}
			after = events[i].ID
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.stop:
			return ErrStopped
		}
	}
}

// tell adds an event once the turn is durable.
func (t *turn) tell(e Event) {
	e.Time = t.now
	t.changes++
	t.events = append(t.events, e)
}

func (t *turn) tellMessage(c chat.ConversationID, ref chat.Ref) {
	t.tell(Event{Kind: EventMessage, Conversation: c, Ref: ref, Account: ref.Author})
}

func (t *turn) tellDelivery(c chat.ConversationID, ref chat.Ref, to device, d chat.Delivery) {
	t.tell(Event{Kind: EventDelivery, Conversation: c, Ref: ref, Account: to.account, Device: to.number, Delivery: d})
}
