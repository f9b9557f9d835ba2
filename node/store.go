package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/session"
	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

// How things lie in the vault: CBOR as crypto/identity writes it, so that it grows by keys.
//
//	Account   "self"                               selfBody
//	          "published"                          standingBody
//	Contact   account (32)                         contactBody
//	Session   account (32) ‖ device ‖ identity     peerBody
//	PreKey    'b' ‖ version (4), 'p' ‖ id (4)      bundle.Private, bundle.PrivatePart
//	Replay    version (4) ‖ use (32)               empty
//	Dedupe    SHA-256 of a session message (32)    1 ‖ message ID (16)?
//	Outbox    account (32) ‖ device ‖ number (8)   postBody
//	Delivery  account (32) ‖ message (16) ‖ device when the device acknowledged it, chat.Time (8)
//	Invite    hash of the token (32)               inviteBody
//	Peer      'r' ‖ transport key (32)             relayBody
//	Setting   'c' ‖ conversation (32)              clock (8)
//	          'p' ‖ conversation (32)              choicesBody
//	          'q'                                  privacyBody
//	          'a' ‖ account (32)                   the account's picture: JPEG, 256 × 256
//	          'n' ‖ account (32) ‖ device ‖ hash   a plaintext that needs a newer Linnet
const (
	maxStored  = 256 << 10
	maxSession = vault.ValueSize
)

var (
	selfKey = []byte("self")
	// errStored says that what the vault gave does not fit together: written by something else.
	errStored = errors.New("node: invalid record in the vault")
)

// postBody is how a post waits. See post.
type postBody struct {
	Conversation chat.ConversationID `cbor:"1,keyasint"`
	ID           chat.ID             `cbor:"2,keyasint"`
	Kind         chat.Kind           `cbor:"3,keyasint"`
	Message      []byte              `cbor:"4,keyasint" max:"55296"`
	Copy         *chat.Copy          `cbor:"5,keyasint,omitempty"`
	Said         uint64              `cbor:"6,keyasint"` // ms
	Sequence     uint64              `cbor:"7,keyasint,omitempty"`
	Generation   uint32              `cbor:"8,keyasint,omitempty"` // of the peer's sessions, from 1; 0: not sealed
	Session      []byte              `cbor:"9,keyasint,omitempty" max:"66560"`
	Envelope     []byte              `cbor:"10,keyasint,omitempty" max:"65536"`
	Channel      uint32              `cbor:"11,keyasint,omitempty"` // of forms 2 and 3
	Epoch        uint32              `cbor:"12,keyasint,omitempty"`
	Ack          [32]byte            `cbor:"13,keyasint,omitempty"`
	Delivery     []byte              `cbor:"14,keyasint,omitempty" max:"1024"`
	Hour         uint64              `cbor:"15,keyasint,omitempty"` // of the node's running when it was queued, see keepHouse
	Light        bool                `cbor:"16,keyasint,omitempty"` // once relays keep it, nothing more is to be done for it
	Unknown      identity.Unknown    `cbor:"-"`
}

// post is a message on its way to one device. It is a value: what was read is never written to.
type post struct {
	device
	number   uint64
	postBody // but for Delivery
	state    chat.Delivery
}

func postKey(d device, number uint64) []byte {
	b := append(append(make([]byte, 0, 41), d.account[:]...), d.number)
	return binary.BigEndian.AppendUint64(b, number)
}

func (p *post) key() []byte { return postKey(p.device, p.number) }

func parsePostKey(b []byte) (d device, number uint64, err error) {
	if len(b) != 41 {
		return d, 0, errStored
	}
	copy(d.account[:], b)
	d.number = b[32]
	return d, binary.BigEndian.Uint64(b[33:]), nil
}

func (p *post) marshal() ([]byte, error) {
	body := p.postBody
	var err error
	if body.Delivery, err = p.state.AppendTo(nil); err != nil {
		return nil, fmt.Errorf("writing a delivery: %w", err)
	}
	return identity.Marshal(&body)
}

func parsePost(key, b []byte) (*post, error) {
	d, number, err := parsePostKey(key)
	if err != nil {
		return nil, err
	}
	p := &post{device: d, number: number}
	if err := identity.Unmarshal(b, maxStored, &p.postBody); err != nil {
		return nil, fmt.Errorf("reading a post: %w", err)
	}
	if p.state, err = chat.ParseDelivery(p.Delivery); err != nil {
		return nil, fmt.Errorf("reading a delivery: %w", err)
	}
	p.Delivery = nil
	return p, nil
}

