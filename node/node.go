// Package node is a messenger without a face: the one façade behind which keys, post, peers and calls meet.
//
// A Node is one device of one account, with a vault of its own and a host of its own on the network, so that two
// accounts on one machine are not linked. What goes in and out:
//
//	Send, React, … ─▶ turn {chat → session → envelope → vault} ─▶ outbox ─▶ courier ═▶ deliver lane
//	events ◀── turn {envelope → session → chat → vault} ◀── receive ◀═ deliver lane; the reply is the acknowledgement
//
// All state changes in turns, one after the other, in one goroutine. A turn takes all operations that wait, works on
// values, and keeps what they changed in one transaction of the vault; only then anything leaves: envelopes, replies,
// events, the results of calls. If the transaction fails, nothing happened. So a message that was accepted is stored, a
// message that was acknowledged is stored on the other side, and no key is used twice, whenever the power goes.
//
// PROTOCOL.md has the lanes, the signals, the invites and the rules of the outbox.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

// Words of other rooms that callers of this one need.
type (
	// Account is a person.
	Account = identity.Account
	// Address is what finds a person.
	Address = identity.Address
	// TransportKey is what a host is known by.
	TransportKey = identity.TransportKey
	// ConversationID names a conversation.
	ConversationID = chat.ConversationID
	// Ref names a message.
	Ref = chat.Ref
	// MessageID names a message among those of its author.
	MessageID = chat.ID
	// Line is a message as it is shown.
	Line = chat.Line
	// Delivery is how far a message came on its way to one device.
	Delivery = chat.Delivery
	// State is how far that is, in one word.
	State = chat.State
	// Place is where a message is shown.
	Place = chat.Place
	// Time is a message's time.
	Time = chat.Time
	// Kind is what a message is.
	Kind = chat.Kind
)

// KindText is a line of text.
const KindText = chat.KindText

// The states of a message.
const (
	Queued    = chat.Queued
	Kept      = chat.Kept
	Delivered = chat.Delivered
	Read      = chat.Read
	Failed    = chat.Failed
)

// Lane is a protocol of the network: streams to other devices, each known by its transport key. What it dials has
// proven to own the key.
type Lane interface {
	// Dial opens a stream. With no addresses, it uses what the host knows by itself.
	Dial(ctx context.Context, key identity.TransportKey, addrs []string) (net.Conn, error)
	// Handle serves the streams that others open, each in a goroutine of its own. It is called once.
	Handle(serve func(key identity.TransportKey, conn net.Conn))
}

// Directory is the DHT: descriptors by their blinded keys.
type Directory interface {
	// Publish puts a value, and returns how many nodes said that they keep it. It is an error if none did.
	Publish(ctx context.Context, key string, value []byte) (kept int, err error)
	// Lookup calls found with each different valid value as it comes, until found returns false or there are no more.
	Lookup(ctx context.Context, key string, found func(value []byte) bool) error
}

// Reach is where the own host is.
type Reach interface {
	// Key is the host's transport key.
	Key() identity.TransportKey
	// Addrs returns the addresses under which others may reach it, the best first.
	Addrs() []string
	// Changed receives after Addrs changed. It may be nil.
	Changed() <-chan struct{}
	// Join makes another node known to the host: from an invite.
	Join(ctx context.Context, key identity.TransportKey, addrs []string) error
	// Servers calls each with nodes that the host knows and that others can begin with, until each returns false.
	Servers(each func(key identity.TransportKey, addrs []string) bool)
	// EncodeAddr and DecodeAddr are the form in which addresses travel, at most descriptor.AddressSize bytes.
	EncodeAddr(addr string) ([]byte, error)
	DecodeAddr(b []byte) (string, error)
}

// Config is what a Node is made of. Vault, Deliver, Bundle, Directory and Reach are required.
type Config struct {
	Vault     *vault.Vault
	Deliver   Lane // /linnet/deliver/1
	Bundle    Lane // /linnet/bundle/1
	Directory Directory
	Reach     Reach

	// Mailbox is /linnet/mailbox/1, to relays. Nil does without relays.
	Mailbox Lane
	// Conference is /linnet/conference/1, to mixers. Nil does without: then calls go straight from device to device.
	Conference conference.Lane
	// Hidden keeps the device's own network addresses from everybody, contacts too: it is reached through relays only.
	Hidden bool
	// Open puts the device's own network addresses into the descriptor even though it has relays: whoever knows the address
	// of the account sees where it is.
	Open bool
	// OwnRelays uses only relays that were added by their owner, and none that came with an invite.
	OwnRelays bool
	// Now tells the time where a date matters, for tests of clocks that are wrong. Nil is time.Now.
	Now func() time.Time
	// Log receives what an operator may know: no keys, no content, nobody's name. Nil discards it.
	Log *slog.Logger
}

