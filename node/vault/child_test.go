package vault

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// child commits batches with the numbers that follow what is there, and says each once it is durable. Of each, it keeps a
// record that stays and one that is replaced, small ones and large ones.
func child(folder string) {
	v, err := Open(Config{Folder: folder, Mobile: true})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("open", v.Lost(), v.Stats().Damaged)
	value := make([]byte, 3000)
	for n := v.Stats().Commits + 1; ; n++ {
		b := v.NewBatch()
		b8 := binary.BigEndian.AppendUint64(nil, n)
		_ = b.Put(Dedupe, b8, value[:n%uint64(len(value))])
		_ = b.Put(Session, []byte("session"), append(b8, value[:(7*n)%uint64(len(value))]...))
		_ = b.PutItem(talk, item(int(n), fmt.Sprint("message ", n)))
		if err := v.Commit(b); err != nil {
			fmt.Println("error", err)
			return
		}
		fmt.Println("commit", n)
	}
}

// TestKill kills a process at random moments: all that it was told is durable is there afterwards, and of the one commit
// that it was not told of, all or nothing.
func TestKill(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	folder := filepath.Join(t.TempDir(), "vault")
	acked := uint64(0)
	for range rounds {
		acked = max(acked, kill(t, folder))
		v := open(t, Config{Folder: folder, Mobile: true})
		n := v.Stats().Commits
		if v.Lost() != 0 || n < acked || n > acked+1 || v.Stats().Damaged != 0 {
			t.Fatalf("acked %d, found %d, lost %d, damaged %v", acked, n, v.Lost(), v.Damaged())
		}
		next := uint64(1)
		err := v.Each(Dedupe, nil, func(key, value []byte) error {
			if got := binary.BigEndian.Uint64(key); got != next || uint64(len(value)) != got%3000 {
				return fmt.Errorf("commit %d is missing", next)
			}
			next++
			return nil
		})
		if err != nil || next != n+1 {
			t.Fatalf("of %d commits, %d are there: %v", n, next-1, err)
		}
		if n == 0 {
			_ = v.Close()
			continue
		}
		if s, err := v.Get(Session, []byte("session")); err != nil || binary.BigEndian.Uint64(s) != n {
			t.Fatal("session: ", err)
		}
		if _, err := v.Item(talk, ref(int(n))); err != nil {
			t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		acked = n
	}
	t.Logf("%d commits, %d kills", acked, rounds)
}

// kill runs a child for a while and returns the last commit that it said.
func kill(t *testing.T, folder string) (acked uint64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "LINNET_VAULT_CHILD="+folder)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var timer *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var n, lost, damaged uint64
		switch line := lines.Text(); {
		case scan(line, "commit %d", &n):
			acked = n
		case scan(line, "open %d %d", &lost, &damaged):
			if lost+damaged > 0 {
				t.Error(line)
			}
			timer = time.AfterFunc(time.Duration(rand.IntN(300))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		default:
			t.Error(line)
		}
	}
	_ = cmd.Wait()
	if timer != nil {
		timer.Stop()
	}
	return acked
}

func scan(line, format string, args ...any) bool {
	n, err := fmt.Sscanf(line, format, args...)
	return err == nil && n == len(args)
}
