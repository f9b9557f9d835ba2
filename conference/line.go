package conference

import (
	"bytes"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Line is a device's telephone: it holds one call at a time and tells others that it is busy. It takes no lock; one
// goroutine steps it, and does what it asks for. It keeps its promises whatever the network does to signals: they may be
// lost, doubled, late and in any order.
//
//   - From every status but Idle, Ended and Talking a Wake is asked for, so nothing waits for ever.
//   - What was connected or joined is left, at the latest when the call ends, and then nothing is begun.
//   - The microphone is heard in a call alone, and not while it is muted or on hold.
type Line struct {
	self   Party
	status Status
	reason Reason

	call     CallID
	mode     Mode
	media    Media
	outgoing bool
	caller   Party
	members  map[identity.Account]bool // whose signals count, our own included
	callees  []*callee                 // of an outgoing call
	roster   []Party                   // who is in, the host first; we too, once we are
	settled  bool                      // the host says that we are in
	room     RoomID
	mixers   []Mixer
	notes    map[identity.TransportKey]*note // what is known of them
	current  int                             // of mixers
	epoch    uint32                          // of hand-overs
	tries    int                             // hand-overs since a mixer last worked for StayTime
	asked    bool                            // each had its time to open the room
	dark     time.Time                       // since when no media flow with the room; zero: they do, or it was not joined
	company  company
	key      JoinKey
	hashes   []KeyHash // of who may enter, of an outgoing call
	opened   bool
	moved    bool // we handed over, and others are to be told once it works
	links    map[Party]*link
	early    map[Party][]byte // media keys of members who are not in the roster yet
	others   map[Party]State
	seen     map[sent]uint64
	number   uint64 // of our last signal
	state    State
	voice    Voice
	due      time.Time // when the status ends by itself
	began    time.Time // when media first flowed
	changed  time.Time // when the network last did
	wake     time.Time

	past [16]gone // calls that are over or never were: their invites ring no more
	next int      // of past

	now time.Time
	out []Action
}

type sent struct {
	from Party
	kind Kind
}

type gone struct {
	call CallID
	from identity.Account
}

// NewLine returns the line of a device.
func NewLine(self Party) *Line { return &Line{self: self.known()} }

// View is what can be seen of a Line.
type View struct {
	Status   Status
	Reason   Reason // of Ended
	Call     CallID
	Mode     Mode
	Media    Media
	Outgoing bool
	Caller   Party
	Parties  []Participant // the others that are in
	Mixer    *Mixer        // of hosted modes: who carries the call, and hears a mixed one
	Mixers   []MixerView   // of hosted modes: all that may, in the order in which they take over
	Alone    bool          // the others that are in are not in the room on the mixer, as that says
	Met      bool          // somebody was in it, in this call: who is alone is so not yet, but again
	Own      State
	Began    time.Time // when media first flowed; zero: not yet
}

// Participant is another device in the call.
type Participant struct {
	Party Party
	State State
	Up    bool // media flow; of hosted modes only the room knows
}

// View returns what can be seen of the line.
func (l *Line) View() View {
	v := View{
		Status: l.status, Reason: l.reason, Call: l.call, Mode: l.mode, Media: l.media, Outgoing: l.outgoing, Caller: l.caller,
		Own: l.state, Began: l.began,
	}
	for _, p := range l.peers() {
		k := l.links[p]
		v.Parties = append(v.Parties, Participant{p, l.others[p], k != nil && k.up})
	}
	if l.mode.hosted() && len(l.mixers) > 0 {
		m := l.mixers[l.current]
		v.Mixer, v.Mixers, v.Alone, v.Met = &m, l.viewMixers(), l.alone(), l.company.met
	}
	return v
}

// Step tells the line something, or with nil that time passed, and returns what is to be done. Now never goes back.
func (l *Line) Step(now time.Time, in Input) []Action {
	l.now, l.out = now, nil
	switch in := in.(type) {
	case nil:
	case Dial:
		l.dial(in)
	case Heard:
		l.hear(in)
	case Accept:
		if l.status == Ringing {
			l.do(Ring{false})
			l.take()
		}
	case Reject:
		if l.status == Ringing {
			l.decline()
		}
	case HangUp:
		l.hangUp()
	case Set:
		l.set(State(in))
	case Opened:
		l.haveOpened(in)
	case LinkUp:
		l.linkUp(in.Peer)
	case LinkDown:
		l.linkDown(in.Peer)
	case RoomLost:
		if l.links[Party{}] != nil {
			l.handOver(in.Why)
		}
	case NotEntered:
		l.notEntered(in.Why)
	case Company:
		l.counted(in.Others)
	case NetworkChanged:
		l.networkChanged()
	case Described:
		l.described(in)
	case Found:
		if _, ok := l.links[in.Peer]; ok {
			c := in.Candidates
			l.send(in.Peer, &Signal{Kind: KindCandidates, Candidates: &c})
		}
	case MadeKey:
		for _, p := range l.peers() {
			l.send(p, &Signal{Kind: KindMediaKey, MediaKey: &MediaKey{Key: in.Key}})
		}
	}
	l.expire()
	l.keepCompany()
	l.settle()
	l.plan()
	out := l.out
	l.out = nil
	return out
}

func (l *Line) do(a Action) { l.out = append(l.out, a) }

// send sends a signal of this call to a device.
func (l *Line) send(to Party, s *Signal) { l.tell(to.Account, to.Device, s) }

// tell sends a signal of this call, with device 0 to all devices of the account.
func (l *Line) tell(to identity.Account, device uint8, s *Signal) {
	l.number++
	s.Call, s.Number = l.call, l.number
	l.do(Send{to, device, s})
}

// begin forgets the last call, and starts another.
func (l *Line) begin(call CallID, mode Mode, media Media, caller Party) {
	*l = Line{self: l.self, past: l.past, next: l.next, wake: l.wake, now: l.now, out: l.out}
	l.call, l.mode, l.media, l.caller = call, mode, media, caller
	l.members = map[identity.Account]bool{l.self.Account: true, caller.Account: true}
	l.links, l.early = map[Party]*link{}, map[Party][]byte{}
	l.others, l.seen = map[Party]State{}, map[sent]uint64{}
	l.notes = map[identity.TransportKey]*note{}
}

// remember has later invites to the call ring no more.
func (l *Line) remember(call CallID, from identity.Account) {
	if !l.isPast(call, from) {
		l.past[l.next] = gone{call, from}
		l.next = (l.next + 1) % len(l.past)
	}
}

func (l *Line) isPast(call CallID, from identity.Account) bool {
	return slices.Contains(l.past[:], gone{call, from})
}

func (l *Line) dial(in Dial) {
	invite := Invite{Mode: in.Mode, Media: in.Media, Room: in.Room, Mixers: in.Mixers}
	if l.status.active() || in.Call.IsZero() || !in.Mode.Known() || len(in.Callees) == 0 || len(in.Callees) >= in.Mode.size() ||
		in.Mode.hosted() == in.Key.IsZero() {
		return
	}
	for _, c := range in.Callees {
		invite.Keys = c.Keys
		if c.Account == l.self.Account {
			return
		}
		if in.Mode != Direct {
			invite.Members = append(invite.Members, c.Account)
		}
		if c.Account.IsZero() || !invite.valid() {
			return
		}
	}
	l.begin(in.Call, in.Mode, in.Media, l.self)
	l.status, l.outgoing, l.roster, l.settled = Calling, true, []Party{l.self}, true
	l.room, l.mixers, l.key = in.Room, in.Mixers, in.Key
	hashes := []KeyHash{in.Key.Hash()}
	for _, c := range in.Callees {
		l.members[c.Account] = true
		of := invite
		of.Keys = c.Keys
		l.callees = append(l.callees, &callee{account: c.Account, invite: &of})
		for _, k := range c.Keys {
			hashes = append(hashes, JoinKey{b: k.Key}.Hash())
		}
	}
	if in.Mode.hosted() {
		l.due = l.now.Add(MixerTime)
		l.hashes = hashes
		l.do(Open{in.Mixers, in.Room, in.Mode, hashes})
		return
	}
	l.invite()
}

func (l *Line) invite() {
	l.due = time.Time{}
	for _, c := range l.callees {
		c.due = l.now.Add(RingTime)
		l.tell(c.account, 0, &Signal{Kind: KindInvite, Invite: c.invite})
	}
}

// hear takes a signal. What is not of this call, not of its members, or older than what was heard, changes nothing.
func (l *Line) hear(in Heard) {
	s, from := in.Signal, in.From.known()
	if s == nil || s.check() != nil || !from.valid() || from == l.self {
		return
	}
	if s.Kind == KindInvite {
		l.invited(from, s, in.Age)
		return
	}
	if !l.status.active() || s.Call != l.call {
		if s.Kind == KindCancel {
			l.remember(s.Call, from.Account) // it overtook its invite
		}
		return
	}
	if !l.members[from.Account] || from.Account == l.self.Account {
		return
	}
	if last := l.seen[sent{from, s.Kind}]; s.Kind != KindCandidates && s.Number <= last {
		return
	}
	l.seen[sent{from, s.Kind}] = s.Number
	switch s.Kind {
	case KindRinging, KindAccept, KindDecline, KindBusy:
		if l.outgoing {
			l.answered(from, s.Kind)
		}
	case KindCancel:
		l.cancelled(from)
	case KindHangUp:
		l.hungUp(from)
	case KindElsewhere:
		l.elsewhere(from, s.Elsewhere)
	case KindRoster:
		l.takeRoster(from, s.Roster)
	case KindDescription, KindCandidates:
		l.apply(from, s)
	case KindState:
		if slices.Contains(l.roster, from) {
			l.others[from] = *s.State
		}
	case KindMixers:
		l.follow(from, s.Mixers)
	case KindMediaKey:
		l.takeKey(from, s.MediaKey.Key)
	default:
	}
}

// invited rings, unless the device is in a call. If that one is ours to the same people, and nobody has answered yet, both
// called at once: the call with the lower ID is the one that both take, for both know both IDs. Who dialled the other drops
// it, and accepts at once, for they wanted to talk.
func (l *Line) invited(from Party, s *Signal, age time.Duration) {
	in := s.Invite
	if from.Account == l.self.Account || l.isPast(s.Call, from.Account) || (l.status != Idle && s.Call == l.call) {
		return
	}
	if len(in.Members) > 0 && !slices.Contains(in.Members, l.self.Account) || slices.Contains(in.Members, from.Account) {
		return
	}
	missed := func(why Reason) {
		l.remember(s.Call, from.Account)
		l.do(Finish{Call: s.Call, With: from.Account, Reason: why})
	}
	answer := func(kind Kind) { l.do(Send{from.Account, from.Device, &Signal{Call: s.Call, Kind: kind, Number: 1}}) }
	key := in.JoinKey(l.self.Device)
	switch {
	case !in.Mode.Known() || in.Media > Video:
		answer(KindDecline)
		missed(ReasonNewer)
		return
	case in.Mode.hosted() && key.IsZero():
		return // it was not this device that was called
	case age > RingTime:
		missed(ReasonMissed)
		return
	}
	takes := false
	if l.status.active() {
		if !l.sameCall(from, in) {
			answer(KindBusy)
			missed(ReasonMissed)
			return
		}
		if bytes.Compare(l.call[:], s.Call[:]) < 0 {
			l.remember(s.Call, from.Account)
			return
		}
		takes = true
		l.giveUp()
		l.leaveAll()
		l.remember(l.call, l.self.Account)
	}
	state, voice := l.state, l.voice
	l.begin(s.Call, in.Mode, in.Media, from)
	if takes {
		l.state, l.voice = state, voice
	}
	l.room, l.mixers, l.key = in.Room, in.Mixers, key
	l.roster = []Party{from}
	for _, a := range in.Members {
		l.members[a] = true
	}
	l.seen[sent{from, KindInvite}] = s.Number
	l.status, l.due = Ringing, l.now.Add(RingTime+ringSlack-max(age, 0))
	if takes {
		l.take()
		return
	}
	l.send(from, &Signal{Kind: KindRinging})
	l.do(Ring{true})
}

// sameCall tells whether an invite wants what our own call wants, and nobody has answered either.
func (l *Line) sameCall(from Party, in *Invite) bool {
	if !l.outgoing || (l.status != Calling && l.status != Alerting) || in.Mode != l.mode {
		return false
	}
	theirs := map[identity.Account]bool{from.Account: true, l.self.Account: true}
	for _, a := range in.Members {
		theirs[a] = true
	}
	if len(theirs) != len(l.members) {
		return false
	}
	for a := range l.members {
		if !theirs[a] {
			return false
		}
	}
	return true
}

// take accepts the call that was heard.
func (l *Line) take() {
	l.status, l.due = Connecting, l.now.Add(ConnectTime)
	l.roster = append(l.roster, l.self)
	l.send(l.caller, &Signal{Kind: KindAccept})
	if key := l.early[l.caller]; key != nil {
		l.do(TakeKey{l.caller, key})
		delete(l.early, l.caller)
	}
	if l.mode.hosted() {
		l.join()
	}
}

func (l *Line) decline() {
	l.do(Ring{false})
	l.send(l.caller, &Signal{Kind: KindDecline})
	l.end(ReasonDeclined)
}

func (l *Line) hangUp() {
	switch {
	case l.status == Ringing:
		l.decline()
	case l.status == Calling || l.status == Alerting:
		l.giveUp()
		l.end(ReasonCancelled)
	case l.status.within():
		l.depart(ReasonHungUp)
	}
}

// giveUp tells those who have not answered that they need not.
func (l *Line) giveUp() {
	for _, c := range l.callees {
		if c.pending() {
			l.tell(c.account, 0, &Signal{Kind: KindCancel})
		}
	}
}

// depart leaves a call that goes on without us.
func (l *Line) depart(why Reason) {
	l.giveUp()
	for _, p := range l.peers() {
		l.send(p, &Signal{Kind: KindHangUp})
	}
	l.end(why)
}

func (l *Line) leaveAll() {
	for _, p := range l.ends() {
		l.do(Leave{p})
		delete(l.links, p)
	}
}

// end ends the call, whatever its state.
func (l *Line) end(why Reason) {
	if !l.status.active() {
		return
	}
	l.leaveAll()
	with, lasted := l.caller.Account, time.Duration(0)
	if l.outgoing {
		with = l.callees[0].account
	}
	if !l.began.IsZero() {
		lasted = l.now.Sub(l.began)
	}
	l.do(Finish{l.call, with, l.outgoing, why, lasted})
	l.remember(l.call, l.caller.Account)
	l.status, l.reason, l.due, l.dark = Ended, why, time.Time{}, time.Time{}
	l.key, l.hashes, l.early, l.callees, l.roster = JoinKey{}, nil, nil, nil, nil
}

func (l *Line) set(s State) {
	s.Unknown = ""
	if !l.status.active() || s == l.state {
		return
	}
	l.state = s
	l.showState()
}

// showState tells the others what we do with our voice.
func (l *Line) showState() {
	if !l.status.within() {
		return
	}
	if l.mode.hosted() {
		l.do(Show(l.state))
		return
	}
	for _, p := range l.peers() {
		l.sendState(p)
	}
}

func (l *Line) sendState(to Party) {
	s := l.state
	l.send(to, &Signal{Kind: KindState, State: &s})
}

// settle makes the status what the links say, and the microphone what the status says.
func (l *Line) settle() {
	up := false
	for _, k := range l.links {
		up = up || k.up
	}
	switch {
	case (l.status == Connecting || l.status == Reconnecting) && up:
		if l.began.IsZero() {
			l.began = l.now
		}
		l.status, l.due = Talking, time.Time{}
	case l.status == Talking && !up:
		l.status, l.due = Reconnecting, l.now.Add(ReconnectTime)
	}
	v := Voice{}
	if l.status.within() && !l.state.Hold {
		v = Voice{Speak: !l.state.Mute, Listen: true}
		if peers := l.peers(); l.mode == Direct && len(peers) == 1 && l.others[peers[0]].Hold {
			v.Speak = false // nobody listens
		}
	}
	if v != l.voice {
		l.voice = v
		l.do(v)
	}
}

// expire does what is due.
func (l *Line) expire() {
	due := func(t time.Time) bool { return !t.IsZero() && !l.now.Before(t) }
	for _, c := range slices.Clone(l.callees) {
		if c.pending() && due(c.due) {
			if c.is == isBusy {
				c.is = wasBusy
			} else {
				c.is = silent
				l.tell(c.account, 0, &Signal{Kind: KindCancel})
			}
			l.exhaust()
		}
	}
	if due(l.due) {
		switch l.status {
		case Calling: // the mixer that is asked has not opened the room
			l.seek(true)
		case Ringing:
			l.do(Ring{false})
			l.end(ReasonMissed)
		case Connecting:
			l.blame("")
			l.depart(ReasonFailed)
		case Reconnecting:
			l.blame("")
			l.depart(ReasonLost)
		default:
		}
	}
	if (l.status == Calling || l.status == Alerting) && !l.dark.IsZero() && due(l.dark.Add(ConnectTime)) {
		l.blame("") // nobody could be heard who answered
		l.giveUp()
		l.end(ReasonFailed)
	}
	for _, p := range l.ends() {
		if k := l.links[p]; k != nil && !k.up && due(k.retry) {
			l.retry(p, k)
		}
	}
}

// plan asks to be woken for what is due next.
func (l *Line) plan() {
	var at time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if l.status.active() {
		sooner(l.due)
		for _, c := range l.callees {
			if c.pending() {
				sooner(c.due)
			}
		}
		if (l.status == Calling || l.status == Alerting) && !l.dark.IsZero() {
			sooner(l.dark.Add(ConnectTime))
		}
		for _, k := range l.links {
			if !k.up {
				sooner(k.retry)
			}
		}
		l.soonest(sooner)
	}
	if !at.Equal(l.wake) {
		l.wake = at
		l.do(Wake{at})
	}
}
