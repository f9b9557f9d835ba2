package p2p

import (
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
)

// Who knows a relay's key alone finds where it is and what it takes; and a new offer replaces the old one.
func TestOffer(t *testing.T) {
	mesh := meshOf(t, 3)
	relay := hostOf(t, Config{Role: Relay, Bootstrap: []Peer{peerOf(mesh[0])}})
	if err := relay.Offer(Offer{Post: 64 << 10, Posts: 1000, Bytes: 8 << 20, Keep: 30 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	running(t, relay)
	reader := hostOf(t, Config{})
	join(t, reader, mesh[1])
	read := func() (newest descriptor.Node) {
		var at time.Time
		values, _ := lookup(t, reader, descriptor.NodeKey(relay.Key()))
		for _, v := range values {
			if n, signed, err := descriptor.OpenNode(v, relay.Key(), time.Now()); err != nil {
				t.Errorf("a record that does not open: %v", err)
			} else if signed.After(at) {
				newest, at = n, signed
			}
		}
		return newest
	}
	until(t, "the record is found", func() bool { return read().Limits.Posts == 1000 })
	n := read()
	if n.Limits.Bytes != 8<<20 || n.Limits.Keep != 30*24*3600 || n.Limits.Post != 64<<10 || !slices.Equal(n.Roles, []descriptor.Role{descriptor.RoleRelay}) {
		t.Errorf("unexpected: %+v", n)
	}
	var addrs []string
	for _, b := range n.Addresses {
		addrs = append(addrs, must[string](t)(DecodeAddr(b)))
	}
	if !slices.Equal(addrs, relay.Addrs()) {
		t.Errorf("the record says %v, and the relay is at %v", addrs, relay.Addrs())
	}
	until(t, "it counts who keeps it", func() bool { return relay.Stats().Offered > 0 })
	if err := relay.Offer(Offer{Posts: 7}); err != nil {
		t.Fatal(err)
	}
	until(t, "the new offer is found", func() bool { return read().Limits.Posts == 7 })
	if err := reader.Offer(Offer{}); err == nil {
		t.Error("a messenger published itself")
	}
	if err := relay.Offer(Offer{Legs: -1}); err == nil {
		t.Error("less than nothing was offered")
	}
}

// A relay gives places to those alone whom its owner allows, and circuits too; and none if they are off.
func TestCircuitsAllowed(t *testing.T) {
	friend := identity.GenerateTransportKey()
	asked := make(chan identity.TransportKey, 64)
	relay := hostOf(t, Config{Role: Relay, Circuits: Circuits{Allow: func(node identity.TransportKey, from net.Addr) bool {
		if from.(*net.UDPAddr).IP.IsLoopback() && node != friend.Public() {
			select {
			case asked <- node:
			default:
			}
			return false
		}
		return true
	}}})
	phone := func(key identity.TransportPrivateKey, at *Host) *Host {
		p := hostOf(t, Config{Role: Mobile, Key: key, Listen: []string{}, Relays: []Peer{peerOf(at)}, Bootstrap: []Peer{peerOf(at)}})
		p.Lane(Deliver).Handle(echo)
		return running(t, p)
	}
	has := func(h *Host) bool {
		return slices.ContainsFunc(h.Addrs(), func(a string) bool { return strings.HasSuffix(a, "/p2p-circuit") })
	}
	stranger := phone(identity.GenerateTransportKey(), relay)
	if got := <-asked; got != stranger.Key() {
		t.Errorf("it asked about %v", got)
	}
	known := phone(friend, relay)
	until(t, "the friend has a place", func() bool { return has(known) })
	if has(stranger) {
		t.Error("the stranger has a place")
	}
	// A stranger does not get through to the friend, either.
	if c, err := stranger.Lane(Deliver).Dial(patience(t), known.Key(), known.Addrs()); err == nil {
		_ = c.Close()
		t.Error("a circuit was opened for a stranger")
	}
	if relay.Stats().Refused == 0 {
		t.Error("what was refused is not counted")
	}
	for _, id := range hostOf(t, Config{Role: Relay, Circuits: Circuits{Off: true}}).host.Mux().Protocols() {
		if strings.Contains(string(id), "circuit/relay") && strings.HasSuffix(string(id), "/hop") {
			t.Errorf("%s is served although circuits are off", id)
		}
	}
}

// Whom the owner refuses gets no connection, and loses those that are there.
func TestRefuse(t *testing.T) {
	banned := identity.GenerateTransportKey()
	var all atomic.Bool
	relay := hostOf(t, Config{Role: Relay, Refuse: func(node identity.TransportKey, _ net.Addr) bool {
		return node == banned.Public() || all.Load()
	}})
	if err := hostOf(t, Config{Key: banned}).Join(patience(t), relay.Key(), relay.Addrs()); err == nil {
		t.Error("who is banned was let in")
	}
	guest := hostOf(t, Config{})
	join(t, guest, relay)
	relay.Expel() // nobody
	if guest.Peers() != 1 || relay.Peers() != 1 {
		t.Errorf("a guest lost its connection: %d, %d", guest.Peers(), relay.Peers())
	}
	all.Store(true)
	relay.Expel()
	until(t, "the guest is out", func() bool { return relay.Peers() == 0 })
}

// Hundreds of people behind one address of a carrier are let in, and the one after the limit is not, nor more than there
// is room for in all; as the role has it, and as it was configured.
func TestConns(t *testing.T) {
	for _, tt := range []struct {
		conns            Conns
		perAddress, most int
	}{
		{Conns{}, 256, 4096},
		{Conns{PerAddress: 700}, 700, 4096},
		{Conns{Total: 100, PerAddress: 60}, 60, 100},
	} {
		l := limitsOf[Relay].with(tt.conns)
		m := must[network.ResourceManager](t)(l.resources())
		open := func(ip string) error {
			scope, err := m.OpenConnection(network.DirInbound, false, ma.StringCast("/ip4/"+ip+"/udp/4747/quic-v1"))
			if err == nil { // it is known who it is, and no longer counts as a stranger
				id, idErr := idOf(identity.GenerateTransportKey().Public())
				if idErr != nil {
					t.Fatal(idErr)
				}
				err = scope.SetPeer(id)
			}
			return err
		}
		for i := range tt.perAddress {
			if err := open("192.0.2.7"); err != nil {
				t.Fatalf("%+v: connection %d of one address: %v", tt.conns, i+1, err)
			}
		}
		if open("192.0.2.7") == nil {
			t.Errorf("%+v: one address has no limit", tt.conns)
		}
		n := tt.perAddress
		for ; n <= tt.most; n++ {
			if open(net.IPv4(198, 51, byte(n>>8), byte(n)).String()) != nil {
				break
			}
		}
		if n != tt.most {
			t.Errorf("%+v: %d connections in all, want %d", tt.conns, n, tt.most)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []Conns{{Total: 15}, {PerAddress: -1}, {Memory: 1}} {
		if _, err := New(Config{Conns: c}); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if _, err := New(Config{Role: Relay, Circuits: Circuits{Data: -1}}); err == nil {
		t.Error("circuits of less than nothing were taken")
	}
}
