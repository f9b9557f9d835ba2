package vault

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// twoSteps are schemas that only this test knows. Both steps show whether a record was changed twice: the first adds to
// values, the second moves peers to settings and adds to their keys.
var twoSteps = ladder{
	{[]Drawer{Contact, Session}, func(b *Batch, key, value []byte, until uint64) {
		b.set(key, write{append(slices.Clone(value), " of 2"...), until})
	}},
	{[]Drawer{Contact, Peer}, func(b *Batch, key, value []byte, until uint64) {
		if Drawer(key[0]) == Contact {
			b.set(key, write{append(slices.Clone(value), " of 3"...), until})
			return
		}
		b.set(key, write{})
		b.set(Setting.at([]byte("moved "), key[1:]), write{append([]byte{}, value...), until})
	}},
}

// fillOld fills a vault of schema 1, and returns what it is to hold as schema 3.
func fillOld(t testing.TB, v *Vault, count int) (want []string) {
	t.Helper()
	pad := strings.Repeat(".", 200)
	for n := 0; n < count; {
		commit(t, v, func(b *Batch) {
			for ; n < count && !b.Full(); n++ {
				key := fmt.Appendf(nil, "%06d", n)
				if err := errors.Join(
					b.Put(Contact, key, append([]byte(pad), key...)),
					b.Put(Session, key, append([]byte("s"), key...)),
					b.Put(Peer, key, append([]byte("p"), key...)),
					b.PutItem(talk, item(n, string(key))),
				); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	for _, form := range []string{"contact %06[1]d=" + pad + "%06[1]d of 2 of 3", "session %06[1]d=s%06[1]d of 2", "setting moved %06[1]d=p%06[1]d"} {
		for n := range count {
			want = append(want, fmt.Sprintf(form, n))
		}
	}
	return want
}

// holds returns all records of a vault, and looks that history is there.
func holds(t testing.TB, v *Vault, count int) (all []string) {
	t.Helper()
	for _, d := range []Drawer{Contact, Session, Peer, Setting} {
		for _, line := range each(t, v, d, "") {
			all = append(all, d.String()+" "+line)
		}
	}
	for n := 0; n < count; n += 1 + count/10 {
		if it, err := v.Item(talk, ref(n)); err != nil || it.Message.Text.Text != fmt.Sprintf("%06d", n) {
			t.Errorf("item %d: %v", n, err)
		}
	}
	if s := v.Stats(); s.Damaged > 0 {
		t.Errorf("damaged: %v", v.Damaged())
	}
	return all
}

func openSteps(t testing.TB, c Config, l ladder) *Vault {
	t.Helper()
	v, err := openLadder(c, l)
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

func TestSchemaIsTheTop(t *testing.T) {
	if theLadder.top() != Schema {
		t.Errorf("the steps lead to %d, and Schema is %d", theLadder.top(), Schema)
	}
	for i, s := range append(slices.Clone(theLadder), twoSteps...) {
		if !slices.IsSorted(s.drawers) {
			t.Errorf("step %d goes back and forth: %v", i, s.drawers)
		}
	}
}

// TestUpgrade upgrades by two schemas at once, with and without a passphrase.
func TestUpgrade(t *testing.T) {
	const count = 3000
	for _, passphrase := range []string{"", "correct horse"} {
		for _, p := range places(t) {
			t.Run(p.name+passphrase, func(t *testing.T) {
				c := p.config
				c.Passphrase, c.Mobile = []byte(passphrase), true
				v := open(t, c)
				want := fillOld(t, v, count)
				old := holds(t, v, count)
				if err := v.Close(); err != nil || v.Upgraded() != nil {
					t.Fatal(v.Upgraded(), err)
				}
				if passphrase != "" { // nothing happens before it is known to be right
					wrong := c
					wrong.Passphrase = []byte("wrong")
					if _, err := openLadder(wrong, twoSteps); !errors.Is(err, ErrPassphrase) {
						t.Error(err)
					}
				}
				v = openSteps(t, c, twoSteps)
				kept := ""
				if c.Folder != "" {
					kept = c.Folder + ".schema1"
				}
				if diff := cmp.Diff(&Upgrade{1, 3, kept}, v.Upgraded()); diff != "" {
					t.Error(diff)
				}
				for range 2 {
					if diff := cmp.Diff(want, holds(t, v, count)); diff != "" {
						t.Error(diff)
					}
					if v.Lost() != 0 || v.schema != 3 {
						t.Errorf("%d lost, schema %d", v.Lost(), v.schema)
					}
					if err := v.ChangePassphrase(c.Passphrase, c.Passphrase); err != nil { // it keeps the schema
						t.Error(err)
					}
					_ = v.Close()
					v = openSteps(t, c, twoSteps)
					if v.Upgraded() != nil {
						t.Error("it upgrades again")
					}
				}
				_ = v.Close()
				if _, err := Open(c); !isNewer(err, 3) {
					t.Errorf("an older program: %v", err)
				}
				if kept == "" {
					return
				}
				c.Folder = kept
				v = open(t, c)
				if diff := cmp.Diff(old, holds(t, v, count)); diff != "" || v.Lost() == 0 {
					t.Errorf("the copy lacks %d commits, and should say so: %s", v.Lost(), diff)
				}
			})
		}
	}
}

// isNewer tells whether an error says that a vault is of a higher schema.
func isNewer(err error, schema uint16) bool {
	s := new(SchemaError)
	return errors.As(err, &s) && s.Stored == schema
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestUpgradeCrashAtEveryWrite ends upgrades before and after every write, and has another go on.
func TestUpgradeCrashAtEveryWrite(t *testing.T) {
	const count = 700
	old := new(Disk)
	v := open(t, Config{Disk: old})
	want := fillOld(t, v, count)
	_ = v.Close()
	clean := old.Clone()
	_ = openSteps(t, Config{Disk: clean}, twoSteps).Close()
	total := clean.Writes()
	for crash := range total {
		for _, after := range []bool{false, true} {
			disk, dead := old.Clone(), false
			fail := func(hook bool) func(n int) error {
				return func(n int) error {
					if dead = dead || hook == after && n == crash+1; dead {
						return errCrash
					}
					return nil
				}
			}
			disk.Before, disk.After = fail(false), fail(true)
			if v, err := openLadder(Config{Disk: disk}, twoSteps); err == nil {
				_ = v.Close()
			}
			disk.Before, disk.After = nil, nil
			_, slot, _ := latestSlot(disk.files[keyFile])
			k, err := parseKeySlot(slot, 3)
			if err != nil {
				t.Fatal(err)
			}
			_, slot, _ = latestSlot(disk.files[upgradeFile])
			if _, _, _, begun := parseUpgrade(slot); begun && k.schema < 3 {
				// Half of it is new: a program that knows only what the key file still says must not touch it.
				if _, err := openLadder(Config{Disk: disk.Clone()}, twoSteps[:k.schema-1]); !isNewer(err, 3) {
					t.Errorf("crash at %d: an older program opens it: %v", crash+1, err)
				}
			}
			v := openSteps(t, Config{Disk: disk}, twoSteps)
			if diff := cmp.Diff(want, holds(t, v, count)); diff != "" || v.Lost() != 0 {
				t.Errorf("crash at %d of %d (%v): %d lost: %s", crash+1, total, after, v.Lost(), diff)
			}
			_ = v.Close()
		}
	}
	t.Logf("%d writes", total)
}

// TestUpgradeFurther has a program go on with what one began that knew fewer schemas.
func TestUpgradeFurther(t *testing.T) {
	old := new(Disk)
	v := open(t, Config{Disk: old})
	want := fillOld(t, v, 10)
	_ = v.Close()
	clean := old.Clone()
	_ = openSteps(t, Config{Disk: clean}, twoSteps[:1]).Close()
	for crash := range clean.Writes() {
		disk := old.Clone()
		disk.Before = func(n int) error {
			if n > crash {
				return errCrash
			}
			return nil
		}
		_, _ = openLadder(Config{Disk: disk}, twoSteps[:1])
		disk.Before = nil
		v := openSteps(t, Config{Disk: disk}, twoSteps)
		if diff := cmp.Diff(want, holds(t, v, 10)); diff != "" {
			t.Errorf("crash at %d: %s", crash+1, diff)
		}
		_ = v.Close()
	}
}

// TestUpgradeSpares leaves damaged records as they are, and names them.
func TestUpgradeSpares(t *testing.T) {
	disk := new(Disk)
	v := open(t, Config{Disk: disk})
	fillOld(t, v, 3)
	_ = v.Close()
	i, _ := disk.find(Contact.at([]byte("000001")))
	spoilt := slices.Clone(disk.records[i].value)
	spoilt[40] ^= 1
	disk.records[i].value = spoilt
	v = openSteps(t, Config{Disk: disk}, twoSteps)
	if diff := cmp.Diff([]Damage{{"contact", 1}}, v.Damaged()); diff != "" {
		t.Error(diff)
	}
	if got := each(t, v, Contact, ""); len(got) != 2 || !strings.HasSuffix(got[1], "000002 of 2 of 3") {
		t.Errorf("%.3q", got)
	}
	if i, _ = disk.find(Contact.at([]byte("000001"))); !slices.Equal(disk.records[i].value, spoilt) {
		t.Error("it was changed")
	}
}

// TestKeep makes copies where something is in the way.
func TestKeep(t *testing.T) {
	old := filepath.Join(t.TempDir(), "vault")
	v := open(t, Config{Folder: old, Mobile: true})
	want := fillOld(t, v, 20)
	_ = v.Close()
	for name, test := range map[string]struct {
		before func(folder string) error
		want   string // the ending of the copy
	}{
		"nothing": {func(string) error { return nil }, ".schema1"},
		"an unfinished copy": {func(folder string) error {
			return os.CopyFS(folder+".schema1.part", os.DirFS(filepath.Join(folder, "records")))
		}, ".schema1"},
		"a finished copy": {func(folder string) error { return copyFolder(folder, folder+".schema1") }, ".schema1"},
		"a copy of something else": {func(folder string) error {
			return os.CopyFS(folder+".schema1", os.DirFS(filepath.Join(folder, "records")))
		}, ".schema1.2"},
		"a copy with less in it": {func(folder string) error {
			return errors.Join(copyFolder(folder, folder+".schema1"), os.Remove(filepath.Join(folder+".schema1", eraseFile)))
		}, ".schema1.2"},
		"a copy with more in it": {func(folder string) error {
			return errors.Join(copyFolder(folder, folder+".schema1"), os.WriteFile(filepath.Join(folder+".schema1", "more"), nil, 0o600))
		}, ".schema1.2"},
		"a copy with a flipped byte": {func(folder string) error {
			return errors.Join(copyFolder(folder, folder+".schema1"), flipLast(filepath.Join(folder+".schema1", "records", "MANIFEST")))
		}, ".schema1.2"},
		"a file of that name": {func(folder string) error { return os.WriteFile(folder+".schema1", nil, 0o600) }, ""},
		"one that was noted and removed": {func(folder string) error {
			return os.WriteFile(filepath.Join(folder, upgradeFile), appendSlot(nil, 2, []byte{0, 1, 0, 2, 0, 1}), 0o600)
		}, "removed"},
		"records elsewhere": {func(folder string) error {
			return errors.Join(os.Rename(filepath.Join(folder, "records"), folder+".away"), os.Symlink(folder+".away", filepath.Join(folder, "records")))
		}, ".schema1"},
		"a folder that goes round": {func(folder string) error { return os.Symlink(folder, filepath.Join(folder, "round")) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "vault")
			if err := errors.Join(copyTree(old, folder), test.before(folder)); err != nil {
				t.Fatal(err)
			}
			c := Config{Folder: folder, Mobile: true}
			v, err := openLadder(c, twoSteps)
			if test.want == "" {
				if err == nil {
					t.Fatal("it is upgraded without a copy")
				}
				v, err = Open(c) // as it was
				if err != nil || v.Upgraded() != nil || v.Lost() != 0 || get(v, Peer, "000001") != "p000001" {
					t.Error("it changed:", err)
				}
				if err := v.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			wanted := folder + test.want
			if test.want == "removed" {
				wanted = ""
			}
			if diff := cmp.Diff(&Upgrade{1, 3, wanted}, v.Upgraded()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(want, holds(t, v, 20)); diff != "" {
				t.Error(diff)
			}
			if exists(folder + ".schema1.part") {
				t.Error("an unfinished copy is left")
			}
			if wanted == "" {
				return
			}
			if same, err := sameFolder(old, wanted); err != nil || !same {
				t.Errorf("the copy is not what was there: %v", err)
			}
			err = filepath.WalkDir(wanted, func(path string, e fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				info, err := e.Info()
				if err == nil && info.Mode().Perm()&0o077 != 0 {
					t.Errorf("%s has mode %v", path, info.Mode())
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func flipLast(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[len(b)-1] ^= 1
	return os.WriteFile(path, b, 0o600)
}

// TestKeepWithoutRoom has a disk on which the copy does not fit: nothing changes, and the error says why.
func TestKeepWithoutRoom(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "vault")
	v := open(t, Config{Folder: folder, Mobile: true})
	fillOld(t, v, 20)
	_ = v.Close()
	f, err := lockFolder(Config{Folder: folder, Mobile: true}, v.log)
	if err != nil {
		t.Fatal(err)
	}
	f.guard.free = func(string) (uint64, uint64, error) { return 30 << 20, 1 << 40, nil }
	_, _, err = f.keep(1)
	want := "vault: the disk is nearly full: upgrading takes 36 MiB, with the copy that is kept, and 30 MiB are free"
	if !errors.Is(err, ErrFull) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	f.guard.free = func(string) (uint64, uint64, error) { return 0, 0, os.ErrPermission }
	if _, _, err := f.keep(1); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
	if err := f.close(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(filepath.Dir(folder)); err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
}

// upgradeChild upgrades a vault, and says when it begins and ends.
func upgradeChild(folder string) {
	fmt.Println("begin")
	v, err := openLadder(Config{Folder: folder, Mobile: true}, twoSteps)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("done", v.Upgraded().Copy)
	_ = v.Close()
}

// TestUpgradeKill kills upgrades at random moments until one comes to its end: then all is there, changed once, and the
// copy is what the vault was.
func TestUpgradeKill(t *testing.T) {
	const count = 4000
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	root := t.TempDir()
	old := filepath.Join(root, "old")
	v := open(t, Config{Folder: old, Mobile: true})
	want := fillOld(t, v, count)
	was := holds(t, v, count)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	phases := map[string]int{}
	for round := range rounds {
		folder := filepath.Join(root, fmt.Sprint(round), "vault")
		if err := copyTree(old, folder); err != nil {
			t.Fatal(err)
		}
		for try := 0; ; try++ {
			window := 20 * (try + 1) << (max(try-20, 0) / 5) // ms; so that a slow machine comes to the end, too
			said := killUpgrade(t, folder, time.Duration(rand.IntN(window))*time.Millisecond)
			if said != "" {
				if said != folder+".schema1" {
					t.Errorf("the copy is %q", said)
				}
				break
			}
			phases[phase(t, folder)]++
		}
		v := openSteps(t, Config{Folder: folder, Mobile: true}, twoSteps)
		if diff := cmp.Diff(want, holds(t, v, count)); diff != "" || v.Lost() != 0 {
			t.Errorf("%d lost: %.2000s", v.Lost(), diff)
		}
		if err := v.Scrub(t.Context()); err != nil {
			t.Error(err)
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
		entries, err := os.ReadDir(filepath.Dir(folder))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if diff := cmp.Diff([]string{"vault", "vault.schema1"}, names); diff != "" {
			t.Error(diff)
		}
		if same, err := sameFolder(old, folder+".schema1"); err != nil || !same {
			t.Errorf("the copy is not what was there: %v", err)
		}
		v = open(t, Config{Folder: folder + ".schema1", Mobile: true})
		if diff := cmp.Diff(was, holds(t, v, count)); diff != "" {
			t.Errorf("%.2000s", diff)
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("killed: %v", phases)
}

// phase tells how far an upgrade came.
func phase(t *testing.T, folder string) string {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(folder, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	_, slot, _ := latestSlot(file)
	k, err := parseKeySlot(slot, 3)
	switch {
	case err != nil:
		t.Fatal(err)
	case k.schema > 1:
		return fmt.Sprintf("at schema %d", k.schema)
	case exists(filepath.Join(folder, upgradeFile)):
		return "with a copy"
	case exists(folder + ".schema1"):
		return "with a copy that is not noted"
	case exists(folder + ".schema1.part"):
		return "copying"
	}
	return "before"
}

// killUpgrade runs a child for a while, and returns where it kept a copy if it came to its end.
func killUpgrade(t *testing.T, folder string, after time.Duration) (said string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "LINNET_VAULT_UPGRADE="+folder)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var timer *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch line := lines.Text(); {
		case line == "begin":
			timer = time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		case strings.HasPrefix(line, "done "):
			said = strings.TrimPrefix(line, "done ")
		default:
			t.Error(line)
		}
	}
	_ = cmd.Wait()
	if timer != nil {
		timer.Stop()
	}
	return said
}

// copyTree copies a closed vault as a user would.
func copyTree(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}
