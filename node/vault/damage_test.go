package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/node/chat"
)

// TestDamagedRecord flips a byte in records, and swaps two: they are named and counted, and the others are there.
func TestDamagedRecord(t *testing.T) {
	disk := new(Disk)
	v := open(t, Config{Disk: disk})
	for _, key := range []string{"a", "b", "c", "d"} {
		put(t, v, Contact, key, "of "+key)
	}
	commit(t, v, func(b *Batch) {
		for n := range 5 {
			putItem(t, b, talk, item(n, fmt.Sprint(n)))
		}
	})
	spoil := func(key []byte, f func(sealed []byte) []byte) {
		i, found := disk.find(key)
		if !found {
			t.Fatal("not there")
		}
		disk.records[i].value = f(bytes.Clone(disk.records[i].value))
	}
	flip := func(b []byte) []byte { b[len(b)-3] ^= 1; return b }
	spoil(Contact.at([]byte("b")), flip)
	spoil(Contact.at([]byte("c")), func([]byte) []byte { return []byte{} })
	d, _ := disk.find(Contact.at([]byte("d")))
	spoil(Contact.at([]byte("a")), func(b []byte) []byte { disk.records[d].value, b = b, disk.records[d].value; return b })
	place, _ := item(3, "").Place()
	spoil(itemKey(talk, place), flip)
	spoil(refKey(talk, ref(1)), flip)

	for range 2 { // each counts once
		if got := each(t, v, Contact, ""); got != nil {
			t.Error(got)
		}
		for _, key := range []string{"a", "b", "c", "d"} {
			if _, err := v.Get(Contact, []byte(key)); !errors.Is(err, ErrDamaged) || err.Error() != "vault: damaged: contact" {
				t.Errorf("%s: %v", key, err)
			}
		}
		page, err := v.Page(talk, chat.Place{}, 3)
		if diff := cmp.Diff([]string{"4", "2", "1"}, texts(page)); diff != "" || err != nil {
			t.Error(diff, err)
		}
		if err := v.Scrub(t.Context()); err != nil {
			t.Error(err)
		}
		want := []Damage{{"contact", 4}, {"history", 1}, {"history index", 1}}
		if diff := cmp.Diff(want, v.Damaged()); diff != "" {
			t.Error(diff)
		}
	}
	// What is damaged can be replaced and deleted.
	put(t, v, Contact, "b", "again")
	commit(t, v, func(b *Batch) {
		putItem(t, b, talk, item(1, "one"))
		if err := b.DeleteItem(talk, ref(3)); err != nil {
			t.Error(err)
		}
	})
	page, err := v.Page(talk, chat.Place{}, 9)
	if diff := cmp.Diff([]string{"4", "2", "one", "0"}, texts(page)); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// TestDamageInWords flips a byte of a record in a closed folder: Scrub finds it, and Damaged says in which drawer.
func TestDamageInWords(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "vault")
	v := open(t, Config{Folder: folder, Mobile: true})
	secret := bytes.Repeat([]byte("Ben has a secret. "), 100) // it lies in the value log
	for _, key := range []string{"cleo", "ben"} {
		put(t, v, Contact, key, string(secret))
	}
	key := Contact.at([]byte("ben"))
	sealed, err := v.store.get(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(folder, "records", "*.vlog"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	flips := 0
	for _, path := range logs {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > len(sealed) { // it lies at the end
			b[len(b)-len(sealed)/2] ^= 1
			flips++
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if flips == 0 {
		t.Fatal("there is no log with the record")
	}
	v = open(t, Config{Folder: folder, Mobile: true})
	if err := v.Scrub(t.Context()); err != nil {
		t.Error(err)
	}
	var got []string
	for _, d := range v.Damaged() {
		got = append(got, d.String())
	}
	if diff := cmp.Diff([]string{"1 record of drawer contact does not open"}, got); diff != "" {
		t.Error(diff)
	}
	if v.Stats().Damaged != 1 || get(v, Contact, "cleo") != string(secret) {
		t.Errorf("%+v", v.Stats())
	}
	for d, want := range map[Damage]string{
		{"history", 3}:         "3 records of drawer history do not open",
		{"tables", 1}:          "tables below the records are damaged: some records may be missing",
		{"erase key", 1}:       "the erase key does not open: the sessions that were under it begin anew",
		{"high-water mark", 1}: "the high-water mark is damaged: whether the last commits are missing is not known",
	} {
		if diff := cmp.Diff(want, d.String()); diff != "" {
			t.Error(diff)
		}
	}
}

// TestHole flips a byte in Badger's log: it opens without a word and drops what follows, and the vault says how much.
func TestHole(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "vault")
	for kill(t, folder) < 10 { // it died before it had written enough
		folder = filepath.Join(t.TempDir(), "vault")
	}
	logs, err := filepath.Glob(filepath.Join(folder, "records", "*.mem"))
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	b, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(bytes.TrimRight(b, "\x00"))/2] ^= 0x10
	if err := os.WriteFile(logs[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(folder, markFile))
	mark, _, ok := parseMark(file)
	if err != nil || !ok {
		t.Fatal(err)
	}
	v := open(t, Config{Folder: folder, Mobile: true})
	there := uint64(len(each(t, v, Dedupe, "")))
	if there >= mark || v.Lost() != mark-there || v.Stats().Lost != mark-there {
		t.Errorf("%d of %d are there, and %d were said to be lost", there, mark, v.Lost())
	}
	lost := v.Lost()
	put(t, v, Contact, "after", "it goes on")
	_ = v.Close()
	v = open(t, Config{Folder: folder, Mobile: true})
	if v.Lost() != lost || v.Stats().Commits != mark+2 {
		t.Errorf("then %d lost, commit %d", v.Lost(), v.Stats().Commits)
	}
	if err := v.Forgive(); err != nil {
		t.Fatal(err)
	}
	_ = v.Close()
	v = open(t, Config{Folder: folder, Mobile: true})
	if v.Lost() != 0 || get(v, Contact, "after") != "it goes on" {
		t.Errorf("%d lost after Forgive", v.Lost())
	}
	t.Logf("%d of %d commits lost", lost, mark)
}

// TestEmptyLog has a process die when it made a log and gave it no size yet: the vault opens, and nothing is missing.
func TestEmptyLog(t *testing.T) {
	for _, ext := range []string{".mem", ".vlog"} {
		folder := filepath.Join(t.TempDir(), "vault")
		acked := kill(t, folder)
		logs, err := filepath.Glob(filepath.Join(folder, "records", "*"+ext))
		if err != nil || len(logs) == 0 {
			t.Fatal(logs, err)
		}
		var n int
		if _, err := fmt.Sscanf(filepath.Base(logs[len(logs)-1]), "%d", &n); err != nil {
			t.Fatal(err)
		}
		width := len(filepath.Base(logs[0])) - len(ext)
		next := filepath.Join(folder, "records", fmt.Sprintf("%0*d%s", width, n+1, ext))
		if err := os.WriteFile(next, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		v := open(t, Config{Folder: folder, Mobile: true})
		if there := uint64(len(each(t, v, Dedupe, ""))); v.Lost() != 0 || there < acked {
			t.Errorf("%s: %d of %d are there, %d lost", ext, there, acked, v.Lost())
		}
	}
}

// TestCount takes commits out of the ring and moves the mark.
func TestCount(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(d *Disk)
		lost  uint64
		damage,
		commits uint64
	}{
		{"nothing", func(*Disk) {}, 0, 0, 10},
		{"no mark", func(d *Disk) { delete(d.files, markFile) }, 0, 1, 10},
		{"a mark of nonsense", func(d *Disk) { d.files[markFile] = bytes.Repeat([]byte{1}, 2000) }, 0, 1, 10},
		{"an old mark", func(d *Disk) { clear(d.files[markFile][:markStep]) }, 0, 0, 10},
		{"a tail", func(d *Disk) { unring(d, 9, 10) }, 2, 0, 11},
		{"a hole", func(d *Disk) { unring(d, 4, 5, 6) }, 3, 0, 11},
		{"both", func(d *Disk) { unring(d, 4, 10) }, 2, 0, 11},
		{"all", func(d *Disk) { d.records = nil }, 10, 0, 11},
	} {
		t.Run(test.name, func(t *testing.T) {
			disk := new(Disk)
			v := open(t, Config{Disk: disk})
			for range 10 {
				put(t, v, Contact, "k", "v")
			}
			disk = disk.Clone() // as if the process had died
			test.spoil(disk)
			for range 2 {
				v = open(t, Config{Disk: disk})
				if v.Lost() != test.lost || v.Stats().Commits != test.commits {
					t.Errorf("%d lost, commit %d; want %d, %d", v.Lost(), v.Stats().Commits, test.lost, test.commits)
				}
				if v.Stats().Damaged != test.damage {
					t.Error(v.Damaged())
				}
				disk = disk.Clone()
			}
		})
	}
}

// TestMarkBehind has the power go, after a vault was closed in order and opened again, before the mark of the next commits
// was on the disk.
func TestMarkBehind(t *testing.T) {
	disk := new(Disk)
	v := open(t, Config{Disk: disk})
	put(t, v, Contact, "k", "v")
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	mark := bytes.Clone(disk.files[markFile])
	v = open(t, Config{Disk: disk})
	for range 3 {
		put(t, v, Contact, "k", "w")
	}
	disk = disk.Clone()
	disk.files[markFile] = mark
	v = open(t, Config{Disk: disk})
	if got := v.Stats().Commits; got != 4 || v.Lost() != 0 {
		t.Errorf("commit %d, %d lost; want 4, 0", got, v.Lost())
	}
}

func unring(d *Disk, commits ...uint64) {
	for _, n := range commits {
		if i, found := d.find(ringKey(n)); found {
			d.records = append(d.records[:i], d.records[i+1:]...)
		}
	}
}

// TestRingRound goes around the ring.
func TestRingRound(t *testing.T) {
	disk := new(Disk)
	v := open(t, Config{Disk: disk})
	v.commits = ringSize - 3 // nobody wrote these
	v.base = v.commits
	if err := v.keepHoles(v.base); err != nil {
		t.Fatal(err)
	}
	for range 9 {
		put(t, v, Contact, "k", "v")
	}
	disk = disk.Clone()
	v = open(t, Config{Disk: disk})
	if v.Lost() != 0 || v.Stats().Commits != ringSize+7 {
		t.Errorf("%d lost, commit %d", v.Lost(), v.Stats().Commits)
	}
	unring(disk, ringSize+2)
	if v = open(t, Config{Disk: disk}); v.Lost() != 1 {
		t.Errorf("%d lost", v.Lost())
	}
}

// TestFiles damages the small files.
func TestFiles(t *testing.T) {
	made := func() *Disk {
		disk := new(Disk)
		v := open(t, Config{Disk: disk})
		put(t, v, Session, "s", "session")
		put(t, v, Contact, "c", "contact")
		return disk.Clone()
	}
	for _, half := range []int{0, 1} { // one slot is enough
		disk := made()
		for _, name := range []string{keyFile, eraseFile} {
			file := disk.files[name]
			if half == 0 {
				file[20] ^= 1
			} else if len(file) > slotStep {
				file[slotStep+30] ^= 1
			}
		}
		v := open(t, Config{Disk: disk})
		if get(v, Session, "s") != "session" || get(v, Contact, "c") != "contact" {
			t.Error("slot", half)
		}
	}
	disk := made()
	disk.files[keyFile] = nil
	if _, err := Open(Config{Disk: disk}); !errors.Is(err, ErrDamaged) || err.Error() != "vault: damaged: key file" {
		t.Error(err)
	}
	disk = made()
	disk.files[eraseFile] = make([]byte, 9000)
	v := open(t, Config{Disk: disk})
	if get(v, Session, "s") != "vault: damaged: session" || get(v, Contact, "c") != "contact" {
		t.Error(get(v, Session, "s"), get(v, Contact, "c"))
	}
	if diff := cmp.Diff([]Damage{{"erase key", 1}, {"session", 1}}, v.Damaged()); diff != "" {
		t.Error(diff)
	}
	// Argon2 parameters that would take all memory are refused before it is taken.
	k := keySlot{schema: Schema, wrap: wrapArgon2, time: 1, memory: 1 << 30, threads: 1}
	if _, err := parseKeySlot(append(k.head(), make([]byte, 48)...), Schema); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

// TestFlips flips bytes all over a closed folder, one at a time: whatever happens, nothing is wrong without being said.
func TestFlips(t *testing.T) {
	if testing.Short() {
		t.Skip("opens a folder many times")
	}
	folder := t.TempDir()
	v := open(t, Config{Folder: folder, Mobile: true})
	for n := range 50 {
		commit(t, v, func(b *Batch) {
			if err := b.Put(Contact, binary.BigEndian.AppendUint64(nil, uint64(n)), bytes.Repeat([]byte{byte(n)}, 40*n)); err != nil {
				t.Fatal(err)
			}
		})
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	quiet, noticed := 0, 0
	_ = filepath.WalkDir(filepath.Join(folder, "records"), func(path string, _ fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || ext != ".sst" && ext != ".vlog" {
			return err
		}
		clean, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 100; at < len(clean); at += len(clean)/12 + 1 {
			copied := filepath.Join(t.TempDir(), "vault")
			if err := os.CopyFS(copied, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			spoilt := bytes.Clone(clean)
			spoilt[at] ^= 0x40
			if err := os.WriteFile(filepath.Join(copied, "records", filepath.Base(path)), spoilt, 0o600); err != nil {
				t.Fatal(err)
			}
			v, err := Open(Config{Folder: copied, Mobile: true})
			if err != nil {
				noticed++
				continue
			}
			right := 0
			_ = v.Each(Contact, nil, func(key, value []byte) error {
				if n := binary.BigEndian.Uint64(key); !bytes.Equal(value, bytes.Repeat([]byte{byte(n)}, int(40*n))) {
					t.Errorf("%s at %d: a wrong value", filepath.Base(path), at)
				}
				right++
				return nil
			})
			scrubbed := v.Scrub(t.Context())
			switch {
			case scrubbed != nil || v.Stats().Damaged > 0 || v.Lost() > 0:
				noticed++
			case right == 50:
				quiet++
			default:
				t.Errorf("%s at %d: %d of 50 are there, and nobody says so", filepath.Base(path), at, right)
			}
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	t.Logf("%d flips noticed, %d harmless", noticed, quiet)
}

// TestFlippedIndex flips bytes in the small files of Badger's: opening says that something is damaged, or nothing is. It
// does so in a process of its own, since Badger does not end what it began if it cannot open.
func TestFlippedIndex(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "vault")
	v := open(t, Config{Folder: folder, Mobile: true})
	put(t, v, Contact, "k", "v")
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "LINNET_VAULT_FLIPPED="+folder)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if diff := cmp.Diff("", string(out)); diff != "" {
		t.Error(diff)
	}
}

// flippedChild flips bytes and says what is wrong with how that opens.
func flippedChild(folder string) {
	root, err := os.MkdirTemp("", "vault")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	for _, name := range []string{"KEYREGISTRY", "MANIFEST", "DISCARD"} {
		clean, err := os.ReadFile(filepath.Join(folder, "records", name))
		if err != nil {
			panic(err)
		}
		damaged := 0
		for at := 0; at < min(len(clean), 200); at += 6 {
			copied := filepath.Join(root, fmt.Sprint(name, at))
			spoilt := bytes.Clone(clean)
			spoilt[at] ^= 0x40
			if err := errors.Join(copyTree(folder, copied), os.WriteFile(filepath.Join(copied, "records", name), spoilt, 0o600)); err != nil {
				panic(err)
			}
			v, err := Open(Config{Folder: copied, Mobile: true})
			switch {
			case errors.Is(err, ErrDamaged):
				damaged++
				continue
			case err != nil:
				fmt.Printf("%s at %d: %v\n", name, at, err)
				continue
			}
			if got := get(v, Contact, "k"); got != "v" && v.Lost() == 0 && v.Stats().Damaged == 0 {
				fmt.Printf("%s at %d: %s, and nobody says so\n", name, at, got)
			}
			if err := v.Close(); err != nil {
				fmt.Printf("%s at %d: closing: %v\n", name, at, err)
			}
		}
		if damaged == 0 && name != "DISCARD" {
			fmt.Printf("nothing damages %s\n", name)
		}
	}
}

// TestRenew replaces the erase key: what was there stays, and what was deleted cannot be opened any more.
func TestRenew(t *testing.T) {
	for _, p := range places(t) {
		t.Run(p.name, func(t *testing.T) {
			v := p.open(t)
			want := []string{}
			for n := range 1200 {
				if n%400 == 0 {
					put(t, v, PreKey, fmt.Sprint(n), "p")
				}
			}
			commit(t, v, func(b *Batch) {
				for n := range 1200 {
					key := fmt.Sprintf("%04d", n)
					want = append(want, key+"="+key)
					if err := b.Put(Session, []byte(key), []byte(key)); err != nil {
						t.Fatal(err)
					}
				}
			})
			key := Session.at([]byte("0000"))
			old, err := v.store.get(key)
			if err != nil {
				t.Fatal(err)
			}
			was := v.keys.slot.id
			if err := v.Renew(start); err != nil {
				t.Fatal(err)
			}
			id := v.keys.slot.id
			for _, later := range []time.Duration{0, RenewAfter - time.Second} {
				if err := v.Renew(start.Add(later)); err != nil || v.keys.slot.id != id {
					t.Error("renewed too early", err)
				}
			}
			for range 2 {
				if diff := cmp.Diff(want, each(t, v, Session, "")); diff != "" {
					t.Error(diff)
				}
				if n := len(each(t, v, PreKey, "")); n != 3 {
					t.Error(n)
				}
				if _, _, err := v.keys.open(nil, key, old); err == nil || v.keys.erase[was] != nil || len(v.keys.erase) != 1 {
					t.Error("the old key is there")
				}
				file, err := v.store.read(eraseFile)
				if err != nil {
					t.Fatal(err)
				}
				for i := range 2 {
					_, payload, ok := parseSlot(file[i*slotStep:])
					e, err := v.keys.openSlot(payload)
					if !ok || err != nil || e.id != id || e.last != [32]byte{} {
						t.Errorf("slot %d: %v", i, err)
					}
				}
				_ = v.Close()
				v = p.open(t)
			}
			if err := v.Renew(start.Add(-time.Hour)); err != nil || v.keys.slot.id == id {
				t.Error("not renewed after the clock was set back:", err)
			}
			id = v.keys.slot.id
			if err := v.Renew(start.Add(24 * time.Hour)); err != nil || v.keys.slot.id == id {
				t.Error("not renewed after a day:", err)
			}
		})
	}
}
