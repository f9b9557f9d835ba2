package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/conference/headless"
	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/rtc"
	"github.com/linnetmesh/linnet/p2p"
)

const token = "a token of many letters"

// freeAddress returns an address on loopback that was free.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// testConfig is a mixer for this machine alone, with a room.
func testConfig(t testing.TB) config {
	t.Helper()
	cfg, err := defaults()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Folder, cfg.Local, cfg.Grace = t.TempDir(), true, duration(100*time.Millisecond)
	cfg.HTTP, cfg.Metrics, cfg.Media.Port = freeAddress(t), freeAddress(t), 0
	cfg.Listen = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}
	cfg.Rooms = []roomConfig{{Name: "lobby", Token: token}}
	return cfg
}

// written is output that a test reads while it is written.
type written struct {
	mu sync.Mutex
	b  strings.Builder
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(b)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// start runs a mixer until stop, which waits for it and returns its error.
func start(t *testing.T, cfg config, hup chan os.Signal, reload func() (config, error)) (out *written, stop func() error) {
	t.Helper()
	out = new(written)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, cfg, hup, reload, out, io.Discard) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = stop() })
	eventually(t, "health", func() bool {
		code, _ := get(t, "http://"+cfg.Metrics+"/healthz")
		select {
		case err := <-done:
			t.Fatalf("ended: %v", err)
		default:
		}
		return code == http.StatusOK
	})
	return out, stop
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s", what)
		}
	}
}

func get(t testing.TB, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, ""
	}
	defer a.Body.Close()
	b, _ := io.ReadAll(a.Body)
	return a.StatusCode, string(b)
}

