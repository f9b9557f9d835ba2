package node

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

// ContactState is how an account stands to this one.
//
//	          Add                 it answers
//	nobody ────────▶ asked ──────────────────────▶ accepted
//	   │                                              ▲
//	   └─ it asks ─▶ requested ── Accept ─────────────┘     at once, if it asks with an invite that fits
//	                                                        any ── Block ─▶ blocked ── Unblock ─▶ what it was
type ContactState uint8

// The states.
const (
	myself    ContactState = 1 // the own account: its other devices
	Asked     ContactState = 2 // we asked, it did not answer yet
	Requested ContactState = 3 // it asks
	Accepted  ContactState = 4
	Blocked   ContactState = 5 // nothing it sends is taken, or answered
)

var stateNames = map[ContactState]string{myself: "myself", Asked: "asked", Requested: "requested", Accepted: "accepted", Blocked: "blocked"}

// String names the state.
func (s ContactState) String() string { return stateNames[s] }

// Bounds of what strangers can make a node remember.
const (
	maxRequests = 128     // accounts that ask; the oldest goes for a new one
	maxAsked    = 32      // messages that a request brings
	maxContacts = 100_000 // accounts in all
	// MaxQueue is how many messages may wait for one device; then Send fails with ErrOutboxFull.
	MaxQueue = 20_000
)

// contact is an account that this one knows. It is a value.
type contact struct {
	account identity.Account
	contactBody
	view identity.View
	seen descriptor.Seen
}

func (c *contact) clone() *contact {
	d := *c
	return &d
}

// moveTo gives a clone another discovery key: of what is published under it, nothing was seen yet.
func (c *contact) moveTo(d identity.DiscoveryKey) {
	if c.Discovery != d {
		c.Discovery, c.seen = d, descriptor.Seen{}
	}
}

// site returns where a device is, nil if that is not known.
func (c *contact) site(number uint8) *site {
	if i := slices.IndexFunc(c.Sites, func(s site) bool { return s.Number == number }); i >= 0 {
		return &c.Sites[i]
	}
	return nil
}

// place puts sites into a clone, told by their device or read in its descriptor, if they are newer, and drops those of
// devices that are not active. It tells whether anything changed.
func (c *contact) place(told bool, news ...site) (changed bool) {
	sites := slices.Clone(c.Sites)
	for _, s := range news {
		i := slices.IndexFunc(sites, func(old site) bool { return old.Number == s.Number })
		switch {
		case i < 0:
			sites = append(sites, s)
		case s.Version > sites[i].Version:
			s.keep(&sites[i], told)
			sites[i] = s
		case sites[i].permit(&s, told):
			changed = true
		}
	}
	active := c.view.Devices()
	sites = slices.DeleteFunc(sites, func(s site) bool {
		return !slices.ContainsFunc(active, func(d identity.Device) bool { return d.Number() == s.Number })
	})
	slices.SortFunc(sites, func(a, b site) int { return cmp.Compare(a.Number, b.Number) })
	changed = changed || !slices.EqualFunc(sites, c.Sites, func(a, b site) bool { return a.Number == b.Number && a.Version == b.Version })
	c.Sites = sites
	return changed
}

// conversation returns the conversation with the contact.
func (c *contact) conversation() chat.ConversationID { return chat.Direct(c.account) }

// Contact is what a face shows of an account.
type Contact struct {
	Account  Account
	Address  Address
	State    ContactState
	Name     string // as the account calls itself
	About    string
	Alias    string // as its contact calls it
	Picture  PictureHash
	Verified bool // their owners compared the safety number
	Since    time.Time
	Devices  []uint8 // active, by the newest manifest that is known
}

func (c *contact) show() Contact {
	out := Contact{
		Account: c.account, Address: Address{Account: c.account, Discovery: c.Discovery}, State: c.State,
		Name: c.Name, About: c.About, Alias: c.Alias, Picture: c.Picture, Verified: c.Verified, Since: time.UnixMilli(int64(c.Since)),
	}
	for _, d := range c.view.Devices() {
		out.Devices = append(out.Devices, d.Number())
	}
	return out
}

// Contacts returns all accounts that this one knows, by name.
func (n *Node) Contacts() []Contact {
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	var out []Contact
	for _, c := range n.shared.contacts {
		if c.State != myself {
			out = append(out, c.show())
		}
	}
	slices.SortFunc(out, func(a, b Contact) int {
		return cmp.Or(cmp.Compare(cmp.Or(a.Alias, a.Name), cmp.Or(b.Alias, b.Name)), cmp.Compare(a.Account.String(), b.Account.String()))
	})
	return out
}

