package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/linnetmesh/linnet/node/api"
)

func TestSafe(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"hello", "hello"},
		{"two\nlines", "two\nlines"},
		{"a\x1b[2Jb\x07\r", "a▯[2Jb▯▯"},
		{"tab\there", "tab here"},
		{"\u202egnp.exe", "▯gnp.exe"},
		{"x\u2066y\u2069\u200f", "x▯y▯▯"},
		{"\x80\xff", "▯"},
		{"👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"},
		{"שלום", "שלום"},
	} {
		if got := safe(c.text); got != c.want {
			t.Errorf("safe(%q) is %q, want %q", c.text, got, c.want)
		}
	}
	if got := line1("a\nb"); got != "a ⏎ b" {
		t.Errorf("%q", got)
	}
}

func TestEscaped(t *testing.T) {
	b, err := json.Marshal("a\u202eb\u009b\n👩\u200d👧")
	if err != nil {
		t.Fatal(err)
	}
	got := escaped(string(b))
	if want := `"a\u202eb\u009b\n👩‍👧"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var back string
	if err := json.Unmarshal([]byte(got), &back); err != nil || back != "a\u202eb\u009b\n👩\u200d👧" {
		t.Errorf("%q, %v", back, err)
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("hello\x1b[31m\u202e")
	f.Fuzz(func(t *testing.T, text string) {
		got := safe(text)
		if !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control)) {
				t.Errorf("safe(%q) has %U", text, r)
			}
		}
		if strings.Contains(line1(text), "\n") {
			t.Errorf("line1(%q) has a line break", text)
		}
	})
}

func TestExitOf(t *testing.T) {
	for code, want := range map[api.Code]int{
		api.CodeInvalid: 2, api.CodeNoDaemon: 3, api.CodeLocked: 4, api.CodeScope: 4, api.CodeNotFound: 5, api.CodeAmbiguous: 5,
		api.CodeBlocked: 6, api.CodeConflict: 6, api.CodeDamaged: 8, api.CodeInternal: 1, "of a later version": 1,
	} {
		if got := exitOf(code); got != want {
			t.Errorf("%s exits with %d, want %d", code, got, want)
		}
	}
}

func TestStatePhrase(t *testing.T) {
	until := time.Date(2026, 12, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		m    api.Message
		want string
	}{
		{api.Message{}, ""},
		{api.Message{Own: true, State: "queued", Deliveries: []api.Delivery{{State: "queued", Why: "no answer"}}}, "queued: no answer"},
		{api.Message{Own: true, State: "kept", Deliveries: []api.Delivery{{State: "kept", Relays: 3, Until: &until}}}, "kept by 3 relays until 20 Dec"},
		{api.Message{Own: true, State: "failed", Deliveries: []api.Delivery{{State: "failed", Why: "blocked"}}}, "failed because blocked"},
		{api.Message{Own: true, State: "delivered", Deliveries: []api.Delivery{{State: "queued", Why: "asleep"}, {State: "delivered"}}}, "delivered"},
	} {
		if got := state(&c.m); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
