package node

import (
	"context"
	"errors"
	"time"

	"github.com/linnetmesh/linnet/crypto/bundle"
	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/node/vault"
)

// fewParts is how many one-time parts are too few.
const fewParts = 4

// unput is a bundle that the relay refused: it has given no part of it away, so the same can be put again.
type unput struct {
	mailbox.Bundle
	of   uint32    // version of the keys
	made time.Time // the zero Time: there is none
}

// has returns which bundle and which descriptors the relay has.
func (c *collector) has() (bundle uint32, descriptors uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.supplied, c.leftSince
}

// got notes which bundle and which descriptors the relay has.
func (c *collector) got(bundle uint32, descriptors uint64) {
	c.mu.Lock()
	c.supplied, c.leftSince = bundle, descriptors
	c.mu.Unlock()
	c.n.mail.tell()
}

// supply gives the relay what it hands out for this device while it sleeps: a bundle with one-time parts of its own, and
// descriptors. Where the device stays it does so anew when they changed, as long as it may listen there.
func (c *collector) supply(ctx context.Context, r *ownRelay, o *mailbox.Opened, stays bool) {
	at, m := c.n.mail.place(r), c.n.mail
	if o.Made {
		c.got(0, 0)
	}
	few := o.Parts < fewParts
	for wait := collectFirst; ctx.Err() == nil; {
		err := c.supplyBundle(ctx, r, at, o.Bundle, few)
		bundle, left := c.has()
		if values, since := m.toLeave(); err == nil && len(values) > 0 && since != left {
			if err = m.client.Leave(ctx, at, r.box, values); err == nil {
				c.got(bundle, since)
			}
		}
		next := listenFor
		if err != nil && ctx.Err() == nil {
			c.n.log.Info("a relay did not take prekeys or descriptors", "error", err)
			c.note(func(h *RelayHealth) { h.Refuses = reasonOf(err) })
			next = wait
			wait = min(2*wait, collectMost)
		} else {
			few, wait = false, collectFirst
			c.note(func(h *RelayHealth) { h.Refuses = "" })
		}
		if err == nil && (!stays || !c.n.mail.mayListen(c.key)) {
			return
		}
		t := time.NewTimer(next)
		select {
		case <-t.C:
		case <-c.tend:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// supplyBundle puts a bundle: if it is another than the one that is there, or few one-time parts are left.
func (c *collector) supplyBundle(ctx context.Context, r *ownRelay, at mailbox.Place, has uint64, few bool) error {
	n := c.n
	var b mailbox.Bundle
	version, made := uint32(0), time.Time{}
	supplied, left := c.has()
	err := n.run(ctx, func(t *turn) error {
		if err := t.renewBundle(); err != nil {
			return err
		}
		s := t.getSelf().clone()
		version = s.privates[0].Version
		if version == supplied && !few {
			return nil
		}
		if u := &c.refused; !u.made.IsZero() && u.of == version && t.now.Sub(u.made).Abs() < 24*time.Hour {
			b, made = u.Bundle, u.made
			b.Version = max(has+1, b.Version, millisOf(t.now)) // the relay may have refused it as older than what it has
			return nil
		}
		made = t.now
		entry, err := s.entry()
		if err != nil {
			return err
		}
		b = mailbox.Bundle{Version: max(has+1, millisOf(t.now)), Base: s.Bundle}
		for range mailbox.MaxParts {
			s.Counter++
			private, part, err := bundle.IssuePart(s.identity, entry, s.Counter, t.now)
			if err != nil {
				return t.fail(err)
			}
			sealed, err := s.bundleKey.SealPart(part)
			if err != nil {
				return t.fail(err)
			}
			_ = t.fail(t.batch.PutUntil(vault.PreKey, partDrawerKey(private.ID), private.AppendTo(nil), t.now.Add(bundle.KeepPrivate)))
			b.Parts = append(b.Parts, sealed)
		}
		t.putSelf(s)
		return nil
	})
	if err != nil || b.Version == 0 {
		return err
	}
	c.refused = unput{}
	if err := n.mail.client.PutBundle(ctx, at, r.box, b); err != nil {
		if refused := new(mailbox.RefusedError); errors.As(err, &refused) {
			c.refused = unput{b, version, made}
		}
		return err
	}
	c.got(version, left)
	return nil
}
