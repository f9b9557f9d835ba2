package mailbox

import (
	"context"
	"net"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Lane opens streams to relays, over protocol Protocol. What it dials has proven to own the key.
type Lane interface {
	// Dial opens a stream. With no addresses, it uses what the host knows by itself.
	Dial(ctx context.Context, key identity.TransportKey, addrs []string) (net.Conn, error)
}

// Publisher puts descriptors into the DHT. It refuses what is not valid.
type Publisher interface {
	// Publish puts a value, and returns how many nodes said that they keep it. It is an error if none did.
	Publish(ctx context.Context, key string, value []byte) (kept int, err error)
}

// Place is where a relay is, and over which connection to go there: calls with the same Relay and Apart share one.
type Place struct {
	Relay identity.TransportKey
	Addrs []string
	// Apart keeps calls on connections of their own: one's own box apart from those of others, and each device of a contact
	// apart from the others, so that the relay does not see that they belong together. Any number means a connection.
	Apart uint64
}

// Opening is what the owner asks of a box.
type Opening struct {
	Kind   Kind
	Secret Secret // required
	Closed bool   // let no strangers in
}

// Opened is what the relay says of a box that was opened.
type Opened struct {
	// Made says that the box is new. If it was there before, the relay has lost everything: put again what may be lost.
	Made     bool
	Cursor   Cursor // of the last post
	Posts    uint64 // that lie there
	Bytes    uint64 // of them
	Lost     uint64 // posts that the relay kept and cannot give any more, since the box was made
	Parts    int    // one-time parts that are left
	Bundle   uint64 // version of the bundle, 0 if there is none
	MaxPosts uint64 // that the box takes, and in bytes
	MaxBytes uint64
	Keep     time.Duration // how long posts are kept
	Draining bool          // the relay takes nothing more
	Time     time.Time     // by the relay's clock, unsigned: what Token.Until is compared with
}

// Batch is what a Listen gives at a time.
type Batch struct {
	Posts []Post
	// Caught says that nothing more lies there now: what follows comes as it is put.
	Caught bool
	// Draining says that the relay takes nothing more: find another.
	Draining bool
	// Cursor is where the last of all posts so far stands.
	Cursor Cursor
}

// Weak is a weak update. Its Bytes must not be changed.
type Weak struct {
	Token TokenID
	Seq   uint64
	Bytes []byte
}

// WeakCursor is how far a reader of weak updates has read. The zero value gives all that the relay still has.
type WeakCursor struct {
	Ring uint64 // drawn when the relay starts
	Seq  uint64
}

// RelayTime is a relay's signed word of what time it is.
type RelayTime struct {
	Time time.Time     // by the relay's clock, at about the middle of Took
	Took time.Duration // the round trip
	At   time.Time     // by the caller's clock, at the middle of Took
}

// Offset is by how much the relay's clock is ahead of the caller's.
func (t RelayTime) Offset() time.Duration { return t.Time.Sub(t.At) }

// Reader is who reads a box: its owner, by the key, or somebody with a capability.
type Reader struct {
	Key        identity.BoxPrivateKey // the owner's; or
	Box        BoxID                  // the box, and
	Capability Capability             // its permission
}
