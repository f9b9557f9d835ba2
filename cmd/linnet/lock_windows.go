package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// lockedByte is far behind the process ID: nobody could read what is locked.
const lockedByte = 1 << 30

// tryLock locks the file for this process, and fails at once if another has it.
func tryLock(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{Offset: lockedByte})
}

// detached has a process outlive the console that it was started in.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}
