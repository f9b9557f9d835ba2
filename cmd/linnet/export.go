package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/linnetmesh/linnet/node/api"
)

// exportPage is how many messages are asked for at once.
const exportPage = 500

// exportHead is what an export begins with; as JSON, messages follow.
type exportHead struct {
	V        int          `json:"v"`
	Kind     string       `json:"kind"`
	Exported time.Time    `json:"exported"`
	Account  *api.Account `json:"account"`
	With     *api.Contact `json:"with"`
}

// exportKind tells programs what an export is.
const exportKind = "linnet conversation"

// exporter writes a conversation in some form, a message at a time.
type exporter interface {
	head(w io.Writer, h *exportHead) error
	message(w io.Writer, m *api.Message) error
	tail(w io.Writer, messages int) error
}

// export writes all of a conversation, the oldest message first. It marks nothing as read.
func (t *talk) export(ctx context.Context, contact, form string) error {
	var e exporter
	switch form {
	case "html":
		e = new(asHTML)
	case "json":
		e = new(asJSON)
	default:
		return &usageError{fmt.Sprintf("--export %s is no form; there are html and json", form)}
	}
	head := &exportHead{V: formatVersion, Kind: exportKind, Exported: time.Now().UTC().Truncate(time.Second)}
	var err error
	if head.With, err = api.GetContact.Call(ctx, t.Client, t.with(contact)); err != nil {
		return err
	}
	if head.Account, err = api.GetAccount.Call(ctx, t.Client, t.at()); err != nil {
		return err
	}
	head.With.Awake = false // it is about now
	var file *newFile
	out := t.out
	if path := t.text("output"); path != "" {
		if file, err = createFile(path); err != nil {
			return err
		}
		out = file
	}
	messages, err := t.exportTo(ctx, out, e, head)
	if file != nil {
		if err == nil {
			err = file.keep()
		} else {
			err = errors.Join(err, file.drop())
		}
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err == nil && file != nil {
		_, err = fmt.Fprintf(t.flags.ErrOrStderr(), "%s  %s\n", line1(file.path), counted(messages, "message"))
	}
	return err
}

func (t *talk) exportTo(ctx context.Context, out io.Writer, e exporter, head *exportHead) (messages int, err error) {
	p := t.progress("written")
	defer p.end()
	w := io.MultiWriter(out, p)
	if err := e.head(w, head); err != nil {
		return 0, err
	}
	in := api.InHistory{InContact: t.with(head.With.ID), Since: time.UnixMilli(1), Limit: exportPage}
	for {
		page, err := api.GetHistory.Call(ctx, t.Client, in)
		if err != nil {
			return messages, err
		}
		b := new(bytes.Buffer)
		for i := len(page.Messages) - 1; i >= 0; i-- {
			if err := e.message(b, &page.Messages[i]); err != nil {
				return messages, err
			}
			messages++
		}
		if _, err := w.Write(b.Bytes()); err != nil {
			return messages, fmt.Errorf("writing the export: %w", err)
		}
		if page.After == "" {
			break
		}
		in.Since, in.After = time.Time{}, page.After
	}
	return messages, e.tail(w, messages)
}

// asJSON is one object: the head, and "messages", as the API has them, the oldest first, one in a line.
type asJSON struct{ began bool }

func (a *asJSON) head(w io.Writer, h *exportHead) error {
	b, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s,\"messages\":[", escaped(strings.TrimSuffix(string(b), "}")))
	return err
}

func (a *asJSON) message(w io.Writer, m *api.Message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	comma := ","
	if !a.began {
		a.began, comma = true, ""
	}
	_, err = fmt.Fprintf(w, "%s\n%s", comma, escaped(string(b)))
	return err
}

func (a *asJSON) tail(w io.Writer, messages int) error {
	_, err := fmt.Fprintf(w, "\n],\"count\":%d}\n", messages)
	return err
}

