package mailbox

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// This file decides who may put what. It knows no I/O and no clock: what time it is, it is told.

// moment is what time it is, in each of the ways that matter.
type moment struct {
	age  Age           // the relay's own time: what expires
	tick time.Duration // since the start: what has a rate
	date time.Time     // the wall clock, which may be wrong: what tokens and receipts say
}

// Shares of a mail box, in parts of the whole.
const (
	classShare    = 8  // all tokens of one class together: an eighth
	strangerShare = 20 // all strangers together: a twentieth
)

// share is what one box may hold.
type share struct {
	posts int
	bytes int64
}

// of returns what a box of a kind may hold.
func (l *Limits) of(k Kind) share {
	switch k {
	case Shelf:
		return share{l.ShelfPosts, l.ShelfBytes}
	case Blob:
		return share{l.BlobPosts, l.BlobBytes}
	default:
		return share{l.MailPosts, l.MailBytes}
	}
}

// part returns a share's n-th part: one post of the largest size at least, if there is room for that.
func (s share) part(n int) share {
	return share{max(s.posts/n, 1), max(s.bytes/int64(n), min(s.bytes, MaxPost))}
}

// usage is what lies in a box under something.
type usage struct {
	posts int
	bytes int64
}

// takes tells whether so many bytes more, in one post, fit.
func (s share) takes(u usage, size int) bool {
	return u.posts < s.posts && u.bytes+int64(size) <= s.bytes
}

// bucket is a token bucket: so many at once, and so many a second. The zero value is full.
type bucket struct {
	spent float64
	at    time.Duration
}

// take takes one, or tells after how long there is one.
func (b *bucket) take(rate, burst float64, now time.Duration) (wait time.Duration, ok bool) {
	b.settle(rate, now)
	if b.spent+1 > burst {
		return time.Duration((b.spent + 1 - burst) / rate * float64(time.Second)), false
	}
	b.spent++
	return 0, true
}

// settle gives back what time has brought.
func (b *bucket) settle(rate float64, now time.Duration) {
	b.spent = max(b.spent-rate*(now-b.at).Seconds(), 0)
	b.at = now
}

// asker is who wants to put something: a token's holder, a stranger who worked, or the owner.
type asker struct {
	owner bool
	token Token // zero for strangers and the owner
}

// ledger is what decides about one box: what lies in it under what, and who put how fast.
type ledger struct {
	box       Box
	mint      Mint
	items     map[Name]Item
	all       usage
	strangers usage
	classes   map[Class]usage
	tokens    map[TokenID]usage
	rates     map[TokenID]*bucket // only of tokens that were good
	parts     map[TokenID]*bucket // of one-time parts
	knocks    bucket              // of strangers
}

// maxRates is how many tokens of one box are remembered at a time for their rate. Those that rest are forgotten first.
const maxRates = 256

func newLedger(relay identity.TransportKey, b Box, items []Item) *ledger {
	l := &ledger{
		items:   make(map[Name]Item, len(items)),
		classes: make(map[Class]usage),
		tokens:  make(map[TokenID]usage),
	}
	l.set(relay, b)
	for _, i := range items {
		l.add(i)
	}
	return l
}

// set takes over a box's record, after it changed.
func (l *ledger) set(relay identity.TransportKey, b Box) {
	l.box = b
	l.mint = Secret{b.Secret}.Mint(relay, b.ID)
}

// add counts a post that lies there.
func (l *ledger) add(i Item) {
	if old, ok := l.items[i.Name]; ok {
		l.remove(old)
	}
	l.items[i.Name] = i
	l.count(i, 1)
}

// remove counts one that does not any more. One that came back meanwhile stays.
func (l *ledger) remove(i Item) {
	if there, ok := l.items[i.Name]; ok && there.Seq == i.Seq {
		delete(l.items, i.Name)
		l.count(there, -1)
	}
}

func (l *ledger) count(i Item, sign int) {
	add := func(u usage) usage { return usage{u.posts + sign, u.bytes + int64(sign)*int64(i.Size)} }
	l.all = add(l.all)
	if i.Class == (Class{}) {
		if i.Token == (TokenID{}) {
			l.strangers = add(l.strangers)
		}
		return
	}
	if u := add(l.classes[i.Class]); u.posts > 0 {
		l.classes[i.Class] = u
	} else {
		delete(l.classes, i.Class)
	}
	if u := add(l.tokens[i.Token]); u.posts > 0 {
		l.tokens[i.Token] = u
	} else {
		delete(l.tokens, i.Token)
	}
}

