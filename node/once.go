package node

import (
	"context"
	"errors"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// ErrOnce says that a key was used for another message already.
var ErrOnce = errors.New("node: the key was used for another message")

// errSaid says that a message was said already.
var errSaid = errors.New("node: said already")

// SendOnce is Send for those who may not know whether their last call succeeded: with the same key, of 1 to 128 bytes,
// contact and text, it says a message once, however often it is called. Its ID comes from the key by a MAC under the
// device's secret, so that nobody else can tell. The error is ErrOnce if the key named another text to this contact.
func (n *Node) SendOnce(ctx context.Context, to Account, text string, reply Ref, key string) (Ref, error) {
	sum := identity.LabelOnce.MAC(n.currentSelf().identity.AppendTo(nil), to[:], []byte(key))
	id := chat.ID(sum[:len(chat.ID{})])
	ref, err := n.say(ctx, to, func(t *turn, m *chat.Message) (chat.Time, error) {
		switch it, err := t.item(chat.Direct(to), chat.Ref{Author: n.me, ID: id}); {
		case errors.Is(err, ErrUnknownMessage):
		case err != nil:
			return 0, err
		case it.Message != nil && it.Message.Text != nil && it.Message.Text.Text != text:
			return 0, ErrOnce
		default:
			return 0, errSaid
		}
		m.ID = id
		fillText(m, text, reply)
		return 0, nil
	})
	if errors.Is(err, errSaid) {
		return chat.Ref{Author: n.me, ID: id}, nil
	}
	return ref, err
}

func fillText(m *chat.Message, text string, reply Ref) {
	m.Kind, m.Text = chat.KindText, &chat.Text{Text: text}
	if reply != (Ref{}) {
		m.ReplyTo = &reply
	}
}
