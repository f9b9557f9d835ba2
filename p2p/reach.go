package p2p

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnetmesh/linnet/crypto/identity"
)

const (
	maxJoined     = 16               // nodes from invites that are remembered
	firstPause    = 2 * time.Second  // after the first attempt to get into the DHT
	longestPause  = 5 * time.Minute  // after many
	watchPause    = 2 * time.Minute  // between looks whether we are still in it
	phonePause    = 10 * time.Minute // the same on a phone
	bootstraps    = 3                // nodes asked at once
	pollFirst     = time.Millisecond
	pollLongest   = 250 * time.Millisecond
	sweepInterval = 10 * time.Minute
	localPause    = time.Second // between looks at addresses that change without an event
)

// Addrs returns the multiaddrs under which others can reach this host now, without its name, best first, at most 16:
// public ones (QUIC, TCP, WebSocket), those through a relay, those of the LAN; and with Local those of this machine. What
// AutoNAT found to be unreachable is not among them. A relayed one has some 60 bytes, others at most 26.
func (h *Host) Addrs() []string {
	_, unreachable, _ := h.host.ConfirmedAddrs()
	addrs := h.host.AllAddrs()
	for _, m := range h.host.Addrs() {
		if isCircuit(m) || !slices.ContainsFunc(addrs, m.Equal) {
			addrs = append(addrs, m)
		}
	}
	if h.cfg.Local {
		addrs = append(addrs, h.localCircuits()...)
	}
	addrs = slices.DeleteFunc(addrs, func(m ma.Multiaddr) bool {
		return h.rank(m) == unfit || slices.ContainsFunc(unreachable, m.Equal)
	})
	slices.SortStableFunc(addrs, func(a, b ma.Multiaddr) int {
		return cmp.Or(cmp.Compare(h.rank(a), h.rank(b)), slices.Compare(a.Bytes(), b.Bytes()))
	})
	addrs = slices.CompactFunc(addrs, ma.Multiaddr.Equal)
	texts := make([]string, 0, maxAddresses)
	for _, m := range addrs[:min(len(addrs), maxAddresses)] {
		texts = append(texts, m.String())
	}
	return texts
}

// reserved is the tag under which the library's AutoRelay protects relays on which this host has a place.
const reserved = "autorelay"

// localCircuits returns the addresses through relays that have only addresses that are not public: the library forgets
// about those.
func (h *Host) localCircuits() (addrs []ma.Multiaddr) {
	for _, id := range h.host.Network().Peers() {
		if !h.host.ConnManager().IsProtected(id, reserved) {
			continue
		}
		circuit, err := ma.NewMultiaddr("/p2p/" + id.String() + "/p2p-circuit")
		if err != nil {
			continue
		}
		for _, m := range h.host.Peerstore().Addrs(id) {
			if isNear(m) {
				addrs = append(addrs, m.Encapsulate(circuit))
			}
		}
	}
	return addrs
}

// unfit is the rank of an address that is of no use to others.
const unfit = 100

// rank says how good an address is for others, the lower the better.
func (h *Host) rank(m ma.Multiaddr) int {
	rank := 0
	switch {
	case isCircuit(m):
		return 10
	case isNear(m):
		rank = 20
		if first, _ := ma.SplitFirst(m); first != nil && (first.Value() == "::1" || first.Code() == ma.P_IP4 && first.RawValue()[0] == 127) {
			rank = 30
			if !h.cfg.Local {
				return unfit
			}
		}
	case !isWide(m):
		return unfit
	}
	if _, err := m.ValueForProtocol(ma.P_QUIC_V1); err == nil {
		return rank
	}
	if _, err := m.ValueForProtocol(ma.P_WS); err == nil {
		return rank + 2
	}
	return rank + 1
}

// Changed is poked while Run runs, when Addrs has changed since New. It holds one poke, so whoever reads it then reads Addrs.
func (h *Host) Changed() <-chan struct{} { return h.changed }

// watch pokes Changed until ctx ends.
func (h *Host) watch(ctx context.Context) error {
	changes, err := h.host.EventBus().Subscribe([]any{
		new(event.EvtLocalAddressesUpdated), new(event.EvtLocalReachabilityChanged), new(event.EvtHostReachableAddrsChanged),
	})
	if err != nil {
		return fmt.Errorf("watching addresses: %w", err)
	}
	defer changes.Close()
	var tick <-chan time.Time
	if h.cfg.Local { // localCircuits change without an event
		ticker := time.NewTicker(localPause)
		defer ticker.Stop()
		tick = ticker.C
	}
	for last := h.first; ; {
		if now := h.Addrs(); !slices.Equal(now, last) {
			last = now
			select {
			case h.changed <- struct{}{}:
			default:
			}
			h.offered.prod()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		case _, open := <-changes.Out():
			if !open {
				return nil
			}
		}
	}
}

