package disk

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/mailbox"
)

// attackers makes the test binary ten attackers and nothing else: see attack.
const attackers = "LINNET_DISK_ATTACKERS"

// target is what attackers are told.
type target struct {
	Relay identity.TransportKey
	Addrs []string
	Box   identity.BoxKey
	Token []byte
}

// attacked is what attackers did.
type attacked struct{ Tried, Accepted int64 }

// attack has ten attackers, each on four connections with 16 posts in flight and 10,000 posts a second at most, put into one box
// until standard input ends: five as strangers, who do not work, and five as one contact. It says when the first post was
// answered, and at the end what it did.
func attack() error {
	var to target
	in := json.NewDecoder(os.Stdin)
	if err := in.Decode(&to); err != nil {
		return err
	}
	token, err := mailbox.ParseToken(to.Token)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var did struct{ tried, accepted atomic.Int64 }
	var all sync.WaitGroup
	begun := sync.OnceFunc(func() { fmt.Println("begun") })
	for i := range 10 {
		c, err := newClient()
		if err != nil {
			return err
		}
		defer c.close()
		pace := time.NewTicker(100 * time.Microsecond)
		defer pace.Stop()
		for n := range 4 * 16 {
			at := mailbox.Place{Relay: to.Relay, Addrs: to.Addrs, Apart: uint64(n % 4)}
			all.Go(func() {
				for {
					select {
					case <-pace.C:
					case <-ctx.Done():
						return
					}
					t := token
					if i%2 == 0 {
						t = mailbox.Token{}
					}
					if _, err := c.Put(ctx, at, to.Box, letter(), t); err == nil {
						did.accepted.Add(1)
					}
					did.tried.Add(1)
					begun()
				}
			})
		}
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	all.Wait()
	return json.NewEncoder(os.Stdout).Encode(attacked{did.tried.Load(), did.accepted.Load()})
}

// BenchmarkAbuse is what contacts wait for a receipt while nobody else is there, and then while ten attackers put into the same
// box, see attack. No contact may be refused. The owner listens and acks all the while. Attackers are a process of their own
// that runs where nobody else wants a processor (chrt of Debian's util-linux): they stand for other machines, so that what
// they take of this one is not the relay's doing; what the relay does about them is. Waits are those of all turns together,
// since one late sync decides the p99 of one; what attackers had grow, memory and disk, is that of the worst turn.
func BenchmarkAbuse(b *testing.B) {
	s := newStack(b, transports["quic"], mailbox.Limits{})
	owner := s.device(b, mailbox.Mail)
	box := owner.key.Public()
	const contacts, each = 32, 100
	var people []*device
	for range contacts {
		people = append(people, s.device(b, mailbox.Mail))
	}
	ctx, cancel := context.WithCancel(b.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		err := owner.c.Listen(ctx, owner.at, mailbox.Reader{Key: owner.key}, mailbox.Cursor{}, func(m mailbox.Batch) error {
			var names []mailbox.Name
			for _, p := range m.Posts {
				names = append(names, p.Name)
			}
			if len(names) == 0 {
				return nil
			}
			return owner.c.Ack(ctx, owner.at, owner.key, names...)
		})
		if ctx.Err() == nil {
			b.Errorf("the owner listens no more: %v", err)
		}
	})
	// phase has every contact put, 25 times a second, and returns how long they waited.
	phase := func() (took []time.Duration) {
		var mu sync.Mutex
		var group sync.WaitGroup
		for _, d := range people {
			token := owner.token()
			group.Go(func() {
				pace := time.NewTicker(40 * time.Millisecond)
				defer pace.Stop()
				for range each {
					<-pace.C
					begin := time.Now()
					_, err := d.c.Put(b.Context(), d.at, box, letter(), token)
					mu.Lock()
					took = append(took, time.Since(begin))
					mu.Unlock()
					if err != nil {
						b.Errorf("a contact was refused: %v", err)
						return
					}
				}
			})
		}
		group.Wait()
		return took
	}
	ms := func(took []time.Duration, percent int) float64 {
		return float64(took[(len(took)-1)*percent/100].Microseconds()) / 1e3
	}
	me, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	phase() // the first ever opens connections
	var quiet, loud []time.Duration
	var seconds, most, grown, grownDisk float64
	var sum attacked
	for b.Loop() {
		quiet = append(quiet, phase()...)
		before, disk := anonymous(b), s.store.badger.size()
		c := exec.Command("chrt", "--idle", "0", me)
		c.Env = append(os.Environ(), attackers+"=10")
		c.Stderr = os.Stderr
		in, err := c.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		order := target{owner.at.Relay, owner.at.Addrs, box, owner.token().AppendTo(nil)}
		if err := json.NewEncoder(in).Encode(order); err != nil {
			b.Fatal(err)
		}
		lines := bufio.NewReader(out)
		if line, err := lines.ReadString('\n'); err != nil {
			b.Fatal(line, err)
		}
		watch := make(chan struct{})
		var watching sync.WaitGroup
		watching.Go(func() {
			look := time.NewTicker(50 * time.Millisecond)
			defer look.Stop()
			for {
				select {
				case <-look.C:
					most = max(most, float64(s.server.Stats().Memory))
				case <-watch:
					return
				}
			}
		})
		begin := time.Now()
		loud = append(loud, phase()...)
		seconds += time.Since(begin).Seconds()
		close(watch)
		watching.Wait()
		if err := in.Close(); err != nil {
			b.Fatal(err)
		}
		var did attacked
		if err := json.NewDecoder(lines).Decode(&did); err != nil {
			b.Fatal(err)
		}
		if err := c.Wait(); err != nil {
			b.Fatal(err)
		}
		sum.Tried += did.Tried
		sum.Accepted += did.Accepted
		grown = max(grown, float64(anonymous(b)-before))
		grownDisk = max(grownDisk, float64(s.store.badger.size())-float64(disk))
	}
	slices.Sort(quiet)
	slices.Sort(loud)
	b.ReportMetric(ms(quiet, 50), "quiet-p50-ms")
	b.ReportMetric(ms(quiet, 99), "quiet-p99-ms")
	b.ReportMetric(ms(loud, 50), "abuse-p50-ms")
	b.ReportMetric(ms(loud, 99), "abuse-p99-ms")
	b.ReportMetric(ms(loud, 99)/ms(quiet, 99), "times-p99")
	b.ReportMetric(float64(sum.Tried)/seconds, "attacks/s")
	b.ReportMetric(float64(sum.Accepted)/seconds, "accepted/s")
	b.ReportMetric(most/(1<<20), "relay-MiB")
	b.ReportMetric(grown/(1<<20), "grown-MiB")
	b.ReportMetric(grownDisk/(1<<20), "disk-MiB")
}