// good tells whether a token is: made by the owner, neither expired nor revoked.
func (l *ledger) good(t Token, now moment) error {
	switch {
	case !l.mint.made(t):
		return ErrToken
	case t.Expired(now.date):
		return ErrTokenExpired
	case l.revoked(t.ID):
		return ErrTokenRevoked
	}
	return nil
}

// reads tells whether a capability is good.
func (l *ledger) reads(c Capability, now moment) error {
	if l.box.Kind == Mail || !l.mint.madeReader(c) || unix(now.date) > c.Until || l.revoked(c.ID) {
		return ErrProof
	}
	return nil
}

func (l *ledger) revoked(id TokenID) bool {
	for _, r := range l.box.Revoked {
		if r.ID == id {
			return true
		}
	}
	return false
}

// admit decides whether a post may be put, and until when it is kept. The work of strangers was checked before. What is
// refused for its rate says when to come again.
func (l *ledger) admit(lim *Limits, who asker, name Name, size int, now moment) (Item, error) {
	item := Item{Name: name, Size: uint32(size), Token: who.token.ID, Class: who.token.Class, Until: now.age.After(lim.Keep)}
	if !IsPostSize(size) {
		return item, ErrPostSize
	}
	whole := lim.of(l.box.Kind)
	old, there := l.items[name]
	switch {
	case who.owner:
		item.Token = ownerToken
	case !who.token.IsZero():
		if err := l.good(who.token, now); err != nil {
			return item, err
		}
		if wait, ok := l.rate(&l.rates, item.Token, now.tick, float64(lim.TokenRate), float64(lim.TokenBurst)); !ok {
			return item, &RefusedError{Err: ErrRate, RetryAfter: wait}
		}
	default:
		if l.box.Closed {
			return item, ErrStrangersClosed
		}
		if size > MaxStranger {
			return item, ErrStrangerSize
		}
		if wait, ok := l.knocks.take(1/float64(lim.StrangerRate), float64(lim.StrangerBurst), now.tick); !ok {
			return item, &RefusedError{Err: ErrRate, RetryAfter: wait}
		}
		item.Until = now.age.After(min(lim.KeepStranger, lim.Keep))
	}
	if there { // put again: nothing is written, and the old one counts
		return old, nil
	}
	switch {
	case who.owner:
	case !who.token.IsZero():
		own := share{int(who.token.Posts), int64(who.token.Bytes)}
		if own.posts == 0 {
			own.posts = whole.posts
		}
		if own.bytes == 0 {
			own.bytes = whole.bytes
		}
		if !own.takes(l.tokens[item.Token], size) {
			return item, ErrTokenFull
		}
		if l.box.Kind == Mail && !whole.part(classShare).takes(l.classes[item.Class], size) {
			return item, ErrClassFull
		}
	default:
		if !whole.part(strangerShare).takes(l.strangers, size) {
			return item, ErrStrangersFull
		}
	}
	if !whole.takes(l.all, size) {
		return item, ErrBoxFull
	}
	return item, nil
}

// ownerToken is under what the owner puts: no token, and no stranger's.
var ownerToken = TokenID{15: 1}

// rate takes one from a token's bucket.
func (l *ledger) rate(all *map[TokenID]*bucket, id TokenID, now time.Duration, rate, burst float64) (time.Duration, bool) {
	if *all == nil {
		*all = make(map[TokenID]*bucket)
	}
	b := (*all)[id]
	if b == nil {
		if len(*all) >= maxRates {
			least := TokenID{}
			spent := burst + 1
			for other, o := range *all {
				if o.settle(rate, now); o.spent < spent {
					least, spent = other, o.spent
				}
			}
			delete(*all, least)
		}
		b = &bucket{at: now}
		(*all)[id] = b
	}
	return b.take(rate, burst, now)
}

// partEvery is how often one token gets a one-time part.
const partEvery = time.Hour

// part decides whether the holder of a token gets a one-time part now.
func (l *ledger) part(t Token, now moment) bool {
	_, ok := l.rate(&l.parts, t.ID, now.tick, 1/partEvery.Seconds(), 1)
	return ok
}

// weak decides whether the holder of a token may say something now: at the rate of posts.
func (l *ledger) weak(lim *Limits, t Token, now moment) error {
	if err := l.good(t, now); err != nil {
		return err
	}
	if wait, ok := l.rate(&l.rates, t.ID, now.tick, float64(lim.TokenRate), float64(lim.TokenBurst)); !ok {
		return &RefusedError{Err: ErrRate, RetryAfter: wait}
	}
	return nil
}