// Join connects to a node, of an invite or a configuration, and waits until the routing table of the DHT has somebody in it:
// the node itself, if it serves the DHT. The host remembers the node and comes back to it when the table is empty, or as
// to a relay. Addrs are as in Lane.Dial.
//
// The errors are identity.ErrKey, ErrClosed, and else wrap ErrUnreachable, or ErrProtocol if the node does not serve the
// DHT and the table is empty, or are the context's. Without a deadline it takes at most 30 s.
func (h *Host) Join(ctx context.Context, key identity.TransportKey, addrs []string) error {
	id, err := idOf(key)
	if err != nil {
		return err
	}
	ctx, end, err := h.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	ctx, cancel := within(ctx, dialPatience)
	defer cancel()
	h.learn(id, addrs)
	if err := h.locate(ctx, id); err != nil {
		return err
	}
	if err := h.host.Connect(ctx, peer.AddrInfo{ID: id}); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	h.remember(peer.AddrInfo{ID: id, Addrs: usable(id, addrs)})
	// Connect has waited for identify. The library then asks the node something before it lets it into the table, and says
	// to nobody when that is done.
	table := h.dht.Load().RoutingTable()
	for pause := pollFirst; table.Size() == 0; pause = min(pause*3/2, pollLongest) {
		if !h.serves(id) && !h.answers(ctx, id) {
			return ErrProtocol
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
	return nil
}

// answers asks a node whether it serves the DHT. One that has just started tells in identify what it served before that,
// and pushes the rest a moment later.
func (h *Host) answers(ctx context.Context, id peer.ID) bool {
	s, err := h.host.NewStream(ctx, id, kad)
	if err != nil {
		return false
	}
	_ = s.Reset()
	return true
}

// remember keeps a node for later. Of too many, any one goes.
func (h *Host) remember(info peer.AddrInfo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.joined[info.ID]; !known && len(h.joined) >= maxJoined {
		for id := range h.joined {
			delete(h.joined, id)
			break
		}
	}
	h.joined[info.ID] = info
}

// starters are the nodes through which the host gets into the DHT, in random order.
func (h *Host) starters() []peer.AddrInfo {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := slices.Clone(h.bootstrap)
	for _, info := range h.joined {
		all = append(all, info)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] }) //nolint:gosec // spreads load, hides nothing
	return all
}

// stay keeps the host in the DHT until ctx ends: while the table is empty it connects to starters, less and less often.
func (h *Host) stay(ctx context.Context) {
	rest := watchPause
	if h.cfg.Role == Mobile {
		rest = phonePause
	}
	for pause := firstPause; ; {
		wait := rest
		if h.dht.Load().RoutingTable().Size() == 0 {
			h.start(ctx)
			// A jitter of a quarter, so that those who lost the network together do not come back together.
			wait = pause + rand.N(pause/4) //nolint:gosec // spreads load, hides nothing
			pause = min(2*pause, longestPause)
		} else {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (h *Host) start(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	var group sync.WaitGroup
	all := h.starters()
	for _, info := range all[:min(len(all), bootstraps)] {
		group.Go(func() {
			if err := h.host.Connect(ctx, info); err != nil {
				h.log.Debug("starting", "err", err)
			}
		})
	}
	group.Wait()
}

// relays gives the library nodes that may relay for this host: those of the Config, or else those that it started from.
func (h *Host) relays(_ context.Context, n int) <-chan peer.AddrInfo {
	all := slices.Clone(h.relay)
	if len(all) == 0 {
		all = h.starters()
	}
	all = all[:min(len(all), n)]
	found := make(chan peer.AddrInfo, len(all))
	for _, info := range all {
		found <- info
	}
	close(found)
	return found
}

// learn notes where a peer may be, for the next two minutes: a connection makes it last.
func (h *Host) learn(id peer.ID, addrs []string) {
	if found := usable(id, addrs); len(found) > 0 {
		h.host.Peerstore().AddAddrs(id, found, peerstore.TempAddrTTL)
	}
}

// locate finds an address of a peer: one that is known, or else in the DHT, where only nodes that serve it are found.
func (h *Host) locate(ctx context.Context, id peer.ID) error {
	if h.host.Network().Connectedness(id) != network.NotConnected || len(h.host.Peerstore().Addrs(id)) > 0 {
		return nil
	}
	d := h.dht.Load()
	if d.RoutingTable().Size() == 0 {
		return ErrNoAddress
	}
	if _, err := d.FindPeer(ctx, id); err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(h.host.Peerstore().Addrs(id)) == 0 {
		return ErrNoAddress
	}
	return nil
}

// Peers returns to how many nodes the host is connected.
func (h *Host) Peers() int { return len(h.host.Network().Peers()) }
