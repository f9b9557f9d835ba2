package p2p

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"

	"github.com/linnetmesh/linnet/crypto/identity"
)

var (
	// ErrProtocol says that the other node does not speak what it was asked to.
	ErrProtocol = errors.New("p2p: not spoken there")
	// ErrNoAddress says that nobody knows where a node is.
	ErrNoAddress = errors.New("p2p: no address known")
	// ErrRelayed says that a node can only be reached through a relay, which this lane may not use.
	ErrRelayed = errors.New("p2p: reachable through a relay only")
	// ErrUnreachable says that a node could not be connected to.
	ErrUnreachable = errors.New("p2p: unreachable")
	// ErrClosed says that the host was closed.
	ErrClosed = errors.New("p2p: closed")
)

// Lane opens and accepts streams of one protocol. All its methods may be called by several goroutines at once.
type Lane struct {
	host *Host
	id   protocol.ID
	terms

	mu    sync.Mutex
	peers map[peer.ID]int // streams that each has open towards us
	open  int             // their sum
}

// Lane returns the lane of a protocol of the table in protocol.go, always the same. It panics for another protocol, which
// is a mistake in the program.
func (h *Host) Lane(proto string) *Lane {
	l, ok := h.lanes[proto]
	if !ok {
		panic(fmt.Sprintf("p2p: no lane %q", proto))
	}
	return l
}

func newLane(h *Host, proto string, t terms) *Lane {
	return &Lane{host: h, id: protocol.ID(proto), terms: t, peers: make(map[peer.ID]int)}
}

// Dial opens a stream to a node, over the connection that there is or a new one. It uses the addresses given and those
// that the host learned: from earlier connections, on the LAN, and if there are none, in the DHT. An address that is none,
// or another node's, is passed over. When Dial returns, the other node has agreed to the protocol: one round trip, and
// those of connecting. Without a deadline in the context it takes at most 30 s.
//
// Whoever owns key is at the other end: libp2p proved it. Deadlines work; they give os.ErrDeadlineExceeded. Close ends the
// stream in order, unless a write has failed, and then it tells the other end so. A stream cut by the other end or the
// network gives an error that is not io.EOF. That a write succeeded proves nothing.
//
// The errors are identity.ErrKey, ErrClosed, and else wrap ErrNoAddress, ErrUnreachable, ErrRelayed or ErrProtocol, or are
// the context's.
func (l *Lane) Dial(ctx context.Context, key identity.TransportKey, addrs []string) (net.Conn, error) {
	id, err := idOf(key)
	if err != nil {
		return nil, err
	}
	ctx, end, err := l.host.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel := within(ctx, dialPatience)
	defer cancel()
	l.host.learn(id, addrs)
	c, err := l.dial(ctx, id)
	if err != nil {
		return nil, err // and no *conn that is nil
	}
	return c, nil
}

// within bounds a context that has no deadline.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

