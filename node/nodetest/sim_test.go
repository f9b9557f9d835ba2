package nodetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// Sizes of all worlds.
const (
	simPause = 30 * time.Second // between steps, as a mean
	simQuiet = 12 * time.Hour
	simEmpty = time.Hour // a relay that was silent is tried every quarter of an hour, and one looks into others every few minutes
	// simCommits is how often a device writes at most, and simRecords how many records its vault then has, besides one for
	// each commit: together 20,000. A device that wrote 68,000 times in a world of 30 days was seen, and should fail.
	simCommits, simRecords = 15_000, 5000
)

// size is how large a seed's world is.
type size struct {
	accounts, pairs int // of which so many have two devices
	relays          int
	days, meetings  int // in all days
	steps           int // in a meeting
	acts            int // in a step, as a mean
}

// sizeOf has relays in every sixth world, which takes five times as long as another: signing ahead is work.
func sizeOf(seed uint64) size {
	z := size{accounts: 8, pairs: 4, days: 3, meetings: 2, steps: 30, acts: 2}
	if seed%6 == 5 {
		z.relays = 5
	}
	return z
}

// TestSeeds runs worlds in which everything goes wrong that a seed draws, and shows that what was promised holds all
// along, and that in quiet times everything arrives. NODETEST_SEEDS is how many worlds, NODETEST_SEED one of them: its
// seed replays the faults, not the order of goroutines.
func TestSeeds(t *testing.T) {
	first, count := uint64(1), 20
	if raceEnabled || testing.Short() { // none with relays
		count = 2
	}
	if s := os.Getenv("NODETEST_SEEDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		count = n
	}
	if s := os.Getenv("NODETEST_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, count = n, 1
	}
	for i := range uint64(count) {
		seed := first + i
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			live(t, seed, sizeOf(seed))
		})
	}
}

// TestLargeWorld is one world of 200 devices, 9 relays and 30 days, if NODETEST_LARGE is set, as in .ci/long; and else one
// that is small enough for the race detector.
func TestLargeWorld(t *testing.T) {
	z := size{accounts: 7, pairs: 1, relays: 9, days: 3, meetings: 1, steps: 10, acts: 2}
	if os.Getenv("NODETEST_LARGE") != "" {
		z = size{accounts: 150, pairs: 50, relays: 9, days: 30, meetings: 3, steps: 10, acts: 40}
	}
	live(t, 1, z)
}

// live has a world go by.
func live(t *testing.T, seed uint64, z size) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, seed, z)
		defer s.close()
		s.gather()
		s.days()
		s.quiet()
	})
}

// saying is a text that a node accepted.
type saying struct {
	from  *actor
	to    int // account
	ref   node.Ref
	text  string     // the last that the node accepted for it
	maybe []string   // that it may have accepted: the call ended with the power
	after []node.Ref // what the sender had before it in this conversation
	gone  bool       // taken back
}

// actor is a device in a seed's world.
type actor struct {
	*Person
	account int
	id      node.Account
	number  uint8
	since   time.Time // asleep
	full    bool
	bounds  int // most posts that ever waited here
}

// sim is a seed's world.
type sim struct {
	size
	t        *testing.T
	r        *rand.Rand
	seed     uint64
	w        *World
	wire     *wire
	actors   []*actor
	accounts [][]*actor
	ids      []node.Account
	said     []*saying
	byRef    map[node.Ref]*saying
	friends  [][]int
	texts    int
	crashes  int
	clocks   map[*Relay]bool // that are wrong
	keepers  int             // most that outboxes named at a time

	mu     sync.Mutex // guards what follows: events come in goroutines of their own
	story  []string
	broken string
	honest int // deliveries that were checked
}

func newSim(t *testing.T, seed uint64, z size) *sim {
	t.Helper()
	return &sim{
		size: z, t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 0)), w: New(seed, 6),
		byRef: make(map[node.Ref]*saying), friends: make([][]int, z.accounts),
		clocks: make(map[*Relay]bool),
	}
}

func (s *sim) close() {
	if err := s.w.Close(); err != nil && !s.t.Failed() {
		s.t.Error(err)
	}
}

// note remembers what happened.
func (s *sim) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.story = append(s.story, time.Now().Format("Jan 02 15:04:05.000 ")+fmt.Sprintf(format, args...))
	if len(s.story) > 4000 {
		s.story = slices.Delete(s.story, 0, 2000)
	}
}

// wild tells whether clocks are wrong by years in this world. Then each device shows a message where it came, if its own
// clock or the sender's is wrong: all show the same, and in an order of their own.
func (s *sim) wild() bool { return s.seed%5 == 0 }

