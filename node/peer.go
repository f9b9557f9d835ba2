package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/bundle"
	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/session"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
	"github.com/linnetmesh/linnet/node/chat"
)

// Bounds of a peer.
const (
	maxChannels = 8   // secrets of sessions, the oldest go: both sides opened at once, or sessions were lost
	maxMissing  = 256 // gaps
)

// errNoSession says that a bundle is needed first.
var errNoSession = errors.New("node: no session")

// peer is what is shared with one other device: the ratcheting sessions, and for each of them the channel, from whose
// secret the tags and keys of envelopes come. It is a value: a change makes another.
type peer struct {
	device
	identity xeddsa.PublicKey

	stored     []byte          // record as it is stored, until it is needed
	record     *session.Record // nil until then
	channels   []*channel      // the one that was used last first
	sent, seen uint64          // highest sequences
	missing    []chat.Range    // below seen
	generation uint32          // counts the times that sessions were given up; from 1
	bundle     uint32          // highest version of the device's bundle that was seen
	opening    envelope.PublicKey
	lost       bool   // the other side knows no session: none is used before there is a new one
	next       uint32 // id of the next channel

	tags []envelope.Tag // of all channels; see state.retag
}

// channel is a session's secret at work. It is a value.
type channel struct {
	id       uint32
	ready    bool            // the other side has the secret
	secret   envelope.Secret // where this side drew it, until it is ready
	hash     [32]byte        // of the secret, to know it again
	sender   *envelope.Sender
	receiver *envelope.Receiver
}

func (n *Node) party() session.Party {
	return session.Party{Identity: n.state.self.identity.Public(), Address: session.NewAddress(n.me.Name(), n.number)}
}

func (n *Node) envelopeParty() envelope.Party {
	return envelope.Party{Account: n.me, Device: n.number}
}

// newPeer returns a peer without a session.
func (n *Node) newPeer(d device, key xeddsa.PublicKey) (*peer, error) {
	record, err := session.New(n.party(), session.Party{Identity: key, Address: session.NewAddress(d.account.Name(), d.number)})
	if err != nil {
		return nil, err
	}
	// Posts that were sealed for another device of this number, or in sessions that were forgotten, are of lower ones.
	generation := max(n.queues.generation(d)+1, uint32(max(n.now().Unix(), 1)))
	return &peer{device: d, identity: key, record: record, generation: generation}, nil
}

func (n *Node) parsePeer(key, b []byte) (*peer, error) {
	p := new(peer)
	if len(key) != 32+1+xeddsa.PublicKeySize {
		return nil, errStored
	}
	copy(p.account[:], key)
	p.number = key[32]
	var err error
	if p.identity, err = xeddsa.ParsePublicKey(key[33:]); err != nil {
		return nil, fmt.Errorf("reading a session's device: %w", err)
	}
	var body peerBody
	if err := identity.Unmarshal(b, maxSession, &body); err != nil {
		return nil, fmt.Errorf("reading sessions: %w", err)
	}
	p.stored, p.sent, p.seen, p.missing, p.generation = body.Record, body.Sent, body.Seen, body.Missing, body.Generation
	p.bundle, p.lost, p.next = body.Bundle, body.Lost, body.Next
	if len(body.Opening) > 0 {
		if p.opening, err = envelope.ParsePublicKey(body.Opening); err != nil {
			return nil, err
		}
	}
	for _, cb := range body.Channels {
		c := &channel{id: cb.ID, ready: cb.Ready, hash: cb.Hash}
		if len(cb.Secret) > 0 {
			if c.secret, err = envelope.ParseSecret(cb.Secret); err != nil {
				return nil, err
			}
		}
		if c.sender, err = envelope.ParseSender(cb.Sender); err != nil {
			return nil, err
		}
		if c.receiver, err = envelope.ParseReceiver(cb.Receiver); err != nil {
			return nil, err
		}
		p.channels = append(p.channels, c)
	}
	return p, nil
}

// tag lists the tags of all channels, and puts what they stand for into a map.
func (p *peer) tag(all map[envelope.Tag]tagged) {
	p.tags = nil
	for _, c := range p.channels {
		for _, t := range c.receiver.Tags() {
			all[t.Tag] = tagged{p.device, c.id, t}
			p.tags = append(p.tags, t.Tag)
		}
	}
}

// clone returns a copy to be changed. Its record is read.
func (p *peer) clone() (*peer, error) {
	q := *p
	if q.record == nil {
		var err error
		if q.record, err = session.ParseRecord(q.stored); err != nil {
			return nil, fmt.Errorf("reading a session: %w", err)
		}
		q.stored = nil
	}
	q.channels = slices.Clone(q.channels)
	return &q, nil
}

// usable tells whether something can be sealed for the device now.
func (p *peer) usable(now time.Time) bool {
	return !p.lost && p.record.Usable(now) && p.channel(p.record.Unanswered()) >= 0
}

// channel returns which channel to send on, -1 for none: for a first message that whose secret goes with it, otherwise
// the one that was heard last.
func (p *peer) channel(opening bool) int {
	return slices.IndexFunc(p.channels, func(c *channel) bool { return opening && !c.secret.IsZero() || !opening && c.ready })
}

// use makes a channel of a clone the first, and returns it, to be changed.
func (p *peer) use(i int) *channel {
	c := *p.channels[i]
	p.channels = slices.Delete(p.channels, i, i+1)
	p.channels = slices.Insert(p.channels, 0, &c)
	return &c
}

