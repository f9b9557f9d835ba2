package node

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/node/chat"
)

// tooOld is what is shown of a message that nobody took for a month.
const tooOld = "not delivered for 30 days"

// expired tells whether a post waited too long: by the date, and by the hours that the node ran, so that neither a clock
// that is set wrong, or right again, nor a long sleep gives up what was not tried.
func (p *post) expired(now time.Time, hours uint64) bool {
	return now.Sub(p.said()) > giveUpAfter && hours >= p.Hour+giveUpHours
}

// giveUpHours is how many hours a node must have run: what gives up too late costs room, too early a message.
const giveUpHours = uint64(giveUpAfter / time.Hour)

// giveUp shows as failed what waited for a month.
func (n *Node) giveUp(ctx context.Context) {
	for _, d := range n.queues.devices() {
		after := uint64(0)
		for ctx.Err() == nil {
			numbers := n.queues.after(d, after, sealAtOnce)
			if len(numbers) == 0 {
				break
			}
			after = numbers[len(numbers)-1]
			if err := n.run(ctx, func(t *turn) error { return t.giveUp(d, numbers) }); err != nil {
				n.log.Warn("what waits was not looked through", "error", err)
				return
			}
		}
	}
}

func (t *turn) giveUp(d device, numbers []uint64) error {
	for _, number := range numbers {
		p, err := t.post(d, number)
		if err != nil {
			return err
		}
		if p == nil || p.state.State == chat.Failed || !p.expired(t.now, t.getSelf().Hours) {
			continue
		}
		if c := t.contact(d.account); p.Kind == chat.KindSignal && c != nil && c.State == Asked {
			continue // the request: as long as nobody answered, it is all there is
		}
		if err := t.giveUpPost(p, tooOld); err != nil {
			return err
		}
	}
	return nil
}

// forget gives up the sessions of a vault that lacks commits: their keys may have been used already.
func (n *Node) forget() error {
	lost := n.config.Vault.Lost()
	if lost == 0 {
		return nil
	}
	n.log.Warn("the vault lacks what was stored last: sessions begin anew", "commits", lost)
	for some := range slices.Chunk(slices.Collect(maps.Keys(n.state.peers)), chunk) {
		err := n.startTurn(func(t *turn) error {
			for _, d := range some {
				p := t.peer(d)
				q, err := n.newPeer(d, p.identity)
				if err != nil {
					return err
				}
				q.sent, q.seen, q.missing, q.bundle = p.sent+1000, p.seen, p.missing, p.bundle // what was sent meanwhile had sequences, too
				q.generation, q.lost = p.generation+1, true
				t.putPeer(q, true)
				t.backlog[d] = true
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("giving up sessions: %w", err)
		}
	}
	err := n.startTurn(func(t *turn) error { // versions and ids may have been given to others, too
		s := t.getSelf().clone()
		s.Counter += 1000
		if err := s.issue(t.batch, t.now); err != nil {
			return err
		}
		t.putSelf(s)
		return nil
	})
	if err != nil {
		return fmt.Errorf("making prekeys anew: %w", err)
	}
	return n.config.Vault.Forgive()
}

// startTurn carries out an operation before Run.
func (n *Node) startTurn(do func(*turn) error) error {
	t := n.newTurn()
	if err := do(t); err != nil {
		return err
	}
	t.flush()
	if t.broken != nil {
		return t.broken
	}
	if err := n.config.Vault.Commit(t.batch); err != nil {
		return err
	}
	n.adopt(t)
	return nil
}

// houseEvery is how often a node looks after what grows old.
const houseEvery = time.Hour

// keepHouse looks after what grows old: prekeys, the erase key, remembered hashes, posts that nobody takes, the manifest.
func (n *Node) keepHouse(ctx context.Context) {
	for first := true; ctx.Err() == nil; first = false {
		if !first {
			if !sleep(ctx, houseEvery-houseEvery/10+rand.N(houseEvery/5)) { //nolint:gosec // jitter needs no secret
				return
			}
			_ = n.run(ctx, func(t *turn) error {
				s := t.getSelf().clone()
				s.Hours++
				t.putSelf(s)
				return nil
			})
		}
		if err := n.config.Vault.Renew(n.now()); err != nil {
			n.log.Warn("the erase key was not renewed", "error", err)
		}
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = n.config.Vault.Sweep(n.now()); err != nil {
				n.log.Warn("what is over was not swept", "error", err)
				break
			}
		}
		if hours := n.currentSelf().Hours; hours%24 == 1 {
			if err := n.config.Vault.Tidy(ctx); err != nil && ctx.Err() == nil {
				n.log.Warn("the vault was not tidied", "error", err)
			}
			if err := n.dropBundles(ctx); err != nil && ctx.Err() == nil {
				n.log.Warn("old prekeys were not erased", "error", err)
			}
		}
		if err := n.run(ctx, (*turn).renewBundle); err != nil && ctx.Err() == nil {
			n.log.Warn("prekeys were not renewed", "error", err)
		}
		n.renewManifest(ctx)
		n.giveUp(ctx)
		if err := n.run(ctx, (*turn).forgetRelays); err != nil && ctx.Err() == nil {
			n.log.Warn("relays that were left were not forgotten", "error", err)
		}
	}
}

// renewManifest signs the manifest anew each month, where this device is a steward.
func (n *Node) renewManifest(ctx context.Context) {
	s := n.currentSelf()
	if !s.view.Due(n.now()) || !s.view.Stewards().Has(s.identity.Public()) {
		return
	}
	err := n.run(ctx, func(t *turn) error {
		s := t.getSelf().clone()
		m, err := s.view.Renew(s.identity, t.now)
		if err != nil {
			return err
		}
		if s.view, err = s.view.Apply(m); err != nil {
			return err
		}
		t.putSelf(s)
		t.after(n.touch)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		n.log.Warn("the manifest was not renewed", "error", err)
	}
}
