package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	"github.com/linnetmesh/linnet/node/api"
)

// newFile is a file of mode 0600 that gets its name once all of it is on the disk: who is interrupted, or killed, leaves
// nothing under that name.
type newFile struct {
	*os.File
	path string
}

// unfinishedFile is how the names of files end that are being written. Who is killed leaves one, with nothing in it that is not
// in the next.
const unfinishedFile = ".unfinished"

// createFile begins a file. The error is one of usage, or CodeConflict, if it cannot have that name.
func createFile(path string) (*newFile, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.IsDir() {
			return nil, &usageError{fmt.Sprintf("%s is a folder; give the file a name", path)}
		}
		return nil, exists(path)
	}
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, &usageError{fmt.Sprintf("there is no folder %s", folder)}
	}
	f, err := os.CreateTemp(folder, "."+filepath.Base(path)+".*"+unfinishedFile)
	if err != nil {
		return nil, fmt.Errorf("beginning a file: %w", err)
	}
	return &newFile{f, path}, nil
}

func exists(path string) error {
	return refusal(http.StatusConflict, api.CodeConflict, "choose another name, or move it away", "%s is there already, and is not overwritten", path)
}

// keep gives the file its name. It does not take that of another one.
func (f *newFile) keep() error {
	err := errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), f.path)
	}
	switch _, lerr := os.Lstat(f.path); {
	case err == nil:
		err = os.Remove(f.Name())
	case errors.Is(err, fs.ErrExist):
		err = errors.Join(exists(f.path), os.Remove(f.Name()))
	case errors.As(err, new(*os.LinkError)) && errors.Is(lerr, fs.ErrNotExist): // there are no links on this disk
		err = os.Rename(f.Name(), f.path)
	default:
		err = errors.Join(err, os.Remove(f.Name()))
	}
	if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(f.path))
}

// drop removes what was begun.
func (f *newFile) drop() error { return errors.Join(f.Close(), os.Remove(f.Name())) }

// syncFolder has the names in a folder on the disk. Windows has no such call, and needs none.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing a folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
