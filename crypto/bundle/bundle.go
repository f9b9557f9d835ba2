// Package bundle makes, seals and checks what lets a session start with a sleeper.
//
// A device publishes a bundle: the public halves of its prekeys, and the key to which first envelopes are sealed. It
// signs the whole with its identity key, beside the Signal Protocol's own signatures on the prekeys. A relay gets it
// sealed under the bundle key, which stands in the device's record, so only who can find the account can read it.
// One-time parts come along, each with a fresh prekey of both kinds, to be handed out once.
//
//	bundle        CBOR {1 body, 2 signature (64)}, 3,130 bytes and at most 3,584
//	part          CBOR {1 body, 2 signature (64)}, 1,798 bytes and at most 1,984
//	sealed        0x01 ‖ nonce (12) ‖ AES-256-GCM(length (2) ‖ bundle or part ‖ zeros): 4096 or 2048 bytes, exactly
//
// Both are good for 30 days. A bundle is renewed weekly; private halves are kept for 60 days. A spent one-time key makes a
// first message fail, and its sender is asked to try again; the last-resort key is never spent.
//
// What a bundle protects is what crypto/pqxdh says. Who hands out an old bundle, or the same part twice, gains nothing
// but a failed first message or less forward secrecy for it. PROTOCOL.md has the bytes.
package bundle

import (
	"errors"
	"slices"
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
	// ErrRollback says that a bundle is older than one that the reader knows.
	ErrRollback = errors.New("bundle: older than known")
	// ErrExpired says that a bundle or part is too old, or good for longer than it may be.
	ErrExpired = errors.New("bundle: expired")
	// ErrOpen says that something sealed cannot be opened with this key.
	ErrOpen = errors.New("bundle: cannot open")
	// ErrKey says that a key was never set.
	ErrKey = errors.New("bundle: invalid key")
)

// Bundle is what a device publishes. It was verified, and never changes. Several goroutines may use it at once.
type Bundle struct {
	device      identity.Device
	features    []uint16
	envelopeKey envelope.PublicKey
	version     uint32
	notAfter    time.Time
	prekeys     pqxdh.Bundle
	raw         []byte
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
// a manifest, and good at this time. A version below seen, the highest that the reader knows of this device or 0, is
// refused with ErrRollback: somebody holds back what came after. It keeps nothing of b. Errors of identity's codec pass
// through (ErrNewer).
func Parse(b []byte, d identity.Device, seen uint32, now time.Time) (*Bundle, error) {
	var in body
	if err := open(b, MaxSize, identity.LabelBundle, d, &in); err != nil {
		return nil, err
	}
	if in.Account != d.Account() || in.Device != d.Number() || [xeddsa.PublicKeySize]byte(d.Identity().Bytes()) != in.Identity {
		return nil, ErrBundle
	}
	if in.Version < seen {
		return nil, ErrRollback
	}
	notAfter, err := checkTime(in.NotAfter, now)
	if err != nil {
		return nil, err
	}
	out := &Bundle{device: d, features: in.Features, version: in.Version, notAfter: notAfter, raw: slices.Clone(b)}
	var errs [3]error
	p := &out.prekeys
	*p = pqxdh.Bundle{
		RegistrationID: in.RegistrationID, Device: in.Device, Identity: d.Identity(),
		SignedPreKeyID: in.SignedID, SignedPreKeySignature: in.SignedSig,
		KEMPreKeyID: in.KEMID, KEMPreKeySignature: in.KEMSig,
	}
	p.SignedPreKey, errs[0] = xeddsa.ParsePublicKey(in.Signed[:])
	p.KEMPreKey, errs[1] = kyber.ParsePublicKey(in.KEM[:])
	out.envelopeKey, errs[2] = envelope.ParsePublicKey(in.Envelope)
	if errors.Join(errs[:]...) != nil {
		return nil, ErrBundle
	}
	if p.Verify() != nil {
		return nil, ErrSignature
	}
	return out, nil
}

// checkTime returns until when something is good, or ErrExpired if that is over, or further away than it may be.
func checkTime(notAfter uint64, now time.Time) (time.Time, error) {
	if notAfter > maxSeconds {
		return time.Time{}, ErrExpired
	}
	t := time.Unix(int64(notAfter), 0)
	if now.After(t) || t.After(now.Add(Lifetime+MaxAhead)) {
		return time.Time{}, ErrExpired
	}
	return t, nil
}

// seconds returns a time as it travels.
func seconds(t time.Time) uint64 { return uint64(min(max(t.Unix(), 0), maxSeconds)) }

// maxSeconds is the latest time that is told apart: what 53 bits hold.
const maxSeconds = 1<<53 - 1

// open reads a signed body and verifies the signature, over the body's bytes as they travelled. What is around the body is
// nobody's word, so nothing unknown may stand there.
func open(b []byte, limit int, l identity.Label, d identity.Device, into any) error {
	if d.IsZero() {
		return ErrKey
	}
	var s signed
	switch err := canon.Unmarshal(b, limit, &s); {
	case errors.Is(err, canon.ErrNewer) || err == nil && s.Unknown != "":
		return ErrBundle
	case err != nil:
		return err
	}
	if l.Verify(d.Identity(), s.Signature[:], s.Body) != nil {
		return ErrSignature
	}
	return canon.Unmarshal(s.Body, limit, into)
}

// Device returns the device, as the reader gave it.
func (b *Bundle) Device() identity.Device { return b.device }

// RegistrationID returns the number that the device drew at its installation.
func (b *Bundle) RegistrationID() uint32 { return b.prekeys.RegistrationID }

// EnvelopeKey returns what first envelopes are sealed to.
func (b *Bundle) EnvelopeKey() envelope.PublicKey { return b.envelopeKey }

// Version returns the bundle's version, which a reader remembers: the highest per device.
func (b *Bundle) Version() uint32 { return b.version }

// NotAfter returns until when the bundle is good, to the second.
func (b *Bundle) NotAfter() time.Time { return b.notAfter }

// Due tells whether its device should make a new one.
func (b *Bundle) Due(now time.Time) bool { return now.After(b.notAfter.Add(RenewAfter - Lifetime)) }

// Has tells whether the device names a feature: a small number that says what it can do.
func (b *Bundle) Has(feature uint16) bool { return slices.Contains(b.features, feature) }

// AppendTo appends the bundle as it travels, at most MaxSize bytes.
func (b *Bundle) AppendTo(to []byte) []byte { return append(to, b.raw...) }

// PreKeys returns what a session is opened with: the bundle's own keys, or, if part is not nil, the one-time keys of a part
// of the same device. It returns ErrExpired for what is no longer good.
func (b *Bundle) PreKeys(part *Part, now time.Time) (*pqxdh.Bundle, error) {
	if now.After(b.notAfter) || part != nil && now.After(part.notAfter) {
		return nil, ErrExpired
	}
	out := b.prekeys
	if part == nil {
		return &out, nil
	}
	if !sameDevice(part.device, b.device) {
		return nil, ErrBundle
	}
	out.OneTimePreKeyID, out.OneTimePreKey = part.id, part.preKey
	out.KEMPreKeyID, out.KEMPreKey, out.KEMPreKeySignature = part.id, part.kem, part.kemSignature
	return &out, nil
}

// sameDevice tells whether both are entries of one device: an entry may be made anew.
func sameDevice(a, b identity.Device) bool {
	return a.Account() == b.Account() && a.Number() == b.Number() && a.Identity() == b.Identity()
}
