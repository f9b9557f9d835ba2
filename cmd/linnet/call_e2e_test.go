//go:build e2e

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/conference/headless"
	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/node/api"
)

// handOverAim is within what a call is to go on at the next mixer, on a machine that is not busy.
const handOverAim = 3 * time.Second

// hears is the likeness above which somebody was understood, on a machine that is busy with other things.
const hears = 0.7

// How three talk at mixers.
const (
	atEach = 5 * time.Second        // how much each hears of each mixer
	part   = 3 * 48000              // samples of it that are looked at
	slack  = 400 * time.Millisecond // by how much it is not known when that was
)

// meet makes all of them contacts of each other.
func meet(first *household, others ...*household) {
	first.t.Helper()
	if len(others) > 1 {
		defer meet(others[0], others[1:]...)
	}
	for _, h := range others {
		var invite api.Invite
		if err := json.Unmarshal([]byte(first.must("invite", "--json")), &invite); err != nil {
			first.t.Fatal(err)
		}
		h.must("add", invite.Link)
		accepted := regexp.MustCompile(`(?m)^@` + h.name + ` +accepted`)
		first.until(h.name+" is a contact", accepted.MatchString, "contacts")
		accepted = regexp.MustCompile(`(?m)^@` + first.name + ` +accepted`)
		h.until(first.name+" is a contact", accepted.MatchString, "contacts")
	}
}

// calls returns what linnet calls says.
func (h *household) calls() (all api.Calls) {
	h.t.Helper()
	if err := json.Unmarshal([]byte(h.must("calls", "--json")), &all); err != nil {
		h.t.Fatal(err)
	}
	return all
}

// untilCall waits until the call that goes on, or nil if there is none, is as wanted, for a minute at most.
func (h *household) untilCall(what string, is func(*api.Call) bool) *api.Call {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		all := h.calls()
		if is(all.Current) {
			return all.Current
		}
		if time.Now().After(end) {
			h.t.Fatalf("%s: %s: never; at last %+v", h.name, what, all)
		}
	}
}

// untilPast waits until the newest call that is over ended for a reason, and nothing goes on.
func (h *household) untilPast(reason string, count int) {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		all := h.calls()
		if all.Current == nil && len(all.Calls) == count && all.Calls[0].Reason == reason {
			return
		}
		if time.Now().After(end) {
			h.t.Fatalf("%s: not %d calls, the last %s: %+v", h.name, count, reason, all)
		}
	}
}

// voice is a linnet call that runs until its call ends.
type voice struct {
	*process
	h      *household
	record string
}

// starts runs linnet call with a file that is said again and again, if one is named, and another that keeps what is heard.
func (h *household) starts(play string, args ...string) *voice {
	h.t.Helper()
	v := &voice{h: h, record: filepath.Join(h.t.TempDir(), h.name+".wav")}
	args = append([]string{"call"}, append(args, "--record", v.record)...)
	if play != "" {
		args = append(args, "--play", play, "--loop")
	}
	v.process, _ = launch(h.t, "", h.program, []string{"LINNET_HOME=" + h.home}, args...)
	return v
}

// ended waits until the call is over, in good order, and returns what was heard.
func (v *voice) ended() []float32 {
	v.h.t.Helper()
	late := time.AfterFunc(time.Minute, func() { _ = v.cmd.Process.Kill() })
	defer late.Stop()
	if err := v.cmd.Wait(); err != nil {
		v.h.t.Fatalf("%s: %v: %s", v.h.name, err, v.log)
	}
	heard, err := headless.ReadFile(v.record)
	if err != nil {
		v.h.t.Fatal(err)
	}
	return heard
}

// mixerProcess is a linnet-mixer that runs, and may be killed and run again with the same key, token and ports.
type mixerProcess struct {
	*process
	program, name, file string
	address, metrics    string
}

