package descriptor

import (
	"encoding/binary"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
)

// A node record; integers are big endian:
//
//	 0   1  version = 1
//	 1  32  transport key
//	33   8  signing time     ms since 1970
//	41   8  not-after        ms since 1970, at most NodeLife later
//	49   8  work nonce
//	57   n  CBOR             {addresses, roles, limits}
//	 …  64  signature        Ed25519 by the transport key, over all before it
const (
	nodeOffsetKey      = 1
	nodeOffsetTime     = 33
	nodeOffsetNotAfter = 41
	nodeOffsetWork     = 49
	nodeOffsetBody     = nodeOffsetWork + workSize
	nodeLeast          = nodeOffsetBody + 1 + identity.SignatureSize
)

const nodeLifeMillis = uint64(NodeLife / time.Millisecond)

// nodeKeyPrefix is how the DHT key of a node record begins.
const nodeKeyPrefix = "/linnet-node/"

// NodeKey returns the key under which the DHT keeps the record of a node: "/linnet-node/" and 32 bytes, the labelled
// SHA-256 of the transport key.
func NodeKey(key identity.TransportKey) string {
	place := identity.LabelNodePlace.Hash(key[:])
	return nodeKeyPrefix + string(place[:])
}

// ValidateNode tells whether a node of the DHT keeps this node record under this key now, cheap things first.
//
//	ErrSize       over NodeSize bytes, or too short;      ErrNewer      another version
//	ErrKey        the record is not of this place
//	ErrFuture     signed over MaxAhead ahead
//	ErrNotAfter   not 1 ms to NodeLife after;             ErrExpired    that has passed
//	ErrWork       no work
//	ErrKey        not canonical, or not of prime order: there is a signature by it that fits many records, or many keys
//	ErrSignature  not signed by the key
//	ErrMalformed, ErrNewer, ErrSize, ErrRecord            what was signed is no node record
func ValidateNode(dht string, value []byte, now time.Time) error {
	_, _, err := validateNode(dht, value, now)
	return err
}

// SelectNode returns the index of the node record to keep, as Select does.
func SelectNode(values [][]byte) (int, error) {
	return choose(values, nodeLeast, NodeSize, nodeOffsetTime)
}

// nodeHeader is what stands before the body.
type nodeHeader struct {
	key            identity.TransportKey
	time, notAfter uint64 // ms
}

func validateNode(dht string, value []byte, now time.Time) (h nodeHeader, body nodeBody, err error) {
	if len(value) < nodeLeast || len(value) > NodeSize {
		return h, body, ErrSize
	}
	if value[0] != version {
		return h, body, ErrNewer
	}
	copy(h.key[:], value[nodeOffsetKey:])
	h.time = binary.BigEndian.Uint64(value[nodeOffsetTime:])
	h.notAfter = binary.BigEndian.Uint64(value[nodeOffsetNotAfter:])
	signature := len(value) - identity.SignatureSize
	switch {
	case dht != NodeKey(h.key):
		return h, body, ErrKey
	case h.time > millis(now.Add(MaxAhead)):
		return h, body, ErrFuture
	case h.notAfter <= h.time || h.notAfter-h.time > nodeLifeMillis:
		return h, body, ErrNotAfter
	case millis(now) > h.notAfter:
		return h, body, ErrExpired
	case !checkWork(h.key, restOf(value, nodeOffsetWork, signature), value[nodeOffsetWork:nodeOffsetBody]):
		return h, body, ErrWork
	}
	if _, err := identity.ParseTransportKey(h.key[:]); err != nil {
		return h, body, ErrKey
	}
	if err := h.key.Verify(identity.LabelNodeRecord, value[signature:], value[:signature]); err != nil {
		return h, body, err
	}
	if err := canon.Unmarshal(value[nodeOffsetBody:signature], NodeSize, &body); err != nil {
		return h, body, err
	}
	return h, body, body.check()
}

// sealNode works and signs.
func sealNode(k identity.TransportPrivateKey, signed, notAfter uint64, body []byte, work uint64) ([]byte, error) {
	key := k.Public()
	value := append(make([]byte, 0, NodeSize), version)
	value = append(value, key[:]...)
	value = binary.BigEndian.AppendUint64(value, signed)
	value = binary.BigEndian.AppendUint64(value, notAfter)
	value = append(value, make([]byte, workSize)...)
	value = append(value, body...)
	nonce := findWork(key, restOf(value, nodeOffsetWork, len(value)), work)
	copy(value[nodeOffsetWork:], nonce[:])
	signature, err := k.Sign(identity.LabelNodeRecord, value)
	if err != nil {
		return nil, err
	}
	return append(value, signature[:]...), nil
}
