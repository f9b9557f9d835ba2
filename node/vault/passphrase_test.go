package vault

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// changes are adding, changing and removing a passphrase.
var changes = []struct{ name, from, to string }{
	{"add", "", "first"}, {"change", "first", "second"}, {"remove", "second", ""},
}

// TestChangePassphrase adds, changes and removes the passphrase of a vault, and opens it anew each time.
func TestChangePassphrase(t *testing.T) {
	for _, p := range places(t) {
		t.Run(p.name, func(t *testing.T) {
			c := p.config
			c.Mobile = true
			v := open(t, c)
			put(t, v, Contact, "c", "contact")
			put(t, v, Session, "s", "session")
			for _, change := range changes {
				if err := v.ChangePassphrase([]byte("wrong"), []byte("x")); !errors.Is(err, ErrPassphrase) {
					t.Errorf("%s: %v", change.name, err)
				}
				if err := v.ChangePassphrase([]byte(change.from), []byte(change.to)); err != nil {
					t.Fatal(err)
				}
				put(t, v, Contact, "after", change.name)
				if err := v.Close(); err != nil {
					t.Fatal(err)
				}
				if err := v.ChangePassphrase([]byte(change.to), nil); !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
				c.Passphrase = []byte(change.from)
				if _, err := Open(c); !errors.Is(err, ErrPassphrase) {
					t.Errorf("%s: the one before opens it: %v", change.name, err)
				}
				c.Passphrase = []byte(change.to)
				v = open(t, c)
				if get(v, Contact, "c") != "contact" || get(v, Session, "s") != "session" || get(v, Contact, "after") != change.name {
					t.Error(change.name)
				}
				if c.Folder != "" {
					if locked, err := Locked(c.Folder); err != nil || locked != (change.to != "") {
						t.Errorf("%s: locked %v, %v", change.name, locked, err)
					}
				}
			}
		})
	}
}

// opens tells which one of some passphrases opens a vault, and looks that all is there and that the others open nothing.
func opens(t *testing.T, what string, c Config, passphrases ...string) (opened string) {
	t.Helper()
	count := 0
	for _, p := range passphrases {
		c.Passphrase, c.Mobile = []byte(p), true
		v, err := Open(c)
		if errors.Is(err, ErrPassphrase) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		opened = p
		count++
		if get(v, Contact, "c") != "contact" || v.Lost() != 0 || v.Stats().Damaged != 0 {
			t.Errorf("%s: not all is there", what)
		}
		if twins, err := twinSlots(v.store, keyFile); err != nil || !twins {
			t.Errorf("%s: one slot is not as the other: %v", what, err)
		}
		if file, err := v.store.read(keyFile); err != nil || p != "" && bytes.Contains(file, v.keys.master[:]) {
			t.Errorf("%s: there is a passphrase, and the key lies in the file as it is", what)
		}
		if err := v.Close(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if count != 1 {
		t.Errorf("%s: %d of the passphrases open it", what, count)
	}
	return opened
}

// TestChangePassphraseCrash ends each change before, in the middle of, and after every write: one passphrase opens the
// vault, the new one once the change was told to be done.
func TestChangePassphraseCrash(t *testing.T) {
	disk := new(Disk)
	v := open(t, Config{Disk: disk, Mobile: true})
	put(t, v, Contact, "c", "contact")
	_ = v.Close()
	for _, change := range changes {
		before := disk.Clone()
		v := open(t, Config{Disk: disk, Passphrase: []byte(change.from), Mobile: true})
		writes := disk.Writes()
		if err := v.ChangePassphrase([]byte(change.from), []byte(change.to)); err != nil {
			t.Fatal(err)
		}
		total := disk.Writes() - writes
		_ = v.Close()
		if got := opens(t, change.name, Config{Disk: disk.Clone()}, change.from, change.to); got != change.to {
			t.Errorf("%s: %q opens it", change.name, got)
		}
		for crash := range total {
			for _, when := range []string{"before", "within", "after"} {
				what := fmt.Sprintf("%s, crash %s write %d of %d", change.name, when, crash+1, total)
				torn := before.Clone()
				v := open(t, Config{Disk: torn, Passphrase: []byte(change.from), Mobile: true})
				from := torn.Writes()
				old := bytes.Clone(torn.files[keyFile])
				hook := func(n int) error {
					if n == from+crash+1 {
						return errCrash
					}
					return nil
				}
				if torn.After = hook; when == "before" {
					torn.Before, torn.After = hook, nil
				}
				if err := v.ChangePassphrase([]byte(change.from), []byte(change.to)); !errors.Is(err, errCrash) {
					t.Errorf("%s: %v", what, err)
				}
				torn = torn.Clone()
				if when == "within" {
					sequence, _, _ := latestSlot(old)
					at := int(sequence+1+uint64(crash)) % 2 * slotStep
					cut, end := at+slotHead+rand.IntN(keySlotHead+32), min(at+slotStep, len(old))
					copy(torn.files[keyFile][cut:end], old[cut:end])
				}
				got := opens(t, what, Config{Disk: torn}, change.from, change.to)
				if crash > 0 && got != change.to {
					t.Errorf("%s: %q opens it, and the new one did once", what, got)
				}
			}
		}
	}
}

// passphraseNumber is one of three, the first of which is none.
func passphraseNumber(n int) string { return []string{"", "first", "second"}[n%3] }

// passphraseChild changes the passphrase of a vault to the next again and again, and says each once that is done.
func passphraseChild(folder string) {
	var v *Vault
	n, err := -1, ErrPassphrase
	for errors.Is(err, ErrPassphrase) && n < 3 {
		n++
		v, err = Open(Config{Folder: folder, Mobile: true, Passphrase: []byte(passphraseNumber(n))})
	}
	for err == nil {
		fmt.Println("passphrase", n)
		err = v.ChangePassphrase([]byte(passphraseNumber(n)), []byte(passphraseNumber(n+1)))
		n++
	}
	fmt.Println("error", err)
}

// TestChangePassphraseKill kills a process that changes passphrases: the one that it said last opens the vault, or the
// next.
func TestChangePassphraseKill(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 1
	}
	folder := filepath.Join(t.TempDir(), "vault")
	v := open(t, Config{Folder: folder, Mobile: true})
	put(t, v, Contact, "c", "contact")
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	changed := 0
	for range rounds {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "LINNET_VAULT_PASSPHRASE="+folder)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := -1
		var timer *time.Timer
		for lines := bufio.NewScanner(out); lines.Scan(); changed++ {
			if !scan(lines.Text(), "passphrase %d", &said) {
				t.Error(lines.Text())
			}
			if timer == nil {
				timer = time.AfterFunc(time.Duration(rand.IntN(400))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			}
		}
		_ = cmd.Wait()
		if said < 0 {
			t.Fatal("it said nothing")
		}
		timer.Stop()
		opens(t, fmt.Sprint("killed after ", said), Config{Folder: folder}, passphraseNumber(said), passphraseNumber(said+1))
	}
	t.Logf("%d changes, %d kills", changed, rounds)
}
