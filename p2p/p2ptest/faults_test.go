package p2ptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// TestDialErrors has one reason per row.
func TestDialErrors(t *testing.T) {
	const unserved = "/linnet/unserved/1"
	for _, tt := range []struct {
		name  string
		proto string
		dial  func(ada, bob *Host) (identity.TransportKey, []string)
		want  error
		after time.Duration
	}{
		{"right", proto, func(_, bob *Host) (identity.TransportKey, []string) { return bob.Key(), bob.Addrs() }, nil, 0},
		{"second address", proto, func(ada, bob *Host) (identity.TransportKey, []string) {
			return bob.Key(), append([]string{"nonsense", "/mem/99"}, append(ada.Addrs(), bob.Addrs()...)...)
		}, nil, 0},
		{"no address known", proto, func(_, bob *Host) (identity.TransportKey, []string) { return bob.Key(), nil }, ErrUnknown, 0},
		{"no address", proto, func(_, bob *Host) (identity.TransportKey, []string) { return bob.Key(), []string{"/ip4/1.2.3.4"} }, ErrAddress, 0},
		{"nobody there", proto, func(_, bob *Host) (identity.TransportKey, []string) { return bob.Key(), []string{"/mem/99"} }, ErrRefused, 0},
		{"itself", proto, func(ada, _ *Host) (identity.TransportKey, []string) { return ada.Key(), ada.Addrs() }, ErrRefused, 0},
		{"another key", proto, func(ada, bob *Host) (identity.TransportKey, []string) { return ada.Key(), bob.Addrs() }, ErrKey, 0},
		{"not served", unserved, func(_, bob *Host) (identity.TransportKey, []string) { return bob.Key(), bob.Addrs() }, ErrProtocol, 0},
		{"no longer served", proto, func(_, bob *Host) (identity.TransportKey, []string) {
			bob.Lane(proto).Handle(nil)
			return bob.Key(), bob.Addrs()
		}, ErrProtocol, 0},
		{"crashed", proto, func(_, bob *Host) (identity.TransportKey, []string) {
			at := bob.Addrs()
			bob.Close()
			return bob.Key(), at
		}, ErrRefused, 0},
		{"moved", proto, func(_, bob *Host) (identity.TransportKey, []string) {
			at := bob.Addrs()
			bob.Move()
			return bob.Key(), at
		}, ErrRefused, 0},
		{"behind a NAT", proto, func(_, bob *Host) (identity.TransportKey, []string) {
			at := bob.Addrs()
			bob.SetReachable(false)
			return bob.Key(), at
		}, ErrUnreachable, DialPatience},
		{"partition", proto, func(ada, bob *Host) (identity.TransportKey, []string) {
			ada.net.Partition([]*Host{ada})
			return bob.Key(), bob.Addrs()
		}, ErrUnreachable, DialPatience},
		{"refused", proto, func(ada, bob *Host) (identity.TransportKey, []string) {
			ada.net.SetFaults(Faults{Refuse: 1})
			return bob.Key(), bob.Addrs()
		}, ErrRefused, 0},
		{"closed", proto, func(ada, bob *Host) (identity.TransportKey, []string) {
			ada.Close()
			return bob.Key(), bob.Addrs()
		}, ErrClosed, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNet(t, 1)
				ada, bob := n.Host(keyOf(t, "Ada")), n.Host(keyOf(t, "Bob"))
				echoes(bob)
				start := time.Now()
				key, addrs := tt.dial(ada, bob)
				c, err := ada.Lane(tt.proto).Dial(t.Context(), key, addrs)
				if !errors.Is(err, tt.want) || (c != nil) != (err == nil) || time.Since(start) != tt.after {
					t.Errorf("got %v, %v after %v", c, err, time.Since(start))
				}
				if c != nil {
					_ = c.Close()
				}
			})
		})
	}
}

