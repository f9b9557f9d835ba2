package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
	"github.com/mdp/qrterminal/v3"
	"golang.org/x/term"

	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/mailbox/disk"
	"github.com/linnetmesh/linnet/p2p"
)

// relay is one that runs.
type relay struct {
	cfg    config
	log    *slog.Logger
	store  *disk.Store
	host   *p2p.Host
	server *mailbox.Server
	bans   *bans
	reload func() (config, error)
}

// serve is a relay until ctx ends.
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
	r := &relay{cfg: cfg, log: log, bans: new(bans), reload: reload}
	if err := r.bans.read(cfg.Folder); err != nil {
		return err
	}
	if r.store, err = disk.Open(disk.Config{Folder: filepath.Join(cfg.Folder, "post"), MinFree: uint64(cfg.MinFree), Small: cfg.Small, Log: log}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.store.Close()) }()
	starters, err := cfg.starters()
	if err != nil {
		return err
	}
	listen := cfg.Listen
	if len(listen) == 0 {
		listen = nil
	}
	diversity := 0
	if cfg.Local {
		diversity = -1
	}
	r.host, err = p2p.New(p2p.Config{
		Role: p2p.Relay, Key: key, Listen: listen, Announce: cfg.Announce, Bootstrap: starters, Local: cfg.Local, Diversity: diversity, Log: log,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.host.Close()) }()
	r.server, err = mailbox.New(mailbox.Config{
		Key: key, Store: r.store, Publish: r.host, Log: log, Limits: cfg.Limits.limits(), Banned: r.bans.has,
	})
	if err != nil {
		return err
	}
	r.host.Lane(p2p.Mailbox).Handle(func(node mailbox.NodeKey, conn net.Conn) {
		if !r.bans.from(conn.RemoteAddr()) {
			r.server.Serve(node, conn)
		}
	})
	closeWeb, err := r.listen(ctx)
	if err != nil {
		return err
	}
	defer closeWeb()

	r.sayAddress(out)
	log.Info("the relay is up", "metrics", cfg.Metrics)
	var group sync.WaitGroup
	defer group.Wait()
	hosting, stopHosting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopHosting()
	group.Go(func() {
		if err := r.host.Run(hosting); err != nil {
			log.Error("the network", "error", err)
		}
	})
	group.Go(func() { r.follow(hosting, hup) })
	err = r.server.Run(ctx)
	log.Info("the relay stopped")
	return err
}

// follow reads the configuration again at each SIGHUP. One that is wrong changes nothing.
func (r *relay) follow(ctx context.Context, hup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		}
		if err := r.again(); err != nil {
			r.log.Error("the configuration is as it was", "error", err)
			continue
		}
		r.log.Info("limits and bans were read again; all else stays until the next start")
	}
}

// again reads limits and bans again.
func (r *relay) again() error {
	cfg, err := r.reload()
	if err == nil {
		err = r.server.SetLimits(cfg.Limits.limits())
	}
	if err != nil {
		return err
	}
	return r.bans.read(r.cfg.Folder)
}

// address is what people paste.
func (r *relay) address() string {
	a := mailbox.Address{Key: r.host.Key()}
	for _, text := range r.host.Addrs() {
		if b, err := p2p.EncodeAddr(text); err == nil {
			a.Addrs = append(a.Addrs, b)
		}
	}
	return a.String()
}

// sayAddress prints the address, and on a terminal its QR code.
func (r *relay) sayAddress(w io.Writer) {
	text := r.address()
	fmt.Fprintf(w, "Paste this into Linnet to have your post kept here:\n\n%s\n\n", text)
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		qrterminal.GenerateHalfBlock(strings.ToUpper(text), qrterminal.L, w)
	}
	if len(r.host.Addrs()) == 0 {
		fmt.Fprintln(w, "This machine has no public address: nobody can reach it from outside. See announce and local in OPERATING.md.")
	}
}

// initFolder makes what a relay needs, and a configuration to edit.
func initFolder(cfg config, out io.Writer) error {
	if err := os.MkdirAll(cfg.Folder, 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	key, err := p2p.LoadKey(filepath.Join(cfg.Folder, "key"))
	if err != nil {
		return err
	}
	file := filepath.Join(cfg.Folder, "relay.toml")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	if _, err = fmt.Fprintln(f, "# All that can be set. 0 and empty mean the default: OPERATING.md says what it is."); err == nil {
		err = toml.NewEncoder(f).Encode(cfg)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	_, err = fmt.Fprintf(out, "folder %s\nconfig %s\nkey    %s\n", cfg.Folder, file, key.Public())
	return err
}

// lock keeps a second relay out of the folder: two would be one node.
func lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the folder: %w", err)
	}
	if err := tryLock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("another linnet-relay runs in %s", filepath.Dir(file))
	}
	return func() { _ = f.Close() }, nil
}
