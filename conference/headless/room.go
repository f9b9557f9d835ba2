package headless

import "encoding/json"

// roomList is who a room on a mixer says is in it, by what it tells on the data channel (conference/PROTOCOL.md). The zero
// value has heard nothing.
type roomList struct {
	you    uint32
	legs   map[uint32]bool // the others
	listed bool            // the list came that says who is there
	last   int             // that was returned
	some   bool            // something was
}

// maxLegs is how many legs of a room are counted.
const maxLegs = 4096

// take takes a message, and returns how many others are in the room, and whether that is news.
func (r *roomList) take(message []byte) (others int, news bool) {
	var m struct {
		You  uint32 `json:"you"`
		Legs []struct {
			Leg uint32 `json:"leg"`
		} `json:"legs"`
		Gone []uint32 `json:"gone"`
	}
	if json.Unmarshal(message, &m) != nil {
		return 0, false
	}
	if m.You != 0 {
		*r = roomList{you: m.You, legs: make(map[uint32]bool), last: r.last, some: r.some}
	}
	if r.you == 0 {
		return 0, false // it has not said yet who we are
	}
	for _, l := range m.Legs {
		if r.listed = true; l.Leg != r.you && len(r.legs) < maxLegs {
			r.legs[l.Leg] = true
		}
	}
	for _, leg := range m.Gone {
		delete(r.legs, leg)
	}
	// The list follows who we are in messages of their own, and has us in it.
	if !r.listed || r.some && r.last == len(r.legs) {
		return 0, false
	}
	r.last, r.some = len(r.legs), true
	return r.last, true
}
