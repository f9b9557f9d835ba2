package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmesh/linnet/node/api"
)

// What linnet exits with.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNoDaemon    = 3
	exitLocked      = 4 // or not allowed: passphrase, token
	exitNotFound    = 5 // or ambiguous, or over
	exitRefused     = 6 // blocked, revoked, full
	exitDamaged     = 8
	exitInterrupted = 130 // 128 and SIGINT, as shells have it
)

// usageError says that linnet was asked in a way that it does not understand. Its text says the next step.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// errInterrupted says that somebody ended it before it was done.
var errInterrupted = errors.New("interrupted")

// run does what the arguments say, and returns what to exit with. SIGINT, SIGTERM and a closed terminal end it in good
// order; a second one ends it at once. A closed pipe is an error of writing like others, so that what was made is removed.
func run(args []string, out, problems io.Writer) int {
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)
	return runIn(ctx, args, out, problems)
}

func runIn(ctx context.Context, args []string, out, problems io.Writer) int {
	root := newRoot() //nolint:contextcheck // cobra hands the context to the verbs
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(problems)
	err := unknownVerb(root, args)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	return complain(problems, err, wantsJSON(args))
}

// newRoot returns the tree of verbs.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "linnet",
		Short: "A private messenger with no company in the middle",
		Long: `Linnet is a private messenger with no company in the middle: devices find each
other by public key and talk directly. It tells you where every message is, and
never says "delivered" before it was.`,
		Example: `  linnet demo             # a whole mesh on this machine
  linnet up               # start; asks your name
  linnet invite           # link and QR code for a friend
  linnet add 'linnet:…'   # what the friend types
  linnet send @ada "hi"`,
		SilenceErrors: true, // complain says it
		SilenceUsage:  true,
		RunE:          guide,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{fmt.Sprintf("%v; %s --help lists the flags", err, c.CommandPath())}
	})
	root.AddCommand(newDemo(), newDown(), newMan(), newPaths(), newService(), newUp(), newVersion())
	root.AddCommand(clientVerbs()...)
	root.AddCommand(&cobra.Command{Use: "exits", Short: "What linnet exits with", Long: `Linnet exits with
    0  done
    1  it did not work
    2  asked in a wrong way
    3  Linnet is not running
    4  locked, or not allowed: passphrase, words, token
    5  not found, ambiguous, or over
    6  refused: exists already, blocked, revoked, full, or it needs a newer Linnet
    8  damaged
  130  interrupted
With --json, what went wrong is one JSON object on standard error, with this code, a message and, if anybody knows what to
do, a hint.`})
	root.InitDefaultCompletionCmd() // here, so that unknownVerb knows it
	return root
}

// guide is linnet without a verb: on a terminal it starts Linnet and asks a newcomer for a name, or says how it does and what
// can be done; elsewhere it lists the verbs.
func guide(c *cobra.Command, _ []string) error {
	if !isTerminal(c.InOrStdin()) {
		return c.Help()
	}
	p, err := findPaths()
	if err != nil {
		return err
	}
	s, err := api.GetStatus.Call(c.Context(), api.DialSocket(p.Socket), api.InNone{})
	if noDaemon(err) || err == nil && len(s.Accounts) == 0 {
		return upBehind(c, p, upSettings{listen: defaultListen})
	}
	if err != nil {
		return err
	}
	w := &firstError{w: c.OutOrStdout()}
	printStatus(w, s, time.Now())
	fmt.Fprintln(w, "\n  linnet chats              who said what\n  linnet send @NAME TEXT    say something\n  linnet help               all verbs")
	return w.err
}

// noArguments is what a verb that takes none says to some.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{fmt.Sprintf("%s takes no arguments, and got %q; %[1]s --help has more", c.CommandPath(), args[0])}
}

// unknownVerb complains of a verb that there is none of, and names the likeliest that there is.
func unknownVerb(root *cobra.Command, args []string) error {
	if len(args) > 0 && args[0] == "help" {
		args = args[1:]
	}
	if len(args) == 0 || strings.HasPrefix(args[0], "-") || args[0] == "help" || strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return nil
	}
	if _, _, err := root.Find(args); err == nil {
		return nil
	}
	text := fmt.Sprintf("there is no verb %q; linnet help lists all", args[0])
	if near := nearestVerb(root, args[0]); near != "" {
		text = fmt.Sprintf("there is no verb %q; did you mean: linnet %s", args[0], near)
	}
	return &usageError{text}
}

// nearestVerb returns the verb that takes the fewest slips of the fingers, two at most, empty if there is none.
func nearestVerb(root *cobra.Command, typed string) string {
	for slips := 1; slips <= 2; slips++ {
		root.SuggestionsMinimumDistance = slips
		if near := root.SuggestionsFor(typed); len(near) > 0 {
			return near[0]
		}
	}
	return ""
}

// wantsJSON tells whether a program reads what is said. After -- there are no flags.
func wantsJSON(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, "--json")
}

// complain says what went wrong, if anything did, and returns what to exit with.
func complain(to io.Writer, err error, asJSON bool) int {
	code, hint := exitFailed, ""
	var usage *usageError
	if c, h, ok := hintOf(err); ok {
		code, hint = c, h
	}
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		code = exitUsage
	case errors.Is(err, errInterrupted):
		code = exitInterrupted
	case errors.Is(err, syscall.ENOSPC):
		code, hint = exitRefused, "make room, then try again"
	}
	if asJSON {
		b, err := json.Marshal(problem{V: formatVersion, Code: code, Message: err.Error(), Hint: hint})
		if err == nil {
			fmt.Fprintf(to, "%s\n", b)
		}
		return code
	}
	fmt.Fprintf(to, "linnet: %v\n", err)
	if hint != "" {
		fmt.Fprintf(to, "try: %s\n", hint)
	}
	return code
}

// problem is an error for programs.
type problem struct {
	V       int    `json:"v"`
	Code    int    `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}
