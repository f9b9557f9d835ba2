package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmesh/linnet/node/api"
)

// relayScheme is how the address of a relay begins, which linnet add takes as well.
const relayScheme = "linnet:relay/"

func newRelay() *cobra.Command {
	c := asking("relay", "List the relays that keep post for you", `A relay is a volunteer's machine that keeps sealed post while you sleep. It cannot read it. Three are used
at a time; which ones, your contacts are told. Run one yourself: linnet-relay.`, 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		all, err := api.ListRelays.Call(ctx, t.Client, t.at())
		if err != nil {
			return err
		}
		return t.say(all, func(w io.Writer) { printRelays(w, all.Relays, time.Now()) })
	})
	add := asking("add ADDRESS", "Let a relay keep post for you", "Add takes the line that linnet-relay prints.", 1, 1, func(ctx context.Context, t *talk, args []string) error {
		return t.addRelay(ctx, args[0])
	})
	remove := asking("remove ID", "Do without a relay", `Remove tells your contacts to leave nothing more there. Post that lies there already still comes, as long as
there may be some.`, 1, 1, func(ctx context.Context, t *talk, args []string) error {
		all, err := api.RemoveRelay.Call(ctx, t.Client, api.InRelay{InAccount: t.at(), Relay: args[0]})
		if err != nil {
			return err
		}
		return t.say(all, func(w io.Writer) { printRelays(w, all.Relays, time.Now()) })
	})
	c.AddCommand(add, remove)
	return c
}

func (t *talk) addRelay(ctx context.Context, address string) error {
	in := api.InAddRelay{InAccount: t.at()}
	in.Body.Address = address
	all, err := api.AddRelay.Call(ctx, t.Client, in)
	if err != nil {
		return err
	}
	return t.say(all, func(w io.Writer) { printRelays(w, all.Relays, time.Now()) })
}

// shortRelay is what people see of a relay's ID, and name it by: the first characters in which IDs differ.
func shortRelay(id string) string {
	const same, shown = "linnetnode1qyq", 8
	id = strings.TrimPrefix(id, same)
	return id[:min(shown, len(id))]
}

func printRelays(w io.Writer, all []api.Relay, now time.Time) {
	if len(all) == 0 {
		fmt.Fprintln(w, "None: post waits on this device until yours and the other are awake together.")
		fmt.Fprintln(w, "Add one:  linnet relay add 'linnet:relay/…'")
	}
	for i := range all {
		r := &all[i]
		text := r.State
		switch {
		case r.Why != "":
			text += ": " + line1(r.Why)
		case r.Drains:
			text += ", takes nothing new"
		case r.Listens:
			text += ", post comes from here at once"
		case r.Connected:
			text += ", connected"
		}
		switch {
		case r.State != "used" || r.Why != "":
		case r.Refuses != "":
			text += ", takes no prekeys: " + line1(r.Refuses)
		case r.Ready:
			text += ", ready: you can be reached here while you sleep"
		default:
			text += ", getting ready"
		}
		if r.Invited {
			text += ", from an invite"
		}
		if r.Seen != nil && !r.Connected {
			text += ", last heard " + when(*r.Seen, now)
		}
		fmt.Fprintf(w, "%s  %s\n", shortRelay(r.ID), text)
	}
}
