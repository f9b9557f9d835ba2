package p2p

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	kadpb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// perPeerRequests is how many DHT requests of one peer are answered at once.
const perPeerRequests = 16

// maxPaced is how many peers have a bucket of their own. When there are more, the fullest must go.
const maxPaced = 4096

// gater lets nobody in who has no Ed25519 key, or whom the owner does not want.
type gater struct {
	refuse func(node identity.TransportKey, from net.Addr) bool // nil refuses nobody
}

var _ connmgr.ConnectionGater = gater{}

func (gater) InterceptPeerDial(id peer.ID) bool                               { return isOurs(id) }
func (gater) InterceptAddrDial(peer.ID, ma.Multiaddr) bool                    { return true }
func (gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

func (g gater) InterceptAccept(c network.ConnMultiaddrs) bool {
	return g.refuse == nil || !g.refuse(identity.TransportKey{}, netAddr(c.RemoteMultiaddr()))
}

func (g gater) InterceptSecured(_ network.Direction, id peer.ID, c network.ConnMultiaddrs) bool {
	key, err := parseID(id)
	return err == nil && (g.refuse == nil || !g.refuse(key, netAddr(c.RemoteMultiaddr())))
}

// Expel asks Config.Refuse about everybody who is connected, and closes the connections of those whom it refuses now.
func (h *Host) Expel() {
	g := gater{h.cfg.Refuse}
	for _, c := range h.host.Network().Conns() {
		if !g.InterceptSecured(network.DirInbound, c.RemotePeer(), c) {
			_ = c.Close()
		}
	}
}

// door says who may have a place on this relay, and who may reach those who have one.
type door struct{ h *Host }

// AllowReserve is asked before a place is given.
func (d door) AllowReserve(id peer.ID, from ma.Multiaddr) bool { return d.allow(id, from) }

// AllowConnect is asked before a circuit is opened. Who has a place was allowed to.
func (d door) AllowConnect(id peer.ID, from ma.Multiaddr, _ peer.ID) bool { return d.allow(id, from) }

func (d door) allow(id peer.ID, from ma.Multiaddr) bool {
	key, err := keyOf(id)
	allow := d.h.cfg.Circuits.Allow
	return err == nil && (allow == nil || allow(key, netAddr(from)))
}

// isOurs tells whether a peer may be one of Linnet's.
func isOurs(id peer.ID) bool {
	_, err := keyOf(id)
	return err == nil
}

// gauge counts what peers ask of this node, and says when it is too much: at once, and over time. Peer IDs cost nothing,
// so all peers together have a bucket too.
type gauge struct {
	requests, puts pace

	mu    sync.Mutex
	open  map[peer.ID]int
	total int // of open
	limit int // of total
	paced map[peer.ID]*paced
	all   paced
}

// paced are the buckets of one peer.
type paced struct{ requests, puts bucket }

// allFactor is how much more than one peer all peers together may ask.
const allFactor = 16

func newGauge(l limits) *gauge {
	return &gauge{
		requests: l.requests, puts: l.puts, limit: 4 * l.conns,
		open: make(map[peer.ID]int), paced: make(map[peer.ID]*paced),
	}
}

// enter counts a stream in, if there is room for it.
func (g *gauge) enter(id peer.ID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= g.limit || g.open[id] >= perPeerRequests {
		return false
	}
	g.total++
	g.open[id]++
	return true
}

func (g *gauge) leave(id peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total--
	if g.open[id]--; g.open[id] == 0 {
		delete(g.open, id)
	}
}

// request takes a token for a request.
func (g *gauge) request(id peer.ID, now time.Time) bool {
	return g.take(id, now, g.requests, func(p *paced) *bucket { return &p.requests })
}

// put takes a token for a request that stores something.
func (g *gauge) put(id peer.ID, now time.Time) bool {
	return g.take(id, now, g.puts, func(p *paced) *bucket { return &p.puts })
}

func (g *gauge) take(id peer.ID, now time.Time, p pace, of func(*paced) *bucket) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	mine := g.paced[id]
	if mine == nil {
		if len(g.paced) >= maxPaced {
			g.forget(now)
		}
		mine = new(paced)
		g.paced[id] = mine
	}
	// The peer's own bucket first: who asks too much takes nothing from the others.
	return of(mine).take(p, now) && of(&g.all).take(pace{allFactor * p.rate, allFactor * p.burst}, now)
}

