package p2ptest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// account publishes descriptors.
type account struct {
	discovery identity.DiscoveryPrivateKey
	content   descriptor.Content
}

func ada(t testing.TB) account {
	t.Helper()
	secret := func(of string) []byte {
		sum := sha256.Sum256([]byte(of + "Ada"))
		return sum[:]
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	seed, err := identity.ParseSeed(secret("seed of "))
	must(err)
	key, err := xeddsa.ParsePrivateKey(secret("identity of "))
	must(err)
	discovery, err := identity.ParseDiscoveryPrivateKey(secret("discovery of "))
	must(err)
	a := seed.Account()
	device, err := identity.NewDevice(a.Public(), 1, key, time.Now())
	must(err)
	stewards, err := a.NewEpoch(0, time.Now(), device)
	must(err)
	m, err := stewards.Begin(key, time.Now(), device)
	must(err)
	view, err := identity.NewView(a.Public()).Apply(m)
	must(err)
	content, err := descriptor.NewContent(view)
	must(err)
	return account{discovery, content}
}

// seal returns the account's descriptor of now, and its key. It replaces another one, or nil.
func (a account) seal(t testing.TB, old []byte) (string, []byte) {
	t.Helper()
	var replaces time.Time
	if old != nil {
		replaces = time.UnixMilli(int64(binary.BigEndian.Uint64(old[10:])))
	}
	s, err := a.content.Seal(a.discovery, descriptor.PublishPlaces(time.Now())[0], replaces, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s.Key.DHT(), s.Value
}

// mesh has a client that joined the first of some servers.
func mesh(t testing.TB, n *Net, count int) (client *Host, servers []*Host) {
	t.Helper()
	for i := range count {
		s := n.Host(keyOf(t, fmt.Sprint("server ", i)))
		s.SetServer(true)
		servers = append(servers, s)
	}
	client = n.Host(keyOf(t, "client"))
	if err := client.Join(t.Context(), servers[0].Key(), servers[0].Addrs()); err != nil {
		t.Fatal(err)
	}
	return client, servers
}

// find returns all that a lookup found.
func find(t testing.TB, h *Host, key string) ([][]byte, error) {
	t.Helper()
	var all [][]byte
	err := h.Lookup(t.Context(), key, func(value []byte) bool {
		all = append(all, value)
		return true
	})
	return all, err
}

// check compares what is found with what is wanted.
func check(t testing.TB, when string, h *Host, key string, want ...[]byte) {
	t.Helper()
	if got, err := find(t, h, key); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%s: found %d values, %v, want %d", when, len(got), err, len(want))
	}
}

// publish puts a value, and compares how many kept it.
func publish(t testing.TB, when string, h *Host, key string, value []byte, want int) {
	t.Helper()
	kept, err := h.Publish(t.Context(), key, value)
	if kept != want || (err == nil) != (want > 0) || want == 0 && !errors.Is(err, ErrNobody) {
		t.Errorf("%s: %d kept it, %v, want %d", when, kept, err, want)
	}
}

func TestDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 1)
		n.SetNearest(4)
		client, _ := mesh(t, n, 9)
		a := ada(t)
		time.Sleep(5 * time.Hour)
		key, first := a.seal(t, nil)
		check(t, "before", client, key)
		publish(t, "first", client, key, first, 4)
		publish(t, "again", client, key, first, 4)
		check(t, "first", client, key, first)
		time.Sleep(2 * time.Hour)
		_, next := a.seal(t, first)
		publish(t, "next", client, key, next, 4)
		publish(t, "older than what they hold", client, key, first, 0)
		check(t, "next", client, key, next)
		time.Sleep(Life)
		check(t, "when its life ends", client, key, next)
		time.Sleep(time.Nanosecond)
		check(t, "after its life", client, key)
		publish(t, "older than what is gone", client, key, first, 4)
		if n := must(find(t, client, key)); len(n) != 1 {
			t.Errorf("%d values", len(n))
		} else if n[0][100] ^= 1; true {
			check(t, "what a reader changed", client, key, first)
		}
		time.Sleep(24 * time.Hour)
		publish2, err := client.Publish(t.Context(), key, next)
		if publish2 != 0 || !errors.Is(err, descriptor.ErrExpired) {
			t.Errorf("a day late: %d, %v", publish2, err)
		}
		if _, err := client.Publish(t.Context(), "/linnet/x", next); !errors.Is(err, descriptor.ErrKey) {
			t.Errorf("no key: %v", err)
		}
		if err := client.Lookup(t.Context(), "/linnet/x", nil); !errors.Is(err, descriptor.ErrKey) {
			t.Errorf("no key: %v", err)
		}

		relay := keyOf(t, "relay")
		node := descriptor.Node{Key: relay.Public(), Addresses: [][]byte{{1}}, Roles: []descriptor.Role{descriptor.RoleRelay}}
		value, err := node.Seal(relay, time.Time{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		publish(t, "node", client, descriptor.NodeKey(relay.Public()), value, 4)
		check(t, "node", client, descriptor.NodeKey(relay.Public()), value)
		if _, err := client.Publish(t.Context(), descriptor.NodeKey(client.Key()), value); !errors.Is(err, descriptor.ErrKey) {
			t.Errorf("node under another key: %v", err)
		}
	})
}

func must[T any](v T, _ error) T { return v }

