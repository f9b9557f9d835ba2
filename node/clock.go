package node

import (
	"slices"
	"time"
)

// minSkew is how far the clock must be off before it is corrected: peers allow each other ten minutes.
const minSkew = 2 * time.Minute

// now tells the date: the machine's, corrected by the median of what the relays of this device signed as theirs. Waiting
// goes by the runtime's clock, which nobody sets.
func (n *Node) now() time.Time { return n.config.Now().Add(time.Duration(n.skew.Load())) }

// Skew returns by how much the relays' clocks, in the median, are ahead of this machine's, and how many of them told.
func (n *Node) Skew() (ahead time.Duration, relays int) {
	list := n.mail.clocks()
	if len(list) == 0 {
		return 0, 0
	}
	slices.Sort(list)
	return list[(len(list)-1)/2], len(list)
}

// correct sets the clock by what relays told.
func (n *Node) correct() {
	ahead, relays := n.Skew()
	if relays == 0 {
		return
	}
	if ahead.Abs() < minSkew {
		ahead = 0
	}
	if was := time.Duration(n.skew.Swap(int64(ahead))); (ahead - was).Abs() >= minSkew {
		n.log.Warn("the clock of this machine is wrong, by what relays say", "by", ahead.Round(time.Second), "relays", relays)
		n.touch()
		n.couriers.hurry()
	}
}
