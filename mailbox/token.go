package mailbox

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Sizes in bytes.
const (
	// SecretSize is the size of what owner and relay share.
	SecretSize = 32
	// TokenSize is the size of a Token.
	TokenSize = 16 + 8 + 8 + 4 + 4 + macSize
	// CapabilitySize is the size of a Capability.
	CapabilitySize = 16 + 8 + macSize

	macSize = 32
)

// TokenID names a token. It is drawn at random; zero is none.
type TokenID [16]byte

// String returns the ID in hex.
func (t TokenID) String() string { return hex.EncodeToString(t[:]) }

// Class is whose tokens share one part of a box: one per contact, drawn by the owner, meaningless to the relay. Zero is
// that of strangers.
type Class [8]byte

// NewTokenID and NewClass draw one.
func NewTokenID() (t TokenID) {
	_, _ = rand.Read(t[:]) // never fails
	return t
}

// NewClass draws a class.
func NewClass() (c Class) {
	_, _ = rand.Read(c[:]) // never fails
	return c
}

// Token is an owner's permission for one sender to put into one box at one relay. One is given to each device of a
// contact, and goes along in invites and first messages. It is TokenSize bytes:
//
//	id (16) ‖ class (8) ‖ until (8) ‖ posts (4) ‖ bytes (4) ‖ MAC (32)
//
// Who holds it can use it: treat it like a key. The zero value is none. It may be compared with ==, for a map's sake;
// MACs are compared in constant time.
type Token struct {
	ID    TokenID
	Class Class
	Until uint64 // Unix seconds by the relay's clock: Opened.Time says what that is
	Posts uint32 // that may lie in the box under this token at a time; 0 leaves it to the class
	Bytes uint32 // of them; 0 leaves it to the class
	mac   [macSize]byte
}

// IsZero tells whether t is none.
func (t Token) IsZero() bool { return t == Token{} }

// Format prints the ID alone, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "mailbox.Token(%v)", t.ID) }

// Expired tells whether the token is over, by the relay's clock.
func (t Token) Expired(now time.Time) bool { return unix(now) > t.Until }

// AppendTo appends the TokenSize bytes of the token.
func (t Token) AppendTo(b []byte) []byte { return append(t.appendBody(b), t.mac[:]...) }

func (t Token) appendBody(b []byte) []byte {
	b = append(append(b, t.ID[:]...), t.Class[:]...)
	b = binary.BigEndian.AppendUint64(b, t.Until)
	b = binary.BigEndian.AppendUint32(b, t.Posts)
	return binary.BigEndian.AppendUint32(b, t.Bytes)
}

// ParseToken reads a token of TokenSize bytes. The error is ErrMalformed, also for one without ID or class. Only the
// relay can tell whether it is good.
func ParseToken(b []byte) (t Token, err error) {
	if len(b) != TokenSize {
		return t, ErrMalformed
	}
	copy(t.ID[:], b)
	copy(t.Class[:], b[16:])
	t.Until = binary.BigEndian.Uint64(b[24:])
	t.Posts = binary.BigEndian.Uint32(b[32:])
	t.Bytes = binary.BigEndian.Uint32(b[36:])
	copy(t.mac[:], b[40:])
	if t.ID == (TokenID{}) || t.Class == (Class{}) {
		return Token{}, ErrMalformed
	}
	return t, nil
}

// Capability is an owner's permission for one reader of a shelf or blob box. It is CapabilitySize bytes:
//
//	id (16) ‖ until (8) ‖ MAC (32)
//
// Who holds it can use it: treat it like a key. The zero value is none.
type Capability struct {
	ID    TokenID
	Until uint64 // Unix seconds by the relay's clock
	mac   [macSize]byte
}

// IsZero tells whether c is none.
func (c Capability) IsZero() bool { return c == Capability{} }

// Format prints the ID alone, whatever the verb.
func (c Capability) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "mailbox.Capability(%v)", c.ID) }

// AppendTo appends the CapabilitySize bytes of the capability.
func (c Capability) AppendTo(b []byte) []byte { return append(c.appendBody(b), c.mac[:]...) }

