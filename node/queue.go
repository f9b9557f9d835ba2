package node

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

// queues are the numbers of the posts that wait for each device, rising. Turns change them, couriers read them.
type queues struct {
	mu          sync.RWMutex
	by          map[device][]uint64
	messages    map[chat.ID][]queued // of those posts
	ids         map[uint64]chat.ID   // by number
	kept        map[uint64]bool      // posts that enough relays keep
	generations map[device]uint32    // of the sessions with each device
}

func (q *queues) generation(d device) uint32 {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.generations[d]
}

// after returns up to most numbers above one.
func (q *queues) after(d device, number uint64, most int) []uint64 {
	q.mu.RLock()
	defer q.mu.RUnlock()
	list := q.by[d]
	i, _ := slices.BinarySearch(list, number+1)
	return slices.Clone(list[i:min(len(list), i+most)])
}

func (q *queues) size(d device) int {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return len(q.by[d])
}

// keeps counts the posts for a device that enough relays keep.
func (q *queues) keeps(d device) (count int) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	for _, number := range q.by[d] {
		count += boolInt(q.kept[number])
	}
	return count
}

func (q *queues) devices() []device {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return slices.Collect(maps.Keys(q.by))
}

// queueChange is what a turn did to the queue of a device.
type queueChange struct {
	added   []*post
	removed map[uint64]bool
	kept    map[uint64]bool // of posts that were stored: whether enough relays keep each
	parked  []*post         // failed: they wait for nobody, and are still there
}

func (t *turn) queueOf(d device) *queueChange {
	t.changes++
	return t.changeOf(d)
}

func (t *turn) changeOf(d device) *queueChange {
	c := t.posts[d]
	if c == nil {
		c = &queueChange{removed: make(map[uint64]bool), kept: make(map[uint64]bool)}
		t.posts[d] = c
	}
	return c
}

// adopt makes what a turn changed the queues.
func (q *queues) adopt(t *turn, stats *stats) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for d, p := range t.peers {
		if p != nil {
			q.generations[d] = p.generation
		} else {
			q.generations[d]++ // nothing that was sealed may leave
		}
	}
	for d, c := range t.posts {
		list := q.by[d]
		before := len(list)
		for number := range c.removed {
			q.forget(number)
		}
		if len(c.removed) > 0 {
			list = slices.DeleteFunc(slices.Clone(list), func(p uint64) bool { return c.removed[p] })
		}
		for _, p := range c.added {
			if i, is := slices.BinarySearch(list, p.number); !is && !c.removed[p.number] {
				list = slices.Insert(list, i, p.number)
				q.forget(p.number)
				q.note(p)
			}
		}
		for _, p := range c.parked {
			q.note(p)
		}
		for number, kept := range c.kept {
			if _, waits := q.ids[number]; waits && kept {
				q.kept[number] = true
			} else {
				delete(q.kept, number)
			}
		}
		stats.waiting.Add(int64(len(list) - before))
		if len(list) == 0 {
			delete(q.by, d)
		} else {
			q.by[d] = list
		}
	}
}

// note and forget keep the index by message.
func (q *queues) note(p *post) {
	q.ids[p.number] = p.ID
	q.messages[p.ID] = append(q.messages[p.ID], queued{p.device, p.number})
	if p.state.State == chat.Kept {
		q.kept[p.number] = true
	}
}

func (q *queues) forget(number uint64) {
	id, ok := q.ids[number]
	if !ok {
		return
	}
	delete(q.ids, number)
	delete(q.kept, number)
	left := slices.DeleteFunc(slices.Clone(q.messages[id]), func(x queued) bool { return x.post == number })
	if len(left) == 0 {
		delete(q.messages, id)
	} else {
		q.messages[id] = left
	}
}

// waiting returns how many posts wait for a device.
func (t *turn) waiting(d device) int {
	n := t.n.queues.size(d)
	if c := t.posts[d]; c != nil {
		n += len(c.added) - len(c.removed)
	}
	return n
}

// queued tells whether a post waits.
func (t *turn) queued(d device, number uint64) bool {
	if c := t.posts[d]; c != nil {
		if c.removed[number] && !slices.ContainsFunc(c.parked, func(p *post) bool { return p.number == number }) {
			return false
		}
		if slices.ContainsFunc(c.added, func(p *post) bool { return p.number == number }) {
			return true
		}
	}
	t.n.queues.mu.RLock()
	defer t.n.queues.mu.RUnlock()
	_, ok := t.n.queues.ids[number]
	return ok
}

// behind tells whether posts for the device are to be sealed before what comes now.
func (t *turn) behind(d device) bool {
	if b, ok := t.backlog[d]; ok {
		return b
	}
	return t.n.state.backlog[d]
}

// addPost appends a post to the queue of its device.
func (t *turn) addPost(p *post) error {
	t.last++
	p.number, p.Hour = t.last, t.getSelf().Hours
	c := t.queueOf(p.device)
	c.added = append(c.added, p)
	t.after(func() { t.n.couriers.keep(p) })
	t.wake[p.device] = true
	return t.putPost(p)
}

func (t *turn) putPost(p *post) error {
	b, err := p.marshal()
	if err != nil {
		return t.fail(err)
	}
	t.changeOf(p.device).kept[p.number] = p.state.State == chat.Kept
	return t.fail(t.batch.Put(vault.Outbox, p.key(), b))
}

func (t *turn) removePost(p *post) {
	t.queueOf(p.device).removed[p.number] = true
	t.after(func() { t.n.couriers.let(p.device, p.number) })
	_ = t.fail(t.batch.Delete(vault.Outbox, p.key()))
}

// park takes a post that failed off the queue, and leaves it there to be tried again.
func (t *turn) park(p *post, why string) error {
	p.state = p.state.Step(t.now, chat.Input{Event: chat.GivenUp, Why: why}, 0)
	c := t.queueOf(p.device)
	c.removed[p.number] = true
	c.parked = append(c.parked, p)
	t.tellDelivery(p.Conversation, chat.Ref{Author: t.n.me, ID: p.ID}, p.device, p.state)
	return t.putPost(p)
}

// unpark puts a post that failed back into its queue.
func (t *turn) unpark(p *post) error {
	p.state = p.state.Step(t.now, chat.Input{Event: chat.TryAgain}, 0)
	p.Said, p.Hour = millisOf(t.now), t.getSelf().Hours
	c := t.queueOf(p.device)
	c.added = append(c.added, p)
	delete(c.removed, p.number)
	t.after(func() { t.n.couriers.again(p.device) })
	t.backlog[p.device] = true
	t.wake[p.device] = true
	t.tellDelivery(p.Conversation, chat.Ref{Author: t.n.me, ID: p.ID}, p.device, p.state)
	return t.putPost(p)
}

// post reads a post. It is nil if there is none, any more.
func (t *turn) post(d device, number uint64) (*post, error) {
	key := postKey(d, number)
	b, err := t.batch.Get(vault.Outbox, key)
	if errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parsePost(key, b)
}
