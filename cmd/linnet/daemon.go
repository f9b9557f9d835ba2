package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/linnetmesh/linnet/node/api"
	"github.com/linnetmesh/linnet/node/web"
	"github.com/linnetmesh/linnet/p2p"
)

// defaultListen is where programs find the API.
const defaultListen = "127.0.0.1:4870"

// noListen has the daemon listen on its socket alone.
const noListen = "off"

// portsTried is how many ports are tried from the first one on.
const portsTried = 20

// Deadlines of the listeners. There is none for answers: events come as long as somebody watches.
const (
	headerWait   = 10 * time.Second
	idleWait     = 2 * time.Minute
	shutdownWait = 5 * time.Second
	maxHeaders   = 16 << 10
)

// daemonSettings say what a daemon is made of.
type daemonSettings struct {
	Paths    paths
	Listen   string // loopback address with a port, or noListen
	Loopback bool   // all of the network is this machine
	Name     string // how the first account is called, if there is none; empty makes none
	Log      *slog.Logger
	LogFile  string // where Log goes to, if it goes to a file
}

// runningError says that there is a daemon already.
type runningError struct{ pid int }

func (e *runningError) Error() string {
	text := "Linnet is already running"
	if e.pid > 0 {
		text += fmt.Sprintf(" (process %d)", e.pid)
	}
	return text + "; linnet status shows how it does, linnet down stops it"
}

// runDaemon is the daemon: it runs all accounts and serves the API until ctx ends or somebody asks it to stop. Then it
// ends in good order: nobody is let in any more, what is under way has shutdownWait, accounts end, vaults are closed. The
// error is a *runningError if there is one already.
func runDaemon(ctx context.Context, s daemonSettings) (err error) {
	if err := checkListen(s.Listen); err != nil {
		return err
	}
	if err := s.Paths.make(); err != nil {
		return err
	}
	lock, err := lockDaemon(s.Paths.Lock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Truncate(0), lock.Close()) }() // who is killed leaves its process ID
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	socket, err := listenSocket(ctx, s.Paths.Socket)
	if err != nil {
		return err
	}
	defer socket.Close()
	loopback, hosts, err := listenLoopback(ctx, s.Listen)
	if err != nil {
		return err
	}
	c := houseSettings{Folder: s.Paths.Data, Host: p2p.Config{LAN: true}, Log: s.Log, LogFile: s.LogFile, Socket: s.Paths.Socket, Stop: stop}
	if s.Loopback {
		c.Host = onLoopback(p2p.Config{})
	}
	if loopback != nil {
		defer loopback.Close()
		c.Listen, c.Wanted = hosts[0], s.Listen
	}
	h, err := openHouse(ctx, c)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, h.Close()); err != nil {
			s.Log.Error("down, and not in good order", "error", err)
			return
		}
		s.Log.Info("down")
	}()
	if s.Name != "" && len(h.Accounts()) == 0 {
		in := new(api.InCreate)
		in.Body.Display = s.Name
		if _, err := h.Create(ctx, in); err != nil {
			return err
		}
	}
	server, err := api.New(api.Config{Daemon: h, Tokens: s.Paths.Tokens, Hosts: hosts, Page: web.Handler(), Log: s.Log})
	if err != nil {
		return fmt.Errorf("opening the API: %w", err)
	}
	s.Log.Info("up", "version", readBuild().Version, "accounts", len(h.Accounts()), "listen", strings.Join(hosts, " "))

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Run(ctx) })
	serve(ctx, g, socket, server.Socket(), s.Log)
	if loopback != nil {
		serve(ctx, g, loopback, server.Loopback(), s.Log)
	}
	return g.Wait()
}

// serve answers what comes in on a listener, until ctx ends.
func serve(ctx context.Context, g *errgroup.Group, l net.Listener, handler http.Handler, log *slog.Logger) {
	s := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerWait, IdleTimeout: idleWait, MaxHeaderBytes: maxHeaders,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	g.Go(func() error {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving the API: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
		defer cancel()
		if err := s.Shutdown(end); err != nil { // somebody did not let go
			return s.Close()
		}
		return nil
	})
}

// lockDaemon makes this process the daemon, and writes its ID into the lock file. The error is a *runningError if another
// is the daemon. What is locked is freed when the file is closed, or the process ends.
func lockDaemon(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	if tryLock(f) != nil {
		e := &runningError{pid: readPID(f)}
		return nil, errors.Join(e, f.Close())
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(fmt.Errorf("locking: %w", err), f.Close())
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return nil, errors.Join(fmt.Errorf("locking: %w", err), f.Close())
	}
	return f, nil
}

// readPID returns the process ID in a lock file, 0 if there is none.
func readPID(f io.ReaderAt) int {
	b := make([]byte, 20)
	n, _ := f.ReadAt(b, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return 0
	}
	return pid
}

// listenSocket listens on the socket, in the place of one that a killed daemon left: who holds the lock owns it. Its
// folder is closed to others, so nobody can come in before its mode is set.
func listenSocket(ctx context.Context, path string) (net.Listener, error) {
	if len(path) > maxSocket {
		return nil, fmt.Errorf("the path of the socket is longer than %d bytes: %s; set LINNET_HOME to a shorter one", maxSocket, path)
	}
	if info, err := os.Lstat(path); err == nil {
		if info.IsDir() || info.Mode().IsRegular() && info.Size() > 0 {
			return nil, fmt.Errorf("%s is no socket; move it away", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("removing an old socket: %w", err)
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("closing the socket to others: %w", err), l.Close())
	}
	return l, nil
}

// checkListen complains of an address that others than this machine could reach.
func checkListen(address string) error {
	if address == noListen {
		return nil
	}
	if a, err := netip.ParseAddrPort(address); err != nil || !a.Addr().IsLoopback() {
		return &usageError{fmt.Sprintf("--listen %s is no loopback address with a port; %s is one, and %s listens nowhere", address, defaultListen, noListen)}
	}
	return nil
}

// listenLoopback listens on a loopback address, or on the next port that is free, and returns under which names it is
// reached. It returns no listener for noListen.
func listenLoopback(ctx context.Context, address string) (net.Listener, []string, error) {
	if address == noListen {
		return nil, nil, nil
	}
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, nil, err
	}
	var first error
	for i := range portsTried {
		port := int(a.Port()) + i
		if port > 65535 {
			break
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(a.Addr().String(), strconv.Itoa(port)))
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		at := l.Addr().String()
		_, text, err := net.SplitHostPort(at)
		if err != nil {
			return nil, nil, errors.Join(err, l.Close())
		}
		return l, []string{at, "localhost:" + text}, nil
	}
	return nil, nil, fmt.Errorf("listening: %w; --listen %s does without", first, noListen)
}
