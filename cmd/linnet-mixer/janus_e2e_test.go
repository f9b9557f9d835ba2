//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkJanus is the load of BenchmarkLoad on the AudioBridge of Debian's janus, with that package's own settings but for the
// bit rate, so that one run on one machine says how the two compare. Janus passes over loopback interfaces, so legs use the
// machine's own other address.
func BenchmarkJanus(b *testing.B) { tabulate(b, startJanus) }

// janus is one of its processes, and a session of its HTTP API.
type janus struct {
	url   string
	count atomic.Int64

	mu    sync.Mutex
	parts int
}

// startJanus runs a Janus until b ends.
func startJanus(b *testing.B, _ int) bridge {
	b.Helper()
	program, err := exec.LookPath("janus")
	if err != nil {
		b.Fatal("this needs Debian's package janus")
	}
	dir, address := b.TempDir(), freeAddress(b)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"janus.jcfg": fmt.Sprintf("general: { configs_folder = %q\n debug_level = 2\n session_timeout = 0\n admin_secret = \"x\" }\n"+
			"media: { ipv6 = false }\ntransports: { disable = \"libjanus_websockets.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_mqtt.so,libjanus_nanomsg.so\" }\n"+
			"plugins: { disable = \"libjanus_duktape.so,libjanus_lua.so,libjanus_sip.so,libjanus_nosip.so,libjanus_streaming.so,libjanus_recordplay.so,"+
			"libjanus_videocall.so,libjanus_videoroom.so,libjanus_voicemail.so,libjanus_textroom.so,libjanus_echotest.so\" }\n", dir),
		"janus.transport.http.jcfg": fmt.Sprintf("general: { json = \"compact\"\n base_path = \"/janus\"\n http = true\n port = %s\n ip = %q\n https = false }\n"+
			"admin: { admin_http = false }\n", port, host),
		"janus.plugin.audiobridge.jcfg": "room-1: { description = \"load\"\n sampling_rate = 48000\n default_bitrate = 24000\n record = false\n audiolevel_ext = true }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	process := exec.CommandContext(b.Context(), program, "-F", dir, "-C", filepath.Join(dir, "janus.jcfg"))
	var said bytes.Buffer
	process.Stdout, process.Stderr = &said, &said
	process.Cancel = func() error { return process.Process.Signal(os.Interrupt) }
	process.WaitDelay = 20 * time.Second
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = process.Wait() })
	j := &janus{url: "http://" + address + "/janus"}
	eventually(b, "Janus", func() bool {
		r, err := http.Get(j.url + "/info")
		if err != nil {
			return false
		}
		r.Body.Close()
		return true
	})
	id, err := j.ask(b.Context(), map[string]any{"janus": "create"})
	if err != nil {
		b.Fatalf("%v: %s", err, &said)
	}
	j.url += "/" + id
	return bridge{enter: j.enter, use: func() use { return j.use(b, process.Process.Pid) }}
}

// reply is what Janus answers.
type reply struct {
	Janus  string
	Data   struct{ ID json.Number }
	Error  struct{ Reason string }
	Plugin struct {
		Data struct {
			Error string
		}
	} `json:"plugindata"`
	JSEP struct{ SDP string }
}

func (j *janus) post(ctx context.Context, url string, body map[string]any) (reply, error) {
	body["transaction"] = strconv.FormatInt(j.count.Add(1), 10)
	b, err := json.Marshal(body)
	if err != nil {
		return reply{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(b))
	if err != nil {
		return reply{}, err
	}
	return do(r)
}

func do(r *http.Request) (reply, error) {
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	if err != nil {
		return reply{}, err
	}
	var got reply
	if err := json.Unmarshal(b, &got); err != nil {
		return reply{}, fmt.Errorf("%w: %s", err, b)
	}
	if got.Janus == "error" {
		return reply{}, errors.New(got.Error.Reason)
	}
	return got, nil
}

// ask returns the id of what was made.
func (j *janus) ask(ctx context.Context, body map[string]any) (string, error) {
	r, err := j.post(ctx, j.url, body)
	return r.Data.ID.String(), err
}

// enter has one more leg in the room. Legs come one after the other.
func (j *janus) enter(ctx context.Context, offer string) (string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	id, err := j.ask(ctx, map[string]any{"janus": "attach", "plugin": "janus.plugin.audiobridge"})
	if err != nil {
		return "", err
	}
	if _, err := j.post(ctx, j.url+"/"+id, map[string]any{
		"janus": "message", "body": map[string]any{"request": "join", "room": 1},
		"jsep": map[string]any{"type": "offer", "sdp": offer},
	}); err != nil {
		return "", err
	}
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, j.url+"?maxev=1", nil)
		if err != nil {
			return "", err
		}
		got, err := do(r)
		switch {
		case err != nil:
			return "", err
		case got.Plugin.Data.Error != "":
			return "", errors.New(got.Plugin.Data.Error)
		case got.JSEP.SDP != "":
			j.parts++
			return got.JSEP.SDP, nil
		}
	}
}

// use reads what the process took.
func (j *janus) use(b *testing.B, pid int) use {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	const tick, page = 100, 4096
	number := func(i int) float64 {
		n, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return use{cpu: (number(11) + number(12)) / tick, memory: number(21) * page, legs: float64(j.parts)}
}
