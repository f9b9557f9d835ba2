package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/node"
)

// withPage serves a page beside the API.
func (w *world) withPage() {
	w.server.page = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, "the page at "+r.URL.Path) })
}

// request makes a request of the loopback listener, and returns the status and the body.
func (w *world) request(t *testing.T, method, path, body string, header map[string]string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.loopback.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

func TestPageIsServed(t *testing.T) {
	w := newWorld(t)
	if status, _ := w.request(t, "GET", "/", "", nil); status != http.StatusUnauthorized {
		t.Errorf("without a page: %d, want 401", status)
	}
	w.withPage()
	for _, c := range []struct {
		name, method, path string
		header             map[string]string
		want               int
	}{
		{"a program", "GET", "/", nil, 200},
		{"an address that was typed", "GET", "/", map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200},
		{"a link elsewhere", "GET", "/", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200},
		{"a part of the page", "GET", "/app.js", map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200},
		{"a frame elsewhere", "GET", "/", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403},
		{"a script elsewhere", "GET", "/app.js", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 403},
		{"another port", "GET", "/app.js", map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403},
		{"another name", "GET", "/", map[string]string{"Host": "evil.example"}, 403},
		{"no token for the API", "GET", "/v1/accounts", nil, 401},
		{"writing to the page", "POST", "/", nil, 401},
	} {
		if got, body := w.request(t, c.method, c.path, "", c.header); got != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, got, body, c.want)
		}
	}
}

func TestLogin(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	var refused *Problem
	if _, err := OpenPage.Call(ctx, w.socket, InNone{}); !errors.As(err, &refused) || refused.Code != CodeStopped {
		t.Errorf("without a page: %v", err)
	}
	w.withPage()
	login := must[Login](t)(OpenPage.Call(ctx, w.socket, InNone{}))
	if want := w.loopback.URL + "/#" + login.Code; login.URL != want {
		t.Errorf("the link is %s, want %s", login.URL, want)
	}
	asJSON := map[string]string{"Content-Type": "application/json"}
	body := `{"code":"` + login.Code + `"}`
	elsewhere := map[string]string{"Content-Type": "application/json", "Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
	if status, _ := w.request(t, "POST", LoginPath, body, elsewhere); status != http.StatusForbidden {
		t.Errorf("from another site: %d, want 403", status)
	}
	for _, wrong := range []string{`{"code":"` + strings.Repeat("A", 26) + `"}`, `{}`, `[`, `{"code":"` + strings.Repeat("A", 2000) + `"}`} {
		if status, _ := w.request(t, "POST", LoginPath, wrong, asJSON); status != http.StatusForbidden {
			t.Errorf("%.40s: %d, want 403", wrong, status)
		}
	}
	if status, _ := w.request(t, "GET", LoginPath, "", nil); status != http.StatusMethodNotAllowed {
		t.Errorf("reading it: %d, want 405", status)
	}
	status, text := w.request(t, "POST", LoginPath, body, asJSON)
	_, secret, ok := strings.Cut(text, `"secret":"`)
	if status != http.StatusOK || !ok {
		t.Fatalf("%d %s", status, text)
	}
	secret, _, _ = strings.Cut(secret, `"`)
	tab := Dial(w.loopback.Listener.Addr().String(), secret)
	if _, err := ListTokens.Call(ctx, tab, InNone{}); err != nil {
		t.Errorf("with the tab's token: %v", err)
	}
	if status, _ := w.request(t, "POST", LoginPath, body, asJSON); status != http.StatusForbidden {
		t.Errorf("the second time: %d, want 403", status)
	}
}

func TestLoginCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l logins
		code := l.make(time.Now())
		time.Sleep(codeLife - time.Second)
		if late := l.make(time.Now()); !l.use(code, time.Now()) || l.use(code, time.Now()) || !l.use(late, time.Now()) {
			t.Error("a code is not good once")
		}
		code = l.make(time.Now())
		time.Sleep(codeLife)
		if l.use(code, time.Now()) {
			t.Error("a code lives too long")
		}
		first := l.make(time.Now())
		for range maxCodes {
			l.make(time.Now())
		}
		if len(l.codes) != maxCodes || l.use(first, time.Now()) {
			t.Errorf("%d codes are kept, want %d", len(l.codes), maxCodes)
		}
	})
}

