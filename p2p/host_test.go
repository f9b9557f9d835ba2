package p2p

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCloseLeavesNothing(t *testing.T) {
	for _, role := range []Role{Desktop, Mobile, Relay, Mixer} {
		t.Run(role.String(), func(t *testing.T) {
			h := running(t, hostOf(t, Config{Role: role}))
			other := running(t, hostOf(t, Config{Role: Relay}))
			if err := h.Join(patience(t), other.Key(), other.Addrs()); err != nil {
				t.Fatalf("joining: %v", err)
			}
			if err := errors.Join(h.Close(), h.Close(), other.Close()); err != nil {
				t.Fatalf("closing: %v", err)
			}
			if _, err := h.Lane(Deliver).Dial(patience(t), other.Key(), other.Addrs()); !errors.Is(err, ErrClosed) {
				t.Errorf("dialling from a closed host: %v, want ErrClosed", err)
			}
			if err := h.Run(patience(t)); !errors.Is(err, ErrClosed) {
				t.Errorf("running a closed host: %v, want ErrClosed", err)
			}
		})
	}
}

func TestConfigComplainsOfAll(t *testing.T) {
	_, err := New(Config{
		Role: Mixer + 1, Serve: ServeNever + 1, Listen: []string{"nonsense"}, Announce: []string{"/ip4/300.0.0.1"},
		Bootstrap: []Peer{{}}, Relays: []Peer{{Key: subjectOf().key.Public()}},
	})
	if err == nil {
		t.Fatal("no complaint")
	}
	for _, want := range []string{"role 4", "Serve 3", `listen "nonsense"`, `announce "/ip4/300.0.0.1"`, "bootstrap 0", "relay 0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no complaint of %s in %q", want, err)
		}
	}
	if _, err := New(Config{Local: true, Listen: []string{"/ip4/192.0.2.77/udp/1/quic-v1", "/ip4/127.0.0.1/udp/0/quic-v1"}}); err == nil {
		t.Error("an address that is not ours was bound")
	}
}

func TestPublishLookup(t *testing.T) {
	relays := meshOf(t, 4)
	publisher, reader := hostOf(t, Config{}), hostOf(t, Config{})
	join(t, publisher, relays[0])
	join(t, reader, relays[0])
	s := subjectOf()
	value := s.record(t, time.Now())
	kept, err := publisher.Publish(patience(t), s.dht(), value)
	if err != nil || kept != 4 {
		t.Fatalf("kept by %d, %v; want 4", kept, err)
	}
	got, err := lookup(t, reader, s.dht())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]byte{value}, got); diff != "" {
		t.Errorf("looking up (-want +got):\n%s", diff)
	}
	if got, err := lookup(t, reader, subjectOf().dht()); err != nil || len(got) > 0 {
		t.Errorf("looking up what is not there: %d values, %v", len(got), err)
	}
	// The same once more is kept anew.
	if kept, err := publisher.Publish(patience(t), s.dht(), bytes.Clone(value)); err != nil || kept != 4 {
		t.Errorf("again kept by %d, %v; want 4", kept, err)
	}
}
