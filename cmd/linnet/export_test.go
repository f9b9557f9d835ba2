package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/linnetmesh/linnet/node/api"
)

// hostile are texts that want to be more than text.
var hostile = []string{
	`<script>alert(1)</script>`, `</p></article></main><script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`,
	`<!--`, `-->`, `]]>`, `<![CDATA[`, `</style><script>alert(1)</script>`, `</title><script>alert(1)</script>`, `javascript:alert(1)`,
	`<iframe src="https://evil.example">`, `<a href="https://evil.example">x</a>`, `<link rel=stylesheet href=//evil.example>`, `<meta http-equiv=refresh content="0;url=//evil.example">`,
	`&lt;script&gt;`, `&#60;script&#62;`, `{{.Account}}`, "`${alert(1)}`", "\x00<script>", "a\u202egnp.exe", "\u2028", "\xff\xfe", "<svg/onload=alert(1)>", "\x1b[2J", strings.Repeat("<b>", 5000),
}

// hostileMessages has each text in each place where others write something.
func hostileMessages() (out []*api.Message) {
	for i, s := range hostile {
		at := time.Date(2027, 1, 1+i, 12, 0, 0, 0, time.UTC)
		out = append(out,
			&api.Message{ID: "a", Name: s, Time: at, Kind: "text", Text: s},
			&api.Message{
				ID: s, Name: s, Time: at, Kind: "text", Text: s, Own: true, State: "failed", Edited: true, WrongTime: true, Deliveries: []api.Delivery{{State: "failed", Why: s}},
				ReplyTo: &api.Quote{Name: s, Text: s}, Reactions: []api.Reaction{{Emoji: s, Name: s}},
			},
			&api.Message{ID: "c", Name: s, Time: at, Kind: "contact", Card: &api.Card{Name: s, Address: s}},
			&api.Message{ID: "d", Name: s, Time: at, Kind: s, Text: s, Deleted: i%2 == 0, Hidden: i%3 == 0},
		)
	}
	return out
}

func exported(t *testing.T, e exporter, name string, messages []*api.Message) []byte {
	t.Helper()
	var b bytes.Buffer
	err := e.head(&b, &exportHead{
		V: formatVersion, Kind: exportKind, Exported: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		Account: &api.Account{Name: "ada", Display: name}, With: &api.Contact{Name: name, Alias: name, Profile: name, About: name, Address: name},
	})
	for _, m := range messages {
		err = errors.Join(err, e.message(&b, m))
	}
	if err = errors.Join(err, e.tail(&b, len(messages))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// However hostile what was written is, a page has the elements and attributes that it has of itself, and shows all as text.
func TestExportHTML(t *testing.T) {
	allowed := map[string][]string{
		"html": {"lang"}, "head": nil, "meta": {"charset", "http-equiv", "content", "name"}, "title": nil, "style": nil, "body": nil, "header": nil, "h1": {"dir"},
		"h2": nil, "p": {"class", "dir"}, "bdi": nil, "br": nil, "main": nil, "article": {"id", "class"}, "blockquote": {"dir"}, "b": nil, "span": {"title"},
		"small": nil, "time": {"datetime"}, "footer": nil,
	}
	count := func(page []byte) map[string]int {
		got := make(map[string]int)
		for z := html.NewTokenizer(bytes.NewReader(page)); ; {
			switch z.Next() {
			case html.ErrorToken:
				if !errors.Is(z.Err(), io.EOF) {
					t.Error(z.Err())
				}
				return got
			case html.CommentToken:
				t.Error("there is a comment")
			case html.StartTagToken, html.SelfClosingTagToken:
				tag := z.Token()
				got[tag.Data]++
				names, ok := allowed[tag.Data]
				if !ok {
					t.Errorf("there is an element %s", tag.Data)
				}
				for _, a := range tag.Attr {
					if !slices.Contains(names, a.Key) {
						t.Errorf("%s has an attribute %s", tag.Data, a.Key)
					}
				}
			case html.TextToken, html.EndTagToken, html.DoctypeToken:
			}
		}
	}
	for _, s := range hostile {
		count(exported(t, new(asHTML), s, nil))
	}
	all := hostileMessages()
	page := exported(t, new(asHTML), "Ben", all)
	got := count(page)
	if got["article"] != len(all) || got["h2"] != len(hostile) || got["main"] != 1 || got["style"] != 1 || got["meta"] != 4 {
		t.Errorf("of %d messages of %d days: %v", len(all), len(hostile), got)
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	text := new(strings.Builder)
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			text.WriteString(n.Data)
		}
	}
	for _, s := range hostile {
		if !strings.Contains(text.String(), plain(s)) {
			t.Errorf("%q is not shown as it was written", s)
		}
	}
	if bytes.ContainsAny(page, "\x00\x1b\u202e") {
		t.Error("there are characters that turn or move what follows")
	}
	if i := bytes.Index(page, []byte("Content-Security-Policy")); i < 0 || i > 200 {
		t.Error("there is no policy at the top")
	}
}

// JSON is one object, reads back as what was said, and moves no terminal.
func TestExportJSON(t *testing.T) {
	for _, all := range [][]*api.Message{nil, hostileMessages()[:1], hostileMessages()} {
		b := exported(t, new(asJSON), "Ben", all)
		var got struct {
			exportHead
			Messages []*api.Message `json:"messages"`
			Count    int            `json:"count"`
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if got.V != 1 || got.Kind != exportKind || got.Count != len(all) || len(got.Messages) != len(all) || got.With.Name != "Ben" {
			t.Errorf("of %d messages: %+v", len(all), got)
		}
		for i := range all {
			want := *all[i]
			want.Text = strings.ToValidUTF8(want.Text, "\ufffd")
			if got.Messages[i].Text != want.Text && !strings.Contains(want.Text, "\ufffd") {
				t.Errorf("%q reads as %q", want.Text, got.Messages[i].Text)
			}
		}
		if strings.ContainsFunc(strings.ReplaceAll(string(b), "\n", ""), harmful) {
			t.Error("it would move a terminal")
		}
	}
}

// A new file takes nobody's name, and leaves nothing if it is dropped.
func TestNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	f, err := createFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil { // somebody was faster
		t.Fatal(err)
	}
	if err := f.keep(); codeOf(err) != api.CodeConflict {
		t.Errorf("a name that was taken meanwhile: %v", err)
	}
	if _, err := createFile(path); codeOf(err) != api.CodeConflict {
		t.Errorf("a name that is taken: %v", err)
	}
	if f, err = createFile(path + "2"); err == nil {
		err = f.drop()
	}
	if err != nil {
		t.Error(err)
	}
	if f, err = createFile(path + "3"); err == nil {
		_, err = f.WriteString("ours")
		err = errors.Join(err, f.keep())
	}
	if err != nil {
		t.Error(err)
	}
	got := make(map[string]string)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(b)
	}
	if diff := cmp.Diff(map[string]string{"x": "theirs", "x3": "ours"}, got); diff != "" {
		t.Error(diff)
	}
}
