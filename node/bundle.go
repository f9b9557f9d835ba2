package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/bundle"
	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/session"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/frame"
)

// Rules of handing out prekeys while awake.
const (
	partEvery   = time.Hour // one one-time part per asker
	partsHourly = 256       // for all askers together; then the base alone
	// partLife is how long a one-time part waits to be used, so that askers who never write do not fill the vault: about
	// 20 MiB at most. A first message that comes later is answered as one for a lost session, and comes in another.
	partLife = 24 * time.Hour
)

func bundleDrawerKey(version uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{'b'}, version)
}

func partDrawerKey(id uint32) []byte { return binary.BigEndian.AppendUint32([]byte{'p'}, id) }

func replayKey(version uint32, use session.Replay) []byte {
	return append(binary.BigEndian.AppendUint32(nil, version), use[:]...)
}

// issue makes a new bundle. It writes the private half, and s is to be stored with it.
func (s *self) issue(batch *vault.Batch, now time.Time) error {
	entry, err := s.entry()
	if err != nil {
		return err
	}
	s.Counter++
	p, b, err := bundle.Issue(s.identity, entry, s.RegistrationID, s.Counter, nil, now)
	if err != nil {
		return err
	}
	if s.Bundle, err = s.bundleKey.Seal(b); err != nil {
		return err
	}
	s.privates = slices.Insert(slices.Clone(s.privates), 0, &private{p, new(session.Replays)})
	return batch.Put(vault.PreKey, bundleDrawerKey(p.Version), p.AppendTo(nil))
}

// loadKeys reads the private halves of bundles, and the uses of their last-resort keys.
func (n *Node) loadKeys() error {
	s := n.state.self
	err := n.config.Vault.Each(vault.PreKey, []byte{'b'}, func(_, value []byte) error {
		p, err := bundle.ParsePrivate(value)
		if err != nil {
			return fmt.Errorf("reading prekeys: %w", err)
		}
		s.privates = slices.Insert(s.privates, 0, &private{p, new(session.Replays)})
		return nil
	})
	if err != nil {
		return err
	}
	return n.config.Vault.Each(vault.Replay, nil, func(key, _ []byte) error {
		if len(key) != 4+len(session.Replay{}) {
			return errStored
		}
		for _, p := range s.privates {
			if p.Version == binary.BigEndian.Uint32(key) {
				return p.replays.Add(session.Replay(key[4:]))
			}
		}
		return nil
	})
}

// keys returns the private keys that a first message refers to, nil for those that are gone.
func (t *turn) keys(m *session.PreKeyMessage) (*session.Keys, *private, error) {
	s := t.getSelf()
	i := slices.IndexFunc(s.privates, func(p *private) bool { return p.Version == m.SignedPreKeyID })
	if i < 0 {
		return nil, nil, session.ErrNoKey
	}
	p := s.privates[i]
	k := &session.Keys{Identity: s.identity, SignedPreKeyID: p.Version, SignedPreKey: p.SignedPreKey}
	if !m.HasPreKey {
		k.KEMPreKeyID, k.KEMPreKey, k.LastResort = p.Version, p.KEMPreKey, p.replays
		if _, err := t.batch.Get(vault.Replay, replayKey(p.Version, m.Replay())); err == nil {
			return nil, nil, session.ErrReplayed // in this very turn
		} else if !errors.Is(err, vault.ErrNotFound) {
			return nil, nil, err
		}
		return k, p, nil
	}
	b, err := t.batch.Get(vault.PreKey, partDrawerKey(m.PreKeyID))
	if errors.Is(err, vault.ErrNotFound) {
		return nil, nil, session.ErrNoKey
	}
	if err != nil {
		return nil, nil, err
	}
	part, err := bundle.ParsePrivatePart(b)
	if err != nil {
		return nil, nil, err
	}
	k.PreKeyID, k.PreKey, k.KEMPreKeyID, k.KEMPreKey = part.ID, part.PreKey, part.ID, part.KEMPreKey
	return k, nil, nil
}

// spend erases the one-time keys that a first message used, or remembers the use of the last-resort key.
func (t *turn) spend(m *session.PreKeyMessage, p *private, use session.Replay) {
	if p == nil {
		t.remove(vault.PreKey, partDrawerKey(m.PreKeyID))
		return
	}
	t.put(vault.Replay, replayKey(p.Version, use), []byte{1})
	t.after(func() {
		if err := p.replays.Add(use); err != nil {
			t.n.log.Warn("a last-resort key is worn out", "error", err)
		}
	})
}

// renewBundle issues a new bundle if the last is old or worn.
func (t *turn) renewBundle() error {
	s := t.getSelf()
	if len(s.privates) > 0 && s.privates[0].replays.Len() <= session.MaxReplays/2 {
		age := t.now.Sub(s.privates[0].Issued)
		if age <= bundle.RenewAfter && age >= -bundle.MaxAhead { // otherwise it was issued while the clock was wrong
			return nil
		}
	}
	s = s.clone()
	if err := s.issue(t.batch, t.now); err != nil {
		return err
	}
	t.putSelf(s)
	return nil
}

