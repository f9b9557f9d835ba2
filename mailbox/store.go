package mailbox

import (
	"context"
	"errors"
)

// ErrBroken says that a Store does not know any more what is on its disk, or found damage that it mends when it is opened:
// it must be opened anew. Server.Run ends with it.
var ErrBroken = errors.New("mailbox: store must be opened anew")

// Box is what a Store keeps of a box. The owner's part is set by Store.SetBox; the Store alone changes the rest.
type Box struct {
	ID   BoxID
	Kind Kind
	Made Age // when it was made

	// The owner's and the relay's part.
	Secret  [SecretSize]byte // under which tokens are MACed
	Closed  bool             // to strangers
	Seen    Age              // when the owner was last here, to the day
	Origin  Origin           // of who made it
	Revoked []Revoked        // at most MaxRevoked
	Extra   []byte           // what later versions of Open bring, at most 1 KiB

	// The Store's part.
	Incarnation Incarnation
	Seq         uint64 // of the last post that came
	Chain       Chain  // after it
	Posts       uint64 // that lie here
	Bytes       uint64 // of them
	Lost        uint64 // posts that the Store kept and cannot give any more: damaged, or missing from the chain
	Parts       int    // one-time parts of the bundle that are left
	Bundle      uint64 // version of the bundle, 0 if there is none
}

// Cursor returns where the box's last post stands.
func (b *Box) Cursor() Cursor { return Cursor{b.Incarnation, b.Seq, b.Chain} }

// Revoked is a token that was taken back, until it would have expired.
type Revoked struct {
	ID    TokenID
	Until uint64 // Unix seconds by the relay's clock, as in the token
}

// Origin is from which part of the network something came: keyed hashes of a near (/24, /48) and a far (/16, /32) range
// of addresses. The zero value is that of who comes through a circuit.
type Origin struct{ Near, Far uint64 }

// Deposit is a post to be kept.
type Deposit struct {
	Box   BoxID
	Name  Name   // of Bytes; the Store does not hash again
	Bytes []byte // not kept after Put has returned, nor changed
	Token TokenID
	Class Class
	Until Age
	// New says that whoever puts knows that no post of this name lies in the box, nor came before in this group, so that the
	// Store need not look.
	New bool
}

// Kept says what became of a Deposit.
type Kept struct {
	Item      // as it lies in the box
	Old  bool // it lay there before: nothing was written, and Item says what it was then
	Err  error
}

// Descriptor is what a device leaves with a relay to be put into the DHT while it sleeps.
type Descriptor struct {
	Key    PlaceKey
	Period uint64 // days since 1970, as in the value
	Signed uint64 // signing time in ms, as in the value: the higher stands
	Until  Age    // when it is forgotten in any case
	Value  []byte // DescriptorSize bytes
}