// breaks remembers that a promise was broken; the next check tells.
func (s *sim) breaks(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	s.note("BROKEN: %s", what)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == "" {
		s.broken = what
	}
}

// fail ends the test with the last events.
func (s *sim) fail(format string, args ...any) {
	s.t.Helper()
	s.mu.Lock()
	last := s.story[max(0, len(s.story)-60):]
	s.mu.Unlock()
	s.t.Fatalf("seed %d: %s\nthe last events:\n  %s", s.seed, fmt.Sprintf(format, args...), strings.Join(last, "\n  "))
}

func (s *sim) must(err error) {
	s.t.Helper()
	if err != nil {
		s.fail("%v", err)
	}
}

// gather makes the people and their friendships, in a quiet world.
func (s *sim) gather() {
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Hour)
	defer cancel()
	s.wire = newWire(s.breaks)
	s.w.Net.Tap(s.wire.tap)
	s.w.Event = s.event
	s.plant()
	for i := range s.size.accounts {
		p, err := s.w.Add(ctx, nameOf(i))
		s.must(err)
		s.adopt(p, i)
		s.allow(ctx, p)
		s.ids = append(s.ids, p.Node.Account())
	}
	for i := range s.size.accounts {
		for _, step := range []int{1, 3} {
			j := (i + step) % s.size.accounts
			s.must(s.w.Befriend(ctx, s.actors[i].Person, s.actors[j].Person))
			s.friends[i] = append(s.friends[i], j)
			s.friends[j] = append(s.friends[j], i)
		}
	}
	for i := range s.pairs {
		p, err := s.w.Link(ctx, s.accounts[i][0].Person, s.accounts[i][0].Name+"2")
		s.must(err)
		s.adopt(p, i)
		s.allow(ctx, p)
		s.acquainted(ctx)
	}
}

// acquainted waits until all know all devices.
func (s *sim) acquainted(ctx context.Context) {
	lack := ""
	err := s.w.Until(ctx, func() bool {
		for _, a := range s.actors {
			if n := a.Node.Stats().Waiting; n > 0 {
				lack = fmt.Sprintf("%d posts wait at %s: %s", n, a.Name, s.why(a))
				return false
			}
			for _, j := range s.friends[a.account] {
				c, err := a.Node.Contact(s.ids[j])
				if err != nil || len(c.Devices) != len(s.accounts[j]) {
					lack = fmt.Sprintf("%s does not know all devices of %s", a.Name, s.accounts[j][0].Name)
					return false
				}
			}
		}
		return true
	})
	if err != nil {
		s.fail("%v: %s", err, lack)
	}
}

func (s *sim) adopt(p *Person, account int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &actor{Person: p, account: account, id: p.Node.Account(), number: p.Node.Device()}
	s.actors = append(s.actors, a)
	for len(s.accounts) <= account {
		s.accounts = append(s.accounts, nil)
	}
	s.accounts[account] = append(s.accounts[account], a)
	s.wire.sender(p)
}

// start wakes somebody.
func (s *sim) start(a *actor) {
	s.must(a.Start(s.t.Context()))
	s.wire.sender(a.Person)
	s.remembers(a)
}

// event looks at what a node tells.
func (s *sim) event(a *Person, e node.Event) {
	if e.Kind != node.EventDelivery || e.Delivery.State != chat.Delivered {
		return
	}
	it, err := a.Vault.Item(e.Conversation, e.Ref)
	if err != nil || it.Message == nil {
		return // no line
	}
	to := s.device(e.Account, e.Device)
	if to == nil {
		s.breaks("%s says delivered to a device that is not", a.Name)
		return
	}
	c := e.Conversation
	if e.Account != a.Node.Account() {
		c = chat.Direct(a.Node.Account())
	}
	if !s.holds(to, c, e.Ref) {
		s.breaks("%s says that %q was delivered to %s, whose disk lacks it", a.Name, it.Message.Text.Text, to.Name)
	}
	s.mu.Lock()
	s.honest++
	s.mu.Unlock()
}

func (s *sim) device(account node.Account, number uint8) *actor {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.actors {
		if a.id == account && a.number == number {
			return a
		}
	}
	return nil
}

// holds tells whether the disk of a device has a message.
func (s *sim) holds(a *actor, c node.ConversationID, ref node.Ref) bool {
	v, err := a.Open()
	if err != nil {
		s.breaks("opening the disk of %s: %v", a.Name, err)
		return false
	}
	defer v.Close()
	it, err := v.Item(c, ref)
	return err == nil && it.Message != nil
}

