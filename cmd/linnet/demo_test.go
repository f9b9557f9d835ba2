package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/linnetmesh/linnet/node"
)

// TestDemo runs the demo in this process, and checks each fact that it prints against the two nodes.
func TestDemo(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out := new(bytes.Buffer)
	d, err := newStage(newPrinter(out, true))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(d.folder); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the folder is still there: %v", err)
		}
	}()
	d.brief = slow // the race detector leaves no time for sound
	if err := d.run(ctx); err != nil {
		t.Fatal(err)
	}

	var events []string
	lines := make(map[string]line)
	for b := range bytes.Lines(out.Bytes()) {
		var l line
		if err := json.Unmarshal(b, &l); err != nil {
			t.Fatal(err)
		}
		events = append(events, l.Event)
		lines[l.Event] = l
		if l.V != 1 || l.Took < 0 || l.Took > l.At {
			t.Errorf("impossible: %s", b)
		}
	}
	want := []string{
		"begin", "mesh", "publish", "invite", "open", "found", "session", "accepted",
		"message", "message", "reaction", "read", "edit", "safety",
		"boxes", "asleep", "sought", "kept", "killed", "awake", "delivered",
		"wire", "relay", "dht", "end",
	}
	if !d.brief {
		call := []string{"call", "heard", "heard", "heard", "heard", "heard", "traffic", "traffic", "traffic", "traffic", "traffic"}
		want = slices.Insert(want, slices.Index(want, "wire"), call...)
		want = slices.Insert(want, slices.Index(want, "dht"), "mixer")
		if l := lines["heard"]; l.What != "understood by Ada, Ben, Cleo, Dan" || l.Took <= 0 || l.Took > 400 {
			t.Errorf("heard: %+v", l)
		}
		if l := lines["traffic"]; l.Who != "Eve" || l.Bytes < 10_000 || l.Bytes > 300_000 {
			t.Errorf("traffic: %+v", l)
		}
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	ada, ben, cleo := d.people[0], d.people[1], d.people[2]
	for _, p := range []struct {
		at, with *person
		name     string
		texts    []string
	}{
		{ada, ben, "Ben", []string{"hello, Ben", "hello, dear Ada"}},
		{ben, ada, "Ada", []string{"hello, Ben", "hello, dear Ada"}},
		{ada, cleo, "Cleo", []string{"we never met"}},
		{cleo, ada, "Ada", []string{"we never met"}},
	} {
		// A name, and what else nobody looks at, may still be on its way.
		if err := poll(ctx, func() bool {
			c, err := p.at.Node.Contact(p.with.Node.Account())
			return err == nil && c.Name == p.name
		}); err != nil {
			t.Errorf("%s does not know what %s is called", p.at.name, p.name)
		}
		c, err := p.at.Node.Contact(p.with.Node.Account())
		if err != nil || c.State != node.Accepted || c.Name != p.name {
			t.Errorf("%s knows %s as %q, %v: %v", p.at.name, p.name, c.Name, c.State, err)
		}
		all, err := p.at.Node.Messages(p.with.Node.Account(), node.Place{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, m := range all {
			texts = append(texts, m.Text)
		}
		if diff := cmp.Diff(p.texts, texts); diff != "" {
			t.Errorf("%s shows (-want +got):\n%s", p.at.name, diff)
		}
		if err := poll(ctx, func() bool { return len(p.at.Node.Waiting()) == 0 }); err != nil {
			t.Errorf("%s has something waiting: %v", p.at.name, p.at.Node.Waiting())
		}
		if s := p.at.Host.Stats(); s.Relayed != 0 {
			t.Errorf("%s is connected through a relay", p.at.name)
		}
		if s := p.at.Node.Stats(); s.Unreadable != 0 || s.Resets != 0 {
			t.Errorf("%s: %+v", p.at.name, s)
		}
	}
	i, err := node.ParseInvite(lines["invite"].Link)
	if err != nil || i.Address != ada.Node.Address() {
		t.Errorf("the link is not Ada's: %v", err)
	}
	number, err := ada.Node.SafetyNumber(ben.Node.Account())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(lines["safety"].What, strings.Join(inFives(number)[:3], " ")) {
		t.Errorf("safety number %q, want that of %s", lines["safety"].What, number)
	}
	if got := lines["dht"].Bytes; got != 8192 {
		t.Errorf("a record of %d bytes, want 8192", got)
	}
	if got := uint64(lines["wire"].Count); got == 0 || got > ada.Node.Stats().Sent+ben.Node.Stats().Sent+cleo.sent+cleo.Node.Stats().Sent {
		t.Errorf("%d envelopes on the wire", got)
	}

	// The sleeper: who kept what, who died, and what the others saw.
	if i, err := node.ParseInvite(lines["asleep"].Link); err != nil || i.Address != cleo.Node.Address() {
		t.Errorf("the link is not Cleo's: %v", err)
	}
	if l := lines["kept"]; l.Count != 3 || !strings.HasPrefix(l.State, "kept by oak") || !strings.HasSuffix(l.State, "(3 receipts)") {
		t.Errorf("kept: %+v", l)
	}
	oak, elm, ash := d.relays[0], d.relays[1], d.relays[2]
	if _, err := os.Stat(oak.folder); !errors.Is(err, os.ErrNotExist) || oak.Host != nil || oak.gave() {
		t.Errorf("oak lives, or gave something: %v", err)
	}
	for _, v := range []*volunteer{elm, ash} { // both are told that it was stored, in the end
		if err := poll(ctx, v.gave); err != nil {
			t.Errorf("relay %s still keeps it", v.Name)
		}
	}
	if l := lines["awake"]; l.Took <= 0 || l.Took > lines["delivered"].Took || strings.Contains(l.What, "oak") {
		t.Errorf("awake: %+v, delivered: %+v", l, lines["delivered"])
	}
	box, puts := elm.saw()
	own := false
	for _, r := range cleo.Node.Relays() {
		own = own || r.Key == elm.key && r.State == node.RelayUsed
	}
	if l := lines["relay"]; !own || len(puts) < l.Count || !strings.Contains(l.What, fmt.Sprintf("box %x…: %d bytes", box[:2], puts[0].size)) {
		t.Errorf("relay: %+v; it saw %v", l, puts)
	}
	for _, v := range d.relays {
		if !v.knows(box[:]) && v == elm {
			t.Error("the witness of a relay does not see what it is given")
		}
	}
}

// TestRelayWitness holds that a relay which is given a text, or is not looked through whole, is not called blind.
func TestRelayWitness(t *testing.T) {
	secret := []byte("we never met")
	for _, test := range []struct {
		name  string
		given string
		all   int
		want  bool
	}{
		{"sealed", "7c1e", 4, false},
		{"open", "so: we never met", 16, true},
		{"too much", "7c1e", 5, true},
	} {
		v := &volunteer{given: []byte(test.given), all: test.all}
		if got := v.knows(secret); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
		d := &demo{relays: []*volunteer{v, v}}
		if err := d.tellRelays([][]byte{secret}); err == nil || errors.Is(err, errTold) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestCheck holds that the last line is not printed when something did not arrive.
func TestCheck(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out := new(bytes.Buffer)
	d, err := newStage(newPrinter(out, false))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	}()
	for _, step := range []func(context.Context) error{d.meet, d.talk} {
		if err := step(ctx); err != nil {
			t.Fatal(err)
		}
	}
	out.Reset()
	ada, ben := d.people[0], d.people[1]
	// Ben loses a message; and Ada is not there for another.
	if err := ben.Node.Erase(ctx, ada.Node.Account(), d.said[1].ref); err != nil {
		t.Fatal(err)
	}
	if err := ada.Host.Close(); err != nil {
		t.Fatal(err)
	}
	ref, err := ben.Node.Send(ctx, ada.Node.Account(), "are you there?", node.Ref{})
	if err != nil {
		t.Fatal(err)
	}
	d.said = append(d.said, said{ben, ada, ref, "are you there?"})
	err = d.check(ctx)
	if err == nil || out.Len() > 0 {
		t.Fatalf("checked: %v, printed %q", err, out)
	}
	for _, want := range []string{
		`Ben shows "hello, Ben" of Ada 0 times, not once`,
		`"are you there?" from Ben to Ada did not arrive: `,
		`Ada shows "are you there?" of Ben 0 times, not once`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}

// TestKeep holds that --keep goes on until it is interrupted, and then ends well and leaves nothing; and that to be
// interrupted before is not to be done.
func TestKeep(t *testing.T) {
	for _, test := range []struct {
		name, until string
		args        []string
		want        int
	}{
		{"kept", "Ctrl-C ends it", []string{"demo", "--keep", "--brief", "--timeout", "3m"}, exitDone},
		{"too early", "mesh up", []string{"demo"}, exitInterrupted},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			t.Setenv("TMPDIR", folder)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			r, w := io.Pipe()
			got := make(chan int, 1)
			var problems bytes.Buffer
			go func() {
				got <- runIn(ctx, test.args, w, &problems)
				w.Close()
			}()
			all := new(strings.Builder)
			seen := false
			for lines := bufio.NewScanner(r); lines.Scan(); {
				all.WriteString(lines.Text() + "\n")
				if strings.Contains(lines.Text(), test.until) {
					seen = true
					interrupt()
				}
			}
			if code := <-got; code != test.want || !seen {
				t.Errorf("exits with %d, want %d: %s%s", code, test.want, all, problems.String())
			}
			left, err := os.ReadDir(folder)
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

// brokenPipe is an output that nobody reads any more.
type brokenPipe struct{ lines int }

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.lines--; b.lines < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

// TestBrokenPipe holds that a demo whose reader went away ends, and leaves nothing.
func TestBrokenPipe(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	if code := runIn(t.Context(), []string{"demo"}, &brokenPipe{3}, io.Discard); code != exitFailed {
		t.Errorf("exits with %d", code)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
