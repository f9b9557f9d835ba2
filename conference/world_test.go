package conference

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func account(i int) identity.Account { return identity.Account{byte(i + 1), 1} }

func mixer(i int) Mixer {
	return Mixer{Key: identity.TransportKey{byte(i + 1)}, Addrs: []string{"/ip4/192.0.2.1/udp/4757/quic-v1"}, Name: []string{"oak", "elm", "ash", "fir"}[i]}
}

// world is some lines, a network between them, and what carries out what they ask for: links come up when both ends
// agreed, rooms when their mixer lives.
type world struct {
	t     failer
	now   time.Time
	lines []*phone
	post  []letter
	dead  map[identity.TransportKey]bool // mixers
	blank map[identity.TransportKey]bool // those that know no room any more
	// silent are those that do not answer, neither well nor ill.
	silent map[identity.TransportKey]bool
	// apart are mixers that keep those who are in a room apart, and say that they are alone.
	apart map[identity.TransportKey]bool
	// strangers are accounts between which no signal goes.
	strangers map[[2]identity.Account]bool
	// barred says why a line is not let into a mixer's room.
	barred map[bar]string
	joins  map[int]int // how often each line was to enter a room
}

// bar is a line and a mixer.
type bar struct {
	line  int
	mixer identity.TransportKey
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

type phone struct {
	line   *Line
	party  Party
	links  map[Party]bool // that it was asked for, and whether they are up
	room   *Join          // that it is in
	others int            // that its room told it of; -1: it did not yet
	rings  bool
	wake   time.Time
	voice  Voice
	ended  []Finish
	keys   map[Party]string
	rounds uint32
	made   int
}

type letter struct {
	to   int
	from Party
	bits []byte
	own  Input // instead of the two
}

// newWorld makes a line for each device; devices names the account of each.
func newWorld(t failer, devices ...int) *world {
	none := func() map[identity.TransportKey]bool { return map[identity.TransportKey]bool{} }
	w := &world{t: t, now: start, dead: none(), blank: none(), silent: none(), apart: none(), barred: map[bar]string{}, joins: map[int]int{}, strangers: map[[2]identity.Account]bool{}}
	count := map[int]uint8{}
	for _, a := range devices {
		count[a]++
		p := Party{Account: account(a), Device: count[a]}
		w.lines = append(w.lines, &phone{line: NewLine(p), party: p, links: map[Party]bool{}, keys: map[Party]string{}})
	}
	return w
}

func (w *world) step(i int, in Input) {
	w.t.Helper()
	p := w.lines[i]
	for _, a := range p.line.Step(w.now, in) {
		w.carry(i, p, a)
	}
	w.check(p)
	w.tellRooms()
}

// in tells whether media of a line flow in a room.
func (w *world) in(p *phone) bool {
	k := p.line.links[Party{}]
	return p.room != nil && k != nil && k.up && !w.dead[p.room.Mixer.Key]
}

// tellRooms has each room tell those in it how many others are.
func (w *world) tellRooms() {
	for i, p := range w.lines {
		if !w.in(p) {
			continue
		}
		others := 0
		for _, q := range w.lines {
			if q != p && w.in(q) && q.room.Mixer.Key == p.room.Mixer.Key && q.room.Room == p.room.Room && !w.apart[p.room.Mixer.Key] {
				others++
			}
		}
		if others != p.others {
			p.others = others
			w.later(i, Company{others})
		}
	}
}

func (w *world) carry(i int, p *phone, a Action) {
	w.t.Helper()
	switch a := a.(type) {
	case Send:
		bits, err := a.Signal.AppendTo(nil)
		if err != nil {
			w.t.Fatalf("%d sends %v: %v", i, a.Signal.Kind, err)
		}
		for j, q := range w.lines {
			if !w.strangers[[2]identity.Account{p.party.Account, a.To}] && q.party.Account == a.To && (a.Device == 0 || a.Device == q.party.Device) {
				w.post = append(w.post, letter{to: j, from: p.party, bits: bits})
			}
		}
	case Ring:
		if a.On == p.rings {
			w.t.Fatalf("%d rings %v twice", i, a.On)
		}
		p.rings = a.On
	case Open:
		for _, m := range a.Mixers {
			switch why := w.barred[bar{i, m.Key}]; {
			case w.silent[m.Key]:
			case why != "":
				w.later(i, Opened{m.Key, why})
			case w.dead[m.Key]:
				w.later(i, Opened{m.Key, "cannot be reached"})
			default:
				w.later(i, Opened{Mixer: m.Key})
			}
		}
	case Connect:
		if _, ok := p.links[a.Peer]; ok || p.party == a.Peer {
			w.t.Fatalf("%d connects to %v twice", i, a.Peer)
		}
		p.links[a.Peer] = false
		if a.Offer {
			w.offer(i, p, a.Peer)
		}
	case Restart:
		if a.Peer.IsZero() {
			if p.room == nil {
				w.t.Fatalf("%d restarts no room", i)
			}
			w.enter(i, p)
			return
		}
		if _, ok := p.links[a.Peer]; !ok {
			w.t.Fatalf("%d restarts no link", i)
		}
		if p.party.compare(a.Peer) < 0 {
			w.offer(i, p, a.Peer)
		}
	case Apply:
		if _, ok := p.links[a.Peer]; !ok {
			w.t.Fatalf("%d applies to no link", i)
		}
		w.agree(i, p, a)
	case Join:
		if p.room != nil {
			w.t.Fatalf("%d is in a room", i)
		}
		p.room, p.others = &a, -1
		w.joins[i]++
		w.enter(i, p)
	case Leave:
		if a.Peer.IsZero() {
			if p.room == nil {
				w.t.Fatalf("%d leaves no room", i)
			}
			p.room = nil
			return
		}
		if _, ok := p.links[a.Peer]; !ok {
			w.t.Fatalf("%d leaves no link", i)
		}
		delete(p.links, a.Peer)
		if q := w.find(a.Peer); q >= 0 && w.lines[q].links[p.party] {
			w.later(q, LinkDown{p.party})
		}
	case Voice:
		if a == p.voice {
			w.t.Fatalf("%d: the same voice twice", i)
		}
		p.voice = a
	case Rekey:
		p.made++
		w.later(i, MadeKey{Key: fmt.Appendf(nil, "key %d of %d", p.made, i)})
	case TakeKey:
		p.keys[a.From] = string(a.Key)
	case DropKey:
		delete(p.keys, a.Of)
	case Wake:
		p.wake = a.At
	case Finish:
		p.ended = append(p.ended, a)
	case Show:
	}
}

// later queues what a line is told by its own device, in order with the post.
func (w *world) later(i int, in Input) { w.post = append(w.post, letter{to: i, own: in}) }

func (w *world) find(p Party) int {
	for i, q := range w.lines {
		if q.party == p {
			return i
		}
	}
	return -1
}

func (w *world) offer(i int, p *phone, to Party) {
	p.rounds++
	w.later(i, Described{to, Description{Type: Offer, Round: p.rounds, SDP: "v=0"}})
}

// agree answers an offer, and of an answer has both links come up.
func (w *world) agree(i int, p *phone, a Apply) {
	d := a.Signal.Description
	if d == nil {
		return
	}
	if d.Type == Offer {
		w.later(i, Described{a.Peer, Description{Type: Answer, Round: d.Round, SDP: "v=0"}})
		return
	}
	if j := w.find(a.Peer); j >= 0 {
		if _, ok := w.lines[j].links[p.party]; ok {
			p.links[a.Peer], w.lines[j].links[p.party] = true, true
			w.later(i, LinkUp{a.Peer})
			w.later(j, LinkUp{p.party})
		}
	}
}

func (w *world) enter(i int, p *phone) {
	m := p.room.Mixer.Key
	if !w.dead[m] && len(p.room.Hashes) > 0 {
		delete(w.blank, m)
	}
	switch why := w.barred[bar{i, m}]; {
	case w.dead[m] || w.blank[m] || w.silent[m]:
	case why != "":
		w.later(i, NotEntered{why})
	default:
		w.later(i, LinkUp{})
	}
}

// check holds a line to what it promises after every step.
func (w *world) check(p *phone) {
	w.t.Helper()
	l := p.line
	switch {
	case !l.status.active() && (len(p.links) > 0 || p.room != nil || p.rings || !p.wake.IsZero()):
		w.t.Fatalf("%v, and yet links %v, room %v, rings %v, wake %v", l.status, p.links, p.room, p.rings, p.wake)
	case l.status.active() && l.status != Talking && p.wake.IsZero():
		w.t.Fatalf("%v for ever", l.status)
	case p.rings != (l.status == Ringing):
		w.t.Fatalf("%v, rings %v", l.status, p.rings)
	case p.voice.Speak && (!l.status.within() || l.state.Mute || l.state.Hold):
		w.t.Fatalf("heard while %v, %+v", l.status, l.state)
	case p.voice.Listen && (!l.status.within() || l.state.Hold):
		w.t.Fatalf("listens while %v, %+v", l.status, l.state)
	case len(p.links) != len(l.links) && p.room == nil:
		w.t.Fatalf("links %v, line has %d", p.links, len(l.links))
	}
	for _, end := range l.ends() {
		if _, ok := p.links[end]; !ok && !end.IsZero() {
			w.t.Fatalf("no link to %v", end)
		}
	}
}

// deliver hands over letter n.
func (w *world) deliver(n int) {
	w.t.Helper()
	m := w.post[n]
	w.post = append(w.post[:n:n], w.post[n+1:]...)
	w.handOver(m)
}

func (w *world) handOver(m letter) {
	w.t.Helper()
	if m.own != nil {
		if room := w.lines[m.to].room; m.own == (LinkUp{}) && room != nil && w.dead[room.Mixer.Key] {
			return // it died before
		}
		w.step(m.to, m.own)
		return
	}
	s, err := ParseSignal(m.bits)
	if err != nil {
		w.t.Fatalf("%x: %v", m.bits, err)
	}
	w.step(m.to, Heard{From: m.from, Signal: s})
}

// flow delivers all that is under way, in order.
func (w *world) flow() {
	w.t.Helper()
	for range 10000 {
		if len(w.post) == 0 {
			return
		}
		w.deliver(0)
	}
	w.t.Fatalf("signals without end")
}

// pass lets time pass, waking who wants to be, with everything delivered.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	until := w.now.Add(d)
	for {
		w.flow()
		next := until
		for _, p := range w.lines {
			if !p.wake.IsZero() && p.wake.Before(next) {
				next = p.wake
			}
		}
		w.now = maxTime(w.now, next)
		woken := false
		for i, p := range w.lines {
			if !p.wake.IsZero() && !w.now.Before(p.wake) {
				woken = true
				w.step(i, nil)
			}
		}
		if !woken && !w.now.Before(until) {
			return
		}
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// want compares what the lines are: "talking", "ended: busy".
func (w *world) want(want ...string) {
	w.t.Helper()
	var got []string
	for _, p := range w.lines {
		s := p.line.status.String()
		if p.line.status == Ended {
			s += ": " + p.line.reason.String()
		}
		got = append(got, s)
	}
	if g, w2 := strings.Join(got, ", "), strings.Join(want, ", "); g != w2 {
		w.t.Fatalf("got %s, want %s", g, w2)
	}
}

// at compares where the lines are: "elm", or "-" for no room.
func (w *world) at(want ...string) {
	w.t.Helper()
	var got []string
	for _, p := range w.lines {
		if p.room == nil {
			got = append(got, "-")
			continue
		}
		got = append(got, p.room.Mixer.Name)
	}
	if g, w2 := strings.Join(got, ", "), strings.Join(want, ", "); g != w2 {
		w.t.Fatalf("at %s, want %s", g, w2)
	}
}

// wantMixers compares what line i shows of the mixers: "oak failed: cannot be reached", "elm used".
func (w *world) wantMixers(i int, want ...string) {
	w.t.Helper()
	var got []string
	for _, m := range w.lines[i].line.View().Mixers {
		text := m.Mixer.Name + " " + m.State.String()
		if m.Why != "" {
			text += ": " + m.Why
		}
		got = append(got, text)
	}
	if g, w2 := strings.Join(got, ", "), strings.Join(want, ", "); g != w2 {
		w.t.Fatalf("%d shows %s, want %s", i, g, w2)
	}
}

// dial has line i call the accounts, by two mixers if by any.
func (w *world) dial(i int, id byte, mode Mode, accounts ...int) {
	w.t.Helper()
	w.dialVia(i, id, mode, 2, accounts...)
}

func (w *world) dialVia(i int, id byte, mode Mode, mixers int, accounts ...int) {
	w.t.Helper()
	d := Dial{Call: CallID{id}, Mode: mode, Media: Audio}
	if mode.hosted() {
		d.Room, d.Key = RoomID{id}, JoinKey{b: [KeySize]byte{id, byte(i + 1)}}
		for m := range mixers {
			d.Mixers = append(d.Mixers, mixer(m))
		}
	}
	for _, a := range accounts {
		c := Callee{Account: account(a)}
		if mode.hosted() {
			for dev := range uint8(2) {
				c.Keys = append(c.Keys, DeviceKey{Device: dev + 1, Key: [KeySize]byte{id, byte(a + 100), dev}})
			}
		}
		d.Callees = append(d.Callees, c)
	}
	w.step(i, d)
}

var _ failer = (*testing.T)(nil)