// forget makes room: those who have not asked for longest go, whose buckets have filled up most.
func (g *gauge) forget(now time.Time) {
	for age := time.Minute; len(g.paced) > maxPaced/2; age /= 4 {
		for id, p := range g.paced {
			if now.Sub(p.requests.at) >= age && now.Sub(p.puts.at) >= age {
				delete(g.paced, id)
			}
		}
	}
}

// veil is the host as the DHT sees it. It differs in two points.
//
// It hides clients: the DHT answers FIND_NODE with the addresses of any peer it ever heard of, so that a stranger who knows
// a transport key could ask where its owner is. Behind the veil, only peers that serve the DHT have addresses.
//
// It guards the server: the library takes memory for requests of up to 4 MiB as they are announced, and answers as fast as
// it is asked.
type veil struct {
	host.Host
	book  veiledBook
	guard func(network.Stream, network.StreamHandler)
}

func (v *veil) Peerstore() peerstore.Peerstore { return v.book }

func (v *veil) SetStreamHandler(id protocol.ID, serve network.StreamHandler) {
	v.Host.SetStreamHandler(id, func(s network.Stream) { v.guard(s, serve) })
}

// veiledBook is the peerstore as the DHT sees it.
type veiledBook struct {
	peerstore.Peerstore
	serves func(peer.ID) bool
}

func (b veiledBook) PeerInfo(id peer.ID) peer.AddrInfo {
	if !b.serves(id) {
		return peer.AddrInfo{ID: id}
	}
	return b.Peerstore.PeerInfo(id)
}

// serves tells whether a peer is known to serve the DHT. Those in the table are, also long after they were connected.
func (h *Host) serves(id peer.ID) bool {
	if id == h.host.ID() {
		return true
	}
	if d := h.dht.Load(); d != nil && d.RoutingTable().Find(id) != "" {
		return true
	}
	found, err := h.host.Peerstore().SupportsProtocols(id, kad)
	return err == nil && len(found) > 0
}

// guardRequests lets a DHT request through to the library, within limits.
func (h *Host) guardRequests(s network.Stream, serve network.StreamHandler) {
	id := s.Conn().RemotePeer()
	if !h.hold() {
		_ = s.Reset()
		return
	}
	defer h.release()
	if !h.gauge.enter(id) {
		h.refused.Add(1)
		_ = s.Reset()
		return
	}
	defer h.gauge.leave(id)
	serve(&request{Stream: s, begin: func() bool {
		if h.gauge.request(id, time.Now()) {
			return true
		}
		h.refused.Add(1)
		return false
	}})
}

// pacePuts is called by the DHT for each request that it has parsed. A record over the peer's pace is taken out of it, and
// the library refuses what has none before it looks for the costly things.
func (h *Host) pacePuts(_ context.Context, s network.Stream, m *kadpb.Message) {
	if m.GetType() != kadpb.Message_PUT_VALUE {
		return
	}
	if !h.gauge.put(s.Conn().RemotePeer(), time.Now()) {
		h.refused.Add(1)
		m.Record = nil
	}
}

var (
	errRequestSize = errors.New("p2p: request too large")
	errRequestPace = errors.New("p2p: too many requests")
)

// request is a stream of DHT requests, each a length (uvarint) and as many bytes, of which none is too large.
type request struct {
	network.Stream
	begin func() bool // asked before each request

	length uint64 // of the prefix that is being read
	shift  uint   // bits of it that were read
	left   uint64 // bytes of the body to come
	err    error
}

func (r *request) Read(b []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.Stream.Read(b)
	for rest := b[:n]; len(rest) > 0; {
		if r.left > 0 {
			skip := min(r.left, uint64(len(rest)))
			r.left -= skip
			rest = rest[skip:]
			continue
		}
		if r.err = r.prefix(rest[0]); r.err != nil {
			_ = r.Reset()
			return 0, r.err
		}
		rest = rest[1:]
	}
	return n, err
}

// prefix takes one byte of a length.
func (r *request) prefix(c byte) error {
	if r.shift == 0 && !r.begin() {
		return errRequestPace
	}
	r.length |= uint64(c&0x7f) << r.shift
	if r.length > maxRequest || r.shift > 14 {
		return errRequestSize
	}
	if c >= 0x80 {
		r.shift += 7
		return nil
	}
	r.left, r.length, r.shift = r.length, 0, 0
	return nil
}
