package p2p

import (
	"errors"
	"net"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

// A port that another program has is named.
func TestTaken(t *testing.T) {
	taken := must[net.Listener](t)(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	tcp := "/ip4/127.0.0.1/tcp/" + port
	h, err := New(Config{Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1", tcp}, Local: true})
	if err == nil {
		_ = h.Close()
	}
	if !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), port) {
		t.Errorf("got %v", err)
	}
	addrs := func(texts ...string) (all []ma.Multiaddr) {
		for _, text := range texts {
			all = append(all, ma.StringCast(text))
		}
		return all
	}
	want := addrs(defaultListen(Relay)...)
	for _, tt := range []struct {
		got  []string
		want string // missing
	}{
		{[]string{"/ip4/0.0.0.0/udp/4747/quic-v1", "/ip4/0.0.0.0/tcp/4747", "/ip4/0.0.0.0/tcp/4748/ws"}, ""},
		{[]string{"/ip4/0.0.0.0/udp/4747/quic-v1", "/ip4/0.0.0.0/tcp/4748/ws"}, "/ip4/0.0.0.0/tcp/4747"},
		{nil, "cannot listen"},
	} {
		if err := unbound(want, addrs(tt.got...), true); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("of %v: %v, want %q", tt.got, err, tt.want)
		}
	}
}
