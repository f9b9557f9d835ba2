package room

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/conference/rtc"
)

// desk is a leg that keeps what it is sent and told.
type desk struct {
	closed  bool
	told    []notice
	size    int
	packets []rtc.Packet
	videos  int // places
	asked   int // for key frames, since a key frame was sent
}

func (d *desk) Slots() (audio, video int) { return streams, d.videos }

func (d *desk) RequestKeyframe(int) { d.asked++ }

func (d *desk) Write(p *rtc.Packet) error {
	q := *p
	q.Payload = append([]byte(nil), p.Payload...)
	d.packets = append(d.packets, q)
	return nil
}

func (d *desk) Tell(b []byte) error {
	var n notice
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	d.told, d.size = append(d.told, n), d.size+len(b)
	return nil
}

func (d *desk) Open() bool { return !d.closed }

// take returns what was told since the last time.
func (d *desk) take() []notice {
	told := d.told
	d.told = nil
	return told
}

func TestNoticesOfChanges(t *testing.T) {
	var n notices
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	a, b, c := new(desk), &desk{closed: true}, new(desk)
	later := func(who ...uint32) {
		for range 10 { // two seconds, so there is credit
			now = now.Add(interval)
			n.speakingIDs(now, who)
		}
	}
	want := func(what string, got, want []notice) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: (-want +got)\n%s", what, d)
		}
	}
	n.enter(1, a)
	n.enter(2, b)
	later()
	want("a", a.take(), []notice{{You: 1}, {Legs: []legState{{Leg: 1}, {Leg: 2}}}})
	want("b, whose channel is not open", b.take(), nil)

	n.enter(3, c)
	if _, ok := n.told(2, []byte(`{"muted":true,"hand":true,"leg":9,"speaking":true}`)); !ok {
		t.Error("not understood")
	}
	later(1)
	want("a", a.take(), []notice{{Legs: []legState{{Leg: 1, Speaking: true}, {Leg: 2, Muted: true, Hand: true}, {Leg: 3}}}})
	want("c", c.take(), []notice{{You: 3}, {Legs: []legState{{Leg: 1, Speaking: true}, {Leg: 2, Muted: true, Hand: true}, {Leg: 3}}}})
	later(1)
	want("nothing new", a.take(), nil)

	b.closed = false
	n.leave(1)
	later()
	want("b", b.take(), []notice{{You: 2}, {Legs: []legState{{Leg: 2, Muted: true, Hand: true}, {Leg: 3}}}})
	want("c", c.take(), []notice{{Gone: []uint32{1}}})
	for _, bad := range []string{"", "x", "[]", `{"muted":3}`, string(make([]byte, noticeSize+1))} {
		if _, ok := n.told(3, []byte(bad)); ok {
			t.Errorf("%q is understood", bad)
		}
	}
}

// What a leg is told of a room in which the speakers change all the time does not grow with the room.
func TestNoticesAreFew(t *testing.T) {
	told := func(legs int) (bytes int) {
		var n notices
		now, first := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), new(desk)
		n.enter(1, first)
		for i := range legs {
			n.enter(uint32(i+2), new(desk))
		}
		for beats := range 50 * 25 {
			if now = now.Add(beat); beats == 50*10 {
				first.size = 0
			}
			n.speakingIDs(now, []uint32{1, uint32(beats/11%legs) + 2})
		}
		return first.size
	}
	if few, many := told(4), told(200); few > 2500 || many > 2500 || many > 2*few {
		t.Errorf("%d and %d bytes in 15 s", few, many)
	}
}
