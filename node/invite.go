package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/vault"
)

// An invite is a link: "linnet:add/" and base32 (RFC 4648, lower case, no padding) of
//
//	version (1) = 1 ‖ CBOR ‖ the first 4 bytes of its labelled SHA-256
//
// All upper case it means the same, which makes QR codes smaller. The CBOR holds the address, a token, when it ends, and
// nodes to begin with, so that nobody needs an address that is built in.
const (
	inviteScheme  = "linnet:add/"
	inviteVersion = 1
	tokenSize     = 16
	checkSize     = 4
	maxInvite     = 1024 // bytes
	maxInvitePeer = 4
	maxPeerAddrs  = 2 // of a node in an invite

	maxInviteRelays = 2  // of the inviter, in an invite
	maxPeerAddr     = 64 // bytes
)

var inviteText = base32.StdEncoding.WithPadding(base32.NoPadding)

// Invite is what lets somebody become a contact.
type Invite struct {
	Address Address
	Token   []byte    // empty in a bare address; whoever shows it is accepted
	Until   time.Time // zero: for ever
	Peers   []Peer    // where to begin: the inviter's own node, and nodes that it knows

	Standing bool // for any number of people; only the inviter knows
}

// Peer is a node and where it is.
type Peer struct {
	Key   identity.TransportKey
	Addrs [][]byte // as Reach encodes them

	Box   identity.BoxKey // of the inviter, if the node is a relay that keeps post for it
	Token []byte          // to put into the box
}

// inviteLink is how an invite travels.
type inviteLink struct {
	Account   identity.Account `cbor:"1,keyasint"`
	Discovery [32]byte         `cbor:"2,keyasint"`
	Token     []byte           `cbor:"3,keyasint,omitempty" max:"16"`
	Until     uint64           `cbor:"4,keyasint,omitempty"` // s since 1970
	Peers     []invitePeer     `cbor:"5,keyasint,omitempty" max:"4"`
	Unknown   identity.Unknown `cbor:"-"`
}

type invitePeer struct {
	Key     identity.TransportKey `cbor:"1,keyasint"`
	Addrs   [][]byte              `cbor:"2,keyasint" max:"4" each:"64"`
	Box     identity.BoxKey       `cbor:"3,keyasint,omitempty"`
	Token   []byte                `cbor:"4,keyasint,omitempty" max:"192"`
	Unknown identity.Unknown      `cbor:"-"`
}

// Over tells whether the invite has expired.
func (i *Invite) Over(now time.Time) bool { return !i.Until.IsZero() && now.After(i.Until) }

// String returns the link.
func (i *Invite) String() string {
	link := inviteLink{Account: i.Address.Account, Discovery: [32]byte(i.Address.Discovery), Token: i.Token}
	if !i.Until.IsZero() {
		link.Until = uint64(max(i.Until.Unix(), 0))
	}
	for _, p := range i.Peers {
		link.Peers = append(link.Peers, invitePeer{Key: p.Key, Addrs: p.Addrs, Box: p.Box, Token: p.Token})
	}
	b, err := identity.Marshal(&link)
	if err != nil {
		return ""
	}
	b = append([]byte{inviteVersion}, b...)
	check := identity.LabelInvite.Hash(b)
	return inviteScheme + strings.ToLower(inviteText.EncodeToString(append(b, check[:checkSize]...)))
}