// freePort returns a port that nothing uses.
func freePort(t *testing.T, network string) int {
	t.Helper()
	if network == "udp" {
		l, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.LocalAddr().(*net.UDPAddr).Port
	}
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func startMixer(t *testing.T, program, name string) *mixerProcess {
	t.Helper()
	folder := t.TempDir()
	m := &mixerProcess{program: program, name: name, file: filepath.Join(folder, "mixer.toml"), metrics: fmt.Sprint("127.0.0.1:", freePort(t, "tcp"))}
	config := fmt.Sprintf("folder = %q\nname = %q\nlocal = true\nhttp = \"\"\nmetrics = %q\nlisten = [\"/ip4/127.0.0.1/udp/%d/quic-v1\"]\n[media]\nport = 0\n",
		folder, name, m.metrics, freePort(t, "udp"))
	if err := os.WriteFile(m.file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	m.run(t)
	return m
}

// run runs it, for the first time or again, unless it runs.
func (m *mixerProcess) run(t *testing.T) {
	t.Helper()
	if m.process != nil && m.cmd.ProcessState == nil {
		return
	}
	p, address := launch(t, `linnet:mixer/\S+`, m.program, nil, "--config", m.file)
	if m.address != "" && address != m.address {
		t.Fatalf("after a restart the address of the mixer of %s is another", m.name)
	}
	m.process, m.address = p, address
}

// count returns what a metric of the mixer says now: 0 if it does not answer.
func (m *mixerProcess) count(metric string) int {
	answer, err := http.Get("http://" + m.metrics + "/metrics")
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, metric+" "); ok {
			n, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return int(n)
		}
	}
	return 0
}

// carries waits until the mixer has so many legs, and has sent each so much of speech since they entered.
func (m *mixerProcess) carries(t *testing.T, legs int, speech time.Duration) {
	t.Helper()
	packets := legs * int(speech/(20*time.Millisecond))
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		n, sent := m.count("linnet_mixer_legs"), m.count(`linnet_mixer_media_packets{direction="out"}`)
		if n == legs && sent >= packets {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the mixer of %s has %d legs and sent %d packets, want %d and %d", m.name, n, sent, legs, packets)
		}
	}
}

// likenessIn returns how well one understands voices that are said in circles, at once, in a part of what was heard.
func likenessIn(part []float32, voices ...[]float32) float64 {
	all := make([]float32, len(part))
	for _, said := range voices {
		circle := slices.Concat(said, said)
		_, later := hearing.Likeness(part, circle, len(said))
		for i := range min(len(all), len(circle)-later) {
			all[i] += circle[later+i]
		}
	}
	likeness, _ := hearing.Likeness(part, all, 0)
	return likeness
}

// Linnets of three, with homes and daemons of their own, call each other by the command line, as they would on three machines:
// straight, and through mixers that are processes of their own, of which one is killed as kill -9 does while they talk.
func TestCalls(t *testing.T) {
	bin, sayings := t.TempDir(), t.TempDir()
	tool(t, "go", "build", "-o", bin, ".", "../linnet-mixer")
	var people []*household
	for _, name := range []string{"Ada", "Ben", "Cleo"} {
		h := &household{t: t, program: filepath.Join(bin, "linnet"), home: t.TempDir(), name: name}
		h.wake()
		people = append(people, h)
	}
	meet(people[0], people[1:]...)
	said, files := make([][]float32, 2), make([]string, 2)
	for i := range said {
		said[i], files[i] = hearing.Speech(i), filepath.Join(sayings, fmt.Sprintf("%d.wav", i))
		if err := headless.WriteFile(files[i], said[i]); err != nil {
			t.Fatal(err)
		}
	}
	callStraight(t, people[0], people[1], said, files)
	mixer := filepath.Join(bin, "linnet-mixer")
	mixers := []*mixerProcess{startMixer(t, mixer, "oak"), startMixer(t, mixer, "elm")}
	for try := 1; !callByMixers(t, mixers, people, said, files); try++ { // what a busy machine took apart is said again
		if try == 3 {
			t.Fatal("they do not understand each other")
		}
	}
	for _, h := range people {
		h.must("down")
	}
}

func ringing(c *api.Call) bool { return c != nil && c.State == "ringing" }
func talking(c *api.Call) bool { return c != nil && c.State == "talking" }

