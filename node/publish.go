package node

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
)

// Rules of publishing.
const (
	publishEvery    = time.Hour // the DHT forgets after three
	publishJitter   = 10 * time.Minute
	publishPatience = time.Minute
	publishFirst    = 300 * time.Millisecond
	readPatience    = 5 * time.Second
	checkAfter      = 5 * time.Second // and up to six times that
	readEvery       = 6 * time.Hour   // even if nothing changed
)

// published is what a device last published, to put the same bytes again.
type published struct {
	device descriptor.Device // without its version
	record descriptor.Record
	values []descriptor.Sealed
	view   identity.View
	read   time.Time // when what stands in the DHT was read

	content descriptor.Content  // of values
	ahead   []descriptor.Sealed // for relays
	aheadOf descriptor.Content
	aheadAt time.Time
	fresh   bool // it is not kept yet: see keepPublished
}

// publish lets the account be found, until ctx ends: at the start, every hour, and when something changed.
func (n *Node) publish(ctx context.Context) {
	retry, checked := 2*time.Second, false
	sleep(ctx, publishFirst) // what the owner waits for comes first
	last := n.lastPublished(n.currentSelf(), n.now())
	if !last.record.IsZero() { // it stays, but contacts hear that this device is elsewhere since it started
		_ = n.run(ctx, func(t *turn) error {
			t.moved()
			return nil
		})
	}
	for ctx.Err() == nil {
		next := publishEvery - publishJitter/2 + rand.N(publishJitter) //nolint:gosec // jitter needs no secret
		if err := n.publishOnce(ctx, &last); errors.Is(err, ErrRevoked) {
			n.log.Debug("a device that is off its account publishes nothing")
		} else if err != nil {
			n.log.Info("the descriptor was not published", "error", err, "again", retry)
			next = retry
			retry = min(2*retry, 5*time.Minute)
		} else {
			retry = 2 * time.Second
			if !checked && len(n.currentSelf().view.Devices()) > 1 { // two devices may have read, merged and put at one moment
				next = checkAfter + rand.N(5*checkAfter) //nolint:gosec // jitter needs no secret
				checked = true
			}
		}
		// A period's last hour is the next one's first.
		now := n.now()
		if border := now.Truncate(descriptor.PeriodLength).Add(descriptor.PeriodLength - descriptor.Early); border.After(now) && border.Before(now.Add(next)) {
			next = border.Sub(now) + time.Second
		}
		t := time.NewTimer(next)
		select {
		case <-t.C:
		case <-n.config.Reach.Changed():
			checked = false
			sleep(ctx, 200*time.Millisecond) // addresses come in swarms
			n.couriers.hurry()
			n.mail.hurry()
			n.tellSite(ctx)
			n.phone.hear(conference.NetworkChanged{})
		case <-n.republish:
			checked = false
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// touch has the account published anew.
func (n *Node) touch() {
	select {
	case n.republish <- struct{}{}:
	default:
	}
}

// ownDevice is what this device says of itself now.
func (n *Node) ownDevice(s *self) descriptor.Device {
	d := descriptor.Device{Number: s.number}
	copy(d.Bundle[:], s.bundleKey.AppendTo(nil))
	d.Boxes = n.ownBoxes()
	if !n.config.Hidden && (len(d.Boxes) == 0 || n.config.Open) {
		if direct := n.ownAddrs(); len(direct) > 0 {
			d.Transport, d.Direct = n.config.Reach.Key(), direct
		}
	}
	return d
}

// ownSite is where this device says, inside a session, that it is.
func (n *Node) ownSite(s *self, to device, now time.Time) site {
	out := site{Number: n.number, Version: s.Record, Boxes: n.ownBoxes()}
	copy(out.Bundle[:], s.bundleKey.AppendTo(nil))
	if direct := n.ownAddrs(); len(direct) > 0 && !n.config.Hidden {
		out.Transport, out.Direct = n.config.Reach.Key(), direct
	}
	for _, r := range n.relaysIn(RelayUsed) {
		out.Tokens = append(out.Tokens, r.token(to, now))
	}
	return out
}

// publishOnce reads, merges, seals where something changed, and puts.
func (n *Node) publishOnce(ctx context.Context, last *published) error {
	ctx, cancel := context.WithTimeout(ctx, publishPatience)
	defer cancel()
	now := n.now()
	places := descriptor.PublishPlaces(now)
	s := n.currentSelf()
	if _, err := s.entry(); err != nil {
		return err
	}
	device := n.ownDevice(s)
	age := now.Sub(last.read)
	alone := len(s.view.Devices()) == 1 && age < readEvery && age >= 0 // and nobody else who has d is likely to have written
	same := !last.record.IsZero() && sameDevice(device, last.device) && last.view.Equal(s.view) && slices.EqualFunc(places, last.values,
		func(p descriptor.Place, v descriptor.Sealed) bool { return p == v.Place })
	if !same || !alone {
		read, err := n.readOwn(ctx, s.discovery.Public(), places, len(s.view.Devices()) == 1 && last.record.IsZero() && s.Record != 0)
		if err != nil {
			return err
		}
		if same && last.stands(read, s.view) {
			last.read = now
		} else if err := n.sealOwn(ctx, last, device, places, read, now); err != nil {
			return err
		}
	}
	if err := n.leaveDescriptors(last, now); err != nil {
		n.log.Info("relays were not given what they put while this device sleeps", "error", err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	for _, v := range last.values {
		all.Go(func() {
			_, err := n.config.Directory.Publish(ctx, v.Key.DHT(), v.Value)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, err)
			}
		})
	}
	all.Wait()
	if last.fresh {
		if err := n.keepPublished(ctx, last); err != nil { // a full disk, say: the account can be found all the same
			n.log.Info("what was published was not kept for the next start", "error", err)
		} else {
			last.fresh = false
		}
	}
	if len(failed) == len(last.values) {
		return errors.Join(failed...)
	}
	n.stats.published.Add(1)
	n.publishFormer(ctx, last.record, places)
	return nil
}

func sameDevice(a, b descriptor.Device) bool {
	return a.Transport == b.Transport && a.Bundle == b.Bundle && slices.EqualFunc(a.Direct, b.Direct, bytes.Equal) && sameBoxes(a.Boxes, b.Boxes)
}

func sameBoxes(a, b []descriptor.Box) bool {
	return slices.EqualFunc(a, b, func(x, y descriptor.Box) bool {
		return x.Relay == y.Relay && x.Box == y.Box && slices.EqualFunc(x.Addresses, y.Addresses, bytes.Equal)
	})
}

// ownDescriptors is what was read of the own account.
type ownDescriptors struct {
	content descriptor.Content
	newest  map[descriptor.Place]ownDescriptor
	last    map[descriptor.Place]time.Time // when they were signed, and what else this device knows of
}

// ownDescriptor is one, and what it says.
type ownDescriptor struct {
	sealed  descriptor.Sealed
	content descriptor.Content
}

// readOwn reads what the account's devices published under a discovery key. With skip, it reads nothing: nobody else writes.
func (n *Node) readOwn(ctx context.Context, d identity.DiscoveryKey, places []descriptor.Place, skip bool) (*ownDescriptors, error) {
	out := &ownDescriptors{newest: make(map[descriptor.Place]ownDescriptor), last: make(map[descriptor.Place]time.Time)}
	if skip {
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	s := n.currentSelf()
	var all sync.WaitGroup
	var mu sync.Mutex
	var newer error
	for _, at := range places {
		key, err := descriptor.Blind(d, at)
		if err != nil {
			return nil, err
		}
		all.Go(func() {
			_ = n.config.Directory.Lookup(ctx, key.DHT(), func(value []byte) bool {
				o, err := descriptor.Open(value, d, s.view, n.now())
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, identity.ErrNewer) {
					newer = err // a newer Linnet published: what cannot be read must not be overwritten
					return true
				}
				if err != nil {
					return true
				}
				if o.Order.After(out.last[o.Place]) {
					out.last[o.Place] = o.Order
					out.newest[o.Place] = ownDescriptor{descriptor.Sealed{Place: o.Place, Key: key, Value: slices.Clone(value), Order: o.Order}, o.Content}
				}
				if merged, err := out.content.Merge(o.Content); err == nil {
					out.content = merged
				}
				return true
			})
		})
	}
	all.Wait()
	return out, newer
}

// sealOwn makes the values that this account publishes now.
func (n *Node) sealOwn(ctx context.Context, last *published, device descriptor.Device, places []descriptor.Place, read *ownDescriptors, now time.Time) error {
	var s *self
	record := last.record
	err := n.run(ctx, func(t *turn) error {
		s = t.getSelf().clone()
		if m := read.content.Manifest(); m != nil {
			if view, err := s.view.Apply(m); err == nil && !view.Equal(s.view) {
				me := t.contact(n.me)
				if me == nil {
					me = &contact{account: n.me, view: s.view, contactBody: contactBody{State: myself, Since: millisOf(t.now)}}
				}
				if err := t.takeView(me.clone(), view); err != nil {
					return err
				}
				s = t.getSelf().clone()
			}
		}
		if !last.says(device, s.view, read.content) {
			s.Record, record = max(s.Record+1, millisOf(t.now)), descriptor.Record{}
		}
		for p, signed := range s.seals() {
			if signed.After(read.last[p]) {
				read.last[p] = signed
			}
		}
		t.putSelf(s)
		return nil
	})
	if err != nil {
		return err
	}
	entry, err := s.entry()
	if err != nil {
		return err
	}
	next := published{device: device, record: record, view: s.view, read: now, ahead: last.ahead}
	if record.IsZero() {
		device.Version = s.Record
		if next.record, err = descriptor.NewRecord(s.identity, entry, device); err != nil {
			return err
		}
	}
	content, err := descriptor.NewContent(s.view, next.record)
	if err != nil {
		return err
	}
	if content, err = content.Merge(read.content); err != nil {
		return err
	}
	if content, err = content.Active(s.view); err != nil {
		return err
	}
	var own ownSeals
	for _, p := range places {
		v, err := content.Seal(s.discovery, p, read.last[p], now)
		if err != nil {
			return err
		}
		next.values = append(next.values, v)
		own = append(own, ownSeal{Period: uint64(p.Period), Replica: p.Replica, Time: millisOf(v.Order)})
	}
	if err := n.run(ctx, func(t *turn) error {
		s := t.getSelf().clone()
		s.Seals = own
		t.putSelf(s)
		return nil
	}); err != nil {
		return err
	}
	next.content, next.fresh = content, true
	*last = next
	return nil
}

// aheadEvery is how often a device makes new descriptors for its relays, if nothing changed.
const aheadEvery = 24 * time.Hour

// leaveDescriptors gives the relays what they put into the DHT while this device sleeps: signed ahead for two weeks, anew
// when something changed, and daily. A relay that has it already is not given it again.
func (n *Node) leaveDescriptors(last *published, now time.Time) error {
	relays := n.relaysIn(RelayUsed)
	if len(relays) == 0 || last.content.IsZero() {
		return nil
	}
	if age := now.Sub(last.aheadAt); last.ahead == nil || !last.aheadOf.Equal(last.content) || age >= aheadEvery || age < 0 {
		replaces := make(map[descriptor.Place]time.Time)
		for _, v := range last.ahead {
			replaces[v.Place] = v.Order
		}
		ahead, err := last.content.Ahead(n.currentSelf().discovery, replaces, now)
		if err != nil {
			return err
		}
		last.ahead, last.aheadOf, last.aheadAt, last.fresh = ahead, last.content, now, true
	}
	n.mail.leave(last.device.Boxes, last.values, last.ahead)
	return nil
}

// ownSeal is when a descriptor was signed last, by its own account of time: the next must be above it.
type ownSeal struct {
	Period  uint64           `cbor:"1,keyasint"`
	Replica uint8            `cbor:"2,keyasint"`
	Time    uint64           `cbor:"3,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

type ownSeals []ownSeal

func (s *self) seals() map[descriptor.Place]time.Time {
	out := make(map[descriptor.Place]time.Time)
	for _, o := range s.Seals {
		out[descriptor.Place{Period: descriptor.Period(o.Period), Replica: o.Replica}] = time.UnixMilli(int64(o.Time))
	}
	return out
}

// tellSite tells contacts that are awake where this device is now.
func (n *Node) tellSite(ctx context.Context) {
	awake := n.couriers.awake()
	if len(awake) == 0 {
		return
	}
	_ = n.run(ctx, func(t *turn) error {
		t.moved()
		for _, d := range awake {
			if err := t.tellSite(d); err != nil {
				return t.fail(err)
			}
		}
		return nil
	})
}

// moved has what this device says of where it is counted as newer than what it said before.
func (t *turn) moved() {
	s := t.getSelf().clone()
	s.Record = max(s.Record+1, millisOf(t.now))
	t.putSelf(s)
	t.moves = true
	clear(t.told)
	t.after(func() { clear(t.n.sites) })
}

// tellSite tells a device of a contact, or of one's own, where this one is, and with what tokens it may put into its boxes:
// once, until that changes.
func (t *turn) tellSite(d device) error {
	c := t.contact(d.account)
	if c == nil || c.State != Accepted && c.State != myself || t.peer(d) == nil || t.told[d] || t.n.sites[d] && !t.moves {
		return nil
	}
	where := t.n.ownSite(t.getSelf(), d, t.now)
	if where.Transport.IsZero() && len(where.Boxes) == 0 {
		return nil
	}
	if t.told == nil {
		t.told = make(map[device]bool)
	}
	t.told[d] = true
	t.after(func() { t.n.sites[d] = true })
	return t.signalTo(d, &signal{Site: &where})
}

// tellSites tells all contacts where this device is: its relays changed.
func (n *Node) tellSites() {
	n.couriers.background(func(ctx context.Context) {
		if n.run(ctx, func(t *turn) error {
			t.moved()
			return nil
		}) != nil {
			return
		}
		n.each(func(c *contact) bool { return c.State == Accepted || c.State == myself }, func(t *turn, c *contact) error {
			for _, d := range t.devices(c) {
				if d == (device{n.me, n.number}) {
					continue
				}
				if err := t.tellSite(d); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
