// Command linnet-mixer mixes group calls.
//
// It prints one address: who pastes it into Linnet can hold calls here. A mixer hears the calls that it mixes and could forge
// voices; it keeps none of it (conference/PROTOCOL.md). SIGHUP reads the configuration again, SIGTERM lets calls end first.
//
//	exit code   0 done   1 it did not work   2 asked in a wrong way
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `linnet-mixer mixes group calls, and prints an address to paste into Linnet.

    linnet-mixer                    # anybody who has the address may open rooms with the token that it makes
    linnet-mixer --config FILE      # rooms, limits, who may open rooms: see --print-config
    linnet-mixer --print-config     # all that can be set, with what it is now

`

// run does what the arguments say, and returns what to exit with.
func run(args []string, out, problems io.Writer) int {
	flags := flag.NewFlagSet("linnet-mixer", flag.ContinueOnError)
	flags.SetOutput(problems)
	flags.Usage = func() {
		fmt.Fprint(problems, usage)
		flags.PrintDefaults()
	}
	file := flags.String("config", "", "TOML `file`")
	folder := flags.String("folder", "", "`folder` of the key and the token (default: linnet-mixer in the user's state)")
	show := flags.Bool("print-config", false, "print the configuration and exit")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(problems, "linnet-mixer takes no arguments, and got %q\n", flags.Arg(0))
		return 2
	}
	cfg, err := loadConfig(*file)
	if err != nil {
		fmt.Fprintln(problems, "linnet-mixer:", err)
		return 2
	}
	if *folder != "" {
		cfg.Folder = *folder
	}
	if *show {
		if err := cfg.print(out); err != nil {
			fmt.Fprintln(problems, "linnet-mixer:", err)
			return 1
		}
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second one ends it at once
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	reload := func() (config, error) { return loadConfig(*file) }
	if err := serve(ctx, cfg, hup, reload, out, problems); err != nil {
		fmt.Fprintln(problems, "linnet-mixer:", err)
		return 1
	}
	return 0
}
