package chat

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// items returns items as they are stored: whole, waiting, deleted, erased.
func items(t testing.TB) []*Item {
	t.Helper()
	s := &teller{t: t}
	s.hear(ada, text(id(1), "a")).hear(ada, edit(id(1), "b")).hear(ben, reaction(ada, id(1), "x")).hear(ben, viewed(ada, id(1)))
	s.hear(ada, edit(id(2), "b")).hear(ben, reaction(ada, id(2), "x")).hear(cleo, reaction(ada, id(2), "")).hear(ben, read(ada, id(2)))
	s.hear(ada, text(id(3), "a")).hear(ada, remove(id(3))).hear(ada, remove(id(4))).hear(ada, text(id(5), "a"))
	var all []*Item
	for n := byte(1); n <= 5; n++ {
		all = append(all, s.c.Item(Ref{Author: ada, ID: id(n)}))
	}
	all[4].Erase()
	return all
}

func TestItemIsStored(t *testing.T) {
	for _, it := range items(t) {
		b, err := it.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseItem(b); err != nil || !cmp.Equal(got, it) {
			t.Errorf("%v, %s", err, cmp.Diff(it, got))
		}
	}
}

// TestItemRefuses has one fault per row, in what was stored.
func TestItemRefuses(t *testing.T) {
	message := func(b *itemBody, spoil func(*Message)) {
		m := sampleOf(t, "text")
		spoil(m)
		b.Message, _ = m.AppendTo(nil)
	}
	for _, tt := range []struct {
		fault string
		of    int // item
		spoil func(*itemBody)
		want  error
	}{
		{"no author", 0, func(b *itemBody) { b.Ref.Author = identity.Account{} }, ErrMessage},
		{"unknown in its name", 0, func(b *itemBody) { b.Ref.Unknown = "\x03\x01" }, ErrMessage},
		{"message of another ID", 0, func(b *itemBody) { message(b, func(m *Message) { m.ID = id(9) }) }, ErrMessage},
		{"message of a kind that is no line", 0, func(b *itemBody) {
			b.Message, _ = sampleOf(t, "profile").AppendTo(nil)
		}, ErrMessage},
		{"message is none", 0, func(b *itemBody) { b.Message = []byte{0xa0} }, identity.ErrMalformed},
		{"no device", 0, func(b *itemBody) { b.Device = 0 }, ErrMessage},
		{"never received", 0, func(b *itemBody) { b.Received = 0 }, ErrMessage},
		{"waits, and came", 1, func(b *itemBody) { b.Received = 1 }, ErrMessage},
		{"waits, and has a device", 1, func(b *itemBody) { b.Device = 1 }, ErrMessage},
		{"edit of another", 0, func(b *itemBody) { b.Edit.Account = ben }, ErrMessage},
		{"edit to nothing", 0, func(b *itemBody) { b.Edit.Text = "" }, ErrMessage},
		{"reaction twice", 0, func(b *itemBody) { b.Reactions = append(b.Reactions, b.Reactions...) }, ErrMessage},
		{"reactions out of order", 1, func(b *itemBody) { b.Reactions[0], b.Reactions[1] = b.Reactions[1], b.Reactions[0] }, ErrMessage},
		{"mark of no device", 0, func(b *itemBody) { b.Marks[0].Device = 0 }, ErrMessage},
		{"mark of nothing", 0, func(b *itemBody) { b.Marks[0].Delivered = 0 }, ErrMessage},
		{"mark of the author", 0, func(b *itemBody) { b.Marks[0].Account = ada }, ErrMessage},
		{"mark twice", 0, func(b *itemBody) { b.Marks = append(b.Marks, b.Marks...) }, ErrMessage},
		{"deleted, with its message", 0, func(b *itemBody) { b.Edit, b.Reactions, b.Deleted = nil, nil, true }, ErrMessage},
		{"deleted, with an edit", 1, func(b *itemBody) { b.Reactions, b.Deleted = nil, true }, ErrMessage},
		{"deleted, with a reaction", 1, func(b *itemBody) { b.Edit, b.Deleted = nil, true }, ErrMessage},
		{"not deleted, without its content", 2, func(b *itemBody) { b.Deleted = false }, ErrMessage},
		{"deleted, without a time", 2, func(b *itemBody) { b.Head.Time = 0 }, ErrMessage},
		{"deleted, of no kind", 2, func(b *itemBody) { b.Head.Kind = 200 }, ErrMessage},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			good, err := items(t)[tt.of].AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			var body itemBody
			if err := identity.Unmarshal(good, ItemSize, &body); err != nil {
				t.Fatal(err)
			}
			tt.spoil(&body)
			b, err := identity.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ParseItem(b); !errors.Is(err, tt.want) || got != nil {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
