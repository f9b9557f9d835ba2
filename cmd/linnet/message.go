package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmesh/linnet/node/api"
)

func newSend() *cobra.Command {
	c := asking("send @CONTACT TEXT|-", "Say something", `Send says a text to a contact; - reads it from standard input. It is done once the message is
safe on this device: then it is delivered, however long that takes, or shown as failed.
What linnet send prints is where the message is by then; linnet why ID tells more.`, 2, -1,
		func(ctx context.Context, t *talk, args []string) error {
			in := api.InSend{InContact: t.with(args[0]), Key: t.text("key")}
			in.Body.Reply = t.text("reply")
			var err error
			if in.Body.Text, err = t.given(args[1:]); err != nil {
				return err
			}
			since := time.Now()
			m, err := api.SendMessage.Call(ctx, t.Client, in)
			if err != nil {
				return err
			}
			if wait := t.patience(sendWait); wait > 0 {
				if m, err = t.until(ctx, m, wait); err != nil {
					return err
				}
			}
			return t.say(m, func(w io.Writer) {
				fmt.Fprintf(w, "%s  %s  %s\n", short(m.ID), state(m), inMillis(time.Since(since)))
				if m.State == "queued" && t.toTerminal() {
					fmt.Fprintf(w, "It goes on by itself:  linnet why %s\n", short(m.ID))
				}
			})
		})
	c.Flags().String("reply", "", "ID of the message that it answers")
	c.Flags().String("key", "", "idempotency key: with the same key and text it is said once, however often it is tried")
	c.Flags().Duration("wait", 0, "wait so long for it to be delivered; on a terminal 1s, unless you say otherwise")
	return c
}

// sendWait is how long send waits on a terminal: longer than it takes to deliver a message to somebody who is awake.
const sendWait = time.Second

// until waits until a message is delivered, or failed, but not longer than that, and returns it as it is then.
func (t *talk) until(ctx context.Context, m *api.Message, wait time.Duration) (*api.Message, error) {
	err := t.poll(ctx, wait, func() (bool, error) {
		if m.State != "queued" && m.State != "kept" {
			return true, nil
		}
		var err error
		m, err = api.GetMessage.Call(ctx, t.Client, t.about(m.ID))
		return false, err
	})
	return m, err
}

// state says in one phrase where an own message is, and nothing for others.
func state(m *api.Message) string {
	if !m.Own {
		return ""
	}
	for _, d := range m.Deliveries {
		if d.State != m.State {
			continue
		}
		switch {
		case d.State == "kept" && d.Until != nil:
			return fmt.Sprintf("kept by %s until %s", counted(d.Relays, "relay"), d.Until.Local().Format("2 Jan"))
		case d.Why != "" && d.State == "failed":
			return "failed because " + line1(d.Why)
		case d.Why != "":
			return d.State + ": " + line1(d.Why)
		}
	}
	return m.State
}

// printMessage prints a message as a line of a conversation.
func printMessage(w io.Writer, m *api.Message, now time.Time) {
	text := strings.ReplaceAll(safe(m.Text), "\n", "\n"+strings.Repeat(" ", 26))
	switch {
	case m.Deleted:
		text = "(taken back)"
	case m.Hidden:
		text = "(was to be seen once)"
	case m.Kind == "contact" && m.Card != nil:
		text = "(contact) " + line1(m.Card.Name) + " " + line1(m.Card.Address)
	case m.Kind == "timer":
		text = "(changed when messages disappear)"
	case m.Kind == "newer":
		text = "(needs a newer Linnet)"
	}
	if m.ReplyTo != nil && !m.Deleted {
		text = fmt.Sprintf("↪ %s: %q  %s", line1(m.ReplyTo.Name), line1(m.ReplyTo.Text), text)
	}
	if m.Edited {
		text += " (edited)"
	}
	var emoji []string
	for _, r := range m.Reactions {
		emoji = append(emoji, line1(r.Emoji)+" "+line1(r.Name))
	}
	if len(emoji) > 0 {
		text += "  [" + strings.Join(emoji, ", ") + "]"
	}
	name := line1(m.Name)
	if m.Own {
		name = "you"
		text += "  · " + state(m)
	}
	fmt.Fprintf(w, "%s  %-12s %-3s %s\n", short(m.ID), when(m.Time, now), name, text)
}

