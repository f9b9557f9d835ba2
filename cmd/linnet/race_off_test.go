//go:build !race

package main

// slow tells whether the race detector is on.
const slow = false
