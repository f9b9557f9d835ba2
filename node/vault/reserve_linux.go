package vault

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserve gives an empty file n bytes of the disk. The error is errors.ErrUnsupported where that takes writing: some file
// systems have no such call, and ZFS answers it without doing anything.
func reserve(file *os.File, n uint64) error {
	for {
		err := unix.Fallocate(int(file.Fd()), 0, 0, int64(n))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		var s unix.Stat_t
		if err := unix.Fstat(int(file.Fd()), &s); err != nil {
			return err
		}
		if uint64(s.Blocks)*512 < n { // st_blocks counts what is held, in 512 bytes everywhere
			return errors.ErrUnsupported
		}
		return nil
	}
}
