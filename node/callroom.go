package node

import (
	"context"
	"errors"
	"time"

	"github.com/linnetmesh/linnet/conference"
)

// room is the room of the current call on a mixer, as far as this device is in it.
type room struct {
	join   *conference.Join
	number uint64 // of the visit: news of earlier ones are passed over
	entry  *conference.Entry
	busy   bool               // an offer is on its way
	stop   context.CancelFunc // of that way
}

// roomNews is what became of a visit.
type roomNews struct {
	number uint64
	entry  *conference.Entry // entered
	answer string
	round  uint32
	ended  bool
	failed bool
	why    string // it ended, or failed, as conference.Plain says it; empty: unknown
}

// openRoom opens the room at all mixers of the list, and tells the line of each.
func (p *phone) openRoom(ctx context.Context, call CallID, a conference.Open) {
	for _, m := range a.Mixers {
		opening := conference.Opening{Room: a.Room, Mode: a.Mode, Owner: a.Hashes[0], Keys: a.Hashes, Token: p.tokens[m.Key]}
		p.work.Go(func() {
			short, cancel := context.WithTimeout(ctx, mixerTime)
			defer cancel()
			err := conference.OpenRoom(short, p.n.config.Conference, m, opening)
			if err != nil {
				p.n.log.Info("a mixer opens no room", "error", err)
			}
			p.tell(phoneInput{call: call, in: conference.Opened{Mixer: m.Key, Why: conference.Plain(err)}})
		})
	}
}

// leaveRoom leaves the room, if this device is in one.
func (p *phone) leaveRoom() {
	if p.room.stop != nil {
		p.room.stop()
	}
	if p.room.entry != nil {
		_ = p.room.entry.Close()
	}
	p.room = room{number: p.room.number + 1}
}

// offerRoom brings the offer of who carries the media to the mixer.
func (p *phone) offerRoom(ctx context.Context, r *CallReport) error {
	v := &p.room
	if v.join == nil || v.busy || p.n.config.Conference == nil {
		return nil // the room was left meanwhile
	}
	short, cancel := context.WithTimeout(ctx, mixerTime)
	v.busy, v.stop = true, cancel
	number, entry, join := v.number, v.entry, *v.join
	call, token := p.line.View().Call, p.tokens[join.Mixer.Key]
	p.work.Go(func() {
		defer cancel()
		news := &roomNews{number: number, round: r.Round, entry: entry}
		var err error
		if entry == nil {
			news.entry, news.answer, err = p.enterRoom(short, &join, token, r.SDP)
		} else {
			news.answer, err = entry.Restart(short, r.SDP)
		}
		if err != nil {
			if !errors.Is(context.Cause(short), context.Canceled) { // it was left meanwhile
				p.n.log.Info("the room is not entered", "error", err)
			}
			news.failed, news.why = true, conference.Plain(err)
		}
		p.bring(ctx, phoneInput{call: call, room: news})
	})
	return nil
}

// How often a room is tried to be entered, and after how long again: who called may be opening it there at this moment, and
// the first word to a mixer that was started anew is lost to the connection of before. In all it is less than
// conference.JoinPatience.
const (
	enterTries = 6
	enterPause = 300 * time.Millisecond
)

// enterRoom enters a room, and opens it first, if that is for this device to do.
func (p *phone) enterRoom(ctx context.Context, join *conference.Join, token, offer string) (*conference.Entry, string, error) {
	opening := conference.Opening{Room: join.Room, Mode: join.Mode, Keys: join.Hashes, Token: token}
	for try := 1; ; try++ {
		var err error
		if len(opening.Keys) > 0 {
			opening.Owner = opening.Keys[0]
			if err = conference.OpenRoom(ctx, p.n.config.Conference, join.Mixer, opening); err == nil || refused(err) {
				opening.Keys = nil
			}
		}
		e, answer, no := conference.EnterRoom(ctx, p.n.config.Conference, join.Mixer, join.Room, join.Key, offer)
		switch {
		case no == nil:
			return e, answer, nil
		case refused(no) && !errors.Is(no, conference.ErrNoKey), try == enterTries, !sleep(ctx, enterPause):
			return nil, "", errors.Join(err, no)
		}
	}
}

// refused tells whether a mixer said no.
func refused(err error) bool {
	why := conference.RefusalError(0)
	return errors.As(err, &why)
}

// bring tells the phone what must not be lost: an entry that it is to close.
func (p *phone) bring(ctx context.Context, in phoneInput) {
	select {
	case p.in <- in:
	case <-ctx.Done():
		if e := in.room.entry; e != nil {
			_ = e.Close()
		}
	}
}

func (p *phone) roomNews(ctx context.Context, news *roomNews) {
	v := &p.room
	if news.number != v.number {
		if news.entry != nil && news.entry != v.entry {
			_ = news.entry.Close()
		}
		return
	}
	switch {
	case news.ended:
		v.entry = nil
		p.step(ctx, conference.RoomLost{Why: news.why})
	case news.failed:
		v.busy = false
		p.step(ctx, conference.NotEntered{Why: news.why}) // it tries again, or goes to another mixer
	default:
		v.busy = false
		if v.entry == nil {
			v.entry = news.entry
			p.watchRoom(ctx, news.entry, news.number)
		}
		p.assign(p.line.View().Call, CallTask{Kind: TaskDescription, SDP: news.answer, Round: news.round})
	}
}

// watchRoom tells when the mixer ends the leg.
func (p *phone) watchRoom(ctx context.Context, e *conference.Entry, number uint64) {
	call := p.line.View().Call
	p.work.Go(func() {
		select {
		case <-e.Ended():
		case <-ctx.Done():
			return
		}
		why := ""
		if refused := conference.RefusalError(0); errors.As(e.Err(), &refused) {
			p.n.log.Info("the mixer ends the leg", "reason", refused)
			why = conference.Plain(refused)
		}
		if !sleep(ctx, 100*time.Millisecond) { // a mixer that refuses at once is not asked all the time
			return
		}
		p.bring(ctx, phoneInput{call: call, room: &roomNews{number: number, ended: true, why: why}})
	})
}
