package api

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// ringSize is how many events are kept for who comes back.
const ringSize = 1000

// kept is an event, and what streams write of it: the same for all listeners.
type kept struct {
	account, with, kind string
	text                []byte
}

// textOfEvent returns an event as text/event-stream has it.
func textOfEvent(e *Event) []byte {
	b, err := json.Marshal(e)
	if err != nil {
		return nil // an Event holds nothing that cannot be written
	}
	return fmt.Appendf(nil, "id: %s\nevent: %s\ndata: %s\n\n", e.ID, e.Type, b)
}

// ring holds the last events of all accounts. An event's ID is of this start of the daemon, so that the ID of an earlier
// one is known to be.
type ring struct {
	mu     sync.Mutex
	boot   string
	events [ringSize]kept
	last   uint64
	more   chan struct{} // closed when there is another
}

func newRing() *ring { return &ring{boot: rand.Text()[:8], more: make(chan struct{})} }

func (r *ring) id(n uint64) string { return fmt.Sprintf("%s-%d", r.boot, n) }

func (r *ring) add(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	e.ID = r.id(r.last)
	r.events[r.last%ringSize] = kept{e.Account, e.With, e.Type, textOfEvent(&e)}
	close(r.more)
	r.more = make(chan struct{})
}

// newest returns the number of the last event.
func (r *ring) newest() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// parse returns the number of an event's ID, and false if it is not of this start.
func (r *ring) parse(id string) (uint64, bool) {
	number, ok := strings.CutPrefix(id, r.boot+"-")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(number, 10, 64)
	return n, err == nil
}

// after returns the events after a number, what closes when there are more, and false if some are not kept any more.
func (r *ring) after(n uint64) ([]kept, <-chan struct{}, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > r.last || r.last-n > ringSize {
		return nil, r.more, false
	}
	var out []kept
	for n < r.last {
		n++
		out = append(out, r.events[n%ringSize])
	}
	return out, r.more, true
}
