package node

import (
	"bytes"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
	"github.com/linnetmesh/linnet/mailbox"
)

// TestPermit has a site come with tokens, from inside a session, after the same came without, from a descriptor, or with
// those of an invite: the tokens that are good for longer stand, those of boxes that are there alone, and never none.
func TestPermit(t *testing.T) {
	var oak, elm, ash identity.BoxKey
	oak[0], elm[0], ash[0] = 1, 2, 3
	var secret mailbox.Secret
	token := func(box identity.BoxKey, days int) []byte {
		var id mailbox.TokenID
		var class mailbox.Class
		id[0], class[0] = box[0], 1
		until := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, days)
		return secret.Mint(identity.TransportKey{}, box).Named(id, class, until, 0, 0).AppendTo(nil)
	}
	boxes := []descriptor.Box{{Box: oak}, {Box: elm}}
	for name, tt := range map[string]struct {
		has, told, want [][]byte
	}{
		"none before":   {nil, [][]byte{token(oak, 400), token(elm, 400)}, [][]byte{token(oak, 400), token(elm, 400)}},
		"of an invite":  {[][]byte{token(oak, 1), nil}, [][]byte{token(oak, 400), nil}, [][]byte{token(oak, 400), nil}},
		"older ones":    {[][]byte{token(oak, 430), nil}, [][]byte{token(oak, 400), token(elm, 400)}, [][]byte{token(oak, 430), token(elm, 400)}},
		"none are told": {[][]byte{token(oak, 400)}, nil, [][]byte{token(oak, 400), nil}},
	} {
		has := site{Boxes: boxes, Tokens: tt.has}
		told := site{Boxes: []descriptor.Box{{Box: oak}, {Box: elm}, {Box: ash}}, Tokens: append(tt.told[:len(tt.told):len(tt.told)], token(ash, 400))}
		if len(tt.told) == 0 {
			told.Tokens = nil
		}
		changed := has.permit(&told, true)
		if want := name != "none are told"; changed != want {
			t.Errorf("%s: changed: %v", name, changed)
		}
		for i, b := range boxes {
			if !bytes.Equal(has.token(b.Box), tt.want[i]) {
				t.Errorf("%s: the token of box %d is %x", name, i, has.token(b.Box))
			}
		}
		if has.token(ash) != nil {
			t.Errorf("%s: a token of a box that is not there", name)
		}
	}
}

// TestWhereADeviceIs has sites come from descriptors, which say nothing of where the device is, and inside sessions, in
// any order: what was told last stands.
func TestWhereADeviceIs(t *testing.T) {
	type news struct {
		told    bool
		version uint64
		place   byte // 0: it says none
	}
	for name, tt := range map[string]struct {
		news []news
		want byte
	}{
		"told":                                 {[]news{{true, 1, 1}}, 1},
		"read later":                           {[]news{{true, 1, 1}, {false, 2, 0}}, 1},
		"told under the version that was read": {[]news{{true, 1, 1}, {false, 2, 0}, {true, 2, 2}}, 2},
		"nowhere, told under it":               {[]news{{true, 1, 1}, {false, 2, 0}, {true, 2, 0}}, 0},
		"nowhere, told later":                  {[]news{{true, 1, 1}, {true, 2, 0}}, 0},
		"told before, and came after":          {[]news{{false, 2, 0}, {true, 1, 1}}, 1},
		"told before what was told":            {[]news{{true, 2, 2}, {true, 1, 1}}, 2},
		"read of the same":                     {[]news{{true, 2, 2}, {false, 2, 0}}, 2},
		"read in the open":                     {[]news{{true, 1, 1}, {false, 2, 2}}, 2},
	} {
		c := stranger(t, xeddsa.GenerateKey())
		for _, n := range tt.news {
			s := site{Number: 1, Version: n.version, Boxes: make([]descriptor.Box, 1)}
			s.Transport[0] = n.place
			c.place(n.told, s)
		}
		if got := c.Sites[0].Transport[0]; got != tt.want {
			t.Errorf("%s: it is at %d, want %d", name, got, tt.want)
		}
		if c.place(false, site{Number: 1, Version: 9}); !c.Sites[0].Transport.IsZero() {
			t.Errorf("%s: it has no boxes, its descriptor does not say where it is, and it is somewhere", name)
		}
	}
}
