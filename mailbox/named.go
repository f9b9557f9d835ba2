package mailbox

import "time"

// Named returns the token of a class with an ID that the caller chose, so that it can make the same again: by a MAC of
// whom it is for, say. Neither ID nor class may be zero. It is otherwise as Token.
func (m Mint) Named(id TokenID, class Class, until time.Time, posts, bytes uint32) Token {
	t := Token{ID: id, Class: class, Until: unix(until), Posts: posts, Bytes: bytes}
	t.mac = m.mac(t)
	return t
}
