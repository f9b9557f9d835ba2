package vault

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGuard walks the free room down and up again.
func TestGuard(t *testing.T) {
	const mb = 1 << 20
	free := uint64(1000 * mb)
	g := guard{path: t.TempDir(), min: 200 * mb}
	g.ballast = filepath.Join(g.path, "ballast")
	g.free = func(string) (uint64, uint64, error) {
		held := uint64(0)
		if _, err := os.Stat(g.ballast); err == nil {
			held = 2 * mb
		}
		return free - held, 4000 * mb, nil
	}
	g.need(100*mb, 2*mb)
	for _, step := range []struct {
		free           uint64
		normal, urgent error
		ballast, full  bool
	}{
		{203 * mb, nil, nil, false, false}, // too little to make the ballast
		{300 * mb, nil, nil, true, false},
		{202*mb + 5, nil, nil, true, false},
		{202*mb + 4, ErrFull, nil, true, true},
		{102*mb + 5, ErrFull, nil, true, true},
		{102*mb + 4, ErrFull, nil, false, true}, // thrown
		{100*mb + 5, ErrFull, nil, false, true},
		{100*mb + 4, ErrFull, ErrFull, false, true},
		{0, ErrFull, ErrFull, false, true},
		{150 * mb, ErrFull, nil, false, true},
		{201 * mb, nil, nil, false, false},
		{207 * mb, nil, nil, true, false},
	} {
		free = step.free
		normal, urgent := g.room(5, false), g.room(5, true)
		_, err := os.Stat(g.ballast)
		_, full := g.state()
		if !errors.Is(normal, step.normal) || !errors.Is(urgent, step.urgent) || (err == nil) != step.ballast || full != step.full {
			t.Errorf("at %d MiB and %d: %v, %v, ballast %v, full %v", free/mb, free%mb, normal, urgent, err == nil, full)
		}
	}
	g.min = 0
	got := []uint64{g.limit(1 << 40), g.limit(3 << 30), g.limit(64 * mb)}
	if diff := cmp.Diff([]uint64{256 * mb, 3 << 30 / 20, 101 * mb}, got); diff != "" {
		t.Error(diff)
	}
}

// TestFullFolder has a disk that is nearly full by what it says.
func TestFullFolder(t *testing.T) {
	v := open(t, Config{Folder: t.TempDir(), Mobile: true})
	f, ok := v.store.(*folder)
	if !ok {
		t.Fatal("no folder")
	}
	put(t, v, Contact, "k", "v")
	say := func(free uint64) {
		f.guard.mutex.Lock()
		defer f.guard.mutex.Unlock()
		f.guard.free = func(string) (uint64, uint64, error) { return free, 1 << 40, nil }
	}
	say(100 << 20)
	b := v.NewBatch()
	if err := b.Put(Contact, []byte("more"), nil); err != nil {
		t.Fatal(err)
	}
	if err := v.Commit(b); !errors.Is(err, ErrFull) || !v.Stats().Full || v.Stats().Free != 100<<20 {
		t.Error(err)
	}
	if get(v, Contact, "k") != "v" {
		t.Error("it does not read")
	}
	urgent := v.NewBatch()
	urgent.Urgent = true
	if err := errors.Join(urgent.Delete(Contact, []byte("k")), v.Commit(urgent)); err != nil {
		t.Error(err)
	}
	say(1 << 30)
	if err := v.Commit(b); err != nil || v.Stats().Full {
		t.Error(err)
	}
	// A disk that does not answer refuses the commit, and no more.
	f.guard.free = func(string) (uint64, uint64, error) { return 0, 0, os.ErrPermission }
	if err := errors.Join(b.Put(Contact, []byte("x"), nil), v.Commit(b)); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
	say(1 << 30)
	if err := v.Commit(b); err != nil {
		t.Error(err)
	}
}

// TestBallast makes the ballast in both ways: it has its size, and its room.
func TestBallast(t *testing.T) {
	const n = 5<<19 + 7
	for name, f := range map[string]func(*os.File, uint64) error{"reserved": reserve, "filled": fill} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ballast")
			file, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if err = f(file, n); errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			}
			if err := errors.Join(err, file.Close()); err != nil {
				t.Fatal(err)
			}
			g := guard{ballast: path}
			if g.need(0, n); g.thrown {
				t.Error("smaller than asked for")
			}
			if g.need(0, n+1); !g.thrown {
				t.Error("larger than asked for")
			}
		})
	}
	file, err := os.Open(filepath.Join(t.TempDir(), "..")) // a folder, which has no room to reserve
	if err != nil {
		t.Fatal(err)
	}
	if err := reserve(file, n); err == nil {
		t.Error("reserved in what cannot be written")
	}
	if err := fill(file, n); err == nil {
		t.Error("filled what cannot be written")
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
