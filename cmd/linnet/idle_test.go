package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/linnetmesh/linnet/p2p"
)

// BenchmarkIdle is the memory of one node that has published itself and rests, in a process of its own that links what an app on
// a phone does, and no face: testdata/idle. Aims: 60 MiB of RSS on a desktop, 40 MiB on a phone. RSS counts the pages of the
// program that were read, too, which the system takes back where it is short of memory; anonymous is what stays.
func BenchmarkIdle(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("memory is read from /proc")
	}
	program := filepath.Join(b.TempDir(), "idle")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", program, "./testdata/idle").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	net, err := openMesh(b.Context(), 6)
	if err != nil {
		b.Fatal(err)
	}
	defer net.Close()
	peer := p2p.Peer{Key: net.Hosts[0].Key(), Addrs: net.Hosts[0].Addrs()}
	for _, role := range []string{"desktop", "mobile"} {
		b.Run(role, func(b *testing.B) {
			var last []struct{ RSS, Anonymous, Heap, Goroutines float64 }
			for b.Loop() {
				c := exec.CommandContext(b.Context(), program, role, peer.String())
				var problems bytes.Buffer
				c.Stderr = &problems
				out, err := c.Output()
				if err == nil {
					err = json.Unmarshal(out, &last)
				}
				if err != nil {
					b.Fatal(err, problems.String())
				}
			}
			const mib = 1 << 20
			for i, after := range []string{"", "-after-GC"} {
				b.ReportMetric(last[i].RSS/mib, "RSS"+after+"-MiB")
				b.ReportMetric(last[i].Anonymous/mib, "anon"+after+"-MiB")
				b.ReportMetric(last[i].Heap/mib, "heap"+after+"-MiB")
			}
			b.ReportMetric(last[0].Goroutines, "goroutines")
		})
	}
}