// remembers checks that a device still has all that it accepted.
func (s *sim) remembers(a *actor) {
	for _, m := range s.said {
		if m.from != a {
			continue
		}
		it, err := a.Vault.Item(chat.Direct(s.ids[m.to]), m.ref)
		if err != nil || it.Message == nil {
			s.fail("%s accepted %q and does not have it after a restart: %v", a.Name, m.text, err)
		}
	}
}

// days lets things happen and go wrong: now and then most are awake for a while, and in between they sleep, for a node that
// is awake costs a world more than one that has much to say.
func (s *sim) days() {
	for range s.meetings {
		for _, a := range s.actors {
			if !a.Awake() && s.r.IntN(4) > 0 {
				s.start(a)
			}
		}
		for range s.steps {
			for range 1 + s.r.IntN(2*s.acts-1) {
				s.act()
			}
			for range 1 + len(s.actors)/20 {
				if s.r.IntN(2) == 0 {
					s.disturb()
				}
			}
			time.Sleep(time.Duration(s.r.Float64() * 2 * float64(simPause)))
			s.check()
		}
		for _, a := range s.actors {
			if awake(a) && s.r.IntN(40) > 0 {
				s.sleep(a)
			}
		}
		time.Sleep(time.Duration(s.r.Float64() * float64(2*time.Duration(s.size.days)*24*time.Hour/time.Duration(s.meetings))))
		s.check()
	}
}

// sleep ends a node, well or badly.
func (s *sim) sleep(a *actor) {
	a.since = time.Now()
	if s.r.IntN(3) > 0 {
		s.note("%s sleeps", a.Name)
		s.must(a.Stop())
		return
	}
	s.note("%s crashes", a.Name)
	a.Crash()
	s.crashes++
}

