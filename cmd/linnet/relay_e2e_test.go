//go:build e2e

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/node/api"
)

// wakeLimit is how long the first message may take after its reader woke. The aim is 5 s, on a machine that is not busy.
const wakeLimit = 30 * time.Second

// process is a program of ours that runs, and may be killed at any time.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	log *bytes.Buffer // to be read once it ended
}

// launch starts a program, and returns it with what it prints first that matches.
func launch(t *testing.T, want string, program string, env []string, args ...string) (*process, string) {
	t.Helper()
	p := &process{t, exec.Command(program, args...), new(bytes.Buffer)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	if want == "" {
		return p, ""
	}
	match := regexp.MustCompile(want)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if text := match.FindString(lines.Text()); text != "" {
			return p, text
		}
	}
	p.kill()
	t.Fatalf("%s ended: %s", program, p.log)
	return nil, ""
}

// kill ends it as kill -9 does.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// household is a Linnet of somebody, that is used by the command line alone.
type household struct {
	t             *testing.T
	program, home string
	name          string
	daemon        *process
}

// wake starts the daemon, and returns once it answers.
func (h *household) wake() {
	h.t.Helper()
	h.daemon, _ = launch(h.t, "", h.program, []string{"LINNET_HOME=" + h.home}, "up", "--foreground", "--loopback", "--listen", "off", "--name", h.name)
	h.until("running", func(out string) bool { return strings.Contains(out, "running") }, "account")
}

// linnet runs linnet, and returns what it says.
func (h *household) linnet(args ...string) (string, error) {
	c := exec.Command(h.program, args...)
	c.Env = append(os.Environ(), "LINNET_HOME="+h.home)
	out, err := c.CombinedOutput()
	return string(out), err
}

// must runs linnet, which must succeed.
func (h *household) must(args ...string) string {
	h.t.Helper()
	out, err := h.linnet(args...)
	if err != nil {
		h.t.Fatalf("%s: linnet %s: %v\n%s", h.name, strings.Join(args, " "), err, out)
	}
	return out
}

// until runs linnet again and again until what it says is as wanted, for a minute at most.
func (h *household) until(what string, is func(out string) bool, args ...string) string {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		out, err := h.linnet(args...)
		if err == nil && is(out) {
			return out
		}
		if time.Now().After(end) {
			status, _ := h.linnet("status")
			h.t.Fatalf("%s: linnet %s never said: %s; at last %v:\n%s\n%s", h.name, strings.Join(args, " "), what, err, out, status)
		}
	}
}

// history returns a conversation, the newest message first.
func (h *household) history(with string) (all []api.Message) {
	h.t.Helper()
	out, err := h.linnet("history", with, "--json", "--keep-unread", "--limit", "500")
	if err != nil {
		return nil
	}
	var page api.Page
	if err := json.Unmarshal([]byte(out), &page); err != nil {
		h.t.Fatal(err)
	}
	return page.Messages
}

// wait waits until a conversation is as wanted, for a minute at most.
func (h *household) wait(what, with string, is func([]api.Message) bool) []api.Message {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		all := h.history(with)
		if is(all) {
			return all
		}
		if time.Now().After(end) {
			status, _ := h.linnet("status")
			h.t.Fatalf("%s: %s: never; %d messages:\n%s", h.name, what, len(all), status)
		}
	}
}

// onRelays adds relays, and waits until all of them have what they hand out, and nothing waits any more.
func (h *household) onRelays(relays ...*relayProcess) {
	h.t.Helper()
	for _, r := range relays {
		h.must("relay", "add", r.address)
	}
	h.until("three are ready", func(out string) bool {
		var all api.Relays
		ready := 0
		if json.Unmarshal([]byte(out), &all) == nil {
			for _, r := range all.Relays {
				if r.State == "used" && r.Ready {
					ready++
				}
			}
		}
		return ready == 3
	}, "relay", "--json")
}

// settle waits until nothing waits here any more.
func (h *household) settle() {
	h.t.Helper()
	h.until("nothing waits", func(out string) bool { return !strings.Contains(out, `"messages":`) }, "status", "--json")
}

// relayProcess is a linnet-relay that runs.
type relayProcess struct {
	*process
	address string
}

