package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/mailbox/mailboxtest"
)

// TestPutFetchAck is the life of a post: put, kept, fetched, acked, gone; and put twice, it is there once.
func TestPutFetchAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{})
		defer w.stop()
		c := w.client()
		defer c.Shut()
		ctx := t.Context()
		o := w.open(c, mailbox.Mail)
		token := o.token()
		var names []mailbox.Name
		for i, size := range []int{512, 1 << 10, 64 << 10} {
			post := letter(size)
			r, err := c.Put(ctx, w.at, o.box, post, token)
			if err != nil {
				t.Fatal(err)
			}
			if r.Name != mailbox.NameOf(post) || r.Box != o.box || int(r.Size) != size || r.Relay != w.at.Relay {
				t.Errorf("receipt %d is of something else: %+v", i, r)
			}
			if left := time.Until(r.Until); left < 29*24*time.Hour || left > 31*24*time.Hour {
				t.Errorf("kept for %v", left)
			}
			again, err := mailbox.ParseReceipt(r.AppendTo(nil))
			if err != nil || again != r {
				t.Errorf("receipt read back: %v, %v", again, err)
			}
			if _, err := c.Put(ctx, w.at, o.box, post, token); err != nil {
				t.Errorf("put again: %v", err)
			}
			names = append(names, r.Name)
		}
		posts := w.fetchAll(c, o.by)
		if len(posts) != 3 {
			t.Fatalf("got %d posts", len(posts))
		}
		for i, p := range posts {
			if p.Name != names[i] || p.Token != token.ID || mailbox.NameOf(p.Bytes) != names[i] {
				t.Errorf("post %d: %+v", i, p.Item)
			}
		}
		if err := c.Ack(ctx, w.at, o.key, names[:2]...); err != nil {
			t.Fatal(err)
		}
		if err := c.Ack(ctx, w.at, o.key, names[:2]...); err != nil {
			t.Errorf("ack again: %v", err)
		}
		if posts := w.fetchAll(c, o.by); len(posts) != 1 || posts[0].Name != names[2] {
			t.Errorf("after the ack: %d posts", len(posts))
		}
		if got := w.server.Stats(); got.Put != 3 || got.Repeated != 3 || got.Acked != 2 {
			t.Errorf("stats: %+v", got)
		}
	})
}

// TestListen holds that who listens gets what lies there, then what comes, without asking.
func TestListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{})
		defer w.stop()
		c := w.client()
		defer c.Shut()
		o := w.open(c, mailbox.Mail)
		token := o.token()
		put := func() mailbox.Name {
			r, err := c.Put(t.Context(), mailbox.Place{Relay: w.at.Relay, Apart: 1}, o.box, letter(512), token)
			if err != nil {
				t.Fatal(err)
			}
			return r.Name
		}
		first := put()
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan mailbox.Batch, 10)
		done := make(chan error, 1)
		go func() {
			done <- c.Listen(ctx, w.at, o.by, mailbox.Cursor{}, func(b mailbox.Batch) error { got <- b; return nil })
		}()
		if b := <-got; len(b.Posts) != 1 || b.Posts[0].Name != first {
			t.Fatalf("first: %+v", b)
		}
		if b := <-got; !b.Caught {
			t.Fatalf("not caught up: %+v", b)
		}
		time.Sleep(24 * time.Hour) // nobody says a word
		second := put()
		if b := <-got; len(b.Posts) != 1 || b.Posts[0].Name != second {
			t.Fatalf("second: %+v", b)
		}
		<-got
		w.server.Drain(true)
		if b := <-got; !b.Draining {
			t.Fatalf("not told of draining: %+v", b)
		}
		if _, err := c.Put(ctx, w.at, o.box, letter(512), token); !errors.Is(err, mailbox.ErrDraining) {
			t.Errorf("put into a draining relay: %v", err)
		}
		if len(w.fetchAll(c, o.by)) != 2 {
			t.Error("a draining relay does not give what it has")
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("listen ended with %v", err)
		}
	})
}

