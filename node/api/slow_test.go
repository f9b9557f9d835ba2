package api

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are in memory, without buffers: who does not read holds up who writes.
type pipes struct {
	come chan net.Conn
	once sync.Once
	end  chan struct{}
}

func newPipes() *pipes { return &pipes{come: make(chan net.Conn), end: make(chan struct{})} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.come <- there
	return here
}

// Accept is a net.Listener's.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.come:
		return c, nil
	case <-p.end:
		return nil, net.ErrClosed
	}
}

// Close is a net.Listener's.
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.end) })
	return nil
}

// Addr is a net.Listener's.
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// Listeners that do not read cost no more memory, however much happens, and are cut off; others get all of it meanwhile.
func TestSlowListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(&house{}, &tokens{}, nil)
		l := newPipes()
		web := &http.Server{Handler: s.Socket(), ReadHeaderTimeout: time.Minute}
		ended := make(chan error, 1)
		go func() { ended <- web.Serve(l) }()
		watch := func() (net.Conn, *bufio.Reader) {
			c := l.dial()
			if _, err := io.WriteString(c, "GET "+WatchPath+" HTTP/1.1\r\nHost: linnet\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(c)
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(line, ":") { // it listens
					return c, r
				}
			}
		}
		const slow = 100
		var conns []net.Conn
		for range slow {
			c, _ := watch()
			conns = append(conns, c)
		}
		quick, lines := watch()
		const events = 5000
		got := make(chan int, 1)
		go func() {
			n := 0
			for in := bufio.NewScanner(lines); n < events && in.Scan(); {
				if strings.HasPrefix(in.Text(), "data: ") {
					n++
				}
			}
			got <- n
			_, _ = io.Copy(io.Discard, lines)
		}()
		heap := func() int64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		before, most := heap(), int64(0)
		text := strings.Repeat("x", 4<<10)
		for i := range events {
			s.ring.add(Event{Type: "typing", Name: text})
			if synctest.Wait(); i%1000 == 999 { // the quick one has it
				most = max(most, heap())
			}
		}
		if n := <-got; n != events {
			t.Errorf("who reads got %d events", n)
		}
		const ring = ringSize * (4<<10 + 512)
		if grew := most - before; grew > ring+slow*(64<<10) { // 5 000 events for 100 listeners are 2 GB
			t.Errorf("memory grew by %d KiB", grew>>10)
		} else {
			t.Logf("%d events of 4 KiB, %d listeners that do not read: memory grew by %d KiB", events, slow, grew>>10)
		}
		if n := len(s.slots); n != slow+1 {
			t.Errorf("%d listen", n)
		}
		time.Sleep(writePatience + time.Second)
		synctest.Wait()
		if n := len(s.slots); n != 1 {
			t.Errorf("%d listen after %v", n, writePatience)
		}
		for _, c := range append(conns, quick) {
			_ = c.Close()
		}
		_ = web.Close()
		<-ended
	})
}