// callStraight has one call another, who declines, misses and takes the call, and then they understand each other.
func callStraight(t *testing.T, ada, ben *household, said [][]float32, files []string) {
	t.Helper()
	// He declines, and the next one he misses.
	for i, end := range []struct {
		who        *household
		verb       string
		ada, ben   string
		adaExplain string
	}{
		{ben, "decline", "declined", "declined", "no call: declined"},
		{ada, "hangup", "cancelled", "missed", "no call: cancelled"},
	} {
		call := ada.starts("", "@ben")
		ben.untilCall("it rings", ringing)
		ada.untilCall("it rings there", func(c *api.Call) bool { return c != nil && c.State == "alerting" })
		end.who.must("call", end.verb)
		if err := call.cmd.Wait(); err == nil || !strings.Contains(call.log.String(), end.adaExplain) {
			t.Errorf("%s: linnet call says %q, and ends with %v", end.verb, call.log, err)
		}
		ada.untilPast(end.ada, i+1)
		ben.untilPast(end.ben, i+1)
	}
	// He takes the third, and they talk until he hangs up. A machine that is busy may take what is said apart: then they call again.
	for try := 1; ; try++ {
		call := ada.starts(files[0], "@ben")
		ben.untilCall("it rings", ringing)
		answer := ben.starts(files[1], "answer", "--for", "9s")
		ada.untilCall("they talk", talking)
		last := 6 * 48000
		heard := [][]float32{call.ended(), answer.ended()}
		good := true
		for i, h := range heard {
			likeness := 0.0
			if len(h) >= last {
				likeness = likenessIn(h[len(h)-last:], said[1-i])
			}
			t.Logf("%s understands the other: %.2f", []string{"Ada", "Ben"}[i], likeness)
			good = good && likeness >= hears
		}
		ada.untilPast("hung up", 2+try)
		ben.untilPast("hung up", 2+try)
		if good {
			return
		}
		if try == 3 {
			t.Fatal("they do not understand each other")
		}
	}
}

// callByMixers has three talk at a mixer that is killed, at another that is killed too, and at the first, which was started
// again and knows nothing of them. It returns whether all understood each other at each of the three.
func callByMixers(t *testing.T, mixers []*mixerProcess, people []*household, said [][]float32, files []string) (good bool) {
	t.Helper()
	ada, ben, cleo := people[0], people[1], people[2]
	before := make([]int, len(people))
	for i, h := range people {
		before[i] = len(h.calls().Calls)
	}
	via := make([]string, len(mixers))
	for i, m := range mixers { // in files, for they hold tokens
		m.run(t)
		via[i] = filepath.Join(t.TempDir(), m.name)
		if err := os.WriteFile(via[i], []byte(m.address+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	voices := []*voice{ada.starts(files[0], "@ben", "@cleo", "--via", via[0], "--via", via[1])}
	id := ben.untilCall("it rings", ringing).ID
	voices = append(voices, ben.starts(files[1], "answer"))
	cleo.untilCall("it rings", ringing)
	voices = append(voices, cleo.starts("", "answer"))

	var marks []time.Time // until when they talked at a mixer
	began := time.Now()
	for i, at := range []*mixerProcess{mixers[0], mixers[1], mixers[0]} {
		for _, h := range people {
			h.untilCall("they talk at the mixer of "+at.name, func(c *api.Call) bool {
				if i > 0 && (c == nil || c.ID != id || c.State == "ringing") {
					t.Fatalf("%s: after a mixer was killed there is %+v", h.name, c)
				}
				return talking(c) && c.Mixer == at.name
			})
		}
		if i > 0 {
			t.Logf("a mixer was killed, and all went on at that of %s after %.1f s (aim: %v)", at.name, time.Since(began).Seconds(), handOverAim)
		}
		at.carries(t, len(people), atEach)
		marks = append(marks, time.Now())
		if i < 2 {
			mixers[1-i].run(t)
			began = time.Now()
			at.kill()
		}
	}
	ends := make([]time.Time, len(people))
	ends[0] = time.Now()
	ada.must("call", "hangup") // the others go on without her
	for _, h := range people[1:] {
		h.untilCall("Ada left", func(c *api.Call) bool { return talking(c) && len(c.With) == 1 })
	}
	ends[1] = time.Now()
	ends[2] = ends[1]
	ben.must("call", "hangup") // and Cleo is not left alone
	good = true
	for i, v := range voices {
		heard := v.ended()
		for k, mark := range marks {
			to := len(heard) - int((ends[i].Sub(mark)+slack).Seconds()*48000)
			from := to - part
			if from < 0 {
				t.Logf("%s kept %.1f s", people[i].name, float64(len(heard))/48000)
				good = false
				continue
			}
			var others [][]float32
			for j, voice := range said {
				if i != j {
					others = append(others, voice)
				}
			}
			likeness := likenessIn(heard[from:to], others...)
			t.Logf("%s understands who else speaks at mixer %d: %.2f", people[i].name, k+1, likeness)
			good = good && likeness >= hears
		}
	}
	for i, h := range people {
		h.untilPast("hung up", before[i]+1)
	}
	return good
}
