package mailbox

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// PaceMemory has a process that is a relay and little else use about room bytes of memory for all of Go's, before the
// garbage collector works harder, until ctx ends: a small relay then collects a fourth as often as by Go's own rule, and
// one with tables to write does not take twice what they need. Where more than two thirds of the room are in use it
// grows with what is in use, by a half. It does nothing if GOGC or GOMEMLIMIT say what to do.
func PaceMemory(ctx context.Context, room int64) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	percent, limit := debug.SetGCPercent(400), debug.SetMemoryLimit(room)
	defer debug.SetMemoryLimit(limit)
	defer debug.SetGCPercent(percent)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			metrics.Read(live)
			debug.SetMemoryLimit(max(room, int64(min(live[0].Value.Uint64(), 1<<60))*3/2))
		case <-ctx.Done():
			return
		}
	}
}

// Room is the memory of a relay that PaceMemory keeps to.
const Room = 176 << 20

// SpareProcessor has Go run on one processor more than it would, until undo is called. A store waits in the kernel for
// its disk, in syncs and in writes to mapped files, and the processor on which it does stands still until Go's monitor
// notices, or all along: on one core the whole relay stood still with it. It does nothing if GOMAXPROCS is set. What
// limits the process to fewer processors later is not followed. It must not run twice at a time.
func SpareProcessor() (undo func()) {
	if os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(before + 1)
	return func() { runtime.GOMAXPROCS(before) }
}
