package main

import (
	"bytes"
	"context"
	"net"
	"slices"
	"sync"

	"github.com/linnetmesh/linnet/node"
)

// maxWitnessed is how many bytes of each lane a witness keeps.
const maxWitnessed = 4 << 20

// witness writes down what a node gives out of its hands: what it puts into the DHT, and what it writes on its lanes,
// before the network encrypts that once more. So whoever shows the demo says what was seen, and not what should be.
type witness struct {
	mu    sync.Mutex
	puts  []put
	lanes []byte
	total int
	off   bool
	mute  bool
}

// put is what was published: under which key, and how many nodes said that they keep it.
type put struct {
	key  string
	kept int
}

// watch puts the witness between a node and its host.
func (w *witness) watch(c *node.Config) {
	c.Directory = watchedDirectory{c.Directory, w}
	c.Deliver = watchedLane{c.Deliver, w}
	c.Bundle = watchedLane{c.Bundle, w}
	c.Mailbox = watchedLane{c.Mailbox, w}
}

// stop has it write down no more.
func (w *witness) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off = true
}

// hush holds back what the node itself publishes, as if it slept for hours already; or no longer.
func (w *witness) hush(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mute = on
}

// published returns what the node published.
func (w *witness) published() []put {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.puts)
}

// written returns how many bytes went out on the lanes, and whether any of these texts was among them. It is false also
// where not all was kept.
func (w *witness) written(texts ...string) (total int, sealed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range texts {
		if bytes.Contains(w.lanes, []byte(t)) {
			return w.total, false
		}
	}
	return w.total, w.total == len(w.lanes)
}

func (w *witness) wrote(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.off {
		return
	}
	w.total += len(b)
	w.lanes = append(w.lanes, b[:min(len(b), maxWitnessed-len(w.lanes))]...)
}

type watchedDirectory struct {
	node.Directory
	w *witness
}

func (d watchedDirectory) Publish(ctx context.Context, key string, value []byte) (int, error) {
	d.w.mu.Lock()
	mute := d.w.mute
	d.w.mu.Unlock()
	if mute {
		return 0, nil
	}
	kept, err := d.Directory.Publish(ctx, key, value)
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if err == nil && !d.w.off {
		d.w.puts = append(d.w.puts, put{key, kept})
	}
	return kept, err
}

type watchedLane struct {
	node.Lane
	w *witness
}

func (l watchedLane) Dial(ctx context.Context, key node.TransportKey, addrs []string) (net.Conn, error) {
	conn, err := l.Lane.Dial(ctx, key, addrs)
	if err != nil {
		return nil, err
	}
	return watchedConn{conn, l.w}, nil
}

func (l watchedLane) Handle(serve func(node.TransportKey, net.Conn)) {
	l.Lane.Handle(func(key node.TransportKey, conn net.Conn) { serve(key, watchedConn{conn, l.w}) })
}

type watchedConn struct {
	net.Conn
	w *witness
}

func (c watchedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.w.wrote(b[:n])
	return n, err
}
