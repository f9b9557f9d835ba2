package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mdp/qrterminal/v3"
	"github.com/spf13/cobra"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/api"
)

func newInvite() *cobra.Command {
	c := asking("invite", "Make a link that lets somebody become a contact", `Invite makes a link, and a QR code of it. Whoever holds it becomes a contact: treat it like a key.
It works once, for 24 hours, unless you say otherwise. Not on one network, and neither of you can be
reached from outside? Then it takes a relay that both can reach.`, 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		var in api.InMakeInvite
		seconds := int64(t.span("expires") / time.Second)
		in.Account, in.Body.Seconds, in.Body.Standing = t.account, &seconds, t.bool("standing")
		if seconds < 0 {
			return &usageError{"--expires is a time such as 24h, or 0 for ever"}
		}
		i, err := api.MakeInvite.Call(ctx, t.Client, in)
		if err != nil {
			return err
		}
		return t.say(i, func(w io.Writer) {
			if t.toTerminal() {
				printQR(w, i.Link)
			}
			fmt.Fprintln(w, i.Link)
			fmt.Fprintln(w, inviteTerms(i, time.Now()))
			fmt.Fprintln(w, "Your friend types:  linnet add '…'")
		})
	})
	c.Flags().Duration("expires", 24*time.Hour, "how long it works; 0 is for ever")
	c.Flags().Bool("standing", false, "for any number of people")
	list := asking("list", "List invites that still work", "", 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		all, err := api.ListInvites.Call(ctx, t.Client, t.at())
		if err != nil {
			return err
		}
		return t.say(all, func(w io.Writer) {
			if len(all.Invites) == 0 {
				fmt.Fprintln(w, "None.")
			}
			for i := range all.Invites {
				fmt.Fprintf(w, "%s  %s\n", all.Invites[i].ID, inviteTerms(&all.Invites[i], time.Now()))
			}
		})
	})
	revoke := asking("revoke ID", "Make an invite useless", "", 1, 1, func(ctx context.Context, t *talk, args []string) error {
		done, err := api.RevokeInvite.Call(ctx, t.Client, api.InInvite{InAccount: t.at(), Invite: args[0]})
		if err != nil {
			return err
		}
		return t.say(done, func(w io.Writer) { fmt.Fprintln(w, "It lets nobody in any more.") })
	})
	c.AddCommand(list, revoke)
	return c
}

func inviteTerms(i *api.Invite, now time.Time) string {
	text := "works once"
	if i.Standing {
		text = "works for any number of people"
	}
	if i.Until != nil {
		return text + ", until " + when(*i.Until, now)
	}
	return text + ", for ever"
}

// printQR prints a QR code in half blocks. Upper case makes it smaller, and means the same.
func printQR(w io.Writer, text string) {
	qrterminal.GenerateWithConfig(strings.ToUpper(text), qrterminal.Config{
		Level: qrterminal.L, Writer: w, HalfBlocks: true, QuietZone: 1,
		BlackChar: qrterminal.BLACK_BLACK, WhiteBlackChar: qrterminal.WHITE_BLACK,
		WhiteChar: qrterminal.WHITE_WHITE, BlackWhiteChar: qrterminal.BLACK_WHITE,
	})
}

func newAdd() *cobra.Command {
	c := asking("add LINK|ADDRESS", "Add a contact", `Add asks somebody to become a contact, by the link of an invite or by an address. They are looked
for as long as it takes; what you send meanwhile waits. An invite is accepted as soon as they are found: on a terminal, add
waits a moment for that.`, 1, 1, func(ctx context.Context, t *talk, args []string) error {
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(args[0])), relayScheme) {
			return t.addRelay(ctx, args[0])
		}
		if strings.TrimSpace(args[0]) == "" {
			return &usageError{"there is no link; it is what linnet invite prints on the other side, all of it, between quotes"}
		}
		var in api.InAdd
		in.Account, in.Body.Invite, in.Body.Alias = t.account, args[0], t.text("alias")
		added, err := api.AddContact.Call(ctx, t.Client, in)
		if err != nil {
			return err
		}
		if wait := t.patience(addWait); wait > 0 && strings.HasPrefix(strings.ToLower(strings.TrimSpace(args[0])), inviteScheme) {
			if added, err = t.untilAccepted(ctx, added, wait); err != nil {
				return err
			}
		}
		return t.say(added, func(w io.Writer) {
			fmt.Fprintf(w, "@%s  %s\n", line1(added.Name), added.State)
			if added.State == asked {
				fmt.Fprintln(w, "They are looked for, as long as it takes:  linnet contacts")
			}
			fmt.Fprintf(w, "Say something:  linnet send @%s \"hi\"\n", line1(added.Name))
		})
	})
	c.Flags().String("alias", "", "what to call them here")
	c.Flags().Duration("wait", 0, "wait so long for them to accept; on a terminal 5s, unless you say otherwise")
	return c
}

// inviteScheme begins the link of an invite.
const inviteScheme = "linnet:add/"

// addWait is how long add waits on a terminal.
const addWait = 5 * time.Second

// asked is the state of a contact that has not answered.
var asked = node.Asked.String()

// untilAccepted waits until a contact is one, but not longer than that, and returns it as it is then.
func (t *talk) untilAccepted(ctx context.Context, c *api.Contact, wait time.Duration) (*api.Contact, error) {
	in := t.with(c.ID)
	err := t.poll(ctx, wait, func() (bool, error) {
		if c.State != asked {
			return true, nil
		}
		var err error
		c, err = api.GetContact.Call(ctx, t.Client, in)
		return false, err
	})
	return c, err
}

