package nodetest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/frame"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// besieged is a world of two friends and a host that means them ill.
type besieged struct {
	t        *testing.T
	w        *World
	ada, ben *Person
	eve      *p2ptest.Host
}

// siege runs an attack in a world of its own. Afterwards the friends still talk, and nothing is left over.
func siege(t *testing.T, attack func(*besieged)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &besieged{t: t, w: New(1, 4)}
		var err error
		if b.ada, err = b.w.Add(t.Context(), "Ada"); err != nil {
			t.Fatal(err)
		}
		if b.ben, err = b.w.Add(t.Context(), "Ben"); err != nil {
			t.Fatal(err)
		}
		if err := b.w.Befriend(t.Context(), b.ada, b.ben); err != nil {
			t.Fatal(err)
		}
		b.eve = b.w.Net.NewHost()
		b.w.Join(t.Context(), b.eve)
		time.Sleep(5 * time.Minute)
		attack(b)
		b.talk()
		time.Sleep(10 * time.Minute)
		if g := b.goroutines(); g > 200 {
			t.Errorf("%d goroutines run", g)
		}
		if c := b.w.Net.Conns(); c > 0 {
			t.Errorf("%d connections are open", c)
		}
		if err := b.w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// talk shows that the friends still talk.
func (b *besieged) talk() {
	b.t.Helper()
	text := time.Now().String()
	ref, err := b.ben.Node.Send(b.t.Context(), b.ada.Node.Account(), text, node.Ref{})
	if err != nil {
		b.t.Fatal(err)
	}
	began := time.Now()
	if err := b.w.Until(b.t.Context(), func() bool {
		m, err := b.ben.Node.Message(b.ada.Node.Account(), ref)
		return err == nil && m.State() == chat.Delivered || time.Since(began) > time.Hour
	}); err != nil {
		b.t.Fatal(err)
	}
	if m, err := b.ada.Node.Message(b.ben.Node.Account(), ref); err != nil || m.Text != text {
		b.t.Errorf("Ada does not have %q: %v, %v", text, m.Text, err)
	}
}

// goroutines counts those of this bubble: others run beside it.
func (b *besieged) goroutines() (count int) {
	b.t.Helper()
	self := bubble(string(stack(false)))
	if self == "" {
		b.t.Fatal("no bubble")
	}
	for g := range strings.SplitSeq(string(stack(true)), "\n\n") {
		if bubble(g) == self {
			count++
		}
	}
	return count
}

// stack returns the stack of this goroutine, or those of all.
func stack(all bool) []byte {
	b := make([]byte, 8<<20)
	return b[:runtime.Stack(b, all)]
}

// bubble returns what names the bubble of a goroutine in the first line of its stack.
func bubble(stack string) string {
	line, _, _ := strings.Cut(stack, "\n")
	_, name, found := strings.Cut(line, "synctest bubble ")
	if !found {
		return ""
	}
	name, _, _ = strings.Cut(name, "]")
	return strings.Trim(name, ",: ")
}

func (b *besieged) dial(lane string) net.Conn {
	b.t.Helper()
	conn, err := b.eve.Lane(lane).Dial(b.t.Context(), b.ada.Host.Key(), b.ada.Host.Addrs())
	if err != nil {
		b.t.Fatal(err)
	}
	return conn
}

// closedWithin checks that the node closes a connection in this time.
func (b *besieged) closedWithin(conn net.Conn, d time.Duration) {
	b.t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(d))
	if _, err := io.Copy(io.Discard, conn); err != nil {
		b.t.Errorf("after %v the connection is not closed: %v", d, err)
	}
	_ = conn.Close()
}

func TestHostileFrames(t *testing.T) {
	t.Parallel()
	frames := map[string][]byte{
		"nothing":          {},
		"half a length":    {0x80},
		"a long length":    {0x80, 0x80, 0x80, 0x80, 0x01},
		"too large":        binary.AppendUvarint(nil, 1<<20),
		"a byte too large": binary.AppendUvarint(nil, envelope.MaxSize+1),
		"an empty frame":   {0},
		"half a frame":     append(binary.AppendUvarint(nil, 512), 1, 2, 3),
		"no form":          append(binary.AppendUvarint(nil, 512), make([]byte, 512)...),
		"a form to come":   append(binary.AppendUvarint(nil, 512), append([]byte{9}, make([]byte, 511)...)...),
	}
	siege(t, func(s *besieged) {
		for name, b := range frames {
			for _, lane := range []string{DeliverLane, BundleLane} {
				for _, half := range []bool{false, true} {
					conn := s.dial(lane)
					if _, err := conn.Write(b); err != nil {
						s.t.Errorf("%s on %s: %v", name, lane, err)
					}
					if half {
						_ = conn.Close()
						continue
					}
					s.closedWithin(conn, 5*time.Minute)
				}
			}
		}
	})
}

