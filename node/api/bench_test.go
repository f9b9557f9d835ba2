package api

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkEvents tells how long an event takes to each of 100 listeners over HTTP, and to the slowest of them. The floor is
// the same with one; what 100 bare connections take, with nothing of ours in between, is BenchmarkEventsFloor.
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
			reportLatency(b, each, all)
		})
	}
}

// reportLatency reports how long it took to each listener, and to the slowest each time.
func reportLatency(b *testing.B, each [][]time.Duration, slowest []time.Duration) {
	b.Helper()
	for name, all := range map[string][]time.Duration{"": slices.Concat(each...), "-slowest": slowest} {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50"+name+"-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99"+name+"-ms")
	}
}

// BenchmarkEventsFloor is the least that any program could do on this machine, as it is now: a goroutine writes a time to each
// of 100 connections, and another reads it there.
func BenchmarkEventsFloor(b *testing.B) {
	const listeners = 100
	l, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var got, ended sync.WaitGroup
	each := make([][]time.Duration, listeners)
	turns := make([]chan time.Time, listeners)
	for i := range listeners {
		here, err := new(net.Dialer).DialContext(b.Context(), "tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		there, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		turns[i] = make(chan time.Time, 1)
		ended.Go(func() {
			defer there.Close()
			for began := range turns[i] {
				if _, err := there.Write(binary.BigEndian.AppendUint64(make([]byte, 0, 128), uint64(began.UnixNano()))); err != nil {
					b.Error(err)
				}
			}
		})
		ended.Go(func() {
			defer here.Close()
			for text := make([]byte, 8); ; {
				if _, err := io.ReadFull(here, text); err != nil {
					return
				}
				each[i] = append(each[i], time.Since(time.Unix(0, int64(binary.BigEndian.Uint64(text)))))
				got.Done()
			}
		})
	}
	var all []time.Duration
	for b.Loop() {
		got.Add(listeners)
		began := time.Now()
		for _, turn := range turns {
			turn <- began
		}
		got.Wait()
		all = append(all, time.Since(began))
	}
	b.StopTimer()
	for _, turn := range turns {
		close(turn)
	}
	ended.Wait()
	_ = l.Close()
	reportLatency(b, each, all)
}
