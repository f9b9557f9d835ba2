package disk

import (
	"sync"

	"github.com/linnetmesh/linnet/mailbox"
)

// givenMost is how many posts each half of given has at most, of about 100 bytes each.
const givenMost = 1 << 14

// given knows where posts lie that were read a moment ago: who reads a box acks next what it held, and a search for each
// name goes through all tables. What it says may be out of date. Its zero value is ready for use, by many at a time.
type given struct {
	mu          sync.Mutex
	now, before map[givenKey]givenPlace // the older half is dropped when the newer is full
}

type (
	givenKey struct {
		place place
		name  [16]byte
	}
	givenPlace struct {
		seq   uint64
		until mailbox.Age
	}
)

// note remembers posts of a box.
func (g *given) note(p place, all []mailbox.Post) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range all {
		if len(g.now) >= givenMost || g.now == nil {
			g.now, g.before = make(map[givenKey]givenPlace), g.now
		}
		g.now[givenKey{p, [16]byte(all[i].Name[:16])}] = givenPlace{all[i].Seq, all[i].Until}
	}
}

// key returns where a post lay, or nil.
func (g *given) key(p place, name mailbox.Name) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := givenKey{p, [16]byte(name[:16])}
	at, ok := g.now[k]
	if !ok {
		if at, ok = g.before[k]; !ok {
			return nil
		}
	}
	return postKey(p, at.seq, at.until)
}
