package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/p2p"
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
	folder := shortFolder(t)
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
	link, _, stop := startRelay(t, folder)
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
}

// startRelay runs a relay in a folder on this machine, until stop or the end of the test. It returns its address and
// where its metrics are.
func startRelay(t testing.TB, folder string) (link, metrics string, stop func()) {
	t.Helper()
	cfg, err := loadConfig(folder, "")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Local, cfg.Small, cfg.MinFree = true, true, 1
	cfg.Listen, cfg.Metrics = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, "127.0.0.1:0"
	ctx, cancel := context.WithCancel(context.Background())
	said := &process{over: make(chan struct{}), more: make(chan struct{}, 1)}
	done := make(chan error, 1)
	go func() {
		done <- serve(ctx, cfg, nil, func() (config, error) { return loadConfig(folder, "") }, said, said)
		close(said.over)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Error("it does not stop")
		}
	})
	t.Cleanup(stop)
	up := regexp.MustCompile(`the relay is up.* metrics=(\S+)`)
	for {
		said.mu.Lock()
		text := said.said.String()
		said.mu.Unlock()
		if found := up.FindStringSubmatch(text); found != nil {
			return regexp.MustCompile(`linnet:relay/\S+`).FindString(text), found[1], stop
		}
		select {
		case <-said.more:
		case <-said.over:
			t.Fatal("it ended: ", text)
		}
	}
}

// shortFolder returns a folder whose path is short enough for a socket in it.
func shortFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "relay") //nolint:usetesting // its paths would be too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

// TestStopAtOnce stops a relay before it has begun: it ends in order.
func TestStopAtOnce(t *testing.T) {
	cfg, err := defaults(shortFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Local, cfg.Small, cfg.MinFree = true, true, 1
	cfg.Listen, cfg.Metrics = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, "127.0.0.1:0"
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := serve(ctx, cfg, nil, nil, io.Discard, io.Discard); err != nil {
		t.Error(err)
	}
}

// TestLiveMetrics has a device put, knock, fetch and be refused, reads the metrics of that, lints them, and looks for
// anything in them that says who somebody is.
func TestLiveMetrics(t *testing.T) {
	link, metrics, stop := startRelay(t, shortFolder(t))
	defer stop()
	address, err := mailbox.ParseAddress(strings.ToUpper(link)) // as it is in a QR code
	if err != nil {
		t.Fatal(err)
	}
	host, err := p2p.New(p2p.Config{Listen: []string{}, Local: true})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	at := mailbox.Place{Relay: address.Key}
	for _, b := range address.Addrs {
		text, err := p2p.DecodeAddr(b)
		if err != nil {
			t.Fatal(err)
		}
		at.Addrs = append(at.Addrs, text)
	}
	c := mailbox.NewClient(host.Lane(p2p.Mailbox))
	defer c.Shut()
	key, secret := identity.GenerateBoxKey(), mailbox.NewSecret()
	if _, err := c.Open(t.Context(), at, key, mailbox.Opening{Kind: mailbox.Mail, Secret: secret}); err != nil {
		t.Fatal(err)
	}
	mint, post := secret.Mint(at.Relay, key.Public()), make([]byte, 512)
	if _, err := c.Put(t.Context(), at, key.Public(), post, mint.Token(mailbox.NewClass(), time.Now().Add(time.Hour), 0, 0)); err != nil {
		t.Error(err)
	}
	if _, err := c.Put(t.Context(), at, key.Public(), post, mint.Token(mailbox.NewClass(), time.Now().Add(-time.Hour), 0, 0)); !errors.Is(err, mailbox.ErrTokenExpired) {
		t.Error(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+metrics+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(bytes.NewReader(page)).Lint()
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	for _, want := range []string{
		"linnet_relay_posts_put_total 1\n", `linnet_relay_refused_total{reason="token has expired"} 1`, "linnet_relay_boxes 1\n",
		"go_build_info{", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%q is not in the metrics", want)
		}
	}
	labels := regexp.MustCompile(`(?m)^linnet_relay_\w+\{([^}]*)\}`).FindAllStringSubmatch(string(page), -1)
	if len(labels) == 0 {
		t.Error("no metric with a label was there to be looked at")
	}
	for _, l := range labels {
		if !regexp.MustCompile(`^(reason|what)="[a-z ,'-]+"$`).MatchString(l[1]) {
			t.Errorf("a label that may name somebody: %s", l[0])
		}
	}
	id := key.Public()
	for _, secret := range []string{hex.EncodeToString(id[:]), host.Key().String(), address.Key.String(), "127.0.0.1", "/ip4"} {
		if strings.Contains(string(page), secret) {
			t.Errorf("%s is in the metrics", secret)
		}
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
