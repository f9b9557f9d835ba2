package conference

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// talkBy has the first line call all the others by so many mixers, and all of them talk.
func talkBy(w *world, mixers int) {
	w.t.Helper()
	var others []int
	for i := range w.lines[1:] {
		others = append(others, i+1)
	}
	w.dialVia(0, 1, Mixed, mixers, others...)
	w.flow()
	for _, i := range others {
		w.step(i, Accept{})
		w.flow()
	}
}

// moves has a line go to the next mixer, and nobody hear of it.
func (w *world) moves(i int) {
	w.t.Helper()
	before := len(w.post)
	w.step(i, RoomLost{})
	for n := 0; n < len(w.post); {
		switch m := w.post[n]; {
		case m.own == nil && n >= before:
			w.post = append(w.post[:n:n], w.post[n+1:]...)
		case m.own != nil && m.to == i:
			w.deliver(n)
			n = 0
		default:
			n++
		}
	}
	w.flow()
}

// TestCompany has a story for each way in which somebody is alone.
func TestCompany(t *testing.T) {
	pair, trio, four := []int{0, 1}, []int{0, 1, 2}, []int{0, 1, 2, 3}
	for _, s := range []struct {
		name    string
		devices []int
		tell    func(w *world)
	}{
		{"who went on alone is followed", trio, func(w *world) {
			talkBy(w, 2)
			w.moves(1)
			w.at("oak", "elm", "oak")
			w.pass(AloneTime - 1)
			w.at("oak", "elm", "oak")
			w.pass(1)
			w.at("elm", "elm", "elm")
			if v := w.lines[1].line.View(); v.Alone {
				w.t.Fatalf("alone among %d", len(v.Parties))
			}
		}},
		{"who stayed alone is told", trio, func(w *world) {
			talkBy(w, 2)
			w.moves(1)
			w.moves(2)
			w.at("oak", "elm", "elm")
			w.pass(AloneTime)
			w.at("elm", "elm", "elm")
		}},
		{"two and two, of whom nobody is alone", four, func(w *world) {
			talkBy(w, 3)
			w.moves(2)
			w.moves(3)
			w.at("oak", "oak", "elm", "elm")
			w.pass(AloneTime)
			w.at("elm", "elm", "elm", "elm")
		}},
		{"the other is not there yet", pair, func(w *world) {
			w.silent[mixer(0).Key] = true
			w.dialVia(0, 1, Mixed, 1, 1)
			w.step(0, Opened{Mixer: mixer(0).Key})
			w.flow()
			w.step(0, LinkUp{})
			w.flow()
			w.step(1, Accept{})
			w.pass(AloneTime - 1)
			if v := w.lines[0].line.View(); v.Alone {
				w.t.Fatalf("alone at once")
			}
			w.pass(1)
			if v := w.lines[0].line.View(); !v.Alone || v.Met {
				w.t.Fatalf("alone %v, met %v", v.Alone, v.Met)
			}
			w.step(1, LinkUp{})
			w.flow()
			if v := w.lines[0].line.View(); v.Alone || !v.Met {
				w.t.Fatalf("alone %v, met %v", v.Alone, v.Met)
			}
		}},
		{"the other is there no more, and nobody says so", pair, func(w *world) {
			talkBy(w, 3)
			w.lines = w.lines[:1]
			w.tellRooms()
			w.pass(AloneTime)
			if v := w.lines[0].line.View(); !v.Alone || !v.Met {
				w.t.Fatalf("alone %v, met %v", v.Alone, v.Met)
			}
			w.pass(time.Hour) // it is sought at each mixer, and that is all
			w.want("talking")
			w.at("ash")
			if w.joins[0] != 3 {
				w.t.Fatalf("entered %d times", w.joins[0])
			}
		}},
		{"a mixer keeps them apart", trio, func(w *world) {
			w.apart[mixer(0).Key] = true
			talkBy(w, 2)
			w.pass(2*AloneTime + 1)
			w.at("elm", "elm", "elm")
			w.wantMixers(0, "oak failed: keeps the callers apart", "elm used")
			before := maps.Clone(w.joins)
			w.pass(time.Hour)
			if diff := cmp.Diff(before, w.joins); diff != "" {
				w.t.Fatalf("%s", diff)
			}
		}},
		{"all mixers keep them apart", pair, func(w *world) {
			w.apart[mixer(0).Key], w.apart[mixer(1).Key] = true, true
			talkBy(w, 2)
			w.pass(time.Hour)
			w.want("talking", "talking")
			w.at("elm", "elm")
			if w.joins[0] > 2 || w.joins[1] > 2 {
				w.t.Fatalf("entered %v times", w.joins)
			}
		}},
		{"two who are no contacts, when the host has left", trio, func(w *world) {
			b, c := account(1), account(2)
			w.strangers[[2]identity.Account{b, c}], w.strangers[[2]identity.Account{c, b}] = true, true
			talkBy(w, 3)
			w.step(0, HangUp{})
			w.flow()
			w.moves(2) // and the other hears nothing of it, ever
			w.at("-", "oak", "elm")
			w.pass(SearchTime + AloneTime)
			w.at("-", "oak", "ash")
			w.pass(SearchTime + AloneTime)
			w.at("-", "oak", "oak")
			before := maps.Clone(w.joins)
			w.pass(time.Hour)
			if diff := cmp.Diff(before, w.joins); diff != "" {
				w.t.Fatalf("%s", diff)
			}
		}},
		{"the host tells those who hear of it from nobody else", trio, func(w *world) {
			b, c := account(1), account(2)
			w.strangers[[2]identity.Account{b, c}], w.strangers[[2]identity.Account{c, b}] = true, true
			talkBy(w, 2)
			w.step(2, RoomLost{})
			w.flow()
			w.at("elm", "elm", "elm")
		}},
	} {
		t.Run(s.name, func(t *testing.T) { s.tell(newWorld(t, s.devices...)) })
	}
}

