package disk

import (
	"testing"

	"github.com/linnetmesh/linnet/mailbox"
)

// BenchmarkStorePut keeps posts of 1 KiB in 32 boxes, 128 at a time: what a loaded shard asks of the store.
func BenchmarkStorePut(b *testing.B) {
	s, err := Open(Config{Folder: b.TempDir(), MinFree: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const boxes, group = 32, 128
	for i := range boxes {
		makeBox(b, s, i)
	}
	all := make([]mailbox.Deposit, group)
	cpu, kept := spent(), 0
	for b.Loop() {
		for i := range all {
			post := letter()
			all[i] = mailbox.Deposit{Box: boxID(i % boxes), Name: mailbox.NameOf(post), Bytes: post, Until: 1 << 30}
		}
		for _, k := range s.Put(b.Context(), all) {
			if k.Err != nil {
				b.Fatal(k.Err)
			}
		}
		kept += group
	}
	b.ReportMetric(float64(kept)/(spent()-cpu).Seconds(), "puts/cpu-s")
}
