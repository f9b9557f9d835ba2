package p2p

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	kadpb "github.com/libp2p/go-libp2p-kad-dht/pb"
	libp2precord "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-msgio/pbio"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
)

// Nodes that hold a newer record refuse an older one, and are not counted.
func TestPublishCountsRefusals(t *testing.T) {
	relays := meshOf(t, 3)
	publisher := hostOf(t, Config{})
	join(t, publisher, relays[0])
	s := subjectOf()
	now := time.Now()
	older, newer := s.record(t, now.Add(-time.Minute)), s.record(t, now)
	for _, r := range relays[:2] {
		if err := r.kept.put(s.dht(), newer, now); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := publisher.Publish(patience(t), s.dht(), older)
	if err != nil || kept != 1 {
		t.Errorf("kept by %d, %v; want 1", kept, err)
	}
	if err := relays[2].kept.put(s.dht(), newer, now); err != nil {
		t.Fatal(err)
	}
	if kept, err = publisher.Publish(patience(t), s.dht(), older); !errors.Is(err, ErrNobody) || errors.Is(err, ErrNoPeers) || kept != 0 {
		t.Errorf("kept by %d, %v; want ErrNobody", kept, err)
	}
	if kept, err = publisher.Publish(patience(t), s.dht(), newer); err != nil || kept != 3 {
		t.Errorf("the newer: kept by %d, %v; want 3", kept, err)
	}
	if _, err = publisher.Publish(patience(t), s.dht(), older); !errors.Is(err, ErrOlder) {
		t.Errorf("the older after the newer: %v, want ErrOlder", err)
	}
}

func TestNobodyThere(t *testing.T) {
	h := hostOf(t, Config{})
	s := subjectOf()
	value := s.record(t, time.Now())
	if values, err := lookup(t, h, s.dht()); !errors.Is(err, ErrNoPeers) || len(values) > 0 {
		t.Errorf("looking up: %d values, %v; want ErrNoPeers", len(values), err)
	}
	if _, err := h.Publish(patience(t), s.dht(), value); !errors.Is(err, ErrNobody) || !errors.Is(err, ErrNoPeers) {
		t.Errorf("publishing: %v, want ErrNobody and ErrNoPeers", err)
	}
	// What it published itself it knows.
	if values, err := lookup(t, h, s.dht()); err != nil || len(values) != 1 {
		t.Errorf("looking up its own: %d values, %v", len(values), err)
	}
	for _, key := range []string{"", "/", "/linnet", "/other/" + s.dht(), "linnet-node/x", "/linnet-node/" + string(make([]byte, 64))} {
		if _, err := lookup(t, h, key); err == nil {
			t.Errorf("no error for key %q", key)
		}
		if _, err := h.Publish(patience(t), key, value); !errors.Is(err, descriptor.ErrKey) {
			t.Errorf("publishing under %q: %v, want ErrKey", key, err)
		}
	}
	if _, err := h.Publish(patience(t), s.dht(), value[:len(value)-1]); err == nil {
		t.Error("published what is no record")
	}
}

// Different values come one by one, the stale after the fresh or before it, each once; found may stop.
func TestLookupGivesEachValue(t *testing.T) {
	relays := meshOf(t, 4)
	reader := hostOf(t, Config{})
	join(t, reader, relays[0])
	s := subjectOf()
	now := time.Now()
	older, newer := s.record(t, now.Add(-time.Hour)), s.record(t, now)
	for i, r := range relays {
		if err := r.kept.put(s.dht(), [][]byte{older, newer}[i%2], now); err != nil {
			t.Fatal(err)
		}
	}
	got, err := lookup(t, reader, s.dht())
	if err != nil || len(got) != 2 {
		t.Fatalf("%d values, %v; want 2", len(got), err)
	}
	if bytes.Equal(got[0], got[1]) {
		t.Error("the same value twice")
	}
	// A reader does not become a publisher: nobody's record has changed.
	for i, r := range relays {
		if value, _ := r.kept.get(s.dht(), now); !bytes.Equal(value, [][]byte{older, newer}[i%2]) {
			t.Errorf("relay %d holds another record than before the lookup", i)
		}
	}
	calls := 0
	if err := reader.Lookup(patience(t), s.dht(), func([]byte) bool { calls++; return false }); err != nil || calls != 1 {
		t.Errorf("stopping: %d calls, %v; want 1", calls, err)
	}
}

// A node that is slow does not hold up what others found.
func TestLookupFirstHitAtOnce(t *testing.T) {
	relays := meshOf(t, 3)
	reader := hostOf(t, Config{})
	join(t, reader, relays[0])
	s := subjectOf()
	if err := relays[0].kept.put(s.dht(), s.record(t, time.Now()), time.Now()); err != nil {
		t.Fatal(err)
	}
	// A node that lets itself be taken into the table, and then never answers a get.
	slow := bare(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	slow.SetStreamHandler(kad, func(st network.Stream) {
		defer st.Close()
		var m kadpb.Message
		if pbio.NewDelimitedReader(st, maxReply).ReadMsg(&m) != nil {
			return
		}
		if m.GetType() == kadpb.Message_GET_VALUE {
			<-release
			return
		}
		_ = pbio.NewDelimitedWriter(st).WriteMsg(kadpb.NewMessage(m.GetType(), nil, 0))
	})
	meet(t, slow, reader)
	until(t, "the slow one is in the table", func() bool { return reader.dht.Load().RoutingTable().Find(slow.ID()) != "" })

	begin := time.Now()
	ctx, cancel := context.WithCancel(patience(t))
	defer cancel()
	var first time.Duration
	err := reader.Lookup(ctx, s.dht(), func([]byte) bool {
		first = time.Since(begin)
		cancel()
		return true
	})
	if !errors.Is(err, context.Canceled) || first == 0 {
		t.Fatalf("first hit after %v, %v", first, err)
	}
	if first > requestPatience/2 {
		t.Errorf("the first hit took %v", first)
	}
}

// Two desktops that serve nobody, and know each other from the LAN alone.
func TestNeighbours(t *testing.T) {
	a, b := hostOf(t, Config{LAN: true}), hostOf(t, Config{LAN: true})
	a.greet(patience(t), must[peer.AddrInfo](t)(peerOf(b).info()))
	b.greet(patience(t), must[peer.AddrInfo](t)(peerOf(a).info()))
	if got := a.Stats(); got.Neighbours != 1 || got.Table != 0 || got.Serving {
		t.Fatalf("unexpected: %+v", got)
	}
	if near := a.Nearby(); len(near) != 1 || near[0].Key != b.Key() || len(near[0].Addrs) == 0 {
		t.Errorf("nearby: %v", near)
	}
	s := subjectOf()
	value := s.record(t, time.Now())
	kept, err := a.Publish(patience(t), s.dht(), value)
	if err != nil || kept != 1 {
		t.Fatalf("kept by %d, %v; want 1", kept, err)
	}
	got, err := lookup(t, b, s.dht())
	if diff := cmp.Diff([][]byte{value}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	// Also if the neighbour was not there when it was published.
	s = subjectOf()
	value = s.record(t, time.Now())
	if err := a.own.put(s.dht(), value, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got, err = lookup(t, b, s.dht()); err != nil || len(got) != 1 {
		t.Errorf("%d values, %v; want 1", len(got), err)
	}
}

// What a desktop published, and others keep, it does not tell strangers, neither on the directory lane nor as a server of
// the DHT: they could ask around who it is about. See TestTwoAlone for what nobody else keeps.
func TestStrangersLearnNothing(t *testing.T) {
	h, stranger := hostOf(t, Config{Serve: ServeAlways}), hostOf(t, Config{})
	join(t, stranger, h)
	s := subjectOf()
	value := s.record(t, time.Now())
	_, _ = h.Publish(patience(t), s.dht(), value)
	h.lonely.Store(false) // as if another node kept it, which would now tell the stranger
	if values, err := lookup(t, stranger, s.dht()); err != nil || len(values) > 0 {
		t.Errorf("looking up: %d values, %v", len(values), err)
	}
	count := 0
	if err := stranger.Ask(patience(t), s.dht(), h.Key(), nil, func([]byte) bool { count++; return true }); err != nil || count > 0 {
		t.Errorf("asking: %d values, %v", count, err)
	}
	quiet := hostOf(t, Config{})
	if err := stranger.Ask(patience(t), s.dht(), quiet.Key(), quiet.Addrs(), func([]byte) bool { return true }); !errors.Is(err, ErrNoPeers) {
		t.Errorf("asking a desktop: %v, want ErrNoPeers", err)
	}
}

func TestAskOne(t *testing.T) {
	relay, reader := hostOf(t, Config{Role: Relay}), hostOf(t, Config{})
	s := subjectOf()
	value := s.record(t, time.Now())
	_, _ = relay.Publish(patience(t), s.dht(), value) // for a sleeper
	var got [][]byte
	if err := reader.Ask(patience(t), s.dht(), relay.Key(), relay.Addrs(), func(v []byte) bool { got = append(got, v); return true }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]byte{value}, got); diff != "" {
		t.Errorf("asking (-want +got):\n%s", diff)
	}
	if err := reader.Ask(patience(t), subjectOf().dht(), relay.Key(), nil, func([]byte) bool { t.Error("found"); return true }); err != nil {
		t.Errorf("asking for what is not there: %v", err)
	}
	if err := reader.Ask(patience(t), s.dht(), subjectOf().key.Public(), nil, func([]byte) bool { return true }); !errors.Is(err, ErrNoPeers) || !errors.Is(err, ErrNoAddress) {
		t.Errorf("asking nobody: %v, want ErrNoPeers and ErrNoAddress", err)
	}
	if err := reader.Ask(patience(t), s.dht(), identity.TransportKey{}, nil, nil); !errors.Is(err, identity.ErrKey) {
		t.Errorf("asking no key: %v", err)
	}
}

// requestTo sends a DHT request by hand.
func requestTo(t testing.TB, from host.Host, to peer.ID, m *kadpb.Message) (*kadpb.Message, error) {
	t.Helper()
	s, err := from.NewStream(patience(t), to, kad)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	_ = s.SetDeadline(time.Now().Add(5 * time.Second))
	if err := pbio.NewDelimitedWriter(s).WriteMsg(m); err != nil {
		return nil, err
	}
	var reply kadpb.Message
	err = pbio.NewDelimitedReader(s, maxReply).ReadMsg(&reply)
	return &reply, err
}

// The DHT does not tell strangers where clients are, only where its own servers are.
func TestClientsAreHidden(t *testing.T) {
	relays := meshOf(t, 2)
	client := hostOf(t, Config{})
	join(t, client, relays[0])
	stranger := bare(t)
	id := meet(t, stranger, relays[0])
	for _, c := range []struct {
		name string
		who  *Host
		want bool
	}{{"client", client, false}, {"server", relays[1], true}} {
		target := must[peer.ID](t)(idOf(c.who.Key()))
		reply, err := requestTo(t, stranger, id, kadpb.NewMessage(kadpb.Message_FIND_NODE, []byte(target), 0))
		if err != nil {
			t.Fatal(err)
		}
		told := false
		for _, p := range kadpb.PBPeersToPeerInfos(reply.GetCloserPeers()) {
			told = told || (p.ID == target && len(p.Addrs) > 0)
		}
		if told != c.want {
			t.Errorf("%s: told %v, want %v", c.name, told, c.want)
		}
	}
}

// Garbage costs a node little, and never gets into its store.
func TestFloodedWithGarbage(t *testing.T) {
	h := hostOf(t, Config{Serve: ServeAlways})
	bad := bare(t)
	id := meet(t, bad, h)
	s := subjectOf()
	good := s.record(t, time.Now())
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	put := func(key string, value []byte) error {
		m := kadpb.NewMessage(kadpb.Message_PUT_VALUE, []byte(key), 0)
		m.Record = libp2precord.MakePutRecord(key, value)
		_, err := requestTo(t, bad, id, m)
		return err
	}
	for _, c := range []struct {
		name, key string
		value     []byte
	}{
		{"forged", s.dht(), forged},
		{"of another", subjectOf().dht(), good},
		{"no such kind", "/pk/" + string(id), good},
		{"empty", s.dht(), nil},
		{"too large", s.dht(), make([]byte, maxRequest)},
		{"old", s.dht(), s.record(t, time.Now().Add(-25*time.Hour))},
	} {
		if err := put(c.key, c.value); err == nil {
			t.Errorf("%s: kept", c.name)
		}
	}
	if got := h.Stats().Records; got != 0 {
		t.Fatalf("%d records, want 0", got)
	}
	if err := put(s.dht(), good); err != nil {
		t.Errorf("a good one: %v", err)
	}
	// More than its pace: also what is good is refused then.
	for range int(h.limits.puts.burst) {
		_ = put(s.dht(), forged)
	}
	if err := put(s.dht(), good); err == nil {
		t.Error("kept over the pace")
	}
	if got := h.Stats(); got.Refused == 0 || got.Records != 1 {
		t.Errorf("unexpected: %+v", got)
	}
	// Others are not hurt.
	other := hostOf(t, Config{})
	join(t, other, h)
	if kept, err := other.Publish(patience(t), s.dht(), good); err != nil || kept != 1 {
		t.Errorf("another's: kept by %d, %v", kept, err)
	}
}

// A request that announces megabytes is cut before memory is taken for it.
func TestRequestTooLarge(t *testing.T) {
	h := hostOf(t, Config{Serve: ServeAlways})
	bad := bare(t)
	id := meet(t, bad, h)
	s := must[network.Stream](t)(bad.NewStream(patience(t), id, kad))
	_ = s.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = s.Write([]byte{0xff, 0xff, 0xff, 0x01})
	if _, err := s.Read(make([]byte, 1)); err == nil {
		t.Error("answered")
	}
	// And so are more streams than one peer may have.
	for range 200 {
		if s, err := bad.NewStream(patience(t), id, kad); err == nil {
			_, _ = s.Write([]byte{0x10})
		}
	}
	h.gauge.mu.Lock()
	open := h.gauge.open[bad.ID()]
	h.gauge.mu.Unlock()
	if open > perPeerRequests {
		t.Errorf("%d requests of one peer at once, at most %d", open, perPeerRequests)
	}
}

// Two desktops need nobody else: who was invited asks the inviter, as long as nobody else keeps what the inviter publishes.
func TestTwoAlone(t *testing.T) {
	inviter, guest := hostOf(t, Config{}), hostOf(t, Config{})
	if err := guest.Join(patience(t), inviter.Key(), inviter.Addrs()); !errors.Is(err, ErrProtocol) {
		t.Fatalf("joining somebody who serves nothing: %v, want ErrProtocol", err)
	}
	s := subjectOf()
	key, value := s.dht(), s.record(t, time.Now())
	look := func() (found int) {
		_ = guest.Lookup(patience(t), key, func([]byte) bool {
			found++
			return true
		})
		return found
	}
	if got := look(); got != 0 {
		t.Errorf("%d records before anything was published", got)
	}
	if kept, err := inviter.Publish(patience(t), key, value); !errors.Is(err, ErrNobody) || kept != 0 {
		t.Errorf("%d keep it, %v", kept, err)
	}
	if got := look(); got != 1 {
		t.Errorf("%d records, want that of the inviter", got)
	}
	if a := inviter.decide(guest.host.ID(), false, ask{verbPut, key, value}, time.Now()); a.verdict != verdictNotYou {
		t.Errorf("a stranger's put: %v", a.verdict)
	}
	relay := hostOf(t, Config{Role: Relay})
	join(t, inviter, relay)
	if kept, err := inviter.Publish(patience(t), key, value); err != nil || kept != 1 {
		t.Errorf("%d keep it, %v", kept, err)
	}
	if got := look(); got != 0 {
		t.Errorf("a stranger was told %d records, although others keep them", got)
	}
}
