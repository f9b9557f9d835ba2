package nodetest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/chat"
)

// What a review found about several devices of one account, and must hold from then on: all that know the newest manifest
// go by it, what waits follows the devices, and what the owner says of contacts is the same on all of them.

// holding is a world in a bubble in which Ada and Ben know each other.
type holding struct {
	t        *testing.T
	w        *World
	ada, ben *Person
}

func hold(t *testing.T, friends bool, f func(h *holding)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &holding{t: t, w: New(1, 4)}
		t.Cleanup(func() { h.check(h.w.Close()) })
		h.ada, h.ben = h.add("Ada"), h.add("Ben")
		if friends {
			h.befriend()
		}
		f(h)
	})
}

func (h *holding) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *holding) add(name string) *Person {
	h.t.Helper()
	p, err := h.w.Add(h.t.Context(), name)
	h.check(err)
	return p
}

func (h *holding) befriend() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Hour)
	defer cancel()
	h.check(h.w.Befriend(ctx, h.ada, h.ben))
	time.Sleep(time.Minute)
}

func (h *holding) link(steward *Person, name string) *Person {
	h.t.Helper()
	p, err := h.w.Link(h.t.Context(), steward, name)
	h.check(err)
	return p
}

// send says something to an account, and waits.
func (h *holding) send(from *Person, to node.Account, text string, wait time.Duration) node.Ref {
	h.t.Helper()
	ref, err := from.Node.Send(h.t.Context(), to, text, node.Ref{})
	h.check(err)
	time.Sleep(wait)
	return ref
}

// heal ends a partition, and has people join again.
func (h *holding) heal(people ...*Person) {
	h.w.Heal()
	for _, p := range people {
		h.w.Join(h.t.Context(), p.Host)
	}
}

// shows checks whether a device shows a message.
func (h *holding) shows(p *Person, with node.Account, ref node.Ref, want bool) {
	h.t.Helper()
	m, err := p.Node.Message(with, ref)
	if err != nil && !errors.Is(err, node.ErrUnknownMessage) {
		h.t.Fatal(err)
	}
	if got := err == nil; got != want {
		h.t.Errorf("%s shows %q: %v, want %v", p.Name, m.Text, got, want)
	}
}

// TestHoldRevoked has a stolen device that was taken off the account speak, before it knows and after. Nobody who knows
// the manifest shows what it says, not even as said by its owner, and once it knows itself, it says nothing more.
func TestHoldRevoked(t *testing.T) {
	t.Parallel()
	hold(t, true, func(h *holding) {
		t, ada, ben := h.t, h.ada.Node.Account(), h.ben.Node.Account()
		stolen := h.link(h.ben, "Stolen")
		time.Sleep(time.Minute)
		before := h.send(stolen, ada, "before", time.Minute)
		h.shows(h.ada, ben, before, true)
		h.shows(h.ben, ada, before, true)
		answer := h.send(h.ada, ben, "an answer", time.Minute)
		h.shows(stolen, ada, answer, true)
		h.w.Part([]*Person{stolen})
		h.check(h.ben.Node.Revoke(t.Context(), stolen.Node.Device()))
		time.Sleep(time.Hour)
		after := h.send(h.ada, ben, "not for the thief", time.Minute)
		h.heal(stolen)
		thief := h.send(stolen, ada, "I am the thief", 0) // it does not know yet
		_ = stolen.Node.Delete(t.Context(), ada, before.ID)
		time.Sleep(3 * time.Hour)
		h.shows(h.ada, ben, thief, false)
		h.shows(h.ben, ada, thief, false)
		h.shows(h.ben, ada, after, true)
		h.shows(stolen, ada, after, false)
		for _, p := range []*Person{h.ada, h.ben} {
			with := ada
			if p == h.ada {
				with = ben
			}
			if m, err := p.Node.Message(with, before); err != nil || m.Deleted {
				t.Errorf("%s: what was said before is taken back: %v, %v", p.Name, m.Deleted, err)
			}
		}
		if _, err := stolen.Node.Send(t.Context(), ada, "again", node.Ref{}); !errors.Is(err, node.ErrRevoked) {
			t.Errorf("got %v, want %v", err, node.ErrRevoked)
		}
		if m, err := stolen.Node.Message(ada, thief); err != nil || m.State() != node.Failed {
			t.Errorf("what it said is %v there: %v", m.State(), err)
		}
	})
}

// TestHoldShared changes contacts on one device: the other knows the same of them, whether it was awake or not.
func TestHoldShared(t *testing.T) {
	t.Parallel()
	for name, asleep := range map[string]bool{"awake": false, "asleep": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hold(t, false, func(h *holding) { shared(h, asleep) })
		})
	}
}

