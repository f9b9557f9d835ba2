package node

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// Stores of releases, as their programs left them: testdata/storeN.zip holds the folders of two people who know each
// other, and storeN.txt what is in them. They are never made anew: whoever has such a store must be able to read it with
// every Linnet to come. What the next release writes goes beside them, under the next number:
//
//	go test ./node -run TestGoldenStore -golden 2
var golden = flag.Int("golden", 0, "make the golden store of this number, which must not be there yet")

// goldenPassphrase is Ben's; Ada has none.
const goldenPassphrase = "correct horse battery staple"

// goldenMost is how many bytes an archive may have.
const goldenMost = 150 << 10

// goldenDay is when the stores were made.
var goldenDay = time.Date(2027, 1, 15, 9, 0, 0, 0, time.UTC)

func goldenVaults(root string) (ada, ben vault.Config) {
	return vault.Config{Folder: filepath.Join(root, "ada"), Mobile: true},
		vault.Config{Folder: filepath.Join(root, "ben"), Mobile: true, Passphrase: []byte(goldenPassphrase)}
}

// TestGoldenStore reads the stores of all releases, and has the two go on with the sessions and the post in them.
func TestGoldenStore(t *testing.T) {
	if *golden > 0 {
		makeGolden(t, fmt.Sprintf("testdata/store%d", *golden))
	}
	all, err := filepath.Glob("testdata/store*.zip")
	if err != nil || len(all) == 0 {
		t.Fatal("there are no stores: ", err)
	}
	for _, path := range all {
		t.Run(filepath.Base(path), func(t *testing.T) {
			root := t.TempDir()
			unpack(t, path, root)
			want, err := os.ReadFile(strings.TrimSuffix(path, ".zip") + ".txt")
			check(t, err)
			if diff := cmp.Diff(string(want), readGolden(t, root)); diff != "" {
				t.Errorf("what is read is not what was written:\n%s", diff)
			}
			goOn(t, root)
		})
	}
}

// goOn runs both nodes a day later: the post that waits arrives, in the session that there is, and so does an answer.
func goOn(t *testing.T, root string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(goldenDay.Add(24 * time.Hour)))
		network := p2ptest.New(1)
		t.Cleanup(network.Close)
		a, b := goldenVaults(root)
		ada, ben := start(t, network, "", a), start(t, network, "", b)
		check(t, ada.host.Join(t.Context(), ben.host.Key(), ben.host.Addrs()))
		for range 24 * 60 {
			if ada.Stats().Waiting+ben.Stats().Waiting == 0 {
				break
			}
			time.Sleep(time.Minute)
		}
		if w := append(ada.Waiting(), ben.Waiting()...); len(w) > 0 {
			t.Fatalf("after a day, %+v", w)
		}
		ref, err := ben.Send(t.Context(), ada.Account(), "after all these years", Ref{})
		check(t, err)
		until(t, func() bool { _, err := ada.Message(ben.Account(), ref); return err == nil })
		got, err := ben.Newest(ada.Account(), 2)
		check(t, err)
		if len(got) != 2 || got[1].Text != "this waits for you" {
			t.Errorf("Ben has %+v", got)
		}
		for _, p := range []*person{ada, ben} {
			if s := p.Stats(); s.Resets+s.Unreadable > 0 {
				t.Errorf("the session did not go on: %+v", s)
			}
		}
	})
}

// readGolden writes down what is in the vaults of both.
func readGolden(t *testing.T, root string) string {
	t.Helper()
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(goldenDay.Add(12 * time.Hour)))
		network := p2ptest.New(1)
		defer network.Close()
		a, b := goldenVaults(root)
		for _, c := range []vault.Config{a, b} {
			v, err := vault.Open(c)
			check(t, err)
			check(t, v.Scrub(t.Context()))
			if s := v.Stats(); s.Damaged+s.Lost > 0 {
				t.Errorf("%+v, %v", s, v.Damaged())
			}
			tell(t, &out, asleep(t, network, v))
			check(t, v.Close())
		}
	})
	return out.String()
}

