package mailbox

import (
	"container/list"
	"context"
	"errors"
	"math"
)

const (
	// groupPosts and groupBytes bound what shares one sync.
	groupPosts = 512
	groupBytes = 4 << 20
	// maxLedgers and maxLedgerItems bound what one shard knows of boxes without asking the Store.
	maxLedgers     = 16 << 10
	maxLedgerItems = 128 << 10
)

// shard owns the ledgers of its boxes, and collects what is put into them.
type shard struct {
	s       *Server
	ops     chan op
	ledgers map[BoxID]*list.Element // of *ledger, last used in front
	used    *list.List
	items   int
}

// op is something that a shard does: a put, or anything else that needs a ledger.
type op struct {
	put *put
	do  func(ctx context.Context)
}

// put is a post on its way to disk.
type put struct {
	c    *conn
	id   uint32
	box  BoxID
	who  asker
	name Name
	post []byte
	item Item // as it was admitted
}

func newShard(s *Server) *shard {
	return &shard{s: s, ops: make(chan op, groupPosts), ledgers: make(map[BoxID]*list.Element), used: list.New()}
}

// run does one thing after the other until the context ends. Of all shards one writes at a time, and the others collect
// meanwhile: a group that was closed early and then waited would be small, and a sync costs the same for one post as for
// hundreds.
func (h *shard) run(ctx context.Context) {
	var group []*put
	for {
		select {
		case o := <-h.ops:
			size := 0
			take := func(o op) {
				if o.do != nil {
					o.do(ctx)
					return
				}
				group = append(group, o.put)
				size += len(o.put.post)
				_, _ = h.ledger(ctx, o.put.box) // read now what is needed then
			}
			take(o)
			for writes := false; len(group) > 0; {
				ops, turn := h.ops, h.s.turn
				if len(group) >= groupPosts || size >= groupBytes {
					ops = nil
				}
				if writes {
					turn = nil
				}
				if writes && len(ops) == 0 {
					break
				}
				select {
				case o := <-ops:
					take(o)
				case turn <- struct{}{}:
					writes = true
				case <-ctx.Done():
					if writes {
						<-h.s.turn
					}
					return
				}
			}
			if len(group) > 0 {
				h.commit(ctx, group)
				clear(group)
				group = group[:0]
			}
		case <-ctx.Done():
			return
		}
	}
}

// submit gives the shard something to do; it is false if the Server ends.
func (h *shard) submit(ctx context.Context, o op) bool {
	select {
	case h.ops <- o:
		return true
	case <-ctx.Done():
		return false
	}
}

// with has the shard do something with a box's ledger, and awaits it. The errors are ErrNoBox, ErrClosed, what do
// returns, and the Store's.
func (h *shard) with(ctx context.Context, box BoxID, do func(ctx context.Context, l *ledger) error) error {
	done := make(chan error, 1)
	if !h.submit(ctx, op{do: func(ctx context.Context) {
		l, err := h.ledger(ctx, box)
		if err == nil {
			err = do(ctx, l)
		}
		done <- err
	}}) {
		return ErrClosed
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ErrClosed
	}
}

// ledger returns the ledger of a box, from memory or the Store.
func (h *shard) ledger(ctx context.Context, box BoxID) (*ledger, error) {
	if e, ok := h.ledgers[box]; ok {
		h.used.MoveToFront(e)
		return e.Value.(*ledger), nil
	}
	b, err := h.s.config.Store.Box(ctx, box)
	if err != nil {
		return nil, err
	}
	items, err := h.s.config.Store.List(ctx, box, 0, math.MaxInt)
	if err != nil {
		return nil, err
	}
	l := newLedger(h.s.self, b, items)
	h.ledgers[box] = h.used.PushFront(l)
	h.items += len(items)
	for len(h.ledgers) > maxLedgers || h.items > maxLedgerItems && len(h.ledgers) > 1 {
		h.drop(h.used.Back().Value.(*ledger).box.ID)
	}
	return l, nil
}

