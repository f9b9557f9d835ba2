package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// formatVersion is that of all JSON that linnet prints. New fields may be added to a version; what is there stays.
const formatVersion = 1

// Widths of the columns of people's output.
const (
	whoWidth  = 15
	whatWidth = 46
)

// line is one thing that happened, or one fact: for people a line of columns, for programs an object.
type line struct {
	V     int    `json:"v"`
	Event string `json:"event"` // its name for programs
	At    millis `json:"at_ms"` // since the verb began
	Who   string `json:"who,omitempty"`
	What  string `json:"what,omitempty"`
	State string `json:"state,omitempty"` // how it came out
	Took  millis `json:"took_ms,omitempty"`

	Count int `json:"count,omitempty"` // what What counts
	Bytes int `json:"bytes,omitempty"`

	// Link is for programs alone: people see it shortened in What.
	Link string `json:"link,omitempty"`
	// Also says that the line belongs to the one above, and shows no time.
	Also bool `json:"-"`
}

// millis is a duration in milliseconds.
type millis float64

// inMillis is exact to the microsecond.
func inMillis(d time.Duration) millis { return millis(d.Microseconds()) / 1000 }

// String has two or three digits, for people.
func (m millis) String() string {
	switch {
	case m < 10:
		return fmt.Sprintf("%.1f ms", m)
	case m < 1000:
		return fmt.Sprintf("%.0f ms", m)
	default:
		return fmt.Sprintf("%.1f s", m/1000)
	}
}

// printer says what happens, as it happens. What a verb says to people and to programs are the same facts. It is for one
// goroutine.
type printer struct {
	out    io.Writer
	json   bool
	colour bool
	began  time.Time
	err    error // the first of writing
}

func newPrinter(out io.Writer, asJSON bool) *printer {
	return &printer{out: out, json: asJSON, colour: !asJSON && wantsColour(out), began: time.Now()}
}

// wantsColour tells whether out is a terminal that shows colours, and nobody asked for none (no-color.org).
func wantsColour(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// say says what happened just now.
func (p *printer) say(l line) {
	l.V, l.At = formatVersion, inMillis(time.Since(p.began))
	if p.json {
		p.note(printJSON(p.out, l))
		return
	}
	at := strings.Repeat(" ", 7)
	if !l.Also {
		at = fmt.Sprintf("%5.1f s", l.At/1000)
	}
	text := p.dim(at) + "  " + pad(l.Who, whoWidth)
	what := l.What
	if l.State != "" {
		what = pad(l.What, 17) + l.State
	}
	if l.Took != 0 {
		text += pad(what, whatWidth) + p.dim(fmt.Sprintf("%8s", l.Took))
	} else {
		text += what
	}
	p.print(text)
}

// fact says what is so, and needs no time.
func (p *printer) fact(l line) {
	if p.json {
		p.say(l)
		return
	}
	p.print("  " + pad(l.Who, whoWidth-3) + l.What)
}

// title begins what a verb says.
func (p *printer) title(name, rest string) {
	if p.json {
		p.say(line{Event: "begin", What: rest})
		return
	}
	p.print(p.bold(name) + " · " + rest)
	p.space()
}

// hint says the next step, which programs know.
func (p *printer) hint(text string) {
	if !p.json {
		p.print(text)
	}
}

// fail says that it ends here. What went wrong is said where errors go.
func (p *printer) fail(err error) {
	if p.json {
		p.say(line{Event: "end", State: "failed", What: err.Error()})
	}
}

// head says what the lines that follow are about. Programs know that from the events.
func (p *printer) head(text string) {
	if !p.json {
		p.print(p.bold(text))
	}
}

// end says the last thing.
func (p *printer) end(l line) {
	if p.json {
		p.say(l)
		return
	}
	p.print(l.What)
}

// space leaves a line empty.
func (p *printer) space() {
	if !p.json {
		p.print("")
	}
}

func (p *printer) print(text string) {
	_, err := fmt.Fprintln(p.out, strings.TrimRight(text, " "))
	p.note(err)
}

func (p *printer) note(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *printer) dim(s string) string  { return p.paint("2", s) }
func (p *printer) bold(s string) string { return p.paint("1", s) }

func (p *printer) paint(code, s string) string {
	if !p.colour || strings.TrimSpace(s) == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// pad fills up with spaces, and leaves at least one.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(1, width-utf8.RuneCountInString(s)))
}

// printJSON prints one object on a line of its own.
func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
