//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// tryLock locks the file for this process, and fails at once if another has it.
func tryLock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
