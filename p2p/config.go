package p2p

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/autorelay"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Role is what a node is for. It decides what the node spends and whom it serves.
type Role uint8

// The roles.
const (
	Desktop Role = iota // a messenger on a computer: serves the DHT once others can dial it
	Mobile              // a messenger on a phone: serves nobody, is reached through a relay
	Relay               // keeps post for others, serves the DHT, relays for those who cannot be dialled
	Mixer               // mixes calls, serves the DHT
)

// String names the role.
func (r Role) String() string {
	switch r {
	case Desktop:
		return "desktop"
	case Mobile:
		return "mobile"
	case Relay:
		return "relay"
	case Mixer:
		return "mixer"
	default:
		return "Role?"
	}
}

// public tells whether everybody may know that the node exists.
func (r Role) public() bool { return r == Relay || r == Mixer }

// Serve says whether a node serves the DHT.
type Serve uint8

// Whether a node serves the DHT.
const (
	ServeByRole Serve = iota // relays and mixers do, desktops once others can dial them, phones never
	ServeAlways
	ServeNever
)

// Config says what a host is. The zero value is a desktop that knows nobody.
type Config struct {
	Role Role
	// Key is the node's own. Zero means a fresh one, as clients take at each start so that nobody can follow them; what is
	// to be found again under its key must bring it.
	Key identity.TransportPrivateKey
	// Listen are multiaddrs to listen on. Nil means all interfaces: QUIC on a free port, TCP on another (but on phones); for
	// public roles QUIC and TCP on port 4747 (relay) or 4757 (mixer), and WebSocket on the next. Empty means none.
	Listen []string
	// Announce are multiaddrs that others should use besides those that the host sees itself, such as a name with a TLS
	// proxy before it ("/dns4/relay.example/tcp/443/wss").
	Announce []string
	// Bootstrap are nodes through which Run gets into the DHT.
	Bootstrap []Peer
	// Relays are nodes that may relay for this one while nobody can dial it. Nil means those of Bootstrap and Join.
	Relays []Peer
	// Serve forces what the role decides otherwise.
	Serve Serve
	// Diversity is how many nodes of one network (IPv4 /16, IPv6 autonomous system) the routing table takes, and how many a
	// walk believes of one reply. 0 means 3, at most 2 of them in a bucket. Negative means any number, for meshes on one
	// machine or LAN; there no table would fill otherwise.
	Diversity int
	// Local is for meshes on one machine or LAN: the host tells others, and believes of others, addresses that are not public.
	// Otherwise nobody learns them but neighbours on the LAN.
	Local bool
	// LAN has the host announce itself on the LAN (mDNS), and exchange records with whom it finds there.
	LAN bool
	// Log gets why something did not work, at Debug alone, for the library's errors name peers. Nil means none.
	Log *slog.Logger

	simulated []libp2p.Option // see Simulate; nil for none
}

// check reads the parts of a Config that are text, and complains of all that is wrong with it.
func (h *Host) check(cfg *Config) (listen, announce []ma.Multiaddr, err error) {
	var errs []error
	if cfg.Role > Mixer {
		errs = append(errs, fmt.Errorf("p2p: no role %d", cfg.Role))
	}
	if cfg.Serve > ServeNever {
		errs = append(errs, fmt.Errorf("p2p: no Serve %d", cfg.Serve))
	}
	texts := cfg.Listen
	if texts == nil {
		texts = defaultListen(cfg.Role)
	}
	read := func(what string, texts []string) (addrs []ma.Multiaddr) {
		for _, text := range texts {
			m, err := parse(text)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s %q: %w", what, text, err))
				continue
			}
			addrs = append(addrs, m)
		}
		return addrs
	}
	listen, announce = read("listen", texts), read("announce", cfg.Announce)
	peers := func(what string, peers []Peer) (infos []peer.AddrInfo) {
		for i, p := range peers {
			info, err := p.info()
			if err == nil && len(info.Addrs) == 0 {
				err = ErrNoAddress
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s %d: %w", what, i, err))
			}
			infos = append(infos, info)
		}
		return infos
	}
	h.bootstrap, h.relay = peers("bootstrap", cfg.Bootstrap), peers("relay", cfg.Relays)
	return listen, announce, errors.Join(errs...)
}

