package vault

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/node/chat"
)

func TestSnapshot(t *testing.T) {
	for name, c := range map[string]Config{"disk": {}, "folder": {Folder: t.TempDir(), Mobile: true}} {
		t.Run(name, func(t *testing.T) {
			v := open(t, c)
			for i := range 100 {
				put(t, v, Setting, fmt.Sprintf("k%02d", i), "before")
			}
			put(t, v, Session, "k", "secret")
			s, err := v.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			for i := range 100 {
				put(t, v, Setting, fmt.Sprintf("k%02d", i), "after")
			}
			put(t, v, Setting, "new", "after")
			if err := v.Tidy(t.Context()); err != nil {
				t.Fatal(err)
			}
			n := 0
			if err := s.Each(Setting, nil, func(_, value []byte) error {
				if n++; string(value) != "before" {
					t.Errorf("got %q", value)
				}
				return nil
			}); err != nil || n != 100 {
				t.Errorf("%d records, %v", n, err)
			}
			if b, err := s.Get(Setting, []byte("k42")); err != nil || string(b) != "before" {
				t.Errorf("got %q, %v", b, err)
			}
			for _, key := range []string{"new", "none"} {
				if _, err := s.Get(Setting, []byte(key)); !errors.Is(err, ErrNotFound) {
					t.Errorf("%s: got %v", key, err)
				}
			}
			if _, err := s.Get(Session, []byte("k")); !errors.Is(err, ErrNotFound) {
				t.Errorf("a session: %v", err)
			}
			if err := s.Each(PreKey, nil, nil); err == nil {
				t.Error("prekeys are in a snapshot")
			}
			s.Close()
			s.Close()
		})
	}
}

func TestSnapshotItems(t *testing.T) {
	v := open(t, Config{})
	var want []chat.ID
	b := v.NewBatch()
	c := chat.ConversationID{1}
	for i := range 3 {
		it := &chat.Item{Ref: chat.Ref{Author: [32]byte{2}, ID: chat.ID{byte(i + 1)}}, Deleted: i == 2}
		if i < 2 {
			it.Message, it.Device = &chat.Message{ID: it.Ref.ID, Time: chat.Time(1000 - i), Kind: chat.KindText, Text: &chat.Text{Text: "t"}}, 1
			it.Received = 1
		}
		if err := b.PutItem(c, it); err != nil {
			t.Fatal(err)
		}
	}
	want = []chat.ID{{2}, {1}, {3}}
	if err := v.Commit(b); err != nil {
		t.Fatal(err)
	}
	s, err := v.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := v.Clear(); err != nil {
		t.Fatal(err)
	}
	if all, err := v.Conversations(); err != nil || len(all) != 0 {
		t.Errorf("Clear left %v, %v", all, err)
	}
	if it, err := s.Item(c, chat.Ref{Author: [32]byte{2}, ID: chat.ID{1}}); err != nil || it.Message == nil {
		t.Errorf("got %v, %v", it, err)
	}
	for _, of := range []chat.ConversationID{c, {}} {
		var got []chat.ID
		if err := s.Items(of, func(_ chat.ConversationID, it *chat.Item) error {
			got = append(got, it.Ref.ID)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}