func newHistory() *cobra.Command {
	c := asking("history @CONTACT", "Read a conversation", `History prints the newest messages of a conversation, the oldest of them first, and marks those that it printed as read.

With --export it writes all of it, as a page that needs nothing else, or as JSON, and marks nothing as read.`, 1, 1,
		func(ctx context.Context, t *talk, args []string) error {
			if form := t.text("export"); form != "" {
				return t.export(ctx, args[0], form)
			}
			if t.text("output") != "" {
				return &usageError{"--output is for --export"}
			}
			in := api.InHistory{InContact: t.with(args[0]), Before: t.text("before"), Limit: t.int("limit")}
			page, err := api.GetHistory.Call(ctx, t.Client, in)
			if err != nil {
				return err
			}
			err = t.say(page, func(w io.Writer) {
				if len(page.Messages) == 0 {
					fmt.Fprintf(w, "Nothing was said yet:  linnet send %s \"hi\"\n", args[0])
				}
				for i := len(page.Messages) - 1; i >= 0; i-- {
					printMessage(w, &page.Messages[i], time.Now())
				}
			})
			if err != nil || t.bool("keep-unread") {
				return err
			}
			return t.read(ctx, in.InContact, page.Messages)
		})
	c.Flags().Int("limit", 50, "how many messages, at most 500")
	c.Flags().String("before", "", "only what stands above this place (of --json)")
	c.Flags().Bool("keep-unread", false, "tell nobody that it was read")
	c.Flags().String("export", "", "write the whole conversation: html or json")
	c.Flags().String("output", "", "the file to export to, which must not be there yet; standard output without it")
	return c
}

// read marks as read what was printed and came unread.
func (t *talk) read(ctx context.Context, with api.InContact, printed []api.Message) error {
	var ids []string
	for i := range printed {
		if printed[i].Unread {
			ids = append(ids, printed[i].ID)
		}
	}
	for some := range slices.Chunk(ids, 256) {
		in := api.InMarkRead{InContact: with}
		in.Body.Messages = some
		if _, err := api.MarkRead.Call(ctx, t.Client, in); err != nil {
			return err
		}
	}
	return nil
}

func newSearch() *cobra.Command {
	c := asking("search TEXT", "Find messages that hold a text", "", 1, -1, func(ctx context.Context, t *talk, args []string) error {
		page, err := api.SearchMessages.Call(ctx, t.Client, api.InSearch{
			InAccount: t.at(), Text: strings.Join(args, " "), With: t.text("with"), Limit: t.int("limit"),
		})
		if err != nil {
			return err
		}
		return t.say(page, func(w io.Writer) {
			if len(page.Messages) == 0 {
				fmt.Fprintln(w, "Nothing found.")
			}
			for i := range page.Messages {
				printMessage(w, &page.Messages[i], time.Now())
			}
		})
	})
	c.Flags().String("with", "", "only the conversation with this contact")
	c.Flags().Int("limit", 50, "how many, at most 1000")
	return c
}

func newChats() *cobra.Command {
	return asking("chats", "List conversations", "", 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		all, err := api.ListChats.Call(ctx, t.Client, t.at())
		if err != nil {
			return err
		}
		return t.say(all, func(w io.Writer) {
			if len(all.Chats) == 0 {
				fmt.Fprintln(w, "Nobody yet:  linnet invite, or linnet add 'linnet:…'")
			}
			for _, c := range all.Chats {
				last, at, unread := "", "", ""
				if c.Last != nil {
					at, last = when(c.Last.Time, time.Now()), line1(c.Last.Text)
					if c.Last.Own {
						last = "you: " + last + "  · " + state(c.Last)
					}
				}
				if c.With.State != "accepted" {
					last = "(" + c.With.State + ") " + last
				}
				if c.Unread > 0 {
					unread = fmt.Sprintf("%d new", c.Unread)
				}
				fmt.Fprintf(w, "%-16s %-12s %-7s %s\n", "@"+line1(c.With.Name), at, unread, last)
			}
		})
	})
}

func newReact() *cobra.Command {
	return asking("react ID EMOJI", "Put an emoji to a message", "React puts an emoji to a message; '' takes it back.", 2, 2, func(ctx context.Context, t *talk, args []string) error {
		in := api.InReact{InMessage: t.about(args[0])}
		in.Body.Emoji = args[1]
		m, err := api.React.Call(ctx, t.Client, in)
		if err != nil {
			return err
		}
		return t.say(m, func(w io.Writer) { printMessage(w, m, time.Now()) })
	})
}

func newEdit() *cobra.Command {
	return asking("edit ID TEXT|-", "Give an own message another text", "Edit gives an own message another text; - reads it from standard input.", 2, -1, func(ctx context.Context, t *talk, args []string) error {
		in := api.InEdit{InMessage: t.about(args[0])}
		var err error
		if in.Body.Text, err = t.given(args[1:]); err != nil {
			return err
		}
		m, err := api.EditMessage.Call(ctx, t.Client, in)
		if err != nil {
			return err
		}
		return t.say(m, func(w io.Writer) { printMessage(w, m, time.Now()) })
	})
}

