package headless_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/conference/headless"
	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// TestPhone has two phones hear each other, and go on after the way between them was sought anew.
func TestPhone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	phones := make([]*headless.Phone, 2)
	told := []chan headless.Report{make(chan headless.Report, 64), make(chan headless.Report, 64)}
	var work sync.WaitGroup
	defer work.Wait()
	for i := range phones {
		e, err := rtc.Listen(rtc.Config{LoopbackOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		phones[i] = headless.NewPhone(headless.PhoneConfig{
			Endpoint: e, Play: tone(i), Loop: true, Record: true,
			Tell: func(_ context.Context, r headless.Report) error { told[i] <- r; return nil },
		})
		phones[i].SetVoice(true, true)
		if err := phones[i].Connect(ctx, "other", i == 0); err != nil {
			t.Fatal(err)
		}
		work.Go(func() {
			if err := phones[i].Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	restarted := false
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for heard := 0; heard < 2; {
		var r headless.Report
		var at int
		select {
		case r = <-told[0]:
		case r = <-told[1]:
			at = 1
		case <-ctx.Done():
			t.Fatal("they do not hear each other")
		case <-tick.C:
			heard = 0
			for i, p := range phones {
				if hears(p.Heard(), toneOf(1-i)) {
					heard++
				}
			}
			if heard == 2 && !restarted { // and now once more, by another way
				restarted, heard = true, 0
				if err := phones[0].Restart(ctx, "other"); err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		if r.SDP != "" {
			if err := phones[1-at].Describe(ctx, "other", r.SDP, r.Offer, r.Round); err != nil {
				t.Fatal(err)
			}
		}
	}
	cancel()
}

// toneOf is the tone that a phone plays, and amplitude how loud.
func toneOf(i int) float64 { return 440 * float64(i+1) }

func tone(i int) []float32 {
	pcm := make([]float32, 48000)
	hearing.Tone(pcm, toneOf(i), 0.3, 0)
	return pcm
}

// hears tells whether the last half second that was heard is the tone of the other.
func hears(heard []float32, hz float64) bool {
	return len(heard) > 48000 && hearing.ToneLevel(heard[len(heard)-24000:], hz) > -30
}
