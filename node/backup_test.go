package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

var (
	backupLock = BackupLock{Passphrase: goldenPassphrase, Work: 1}
	backupKey  = BackupKey{Passphrase: goldenPassphrase}
)

func keep(t *testing.T, n *Node) []byte {
	t.Helper()
	var file bytes.Buffer
	_, err := n.Backup(t.Context(), &file, backupLock)
	check(t, err)
	return file.Bytes()
}

// records returns what whoever opens a backup sees.
func records(t *testing.T, file []byte) []byte {
	t.Helper()
	id, err := age.NewScryptIdentity(goldenPassphrase)
	check(t, err)
	plain, err := age.Decrypt(bytes.NewReader(file), id)
	check(t, err)
	z, err := zstd.NewReader(plain)
	check(t, err)
	defer z.Close()
	b, err := io.ReadAll(z)
	check(t, err)
	return b
}

// TestBackupLacks has two people say things that stay, and things that go: in Ada's backup is what stays, and neither what
// went, nor what goes soon, nor any secret key.
func TestBackupLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(goldenDay))
		network := p2ptest.New(1)
		defer network.Close()
		ada, ben := start(t, network, "Ada", vault.Config{}), start(t, network, "Ben", vault.Config{})
		friends(t, ada, ben)
		var m marks
		var stay, gone []string
		say := func(from, to *person, stays bool, change func(*chat.Message)) Ref {
			t.Helper()
			mark := m.next()
			if stays {
				stay = append(stay, mark)
			} else {
				gone = append(gone, mark)
			}
			ref, err := from.say(t.Context(), to.Account(), func(_ *turn, msg *chat.Message) (chat.Time, error) {
				msg.Kind, msg.Text = chat.KindText, &chat.Text{Text: mark}
				change(msg)
				return 0, nil
			})
			check(t, err)
			return ref
		}
		edit := func(from, to *person, ref Ref, stays bool) {
			t.Helper()
			mark := m.next()
			if stays {
				stay = append(stay, mark)
			} else {
				gone = append(gone, mark)
			}
			check(t, from.Edit(t.Context(), to.Account(), ref.ID, mark))
		}
		plain := func(*chat.Message) {}
		timer := func(d time.Duration, from chat.From) func(*chat.Message) {
			return func(msg *chat.Message) { msg.Timer = &chat.Timer{Seconds: uint32(d / time.Second), From: from} }
		}
		for _, pair := range [][2]*person{{ada, ben}, {ben, ada}} {
			from, to := pair[0], pair[1]
			for range 20 {
				edit(from, to, say(from, to, true, plain), true)
				say(from, to, true, timer(30*24*time.Hour, chat.FromSent))
				say(from, to, false, timer(time.Hour, chat.FromSent))    // it is over when the backup is made
				say(from, to, false, timer(20*time.Hour, chat.FromRead)) // it is over soon after it is read
				say(from, to, false, timer(40*time.Hour, chat.FromSent)) // it has been here for long
				say(from, to, false, func(msg *chat.Message) { msg.ViewOnce = true })
				ref := say(from, to, false, plain)
				edit(from, to, ref, false)
				idle(t, ada, ben)
				check(t, from.Delete(t.Context(), to.Account(), ref.ID))
				ref = say(from, to, false, plain)
				idle(t, ada, ben)
				check(t, ada.Erase(t.Context(), ben.Account(), ref))
			}
		}
		idle(t, ada, ben)
		cleo := start(t, network, "Cleo", vault.Config{})
		friends(t, ada, cleo)
		say(ada, cleo, false, plain)
		idle(t, ada)
		check(t, ada.Remove(t.Context(), cleo.Account()))
		time.Sleep(30 * time.Hour)

		// These wait.
		ben.host.Close()
		for range 5 {
			edit(ada, ben, say(ada, ben, true, plain), true)
			say(ada, ben, false, timer(time.Hour, chat.FromRead))
			ref := say(ada, ben, false, plain)
			edit(ada, ben, ref, false)
			check(t, ada.Delete(t.Context(), ben.Account(), ref.ID))
		}

		s := ada.currentSelf()
		secrets := map[string][]byte{
			"identity key": s.identity.AppendTo(nil), "seed": s.seed.AppendTo(nil), "discovery key": s.discovery.AppendTo(nil),
			"discovery root": s.Root, "bundle key": s.bundleKey.AppendTo(nil), "envelope key": s.privates[0].EnvelopeKey.AppendTo(nil),
			"signed prekey": s.privates[0].SignedPreKey.AppendTo(nil),
		}
		file := keep(t, ada.Node)
		m.find(file, func(f form) { t.Errorf("the file shows %s as %s", f.mark, f.name) })
		b := records(t, file)
		for what, secret := range secrets {
			if len(secret) < 32 || bytes.Contains(b, secret) {
				t.Errorf("%s (%d bytes) is in it", what, len(secret))
			}
		}
		for _, mark := range gone {
			if bytes.Contains(b, []byte(mark)) {
				t.Errorf("%s went, and is in it", mark)
			}
		}
		for _, mark := range stay {
			if !bytes.Contains(b, []byte(mark)) {
				t.Errorf("%s is missing", mark)
			}
		}
		t.Logf("%d stayed, %d went; %d bytes of records, %d of the file", len(stay), len(gone), len(b), len(file))
	})
}

