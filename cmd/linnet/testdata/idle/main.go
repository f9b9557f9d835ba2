// Command idle is what a phone runs in the background: a node with its store and its host, and no face. It lets itself be found,
// rests, and says what memory that takes: see BenchmarkIdle.
//
// It is given a role, desktop or mobile, a peer to begin with, and, to look closer, a file for a heap profile.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p"
)

// rest is how long nothing happens before the first look.
const rest = 5 * time.Second

// patience is how long it may take to be found.
const patience = 20 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "idle:", err)
		os.Exit(1)
	}
}

func run(args []string) (err error) {
	if len(args) < 2 {
		return errors.New("it is: idle desktop|mobile PEER [PROFILE]")
	}
	role := p2p.Desktop
	if args[0] == "mobile" {
		role = p2p.Mobile
	}
	peer, err := p2p.ParsePeer(args[1])
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "linnet-idle-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	v, err := vault.Open(vault.Config{Folder: folder, Mobile: role == p2p.Mobile})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	if err := node.Create(v, "Ada", time.Now()); err != nil {
		return err
	}
	host, err := p2p.New(p2p.Config{
		Role: role, Bootstrap: []p2p.Peer{peer},
		Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, Local: true, Diversity: -1, // all are of one machine here
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	n, err := node.New(node.Config{
		Vault: v, Deliver: host.Lane(p2p.Deliver), Bundle: host.Lane(p2p.Bundle), Mailbox: host.Lane(p2p.Mailbox),
		Conference: host.Lane(p2p.Conference), Directory: host, Reach: host,
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return host.Run(ctx) })
	g.Go(func() error {
		if err := host.Join(ctx, peer.Key, peer.Addrs); err != nil {
			return err
		}
		return n.Run(ctx)
	})
	g.Go(func() error {
		defer stop()
		return look(ctx, n, args[2:])
	})
	return g.Wait()
}

// look waits until the node can be found and has come to rest, and prints what it takes: as it is, and once what is not used
// went back to the system.
func look(ctx context.Context, n *node.Node, profile []string) error {
	for end := time.Now().Add(patience); n.Stats().Published == 0; {
		if time.Now().After(end) {
			return errors.New("nothing was published")
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	if err := wait(ctx, rest); err != nil {
		return err
	}
	settled := read()
	debug.FreeOSMemory()
	if err := json.NewEncoder(os.Stdout).Encode([]memory{settled, read()}); err != nil {
		return err
	}
	if len(profile) == 0 {
		return nil
	}
	for _, name := range []string{"heap", "goroutine"} {
		f, err := os.Create(profile[0] + "." + name)
		if err == nil {
			err = errors.Join(pprof.Lookup(name).WriteTo(f, 0), f.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// memory is what a process takes, in bytes.
type memory struct{ RSS, Anonymous, Heap, Goroutines uint64 }

func read() (m memory) {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	m.Heap, m.Goroutines = s.HeapAlloc, uint64(runtime.NumGoroutine())
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		n, _ := strconv.ParseUint(fields[1], 10, 64)
		switch fields[0] {
		case "VmRSS:":
			m.RSS = n << 10
		case "RssAnon:":
			m.Anonymous = n << 10
		}
	}
	return m
}
