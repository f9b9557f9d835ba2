package node

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// ErrMixer says that a text is no mixer's address, or was misspelt.
var ErrMixer = errors.New("node: not a mixer's address")

// mixerPrefix is how the address of a mixer begins, as linnet-mixer prints it.
const mixerPrefix = "linnet:mixer/"

// ParseMixer reads what linnet-mixer prints: linnet:mixer/KEY?a=ADDRESS…&n=WHOSE&t=TOKEN, at most 2048 bytes. The error is
// ErrMixer.
func ParseMixer(text string) (m Mixer, token string, err error) {
	key, query, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(text), mixerPrefix), "?")
	if !strings.HasPrefix(strings.TrimSpace(text), mixerPrefix) || !ok || len(text) > 2048 {
		return m, "", ErrMixer
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		return m, "", fmt.Errorf("%w: its query", ErrMixer)
	}
	var k identity.TransportKey
	if err := k.UnmarshalText([]byte(key)); err != nil {
		return m, "", fmt.Errorf("%w: its key", ErrMixer)
	}
	m = Mixer{Key: k, Addrs: q["a"], Name: q.Get("n")}
	if len(m.Addrs) > 4 {
		m.Addrs = m.Addrs[:4]
	}
	for _, a := range m.Addrs {
		if len(a) > 128 {
			return Mixer{}, "", fmt.Errorf("%w: an address is too long", ErrMixer)
		}
	}
	if token = q.Get("t"); len(m.Addrs) == 0 || len(m.Name) > 64 || len(token) > 64 {
		return Mixer{}, "", ErrMixer
	}
	return m, token, nil
}
