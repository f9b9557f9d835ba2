package descriptor

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/linnetmesh/linnet/crypto/identity"
)

const version = 1 // of descriptors and node records

// Offsets in a descriptor.
const (
	offsetPeriod    = 1
	offsetReplica   = 9
	offsetTime      = 10
	offsetNotAfter  = 18
	offsetWork      = 26 // what stands before is the header
	offsetNonce     = offsetWork + workSize
	offsetSealed    = offsetNonce + chacha20poly1305.NonceSizeX
	offsetSignature = Size - ed25519.SignatureSize
)

// header is what a descriptor shows to everybody.
type header struct {
	version  byte
	period   Period
	replica  byte
	time     uint64 // ms
	notAfter uint64 // ms
}

// parseHeader reads the header of a value of Size bytes.
func parseHeader(value []byte) header {
	return header{
		version:  value[0],
		period:   Period(binary.BigEndian.Uint64(value[offsetPeriod:])),
		replica:  value[offsetReplica],
		time:     binary.BigEndian.Uint64(value[offsetTime:]),
		notAfter: binary.BigEndian.Uint64(value[offsetNotAfter:]),
	}
}

func (h header) appendTo(b []byte) []byte {
	b = append(b, h.version)
	b = binary.BigEndian.AppendUint64(b, uint64(h.period))
	b = append(b, h.replica)
	b = binary.BigEndian.AppendUint64(b, h.time)
	return binary.BigEndian.AppendUint64(b, h.notAfter)
}

// restOf returns the hash of a value but for its work nonce and signature.
func restOf(value []byte, work, signature int) (rest [sha256.Size]byte) {
	h := sha256.New()
	h.Write(identity.LabelDescriptorRest.Input())
	h.Write(value[:work])
	h.Write(value[work+workSize : signature])
	h.Sum(rest[:0])
	return rest
}

// signedOf returns what the blinded key signs: the work nonce and the hash of the rest. So the signature covers all that
// stands before it, and who verifies hashes the 8 KiB once, for the work.
func signedOf(nonce []byte, rest [sha256.Size]byte) []byte {
	return identity.LabelDescriptor.Input(nonce, rest[:])
}