// revoke takes tokens back, and forgets those that would have expired long ago by the relay's clock. What is refused,
// with ErrTokenFull, is more than MaxRevoked: a new secret revokes all.
func revoke(old, more []Revoked, now moment) ([]Revoked, error) {
	const slack = 48 * 3600 // the clock may have been wrong
	out := make([]Revoked, 0, len(old)+len(more))
	seen := make(map[TokenID]bool)
	for _, list := range [][]Revoked{more, old} {
		for _, r := range list {
			if !seen[r.ID] && r.Until+slack >= unix(now.date) {
				seen[r.ID] = true
				out = append(out, r)
			}
		}
	}
	if len(out) > MaxRevoked {
		return nil, ErrTokenFull
	}
	return out, nil
}

// challengeSize is the size of a challenge:
//
//	age (8) ‖ bits (1) ‖ MAC (16)
const challengeSize = 8 + 1 + 16

// challengeLife is how long a challenge is good.
const challengeLife = 15 * time.Minute

// challenge is what a stranger works for. The relay keeps none: it knows its own by the MAC.
func challenge(key []byte, box BoxID, bits uint8, age Age) (c [challengeSize]byte) {
	binary.BigEndian.PutUint64(c[:], uint64(age))
	c[8] = bits
	mac := identity.LabelChallenge.MAC(key, box[:], c[:9])
	copy(c[9:], mac[:])
	return c
}

// worked tells whether somebody worked for a post, or, without a name, for a one-time part.
func worked(key []byte, box BoxID, name *Name, w *workBody, age Age) error {
	made := Age(binary.BigEndian.Uint64(w.Challenge[:]))
	if w.Challenge != challenge(key, box, w.Challenge[8], made) || made > age || age.Sub(made) > challengeLife {
		return ErrWork
	}
	if zeros(workSum(w.Challenge, box, name, w.Nonce)) < int(w.Challenge[8]) {
		return ErrWork
	}
	return nil
}

// workSum is what must begin with zero bits.
func workSum(c [challengeSize]byte, box BoxID, name *Name, nonce [8]byte) [32]byte {
	if name == nil {
		return identity.LabelBundleWork.Hash(c[:], box[:], nonce[:])
	}
	return identity.LabelStrangerWork.Hash(c[:], box[:], name[:], nonce[:])
}

// zeros returns with how many zero bits a hash begins.
func zeros(sum [32]byte) int {
	return bits.LeadingZeros64(binary.BigEndian.Uint64(sum[:8]))
}

// crowd is what all strangers together do to a relay: the more come, the more each must work.
type crowd struct{ all bucket }

// crowdBurst is for how many seconds' worth strangers may come at once.
const crowdBurst = 10

// enter lets one in, or tells after how long.
func (c *crowd) enter(lim *Limits, now time.Duration) (time.Duration, bool) {
	return c.all.take(float64(lim.StrangerRateAll), crowdBurst*float64(lim.StrangerRateAll), now)
}

// bits returns how much work a stranger must do now.
func (c *crowd) bits(lim *Limits, now time.Duration) uint8 {
	rate := float64(lim.StrangerRateAll)
	c.all.settle(rate, now)
	return uint8(lim.WorkBits + int(loadBits*c.all.spent/(crowdBurst*rate)))
}

// origins counts boxes by where they were made from.
type origins struct {
	all       int
	near, far map[uint64]int
}

// count adds boxes of one origin, or takes them away. Nobody counts those that came through circuits but all together.
func (o *origins) count(from Origin, n int) {
	if o.near == nil {
		o.near, o.far = make(map[uint64]int), make(map[uint64]int)
	}
	o.all += n
	for _, r := range []struct {
		m   map[uint64]int
		key uint64
	}{{o.near, from.Near}, {o.far, from.Far}} {
		if r.m[r.key] += n; r.m[r.key] <= 0 {
			delete(r.m, r.key)
		}
	}
}

// admit decides whether one more box may be made from somewhere. Those who come through circuits have one far range for
// all of them together.
func (o *origins) admit(lim *Limits, from Origin) error {
	if o.all >= lim.Boxes || o.far[from.Far] >= lim.BoxesFar || from.Near != 0 && o.near[from.Near] >= lim.BoxesNear {
		return ErrTooManyBoxes
	}
	return nil
}