// ParseInvite reads a link, or an address, which is an invite without a token. White space around and within is
// forgiven. The error is ErrInvite, identity.ErrNewer, or one of identity.ParseAddress.
func ParseInvite(text string) (*Invite, error) {
	if len(text) > 4*maxInvite {
		return nil, ErrInvite
	}
	text = strings.Join(strings.Fields(text), "")
	rest, ok := strings.CutPrefix(strings.ToLower(text), inviteScheme)
	if !ok {
		a, err := identity.ParseAddress(text)
		if errors.Is(err, identity.ErrText) {
			return nil, ErrInvite
		}
		if err != nil {
			return nil, err
		}
		return &Invite{Address: a}, nil
	}
	b, err := inviteText.DecodeString(strings.ToUpper(rest))
	if err != nil || len(b) < 1+checkSize || len(b) > maxInvite || !strings.EqualFold(inviteText.EncodeToString(b), rest) {
		return nil, ErrInvite
	}
	body, sum := b[:len(b)-checkSize], b[len(b)-checkSize:]
	if check := identity.LabelInvite.Hash(body); !bytes.Equal(check[:checkSize], sum) {
		return nil, ErrInvite
	}
	if body[0] != inviteVersion {
		return nil, identity.ErrNewer
	}
	var link inviteLink
	if err := identity.Unmarshal(body[1:], maxInvite, &link); err != nil {
		if errors.Is(err, identity.ErrNewer) {
			return nil, err
		}
		return nil, ErrInvite
	}
	i := &Invite{Token: link.Token}
	if i.Address.Account, err = identity.ParseAccount(link.Account[:]); err != nil {
		return nil, ErrInvite
	}
	if i.Address.Discovery, err = identity.ParseDiscoveryKey(link.Discovery[:]); err != nil {
		return nil, ErrInvite
	}
	if len(link.Token) != 0 && len(link.Token) != tokenSize {
		return nil, ErrInvite
	}
	if link.Until != 0 {
		i.Until = time.Unix(int64(min(link.Until, 1<<40)), 0)
	}
	for _, p := range link.Peers {
		if _, err := identity.ParseTransportKey(p.Key[:]); err == nil && len(p.Addrs) > 0 {
			i.Peers = append(i.Peers, Peer{p.Key, p.Addrs, p.Box, p.Token})
		}
	}
	return i, nil
}

// Invite makes an invite. It is good for life, or for ever if that is 0; standing, for any number of people, otherwise
// for one. It carries where this node is, these peers, and nodes that this one knows: at most four in all.
func (n *Node) Invite(ctx context.Context, life time.Duration, standing bool, peers ...Peer) (*Invite, error) {
	token := make([]byte, tokenSize)
	_, _ = rand.Read(token) // it never fails
	body := inviteBody{Token: token, Standing: standing}
	i := &Invite{Address: n.Address(), Token: token, Standing: standing}
	err := n.run(ctx, func(t *turn) error {
		body.Created = millisOf(t.now)
		if life > 0 {
			i.Until = t.now.Add(life)
			body.Until = millisOf(i.Until)
		}
		b, err := identity.Marshal(&body)
		if err != nil {
			return err
		}
		t.put(vault.Invite, inviteKey(token), b)
		return nil
	})
	if err != nil {
		return nil, err
	}
	n.beginnings(i, peers)
	return i, nil
}

// beginnings puts into an invite where this node is, these peers, and nodes that this one knows.
func (n *Node) beginnings(i *Invite, peers []Peer) {
	now := n.now()
	for _, r := range n.relaysIn(RelayUsed) { // they know where the account is while it sleeps
		if addrs := r.Addrs[:min(len(r.Addrs), maxPeerAddrs)]; len(addrs) > 0 && len(i.Peers) < maxInviteRelays {
			i.Peers = append(i.Peers, Peer{r.key, addrs, r.box.Public(), r.inviteToken(i, now)})
		}
	}
	if own := n.encode(n.config.Reach.Addrs(), maxPeerAddrs, maxPeerAddr); len(own) > 0 && !n.config.Hidden {
		i.Peers = append(i.Peers, Peer{Key: n.config.Reach.Key(), Addrs: own})
	}
	add := func(p Peer) bool {
		if len(p.Addrs) > 0 && !slices.ContainsFunc(i.Peers, func(q Peer) bool { return q.Key == p.Key }) {
			i.Peers = append(i.Peers, p)
		}
		return len(i.Peers) < maxInvitePeer
	}
	for _, p := range peers {
		p.Addrs = p.Addrs[:min(len(p.Addrs), maxPeerAddrs)]
		if !add(p) {
			return
		}
	}
	n.config.Reach.Servers(func(key identity.TransportKey, addrs []string) bool {
		return add(Peer{Key: key, Addrs: n.encode(addrs, maxPeerAddrs, maxPeerAddr)})
	})
}

