package nodetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/vault"
)

// post is a world with relays, for stories of post that waits.
type postWorld struct {
	*World
	t   *testing.T
	ctx context.Context //nolint:containedctx // of the test
}

func inPostWorld(t *testing.T, relays int, f func(*postWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		world := New(1, 3)
		ctx, cancel := context.WithTimeout(t.Context(), 200*24*time.Hour)
		defer cancel()
		w := &postWorld{world, t, ctx}
		defer func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}()
		for i := range relays {
			if _, err := w.AddRelay([]string{"oak", "elm", "ash", "fir"}[i]); err != nil {
				t.Fatal(err)
			}
		}
		f(w)
	})
}

func (w *postWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// until waits for something, a simulated hour at most.
func (w *postWorld) until(what string, is func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, time.Hour)
	defer cancel()
	if err := w.Until(ctx, is); err != nil {
		for _, name := range w.Names() {
			if p := w.People[name]; p.Awake() {
				w.t.Logf("%s: waits %+v, relays %+v", name, p.Node.Waiting(), p.Node.Relays())
			}
		}
		w.t.Fatalf("%s: %v", what, err)
	}
}

// person makes somebody with boxes on these relays, and waits until all of them know all that they hand out.
func (w *postWorld) person(name string, relays ...*Relay) *Person {
	w.t.Helper()
	p, err := w.Add(w.ctx, name)
	w.must(err)
	for _, r := range relays {
		_, err := p.Node.AddRelay(w.ctx, r.Address())
		w.must(err)
	}
	w.until(name+" has no boxes", func() bool {
		ready := 0
		for _, r := range p.Node.Relays() {
			if r.State == node.RelayUsed && !r.Seen.IsZero() && r.Ready {
				ready++
			}
		}
		return ready == len(relays)
	})
	return p
}

// say sends a text.
func (w *postWorld) say(from *Person, to node.Account, text string) node.Ref {
	w.t.Helper()
	ref, err := from.Node.Send(w.ctx, to, text, node.Ref{})
	w.must(err)
	return ref
}

// is tells how far a message came with the device where it came farthest, and how many relays keep it.
func (p *Person) is(to node.Account, ref node.Ref) (node.State, int) {
	m, err := p.Node.Message(to, ref)
	if err != nil {
		return node.Failed, 0
	}
	kept := 0
	for _, d := range m.Deliveries {
		kept = max(kept, len(d.Keepers))
	}
	return m.State(), kept
}

// shows tells how often somebody shows a text of an account.
func (p *Person) shows(with node.Account, text string) (times int) {
	list, err := p.Lines(with)
	if err != nil {
		return -1
	}
	for _, m := range list {
		if m.Text == text {
			times++
		}
	}
	return times
}

// TestSleeper is first contact with somebody who sleeps, and was never met: found by the descriptors that relays keep
// alive, a session from the bundle that lies there, post kept by three; one relay dies for good; the sleeper wakes, takes
// it once, and the word of it comes back the same way.
func TestSleeper(t *testing.T) {
	inPostWorld(t, 3, func(w *postWorld) {
		oak, elm, ash := w.Relays[0], w.Relays[1], w.Relays[2]
		cleo := w.person("Cleo", oak, elm, ash)
		ada := w.person("Ada", oak, elm, ash)
		invite, err := cleo.Node.Invite(w.ctx, 24*time.Hour, false)
		w.must(err)
		a, c := ada.Node.Account(), cleo.Node.Account()
		w.must(cleo.Stop())
		time.Sleep(5 * time.Hour) // what cleo published herself is forgotten: relays put it

		_, err = ada.Node.Add(w.ctx, invite.String())
		w.must(err)
		ref := w.say(ada, c, "we never met")
		w.until("it is not kept by three", func() bool {
			state, kept := ada.is(c, ref)
			return state == node.Kept && kept == 3
		})
		keeping, err := ada.Node.Keeping()
		w.must(err)
		if len(keeping) != 3 || keeping[0].Messages != 1 || keeping[2].Messages != 1 || !keeping[0].Until.After(time.Now()) {
			t.Errorf("ada's relays keep %+v, want one message each of three", keeping)
		}
		w.must(oak.Kill())
		w.must(cleo.Start(w.ctx))
		began := time.Now()
		w.until("cleo does not get it", func() bool { return cleo.shows(a, "we never met") == 1 })
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
		w.until("ada does not know", func() bool { state, _ := ada.is(c, ref); return state == node.Delivered })
		if keeping, err = ada.Node.Keeping(); err != nil || len(keeping) != 0 {
			t.Errorf("what came is kept: %+v, %v", keeping, err)
		}
		if cleo.Knows(ada) != node.Accepted || ada.Knows(cleo) != node.Accepted {
			t.Error("they are no contacts")
		}
		w.must(ada.Stop())
		ref = w.say(cleo, a, "good night")
		w.until("it is not kept by two", func() bool {
			state, kept := cleo.is(a, ref)
			return state == node.Kept && kept == 2
		})
		time.Sleep(48 * time.Hour)
		w.must(ada.Start(w.ctx))
		w.until("cleo does not know", func() bool { state, _ := cleo.is(a, ref); return state == node.Delivered })
		if ada.shows(c, "good night") != 1 || cleo.shows(a, "we never met") != 1 {
			t.Error("not shown once")
		}
	})
}

