package room

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/conference/rtc"
	"github.com/linnetmesh/linnet/crypto/identity"
)

// HouseConfig says what a mixer lends: how many rooms, how much of the line, and to whom. The zero value opens no room to
// anybody.
type HouseConfig struct {
	// Open lets everybody open rooms. Otherwise it takes one of Tokens, or a node whose key is in Allow.
	Open   bool
	Tokens []string
	Allow  []identity.TransportKey
	// Fixed are rooms that are always open.
	Fixed []FixedRoom
	// Rooms, Legs and RoomLegs are the most there may be: rooms that others opened, legs in all, legs in one room. 0 means
	// 64, 200 and 100.
	Rooms, Legs, RoomLegs int
	// Bandwidth is how much of the line all legs may take in one direction, in Mbit/s: a leg counts with what its room's mode
	// may send it. 0 means no limit.
	Bandwidth float64
	// Empty is how long a room that others opened stays without a leg. 0 means 10 minutes.
	Empty time.Duration

	// The ports of media are bound when the house is made, and do not change by Reload.
	Port         uint16
	NoTCP        bool // no ICE-TCP
	Public       []netip.Addr
	LoopbackOnly bool
	Silence      time.Duration // see rtc.Config
	Patience     time.Duration
	Log          *slog.Logger
}

// FixedRoom is a room of the configuration, for browsers and bridges.
type FixedRoom struct {
	Name    string // letters, digits, - and _, at most 64, and not of the form of a RoomID
	Forward bool   // forward the loudest instead of mixing
	Token   string // who has it may enter
	Legs    int    // 0 means RoomLegs
}

// Bits a second that one leg may take in one direction, with headers (PROTOCOL.md): Opus at 24 kbit/s with FEC, two voices
// forwarded, and four videos.
const (
	voiceBits   = 60_000
	forwardBits = 2*voiceBits + 2_500_000
)

// House is all rooms of a mixer, and the way in. Its methods may be called by several goroutines at once.
type House struct {
	rtc *rtc.Endpoint
	log *slog.Logger

	mu      sync.Mutex
	cfg     HouseConfig
	halls   map[string]*hall
	legs    int
	bits    int64
	closing bool
	refused map[string]uint64 // by reason
	entered uint64
	left    map[string]uint64 // by reason
}

// hall is a room with what it takes to enter.
type hall struct {
	name    string
	fixed   bool
	mode    conference.Mode
	most    int
	owner   conference.KeyHash
	keys    map[conference.KeyHash]*seat // who may enter, and who has
	token   [sha256.Size]byte            // of a fixed room
	seats   map[uint32]*seat
	next    uint32
	empty   time.Time // since when
	floor   floor
	stopped chan struct{} // the floor has
	stop    context.CancelFunc
}

// seat is a leg in its room.
type seat struct {
	hall  *hall
	id    uint32
	name  [16]byte // what DELETE names: nobody else can guess it
	key   conference.KeyHash
	leg   *rtc.Leg
	bits  int64
	given bool // back
}

// HouseStats are what a house counts. Nothing in it says who is who.
type HouseStats struct {
	Rooms, Fixed, Legs   int
	Entered              uint64
	Refused, Left        map[string]uint64 // by reason
	PacketsIn, BytesIn   uint64            // of legs that are there
	PacketsOut, BytesOut uint64
	Dropped              uint64 // packets over a rate
	UDP                  rtc.Traffic
}

