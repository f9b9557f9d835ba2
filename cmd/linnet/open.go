package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmesh/linnet/node/api"
)

func newOpen() *cobra.Command {
	c := asking("open", "Open the page in the browser", `Open opens the page that your own daemon serves, logged in. The link works once, within a minute, on this machine.
With --print it is printed, and no browser is started.`, 0, 0,
		func(ctx context.Context, t *talk, _ []string) error {
			login, err := api.OpenPage.Call(ctx, t.Client, api.InNone{})
			if err != nil {
				return err
			}
			if t.json || t.bool("print") {
				return t.say(login, func(w io.Writer) { fmt.Fprintln(w, login.URL) })
			}
			p, err := findPaths()
			if err != nil {
				return err
			}
			return browse(ctx, t.out, p, login)
		})
	c.Flags().Bool("print", false, "print the link, and start no browser")
	return c
}

// browserWait is how long a program that starts browsers may take.
const browserWait = 10 * time.Second

// browse opens the page in the user's browser, and says how to get there if there is none.
func browse(ctx context.Context, out io.Writer, p paths, login *api.Login) error {
	file, err := writeDoor(p, login.URL)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, browserWait)
		defer cancel()
		if err = startBrowser(ctx, file); err == nil {
			_, err = fmt.Fprintf(out, "The page opens in your browser; if it does not, open this link within a minute:\n  %s\n", login.URL)
			return err
		}
	}
	_, err = fmt.Fprintf(out, "Open this link in a browser on this machine, within a minute:\n  %s\n", login.URL)
	return err
}

// writeDoor writes a file of mode 0600 that leads to a link. Browsers are given its path: the link itself, which lets in, must
// not stand in the arguments of a process, which others can read.
func writeDoor(p paths, link string) (string, error) {
	path := filepath.Join(p.Data, "open.html")
	text := "<!doctype html><meta charset=utf-8><title>Linnet</title><meta name=referrer content=no-referrer>" +
		`<meta http-equiv=refresh content="0;url=` + html.EscapeString(link) + `">` + "\n"
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return "", err
	}
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// startBrowser asks the desktop to open a file.
func startBrowser(ctx context.Context, file string) error {
	var c *exec.Cmd
	switch runtime.GOOS {
	case "darwin":
		c = exec.CommandContext(ctx, "open", file)
	case "windows":
		c = exec.CommandContext(ctx, "rundll32", "url.dll,FileProtocolHandler", file)
	default:
		if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
			return errNoDesktop
		}
		c = exec.CommandContext(ctx, "xdg-open", file)
	}
	return c.Run()
}

// errNoDesktop says that there is nowhere to show a browser.
var errNoDesktop = errors.New("there is no desktop")