// Contact returns what is known of an account. The error is ErrUnknownContact.
func (n *Node) Contact(a Account) (Contact, error) {
	c := n.contact(a)
	if c == nil || c.State == myself {
		return Contact{}, ErrUnknownContact
	}
	return c.show(), nil
}

// Add asks an account to become a contact: by an invite, or by an address. It returns at once; the account is looked for
// as long as it takes, and what is sent to it meanwhile waits. To add a contact again does no harm. The errors are
// ErrInvite, ErrInviteOver, ErrSelf, ErrBlocked, ErrContactsFull, and those of identity.ParseAddress.
func (n *Node) Add(ctx context.Context, text string) (Account, error) {
	i, err := ParseInvite(text)
	if err != nil {
		return Account{}, err
	}
	if i.Over(n.now()) {
		return Account{}, ErrInviteOver
	}
	a := i.Address.Account
	if a == n.me {
		return a, ErrSelf
	}
	err = n.run(ctx, func(t *turn) error {
		c := t.contact(a)
		switch {
		case c == nil:
			if len(n.state.contacts)+len(t.contacts) > maxContacts {
				return ErrContactsFull
			}
			c = &contact{account: a, view: identity.NewView(a), contactBody: contactBody{State: Asked, Since: millisOf(t.now)}}
		case c.State == Blocked:
			return ErrBlocked
		case c.State == Requested:
			c = c.clone()
			c.Discovery = i.Address.Discovery
			return t.accept(c)
		default: // also who is a contact: it may have another address now, or have lost us
			c = c.clone()
		}
		c.Discovery, c.Token, c.Hints = i.Address.Discovery, i.Token, nil
		for _, p := range i.Peers {
			c.Hints = append(c.Hints, invitePeer{Key: p.Key, Addrs: p.Addrs, Box: p.Box, Token: p.Token})
			if n.mail != nil && !n.config.OwnRelays && !p.Box.IsZero() { // a relay that both can reach
				if err := t.allowRelay(p.Key, p.Addrs, true); err != nil && !errors.Is(err, ErrRelaysFull) {
					return err
				}
			}
		}
		if err := t.changed(c); err != nil {
			return err
		}
		t.after(func() { n.join(c.Hints) })
		return t.signal(c, &signal{Request: &request{Token: i.Token, Name: t.getSelf().Name}})
	})
	return a, err
}

// Accept makes an account that asked a contact.
func (n *Node) Accept(ctx context.Context, a Account) error {
	return n.change(ctx, a, func(t *turn, c *contact) error {
		if c.State != Requested {
			return nil
		}
		return t.accept(c)
	})
}

// accept makes an account a contact and tells it so.
func (t *turn) accept(c *contact) error {
	c = c.clone()
	c.State, c.Token, c.Asked = Accepted, nil, 0
	if err := t.changed(c); err != nil {
		return err
	}
	if err := t.signal(c, &signal{Accepted: true}); err != nil {
		return err
	}
	return t.introduce(c)
}

// Block takes nothing more from an account, and does not tell it. What waits for it fails.
func (n *Node) Block(ctx context.Context, a Account) error {
	return n.change(ctx, a, func(t *turn, c *contact) error {
		if c.State == Blocked {
			return nil
		}
		c = c.clone()
		c.Before, c.State, c.Reconcile = c.State, Blocked, true
		t.after(n.tidyUp)
		if err := t.changed(c); err != nil {
			return err
		}
		for _, d := range n.queues.devices() { // the first at once, the rest by reconcile
			if d.account != a {
				continue
			}
			for _, number := range n.queues.after(d, 0, chunk) {
				if err := t.reconcile(d, number); err != nil {
					return t.fail(err)
				}
			}
		}
		return nil
	})
}

// Unblock takes an account to be what it was before Block.
func (n *Node) Unblock(ctx context.Context, a Account) error {
	return n.change(ctx, a, func(t *turn, c *contact) error {
		if c.State != Blocked {
			return nil
		}
		c = c.clone()
		if c.State, c.Before = c.Before, 0; c.State == 0 {
			c.State = Requested
		}
		return t.changed(c)
	})
}

// Remove forgets an account, and what was said with it: a contact, or one that asks, which is not told. What waits for it
// fails.
func (n *Node) Remove(ctx context.Context, a Account) error {
	return n.change(ctx, a, func(t *turn, c *contact) error {
		t.removeContact(c)
		return nil
	})
}

