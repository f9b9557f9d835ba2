package nodetest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/node"
)

const opens = "correct horse battery staple"

func texts(t *testing.T, p *Person, with node.Account) (out []string) {
	t.Helper()
	lines, err := p.Lines(with)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		text := lines[i].Text
		if lines[i].Deleted {
			text = "(deleted)"
		}
		for _, r := range lines[i].Reactions {
			text += " " + r.Text
		}
		out = append(out, text)
	}
	return out
}

// scene is a world in which things are to go well.
type scene struct {
	*testing.T
	*World
	ctx context.Context //nolint:containedctx // of a test
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t, New(1, 4), t.Context()}
	if os.Getenv("NODETEST_LOG") != "" {
		s.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return s
}

func (s *scene) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) person(name string) *Person {
	s.Helper()
	p, err := s.Add(s.ctx, name)
	s.check(err)
	return p
}

func (s *scene) say(from *Person, to node.Account, text string) node.Ref {
	s.Helper()
	ref, err := from.Node.Send(s.ctx, to, text, node.Ref{})
	s.check(err)
	time.Sleep(time.Second) // so that the order is what it looks like
	return ref
}

func (s *scene) until(what string, within time.Duration, is func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, within)
	defer cancel()
	if err := s.Until(ctx, is); err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

func (s *scene) has(p *Person, with node.Account, text string) {
	s.Helper()
	s.until(p.Name+" has "+text, 4*time.Hour, func() bool { return slices.Contains(texts(s.T, p, with), text) })
}

func (s *scene) backup(p *Person) []byte {
	s.Helper()
	var file bytes.Buffer
	_, err := p.Node.Backup(s.ctx, &file, node.BackupLock{Passphrase: opens, Work: 1})
	s.check(err)
	return file.Bytes()
}