// NewHouse checks the config, complains of all that is wrong with it, and binds the media port. The house must be closed.
func NewHouse(cfg HouseConfig) (*House, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	e, err := rtc.Listen(rtc.Config{
		Port: cfg.Port, TCP: !cfg.NoTCP, Lite: true, Public: cfg.Public, LoopbackOnly: cfg.LoopbackOnly, Silence: cfg.Silence,
		Patience: cfg.Patience, Legs: 1 << 16, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	h := &House{
		rtc: e, log: cfg.Log, halls: map[string]*hall{}, refused: map[string]uint64{}, left: map[string]uint64{},
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.Reload(cfg)
	return h, nil
}

func (c *HouseConfig) setDefaults() {
	if c.Rooms == 0 {
		c.Rooms = 64
	}
	if c.Legs == 0 {
		c.Legs = 200
	}
	if c.RoomLegs == 0 {
		c.RoomLegs = 100
	}
	if c.Empty == 0 {
		c.Empty = 10 * time.Minute
	}
}

// Check complains of all that is wrong with a config.
func (c HouseConfig) Check() error {
	c.setDefaults()
	return c.check()
}

func (c *HouseConfig) check() error {
	var errs []error
	bad := func(f string, args ...any) { errs = append(errs, fmt.Errorf(f, args...)) }
	if c.Rooms < 0 || c.Legs < 0 || c.RoomLegs < 0 || c.Bandwidth < 0 || c.Empty < 0 {
		bad("limits: below zero")
	}
	for i, t := range c.Tokens {
		if len(t) < 16 || len(t) > 64 {
			bad("token %d: %d characters, 16 to 64", i+1, len(t))
		}
	}
	seen := map[string]bool{}
	for _, r := range c.Fixed {
		switch {
		case !validName(r.Name):
			bad("room %q: a name is 1 to 64 letters, digits, - and _", r.Name)
		case seen[r.Name]:
			bad("room %q: twice", r.Name)
		case len(r.Token) < 16 || len(r.Token) > 128:
			bad("room %q: its token has %d characters, 16 to 128", r.Name, len(r.Token))
		case r.Legs < 0:
			bad("room %q: legs below zero", r.Name)
		}
		seen[r.Name] = true
	}
	return errors.Join(errs...)
}

// validName tells whether a fixed room may be called so. What looks like a RoomID is for rooms that others open.
func validName(name string) bool {
	if b, err := hex.DecodeString(name); err == nil && len(b) == conference.IDSize {
		return false
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// Reload takes another config, all but the ports. Rooms that it no longer names are closed; legs that are in stay, also over
// a limit that is lower now. It is checked already.
func (h *House) Reload(cfg HouseConfig) {
	cfg.setDefaults()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cfg = cfg
	wanted := map[string]bool{}
	for _, r := range cfg.Fixed {
		wanted[r.Name] = true
		mode, most := conference.Mixed, r.Legs
		if r.Forward {
			mode = conference.Forward
		}
		if most == 0 {
			most = cfg.RoomLegs
		}
		a := h.halls[r.Name]
		if a != nil && a.mode != mode {
			h.shut(a)
			a = nil
		}
		if a == nil {
			a = h.build(r.Name, mode)
			a.fixed = true
		}
		a.most, a.token = most, sha256.Sum256([]byte(r.Token))
	}
	for name, a := range h.halls {
		if a.fixed && !wanted[name] {
			h.shut(a)
		}
	}
}

// build opens a hall, with the lock held.
func (h *House) build(name string, mode conference.Mode) *hall {
	a := &hall{
		name: name, mode: mode, most: h.cfg.RoomLegs, keys: map[conference.KeyHash]*seat{}, seats: map[uint32]*seat{},
		empty: time.Now(), stopped: make(chan struct{}),
	}
	ctx, stop := context.WithCancel(context.Background())
	a.floor, a.stop = newFloor(mode, h.rtc), stop
	go func() {
		defer close(a.stopped)
		a.floor.Run(ctx)
	}()
	h.halls[name] = a
	return a
}

// shut closes a hall and its legs, with the lock held.
func (h *House) shut(a *hall) {
	delete(h.halls, a.name)
	for _, s := range a.seats {
		s.leg.CloseFor(conference.ErrClosing)
	}
	a.stop()
}

// open opens a room for a node.
func (h *House) open(node identity.TransportKey, o *conference.Opening) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := o.Room.String()
	switch {
	case h.closing:
		return conference.ErrClosing
	case !h.mayOpen(node, o.Token):
		return conference.ErrNotAllowed
	case h.halls[name] != nil:
		if a := h.halls[name]; a.owner == o.Owner && a.mode == o.Mode {
			return nil // asked twice, since the first answer was lost
		}
		return conference.ErrExists
	case len(h.halls)-len(h.cfg.Fixed) >= h.cfg.Rooms:
		return conference.ErrFull
	}
	a := h.build(name, o.Mode)
	a.owner = o.Owner
	for _, k := range o.Keys {
		a.keys[k] = nil
	}
	return nil
}

func (h *House) mayOpen(node identity.TransportKey, token string) bool {
	ok := h.cfg.Open || slices.Contains(h.cfg.Allow, node)
	given := sha256.Sum256([]byte(token))
	for _, t := range h.cfg.Tokens {
		want := sha256.Sum256([]byte(t))
		if subtle.ConstantTimeCompare(given[:], want[:]) == 1 {
			ok = true
		}
	}
	return ok
}

// admit changes who may enter a room.
func (h *House) admit(in *conference.Admit) error {
	key, err := conference.ParseJoinKey(in.Owner[:])
	if err != nil {
		return conference.ErrNoKey
	}
	owner := key.Hash()
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.halls[in.Room.String()]
	if a == nil || a.fixed || subtle.ConstantTimeCompare(owner[:], a.owner[:]) != 1 {
		return conference.ErrNoKey
	}
	for _, k := range in.Drop {
		if s := a.keys[k]; s != nil {
			s.leg.CloseFor(conference.ErrDropped)
		}
		delete(a.keys, k)
	}
	for _, k := range in.Add {
		if _, ok := a.keys[k]; !ok {
			if len(a.keys) >= conference.RoomKeys {
				return conference.ErrFull
			}
			a.keys[k] = nil
		}
	}
	return nil
}

// knows returns the hall that a key opens: nil if there is none, or it does not.
func (h *House) knows(name string, key conference.KeyHash) *hall {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.halls[name]
	if a == nil || a.fixed {
		return nil
	}
	if _, ok := a.keys[key]; !ok {
		return nil
	}
	return a
}

// opens returns the hall that a bearer token opens: a fixed room's token, or a join key. It is nil if there is none.
func (h *House) opens(name, bearer string) (*hall, conference.KeyHash) {
	given := sha256.Sum256([]byte(bearer))
	h.mu.Lock()
	a := h.halls[name]
	h.mu.Unlock()
	switch {
	case a == nil:
		return nil, conference.KeyHash{}
	case a.fixed:
		h.mu.Lock()
		want := a.token
		h.mu.Unlock()
		if subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
			return nil, conference.KeyHash{}
		}
		return a, conference.KeyHash(given)
	}
	key, err := conference.ParseBearer(bearer)
	if err != nil {
		return nil, conference.KeyHash{}
	}
	hash := key.Hash()
	return h.knows(name, hash), hash
}

// reserve takes a seat, if there is room for it, before the leg is made.
func (h *House) reserve(a *hall, key conference.KeyHash) (*seat, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	bits := int64(voiceBits)
	if a.mode == conference.Forward {
		bits = forwardBits
	}
	old := a.keys[key]
	switch {
	case h.closing || h.halls[a.name] != a:
		return nil, conference.ErrClosing
	case old != nil: // it gives its place
	case h.legs >= h.cfg.Legs, len(a.seats) >= a.most, h.cfg.Bandwidth > 0 && float64(h.bits+bits) > h.cfg.Bandwidth*1e6:
		return nil, conference.ErrFull
	}
	if old != nil {
		old.leg.CloseFor(conference.ErrDropped)
	}
	a.next++
	s := &seat{hall: a, id: a.next, key: key, bits: bits}
	_, _ = rand.Read(s.name[:])
	h.legs++
	h.bits += bits
	return s, nil
}

// sit seats a leg.
func (h *House) sit(s *seat, l *rtc.Leg) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := s.hall
	if h.closing || h.halls[a.name] != a {
		return conference.ErrClosing
	}
	if _, ok := a.keys[s.key]; ok {
		a.keys[s.key] = s
	} else if !a.fixed {
		return conference.ErrNoKey // dropped meanwhile
	}
	s.leg = l
	h.entered++
	if !s.given { // unless it ended already
		a.seats[s.id] = s
	}
	return nil
}

// giveBack gives a seat back, once.
func (h *House) giveBack(s *seat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.release(s)
}

func (h *House) release(s *seat) {
	if !s.given {
		s.given = true
		h.legs--
		h.bits -= s.bits
	}
}

// rise empties a seat whose leg ended.
func (h *House) rise(s *seat, why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.release(s)
	a := s.hall
	if a.seats[s.id] != s {
		return
	}
	delete(a.seats, s.id)
	if a.keys[s.key] == s {
		a.keys[s.key] = nil
	}
	if len(a.seats) == 0 {
		a.empty = time.Now()
	}
	h.left[reason(why)]++
}

// reason is what a metric says of an error: one of a few words.
func reason(err error) string {
	var refusal conference.RefusalError
	switch {
	case err == nil, errors.Is(err, rtc.ErrClosed):
		return "left"
	case errors.As(err, &refusal):
		return refusal.Word()
	case errors.Is(err, rtc.ErrFlood):
		return "flood"
	case errors.Is(err, rtc.ErrSlow):
		return "slow"
	case errors.Is(err, rtc.ErrFailed):
		return "lost"
	case errors.Is(err, rtc.ErrFull):
		return "full"
	case errors.Is(err, rtc.ErrOffer):
		return "malformed"
	default:
		return "failed"
	}
}

func (h *House) refuse(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused[reason(err)]++
}

// Run closes rooms that stay empty, until ctx ends. Then it lets nobody in, waits until all legs have left or grace ends,
// closes the rest, and returns when nothing is left.
func (h *House) Run(ctx context.Context, grace time.Duration) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case now := <-tick.C:
			h.sweep(now)
		}
	}
	h.mu.Lock()
	h.closing = true
	h.mu.Unlock()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	h.rtc.Wait(last)
	_ = h.Close()
}

