package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Info is what can be said of a vault's folder from outside.
type Info struct {
	// Schema is that of what is stored; higher than the constant Schema if a newer program wrote it.
	Schema uint16
	// Locked tells that the vault needs a passphrase.
	Locked bool
	// InUse tells that a process has the vault open.
	InUse bool
	// Upgrading tells that an upgrade began and did not end: the next Open goes on.
	Upgrading bool
	// Copies are the folders that upgrades left beside the vault's. They hold all that was in it, and stay until the user
	// removes them.
	Copies []string
	// Exposed are the folder and files of the vault that others on this machine can read or write, sorted by path: the
	// folder itself, the key file and the other files right in it. It is empty on Windows, which has no such modes.
	Exposed []Exposed
}

// Exposed is a file or folder that more people than its owner can read or write.
type Exposed struct {
	Path string
	Mode fs.FileMode // permissions alone; 0600 for files and 0700 for folders would be right
}

// String says it for people.
func (e Exposed) String() string { return fmt.Sprintf("%s has mode %04o", e.Path, e.Mode) }

// Inspect looks at a vault's folder without opening it, changing it or asking for a passphrase: while another process has
// it open, too. It reads three small files. The error is fs.ErrNotExist if there is no vault; ErrDamaged if the key file
// does not say what it should, or a *SchemaError if a newer program wrote it, and then the Info has the rest; or the disk's.
func Inspect(folder string) (i Info, err error) {
	key, err := readSmall(filepath.Join(folder, keyFile))
	if errors.Is(err, fs.ErrNotExist) { // damaged, if there are records
		if _, records := os.Stat(filepath.Join(folder, "records", "MANIFEST")); records != nil {
			return i, fmt.Errorf("inspecting vault: %w", err)
		}
	} else if err != nil {
		return i, fmt.Errorf("inspecting vault: %w", err)
	}
	if i.InUse, err = inUse(filepath.Join(folder, "lock")); err != nil {
		return i, fmt.Errorf("inspecting vault: %w", err)
	}
	if i.Copies, err = copies(folder); err != nil {
		return i, fmt.Errorf("looking for copies: %w", err)
	}
	if i.Exposed, err = exposed(folder); err != nil {
		return i, fmt.Errorf("looking at file modes: %w", err)
	}
	upgrade, err := readSmall(filepath.Join(folder, upgradeFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return i, fmt.Errorf("inspecting vault: %w", err)
	}
	_, payload, ok := latestSlot(key)
	if !ok {
		return i, fmt.Errorf("%w: key file", ErrDamaged)
	}
	k, err := parseKeySlot(payload, Schema)
	i.Schema, i.Locked = k.schema, k.wrap != wrapNone
	_, payload, _ = latestSlot(upgrade)
	if _, to, _, begun := parseUpgrade(payload); begun && to > k.schema {
		i.Upgrading = true
		if to > Schema && err == nil {
			err = &SchemaError{Stored: to, Known: Schema}
		}
	}
	return i, err
}

// Locked tells whether a vault's folder needs a passphrase. The errors are those of Inspect.
func Locked(folder string) (bool, error) {
	i, err := Inspect(folder)
	return i.Locked, err
}

// readSmall reads as much of a file as a small one has.
func readSmall(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b := make([]byte, fileMax)
	n, err := file.ReadAt(b, 0)
	if n > 0 || errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}

// inUse tells whether a process holds a lock file. It takes a share of the lock for a moment, which whoever opens the
// vault just then waits for, and another who looks does not see.
func inUse(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	if err = tryShare(file); errors.Is(err, errHeld) {
		return true, nil
	}
	return false, err
}

// exposed returns what in a folder has modes that are too open.
func exposed(folder string) (all []Exposed, err error) {
	if runtime.GOOS == "windows" {
		return nil, nil
	}
	look := func(path string) error {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went meanwhile
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			all = append(all, Exposed{path, info.Mode().Perm()})
		}
		return err
	}
	if err := look(folder); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := look(filepath.Join(folder, e.Name())); err != nil {
			return nil, err
		}
	}
	return all, nil
}
