package mailbox_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/mailbox"
)

// quick are limits that do not stand in a benchmark's way.
var quick = mailbox.Limits{
	TokenRate: 1 << 20, TokenBurst: 1 << 20, MailPosts: 100_000, MailBytes: 1 << 40, TotalBytes: 1 << 40, ShelfPosts: 100_000, ShelfBytes: 1 << 40,
}

// BenchmarkPut is 64 senders with 8 posts of 1 KiB in flight each, into boxes of their own, through client, pipe and
// server into the store in memory, and receipts verified.
func BenchmarkPut(b *testing.B) {
	const senders, flight = 64, 8
	w := newWorld(b, mailbox.Config{Limits: quick})
	defer func() { w.stop() }()
	type sender struct {
		c     *mailbox.Client
		o     *owner
		token mailbox.Token
	}
	all := make([]sender, senders)
	for i := range all {
		c := w.client()
		defer c.Shut()
		o := w.open(c, mailbox.Shelf)
		all[i] = sender{c, o, o.token()}
	}
	b.SetBytes(1024)
	b.ResetTimer()
	var n atomic.Int64
	var group sync.WaitGroup
	for _, s := range all {
		for range flight {
			group.Go(func() {
				for n.Add(1) <= int64(b.N) {
					if _, err := s.c.Put(b.Context(), w.at, s.o.box, letter(1024), s.token); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
	b.ReportMetric(float64(b.N)/float64(max(w.server.Stats().Groups, 1)), "posts/sync")
}

// BenchmarkFetch drains a box of 1,000 posts of 1 KiB, again and again.
func BenchmarkFetch(b *testing.B) {
	w := newWorld(b, mailbox.Config{Limits: quick})
	defer func() { w.stop() }()
	c := w.client()
	defer c.Shut()
	o := w.open(c, mailbox.Shelf)
	token := o.token()
	for range 1000 {
		if _, err := c.Put(b.Context(), w.at, o.box, letter(1024), token); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(1000 << 10)
	for b.Loop() {
		if n := len(w.fetchAll(c, o.by)); n != 1000 {
			b.Fatalf("%d posts", n)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "posts/s")
}

// BenchmarkWake is from a put until the listener has the post.
func BenchmarkWake(b *testing.B) {
	w := newWorld(b, mailbox.Config{Limits: quick})
	defer func() { w.stop() }()
	c := w.client()
	defer c.Shut()
	o := w.open(c, mailbox.Shelf)
	token := o.token()
	got := make(chan int, 64)
	go func() {
		_ = c.Listen(b.Context(), w.at, o.by, mailbox.Cursor{}, func(m mailbox.Batch) error { got <- len(m.Posts); return nil })
	}()
	<-got
	at := mailbox.Place{Relay: w.at.Relay, Apart: 1}
	took := time.Duration(0)
	for b.Loop() {
		begin := time.Now()
		go func() {
			if _, err := c.Put(b.Context(), at, o.box, letter(1024), token); err != nil {
				b.Error(err)
			}
		}()
		for <-got == 0 { //nolint:revive // that it caught up is said in between
		}
		took += time.Since(begin)
	}
	b.ReportMetric(float64(took.Microseconds())/float64(b.N), "µs/wake")
}
