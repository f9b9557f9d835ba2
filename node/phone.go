package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/conference"
)

// phone is the telephone of a device: it steps a conference.Line and does what that asks for. Signals go out in turns, rooms
// are opened and entered over the lane to mixers, and the rest is for who carries the media: see CallTasks.
//
//	API, signals, media, network ─▶ in ─▶ run { Line.Step ─▶ signals ─▶ turn; tasks ─▶ seat; rooms ─▶ conference lane }
type phone struct {
	n  *Node
	in chan phoneInput

	// Of run's goroutine.
	line   *conference.Line
	wake   time.Time
	tokens map[TransportKey]string // of the mixers of an own call
	room   room
	work   sync.WaitGroup // what enters rooms

	mu   sync.Mutex
	view conference.View
	seat *seat
}

// phoneInput is something that the phone is told.
type phoneInput struct {
	call   CallID // which call it is about; zero: any
	in     conference.Input
	tokens map[TransportKey]string // of Dial
	done   chan error

	media *CallReport // instead of in
	room  *roomNews   // instead of in
}

// Bounds of a phone.
const (
	phoneQueue = 1024 // inputs that wait; signals over that are lost, as the Line allows
	mixerTime  = 10 * time.Second
)

func (p *phone) init(n *Node) {
	p.n, p.in = n, make(chan phoneInput, phoneQueue)
	p.line = conference.NewLine(CallParty{Account: n.me, Device: n.number})
}

// ask tells the phone something and waits until it is done.
func (p *phone) ask(ctx context.Context, in phoneInput) error {
	in.done = make(chan error, 1)
	select {
	case p.in <- in:
	case <-p.n.stop:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-in.done:
		return err
	case <-p.n.stop:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hear tells the phone something and does not wait.
func (p *phone) hear(in conference.Input) { p.tell(phoneInput{in: in}) }

func (p *phone) tell(in phoneInput) {
	select {
	case p.in <- in:
	default:
		p.n.log.Warn("a signal of a call was passed over: too many wait")
	}
}

func (p *phone) look() (conference.View, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.view, inCall(p.view)
}

func inCall(v conference.View) bool {
	return v.Status != conference.Idle && v.Status != conference.Ended
}

// run steps the line until ctx ends.
func (p *phone) run(ctx context.Context) {
	defer p.work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer p.leaveRoom()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Stop()
		if at := p.due(); !at.IsZero() {
			timer.Reset(max(time.Until(at), 0))
		}
		select {
		case in := <-p.in:
			err := p.take(ctx, in)
			if in.done != nil {
				in.done <- err
			}
		case <-timer.C:
			if p.deserted() {
				p.step(ctx, conference.HangUp{})
			} else {
				p.step(ctx, nil)
			}
		case <-ctx.Done():
			return
		}
	}
}

// due returns when to look again: for the line, or for who carries the media.
func (p *phone) due() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.wake
	if s := p.seat; s != nil && inCall(p.view) {
		if gone := s.gone(); !gone.IsZero() && (at.IsZero() || gone.Before(at)) {
			at = gone
		}
	}
	return at
}

// deserted tells whether nobody carries the media any more, or does not take what is to be done.
func (p *phone) deserted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seat == nil || !inCall(p.view) {
		return false
	}
	gone := p.seat.gone()
	return !gone.IsZero() && !time.Now().Before(gone)
}

// take takes an input.
func (p *phone) take(ctx context.Context, in phoneInput) error {
	if in.room != nil {
		p.roomNews(ctx, in.room)
		return nil
	}
	view := p.line.View()
	if !in.call.IsZero() && (in.call != view.Call || !inCall(view)) {
		return ErrUnknownCall
	}
	if in.media != nil {
		return p.report(ctx, in.media)
	}
	dial, ok := in.in.(conference.Dial)
	if !ok {
		if _, ok := in.in.(conference.Accept); ok && view.Status != conference.Ringing {
			return ErrUnknownCall
		}
		p.step(ctx, in.in)
		return nil
	}
	if inCall(view) {
		return ErrInCall
	}
	p.tokens = in.tokens
	p.step(ctx, dial)
	if p.line.View().Call != dial.Call {
		return ErrCall
	}
	return nil
}

