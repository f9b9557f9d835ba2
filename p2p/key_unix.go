//go:build unix

package p2p

import "io/fs"

// private tells whether nobody but the owner may read a file.
func private(m fs.FileMode) bool { return m.Perm()&0o077 == 0 }
