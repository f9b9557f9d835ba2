//go:build e2e && linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/linnetmesh/linnet/node/api"
)

// smallDisk is a disk of its own, in memory, on which another program leaves only so much room.
type smallDisk struct {
	t    *testing.T
	path string
	hog  *os.File
}

func mountSmallDisk(t *testing.T, mib int) *smallDisk {
	t.Helper()
	d := &smallDisk{t: t, path: t.TempDir()}
	if err := unix.Mount("tmpfs", d.path, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		t.Fatal("this test mounts a disk, and must be root for that: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(d.path, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	var err error
	if d.hog, err = os.Create(filepath.Join(d.path, "hog")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.hog.Close() })
	return d
}

func (d *smallDisk) free() int64 {
	d.t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(d.path, &s); err != nil {
		d.t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// leave has the other program take all but so many bytes.
func (d *smallDisk) leave(room int64) {
	d.t.Helper()
	if err := d.hog.Truncate(0); err != nil {
		d.t.Fatal(err)
	}
	if err := unix.Fallocate(int(d.hog.Fd()), 0, 0, d.free()-room); err != nil {
		d.t.Fatal(err)
	}
}

// refused runs linnet, which must succeed, or say that the disk is full, what to do, and exit with what is documented for
// that. It tells which.
func (h *home) refused(in, why string, args ...string) bool {
	h.t.Helper()
	c := h.command(in, args...)
	var problems bytes.Buffer
	c.Stderr = &problems
	err := c.Run()
	if c.ProcessState == nil {
		h.t.Fatal(err)
	}
	said := problems.String()
	if err == nil {
		return false
	}
	if c.ProcessState.ExitCode() != exitRefused || !strings.Contains(said, why) || !strings.HasSuffix(said, "try: make room, then try again\n") {
		h.t.Fatalf("linnet %v: %v\n%s", args, err, said)
	}
	return true
}

// TestRestoreOnFullDisk restores a backup onto a disk without room: not for a file, not for a store, and not for all that is
// restored. Each time that is said and nothing is left, neither an account nor a folder nor room that is gone; and once there
// is room, the same command restores all of it. A backup that does not fit on a disk leaves nothing, either.
func TestRestoreOnFullDisk(t *testing.T) {
	const (
		said = 500
		mib  = 1 << 20
	)
	ada := &home{t: t, folder: t.TempDir()}
	defer ada.kill()
	ada.up("--name", "Ada")
	ada.linnet("", "init", "--name", "Ben")
	var invite api.Invite
	if err := json.Unmarshal(ada.linnet("", "invite", "--account", "ben", "--json"), &invite); err != nil {
		t.Fatal(err)
	}
	ada.linnet("", "add", invite.Link)
	ada.until("@Ben", "contacts")
	client := api.DialSocket(filepath.Join(ada.folder, "linnet.sock"))
	pad := make([]byte, 4<<10) // that does not compress well: the backup, and what is restored of it, take some MiB
	for i := range said {
		for j := range pad {
			pad[j] = byte('a' + rand.N(26))
		}
		in := api.InSend{InContact: api.InContact{InAccount: api.InAccount{Account: "ada"}, Contact: "ben"}}
		in.Body.Text = fmt.Sprintf("%d %s", i, pad)
		if _, err := api.SendMessage.Call(t.Context(), client, in); err != nil {
			t.Fatal(err)
		}
	}
	words := string(ada.linnet("", "words"))
	recipient, identity, _ := keys(t)
	file := filepath.Join(t.TempDir(), "ada.age")
	ada.linnet("", "backup", "create", file, "--recipient", recipient)

	disk := mountSmallDisk(t, 300)
	h := &home{t: t, folder: filepath.Join(disk.path, "home")}
	h.up()
	defer h.kill()

	// A backup that does not fit.
	disk.leave(mib)
	if !ada.refused("", "no space left on device", "backup", "create", filepath.Join(disk.path, "ada.age"), "--recipient", recipient) {
		t.Error("a backup of some MiB fits into one")
	}
	left, err := filepath.Glob(filepath.Join(disk.path, "*ada.age*"))
	hidden, herr := filepath.Glob(filepath.Join(disk.path, ".*"))
	if err := errors.Join(err, herr); err != nil || len(left)+len(hidden) > 0 {
		t.Errorf("a backup that did not fit left %v %v, %v", left, hidden, err)
	}

	args := []string{"backup", "restore", file, "--identity", identity}
	// restored tries with so much room, and tells whether it fitted; if not, nothing may be left.
	restored := func(room int64) bool {
		t.Helper()
		disk.leave(room)
		if !h.refused(words, "the disk is nearly full", args...) {
			return true
		}
		if a := h.account(); a != nil {
			t.Fatalf("with %d KiB left there is an account: %+v", room>>10, a)
		}
		entries, err := os.ReadDir(filepath.Join(h.folder, "accounts"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() {
				t.Errorf("with %d KiB left it left %s", room>>10, e.Name())
			}
		}
		if free := disk.free(); free < room-64<<10 { // the log grew
			t.Errorf("of %d KiB, %d KiB are left", room>>10, free>>10)
		}
		return false
	}
	for _, room := range []int64{0, 3 * mib, 50 * mib} {
		if restored(room) {
			t.Errorf("it fits with %d KiB", room>>10)
		}
	}
	// What is restored takes some steps: so the last attempts before it fits fail in the middle.
	room, attempts := int64(110*mib), 0
	for ; !restored(room); room += mib {
		attempts++
	}
	t.Logf("it fits with %d MiB; before that, %d attempts were refused", room/mib, attempts)
	if attempts < 2 {
		t.Error("none was refused in the middle")
	}
	if a := h.account(); a == nil || a.State != stateRunning || len(a.Devices) != 1 {
		t.Errorf("the account is %+v", a)
	}
	if n := h.messages(); n != said {
		t.Errorf("%d messages were restored", n)
	}
}