// TestLearning: addresses are learnt by Join and by connections, on both sides, and proven keys are handed on.
func TestLearning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 1)
		ada, bob := n.Host(keyOf(t, "Ada")), n.Host(keyOf(t, "Bob"))
		from := make(chan identity.TransportKey, 1)
		for _, h := range []*Host{ada, bob} {
			h.Lane(proto).Handle(func(key identity.TransportKey, c net.Conn) {
				from <- key
				_ = c.Close()
			})
		}
		dial := func(from, to *Host) error {
			c, err := from.Lane(proto).Dial(t.Context(), to.Key(), nil)
			if err == nil {
				_ = c.Close()
			}
			return err
		}
		if err := ada.Join(t.Context(), bob.Key(), []string{"/mem/99"}); !errors.Is(err, ErrRefused) || ada.Peers() != 0 {
			t.Errorf("join: %v", err)
		}
		if err := ada.Join(t.Context(), bob.Key(), bob.Addrs()); err != nil || ada.Peers() != 1 || bob.Peers() != 1 {
			t.Errorf("join: %v", err)
		}
		if err := dial(ada, bob); err != nil || <-from != ada.Key() {
			t.Errorf("dial: %v", err)
		}
		if err := dial(bob, ada); err != nil || <-from != bob.Key() {
			t.Errorf("back: %v", err)
		}
		bob.Move()
		<-bob.Changed()
		if err := dial(ada, bob); !errors.Is(err, ErrRefused) {
			t.Errorf("after a move: %v", err)
		}
		if err := dial(bob, ada); err != nil || <-from != bob.Key() {
			t.Errorf("who moved dials: %v", err)
		}
		if err := dial(ada, bob); err != nil || <-from != ada.Key() {
			t.Errorf("then back: %v", err)
		}
		bob.SetReachable(true)
		select {
		case <-bob.Changed():
			t.Error("told of a change that is none")
		default:
		}
		bob.SetReachable(false)
		<-bob.Changed()
		if got := bob.Addrs(); got != nil {
			t.Errorf("addresses %v", got)
		}
		if err := dial(bob, ada); err != nil || <-from != bob.Key() {
			t.Errorf("from behind a NAT: %v", err)
		}
		at := ada.Addrs()
		ada.Close()
		if bob.Peers() != 0 || ada.Addrs() != nil {
			t.Error("peer after a crash")
		}
		again := n.Host(ada.PrivateKey())
		if again.Key() != ada.Key() || cmp.Equal(again.Addrs(), at) {
			t.Errorf("after the restart: %v", again.Addrs())
		}
	})
}

// TestPartition: silence, and then what was written arrives, or after IdlePatience does not.
func TestPartition(t *testing.T) {
	for _, tt := range []struct {
		name string
		last time.Duration
		want error
	}{{"short", IdlePatience - 1, io.EOF}, {"long", IdlePatience + 1, ErrReset}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNet(t, 1)
				ada, bob, cy := n.Host(keyOf(t, "Ada")), n.Host(keyOf(t, "Bob")), n.Host(keyOf(t, "Cy"))
				a, b := pair(t, ada, bob)
				c, d := pair(t, cy, bob)
				_, _ = a.Write([]byte("before "))
				n.Partition([]*Host{ada}, []*Host{bob, cy})
				_, _ = a.Write([]byte("during"))
				_ = a.Close()
				_, _ = c.Write([]byte("beside"))
				buf := make([]byte, 99)
				if k, _ := b.Read(buf); string(buf[:k]) != "before " {
					t.Errorf("got %q", buf[:k])
				}
				if k, _ := d.Read(buf); string(buf[:k]) != "beside" {
					t.Errorf("on the same side: %q", buf[:k])
				}
				if k, err := b.Write([]byte("to who closed")); k != 13 || err != nil {
					t.Errorf("write: %v", err)
				}
				time.AfterFunc(tt.last, n.Heal)
				start := time.Now()
				got, err := io.ReadAll(b)
				if err == nil {
					err = io.EOF
				}
				if !errors.Is(err, tt.want) || time.Since(start) != min(tt.last, IdlePatience) || string(got) == "during" != errors.Is(err, io.EOF) {
					t.Errorf("got %q, %v after %v", got, err, time.Since(start))
				}
				_, _, _ = b.Close(), c.Close(), d.Close()
			})
		})
	}
}

// TestCut: each connection is cut, early or late, and bytes on the way are lost, kept or halved.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 7)
		n.SetFaults(Faults{Cut: 1})
		ada, bob := n.Host(keyOf(t, "Ada")), n.Host(keyOf(t, "Bob"))
		kinds := make(map[string]int)
		small := 0
		const rounds = 200
		for range rounds {
			a, b := pair(t, ada, bob)
			// Both write, so that either can be who is cut.
			var sent int
			var err error
			for err == nil {
				var k int
				k, err = a.Write(make([]byte, 100))
				sent += k
				if err == nil {
					_, err = b.Write(make([]byte, 50))
				}
			}
			got, end := io.ReadAll(b)
			if _, other := io.ReadAll(a); !errors.Is(err, ErrReset) || !errors.Is(end, ErrReset) || !errors.Is(other, ErrReset) {
				t.Fatalf("write %v, read %v and %v", err, end, other)
			}
			if sent < 700 {
				small++
			}
			switch len(got) {
			case 0:
				kinds["nothing"]++
			case sent:
				kinds["all"]++
			default:
				kinds["part"]++
			}
			_, _ = a.Close(), b.Close()
		}
		for _, kind := range []string{"nothing", "all", "part"} {
			if kinds[kind] < rounds/6 {
				t.Errorf("kept: %v", kinds)
			}
		}
		if small < rounds/4 || small > rounds*3/4 {
			t.Errorf("%d of %d were cut early", small, rounds)
		}
	})
}

