//go:build !unix

package p2p

import "io/fs"

// private is true where a file's mode does not say who may read it.
func private(fs.FileMode) bool { return true }
