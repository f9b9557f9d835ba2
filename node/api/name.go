package api

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/linnetmesh/linnet/node"
)

// idText is how message IDs are written: 26 characters, lower case.
var idText = base32.StdEncoding.WithPadding(base32.NoPadding)

func textOf(id node.MessageID) string { return strings.ToLower(idText.EncodeToString(id[:])) }

const idLength = 26

// rangeOf returns the lowest and the highest ID that begins with a text, and false if none can.
func rangeOf(text string) (from, to node.MessageID, ok bool) {
	text = strings.ToUpper(text)
	if len(text) < 4 || len(text) > idLength {
		return from, to, false
	}
	for last, id := range map[string]*node.MessageID{"A": &from, "7": &to} {
		// 26 characters are 130 bits, of which the last two are not used: 16 bytes and a rest.
		b, err := idText.DecodeString(text + strings.Repeat(last, 32-len(text)))
		if err != nil {
			return from, to, false
		}
		copy(id[:], b)
	}
	return from, to, true
}

// placeText and parsePlace are how the place of a message travels: opaque to others.
func placeText(p node.Place) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(p.Time))
	return hex.EncodeToString(slices.Concat(b, p.Ref.Author[:], p.Ref.ID[:]))
}

func parsePlace(text string) (p node.Place, err error) {
	if text == "" {
		return p, nil
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 8+len(p.Ref.Author)+len(p.Ref.ID) {
		return p, problem(400, CodeInvalid, "", "that is no place of a message")
	}
	at := binary.BigEndian.Uint64(b)
	p.Time += node.Time(at)
	copy(p.Ref.Author[:], b[8:])
	copy(p.Ref.ID[:], b[8+len(p.Ref.Author):])
	return p, nil
}

// at is an account in which a call is made.
type at struct {
	*node.Node
	name   string
	caller *caller
}

// in returns the account of a call, if its token allows it.
func (s *Server) in(ctx context.Context, account string) (*at, error) {
	c := callerOf(ctx)
	if account == "" {
		account = "-"
	}
	if account == "-" && c.account != "" {
		account = c.account
	}
	if account == "-" {
		if all := s.daemon.Accounts(); len(all) > 0 {
			account = all[0].Name
		}
	}
	if c.account != "" && c.account != account {
		return nil, problem(403, CodeScope, "", "the token is for another account")
	}
	n, err := s.daemon.Node(account)
	if err != nil {
		return nil, err
	}
	return &at{n, account, c}, nil
}

// allows tells whether the token is for a conversation.
func (a *at) allows(with node.Account) bool {
	return len(a.caller.chats) == 0 || slices.Contains(a.caller.chats, with.String())
}

// contact finds who is meant by an ID, an address, an alias or a name, with or without @.
func (a *at) contact(text string) (node.Contact, error) {
	c, err := a.find(text)
	if err == nil && !a.allows(c.Account) {
		return node.Contact{}, problem(403, CodeScope, "", "the token is for other conversations")
	}
	return c, err
}

func (a *at) find(text string) (node.Contact, error) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "@")
	all := a.Contacts()
	for _, same := range []func(c *node.Contact) bool{
		func(c *node.Contact) bool {
			return c.Account.String() == text || strings.EqualFold(c.Address.String(), text)
		},
		func(c *node.Contact) bool { return strings.EqualFold(c.Alias, text) },
		func(c *node.Contact) bool { return c.Alias == "" && strings.EqualFold(c.Name, text) },
		func(c *node.Contact) bool { return strings.EqualFold(c.Name, text) },
		func(c *node.Contact) bool { return len(text) >= 6 && strings.HasPrefix(c.Account.String(), text) },
	} {
		var found []node.Contact
		for i := range all {
			if text != "" && same(&all[i]) {
				found = append(found, all[i])
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return node.Contact{}, problem(409, CodeAmbiguous, "use the ID, or give one an alias: linnet contacts", "%d contacts are called %q", len(found), text)
		}
	}
	return node.Contact{}, problem(404, CodeNotFound, "linnet contacts", "no contact is called %q", text)
}

// message finds the message that an ID, or its beginning, names.
func (a *at) message(text string) (node.Contact, node.Message, error) {
	from, to, ok := rangeOf(text)
	if !ok {
		return node.Contact{}, node.Message{}, problem(400, CodeInvalid, "linnet history shows them", "%q is no ID of a message", text)
	}
	found, err := a.Find(from, to, maxFound)
	if err != nil {
		return node.Contact{}, node.Message{}, err
	}
	found = slices.DeleteFunc(found, func(f node.Found) bool { return !a.allows(f.With) })
	switch len(found) {
	case 0:
		return node.Contact{}, node.Message{}, problem(404, CodeNotFound, "linnet history", "no message is named %q", text)
	case 1:
	default:
		return node.Contact{}, node.Message{}, problem(409, CodeAmbiguous, "use more of it", "several messages begin with %q", text)
	}
	c, err := a.Contact(found[0].With)
	if err != nil {
		return node.Contact{}, node.Message{}, err
	}
	m, err := a.Message(found[0].With, found[0].Ref)
	return c, m, err
}

const maxFound = 64
