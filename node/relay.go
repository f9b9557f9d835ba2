package node

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/node/vault"
)

// Bounds of the own relays.
const (
	// MaxRelays is on how many relays a device has a box at a time. With more, a device record would not fit.
	MaxRelays = 3
	// maxAllowed is how many relays are remembered, used or not.
	maxAllowed = 16
	// leaveAfter is how long the box on a relay that is not used any more is looked into: until the last post that somebody
	// could have put there must have expired, and a day.
	leaveAfter = 31 * 24 * time.Hour
)

// ErrRelay says that a text is no relay's address, or one that was misspelt.
var ErrRelay = errors.New("node: not a relay's address")

// ErrRelaysFull says that as many relays are known as a device may know.
var ErrRelaysFull = errors.New("node: too many relays")

// ErrUnknownRelay says that there is no such relay here.
var ErrUnknownRelay = errors.New("node: no such relay")

// RelayState says what a relay is to this device.
//
//	            chosen, while there are fewer than three
//	┌─────────┐ ────────────────────────────────────────▶ ┌──────┐
//	│ allowed │                                           │ used │
//	└─────────┘ ◀── AddRelay, once it takes post again ── └──────┘
//	     ▲                                                   │ it drains, it is dead for a day, or its owner removes it
//	     │                                              ┌─────────┐
//	     └───────── until all post has expired ──────── │ leaving │
//	                                                    └─────────┘
type RelayState uint8

// The states.
const (
	RelayAllowed RelayState = 1 // it may be used
	RelayUsed    RelayState = 2 // there is a box on it, which contacts know
	RelayLeaving RelayState = 3 // there was one: it is looked into until all post must have expired
)

// String names the state.
func (s RelayState) String() string {
	switch s {
	case RelayAllowed:
		return "allowed"
	case RelayUsed:
		return "used"
	case RelayLeaving:
		return "leaving"
	default:
		return "RelayState?"
	}
}

// relayBody is how a relay is stored, in the drawer of peers, under 'r' ‖ its transport key.
type relayBody struct {
	State   RelayState       `cbor:"1,keyasint"`
	Addrs   [][]byte         `cbor:"2,keyasint" max:"6" each:"64"`
	Box     []byte           `cbor:"3,keyasint,omitempty" max:"32"` // the box's private key
	Secret  []byte           `cbor:"4,keyasint,omitempty" max:"32"` // that owner and relay share: tokens are made under it
	Since   uint64           `cbor:"5,keyasint"`                    // ms: of this state
	Invited bool             `cbor:"6,keyasint,omitempty"`          // it came with an invite, and not from its owner
	Removed bool             `cbor:"7,keyasint,omitempty"`          // its owner does not want it: when it has been left, it is forgotten
	Unknown identity.Unknown `cbor:"-"`
}

// ownRelay is a relay that this device uses or may use. It is a value.
type ownRelay struct {
	key identity.TransportKey
	relayBody
	box identity.BoxPrivateKey
}

func relayKey(key identity.TransportKey) []byte { return append([]byte{'r'}, key[:]...) }

func (r *ownRelay) marshal() ([]byte, error) {
	body := r.relayBody
	if !r.box.IsZero() {
		body.Box = r.box.AppendTo(nil)
	}
	return identity.Marshal(&body)
}

func parseRelay(key, b []byte) (*ownRelay, error) {
	if len(key) != 1+len(identity.TransportKey{}) {
		return nil, errStored
	}
	r := &ownRelay{key: identity.TransportKey(key[1:])}
	if err := identity.Unmarshal(b, maxStored, &r.relayBody); err != nil {
		return nil, fmt.Errorf("reading a relay: %w", err)
	}
	if len(r.Box) > 0 {
		var err error
		if r.box, err = identity.ParseBoxPrivateKey(r.Box); err != nil {
			return nil, fmt.Errorf("reading a relay: %w", err)
		}
	}
	clear(r.Box)
	r.Box = nil
	return r, nil
}

func (r *ownRelay) clone() *ownRelay {
	c := *r
	return &c
}

