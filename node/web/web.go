// Package web is the face of a node: an installable page, embedded.
//
//	src, lang, static ─ esbuild (go generate) ─▶ dist ─ embed ─▶ Handler ─ loopback ─▶ browser ─ token ─▶ node/api
//
// The page is served by one's own node and by nobody else. It loads nothing from elsewhere, and keeps nothing that people
// say: what it shows is read from the API. Headers hold it to that: see policy. dist is readable and committed, so that a
// program is built with nothing but Go; a test builds it anew and compares.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:generate go test . -run ^TestDist$ -update

//go:embed dist
var dist embed.FS

// policy is what the page may do: run and show what comes from here, and talk to here. Trusted Types let no text become
// markup; the one policy that there is names the service worker.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; " +
	"connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types linnet"

// permissions are what the page may ask for: the camera, for codes.
const permissions = "camera=(self), microphone=(self), geolocation=(), payment=(), usb=(), serial=(), hid=(), midi=(), display-capture=(self)"

// kinds are the content types of what lies in dist: those of the machine may differ.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".json": "application/json", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml", ".png": "image/png", ".txt": "text/plain; charset=utf-8",
}

// file is one of dist.
type file struct {
	name, kind, tag string
	content         []byte
}

// Handler serves the page to whoever asks: it holds no secret. Only GET and HEAD may reach it, from hosts that are ours:
// api.Server sees to that.
func Handler() http.Handler {
	files := make(map[string]file)
	err := fs.WalkDir(dist, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		kind := kinds[path.Ext(name)]
		if kind == "" {
			kind = mime.TypeByExtension(path.Ext(name))
		}
		at := strings.TrimPrefix(name, "dist")
		files[at] = file{name, kind, `"` + hex.EncodeToString(sum[:12]) + `"`, b}
		return nil
	})
	if err != nil {
		panic(err) // what is embedded can be read
	}
	files["/"] = files["/index.html"]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", permissions)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-cache") // ask whether it changed: the answer is near
		f, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h.Set("Content-Type", f.kind)
		h.Set("ETag", f.tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	})
}
