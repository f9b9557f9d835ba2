package p2p

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ma "github.com/multiformats/go-multiaddr"
)

// Somebody who cannot be dialled is reached through a relay: on lanes that allow it.
func TestThroughRelay(t *testing.T) {
	relay := hostOf(t, Config{Role: Relay})
	phone := running(t, hostOf(t, Config{Role: Mobile, Listen: []string{}, Relays: []Peer{peerOf(relay)}, Bootstrap: []Peer{peerOf(relay)}}))
	phone.Lane(Deliver).Handle(echo)
	phone.Lane(Conference).Handle(echo)
	until(t, "the phone has an address through the relay", func() bool {
		return slices.ContainsFunc(phone.Addrs(), func(a string) bool { return strings.HasSuffix(a, "/p2p-circuit") })
	})
	select {
	case <-phone.Changed():
	case <-patience(t).Done():
		t.Error("nobody was told")
	}
	caller := hostOf(t, Config{})
	c := must[net.Conn](t)(caller.Lane(Deliver).Dial(patience(t), phone.Key(), phone.Addrs()))
	say(t, c, "hello")
	if got := c.RemoteAddr().Network(); got != "relayed" {
		t.Errorf("the network is %q", got)
	}
	if got := caller.Stats().Relayed; got != 1 {
		t.Errorf("%d relayed connections, want 1", got)
	}
	until(t, "the relay counts what it carries", func() bool {
		s := relay.Stats()
		return s.Places == 1 && s.Circuits == 1 && s.Carried > 0
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if conn, err := caller.Lane(Conference).Dial(ctx, phone.Key(), phone.Addrs()); !errors.Is(err, ErrRelayed) {
		t.Errorf("%v, %v; want ErrRelayed", conn, err)
	}
	// And closing the host ends the wait.
	waits := make(chan error, 1)
	go func() {
		_, err := caller.Lane(Conference).Dial(patience(t), phone.Key(), phone.Addrs())
		waits <- err
	}()
	until(t, "it waits", func() bool {
		select {
		case err := <-waits:
			t.Fatalf("it did not: %v", err)
		default:
		}
		return caller.Stats().Relayed == 1
	})
	if err := caller.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waits; !errors.Is(err, ErrClosed) {
		t.Errorf("waiting while the host was closed: %v, want ErrClosed", err)
	}
}

// What changed between New and Run is told, too: a relay may have given a place by then.
func TestChangedBeforeRun(t *testing.T) {
	relay := hostOf(t, Config{Role: Relay})
	phone := hostOf(t, Config{Role: Mobile, Listen: []string{}, Relays: []Peer{peerOf(relay)}})
	until(t, "the phone has an address through the relay", func() bool { return len(phone.Addrs()) > 0 })
	running(t, phone)
	select {
	case <-phone.Changed():
	case <-patience(t).Done():
		t.Error("nobody was told")
	}
}

func TestJoin(t *testing.T) {
	relay, h := hostOf(t, Config{Role: Relay}), hostOf(t, Config{})
	join(t, h, relay)
	if got := h.Stats(); got.Table != 1 || got.Peers != 1 || got.Serving {
		t.Errorf("unexpected: %+v", got)
	}
	join(t, h, relay) // again
	client := hostOf(t, Config{})
	if err := hostOf(t, Config{}).Join(patience(t), client.Key(), client.Addrs()); !errors.Is(err, ErrProtocol) {
		t.Errorf("joining a client: %v, want ErrProtocol", err)
	}
	gone := hostOf(t, Config{})
	was := gone.Addrs()
	_ = gone.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := hostOf(t, Config{}).Join(ctx, gone.Key(), was); err == nil {
		t.Error("joined a node that is gone")
	}
	if err := hostOf(t, Config{}).Join(patience(t), subjectOf().key.Public(), nil); !errors.Is(err, ErrNoAddress) {
		t.Errorf("joining nowhere: %v, want ErrNoAddress", err)
	}
}

// A node that is a server of the DHT is found by its key alone.
func TestDialByKeyAlone(t *testing.T) {
	relays := meshOf(t, 3)
	relays[2].Lane(Mailbox).Handle(echo)
	h := hostOf(t, Config{})
	join(t, h, relays[0])
	c := must[net.Conn](t)(h.Lane(Mailbox).Dial(patience(t), relays[2].Key(), nil))
	say(t, c, "hello")
}

func TestRunBootstraps(t *testing.T) {
	relay := hostOf(t, Config{Role: Relay})
	h := running(t, hostOf(t, Config{Bootstrap: []Peer{peerOf(relay)}}))
	until(t, "the table has somebody", func() bool { return h.Stats().Table == 1 })
}

func TestDiversity(t *testing.T) {
	hub := hostOf(t, Config{Role: Relay, Diversity: 2})
	for range 4 {
		_ = hostOf(t, Config{Role: Relay}).Join(patience(t), hub.Key(), hub.Addrs())
	}
	until(t, "two are in", func() bool { return hub.Stats().Table == 2 })
	if got := hub.Stats(); got.Table > 2 || got.Peers < 4 {
		t.Errorf("unexpected: %+v", got)
	}
}

func TestRemembersFew(t *testing.T) {
	h := hostOf(t, Config{})
	for range 2 * maxJoined {
		p := Peer{subjectOf().key.Public(), []string{"/ip4/127.0.0.1/udp/1/quic-v1"}}
		info, err := p.info()
		if err != nil {
			t.Fatal(err)
		}
		h.remember(info)
	}
	if got := len(h.starters()); got != maxJoined {
		t.Errorf("%d remembered, want %d", got, maxJoined)
	}
	for range 2 * maxNeighbours {
		id, err := idOf(subjectOf().key.Public())
		if err != nil {
			t.Fatal(err)
		}
		h.near.add(id, time.Now())
	}
	if got := len(h.near.peers()); got != maxNeighbours {
		t.Errorf("%d neighbours, want %d", got, maxNeighbours)
	}
}

func TestAddressOrder(t *testing.T) {
	texts := []string{
		"/ip4/8.8.8.8/udp/1/quic-v1", "/ip4/8.8.8.8/tcp/1", "/ip4/8.8.8.8/tcp/1/ws",
		"/ip4/8.8.8.8/udp/1/quic-v1/p2p/" + someRelay + "/p2p-circuit",
		"/ip4/192.168.1.2/udp/1/quic-v1", "/ip4/192.168.1.2/tcp/1", "/ip4/127.0.0.1/udp/1/quic-v1", "/ip4/127.0.0.1/tcp/1",
	}
	for _, c := range []struct {
		name string
		cfg  Config
		want []string
	}{{"wide", Config{}, texts[:6]}, {"local", Config{Local: true}, texts}} {
		h := &Host{cfg: c.cfg}
		got := slices.Clone(texts)
		slices.Reverse(got)
		rank := func(text string) int { return h.rank(must[ma.Multiaddr](t)(ma.NewMultiaddr(text))) }
		got = slices.DeleteFunc(got, func(text string) bool { return rank(text) == unfit })
		slices.SortFunc(got, func(a, b string) int { return rank(a) - rank(b) })
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	h := &Host{}
	for _, text := range []string{"/ip4/0.0.0.0/tcp/1", "/ip6/::1/tcp/1", "/ip4/224.0.0.251/udp/1/quic-v1"} {
		if got := h.rank(must[ma.Multiaddr](t)(ma.NewMultiaddr(text))); got != unfit {
			t.Errorf("%s has rank %d", text, got)
		}
	}
}

// Two hosts on one LAN find each other, where multicast works.
func TestFindEachOther(t *testing.T) {
	if !multicast() {
		t.Skip("no interface with multicast")
	}
	cfg := Config{LAN: true, Listen: []string{"/ip4/0.0.0.0/udp/0/quic-v1"}}
	a, b := running(t, hostOf(t, cfg)), running(t, hostOf(t, cfg))
	until(t, "they know each other", func() bool { return a.Stats().Neighbours == 1 && b.Stats().Neighbours == 1 })
}

func multicast() bool {
	interfaces, err := net.Interfaces()
	return err == nil && slices.ContainsFunc(interfaces, func(i net.Interface) bool {
		return i.Flags&net.FlagUp != 0 && i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagLoopback == 0
	})
}
