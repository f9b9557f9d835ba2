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
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/security/noise"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// say writes and reads back.
func say(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("writing: %v", err)
	}
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatalf("reading: %v", err)
	}
	if got := string(b); got != text {
		t.Fatalf("read %q, want %q", got, text)
	}
}

func TestLaneOverEachTransport(t *testing.T) {
	for _, listen := range []string{
		"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws", "/ip6/::1/udp/0/quic-v1",
	} {
		t.Run(listen, func(t *testing.T) {
			a, b := hostOf(t, Config{}), hostOf(t, Config{Listen: []string{listen}})
			from := make(chan identity.TransportKey, 1)
			b.Lane(Deliver).Handle(func(key identity.TransportKey, c net.Conn) {
				from <- key
				echo(key, c)
			})
			c := must[net.Conn](t)(a.Lane(Deliver).Dial(patience(t), b.Key(), b.Addrs()))
			say(t, c, "hello")
			if diff := cmp.Diff(a.Key(), <-from); diff != "" {
				t.Errorf("from whom (-want +got):\n%s", diff)
			}
			for _, addr := range []net.Addr{c.LocalAddr(), c.RemoteAddr()} {
				if _, _, err := net.SplitHostPort(addr.String()); err != nil {
					t.Errorf("address %v: %v", addr, err)
				}
			}
			if err := c.Close(); err != nil {
				t.Errorf("closing: %v", err)
			}
			if err := c.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("closing again: %v, want net.ErrClosed", err)
			}
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
				t.Errorf("reading from what is closed: %v", err)
			}
			if _, err := c.Write([]byte{1}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("writing to what is closed: %v, want net.ErrClosed", err)
			}
		})
	}
}

func TestLaneReusesConnections(t *testing.T) {
	a, b := hostOf(t, Config{}), hostOf(t, Config{})
	b.Lane(Deliver).Handle(echo)
	b.Lane(Mailbox).Handle(echo)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			c, err := a.Lane([]string{Deliver, Mailbox}[i%2]).Dial(patience(t), b.Key(), b.Addrs())
			if err != nil {
				t.Errorf("dialling: %v", err)
				return
			}
			say(t, c, fmt.Sprint("hello ", i))
			_ = c.Close()
		})
	}
	group.Wait()
	if got := a.Stats().Conns; got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
	// Without addresses too: they are known by now.
	c := must[net.Conn](t)(a.Lane(Deliver).Dial(patience(t), b.Key(), nil))
	say(t, c, "again")
}

func TestLaneErrors(t *testing.T) {
	a, b, other := hostOf(t, Config{}), hostOf(t, Config{}), hostOf(t, Config{})
	gone := hostOf(t, Config{Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	was := gone.Addrs()
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		ended bool
		key   identity.TransportKey
		addrs []string
		want  error
	}{
		{"not spoken there", false, b.Key(), b.Addrs(), ErrProtocol},
		{"nobody there", false, gone.Key(), was, ErrUnreachable},
		{"somebody else there", false, subjectOf().key.Public(), other.Addrs(), ErrUnreachable},
		{"no address", false, subjectOf().key.Public(), nil, ErrNoAddress},
		{"no good address", false, subjectOf().key.Public(), []string{"", "/ip4/1.2.3.4", peerOf(b).String()}, ErrUnreachable},
		{"oneself", false, a.Key(), a.Addrs(), ErrUnreachable},
		{"no key", false, identity.TransportKey{}, b.Addrs(), identity.ErrKey},
		{"no time", true, other.Key(), other.Addrs(), context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(patience(t))
			defer cancel()
			if c.ended {
				cancel()
			}
			conn, err := a.Lane(Deliver).Dial(ctx, c.key, c.addrs)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, %v; want %v", conn, err, c.want)
			}
		})
	}
	t.Run("no lane", func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		a.Lane("/linnet/deliver/2")
	})
}

