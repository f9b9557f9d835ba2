package identity

import (
	"bytes"
	"cmp"
)

// Head names a manifest in a few bytes, so that two who write to each other notice what one of them has not seen. It is
// a body of CBOR (Marshal), and may be a field of one. It may be compared with ==.
type Head struct {
	Epoch   uint64         `cbor:"1,keyasint"`
	Version uint64         `cbor:"2,keyasint"`
	Hash    [HashSize]byte `cbor:"3,keyasint"` // SHA-256 of what the steward signed
	Unknown Unknown        `cbor:"-"`
}

// Newer tells whether h names a newer manifest than other: of a higher epoch, or a higher version in the same, or one
// that stands before it in a fork. It is a reason to ask for the manifest, and no more: nobody signed a Head.
func (h Head) Newer(other Head) bool {
	return cmp.Or(
		cmp.Compare(h.Epoch, other.Epoch),
		cmp.Compare(h.Version, other.Version),
		bytes.Compare(other.Hash[:], h.Hash[:]),
	) > 0
}