// Errors of a Node's calls.
var (
	// ErrNoAccount says that the vault holds no account: Create one.
	ErrNoAccount = errors.New("node: no account here")
	// ErrAccountExists says that the vault holds an account already.
	ErrAccountExists = errors.New("node: there is an account already")
	// ErrStopped says that the node does not run.
	ErrStopped = errors.New("node: stopped")
	// ErrUnknownContact says that an account is no contact.
	ErrUnknownContact = errors.New("node: not a contact")
	// ErrBlocked says that the contact is blocked: unblock first.
	ErrBlocked = errors.New("node: contact is blocked")
	// ErrSelf says that an address or invite is one's own.
	ErrSelf = errors.New("node: that is yourself")
	// ErrUnknownMessage says that there is no such message here.
	ErrUnknownMessage = errors.New("node: no such message")
	// ErrContactsFull says that there are as many contacts as a node can have.
	ErrContactsFull = errors.New("node: too many contacts")
	// ErrOutboxFull says that too much waits for a device already.
	ErrOutboxFull = errors.New("node: outbox is full")
	// ErrInvite says that a text is no invite, or one that was misspelt.
	ErrInvite = errors.New("node: not an invite")
	// ErrInviteOver says that an invite has expired.
	ErrInviteOver = errors.New("node: invite has expired")
)

// Node is a device of an account. Its methods are for several goroutines at once; those that change something wait for
// Run, and return when it is durable.
type Node struct {
	config Config
	log    *slog.Logger
	me     identity.Account
	number uint8

	ops     chan *op
	ring    ring
	state   state // of the turn's goroutine alone
	queues  queues
	shared  shared
	askers  askers
	openers openers // of the turns

	openings chan struct{}
	told     map[device]identity.Head // the own manifest that each device was told; of the turns
	retried  map[device]time.Time     // when each asked for the same again; of the turns
	asked    map[device]time.Time     // when each was asked to say something again; of the turns
	sites    map[device]bool          // who was told where this device is now; of the turns
	mail     *mail                    // nil without relays

	phone    phone
	calls    callBook
	floors   floors
	couriers couriers
	weak     weakBook
	skew     atomic.Int64 // ns; see now
	stats    stats
	running  atomic.Bool
	stop     chan struct{} // closed when Run ends

	picturing sync.Mutex                    // held while a picture is made
	renewed   map[identity.Account]renewals // of the turns
	copied    copied                        // of the turns

	republish chan struct{} // buffered
	tidy      chan struct{} // buffered: a contact changed, see reconcile
}

// shared is what other goroutines may read: values that turns replace. The map of contacts is that of the state: the
// turns alone write to it, with the lock, and read it without.
type shared struct {
	mu       sync.RWMutex
	self     *self
	contacts map[identity.Account]*contact
	relays   map[identity.TransportKey]*ownRelay
	keys     []envelope.PrivateKey // open first messages, the newest first
}

