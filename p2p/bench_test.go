package p2p

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// BenchmarkRoundTrip is what a lane takes: to dial over a connection that is there, and to say something over a stream
// that is there.
func BenchmarkRoundTrip(b *testing.B) {
	for name, listen := range map[string]string{"quic": "/ip4/127.0.0.1/udp/0/quic-v1", "tcp": "/ip4/127.0.0.1/tcp/0", "ws": "/ip4/127.0.0.1/tcp/0/ws"} {
		x, y := hostOf(b, Config{}), hostOf(b, Config{Role: Relay, Listen: []string{listen}})
		y.Lane(Deliver).Handle(echo)
		addrs := y.Addrs()
		message := make([]byte, 1024)
		b.Run(name+"/dial", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c := must[net.Conn](b)(x.Lane(Deliver).Dial(b.Context(), y.Key(), addrs))
				exchange(b, c, message)
				_ = c.Close()
			}
		})
		b.Run(name+"/stream", func(b *testing.B) {
			c := must[net.Conn](b)(x.Lane(Deliver).Dial(b.Context(), y.Key(), addrs))
			b.ReportAllocs()
			for b.Loop() {
				exchange(b, c, message)
			}
			_ = c.Close()
		})
	}
}

func exchange(b *testing.B, c net.Conn, message []byte) {
	b.Helper()
	if _, err := c.Write(message); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(c, message); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDirectory is a mesh of 30 on one machine: records put and found, with tables that are full.
func BenchmarkDirectory(b *testing.B) {
	mesh := meshOf(b, 30)
	h := hostOf(b, Config{})
	join(b, h, mesh[0])
	p := personOf(b)
	sealed := p.seal(b, time.Time{})
	must[int](b)(h.Publish(b.Context(), sealed.Key.DHT(), sealed.Value))
	reader := hostOf(b, Config{})
	join(b, reader, mesh[7])
	b.Run("publish", func(b *testing.B) {
		kept := 0
		for b.Loop() {
			refill(mesh)
			kept = must[int](b)(h.Publish(b.Context(), sealed.Key.DHT(), sealed.Value))
		}
		b.ReportMetric(float64(kept), "kept")
	})
	for name, key := range map[string]string{"lookup": sealed.Key.DHT(), "miss": subjectOf().dht()} {
		b.Run(name, func(b *testing.B) {
			var firsts []time.Duration
			for b.Loop() {
				refill(mesh)
				begin := time.Now()
				if err := reader.Lookup(b.Context(), key, func([]byte) bool {
					firsts = append(firsts, time.Since(begin))
					return true
				}); err != nil {
					b.Fatal(err)
				}
			}
			report(b, firsts, "first")
		})
	}
}

// refill fills all buckets: the pace of one peer is not what is measured here.
func refill(mesh []*Host) {
	for _, h := range mesh {
		h.gauge.mu.Lock()
		clear(h.gauge.paced)
		h.gauge.all = paced{}
		h.gauge.mu.Unlock()
	}
}

func report(b *testing.B, times []time.Duration, name string) {
	b.Helper()
	if len(times) == 0 {
		return
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2])/1e6, name+"-p50-ms")
	b.ReportMetric(float64(times[len(times)*95/100])/1e6, name+"-p95-ms")
}

// BenchmarkColdStart is a new host in a mesh of 30: from New with one bootstrap address to the first hit of a lookup by
// key, and to the answer of the device that was found. Bare libp2p took 31 ms (p50) to the answer.
func BenchmarkColdStart(b *testing.B) {
	mesh := meshOf(b, 30)
	bob := hostOf(b, Config{})
	join(b, bob, mesh[0])
	bob.Lane(Deliver).Handle(echo)
	p := personOf(b)
	sealed := p.seal(b, time.Time{})
	must[int](b)(bob.Publish(b.Context(), sealed.Key.DHT(), sealed.Value))
	var made, joined, hits, acks []time.Duration
	for i := 0; b.Loop(); i++ {
		refill(mesh)
		begin := time.Now()
		h := must[*Host](b)(New(Config{Local: true, Diversity: -1, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}}))
		made = append(made, time.Since(begin))
		to := mesh[i%len(mesh)]
		if err := h.Join(b.Context(), to.Key(), to.Addrs()); err != nil {
			b.Fatal(err)
		}
		joined = append(joined, time.Since(begin))
		hit, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			ended <- h.Lookup(b.Context(), sealed.Key.DHT(), func([]byte) bool { close(hit); return false })
		}()
		<-hit
		hits = append(hits, time.Since(begin))
		c := must[net.Conn](b)(h.Lane(Deliver).Dial(b.Context(), bob.Key(), bob.Addrs()))
		exchange(b, c, make([]byte, 64))
		acks = append(acks, time.Since(begin))
		_ = c.Close()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		_ = h.Close()
	}
	report(b, made, "made")
	report(b, joined, "joined")
	report(b, hits, "hit")
	report(b, acks, "ack")
}

// BenchmarkStorePut is a record that drives out another from a full store of a relay.
func BenchmarkStorePut(b *testing.B) {
	l := limitsOf[Relay]
	st := newStore("me", l.records, l.bytes)
	now := time.Now()
	s := subjectOf()
	value := s.record(b, now)
	for i := range l.records {
		key := string([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		st.records[key] = record{value, now, st.distance(key)}
		st.bytes += cost(key, value)
	}
	b.Run("full", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i++
			key := string([]byte{byte(i), byte(i >> 8), byte(i >> 16), 1})
			_ = st.keep(key, value, now)
		}
	})
	b.Run("get", func(b *testing.B) {
		small := newStore("me", 10, 1<<20)
		_ = small.put(s.dht(), value, now)
		for b.Loop() {
			if v, _ := small.get(s.dht(), now); v == nil {
				b.Fatal("gone")
			}
		}
	})
}
