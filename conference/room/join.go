package room

import (
	"context"
	"fmt"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// join seats a new leg in a hall that its key opens: it makes its media of the offer and returns the answer. The seat is
// given back when the leg ends.
func (h *House) join(ctx context.Context, a *hall, key conference.KeyHash, offer string) (*seat, string, error) {
	s, err := h.reserve(a, key)
	if err != nil {
		return nil, "", err
	}
	leg, answer, err := h.rtc.Answer(ctx, offer, rtc.Ears{
		Packet:   func(p *rtc.Packet) { a.floor.Hear(s.id, p) },
		Told:     func(message []byte) { a.floor.Told(s.id, message) },
		Keyframe: func(slot int) { a.floor.Wanted(s.id, slot) },
		Report:   func(_ int, lost float64) { a.floor.Lost(s.id, lost) },
		Closed: func(why error) {
			a.floor.Leave(s.id)
			h.rise(s, why)
			h.log.Debug("a leg left", "why", why)
		},
	})
	if err != nil {
		// Answer may have made a leg, whose end gives the seat back, or none.
		h.giveBack(s)
		return nil, "", fmt.Errorf("joining: %w", err)
	}
	if err := h.sit(s, leg); err != nil {
		leg.CloseFor(err)
		return nil, "", err
	}
	a.floor.Enter(s.id, leg)
	select {
	case <-leg.Done(): // before it was seated
		a.floor.Leave(s.id)
	default:
	}
	return s, answer, nil
}
