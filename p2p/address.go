package p2p

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// maxAddress is the most that an address takes, in bytes of its binary form. That of a relayed one has some 60.
const maxAddress = 256

// maxAddresses is how many addresses of one peer are looked at.
const maxAddresses = 16

// ErrAddress says that something is no network address, or one of another node.
var ErrAddress = errors.New("p2p: invalid address")

// Peer is a node and where it can be reached. Addresses are multiaddrs in text form without the node's name:
// "/ip4/192.0.2.1/udp/4747/quic-v1".
type Peer struct {
	Key   identity.TransportKey
	Addrs []string
}

// ParsePeer reads a node from the text form of libp2p: one or several multiaddrs, with spaces between them, that all end
// with the same "/p2p/" and peer ID. The errors wrap ErrAddress.
func ParsePeer(text string) (Peer, error) {
	var p Peer
	fields := strings.Fields(text)
	if len(fields) == 0 || len(fields) > maxAddresses {
		return Peer{}, fmt.Errorf("%w: %d addresses, 1 to %d", ErrAddress, len(fields), maxAddresses)
	}
	for _, field := range fields {
		m, err := parse(field)
		if err != nil {
			return Peer{}, err
		}
		addr, id := peer.SplitAddr(m)
		key, err := parseID(id)
		if err != nil {
			return Peer{}, err
		}
		if !p.Key.IsZero() && p.Key != key {
			return Peer{}, fmt.Errorf("%w: of several nodes", ErrAddress)
		}
		p.Key = key
		if len(addr) > 0 {
			p.Addrs = append(p.Addrs, addr.String())
		}
	}
	return p, nil
}

// String returns what ParsePeer reads: each address with the node's name, or the name alone if there is none.
func (p Peer) String() string {
	id, err := idOf(p.Key)
	if err != nil {
		return "p2p.Peer"
	}
	name := "/p2p/" + id.String()
	if len(p.Addrs) == 0 {
		return name
	}
	return strings.Join(p.Addrs, name+" ") + name
}

// info returns the peer as libp2p knows it. Every address must be one, and this node's.
func (p Peer) info() (peer.AddrInfo, error) {
	id, err := idOf(p.Key)
	if err != nil {
		return peer.AddrInfo{}, err
	}
	if len(p.Addrs) > maxAddresses {
		return peer.AddrInfo{}, fmt.Errorf("%w: %d addresses, at most %d", ErrAddress, len(p.Addrs), maxAddresses)
	}
	info := peer.AddrInfo{ID: id}
	for _, text := range p.Addrs {
		addr, err := addressOf(id, text)
		if err != nil {
			return peer.AddrInfo{}, err
		}
		info.Addrs = append(info.Addrs, addr)
	}
	return info, nil
}

