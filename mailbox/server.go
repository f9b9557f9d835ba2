package mailbox

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// shards is how many groups of posts may be on their way to disk at a time. Each box belongs to one.
const shards = 2

// Server is a relay's mailbox. All its methods may be called by several goroutines at once.
//
//	Serve ─ conn ─ reads ─▶ shard ─ admits, collects, Store.Put, signs ─▶ answers; wakes who listens
type Server struct {
	config Config
	self   identity.TransportKey
	limits atomic.Pointer[Limits]
	start  time.Time
	base   Age // of the Store, at the start
	work   [32]byte
	salt   [32]byte
	shards [shards]*shard
	turn   chan struct{} // has one entry while a shard writes
	hub    hub
	ring   ring

	begun    chan struct{} // closed when Run serves
	broken   chan error    // holds one: the Store's
	draining atomic.Bool
	memory   atomic.Int64
	count    counters

	mu      sync.Mutex
	ctx     context.Context //nolint:containedctx // of Run, of which a Server has one; nil before and after
	conns   map[*conn]struct{}
	nodes   map[identity.TransportKey]int
	origins origins
	crowd   crowd
	spent   spent
	refused map[error]uint64
	group   sync.WaitGroup // connections, and what they began
}

// counters are the parts of Stats that are counted without a lock.
type counters struct {
	put, putBytes, repeated, fetched, fetchedBytes, acked, expired, groups, listeners atomic.Uint64
	bundles, parts, wanting, weak, published, publishFailed                           atomic.Uint64
}

// New returns a Server, which does nothing before Run. The error holds all complaints about the Config.
func New(c Config) (*Server, error) {
	var all []error
	if c.Key.IsZero() {
		all = append(all, errors.New("mailbox: a server needs a key"))
	}
	if c.Store == nil {
		all = append(all, errors.New("mailbox: a server needs a store"))
	}
	all = append(all, c.Limits.Validate())
	if err := errors.Join(all...); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		config:  c,
		self:    c.Key.Public(),
		start:   time.Now(),
		begun:   make(chan struct{}),
		turn:    make(chan struct{}, 1),
		broken:  make(chan error, 1),
		base:    c.Store.Age(),
		conns:   make(map[*conn]struct{}),
		nodes:   make(map[identity.TransportKey]int),
		refused: make(map[error]uint64),
	}
	s.setLimits(c.Limits)
	_, _ = rand.Read(s.work[:]) // never fails
	identity.LabelOrigin.Derive(s.salt[:], c.Key.AppendTo(nil))
	s.ring.init()
	for i := range s.shards {
		s.shards[i] = newShard(s)
	}
	return s, nil
}

// now is what time it is.
func (s *Server) now() moment {
	tick := time.Since(s.start)
	return moment{age: s.base.After(tick), tick: tick, date: s.config.Now()}
}

// lim returns the limits as they are now.
func (s *Server) lim() *Limits { return s.limits.Load() }

func (s *Server) setLimits(l Limits) {
	l = l.WithDefaults()
	s.limits.Store(&l)
}

// Limits returns the limits as they are now, zero fields filled.
func (s *Server) Limits() Limits { return *s.lim() }

// SetLimits changes the limits, as after SIGHUP. What lies there stays. The error is that of Limits.Validate.
func (s *Server) SetLimits(l Limits) error {
	if err := l.Validate(); err != nil {
		return err
	}
	s.setLimits(l)
	return nil
}

// Run works until the context ends, and returns when all that it and Serve began has ended: it commits what was put,
// expires what is old, and puts descriptors into the DHT. The error is nil when the context ended, and otherwise the
// Store's, such as ErrBroken: then whoever runs the relay starts it again. A Server runs once.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var counted origins
	err := s.config.Store.Boxes(ctx, func(b Box) bool {
		counted.count(b.Origin, 1)
		return true
	})
	if err != nil || ctx.Err() != nil {
		close(s.begun) // who waits is not served
		if ctx.Err() != nil {
			return nil // it was stopped before it had begun
		}
		return fmt.Errorf("counting boxes: %w", err)
	}
	s.mu.Lock()
	s.origins, s.ctx = counted, ctx
	s.mu.Unlock()
	close(s.begun)

	var own sync.WaitGroup
	for _, sh := range s.shards {
		own.Go(func() { sh.run(ctx) })
	}
	if s.config.Publish != nil {
		own.Go(func() { s.publish(ctx) })
	}
	var failed error
	own.Go(func() {
		select {
		case failed = <-s.broken:
			cancel()
		case <-ctx.Done():
		}
	})
	s.tend(ctx)

	s.mu.Lock()
	s.ctx = nil
	for c := range s.conns {
		c.pipe.shut(ErrClosed)
	}
	s.mu.Unlock()
	own.Wait()
	s.group.Wait()
	return failed
}

// look ends Run if an error of the Store's says that it is broken.
func (s *Server) look(err error) {
	if !errors.Is(err, ErrBroken) {
		return
	}
	select {
	case s.broken <- err:
	default:
	}
}

