package chat

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTick(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, tt := range []struct {
		name       string
		last       Time
		now        time.Time
		after      Time
		next, want Time
	}{
		{"first", 0, start, 0, t0, t0},
		{"later", t0, start.Add(time.Second), 0, At(start.Add(time.Second)), At(start.Add(time.Second))},
		{"in one millisecond", t0, start, 0, t0 + 1, t0 + 1},
		{"counter overflows into the millisecond", t0 + 0xffff, start, 0, t0 + 0x10000, t0 + 0x10000},
		{"clock went back by an hour", t0, start.Add(-time.Hour), 0, t0 + 1, t0 + 1},
		{"at the bound", t0, start.Add(-MaxAhead), 0, t0 + 1, t0 + 1},
		{"clock was wrong by years", t0, start.Add(-10 * year), 0, At(start.Add(-10 * year)), At(start.Add(-10 * year))},
		{"after something earlier", t0, start, t0 - 1, t0 + 1, t0 + 1},
		{"after the same", t0, start, t0 + 1, t0 + 1, t0 + 2},
		{"after something later", t0, start, t0 + 5, t0 + 1, t0 + 6},
		{"after something of years ahead", t0, start, At(start.Add(10 * year)), t0 + 1, At(start.Add(10*year)) + 1},
		{"after the end of time", t0, start, math.MaxUint64, t0 + 1, t0 + 1},
		{"before 1970", 0, time.Unix(-5, 0), 0, 1 << 16, 1 << 16},
		{"the last year", 0, time.Unix(1<<50, 0), 0, maxNow << 16, maxNow << 16},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, got := ParseClock(tt.last).Tick(tt.now, tt.after)
			if c.Last() != tt.next || got != tt.want {
				t.Errorf("got %x, %x, want %x, %x", c.Last(), got, tt.next, tt.want)
			}
		})
	}
}

func TestWitness(t *testing.T) {
	c := ParseClock(t0)
	for _, tt := range []struct {
		name         string
		remote, want Time
	}{
		{"earlier", t0 - 1, t0},
		{"later", t0 + 9, t0 + 9},
		{"at the bound", At(start.Add(MaxAhead)), At(start.Add(MaxAhead))},
		{"beyond", At(start.Add(MaxAhead + time.Millisecond)), t0},
		{"the end of time", math.MaxUint64, t0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := c.Witness(tt.remote, start).Last(); got != tt.want {
				t.Errorf("got %x, want %x", got, tt.want)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	hour := func(n int) Time { return At(start.Add(time.Duration(n) * time.Hour)) }
	for _, tt := range []struct {
		name    string
		t, want Time
	}{
		{"just now", t0 - 7, t0 - 7},
		{"a day ahead", hour(24), hour(24)},
		{"further ahead", hour(25), t0},
		{"two months in the post", hour(-61 * 24), hour(-61 * 24)},
		{"longer", hour(-61*24 - 1), t0},
		{"1970", 1, t0},
		{"the end of time", math.MaxUint64, t0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := place(tt.t, t0); got != tt.want {
				t.Errorf("got %x, want %x", got, tt.want)
			}
		})
	}
}

// TestCausality: devices whose clocks differ by less than MaxAhead talk; whoever has seen something says what is later.
// One more device, whose clock is wrong by years, drags nobody beyond MaxAhead.
func TestCausality(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type said struct {
			at   Time
			from int
		}
		const n = 4 // the last is the wrong one
		year := 365 * 24 * time.Hour
		var skew [n]time.Duration
		for i := range n - 1 {
			skew[i] = time.Duration(rapid.Int64Range(0, int64(MaxAhead)-1).Draw(t, "skew"))
		}
		skew[n-1] = time.Duration(rapid.SampledFrom([]int64{-40, -10, -1, 1, 10, 80}).Draw(t, "years")) * year
		var clocks [n]Clock
		var seen [n]Time // highest of the right ones that the device knows
		var all []said
		now := start
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "pause")))
			i := rapid.IntRange(0, n-1).Draw(t, "device")
			mine := now.Add(skew[i])
			if len(all) > 0 && rapid.Bool().Draw(t, "reads") {
				m := rapid.SampledFrom(all).Draw(t, "message")
				clocks[i] = clocks[i].Witness(m.at, mine)
				if m.from != n-1 {
					seen[i] = max(seen[i], m.at)
				}
				continue
			}
			before := clocks[i].Last()
			var at Time
			if clocks[i], at = clocks[i].Tick(mine, 0); at <= before {
				t.Fatalf("device %d went back from %x to %x", i, before, at)
			}
			if i == n-1 {
				all = append(all, said{at, i})
				continue
			}
			if at <= seen[i] {
				t.Fatalf("device %d answers at %x to what was said at %x", i, at, seen[i])
			}
			if !at.within(At(now), 0, MaxAhead+time.Minute) {
				t.Fatalf("device %d says %v at %v", i, at.Time(), now)
			}
			seen[i] = at
			all = append(all, said{at, i})
		}
	})
}

// TestPlaceIsTotal holds that places are a total order.
func TestPlaceIsTotal(t *testing.T) {
	draw := rapid.Custom(func(t *rapid.T) Place {
		return Place{
			Time(rapid.Uint64Range(1, 3).Draw(t, "time")),
			Ref{Author: account(rapid.ByteRange(1, 3).Draw(t, "author")), ID: id(rapid.ByteRange(1, 3).Draw(t, "id"))},
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		ps := rapid.SliceOfN(draw, 3, 20).Draw(t, "places")
		slices.SortFunc(ps, Place.Compare)
		for i := range ps {
			for j := range i {
				if c := ps[j].Compare(ps[i]); c > 0 || (c == 0) != (ps[i] == ps[j]) || ps[i].Compare(ps[j]) != -c {
					t.Fatalf("%v, %v: %d", ps[j], ps[i], c)
				}
			}
		}
	})
}

func TestNewMessage(t *testing.T) {
	c := ParseClock(At(start.Add(time.Hour)))
	next, m := NewMessage(c, start, 0)
	if m.ID.IsZero() || m.Time != c.Last()+1 || next.Last() != m.Time {
		t.Errorf("got %+v, clock %v", m, next)
	}
	if got := m.Sent(); !got.Equal(start) {
		t.Errorf("sent %v, want %v", got, start)
	}
	if _, other := NewMessage(c, start, 0); other.ID == m.ID {
		t.Error("the same ID twice")
	}
}
