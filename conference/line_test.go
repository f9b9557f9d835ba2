package conference

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestStories has a story for each way through the diagram.
func TestStories(t *testing.T) {
	pair, trio := []int{0, 1}, []int{0, 1, 2}
	for _, s := range []struct {
		name    string
		devices []int
		tell    func(w *world)
	}{
		{"answered and hung up", pair, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.want("calling", "idle")
			w.flow()
			w.want("alerting", "ringing")
			w.step(1, Accept{})
			w.want("alerting", "connecting")
			w.flow()
			w.want("talking", "talking")
			w.pass(time.Minute)
			w.step(1, HangUp{})
			w.flow()
			w.want("ended: hung up", "ended: hung up")
			want := Finish{Call: CallID{1}, With: account(1), Outgoing: true, Reason: ReasonHungUp, Lasted: time.Minute}
			if diff := cmp.Diff([]Finish{want}, w.lines[0].ended); diff != "" {
				w.t.Fatalf("%s", diff)
			}
		}},
		{"declined", pair, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.flow()
			w.step(1, Reject{})
			w.flow()
			w.want("ended: declined", "ended: declined")
		}},
		{"no answer", pair, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.pass(RingTime - time.Second)
			w.want("alerting", "ringing")
			w.pass(2 * time.Second)
			w.want("ended: no answer", "ended: missed")
		}},
		{"nobody there", []int{0}, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.pass(RingTime)
			w.want("ended: no answer")
		}},
		{"given up", pair, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.flow()
			w.step(0, HangUp{})
			w.flow()
			w.want("ended: cancelled", "ended: missed")
		}},
		{"given up, and the invite comes after", pair, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.step(0, HangUp{})
			w.deliver(1)
			w.deliver(0)
			w.want("ended: cancelled", "idle")
		}},
		{"an old invite", pair, func(w *world) {
			w.dial(0, 1, Direct, 1)
			s, _ := ParseSignal(w.post[0].bits)
			w.step(1, Heard{From: w.lines[0].party, Signal: s, Age: RingTime + 1})
			if got := w.lines[1].ended; len(got) != 1 || got[0].Reason != ReasonMissed {
				w.t.Fatalf("got %v", got)
			}
		}},
		{"busy", trio, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.flow()
			w.step(1, Accept{})
			w.flow()
			w.dial(2, 2, Direct, 1)
			w.flow()
			w.want("talking", "talking", "calling")
			w.pass(BusyGrace)
			w.want("talking", "talking", "ended: busy")
			if got := w.lines[1].ended; len(got) != 1 || got[0].Reason != ReasonMissed || got[0].With != account(2) {
				w.t.Fatalf("got %v", got)
			}
		}},
		{"busy here, it rings there", []int{0, 1, 1, 2}, func(w *world) {
			w.dial(1, 1, Direct, 2)
			w.flow()
			w.step(3, Accept{})
			w.flow()
			w.dial(0, 2, Direct, 1)
			w.pass(BusyGrace + time.Second)
			w.want("alerting", "talking", "ringing", "talking")
			w.step(2, Accept{})
			w.flow()
			w.want("talking", "talking", "talking", "talking")
		}},
		{"answered elsewhere", []int{0, 1, 1}, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.flow()
			w.want("alerting", "ringing", "ringing")
			w.step(2, Accept{})
			w.flow()
			w.want("talking", "ended: answered elsewhere", "talking")
		}},
		{"declined elsewhere", []int{0, 1, 1}, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.flow()
			w.step(2, Reject{})
			w.flow()
			w.want("ended: declined", "ended: answered elsewhere", "ended: declined")
		}},
		{"two devices answer at once", []int{0, 1, 1}, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.flow()
			w.step(1, Accept{})
			w.step(2, Accept{})
			w.flow()
			w.want("talking", "talking", "ended: answered elsewhere")
		}},
		{"both call at once", pair, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.dial(1, 2, Direct, 0)
			w.flow()
			w.want("talking", "talking")
			for _, p := range w.lines {
				if got := p.line.View().Call; got != (CallID{1}) {
					w.t.Fatalf("call %v", got)
				}
			}
		}},
		{"both call at once, the other way round", pair, func(w *world) {
			w.dial(0, 2, Direct, 1)
			w.dial(1, 1, Direct, 0)
			w.flow()
			w.want("talking", "talking")
		}},
		{"both call at once, from two devices each", []int{0, 0, 1, 1}, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.dial(2, 2, Direct, 0)
			w.flow()
			w.want("talking", "ended: missed", "talking", "ended: answered elsewhere")
		}},
		{"mute, hold and hand", pair, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.flow()
			w.step(1, Accept{})
			w.flow()
			w.step(0, Set{Mute: true, Hand: true})
			w.flow()
			if got, want := w.lines[1].line.View().Parties[0].State, (State{Mute: true, Hand: true}); got != want {
				w.t.Fatalf("got %+v", got)
			}
			if got := w.lines[0].voice; got != (Voice{Listen: true}) {
				w.t.Fatalf("muted: %+v", got)
			}
			w.step(1, Set{Hold: true})
			w.step(0, Set{})
			w.flow()
			if a, b := w.lines[0].voice, w.lines[1].voice; a != (Voice{Listen: true}) || b != (Voice{}) {
				w.t.Fatalf("on hold: %+v %+v", a, b)
			}
			w.step(1, Set{})
			w.flow()
			if a, b := w.lines[0].voice, w.lines[1].voice; a != (Voice{true, true}) || b != a {
				w.t.Fatalf("after hold: %+v %+v", a, b)
			}
		}},
		{"another network", pair, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.flow()
			w.step(1, Accept{})
			w.flow()
			a, b := w.lines[0], w.lines[1]
			a.links[b.party], b.links[a.party] = false, false
			w.step(1, LinkDown{a.party})
			w.step(0, LinkDown{b.party})
			w.want("reconnecting", "reconnecting")
			w.step(0, NetworkChanged{})
			w.flow()
			w.want("talking", "talking")
		}},
		{"lost", pair, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.flow()
			w.step(1, Accept{})
			w.flow()
			w.lines = w.lines[:1]
			w.step(0, LinkDown{Party{Account: account(1), Device: 1}})
			w.pass(ReconnectTime - 1)
			w.want("reconnecting")
			w.pass(1)
			w.want("ended: lost")
		}},
		{"media never come", pair, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.flow()
			w.step(1, Accept{})
			for len(w.post) > 0 { // nothing of media gets through
				if m := w.post[0]; m.own != nil {
					w.post = w.post[1:]
					continue
				}
				w.deliver(0)
			}
			w.want("connecting", "connecting")
			w.now = w.now.Add(ConnectTime)
			w.step(0, nil)
			w.step(1, nil)
			w.want("ended: failed", "ended: failed")
		}},
		{"a mesh of four, one declines, one leaves", []int{0, 1, 2, 3}, func(w *world) {
			w.dial(0, 1, Mesh, 1, 2, 3)
			w.flow()
			w.want("alerting", "ringing", "ringing", "ringing")
			w.step(1, Accept{})
			w.flow()
			w.want("talking", "talking", "ringing", "ringing")
			w.step(2, Accept{})
			w.step(3, Reject{})
			w.flow()
			w.want("talking", "talking", "talking", "ended: declined")
			for i, p := range w.lines[:3] {
				if got := len(p.links); got != 2 {
					w.t.Fatalf("%d has %d links", i, got)
				}
			}
			w.step(0, HangUp{}) // the host; the next goes on
			w.flow()
			w.want("ended: hung up", "talking", "talking", "ended: declined")
			if !w.lines[1].line.hosting() {
				w.t.Fatalf("no host")
			}
			w.step(2, HangUp{})
			w.flow()
			w.want("ended: hung up", "ended: hung up", "ended: hung up", "ended: declined")
		}},
		{"mixed, a mixer is lost", trio, func(w *world) {
			w.dial(0, 1, Mixed, 1, 2)
			w.flow()
			w.step(1, Accept{})
			w.step(2, Accept{})
			w.flow()
			w.want("talking", "talking", "talking")
			w.dead[mixer(0).Key] = true
			lost := w.now
			for i := range w.lines[:2] { // the third does not notice
				w.step(i, LinkDown{})
			}
			w.want("reconnecting", "reconnecting", "talking")
			w.pass(3*time.Second - 1)
			w.want("talking", "talking", "talking")
			for i, p := range w.lines {
				if p.room == nil || p.room.Mixer.Key != mixer(1).Key || p.line.epoch != 1 {
					w.t.Fatalf("%d is in %+v, epoch %d after %v", i, p.room, p.line.epoch, w.now.Sub(lost))
				}
			}
		}},
		{"mixed, a mixer closed the room in which nobody was", pair, func(w *world) {
			w.dial(0, 1, Mixed, 1)
			w.flow()
			w.step(1, Accept{})
			w.flow()
			for next := range 2 { // and the first was started again
				w.dead[mixer(next).Key], w.dead[mixer(1-next).Key], w.blank[mixer(1-next).Key] = true, false, true
				w.pass(time.Minute)
				w.step(0, LinkDown{})
				w.step(1, LinkDown{})
				w.pass(3*time.Second - 1)
				w.want("talking", "talking")
				if w.blank[mixer(1-next).Key] {
					w.t.Fatalf("nobody opened the room again")
				}
			}
			if hashes := w.lines[1].room.Hashes; len(hashes) > 0 {
				w.t.Fatalf("who was called would open a room for %d", len(hashes))
			}
		}},
		{"mixed, the mixer says goodbye", pair, func(w *world) {
			w.dial(0, 1, Mixed, 1)
			w.flow()
			w.step(1, Accept{})
			w.flow()
			w.dead[mixer(0).Key] = true
			w.step(0, RoomLost{})
			w.step(1, RoomLost{})
			w.flow()
			w.want("talking", "talking")
		}},
		{"mixed, no mixer opens", pair, func(w *world) {
			w.dead[mixer(0).Key], w.barred[bar{0, mixer(1).Key}] = true, "is full"
			w.dial(0, 1, Mixed, 1)
			w.wantMixers(0, "oak asked", "elm asked")
			w.flow()
			w.want("ended: failed", "idle")
			v := w.lines[0].line.View()
			if got, want := v.Because(), "oak cannot be reached, elm is full"; got != want {
				w.t.Fatalf("because %s, want %s", got, want)
			}
		}},
		{"mixed, no mixer answers", pair, func(w *world) {
			w.silent[mixer(0).Key], w.silent[mixer(1).Key] = true, true
			w.dial(0, 1, Mixed, 1)
			w.pass(2*MixerTime + ConnectTime - 1)
			w.want("calling", "idle")
			w.pass(1)
			w.want("ended: failed", "idle")
			v := w.lines[0].line.View()
			if got, want := v.Because(), "oak does not answer, elm does not answer"; got != want {
				w.t.Fatalf("because %s, want %s", got, want)
			}
		}},
		{"mixed, the first mixer is down", trio, func(w *world) {
			w.dead[mixer(0).Key] = true
			w.dialVia(0, 1, Mixed, 3, 1, 2)
			w.flow()
			w.want("alerting", "ringing", "ringing")
			w.wantMixers(0, "elm used", "ash ready", "oak failed: cannot be reached")
			w.wantMixers(1, "elm chosen", "ash named", "oak named")
			w.step(1, Accept{})
			w.step(2, Accept{})
			w.flow()
			w.want("talking", "talking", "talking")
			w.at("elm", "elm", "elm")
			w.dead[mixer(1).Key] = true // and all go on alike, in the same circle
			for i := range w.lines {
				w.step(i, LinkDown{})
			}
			w.pass(3*time.Second - 1)
			w.want("talking", "talking", "talking")
			w.at("ash", "ash", "ash")
			w.wantMixers(0, "elm failed: went silent", "ash used", "oak failed: cannot be reached")
		}},
		{"mixed, the first two mixers say nothing", pair, func(w *world) {
			w.silent[mixer(0).Key], w.silent[mixer(1).Key] = true, true
			w.dialVia(0, 1, Mixed, 3, 1)
			w.pass(2*MixerTime - 1)
			w.want("calling", "idle")
			w.pass(1)
			w.want("alerting", "ringing")
			w.step(1, Accept{})
			w.flow()
			w.at("ash", "ash")
			w.wantMixers(0, "ash used", "oak failed: does not answer", "elm failed: does not answer")
			w.step(0, Opened{Mixer: mixer(0).Key}) // at last
			w.wantMixers(0, "ash used", "oak ready", "elm failed: does not answer")
		}},
		{"mixed, the first mixer answers late, and the second never", pair, func(w *world) {
			w.silent[mixer(0).Key], w.silent[mixer(1).Key] = true, true
			w.dial(0, 1, Mixed, 1)
			w.pass(2*MixerTime + time.Second)
			w.want("calling", "idle")
			w.silent[mixer(0).Key] = false
			w.step(0, Opened{Mixer: mixer(0).Key})
			w.flow()
			w.step(1, Accept{})
			w.flow()
			w.want("talking", "talking")
			w.at("oak", "oak")
		}},
		{"mixed, the first mixer dies once it has opened the room", pair, func(w *world) {
			w.dial(0, 1, Mixed, 1)
			w.deliver(0)
			w.deliver(1)
			w.want("calling", "idle")
			w.at("oak", "-")
			w.dead[mixer(0).Key] = true // the caller is in, and the invite on its way
			w.flow()
			w.step(0, LinkDown{})
			w.pass(MixerPatience)
			w.want("alerting", "ringing")
			w.at("elm", "-")
			if got := w.lines[1].line.View().Mixer.Name; got != "elm" { // who is called sees whose mixer it will be
				w.t.Fatalf("it rings via %s", got)
			}
			w.step(1, Accept{})
			w.flow()
			w.want("talking", "talking")
			w.at("elm", "elm")
			if w.joins[1] != 1 {
				w.t.Fatalf("who was called entered %d times", w.joins[1])
			}
		}},
		{"mixed, a mixer dies before the caller is in, and comes back", pair, func(w *world) {
			w.silent[mixer(0).Key] = true
			w.dial(0, 1, Mixed, 1)
			w.step(0, Opened{Mixer: mixer(0).Key}) // its last word
			w.pass(MixerTime - 1)
			w.at("oak", "-")
			w.pass(1)
			w.at("elm", "-")
			w.silent[mixer(0).Key] = false
			w.step(1, Accept{})
			w.flow()
			w.want("talking", "talking")
			w.at("elm", "elm")
		}},
		{"mixed, all mixers die while it rings", pair, func(w *world) {
			w.dial(0, 1, Mixed, 1)
			w.flow()
			w.dead[mixer(0).Key], w.dead[mixer(1).Key] = true, true
			w.step(0, LinkDown{})
			w.pass(ConnectTime - 1)
			w.want("alerting", "ringing")
			w.pass(1)
			w.want("ended: failed", "ended: missed")
			v := w.lines[0].line.View()
			if got, want := v.Because(), "oak went silent, elm does not answer"; got != want {
				w.t.Fatalf("because %s, want %s", got, want)
			}
		}},
		{"mixed, who is called is not let in", trio, func(w *world) {
			w.barred[bar{1, mixer(0).Key}] = "is full"
			w.dial(0, 1, Mixed, 1, 2)
			w.flow()
			w.step(2, Accept{})
			w.flow()
			w.at("oak", "-", "oak")
			w.step(1, Accept{})
			w.flow()
			w.want("talking", "talking", "talking") // at once, and all
			w.at("elm", "elm", "elm")
			w.wantMixers(1, "oak failed: is full", "elm used")
		}},
		{"mixed, who comes later is told where", trio, func(w *world) {
			w.dial(0, 1, Mixed, 1, 2)
			w.flow()
			w.step(1, Accept{})
			w.flow()
			w.lines[2].line.roster = nil // it hears nothing of it while it rings
			w.step(0, RoomLost{})
			w.flow()
			w.at("elm", "elm", "-")
			w.lines[2].line.roster = []Party{w.lines[0].party}
			w.step(2, Accept{})
			w.flow()
			w.at("elm", "elm", "elm")
		}},
		{"mixed, no mixer that all can reach", trio, func(w *world) {
			w.barred[bar{1, mixer(0).Key}], w.barred[bar{2, mixer(1).Key}] = "cannot be reached", "cannot be reached"
			w.dial(0, 1, Mixed, 1, 2)
			w.flow()
			w.step(1, Accept{})
			w.step(2, Accept{})
			w.pass(5 * time.Minute) // one of them gives up, and the others stay where they are
			lost := 0
			for _, p := range w.lines {
				if p.line.status == Ended {
					lost++
				}
			}
			before := maps.Clone(w.joins)
			w.pass(5 * time.Minute)
			if diff := cmp.Diff(before, w.joins); lost != 1 || diff != "" {
				w.t.Fatalf("%d lost, and then %s", lost, diff)
			}
		}},
		{"mixed, all mixers are lost", pair, func(w *world) {
			w.dial(0, 1, Mixed, 1)
			w.flow()
			w.step(1, Accept{})
			w.flow()
			w.dead[mixer(0).Key], w.dead[mixer(1).Key] = true, true
			w.step(0, LinkDown{})
			w.step(1, LinkDown{})
			w.pass(ReconnectTime)
			w.want("ended: lost", "ended: lost")
		}},
		{"forwarded, keys follow the members", trio, func(w *world) {
			w.dial(0, 1, Forward, 1, 2)
			w.flow()
			w.step(1, Accept{})
			w.step(2, Accept{})
			w.flow()
			a, b, c := w.lines[0], w.lines[1], w.lines[2]
			before := a.made
			if len(a.keys) != 2 || len(b.keys) != 2 || len(c.keys) != 2 {
				w.t.Fatalf("keys %v %v %v", a.keys, b.keys, c.keys)
			}
			w.step(2, HangUp{})
			w.flow()
			if a.made <= before || len(a.keys) != 1 || b.keys[a.party] != fmt.Sprintf("key %d of 0", a.made) {
				w.t.Fatalf("after leaving: %d, %v, %v", a.made, a.keys, b.keys)
			}
			if c.keys[a.party] == b.keys[a.party] {
				w.t.Fatalf("who left has the new key")
			}
		}},
		{"a mode to come", pair, func(w *world) {
			s := &Signal{Call: CallID{9}, Kind: KindInvite, Number: 1, Invite: &Invite{Mode: 9, Media: Audio}}
			w.step(1, Heard{From: w.lines[0].party, Signal: s})
			if got := w.lines[1].ended; len(got) != 1 || got[0].Reason != ReasonNewer {
				w.t.Fatalf("got %v", got)
			}
		}},
		{"signals of strangers change nothing", trio, func(w *world) {
			w.dial(0, 1, Direct, 1)
			w.flow()
			w.step(1, Accept{})
			w.flow()
			stranger := w.lines[2].party
			for k := KindRinging; k <= KindMediaKey; k++ {
				s := &Signal{
					Call: CallID{1}, Kind: k, Number: 99, Elsewhere: &Elsewhere{Device: 9}, State: &State{Hold: true},
					Roster: &Roster{Parties: []Party{stranger}}, MediaKey: &MediaKey{Key: []byte{1}},
				}
				for _, body := range []*Signal{s, {Call: CallID{1}, Kind: k, Number: 99}} {
					w.step(0, Heard{From: stranger, Signal: body})
					w.step(1, Heard{From: stranger, Signal: body})
				}
			}
			w.flow()
			w.want("talking", "talking", "idle")
		}},
	} {
		t.Run(s.name, func(t *testing.T) { s.tell(newWorld(t, s.devices...)) })
	}
}

