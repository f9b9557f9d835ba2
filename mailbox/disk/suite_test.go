package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/mailbox/mailboxtest"
)

// flushed waits until Badger, which here outlives a crash, writes no table any more, and so takes no log away beside the next
// one that opens the folder.
func flushed(t testing.TB, folder string) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(time.Minute); ; <-look.C {
		logs, err := filepath.Glob(filepath.Join(folder, "*.mem"))
		if err != nil || time.Now().After(end) {
			t.Fatal(logs, err)
		}
		if len(logs) <= 1 {
			return
		}
	}
}

// TestStore passes the suite for all stores.
func TestStore(t *testing.T) {
	t.Parallel()
	mailboxtest.RunStore(t, func(t *testing.T) mailboxtest.Disk {
		t.Helper()
		folder := t.TempDir()
		return mailboxtest.Disk{
			Open: func(t testing.TB) mailbox.Store {
				t.Helper()
				s, err := Open(Config{Folder: folder, MinFree: 1, Small: true})
				if err != nil {
					t.Fatal(err)
				}
				return s
			},
			Crash: func(t testing.TB, is mailbox.Store) { // nothing is written out, and the folder is free
				t.Helper()
				s := is.(*Store)
				s.gate.Lock()
				was := s.closed
				s.closed = true
				s.gate.Unlock()
				if was {
					return
				}
				s.users.Wait()
				s.background.Wait()
				flushed(t, filepath.Join(folder, "records"))
				if err := s.lock.Close(); err != nil {
					t.Error(err)
				}
			},
			SetFull: func(_ testing.TB, is mailbox.Store, full bool) {
				s := is.(*Store)
				s.guard.mutex.Lock()
				defer s.guard.mutex.Unlock()
				s.guard.free = freeBytes
				if full {
					s.guard.free = func(string) (free, total uint64, err error) {
						return s.guard.floor + s.guard.tables + s.guard.size/4, 1 << 41, nil
					}
				}
			},
			Damage: func(t testing.TB, _ mailbox.Store, _ mailbox.BoxID, post mailbox.Post) {
				t.Helper()
				logs, err := filepath.Glob(filepath.Join(folder, "records", "*.vlog"))
				if err != nil {
					t.Fatal(err)
				}
				for _, path := range logs {
					b, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					for from := 0; ; {
						at := bytes.Index(b[from:], post.Name[:])
						if at < 0 {
							break
						}
						from += at + 300 // in the ciphertext
						f, err := os.OpenFile(path, os.O_RDWR, 0)
						if err != nil {
							t.Fatal(err)
						}
						if _, err := f.WriteAt([]byte{b[from] ^ 1}, int64(from)); err != nil {
							t.Fatal(err)
						}
						_ = f.Close()
					}
				}
			},
		}
	})
}
