package p2ptest

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// Faults are what a network does to those who use it. The zero value is a quiet world. Shares are from 0 to 1.
type Faults struct {
	// Latency is how long bytes take to the other end, and Jitter how much longer they may take. The order of bytes of
	// one connection stays. A dial takes a round trip, and so does each server of the directory.
	Latency, Jitter time.Duration
	// Refuse is the share of dials, and of questions to a server of the directory, that fail.
	Refuse float64
	// Cut is the share of connections that are cut when 1 to about 128 Ki bytes went over them, both directions together,
	// small numbers as likely as large ones. Both ends see ErrReset. Of what was written and not yet read, nothing, all or
	// a part can still be read.
	Cut float64
	// Echo is the share of connections of which afterwards all that the dialler wrote (at most Window bytes) comes to the
	// same handler once more, as a new connection from the same key: at once or up to EchoAfter later. Replies to it are
	// thrown away.
	Echo      float64
	EchoAfter time.Duration
	// Forget is the share of values that a server of the directory acknowledges and does not keep.
	Forget float64
}

func (f *Faults) quiet() bool { return *f == Faults{} }

// encounter is one host dialling another on one lane.
type encounter struct {
	from, to uint64
	proto    string
}

// fate is what will happen to one connection.
type fate struct {
	refuse    bool
	budget    int64   // bytes until it is cut; negative: never
	keep      float64 // share of the unread that survives the cut
	echo      bool
	echoAfter time.Duration
	forget    bool          // by a server of the directory
	delay     time.Duration // of a round trip
	seed      uint64        // of the jitter
}

// fate draws. It always draws the same number of times, so that one fault does not shift another. The caller holds mu.
func (n *Net) fate(f *Faults, e encounter) fate {
	if f.quiet() {
		return fate{budget: -1}
	}
	n.dials[e]++
	seed := mix(mix(mix(text(e.proto), e.from), e.to), n.dials[e])
	r := source(n.seed, seed)
	d := fate{budget: -1, seed: r.Uint64()}
	d.refuse = r.Float64() < f.Refuse
	cut, size := r.Float64() < f.Cut, r.Float64()
	if cut {
		d.budget = int64(math.Exp2(17 * size))
	}
	d.keep = min(max(3*r.Float64()-1, 0), 1) // a third nothing, a third all
	d.echo = r.Float64() < f.Echo
	d.echoAfter = time.Duration(r.Float64() * float64(f.EchoAfter))
	d.forget = r.Float64() < f.Forget
	d.delay = 2*f.Latency + time.Duration(2*r.Float64()*float64(f.Jitter))
	return d
}

// source returns numbers that are the same in every run.
func source(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // faults are to be replayed, and keep no secret
}

// mix and text are FNV-1a.
func mix(h, v uint64) uint64 {
	for range 8 {
		h = (h ^ v&0xff) * 0x100000001b3
		v >>= 8
	}
	return h
}

func text(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return h
}

// wait returns after d, or with the context's error.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
