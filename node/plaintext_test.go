package node

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// marks are texts that stand nowhere but where a test said them.
type marks struct {
	all []string
	by  map[uint64][]form // by the first eight bytes
	low [1 << 12]uint64   // a bit for each hash of those
}

// form is how a mark may look in a file.
type form struct {
	bytes      []byte
	name, mark string
}

// next makes a mark of 20 letters and digits, 100 random bits.
func (m *marks) next() string {
	mark := strings.ToLower(rand.Text()[:20])
	m.all = append(m.all, mark)
	m.by = nil
	return mark
}

// forms returns a mark as text, as UTF-16, as hex, and as base64 from wherever in a group it begins.
func forms(mark string) (all []form) {
	add := func(name string, b []byte) { all = append(all, form{b, name, mark}) }
	raw := []byte(mark)
	add("text", raw)
	add("upper case", bytes.ToUpper(raw))
	var little, big []byte
	for _, u := range utf16.Encode([]rune(mark)) {
		little, big = binary.LittleEndian.AppendUint16(little, u), binary.BigEndian.AppendUint16(big, u)
	}
	add("UTF-16", little)
	add("UTF-16, big-endian", big)
	add("hex", []byte(hex.EncodeToString(raw)))
	if lower := hex.EncodeToString(raw); strings.ToUpper(lower) != lower { // else they are one
		add("HEX", []byte(strings.ToUpper(lower)))
	}
	for skip := range 3 { // what depends on the bytes around is cut off; no letter or digit gives a + or /
		text := base64.RawStdEncoding.EncodeToString(append(make([]byte, skip), raw...))
		whole := (skip + len(raw)) * 8 / 6
		add(fmt.Sprint("base64 + ", skip), []byte(text[(skip*8+5)/6:whole]))
	}
	return all
}

func hashOf(window uint64) uint64 { return window * 0x9e3779b97f4a7c15 >> 46 }

// find calls found for each form of a mark that is in b.
func (m *marks) find(b []byte, found func(form)) {
	if m.by == nil {
		m.by, m.low = make(map[uint64][]form), [len(m.low)]uint64{}
		for _, mark := range m.all {
			for _, f := range forms(mark) {
				window := binary.BigEndian.Uint64(f.bytes)
				m.by[window] = append(m.by[window], f)
				m.low[hashOf(window)/64] |= 1 << (hashOf(window) % 64)
			}
		}
	}
	window := uint64(0)
	for i, c := range b {
		window = window<<8 | uint64(c)
		if h := hashOf(window); i < 7 || m.low[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		for _, f := range m.by[window] {
			if bytes.HasPrefix(b[i-7:], f.bytes) {
				found(f)
			}
		}
	}
}

// TestMarks hides a mark in all forms among others, so that the scans below are known to see what they look for.
func TestMarks(t *testing.T) {
	var m marks
	for range 100 {
		m.next()
	}
	mark := m.all[50]
	for before := range 5 {
		for _, f := range forms(mark) {
			hidden := append(append(bytes.Repeat([]byte{'x'}, before), f.bytes...), "yyy"...)
			got := ""
			m.find(hidden, func(f form) { got += f.mark })
			if got != mark {
				t.Errorf("%s behind %d bytes: found %q", f.name, before, got)
			}
		}
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + mark + "yyy"))
		got := 0
		m.find([]byte(text), func(form) { got++ })
		if got != 1 {
			t.Errorf("base64 of text with a mark behind %d bytes: found %d times", before, got)
		}
	}
	m.find(make([]byte, 1000), func(f form) { t.Errorf("found %s in zeros", f.name) })
}

// notes is a log in memory.
type notes struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write is an io.Writer's.
func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.Write(b)
}

// TestNothingInTheClear has two people say 1 000 things that stand nowhere else, change, search and delete some, and
// stores 1 000 more through the vault; then it looks for them in all that lies in both folders, in a backup, and in what was logged.
func TestNothingInTheClear(t *testing.T) {
	for name, passphrase := range map[string]string{"without a passphrase": "", "with a passphrase": "correct horse"} {
		t.Run(name, func(t *testing.T) {
			s := &secrets{root: t.TempDir()}
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)))
				s.live(t, passphrase)
			})
			s.look(t, "closed")
			quiet := s.log.b.Len()
			s.spoil(t, passphrase)
			s.look(t, "damaged")
			if s.log.b.Len() == quiet {
				t.Error("nothing is logged of damage: that shows nothing")
			}
			t.Logf("%d marks, %d looks at %d MiB of files, %d KiB of logs", len(s.all), s.looks, s.bytes>>20, s.log.b.Len()>>10)
		})
	}
}

// secrets are what was said, and where it must not be.
type secrets struct {
	marks
	root         string
	log          notes
	looks, bytes int
}

