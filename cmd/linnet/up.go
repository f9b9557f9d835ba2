package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmesh/linnet/node/api"
)

// upWait is how long a daemon may take until it answers.
const upWait = 20 * time.Second

// upSettings are the flags of up.
type upSettings struct {
	foreground, toLog, loopback, json, noBrowser bool
	listen, name                                 string
}

func newUp() *cobra.Command {
	var s upSettings
	c := &cobra.Command{
		Use:   "up",
		Short: "Start Linnet",
		Long: `Up starts the daemon, which runs your accounts in the background until linnet down. With
--foreground it runs here, and logs to standard error: so a service manager wants it.

If there is no account yet, it makes one, with the name of --name, or one that it asks for.
On a terminal it then opens the page; linnet open does so at any time.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkListen(s.listen); err != nil {
				return err
			}
			p, err := findPaths()
			if err != nil {
				return err
			}
			if s.foreground {
				return upHere(c, p, s)
			}
			return upBehind(c, p, s)
		},
	}
	f := c.Flags()
	f.BoolVar(&s.foreground, "foreground", false, "run here, until Ctrl-C")
	f.StringVar(&s.name, "name", "", "how contacts see you, if there is no account yet")
	f.StringVar(&s.listen, "listen", defaultListen, "loopback address of the API for programs; the next free port if it is taken; off for none")
	f.BoolVar(&s.loopback, "loopback", false, "reach nobody but this machine, for trials")
	f.BoolVar(&s.noBrowser, "no-browser", false, "do not open the page")
	f.BoolVar(&s.json, "json", false, "print one JSON object")
	f.BoolVar(&s.toLog, "to-log", false, "log to the file")
	_ = f.MarkHidden("to-log") // it is there
	return c
}

// upHere is the daemon.
func upHere(c *cobra.Command, p paths, s upSettings) error {
	d := daemonSettings{Paths: p, Listen: s.listen, Loopback: s.loopback, Name: s.name}
	if s.toLog {
		if err := p.make(); err != nil {
			return err
		}
		l, err := openLogFile(p.Log, logSize)
		if err != nil {
			return err
		}
		defer l.Close()
		d.Log, d.LogFile = slog.New(slog.NewTextHandler(l, nil)), p.Log
	} else {
		d.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
		if _, held := daemonPID(p.Lock); !held && d.Name == "" {
			names, err := findAccounts(p.Data)
			if (err != nil || len(names) == 0) && isTerminal(c.InOrStdin()) {
				if d.Name, err = ask(c.Context(), c.InOrStdin(), c.ErrOrStderr()); err != nil {
					return err
				}
			}
		}
	}
	return runDaemon(c.Context(), d)
}

// upBehind starts the daemon in the background, if none runs, makes an account if there is none, and says what to do next.
func upBehind(c *cobra.Command, p paths, s upSettings) error {
	ctx, client := c.Context(), api.DialSocket(p.Socket)
	was := true
	status, err := api.GetStatus.Call(ctx, client, api.InNone{})
	if noDaemon(err) {
		was = false
		if err := startDaemon(ctx, p, s); err != nil {
			return err
		}
		status, err = api.GetStatus.Call(ctx, client, api.InNone{})
	}
	if err != nil {
		return err
	}
	if len(status.Accounts) == 0 {
		name := s.name
		if name == "" && isTerminal(c.InOrStdin()) {
			if name, err = ask(ctx, c.InOrStdin(), c.ErrOrStderr()); err != nil {
				return err
			}
		}
		if name != "" {
			var in api.InCreate
			in.Body.Display = name
			if _, err := api.CreateAccount.Call(ctx, client, in); err != nil {
				return err
			}
			if status, err = api.GetStatus.Call(ctx, client, api.InNone{}); err != nil {
				return err
			}
		}
	}
	if err := sayUp(c.OutOrStdout(), status, was, s.json); err != nil || s.json || s.noBrowser || status.Listen == "" || !isTerminal(c.InOrStdin()) {
		return err
	}
	login, err := api.OpenPage.Call(ctx, client, api.InNone{})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c.OutOrStdout()); err != nil {
		return err
	}
	return browse(ctx, c.OutOrStdout(), p, login)
}

// sayUp says what runs, and the next steps.
func sayUp(out io.Writer, s *api.Status, was, asJSON bool) error {
	if asJSON {
		return printJSON(out, struct {
			V          int                 `json:"v"`
			Running    bool                `json:"running"`
			WasRunning bool                `json:"was_running"`
			Listen     string              `json:"listen,omitempty"`
			Accounts   []api.AccountStatus `json:"accounts"`
		}{formatVersion, true, was, s.Listen, s.Accounts})
	}
	b := new(bytes.Buffer)
	if was {
		fmt.Fprintln(b, "Linnet is already running.")
	} else {
		fmt.Fprintln(b, "Linnet is up.")
	}
	for _, a := range s.Accounts {
		fmt.Fprintf(b, "  %-15s %s", a.Name, a.State)
		switch {
		case a.Problem != "":
			fmt.Fprintf(b, ": %s", a.Problem)
		case a.Address != "":
			fmt.Fprintf(b, "  %s", a.Address)
		}
		fmt.Fprintln(b)
	}
	runs := slices.ContainsFunc(s.Accounts, func(a api.AccountStatus) bool { return a.State == stateRunning })
	switch {
	case len(s.Accounts) == 0:
		fmt.Fprintln(b, "\nThere is no account yet:\n  linnet up --name NAME        makes one\n  linnet backup restore FILE   has one again from a backup\n  linnet init --words          has one again from its 24 words alone")
	case !runs && s.Accounts[0].State == stateLocked:
		fmt.Fprintln(b, "\n  linnet account unlock     asks for its passphrase")
	case !runs:
		fmt.Fprintln(b, "\n  linnet doctor             what is wrong, and what to do")
	default:
		fmt.Fprintln(b, "\n  linnet open               the page\n  linnet invite             link and QR, works once, for 24 hours\n  linnet add 'linnet:…'     what your friend types\n  linnet status             how it does")
	}
	_, err := out.Write(b.Bytes())
	return err
}

func noDaemon(err error) bool {
	var p *api.Problem
	return errors.As(err, &p) && p.Code == api.CodeNoDaemon
}

// errEnded is a daemon that ended, and says that all is well.
var errEnded = errors.New("asked to stop")

// startDaemon starts this program again, as a daemon that outlives this terminal, and waits until it answers. Its last
// words, if it dies, are in a file.
func startDaemon(ctx context.Context, p paths, s upSettings) error {
	if err := p.make(); err != nil {
		return err
	}
	if pid, held := daemonPID(p.Lock); held {
		return fmt.Errorf("process %d has the lock, and does not answer: it starts, ends or hangs; the log says why: %s", pid, p.Log)
	}
	me, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	crash, err := os.OpenFile(p.Crash, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("opening the file for last words: %w", err)
	}
	defer crash.Close()
	d := exec.CommandContext(context.WithoutCancel(ctx), me, "up", "--foreground", "--to-log", "--listen", s.listen)
	d.Args[0] = os.Args[0]
	if s.loopback {
		d.Args = append(d.Args, "--loopback")
	}
	d.Dir, d.Stderr, d.SysProcAttr = p.Data, crash, detached()
	d.Env = append(os.Environ(), "LINNET_ACCOUNT=")
	if os.Getenv("LINNET_HOME") != "" { // it may be relative, and the daemon is elsewhere
		d.Env = append(d.Env, "LINNET_HOME="+p.Config)
	}
	if err := d.Start(); err != nil {
		return fmt.Errorf("starting the daemon: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Wait() }() // as long as this process lives
	wait, cancel := context.WithTimeoutCause(ctx, upWait, fmt.Errorf("it does not answer within %s; the log says why: %s", upWait, p.Log))
	defer cancel()
	client := api.DialSocket(p.Socket)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("the daemon ended at once (%w): %s", cmp.Or(err, errEnded), lastWords(p.Crash))
		case <-wait.Done():
			if ctx.Err() != nil {
				_ = d.Process.Signal(os.Interrupt) // who interrupts wants none
				return errInterrupted
			}
			return context.Cause(wait)
		case <-tick.C:
			if _, err := api.ListAccounts.Call(wait, client, api.InNone{}); err == nil {
				return nil
			}
		}
	}
}

// lastWords returns what a daemon said before it died.
func lastWords(path string) string {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return saidNothing
	}
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, 4<<10))
	if text := strings.TrimPrefix(strings.TrimSpace(string(b)), "linnet: "); text != "" {
		return text
	}
	return saidNothing
}

// saidNothing stands for last words that there are none of.
const saidNothing = "it said nothing"

// isTerminal tells whether somebody can be asked there.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// ask asks for the name of a new account. It may be empty: then none is made, and what is said next tells of backups.
func ask(ctx context.Context, in io.Reader, out io.Writer) (string, error) {
	if _, err := fmt.Fprint(out, "How shall your contacts see you? (Enter alone makes no account) "); err != nil {
		return "", err
	}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() { // a read of a terminal cannot be ended: this one ends with the process
		text, err := bufio.NewReader(io.LimitReader(in, 4<<10)).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		answers <- answer{strings.TrimSpace(text), err}
	}()
	select {
	case a := <-answers:
		return a.text, a.err
	case <-ctx.Done():
		return "", errInterrupted
	}
}
