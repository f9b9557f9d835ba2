package room

import (
	"cmp"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/conference/rtc"
)

// Video in a forwarding room: a listener sees at most as many others as its offer has places for, four at most: those who
// spoke last. Who speaks is sent in the largest of the layers that came, the others in the smallest, and all in the smallest
// to who loses much. A layer is one of simulcast; which is larger shows in its bytes, since the frames may be sealed.
//
// A place goes over to another speaker or layer with a key frame. It is asked for at once; where none is recognized within
// keyWait, since the frames are sealed, any new frame will do, and the listener asks again if need be.
const (
	videos    = 4
	arranging = 200 * time.Millisecond
	unseen    = 2 * time.Second        // a layer of which nothing came for so long has stopped
	keyWait   = time.Second            // for a key frame
	keyEvery  = 500 * time.Millisecond // a sender is asked for at most this often
	muchLost  = 0.1                    // of packets: such a leg gets small layers
	mending   = 15 * time.Second       // for so long
	frame90   = 3000                   // of the clock of video, between the frames of two senders
	mostLayer = 3
)

// layer is what a sender sends in one size.
type layer struct {
	rid   string
	last  time.Time
	since time.Time // bytes are counted
	bytes int
	rate  float64 // bytes a second
}

// camera is the video of a leg.
type camera struct {
	slot   int
	layers []*layer
	asked  time.Time // for a key frame
}

// see counts a packet, and is nil if it is of a layer too many.
func (c *camera) see(now time.Time, p *rtc.Packet) *layer {
	c.slot = p.Slot
	i := slices.IndexFunc(c.layers, func(l *layer) bool { return l.rid == p.Layer })
	if i < 0 {
		if len(c.layers) >= mostLayer {
			return nil
		}
		c.layers = append(c.layers, &layer{rid: p.Layer, since: now})
		i = len(c.layers) - 1
	}
	l := c.layers[i]
	l.last = now
	l.bytes += len(p.Payload)
	if d := now.Sub(l.since); d >= time.Second {
		rate := float64(l.bytes) / d.Seconds()
		if l.rate == 0 {
			l.rate = rate
		}
		l.rate += (rate - l.rate) / 4
		l.since, l.bytes = now, 0
	}
	return l
}

// pick returns the largest or smallest layer that comes now, nil if none does.
func (c *camera) pick(now time.Time, large bool) *layer {
	var best *layer
	for _, l := range c.layers {
		if now.Sub(l.last) > unseen {
			continue
		}
		if best == nil || large == (cmp.Compare(l.size(), best.size()) > 0) {
			best = l
		}
	}
	return best
}

// size is its rate, or a guess before a second has passed.
func (l *layer) size() float64 {
	if l.rate > 0 {
		return l.rate
	}
	return float64(l.bytes)
}

// screen is a place for video at a listener.
type screen struct {
	from, next  uint32 // senders, 0: none
	layer, want *layer
	since       time.Time // next is waited for
	sequence    uint16    // of the last packet out
	time        uint32
	base        uint16 // of the sender: what is before it is not for this place
	offset      uint16
	shift       uint32
}

// seen sends a packet of video to all who have a place for it, with the lock held.
func (f *forwarding) seen(now time.Time, a *attendee, p *rtc.Packet) {
	l := a.camera.see(now, p)
	if l == nil {
		return
	}
	key, start := keyframe(p)
	for _, b := range f.members {
		for i := range b.screens {
			s := &b.screens[i]
			if s.next == a.id && s.want == l && start && (key || now.Sub(s.since) > keyWait) {
				s.from, s.layer, s.next, s.want = a.id, l, 0, nil
				s.base, s.offset, s.shift = p.Sequence, s.sequence+1-p.Sequence, s.time+frame90-p.Timestamp
			}
			if s.from == a.id && s.layer == l && int16(p.Sequence-s.base) >= 0 {
				s.send(b.leg, i, p)
			}
		}
	}
}

func (s *screen) send(to leg, i int, p *rtc.Packet) {
	out := *p
	out.Slot, out.Layer, out.Sequence, out.Timestamp = i, "", p.Sequence+s.offset, p.Timestamp+s.shift
	if int16(out.Sequence-s.sequence) > 0 {
		s.sequence, s.time = out.Sequence, out.Timestamp
	}
	if far := p.Sequence - s.base; far > 1<<14 && far < 1<<15 { // the stream is long, and only what is just before base is late
		s.base += 1 << 13
	}
	_ = to.Write(&out) // a leg that cannot be written to ends by itself
}

