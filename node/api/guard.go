package api

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/linnetmesh/linnet/node"
)

// Bounds of what a caller may send, and how many may call at once.
const (
	maxBody = 128 << 10
	// maxPictureBody is for setPicture: node.MaxPictureFile in base64, and what is around it.
	maxPictureBody = node.MaxPictureFile/3*4 + 4<<10
	picturePath    = "/picture"
	maxHeader      = 16 << 10
	maxCalls       = 256
	maxWatchers    = 128
	maxFiles       = 2
)

// caller is who makes a call: what its token allows.
type caller struct {
	scope   Scope
	account string   // empty: all
	chats   []string // of that account; empty: all
}

type callerKey struct{}

func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

var ranks = []Scope{"", Read, Send, Admin}

// may tells whether the caller's token allows what takes a scope, in an account.
func (c *caller) may(scope Scope) bool {
	return c != nil && slices.Index(ranks, c.scope) >= slices.Index(ranks, scope)
}

// reaches tells whether an operation is about no more than what the token is for. Those about one contact or message, and
// lists, look for themselves at which.
func (c *caller) reaches(o Described) bool {
	if c.account != "" && !strings.Contains(o.Path, "{account}") {
		return false
	}
	return len(c.chats) == 0 || strings.Contains(o.Path, "{contact}") || strings.Contains(o.Path, "{message}") ||
		o.Method == http.MethodGet && o.Scope == Read
}

// Socket returns the handler for the unix socket: who may open it may do everything.
func (s *Server) Socket() http.Handler {
	return s.bounded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, &caller{scope: Admin})))
	}))
}

// Loopback returns the handler for loopback TCP. Every call carries a token, and comes from a program, or from a page of
// ours: another Host, a request from another origin, and cookies in place of a token open nothing.
func (s *Server) Loopback() http.Handler {
	cross := http.NewCrossOriginProtection()
	return s.bounded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		if !slices.Contains(s.hosts, strings.ToLower(r.Host)) {
			refuse(w, problem(http.StatusForbidden, CodeForbidden, "", "this host name is not served here"))
			return
		}
		if s.page != nil && !strings.HasPrefix(r.URL.Path, "/v1/") && s.shows(r) {
			s.page.ServeHTTP(w, r)
			return
		}
		if err := cross.Check(r); err != nil || !s.ours(r) {
			refuse(w, problem(http.StatusForbidden, CodeForbidden, "", "requests from other sites are refused"))
			return
		}
		if r.URL.Path == LoginPath {
			s.serveLogin(w, r)
			return
		}
		secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		c := s.tokens.find(secret)
		if !ok || c == nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, problem(http.StatusUnauthorized, CodeToken, "linnet token new NAME", "no valid token"))
			return
		}
		s.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	}))
}

// shows tells whether a request is for the page: from a program, from the page itself, or from somebody who opens it in a
// tab of its own. Pages of others can neither read nor embed it.
func (s *Server) shows(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	default:
		return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	}
}

// ours tells whether a request comes from a program, or from a page that this listener served.
func (s *Server) ours(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Scheme == "http" && slices.Contains(s.hosts, strings.ToLower(u.Host))
}

// bounded refuses what is too large, not JSON, or too much at once, before anything is read of it.
func (s *Server) bounded(next http.Handler) http.Handler {
	slots := make(chan struct{}, maxCalls)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			refuse(w, problem(http.StatusTooManyRequests, CodeRate, "", "too many calls at once"))
			return
		}
		if r.Method == http.MethodPost && r.URL.Path == RestorePath { // a file: it is read as it comes
			next.ServeHTTP(w, r)
			return
		}
		most := int64(maxBody)
		if r.Method == put && strings.HasSuffix(r.URL.Path, picturePath) {
			most = maxPictureBody
		}
		if r.ContentLength > most {
			refuse(w, problem(http.StatusRequestEntityTooLarge, CodeLarge, "", "a body may have %d bytes", most))
			return
		}
		if r.ContentLength != 0 {
			if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
				refuse(w, problem(http.StatusUnsupportedMediaType, CodeMedia, "", "bodies are application/json"))
				return
			}
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		next.ServeHTTP(w, r)
	})
}