// Invites returns the invites that were made here and are still good.
func (n *Node) Invites() ([]Invite, error) {
	var out []Invite
	now := n.now()
	err := n.config.Vault.Each(vault.Invite, nil, func(_, value []byte) error {
		var body inviteBody
		if err := identity.Unmarshal(value, 256, &body); err != nil {
			return err
		}
		i := Invite{Address: n.Address(), Token: body.Token, Standing: body.Standing}
		if body.Until != 0 {
			i.Until = time.UnixMilli(int64(body.Until))
		}
		if !i.Over(now) && (body.Standing || body.Used == 0) {
			n.beginnings(&i, nil)
			out = append(out, i)
		}
		return nil
	})
	return out, err
}

// RevokeInvite makes an invite useless. Who came by it before stays.
func (n *Node) RevokeInvite(ctx context.Context, token []byte) error {
	return n.run(ctx, func(t *turn) error {
		body, err := t.invite(inviteKey(token))
		if err != nil {
			return err
		}
		if body == nil {
			return ErrInvite
		}
		t.remove(vault.Invite, inviteKey(token))
		return nil
	})
}

// invite reads a stored invite, nil if there is none.
func (t *turn) invite(key []byte) (*inviteBody, error) {
	b, err := t.batch.Get(vault.Invite, key)
	if errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	body := new(inviteBody)
	return body, identity.Unmarshal(b, 256, body)
}

// ownAddrs returns where this node is, as it travels.
func (n *Node) ownAddrs() [][]byte {
	return n.encode(n.config.Reach.Addrs(), descriptor.MaxDirect, descriptor.AddressSize)
}

// encode returns up to most addresses as they travel, without those over a size.
func (n *Node) encode(addrs []string, most, size int) (out [][]byte) {
	for _, a := range addrs {
		if b, err := n.config.Reach.EncodeAddr(a); err == nil && len(b) > 0 && len(b) <= size && len(out) < most {
			out = append(out, b)
		}
	}
	return out
}

// texts returns addresses as lanes take them.
func (n *Node) texts(addrs [][]byte) (out []string) {
	for _, b := range addrs {
		if a, err := n.config.Reach.DecodeAddr(b); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// join makes nodes of an invite known to the host, in the background: lookups go on as soon as one answers.
func (n *Node) join(peers []invitePeer) {
	for _, p := range peers {
		n.couriers.background(func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, joinPatience)
			defer cancel()
			if err := n.config.Reach.Join(ctx, p.Key, n.texts(p.Addrs)); err != nil {
				n.log.Debug("a node from an invite does not answer", "error", err)
				return
			}
			n.couriers.hurry()
			n.touch()
		})
	}
}

// joinAgain goes back to the nodes of invites whose accounts were not found before the node stopped.
func (n *Node) joinAgain() {
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	for _, c := range n.shared.contacts {
		if len(c.Hints) > 0 {
			n.join(c.Hints)
		}
	}
}

const joinPatience = 30 * time.Second

// inviteBody is how an invite is stored, under the hash of its token.
type inviteBody struct {
	Token    []byte           `cbor:"1,keyasint" max:"32"`
	Created  uint64           `cbor:"2,keyasint"`           // ms
	Until    uint64           `cbor:"3,keyasint,omitempty"` // ms; 0: for ever
	Standing bool             `cbor:"4,keyasint,omitempty"` // for any number of people
	Used     uint32           `cbor:"5,keyasint,omitempty"`
	Unknown  identity.Unknown `cbor:"-"`
}

func inviteKey(token []byte) []byte {
	h := sha256.Sum256(identity.LabelInvite.Input(token))
	return h[:]
}

// fits tells whether a token is of an invite that is good, and uses it.
func (t *turn) fits(token []byte) (bool, error) {
	if len(token) != tokenSize {
		return false, nil
	}
	body, err := t.invite(inviteKey(token))
	if err != nil || body == nil {
		return false, err
	}
	if body.Until != 0 && millisOf(t.now) > body.Until || body.Used > 0 && !body.Standing {
		return false, nil
	}
	body.Used++
	b, err := identity.Marshal(body)
	if err != nil {
		return false, err
	}
	t.put(vault.Invite, inviteKey(token), b)
	return true, nil
}
