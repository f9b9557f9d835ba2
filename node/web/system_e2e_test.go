//go:build e2e

package web

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/node/api"
	"github.com/linnetmesh/linnet/node/web/webtest"
)

// manifest is what the system reads of the page once it is installed.
type manifest struct {
	ShareTarget struct {
		Action, Method string
		Params         struct{ Title, Text, URL string }
	} `json:"share_target"`
	ProtocolHandlers []struct{ Protocol, URL string } `json:"protocol_handlers"`
	LaunchHandler    struct {
		ClientMode string `json:"client_mode"`
	} `json:"launch_handler"`
}

// share returns where the system goes with what somebody shares.
func (m *manifest) share(title, text, link string) string {
	return m.ShareTarget.Action + "?" + url.Values{m.ShareTarget.Params.Title: {title}, m.ShareTarget.Params.Text: {text}, m.ShareTarget.Params.URL: {link}}.Encode()
}

// system counts on the badge of the icon, and keeps what is called when a window is launched again.
const system = `window.badges = [];
navigator.setAppBadge = n => { badges.push(n); return Promise.resolve(); };
navigator.clearAppBadge = () => { badges.push(0); return Promise.resolve(); };
Object.defineProperty(window, "launchQueue", { value: { setConsumer(f) { window.launched = f; f({ targetURL: location.origin + "/" + first }); } } });
window.first = location.search;`

// TestSystem is what an installed page does with the system around it: shares, links of its own kind, and the badge.
func TestSystem(t *testing.T) {
	b, err := os.ReadFile("static/manifest.webmanifest")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if m.ShareTarget.Method != "GET" || len(m.ProtocolHandlers) != 1 || m.LaunchHandler.ClientMode != "focus-existing" {
		t.Fatalf("the manifest has %+v", m)
	}
	s := newStage()
	base := s.serve(t)
	tab := webtest.Start(t).Person().Open("about:blank")
	tab.Before(system)

	// What is shared waits for somebody to choose a conversation, and stands in its composer then, behind what was there.
	tab.Go(base + m.share("A page", "look at <b>this</b>", "https://example.org/x") + strings.TrimPrefix(code, "/"))
	tab.Has(".dialog .shared", "A page\nlook at <b>this</b>\nhttps://example.org/x")
	if got := tab.Text(`location.search + document.querySelectorAll(".shared b").length`); got != "0" {
		t.Errorf("the text stays in the address, or became markup: %s", got)
	}
	// Chromium reads the manifest without complaint.
	var read struct {
		Errors []struct{ Message string }
		Data   string
	}
	tab.Ask("Page.getAppManifest", map[string]any{}, &read)
	if len(read.Errors) > 0 || read.Data != string(b) {
		t.Errorf("the manifest is refused: %+v", read.Errors)
	}
	tab.Fill(".dialog input", "ben")
	tab.Until(`document.querySelectorAll(".dialog .person").length === 1`)
	tab.Press("Tab", "Enter")
	tab.Until(`location.hash.startsWith("#/c/") && document.getElementById("composer")?.value === "A page\nlook at <b>this</b>\nhttps://example.org/x"`)
	if got := tab.Text(`document.activeElement.id`); got != "composer" {
		t.Errorf("the focus is on %q", got)
	}

	// The window is open already: the system tells it. Of the same text twice, one is enough.
	tab.Eval(fmt.Sprintf(`launched({targetURL: location.origin + %q}); 0`, m.share("", "again", "again")))
	tab.Until(`document.querySelector(".dialog .shared")?.textContent === "again"`)
	tab.Click(".dialog .person", "Ben")
	tab.Until(`document.getElementById("composer").value.endsWith("/x\nagain")`)
	tab.Eval(fmt.Sprintf(`launched({targetURL: location.origin + %q}); 0`, m.share("", "never mind", "")))
	tab.Has(".dialog .shared", "never mind")
	tab.Press("Escape")
	tab.Until(`!document.querySelector(".dialog") && !document.getElementById("composer").value.includes("never")`)
	for _, did := range s.did() {
		if strings.Contains(did, "/messages") {
			t.Errorf("it was sent by itself: %s", did)
		}
	}

	// A link of its own kind opens the screen where it can be added, and adds nothing by itself.
	h := m.ProtocolHandlers[0]
	link := func(text string) string { return strings.ReplaceAll(h.URL, "%s", url.QueryEscape(h.Protocol+":"+text)) }
	tab.Eval(fmt.Sprintf(`launched({targetURL: location.origin + %q}); 0`, link("add/agsqcwbajbs62xb3")))
	tab.Until(`document.querySelector(".dialog textarea")?.value === "linnet:add/agsqcwbajbs62xb3"`)
	tab.Press("Escape")
	tab.Until(`!document.querySelector(".dialog")`)
	tab.Go(base + link("add/bgsqcwbajbs62xb3"))
	tab.Until(`document.querySelector(".dialog textarea")?.value === "linnet:add/bgsqcwbajbs62xb3" && !location.search`)
	for _, did := range s.did() {
		if strings.HasSuffix(did, "/contacts") {
			t.Errorf("it was added by itself: %s", did)
		}
	}
	tab.Press("Escape")

	// The badge counts what is unread and wants to be seen, and goes when all is read.
	want := 0
	s.mu.Lock()
	for i := range s.chats {
		if c := &s.chats[i]; c.Muted == nil && c.With.State == "accepted" {
			want += c.Unread
		}
	}
	s.mu.Unlock()
	tab.Until(fmt.Sprintf(`badges.at(-1) === %d && document.title === "(999+) Linnet"`, want))
	s.mu.Lock()
	for i := range s.chats {
		s.chats[i].Unread = 0
	}
	s.mu.Unlock()
	s.events <- api.Event{ID: "1-1", Type: "resync", Time: time.Now()}
	tab.Until(`badges.at(-1) === 0 && document.title === "Linnet"`)
}

