package disk

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/p2p"
)

// stack is a relay as it runs, over loopback: libp2p's host, server, store.
type stack struct {
	store  *Store
	server *mailbox.Server
	host   *p2p.Host
	at     mailbox.Place
}

// wide are limits that do not stand in a benchmark's way.
var wide = mailbox.Limits{
	TokenRate: 1 << 20, TokenBurst: 1 << 20, MailPosts: 100_000, MailBytes: 1 << 40, TotalBytes: 1 << 40,
	ShelfPosts: 100_000, ShelfBytes: 1 << 40, Boxes: 1 << 20, BoxesNear: 1 << 20, BoxesFar: 1 << 20,
}

func newStack(t testing.TB, listen string, limits mailbox.Limits) *stack {
	t.Helper()
	t.Cleanup(mailbox.SpareProcessor())
	s, err := Open(Config{Folder: t.TempDir(), MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	key := identity.GenerateTransportKey()
	host, err := p2p.New(p2p.Config{Role: p2p.Relay, Key: key, Local: true, Diversity: -1, Listen: []string{listen}})
	if err != nil {
		t.Fatal(err)
	}
	server, err := mailbox.New(mailbox.Config{Key: key, Store: s, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	host.Lane(p2p.Mailbox).Handle(server.Serve)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	go mailbox.PaceMemory(ctx, mailbox.Room+256<<20) // the clients are in this process, too
	t.Cleanup(func() {
		cancel()
		for _, err := range []error{<-done, host.Close(), s.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return &stack{s, server, host, mailbox.Place{Relay: key.Public(), Addrs: host.Addrs()}}
}

// client is a node's, with its host.
type client struct {
	*mailbox.Client
	host *p2p.Host
}

func newClient() (*client, error) {
	host, err := p2p.New(p2p.Config{Listen: []string{}, Local: true, Diversity: -1})
	if err != nil {
		return nil, err
	}
	return &client{mailbox.NewClient(host.Lane(p2p.Mailbox)), host}, nil
}

func (c *client) close() error {
	c.Shut()
	return c.host.Close()
}

// device is somebody with a node of their own, and a box.
type device struct {
	c    *mailbox.Client
	host *p2p.Host
	key  identity.BoxPrivateKey
	mint mailbox.Mint
	at   mailbox.Place
}

func (s *stack) device(t testing.TB, kind mailbox.Kind) *device {
	t.Helper()
	c, err := newClient()
	if err != nil {
		t.Fatal(err)
	}
	d := &device{c: c.Client, host: c.host, at: s.at}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	d.open(t, kind)
	return d
}

// open gives the device another box.
func (d *device) open(t testing.TB, kind mailbox.Kind) {
	t.Helper()
	secret := mailbox.NewSecret()
	d.key = identity.GenerateBoxKey()
	d.mint = secret.Mint(d.at.Relay, d.key.Public())
	if _, err := d.c.Open(context.Background(), d.at, d.key, mailbox.Opening{Kind: kind, Secret: secret}); err != nil {
		t.Fatal(err)
	}
}

func (d *device) token() mailbox.Token {
	return d.mint.Token(mailbox.NewClass(), time.Now().Add(time.Hour), 0, 0)
}

// letter returns a post of 1 KiB.
func letter() []byte {
	b := make([]byte, 1024)
	rand.Read(b)
	return b
}

// transports are what the benchmarks run over.
var transports = map[string]string{"quic": "/ip4/127.0.0.1/udp/0/quic-v1", "tcp": "/ip4/127.0.0.1/tcp/0"}

// BenchmarkStackPut is 64 senders, each a node of its own, with 8 posts of 1 KiB in flight each, through client, Noise or
// QUIC over loopback, server and store, synced before the receipt, which is verified. In the same run it is put beside
// two floors: bare Badger with groups of 256 and two committers, and as many bytes echoed by the same nodes without a
// store (see echo). Clients and relay share the machine, so puts/cpu-s says more than puts/s where others share it, too.
func BenchmarkStackPut(b *testing.B) {
	for name, listen := range transports {
		b.Run(name, func(b *testing.B) {
			const senders, flight = 64, 8
			s := newStack(b, listen, wide)
			type sender struct {
				*device
				token mailbox.Token
			}
			var all []sender
			for range senders {
				d := s.device(b, mailbox.Shelf)
				all = append(all, sender{d, d.token()})
			}
			groups := s.server.Stats().Groups
			b.SetBytes(1024)
			b.ResetTimer()
			var n atomic.Int64
			var group sync.WaitGroup
			cpu := spent()
			for _, d := range all {
				for range flight {
					group.Go(func() {
						post := letter()
						for {
							i := n.Add(1)
							if i > int64(b.N) {
								return
							}
							binary.BigEndian.PutUint64(post, uint64(i)) // each another
							if _, err := d.c.Put(b.Context(), d.at, d.key.Public(), post, d.token); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
			}
			group.Wait()
			b.StopTimer()
			took, cpu := b.Elapsed(), spent()-cpu
			if b.Failed() {
				return
			}
			groups = s.server.Stats().Groups - groups
			rate := float64(b.N) / took.Seconds()
			b.ReportMetric(rate, "puts/s")
			b.ReportMetric(float64(b.N)/cpu.Seconds(), "puts/cpu-s")
			b.ReportMetric(float64(b.N)/float64(max(groups, 1)), "posts/sync")
			cpu = spent()
			floor := bare(b, b.N)
			cpu = spent() - cpu
			b.ReportMetric(float64(b.N)/floor.Seconds(), "badger-puts/s")
			b.ReportMetric(float64(b.N)/cpu.Seconds(), "badger-puts/cpu-s")
			b.ReportMetric(100*floor.Seconds()/took.Seconds(), "%-of-badger")
			var hosts []*p2p.Host
			for _, d := range all {
				hosts = append(hosts, d.host)
			}
			cpu = spent()
			took = s.echo(b, hosts, flight, b.N)
			cpu = spent() - cpu
			b.ReportMetric(float64(b.N)/took.Seconds(), "echo-puts/s")
			b.ReportMetric(float64(b.N)/cpu.Seconds(), "echo-puts/cpu-s")
		})
	}
}

// What a put of 1 KiB and its receipt are as bytes of a stream: prefix, header, head, and the post or a path of seven.
const (
	requestSize = 2 + 7 + 113 + 1024
	answerSize  = 2 + 7 + 303
)

// echo has each node send n requests among them over a stream of libp2p's, and the relay answer each at once, flight at a
// time: bytes as of puts, without anything that reads them. It is the least that this stack of libp2p's costs, and tells
// how long that took.
func (s *stack) echo(b *testing.B, hosts []*p2p.Host, flight, n int) time.Duration {
	b.Helper()
	s.host.Lane(p2p.Mailbox).Handle(func(_ identity.TransportKey, conn net.Conn) {
		defer conn.Close()
		in, answers := make([]byte, 64<<10), make([]byte, flight*answerSize)
		for have := 0; ; have %= requestSize {
			n, err := conn.Read(in)
			if err != nil {
				return
			}
			if have += n; have < requestSize {
				continue
			}
			if _, err := conn.Write(answers[:have/requestSize*answerSize]); err != nil {
				return
			}
		}
	})
	defer s.host.Lane(p2p.Mailbox).Handle(s.server.Serve)
	var conns []net.Conn
	for _, h := range hosts {
		conn, err := h.Lane(p2p.Mailbox).Dial(b.Context(), s.at.Relay, s.at.Addrs)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	begin := time.Now()
	var left atomic.Int64
	left.Store(int64(n))
	var group sync.WaitGroup
	for _, conn := range conns {
		group.Go(func() {
			requests, in := make([]byte, flight*requestSize), make([]byte, 64<<10)
			rand.Read(requests)
			under, have := 0, 0
			for free := flight; ; {
				if more := min(int64(free), left.Add(-int64(free))+int64(free)); more > 0 {
					if _, err := conn.Write(requests[:int(more)*requestSize]); err != nil {
						b.Error(err)
						return
					}
					under += int(more)
				}
				if under == 0 {
					return
				}
				n, err := conn.Read(in)
				if err != nil {
					b.Error(err)
					return
				}
				have += n
				free = have / answerSize
				under -= free
				have %= answerSize
			}
		})
	}
	group.Wait()
	return time.Since(begin)
}

// bare puts as many records of 1 KiB into Badger alone, with the same options, two committers and groups of 256, and tells how
// long that took.
func bare(b *testing.B, n int) time.Duration {
	b.Helper()
	s, err := Open(Config{Folder: b.TempDir(), MinFree: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	values := make([]byte, 1<<20)
	rand.Read(values)
	begin := time.Now()
	var next atomic.Int64
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for {
				from := int(next.Add(256)) - 256
				if from >= n {
					return
				}
				ops := make(map[string][]byte)
				for i := from; i < min(from+256, n); i++ {
					at := i % 1023 << 10
					ops[string(at2(i))] = values[at : at+1024 : at+1024]
				}
				if err := s.badger.commit(ops); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	return time.Since(begin)
}

// at2 returns a key of 24 bytes, in random order.
func at2(i int) []byte {
	name := mailbox.NameOf(strconv.AppendInt(nil, int64(i), 10))
	return at(filler, name[:23])
}

// BenchmarkStackDrain fetches and acks boxes of 1,000 posts of 1 KiB, eight owners at a time; the ack is synced.
func BenchmarkStackDrain(b *testing.B) {
	for name, listen := range transports {
		b.Run(name, func(b *testing.B) {
			const owners, each = 8, 1000
			s := newStack(b, listen, wide)
			var all []*device
			for range owners {
				all = append(all, s.device(b, mailbox.Shelf))
			}
			read, cpu := 0, time.Duration(0)
			for b.Loop() {
				b.StopTimer()
				for _, d := range all {
					d.fill(b, s, each)
				}
				before := spent()
				b.StartTimer()
				var group sync.WaitGroup
				for _, d := range all {
					group.Go(func() { d.drain(b, each) })
				}
				group.Wait()
				read += owners * each
				cpu += spent() - before
			}
			b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "posts/s")
			b.ReportMetric(float64(read)/cpu.Seconds(), "posts/cpu-s")
		})
	}
}

// fill puts posts into the device's box, past the network.
func (d *device) fill(b *testing.B, s *stack, n int) {
	b.Helper()
	all := make([]mailbox.Deposit, n)
	for i := range all {
		post := letter()
		all[i] = mailbox.Deposit{Box: d.key.Public(), Name: mailbox.NameOf(post), Bytes: post, Until: 1 << 30}
	}
	for _, k := range s.store.Put(context.Background(), all) {
		if k.Err != nil {
			b.Fatal(k.Err)
		}
	}
}

// drain fetches all, and acks all that came.
func (d *device) drain(b *testing.B, want int) {
	b.Helper()
	var names []mailbox.Name
	_, err := d.c.Fetch(b.Context(), d.at, mailbox.Reader{Key: d.key}, mailbox.Cursor{}, func(m mailbox.Batch) error {
		for _, p := range m.Posts {
			names = append(names, p.Name)
		}
		return nil
	})
	if err == nil {
		err = d.c.Ack(b.Context(), d.at, d.key, names...)
	}
	if err != nil || len(names) != want {
		b.Errorf("%d posts of %d: %v", len(names), want, err)
	}
}

// BenchmarkStackWake is from a put until the owner, who listens, has the post.
func BenchmarkStackWake(b *testing.B) {
	for name, listen := range transports {
		b.Run(name, func(b *testing.B) {
			s := newStack(b, listen, wide)
			owner, sender := s.device(b, mailbox.Shelf), s.device(b, mailbox.Shelf)
			token, got := owner.token(), make(chan int, 64)
			ctx, cancel := context.WithCancel(b.Context())
			var group sync.WaitGroup
			group.Go(func() {
				_ = owner.c.Listen(ctx, owner.at, mailbox.Reader{Key: owner.key}, mailbox.Cursor{}, func(m mailbox.Batch) error {
					got <- len(m.Posts)
					return nil
				})
			})
			defer group.Wait()
			defer cancel()
			<-got
			var took []time.Duration
			for b.Loop() {
				begin := time.Now()
				group.Go(func() {
					if _, err := sender.c.Put(b.Context(), sender.at, owner.key.Public(), letter(), token); err != nil {
						b.Error(err)
					}
				})
				for <-got == 0 { //nolint:revive // that it caught up is said in between
				}
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1e3, "p99-ms")
		})
	}
}

// anonymous returns how many bytes of memory this process has that no file stands behind.
func anonymous(b *testing.B) int64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("memory is read from Linux")
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	runtime.KeepAlive(status)
	return n << 10
}

// BenchmarkMillion keeps a million posts of 1 KiB in 100,000 boxes, opens the store anew, reads and acks all, and tidies.
// LINNET_MILLION=1 has it do so; it takes minutes and 3 GiB. Otherwise it is a hundredth of that.
func BenchmarkMillion(b *testing.B) {
	boxes, each := 1000, 10
	if os.Getenv("LINNET_MILLION") != "" {
		boxes = 100_000
	}
	go mailbox.PaceMemory(b.Context(), mailbox.Room)
	for b.Loop() {
		folder := b.TempDir()
		s, err := Open(Config{Folder: folder, MinFree: 1})
		if err != nil {
			b.Fatal(err)
		}
		var group sync.WaitGroup
		for part := range 64 {
			group.Go(func() {
				for i := part; i < boxes; i += 64 {
					makeBox(b, s, i)
				}
			})
		}
		group.Wait()
		begin, most := time.Now(), int64(0)
		for range each {
			for from := 0; from < boxes; from += 250 {
				all := make([]mailbox.Deposit, 250)
				for i := range all {
					post := letter()
					all[i] = mailbox.Deposit{Box: boxID(from + i), Name: mailbox.NameOf(post), Bytes: post, Until: 1 << 30}
				}
				for _, k := range s.Put(b.Context(), all) {
					if k.Err != nil {
						b.Fatal(k.Err)
					}
				}
			}
			most = max(most, anonymous(b))
		}
		total := float64(boxes * each)
		b.ReportMetric(total/time.Since(begin).Seconds(), "puts/s")
		b.ReportMetric(float64(most)/(1<<20), "anon-MiB-putting")
		full := float64(s.badger.size())
		b.ReportMetric(full/(1<<20), "disk-MiB")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		begin = time.Now()
		if s, err = Open(Config{Folder: folder, MinFree: 1}); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(begin).Seconds(), "restart-s")
		runtime.GC()
		b.ReportMetric(float64(anonymous(b))/(1<<20), "anon-MiB-restarted")
		begin = time.Now()
		for i := range boxes {
			posts, err := s.Fetch(b.Context(), boxID(i), 0, 1000, 1<<20)
			if err != nil || len(posts) != each {
				b.Fatal(len(posts), err)
			}
			group.Go(func() {
				names := make([]mailbox.Name, len(posts))
				for i, p := range posts {
					names[i] = p.Name
				}
				if _, err := s.Ack(b.Context(), boxID(i), names); err != nil {
					b.Error(err)
				}
			})
			if i%256 == 255 {
				group.Wait()
			}
		}
		group.Wait()
		b.ReportMetric(total/time.Since(begin).Seconds(), "drains/s")
		b.ReportMetric(float64(anonymous(b))/(1<<20), "anon-MiB-drained")
		begin = time.Now()
		s.background.Wait()
		if err := s.Tidy(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(begin).Seconds(), "tidy-s")
		b.ReportMetric(100*float64(s.badger.size())/full, "%-of-disk-left")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
