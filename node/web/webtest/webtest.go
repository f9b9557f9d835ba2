// Package webtest is a browser for tests: Debian's chromium without a window, asked over a pipe.
//
// It speaks the DevTools protocol itself: what tests of a page need of it is little. Waiting is for a condition in the page,
// never for a time. What a page complains of, such as an exception or a breach of its policy, fails the test.
package webtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for a condition, on a machine that does much else.
const patience = 60 * time.Second

// Browser is a process of chromium.
type Browser struct {
	t    testing.TB
	out  io.Writer
	mu   sync.Mutex
	last int
	wait map[int]chan answer
	hear map[string]func(method string, params json.RawMessage)
	dead chan struct{}
}

type answer struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// Start starts a browser that ends with the test. Flags are chromium's.
func Start(t testing.TB, flags ...string) *Browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium-headless-shell", "chromium", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Fatal("there is no chromium: apt-get install chromium")
	}
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	//nolint:gosec // the browser that was looked up
	c := exec.CommandContext(context.WithoutCancel(t.Context()), path, append([]string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run", "--mute-audio",
		"--hide-scrollbars", "--force-color-profile=srgb", "--font-render-hinting=none", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--lang=en-GB",
		"--user-data-dir=" + t.TempDir(),
	}, flags...)...)
	c.ExtraFiles = []*os.File{theirIn, theirOut}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirIn.Close()
	_ = theirOut.Close()
	b := &Browser{t: t, out: ourOut, wait: make(map[int]chan answer), hear: make(map[string]func(string, json.RawMessage)), dead: make(chan struct{})}
	go b.listen(ourIn)
	t.Cleanup(func() {
		_, _ = b.ask("", "Browser.close", nil)
		done := make(chan error, 1)
		go func() { done <- c.Wait() }()
		select {
		case err := <-done:
			if err != nil {
				t.Logf("the browser ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			_ = c.Process.Kill()
			_ = c.Process.Release()
		}
		_ = ourOut.Close()
		_ = ourIn.Close()
	})
	return b
}

func (b *Browser) listen(in io.Reader) {
	defer close(b.dead)
	r := bufio.NewReaderSize(in, 1<<20)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			ID        int             `json:"id"`
			Method    string          `json:"method"`
			SessionID string          `json:"sessionId"`
			Params    json.RawMessage `json:"params"`
			answer
		}
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m) != nil {
			continue
		}
		b.mu.Lock()
		wait, hear := b.wait[m.ID], b.hear[m.SessionID]
		delete(b.wait, m.ID)
		b.mu.Unlock()
		switch {
		case wait != nil:
			wait <- m.answer
		case hear != nil && m.Method != "":
			hear(m.Method, m.Params)
		}
	}
}

// ask makes a call of the protocol.
func (b *Browser) ask(session, method string, params any) (json.RawMessage, error) {
	b.mu.Lock()
	b.last++
	id, wait := b.last, make(chan answer, 1)
	b.wait[id] = wait
	text, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params, "sessionId": session})
	if session == "" {
		text, err = json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	}
	if err == nil {
		_, err = b.out.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case a := <-wait:
		if a.Error != nil {
			return nil, fmt.Errorf("%s: %s", method, a.Error.Message)
		}
		return a.Result, nil
	case <-b.dead:
		return nil, errors.New("the browser has ended")
	case <-time.After(2 * patience):
		return nil, fmt.Errorf("%s: no answer", method)
	}
}