func (c Capability) appendBody(b []byte) []byte {
	return binary.BigEndian.AppendUint64(append(b, c.ID[:]...), c.Until)
}

// ParseCapability reads a capability of CapabilitySize bytes. The error is ErrMalformed.
func ParseCapability(b []byte) (c Capability, err error) {
	if len(b) != CapabilitySize {
		return c, ErrMalformed
	}
	copy(c.ID[:], b)
	c.Until = binary.BigEndian.Uint64(b[16:])
	copy(c.mac[:], b[24:])
	if c.ID == (TokenID{}) {
		return Capability{}, ErrMalformed
	}
	return c, nil
}

// Secret is what the owner of a box and its relay share: who has it makes tokens. The owner draws one for each box and
// gives it to Open; a new one makes all tokens useless. It does not print itself. The zero value is none.
type Secret struct{ b [SecretSize]byte }

// NewSecret draws one.
func NewSecret() (s Secret) {
	_, _ = rand.Read(s.b[:]) // never fails
	return s
}

// ParseSecret reads a secret of SecretSize bytes. The error is ErrMalformed, also for nothing but zeros.
func ParseSecret(b []byte) (s Secret, err error) {
	if len(b) != SecretSize || [SecretSize]byte(b) == [SecretSize]byte{} {
		return s, ErrMalformed
	}
	return Secret{[SecretSize]byte(b)}, nil
}

// AppendTo appends the SecretSize bytes of the secret.
func (s Secret) AppendTo(b []byte) []byte { return append(b, s.b[:]...) }

// IsZero tells whether s is none.
func (s Secret) IsZero() bool { return s == Secret{} }

// Format prints what this is, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "mailbox.Secret") }

// Mint makes tokens and capabilities for one box at one relay, without asking anybody. It is a value that may be copied
// and used by several goroutines at once.
type Mint struct {
	relay identity.TransportKey
	box   BoxID
	key   [SecretSize]byte
}

// Mint returns what makes tokens for a box at a relay.
func (s Secret) Mint(relay identity.TransportKey, box BoxID) Mint {
	m := Mint{relay: relay, box: box}
	identity.LabelTokenKey.Derive(m.key[:], s.b[:], relay[:], box[:])
	return m
}

// Format prints what this is, whatever the verb.
func (Mint) Format(f fmt.State, _ rune) { fmt.Fprint(f, "mailbox.Mint") }

// Token returns a fresh token of a class, good until a time by the relay's clock, for so many posts and bytes at a time
// (0 leaves it to the class: an eighth of the box).
func (m Mint) Token(class Class, until time.Time, posts, bytes uint32) Token {
	t := Token{ID: NewTokenID(), Class: class, Until: unix(until), Posts: posts, Bytes: bytes}
	t.mac = m.mac(t)
	return t
}

// Capability returns a fresh capability, good until a time by the relay's clock.
func (m Mint) Capability(until time.Time) Capability {
	c := Capability{ID: NewTokenID(), Until: unix(until)}
	c.mac = m.macReader(c)
	return c
}

func (m Mint) mac(t Token) [macSize]byte {
	var space [TokenSize]byte
	return identity.LabelToken.MAC(m.key[:], m.relay[:], m.box[:], t.appendBody(space[:0]))
}

func (m Mint) macReader(c Capability) [macSize]byte {
	return identity.LabelShelfReader.MAC(m.key[:], m.relay[:], m.box[:], c.appendBody(nil))
}

// made tells in constant time whether this mint made the token.
func (m Mint) made(t Token) bool {
	want := m.mac(t)
	return subtle.ConstantTimeCompare(want[:], t.mac[:]) == 1
}

// madeReader tells in constant time whether this mint made the capability.
func (m Mint) madeReader(c Capability) bool {
	want := m.macReader(c)
	return subtle.ConstantTimeCompare(want[:], c.mac[:]) == 1
}

// unix returns the seconds since 1970, 0 for what was before.
func unix(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) }

// fromUnix is its inverse, for what a time.Time can hold.
func fromUnix(s uint64) time.Time { return time.Unix(int64(min(s, math.MaxInt64>>8)), 0).UTC() }
