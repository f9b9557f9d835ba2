//go:build e2e

package main

import (
	"bufio"
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/node/web/webtest"
)

// pageDaemon is a real daemon with its page.
type pageDaemon struct {
	t            testing.TB
	home, listen string
	process      *exec.Cmd
	said         bytes.Buffer
}

func newPageDaemon(t testing.TB) *pageDaemon {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.MkdirTemp("", "linnet") //nolint:usetesting // shorter: a socket's path has a bound
	if err != nil {
		t.Fatal(err)
	}
	d := &pageDaemon{t: t, home: home, listen: l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.stop()
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	d.start()
	return d
}

func (d *pageDaemon) command(args ...string) *exec.Cmd {
	c := exec.Command("linnet", args...)
	c.Env = append(os.Environ(), "LINNET_HOME="+filepath.Join(d.home, "l"), "LINNET_ACCOUNT=")
	return c
}

func (d *pageDaemon) start() {
	d.t.Helper()
	d.process = d.command("up", "--foreground", "--loopback", "--listen", d.listen)
	d.said.Reset()
	d.process.Stderr = &d.said
	if err := d.process.Start(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *pageDaemon) stop() {
	d.t.Helper()
	if d.process == nil {
		return
	}
	_ = d.process.Process.Signal(os.Interrupt)
	if err := d.process.Wait(); err != nil {
		d.t.Errorf("the daemon ended with %v: %s", err, &d.said)
	}
	d.process = nil
}

// link returns a link that lets one tab in.
func (d *pageDaemon) link() string {
	d.t.Helper()
	var out []byte
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if out, err = d.command("open", "--print").Output(); err == nil {
			return strings.TrimSpace(string(out))
		}
	}
	d.t.Fatalf("linnet open: %v\n%s", err, &d.said)
	return ""
}

// begin makes an account in the page, as somebody does who never saw it.
func (d *pageDaemon) begin(p *webtest.Person, name string, pictures ...string) *webtest.Tab {
	d.t.Helper()
	tab := p.Open(d.link())
	tab.Has("h1", "Welcome to Linnet")
	tab.Until(`document.activeElement.id === "first-name"`)
	for _, file := range pictures {
		// Taken in the very moment in which it can be, before the page is painted again.
		tab.Eval(`new MutationObserver((_, o) => { const use = document.querySelector(".dialog .main"); if (use && !use.disabled) { o.disconnect(); use.click(); } }).observe(document.body, { subtree: true, childList: true, attributes: true }); 0`)
		tab.Choose(".pick input", file)
		tab.Until(`document.querySelector(".pick img")?.naturalWidth === 256`)
		tab.Click("#first-name")
	}
	tab.Type(name)
	tab.Press("Enter")
	tab.Has("h1", "Hello, "+name)
	return tab
}

// pagePicture writes a picture of a colour that is no square, larger than what is sent.
func pagePicture(t testing.TB, c color.Color) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 900, 600))
	draw.Draw(img, img.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	var b bytes.Buffer
	path := filepath.Join(t.TempDir(), "me.png")
	if err := errors.Join(png.Encode(&b, img), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// pageRelay is a real linnet-relay.
type pageRelay struct {
	t               *testing.T
	program, folder string
	address         string
}

func newPageRelay(t *testing.T) *pageRelay {
	t.Helper()
	r := &pageRelay{t: t, program: filepath.Join(t.TempDir(), "linnet-relay"), folder: t.TempDir()}
	tool(t, "go", "build", "-o", r.program, "../linnet-relay")
	settings := "local = true\nlisten = [\"/ip4/127.0.0.1/udp/0/quic-v1\"]\nmetrics = \"\"\n"
	if err := os.WriteFile(filepath.Join(r.folder, "relay.toml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(r.program, "-folder", r.folder)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		if err := c.Wait(); err != nil {
			t.Errorf("the relay ended with %v: %s", err, &said)
		}
	})
	lines := bufio.NewScanner(out)
	for r.address == "" && lines.Scan() {
		if strings.HasPrefix(lines.Text(), relayScheme) {
			r.address = lines.Text()
		}
	}
	if r.address == "" {
		t.Fatalf("the relay prints no address: %s", &said)
	}
	return r
}

// drain has the relay take nothing new.
func (r *pageRelay) drain() {
	r.t.Helper()
	tool(r.t, r.program, "-folder", r.folder, "drain")
}

// say writes and sends a text in the open conversation.
func say(tab *webtest.Tab, text string) {
	tab.Until(`document.activeElement.id === "composer"`)
	tab.Type(text)
	tab.Press("Enter")
	tab.Has(".message.own .text", text)
}

// pagePair is two people with daemons of their own, who are each other's contacts, and look at their conversation.
type pagePair struct {
	hers, his *pageDaemon
	a, b      *webtest.Tab
}

func newPagePair(t testing.TB) *pagePair {
	t.Helper()
	p := &pagePair{hers: newPageDaemon(t), his: newPageDaemon(t)}
	browser := webtest.Start(t)
	p.a, p.b = p.hers.begin(browser.Person(), "Ada"), p.his.begin(browser.Person(), "Ben")
	p.a.Click(".choice", "Invite somebody")
	p.a.Until(`document.querySelector(".linkbox code").textContent.startsWith("linnet:add/")`)
	invite := p.a.Text(`document.querySelector(".linkbox code").textContent`)
	p.a.Press("Escape")
	p.b.Click(".choice", "I have an invite")
	p.b.Until(`document.activeElement.matches("textarea.code")`)
	p.b.Type(invite)
	p.b.Has(".found-invite", "A good invite")
	p.b.Press("Enter")
	p.b.Has(".conversation .title", "Ada")
	p.a.Click(".chat a", "Ben")
	say(p.b, "hello")
	p.a.Has(".message .text", "hello")
	return p
}

// TestPage is what two people do with their pages, from the first run on.
func TestPage(t *testing.T) {
	ada, ben := newPageDaemon(t), newPageDaemon(t)
	browser := webtest.Start(t)
	hers, his := browser.Person(), browser.Person()
	a, b := ada.begin(hers, "Ada"), ben.begin(his, "Ben", pagePicture(t, color.RGBA{200, 30, 30, 255}))
	for _, tab := range []*webtest.Tab{a, b} {
		tab.Forgive("ERR_CONNECTION") // while a daemon is down
		tab.Forgive("ERR_INCOMPLETE_CHUNKED_ENCODING")
	}

	// She invites; he pastes.
	a.Click(".choice", "Invite somebody")
	a.Until(`document.querySelector(".qr path.dark") && document.querySelector(".linkbox code").textContent.startsWith("linnet:add/")`)
	invite := a.Text(`document.querySelector(".linkbox code").textContent`)
	a.Press("Escape")
	b.Click(".choice", "I have an invite")
	b.Until(`document.activeElement.matches("textarea.code")`)
	b.Type(invite)
	b.Has(".found-invite", "A good invite")
	b.Press("Enter")

	// Both see each other, and talk.
	b.Has(".conversation .title", "Ada")
	a.Click(".chat a", "Ben")
	say(b, "hello, Ada")
	a.Has(".message .text", "hello, Ada")
	a.Type("hello, *Ben*: see https://example.org/x?y=1, soon")
	a.Press("Enter")
	b.Has(".message .text b", "Ben")
	b.Until(`document.querySelector(".message .text a").href === "https://example.org/x?y=1"`)
	b.Until(`document.querySelector(".message.own .ticks.read")`)
	a.Until(`document.querySelector(".message.own .ticks.read")`)

	// She sees the picture that he chose at first, in the list, above the conversation, and beside it; and he hers, which she
	// cuts with the keyboard, and takes away again.
	const red = `(s => { const x = document.querySelector(s + " .avatar img"); if (!x?.naturalWidth) return 0; const c = document.createElement("canvas").getContext("2d"); c.drawImage(x, 0, 0); return c.getImageData(128, 128, 1, 1).data[0]; })`
	a.Until(red + `(".chat") > 180 && ` + red + `(".who") > 180`)
	a.Click(".who")
	a.Until(red + `(".pane .portrait") > 180`)
	a.Eval(`location.hash = "#/settings/profile"; 0`)
	a.Choose(".pick input", pagePicture(t, color.RGBA{90, 30, 200, 255}))
	a.Until(`document.querySelector(".cutter canvas")?.getContext("2d").getImageData(128, 128, 1, 1).data[3] === 255`)
	a.Until(`(document.querySelector(".cutter canvas").focus(), document.activeElement.matches("canvas"))`)
	a.Press("ArrowLeft", "ArrowLeft")
	a.Click(".dialog .main", "Use")
	a.Until(red + `(".column .portrait") < 120 && ` + red + `(".self") < 120`)
	b.Until(`Math.abs(` + red + `(".who") - 90) < 20`)
	a.Click(".portrait .link", "Remove")
	b.Until(`!document.querySelector(".who img") && document.querySelector(".who .avatar").textContent === "A"`)
	a.Eval(`location.hash = "#/"; 0`)
	a.Click(".chat a", "Ben")
	a.Until(`document.activeElement.id === "composer"`)

	// Answer, react, edit, delete.
	b.ClickRight(".message:not(.own) .meta time")
	b.Click("[role=menuitem]", "Answer")
	b.Has(".composer .about", "Answer to Ada")
	say(b, "an answer")
	a.Has(".message .quote", "hello, *Ben*")
	a.ClickRight(".message:not(.own) .bubble", "an answer")
	a.Click(".quick button", "❤️")
	b.Has(".message.own .reactions button", "❤️")
	b.Until(`!document.getElementById("composer").value`)
	b.Click("#composer")
	b.Press("ArrowUp")
	b.Has(".composer .about", "Changing a message")
	b.Press("Control+a")
	b.Type("a better answer")
	b.Press("Enter")
	a.Has(".message:not(.own) .text", "a better answer")
	a.Has(".message:not(.own) .meta", "changed")
	a.ClickRight(".message.own .meta time")
	a.Click("[role=menuitem]", "Delete")
	a.Click(".dialog .main", "Delete everywhere")
	b.Has(".message:not(.own) .text.gone", "deleted")
	b.HasNot(".message .text", "hello, Ben")

	// Another tab of hers comes in by itself, and both are in step.
	second := hers.Open("http://" + ada.listen + "/")
	second.Click(".chat a", "Ben")
	second.Has(".message .text", "a better answer")
	say(second, "from the second tab")
	a.Has(".message.own .text", "from the second tab")
	b.Has(".message .text", "from the second tab")
	a.Until(`document.activeElement.id === "composer" || (document.getElementById("composer").focus(), true)`)
	a.Type("begun to write")
	second.Until(`(document.activeElement.blur(), document.getElementById("composer").value === "begun to write")`)
	a.Press("Control+a", "Backspace")
	second.Until(`document.getElementById("composer").value === ""`)
	second.Close()

	// He sleeps: what she says waits, and she is told why. Then it comes.
	ben.stop()
	b.Has("body", "Linnet is not running")
	say(a, "are you there?")
	a.Until(`document.querySelector(".message.own:last-child .ticks.queued")`)
	a.Has(".message.own:last-child .late", "Waiting: ")

	// His page is there even when it is loaded anew without the daemon, says what to type, and goes on by itself.
	b.Reload()
	b.Has("h1", "Linnet is not running")
	b.Has(".command", "linnet up")
	ben.start()
	b.Has(".message .text", "are you there?")
	a.Until(`!document.querySelector(".ticks.queued")`)

	// He has a relay keep his post. What is no relay's address is refused, with the reason.
	relay := newPageRelay(t)
	b.Eval(`location.hash = "#/settings/relays"; 0`)
	b.Has(".column .empty", "No relay yet")
	b.Click(".column .main", "Add a relay")
	b.Until(`document.activeElement.matches(".dialog textarea")`)
	b.Forgive("400 (Bad Request)") // what is no address
	b.Type("linnet:relay/nonsense")
	b.Press("Enter")
	b.Has(".dialog .warn", "no relay’s address")
	b.Fill(".dialog textarea", relay.address)
	b.Press("Enter")
	b.Has(".relay .health", "Post comes from here at once")
	b.Until(`document.querySelector(".relay .state-dot.ok") && !document.querySelector(".relay .health").textContent.includes("is being given")`)

	// He sleeps again: now the relay keeps what she says, and she is shown by whom and until when. He wakes, and has it.
	ben.stop()
	say(a, "sleep well")
	a.Until(`document.querySelector(".message.own:last-child .ticks.kept")`)
	a.Has(".message.own:last-child .late", "Kept by 1 relay until")
	a.Click(".message.own:last-child .late .link", "Why?")
	a.Has(".dialog .delivery", "Kept by 1 relay until")
	a.Until(`document.querySelectorAll(".dialog .keepers li").length === 1`)
	a.Has(".dialog .warn", "one relay alone")
	a.Press("Escape")
	a.Eval(`location.hash = "#/settings/relays"; 0`)
	a.Has(".group .row", "1 message, until")
	ben.start()
	b.Eval(`location.hash = "#/"; 0`)
	b.Click(".chat a", "Ada")
	b.Has(".message .text", "sleep well")
	a.Has(".group", "Nothing: all that you said has arrived")
	a.Eval(`location.hash = "#/"; 0`)
	a.Click(".chat a", "Ben")
	a.Until(`document.querySelector(".message.own:last-child .ticks.read")`)

	// The relay closes down: he is told.
	relay.drain()
	b.Eval(`location.hash = "#/settings/relays"; 0`)
	b.Has(".relay .health", "Not used any more")
	b.Eval(`location.hash = "#/"; 0`)
	b.Click(".chat a", "Ada")

	// She starts anew, and her page goes on: nothing is lost.
	ada.stop()
	a.Has(".pill", "not running")
	ada.start()
	a.Until(`!document.querySelector(".pill")`)
	a.Reload()
	a.Has(".message.own .text", "are you there?")
	a.Has(".message:not(.own) .text", "a better answer")

	// While she looks elsewhere, she is notified, and the title counts; what is read takes both away.
	a.Eval(`window.notices = []; window.Notification = class { static permission = "default"; static requestPermission() { return Promise.resolve("granted"); } constructor(title, o) { this.title = title; this.body = o.body; notices.push(this); } close() { this.closed = true; this.onclose?.(); } }; location.hash = "#/settings/notifications"; 0`)
	a.Click(".toggle input")
	a.Until(`document.querySelector(".toggle input").checked`)
	say(b, "ring ring")
	a.Until(`notices.length === 1 && notices[0].title === "Ben" && notices[0].body === "ring ring" && document.title === "(1) Linnet"`)
	a.Eval(`location.hash = "#/"; 0`)
	a.Click(".chat a", "Ben")
	a.Has(".message .text", "ring ring")
	a.Until(`notices[0].closed && document.title === "Linnet"`)

	// Search, and the safety number.
	a.Fill("#search", "better")
	a.Click(".hit.tall", "a better answer")
	a.Until(`document.querySelector(".message.flash")`)
	a.Press("Escape")
	a.Click(".who")
	a.Click(".pane .row", "Safety number")
	a.Until(`document.querySelectorAll(".digits span").length === 12`)
	number := a.Text(`document.querySelector(".digits").textContent`)
	b.Click(".who")
	b.Click(".pane .row", "Safety number")
	b.Until(`document.querySelectorAll(".digits span").length === 12`)
	b.Fill(".dialog input", number)
	b.Has(".dialog .good", "The same")
	b.Has(".tag", "Verified")

	// Nothing that anybody said lies in what the browser keeps.
	for _, tab := range []*webtest.Tab{a, b} {
		kept := tab.Text(`(async () => { let all = JSON.stringify({...localStorage}) + JSON.stringify(await indexedDB.databases()); for (const n of await caches.keys()) { const c = await caches.open(n); for (const r of await c.keys()) all += r.url + await (await c.match(r)).text(); } return all; })()`)
		for _, said := range []string{"better answer", "are you there?", number} {
			if strings.Contains(kept, said) {
				t.Errorf("the browser keeps %q", said)
			}
		}
	}
}

// TestPageForeign shows that pages of others cannot reach the API, whatever they try.
func TestPageForeign(t *testing.T) {
	ada := newPageDaemon(t)
	browser := webtest.Start(t, "--host-resolver-rules=MAP evil.example 127.0.0.1")
	person := browser.Person()
	tab := ada.begin(person, "Ada")
	tab.Has(".choice", "Invite")
	_, port, err := net.SplitHostPort(ada.listen)
	if err != nil {
		t.Fatal(err)
	}

	// A name that leads here, as a rebinding attack has it, is not served.
	rebound := person.Open("http://evil.example:" + port + "/")
	rebound.Has("body", "this host name is not served here")
	rebound.Complaints()

	// A page of another origin on this machine.
	foreign := startForeign(t)
	evil := person.Open(foreign)
	evil.Has("body", "evil")
	for _, try := range []string{
		`fetch(API + "/v1/accounts").then(r => "read " + r.status, e => "no")`,
		`fetch(API + "/v1/accounts", {mode: "no-cors", credentials: "include"}).then(r => r.type === "opaque" || r.type === "error" ? "no" : "read", e => "no")`,
		`fetch(API + "/v1/login", {method: "POST", body: "{}", headers: {"Content-Type": "application/json"}}).then(r => "read " + r.status, e => "no")`,
		`fetch(API + "/v1/stop", {method: "POST", mode: "no-cors"}).then(() => "no", () => "no")`,
		`fetch(API + "/app.js").then(r => "read " + r.status, e => "no")`,
		`new Promise(done => { const w = new WebSocket(API.replace("http", "ws") + "/v1/events"); w.onopen = () => done("open"); w.onerror = () => done("no"); })`,
		`new Promise(done => { const s = new EventSource(API + "/v1/events"); s.onopen = () => done("open"); s.onerror = () => { s.close(); done("no"); }; })`,
		`new Promise(done => { const f = document.createElement("iframe"); f.src = API + "/"; f.onload = () => { let seen = "no"; try { if (f.contentDocument) seen = f.contentDocument.body.textContent; } catch {} done(seen || "no"); }; document.body.append(f); })`,
		`new Promise(done => { const s = document.createElement("script"); s.src = API + "/app.js"; s.onload = () => done("ran"); s.onerror = () => done("no"); document.body.append(s); })`,
		`new Promise(done => { const i = new Image(); i.src = API + "/icon.svg"; i.onload = () => done("shown"); i.onerror = () => done("no"); })`,
		`(() => { const w = window.open(API + "/"); let seen = "no"; try { seen = w && w.document && w.document.title ? "read" : "no"; } catch {} return seen; })()`,
	} {
		if got := evil.Text(strings.ReplaceAll(try, "API", `"http://`+ada.listen+`"`)); got != "no" {
			t.Errorf("%s: %s", try, got)
		}
	}
	evil.Complaints()
	if out, err := ada.command("account").CombinedOutput(); err != nil || !strings.Contains(string(out), "ada") {
		t.Errorf("the daemon does not answer any more: %v, %s", err, out)
	}

	// A link works once.
	link := ada.link()
	fresh := browser.Person()
	first := fresh.Open(link)
	first.Has("h1, .list", "")
	first.Until(`document.querySelector(".list")`)
	if kept := first.Text(`location.href`); strings.Contains(kept, link[strings.Index(link, "#")+1:]) {
		t.Errorf("the code stays in the address: %s", kept)
	}
	again := browser.Person().Open(link)
	again.Has("h1", "Open the door")
	again.Complaints()
}