// shared changes contacts on Ben's first device, while the other is awake or not.
func shared(h *holding, asleep bool) {
	t, ctx := h.t, h.t.Context()
	ben2, eve := h.link(h.ben, "Ben2"), h.add("Eve")
	time.Sleep(time.Minute)
	if asleep {
		h.check(ben2.Stop())
	}
	h.befriend()
	ada, eves := h.ada.Node.Account(), eve.Node.Account()
	_, err := eve.Node.Add(ctx, h.ben.Node.Address().String())
	h.check(err)
	time.Sleep(time.Minute)
	h.check(h.ben.Node.SetAlias(ctx, ada, "the countess"))
	h.check(h.ben.Node.SetVerified(ctx, ada, true))
	h.check(h.ben.Node.Block(ctx, eves))
	time.Sleep(30 * time.Minute)
	if asleep {
		h.check(ben2.Start(ctx))
		time.Sleep(3 * time.Hour)
	}
	same := func(who node.Account) {
		t.Helper()
		want, err := h.ben.Node.Contact(who)
		h.check(err)
		got, err := ben2.Node.Contact(who)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(node.Contact{}, "Since")); err != nil || diff != "" {
			t.Errorf("%s knows something else: %v %s", ben2.Name, err, diff)
		}
	}
	same(ada)
	same(eves)
	h.check(ben2.Node.Unblock(ctx, eves))
	time.Sleep(time.Minute)
	same(eves)
	own := h.send(h.ben, ada, "said on the first device", time.Hour)
	h.shows(ben2, ada, own, true)
	for range 40 { // more than a request may bring
		ref := h.send(h.ada, h.ben.Node.Account(), "to all devices", time.Minute)
		h.shows(ben2, ada, ref, true)
		m, err := h.ada.Node.Message(h.ben.Node.Account(), ref)
		if err != nil || m.State() != node.Delivered {
			t.Fatalf("it is %v: %v", m.State(), err)
		}
	}
}

// TestHoldNewDevice loses a device while something waits for it. It goes to the device in its place, which introduces
// itself by a first message.
func TestHoldNewDevice(t *testing.T) {
	t.Parallel()
	hold(t, true, func(h *holding) {
		t, ada, ben := h.t, h.ada.Node.Account(), h.ben.Node.Account()
		h.w.Part([]*Person{h.ada})
		ref := h.send(h.ada, ben, "waits", 3*time.Hour)
		ben2 := h.link(h.ben, "Ben2")
		time.Sleep(time.Minute)
		h.check(h.ben.Stop()) // for good
		h.heal(h.ada, ben2)
		h.send(ben2, ada, "it is me, on a new device", time.Minute)
		h.shows(ben2, ada, ref, true)
		m, err := h.ada.Node.Message(ben, ref)
		h.check(err)
		got := make(map[uint8]chat.State)
		for _, w := range m.Deliveries {
			got[w.Device] = w.State
		}
		want := map[uint8]chat.State{1: node.Queued, ben2.Node.Device(): node.Delivered}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestHoldCopy says something to a contact that the other own device has never heard of, and who sleeps: the copy is shown.
func TestHoldCopy(t *testing.T) {
	t.Parallel()
	hold(t, false, func(h *holding) {
		ada, address := h.ada.Node.Account(), h.ada.Node.Address().String()
		ben2 := h.link(h.ben, "Ben2")
		time.Sleep(time.Minute)
		h.check(h.ada.Stop())
		_, err := h.ben.Node.Add(h.t.Context(), address)
		h.check(err)
		// Both devices of Ben's have published at the same moment, and one of them in vain: half a minute later they look.
		ref := h.send(h.ben, ada, "to Ada, who sleeps", 30*time.Minute)
		h.shows(ben2, ada, ref, true)
		h.check(h.ada.Start(h.t.Context()))
		time.Sleep(12 * time.Hour)
		own := h.send(ben2, ada, "from the other device", time.Hour)
		h.shows(h.ben, ada, own, true)
		h.shows(h.ada, h.ben.Node.Account(), own, true)
	})
}

// TestHoldHurry says something to a friend who is awake again after a day, while the courier rests for most of an hour:
// a new message makes it try at once.
func TestHoldHurry(t *testing.T) {
	t.Parallel()
	hold(t, true, func(h *holding) {
		t, ben := h.t, h.ben.Node.Account()
		h.check(h.ben.Stop())
		first := h.send(h.ada, ben, "first", 30*time.Hour)
		h.check(h.ben.Start(t.Context()))
		time.Sleep(10 * time.Second)
		second := h.send(h.ada, ben, "second", 10*time.Second)
		for _, ref := range []node.Ref{first, second} {
			if m, err := h.ada.Node.Message(ben, ref); err != nil || m.State() != node.Delivered {
				t.Errorf("%q is %v after 10 s: %v", m.Text, m.State(), err)
			}
		}
	})
}

// TestHoldOwnView has the own devices learn of a new one, and of one that was revoked, while the steward sleeps for good:
// by the DHT, or from the new one itself. From then on, what one says reaches the new one and not the revoked.
func TestHoldOwnView(t *testing.T) {
	t.Parallel()
	hold(t, true, func(h *holding) {
		ctx, ben := h.t.Context(), h.ben.Node.Account()
		a2, a3 := h.link(h.ada, "A2"), h.link(h.ada, "A3")
		time.Sleep(10 * time.Minute)
		h.send(a2, ben, "hello from A2", 10*time.Minute)
		h.w.Part([]*Person{a2, a3})
		h.check(h.ada.Node.Revoke(ctx, a3.Node.Device()))
		a4 := h.link(h.ada, "A4")
		time.Sleep(time.Minute)
		h.check(h.ada.Stop())
		h.heal(a2, a3)
		h.send(a4, ben, "from A4", 2*time.Minute)
		ref := h.send(a2, ben, "secret of A2", 20*time.Minute)
		h.shows(a3, ben, ref, false)
		h.shows(a4, ben, ref, true)
		h.shows(h.ben, h.ada.Node.Account(), ref, true)
	})
}
