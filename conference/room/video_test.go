package room

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/conference/rtc"
)

// filmed is who is in a forwarding room, each with a camera that sends two layers.
type filmed struct {
	f     *forwarding
	desks []*desk
	count []uint16
	seal  bool // nothing of a frame can be seen
	start time.Time
}

// film plays a while, in which one speaks, and returns what each was sent meanwhile.
func (v *filmed) film(d time.Duration, speaker int) [][]rtc.Packet {
	v.f.mu.Lock() // under which all is that desks are told
	for _, k := range v.desks {
		k.packets = nil
	}
	v.f.mu.Unlock()
	for range d / beat {
		time.Sleep(beat)
		if speaker > 0 {
			v.count[0]++
			v.f.Hear(uint32(speaker), &rtc.Packet{Codec: rtc.Opus, Sequence: v.count[0], Timestamp: uint32(v.count[0]) * 960, Level: 20, Leveled: true, Payload: []byte{1}})
		}
		for i, k := range v.desks {
			v.f.mu.Lock()
			key := k.asked > 0
			k.asked = 0
			v.f.mu.Unlock()
			id := uint32(i + 1)
			v.count[id]++
			for n, rid := range []string{"h", "q"} {
				// S set, of partition 0; the lowest bit of the next byte says that it is no key frame.
				b := make([]byte, 1000>>(2*n))
				b[0], b[1], b[2], b[3] = 0x10, 1, byte(id), rid[0]
				if key {
					b[1] = 0
				}
				if v.seal {
					b[1] = 0xff
				}
				v.f.Hear(id, &rtc.Packet{
					Codec: rtc.VP8, Layer: rid, Sequence: v.count[id] + uint16(id)*1000, Timestamp: uint32(time.Since(v.start)/time.Millisecond)*90 + id<<20, Payload: b,
				})
			}
		}
	}
	synctest.Wait()
	var sent [][]rtc.Packet
	for _, k := range v.desks {
		sent = append(sent, k.packets)
	}
	return sent
}

func newFilmed(t *testing.T, places ...int) *filmed {
	t.Helper()
	v := &filmed{f: newForwarding(), count: make([]uint16, len(places)+1), start: time.Now()}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() {
		v.f.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	for i, n := range places {
		d := &desk{videos: n}
		v.desks = append(v.desks, d)
		v.f.Enter(uint32(i+1), d)
	}
	return v
}

// shown returns in which layer whom was seen at the end, and complains of gaps and of senders whose first frame is no key frame.
func shown(t *testing.T, packets []rtc.Packet, sealed bool) map[byte]byte {
	t.Helper()
	who := map[byte]byte{}
	last := map[int]rtc.Packet{}
	for i, p := range packets {
		if p.Codec != rtc.VP8 {
			continue
		}
		if before, ok := last[p.Slot]; ok {
			if p.Sequence != before.Sequence+1 || int32(p.Timestamp-before.Timestamp) <= 0 {
				t.Fatalf("place %d: %d at %d after %d at %d", p.Slot, p.Sequence, p.Timestamp, before.Sequence, before.Timestamp)
			}
			if other := before.Payload; !sealed && (other[2] != p.Payload[2] || other[3] != p.Payload[3]) && p.Payload[1] != 0 {
				t.Errorf("place %d goes over without a key frame", p.Slot)
			}
		}
		last[p.Slot] = p
		if i >= len(packets)-20 {
			who[p.Payload[2]] = p.Payload[3]
		}
	}
	return who
}

// A listener sees four others, who speaks in the large layer, and the place goes over when another speaks.
func TestVideos(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			v := newFilmed(t, 4, 4, 4, 4, 1, 0, 4)
			v.seal = sealed
			v.film(2*time.Second, 2)
			sent := v.film(4*time.Second, 2)
			first := shown(t, sent[0], sealed)
			if len(first) != 4 || first[2] != 'h' || first[1] != 0 {
				t.Errorf("the first sees %q", first)
			}
			for who, layer := range first {
				if who != 2 && layer != 'q' {
					t.Errorf("the first sees %d in %c", who, layer)
				}
			}
			if own := shown(t, sent[1], sealed); len(own) != 4 || own[2] != 0 {
				t.Errorf("who speaks sees %q", own)
			}
			if one := shown(t, sent[4], sealed); len(one) != 1 || one[2] != 'h' {
				t.Errorf("with one place: %q", one)
			}
			if none := shown(t, sent[5], sealed); len(none) != 0 {
				t.Errorf("with no place: %q", none)
			}
			// The seventh was seen by nobody, and speaks.
			sent = v.film(4*time.Second, 7)
			if first := shown(t, sent[0], sealed); len(first) != 4 || first[7] != 'h' || first[2] != 'q' {
				t.Errorf("when another speaks: %q", first)
			}
			if own := shown(t, sent[6], sealed); own[2] != 'h' || own[7] != 0 {
				t.Errorf("who speaks sees %q; who spoke before them is large", own)
			}
			v.f.Lost(1, 0.2)
			if first := shown(t, v.film(3*time.Second, 7)[0], sealed); len(first) != 4 || first[7] != 'q' {
				t.Errorf("who loses much sees %q", first)
			}
			v.f.Leave(7)
			v.desks[6] = new(desk) // what it sends still is nobody's
			if first := shown(t, v.film(3*time.Second, 0)[0], sealed); len(first) != 4 || first[7] != 0 {
				t.Errorf("when they left: %q", first)
			}
		})
	}
}

