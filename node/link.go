package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
	"github.com/linnetmesh/linnet/node/vault"
)

// ErrNotSteward says that this device may not link others.
var ErrNotSteward = identity.ErrNotSteward

// Enrollment is a new device on its way into an account. The two devices speak by whatever their owner can trust:
//
//	steward                           new device
//	LinkOffer ── account, number ──▶  Enroll, Entry
//	Link      ◀── entry ────────────
//	          ── grant ────────────▶  Complete
//
// The private key never leaves the new device, which signs that it belongs to the account; so nobody can be listed who
// does not want to. The grant holds the account's discovery key, and is for the new device alone.
type Enrollment struct {
	vault    *vault.Vault
	identity xeddsa.PrivateKey
	account  Account
	number   uint8
	now      time.Time
}

// LinkOffer returns the number that a new device of this account is to take.
func (n *Node) LinkOffer() (number uint8, err error) {
	s := n.currentSelf()
	if !s.view.Stewards().Has(s.identity.Public()) {
		return 0, ErrNotSteward
	}
	return s.view.FreeNumber()
}

// Enroll begins to make a device of an account in an empty vault. The error is ErrAccountExists, or the vault's.
func Enroll(v *vault.Vault, account Account, number uint8, now time.Time) (*Enrollment, error) {
	if err := vacate(v); err != nil {
		return nil, err
	}
	return &Enrollment{vault: v, identity: xeddsa.GenerateKey(), account: account, number: number, now: now}, nil
}

// Entry returns what the steward lists: at most identity.DeviceSize bytes.
func (e *Enrollment) Entry() ([]byte, error) {
	d, err := identity.NewDevice(e.account, e.number, e.identity, e.now)
	if err != nil {
		return nil, err
	}
	return d.AppendTo(nil), nil
}

// grant is what a steward gives a new device.
type grant struct {
	Manifest  []byte           `cbor:"1,keyasint" max:"2048"`
	Discovery []byte           `cbor:"2,keyasint" max:"32"`
	Name      string           `cbor:"3,keyasint,omitempty" max:"128"`
	About     string           `cbor:"4,keyasint,omitempty" max:"512"`
	Contacts  []grantContact   `cbor:"5,keyasint,omitempty" max:"10000"`
	Unknown   identity.Unknown `cbor:"-"`
}

type grantContact struct {
	Account   identity.Account `cbor:"1,keyasint"`
	Discovery [32]byte         `cbor:"2,keyasint"`
	State     ContactState     `cbor:"3,keyasint"`
	Manifest  []byte           `cbor:"4,keyasint,omitempty" max:"2048"`
	Name      string           `cbor:"5,keyasint,omitempty" max:"128"`
	Alias     string           `cbor:"6,keyasint,omitempty" max:"128"`
	Verified  bool             `cbor:"7,keyasint,omitempty"`
	Since     uint64           `cbor:"8,keyasint"`
	Before    ContactState     `cbor:"9,keyasint,omitempty"`
	Changed   uint64           `cbor:"10,keyasint,omitempty"`
	About     string           `cbor:"11,keyasint,omitempty" max:"512"`
	Unknown   identity.Unknown `cbor:"-"`
}

// grant returns a contact for another device of this account.
func (c *contact) grant() grantContact {
	g := grantContact{
		Account: c.account, Discovery: [32]byte(c.Discovery), State: c.State, Name: c.Name, About: c.About, Alias: c.Alias,
		Verified: c.Verified, Since: c.Since, Before: c.Before, Changed: c.Changed,
	}
	if m := c.view.Manifest(); m != nil {
		g.Manifest = m.AppendTo(nil)
	}
	return g
}

// contact returns a contact as another device of this account has it.
func (g *grantContact) contact(known *contact) (*contact, error) {
	c := known.clone()
	c.State, c.Discovery, c.Alias, c.Verified = g.State, identity.DiscoveryKey(g.Discovery), g.Alias, g.Verified
	c.Since, c.Before, c.Changed = g.Since, g.Before, g.Changed
	if c.State < Asked || c.State > Blocked {
		return nil, identity.ErrMalformed
	}
	if c.Name == "" {
		c.Name, c.About = g.Name, g.About
	}
	if len(g.Manifest) > 0 {
		view, _, err := c.view.Read(g.Manifest)
		if err != nil && !errors.Is(err, identity.ErrRollback) {
			return nil, err
		}
		c.view = view
	}
	return c, nil
}

