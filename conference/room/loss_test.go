package room

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/conference/jitter"
	"github.com/linnetmesh/linnet/conference/opus"
)

// hisses is even noise, low enough to hide nothing, and loud enough to be mixed.
func hisses(t testing.TB) *talk {
	t.Helper()
	e, err := opus.NewEncoder(opus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h, pcm, r := new(talk), make([]float32, opus.Frame), rand.New(rand.NewPCG(1, 8))
	for range 200 {
		for i := range pcm {
			pcm[i] = float32(r.Float64()-0.5) * 0.02
		}
		p, err := e.Encode(nil, pcm)
		if err != nil {
			t.Fatal(err)
		}
		h.list, h.levels = append(h.list, p), append(h.levels, 45)
	}
	return h
}

// What was lost on the way to the room, and is left for listeners to mend, is not taken for a loss on the way to them.
func TestLossBeforeTheRoom(t *testing.T) {
	good := reads(t, 0, 0)
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, good)
		r := rand.New(rand.NewPCG(3, 4))
		missing := 0.0
		for i := range 60 * 50 {
			if i%250 == 249 {
				share := s.listener.report()
				missing = max(missing, share)
				s.m.Lost(4, share)
			}
			if r.Float64() < 0.15 {
				s.sent[0]++
				good.at = (good.at + 1) % len(good.list)
				s.beat()
				continue
			}
			s.beat(0)
		}
		if missing < 0.1 || s.m.members[3].way.lost > 3 || s.m.loss > 5 {
			t.Errorf("%.2f reported at most, %.1f %% taken for lost, told %d", missing, s.m.members[3].way.lost, s.m.loss)
		}
		if k := s.m.members[0].played.Kind; k > jitter.Lost {
			t.Error(k)
		}
	})
}

// Encoders are told no more than 20 percent, a step at a time, the same for what is lost about as much, and at last what is lost.
func TestLossSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loss, lost := 5, rapid.Float64Range(0, 30).Draw(t, "lost")
		for range 6 {
			loss = step(loss, lost)
		}
		changes := 0
		for range 100 {
			was := loss
			if loss = step(loss, min(max(lost+rapid.Float64Range(-0.9, 0.9).Draw(t, "more"), 0), 30)); loss != was {
				changes++
			}
		}
		if changes > 1 || loss > 20 || float64(loss) > 2*lost+5 || lost >= 9 && loss < 15 || lost < 4 && loss > 5 {
			t.Fatalf("told %d, %d changes, at %.1f %% lost", loss, changes, lost)
		}
	})
}

// What one of many says moves what all are told no further than the others bear out, or than is usual; what most say counts.
func TestOneLiar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		honest := rapid.SliceOfN(rapid.Float64Range(0, 30), 1, 20).Draw(t, "lost")
		lie := rapid.Float64Range(0, 30).Draw(t, "lie")
		got := worst(slices.Concat(honest, []float64{lie}))
		slices.Sort(honest)
		if most := honest[len(honest)-1]; got > max(most, usual) {
			t.Fatalf("goes by %.1f, the honest lose %.1f at most", got, most)
		}
		if len(honest) >= 2 && got < honest[0] {
			t.Fatalf("goes by %.1f, the honest lose %.1f at least", got, honest[0])
		}
	})
	for _, tt := range []struct {
		losses []float64
		want   float64
	}{
		{nil, 5},
		{[]float64{15}, 15},
		{[]float64{0, 30}, 5},
		{[]float64{0, 2}, 2},
		{[]float64{15, 0, 15}, 15},
		{[]float64{0, 0, 0, 30, 0, 0}, 5},
		{[]float64{0, 0, 0, 20, 20, 25, 0, 0, 0, 0}, 20},
		{[]float64{0, 0, 0, 0, 20, 25, 0, 0, 0, 0}, 5},
	} {
		if got := worst(slices.Clone(tt.losses)); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.losses, got, tt.want)
		}
	}
}

// Reports of few packets, or old ones, count little or nothing.
func TestReports(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	w := way{lost: usual}
	w.sent = telling - 1
	if w.report(now, 1); w.lost != usual || !w.told.IsZero() {
		t.Errorf("%+v after a report of few packets", w)
	}
	w.sent = 50
	if w.report(now, 1); w.lost < usual+1 || w.lost > usual+3 {
		t.Errorf("%.1f after a second in which all is lost", w.lost)
	}
	for range 60 {
		w.sent, w.gaps = 45, 5
		w.report(now, 0.1)
	}
	if w.lost > 0.5 {
		t.Errorf("%.1f after a minute in which nothing is lost but before the room", w.lost)
	}
	m := newMixing()
	m.Enter(1, new(desk))
	m.members[0].way = way{lost: 20, loss: 15, told: now}
	for m.follow(now.Add(forgotten)); m.loss < 20; m.follow(now.Add(forgotten)) {
		if m.loss == 5 {
			t.Fatal("it does not rise")
		}
	}
	for range 3 {
		m.follow(now.Add(forgotten + 1))
	}
	if m.loss != 5 || m.members[0].way.loss != 5 {
		t.Errorf("told %d and %d when nothing was reported for long", m.loss, m.members[0].way.loss)
	}
}
