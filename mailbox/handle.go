package mailbox

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// handle carries out a request that is no put, and answers it. An error is a refusal.
func (c *conn) handle(p packet) error {
	switch p.verb {
	case verbOwn:
		return c.own(p)
	case verbOpen:
		return c.open(p)
	case verbClose:
		return c.closeBox(p)
	case verbRevoke:
		return c.revoke(p)
	case verbChallenge:
		return c.challenge(p)
	case verbFetch:
		return c.fetch(p)
	case verbList:
		return c.list(p)
	case verbGet:
		return c.get(p)
	case verbAck:
		return c.ack(p)
	case verbPutBundle:
		return c.putBundle(p)
	case verbTakeBundle:
		return c.takeBundle(p)
	case verbLeave:
		return c.leave(p)
	case verbDescriptor:
		return c.descriptor(p)
	case verbPutWeak:
		return c.putWeak(p)
	case verbListenWeak:
		return c.listenWeak(p)
	case verbTime:
		return c.time(p)
	default:
		return ErrUnknown
	}
}

// own proves a box key, for this connection.
func (c *conn) own(p packet) error {
	var h ownHead
	if err := p.read(&h); err != nil {
		return err
	}
	if _, err := identity.ParseBoxKey(h.Box[:]); err != nil {
		return ErrProof
	}
	if c.s.banned(c.node, h.Box) {
		return ErrBanned
	}
	if h.Box.Verify(identity.LabelBox, h.Signature[:], c.s.self[:], c.nonce[:], h.Box[:]) != nil {
		return ErrProof
	}
	c.mu.Lock()
	full := len(c.owned) >= maxOwned && !c.owned[h.Box]
	if !full {
		c.owned[h.Box] = true
	}
	c.mu.Unlock()
	if full {
		return ErrBusy
	}
	c.answer(p.id, nil)
	return nil
}

// open makes a box, or sets what its owner wants of it.
func (c *conn) open(p packet) error {
	var h openHead
	if err := p.read(&h); err != nil {
		return err
	}
	switch k := Kind(h.Kind); {
	case !c.owns(h.Box):
		return ErrProof
	case k != Mail && k != Shelf && k != Blob:
		return ErrKind
	case h.Secret == [SecretSize]byte{}:
		return ErrMalformed
	}
	sh := c.s.shard(h.Box)
	done := make(chan error, 1)
	ok := sh.submit(c.ctx, op{do: func(ctx context.Context) { done <- c.openIn(ctx, sh, p.id, &h) }})
	if !ok {
		return ErrClosed
	}
	select {
	case err := <-done:
		return err
	case <-c.ctx.Done():
		return ErrClosed
	}
}