// TestRestoreCut cuts the power at each write of a restore. Afterwards there is no account, and restoring again succeeds;
// or, after the last write, there is all of it.
func TestRestoreCut(t *testing.T) {
	t.Parallel()
	const many = 2600
	network := p2ptest.New(1)
	defer network.Close()
	v, err := vault.Open(vault.Config{})
	check(t, err)
	defer v.Close()
	check(t, Create(v, "Ada", time.Now()))
	ben, err := vault.Open(vault.Config{})
	check(t, err)
	defer ben.Close()
	check(t, Create(ben, "Ben", time.Now()))
	n := asleep(t, network, v)
	them := asleep(t, network, ben)
	batch := v.NewBatch()
	check(t, (&contact{account: them.me, view: them.currentSelf().view, contactBody: contactBody{State: Accepted, Since: 1}}).store(v, batch))
	for i := range many {
		message := &chat.Message{ID: chat.NewID(), Time: chat.At(time.Now()) + Time(i), Kind: chat.KindText, Text: &chat.Text{Text: fmt.Sprint("message ", i)}}
		it := &chat.Item{Ref: chat.Ref{Author: n.me, ID: message.ID}}
		check(t, it.Apply(message, chat.Author{Account: n.me, Device: 1}, time.Now()))
		check(t, batch.PutItem(chat.Direct(them.me), it))
		if batch.Full() {
			check(t, v.Commit(batch))
		}
	}
	check(t, v.Commit(batch))
	file := keep(t, n)
	list, err := n.Words()
	check(t, err)
	words := strings.Join(list, " ")

	errPower := errors.New("the power went")
	cuts := 0
	for write := 1; ; write++ {
		for _, after := range []bool{false, true} {
			disk, died := new(vault.Disk), false
			v, err := vault.Open(vault.Config{Disk: disk})
			check(t, err)
			begun := 0
			cut := func(int) error {
				if begun++; begun >= write || died {
					died = true
					return errPower
				}
				return nil
			}
			if after {
				disk.After = cut
			} else {
				disk.Before = cut
			}
			_, err = Restore(t.Context(), v, bytes.NewReader(file), backupKey, words, time.Now())
			_ = v.Close()
			disk.Before, disk.After = nil, nil
			if !died {
				check(t, err)
				if cuts < 8 {
					t.Errorf("it took %d writes: that shows nothing", cuts)
				}
				t.Logf("%d cuts", cuts)
				return
			}
			cuts++
			if v, err = vault.Open(vault.Config{Disk: disk}); err != nil {
				t.Fatal(err)
			}
			_, err = New(Config{Vault: v, Deliver: network.NewHost().Lane("x"), Bundle: network.NewHost().Lane("y"), Directory: network.NewHost(), Reach: network.NewHost()})
			_, again := Restore(t.Context(), v, bytes.NewReader(file), backupKey, words, time.Now())
			switch {
			case errors.Is(err, ErrNoAccount) && again == nil:
			case err == nil && errors.Is(again, ErrAccountExists):
			default:
				t.Fatalf("after write %d: %v, %v", write, err, again)
			}
			got := asleep(t, network, v)
			lines := 0
			var before chat.Place
			for {
				page, err := got.Messages(them.me, before, 1000)
				check(t, err)
				if len(page) == 0 {
					break
				}
				lines += len(page)
				before = page[len(page)-1].Place
			}
			if waits := got.Waiting(); lines != many || len(waits) != 1 || waits[0].Posts != 1 {
				t.Fatalf("after write %d: %d messages, %+v", write, lines, waits)
			}
			check(t, v.Close())
		}
	}
}

