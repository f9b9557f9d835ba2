package p2ptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/identity"
)

func TestRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 1)
		ada, bob := n.Host(identity.TransportPrivateKey{}), n.Host(identity.TransportPrivateKey{})
		a, b := pair(t, ada, bob)
		if a.LocalAddr().String() != ada.Addrs()[0] || a.RemoteAddr() != b.LocalAddr() || b.RemoteAddr().Network() != "mem" {
			t.Errorf("addresses: %v, %v", a.LocalAddr(), a.RemoteAddr())
		}
		_, _ = a.Write([]byte("question"))
		_ = a.Close()
		if _, err := a.Write(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
		if _, err := a.Read(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
		if err := a.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("deadline after close: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
		if got, err := io.ReadAll(b); err != nil || string(got) != "question" {
			t.Errorf("got %q, %v", got, err)
		}
		if _, err := b.Write([]byte("answer")); !errors.Is(err, ErrReset) {
			t.Errorf("write to who closed: %v", err)
		}
		_ = b.Close()
	})
}

func TestDeadlines(t *testing.T) {
	full := make([]byte, Window)
	for _, tt := range []struct {
		name string
		set  func(net.Conn, time.Time) error
		call func(net.Conn) error
		want bool
	}{
		{"read", net.Conn.SetReadDeadline, func(c net.Conn) error { _, err := c.Read(make([]byte, 1)); return err }, true},
		{"read, both", net.Conn.SetDeadline, func(c net.Conn) error { _, err := c.Read(make([]byte, 1)); return err }, true},
		{"write", net.Conn.SetWriteDeadline, func(c net.Conn) error { _, err := c.Write(append(full, 1)); return err }, true},
		{"write, both", net.Conn.SetDeadline, func(c net.Conn) error { _, err := c.Write(append(full, 1)); return err }, true},
		{"write that fits", net.Conn.SetDeadline, func(c net.Conn) error { _, err := c.Write(full); return err }, false},
		{"write, of read", net.Conn.SetReadDeadline, func(c net.Conn) error { _, err := c.Write(full); return err }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNet(t, 1)
				a, _ := pair(t, n.Host(identity.TransportPrivateKey{}), n.Host(identity.TransportPrivateKey{}))
				start := time.Now()
				_ = tt.set(a, start.Add(30*time.Second))
				err := tt.call(a)
				if errors.Is(err, os.ErrDeadlineExceeded) != tt.want {
					t.Errorf("got %v", err)
				}
				if took := time.Since(start); tt.want && took != 30*time.Second {
					t.Errorf("it took %v", took)
				}
				if !tt.want {
					return
				}
				if err := tt.call(a); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 30*time.Second {
					t.Errorf("after it: %v", err)
				}
			})
		})
	}
}

// TestDeadlineMoves holds that a deadline that is set later counts for who waits already, to both sides, and that a late
// alarm of an old one does no harm.
func TestDeadlineMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 1)
		a, b := pair(t, n.Host(identity.TransportPrivateKey{}), n.Host(identity.TransportPrivateKey{}))
		start := time.Now()
		read := func() (time.Duration, error) {
			_, err := a.Read(make([]byte, 8))
			return time.Since(start), err
		}
		_ = a.SetReadDeadline(start.Add(10 * time.Second))
		time.AfterFunc(5*time.Second, func() { _ = a.SetReadDeadline(start.Add(20 * time.Second)) })
		if at, err := read(); at != 20*time.Second || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("put off: after %v, %v", at, err)
		}
		_ = a.SetReadDeadline(start.Add(time.Hour))
		time.AfterFunc(5*time.Second, func() { _ = a.SetReadDeadline(start.Add(30 * time.Second)) })
		if at, err := read(); at != 30*time.Second || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("brought forward: after %v, %v", at, err)
		}
		_ = a.SetReadDeadline(time.Time{})
		time.AfterFunc(24*time.Hour, func() { _, _ = b.Write([]byte("x")) })
		if at, err := read(); at != 24*time.Hour+30*time.Second || err != nil {
			t.Errorf("none: after %v, %v", at, err)
		}
	})
}

func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 1)
		a, b := pair(t, n.Host(identity.TransportPrivateKey{}), n.Host(identity.TransportPrivateKey{}))
		wrote := make(chan struct{})
		go func() {
			for range 2 * Window / 1024 {
				if _, err := a.Write(make([]byte, 1024)); err != nil {
					t.Error(err)
				}
			}
			close(wrote)
		}()
		synctest.Wait()
		if got := a.(*Conn).link.halves[0].sent; got != Window {
			t.Errorf("%d bytes went before anybody read", got)
		}
		_, _ = io.ReadFull(b, make([]byte, Window))
		synctest.Wait()
		<-wrote
		// One large write is one too, and its rest fails when the reader goes.
		errs := make(chan error)
		go func() {
			k, err := a.Write(make([]byte, 2*Window))
			if k != Window {
				t.Errorf("wrote %d", k)
			}
			errs <- err
		}()
		_, _ = io.ReadFull(b, make([]byte, Window))
		synctest.Wait()
		_ = b.Close()
		if err := <-errs; !errors.Is(err, ErrReset) {
			t.Errorf("got %v", err)
		}
		_ = a.Close()
	})
}

// TestWritesStayWhole holds that writes of several goroutines do not mix, although none fits the window.
func TestWritesStayWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 1)
		a, b := pair(t, n.Host(identity.TransportPrivateKey{}), n.Host(identity.TransportPrivateKey{}))
		const size = Window + 1000
		var all sync.WaitGroup
		for i := range byte(8) {
			all.Go(func() { _, _ = a.Write(bytes.Repeat([]byte{i}, size)) })
		}
		for range 8 {
			got := make([]byte, size)
			if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, bytes.Repeat(got[:1], size)) {
				t.Fatalf("mixed, %v", err)
			}
		}
		all.Wait()
		_, _ = a.Close(), b.Close()
	})
}

