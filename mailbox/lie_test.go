package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/p2p/frame"
)

// liar stands between a client and an honest relay, and changes what the relay says.
type liar struct {
	*world
	lie   func(body []byte) [][]byte // what is said in its place
	dials atomic.Int32
}

func (l *liar) Dial(ctx context.Context, key identity.TransportKey, addrs []string) (net.Conn, error) {
	l.dials.Add(1)
	relay, err := l.world.Dial(ctx, key, addrs)
	if err != nil {
		return nil, err
	}
	here, there := net.Pipe()
	pass := func(from, to net.Conn, change func([]byte) [][]byte) {
		in, out := frame.New(from, frame.Max, time.Hour), frame.New(to, frame.Max, time.Hour)
		defer from.Close()
		defer to.Close()
		for {
			b, err := in.ReadWithin(0)
			if err != nil {
				return
			}
			for _, b := range change(b) {
				if out.Write(b) != nil {
					return
				}
			}
		}
	}
	go pass(there, relay, func(b []byte) [][]byte { return [][]byte{b} })
	go pass(relay, there, l.lie)
	return here, nil
}

// What frames begin with (PROTOCOL.md, section 2).
const (
	hello = 128
	done  = 129
	posts = 131
)

// TestLies has one lie of a relay per row: each is found out, and nothing false comes out of the client.
func TestLies(t *testing.T) {
	flip := func(b []byte) [][]byte {
		b = bytes.Clone(b)
		b[len(b)-1] ^= 1
		return [][]byte{b}
	}
	type call func(ctx context.Context, c *mailbox.Client, w *world, o *owner) error
	put := func(ctx context.Context, c *mailbox.Client, w *world, o *owner) error {
		_, err := c.Put(ctx, w.at, o.box, letter(512), o.token())
		return err
	}
	fetch := func(ctx context.Context, c *mailbox.Client, w *world, o *owner) error {
		_, err := c.Fetch(ctx, w.at, o.by, mailbox.Cursor{}, func(mailbox.Batch) error { return nil })
		return err
	}
	get := func(ctx context.Context, c *mailbox.Client, w *world, o *owner) error {
		items, _, err := c.List(ctx, w.at, o.by, 0)
		if err != nil {
			return err
		}
		_, err = c.Get(ctx, w.at, o.by, items[0].Name)
		return err
	}
	clock := func(ctx context.Context, c *mailbox.Client, w *world, _ *owner) error {
		_, err := c.Time(ctx, w.at)
		return err
	}
	for _, tt := range []struct {
		name string
		verb byte // of the frames that are changed
		lie  func(b []byte) [][]byte
		call call
		want error
	}{
		{"a forged receipt", done, flip, put, mailbox.ErrLie},
		{"no answer at all", done, func([]byte) [][]byte { return nil }, put, context.DeadlineExceeded},
		{"an answer twice", done, func(b []byte) [][]byte { return [][]byte{b, b} }, get, mailbox.ErrLie},
		{"an answer to nothing", done, func(b []byte) [][]byte { return [][]byte{append([]byte{done, 9, 9, 9, 9}, b[5:]...)} }, put, mailbox.ErrLie},
		{"a push that nobody asked for", done, func([]byte) [][]byte { return [][]byte{{posts, 9, 9, 9, 9, 0, 0}} }, put, mailbox.ErrLie},
		{"an answer of another kind", done, func(b []byte) [][]byte { return [][]byte{append([]byte{132}, b[1:]...)} }, put, mailbox.ErrLie},
		{"a frame that is none", done, func([]byte) [][]byte { return [][]byte{{1, 2, 3}} }, put, mailbox.ErrLie},
		{"a head that is none", done, func(b []byte) [][]byte { b[7] = 0xff; return [][]byte{b} }, put, mailbox.ErrLie},
		{"another post", posts, flip, fetch, mailbox.ErrLie},
		{"a page twice", posts, func(b []byte) [][]byte { return [][]byte{b, b} }, fetch, mailbox.ErrLie},
		{"a page cut short", posts, func(b []byte) [][]byte { return [][]byte{b[:len(b)-1]} }, fetch, mailbox.ErrLie},
		{"another post by name", done, flip, get, mailbox.ErrLie},
		{"a time that it did not sign", done, flip, clock, mailbox.ErrLie},
		{"no greeting", hello, func([]byte) [][]byte { return [][]byte{{done, 0, 0, 0, 1, 0, 0}} }, put, mailbox.ErrLie},
		{"silence", hello, func([]byte) [][]byte { return nil }, put, mailbox.ErrUnreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, mailbox.Config{})
				defer w.stop()
				honest := w.client()
				defer honest.Shut()
				o := w.open(honest, mailbox.Mail)
				if err := put(t.Context(), honest, w, o); err != nil {
					t.Fatal(err)
				}
				// The proof of the owner's key goes through: its answer has no head and no tail.
				var lies atomic.Int32
				l := &liar{world: w, lie: func(b []byte) [][]byte {
					if b[0] != tt.verb || tt.verb == done && len(b) == 7 {
						return [][]byte{b}
					}
					lies.Add(1)
					return tt.lie(b)
				}}
				c := mailbox.NewClient(l)
				defer c.Shut()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := tt.call(ctx, c, w, o)
				if tt.name == "an answer twice" && err == nil { // the second lie came after the last answer: the connection was ended
					synctest.Wait()
					before := l.dials.Load()
					if err = tt.call(ctx, c, w, o); err == nil && l.dials.Load() > before {
						err = mailbox.ErrLie
					}
				}
				if !errors.Is(err, tt.want) || lies.Load() == 0 {
					t.Errorf("got %v after %d lies, want %v", err, lies.Load(), tt.want)
				}
				// The next call has a connection of its own, and the honest client is not disturbed.
				if err := fetch(t.Context(), honest, w, o); err != nil {
					t.Errorf("an honest connection: %v", err)
				}
				w.cut()
			})
		})
	}
}

