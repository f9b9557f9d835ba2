package room

import (
	"encoding/json"
	"slices"
	"time"
)

// notices are what a room tells its legs on the data channel, as JSON, for pages: who is there, by the number of the leg, and
// what each does (conference/PROTOCOL.md). A leg is told all once, when its channel opens, and then what changed: so much for
// each that the whole would be larger than the voices if everybody were told of everybody each time. What changed is told
// within an interval while little does, and in a room where all talk at once every second on average.
type notices struct {
	list    []*listed
	gone    []uint32
	changed bool
	last    time.Time
	credit  time.Duration // each time that something is told costs a second
}

const (
	interval   = 200 * time.Millisecond
	price      = time.Second
	mostCredit = 5 * time.Second
	noticeSize = 1 << 10 // bytes of a leg's message
	noticeLegs = 200     // of one message to a leg, which may have 16 KiB
)

// legState is what a leg does, as it says.
type legState struct {
	Leg      uint32 `json:"leg"`
	Speaking bool   `json:"speaking,omitempty"`
	Muted    bool   `json:"muted,omitempty"`
	Hand     bool   `json:"hand,omitempty"`
}

// notice is a message to a leg.
type notice struct {
	You  uint32     `json:"you,omitempty"` // with it the list is all that is so far
	Legs []legState `json:"legs,omitempty"`
	Gone []uint32   `json:"gone,omitempty"`
}

type listed struct {
	legState
	to      leg
	knows   bool // the list
	changed bool
}

func (n *notices) enter(id uint32, to leg) {
	n.list = append(n.list, &listed{legState: legState{Leg: id}, to: to, changed: true})
	n.changed = true
}

func (n *notices) leave(id uint32) {
	i := slices.IndexFunc(n.list, func(l *listed) bool { return l.Leg == id })
	if i >= 0 {
		n.list = slices.Delete(n.list, i, i+1)
		n.gone, n.changed = append(n.gone, id), true
	}
}

// told reads what a leg says, and is false for what is none.
func (n *notices) told(id uint32, message []byte) (legState, bool) {
	var s legState
	if len(message) > noticeSize || json.Unmarshal(message, &s) != nil {
		return s, false
	}
	for _, l := range n.list {
		if l.Leg == id {
			now := legState{Leg: id, Speaking: l.Speaking && !s.Muted, Muted: s.Muted, Hand: s.Hand}
			if now != l.legState {
				l.legState, l.changed, n.changed = now, true, true
			}
			return now, true
		}
	}
	return s, false
}

func (n *notices) speaking(now time.Time, who []*member) {
	var ids [voices]uint32
	for i, p := range who {
		ids[i] = p.id
	}
	n.speakingIDs(now, ids[:len(who)])
}

// speakingIDs notes who speaks, and tells all if it is time.
func (n *notices) speakingIDs(now time.Time, ids []uint32) {
	for _, l := range n.list {
		if speaks := slices.Contains(ids, l.Leg); speaks != l.Speaking {
			l.Speaking, l.changed, n.changed = speaks, true, true
		}
	}
	since := now.Sub(n.last)
	if since < interval {
		return
	}
	n.last, n.credit = now, min(n.credit+since, mostCredit)
	if n.credit < price {
		return
	}
	if n.changed {
		n.credit -= price
	}
	var all, changes [][]byte
	for _, l := range n.list {
		switch {
		case l.knows && n.changed:
			if changes == nil {
				changes = n.changes()
			}
			tell(l.to, changes)
		case !l.knows && l.to.Open():
			l.knows = true
			if all == nil {
				all = messages(n.all(), nil)
			}
			you, err := json.Marshal(notice{You: l.Leg})
			if err == nil {
				tell(l.to, append([][]byte{you}, all...))
			}
		}
	}
	if n.changed {
		n.changed, n.gone = false, nil
		for _, l := range n.list {
			l.changed = false
		}
	}
}

// tell sends messages to a leg; one that does not read ends by itself.
func tell(to leg, messages [][]byte) {
	for _, b := range messages {
		if to.Tell(b) != nil {
			return
		}
	}
}

func (n *notices) all() []legState {
	legs := make([]legState, 0, len(n.list))
	for _, l := range n.list {
		legs = append(legs, l.legState)
	}
	return legs
}

func (n *notices) changes() [][]byte {
	var legs []legState
	for _, l := range n.list {
		if l.changed {
			legs = append(legs, l.legState)
		}
	}
	return messages(legs, n.gone)
}

// messages writes legs, and who is gone, as messages of bounded size.
func messages(legs []legState, gone []uint32) [][]byte {
	var out [][]byte
	for len(legs) > 0 || len(gone) > 0 {
		m := notice{Legs: legs[:min(len(legs), noticeLegs)], Gone: gone[:min(len(gone), noticeLegs)]}
		legs, gone = legs[len(m.Legs):], gone[len(m.Gone):]
		if b, err := json.Marshal(m); err == nil {
			out = append(out, b)
		}
	}
	return out
}
