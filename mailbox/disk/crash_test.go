package disk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/mailbox"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv("LINNET_DISK_CHILD"); folder != "" {
		child(folder)
		os.Exit(1)
	}
	if os.Getenv(attackers) != "" {
		if err := attack(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child puts posts into eight boxes, four at a time, and says each group once it is durable.
func child(folder string) {
	s, err := Open(Config{Folder: folder, MinFree: 1, Small: true})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	ctx, n := context.Background(), uint64(0)
	for i := range 8 {
		b, _, err := s.SetBox(ctx, mailbox.Box{ID: boxID(i), Kind: mailbox.Mail})
		if err != nil {
			fmt.Println("error", err)
			return
		}
		n = max(n, b.Seq)
	}
	fmt.Println("open")
	for n++; ; n++ {
		var all []mailbox.Deposit
		for i := range 8 {
			all = append(all, deposit(i, n*8+uint64(i), 1000))
		}
		for _, k := range s.Put(ctx, all) {
			if k.Err != nil || k.Seq != n {
				fmt.Println("error", k.Err, k.Seq, n)
				return
			}
		}
		fmt.Println("put", n)
	}
}

// rounds returns how often a test does what it does: n times, or as often as an environment variable says.
func rounds(t *testing.T, variable string, n int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return n
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKill kills a process in the middle of writes: what it said is durable is there. LINNET_DISK_KILLS says how often.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := rounds(t, "LINNET_DISK_KILLS", 4)
	folder, acked := t.TempDir(), uint64(0)
	for range rounds {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "LINNET_DISK_CHILD="+folder)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var n uint64
			if line := lines.Text(); line == "open" {
				time.AfterFunc(time.Duration(50+rand.IntN(300))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			} else if _, err := fmt.Sscanf(line, "put %d", &n); err == nil {
				acked = n
			} else {
				t.Error(line)
			}
		}
		_ = cmd.Wait()
		s, err := Open(Config{Folder: folder, MinFree: 1, Small: true})
		if err != nil {
			t.Fatal(err)
		}
		n, lost := readable(t, s, 8)
		if uint64(n) < 8*acked || n > 8*int(acked+1) || n%8 != 0 || lost > 0 || len(s.Damaged()) > 0 {
			t.Fatalf("%d posts of %d, %d lost, damaged %v", n, 8*acked, lost, s.Damaged())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d posts, %d kills", 8*acked, rounds)
}

// TestFull fills a disk, as far as the store knows: writes are refused, acks are not, and it goes on when there is room.
func TestFull(t *testing.T) {
	s := open(t, t.TempDir())
	makeBox(t, s, 0)
	put(t, s, 0, 0, 3)
	room := uint64(1 << 40)
	s.guard.mutex.Lock()
	s.guard.free = func(string) (free, total uint64, err error) { return room, 1 << 41, nil }
	room = s.guard.floor + s.guard.tables + s.guard.size/4
	s.guard.mutex.Unlock()
	k := s.Put(t.Context(), []mailbox.Deposit{deposit(0, 1, 1), deposit(0, 7, 1)})
	if !k[0].Old || !errors.Is(k[1].Err, mailbox.ErrDiskFull) {
		t.Errorf("%+v", k)
	}
	if !s.Stats().Full {
		t.Error("it does not say that it is full")
	}
	if items, err := s.Ack(t.Context(), boxID(0), []mailbox.Name{k[0].Name}); err != nil || len(items) != 1 {
		t.Error(items, err)
	}
	s.guard.mutex.Lock()
	room = 1 << 40
	s.guard.mutex.Unlock()
	put(t, s, 0, 7, 8)
	if st := s.Stats(); st.Full || st.Posts != 3 {
		t.Errorf("%+v", st)
	}
}

// TestRoomComesBack acks and expires many posts, and the disk gets their room back.
func TestRoomComesBack(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	const n = 2500 // and 8 KiB each: two deletions a post are worth a flush, and 20 MiB are more than one log
	makeBox(t, s, 0)
	for from := range n / 100 {
		all := make([]mailbox.Deposit, 100)
		for i := range all {
			b := bytes.Repeat(bytesOf(uint64(100*from+i)), 16)
			all[i] = mailbox.Deposit{Box: boxID(0), Name: mailbox.NameOf(b), Bytes: b, Until: 1000}
		}
		for _, k := range s.Put(t.Context(), all) {
			if k.Err != nil {
				t.Fatal(k.Err)
			}
		}
	}
	before := s.badger.size()
	if err := s.Expire(t.Context(), 1000, func(mailbox.BoxID, []mailbox.Item) {}); err != nil {
		t.Fatal(err)
	}
	s.background.Wait()
	for range 2 {
		if err := s.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if after := s.badger.size(); after > before/2 || s.Stats().Posts != 0 {
		t.Errorf("%d MiB became %d, %d posts", before>>20, after>>20, s.Stats().Posts)
	} else {
		t.Logf("%d MiB became %d", before>>20, after>>20)
	}
}

// BenchmarkPut puts groups of 256 posts of 1 KiB into 1,000 boxes, against Badger alone with the same groups.
func BenchmarkPut(b *testing.B) {
	s, err := Open(Config{Folder: b.TempDir(), MinFree: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := range 1000 {
		makeBox(b, s, i)
	}
	post := make([]byte, 1<<10)
	var floor, ours time.Duration
	n := uint64(0)
	for b.Loop() {
		all, bare := make([]mailbox.Deposit, 256), make(map[string][]byte)
		for i := range all {
			n++
			name := mailbox.NameOf(binary.BigEndian.AppendUint64(nil, n))
			all[i] = mailbox.Deposit{Box: boxID(int(n % 1000)), Name: name, Bytes: post, Until: 1 << 30}
			bare[string(at(filler, name[:]))] = append(make([]byte, 0, len(post)), post...)
		}
		start := time.Now()
		if err := s.badger.commit(bare); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		for _, k := range s.Put(context.Background(), all) {
			if k.Err != nil {
				b.Fatal(k.Err)
			}
		}
		floor, ours = floor+middle.Sub(start), ours+time.Since(middle)
	}
	b.ReportMetric(float64(n)/ours.Seconds(), "puts/s")
	b.ReportMetric(float64(n)/floor.Seconds(), "badger-puts/s")
	b.ReportMetric(100*floor.Seconds()/ours.Seconds(), "%-of-badger")
	start, read := time.Now(), 0
	for i := range 1000 {
		all, err := s.Fetch(context.Background(), boxID(i), 0, 1000, 1<<30)
		if err != nil {
			b.Fatal(err)
		}
		read += len(all)
	}
	b.ReportMetric(float64(read)/time.Since(start).Seconds(), "fetches/s")
}
