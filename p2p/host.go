// Package p2p is the only room that knows libp2p: it finds devices and opens streams to them.
//
// A Host is one node of the network, known by its transport key. It speaks QUIC v1, TCP with Noise and yamux, and
// WebSocket, to nodes with Ed25519 keys alone. It opens and accepts streams (Lane), puts and finds records in Linnet's own
// DHT and with neighbours on the LAN (Publish, Lookup, Ask), and knows under which addresses it can be reached (Addrs,
// Join). Those who use it see types of the standard library and crypto, and each declares the few methods that it needs.
//
//	config.go     what a host is told, and what libp2p is made of
//	lane.go       streams of the protocols in protocol.go
//	directory.go  records: publish, look up; walk.go in the DHT, wire.go with one node, store.go in RAM
//	reach.go      addresses, relays, the way into the DHT; nearby.go the LAN
//	guard.go      what others may ask of this node; limits.go what each role spends
//
// What travels is in PROTOCOL.md.
package p2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// ErrTaken says that an address to listen on could not be bound: another program has the port, or this machine does not
// have the address.
var ErrTaken = errors.New("p2p: cannot listen")

// basic are the methods of libp2p's host that its interface does not list.
type basic interface {
	host.Host
	AllAddrs() []ma.Multiaddr
	ConfirmedAddrs() (reachable, unreachable, unknown []ma.Multiaddr)
}

// Host is a node. All its methods may be called by several goroutines at once.
type Host struct {
	cfg       Config
	key       identity.TransportKey
	log       *slog.Logger
	limits    limits
	host      basic
	dht       atomic.Pointer[dht.IpfsDHT] // set before New returns; the library asks for it while it makes it
	messenger *messenger
	kept, own *store // records kept for others; what this host published, for neighbours only
	lanes     map[string]*Lane
	gauge     *gauge
	near      *neighbours
	changed   chan struct{}
	offered   offered
	carried   carried
	first     []string // addresses when it was made, which Changed compares with
	bootstrap []peer.AddrInfo
	relay     []peer.AddrInfo
	refused   atomic.Uint64
	lonely    atomic.Bool // nobody keeps what was published last: who comes with an invite must be told here

	life context.Context //nolint:containedctx // its end is the host's, which all that is under way must notice
	kill context.CancelCauseFunc

	mu     sync.Mutex
	joined map[peer.ID]peer.AddrInfo
	closed bool
	active sync.WaitGroup // what is under way, added to under mu and unless closed
}

// New makes a host and binds its addresses: from then on it answers others. It connects to nobody by itself: Run does.
// The error joins all complaints about the Config, or says what could not be bound. The host must be closed.
func New(cfg Config) (*Host, error) {
	if cfg.Key.IsZero() {
		cfg.Key = identity.GenerateTransportKey()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	h := &Host{
		cfg: cfg, key: cfg.Key.Public(), log: cfg.Log,
		lanes: make(map[string]*Lane), near: newNeighbours(), changed: make(chan struct{}, 1),
		offered: offered{poke: make(chan struct{}, 1)},
		joined:  make(map[peer.ID]peer.AddrInfo),
	}
	h.life, h.kill = context.WithCancelCause(context.Background())
	if !cfg.Role.public() {
		h.cfg.Key = identity.TransportPrivateKey{} // libp2p has it now, and nobody else needs it
	}
	listen, announce, err := h.check(&cfg)
	if err != nil {
		return nil, err
	}
	h.limits = limitsOf[cfg.Role].with(cfg.Conns)
	h.gauge = newGauge(h.limits)
	options, err := h.options(cfg.Key, listen, announce)
	if err != nil {
		return nil, err
	}
	made, err := libp2p.New(options...)
	if err != nil && len(listen) > 0 && strings.Contains(err.Error(), "failed to listen") { // the library has no error for it
		return nil, fmt.Errorf("%w: %w", ErrTaken, err)
	}
	if err != nil {
		return nil, fmt.Errorf("p2p: %w", err)
	}
	h.host = made.(basic)
	// libp2p is content with one address. So are the defaults: not every machine has IPv6.
	if err := unbound(listen, slices.DeleteFunc(made.Network().ListenAddresses(), isCircuit), cfg.Listen == nil); err != nil {
		_ = made.Close()
		return nil, err
	}
	h.messenger = &messenger{made, kad}
	h.kept = newStore(string(made.ID()), h.limits.records, h.limits.bytes)
	h.own = newStore(string(made.ID()), h.limits.records, h.limits.bytes)
	for name, t := range lanes {
		h.lanes[name] = newLane(h, name, t)
	}
	d, err := newDHT(h)
	if err != nil {
		_ = made.Close()
		return nil, fmt.Errorf("p2p: %w", err)
	}
	h.dht.Store(d)
	h.lanes[directory].Handle(h.serveDirectory)
	// A relay may have given a place already: New connects to nobody, but the library's search for relays begins in it.
	h.first = slices.DeleteFunc(h.Addrs(), func(a string) bool { return strings.HasSuffix(a, "/p2p-circuit") })
	return h, nil
}

// unbound says what of the addresses to listen on was not bound. Of the defaults, those of IPv4 or of IPv6 may be missing
// all together: not every machine has both.
func unbound(want, got []ma.Multiaddr, defaults bool) error {
	if !defaults && len(got) >= len(want) {
		return nil
	}
	var missing []string
	for _, w := range want {
		kind, family := protocols(w), false
		ok := slices.ContainsFunc(got, func(g ma.Multiaddr) bool {
			if !defaults {
				return g.Equal(w)
			}
			family = family || protocols(g)[0] == kind[0]
			return slices.Equal(protocols(g), kind)
		})
		if !ok && (family || !defaults) {
			missing = append(missing, w.String())
		}
	}
	if len(missing) == 0 && len(got) > 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrTaken, strings.Join(missing, ", "))
}

