package rtc

import (
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
)

// Traffic is what went through the UDP port of an endpoint, with STUN, DTLS and RTCP; bytes are those within UDP, so with IPv4
// a packet has 28 more on the line.
type Traffic struct {
	PacketsIn, BytesIn, PacketsOut, BytesOut uint64
}

// meter counts. It is safe for several goroutines.
type meter struct{ packetsIn, bytesIn, packetsOut, bytesOut atomic.Uint64 }

func (m *meter) read() Traffic {
	return Traffic{m.packetsIn.Load(), m.bytesIn.Load(), m.packetsOut.Load(), m.bytesOut.Load()}
}

func (m *meter) in(n int) {
	if n > 0 {
		m.packetsIn.Add(1)
		m.bytesIn.Add(uint64(n))
	}
}

func (m *meter) out(n int) {
	if n > 0 {
		m.packetsOut.Add(1)
		m.bytesOut.Add(uint64(n))
	}
}

// metered is the machine's network, whose UDP sockets are counted.
type metered struct {
	*stdnet.Net
	meter *meter
}

// ListenUDP binds a socket.
func (n metered) ListenUDP(network string, address *net.UDPAddr) (transport.UDPConn, error) {
	c, err := net.ListenUDP(network, address)
	if err != nil {
		return nil, err
	}
	return &meteredConn{c, n.meter}, nil
}

// meteredConn has pion's way without an allocation (ice.AddrPortReaderWriter), which it only knows of bare sockets.
type meteredConn struct {
	*net.UDPConn
	meter *meter
}

// ReadFromAddrPort reads a packet.
func (c *meteredConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	c.meter.in(n)
	return n, from, err
}

// WriteToAddrPort sends one.
func (c *meteredConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	n, err := c.WriteToUDPAddrPort(b, to)
	c.meter.out(n)
	return n, err
}

// ReadFrom reads a packet.
func (c *meteredConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.UDPConn.ReadFrom(b)
	c.meter.in(n)
	return n, from, err
}

// WriteTo sends one.
func (c *meteredConn) WriteTo(b []byte, to net.Addr) (int, error) {
	n, err := c.UDPConn.WriteTo(b, to)
	c.meter.out(n)
	return n, err
}