// sealed tells whether the post can leave as it is, where the peer's sessions are of this generation.
func (p *post) sealed(generation uint32) bool {
	return len(p.Envelope) > 0 && p.Generation == generation
}

// said returns when the user said it.
func (p *post) said() time.Time { return time.UnixMilli(int64(p.Said)) }

// contactBody is how a contact is stored.
type contactBody struct {
	State     ContactState              `cbor:"1,keyasint"`
	Discovery identity.DiscoveryKey     `cbor:"2,keyasint"`
	View      []byte                    `cbor:"3,keyasint,omitempty" max:"40960"`
	Seen      [descriptor.SeenSize]byte `cbor:"4,keyasint,omitempty"`
	Sites     []site                    `cbor:"5,keyasint,omitempty" max:"8"`
	Name      string                    `cbor:"6,keyasint,omitempty" max:"128"`
	About     string                    `cbor:"7,keyasint,omitempty" max:"512"`
	NameTime  chat.Time                 `cbor:"8,keyasint,omitempty"`
	NameID    chat.ID                   `cbor:"9,keyasint,omitempty"`
	Alias     string                    `cbor:"10,keyasint,omitempty" max:"128"`
	Verified  bool                      `cbor:"11,keyasint,omitempty"`
	Since     uint64                    `cbor:"12,keyasint"` // ms
	Token     []byte                    `cbor:"13,keyasint,omitempty" max:"32"`
	Waiting   uint32                    `cbor:"14,keyasint,omitempty"`         // items without a message that this account opened
	Asked     uint32                    `cbor:"15,keyasint,omitempty"`         // messages that a request brought
	Before    ContactState              `cbor:"16,keyasint,omitempty"`         // it was blocked
	Newer     uint32                    `cbor:"17,keyasint,omitempty"`         // messages that need a newer Linnet
	Reconcile bool                      `cbor:"18,keyasint,omitempty"`         // what waits for it is to be looked through, see reconcile
	Told      chat.Time                 `cbor:"19,keyasint,omitempty"`         // of the own profile that it was told
	Changed   uint64                    `cbor:"20,keyasint,omitempty"`         // when its owner changed it, on any device, ms
	Hints     []invitePeer              `cbor:"21,keyasint,omitempty" max:"4"` // of the invite, until it is found
	Picture   [32]byte                  `cbor:"22,keyasint,omitempty"`         // hash of it, as it is kept; zero: none
	Pictured  chat.Time                 `cbor:"23,keyasint,omitempty"`
	PictureID chat.ID                   `cbor:"24,keyasint,omitempty"`
	Shown     chat.Time                 `cbor:"25,keyasint,omitempty"` // of the own picture that it was told
	Unknown   identity.Unknown          `cbor:"-"`
}

// site is where a device of a contact was last known to be.
type site struct {
	Number    uint8                 `cbor:"1,keyasint"`
	Version   uint64                `cbor:"2,keyasint"` // the higher stands
	Bundle    descriptor.BundleKey  `cbor:"3,keyasint,omitempty"`
	Transport identity.TransportKey `cbor:"4,keyasint,omitempty"`
	Direct    [][]byte              `cbor:"5,keyasint,omitempty" max:"4" each:"40"`
	Boxes     []descriptor.Box      `cbor:"6,keyasint,omitempty" max:"4"`            // the first is where it listens
	Tokens    [][]byte              `cbor:"7,keyasint,omitempty" max:"4" each:"192"` // for who is told this: one for each box, or none
	Unknown   identity.Unknown      `cbor:"-"`
}

// token returns the permission that this device has to put into one of the boxes, nil for none.
func (s *site) token(box identity.BoxKey) []byte {
	for i, b := range s.Boxes {
		if b.Box == box && i < len(s.Tokens) && len(s.Tokens[i]) > 0 {
			return s.Tokens[i]
		}
	}
	return nil
}

// hint takes the tokens that came with an invite.
func (s *site) hint(hints []invitePeer) {
	for _, h := range hints {
		for i, b := range s.Boxes {
			if len(h.Token) == 0 || h.Box != b.Box || h.Key != b.Relay {
				continue
			}
			if s.Tokens == nil {
				s.Tokens = make([][]byte, len(s.Boxes))
			}
			s.Tokens[i] = h.Token
		}
	}
}

