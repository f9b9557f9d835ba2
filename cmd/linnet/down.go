package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmesh/linnet/node/api"
)

// downWait is how long a daemon may take to end.
const downWait = 30 * time.Second

func newDown() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "down",
		Short: "Stop Linnet",
		Long: `Down stops the daemon in good order, and waits until it has ended. What waits to be
delivered stays, and goes on with the next linnet up.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := findPaths()
			if err != nil {
				return err
			}
			was, err := stopDaemon(c.Context(), p)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), struct {
					V          int  `json:"v"`
					Running    bool `json:"running"`
					WasRunning bool `json:"was_running"`
				}{formatVersion, false, was})
			}
			text := "Linnet is down."
			if !was {
				text = "Linnet is not running."
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), text)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

// stopDaemon stops the daemon, if one runs, and waits until it has let go of everything.
func stopDaemon(ctx context.Context, p paths) (was bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, downWait, fmt.Errorf("it has not ended within %s; the log says why: %s", downWait, p.Log))
	defer cancel()
	var problem *api.Problem
	_, err = api.Stop.Call(ctx, api.DialSocket(p.Socket), api.InNone{})
	switch {
	case errors.As(err, &problem) && problem.Code == api.CodeNoDaemon:
		pid, held := daemonPID(p.Lock)
		if held {
			return true, fmt.Errorf("process %d has the lock, and does not answer: it starts, ends or hangs; the log says why: %s", pid, p.Log)
		}
		return false, nil
	case err != nil && ctx.Err() != nil:
		return true, context.Cause(ctx)
	case errors.As(err, &problem):
		return true, err
	}
	// Otherwise it stops, perhaps even before it could answer.
	return true, poll(ctx, func() bool {
		_, held := daemonPID(p.Lock)
		return !held
	})
}

// daemonPID tells whether a daemon holds the lock, and which process it is.
func daemonPID(lock string) (pid int, held bool) {
	f, err := os.OpenFile(lock, os.O_RDWR, 0)
	if err != nil {
		return 0, !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	if tryLock(f) == nil {
		return 0, false
	}
	return readPID(f), true
}

// leftPID returns which process had the lock last, if it did not end in good order, and 0 if it did, or still has it.
func leftPID(lock string) int {
	if _, held := daemonPID(lock); held {
		return 0
	}
	f, err := os.Open(lock)
	if err != nil {
		return 0
	}
	defer f.Close()
	return readPID(f)
}
