package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPrinter holds what people see, column by column, and what programs get of the same lines.
func TestPrinter(t *testing.T) {
	story := func(p *printer) {
		p.title("Linnet demo", "Ada and Ben")
		p.say(line{Event: "invite", Who: "Ada invites", What: "linnet:add/qy3…9fd", Link: "linnet:add/qy3xxx9fd"})
		p.say(line{Event: "found", Who: "Ben adds Ada", What: "found by public key in the DHT", Took: inMillis(29 * time.Millisecond)})
		p.say(line{Event: "session", Who: "session", What: "post-quantum", Took: inMillis(2345 * time.Microsecond), Also: true})
		p.say(line{Event: "message", Who: "Ben → Ada", What: `"hello"`, State: "delivered, direct", Took: inMillis(1200 * time.Millisecond)})
		p.space()
		p.head("Who saw what")
		p.fact(line{Event: "dht", Who: "a DHT node", What: "<sealed>", Bytes: 8192})
		p.end(line{Event: "end", State: "ok", What: "All arrived."})
		p.hint("Try it yourself")
		p.fail(errors.New("no"))
	}
	for _, test := range []struct {
		name         string
		json, colour bool
		want         string
	}{
		{name: "people", want: `Linnet demo · Ada and Ben

  0.0 s  Ada invites    linnet:add/qy3…9fd
  0.0 s  Ben adds Ada   found by public key in the DHT                   29 ms
         session        post-quantum                                    2.3 ms
  0.0 s  Ben → Ada      "hello"          delivered, direct               1.2 s

Who saw what
  a DHT node  <sealed>
All arrived.
Try it yourself
`},
		{name: "terminal", colour: true, want: "\x1b[1mLinnet demo\x1b[0m · Ada and Ben\n\n" +
			"\x1b[2m  0.0 s\x1b[0m  Ada invites    linnet:add/qy3…9fd\n" +
			"\x1b[2m  0.0 s\x1b[0m  Ben adds Ada   found by public key in the DHT                \x1b[2m   29 ms\x1b[0m\n" +
			"         session        post-quantum                                  \x1b[2m  2.3 ms\x1b[0m\n" +
			"\x1b[2m  0.0 s\x1b[0m  Ben → Ada      \"hello\"          delivered, direct            \x1b[2m   1.2 s\x1b[0m\n" +
			"\n\x1b[1mWho saw what\x1b[0m\n  a DHT node  <sealed>\nAll arrived.\nTry it yourself\n"},
		{name: "programs", json: true, want: `{"v":1,"event":"begin","at_ms":0,"what":"Ada and Ben"}
{"v":1,"event":"invite","at_ms":0,"who":"Ada invites","what":"linnet:add/qy3…9fd","link":"linnet:add/qy3xxx9fd"}
{"v":1,"event":"found","at_ms":0,"who":"Ben adds Ada","what":"found by public key in the DHT","took_ms":29}
{"v":1,"event":"session","at_ms":0,"who":"session","what":"post-quantum","took_ms":2.345}
{"v":1,"event":"message","at_ms":0,"who":"Ben → Ada","what":"\"hello\"","state":"delivered, direct","took_ms":1200}
{"v":1,"event":"dht","at_ms":0,"who":"a DHT node","what":"<sealed>","bytes":8192}
{"v":1,"event":"end","at_ms":0,"what":"All arrived.","state":"ok"}
{"v":1,"event":"end","at_ms":0,"what":"no","state":"failed"}
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := newPrinter(&out, test.json)
				p.colour = test.colour
				story(p)
				if diff := cmp.Diff(test.want, out.String()); diff != "" {
					t.Errorf("printed (-want +got):\n%s", diff)
				}
				for line := range bytes.Lines(out.Bytes()) {
					if test.json && !json.Valid(line) {
						t.Errorf("no JSON: %s", line)
					}
				}
			})
		})
	}
}

// TestColour holds who gets colours: nobody who asked for none, or cannot see them.
func TestColour(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, out := range []io.Writer{new(bytes.Buffer), file} {
		if wantsColour(out) {
			t.Errorf("colours for %T", out)
		}
	}
	terminal, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, too
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	if !wantsColour(terminal) {
		t.Error("no colours for a terminal")
	}
	t.Setenv("NO_COLOR", "1")
	if wantsColour(terminal) {
		t.Error("colours in spite of NO_COLOR")
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if wantsColour(terminal) {
		t.Error("colours for a dumb terminal")
	}
}