// place returns the box as a device record lists it.
func (r *ownRelay) place() descriptor.Box {
	b := descriptor.Box{Relay: r.key, Box: r.box.Public()}
	for _, a := range r.Addrs {
		if len(a) <= descriptor.AddressSize && len(b.Addresses) < descriptor.MaxAddresses {
			b.Addresses = append(b.Addresses, a)
		}
	}
	return b
}

// open gives the relay a box of its own, with a key made for it alone.
func (r *ownRelay) open(now time.Time) {
	r.box = identity.GenerateBoxKey()
	r.Secret = make([]byte, 32)
	_, _ = rand.Read(r.Secret) // it never fails
	r.State, r.Since, r.Removed = RelayUsed, millisOf(now), false
}

// leave stops using the relay: contacts are told other boxes, and the old one is looked into as long as post may lie there.
func (r *ownRelay) leave(now time.Time) { r.State, r.Since = RelayLeaving, millisOf(now) }

// byAge orders relays as boxes are listed: who is used longest first, so that contacts seldom learn a new order.
func byAge(a, b *ownRelay) int {
	return cmp.Or(cmp.Compare(a.Since, b.Since), bytes.Compare(a.key[:], b.key[:]))
}

// relays returns the relays as this turn sees them, the longest used first.
func (t *turn) allRelays() (out []*ownRelay) {
	for key, r := range t.n.state.relays {
		if _, changed := t.relays[key]; !changed {
			out = append(out, r)
		}
	}
	for _, r := range t.relays {
		if r != nil {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, byAge)
	return out
}

func (t *turn) relay(key identity.TransportKey) *ownRelay {
	if r, ok := t.relays[key]; ok {
		return r
	}
	return t.n.state.relays[key]
}

func (t *turn) putRelay(r *ownRelay) {
	t.relays[r.key] = r
	t.tell(Event{Kind: EventRelay})
	t.after(t.n.mail.look)
}

func (t *turn) dropRelay(key identity.TransportKey) {
	t.relays[key] = nil
	t.tell(Event{Kind: EventRelay})
	t.after(t.n.mail.look)
}

// used returns the relays that are in a state, of the last turn that is durable.
func (n *Node) relaysIn(states ...RelayState) (out []*ownRelay) {
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	for _, r := range n.shared.relays {
		if slices.Contains(states, r.State) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, byAge)
	return out
}

// ownBoxes returns the boxes of this device as others are told them.
func (n *Node) ownBoxes() (boxes []descriptor.Box) {
	for _, r := range n.relaysIn(RelayUsed) {
		boxes = append(boxes, r.place())
	}
	return boxes
}

// AddRelay allows a relay, by the address that it prints, and uses it at once if there is room: at most MaxRelays are used
// at a time. The errors are ErrRelay, ErrRelaysFull, and the vault's.
func (n *Node) AddRelay(ctx context.Context, text string) (TransportKey, error) {
	a, err := mailbox.ParseAddress(text)
	if err != nil {
		return TransportKey{}, errors.Join(ErrRelay, err)
	}
	return a.Key, n.run(ctx, func(t *turn) error { return t.allowRelay(a.Key, a.Addrs, false) })
}

// allowRelay remembers a relay and where it is, and uses it if there is room.
func (t *turn) allowRelay(key identity.TransportKey, addrs [][]byte, invited bool) error {
	r := t.relay(key)
	switch {
	case r == nil:
		if len(t.allRelays()) >= maxAllowed {
			return ErrRelaysFull
		}
		r = &ownRelay{key: key, relayBody: relayBody{State: RelayAllowed, Since: millisOf(t.now), Invited: invited}}
	case invited:
		return nil // what its owner, or the relay itself, said of it counts for more
	default:
		r = r.clone()
	}
	if len(addrs) > 0 {
		r.Addrs = addrs
	}
	if !invited {
		r.Invited, r.Removed = false, false
		if r.State == RelayLeaving {
			r.State, r.Since = RelayUsed, millisOf(t.now)
		}
	}
	t.putRelay(r)
	t.choose()
	return nil
}

// RemoveRelay stops using a relay. Post that lies there is still fetched, as long as there may be some.
func (n *Node) RemoveRelay(ctx context.Context, key TransportKey) error {
	return n.run(ctx, func(t *turn) error {
		r := t.relay(key)
		if r == nil {
			return ErrUnknownRelay
		}
		if r.State == RelayAllowed {
			t.dropRelay(key)
			return nil
		}
		t.leaveRelay(r, true)
		return nil
	})
}

// leaveRelay stops using a relay, for good if its owner wants that, and uses another if one is allowed.
func (t *turn) leaveRelay(r *ownRelay, removed bool) {
	r = r.clone()
	r.Removed = r.Removed || removed
	if r.State == RelayUsed {
		r.leave(t.now)
	}
	t.putRelay(r)
	t.choose()
}

// choose uses allowed relays while there is room: those that the owner chose before those that came with invites. What
// changed is published, and contacts are told.
func (t *turn) choose() {
	all := t.allRelays()
	used := 0
	for _, r := range all {
		if r.State == RelayUsed {
			used++
		}
	}
	slices.SortStableFunc(all, func(a, b *ownRelay) int { return boolInt(a.Invited) - boolInt(b.Invited) })
	for _, r := range all {
		if used >= MaxRelays {
			break
		}
		if r.State == RelayAllowed {
			r = r.clone()
			r.open(t.now)
			t.putRelay(r)
			used++
		}
	}
	t.after(t.n.touch)
	t.after(t.n.tellSites)
}

// forgetRelays forgets the boxes in which nothing can be any more.
func (t *turn) forgetRelays() error {
	for _, r := range t.allRelays() {
		if r.State != RelayLeaving || t.now.Sub(time.UnixMilli(int64(r.Since))) < leaveAfter {
			continue
		}
		if r.Removed {
			t.dropRelay(r.key)
			continue
		}
		r = r.clone()
		r.State, r.Since, r.box, r.Secret = RelayAllowed, millisOf(t.now), identity.BoxPrivateKey{}, nil
		t.putRelay(r)
	}
	return nil
}

// loadRelays reads the relays from the vault.
func (n *Node) loadRelays() error {
	n.state.relays = make(map[identity.TransportKey]*ownRelay)
	return n.config.Vault.Each(vault.Peer, []byte{'r'}, func(key, value []byte) error {
		r, err := parseRelay(key, value)
		if err == nil {
			n.state.relays[r.key] = r
		}
		return err
	})
}

// Relay is what a face shows of a relay.
type Relay struct {
	Key     TransportKey
	Addrs   []string
	State   RelayState
	Since   time.Time // of the state
	Invited bool      // it came with an invite
	RelayHealth
}

// RelayHealth is how a relay does, as far as this device can tell.
type RelayHealth struct {
	Connected bool
	Listens   bool      // post comes from here at once; from the others it is fetched now and then
	Drains    bool      // it takes nothing new
	Ready     bool      // it has all that it hands out while this device sleeps: prekeys, and descriptors that name its boxes of now
	Why       string    // it cannot be used
	Refuses   string    // why it does not take what it is to hand out
	Seen      time.Time // it last answered; zero: not since the node started
	Ahead     time.Duration
	Timed     bool // Ahead is known: by how much the relay's clock is ahead of this device's
}

// Relays returns the relays that this device uses, may use, or is leaving, in the order in which contacts try them.
func (n *Node) Relays() (out []Relay) {
	for _, r := range n.relaysIn(RelayUsed, RelayLeaving, RelayAllowed) {
		out = append(out, Relay{
			Key: r.key, Addrs: n.texts(r.Addrs), State: r.State, Since: time.UnixMilli(int64(r.Since)), Invited: r.Invited,
			RelayHealth: n.mail.health(r.key),
		})
	}
	slices.SortStableFunc(out, func(a, b Relay) int { return cmp.Compare(order[a.State], order[b.State]) })
	return out
}

var order = map[RelayState]int{RelayUsed: 0, RelayLeaving: 1, RelayAllowed: 2}
