package p2p

import (
	"cmp"
	"math/rand/v2"
	"slices"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Servers calls each with nodes that serve the DHT, that this host is connected to, and that others can dial, in random
// order, until each returns false: they go into invites, so that nobody needs an address that is built in. The addresses
// come best first, and are none of a relay's circuit.
func (h *Host) Servers(each func(key identity.TransportKey, addrs []string) bool) {
	peers := h.dht.Load().RoutingTable().ListPeers()
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] }) //nolint:gosec // spreads the load
	for _, id := range peers {
		key, err := keyOf(id)
		if err != nil || len(h.host.Network().ConnsToPeer(id)) == 0 {
			continue
		}
		addrs := slices.DeleteFunc(h.host.Peerstore().Addrs(id), func(m ma.Multiaddr) bool { return isCircuit(m) || h.rank(m) == unfit })
		slices.SortStableFunc(addrs, func(a, b ma.Multiaddr) int {
			return cmp.Or(cmp.Compare(h.rank(a), h.rank(b)), slices.Compare(a.Bytes(), b.Bytes()))
		})
		var texts []string
		for _, m := range addrs[:min(len(addrs), maxAddresses)] {
			texts = append(texts, m.String())
		}
		if len(texts) > 0 && !each(key, texts) {
			return
		}
	}
}