// Two people talk through a mixer: over its lane by the address that it printed, and over HTTP. It counts them, and the
// counts are good Prometheus.
func TestMixer(t *testing.T) {
	cfg := testConfig(t)
	out, stop := start(t, cfg, nil, nil)
	peer, secret := pasted(t, out.String())

	client, err := p2p.New(p2p.Config{Listen: []string{}, Local: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	lane := client.Lane(p2p.Conference)
	m := conference.Mixer{Key: peer.Key, Addrs: peer.Addrs}
	key := conference.NewJoinKey()
	o := conference.Opening{Room: conference.NewRoomID(), Mode: conference.Mixed, Owner: conference.NewJoinKey().Hash(), Keys: []conference.KeyHash{key.Hash()}}
	if err := conference.OpenRoom(t.Context(), lane, m, o); err == nil {
		t.Error("opened without the token")
	}
	second := conference.NewJoinKey()
	o.Token, o.Keys = secret, append(o.Keys, second.Hash())
	if err := conference.OpenRoom(t.Context(), lane, m, o); err != nil {
		t.Fatal(err)
	}
	e, err := rtc.Listen(rtc.Config{LoopbackOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	said := hearing.Speech(0)[:2*48000]
	speaker := headless.New(headless.Config{
		Endpoint: e, Way: headless.ByLane{Lane: lane, Mixer: m, Room: o.Room, Key: key}, Play: said, Loop: true,
	})
	listener := headless.New(headless.Config{
		Endpoint: e, Way: headless.ByHTTP{URL: "http://" + cfg.HTTP + "/rooms/" + o.Room.String() + "/legs", Bearer: second.Bearer()}, Record: true,
	})
	ctx, leave := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for _, p := range []*headless.Participant{speaker, listener} {
		group.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	understands(t, listener, said)

	_, text := get(t, "http://"+cfg.Metrics+"/metrics")
	for _, want := range []string{"linnet_mixer_legs 2", `linnet_mixer_refused_total{reason="not allowed"} 1`, "linnet_mixer_peers 1"} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	checkDashboard(t, text)
	leave()
	group.Wait()
	if err := stop(); err != nil {
		t.Error(err)
	}
	again, _ := start(t, cfg, nil, nil)
	if after, same := pasted(t, again.String()); after.Key != peer.Key || same != secret {
		t.Error("another key or token after a restart")
	}
	http.DefaultClient.CloseIdleConnections()
}

// understands waits until a participant has understood what another says again and again.
func understands(t *testing.T, p *headless.Participant, said []float32) {
	t.Helper()
	best := 0.0
	eventually(t, "understanding", func() bool {
		heard := p.Heard(0)
		if len(heard) < 6*48000 {
			return false
		}
		likeness, _ := hearing.Likeness(said, heard[len(heard)-5*48000:], 3*48000)
		best = max(best, likeness)
		return likeness >= 0.75
	})
	t.Logf("likeness %.2f", best)
}

// pasted reads the address that a mixer printed.
func pasted(t *testing.T, out string) (p2p.Peer, string) {
	t.Helper()
	text := regexp.MustCompile(`linnet:mixer/\S+`).FindString(out)
	u, err := url.Parse(text)
	if err != nil || !strings.HasPrefix(text, addressPrefix) {
		t.Fatalf("%q: %v", out, err)
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(text, addressPrefix), "?")
	key, err := p2p.ParseKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return p2p.Peer{Key: key, Addrs: u.Query()["a"]}, u.Query().Get("t")
}

// The dashboard shows nothing that the mixer does not count.
func checkDashboard(t *testing.T, text string) {
	t.Helper()
	b, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &board); err != nil || len(board.Panels) == 0 {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\b(linnet_mixer|process|go)_[a-z_]+`)
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			for _, name := range names.FindAllString(target.Expr, -1) {
				// A counter by reason is there once there was one.
				if !strings.Contains(text, "# TYPE "+name+" ") && name != "linnet_mixer_legs_left_total" {
					t.Errorf("%s: there is no %s", panel.Title, name)
				}
			}
		}
	}
}

func TestAlone(t *testing.T) {
	cfg := testConfig(t)
	_, stop := start(t, cfg, nil, nil)
	other := testConfig(t)
	other.Folder = cfg.Folder
	if err := serve(t.Context(), other, nil, nil, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "another linnet-mixer") {
		t.Errorf("a second one: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if runtime.GOOS != "windows" {
		for _, name := range []string{"key", "token", "lock"} {
			info, err := os.Stat(filepath.Join(cfg.Folder, name))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestReload(t *testing.T) {
	cfg := testConfig(t)
	hup := make(chan os.Signal, 1)
	next := cfg
	next.Rooms = append(next.Rooms, roomConfig{Name: "stage", Token: token, Forward: true})
	start(t, cfg, hup, func() (config, error) { return next, nil })
	rooms := func() string {
		_, text := get(t, "http://"+cfg.Metrics+"/metrics")
		return regexp.MustCompile(`linnet_mixer_rooms\{kind="fixed"\} \d+`).FindString(text)
	}
	if got := rooms(); !strings.HasSuffix(got, " 1") {
		t.Errorf("got %s", got)
	}
	hup <- os.Interrupt
	eventually(t, "second room", func() bool { return strings.HasSuffix(rooms(), " 2") })
	http.DefaultClient.CloseIdleConnections()
}

func TestConfig(t *testing.T) {
	load := func(text string) (config, error) {
		file := filepath.Join(t.TempDir(), "mixer.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return loadConfig(file)
	}
	c, err := load(`
name = "Ada's mixer"
grace = "5s"
[media]
port = 5000
public = ["192.0.2.1"]
[limits]
room_legs = 10
[open]
who = "open"
[[room]]
name = "lobby"
token = "a token of many letters"
`)
	if err != nil || c.Media.Port != 5000 || c.Limits.RoomLegs != 10 || c.Limits.Legs != 200 || time.Duration(c.Grace) != 5*time.Second {
		t.Errorf("%+v, %v", c, err)
	}
	var shown strings.Builder
	if err := c.print(&shown); err != nil || strings.Contains(shown.String(), "many letters") || !strings.Contains(shown.String(), "lobby") {
		t.Errorf("%s %v", shown.String(), err)
	}
	for name, text := range map[string]string{
		"an unknown key": "nome = \"x\"", "an unknown key below": "[media]\nprot = 1", "a wrong type": "[media]\nport = \"x\"",
		"metrics for all": "metrics = \"0.0.0.0:1\"", "no address": "http = \"x\"", "who": "[open]\nwho = \"friends\"",
		"an empty list": "[open]\nwho = \"allow\"", "no key": "[open]\nwho = \"allow\"\nallow = [\"linnetnode1x\"]",
		"a list that does not count": "[open]\nallow = [\"x\"]", "a short token": "[[room]]\nname = \"a\"\ntoken = \"x\"",
		"a bad duration": "grace = \"soon\"", "no TOML": "=",
	} {
		if _, err := load(text); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, args := range [][]string{{"--nonsense"}, {"argument"}, {"--config", "/no/such/file"}} {
		if got := run(args, io.Discard, io.Discard); got != 2 {
			t.Errorf("%v: exit code %d", args, got)
		}
	}
	if got := run([]string{"--print-config"}, io.Discard, io.Discard); got != 0 {
		t.Errorf("exit code %d", got)
	}
}
