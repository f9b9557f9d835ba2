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
	"golang.org/x/sync/errgroup"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/p2p"
)

// meshSize is how many nodes serve the DHT of the demo.
const meshSize = 6

// demoSettings are the flags of the demo.
type demoSettings struct {
	keep, json bool
	timeout    time.Duration
}

func newDemo() *cobra.Command {
	var s demoSettings
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a whole mesh on this machine, and two people who meet in it",
		Long: `Demo runs a whole mesh on this machine: nodes of the DHT, and Ada and Ben, each with
an account, an encrypted vault in a temporary folder, and a host of its own. Ben
begins with nothing but Ada's invite. All that is said here was measured.

It exits with 0 if every message arrived and was shown once, and else with 1.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if s.timeout <= 0 {
				return &usageError{fmt.Sprintf("--timeout %s is no time; the default is 30s", s.timeout)}
			}
			return runDemo(c.Context(), c.OutOrStdout(), s)
		},
	}
	c.Flags().BoolVar(&s.keep, "keep", false, "leave it running until Ctrl-C")
	c.Flags().BoolVar(&s.json, "json", false, "print one JSON object per line")
	c.Flags().DurationVar(&s.timeout, "timeout", 30*time.Second, "how long all of it may take")
	return c
}

// demo is a mesh and the people in it, while the demo runs.
type demo struct {
	print  *printer
	folder string
	mesh   *mesh
	people []*person
	said   []said
	life   context.Context //nolint:containedctx // that of the people's nodes, which end with the demo and not with a step
	end    context.CancelFunc
	group  errgroup.Group
}

// person is somebody in the demo.
type person struct {
	*messenger
	witness
	name, folder string
}

// said is a message that must arrive, and be shown once.
type said struct {
	from, to *person
	ref      node.Ref
	text     string // as it is shown in the end
}

// runDemo runs the demo, and takes away all that it made.
func runDemo(ctx context.Context, out io.Writer, s demoSettings) (err error) {
	d, err := newStage(ctx, newPrinter(out, s.json))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()

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
func newStage(ctx context.Context, p *printer) (*demo, error) {
	folder, err := os.MkdirTemp("", "linnet-demo-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	d := &demo{print: p, folder: folder}
	d.life, d.end = context.WithCancel(context.WithoutCancel(ctx))
	return d, nil
}

// run is the main job, step by step.
func (d *demo) run(ctx context.Context) error {
	d.print.title("Linnet demo", fmt.Sprintf("%d DHT nodes, Ada and Ben", meshSize))
	for _, step := range []func(context.Context) error{d.meet, d.talk, d.compare, d.tell, d.check} {
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
func (d *demo) open(name string, bootstrap ...p2p.Peer) (*person, error) {
	p := &person{name: name, folder: filepath.Join(d.folder, strings.ToLower(name))}
	m, err := openNode(settings{
		Folder: p.folder, Name: name, Watch: p.watch,
		Host: onLoopback(p2p.Config{Bootstrap: bootstrap}),
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p.messenger = m
	d.people = append(d.people, p)
	d.group.Go(func() error {
		if err := m.Run(d.life); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	return p, nil
}

// close ends what runs and removes the folder.
func (d *demo) close() error {
	d.end()
	errs := []error{d.group.Wait()}
	for _, p := range d.people {
		errs = append(errs, p.Close())
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
			all, err := p.Node.Messages(q.Node.Account(), node.Place{}, 1000)
			if err != nil {
				return fmt.Errorf("reading %s's history: %w", p.name, err)
			}
			if len(all) != len(d.said) {
				missing = append(missing, fmt.Sprintf("%s shows %d messages, not %d", p.name, len(all), len(d.said)))
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
