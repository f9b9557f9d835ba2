package api

import (
	"cmp"
	"context"
	_ "embed" // for openapi.json
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// committed is OpenAPI as it stands in the repository; a test holds it to the table.
//
//go:embed openapi.json
var committed []byte

// Config is what a Server is made of. Daemon and Tokens are required.
type Config struct {
	Daemon Daemon
	// Tokens is the file, of mode 0600, in which tokens are kept: hashes, never secrets.
	Tokens string
	// Hosts are the names with ports under which the loopback listener is reached, such as 127.0.0.1:4870: others are
	// refused, so that no name that leads here by DNS is served.
	Hosts []string
	// Page is what the loopback listener serves at /, to everybody on this machine: it must hold no secret. Nil: nothing.
	Page http.Handler
	// Log receives what an operator may know. Nil discards it.
	Log *slog.Logger
}

// Server answers calls. Its handlers may be served by several listeners at once.
type Server struct {
	daemon Daemon
	tokens *tokens
	hosts  []string
	log    *slog.Logger
	mux    *http.ServeMux
	api    huma.API
	all    []Described
	ring   *ring
	page   http.Handler
	logins logins
	slots  chan struct{} // of watchers
	files  chan struct{} // of backups that are made or read
	end    chan struct{} // closed when Run ends: nobody watches any more
}

// New makes a Server. It starts nothing. The error says what is missing, or why the tokens cannot be read.
func New(c Config) (*Server, error) {
	if c.Daemon == nil || c.Tokens == "" {
		return nil, errors.New("api: config lacks the daemon or the file of tokens")
	}
	t, err := openTokens(c.Tokens)
	if err != nil {
		return nil, err
	}
	s := newServer(c.Daemon, t, c.Log)
	s.page = c.Page
	for _, h := range c.Hosts {
		s.hosts = append(s.hosts, strings.ToLower(h))
	}
	return s, nil
}

func newServer(d Daemon, t *tokens, log *slog.Logger) *Server {
	s := &Server{
		daemon: d, tokens: t, log: log, mux: http.NewServeMux(), ring: newRing(),
		slots: make(chan struct{}, maxWatchers), files: make(chan struct{}, maxFiles), end: make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	config := huma.DefaultConfig("Linnet", "1")
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.Info.Description = "The local API of a Linnet daemon: over a unix socket, or over loopback with a token."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	s.api = humago.New(s.mux, config)
	s.routes()
	s.mux.HandleFunc(WatchPath, s.serveEvents)
	s.mux.HandleFunc("GET /v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(committed)
	})
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, problem(http.StatusNotFound, CodeNotFound, "linnet doctor, which tells if the daemon is older than what asks it", "this Linnet knows no such call"))
	})
	return s
}

// Operations returns all operations, and OpenAPI their description (OpenAPI 3.1, JSON).
func Operations() []Described { return newServer(nil, nil, nil).all }

// OpenAPI returns the description of all operations: OpenAPI 3.1, JSON.
func OpenAPI() ([]byte, error) {
	b, err := json.MarshalIndent(newServer(nil, nil, nil).api.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing OpenAPI: %w", err)
	}
	return append(b, '\n'), nil
}

// answer is what huma writes.
type answer[Out any] struct{ Body Out }

// handle makes a route of an operation.
func handle[In, Out any](s *Server, o *Operation[In, Out], do func(context.Context, *In) (*Out, error)) {
	s.all = append(s.all, o.describe())
	huma.Register(s.api, huma.Operation{
		OperationID: o.Name, Method: o.Method, Path: o.Path, Summary: o.Summary, MaxBodyBytes: cmp.Or(o.Body, maxBody),
		DefaultStatus: http.StatusOK, Security: []map[string][]string{{"token": {string(o.Scope)}}},
	}, func(ctx context.Context, in *In) (*answer[Out], error) {
		c := callerOf(ctx)
		if !c.may(o.Scope) || !c.reaches(o.describe()) {
			return nil, problem(http.StatusForbidden, CodeScope, "", "this takes a token of scope %s for it", o.Scope)
		}
		out, err := do(ctx, in)
		if err != nil {
			return nil, s.problemOf(err)
		}
		return &answer[Out]{*out}, nil
	})
}

// refuse writes a problem where no operation is reached.
func refuse(w http.ResponseWriter, p *Problem) {
	b, err := json.Marshal(p)
	if err != nil {
		b = nil
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(b)
}
