package descriptor

import (
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
)

// Role is what a public node does for others.
type Role uint16

// Roles.
const (
	RoleRelay Role = 1 // keeps post
	RoleMixer Role = 2 // mixes calls
	RoleTurn  Role = 3 // lends its address to callers
)

// Node is what a relay or mixer that wants to be found says of itself. It hides nothing, and promises nothing: a node
// takes only those that its owner allows.
type Node struct {
	Key       identity.TransportKey // not in the body
	Addresses [][]byte              // multiaddrs, 1 to MaxNodeAddresses of 1 to MaxNodeAddress bytes
	Roles     []Role                // rising, 1 to MaxRoles
	Limits    Limits
	Unknown   identity.Unknown
}

// Limits of a Node.
const (
	MaxNodeAddresses = 8
	MaxNodeAddress   = 64 // bytes
	MaxRoles         = 16
)

// Limits are what a public node takes. 0 is not said.
type Limits struct {
	Post    uint32           `cbor:"1,keyasint,omitempty"` // bytes of a post
	Posts   uint32           `cbor:"2,keyasint,omitempty"` // posts of a box
	Bytes   uint64           `cbor:"3,keyasint,omitempty"` // bytes of a box
	Keep    uint32           `cbor:"4,keyasint,omitempty"` // seconds that a post is kept
	Legs    uint32           `cbor:"5,keyasint,omitempty"` // legs of a call
	Unknown identity.Unknown `cbor:"-"`
}

// nodeBody is how a Node travels.
type nodeBody struct {
	Addresses [][]byte      `cbor:"1,keyasint" max:"8" each:"64"`
	Roles     []Role        `cbor:"2,keyasint" max:"16"`
	Limits    Limits        `cbor:"3,keyasint,omitempty"`
	Unknown   canon.Unknown `cbor:"-"`
}

func (b *nodeBody) check() error {
	if len(b.Addresses) == 0 || !addresses(b.Addresses) || len(b.Roles) == 0 || !rising(b.Roles) {
		return ErrRecord
	}
	return nil
}

// Seal makes the node record that belongs under NodeKey, at most NodeSize bytes, good for NodeLife. Replaces is the time
// of the record that it replaces, and the zero Time if there is none. It takes some 10 ms, for the work. The errors are
// ErrKey unless the key is n.Key's, ErrRecord, ErrSize, and ErrFuture if no node would take what comes after replaces.
func (n Node) Seal(k identity.TransportPrivateKey, replaces, now time.Time) ([]byte, error) {
	return n.seal(k, replaces, now, draw().work)
}

func (n Node) seal(k identity.TransportPrivateKey, replaces, now time.Time, work uint64) ([]byte, error) {
	if k.IsZero() || k.Public() != n.Key {
		return nil, ErrKey
	}
	body := nodeBody{n.Addresses, n.Roles, n.Limits, n.Unknown}
	if err := body.check(); err != nil {
		return nil, err
	}
	b, err := canon.Marshal(body)
	if err != nil {
		return nil, err
	}
	if nodeOffsetBody+len(b)+identity.SignatureSize > NodeSize {
		return nil, ErrSize
	}
	signed := max(millis(now), millis(replaces)+1)
	if signed > millis(now.Add(MaxAhead)) {
		return nil, ErrFuture
	}
	return sealNode(k, signed, signed+nodeLifeMillis, b, work)
}

// OpenNode reads and verifies a node record of this key: it opens what ValidateNode passes. It returns when it was signed
// as well. The errors are those of ValidateNode.
func OpenNode(value []byte, key identity.TransportKey, now time.Time) (Node, time.Time, error) {
	h, body, err := validateNode(NodeKey(key), value, now)
	if err != nil {
		return Node{}, time.Time{}, err
	}
	return Node{key, body.Addresses, body.Roles, body.Limits, body.Unknown}, fromMillis(h.time), nil
}