const maxGrant = 32 << 20

// Link lists a new device, tells all contacts, and returns the grant for it: what it needs to be found, and who the
// contacts are. The errors are ErrNotSteward and those of identity.View.Add.
func (n *Node) Link(ctx context.Context, entry []byte) ([]byte, error) {
	d, err := identity.ParseDevice(n.me, entry)
	if err != nil {
		return nil, err
	}
	var out []byte
	err = n.run(ctx, func(t *turn) error {
		s := t.getSelf().clone()
		m, err := s.view.Add(s.identity, d, t.now)
		if err != nil {
			return err
		}
		if s.view, err = s.view.Apply(m); err != nil {
			return err
		}
		g := grant{Manifest: m.AppendTo(nil), Discovery: s.discovery.AppendTo(nil), Name: s.Name, About: s.About}
		for _, c := range t.allContacts() {
			if c.State == myself {
				continue
			}
			g.Contacts = append(g.Contacts, c.grant())
		}
		if out, err = identity.Marshal(&g); err != nil {
			return err
		}
		return t.changeDevices(s)
	})
	return out, err
}

// Revoke takes devices of this account off its list, for good, and tells all contacts. What was said to them stays
// theirs. The errors are ErrNotSteward, and identity.ErrNewEpoch for a steward's, which takes the words.
func (n *Node) Revoke(ctx context.Context, numbers ...uint8) error {
	return n.run(ctx, func(t *turn) error {
		s := t.getSelf().clone()
		m, err := s.view.Revoke(s.identity, t.now, numbers...)
		if err != nil {
			return err
		}
		if s.view, err = s.view.Apply(m); err != nil {
			return err
		}
		return t.changeDevices(s)
	})
}

// changeDevices keeps another view of the own account, and tells everybody.
func (t *turn) changeDevices(s *self) error {
	me := t.contact(t.n.me)
	if me == nil {
		me = &contact{account: t.n.me, view: t.getSelf().view, contactBody: contactBody{State: myself, Since: millisOf(t.now)}}
	}
	me = me.clone()
	t.putSelf(s)
	if err := t.takeView(me, s.view); err != nil {
		return err
	}
	m := s.view.Manifest().AppendTo(nil)
	t.after(func() { // who is not told now sees it in the next envelope's head, or in the DHT
		t.n.each(func(c *contact) bool { return c.State == Accepted || c.State == Asked },
			func(t *turn, c *contact) error { return t.signal(c, &signal{Manifest: m}) })
	})
	for _, d := range t.devices(me) {
		if d.number != t.n.number {
			if err := t.signalTo(d, &signal{Manifest: m}); err != nil {
				return t.fail(err)
			}
		}
	}
	return nil
}

// Complete makes the device: from then on, New finds the account in the vault.
func (e *Enrollment) Complete(b []byte) error {
	var g grant
	if err := identity.Unmarshal(b, maxGrant, &g); err != nil {
		return fmt.Errorf("reading what the other device granted: %w", err)
	}
	view, _, err := identity.NewView(e.account).Read(g.Manifest)
	if err != nil {
		return err
	}
	if err := view.Check(e.number, e.identity.Public()); err != nil {
		return err
	}
	s := &self{identity: e.identity, number: e.number, view: view}
	if s.discovery, err = identity.ParseDiscoveryPrivateKey(g.Discovery); err != nil {
		return err
	}
	batch := e.vault.NewBatch()
	me := &contact{account: e.account, view: view, contactBody: contactBody{State: myself, Since: millisOf(e.now)}}
	contacts := []*contact{me}
	for _, gc := range g.Contacts {
		c, err := gc.contact(&contact{account: gc.Account, view: identity.NewView(gc.Account)})
		if err != nil {
			return err
		}
		contacts = append(contacts, c)
	}
	for _, c := range contacts {
		if err := c.store(e.vault, batch); err != nil {
			return err
		}
	}
	return s.install(e.vault, batch, g.Name, e.now)
}

// store puts a contact into a batch, which it commits when it is full.
func (c *contact) store(v *vault.Vault, batch *vault.Batch) error {
	b, err := c.marshal()
	if err != nil {
		return err
	}
	if batch.Full() {
		if err := v.Commit(batch); err != nil {
			return err
		}
	}
	return batch.Put(vault.Contact, c.account[:], b)
}
