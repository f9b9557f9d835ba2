package mailbox_test

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/mailbox"
)

// TestFlood holds that ten attackers, as strangers and as one contact, take nothing from another contact: not one of its
// posts is refused, and they fill no more than their shares.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{Limits: mailbox.Limits{WorkBits: 1, TokenBurst: 50, TokenRate: 5, StrangerBurst: 1000}})
		defer w.stop()
		owner := w.client()
		defer owner.Shut()
		o := w.open(owner, mailbox.Mail)
		bad := o.token()
		var accepted, strangers atomic.Int64
		var group sync.WaitGroup
		stop := make(chan struct{})
		for i := range 10 {
			group.Go(func() {
				c := w.client()
				defer c.Shut()
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					var err error
					switch {
					case i < 4:
						if _, err = c.Put(t.Context(), w.at, o.box, letter(512), bad); err == nil {
							accepted.Add(1)
						}
					case i < 7:
						if _, err = c.Knock(t.Context(), w.at, o.box, letter(512), 20); err == nil {
							strangers.Add(1)
						}
					default: // without a right to anything
						forged := bad
						forged.ID[0]++
						_, err = c.Put(t.Context(), w.at, o.box, letter(512), forged)
					}
					if err != nil && n%50 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
		c := w.client()
		defer c.Shut()
		good := o.token()
		const want = 10
		for range want {
			time.Sleep(time.Second)
			begin := time.Now()
			if _, err := c.Put(t.Context(), w.at, o.box, letter(512), good); err != nil {
				t.Errorf("a contact was refused: %v", err)
			}
			if took := time.Since(begin); took > time.Second {
				t.Errorf("a contact waited for %v", took)
			}
		}
		close(stop)
		group.Wait()
		if n := accepted.Load(); n > 1000/8 {
			t.Errorf("one contact has %d posts in the box", n)
		}
		if n := strangers.Load(); n > 1000/20 {
			t.Errorf("strangers have %d posts in the box", n)
		}
		if st := w.server.Stats(); st.Store.Posts != uint64(want+accepted.Load()+strangers.Load()) || st.Memory > 1<<20 {
			t.Errorf("posts %d, memory %d", st.Store.Posts, st.Memory)
		}
	})
}

// TestBoxesOfOneNetwork holds that nobody makes boxes without end.
func TestBoxesOfOneNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{Limits: mailbox.Limits{BoxesNear: 3, BoxesFar: 5}})
		defer func() { w.stop() }()
		try := func(a net.IP) error {
			w.addr = &net.TCPAddr{IP: a, Port: 1}
			c := w.client()
			defer c.Shut()
			o := newOwner(w.at.Relay)
			_, err := c.Open(t.Context(), w.at, o.key, mailbox.Opening{Kind: mailbox.Mail, Secret: o.secret})
			return err
		}
		for i, tt := range []struct {
			ip   net.IP
			want error
		}{
			{net.IPv4(192, 0, 2, 1), nil},
			{net.IPv4(192, 0, 2, 2), nil},
			{net.IPv4(192, 0, 2, 3), nil},
			{net.IPv4(192, 0, 2, 4), mailbox.ErrTooManyBoxes},
			{net.IPv4(192, 0, 3, 4), nil},
			{net.IPv4(192, 0, 4, 4), nil},
			{net.IPv4(192, 0, 5, 4), mailbox.ErrTooManyBoxes},
			{net.IPv4(198, 51, 100, 4), nil},
			{net.ParseIP("2001:db8:1:1::1"), nil},
			{net.ParseIP("2001:db8:1:2::1"), nil},
			{net.ParseIP("2001:db8:1:3::1"), nil},
			{net.ParseIP("2001:db8:1:4::1"), mailbox.ErrTooManyBoxes},
		} {
			if i == 6 {
				w.restart() // what there is is counted anew
			}
			if err := try(tt.ip); !errors.Is(err, tt.want) {
				t.Errorf("from %v: got %v, want %v", tt.ip, err, tt.want)
			}
		}
	})
}

// TestTokens has one reason per row why a put is refused.
func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mailbox.Config{Limits: mailbox.Limits{MailPosts: 40, TokenBurst: 10, TokenRate: 1}})
		defer func() { w.stop() }()
		c := w.client()
		defer c.Shut()
		ctx := t.Context()
		o := w.open(c, mailbox.Mail)
		later := time.Now().Add(1000 * 24 * time.Hour)
		put := func(token mailbox.Token, want error) {
			t.Helper()
			if _, err := c.Put(ctx, w.at, o.box, letter(512), token); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		put(o.mint.Token(mailbox.NewClass(), time.Now().Add(-time.Hour), 0, 0), mailbox.ErrTokenExpired)
		put(newOwner(w.at.Relay).token(), mailbox.ErrToken)
		two := o.mint.Token(mailbox.NewClass(), later, 2, 0)
		put(two, nil)
		put(two, nil)
		put(two, mailbox.ErrTokenFull)
		more := o.mint.Token(two.Class, later, 0, 0) // of the same contact: 5 in all
		for range 3 {
			put(more, nil)
		}
		put(more, mailbox.ErrClassFull)
		for range 10 {
			_, _ = c.Put(ctx, w.at, o.box, letter(512), more)
		}
		put(more, mailbox.ErrRate)
		var refused *mailbox.RefusedError
		if _, err := c.Put(ctx, w.at, o.box, letter(512), more); !errors.As(err, &refused) || refused.RetryAfter <= 0 {
			t.Errorf("too fast: %v does not say when to come again", err)
		}
		gone := o.token()
		put(gone, nil)
		if err := c.Revoke(ctx, w.at, o.key, mailbox.Revoked{ID: gone.ID, Until: gone.Until}); err != nil {
			t.Fatal(err)
		}
		put(gone, mailbox.ErrTokenRevoked)
		w.restart()
		synctest.Wait()
		put(gone, mailbox.ErrTokenRevoked)
		for range 30 { // other contacts fill it
			_, _ = c.Put(ctx, w.at, o.box, letter(64<<10), o.token())
		}
		for range 20 {
			_, _ = c.Put(ctx, w.at, o.box, letter(512), o.token())
		}
		put(o.token(), mailbox.ErrBoxFull)
		var names []mailbox.Name
		for _, p := range w.fetchAll(c, o.by) {
			names = append(names, p.Name)
		}
		if err := c.Ack(ctx, w.at, o.key, names...); err != nil {
			t.Fatal(err)
		}
		put(o.token(), nil)
		w.store.SetFull(true)
		put(o.token(), mailbox.ErrDiskFull)
		w.store.SetFull(false)
		w.store.SetFault(errors.New("smoke"))
		put(o.token(), mailbox.ErrInternal)
		w.store.SetFault(nil)
		put(o.token(), nil)
		stranger := mailbox.Reader{Key: newOwner(w.at.Relay).key}
		if _, err := c.Fetch(ctx, w.at, stranger, mailbox.Cursor{}, nil); !errors.Is(err, mailbox.ErrNoBox) {
			t.Errorf("no box: %v", err)
		}
		reader := mailbox.Reader{Box: o.box, Capability: o.mint.Capability(later)}
		if _, err := c.Fetch(ctx, mailbox.Place{Relay: w.at.Relay, Apart: 1}, reader, mailbox.Cursor{}, nil); !errors.Is(err, mailbox.ErrProof) {
			t.Errorf("a reader of a mail box: %v", err)
		}
	})
}
