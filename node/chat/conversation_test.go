package chat

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// heard is a message as a device gets it.
type heard struct {
	m    *Message
	from Author
}

// talk draws what three accounts with two devices each say about eight messages, lies included: they name messages that
// are not theirs or never come, and say two things under one name.
func talk(t *rapid.T) []heard {
	accounts := []identity.Account{ada, ben, cleo}
	who := rapid.SampledFrom(accounts)
	ids := rapid.Custom(func(t *rapid.T) ID { return id(rapid.ByteRange(1, 8).Draw(t, "id")) })
	some := func(label string) []ID { return rapid.SliceOfN(ids, 0, 3).Draw(t, label) }
	var all []heard
	for range rapid.IntRange(1, 40).Draw(t, "messages") {
		at := t0 + Time(rapid.Uint64Range(0, 20).Draw(t, "time"))<<16
		m := &Message{ID: ids.Draw(t, "ID"), Time: at}
		from := Author{who.Draw(t, "from"), rapid.ByteRange(1, 2).Draw(t, "device")}
		switch m.Kind = rapid.SampledFrom([]Kind{10, 10, 10, 11, 12, 13, 14, 15, 16, 18, 50, 120}).Draw(t, "kind"); m.Kind {
		case KindText:
			m.Text, m.ViewOnce = &Text{Text: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "text")}, rapid.Bool().Draw(t, "once")
			if rapid.Bool().Draw(t, "timer") {
				m.Timer = &Timer{Seconds: 3600, From: From(rapid.ByteRange(0, 1).Draw(t, "from"))}
			}
		case KindReaction:
			target := Ref{Author: who.Draw(t, "author"), ID: ids.Draw(t, "target")}
			m.Reaction = &Reaction{Target: target, Emoji: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "emoji")}
		case KindEdit:
			m.Edit = &Edit{Target: ids.Draw(t, "target"), Text: rapid.SampledFrom([]string{"c", "d"}).Draw(t, "text")}
		case KindDelete:
			m.Delete = &Delete{Targets: append(some("targets"), ids.Draw(t, "target"))}
		case KindReceipt:
			m.Receipt = &Receipt{Author: who.Draw(t, "author"), Delivered: some("delivered"), Read: some("read"), Viewed: some("viewed")}
			if len(m.Receipt.Delivered)+len(m.Receipt.Read)+len(m.Receipt.Viewed) == 0 {
				continue
			}
		case KindContact:
			m.Contact = &Contact{Address: "linnet1"}
		case KindProfile:
			m.Profile = &Profile{Name: "x"}
		case KindTimer:
			m.NewTimer = &Timer{Seconds: rapid.Uint32Range(0, 2).Draw(t, "seconds")}
		default:
		}
		if _, err := m.AppendTo(nil); err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		all = append(all, heard{m, from})
	}
	return all
}

// device applies all in an order, each as parsed by itself and at a time of its own.
func device(t *rapid.T, all []heard) *Conversation {
	c := new(Conversation)
	for _, h := range all {
		b, err := h.m.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ParseMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		received := start.Add(time.Duration(rapid.Int64Range(0, int64(20*24*time.Hour)).Draw(t, "received")))
		if err := c.Apply(m, h.from, received); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// TestConverges: in any order, with duplicates, the same is shown to everybody at every time.
func TestConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := talk(t)
		one := device(t, all)
		again := append(slices.Clone(all), rapid.SliceOf(rapid.SampledFrom(append(all, heard{m: sample0, from: Author{ada, 1}}))).Draw(t, "duplicates")...)
		again = slices.DeleteFunc(again, func(h heard) bool { return h.m == sample0 })
		two := device(t, rapid.Permutation(again).Draw(t, "order"))
		if diff := cmp.Diff(one.Timer(), two.Timer()); diff != "" {
			t.Fatalf("timer: %s", diff)
		}
		for _, me := range []identity.Account{ada, ben} {
			for _, now := range []time.Time{start, start.Add(time.Hour), start.Add(1000 * time.Hour)} {
				if diff := cmp.Diff(one.Lines(me, now), two.Lines(me, now)); diff != "" {
					t.Fatalf("me %x at %v: %s", me[:1], now, diff)
				}
			}
		}
		for ref, e := range one.items {
			if diff := cmp.Diff(e.Item, two.items[ref].Item, cmpopts.IgnoreFields(Item{}, "Received"), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("item %v: %s", ref, diff)
			}
		}
	})
}

var sample0 = &Message{} // stands for no duplicate

// TestUnrelatedLoss: what is not about a message does not change it, also if it is lost.
func TestUnrelatedLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := talk(t)
		about := Ref{Author: ada, ID: id(rapid.ByteRange(1, 8).Draw(t, "about"))}
		related := slices.DeleteFunc(slices.Clone(all), func(h heard) bool {
			return !slices.Contains(h.m.Targets(h.from.Account), about) && rapid.Bool().Draw(t, "lost")
		})
		one, two := device(t, all).Item(about), device(t, related).Item(about)
		if diff := cmp.Diff(one, two, cmpopts.IgnoreFields(Item{}, "Received")); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestOneItemAtATime: an owner with a store, which loads and stores single items, comes to the same.
func TestOneItemAtATime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := talk(t)
		store := map[Ref][]byte{}
		whole := new(Conversation)
		for _, h := range all {
			if err := whole.Apply(h.m, h.from, start); err != nil {
				t.Fatal(err)
			}
			for _, ref := range h.m.Targets(h.from.Account) {
				it := &Item{Ref: ref}
				if b, ok := store[ref]; ok {
					var err error
					if it, err = ParseItem(b); err != nil {
						t.Fatal(err)
					}
				}
				if err := it.Apply(h.m, h.from, start); err != nil {
					t.Fatal(err)
				}
				b, err := it.AppendTo(nil)
				if err != nil {
					t.Fatal(err)
				}
				store[ref] = b
			}
		}
		for ref, b := range store {
			it, err := ParseItem(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(whole.Item(ref), it); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// TestOnlyTheAuthor: nobody but its author's account changes what a message says, or takes it back.
func TestOnlyTheAuthor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := talk(t)
		adas := slices.DeleteFunc(slices.Clone(all), func(h heard) bool { return h.from.Account != ada })
		one, two := device(t, all), device(t, adas)
		for ref, e := range two.items {
			if ref.Author != ada {
				continue
			}
			got := one.Item(ref)
			if diff := cmp.Diff(e.Message, got.Message); diff != "" {
				t.Fatal(diff)
			}
			if diff := cmp.Diff(e.Edit, got.Edit); diff != "" || e.Deleted != got.Deleted {
				t.Fatal(diff, e.Deleted, got.Deleted)
			}
		}
	})
}