// Drain stops taking, or takes again: puts, bundles and new boxes are refused with ErrDraining; all else goes on, and
// owners who listen are told.
func (s *Server) Drain(on bool) {
	if s.draining.Swap(on) == on {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.pipe.send(packetOf(verbNotice, 0, noticeHead{Draining: on}))
	}
}

// Serve serves one connection of a lane until it ends: give it to the lane's Handle. It closes the connection. Before Run
// has counted its boxes it waits for that, for as long as a client does; after Run's end it serves nobody.
func (s *Server) Serve(node identity.TransportKey, raw net.Conn) {
	t := time.NewTimer(patience)
	select {
	case <-s.begun:
	case <-t.C:
	}
	t.Stop()
	c := &conn{
		s:       s,
		node:    node,
		pipe:    newPipe(raw),
		origin:  s.originOf(raw.RemoteAddr()),
		owned:   make(map[BoxID]bool),
		fetches: make(map[uint32]*fetch),
		freed:   make(chan struct{}, 1),
	}
	_, _ = rand.Read(c.nonce[:]) // never fails
	if !s.enter(c) {
		_ = raw.Close()
		return
	}
	defer s.leave(c)
	c.serve()
}

// enter lets a connection in.
func (s *Server) enter(c *conn) bool {
	lim := s.lim()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || len(s.conns) >= lim.Conns || s.nodes[c.node] >= lim.ConnsPerNode || s.banned(c.node, BoxID{}) {
		return false
	}
	c.ctx = s.ctx
	s.conns[c] = struct{}{}
	s.nodes[c.node]++
	s.group.Add(1)
	return true
}

func (s *Server) leave(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	if s.nodes[c.node]--; s.nodes[c.node] <= 0 {
		delete(s.nodes, c.node)
	}
	s.mu.Unlock()
	s.group.Done()
}

func (s *Server) banned(node identity.TransportKey, box BoxID) bool {
	return s.config.Banned != nil && s.config.Banned(node, box)
}

// originOf returns from where somebody comes: nowhere in particular, if the address is no IP address.
func (s *Server) originOf(a net.Addr) Origin {
	if a == nil {
		return Origin{}
	}
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return Origin{}
	}
	ip, near, far := at.Addr().Unmap().WithZone(""), 48, 32
	if ip.Is4() {
		near, far = 24, 16
	}
	return Origin{Near: s.rangeOf(ip, near), Far: s.rangeOf(ip, far)}
}

func (s *Server) rangeOf(ip netip.Addr, size int) uint64 {
	p, err := ip.Prefix(size)
	if err != nil {
		return 0
	}
	text, _ := p.MarshalBinary() // never fails
	mac := identity.LabelOrigin.MAC(s.salt[:], text)
	return binary.BigEndian.Uint64(mac[:])
}

// shard returns the shard of a box.
func (s *Server) shard(box BoxID) *shard { return s.shards[int(box[0])%shards] }

// Stats tells how it fares.
func (s *Server) Stats() Stats {
	now := s.now()
	st := Stats{
		Store:         s.config.Store.Stats(),
		Listeners:     s.count.listeners.Load(),
		Put:           s.count.put.Load(),
		PutBytes:      s.count.putBytes.Load(),
		Repeated:      s.count.repeated.Load(),
		Fetched:       s.count.fetched.Load(),
		FetchedBytes:  s.count.fetchedBytes.Load(),
		Acked:         s.count.acked.Load(),
		Expired:       s.count.expired.Load(),
		Refused:       make(map[error]uint64),
		BundlesTaken:  s.count.bundles.Load(),
		PartsTaken:    s.count.parts.Load(),
		PartsWanting:  s.count.wanting.Load(),
		Weak:          s.count.weak.Load(),
		WeakBytes:     uint64(s.ring.size()),
		Published:     s.count.published.Load(),
		PublishFailed: s.count.publishFailed.Load(),
		Groups:        s.count.groups.Load(),
		Memory:        uint64(max(s.memory.Load(), 0)),
		Draining:      s.draining.Load(),
		Age:           now.age,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Conns = uint64(len(s.conns))
	st.WorkBits = s.crowd.bits(s.lim(), now.tick)
	for err, n := range s.refused {
		st.Refused[err] = n
	}
	return st
}

// spent remembers what work was done for one-time parts, so that none is given twice for it.
type spent struct {
	old, new map[[challengeSize + 8]byte]bool
}

// maxSpent is how many are remembered at least. When more come within challengeLife, the oldest could be used again.
const maxSpent = 1 << 15

// once is false for what was there before.
func (s *spent) once(w *workBody) bool {
	key := [challengeSize + 8]byte(append(append([]byte(nil), w.Challenge[:]...), w.Nonce[:]...))
	if s.new[key] || s.old[key] {
		return false
	}
	if s.new == nil || len(s.new) >= maxSpent {
		s.old, s.new = s.new, make(map[[challengeSize + 8]byte]bool)
	}
	s.new[key] = true
	return true
}