// listens returns the relays at which somebody listens.
func (p *Person) listens() (at []node.TransportKey) {
	for _, r := range p.Node.Relays() {
		if r.Listens {
			at = append(at, r.Key)
		}
	}
	return at
}

// TestListen holds that a device listens at one relay, the first that answers, and at another within seconds: also if the
// first has been dead since before the device woke.
func TestListen(t *testing.T) {
	inPostWorld(t, 3, func(w *postWorld) {
		ben := w.person("Ben", w.Relays...)
		first := ben.Node.Relays()[0].Key
		w.until("he does not listen at the first alone", func() bool { at := ben.listens(); return len(at) == 1 && at[0] == first })
		w.must(ben.Stop())
		var dead *Relay
		for _, r := range w.Relays {
			if r.Host.Key() == first {
				dead = r
			}
		}
		w.must(dead.Kill())
		w.must(ben.Start(w.ctx))
		began := time.Now()
		second := ben.Node.Relays()[1].Key
		w.until("he does not listen at the second", func() bool { at := ben.listens(); return len(at) == 1 && at[0] == second })
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it took %v until he listened at another", took)
		}
		w.must(dead.Start())
		w.until("he does not come back to the first", func() bool { at := ben.listens(); return len(at) == 1 && at[0] == first })
	})
}

// TestTokens holds that contacts put with the tokens that they were given, and not as strangers, who may put little, which is
// kept for days only: whatever came first, the token or a descriptor.
func TestTokens(t *testing.T) {
	inPostWorld(t, 3, func(w *postWorld) {
		ada, ben := w.person("Ada", w.Relays...), w.person("Ben", w.Relays...)
		w.must(w.Befriend(w.ctx, ada, ben))
		w.until("something waits", func() bool { return len(ada.Node.Waiting()) == 0 && len(ben.Node.Waiting()) == 0 })
		for _, p := range []struct{ from, to *Person }{{ada, ben}, {ben, ada}} {
			to := p.to.Node.Account()
			w.must(p.to.Stop())
			began := time.Now()
			var refs []node.Ref
			for i := range 30 {
				refs = append(refs, w.say(p.from, to, fmt.Sprint(p.from.Name, " ", i)))
			}
			w.until("they are not kept", func() bool {
				return time.Since(began) > time.Minute ||
					!slices.ContainsFunc(refs, func(r node.Ref) bool { state, kept := p.from.is(to, r); return state != node.Kept || kept != 3 })
			})
			if took := time.Since(began); took > time.Minute {
				t.Fatalf("%s's are not kept after a minute: %+v", p.from.Name, p.from.Node.Waiting())
			}
			m, err := p.from.Node.Message(to, refs[29])
			w.must(err)
			for _, k := range m.Deliveries[0].Keepers {
				if until := time.UnixMilli(int64(k.Until)); until.Before(time.Now().Add(29 * 24 * time.Hour)) {
					t.Errorf("kept until %v, as a stranger's", until)
				}
			}
			w.must(p.to.Start(w.ctx))
			w.until("they do not come", func() bool {
				return p.to.shows(p.from.Node.Account(), fmt.Sprint(p.from.Name, " ", 29)) == 1 && len(p.from.Node.Waiting()) == 0
			})
		}
	})
}