// tell writes down what a node has, by what its callers can ask for.
func tell(t *testing.T, out io.Writer, n *Node) {
	t.Helper()
	s := n.currentSelf()
	words, err := n.Words()
	check(t, err)
	fmt.Fprintf(out, "%s, device %d: %s, %q, %q\n", n.Account(), n.Device(), n.Address(), s.Name, s.About)
	fmt.Fprintf(out, "  %d words: %x\n", len(words), sha256.Sum256([]byte(strings.Join(words, " "))))
	invites, err := n.Invites()
	check(t, err)
	for _, i := range invites {
		i.Peers = nil // where the node is now, which the store does not say
		fmt.Fprintf(out, "  invite %s\n", i.String())
	}
	for _, c := range n.Contacts() {
		fmt.Fprintf(out, "  %s %s: %q, %q, alias %q, verified %v, devices %v, since %s\n",
			c.State, c.Account, c.Name, c.About, c.Alias, c.Verified, c.Devices, stampOf(c.Since))
		if c.State == Accepted {
			number, err := n.SafetyNumber(c.Account)
			check(t, err)
			fmt.Fprintf(out, "    safety number %s\n", number)
		}
		lines, err := n.Newest(c.Account, 100)
		check(t, err)
		for i := range lines {
			tellLine(out, &lines[i])
		}
	}
	for _, w := range n.Waiting() {
		fmt.Fprintf(out, "  %d wait for %s, device %d\n", w.Posts, w.Account, w.Device)
	}
	newer := 0
	check(t, n.config.Vault.Each(vault.Setting, []byte{'n'}, func(_, _ []byte) error { newer++; return nil }))
	fmt.Fprintf(out, "  %d need a newer Linnet\n", newer)
	for _, text := range []string{"naïve", "NAÏVE", "nowhere"} {
		found := 0
		check(t, n.Search(t.Context(), text, Account{}, func(chat.ConversationID, Message) bool { found++; return true }))
		fmt.Fprintf(out, "  %q is found %d times\n", text, found)
	}
}

func tellLine(out io.Writer, m *Message) {
	text := m.Text
	if len(text) > 80 {
		text = fmt.Sprintf("%s… (%d bytes, %x)", text[:20], len(text), sha256.Sum256([]byte(text)))
	}
	fmt.Fprintf(out, "    %s kind %d by %s, device %d: %q", stampOf(m.Sent), m.Kind, m.Ref.Author, m.Device, text)
	if m.Deleted {
		fmt.Fprint(out, ", deleted")
	}
	if m.Edited {
		fmt.Fprint(out, ", edited")
	}
	if m.ViewOnce {
		fmt.Fprintf(out, ", once (hidden %v)", m.Hidden)
	}
	if m.ReplyTo != nil {
		fmt.Fprintf(out, ", to %s", m.ReplyTo.ID)
	}
	if m.Contact != nil {
		fmt.Fprintf(out, ", card of %q", m.Contact.Name)
	}
	if m.Timer != nil {
		fmt.Fprintf(out, ", for %s", m.Timer.Duration())
	}
	for _, a := range m.Attachments {
		fmt.Fprintf(out, ", %s %q of %d bytes (%x…)", a.Type, a.Name, a.Size, a.Hash[:4])
	}
	for _, r := range m.Reactions {
		fmt.Fprintf(out, ", %s by %s", r.Text, r.Account)
	}
	fmt.Fprintln(out)
	for _, w := range m.Deliveries {
		fmt.Fprintf(out, "      %s at device %d of %s %s\n", w.State, w.Device, w.Account, stampOf(w.At))
	}
}

func stampOf(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// makeGolden has people live a day, and packs what two of them have then.
func makeGolden(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path + ".zip"); err == nil {
		t.Fatalf("%s.zip is there: a store that was released is never made anew", path)
	}
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(goldenDay))
		liveADay(t, root)
	})
	a, b := goldenVaults(root)
	for i := range 4 { // old versions go once there is another table to compact with, and another log to write to
		for _, c := range []vault.Config{a, b} {
			v, err := vault.Open(c)
			check(t, err)
			check(t, v.Renew(goldenDay.Add(-time.Duration(i)*time.Second))) // set back, so that it does not wait for a day
			check(t, v.Close())
			v, err = vault.Open(c)
			check(t, err)
			check(t, v.Tidy(t.Context()))
			check(t, v.Close())
		}
	}
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	pack(t, root, path+".zip")
	check(t, os.WriteFile(path+".txt", []byte(readGolden(t, root)), 0o644))
}