// step steps the line, and does what it asks for.
func (p *phone) step(ctx context.Context, in conference.Input) {
	before := p.line.View()
	actions := p.line.Step(time.Now(), in)
	view := p.line.View()
	if view.Call != before.Call {
		p.sit(view.Call)
	}
	var sends []conference.Send
	var ends []conference.Finish
	for _, a := range actions {
		switch a := a.(type) {
		case conference.Send:
			sends = append(sends, a)
		case conference.Finish:
			ends = append(ends, a)
		case conference.Ring: // the view says it
		case conference.Wake:
			p.mu.Lock()
			p.wake = a.At
			p.mu.Unlock()
		case conference.Open:
			p.openRoom(ctx, view.Call, a)
		case conference.Join:
			p.leaveRoom()
			p.room.join, p.room.number = &a, p.room.number+1
			p.assign(view.Call, CallTask{Kind: TaskConnect, Offer: true, Video: a.Media == conference.Video})
		case conference.Leave:
			if a.Peer.IsZero() {
				p.leaveRoom()
			}
			p.assign(before.Call, CallTask{Kind: TaskLeave, Peer: a.Peer})
		case conference.Connect, conference.Apply, conference.Restart, conference.Voice, conference.Show, conference.Rekey,
			conference.TakeKey, conference.DropKey:
			p.assign(view.Call, taskOf(a))
		}
	}
	p.mu.Lock()
	p.view = view
	p.mu.Unlock()
	p.keep(ctx, in, before, view, sends, ends)
	if !inCall(view) && inCall(before) {
		p.assign(before.Call, CallTask{Kind: TaskOver, Reason: view.Reason.String(), Because: view.Because()})
	}
	if in != nil || len(actions) > 0 {
		p.n.ring.add([]Event{{Kind: EventCall, Time: p.n.now(), Account: view.Caller.Account}})
	}
}

// keep writes the history of calls, and has the signals leave, in one turn.
func (p *phone) keep(ctx context.Context, in conference.Input, before, view conference.View, sends []conference.Send, ends []conference.Finish) {
	h, heard := in.(conference.Heard)
	d, dialled := in.(conference.Dial)
	if len(sends) == 0 && len(ends) == 0 && before.Call == view.Call && before.Status == view.Status && !heard {
		return
	}
	err := p.n.run(ctx, func(t *turn) error {
		finished := func(call CallID) bool {
			for _, f := range ends {
				if f.Call == call {
					return true
				}
			}
			return false
		}
		if inCall(before) && before.Call != view.Call && !finished(before.Call) {
			t.dropCall(before.Call, Account{}) // both called at once, and the other's call stays
		}
		if heard && h.Signal.Invite != nil && inCall(before) && before.Outgoing &&
			view.Call == before.Call && !finished(h.Signal.Call) {
			t.dropCall(h.Signal.Call, h.From.Account) // the same, and ours stays
		}
		if dialled && view.Call == d.Call {
			t.noteCall(CallRecord{
				Call: d.Call, With: d.Callees[0].Account, Outgoing: true, Time: t.now, Reason: conference.ReasonNoAnswer, Mode: d.Mode,
				Others: uint16(len(d.Callees) - 1), Mixer: firstMixer(d.Mixers),
			}, true)
		}
		if view.Status == conference.Talking && before.Status != conference.Talking {
			t.changeCall(view.Call, Account{}, func(r *CallRecord) {
				r.Reason = conference.ReasonLost // unless it ends otherwise
				if view.Mixer != nil {
					r.Mixer = mixerName(view.Mixer)
				}
			})
		}
		for _, f := range ends {
			t.changeCall(f.Call, f.With, func(r *CallRecord) {
				if f.Reason != conference.ReasonMissed || r.Reason != conference.ReasonElsewhere { // which came with the same post
					r.Reason, r.Lasted = f.Reason, f.Lasted
					if f.Call == view.Call {
						r.Because = view.Because()
					}
				}
			})
		}
		for _, s := range sends {
			if err := t.callSignal(s.To, s.Device, s.Signal); err != nil {
				t.n.log.Info("a signal of a call does not leave", "kind", s.Signal.Kind, "error", err)
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrStopped) {
		p.n.log.Warn("a call was not kept", "error", err)
	}
}
