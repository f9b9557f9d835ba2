package node

import (
	"slices"
	"time"

	"github.com/linnetmesh/linnet/node/vault"
)

// Keeping is what a relay keeps for this account's contacts: messages that people see, and that have not come yet.
type Keeping struct {
	Relay    TransportKey
	Messages int       // each counts once for each device that it is for
	Until    time.Time // the last of them is kept so long
}

// Keeping returns which relays, own and others', signed that they keep something of what waits here, those that keep most
// first. It looks at all that waits.
func (n *Node) Keeping() (out []Keeping, err error) {
	by := make(map[TransportKey]*Keeping)
	err = n.config.Vault.Each(vault.Outbox, nil, func(key, value []byte) error {
		p, err := parsePost(key, value)
		if err != nil || !p.Kind.Shown() {
			return err
		}
		for _, k := range p.state.Keepers {
			one := by[k.Relay]
			if one == nil {
				one = &Keeping{Relay: k.Relay}
				by[k.Relay] = one
			}
			one.Messages++
			if until := time.UnixMilli(int64(k.Until)); until.After(one.Until) {
				one.Until = until
			}
		}
		return nil
	})
	for _, one := range by {
		out = append(out, *one)
	}
	slices.SortFunc(out, func(a, b Keeping) int {
		if a.Messages != b.Messages {
			return b.Messages - a.Messages
		}
		return slices.Compare(a.Relay[:], b.Relay[:])
	})
	return out, err
}
