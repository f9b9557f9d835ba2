package p2p

import "testing"

// What the tests on a simulated network take from here: they are outside, because package p2ptest imports this one.
var (
	Echo     = echo
	PersonOf = personOf
	Seal     = person.seal
	Running  = running
)

// Likewise.
const (
	RecordLife    = recordLife
	SweepInterval = sweepInterval
)

// Must is likewise.
func Must[T any](t testing.TB) func(T, error) T {
	t.Helper()
	return must[T](t)
}
