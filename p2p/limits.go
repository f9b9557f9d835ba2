package p2p

import (
	"math"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/x/rate"
)

// limits are what a role may spend.
type limits struct {
	low, high  int   // connections: above high, the least useful are closed down to low
	conns      int   // connections at most; a third more than high, for those that are protected
	inbound    int   // of them, opened by others
	memory     int64 // bytes that libp2p may set aside for its buffers
	files      int   // file descriptors, which TCP and WebSocket connections take
	perAddress int   // connections from one IPv4 address or IPv6 /56
	records    int   // records kept for others
	bytes      int   // bytes that they take
	requests   pace  // DHT and directory requests of one peer
	puts       pace  // of them, those that store something
}

// pace is a rate per second, and how much may come at once.
type pace struct{ rate, burst float64 }

// limitsOf says what each role may spend, and why.
var limitsOf = [...]limits{
	// A program among others on somebody's computer, behind a router that dies of too many connections. 512 records are
	// some 4 MiB.
	Desktop: {
		low: 32, high: 96, conns: 160, inbound: 96, memory: 128 << 20, files: 256, perAddress: 16,
		records: 512, bytes: 5 << 20, requests: pace{32, 256}, puts: pace{2, 32},
	},
	// Every idle connection wakes the radio four times a minute (QUIC keep-alives), so few of them. The records are those
	// of neighbours on the LAN.
	Mobile: {
		low: 2, high: 12, conns: 48, inbound: 16, memory: 32 << 20, files: 64, perAddress: 8,
		records: 32, bytes: 288 << 10, requests: pace{8, 64}, puts: pace{1, 16},
	},
	// Thousands of phones, many of them behind one address of a carrier (CGNAT). Other relays put the records of sleepers,
	// hundreds within seconds. 8,192 records are some 70 MiB.
	Relay: {
		low: 2048, high: 3072, conns: 4096, inbound: 4096, memory: 1 << 30, files: 4096, perAddress: 256,
		records: 8192, bytes: 72 << 20, requests: pace{64, 1024}, puts: pace{16, 512},
	},
	// Hundreds of callers, who come through their own lanes, and the DHT's share of a public node.
	Mixer: {
		low: 512, high: 768, conns: 1024, inbound: 1024, memory: 256 << 20, files: 1024, perAddress: 64,
		records: 2048, bytes: 18 << 20, requests: pace{32, 512}, puts: pace{8, 256},
	},
}

// resources returns the resource manager of a role: hard limits, also against what the connection manager protects.
func (l limits) resources() (network.ResourceManager, error) {
	c := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&c)
	c.SystemBaseLimit = rcmgr.BaseLimit{
		Conns: l.conns, ConnsInbound: l.inbound, ConnsOutbound: l.conns,
		Streams: 16 * l.conns, StreamsInbound: 16 * l.inbound, StreamsOutbound: 16 * l.conns,
		Memory: l.memory, FD: l.files,
	}
	// What has not said who it is yet gets a quarter.
	c.TransientBaseLimit = rcmgr.BaseLimit{
		Conns: max(l.conns/4, 16), ConnsInbound: max(l.inbound/4, 8), ConnsOutbound: max(l.conns/4, 16),
		Streams: max(2*l.conns, 128), StreamsInbound: max(2*l.inbound, 64), StreamsOutbound: max(2*l.conns, 128),
		Memory: l.memory / 4, FD: max(l.files/4, 16),
	}
	c.SystemLimitIncrease, c.TransientLimitIncrease = rcmgr.BaseLimitIncrease{}, rcmgr.BaseLimitIncrease{}
	for name, t := range lanes {
		// A little above the lane's own limits, which say no more politely; and this holds also during negotiation.
		id := protocol.ID(name)
		c.AddProtocolLimit(id, streams(min(t.total, 16*l.inbound)+64, l.memory/4), rcmgr.BaseLimitIncrease{})
		c.AddProtocolPeerLimit(id, streams(2*t.perPeer, 4<<20), rcmgr.BaseLimitIncrease{})
	}
	c.AddProtocolLimit(kad, streams(4*l.conns, l.memory/4), rcmgr.BaseLimitIncrease{})
	c.AddProtocolPeerLimit(kad, streams(4*perPeerRequests, 4<<20), rcmgr.BaseLimitIncrease{})
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(c.Scale(l.memory, l.files)),
		rcmgr.WithMetricsDisabled(), l.perSubnet(), rcmgr.WithConnRateLimiters(l.rate()))
}

func streams(n int, memory int64) rcmgr.BaseLimit {
	return rcmgr.BaseLimit{Streams: 2 * n, StreamsInbound: n, StreamsOutbound: 2 * n, Memory: memory}
}

// perSubnet limits the connections of one customer of a network, and for IPv6 of one network.
func (l limits) perSubnet() rcmgr.Option {
	return rcmgr.WithLimitPerSubnet(
		[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: l.perAddress}},
		[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: l.perAddress}, {PrefixLength: 48, ConnCount: 8 * l.perAddress}})
}

// rate limits how fast connections of one customer come; this machine's own are free, as everywhere in the manager.
func (l limits) rate() *rate.Limiter {
	n := float64(l.perAddress)
	return &rate.Limiter{
		NetworkPrefixLimits: []rate.PrefixLimit{
			{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")},
		},
		SubnetRateLimiter: rate.SubnetLimiter{
			IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: rate.Limit{RPS: n / 40, Burst: 2 * l.perAddress}}},
			IPv6SubnetLimits: []rate.SubnetLimit{
				{PrefixLength: 56, Limit: rate.Limit{RPS: n / 40, Burst: 2 * l.perAddress}},
				{PrefixLength: 48, Limit: rate.Limit{RPS: n / 16, Burst: 10 * l.perAddress}},
			},
			GracePeriod: time.Minute,
		},
	}
}

// connections returns the connection manager of a role.
func (l limits) connections() (*connmgr.BasicConnMgr, error) {
	return connmgr.NewConnManager(l.low, l.high, connmgr.WithGracePeriod(20*time.Second))
}

// with returns the limits as a Config changes them.
func (l limits) with(c Conns) limits {
	if c.Total > 0 {
		// The others are as for the role, where a connection more means a descriptor and a place for an opener more.
		l.conns, l.inbound = c.Total, c.Total*l.inbound/l.conns
		l.high, l.low = c.Total*3/4, c.Total/2
		l.files = max(l.files, c.Total)
	}
	if c.PerAddress > 0 {
		l.perAddress = c.PerAddress
	}
	if c.Memory > 0 {
		l.memory = c.Memory
	}
	return l
}

// resources are the limits as the library has them.
func (c Circuits) resources() relay.Resources {
	c = c.withDefaults()
	r := relay.DefaultResources()
	r.Limit = &relay.RelayLimit{Duration: c.Duration, Data: c.Data}
	r.MaxReservations, r.MaxCircuits = c.Places, c.Each
	r.MaxReservationsPerIP, r.MaxReservationsPerASN = c.PlacesPerAddress, c.PlacesPerNetwork
	return r
}

// bucket is a token bucket.
type bucket struct {
	tokens float64
	at     time.Time
}

// take takes a token, if there is one. A new bucket is full.
func (b *bucket) take(p pace, now time.Time) bool {
	if b.at.IsZero() {
		b.tokens = p.burst
	} else {
		b.tokens = math.Min(p.burst, b.tokens+math.Max(0, now.Sub(b.at).Seconds())*p.rate)
	}
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
