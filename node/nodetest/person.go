package nodetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// ErrPower is what a vault hears when the power goes at a write, see Person.CrashAt.
var ErrPower = errors.New("nodetest: the power went")

// Person is somebody's device. Its methods are for the goroutine of its World.
type Person struct {
	Name string
	Disk *vault.Disk
	// Host, Node and Vault are those of the last Start.
	Host  *p2ptest.Host
	Node  *node.Node
	Vault *vault.Vault

	// Config, if it is set, changes what the node is made of: at the next Start.
	Config func(*node.Config)

	w     *World
	stop  context.CancelFunc // nil while asleep
	ended chan struct{}      // closed when Run has returned
	err   error              // of Run, once it has
	watch sync.WaitGroup
	clock atomic.Int64 // how far the own clock is ahead, in ns
	fuse  fuse
}

// fuse lets the power go at a write to come.
type fuse struct {
	mu    sync.Mutex
	armed bool
	left  int // writes before that one
	after bool
	host  *p2ptest.Host
	disk  *vault.Disk // what was on the disk when the power went, nil before; mu also guards changes of Person.Disk
}

// Start starts the node, on what the disk holds, as a new host of the network. The context is for
// the start alone. The errors are the vault's and the node's.
func (p *Person) Start(ctx context.Context) error {
	p.Disk.Before = func(int) error { return p.blow(false) }
	p.Disk.After = func(int) error { return p.blow(true) }
	v, err := vault.Open(vault.Config{Disk: p.Disk, Log: p.w.Log})
	if err != nil {
		return err
	}
	h := p.w.Net.NewHost()
	c := node.Config{
		Vault: v, Deliver: h.Lane(DeliverLane), Bundle: h.Lane(BundleLane), Mailbox: h.Lane(MailboxLane), Directory: h, Reach: h, Log: p.w.Log,
		Now: func() time.Time { return time.Now().Add(time.Duration(p.clock.Load())) },
	}
	if p.Config != nil {
		p.Config(&c)
	}
	n, err := node.New(c)
	if err != nil {
		h.Close()
		return errors.Join(err, v.Close())
	}
	p.Vault, p.Host, p.Node = v, h, n
	if p.w.parts != nil {
		p.w.Part(p.w.parts...)
	}
	p.w.Join(ctx, h)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	p.stop, p.ended, p.err = cancel, ended, nil
	p.watch.Go(func() { p.w.keepJoined(ctx, h) })
	if f := p.w.Event; f != nil {
		p.watch.Go(func() { watch(ctx, n, func(e node.Event) { f(p, e) }) })
	}
	go func() {
		defer close(ended)
		p.err = n.Run(ctx)
	}()
	return nil
}

// watch calls f with the events of a node until it ends.
func watch(ctx context.Context, n *node.Node, f func(node.Event)) {
	after := uint64(0)
	for ctx.Err() == nil {
		err := n.Watch(ctx, after, func(e node.Event) error {
			f(e)
			return nil
		})
		if !errors.Is(err, node.ErrResync) {
			return
		}
		after = n.LastEvent()
	}
}

// Stop ends the node in good order, if it is awake. The error is the node's or the vault's.
func (p *Person) Stop() error {
	if p.stop == nil {
		return nil
	}
	err := errors.Join(p.halt(), p.Vault.Close())
	if p.Died() {
		p.revive()
		return nil
	}
	return err
}

// halt ends what runs.
func (p *Person) halt() error {
	p.stop()
	<-p.ended
	err := p.err
	p.Host.Close()
	p.watch.Wait()
	p.stop = nil
	return err
}

// Crash ends the node as kill -9 does: what is not on the disk is gone. From the moment of the call on, or of the write
// that CrashAt named, nothing reaches disk or network.
func (p *Person) Crash() {
	if p.stop == nil {
		return
	}
	p.Host.Close()
	p.fuse.mu.Lock()
	if p.fuse.disk == nil {
		p.fuse.disk = p.Disk.Clone() // what a power loss at this moment leaves
	}
	p.fuse.mu.Unlock()
	_ = p.halt()
	p.revive()
}

// revive leaves what was on the disk when the power went.
func (p *Person) revive() {
	_ = p.Vault.Close()
	p.fuse.mu.Lock()
	defer p.fuse.mu.Unlock()
	p.Disk = p.fuse.disk
	p.fuse.armed, p.fuse.disk = false, nil
}

// CrashAt lets the power go at a write to the disk after so many more: before it is done, or after, when the program has
// not heard yet that it was. Died tells when that has happened; Crash clears up.
func (p *Person) CrashAt(writes int, after bool) {
	p.fuse.mu.Lock()
	defer p.fuse.mu.Unlock()
	p.fuse.armed, p.fuse.left, p.fuse.after, p.fuse.host = true, writes, after, p.Host
}

// Died tells whether the power went by itself, see CrashAt.
func (p *Person) Died() bool {
	p.fuse.mu.Lock()
	defer p.fuse.mu.Unlock()
	return p.fuse.disk != nil
}

// blow is called before and after each write.
func (p *Person) blow(after bool) error {
	f := &p.fuse
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.disk != nil:
		return ErrPower
	case !f.armed || f.after != after:
		return nil
	case f.left > 0:
		f.left--
		return nil
	}
	f.disk = p.Disk.Clone()
	f.host.Close()
	return ErrPower
}

// Restore puts an older copy of the disk in the place of the disk. The person must be asleep.
func (p *Person) Restore(old *vault.Disk) {
	p.fuse.mu.Lock()
	defer p.fuse.mu.Unlock()
	p.Disk = old.Clone()
}

// SetClock sets the clock of the device: by how much it is ahead of the world's.
func (p *Person) SetClock(ahead time.Duration) { p.clock.Store(int64(ahead)) }

// Now returns what the clock of the device shows.
func (p *Person) Now() time.Time { return time.Now().Add(time.Duration(p.clock.Load())) }

// Awake tells whether the node runs, as far as anybody knows: see Died.
func (p *Person) Awake() bool { return p.stop != nil }

// Ended tells whether the node ended by itself, and why: a vault that writes no more.
func (p *Person) Ended() (bool, error) {
	if p.stop == nil {
		return false, nil
	}
	select {
	case <-p.ended:
		return true, p.err
	default:
		return false, nil
	}
}

// Knows returns how another's account stands to this one, 0 if it is not known.
func (p *Person) Knows(q *Person) node.ContactState {
	c, err := p.Node.Contact(q.Node.Account())
	if err != nil {
		return 0
	}
	return c.State
}

// Lines returns the newest lines of the conversation with an account, up to 1000, the oldest first. The person must be
// awake. The error is the vault's.
func (p *Person) Lines(with node.Account) ([]node.Message, error) {
	list, err := p.Node.Messages(with, node.Line{}.Place, vault.MaxPage)
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list, err
}

// Open returns the vault on a copy of the disk, also while the node runs or is asleep: what a power loss now would leave.
// The caller closes it.
func (p *Person) Open() (*vault.Vault, error) {
	p.fuse.mu.Lock()
	disk := p.Disk
	if p.fuse.disk != nil {
		disk = p.fuse.disk
	}
	p.fuse.mu.Unlock()
	return vault.Open(vault.Config{Disk: disk.Clone()})
}
