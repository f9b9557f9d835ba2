package nodetest

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/node"
)

func TestFirstContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(1, 4)
		if testing.Verbose() {
			w.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}
		ada, err := w.Add(t.Context(), "Ada")
		if err != nil {
			t.Fatal(err)
		}
		ben, err := w.Add(t.Context(), "Ben")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if err := w.Befriend(ctx, ada, ben); err != nil {
			t.Fatal(err, ada.Node.Stats(), ben.Node.Stats(), ben.Node.Waiting(), ada.Node.Waiting())
		}
		t.Log("befriended after", time.Since(began))
		ref, err := ben.Node.Send(ctx, ada.Node.Account(), "hello, Ada", node.Ref{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Until(ctx, func() bool {
			m, err := ada.Node.Message(ben.Node.Account(), ref)
			return err == nil && m.Text == "hello, Ada"
		}); err != nil {
			t.Fatal(err)
		}
		if err := w.Until(ctx, func() bool {
			m, err := ben.Node.Message(ada.Node.Account(), ref)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(m.Deliveries)
			return m.State().String() == "delivered"
		}); err != nil {
			t.Fatal(err)
		}
		if err := ada.Node.React(ctx, ben.Node.Account(), ref, "👍"); err != nil {
			t.Fatal(err)
		}
		if err := ada.Node.MarkRead(ctx, ben.Node.Account(), ref.ID); err != nil {
			t.Fatal(err)
		}
		if err := w.Until(ctx, func() bool {
			m, _ := ben.Node.Message(ada.Node.Account(), ref)
			return m.State().String() == "read" && len(m.Reactions) == 1
		}); err != nil {
			t.Fatal(err)
		}
		t.Log(ada.Node.Stats(), ben.Node.Stats())
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestUnread counts what came and was not read: below one's own messages, after some were read, and when more comes.
func TestUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(1, 4)
		defer func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		ada, err := w.Add(ctx, "Ada")
		must(err)
		ben, err := w.Add(ctx, "Ben")
		must(err)
		must(w.Befriend(ctx, ada, ben))
		a, b := ada.Node.Account(), ben.Node.Account()
		says := func(from *Person, to node.Account, times int) {
			for range times {
				_, err := from.Node.Send(ctx, to, "and", node.Ref{})
				must(err)
			}
			must(w.Until(ctx, func() bool { return from.Node.Stats().Waiting == 0 }))
		}
		unread := func(p *Person, with node.Account, want int) {
			t.Helper()
			for range 2 { // the second time by what the first remembered
				if n, err := p.Node.Unread(with); err != nil || n != want {
					t.Errorf("%s has %d unread (%v), want %d", p.Name, n, err, want)
				}
			}
		}
		unread(ada, b, 0)
		says(ada, b, 100)
		unread(ada, b, 0)
		unread(ben, a, 100)
		says(ben, a, 3)
		unread(ada, b, 3)
		unread(ben, a, 100)
		must(ben.Node.MarkAllRead(ctx, a))
		unread(ben, a, 0)
		says(ben, a, 70)
		unread(ben, a, 0)
		says(ada, b, 2)
		unread(ben, a, 2)
		says(ben, a, 70)
		unread(ben, a, 2)
		must(ada.Node.MarkAllRead(ctx, b))
		unread(ada, b, 0)
	})
}
