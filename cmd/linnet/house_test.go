package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zalando/go-keyring"
	"go.uber.org/goleak"

	"github.com/linnetmesh/linnet/node/api"
	"github.com/linnetmesh/linnet/p2p"
)

// openTestHouse opens a house whose accounts reach this machine alone.
func openTestHouse(t *testing.T, folder string) *house {
	t.Helper()
	h, err := openHouse(t.Context(), houseSettings{Folder: folder, Host: onLoopback(p2p.Config{})})
	if err != nil {
		t.Fatal(err)
	}
	if err := poll(t.Context(), func() bool { // it does not wait long for the accounts, and a key takes a while to derive
		return !slices.ContainsFunc(h.Accounts(), func(a api.Account) bool { return a.Problem == beingOpened })
	}); err != nil {
		t.Fatal(err)
	}
	return h
}

func create(t *testing.T, h *house, display, passphrase string) api.Account {
	t.Helper()
	in := new(api.InCreate)
	in.Body.Display, in.Body.Passphrase = display, passphrase
	a, err := h.Create(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func closeHouse(t *testing.T, h *house) {
	t.Helper()
	if err := h.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
}

// states returns the accounts of a house as "name state".
func states(h *house) (out []string) {
	for _, a := range h.Accounts() {
		out = append(out, a.Name+" "+a.State)
	}
	return out
}

func codeOf(err error) api.Code {
	var p *api.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// TestHouse holds that accounts are there again after a restart, in the same order, and that one that does not open leaves
// the others alone.
func TestHouse(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	folder := filepath.Join(t.TempDir(), "accounts")
	h := openTestHouse(t, folder)
	if _, err := h.Node("-"); codeOf(err) != api.CodeNoAccount {
		t.Errorf("the node of nobody: %v", err)
	}
	zoe, ada := create(t, h, "Zoë", ""), create(t, h, "Ada Lovelace", "")
	again := create(t, h, "ada lovelace", "")
	if diff := cmp.Diff([]string{"zo running", "ada-lovelace running", "ada-lovelace-2 running"}, states(h)); diff != "" {
		t.Error(diff)
	}
	in := new(api.InCreate)
	in.Body.Name = again.Name
	if _, err := h.Create(t.Context(), in); codeOf(err) != api.CodeConflict {
		t.Errorf("a name that is taken: %v", err)
	}
	in.Body.Name = "../ben"
	if _, err := h.Create(t.Context(), in); codeOf(err) != api.CodeInvalid {
		t.Errorf("a name that leads out of the folder: %v", err)
	}
	s := h.Status()
	if len(s.Accounts) != 3 || len(s.Accounts[0].Checks) != 3 { // mesh, post, storage
		t.Errorf("status: %+v", s)
	}
	closeHouse(t, h)

	if err := os.WriteFile(filepath.Join(folder, again.Name, "key"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(folder, unfinished+"ben"), 0o700); err != nil {
		t.Fatal(err)
	}
	h = openTestHouse(t, folder)
	defer closeHouse(t, h)
	if diff := cmp.Diff([]string{"zo running", "ada-lovelace running", "ada-lovelace-2 failed"}, states(h)); diff != "" {
		t.Error(diff)
	}
	all := h.Accounts()
	if all[0].ID != zoe.ID || all[1].ID != ada.ID || all[0].Display != "Zoë" || all[2].Problem == "" {
		t.Errorf("other accounts are there: %+v", all)
	}
	n, err := h.Node("-")
	if err != nil || n.Account().String() != zoe.ID {
		t.Errorf("the default is not the oldest: %v", err)
	}
	if _, err := h.Node(again.Name); codeOf(err) != api.CodeDamaged {
		t.Errorf("the node of an account that failed: %v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, unfinished+"ben")); !errors.Is(err, os.ErrNotExist) {
		t.Error("an unfinished account is still there")
	}
}

// TestLocked holds that an account with a passphrase waits for it, and that it can be changed.
func TestLocked(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	folder := t.TempDir()
	h := openTestHouse(t, folder)
	create(t, h, "Ada", "sesame")
	closeHouse(t, h)

	h = openTestHouse(t, folder)
	if diff := cmp.Diff([]string{"ada locked"}, states(h)); diff != "" {
		t.Error(diff)
	}
	if _, err := h.Node("ada"); codeOf(err) != api.CodeLocked {
		t.Errorf("the node of a locked account: %v", err)
	}
	for _, c := range []struct {
		passphrase string
		code       api.Code
		want       string
	}{
		{"", api.CodeWrong, "ada locked"},
		{"simsim", api.CodeWrong, "ada locked"},
		{"sesame", "", "ada running"},
	} {
		in := new(api.InUnlock)
		in.Account, in.Body.Passphrase = "-", c.passphrase
		if _, err := h.Unlock(t.Context(), in); codeOf(err) != c.code {
			t.Errorf("unlocking with %q: %v", c.passphrase, err)
		}
		if diff := cmp.Diff([]string{c.want}, states(h)); diff != "" {
			t.Errorf("after %q: %s", c.passphrase, diff)
		}
	}
	in := new(api.InPassphrase)
	in.Account, in.Body.Old = "ada", "simsim"
	if err := h.SetPassphrase(t.Context(), in); codeOf(err) != api.CodeWrong {
		t.Errorf("changing it with a wrong one: %v", err)
	}
	in.Body.Old = "sesame"
	if err := h.SetPassphrase(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	closeHouse(t, h)
	h = openTestHouse(t, folder)
	defer closeHouse(t, h)
	if diff := cmp.Diff([]string{"ada running"}, states(h)); diff != "" {
		t.Error(diff)
	}
}

// TestDoctor holds that what others could read is found, and that a report names nobody.
func TestDoctor(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	folder := t.TempDir()
	h := openTestHouse(t, folder)
	defer closeHouse(t, h)
	a := create(t, h, "Ada", "")
	log := filepath.Join(t.TempDir(), "log")
	h.settings.LogFile = log
	if err := os.WriteFile(log, []byte("dialling 192.0.2.1 of "+a.ID+" at "+folder+"/ada: refused\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(folder, "ada", "key"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, report := range []bool{false, true} {
		r, err := h.Doctor(t.Context(), report)
		if err != nil {
			t.Fatal(err)
		}
		name := map[bool]string{false: "ada", true: "1"}[report]
		got := make(map[string]string)
		for _, c := range r.Accounts[name] {
			got[c.Name] = c.State
			if report && strings.Contains(c.Text+c.Fix, folder) {
				t.Errorf("a report has a path: %+v", c)
			}
		}
		want := map[string]string{"mesh": "warn", "post": "ok", "storage": "ok", "modes": "fail", "backup": "ok", "words": "warn"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("report %v: %s", report, diff)
		}
		if report {
			if diff := cmp.Diff([]string{"dialling … of … at …: refused"}, r.Log); diff != "" {
				t.Error(diff)
			}
		}
	}
}

// A copy that an upgrade left is no account: it has the same keys.
func TestCopyIsNoAccount(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"ada", "ada.schema1", "ada.schema1.2"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name, "key"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := findAccounts(folder)
	if diff := cmp.Diff([]string{"ada"}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// A passphrase in the keyring opens the account with the daemon, follows a change, and goes when there is none any more.
func TestKeyring(t *testing.T) {
	keyring.MockInit()
	folder := t.TempDir()
	h := openTestHouse(t, folder)
	var in api.InCreate
	in.Body.Display, in.Body.Keyring = "Ada", true
	if _, err := h.Create(t.Context(), &in); err == nil {
		t.Error("a keyring without a passphrase")
	}
	in.Body.Passphrase = "correct horse"
	if _, err := h.Create(t.Context(), &in); err != nil {
		t.Fatal(err)
	}
	again := func(want string) {
		t.Helper()
		closeHouse(t, h)
		h = openTestHouse(t, folder)
		if a := h.Accounts(); len(a) != 1 || a[0].State != want {
			t.Fatalf("%+v, want %s", a, want)
		}
	}
	again(stateRunning)
	change := func(from, to string) {
		t.Helper()
		change := api.InPassphrase{InAccount: api.InAccount{Account: "-"}}
		change.Body.Old, change.Body.New = from, to
		if err := h.SetPassphrase(t.Context(), &change); err != nil {
			t.Fatal(err)
		}
	}
	change("correct horse", "battery staple")
	again(stateRunning)
	change("battery staple", "")
	if _, err := keyring.Get(keyringService, filepath.Join(folder, "ada")); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("the keyring has it still: %v", err)
	}
	again(stateRunning)
	change("", "third")
	again(stateLocked)
	unlock := api.InUnlock{InAccount: api.InAccount{Account: "-"}}
	unlock.Body.Passphrase, unlock.Body.Keyring = "third", true
	if _, err := h.Unlock(t.Context(), &unlock); err != nil {
		t.Fatal(err)
	}
	again(stateRunning)
	closeHouse(t, h)
	keyring.MockInitWithError(errors.New("no keyring here"))
	h = openTestHouse(t, folder)
	defer closeHouse(t, h)
	if a := h.Accounts(); a[0].State != stateLocked {
		t.Errorf("without a keyring: %+v", a)
	}
	in.Body.Display = "Ben"
	if _, err := h.Create(t.Context(), &in); err == nil || len(h.Accounts()) != 1 {
		t.Errorf("an account was made although the keyring did not take its passphrase: %v", err)
	}
}

// A new account that does not run leaves nothing: no folder, no name that is taken, no passphrase in the keyring.
func TestNewDoesNotRun(t *testing.T) {
	keyring.MockInit()
	taken, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	folder := t.TempDir()
	h := openTestHouse(t, folder)
	defer closeHouse(t, h)
	well := h.settings.Host
	h.settings.Host.Listen = []string{fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", taken.LocalAddr().(*net.UDPAddr).Port)}
	var in api.InCreate
	in.Body.Display, in.Body.Passphrase, in.Body.Keyring = "Ada", "sesame", true
	if a, err := h.Create(t.Context(), &in); !errors.Is(err, p2p.ErrTaken) || len(h.Accounts()) > 0 {
		t.Errorf("it runs on an address that is taken: %+v, %v", a, err)
	}
	left, err := filepath.Glob(filepath.Join(folder, "*ada*"))
	if err != nil || len(left) > 0 {
		t.Errorf("this is left: %v, %v", left, err)
	}
	if _, err := keyring.Get(keyringService, filepath.Join(folder, "ada")); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("the keyring has its passphrase: %v", err)
	}
	h.settings.Host = well
	if a, err := h.Create(t.Context(), &in); err != nil || a.Name != "ada" || a.State != stateRunning {
		t.Errorf("once more: %+v, %v", a, err)
	}
}

// TestDaemon holds that one daemon runs at a time, in the place of one that was killed, and ends when it is asked to.
func TestDaemon(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Setenv("LINNET_HOME", t.TempDir())
	p, err := findPaths()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.make(); err != nil {
		t.Fatal(err)
	}
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: p.Socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	busy, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	s := daemonSettings{Paths: p, Listen: busy.Addr().String(), Loopback: true, Name: "Ada", Log: slog.New(slog.DiscardHandler)}
	ended := make(chan error, 1)
	go func() { ended <- runDaemon(ctx, s) }()
	client := api.DialSocket(p.Socket)
	var status *api.Status
	if err := poll(ctx, func() bool {
		status, err = api.GetStatus.Call(ctx, client, api.InNone{})
		return err == nil
	}); err != nil {
		t.Fatal(err, <-ended)
	}
	if len(status.Accounts) != 1 || status.Accounts[0].State != stateRunning || !strings.HasPrefix(status.Listen, "127.0.0.1:") {
		t.Errorf("status: %+v", status)
	}
	if port := slices.IndexFunc(status.Checks, func(c api.Check) bool { return c.Name == "port" && c.State == checkWarn }); port < 0 {
		t.Errorf("nothing is said of a port that is taken: %+v", status.Checks)
	}
	if mode, open := tooOpen(p.Socket); open {
		t.Errorf("the socket is of mode %o", mode)
	}
	var running *runningError
	if err := runDaemon(ctx, s); !errors.As(err, &running) || running.pid != os.Getpid() || !strings.Contains(err.Error(), "already running") {
		t.Errorf("a second daemon: %v", err)
	}
	if was, err := stopDaemon(ctx, p); !was || err != nil {
		t.Errorf("stopping: %v %v", was, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the daemon: %v", err)
	}
	if was, err := stopDaemon(ctx, p); was || err != nil {
		t.Errorf("stopping what does not run: %v %v", was, err)
	}
	s.Listen = "0.0.0.0:4870"
	var usage *usageError
	if err := runDaemon(ctx, s); !errors.As(err, &usage) {
		t.Errorf("listening to the world: %v", err)
	}
}

// TestPaths holds where things lie.
func TestPaths(t *testing.T) {
	long := "/run/" + strings.Repeat("x", 90)
	for _, c := range []struct {
		name, system      string
		env               map[string]string
		data, log, socket string
	}{
		{"home", "linux", map[string]string{"LINNET_HOME": "/l", "HOME": "/h"}, "/l/accounts", "/l/state/linnet.log", "/l/linnet.sock"},
		{"xdg", "linux", map[string]string{"HOME": "/h", "XDG_RUNTIME_DIR": "/run/7", "XDG_STATE_HOME": "/s"}, "/h/.local/share/linnet", "/s/linnet/linnet.log", "/run/7/linnet/linnet.sock"},
		{"no runtime", "linux", map[string]string{"HOME": "/h", "XDG_STATE_HOME": "relative"}, "/h/.local/share/linnet", "/h/.local/state/linnet/linnet.log", "/h/.local/share/linnet/linnet.sock"},
		{"long", "linux", map[string]string{"HOME": "/h", "XDG_RUNTIME_DIR": long}, "/h/.local/share/linnet", "/h/.local/state/linnet/linnet.log", "/h/.local/share/linnet/linnet.sock"},
		{"mac", "darwin", map[string]string{"HOME": "/h"}, "/h/Library/Application Support/Linnet/accounts", "/h/Library/Logs/Linnet/linnet.log", "/h/Library/Application Support/Linnet/linnet.sock"},
	} {
		p, err := findPathsOn(c.system, func(k string) string { return c.env[k] })
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff([]string{c.data, c.log, c.socket}, []string{p.Data, p.Log, p.Socket}); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if _, err := findPathsOn("linux", func(string) string { return "" }); err == nil {
		t.Error("without a home there are paths")
	}
}

// TestLogFile holds that a log does not grow, and loses the oldest lines alone.
func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := openLogFile(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"one\n", "two\n", "three\n", "four\n", "five\n", "six\n", "seven\n", "eight is longer\n"} {
		if n, err := l.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("writing %q: %d %v", s, n, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, end := range []string{"", ".1", ".2", ".3", ".4"} {
		if b, err := os.ReadFile(path + end); err == nil {
			got[end] = string(b)
		}
	}
	want := map[string]string{"": "eight is longer\n", ".1": "six\nseven\n", ".2": "four\nfive\n", ".3": "three\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
