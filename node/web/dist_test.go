package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/node"
	nodeapi "github.com/linnetmesh/linnet/node/api"
)

var update = flag.Bool("update", false, "write dist, and the sums of what others wrote, anew")

// bundle makes dist of src, static and lang: readable, and under names that do not change.
func bundle(t *testing.T) map[string][]byte {
	t.Helper()
	vendor := func(name string) string {
		path, err := filepath.Abs(filepath.Join("src", "vendor", name))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	out := make(map[string][]byte)
	build := func(format api.Format, entries ...string) {
		r := api.Build(api.BuildOptions{
			EntryPoints: entries, Bundle: true, Format: format, Outdir: "dist", Write: false, Charset: api.CharsetUTF8, Target: api.ES2024,
			JSXFactory: "h", JSXFragment: "Fragment", LegalComments: api.LegalCommentsInline, TreeShaking: api.TreeShakingTrue,
			TsconfigRaw: `{"compilerOptions": {"useDefineForClassFields": true}}`,
			Alias: map[string]string{
				"preact": vendor("preact/preact.module.js"), "preact/hooks": vendor("preact-hooks/hooks.module.js"),
				"@preact/signals": vendor("signals/index.ts"), "@preact/signals-core": vendor("signals-core/index.ts"),
			},
		})
		for _, m := range slices.Concat(r.Errors, r.Warnings) {
			t.Errorf("%s: %+v", m.Text, m.Location)
		}
		for _, f := range r.OutputFiles {
			out[filepath.Base(f.Path)] = f.Contents
		}
	}
	build(api.FormatESModule, "src/main.tsx", "src/app.css", "src/jsqr.ts")
	build(api.FormatIIFE, "src/sw.ts")
	out["app.js"] = out["main.js"]
	delete(out, "main.js")
	copyInto := func(from, to string) {
		entries, err := os.ReadDir(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if out[to+e.Name()], err = os.ReadFile(filepath.Join(from, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	copyInto("static", "")
	copyInto("lang", "lang/")
	delete(out, "lang/en.json") // it is in app.js
	licences := []string{"Linnet is under the MIT licence. What others wrote, and what it is under:\n"}
	found, err := filepath.Glob("src/vendor/*/LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		licences = append(licences, fmt.Sprintf("\n== %s\n\n%s", filepath.Base(filepath.Dir(f)), b))
	}
	out["licences.txt"] = []byte(strings.Join(licences, ""))
	return out
}

// dist is what the sources make, and nothing else: what is embedded is what can be read and reviewed.
func TestDist(t *testing.T) {
	want := bundle(t)
	if t.Failed() {
		t.FailNow()
	}
	if *update {
		if err := os.RemoveAll("dist"); err != nil {
			t.Fatal(err)
		}
		for name, b := range want {
			path := filepath.Join("dist", name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, b, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := make(map[string][]byte)
	if err := filepath.WalkDir("dist", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		got[strings.TrimPrefix(filepath.ToSlash(path), "dist/")], err = os.ReadFile(path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !bytes.Equal(got[name], want[name]) {
			t.Errorf("dist/%s is not what the sources make: go generate ./node/web", name)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("dist/%s comes from nowhere: go generate ./node/web", name)
	}
}

// maxWeight is what all that a browser ever loads may weigh, compressed.
const maxWeight = 150 << 10

func TestWeight(t *testing.T) {
	total := 0
	for name, b := range bundle(t) {
		if strings.HasSuffix(name, ".png") || name == "licences.txt" {
			continue
		}
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%-22s %7d bytes, %6d compressed", name, len(b), z.Len())
		total += z.Len()
	}
	t.Logf("%d bytes in all, compressed", total)
	if total > maxWeight {
		t.Errorf("the page weighs %d bytes, compressed, and may weigh %d", total, maxWeight)
	}
}

// remote is what would name another host. Namespaces are names, and are not loaded.
var remote = regexp.MustCompile(`(?i)(https?:)?//[a-z0-9-]+(\.[a-z0-9-]+)+[^\s"'` + "`" + `)<>]*`)

func TestNothingRemote(t *testing.T) {
	names := map[string]bool{"http://www.w3.org/2000/svg": true, "http://www.w3.org/1999/xhtml": true, "http://www.w3.org/1998/Math/MathML": true}
	comment := regexp.MustCompile(`(?m)^\s*(//|/?\*).*$|/\*[\s\S]*?\*/`)
	for name, b := range bundle(t) {
		if name == "licences.txt" || strings.HasSuffix(name, ".png") {
			continue
		}
		for _, u := range remote.FindAllString(comment.ReplaceAllString(string(b), ""), -1) {
			if !names[u] {
				t.Errorf("%s names %s", name, u)
			}
		}
	}
}

// No text becomes markup, and no string code: not even by what others wrote, but for what Preact offers and nobody uses.
func TestNoMarkup(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|dangerouslySetInnerHTML|DOMParser|createContextualFragment`)
	files, err := filepath.Glob("src/*.ts*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range forbidden.FindAllString(string(b), -1) {
			t.Errorf("%s has %s", f, word)
		}
	}
}

// What others wrote is as they published it.
func TestVendor(t *testing.T) {
	var lines []string
	if err := filepath.WalkDir("src/vendor", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "sums.txt" {
			return err
		}
		b, err := os.ReadFile(path)
		sum := sha256.Sum256(b)
		lines = append(lines, hex.EncodeToString(sum[:])+"  "+strings.TrimPrefix(filepath.ToSlash(path), "src/vendor/"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile("src/vendor/sums.txt", []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("src/vendor/sums.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("what others wrote has changed (-committed +now):\n%s", diff)
	}
	folders, err := filepath.Glob("src/vendor/*/")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if _, err := os.Stat(filepath.Join(f, "LICENSE")); err != nil {
			t.Errorf("%s has no licence", f)
		}
	}
}

// Every language has every text, with the same blanks and the plural forms that it needs.
func TestLanguages(t *testing.T) {
	read := func(path string) map[string]any {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out := make(map[string]any)
		if err := json.Unmarshal(b, &out); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return out
	}
	forms := map[string][]string{"en": {"one", "other"}, "ru": {"one", "few", "many", "other"}, "vi": {"other"}}
	blank := regexp.MustCompile(`\{\w+\}`)
	blanks := func(text string) string {
		all := blank.FindAllString(text, -1)
		slices.Sort(all)
		return strings.Join(slices.Compact(all), " ")
	}
	en := read("lang/en.json")
	sources := ""
	files, err := filepath.Glob("src/*.ts*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		sources += string(b)
	}
	for key := range en {
		if !strings.Contains(sources, `"`+key+`"`) {
			t.Errorf("nothing says %q", key)
		}
	}
	for tag, want := range forms {
		here := read("lang/" + tag + ".json")
		for key, text := range en {
			switch of := here[key].(type) {
			case nil:
				t.Errorf("%s lacks %q", tag, key)
			case string:
				if e, ok := text.(string); !ok {
					t.Errorf("%s: %q needs plural forms", tag, key)
				} else if got := blanks(of); got != blanks(e) {
					t.Errorf("%s: %q has the blanks %s, want %s", tag, key, got, blanks(e))
				}
			case map[string]any:
				if got := slices.Sorted(maps.Keys(of)); !cmp.Equal(got, slices.Sorted(slices.Values(want))) {
					t.Errorf("%s: %q has the forms %v, want %v", tag, key, got, want)
				}
			}
		}
		for key := range here {
			if en[key] == nil {
				t.Errorf("%s has %q, which English lacks", tag, key)
			}
		}
	}
}

// The page has words for each reason that the node names, and for none that it does not name any more.
func TestReasons(t *testing.T) {
	b, err := os.ReadFile("src/reasons.ts")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := []string{ // the page does not ask for what they are about
		"other", "no_call", "in_call", "call_seat", "needs_mixer", "not_mixer", "bad_call", "no_picture", "key_used", "wrong_key", "not_backup", "backup_damaged", "backup_lock",
	}
	named := nodeapi.Reasons()
	for _, r := range node.Reasons() {
		named = append(named, string(r))
	}
	var translated []string
	for _, p := range regexp.MustCompile(`\["(\w+)", "\w+"\]`).FindAllStringSubmatch(string(b), -1) {
		translated = append(translated, p[1])
		if !slices.Contains(named, p[1]) {
			t.Errorf("nothing names %q any more", p[1])
		}
	}
	for _, r := range named {
		if slices.Contains(translated, r) == slices.Contains(elsewhere, r) {
			t.Errorf("the page needs words for %q, or is not to have any", r)
		}
	}
}

func TestHeaders(t *testing.T) {
	h := Handler()
	for _, c := range []struct {
		path, kind string
		status     int
	}{
		{"/", "text/html; charset=utf-8", 200},
		{"/app.js", "text/javascript; charset=utf-8", 200},
		{"/app.css", "text/css; charset=utf-8", 200},
		{"/sw.js", "text/javascript; charset=utf-8", 200},
		{"/manifest.webmanifest", "application/manifest+json", 200},
		{"/icon.svg", "image/svg+xml", 200},
		{"/icon-192.png", "image/png", 200},
		{"/lang/ru.json", "application/json", 200},
		{"/../web.go", "text/plain; charset=utf-8", 404},
		{"/nothing", "text/plain; charset=utf-8", 404},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+c.path, nil))
		if w.Code != c.status || w.Header().Get("Content-Type") != c.kind {
			t.Errorf("%s: %d %s, want %d %s", c.path, w.Code, w.Header().Get("Content-Type"), c.status, c.kind)
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.path, name, got, want)
			}
		}
		if tag := w.Header().Get("ETag"); c.status == 200 {
			again := httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+c.path, nil)
			again.Header.Set("If-None-Match", tag)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, again)
			if w.Code != http.StatusNotModified {
				t.Errorf("%s with its tag: %d, want 304", c.path, w.Code)
			}
		}
	}
	for _, word := range []string{"default-src 'none'", "require-trusted-types-for 'script'", "frame-ancestors 'none'", "script-src 'self';"} {
		if !strings.Contains(policy, word) {
			t.Errorf("the policy lacks %s", word)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Error("the policy has a hole")
	}
}
