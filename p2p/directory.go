package p2p

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	kadpb "github.com/libp2p/go-libp2p-kad-dht/pb"
	libp2precord "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
)

var (
	// ErrNobody says that no other node kept what was published.
	ErrNobody = errors.New("p2p: nobody kept it")
	// ErrNoPeers says that there was nobody to ask, or that nobody answered. It does not mean that a record is not there.
	ErrNoPeers = errors.New("p2p: nobody to ask")
)

// productionDiversity is what a routing table takes of one network (IPv4 /16, IPv6 autonomous system): so many per bucket,
// and one more in all. Who rents one network does not get around a key.
const productionDiversity = 2

// newDHT returns the DHT of a host: Linnet's own, without provider records, with this room's validators and store.
func newDHT(h *Host) (*dht.IpfsDHT, error) {
	behind := &veil{Host: h.host, book: veiledBook{h.host.Peerstore(), h.serves}, guard: h.guardRequests}
	options := []dht.Option{
		dht.ProtocolPrefix(kadPrefix),
		dht.Mode(h.mode()),
		dht.BucketSize(bucketSize), dht.Concurrency(alpha), dht.Resiliency(beta),
		dht.DisableProviders(),
		dht.Validator(libp2precord.NamespacedValidator{descriptorSpace: rules{}, nodeSpace: rules{}}),
		dht.Datastore(shelf{h.kept}),
		dht.MaxRecordAge(recordLife), dht.ValueGCInterval(0), // Run sweeps the store itself
		dht.OnRequestHook(h.pacePuts),
		dht.AddressFilter(h.public),
		dht.QueryFilter(func(_ any, p peer.AddrInfo) bool { return isOurs(p.ID) && len(h.public(p.Addrs)) > 0 }),
		dht.RoutingTableFilter(func(_ any, id peer.ID) bool { return isOurs(id) }),
		dht.WithCustomMessageSender(func(host.Host, []protocol.ID) kadpb.MessageSenderWithDisconnect { return h.messenger }),
	}
	if n := h.cfg.Diversity; n > 0 {
		options = append(options, dht.RoutingTablePeerDiversityFilter(dht.NewRTPeerDiversityFilter(h.host, n, n)))
	} else if n == 0 {
		options = append(options, dht.RoutingTablePeerDiversityFilter(
			dht.NewRTPeerDiversityFilter(h.host, productionDiversity, productionDiversity+1)))
	}
	if h.cfg.Role == Mobile {
		options = append(options, dht.DisableAutoRefresh()) // it wakes the radio
	}
	return dht.New(behind, options...)
}

// mode says whether this host serves the DHT.
func (h *Host) mode() dht.ModeOpt {
	switch {
	case h.cfg.Serve == ServeAlways, h.cfg.Serve == ServeByRole && h.cfg.Role.public():
		return dht.ModeServer
	case h.cfg.Serve == ServeByRole && h.cfg.Role == Desktop:
		return dht.ModeAuto // once others could dial it
	default:
		return dht.ModeClient
	}
}

// public returns the addresses that mean something to others in the DHT.
func (h *Host) public(addrs []ma.Multiaddr) []ma.Multiaddr {
	if h.cfg.Local {
		return addrs
	}
	var wide []ma.Multiaddr
	for _, m := range addrs {
		if isWide(m) {
			wide = append(wide, m)
		}
	}
	return wide
}

// Publish puts a record to the nodes nearest to its key, and to the neighbours on the LAN, and returns how many of them
// said that they keep it. One that holds a newer record refuses. The key is that of descriptor.BlindedKey.DHT or
// descriptor.NodeKey, the value what descriptor made for it. The host keeps it too, for neighbours to ask for, and a relay
// or mixer for everybody; and so does any host as long as nobody else keeps it, so that two people need nobody but each
// other.
//
// It takes some round trips, at most 60 s for finding the nodes, and 10 s for putting to them. The errors are those of descriptor.Validate,
// ErrOlder if this host holds a newer record, ErrNobody if nobody kept it, with ErrNoPeers if nobody was found at all, and
// the context's.
func (h *Host) Publish(ctx context.Context, key string, value []byte) (kept int, err error) {
	ctx, end, err := h.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer end()
	value = bytes.Clone(value)
	if err := h.mine().put(key, value, time.Now()); err != nil && !errors.Is(err, ErrFull) {
		return 0, err
	}

	var count, asked atomic.Int32
	var group sync.WaitGroup
	put := func(to func() error) {
		asked.Add(1)
		group.Go(func() {
			if to() == nil {
				count.Add(1)
			}
		})
	}
	near := h.near.peers()
	for _, id := range near {
		put(func() error { return h.heard(ctx, id, h.putTo(ctx, id, key, value)) })
	}
	messages, err := kadpb.NewProtocolMessenger(h.messenger)
	if err != nil {
		return 0, err
	}
	for _, id := range h.closest(ctx, key) {
		put(func() error { return messages.PutValue(ctx, id, libp2precord.MakePutRecord(key, value)) })
	}
	group.Wait()
	if ctx.Err() == nil {
		h.lonely.Store(count.Load() == 0)
	}
	switch {
	case count.Load() > 0:
		return int(count.Load()), nil
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case asked.Load() == 0:
		return 0, fmt.Errorf("%w: %w", ErrNobody, ErrNoPeers)
	default:
		return 0, ErrNobody
	}
}

