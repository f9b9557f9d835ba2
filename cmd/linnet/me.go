package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/api"
)

func newInit() *cobra.Command {
	c := asking("init", "Make an account", `Init makes an account on this machine, beside those that there are, in the daemon that runs. No phone
number, no server: an account is a key. With --passphrase its store is locked by one, which is asked for.

With --words it has an account again from its 24 words, which are asked for, or read from standard input: without contacts
and history, which only a backup has (linnet backup restore). Its other devices are taken off it.`, 0, 0,
		func(ctx context.Context, t *talk, _ []string) error {
			var in api.InCreate
			in.Body.Display, in.Body.Name, in.Body.Keyring = t.text("name"), t.text("local"), t.bool("keyring")
			if t.bool("passphrase") || in.Body.Keyring {
				var err error
				if in.Body.Passphrase, err = t.newSecret(ctx, "Passphrase of the new account: "); err != nil {
					return err
				}
				if in.Body.Passphrase == "" {
					return &usageError{"an empty passphrase locks nothing; without --passphrase the key lies in a file that only you can read"}
				}
			}
			if t.bool("words") {
				var err error
				if in.Body.Words, err = t.words(ctx); err != nil {
					return err
				}
			}
			a, err := api.CreateAccount.Call(ctx, t.Client, in)
			if err != nil {
				return err
			}
			return t.say(a, func(w io.Writer) {
				printAccount(w, a)
				if in.Body.Words != "" {
					fmt.Fprintln(w, "\nYour contacts have to add you again, or you them: only a backup knows them.")
					return
				}
				fmt.Fprintf(w, "\nWrite down its 24 words:  linnet words --account %s\n", a.Name)
			})
		})
	c.Flags().String("name", "", "how contacts see you")
	c.Flags().String("local", "", "what it is called on this machine; empty: made from the name")
	c.Flags().Bool("passphrase", false, "lock the store by a passphrase")
	c.Flags().Bool("words", false, "have an account again from its 24 words")
	c.Flags().Bool("keyring", false, "keep the passphrase in the system's keyring, too, so that it opens with your session")
	return c
}

func printAccount(w io.Writer, a *api.Account) {
	fmt.Fprintf(w, "%s  %s", a.Name, a.State)
	if a.Display != "" {
		fmt.Fprintf(w, "  %q", a.Display)
	}
	if a.Problem != "" {
		fmt.Fprintf(w, ": %s", a.Problem)
	}
	fmt.Fprintln(w)
	if a.Address != "" {
		fmt.Fprintf(w, "  %s\n  %s\n", a.Address, thisDevice(a))
	}
}

// thisDevice says which device of the account this is. Numbers are names: there may be gaps.
func thisDevice(a *api.Account) string {
	if len(a.Devices) == 1 {
		return fmt.Sprintf("device %d, the only one", a.Device)
	}
	return fmt.Sprintf("device %d, one of %d", a.Device, len(a.Devices))
}

func newWhoami() *cobra.Command {
	c := asking("whoami", "Tell who you are here", "", 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		a, err := api.GetAccount.Call(ctx, t.Client, t.at())
		if err != nil {
			return err
		}
		return t.say(a, func(w io.Writer) {
			if t.bool("qr") {
				printQR(w, a.Address)
			}
			printAccount(w, a)
		})
	})
	c.Flags().Bool("qr", false, "show the address as a QR code")
	return c
}