// TestBreaks holds that what was kept is there after the relay started anew, and after the connection broke, and that
// whoever listens is told.
func TestBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{})
		c := w.client()
		defer c.Shut()
		o := w.open(c, mailbox.Mail)
		token := o.token()
		if _, err := c.Put(t.Context(), w.at, o.box, letter(512), token); err != nil {
			t.Fatal(err)
		}
		for _, broken := range []func(){w.cut, w.restart} {
			done := make(chan error, 1)
			caught := make(chan bool, 1)
			go func() {
				done <- c.Listen(t.Context(), w.at, o.by, mailbox.Cursor{}, func(b mailbox.Batch) error {
					if b.Caught {
						caught <- true
					}
					return nil
				})
			}()
			<-caught
			broken()
			if err := <-done; !errors.Is(err, mailbox.ErrUnreachable) {
				t.Errorf("listen ended with %v", err)
			}
			if len(w.fetchAll(c, o.by)) != 1 {
				t.Error("the post is gone")
			}
		}
		w.stop()
		if _, err := c.Put(t.Context(), w.at, o.box, letter(512), token); !errors.Is(err, mailbox.ErrUnreachable) {
			t.Errorf("put to a relay that is down: %v", err)
		}
	})
}

// endless is a store that reads until it is told to stop.
type endless struct{ mailbox.Store }

func (endless) Fetch(ctx context.Context, _ mailbox.BoxID, _ uint64, _, _ int) ([]mailbox.Post, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestStops holds that who waits for an answer when a relay stops finds it unreachable, and is not told that it failed.
func TestStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{})
		c := w.client()
		defer c.Shut()
		o := w.open(c, mailbox.Mail)
		w.stop()
		w.config.Store = endless{w.store}
		w.begin()
		done := make(chan error, 1)
		go func() {
			_, err := c.Fetch(t.Context(), w.at, o.by, mailbox.Cursor{}, func(mailbox.Batch) error { return nil })
			done <- err
		}()
		synctest.Wait()
		w.stop()
		if err := <-done; !errors.Is(err, mailbox.ErrUnreachable) {
			t.Errorf("fetch ended with %v", err)
		}
		if n := w.server.Stats().Refused; len(n) > 0 {
			t.Errorf("counted as refused: %v", n)
		}
	})
}

// TestManyPosts fetches more than a window holds, page by page.
func TestManyPosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{Limits: mailbox.Limits{TokenBurst: 1000}})
		defer w.stop()
		c := w.client()
		defer c.Shut()
		o := w.open(c, mailbox.Shelf)
		token := o.token()
		for range 30 {
			if _, err := c.Put(t.Context(), w.at, o.box, letter(64<<10), token); err != nil {
				t.Fatal(err)
			}
		}
		for range 520 {
			if _, err := c.Put(t.Context(), w.at, o.box, letter(512), token); err != nil {
				t.Fatal(err)
			}
		}
		if posts := w.fetchAll(c, o.by); len(posts) != 550 {
			t.Errorf("got %d posts", len(posts))
		}
		reader := mailbox.Reader{Box: o.box, Capability: o.mint.Capability(time.Now().Add(time.Hour))}
		n := 0
		cursor, err := c.Fetch(t.Context(), w.at, reader, mailbox.Cursor{}, func(b mailbox.Batch) error {
			n += len(b.Posts)
			return nil
		})
		if err != nil || n != 550 {
			t.Fatalf("a reader got %d posts, %v", n, err)
		}
		// From its cursor on there is nothing, and then one.
		for want := range 2 {
			got := 0
			if cursor, err = c.Fetch(t.Context(), w.at, reader, cursor, func(b mailbox.Batch) error { got += len(b.Posts); return nil }); err != nil || got != want {
				t.Errorf("from the cursor on: %d posts, %v; want %d", got, err, want)
			}
			if _, err := c.Put(t.Context(), w.at, o.box, letter(512), token); err != nil {
				t.Fatal(err)
			}
		}
		wrong := cursor
		wrong.Chain[0]++
		if _, err := c.Fetch(t.Context(), w.at, reader, wrong, nil); !errors.Is(err, mailbox.ErrCursor) {
			t.Errorf("a cursor of another history: %v", err)
		}
		items, end, err := c.List(t.Context(), w.at, reader, 0)
		if err != nil || len(items) != 500 || end.Seq != 552 {
			t.Errorf("list: %d items, end %d, %v", len(items), end.Seq, err)
		}
		if p, err := c.Get(t.Context(), w.at, reader, items[3].Name); err != nil || p.Name != items[3].Name {
			t.Errorf("get: %v", err)
		}
		// take that fails ends it.
		stop := errors.New("enough")
		if _, err := c.Fetch(t.Context(), w.at, o.by, mailbox.Cursor{}, func(mailbox.Batch) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
	})
}