func TestLaneDeadlines(t *testing.T) {
	for _, listen := range []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"} {
		t.Run(listen, func(t *testing.T) {
			a, b := hostOf(t, Config{}), hostOf(t, Config{Listen: []string{listen}})
			done := make(chan struct{})
			b.Lane(Deliver).Handle(func(identity.TransportKey, net.Conn) { <-done }) // neither reads nor writes
			defer close(done)
			c := must[net.Conn](t)(a.Lane(Deliver).Dial(patience(t), b.Key(), b.Addrs()))
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("reading: %v, want os.ErrDeadlineExceeded", err)
			}
			_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			var err error
			for n := 0; err == nil && n < 64<<20; n += 1 << 20 {
				_, err = c.Write(make([]byte, 1<<20)) // until the window is full
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("writing: %v, want os.ErrDeadlineExceeded", err)
			}
		})
	}
}

// What was written before Close arrives, and then io.EOF. What was cut gives an error that is none.
func TestLaneEnds(t *testing.T) {
	for _, listen := range []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"} {
		t.Run(listen, func(t *testing.T) {
			a, b := hostOf(t, Config{}), hostOf(t, Config{Listen: []string{listen}})
			b.Lane(Deliver).Handle(func(_ identity.TransportKey, c net.Conn) {
				_, _ = io.WriteString(c, "all")
				_ = c.Close()
			})
			b.Lane(Bundle).Handle(func(_ identity.TransportKey, c net.Conn) {
				_, _ = io.WriteString(c, "some")
				_, _ = c.Read(make([]byte, 1))
			}) // returns without Close
			all := must[net.Conn](t)(a.Lane(Deliver).Dial(patience(t), b.Key(), b.Addrs()))
			if got, err := io.ReadAll(all); string(got) != "all" || err != nil {
				t.Errorf("read %q, %v", got, err)
			}
			some := must[net.Conn](t)(a.Lane(Bundle).Dial(patience(t), b.Key(), b.Addrs()))
			say4 := make([]byte, 4)
			if _, err := io.ReadFull(some, say4); err != nil {
				t.Fatalf("reading: %v", err)
			}
			if _, err := some.Write([]byte{1}); err != nil {
				t.Fatalf("writing: %v", err)
			}
			if n, err := some.Read(say4); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("read %d, %v; want an error that is not io.EOF", n, err)
			}
		})
	}
}

func TestCloseWakes(t *testing.T) {
	a, b := hostOf(t, Config{}), hostOf(t, Config{})
	b.Lane(Deliver).Handle(echo)
	c := must[net.Conn](t)(a.Lane(Deliver).Dial(patience(t), b.Key(), b.Addrs()))
	say(t, c, "hello")
	_ = c.SetDeadline(time.Time{})
	read := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
		t.Errorf("reading: %v", err)
	}
}