// TestHostileNoise sends what looks like envelopes: each is answered, and none changes anything.
func TestHostileNoise(t *testing.T) {
	t.Parallel()
	siege(t, func(s *besieged) {
		t := s.t
		r := rand.New(rand.NewPCG(1, 1))
		var noise [][]byte
		answers := 0
		for i := range 2000 {
			b := make([]byte, []int{512, 1024, 2048, 4096}[r.IntN(4)])
			for j := range b {
				b[j] = byte(r.Uint32())
			}
			b[0] = byte(1 + i%3)
			if b[0] != 3 {
				answers++
			}
			noise = append(noise, b)
		}
		x, err := study(t.Context(), s.eve, s.ada)
		if err != nil {
			t.Fatal(err)
		}
		who, err := x.stranger()
		if err != nil {
			t.Fatal(err)
		}
		good, err := who.says(x, "hello")
		if err != nil {
			t.Fatal(err)
		}
		before := s.ada.Vault.Stats().Records
		for range 300 { // a byte of a good envelope is another
			b := slices.Clone(good)
			b[1+r.IntN(len(b)-1)] ^= byte(1 + r.IntN(255))
			noise = append(noise, b)
			answers++
		}
		conn := s.dial(DeliverLane)
		go writeFrames(conn, noise)
		stream := frame.New(conn, frame.Max, time.Minute)
		for answers > 0 {
			b, err := stream.Read()
			if err != nil {
				t.Fatal(err, answers)
			}
			for ; len(b) > 0; b = b[65:] {
				if b[0] != 2 && b[0] != 3 {
					t.Fatalf("noise was answered with status %d", b[0])
				}
				answers--
			}
		}
		_ = conn.Close()
		if after := s.ada.Vault.Stats().Records; after > before {
			t.Errorf("noise made %d records", after-before)
		}
	})
}

// TestHostileStreams opens thousands of streams that say nothing, or little and slowly, or never read.
func TestHostileStreams(t *testing.T) {
	t.Parallel()
	siege(t, func(s *besieged) {
		t := s.t
		var conns []net.Conn
		for i := range 6000 {
			conn, err := s.eve.Lane([]string{DeliverLane, BundleLane}[i%2]).Dial(t.Context(), s.ada.Host.Key(), s.ada.Host.Addrs())
			if err != nil {
				continue
			}
			conns = append(conns, conn)
		}
		if len(conns) < 4000 {
			t.Errorf("only %d streams", len(conns))
		}
		var all sync.WaitGroup
		for i, conn := range conns {
			all.Go(func() {
				switch i % 4 {
				case 0: // a byte a minute
					b := append(binary.AppendUvarint(nil, 60000), make([]byte, 100)...)
					for j := range b {
						if _, err := conn.Write(b[j : j+1]); err != nil {
							break
						}
						time.Sleep(time.Minute)
					}
				case 1: // never reads
					b := append([]byte{2}, make([]byte, 511)...)
					writeFrames(conn, [][]byte{b, b, b, b})
					time.Sleep(30 * time.Minute)
				default:
					time.Sleep(30 * time.Minute)
				}
				_ = conn.Close()
			})
		}
		time.Sleep(10 * time.Minute)
		if c := s.w.Net.Conns(); c > 0 { // the own ends are not closed yet, but they have no other
			t.Logf("%d of %d connections are half open after 10 minutes", c, len(conns))
		}
		s.talk()
		all.Wait()
	})
}

// TestHostileReader writes and never reads the answers: memory is bounded, and the stream ends.
func TestHostileReader(t *testing.T) {
	t.Parallel()
	siege(t, func(s *besieged) {
		t := s.t
		conn := s.dial(DeliverLane)
		noise := make([][]byte, 30_000)
		for i := range noise {
			noise[i] = make([]byte, 512)
			noise[i][0] = 2
			binary.BigEndian.PutUint32(noise[i][1:], uint32(i))
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			writeFrames(conn, noise)
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Minute):
			t.Error("a stream lives whose answers nobody reads")
		}
		_ = conn.Close()
		<-done
	})
}

