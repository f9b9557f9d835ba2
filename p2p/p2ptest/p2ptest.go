// Package p2ptest is a network in memory: hosts, lanes and a directory with faults, for simulations of whole worlds.
//
// Its Host has the methods of p2p's, so that a node, relay or mixer runs on either. It is made for bubbles of
// testing/synctest with hundreds of hosts and days of simulated time: whatever waits, waits on a sync.Cond or a channel of
// the bubble; a connection has no goroutine of its own, and a timer only while somebody waits for what is still under way
// or for a deadline. What serves a connection runs in a goroutine of its own, as with p2p.
//
//	Host ── Lane.Dial ──▶ link ──▶ Lane.Handle ── Host        bytes, two halves of at most Window
//	  └──── Publish, Lookup ─────▶ store of each Host that serves, the Nearest to a key
//
// Faults come from the seed: the nth dial of one host to another on one lane meets the same fault in every run, whatever
// the order of goroutines. Nothing here encrypts: Tap shows what was given to Write.
//
// A bubble begins in 2000, which package identity takes for a wrong clock: let a world sleep until its year first.
//
// All methods may be called from several goroutines at once.
package p2ptest

import (
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

const (
	// Window is how many bytes one half of a connection holds before who writes must wait.
	Window = 256 << 10
	// Nearest is how many servers the directory puts a value on, and asks, unless SetNearest says otherwise: the k of
	// Kademlia.
	Nearest = 20
	// Life is how long a server of the directory keeps a value after it came.
	Life = 3 * time.Hour
	// DialPatience is how long a dial into nowhere takes: to a host that a partition or a NAT hides.
	DialPatience = 5 * time.Second
	// IdlePatience is how long a connection outlives a partition between its ends, as a QUIC connection does.
	IdlePatience = 30 * time.Second
	// maxServed is how many connections a lane serves at once. One more is refused.
	maxServed = 4096
)

var (
	// ErrClosed says that this host was closed.
	ErrClosed = errors.New("p2ptest: host closed")
	// ErrReset says that a connection was cut, by a fault, a crash or a move.
	ErrReset = errors.New("p2ptest: connection reset")
	// ErrAddress says that an address is not one.
	ErrAddress = errors.New("p2ptest: not an address")
	// ErrUnknown says that no address of a key is known.
	ErrUnknown = errors.New("p2ptest: no address known")
	// ErrRefused says that nobody is at an address, or does not want to talk.
	ErrRefused = errors.New("p2ptest: connection refused")
	// ErrUnreachable says that DialPatience ended.
	ErrUnreachable = errors.New("p2ptest: unreachable")
	// ErrKey says that who is at an address has another key.
	ErrKey = errors.New("p2ptest: another key")
	// ErrProtocol says that a host does not serve this lane.
	ErrProtocol = errors.New("p2ptest: protocol not served")
	// ErrNoPeers says that no server of the directory answered.
	ErrNoPeers = errors.New("p2ptest: no peers")
	// ErrNobody says that no server kept a value.
	ErrNobody = errors.New("p2ptest: nobody kept it")

	// errSilence says that who dials waits for an answer in vain.
	errSilence = errors.New("p2ptest: no answer")
)

// Net is a network. Close it when its world ends.
type Net struct {
	seed   uint64
	faults atomic.Pointer[Faults]
	tap    atomic.Pointer[func(Event)]

	// mu guards what is below, and the fields of hosts and lanes. It is never held while anything waits, nor while a
	// link's own mu is taken.
	mu       sync.Mutex
	closed   bool
	hosts    map[uint64]*Host                 // by address, those that live
	numbers  map[identity.TransportKey]uint64 // by which faults know hosts: a restart with the same key changes none
	dials    map[encounter]uint64             // how many there were while there were faults
	last     uint64                           // address given
	links    uint64                           // made so far
	open     int                              // links
	nearest  int
	groups   map[uint64]int                // of a partition, by number of host, nil for none
	checked  map[[sha256.Size]byte]*record // by the directory
	sweepAt  int                           // values in checked
	handlers sync.WaitGroup
}

// New returns a quiet network without hosts.
func New(seed uint64) *Net {
	n := &Net{
		seed:    seed,
		hosts:   make(map[uint64]*Host),
		numbers: make(map[identity.TransportKey]uint64),
		dials:   make(map[encounter]uint64),
		nearest: Nearest,
		checked: make(map[[sha256.Size]byte]*record),
		sweepAt: sweepLeast,
	}
	n.faults.Store(&Faults{})
	return n
}

// Close crashes all hosts, and returns when no handler runs any more. A handler must not call it.
func (n *Net) Close() {
	n.mu.Lock()
	n.closed = true
	hosts := make([]*Host, 0, len(n.hosts))
	for _, h := range n.hosts {
		hosts = append(hosts, h)
	}
	n.mu.Unlock()
	for _, h := range hosts {
		h.Close()
	}
	n.handlers.Wait()
}

// SetFaults changes the faults: latency at once, the others for connections and puts to come.
func (n *Net) SetFaults(f Faults) { n.faults.Store(&f) }

// SetNearest sets on how many servers the directory puts a value: Nearest at first.
func (n *Net) SetNearest(k int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nearest = max(k, 1)
}

// Conns returns how many connections are open, at one end at least.
func (n *Net) Conns() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open
}

// Partition lets only hosts of one group reach each other. Those that no group names are one group more, and a
// restart with the same key changes no group. Connections between groups fall silent, and are reset after IdlePatience;
// dials between them find nobody. It replaces an earlier partition.
func (n *Net) Partition(groups ...[]*Host) {
	n.mu.Lock()
	n.groups = make(map[uint64]int)
	for i, g := range groups {
		for _, h := range g {
			n.groups[h.number] = i + 1
		}
	}
	stall, resume := n.crossing()
	n.mu.Unlock()
	flow(stall, resume)
}

// Heal ends a partition. What was written meanwhile arrives, unless the connection was reset.
func (n *Net) Heal() {
	n.mu.Lock()
	n.groups = nil
	stall, resume := n.crossing()
	n.mu.Unlock()
	flow(stall, resume)
}

// crossing returns the links between groups, and the others. The caller holds mu.
func (n *Net) crossing() (stall, resume []*link) {
	for _, h := range n.hosts {
		for l := range h.links {
			switch {
			case l.to != h || l.from == nil: // each once; a stranger is everywhere
			case n.apart(l.from, l.to):
				stall = append(stall, l)
			default:
				resume = append(resume, l)
			}
		}
	}
	return stall, resume
}

func flow(stall, resume []*link) {
	for _, l := range stall {
		l.stall()
	}
	for _, l := range resume {
		l.resume()
	}
}

// apart tells whether a partition lies between two hosts. The caller holds mu.
func (n *Net) apart(a, b *Host) bool {
	return n.groups != nil && n.groups[a.number] != n.groups[b.number]
}

// number returns by which number faults know a key. The caller holds mu.
func (n *Net) number(key identity.TransportKey) uint64 {
	i, ok := n.numbers[key]
	if !ok {
		i = uint64(len(n.numbers)) + 1
		n.numbers[key] = i
	}
	return i
}
