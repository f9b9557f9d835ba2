package conference

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// MixerState is what a device knows of one of the mixers of its call.
type MixerState uint8

// The states.
const (
	MixerNamed  MixerState = iota // the caller named it; it was not needed yet
	MixerAsked                    // it is asked to open the room
	MixerReady                    // the room is open there, in case
	MixerChosen                   // it is to carry the call: the room is being entered, or will be when the call is taken
	MixerUsed                     // it carries the call
	MixerFailed                   // it was tried in vain, or lost: Why
)

// String names the state.
func (s MixerState) String() string {
	names := [...]string{"named", "asked", "ready", "chosen", "used", "failed"}
	if int(s) >= len(names) {
		return "unknown"
	}
	return names[s]
}

// MixerView is what can be seen of one of the mixers of a call.
type MixerView struct {
	Mixer Mixer
	State MixerState
	Why   string // it failed, when it last did: "cannot be reached", "is full"
}

// note is what is known of a mixer.
type note struct {
	open bool   // it has opened the room for us, or let us in
	slow bool   // it did not answer in its time, and may yet
	why  string // it failed last
}

// slowly is why a mixer was passed over that may answer yet.
const slowly = "does not answer"

// notUnderstood is what can be said of a mixer and a device that speak differently.
const notUnderstood = "and this device do not understand each other"

// Plain says in words for people why a mixer did not do what it was asked: what can stand after its name.
func Plain(err error) string {
	if err == nil {
		return ""
	}
	var refused RefusalError
	switch {
	case errors.As(err, &refused):
		return refused.plain()
	case errors.Is(err, ErrKey):
		return "could not prove that it is the one that was named"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return slowly
	case errors.Is(err, ErrSignal), errors.Is(err, identity.ErrMalformed), errors.Is(err, identity.ErrSize), errors.Is(err, identity.ErrNewer):
		return notUnderstood
	default:
		return "cannot be reached"
	}
}

func (r RefusalError) plain() string {
	switch r {
	case ErrFull:
		return "is full"
	case ErrNotAllowed:
		return "does not let this device open a room: its token is missing or wrong"
	case ErrNoRoom, ErrNoKey:
		return "knows of no such call"
	case ErrExists:
		return "has another room of that name"
	case ErrClosing:
		return "is stopping"
	case ErrDropped:
		return "put this device out"
	case ErrSlow:
		return "got no sound from this device"
	default:
		return notUnderstood
	}
}

// Whose says whose a mixer is, as the caller says, or else how its key begins.
func (m *Mixer) Whose() string { return cmp.Or(m.Name, m.Key.String()[:8]) }

// Because says why a hosted call failed or was lost, of each mixer that did: "oak cannot be reached, elm is full". It is empty
// for all other calls.
func (v *View) Because() string {
	if v.Status != Ended || v.Reason != ReasonFailed && v.Reason != ReasonLost {
		return ""
	}
	var all []string
	for i := range v.Mixers {
		if m := &v.Mixers[i]; m.Why != "" {
			all = append(all, m.Mixer.Whose()+" "+m.Why)
		}
	}
	return strings.Join(all, ", ")
}

// note returns what is known of the current mixer.
func (l *Line) note() *note { return l.noteOf(l.current) }

func (l *Line) noteOf(i int) *note {
	key := l.mixers[i].Key
	if l.notes[key] == nil {
		l.notes[key] = new(note)
	}
	return l.notes[key]
}

func (l *Line) viewMixers() []MixerView {
	all := make([]MixerView, len(l.mixers))
	for i, m := range l.mixers {
		n := note{}
		if known := l.notes[m.Key]; known != nil {
			n = *known
		}
		v := MixerView{Mixer: m, Why: n.why}
		if n.slow && v.Why == "" {
			v.Why = slowly
		}
		k := l.links[Party{}]
		switch here := i == l.current; {
		case here && k != nil && k.up:
			v.State, v.Why = MixerUsed, ""
		case here && (k != nil || l.status == Ringing):
			v.State = MixerChosen
		case here && l.status == Ended && v.Why == "" && !l.began.IsZero():
			v.State = MixerUsed // to the end
		case v.Why != "":
			v.State = MixerFailed
		case n.open:
			v.State = MixerReady
		case l.outgoing && l.status == Calling && !l.opened:
			v.State = MixerAsked
		}
		all[i] = v
	}
	return all
}

// haveOpened notes whether a mixer has the room.
func (l *Line) haveOpened(in Opened) {
	i := slices.IndexFunc(l.mixers, func(m Mixer) bool { return m.Key == in.Mixer })
	if i < 0 || !l.outgoing {
		return
	}
	if n := l.noteOf(i); in.Why == "" {
		*n = note{open: true}
	} else if !n.open {
		*n = note{why: in.Why}
	}
	if l.status == Calling && !l.opened {
		l.seek(false)
	}
}

// seek finds the first mixer that opens the room, in the order of the list, with MixerTime for each, and if none did in its
// time, whoever does at last. Nobody is called before.
func (l *Line) seek(late bool) {
	for !l.asked {
		switch n := l.note(); {
		case n.open:
			l.startAt(l.current)
			return
		case n.why == "" && !late:
			return // it may yet answer
		case n.why == "":
			n.slow = true
		}
		late = false
		if l.current+1 < len(l.mixers) {
			l.current++
			l.due = l.now.Add(MixerTime)
			continue
		}
		l.asked, l.due = true, l.now.Add(ConnectTime)
	}
	waits := false
	for i := range l.mixers {
		n := l.noteOf(i)
		if n.open {
			l.startAt(i)
			return
		}
		waits = waits || n.why == ""
	}
	if !waits || late {
		l.end(ReasonFailed)
	}
}

