//go:build !race

package headless_test

const raceEnabled = false
