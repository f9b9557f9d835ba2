package p2p_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/p2p"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// latency is one way.
const latency = 20 * time.Millisecond

func simnetOf(t *testing.T) *p2ptest.Simnet {
	t.Helper()
	w := p2ptest.NewSimnet(latency)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return w
}

func hostOn(t *testing.T, w *p2ptest.Simnet, cfg p2p.Config) *p2ptest.SimHost {
	t.Helper()
	return p2p.Must[*p2ptest.SimHost](t)(w.Host(cfg))
}

func running(t *testing.T, h *p2ptest.SimHost) *p2ptest.SimHost {
	t.Helper()
	p2p.Running(t, h.Host)
	return h
}

// A day in a small world: descriptors are found while they are put, and for three hours after; what is newer replaces
// what is older; and a stream is opened to who was found by key.
func TestSmallWorld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(27 * 366 * 24 * time.Hour) // bubbles begin in 2000, and identity believes no such clock
		w := simnetOf(t)
		first := hostOn(t, w, p2p.Config{Role: p2p.Relay})
		var relays []*p2ptest.SimHost
		for range 2 {
			relays = append(relays, running(t, hostOn(t, w, p2p.Config{Role: p2p.Relay, Bootstrap: []p2p.Peer{first.Peer()}})))
		}
		ada := running(t, hostOn(t, w, p2p.Config{Role: p2p.Mobile, Bootstrap: []p2p.Peer{first.Peer()}}))
		bob := running(t, hostOn(t, w, p2p.Config{Bootstrap: []p2p.Peer{relays[1].Peer()}}))
		time.Sleep(time.Minute)
		if got := ada.Stats(); got.Table == 0 || got.Serving {
			t.Fatalf("unexpected: %+v", got)
		}

		p := p2p.PersonOf(t)
		sealed := p2p.Seal(p, t, time.Time{})
		kept, err := ada.Publish(t.Context(), sealed.Key.DHT(), sealed.Value)
		if err != nil || kept != 3 {
			t.Fatalf("kept by %d, %v; want 3", kept, err)
		}
		begin := time.Now()
		var hit time.Duration
		found := func() (values [][]byte) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			begin = time.Now()
			if err := bob.Lookup(ctx, sealed.Key.DHT(), func(v []byte) bool {
				if len(values) == 0 {
					hit = time.Since(begin)
				}
				values = append(values, v)
				return true
			}); err != nil {
				t.Fatalf("looking up: %v", err)
			}
			return values
		}
		if got := found(); len(got) != 1 || !bytes.Equal(got[0], sealed.Value) {
			t.Fatalf("found %d values", len(got))
		}
		t.Logf("first hit after %v, all asked after %v", hit, time.Since(begin))
		if hit > 10*latency {
			t.Errorf("the first hit took %v: %v one-way trips", hit, hit/latency)
		}
		newer := p2p.Seal(p, t, sealed.Order)
		time.Sleep(2 * time.Hour)
		if kept, err := ada.Publish(t.Context(), newer.Key.DHT(), newer.Value); err != nil || kept != 3 {
			t.Fatalf("the newer kept by %d, %v; want 3", kept, err)
		}
		time.Sleep(2 * time.Hour)
		if got := found(); len(got) != 1 || !bytes.Equal(got[0], newer.Value) {
			t.Errorf("found %d values after the newer was put", len(got))
		}
		time.Sleep(p2p.RecordLife - 2*time.Hour + time.Minute)
		if got := found(); len(got) != 0 {
			t.Errorf("found %d values after their life", len(got))
		}
		time.Sleep(p2p.SweepInterval)
		for i, r := range relays {
			if got := r.Stats(); got.Records != 0 || !got.Serving {
				t.Errorf("relay %d: %+v", i, got)
			}
		}

		ada.Lane(p2p.Deliver).Handle(p2p.Echo)
		c := p2p.Must[net.Conn](t)(bob.Lane(p2p.Deliver).Dial(t.Context(), ada.Key(), ada.Addrs()))
		_, _ = io.WriteString(c, "hello")
		if got := p2p.Must[[]byte](t)(io.ReadAll(io.LimitReader(c, 5))); string(got) != "hello" {
			t.Errorf("read %q", got)
		}
		_ = c.Close()
	})
}

// A phone on a public network gets a place on a relay, says so in its addresses, and is reached through it at once,
// and directly soon after.
func TestRelayedInWorld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := simnetOf(t)
		relay := hostOn(t, w, p2p.Config{Role: p2p.Relay})
		phone := running(t, hostOn(t, w, p2p.Config{Role: p2p.Mobile, Bootstrap: []p2p.Peer{relay.Peer()}}))
		phone.Lane(p2p.Deliver).Handle(p2p.Echo)
		time.Sleep(5 * time.Second)
		var circuits []string
		for _, a := range phone.Addrs() {
			if strings.HasSuffix(a, "/p2p-circuit") {
				circuits = append(circuits, a)
			}
		}
		if len(circuits) == 0 {
			t.Fatalf("no address through the relay: %v", phone.Addrs())
		}
		select {
		case <-phone.Changed():
		default:
			t.Error("nobody was told")
		}
		caller := hostOn(t, w, p2p.Config{})
		begin := time.Now()
		c := p2p.Must[net.Conn](t)(caller.Lane(p2p.Deliver).Dial(t.Context(), phone.Key(), circuits))
		_, _ = io.WriteString(c, "hello")
		if got := p2p.Must[[]byte](t)(io.ReadAll(io.LimitReader(c, 5))); string(got) != "hello" {
			t.Errorf("read %q", got)
		}
		t.Logf("dialled and answered through a relay after %v", time.Since(begin))
		// What may not be relayed waits for the hole that is punched meanwhile.
		phone.Lane(p2p.Conference).Handle(p2p.Echo)
		direct := p2p.Must[net.Conn](t)(caller.Lane(p2p.Conference).Dial(t.Context(), phone.Key(), nil))
		if got := direct.RemoteAddr().Network(); got != "udp" {
			t.Errorf("the network is %q", got)
		}
		t.Logf("reached directly after %v", time.Since(begin))
	})
}