// TestEcho: what the dialler wrote comes twice, the second time from nobody who listens.
func TestEcho(t *testing.T) {
	for _, after := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			n := newNet(t, 1)
			n.SetFaults(Faults{Echo: 1, EchoAfter: after})
			ada, bob := n.Host(keyOf(t, "Ada")), n.Host(keyOf(t, "Bob"))
			type visit struct {
				from identity.TransportKey
				text string
			}
			var mu sync.Mutex
			var got []visit
			bob.Lane(proto).Handle(func(from identity.TransportKey, c net.Conn) {
				b, err := io.ReadAll(c)
				mu.Lock()
				got = append(got, visit{from, string(b)})
				mu.Unlock()
				if _, again := c.Write(make([]byte, 2*Window)); err != nil || again != nil && !errors.Is(again, ErrReset) {
					t.Error(err, again)
				}
				_ = c.Close()
			})
			var want []visit
			for i := range 8 {
				c, err := ada.Lane(proto).Dial(t.Context(), bob.Key(), bob.Addrs())
				if err != nil {
					t.Fatal(err)
				}
				text := fmt.Sprint("message ", i)
				_, _ = c.Write([]byte(text[:4]))
				_, _ = c.Write([]byte(text[4:]))
				_ = c.Close()
				want = append(want, visit{ada.Key(), text}, visit{ada.Key(), text})
				synctest.Wait()
			}
			time.Sleep(after)
			synctest.Wait()
			mu.Lock()
			ordered := slices.IsSortedFunc(got, func(a, b visit) int { return strings.Compare(a.text, b.text) })
			slices.SortFunc(got, func(a, b visit) int { return strings.Compare(a.text, b.text) })
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(visit{})); diff != "" || ordered != (after == 0) {
				t.Errorf("in order: %v\n%s", ordered, diff)
			}
			mu.Unlock()
		})
	}
}

// TestReplay: the same seed gives each dial the same faults, whatever other hosts do meanwhile; another seed others.
func TestReplay(t *testing.T) {
	run := func(seed uint64, crowd int) (story string) {
		synctest.Test(t, func(t *testing.T) {
			n := New(seed)
			defer n.Close()
			n.SetFaults(Faults{Refuse: 0.3, Cut: 0.3, Jitter: time.Second})
			ada, bob := n.Host(keyOf(t, "Ada")), n.Host(keyOf(t, "Bob"))
			echoes(bob)
			var others sync.WaitGroup
			for range crowd {
				h := n.Host(identity.TransportPrivateKey{})
				others.Go(func() {
					for range 10 {
						if c, err := h.Lane(proto).Dial(context.Background(), bob.Key(), bob.Addrs()); err == nil {
							_ = c.Close()
						}
					}
				})
			}
			for range 30 {
				start := time.Now()
				c, err := ada.Lane(proto).Dial(t.Context(), bob.Key(), bob.Addrs())
				story += fmt.Sprintln(time.Since(start), err)
				if err == nil {
					k, err := c.Write(make([]byte, 100_000))
					story += fmt.Sprintln(k, err)
					_ = c.Close()
				}
			}
			others.Wait()
		})
		return story
	}
	first := run(1, 0)
	if diff := cmp.Diff(first, run(1, 5)); diff != "" {
		t.Error(diff)
	}
	if first == run(2, 0) {
		t.Error("another seed changed nothing")
	}
}