// keep takes over from an older site what a newer one does not say: descriptors have no tokens, and where there are boxes
// they say nothing of where the device itself is. Without boxes, and where it was told, that it is nowhere is news.
func (s *site) keep(old *site, told bool) {
	if s.Bundle.IsZero() {
		s.Bundle = old.Bundle
	}
	if s.Transport.IsZero() && len(s.Boxes) > 0 && !told {
		s.Transport, s.Direct = old.Transport, old.Direct
	}
	if len(s.Tokens) > 0 {
		return
	}
	for i, b := range s.Boxes {
		if t := old.token(b.Box); t != nil {
			if s.Tokens == nil {
				s.Tokens = make([][]byte, len(s.Boxes))
			}
			s.Tokens[i] = t
		}
	}
}

// permit takes from what was said no later the tokens that are good for longer, and where the device is if that was told
// under the same version, or is not known: a descriptor may say neither, and come before what its device told. It tells
// whether there was any.
func (s *site) permit(said *site, told bool) (more bool) {
	if told && (said.Version == s.Version || s.Transport.IsZero()) {
		more = said.Transport != s.Transport || !slices.EqualFunc(said.Direct, s.Direct, bytes.Equal)
		s.Transport, s.Direct = said.Transport, said.Direct
	}
	longer := false
	tokens := make([][]byte, len(s.Boxes))
	for i, b := range s.Boxes {
		tokens[i] = s.token(b.Box)
		if t := said.token(b.Box); tokenEnd(t) > tokenEnd(tokens[i]) {
			tokens[i], longer = t, true
		}
	}
	if longer {
		s.Tokens = tokens
	}
	return more || longer
}

// tokenEnd returns until when a token is good, by the relay's clock in seconds, 0 for none.
func tokenEnd(b []byte) uint64 {
	t, err := mailbox.ParseToken(b)
	if err != nil {
		return 0
	}
	return t.Until
}

func (c *contact) marshal() ([]byte, error) {
	body := c.contactBody
	body.View = c.view.AppendTo(nil)
	copy(body.Seen[:], c.seen.AppendTo(nil))
	return identity.Marshal(&body)
}

func parseContact(key, b []byte) (*contact, error) {
	c := new(contact)
	if len(key) != len(c.account) {
		return nil, errStored
	}
	copy(c.account[:], key)
	if err := identity.Unmarshal(b, maxStored, &c.contactBody); err != nil {
		return nil, fmt.Errorf("reading a contact: %w", err)
	}
	c.view = identity.NewView(c.account)
	var err error
	if len(c.View) > 0 {
		if c.view, err = identity.ParseView(c.View); err != nil {
			return nil, fmt.Errorf("reading a contact's devices: %w", err)
		}
	}
	if c.seen, err = descriptor.ParseSeen(c.Seen[:]); err != nil {
		return nil, fmt.Errorf("reading what was seen of a contact: %w", err)
	}
	c.View = nil
	return c, nil
}

// peerBody is how a peer is stored.
type peerBody struct {
	Record     []byte           `cbor:"1,keyasint,omitempty" max:"1048576"`
	Channels   []channelBody    `cbor:"2,keyasint,omitempty" max:"8"`
	Sent       uint64           `cbor:"3,keyasint,omitempty"`
	Seen       uint64           `cbor:"4,keyasint,omitempty"`
	Missing    []chat.Range     `cbor:"5,keyasint,omitempty" max:"256"`
	Generation uint32           `cbor:"6,keyasint"`
	Bundle     uint32           `cbor:"7,keyasint,omitempty"`
	Opening    []byte           `cbor:"8,keyasint,omitempty" max:"1216"`
	Lost       bool             `cbor:"9,keyasint,omitempty"`
	Next       uint32           `cbor:"10,keyasint,omitempty"`
	Unknown    identity.Unknown `cbor:"-"`
}

type channelBody struct {
	ID       uint32           `cbor:"1,keyasint"`
	Ready    bool             `cbor:"2,keyasint,omitempty"`
	Secret   []byte           `cbor:"3,keyasint,omitempty" max:"32"`
	Hash     [32]byte         `cbor:"4,keyasint"`
	Sender   []byte           `cbor:"5,keyasint" max:"256"`
	Receiver []byte           `cbor:"6,keyasint" max:"256"`
	Unknown  identity.Unknown `cbor:"-"`
}

