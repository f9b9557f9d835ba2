package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

var update = flag.Bool("update", false, "write openapi.json anew")

// OpenAPI is committed, so that a change of the API shows as one.
func TestOpenAPI(t *testing.T) {
	got, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the API changed; if it should: go test ./node/api -run OpenAPI -update (-committed +now):\n%s", diff)
	}
}

func TestOperations(t *testing.T) {
	seen := make(map[string]bool)
	for _, o := range Operations() {
		if (o.Verb == "") == (o.Why == "") {
			t.Errorf("%s needs a verb, or a reason why there is none", o.Name)
		}
		if o.Scope == "" {
			t.Errorf("%s is for everybody", o.Name)
		}
		if seen[o.Name] || seen[o.Method+o.Path] {
			t.Errorf("%s stands twice", o.Name)
		}
		seen[o.Name], seen[o.Method+o.Path] = true, true
		if o.Method == http.MethodGet && o.Scope == Send {
			t.Errorf("%s has side effects", o.Name)
		}
	}
}

// house is a daemon with accounts in a network in memory.
type house struct {
	names   []string
	nodes   map[string]*node.Node
	hosts   map[string]*p2ptest.Host
	changed chan struct{}
	stopped bool
}

func (h *house) Accounts() (out []Account) {
	for _, name := range h.names {
		n := h.nodes[name]
		out = append(out, Account{Name: name, State: "running", ID: n.Account().String(), Address: n.Address().String()})
	}
	return out
}

func (h *house) Node(name string) (*node.Node, error) {
	if n := h.nodes[name]; n != nil {
		return n, nil
	}
	return nil, problem(404, CodeNoAccount, "", "no account %q", name)
}

func (h *house) Add(ctx context.Context, account, invite string) (node.Account, error) {
	return h.nodes[account].Add(ctx, invite)
}

func (h *house) Create(context.Context, *InCreate) (Account, error) {
	return Account{}, errors.New("a secret path")
}

func (h *house) Restore(ctx context.Context, in *RestoreHead, file io.Reader) (Restored, error) {
	v, err := vault.Open(vault.Config{})
	if err != nil {
		return Restored{}, err
	}
	key := node.BackupKey{Passphrase: in.Passphrase, Identities: in.Identities}
	got, err := node.Restore(ctx, v, file, key, in.Words, time.Now())
	return Restored{Account: Account{Name: in.Name}, Backup: ViewBackup(&got)}, errors.Join(err, v.Close())
}

func (h *house) Unlock(context.Context, *InUnlock) (Account, error) {
	return Account{}, node.ErrStopped
}
func (h *house) SetPassphrase(context.Context, *InPassphrase) error { return nil }
func (h *house) Doctor(context.Context, bool) (Report, error)       { return Report{V: 1}, nil }
func (h *house) Changed() <-chan struct{}                           { return h.changed }
func (h *house) Stop()                                              { h.stopped = true }
func (h *house) Status() (s Status) {
	for _, a := range h.Accounts() {
		s.Accounts = append(s.Accounts, AccountStatus{Account: a})
	}
	return s
}

// world is a house with Ada and Ben, who are contacts of each other, its server, and clients.
type world struct {
	*house
	server   *Server
	socket   *Client
	loopback *httptest.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	net := p2ptest.New(1)
	h := &house{nodes: make(map[string]*node.Node), hosts: make(map[string]*p2ptest.Host), changed: make(chan struct{}, 1)}
	for _, name := range []string{"ada", "ben"} {
		v, err := vault.Open(vault.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := node.Create(v, strings.ToUpper(name[:1])+name[1:], time.Now()); err != nil {
			t.Fatal(err)
		}
		host := net.NewHost()
		host.SetServer(true)
		n, err := node.New(node.Config{Vault: v, Deliver: host.Lane("/linnet/deliver/1"), Bundle: host.Lane("/linnet/bundle/1"), Directory: host, Reach: host})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			host.Close()
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
		h.names = append(h.names, name)
		h.nodes[name], h.hosts[name] = n, host
	}
	if err := h.hosts["ada"].Join(t.Context(), h.hosts["ben"].Key(), h.hosts["ben"].Addrs()); err != nil {
		t.Fatal(err)
	}
	w := &world{house: h}
	w.loopback = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.server.Loopback().ServeHTTP(rw, r) }))
	var err error
	w.server, err = New(Config{Daemon: h, Tokens: filepath.Join(t.TempDir(), "tokens.json"), Hosts: []string{w.loopback.Listener.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	w.loopback.Start()
	unix := httptest.NewServer(w.server.Socket())
	w.socket = Dial(unix.Listener.Addr().String(), "")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		unix.CloseClientConnections()
		unix.Close()
		w.loopback.CloseClientConnections()
		w.loopback.Close()
		w.socket.http.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
	})
	return w
}

