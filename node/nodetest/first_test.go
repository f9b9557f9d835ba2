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
