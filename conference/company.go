package conference

import (
	"slices"
	"time"
)

// How long somebody in a hosted call bears with others that are in the call, and not in the room.
const (
	AloneTime  = 3 * time.Second  // until they are asked where they are
	askEvery   = 10 * time.Second // until they are asked again; twice as long each time
	askRarely  = 5 * time.Minute  // and no longer than this
	SearchTime = ConnectTime      // alone, and without an answer, until they are sought at the other mixers
)

// askAtOnce is how many are asked at a time: the host, and others in turn.
const askAtOnce = 8

// company is what a line makes of what the room says of who is in it.
type company struct {
	told     bool // the room has spoken
	others   int  // that are in it
	met      bool // somebody was, in this call
	searched int  // mixers, since somebody last was

	missing time.Time // since when some are in the call, and not in the room; zero: all are here
	alone   time.Time // since when all the others are
	ask     time.Time // when to ask next
	pause   time.Duration
	turn    int       // whom to ask next
	apart   time.Time // when to go on, since others say that they are in this room; zero: none does
}

// counted notes how many others the room says are in it.
func (l *Line) counted(others int) {
	if l.links[Party{}] != nil {
		l.company.told, l.company.others = true, max(others, 0)
	}
}

// keepCompany looks for those who are in the call, and not in the room: they may be in that of another mixer. Who misses some
// asks them where they are, and the rule of hand-overs brings all to one place (see follow). Only who is quite alone goes
// elsewhere by itself, once to each mixer: at once if others say that they are here, for then this mixer keeps them apart, and
// after SearchTime if nobody says anything, as those do not who are no contacts. The host stays longer, so that two who seek
// each other do not pass by each other.
func (l *Line) keepCompany() {
	c := &l.company
	k, peers := l.links[Party{}], len(l.peers())
	here := l.mode.hosted() && l.status.within() && k != nil && k.up && c.told
	if here && c.others > 0 {
		c.met, c.searched = true, 0
	}
	if !here || c.others >= peers {
		c.missing, c.alone, c.apart = time.Time{}, time.Time{}, time.Time{}
		return
	}
	if c.missing.IsZero() {
		c.missing, c.ask, c.pause = l.now, l.now.Add(AloneTime), askEvery
	}
	switch {
	case c.others > 0:
		c.alone, c.apart = time.Time{}, time.Time{}
	case c.alone.IsZero():
		c.alone = l.now
	}
	switch due := func(t time.Time) bool { return !t.IsZero() && !l.now.Before(t) }; {
	case due(c.apart):
		l.search("keeps the callers apart")
	case due(l.searchAt()):
		l.search("had nobody else in the room")
	case due(c.ask):
		l.askWhere()
		c.ask, c.pause = l.now.Add(c.pause), min(2*c.pause, askRarely)
	}
}

// searchAt is when to seek the others elsewhere: zero for not at all.
func (l *Line) searchAt() time.Time {
	c := &l.company
	switch {
	case c.alone.IsZero() || c.searched >= len(l.mixers)-1:
		return time.Time{}
	case l.hosting():
		return c.alone.Add(SearchTime * time.Duration(len(l.mixers)+1))
	default:
		return c.alone.Add(SearchTime)
	}
}

// search goes to the next mixer, unless each was looked at.
func (l *Line) search(why string) {
	c := &l.company
	c.apart = time.Time{}
	if c.searched >= len(l.mixers)-1 {
		return
	}
	c.searched++
	c.missing, c.alone = time.Time{}, time.Time{}
	l.handOver(why)
}

// askWhere asks some of the others where they are.
func (l *Line) askWhere() {
	peers := l.peers()
	some := peers[:min(len(peers), 1)] // the host, if it is not this device
	if rest := peers[len(some):]; len(rest) > 0 {
		some = slices.Clone(some)
		for range min(len(rest), askAtOnce-1) {
			some = append(some, rest[l.company.turn%len(rest)])
			l.company.turn++
		}
	}
	for _, p := range some {
		s := l.where()
		s.Mixers.Ask = true
		l.send(p, s)
	}
}

// answerWhere tells somebody where this device is, or all as soon as it is somewhere.
func (l *Line) answerWhere(to Party) {
	switch k := l.links[Party{}]; {
	case k != nil && k.up:
		l.send(to, l.where())
	case k != nil:
		l.moved = true
	}
}

// alone tells whether nobody of the others that are in the call is in the room, for a while already.
func (l *Line) alone() bool {
	at := l.company.alone
	return !at.IsZero() && l.now.Sub(at) >= AloneTime
}

// soonest calls sooner with each time at which keepCompany has something to do.
func (l *Line) soonest(sooner func(time.Time)) {
	c := &l.company
	if c.missing.IsZero() {
		return
	}
	sooner(c.ask)
	sooner(c.apart)
	sooner(l.searchAt())
	if !c.alone.IsZero() && !l.alone() {
		sooner(c.alone.Add(AloneTime)) // it shows then
	}
}
