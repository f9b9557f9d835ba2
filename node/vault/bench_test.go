package vault

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/node/chat"
)

func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 16, 256} {
		for _, mobile := range []bool{false, true} {
			b.Run(fmt.Sprintf("records=%d/mobile=%v", n, mobile), func(b *testing.B) {
				v := open(b, Config{Folder: b.TempDir(), Mobile: mobile})
				value := make([]byte, 1<<10)
				for i := uint64(0); b.Loop(); i++ {
					batch := v.NewBatch()
					for k := range n {
						key := binary.BigEndian.AppendUint64(nil, i*uint64(n)+uint64(k))
						if err := batch.Put(Outbox, key, value); err != nil {
							b.Fatal(err)
						}
					}
					if err := v.Commit(batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}

// BenchmarkOpenNew makes a vault and commits for the first time.
func BenchmarkOpenNew(b *testing.B) {
	for _, mobile := range []bool{false, true} {
		b.Run(fmt.Sprintf("mobile=%v", mobile), func(b *testing.B) {
			var took time.Duration // of the first commit
			for b.Loop() {
				v, err := Open(Config{Folder: b.TempDir(), Mobile: mobile})
				if err != nil {
					b.Fatal(err)
				}
				begin := time.Now()
				put(b, v, Setting, "k", "v")
				took += time.Since(begin)
				b.StopTimer()
				if err := v.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(took.Microseconds())/1000/float64(b.N), "ms/commit")
		})
	}
}

func BenchmarkCommitDisk(b *testing.B) {
	v := open(b, Config{})
	for i := uint64(0); b.Loop(); i++ {
		batch := v.NewBatch()
		if err := batch.Put(Outbox, binary.BigEndian.AppendUint64(nil, i%10_000), make([]byte, 1<<10)); err != nil {
			b.Fatal(err)
		}
		if err := v.Commit(batch); err != nil {
			b.Fatal(err)
		}
	}
}

// historyFolder is where history is, once it is made.
var historyFolder string

// history is a closed mobile vault with a conversation of 100 000 messages.
var history = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "vault")
	if err != nil {
		return "", err
	}
	historyFolder = folder
	v, err := Open(Config{Folder: folder, Mobile: true})
	if err != nil {
		return "", err
	}
	words := strings.Fields("the quick brown fox jumps over a lazy dog and tells nobody about the Großmutter, жук или лиса, until morning")
	b := v.NewBatch()
	for n := range 100_000 {
		var text []string
		for k := range 5 + n%30 {
			text = append(text, words[(n*7+k*k)%len(words)])
		}
		if n == 1234 {
			text = append(text, "Needle")
		}
		it := item(n, strings.Join(text, " "))
		it.Marks = []chat.Mark{{Author: chat.Author{Account: ada, Device: 1}, Delivered: it.Received, Read: it.Received}}
		if err := b.PutItem(talk, it); err != nil {
			return "", err
		}
		if b.Full() {
			if err := v.Commit(b); err != nil {
				return "", err
			}
		}
	}
	if err := v.Commit(b); err != nil {
		return "", err
	}
	return folder, v.Close()
})

func withHistory(b *testing.B) *Vault {
	b.Helper()
	folder, err := history()
	if err != nil {
		b.Fatal(err)
	}
	return open(b, Config{Folder: folder, Mobile: true})
}

func BenchmarkPage100000(b *testing.B) {
	v := withHistory(b)
	for b.Loop() {
		if page, err := v.Page(talk, chat.Place{}, 50); err != nil || len(page) != 50 {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstPage100000 opens the vault each time, and does not count that.
func BenchmarkFirstPage100000(b *testing.B) {
	_ = withHistory(b).Close()
	var took time.Duration
	for b.Loop() {
		v := withHistory(b)
		begin := time.Now()
		if page, err := v.Page(talk, chat.Place{}, 50); err != nil || len(page) != 50 {
			b.Fatal(err)
		}
		took += time.Since(begin)
		_ = v.Close()
	}
	b.ReportMetric(float64(took.Microseconds())/1000/float64(b.N), "ms/page")
}

func BenchmarkSearch100000(b *testing.B) {
	v := withHistory(b)
	for _, test := range []struct {
		text string
		want int
	}{{"needle", 1}, {"nowhere", 0}, {"ЛИСА", MaxFound}} {
		b.Run(strconv.Itoa(test.want), func(b *testing.B) {
			for b.Loop() {
				n := 0
				q := Query{Text: test.text, Me: ada, Now: start}
				err := v.Search(b.Context(), q, func(chat.ConversationID, *chat.Item) bool { n++; return true })
				if n != test.want || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func BenchmarkOpen100000(b *testing.B) {
	_ = withHistory(b).Close()
	for b.Loop() {
		_ = withHistory(b).Close()
	}
}

// BenchmarkIdle reports the memory of this process with the vault of 100 000 messages open.
func BenchmarkIdle(b *testing.B) {
	v := withHistory(b)
	put(b, v, Setting, "k", "v")
	if _, err := v.Page(talk, chat.Place{}, 50); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		runtime.GC()
	}
	b.ReportMetric(rss(b, "VmRSS:"), "MiB-rss")
	b.ReportMetric(rss(b, "RssAnon:"), "MiB-anon")
}

// rss returns a line of /proc/self/status in MiB.
func rss(b *testing.B, name string) float64 {
	b.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", "self", "status"))
	if err != nil {
		b.Skip(err)
	}
	for line := range bytes.Lines(status) {
		if f := strings.Fields(string(line)); f[0] == name {
			kib, _ := strconv.ParseFloat(f[1], 64)
			return kib / 1024
		}
	}
	return 0
}
