package room

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/conference/rtc"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/p2p/frame"
)

// patience is how long the other end may take for one frame, and this one for an answer.
const patience = 10 * time.Second

// ServeLane serves one stream of /linnet/conference/1 until it ends (conference/PROTOCOL.md): it opens or changes a room, or
// is a leg's, which then lives as long as the stream.
func (h *House) ServeLane(node identity.TransportKey, conn net.Conn) {
	defer conn.Close()
	s := &speech{stream: frame.New(conn, conference.AskSize, patience)}
	ask, err := s.hear(patience)
	if err != nil {
		return
	}
	switch {
	case ask.Open != nil:
		err = h.open(node, ask.Open)
	case ask.Admit != nil:
		err = h.admit(ask.Admit)
	case ask.Enter != nil:
		err = h.enter(s, ask.Enter)
	default:
		err = conference.ErrMalformed
	}
	if err != nil {
		h.refuse(err)
		s.say(conference.Reply{Refused: &conference.Refused{Why: refusalOf(err)}})
		return
	}
	if ask.Enter == nil {
		s.say(conference.Reply{Done: &conference.Done{}})
	}
}

// speech is a stream that two goroutines may answer on.
type speech struct {
	mu     sync.Mutex
	stream *frame.Stream
}

func (s *speech) hear(within time.Duration) (*conference.Ask, error) {
	b, err := s.stream.ReadWithin(within)
	if err != nil {
		return nil, err
	}
	return conference.ParseAsk(b)
}

// say answers; who does not take it will notice the end of the stream.
func (s *speech) say(r conference.Reply) {
	b, err := r.AppendTo(nil)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.stream.Write(b)
}

// refusalOf is what the other end is told of an error.
func refusalOf(err error) conference.RefusalError {
	var refusal conference.RefusalError
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, rtc.ErrFull):
		return conference.ErrFull
	case errors.Is(err, rtc.ErrClosed):
		return conference.ErrClosing
	case errors.Is(err, rtc.ErrFailed), errors.Is(err, rtc.ErrSlow), errors.Is(err, rtc.ErrFlood):
		return conference.ErrSlow
	default:
		return conference.ErrMalformed
	}
}

// enter is a leg's stream. An error is why it did not enter; once it has, there is none.
func (h *House) enter(s *speech, visit *conference.Visit) error {
	own := conference.Fingerprint(h.rtc.Fingerprint())
	// Everybody is welcomed: who has no key does not learn whether there is such a room.
	s.say(conference.Reply{Welcome: &conference.Welcome{Fingerprint: own}})
	ask, err := s.hear(patience)
	if err != nil || ask.Prove == nil {
		return conference.ErrMalformed
	}
	key, err := conference.ParseJoinKey(ask.Prove.Key[:])
	if err != nil {
		return conference.ErrNoKey
	}
	clear(ask.Prove.Key[:])
	offer, err := conference.FingerprintOf(ask.Prove.Offer)
	if err != nil {
		return conference.ErrMalformed
	}
	if key.Check(ask.Prove.Proof, conference.Entering, offer, own) != nil {
		return conference.ErrNoKey
	}
	hall := h.knows(visit.Room.String(), key.Hash())
	if hall == nil {
		return conference.ErrNoKey
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	seat, answer, err := h.join(ctx, hall, key.Hash(), ask.Prove.Offer)
	if err != nil {
		return err
	}
	proof := key.Proof(conference.Answering, offer, own)
	entered := func(answer string) {
		s.say(conference.Reply{Entered: &conference.Entered{Answer: answer, Proof: proof, Leg: seat.id}})
	}
	entered(answer)

	// Whichever ends first, the leg or the stream, ends the other.
	over := make(chan struct{})
	go func() {
		defer close(over)
		<-seat.leg.Done()
		s.say(conference.Reply{Refused: &conference.Refused{Why: refusalOf(seat.leg.Err())}})
		_ = s.stream.Close()
	}()
	defer func() {
		_ = seat.leg.Close()
		<-over
	}()
	for {
		ask, err := s.hear(0)
		if err != nil || ask.Again == nil {
			return nil
		}
		// The same certificate, or the proof would be for somebody else.
		if f, err := conference.FingerprintOf(ask.Again.Offer); err != nil || f != offer {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		answer, err := seat.leg.Again(ctx, ask.Again.Offer)
		cancel()
		if err != nil {
			return nil
		}
		entered(answer)
	}
}