// usable returns what of these texts are addresses of a peer. Contacts run other versions, so the rest is passed over.
func usable(id peer.ID, texts []string) []ma.Multiaddr {
	var addrs []ma.Multiaddr
	for _, text := range texts[:min(len(texts), maxAddresses)] {
		if addr, err := addressOf(id, text); err == nil {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// addressOf reads one address of a peer, with or without its name.
func addressOf(id peer.ID, text string) (ma.Multiaddr, error) {
	m, err := parse(text)
	if err != nil {
		return nil, err
	}
	addr, named := peer.SplitAddr(m)
	if (named != "" && named != id) || len(addr) == 0 {
		return nil, fmt.Errorf("%w: of another node, or of none", ErrAddress)
	}
	return addr, nil
}

func parse(text string) (ma.Multiaddr, error) {
	if len(text) > 4*maxAddress {
		return nil, fmt.Errorf("%w: %d characters", ErrAddress, len(text))
	}
	m, err := ma.NewMultiaddr(text)
	if err != nil || len(m) == 0 {
		return nil, ErrAddress
	}
	return m, nil
}

// EncodeAddr returns the binary form of an address, as descriptors and node records hold it: 8 to 14 bytes for IPv4, 20 to
// 26 for IPv6, some 60 for a relayed one. The error is ErrAddress.
func EncodeAddr(text string) ([]byte, error) {
	m, err := parse(text)
	if err != nil {
		return nil, err
	}
	b := m.Bytes()
	if len(b) > maxAddress {
		return nil, fmt.Errorf("%w: %d bytes", ErrAddress, len(b))
	}
	return b, nil
}

// DecodeAddr returns the text form of an address. The error is ErrAddress.
func DecodeAddr(b []byte) (string, error) {
	if len(b) == 0 || len(b) > maxAddress {
		return "", fmt.Errorf("%w: %d bytes", ErrAddress, len(b))
	}
	m, err := ma.NewMultiaddrBytes(b)
	if err != nil || len(m) == 0 {
		return "", ErrAddress
	}
	return m.String(), nil
}

// EncodeAddr is the function of this name, for who knows a host alone.
func (*Host) EncodeAddr(text string) ([]byte, error) { return EncodeAddr(text) }

// DecodeAddr is the function of this name, for who knows a host alone.
func (*Host) DecodeAddr(b []byte) (string, error) { return DecodeAddr(b) }

// idOf returns the name that libp2p has for a key.
func idOf(key identity.TransportKey) (peer.ID, error) {
	if key.IsZero() {
		return "", identity.ErrKey
	}
	public, err := crypto.UnmarshalEd25519PublicKey(key[:])
	if err != nil {
		return "", identity.ErrKey
	}
	return peer.IDFromPublicKey(public)
}

// keyOf returns the key that a peer ID holds. The error is identity.ErrKey for peers that have no Ed25519 key: Linnet has
// none such, and RSA keys have cost others dearly (CVE-2023-39533). That the key is a point of prime order, which takes
// some 50 µs, the gater has checked of everybody who is connected; parseID does it of others.
func keyOf(id peer.ID) (key identity.TransportKey, err error) {
	public, err := id.ExtractPublicKey()
	if err != nil || public.Type() != crypto.Ed25519 {
		return key, identity.ErrKey
	}
	raw, err := public.Raw()
	if err != nil || copy(key[:], raw) != len(key) || key.IsZero() {
		return identity.TransportKey{}, identity.ErrKey
	}
	return key, nil
}

// parseID is keyOf for what was never checked.
func parseID(id peer.ID) (identity.TransportKey, error) {
	key, err := keyOf(id)
	if err != nil {
		return key, err
	}
	return identity.ParseTransportKey(key[:])
}

// privateOf returns a private key in the form of libp2p.
func privateOf(key identity.TransportPrivateKey) (crypto.PrivKey, error) {
	seed := key.AppendTo(nil)
	defer clear(seed)
	if len(seed) != ed25519.SeedSize {
		return nil, identity.ErrKey
	}
	return crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
}

// isCircuit tells whether an address leads through a relay.
func isCircuit(m ma.Multiaddr) bool {
	_, err := m.ValueForProtocol(ma.P_CIRCUIT)
	return err == nil
}

// isNear tells whether an address is one of this machine or of a network without public addresses: what comes from there
// did not come over the internet.
func isNear(m ma.Multiaddr) bool {
	ip, err := manet.ToIP(m)
	return err == nil && !isCircuit(m) && !manet.IsPublicAddr(m) && !ip.IsUnspecified() && !ip.IsMulticast()
}

// isWide tells whether an address means something everywhere.
func isWide(m ma.Multiaddr) bool {
	if _, err := manet.ToIP(m); err != nil {
		return true // a name
	}
	return manet.IsPublicAddr(m)
}

// netAddr returns an address for a net.Conn: a *net.UDPAddr or *net.TCPAddr, or for a relayed connection the address of
// the relay under the network "relayed".
func netAddr(m ma.Multiaddr) net.Addr {
	ip, err := manet.ToIP(m)
	if err != nil || isCircuit(m) {
		return textAddr{"relayed", m.String()}
	}
	if text, err := m.ValueForProtocol(ma.P_UDP); err == nil {
		port, _ := strconv.Atoi(text)
		return &net.UDPAddr{IP: ip, Port: port}
	}
	text, err := m.ValueForProtocol(ma.P_TCP)
	if err != nil {
		return textAddr{"p2p", m.String()}
	}
	port, _ := strconv.Atoi(text)
	return &net.TCPAddr{IP: ip, Port: port}
}

type textAddr struct{ network, text string }

func (a textAddr) Network() string { return a.network }
func (a textAddr) String() string  { return a.text }
