package jitter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// payload says which frame it is of.
func payload(n int) []byte { return fmt.Appendf(nil, "%06d", n) }

func number(b []byte) (n int) {
	_, _ = fmt.Sscanf(string(b), "%d", &n)
	return n
}

func packet(n int) Packet {
	return Packet{Sequence: uint16(n) + 65500, Timestamp: uint32(n)*samples + 1<<31 - 5*samples, Level: 30, Payload: payload(n)}
}

// story plays packets that come at times, in ms, and says what was played: the number, ~ for what is concealed, ^ if mended
// with the next, + for folded, . for nothing.
func story(b *Buffer, came map[int][]Packet, beats int) string {
	var w strings.Builder
	for ms := range beats * 20 {
		now := start.Add(time.Duration(ms) * time.Millisecond)
		for _, p := range came[ms] {
			_ = b.Push(now, p)
		}
		if ms%20 != 19 {
			continue
		}
		switch f := b.Pop(now); f.Kind {
		case Nothing:
			w.WriteString(".")
		case Voice:
			if f.Fold != nil {
				fmt.Fprintf(&w, "%d+", number(f.Fold))
			}
			fmt.Fprintf(&w, "%d ", number(f.Payload))
		case More:
			w.WriteString("= ")
		case Lost:
			if f.Next != nil {
				w.WriteString("^ ")
			} else {
				w.WriteString("~ ")
			}
		}
	}
	return w.String()
}