func startRelay(t *testing.T, program string) *relayProcess {
	t.Helper()
	folder := t.TempDir()
	config := "local = true\nsmall = true\nmin_free = 1\nmetrics = \"\"\nlisten = [\"/ip4/127.0.0.1/udp/0/quic-v1\"]\n"
	if err := os.WriteFile(filepath.Join(folder, "relay.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p, address := launch(t, `linnet:relay/\S+`, program, nil, "--folder", folder)
	return &relayProcess{process: p, address: address}
}

// Three relays, and two Linnets, all processes of their own, which are killed as kill -9 does. A stream of messages goes to
// somebody who sleeps while one of the relays is killed for good at any moment; then the sender is killed, too, and the reader
// wakes: nothing is lost, nothing shown twice, and the first comes within seconds. Then a new relay takes the place of the dead
// one; and of three that signed, two are killed.
//
// LINNET_KILLS says how often all of that happens.
func TestRelaysKilled(t *testing.T) {
	rounds := 1
	if s := os.Getenv("LINNET_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		rounds = max(1, n/4)
	}
	bin := t.TempDir()
	tool(t, "go", "build", "-o", bin, ".", "../linnet-relay")
	for range rounds {
		relaysKilled(t, filepath.Join(bin, "linnet"), filepath.Join(bin, "linnet-relay"))
	}
}

func relaysKilled(t *testing.T, linnet, linnetRelay string) {
	t.Helper()
	ada, ben := &household{t: t, program: linnet, home: t.TempDir(), name: "Ada"}, &household{t: t, program: linnet, home: t.TempDir(), name: "Ben"}
	relays := []*relayProcess{startRelay(t, linnetRelay), startRelay(t, linnetRelay), startRelay(t, linnetRelay)}
	for _, h := range []*household{ada, ben} {
		h.wake()
		h.onRelays(relays...)
	}
	var invite api.Invite
	if err := json.Unmarshal([]byte(ada.must("invite", "--json")), &invite); err != nil {
		t.Fatal(err)
	}
	ben.must("add", invite.Link)
	accepted := func(out string) bool { return strings.Contains(out, "accepted") }
	ada.until("they are contacts", accepted, "contacts")
	ben.until("they are contacts", accepted, "contacts")
	ada.settle()
	ben.settle()

	// One of three.
	ben.daemon.kill()
	const stream = 40
	dies, when := rand.IntN(len(relays)), rand.IntN(stream)
	t.Logf("relay %d of 3 is killed at message %d of %d", dies+1, when+1, stream)
	texts := make(map[string]bool)
	for i := range stream {
		text := fmt.Sprint("message ", i)
		texts[text] = true
		if i == when {
			killed := make(chan struct{})
			time.AfterFunc(rand.N(50*time.Millisecond), func() {
				relays[dies].kill()
				close(killed)
			})
			defer func() { <-killed }()
		}
		ada.must("send", "@ben", text)
	}
	all := ada.wait("two relays keep each", "@ben", keptBy(stream, 2))
	why := ada.must("why", all[0].ID)
	if !regexp.MustCompile(`kept by [0-9a-z]{8}, [0-9a-z]{8}.* until [0-9]+ [A-Z]`).MatchString(why) {
		t.Errorf("why says:\n%s", why)
	}
	if out := ada.must("history", "@ben"); !regexp.MustCompile(`message 0  · kept by [23] relays until`).MatchString(out) {
		t.Errorf("history says:\n%s", out)
	}
	ada.daemon.kill() // all that comes now comes from relays
	ben.reads("@ada", 0, texts)
	ada.wake()
	ada.wait("all were delivered", "@ben", arrivedAll(stream))
	if why := ada.must("why", all[0].ID); !strings.Contains(why, "delivered") {
		t.Errorf("why says:\n%s", why)
	}

	// Two of three, once three have signed: a new one is in the place of the dead.
	var gone []string
	ada.until("one relay is dead, and the others are ready", func(out string) bool {
		var known api.Relays
		if json.Unmarshal([]byte(out), &known) != nil {
			return false
		}
		gone = nil
		for _, r := range known.Relays {
			if !r.Ready {
				gone = append(gone, shortRelay(r.ID))
			}
		}
		return len(gone) == 1
	}, "relay", "--json")
	relays[dies] = startRelay(t, linnetRelay)
	for _, h := range []*household{ada, ben} {
		h.must("relay", "remove", gone[0])
		h.onRelays(relays[dies])
	}
	ada.settle()
	ben.settle()
	ben.daemon.kill()
	const few = 5
	for i := range few {
		text := fmt.Sprint("another ", i)
		texts[text] = true
		ada.must("send", "@ben", text)
	}
	ada.wait("three relays keep each", "@ben", keptBy(few, 3))
	lives := rand.IntN(len(relays))
	for i, r := range relays {
		if i != lives {
			r.kill()
		}
	}
	ada.daemon.kill()
	ben.reads("@ada", stream, texts)
	ada.wake()
	ada.wait("all were delivered", "@ben", arrivedAll(stream+few))
	for _, h := range []*household{ada, ben} {
		h.must("down")
	}
}

// keptBy is true of a conversation whose newest messages are each kept by so many relays.
func keptBy(messages, relays int) func([]api.Message) bool {
	return func(all []api.Message) bool {
		if len(all) < messages {
			return false
		}
		for _, m := range all[:messages] {
			if m.State != "kept" || len(m.Deliveries) != 1 || m.Deliveries[0].Relays < relays {
				return false
			}
		}
		return true
	}
}

// arrivedAll is true of a conversation of so many messages that all were delivered.
func arrivedAll(messages int) func([]api.Message) bool {
	return func(all []api.Message) bool {
		for _, m := range all {
			if m.State != "delivered" && m.State != "read" {
				return false
			}
		}
		return len(all) == messages
	}
}

// reads wakes somebody who had old messages of somebody, and waits until all texts are there, each once.
func (h *household) reads(with string, old int, texts map[string]bool) {
	h.t.Helper()
	began := time.Now()
	h.wake()
	up := time.Since(began)
	h.wait("the first came", with, func(all []api.Message) bool { return len(all) > old })
	first := time.Since(began)
	all := h.wait("all came", with, func(all []api.Message) bool { return len(all) >= len(texts) })
	h.t.Logf("%s woke: the daemon answered after %d ms, the first message was shown after %d ms, the last of %d after %d ms",
		h.name, up.Milliseconds(), first.Milliseconds(), len(texts)-old, time.Since(began).Milliseconds())
	if first > wakeLimit {
		h.t.Errorf("the first message took %v", first)
	}
	count := make(map[string]int)
	for _, m := range all {
		count[m.Text]++
	}
	for text, n := range count {
		if n != 1 || !texts[text] {
			h.t.Errorf("%s shows %q %d times", h.name, text, n)
		}
	}
	if len(count) != len(texts) {
		h.t.Errorf("%s shows %d texts, want %d", h.name, len(count), len(texts))
	}
}
