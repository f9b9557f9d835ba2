package node

import (
	"context"
	"errors"
	"slices"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

// Why a message failed.
const (
	deviceGone  = "its device was taken off the account"
	contactGone = "the contact was removed"
	revokedHere = "this device was taken off the account"
	blockedHere = "you blocked this contact"
)

// chunk is how many accounts or posts one operation looks through: what concerns many is done in steps that fit into a
// transaction, and goes on after a crash.
const chunk = 32

// tidyUp has what waits for contacts that changed looked through.
func (n *Node) tidyUp() {
	select {
	case n.tidy <- struct{}{}:
	default:
	}
}

// reconcile looks through what waits for contacts whose devices changed, or who were blocked or removed, until ctx ends:
// what waits for a device that is gone goes to those that are there, or fails; what waits for one goes to new ones, too.
func (n *Node) reconcile(ctx context.Context) {
	for ctx.Err() == nil {
		for _, a := range n.toReconcile() {
			if err := n.reconcileAccount(ctx, a); err != nil && ctx.Err() == nil {
				n.log.Warn("what waits was not looked through", "error", err)
			}
		}
		select {
		case <-n.tidy:
		case <-ctx.Done():
		}
	}
}

// toReconcile returns the accounts that changed, and those that are no contacts and for which something waits.
func (n *Node) toReconcile() (out []identity.Account) {
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	for a, c := range n.shared.contacts {
		if c.Reconcile {
			out = append(out, a)
		}
	}
	_, revoked := n.shared.self.entry()
	for _, d := range n.queues.devices() {
		if (n.shared.contacts[d.account] == nil || revoked != nil) && !slices.Contains(out, d.account) {
			out = append(out, d.account)
		}
	}
	return out
}

func (n *Node) reconcileAccount(ctx context.Context, a identity.Account) error {
	for _, d := range n.queues.devices() {
		if d.account != a {
			continue
		}
		for after := uint64(0); ; {
			numbers := n.queues.after(d, after, chunk)
			if len(numbers) == 0 {
				break
			}
			after = numbers[len(numbers)-1]
			if err := n.run(ctx, func(t *turn) error {
				for _, number := range numbers {
					if err := t.reconcile(d, number); err != nil {
						return t.fail(err)
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
	}
	return n.run(ctx, func(t *turn) error {
		c := t.contact(a)
		if c == nil || !c.Reconcile {
			return nil
		}
		c = c.clone()
		c.Reconcile = false
		t.putContact(c)
		return nil
	})
}

// reconcile looks at one post.
func (t *turn) reconcile(d device, number uint64) error {
	p, err := t.post(d, number)
	if err != nil || p == nil || p.state.State == chat.Failed {
		return err
	}
	c := t.contact(d.account)
	_, revoked := t.getSelf().entry()
	switch {
	case revoked != nil:
		return t.giveUpPost(p, revokedHere)
	case c == nil:
		return t.giveUpPost(p, contactGone)
	case c.State == Blocked:
		return t.giveUpPost(p, blockedHere)
	case d.number == 0:
		return nil
	}
	active := t.devices(c)
	for _, e := range active {
		if e.number == 0 || e == d || e == (device{t.n.me, t.n.number}) || p.Kind == chat.KindSignal {
			continue
		}
		has, err := t.hasOrHad(e, p.ID)
		if err != nil {
			return err
		}
		if !has {
			if err := t.queuePost(p.unsealed(e)); err != nil {
				return err
			}
		}
	}
	switch {
	case slices.Contains(active, d):
		return nil
	case len(active) > 0 && active[0].number != 0:
		t.removePost(p) // the others have it
		return nil
	default:
		return t.giveUpPost(p, deviceGone)
	}
}

// hasOrHad tells whether a message waits for a device, or was acknowledged by it.
func (t *turn) hasOrHad(d device, id chat.ID) (bool, error) {
	if slices.ContainsFunc(t.n.queues.of(id), func(q queued) bool { return q.device == d }) {
		return true, nil
	}
	if c := t.posts[d]; c != nil && slices.ContainsFunc(c.added, func(p *post) bool { return p.ID == id }) {
		return true, nil
	}
	_, err := t.batch.Get(vault.Delivery, deliveryKey(d, id))
	if errors.Is(err, vault.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// giveUpPost lets a message fail that is shown, so that it can be tried again; of the others nobody is told.
func (t *turn) giveUpPost(p *post, why string) error {
	if !p.Kind.Shown() || p.Copy != nil {
		t.removePost(p)
		return nil
	}
	return t.park(p, why)
}

// each does something for all contacts of which it is true, a few in each operation, in the background. What is lost when
// the node stops meanwhile must come about in another way.
func (n *Node) each(which func(*contact) bool, what func(*turn, *contact) error) {
	n.some(chunk, which, what)
}

// some is each with a bound of how many contacts one operation is for.
func (n *Node) some(most int, which func(*contact) bool, what func(*turn, *contact) error) {
	n.couriers.background(func(ctx context.Context) {
		n.shared.mu.RLock()
		var accounts []identity.Account
		for a, c := range n.shared.contacts {
			if which(c) {
				accounts = append(accounts, a)
			}
		}
		n.shared.mu.RUnlock()
		for some := range slices.Chunk(accounts, most) {
			err := n.run(ctx, func(t *turn) error {
				for _, a := range some {
					if c := t.contact(a); c != nil && which(c) {
						if err := what(t, c); err != nil {
							return t.fail(err)
						}
					}
				}
				return nil
			})
			if err != nil && ctx.Err() == nil {
				n.log.Warn("not all contacts were told", "error", err)
			}
		}
	})
}
