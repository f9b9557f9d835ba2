package sframe

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestWindow(t *testing.T) {
	const (
		last = math.MaxUint64
		far  = 1 << 40
		ring = Window + 64
	)
	type step struct {
		ctr   uint64
		fresh bool
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"in order", []step{{0, true}, {1, true}, {2, true}, {1, false}, {0, false}, {2, false}}},
		{"starts anywhere", []step{{5000, true}, {5000, false}, {4999, true}, {4999, false}}},
		{"starts at the top", []step{{last, true}, {last, false}, {last - Window + 1, true}, {last - Window, false}, {0, false}}},
		{"the oldest that counts", []step{{Window - 1, true}, {0, true}, {0, false}}},
		{"one too old", []step{{Window, true}, {0, false}, {1, true}}},
		{"a turn of the ring later", []step{{3, true}, {3 + ring, true}, {3 + 64, false}, {3 + 65, true}, {3, false}}},
		{"a leap", []step{{3, true}, {far, true}, {3, false}, {far - 1, true}, {far - Window + 1, true}, {far - Window, false}}},
		{"the ring forgets what is skipped", []step{{1, true}, {2, true}, {ring + 5, true}, {ring + 1, true}, {ring + 2, true}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var w window
			for i, s := range tt.steps {
				if got := w.fresh(s.ctr); got != s.fresh {
					t.Fatalf("step %d: fresh(%d) = %v", i, s.ctr, got)
				}
				if s.fresh {
					w.mark(s.ctr)
				}
			}
		})
	}
}

// TestWindowModel compares the ring with a set of all that was opened.
func TestWindowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		seen := map[uint64]bool{}
		top := rapid.SampledFrom([]uint64{0, 60, 1 << 32, math.MaxUint64 - 5000}).Draw(t, "start")
		begun := false
		step := rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64Range(-Window-2, -Window+2), rapid.Int64Range(-70, 70),
			rapid.Int64Range(-2*Window, 2*Window))
		for _, by := range rapid.SliceOfN(step, 1, 200).Draw(t, "steps") {
			ctr := top + uint64(by)
			if by < 0 && ctr > top || by > 0 && ctr < top {
				continue // past either end
			}
			want := !begun || ctr > top || top-ctr < Window && !seen[ctr]
			if got := w.fresh(ctr); got != want {
				t.Fatalf("fresh(%d) = %v with %d on top", ctr, got, top)
			}
			if want {
				w.mark(ctr)
				seen[ctr] = true
				if !begun || ctr > top {
					top = ctr
				}
				begun = true
			}
		}
	})
}