// A device is lost, and its account goes on from a backup on another: history is there, what others say arrives, what
// waited arrives once, and the lost device learns that it is off the account.
func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		ada, ben, cleo, dan, eve := s.person("Ada"), s.person("Ben"), s.person("Cleo"), s.person("Dan"), s.person("Eve")
		for _, p := range []*Person{ben, cleo, dan, eve} {
			s.check(s.Befriend(s.ctx, ada, p))
		}
		me, toBen, toCleo, toDan, toEve := ada.Node.Account(), ben.Node.Account(), cleo.Node.Account(), dan.Node.Account(), eve.Node.Account()
		s.check(ada.Node.SetAlias(s.ctx, toBen, "Benny"))
		s.check(ada.Node.SetVerified(s.ctx, toBen, true))
		s.check(ada.Node.Block(s.ctx, toEve))

		first := s.say(ada, toBen, "hello, Ben")
		s.say(ben, me, "hello, Ada")
		taken := s.say(ben, me, "not for ever")
		s.has(ada, toBen, "not for ever")
		s.check(ben.Node.Delete(s.ctx, me, taken.ID))
		s.has(ada, toBen, "(deleted)")
		s.check(ada.Node.Edit(s.ctx, toBen, first.ID, "hello, dear Ben"))
		s.check(ben.Node.React(s.ctx, me, first, "👍"))
		s.has(ada, toBen, "hello, dear Ben 👍")
		s.until("it is delivered", time.Minute, func() bool {
			m, err := ada.Node.Message(toBen, first)
			return err == nil && m.State() == node.Delivered
		})
		s.check(cleo.Stop())
		s.check(dan.Stop())
		s.say(ada, toCleo, "waits for Cleo")
		edited := s.say(ada, toDan, "waits for Dan")
		s.check(ada.Node.Edit(s.ctx, toDan, edited.ID, "waits for Dan, too"))
		back := s.say(ada, toDan, "never mind")
		s.check(ada.Node.Delete(s.ctx, toDan, back.ID))
		words, err := ada.Node.Words()
		s.check(err)
		old := ada.Node.Address()
		file := s.backup(ada)
		want := make(map[node.Account][]string)
		for _, a := range []node.Account{toBen, toCleo, toDan} {
			want[a] = texts(t, ada, a)
		}

		// Cleo gets it from the old device yet, which then is lost.
		s.check(cleo.Start(s.ctx))
		s.has(cleo, me, "waits for Cleo")
		s.check(ada.Stop())
		s.say(ben, me, "are you there?")

		if _, err := s.Restore(s.ctx, "Wrong", bytes.NewReader(file), node.BackupKey{Passphrase: "wrong"}, strings.Join(words, " ")); !errors.Is(err, node.ErrBackupKey) {
			t.Errorf("a wrong passphrase: %v", err)
		}
		other, err := ben.Node.Words()
		s.check(err)
		if _, err := s.Restore(s.ctx, "Wrong", bytes.NewReader(file), node.BackupKey{Passphrase: opens}, strings.Join(other, " ")); !errors.Is(err, node.ErrWrongWords) {
			t.Errorf("words of another: %v", err)
		}
		again, err := s.Restore(s.ctx, "Ada again", bytes.NewReader(file), node.BackupKey{Passphrase: opens}, strings.Join(words, " "))
		s.check(err)
		if again.Node.Account() != me || again.Node.Device() == ada.Node.Device() || len(again.Node.Devices()) != 1 || again.Node.Address() == old {
			t.Errorf("device %d of %v, address changed: %v", again.Node.Device(), again.Node.Devices(), again.Node.Address() != old)
		}
		if name, _ := again.Node.Name(); name != "Ada" {
			t.Errorf("it is called %q", name)
		}
		if made, ok := again.Node.LastBackup(); !ok || time.Since(made) > time.Hour {
			t.Errorf("the last backup was %v, %v", made, ok)
		}
		for a, lines := range want {
			if got := texts(t, again, a); !slices.Equal(got[:min(len(got), len(lines))], lines) {
				t.Errorf("history: %q, want %q", got, lines)
			}
		}
		if m, err := again.Node.Message(toBen, first); err != nil || m.State() != node.Delivered {
			t.Errorf("what was delivered: %v, %v", m.State(), err)
		}
		c, err := again.Node.Contact(toBen)
		if s.check(err); c.Alias != "Benny" || !c.Verified || c.State != node.Accepted {
			t.Errorf("Ben is %+v", c)
		}
		if got := again.Knows(eve); got != node.Blocked {
			t.Errorf("Eve is %v", got)
		}

		// Ben hears of it, and both go on.
		s.has(again, toBen, "are you there?")
		s.until("Ben has the new address", time.Hour, func() bool {
			c, err := ben.Node.Contact(me)
			return err == nil && c.Address == again.Node.Address() && slices.Equal(c.Devices, []uint8{again.Node.Device()})
		})
		s.say(again, toBen, "here I am")
		s.has(ben, me, "here I am")
		s.say(ben, me, "good")
		s.has(again, toBen, "good")

		// What waited arrives once.
		s.check(dan.Start(s.ctx))
		s.has(dan, me, "waits for Dan, too")
		s.until("nothing waits", 4*time.Hour, func() bool { return again.Node.Stats().Waiting == 0 })
		s.until("Dan is told what was taken back", time.Hour, func() bool {
			return slices.Equal(texts(t, dan, me), []string{"waits for Dan, too"}) || slices.Equal(texts(t, dan, me), []string{"waits for Dan, too", "(deleted)"})
		})
		if got := texts(t, cleo, me); !slices.Equal(got, []string{"waits for Cleo"}) {
			t.Errorf("Cleo has %q", got)
		}
		s.say(dan, me, "hello from Dan")
		s.has(again, toDan, "hello from Dan")
		s.say(cleo, me, "hello from Cleo")
		s.has(again, toCleo, "hello from Cleo")

		// The lost device is found again, and learns what it is.
		s.check(ada.Start(s.ctx))
		lost := s.say(ada, toBen, "from the grave")
		s.until("it is told", 2*time.Hour, func() bool {
			_, err := ada.Node.Send(s.ctx, toBen, "once more", node.Ref{})
			return errors.Is(err, node.ErrRevoked)
		})
		s.until("it fails", time.Hour, func() bool {
			m, err := ada.Node.Message(toBen, lost)
			return err == nil && m.State() == node.Failed
		})
		if got := texts(t, ben, me); slices.Contains(got, "from the grave") || slices.Contains(got, "once more") {
			t.Errorf("Ben has %q", got)
		}
		s.say(ben, me, "still you")
		s.has(again, toBen, "still you")
		s.check(s.Close())
	})
}

// Who has nothing but the words gets the account, and those who know it find it where it was.
func TestRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		ada, ben := s.person("Ada"), s.person("Ben")
		s.check(s.Befriend(s.ctx, ada, ben))
		me := ada.Node.Account()
		s.say(ada, ben.Node.Account(), "hello")
		s.has(ben, me, "hello")
		words, err := ada.Node.Words()
		s.check(err)
		s.check(ada.Stop())
		s.say(ben, me, "are you there?")
		if _, err := s.Recover(s.ctx, "Nobody", "abandon"); err == nil {
			t.Error("one word is enough")
		}
		again, err := s.Recover(s.ctx, "Ada again", strings.Join(words, " "))
		s.check(err)
		if again.Node.Account() != me {
			t.Error("it is another account")
		}
		s.has(again, ben.Node.Account(), "are you there?")
		s.check(again.Node.Accept(s.ctx, ben.Node.Account()))
		s.say(again, ben.Node.Account(), "here I am")
		s.has(ben, me, "here I am")
		s.check(ada.Start(s.ctx))
		s.until("the old device is told", 8*time.Hour, func() bool {
			_, err := ada.Node.Send(s.ctx, ben.Node.Account(), "from the grave", node.Ref{})
			return errors.Is(err, node.ErrRevoked)
		})
		s.check(s.Close())
	})
}
