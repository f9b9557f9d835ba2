package nodetest

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"time"

	"github.com/linnetmesh/linnet/crypto/bundle"
	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/session"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/p2p/frame"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// prey is what anybody can learn who has a person's address.
type prey struct {
	p      *Person
	device identity.Device
	key    bundle.Key
	bundle *bundle.Bundle // without a one-time part
}

var errNothing = errors.New("nothing found")

// study learns what there is to learn, as a stranger does.
func study(ctx context.Context, h *p2ptest.Host, p *Person) (*prey, error) {
	x, at := &prey{p: p}, p.Node.Address()
	for _, place := range descriptor.LookupPlaces(time.Now()) {
		blinded, err := descriptor.Blind(at.Discovery, place)
		if err != nil {
			return nil, err
		}
		err = h.Lookup(ctx, blinded.DHT(), func(value []byte) bool {
			o, err := descriptor.Open(value, at.Discovery, identity.NewView(at.Account), time.Now())
			if err != nil {
				return true
			}
			d, err := o.Content.Records()[0].Device()
			if err != nil {
				return true
			}
			x.device = o.Content.Manifest().Devices()[0]
			x.key, err = bundle.ParseKey(d.Bundle[:])
			return err != nil
		})
		if err != nil {
			return nil, err
		}
	}
	if x.key.IsZero() {
		return nil, errNothing
	}
	for { // until it gives no more one-time parts to this host
		b, err := askBundle(ctx, h, p)
		if err != nil {
			return nil, err
		}
		if len(b) == bundle.SealedSize {
			x.bundle, err = x.key.Open(b, x.device, 0, time.Now())
			return x, err
		}
	}
}

// askBundle asks for a bundle.
func askBundle(ctx context.Context, h *p2ptest.Host, p *Person) ([]byte, error) {
	conn, err := h.Lane(BundleLane).Dial(ctx, p.Host.Key(), p.Host.Addrs())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	s := frame.New(conn, frame.Max, time.Minute)
	if err := s.Write([]byte{1}); err != nil {
		return nil, err
	}
	return s.Read()
}

// stranger is an account made up for an attack, with a session begun.
type stranger struct {
	me       envelope.Party
	view     identity.View
	address  string
	record   *session.Record
	secret   chat.Secret
	sequence uint64
}

func (x *prey) stranger() (*stranger, error) {
	now, seed, key := time.Now(), identity.NewSeed(), xeddsa.GenerateKey()
	account := seed.Account()
	me := account.Public()
	device, err := identity.NewDevice(me, 1, key, now)
	if err != nil {
		return nil, err
	}
	stewards, err := account.NewEpoch(0, now, device)
	if err != nil {
		return nil, err
	}
	manifest, err := stewards.Begin(key, now, device)
	if err != nil {
		return nil, err
	}
	s := &stranger{me: envelope.Party{Account: me, Device: 1}}
	if s.view, err = identity.NewView(me).Apply(manifest); err != nil {
		return nil, err
	}
	root := seed.DiscoveryRoot(0)
	discovery := root.Key(0)
	s.address = identity.Address{Account: me, Discovery: discovery.Public()}.String()
	copy(s.secret[:], envelope.NewSecret().AppendTo(nil))
	to := x.p.Node.Account()
	s.record, err = session.New(
		session.Party{Identity: key.Public(), Address: session.NewAddress(me.Name(), 1)},
		session.Party{Identity: x.device.Identity(), Address: session.NewAddress(to.Name(), x.device.Number())})
	if err != nil {
		return nil, err
	}
	keys, err := x.bundle.PreKeys(nil, now)
	if err != nil {
		return nil, err
	}
	s.record, err = s.record.Initiate(key, 1, keys, now)
	return s, err
}

// says returns an envelope with a text.
func (s *stranger) says(x *prey, text string) ([]byte, error) {
	_, m := chat.NewMessage(chat.Clock{}, time.Now(), 0)
	m.Kind, m.Text = chat.KindText, &chat.Text{Text: text}
	b, err := m.AppendTo(nil)
	if err != nil {
		return nil, err
	}
	s.sequence++
	plain := chat.Plaintext{Sequence: s.sequence, Secret: s.secret, Message: b}
	if b, err = plain.AppendTo(nil); err != nil {
		return nil, err
	}
	in := &envelope.Inner{Sender: s.me, Head: s.view.Head(), Address: s.address, Manifest: s.view.Manifest().AppendTo(nil)}
	if s.record, in.Kind, in.Message, err = s.record.Encrypt(b, time.Now()); err != nil {
		return nil, err
	}
	sealed, err := envelope.SealOpening(x.bundle.EnvelopeKey(), envelope.Party{Account: x.p.Node.Account(), Device: x.device.Number()}, in)
	return sealed.Bytes, err
}

// deliver writes envelopes on one stream, and returns how often each status was answered until all were or nothing comes.
func deliver(ctx context.Context, h *p2ptest.Host, p *Person, envelopes ...[]byte) (map[byte]int, error) {
	conn, err := h.Lane(DeliverLane).Dial(ctx, p.Host.Key(), p.Host.Addrs())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	go writeFrames(conn, envelopes)
	out := make(map[byte]int)
	s := frame.New(conn, frame.Max, time.Minute)
	for got := 0; got < len(envelopes); {
		b, err := s.Read()
		if err != nil {
			return out, err
		}
		const size = 1 + 32 + 32
		for ; len(b) >= size; b = b[size:] {
			out[b[0]]++
			got++
		}
	}
	return out, nil
}

func writeFrames(conn net.Conn, bodies [][]byte) {
	for _, b := range bodies {
		if _, err := conn.Write(append(binary.AppendUvarint(nil, uint64(len(b))), b...)); err != nil {
			return
		}
	}
}
