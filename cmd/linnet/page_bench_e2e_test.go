//go:build e2e

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/node/api"
)

// client returns one of the daemon's API.
func (d *pageDaemon) client() *api.Client {
	d.t.Helper()
	out, err := d.command("paths", "--json").Output()
	var p paths
	if err == nil {
		err = json.Unmarshal(out, &p)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return api.DialSocket(p.Socket)
}

// flood has Ben say so many messages to Ada, and waits until she has them all.
func flood(b *testing.B, ben, ada *api.Client, to, from string, many int) {
	b.Helper()
	work := make(chan int)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for i := range work {
				in := api.InSend{InContact: api.InContact{InAccount: api.InAccount{Account: "-"}, Contact: to}}
				in.Body.Text = fmt.Sprint("message ", i, ": are you coming on Saturday? I bring the tent and the stove.")
				for {
					_, err := api.SendMessage.Call(b.Context(), ben, in)
					var p *api.Problem
					if errors.As(err, &p) && p.Code == api.CodeFull {
						time.Sleep(20 * time.Millisecond)
						continue
					}
					if err != nil {
						b.Error(err)
					}
					break
				}
			}
		})
	}
	for i := range many {
		work <- i
	}
	close(work)
	all.Wait()
	for b.Context().Err() == nil {
		s, err := api.GetStatus.Call(b.Context(), ben, api.InNone{})
		if err != nil {
			b.Fatal(err)
		}
		if len(s.Accounts[0].Waiting) == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if _, err := api.MarkRead.Call(context.WithoutCancel(b.Context()), ada, api.InMarkRead{InContact: api.InContact{InAccount: api.InAccount{Account: "-"}, Contact: from}}); err != nil {
		b.Fatal(err)
	}
}

// moment is a text for in-page clocks: ms since 1970 with fractions, the same in all tabs of a machine.
const moment = `(performance.timeOrigin + performance.now())`

