package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

// maxNewer is how many messages that need a newer Linnet one account can leave here.
const maxNewer = 256

// keepNewer keeps what only a newer Linnet can read, until there is one: see readNewer.
func (t *turn) keepNewer(c *contact, from chat.Author, p *chat.Plaintext) error {
	c = t.contact(c.account)
	hash := sha256.Sum256(p.Message)
	key := slices.Concat([]byte{'n'}, from.Account[:], []byte{from.Device}, hash[:])
	if _, err := t.batch.Get(vault.Setting, key); !errors.Is(err, vault.ErrNotFound) {
		return t.fail(err) // it came before, in another session
	}
	c = c.clone()
	c.Newer++
	t.putContact(c)
	p.Secret = chat.Secret{}
	b, err := p.AppendTo(nil)
	if err != nil {
		return t.fail(err)
	}
	t.put(vault.Setting, key, b)
	return nil
}

// readNewer reads what could not be read when it came, once this Linnet is new enough.
func (n *Node) readNewer(ctx context.Context) {
	type kept struct{ key, value []byte }
	var list []kept
	_ = n.config.Vault.Each(vault.Setting, []byte{'n'}, func(key, value []byte) error {
		plain, err := chat.ParsePlaintext(value)
		if err != nil {
			return nil //nolint:nilerr // it still needs a newer one
		}
		if _, err := chat.ParseMessage(plain.Message); err == nil && len(key) == 1+32+1+32 {
			list = append(list, kept{slices.Clone(key), slices.Clone(value)})
		}
		return nil
	})
	for _, k := range list {
		err := n.run(ctx, func(t *turn) error {
			author := chat.Author{Account: identity.Account(k.key[1:33]), Device: k.key[33]}
			t.remove(vault.Setting, k.key)
			if c := t.contact(author.Account); c != nil && c.Newer > 0 {
				c = c.clone()
				c.Newer--
				t.putContact(c)
			}
			plain, err := chat.ParsePlaintext(k.value)
			if err != nil {
				return err
			}
			m, err := chat.ParseMessage(plain.Message)
			if err != nil {
				return err
			}
			id, err := plain.ConversationOf(m, author.Account, n.me)
			c := t.contact(identity.Account(id))
			if err != nil || c == nil {
				return nil //nolint:nilerr // it is nobody's any more
			}
			return t.fail(t.apply(c, m, author))
		})
		if err != nil {
			n.log.Warn("a message that needed a newer Linnet was not read", "error", err)
		}
	}
}