func newAccount() *cobra.Command {
	c := asking("account", "List the accounts of this machine", "", 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		all, err := api.ListAccounts.Call(ctx, t.Client, api.InNone{})
		if err != nil {
			return err
		}
		return t.say(all, func(w io.Writer) {
			if len(all.Accounts) == 0 {
				fmt.Fprintln(w, "None yet:  linnet init --name NAME")
			}
			for i := range all.Accounts {
				printAccount(w, &all.Accounts[i])
			}
		})
	})
	unlock := asking("unlock", "Open an account that is locked", "Unlock asks for the passphrase, or reads it from standard input.", 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		in := api.InUnlock{InAccount: t.at()}
		var err error
		in.Body.Keyring = t.bool("keyring")
		if in.Body.Passphrase, err = t.secret(ctx, "Passphrase: "); err != nil {
			return err
		}
		a, err := api.Unlock.Call(ctx, t.Client, in)
		if err != nil {
			return err
		}
		return t.say(a, func(w io.Writer) { printAccount(w, a) })
	})
	unlock.Flags().Bool("keyring", false, "keep the passphrase in the system's keyring from now on")
	passphrase := asking("passphrase", "Change the passphrase of an account", `Passphrase asks for the old and the new one, or reads two lines of standard input. An empty new one
takes it away: then the key lies in a file of mode 0600.`, 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		in := api.InPassphrase{InAccount: t.at()}
		var err error
		if in.Body.Old, err = t.secret(ctx, "Old passphrase (empty if there is none): "); err != nil {
			return err
		}
		if in.Body.New, err = t.newSecret(ctx, "New passphrase (empty for none): "); err != nil {
			return err
		}
		done, err := api.SetPassphrase.Call(ctx, t.Client, in)
		if err != nil {
			return err
		}
		return t.say(done, func(w io.Writer) { fmt.Fprintln(w, "Changed.") })
	})
	c.AddCommand(unlock, passphrase)
	return c
}

func newProfile() *cobra.Command {
	c := asking("profile", "Say how contacts see you", "", 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		a, err := api.GetAccount.Call(ctx, t.Client, t.at())
		if err != nil {
			return err
		}
		name, about := t.flags.Flags().Changed("name"), t.flags.Flags().Changed("about")
		if name || about {
			in := api.InProfile{InAccount: t.at()}
			in.Body.Display, in.Body.About = a.Display, a.About
			if name {
				in.Body.Display = t.text("name")
			}
			if about {
				in.Body.About = t.text("about")
			}
			if a, err = api.SetProfile.Call(ctx, t.Client, in); err != nil {
				return err
			}
		}
		switch file := t.text("picture"); {
		case t.flags.Flags().Changed("picture") && file == "":
			a, err = api.DropPicture.Call(ctx, t.Client, t.at())
		case file != "":
			in := api.InPicture{InAccount: t.at()}
			if in.Body.Image, err = readPicture(file); err == nil {
				a, err = api.SetPicture.Call(ctx, t.Client, in)
			}
		}
		if err != nil {
			return err
		}
		if file := t.text("save-picture"); file != "" {
			p, err := api.GetPicture.Call(ctx, t.Client, t.at())
			if err != nil {
				return err
			}
			if err := os.WriteFile(file, p.Image, 0o600); err != nil {
				return fmt.Errorf("saving the picture: %w", err)
			}
		}
		return t.say(a, func(w io.Writer) {
			picture := "none"
			if a.Picture != "" {
				picture = a.Picture[:8]
			}
			fmt.Fprintf(w, "name     %s\nabout    %s\npicture  %s\n", line1(a.Display), line1(a.About), picture)
		})
	})
	c.Flags().String("name", "", "how contacts see you")
	c.Flags().String("about", "", "a line about you")
	c.Flags().String("picture", "", "JPEG, PNG or WebP whose middle contacts see; '' takes it away")
	c.Flags().String("save-picture", "", "write your picture to this file, a JPEG")
	return c
}

// readPicture reads a file of at most node.MaxPictureFile bytes.
func readPicture(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the picture: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, node.MaxPictureFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the picture: %w", err)
	case len(b) > node.MaxPictureFile:
		return nil, api.Explain(node.ErrPictureLarge)
	case len(b) < 4:
		return nil, api.Explain(node.ErrPicture)
	}
	return b, nil
}

