package chat

import (
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// teller applies messages to a conversation, each a millisecond later.
type teller struct {
	t   testing.TB
	c   Conversation
	n   int
	log []telling
}

// telling is a message in a story of testdata/stories.json.
type telling struct {
	Account  string `json:"account"` // one byte, 32 times
	Device   uint8  `json:"device"`
	Received int64  `json:"received"` // ms since 1970
	Hex      string `json:"hex"`
}

// told is a story with what a device of the account me shows at now: text, (deleted), (hidden), (edited), reactions.
type told struct {
	Name     string    `json:"name"`
	Messages []telling `json:"messages"` // any order leads to the same lines, except of wrong clocks
	Me       string    `json:"me"`
	Now      int64     `json:"now"` // ms since 1970
	Lines    []string  `json:"lines"`
}

func (s *teller) now() time.Time { return start.Add(time.Duration(s.n) * time.Millisecond) }

func (s *teller) hear(from identity.Account, m Message) *teller {
	s.t.Helper()
	s.n++
	if m.ID.IsZero() {
		m.ID = ID{15: byte(s.n), 14: byte(s.n >> 8), 0: 0xee}
	}
	if m.Time == 0 {
		m.Time = At(s.now())
	}
	b, err := m.AppendTo(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = append(s.log, telling{hex.EncodeToString(from[:1]), 1, s.now().UnixMilli(), hex.EncodeToString(b)})
	if err := s.c.Apply(&m, Author{from, 1}, s.now()); err != nil {
		s.t.Fatal(err)
	}
	return s
}

// shows returns how lines look, one string each.
func (s *teller) shows(me identity.Account, now time.Time) (lines []string) {
	for _, l := range s.c.Lines(me, now) {
		text := l.Text
		switch {
		case l.Deleted:
			text = "(deleted)"
		case l.Hidden:
			text = "(hidden)"
		case !l.Kind.Known():
			text = "(needs a newer Linnet)"
		case l.Kind == KindTimer:
			text = "(timer " + l.Timer.Duration().String() + ")"
		}
		if l.Edited {
			text += " (edited)"
		}
		for _, r := range l.Reactions {
			text += " " + r.Text
		}
		if l.WrongTime {
			text += " (wrong clock)"
		}
		lines = append(lines, text)
	}
	return lines
}

func text(i ID, s string) Message { return Message{ID: i, Kind: KindText, Text: &Text{Text: s}} }

func edit(i ID, s string) Message {
	return Message{Kind: KindEdit, Edit: &Edit{Target: i, Text: s}}
}

func reaction(author identity.Account, i ID, s string) Message {
	return Message{Kind: KindReaction, Reaction: &Reaction{Target: Ref{Author: author, ID: i}, Emoji: s}}
}

func remove(i ID) Message { return Message{Kind: KindDelete, Delete: &Delete{Targets: []ID{i}}} }

func read(author identity.Account, i ID) Message {
	return Message{Kind: KindReceipt, Receipt: &Receipt{Author: author, Read: []ID{i}}}
}

func viewed(author identity.Account, i ID) Message {
	return Message{Kind: KindReceipt, Receipt: &Receipt{Author: author, Viewed: []ID{i}}}
}

func (m Message) at(t time.Time) Message { m.Time = At(t); return m }

func (m Message) with(t Timer) Message { m.Timer = &t; return m }

func (m Message) once() Message { m.ViewOnce = true; return m }

func TestStories(t *testing.T) {
	const year = 365 * 24 * time.Hour
	var fresh, stored []told
	minute := Timer{Seconds: 60}
	for _, tt := range []struct {
		name  string
		tell  func(*teller)
		after time.Duration // the story begins
		want  []string
	}{
		{"lines in order of time", func(s *teller) {
			s.hear(ada, text(id(1), "second").at(start.Add(-time.Minute))).hear(ben, text(id(2), "first").at(start.Add(-time.Hour)))
		}, 0, []string{"first", "second"}},
		{"edited", func(s *teller) { s.hear(ada, text(id(1), "a")).hear(ada, edit(id(1), "b")).hear(ada, edit(id(1), "c")) }, 0, []string{"c (edited)"}},
		{"edits in the wrong order", func(s *teller) {
			s.hear(ada, edit(id(1), "c").at(start.Add(time.Minute))).hear(ada, edit(id(1), "b")).hear(ada, text(id(1), "a"))
		}, 0, []string{"c (edited)"}},
		{"edit of another's", func(s *teller) { s.hear(ada, text(id(1), "a")).hear(ben, edit(id(1), "b")) }, 0, []string{"a"}},
		{"edit of a card", func(s *teller) {
			s.hear(ada, Message{ID: id(1), Kind: KindContact, Contact: &Contact{Address: "x"}}).hear(ada, edit(id(1), "b"))
		}, 0, []string{""}},
		{"another message under a stolen ID", func(s *teller) { s.hear(ada, text(id(1), "a")).hear(ben, text(id(1), "b")) }, 0, []string{"a", "b"}},
		{"reactions", func(s *teller) {
			s.hear(ben, reaction(ada, id(1), "x")).hear(ada, text(id(1), "a")).hear(ada, reaction(ada, id(1), "y")).hear(ben, reaction(ada, id(1), "z"))
		}, 0, []string{"a y z"}},
		{"reaction taken back", func(s *teller) {
			s.hear(ada, text(id(1), "a")).hear(ben, reaction(ada, id(1), "").at(start.Add(time.Minute))).hear(ben, reaction(ada, id(1), "x"))
		}, 0, []string{"a"}},
		{"reaction to a stolen ID", func(s *teller) {
			s.hear(ada, text(id(1), "a")).hear(ben, text(id(1), "b")).hear(cleo, reaction(ben, id(1), "x"))
		}, 0, []string{"a", "b x"}},
		{"deleted", func(s *teller) {
			s.hear(ada, text(id(1), "a")).hear(ben, reaction(ada, id(1), "x")).hear(ada, remove(id(1)))
		}, 0, []string{"(deleted)"}},
		{"deleted before it came", func(s *teller) { s.hear(ada, remove(id(1))).hear(ada, text(id(1), "a")) }, 0, []string{"(deleted)"}},
		{"a delete beats a later edit", func(s *teller) {
			s.hear(ada, text(id(1), "a")).hear(ada, remove(id(1))).hear(ada, edit(id(1), "b").at(start.Add(time.Hour)))
		}, 0, []string{"(deleted)"}},
		{"deleted by another", func(s *teller) { s.hear(ada, text(id(1), "a")).hear(ben, remove(id(1))) }, 0, []string{"a"}},
		{"a clock ten years ahead", func(s *teller) {
			s.hear(ben, text(id(2), "a")).hear(ada, text(id(1), "b").at(start.Add(10*year))).hear(ben, text(id(3), "c"))
		}, 0, []string{"a", "b (wrong clock)", "c"}},
		{"a clock ten years behind", func(s *teller) {
			s.hear(ben, text(id(2), "a")).hear(ada, text(id(1), "b").at(start.Add(-10*year))).hear(ben, text(id(3), "c"))
		}, 0, []string{"a", "b (wrong clock)", "c"}},
		{"a minute after it was read", func(s *teller) {
			s.hear(ada, text(id(1), "a").with(minute)).hear(ben, read(ada, id(1)).at(start.Add(time.Hour)))
		}, time.Hour + time.Minute, nil},
		{"not yet", func(s *teller) {
			s.hear(ada, text(id(1), "a").with(minute)).hear(ben, read(ada, id(1)).at(start.Add(time.Hour)))
		}, time.Hour + time.Minute - 1, []string{"a"}},
		{"never read, never gone", func(s *teller) { s.hear(ada, text(id(1), "a").with(minute)) }, 10 * year, []string{"a"}},
		{"another's reading does not count", func(s *teller) {
			s.hear(ada, text(id(1), "a").with(minute)).hear(cleo, read(ada, id(1)))
		}, time.Hour, []string{"a"}},
		{"the author's own, a minute after it was sent", func(s *teller) { s.hear(ben, text(id(1), "a").with(minute)) }, time.Hour, nil},
		{"a minute after it was sent", func(s *teller) {
			s.hear(ada, text(id(1), "a").with(Timer{Seconds: 60, From: FromSent}))
		}, 2 * time.Minute, nil},
		{"a minute after it was sent by a wrong clock", func(s *teller) {
			s.hear(ada, text(id(1), "a").with(Timer{Seconds: 60, From: FromSent}).at(start.Add(-10*year)))
		}, 30 * time.Second, []string{"a (wrong clock)"}},
		{"view once", func(s *teller) { s.hear(ada, text(id(1), "a").once()) }, 0, []string{"a"}},
		{"viewed once", func(s *teller) { s.hear(ada, text(id(1), "a").once()).hear(ben, viewed(ada, id(1))) }, 0, []string{"(hidden)"}},
		{"view once cannot be edited", func(s *teller) { s.hear(ada, text(id(1), "a").once()).hear(ada, edit(id(1), "b")) }, 0, []string{"a"}},
		{"own view once", func(s *teller) { s.hear(ben, text(id(1), "a").once()) }, 0, []string{"(hidden)"}},
		{"another's view does not count", func(s *teller) { s.hear(ada, text(id(1), "a").once()).hear(cleo, viewed(ada, id(1))) }, 0, []string{"a"}},
		{"an unknown kind to view once", func(s *teller) { s.hear(ada, Message{Kind: 30}.once()) }, 0, []string{"(needs a newer Linnet)"}},
		{"unknown kinds", func(s *teller) { s.hear(ada, Message{Kind: 30}).hear(ada, Message{Kind: 100}) }, 0, []string{"(needs a newer Linnet)"}},
		{"no lines", func(s *teller) {
			s.hear(ada, Message{Kind: KindProfile, Profile: &Profile{}}).hear(ada, Message{Kind: KindCall, Call: &Opaque{Bytes: []byte{1}}})
			s.hear(ada, Message{Kind: KindRoster}).hear(ben, read(ada, id(9))).hear(ada, edit(id(8), "x"))
		}, 0, nil},
		{"timers", func(s *teller) {
			s.hear(ada, Message{Kind: KindTimer, NewTimer: &Timer{Seconds: 60}}).hear(ben, Message{Kind: KindTimer, NewTimer: &Timer{}})
		}, 0, []string{"(timer 1m0s)", "(timer 0s)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &teller{t: t}
			tt.tell(s)
			now := start.Add(tt.after)
			if diff := cmp.Diff(tt.want, s.shows(ben, now)); diff != "" {
				t.Error(diff)
			}
			fresh = append(fresh, told{tt.name, s.log, hex.EncodeToString(ben[:1]), now.UnixMilli(), tt.want})
			for _, e := range s.c.items {
				e.Expire(ben, now)
			}
			if diff := cmp.Diff(tt.want, s.shows(ben, now)); diff != "" {
				t.Errorf("after Expire: %s", diff)
			}
		})
	}
	readVectors(t, "testdata/stories.json", fresh, &stored)
	if diff := cmp.Diff(fresh, stored); diff != "" {
		t.Error(diff)
	}
}

func TestConversationOf(t *testing.T) {
	group := ConversationID(fill(7))
	for _, tt := range []struct {
		name     string
		p        Plaintext
		in       ConversationID
		from, me identity.Account
		want     ConversationID
		err      error
	}{
		{"from ben", Plaintext{}, ConversationID{}, ben, ada, Direct(ben), nil},
		{"in a group", Plaintext{}, group, ben, ada, group, nil},
		{"copy of what I sent to ben", Plaintext{Copy: &Copy{Conversation: Direct(ben)}}, ConversationID{}, ada, ada, Direct(ben), nil},
		{"copy in a group", Plaintext{Copy: &Copy{Conversation: group}}, group, ada, ada, group, nil},
		{"note to myself", Plaintext{}, ConversationID{}, ada, ada, Direct(ada), nil},
		{"copy from cleo", Plaintext{Copy: &Copy{Conversation: Direct(ben)}}, ConversationID{}, cleo, ada, ConversationID{}, ErrCopy},
		{"copy of another group", Plaintext{Copy: &Copy{Conversation: Direct(ben)}}, group, ada, ada, ConversationID{}, ErrMessage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.p.ConversationOf(&Message{Conversation: tt.in}, tt.from, tt.me)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %x, %v, want %x, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		KindText.String(): "text", KindSenderKey.String(): "sender key", Kind(24).String(): "kind 24", Kind(1).String(): "kind 1",
		FromSent.String(): "sent", From(9).String(): "From?", WeakTyping.String(): "typing", WeakKind(9).String(): "weak kind 9",
		Delivered.String(): "delivered", State(9).String(): "State?", TryAgain.String(): "try again", Event(9).String(): "Event?",
		id(0xab).String(): "abababababababababababababababab",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