// Who needs a key frame has it asked for, though not more often than twice a second.
func TestWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newFilmed(t, 1, 0)
		v.film(3*time.Second, 2)
		v.f.mu.Lock()
		v.desks[1].asked = 0
		v.f.mu.Unlock()
		for range 100 {
			v.f.Wanted(1, 0)
			v.f.Wanted(1, 7)
			v.f.Wanted(9, 0)
		}
		v.f.mu.Lock()
		defer v.f.mu.Unlock()
		if v.desks[1].asked != 1 {
			t.Errorf("asked %d times", v.desks[1].asked)
		}
	})
}

// A sender of a thousand layers has three.
func TestLayers(t *testing.T) {
	var c camera
	for i := range 1000 {
		c.see(time.Now(), &rtc.Packet{Codec: rtc.VP8, Layer: string(rune('a' + i)), Payload: []byte{0}})
	}
	if len(c.layers) != mostLayer {
		t.Errorf("%d layers", len(c.layers))
	}
}

func TestKeyframe(t *testing.T) {
	for _, tt := range []struct {
		codec      rtc.Codec
		b          []byte
		key, start bool
	}{
		{rtc.VP8, []byte{0x10, 0x00}, true, true},
		{rtc.VP8, []byte{0x10, 0x01}, false, true},
		{rtc.VP8, []byte{0x00, 0x00}, false, false},
		{rtc.VP8, []byte{0x11, 0x00}, false, false},
		{rtc.VP8, []byte{0x90, 0xf0, 0x81, 1, 2, 3, 0x00}, true, true},
		{rtc.VP8, []byte{0x90, 0xf0, 0x81, 1, 2, 3}, false, true},
		{rtc.VP8, []byte{0x90}, false, true},
		{rtc.VP9, []byte{0x08, 0}, true, true},
		{rtc.VP9, []byte{0x48, 0}, false, true},
		{rtc.VP9, []byte{0x40, 0}, false, false},
		{rtc.H264, []byte{0x67, 0}, true, true},
		{rtc.H264, []byte{0x61, 0}, false, true},
		{rtc.H264, []byte{24, 0, 9, 0x67}, true, true},
		{rtc.H264, []byte{28, 0x85}, true, true},
		{rtc.H264, []byte{28, 0x05}, false, false},
		{rtc.H264, []byte{28}, false, false},
		{rtc.Opus, []byte{1, 2}, false, false},
	} {
		if key, start := keyframe(&rtc.Packet{Codec: tt.codec, Payload: tt.b}); key != tt.key || start != tt.start {
			t.Errorf("%d, %x: %v, %v", tt.codec, tt.b, key, start)
		}
	}
}

// FuzzKeyframe holds that no payload panics.
func FuzzKeyframe(f *testing.F) {
	f.Add(byte(rtc.VP8), []byte{0x90, 0xf0, 0x81, 1, 2, 3, 0x00})
	f.Fuzz(func(_ *testing.T, codec byte, b []byte) {
		keyframe(&rtc.Packet{Codec: rtc.Codec(codec), Payload: slices.Clone(b)})
	})
}