// arrange gives each listener's places to those who spoke last, with the lock held.
func (f *forwarding) arrange(now time.Time) {
	for _, b := range f.members {
		_, places := b.leg.Slots()
		if places = min(places, videos); len(b.screens) != places {
			b.screens = make([]screen, places)
		}
		if places == 0 {
			continue
		}
		large := f.largeTo(now, b)
		wanted := make([]*attendee, 0, videos)
		if large != nil {
			wanted = append(wanted, large)
		}
		for _, a := range f.recent {
			if a != b && a != large && len(wanted) < places && a.camera.pick(now, false) != nil {
				wanted = append(wanted, a)
			}
		}
		for i := range b.screens {
			s := &b.screens[i]
			if !slices.ContainsFunc(wanted, func(a *attendee) bool { return a.id == s.from }) {
				s.from, s.layer = 0, nil
			}
			if !slices.ContainsFunc(wanted, func(a *attendee) bool { return a.id == s.next }) {
				s.next, s.want = 0, nil
			}
		}
		for _, a := range wanted {
			f.show(now, b, a, a == large && now.Sub(b.lost) > mending)
		}
	}
}

// largeTo is who is shown large to b: who speaks, or spoke before if that is b.
func (f *forwarding) largeTo(now time.Time, b *attendee) *attendee {
	for _, a := range f.dominant {
		if a != nil && a != b && a.camera.pick(now, true) != nil {
			return a
		}
	}
	return nil
}

// show has a place of b show a, in the layer that it should.
func (f *forwarding) show(now time.Time, b, a *attendee, large bool) {
	l := a.camera.pick(now, large)
	i := slices.IndexFunc(b.screens, func(s screen) bool { return s.from == a.id || s.next == a.id })
	if i < 0 {
		if i = slices.IndexFunc(b.screens, func(s screen) bool { return s.from == 0 && s.next == 0 }); i < 0 {
			return
		}
	}
	s := &b.screens[i]
	switch {
	case l == nil, s.next == a.id && s.want == l:
	case s.from == a.id && s.layer == l:
		s.next, s.want = 0, nil
		return
	default:
		s.next, s.want, s.since = a.id, l, now
	}
	if s.next != 0 {
		f.askKey(now, a)
	}
}

func (f *forwarding) askKey(now time.Time, a *attendee) {
	if now.Sub(a.camera.asked) >= keyEvery {
		a.camera.asked = now
		a.leg.RequestKeyframe(a.camera.slot)
	}
}

// Wanted asks the sender for the key frame that a leg needs in one of its places.
func (f *forwarding) Wanted(id uint32, slot int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b := f.find(id); b != nil && slot >= 0 && slot < len(b.screens) {
		if a := f.find(b.screens[slot].from); a != nil {
			f.askKey(time.Now(), a)
		}
	}
}

// Lost notes how much of what was sent to a leg it did not get.
func (f *forwarding) Lost(id uint32, share float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b := f.find(id); b != nil && share > muchLost {
		b.lost = time.Now()
	}
}

// spoke notes who speaks, the longest first: for who is shown, and how large.
func (f *forwarding) spoke(ids []uint32) {
	if len(ids) == 0 {
		return
	}
	if a := f.find(ids[0]); a != nil && a != f.dominant[0] {
		f.dominant[0], f.dominant[1] = a, f.dominant[0]
	}
	for _, id := range ids {
		i := slices.IndexFunc(f.recent, func(a *attendee) bool { return a.id == id })
		if i >= videos { // who is shown already stays where they are
			a := f.recent[i]
			f.recent = slices.Insert(slices.Delete(f.recent, i, i+1), 0, a)
		}
	}
}

// keyframe tells whether a packet begins a key frame, as far as can be seen, and whether it begins a frame at all.
func keyframe(p *rtc.Packet) (key, start bool) {
	b := p.Payload
	switch p.Codec {
	case rtc.VP8: // RFC 7741, section 4.2
		if len(b) < 1 || b[0]&0x10 == 0 || b[0]&0x07 != 0 {
			return false, false
		}
		n := 1
		if b[0]&0x80 != 0 && len(b) > 1 {
			x := b[1]
			n++
			if x&0x80 != 0 {
				n++
				if len(b) > 2 && b[2]&0x80 != 0 {
					n++
				}
			}
			if x&0x40 != 0 {
				n++
			}
			if x&0x30 != 0 {
				n++
			}
		}
		return n < len(b) && b[n]&1 == 0, true
	case rtc.VP9: // RFC 9628, section 4.2: begins a frame, and leans on none
		if len(b) < 1 {
			return false, false
		}
		return b[0]&0x40 == 0, b[0]&0x08 != 0
	case rtc.H264: // RFC 6184, section 5: IDR or SPS, alone, as the first of several, or the first piece of it
		if len(b) < 2 {
			return false, false
		}
		nal := b[0] & 0x1f
		start = nal != 28 || b[1]&0x80 != 0
		switch {
		case nal == 24 && len(b) > 3:
			nal = b[3] & 0x1f
		case nal == 28:
			nal = b[1] & 0x1f
		}
		return start && (nal == 5 || nal == 7), start
	default:
		return false, false
	}
}
