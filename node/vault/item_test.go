package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/node/chat"
)

// texts returns the texts of items, "-" for one without.
func texts(page []*chat.Item) (all []string) {
	for _, it := range page {
		text := "-"
		if it.Message != nil && it.Message.Text != nil {
			text = it.Message.Text.Text
		}
		all = append(all, text)
	}
	return all
}

// says applies a message of ben's to an item.
func says(it *chat.Item, m chat.Message) *chat.Item {
	m.ID = chat.NewID()
	if m.Time == 0 {
		m.Time = chat.At(start.Add(time.Hour))
	}
	if err := it.Apply(&m, chat.Author{Account: ben, Device: 1}, m.Time.Time()); err != nil {
		panic(err)
	}
	return it
}

func edited(it *chat.Item, text string) *chat.Item {
	return says(it, chat.Message{Kind: chat.KindEdit, Edit: &chat.Edit{Target: it.Ref.ID, Text: text}})
}

func deleted(it *chat.Item) *chat.Item {
	return says(it, chat.Message{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.ID{it.Ref.ID}}})
}

func TestHistory(t *testing.T) {
	other := chat.Direct(ada)
	for _, p := range places(t) {
		t.Run(p.name, func(t *testing.T) {
			v := p.open(t)
			commit(t, v, func(b *Batch) {
				for _, n := range []int{3, 0, 4, 1, 2} {
					putItem(t, b, talk, item(n, fmt.Sprint(n)))
				}
				putItem(t, b, other, item(7, "other"))
				if it, err := b.Item(talk, ref(4)); err != nil || it.Message.Text.Text != "4" {
					t.Error("Batch.Item:", it, err)
				}
			})
			page := func(before chat.Place, n int) []string {
				p, err := v.Page(talk, before, n)
				if err != nil {
					t.Fatal(err)
				}
				return texts(p)
			}
			at := func(n int) chat.Place {
				place, _ := item(n, "x").Place()
				return place
			}
			check := func(what string, got []string, want ...string) {
				t.Helper()
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: %s", what, diff)
				}
			}
			check("newest", page(chat.Place{}, 2), "4", "3")
			check("before", page(at(3), 2), "2", "1")
			check("the oldest", page(at(1), 9), "0")
			check("none", page(at(0), 9))
			check("no size", page(chat.Place{}, 0))
			forth, err := v.After(talk, at(2), 9)
			if check("after", texts(forth), "3", "4"); err != nil {
				t.Fatal(err)
			}
			if forth, err = v.After(talk, chat.Place{}, 2); err != nil {
				t.Fatal(err)
			}
			check("from the beginning", texts(forth), "0", "1")

			conversations, err := v.Conversations()
			want := []chat.ConversationID{talk, other}
			slices.SortFunc(want, func(a, b chat.ConversationID) int { return strings.Compare(string(a[:]), string(b[:])) })
			if diff := cmp.Diff(want, conversations); diff != "" || err != nil {
				t.Error(diff, err)
			}

			// An item that waits has no place; when its message comes, it gets one. A message that comes earlier moves.
			waits := edited(&chat.Item{Ref: ref(8)}, "waits")
			commit(t, v, func(b *Batch) { putItem(t, b, talk, waits) })
			check("with one that waits", page(chat.Place{}, 1), "4")
			if it, err := v.Item(talk, ref(8)); err != nil || it.Message != nil || it.Edit.Text != "waits" {
				t.Error(it, err)
			}
			commit(t, v, func(b *Batch) { putItem(t, b, talk, item(8, "came")) })
			check("when it came", page(chat.Place{}, 2), "came", "4")
			moved := item(2, "moved")
			moved.Message.Time = at(9).Time
			commit(t, v, func(b *Batch) { putItem(t, b, talk, moved) })
			check("moved", page(chat.Place{}, 9), "moved", "came", "4", "3", "1", "0")

			commit(t, v, func(b *Batch) {
				for _, n := range []int{0, 2, 5} {
					if err := b.DeleteItem(talk, ref(n)); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := b.Item(talk, ref(2)); !errors.Is(err, ErrNotFound) {
					t.Error("Batch.Item of what it deletes:", err)
				}
			})
			check("deleted", page(chat.Place{}, 9), "came", "4", "3", "1")
			if _, err := v.Item(talk, ref(2)); !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
			if err := v.DeleteConversation(talk); err != nil {
				t.Fatal(err)
			}
			check("all deleted", page(chat.Place{}, 9))
			if conversations, err = v.Conversations(); err != nil || len(conversations) != 1 || conversations[0] != other {
				t.Error(conversations, err)
			}
			if err := v.Scrub(t.Context()); err != nil || v.Stats().Damaged != 0 {
				t.Error(err, v.Damaged())
			}
		})
	}
}

