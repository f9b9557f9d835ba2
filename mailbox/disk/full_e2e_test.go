//go:build e2e && linux

package disk

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/linnetmesh/linnet/mailbox"
)

// TestFullDisk fills a real disk, of 140 MiB, first with post and then by somebody else until not one byte is free: the
// process lives (Badger alone dies of SIGBUS), what was receipted can be read, acks go on as long as there is room for them,
// it opens again, and it goes on by itself when there is room.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=140m"); err != nil {
		t.Fatal("this test mounts a disk, and must be root for that: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	c := Config{Folder: filepath.Join(disk, "post"), MinFree: 1, Small: true}
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // if the test fails: otherwise it is closed by then
	ctx := context.Background()
	const boxes = 8
	for i := range boxes {
		makeBox(t, s, i)
	}
	kept, last := 0, uint64(0)
	// fill puts until it is refused, and counts what was kept.
	fill := func() {
		t.Helper()
		for {
			var all []mailbox.Deposit
			for i := range boxes {
				last++
				all = append(all, deposit(i, last, 1000))
			}
			full := false
			for _, k := range s.Put(ctx, all) {
				switch {
				case k.Err == nil:
					kept++
				case errors.Is(k.Err, mailbox.ErrDiskFull):
					full = true
				default:
					t.Fatal(k.Err)
				}
			}
			if full {
				return
			}
		}
	}
	check := func() {
		t.Helper()
		n, lost := readable(t, s, boxes)
		if n != kept || lost != 0 || len(s.Damaged()) > 0 {
			t.Fatalf("%d posts of %d, %d lost, damaged %v", n, kept, lost, s.Damaged())
		}
	}
	fill()
	if kept < 1000 || !s.Stats().Full {
		t.Fatalf("it was full after %d posts: %+v", kept, s.Stats())
	}
	check()

	// Somebody else takes all that is left.
	hog := filepath.Join(disk, "hog")
	takeAll(t, hog)
	fill() // nothing is taken
	check()
	acked := 0
	for i := range boxes { // acks make room; they may be refused while there is none at all, and say so
		posts, err := s.Fetch(ctx, boxID(i), 0, 50, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var names []mailbox.Name
		for _, p := range posts {
			names = append(names, p.Name)
		}
		items, err := s.Ack(ctx, boxID(i), names)
		if err != nil && !errors.Is(err, mailbox.ErrDiskFull) {
			t.Fatal(err)
		}
		acked += len(items)
	}
	kept -= acked
	t.Logf("%d posts were kept and %d acked on a full disk", kept, acked)
	check()
	if err := s.Expire(ctx, 1, func(mailbox.BoxID, []mailbox.Item) {}); err != nil && !errors.Is(err, mailbox.ErrDiskFull) {
		t.Error(err)
	}
	s.background.Wait()
	if err := s.Tidy(ctx); err != nil {
		t.Error(err)
	}
	check()

	if err := os.Remove(hog); err != nil {
		t.Fatal(err)
	}
	check()
	// There is room again, as soon as post goes.
	for i := range boxes {
		posts, err := s.Fetch(ctx, boxID(i), 0, 1<<20, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for len(posts) > 0 {
			n := min(len(posts), mailbox.MaxAck)
			var names []mailbox.Name
			for _, p := range posts[:n] {
				names = append(names, p.Name)
			}
			items, err := s.Ack(ctx, boxID(i), names)
			if errors.Is(err, mailbox.ErrDiskFull) { // acks, too, write; what was acked before makes room for more
				if err := s.Tidy(ctx); err != nil {
					t.Fatal(err)
				}
				items, err = s.Ack(ctx, boxID(i), names)
			}
			if err != nil {
				t.Fatal(err)
			}
			kept -= len(items)
			posts = posts[n:]
		}
	}
	if err := s.Tidy(ctx); err != nil {
		t.Error(err)
	}
	before := kept
	fill()
	if kept < before+100 {
		t.Errorf("%d posts more, after all was acked", kept-before)
	}
	check()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// A process that finds no room for beginning says so, and one that finds a little lives, too.
	for _, room := range []int64{0, 3 << 20, 8 << 20, 20 << 20} {
		takeAll(t, hog)
		info, err := os.Stat(hog)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(hog, max(info.Size()-room, 0)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), "LINNET_DISK_CHILD="+c.Folder)
		out, err := cmd.CombinedOutput()
		t.Logf("with %d MiB left: %s", room>>20, bytes.TrimSpace(out[max(len(out)-200, 0):]))
		if cmd.ProcessState.ExitCode() != 1 || !bytes.Contains(out, []byte(mailbox.ErrDiskFull.Error())) {
			t.Errorf("with %d MiB left it died: %v", room>>20, err)
		}
		if err := os.Remove(hog); err != nil {
			t.Fatal(err)
		}
	}
	if s, err = Open(c); err != nil {
		t.Fatal(err)
	}
	check()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// takeAll writes a file until not one byte is free.
func takeAll(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size >= 4096; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