// Store keeps boxes and what lies in them. It decides nothing: who may put what is the Server's affair (policy.go), and
// so are quotas. It refuses a write only with ErrDiskFull, and whatever it accepted it keeps until it is acked or expires.
//
// All methods may be called by several goroutines at once. What changes something is durable when the method returns:
// synced to disk, or on enough machines. A method that fails with something else than an error named here may have done
// its work or not, and to call it again does no harm; after one that wraps ErrBroken, writes may fail until it is opened anew. After a crash a Store opens with all that was durable, and knows
// what it cannot read any more: it counts it in Box.Lost, and gives the rest. It never gives bytes that are not what was
// put. A context that ends gives its error.
type Store interface {
	// Age returns the highest Age that the Store was told by Expire: where the relay's own time goes on after a start.
	Age() Age

	// SetBox makes a box, if there is none with this ID, or sets the owner's part of the one there is; Kind and Made of a box
	// never change. It returns the box as it is now, and whether it was made. The error is ErrDiskFull; ErrKind if the box has
	// another kind.
	SetBox(ctx context.Context, b Box) (now Box, made bool, err error)
	// Box returns a box. The error is ErrNoBox.
	Box(ctx context.Context, id BoxID) (Box, error)
	// Boxes calls each with every box, in any order, until it returns false. Boxes that change meanwhile may be seen as they
	// were before. Revoked and Extra may be left out. It is called at the start: 100,000 boxes should take a second.
	Boxes(ctx context.Context, each func(Box) bool) error
	// RemoveBox removes a box and all that lies in it, its bundle and its descriptors too. It is no error if there is none.
	RemoveBox(ctx context.Context, id BoxID) error

	// Put keeps posts, in their order, all with one sync: the Server collects a few hundred at a time, of many boxes, and
	// calls it from a few goroutines. Posts for a box must not be put by two calls at once: the Server sees to it. The result
	// has one entry per Deposit. A post whose name lies in the box already is Old, and no error. The errors in it are ErrNoBox
	// and ErrDiskFull, and whatever else went wrong. Within one call, a Deposit may repeat an earlier one.
	Put(ctx context.Context, posts []Deposit) []Kept
	// List returns what lies in a box after a sequence, without the bytes, by rising sequence, at most limit. No more are
	// there if fewer come. The error is ErrNoBox.
	List(ctx context.Context, box BoxID, after uint64, limit int) ([]Item, error)
	// Fetch returns what lies in a box after a sequence, by rising sequence, at most limit posts and, but for the first, at
	// most bytes in all. None come only if there are no more. Damaged ones are passed over, and counted. The Bytes are the
	// caller's. The error is ErrNoBox.
	Fetch(ctx context.Context, box BoxID, after uint64, limit, bytes int) ([]Post, error)
	// Get returns one post by its name. The errors are ErrNoBox and ErrNotFound.
	Get(ctx context.Context, box BoxID, name Name) (Post, error)
	// Ack deletes posts by their names, with one sync, and returns those that lay there. Others are no error: an ack may be
	// repeated. It works also while the disk is full. The error is ErrNoBox.
	Ack(ctx context.Context, box BoxID, names []Name) ([]Item, error)

	// SetBundle replaces the bundle of a box, if its Version is higher; if it is the same, nothing happens, and that is no
	// error. The errors are ErrNoBox, ErrStale and ErrDiskFull.
	SetBundle(ctx context.Context, box BoxID, b Bundle) error
	// TakeBundle returns the base of a box's bundle, and, if part is true and one is left, a one-time part, which is gone
	// for good before it returns; nil if none is left. The errors are ErrNoBox and ErrNotFound.
	TakeBundle(ctx context.Context, box BoxID, part bool) (base, one []byte, err error)

	// Leave replaces all descriptors that this box left. Of two boxes' descriptors under one key, that with the higher Signed
	// stands (of two alike, that which is there); the other is forgotten. The errors are ErrNoBox and ErrDiskFull.
	Leave(ctx context.Context, box BoxID, list []Descriptor) error
	// Descriptor returns the descriptor under a key. The error is ErrNotFound.
	Descriptor(ctx context.Context, key PlaceKey) (Descriptor, error)
	// Descriptors calls each with every descriptor of a period, by rising key after the one given, until it returns false.
	Descriptors(ctx context.Context, period uint64, after PlaceKey, each func(Descriptor) bool) error

	// Expire deletes what expired by now: posts and descriptors whose Until is at or before it. It remembers now, durably,
	// if it is higher than Age. It tells what it deleted, box by box. The Server calls it every few minutes; it may also
	// give back disk then, and do a part of a scrub.
	Expire(ctx context.Context, now Age, gone func(box BoxID, items []Item)) error

	// Stats tells how full the Store is. It is cheap.
	Stats() StoreStats
	// Close ends the Store. Calls to come fail with ErrClosed.
	Close() error
}

// StoreStats is how full a Store is.
type StoreStats struct {
	Boxes, Posts, Bytes uint64 // that are kept; bytes of posts alone
	Descriptors         uint64
	Disk                uint64 // bytes that the Store takes on disk, 0 if it does not know
	Free                uint64 // bytes that are left to write until it refuses, 0 if it does not know
	Full                bool   // it refuses writes
	Lost                uint64 // posts that it kept and cannot give any more, since it was made
	Syncs               uint64 // writes that were made durable, since the start
	Scrubbed            uint64 // posts that were read again and found whole, since the start
}