func (b *Browser) must(session, method string, params, out any) {
	b.t.Helper()
	r, err := b.ask(session, method, params)
	if err == nil && out != nil {
		err = json.Unmarshal(r, out)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// Person is somebody's browser: what one keeps, another does not see.
type Person struct {
	b  *Browser
	id string
}

// Person makes a person.
func (b *Browser) Person() *Person {
	b.t.Helper()
	var out struct {
		BrowserContextID string `json:"browserContextId"`
	}
	b.must("", "Target.createBrowserContext", map[string]any{}, &out)
	return &Person{b, out.BrowserContextID}
}

// Grant allows a page of an origin what it would ask for.
func (p *Person) Grant(origin string, permissions ...string) {
	p.b.t.Helper()
	p.b.must("", "Browser.grantPermissions", map[string]any{"origin": origin, "permissions": permissions, "browserContextId": p.id}, nil)
}

// Tab is a tab.
type Tab struct {
	b           *Browser
	session, id string
	mu          sync.Mutex
	complaints  []string
	forgiven    []string
}

// Open opens a tab, of 1280 × 800 pixels.
func (p *Person) Open(url string) *Tab {
	b := p.b
	b.t.Helper()
	var target struct {
		TargetID string `json:"targetId"`
	}
	b.must("", "Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": p.id}, &target)
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	b.must("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	tab := &Tab{b: b, session: attached.SessionID, id: target.TargetID}
	b.mu.Lock()
	b.hear[tab.session] = tab.hear
	b.mu.Unlock()
	for _, m := range []string{"Page.enable", "Runtime.enable", "Log.enable"} {
		tab.Ask(m, map[string]any{}, nil)
	}
	tab.Ask("Emulation.setFocusEmulationEnabled", map[string]any{"enabled": true}, nil)
	tab.Size(1280, 800)
	tab.Go(url)
	b.t.Cleanup(func() {
		tab.mu.Lock()
		defer tab.mu.Unlock()
		for _, c := range tab.complaints {
			b.t.Errorf("the page complains: %s", c)
		}
	})
	return tab
}

// Forgive lets the page complain of what holds a text.
func (t *Tab) Forgive(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgiven = append(t.forgiven, text)
}

// Complaints returns what the page complained of, and forgets it.
func (t *Tab) Complaints() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.complaints
	t.complaints = nil
	return out
}

func (t *Tab) hear(method string, params json.RawMessage) {
	var text string
	switch method {
	case "Runtime.exceptionThrown":
		text = string(params)
	case "Log.entryAdded":
		var m struct {
			Entry struct{ Level, Text, URL string }
		}
		if json.Unmarshal(params, &m) == nil && m.Entry.Level == "error" {
			text = m.Entry.Text + " " + m.Entry.URL
		}
	case "Runtime.consoleAPICalled":
		var m struct{ Type string }
		if json.Unmarshal(params, &m) == nil && m.Type == "error" {
			text = string(params)
		}
	}
	if text == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.forgiven {
		if strings.Contains(text, f) {
			return
		}
	}
	t.complaints = append(t.complaints, text[:min(len(text), 600)])
}

// Ask makes any call of the protocol about the tab.
func (t *Tab) Ask(method string, params, out any) {
	t.b.t.Helper()
	t.b.must(t.session, method, params, out)
}

// Close closes the tab.
func (t *Tab) Close() {
	t.b.t.Helper()
	t.b.must("", "Target.closeTarget", map[string]any{"targetId": t.id}, nil)
}

// Go goes to an address.
func (t *Tab) Go(url string) {
	t.b.t.Helper()
	t.Ask("Page.navigate", map[string]any{"url": url}, nil)
}

// Reload loads the page anew.
func (t *Tab) Reload() {
	t.b.t.Helper()
	t.Ask("Page.reload", map[string]any{}, nil)
}

// Size sets the size of the window, in pixels of CSS.
func (t *Tab) Size(width, height int) {
	t.b.t.Helper()
	t.Ask("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
}

// Prefer sets what the user prefers, such as prefers-color-scheme: dark.
func (t *Tab) Prefer(features map[string]string) {
	t.b.t.Helper()
	var list []map[string]string
	for name, value := range features {
		list = append(list, map[string]string{"name": name, "value": value})
	}
	t.Ask("Emulation.setEmulatedMedia", map[string]any{"features": list}, nil)
}

// Before runs a script in each page that is loaded from now on, before its own.
func (t *Tab) Before(script string) {
	t.b.t.Helper()
	t.Ask("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": script}, nil)
}

// Eval returns what an expression, or the promise that it is, comes to.
func (t *Tab) Eval(expression string) any {
	t.b.t.Helper()
	v, err := t.try(expression)
	if err != nil {
		t.b.t.Fatal(err)
	}
	return v
}

// Text is Eval for texts.
func (t *Tab) Text(expression string) string {
	t.b.t.Helper()
	return fmt.Sprint(t.Eval(expression))
}

func (t *Tab) try(expression string) (any, error) {
	r, err := t.b.ask(t.session, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true})
	if err != nil {
		return nil, err
	}
	var out struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := json.Unmarshal(r, &out); err != nil {
		return nil, err
	}
	if e := out.ExceptionDetails; e != nil {
		return nil, fmt.Errorf("%s %s in %s", e.Text, e.Exception.Description, expression[:min(200, len(expression))])
	}
	return out.Result.Value, nil
}

// Until waits until an expression is true. Loading another page meanwhile does no harm.
func (t *Tab) Until(expression string) {
	t.b.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); {
		var v any
		v, err = t.try(`new Promise(done => { const end = performance.now() + 2000, look = () => { let ok = false; try { ok = !!(` + expression +
			`); } catch {} if (ok || performance.now() > end) done(ok); else setTimeout(look, 25); }; look(); })`)
		if v == true {
			return
		}
		if err != nil { // the page is being loaded
			time.Sleep(25 * time.Millisecond)
		}
	}
	shows, _ := t.try(`document.body && document.body.innerText.slice(0, 1500)`)
	t.b.t.Fatalf("it never came true: %s (%v)\nthe page complains of %q and shows:\n%v", expression, err, t.Complaints(), shows)
}

// Has waits until an element that a selector finds is shown, holding a text.
func (t *Tab) Has(selector, text string) {
	t.b.t.Helper()
	t.Until(`[...document.querySelectorAll(` + strconv.Quote(selector) + `)].some(x => x.getClientRects().length && x.textContent.includes(` + quote(text) + `))`)
}