// TestForced looks at the page where the system forces its own colours: what shadows and backgrounds say elsewhere, such as
// where the focus is, is still to be seen.
func TestForced(t *testing.T) {
	s := newStage()
	ben := s.messages[hexID(1)]
	failed := ben[len(ben)-1]
	failed.ID, failed.State, failed.Deliveries, failed.Place = strings.Repeat("9", 26), "failed", nil, failed.Place+"9"
	s.messages[hexID(1)] = append(ben, failed)
	tab := webtest.Start(t).Person().Open(s.serve(t) + code)
	tab.Has(".chat", "Ben")
	for _, scheme := range []string{"light", "dark"} {
		tab.Prefer(map[string]string{"forced-colors": "active", "prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"})
		if tab.Text(`matchMedia("(forced-colors: active)").matches`) != "true" {
			t.Fatal("this browser cannot force colours")
		}
		for i := range places {
			p := &places[i]
			if p.name != "conversation" && p.name != "list" && p.name != "settings" && p.name != "storage" && p.name != "relays" && p.name != "invite" && p.name != "message-menu" {
				continue
			}
			visit(tab, p)
			if *screens != "" {
				tab.Shot(filepath.Join(*screens, fmt.Sprintf("forced-%s-%s.png", p.name, scheme)))
			}
			// Every main button has a border, and everything that the keyboard reaches an outline, of another colour than what is around.
			if got := tab.Text(`(() => { const bad = [], ground = getComputedStyle(document.body).backgroundColor, seen = x => x.getClientRects().length;
				for (const b of document.querySelectorAll(".main, .plain, .bubble, .count, .dialog, .menu")) { const c = getComputedStyle(b); if (seen(b) && (c.borderTopStyle !== "solid" || parseFloat(c.borderTopWidth) < 1 || c.borderTopColor === ground)) bad.push("no border: " + b.className); }
				const all = [...document.querySelectorAll(document.querySelector(".dialog") ? ".dialog :is(a, button, input, textarea)" : ".menu button, a, button, input, textarea, .message")].filter(x => seen(x) && !x.disabled);
				for (const x of all.slice(0, 60)) { x.focus({ focusVisible: true }); if (document.activeElement !== x) continue;
					const ring = [x, x.closest(".search"), x.closest(".file")].filter(Boolean).some(y => { const c = getComputedStyle(y); return c.outlineStyle !== "none" && parseFloat(c.outlineWidth) >= 2 && c.outlineColor !== ground; });
					if (!ring) bad.push("no ring: " + x.outerHTML.slice(0, 120)); }
				return bad.slice(0, 5).join(" | "); })()`); got != "" {
				t.Errorf("%s, %s: %s", p.name, scheme, got)
			}
			if p.name != "conversation" {
				continue
			}
			// Delivery marks are drawn, and read and failed look different from what is on its way.
			if got := tab.Text(`(() => { const of = s => { const x = document.querySelector(".message .ticks." + s), c = x && getComputedStyle(x.querySelector("path")); return x && { c: c.stroke, w: c.strokeWidth, b: getComputedStyle(x).backgroundColor }; };
				const ground = getComputedStyle(document.querySelector(".own .bubble")).backgroundColor, all = ["queued", "kept", "delivered", "read", "failed"].map(of);
				if (all.some(x => !x)) return "one is missing"; if (all.some(x => x.c === ground || x.c === "none")) return "one cannot be seen " + JSON.stringify(all);
				return all[3].c === all[2].c ? "read looks as delivered does" : all[4].c === all[0].c && all[4].b === all[0].b ? "failed looks as queued does" : ""; })()`); got != "" {
				t.Errorf("delivery marks, %s: %s", scheme, got)
			}
		}
	}
}
