package rtc

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"golang.org/x/net/ipv4"
)

// How packets share what the kernel asks for each call and each waking.
const (
	batchPackets = 32
	readBytes    = 8192 // as pion reads
	sendBytes    = 1500 // a larger packet does not wait for others
	// Above dense packets in denseTime a socket is not read when the first packet comes but when some have: every lookEvery,
	// ahead of a beat, and sooner where more than gathered would wait.
	dense     = 10
	denseTime = 100 * time.Millisecond
	lookEvery = 10 * time.Millisecond // a half of a beat
	gathered  = 2 * batchPackets
	// What is read ahead of a beat takes a moment to go its way through pion.
	aheadAll  = time.Millisecond
	aheadEach = 40 * time.Microsecond
)

// network is the machine's, whose UDP sockets are an endpoint's own.
type network struct {
	*stdnet.Net
	port *port
}

// ListenUDP binds a socket.
func (n network) ListenUDP(kind string, address *net.UDPAddr) (transport.UDPConn, error) {
	c, err := net.ListenUDP(kind, address)
	if err != nil {
		return nil, err
	}
	return n.port.add(c), nil
}

// port is all sockets of an endpoint. Its methods may be called by several goroutines at once.
type port struct {
	meter meter
	held  atomic.Int32 // how many beats hold packets back
	beat  atomic.Int64 // when the last began, since epoch

	mu      sync.Mutex
	sockets []*socket
}

func (p *port) add(c *net.UDPConn) *socket {
	s := newSocket(c, p)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets = append(p.sockets, s)
	return s
}

// forget is for sockets that are closed.
func (p *port) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets = nil
}

// epoch is what beats are counted from: the machine's clock may be set.
var epoch = time.Now()

// hold has packets wait for flush, which is to be called soon after, as often. It is when a beat begins.
func (p *port) hold() {
	p.beat.Store(int64(time.Since(epoch)))
	p.held.Add(1)
}

// pause returns how long to wait from now (since epoch) to the next look at a socket on which n packets come in denseTime.
func (p *port) pause(now time.Duration, n int) time.Duration {
	each := denseTime / time.Duration(n)
	if gathered*each < lookEvery {
		return gathered * each
	}
	ahead := aheadAll + time.Duration(n*int(lookEvery)/int(denseTime))*aheadEach
	past := (now + ahead - time.Duration(p.beat.Load())) % lookEvery
	if past < 0 {
		past += lookEvery
	}
	return lookEvery - past
}

// flush sends what waits.
func (p *port) flush() {
	p.held.Add(-1)
	p.mu.Lock()
	sockets := p.sockets
	p.mu.Unlock()
	for _, s := range sockets {
		s.sending.Lock()
		s.send()
		s.sending.Unlock()
	}
}

// socket reads and sends several packets with one call of the kernel's, where the system can. It has pion's way without an
// allocation (ice.AddrPortReaderWriter), which pion else knows of bare sockets alone.
type socket struct {
	*net.UDPConn
	port  *port
	batch *ipv4.PacketConn // that of IPv6 does the same

	reading sync.Mutex
	in      []ipv4.Message
	next    int // of those that were read
	read    int
	count   int // packets since
	since   time.Time
	crowd   int // packets in denseTime, if they are many

	sending sync.Mutex
	out     []ipv4.Message
	waiting int
}

func newSocket(c *net.UDPConn, p *port) *socket {
	s := &socket{UDPConn: c, port: p, batch: ipv4.NewPacketConn(c)}
	s.in, s.out = messages(readBytes), messages(sendBytes)
	for i := range s.out {
		s.out[i].Addr = new(net.UDPAddr)
	}
	return s
}

func messages(size int) []ipv4.Message {
	list := make([]ipv4.Message, batchPackets)
	for i := range list {
		list[i].Buffers = [][]byte{make([]byte, size)}
	}
	return list
}

// ReadFromAddrPort reads a packet.
func (s *socket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.next == s.read {
		if err := s.look(); err != nil {
			return 0, netip.AddrPort{}, err
		}
	}
	m := &s.in[s.next]
	s.next++
	n := copy(b, m.Buffers[0][:m.N])
	s.port.meter.in(n)
	from, ok := m.Addr.(*net.UDPAddr)
	if !ok {
		return 0, netip.AddrPort{}, net.InvalidAddrError("of no UDP")
	}
	return n, from.AddrPort(), nil
}

// look reads what is there. With many packets a second it lets them gather first: a waking costs as much as some packets.
func (s *socket) look() error {
	now := time.Now()
	if past := now.Sub(s.since); past >= denseTime {
		s.crowd = 0
		if past < 2*denseTime && s.count > dense {
			s.crowd = s.count
		}
		s.since, s.count = now, 0
	}
	if s.crowd > 0 && s.read < len(s.in) { // a full batch has more behind it
		time.Sleep(s.port.pause(now.Sub(epoch), s.crowd))
	}
	s.next, s.read = 0, 0
	n, err := s.batch.ReadBatch(s.in, 0)
	if err != nil {
		return err
	}
	s.read = n
	s.count += n
	return nil
}

// WriteToAddrPort sends a packet, or has it wait while packets are held back.
func (s *socket) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	s.port.meter.out(len(b))
	s.sending.Lock()
	defer s.sending.Unlock()
	if len(b) > sendBytes {
		s.send()
	}
	alone := s.port.held.Load() == 0 // with the lock: who flushes lets go first, and then sends what waits
	if s.waiting == 0 && (alone || len(b) > sendBytes) {
		return s.WriteToUDPAddrPort(b, to)
	}
	m := &s.out[s.waiting]
	m.Buffers[0] = append(m.Buffers[0][:0], b...)
	at := m.Addr.(*net.UDPAddr)
	at.IP, at.Port, at.Zone = append(at.IP[:0], to.Addr().AsSlice()...), int(to.Port()), to.Addr().Zone()
	if s.waiting++; alone || s.waiting == len(s.out) {
		s.send()
	}
	return len(b), nil
}

// send sends what waits, with the lock held. A packet that the kernel does not take is lost, as others are on their way.
func (s *socket) send() {
	for from := 0; from < s.waiting; {
		n, err := s.batch.WriteBatch(s.out[from:s.waiting], 0)
		if err != nil {
			n = max(n, 0) + 1
		}
		from += n
	}
	s.waiting = 0
}

// ReadFrom reads a packet.
func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo sends one.
func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	at, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, net.InvalidAddrError("of no UDP")
	}
	return s.WriteToAddrPort(b, at.AddrPort())
}
