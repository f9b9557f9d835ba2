package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/p2p"
)

// victimFolder, victimInvite, victimPeer and victimTask make the test binary a messenger that is to be killed: see victim.
const (
	victimFolder = "LINNET_TEST_VICTIM"
	victimInvite = "LINNET_TEST_INVITE"
	victimPeer   = "LINNET_TEST_PEER"
	victimTask   = "LINNET_TEST_TASK" // "talk", or "dump" when standard input ends
)

// kills is how often TestKill kills, if LINNET_KILLS does not say.
const kills = 20

// TestKill kills a real process under load, with SIGKILL, again and again, while it sends and receives. What it said was
// accepted comes, once; what it acknowledged it has, once; and no session stays broken.
func TestKill(t *testing.T) {
	rounds := kills
	if s := os.Getenv("LINNET_KILLS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		rounds = 3
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute+time.Duration(rounds)*10*time.Second)
	defer cancel()
	m, err := openMesh(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	seeds := []p2p.Peer{{Key: m.Hosts[0].Key(), Addrs: m.Hosts[0].Addrs()}}
	ben, err := openNode(settings{Folder: filepath.Join(t.TempDir(), "ben"), Name: "Ben", Host: onLoopback(p2p.Config{Bootstrap: seeds})})
	if err != nil {
		t.Fatal(err)
	}
	life, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ben.Run(life) }()
	defer func() {
		stop()
		if err := errors.Join(<-done, ben.Close()); err != nil {
			t.Error(err)
		}
	}()
	invite, err := ben.Node.Invite(ctx, 0, true, peerOf(m.Hosts[0]), peerOf(m.Hosts[1]))
	if err != nil {
		t.Fatal(err)
	}
	v := &victimProcess{folder: filepath.Join(t.TempDir(), "ada"), invite: invite.String(), peer: seeds[0].String()}

	// Ben talks all the time, once he knows Ada.
	var mu sync.Mutex
	sent := make(map[string]node.Ref)
	var talking sync.WaitGroup
	quiet, hush := context.WithCancel(ctx)
	defer hush()
	talking.Go(func() {
		for i := 0; quiet.Err() == nil; i++ {
			time.Sleep(5 * time.Millisecond)
			list := ben.Node.Contacts()
			if len(list) == 0 {
				continue
			}
			text := fmt.Sprint("ben ", i)
			ref, err := ben.Node.Send(quiet, list[0].Account, text, node.Ref{})
			if err != nil {
				if quiet.Err() == nil {
					t.Error(err)
				}
				return
			}
			mu.Lock()
			sent[text] = ref
			mu.Unlock()
		}
	})
	said := make(map[string]bool)
	for round := range rounds {
		lines, err := v.start(ctx, "talk")
		if err != nil {
			t.Fatal(err)
		}
		// The first life lasts until both know each other, so that there is something to lose on a slow machine, too. Of the
		// others most end while they talk, and some while they begin.
		var kill <-chan time.Time
		if round%4 == 3 {
			kill = time.After(rand.N(500 * time.Millisecond))
		}
	life:
		for {
			select {
			case line, ok := <-lines:
				if !ok {
					_ = v.cmd.Wait()
					t.Fatalf("round %d: the process ended by itself: %s", round, v.errors)
				}
				said[line] = true
				if kill == nil && (round > 0 || len(ben.Node.Contacts()) > 0) {
					kill = time.After(100*time.Millisecond + rand.N(500*time.Millisecond))
				}
			case <-kill:
				break life
			case <-ctx.Done():
				t.Fatalf("round %d: it said nothing: %v", round, context.Cause(ctx))
			}
		}
		_ = v.cmd.Process.Kill()
		for line := range lines { // what it had written before it died
			said[line] = true
		}
		_ = v.cmd.Wait()
	}
	hush()
	talking.Wait()
	if len(said) == 0 || len(sent) == 0 {
		t.Fatalf("nothing was said: %d, %d", len(said), len(sent))
	}

	// It wakes for good, and everything that was accepted comes.
	lines, err := v.start(ctx, "dump")
	if err != nil {
		t.Fatal(err)
	}
	ada := ben.Node.Contacts()[0].Account
	err = poll(ctx, func() bool {
		time.Sleep(100 * time.Millisecond)
		return len(missing(said, texts(t, ben, ada, false))) == 0 && ben.Node.Stats().Waiting == 0
	})
	if err != nil {
		t.Errorf("did not come to rest: %v; of %d messages of Ada's %v are missing; Ben: %v",
			err, len(said), missing(said, texts(t, ben, ada, false)), ben.Node.Waiting())
	}
	v.stdin.Close()
	has := make(map[string]int)
	for line := range lines {
		has[line]++
	}
	_ = v.cmd.Wait()
	for text, n := range texts(t, ben, ada, false) {
		if n != 1 {
			t.Errorf("Ben has %q %d times", text, n)
		}
	}
	for text, ref := range sent {
		msg, err := ben.Node.Message(ada, ref)
		if err != nil {
			t.Fatal(err)
		}
		if has[text] != 1 || msg.State().String() != "delivered" {
			t.Errorf("Ada has %q %d times, and Ben's node says %v", text, has[text], msg.State())
		}
	}
	t.Logf("%d kills; of Ada's %d messages and Ben's %d none was lost, or shown twice", rounds, len(said), len(sent))
}

