package descriptor

import (
	"crypto/aes"
	"encoding/binary"
	"time"
)

// The newest signing time wins, so of two descriptors that were signed ahead for one place the later one must have the
// higher time; anything signed in the period itself must be higher still; and the times must not link the places of one
// batch, nor its two replicas, as the true time would do, to the millisecond.
//
//	signed in its period      the true time, less up to Jitter at random, never below the period's start
//	signed before             over 24 h below the period's start, so that it passes in the period before, too: a keyed,
//	                          strictly rising function of the true time
//
// That function is another one for each place, and only who has d can make it. It halves the 15 days before the period
// again and again, down to steps of 40 s, and at each halving cuts the numbers that it has left at a point drawn by AES
// between a quarter and three quarters:
//
//	         [start - 24 h - 2^32 ── start - 24 h)          2^32 ms: about 50 days
//	bit 14   [────── 0 ──────┼───────── 1 ──────)           the first half of the 15 days, or the second
//	bit 13                   [── 0 ──┼─── 1 ────)  …        each cut is the secret of its node
//
// Who sees such a number learns that the descriptor was signed ahead, and has a guess at how long: see PROTOCOL.md.
const (
	aheadLevels = 15
	aheadSpan   = 1 << 32 // ms; 4^-15 of it is 4, so the function rises by 4 at least
	aheadStep   = 40_000  // ms; 2^15 of them are 15.2 days
)

// signingTime returns the time for a descriptor that is signed now, in ms. It is above that of the one it replaces, if
// there is one (0 if not), whatever the clock says.
func (s *signer) signingTime(p Period, now time.Time, after, jitter uint64) uint64 {
	t := millis(now)
	if start := p.start(); t < start {
		t = s.aheadTime(start, t)
	} else {
		t -= jitter % (min(t-start, uint64(Jitter/time.Millisecond)) + 1)
	}
	return max(t, after+1)
}

// aheadTime returns the time for a descriptor that is signed before its period, at most AheadPeriods before.
func (s *signer) aheadTime(start, now uint64) uint64 {
	block, err := aes.NewCipher(s.clock[:])
	if err != nil {
		panic("descriptor: AES refuses 32 bytes")
	}
	step := uint64(1<<aheadLevels-1) - (start-now)/aheadStep
	low, width, node := start-periodMillis-aheadSpan, uint64(aheadSpan), uint64(1)
	for level := aheadLevels - 1; level >= 0; level-- {
		var b [aes.BlockSize]byte
		binary.BigEndian.PutUint64(b[8:], node)
		block.Encrypt(b[:], b[:])
		cut := width/4 + width/2*uint64(binary.BigEndian.Uint32(b[:4]))>>32
		bit := step >> level & 1
		if bit == 1 {
			low, width = low+cut, width-cut
		} else {
			width = cut
		}
		node = node<<1 | bit
	}
	return low
}
