package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// maxCopies is how many copies of one schema may lie beside a vault. There is more than one only if an older program went
// on with what it was, and somebody upgraded again.
const maxCopies = 99

// maxDepth is how deep folders in a vault's may lie. There is one.
const maxDepth = 4

// copyPath returns where a copy of a folder lies: beside it, as folder.schema1, folder.schema1.2, …
func copyPath(folder string, schema, number uint16) (string, error) {
	path, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	path = fmt.Sprintf("%s.schema%d", path, schema)
	if number > 1 {
		path += "." + strconv.Itoa(int(number))
	}
	return path, nil
}

// kept returns where a copy is.
func (f *folder) kept(schema, number uint16) string {
	path, err := copyPath(f.path, schema, number)
	if err != nil {
		return ""
	}
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// keep copies the folder, under a name that says that it is not finished, and then gives it its own. One that is finished
// and has what is in the folder now is left by a crash: it will do.
func (f *folder) keep(schema uint16) (path string, number uint16, err error) {
	for number = 1; ; number++ {
		if path, err = copyPath(f.path, schema, number); err != nil {
			return "", 0, err
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return "", 0, err
		}
		if same, err := sameFolder(f.path, path); err != nil {
			return "", 0, err
		} else if same {
			return path, number, nil
		}
		if number == maxCopies {
			return "", 0, fmt.Errorf("there are %d copies already: remove those that are not needed", maxCopies)
		}
	}
	part, err := copyPath(f.path, schema, 1)
	if err != nil {
		return "", 0, err
	}
	part += ".part"
	if err := os.RemoveAll(part); err != nil {
		return "", 0, err
	}
	if err := f.spareCopy(filepath.Dir(part)); err != nil {
		return "", 0, err
	}
	if err := copyFolder(f.path, part); err != nil {
		return "", 0, errors.Join(err, os.RemoveAll(part))
	}
	if err := os.Rename(part, path); err != nil {
		return "", 0, err
	}
	return path, number, syncFolder(filepath.Dir(path))
}

// spareCopy returns ErrFull, with a text that says how much is needed, unless there is room for a copy in another folder
// and for the upgrade, which may write every record once more.
func (f *folder) spareCopy(beside string) error {
	size := uint64(0)
	err := walk(f.path, func(name string, info fs.FileInfo) error {
		size += f.weight(name, info.Size())
		return nil
	})
	if err != nil {
		return err
	}
	need := 2*size + f.guard.floor
	for _, place := range []string{beside, f.path} {
		free, _, err := f.guard.free(place)
		if err != nil {
			return fmt.Errorf("asking for free room: %w", err)
		}
		if free < need {
			return fmt.Errorf("%w: upgrading takes %d MiB, with the copy that is kept, and %d MiB are free", ErrFull,
				(need+1<<20-1)>>20, free>>20)
		}
	}
	return nil
}

// walk calls each for every regular file in a vault's folder and the folders in it, but for what each process makes
// anew, and for the note of an upgrade, which begins once there is a copy. Names are relative and have slashes.
func walk(folder string, each func(name string, info fs.FileInfo) error) error {
	return walkIn(folder, "", 0, each)
}

func walkIn(folder, in string, depth int, each func(name string, info fs.FileInfo) error) error {
	entries, err := os.ReadDir(filepath.Join(folder, filepath.FromSlash(in)))
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if in != "" {
			name = in + "/" + name
		}
		if name == "lock" || name == "ballast" || name == upgradeFile {
			continue
		}
		info, err := os.Stat(filepath.Join(folder, filepath.FromSlash(name))) // records may be a link to another disk
		switch {
		case err != nil:
			return err
		case info.IsDir() && depth == maxDepth:
			return fmt.Errorf("the folder of the vault is deeper than %d folders", maxDepth)
		case info.IsDir():
			err = walkIn(folder, name, depth+1, each)
		case info.Mode().IsRegular():
			err = each(name, info)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyFolder copies a vault's folder, and syncs all that it made. The mark of the copy is set ahead: whoever opens it
// finds that commits are missing, as they are if the vault went on.
func copyFolder(from, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	folders := []string{to}
	err := walk(from, func(name string, _ fs.FileInfo) error {
		path := filepath.Join(to, filepath.FromSlash(name))
		if dir := filepath.Dir(path); dir != folders[len(folders)-1] && dir != to {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			folders = append(folders, dir)
		}
		return copyFile(filepath.Join(from, filepath.FromSlash(name)), path)
	})
	if err != nil {
		return err
	}
	if err := aheadMark(filepath.Join(to, markFile)); err != nil {
		return err
	}
	for _, path := range folders {
		if err := syncFolder(path); err != nil {
			return err
		}
	}
	return nil
}

// aheadMark sets a mark further ahead than the commits can be: a mark that was not synced may be behind them by markSync.
func aheadMark(path string) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	commit, _, ok := parseMark(b)
	if !ok {
		return nil // opening it will say so
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	commit += markSync + 1
	_, err = file.WriteAt(appendMark(nil, commit, false), markAt(commit))
	return errors.Join(err, file.Sync(), file.Close())
}

// copyFile copies a file and syncs it. Where there are only zeros it leaves a hole: Badger's logs look larger than they
// are.
func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	file, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	piece, zeros, size := make([]byte, 64<<10), make([]byte, 64<<10), int64(0)
	for {
		n, err := io.ReadFull(source, piece)
		if n > 0 && !bytes.Equal(piece[:n], zeros[:n]) {
			if _, err := file.WriteAt(piece[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if err := file.Truncate(size); err != nil {
		return err
	}
	return file.Sync()
}

// sameFolder tells whether a copy has what is in a folder, but for the mark.
func sameFolder(folder, copied string) (bool, error) {
	left := make(map[string]bool)
	if err := walk(copied, func(name string, _ fs.FileInfo) error { left[name] = true; return nil }); err != nil {
		return false, err
	}
	err := walk(folder, func(name string, _ fs.FileInfo) error {
		if !left[name] {
			return errDiffers
		}
		delete(left, name)
		if name == markFile {
			return nil
		}
		return sameFile(filepath.Join(folder, filepath.FromSlash(name)), filepath.Join(copied, filepath.FromSlash(name)))
	})
	if errors.Is(err, errDiffers) {
		return false, nil
	}
	return len(left) == 0, err
}

var errDiffers = errors.New("differs")

// sameFile returns errDiffers unless two files have the same bytes.
func sameFile(a, b string) error {
	first, err := os.Open(a)
	if err != nil {
		return err
	}
	defer first.Close()
	second, err := os.Open(b)
	if err != nil {
		return err
	}
	defer second.Close()
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(first, x)
		m, err2 := io.ReadFull(second, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return errDiffers
		}
		for _, err := range []error{err, err2} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return err
			}
		}
		if n < len(x) {
			return nil
		}
	}
}

var copyName = regexp.MustCompile(`^\.schema[0-9]{1,5}(\.[0-9]{1,2})?$`)

// copies returns the finished copies beside a folder.
func copies(path string) (paths []string, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	name := filepath.Base(path)
	for _, e := range entries {
		if n := e.Name(); len(n) > len(name) && n[:len(name)] == name && copyName.MatchString(n[len(name):]) && e.IsDir() {
			paths = append(paths, filepath.Join(filepath.Dir(path), n))
		}
	}
	return paths, nil
}
