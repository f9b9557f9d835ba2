// Package mailbox keeps post for devices that are asleep.
//
// A box is a place on a relay, owned by a key made for it alone. Who has a token, or has worked for it, puts envelopes
// into it; the relay answers with a custody receipt, signed, once the post is on its disk; the owner fetches, is told of
// what comes, and acks, and the relay deletes. The relay is blind: it sees boxes, tokens, sizes, times and IP addresses.
//
//	sender ── Put {box, token, post} ─▶ Server ─▶ policy ─▶ Store        ⇒ Receipt, signed after the write is durable
//	owner  ── Fetch, Listen ──────────▶ Server ─▶ Store ⇒ posts          ── Ack {names} ─▶ Store deletes
//
// The Client is the side of devices; it believes nothing that a relay says and cannot prove. The Server is the side of
// relays, with all limits in its Config and all decisions in policy.go, which knows neither clock nor I/O. A Store keeps
// the posts: mailboxtest has the suite that each must pass, and one in memory.
//
// Nothing here reads what it carries. PROTOCOL.md has every byte on the wire.
package mailbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Protocol is the name under which lanes know what is spoken here.
const Protocol = "/linnet/mailbox/1"

// BoxID names a box: the public half of the key that owns it.
type BoxID = identity.BoxKey

// Kind is what a box is for. It never changes.
type Kind uint8

// The kinds of boxes.
const (
	// Mail is the box of one device: one reader, the owner, who acks what it has.
	Mail Kind = 1
	// Shelf is the box of a group: many readers, who go on from their cursors. Posts stay until they expire or the owner
	// acks them.
	Shelf Kind = 2
	// Blob is a box for chunks of files and history, read by name.
	Blob Kind = 3
)

// String returns the kind in one word.
func (k Kind) String() string {
	switch k {
	case Mail:
		return "mail"
	case Shelf:
		return "shelf"
	case Blob:
		return "blob"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// Sizes and limits of the wire, in bytes where nothing else is said. A relay's own limits are in its Config.
const (
	// NameSize is the size of a Name.
	NameSize = sha256.Size
	// MinPost and MaxPost are the sizes of the smallest and the largest post.
	MinPost = 512
	MaxPost = 64 << 10
	// MaxStranger is the size of the largest post of a stranger.
	MaxStranger = 8 << 10
	// MaxWeak is the size of the largest weak update.
	MaxWeak = 8 << 10
	// MaxAck is how many names one Ack, or one Get, may have.
	MaxAck = 1000
	// MaxBase and MaxPart are the sizes of the largest base and one-time part of a bundle.
	MaxBase = 8 << 10
	MaxPart = 4 << 10
	// MaxParts is how many one-time parts a box has at most.
	MaxParts = 10
	// DescriptorSize is the size of every descriptor: crypto/descriptor.
	DescriptorSize = 8192
	// MaxDescriptors is how many descriptors a box has at most: two replicas of this period, the 14 after it, and one in
	// reserve.
	MaxDescriptors = 32
	// MaxRevoked is how many revoked tokens a box remembers at most.
	MaxRevoked = 1024
)

// postSizes are the only sizes of posts: those of envelopes, all else would tell something.
var postSizes = []int{512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10}

// IsPostSize tells whether a post may have this size: 512 B, 1, 2, 4, 8, 16, 32 or 64 KiB.
func IsPostSize(n int) bool { return slices.Contains(postSizes, n) }

// Name names a post: SHA-256 of its bytes. It may be compared with ==.
type Name [NameSize]byte

// NameOf returns the name of a post.
func NameOf(post []byte) Name { return sha256.Sum256(post) }

// String returns the name in hex.
func (n Name) String() string { return hex.EncodeToString(n[:]) }

// Post is an envelope in a box. Its Bytes must not be changed.
type Post struct {
	Item
	Bytes []byte
}

// Item is what a relay knows of a post.
type Item struct {
	Name  Name
	Seq   uint64  // in its box, rising from 1, never given twice
	Chain Chain   // of the box, after this post
	Size  uint32  // bytes
	Token TokenID // under which it was put; zero for a stranger's
	Class Class   // of that token; zero for a stranger's
	Until Age     // when it expires
}

// Chain says which posts came into a box, in which order: each is the hash of the one before, the sequence and the name.
// The zero value is that of a new box.
type Chain [sha256.Size]byte

// Next returns the chain after one more post.
func (c Chain) Next(seq uint64, name Name) Chain {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], seq)
	return identity.LabelShelf.Hash(c[:], n[:], name[:])
}

// Incarnation is drawn when a box is made. A box that comes back empty has another.
type Incarnation [8]byte

// Cursor is how far a reader has read. The zero value is the beginning. It may be compared with ==.
type Cursor struct {
	Incarnation Incarnation
	Seq         uint64
	Chain       Chain
}

// CursorSize is the size of a Cursor.
const CursorSize = 8 + 8 + sha256.Size

// AppendTo appends the CursorSize bytes of the cursor: incarnation ‖ sequence ‖ chain hash.
func (c Cursor) AppendTo(b []byte) []byte {
	b = append(b, c.Incarnation[:]...)
	b = binary.BigEndian.AppendUint64(b, c.Seq)
	return append(b, c.Chain[:]...)
}

// ParseCursor reads a cursor of CursorSize bytes. The error is ErrMalformed.
func ParseCursor(b []byte) (c Cursor, err error) {
	if len(b) != CursorSize {
		return c, ErrMalformed
	}
	copy(c.Incarnation[:], b)
	c.Seq = binary.BigEndian.Uint64(b[8:])
	copy(c.Chain[:], b[16:])
	return c, nil
}

// Age is a relay's own time: how long it has run, in seconds, over all starts. What expires does so by it alone, so that
// a wall clock that jumps by years loses nothing. It stands still while the relay is down: then post is kept for longer.
type Age uint64

// After returns the Age so much later, in whole seconds, rounded up.
func (a Age) After(d time.Duration) Age { return a + Age((max(d, 0)+time.Second-1)/time.Second) }

// Sub returns how much later a is than b; 0 if it is not.
func (a Age) Sub(b Age) time.Duration {
	if a <= b {
		return 0
	}
	return time.Duration(min(uint64(a-b), uint64(1)<<33)) * time.Second
}

// PlaceKey is the blinded key under which a descriptor lies: D' of crypto/descriptor.
type PlaceKey [32]byte

// DHT returns the key of the DHT: "/linnet/" ‖ D'.
func (k PlaceKey) DHT() string { return "/linnet/" + string(k[:]) }

// Bundle is what lets a session start with a sleeper, sealed: a relay cannot read it.
type Bundle struct {
	// Version rises with each bundle of a box. A put of a lower one is refused with ErrStale; a put of the same one
	// changes nothing, so that one-time parts that were given come back in no repetition.
	Version uint64
	// Base is free for everybody, at most MaxBase bytes.
	Base []byte
	// Parts are given once each, at most MaxParts, all of one size of at most MaxPart bytes.
	Parts [][]byte
}
