package mailbox

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Config is what a Server is made of. Key and Store are required; the zero value of all else is good.
type Config struct {
	Key   identity.TransportPrivateKey // the relay's, also that of its host
	Store Store

	// Publish puts descriptors into the DHT. Nil puts none.
	Publish Publisher
	// Now tells the date, for tests of clocks that are wrong. Nil is time.Now.
	Now func() time.Time
	// Log receives what an operator may know: no boxes, no addresses. Nil discards it.
	Log *slog.Logger

	Limits Limits
	// Banned tells whether a box or a node is not served. Nil serves all. It is asked often and must be fast.
	Banned func(node identity.TransportKey, box BoxID) bool
}

// Limits are what a relay gives. A zero field is the default that stands behind it; negative ones are refused.
type Limits struct {
	// Of a mail box.
	MailPosts int   // 1,000
	MailBytes int64 // 8 MiB
	// Of a shelf.
	ShelfPosts int   // 10,000
	ShelfBytes int64 // 64 MiB
	// Of a blob box.
	BlobPosts int   // 4,096
	BlobBytes int64 // 256 MiB

	Keep         time.Duration // how long a post is kept: 30 d
	KeepStranger time.Duration // how long a stranger's is: 3 d
	KeepBox      time.Duration // how long a box is kept whose owner does not come: 90 d

	// TotalBytes is how many bytes of posts lie here at most: 64 GiB. The Store has its own watermark of the disk.
	TotalBytes int64
	// Boxes is how many there are at most: 200,000; and from one near (/24, /48) and one far (/16, /32) range of addresses.
	Boxes     int
	BoxesNear int // 256
	BoxesFar  int // 4,096

	// How much one token may put: on average per second, and at once.
	TokenRate  int // 10 posts
	TokenBurst int // 200 posts
	// How much all strangers may put into one box, and into all.
	StrangerRate    int // 1 post in so many seconds into one box: 10
	StrangerBurst   int // 20 posts
	StrangerRateAll int // 200 posts per second

	// WorkBits is how much work a stranger must do on a quiet relay: 16; the load adds up to 8.
	WorkBits int

	// Conns is how many connections there are at most: 8,192; and from one node: 8.
	Conns        int
	ConnsPerNode int
	// Memory is how many bytes of posts and answers are under way at most: 256 MiB.
	Memory int64
	// WeakMemory is how many bytes of weak updates are held at most: 64 MiB.
	WeakMemory int64
}

// WithDefaults returns the limits with zero fields filled.
func (l Limits) WithDefaults() Limits {
	def(&l.MailPosts, 1000)
	def(&l.MailBytes, 8<<20)
	def(&l.ShelfPosts, 10_000)
	def(&l.ShelfBytes, 64<<20)
	def(&l.BlobPosts, 4096)
	def(&l.BlobBytes, 256<<20)
	def(&l.Keep, 30*24*time.Hour)
	def(&l.KeepStranger, 3*24*time.Hour)
	def(&l.KeepBox, 90*24*time.Hour)
	def(&l.TotalBytes, 64<<30)
	def(&l.Boxes, 200_000)
	def(&l.BoxesNear, 256)
	def(&l.BoxesFar, 4096)
	def(&l.TokenRate, 10)
	def(&l.TokenBurst, 200)
	def(&l.StrangerRate, 10)
	def(&l.StrangerBurst, 20)
	def(&l.StrangerRateAll, 200)
	def(&l.WorkBits, 16)
	def(&l.Conns, 8192)
	def(&l.ConnsPerNode, 8)
	def(&l.Memory, 256<<20)
	def(&l.WeakMemory, 64<<20)
	return l
}

func def[N int | int64 | time.Duration](n *N, to N) {
	if *n == 0 {
		*n = to
	}
}

// Validate returns all complaints about the limits, joined; nil if there are none.
func (l Limits) Validate() error {
	l = l.WithDefaults()
	var all []error
	say := func(ok bool, format string, args ...any) {
		if !ok {
			all = append(all, fmt.Errorf("mailbox: "+format, args...))
		}
	}
	for name, n := range map[string]int64{
		"mail posts": int64(l.MailPosts), "mail bytes": l.MailBytes, "shelf posts": int64(l.ShelfPosts), "shelf bytes": l.ShelfBytes,
		"blob posts": int64(l.BlobPosts), "blob bytes": l.BlobBytes, "keep": int64(l.Keep), "keep stranger": int64(l.KeepStranger),
		"keep box": int64(l.KeepBox), "total bytes": l.TotalBytes, "boxes": int64(l.Boxes), "boxes near": int64(l.BoxesNear),
		"boxes far": int64(l.BoxesFar), "token rate": int64(l.TokenRate), "token burst": int64(l.TokenBurst),
		"stranger rate": int64(l.StrangerRate), "stranger burst": int64(l.StrangerBurst), "stranger rate of all": int64(l.StrangerRateAll),
		"work bits": int64(l.WorkBits), "connections": int64(l.Conns), "connections per node": int64(l.ConnsPerNode),
		"memory": l.Memory, "memory of weak updates": l.WeakMemory,
	} {
		say(n > 0, "%s is %d: it must be more than 0", name, n)
	}
	say(l.WorkBits <= maxBits-loadBits, "work of %d bits is more than anybody would do: at most %d", l.WorkBits, maxBits-loadBits)
	say(l.Memory >= 4<<20, "memory is %d bytes: at least 4 MiB are needed", l.Memory)
	say(l.MailPosts <= 100_000 && l.ShelfPosts <= 100_000 && l.BlobPosts <= 100_000, "a box of more than 100,000 posts is too slow")
	return errors.Join(all...)
}

const (
	loadBits = 8  // what the load adds at most to the work of strangers
	maxBits  = 32 // the most that anybody is asked
)

// Stats is how a Server fares. What counts counts since the start.
type Stats struct {
	Store StoreStats

	Conns, Listeners uint64 // now
	Put, PutBytes    uint64
	Repeated         uint64 // puts of what lay there already
	Fetched          uint64 // posts given, fetched or pushed
	FetchedBytes     uint64
	Acked            uint64
	Expired          uint64
	Refused          map[error]uint64 // by the errors of refusal.go
	BundlesTaken     uint64
	PartsTaken       uint64
	PartsWanting     uint64 // asked for while none was left
	Weak             uint64 // weak updates taken
	WeakBytes        uint64 // held now
	Published        uint64 // descriptors put into the DHT
	PublishFailed    uint64
	Groups           uint64 // commit groups; Put ÷ Groups is how many posts share a sync
	Memory           uint64 // bytes under way now
	WorkBits         uint8  // what strangers are asked now
	Draining         bool
	Age              Age
}
