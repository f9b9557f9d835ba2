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
	return Mixer{Key: identity.TransportKey{byte(i + 1)}, Addrs: []string{"/ip4/192.0.2.1/udp/4757/quic-v1"}, Name: "Ada's mixer"}
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
	w := &world{t: t, now: start, dead: map[identity.TransportKey]bool{}, blank: map[identity.TransportKey]bool{}}
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
			if q.party.Account == a.To && (a.Device == 0 || a.Device == q.party.Device) {
				w.post = append(w.post, letter{to: j, from: p.party, bits: bits})
			}
		}
	case Ring:
		if a.On == p.rings {
			w.t.Fatalf("%d rings %v twice", i, a.On)
		}
		p.rings = a.On
	case Open:
		w.later(i, Opened{OK: !w.dead[a.Mixers[0].Key]})
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
		p.room = &a
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
	if !w.dead[m] && !w.blank[m] {
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

// dial has line i call the accounts.
func (w *world) dial(i int, id byte, mode Mode, accounts ...int) {
	w.t.Helper()
	d := Dial{Call: CallID{id}, Mode: mode, Media: Audio}
	if mode.hosted() {
		d.Room, d.Mixers, d.Key = RoomID{id}, []Mixer{mixer(0), mixer(1)}, JoinKey{b: [KeySize]byte{id, byte(i + 1)}}
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
