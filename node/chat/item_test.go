package chat

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// TestMarks: a read message was delivered, and what an author says about own messages says nothing.
func TestMarks(t *testing.T) {
	s := &teller{t: t}
	s.hear(ada, text(id(1), "a")).hear(ben, read(ada, id(1))).hear(ada, read(ada, id(1))).hear(ben, viewed(ada, id(1)))
	s.hear(cleo, Message{Kind: KindReceipt, Receipt: &Receipt{Author: ada, Delivered: []ID{id(1)}}}.at(start.Add(-10000*time.Hour)))
	tick := func(n int) Time { return At(start.Add(time.Duration(n) * time.Millisecond)) }
	want := []Mark{
		{Author: Author{ben, 1}, Delivered: tick(2), Read: tick(2), Viewed: tick(4)},
		{Author: Author{cleo, 1}, Delivered: tick(5)}, // not by its clock
	}
	if diff := cmp.Diff(want, s.c.Item(Ref{Author: ada, ID: id(1)}).Marks); diff != "" {
		t.Error(diff)
	}
}

// TestAppliesOnlyItsOwn: an item takes nothing from others that only its author may say, and nothing about another.
func TestAppliesOnlyItsOwn(t *testing.T) {
	own := text(id(1), "a").at(start)
	for name, h := range map[string]struct {
		from identity.Account
		m    Message
	}{
		"edit by another":       {ben, edit(id(1), "b")},
		"delete by another":     {ben, remove(id(1))},
		"message of another":    {ben, text(id(1), "b").at(start.Add(-time.Hour))},
		"receipt of its author": {ada, read(ada, id(1))},
		"edit of another":       {ada, edit(id(2), "b")},
		"delete of another":     {ada, remove(id(2))},
		"reaction to another":   {ben, reaction(ben, id(1), "x")},
		"receipt of another":    {ben, read(ada, id(2))},
		"another message":       {ada, text(id(2), "b")},
	} {
		t.Run(name, func(t *testing.T) {
			it := Item{Ref: Ref{Author: ada, ID: id(1)}}
			if err := it.Apply(&own, Author{ada, 1}, start); err != nil {
				t.Fatal(err)
			}
			want := it
			h.m.Time = max(h.m.Time, 1)
			if err := it.Apply(&h.m, Author{h.from, 1}, start); err != nil || !cmp.Equal(it, want) {
				t.Errorf("%v: %s", err, cmp.Diff(want, it))
			}
		})
	}
}

// TestEarliest: what came twice by a wrong clock stays where it came first.
func TestEarliest(t *testing.T) {
	m := text(id(1), "a").at(time.UnixMilli(1))
	it := Item{Ref: Ref{Author: ada, ID: id(1)}}
	for _, after := range []time.Duration{5 * time.Hour, 3 * time.Hour, 4 * time.Hour} {
		if err := it.Apply(&m, Author{ada, 1}, start.Add(after)); err != nil {
			t.Fatal(err)
		}
	}
	if at, _ := it.Place(); at.Time != At(start.Add(3*time.Hour)) {
		t.Errorf("got %v", at.Time.Time())
	}
}

