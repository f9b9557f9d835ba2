package conference

import (
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// callee is an account that we call.
type callee struct {
	account identity.Account
	invite  *Invite
	is      answer
	ringing uint8 // a device where it rings; 0: none
	device  uint8 // which took the call
	due     time.Time
}

// answer is what is known of a callee.
type answer uint8

const (
	asked   answer = iota // it may ring, or not
	isBusy                // one device is; another may yet ring
	wasBusy               // none did
	took
	declined
	silent
	left
)

// pending tells whether an answer may still come.
func (c *callee) pending() bool { return (c.is == asked || c.is == isBusy) && !c.due.IsZero() }

func (l *Line) callee(a identity.Account) *callee {
	for _, c := range l.callees {
		if c.account == a {
			return c
		}
	}
	return nil
}

// peers are the others that are in.
func (l *Line) peers() []Party {
	return slices.DeleteFunc(slices.Clone(l.roster), func(p Party) bool { return p == l.self })
}

// hosting tells whether we say who is in.
func (l *Line) hosting() bool { return len(l.roster) > 0 && l.roster[0] == l.self }

// answered takes what a callee says to our invite.
func (l *Line) answered(from Party, kind Kind) {
	c := l.callee(from.Account)
	if c == nil {
		return
	}
	switch kind {
	case KindRinging:
		if !c.pending() {
			return
		}
		if c.is == isBusy {
			c.is, c.due = asked, l.now.Add(RingTime)
		}
		c.ringing = from.Device
		if l.status == Calling {
			l.status = Alerting
		}
	case KindBusy:
		if c.is == asked && (c.ringing == 0 || c.ringing == from.Device) && c.pending() {
			c.is, c.due = isBusy, l.now.Add(BusyGrace)
		}
	case KindDecline:
		if c.pending() {
			c.is = declined
			l.tell(c.account, 0, &Signal{Kind: KindElsewhere, Elsewhere: &Elsewhere{}})
			l.exhaust()
		}
	case KindAccept:
		switch {
		case c.pending():
			c.is, c.device = took, from.Device
			l.tell(c.account, 0, &Signal{Kind: KindElsewhere, Elsewhere: &Elsewhere{Device: from.Device}})
			l.enter(from)
		case c.is == took && c.device != from.Device:
			l.send(from, &Signal{Kind: KindElsewhere, Elsewhere: &Elsewhere{Device: c.device}})
		}
	default:
	}
}

// exhaust ends the call if nobody is in and nobody may come.
func (l *Line) exhaust() {
	why := ReasonNoAnswer
	for _, c := range l.callees {
		switch {
		case c.pending():
			return
		case c.is == wasBusy:
			why = ReasonBusy
		case c.is == declined && why == ReasonNoAnswer:
			why = ReasonDeclined
		}
	}
	switch {
	case len(l.peers()) > 0:
	case l.status == Calling || l.status == Alerting:
		l.end(why)
	case l.status.within():
		l.end(ReasonHungUp)
	}
}

// enter takes somebody in, as the host.
func (l *Line) enter(p Party) {
	l.roster = append(l.roster, p)
	if l.status == Calling || l.status == Alerting {
		l.status, l.due = Connecting, l.now.Add(ConnectTime)
	}
	l.tellRoster()
	if l.epoch > 0 && !l.moved { // else all are told once it works
		l.send(p, l.where())
	}
	l.connect(p)
	l.rostered(p)
	l.membersChanged()
}

// tellRoster tells the others who is in.
func (l *Line) tellRoster() {
	r := &Roster{Parties: slices.Clone(l.roster)}
	for _, p := range l.peers() {
		l.send(p, &Signal{Kind: KindRoster, Roster: r})
	}
}

// rostered does what was to wait until somebody is in.
func (l *Line) rostered(p Party) {
	if key := l.early[p]; key != nil {
		l.do(TakeKey{p, key})
		delete(l.early, p)
	}
	if !l.mode.hosted() && l.state != (State{}) {
		l.sendState(p)
	}
}

// membersChanged gives forwarded calls new keys: who left must not understand what is said from now on, and who comes not
// what was said before.
func (l *Line) membersChanged() {
	if l.mode == Forward && l.status.within() && len(l.peers()) > 0 {
		l.do(Rekey{})
	}
}

// remove takes somebody out who left or was lost, and goes on as the host if that was the host.
func (l *Line) remove(p Party) {
	i := slices.Index(l.roster, p)
	if i < 0 || p == l.self {
		return
	}
	l.roster = slices.Delete(l.roster, i, i+1)
	if l.links[p] != nil {
		l.do(Leave{p})
		delete(l.links, p)
	}
	delete(l.others, p)
	delete(l.early, p)
	l.do(DropKey{p})
	if c := l.callee(p.Account); c != nil && c.is == took {
		c.is = left
	}
	if l.hosting() {
		l.tellRoster()
	}
	l.membersChanged()
	l.exhaust()
}

func (l *Line) hungUp(from Party) {
	switch {
	case l.status == Ringing && from == l.caller:
		l.do(Ring{false})
		l.end(ReasonMissed)
	case slices.Contains(l.roster, from):
		l.remove(from)
	case l.outgoing: // it took the call and left again before we heard of the one
		if c := l.callee(from.Account); c != nil && c.pending() {
			c.is = left
			l.exhaust()
		}
	}
}

func (l *Line) cancelled(from Party) {
	if from != l.caller {
		return
	}
	switch {
	case l.status == Ringing:
		l.do(Ring{false})
		l.end(ReasonMissed)
	case l.status.within() && !l.settled:
		l.end(ReasonHungUp)
	}
}

func (l *Line) elsewhere(from Party, e *Elsewhere) {
	if from != l.caller || e.Device == l.self.Device || l.settled {
		return
	}
	if l.status == Ringing {
		l.do(Ring{false})
	}
	l.end(ReasonElsewhere)
}

// takeRoster believes the host who is in.
func (l *Line) takeRoster(from Party, r *Roster) {
	if !l.status.within() || from != l.roster[0] || l.hosting() {
		return
	}
	next := make([]Party, 0, len(r.Parties))
	in := false
	for _, p := range r.Parties {
		p = p.known()
		if !l.members[p.Account] {
			return
		}
		if p.Account == l.self.Account && p != l.self {
			l.end(ReasonElsewhere)
			return
		}
		in = in || p == l.self
		next = append(next, p)
	}
	if !in || next[0] != from {
		return
	}
	l.settled = true
	before := l.peers()
	l.roster = next
	changed := false
	for _, p := range before {
		if !slices.Contains(next, p) {
			changed = true
			if l.links[p] != nil {
				l.do(Leave{p})
				delete(l.links, p)
			}
			delete(l.others, p)
			l.do(DropKey{p})
		}
	}
	for _, p := range l.peers() {
		if !slices.Contains(before, p) {
			changed = true
		}
		if l.connect(p) || !slices.Contains(before, p) {
			l.rostered(p)
		}
	}
	if changed || len(before) == 1 {
		l.membersChanged()
	}
}

// takeKey takes somebody's media key, and keeps it while they are not in yet.
func (l *Line) takeKey(from Party, key []byte) {
	switch {
	case l.status.within() && slices.Contains(l.roster, from):
		l.do(TakeKey{from, key})
	case len(l.early) < CallSize:
		l.early[from] = key
	}
}
