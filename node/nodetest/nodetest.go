// Package nodetest is a small world of nodes in one process, driven by scripts.
//
// A World has a network in memory (p2ptest) with a few nodes that serve the DHT, and people: devices, each a real node
// with a vault on a disk in memory. It runs in a testing/synctest bubble: time passes only when everybody waits, so days
// take moments, and nothing sleeps for real. What goes wrong is for the script to say: loss, partitions and moves of the
// network, power that goes at any write to a disk, disks that are full or restored from old copies, clocks that are wrong.
//
//	World ── Add, Link, Befriend, Part, Until
//	  └─ Person ── Start, Stop, Crash, CrashAt, Restore, SetClock, Holds ── node.Node, vault.Disk, p2ptest.Host
package nodetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// Lanes of a node.
const (
	// DeliverLane is where envelopes come.
	DeliverLane = "/linnet/deliver/1"
	// BundleLane is where prekeys are handed out.
	BundleLane = "/linnet/bundle/1"
)

// Begin is when worlds begin: bubbles begin in 2000, before Linnet.
var Begin = time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)

// World is a network and the people in it. Its methods are for one goroutine.
type World struct {
	Net     *p2ptest.Net
	Servers []*p2ptest.Host // that serve the DHT
	Relays  []*Relay
	People  map[string]*Person // by name of the device
	Log     *slog.Logger       // of the nodes that start from now on; nil discards
	// Event, if it is set, is called with each event of the nodes that start from now on: for each node in a goroutine of
	// its own.
	Event func(*Person, node.Event)

	parts [][]*Person // of a partition
}

// New returns a world with so many nodes that serve the DHT. Call it in a bubble: it waits until Begin.
func New(seed uint64, servers int) *World {
	time.Sleep(time.Until(Begin))
	w := &World{Net: p2ptest.New(seed), People: make(map[string]*Person)}
	for range servers {
		h := w.Net.NewHost()
		h.SetServer(true)
		w.Servers = append(w.Servers, h)
	}
	for _, h := range w.Servers {
		w.Join(context.Background(), h)
	}
	return w
}

// Join makes a host a peer of those that serve the DHT.
func (w *World) Join(ctx context.Context, h *p2ptest.Host) {
	for _, s := range w.Servers {
		if s != h {
			_ = h.Join(ctx, s.Key(), s.Addrs()) // where it fails, another is enough
		}
	}
}

// rejoinEvery is how often a host looks whether it has lost all its peers.
const rejoinEvery = 10 * time.Minute

// keepJoined joins again a host that has no peers any more, or could not join at first, as p2p's does.
func (w *World) keepJoined(ctx context.Context, h *p2ptest.Host) {
	t := time.NewTicker(rejoinEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if h.Peers() == 0 {
				w.Join(ctx, h)
			}
		case <-ctx.Done():
			return
		}
	}
}

// Add makes an account with one device of this name, and starts its node. The errors are the vault's and the node's.
func (w *World) Add(ctx context.Context, name string) (*Person, error) {
	return w.make(ctx, name, func(v *vault.Vault) error { return node.Create(v, name, time.Now()) })
}

// Link makes another device of an account, by a steward of it that is awake, and starts its node. The errors are the
// vault's and the node's.
func (w *World) Link(ctx context.Context, steward *Person, name string) (*Person, error) {
	return w.make(ctx, name, func(v *vault.Vault) error {
		number, err := steward.Node.LinkOffer()
		if err != nil {
			return err
		}
		e, err := node.Enroll(v, steward.Node.Account(), number, time.Now())
		if err != nil {
			return err
		}
		entry, err := e.Entry()
		if err != nil {
			return err
		}
		grant, err := steward.Node.Link(ctx, entry)
		if err != nil {
			return err
		}
		return e.Complete(grant)
	})
}

// make makes a device: fill puts the account into its vault.
func (w *World) make(ctx context.Context, name string, fill func(*vault.Vault) error) (*Person, error) {
	if w.People[name] != nil {
		return nil, fmt.Errorf("nodetest: there is a %s already", name)
	}
	p := &Person{Name: name, Disk: new(vault.Disk), w: w}
	v, err := vault.Open(vault.Config{Disk: p.Disk})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(fill(v), v.Close()); err != nil {
		return nil, err
	}
	w.People[name] = p
	return p, p.Start(ctx)
}

// Befriend makes two people contacts of each other, by an invite, and waits until both know.
func (w *World) Befriend(ctx context.Context, a, b *Person) error {
	i, err := a.Node.Invite(ctx, time.Hour, false)
	if err != nil {
		return err
	}
	if _, err := b.Node.Add(ctx, i.String()); err != nil {
		return err
	}
	return w.Until(ctx, func() bool {
		return a.Knows(b) == node.Accepted && b.Knows(a) == node.Accepted
	})
}

// Until waits until something is true, looking again every 10 ms. The error is the context's.
func (w *World) Until(ctx context.Context, is func() bool) error {
	for !is() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("waiting: %w", ctx.Err())
		}
	}
	return nil
}

// Part parts the network: only people of one group reach each other, and whoever no group names is one group more. Each
// group has its share of the nodes that serve the DHT, and of the relays. Who restarts stays in their group. It replaces an earlier
// partition.
func (w *World) Part(groups ...[]*Person) {
	w.parts = groups
	hosts := make([][]*p2ptest.Host, len(groups))
	for i, g := range groups {
		for _, p := range g {
			hosts[i] = append(hosts[i], p.Host)
		}
	}
	for i, s := range w.Servers {
		if at := i % (len(groups) + 1); at < len(groups) {
			hosts[at] = append(hosts[at], s)
		}
	}
	for i, r := range w.Relays {
		if at := i % (len(groups) + 1); at < len(groups) && r.Host != nil {
			hosts[at] = append(hosts[at], r.Host)
		}
	}
	w.Net.Partition(hosts...)
}

// Heal ends a partition.
func (w *World) Heal() {
	w.parts = nil
	w.Net.Heal()
}

// Names returns the names of all devices in alphabetical order.
func (w *World) Names() []string {
	var names []string
	for name := range w.People {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Close ends all nodes and the network. The error is that of a node that did not end well.
func (w *World) Close() error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	for _, p := range w.People {
		all.Go(func() {
			if err := p.Stop(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Errorf("%s: %w", p.Name, err))
			}
		})
	}
	all.Wait()
	failed = append(failed, w.closeRelays())
	w.Net.Close()
	return errors.Join(failed...)
}

// Restore makes a device of the account that a backup is of, from the backup and the words, and starts its node. The
// errors are those of node.Restore and the vault.
func (w *World) Restore(ctx context.Context, name string, backup io.Reader, key node.BackupKey, words string) (*Person, error) {
	return w.make(ctx, name, func(v *vault.Vault) error {
		_, err := node.Restore(ctx, v, backup, key, words, time.Now())
		return err
	})
}

// Recover makes a device of an account from its words alone, and starts its node. The errors are those of node.Recover
// and the vault.
func (w *World) Recover(ctx context.Context, name, words string) (*Person, error) {
	return w.make(ctx, name, func(v *vault.Vault) error { return node.Recover(v, words, name, time.Now()) })
}