// TestManyAddresses adds a relay with as many network addresses as its text may have, as one with IPv4 and IPv6 and all
// transports has.
func TestManyAddresses(t *testing.T) {
	inPostWorld(t, 1, func(w *postWorld) {
		ada := w.person("Ada")
		a, err := mailbox.ParseAddress(w.Relays[0].Address())
		w.must(err)
		for i := byte(0); len(a.Addrs) < mailbox.MaxAddrs; i++ {
			a.Addrs = append(a.Addrs, bytes.Repeat([]byte{i}, mailbox.MaxAddr))
		}
		_, err = ada.Node.AddRelay(w.ctx, a.String())
		w.must(err)
		w.until("it is not ready", func() bool { r := ada.Node.Relays(); return len(r) == 1 && r[0].Ready })
		w.must(ada.Stop())
		w.must(ada.Start(w.ctx))
		w.until("it is not ready again", func() bool { r := ada.Node.Relays(); return len(r) == 1 && r[0].Ready })
	})
}

// TestEmptyRelays has all relays come back empty while post lies there: the sender puts it again.
func TestEmptyRelays(t *testing.T) {
	inPostWorld(t, 2, func(w *postWorld) {
		ada, ben := w.person("Ada", w.Relays...), w.person("Ben", w.Relays...)
		w.must(w.Befriend(w.ctx, ada, ben))
		a, b := ada.Node.Account(), ben.Node.Account()
		time.Sleep(time.Minute)
		w.must(ben.Stop())
		ref := w.say(ada, b, "hold this")
		w.until("it is not kept", func() bool { state, _ := ada.is(b, ref); return state == node.Kept })
		for _, r := range w.Relays {
			w.must(r.Kill())
			r.Empty()
			w.must(r.Start())
		}
		time.Sleep(time.Hour)
		w.must(ben.Start(w.ctx))
		w.until("ben does not get it", func() bool { return ben.shows(a, "hold this") == 1 })
		w.until("ada does not know", func() bool { state, _ := ada.is(b, ref); return state == node.Delivered })
	})
}

// TestDrain has a relay close down: contacts are told another one, and what lies on the old one still comes.
func TestDrain(t *testing.T) {
	inPostWorld(t, 4, func(w *postWorld) {
		ada, ben := w.person("Ada", w.Relays[:3]...), w.person("Ben", w.Relays[:3]...)
		_, err := ben.Node.AddRelay(w.ctx, w.Relays[3].Address())
		w.must(err)
		w.must(w.Befriend(w.ctx, ada, ben))
		a, b := ada.Node.Account(), ben.Node.Account()
		time.Sleep(time.Minute)
		w.Relays[0].Server.Drain(true)
		w.until("ben does not move", func() bool {
			for _, r := range ben.Node.Relays() {
				if r.Key == w.Relays[3].Host.Key() {
					return r.State == node.RelayUsed && !r.Seen.IsZero()
				}
			}
			return false
		})
		time.Sleep(time.Minute)
		w.must(ben.Stop())
		ref := w.say(ada, b, "moved?")
		w.until("it is not kept by three", func() bool { state, kept := ada.is(b, ref); return state == node.Kept && kept == 3 })
		w.must(ben.Start(w.ctx))
		w.until("ben does not get it", func() bool { return ben.shows(a, "moved?") == 1 })
	})
}

