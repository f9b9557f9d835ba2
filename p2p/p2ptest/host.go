package p2ptest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Host is one machine on the network, from its start to its crash.
type Host struct {
	net     *Net
	private identity.TransportPrivateKey
	public  identity.TransportKey
	place   [sha256.Size]byte // in the directory
	number  uint64            // see Net.numbers
	changed chan struct{}

	// Guarded by Net.mu.
	address  uint64
	hidden   bool
	closed   bool
	server   bool
	rollback bool
	lanes    map[string]*Lane
	links    map[*link]struct{}
	peers    map[*Host]struct{}                 // joined, by either side
	known    map[identity.TransportKey][]string // addresses; only of hosts that proved their key
	values   map[string]*stored                 // of the directory
	sweepAt  int                                // values
}

// NewHost starts a host with a fresh key.
func (n *Net) NewHost() *Host { return n.Host(identity.TransportPrivateKey{}) }

// Host starts a host that can dial and be dialled, with this key or, if that is zero, with a fresh one. A key may start
// again after Close.
func (n *Net) Host(key identity.TransportPrivateKey) *Host {
	if key.IsZero() {
		key = identity.GenerateTransportKey()
	}
	h := &Host{
		net:     n,
		private: key,
		public:  key.Public(),
		changed: make(chan struct{}, 1),
		lanes:   make(map[string]*Lane),
		links:   make(map[*link]struct{}),
		peers:   make(map[*Host]struct{}),
		known:   make(map[identity.TransportKey][]string),
		values:  make(map[string]*stored),
		sweepAt: sweepLeast,
	}
	h.place = sha256.Sum256(h.public[:])
	n.mu.Lock()
	defer n.mu.Unlock()
	h.number = n.number(h.public)
	h.closed = n.closed
	if !h.closed {
		n.settle(h)
	}
	return h
}

// Reopen starts a crashed host anew, with the key and at the address that it had: as a public node does.
func (n *Net) Reopen(old *Host) *Host {
	h := n.Host(old.private)
	n.mu.Lock()
	defer n.mu.Unlock()
	if !h.closed && n.hosts[old.address] == nil {
		delete(n.hosts, h.address)
		h.address = old.address
		n.hosts[h.address] = h
	}
	return h
}

// settle gives a host a new address. The caller holds mu.
func (n *Net) settle(h *Host) {
	delete(n.hosts, h.address)
	n.last++
	h.address = n.last
	n.hosts[h.address] = h
}

// Close crashes the host: its connections are reset, its address is nobody's, what its directory kept is gone. It does
// not wait for handlers. Closing again does nothing.
func (h *Host) Close() {
	n := h.net
	n.mu.Lock()
	if h.closed {
		n.mu.Unlock()
		return
	}
	h.closed = true
	delete(n.hosts, h.address)
	links := h.takeLinks()
	for p := range h.peers {
		delete(p.peers, h)
	}
	clear(h.peers)
	clear(h.values)
	n.mu.Unlock()
	for _, l := range links {
		l.cut(0)
	}
}

// takeLinks returns the links of this host. The caller holds mu, and cuts them without.
func (h *Host) takeLinks() []*link {
	links := make([]*link, 0, len(h.links))
	for l := range h.links {
		links = append(links, l)
	}
	return links
}

// Key returns the key by which others know this host.
func (h *Host) Key() identity.TransportKey { return h.public }

// PrivateKey returns the key with which this host was started, to start it again after a crash.
func (h *Host) PrivateKey() identity.TransportPrivateKey { return h.private }

// Addrs returns under which addresses others reach this host: one, or none while it is closed or not reachable.
func (h *Host) Addrs() []string {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.addrs()
}

func (h *Host) addrs() []string {
	if h.closed || h.hidden {
		return nil
	}
	return []string{formatAddr(h.address)}
}

// Changed returns a channel of one place, which is filled when Addrs changed.
func (h *Host) Changed() <-chan struct{} { return h.changed }

