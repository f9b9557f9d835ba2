package conference

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/p2p/frame"
)

// Lane opens streams of /linnet/conference/1 to mixers: a *p2p.Lane, which proves that the mixer has the key.
type Lane interface {
	Dial(ctx context.Context, key identity.TransportKey, addrs []string) (net.Conn, error)
}

// patience is how long a mixer may take for one reply.
const patience = 10 * time.Second

// OpenRoom opens a room at a mixer. The error is a RefusalError, or says what went wrong on the way.
func OpenRoom(ctx context.Context, lane Lane, m Mixer, o Opening) error {
	return askOnce(ctx, lane, m, &Ask{Open: &o})
}

// AdmitTo lets devices into a room that we opened, and throws others out. The errors are those of OpenRoom.
func AdmitTo(ctx context.Context, lane Lane, m Mixer, a Admit) error {
	return askOnce(ctx, lane, m, &Ask{Admit: &a})
}

func askOnce(ctx context.Context, lane Lane, m Mixer, a *Ask) error {
	conn, err := lane.Dial(ctx, m.Key, m.Addrs)
	if err != nil {
		return fmt.Errorf("reaching the mixer: %w", err)
	}
	e := &Entry{stream: frame.New(conn, AskSize, patience)}
	defer e.Close()
	defer context.AfterFunc(ctx, func() { _ = e.Close() })()
	r, err := e.ask(a)
	switch {
	case err != nil:
		return errors.Join(context.Cause(ctx), err)
	case r.Done == nil:
		return fmt.Errorf("%w: not what was asked", ErrSignal)
	}
	return nil
}

// Entry is a leg's stream to its mixer. The leg lives until it is closed. Restart and Wait may go on at the same time as
// Close, and each once at a time.
type Entry struct {
	stream *frame.Stream
	key    JoinKey
	offer  Fingerprint
	answer Fingerprint
	leg    uint32

	asking  sync.Mutex
	replies chan *Reply // of the reading goroutine
	ended   chan struct{}
	err     error // why, once ended is closed
	once    sync.Once
}

// EnterRoom enters a room with an offer and returns the answer to it. Both sides prove that they have the key and that the
// media will come from who proved it. The error is a RefusalError, ErrKey if the mixer does not have the certificate that it
// names, or says what went wrong on the way.
func EnterRoom(ctx context.Context, lane Lane, m Mixer, room RoomID, key JoinKey, offer string) (*Entry, string, error) {
	own, err := FingerprintOf(offer)
	if err != nil {
		return nil, "", err
	}
	conn, err := lane.Dial(ctx, m.Key, m.Addrs)
	if err != nil {
		return nil, "", fmt.Errorf("reaching the mixer: %w", err)
	}
	e := &Entry{
		stream: frame.New(conn, AskSize, patience), key: key, offer: own,
		replies: make(chan *Reply), ended: make(chan struct{}),
	}
	stop := context.AfterFunc(ctx, func() { _ = e.Close() })
	answer, err := e.enter(room, offer)
	if !stop() || err != nil {
		_ = e.Close()
		return nil, "", errors.Join(context.Cause(ctx), err)
	}
	go e.read()
	return e, answer, nil
}

func (e *Entry) enter(room RoomID, offer string) (string, error) {
	r, err := e.ask(&Ask{Enter: &Visit{Room: room}})
	if err != nil {
		return "", err
	}
	if r.Welcome == nil {
		return "", fmt.Errorf("%w: no welcome", ErrSignal)
	}
	e.answer = r.Welcome.Fingerprint
	prove := &Prove{Proof: e.key.Proof(Entering, e.offer, e.answer), Offer: offer}
	copy(prove.Key[:], e.key.AppendTo(nil))
	if r, err = e.ask(&Ask{Prove: prove}); err != nil {
		return "", err
	}
	return e.entered(r)
}

// entered checks an answer: it must come from the certificate that was welcomed, by somebody with the key.
func (e *Entry) entered(r *Reply) (string, error) {
	if r.Entered == nil {
		return "", fmt.Errorf("%w: not entered", ErrSignal)
	}
	f, err := FingerprintOf(r.Entered.Answer)
	if err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare(f[:], e.answer[:]) != 1 {
		return "", ErrKey
	}
	if err := e.key.Check(r.Entered.Proof, Answering, e.offer, f); err != nil {
		return "", err
	}
	e.leg = r.Entered.Leg
	return r.Entered.Answer, nil
}

// ask writes an ask and reads the reply to it, a refusal as an error.
func (e *Entry) ask(a *Ask) (*Reply, error) {
	b, err := a.AppendTo(nil)
	if err != nil {
		return nil, err
	}
	if err := e.stream.Write(b); err != nil {
		return nil, fmt.Errorf("asking the mixer: %w", err)
	}
	return e.reply(patience)
}

func (e *Entry) reply(within time.Duration) (*Reply, error) {
	b, err := e.stream.ReadWithin(within)
	if err != nil {
		return nil, fmt.Errorf("hearing the mixer: %w", err)
	}
	r, err := ParseReply(b)
	if err != nil {
		return nil, err
	}
	if r.Refused != nil {
		return nil, r.Refused.Why
	}
	return r, nil
}

// read passes on replies until the stream ends.
func (e *Entry) read() {
	defer close(e.ended)
	for {
		r, err := e.reply(0)
		if err != nil {
			e.err = err
			return
		}
		select {
		case e.replies <- r:
		case <-time.After(patience): // nobody asked
			e.err = fmt.Errorf("%w: nobody asked", ErrSignal)
			return
		}
	}
}

// Leg returns what we are called in the room.
func (e *Entry) Leg() uint32 { return e.leg }

// Restart brings another offer of the same leg, and returns the answer: after a change of network, or with other media. An
// error ends the entry.
func (e *Entry) Restart(ctx context.Context, offer string) (answer string, err error) {
	e.asking.Lock()
	defer e.asking.Unlock()
	defer func() {
		if err != nil {
			_ = e.Close()
		}
	}()
	if f, err := FingerprintOf(offer); err != nil || f != e.offer {
		return "", errors.Join(ErrKey, err)
	}
	b, err := (&Ask{Again: &Again{Offer: offer}}).AppendTo(nil)
	if err != nil {
		return "", err
	}
	if err := e.stream.Write(b); err != nil {
		return "", fmt.Errorf("asking the mixer: %w", err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r := <-e.replies:
		return e.entered(r)
	case <-e.ended:
		return "", e.err
	case <-timer.C:
		return "", context.DeadlineExceeded
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Ended is closed when the mixer ended the leg, or the way to it broke; Err says why.
func (e *Entry) Ended() <-chan struct{} { return e.ended }

// Err returns why the entry ended, after Ended: a RefusalError if the mixer said so.
func (e *Entry) Err() error {
	select {
	case <-e.ended:
		return e.err
	default:
		return nil
	}
}

// Close leaves the room.
func (e *Entry) Close() (err error) {
	e.once.Do(func() { err = e.stream.Close() })
	return err
}
