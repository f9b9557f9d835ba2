package p2p

import (
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"
)

// The lanes of Linnet: what its nodes say to each other, each under a name of its own that carries the version. Frames on
// them have at most 72 KiB (p2p/frame). A lane that is not here does not exist: Host.Lane panics for it.
const (
	Deliver    = "/linnet/deliver/1"    // envelopes to a device that is awake
	Bundle     = "/linnet/bundle/1"     // prekeys of a device that is awake
	Mailbox    = "/linnet/mailbox/1"    // boxes on a relay
	Conference = "/linnet/conference/1" // calls on a mixer
	directory  = "/linnet/directory/1"  // records, asked of one node: this room's own, see wire.go
)

// terms are the rules of a lane.
type terms struct {
	relayed bool // may go through a circuit relay, which ends after some MiB or minutes
	perPeer int  // streams that one peer may have open towards us
	total   int  // streams that all peers may have open towards us
}

// lanes is the table of all lanes. What is text may be relayed, for it resumes after a cut; media may not, for a relay's
// limits would cut a call in the middle. Limits are for streams that others opened: the total bounds goroutines and
// buffers (some 10 KiB each), and perPeer keeps one peer from taking it all.
var lanes = map[string]terms{
	Deliver:    {relayed: true, perPeer: 8, total: 512},
	Bundle:     {relayed: true, perPeer: 2, total: 128},
	Mailbox:    {relayed: true, perPeer: 8, total: 8192},
	Conference: {relayed: false, perPeer: 8, total: 1024},
	directory:  {relayed: true, perPeer: 4, total: 128},
}

// The DHT of Linnet, apart from all others by its prefix: /linnet/kad/1.0.0. A key has few copies, and a lookup few
// requests at once, because every request is a connection to somebody: measured against k = 20 and alpha = 10, a third
// of the requests. Two replica keys per descriptor make up for it.
const (
	kadPrefix  protocol.ID = "/linnet"
	kad                    = kadPrefix + "/kad/1.0.0"
	bucketSize             = 8 // k: peers per bucket, and nodes that keep a record
	alpha                  = 3 // requests of a lookup at once
	beta                   = 3 // closest peers that must have answered before a lookup ends
)

// What a DHT of strangers may make a node do.
const (
	maxRequest = 12 << 10  // bytes of a DHT request: a descriptor, its key and what protobuf adds
	maxReply   = 128 << 10 // bytes of a DHT reply: a descriptor, and k peers of at most 8 KiB each
)

// recordLife is how long a record is kept from when it came. It is put again hourly by who it is about.
const recordLife = 3 * time.Hour

// agent is what identify tells everybody of the program: nothing.
const agent = "p2p/1"

// lan is the name of the service under which hosts find each other on a LAN (RFC 6763).
const lan = "_linnet._udp"

// How long things may take, unless a context ends before.
const (
	dialPatience    = 30 * time.Second // finding, connecting and negotiating
	walkPatience    = 60 * time.Second // a walk through the DHT, which liars could make endless
	requestPatience = 10 * time.Second // one request and its reply, in the DHT or on the directory lane
)
