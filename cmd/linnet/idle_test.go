package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/p2p"
)

// idleRole and idlePeer make the test binary a node and nothing else: see idle.
const (
	idleRole = "LINNET_TEST_IDLE"
	idlePeer = "LINNET_TEST_PEER"
)

// idleMemory is what a node takes when nothing happens.
type idleMemory struct{ RSS, Anonymous, Heap, Goroutines uint64 }

// idle runs one node in this process, says what memory it takes once it has come to rest, and returns what to exit with.
func idle() int {
	role := p2p.Desktop
	if os.Getenv(idleRole) == "mobile" {
		role = p2p.Mobile
	}
	peer, err := p2p.ParsePeer(os.Getenv(idlePeer))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	folder, err := os.MkdirTemp("", "linnet-idle-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	defer os.RemoveAll(folder)
	m, err := openNode(settings{Folder: folder, Name: "Ada", Host: onLoopback(p2p.Config{Role: role, Bootstrap: []p2p.Peer{peer}})})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	defer func() {
		cancel()
		<-done
		m.Close()
	}()
	wait, end := context.WithTimeout(ctx, 20*time.Second)
	defer end()
	if err := poll(wait, func() bool { return m.Node.Stats().Published > 0 }); err != nil {
		fmt.Fprintln(os.Stderr, "nothing was published:", err)
		return exitFailed
	}
	time.Sleep(5 * time.Second)
	settled := readMemory()
	debug.FreeOSMemory()
	freed := readMemory()
	if err := json.NewEncoder(os.Stdout).Encode([]idleMemory{settled, freed}); err != nil {
		return exitFailed
	}
	return exitDone
}

func readMemory() (m idleMemory) {
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

// BenchmarkIdle is the memory of one node that has published itself and rests, in a process of its own: of the test binary,
// which is a little larger than linnet. Aims: 60 MiB on a desktop, 40 MiB on a phone.
func BenchmarkIdle(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("memory is read from /proc")
	}
	me, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	net, err := openMesh(b.Context(), 6)
	if err != nil {
		b.Fatal(err)
	}
	defer net.Close()
	peer := p2p.Peer{Key: net.Hosts[0].Key(), Addrs: net.Hosts[0].Addrs()}
	for _, role := range []string{"desktop", "mobile"} {
		b.Run(role, func(b *testing.B) {
			var last []idleMemory
			for b.Loop() {
				c := exec.Command(me)
				c.Env = append(os.Environ(), idleRole+"="+role, idlePeer+"="+peer.String())
				var problems bytes.Buffer
				c.Stderr = &problems
				out, err := c.Output()
				if err != nil {
					b.Fatal(err, problems.String())
				}
				if err := json.Unmarshal(out, &last); err != nil {
					b.Fatal(err)
				}
			}
			const mib = 1 << 20
			b.ReportMetric(float64(last[0].RSS)/mib, "RSS-MiB")
			b.ReportMetric(float64(last[0].Anonymous)/mib, "anon-MiB")
			b.ReportMetric(float64(last[0].Heap)/mib, "heap-MiB")
			b.ReportMetric(float64(last[1].RSS)/mib, "RSS-after-GC-MiB")
			b.ReportMetric(float64(last[1].Heap)/mib, "heap-after-GC-MiB")
			b.ReportMetric(float64(last[0].Goroutines), "goroutines")
		})
	}
}