// New makes a Node of the account that the vault holds. It starts nothing. The error is ErrNoAccount, or one that names
// all that is missing from the Config.
func New(c Config) (*Node, error) {
	var missing []error
	for name, is := range map[string]bool{
		"vault": c.Vault != nil, "deliver lane": c.Deliver != nil, "bundle lane": c.Bundle != nil,
		"directory": c.Directory != nil, "reach": c.Reach != nil,
	} {
		if !is {
			missing = append(missing, fmt.Errorf("node: config lacks the %s", name))
		}
	}
	if len(missing) > 0 {
		return nil, errors.Join(missing...)
	}
	n := &Node{
		config: c, log: c.Log, ops: make(chan *op, maxTurn), stop: make(chan struct{}),
		openings: make(chan struct{}, maxOpenings), told: make(map[device]identity.Head), retried: make(map[device]time.Time), sites: make(map[device]bool), asked: make(map[device]time.Time), renewed: make(map[identity.Account]renewals), tidy: make(chan struct{}, 1), republish: make(chan struct{}, 1),
	}
	if n.config.Now == nil {
		n.config.Now = time.Now
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	n.couriers.init(n)
	n.mail = newMail(n)
	if err := n.load(); err != nil {
		return nil, err
	}
	if err := n.loadCalls(); err != nil {
		return nil, fmt.Errorf("reading the history of calls: %w", err)
	}
	n.phone.init(n)
	return n, nil
}

// Run makes the node talk, until ctx ends: it takes what others deliver, delivers what waits, and lets itself be found.
// It owns all goroutines, and awaits them. It may be called once. Nothing is lost when it ends, or is killed.
func (n *Node) Run(ctx context.Context) error {
	if !n.running.CompareAndSwap(false, true) {
		return ErrStopped
	}
	g, ctx := errgroup.WithContext(ctx)
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	var visitors sync.WaitGroup
	var door sync.Mutex
	n.config.Deliver.Handle(n.visit(work, &door, &visitors, n.serveDeliver))
	n.config.Bundle.Handle(n.visit(work, &door, &visitors, n.serveBundle))
	g.Go(func() error { return n.turns(ctx) })
	g.Go(func() error { n.couriers.run(work); return nil })
	g.Go(func() error { n.publish(work); return nil })
	g.Go(func() error { n.keepHouse(work); return nil })
	g.Go(func() error { n.reconcile(work); return nil })
	g.Go(func() error { n.collect(work); return nil })
	g.Go(func() error { n.phone.run(work); return nil })
	g.Go(func() error {
		n.readNewer(work)
		n.tellProfiles()
		n.tellPictures()
		return nil
	})
	<-ctx.Done()
	cancel()
	door.Lock()   // whoever comes now finds it closed
	door.Unlock() //nolint:staticcheck // the wait was all
	err := g.Wait()
	visitors.Wait()
	return err
}

// visit returns the handler of a lane: it ends with the node, and Run awaits it.
func (n *Node) visit(ctx context.Context, mu *sync.Mutex, all *sync.WaitGroup, serve func(context.Context, identity.TransportKey, net.Conn)) func(identity.TransportKey, net.Conn) {
	return func(key identity.TransportKey, conn net.Conn) {
		defer conn.Close()
		mu.Lock()
		if ctx.Err() != nil {
			mu.Unlock()
			return
		}
		all.Add(1)
		mu.Unlock()
		defer all.Done()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		serve(ctx, key, conn)
	}
}

// Account returns whose device this is.
func (n *Node) Account() Account { return n.me }

// Device returns the device's number.
func (n *Node) Device() uint8 { return n.number }

// Address returns what others find the account by.
func (n *Node) Address() Address {
	s := n.currentSelf()
	return Address{Account: n.me, Discovery: s.discovery.Public()}
}

func (n *Node) currentSelf() *self {
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	return n.shared.self
}

func (n *Node) contact(a identity.Account) *contact {
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	return n.shared.contacts[a]
}

func (n *Node) envelopeKeys() []envelope.PrivateKey {
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	return n.shared.keys
}

// Stats counts what happened since New.
type Stats struct {
	Turns, Operations                uint64 // operations / turns is how many share a transaction
	Received, Duplicates, Unreadable uint64 // envelopes
	Sent, Acknowledged, Resets       uint64 // envelopes, and sessions that were begun anew
	Published, Lookups               uint64
	Waiting                          int // in the outbox
}

type stats struct {
	turns, operations, received, duplicates, unreadable, sent, acknowledged, resets, published, lookups atomic.Uint64
	waiting                                                                                             atomic.Int64
}

// Stats returns the counts.
func (n *Node) Stats() Stats {
	s := &n.stats
	return Stats{
		Turns: s.turns.Load(), Operations: s.operations.Load(),
		Received: s.received.Load(), Duplicates: s.duplicates.Load(), Unreadable: s.unreadable.Load(),
		Sent: s.sent.Load(), Acknowledged: s.acknowledged.Load(), Resets: s.resets.Load(),
		Published: s.published.Load(), Lookups: s.lookups.Load(), Waiting: int(s.waiting.Load()),
	}
}

// sleep waits, and tells whether ctx still goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
