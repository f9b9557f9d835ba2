package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p"
)

// settings say what a messenger is made of.
type settings struct {
	Folder string // of the vault, which is made if there is none; empty is memory
	// Passphrase opens the vault, or protects a new one; empty is none.
	Passphrase []byte
	// Name is how a new account is called, if the vault holds none. Without a name none is made.
	Name string
	Host p2p.Config
	Log  *slog.Logger // may be nil
	// Watch, if not nil, may put something between the node and its host before the node is made.
	Watch func(*node.Config)
}

// messenger is one device of an account on this machine: a vault, a host of its own on the network, and the node that
// lives in both.
type messenger struct {
	Node *node.Node
	Host *p2p.Host

	vault     *vault.Vault
	bootstrap []p2p.Peer
}

// openNode opens the vault, and binds the addresses of the host. It starts nothing and connects to nobody: Run does. The
// messenger must be closed. The errors are those of vault.Open, node.Create, node.New and p2p.New.
func openNode(s settings) (_ *messenger, err error) {
	m := &messenger{bootstrap: s.Host.Bootstrap}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	var g errgroup.Group // side by side, as each takes as long as the other
	g.Go(func() (err error) {
		m.vault, err = openVault(s)
		return err
	})
	g.Go(func() (err error) {
		if m.Host, err = p2p.New(s.Host); err != nil {
			return fmt.Errorf("opening the network: %w", err)
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	c := node.Config{
		Vault:     m.vault,
		Deliver:   m.Host.Lane(p2p.Deliver),
		Bundle:    m.Host.Lane(p2p.Bundle),
		Mailbox:   m.Host.Lane(p2p.Mailbox),
		Directory: m.Host,
		Reach:     m.Host,
		Log:       s.Log,

		Conference: m.Host.Lane(p2p.Conference),
	}
	if s.Watch != nil {
		s.Watch(&c)
	}
	if m.Node, err = node.New(c); err != nil {
		return nil, err
	}
	return m, nil
}

// openVault opens the vault, and makes an account if there is none and it has a name. The vault is not nil if it is open,
// also beside an error.
func openVault(s settings) (*vault.Vault, error) {
	v, err := vault.Open(vault.Config{Folder: s.Folder, Passphrase: s.Passphrase, Mobile: s.Host.Role == p2p.Mobile, Log: s.Log})
	if err != nil {
		return nil, fmt.Errorf("opening the vault: %w", err)
	}
	if s.Name != "" {
		if err := node.Create(v, s.Name, time.Now()); err != nil && !errors.Is(err, node.ErrAccountExists) {
			return v, fmt.Errorf("making an account: %w", err)
		}
	}
	return v, nil
}

// bootPatience is how long a node waits for the network before it talks. What it publishes before would be lost, and
// tried again seconds later; but it must also start without a network.
const bootPatience = 500 * time.Millisecond

// Run makes the messenger talk until ctx ends. It owns all goroutines, and awaits them. It is called once.
func (m *messenger) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := m.Host.Run(ctx); err != nil {
			return fmt.Errorf("running the network: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		m.boot(ctx, m.bootstrap)
		if err := m.Node.Run(ctx); err != nil {
			return fmt.Errorf("running the node: %w", err)
		}
		return nil
	})
	return g.Wait()
}

// Add is Node.Add, after the host knows the nodes of the invite: then the first search finds somebody to ask.
func (m *messenger) Add(ctx context.Context, text string) (node.Account, error) {
	invite, err := node.ParseInvite(text)
	if err != nil {
		return node.Account{}, err
	}
	var peers []p2p.Peer
	for _, p := range invite.Peers {
		q := p2p.Peer{Key: p.Key}
		for _, b := range p.Addrs {
			if a, err := p2p.DecodeAddr(b); err == nil {
				q.Addrs = append(q.Addrs, a)
			}
		}
		peers = append(peers, q)
	}
	m.boot(ctx, peers)
	return m.Node.Add(ctx, text)
}

// boot joins nodes that lead into the DHT, and waits for the first that answers, but not for long. Whether one did shows
// later: the host comes back to those of the bootstrap, and the node to those of an invite.
func (m *messenger) boot(ctx context.Context, peers []p2p.Peer) {
	ctx, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	var all sync.WaitGroup
	for _, p := range peers {
		all.Go(func() {
			if m.Host.Join(ctx, p.Key, p.Addrs) == nil {
				cancel()
			}
		})
	}
	all.Wait()
}

// Close frees the addresses and closes the vault. Run must have ended.
func (m *messenger) Close() error {
	var errs []error
	if m.Host != nil {
		errs = append(errs, m.Host.Close())
	}
	if m.vault != nil {
		errs = append(errs, m.vault.Close())
	}
	return errors.Join(errs...)
}

// errYes ends a watch.
var errYes = errors.New("it is true now")

// until waits until something is true of the node, looking again at each of its events. The error is the context's, or
// node.ErrStopped.
func (m *messenger) until(ctx context.Context, is func() bool) error {
	for {
		last := m.Node.LastEvent()
		if is() {
			return nil
		}
		err := m.Node.Watch(ctx, last, func(node.Event) error {
			if is() {
				return errYes
			}
			return nil
		})
		switch {
		case errors.Is(err, errYes):
			return nil
		case errors.Is(err, node.ErrResync): // it was slow: look again
		default:
			return err
		}
	}
}

// peerOf returns a host as invites carry it.
func peerOf(h *p2p.Host) node.Peer {
	p := node.Peer{Key: h.Key()}
	for _, a := range h.Addrs() {
		if b, err := h.EncodeAddr(a); err == nil {
			p.Addrs = append(p.Addrs, b)
		}
	}
	return p
}