func TestTargetsOfOwnReceipt(t *testing.T) {
	m := read(ada, id(1))
	if got := m.Targets(ada); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestTimerChangeJoins(t *testing.T) {
	changes := []TimerChange{
		{},
		{Timer{Seconds: 9}, t0, Ref{Author: ada, ID: id(1)}},
		{Timer{Seconds: 8}, t0, Ref{Author: ada, ID: id(2)}},
		{Timer{Seconds: 7}, t0, Ref{Author: ben, ID: id(1)}},
		{Timer{Seconds: 7, From: FromSent}, t0, Ref{Author: ben, ID: id(1)}},
		{Timer{Seconds: 8}, t0, Ref{Author: ben, ID: id(1)}},
		{Timer{Seconds: 1}, t0 + 1, Ref{Author: ada, ID: id(1)}},
	}
	for i, a := range changes {
		for j, b := range changes {
			if got, want := a.Join(b), changes[max(i, j)]; got != want {
				t.Errorf("%d with %d: got %+v", i, j, got)
			}
		}
	}
}

// TestErase: what this device erased does not come back.
func TestErase(t *testing.T) {
	s := &teller{t: t}
	s.hear(ada, text(id(1), "a")).hear(ben, reaction(ada, id(1), "x"))
	it := s.c.Item(Ref{Author: ada, ID: id(1)})
	it.Erase()
	s.hear(ada, text(id(1), "a")).hear(ada, edit(id(1), "b")).hear(ben, reaction(ada, id(1), "x"))
	if got := s.shows(ben, start); got != nil {
		t.Errorf("shows %q", got)
	}
	if it.Message.Text != nil || it.Edit != nil || it.Reactions != nil {
		t.Errorf("holds %+v", it)
	}
}

// TestExpire: content of view-once goes when it was viewed, on all devices of the account, and does not come back.
func TestExpire(t *testing.T) {
	s := &teller{t: t}
	m := text(id(1), "a").once().at(start)
	m.Attachments = []Attachment{{Hash: fill(1)}}
	s.hear(ada, m).hear(ada, edit(id(1), "b"))
	it := s.c.Item(Ref{Author: ada, ID: id(1)})
	if it.Expire(ben, start) {
		t.Error("expired before it was viewed")
	}
	s.hear(ben, viewed(ada, id(1)))
	if !it.Expire(ben, start) || it.Expire(ben, start) {
		t.Error("did not expire once")
	}
	s.hear(ada, m)
	if it.Message.Text.Text != "" || it.Message.Attachments != nil || it.Edit != nil {
		t.Errorf("holds %+v", it)
	}
	if got := s.shows(ben, start); !cmp.Equal(got, []string{"(hidden)"}) {
		t.Errorf("shows %q", got)
	}
	b, err := it.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseItem(b); err != nil || !cmp.Equal(got, it) {
		t.Errorf("got %+v, %v", got, err)
	}

	s.hear(ada, text(id(2), "a").with(Timer{Seconds: 60, From: FromSent}))
	it = s.c.Item(Ref{Author: ada, ID: id(2)})
	if it.Expire(ben, start) || !it.Expire(ben, start.Add(time.Hour)) || it.Expire(ben, start.Add(time.Hour)) || it.Message.Text != nil {
		t.Errorf("did not expire once: %+v", it)
	}
	if (&Item{Ref: Ref{Author: ada, ID: id(3)}}).Expire(ben, start) {
		t.Error("what has not come expired")
	}
}

// TestUndoesWrongClock: a reaction that was made while a clock was wrong can be changed when it is right.
func TestUndoesWrongClock(t *testing.T) {
	s := &teller{t: t}
	wrong := start.Add(87600 * time.Hour)
	s.hear(ada, text(id(1), "a")).hear(ben, reaction(ada, id(1), "x").at(wrong))
	has := s.c.Item(Ref{Author: ada, ID: id(1)}).Reactions[0].Time
	_, m := NewMessage(Clock{}, start, has)
	m.Kind, m.Reaction = KindReaction, &Reaction{Target: Ref{Author: ada, ID: id(1)}, Emoji: "y"}
	if s.hear(ben, *m); !cmp.Equal(s.shows(ada, start), []string{"a y"}) {
		t.Errorf("shows %q", s.shows(ada, start))
	}
	if got := m.Sent(); !got.Equal(start) {
		t.Errorf("sent %v, want %v", got, start)
	}
}

// TestFull: nobody fills a conversation with what is said about nothing, and others have room beside.
func TestFull(t *testing.T) {
	s := &teller{t: t}
	nothing := func(n int) (i ID) { binary.BigEndian.PutUint32(i[:], uint32(n+1)); return i }
	for n := range MaxWaiting {
		s.hear(ben, edit(nothing(n), "x"))
	}
	m := edit(nothing(MaxWaiting), "x")
	m.ID, m.Time = id(1), t0
	if err := s.c.Apply(&m, Author{ben, 1}, start); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want %v", err, ErrFull)
	}
	s.hear(cleo, edit(nothing(0), "x"))                                    // room for others
	s.hear(ben, text(nothing(5), "a")).hear(ben, edit(nothing(5000), "x")) // room again
	if got := s.shows(ada, start); !cmp.Equal(got, []string{"x (edited)"}) {
		t.Errorf("shows %q", got)
	}

	it := Item{Ref: Ref{Author: ada, ID: id(1)}}
	for n := range MaxReactions + 1 {
		r := reaction(ada, id(1), "x")
		r.ID, r.Time = id(2), t0
		var who identity.Account
		binary.BigEndian.PutUint32(who[:], uint32(n+1))
		if err := it.Apply(&r, Author{who, 1}, start); errors.Is(err, ErrFull) != (n == MaxReactions) {
			t.Fatalf("reaction %d: %v", n, err)
		}
	}
	if err := it.Apply(&m, Author{}, start); !errors.Is(err, ErrMessage) {
		t.Errorf("from nobody: got %v, want %v", err, ErrMessage)
	}
}
