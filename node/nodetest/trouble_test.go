package nodetest

import (
	"context"
	"time"

	"github.com/linnetmesh/linnet/mailbox"
)

// plant makes the relays of a world.
func (s *sim) plant() {
	for i := range s.relays {
		r, err := s.w.AddRelay([]string{"oak", "elm", "ash", "fir", "yew", "ivy", "bay", "box", "fig"}[i])
		s.must(err)
		s.must(r.Kill())
		r.Limits.WorkBits = 1 // more costs a world dear, and shows nothing
		r.Kept = func(d mailbox.Deposit) { s.wire.left(r.Host.Key(), d) }
		s.must(r.Start())
	}
}

// allow lets somebody use all relays.
func (s *sim) allow(ctx context.Context, p *Person) {
	for _, r := range s.w.Relays {
		_, err := p.Node.AddRelay(ctx, r.Address())
		s.must(err)
	}
}

// trouble is something that goes wrong with a relay, or is mended.
func (s *sim) trouble() {
	r := s.w.Relays[s.r.IntN(len(s.w.Relays))]
	switch dice := s.r.IntN(12); {
	case !r.Up():
		if dice < 3 {
			s.note("relay %s comes back empty", r.Name)
			r.Empty()
		} else {
			s.note("relay %s comes back", r.Name)
		}
		s.must(r.Start())
	case dice < 5:
		s.note("relay %s dies", r.Name)
		s.must(r.Kill())
	case dice < 7:
		full := s.r.IntN(2) == 0
		s.note("the disk of relay %s is full: %v", r.Name, full)
		r.Store.SetFull(full)
	case dice < 9:
		drains := s.r.IntN(2) == 0
		s.note("relay %s drains: %v", r.Name, drains)
		r.Server.Drain(drains)
	case dice < 10 && s.wild():
		ahead := time.Duration(s.r.IntN(21)-10) * 365 * 24 * time.Hour
		s.note("relay %s starts again, its clock ahead by %v", r.Name, ahead)
		s.clock(r, ahead)
	default:
		n := 0
		for id, name := range r.Store.Posts() {
			if s.r.IntN(4) == 0 && r.Store.Damage(id, name) {
				n++
			}
		}
		s.note("%d posts rot at relay %s", n, r.Name)
	}
}

// clock starts a relay with a clock that is ahead of the world's.
func (s *sim) clock(r *Relay, ahead time.Duration) {
	s.must(r.Kill())
	r.Now = func() time.Time { return time.Now().Add(ahead) }
	s.clocks[r] = ahead != 0
	s.must(r.Start())
}

// mend ends all trouble of relays.
func (s *sim) mend() {
	for _, r := range s.w.Relays {
		r.Store.SetFull(false)
		switch {
		case s.clocks[r]:
			s.clock(r, 0)
		case !r.Up():
			s.must(r.Start())
		}
		r.Server.Drain(false)
	}
}
