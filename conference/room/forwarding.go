package room

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/conference/mixer"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// streams is how many voices a forwarding room sends each listener: constant, however many speak.
const streams = 2

// forwarding is a room that sends on the packets of the two loudest as they came, so they may be sealed (SFrame): nothing is
// decoded, and the level beside the packet is all that it looks at. Each stream goes on without a gap when another speaker
// takes it; who it is, the sealed frame says (its key).
type forwarding struct {
	mu      sync.Mutex
	members []*attendee
	notice  notices
	chooser mixer.Chooser
	list    []*mixer.Voice
	places  [streams]place

	recent   []*attendee  // who spoke last is first, but for those who are shown
	dominant [2]*attendee // who speaks, and who did before
	arranged time.Time
}

// attendee is a leg in a forwarding room.
type attendee struct {
	id    uint32
	leg   leg
	voice mixer.Voice
	muted bool

	camera  camera
	screens []screen
	lost    time.Time // when it last lost much of what was sent to it
}

// place is a stream to all listeners.
type place struct {
	speaker  uint32 // 0: free
	sequence uint16 // of the last packet out
	time     uint32
	offset   uint16 // of sequences of the speaker
	shift    uint32 // of times
	fresh    bool   // a new speaker, of whom nothing was sent
}

func newForwarding() *forwarding { return new(forwarding) }

func (f *forwarding) Enter(id uint32, l leg) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := &attendee{id: id, leg: l}
	f.members, f.recent = append(f.members, a), append(f.recent, a)
	f.notice.enter(id, l)
}

func (f *forwarding) Leave(id uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := func(a *attendee) bool { return a.id == id }
	f.members, f.recent = slices.DeleteFunc(f.members, left), slices.DeleteFunc(f.recent, left)
	for i, a := range f.dominant {
		if a != nil && a.id == id {
			f.dominant[i] = nil
		}
	}
	f.notice.leave(id)
}

func (f *forwarding) find(id uint32) *attendee {
	for _, a := range f.members {
		if a.id == id {
			return a
		}
	}
	return nil
}

func (f *forwarding) Told(id uint32, message []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	state, ok := f.notice.told(id, message)
	if a := f.find(id); ok && a != nil {
		if a.muted = state.Muted; a.muted {
			a.voice.Forget()
		}
	}
}

// Hear sends a packet on at once, if its sender is one of the loudest, or, of video, one of those who are seen.
func (f *forwarding) Hear(id uint32, p *rtc.Packet) {
	if p.Slot != 0 {
		return // of each leg one voice and one camera
	}
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.find(id)
	switch {
	case a == nil:
		return
	case p.Codec != rtc.Opus:
		f.seen(now, a, p)
		return
	case a.muted:
		return
	}
	a.voice.Claim(now, p.Level)
	f.choose(now)
	for i := range f.places {
		if f.places[i].speaker == id {
			f.forward(i, id, p)
		}
	}
}

func (f *forwarding) forward(i int, id uint32, p *rtc.Packet) {
	s := &f.places[i]
	out := *p
	if s.fresh {
		s.offset, s.shift = s.sequence+1-p.Sequence, s.time+960-p.Timestamp
		s.fresh, out.Marker = false, true
	}
	out.Slot, out.Sequence, out.Timestamp = i, p.Sequence+s.offset, p.Timestamp+s.shift
	if int16(out.Sequence-s.sequence) > 0 {
		s.sequence, s.time = out.Sequence, out.Timestamp
	}
	for _, a := range f.members {
		if a.id != id {
			_ = a.leg.Write(&out) // a leg that cannot be written to ends by itself
		}
	}
}

// choose gives the streams to the loudest; who keeps one, keeps the same.
func (f *forwarding) choose(now time.Time) {
	f.list = f.list[:0]
	for _, a := range f.members {
		f.list = append(f.list, &a.voice)
	}
	var ids []uint32
	for _, v := range f.chooser.Choose(now, streams, f.list) {
		i := slices.IndexFunc(f.members, func(a *attendee) bool { return &a.voice == v })
		ids = append(ids, f.members[i].id)
	}
	for i := range f.places {
		if !slices.Contains(ids, f.places[i].speaker) {
			f.places[i].speaker = 0
		}
	}
	for _, id := range ids {
		if slices.ContainsFunc(f.places[:], func(s place) bool { return s.speaker == id }) {
			continue
		}
		if i := slices.IndexFunc(f.places[:], func(s place) bool { return s.speaker == 0 }); i >= 0 {
			f.places[i].speaker, f.places[i].fresh = id, true
		}
	}
}

// Run tells who speaks, until ctx ends.
func (f *forwarding) Run(ctx context.Context) {
	runBeat(ctx, func(now time.Time, _ time.Duration, _ int) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.choose(now)
		var ids []uint32
		for _, s := range f.places {
			if s.speaker != 0 {
				ids = append(ids, s.speaker)
			}
		}
		f.notice.speakingIDs(now, ids)
		if f.spoke(ids); now.Sub(f.arranged) >= arranging {
			f.arranged = now
			f.arrange(now)
		}
	})
}
