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
	busy   bool // an offer is on its way
}

// roomNews is what became of a visit.
type roomNews struct {
	number uint64
	entry  *conference.Entry // entered
	answer string
	round  uint32
	ended  bool
	failed bool
}

// openRoom opens the room at all mixers of the list.
func (p *phone) openRoom(ctx context.Context, call CallID, a conference.Open) {
	for i, m := range a.Mixers {
		opening := conference.Opening{Room: a.Room, Mode: a.Mode, Owner: a.Hashes[0], Keys: a.Hashes, Token: p.tokens[m.Key]}
		p.work.Go(func() {
			short, cancel := context.WithTimeout(ctx, mixerTime)
			defer cancel()
			err := conference.OpenRoom(short, p.n.config.Conference, m, opening)
			if err != nil {
				p.n.log.Info("a mixer opens no room", "error", err)
			}
			if i == 0 {
				p.tell(phoneInput{call: call, in: conference.Opened{OK: err == nil}})
			}
		})
	}
}

// leaveRoom leaves the room, if this device is in one.
func (p *phone) leaveRoom() {
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
	v.busy = true
	number, entry, join := v.number, v.entry, *v.join
	call := p.line.View().Call
	p.work.Go(func() {
		short, cancel := context.WithTimeout(ctx, mixerTime)
		defer cancel()
		news := &roomNews{number: number, round: r.Round, entry: entry}
		var err error
		if entry == nil {
			news.entry, news.answer, err = conference.EnterRoom(short, p.n.config.Conference, join.Mixer, join.Room, join.Key, r.SDP)
		} else {
			news.answer, err = entry.Restart(short, r.SDP)
		}
		if err != nil {
			p.n.log.Info("the room is not entered", "error", err)
			news.failed = true
		}
		p.bring(ctx, phoneInput{call: call, room: news})
	})
	return nil
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
		p.step(ctx, conference.RoomLost{})
	case news.failed:
		v.busy = false // the line tries again, or goes to another mixer, when it is time
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
		if refused := conference.RefusalError(0); errors.As(e.Err(), &refused) {
			p.n.log.Info("the mixer ends the leg", "reason", refused)
		}
		if !sleep(ctx, 100*time.Millisecond) { // a mixer that refuses at once is not asked all the time
			return
		}
		p.bring(ctx, phoneInput{call: call, room: &roomNews{number: number, ended: true}})
	})
}
