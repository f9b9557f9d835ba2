package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/p2p"
)

// meshSize is how many nodes serve the DHT of the demo, besides the relays.
const meshSize = 4

// relayNames are the relays of the demo.
var relayNames = []string{"oak", "elm", "ash"}

// demoSettings are the flags of the demo.
type demoSettings struct {
	keep, json, brief bool
	timeout           time.Duration
}

func newDemo() *cobra.Command {
	var s demoSettings
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a whole mesh on this machine, and three people who meet in it",
		Long: `Demo runs a whole mesh on this machine: nodes of the DHT, three relays that keep post on
disk, and Ada, Ben and Cleo, each with an account, an encrypted vault in a temporary folder,
and a host of its own. Ben begins with nothing but Ada's invite. Cleo sleeps when Ada first
writes to her, and has put nothing into the DHT: she is found, and reached, by what her relays
keep. Then one of them is killed for good. At last five people talk in a room of a mixer, one after
the other, with voices of espeak-ng if it is installed. All that is said here was measured.

It exits with 0 if every message arrived and was shown once, and everybody in the call
understood everybody else; and else with 1.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if s.timeout <= 0 {
				return &usageError{fmt.Sprintf("--timeout %s is no time; the default is 1m", s.timeout)}
			}
			return runDemo(c.Context(), c.OutOrStdout(), s)
		},
	}
	c.Flags().BoolVar(&s.keep, "keep", false, "leave it running until Ctrl-C")
	c.Flags().BoolVar(&s.json, "json", false, "print one JSON object per line")
	c.Flags().BoolVar(&s.brief, "brief", false, "leave out the call, which takes some ten seconds")
	c.Flags().DurationVar(&s.timeout, "timeout", time.Minute, "how long all of it may take")
	return c
}

// demo is a mesh and the people in it, while the demo runs.
type demo struct {
	print  *printer
	folder string
	mesh   *mesh
	relays []*volunteer
	people []*person
	said   []said
	link   string // Cleo's invite
	brief  bool   // without the call
}

// person is somebody in the demo.
type person struct {
	*messenger
	witness
	name, folder string
	sleep        context.CancelFunc // nil while asleep
	slept        chan error
	sent         uint64 // envelopes, before it slept last
}

// said is a message that must arrive, and be shown once.
type said struct {
	from, to *person
	ref      node.Ref
	text     string // as it is shown in the end
}

// runDemo runs the demo, and takes away all that it made.
func runDemo(ctx context.Context, out io.Writer, s demoSettings) (err error) {
	d, err := newStage(newPrinter(out, s.json))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	d.brief = s.brief

	steps, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("not done within %s", s.timeout))
	err = d.run(steps)
	cancel()
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		d.print.fail(err)
		return err
	}
	if s.keep {
		d.keep()
		<-ctx.Done()
	} else {
		d.print.hint("Try it yourself: linnet demo --keep")
	}
	return d.print.err
}

// newStage returns a demo that has not begun. It must be closed.
func newStage(p *printer) (*demo, error) {
	folder, err := os.MkdirTemp("", "linnet-demo-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	return &demo{print: p, folder: folder}, nil
}

// run is the main job, step by step.
func (d *demo) run(ctx context.Context) error {
	d.print.title("Linnet demo", fmt.Sprintf("%d relays, %d DHT nodes, Ada, Ben and Cleo", len(relayNames), meshSize))
	steps := []func(context.Context) error{d.meet, d.talk, d.compare, d.lieDown, d.leave, d.wakeUp}
	if !d.brief {
		steps = append(steps, d.confer)
	}
	for _, step := range append(steps, d.tell, d.check) {
		if err := step(ctx); err != nil {
			return err
		}
		if d.print.err != nil { // nobody listens any more
			return fmt.Errorf("printing: %w", d.print.err)
		}
	}
	return nil
}

// open makes a person, and runs their node.
func (d *demo) open(ctx context.Context, name string, bootstrap ...p2p.Peer) (*person, error) {
	p := d.person(name)
	return p, p.wake(ctx, bootstrap...)
}

// person makes a person whose node does not run yet.
func (d *demo) person(name string) *person {
	p := &person{name: name, folder: filepath.Join(d.folder, strings.ToLower(name))}
	d.people = append(d.people, p)
	return p
}

// wake runs the node of a person who is new, or slept, until lie.
func (p *person) wake(ctx context.Context, bootstrap ...p2p.Peer) error {
	m, err := openNode(settings{
		Folder: p.folder, Name: p.name, Watch: p.watch,
		Host: onLoopback(p2p.Config{Bootstrap: bootstrap}),
	})
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	life, sleep := context.WithCancel(context.WithoutCancel(ctx))
	p.messenger, p.sleep, p.slept = m, sleep, make(chan error, 1)
	go func() { p.slept <- m.Run(life) }()
	return nil
}

// lie ends the node of a person, if it runs, and waits until nothing of it is left but its folder.
func (p *person) lie() error {
	if p.sleep == nil {
		return nil
	}
	p.sleep()
	p.sleep = nil
	err := errors.Join(<-p.slept, p.Close())
	p.sent += p.Node.Stats().Sent
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// close ends what runs and removes the folder.
func (d *demo) close() error {
	var errs []error
	for _, p := range d.people {
		errs = append(errs, p.lie())
	}
	for _, v := range d.relays {
		errs = append(errs, v.Close())
	}
	if d.mesh != nil {
		errs = append(errs, d.mesh.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(d.folder))...)
}

// keep says how to watch what goes on running.
func (d *demo) keep() {
	d.print.head("Running until Ctrl-C")
	for _, p := range d.people {
		d.print.fact(line{Event: "running", Who: p.name, What: p.folder, Also: true})
		d.print.fact(line{Event: "running", What: strings.Join(p.Host.Addrs(), " "), Also: true})
	}
	for _, v := range d.relays {
		if v.Host != nil {
			d.print.fact(line{Event: "running", Who: "relay " + v.Name, What: v.Address})
		}
	}
	for i, h := range d.mesh.Hosts {
		d.print.fact(line{Event: "running", Who: fmt.Sprintf("node %d", i+1), What: strings.Join(h.Addrs(), " ")})
	}
	d.print.hint("Ctrl-C ends it and removes " + d.folder)
}

// why says, of a message that did not arrive, what its sender knows.
func (s *said) why() string {
	if m, err := s.from.Node.Message(s.to.Node.Account(), s.ref); err == nil {
		for _, w := range m.Deliveries {
			if w.Why != "" {
				return w.Why
			}
		}
	}
	for _, w := range s.from.Node.Waiting() {
		if w.Account == s.to.Node.Account() && w.Why != "" {
			return w.Why
		}
	}
	return "it is on its way"
}

// check compares what was said with what both sides show, in their histories.
func (d *demo) check(context.Context) error {
	var missing []string
	for _, s := range d.said {
		for _, at := range []*person{s.from, s.to} {
			with := s.from
			if at == s.from {
				with = s.to
			}
			all, err := at.Node.Messages(with.Node.Account(), node.Place{}, 1000)
			if err != nil {
				return fmt.Errorf("reading %s's history: %w", at.name, err)
			}
			count := len(slices.DeleteFunc(all, func(m node.Message) bool { return m.Ref != s.ref || m.Text != s.text }))
			same := len(slices.DeleteFunc(all[:count], func(m node.Message) bool { return m.Own != (at == s.from) }))
			if count != 1 || same != 1 {
				missing = append(missing, fmt.Sprintf("%s shows %q of %s %d times, not once", at.name, s.text, s.from.name, count))
			}
		}
		if m, err := s.from.Node.Message(s.to.Node.Account(), s.ref); err != nil || !arrived(&m) {
			missing = append(missing, fmt.Sprintf("%q from %s to %s did not arrive: %s", s.text, s.from.name, s.to.name, s.why()))
		}
	}
	for _, p := range d.people {
		for _, q := range d.people {
			if p == q {
				continue
			}
			want := 0
			for _, s := range d.said {
				if s.from == p && s.to == q || s.from == q && s.to == p {
					want++
				}
			}
			all, err := p.Node.Messages(q.Node.Account(), node.Place{}, 1000)
			if err != nil {
				return fmt.Errorf("reading %s's history: %w", p.name, err)
			}
			if len(all) != want {
				missing = append(missing, fmt.Sprintf("%s shows %d messages with %s, not %d", p.name, len(all), q.name, want))
			}
		}
	}
	if len(missing) > 0 {
		return errors.New(strings.Join(missing, "; "))
	}
	d.print.end(line{Event: "end", State: "ok", What: fmt.Sprintf("All %d messages arrived, each shown once.", len(d.said))})
	return nil
}

// arrived tells whether the other device said that it has a message.
func arrived(m *node.Message) bool { return m.State() == node.Delivered || m.State() == node.Read }