// mine is where the host keeps what it publishes. What a desktop or phone published is told to neighbours only, as long as
// others keep it, too: a stranger who knows an address could otherwise ask around which node is its owner's.
func (h *Host) mine() *store {
	if h.cfg.Role.public() {
		return h.kept
	}
	return h.own
}

// closest walks to the nodes nearest to a key. There are none while the table is empty.
func (h *Host) closest(ctx context.Context, key string) []peer.ID {
	d := h.dht.Load()
	if d.RoutingTable().Size() == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, walkPatience)
	defer cancel()
	ids, err := d.GetClosestPeers(ctx, key) // when time is up, those that it came to
	if err != nil {
		h.log.Debug("walking to a key", "err", err)
	}
	return ids
}

// Lookup looks for the records under a key: in this host's own store, with the neighbours on the LAN, and in the DHT, or,
// while the routing table is empty, with the nodes that Join was told of. It
// calls found with each different value that is valid now, as it comes, the first at once. It goes on until everybody
// asked has answered or failed (at most 60 s), the context ends, or found returns false. The value is found's own. Found is called by
// Lookup's goroutine, one call at a time, and holds up nobody but Lookup.
//
// The values may be of different age, and old ones be replayed: descriptor.Open and Seen find the freshest. Nobody is told
// what was found: a reader does not become a publisher.
//
// The error is nil also if there is no record. It is ErrNoPeers if there was nobody to ask or nobody answered, and nothing
// was found; descriptor.ErrKey; or the context's.
func (h *Host) Lookup(ctx context.Context, key string, found func(value []byte) bool) error {
	if space(key) == "" {
		return descriptor.ErrKey
	}
	ctx, end, err := h.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	now := time.Now()
	var local [][]byte
	for _, s := range []*store{h.own, h.kept} {
		if value, _ := s.get(key, now); value != nil {
			local = append(local, value)
		}
	}
	near := h.near.peers()
	if h.dht.Load().RoutingTable().Size() == 0 {
		for _, info := range h.starters() {
			if !slices.Contains(near, info.ID) {
				near = append(near, info.ID)
			}
		}
	}
	return h.gather(ctx, key, local, found, len(near)+1, func(ctx context.Context, i int, hits func([]byte)) {
		if i < len(near) {
			_ = h.heard(ctx, near[i], h.getFrom(ctx, near[i], key, hits))
			return
		}
		h.closest((&walk{key, hits}).with(ctx), key)
	})
}

// Ask asks one node, that of an invite or a box, for the records under a key, as Lookup asks many. Addrs are as in
// Lane.Dial. The error wraps ErrNoPeers if the node did not answer.
func (h *Host) Ask(ctx context.Context, key string, node identity.TransportKey, addrs []string, found func(value []byte) bool) error {
	if space(key) == "" {
		return descriptor.ErrKey
	}
	id, err := idOf(node)
	if err != nil {
		return err
	}
	ctx, end, err := h.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	h.learn(id, addrs)
	var failed error
	err = h.gather(ctx, key, nil, found, 1, func(ctx context.Context, _ int, hits func([]byte)) {
		failed = h.getFrom(ctx, id, key, hits)
	})
	if errors.Is(err, ErrNoPeers) && failed != nil {
		return fmt.Errorf("%w: %w", ErrNoPeers, failed)
	}
	return err
}

// maxHits is how many different values of one key are looked at: honest nodes hold a few, and each more cost its author
// the work of a descriptor.
const maxHits = 64

// gather calls found with what n askers, each in a goroutine, find. They call hits for each answer, with nil if it holds
// nothing.
func (h *Host) gather(ctx context.Context, key string, local [][]byte, found func([]byte) bool, n int, ask func(ctx context.Context, i int, hits func([]byte))) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	values := make(chan []byte)
	var answered atomic.Bool
	hits := func(value []byte) {
		answered.Store(true)
		if value == nil || validate(key, value, time.Now()) != nil {
			return
		}
		select {
		case values <- value:
		case <-inner.Done():
		}
	}
	var group sync.WaitGroup
	for _, value := range local {
		group.Go(func() { hits(value) })
	}
	for i := range n {
		group.Go(func() { ask(inner, i, hits) })
	}
	go func() {
		group.Wait()
		close(values)
	}()

	seen := make(map[[sha256.Size]byte]bool)
	stopped := false
	for value := range values {
		hash := sha256.Sum256(value)
		if stopped || seen[hash] || len(seen) == maxHits {
			continue
		}
		seen[hash] = true
		if !found(bytes.Clone(value)) {
			stopped = true
			cancel()
		}
	}
	switch {
	case stopped:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !answered.Load():
		return ErrNoPeers
	default:
		return nil
	}
}