// dropBundles erases the private halves of bundles that nobody can refer to any more, and then, in pieces, what was
// remembered of their uses.
func (n *Node) dropBundles(ctx context.Context) error {
	err := n.run(ctx, func(t *turn) error {
		s := t.getSelf().clone()
		s.privates = slices.Clone(s.privates)
		for i := len(s.privates) - 1; i > 0; i-- {
			if p := s.privates[i]; p.Expired(t.now) {
				t.remove(vault.PreKey, bundleDrawerKey(p.Version))
				s.privates = slices.Delete(s.privates, i, i+1)
			}
		}
		if len(s.privates) != len(t.getSelf().privates) {
			t.putSelf(s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	known := make(map[uint32]bool)
	for _, p := range n.currentSelf().privates {
		known[p.Version] = true
	}
	var gone [][]byte
	if err := n.config.Vault.Each(vault.Replay, nil, func(key, _ []byte) error {
		if len(key) >= 4 && !known[binary.BigEndian.Uint32(key)] {
			gone = append(gone, slices.Clone(key))
		}
		return nil
	}); err != nil {
		return err
	}
	for some := range slices.Chunk(gone, 1000) {
		if err := n.run(ctx, func(t *turn) error {
			for _, key := range some {
				t.remove(vault.Replay, key)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// Rules of opening sessions with strangers, by the hour.
const (
	openingsEach = 16
	openingsAll  = 1024
)

// openers counts the sessions that accounts which are no contacts opened here, in RAM. The turns alone use it.
type openers struct {
	begun time.Time
	all   int
	by    map[device]int
}

// may tells whether a device may open another session, and counts it.
func (o *openers) may(d device, now time.Time) bool {
	if age := now.Sub(o.begun); age >= time.Hour || age < 0 {
		o.begun, o.all, o.by = now, 0, make(map[device]int)
	}
	if o.all >= openingsAll || o.by[d] >= openingsEach {
		return false
	}
	o.all++
	o.by[d]++
	return true
}

// askers remembers who got a one-time part, in RAM: who asks again after a restart gets another.
type askers struct {
	mu    sync.Mutex
	last  map[identity.TransportKey]time.Time
	begun time.Time
	given int
}

// may tells whether an asker gets a one-time part now.
func (a *askers) may(key identity.TransportKey, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if age := now.Sub(a.begun); age >= partEvery || age < 0 {
		a.begun, a.given, a.last = now, 0, make(map[identity.TransportKey]time.Time)
	}
	if _, had := a.last[key]; had || a.given >= partsHourly {
		return false
	}
	a.given++
	a.last[key] = now
	return true
}

// serveBundle hands out the bundle of this device, and a one-time part. Both are sealed under the bundle key, so that
// only who found the account can read them, and nobody learns here whose device this is.
//
//	request  0x01                                 1 byte
//	reply    sealed bundle (4096) ‖ sealed part (2048)?
func (n *Node) serveBundle(ctx context.Context, key identity.TransportKey, conn net.Conn) {
	s := frame.New(conn, 64, lanePatience)
	b, err := s.Read()
	if err != nil || len(b) != 1 || b[0] != bundleRequest {
		return
	}
	var reply []byte
	give := n.askers.may(key, n.now())
	err = n.run(ctx, func(t *turn) error {
		if err := t.renewBundle(); err != nil {
			return err
		}
		self := t.getSelf()
		reply = self.Bundle
		if !give {
			return nil
		}
		entry, err := self.entry()
		if err != nil {
			return err
		}
		self = self.clone()
		self.Counter++
		private, part, err := bundle.IssuePart(self.identity, entry, self.Counter, t.now)
		if err != nil {
			return err
		}
		sealed, err := self.bundleKey.SealPart(part)
		if err != nil {
			return err
		}
		_ = t.fail(t.batch.PutUntil(vault.PreKey, partDrawerKey(private.ID), private.AppendTo(nil), t.now.Add(partLife)))
		reply = slices.Concat(reply, sealed)
		t.putSelf(self)
		return nil
	})
	if err != nil {
		return
	}
	_ = frame.New(conn, frame.Max, lanePatience).Write(reply)
}

const (
	bundleRequest byte = 1
	lanePatience       = 20 * time.Second
)

// fetchBundle asks a device that is awake for its bundle. It closes the connection.
func (n *Node) fetchBundle(ctx context.Context, conn net.Conn, under descriptor.BundleKey, entry identity.Device) (*bundle.Bundle, *bundle.Part, error) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	stream := frame.New(conn, bundle.SealedSize+bundle.SealedPartSize, lanePatience)
	if err := stream.Write([]byte{bundleRequest}); err != nil {
		return nil, nil, err
	}
	b, err := stream.Read()
	if err != nil {
		return nil, nil, err
	}
	if len(b) != bundle.SealedSize && len(b) != bundle.SealedSize+bundle.SealedPartSize {
		return nil, nil, bundle.ErrBundle
	}
	key, err := bundle.ParseKey(under[:])
	if err != nil {
		return nil, nil, err
	}
	return openBundle(key, entry, b[:bundle.SealedSize], b[bundle.SealedSize:], n.now())
}

// openBundle opens and verifies a bundle, and the one-time part that came with it, if one did.
func openBundle(key bundle.Key, entry identity.Device, sealed, sealedPart []byte, now time.Time) (*bundle.Bundle, *bundle.Part, error) {
	base, err := key.Open(sealed, entry, 0, now)
	if err != nil || len(sealedPart) == 0 {
		return base, nil, err
	}
	part, err := key.OpenPart(sealedPart, entry, now)
	if err != nil {
		return nil, nil, err
	}
	return base, part, nil
}
