package p2p

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
)

const (
	// offerEvery is how often a node record is put into the DHT. Nodes keep it for 3 h.
	offerEvery = time.Hour
	// offerSettles is how long addresses may change, one after the other, before they are published.
	offerSettles = 2 * time.Second
)

// Offer is what a relay or mixer says in its node record of what it takes. A zero field is not said.
type Offer struct {
	Post  int           // bytes of the largest post
	Posts int           // posts of a box
	Bytes int64         // bytes of a box
	Keep  time.Duration // how long a post is kept, in whole seconds
	Legs  int           // legs of a call
}

// offered is an Offer, and how its publishing goes.
type offered struct {
	mu   sync.Mutex
	is   *Offer
	poke chan struct{} // holds one
	kept atomic.Int64
}

func (o *offered) prod() {
	select {
	case o.poke <- struct{}{}:
	default:
	}
}

// Offer has Run publish a node record of this relay or mixer: its addresses, its role, and what it takes. So who has its
// key finds it again when its addresses change. Run puts it hourly, and when addresses or the offer have changed. It
// may be called at any time, also again. The error says that a host of this role publishes nothing of itself, or that a
// field is out of range.
func (h *Host) Offer(o Offer) error {
	if !h.cfg.Role.public() {
		return fmt.Errorf("p2p: a %v is not to be found", h.cfg.Role)
	}
	for _, n := range []int64{int64(o.Post), int64(o.Posts), o.Bytes, int64(o.Keep), int64(o.Legs)} {
		if n < 0 {
			return errors.New("p2p: less than nothing is offered")
		}
	}
	h.offered.mu.Lock()
	h.offered.is = &o
	h.offered.mu.Unlock()
	h.offered.prod()
	return nil
}

// record makes the node record, or nil if nothing is offered or there is no address that means something to others.
func (h *Host) record(replaces, now time.Time) ([]byte, error) {
	h.offered.mu.Lock()
	o := h.offered.is
	h.offered.mu.Unlock()
	if o == nil {
		return nil, nil
	}
	n := descriptor.Node{
		Key:   h.key,
		Roles: []descriptor.Role{descriptor.RoleRelay},
		Limits: descriptor.Limits{
			Post: uint32(min(int64(o.Post), math.MaxUint32)), Posts: uint32(min(int64(o.Posts), math.MaxUint32)),
			Bytes: uint64(o.Bytes), Keep: uint32(min(int64(o.Keep/time.Second), math.MaxUint32)),
			Legs: uint32(min(int64(o.Legs), math.MaxUint32)),
		},
	}
	if h.cfg.Role == Mixer {
		n.Roles[0] = descriptor.RoleMixer
	}
	for _, text := range h.Addrs() {
		b, err := EncodeAddr(text)
		if err != nil || len(b) > descriptor.MaxNodeAddress || strings.HasSuffix(text, "/p2p-circuit") {
			continue
		}
		if n.Addresses = append(n.Addresses, b); len(n.Addresses) == descriptor.MaxNodeAddresses {
			break
		}
	}
	if len(n.Addresses) == 0 {
		return nil, nil
	}
	return n.Seal(h.cfg.Key, replaces, now)
}

// publishOffer keeps the node record in the DHT until ctx ends.
func (h *Host) publishOffer(ctx context.Context) {
	var last time.Time // the signing time of the record before
	retry := firstPause
	for {
		wait := offerEvery
		now := time.Now()
		value, err := h.record(last, now)
		if value != nil {
			last = maxTime(now, last.Add(time.Millisecond))
			var kept int
			kept, err = h.Publish(ctx, descriptor.NodeKey(h.key), value)
			h.offered.kept.Store(int64(kept))
		}
		if err != nil {
			h.log.Debug("publishing what is offered", "err", err)
			wait, retry = retry+rand.N(retry/4), min(2*retry, longestPause) //nolint:gosec // spreads load, hides nothing
		} else if value != nil {
			retry = firstPause
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
			continue
		case <-h.offered.poke:
			t.Stop()
		}
		t = time.NewTimer(offerSettles)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		select { // what came meanwhile is in the next record
		case <-h.offered.poke:
		default:
		}
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
