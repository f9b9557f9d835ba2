// Package chat says what people say to each other, and knows nothing of how it travels.
//
// A message is made once, and is the same for all devices that get it. Around it goes, for each of them, what differs:
//
//	plaintext   {sequence, seen, secret, copy, message}                        what the ratchet encrypts, ≤ 58 KiB
//	  message   {ID, time, kind, …, body}                                      ≤ 54 KiB, encoded once
//	    text, reaction, edit, delete, receipt, contact card, profile, avatar, timer, call, retry, signal
//	weak        {kind, time, …}                                                typing and presence, ≤ 256 bytes
//
// All are CBOR as crypto/identity writes it, so they grow by keys, and a message of a kind that is not known is kept as
// it travelled. The body of a message lies under the key that is the number of its kind.
//
// Time is hybrid logical (Time, Clock): who answers comes after whom it answers, although clocks differ, and a clock
// that is wrong by years drags nobody with it.
//
// An Item is what is known of one message: itself, and what was said about it since. It comes out the same whatever the
// order in which its parts came. A Conversation is the items of one conversation, in the order in which they are shown.
// A Delivery is how far a message came on its way to one device, and never says more than was proven.
//
// Nothing here reads a clock, a file or a socket. PROTOCOL.md has the bytes and the rules.
package chat

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Sizes in bytes.
const (
	// IDSize is the size of an ID.
	IDSize = 16
	// PlaintextSize is the most that a Plaintext takes. A first message with address and manifest fits into an envelope of
	// 64 KiB with it.
	PlaintextSize = 58 << 10
	// MessageSize is the most that a Message takes.
	MessageSize = 54 << 10
	// WeakSize is the most that a Weak takes.
	WeakSize = 256
	// TextSize is the most that a text takes.
	TextSize = 16 << 10
	// AvatarSize is the most that an avatar's image takes.
	AvatarSize = 48 << 10
)

var (
	// ErrMessage says that something has the form of a message, and breaks a rule of its kind.
	ErrMessage = errors.New("chat: invalid message")
	// ErrCopy says that somebody else pretends to be a device of ours.
	ErrCopy = errors.New("chat: copy of a message from another account")
	// ErrFull says that an item or a conversation holds as much as it can, and did not take this.
	ErrFull = errors.New("chat: full")
)

// ID names a message among those of its author's account. Its sender draws it once, and it stays the same for all
// devices and however often the message is sealed. The zero ID names none.
type ID [IDSize]byte

// NewID draws an ID.
func NewID() (id ID) {
	_, _ = rand.Read(id[:]) // it never fails
	return id
}

// IsZero tells whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the ID in hex.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Author is a device that said something. It may be compared with ==.
type Author struct {
	Account identity.Account
	Device  uint8 // 1..identity.MaxNumber
}

func (a Author) valid() bool {
	return !a.Account.IsZero() && a.Device >= 1 && a.Device <= identity.MaxNumber
}

func (a Author) compare(b Author) int {
	return cmp.Or(bytes.Compare(a.Account[:], b.Account[:]), cmp.Compare(a.Device, b.Device))
}

// Ref names a message for everybody: two accounts might draw, or steal, the same ID. It may be compared with ==.
type Ref struct {
	Author  identity.Account `cbor:"1,keyasint"`
	ID      ID               `cbor:"2,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

func (r Ref) valid() bool { return !r.Author.IsZero() && !r.ID.IsZero() }

// known returns r as the key of an item.
func (r Ref) known() Ref { return Ref{Author: r.Author, ID: r.ID} }

func (r Ref) compare(s Ref) int {
	return cmp.Or(bytes.Compare(r.Author[:], s.Author[:]), bytes.Compare(r.ID[:], s.ID[:]))
}

// ConversationID names a conversation on a device: the account of the other person, or the 32 bytes of a group.
type ConversationID [32]byte

// IsZero tells whether c names nothing.
func (c ConversationID) IsZero() bool { return c == ConversationID{} }

// Direct returns the name of the conversation with one account.
func Direct(a identity.Account) ConversationID { return ConversationID(a) }