// TestTap: the tap sees all, may crash a host in the middle of a write, and what it saw can be injected.
func TestTap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 1)
		ada, bob := n.Host(keyOf(t, "Ada")), n.Host(keyOf(t, "Bob"))
		var mu sync.Mutex
		var events []string
		var recorded []byte
		n.Tap(func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Proto != proto || e.To != bob.Key() {
				t.Errorf("event %+v", e)
			}
			if e.Kind == Sent && !e.Reply {
				recorded = append(recorded, e.Data...)
			}
			events = append(events, fmt.Sprintf("%v %d reply=%v replay=%v %s %v", e.Kind, e.Conn, e.Reply, e.Replay, e.Data, e.Err))
		})
		heard := make(chan string, 1)
		bob.Lane(proto).Handle(func(from identity.TransportKey, c net.Conn) {
			b, err := io.ReadAll(c)
			heard <- fmt.Sprint(from == ada.Key(), string(b), err)
			_, _ = c.Write([]byte("thanks"))
			_ = c.Close()
		})
		_, _ = ada.Lane(proto).Dial(t.Context(), bob.Key(), nil)
		c, err := ada.Lane(proto).Dial(t.Context(), bob.Key(), bob.Addrs())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte("hello"))
		_ = c.Close()
		first := <-heard
		synctest.Wait()
		if err := n.Inject(ada.Key(), bob.Addrs()[0], proto, recorded); err != nil {
			t.Error(err)
		}
		if second := <-heard; first != "truehello<nil>" || second != first {
			t.Errorf("heard %q, %q", first, second)
		}
		synctest.Wait()
		want := []string{
			"refused 0 reply=false replay=false  p2ptest: no address known",
			"dialled 1 reply=false replay=false  <nil>",
			"sent 1 reply=false replay=false hello <nil>",
			"closed 1 reply=false replay=false  <nil>",
			"closed 1 reply=true replay=false  <nil>",
			"dialled 2 reply=false replay=true  <nil>",
			"sent 2 reply=false replay=true hello <nil>",
			"sent 2 reply=true replay=true thanks <nil>",
			"closed 2 reply=true replay=true  <nil>",
		}
		if diff := cmp.Diff(want, events); diff != "" {
			t.Error(diff)
		}
		for to, want := range map[string]error{"/mem/x": ErrAddress, "/mem/99": ErrRefused, ada.Addrs()[0]: ErrProtocol} {
			if err := n.Inject(ada.Key(), to, proto, nil); !errors.Is(err, want) {
				t.Errorf("inject to %s: %v", to, err)
			}
		}

		n.Tap(func(e Event) {
			if e.Kind == Sent {
				bob.Close()
			}
		})
		c, _ = ada.Lane(proto).Dial(t.Context(), bob.Key(), bob.Addrs())
		if k, err := c.Write([]byte("x")); k != 0 || !errors.Is(err, ErrReset) {
			t.Errorf("into a crash: %d, %v", k, err)
		}
		if got := <-heard; got != "true"+ErrReset.Error() {
			t.Errorf("heard %q", got)
		}
		n.Tap(nil)
	})
}

// TestFull holds that a lane does not serve without bound.
func TestFull(t *testing.T) {
	n := New(1)
	ada, bob := n.Host(keyOf(t, "Ada")), n.Host(keyOf(t, "Bob"))
	echoes(bob)
	for range maxServed {
		if _, err := ada.Lane(proto).Dial(t.Context(), bob.Key(), bob.Addrs()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ada.Lane(proto).Dial(t.Context(), bob.Key(), bob.Addrs()); !errors.Is(err, ErrRefused) {
		t.Errorf("one more: %v", err)
	}
	n.Close()
	if h := n.Host(identity.TransportPrivateKey{}); n.Conns() != 0 || h.Addrs() != nil {
		t.Error("a closed network lives")
	}
}

// TestWorld is a day of 200 hosts that ask each other something every half hour, with faults, in a bubble.
func TestWorld(t *testing.T) {
	began := time.Now()
	const hosts = 200
	var asked, answered [hosts]int
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 1)
		n.SetFaults(Faults{Latency: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, Refuse: 0.01, Cut: 0.02, Echo: 0.02, EchoAfter: time.Minute})
		all := make([]*Host, hosts)
		for i := range all {
			all[i] = n.Host(identity.TransportPrivateKey{})
			echoes(all[i])
		}
		var done sync.WaitGroup
		for i, h := range all {
			done.Go(func() {
				p := make([]byte, frameSize)
				for j := range 48 {
					time.Sleep(30 * time.Minute)
					for k := range 5 {
						to := all[(i+j*5+k+1)%hosts]
						if to == h {
							continue
						}
						asked[i]++
						c, err := h.Lane(proto).Dial(t.Context(), to.Key(), to.Addrs())
						if err != nil {
							continue
						}
						_ = c.SetDeadline(time.Now().Add(30 * time.Second))
						_, _ = c.Write(p)
						if _, err := io.ReadFull(c, p); err == nil {
							answered[i]++
						}
						_ = c.Close()
					}
				}
			})
		}
		done.Wait()
	})
	sum := func(list [hosts]int) (total int) {
		for _, v := range list {
			total += v
		}
		return total
	}
	took := time.Since(began)
	t.Logf("%d of %d exchanges, %.0f a second", sum(answered), sum(asked), float64(sum(asked))/took.Seconds())
	if share := float64(sum(answered)) / float64(sum(asked)); share < 0.95 || share > 0.99 {
		t.Errorf("%.3f were answered", share)
	}
}
