package sframe

// window remembers which of the last Window counters of a key were opened, so that none is opened twice (RFC 9605,
// section 9.3, after RFC 3711, section 3.3.2). The zero value has seen nothing and lets any counter in.
//
// The counters from top-Window+1 to top lie as bits in a ring of words. They touch one word more than Window/64 when
// top is not the last of its word: hence the one more.
type window struct {
	begun bool   // whether a counter was opened yet
	top   uint64 // the highest opened
	ring  [Window/64 + 1]uint64
}

// fresh reports whether ctr was not opened yet and is recent enough to tell.
func (w *window) fresh(ctr uint64) bool {
	if !w.begun || ctr > w.top {
		return true
	}
	if w.top-ctr >= Window {
		return false
	}
	return *w.word(ctr)&bit(ctr) == 0
}

// mark notes that ctr, which must be fresh, was opened. It comes after the tag was checked: a forger moves nothing.
func (w *window) mark(ctr uint64) {
	switch {
	case !w.begun:
		w.begun, w.top = true, ctr
	case ctr > w.top:
		// The words entered anew still hold counters of a turn ago.
		entered := min(ctr/64-w.top/64, uint64(len(w.ring)))
		for i := range entered {
			*w.word(ctr - 64*i) = 0
		}
		w.top = ctr
	}
	*w.word(ctr) |= bit(ctr)
}

func (w *window) word(ctr uint64) *uint64 { return &w.ring[ctr/64%uint64(len(w.ring))] }

func bit(ctr uint64) uint64 { return 1 << (ctr % 64) }
