package main

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/linnetmesh/linnet/conference/room"
	"github.com/linnetmesh/linnet/p2p"
)

// metrics are what a mixer counts, for Prometheus. Nothing in them says who is who.
type metrics struct {
	house *room.House
	host  *p2p.Host
	ready atomic.Bool
	all   *prometheus.Registry
}

var (
	descRooms   = desc("rooms", "Rooms that are open.", "kind")
	descLegs    = desc("legs", "Legs that are in a room.")
	descEntered = desc("legs_entered_total", "Legs that entered a room.")
	descLeft    = desc("legs_left_total", "Legs that left, by reason.", "reason")
	descRefused = desc("refused_total", "What was refused, by reason.", "reason")
	descPackets = desc("media_packets", "Media packets of the legs that are in, since they entered.", "direction")
	descBytes   = desc("media_bytes", "Bytes of those packets, without headers.", "direction")
	descDropped = desc("media_packets_over_rate", "Packets over the rate of a leg, of the legs that are in.")
	descUDP     = desc("udp_packets_total", "UDP packets of media, with STUN, DTLS and RTCP.", "direction")
	descUDPSize = desc("udp_bytes_total", "Bytes of those packets, without UDP and IP.", "direction")
	descPeers   = desc("peers", "Nodes that are connected.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("linnet_mixer_"+name, help, labels, nil)
}

func newMetrics(house *room.House, host *p2p.Host) *metrics {
	m := &metrics{house: house, host: host, all: prometheus.NewRegistry()}
	m.all.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Describe names all metrics.
func (m *metrics) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descRooms, descLegs, descEntered, descLeft, descRefused, descPackets, descBytes, descDropped, descUDP, descUDPSize,
		descPeers,
	} {
		c <- d
	}
}

// Collect reads them.
func (m *metrics) Collect(c chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	s := m.house.Stats()
	gauge(descRooms, float64(s.Rooms), "opened")
	gauge(descRooms, float64(s.Fixed), "fixed")
	gauge(descLegs, float64(s.Legs))
	counter(descEntered, s.Entered)
	for reason, n := range s.Left {
		counter(descLeft, n, reason)
	}
	for reason, n := range s.Refused {
		counter(descRefused, n, reason)
	}
	gauge(descPackets, float64(s.PacketsIn), "in")
	gauge(descPackets, float64(s.PacketsOut), "out")
	gauge(descBytes, float64(s.BytesIn), "in")
	gauge(descBytes, float64(s.BytesOut), "out")
	gauge(descDropped, float64(s.Dropped))
	counter(descUDP, s.UDP.PacketsIn, "in")
	counter(descUDP, s.UDP.PacketsOut, "out")
	counter(descUDPSize, s.UDP.BytesIn, "in")
	counter(descUDPSize, s.UDP.BytesOut, "out")
	peers := 0
	if m.host != nil {
		peers = m.host.Peers()
	}
	gauge(descPeers, float64(peers))
}

// handler serves /metrics, and /healthz, which is 200 while calls can be held.
func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.all, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !m.ready.Load() {
			http.Error(w, "not taking calls", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}