// TestStrangers holds that who works is let in, and who does not is told how much.
func TestStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{Limits: mailbox.Limits{WorkBits: 8}})
		defer w.stop()
		c := w.client()
		defer c.Shut()
		o := w.open(c, mailbox.Mail)
		ctx := t.Context()
		var refused *mailbox.RefusedError
		if _, err := c.Knock(ctx, w.at, o.box, letter(512), 4); !errors.As(err, &refused) || refused.Bits < 8 || !errors.Is(err, mailbox.ErrWork) {
			t.Errorf("with too little work: %v", err)
		}
		r, err := c.Knock(ctx, w.at, o.box, letter(8<<10), 20)
		if err != nil {
			t.Fatal(err)
		}
		if left := time.Until(r.Until); left > 73*time.Hour {
			t.Errorf("a stranger's post is kept for %v", left)
		}
		if _, err := c.Knock(ctx, w.at, o.box, letter(16<<10), 20); !errors.Is(err, mailbox.ErrStrangerSize) {
			t.Errorf("large: %v", err)
		}
		if _, err := c.Put(ctx, mailbox.Place{Relay: w.at.Relay, Apart: 2}, o.box, letter(512), mailbox.Token{}); !errors.Is(err, mailbox.ErrWork) {
			t.Errorf("without anything: %v", err)
		}
		if _, err := c.Open(ctx, w.at, o.key, mailbox.Opening{Kind: mailbox.Mail, Secret: o.secret, Closed: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Knock(ctx, w.at, o.box, letter(512), 20); !errors.Is(err, mailbox.ErrStrangersClosed) {
			t.Errorf("closed: %v", err)
		}
		if p := w.fetchAll(c, o.by); len(p) != 1 || p[0].Token != (mailbox.TokenID{}) {
			t.Errorf("got %v", p)
		}
	})
}

// TestBundles holds that each one-time part is given once, and that the base is there when none are left.
func TestBundles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{Limits: mailbox.Limits{WorkBits: 1}})
		defer w.stop()
		c := w.client()
		defer c.Shut()
		ctx := t.Context()
		o := w.open(c, mailbox.Mail)
		if _, _, err := c.TakeBundle(ctx, w.at, o.box, mailbox.Token{}, 0); !errors.Is(err, mailbox.ErrNotFound) {
			t.Errorf("without a bundle: %v", err)
		}
		b := mailbox.Bundle{Version: 3, Base: letter(4096), Parts: [][]byte{letter(2048), letter(2048), letter(2048)}}
		if err := c.PutBundle(ctx, w.at, o.key, b); err != nil {
			t.Fatal(err)
		}
		token := o.token()
		var given [][]byte
		take := func(token mailbox.Token, bits uint8, want bool) {
			t.Helper()
			base, part, err := c.TakeBundle(ctx, w.at, o.box, token, bits)
			if err != nil || !bytes.Equal(base, b.Base) || (part != nil) != want {
				t.Errorf("got base of %d, part of %d, %v; want a part: %v", len(base), len(part), err, want)
			}
			for _, p := range given {
				if part != nil && bytes.Equal(p, part) {
					t.Error("a part was given twice")
				}
			}
			given = append(given, part)
		}
		take(mailbox.Token{}, 0, false)
		take(token, 0, true)
		take(token, 0, false) // one an hour
		take(mailbox.Token{}, 20, true)
		if err := c.PutBundle(ctx, w.at, o.key, b); err != nil { // the answer was lost, say
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		take(token, 0, true)
		time.Sleep(time.Hour)
		take(token, 0, false) // none left: never a failure
		b.Version = 2
		if err := c.PutBundle(ctx, w.at, o.key, b); !errors.Is(err, mailbox.ErrStale) {
			t.Errorf("an older bundle: %v", err)
		}
	})
}

