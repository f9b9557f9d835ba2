package p2ptest

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

const frameSize = 1024

// BenchmarkRoundTrip is a frame of 1 KiB there and back, with deadlines as package frame sets them.
func BenchmarkRoundTrip(b *testing.B) {
	for name, faults := range map[string]Faults{"quiet": {}, "jitter": {Latency: time.Microsecond, Jitter: time.Microsecond}} {
		b.Run(name, func(b *testing.B) {
			n := New(1)
			defer n.Close()
			n.SetFaults(faults)
			bob := n.Host(identity.TransportPrivateKey{})
			echoes(bob)
			c, err := n.Host(identity.TransportPrivateKey{}).Lane(proto).Dial(b.Context(), bob.Key(), bob.Addrs())
			if err != nil {
				b.Fatal(err)
			}
			p := make([]byte, frameSize)
			b.SetBytes(2 * frameSize)
			b.ReportAllocs()
			for b.Loop() {
				_ = c.SetWriteDeadline(time.Now().Add(30 * time.Second))
				_, _ = c.Write(p)
				_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
				if _, err := io.ReadFull(c, p); err != nil {
					b.Fatal(err)
				}
			}
			_ = c.Close()
		})
	}
}

// BenchmarkThroughput is frames of 1 KiB one way.
func BenchmarkThroughput(b *testing.B) {
	n := New(1)
	defer n.Close()
	bob := n.Host(identity.TransportPrivateKey{})
	bob.Lane(proto).Handle(func(_ identity.TransportKey, c net.Conn) {
		p := make([]byte, frameSize)
		for err := error(nil); err == nil; {
			_, err = io.ReadFull(c, p)
		}
		_ = c.Close()
	})
	c, err := n.Host(identity.TransportPrivateKey{}).Lane(proto).Dial(b.Context(), bob.Key(), bob.Addrs())
	if err != nil {
		b.Fatal(err)
	}
	p := make([]byte, frameSize)
	b.SetBytes(frameSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(p); err != nil {
			b.Fatal(err)
		}
	}
	_ = c.Close()
}

// BenchmarkExchange is a connection of its own for one question and answer, in a quiet world and in one with every fault
// but latency.
func BenchmarkExchange(b *testing.B) {
	for name, faults := range map[string]Faults{"quiet": {}, "faults": {Refuse: 0.1, Cut: 0.1, Echo: 0.1, Jitter: 1}} {
		b.Run(name, func(b *testing.B) {
			n := New(1)
			defer n.Close()
			n.SetFaults(faults)
			bob := n.Host(identity.TransportPrivateKey{})
			echoes(bob)
			lane, addrs := n.Host(identity.TransportPrivateKey{}).Lane(proto), bob.Addrs()
			p := make([]byte, frameSize)
			b.ReportAllocs()
			for b.Loop() {
				c, err := lane.Dial(b.Context(), bob.Key(), addrs)
				if err != nil {
					continue
				}
				_, _ = c.Write(p)
				_, _ = io.ReadFull(c, p)
				_ = c.Close()
			}
		})
	}
}

// TestIdleIsCheap holds that connections without traffic cost no goroutine but their handler's, and little memory.
func TestIdleIsCheap(t *testing.T) {
	n := New(1)
	bob, ada := n.Host(identity.TransportPrivateKey{}), n.Host(identity.TransportPrivateKey{})
	bob.Lane(proto).Handle(func(identity.TransportKey, net.Conn) {}) // ours to close
	var before, after runtime.MemStats
	goroutines := runtime.NumGoroutine()
	runtime.GC()
	runtime.ReadMemStats(&before)
	const count = 1000
	for range count {
		if _, err := ada.Lane(proto).Dial(t.Context(), bob.Key(), bob.Addrs()); err != nil {
			t.Fatal(err)
		}
	}
	n.handlers.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / count
	t.Logf("a connection takes %d bytes", each)
	if more := runtime.NumGoroutine() - goroutines; more > 0 || each > 2000 {
		t.Errorf("%d goroutines, %d bytes each", more, each)
	}
	n.Close()
	if n.Conns() != 0 {
		t.Error("connections left")
	}
}
