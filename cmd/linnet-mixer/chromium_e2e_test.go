//go:build e2e

package main

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/conference/headless"
	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// A real browser with a microphone that plays a file joins a room, is understood by a headless participant, and hears its tone.
// The mixer is started again at the same address: both join once more, and hear each other.
func TestChromium(t *testing.T) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t)
	_, stop := start(t, cfg, nil, nil)
	legs := "http://" + cfg.HTTP + "/rooms/lobby/legs"

	dir, err := filepath.EvalSymlinks(t.TempDir()) // with a path that has .. in it, Chromium hears silence without a word
	if err != nil {
		t.Fatal(err)
	}
	said := hearing.Speech(1)
	microphone := filepath.Join(dir, "microphone.wav")
	if err := headless.WriteFile(microphone, said); err != nil {
		t.Fatal(err)
	}

	type report struct {
		State, Error string
		Joins        int
		Tone, Other  float64
	}
	reports := make(chan report, 1000)
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServer(http.Dir("testdata")))
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var got report
		if json.NewDecoder(r.Body).Decode(&got) == nil {
			select {
			case reports <- got:
			default:
			}
		}
	})
	page := httptest.NewServer(mux)
	defer page.Close()

	e, err := rtc.Listen(rtc.Config{LoopbackOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	const hz = 820
	tone := make([]float32, 48000)
	for i := range tone {
		at := float64(i) / 48000
		tone[i] = float32(0.25 * math.Sin(2*math.Pi*hz*at) * (0.6 + 0.4*math.Sin(2*math.Pi*4*at)))
	}
	p := headless.New(headless.Config{Endpoint: e, Way: headless.ByHTTP{URL: legs, Bearer: token}, Play: tone, Loop: true, Record: true})
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})

	ask := url.Values{"to": {legs}, "key": {token}, "hz": {"820"}}
	browser := exec.CommandContext(ctx, program, "--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio",
		"--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--use-file-for-fake-audio-capture="+microphone,
		"--autoplay-policy=no-user-gesture-required", "--user-data-dir="+filepath.Join(dir, "profile"), page.URL+"/page.html?"+ask.Encode())
	browser.WaitDelay = 10 * time.Second
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = browser.Process.Signal(os.Interrupt)
		_ = browser.Wait()
		time.Sleep(500 * time.Millisecond) // its children let go of the profile
	}()

	hears := func(joins int) {
		t.Helper()
		for timeout := time.After(60 * time.Second); ; {
			select {
			case r := <-reports:
				if r.Error != "" {
					t.Fatal(r.Error)
				}
				if r.Joins == joins && r.State == "connected" && r.Tone > -60 && r.Tone > r.Other+20 {
					t.Logf("Chromium hears the tone at %.0f dB, beside it %.0f dB", r.Tone, r.Other)
					return
				}
			case <-timeout:
				t.Fatalf("Chromium hears nothing the %d. time", joins)
			}
		}
	}
	hears(1)
	best := 0.0
	eventually(t, "understanding", func() bool {
		heard := p.Heard(0)
		if len(heard) < 12*48000 {
			return false
		}
		likeness, _ := hearing.Likeness(said[:4*48000], heard[max(0, len(heard)-14*48000):], 10*48000)
		best = max(best, likeness)
		return likeness >= 0.75
	})
	t.Logf("what Chromium said was understood: %.2f", best)
	if level := hearing.ToneLevel(p.Heard(0), hz); level > -40 {
		t.Errorf("the participant hears its own tone at %.0f dB", level)
	}

	if err := stop(); err != nil {
		t.Fatal(err)
	}
	start(t, cfg, nil, nil)
	began := time.Now()
	hears(2)
	t.Logf("Chromium hears %.1f s after the mixer was back", time.Since(began).Seconds())
	before := len(p.Heard(0))
	eventually(t, "understanding after the mixer was back", func() bool {
		heard := p.Heard(0)
		if len(heard) < before+8*48000 {
			return false
		}
		heard = heard[len(heard)-5*48000:]
		likeness, _ := hearing.Likeness(heard, slices.Concat(said, said), len(said))
		return likeness >= 0.75
	})
}

// Two pages with tones for microphones hear each other through the mixer, and not themselves.
func TestTwoPages(t *testing.T) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t)
	start(t, cfg, nil, nil)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	type report struct {
		State, Error     string
		Tone, Own, Other float64
	}
	reports := [2]chan report{make(chan report, 1000), make(chan report, 1000)}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServer(http.Dir("testdata")))
	for i := range reports {
		mux.HandleFunc("POST /report"+strconv.Itoa(i), func(_ http.ResponseWriter, r *http.Request) {
			var got report
			if json.NewDecoder(r.Body).Decode(&got) == nil {
				select {
				case reports[i] <- got:
				default:
				}
			}
		})
	}
	pages := httptest.NewServer(mux)
	defer pages.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tones := [2]float64{820, 1480}
	for i, hz := range tones {
		tone := make([]float32, 2*48000)
		for k := range tone {
			at := float64(k) / 48000
			tone[k] = float32(0.25 * math.Sin(2*math.Pi*hz*at) * (0.6 + 0.4*math.Sin(2*math.Pi*4*at)))
		}
		microphone := filepath.Join(dir, strconv.Itoa(i)+".wav")
		if err := headless.WriteFile(microphone, tone); err != nil {
			t.Fatal(err)
		}
		ask := url.Values{
			"to": {"http://" + cfg.HTTP + "/rooms/lobby/legs"}, "key": {token}, "report": {"/report" + strconv.Itoa(i)},
			"hz": {strconv.FormatFloat(tones[1-i], 'f', 0, 64)}, "own": {strconv.FormatFloat(hz, 'f', 0, 64)},
		}
		browser := exec.CommandContext(ctx, program, "--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio",
			"--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--use-file-for-fake-audio-capture="+microphone,
			"--autoplay-policy=no-user-gesture-required", "--user-data-dir="+filepath.Join(dir, "profile"+strconv.Itoa(i)), pages.URL+"/page.html?"+ask.Encode())
		browser.WaitDelay = 10 * time.Second
		if err := browser.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = browser.Process.Signal(os.Interrupt)
			_ = browser.Wait()
			time.Sleep(500 * time.Millisecond) // its children let go of the profile
		}()
	}
	for i := range reports {
		for heard, timeout := false, time.After(90*time.Second); !heard; {
			select {
			case r := <-reports[i]:
				if r.Error != "" {
					t.Fatal(r.Error)
				}
				if heard = r.State == "connected" && r.Tone > -60 && r.Tone > r.Other+20 && r.Own < r.Tone-30; heard {
					t.Logf("page %d hears the other at %.0f dB, itself at %.0f dB", i, r.Tone, r.Own)
				}
			case <-timeout:
				t.Fatalf("page %d does not hear the other alone", i)
			}
		}
	}
}

// systemd reads the unit without a complaint, and finds little that it may do: an exposure of at most 2.0.
func TestUnitIsHardened(t *testing.T) {
	b, err := os.ReadFile("linnet-mixer.service")
	if err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "linnet-mixer.service")
	text := []byte(strings.Replace(string(b), "ExecStart=/usr/local/bin/linnet-mixer", "ExecStart="+program, 1))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"verify", "--man=no", file},
		{"security", "--offline=true", "--threshold=20", "--no-pager", file},
	} {
		if out, err := exec.Command("systemd-analyze", args...).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze %v: %v\n%s", args, err, out)
		}
	}
}
