package mailbox

import (
	"context"
	"sync"
	"time"
)

const (
	// expireEvery is how often what is old is deleted. So much of the relay's own time a crash may take back.
	expireEvery = 5 * time.Minute
	// publishEvery is how often a descriptor is put into the DHT. Nodes keep it for 3 h.
	publishEvery = time.Hour
	// publishEarly is how long before a period its descriptors are put: crypto/descriptor.
	publishEarly = time.Hour
	// publishAtOnce is how many are put at a time.
	publishAtOnce = 16
	// periodLength is the length of a descriptor's period.
	periodLength = 24 * time.Hour
)

// tend deletes what is old, every few minutes, until the context ends.
func (s *Server) tend(ctx context.Context) {
	t := time.NewTicker(expireEvery)
	defer t.Stop()
	for round := 0; ; round++ {
		now := s.now()
		err := s.config.Store.Expire(ctx, now.age, func(box BoxID, items []Item) {
			s.count.expired.Add(uint64(len(items)))
			s.shard(box).gone(ctx, box, items)
		})
		if err != nil && ctx.Err() == nil {
			s.config.Log.Error("what is old could not be deleted", "error", err)
			s.look(err)
		}
		s.ring.mu.Lock()
		s.ring.tidy(s.lim().WeakMemory, now.tick)
		s.ring.mu.Unlock()
		if round%12 == 0 {
			s.tidyBoxes(ctx)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// tidyBoxes removes boxes whose owner does not come any more.
func (s *Server) tidyBoxes(ctx context.Context) {
	for _, b := range s.hub.boxes() {
		s.touch(ctx, b)
	}
	now := s.now()
	var old []BoxID
	err := s.config.Store.Boxes(ctx, func(b Box) bool {
		if now.age.Sub(b.Seen) > s.lim().KeepBox {
			old = append(old, b.ID)
		}
		return true
	})
	if err != nil && ctx.Err() == nil {
		s.config.Log.Error("boxes could not be looked through", "error", err)
	}
	for _, b := range old {
		if ctx.Err() != nil {
			return
		}
		if err := s.removeBox(ctx, b); err != nil {
			s.config.Log.Error("an old box could not be removed", "error", err)
		}
	}
}

// publish puts descriptors into the DHT, each once an hour, spread over it.
func (s *Server) publish(ctx context.Context) {
	t := time.NewTicker(publishEvery)
	defer t.Stop()
	for {
		s.publishAll(ctx)
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// publishAll puts each descriptor that is current once.
func (s *Server) publishAll(ctx context.Context) {
	date := s.config.Now()
	periods := []uint64{unix(date) / uint64(periodLength/time.Second)}
	if next := unix(date.Add(publishEarly)) / uint64(periodLength/time.Second); next != periods[0] {
		periods = append(periods, next)
	}
	var keys []PlaceKey
	for _, p := range periods {
		err := s.config.Store.Descriptors(ctx, p, PlaceKey{}, func(d Descriptor) bool {
			keys = append(keys, d.Key)
			return true
		})
		if err != nil && ctx.Err() == nil {
			s.config.Log.Error("descriptors could not be read", "error", err)
		}
	}
	if len(keys) == 0 {
		return
	}
	var group sync.WaitGroup
	defer group.Wait()
	slots := make(chan struct{}, publishAtOnce)
	pause := min(publishEvery*9/10/time.Duration(len(keys)), 10*time.Second)
	for _, k := range keys {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		group.Go(func() {
			defer func() { <-slots }()
			d, err := s.config.Store.Descriptor(ctx, k)
			if err != nil {
				return // replaced or removed meanwhile
			}
			if _, err := s.config.Publish.Publish(ctx, k.DHT(), d.Value); err != nil {
				s.count.publishFailed.Add(1)
				return
			}
			s.count.published.Add(1)
		})
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}
