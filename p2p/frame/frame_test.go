package frame

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// given returns a Stream that reads these bytes, after which the other side closes.
func given(t testing.TB, in []byte, limit int) *Stream {
	t.Helper()
	here, there := net.Pipe()
	go func() {
		_, _ = there.Write(in)
		_ = there.Close()
	}()
	t.Cleanup(func() { _ = here.Close() })
	return New(here, limit, time.Minute)
}

// TestGolden pins the bytes of frames around each border.
func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		size   int
		prefix string
	}{{0, "00"}, {1, "01"}, {127, "7f"}, {128, "8001"}, {16383, "ff7f"}, {16384, "808001"}, {Max, "80c004"}} {
		here, there := net.Pipe()
		body := bytes.Repeat([]byte{0xab}, tt.size)
		go func() {
			if err := New(here, Max, time.Minute).Write(body); err != nil {
				t.Error(err)
			}
			_ = here.Close()
		}()
		got, err := io.ReadAll(there)
		want, _ := hex.DecodeString(tt.prefix)
		if err != nil || !bytes.Equal(got, append(want, body...)) {
			t.Errorf("%d bytes: frame begins %x, want %s (%v)", tt.size, got[:min(len(got), 4)], tt.prefix, err)
		}
		if again, err := given(t, got, Max).Read(); err != nil || !bytes.Equal(again, body) {
			t.Errorf("%d bytes: read as %d bytes, %v", tt.size, len(again), err)
		}
	}
}

// TestRefused has one fault per row.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   string
		want error
	}{
		{"nothing", "", io.EOF},
		{"length cut", "80", ErrMalformed},
		{"body cut", "05abab", ErrMalformed},
		{"no body", "05", ErrMalformed},
		{"length of two bytes where one does", "8500", ErrMalformed},
		{"length of three bytes where one does", "858000", ErrMalformed},
		{"a byte too much", "65" + strings.Repeat("ab", 101), ErrTooLarge},
		{"length of three bytes", "808001", ErrTooLarge},
		{"length of four bytes", "80808001", ErrTooLarge},
		{"length of ten bytes", "ffffffffffffffffff01", ErrTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, err := hex.DecodeString(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := given(t, in, 100).Read(); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	here, there := net.Pipe()
	s := New(here, 100, time.Minute)
	if err := s.Write(make([]byte, 101)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Write: got %v, want %v", err, ErrTooLarge)
	}
	go func() { _ = s.Write([]byte("after")) }()
	if got, err := New(there, 100, time.Minute).Read(); err != nil || string(got) != "after" {
		t.Errorf("after a refused frame: got %q, %v", got, err)
	}
}

// TestPatience holds that no peer keeps a reader or writer for longer than patience, whatever it does.
func TestPatience(t *testing.T) {
	for _, tt := range []struct {
		name string
		peer func(c net.Conn)
		call func(s *Stream) error
	}{
		{"silence", func(net.Conn) {}, func(s *Stream) error { _, err := s.Read(); return err }},
		{"a byte now and then", func(c net.Conn) {
			for b := []byte{100}; ; b[0] = 1 {
				if _, err := c.Write(b); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, func(s *Stream) error { _, err := s.Read(); return err }},
		{"a first byte after an hour, and no more", func(c net.Conn) {
			time.Sleep(time.Hour)
			_, _ = c.Write([]byte{100})
		}, func(s *Stream) error { _, err := s.ReadWithin(0); return err }},
		{"does not read", func(net.Conn) {}, func(s *Stream) error { return s.Write([]byte("x")) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				var peer sync.WaitGroup
				peer.Go(func() { tt.peer(there) })
				start := time.Now()
				err := tt.call(New(here, 1000, 30*time.Second))
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("got %v, want %v", err, os.ErrDeadlineExceeded)
				}
				took := time.Since(start)
				if took != 30*time.Second && took != time.Hour+30*time.Second {
					t.Errorf("it took %v", took)
				}
				_ = here.Close()
				_ = there.Close()
				peer.Wait()
			})
		})
	}
}

// TestReadWithinWaits holds that a peer may be silent for long where that is agreed.
func TestReadWithinWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		var peer sync.WaitGroup
		peer.Go(func() {
			time.Sleep(24 * time.Hour)
			_ = New(there, 100, time.Second).Write([]byte("good morning"))
		})
		defer peer.Wait()
		if got, err := New(here, 100, time.Second).ReadWithin(0); err != nil || string(got) != "good morning" {
			t.Errorf("got %q, %v", got, err)
		}
		_ = here.Close()
	})
}

// TestCloseWakes holds that Close ends a Read that waits.
func TestCloseWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		s := New(here, 100, time.Hour)
		done := make(chan error)
		go func() {
			_, err := s.ReadWithin(0)
			done <- err
		}()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err == nil {
			t.Error("the read succeeds")
		}
		_ = there.Close()
	})
}

