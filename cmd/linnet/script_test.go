package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/linnetmesh/linnet/conference/headless"
	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/room"
	"github.com/linnetmesh/linnet/p2p"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimFolder) != "" {
		os.Exit(victim())
	}
	testscript.Main(m, map[string]func(){
		"linnet": main, "volunteer": func() { os.Exit(volunteerHere()) }, "mixer": func() { os.Exit(mixerHere()) },
		"linnet-older": func() { version = "v0.8.0"; main() },
		"linnet-newer": func() { version = "v0.9.0"; main() },
	})
}

// volunteerHere is the program volunteer: it runs a relay on this machine, and writes its address into the folder in which it
// runs. It drains once there is a file drain there, and is killed for good once there is a file stop.
func volunteerHere() int {
	const folder = "."
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(folder, name))
		return err == nil
	}
	v, err := openVolunteer(context.Background(), new(mesh), "oak", filepath.Join(folder, "relay"))
	if err == nil {
		text := fmt.Sprintf("{\"address\": %q}\n", v.Address)
		err = errors.Join(os.WriteFile(filepath.Join(folder, "new"), []byte(text), 0o600),
			os.Rename(filepath.Join(folder, "new"), filepath.Join(folder, "address")))
	}
	if err == nil {
		err = poll(context.Background(), func() bool {
			v.server.Drain(has("drain"))
			return has("stop")
		})
	}
	if err == nil {
		err = v.kill()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return exitDone
}

// mixerHere is the program mixer NAME [TOKEN]: it mixes calls on this machine, of whoever has the token, if there is one, and
// writes its address into the file NAME, without the token, until there is a file NAME.stop.
func mixerHere() int {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	name, tokens := os.Args[1], os.Args[2:]
	house, err := room.NewHouse(room.HouseConfig{Open: len(tokens) == 0, Tokens: tokens, LoopbackOnly: true, NoTCP: true})
	if err == nil {
		defer house.Close()
		var host *p2p.Host
		if host, err = p2p.New(onLoopback(p2p.Config{Role: p2p.Mixer})); err == nil {
			defer host.Close()
			group.Go(func() { _ = host.Run(ctx) })
			host.Lane(p2p.Conference).Handle(house.ServeLane)
			text := "linnet:mixer/" + host.Key().String() + "?" + url.Values{"a": host.Addrs(), "n": {name}}.Encode() + "\n"
			err = errors.Join(os.WriteFile(name+".new", []byte(text), 0o600), os.Rename(name+".new", name))
		}
	}
	if err == nil {
		err = poll(ctx, func() bool {
			_, stop := os.Stat(name + ".stop")
			return stop == nil
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return exitDone
}

// TestScripts holds the dialogues with linnet: what somebody types, and what it says.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error { // no dialogue that breaks off leaves a daemon behind
			e.Defer(func() {
				locks, err := filepath.Glob(filepath.Join(e.WorkDir, "*", "accounts", "linnet.lock"))
				if err != nil {
					t.Error(err)
				}
				for _, lock := range locks {
					if pid, held := daemonPID(lock); held && pid > 0 {
						if p, err := os.FindProcess(pid); err == nil {
							_ = p.Kill()
						}
					}
				}
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// exits CODE PROGRAM ARGS… wants an exit code.
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exits code program [args...]")
				}
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				got := 0
				if err := ts.Exec(args[1], args[2:]...); err != nil {
					var exit *exec.ExitError
					if !errors.As(err, &exit) {
						ts.Fatalf("running %s: %v", args[1], err)
					}
					got = exit.ExitCode()
				}
				if got != want {
					ts.Fatalf("exits with %d, want %d", got, want)
				}
			},
			// converse has Ada call Ben, each saying something again and again, until each heard the other.
			"converse": converse,
			// until REGEXP PROGRAM ARGS… runs a program again and again until what it prints matches, for 30 s at most.
			"until": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: until regexp program [args...]")
				}
				want, err := regexp.Compile(args[0])
				ts.Check(err)
				for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
					err := ts.Exec(args[1], args[2:]...)
					if err == nil && want.MatchString(ts.ReadFile("stdout")) {
						return
					}
					if time.Now().After(end) {
						ts.Fatalf("it never printed %s; at last %v:\n%s", args[0], err, ts.ReadFile("stdout"))
					}
				}
			},
			// png FILE writes a small picture.
			"png": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: png file")
				}
				var b bytes.Buffer
				ts.Check(png.Encode(&b, image.NewGray(image.Rect(0, 0, 20, 30))))
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
			},
			// field VARIABLE NAME keeps a field of the JSON object that was printed last.
			"field": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 {
					ts.Fatalf("usage: field variable name")
				}
				var object map[string]any
				ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &object))
				text, ok := object[args[1]].(string)
				if !ok {
					ts.Fatalf("there is no text %q in it", args[1])
				}
				ts.Setenv(args[0], text)
			},
		},
	})
}

// converse calls, up to four times: a machine that is busy with other things may take what is said apart. With the race
// detector, which makes codec and network some ten times slower, a tone in place of speech has to come through.
func converse(ts *testscript.TestScript, _ bool, _ []string) {
	said, voices := make([]string, 2), make([][]float32, 2)
	tone := func(i int) float64 { return 440 * float64(i+1) }
	for i := range said {
		voices[i] = hearing.Speech(i)
		if slow {
			voices[i] = make([]float32, 48000)
			hearing.Tone(voices[i], tone(i), 0.3, 0)
		}
		said[i] = ts.MkAbs(fmt.Sprintf("said%d.wav", i))
		ts.Check(headless.WriteFile(said[i], voices[i]))
	}
	var got []string
	for range 4 {
		ts.Check(ts.Exec("sh", "-c", fmt.Sprintf(`linnet call answer --account ben --wait 60s --play %s --loop --record ben.wav --for 90s &
linnet call @Ben --play %s --loop --record ada.ogg --for 16s; wait`, said[1], said[0])))
		got = got[:0]
		good := 0
		for i, file := range []string{"ada.ogg", "ben.wav"} {
			heard, err := headless.ReadFile(ts.MkAbs(file))
			ts.Check(err)
			voice := voices[1-i]
			if len(heard) < len(voice) {
				break
			}
			last := heard[len(heard)-len(voice):]
			if slow {
				level := hearing.ToneLevel(last, tone(1-i))
				got = append(got, fmt.Sprintf("tone at %.0f dB", level))
				if level > -30 {
					good++
				}
				continue
			}
			likeness, _ := hearing.Likeness(voice, slices.Concat(last, last), len(voice)) // it is said in a circle
			got = append(got, fmt.Sprintf("likeness %.2f", likeness))
			if likeness >= 0.75 {
				good++
			}
		}
		ts.Logf("%s", strings.Join(got, ", "))
		if good == 2 {
			return
		}
	}
	ts.Fatalf("they do not hear each other: %s", strings.Join(got, ", "))
}
