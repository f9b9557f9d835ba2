package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/mailbox"
)

// TestBlind lists all code that is linked: nothing of it can open an envelope or a session.
func TestBlind(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dep := range strings.Fields(string(out)) {
		if regexp.MustCompile(`linnetmesh/linnet/(node|crypto/(session|ratchet|spqr|pqxdh|envelope|bundle|senderkey|kyber))(/|$)`).MatchString(dep) {
			t.Errorf("%s is linked", dep)
		}
	}
}

func TestConfig(t *testing.T) {
	for text, want := range map[string]string{
		"[limits]\nmail_post = 5":       "no such keys: limits.mail_post",
		"metrics = \"0.0.0.0:1\"":       "not a loopback address",
		"[limits]\nkeep = \"-1h\"":      "keep",
		"bootstrap = [\"nowhere\"]":     "bootstrap",
		"[limits]\nkeep = \"48h\"":      "",
		"listen = 5":                    "listen",
		"[limits]\nconns_per_node = -1": "connections per node",
	} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "relay.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := loadConfig(folder, "")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// do runs the command in a folder, and returns what it printed and its exit code.
func do(folder string, args ...string) (string, int) {
	out := new(bytes.Buffer)
	code := run(append([]string{"--folder", folder}, args...), out, out)
	return out.String(), code
}

// TestRelay starts a relay, and asks it everything.
func TestRelay(t *testing.T) {
	folder, err := os.MkdirTemp("", "relay") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if text, code := do(folder, "stats"); code != 3 {
		t.Error(code, text)
	}
	if text, code := do(folder, "init"); code != 0 || !strings.Contains(text, "linnetnode1") {
		t.Error(code, text)
	}
	if text, code := do(folder, "check"); code != 0 {
		t.Error(code, text)
	}
	if text, code := do(folder, "nonsense"); code != 2 {
		t.Error(code, text)
	}
	if text, code := do(folder, "ban", "192.0.2.0/24", strings.Repeat("ab", 32)); code != 0 || !strings.Contains(text, "next start") {
		t.Error(code, text)
	}
	cfg, err := loadConfig(folder, "")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Local, cfg.Small, cfg.MinFree = true, true, 1
	cfg.Listen, cfg.Metrics = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, "127.0.0.1:0"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	printed, pipe := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- serve(ctx, cfg, nil, func() (config, error) { return loadConfig(folder, "") }, pipe, io.Discard)
		_ = pipe.Close()
	}()
	text := make([]byte, 4096)
	var said string
	for !strings.Contains(said, "linnet:relay/") || !strings.HasSuffix(said, "\n\n") {
		n, err := printed.Read(text)
		if err != nil {
			t.Fatal(err, <-done)
		}
		said += string(text[:n])
	}
	go func() { _, _ = io.Copy(io.Discard, printed) }()
	link := regexp.MustCompile(`linnet:relay/\S+`).FindString(said)
	if a, err := mailbox.ParseAddress(link); err != nil || len(a.Addrs) != 1 {
		t.Error(a, err)
	}
	if info, err := os.Stat(socket(folder)); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if text, code := do(folder, ""); code == 0 {
		t.Error("a second one: ", text)
	}
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"drain"}, "no new post"},
		{[]string{"stats"}, `"Draining": true`},
		{[]string{"drain", "off"}, "taken again"},
		{[]string{"ban", "2001:db8::/32"}, "from now on"},
		{[]string{"stats"}, link},
	} {
		if text, code := do(folder, step.args...); code != 0 || !strings.Contains(text, step.want) {
			t.Errorf("%v: %d %s", step.args, code, text)
		}
	}
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it does not stop")
	}
}

// TestMetrics reads all metrics of a relay that is not started, lints them, and looks for those that the dashboard and the
// alerts name.
func TestMetrics(t *testing.T) {
	names := []string{"process_resident_memory_bytes", "go_memstats_heap_inuse_bytes"}
	for _, d := range descs {
		names = append(names, regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1])
		if regexp.MustCompile(`variableLabels: \{[^}]*(box|node|addr|ip|peer|id)\b`).MatchString(d.String()) {
			t.Errorf("%v names somebody", d)
		}
	}
	dashboard, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(dashboard) {
		t.Error("the dashboard is no JSON")
	}
	alerts, err := os.ReadFile("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	used := regexp.MustCompile(`\b(linnet_relay|process|go)_[a-z_]+`).FindAllString(string(dashboard)+string(alerts), -1)
	if len(used) < 20 {
		t.Errorf("only %d metrics are used", len(used))
	}
	for _, name := range used {
		if !slices.Contains(names, name) {
			t.Errorf("there is no metric %s", name)
		}
	}
}