func newDelete() *cobra.Command {
	c := asking("delete ID", "Take a message away", `Delete takes a message away on this device; with --everyone, an own one, from everyone. Who has
seen it has seen it.`, 1, 1, func(ctx context.Context, t *talk, args []string) error {
		everyone := t.bool("everyone")
		done, err := api.DeleteMessage.Call(ctx, t.Client, api.InDelete{InMessage: t.about(args[0]), Everyone: everyone})
		if err != nil {
			return err
		}
		return t.say(done, func(w io.Writer) {
			if everyone {
				fmt.Fprintln(w, "Gone here; the others are told.")
				return
			}
			fmt.Fprintln(w, "Gone from this device.")
		})
	})
	c.Flags().Bool("everyone", false, "from everyone's devices, too")
	return c
}

// keepers says by which relays something is kept, and until when.
func keepers(all []api.Keeper) string {
	text := "by"
	for i, k := range all {
		if i > 0 {
			text += ","
		}
		text += " " + shortRelay(k.Relay)
		day := k.Until.Local().Format("2 Jan")
		if i == len(all)-1 || day != all[i+1].Until.Local().Format("2 Jan") {
			text += " until " + day
		}
	}
	return text
}

func newWhy() *cobra.Command {
	c := asking("why ID", "Tell where a message is, and why", `Why tells how far an own message came with each device that it goes to. Delivered is said by the
other device alone; kept by relays that signed for it.`, 1, 1, func(ctx context.Context, t *talk, args []string) error {
		call := api.GetMessage
		if t.bool("retry") {
			call = api.RetryMessage
		}
		m, err := call.Call(ctx, t.Client, t.about(args[0]))
		if err != nil {
			return err
		}
		return t.say(m, func(w io.Writer) {
			now := time.Now()
			printMessage(w, m, now)
			if !m.Own {
				fmt.Fprintln(w, "  it came to this device")
			}
			for _, d := range m.Deliveries {
				device := fmt.Sprintf("device %d", d.Device)
				if d.Device == 0 {
					device = "devices not known yet"
				}
				fmt.Fprintf(w, "  %-16s %-22s %s", "@"+line1(d.Name), device, d.State)
				if d.At != nil {
					fmt.Fprintf(w, " %s", when(*d.At, now))
				}
				if len(d.Kept) > 0 {
					lead := " "
					if d.State != "kept" {
						lead = "; kept "
					}
					fmt.Fprint(w, lead, keepers(d.Kept))
				}
				if d.Why != "" {
					fmt.Fprintf(w, ": %s", line1(d.Why))
				}
				if d.Next != nil {
					fmt.Fprintf(w, "; next try %s", d.Next.Local().Format("15:04:05"))
				}
				fmt.Fprintln(w)
			}
			if m.State == "failed" {
				fmt.Fprintf(w, "  try again:  linnet why --retry %s\n", short(m.ID))
			}
		})
	})
	c.Flags().Bool("retry", false, "try again what failed")
	return c
}

func newWatch() *cobra.Command {
	c := asking("watch", "Show what happens, as it happens", `Watch prints what happens until Ctrl-C; with --json one event a line, each with an ID to go on from.
Without --account it is for all accounts.`, 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		if t.account != "-" { // nothing would ever happen to one that there is none of
			if _, err := api.GetAccount.Call(ctx, t.Client, t.at()); err != nil {
				return err
			}
		}
		err := t.Watch(ctx, t.text("since"), t.account, func(e api.Event) error {
			return t.say(e, func(w io.Writer) { printEvent(w, &e, time.Now()) })
		})
		if errors.Is(err, context.Canceled) {
			return errInterrupted
		}
		return err
	})
	c.Flags().String("since", "", "go on after this event's ID")
	return c
}

func printEvent(w io.Writer, e *api.Event, now time.Time) {
	who := "@" + line1(e.Name)
	switch {
	case e.Type == "message" && e.Message != nil:
		fmt.Fprintf(w, "%-16s ", who)
		printMessage(w, e.Message, now)
	case e.Type == "delivery" && e.Message != nil:
		fmt.Fprintf(w, "%-16s %s  %s\n", who, short(e.Message.ID), state(e.Message))
	case e.Gone != "":
		fmt.Fprintf(w, "%-16s %s  is gone\n", who, short(e.Gone))
	case e.Contact != nil:
		fmt.Fprintf(w, "%-16s %s\n", who, e.Contact.State)
	case e.Type == "typing" && e.On:
		fmt.Fprintf(w, "%-16s writes…\n", who)
	case e.Type == "presence" && e.On:
		fmt.Fprintf(w, "%-16s is here\n", who)
	case e.Type == "presence":
		fmt.Fprintf(w, "%-16s left\n", who)
	case e.Type == "resync":
		fmt.Fprintln(w, "some events were missed")
	}
}