func TestStories(t *testing.T) {
	tests := []struct {
		name string
		came map[int][]Packet
		want string
	}{
		{"in order", map[int][]Packet{0: {packet(0)}, 20: {packet(1)}, 40: {packet(2)}}, ".0 1 2 ~ ~ ~ ~ ~"},
		{"swapped", map[int][]Packet{0: {packet(0)}, 30: {packet(2), packet(1)}, 60: {packet(3)}}, ".0 1 2 3 ~ ~ ~ ~"},
		{"twice", map[int][]Packet{0: {packet(0), packet(0)}, 20: {packet(1), packet(1)}}, ".0 1 ~ ~ ~ ~ ~ ."},
		{"one lost, mended by the next", map[int][]Packet{0: {packet(0)}, 40: {packet(2)}, 60: {packet(3)}}, ".0 ^ 2 3 ~ ~ ~ ~"},
		{
			"two lost",
			map[int][]Packet{0: {packet(0)}, 20: {packet(1)}, 80: {packet(4)}, 100: {packet(5)}},
			".0 1 ~ ^ 4 5 ~ ~ ",
		},
		{
			"one late",
			map[int][]Packet{0: {packet(0)}, 20: {packet(1)}, 65: {packet(2), packet(3)}, 80: {packet(4)}},
			".0 1 2 3 4 ~ ~ ~ ",
		},
		{
			"nobody spoke",
			map[int][]Packet{
				0: {packet(0)}, 20: {{Sequence: 65501, Timestamp: packet(1).Timestamp, Payload: []byte{1}}},
				120: {{Sequence: 65502, Timestamp: packet(6).Timestamp, Payload: payload(6)}},
			},
			".0 0 ....6 ~",
		},
		{
			"packets of 40 ms",
			map[int][]Packet{
				0:  {{Sequence: 1, Timestamp: 0, Frames: 2, Payload: payload(0)}},
				40: {{Sequence: 2, Timestamp: 2 * samples, Frames: 2, Payload: payload(2)}},
			},
			".0 = 2 = ~ ~ ~ ~",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := story(new(Buffer), tt.came, 9); strings.TrimSpace(got) != strings.TrimSpace(tt.want) {
				t.Errorf("played %s\nwant   %s", got, tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	var b Buffer
	for _, p := range []Packet{{}, {Payload: make([]byte, MaxPayload+1)}, {Payload: payload(0), Frames: 7}, {Payload: payload(0), Frames: -1}} {
		if err := b.Push(start, p); !errors.Is(err, ErrSize) {
			t.Errorf("%d bytes, %d frames: %v", len(p.Payload), p.Frames, err)
		}
	}
}

// way is what the network does to packets, from a seed.
type way struct {
	jitter, loss float64 // ms on average beyond the least, and of 1
	drift        float64 // ppm by which the sender's clock is fast
	from, to     time.Duration
	stall        time.Duration // nothing is heard or played for so long, at from
}

// travel plays a minute of speech and returns, for each beat, how long ago the frame that was played was made; -1 if none.
func travel(seed uint64, w way, length time.Duration) (delays []time.Duration, b *Buffer) {
	r := rand.New(rand.NewPCG(seed, 1))
	type arrival struct {
		at time.Duration
		n  int
	}
	var list []arrival
	made := func(n int) time.Duration {
		return time.Duration(float64(n) * float64(Frame) * (1 - w.drift/1e6))
	}
	for n := range int(length / Frame) {
		at := made(n) + 30*time.Millisecond
		if at >= w.from && at < w.to {
			if r.Float64() < w.loss {
				continue
			}
			at += time.Duration(w.jitter * r.ExpFloat64() * float64(time.Millisecond))
		}
		if w.stall > 0 && at >= w.from && at < w.from+w.stall {
			at = w.from + w.stall
		}
		list = append(list, arrival{at, n})
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return int(a.at - b.at) })
	b = new(Buffer)
	for beat := 7 * time.Millisecond; beat < length; beat += Frame {
		if w.stall > 0 && beat >= w.from && beat < w.from+w.stall {
			continue
		}
		for len(list) > 0 && list[0].at <= beat {
			_ = b.Push(start.Add(list[0].at), packet(list[0].n))
			list = list[1:]
		}
		if f := b.Pop(start.Add(beat)); f.Kind == Voice {
			delays = append(delays, beat-made(number(f.Payload)))
		} else {
			delays = append(delays, -1)
		}
	}
	return delays, b
}

// Delay is short on a good way, longer on a bad one, and back within 5 s of its end.
func TestDelay(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name   string
		w      way
		during time.Duration // the most that is held back in 9 of 10 frames while it is bad
		played float64       // of the frames that came through, while it is bad
	}{
		{"good", way{from: 10 * time.Second, to: 20 * time.Second}, 30 * ms, 1},
		{"5 % lost", way{loss: 0.05, from: 10 * time.Second, to: 20 * time.Second}, 30 * ms, 0.93},
		{"15 % lost", way{loss: 0.15, from: 10 * time.Second, to: 20 * time.Second}, 30 * ms, 0.80},
		{"uneven by 15 ms", way{jitter: 15, from: 10 * time.Second, to: 20 * time.Second}, 100 * ms, 0.88},
		{"uneven by 40 ms", way{jitter: 40, from: 10 * time.Second, to: 20 * time.Second}, 220 * ms, 0.85},
		{"fast clock", way{drift: 200, from: 10 * time.Second, to: 20 * time.Second}, 35 * ms, 0.99},
		{"slow clock", way{drift: -200, from: 10 * time.Second, to: 20 * time.Second}, 35 * ms, 0.99},
		{"no CPU for 300 ms", way{from: 10 * time.Second, to: 11 * time.Second, stall: 300 * ms}, 330 * ms, 0.4},
		{"no CPU for 2 s", way{from: 10 * time.Second, to: 13 * time.Second, stall: 2 * time.Second}, 2100 * ms, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(3) {
				delays, b := travel(seed, tt.w, 40*time.Second)
				missing := int(tt.w.stall / Frame) // beats that were not
				during := slices.Clone(delays[tt.w.from/Frame : int(tt.w.to/Frame)-missing])
				after := slices.Clone(delays[int(tt.w.to/Frame)-missing+250:])
				slices.Sort(during)
				slices.Sort(after)
				heard := during[slices.IndexFunc(during, func(d time.Duration) bool { return d >= 0 }):]
				if got := float64(len(heard)) / float64(len(during)); got < tt.played {
					t.Errorf("seed %d: %.2f played, want %.2f (%+v)", seed, got, tt.played, b.Stats)
				}
				if got := heard[len(heard)*9/10] - 30*ms; got > tt.during {
					t.Errorf("seed %d: 9 of 10 within %v, want %v (%+v)", seed, got, tt.during, b.Stats)
				}
				if got := after[len(after)*99/100] - 30*ms; got > 40*ms {
					t.Errorf("seed %d: 5 s afterwards %v are held back (%+v)", seed, got, b.Stats)
				}
				if got := after[len(after)/100]; got < 0 {
					t.Errorf("seed %d: 5 s afterwards frames are missing (%+v)", seed, b.Stats)
				}
			}
		})
	}
}

// Whatever comes, in whatever order: nothing is played twice or in the wrong order, and what is held is bounded.
func TestAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Buffer
		now, last, n := start, -1, 1000
		restarts := uint64(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				n++
				_ = b.Push(now, packet(n))
			case 2:
				_ = b.Push(now, packet(n-rapid.IntRange(0, 70).Draw(t, "back")))
			case 3:
				n += rapid.IntRange(0, 200).Draw(t, "ahead")
				_ = b.Push(now, packet(n))
			default:
				now = now.Add(Frame)
				f := b.Pop(now)
				if b.Stats.Restarts != restarts {
					restarts, last = b.Stats.Restarts, -1
				}
				for _, p := range [][]byte{f.Fold, f.Payload} {
					if p == nil {
						continue
					}
					if got := number(p); got <= last {
						t.Fatalf("played %d after %d", got, last)
					}
					last = number(p)
				}
			}
			if b.held < 0 || b.held > Size {
				t.Fatalf("holds %d", b.held)
			}
		}
	})
}

func BenchmarkBuffer(b *testing.B) {
	var buf Buffer
	now, n, p := start, 0, packet(0)
	b.ReportAllocs()
	for b.Loop() {
		p.Sequence++
		p.Timestamp += samples
		n++
		now = now.Add(Frame)
		_ = buf.Push(now, p)
		buf.Pop(now.Add(10 * time.Millisecond))
	}
}