// TestMemoryComesWithTheBody holds that a thousand peers that announce the largest frame cost nothing near to it.
func TestMemoryComesWithTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const peers = 1000
		conns := make([]net.Conn, 0, 2*peers)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var all sync.WaitGroup
		for range peers {
			here, there := net.Pipe()
			conns = append(conns, here, there)
			all.Go(func() { _, _ = New(here, Max, time.Hour).Read() })
			all.Go(func() { _, _ = there.Write([]byte{0x80, 0xc0, 0x04, 1, 2, 3}) })
		}
		synctest.Wait()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / peers; each > Max/4 {
			t.Errorf("each peer that announced %d bytes and sent 3 takes %d", Max, each)
		}
		for _, c := range conns {
			_ = c.Close()
		}
		all.Wait()
	})
}

func TestNewPanics(t *testing.T) {
	for _, f := range []func(){
		func() { New(nil, 0, time.Second) },
		func() { New(nil, Max+1, time.Second) },
		func() { New(nil, 1, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		}()
	}
}

// TestRoundTrip sends random bodies, in random pieces.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bodies := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 1, 20).Draw(t, "bodies")
		var wire bytes.Buffer
		for _, b := range bodies {
			here, there := net.Pipe()
			go func() {
				_ = New(here, 300, time.Minute).Write(b)
				_ = here.Close()
			}()
			_, _ = io.Copy(&wire, there)
		}
		here, there := net.Pipe()
		pieces := rapid.IntRange(1, 64).Draw(t, "pieces")
		go func() {
			for b := wire.Bytes(); len(b) > 0; {
				n, _ := there.Write(b[:min(pieces, len(b))])
				b = b[n:]
			}
			_ = there.Close()
		}()
		s := New(here, 300, time.Minute)
		for i, want := range bodies {
			if got, err := s.Read(); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("frame %d: got %x, %v, want %x", i, got, err, want)
			}
		}
		if _, err := s.Read(); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end: %v", err)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{3, 1, 2, 3, 0, 1, 9})
	f.Add([]byte{0x80, 0x01})
	f.Fuzz(func(t *testing.T, in []byte) {
		s := given(t, in, 200)
		for rest := in; ; {
			body, err := s.Read()
			if err != nil {
				return
			}
			if want := append([]byte{}, body...); len(body) > 200 || !bytes.Contains(rest, want) {
				t.Fatalf("%x is read from %x", body, rest)
			}
		}
	})
}

func BenchmarkRoundTrip1KiB(b *testing.B) {
	here, there := net.Pipe()
	out, in := New(here, Max, time.Minute), New(there, Max, time.Minute)
	body := make([]byte, 1024)
	go func() {
		for {
			if err := out.Write(body); err != nil {
				return
			}
		}
	}()
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		if _, err := in.Read(); err != nil {
			b.Fatal(err)
		}
	}
	_ = here.Close()
}

// BenchmarkRoundTrip1KiBFloor is the same connection without frames.
func BenchmarkRoundTrip1KiBFloor(b *testing.B) {
	here, there := net.Pipe()
	body, buf := make([]byte, 1024), make([]byte, 1024)
	go func() {
		for {
			if _, err := here.Write(body); err != nil {
				return
			}
		}
	}()
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		if _, err := io.ReadFull(there, buf); err != nil {
			b.Fatal(err)
		}
	}
	_ = here.Close()
}

// counted is a connection that gives what it holds at once, and counts how often it is given a deadline.
type counted struct {
	net.Conn
	in        *bytes.Reader
	deadlines int
}

func (c *counted) Read(b []byte) (int, error) { return c.in.Read(b) }

func (c *counted) SetReadDeadline(time.Time) error {
	c.deadlines++
	return nil
}

// TestReadAhead holds that what came together costs one deadline, or two, and each body no more memory than it needs.
func TestReadAhead(t *testing.T) {
	const frames = 30
	body := bytes.Repeat([]byte{7}, 100)
	wire := bytes.Repeat(append([]byte{100}, body...), frames)
	c := &counted{in: bytes.NewReader(wire)}
	s := New(c, Max, time.Minute)
	for range frames {
		if got, err := s.ReadWithin(0); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("got %x, %v", got, err)
		}
	}
	if c.deadlines > 2 {
		t.Errorf("%d frames that came together took %d deadlines", frames, c.deadlines)
	}
	each := testing.AllocsPerRun(100, func() {
		if s.in.Buffered() == 0 {
			c.in.Reset(wire)
		}
		if _, err := s.ReadWithin(0); err != nil {
			t.Fatal(err)
		}
	})
	if each > 1 {
		t.Errorf("a frame takes %v allocations, of which one is its body", each)
	}
}
