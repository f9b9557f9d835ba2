package identity

import (
	"bytes"
	"cmp"
)

// Head names a manifest in a few bytes, so that two who write to each other notice what one of them has not seen. It is
// a body of CBOR (Marshal), and may be a field of one. It may be compared with ==.
type Head struct {
	Epoch    uint64              `cbor:"1,keyasint"`
	Version  uint64              `cbor:"2,keyasint"`
	Hash     [HashSize]byte      `cbor:"3,keyasint"`           // SHA-256 of what the steward signed
	Stewards [statementSize]byte `cbor:"4,keyasint,omitempty"` // the first bytes of the statement's hash
	Unknown  Unknown             `cbor:"-"`
}

// statementSize is how many bytes of a statement's hash a Head has. They order two statements with one epoch, which the
// account alone can make, so they need not withstand anybody.
const statementSize = 8

// Newer tells whether h names a newer manifest than other, in the order in which a View takes them: of a higher epoch;
// in the same, under the statement that stands; under that, of a higher version; and of two with one version, the one
// with the lower hash. It is a reason to ask for the manifest, and no more: nobody signed a Head.
func (h Head) Newer(other Head) bool {
	return cmp.Or(
		cmp.Compare(h.Epoch, other.Epoch),
		bytes.Compare(other.Stewards[:], h.Stewards[:]),
		cmp.Compare(h.Version, other.Version),
		bytes.Compare(other.Hash[:], h.Hash[:]),
	) > 0
}
