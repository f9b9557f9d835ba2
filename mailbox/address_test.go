package mailbox

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/identity"
)

func TestAddress(t *testing.T) {
	want := Address{Key: identity.GenerateTransportKey().Public(), Addrs: [][]byte{{4, 192, 0, 2, 1}, {4, 192, 0, 2, 2}}}
	text := want.String()
	for _, s := range []string{text, strings.ToUpper(text), " " + text[:30] + "\n" + text[30:]} {
		got, err := ParseAddress(s)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	for i := range text {
		wrong := []byte(text)
		if wrong[i]++; string(wrong) == text {
			continue
		}
		if _, err := ParseAddress(string(wrong)); !errors.Is(err, ErrAddress) && !errors.Is(err, identity.ErrNewer) {
			t.Errorf("character %d may be another: %v", i, err)
		}
	}
	long := want
	long.Addrs = append(long.Addrs, make([]byte, MaxAddr+1), []byte{1}, []byte{2}, []byte{3}, []byte{4}, []byte{5})
	if got, err := ParseAddress(long.String()); err != nil || len(got.Addrs) != MaxAddrs {
		t.Error(got, err)
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add(Address{Key: identity.GenerateTransportKey().Public(), Addrs: [][]byte{{1}}}.String())
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := ParseAddress(text); err == nil {
			if again, err := ParseAddress(a.String()); err != nil || again.Key != a.Key {
				t.Error(err)
			}
		}
	})
}
