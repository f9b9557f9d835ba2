package main

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what a relay counts, for Prometheus. Nothing in them says who is who.
type metrics struct {
	relay *relay
	all   *prometheus.Registry
}

var (
	descBoxes       = desc("boxes", "Boxes that are kept.")
	descPosts       = desc("posts", "Posts that are kept.")
	descPostBytes   = desc("post_bytes", "Bytes of the posts that are kept.")
	descDescriptors = desc("descriptors", "Descriptors that are kept for sleepers.")
	descDisk        = desc("disk_bytes", "Bytes that the store takes on disk.")
	descFree        = desc("disk_left_bytes", "Bytes that may be written until writes are refused.")
	descFull        = desc("disk_full", "1 while writes are refused because the disk is full.")
	descLost        = desc("posts_lost_total", "Posts that were kept and cannot be given any more.")
	descDamaged     = desc("damaged", "What did not open since the start, by what it is.", "what")
	descSyncs       = desc("syncs_total", "Commits that were made durable.")
	descScrubbed    = desc("posts_scrubbed_total", "Posts that were read again and found whole.")
	descPut         = desc("posts_put_total", "Posts that came.")
	descPutBytes    = desc("put_bytes_total", "Bytes of the posts that came.")
	descRepeated    = desc("posts_repeated_total", "Puts of what lay here already.")
	descFetched     = desc("posts_fetched_total", "Posts that were given.")
	descFetchBytes  = desc("fetched_bytes_total", "Bytes of the posts that were given.")
	descAcked       = desc("posts_acked_total", "Posts that their owners have.")
	descExpired     = desc("posts_expired_total", "Posts that expired.")
	descRefused     = desc("refused_total", "What was refused, by reason.", "reason")
	descBundles     = desc("bundles_taken_total", "Bundles that were given.")
	descParts       = desc("bundle_parts_taken_total", "One-time parts of bundles that were given.")
	descWanting     = desc("bundle_parts_wanting_total", "One-time parts that were asked for while none was left.")
	descWeak        = desc("weak_updates_total", "Weak updates that came.")
	descPublished   = desc("descriptors_published_total", "Descriptors that were put into the DHT.")
	descUnpublished = desc("descriptors_publish_failed_total", "Descriptors that nobody in the DHT kept.")
	descConns       = desc("mailbox_connections", "Connections to the mailbox.")
	descListeners   = desc("mailbox_listeners", "Owners who wait for post.")
	descMemory      = desc("mailbox_memory_bytes", "Bytes of posts and answers under way.")
	descWork        = desc("work_zeros", "With how many zero bits the hash must begin that a stranger looks for now.")
	descDraining    = desc("draining", "1 while no new post is taken.")
	descPeers       = desc("peers", "Nodes that are connected.")
	descPlaces      = desc("circuit_places", "Nodes that are reached through this relay.")
	descCircuits    = desc("circuits", "Circuits that are carried now.")
	descCarried     = desc("circuit_bytes_total", "Bytes that went through circuits.")
	descOffered     = desc("node_record_copies", "Nodes that keep where this relay is.")
	descTable       = desc("dht_nodes", "Nodes in the routing table of the DHT.")
	descRecords     = desc("dht_records", "Records that are kept for the DHT.")
	descOver        = desc("network_refused_total", "Streams, requests and records over a limit.")
)

var descs = []*prometheus.Desc{
	descBoxes, descPosts, descPostBytes, descDescriptors, descDisk, descFree, descFull, descLost, descDamaged, descSyncs,
	descScrubbed, descPut, descPutBytes, descRepeated, descFetched, descFetchBytes, descAcked, descExpired, descRefused,
	descBundles, descParts, descWanting, descWeak, descPublished, descUnpublished, descConns, descListeners, descMemory,
	descWork, descDraining, descPeers, descPlaces, descCircuits, descCarried, descOffered, descTable, descRecords, descOver,
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("linnet_relay_"+name, help, labels, nil)
}

func newMetrics(r *relay) *metrics {
	m := &metrics{relay: r, all: prometheus.NewRegistry()}
	m.all.MustRegister(m, collectors.NewGoCollector(), collectors.NewBuildInfoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Describe names all metrics.
func (m *metrics) Describe(c chan<- *prometheus.Desc) {
	for _, d := range descs {
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
	yes := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	s, n := m.relay.server.Stats(), m.relay.host.Stats()
	gauge(descBoxes, float64(s.Store.Boxes))
	gauge(descPosts, float64(s.Store.Posts))
	gauge(descPostBytes, float64(s.Store.Bytes))
	gauge(descDescriptors, float64(s.Store.Descriptors))
	gauge(descDisk, float64(s.Store.Disk))
	gauge(descFree, float64(s.Store.Free))
	gauge(descFull, yes(s.Store.Full))
	counter(descLost, s.Store.Lost)
	for _, d := range m.relay.store.Damaged() {
		gauge(descDamaged, float64(d.Count), d.What)
	}
	counter(descSyncs, s.Store.Syncs)
	counter(descScrubbed, s.Store.Scrubbed)
	counter(descPut, s.Put)
	counter(descPutBytes, s.PutBytes)
	counter(descRepeated, s.Repeated)
	counter(descFetched, s.Fetched)
	counter(descFetchBytes, s.FetchedBytes)
	counter(descAcked, s.Acked)
	counter(descExpired, s.Expired)
	for err, n := range s.Refused {
		counter(descRefused, n, strings.TrimPrefix(err.Error(), "mailbox: "))
	}
	counter(descBundles, s.BundlesTaken)
	counter(descParts, s.PartsTaken)
	counter(descWanting, s.PartsWanting)
	counter(descWeak, s.Weak)
	counter(descPublished, s.Published)
	counter(descUnpublished, s.PublishFailed)
	gauge(descConns, float64(s.Conns))
	gauge(descListeners, float64(s.Listeners))
	gauge(descMemory, float64(s.Memory))
	gauge(descWork, float64(s.WorkBits))
	gauge(descDraining, yes(s.Draining))
	gauge(descPeers, float64(n.Peers))
	gauge(descPlaces, float64(n.Places))
	gauge(descCircuits, float64(n.Circuits))
	counter(descCarried, n.Carried)
	gauge(descOffered, float64(n.Offered))
	gauge(descTable, float64(n.Table))
	gauge(descRecords, float64(n.Records))
	counter(descOver, n.Refused)
}

// handler serves /metrics; /healthz, which is 200 while the relay lives; and /readyz, which is 200 while it takes post.
func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.all, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		s := m.relay.server.Stats()
		switch {
		case s.Draining:
			http.Error(w, "draining", http.StatusServiceUnavailable)
		case s.Store.Full:
			http.Error(w, "the disk is full", http.StatusServiceUnavailable)
		default:
			_, _ = w.Write([]byte("ok\n"))
		}
	})
	return mux
}
