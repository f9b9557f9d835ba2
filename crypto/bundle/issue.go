package bundle

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Private is the private half of a bundle, for its owner: to be stored sealed, and erased KeepPrivate after Issued.
type Private struct {
	Version      uint32 // of the bundle, and the id of both prekeys
	Issued       time.Time
	SignedPreKey xeddsa.PrivateKey
	KEMPreKey    kyber.PrivateKey // the last-resort key: its uses are remembered in a session.Replays
	EnvelopeKey  envelope.PrivateKey
}

// Format prints what this is, and nothing of its secrets, whatever the verb.
func (Private) Format(f fmt.State, _ rune) { fmt.Fprint(f, "bundle.Private") }

// Expired tells whether the private half is to be erased: no message that needs it can come any more.
func (p *Private) Expired(now time.Time) bool { return now.Sub(p.Issued) > KeepPrivate }

// PrivatePart is the private half of a one-time part: to be erased when a message used it, or KeepPrivate after Issued.
type PrivatePart struct {
	ID        uint32
	Issued    time.Time
	PreKey    xeddsa.PrivateKey
	KEMPreKey kyber.PrivateKey
}

// Format prints what this is, and nothing of its secrets, whatever the verb.
func (PrivatePart) Format(f fmt.State, _ rune) { fmt.Fprint(f, "bundle.PrivatePart") }

// Expired tells whether the private half is to be erased unused.
func (p *PrivatePart) Expired(now time.Time) bool { return now.Sub(p.Issued) > KeepPrivate }

// Issue makes a bundle of a device, with fresh keys. The version must be higher than that of any bundle or part of the device
// before, and serves as the id of its prekeys.
func Issue(identityKey xeddsa.PrivateKey, d identity.Device, registrationID, version uint32, features []uint16, now time.Time) (*Private, *Bundle, error) {
	if d.IsZero() || identityKey.Public() != d.Identity() {
		return nil, nil, ErrKey
	}
	p := &Private{
		Version: version, Issued: now,
		SignedPreKey: xeddsa.GenerateKey(), KEMPreKey: kyber.GenerateKey(), EnvelopeKey: envelope.GenerateKey(),
	}
	signedKey, kem := p.SignedPreKey.Public().Bytes(), p.KEMPreKey.Public().Bytes()
	signedSig, err := identityKey.Sign(signedKey)
	if err != nil {
		return nil, nil, ErrKey
	}
	kemSig, err := identityKey.Sign(kem)
	if err != nil {
		return nil, nil, ErrKey
	}
	raw, err := sign(identityKey, identity.LabelBundle, body{
		Account: d.Account(), Device: d.Number(), RegistrationID: registrationID, Features: slices.Clone(features),
		Identity: [xeddsa.PublicKeySize]byte(d.Identity().Bytes()),
		SignedID: version, Signed: [xeddsa.PublicKeySize]byte(signedKey), SignedSig: signedSig,
		KEMID: version, KEM: [kyber.PublicKeySize]byte(kem), KEMSig: kemSig,
		Envelope: p.EnvelopeKey.Public().AppendTo(nil),
		Version:  version, NotAfter: seconds(now.Add(Lifetime)),
	})
	if err != nil {
		return nil, nil, err
	}
	b, err := Parse(raw, d, version, now)
	if err != nil {
		return nil, nil, err
	}
	return p, b, nil
}

// IssuePart makes a one-time part of a device, with fresh keys. The id must never have been given to a bundle or part of the
// device before.
func IssuePart(identityKey xeddsa.PrivateKey, d identity.Device, id uint32, now time.Time) (*PrivatePart, *Part, error) {
	if d.IsZero() || identityKey.Public() != d.Identity() {
		return nil, nil, ErrKey
	}
	p := &PrivatePart{ID: id, Issued: now, PreKey: xeddsa.GenerateKey(), KEMPreKey: kyber.GenerateKey()}
	kem := p.KEMPreKey.Public().Bytes()
	kemSig, err := identityKey.Sign(kem)
	if err != nil {
		return nil, nil, ErrKey
	}
	raw, err := sign(identityKey, identity.LabelBundlePart, partBody{
		Account: d.Account(), Device: d.Number(), ID: id,
		PreKey: [xeddsa.PublicKeySize]byte(p.PreKey.Public().Bytes()), KEM: [kyber.PublicKeySize]byte(kem), KEMSig: kemSig,
		NotAfter: seconds(now.Add(Lifetime)),
	})
	if err != nil {
		return nil, nil, err
	}
	part, err := ParsePart(raw, d, now)
	if err != nil {
		return nil, nil, err
	}
	return p, part, nil
}

