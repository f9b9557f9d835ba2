package rtc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// bound returns a socket of p on loopback, and one of the machine's own, with a deadline for what both read.
func bound(t *testing.T, p *port, address string) (*socket, *net.UDPConn) {
	t.Helper()
	open := func() *net.UDPConn {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	return p.add(open()), open()
}

func addressOf(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// Held packets go in their order and to where they were to go, together with those that do not wait.
func TestHeld(t *testing.T) {
	addresses := []string{"127.0.0.1:0"}
	if c, err := net.ListenPacket("udp", "[::1]:0"); err == nil { // some machines have IPv4 alone
		_ = c.Close()
		addresses = append(addresses, "[::1]:0")
	}
	for _, address := range addresses {
		t.Run(address, func(t *testing.T) {
			var p port
			s, one := bound(t, &p, address)
			_, two := bound(t, &p, address)
			write := func(c *net.UDPConn, b []byte) {
				t.Helper()
				if n, err := s.WriteToAddrPort(b, addressOf(c)); n != len(b) || err != nil {
					t.Fatal(n, err)
				}
			}
			p.hold()
			p.hold()
			const packets = 3*batchPackets + 5
			b := make([]byte, 100)
			for i := range packets {
				binary.BigEndian.PutUint32(b, uint32(i)) // the same bytes are used again at once
				write([]*net.UDPConn{one, two}[i%2], b)
			}
			large := bytes.Repeat([]byte{0xff}, sendBytes+1)
			write(one, large)
			p.flush()
			p.flush()
			write(two, []byte("alone"))
			got, largest, buf := map[*net.UDPConn][]uint32{}, 0, make([]byte, readBytes)
			for i, c := range []*net.UDPConn{one, two} {
				for range (packets+1-i)/2 + 1 {
					n, from, err := c.ReadFromUDPAddrPort(buf)
					if err != nil {
						t.Fatal(err)
					}
					if from != addressOf(s.UDPConn) {
						t.Errorf("from %v", from)
					}
					if largest = max(largest, n); n == len(b) {
						got[c] = append(got[c], binary.BigEndian.Uint32(buf))
					}
				}
			}
			for i, c := range []*net.UDPConn{one, two} {
				if !slices.IsSorted(got[c]) || len(got[c]) < packets/2 || int(got[c][0])%2 != i {
					t.Errorf("%v", got[c])
				}
			}
			if largest != len(large) {
				t.Errorf("the largest packet has %d bytes", largest)
			}
			if m := p.meter.read(); m.PacketsOut != packets+2 || m.BytesOut != packets*100+sendBytes+1+5 {
				t.Errorf("%+v", m)
			}
		})
	}
}

// A packet that is sent beside a beat that ends neither waits for the next nor goes ahead of one before it.
func TestBeatEnds(t *testing.T) {
	var p port
	s, one := bound(t, &p, "127.0.0.1:0")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				p.hold()
				p.flush()
			}
		}
	}()
	buf := make([]byte, readBytes)
	for i := range uint32(3000) {
		for part := range uint32(2) {
			if _, err := s.WriteToAddrPort(binary.BigEndian.AppendUint32(nil, 2*i+part), addressOf(one)); err != nil {
				t.Fatal(err)
			}
		}
		if i == 2999 { // the last packets have no beat after them
			close(stop)
			<-done
		}
		for part := range uint32(2) {
			if n, _, err := one.ReadFromUDPAddrPort(buf); err != nil || n != 4 || binary.BigEndian.Uint32(buf) != 2*i+part {
				t.Fatal(n, err, binary.BigEndian.Uint32(buf), 2*i+part)
			}
		}
	}
	if s.waiting != 0 {
		t.Errorf("%d packets wait for nothing", s.waiting)
	}
}

// All that comes is read, crowded or not, with where it came from, until the socket is closed.
func TestCrowded(t *testing.T) {
	var p port
	s, one := bound(t, &p, "127.0.0.1:0")
	const rounds, each = 60, 40 // some 20 batches of 100 ms would not be enough to see it else
	buf, next := make([]byte, readBytes), uint32(0)
	for range rounds {
		for i := range uint32(each) {
			if _, err := one.WriteToUDPAddrPort(binary.BigEndian.AppendUint32(nil, next+i), addressOf(s.UDPConn)); err != nil {
				t.Fatal(err)
			}
		}
		for range each {
			n, from, err := s.ReadFromAddrPort(buf)
			if err != nil || n != 4 || from != addressOf(one) || binary.BigEndian.Uint32(buf) != next {
				t.Fatal(n, from, err, next)
			}
			next++
		}
	}
	if m := p.meter.read(); m.PacketsIn != rounds*each || m.BytesIn != 4*rounds*each {
		t.Errorf("%+v", m)
	}
	// A packet larger than the reader's room is cut, as the kernel does.
	if _, err := one.WriteToUDPAddrPort(make([]byte, 600), addressOf(s.UDPConn)); err != nil {
		t.Fatal(err)
	}
	if n, _, err := s.ReadFrom(buf[:500]); n != 500 || err != nil {
		t.Error(n, err)
	}
	done := make(chan error, 1)
	go func() {
		_, _, err := s.ReadFromAddrPort(buf)
		done <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// A crowded socket is read in the middle of two beats and a little ahead of each, whenever the last look was; and at a
// greater rate as often as it takes for no more to wait than is gathered.
func TestPause(t *testing.T) {
	var p port
	for _, beat := range []time.Duration{0, 7 * time.Millisecond, time.Hour + 13*time.Millisecond} {
		p.beat.Store(int64(beat))
		for _, packets := range []int{dense + 1, 50, 500, gathered * int(denseTime/lookEvery)} {
			for past := -25 * time.Millisecond; past < 65*time.Millisecond; past += 300 * time.Microsecond {
				wait := p.pause(beat+past, packets)
				if wait <= 0 || wait > lookEvery {
					t.Fatalf("waits %v", wait)
				}
				early := (-(past + wait))%lookEvery + lookEvery // than a beat or the middle of two
				if early %= lookEvery; early < aheadAll || early > 4*time.Millisecond {
					t.Fatalf("%d packets: %v after a beat it looks %v ahead of the next", packets, past, early)
				}
			}
		}
		for _, packets := range []int{1000, 10_000, 1_000_000} {
			if wait := p.pause(beat, packets); time.Duration(packets)*wait/denseTime > gathered {
				t.Errorf("%d packets in %v: waits %v", packets, denseTime, wait)
			}
		}
	}
}
