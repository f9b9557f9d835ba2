package mailbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

const (
	// callPatience is how long a call may take, if its context says nothing.
	callPatience = 30 * time.Second
	// clientIdle is how long a connection is kept that nobody uses.
	clientIdle = 90 * time.Second
	// window is how many bytes of posts a relay may send ahead of what was taken.
	window = 1 << 20
)

// Client talks to relays. Each call goes to one relay and takes until its answer has come, the context ends, or, without a
// deadline in the context, 30 s have passed; Fetch, Listen and ListenWeak take as long as they have something to do. Several
// goroutines may call at once: what goes to one Place shares a connection. The Client connects when it must, and keeps a
// connection while a Listen uses it and for 90 s after. It never tries again by itself: the caller knows when that is worth
// it, and every call may be repeated.
//
// The errors are a *RefusedError, which wraps one of the errors in refusal.go; ErrUnreachable; ErrLie; ErrClosed;
// ErrMalformed or ErrPostSize for arguments that no relay would take; and the context's.
//
// What a method needs the box's private key for, only the owner may do: the Client proves it once per connection.
type Client struct {
	lane Lane

	mu     sync.Mutex
	closed bool
	links  map[linkID]*link
	group  sync.WaitGroup
}

type linkID struct {
	relay identity.TransportKey
	apart uint64
}

// NewClient returns a Client that dials over a lane.
func NewClient(lane Lane) *Client {
	return &Client{lane: lane, links: make(map[linkID]*link)}
}

// Shut ends all calls with ErrClosed and awaits what they began. It may be called twice.
func (c *Client) Shut() {
	c.mu.Lock()
	c.closed = true
	for _, l := range c.links {
		l.shut(ErrClosed)
	}
	c.mu.Unlock()
	c.group.Wait()
}

// Drop closes the connections to a relay that no call uses.
func (c *Client) Drop(relay identity.TransportKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, l := range c.links {
		if id.relay == relay {
			l.restIf()
		}
	}
}

// link returns the connection for a place, and dials if there is none. Who asks while somebody dials waits for that.
func (c *Client) link(ctx context.Context, at Place) (*link, error) {
	id := linkID{at.Relay, at.Apart}
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, ErrClosed
		}
		l := c.links[id]
		fresh := l == nil
		if fresh {
			l = newLink(c, id)
			c.links[id] = l
			c.group.Go(func() { l.run(at) }) //nolint:contextcheck // others will use it, too
		}
		c.mu.Unlock()
		select {
		case <-l.ready:
		case <-l.over:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		err := l.cause()
		if err == nil {
			return l, nil
		}
		c.forget(l)
		if fresh || !l.greeted() { // another that broke before is replaced
			return nil, err
		}
	}
}

// forget takes a connection out of use.
func (c *Client) forget(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links[l.id] == l {
		delete(c.links, l.id)
	}
}

// call sends a request and awaits its answer, whose head it reads into answer, if that is not nil, and whose tail it
// returns. A connection that was closed for being idle, just then, is replaced.
func (c *Client) call(ctx context.Context, at Place, owner *identity.BoxPrivateKey, v verb, head any, answer any, tail ...[]byte) (*link, []byte, error) {
	var limit time.Time
	if _, ok := ctx.Deadline(); !ok {
		limit = time.Now().Add(callPatience)
	}
	for {
		l, err := c.reach(ctx, limit, at, owner)
		if err != nil {
			return nil, nil, err
		}
		p, err := l.ask(ctx, limit, v, head, tail...)
		if errors.Is(err, errResting) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if answer != nil {
			if err := p.read(answer); err != nil {
				return nil, nil, l.lie("an answer that is none")
			}
		}
		return l, p.tail, nil
	}
}

