package nodetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// The size of the day.
const (
	dayServers = 3
	dayLatency = 20 * time.Millisecond // one way
)

// day is a small world of real hosts: libp2p, QUIC and the DHT as they are.
type day struct {
	t        *testing.T
	net      *p2ptest.Simnet
	servers  []*p2ptest.SimHost
	run      []func() error // ends Run of the server of the same number
	ada, ben *dayPerson     // nil until they are there
}

// dayPerson is somebody with a real host.
type dayPerson struct {
	name string
	disk *vault.Disk
	host *p2ptest.SimHost
	node *node.Node
	stop func() error // ends node, vault and host, as often as it is called
}

func (d *day) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// begin runs something until the function that it returns is called, once or more, which tells how it ended.
func begin(run func(context.Context) error) (end func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	return sync.OnceValue(func() error {
		cancel()
		return <-done
	})
}

// start wakes somebody: a new host, with a fresh key at a fresh address, on the same disk.
func (d *day) start(p *dayPerson) {
	d.t.Helper()
	v, err := vault.Open(vault.Config{Disk: p.disk})
	d.must(err)
	h, err := d.net.Desktop(d.servers...)
	d.must(err)
	n, err := node.New(node.Config{
		Vault: v, Deliver: h.Lane(DeliverLane), Bundle: h.Lane(BundleLane), Directory: h, Reach: h,
	})
	d.must(err)
	host, talk := begin(h.Run), begin(n.Run)
	p.host, p.node = h, n
	p.stop = sync.OnceValue(func() error { return errors.Join(talk(), v.Close(), host(), h.Close()) })
}

// end ends all that runs, and so lets a test that failed tell why: in a bubble, nothing may outlive it.
func (d *day) end() {
	d.t.Helper()
	for _, p := range []*dayPerson{d.ada, d.ben} {
		if p != nil {
			d.check(p.stop())
		}
	}
	for _, run := range d.run {
		d.check(run())
	}
	d.check(d.net.Close())
}

func (d *day) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Error(err)
	}
}

func (d *day) person(name string) *dayPerson {
	d.t.Helper()
	p := &dayPerson{name: name, disk: new(vault.Disk)}
	v, err := vault.Open(vault.Config{Disk: p.disk})
	d.must(err)
	d.must(errors.Join(node.Create(v, name, time.Now()), v.Close()))
	d.start(p)
	return p
}

// until waits until something is true, looking again every 20 ms.
func (d *day) until(what string, patience time.Duration, is func() bool) {
	d.t.Helper()
	for began := time.Now(); !is(); time.Sleep(dayLatency) {
		if time.Since(began) > patience {
			d.t.Fatalf("not within %v: %s. Ada: %+v, waiting %+v; Ben: %+v, waiting %+v",
				patience, what, d.ada.node.Stats(), d.ada.node.Waiting(), d.ben.node.Stats(), d.ben.node.Waiting())
		}
	}
}

// say sends a text, and waits until its author knows that it was delivered. It returns how long that took.
func (d *day) say(from, to *dayPerson, text string, patience time.Duration) time.Duration {
	d.t.Helper()
	began := time.Now()
	ref, err := from.node.Send(d.t.Context(), to.node.Account(), text, node.Ref{})
	d.must(err)
	d.until(fmt.Sprintf("%s has %q", to.name, text), patience, func() bool {
		m, err := from.node.Message(to.node.Account(), ref)
		return err == nil && m.State() == node.Delivered
	})
	return time.Since(began)
}

