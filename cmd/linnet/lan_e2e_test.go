//go:build e2e

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// machine is a network namespace with a Linnet of its own: what somebody has who typed what the README says.
type machine struct {
	t          *testing.T
	name, home string
	program    string
	in         string // standard input
}

// tool runs a program of the system.
func tool(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// linnet runs linnet on the machine, and returns what it says.
func (m *machine) linnet(args ...string) (string, error) {
	all := append([]string{"netns", "exec", m.name, "env", "LINNET_HOME=" + m.home, m.program}, args...)
	c := exec.Command("ip", all...)
	c.Stdin = strings.NewReader(m.in)
	out, err := c.CombinedOutput()
	return string(out), err
}

// says runs linnet until what it says matches, for 60 s at most.
func (m *machine) says(want string, args ...string) string {
	m.t.Helper()
	match := regexp.MustCompile(want)
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		out, err := m.linnet(args...)
		if err == nil && match.MatchString(out) {
			return out
		}
		if time.Now().After(end) {
			m.t.Fatalf("%s: linnet %s never said %s; at last %v:\n%s", m.name, strings.Join(args, " "), want, err, out)
		}
	}
}

// Two daemons on two machines meet over a real network, and talk by the command line alone. The cable is pulled: what is said
// then is shown as queued, with the reason, and comes once the cable is back. In the end Ada's disk is gone: her backup and her
// words, on a new one, bring back contacts and history, and the talk goes on.
func TestTwoMachines(t *testing.T) {
	program := filepath.Join(t.TempDir(), "linnet")
	tool(t, "go", "build", "-o", program, ".")
	ada := &machine{t, "linnet-test-ada", t.TempDir(), program, ""}
	ben := &machine{t, "linnet-test-ben", t.TempDir(), program, ""}
	for _, m := range []*machine{ada, ben} {
		_ = exec.Command("ip", "netns", "del", m.name).Run() // left by a test that was killed
		tool(t, "ip", "netns", "add", m.name)
		t.Cleanup(func() {
			_, _ = m.linnet("down")
			tool(t, "ip", "netns", "del", m.name)
		})
	}
	tool(t, "ip", "link", "add", "eth0", "netns", ada.name, "type", "veth", "peer", "name", "eth0", "netns", ben.name)
	for m, address := range map[*machine]string{ada: "10.77.0.1/24", ben: "10.77.0.2/24"} {
		tool(t, "ip", "-n", m.name, "addr", "add", address, "dev", "eth0")
		tool(t, "ip", "-n", m.name, "link", "set", "eth0", "up")
		tool(t, "ip", "-n", m.name, "link", "set", "lo", "up")
		tool(t, "ip", "-n", m.name, "route", "add", "default", "dev", "eth0")
	}
	ada.says("ada +running", "up", "--name", "Ada")
	ben.says("ben +running", "up", "--name", "Ben")
	var invite struct {
		Link string `json:"link"`
	}
	if err := json.Unmarshal([]byte(ada.says("link", "invite", "--json")), &invite); err != nil {
		t.Fatal(err)
	}
	ben.says("asked", "add", invite.Link)
	ben.says("@Ada +accepted", "contacts")
	ada.says("@Ben +accepted", "contacts")
	ben.says("delivered", "send", "@ada", "over the network", "--wait", "30s")
	ada.says("Ben over the network", "history", "@ben")

	tool(t, "ip", "-n", ada.name, "link", "set", "eth0", "down")
	ada.says("queued", "send", "@ben", "the cable is out")
	ada.says("queued: .*linnet why", "status")
	tool(t, "ip", "-n", ada.name, "link", "set", "eth0", "up")
	tool(t, "ip", "-n", ada.name, "route", "replace", "default", "dev", "eth0")
	ben.says("Ada the cable is out", "history", "@ada")
	ada.says("(delivered|read)\n", "history", "@ben")

	// Both start anew, with other ports, and find each other again.
	for _, m := range []*machine{ada, ben} {
		m.says("is down", "down")
	}
	for _, m := range []*machine{ada, ben} {
		m.says("running", "up")
	}
	ada.says("queued|delivered", "send", "@ben", "after a restart")
	out := ben.says("Ada after a restart", "history", "@ada")
	if n := strings.Count(out, "the cable is out"); n != 1 {
		t.Errorf("it is shown %d times:\n%s", n, out)
	}

	backup, identity := filepath.Join(t.TempDir(), "ada.age"), filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(identity, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	words, err := ada.linnet("words")
	if err != nil {
		t.Fatal(err, words)
	}
	ada.says("1 contact", "backup", "create", backup, "--passphrase-file", identity)
	ben.says("delivered", "send", "@ada", "after the backup", "--wait", "60s")
	ada.says("is down", "down")
	ada.home = t.TempDir()
	ben.says("queued", "send", "@ada", "are you there?")
	ada.says("There is no account yet", "up")
	ada.in = words
	ada.says("This is the only device", "backup", "restore", backup, "--passphrase-file", identity)
	ada.in = ""
	ada.says("Ben over the network", "history", "@ben")
	ada.says("delivered", "send", "@ben", "here I am again", "--wait", "60s")
	out = ben.says("Ada here I am again", "history", "@ada")
	if n := strings.Count(out, "over the network"); n != 1 {
		t.Errorf("it is shown %d times:\n%s", n, out)
	}
	ben.says("delivered", "send", "@ada", "welcome back", "--wait", "60s")
	ada.says("Ben are you there", "history", "@ben")
	ada.says("Ben welcome back", "history", "@ben")
}
