// Command linnet-relay keeps post for others; it cannot read it: no code that could is linked in.
//
// It needs no database and no configuration, and prints one address: who pastes it into Linnet has post kept here.
// SIGHUP reads the configuration and the bans again, SIGTERM ends it in order.
//
//	exit code   0 done   1 it did not work   2 asked in a wrong way   3 no relay runs
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/linnetmesh/linnet/mailbox"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `linnet-relay keeps sealed post for those who sleep, and prints an address to paste into Linnet.

    linnet-relay                 # run a relay
    linnet-relay init            # make its folder, its key and a configuration with all that can be set
    linnet-relay check           # say what is wrong with the configuration
    linnet-relay stats           # what the running relay counts
    linnet-relay drain [off]     # take no new post, and go on giving what is here; or take again
    linnet-relay ban WHAT…       # refuse a box, a node or a range of addresses: 64 hex digits, linnetnode1…, 192.0.2.0/24
    linnet-relay version

`

// errNotRunning says that there is nobody to ask.
var errNotRunning = errors.New("no relay runs in this folder")

// errUsage says that a command was given in a wrong way.
var errUsage = errors.New("see linnet-relay --help")

// run does what the arguments say, and returns what to exit with.
func run(args []string, out, problems io.Writer) int {
	flags := flag.NewFlagSet("linnet-relay", flag.ContinueOnError)
	flags.SetOutput(problems)
	flags.Usage = func() {
		fmt.Fprint(problems, usage)
		flags.PrintDefaults()
	}
	folder := flags.String("folder", "", "`folder` of the key and the post (default: linnet-relay in the user's state)")
	file := flags.String("config", "", "TOML `file` (default: relay.toml in the folder, if there is one)")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	err := command(flags.Args(), *folder, *file, out, problems)
	if err != nil {
		fmt.Fprintln(problems, "linnet-relay:", err)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errNotRunning):
		return 3
	default:
		return 1
	}
}

func command(args []string, folder, file string, out, problems io.Writer) error {
	verb := ""
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	if verb == "version" {
		text := "(devel)"
		if info, ok := debug.ReadBuildInfo(); ok {
			text = info.Main.Version
		}
		_, err := fmt.Fprintln(out, "linnet-relay", text)
		return err
	}
	load := func() (config, error) { return loadConfig(folder, file) }
	if verb == "stats" || verb == "drain" || verb == "ban" { // they need the folder alone, also while the file is wrong
		load = func() (config, error) { return defaults(folder) }
	}
	cfg, err := load()
	if err != nil {
		return fmt.Errorf("%w\n%w", err, errUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second one ends it at once
	switch {
	case verb == "" && len(args) == 0:
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		defer signal.Stop(hup)
		defer mailbox.SpareProcessor()()
		return serve(ctx, cfg, hup, load, out, problems)
	case verb == "init" && len(args) == 0:
		return initFolder(cfg, out)
	case verb == "check" && len(args) == 0:
		_, err := fmt.Fprintln(out, "nothing is wrong with the configuration")
		return err
	case verb == "stats" && len(args) == 0:
		return ask(ctx, cfg, "GET", "/stats", out)
	case verb == "drain" && len(args) == 0:
		return ask(ctx, cfg, "POST", "/drain", out)
	case verb == "drain" && len(args) == 1 && args[0] == "off":
		return ask(ctx, cfg, "POST", "/take", out)
	case verb == "ban" && len(args) > 0:
		return ban(ctx, cfg, args, out)
	}
	return fmt.Errorf("%q: %w", verb, errUsage)
}