func (p *peer) key() []byte {
	b := append(append(make([]byte, 0, 65), p.account[:]...), p.number)
	return append(b, p.identity.Bytes()...)
}

func (p *peer) marshal() ([]byte, error) {
	body := peerBody{
		Sent: p.sent, Seen: p.seen, Missing: p.missing, Generation: p.generation,
		Bundle: p.bundle, Opening: p.opening.AppendTo(nil), Lost: p.lost, Next: p.next,
	}
	if p.record != nil {
		body.Record = p.record.AppendTo(nil)
	} else {
		body.Record = p.stored
	}
	for _, c := range p.channels {
		body.Channels = append(body.Channels, channelBody{
			ID: c.id, Ready: c.ready, Secret: c.secret.AppendTo(nil), Hash: c.hash,
			Sender: c.sender.AppendTo(nil), Receiver: c.receiver.AppendTo(nil),
		})
	}
	return identity.Marshal(&body)
}

// maxPeer is the most that a stored peer takes: a contact that wants to can make sessions large, by messages that never
// come and sessions that are never used. Then the oldest go.
const maxPeer = 768 << 10

func (p *peer) marshalWithin(most int) ([]byte, error) {
	for archived := session.MaxArchived; ; archived /= 2 {
		b, err := p.marshal()
		if err != nil || len(b) <= most || archived == 0 || p.record == nil {
			return b, err
		}
		p.record = p.record.Trimmed(archived / 2)
	}
}

// clockKey and what follows store the clock of a conversation.
func clockKey(c chat.ConversationID) []byte { return append([]byte{'c'}, c[:]...) }

func clockBytes(c chat.Clock) []byte { return binary.BigEndian.AppendUint64(nil, uint64(c.Last())) }

func parseClock(b []byte) (chat.Clock, error) {
	if len(b) != 8 {
		return chat.Clock{}, errStored
	}
	return chat.ParseClock(chat.Time(binary.BigEndian.Uint64(b))), nil
}

func millisOf(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) }

// load reads the vault into the state.
func (n *Node) load() error {
	v := n.config.Vault
	b, err := v.Get(vault.Account, selfKey)
	if errors.Is(err, vault.ErrNotFound) {
		return ErrNoAccount
	}
	if err != nil {
		return err
	}
	s := &n.state
	if s.self, err = parseSelf(b); err != nil {
		return err
	}
	n.me, n.number = s.self.view.Account(), s.self.number
	s.contacts = make(map[identity.Account]*contact)
	s.peers = make(map[device]*peer)
	s.tags = make(map[envelope.Tag]tagged)
	s.backlog = make(map[device]bool)
	n.queues.messages, n.queues.ids, n.queues.kept = make(map[chat.ID][]queued), make(map[uint64]chat.ID), make(map[uint64]bool)
	n.queues.by, n.queues.generations = make(map[device][]uint64), make(map[device]uint32)
	if err := n.loadKeys(); err != nil {
		return err
	}
	if err := n.loadRelays(); err != nil {
		return err
	}
	if err := v.Each(vault.Contact, nil, func(key, value []byte) error {
		c, err := parseContact(key, value)
		if err == nil {
			s.contacts[c.account] = c
		}
		return err
	}); err != nil {
		return err
	}
	known := n.newTurn()
	if err := v.Each(vault.Session, nil, func(key, value []byte) error {
		p, err := n.parsePeer(key, value)
		if err != nil {
			return err
		}
		if known.listed(p) {
			p.tag(s.tags)
			s.peers[p.device] = p
			n.queues.generations[p.device] = p.generation
		}
		return nil
	}); err != nil {
		return err
	}
	if err := v.Each(vault.Outbox, nil, func(key, value []byte) error {
		p, err := parsePost(key, value)
		if err != nil {
			return err
		}
		n.queues.note(p)
		s.last = max(s.last, p.number)
		if p.state.State != chat.Failed {
			n.queues.by[p.device] = append(n.queues.by[p.device], p.number)
			s.backlog[p.device] = true
			n.stats.waiting.Add(1)
		}
		return nil
	}); err != nil {
		return err
	}
	n.shared.self, n.shared.contacts, n.shared.relays, n.shared.keys = s.self, s.contacts, s.relays, s.self.envelopeKeys()
	return n.forget()
}