func defaultListen(r Role) []string {
	var addrs []string
	for _, ip := range []string{"/ip4/0.0.0.0", "/ip6/::"} {
		switch r {
		case Relay:
			addrs = append(addrs, ip+"/udp/4747/quic-v1", ip+"/tcp/4747", ip+"/tcp/4748/ws")
		case Mixer:
			addrs = append(addrs, ip+"/udp/4757/quic-v1", ip+"/tcp/4757", ip+"/tcp/4758/ws")
		case Mobile:
			addrs = append(addrs, ip+"/udp/0/quic-v1")
		default:
			addrs = append(addrs, ip+"/udp/0/quic-v1", ip+"/tcp/0")
		}
	}
	return addrs
}

// options puts libp2p together.
func (h *Host) options(key identity.TransportPrivateKey, listen, announce []ma.Multiaddr) ([]libp2p.Option, error) {
	private, err := privateOf(key)
	if err != nil {
		return nil, err
	}
	resources, err := h.limits.resources()
	if err != nil {
		return nil, fmt.Errorf("p2p: %w", err)
	}
	connections, err := h.limits.connections()
	if err != nil {
		return nil, fmt.Errorf("p2p: %w", err)
	}
	options := []libp2p.Option{
		libp2p.Identity(private),
		libp2p.ListenAddrs(listen...),
		libp2p.Transport(libp2pquic.NewTransport),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(websocket.New),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ResourceManager(resources),
		libp2p.ConnectionManager(connections),
		libp2p.ConnectionGater(gater{}),
		libp2p.UserAgent(agent), libp2p.ProtocolVersion(agent),
		libp2p.Ping(false),
		libp2p.DisableMetrics(), // many hosts may share a process; Stats has what matters
		libp2p.NonPublicAddrPublishing(h.cfg.Local),
		libp2p.EnableRelay(),
		libp2p.AddrsFactory(func(addrs []ma.Multiaddr) []ma.Multiaddr {
			return append(announce[:len(announce):len(announce)], h.public(addrs)...)
		}),
	}
	genuine := h.cfg.simulated == nil
	options = append(options, h.cfg.simulated...)
	options = append(options, libp2p.EnableHolePunching())
	switch h.cfg.Role {
	case Relay, Mixer:
		// Their owners say that they can be dialled. They tell others whether those can (AutoNAT, both versions).
		options = append(options, libp2p.ForceReachabilityPublic())
		if genuine {
			options = append(options, libp2p.EnableNATService(), libp2p.EnableAutoNATv2())
		}
		if h.cfg.Role == Relay {
			options = append(options, libp2p.EnableRelayService(h.service()...))
		}
		return options, nil
	case Mobile:
		// To find out that a phone cannot be dialled would take 17 s; it gets a place on a relay at once.
		options = append(options, libp2p.ForceReachabilityPrivate())
	default:
		if genuine {
			options = append(options, libp2p.EnableAutoNATv2())
		}
		if genuine && !h.cfg.Local {
			options = append(options, libp2p.NATPortMap())
		}
	}
	places := 2
	if h.cfg.Role == Mobile {
		places = 1
	}
	return append(options, libp2p.EnableAutoRelayWithPeerSource(h.relays,
		autorelay.WithMinCandidates(1), autorelay.WithBootDelay(0), autorelay.WithBackoff(30*time.Second),
		autorelay.WithNumRelays(places))), nil
}

// service is the relay service of a relay.
func (h *Host) service() []relay.Option {
	options := []relay.Option{relay.WithResources(circuits())}
	if h.cfg.Local {
		options = append(options, relay.WithReservationAddressFilter(func(ma.Multiaddr) bool { return true }))
	}
	return options
}
