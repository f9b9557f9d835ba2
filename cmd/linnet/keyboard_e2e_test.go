//go:build e2e

package main

import (
	"fmt"
	"testing"

	"github.com/linnetmesh/linnet/node/web/webtest"
)

// tabTo presses Tab until the focus is on an element that a selector finds and that holds a text: what it takes to get there
// without a mouse.
func tabTo(t *testing.T, tab *webtest.Tab, selector, text string) {
	t.Helper()
	at := fmt.Sprintf("document.activeElement.matches(%q) && document.activeElement.textContent.includes(%q)", selector, text)
	tab.Has(selector, text)
	for range 80 {
		if tab.Text(at) == "true" {
			if tab.Text(`document.activeElement.matches(":focus-visible")`) != "true" {
				t.Errorf("the focus on %s is not to be seen", selector)
			}
			return
		}
		tab.Press("Tab")
	}
	t.Fatalf("Tab never comes to %s %q; it is on %s", selector, text, tab.Text("document.activeElement.outerHTML.slice(0, 200)"))
}

func press(t *testing.T, tab *webtest.Tab, selector, text string) {
	t.Helper()
	tabTo(t, tab, selector, text)
	tab.Press("Enter")
}

// TestPageKeyboard is the whole journey without a mouse: of her on a desk, and of him on a screen of 320 pixels that reads
// from right to left.
func TestPageKeyboard(t *testing.T) {
	ada, ben := newPageDaemon(t), newPageDaemon(t)
	browser := webtest.Start(t)
	hers, his := browser.Person(), browser.Person()
	a := ada.begin(hers, "Ada")
	b := his.Open(ben.link())
	b.Size(320, 640)
	b.Until(`document.activeElement.id === "first-name"`)
	b.Eval(`localStorage.setItem("linnet", JSON.stringify({language: "qpr"})); location.reload(); 0`)
	b.Until(`document.documentElement.dir === "rtl" && document.activeElement.id === "first-name"`)
	b.Type("Ben")
	b.Press("Enter")
	b.Has(".choices", "")

	// She invites, he pastes.
	press(t, a, ".choice", "Invite somebody")
	a.Until(`document.querySelector(".linkbox code")?.textContent.startsWith("linnet:add/")`)
	invite := a.Text(`document.querySelector(".linkbox code").textContent`)
	tabTo(t, a, ".dialog .main", "Copy link")
	a.Press("Escape")
	a.Until(`!document.querySelector(".dialog")`)
	tabTo(t, b, ".choice:last-child", "")
	b.Press("Enter")
	b.Until(`document.activeElement.matches("textarea.code")`)
	b.Type(invite)
	b.Has(".found-invite", "")
	b.Press("Enter")
	say(b, "hello")

	// She opens the conversation, and answers.
	a.Has(".chat", "Ben")
	a.Press("Alt+ArrowDown")
	a.Has(".message .text", "hello")
	say(a, "good morning")
	b.Has(".message:not(.own) .text", "good morning")
	a.Until(`document.querySelector(".message.own .ticks.read")`)

	// His side reads from right to left, within 320 pixels: own words stand on the left.
	if got := b.Text(`(() => { const own = document.querySelector(".own .bubble").getBoundingClientRect(), theirs = document.querySelector(".message:not(.own) .bubble").getBoundingClientRect(); return document.documentElement.scrollWidth <= 320 && own.left < theirs.left && own.left >= 0 && theirs.right <= 320 && getComputedStyle(document.querySelector(".bar")).direction === "rtl"; })()`); got != "true" {
		t.Error("it does not read from right to left within 320 pixels")
	}

	// She reacts by the menu of a message, which has the focus; answers; changes; deletes.
	a.Press("Shift+F6")
	a.Until(`document.activeElement.matches(".message")`)
	a.Press("ArrowUp", "Enter")
	a.Until(`document.activeElement.matches(".menu [role=menuitem]")`)
	a.Press("ArrowRight", "Enter")
	b.Has(".message.own .reactions", "❤️")
	a.Until(`document.activeElement.matches(".message")`)
	a.Press("r")
	a.Has(".composer .about", "Answer to Ben")
	say(a, "an answer")
	b.Has(".message .quote", "hello")
	a.Press("ArrowUp")
	a.Has(".composer .about", "Changing a message")
	a.Press("Control+a")
	a.Type("a better answer")
	a.Press("Enter")
	b.Has(".message:not(.own) .text", "a better answer")
	a.Until(`!document.getElementById("composer").value`)
	a.Press("Shift+F6")
	a.Until(`document.activeElement.matches(".message:last-child")`)
	a.Press("Delete")
	press(t, a, ".dialog .main", "Delete everywhere")
	b.HasNot(".message .text", "a better answer")

	// Formatting, emoji by name, a mention: all from the composer.
	a.Press("Escape")
	a.Until(`document.activeElement.id === "composer"`)
	a.Type("wave :wav")
	a.Has(".suggestions button", "wave")
	a.Press("Tab")
	a.Until(`document.getElementById("composer").value.includes("👋")`)
	a.Press("Enter")
	b.Has(".message:not(.own) .text", "👋")

	// Pin and mute in the list, from the menu that Shift F10 opens.
	tabTo(t, a, ".chat a", "Ben")
	a.Press("Shift+F10")
	a.Until(`document.activeElement.matches(".menu [role=menuitem]")`)
	a.Press("Enter")
	a.Until(`document.querySelector(".chat .mini .sr")?.textContent === "Pinned"`)

	// Search, the switcher, the safety number, a setting, and back.
	a.Press("Control+f")
	a.Until(`document.activeElement.id === "search"`)
	a.Type("morning")
	a.Has(".hit.tall", "good morning")
	a.Press("ArrowDown", "Enter")
	a.Until(`document.querySelector(".message.flash")`)
	a.Press("Escape")
	a.Press("Control+k")
	a.Until(`document.activeElement.matches("[role=combobox]")`)
	a.Type("be")
	a.Press("Enter")
	a.Until(`!document.querySelector("[role=combobox]")`)
	press(t, a, ".who", "Ben")
	press(t, a, ".pane .row", "Safety number")
	a.Until(`document.querySelectorAll(".digits span").length === 12`)
	press(t, a, ".dialog footer .main", "They are the same")
	a.Press("Escape")
	a.Has(".pane .tag", "Verified")
	a.Press("Escape")
	a.Until(`!document.querySelector(".pane")`)
	a.Press("Control+,")
	press(t, a, ".settings .row", "Relays")
	press(t, a, ".column .main", "Add a relay")
	a.Until(`document.activeElement.matches(".dialog textarea")`)
	a.Press("Escape")
	a.Until(`!document.querySelector(".dialog")`)
	press(t, a, ".settings .row", "Appearance")
	tabTo(t, a, ".toggle input", "")
	a.Press(" ")
	a.Until(`document.documentElement.dataset.contrast === "more"`)
	a.Press("Escape")
	a.Until(`location.hash === "#/"`)

	// On his small screen Escape and the arrows lead from pane to pane.
	b.Until(`document.querySelector(".conversation")`)
	tabTo(t, b, ".bar .only-narrow", "")
	b.Press("Enter")
	tabTo(t, b, ".chat a", "Ada")
	b.Press("Enter")
	b.Has(".message .text", "👋")
	if got := b.Text(`document.documentElement.scrollWidth`); got != "320" {
		t.Errorf("the page is %s pixels wide", got)
	}
}
