package node

import (
	"bytes"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
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
		changed := has.permit(&told)
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
