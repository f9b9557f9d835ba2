package nodetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/mailbox/mailboxtest"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// MailboxLane is where relays keep post.
const MailboxLane = "/linnet/mailbox/1"

// Relay is a volunteer's relay, which also serves the DHT. Its methods are for the goroutine of its World.
type Relay struct {
	Name string
	// Host, Store and Server are those of the last Start. The store outlives the server.
	Host   *p2ptest.Host
	Store  *mailboxtest.Memory
	Server *mailbox.Server
	Limits mailbox.Limits
	// Now, if it is set, is the relay's clock: at the next Start.
	Now func() time.Time
	// Kept, if it is set, is called with each post that the store keeps durably, before the relay signs for it.
	Kept func(mailbox.Deposit)

	// Fetch, if it is set, is called whenever the store is to read post; its error is the store's then.
	Fetch func() error

	w     *World
	stop  context.CancelFunc // nil while down
	ended chan error
}

// AddRelay starts a relay with an empty store.
func (w *World) AddRelay(name string) (*Relay, error) {
	r := &Relay{Name: name, Store: new(mailboxtest.Memory), w: w}
	if err := r.Start(); err != nil {
		return nil, err
	}
	w.Relays = append(w.Relays, r)
	return r, nil
}

// Start starts the relay on what its store holds, with the key and at the address that it had.
func (r *Relay) Start() error {
	h := r.Host
	if h == nil {
		h = r.w.Net.NewHost()
	} else {
		h = r.w.Net.Reopen(h)
	}
	h.SetServer(true)
	s, err := mailbox.New(mailbox.Config{Key: h.PrivateKey(), Store: &ledger{r.Store, r}, Publish: h, Limits: r.Limits, Now: r.Now, Log: r.w.Log})
	if err != nil {
		h.Close()
		return fmt.Errorf("nodetest: %w", err)
	}
	h.Lane(MailboxLane).Handle(s.Serve)
	r.Host = h
	if r.w.parts != nil {
		r.w.Part(r.w.parts...)
	}
	r.w.Join(context.Background(), h)
	ctx, cancel := context.WithCancel(context.Background())
	r.Server, r.stop, r.ended = s, cancel, make(chan error, 1)
	go func() { r.ended <- s.Run(ctx) }()
	return nil
}

// Kill ends the relay as a power loss does: what was not durable is gone.
func (r *Relay) Kill() error {
	if r.stop == nil {
		return nil
	}
	r.Host.Close()
	r.stop()
	r.stop = nil
	err := <-r.ended
	r.Store.Reopen()
	if errors.Is(err, context.Canceled) { // it had not begun
		return nil
	}
	return err
}

// Empty takes everything away from a relay that is down.
func (r *Relay) Empty() { r.Store = new(mailboxtest.Memory) }

// Up tells whether the relay runs.
func (r *Relay) Up() bool { return r.stop != nil }

// Address returns what people paste.
func (r *Relay) Address() string {
	a := mailbox.Address{Key: r.Host.Key()}
	for _, text := range r.Host.Addrs() {
		if b, err := r.Host.EncodeAddr(text); err == nil {
			a.Addrs = append(a.Addrs, b)
		}
	}
	return a.String()
}

// ledger is a store that tells what it keeps.
type ledger struct {
	mailbox.Store
	of *Relay
}

func (l *ledger) Fetch(ctx context.Context, box mailbox.BoxID, after uint64, limit, size int) ([]mailbox.Post, error) {
	if f := l.of.Fetch; f != nil {
		if err := f(); err != nil {
			return nil, err
		}
	}
	return l.Store.Fetch(ctx, box, after, limit, size)
}

func (l *ledger) Put(ctx context.Context, posts []mailbox.Deposit) []mailbox.Kept {
	out := l.Store.Put(ctx, posts)
	for i, k := range out {
		if l.of.Kept != nil && k.Err == nil {
			l.of.Kept(posts[i])
		}
	}
	return out
}

// closeRelays ends all relays.
func (w *World) closeRelays() error {
	var errs []error
	for _, r := range w.Relays {
		errs = append(errs, r.Kill())
	}
	return errors.Join(errs...)
}
