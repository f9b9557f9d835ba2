package node

import (
	"context"
	"slices"
	"sync"

	"github.com/linnetmesh/linnet/p2p/frame"
)

// answerer writes answers, several in a frame, in a goroutine that ends when there are none.
type answerer struct {
	stream *frame.Stream
	slots  chan struct{}
	mu     sync.Mutex
	ready  []answer
	busy   bool
	closed bool
	idle   *sync.Cond
}

func newAnswerer(s *frame.Stream) *answerer {
	w := &answerer{stream: s, slots: make(chan struct{}, maxInFlight)}
	w.idle = sync.NewCond(&w.mu)
	return w
}

// begin waits until there is room for another envelope. It is false once nobody reads answers.
func (w *answerer) begin(ctx context.Context) bool {
	select {
	case w.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// end answers, or frees the room where there is no answer.
func (w *answerer) end(a answer, say bool) {
	select {
	case <-w.slots:
	default:
	}
	if !say {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.ready = append(w.ready, a)
	if !w.busy {
		w.busy = true
		go w.write()
	}
}

func (w *answerer) write() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.ready) > 0 && !w.closed {
		some := w.ready[:min(len(w.ready), maxAnswers)]
		w.ready = slices.Clone(w.ready[len(some):])
		b := make([]byte, 0, len(some)*answerSize)
		for i := range some {
			b = some[i].appendTo(b)
		}
		w.mu.Unlock()
		err := w.stream.Write(b)
		w.mu.Lock()
		if err != nil {
			w.closed = true
			_ = w.stream.Close()
		}
	}
	w.busy = false
	w.idle.Broadcast()
}

// close waits until the goroutine that writes has ended.
func (w *answerer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for w.busy {
		w.idle.Wait()
	}
}
