package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/linnetmesh/linnet/p2p"
)

// onLoopback makes a host one of a mesh on this machine: it takes free ports of 127.0.0.1, QUIC alone, and believes
// addresses that are not public.
func onLoopback(c p2p.Config) p2p.Config {
	c.Listen = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}
	c.Local = true
	c.Diversity = -1 // all are of one network here
	return c
}

// tableEnough is how many others a DHT node knows before a mesh is up: a bucket of its table holds so many.
const tableEnough = 8

// mesh is a few nodes on this machine that serve the DHT and nothing else.
type mesh struct {
	Hosts []*p2p.Host

	cancel context.CancelFunc
	group  errgroup.Group
}

// openMesh opens and runs so many hosts, each of which knows all that came before it, and waits until each has enough of
// them in its table. No address is built in: they are told about each other. The mesh must be closed.
func openMesh(ctx context.Context, size int) (_ *mesh, err error) {
	m := new(mesh)
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	m.cancel = cancel
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	for range size {
		h, err := p2p.New(onLoopback(p2p.Config{Serve: p2p.ServeAlways}))
		if err != nil {
			return nil, fmt.Errorf("opening a DHT node: %w", err)
		}
		m.Hosts = append(m.Hosts, h)
		m.group.Go(func() error { return h.Run(life) })
	}
	join, joinCtx := errgroup.WithContext(ctx)
	join.SetLimit(8)
	for i, h := range m.Hosts {
		for _, other := range m.Hosts[:i] {
			join.Go(func() error { return h.Join(joinCtx, other.Key(), other.Addrs()) })
		}
	}
	if err := join.Wait(); err != nil {
		return nil, fmt.Errorf("joining DHT nodes: %w", err)
	}
	return m, poll(ctx, func() bool {
		for _, h := range m.Hosts {
			if h.Stats().Table < min(size-1, tableEnough) {
				return false
			}
		}
		return true
	})
}

// record returns what lies under a key in the DHT, nil if nothing does.
func (m *mesh) record(ctx context.Context, key string) (value []byte) {
	_ = m.Hosts[0].Lookup(ctx, key, func(b []byte) bool {
		value = b
		return false
	})
	return value
}

// Close ends all nodes and waits until nothing of them is left.
func (m *mesh) Close() error {
	m.cancel()
	var all sync.WaitGroup
	errs := make([]error, len(m.Hosts))
	for i, h := range m.Hosts {
		all.Go(func() { errs[i] = h.Close() })
	}
	all.Wait()
	return errors.Join(append(errs, m.group.Wait())...)
}

// poll waits until something is true that tells nobody when it is. The error is the context's.
func poll(ctx context.Context, is func() bool) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