// failing fails after so many bytes.
type failing struct{ left int }

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

// TestBackupFails has making and reading fail in all ways, and the node goes on.
func TestBackupFails(t *testing.T) {
	network := p2ptest.New(1)
	defer network.Close()
	v, err := vault.Open(vault.Config{})
	check(t, err)
	check(t, Create(v, "Ada", time.Now()))
	n := asleep(t, network, v)
	if _, ok := n.LastBackup(); ok {
		t.Error("a new account was backed up")
	}
	for left := range 3 {
		if _, err := n.Backup(t.Context(), &failing{left * 100}, backupLock); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("a disk that takes %d bytes: %v", left*100, err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Backup(over, io.Discard, backupLock); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits: %v", err)
	}
	var nothing bytes.Buffer
	if _, err := n.Backup(t.Context(), &nothing, BackupLock{}); !errors.Is(err, ErrBackupLock) || nothing.Len() > 0 {
		t.Errorf("no lock: %v, %d bytes", err, nothing.Len())
	}
	file := keep(t, n)
	if s, err := VerifyBackup(t.Context(), bytes.NewReader(file), backupKey); err != nil || s.Account != n.me || s.Name != "Ada" {
		t.Errorf("%+v, %v", s, err)
	}
	words, err := n.Words()
	check(t, err)
	list := strings.Join(words, " ")
	if _, err := Restore(t.Context(), v, bytes.NewReader(file), backupKey, list, time.Now()); !errors.Is(err, ErrAccountExists) {
		t.Errorf("over an account: %v", err)
	}
	check(t, v.Close())
	if _, err := n.Backup(t.Context(), io.Discard, backupLock); !errors.Is(err, ErrStopped) {
		t.Errorf("a closed vault: %v", err)
	}
	empty, err := vault.Open(vault.Config{})
	check(t, err)
	defer empty.Close()
	if _, err := VerifyBackup(t.Context(), bytes.NewReader(file[:len(file)-1]), backupKey); !errors.Is(err, ErrBackupDamaged) {
		t.Errorf("cut short: %v", err)
	}
	if _, err := Restore(t.Context(), empty, bytes.NewReader(file[:len(file)-1]), backupKey, list, time.Now()); !errors.Is(err, ErrBackupDamaged) {
		t.Errorf("cut short: %v", err)
	}
	if _, err := Restore(over, empty, bytes.NewReader(file), backupKey, list, time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if _, err := Restore(t.Context(), empty, bytes.NewReader(file), backupKey, list, time.Unix(0, 0)); err == nil {
		t.Error("a clock of 1970 begins an epoch")
	}
	check(t, Create(empty, "Somebody", time.Now())) // what failed left nothing
}
