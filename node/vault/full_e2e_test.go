//go:build e2e && linux

package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/linnetmesh/linnet/node/chat"
)

// TestFullDisk fills a disk of 96 MiB with history until the vault refuses, and the rest of it with something else. The
// process lives, everything acknowledged is there, urgent commits go on for a while, and when there is room, all goes on.
func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=96m"); err != nil {
		t.Skip("mounting takes root: ", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(root, unix.MNT_DETACH) })
	c := Config{Folder: filepath.Join(root, "vault"), Mobile: true, MinFree: 1}
	v, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(rand.Int())
	}
	acked := 0
	for full := 0; full < 3; {
		b := v.NewBatch()
		b8 := binary.BigEndian.AppendUint64(nil, uint64(acked+1))
		if err := errors.Join(b.Put(Outbox, b8, noise), b.Put(Delivery, b8, noise[:200]), b.PutItem(talk, item(acked+1, fmt.Sprint(acked+1)))); err != nil {
			t.Fatal(err)
		}
		switch err := v.Commit(b); {
		case err == nil:
			acked++
		case !errors.Is(err, ErrFull):
			t.Fatal(err)
		default:
			if full++; full == 1 {
				t.Logf("full after %d commits: %+v", acked, v.Stats())
				if err := v.Tidy(t.Context()); err != nil { // there is nothing to gain, and no harm
					t.Fatal(err)
				}
			}
		}
	}
	if !v.Stats().Full || acked < 1000 {
		t.Errorf("%d commits, %+v", acked, v.Stats())
	}
	// Something else takes the rest of the disk, all but a page or none.
	hog, err := os.Create(filepath.Join(root, "hog"))
	if err != nil {
		t.Fatal(err)
	}
	fill := func() {
		for {
			if _, err := hog.Write(make([]byte, 64<<10)); err != nil {
				break
			}
		}
	}
	fill()
	urgent := v.NewBatch()
	urgent.Urgent = true
	if err := errors.Join(urgent.Put(Setting, []byte("k"), noise[:10]), v.Commit(urgent)); err == nil || !errors.Is(err, ErrFull) {
		t.Errorf("urgent on a disk with nothing left: %v", err)
	}
	if page, err := v.Page(talk, chat.Place{}, 10); err != nil || len(page) != 10 {
		t.Error("reading on a full disk: ", err)
	}
	if _, err := os.Stat(filepath.Join(c.Folder, "ballast")); err == nil {
		t.Error("the ballast is not thrown")
	}
	if err := hog.Truncate(6 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := hog.Seek(0, 2); err != nil {
		t.Fatal(err)
	}
	if err := v.Commit(urgent); err != nil {
		t.Error("urgent with some room: ", err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	fill()
	if _, err := Open(c); !errors.Is(err, ErrFull) {
		t.Errorf("opening on a disk with nothing left: %v", err)
	}
	if err := errors.Join(hog.Truncate(0), hog.Close(), os.Remove(hog.Name())); err != nil {
		t.Fatal(err)
	}
	v = open(t, c)
	for n := 1; n <= acked; n++ {
		b8 := binary.BigEndian.AppendUint64(nil, uint64(n))
		if b, err := v.Get(Outbox, b8); err != nil || !bytes.Equal(b, noise) {
			t.Fatalf("commit %d of %d: %v", n, acked, err)
		}
	}
	if v.Lost() != 0 || v.Stats().Damaged != 0 || get(v, Setting, "k") != string(noise[:10]) {
		t.Errorf("%+v", v.Stats())
	}
	// What is deleted makes room.
	for n := 1; n <= acked; {
		b := v.NewBatch()
		for b.Urgent = true; n <= acked && !b.Full(); n++ {
			b8 := binary.BigEndian.AppendUint64(nil, uint64(n))
			if err := errors.Join(b.Delete(Outbox, b8), b.Delete(Delivery, b8)); err != nil {
				t.Fatal(err)
			}
		}
		if err := v.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount("", root, "", unix.MS_REMOUNT, "size=160m"); err != nil {
		t.Fatal(err)
	}
	before := v.Stats()
	for range 3 {
		if err := v.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	after := v.Stats()
	if after.Free < before.Free+(20<<20) {
		t.Error("deletions make no room")
	}
	t.Logf("deleted: %+v, tidied: %+v", before, after)
	put(t, v, Setting, "k", "it goes on")
}
