package room

import (
	"encoding/json"
	"slices"
	"time"
)

// notices are what a room tells its legs on the data channel, as JSON, for pages: who is there, by the number of the leg,
// and what each does. It tells all when something changed, but not more often than every interval.
//
//	room → leg   {"you":3,"legs":[{"leg":1,"speaking":true,"muted":false,"hand":false}, …]}
//	leg → room   {"muted":true,"hand":false}
type notices struct {
	list    []*listed
	changed bool
	last    time.Time
}

const (
	interval   = 200 * time.Millisecond
	refresh    = 2 * time.Second // also without a change: a channel that was not open yet missed it
	noticeSize = 1 << 10         // bytes of a leg's message
)

// legState is what a leg does, as it says.
type legState struct {
	Leg      uint32 `json:"leg,omitempty"`
	Speaking bool   `json:"speaking"`
	Muted    bool   `json:"muted"`
	Hand     bool   `json:"hand"`
}

type listed struct {
	legState
	to leg
}

func (n *notices) enter(id uint32, to leg) {
	n.list = append(n.list, &listed{legState{Leg: id}, to})
	n.changed = true
}

func (n *notices) leave(id uint32) {
	n.list = slices.DeleteFunc(n.list, func(l *listed) bool { return l.Leg == id })
	n.changed = true
}

// told reads what a leg says, and is false for what is none.
func (n *notices) told(id uint32, message []byte) (legState, bool) {
	var s legState
	if len(message) > noticeSize || json.Unmarshal(message, &s) != nil {
		return s, false
	}
	for _, l := range n.list {
		if l.Leg == id {
			l.Muted, l.Hand = s.Muted, s.Hand
			l.Speaking = l.Speaking && !s.Muted
			n.changed = true
			return l.legState, true
		}
	}
	return s, false
}

func (n *notices) speaking(now time.Time, who []*member) {
	ids := make([]uint32, 0, len(who))
	for _, p := range who {
		ids = append(ids, p.id)
	}
	n.speakingIDs(now, ids)
}

// speakingIDs notes who speaks, and tells all if it is time.
func (n *notices) speakingIDs(now time.Time, ids []uint32) {
	for _, l := range n.list {
		if speaks := slices.Contains(ids, l.Leg); speaks != l.Speaking {
			l.Speaking, n.changed = speaks, true
		}
	}
	if since := now.Sub(n.last); since < interval || !n.changed && since < refresh {
		return
	}
	n.changed, n.last = false, now
	legs := make([]legState, 0, len(n.list))
	for _, l := range n.list {
		legs = append(legs, l.legState)
	}
	for _, l := range n.list {
		if b, err := json.Marshal(map[string]any{"you": l.Leg, "legs": legs}); err == nil {
			_ = l.to.Tell(b) // a leg that does not read ends by itself
		}
	}
}
