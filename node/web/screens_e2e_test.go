//go:build e2e

package web

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rsc.io/qr"

	"github.com/linnetmesh/linnet/node/api"
	"github.com/linnetmesh/linnet/node/web/webtest"
)

var screens = flag.String("screens", "", "write pictures of every screen into this folder")

// stage is a daemon that is played: it has what is hard to come by, such as 10,000 unread messages, hostile names, and
// custody in all states. It answers what the page asks, from a script.
type stage struct {
	messages map[string][]api.Message // by contact, the oldest first
	events   chan api.Event           // what is told to who watches
	fresh    bool                     // there is no account yet

	mu    sync.Mutex
	chats []api.Chat
	done  []string // what was called to change something, as method and path
}

// face is a picture of somebody: a head before a sky, in colours of their own.
func face(n int) api.Picture {
	img := image.NewRGBA(image.Rect(0, 0, 256, 256))
	sky, skin := color.RGBA{byte(90 + 40*n%120), byte(150 + 25*n%80), 215, 255}, color.RGBA{byte(224 - 37*n%110), byte(172 - 31*n%90), byte(134 - 23*n%80), 255}
	for y := range 256 {
		for x := range 256 {
			c := sky
			c.B -= byte(y / 4)
			switch dx, dy := x-128, y-110; {
			case dx*dx/36+dy*dy/52 < 90:
				c = skin
			case dx*dx+(y-280)*(y-280) < 100*100:
				c = color.RGBA{byte(60 + 50*n%150), 60, byte(120 + 30*n%100), 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		panic(err)
	}
	return api.Picture{Name: fmt.Sprint("face", n), Type: "image/jpeg", Image: out.Bytes()}
}

func hexID(n int) string { return fmt.Sprintf("%06x%058d", n*0x31415&0xffffff, n) }

// drawn is a QR code as the daemon draws it.
func drawn(text string) (d api.Drawn) {
	c, err := qr.Encode(text, qr.L)
	if err != nil {
		panic(err)
	}
	for y := range c.Size {
		row := make([]byte, c.Size)
		for x := range row {
			row[x] = '0'
			if c.Black(x, y) {
				row[x] = '1'
			}
		}
		d.Rows = append(d.Rows, string(row))
	}
	return d
}

func relayID(n int) string { return fmt.Sprintf("%04x%060x", 0x7c1e+n*0x2b31, n) }

// relays are one's own in all states.
func (s *stage) relays() []api.Relay {
	now := time.Now()
	ahead, seen := int64(-184_000), now.Add(-50*time.Minute)
	at := func(host string) []string {
		return []string{"/ip4/203.0.113.9/udp/4747/quic-v1", "/dns4/" + host + "/tcp/443/wss"}
	}
	return []api.Relay{
		{ID: relayID(0), Addresses: at("oak.example"), State: "used", Since: now, Connected: true, Listens: true, Ready: true, Seen: &now},
		{ID: relayID(1), Addresses: at("a-relay-with-a-very-long-name-that-nobody-would-type." + strings.Repeat("subdomain.", 6) + "example"), State: "used", Since: now, Connected: true, Seen: &seen, AheadMS: &ahead},
		{ID: relayID(2), Addresses: []string{"/ip6/2001:db8:85a3::8a2e:370:7334/udp/4747/quic-v1"}, State: "used", Since: now, Why: "relay cannot be reached", Reason: "relay_unreachable", Seen: &seen},
		{ID: relayID(3), Addresses: at("elm.example"), State: "leaving", Since: now, Drains: true, Seen: &seen},
		{ID: relayID(4), Addresses: at("fir.example"), State: "allowed", Since: now, Invited: true},
	}
}

func newStage() *stage {
	s := &stage{messages: make(map[string][]api.Message), events: make(chan api.Event, 8)}
	now := time.Now()
	long := "Aleksandra-Maximiliana von und zu Hohenlohe-Waldenburg-Schillingsfürst the Younger"
	add := func(n int, name, state string, unread int, texts ...string) *api.Chat {
		id, age := hexID(n), n
		picture := ""
		if n == 1 || n == 4 || n == 8 || n > 20 && n < 90 && n%3 == 0 {
			picture = face(n).Name
		}
		if n >= 5 && n <= 7 { // the hostile ones stand below, where pictures do not show them
			age += 40
		}
		c := api.Chat{With: api.Contact{ID: id, Name: name, Profile: name, Picture: picture, State: state, Address: "linnet1" + strings.Repeat("qy8z", 16), Since: now, Devices: []int{1, 2}, Awake: n%2 == 1, Verified: n == 1, Number: strings.TrimSpace(strings.Repeat("20817 55310 94402 ", 4))}, Unread: unread}
		for i, text := range texts {
			m := api.Message{ID: fmt.Sprintf("%026d", n*1000+i), With: id, Author: id, Name: name, Kind: "text", Text: text, Time: now.Add(-time.Duration(age)*2*time.Hour - time.Duration(len(texts)-i)*time.Minute)}
			if i%2 == 1 {
				m.Own, m.Author, m.State = true, hexID(0), []string{"read", "delivered", "queued", "kept", "failed"}[i/2%5]
				until := now.Add(720 * time.Hour)
				d := api.Delivery{To: id, Name: name, Device: 1, State: m.State}
				switch m.State {
				case "kept":
					d.Relays, d.Until = 3, &until
					for k := range 3 {
						d.Kept = append(d.Kept, api.Keeper{Relay: relayID(k), Until: until})
					}
				case "queued", "failed":
					d.Why, d.Reason = "no relay of its answers", "no_relay"
				}
				m.Deliveries = []api.Delivery{d}
			}
			m.Place = fmt.Sprintf("%016x%s%s", m.Time.UnixMilli(), m.Author, m.ID)
			s.messages[id] = append(s.messages[id], m)
		}
		if all := s.messages[id]; len(all) > 0 {
			c.Last = &all[len(all)-1]
		}
		s.chats = append(s.chats, c)
		return &s.chats[len(s.chats)-1]
	}
	add(1, "Ben Okafor", "accepted", 0, "Are you coming on *Saturday*? 🌿", "Yes! I bring the tent.", "Great. The weather looks fine: https://weather.example/mountains", "Perfect", "See you at 8 at the station then. Platform 4, near the `kiosk`.", "I'll be there", "👍", "Shall I bring the stove, too?")
	add(2, long, "accepted", 1000, "Ten thousand unread messages and a very long name")
	add(3, "Cleo", "accepted", 3, "good night 🌙").Muted = &now
	add(4, "Zoë 🦊 Fox", "accepted", 0, "😂😂😂", "ok").Pinned = true
	add(5, "<img src=x onerror=alert(1)>", "accepted", 2, "<script>document.title='broken'</script><b>not bold</b>", "ok", "javascript:alert(1) data:text/html,x https://user@evil.example/ https://xn--80ak6aa92e.example/", "ok", strings.Repeat("wide", 15<<10))
	add(6, "\u202egnp.exe\u202c \u2066evil", "accepted", 0, "\u202etxet siht\u202c and this", "hm")
	add(7, "z\u0335\u0321\u0327\u0322\u031b\u0353\u0324\u0339a\u0335\u0321\u0327\u0322\u031blgo", "accepted", 0, "h"+strings.Repeat("\u0335\u0321\u0353", 200)+"i")
	add(8, "فاطمة الزهراء", "accepted", 1, "مرحبا! كيف حالك؟", "hello, fine")
	add(9, "Somebody new", "requested", 1, "Hi, we met at the conference.")
	for i := range 12 {
		add(20+i, fmt.Sprint("Friend ", i+1), "accepted", 0, "See you", "soon")
	}
	many := hexID(90)
	add(90, "Hundred thousand", "accepted", 0, "x")
	s.messages[many] = nil
	for i := range 100_000 {
		at := now.Add(-time.Duration(100_000-i) * 5 * time.Minute)
		m := api.Message{ID: fmt.Sprintf("%026d", 1_000_000+i), With: many, Author: many, Name: "Hundred thousand", Kind: "text", Text: fmt.Sprint("message ", i), Time: at, Own: i%3 == 0}
		m.Place = fmt.Sprintf("%016x%s", at.UnixMilli(), m.ID)
		if m.Own {
			m.State = "read"
		}
		s.messages[many] = append(s.messages[many], m)
	}
	return s
}

func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	put := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	rest := strings.TrimPrefix(r.URL.Path, "/v1/accounts/ada")
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	find := func(id string) *api.Chat { // of those that do not change
		for i := range s.chats {
			if s.chats[i].With.ID == id {
				return &s.chats[i]
			}
		}
		return &s.chats[0]
	}
	if r.Method != http.MethodGet {
		s.mu.Lock()
		s.done = append(s.done, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
	}
	switch {
	case r.URL.Path == "/v1/login":
		put(api.Token{ID: "t", Name: "page", Page: true, Secret: "linnet-x", Scope: api.Admin})
	case r.URL.Path == "/v1/events":
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		s.tell(w, r)
	case r.URL.Path == "/v1/accounts" && s.fresh:
		put(api.Accounts{Accounts: []api.Account{}})
	case r.URL.Path == "/v1/accounts":
		put(api.Accounts{Accounts: []api.Account{{Name: "ada", Display: "Ada Lovelace", About: "Somewhere in the hills", Picture: "face2", State: "running", ID: hexID(0), Address: "linnet1" + strings.Repeat("qy8z", 16), Device: 1, Devices: []int{1, 2}, Words: true}}})
	case r.URL.Path == "/v1/qr":
		var in struct{ Text string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		put(drawn(in.Text))
	case r.URL.Path == "/v1/status":
		put(api.Status{Version: "v0", Since: time.Now(), Checks: []api.Check{{Name: "mesh", State: "ok", Text: "14 peers"}, {Name: "clock", State: "warn", Text: "41 s behind your peers", Fix: "sudo timedatectl set-ntp true"}}, Accounts: []api.AccountStatus{{Account: api.Account{Name: "ada"}, Peers: 14}}})
	case r.URL.Path == "/v1/tokens":
		put(api.Tokens{Tokens: []api.Token{{ID: "a", Name: "page", Page: true, Created: time.Now()}, {ID: "b", Name: "weather bot", Created: time.Now()}}})
	case strings.HasSuffix(rest, "/picture") && r.Method == http.MethodGet:
		n := 2
		if parts[0] == "contacts" {
			_, _ = fmt.Sscanf(find(parts[1]).With.Picture, "face%d", &n)
		}
		put(face(n))
	case rest == "/chats":
		s.mu.Lock()
		put(api.Chats{Chats: s.chats})
		s.mu.Unlock()
	case parts[0] == "chats":
		put(find(parts[1]))
	case rest == "/privacy":
		put(api.Privacy{})
	case rest == "/relays" && r.Method == http.MethodPost:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusInsufficientStorage)
		put(api.Problem{Title: "full", Status: http.StatusInsufficientStorage, Code: api.CodeFull, Detail: "there are as many relays as there can be"})
	case rest == "/relays":
		put(api.Relays{Relays: s.relays()})
	case rest == "/custody":
		put(api.Custody{Relays: []api.Keeping{{Relay: relayID(0), Messages: 12, Until: time.Now().Add(720 * time.Hour)}, {Relay: relayID(7), Messages: 1, Until: time.Now().Add(700 * time.Hour)}}})
	case rest == "/backup":
		made := time.Now().Add(-9 * 24 * time.Hour)
		put(api.LastBackup{Made: &made})
	case rest == "/storage":
		put(api.Storage{Bytes: 212 << 20, Free: 61 << 30})
	case rest == "/invites" && r.Method == http.MethodGet:
		put(api.Invites{Invites: []api.Invite{}})
	case rest == "/invites":
		put(api.Invite{ID: "i", Link: "linnet:add/" + strings.Repeat("agsqcwbajbs62xb3", 12)})
	case rest == "/search":
		put(api.Page{Messages: s.messages[hexID(1)][:3]})
	case parts[0] == "contacts" && len(parts) == 2:
		put(find(parts[1]).With)
	case parts[0] == "contacts" && parts[2] == "messages":
		put(s.page(parts[1], r))
	default:
		put(api.Done{OK: true})
	}
}

// tell streams what happens, to one who watches.
func (s *stage) tell(w http.ResponseWriter, r *http.Request) {
	for {
		select {
		case e := <-s.events:
			b, err := json.Marshal(&e)
			if err != nil {
				panic(err)
			}
			_, _ = fmt.Fprintf(w, "id: %s\ndata: %s\n\n", e.ID, b)
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// did returns what was called to change something.
func (s *stage) did() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.done)
}

// page is a part of a history, the newest first.
func (s *stage) page(id string, r *http.Request) api.Page {
	all, q := s.messages[id], r.URL.Query()
	limit := 60
	_, _ = fmt.Sscan(q.Get("limit"), &limit)
	before, after := q.Get("before"), q.Get("after")
	if since := q.Get("since"); since != "" {
		if at, err := time.Parse(time.RFC3339Nano, since); err == nil {
			after = fmt.Sprintf("%016x", at.UnixMilli())
		}
	}
	var p api.Page
	p.Messages = []api.Message{}
	if after != "" {
		for i := range all {
			if all[i].Place > after && len(p.Messages) < limit {
				p.Messages = append([]api.Message{all[i]}, p.Messages...)
			}
		}
		if len(p.Messages) == limit {
			p.After = p.Messages[0].Place
		}
		if len(p.Messages) > 0 {
			p.Before = p.Messages[len(p.Messages)-1].Place
		}
		return p
	}
	for i := len(all) - 1; i >= 0 && len(p.Messages) < limit; i-- {
		if before == "" || all[i].Place < before {
			p.Messages = append(p.Messages, all[i])
		}
	}
	if len(p.Messages) == limit {
		p.Before = p.Messages[limit-1].Place
	}
	return p
}

func (s *stage) serve(t testing.TB) string {
	t.Helper()
	page := Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			w.Header().Set("Content-Type", "application/json")
			s.ServeHTTP(w, r)
			return
		}
		page.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

const code = "/#ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// place is a screen: where it is, what shows that it is there, and what is done to come there besides.
type place struct{ name, hash, shows, do, then string }

// places are all screens.
var places = []place{
	{name: "list", hash: "#/", shows: ".chat"},
	{name: "list-menu", hash: "#/", shows: ".chat", do: `right(document.querySelectorAll(".chat a")[1])`, then: ".menu [role=menuitem]"},
	{name: "search", hash: "#/", shows: ".chat", do: `type(document.getElementById("search"), "the")`, then: ".hit.tall"},
	{name: "switcher", hash: "#/", shows: ".chat", do: `dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true}))`, then: ".dialog [role=option]"},
	{name: "conversation", hash: "#/c/" + hexID(1), shows: ".message"},
	{name: "message-menu", hash: "#/c/" + hexID(1), shows: ".message.own", do: `right(document.querySelectorAll(".message.own .bubble")[1])`, then: ".menu .quick"},
	{name: "custody", hash: "#/c/" + hexID(1), shows: ".late .link", do: `document.querySelector(".late .link").click()`, then: ".dialog .keepers"},
	{name: "why", hash: "#/c/" + hexID(1), shows: ".message.own", do: `right(document.querySelectorAll(".message.own .bubble")[2]); (await until(".menu > [role=menuitem]:nth-child(7)")).click()`, then: ".dialog .delivery .warned"},
	{name: "delete", hash: "#/c/" + hexID(1), shows: ".message.own", do: `right(document.querySelectorAll(".message.own .bubble")[0]); (await until(".menu .bad")).click()`, then: ".dialog .main.bad"},
	{name: "select", hash: "#/c/" + hexID(1), shows: ".message.own", do: `right(document.querySelectorAll(".message.own .bubble")[0]); (await until(".menu > [role=menuitem]:nth-child(6)")).click()`, then: ".bar.choosing"},
	{name: "forward", hash: "#/c/" + hexID(2), shows: ".message", do: `right(document.querySelector(".message .bubble")); (await until(".menu > [role=menuitem]:nth-child(4)")).click()`, then: ".dialog .person"},
	{name: "emoji", hash: "#/c/" + hexID(1), shows: ".write", do: `document.querySelector(".write button").click()`, then: ".picker .grid button"},
	{name: "reply", hash: "#/c/" + hexID(1), shows: ".message", do: `document.querySelectorAll(".message .bubble")[2].dispatchEvent(new MouseEvent("dblclick", {bubbles: true}))`, then: ".composer .about"},
	{name: "contact", hash: "#/c/" + hexID(1) + "/info", shows: ".pane .portrait"},
	{name: "verify", hash: "#/c/" + hexID(1) + "/info", shows: ".pane .portrait", do: `document.querySelector(".pane .row").click()`, then: ".dialog .digits span"},
	{name: "long", hash: "#/c/" + hexID(2) + "/info", shows: ".pane .portrait"},
	{name: "hostile", hash: "#/c/" + hexID(5), shows: ".message"},
	{name: "request", hash: "#/c/" + hexID(9), shows: ".request"},
	{name: "requests", hash: "#/requests", shows: ".chat"},
	{name: "archive", hash: "#/archive", shows: ".empty"},
	{name: "add", hash: "#/add", shows: ".dialog"},
	{name: "invite", hash: "#/invite", shows: ".dialog .qr path"},
	{name: "start", hash: "#/start", shows: ".choices"},
	{name: "settings", hash: "#/settings", shows: ".settings .row"},
	{name: "profile", hash: "#/settings/profile", shows: ".column form"},
	{name: "picture", hash: "#/settings/profile", shows: ".column .pick", do: `const c = document.createElement("canvas"), x = c.getContext("2d"); c.width = 900; c.height = 600; x.fillStyle = "#8fb8de"; x.fillRect(0, 0, 900, 600); x.fillStyle = "#3d6b45"; x.fillRect(0, 420, 900, 180); x.fillStyle = "#e0ac86"; x.beginPath(); x.arc(450, 280, 150, 0, 7); x.fill();
		const d = new DataTransfer(); d.items.add(new File([await new Promise(done => c.toBlob(done))], "me.png", {type: "image/png"})); document.querySelector(".pick").dispatchEvent(new DragEvent("drop", {bubbles: true, dataTransfer: d}))`, then: ".cutter canvas[data-drawn]"},
	{name: "words", hash: "#/settings/words", shows: ".column .main"},
	{name: "accounts", hash: "#/settings/accounts", shows: ".column .row"},
	{name: "devices", hash: "#/settings/devices", shows: ".column .row"},
	{name: "relays", hash: "#/settings/relays", shows: ".column .relay"},
	{name: "relay", hash: "#/settings/relays", shows: ".column .relay", do: `document.querySelector(".open-relay").click()`, then: ".relay .facts"},
	{name: "relay-add", hash: "#/settings/relays", shows: ".column .relay", do: `document.querySelector(".column > .buttons button").click(); type(await until(".dialog textarea"), "linnet:add/oops")`, then: ".dialog .warn"},
	{name: "relay-remove", hash: "#/settings/relays", shows: ".column .relay", do: `document.querySelector(".relay .round").click()`, then: ".dialog .main.bad"},
	{name: "node", hash: "#/settings/node", shows: ".column .check"},
	{name: "privacy", hash: "#/settings/privacy", shows: ".column .toggle"},
	{name: "notifications", hash: "#/settings/notifications", shows: ".column .toggle"},
	{name: "appearance", hash: "#/settings/appearance", shows: ".column .toggle"},
	{name: "language", hash: "#/settings/language", shows: ".column .row"},
	{name: "storage", hash: "#/settings/storage", shows: ".column .meter"},
	{name: "backup", hash: "#/settings/storage", shows: ".column .group", do: `document.querySelector(".column .group .plain").click()`, then: ".dialog input"},
	{name: "blocked", hash: "#/settings/blocked", shows: ".column .empty"},
	{name: "tabs", hash: "#/settings/tabs", shows: ".column .row"},
	{name: "shortcuts", hash: "#/settings/shortcuts", shows: ".column .keys"},
	{name: "about", hash: "#/settings/about", shows: ".about-page"},
}

// visit goes to a place, from a page on which nothing is open.
func visit(tab *webtest.Tab, p *place) {
	if tab.Text(`!!document.querySelector(".dialog, .menu, .picker, .bar.choosing, .composer .about") || !!document.getElementById("search")?.value`) == "true" {
		tab.Eval(`location.hash = "#/settings/about"; 0`)
		tab.Until(`document.querySelector(".about-page")`)
		for tab.Text(`!!document.querySelector(".dialog, .menu, .picker")`) == "true" {
			tab.Press("Escape")
		}
		tab.Eval(`location.hash = "#/"; 0`)
		tab.Until(`document.getElementById("search")`)
		tab.Eval(`(() => { const s = document.getElementById("search"); s.value = ""; s.dispatchEvent(new Event("input", {bubbles: true})); })()`)
	}
	tab.Eval("location.hash = " + fmt.Sprintf("%q", p.hash) + "; 0")
	tab.Until(fmt.Sprintf("document.querySelector(%q)", p.shows))
	if p.do == "" {
		return
	}
	tab.Eval(`(async () => { const right = x => x.dispatchEvent(new MouseEvent("contextmenu", {bubbles: true, clientX: innerWidth / 2, clientY: 240})), type = (x, text) => { x.focus(); x.value = text; x.dispatchEvent(new Event("input", {bubbles: true})); }, ` +
		`until = s => new Promise(done => { const look = () => document.querySelector(s) ? done(document.querySelector(s)) : setTimeout(look, 10); look(); }); ` + p.do + `; })()`)
	tab.Until(fmt.Sprintf("document.querySelector(%q)", p.then))
}

// TestScreens looks at every screen, light and dark, wide and narrow: axe finds nothing serious, and nothing runs out of the
// window. With -screens it also writes pictures: go test -tags e2e -run TestScreens ./node/web -screens DIR
func TestScreens(t *testing.T) {
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	fresh := newStage()
	fresh.fresh = true
	base, usual := fresh.serve(t), newStage().serve(t)
	tab := webtest.Start(t).Person().Open(usual + code)
	tab.Has(".chat", "Ben")
	tab.Eval(string(axe) + "; 0")
	look := func(tab *webtest.Tab, name, scheme string, width int, thoroughly bool) {
		if *screens != "" {
			tab.Until(`[...document.images].every(x => x.complete)`)
			tab.Shot(filepath.Join(*screens, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)))
		}
		if wide := tab.Text(`document.documentElement.scrollWidth > innerWidth`); wide == "true" {
			t.Errorf("%s at %d runs out of the window", name, width)
		}
		if !thoroughly {
			return
		}
		found := tab.Text(`axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.filter(v => v.impact === "serious" || v.impact === "critical").map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + " " + n.failureSummary.slice(0, 160)).join(" | ")).join("\n"))`)
		if found != "" {
			t.Errorf("%s, %s, %d px: %s", name, scheme, width, found)
		}
	}
	for _, scheme := range []string{"light", "dark"} {
		tab.Prefer(map[string]string{"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"})
		for _, width := range []int{390, 1280} {
			tab.Size(width, 800)
			for i := range places {
				p := &places[i]
				visit(tab, p)
				look(tab, p.name, scheme, width, width == 1280 || p.name == "list" || p.name == "conversation")
			}
		}
	}

	// What stands before and over all of them: the first run, the door, and what another program shares.
	for _, p := range []struct{ name, url, shows string }{
		{"first", base + code, "#first-name"},
		{"share", usual + "/?title=Mountains&url=https%3A%2F%2Fweather.example%2Fmountains" + code[1:], ".dialog .shared"},
		{"door", base + "/", ".command"},
	} {
		tab := tab
		if p.name == "door" {
			tab = webtest.Start(t).Person().Open("about:blank")
		}
		tab.Go(p.url)
		tab.Until(fmt.Sprintf("document.querySelector(%q)", p.shows))
		tab.Eval(string(axe) + "; 0")
		for _, scheme := range []string{"light", "dark"} {
			tab.Prefer(map[string]string{"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"})
			for _, width := range []int{390, 1280} {
				tab.Size(width, 800)
				look(tab, p.name, scheme, width, true)
			}
		}
	}
}

// TestHostile shows that names and messages stay text, and within their place.
func TestHostile(t *testing.T) {
	tab := webtest.Start(t).Person().Open(newStage().serve(t) + code)
	tab.Size(320, 700)
	for _, n := range []int{2, 5, 6, 7, 8} {
		tab.Has(".chat", "Ben")
		tab.Eval(fmt.Sprintf("location.hash = %q; 0", "#/c/"+hexID(n)))
		tab.Until(fmt.Sprintf("location.hash.includes(%q) && document.querySelector('.message')", hexID(n)))
		if got := tab.Text(`document.documentElement.scrollWidth > innerWidth || [...document.querySelectorAll(".bubble")].some(b => b.getBoundingClientRect().right > innerWidth + 1 || b.getBoundingClientRect().left < -1)`); got != "false" {
			t.Errorf("contact %d breaks out of the page", n)
		}
		if got := tab.Text(`document.querySelectorAll(".bubble script, .bubble img, .bubble iframe, .name img, .list script").length + document.title`); !strings.HasPrefix(got, "0") || strings.Contains(got, "broken") {
			t.Errorf("contact %d became markup: %s", n, got)
		}
		tab.Eval(`location.hash = "#/"; 0`)
	}
	tab.Eval(fmt.Sprintf("location.hash = %q; 0", "#/c/"+hexID(5)))
	tab.Until(`document.querySelectorAll(".text a").length === 2`)
	if got := tab.Text(`[...document.querySelectorAll(".text a")].every(a => a.protocol === "https:")`); got != "true" {
		t.Error("another kind of link is a link")
	}
	tab.Click(".text a")
	tab.Has(".dialog .host", "evil.example")
	tab.Has(".dialog .warn", "@")
}

// TestLong scrolls in 100,000 messages, and goes to a date.
func TestLong(t *testing.T) {
	tab := webtest.Start(t).Person().Open(newStage().serve(t) + code)
	tab.Has(".chat", "Ben")
	tab.Eval(fmt.Sprintf("location.hash = %q; 0", "#/c/"+hexID(90)))
	tab.Has(".message .text", "message 99999")
	for _, want := range []string{"message 99900", "message 99800", "message 99700"} {
		tab.Until(`(document.querySelector(".messages").scrollTop = 0, [...document.querySelectorAll(".message .text")].some(x => x.textContent === "` + want + `"))`)
		if n := tab.Eval(`document.querySelectorAll(".message").length`).(float64); n > 320 {
			t.Errorf("%v messages are in the document", n)
		}
	}
	tab.Click(".bar button[aria-label='Go to a date']")
	tab.Eval(`(() => { const i = document.querySelector(".dialog input[type=date]"); i.value = new Date(Date.now() - 100 * 864e5).toLocaleDateString("en-CA"); i.dispatchEvent(new Event("input", {bubbles: true})); })()`)
	tab.Click(".dialog .main")
	tab.Has(".message.flash .text", "message 7")
	tab.Click(".to-end")
	tab.Has(".message .text", "message 99999")
}

// TestTongues finds text that does not come from the JSON of a language, and turns the page from right to left.
func TestTongues(t *testing.T) {
	tab := webtest.Start(t).Person().Open(newStage().serve(t) + code)
	tab.Has(".chat", "Ben")
	for _, tag := range []string{"qps", "qpr"} {
		tab.Eval(`localStorage.setItem("linnet", JSON.stringify({language: "` + tag + `"})); location.hash = "#/"; location.reload(); 0`)
		tab.Until(`document.documentElement.dataset.tongue === "` + tag + `" && document.querySelector(".chat")`)
		for i := range places {
			p := &places[i]
			visit(tab, p)
			found := tab.Text(`(() => { const out = [], w = document.createTreeWalker(document.getElementById("app"), NodeFilter.SHOW_TEXT); while (w.nextNode()) { const x = w.currentNode, text = x.data.trim(); if (/\p{L}{2}/u.test(text) && !/[⟦⟧]/.test(text) && !x.parentElement.closest("[data-theirs],time,dd,.day")) out.push(text.slice(0, 60)); } return out.join(" | "); })()`)
			if found != "" {
				t.Errorf("%s says, in no language: %s", p.name, found)
			}
			if wide := tab.Text(`document.documentElement.scrollWidth > innerWidth`); wide == "true" {
				t.Errorf("%s, %s: it runs out of the window", p.name, tag)
			}
		}
	}
}
