package p2p

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnetmesh/linnet/crypto/identity"
)

const someRelay = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"

func TestAddressesBinary(t *testing.T) {
	var h *Host
	for text, size := range map[string]int{
		"/ip4/192.0.2.1/udp/4747/quic-v1":                                   11,
		"/ip4/192.0.2.1/tcp/4747":                                           8,
		"/ip4/192.0.2.1/tcp/4748/ws":                                        10,
		"/ip6/2001:db8::1/udp/4747/quic-v1":                                 23,
		"/dns4/relay.example/udp/4747/quic-v1":                              21,
		"/ip4/192.0.2.1/udp/4747/quic-v1/p2p/" + someRelay + "/p2p-circuit": 54,
	} {
		b, err := h.EncodeAddr(text)
		if err != nil || len(b) != size {
			t.Errorf("%s: %d bytes, %v; want %d", text, len(b), err, size)
		}
		if got, err := h.DecodeAddr(b); err != nil || got != text {
			t.Errorf("%s came back as %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "/", "192.0.2.1:1", "/ip4/1", strings.Repeat("/ip4/192.0.2.1", 100), strings.Repeat("/ip4/192.0.2.1", 60)} {
		if b, err := EncodeAddr(text); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %x, %v; want ErrAddress", text, b, err)
		}
	}
	for _, b := range [][]byte{nil, {4}, {4, 1, 2, 3}, bytes.Repeat([]byte{4, 1, 2, 3, 4}, 60)} {
		if text, err := DecodeAddr(b); !errors.Is(err, ErrAddress) {
			t.Errorf("%x: %s, %v; want ErrAddress", b, text, err)
		}
	}
}

func FuzzDecodeAddr(f *testing.F) {
	for _, text := range []string{"/ip4/192.0.2.1/udp/4747/quic-v1", "/dns4/relay.example/tcp/443/wss"} {
		b, _ := EncodeAddr(text)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := DecodeAddr(b)
		if err != nil {
			return
		}
		again, err := EncodeAddr(text)
		if err != nil {
			// The library reads some that it cannot write, such as names with a slash; they are of no use, and do no harm.
			t.Skip()
		}
		if !bytes.Equal(again, b) {
			if twice, err := DecodeAddr(again); err != nil || twice != text {
				t.Errorf("%x became %s, %x, %s, %v", b, text, again, twice, err)
			}
		}
	})
}

func FuzzParsePeer(f *testing.F) {
	f.Add("/ip4/192.0.2.1/udp/4747/quic-v1/p2p/" + someRelay)
	f.Add("/p2p/" + someRelay)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePeer(text)
		if err != nil {
			return
		}
		again, err := ParsePeer(p.String())
		if diff := cmp.Diff(p, again); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", text, err, diff)
		}
	})
}

func TestPeerText(t *testing.T) {
	one := "/ip4/192.0.2.1/udp/4747/quic-v1/p2p/" + someRelay
	p, err := ParsePeer(one + "\n /dns4/relay.example/tcp/443/wss/p2p/" + someRelay)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/ip4/192.0.2.1/udp/4747/quic-v1", "/dns4/relay.example/tcp/443/wss"}
	if diff := cmp.Diff(want, p.Addrs); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if again, err := ParsePeer(p.String()); err != nil || !cmp.Equal(p, again) {
		t.Errorf("%v came back as %v, %v", p, again, err)
	}
	if bare, err := ParsePeer("/p2p/" + someRelay); err != nil || bare.Key != p.Key || bare.String() != "/p2p/"+someRelay {
		t.Errorf("a name alone: %v, %v", bare, err)
	}
	id, err := idOf(p.Key)
	if err != nil || id.String() != someRelay {
		t.Errorf("peer ID %v, %v", id, err)
	}
	for _, text := range []string{
		"", "/ip4/192.0.2.1/udp/4747/quic-v1", one + " /ip4/192.0.2.1/tcp/1/p2p/" + otherKind,
		"/p2p/" + otherKind, strings.Repeat(one+" ", maxAddresses+1), "/ip4/192.0.2.1/tcp/x/p2p/" + someRelay,
	} {
		if p, err := ParsePeer(text); err == nil {
			t.Errorf("%q: %v", text, p)
		}
	}
	if got := (Peer{}).String(); got != "p2p.Peer" {
		t.Errorf("no peer is %q", got)
	}
	if _, err := (Peer{Key: p.Key, Addrs: []string{one[:len(one)-1] + "q"}}).info(); err == nil {
		t.Error("an address of another node passed")
	}
	if _, err := (Peer{Key: p.Key, Addrs: make([]string, maxAddresses+1)}).info(); !errors.Is(err, ErrAddress) {
		t.Errorf("too many addresses: %v", err)
	}
}

// otherKind is the name of a node with an RSA key.
const otherKind = "QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ"

func TestKeysAndNames(t *testing.T) {
	key := subjectOf().key
	id := must[identity.TransportKey](t)(keyOf(must[peer.ID](t)(idOf(key.Public()))))
	if id != key.Public() {
		t.Error("a key did not come back")
	}
	if _, err := idOf(identity.TransportKey{}); !errors.Is(err, identity.ErrKey) {
		t.Errorf("no key: %v", err)
	}
	if _, err := privateOf(identity.TransportPrivateKey{}); !errors.Is(err, identity.ErrKey) {
		t.Errorf("no private key: %v", err)
	}
}

func TestNetAddr(t *testing.T) {
	for text, want := range map[string]net.Addr{
		"/ip4/192.0.2.1/udp/4747/quic-v1": &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1).To4(), Port: 4747},
		"/ip6/2001:db8::1/tcp/1/ws":       &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 1},
		"/ip4/192.0.2.1":                  textAddr{"p2p", "/ip4/192.0.2.1"},
		"/ip4/192.0.2.1/udp/1/quic-v1/p2p/" + someRelay + "/p2p-circuit": textAddr{"relayed", "/ip4/192.0.2.1/udp/1/quic-v1/p2p/" + someRelay + "/p2p-circuit"},
	} {
		got := netAddr(must[ma.Multiaddr](t)(ma.NewMultiaddr(text)))
		if got.Network() != want.Network() || got.String() != want.String() {
			t.Errorf("%s: %s %s, want %s %s", text, got.Network(), got, want.Network(), want)
		}
	}
}