// HasNot waits until no element that a selector finds holds a text.
func (t *Tab) HasNot(selector, text string) {
	t.b.t.Helper()
	t.Until(`![...document.querySelectorAll(` + strconv.Quote(selector) + `)].some(x => x.getClientRects().length && x.textContent.includes(` + quote(text) + `))`)
}

func quote(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// Click clicks the first element of a selector that is shown and holds a text, with a mouse.
func (t *Tab) Click(selector string, text ...string) {
	t.b.t.Helper()
	t.point(selector, "left", text...)
}

// ClickRight clicks with the other button.
func (t *Tab) ClickRight(selector string, text ...string) {
	t.b.t.Helper()
	t.point(selector, "right", text...)
}

func (t *Tab) point(selector, button string, text ...string) {
	t.b.t.Helper()
	find := `(() => { const x = [...document.querySelectorAll(` + strconv.Quote(selector) + `)].find(x => x.getClientRects().length && !x.disabled && x.textContent.includes(` + quote(strings.Join(text, "")) + `)); if (!x) return null; x.scrollIntoView({block: "nearest"}); const r = x.getBoundingClientRect(); ` +
		`const p = [r.x + r.width / 2, r.y + r.height / 2], top = document.elementFromPoint(p[0], p[1]); return top && (x.contains(top) || top.contains(x)) ? p : null; })()`
	t.Until(find)
	at, ok := t.Eval(find).([]any)
	if !ok || len(at) != 2 {
		t.b.t.Fatalf("%s went away", selector)
	}
	t.Ask("Input.dispatchMouseEvent", map[string]any{"type": "mouseMoved", "x": at[0], "y": at[1]}, nil)
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		t.Ask("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at[0], "y": at[1], "button": button, "clickCount": 1}, nil)
	}
}

// Type types a text where the focus is.
func (t *Tab) Type(text string) {
	t.b.t.Helper()
	t.Ask("Input.insertText", map[string]any{"text": text}, nil)
}

// Fill clicks a field, and writes a text into it in the place of what it has.
func (t *Tab) Fill(selector, text string) {
	t.b.t.Helper()
	t.Click(selector)
	t.Press("Control+a")
	t.Type(text)
}

// Choose puts files into a field for files, as its dialogue would.
func (t *Tab) Choose(selector string, paths ...string) {
	t.b.t.Helper()
	t.Until(`document.querySelector(` + strconv.Quote(selector) + `)`)
	var found struct {
		Result struct{ ObjectID string }
	}
	t.Ask("Runtime.evaluate", map[string]any{"expression": `document.querySelector(` + strconv.Quote(selector) + `)`}, &found)
	t.Ask("DOM.setFileInputFiles", map[string]any{"objectId": found.Result.ObjectID, "files": paths}, nil)
}

var keys = map[string][2]any{
	"Enter": {13, "\r"}, "Escape": {27, ""}, "Tab": {9, ""}, "Backspace": {8, ""}, "Delete": {46, ""}, "ArrowUp": {38, ""}, "ArrowDown": {40, ""},
	"ArrowLeft": {37, ""}, "ArrowRight": {39, ""}, "End": {35, ""}, "Home": {36, ""}, "PageUp": {33, ""}, "PageDown": {34, ""}, "F6": {117, ""}, "F10": {121, ""}, " ": {32, " "},
}

// Press presses keys one after the other, such as Enter or Control+k.
func (t *Tab) Press(all ...string) {
	t.b.t.Helper()
	for _, k := range all {
		parts := strings.Split(k, "+")
		key, modifiers := parts[len(parts)-1], 0
		for _, m := range parts[:len(parts)-1] {
			modifiers |= map[string]int{"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}[m]
		}
		p := map[string]any{"type": "keyDown", "key": key, "modifiers": modifiers, "code": key}
		if known, ok := keys[key]; ok {
			p["windowsVirtualKeyCode"] = known[0]
			if known[1] != "" && modifiers&7 == 0 {
				p["text"] = known[1]
			}
			if key == " " {
				p["code"] = "Space"
			}
		} else {
			p["windowsVirtualKeyCode"] = int(strings.ToUpper(key)[0])
			p["code"] = "Key" + strings.ToUpper(key)
			if modifiers&7 == 0 {
				p["text"] = key
			}
			if key == "a" && modifiers == 2 {
				p["commands"] = []string{"selectAll"}
			}
		}
		t.Ask("Input.dispatchKeyEvent", p, nil)
		p = map[string]any{"type": "keyUp", "key": key, "modifiers": modifiers, "code": p["code"], "windowsVirtualKeyCode": p["windowsVirtualKeyCode"]}
		t.Ask("Input.dispatchKeyEvent", p, nil)
	}
}

// Shot writes what the tab shows as a PNG.
func (t *Tab) Shot(path string) {
	t.b.t.Helper()
	var out struct{ Data string }
	t.Ask("Page.captureScreenshot", map[string]any{"format": "png"}, &out)
	b, err := base64.StdEncoding.DecodeString(out.Data)
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.b.t.Fatal(err)
	}
}