func printContacts(w io.Writer, all []api.Contact, none string) {
	if len(all) == 0 {
		fmt.Fprintln(w, none)
	}
	for _, c := range all {
		marks := c.State
		if c.Verified {
			marks += ", verified"
		}
		if c.Awake {
			marks += ", awake"
		}
		fmt.Fprintf(w, "%-16s %-28s %s\n", "@"+line1(c.Name), marks, c.ID[:min(len(c.ID), 16)])
	}
}

func newContacts() *cobra.Command {
	c := asking("contacts", "List contacts", "", 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		all, err := api.ListContacts.Call(ctx, t.Client, api.InContacts{InAccount: t.at()})
		if err != nil {
			return err
		}
		return t.say(all, func(w io.Writer) {
			printContacts(w, all.Contacts, "Nobody yet:  linnet invite, or linnet add 'linnet:…'")
		})
	})
	alias := asking("alias @CONTACT NAME", "Call a contact as you like", "Alias gives a contact a name of your own; '' takes it away.", 2, 2, func(ctx context.Context, t *talk, args []string) error {
		return t.change(ctx, args[0], func(in *api.InChangeContact) { in.Body.Alias = &args[1] })
	})
	remove := asking("remove @CONTACT", "Forget a contact, and what was said", "", 1, 1, func(ctx context.Context, t *talk, args []string) error {
		done, err := api.RemoveContact.Call(ctx, t.Client, t.with(args[0]))
		if err != nil {
			return err
		}
		return t.say(done, func(w io.Writer) { fmt.Fprintln(w, "Forgotten, with all that was said.") })
	})
	c.AddCommand(alias, remove)
	return c
}

// change changes a contact, and prints it.
func (t *talk) change(ctx context.Context, contact string, fill func(*api.InChangeContact)) error {
	in := api.InChangeContact{InContact: t.with(contact)}
	fill(&in)
	c, err := api.ChangeContact.Call(ctx, t.Client, in)
	if err != nil {
		return err
	}
	return t.say(c, func(w io.Writer) { printContacts(w, []api.Contact{*c}, "") })
}

func newRequests() *cobra.Command {
	c := asking("requests", "List who asks to become a contact", "", 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		all, err := api.ListContacts.Call(ctx, t.Client, api.InContacts{InAccount: t.at(), State: "requested"})
		if err != nil {
			return err
		}
		return t.say(all, func(w io.Writer) {
			printContacts(w, all.Contacts, "Nobody asks.")
			if len(all.Contacts) > 0 {
				fmt.Fprintln(w, "\n  linnet requests accept @NAME\n  linnet requests refuse @NAME     they are not told\n  linnet block @NAME               and never again")
			}
		})
	})
	accept := asking("accept @NAME", "Accept who asks", "", 1, 1, func(ctx context.Context, t *talk, args []string) error {
		if err := t.asks(ctx, args[0]); err != nil {
			return err
		}
		got, err := api.AcceptRequest.Call(ctx, t.Client, t.with(args[0]))
		if err != nil {
			return err
		}
		return t.say(got, func(w io.Writer) { printContacts(w, []api.Contact{*got}, "") })
	})
	refuse := asking("refuse @NAME", "Turn a request down; they are not told", "", 1, 1, func(ctx context.Context, t *talk, args []string) error {
		if err := t.asks(ctx, args[0]); err != nil {
			return err
		}
		done, err := api.RemoveContact.Call(ctx, t.Client, t.with(args[0]))
		if err != nil {
			return err
		}
		return t.say(done, func(w io.Writer) { fmt.Fprintln(w, "Turned down.") })
	})
	c.AddCommand(accept, refuse)
	return c
}

// asks complains of somebody who does not ask to become a contact: a contact is not to be lost by a slip.
func (t *talk) asks(ctx context.Context, contact string) error {
	c, err := api.GetContact.Call(ctx, t.Client, t.with(contact))
	if err == nil && c.State != "requested" {
		return &usageError{fmt.Sprintf("@%s does not ask: %s; linnet requests lists who does", line1(c.Name), c.State)}
	}
	return err
}

func newVerify() *cobra.Command {
	c := asking("verify @CONTACT", "Compare safety numbers", `Verify shows the safety number that you share with a contact. Compare it when you meet, or by a call
in which you know the voice: if it is the same, nobody stands between you. Then say --yes.`, 1, 1, func(ctx context.Context, t *talk, args []string) error {
		if yes, no := t.bool("yes"), t.bool("no"); yes && no {
			return &usageError{"--yes and --no are one too many"}
		} else if yes || no {
			return t.change(ctx, args[0], func(in *api.InChangeContact) { in.Body.Verified = &yes })
		}
		got, err := api.GetContact.Call(ctx, t.Client, t.with(args[0]))
		if err != nil {
			return err
		}
		return t.say(got, func(w io.Writer) {
			fmt.Fprintf(w, "@%s, you both see:\n\n%s\n\n", line1(got.Name), groups(got.Number))
			if got.Verified {
				fmt.Fprintln(w, "You said that it is the same.")
			} else {
				fmt.Fprintf(w, "The same on both sides?  linnet verify --yes %s\n", args[0])
			}
		})
	})
	c.Flags().Bool("yes", false, "remember that it was the same")
	c.Flags().Bool("no", false, "forget that")
	return c
}

func newBlock() *cobra.Command {
	c := asking("block @CONTACT", "Take nothing more from somebody", "Block takes nothing more from somebody, and does not tell them. --undo takes it back.", 1, 1,
		func(ctx context.Context, t *talk, args []string) error {
			blocked := !t.bool("undo")
			return t.change(ctx, args[0], func(in *api.InChangeContact) { in.Body.Blocked = &blocked })
		})
	c.Flags().Bool("undo", false, "take it back")
	return c
}