func newWords() *cobra.Command {
	c := asking("words", "Show the 24 words of your account", `Words shows the 24 words from which your account can be had again. Write them on paper: who has them is
you. Once you have confirmed them, they are erased from this device.`, 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		got, err := api.GetWords.Call(ctx, t.Client, t.at())
		if err != nil {
			return err
		}
		return t.say(got, func(w io.Writer) {
			for i, word := range got.Words {
				end := "\n"
				if i%4 != 3 {
					end = ""
				}
				fmt.Fprintf(w, "%2d %-12s%s", i+1, word, end)
			}
			if t.toTerminal() { // a file of words holds nothing else
				fmt.Fprintln(w, "\nWrote them down?  linnet words confirm")
			}
		})
	})
	confirm := asking("confirm", "Show that you have the words, and erase them here", "Confirm asks for the words, or reads them from standard input.", 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		in := api.InConfirmWords{InAccount: t.at()}
		var err error
		if in.Body.Words, err = t.words(ctx); err != nil {
			return err
		}
		done, err := api.ConfirmWords.Call(ctx, t.Client, in)
		if err != nil {
			return err
		}
		return t.say(done, func(w io.Writer) { fmt.Fprintln(w, "Right. They are on your paper alone now.") })
	})
	c.AddCommand(confirm)
	return c
}

func newToken() *cobra.Command {
	c := asking("token", "List tokens, with which programs use the API", "", 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		all, err := api.ListTokens.Call(ctx, t.Client, api.InNone{})
		if err != nil {
			return err
		}
		return t.say(all, func(w io.Writer) {
			if len(all.Tokens) == 0 {
				fmt.Fprintln(w, "None.")
			}
			for _, k := range all.Tokens {
				fmt.Fprintf(w, "%s  %-16s %-6s %s %s\n", k.ID, line1(k.Name), k.Scope, k.Account, strings.Join(k.Chats, " "))
			}
		})
	})
	add := asking("new NAME", "Make a token", `New makes a token for a program, and shows it once. A bot gets no more than it needs: with --chat it sees
these conversations alone.`, 1, 1, func(ctx context.Context, t *talk, args []string) error {
		var in api.InMakeToken
		chats, err := t.flags.Flags().GetStringSlice("chat")
		if err != nil {
			return err
		}
		in.Body.Name, in.Body.Scope, in.Body.Chats, in.Body.Seconds = args[0], api.Scope(t.text("scope")), chats, int64(t.span("expires")/time.Second)
		if t.account != "-" || len(chats) > 0 {
			in.Body.Account = t.account
		}
		k, err := api.MakeToken.Call(ctx, t.Client, in)
		if err != nil {
			return err
		}
		return t.say(k, func(w io.Writer) { fmt.Fprintln(w, k.Secret) })
	})
	add.Flags().String("scope", "read", "read, send or admin")
	add.Flags().StringSlice("chat", nil, "only the conversation with this contact; may be given several times")
	add.Flags().Duration("expires", 0, "how long it works; 0 is until it is revoked")
	revoke := asking("revoke ID", "Take a token away", "", 1, 1, func(ctx context.Context, t *talk, args []string) error {
		done, err := api.DropToken.Call(ctx, t.Client, api.InToken{Token: args[0]})
		if err != nil {
			return err
		}
		return t.say(done, func(w io.Writer) { fmt.Fprintln(w, "It opens nothing any more.") })
	})
	c.AddCommand(add, revoke)
	return c
}

func printChecks(w io.Writer, all []api.Check) {
	for _, c := range all {
		fmt.Fprintf(w, "  %-5s %-9s %s", c.State, c.Name, c.Text)
		if c.Fix != "" && c.State != checkOK {
			fmt.Fprintf(w, "     fix: %s", c.Fix)
		}
		fmt.Fprintln(w)
	}
}

func failing(all []api.Check) bool {
	return slices.ContainsFunc(all, func(c api.Check) bool { return c.State == checkFail })
}

func newStatus() *cobra.Command {
	return asking("status", "Tell how it does, and what waits", "", 0, 0, func(ctx context.Context, t *talk, _ []string) error {
		s, err := api.GetStatus.Call(ctx, t.Client, api.InNone{})
		if err != nil {
			return err
		}
		return t.say(s, func(w io.Writer) { printStatus(w, s, time.Now()) })
	})
}

