package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/p2p"
)

// socket is where a running relay is asked: 0600, in a folder of 0700.
func socket(folder string) string { return filepath.Join(folder, "control") }

// control answers the verbs that ask a running relay.
func (r *relay) control() http.Handler {
	mux := http.NewServeMux()
	say := func(w http.ResponseWriter, text string) { _, _ = fmt.Fprintln(w, text) }
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(r.counts())
	})
	mux.HandleFunc("POST /drain", func(w http.ResponseWriter, _ *http.Request) {
		r.server.Drain(true)
		say(w, "no new post is taken; what is here is given")
	})
	mux.HandleFunc("POST /take", func(w http.ResponseWriter, _ *http.Request) {
		r.server.Drain(false)
		say(w, "post is taken again")
	})
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, _ *http.Request) {
		if err := r.again(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		say(w, "it holds from now on")
	})
	return mux
}

// counts are what stats shows: no boxes, no nodes, no addresses.
func (r *relay) counts() any {
	s := r.server.Stats()
	refused := make(map[string]uint64)
	for err, n := range s.Refused {
		refused[err.Error()] = n
	}
	damaged := make(map[string]int)
	for _, d := range r.store.Damaged() {
		damaged[d.What] = d.Count
	}
	network := r.host.Stats()
	type server struct {
		mailbox.Stats
		Refused map[string]uint64 // in the place of one whose keys are errors
	}
	return struct {
		Address string         `json:"address"`
		Limits  mailbox.Limits `json:"limits"`
		Mailbox server         `json:"mailbox"`
		Damaged map[string]int `json:"damaged"`
		Network p2p.Stats      `json:"network"`
	}{r.address(), r.server.Limits(), server{s, refused}, damaged, network}
}

// listen serves the control socket, and metrics and health. Close waits until both are done.
func (r *relay) listen(ctx context.Context) (closeAll func(), err error) {
	var servers []*http.Server
	var group sync.WaitGroup
	closeAll = func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		for _, s := range servers {
			if s.Shutdown(last) != nil {
				_ = s.Close()
			}
		}
		group.Wait()
	}
	start := func(l net.Listener, h http.Handler) {
		s := &http.Server{
			Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
			IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		}
		servers = append(servers, s)
		group.Go(func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				r.log.Error("http", "error", err)
			}
		})
	}
	path := socket(r.cfg.Folder)
	_ = os.Remove(path) // the lock says that nobody listens there
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("listening for the verbs: %w", err)
	}
	start(l, r.control())
	if r.cfg.Metrics == "" {
		return closeAll, nil
	}
	if l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", r.cfg.Metrics); err != nil {
		closeAll()
		return nil, fmt.Errorf("listening for metrics: %w", err)
	}
	r.metricsAt = l.Addr().String()
	start(l, newMetrics(r).handler())
	return closeAll, nil
}

// ask asks the relay that runs in the folder. The error is errNotRunning if there is none.
func ask(ctx context.Context, cfg config, method, path string, out io.Writer) error {
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, "unix", socket(cfg.Folder))
			if err != nil {
				return nil, errors.Join(errNotRunning, err)
			}
			return c, nil
		},
	}}
	request, err := http.NewRequestWithContext(ctx, method, "http://relay"+path, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if errors.Is(err, errNotRunning) {
		return errNotRunning
	}
	if err != nil {
		return fmt.Errorf("asking the relay: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
		return fmt.Errorf("the relay says: %s", text)
	}
	_, err = io.Copy(out, io.LimitReader(answer.Body, 1<<20))
	return err
}
