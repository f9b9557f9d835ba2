package p2p

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func must[T any](t testing.TB) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%v", err)
		}
		return v
	}
}

// patience is longer than anything here takes.
func patience(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// hostOf is a host on this machine alone.
func hostOf(t testing.TB, cfg Config) *Host {
	t.Helper()
	cfg.Local = true
	if cfg.Diversity == 0 {
		cfg.Diversity = -1
	}
	if cfg.Listen == nil {
		cfg.Listen = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}
	}
	h := must[*Host](t)(New(cfg))
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return h
}

// running runs a host until the test ends.
func running(t testing.TB, h *Host) *Host {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("running: %v", err)
		}
	})
	return h
}

func peerOf(h *Host) Peer { return Peer{h.Key(), h.Addrs()} }

// meshOf is n relays that know each other through the first.
func meshOf(t testing.TB, n int) []*Host {
	t.Helper()
	hosts := []*Host{hostOf(t, Config{Role: Relay})}
	for range n - 1 {
		h := hostOf(t, Config{Role: Relay})
		join(t, h, hosts[0])
		hosts = append(hosts, h)
	}
	until(t, "the first knows all", func() bool { return hosts[0].Stats().Table >= min(n-1, bucketSize) })
	return hosts
}

func join(t testing.TB, h, to *Host) {
	t.Helper()
	if err := h.Join(patience(t), to.Key(), to.Addrs()); err != nil {
		t.Fatalf("joining: %v", err)
	}
}

// until waits for what other goroutines bring about.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	ctx := patience(t)
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// subject is somebody about whom there are records.
type subject struct{ key identity.TransportPrivateKey }

func subjectOf() *subject { return &subject{identity.GenerateTransportKey()} }

func (s *subject) dht() string { return descriptor.NodeKey(s.key.Public()) }

// record is a node record signed at a time.
func (s *subject) record(t testing.TB, at time.Time) []byte {
	t.Helper()
	n := descriptor.Node{
		Key:       s.key.Public(),
		Addresses: [][]byte{must[[]byte](t)(EncodeAddr("/ip4/192.0.2.1/udp/4747/quic-v1"))},
		Roles:     []descriptor.Role{descriptor.RoleRelay},
	}
	return must[[]byte](t)(n.Seal(s.key, time.Time{}, at))
}

// lookup returns all that is found.
func lookup(t testing.TB, h *Host, key string) ([][]byte, error) {
	t.Helper()
	var values [][]byte
	err := h.Lookup(patience(t), key, func(value []byte) bool {
		values = append(values, value)
		return true
	})
	return values, err
}

// echo answers what it reads.
func echo(_ identity.TransportKey, c net.Conn) {
	if _, err := io.Copy(c, c); err == nil {
		_ = c.Close()
	}
}

// person publishes descriptors, as accounts do.
type person struct {
	d       identity.DiscoveryPrivateKey
	content descriptor.Content
}

func personOf(t testing.TB) person {
	t.Helper()
	seed := identity.NewSeed()
	a := seed.Account()
	key := xeddsa.GenerateKey()
	entry := must[identity.Device](t)(identity.NewDevice(a.Public(), 1, key, time.Now()))
	stewards := must[identity.Stewards](t)(a.NewEpoch(0, time.Now(), entry))
	manifest := must[*identity.Manifest](t)(stewards.Begin(key, time.Now(), entry))
	view := must[identity.View](t)(identity.NewView(a.Public()).Apply(manifest))
	record := must[descriptor.Record](t)(descriptor.NewRecord(key, entry, descriptor.Device{Version: 1, Bundle: descriptor.BundleKey{1}}))
	content := must[descriptor.Content](t)(descriptor.NewContent(view, record))
	return person{must[identity.DiscoveryPrivateKey](t)(identity.ParseDiscoveryPrivateKey(bytes.Repeat([]byte{7}, 32))), content}
}

func (p person) seal(t testing.TB, replaces time.Time) descriptor.Sealed {
	t.Helper()
	now := time.Now()
	return must[descriptor.Sealed](t)(p.content.Seal(p.d, descriptor.Place{Period: descriptor.PeriodOf(now)}, replaces, now))
}
