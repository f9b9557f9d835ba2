package conference

import (
	"slices"
	"time"
)

// link is the way of media to a device, or to the room.
type link struct {
	up     bool
	was    bool      // it was up once
	since  time.Time // up or not
	retry  time.Time // when to try again while it is not up
	offers uint32    // round of our last offer
	heard  uint32    // round of theirs
}

// ends are the other ends of all links, in an order that is always the same.
func (l *Line) ends() []Party {
	ends := make([]Party, 0, len(l.links))
	for p := range l.links {
		ends = append(ends, p)
	}
	slices.SortFunc(ends, Party.compare)
	return ends
}

// connect starts a link to a device, unless there is one, and tells whether it did.
func (l *Line) connect(p Party) bool {
	if l.mode.hosted() || l.links[p] != nil || p == l.self {
		return false
	}
	l.links[p] = &link{since: l.now, retry: l.now.Add(RestartEvery)}
	l.do(Connect{p, l.self.compare(p) < 0, l.media})
	return true
}

func (l *Line) linkUp(p Party) {
	k := l.links[p]
	if k == nil || k.up {
		return
	}
	k.up, k.was, k.since = true, true, l.now
	if !p.IsZero() {
		return
	}
	*l.note() = note{open: true}
	l.dark = time.Time{}
	if l.state != (State{}) {
		l.do(Show(l.state))
	}
	if l.moved {
		l.moved = false
		l.tellMixers()
	}
}

func (l *Line) linkDown(p Party) {
	k := l.links[p]
	if k == nil || !k.up {
		return
	}
	if p.IsZero() {
		l.dark = l.now
		l.worked(k)
	}
	k.up, k.since, k.retry = false, l.now, l.now.Add(RestartEvery)
	// A mixer that is silent while our own network stayed as it was is given up soon.
	if p.IsZero() && l.now.Sub(l.changed) > RestartEvery {
		k.retry = l.now.Add(MixerPatience)
	}
	l.do(Restart{p})
}

// networkChanged seeks new ways for all links. They count as up until they are down.
func (l *Line) networkChanged() {
	l.changed = l.now
	for _, p := range l.ends() {
		k := l.links[p]
		k.retry = l.now.Add(RestartEvery)
		l.do(Restart{p})
	}
}

// retry does something about a link that is not up in time.
func (l *Line) retry(p Party, k *link) {
	if p.IsZero() {
		l.handOver("")
		return
	}
	// The host says who is lost; of a host that is lost, everybody does.
	if l.now.Sub(k.since) >= ReconnectTime && (l.hosting() || l.roster[0] == p) {
		l.send(p, &Signal{Kind: KindHangUp})
		if len(l.peers()) == 1 {
			why := ReasonLost
			if l.began.IsZero() {
				why = ReasonFailed
			}
			l.giveUp()
			l.end(why)
			return
		}
		l.remove(p)
		return
	}
	k.retry = l.now.Add(RestartEvery)
	l.do(Restart{p})
}

// described tells a peer what our side offers or answers.
func (l *Line) described(in Described) {
	k := l.links[in.Peer]
	if k == nil || in.Peer.IsZero() {
		return
	}
	if in.Description.Type == Offer {
		k.offers = in.Description.Round
	}
	d := in.Description
	l.send(in.Peer, &Signal{Kind: KindDescription, Description: &d})
}

// apply gives a link what its peer said. Of two devices the lower offers and the other answers, always, so offers never
// cross. An offer may come before the roster that names who makes it.
func (l *Line) apply(from Party, s *Signal) {
	if l.mode.hosted() || !l.status.within() {
		return
	}
	offering := l.self.compare(from) < 0
	if s.Kind == KindDescription && l.links[from] == nil {
		mayCome := from == l.caller || (l.mode == Mesh && !l.hosting() &&
			!slices.ContainsFunc(l.roster, func(p Party) bool { return p.Account == from.Account }))
		if offering || s.Description.Type != Offer || !mayCome {
			return
		}
		l.connect(from)
	}
	k := l.links[from]
	if k == nil {
		return
	}
	if d := s.Description; d != nil {
		switch {
		case d.Type == Offer && (offering || d.Round <= k.heard), d.Type == Answer && (!offering || d.Round != k.offers):
			return
		case d.Type == Offer:
			k.heard = d.Round
		}
	}
	l.do(Apply{from, s})
}
