package identity

import "github.com/linnetmesh/linnet/crypto/internal/canon"

// Unknown holds what the reader of a body did not know, to write it again: every struct of a body has a field
//
//	Unknown identity.Unknown `cbor:"-"`
type Unknown = canon.Unknown

// Raw is one CBOR item of a body as it travelled, for what is hashed, signed or read later.
type Raw = canon.Raw

// Marshal returns the deterministic CBOR of a struct whose fields carry integer keys, for rooms outside of crypto. How
// such a struct looks, and what it grows by, is said in crypto/internal/canon and in PROTOCOL.md, section 1.
// The error is ErrSize or ErrMalformed.
func Marshal(v any) ([]byte, error) { return canon.Marshal(v) }

// Unmarshal reads a body of at most limit bytes into the struct that v points to. The error is ErrSize, ErrMalformed
// or ErrNewer, and then *v is untouched.
func Unmarshal(b []byte, limit int, v any) error { return canon.Unmarshal(b, limit, v) }
