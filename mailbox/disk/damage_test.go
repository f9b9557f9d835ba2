package disk

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/linnetmesh/linnet/mailbox"
)

// copied returns a copy of a folder of a store, as after kill -9. Zeros at the end of a file take no room: Badger's logs
// are mostly that.
func copied(t *testing.T, folder string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		name = filepath.Join(to, name)
		if d.IsDir() {
			return os.MkdirAll(name, 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return errors.Join(os.WriteFile(name, bytes.TrimRight(b, "\x00"), 0o600), os.Truncate(name, int64(len(b))))
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// readable counts the posts of boxes that can be read, and fails the test if one is not what was put.
func readable(t *testing.T, s *Store, boxes int) (n, lost int) {
	t.Helper()
	for i := range boxes {
		all, err := s.Fetch(t.Context(), boxID(i), 0, 1<<20, 1<<30)
		if err != nil {
			t.Errorf("box %d: %v", i, err)
			continue
		}
		for _, p := range all {
			if mailbox.NameOf(p.Bytes) != p.Name {
				t.Error("it gives bytes that are not what was put")
			}
		}
		b, err := s.Box(t.Context(), boxID(i))
		if err != nil {
			t.Errorf("box %d: %v", i, err)
		}
		if int(b.Posts) != len(all) {
			t.Errorf("box %d: %d posts of %d", i, len(all), b.Posts)
		}
		n, lost = n+len(all), lost+int(b.Lost)
	}
	return n, lost
}

// TestFlippedByte flips one byte in each sort of file, at many places, in a folder that was closed and in one whose process
// was killed: the store opens, gives all the rest, says what is damaged, takes more, and compacts. LINNET_FLIPS has it flip
// more of them.
func TestFlippedByte(t *testing.T) {
	t.Parallel()
	many := os.Getenv("LINNET_FLIPS") != ""
	const boxes, each = 6, 60
	folder := t.TempDir()
	s := open(t, folder)
	for i := range boxes {
		makeBox(t, s, i)
	}
	for n := uint64(0); n < each; n++ {
		for i := range boxes {
			put(t, s, i, 1000*uint64(i)+n, 1000*uint64(i)+n+1)
		}
		if n == each/2 {
			if err := s.badger.flush(); err != nil { // half of it in a table
				t.Fatal(err)
			}
		}
	}
	killed := copied(t, folder)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for what, from := range map[string]string{"killed": killed, "closed": folder} {
		var files []string
		err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && filepath.Base(path) != "lock" && filepath.Base(path) != "ballast" {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name, err := filepath.Rel(from, file)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			end := len(b)
			for end > 0 && b[end-1] == 0 {
				end--
			}
			if end == 0 {
				continue
			}
			places := []int{random.IntN(end)}
			if many {
				places = append(places, 0, random.IntN(end), random.IntN(end))
			} else if what == "closed" && filepath.Ext(name) != ".vlog" {
				continue
			}
			for i := range places { // not among the zeros of what fills a table up
				for b[places[i]] == 0 {
					places[i] = random.IntN(end)
				}
			}
			if filepath.Ext(name) == ".sst" { // in the index of its blocks, and in what says where that is
				places = append(places, end-1-random.IntN(end/20), end-2)
			}
			for _, at := range places {
				damaged := copied(t, from)
				b[at] ^= 0x21
				if err := os.WriteFile(filepath.Join(damaged, name), b, 0o600); err != nil {
					t.Fatal(err)
				}
				b[at] ^= 0x21
				s, err := Open(Config{Folder: damaged, MinFree: 1, Small: true})
				if err != nil {
					t.Errorf("%s: %s, byte %d of %d: %v", what, name, at, end, err)
					continue
				}
				_, _ = s.Scrub(t.Context(), 1<<30)
				gone := 0
				for i := range boxes { // a box whose owner's part was hit is not there, until its owner opens it
					if _, err := s.Box(t.Context(), boxID(i)); errors.Is(err, mailbox.ErrNoBox) {
						gone++
					}
					makeBox(t, s, i)
				}
				n, lost := readable(t, s, boxes)
				if gone > 0 && len(s.Damaged()) == 0 {
					t.Errorf("%s: %s, byte %d of %d: %d boxes are gone, and nobody says so", what, name, at, end, gone)
				}
				if n+lost < boxes*each-boxes && len(s.Damaged()) == 0 {
					t.Errorf("%s: %s, byte %d of %d: %d posts, %d lost, and nobody says so", what, name, at, end, n, lost)
				}
				most := 3 * boxes
				if filepath.Ext(name) == ".sst" { // a block of 4 KiB: 40 bytes a post of the box it begins with, 64 of the next's
					most = each + (4096-each*40)/64
				}
				if n < boxes*each-most {
					t.Errorf("%s: %s, byte %d of %d: only %d posts are left, damaged %v", what, name, at, end, n, s.Damaged())
				}
				put(t, s, 0, 9000, 9003)
				if ext := filepath.Ext(name); many || at == places[0] && (ext == ".sst" || ext == ".vlog") { // what is compacted and collected
					s.badger.deleted.Store(flushAfter)
				}
				if err := s.Tidy(context.Background()); err != nil {
					t.Errorf("%s: %s, byte %d of %d: tidying: %v", what, name, at, end, err)
				}
				if err := s.Close(); err != nil {
					t.Errorf("%s: %s, byte %d of %d: %v", what, name, at, end, err)
				}
				if s, err = Open(Config{Folder: damaged, MinFree: 1, Small: true}); err != nil {
					t.Errorf("%s: %s, byte %d of %d: again: %v", what, name, at, end, err)
					continue
				}
				again, _ := readable(t, s, boxes)
				if again < n+3 {
					t.Errorf("%s: %s, byte %d of %d: %d posts became %d", what, name, at, end, n+3, again)
				}
				t.Logf("%s: %s, byte %d of %d: %d posts, %d lost, %d boxes gone, %v", what, name, at, end, n, lost, gone, s.Damaged())
				_ = s.Close()
			}
		}
	}
}

// TestDamagedPost loses a post while the store is open: it is passed over, counted once, and may be put again.
func TestDamagedPost(t *testing.T) {
	s := open(t, t.TempDir())
	makeBox(t, s, 0)
	put(t, s, 0, 0, 5)
	key := postKey(s.keys.place(boxID(0)), 3, 1000)
	for _, value := range [][]byte{make([]byte, 700), nil} {
		if err := s.badger.commit(map[string][]byte{string(key): value}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if n, lost := readable(t, s, 1); n != 4 || lost == 0 {
				t.Errorf("%d posts, %d lost", n, lost)
			}
		}
		put(t, s, 0, 2, 3)
		if n, _ := readable(t, s, 1); n != 5 {
			t.Errorf("%d posts after it was put again", n)
		}
		key = postKey(s.keys.place(boxID(0)), 6, 1000)
	}
	if st := s.Stats(); st.Lost != 2 || st.Posts != 5 {
		t.Errorf("%+v", st)
	}
}

// TestDamagedTable flips a byte of a table while the store is open: the scrub finds it, Expire says that the store must be
// opened anew, and then all is there but what one block held, which is named.
func TestDamagedTable(t *testing.T) {
	t.Parallel()
	const boxes, each = 4, 50
	folder := t.TempDir()
	s := open(t, folder)
	for i := range boxes {
		makeBox(t, s, i)
		put(t, s, i, 1000*uint64(i), 1000*uint64(i)+each)
	}
	if err := s.badger.flush(); err != nil {
		t.Fatal(err)
	}
	none := func(mailbox.BoxID, []mailbox.Item) {}
	if err := s.Expire(t.Context(), 1, none); err != nil {
		t.Fatal(err)
	}
	s.background.Wait()
	tables, err := filepath.Glob(filepath.Join(s.badger.path, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	f, err := os.OpenFile(tables[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	one := make([]byte, 1)
	const at = 20_000
	if _, err := f.ReadAt(one, at); err != nil {
		t.Fatal(err)
	}
	one[0] ^= 0x21
	if _, err := f.WriteAt(one, at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for end := false; !end; {
		if end, err = s.Scrub(t.Context(), 1<<30); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Expire(t.Context(), 2, none); !errors.Is(err, mailbox.ErrBroken) {
		t.Errorf("expiring with a damaged table: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, folder)
	if len(s.Damaged()) == 0 {
		t.Error("nobody says what was damaged")
	}
	for i := range boxes {
		makeBox(t, s, i) // as its owner does
	}
	if n, lost := readable(t, s, boxes); n < boxes*each-60 {
		t.Errorf("%d posts of %d, %d lost", n, boxes*each, lost)
	}
	if err := s.Expire(t.Context(), 3, none); err != nil {
		t.Errorf("after it was mended: %v", err)
	}
}

// FuzzMendLog mends what is no log.
func FuzzMendLog(f *testing.F) {
	f.Add([]byte("a log that is none, and rather short"))
	f.Fuzz(func(_ *testing.T, b []byte) { mendLog(b) })
}