// texts counts the texts of a conversation, own ones or the other's.
func texts(t *testing.T, m *messenger, with node.Account, own bool) map[string]int {
	t.Helper()
	out := make(map[string]int)
	if err := m.eachText(with, own, func(s string) { out[s]++ }); err != nil {
		t.Fatal(err)
	}
	return out
}

// eachText calls f with the texts of a conversation, own ones or the other's, the newest first.
func (m *messenger) eachText(with node.Account, own bool, f func(string)) error {
	var last []node.Message
	for {
		var err error
		if len(last) == 0 {
			last, err = m.Node.Newest(with, 500)
		} else {
			last, err = m.Node.Messages(with, last[len(last)-1].Place, 500)
		}
		if err != nil || len(last) == 0 {
			return err
		}
		for i := range last {
			if last[i].Own == own {
				f(last[i].Text)
			}
		}
	}
}

// missing returns what of said is not in has, a few of it.
func missing(said map[string]bool, has map[string]int) (out []string) {
	for text := range said {
		if has[text] == 0 && len(out) < 5 {
			out = append(out, text)
		}
	}
	return out
}

// victimProcess is a messenger in a process of its own.
type victimProcess struct {
	folder, invite, peer string

	cmd    *exec.Cmd
	stdin  interface{ Close() error }
	errors *strings.Builder // to be read once the process was waited for
}

// start starts the process, and returns the lines that it writes.
func (v *victimProcess) start(ctx context.Context, task string) (<-chan string, error) {
	v.cmd = exec.CommandContext(ctx, os.Args[0])
	v.cmd.Env = append(os.Environ(), victimFolder+"="+v.folder, victimInvite+"="+v.invite, victimTask+"="+task, victimPeer+"="+v.peer)
	v.errors = new(strings.Builder)
	v.cmd.Stderr = v.errors
	stdin, err := v.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	v.stdin = stdin
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := v.cmd.Start(); err != nil {
		return nil, err
	}
	lines := make(chan string, 1024)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines, nil
}

// victim runs a messenger in this process, and returns what to exit with. When it talks, it writes each text that was
// accepted; when it dumps, it waits until standard input ends, and writes what came.
func victim() int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	peer, err := p2p.ParsePeer(os.Getenv(victimPeer))
	if err != nil {
		return fail(err)
	}
	m, err := openNode(settings{Folder: os.Getenv(victimFolder), Name: "Ada", Host: onLoopback(p2p.Config{Bootstrap: []p2p.Peer{peer}})})
	if err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	ben, err := m.Add(ctx, os.Getenv(victimInvite))
	if err != nil {
		return fail(err)
	}
	if os.Getenv(victimTask) == "talk" {
		for i := 0; ; i++ {
			text := fmt.Sprintf("ada %d.%d", os.Getpid(), i)
			if _, err := m.Node.Send(ctx, ben, text, node.Ref{}); err != nil {
				return fail(err)
			}
			fmt.Println(text)
			time.Sleep(time.Millisecond)
		}
	}
	_, _ = bufio.NewReader(os.Stdin).ReadString(0)
	if err := m.eachText(ben, false, func(s string) { fmt.Println(s) }); err != nil {
		return fail(err)
	}
	cancel()
	if err := errors.Join(<-done, m.Close()); err != nil {
		return fail(err)
	}
	return exitDone
}