// shows checks that somebody shows these texts, each once and in this order, and all their own as delivered.
func (d *day) shows(p, with *dayPerson, want []string) {
	d.t.Helper()
	lines, err := p.node.Newest(with.node.Account(), vault.MaxPage)
	d.must(err)
	var got []string
	for _, l := range slices.Backward(lines) {
		if l.Own && l.State() != node.Delivered {
			d.t.Errorf("%s: %q is %v", p.name, l.Text, l.State())
		}
		got = append(got, l.Text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("%s shows (-want +got):\n%s", p.name, diff)
	}
	if n := p.node.Stats().Waiting; n != 0 {
		d.t.Errorf("%s: %d posts wait: %+v", p.name, n, p.node.Waiting())
	}
}

// TestRealDay is a day of two friends on real hosts: an invite, and a text every hour, in turn. In the course of it Ben
// starts anew, while a text waits for him, and so does a server, with what it kept in RAM gone. All is delivered and shown
// once, and nothing is left over.
func TestRealDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(Begin))
		before := (&besieged{t: t}).goroutines()
		d := &day{t: t, net: p2ptest.NewSimnet(dayLatency)}
		defer func() {
			d.end()
			synctest.Wait()
			if after := (&besieged{t: t}).goroutines(); after != before {
				t.Errorf("%d goroutines run after the day, %d before", after, before)
			}
		}()
		for range dayServers {
			h, err := d.net.Server(d.servers...)
			d.must(err)
			d.servers, d.run = append(d.servers, h), append(d.run, begin(h.Run))
		}
		d.ada = d.person("Ada")
		d.ben = d.person("Ben")
		time.Sleep(time.Minute)

		invite, err := d.ada.node.Invite(t.Context(), time.Hour, false)
		d.must(err)
		began := time.Now()
		_, err = d.ben.node.Add(t.Context(), invite.String())
		d.must(err)
		accepted := func(p, q *dayPerson) bool {
			c, err := p.node.Contact(q.node.Account())
			return err == nil && c.State == node.Accepted
		}
		d.until("they are friends", time.Minute, func() bool { return accepted(d.ada, d.ben) && accepted(d.ben, d.ada) })
		t.Log("friends after", time.Since(began))

		hours := 24
		if raceEnabled {
			hours = 8 // a minute of real time is enough
		}
		var texts []string
		var slowest time.Duration
		for hour := range hours {
			from, to := d.ada, d.ben
			if hour%2 == 1 {
				from, to = to, from
			}
			text := fmt.Sprintf("it is %d o'clock", hour)
			texts = append(texts, text)
			switch hour {
			case hours / 2: // Ben sleeps when Ada sends, and wakes half an hour later
				d.must(to.stop())
				ref, err := from.node.Send(t.Context(), to.node.Account(), text, node.Ref{})
				d.must(err)
				time.Sleep(30 * time.Minute)
				if m, err := from.node.Message(to.node.Account(), ref); err != nil || m.State() != node.Queued {
					t.Errorf("nobody is there, and the text is %v: %v", m.State(), err)
				}
				d.start(to)
				woke := time.Now()
				d.until("Ben woke", time.Hour, func() bool {
					m, err := from.node.Message(to.node.Account(), ref)
					return err == nil && m.State() == node.Delivered
				})
				t.Log("Ben has what waited", time.Since(woke), "after he woke")
			case hours * 3 / 4: // the first server, through which others began, goes for a minute
				d.must(errors.Join(d.run[0](), d.servers[0].Close()))
				time.Sleep(time.Minute)
				h, err := d.servers[0].Again()
				d.must(err)
				d.servers[0], d.run[0] = h, begin(h.Run)
				fallthrough
			default:
				slowest = max(slowest, d.say(from, to, text, time.Minute))
			}
			time.Sleep(time.Until(began.Add(time.Duration(hour+1) * time.Hour)))
		}
		t.Logf("%d texts, the slowest delivered after %v", len(texts), slowest)
		for i, s := range d.servers {
			if got := s.Stats(); !got.Serving || got.Table == 0 || got.Records == 0 {
				t.Errorf("server %d: %+v", i, got)
			}
		}
		d.shows(d.ada, d.ben, texts)
		d.shows(d.ben, d.ada, texts)
		t.Logf("Ada: %+v, %+v", d.ada.node.Stats(), d.ada.host.Stats())
		t.Logf("Ben: %+v, %+v", d.ben.node.Stats(), d.ben.host.Stats())
	})
}
