package api

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkEvents tells how long an event takes to each of 100 listeners over HTTP, and to the slowest of them. The floor is
// the same with one.
func BenchmarkEvents(b *testing.B) {
	for _, listeners := range []int{1, 100} {
		b.Run(fmt.Sprint(listeners), func(b *testing.B) {
			s := newServer(&house{}, &tokens{}, nil)
			web := httptest.NewServer(s.Socket())
			defer web.Close()
			defer web.CloseClientConnections()
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			var got sync.WaitGroup
			var ended sync.WaitGroup
			first := s.ring.id(0)
			each := make([][]time.Duration, listeners)
			for i := range listeners {
				ended.Go(func() {
					_ = Dial(web.Listener.Addr().String(), "").Watch(ctx, first, "", func(e Event) error {
						each[i] = append(each[i], time.Since(e.Time))
						got.Done()
						return nil
					})
				})
			}
			say := func() time.Duration {
				got.Add(listeners)
				began := time.Now()
				s.ring.add(Event{Type: "typing", Time: began, With: "somebody", On: true})
				got.Wait()
				return time.Since(began)
			}
			say() // all are connected
			for i := range each {
				each[i] = nil
			}
			var all []time.Duration
			for b.Loop() {
				all = append(all, say())
			}
			b.StopTimer()
			cancel()
			ended.Wait()
			for name, all := range map[string][]time.Duration{"": slices.Concat(each...), "-slowest": all} {
				slices.Sort(all)
				b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50"+name+"-ms")
				b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99"+name+"-ms")
			}
		})
	}
}
