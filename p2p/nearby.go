package p2p

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
)

const (
	maxNeighbours    = 64               // neighbours that are remembered
	neighbourLife    = time.Hour        // for so long after they were last seen
	neighbourPause   = 30 * time.Second // for so long one that did not answer is left alone
	greetPatience    = 5 * time.Second  // for connecting to one
	greetings        = 4                // connected to at once
	announcePatience = time.Minute      // between attempts to announce
)

// greetPace is how fast those that are found are connected to: somebody may announce a million.
var greetPace = pace{rate: 4, burst: 2 * maxNeighbours}

// neighbours are the nodes on the LAN.
type neighbours struct {
	found chan peer.AddrInfo // to be greeted; what does not fit is found again

	mu   sync.Mutex
	seen map[peer.ID]*neighbour
}

type neighbour struct{ last, pause time.Time }

func newNeighbours() *neighbours {
	return &neighbours{found: make(chan peer.AddrInfo, maxNeighbours), seen: make(map[peer.ID]*neighbour)}
}

// HandlePeerFound is called by mDNS, in goroutines of its own.
func (n *neighbours) HandlePeerFound(info peer.AddrInfo) {
	if !isOurs(info.ID) {
		return
	}
	info.Addrs = info.Addrs[:min(len(info.Addrs), maxAddresses)]
	select {
	case n.found <- info:
	default:
	}
}

// add remembers a neighbour that was connected to. Of too many, the one not seen for longest goes.
func (n *neighbours) add(id peer.ID, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen[id] == nil && len(n.seen) >= maxNeighbours {
		var oldest peer.ID
		for id, have := range n.seen {
			if oldest == "" || have.last.Before(n.seen[oldest].last) {
				oldest = id
			}
		}
		delete(n.seen, oldest)
	}
	n.seen[id] = &neighbour{last: now}
}

// heard passes on the error of asking a neighbour. One that did not answer is left alone for a while.
func (h *Host) heard(ctx context.Context, id peer.ID, err error) error {
	if err != nil && ctx.Err() == nil && !errors.Is(err, errRefused) {
		h.near.silent(id, time.Now())
	}
	return err
}

// silent notes that a neighbour did not answer.
func (n *neighbours) silent(id peer.ID, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if have := n.seen[id]; have != nil {
		have.pause = now.Add(neighbourPause)
	}
}

// refresh notes that those who are connected are still there.
func (n *neighbours) refresh(swarm network.Network, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, have := range n.seen {
		if swarm.Connectedness(id) == network.Connected {
			have.last = now
		}
	}
}

func (n *neighbours) has(id peer.ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen[id] != nil
}

// peers returns whom it makes sense to ask now.
func (n *neighbours) peers() []peer.ID {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	var ids []peer.ID
	for id, have := range n.seen {
		switch {
		case now.Sub(have.last) > neighbourLife:
			delete(n.seen, id)
		case now.After(have.pause):
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Nearby returns the nodes on the LAN, and how they can be reached.
func (h *Host) Nearby() []Peer {
	var near []Peer
	for _, id := range h.near.peers() {
		key, err := keyOf(id)
		if err != nil {
			continue
		}
		p := Peer{Key: key}
		for _, m := range h.host.Peerstore().Addrs(id) {
			if len(p.Addrs) < maxAddresses {
				p.Addrs = append(p.Addrs, m.String())
			}
		}
		near = append(near, p)
	}
	return near
}

// isNeighbour tells whether a peer is on the LAN: found there, or connected from an address that only exists there. Without
// LAN in the Config there is no LAN.
func (h *Host) isNeighbour(id peer.ID) bool {
	if !h.cfg.LAN {
		return false
	}
	return h.near.has(id) || slices.ContainsFunc(h.host.Network().ConnsToPeer(id), func(c network.Conn) bool {
		return isNear(c.RemoteMultiaddr())
	})
}

// meet announces this host on the LAN and greets those that are found there, until ctx ends. Announcing begins anew
// when the machine's addresses change, for it names them.
func (h *Host) meet(ctx context.Context) {
	var greeting sync.WaitGroup
	defer greeting.Wait()
	busy := make(chan struct{}, greetings)
	var paced bucket

	var service mdns.Service
	var named []string
	announce := func() {
		addrs := h.interfaces()
		if service != nil && slices.Equal(addrs, named) {
			return
		}
		if service != nil {
			_ = service.Close()
			service = nil
		}
		s := mdns.NewMdnsService(h.host, lan, h.near)
		if err := s.Start(); err != nil {
			h.log.Debug("announcing on the LAN", "err", err)
			_ = s.Close()
			return
		}
		service, named = s, addrs
	}
	announce()
	defer func() {
		if service != nil {
			_ = service.Close()
		}
	}()

	again := time.NewTicker(announcePatience)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-again.C:
			announce()
			h.near.refresh(h.host.Network(), now)
		case info := <-h.near.found:
			if h.near.has(info.ID) && h.host.Network().Connectedness(info.ID) == network.Connected || !paced.take(greetPace, time.Now()) {
				continue
			}
			select {
			case busy <- struct{}{}:
			case <-ctx.Done():
				return
			}
			greeting.Go(func() {
				defer func() { <-busy }()
				h.greet(ctx, info)
			})
		}
	}
}

// interfaces returns the addresses of this machine under which it listens.
func (h *Host) interfaces() []string {
	addrs, err := h.host.Network().InterfaceListenAddresses()
	if err != nil {
		return nil
	}
	var texts []string
	for _, m := range addrs {
		texts = append(texts, m.String())
	}
	slices.Sort(texts)
	return texts
}

// greet connects to a node that was found, and so proves that it is there.
func (h *Host) greet(ctx context.Context, info peer.AddrInfo) {
	ctx, cancel := context.WithTimeout(ctx, greetPatience)
	defer cancel()
	if err := h.host.Connect(ctx, info); err != nil {
		h.log.Debug("greeting a neighbour", "err", err)
		return
	}
	h.host.Peerstore().AddAddrs(info.ID, info.Addrs, neighbourLife)
	h.near.add(info.ID, time.Now())
}