func liveADay(t *testing.T, root string) {
	t.Helper()
	network := p2ptest.New(1)
	t.Cleanup(network.Close)
	a, b := goldenVaults(root)
	ctx := t.Context()
	ada, ben := start(t, network, "Ada", a), start(t, network, "Ben", b)
	cleo, dan := start(t, network, "Cleo", vault.Config{}), start(t, network, "Dan", vault.Config{})
	check(t, ada.SetProfile(ctx, "Ada", "Countess of Lovelace"))
	friends(t, ada, ben)
	asks(t, cleo, ada) // and is not answered
	asks(t, dan, ada)
	check(t, ada.Block(ctx, dan.Account()))
	check(t, ada.SetAlias(ctx, ben.Account(), "Benny"))
	check(t, ada.SetVerified(ctx, ben.Account(), true))
	_, err := ada.Invite(ctx, 300*24*time.Hour, true)
	check(t, err)

	say := func(from, to *person, fill func(m *chat.Message)) Ref {
		t.Helper()
		ref, err := from.say(ctx, to.Account(), func(_ *turn, m *chat.Message) (chat.Time, error) { fill(m); return 0, nil })
		check(t, err)
		idle(t, ada, ben)
		time.Sleep(time.Minute)
		return ref
	}
	text := func(text string, reply *Ref) func(m *chat.Message) {
		return func(m *chat.Message) { m.Kind, m.Text, m.ReplyTo = chat.KindText, &chat.Text{Text: text}, reply }
	}
	hello := say(ada, ben, text("hello, naïve Ben 🦜", nil))
	answer := say(ben, ada, text("hello, Ada", &hello))
	check(t, ben.React(ctx, ada.Account(), hello, "🦜"))
	misspelt := say(ada, ben, text("mispelt", nil))
	check(t, ada.Edit(ctx, ben.Account(), misspelt.ID, "misspelt"))
	rash := say(ben, ada, text("said too rashly", nil))
	check(t, ben.Delete(ctx, ada.Account(), rash.ID))
	erased := say(ben, ada, text("nobody needs this", nil))
	check(t, ada.Erase(ctx, ben.Account(), erased))
	check(t, ada.MarkRead(ctx, ben.Account(), answer.ID))
	say(ada, ben, text(strings.Repeat("long ", 1000), nil)) // it lies in Badger's value log
	say(ada, ben, func(m *chat.Message) {
		m.Kind, m.Text = chat.KindText, &chat.Text{Text: "a picture"}
		m.Attachments = []chat.Attachment{{Hash: [32]byte{1, 2, 3, 4}, Size: 5, Type: "image/png", Name: "bird.png", Key: [32]byte{6}, Width: 7, Height: 8}}
	})
	say(ben, ada, func(m *chat.Message) {
		m.Kind, m.Contact = chat.KindContact, &chat.Contact{Address: cleo.Address().String(), Name: "Cleo"}
	})
	say(ben, ada, func(m *chat.Message) {
		m.Kind, m.Text, m.ViewOnce = chat.KindText, &chat.Text{Text: "look once"}, true
	})
	say(ada, ben, func(m *chat.Message) {
		m.Kind, m.Text = chat.KindText, &chat.Text{Text: "for a year"}
		m.Timer = &chat.Timer{Seconds: 360 * 24 * 3600, From: chat.FromSent}
	})
	ada.post(t, ben, chat.NewID(), chat.KindText, newer(1))
	idle(t, ada, ben)
	time.Sleep(8 * time.Hour)
	ben.host.Close()
	_, err = ada.Send(ctx, ben.Account(), "this waits for you", Ref{})
	check(t, err)
	time.Sleep(10 * time.Minute)
}

// pack packs two vaults that are closed, without what each process makes anew.
func pack(t *testing.T, root, path string) {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if name := e.Name(); err != nil || e.IsDir() || name == "ballast" || name == "lock" {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := w.Create(filepath.ToSlash(name))
		if err != nil {
			return err
		}
		_, err = file.Write(b)
		return err
	})
	check(t, err)
	check(t, w.Close())
	if out.Len() > goldenMost {
		t.Fatalf("%d bytes, more than %d", out.Len(), goldenMost)
	}
	t.Logf("%s has %d bytes", path, out.Len())
	check(t, os.WriteFile(path, out.Bytes(), 0o644))
}

func unpack(t *testing.T, path, root string) {
	t.Helper()
	r, err := zip.OpenReader(path)
	check(t, err)
	check(t, os.CopyFS(root, r))
	check(t, r.Close())
}
