package p2ptest

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/marcopolo/simnet"
	"github.com/quic-go/quic-go"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/p2p"
)

const (
	// SimSpeed is how much a host of a Simnet sends and receives, in bits per second each.
	SimSpeed = 20e6
	// simPort is the UDP port that hosts of a Simnet listen on.
	simPort = 4747
	// simHosts is how many fit on a Simnet: each has a network of its own (/16), from 20.1.0.0 to 99.250.0.0, so that the
	// routing tables, which take few nodes of one network, take them all.
	simHosts = 80 * 250
)

// errSimFull says that a Simnet has no address left.
var errSimFull = errors.New("p2ptest: no address left on the simnet")

// Simnet is a small internet for real hosts of package p2p: libp2p, QUIC and the DHT as they are, over packets in memory
// (marcopolo/simnet). It belongs into a bubble of testing/synctest, in which a day passes in some 0.6 s of real time per
// connection between two hosts: take a Net for large worlds, and for faults. There is no TCP, no IPv6, no NAT and no LAN.
//
// The goroutines of a Simnet are of the bubble in which NewSimnet was called. Its methods may be called by several
// goroutines at once.
type Simnet struct {
	mu    sync.Mutex // guards all below, and the library's list of links
	net   simnet.Simnet
	count int                   // of addresses given
	hosts map[*SimHost]struct{} // not closed
}

// NewSimnet returns a network without hosts, on which each packet takes this long one way, besides what SimSpeed costs.
// It must be closed.
func NewSimnet(latency time.Duration) *Simnet {
	s := &Simnet{
		net:   simnet.Simnet{LatencyFunc: simnet.StaticLatency(latency), Logger: slog.New(slog.DiscardHandler)},
		hosts: make(map[*SimHost]struct{}),
	}
	s.net.Start()
	return s
}

// Close closes the hosts that are not closed yet, and then the network. The error joins those of the hosts.
func (s *Simnet) Close() error {
	s.mu.Lock()
	var open []*SimHost
	for h := range s.hosts {
		open = append(open, h)
	}
	s.mu.Unlock()
	var errs []error
	for _, h := range open {
		errs = append(errs, h.Close())
	}
	s.net.Close()
	return errors.Join(errs...)
}

// SimHost is a real host on a Simnet, until Close. As p2p.New, Simnet starts nothing: Run gets it into the DHT.
type SimHost struct {
	*p2p.Host
	net   *Simnet
	cfg   p2p.Config             // with key and address, for Again
	reuse *quicreuse.ConnManager // libp2p does not close one that it was given
}

// Host makes a host. A nil Listen means an address in a network of its own, 20.1.0.1 for the first. The errors
// are those of p2p.New.
func (s *Simnet) Host(cfg p2p.Config) (*SimHost, error) {
	if cfg.Key.IsZero() {
		cfg.Key = identity.GenerateTransportKey()
	}
	if cfg.Listen == nil {
		s.mu.Lock()
		i := s.count
		s.count++
		s.mu.Unlock()
		if i >= simHosts {
			return nil, errSimFull
		}
		cfg.Listen = []string{fmt.Sprintf("/ip4/%d.%d.0.1/udp/%d/quic-v1", 20+i/250, 1+i%250, simPort)}
	}
	h := &SimHost{net: s, cfg: cfg}
	cfg.Simulate(h.options()...)
	var err error
	if h.Host, err = p2p.New(cfg); err != nil {
		h.free()
		return nil, err
	}
	s.mu.Lock()
	s.hosts[h] = struct{}{}
	s.mu.Unlock()
	return h, nil
}

// Server makes a relay that serves the DHT, and begins with others that are known.
func (s *Simnet) Server(known ...*SimHost) (*SimHost, error) {
	return s.Host(p2p.Config{Role: p2p.Relay, Serve: p2p.ServeAlways, Bootstrap: peersOf(known)})
}

// Desktop makes a host as a messenger on a computer has it: with a fresh key at a fresh address. It begins with others
// that are known.
func (s *Simnet) Desktop(known ...*SimHost) (*SimHost, error) {
	return s.Host(p2p.Config{Role: p2p.Desktop, Bootstrap: peersOf(known)})
}

func peersOf(hosts []*SimHost) (peers []p2p.Peer) {
	for _, h := range hosts {
		peers = append(peers, h.Peer())
	}
	return peers
}

// Peer returns how others find the host, which must not be closed.
func (h *SimHost) Peer() p2p.Peer { return p2p.Peer{Key: h.Key(), Addrs: h.Addrs()} }

// Again makes the host anew after Close, with its key and at its address, as a server does that restarts: what it kept in
// RAM is gone. The errors are those of p2p.New.
func (h *SimHost) Again() (*SimHost, error) { return h.net.Host(h.cfg) }

// Close is p2p.Host.Close, and takes the host off the network. It may be called several times.
func (h *SimHost) Close() error {
	err := h.Host.Close()
	h.net.mu.Lock()
	_, first := h.net.hosts[h]
	delete(h.net.hosts, h)
	h.net.mu.Unlock()
	if first {
		h.free()
	}
	return err
}

// free closes what libp2p leaves open. It is called once.
func (h *SimHost) free() {
	if h.reuse != nil {
		_ = h.reuse.Close() // its sockets are memory
	}
}

// simSource is what a host sends from: libp2p would ask the machine's routing table.
type simSource struct{ ip atomic.Pointer[net.IP] }

func (s *simSource) PreferredSourceIPForDestination(*net.UDPAddr) (net.IP, error) {
	return *s.ip.Load(), nil
}

// options put the simulated network under libp2p.
func (h *SimHost) options() []libp2p.Option {
	links := simnet.NodeBiDiLinkSettings{
		Downlink: simnet.LinkSettings{BitsPerSecond: SimSpeed}, Uplink: simnet.LinkSettings{BitsPerSecond: SimSpeed},
	}
	from := new(simSource)
	listen := func(_ string, addr *net.UDPAddr) (net.PacketConn, error) {
		from.ip.Store(&addr.IP)
		h.net.mu.Lock()
		defer h.net.mu.Unlock()
		return h.net.net.NewEndpoint(addr, links), nil
	}
	return []libp2p.Option{
		libp2p.DisableIdentifyAddressDiscovery(), // with it, a bubble's clock stands still
		libp2p.QUICReuse(func(reset quic.StatelessResetKey, token quic.TokenGeneratorKey, options ...quicreuse.Option) (*quicreuse.ConnManager, error) {
			m, err := quicreuse.NewConnManager(reset, token, options...)
			h.reuse = m
			return m, err
		},
			quicreuse.OverrideSourceIPSelector(func() (quicreuse.SourceIPSelector, error) { return from, nil }),
			quicreuse.OverrideListenUDP(listen)),
	}
}
