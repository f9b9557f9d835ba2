package mailbox

import (
	"runtime"
	"testing"
)

func TestSpareProcessor(t *testing.T) {
	for _, set := range []struct {
		env  string
		more int
	}{{"", 1}, {"1", 0}} {
		t.Setenv("GOMAXPROCS", set.env)
		before := runtime.GOMAXPROCS(0)
		undo := SpareProcessor()
		if got := runtime.GOMAXPROCS(0); got != before+set.more {
			t.Errorf("with GOMAXPROCS=%q there are %d, want %d", set.env, got, before+set.more)
		}
		undo()
		if got := runtime.GOMAXPROCS(0); got != before {
			t.Errorf("with GOMAXPROCS=%q there are %d afterwards, want %d", set.env, got, before)
		}
	}
}
