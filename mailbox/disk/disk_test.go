package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/mailbox"
)

func open(t testing.TB, folder string) *Store {
	t.Helper()
	s, err := Open(Config{Folder: folder, MinFree: 1, Small: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func boxID(n int) (id mailbox.BoxID) {
	binary.BigEndian.PutUint64(id[:], uint64(n)+1)
	return id
}

// bytesOf returns a post of 512 bytes.
func bytesOf(n uint64) []byte {
	b := make([]byte, 512)
	for i := 0; i < len(b); i += 8 {
		binary.BigEndian.PutUint64(b[i:], n*0x9e3779b97f4a7c15+uint64(i))
	}
	return b
}

func deposit(box int, n uint64, until mailbox.Age) mailbox.Deposit {
	b := bytesOf(n)
	return mailbox.Deposit{Box: boxID(box), Name: mailbox.NameOf(b), Bytes: b, Token: mailbox.TokenID{byte(n)}, Class: mailbox.Class{1}, Until: until}
}

func makeBox(t testing.TB, s mailbox.Store, n int) {
	t.Helper()
	if _, _, err := s.SetBox(context.Background(), mailbox.Box{ID: boxID(n), Kind: mailbox.Mail, Secret: [32]byte{1}}); err != nil {
		t.Fatal(err)
	}
}

// put puts posts into a box, and fails the test unless all are kept.
func put(t testing.TB, s mailbox.Store, box int, from, to uint64) {
	t.Helper()
	var all []mailbox.Deposit
	for n := from; n < to; n++ {
		all = append(all, deposit(box, n, 1000))
	}
	for _, k := range s.Put(context.Background(), all) {
		if k.Err != nil {
			t.Fatal(k.Err)
		}
	}
}

// TestClosed calls what was closed.
func TestClosed(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Box(t.Context(), boxID(0))
	if !errors.Is(err, mailbox.ErrClosed) {
		t.Error(err)
	}
	if k := s.Put(t.Context(), []mailbox.Deposit{deposit(0, 1, 1)}); !errors.Is(k[0].Err, mailbox.ErrClosed) {
		t.Error(k)
	}
}

// TestInUse opens a folder twice.
func TestInUse(t *testing.T) {
	folder := t.TempDir()
	open(t, folder)
	if _, err := openWithin(Config{Folder: folder, MinFree: 1, Small: true}, 50*time.Millisecond); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
}

// TestNew holds that a post which is said to be new is kept once, though it comes twice in a group.
func TestNew(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	makeBox(t, s, 0)
	one := deposit(0, 1, 1000)
	one.New = true
	kept := s.Put(t.Context(), []mailbox.Deposit{one, deposit(0, 2, 1000), one})
	for i, old := range []bool{false, false, true} {
		if k := kept[i]; k.Err != nil || k.Old != old {
			t.Errorf("%d: %v, there before: %v", i, k.Err, k.Old)
		}
	}
	if b, err := s.Box(t.Context(), boxID(0)); err != nil || b.Posts != 2 {
		t.Errorf("%d posts, %v", b.Posts, err)
	}
}
