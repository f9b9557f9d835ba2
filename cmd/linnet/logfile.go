package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
)

// Bounds of the log: so many bytes in a file, and so many old files.
const (
	logSize = 5 << 20
	logKeep = 3
)

// logFile is a log of mode 0600 that begins anew before it has more than size bytes, and keeps the last ones under its
// name with .1 (the newest) to .3. It is safe for several goroutines at once.
type logFile struct {
	path string
	most int64

	mutex sync.Mutex
	file  *os.File
	size  int64
}

// openLogFile goes on with a log, or begins one.
func openLogFile(path string, most int64) (*logFile, error) {
	l := &logFile{path: path, most: most}
	return l, l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("opening the log: %w", err), f.Close())
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write writes one entry, which is never parted.
func (l *logFile) Write(b []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.file == nil {
		return 0, os.ErrClosed
	}
	if l.size > 0 && l.size+int64(len(b)) > l.most {
		if err := l.turn(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(b)
	l.size += int64(n)
	return n, err
}

// turn begins a new file.
func (l *logFile) turn() error {
	err := l.file.Close()
	l.file = nil
	for i := logKeep; i > 0; i-- {
		from := l.path
		if i > 1 {
			from += "." + strconv.Itoa(i-1)
		}
		if e := os.Rename(from, l.path+"."+strconv.Itoa(i)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return errors.Join(err, l.open())
}

// Close closes the file.
func (l *logFile) Close() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