// removeContact forgets an account, and the sessions with its devices.
func (t *turn) removeContact(c *contact) {
	t.changes++
	t.contacts[c.account] = nil
	for _, d := range t.peersOf(c.account) {
		t.dropPeer(d)
	}
	_ = t.fail(t.n.config.Vault.Each(vault.Setting, append([]byte{'n'}, c.account[:]...), func(key, _ []byte) error {
		t.remove(vault.Setting, key) // what needed a newer Linnet
		return nil
	}))
	t.remove(vault.Setting, choicesKey(c.conversation()))
	t.remove(vault.Setting, pictureKey(c.account))
	t.tell(Event{Kind: EventContact, Account: c.account})
	t.after(t.n.tidyUp)
	t.after(func() { t.n.letGo(c.account) })
	t.after(func() {
		t.n.couriers.background(func(context.Context) {
			if err := t.n.config.Vault.DeleteConversation(c.conversation()); err != nil {
				t.n.log.Warn("a conversation was not deleted", "error", err)
			}
		})
	})
}

// letGo forgets what is only remembered while the node runs, so that strangers who come and go leave nothing. The turns
// alone call it.
func (n *Node) letGo(a identity.Account) {
	gone := func(d device) bool { return d.account == a }
	maps.DeleteFunc(n.told, func(d device, _ identity.Head) bool { return gone(d) })
	maps.DeleteFunc(n.retried, func(d device, _ time.Time) bool { return gone(d) })
	maps.DeleteFunc(n.asked, func(d device, _ time.Time) bool { return gone(d) })
	delete(n.renewed, a)
	maps.DeleteFunc(n.sites, func(d device, _ bool) bool { return gone(d) })
	n.weak.mu.Lock()
	maps.DeleteFunc(n.weak.last, func(d device, _ map[chat.WeakKind]chat.Time) bool { return gone(d) })
	n.weak.mu.Unlock()
	c := &n.couriers
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.places, func(d device, _ identity.TransportKey) bool { return gone(d) })
	delete(c.sought, a)
}

// changed keeps what the owner changed of a contact, and tells it to the own other devices.
func (t *turn) changed(c *contact) error {
	c.Changed = max(millisOf(t.now), c.Changed+1)
	t.putContact(c)
	t.tell(Event{Kind: EventContact, Account: c.account})
	g := c.grant()
	for _, d := range t.getSelf().view.Devices() {
		if d.Number() == t.n.number {
			continue
		}
		if err := t.signalTo(device{t.n.me, d.Number()}, &signal{Contact: &g}); err != nil {
			return t.fail(err)
		}
	}
	return nil
}

// takeContact takes what another of our devices changed of a contact: the latest change counts.
func (t *turn) takeContact(g *grantContact) error {
	if g.Account == t.n.me || g.Account.IsZero() {
		return nil
	}
	c := t.contact(g.Account)
	if c == nil {
		c = &contact{account: g.Account, view: identity.NewView(g.Account)}
	} else if g.Changed <= c.Changed && !c.Discovery.IsZero() {
		return nil
	}
	next, err := g.contact(c)
	if err != nil {
		t.n.log.Warn("another device's word on a contact is not as it must be", "error", err)
		return nil
	}
	next.Reconcile = true
	t.putContact(next)
	t.tell(Event{Kind: EventContact, Account: next.account})
	t.after(t.n.tidyUp)
	return nil
}

// SetVerified remembers whether the owners of both accounts compared the safety number.
func (n *Node) SetVerified(ctx context.Context, a Account, verified bool) error {
	return n.change(ctx, a, func(t *turn, c *contact) error {
		c = c.clone()
		c.Verified = verified
		return t.changed(c)
	})
}

// SetAlias gives a contact a name of one's own, at most 128 bytes; an empty one takes it away.
func (n *Node) SetAlias(ctx context.Context, a Account, alias string) error {
	if len(alias) > 128 {
		return identity.ErrSize
	}
	return n.change(ctx, a, func(t *turn, c *contact) error {
		c = c.clone()
		c.Alias = alias
		return t.changed(c)
	})
}

// change runs f on a contact that is known.
func (n *Node) change(ctx context.Context, a Account, f func(*turn, *contact) error) error {
	return n.run(ctx, func(t *turn) error {
		c := t.contact(a)
		if c == nil || c.State == myself {
			return ErrUnknownContact
		}
		return f(t, c)
	})
}

// SafetyNumber returns the 60 digits that two people compare to know that nobody stands between them. It is the same on
// both sides, and does not change with their devices.
func (n *Node) SafetyNumber(a Account) (string, error) {
	f, err := identity.SafetyNumber(n.me, a)
	if err != nil {
		return "", err
	}
	return f.String(), nil
}

// allContacts returns the contacts as this turn sees them.
func (t *turn) allContacts() []*contact {
	var out []*contact
	for a, c := range t.n.state.contacts {
		if _, changed := t.contacts[a]; !changed {
			out = append(out, c)
		}
	}
	for _, c := range t.contacts {
		if c != nil {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *contact) int { return device{account: a.account}.compare(device{account: b.account}) })
	return out
}