// bare is a libp2p host that keeps to nothing of ours.
func bare(t testing.TB, options ...libp2p.Option) host.Host {
	t.Helper()
	h := must[host.Host](t)(libp2p.New(append([]libp2p.Option{
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"),
		libp2p.Security(noise.ID, noise.New), libp2p.DisableMetrics(), libp2p.DisableRelay(),
		libp2p.ResourceManager(&network.NullResourceManager{}),
	}, options...)...))
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// meet connects a bare host to one of ours.
func meet(t testing.TB, bad host.Host, h *Host) peer.ID {
	t.Helper()
	info := must[peer.AddrInfo](t)(peerOf(h).info())
	if err := bad.Connect(patience(t), info); err != nil {
		t.Fatalf("connecting: %v", err)
	}
	return info.ID
}

// A thousand streams of one peer: as many as allowed are served, the others reset, and somebody else is served meanwhile.
func TestLaneLimits(t *testing.T) {
	h, other, bad := hostOf(t, Config{Role: Relay}), hostOf(t, Config{}), bare(t)
	var serving, most atomic.Int32
	done := make(chan struct{})
	h.Lane(Deliver).Handle(func(key identity.TransportKey, c net.Conn) {
		if key == other.Key() {
			echo(key, c)
			return
		}
		now := serving.Add(1)
		defer serving.Add(-1)
		for old := most.Load(); now > old; old = most.Load() {
			most.CompareAndSwap(old, now)
		}
		<-done
	})
	id := meet(t, bad, h)
	for range 1000 {
		if s, err := bad.NewStream(patience(t), id, Deliver); err == nil {
			_, _ = s.Write([]byte("x")) // and never anything again
		}
	}
	until(t, "the lane is full", func() bool { return int(serving.Load()) == lanes[Deliver].perPeer })
	c := must[net.Conn](t)(other.Lane(Deliver).Dial(patience(t), h.Key(), h.Addrs()))
	say(t, c, "hello")
	until(t, "the others were refused", func() bool { return h.Stats().Refused > 0 })
	if got := int(most.Load()); got > lanes[Deliver].perPeer {
		t.Errorf("%d streams of one peer were served at once, at most %d", got, lanes[Deliver].perPeer)
	}
	close(done)
	until(t, "the lane is empty", func() bool { return serving.Load() == 0 })
	// And now there is room again.
	until(t, "the peer is served again", func() bool {
		s, err := bad.NewStream(patience(t), id, Deliver)
		if err != nil {
			return false
		}
		defer s.Close()
		_, err = s.Write([]byte("x"))
		return err == nil
	})
}

// A peer that opens a stream, says half and stays: its conn ends with its deadline, and the lane is free again.
func TestLaneSlowAndHalfClosed(t *testing.T) {
	h, bad := hostOf(t, Config{}), bare(t)
	ends := make(chan error, 2)
	h.Lane(Deliver).Handle(func(_ identity.TransportKey, c net.Conn) {
		_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond))
		_, err := io.ReadFull(c, make([]byte, 10))
		ends <- err
	})
	id := meet(t, bad, h)
	slow := must[network.Stream](t)(bad.NewStream(patience(t), id, Deliver))
	_, _ = slow.Write([]byte("half"))
	if err := <-ends; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("slow: %v, want os.ErrDeadlineExceeded", err)
	}
	half := must[network.Stream](t)(bad.NewStream(patience(t), id, Deliver))
	_, _ = half.Write([]byte("half"))
	_ = half.CloseWrite()
	if err := <-ends; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half-closed: %v, want io.ErrUnexpectedEOF", err)
	}
	until(t, "nobody is served", func() bool {
		l := h.Lane(Deliver)
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.open == 0 && len(l.peers) == 0
	})
}

func TestOnlyEd25519(t *testing.T) {
	h := hostOf(t, Config{Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"}})
	private, _, err := crypto.GenerateKeyPair(crypto.ECDSA, 0)
	if err != nil {
		t.Fatal(err)
	}
	bad := bare(t, libp2p.Identity(private))
	info := must[peer.AddrInfo](t)(peerOf(h).info())
	// QUIC says so only after the handshake, so it is the first stream that fails.
	err = bad.Connect(patience(t), info)
	if err == nil {
		_, err = bad.NewStream(patience(t), info.ID, protocol.ID(directory))
	}
	if err == nil {
		t.Error("somebody with another kind of key was let in")
	}
	until(t, "it is not connected", func() bool { return h.Peers() == 0 })
}

func TestHandlersEndBeforeClose(t *testing.T) {
	a, b := hostOf(t, Config{}), hostOf(t, Config{})
	var ended atomic.Bool
	b.Lane(Deliver).Handle(func(_ identity.TransportKey, c net.Conn) {
		_, _ = c.Write([]byte{1})
		_, _ = c.Read(make([]byte, 1))
		ended.Store(true)
	})
	c := must[net.Conn](t)(a.Lane(Deliver).Dial(patience(t), b.Key(), b.Addrs()))
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if !ended.Load() {
		t.Error("Close returned before the handler")
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the other end does not notice")
	}
}
