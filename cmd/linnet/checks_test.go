package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zalando/go-keyring"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/api"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p"
)

// Whatever is wrong, status and doctor say what, and what to do.
func TestFindings(t *testing.T) {
	now := time.Date(2027, 6, 1, 12, 0, 0, 0, time.UTC)
	one := func(c api.Check) []api.Check { return []api.Check{c} }
	used := func(change func(*node.Relay)) node.Relay {
		r := node.Relay{State: node.RelayUsed}
		change(&r)
		return r
	}
	ahead := func(all ...time.Duration) (out []node.Relay) {
		for _, d := range all {
			out = append(out, used(func(r *node.Relay) { r.Ahead, r.Timed = d, true }))
		}
		return append(out, node.Relay{})
	}
	well := used(func(*node.Relay) {})
	refuses := used(func(r *node.Relay) { r.Why = "it is full" })
	keyless := used(func(r *node.Relay) { r.Refuses = "its disk is full" })
	drains := used(func(r *node.Relay) { r.Drains = true })
	full := vault.Stats{Bytes: 1e6, Free: 2e9}
	for _, c := range []struct {
		name string
		got  []api.Check
		want string // state and beginning of the text of each, joined
	}{
		{"no network", one(checkMesh(p2p.Stats{}, nil, false)), "warn this machine is on no network"},
		{"no peers", one(checkMesh(p2p.Stats{}, nil, true)), "warn connected to nobody"},
		{"one peer", one(checkMesh(p2p.Stats{Peers: 1, Serving: true}, []string{"/ip4/x"}, true)), "ok 1 peer; reachable from outside"},
		{"NAT", one(checkMesh(p2p.Stats{Peers: 9, Relayed: 2}, nil, true)), "ok 9 peers; behind a router that lets nobody in, 2 of the connections by relay"},
		{"NAT with a relay", one(checkMesh(p2p.Stats{Peers: 9}, []string{"/ip4/x/p2p-circuit"}, true)), "ok 9 peers; behind a router, reachable by relay"},
		{"no relay", checkPost(nil), "ok no relay: both of you must be awake"},
		{"all relays left", checkPost([]node.Relay{{State: node.RelayLeaving}}), "warn no relay keeps post for this device"},
		{"relays", checkPost([]node.Relay{well, well, {State: node.RelayAllowed}}), "ok boxes on 2 relays"},
		{"a relay refuses", checkPost([]node.Relay{well, refuses}), "warn boxes on 2 relays, 1 of which cannot be used: it is full"},
		{"a relay takes no prekeys", checkPost([]node.Relay{well, keyless}), "warn boxes on 2 relays, 1 of which take no prekeys: its disk is full ("},
		{"a relay drains", checkPost([]node.Relay{well, drains}), "warn boxes on 2 relays, 1 of which take nothing new"},
		{"all relays refuse", checkPost([]node.Relay{refuses}), "fail boxes on 1 relay, and none can be used: it is full"},
		{"right", checkClock(ahead(time.Second, -time.Second)), ""},
		{"nobody tells the time", checkClock(ahead()), ""},
		{"behind", checkClock(ahead(41*time.Second, 45*time.Second)), "warn 41s behind that of the relays"},
		{"ahead", checkClock(ahead(-time.Hour, -time.Hour-time.Second)), "fail 1h0m0s ahead of that of the relays"},
		{"one relay lies", checkClock(ahead(time.Hour, time.Second)), ""},
		{"relays disagree", checkClock(ahead(time.Hour, -time.Hour)), ""},
		{"the disk is full", one(checkStorage(vault.Stats{Full: true}, nil, "x")), "fail 0 bytes used, 0 bytes free; x"},
		{"a record is damaged", one(checkStorage(vault.Stats{Damaged: 1}, []string{"a contact is damaged"}, "x")), "warn 0 bytes used, 0 bytes free; x; a contact is damaged"},
		{"writes vanished", one(checkStorage(vault.Stats{Lost: 3}, nil, "x")), "warn 0 bytes used, 0 bytes free; x; 3 writes vanished"},
		{"storage", one(checkStorage(full, nil, "backup 9 days old")), "ok 1 MB used, 2 GB free; backup 9 days old"},
		{"no backup, nobody", one(checkBackup(time.Time{}, false, 0, now)), "ok there is none, and nothing to lose"},
		{"no backup", one(checkBackup(time.Time{}, false, 1, now)), "warn there is none: with this device"},
		{"old backup", one(checkBackup(now.Add(-31*24*time.Hour), true, 1, now)), "warn the last one is 31 days old"},
		{"backup", one(checkBackup(now.Add(-3*time.Hour), true, 1, now)), "ok 3 hours old"},
		{"minutes", one(checkBackup(now.Add(-time.Minute), true, 1, now)), "ok 1 minute old"},
		{"tomorrow", one(checkBackup(now.Add(time.Hour), true, 1, now)), "ok just made"},
		{"one version", checkVersion("v1.2.3", "v1.2.3"), ""},
		{"an old daemon", checkVersion("v1.2.3", "v1.10.0"), "warn the daemon that runs is v1.2.3, older than this command, which is v1.10.0"},
		{"an old command", checkVersion("v1.3.0", "v1.3.0-rc.1"), "warn this command is v1.3.0-rc.1, older than the daemon that runs, which is v1.3.0"},
		{"builds of two days", checkVersion("v0.0.0-20261128180000-8c41c9b83f12", "v0.0.0-20261129090000-3f128c41c9b8"), "warn the daemon that runs is v0.0.0-20261128180000-8c41c9b83f12, older than"},
		{"a changed build", checkVersion("v1.2.3", "v1.2.3+dirty"), "warn the daemon that runs is v1.2.3, and this command is v1.2.3+dirty"},
		{"no version", checkVersion("(devel)", "v1.2.3"), "warn the daemon that runs is (devel), and this command is v1.2.3"},
		{"long ago", checkMachine(time.Unix(0, 0)), clockOfBuild()},
		{"modes", one(checkMode("folder", filepath.Join(t.TempDir(), "none"), "0700")), "fail lstat"},
	} {
		var all []string
		for _, c := range c.got {
			all = append(all, c.State+" "+c.Text)
			if c.State != checkOK && c.Fix == "" {
				t.Errorf("%q: nothing is said of what to do", c.Text)
			}
		}
		if got := strings.Join(all, "\n"); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// clockOfBuild is what is said of a clock that is earlier than the source, if this program knows when that was.
func clockOfBuild() string {
	if _, ok := madeAt(); ok {
		return "fail it says 1970-01-01"
	}
	return ""
}

// A wrong passphrase in the keyring leaves the account locked, and says why.
func TestWrongInKeyring(t *testing.T) {
	keyring.MockInit()
	folder := t.TempDir()
	h := openTestHouse(t, folder)
	create(t, h, "Ada", "sesame")
	closeHouse(t, h)
	if err := keyring.Set(keyringService, filepath.Join(folder, "ada"), "simsim"); err != nil {
		t.Fatal(err)
	}
	h = openTestHouse(t, folder)
	defer closeHouse(t, h)
	want := []api.Check{{
		Name: "account", State: checkWarn, Text: "locked: the passphrase that the keyring has is not the right one", Fix: "linnet account unlock",
	}}
	if diff := cmp.Diff(want, h.Status().Accounts[0].Checks); diff != "" {
		t.Error(diff)
	}
	var in api.InUnlock
	in.Account, in.Body.Passphrase = "-", "sesame"
	if a, err := h.Unlock(t.Context(), &in); err != nil || a.State != stateRunning {
		t.Errorf("%+v %v", a, err)
	}
}