// TestOneBox says kept with one receipt, since there is one box only; and that nothing is said to be kept when the relay
// refuses, or is dead.
func TestOneBox(t *testing.T) {
	inPostWorld(t, 1, func(w *postWorld) {
		ada, ben := w.person("Ada"), w.person("Ben", w.Relays[0])
		w.must(w.Befriend(w.ctx, ada, ben))
		b := ben.Node.Account()
		time.Sleep(time.Minute)
		w.must(ben.Stop())
		ref := w.say(ada, b, "one")
		w.until("it is not kept", func() bool { state, kept := ada.is(b, ref); return state == node.Kept && kept == 1 })
		w.must(w.Relays[0].Kill())
		ref = w.say(ada, b, "two")
		time.Sleep(30 * time.Minute)
		if state, kept := ada.is(b, ref); state != node.Queued || kept != 0 {
			t.Errorf("%v, kept by %d that are dead", state, kept)
		}
		w.must(w.Relays[0].Start())
		w.until("it is not kept", func() bool { state, _ := ada.is(b, ref); return state == node.Kept })
		if !ada.Awake() {
			t.Fatal("ada sleeps")
		}
	})
}

// TestWrongClocks has relays and devices whose clocks are wrong by years.
func TestWrongClocks(t *testing.T) {
	inPostWorld(t, 0, func(w *postWorld) {
		for i, ahead := range []time.Duration{0, 0, -10 * 365 * 24 * time.Hour} {
			r, err := w.AddRelay([]string{"oak", "elm", "ash"}[i])
			w.must(err)
			w.must(r.Kill())
			r.Now = func() time.Time { return time.Now().Add(ahead) }
			w.must(r.Start())
		}
		ada, ben := w.person("Ada", w.Relays...), w.person("Ben", w.Relays...)
		w.must(w.Befriend(w.ctx, ada, ben))
		a, b := ada.Node.Account(), ben.Node.Account()
		time.Sleep(time.Minute)
		w.must(ben.Stop())
		ben.SetClock(3 * 365 * 24 * time.Hour)
		ref := w.say(ada, b, "what year is it?")
		w.until("it is not kept", func() bool { state, _ := ada.is(b, ref); return state == node.Kept })
		w.must(ben.Start(w.ctx))
		w.until("ben does not get it", func() bool { return ben.shows(a, "what year is it?") == 1 })
		w.until("ada does not know", func() bool { state, _ := ada.is(b, ref); return state == node.Delivered })
		if ahead, n := ben.Node.Skew(); n < 2 || (ahead+3*365*24*time.Hour).Abs() > time.Minute {
			t.Errorf("ben's clock is off by %v, by %d relays", ahead, n)
		}
	})
}

// TestFullBox fills what one contact may leave: the rest waits at the sender, which says so, and comes when there is room.
func TestFullBox(t *testing.T) {
	inPostWorld(t, 0, func(w *postWorld) {
		r, err := w.AddRelay("oak")
		w.must(err)
		w.must(r.Kill())
		r.Limits = mailbox.Limits{MailPosts: 80}
		w.must(r.Start())
		ada, ben := w.person("Ada", r), w.person("Ben", r)
		w.must(w.Befriend(w.ctx, ada, ben))
		a, b := ada.Node.Account(), ben.Node.Account()
		time.Sleep(time.Minute)
		w.must(ben.Stop())
		var refs []node.Ref
		for range 30 {
			refs = append(refs, w.say(ada, b, "again"))
		}
		time.Sleep(10 * time.Minute)
		kept := 0
		for _, ref := range refs {
			switch state, _ := ada.is(b, ref); state {
			case node.Kept:
				kept++
			case node.Queued:
			default:
				t.Errorf("a message is %v", state)
			}
		}
		if kept == 0 || kept > 10 {
			t.Errorf("%d are kept, of an eighth of 80", kept)
		}
		w.must(ben.Start(w.ctx))
		w.until("ben does not get all", func() bool { return ben.shows(a, "again") == 30 })
	})
}