func (s *secrets) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// spoil flips a byte in each file of Ada's records, and reads them: much is damaged, and logged.
func (s *secrets) spoil(t *testing.T, passphrase string) {
	t.Helper()
	folder := filepath.Join(s.root, "ada")
	logs, err := filepath.Glob(filepath.Join(folder, "records", "*.[sv]*"))
	check(t, err)
	for _, path := range logs {
		b, err := os.ReadFile(path)
		check(t, err)
		if len(b) < 1000 {
			continue
		}
		b[len(b)/3] ^= 1
		check(t, os.WriteFile(path, b, 0o600))
	}
	v, err := vault.Open(vault.Config{Folder: folder, Mobile: true, Passphrase: []byte(passphrase), Log: s.logger()})
	check(t, err)
	if err := v.Scrub(t.Context()); err != nil {
		t.Log(err)
	}
	for _, d := range v.Damaged() {
		t.Log(d)
	}
	check(t, v.Close())
}

// live is the life of both, with looks while their vaults are open.
func (s *secrets) live(t *testing.T, passphrase string) {
	t.Helper()
	network := p2ptest.New(1)
	t.Cleanup(network.Close)
	begin := func(name string) *person {
		return start(t, network, s.next(), vault.Config{
			Folder: filepath.Join(s.root, name), Mobile: true, Passphrase: []byte(passphrase), Log: s.logger(),
		})
	}
	ctx := t.Context()
	ada, ben := begin("ada"), begin("ben")
	friends(t, ada, ben)
	check(t, ada.SetProfile(ctx, s.next(), s.next()))
	check(t, ben.SetAlias(ctx, ada.Account(), s.next()))
	var told []string
	for i := range 900 {
		from, to := ada, ben
		if i%2 == 1 {
			from, to = ben, ada
		}
		mark := s.next()
		told = append(told, mark)
		ref, err := from.say(ctx, to.Account(), func(_ *turn, m *chat.Message) (chat.Time, error) {
			m.Kind, m.Text = chat.KindText, &chat.Text{Text: mark}
			if i%10 == 0 { // large enough for Badger's value log
				m.Text.Text = strings.Repeat(mark+" ", 100)
			}
			if i%20 == 0 {
				m.Attachments = []chat.Attachment{{Hash: [32]byte{1}, Size: 1, Name: s.next(), Thumbnail: []byte(s.next())}}
			}
			return 0, nil
		})
		check(t, err)
		switch i % 9 {
		case 3:
			check(t, from.Edit(ctx, to.Account(), ref.ID, s.next()))
		case 4:
			check(t, from.React(ctx, to.Account(), ref, "🦜"))
		case 5:
			idle(t, ada, ben)
			check(t, from.Delete(ctx, to.Account(), ref.ID))
		case 6:
			check(t, from.Erase(ctx, to.Account(), ref))
		}
	}
	s.look(t, "said")
	idle(t, ada, ben)
	s.look(t, "delivered")
	found := 0
	for i := 0; i < len(told); i += 10 {
		check(t, ben.Search(ctx, told[i], Account{}, func(chat.ConversationID, Message) bool { found++; return true }))
	}
	if found < 50 {
		t.Errorf("%d are found: too little is there to look for", found)
	}
	s.store(t, ada.vault)
	ben.host.Close()
	for range 50 { // these wait
		_, err := ada.Send(ctx, ben.Account(), s.next(), Ref{})
		check(t, err)
	}
	for _, p := range []*person{ada, ben} {
		check(t, p.vault.Renew(time.Now().Add(24*time.Hour)))
		check(t, p.vault.Tidy(ctx))
		check(t, p.vault.Scrub(ctx))
	}
	s.look(t, "tidied")
	file := keep(t, ada.Node)
	check(t, os.WriteFile(filepath.Join(s.root, "backup.age"), file, 0o600))
	if inside := records(t, file); !bytes.Contains(inside, []byte(told[0])) {
		t.Error("the backup lacks what was said: that shows nothing")
	}
	s.look(t, "backed up")
}

// store puts 1 000 items into a vault by hand, replaces some and deletes some.
func (s *secrets) store(t *testing.T, v *vault.Vault) {
	t.Helper()
	author := chat.Author{Account: Account{9}, Device: 1}
	b := v.NewBatch()
	for i := range 1000 {
		mark := s.next()
		m := &chat.Message{ID: chat.NewID(), Time: chat.At(time.Now()), Kind: chat.KindText, Text: &chat.Text{Text: mark}}
		it := &chat.Item{Ref: chat.Ref{Author: author.Account, ID: m.ID}}
		check(t, it.Apply(m, author, time.Now()))
		check(t, b.PutItem(chat.Direct(author.Account), it))
		check(t, b.Put(vault.Setting, []byte("x"+mark), []byte(mark))) // keys are hidden, too
		if i%100 == 99 {
			check(t, v.Commit(b))
		}
		if i%10 == 0 {
			check(t, b.DeleteItem(chat.Direct(author.Account), it.Ref))
		}
	}
	check(t, v.Commit(b))
}

// look looks for all marks in all files, their names, and the log.
func (s *secrets) look(t *testing.T, when string) {
	t.Helper()
	if len(s.all) < 1000 && when != "said" {
		t.Fatalf("%d marks", len(s.all))
	}
	err := filepath.WalkDir(s.root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s.bytes += len(b)
		s.find(append([]byte(path), b...), func(f form) {
			t.Errorf("%s: %s has %s as %s", when, filepath.Base(path), f.mark, f.name)
		})
		return nil
	})
	check(t, err)
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.find(s.log.b.Bytes(), func(f form) { t.Errorf("%s: the log has %s as %s", when, f.mark, f.name) })
	s.looks++
}