// asHTML is one page, which needs nothing else: no scripts, nothing remote, and a policy that allows none. All that others
// wrote is escaped for where it stands.
type asHTML struct{ day string }

// pageTemplate holds the parts of the page.
var pageTemplate = template.Must(template.New("").Funcs(template.FuncMap{"state": state, "plain": plain}).Parse(`
{{- define "head"}}<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width">
<title>{{plain .With.Name}} · Linnet</title>
<style>
:root { color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem; overflow-wrap: anywhere } h2 { font-size: .85rem; font-weight: 600; text-align: center; opacity: .7; margin: 1.6rem 0 .6rem }
header p, footer { font-size: .85rem; opacity: .75; overflow-wrap: anywhere }
article { margin: .3rem 0; padding: .5rem .8rem; border-radius: .8rem; width: fit-content; max-width: 85%; background: #8883; overflow-wrap: anywhere }
article.own { margin-left: auto; background: #2a72 }
article p { margin: 0; white-space: pre-wrap } blockquote { margin: 0 0 .3rem; padding-left: .6rem; border-left: 3px solid #888; opacity: .8 }
small { display: block; opacity: .7; font-size: .75rem } .gone { font-style: italic; opacity: .7 }
</style>
</head>
<body>
<header>
<h1 dir="auto">{{plain .With.Name}}</h1>
<p>Written for <bdi>{{plain .Account.Display}}</bdi> on {{.Exported.Format "2 January 2006, 15:04 MST"}}. {{if .With.Verified}}Their safety number was compared.{{else}}Their safety number was not compared.{{end}}<br>{{plain .With.Address}}</p>
</header>
<main>
{{end}}
{{- define "day"}}<h2>{{.}}</h2>
{{end}}
{{- define "message"}}<article id="m{{plain .ID}}"{{if .Own}} class="own"{{end}}>
{{- if .ReplyTo}}<blockquote dir="auto"><b>{{plain .ReplyTo.Name}}</b> {{plain .ReplyTo.Text}}</blockquote>{{end}}
{{- if .Deleted}}<p class="gone">taken back</p>
{{- else if .Hidden}}<p class="gone">was to be seen once</p>
{{- else if .Card}}<p dir="auto">{{plain .Card.Name}} {{plain .Card.Address}}</p>
{{- else if eq .Kind "timer"}}<p class="gone">changed when messages disappear</p>
{{- else if eq .Kind "newer"}}<p class="gone">needs a newer Linnet</p>
{{- else}}<p dir="auto">{{plain .Text}}</p>{{end}}
{{- if .Reactions}}<p>{{range .Reactions}}<span title="{{plain .Name}}">{{plain .Emoji}}</span> {{end}}</p>{{end}}
<small><bdi>{{plain .Name}}</bdi> · <time datetime="{{.Time.UTC.Format "2006-01-02T15:04:05Z"}}">{{.Time.UTC.Format "15:04"}} UTC</time>{{if .WrongTime}} (when it came){{end}}{{if .Edited}} · edited{{end}}{{with state .}} · {{plain .}}{{end}}</small></article>
{{end}}
{{- define "tail"}}</main>
<footer><p>{{.}}</p></footer>
</body>
</html>
{{end}}`))

// plain is a text without what turns the direction of what follows, and what no page can hold.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && harmful(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}

func (a *asHTML) head(w io.Writer, h *exportHead) error {
	return pageTemplate.ExecuteTemplate(w, "head", h)
}

func (a *asHTML) message(w io.Writer, m *api.Message) error {
	if day := m.Time.UTC().Format("2 January 2006"); day != a.day {
		a.day = day
		if err := pageTemplate.ExecuteTemplate(w, "day", day); err != nil {
			return err
		}
	}
	return pageTemplate.ExecuteTemplate(w, "message", m)
}

func (a *asHTML) tail(w io.Writer, messages int) error {
	return pageTemplate.ExecuteTemplate(w, "tail", counted(messages, "message"))
}