// TestFullDisk has somebody wake whose disk is full: what waits at relays stays there, is not fetched over and over, and
// comes soon after there is room.
func TestFullDisk(t *testing.T) {
	inPostWorld(t, 2, func(w *postWorld) {
		ada, ben := w.person("Ada", w.Relays...), w.person("Ben", w.Relays...)
		w.must(w.Befriend(w.ctx, ada, ben))
		a, b := ada.Node.Account(), ben.Node.Account()
		w.must(ben.Stop())
		ref := w.say(ada, b, "no room?")
		w.until("it is not kept by two", func() bool {
			state, kept := ada.is(b, ref)
			return state == node.Kept && kept == 2
		})
		w.must(ada.Stop())
		ben.Disk.SetFull(true)
		w.must(ben.Start(w.ctx))
		fetched := func() (n uint64) {
			for _, r := range w.Relays {
				n += r.Server.Stats().Fetched
			}
			return n
		}
		time.Sleep(time.Hour)
		before := fetched()
		if before == 0 || ben.shows(a, "no room?") != 0 {
			t.Fatal("the disk was not full")
		}
		time.Sleep(10 * time.Hour)
		if n := fetched() - before; n > 10*12+20 { // looks into the relay at which it does not listen, and an hour's new visits
			t.Errorf("it was fetched %d times in ten hours", n)
		}
		ben.Disk.SetFull(false)
		began := time.Now()
		w.until("ben does not get it", func() bool { return ben.shows(a, "no room?") == 1 })
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %v after there was room", took)
		}
		w.must(ada.Start(w.ctx))
		w.until("ada does not know", func() bool { state, _ := ada.is(b, ref); return state == node.Delivered })
	})
}

// TestHalfDead has relays that open boxes and cannot read what lies there, one of two and then both: another is listened at
// meanwhile, and those that fail are tried ever more seldom, though there are two, whose failures each have the other tried.
func TestHalfDead(t *testing.T) {
	inPostWorld(t, 2, func(w *postWorld) {
		var broken [2]atomic.Bool
		var tried [2]atomic.Int64
		for i, r := range w.Relays {
			r.Fetch = func() error {
				if !broken[i].Load() {
					return nil
				}
				tried[i].Add(1)
				return errors.New("a sector cannot be read")
			}
		}
		ada := w.person("Ada", w.Relays...)
		one, two := 0, 1
		if ada.Node.Relays()[0].Key != w.Relays[0].Host.Key() {
			one, two = 1, 0
		}
		oak, elm := w.Relays[one], w.Relays[two]
		ben := w.person("Ben", elm)
		w.must(w.Befriend(w.ctx, ada, ben))
		ada.Host.SetReachable(false)
		ben.Host.SetReachable(false)
		time.Sleep(10 * time.Minute)
		listens := func(at *Relay) func() bool {
			return func() bool { return slices.Equal(ada.listens(), []node.TransportKey{at.Host.Key()}) }
		}
		w.until("she listens at the first", listens(oak))
		broken[one].Store(true)
		w.must(oak.Kill())
		w.must(oak.Start())
		w.until("she listens at the second", listens(elm))
		w.say(ben, ada.Node.Account(), "still there?")
		began := time.Now()
		w.until("ada does not get it", func() bool { return ada.shows(ben.Node.Account(), "still there?") == 1 })
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
		if h := ada.Node.Relays()[0]; h.Why == "" || h.Listens || h.Ready {
			t.Errorf("of a relay that gives nothing she says %+v", h.RelayHealth)
		}
		broken[two].Store(true)
		w.must(elm.Kill())
		w.must(elm.Start())
		time.Sleep(time.Hour)
		before := [2]int64{tried[0].Load(), tried[1].Load()}
		time.Sleep(10 * time.Hour)
		for i := range tried {
			if n := tried[i].Load() - before[i]; n < 10 || n > 3*10*6 { // ada and ben, each every 10 minutes or so
				t.Errorf("relay %d was tried %d times in ten hours", i, n)
			}
		}
		broken[0].Store(false)
		broken[1].Store(false)
		w.until("she listens at the first again", listens(oak))
	})
}

// TestRefusedBundle has a relay that takes no prekeys: who brings them brings the same again, and makes no more each time.
func TestRefusedBundle(t *testing.T) {
	inPostWorld(t, 2, func(w *postWorld) {
		ada := w.person("Ada", w.Relays...)
		keys := func() (n int) {
			w.must(ada.Vault.Each(vault.PreKey, nil, func(_, _ []byte) error { n++; return nil }))
			return n
		}
		w.must(ada.Stop())
		for _, r := range w.Relays {
			r.Store.SetFull(true)
		}
		w.must(ada.Start(w.ctx))
		time.Sleep(time.Hour)
		refuses := func() string { return ada.Node.Relays()[0].Refuses + ada.Node.Relays()[1].Refuses }
		if refuses() == "" {
			t.Fatalf("the relays took them: %+v", ada.Node.Relays())
		}
		before := keys()
		time.Sleep(12 * time.Hour)
		if more := keys() - before; more > 0 {
			t.Errorf("%d prekeys were made in twelve hours in which nobody took one", more)
		}
		for _, r := range w.Relays {
			r.Store.SetFull(false)
		}
		w.until("the relays take none", func() bool { return refuses() == "" })
	})
}