func TestSearch(t *testing.T) {
	timer := func(it *chat.Item) *chat.Item {
		it.Message.Timer = &chat.Timer{Seconds: 60, From: chat.FromSent}
		return it
	}
	once := func(it *chat.Item) *chat.Item {
		it.Message.ViewOnce = true
		return it
	}
	named := item(11, "see")
	named.Message.Attachments = []chat.Attachment{{Hash: [32]byte{1}, Name: "Hello.pdf"}}
	erased := item(4, "hello erased")
	erased.Erase()
	other := chat.Direct(ada)
	for _, p := range places(t) {
		t.Run(p.name, func(t *testing.T) {
			v := p.open(t)
			commit(t, v, func(b *Batch) {
				for _, it := range []*chat.Item{
					item(0, "say HELLO"),
					edited(item(1, "hello"), "good-bye"),
					edited(item(2, "good-bye"), "Hello again"),
					deleted(item(3, "hello deleted")),
					erased,
					timer(item(5, "hello, I disappear")),
					timer(item(50, "hello, not yet")),
					once(item(7, "hello once")),
					item(8, "nothing"),
					item(9, "hel lo"),
					named,
					edited(&chat.Item{Ref: ref(12)}, "hello waits"),
					item(13, "ЖУК STRASSE Kelvin \u212a"),
				} {
					putItem(t, b, talk, it)
				}
				putItem(t, b, other, item(30, "hello there"))
			})
			search := func(text string, c chat.ConversationID) (found []string) {
				q := Query{Text: text, Conversation: c, Me: ada, Now: start.Add(70 * time.Second)}
				err := v.Search(t.Context(), q, func(_ chat.ConversationID, it *chat.Item) bool {
					l, _ := it.Line(ada, q.Now)
					found = append(found, l.Text)
					return true
				})
				if err != nil {
					t.Fatal(err)
				}
				return found
			}
			for _, test := range []struct {
				text string
				in   chat.ConversationID
				want []string
			}{
				{"hello", chat.ConversationID{}, []string{"hello, not yet", "hello there", "see", "hello once", "Hello again", "say HELLO"}},
				{"hello", talk, []string{"hello, not yet", "see", "hello once", "Hello again", "say HELLO"}},
				{"hello", chat.ConversationID{9}, nil},
				{"жук strasse", talk, []string{"ЖУК STRASSE Kelvin \u212a"}},
				{"KELVIN k", talk, []string{"ЖУК STRASSE Kelvin \u212a"}},
				{"nowhere", talk, nil},
			} {
				if diff := cmp.Diff(test.want, search(test.text, test.in)); diff != "" {
					t.Errorf("%q: %s", test.text, diff)
				}
			}
			n := 0
			err := v.Search(t.Context(), Query{Text: "hello", Me: ada, Now: start}, func(chat.ConversationID, *chat.Item) bool {
				n++
				return n < 2
			})
			if n != 2 || err != nil {
				t.Errorf("called %d times: %v", n, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := v.Search(ctx, Query{Text: "hello"}, nil); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			for _, bad := range []string{"", "\xff", strings.Repeat("x", 257)} {
				if err := v.Search(t.Context(), Query{Text: bad}, nil); !errors.Is(err, ErrSize) {
					t.Errorf("%q: %v", bad, err)
				}
			}
		})
	}
}

// TestNewest keeps the newest of more than are kept.
func TestNewest(t *testing.T) {
	var n newest
	for i := range 3 * MaxFound {
		place, _ := item(i, "x").Place()
		n.add(itemKey(talk, place))
	}
	n.trim()
	first, _ := item(3*MaxFound-1, "x").Place()
	last, _ := item(2*MaxFound, "x").Place()
	if len(n.keys) != MaxFound || n.keys[0] != string(itemKey(talk, first)) || n.keys[MaxFound-1] != string(itemKey(talk, last)) {
		t.Error(len(n.keys))
	}
}