// openIn does it in the shard.
func (c *conn) openIn(ctx context.Context, sh *shard, id uint32, h *openHead) error {
	s := c.s
	lim, now := s.lim(), s.now()
	l, err := sh.ledger(ctx, h.Box)
	made := errors.Is(err, ErrNoBox)
	if err != nil && !made {
		return err
	}
	var b Box
	if made {
		if s.draining.Load() {
			return ErrDraining
		}
		b = Box{ID: h.Box, Kind: Kind(h.Kind), Made: now.age, Origin: c.origin}
		s.mu.Lock()
		if err = s.origins.admit(lim, c.origin); err == nil {
			s.origins.count(c.origin, 1)
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
	} else {
		// The ledger knows who asks for what, the Store alone what lies there.
		if b, err = s.config.Store.Box(ctx, h.Box); err != nil {
			sh.drop(h.Box)
			return err
		}
		if b.Kind != Kind(h.Kind) {
			return ErrKind
		}
	}
	if made || b.Secret != h.Secret || b.Closed != h.Closed || now.age.Sub(b.Seen) >= 24*time.Hour {
		b.Secret, b.Closed, b.Seen = h.Secret, h.Closed, now.age
		again, really, err := s.config.Store.SetBox(ctx, b)
		if made && !really { // somebody made it meanwhile, or nobody did
			s.mu.Lock()
			s.origins.count(c.origin, -1)
			s.mu.Unlock()
		}
		if err != nil && (made || !errors.Is(err, ErrDiskFull)) {
			return err
		}
		if err == nil {
			b, made = again, really
			if l != nil {
				l.set(s.self, b)
			}
		}
	}
	whole := lim.of(b.Kind)
	c.answer(id, openedHead{
		Made:     made,
		Cursor:   cursorBytes(b.Cursor()),
		Posts:    b.Posts,
		Bytes:    b.Bytes,
		Lost:     b.Lost,
		Parts:    uint8(b.Parts),
		Bundle:   b.Bundle,
		MaxPosts: uint64(whole.posts),
		MaxBytes: uint64(whole.bytes),
		Keep:     uint64(lim.Keep / time.Second),
		Draining: s.draining.Load(),
		Time:     millis(now.date),
	})
	return nil
}

// touch remembers, once a day, that the owner of a box was here.
func (s *Server) touch(ctx context.Context, box BoxID) {
	now := s.now()
	_ = s.shard(box).with(ctx, box, func(ctx context.Context, l *ledger) error {
		if now.age.Sub(l.box.Seen) < 24*time.Hour {
			return nil
		}
		b := l.box
		b.Seen = now.age
		b, _, err := s.config.Store.SetBox(ctx, b)
		if err == nil {
			l.set(s.self, b)
		}
		return err
	})
}

func (c *conn) closeBox(p packet) error {
	var h boxHead
	if err := p.read(&h); err != nil {
		return err
	}
	if !c.owns(h.Box) {
		return ErrProof
	}
	if err := c.s.removeBox(c.ctx, h.Box); err != nil && !errors.Is(err, ErrNoBox) {
		return err
	}
	c.answer(p.id, nil)
	return nil
}

// removeBox removes a box and all that lies in it.
func (s *Server) removeBox(ctx context.Context, box BoxID) error {
	sh := s.shard(box)
	return sh.with(ctx, box, func(ctx context.Context, l *ledger) error {
		if err := s.config.Store.RemoveBox(ctx, box); err != nil {
			return err
		}
		sh.drop(box)
		s.mu.Lock()
		s.origins.count(l.box.Origin, -1)
		s.mu.Unlock()
		s.hub.wake(box)
		return nil
	})
}

func (c *conn) revoke(p packet) error {
	var h revokeHead
	if err := p.read(&h); err != nil {
		return err
	}
	if !c.owns(h.Box) {
		return ErrProof
	}
	more := make([]Revoked, len(h.List))
	for i, r := range h.List {
		more[i] = Revoked{r.ID, r.Until}
	}
	s := c.s
	err := s.shard(h.Box).with(c.ctx, h.Box, func(ctx context.Context, l *ledger) error {
		b := l.box
		var err error
		if b.Revoked, err = revoke(b.Revoked, more, s.now()); err != nil {
			return err
		}
		if b, _, err = s.config.Store.SetBox(ctx, b); err != nil {
			return err
		}
		l.set(s.self, b)
		return nil
	})
	if err != nil {
		return err
	}
	c.answer(p.id, nil)
	return nil
}

func (c *conn) challenge(p packet) error {
	var h boxHead
	if err := p.read(&h); err != nil {
		return err
	}
	now := c.s.now()
	c.s.mu.Lock()
	bits := c.s.crowd.bits(c.s.lim(), now.tick)
	c.s.mu.Unlock()
	c.answer(p.id, challengeHead{Challenge: challenge(c.s.work[:], h.Box, bits, now.age), Bits: bits})
	return nil
}

// mayRead tells whether this connection may read a box, and whether as its owner.
func (c *conn) mayRead(box BoxID, b [CapabilitySize]byte) error {
	if c.owns(box) {
		return nil
	}
	capability, err := ParseCapability(b[:])
	if err != nil {
		return ErrProof
	}
	return c.s.shard(box).with(c.ctx, box, func(_ context.Context, l *ledger) error {
		return l.reads(capability, c.s.now())
	})
}

func (c *conn) list(p packet) error {
	var h listHead
	if err := p.read(&h); err != nil {
		return err
	}
	if err := c.mayRead(h.Box, h.Capability); err != nil {
		return err
	}
	b, err := c.s.config.Store.Box(c.ctx, h.Box)
	if err != nil {
		return err
	}
	items, err := c.s.config.Store.List(c.ctx, h.Box, h.After, maxListed)
	if err != nil {
		return err
	}
	out := listedHead{Cursor: cursorBytes(b.Cursor()), Items: make([]itemBody, len(items))}
	for i, item := range items {
		out.Items[i] = bodyOf(item)
	}
	c.answer(p.id, out)
	return nil
}

// maxListed is how many items a list has at most.
const maxListed = 500

func (c *conn) get(p packet) error {
	var h getHead
	if err := p.read(&h); err != nil {
		return err
	}
	if err := c.mayRead(h.Box, h.Capability); err != nil {
		return err
	}
	post, err := c.s.config.Store.Get(c.ctx, h.Box, h.Name)
	if err != nil {
		return err
	}
	c.s.count.fetched.Add(1)
	c.s.count.fetchedBytes.Add(uint64(len(post.Bytes)))
	c.answer(p.id, bodyOf(post.Item), post.Bytes)
	return nil
}

func (c *conn) ack(p packet) error {
	var h boxHead
	if err := p.read(&h); err != nil {
		return err
	}
	if len(p.tail) == 0 || len(p.tail)%NameSize != 0 || len(p.tail) > MaxAck*NameSize {
		return ErrMalformed
	}
	if !c.owns(h.Box) {
		return ErrProof
	}
	names := make([]Name, 0, len(p.tail)/NameSize)
	for b := p.tail; len(b) > 0; b = b[NameSize:] {
		names = append(names, Name(b[:NameSize]))
	}
	items, err := c.s.config.Store.Ack(c.ctx, h.Box, names)
	if err != nil {
		return err
	}
	c.s.count.acked.Add(uint64(len(items)))
	c.s.shard(h.Box).gone(c.ctx, h.Box, items)
	c.answer(p.id, nil)
	return nil
}

func (c *conn) putBundle(p packet) error {
	var h putBundleHead
	if err := p.read(&h); err != nil {
		return err
	}
	b, err := parseBundle(&h, p.tail)
	switch {
	case err != nil:
		return err
	case !c.owns(h.Box):
		return ErrProof
	case c.s.draining.Load():
		return ErrDraining
	}
	if err := c.s.config.Store.SetBundle(c.ctx, h.Box, b); err != nil {
		return err
	}
	c.answer(p.id, nil)
	return nil
}

// takeBundle gives the base to everybody, and a one-time part for a token or work. It never fails because there is none.
func (c *conn) takeBundle(p packet) error {
	var h takeBundleHead
	if err := p.read(&h); err != nil {
		return err
	}
	part := false
	switch {
	case h.Token != [TokenSize]byte{}:
		token, err := ParseToken(h.Token[:])
		if err != nil {
			return ErrToken
		}
		err = c.s.shard(h.Box).with(c.ctx, h.Box, func(_ context.Context, l *ledger) error {
			part = l.good(token, c.s.now()) == nil && l.part(token, c.s.now())
			return nil
		})
		if err != nil {
			return err
		}
	case h.Work != nil:
		part = c.s.worked(h.Box, nil, h.Work) == nil
	}
	base, one, err := c.s.config.Store.TakeBundle(c.ctx, h.Box, part)
	if err != nil {
		return err
	}
	c.s.count.bundles.Add(1)
	switch {
	case one != nil:
		c.s.count.parts.Add(1)
	case part:
		c.s.count.wanting.Add(1)
	}
	c.answer(p.id, bundleHead{Base: uint32(len(base))}, base, one)
	return nil
}

// leave takes descriptors, in several frames: the first begins, the last counts.
func (c *conn) leave(p packet) error {
	var h leaveHead
	if err := p.read(&h); err != nil {
		return err
	}
	switch {
	case len(p.tail)%leftSize != 0 || len(p.tail) > leftAtOnce*leftSize:
		return ErrMalformed
	case !c.owns(h.Box):
		return ErrProof
	case c.s.draining.Load():
		return ErrDraining
	}
	now := c.s.now()
	list := make([]Descriptor, 0, leftAtOnce)
	for b := p.tail; len(b) > 0; b = b[leftSize:] {
		d, err := parseDescriptor(PlaceKey(b[:len(PlaceKey{})]), b[len(PlaceKey{}):leftSize])
		if err != nil {
			return err
		}
		d.Until = now.age.After(keepDescriptor)
		list = append(list, d)
	}
	c.mu.Lock()
	if h.First {
		c.leaving, c.leaver = nil, h.Box
	}
	if c.leaver != h.Box || len(c.leaving)+len(list) > MaxDescriptors {
		c.mu.Unlock()
		return ErrMalformed
	}
	c.leaving = append(c.leaving, list...)
	all := c.leaving
	if h.Last {
		c.leaving, c.leaver = nil, BoxID{}
	}
	c.mu.Unlock()
	if h.Last {
		if err := c.s.config.Store.Leave(c.ctx, h.Box, all); err != nil {
			return err
		}
	}
	c.answer(p.id, nil)
	return nil
}

// keepDescriptor is how long a descriptor is kept: those of 14 periods to come, and a day for clocks that differ.
const keepDescriptor = 16 * 24 * time.Hour

func (c *conn) descriptor(p packet) error {
	var h descriptorHead
	if err := p.read(&h); err != nil {
		return err
	}
	d, err := c.s.config.Store.Descriptor(c.ctx, h.Key)
	if err != nil {
		return err
	}
	c.answer(p.id, nil, d.Value)
	return nil
}

// time signs what time it is.
func (c *conn) time(p packet) error {
	var h timeHead
	if err := p.read(&h); err != nil {
		return err
	}
	ms := millis(c.s.config.Now())
	sig, err := c.s.config.Key.Sign(identity.LabelRelayTime, h.Nonce[:], binary.BigEndian.AppendUint64(nil, ms))
	if err != nil {
		return err
	}
	c.answer(p.id, toldHead{Time: ms, Signature: sig})
	return nil
}
