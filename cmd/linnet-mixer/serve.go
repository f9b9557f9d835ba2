package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mdp/qrterminal/v3"
	"golang.org/x/term"

	"github.com/linnetmesh/linnet/conference/room"
	"github.com/linnetmesh/linnet/p2p"
)

// serve is a mixer until ctx ends.
func serve(ctx context.Context, cfg config, hup <-chan os.Signal, reload func() (config, error), out, problems io.Writer) (err error) {
	log := slog.New(slog.NewTextHandler(problems, &slog.HandlerOptions{Level: slog.LevelInfo}))
	if err := os.MkdirAll(cfg.Folder, 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	unlock, err := lock(filepath.Join(cfg.Folder, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	key, err := p2p.LoadKey(filepath.Join(cfg.Folder, "key"))
	if err != nil {
		return err
	}
	tokens, err := ownTokens(cfg)
	if err != nil {
		return err
	}
	settings, err := cfg.house(tokens)
	if err != nil {
		return err
	}
	settings.Log = log
	house, err := room.NewHouse(settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, house.Close()) }()
	listen := cfg.Listen
	if len(listen) == 0 {
		listen = nil
	}
	host, err := p2p.New(p2p.Config{Role: p2p.Mixer, Key: key, Listen: listen, Announce: cfg.Announce, Local: cfg.Local, Diversity: diversity(cfg), Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	host.Lane(p2p.Conference).Handle(house.ServeLane)

	m := newMetrics(house, host)
	closeWeb, err := serveHTTP(ctx, cfg, house, m, log)
	if err != nil {
		return err
	}
	defer closeWeb()

	sayAddress(out, cfg, p2p.Peer{Key: host.Key(), Addrs: host.Addrs()}, tokens)
	log.Info("the mixer is up", "media_port", house.Port(), "http", cfg.HTTP, "metrics", cfg.Metrics)

	var group sync.WaitGroup
	defer group.Wait()
	hosting, stopHosting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopHosting()
	group.Go(func() {
		if err := host.Run(hosting); err != nil {
			log.Error("the network", "error", err)
		}
	})
	group.Go(func() { follow(hosting, house, hup, reload, tokens, log) })
	m.ready.Store(true)
	house.Run(ctx, time.Duration(cfg.Grace))
	m.ready.Store(false)
	log.Info("the mixer stopped")
	return nil
}

func diversity(cfg config) int {
	if cfg.Local {
		return -1
	}
	return 0
}

// follow reads the configuration again at each SIGHUP. One that is wrong changes nothing.
func follow(ctx context.Context, house *room.House, hup <-chan os.Signal, reload func() (config, error), tokens []string, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		}
		cfg, err := reload()
		if err != nil {
			log.Error("the configuration is as it was", "error", err)
			continue
		}
		settings, err := cfg.house(tokens)
		if err != nil {
			log.Error("the configuration is as it was", "error", err)
			continue
		}
		house.Reload(settings)
		log.Info("the configuration was read again; ports and folder stay", "rooms", len(cfg.Rooms))
	}
}

// ownTokens returns the token of the folder, which is made once, if the configuration wants a token and has none.
func ownTokens(cfg config) ([]string, error) {
	if cfg.Open.Who != "token" || len(cfg.Open.Tokens) > 0 {
		return nil, nil
	}
	file := filepath.Join(cfg.Folder, "token")
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		var secret [18]byte
		_, _ = rand.Read(secret[:])
		b = []byte(base64.RawURLEncoding.EncodeToString(secret[:]))
		err = os.WriteFile(file, append(b, '\n'), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("the token: %w", err)
	}
	return []string{strings.TrimSpace(string(b))}, nil
}

// sayAddress prints the address to paste: the mixer's key and where it is, and the token if one was made.
func sayAddress(w io.Writer, cfg config, peer p2p.Peer, tokens []string) {
	text := addressText(cfg, peer, tokens)
	fmt.Fprintf(w, "Paste this into Linnet to hold calls here:\n\n%s\n\n", text)
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		qrterminal.GenerateHalfBlock(text, qrterminal.L, w)
	}
	fmt.Fprintln(w, "A mixer hears the calls that it mixes, and could forge voices. Say so to who calls here.")
}

// addressPrefix is how the text that is pasted begins; after it come the mixer's key, and as a query its addresses (a), whose
// it is (n) and the token (t).
const addressPrefix = "linnet:mixer/"

func addressText(cfg config, peer p2p.Peer, tokens []string) string {
	q := url.Values{}
	for _, a := range peer.Addrs {
		q.Add("a", a)
	}
	if cfg.Name != "" {
		q.Set("n", cfg.Name)
	}
	if len(tokens) > 0 {
		q.Set("t", tokens[0])
	}
	return addressPrefix + peer.Key.String() + "?" + q.Encode()
}

// serveHTTP serves the WHIP endpoint, and beside it metrics and health. Close waits until both are done.
func serveHTTP(ctx context.Context, cfg config, house *room.House, m *metrics, log *slog.Logger) (closeAll func(), err error) {
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
	for address, handler := range map[string]http.Handler{cfg.HTTP: house.Handler(), cfg.Metrics: m.handler()} {
		if address == "" {
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			closeAll()
			return nil, fmt.Errorf("listening: %w", err)
		}
		s := &http.Server{
			Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
			IdleTimeout: 60 * time.Second, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		}
		servers = append(servers, s)
		group.Go(func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				log.Error("http", "error", err)
			}
		})
	}
	return closeAll, nil
}

// lock keeps a second mixer out of the folder: two would be one node.
func lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the folder: %w", err)
	}
	if err := tryLock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("another linnet-mixer runs in %s", filepath.Dir(file))
	}
	return func() { _ = f.Close() }, nil
}
