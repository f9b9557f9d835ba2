package room

import (
	"slices"
	"time"
)

// Encoders are told how much is lost on the way to who hears them (opus.Options.Loss), as the legs report it (RFC 3550, receiver
// reports). Up to 5 percent they only lean less on what came before. Above it each packet carries the one before again, and for
// that the tones above 8 kHz: with 15 percent lost, speech is then as well understood as with 2, and with none lost no better.
// More than 20 percent is not told: it would take more bits of a way that is crowded already.
var told = [...]degree{{0, 0, 0}, {5, 3, 1}, {15, 8, 5}, {20, 18, 14}}

type degree struct {
	percent     int
	from, until float64 // percent lost from which this is told, and at which it no longer is
}

const (
	usual     = 5.0 // percent, until something is reported
	mostLoss  = 30  // percent: nobody loses more, for all we care
	settle    = 200 // beats, at least, between two changes
	telling   = 10  // packets that a report must be of
	slow      = 500 // packets: a report of so many weighs as much as all before
	forgotten = time.Minute
	mendWork  = 2 // the least that encoders take who repeat packets: with less, gopus has speech end at 6 kHz, and cracks
)

// way is the way from the room to a leg.
type way struct {
	lost       float64 // percent, smoothed
	loss       int     // percent that its own encoder is told
	told       time.Time
	sent, gaps int // since the last report; a gap was lost before the room, and left for the listener to mend
}

// report takes which share of the packets since the last report is missing.
func (w *way) report(now time.Time, share float64) {
	all := w.sent + w.gaps
	if all < telling {
		return
	}
	gaps := float64(w.gaps) / float64(all)
	w.sent, w.gaps, w.told = 0, 0, now
	if gaps > 0.5 {
		return // it tells little about this way
	}
	percent := min(max((share-gaps)/(1-gaps), 0)*100, mostLoss)
	w.lost += (percent - w.lost) * float64(all) / float64(all+slow)
}

// step takes what an encoder is told a step towards what is lost.
func step(loss int, lost float64) int {
	i := slices.IndexFunc(told[:], func(d degree) bool { return d.percent == loss })
	switch {
	case i+1 < len(told) && lost >= told[i+1].from:
		i++
	case i > 0 && lost <= told[i].until:
		i--
	}
	return told[i].percent
}

// follow has what encoders are told follow what is reported.
func (m *mixing) follow(now time.Time) {
	m.losses = m.losses[:0]
	for _, p := range m.members {
		if now.Sub(p.way.told) > forgotten {
			p.way.lost = usual
		} else if !slices.Contains(m.who, p) {
			m.losses = append(m.losses, p.way.lost)
		}
		p.way.loss = step(p.way.loss, p.way.lost)
	}
	m.loss = step(m.loss, worst(m.losses))
}

// worst is what the encoder for many goes by, in percent: what four of five who listen lose at most, without the worst of all, who
// may not say the truth, or be alone with a bad way. That one keeps it at what is usual, and no higher.
func worst(losses []float64) float64 {
	switch n := len(losses); n {
	case 0:
		return usual
	case 1:
		return losses[0]
	default:
		slices.Sort(losses)
		return max(losses[((n-2)*4+4)/5], min(losses[n-1], usual))
	}
}
