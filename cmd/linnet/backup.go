package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/api"
)

func newBackup() *cobra.Command {
	c := &cobra.Command{
		Use:   "backup",
		Short: "Keep contacts and history for a day on which this device is gone",
		Long: `Backup makes, checks and restores backups: files of the age format (age-encryption.org), each with the contacts and the
history of one account. They hold no key with which anybody could speak for you: to restore one takes your 24 words, too.`,
		Args: func(*cobra.Command, []string) error {
			return &usageError{"it is: linnet backup create FILE, verify FILE or restore FILE; linnet backup --help has more"}
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	c.AddCommand(newBackupCreate(), newBackupVerify(), newBackupRestore())
	return c
}

// takingPassphrase gives a verb the ways to give a passphrase that is none of its arguments.
func takingPassphrase(c *cobra.Command) {
	c.Flags().String("passphrase-file", "", "the passphrase is the first line of this file")
	c.Flags().Int("passphrase-fd", -1, "the passphrase is the first line of this file descriptor")
}

// passphrase reads that of a backup: as the flags say, else it asks for it, or reads a line of standard input.
func (t *talk) passphrase(ctx context.Context, ask func(context.Context, string) (string, error), question string) (string, error) {
	path, fd := t.text("passphrase-file"), t.int("passphrase-fd")
	var in io.Reader
	switch {
	case path != "" && t.flags.Flags().Changed("passphrase-fd"):
		return "", &usageError{"--passphrase-file and --passphrase-fd do not go together"}
	case path != "":
		f, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("reading the passphrase: %w", err)
		}
		defer f.Close()
		in = f
	case t.flags.Flags().Changed("passphrase-fd"):
		f := os.NewFile(uintptr(fd), "passphrase")
		if fd < 0 || f == nil {
			return "", &usageError{fmt.Sprintf("there is no file descriptor %d", fd)}
		}
		defer f.Close()
		in = f
	default:
		return ask(ctx, question)
	}
	line, err := bufio.NewReader(io.LimitReader(in, maxInput)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the passphrase: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// errNoPassphrase is about an empty one.
var errNoPassphrase = &usageError{"a backup without a passphrase would be open to everybody; --recipient does without one"}

func newBackupCreate() *cobra.Command {
	c := asking("create FILE|-", "Make a backup", `Create writes a backup of the account to a new file; - is standard output. It opens by a passphrase, which is asked for or
read from standard input, or by the private half of a --recipient. The daemon goes on meanwhile.

Not in it are keys, and messages that were deleted or disappear within a day. To restore it takes your 24 words, too.`, 1, 1,
		func(ctx context.Context, t *talk, args []string) error {
			in := api.InMakeBackup{InAccount: t.at()}
			if _, err := api.GetLastBackup.Call(ctx, t.Client, t.at()); err != nil { // before anything is asked
				return err
			}
			out := t.out
			var file *newFile
			if args[0] == "-" {
				if t.toTerminal() {
					return &usageError{"a backup is not for a terminal; give a file, or a pipe"}
				}
			} else {
				var err error
				if file, err = createFile(args[0]); err != nil {
					return err
				}
				out = file
			}
			made, bytes, err := t.makeBackup(ctx, in, out)
			if file != nil {
				if err == nil {
					err = file.keep()
				} else {
					err = errors.Join(err, file.drop())
				}
			}
			if err != nil {
				return err
			}
			note := api.InNoteBackup{InAccount: t.at()}
			note.Body.Made = made.Made
			if _, err := api.NoteBackup.Call(ctx, t.Client, note); err != nil {
				return fmt.Errorf("the backup is whole, but its date was not kept: %w", err)
			}
			if file == nil { // what is said must not be in it
				t.out = t.flags.ErrOrStderr()
			}
			return t.say(&struct {
				*api.Backup
				File  string `json:"file"`
				Bytes int64  `json:"bytes"`
			}{made, args[0], bytes}, func(w io.Writer) {
				fmt.Fprintf(w, "%s  %s\n", line1(args[0]), inBytes(uint64(bytes)))
				printBackup(w, made)
				fmt.Fprintf(w, "\nCheck it now and then:  linnet backup verify %s\n", line1(args[0]))
				fmt.Fprintln(w, "To restore it takes your 24 words, too:  linnet words")
			})
		})
	takingPassphrase(c)
	c.Flags().StringArray("recipient", nil, "who can open it, as age has them: age1…; may be given several times")
	return c
}

// makeBackup has a backup made, for a passphrase or recipients.
func (t *talk) makeBackup(ctx context.Context, in api.InMakeBackup, out io.Writer) (*api.Backup, int64, error) {
	recipients, err := t.flags.Flags().GetStringArray("recipient")
	if err != nil {
		return nil, 0, err
	}
	if in.Body.Recipients = recipients; len(recipients) == 0 {
		if in.Body.Passphrase, err = t.passphrase(ctx, t.newSecret, "Passphrase of the backup: "); err != nil {
			return nil, 0, err
		}
		if in.Body.Passphrase == "" {
			return nil, 0, errNoPassphrase
		}
	} else if t.flags.Flags().Changed("passphrase-file") || t.flags.Flags().Changed("passphrase-fd") {
		return nil, 0, &usageError{"a backup opens by a passphrase or by recipients, not by both"}
	}
	p := t.progress("written")
	defer p.end()
	made, err := t.MakeBackup(ctx, in, io.MultiWriter(out, p))
	if ctx.Err() != nil {
		err = errInterrupted
	}
	return made, p.bytes, err
}

func newBackupVerify() *cobra.Command {
	c := asking("verify FILE|-", "Read a backup to its end, and say what is in it", `Verify tells whether a backup opens, and is whole. It restores nothing, and needs no daemon. The passphrase is asked for, or
read from standard input; - reads the backup from there.`, 1, 1,
		func(ctx context.Context, t *talk, args []string) error {
			file, size, err := t.openBackup(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			in, key, err := t.keyOf(ctx, file, args[0])
			if err != nil {
				return err
			}
			p := t.progress("of " + size)
			got, err := node.VerifyBackup(ctx, io.TeeReader(in, p), key)
			p.end()
			if ctx.Err() != nil {
				return errInterrupted
			}
			if err != nil {
				return api.Explain(err)
			}
			b := api.ViewBackup(&got)
			return t.say(b, func(w io.Writer) {
				fmt.Fprintln(w, "It opens, and is whole.")
				printBackup(w, &b)
			})
		})
	takingPassphrase(c)
	c.Flags().String("identity", "", "it opens by the private keys in this file, as age-keygen makes it")
	return c
}

// openBackup opens a file, or standard input, and tells how large it is, for people.
func (t *talk) openBackup(path string) (io.ReadCloser, string, error) {
	if path == "-" {
		if isTerminal(t.in) {
			return nil, "", &usageError{"a backup does not come from a terminal; give a file, or a pipe"}
		}
		if t.text("passphrase-file") == "" && t.text("identity") == "" && !t.flags.Flags().Changed("passphrase-fd") {
			return nil, "", &usageError{"standard input is the backup: give the passphrase by --passphrase-file or --passphrase-fd"}
		}
		return io.NopCloser(t.in), "?", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("opening the backup: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &usageError{fmt.Sprintf("%s is a folder", path)}
	}
	if err != nil {
		return nil, "", errors.Join(err, f.Close())
	}
	return f, inBytes(uint64(max(info.Size(), 0))), nil
}

// maxIdentities is how many bytes a file of identities may have.
const maxIdentities = 64 << 10

// keyOf returns what opens a backup, which it asks for if need be, and all of the backup to be read.
func (t *talk) keyOf(ctx context.Context, file io.Reader, path string) (io.Reader, node.BackupKey, error) {
	head := make([]byte, 64)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, node.BackupKey{}, fmt.Errorf("reading the backup: %w", err)
	}
	all := io.MultiReader(bytes.NewReader(head[:n]), file)
	identity := t.text("identity")
	switch takes := node.BackupTakesPassphrase(head[:n]); {
	case !bytes.HasPrefix(head[:n], []byte("age-encryption.org/")):
		return nil, node.BackupKey{}, api.Explain(node.ErrBackup)
	case takes && identity != "":
		return nil, node.BackupKey{}, &usageError{fmt.Sprintf("%s opens by a passphrase, and by no --identity", path)}
	case takes:
		key, err := t.passphrase(ctx, t.secret, "Passphrase of the backup: ")
		if err == nil && key == "" {
			err = &usageError{"the passphrase is empty"}
		}
		return all, node.BackupKey{Passphrase: key}, err
	case identity == "":
		return nil, node.BackupKey{}, &usageError{fmt.Sprintf("%s opens by no passphrase; give the file with the private key: --identity FILE", path)}
	}
	f, err := os.Open(identity)
	if err != nil {
		return nil, node.BackupKey{}, fmt.Errorf("reading the identity: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxIdentities))
	if err != nil {
		return nil, node.BackupKey{}, fmt.Errorf("reading the identity: %w", err)
	}
	return all, node.BackupKey{Identities: string(b)}, nil
}

func newBackupRestore() *cobra.Command {
	c := asking("restore FILE", "Have an account again from a backup", `Restore makes this machine a new device of the account that a backup is of, with its contacts, its history and what was not
delivered. The passphrase of the backup and your 24 words are asked for, or read from standard input, the words last.
The devices of before are taken off the account, and your contacts are told so: messages go on with the new one.

Nothing is made of a backup that does not open, or is not whole. Messages younger than it are not in it.`, 1, 1,
		func(ctx context.Context, t *talk, args []string) error {
			if args[0] == "-" {
				return &usageError{"a backup is restored from a file: standard input is for the words"}
			}
			file, size, err := t.openBackup(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			if _, err := api.ListAccounts.Call(ctx, t.Client, api.InNone{}); err != nil { // before anything is asked
				return err
			}
			in, key, err := t.keyOf(ctx, file, args[0])
			if err != nil {
				return err
			}
			if seeker, ok := file.(io.Seeker); ok && isTerminal(t.in) { // nobody types 24 words for a file that does not open
				if in, err = t.look(ctx, seeker, in, file, key, size); err != nil {
					return err
				}
			}
			head := api.RestoreHead{Passphrase: key.Passphrase, Identities: key.Identities, Name: t.text("local"), Keyring: t.bool("keyring")}
			if t.bool("lock") || head.Keyring {
				if head.Lock, err = t.newSecret(ctx, "Passphrase of the account's new store: "); err != nil {
					return err
				}
				if head.Lock == "" {
					return &usageError{"an empty passphrase locks nothing; without --lock the key lies in a file that only you can read"}
				}
			}
			if head.Words, err = t.words(ctx); err != nil {
				return err
			}
			p := t.progress("of " + size)
			got, err := t.Restore(ctx, head, io.TeeReader(in, p))
			p.end()
			if ctx.Err() != nil {
				return errInterrupted
			}
			if err != nil {
				return err
			}
			return t.say(got, func(w io.Writer) {
				printAccount(w, &got.Account)
				printBackup(w, &got.Backup)
				fmt.Fprintln(w, "\nThis is the only device of the account now. Your contacts are told, and messages go on here.")
			})
		})
	takingPassphrase(c)
	c.Flags().String("identity", "", "it opens by the private keys in this file, as age-keygen makes it")
	c.Flags().String("local", "", "what the account is called on this machine; empty: made from its name")
	c.Flags().Bool("lock", false, "lock the new store by a passphrase, which is asked for before the words")
	c.Flags().Bool("keyring", false, "keep that passphrase in the system's keyring, too")
	return c
}

// look reads a backup to its end, says what is in it, and returns it to be read again.
func (t *talk) look(ctx context.Context, seeker io.Seeker, in, file io.Reader, key node.BackupKey, size string) (io.Reader, error) {
	p := t.progress("looked at, of " + size)
	got, err := node.VerifyBackup(ctx, io.TeeReader(in, p), key)
	p.end()
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	if err != nil {
		return nil, api.Explain(err)
	}
	b := api.ViewBackup(&got)
	fmt.Fprintln(t.flags.ErrOrStderr(), "It opens, and is whole.")
	printBackup(t.flags.ErrOrStderr(), &b)
	if _, err := seeker.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the backup again: %w", err)
	}
	return file, nil
}

func printBackup(w io.Writer, b *api.Backup) {
	fmt.Fprintf(w, "  of %s, made %s by device %d\n", line1(b.Name), b.Made.Local().Format("2 Jan 2006 15:04"), b.Device)
	fmt.Fprintf(w, "  %s, %s", counted(b.Contacts, "contact"), counted(b.Messages, "message"))
	if b.Waiting > 0 {
		fmt.Fprintf(w, ", %d waiting to be delivered", b.Waiting)
	}
	fmt.Fprintln(w)
	if b.Damaged > 0 {
		fmt.Fprintf(w, "  warn: %s could not be read when it was made, and not in it\n", counted(int(b.Damaged), "damaged record"))
	}
}

// progress counts bytes, and shows on a terminal how many they are.
type progress struct {
	to    io.Writer // nil: nobody looks
	what  string
	bytes int64
	shown time.Time
}

func (t *talk) progress(what string) *progress {
	p := &progress{what: what}
	if f, ok := t.flags.ErrOrStderr().(*os.File); ok && term.IsTerminal(int(f.Fd())) && !t.json {
		p.to = f
	}
	return p
}

// Write is an io.Writer's. It keeps nothing.
func (p *progress) Write(b []byte) (int, error) {
	p.bytes += int64(len(b))
	if now := time.Now(); p.to != nil && now.Sub(p.shown) > 200*time.Millisecond {
		p.shown = now
		fmt.Fprintf(p.to, "\r%s %s  ", inBytes(uint64(p.bytes)), p.what)
	}
	return len(b), nil
}

// end takes away what was shown.
func (p *progress) end() {
	if p.to != nil && !p.shown.IsZero() {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