// TestHostileServer plays Ben's device: it answers Ada's envelopes with whatever comes to mind. Nothing is shown as
// delivered that Ben's device did not store, and in the end it is.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(name [32]byte) []byte{
		"forged":       func(n [32]byte) []byte { return append(append([]byte{1}, n[:]...), make([]byte, 32)...) },
		"unknown":      func(n [32]byte) []byte { return append(append([]byte{2}, n[:]...), make([]byte, 32)...) },
		"closed":       func(n [32]byte) []byte { return append(append([]byte{3}, n[:]...), make([]byte, 32)...) },
		"busy":         func(n [32]byte) []byte { return append(append([]byte{4}, n[:]...), make([]byte, 32)...) },
		"status 77":    func(n [32]byte) []byte { return append(append([]byte{77}, n[:]...), make([]byte, 32)...) },
		"another name": func([32]byte) []byte { return append(append([]byte{1}, 1, 2, 3), make([]byte, 61)...) },
		"half":         func(n [32]byte) []byte { return append([]byte{1}, n[:]...) },
		"empty":        func([32]byte) []byte { return nil },
		"too large":    func([32]byte) []byte { return make([]byte, frame.Max) },
		"nothing":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			siege(t, func(s *besieged) {
				t := s.t
				envelopes := 0
				var mu sync.Mutex
				s.ben.Host.Lane(DeliverLane).Handle(func(_ identity.TransportKey, conn net.Conn) {
					defer conn.Close()
					in, out := frame.New(conn, frame.Max, time.Minute), frame.New(conn, frame.Max, time.Minute)
					for {
						b, err := in.ReadWithin(0)
						if err != nil {
							return
						}
						mu.Lock()
						envelopes++
						mu.Unlock()
						if answer != nil && out.Write(answer(sha256.Sum256(b))) != nil {
							return
						}
					}
				})
				ref, err := s.ada.Node.Send(t.Context(), s.ben.Node.Account(), "hello", node.Ref{})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Hour)
				m, err := s.ada.Node.Message(s.ben.Node.Account(), ref)
				if err != nil || m.State() != chat.Queued {
					t.Errorf("the message is %v: %v", m.State(), err)
				}
				mu.Lock()
				if envelopes > 200 {
					t.Errorf("%d envelopes left in 3 hours", envelopes)
				}
				t.Log(envelopes, "envelopes,", s.ada.Node.Stats().Resets, "resets")
				mu.Unlock()
				if err := s.ben.Stop(); err != nil {
					t.Fatal(err)
				}
				if err := s.ben.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				if err := s.w.Until(t.Context(), func() bool {
					m, err := s.ada.Node.Message(s.ben.Node.Account(), ref)
					return err == nil && m.State() == chat.Delivered || time.Since(began) > 3*time.Hour
				}); err != nil {
					t.Fatal(err)
				}
				if m, err := s.ben.Node.Message(s.ada.Node.Account(), ref); err != nil || m.Text != "hello" {
					t.Errorf("Ben does not have it: %v", err)
				}
			})
		})
	}
}

// TestHostileCrowd has hundreds of strangers ask at once, who say much: none of them shuts out the next.
func TestHostileCrowd(t *testing.T) {
	t.Parallel()
	siege(t, func(s *besieged) {
		t := s.t
		x, err := study(t.Context(), s.eve, s.ada)
		if err != nil {
			t.Fatal(err)
		}
		stored, busy := 0, 0
		for range 160 {
			who, err := x.stranger()
			if err != nil {
				t.Fatal(err)
			}
			var said [][]byte
			for i := range 3 {
				b, err := who.says(x, fmt.Sprint("buy ", i))
				if err != nil {
					t.Fatal(err)
				}
				said = append(said, b)
			}
			statuses, err := deliver(t.Context(), s.eve, s.ada, said...)
			if err != nil {
				t.Fatal(err, statuses)
			}
			stored, busy = stored+statuses[1], busy+statuses[4]
		}
		if requests := count(s.ada, node.Requested); requests != 128 {
			t.Errorf("%d requests, want 128", requests)
		}
		if stored != 3*160 || busy != 0 {
			t.Errorf("%d envelopes were stored and %d refused, want 480 and none: the oldest make room", stored, busy)
		}
		s.talk()
	})
}

func count(p *Person, state node.ContactState) (n int) {
	for _, c := range p.Node.Contacts() {
		if c.State == state {
			n++
		}
	}
	return n
}

// TestHostileTalker is one stranger who says much: a little is stored, and the rest refused.
func TestHostileTalker(t *testing.T) {
	t.Parallel()
	siege(t, func(s *besieged) {
		t := s.t
		x, err := study(t.Context(), s.eve, s.ada)
		if err != nil {
			t.Fatal(err)
		}
		who, err := x.stranger()
		if err != nil {
			t.Fatal(err)
		}
		var said [][]byte
		for i := range 200 {
			b, err := who.says(x, fmt.Sprint("buy ", i))
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, b)
		}
		got, err := deliver(t.Context(), s.eve, s.ada, said...)
		if err != nil || got[1] != 32 || got[4] != 168 {
			t.Errorf("200 messages were answered %v (%v), want 32 stored and 168 refused", got, err)
		}
		lines, err := s.ada.Node.Messages(who.me.Account, node.Line{}.Place, vault.MaxPage)
		if err != nil || len(lines) != 32 {
			t.Errorf("%d lines of a stranger, want 32: %v", len(lines), err)
		}
	})
}

// TestHostileAskers asks for prekeys all day, each time as somebody else: what is handed out does not fill the vault.
func TestHostileAskers(t *testing.T) {
	t.Parallel()
	siege(t, func(s *besieged) {
		t := s.t
		parts := func() (n int) {
			if err := s.ada.Vault.Each(vault.PreKey, []byte{'p'}, func(_, _ []byte) error { n++; return nil }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for range 12 {
			for range 300 {
				h := s.w.Net.NewHost()
				if _, err := askBundle(t.Context(), h, s.ada); err != nil {
					t.Fatal(err)
				}
				h.Close()
			}
			time.Sleep(time.Hour + time.Minute)
		}
		if n := parts(); n > 13*256 {
			t.Errorf("%d one-time keys lie in the vault", n)
		}
		time.Sleep(3 * 24 * time.Hour)
		if n := parts(); n > 256 {
			t.Errorf("%d one-time keys lie in the vault days after they were handed out", n)
		}
	})
}
