package main

import (
	"io"
	"net/http"
	"testing"
)

// BenchmarkScrape reads all metrics of a running relay once, as Prometheus does every 15 s or so. What counts in between
// are additions to integers.
func BenchmarkScrape(b *testing.B) {
	_, metrics, stop := startRelay(b, shortFolder(b))
	defer stop()
	size := int64(0)
	for b.Loop() {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+metrics+"/metrics", http.NoBody)
		if err != nil {
			b.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		if size, err = io.Copy(io.Discard, answer.Body); err != nil {
			b.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1e3/float64(b.N), "ms/scrape")
	b.ReportMetric(float64(size)/1024, "KiB")
}