// BenchmarkPage holds the page to its budgets, with two daemons and their pages in Chromium, on loopback: usable within
// 300 ms after navigation (a cold and a warm load), a conversation of 100,000 messages within 100 ms, what is typed in one
// page on the other within 100 ms (95 of 100), and an idle page at most one wake-up a second.
//
//	go test -tags e2e -run '^$' -bench Page -benchtime 20x ./cmd/linnet
//
// LINNET_PAGE_MESSAGES is another length of the conversation. On two cores of an AMD EPYC that seven others worked on (a load
// of 20), median and 95th of 40, in ms: usable 87 and 99 cold, 95 and 128 warm; open 50 and 68; typed 46 and 82 with 2,000
// messages, but 115 and 296 with 100,000, also when the daemons had a minute of rest: beyond the budget, and not the page's
// doing alone, since it draws the same then; 0.05 wake-ups a second.
func BenchmarkPage(b *testing.B) {
	many := 100_000
	if text := os.Getenv("LINNET_PAGE_MESSAGES"); text != "" {
		var err error
		if many, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	pair := newPagePair(b)
	ada, ben := pair.hers, pair.his
	as, bs := ada.client(), ben.client()
	contactOf := func(c *api.Client) string {
		all, err := api.ListContacts.Call(b.Context(), c, api.InContacts{InAccount: api.InAccount{Account: "-"}})
		if err != nil || len(all.Contacts) != 1 {
			b.Fatalf("%+v, %v", all, err)
		}
		return all.Contacts[0].ID
	}
	adaID, benID := contactOf(bs), contactOf(as)
	pair.b.Go("about:blank") // pages do not follow the flood
	pair.a.Go("about:blank")
	began := time.Now()
	flood(b, bs, as, adaID, benID, many)
	b.Logf("%d messages in %v", many, time.Since(began).Round(time.Second))

	pair.a.Go("http://" + ada.listen + "/")
	pair.a.Has(".chat", "Ben")
	b.Run("usable", func(b *testing.B) {
		for _, warm := range []bool{false, true} {
			b.Run(map[bool]string{false: "cold", true: "warm"}[warm], func(b *testing.B) {
				pair.a.Ask("Network.setCacheDisabled", map[string]any{"cacheDisabled": !warm}, nil)
				var all []time.Duration
				for b.Loop() {
					pair.a.Go("http://" + ada.listen + "/#/")
					pair.a.Reload()
					pair.a.Until(`performance.getEntriesByName("usable").length && document.querySelector(".chat")`)
					all = append(all, ms(pair.a.Eval(`performance.getEntriesByName("usable")[0].startTime`)))
				}
				percentiles(b, "usable", all)
			})
		}
	})
	pair.a.Ask("Network.setCacheDisabled", map[string]any{"cacheDisabled": false}, nil)

	b.Run("open", func(b *testing.B) {
		var all []time.Duration
		for b.Loop() {
			pair.a.Eval(`location.hash = "#/"; 0`)
			pair.a.Until(`!document.querySelector(".messages")`)
			all = append(all, ms(pair.a.Eval(`new Promise(done => { const began = performance.now(); new MutationObserver((_, o) => { if (document.querySelectorAll(".messages .message .text").length > 20) { o.disconnect(); requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = () => done(performance.now() - began); c.port2.postMessage(0); }); } }).observe(document.getElementById("app"), {childList: true, subtree: true}); document.querySelector(".chat a").click(); })`)))
		}
		percentiles(b, "open", all)
	})

	b.Run("typed", func(b *testing.B) {
		pair.b.Go("http://" + ben.listen + "/#/c/" + adaID)
		pair.b.Has(".message.own .text", "message ")
		pair.a.Eval(`location.hash = "#/c/` + benID + `"; 0`)
		pair.a.Until(`document.activeElement.id === "composer"`)
		pair.a.Eval(`window.pressed = {}; addEventListener("keydown", e => { if (e.key === "Enter") pressed[document.getElementById("composer").value] = ` + moment + `; }, true); 0`)
		pair.b.Eval(`window.shown = {}; new MutationObserver(() => { const last = [...document.querySelectorAll(".message:not(.own) .text")].at(-1)?.textContent; if (last && !shown[last]) { shown[last] = -1; requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = () => { shown[last] = ` + moment + `; }; c.port2.postMessage(0); }); } }).observe(document.getElementById("app"), {childList: true, subtree: true}); 0`)
		var all []time.Duration
		n := 0
		for b.Loop() {
			n++
			text := fmt.Sprintf("typed %d of %d", n, b.N)
			pair.a.Type(text)
			pair.a.Until(`document.getElementById("composer").value === ` + strconv.Quote(text))
			pair.a.Press("Enter")
			pair.b.Until(`shown[` + strconv.Quote(text) + `] > 0`)
			at := pair.b.Eval(`shown[` + strconv.Quote(text) + `]`).(float64)
			from := pair.a.Eval(`pressed[` + strconv.Quote(text) + `]`).(float64)
			all = append(all, ms(at-from))
		}
		percentiles(b, "typed", all)
	})

	b.Run("idle", func(b *testing.B) {
		const count = `(() => { let n = 0; const once = f => typeof f === "function" ? function () { n++; return f.apply(this, arguments); } : f; ` +
			`for (const name of ["setTimeout", "setInterval", "requestAnimationFrame"]) { const real = window[name]; window[name] = (f, ...rest) => real(once(f), ...rest); } ` +
			`const read = ReadableStreamDefaultReader.prototype.read; ReadableStreamDefaultReader.prototype.read = function () { return read.apply(this, arguments).then(x => { n++; return x; }); }; ` +
			`const real = window.fetch; window.fetch = (...rest) => { n++; return real(...rest); }; window.wakes = () => n; })()`
		pair.a.Before(count)
		pair.a.Reload()
		pair.a.Has(".message.own .text", "typed")
		const span = 20 * time.Second
		time.Sleep(2 * time.Second) // until what the start began is over
		from := pair.a.Eval("wakes()").(float64)
		time.Sleep(span)
		rate := (pair.a.Eval("wakes()").(float64) - from) / span.Seconds()
		for b.Loop() { // it is a rate: one look is enough
		}
		b.ReportMetric(rate, "wake-ups/s")
	})
}

// ms is a number of a page's clock.
func ms(v any) time.Duration {
	f, _ := v.(float64)
	return time.Duration(f * float64(time.Millisecond))
}
