package descriptor

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math/bits"
	"time"
)

// The newest signing time wins. So of two descriptors for one place the later must have the higher one, also if neither
// device knew of the other; and it must not be a true time, which to the millisecond, or in its sequence over a day, would
// link an account's places: both replicas are sealed at the same moments, and so is a batch ahead.
//
// Therefore signing times come of a keyed, strictly rising function of the true time, another one for each place, which
// only who has d can make. It has 2^15 steps of 43 s, from 30,720 steps (15.3 days) before the period to 2,048 (24.5
// hours) after its start. So the period itself is the last sixteenth of them, and AheadPeriods fit before. It halves this
// span again and again, and at each halving cuts the numbers that it has left, 2^39 ms of them, at a point drawn by AES
// between a sixth and five sixths:
//
//	         [start - 24 h - 2^39 ── start - 24 h)          so it passes at any node that takes the period
//	bit 14   [────── 0 ──────┼───────── 1 ──────)           the first 8.2 days, or the second
//	bit 13                   [── 0 ──┼─── 1 ────)  …        each cut is the secret of its node
//
// 2^39 / 6^15 is over 1, so every step has a number of its own. In the period only every 512th step is taken (6.1 hours):
// a sequence says the less, and devices that publish in turn know what they replace. What replaces a number of the
// same step gets one drawn from the lower half of those left in it, and what replaces a higher one, of a faster clock or
// a step that is used up, the next.
const (
	clockLevels = 15
	clockSteps  = 1 << clockLevels
	clockAhead  = clockSteps / 16 * 15 // steps before the period
	clockStep   = 43_000               // ms
	clockSpan   = 1 << 39              // ms, 17 years
	clockLive   = 9                    // levels that are not gone down in the period
)

// signingTime returns the time for a descriptor that is signed now, in ms. It is above that of the one it replaces (0 if
// there is none), whatever the clock says.
func (s *signer) signingTime(p Period, now time.Time, replaces uint64) uint64 {
	block, err := aes.NewCipher(s.clock[:])
	if err != nil {
		panic("descriptor: AES refuses 32 bytes")
	}
	low, end := clockRange(p.start(), millis(now), func(node uint64) uint64 { return drawBlock(block, 0, node) })
	if replaces < low {
		return low
	}
	next := replaces + 1
	if next < end {
		next += scale((end-next)/2, drawBlock(block, 1, replaces))
	}
	return next
}

// clockRange returns the numbers of the step to which a time belongs: low up to below end. What was before the first
// step belongs to that, and what is after the last, to the last.
func clockRange(start, now uint64, draw func(node uint64) uint64) (low, end uint64) {
	const ahead = clockAhead * clockStep
	step, last := min((max(now+ahead, start)-start)/clockStep, clockSteps-1), 0
	if step >= clockAhead {
		last = clockLive
	}
	low, end = start-periodMillis-clockSpan, start-periodMillis
	node := uint64(1)
	for level := clockLevels - 1; level >= last; level-- {
		sixth := (end - low) / 6
		cut := low + sixth + scale(end-low-2*sixth, draw(node))
		bit := step >> level & 1
		if bit == 1 {
			low = cut
		} else {
			end = cut
		}
		node = node<<1 | bit
	}
	return low, end
}

// scale returns n·c / 2^64.
func scale(n, c uint64) uint64 {
	high, _ := bits.Mul64(n, c)
	return high
}

// drawBlock returns the first half of AES(kind (8) ‖ n (8)).
func drawBlock(block cipher.Block, kind, n uint64) uint64 {
	var b [aes.BlockSize]byte
	binary.BigEndian.PutUint64(b[:], kind)
	binary.BigEndian.PutUint64(b[8:], n)
	block.Encrypt(b[:], b[:])
	return binary.BigEndian.Uint64(b[:])
}