// TestLine does anything in any order on a network that loses, doubles and reorders. What a line promises holds after every
// step (world.check); and when the network is well again and time passes, everybody is in the same call or in none.
func TestLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, 0, 0, 1, 1, 2, 3)
		calls := byte(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, len(w.lines)-1).Draw(t, "line")
			switch op := rapid.IntRange(0, 15).Draw(t, "op"); op {
			case 0, 1:
				calls++
				mode := rapid.SampledFrom([]Mode{Direct, Direct, Mesh, Mixed, Forward}).Draw(t, "mode")
				to := rapid.SliceOfNDistinct(rapid.IntRange(0, 3), 1, min(3, mode.size()-1), rapid.ID).Draw(t, "to")
				id := rapid.Byte().Draw(t, "id") // so that either of two may be the lower
				w.dial(i, id|1, mode, to...)
			case 2:
				w.step(i, Accept{})
			case 3:
				w.step(i, HangUp{})
			case 4:
				w.step(i, Set{Mute: rapid.Bool().Draw(t, "mute"), Hold: rapid.Bool().Draw(t, "hold")})
			case 5:
				w.now = w.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "s")) * time.Second)
				w.step(i, nil)
			case 6:
				p := w.lines[i]
				for _, end := range p.line.ends() {
					w.step(i, LinkDown{end})
				}
			case 7:
				w.step(i, NetworkChanged{})
			case 8:
				m := mixer(rapid.IntRange(0, 1).Draw(t, "mixer")).Key
				w.dead[m] = !w.dead[m]
			case 9:
				w.step(i, RoomLost{})
			case 13, 14:
				w.flow()
			default:
				if len(w.post) == 0 {
					continue
				}
				n := rapid.IntRange(0, min(len(w.post), 8)-1).Draw(t, "letter")
				switch {
				case w.post[n].own != nil:
				case op == 10:
					w.post = append(w.post[:n:n], w.post[n+1:]...) // lost
					continue
				case op == 11:
					w.post = append(w.post, w.post[n])
				}
				w.deliver(n)
			}
		}
		clear(w.dead)
		w.pass(3 * time.Minute)
		for _, p := range w.lines {
			l := p.line
			if l.status.active() && l.status != Talking {
				t.Fatalf("%v: %v after all has settled", p.party.Account[0], l.status)
			}
			if l.status != Talking || l.mode != Direct {
				continue
			}
			peers := l.peers()
			if len(peers) != 1 {
				t.Fatalf("talks to %d", len(peers))
			}
			if q := w.lines[w.find(peers[0])].line; q.status != Talking || q.call != l.call {
				t.Fatalf("talks to somebody who is %v", q.status)
			}
		}
	})
}