func TestPageTokensGoWithTime(t *testing.T) {
	tokens, err := openTokens(filepath.Join(t.TempDir(), "tokens"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.make(Token{Name: "bot", Scope: Read}, 0); err != nil {
		t.Fatal(err)
	}
	var last Token
	for range maxPages + 5 {
		if last, err = tokens.make(Token{Name: pageToken, Scope: Admin, Page: true}, pageLife); err != nil {
			t.Fatal(err)
		}
	}
	all := tokens.list()
	if len(all) != maxPages+1 || all[0].Name != "bot" || all[maxPages].ID != last.ID {
		t.Errorf("%d tokens, the first %s", len(all), all[0].Name)
	}
}

// What a page needs beside contacts and messages.
func TestChats(t *testing.T) {
	w := newWorld(t)
	w.meet(t)
	ctx := t.Context()
	with := InContact{InAccount: InAccount{Account: "ada"}, Contact: "Ben"}
	var times []time.Time
	for i := range 5 {
		in := InSend{InContact: with}
		in.Body.Text = fmt.Sprint("line ", i)
		times = append(times, must[Message](t)(SendMessage.Call(ctx, w.socket, in)).Time)
	}

	yes, draft, until := true, "begun", time.Now().Add(time.Hour).Truncate(time.Second)
	in := InChangeChat{InContact: with}
	in.Body.Pinned, in.Body.Draft, in.Body.Muted = &yes, &draft, &until
	seen := w.watch(t, "ada", func(e *Event) bool { return e.Type == "chat" && e.Chat.Draft == draft })
	changed := must[Chat](t)(ChangeChat.Call(ctx, w.socket, in))
	seen()
	got := must[Chat](t)(GetChat.Call(ctx, w.socket, with))
	if !got.Pinned || got.Archived || got.Draft != draft || got.Muted == nil || !got.Muted.Equal(until) || got.Last.Text != "line 4" || changed.Draft != draft {
		t.Errorf("the conversation is %+v", got)
	}
	past := time.Unix(0, 0)
	empty := ""
	in = InChangeChat{InContact: with}
	in.Body.Muted, in.Body.Draft = &past, &empty
	if got := must[Chat](t)(ChangeChat.Call(ctx, w.socket, in)); got.Muted != nil || got.Draft != "" || !got.Pinned {
		t.Errorf("the conversation is %+v", got)
	}
	if all := must[Chats](t)(ListChats.Call(ctx, w.socket, with.InAccount)); len(all.Chats) != 1 || !all.Chats[0].Pinned {
		t.Errorf("the list is %+v", all)
	}

	texts := func(in InHistory) (out []string, p *Page) {
		in.InContact = with
		p = must[Page](t)(GetHistory.Call(ctx, w.socket, in))
		for _, m := range p.Messages {
			out = append(out, m.Text)
		}
		return out, p
	}
	list, _ := texts(InHistory{Limit: 50})
	if diff := cmp.Diff([]string{"line 4", "line 3", "line 2", "line 1", "line 0"}, list); diff != "" {
		t.Error(diff)
	}
	list, page := texts(InHistory{Since: times[1], Limit: 2})
	if diff := cmp.Diff([]string{"line 2", "line 1"}, list); diff != "" && times[0].Before(times[1]) {
		t.Error(diff)
	}
	list, _ = texts(InHistory{After: page.After, Limit: 50})
	if times[0].Before(times[1]) && !cmp.Equal([]string{"line 4", "line 3"}, list) {
		t.Errorf("after it: %q", list)
	}
	list, _ = texts(InHistory{Before: page.Before, Limit: 50})
	if times[0].Before(times[1]) && !cmp.Equal([]string{"line 0"}, list) {
		t.Errorf("before it: %q", list)
	}

	found := must[Page](t)(SearchMessages.Call(ctx, w.socket, InSearch{InAccount: with.InAccount, Text: "LINE", Skip: 3, Limit: 50}))
	if len(found.Messages) != 2 || found.Messages[0].Text != "line 1" {
		t.Errorf("the search found %+v", found.Messages)
	}

	if _, err := SetPrivacy.Call(ctx, w.socket, InSetPrivacy{InAccount: InAccount{Account: "ben"}, Body: Privacy{NoReceipts: true}}); err != nil {
		t.Fatal(err)
	}
	if p := must[Privacy](t)(GetPrivacy.Call(ctx, w.socket, InAccount{Account: "ben"})); !p.NoReceipts || p.NoTyping {
		t.Errorf("the privacy is %+v", p)
	}
	if _, err := GetStorage.Call(ctx, w.socket, with.InAccount); err != nil {
		t.Error(err)
	}
}

func TestInspect(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	var asked InMakeInvite
	asked.Account = "ada"
	invite := must[Invite](t)(MakeInvite.Call(ctx, w.socket, asked))
	inspect := func(account, text string) (*Inspected, error) {
		in := InInspect{InAccount: InAccount{Account: account}}
		in.Body.Invite = text
		return Inspect.Call(ctx, w.socket, in)
	}
	ada := w.nodes["ada"]
	got := must[Inspected](t)(inspect("ben", invite.Link))
	if got.ID != ada.Account().String() || got.Self || got.Bare || got.Over || got.Known != nil || got.Until == nil {
		t.Errorf("the invite is %+v", got)
	}
	if got := must[Inspected](t)(inspect("ada", invite.Link)); !got.Self {
		t.Errorf("her own invite is %+v", got)
	}
	if got := must[Inspected](t)(inspect("ben", ada.Address().String())); !got.Bare {
		t.Errorf("an address is %+v", got)
	}
	if _, err := inspect("ben", "linnet:add/nothing"); err == nil {
		t.Error("nothing is an invite")
	}
	var in InDraw
	in.Body.Text = strings.ToUpper(invite.Link)
	code := must[Drawn](t)(DrawQR.Call(ctx, w.socket, in))
	if n := len(code.Rows); n < 21 || len(code.Rows[0]) != n || !strings.HasPrefix(code.Rows[0], "1111111") {
		t.Errorf("the code has %d rows: %q", n, code.Rows[0])
	}
}

// Who does not want it told, is not: neither what was read, nor who writes.
func TestPrivacy(t *testing.T) {
	w := newWorld(t)
	w.meet(t)
	ctx := t.Context()
	ada, ben := w.nodes["ada"], w.nodes["ben"]
	if err := ben.SetPrivacy(ctx, node.Privacy{NoReceipts: true, NoTyping: true}); err != nil {
		t.Fatal(err)
	}
	came := w.watch(t, "ben", func(e *Event) bool { return e.Message != nil && e.Message.Text == "hello" })
	ref, err := ada.Send(ctx, ben.Account(), "hello", node.Ref{})
	if err != nil {
		t.Fatal(err)
	}
	came()
	if err := ben.Typing(ctx, ada.Account(), true); err != nil {
		t.Error(err)
	}
	if err := ben.MarkAllRead(ctx, ada.Account()); err != nil {
		t.Fatal(err)
	}
	if n, err := ben.Unread(ada.Account()); err != nil || n != 0 {
		t.Errorf("%d are unread (%v), want 0", n, err)
	}
	answered := w.watch(t, "ada", func(e *Event) bool {
		if e.Type == "typing" {
			t.Error("it was told who writes")
		}
		return e.Message != nil && e.Message.Text == "well"
	})
	if _, err := ben.Send(ctx, ada.Account(), "well", node.Ref{}); err != nil {
		t.Fatal(err)
	}
	answered()
	if m, err := ada.Message(ben.Account(), ref); err != nil || m.State() != node.Delivered {
		t.Errorf("the message is %v (%v), want delivered", m.State(), err)
	}
	if _, err := ben.Choose(ctx, ada.Account(), func(c *node.Choices) { c.Draft = strings.Repeat("x", node.MaxDraft+1) }); err == nil {
		t.Error("a draft may be of any size")
	}
}
