package bundle

import (
	"errors"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Part is a one-time part of a bundle: an X25519 and a KEM prekey under one id, to be used once. It was verified, and never
// changes.
type Part struct {
	device       identity.Device
	id           uint32
	preKey       xeddsa.PublicKey
	kem          kyber.PublicKey
	kemSignature [identity.SignatureSize]byte
	notAfter     time.Time
	raw          []byte
}

// partBody is what the device signs.
type partBody struct {
	Account  identity.Account             `cbor:"1,keyasint"`
	Device   uint8                        `cbor:"2,keyasint"`
	ID       uint32                       `cbor:"3,keyasint"`
	PreKey   [xeddsa.PublicKeySize]byte   `cbor:"4,keyasint"`
	KEM      [kyber.PublicKeySize]byte    `cbor:"5,keyasint"`
	KEMSig   [identity.SignatureSize]byte `cbor:"6,keyasint"`
	NotAfter uint64                       `cbor:"7,keyasint"` // Unix seconds
	Unknown  canon.Unknown                `cbor:"-"`
}

// ParsePart reads a part of at most MaxPartSize bytes, verifies it, and holds that it is of this device and good
// at this time. It keeps nothing of b.
func ParsePart(b []byte, d identity.Device, now time.Time) (*Part, error) {
	var in partBody
	if err := open(b, MaxPartSize, identity.LabelBundlePart, d, &in); err != nil {
		return nil, err
	}
	if in.Account != d.Account() || in.Device != d.Number() {
		return nil, ErrBundle
	}
	notAfter, err := checkTime(in.NotAfter, now)
	if err != nil {
		return nil, err
	}
	p := &Part{device: d, id: in.ID, kemSignature: in.KEMSig, notAfter: notAfter, raw: slices.Clone(b)}
	var err1, err2 error
	p.preKey, err1 = xeddsa.ParsePublicKey(in.PreKey[:])
	p.kem, err2 = kyber.ParsePublicKey(in.KEM[:])
	if errors.Join(err1, err2) != nil {
		return nil, ErrBundle
	}
	if d.Identity().Verify(p.kem.Bytes(), p.kemSignature[:]) != nil {
		return nil, ErrSignature
	}
	return p, nil
}

// ID returns the number of the part, and of both its prekeys.
func (p *Part) ID() uint32 { return p.id }

// AppendTo appends the part as it travels, at most MaxPartSize bytes.
func (p *Part) AppendTo(to []byte) []byte { return append(to, p.raw...) }
