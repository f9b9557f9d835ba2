package node

import (
	"context"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
)

// Rules of former discovery keys.
const (
	maxFormer = 4
	// formerFor is how long an account that was restored is found under the keys that it had before. Contacts that are
	// away longer, and who have an old invite, do not find it any more.
	formerFor = 90 * 24 * time.Hour
)

// formerKey is a discovery key that the account had before it was restored, and until when it is found under it: by
// contacts that have not heard of the new one, and by devices that are off the account and do not know it yet.
type formerKey struct {
	Key     []byte           `cbor:"1,keyasint" max:"32"`
	Until   uint64           `cbor:"2,keyasint"` // ms
	Unknown identity.Unknown `cbor:"-"`
}

// leave makes a key a former one.
func (s *self) leave(key identity.DiscoveryPrivateKey, now time.Time) {
	s.Former = append(s.Former, formerKey{Key: key.AppendTo(nil), Until: millisOf(now.Add(formerFor))})
}

// publishFormer publishes under former keys what is published under the current one. Others may publish there too, who
// have these keys and not the current one: what they say of an earlier epoch counts for nobody who has read this.
func (n *Node) publishFormer(ctx context.Context, own descriptor.Record, places []descriptor.Place) {
	s, now := n.currentSelf(), n.now()
	for _, f := range s.Former {
		if millisOf(now) >= f.Until {
			continue
		}
		if err := n.publishUnder(ctx, s, f.Key, own, places, now); err != nil {
			n.log.Debug("the descriptor was not published under a former key", "error", err)
		}
	}
}

func (n *Node) publishUnder(ctx context.Context, s *self, key []byte, own descriptor.Record, places []descriptor.Place, now time.Time) error {
	d, err := identity.ParseDiscoveryPrivateKey(key)
	if err != nil {
		return err
	}
	read, err := n.readOwn(ctx, d.Public(), places, false)
	if err != nil {
		return err
	}
	content, err := descriptor.NewContent(s.view, own)
	if err != nil {
		return err
	}
	if content, err = content.Merge(read.content); err != nil {
		return err
	}
	if content, err = content.Active(s.view); err != nil {
		return err
	}
	for _, p := range places {
		v, err := content.Seal(d, p, read.last[p], now)
		if err != nil {
			return err
		}
		if _, err := n.config.Directory.Publish(ctx, v.Key.DHT(), v.Value); err != nil {
			return err
		}
	}
	return nil
}
