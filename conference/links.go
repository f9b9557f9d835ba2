package conference

import (
	"slices"
	"time"
)

// link is the way of media to a device, or to the room.
type link struct {
	up     bool
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

// join enters the room at the current mixer.
func (l *Line) join() {
	l.links[Party{}] = &link{since: l.now, retry: l.now.Add(RestartEvery)}
	l.do(Join{Mixer: l.mixers[l.current], Room: l.room, Mode: l.mode, Media: l.media, Key: l.key})
}

// rejoin leaves the room and enters it at the current mixer. That one may have closed the room, in which nobody was, or have
// been started anew: so who called opens it again.
func (l *Line) rejoin() {
	l.do(Leave{})
	l.links[Party{}] = &link{since: l.now, retry: l.now.Add(JoinPatience)}
	l.do(Join{l.mixers[l.current], l.room, l.mode, l.media, l.key, l.hashes})
}

func (l *Line) linkUp(p Party) {
	k := l.links[p]
	if k == nil || k.up {
		return
	}
	k.up, k.since = true, l.now
	if !p.IsZero() {
		return
	}
	if l.state != (State{}) {
		l.do(Show(l.state))
	}
	if l.moved {
		l.moved = false
		m := &Mixers{Epoch: l.epoch, Current: uint8(l.current), List: l.mixers}
		for _, p := range l.peers() {
			l.send(p, &Signal{Kind: KindMixers, Mixers: m})
		}
	}
}

func (l *Line) linkDown(p Party) {
	k := l.links[p]
	if k == nil || !k.up {
		return
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
		l.handOver()
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

// handOver goes to the next mixer, or to the only one again.
func (l *Line) handOver() {
	if len(l.mixers) > 1 {
		l.epoch++
		l.current = (l.current + 1) % len(l.mixers)
		l.moved = true
	}
	l.rejoin()
}

// follow goes where somebody in the call went because the mixer was lost. All that lose one at the same moment go to the
// same next one by themselves; who did not notice follows.
func (l *Line) follow(from Party, m *Mixers) {
	if !l.mode.hosted() || !slices.Contains(l.roster, from) || !l.status.within() {
		return
	}
	// No member may drive the epoch to where nobody can follow.
	if m.Epoch > l.epoch+64 || m.Epoch < l.epoch || m.Epoch == l.epoch && int(m.Current) >= l.current {
		return
	}
	if from == l.roster[0] {
		l.mixers = m.List // the host alone may name others
	}
	if int(m.Current) >= len(l.mixers) {
		l.current = min(l.current, len(l.mixers)-1)
		return
	}
	l.epoch, l.current, l.moved = m.Epoch, int(m.Current), false
	l.rejoin()
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
