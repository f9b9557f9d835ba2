package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

func TestMain(m *testing.M) {
	for name, run := range map[string]func(folder string){
		"LINNET_VAULT_CHILD": child, "LINNET_VAULT_UPGRADE": upgradeChild, "LINNET_VAULT_PASSPHRASE": passphraseChild,
		"LINNET_VAULT_FLIPPED": flippedChild,
	} {
		if folder := os.Getenv(name); folder != "" {
			run(folder)
			return
		}
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(historyFolder)
		os.Exit(code)
	}))
}

var start = time.UnixMilli(1_800_000_000_000).UTC() // 2027-01-15

// place is where a test keeps its vault, to open it again.
type place struct {
	name   string
	config Config
}

func (p place) open(t testing.TB) *Vault {
	t.Helper()
	return open(t, p.config)
}

// places are a new folder and a new disk.
func places(t testing.TB) []place {
	t.Helper()
	folder, disk := filepath.Join(t.TempDir(), "vault"), new(Disk)
	return []place{
		{"folder", Config{Folder: folder, Mobile: true}},
		{"disk", Config{Disk: disk}},
	}
}

// open opens a vault and closes it when the test ends, unless the test did.
func open(t testing.TB, c Config) *Vault {
	t.Helper()
	v, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func commit(t testing.TB, v *Vault, fill func(b *Batch)) {
	t.Helper()
	b := v.NewBatch()
	fill(b)
	if err := v.Commit(b); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, v *Vault, d Drawer, key, value string) {
	t.Helper()
	commit(t, v, func(b *Batch) {
		if err := b.Put(d, []byte(key), []byte(value)); err != nil {
			t.Fatal(err)
		}
	})
}

// get returns the value, or the error's text.
func get(v *Vault, d Drawer, key string) string {
	value, err := v.Get(d, []byte(key))
	if err != nil {
		return err.Error()
	}
	return string(value)
}

func each(t testing.TB, v *Vault, d Drawer, prefix string) (all []string) {
	t.Helper()
	err := v.Each(d, []byte(prefix), func(key, value []byte) error {
		all = append(all, fmt.Sprintf("%s=%s", key, value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRecords(t *testing.T) {
	for _, p := range places(t) {
		t.Run(p.name, func(t *testing.T) {
			v := p.open(t)
			put(t, v, Contact, "ben", "Ben")
			commit(t, v, func(b *Batch) {
				for _, key := range []string{"aa", "ab", "b", "c"} {
					if err := b.Put(Session, []byte(key), []byte("old")); err != nil {
						t.Fatal(err)
					}
					if err := b.Put(Session, []byte(key), []byte("of "+key)); err != nil {
						t.Fatal(err)
					}
				}
				if err := b.Put(Peer, []byte("empty"), nil); err != nil {
					t.Fatal(err)
				}
				if err := b.Put(Peer, []byte("large"), bytes.Repeat([]byte("x"), ValueSize)); err != nil {
					t.Fatal(err)
				}
				if err := b.Delete(Session, []byte("c")); err != nil {
					t.Fatal(err)
				}
				if err := b.Delete(Contact, []byte("ben")); err != nil {
					t.Fatal(err)
				}
				if got, err := b.Get(Session, []byte("aa")); string(got) != "of aa" || err != nil {
					t.Errorf("Batch.Get = %q, %v", got, err)
				}
				if _, err := b.Get(Contact, []byte("ben")); !errors.Is(err, ErrNotFound) {
					t.Errorf("Batch.Get of what it deletes: %v", err)
				}
			})
			for range 2 {
				if diff := cmp.Diff([]string{"aa=of aa", "ab=of ab", "b=of b"}, each(t, v, Session, "")); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff([]string{"aa=of aa", "ab=of ab"}, each(t, v, Session, "a")); diff != "" {
					t.Error(diff)
				}
				for key, want := range map[string]string{"ben": ErrNotFound.Error()} {
					if got := get(v, Contact, key); got != want {
						t.Errorf("%s = %q, want %q", key, got, want)
					}
				}
				if got := get(v, Peer, "empty"); got != "" {
					t.Errorf("empty = %q", got)
				}
				if got := get(v, Peer, "large"); len(got) != ValueSize {
					t.Errorf("large has %d bytes", len(got))
				}
				if s := v.Stats(); s.Commits != 2 || s.Damaged != 0 || s.Lost != 0 || s.Full || s.Bytes == 0 || s.Records == 0 {
					t.Errorf("%+v", s)
				}
				if err := v.Close(); err != nil {
					t.Fatal(err)
				}
				if got := get(v, Peer, "empty"); got != ErrClosed.Error() {
					t.Errorf("after Close: %q", got)
				}
				v = p.open(t)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	v := open(t, Config{})
	b := v.NewBatch()
	for _, err := range []error{
		b.Put(Peer, nil, nil),
		b.Put(Peer, make([]byte, KeySize+1), nil),
		b.Put(Peer, []byte("k"), make([]byte, ValueSize+1)),
		b.PutUntil(Peer, nil, nil, start),
		b.Delete(Peer, nil),
		b.PutItem(chat.ConversationID{}, item(1, "x")),
	} {
		if !errors.Is(err, ErrSize) {
			t.Error(err)
		}
	}
	if b.Put(items, []byte("k"), nil) == nil || v.Each(ring, nil, nil) == nil {
		t.Error("an inner drawer is open")
	}
	if b.Len() != 0 {
		t.Errorf("%d writes", b.Len())
	}
	if err := v.Commit(b); err != nil || v.Stats().Commits != 0 {
		t.Error("an empty batch commits")
	}
	for i := range 9 {
		if err := b.Put(Peer, []byte{byte(i)}, make([]byte, ValueSize)); err != nil {
			t.Fatal(err)
		}
		if i == 4 && !b.Full() {
			t.Error("not full")
		}
	}
	if err := v.Commit(b); !errors.Is(err, ErrBatch) {
		t.Error(err)
	}
	for i := range 4 {
		if err := b.Delete(Peer, []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if b.Full() && b.big < maxLarge/2 {
		t.Error("full after deletions")
	}
	if err := v.Commit(b); err != nil {
		t.Error(err)
	}
	if err := open(t, Config{}).Commit(b); err == nil {
		t.Error("another vault takes the batch")
	}
}

// TestMissed has a batch look for a record that another batch puts meanwhile: what a batch remembers holds until then.
func TestMissed(t *testing.T) {
	disk := new(Disk)
	v := open(t, Config{Disk: disk})
	reader := v.NewBatch()
	see := func(want string) {
		t.Helper()
		got, err := reader.Get(Contact, []byte("k"))
		if err != nil {
			got = []byte(err.Error())
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Error(diff)
		}
	}
	none := ErrNotFound.Error()
	see(none)
	disk.Before = func(int) error {
		disk.Before = nil // not for the mark
		see(none)
		see(none)
		return nil
	}
	put(t, v, Contact, "k", "v")
	see("v")
	commit(t, v, func(b *Batch) {
		if err := b.Delete(Contact, []byte("k")); err != nil {
			t.Fatal(err)
		}
	})
	see(none)
	disk.Before = func(int) error { return errors.New("refused") }
	other := v.NewBatch()
	if err := errors.Join(other.Put(Contact, []byte("k"), []byte("w")), v.Commit(other)); err == nil {
		t.Error("the disk refused it")
	}
	see(none)
	disk.Before = nil
	if err := errors.Join(reader.Put(Contact, []byte("k"), []byte("x")), reader.Delete(Contact, []byte("l"))); err != nil {
		t.Fatal(err)
	}
	see("x")
	if err := errors.Join(v.Commit(reader), v.Commit(other)); err != nil {
		t.Fatal(err)
	}
	see("w")
}

// TestLargestBatch commits what the bounds of a batch allow, with the smallest tables.
func TestLargestBatch(t *testing.T) {
	v := open(t, Config{Folder: t.TempDir(), Mobile: true})
	for name, fill := range map[string]func(b *Batch, i int) error{
		"records": func(b *Batch, i int) error { return b.Put(Peer, binary.BigEndian.AppendUint32(nil, uint32(i)), nil) },
		"small":   func(b *Batch, i int) error { return b.Put(Peer, []byte{byte(i >> 8), byte(i)}, make([]byte, 900)) },
		"large":   func(b *Batch, i int) error { return b.Put(Peer, []byte{byte(i)}, make([]byte, ValueSize-64)) },
	} {
		b := v.NewBatch()
		for i := 0; ; i++ {
			small, big, n := b.small, b.big, b.Len()
			if err := fill(b, i); err != nil {
				t.Fatal(err)
			}
			if b.Len() == maxOps || b.small+(b.small-small) > maxSmall || b.big+(b.big-big) > maxLarge {
				t.Logf("%s: %d records, %d and %d bytes", name, n+1, b.small, b.big)
				break
			}
		}
		if err := v.Commit(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPassphrase(t *testing.T) {
	disk := new(Disk)
	v := open(t, Config{Disk: disk, Passphrase: []byte("correct horse"), Mobile: true})
	put(t, v, Setting, "k", "value")
	for _, wrong := range []string{"", "wrong"} {
		if _, err := Open(Config{Disk: disk.Clone(), Passphrase: []byte(wrong)}); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if err := v.ChangePassphrase([]byte("wrong"), nil); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	if err := v.ChangePassphrase([]byte("correct horse"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Disk: disk.Clone(), Passphrase: []byte("correct horse")}); !errors.Is(err, ErrPassphrase) {
		t.Error("a passphrase is taken where there is none:", err)
	}
	if got := get(open(t, Config{Disk: disk.Clone()}), Setting, "k"); got != "value" {
		t.Error(got)
	}
	if err := v.ChangePassphrase(nil, []byte("battery")); err != nil {
		t.Fatal(err)
	}
	for name, file := range disk.Clone().files {
		if bytes.Contains(file, v.keys.master[:]) {
			t.Errorf("the file %s has the key", name)
		}
	}
	if got := get(open(t, Config{Disk: disk.Clone(), Passphrase: []byte("battery")}), Setting, "k"); got != "value" {
		t.Error(got)
	}
}

func TestSchema(t *testing.T) {
	disk := new(Disk)
	_ = open(t, Config{Disk: disk}).Close()
	disk.files[keyFile] = appendSlot(nil, 9, []byte{0, 7, 99})
	_, err := Open(Config{Disk: disk})
	want := fmt.Sprintf("this store was written by a newer Linnet (schema 7; this one knows %d): upgrade Linnet", Schema)
	if s := new(SchemaError); !errors.As(err, &s) || err.Error() != want {
		t.Error(err)
	}
}

func TestInUse(t *testing.T) {
	if testing.Short() {
		t.Skip("waits five seconds")
	}
	folder := t.TempDir()
	v := open(t, Config{Folder: folder, Mobile: true})
	if _, err := Open(Config{Folder: folder, Mobile: true}); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	_ = v.Close()
	_ = open(t, Config{Folder: folder, Mobile: true})
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
}

// TestNothingToRead looks for what was stored in all files, and in the log.
func TestNothingToRead(t *testing.T) {
	folder := t.TempDir()
	var log bytes.Buffer
	v := open(t, Config{Folder: folder, Mobile: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	secrets := []string{"the-secret-key", "the-secret-value", "the-secret-text"}
	put(t, v, Session, secrets[0], secrets[1])
	put(t, v, Contact, secrets[0], strings.Repeat(secrets[1], 100))
	commit(t, v, func(b *Batch) { putItem(t, b, talk, item(1, secrets[2])) })
	look := func(when string) {
		err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			file, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, s := range append(secrets, string(talk[:])) {
				if bytes.Contains(file, []byte(s)) {
					t.Errorf("%s, %s has %q", when, path, s)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	look("open")
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	look("closed")
	if log.Len() > 0 {
		t.Errorf("logged:\n%s", &log)
	}
}

func TestSweep(t *testing.T) {
	for _, p := range places(t) {
		t.Run(p.name, func(t *testing.T) {
			v := p.open(t)
			commit(t, v, func(b *Batch) {
				for i := range 1500 {
					key := fmt.Appendf(nil, "%04d", i)
					if err := b.PutUntil(Dedupe, key, []byte("x"), start.Add(time.Duration(i)*time.Second)); err != nil {
						t.Fatal(err)
					}
				}
			})
			commit(t, v, func(b *Batch) {
				if err := b.PutUntil(Dedupe, []byte("0001"), []byte("later"), start.Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
				if err := b.Put(Dedupe, []byte("0002"), []byte("for good")); err != nil {
					t.Fatal(err)
				}
			})
			sweep := func(now time.Time) (calls int) {
				for {
					calls++
					if more, err := v.Sweep(now); err != nil {
						t.Fatal(err)
					} else if !more {
						return calls
					}
				}
			}
			if n := sweep(start.Add(-time.Hour)); n != 1 || len(each(t, v, Dedupe, "")) != 1500 {
				t.Error("swept before the time")
			}
			if n := sweep(start.Add(1200 * time.Second)); n != 2 {
				t.Errorf("%d calls", n)
			}
			got := each(t, v, Dedupe, "")
			if len(got) != 301 || got[0] != "0001=later" || got[1] != "0002=for good" || got[2] != "1201=x" {
				t.Errorf("%d left: %.3q", len(got), got)
			}
			sweep(start.Add(24 * time.Hour))
			if diff := cmp.Diff([]string{"0002=for good"}, each(t, v, Dedupe, "")); diff != "" {
				t.Error(diff)
			}
			n := 0
			_ = v.scan(dates.at(), after(dates.at()), false, func(_, _ []byte) error { n++; return nil })
			if n != 0 {
				t.Errorf("%d dates left", n)
			}
		})
	}
}

var (
	ada  = identity.Account(bytes.Repeat([]byte{0xa0}, 32))
	ben  = identity.Account(bytes.Repeat([]byte{0xb0}, 32))
	talk = chat.Direct(ben)
)

func ref(n int) chat.Ref {
	var id chat.ID
	binary.BigEndian.PutUint64(id[:], uint64(n+1))
	return chat.Ref{Author: ben, ID: id}
}

// item is message n of ben's: one a second.
func item(n int, text string) *chat.Item {
	sent := start.Add(time.Duration(n) * time.Second)
	it := &chat.Item{Ref: ref(n)}
	m := &chat.Message{ID: it.Ref.ID, Time: chat.At(sent), Kind: chat.KindText, Text: &chat.Text{Text: text}}
	if err := it.Apply(m, chat.Author{Account: ben, Device: 1}, sent); err != nil {
		panic(err)
	}
	return it
}

func putItem(t testing.TB, b *Batch, c chat.ConversationID, it *chat.Item) {
	t.Helper()
	if err := b.PutItem(c, it); err != nil {
		t.Fatal(err)
	}
}

// tempFolder is a folder for rapid, which has no TempDir.
type tempFolder struct{ path string }

func newFolder() (tempFolder, error) {
	path, err := os.MkdirTemp("", "vault")
	return tempFolder{path}, err
}

func (f tempFolder) remove() { _ = os.RemoveAll(f.path) }
