package node

import (
	"context"
	"errors"
	"time"

	"github.com/linnetmesh/linnet/crypto/bundle"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// ready returns a post that can leave: sealed in the session there is. It is nil if the post is gone, or failed.
func (k *courier) ready(ctx context.Context, number uint64) (*post, error) {
	n := k.n
	p, err := n.couriers.fetch(k.to, number)
	if err != nil || p == nil || p.state.State == chat.Failed {
		return nil, err
	}
	if p.sealed(n.queues.generation(k.to)) && !p.old(n.now()) {
		return p, nil
	}
	err = k.seal(ctx, number)
	if errors.Is(err, errNoSession) {
		if err = k.begin(ctx); err == nil {
			err = k.seal(ctx, number)
		}
	}
	if err != nil {
		return nil, err
	}
	if p, err = n.couriers.fetch(k.to, number); err != nil || p == nil || len(p.Envelope) == 0 {
		return nil, err
	}
	return p, nil
}

// old tells whether a post has waited so long that its tag may be forgotten: then it is looked at again.
func (p *post) old(now time.Time) bool { return now.Sub(p.said()) > 14*24*time.Hour }

// seal seals posts from a number on, as many as one operation may.
func (k *courier) seal(ctx context.Context, from uint64) error {
	return k.n.run(ctx, func(t *turn) error {
		p := t.peer(k.to)
		if p == nil {
			return errNoSession
		}
		if !t.listed(p) {
			return errNoSession
		}
		q, err := p.clone()
		if err != nil {
			return err
		}
		if !q.usable(t.now) {
			return errNoSession
		}
		s, err := t.sealing(k.to)
		if err != nil {
			return err
		}
		numbers := t.n.queues.after(k.to, from-1, sealAtOnce)
		for _, number := range numbers {
			o, err := t.post(k.to, number)
			if err != nil {
				return t.fail(err)
			}
			if o == nil || o.state.State == chat.Failed {
				continue
			}
			switch {
			case !o.sealed(q.generation):
				o.state = unkept(o.state, t.now)
				err = q.seal(o, s)
			case q.outdated(o):
				o.state = unkept(o.state, t.now)
				if err = q.sealAgain(o, kindOf(o), s); errors.Is(err, errNoSession) { // its channel is gone
					err = q.seal(o, s)
				}
			default:
				continue
			}
			if err != nil {
				return t.fail(err)
			}
			if err := t.putPost(o); err != nil {
				return err
			}
			t.after(func() { t.n.couriers.let(o.device, o.number) }) // what was at hand is not what it is now
		}
		if len(numbers) < sealAtOnce {
			t.backlog[k.to] = false
		}
		t.putPeer(q, false)
		return nil
	})
}

// begin opens a session with the device, from the bundle that it hands out.
func (k *courier) begin(ctx context.Context) error {
	n := k.n
	entry, err := n.entryOf(k.to)
	if err != nil {
		return err
	}
	if n.isBlocked(k.to.account) {
		return errNotListed
	}
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	if c := n.contact(k.to.account); c != nil && c.view.Stale(n.now()) {
		_ = n.couriers.find(ctx, k.to.account) // somebody may be holding back what came after: ask before the first message
	}
	var s *site
	for range 2 {
		if c := n.contact(k.to.account); c != nil {
			s = c.site(k.to.number)
		}
		if s != nil && !s.Bundle.IsZero() {
			break
		}
		if err := n.couriers.find(ctx, k.to.account); err != nil {
			return err
		}
	}
	if s == nil || s.Bundle.IsZero() {
		return errNotFound
	}
	conn, where, err := k.dial(ctx, n.config.Bundle)
	if err != nil {
		return err
	}
	b, part, err := n.fetchBundle(ctx, conn, s.Bundle, entry)
	if err != nil {
		if errors.Is(err, bundle.ErrOpen) || errors.Is(err, bundle.ErrSignature) || errors.Is(err, bundle.ErrBundle) {
			n.couriers.left(k.to, where.key) // it is somebody else, or the key has changed
			_ = n.couriers.find(ctx, k.to.account)
		}
		return err
	}
	return k.initiate(ctx, entry, b, part)
}

// initiate opens a session from a bundle of the device.
func (k *courier) initiate(ctx context.Context, entry identity.Device, b *bundle.Bundle, part *bundle.Part) error {
	n := k.n
	return n.run(ctx, func(t *turn) error {
		p := t.peer(k.to)
		var err error
		if p == nil || p.identity != entry.Identity() {
			if p, err = n.newPeer(k.to, entry.Identity()); err != nil {
				return err
			}
		}
		q, err := p.clone()
		if err != nil {
			return err
		}
		if q.usable(t.now) {
			return nil // the other side was faster
		}
		if b.Version() < q.bundle {
			return bundle.ErrRollback // somebody holds back what came after
		}
		if err := q.initiate(t.getSelf(), n.envelopeParty(), b, part, t.now); err != nil {
			return err
		}
		t.putPeer(q, true)
		t.tell(Event{Kind: EventSession, Account: k.to.account, Device: k.to.number})
		return nil
	})
}
