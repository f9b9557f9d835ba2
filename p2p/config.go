package p2p

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	// Conns changes how many connections the role may have.
	Conns Conns
	// Circuits are what a relay carries for those who cannot be dialled.
	Circuits Circuits
	// Refuse tells whether a node, or, before that is known, with the zero key, whoever comes from an address, gets no
	// connection. Nil refuses nobody. It is asked for every connection and must be fast; Expel has it asked anew.
	Refuse func(node identity.TransportKey, from net.Addr) bool
	// LAN has the host announce itself on the LAN (mDNS), and exchange records with whom it finds there.
	LAN bool
	// Log gets why something did not work, at Debug alone, for the library's errors name peers. Nil means none.
	Log *slog.Logger

	simulated []libp2p.Option // see Simulate; nil for none
}

// Conns are limits of connections. A zero field is what the role has.
type Conns struct {
	// Total is how many there are at most, 16 to 1,000,000. Above three quarters of it the least useful are closed, down to
	// a half. Each takes some 60 KiB.
	Total int
	// PerAddress is how many come from one IPv4 address or IPv6 /56, and how fast: a fortieth of it per second, twice as
	// many at once. Behind one address of a carrier (CGNAT) may be hundreds of people.
	PerAddress int
	// Memory is how many bytes the library may set aside for their buffers, at least 16 MiB.
	Memory int64
}

// Validate complains of all that is out of range.
func (c Conns) Validate() error {
	var errs []error
	if c.Total != 0 && (c.Total < 16 || c.Total > 1_000_000) {
		errs = append(errs, fmt.Errorf("p2p: %d connections: 16 to 1,000,000 can be had", c.Total))
	}
	if c.PerAddress < 0 || c.PerAddress > 1_000_000 {
		errs = append(errs, fmt.Errorf("p2p: %d connections per address: 1 to 1,000,000 can be had", c.PerAddress))
	}
	if c.Memory != 0 && c.Memory < 16<<20 {
		errs = append(errs, fmt.Errorf("p2p: %d bytes for connections: at least 16 MiB are needed", c.Memory))
	}
	return errors.Join(errs...)
}

// Circuits are what a relay carries for those who cannot be dialled. A zero field is the default that stands behind it:
// long and large enough for a photograph while a hole is being punched, and not for a film. The library's own limits,
// 2 min and 128 KiB, cut text in the middle.
type Circuits struct {
	Off bool // nothing is carried
	// Places is how many nodes may be reached through the relay: 1,024; of one IP address: 64, for CGNAT; and of one IPv6
	// autonomous system: 512.
	Places, PlacesPerAddress, PlacesPerNetwork int
	Each                                       int           // circuits that one node has at a time: 32
	Duration                                   time.Duration // of one circuit: 10 min
	Data                                       int64         // bytes through one circuit, in each direction: 4 MiB
	// Allow tells whether a node may have a place on the relay, or reach who has one. Nil allows all. It must be fast.
	Allow func(node identity.TransportKey, from net.Addr) bool
}

// withDefaults returns the limits with zero fields filled.
func (c Circuits) withDefaults() Circuits {
	c.Places = cmp.Or(c.Places, 1024)
	c.PlacesPerAddress = cmp.Or(c.PlacesPerAddress, 64)
	c.PlacesPerNetwork = cmp.Or(c.PlacesPerNetwork, 512)
	c.Each = cmp.Or(c.Each, 32)
	c.Duration = cmp.Or(c.Duration, 10*time.Minute)
	c.Data = cmp.Or(c.Data, 4<<20)
	return c
}

// Validate complains of what is out of range.
func (c Circuits) Validate() error {
	c = c.withDefaults()
	if c.Places < 1 || c.PlacesPerAddress < 1 || c.PlacesPerNetwork < 1 || c.Each < 1 || c.Duration < time.Second || c.Data < 1 {
		return errors.New("p2p: a limit of circuits is less than 1")
	}
	return nil
}

// Validate complains of all that is wrong with a Config, as New would before it does anything.
func (c Config) Validate() error {
	_, _, err := new(Host).check(&c)
	return err
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
	errs = append(errs, cfg.Conns.Validate(), cfg.Circuits.Validate())
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
		libp2p.Transport(tcp.NewTCPTransport, h.tcp()...),
		libp2p.Transport(websocket.New),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ResourceManager(resources),
		libp2p.ConnectionManager(connections),
		libp2p.ConnectionGater(gater{h.cfg.Refuse}),
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
		if h.cfg.Role == Relay && !h.cfg.Circuits.Off {
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

// tcp are the options of the TCP transport. Those who are behind a router dial from the port that they listen on, so that
// it opens a way back. What is public needs no such way, and shares its port with no other program, which would get half of
// the connections.
func (h *Host) tcp() []any {
	if h.cfg.Role.public() {
		return []any{tcp.DisableReuseport()}
	}
	return nil
}

// service is the relay service of a relay.
func (h *Host) service() []relay.Option {
	options := []relay.Option{relay.WithResources(h.cfg.Circuits.resources()), relay.WithACL(door{h}), relay.WithMetricsTracer(&h.carried)}
	if h.cfg.Local {
		options = append(options, relay.WithReservationAddressFilter(func(ma.Multiaddr) bool { return true }))
	}
	return options
}
