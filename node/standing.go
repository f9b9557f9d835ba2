package node

import (
	"context"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/vault"
)

// standingKey is where a device keeps what it last published, so that a start costs no work: a standingBody.
var standingKey = []byte("published")

// maxStanding is the most that a standingBody takes: the descriptors of two periods, and those signed ahead.
const maxStanding = (2 + descriptor.AheadPeriods + 1) * descriptor.Replicas * (descriptor.Size + 64)

// standingBody is how what was published is stored.
type standingBody struct {
	Values  []standingValue  `cbor:"1,keyasint" max:"4"`
	Ahead   []standingValue  `cbor:"2,keyasint,omitempty" max:"32"` // of the same content
	AheadAt uint64           `cbor:"3,keyasint,omitempty"`          // ms
	Unknown identity.Unknown `cbor:"-"`
}

// standingValue is a descriptor.
type standingValue struct {
	Period  uint64           `cbor:"1,keyasint"`
	Replica uint8            `cbor:"2,keyasint"`
	Order   uint64           `cbor:"3,keyasint"`
	Value   []byte           `cbor:"4,keyasint" max:"8192"`
	Unknown identity.Unknown `cbor:"-"`
}

func standingOf(list []descriptor.Sealed) []standingValue {
	var out []standingValue
	for _, v := range list {
		out = append(out, standingValue{Period: uint64(v.Place.Period), Replica: v.Place.Replica, Order: millisOf(v.Order), Value: v.Value})
	}
	return out
}

// sealedOf returns what was sealed under a discovery key, and the first that does not fit as an error.
func sealedOf(list []standingValue, d identity.DiscoveryKey) ([]descriptor.Sealed, error) {
	var out []descriptor.Sealed
	for _, v := range list {
		at := descriptor.Place{Period: descriptor.Period(v.Period), Replica: v.Replica}
		key, err := descriptor.Blind(d, at)
		if err != nil {
			return nil, err
		}
		out = append(out, descriptor.Sealed{Place: at, Key: key, Value: v.Value, Order: time.UnixMilli(int64(v.Order))})
	}
	return out, nil
}

// keepPublished stores what was published, for the next start.
func (n *Node) keepPublished(ctx context.Context, p *published) error {
	body := standingBody{Values: standingOf(p.values)}
	if p.aheadOf.Equal(p.content) {
		body.Ahead, body.AheadAt = standingOf(p.ahead), millisOf(p.aheadAt)
	}
	b, err := identity.Marshal(&body)
	if err != nil {
		return err
	}
	return n.run(ctx, func(t *turn) error {
		t.put(vault.Account, standingKey, b)
		return nil
	})
}

// lastPublished is what was published before the start, if it is still to be said word for word; otherwise it is the zero
// published, and all is made anew.
func (n *Node) lastPublished(s *self, now time.Time) published {
	b, err := n.config.Vault.Get(vault.Account, standingKey)
	if err != nil {
		return published{}
	}
	var body standingBody
	if identity.Unmarshal(b, maxStanding, &body) != nil || len(body.Values) == 0 {
		return published{}
	}
	d := s.discovery.Public()
	p := published{view: s.view, aheadAt: time.UnixMilli(int64(body.AheadAt))}
	if p.values, err = sealedOf(body.Values, d); err != nil {
		return published{}
	}
	if p.ahead, err = sealedOf(body.Ahead, d); err != nil {
		return published{}
	}
	for _, v := range p.values {
		o, err := descriptor.Open(v.Value, d, s.view, now)
		if err != nil || !p.content.IsZero() && !o.Content.Equal(p.content) {
			return published{}
		}
		p.content = o.Content
	}
	for _, r := range p.content.Records() {
		if r.Account() == n.me && r.Number() == s.number {
			p.record = r
		}
	}
	if p.record.IsZero() {
		return published{}
	}
	if p.device, err = p.record.Device(); err != nil {
		return published{}
	}
	p.device.Version = 0
	// What the account says now of its devices must be what was said.
	content, err := descriptor.NewContent(s.view, p.record)
	if err == nil {
		content, err = content.Merge(p.content)
	}
	if err == nil {
		content, err = content.Active(s.view)
	}
	if err != nil || !content.Equal(p.content) {
		return published{}
	}
	if len(p.ahead) > 0 {
		p.aheadOf = p.content
	}
	return p
}

// stands tells whether what was read says nothing beyond what was published, and takes over values that another device of
// the account sealed later, of the same content.
func (p *published) stands(read *ownDescriptors, view identity.View) bool {
	content, err := p.content.Merge(read.content)
	if err == nil {
		content, err = content.Active(view)
	}
	if err != nil || !content.Equal(p.content) {
		return false
	}
	for i, v := range p.values {
		newest, ok := read.newest[v.Place]
		if !ok || !newest.sealed.Order.After(v.Order) {
			continue
		}
		if !newest.content.Equal(p.content) {
			return false
		}
		p.values[i], p.fresh = newest.sealed, true
	}
	return true
}

// says tells whether the device's last record is as it would be now, and the last of its that anybody published. A new one
// has the other devices seal anew, too.
func (p *published) says(device descriptor.Device, view identity.View, read descriptor.Content) bool {
	return !p.record.IsZero() && sameDevice(device, p.device) && view.Equal(p.view) && !slices.ContainsFunc(read.Records(), func(r descriptor.Record) bool {
		return r.Number() == p.record.Number() && r.Version() > p.record.Version()
	})
}