// TestDirectoryFaults: nobody, refusals, forgetting, partitions, crashes, ends of patience.
func TestDirectoryFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 1)
		client, servers := mesh(t, n, 5)
		key, value := ada(t).seal(t, nil)
		none := func(when string, want error) {
			t.Helper()
			if _, err := find(t, client, key); !errors.Is(err, want) {
				t.Errorf("%s: lookup %v", when, err)
			}
			if kept, err := client.Publish(t.Context(), key, value); kept != 0 || !errors.Is(err, ErrNobody) || !errors.Is(err, want) {
				t.Errorf("%s: publish %d, %v", when, kept, err)
			}
		}
		alone := n.Host(keyOf(t, "alone"))
		if err := alone.Lookup(t.Context(), key, nil); !errors.Is(err, ErrNoPeers) {
			t.Errorf("who joined nobody: %v", err)
		}
		n.SetFaults(Faults{Refuse: 1})
		none("refused", ErrNoPeers)
		n.SetFaults(Faults{Forget: 1})
		publish(t, "forgotten", client, key, value, 5)
		check(t, "forgotten", servers[0], key)
		check(t, "what it published, a host finds again", client, key, value)
		n.SetFaults(Faults{})
		n.Partition(servers)
		if client.Peers() != 0 {
			t.Error("peers across a partition")
		}
		none("partition", ErrNoPeers)
		n.Partition(servers[2:], []*Host{client, servers[0], servers[1]})
		publish(t, "with two", client, key, value, 2)
		servers[1].Close()
		servers[1] = n.Host(servers[1].PrivateKey())
		servers[1].SetServer(true)
		publish(t, "with one that started again", client, key, value, 2)
		n.Heal()
		check(t, "healed", client, key, value)
		servers[0].Close()
		if client.Peers() != 0 {
			t.Error("peers after a crash")
		}
		none("joined nobody who lives", ErrNoPeers)
		if err := client.Join(t.Context(), servers[1].Key(), servers[1].Addrs()); err != nil {
			t.Fatal(err)
		}
		check(t, "the second has it", client, key, value)
		servers[1].SetReachable(false)
		check(t, "the second is hidden", client, key, value) // its own
		servers[1].SetReachable(true)
		for _, s := range servers {
			s.SetServer(false)
		}
		none("nobody serves", ErrNoPeers)
		servers[1].SetServer(true)
		check(t, "again", client, key, value)

		n.SetFaults(Faults{Latency: time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if kept, err := client.Publish(ctx, key, value); kept != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("too slow: %d, %v", kept, err)
		}
		start := time.Now()
		check(t, "slow", client, key, value)
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
		client.Close()
		if err := client.Lookup(t.Context(), key, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// TestRollback: a hostile server answers with the oldest, beside those that do not; each value is told once, and no more
// when the reader has enough.
func TestRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 1)
		client, servers := mesh(t, n, 5)
		servers[3].SetRollback(true)
		a := ada(t)
		time.Sleep(5 * time.Hour)
		key, oldest := a.seal(t, nil)
		time.Sleep(2 * time.Hour)
		_, old := a.seal(t, oldest)
		time.Sleep(2 * time.Hour)
		_, newest := a.seal(t, old)
		for _, value := range [][]byte{old, oldest, newest} {
			_, _ = client.Publish(t.Context(), key, value)
		}
		got, err := find(t, client, key)
		if err != nil || len(got) != 2 {
			t.Fatalf("%d values, %v", len(got), err)
		}
		if cmp.Equal(got[0], newest) {
			got[0], got[1] = got[1], got[0]
		}
		if !cmp.Equal(got, [][]byte{oldest, newest}) {
			t.Error("neither the oldest nor the newest")
		}
		calls := 0
		if err := client.Lookup(t.Context(), key, func([]byte) bool { calls++; return false }); err != nil || calls != 1 {
			t.Errorf("%d calls, %v", calls, err)
		}
		time.Sleep(Life + 1)
		check(t, "only the hostile remembers", client, key, oldest)
		time.Sleep(24 * time.Hour)
		check(t, "nobody believes it any more", client, key)
	})
}

// TestSweep holds that neither servers nor the network remember for ever.
func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 1)
		client, servers := mesh(t, n, 2)
		servers[1].SetRollback(true)
		for i := range 10 * sweepLeast {
			id := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
			rec := &record{id: id, first: time.Now(), last: time.Now()}
			n.checked[id] = rec
			for _, s := range servers {
				s.put(string(id[:]), rec, fate{})
			}
			time.Sleep(5 * time.Minute)
		}
		key, value := ada(t).seal(t, nil)
		publish(t, "last", client, key, value, 2)
		for i, limit := range []int{sweepLeast, 7 * sweepLeast} {
			if got := len(servers[i].values); got > limit {
				t.Errorf("server %d holds %d values", i, got)
			}
		}
		if got := len(n.checked); got > 2*sweepLeast {
			t.Errorf("the network holds %d values", got)
		}
	})
}

// BenchmarkDirectory is a value that 20 of 200 servers keep. Each op has a value seen before.
func BenchmarkDirectory(b *testing.B) {
	n := New(1)
	defer n.Close()
	client, _ := mesh(b, n, 200)
	key, value := ada(b).seal(b, nil)
	b.Run("publish", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if kept, err := client.Publish(b.Context(), key, value); kept != Nearest {
				b.Fatal(kept, err)
			}
		}
	})
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got, err := find(b, client, key); len(got) != 1 {
				b.Fatal(len(got), err)
			}
		}
	})
}
