package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmesh/linnet/node/api"
)

// talk is a verb that talks with the daemon.
type talk struct {
	*api.Client
	account string
	json    bool
	in      io.Reader
	out     io.Writer
	flags   *cobra.Command
}

// asking returns a verb that asks the daemon, with the flags --account and --json. From least to most are its arguments, -1
// for any number.
func asking(use, short, long string, least, most int, run func(context.Context, *talk, []string) error) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < least || most >= 0 && len(args) > most {
				return &usageError{fmt.Sprintf("it is: %s%s; %s --help has more", strings.TrimSuffix(c.CommandPath(), c.Name()), use, c.CommandPath())}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			client, account, err := dial(c)
			if err != nil {
				return err
			}
			asJSON, err := c.Flags().GetBool("json")
			if err != nil {
				return err
			}
			return run(c.Context(), &talk{client, account, asJSON, c.InOrStdin(), c.OutOrStdout(), c}, args)
		},
	}
	withAccount(c)
	c.Flags().Bool("json", false, "print JSON")
	return c
}

func (t *talk) bool(flag string) bool {
	v, _ := t.flags.Flags().GetBool(flag)
	return v
}

func (t *talk) text(flag string) string {
	v, _ := t.flags.Flags().GetString(flag)
	return v
}

func (t *talk) int(flag string) int {
	v, _ := t.flags.Flags().GetInt(flag)
	return v
}

func (t *talk) span(flag string) time.Duration {
	v, _ := t.flags.Flags().GetDuration(flag)
	return v
}

// patience is how long to wait: as --wait says, else so long if somebody looks on, who would ask again.
func (t *talk) patience(watched time.Duration) time.Duration {
	if t.flags.Flags().Changed("wait") || t.json || !t.toTerminal() {
		return t.span("wait")
	}
	return watched
}

// poll looks until it is done, but not longer than that.
func (t *talk) poll(ctx context.Context, wait time.Duration, look func() (done bool, err error)) error {
	short, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := look()
		switch {
		case ctx.Err() != nil:
			return errInterrupted
		case done || err != nil:
			return err
		}
		select {
		case <-short.Done():
			if ctx.Err() != nil {
				return errInterrupted
			}
			return nil
		case <-tick.C:
		}
	}
}

func (t *talk) at() api.InAccount { return api.InAccount{Account: t.account} }

func (t *talk) with(contact string) api.InContact {
	return api.InContact{InAccount: t.at(), Contact: contact}
}

func (t *talk) about(message string) api.InMessage {
	return api.InMessage{InAccount: t.at(), Message: message}
}

// say prints a result: as one JSON object with the version of the format, or by people.
func (t *talk) say(v any, people func(w io.Writer)) error {
	if !t.json {
		w := &firstError{w: t.out}
		people(w)
		return w.err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	if len(b) > 2 && b[0] == '{' && !strings.HasPrefix(string(b), `{"v":`) {
		b = append([]byte(fmt.Sprintf(`{"v":%d,`, formatVersion)), b[1:]...)
	}
	_, err = fmt.Fprintf(t.out, "%s\n", escaped(string(b)))
	return err
}

// firstError remembers the first error of a writer.
type firstError struct {
	w   io.Writer
	err error
}

func (f *firstError) Write(b []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.w.Write(b)
	f.err = err
	return n, err
}

// exitOf returns what linnet exits with for an error of the API.
func exitOf(code api.Code) int {
	switch code {
	case api.CodeInvalid, api.CodeMedia, api.CodeLarge:
		return exitUsage
	case api.CodeNoDaemon, api.CodeStopped:
		return exitNoDaemon
	case api.CodeLocked, api.CodeToken, api.CodeScope, api.CodeForbidden, api.CodeWrong:
		return exitLocked
	case api.CodeNotFound, api.CodeNoAccount, api.CodeAmbiguous, api.CodeGone:
		return exitNotFound
	case api.CodeBlocked, api.CodeRevoked, api.CodeConflict, api.CodeFull, api.CodeRate, api.CodeNewer:
		return exitRefused
	case api.CodeDamaged:
		return exitDamaged
	case api.CodeInternal:
	}
	return exitFailed
}

// hintOf returns what to do about an error, if anybody knows.
func hintOf(err error) (code int, hint string, ok bool) {
	var p *api.Problem
	if !errors.As(err, &p) {
		return 0, "", false
	}
	return exitOf(p.Code), p.Hint, true
}

// clientVerbs returns the verbs that ask the daemon.
func clientVerbs() []*cobra.Command {
	return []*cobra.Command{
		newAPI(), newOpen(), newInit(), newStatus(), newDoctor(), newWhoami(), newAccount(), newBackup(), newProfile(), newWords(), newToken(), newRelay(),
		newInvite(), newAdd(), newRequests(), newContacts(), newVerify(), newBlock(),
		newChats(), newSend(), newHistory(), newSearch(), newWatch(), newReact(), newEdit(), newDelete(), newWhy(), newCall(), newCalls(),
	}
}