// reach returns the connection for a place, on which the owner's key, if there is one, was proven.
func (c *Client) reach(ctx context.Context, limit time.Time, at Place, owner *identity.BoxPrivateKey) (*link, error) {
	if owner == nil {
		if l := c.standing(at); l != nil { // as nearly always: then no context need be made
			return l, nil
		}
	}
	if !limit.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, limit, errNoAnswer)
		defer cancel()
	}
	l, err := c.link(ctx, at)
	if err == nil && owner != nil {
		err = l.prove(ctx, *owner)
	}
	return l, err
}

// standing returns the connection for a place, if there is one that can be used at once.
func (c *Client) standing(at Place) *link {
	c.mu.Lock()
	l := c.links[linkID{at.Relay, at.Apart}]
	if c.closed {
		l = nil
	}
	c.mu.Unlock()
	if l == nil || !l.greeted() || l.cause() != nil {
		return nil
	}
	return l
}

var errNoAnswer = fmt.Errorf("%w: no answer", ErrUnreachable)

// within bounds a context that has no deadline.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, callPatience, errNoAnswer)
}

// Open makes a box, or opens the one that is there, and sets what the owner wants of it. Boxes whose owner does not come
// for 90 days are removed: Open, Fetch and Listen are coming. Refusals: ErrTooManyBoxes, ErrKind, ErrDraining (for new
// boxes), ErrDiskFull (the same), ErrBanned.
func (c *Client) Open(ctx context.Context, at Place, key identity.BoxPrivateKey, o Opening) (Opened, error) {
	if key.IsZero() || o.Secret.IsZero() {
		return Opened{}, ErrMalformed
	}
	var h openedHead
	_, _, err := c.call(ctx, at, &key, verbOpen, openHead{Box: key.Public(), Kind: uint8(o.Kind), Secret: o.Secret.b, Closed: o.Closed}, &h)
	if err != nil {
		return Opened{}, err
	}
	return Opened{
		Made:     h.Made,
		Cursor:   cursorOf(h.Cursor),
		Posts:    h.Posts,
		Bytes:    h.Bytes,
		Lost:     h.Lost,
		Parts:    int(min(h.Parts, MaxParts)),
		Bundle:   h.Bundle,
		MaxPosts: h.MaxPosts,
		MaxBytes: h.MaxBytes,
		Keep:     time.Duration(min(h.Keep, 1<<33)) * time.Second,
		Draining: h.Draining,
		Time:     fromMillis(h.Time),
	}, nil
}

// Close removes a box and all that lies in it. It is no error if there is none.
func (c *Client) Close(ctx context.Context, at Place, key identity.BoxPrivateKey) error {
	_, _, err := c.call(ctx, at, &key, verbClose, boxHead{Box: key.Public()}, nil)
	return err
}

// Revoke takes tokens or capabilities back, until they would have expired by themselves: at most 256 at once, and
// MaxRevoked in all (ErrTokenFull), after which only a new secret helps.
func (c *Client) Revoke(ctx context.Context, at Place, key identity.BoxPrivateKey, tokens ...Revoked) error {
	if len(tokens) > 256 {
		return ErrMalformed
	}
	h := revokeHead{Box: key.Public()}
	for _, t := range tokens {
		h.List = append(h.List, revokedBody{ID: t.ID, Until: t.Until})
	}
	_, _, err := c.call(ctx, at, &key, verbRevoke, h, nil)
	return err
}

// Put puts a post into a box under a token, and returns the relay's verified receipt. A post that lies there already gets
// a receipt, too. With a zero token it is the owner who puts, if it has proven the box's key over this Place, by Open for
// example. Refusals: ErrToken…, ErrClassFull, ErrBoxFull, ErrRate, ErrNoBox, ErrDraining, ErrDiskFull, ErrBusy, ErrBanned.
func (c *Client) Put(ctx context.Context, at Place, box BoxID, post []byte, token Token) (Receipt, error) {
	if !IsPostSize(len(post)) {
		return Receipt{}, ErrPostSize
	}
	return c.put(ctx, at, putHead{Box: box, Token: tokenBytes(token)}, NameOf(post), post)
}