// TestSilence has two people with three relays talk and then say nothing: soon nothing travels any more, though relays
// bring all that was said several times.
func TestSilence(t *testing.T) {
	inPostWorld(t, 3, func(w *postWorld) {
		ada, ben := w.person("Ada", w.Relays...), w.person("Ben", w.Relays...)
		w.must(w.Befriend(w.ctx, ada, ben))
		a, b := ada.Node.Account(), ben.Node.Account()
		w.must(ben.Stop())
		ref := w.say(ada, b, "asleep?")
		w.until("it is not kept", func() bool { state, _ := ada.is(b, ref); return state == node.Kept })
		w.must(ada.Stop())
		w.must(ben.Start(w.ctx))
		w.until("ben does not get it", func() bool { return ben.shows(a, "asleep?") == 1 })
		w.say(ben, a, "not any more")
		time.Sleep(time.Minute)
		w.must(ben.Stop())
		w.must(ada.Start(w.ctx))
		w.until("ada does not know", func() bool { state, _ := ada.is(b, ref); return state == node.Delivered })
		w.must(ben.Start(w.ctx))
		time.Sleep(time.Hour)
		puts := func() (n uint64) {
			for _, r := range w.Relays {
				st := r.Server.Stats()
				n += st.Put + st.Repeated
			}
			return n
		}
		before := puts()
		time.Sleep(time.Hour)
		if after := puts(); after != before {
			t.Errorf("%d posts were put in an hour in which nobody said anything", after-before)
		}
	})
}

// TestRelaysAreTold holds that whoever watches is told when a relay does otherwise, and does not have to ask: that it died,
// that it came back, that another was added. That it was heard again is no news.
func TestRelaysAreTold(t *testing.T) {
	inPostWorld(t, 2, func(w *postWorld) {
		ben := w.person("Ben", w.Relays[0])
		time.Sleep(time.Minute)
		told := func(after uint64) (count int) {
			ctx, cancel := context.WithCancel(w.ctx)
			defer cancel()
			last := ben.Node.LastEvent()
			if last == after {
				return 0
			}
			_ = ben.Node.Watch(ctx, after, func(e node.Event) error {
				if e.Kind == node.EventRelay {
					count++
				}
				if e.ID >= last {
					cancel()
				}
				return ctx.Err()
			})
			return count
		}
		health := func() node.Relay { return ben.Node.Relays()[0] }
		before := ben.Node.LastEvent()
		time.Sleep(6 * time.Hour)
		if n := told(before); n > 30 {
			t.Errorf("in six hours in which nothing happened he is told %d times", n)
		}

		before = ben.Node.LastEvent()
		w.must(w.Relays[0].Kill())
		w.until("he does not see that it is dead", func() bool { return health().Why != "" })
		if r := node.ReasonOf(health().Why); r != node.ReasonUnreachable && r != node.ReasonSlow {
			t.Errorf("%q is %q", health().Why, r)
		}
		if told(before) == 0 {
			t.Error("he is not told that it died")
		}
		before = ben.Node.LastEvent()
		w.must(w.Relays[0].Start())
		w.until("he does not see that it is back", func() bool { return health().Listens })
		if told(before) == 0 {
			t.Error("he is not told that it is back")
		}
		before = ben.Node.LastEvent()
		_, err := ben.Node.AddRelay(w.ctx, w.Relays[1].Address())
		w.must(err)
		if told(before) == 0 {
			t.Error("he is not told that there is another")
		}
		before = ben.Node.LastEvent()
		w.until("the other has not all", func() bool { all := ben.Node.Relays(); return len(all) == 2 && all[1].Ready })
		if told(before) == 0 {
			t.Error("he is not told that it is ready")
		}
	})
}