// startAt has the call begin at a mixer: the caller enters the room, and invites the others to where it is. So the list that
// they get begins with that one, and goes on in the same circle: who is called knows nothing of mixers that were passed over.
func (l *Line) startAt(i int) {
	l.mixers = slices.Concat(l.mixers[i:], l.mixers[:i])
	l.current, l.opened = 0, true
	for _, c := range l.callees {
		c.invite.Mixers = l.mixers
	}
	l.join()
	l.invite()
}

// join enters the room at the current mixer.
func (l *Line) join() {
	wait := RestartEvery
	if len(l.mixers) > 1 {
		wait = MixerTime
	}
	l.dark, l.company.told = l.now, false
	l.links[Party{}] = &link{since: l.now, retry: l.now.Add(wait)}
	l.do(Join{Mixer: l.mixers[l.current], Room: l.room, Mode: l.mode, Media: l.media, Key: l.key})
}

// rejoin leaves the room and enters it at the current mixer. That one may have closed the room, in which nobody was, or have
// been started anew: so who called opens it again. Who goes round and round is given more time each time, lest those who
// cannot all reach one mixer drive each other on for ever.
func (l *Line) rejoin() {
	if l.dark.IsZero() {
		l.dark = l.now
	}
	l.company.told = false
	wait := JoinPatience << min(max(l.tries-1, 0)/len(l.mixers), 4)
	l.do(Leave{})
	l.links[Party{}] = &link{since: l.now, retry: l.now.Add(wait)}
	l.do(Join{l.mixers[l.current], l.room, l.mode, l.media, l.key, l.hashes})
}

// worked notes that media flowed long enough for a mixer to count as one that works.
func (l *Line) worked(k *link) {
	if k.up && l.now.Sub(k.since) >= StayTime {
		l.tries = 0
	}
}

// blame notes why the current mixer does not carry the call; by itself it says what can be seen.
func (l *Line) blame(why string) {
	if !l.mode.hosted() || len(l.mixers) == 0 {
		return
	}
	n, k := l.note(), l.links[Party{}]
	switch {
	case why != "":
	case k != nil && k.was:
		why = "went silent"
	case n.why != "":
		return // it was said
	default:
		why = slowly
	}
	*n = note{open: n.open, why: why}
}

// notEntered goes to the next mixer at once, unless all have been tried in this way: then it waits until it is time.
func (l *Line) notEntered(why string) {
	k := l.links[Party{}]
	if k == nil || k.up {
		return
	}
	if l.tries < len(l.mixers)-1 {
		l.handOver(why)
		return
	}
	l.blame(why)
}

// handOver goes to the next mixer, or to the only one again.
func (l *Line) handOver(why string) {
	l.blame(why)
	if k := l.links[Party{}]; k != nil {
		l.worked(k)
	}
	if len(l.mixers) > 1 {
		l.epoch++
		l.tries++
		l.current = (l.current + 1) % len(l.mixers)
		l.moved = true
	}
	l.rejoin()
}

// where says where the call is.
func (l *Line) where() *Signal {
	return &Signal{Kind: KindMixers, Mixers: &Mixers{Epoch: l.epoch, Current: uint8(l.current), List: l.mixers}}
}

// tellMixers tells where the call is to those who are in, and to those who are called and may come.
func (l *Line) tellMixers() {
	for _, p := range l.peers() {
		l.send(p, l.where())
	}
	for _, c := range l.callees {
		if c.pending() {
			l.tell(c.account, 0, l.where())
		}
	}
}

// follow goes where somebody in the call went because the mixer was lost. All that lose one at the same moment go to the
// same next one by themselves; who did not notice follows, and who does not know is told. Who is still called will enter there.
func (l *Line) follow(from Party, m *Mixers) {
	if !l.mode.hosted() || !slices.Contains(l.roster, from) || !l.status.within() && l.status != Ringing {
		return
	}
	switch {
	case m.Epoch > l.epoch+64: // no member may drive the epoch to where nobody can follow
		return
	case m.Epoch < l.epoch, m.Epoch == l.epoch && int(m.Current) > l.current: // it does not know
		l.answerWhere(from)
		return
	case m.Epoch == l.epoch && int(m.Current) == l.current && m.Ask:
		l.answerWhere(from)
		return
	case m.Epoch == l.epoch && int(m.Current) == l.current:
		if c := &l.company; !c.alone.IsZero() && c.apart.IsZero() {
			c.apart = l.now.Add(AloneTime) // unless the room says so until then
		}
		return
	}
	was := l.mixers[l.current].Key
	if from == l.roster[0] {
		l.mixers = m.List // the host alone may name others
	}
	if int(m.Current) >= len(l.mixers) {
		return
	}
	l.epoch, l.current = m.Epoch, int(m.Current)
	if k := l.links[Party{}]; k == nil || l.mixers[l.current].Key == was {
		return // it rings, or this device is there
	}
	l.moved = l.hosting() // some may hear of it from the host alone
	l.rejoin()
}