func (s *sim) pick(ok func(*actor) bool) *actor {
	var list []*actor
	for _, a := range s.actors {
		if ok(a) {
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[s.r.IntN(len(list))]
}

func awake(a *actor) bool { return a.Awake() && !a.Died() }

// nameOf is what the first device of an account is called.
func nameOf(account int) string {
	if account < 26 {
		return string(rune('A' + account))
	}
	return fmt.Sprintf("N%d-", account)
}

// act is something that a user does.
func (s *sim) act() {
	a := s.pick(awake)
	if a == nil {
		return
	}
	to := s.friends[a.account][s.r.IntN(len(s.friends[a.account]))]
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	n, with := a.Node, s.ids[to]
	lines, err := a.Lines(with)
	if err != nil && !a.Died() {
		s.fail("%s cannot read: %v", a.Name, err)
	}
	var own, others []node.Message
	for _, l := range lines {
		switch {
		case l.Deleted:
		case l.Own:
			own = append(own, l)
		default:
			others = append(others, l)
		}
	}
	var what string
	switch dice := s.r.IntN(20); {
	case dice < 12 || len(lines) == 0:
		s.texts++
		m := &saying{from: a, to: to, text: fmt.Sprintf("%d from %s", s.texts, a.Name)}
		for _, l := range lines {
			m.after = append(m.after, l.Ref)
		}
		var reply node.Ref
		if len(lines) > 0 && s.r.IntN(4) == 0 {
			reply = lines[s.r.IntN(len(lines))].Ref
		}
		what = "says " + m.text
		if m.ref, err = n.Send(ctx, with, m.text, reply); err == nil {
			s.said = append(s.said, m)
			s.byRef[m.ref] = m
		}
	case dice < 14 && len(others) > 0:
		l := others[s.r.IntN(len(others))]
		emoji := []string{"👍", "🎉", ""}[s.r.IntN(3)]
		what = "reacts to " + l.Text
		err = n.React(ctx, with, l.Ref, emoji)
	case dice < 16 && len(own) > 0:
		l := own[s.r.IntN(len(own))]
		s.texts++
		text := fmt.Sprintf("%d from %s, edited", s.texts, a.Name)
		what = "edits " + l.Text + " to " + text
		err = n.Edit(ctx, with, l.Ref.ID, text)
		if m := s.byRef[l.Ref]; m != nil {
			m.maybe = append(m.maybe, text)
		}
	case dice < 17 && len(own) > 0:
		l := own[s.r.IntN(len(own))]
		what = "takes back " + l.Text
		err = n.Delete(ctx, with, l.Ref.ID)
		if m := s.byRef[l.Ref]; m != nil {
			m.gone = true
		}
	case len(others) > 0:
		var ids []node.MessageID
		for _, l := range others[max(0, len(others)-20):] {
			ids = append(ids, l.Ref.ID)
		}
		what = "reads"
		err = n.MarkRead(ctx, with, ids...)
	default:
		what = "types"
		err = n.Typing(ctx, with, true)
	}
	s.note("%s %s (to %s): %v", a.Name, what, s.accounts[to][0].Name, err)
	if err != nil && !a.Died() && (!a.full || !errors.Is(err, vault.ErrFull)) {
		s.fail("%s %s: %v", a.Name, what, err)
	}
}

// disturb is something that goes wrong.
func (s *sim) disturb() {
	if len(s.w.Relays) > 0 && s.r.IntN(4) == 0 {
		s.trouble()
		synctest.Wait()
		return
	}
	switch dice := s.r.IntN(20); {
	case dice < 3:
		if a := s.pick(awake); a != nil {
			s.sleep(a)
		}
	case dice < 7:
		if a := s.pick(awake); a != nil {
			n, after := s.r.IntN(30), s.r.IntN(2) == 0
			s.note("%s will crash after %d writes (%v)", a.Name, n, after)
			a.CrashAt(n, after)
		}
	case dice < 13:
		if a := s.pick(func(a *actor) bool { return !a.Awake() }); a != nil {
			s.note("%s wakes after %v", a.Name, time.Since(a.since))
			s.start(a)
		}
	case dice < 14:
		if a := s.pick(awake); a != nil {
			s.note("%s moves", a.Name)
			a.Host.Move()
		}
	case dice < 15:
		if a := s.pick(awake); a != nil {
			ok := s.r.IntN(2) == 0
			s.note("%s is reachable: %v", a.Name, ok)
			a.Host.SetReachable(ok)
		}
	case dice < 16:
		if a := s.pick(awake); a != nil {
			a.full = !a.full
			s.note("the disk of %s is full: %v", a.Name, a.full)
			a.Disk.SetFull(a.full)
		}
	case dice < 17:
		ahead := time.Duration(s.r.IntN(3600)-1800) * time.Second
		if s.wild() && s.r.IntN(2) == 0 {
			ahead += time.Duration(s.r.IntN(21)-10) * 365 * 24 * time.Hour
		}
		a := s.actors[s.r.IntN(len(s.actors))]
		s.note("the clock of %s is ahead by %v", a.Name, ahead)
		a.SetClock(ahead)
	case dice < 18:
		var groups [2][]*Person
		for _, a := range s.actors {
			if g := s.r.IntN(3); g < 2 && a.Host != nil {
				groups[g] = append(groups[g], a.Person)
			}
		}
		s.note("partition: %v", groups)
		s.w.Part(groups[0], groups[1])
	case dice < 19:
		s.note("the partition heals")
		s.w.Heal()
	default:
		f := p2ptest.Faults{
			Latency: time.Duration(s.r.IntN(100)) * time.Millisecond, Jitter: time.Duration(s.r.IntN(100)) * time.Millisecond,
			Refuse: 0.3 * s.r.Float64(), Cut: 0.3 * s.r.Float64(), Echo: 0.3 * s.r.Float64(), EchoAfter: time.Hour, Forget: 0.2 * s.r.Float64(),
		}
		s.note("faults %+v", f)
		s.w.Net.SetFaults(f)
	}
	synctest.Wait()
}

// String is for the story.
func (p *Person) String() string { return p.Name }

// check looks after each step.
func (s *sim) check() {
	for _, a := range s.actors {
		if a.Awake() && a.Died() {
			s.note("%s lost power", a.Name)
			a.Crash()
			s.crashes++
			a.since = time.Now()
			if s.r.IntN(2) == 0 {
				s.start(a)
			}
		}
		if ended, err := a.Ended(); ended {
			s.fail("%s ended by itself: %v", a.Name, err)
		}
		if !awake(a) {
			continue
		}
		a.bounds = max(a.bounds, a.Node.Stats().Waiting)
		keepers, err := s.wire.honest(a.Vault)
		if err != nil && !a.Died() {
			s.fail("the outbox of %s: %v", a.Name, err)
		}
		s.keepers = max(s.keepers, keepers)
	}
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken != "" {
		s.fail("%s", broken)
	}
	if c := s.w.Net.Conns(); c > 4*len(s.actors)*len(s.actors) {
		s.fail("%d connections are open", c)
	}
	if g := runtime.NumGoroutine(); g > max(20_000, 300*len(s.actors)) {
		s.fail("%d goroutines run", g)
	}
}
