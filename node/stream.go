package node

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/p2p/frame"
)

// stream is one visit to a device.
type stream struct {
	k    *courier
	conn net.Conn
	out  *frame.Stream
	in   *frame.Stream

	mu     sync.Mutex
	flight map[envelope.Name]*sent
	bytes  int
	moved  bool
	room   chan struct{} // buffered: something was answered
	failed chan error    // buffered: by the reader
}

// sent is a post on its way.
type sent struct {
	*post
	at time.Time
}

func (s *stream) run(ctx context.Context) (bool, error) {
	s.flight = make(map[envelope.Name]*sent)
	s.room, s.failed = make(chan struct{}, 1), make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { s.conn.Close() })
	defer stop()
	var reader sync.WaitGroup
	reader.Go(func() { s.failed <- s.read(ctx) })
	err := s.write(ctx)
	_ = s.conn.Close()
	reader.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moved, err
}

// write sends what waits, in order.
func (s *stream) write(ctx context.Context) error {
	k, n := s.k, s.k.n
	cursor, highest := uint64(0), uint64(0)
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	for {
		if k.again.Swap(false) {
			cursor = 0
		}
		numbers := n.queues.after(k.to, cursor, 32)
		for _, number := range numbers {
			if number < highest && s.has(number) {
				cursor = number
				continue
			}
			p, err := k.ready(ctx, number)
			if err != nil {
				return err
			}
			cursor = number
			highest = max(highest, number)
			if p == nil {
				continue
			}
			if err := s.makeRoom(ctx, len(p.Envelope)); err != nil {
				return err
			}
			s.mu.Lock()
			s.flight[envelope.NameOf(p.Envelope)] = &sent{p, time.Now()}
			s.bytes += len(p.Envelope)
			s.mu.Unlock()
			if err := s.out.Write(p.Envelope); err != nil {
				return errNoAnswer
			}
			n.stats.sent.Add(1)
		}
		if len(numbers) > 0 {
			k.note(nil, time.Time{})
			continue
		}
		patience := idleTime
		if oldest, ok := s.oldest(); ok {
			if patience = answerPatience - time.Since(oldest); patience <= 0 {
				return errNoAnswer
			}
		}
		idle.Reset(patience)
		select {
		case <-k.poke:
		case <-k.rush:
		case b := <-k.weak:
			if err := s.out.Write(b); err != nil {
				return errNoAnswer
			}
		case <-s.room:
		case err := <-s.failed:
			if !s.waiting() && n.queues.size(k.to) == 0 {
				return nil // the other side closed what nobody used
			}
			return err
		case <-idle.C:
			if s.waiting() {
				return errNoAnswer
			}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// answerPatience is how long a post may be unanswered, whatever else is.
const answerPatience = 2 * lanePatience

// oldest returns when the post left that is unanswered for longest.
func (s *stream) oldest() (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.flight {
		if !ok || p.at.Before(at) {
			at, ok = p.at, true
		}
	}
	return at, ok
}

// has tells whether a post is on its way.
func (s *stream) has(number uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.flight {
		if p.number == number {
			return true
		}
	}
	return false
}

func (s *stream) waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.flight) > 0
}

// makeRoom waits until so many bytes more may be on their way.
func (s *stream) makeRoom(ctx context.Context, bytes int) error {
	t := time.NewTimer(answerPatience)
	defer t.Stop()
	for {
		s.mu.Lock()
		fits := len(s.flight) == 0 || len(s.flight) < maxInFlight && s.bytes+bytes <= maxBytes
		s.mu.Unlock()
		if fits {
			return nil
		}
		select {
		case <-s.room:
			t.Reset(answerPatience)
		case err := <-s.failed:
			return err
		case <-t.C:
			return errNoAnswer
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read takes answers.
func (s *stream) read(ctx context.Context) error {
	k, n := s.k, s.k.n
	for {
		b, err := s.in.ReadWithin(4 * idleTime)
		if err != nil {
			return errNoAnswer
		}
		answers, ok := parseAnswers(b)
		if !ok {
			return errNoAnswer
		}
		var done []*post
		var failed error
		matched := false
		for i := range answers {
			a := &answers[i]
			s.mu.Lock()
			p := s.flight[a.name]
			if p != nil {
				delete(s.flight, a.name)
				s.bytes -= len(p.Envelope)
			}
			s.mu.Unlock()
			if p == nil {
				continue
			}
			matched = true
			switch a.status {
			case statusStored:
				key, err := envelope.ParseAckKey(p.Ack[:])
				if err != nil || key.Verify(a.name, a.ack[:]) != nil {
					failed = errNoAnswer // whoever answers did not open it
					continue
				}
				done = append(done, p.post)
			case statusUnknown:
				failed = errReset
			case statusClosed: // or this device is off its account, and does not know it yet
				failed = errReset
				n.couriers.seek(n.me)
			default:
				failed = errBusy
			}
		}
		if matched {
			k.prod(s.room)
		}
		if len(done) > 0 {
			s.mu.Lock()
			s.moved = true
			s.mu.Unlock()
			n.stats.acknowledged.Add(uint64(len(done)))
			o := &op{done: make(chan error, 1), do: func(t *turn) error {
				for _, p := range done {
					if err := t.acked(p); err != nil {
						return err
					}
				}
				return nil
			}}
			if err := n.submit(ctx, o); err != nil {
				return err
			}
		}
		if errors.Is(failed, errReset) {
			k.reset(ctx)
		}
		if failed != nil {
			return failed
		}
	}
}
