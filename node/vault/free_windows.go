package vault

import (
	"os"

	"golang.org/x/sys/windows"
)

// freeBytes returns how many bytes of the disk under path this process may still take, and how many it has.
func freeBytes(path string) (free, total uint64, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, err
	}
	err = windows.GetDiskFreeSpaceEx(name, &free, &total, nil)
	return free, total, err
}

// tryLock locks the file for this process, and fails at once if another has it.
func tryLock(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, new(windows.Overlapped))
}

// tryShare takes a share of the lock, and fails at once if another has all of it.
func tryShare(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
}

// errHeld says that another has the lock.
const errHeld = windows.ERROR_LOCK_VIOLATION

// syncFolder does nothing: names are durable with their files.
func syncFolder(string) error { return nil }