func (c *Client) put(ctx context.Context, at Place, h putHead, name Name, post []byte) (Receipt, error) {
	var kept keptHead
	l, _, err := c.call(ctx, at, nil, verbPut, &h, &kept, post)
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{Relay: at.Relay, Box: h.Box, Name: name, Size: uint32(len(post)), Until: fromUnix(kept.Until), proof: string(kept.Proof)}
	if unix(r.Until) != kept.Until || l.verify(&r) != nil {
		return Receipt{}, l.lie("a receipt that it did not sign")
	}
	return r, nil
}

// Knock puts a post into a box as a stranger: it asks the relay for a challenge and works for it, at most maxBits
// (each bit doubles the work; 20 take about a second). Refusals: those for strangers, and ErrWork with RefusedError.Bits if
// the relay wants more work than that.
func (c *Client) Knock(ctx context.Context, at Place, box BoxID, post []byte, maxBits uint8) (Receipt, error) {
	switch {
	case !IsPostSize(len(post)):
		return Receipt{}, ErrPostSize
	case len(post) > MaxStranger:
		return Receipt{}, ErrStrangerSize
	}
	name := NameOf(post)
	w, err := c.workFor(ctx, at, box, &name, maxBits)
	if err != nil {
		return Receipt{}, err
	}
	return c.put(ctx, at, putHead{Box: box, Work: w}, name, post)
}

// workFor asks for a challenge and works for it.
func (c *Client) workFor(ctx context.Context, at Place, box BoxID, name *Name, limit uint8) (*workBody, error) {
	var h challengeHead
	l, _, err := c.call(ctx, at, nil, verbChallenge, boxHead{Box: box}, &h)
	switch {
	case err != nil:
		return nil, err
	case h.Challenge[8] != h.Bits:
		return nil, l.lie("a challenge that contradicts itself")
	case h.Bits > limit:
		return nil, &RefusedError{Err: ErrWork, Bits: h.Bits}
	}
	return doWork(ctx, h.Challenge, box, name)
}

