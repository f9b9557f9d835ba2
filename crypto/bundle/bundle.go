// Package bundle makes, seals and checks what lets a session start with a sleeper.
//
// A device publishes a bundle: the public halves of its prekeys, and the key to which first envelopes are sealed. It
// signs the whole with its identity key, beside the Signal Protocol's own signatures on the prekeys. A relay gets it
// sealed under the bundle key, which stands in the device's record, so only who can find the account can read it.
// One-time parts come along, each with a fresh prekey of both kinds, to be handed out once.
//
//	bundle        CBOR {1 body, 2 signature (64)}, 3,130 bytes and at most 3,584
//	part          CBOR {1 body, 2 signature (64)}, 1,792 bytes and at most 1,984
//	sealed        0x01 ‖ nonce (12) ‖ AES-256-GCM(length (2) ‖ bundle or part ‖ zeros): 4096 or 2048 bytes, exactly
//
// A bundle is good for 30 days and renewed weekly; its private halves are kept for 60 days. A spent one-time key makes a
// first message fail, and its sender is asked to try again; the last-resort key is never spent.
//
// What a bundle protects is what crypto/pqxdh says. Who hands out an old bundle, or the same part twice, gains nothing
// but a failed first message or less forward secrecy for it. PROTOCOL.md has the bytes.
package bundle