// drop forgets a ledger.
func (h *shard) drop(box BoxID) {
	if e, ok := h.ledgers[box]; ok {
		h.items -= len(e.Value.(*ledger).items)
		h.used.Remove(e)
		delete(h.ledgers, box)
	}
}

// gone tells a ledger, if there is one, what does not lie in the box any more.
func (h *shard) gone(ctx context.Context, box BoxID, items []Item) {
	h.submit(ctx, op{do: func(context.Context) {
		if e, ok := h.ledgers[box]; ok {
			l := e.Value.(*ledger)
			before := len(l.items)
			for _, i := range items {
				l.remove(i)
			}
			h.items += len(l.items) - before
		}
	}})
}

// commit, whose turn it is, admits posts, keeps them with one sync, signs for them with one signature, answers, and wakes who listens.
func (h *shard) commit(ctx context.Context, group []*put) {
	s := h.s
	lim, now := s.lim(), s.now()
	admitted := make([]*put, 0, len(group))
	deposits := make([]Deposit, 0, len(group))
	full := s.config.Store.Stats().Bytes >= uint64(lim.TotalBytes)
	for _, p := range group {
		l, err := h.ledger(ctx, p.box)
		if err == nil && full {
			err = ErrDiskFull
		}
		if err == nil {
			p.item, err = l.admit(lim, p.who, p.name, len(p.post), now)
		}
		if err != nil {
			p.c.refuse(p.id, err)
			p.c.done(1, len(p.post))
			continue
		}
		_, there := l.items[p.name]
		if !there {
			h.items++
			l.add(p.item) // so that the next of the group finds it counted; its sequence is 0 until it is kept
		}
		admitted = append(admitted, p)
		deposits = append(deposits, Deposit{p.box, p.name, p.post, p.item.Token, p.item.Class, p.item.Until, !there})
	}
	if len(deposits) == 0 {
		<-s.turn
		return
	}
	kept := s.config.Store.Put(ctx, deposits)
	<-s.turn
	s.count.groups.Add(1)

	good := make([]custody, 0, len(kept))
	at := make([]*put, 0, len(kept))
	for i, k := range kept {
		p := admitted[i]
		if e, ok := h.ledgers[p.box]; ok {
			l := e.Value.(*ledger)
			if k.Err == nil {
				l.add(k.Item)
			} else {
				before := len(l.items)
				l.remove(Item{Name: p.name}) // if it is still without a sequence
				h.items += len(l.items) - before
			}
		}
		if k.Err != nil {
			if !errors.Is(k.Err, ErrDiskFull) && !errors.Is(k.Err, ErrNoBox) {
				s.config.Log.Error("posts were not kept", "error", k.Err)
			}
			if errors.Is(k.Err, ErrNoBox) {
				h.drop(p.box)
			}
			p.c.refuse(p.id, k.Err)
			p.c.done(1, len(p.post))
			continue
		}
		if k.Old {
			s.count.repeated.Add(1)
		} else {
			s.count.put.Add(1)
			s.count.putBytes.Add(uint64(k.Size))
		}
		until := now.date.Add(k.Until.Sub(now.age))
		good = append(good, custody{p.box, p.name, k.Size, unix(until)})
		at = append(at, p)
		if !k.Old {
			s.hub.wake(p.box)
		}
	}
	if len(good) == 0 {
		return
	}
	proofs, err := certify(s.config.Key, good)
	// Whose posts came together gets the answers together: as one write, and one read.
	var all []answers
	of := make(map[*conn]int)
	for i, p := range at {
		n, ok := of[p.c]
		if !ok {
			n = len(all)
			of[p.c], all = n, append(all, answers{c: p.c})
		}
		if err != nil {
			p.c.refuse(p.id, err)
		} else {
			all[n].bodies = append(all[n].bodies, packetOf(verbDone, p.id, &keptHead{Until: good[i].until, Proof: proofs[i]}))
		}
		all[n].posts++
		all[n].bytes += len(p.post)
	}
	for _, a := range all {
		a.c.send(a.bodies...)
		a.c.done(a.posts, a.bytes)
	}
}

// answers are those to posts of one connection in a group.
type answers struct {
	c            *conn
	bodies       [][]byte
	posts, bytes int
}
