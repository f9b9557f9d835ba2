package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"linnet-relay": main})
}

// TestDialogues has operators talk to real processes: testdata/script.
func TestDialogues(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			folder, err := os.MkdirTemp("", "relay") //nolint:usetesting // the path of a socket must be short
			if err != nil {
				return err
			}
			all := processes{}
			e.Defer(func() {
				for _, p := range all {
					_ = p.cmd.Process.Kill()
					<-p.over
				}
				_ = os.RemoveAll(folder)
			})
			e.Values[ours{}] = all
			e.Setenv("STATE_DIRECTORY", folder)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"start": start, "await": await, "signal": signalTo, "exits": exits, "get": get,
		},
	})
}

type processes map[string]*process

// ours is the key of the processes of a script.
type ours struct{}

// process is one that runs, and what it said.
type process struct {
	cmd  *exec.Cmd
	over chan struct{}
	code int

	mu   sync.Mutex
	said bytes.Buffer
	more chan struct{} // holds one
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said.Write(b)
	select {
	case p.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

// start NAME ARGS… starts a relay.
func start(ts *testscript.TestScript, _ bool, args []string) {
	p := &process{over: make(chan struct{}), more: make(chan struct{}, 1)}
	p.cmd = exec.CommandContext(context.Background(), "linnet-relay", args[1:]...)
	if path, err := exec.LookPath("linnet-relay"); err == nil {
		p.cmd.Path = path
	}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = ts.Getenv("WORK"), p, p
	p.cmd.Env = append(os.Environ(), "STATE_DIRECTORY="+ts.Getenv("STATE_DIRECTORY"))
	ts.Check(p.cmd.Start())
	ts.Value(ours{}).(processes)[args[0]] = p
	go func() {
		_ = p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
		close(p.over)
	}()
}

func named(ts *testscript.TestScript, name string) *process {
	p := ts.Value(ours{}).(processes)[name]
	if p == nil {
		ts.Fatalf("nothing is called %s", name)
	}
	return p
}

// await NAME PATTERN waits until a relay has said something, forgets all up to its end, and puts the first group into $GOT.
func await(ts *testscript.TestScript, _ bool, args []string) {
	p, pattern := named(ts, args[0]), regexp.MustCompile("(?m)"+args[1])
	late := time.After(time.Minute)
	for {
		p.mu.Lock()
		if at := pattern.FindSubmatchIndex(p.said.Bytes()); at != nil {
			all := p.said.Next(at[1])
			if len(at) > 2 {
				ts.Setenv("GOT", string(all[at[2]:at[3]]))
			}
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		select {
		case <-p.more:
		case <-p.over:
			p.mu.Lock()
			found := pattern.Match(p.said.Bytes())
			p.mu.Unlock()
			if !found {
				ts.Fatalf("it ended without saying %q, but: %s", args[1], p.said.String())
			}
		case <-late:
			ts.Fatalf("it does not say %q", args[1])
		}
	}
}

// signal NAME HUP|TERM|KILL sends a signal.
func signalTo(ts *testscript.TestScript, _ bool, args []string) {
	which := map[string]os.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM, "KILL": os.Kill}[args[1]]
	ts.Check(named(ts, args[0]).cmd.Process.Signal(which))
}

// exits NAME CODE waits until a relay has ended, with this exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	p := named(ts, args[0])
	select {
	case <-p.over:
	case <-time.After(time.Minute):
		ts.Fatalf("it does not end")
	}
	if strconv.Itoa(p.code) != args[1] {
		ts.Fatalf("it ended with %d, want %s: %s", p.code, args[1], p.said.String())
	}
}

// get CODE URL writes a page into the file page.
func get(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, args[1], http.NoBody)
	ts.Check(err)
	answer, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(errors.Join(err, os.WriteFile(ts.MkAbs("page"), body, 0o600)))
	if strconv.Itoa(answer.StatusCode) != args[0] {
		ts.Fatalf("status %d, want %s: %s", answer.StatusCode, args[0], body)
	}
}