import (
	"errors"
	"time"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/pqxdh"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Times of a bundle.
const (
	// Lifetime is how long a bundle is good for, at most.
	Lifetime = 30 * 24 * time.Hour
	// RenewAfter is the age at which a device makes a new one.
	RenewAfter = 7 * 24 * time.Hour
	// KeepPrivate is the age at which the private halves are erased: a first message may lie on a relay for 30 days.
	KeepPrivate = 60 * 24 * time.Hour
	// MaxAhead is by how much a reader's clock may be behind.
	MaxAhead = 24 * time.Hour
)

const (
	// MaxSize is the largest bundle in bytes.
	MaxSize = 3584
	// MaxPartSize is the largest one-time part in bytes.
	MaxPartSize = 1984
	// MaxParts is how many one-time parts a relay gets at once.
	MaxParts = 10
	// MaxFeatures is how many features a bundle can name.
	MaxFeatures = 32
)

var (
	// ErrBundle says that bytes are not a bundle or part of this device.
	ErrBundle = errors.New("bundle: invalid")
	// ErrSignature says that a bundle or part was not signed by the device.
	ErrSignature = errors.New("bundle: invalid signature")
	// ErrExpired says that a bundle is too old, or good for longer than it may be.
	ErrExpired = errors.New("bundle: expired")
	// ErrOpen says that something sealed cannot be opened with this key.
	ErrOpen = errors.New("bundle: cannot open")
	// ErrKey says that a key was never set.
	ErrKey = errors.New("bundle: invalid key")
)

// Bundle is what a device publishes. One that Parse or Open returned was verified, and never changes.
type Bundle struct {
	Device         identity.Device
	RegistrationID uint32
	Features       []uint16 // small numbers that say what the device can do
	EnvelopeKey    envelope.PublicKey
	Version        uint32 // rises with each bundle of the device
	NotAfter       time.Time

	prekeys pqxdh.Bundle
	raw     []byte
}

// signed is how bundles and parts travel.
type signed struct {
	Body      []byte                       `cbor:"1,keyasint" max:"3500"`
	Signature [identity.SignatureSize]byte `cbor:"2,keyasint"`
	Unknown   canon.Unknown                `cbor:"-"`
}

// body is what the device signs.
type body struct {
	Account        identity.Account             `cbor:"1,keyasint"`
	Device         uint8                        `cbor:"2,keyasint"`
	RegistrationID uint32                       `cbor:"3,keyasint"`
	Features       []uint16                     `cbor:"4,keyasint" max:"32"`
	Identity       [xeddsa.PublicKeySize]byte   `cbor:"5,keyasint"`
	SignedID       uint32                       `cbor:"6,keyasint"`
	Signed         [xeddsa.PublicKeySize]byte   `cbor:"7,keyasint"`
	SignedSig      [identity.SignatureSize]byte `cbor:"8,keyasint"`
	KEMID          uint32                       `cbor:"9,keyasint"`
	KEM            [kyber.PublicKeySize]byte    `cbor:"10,keyasint"`
	KEMSig         [identity.SignatureSize]byte `cbor:"11,keyasint"`
	Envelope       []byte                       `cbor:"12,keyasint" max:"1216"`
	Version        uint32                       `cbor:"13,keyasint"`
	NotAfter       uint64                       `cbor:"14,keyasint"` // Unix seconds
	Unknown        canon.Unknown                `cbor:"-"`
}

// Parse reads a bundle of at most MaxSize bytes, verifies it, and holds that it is of this device, which must come from
// a manifest, and good at this time. It keeps nothing of b. Errors of identity's codec pass through (ErrNewer).
func Parse(b []byte, d identity.Device, now time.Time) (*Bundle, error) {
	var in body
	if err := open(b, MaxSize, identity.LabelBundle, d, &in); err != nil {
		return nil, err
	}
	if in.Account != d.Account() || in.Device != d.Number() || [xeddsa.PublicKeySize]byte(d.Identity().Bytes()) != in.Identity {
		return nil, ErrBundle
	}
	if in.NotAfter > uint64(maxSeconds) {
		return nil, ErrExpired
	}
	out := &Bundle{
		Device: d, RegistrationID: in.RegistrationID, Features: in.Features, Version: in.Version,
		NotAfter: time.Unix(int64(in.NotAfter), 0), raw: append([]byte(nil), b...),
	}
	if now.After(out.NotAfter) || out.NotAfter.After(now.Add(Lifetime+MaxAhead)) {
		return nil, ErrExpired
	}
	var errs [3]error
	p := &out.prekeys
	*p = pqxdh.Bundle{
		RegistrationID: in.RegistrationID, Device: in.Device, Identity: d.Identity(),
		SignedPreKeyID: in.SignedID, SignedPreKeySignature: in.SignedSig,
		KEMPreKeyID: in.KEMID, KEMPreKeySignature: in.KEMSig,
	}
	p.SignedPreKey, errs[0] = xeddsa.ParsePublicKey(in.Signed[:])
	p.KEMPreKey, errs[1] = kyber.ParsePublicKey(in.KEM[:])
	out.EnvelopeKey, errs[2] = envelope.ParsePublicKey(in.Envelope)
	if errors.Join(errs[:]...) != nil {
		return nil, ErrBundle
	}
	if p.Verify() != nil {
		return nil, ErrSignature
	}
	return out, nil
}

// maxSeconds is the latest time that is told apart: what 53 bits hold.
const maxSeconds = 1<<53 - 1

// open reads a signed body and verifies the signature, over the body's bytes as they travelled.
func open(b []byte, limit int, l identity.Label, d identity.Device, into any) error {
	if d.IsZero() {
		return ErrKey
	}
	var s signed
	if err := canon.Unmarshal(b, limit, &s); err != nil {
		return err
	}
	if l.Verify(d.Identity(), s.Signature[:], s.Body) != nil {
		return ErrSignature
	}
	return canon.Unmarshal(s.Body, limit, into)
}

// AppendTo appends the bundle as it travels, at most MaxSize bytes.
func (b *Bundle) AppendTo(to []byte) []byte { return append(to, b.raw...) }

// Has tells whether the device names a feature.
func (b *Bundle) Has(feature uint16) bool {
	for _, f := range b.Features {
		if f == feature {
			return true
		}
	}
	return false
}

// PreKeys returns what a session is opened with: the bundle's own keys, or, if part is not nil, the one-time keys of a part
// of the same device.
func (b *Bundle) PreKeys(part *Part) (*pqxdh.Bundle, error) {
	out := b.prekeys
	if part == nil {
		return &out, nil
	}
	if part.device != b.Device {
		return nil, ErrBundle
	}
	out.OneTimePreKeyID, out.OneTimePreKey = part.id, part.preKey
	out.KEMPreKeyID, out.KEMPreKey, out.KEMPreKeySignature = part.id, part.kem, part.kemSignature
	return &out, nil
}
