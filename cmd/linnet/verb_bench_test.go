package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkVerbs times whole processes that ask a daemon which runs: linnet status, and linnet send to a contact that is
// awake. The floor is linnet version, which asks nobody.
func BenchmarkVerbs(b *testing.B) {
	program := filepath.Join(b.TempDir(), "linnet")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	b.Setenv("LINNET_HOME", b.TempDir())
	linnet := func(args ...string) []byte {
		out, err := exec.Command(program, args...).Output()
		if err != nil {
			b.Fatalf("linnet %v: %v\n%s", args, err, out)
		}
		return out
	}
	linnet("up", "--loopback", "--listen", "off", "--name", "Ada")
	defer linnet("down")
	linnet("init", "--name", "Ben")
	var invite struct {
		Link string `json:"link"`
	}
	if err := json.Unmarshal(linnet("invite", "--json"), &invite); err != nil {
		b.Fatal(err)
	}
	linnet("add", "--account", "ben", "--alias", "ada", invite.Link)
	linnet("send", "--account", "ben", "@ada", "hello", "--wait", "30s")
	for _, args := range [][]string{{"version"}, {"status"}, {"send", "--account", "ben", "@ada", "hello"}, {"history", "--account", "ben", "@ada"}} {
		b.Run(args[0], func(b *testing.B) {
			var all []time.Duration
			for b.Loop() {
				began := time.Now()
				linnet(args...)
				all = append(all, time.Since(began))
			}
			percentiles(b, "process", all)
		})
	}
}
