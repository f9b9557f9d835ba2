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
	"sync/atomic"

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
	allow  atomic.Pointer[list] // who may use circuits; nil: all
	reload func() (config, error)

	reloading sync.Mutex
	metricsAt string // where metrics are served
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
	r.setAllow(cfg)
	host, err := cfg.host()
	if err != nil {
		return err
	}
	host.Key, host.Log, host.Refuse, host.Circuits.Allow = key, log, r.bans.refuse, r.mayRelay
	if r.host, err = p2p.New(host); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.host.Close()) }()
	r.server, err = mailbox.New(mailbox.Config{
		Key: key, Store: r.store, Publish: r.host, Log: log, Limits: cfg.Limits.limits(), Banned: r.bans.has,
	})
	if err != nil {
		return err
	}
	r.host.Lane(p2p.Mailbox).Handle(r.server.Serve)
	if err := r.offer(cfg); err != nil {
		return err
	}
	closeWeb, err := r.listen(ctx)
	if err != nil {
		return err
	}
	defer closeWeb()

	sayAddress(out, r.address(), len(r.host.Addrs()) > 0)
	log.Info("the relay is up", "metrics", r.metricsAt)
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
	group.Go(func() { mailbox.PaceMemory(hosting, mailbox.Room) })
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
		r.log.Info("limits, bans and who may use circuits were read again; all else stays until the next start")
	}
}

// again reads limits, bans and who may use circuits again. What is wrong changes nothing.
func (r *relay) again() error {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	cfg, err := r.reload()
	if err != nil {
		return err
	}
	if err := r.bans.read(r.cfg.Folder); err != nil {
		return err
	}
	r.host.Expel()
	r.setAllow(cfg)
	if err := r.server.SetLimits(cfg.Limits.limits()); err != nil {
		return err
	}
	return r.offer(cfg)
}

// offer has the network told what the relay takes, unless it hides.
func (r *relay) offer(cfg config) error {
	if r.cfg.Hidden {
		return nil
	}
	l := cfg.Limits.limits().WithDefaults()
	return r.host.Offer(p2p.Offer{Post: mailbox.MaxPost, Posts: l.MailPosts, Bytes: l.MailBytes, Keep: l.Keep})
}

func (r *relay) setAllow(cfg config) {
	if len(cfg.Circuits.Allow) == 0 {
		r.allow.Store(nil)
		return
	}
	l, err := listOf(cfg.Circuits.Allow)
	if err == nil { // check has seen it
		r.allow.Store(l)
	}
}

// mayRelay tells whether a node may have a place here, or a circuit.
func (r *relay) mayRelay(node mailbox.NodeKey, from net.Addr) bool {
	l := r.allow.Load()
	return l == nil || l.names(node, from)
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
func sayAddress(w io.Writer, text string, reachable bool) {
	fmt.Fprintf(w, "Paste this into Linnet to have your post kept here:\n\n%s\n\n", text)
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		qrterminal.GenerateHalfBlock(strings.ToUpper(text), qrterminal.L, w)
	}
	if !reachable {
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