func printStatus(w io.Writer, s *api.Status, now time.Time) {
	fmt.Fprintf(w, "Linnet %s · up %s\n", s.Version, now.Sub(s.Since).Round(time.Second))
	printChecks(w, append(checkVersion(s.Version, readBuild().Version), s.Checks...))
	if len(s.Accounts) == 0 {
		fmt.Fprintln(w, "\nThere is no account yet:  linnet init --name NAME")
	}
	for i := range s.Accounts {
		a := &s.Accounts[i]
		name := line1(a.Display)
		if name == "" {
			name = a.Name
		}
		fmt.Fprintf(w, "\n%s", name)
		if a.Address != "" {
			fmt.Fprintf(w, " · %s…%s · %s", a.Address[:min(12, len(a.Address))], a.Address[max(0, len(a.Address)-3):], thisDevice(&a.Account))
		}
		fmt.Fprintln(w)
		printChecks(w, a.Checks)
		if a.Words {
			printChecks(w, []api.Check{wordsHere})
		}
		for j, x := range a.Waiting {
			if j == 0 {
				fmt.Fprintln(w, "Waiting")
			}
			fmt.Fprintf(w, "  %-14s %s\n", "@"+line1(x.Name), waits(&x))
		}
		for j, c := range a.Awake {
			if j == 0 {
				fmt.Fprintln(w, "Awake now")
			}
			fmt.Fprintf(w, "  @%s\n", line1(c.Name))
		}
	}
	if s.Listen != "" {
		fmt.Fprintf(w, "\nFor programs with a token: http://%s\n", s.Listen)
	}
}

// waits says where what waits for a device is, and why.
func waits(x *api.Waiting) string {
	var text string
	switch {
	case x.Kept >= x.Messages && len(x.Keepers) > 0:
		text = "kept " + keepers(x.Keepers)
	case x.Kept >= x.Messages:
		text = "kept by relays"
	default:
		text = "queued"
		if x.Kept > 0 {
			text += ", and in part kept by relays"
		}
		if x.Why == "" {
			text += ": on its way"
		} else {
			text += ": " + line1(x.Why)
		}
		if x.Next != nil && x.Why != "" {
			text += "; next try " + x.Next.Local().Format("15:04:05")
		}
	}
	if x.First == "" {
		return text + " (nothing that you said)"
	}
	return text + "     linnet why " + short(x.First)
}

// errUnwell says that doctor found something that does not work.
var errUnwell = errors.New("something is wrong; see above")

func newDoctor() *cobra.Command {
	c := asking("doctor", "Look at everything, and say what to do", `Doctor looks at everything, and says what is wrong and what to do. With --bundle it prints a report that may
be shown to strangers: no names, keys or addresses are in it. It exits with 1 if something does not work.`, 0, 0,
		func(ctx context.Context, t *talk, _ []string) error {
			r, err := api.GetDoctor.Call(ctx, t.Client, api.InDoctor{Report: t.bool("bundle")})
			if noDaemon(err) && !t.bool("bundle") {
				p, perr := findPaths()
				if perr != nil {
					return perr
				}
				alone, aerr := doctorAlone(p)
				r, err = &alone, aerr
			}
			if err != nil {
				return err
			}
			running := r.Facts["version"]
			if s, err := api.GetStatus.Call(ctx, t.Client, api.InNone{}); running == "" && err == nil {
				running = s.Version
			}
			if running != "" {
				for _, c := range checkVersion(running, readBuild().Version) {
					if t.bool("bundle") {
						c.Text, c.Fix = redact(c.Text), redact(c.Fix)
					}
					r.Checks = append(r.Checks, c)
				}
			}
			bad := failing(r.Checks)
			for _, checks := range r.Accounts {
				bad = bad || failing(checks)
			}
			err = t.say(r, func(w io.Writer) {
				printChecks(w, r.Checks)
				for _, name := range slices.Sorted(maps.Keys(r.Accounts)) {
					fmt.Fprintln(w, name)
					printChecks(w, r.Accounts[name])
				}
				for _, name := range slices.Sorted(maps.Keys(r.Facts)) {
					fmt.Fprintf(w, "%s: %s\n", name, r.Facts[name])
				}
				for _, text := range r.Log {
					fmt.Fprintln(w, text)
				}
			})
			if err == nil && bad {
				return errUnwell
			}
			return err
		})
	c.Flags().Bool("bundle", false, "print a report that may be shown to strangers")
	return c
}
