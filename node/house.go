package node

import (
	"context"
	"fmt"
	"maps"
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
