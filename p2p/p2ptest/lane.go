package p2ptest

import (
	"context"
	"fmt"
	"net"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Lane is one protocol of a host.
type Lane struct {
	host   *Host
	proto  string
	serve  func(identity.TransportKey, net.Conn) // guarded by Net.mu, as served
	served int
}

// Lane returns the lane of a protocol, the same for the same name.
func (h *Host) Lane(proto string) *Lane {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	l := h.lanes[proto]
	if l == nil {
		l = &Lane{host: h, proto: proto}
		h.lanes[proto] = l
	}
	return l
}

// Handle lets serve have each connection to come, in a goroutine of its own, with the key of who dialled. It owns the
// connection and closes it, also when it returns at once. nil refuses connections again.
func (l *Lane) Handle(serve func(key identity.TransportKey, conn net.Conn)) {
	n := l.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	l.serve = serve
}

// Dial connects to the host with this key at the first of these addresses where it is; without addresses, at those learnt
// by Join and by earlier connections. The errors are ErrClosed, ErrAddress, ErrUnknown, ErrRefused, ErrUnreachable,
// ErrKey, ErrProtocol, and the context's.
func (l *Lane) Dial(ctx context.Context, key identity.TransportKey, addrs []string) (net.Conn, error) {
	n, h := l.host.net, l.host
	at := ""
	d, err := h.draw(ctx, key, l.proto)
	var conn *Conn
	var serve func(identity.TransportKey, net.Conn)
	if err == nil {
		at, err = h.reach(ctx, key, addrs, d, func(to *Host) error {
			var err error
			if serve, err = to.accepts(l.proto); err != nil {
				return err
			}
			link := n.newLink(h, to, h.public, l.proto, d)
			conn = &link.ends[0]
			return nil
		})
	}
	if err != nil {
		n.tell(Event{Kind: Refused, Proto: l.proto, From: h.public, To: key, Addr: at, Err: err})
		return nil, fmt.Errorf("dialling on %s: %w", l.proto, err)
	}
	n.tell(conn.link.event(Dialled))
	conn.link.serve(serve)
	return conn, nil
}

// accepts returns what serves a protocol, and counts it as serving. The caller holds mu.
func (h *Host) accepts(proto string) (func(identity.TransportKey, net.Conn), error) {
	l := h.lanes[proto]
	switch {
	case l == nil || l.serve == nil:
		return nil, ErrProtocol
	case l.served >= maxServed:
		return nil, fmt.Errorf("%w: too many connections", ErrRefused)
	}
	l.served++
	h.net.handlers.Add(1)
	return l.serve, nil
}

// serve runs the handler.
func (l *link) serve(serve func(identity.TransportKey, net.Conn)) {
	go func() {
		defer l.net.handlers.Done()
		serve(l.fromKey, &l.ends[1])
		l.net.mu.Lock()
		l.to.lanes[l.proto].served--
		l.net.mu.Unlock()
	}()
}