// TestCrashInWrite: the host that writes, the one that reads, and a move.
func TestCrashInWrite(t *testing.T) {
	for name, crash := range map[string]func(ada, bob *Host){
		"writer": func(ada, _ *Host) { ada.Close() },
		"reader": func(_, bob *Host) { bob.Close() },
		"moved":  func(_, bob *Host) { bob.Move() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNet(t, 1)
				ada, bob := n.Host(identity.TransportPrivateKey{}), n.Host(identity.TransportPrivateKey{})
				a, b := pair(t, ada, bob)
				errs := make(chan error, 1)
				go func() {
					_, err := a.Write(make([]byte, Window+1))
					errs <- err
				}()
				synctest.Wait()
				crash(ada, bob)
				if err := <-errs; !errors.Is(err, ErrReset) {
					t.Errorf("write: got %v", err)
				}
				if k, err := b.Read(make([]byte, 1)); k != 0 || !errors.Is(err, ErrReset) {
					t.Errorf("read: got %d, %v", k, err)
				}
				if n.Conns() != 0 {
					t.Error("connection left")
				}
			})
		})
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, 1)
		n.SetFaults(Faults{Latency: 100 * time.Millisecond})
		start := time.Now()
		a, b := pair(t, n.Host(identity.TransportPrivateKey{}), n.Host(identity.TransportPrivateKey{}))
		if took := time.Since(start); took != 200*time.Millisecond {
			t.Errorf("a dial took %v", took)
		}
		start = time.Now()
		_, _ = a.Write([]byte("12"))
		time.Sleep(10 * time.Millisecond)
		_, _ = a.Write([]byte("34"))
		_ = a.Close()
		if k, err := b.Write([]byte("early enough")); k != 12 || err != nil {
			t.Errorf("before the close came: %v", err)
		}
		buf := make([]byte, 8)
		k, err := b.Read(buf)
		if took := time.Since(start); k != 2 || err != nil || took != 100*time.Millisecond {
			t.Errorf("first: %d, %v after %v", k, err, took)
		}
		k, err = b.Read(buf)
		if took := time.Since(start); k != 2 || err != nil || took != 110*time.Millisecond {
			t.Errorf("second: %d, %v after %v", k, err, took)
		}
		if _, err = b.Read(buf); !errors.Is(err, io.EOF) || time.Since(start) != 110*time.Millisecond {
			t.Errorf("end: %v after %v", err, time.Since(start))
		}
		if _, err := b.Write([]byte("late")); !errors.Is(err, ErrReset) {
			t.Errorf("after the close came: %v", err)
		}
		_ = b.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		to := b.(*Conn).link.to
		if _, err := to.Lane(proto).Dial(ctx, to.Key(), to.Addrs()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a dial without the time for it: %v", err)
		}
	})
}

// TestBytes is the model: without cuts all bytes arrive in order, and with them a prefix.
func TestBytes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		seed := rapid.Uint64().Draw(r, "seed")
		f := Faults{Cut: rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(r, "cut")}
		if rapid.Bool().Draw(r, "slow") {
			f.Latency, f.Jitter = 50*time.Millisecond, 200*time.Millisecond
		}
		sizes := rapid.SliceOfN(rapid.IntRange(0, 100_000), 0, 12).Draw(r, "writes")
		piece := rapid.IntRange(1, 50_000).Draw(r, "read")
		var wrong error
		synctest.Test(t, func(t *testing.T) { wrong = carry(t, seed, f, sizes, piece) })
		if wrong != nil {
			r.Fatal(wrong)
		}
	})
}

// carry writes pieces of these sizes at one end, reads others at the other end, and tells what is wrong.
func carry(t *testing.T, seed uint64, f Faults, sizes []int, piece int) error {
	t.Helper()
	n := New(seed)
	n.SetFaults(f)
	a, b := pair(t, n.Host(keyOf(t, "Ada")), n.Host(keyOf(t, "Bob")))
	var sent, got []byte
	accepted, done := 0, make(chan error)
	go func() {
		var failed error
		for i, size := range sizes {
			p := bytes.Repeat([]byte{byte(i + 1)}, size)
			sent = append(sent, p...)
			k, err := a.Write(p)
			accepted += k
			if failed = err; err != nil {
				break
			}
		}
		_ = a.Close()
		done <- failed
	}()
	var err error
	for p := make([]byte, piece); err == nil; {
		var k int
		k, err = b.Read(p)
		got = append(got, p[:k]...)
	}
	failed := <-done
	_ = b.Close()
	n.Close()
	switch {
	case !bytes.HasPrefix(sent, got) || len(got) > accepted:
		return fmt.Errorf("got %d of %d bytes, not a prefix", len(got), accepted)
	case errors.Is(err, io.EOF) && (failed != nil || len(got) != len(sent)):
		return fmt.Errorf("end after %d of %d, written: %w", len(got), len(sent), failed)
	case !errors.Is(err, io.EOF) && (!errors.Is(err, ErrReset) || f.Cut == 0):
		return fmt.Errorf("read: %w", err)
	case failed != nil && (!errors.Is(failed, ErrReset) || f.Cut == 0):
		return fmt.Errorf("write: %w", failed)
	case n.Conns() != 0:
		return errors.New("connection left")
	}
	return nil
}