// addChannel makes a channel of a secret.
func (p *peer) addChannel(me envelope.Party, secret envelope.Secret, initiator bool, now time.Time) error {
	hash := identity.LabelEnvelopeRoot.Hash(secret.AppendTo(nil))
	for i, c := range p.channels {
		if c.hash == hash { // repeated in a later first message
			p.use(i).ready = true
			return nil
		}
	}
	remote := envelope.Party{Account: p.account, Device: p.number}
	sender, err := envelope.NewSender(secret, initiator, me, remote, now)
	if err != nil {
		return err
	}
	receiver, err := envelope.NewReceiver(secret, initiator, me, remote)
	if err != nil {
		return err
	}
	c := &channel{ready: !initiator, hash: hash, sender: sender, receiver: receiver}
	if initiator {
		c.secret = secret
	}
	c.id = p.next
	p.next++
	p.channels = slices.Insert(p.channels, 0, c)
	p.channels = p.channels[:min(len(p.channels), maxChannels)]
	return nil
}

// initiate opens a session from a bundle, which was verified as the device's. The peer is a clone.
func (p *peer) initiate(s *self, me envelope.Party, b *bundle.Bundle, part *bundle.Part, now time.Time) error {
	keys, err := b.PreKeys(part, now)
	if err != nil {
		return err
	}
	if p.record, err = p.record.Initiate(s.identity, s.RegistrationID, keys, now); err != nil {
		return err
	}
	p.bundle, p.opening, p.lost = max(p.bundle, b.Version()), b.EnvelopeKey(), false
	return p.addChannel(me, envelope.NewSecret(), true, now)
}

// sealing is what the turn adds to what is sealed.
type sealing struct {
	me   envelope.Party
	self *self
	seen *identity.Head // of the other's manifest
	now  time.Time
}

// seal encrypts a post and seals it. Peer and post are clones. The error is errNoSession if there is none to use.
func (p *peer) seal(o *post, s *sealing) error {
	if !p.usable(s.now) {
		return errNoSession
	}
	if o.Sequence == 0 && !o.Light {
		p.sent++
		o.Sequence = p.sent
	}
	plain := chat.Plaintext{Sequence: o.Sequence, Seen: p.seen, Copy: o.Copy, Message: o.Message}
	opening := p.record.Unanswered()
	which := p.channel(opening)
	if opening {
		copy(plain.Secret[:], p.channels[which].secret.AppendTo(nil))
	}
	b, err := plain.AppendTo(nil)
	if err != nil {
		return err
	}
	var kind session.Kind
	if p.record, kind, o.Session, err = p.record.Encrypt(b, s.now); err != nil {
		return err
	}
	o.Generation = p.generation
	o.Channel = p.channels[which].id
	return p.sealAgain(o, kind, s)
}

// sealAgain seals the session message of a post, for the first time or anew in a later epoch.
func (p *peer) sealAgain(o *post, kind session.Kind, s *sealing) error {
	in := &envelope.Inner{Sender: s.me, Head: s.self.view.Head(), Seen: s.seen, Kind: kind, Message: o.Session}
	var sealed envelope.Sealed
	var err error
	if kind == session.KindPreKey {
		in.Address, in.Manifest = s.self.address().String(), s.self.view.Manifest().AppendTo(nil)
		sealed, err = envelope.SealOpening(p.opening, envelope.Party{Account: p.account, Device: p.number}, in)
	} else {
		i := slices.IndexFunc(p.channels, func(c *channel) bool { return c.id == o.Channel && c.ready })
		if i < 0 {
			return errNoSession
		}
		c := *p.channels[i]
		c.sender, sealed, err = c.sender.Seal(in, s.now)
		p.channels[i] = &c
	}
	if err != nil {
		return err
	}
	o.Envelope, o.Epoch = sealed.Bytes, sealed.Epoch
	copy(o.Ack[:], sealed.Ack.AppendTo(nil))
	return nil
}

// kindOf returns the kind of a sealed post's session message.
func kindOf(o *post) session.Kind {
	if form, err := envelope.FormOf(o.Envelope); err == nil && form == envelope.FormOpening {
		return session.KindPreKey
	}
	return session.KindSignal
}

// outdated tells whether a sealed post of form 2 must be sealed anew.
func (p *peer) outdated(o *post) bool {
	if form, err := envelope.FormOf(o.Envelope); err != nil || form != envelope.FormSession {
		return false
	}
	for _, c := range p.channels {
		if c.id == o.Channel {
			return c.sender.Outdated(o.Epoch)
		}
	}
	return true
}

// acknowledged is the peer after the other side acknowledged an envelope. It is p itself if that changes nothing.
func (p *peer) acknowledged(o *post) *peer {
	if form, err := envelope.FormOf(o.Envelope); err != nil || form != envelope.FormSession {
		return p
	}
	for i, c := range p.channels {
		if c.id != o.Channel {
			continue
		}
		next := c.sender.Acknowledged(o.Epoch)
		if next == c.sender {
			return p
		}
		q := *p
		q.channels = slices.Clone(p.channels)
		d := *c
		d.sender = next
		q.channels[i] = &d
		return &q
	}
	return p
}

// count takes note of a sequence, and of the gaps that it opens or closes.
func (p *peer) count(sequence uint64) {
	switch {
	case sequence > p.seen:
		if sequence > p.seen+1 && len(p.missing) < maxMissing {
			p.missing = append(slices.Clone(p.missing), chat.Range{First: p.seen + 1, Last: sequence - 1})
		}
		p.seen = sequence
	default:
		for i, r := range p.missing {
			if sequence < r.First || sequence > r.Last {
				continue
			}
			var parts []chat.Range
			if r.First < sequence {
				parts = append(parts, chat.Range{First: r.First, Last: sequence - 1})
			}
			if sequence < r.Last {
				parts = append(parts, chat.Range{First: sequence + 1, Last: r.Last})
			}
			p.missing = slices.Replace(slices.Clone(p.missing), i, i+1, parts...)
			return
		}
	}
}