// TestOneRoom has calls by mixers of which one works for all, and the others for some, or for nobody, or keep apart those who
// are there. Whatever is lost meanwhile, all who are in the call end in one room, and stay there.
func TestOneRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.IntRange(2, 5).Draw(t, "lines")
		mixers := rapid.IntRange(1, 4).Draw(t, "mixers")
		devices := make([]int, lines)
		for i := range devices {
			devices[i] = i
		}
		w := newWorld(t, devices...)
		good := rapid.IntRange(0, mixers-1).Draw(t, "good")
		spoil := func() {
			for m := range mixers {
				key := mixer(m).Key
				w.dead[key], w.apart[key] = false, false
				for i := range lines {
					delete(w.barred, bar{i, key})
				}
				if m == good {
					continue
				}
				switch rapid.IntRange(0, 3).Draw(t, fmt.Sprint("mixer ", m)) {
				case 0:
					w.dead[key] = true
				case 1:
					w.apart[key] = true
				case 2:
					for i := range lines {
						if rapid.Bool().Draw(t, "barred") {
							w.barred[bar{i, key}] = "cannot be reached"
						}
					}
				}
			}
			for i, p := range w.lines { // who is where nobody can be is silent from now on
				if p.room != nil && (w.dead[p.room.Mixer.Key] || w.barred[bar{i, p.room.Mixer.Key}] != "") {
					w.step(i, LinkDown{})
				}
			}
		}
		spoil()
		talkBy(w, mixers)
		storms := rapid.IntRange(0, 12).Draw(t, "storms")
		for range storms {
			switch i := rapid.IntRange(0, lines-1).Draw(t, "line"); rapid.IntRange(0, 6).Draw(t, "storm") {
			case 0:
				w.step(i, LinkDown{})
			case 1:
				w.step(i, RoomLost{})
			case 2:
				w.moves(i)
			case 3:
				spoil()
			case 4:
				w.pass(time.Duration(rapid.IntRange(1, 20).Draw(t, "s")) * time.Second)
			case 5: // signals are lost
				for n := len(w.post) - 1; n >= 0; n-- {
					if w.post[n].own == nil && rapid.Bool().Draw(t, "lost") {
						w.post = append(w.post[:n:n], w.post[n+1:]...)
					}
				}
			case 6:
				w.flow()
			}
		}
		w.pass(10 * time.Minute)
		room, in := "", 0
		for i, p := range w.lines {
			switch l := p.line; {
			case l.status == Ended && storms > 0:
			case l.status != Talking:
				t.Fatalf("%d is %v", i, l.status)
			case room != "" && p.room.Mixer.Name != room:
				t.Fatalf("%d is at %s, others at %s", i, p.room.Mixer.Name, room)
			default:
				room = p.room.Mixer.Name
				in++
			}
		}
		for i, p := range w.lines {
			if p.line.status == Talking && in > 1 && p.others < in-1 {
				t.Fatalf("%d is with %d of %d at %s", i, p.others, in-1, room)
			}
		}
		before := maps.Clone(w.joins)
		w.pass(time.Hour)
		if diff := cmp.Diff(before, w.joins); diff != "" {
			t.Fatalf("they do not stay: %s", diff)
		}
	})
}