// sign returns the signed form of a body.
func sign(k xeddsa.PrivateKey, l identity.Label, v any) ([]byte, error) {
	b, err := canon.Marshal(v)
	if err != nil {
		return nil, err
	}
	signature, err := l.Sign(k, b)
	if err != nil {
		return nil, ErrKey
	}
	return canon.Marshal(signed{Body: b, Signature: signature})
}

// privateBody is how the private halves are stored.
type privateBody struct {
	Version  uint32        `cbor:"1,keyasint"`
	Issued   uint64        `cbor:"2,keyasint"` // Unix seconds
	Signed   [32]byte      `cbor:"3,keyasint"`
	KEM      [64]byte      `cbor:"4,keyasint"`
	Envelope [32]byte      `cbor:"5,keyasint"`
	Unknown  canon.Unknown `cbor:"-"`
}

// MaxPrivate is the largest stored Private or PrivatePart in bytes.
const MaxPrivate = 512

// AppendTo appends the stored form: secrets, to be sealed by whoever stores them. A Private with a key that was never set
// appends nothing.
func (p *Private) AppendTo(to []byte) []byte {
	if p.SignedPreKey.IsZero() || p.KEMPreKey.IsZero() || p.EnvelopeKey.IsZero() {
		return to
	}
	b, err := canon.Marshal(privateBody{
		Version: p.Version, Issued: seconds(p.Issued), Signed: [32]byte(p.SignedPreKey.AppendTo(nil)),
		KEM: [64]byte(p.KEMPreKey.AppendTo(nil)), Envelope: [32]byte(p.EnvelopeKey.AppendTo(nil)),
	})
	if err != nil {
		panic("bundle: what was made cannot be stored: " + err.Error())
	}
	return append(to, b...)
}

// ParsePrivate reads a stored Private of at most MaxPrivate bytes.
func ParsePrivate(b []byte) (*Private, error) {
	var in privateBody
	if err := canon.Unmarshal(b, MaxPrivate, &in); err != nil {
		return nil, err
	}
	if in.Issued > maxSeconds {
		return nil, ErrBundle
	}
	p := &Private{Version: in.Version, Issued: time.Unix(int64(in.Issued), 0)}
	var errs [3]error
	p.SignedPreKey, errs[0] = xeddsa.ParsePrivateKey(in.Signed[:])
	p.KEMPreKey, errs[1] = kyber.ParsePrivateKey(in.KEM[:])
	p.EnvelopeKey, errs[2] = envelope.ParsePrivateKey(in.Envelope[:])
	if errors.Join(errs[:]...) != nil {
		return nil, ErrBundle
	}
	return p, nil
}

// privatePartBody is how the private half of a part is stored.
type privatePartBody struct {
	ID      uint32        `cbor:"1,keyasint"`
	PreKey  [32]byte      `cbor:"2,keyasint"`
	KEM     [64]byte      `cbor:"3,keyasint"`
	Issued  uint64        `cbor:"4,keyasint"` // Unix seconds
	Unknown canon.Unknown `cbor:"-"`
}

// AppendTo appends the stored form: secrets, to be sealed by whoever stores them. A PrivatePart with a key that was never
// set appends nothing.
func (p *PrivatePart) AppendTo(to []byte) []byte {
	if p.PreKey.IsZero() || p.KEMPreKey.IsZero() {
		return to
	}
	b, err := canon.Marshal(privatePartBody{ID: p.ID, PreKey: [32]byte(p.PreKey.AppendTo(nil)), KEM: [64]byte(p.KEMPreKey.AppendTo(nil)), Issued: seconds(p.Issued)})
	if err != nil {
		panic("bundle: what was made cannot be stored: " + err.Error())
	}
	return append(to, b...)
}

// ParsePrivatePart reads a stored PrivatePart of at most MaxPrivate bytes.
func ParsePrivatePart(b []byte) (*PrivatePart, error) {
	var in privatePartBody
	if err := canon.Unmarshal(b, MaxPrivate, &in); err != nil {
		return nil, err
	}
	if in.Issued > maxSeconds {
		return nil, ErrBundle
	}
	p := &PrivatePart{ID: in.ID, Issued: time.Unix(int64(in.Issued), 0)}
	var err1, err2 error
	p.PreKey, err1 = xeddsa.ParsePrivateKey(in.PreKey[:])
	p.KEMPreKey, err2 = kyber.ParsePrivateKey(in.KEM[:])
	if errors.Join(err1, err2) != nil {
		return nil, ErrBundle
	}
	return p, nil
}
