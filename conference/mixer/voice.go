package mixer

import (
	"math"
	"slices"
	"time"
)

// Voice is how loud a leg is, as it claims and as was found. The zero value is silent and ready.
type Voice struct {
	level   float64 // dBov, follows what is claimed: up at once, down slowly
	firm    float64 // the same, up slowly too: one crack is no voice
	heard   time.Time
	claimed time.Time
	excess  float64   // dB by which it claimed to be louder than it was
	off     float64   // dB by which it was louder than it claimed, in the mean
	raised  float64   // dB by which it is made louder before it is heard
	tested  time.Time // when that was last looked at
	chosen  bool
	since   time.Time // chosen
	known   bool
}

const (
	hang       = 500 * time.Millisecond // a place is kept so long after the last loud frame
	hysteresis = 6.0                    // dB by which another must be louder to take a place
	threshold  = -55.0                  // dBov: what is quieter is no voice
	onset      = 60 * time.Millisecond  // how long a voice must be louder to take a place that is not free
	stale      = 100 * time.Millisecond // after so long without a packet nothing is said
	tolerance  = 9.0                    // dB by which a claim may be too loud: it is of other samples
	forgive    = 0.5 / 50               // dB a packet by which a lie is forgotten
	again      = 5 * time.Second        // how often a voice is tested that is not decoded
	test       = 300 * time.Millisecond // and for how long
	floor      = -float64(Silent)
	honest     = 6.0  // dB from the truth, in the mean, up to which what is claimed is believed
	plain      = 50   // -dBov: only frames that are louder, as claimed or found, show whether it is honest
	farthest   = 12.0 // dB: by so much one frame may be off, at most; where a word ends the two levels are of other samples
)

// Claim takes the level that came with a packet, in -dBov.
func (v *Voice) Claim(now time.Time, level uint8) {
	if !v.known {
		v.level, v.firm, v.known = floor, floor, true
	}
	v.excess = max(v.excess-forgive, 0)
	l := max(-float64(min(level, Silent))-v.excess, floor)
	v.firm += (l - v.firm) / 3
	if l > v.level {
		v.level = l
	} else {
		v.level += (l - v.level) / 8
	}
	if l > threshold {
		v.heard = now
	}
	v.claimed = now
}

// Measure takes how loud a packet was, in -dBov, that claimed to be of another level.
func (v *Voice) Measure(now time.Time, claimed, measured uint8) {
	v.tested = now
	if lie := float64(measured) - float64(claimed) - tolerance; lie > v.excess {
		v.excess += (lie - v.excess) / 8
	} else {
		v.excess += (max(lie, 0) - v.excess) / 100
	}
	if min(claimed, measured) < plain {
		off := min(max(float64(claimed)-float64(measured), -farthest), farthest)
		v.off += (off - v.off) / 25
	}
}

// Believed tells whether it was, when last looked at, about as loud as it claimed: no louder and no quieter.
func (v *Voice) Believed() bool { return v.off < honest && v.off > -honest }

// Raise notes by how many dB the voice is changed before it is heard: whoever wants a place is compared as they are heard.
func (v *Voice) Raise(gain float64) { v.raised = gain }

// Untested tells whether it should be decoded only to see whether it is as loud as it says: when it has just been chosen, and
// for a moment every few seconds.
func (v *Voice) Untested(now time.Time) bool {
	return v.chosen && now.Sub(v.since)%again < test
}

// Lies returns by how many dB it claims to be louder than it is, beyond what is tolerated.
func (v *Voice) Lies() float64 { return v.excess }

// Quiet tells whether nothing is heard of it now: between words, or after the last.
func (v *Voice) Quiet(now time.Time) bool {
	return !v.known || v.firm < threshold || now.Sub(v.claimed) > stale
}

func (v *Voice) loud(now time.Time) bool {
	return v.known && v.level > threshold && now.Sub(v.claimed) <= stale && now.Sub(v.heard) <= stale
}

// Forget makes it silent.
func (v *Voice) Forget() { v.level, v.firm, v.heard = floor, floor, time.Time{} }

// Chooser finds the loudest few. A free place is taken with the first loud packet, so no syllable is cut. Who has a place keeps
// it for half a second after the last word, and whoever wants it must be clearly louder for a moment, so voices do not flicker.
// The zero value is ready.
type Chooser struct{ places []*Voice }

// Choose returns who of all are heard now, at most k, in an order that changes little. The list is the Chooser's until the next
// call. A voice must not be in two Choosers.
func (c *Chooser) Choose(now time.Time, k int, all []*Voice) []*Voice {
	c.places = slices.DeleteFunc(c.places, func(v *Voice) bool {
		gone := now.Sub(v.heard) > hang || !slices.Contains(all, v)
		v.chosen = v.chosen && !gone
		return gone
	})
	for len(c.places) > k {
		c.leave(c.quietest(now))
	}
	weakest := -1
	for _, v := range all {
		if v.chosen || !v.loud(now) {
			continue
		}
		if len(c.places) < k {
			c.enter(now, v)
			continue
		}
		if k == 0 {
			break
		}
		if weakest < 0 {
			weakest = c.quietest(now)
		}
		if v.firm+v.raised > c.strength(now, weakest)+hysteresis {
			c.leave(weakest)
			c.enter(now, v)
			weakest = -1
		}
	}
	return c.places
}

func (c *Chooser) enter(now time.Time, v *Voice) {
	v.chosen, v.since = true, now
	c.places = append(c.places, v)
}

func (c *Chooser) leave(i int) {
	c.places[i].chosen = false
	c.places = slices.Delete(c.places, i, i+1)
}

// strength is how loud a voice is that has a place. A new one counts with its first packet until it had time to be firm.
func (c *Chooser) strength(now time.Time, i int) float64 {
	v := c.places[i]
	switch {
	case now.Sub(v.claimed) > stale:
		return floor
	case now.Sub(v.since) < onset:
		return math.Max(v.level, v.firm) + v.raised
	default:
		return v.firm + v.raised
	}
}

func (c *Chooser) quietest(now time.Time) int {
	least := 0
	for i := range c.places {
		if c.strength(now, i) < c.strength(now, least) {
			least = i
		}
	}
	return least
}