// protocols returns the codes of an address's parts: what it speaks, without where.
func protocols(m ma.Multiaddr) (codes []int) {
	for _, p := range m.Protocols() {
		codes = append(codes, p.Code)
	}
	return codes
}

// Key returns the key that this host is known by.
func (h *Host) Key() identity.TransportKey { return h.key }

// hold counts something that is under way, unless the host is closed; release must follow.
func (h *Host) hold() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.active.Add(1)
	return true
}

func (h *Host) release() { h.active.Done() }

// begin is hold for what has a context, which then also ends, with the cause ErrClosed, when the host is closed. End must
// be called.
func (h *Host) begin(ctx context.Context) (_ context.Context, end func(), err error) {
	if !h.hold() {
		return nil, nil, ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(h.life, func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
		h.release()
	}, nil
}

// Run gets the host into the DHT and keeps it there, announces it on the LAN, watches its addresses and drops what has
// expired, until ctx ends or the host is closed. It returns when all of that has stopped, nil unless it could not begin.
// It is called once.
func (h *Host) Run(ctx context.Context) error {
	ctx, end, err := h.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() { h.stay(ctx) })
	group.Go(func() { h.tidy(ctx) })
	if h.cfg.LAN {
		group.Go(func() { h.meet(ctx) })
	}
	if h.cfg.Role.public() {
		group.Go(func() { h.publishOffer(ctx) })
	}
	return h.watch(ctx)
}

// tidy drops what has expired until ctx ends.
func (h *Host) tidy(ctx context.Context) {
	sweep := time.NewTicker(sweepInterval)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-sweep.C:
			h.kept.sweep(now)
			h.own.sweep(now)
		}
	}
}

// Close cuts all connections, stops Run, frees the addresses, and waits until nothing of the host is left: what is under
// way fails with ErrClosed or another error. It may be called several times. Only the library's search for a router
// (UPnP), which a desktop begins when it is made, may outlive it by some seconds.
func (h *Host) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		h.active.Wait()
		return nil
	}
	h.closed = true
	h.mu.Unlock()
	h.kill(ErrClosed)
	err := errors.Join(h.dht.Load().Close(), h.host.Close()) // in this order: the library's handlers need the host
	h.active.Wait()
	return err
}

// Stats are what a host counts. Nothing in it tells who is who.
type Stats struct {
	Peers      int    // connected nodes
	Conns      int    // connections to them
	Relayed    int    // of them, through a relay
	Streams    int    // on all connections
	Table      int    // nodes in the routing table
	Neighbours int    // nodes on the LAN
	Records    int    // records kept for others
	Bytes      int    // that they take
	Refused    uint64 // streams, requests and records over a limit, since New
	Serving    bool   // the DHT
	Places     int    // nodes that are reached through this relay
	Circuits   int    // that this relay carries now
	Carried    uint64 // bytes through them, since New
	Offered    int    // nodes that keep what this one offers, as it was published last
}

// Stats returns the counts of now.
func (h *Host) Stats() Stats {
	swarm := h.host.Network()
	s := Stats{
		Peers: len(swarm.Peers()), Table: h.dht.Load().RoutingTable().Size(), Neighbours: len(h.near.peers()),
		Refused: h.refused.Load() + uint64(h.carried.refused.Load()), Serving: h.serving(), Offered: int(h.offered.kept.Load()),
	}
	for _, c := range swarm.Conns() {
		s.Conns++
		s.Streams += c.Stat().NumStreams
		if c.Stat().Limited || isCircuit(c.RemoteMultiaddr()) {
			s.Relayed++
		}
	}
	s.Records, s.Bytes = h.kept.size()
	s.Places, s.Circuits, s.Carried = int(h.carried.places.Load()), int(h.carried.circuits.Load()), uint64(h.carried.bytes.Load())
	return s
}

// serving tells whether this host serves the DHT now.
func (h *Host) serving() bool {
	for _, id := range h.host.Mux().Protocols() {
		if id == kad {
			return true
		}
	}
	return false
}