func must[T any](t *testing.T) func(v *T, err error) *T {
	t.Helper()
	return func(v *T, err error) *T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// meet makes Ada and Ben contacts, by calls alone.
func (w *world) meet(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	met := func(name string) func(*Event) bool {
		return func(e *Event) bool {
			return e.Contact != nil && e.Contact.State == "accepted" && e.Contact.Profile == name
		}
	}
	seen, known := w.watch(t, "ada", met("Ben")), w.watch(t, "ben", met("Ada"))
	var in InMakeInvite
	in.Account = "ada"
	invite := must[Invite](t)(MakeInvite.Call(ctx, w.socket, in))
	var add InAdd
	add.Account, add.Body.Invite = "ben", invite.Link
	if got := must[Contact](t)(AddContact.Call(ctx, w.socket, add)); got.State != "asked" {
		t.Errorf("the state is %q, want asked", got.State)
	}
	seen()
	known()
}

// watch waits, when the function that it returns is called, for an event since now.
func (w *world) watch(t *testing.T, account string, is func(*Event) bool) func() {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	found := make(chan error, 1)
	yes := errors.New("found")
	last := w.server.ring.id(w.server.ring.newest())
	go func() {
		err := w.socket.Watch(ctx, last, account, func(e Event) error {
			if is(&e) {
				return yes
			}
			return nil
		})
		if err == yes { //nolint:errorlint // that very one
			err = nil
		}
		found <- err
	}()
	return func() {
		t.Helper()
		defer cancel()
		if err := <-found; err != nil {
			t.Fatalf("waiting for an event: %v", err)
		}
	}
}

func (w *world) send(t *testing.T, from, to, text, key string) (*Message, error) {
	t.Helper()
	in := InSend{InContact: InContact{InAccount{from}, to}, Key: key}
	in.Body.Text = text
	return SendMessage.Call(t.Context(), w.socket, in)
}

func code(err error) Code {
	var p *Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// Two people meet and talk, by calls alone.
func TestTalk(t *testing.T) {
	w := newWorld(t)
	w.meet(t)
	ctx := t.Context()
	came := w.watch(t, "ada", func(e *Event) bool { return e.Message != nil && e.Message.Text == "hello, Ada" && !e.Message.Own })
	read := w.watch(t, "ben", func(e *Event) bool { return e.Message != nil && e.Message.State == "read" })
	sent := must[Message](t)(w.send(t, "ben", "@ada", "hello, Ada", "key 1"))
	came()
	if again := must[Message](t)(w.send(t, "ben", "ada", "hello, Ada", "key 1")); again.ID != sent.ID {
		t.Error("the same key said it twice")
	}
	if _, err := w.send(t, "ben", "ada", "something else", "key 1"); code(err) != CodeConflict {
		t.Errorf("another text with the key: %v", err)
	}
	chats := must[Chats](t)(ListChats.Call(ctx, w.socket, InAccount{"ada"})).Chats
	if len(chats) != 1 || chats[0].Unread != 1 || chats[0].Last == nil || chats[0].Last.Text != "hello, Ada" || chats[0].With.Name != "Ben" {
		t.Fatalf("unexpected chats: %+v", chats)
	}
	must[Done](t)(MarkRead.Call(ctx, w.socket, InMarkRead{InContact: InContact{InAccount{"ada"}, "ben"}}))
	read()
	if chats = must[Chats](t)(ListChats.Call(ctx, w.socket, InAccount{"ada"})).Chats; chats[0].Unread != 0 {
		t.Errorf("%d unread after reading", chats[0].Unread)
	}
	why := must[Message](t)(GetMessage.Call(ctx, w.socket, InMessage{InAccount{"ben"}, sent.ID[:6]}))
	if why.State != "read" || len(why.Deliveries) != 1 || why.Deliveries[0].Name != "Ada" || why.Deliveries[0].At == nil {
		t.Errorf("unexpected: %+v", why)
	}
	reacted := w.watch(t, "ben", func(e *Event) bool { return e.Message != nil && len(e.Message.Reactions) == 1 })
	react := InReact{InMessage: InMessage{InAccount{"ada"}, sent.ID}}
	react.Body.Emoji = "👍"
	must[Message](t)(React.Call(ctx, w.socket, react))
	reacted()
	edit := InEdit{InMessage: InMessage{InAccount{"ben"}, sent.ID}}
	edit.Body.Text = "hello, dear Ada"
	if m := must[Message](t)(EditMessage.Call(ctx, w.socket, edit)); !m.Edited || m.Text != "hello, dear Ada" {
		t.Errorf("unexpected: %+v", m)
	}
	edit.Account = "ada"
	if _, err := EditMessage.Call(ctx, w.socket, edit); code(err) != CodeInvalid {
		t.Errorf("editing another's message: %v", err)
	}
	found := must[Page](t)(SearchMessages.Call(ctx, w.socket, InSearch{InAccount: InAccount{"ben"}, Text: "DEAR", Limit: 10}))
	if len(found.Messages) != 1 {
		t.Errorf("found %d messages, want 1", len(found.Messages))
	}
	for i := range 5 {
		must[Message](t)(w.send(t, "ben", "ada", fmt.Sprint("more ", i), ""))
	}
	page := must[Page](t)(GetHistory.Call(ctx, w.socket, InHistory{InContact: InContact{InAccount{"ben"}, "ada"}, Limit: 4}))
	rest := must[Page](t)(GetHistory.Call(ctx, w.socket, InHistory{InContact: InContact{InAccount{"ben"}, "ada"}, Limit: 4, Before: page.Before}))
	if len(page.Messages) != 4 || len(rest.Messages) != 2 || rest.Messages[1].ID != sent.ID || rest.Before != "" {
		t.Errorf("pages of %d and %d, then %q", len(page.Messages), len(rest.Messages), rest.Before)
	}
	must[Done](t)(DeleteMessage.Call(ctx, w.socket, InDelete{InMessage: InMessage{InAccount{"ben"}, sent.ID}}))
	if _, err := GetMessage.Call(ctx, w.socket, InMessage{InAccount{"ben"}, sent.ID}); code(err) != CodeNotFound {
		t.Errorf("a message that was erased: %v", err)
	}
	if s := must[Status](t)(GetStatus.Call(ctx, w.socket, InNone{})); len(s.Accounts) != 2 || len(s.Accounts[0].Awake) != 1 {
		t.Errorf("unexpected: %+v", s)
	}
	c := must[Contact](t)(GetContact.Call(ctx, w.socket, InContact{InAccount{"ada"}, "ben"}))
	if d := must[Contact](t)(GetContact.Call(ctx, w.socket, InContact{InAccount{"ben"}, "ada"})); len(c.Number) < 60 || c.Number != d.Number {
		t.Errorf("safety numbers %q and %q", c.Number, d.Number)
	}
}

func TestProblems(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, errs := w.send(t, "ada", "nobody", "hi", "")
	_, none := GetAccount.Call(ctx, w.socket, InAccount{"eve"})
	_, words := ConfirmWords.Call(ctx, w.socket, InConfirmWords{InAccount: InAccount{"ada"}})
	_, add := AddContact.Call(ctx, w.socket, InAdd{InAccount: InAccount{"ada"}, Body: struct {
		Invite string `json:"invite" minLength:"1" maxLength:"4096" doc:"link or address"`
		Alias  string `json:"alias,omitempty" maxLength:"128"`
	}{Invite: "linnet:add/nonsense"}})
	_, inside := CreateAccount.Call(ctx, w.socket, InCreate{})
	_, id := GetMessage.Call(ctx, w.socket, InMessage{InAccount{"ada"}, "!!!!"})
	for _, c := range []struct {
		name string
		err  error
		want Code
	}{
		{"no contact", errs, CodeNotFound},
		{"no account", none, CodeNoAccount},
		{"no words", words, CodeInvalid},
		{"no invite", add, CodeInvalid},
		{"internal", inside, CodeInternal},
		{"no ID", id, CodeInvalid},
		{"no daemon", func() error {
			_, err := GetStatus.Call(ctx, DialSocket(filepath.Join(t.TempDir(), "none.sock")), InNone{})
			return err
		}(), CodeNoDaemon},
	} {
		if got := code(c.err); got != c.want {
			t.Errorf("%s: %v, code %q, want %q", c.name, c.err, got, c.want)
		}
		if c.err != nil && strings.Contains(c.err.Error(), "secret path") {
			t.Errorf("%s tells what is inside: %v", c.name, c.err)
		}
	}
}

// Nobody without a token, from another origin, or with a narrow token gets further than it allows.
// Each known error has a name of its own, which stays when the sentence is put better.
func TestReasons(t *testing.T) {
	seen := make(map[string]bool)
	for _, k := range known {
		var p *Problem
		if !errors.As(Explain(fmt.Errorf("asking: %w", k.err)), &p) || p.Reason != k.reason || p.Code != k.code {
			t.Errorf("%v is %+v", k.err, p)
		}
		if k.reason == "" || seen[k.reason] || strings.Trim(k.reason, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%v is named %q", k.err, k.reason)
		}
		seen[k.reason] = true
	}
	if len(Reasons()) != len(known) {
		t.Error("some are not listed")
	}
	w := newWorld(t)
	told := w.watch(t, "ada", func(e *Event) bool { return e.Type == "waiting" && e.With != "" && e.Message == nil })
	in := InAdd{InAccount: InAccount{"ada"}}
	seed := identity.NewSeed()
	account, discovery := seed.Account(), seed.DiscoveryRoot(0).Key(0)
	in.Body.Invite = identity.Address{Account: account.Public(), Discovery: discovery.Public()}.String()
	must[Contact](t)(AddContact.Call(t.Context(), w.socket, in))
	told()
}

func TestHostile(t *testing.T) {
	w := newWorld(t)
	w.meet(t)
	token := func(scope Scope, account string, chats []string, seconds int64) string {
		in := InMakeToken{}
		in.Body.Name, in.Body.Scope, in.Body.Account, in.Body.Chats, in.Body.Seconds = "test", scope, account, chats, seconds
		return must[Token](t)(MakeToken.Call(t.Context(), w.socket, in)).Secret
	}
	admin, read, narrow := token(Admin, "", nil, 0), token(Read, "", nil, 0), token(Send, "ada", []string{"ben"}, 0)
	chief := token(Admin, "ada", []string{"ben"}, 0) // of one conversation, and of nothing else
	dropped := token(Admin, "", nil, 0)
	all := must[Tokens](t)(ListTokens.Call(t.Context(), w.socket, InNone{})).Tokens
	must[Done](t)(DropToken.Call(t.Context(), w.socket, InToken{all[4].ID}))
	host := w.loopback.Listener.Addr().String()
	base := "http://" + host
	try := func(method, path, token, body string, change func(*http.Request)) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		if change != nil {
			change(r)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode
	}
	if got := try("GET", "/v1/status", admin, "", nil); got != 200 {
		t.Fatalf("with a token: %d", got)
	}
	if got := try("POST", "/v1/accounts/ada/contacts/ben/messages", narrow, `{"text":"by a bot"}`, nil); got != 200 {
		t.Errorf("a bot in its chat: %d", got)
	}
	if got := try("POST", "/v1/accounts/ada/contacts/ben/messages", admin, `{"text":"by our page"}`, func(r *http.Request) {
		r.Header.Set("Origin", base)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}); got != 200 {
		t.Errorf("our page: %d", got)
	}
	count := 0
	refused := func(name string, got int) {
		t.Helper()
		count++
		if got >= 200 && got < 300 {
			t.Errorf("%s: %d", name, got)
		}
	}
	// Every operation, in each of the ways in which somebody who must not could ask for it.
	concrete := strings.NewReplacer("{account}", "ada", "{contact}", "ben", "{message}", "abcdefgh", "{invite}", "x", "{token}", "x")
	var ways []Described
	ways = append(ways, Operations()...)
	ways = append(ways, Described{Method: "GET", Path: WatchPath, Scope: Read, Name: "watch"})
	for _, o := range ways {
		path, body := concrete.Replace(o.Path), ""
		if o.Method != "GET" && o.Method != "DELETE" {
			body = `{"text":"x","name":"x","scope":"read","invite":"x","display":"x","on":true,"emoji":"x","words":"x","passphrase":"x"}`
		}
		header := func(key, value string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set(key, value) }
		}
		refused(o.Name+" without a token", try(o.Method, path, "", body, nil))
		refused(o.Name+" with a wrong token", try(o.Method, path, "linnet-AAAAAAAAAAAAAAAAAAAAAAAAAA", body, nil))
		refused(o.Name+" with a token taken away", try(o.Method, path, dropped, body, nil))
		refused(o.Name+" with a cookie alone", try(o.Method, path, "", body, header("Cookie", "token="+admin)))
		refused(o.Name+" with a token in the query", try(o.Method, path+"?token="+admin, "", body, nil))
		refused(o.Name+" by another name of the host", try(o.Method, path, admin, body, func(r *http.Request) { r.Host = "evil.example:80" }))
		refused(o.Name+" from another origin", try(o.Method, path, admin, body, header("Origin", "http://evil.example")))
		refused(o.Name+" from a null origin", try(o.Method, path, admin, body, header("Origin", "null")))
		refused(o.Name+" cross-site", try(o.Method, path, admin, body, header("Sec-Fetch-Site", "cross-site")))
		refused(o.Name+" same-site", try(o.Method, path, admin, body, header("Sec-Fetch-Site", "same-site")))
		if body != "" {
			refused(o.Name+" as a form", try(o.Method, path, admin, body, header("Content-Type", "text/plain")))
		}
		if body != "" && !slices.ContainsFunc(ways, func(g Described) bool { return g.Method == "GET" && g.Path == o.Path }) {
			refused(o.Name+" by GET", try("GET", path+"?text=x&emoji=x", read, "", header("X-HTTP-Method-Override", o.Method)))
		}
		if body != "" {
			refused(o.Name+" too large", try(o.Method, path, admin, `{"text":"`+strings.Repeat("x", maxBody)+`"}`, nil))
		}
		if o.Scope == Admin && !strings.Contains(o.Path, "{contact}") {
			refused(o.Name+" with a token to manage one conversation", try(o.Method, path, chief, body, nil))
		}
		if o.Scope != Read {
			refused(o.Name+" with a token to read", try(o.Method, path, read, body, nil))
		}
		if strings.Contains(o.Path, "{account}") {
			refused(o.Name+" in another account", try(o.Method, strings.Replace(path, "/ada", "/ben", 1), narrow, body, nil))
		} else if o.Name != "watch" {
			refused(o.Name+" with a narrow token", try(o.Method, path, narrow, body, nil))
		}
	}
	refused("expired", try("GET", "/v1/status", func() string {
		secret := token(Admin, "", nil, 1)
		w.server.tokens.mu.Lock()
		defer w.server.tokens.mu.Unlock()
		past := time.Now().Add(-time.Second)
		w.server.tokens.all[len(w.server.tokens.all)-1].Until = &past
		return secret
	}(), "", nil))
	t.Logf("%d hostile calls", count)
	if count < 200 {
		t.Errorf("%d hostile calls: too few", count)
	}
	if w.stopped {
		t.Error("somebody stopped the daemon")
	}
	// Those that a narrow token may make: nothing of other conversations in them.
	if got := try("GET", "/v1/accounts/-/chats", narrow, "", nil); got != 200 {
		t.Errorf("a bot's chats: %d", got)
	}
}

// The file of tokens holds no secret, outlives the server, and is nobody else's.
func TestTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.json")
	k, err := openTokens(file)
	if err != nil {
		t.Fatal(err)
	}
	made, err := k.make(Token{Name: "bot", Scope: Read}, 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte(made.Secret)) {
		t.Error("the secret is in the file")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, err := openTokens(file)
	if err != nil {
		t.Fatal(err)
	}
	if c := again.find(made.Secret); c == nil || c.scope != Read {
		t.Errorf("after a restart: %+v", c)
	}
	if again.find(made.Secret+"x") != nil || again.find("") != nil || again.find(strings.Repeat("x", 1<<16)) != nil {
		t.Error("something else opens it")
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openTokens(file); err == nil {
		t.Error("a damaged file is taken")
	}
}

// Events come again to who missed them, and who missed too many, or comes from before a restart, is told.
func TestReplay(t *testing.T) {
	s := newServer(&house{}, &tokens{}, nil)
	for i := range 1500 {
		s.ring.add(Event{Type: "typing", Account: []string{"ada", "ben"}[i%2], With: fmt.Sprint(i)})
	}
	web := httptest.NewServer(s.Socket())
	defer web.Close()
	defer web.CloseClientConnections()
	first := func(last, account string, n int) (out []string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		enough := errors.New("enough")
		err := Dial(web.Listener.Addr().String(), "").Watch(ctx, last, account, func(e Event) error {
			out = append(out, e.Type+e.With)
			if len(out) == n {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) {
			t.Errorf("%v", err)
		}
		return out
	}
	for _, c := range []struct {
		last, account string
		want          []string
	}{
		{s.ring.id(1497), "", []string{"typing1497", "typing1498", "typing1499"}},
		{s.ring.id(1497), "ben", []string{"typing1497", "typing1499"}},
		{s.ring.id(500), "", []string{"typing500", "typing501"}},
		{s.ring.id(499), "", []string{"resync"}},
		{s.ring.id(1501), "", []string{"resync"}},
		{"OTHERXXX-3", "", []string{"resync"}},
		{"nonsense", "", []string{"resync"}},
	} {
		if diff := cmp.Diff(c.want, first(c.last, c.account, len(c.want))); diff != "" {
			t.Errorf("after %q (-want +got):\n%s", c.last, diff)
		}
	}
}

func TestRangeOf(t *testing.T) {
	id := node.MessageID{0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	text := textOf(id)
	if len(text) != idLength {
		t.Fatalf("%d characters", len(text))
	}
	for n := 4; n <= len(text); n++ {
		from, to, ok := rangeOf(text[:n])
		if !ok || slices.Compare(from[:], id[:]) > 0 || slices.Compare(to[:], id[:]) < 0 {
			t.Errorf("%q: %x to %x, %v", text[:n], from, to, ok)
		}
	}
	if from, to, _ := rangeOf(text); from != id || to != id {
		t.Errorf("a whole ID: %x to %x", from, to)
	}
	for _, bad := range []string{"", "abc", "0189", strings.Repeat("a", 27), "äöüß"} {
		if _, _, ok := rangeOf(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzPlace(f *testing.F) {
	f.Add("")
	f.Add(placeText(node.Place{Time: 5}))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePlace(text)
		if err == nil && text != "" && placeText(p) != strings.ToLower(text) {
			t.Errorf("%q reads as %+v", text, p)
		}
	})
}

// What travels of a message: a change here is one of the API.
func TestMessageJSON(t *testing.T) {
	b, err := json.Marshal(Message{ID: "x", With: "w", Author: "a", Name: "n", Kind: "text", Text: "t", Place: "p"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"x","with":"w","author":"a","name":"n","time":"0001-01-01T00:00:00Z","kind":"text","text":"t","place":"p"}`
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