func (h *House) sweep(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.halls {
		if !a.fixed && len(a.seats) == 0 && now.Sub(a.empty) > h.cfg.Empty {
			h.shut(a)
		}
	}
}

// Close ends all legs and rooms, and waits until nothing of them is left.
func (h *House) Close() error {
	h.mu.Lock()
	h.closing = true
	var halls []*hall
	for _, a := range h.halls {
		halls = append(halls, a)
		h.shut(a)
	}
	h.mu.Unlock()
	err := h.rtc.Close()
	for _, a := range halls {
		<-a.stopped
	}
	return err
}

// Port returns the UDP port of media.
func (h *House) Port() uint16 { return h.rtc.Port() }

// Stats returns the counts of now.
func (h *House) Stats() HouseStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := HouseStats{UDP: h.rtc.Traffic(), Entered: h.entered, Refused: map[string]uint64{}, Left: map[string]uint64{}}
	for r, n := range h.refused {
		s.Refused[r] = n
	}
	for r, n := range h.left {
		s.Left[r] = n
	}
	for _, a := range h.halls {
		if a.fixed {
			s.Fixed++
		} else {
			s.Rooms++
		}
		for _, seat := range a.seats {
			s.Legs++
			c := seat.leg.Counts()
			s.PacketsIn += c.HeardPackets
			s.BytesIn += c.HeardBytes
			s.PacketsOut += c.SentPackets
			s.BytesOut += c.SentBytes
			s.Dropped += c.Refused
		}
	}
	return s
}