// doWork tries nonces until one will do.
func doWork(ctx context.Context, c [challengeSize]byte, box BoxID, name *Name) (*workBody, error) {
	w := &workBody{Challenge: c}
	for n := uint64(0); ; n++ {
		for i := range w.Nonce {
			w.Nonce[i] = byte(n >> (8 * i))
		}
		if zeros(workSum(c, box, name, w.Nonce)) >= int(c[8]) {
			return w, nil
		}
		if n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// Ack deletes posts, at most MaxAck. It is no error if they are gone.
func (c *Client) Ack(ctx context.Context, at Place, key identity.BoxPrivateKey, names ...Name) error {
	if len(names) == 0 {
		return nil
	}
	if len(names) > MaxAck {
		return ErrMalformed
	}
	tail := make([]byte, 0, len(names)*NameSize)
	for _, n := range names {
		tail = append(tail, n[:]...)
	}
	_, _, err := c.call(ctx, at, &key, verbAck, boxHead{Box: key.Public()}, nil, tail)
	return err
}

// PutBundle replaces the bundle of a box, if its Version is higher than that of the one there; the same one again changes
// nothing. The refusal for a lower one is ErrStale.
func (c *Client) PutBundle(ctx context.Context, at Place, key identity.BoxPrivateKey, b Bundle) error {
	h := putBundleHead{Box: key.Public(), Version: b.Version, Base: uint32(len(b.Base))}
	tail := [][]byte{b.Base}
	for _, p := range b.Parts {
		if h.Part != 0 && int(h.Part) != len(p) {
			return ErrMalformed
		}
		h.Part = uint32(len(p))
		tail = append(tail, p)
	}
	if h.Version == 0 || len(b.Base) < 1 || len(b.Base) > MaxBase || len(b.Parts) > MaxParts || h.Part > MaxPart || len(b.Parts) > 0 && h.Part == 0 {
		return ErrMalformed
	}
	_, _, err := c.call(ctx, at, &key, verbPutBundle, h, nil, tail...)
	return err
}

// TakeBundle returns the base of a box's bundle and a one-time part, or nil where the relay has or gives none: for a token
// there is one part per hour, for a stranger one for work of at most maxBits (0, or fewer than the relay wants: the base
// alone). What they are worth the caller finds out: they are sealed and signed.
func (c *Client) TakeBundle(ctx context.Context, at Place, box BoxID, token Token, maxBits uint8) (base, part []byte, err error) {
	h := takeBundleHead{Box: box, Token: tokenBytes(token)}
	if token.IsZero() && maxBits > 0 {
		h.Work, err = c.workFor(ctx, at, box, nil, maxBits)
		if err != nil && !errors.Is(err, ErrWork) {
			return nil, nil, err
		}
	}
	var b bundleHead
	l, tail, err := c.call(ctx, at, nil, verbTakeBundle, h, &b)
	if err != nil {
		return nil, nil, err
	}
	n := int(b.Base)
	if n < 1 || n > MaxBase || n > len(tail) || len(tail)-n > MaxPart {
		return nil, nil, l.lie("a bundle of impossible size")
	}
	if len(tail) > n {
		part = tail[n:]
	}
	return tail[:n:n], part, nil
}

// Leave replaces the descriptors that this box has left with the relay, to be put into the DHT while their period lasts:
// at most MaxDescriptors values by their blinded keys.
func (c *Client) Leave(ctx context.Context, at Place, key identity.BoxPrivateKey, values map[PlaceKey][]byte) error {
	if len(values) > MaxDescriptors {
		return ErrMalformed
	}
	var all [][]byte
	for k, v := range values {
		if len(v) != DescriptorSize {
			return ErrMalformed
		}
		all = append(all, k[:], v)
	}
	for first := true; first || len(all) > 0; first = false {
		n := min(2*leftAtOnce, len(all))
		h := leaveHead{Box: key.Public(), First: first, Last: n == len(all)}
		if _, _, err := c.call(ctx, at, &key, verbLeave, h, nil, all[:n]...); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// Descriptor returns the descriptor under a blinded key, if it was left with this relay. It is for the caller to validate.
// The refusal is ErrNotFound.
func (c *Client) Descriptor(ctx context.Context, at Place, key PlaceKey) ([]byte, error) {
	l, tail, err := c.call(ctx, at, nil, verbDescriptor, descriptorHead{Key: key}, nil)
	if err == nil && len(tail) != DescriptorSize {
		return nil, l.lie("a descriptor of impossible size")
	}
	return tail, err
}

// PutWeak tells a box's owner something now or never: 512 bytes to MaxWeak, in the sizes of posts. That it succeeded proves
// nothing. Refusals: those of tokens.
func (c *Client) PutWeak(ctx context.Context, at Place, box BoxID, token Token, b []byte) error {
	if len(b) > MaxWeak || !IsPostSize(len(b)) {
		return ErrPostSize
	}
	_, _, err := c.call(ctx, at, nil, verbPutWeak, putWeakHead{Box: box, Token: tokenBytes(token)}, nil, b)
	return err
}

// Time returns the relay's signed time.
func (c *Client) Time(ctx context.Context, at Place) (RelayTime, error) {
	h := timeHead{Nonce: nonce()}
	var told toldHead
	// The first call of a connection would count the dialling as a part of the round trip.
	if _, err := c.link(ctx, at); err != nil {
		return RelayTime{}, err
	}
	before := time.Now()
	l, _, err := c.call(ctx, at, nil, verbTime, h, &told)
	if err != nil {
		return RelayTime{}, err
	}
	took := time.Since(before)
	if at.Relay.Verify(identity.LabelRelayTime, told.Signature[:], timeParts(h.Nonce, told.Time)...) != nil {
		return RelayTime{}, l.lie("a time that it did not sign")
	}
	return RelayTime{Time: fromMillis(told.Time), Took: took, At: before.Add(took / 2)}, nil
}
