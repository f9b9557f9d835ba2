package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

// MaxDraft is how many bytes the draft of a conversation may have.
const MaxDraft = chat.TextSize

// Choices are what the owner chose for a conversation. They are of this device alone: nobody is told.
type Choices struct {
	Pinned   bool
	Archived bool
	Marked   bool      // as unread, by hand
	Muted    time.Time // nothing is announced until then; zero: it is
	Draft    string    // what was begun to be written
}

type choicesBody struct {
	Pinned   bool             `cbor:"1,keyasint,omitempty"`
	Archived bool             `cbor:"2,keyasint,omitempty"`
	Marked   bool             `cbor:"3,keyasint,omitempty"`
	Muted    uint64           `cbor:"4,keyasint,omitempty"` // s since 1970
	Draft    string           `cbor:"5,keyasint,omitempty" max:"16384"`
	Unknown  identity.Unknown `cbor:"-"`
}

func choicesKey(c chat.ConversationID) []byte { return append([]byte{'p'}, c[:]...) }

func parseChoices(b []byte) (c Choices, err error) {
	var body choicesBody
	if err := identity.Unmarshal(b, maxStored, &body); err != nil {
		return c, fmt.Errorf("reading choices: %w", err)
	}
	c = Choices{Pinned: body.Pinned, Archived: body.Archived, Marked: body.Marked, Draft: body.Draft}
	if body.Muted != 0 {
		c.Muted = time.Unix(int64(body.Muted), 0)
	}
	return c, nil
}

// Choices returns what the owner chose for the conversation with an account.
func (n *Node) Choices(with Account) (Choices, error) {
	b, err := n.config.Vault.Get(vault.Setting, choicesKey(chat.Direct(with)))
	if errors.Is(err, vault.ErrNotFound) {
		return Choices{}, nil
	}
	if err != nil {
		return Choices{}, err
	}
	return parseChoices(b)
}

// Choose has f change what the owner chose for the conversation with a contact, and returns it as it is then. The errors
// are ErrUnknownContact, identity.ErrSize for a draft that is longer than MaxDraft, and the vault's.
func (n *Node) Choose(ctx context.Context, with Account, f func(*Choices)) (out Choices, err error) {
	err = n.change(ctx, with, func(t *turn, c *contact) error {
		key := choicesKey(c.conversation())
		b, err := t.batch.Get(vault.Setting, key)
		if err != nil && !errors.Is(err, vault.ErrNotFound) {
			return err
		}
		out = Choices{}
		if err == nil {
			if out, err = parseChoices(b); err != nil {
				return err
			}
		}
		f(&out)
		if len(out.Draft) > MaxDraft {
			return identity.ErrSize
		}
		if out == (Choices{}) {
			t.remove(vault.Setting, key)
			return nil
		}
		body := choicesBody{Pinned: out.Pinned, Archived: out.Archived, Marked: out.Marked, Draft: out.Draft}
		if !out.Muted.IsZero() {
			body.Muted = uint64(max(out.Muted.Unix(), 0))
		}
		if b, err = identity.Marshal(&body); err != nil {
			return err
		}
		t.put(vault.Setting, key, b)
		return nil
	})
	return out, err
}

// Privacy is what the owner does not want others to be told. The zero value tells it.
type Privacy struct {
	NoReceipts bool // that a message was read
	NoTyping   bool // that somebody writes, or is there
}

type privacyBody struct {
	NoReceipts bool             `cbor:"1,keyasint,omitempty"`
	NoTyping   bool             `cbor:"2,keyasint,omitempty"`
	Unknown    identity.Unknown `cbor:"-"`
}

var privacyKey = []byte("q")

// Privacy returns what others are not told.
func (n *Node) Privacy() (Privacy, error) { return readPrivacy(n.config.Vault.Get) }

func readPrivacy(get func(vault.Drawer, []byte) ([]byte, error)) (Privacy, error) {
	b, err := get(vault.Setting, privacyKey)
	if errors.Is(err, vault.ErrNotFound) {
		return Privacy{}, nil
	}
	if err != nil {
		return Privacy{}, err
	}
	var body privacyBody
	if err := identity.Unmarshal(b, maxStored, &body); err != nil {
		return Privacy{}, fmt.Errorf("reading privacy: %w", err)
	}
	return Privacy{NoReceipts: body.NoReceipts, NoTyping: body.NoTyping}, nil
}

// SetPrivacy says what others are not told from now on.
func (n *Node) SetPrivacy(ctx context.Context, p Privacy) error {
	return n.run(ctx, func(t *turn) error {
		b, err := identity.Marshal(&privacyBody{NoReceipts: p.NoReceipts, NoTyping: p.NoTyping})
		if err != nil {
			return err
		}
		t.put(vault.Setting, privacyKey, b)
		return nil
	})
}

// Storage returns how many bytes the account takes on the disk, and how many are free there.
func (n *Node) Storage() (bytes, free uint64) {
	s := n.config.Vault.Stats()
	return s.Bytes, s.Free
}
