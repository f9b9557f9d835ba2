package p2ptest

import (
	"crypto/sha256"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/linnetmesh/linnet/crypto/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const proto = "/linnet/test/1"

func keyOf(t testing.TB, name string) identity.TransportPrivateKey {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	key, err := identity.ParseTransportPrivateKey(sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newNet returns a network for a bubble, and closes it at the end. Bubbles begin in 2000, which package identity takes
// for a wrong clock: it sleeps until 2027.
func newNet(t *testing.T, seed uint64) *Net {
	t.Helper()
	time.Sleep(time.Until(time.Date(2027, 1, 15, 8, 0, 0, 0, time.UTC)))
	n := New(seed)
	t.Cleanup(func() {
		n.Close()
		synctest.Wait()
		if got := n.Conns(); got != 0 {
			t.Errorf("%d connections are still open", got)
		}
	})
	return n
}

// pair returns the two ends of a connection between hosts; the accepted end is the test's own.
func pair(t testing.TB, from, to *Host) (dialled, accepted net.Conn) {
	t.Helper()
	got := make(chan net.Conn, 1)
	to.Lane(proto).Handle(func(_ identity.TransportKey, c net.Conn) { got <- c })
	dialled, err := from.Lane(proto).Dial(t.Context(), to.Key(), to.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	return dialled, <-got
}

// echoes serves a lane by sending back what comes.
func echoes(h *Host) {
	h.Lane(proto).Handle(func(_ identity.TransportKey, c net.Conn) {
		defer func() { _ = c.Close() }()
		p := make([]byte, frameSize)
		for {
			k, err := c.Read(p)
			if err == nil {
				_, err = c.Write(p[:k])
			}
			if err != nil {
				return
			}
		}
	})
}