func (h *Host) poke() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// Move changes the address, as a phone does between Wi-Fi and mobile data: connections are reset, and nobody is at the
// old address any more. Peers stay, for it dials them anew.
func (h *Host) Move() {
	n := h.net
	n.mu.Lock()
	if h.closed {
		n.mu.Unlock()
		return
	}
	n.settle(h)
	links := h.takeLinks()
	n.mu.Unlock()
	for _, l := range links {
		l.cut(0)
	}
	h.poke()
}

// SetReachable says whether others can dial this host. Behind a NAT nobody can: Addrs is empty, and dials to the address
// end after DialPatience. It can dial, and its connections stay.
func (h *Host) SetReachable(reachable bool) {
	h.net.mu.Lock()
	changed := h.hidden == reachable
	h.hidden = !reachable
	h.net.mu.Unlock()
	if changed {
		h.poke()
	}
}

// Join makes the host with this key a peer, and both peers of each other. The errors are those of Dial.
func (h *Host) Join(ctx context.Context, key identity.TransportKey, addrs []string) error {
	d, err := h.draw(ctx, key, "join")
	if err == nil {
		_, err = h.reach(ctx, key, addrs, d, func(to *Host) error {
			h.peers[to], to.peers[h] = struct{}{}, struct{}{}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	return nil
}

// Servers calls each with the servers that this host joined and that others can dial, until each returns false.
func (h *Host) Servers(each func(key identity.TransportKey, addrs []string) bool) {
	h.net.mu.Lock()
	type known struct {
		number uint64
		key    identity.TransportKey
		addrs  []string
	}
	var list []known
	for p := range h.peers {
		if p.server && !p.hidden && !p.closed && !h.net.apart(h, p) {
			list = append(list, known{p.number, p.public, p.addrs()})
		}
	}
	h.net.mu.Unlock()
	slices.SortFunc(list, func(a, b known) int { return cmp.Compare(a.number, b.number) })
	for _, k := range list {
		if !each(k.key, k.addrs) {
			return
		}
	}
}

// Peers returns with how many peers this host is connected, joined by either side.
func (h *Host) Peers() int {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.livePeers()
}

func (h *Host) livePeers() (count int) {
	for p := range h.peers {
		if !h.net.apart(h, p) {
			count++
		}
	}
	return count
}

// draw draws what happens to a dial.
func (h *Host) draw(ctx context.Context, key identity.TransportKey, proto string) (fate, error) {
	if err := ctx.Err(); err != nil {
		return fate{}, err
	}
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.closed {
		return fate{}, ErrClosed
	}
	return n.fate(n.faults.Load(), encounter{h.number, n.number(key), proto}), nil
}

// reach finds the host with this key, and calls connect with Net.mu held. It returns at which address it was, or which
// it tried last.
func (h *Host) reach(ctx context.Context, key identity.TransportKey, addrs []string, d fate, connect func(*Host) error) (string, error) {
	n := h.net
	if err := wait(ctx, d.delay); err != nil {
		return "", err
	}
	if d.refuse {
		return "", ErrRefused
	}
	n.mu.Lock()
	if len(addrs) == 0 {
		addrs = h.known[key]
	}
	at, err := "", ErrUnknown
	for _, at = range addrs {
		if err = h.tryAddr(key, at, connect); err == nil {
			break
		}
	}
	n.mu.Unlock()
	if errors.Is(err, errSilence) {
		if err = wait(ctx, DialPatience); err == nil {
			err = ErrUnreachable
		}
	}
	return at, err
}

// tryAddr tries one address. The caller holds mu.
func (h *Host) tryAddr(key identity.TransportKey, at string, connect func(*Host) error) error {
	n := h.net
	number, err := parseAddr(at)
	if err != nil {
		return err
	}
	to := n.hosts[number]
	switch {
	case h.closed:
		return ErrClosed
	case to == nil || to == h:
		return fmt.Errorf("%w: nobody at %s", ErrRefused, at)
	case to.hidden || n.apart(h, to):
		return errSilence
	case to.public != key:
		return ErrKey
	}
	if err := connect(to); err != nil {
		return err
	}
	h.known[key] = []string{at}
	if back := h.addrs(); back != nil {
		to.known[h.public] = slices.Clone(back)
	}
	return nil
}