// TestWeak holds that weak updates reach who listens, and who comes late as long as they are held.
func TestWeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{})
		defer w.stop()
		c := w.client()
		defer c.Shut()
		ctx := t.Context()
		o := w.open(c, mailbox.Mail)
		token := o.token()
		put := func() []byte {
			b := letter(512)
			if err := c.PutWeak(ctx, w.at, o.box, token, b); err != nil {
				t.Fatal(err)
			}
			return b
		}
		first, second := put(), put()
		hear := func(after mailbox.WeakCursor) (chan mailbox.Weak, chan mailbox.WeakCursor, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			heard, at := make(chan mailbox.Weak, 10), make(chan mailbox.WeakCursor, 10)
			go func() {
				_ = c.ListenWeak(ctx, w.at, o.by, after, func(list []mailbox.Weak, next mailbox.WeakCursor) error {
					for _, u := range list {
						heard <- u
					}
					at <- next
					return nil
				})
			}()
			return heard, at, cancel
		}
		heard, at, cancel := hear(mailbox.WeakCursor{})
		for _, want := range [][]byte{first, second} {
			if u := <-heard; !bytes.Equal(u.Bytes, want) || u.Token != token.ID {
				t.Errorf("got %v", u.Seq)
			}
		}
		cursor := <-at
		third := put()
		if u := <-heard; !bytes.Equal(u.Bytes, third) {
			t.Errorf("hot: got %v", u.Seq)
		}
		cancel()
		heard, _, cancel = hear(cursor)
		if u := <-heard; !bytes.Equal(u.Bytes, third) {
			t.Errorf("cold, from a cursor: got %v", u.Seq)
		}
		cancel()
		time.Sleep(time.Hour)
		heard, _, cancel = hear(mailbox.WeakCursor{})
		synctest.Wait()
		if len(heard) != 0 {
			t.Error("what is an hour old is still held")
		}
		cancel()
		if n := len(w.fetchAll(c, o.by)); n != 0 {
			t.Errorf("weak updates became %d posts", n)
		}
	})
}

// TestTime holds that a relay's time is what it says, signed.
func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{Now: func() time.Time { return time.Now().Add(-10 * 365 * 24 * time.Hour) }})
		defer w.stop()
		c := w.client()
		defer c.Shut()
		got, err := c.Time(t.Context(), w.at)
		if want := -10 * 365 * 24 * time.Hour; err != nil || got.Offset().Round(time.Second) != want {
			t.Errorf("got %v, %v, want %v", got.Offset(), err, want)
		}
	})
}

// TestRunStoppedAtOnce stops a server before it has begun: that is no error, and who waits for it is not served.
func TestRunStoppedAtOnce(t *testing.T) {
	key := identity.GenerateTransportKey()
	s, err := mailbox.New(mailbox.Config{Key: key, Store: &mailboxtest.Memory{}})
	if err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	done := make(chan struct{})
	go func() {
		s.Serve(identity.GenerateTransportKey().Public(), there)
		close(done)
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
	<-done
	if _, err := here.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("it was served: %v", err)
	}
}

// TestBroken has the store fail for good: the server ends with the store's error, so that it is started again.
func TestBroken(t *testing.T) {
	key, store := identity.GenerateTransportKey(), &mailboxtest.Memory{}
	s, err := mailbox.New(mailbox.Config{Key: key, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background()) }()
	w := &world{t: t, key: key, store: store, server: s, at: mailbox.Place{Relay: key.Public()}, addr: &net.TCPAddr{}}
	c := w.client()
	defer c.Shut()
	o := w.open(c, mailbox.Mail)
	store.SetFault(fmt.Errorf("the disk is gone: %w", mailbox.ErrBroken))
	if _, err := c.Put(t.Context(), w.at, o.box, letter(512), o.token()); err == nil {
		t.Error("a broken store kept something")
	}
	if err := <-done; !errors.Is(err, mailbox.ErrBroken) {
		t.Errorf("it ended with %v", err)
	}
}
