package node

import (
	"errors"
	"strings"
	"testing"

	"github.com/linnetmesh/linnet/crypto/identity"
)

func TestParseMixer(t *testing.T) {
	t.Parallel()
	key := identity.TransportKey{1: 88, 31: 102}
	for i := range key {
		key[i] = 0x66 // the base point
	}
	key[0] = 0x58
	text := "linnet:mixer/" + key.String() + "?a=%2Fip4%2F192.0.2.1%2Ftcp%2F4001&n=Ada&t=secret"
	m, token, err := ParseMixer(text + "\n")
	if err != nil || m.Key != key || len(m.Addrs) != 1 || m.Addrs[0] != "/ip4/192.0.2.1/tcp/4001" || m.Name != "Ada" || token != "secret" {
		t.Fatal(m, token, err)
	}
	for _, bad := range []string{
		"", "linnet:mixer/", "linnet:relay/" + key.String(), strings.Replace(text, "?", "q?", 1), "linnet:mixer/" + key.String() + "?n=Ada",
		text + strings.Repeat("x", 64), text + "&a=" + strings.Repeat("x", 129), strings.Replace(text, key.String()[:9], "aaaaaaaaa", 1),
	} {
		if _, _, err := ParseMixer(bad); !errors.Is(err, ErrMixer) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