func (l *Lane) dial(ctx context.Context, id peer.ID) (*conn, error) {
	if err := l.host.locate(ctx, id); err != nil {
		return nil, err
	}
	if l.relayed {
		ctx = network.WithAllowLimitedConn(ctx, string(l.id))
	}
	swarm := l.host.host.Network()
	// Without leave to be relayed this waits until a hole is punched or the context ends.
	s, err := swarm.NewStream(ctx, id)
	switch {
	case err == nil:
	case !l.relayed && swarm.Connectedness(id) == network.Limited:
		return nil, fmt.Errorf("%w: %w", ErrRelayed, errors.Join(context.Cause(ctx), err))
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	default:
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if err := negotiate(ctx, s, l.id); err != nil {
		_ = s.Reset()
		return nil, err
	}
	return l.host.newConn(s), nil
}

// negotiate asks the other end for the protocol and waits for its word. The host's own NewStream would not wait, and a
// refusal would come out of the first read.
func negotiate(ctx context.Context, s network.Stream, id protocol.ID) error {
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	err := multistream.SelectProtoOrFail(id, s)
	if !stop() {
		return context.Cause(ctx)
	}
	switch {
	case errors.Is(err, multistream.ErrNotSupported[protocol.ID]{}):
		return ErrProtocol
	case err != nil:
		return fmt.Errorf("%w: agreeing on a protocol: %w", ErrUnreachable, err)
	}
	return s.SetProtocol(id) // takes its place in the resource manager
}

// Handle has serve called for each stream that another node opens, in a goroutine of its own. Serve owns the conn until it
// returns; if it has not closed it by then, the stream is reset. Key is who proved to be at the other end. Of streams over
// the lane's limits (protocol.go), Handle resets the new one before serve hears of it.
//
// A second call replaces the first. Host.Close resets all streams and waits until every serve has returned, so serve must
// return when its conn fails, and must not close the host.
func (l *Lane) Handle(serve func(key identity.TransportKey, conn net.Conn)) {
	l.host.host.SetStreamHandler(l.id, func(s network.Stream) { l.accept(s, serve) })
}

func (l *Lane) accept(s network.Stream, serve func(identity.TransportKey, net.Conn)) {
	id := s.Conn().RemotePeer()
	key, err := keyOf(id)
	if err != nil || (s.Conn().Stat().Limited && !l.relayed) || !l.host.hold() {
		_ = s.Reset()
		return
	}
	defer l.host.release()
	if !l.enter(id) {
		l.host.refused.Add(1)
		_ = s.Reset()
		return
	}
	defer l.leave(id)
	c := l.host.newConn(s)
	defer c.abort()
	serve(key, c)
}

// enter counts a stream in, if there is room for it.
func (l *Lane) enter(id peer.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.total || l.peers[id] >= l.perPeer {
		return false
	}
	l.open++
	l.peers[id]++
	return true
}

func (l *Lane) leave(id peer.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.peers[id]--; l.peers[id] == 0 {
		delete(l.peers, id)
	}
}

// conn is a stream as a net.Conn.
type conn struct {
	s      network.Stream
	host   *Host
	closed atomic.Bool
	broken atomic.Bool // a write did not go through whole, so what the other end has is cut off
}

// A connection with streams of ours is worth more to the connection manager than one that the DHT left behind (5 to 20).
// It knows nothing of streams and would cut them.
const (
	laneTag   = "lane"
	laneValue = 10 // per stream
	laneMost  = 50
)

func (h *Host) newConn(s network.Stream) *conn {
	h.host.ConnManager().UpsertTag(s.Conn().RemotePeer(), laneTag, func(v int) int { return min(v+laneValue, laneMost) })
	return &conn{s: s, host: h}
}

// ended takes back what newConn gave.
func (c *conn) ended() {
	c.host.host.ConnManager().UpsertTag(c.s.Conn().RemotePeer(), laneTag, func(v int) int { return max(v-laneValue, 0) })
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.s.Read(b)
	return n, c.explain(err)
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.s.Write(b)
	if err != nil {
		c.broken.Store(true)
	}
	return n, c.explain(err)
}

// explain turns an error of any transport into what a net.Conn gives.
func (c *conn) explain(err error) error {
	var timeout net.Error
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case c.closed.Load():
		return net.ErrClosed
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	default:
		return fmt.Errorf("p2p: stream cut: %w", err)
	}
}

func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	defer c.ended()
	if c.broken.Load() {
		return c.s.Reset()
	}
	return c.s.Close()
}

// abort resets the stream, unless it was closed.
func (c *conn) abort() {
	if !c.closed.Swap(true) {
		_ = c.s.Reset()
		c.ended()
	}
}

func (c *conn) LocalAddr() net.Addr  { return netAddr(c.s.Conn().LocalMultiaddr()) }
func (c *conn) RemoteAddr() net.Addr { return netAddr(c.s.Conn().RemoteMultiaddr()) }

func (c *conn) SetDeadline(t time.Time) error      { return c.set(c.s.SetDeadline(t)) }
func (c *conn) SetReadDeadline(t time.Time) error  { return c.set(c.s.SetReadDeadline(t)) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.set(c.s.SetWriteDeadline(t)) }

func (c *conn) set(err error) error {
	if err != nil && c.closed.Load() {
		return net.ErrClosed
	}
	return err
}
