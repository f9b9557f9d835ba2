package node

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// person is a node in a network in memory, with a vault that a test chose.
type person struct {
	*Node
	vault *vault.Vault
	host  *p2ptest.Host
}

// start makes a person and runs their node until the test ends.
func start(t testing.TB, net *p2ptest.Net, name string, c vault.Config) *person {
	t.Helper()
	v, err := vault.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := Create(v, name, time.Now()); err != nil && !errors.Is(err, ErrAccountExists) {
		t.Fatal(err)
	}
	h := net.NewHost()
	h.SetServer(true)
	n, err := New(Config{Vault: v, Deliver: h.Lane("/linnet/deliver/1"), Bundle: h.Lane("/linnet/bundle/1"), Directory: h, Reach: h, Log: c.Log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		h.Close()
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return &person{n, v, h}
}

// friends makes two people contacts of each other.
func friends(t testing.TB, a, b *person) {
	t.Helper()
	if err := a.host.Join(context.Background(), b.host.Key(), b.host.Addrs()); err != nil {
		t.Fatal(err)
	}
	i, err := a.Invite(context.Background(), time.Hour, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Add(context.Background(), i.String()); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		x, err := a.Contact(b.Account())
		y, err2 := b.Contact(a.Account())
		return err == nil && err2 == nil && x.State == Accepted && y.State == Accepted
	})
}

// until waits until something is true.
func until(t testing.TB, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited for a minute in vain")
		}
	}
}

// BenchmarkSend is what a message costs both nodes together, from Send to its acknowledgement, with many on their way and
// no network below. Both keep what they say in vaults of their own on the disk. The floor is cryptography alone, see crypto/session.
func BenchmarkSend(b *testing.B) {
	net := p2ptest.New(1)
	defer net.Close()
	ada := start(b, net, "Ada", vault.Config{Folder: b.TempDir()})
	ben := start(b, net, "Ben", vault.Config{Folder: b.TempDir()})
	friends(b, ada, ben)
	b.ReportAllocs()
	b.ResetTimer()
	sendMany(b, ada, ben, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64(b.N)/float64(max(1, ada.Stats().Turns)), "sent/turn")
}

// sendMany sends so many messages, 256 at once, and waits until all are delivered.
func sendMany(t testing.TB, from, to *person, count int) {
	t.Helper()
	before := from.LastEvent()
	slots := make(chan struct{}, 4096)
	var all sync.WaitGroup
	all.Go(func() {
		left := count
		err := from.Watch(context.Background(), before, func(e Event) error {
			if e.Kind == EventDelivery && e.Delivery.State == chat.Delivered {
				<-slots
				if left--; left == 0 {
					return errDone
				}
			}
			return nil
		})
		if !errors.Is(err, errDone) {
			t.Error(err)
		}
	})
	work := make(chan struct{})
	for range 256 {
		all.Go(func() {
			for range work {
				if _, err := from.Send(context.Background(), to.Account(), "hello, how are you? I am fine.", Ref{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range count {
		slots <- struct{}{}
		work <- struct{}{}
	}
	close(work)
	all.Wait()
}

var errDone = errors.New("done")
