package node

import (
	"context"
	"sync"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/node/chat"
)

// weakBook remembers the latest weak update of each device, so that none goes back in time.
type weakBook struct {
	mu   sync.Mutex
	last map[device]map[chat.WeakKind]chat.Time
}

func (b *weakBook) newer(d device, w *chat.Weak) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil {
		b.last = make(map[device]map[chat.WeakKind]chat.Time)
	}
	if b.last[d] == nil {
		b.last[d] = make(map[chat.WeakKind]chat.Time)
	}
	if w.Time <= b.last[d][w.Kind] || w.Kind > chat.WeakAvatar {
		return false
	}
	b.last[d][w.Kind] = w.Time
	return true
}

// Typing tells a contact's devices that somebody writes here, or stopped. It is worth telling now or
// never: nothing is stored, and nothing is said of whether it came.
func (n *Node) Typing(ctx context.Context, to Account, on bool) error {
	return n.sendWeak(ctx, to, chat.WeakTyping, on)
}

// Presence tells a contact's devices that somebody is here, or left.
func (n *Node) Presence(ctx context.Context, to Account, on bool) error {
	return n.sendWeak(ctx, to, chat.WeakPresence, on)
}

func (n *Node) sendWeak(ctx context.Context, to Account, kind chat.WeakKind, on bool) error {
	return n.run(ctx, func(t *turn) error {
		c, err := t.partner(to)
		if err != nil {
			return err
		}
		if privacy, err := readPrivacy(t.batch.Get); err != nil || privacy.NoTyping {
			return err
		}
		w := chat.Weak{Kind: kind, Time: chat.At(t.now), On: on}
		b, err := w.AppendTo(nil)
		if err != nil {
			return err
		}
		for _, d := range t.devices(c) {
			p := t.peer(d)
			if p == nil || p.lost || !t.listed(p) {
				continue
			}
			in := &envelope.Inner{Sender: n.envelopeParty(), Head: t.getSelf().view.Head(), Kind: envelope.KindWeak, Message: b}
			for _, ch := range p.channels {
				if !ch.ready {
					continue
				}
				if sealed, err := ch.sender.SealWeak(in, t.now); err == nil {
					if n.couriers.isAwake(d) {
						t.after(func() { n.couriers.sendWeak(d, sealed.Bytes) })
					} else {
						s := c.site(d.number)
						t.after(func() { n.mail.weak(d, s, sealed.Bytes) })
					}
				}
				break
			}
		}
		return nil
	})
}

// isAwake tells whether a device was heard since it was last missed.
func (c *couriers) isAwake(d device) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.places[d]
	return ok
}

// awake returns the devices that were heard since they were last missed.
func (c *couriers) awake() (out []device) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for d := range c.places {
		out = append(out, d)
	}
	return out
}

// sendWeak has a weak update carried, or drops it.
func (c *couriers) sendWeak(d device, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil {
		return
	}
	select {
	case c.start(d).weak <- b:
	default:
	}
}