// TestEmptyRelay holds that a relay that comes back empty is found out when the box is opened.
func TestEmptyRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{})
		defer func() { w.stop() }()
		c := w.client()
		defer c.Shut()
		o := w.open(c, mailbox.Mail)
		opening := mailbox.Opening{Kind: mailbox.Mail, Secret: o.secret}
		before, err := c.Open(t.Context(), w.at, o.key, opening)
		if err != nil || before.Made {
			t.Fatalf("opened again: %+v, %v", before, err)
		}
		w.store.Wipe()
		w.restart()
		synctest.Wait()
		if _, err := c.Put(t.Context(), w.at, o.box, letter(512), o.token()); !errors.Is(err, mailbox.ErrNoBox) {
			t.Errorf("put: %v", err)
		}
		after, err := c.Open(t.Context(), w.at, o.key, opening)
		if err != nil || !after.Made || after.Cursor.Incarnation == before.Cursor.Incarnation {
			t.Errorf("opened after the loss: %+v, %v", after, err)
		}
	})
}

// TestClocks holds that a relay whose clock jumps by years, over restarts, keeps what it promised.
func TestClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wrong atomic.Int64
		w := newWorld(t, mailbox.Config{Now: func() time.Time { return time.Now().Add(time.Duration(wrong.Load())) }})
		defer func() { w.stop() }()
		c := w.client()
		defer c.Shut()
		o := w.open(c, mailbox.Mail)
		if _, err := c.Put(t.Context(), w.at, o.box, letter(512), o.token()); err != nil {
			t.Fatal(err)
		}
		const year = 365 * 24 * time.Hour
		for _, jump := range []time.Duration{50 * year, -20 * year, 0} {
			wrong.Store(int64(jump))
			time.Sleep(7 * 24 * time.Hour)
			w.restart()
			synctest.Wait()
			time.Sleep(time.Hour)
			if n := len(w.fetchAll(c, o.by)); n != 1 {
				t.Fatalf("with a clock that is %v wrong: %d posts", jump, n)
			}
		}
		time.Sleep(10 * 24 * time.Hour)
		if n := len(w.fetchAll(c, o.by)); n != 0 {
			t.Errorf("after 31 days there are %d posts", n)
		}
	})
}

// TestNoAnswer holds that a call without a deadline waits 30 s for its answer, and that the next on the same connection, which
// is answered, is told its own.
func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{})
		defer w.stop()
		honest := w.client()
		defer honest.Shut()
		o := w.open(honest, mailbox.Mail)
		var mute atomic.Bool
		l := &liar{world: w, lie: func(b []byte) [][]byte {
			if b[0] == done && mute.Load() {
				return nil
			}
			return [][]byte{b}
		}}
		c := mailbox.NewClient(l)
		defer c.Shut()
		token := o.token()
		put := func(ctx context.Context) error {
			_, err := c.Put(ctx, w.at, o.box, letter(512), token)
			return err
		}
		if err := put(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			mute.Store(true)
			begin := time.Now()
			if err := put(t.Context()); !errors.Is(err, mailbox.ErrUnreachable) || time.Since(begin) != 30*time.Second {
				t.Errorf("without an answer: %v after %v", err, time.Since(begin))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			begin = time.Now()
			if err := put(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
				t.Errorf("without an answer in a minute: %v after %v", err, time.Since(begin))
			}
			cancel()
			mute.Store(false)
			if err := put(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := l.dials.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}
