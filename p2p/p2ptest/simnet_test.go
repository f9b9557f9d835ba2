package p2ptest

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/p2p"
)

const simLatency = 20 * time.Millisecond

// newSimnet returns a simnet for a bubble, in 2027, and closes it at the end.
func newSimnet(t *testing.T) *Simnet {
	t.Helper()
	time.Sleep(time.Until(time.Date(2027, 1, 15, 8, 0, 0, 0, time.UTC)))
	s := NewSimnet(simLatency)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

// up makes a host run until it is closed.
func up(t *testing.T, h *SimHost, err error) *SimHost {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := h.Run(context.Background()); err != nil {
			t.Errorf("running: %v", err)
		}
	}()
	return h
}

// A desktop finds others through a server, and talks to them over the network, at its pace.
func TestSimnetTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimnet(t)
		h, err := s.Server()
		server := up(t, h, err)
		h, err = s.Desktop(server)
		ada := up(t, h, err)
		h, err = s.Desktop(server)
		ben := up(t, h, err)
		time.Sleep(time.Minute)
		if got := server.Stats(); !got.Serving || got.Peers != 2 {
			t.Errorf("the server: %+v", got)
		}
		if got := ada.Stats(); got.Serving || got.Table != 1 {
			t.Errorf("a desktop: %+v", got)
		}
		ben.Lane(p2p.Deliver).Handle(func(_ identity.TransportKey, c net.Conn) {
			if _, err := io.Copy(c, c); err == nil {
				_ = c.Close()
			}
		})
		c, err := ada.Lane(p2p.Deliver).Dial(t.Context(), ben.Key(), ben.Addrs())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		message := make([]byte, 250_000)
		began := time.Now()
		go func() { _, _ = c.Write(message) }()
		if _, err := io.ReadFull(c, message); err != nil {
			t.Fatal(err)
		}
		took, least := time.Since(began), 2*simLatency+time.Second*8*time.Duration(len(message))/SimSpeed
		t.Logf("%d bytes there and back in %v", len(message), took)
		if took < least {
			t.Errorf("%d bytes there and back took %v; the network needs %v", len(message), took, least)
		}
	})
}

// A server that starts again has its key and address, and nothing else; a desktop that does has neither.
func TestSimnetAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimnet(t)
		h, err := s.Server()
		old := up(t, h, err)
		h, err = s.Desktop(old)
		ada := up(t, h, err)
		time.Sleep(time.Minute)
		key := identity.GenerateTransportKey()
		addr, err := ada.EncodeAddr("/ip4/192.0.2.1/udp/4747/quic-v1")
		if err != nil {
			t.Fatal(err)
		}
		record, err := (&descriptor.Node{
			Key: key.Public(), Addresses: [][]byte{addr},
			Roles: []descriptor.Role{descriptor.RoleRelay},
		}).Seal(key, time.Time{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		at := descriptor.NodeKey(key.Public())
		if kept, err := ada.Publish(t.Context(), at, record); err != nil || kept != 1 {
			t.Fatalf("kept by %d, %v; want 1", kept, err)
		}
		if got := old.Stats().Records; got != 1 {
			t.Errorf("%d records kept, want 1", got)
		}

		where := old.Peer()
		for range 2 {
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		if got := ada.Peers(); got != 0 {
			t.Errorf("Ada has %d peers after the only one went", got)
		}
		h, err = old.Again()
		again := up(t, h, err)
		if diff := cmp.Diff(where, again.Peer()); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
		time.Sleep(20 * time.Minute)
		if got := ada.Stats(); got.Table != 1 {
			t.Errorf("Ada did not come back: %+v", got)
		}
		if got := again.Stats().Records; got != 0 {
			t.Errorf("%d records are still kept that were in RAM", got)
		}

		next, err := s.Desktop(again)
		if err != nil {
			t.Fatal(err)
		}
		if next.Key() == ada.Key() || slices.Equal(next.Addrs(), ada.Addrs()) {
			t.Errorf("a new desktop is %v, as another: %v", next.Peer(), ada.Peer())
		}
	})
}

// A host whose Config is wrong is not made and leaves nothing behind: the bubble would not end.
func TestSimnetRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimnet(t)
		for name, cfg := range map[string]p2p.Config{
			"no role":         {Role: 77},
			"no address":      {Listen: []string{"somewhere"}},
			"nobody's":        {Listen: []string{"/ip4/20.1.0.1/udp/4747/quic-v1/p2p/x"}},
			"no known server": {Bootstrap: []p2p.Peer{{}}},
		} {
			if h, err := s.Host(cfg); err == nil {
				t.Errorf("%s: %v was made", name, h.Addrs())
			}
		}
		s.count = simHosts - 1
		if h, err := s.Desktop(); err != nil || !slices.Equal(h.Addrs(), []string{"/ip4/99.250.0.1/udp/4747/quic-v1"}) {
			t.Errorf("the last host: %v", err)
		}
		if _, err := s.Desktop(); !errors.Is(err, errSimFull) {
			t.Errorf("one host too many: %v", err)
		}
	})
}
