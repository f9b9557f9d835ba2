package vault

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestInspect looks at folders in all states, and changes none.
func TestInspect(t *testing.T) {
	upgradeTo := func(b ...byte) func(string) error {
		return func(folder string) error {
			return os.WriteFile(filepath.Join(folder, upgradeFile), appendSlot(nil, 2, b), 0o600)
		}
	}
	key := func(b ...byte) func(string) error {
		return func(folder string) error { return os.WriteFile(filepath.Join(folder, keyFile), b, 0o600) }
	}
	for name, test := range map[string]struct {
		passphrase string
		open       bool
		change     func(folder string) error
		want       Info // paths are relative to where the folder lies
		err        error
	}{
		"plain":                 {want: Info{Schema: 1}},
		"with a passphrase":     {passphrase: "x", want: Info{Schema: 1, Locked: true}},
		"in use":                {open: true, want: Info{Schema: 1, InUse: true}},
		"in use, and locked":    {open: true, passphrase: "x", want: Info{Schema: 1, InUse: true, Locked: true}},
		"no lock file":          {change: func(f string) error { return os.Remove(filepath.Join(f, "lock")) }, want: Info{Schema: 1}},
		"an upgrade that ended": {change: upgradeTo(0, 1, 0, 1, 0, 1), want: Info{Schema: 1}},
		"half upgraded":         {change: upgradeTo(0, 1, 0, 2, 0, 1), want: Info{Schema: 1, Upgrading: true}, err: &SchemaError{2, 1}},
		"of a newer Linnet":     {change: key(appendSlot(nil, 2, []byte{0, 7, 9})...), want: Info{Schema: 7}, err: &SchemaError{7, 1}},
		"a damaged key":         {change: key(1, 2, 3), err: ErrDamaged},
		"an empty key":          {change: key(), err: ErrDamaged},
		"no key, but records":   {change: func(f string) error { return os.Remove(filepath.Join(f, keyFile)) }, err: ErrDamaged},
		"no vault":              {change: os.RemoveAll, err: fs.ErrNotExist},
		"another folder": {change: func(f string) error {
			return errors.Join(os.RemoveAll(f), os.Mkdir(f, 0o700))
		}, err: fs.ErrNotExist},
		"modes": {change: func(f string) error {
			return errors.Join(os.Chmod(f, 0o755), os.Chmod(filepath.Join(f, keyFile), 0o640), os.Chmod(filepath.Join(f, "records"), 0o701))
		}, want: Info{Schema: 1, Exposed: []Exposed{{"vault", 0o755}, {"vault/key", 0o640}, {"vault/records", 0o701}}}},
		"copies": {change: func(f string) error {
			var err error
			for _, ending := range []string{".schema1", ".schema12.3", ".schema1.part", ".schema", ".schemas", "2"} {
				err = errors.Join(err, os.Mkdir(f+ending, 0o700))
			}
			return err
		}, want: Info{Schema: 1, Copies: []string{"vault.schema1", "vault.schema12.3"}}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			folder := filepath.Join(root, "vault")
			v := open(t, Config{Folder: folder, Mobile: true, Passphrase: []byte(test.passphrase)})
			if !test.open {
				if err := v.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if test.change != nil {
				if err := test.change(folder); err != nil {
					t.Fatal(err)
				}
			}
			got, err := Inspect(folder)
			if want := new(SchemaError); errors.As(test.err, &want) {
				s := new(SchemaError)
				if !errors.As(err, &s) || *s != *want {
					t.Errorf("got %v, want %v", err, want)
				}
			} else if !errors.Is(err, test.err) {
				t.Errorf("got %v, want %v", err, test.err)
			}
			for i, path := range got.Copies {
				got.Copies[i], _ = filepath.Rel(root, path)
			}
			for i, e := range got.Exposed {
				got.Exposed[i].Path, _ = filepath.Rel(root, e.Path)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if locked, err := Locked(folder); locked != test.want.Locked || !errors.Is(err, test.err) && !errors.As(test.err, new(*SchemaError)) {
				t.Errorf("Locked = %v, %v", locked, err)
			}
		})
	}
	if got, want := (Exposed{"a/key", 0o644}).String(), "a/key has mode 0644"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestInspectWhileOpening looks all the time while another opens and closes: neither stands in the other's way.
func TestInspectWhileOpening(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "vault")
	_ = open(t, Config{Folder: folder, Mobile: true}).Close()
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if _, err := Inspect(folder); err != nil {
				done <- err
				<-stop
				return
			}
		}
	}()
	for range 10 {
		if err := open(t, Config{Folder: folder, Mobile: true}).Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// BenchmarkInspect is what a status pays for it.
func BenchmarkInspect(b *testing.B) {
	folder := filepath.Join(b.TempDir(), "vault")
	_ = open(b, Config{Folder: folder, Mobile: true}).Close()
	for b.Loop() {
		if _, err := Inspect(folder); err != nil {
			b.Fatal(err)
		}
	}
}
