package identity

import (
	"bytes"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Begin signs the first manifest of an epoch, which lists these devices, at most MaxDevices, all stewards among them.
// The steward is the identity key of one of them. Devices of an earlier epoch are listed by the same entries. The errors
// are ErrKey, ErrNotSteward, ErrAccount for a device of somebody else, ErrFull, and ErrManifest if a steward is missing
// or two devices share a number or a key.
func (s Stewards) Begin(steward xeddsa.PrivateKey, now time.Time, devices ...Device) (*Manifest, error) {
	if s.IsZero() {
		return nil, ErrKey
	}
	for _, d := range devices {
		if d.account != s.account {
			return nil, ErrAccount
		}
	}
	devices = slices.SortedFunc(slices.Values(devices), compareNumber)
	return sign(steward, state{stewards: s, devices: devices}, now)
}

// Add signs the next manifest, with one more device. The device made its entry itself, under a number from FreeNumber.
// The errors are those of Renew, ErrAccount for a device of somebody else, ErrNumber if the number was used in this
// epoch, ErrListed if the identity key is listed, and ErrFull.
func (v View) Add(steward xeddsa.PrivateKey, d Device, now time.Time) (*Manifest, error) {
	if v.state.head == nil || d.IsZero() {
		return nil, ErrKey
	}
	active := v.state.active()
	switch {
	case d.account != v.account:
		return nil, ErrAccount
	case v.state.used().Has(d.number):
		return nil, ErrNumber
	case slices.ContainsFunc(v.state.devices, func(o Device) bool { return o.identity == d.identity }):
		return nil, ErrListed
	case len(active) >= MaxDevices:
		return nil, ErrFull
	}
	return sign(steward, v.state.with(d), now)
}

// Revoke signs the next manifest, in which these numbers are revoked, for good within this epoch. It is no error to
// revoke one twice, or one that no device has. The errors are those of Renew, ErrNumber for a number that cannot be, and
// ErrNewEpoch for a steward's: a steward could revoke the others in turn, so throwing one out takes the words.
func (v View) Revoke(steward xeddsa.PrivateKey, now time.Time, numbers ...uint8) (*Manifest, error) {
	if v.state.head == nil {
		return nil, ErrKey
	}
	var revoked Numbers
	for _, n := range numbers {
		switch d := find(v.state.devices, n); {
		case n < 1 || n > MaxNumber:
			return nil, ErrNumber
		case !d.IsZero() && v.state.stewards.Has(d.identity):
			return nil, ErrNewEpoch
		}
		revoked = revoked.with(n)
	}
	return sign(steward, v.state.without(revoked), now)
}

// Renew signs the next manifest, in which nothing changes but the time, and in which a fork ends: it says all that is
// known, and what is not active is revoked. The errors are ErrKey, ErrNotSteward, and ErrNewEpoch if the epoch cannot go
// on.
func (v View) Renew(steward xeddsa.PrivateKey, now time.Time) (*Manifest, error) {
	if v.state.head == nil {
		return nil, ErrKey
	}
	return sign(steward, v.state, now)
}

// sign signs the manifest that follows the head of s, or the first, and says all of s.
func sign(steward xeddsa.PrivateKey, s state, now time.Time) (*Manifest, error) {
	if steward.IsZero() {
		return nil, ErrKey
	}
	key := steward.Public()
	if !s.stewards.Has(key) {
		return nil, ErrNotSteward
	}
	body := signedBody{Account: s.stewards.account, Version: 1, Time: seconds(now)}
	if s.head != nil {
		if s.head.version >= maxCount {
			return nil, ErrNewEpoch
		}
		s = s.settled()
		body.Version, body.Previous, body.Unknown = s.head.version+1, s.head.hash, s.head.unknown
	}
	if len(s.devices) > MaxDevices {
		return nil, ErrFull
	}
	body.Devices, body.Revoked = list(s.devices), s.revoked
	for _, d := range s.devices {
		if d.identity == key {
			body.Signer = d.number
		}
	}
	if s.head != nil && body.Signer == 0 { // only if the steward itself made entries that clash
		return nil, ErrNewEpoch
	}
	signed, err := canon.Marshal(body)
	if err != nil {
		return nil, err
	}
	signature, err := LabelManifest.Sign(steward, signedParts(&s.stewards, signed)...)
	if err != nil {
		return nil, err
	}
	raw, err := canon.Marshal(manifestBody{
		Algorithm:         algorithmEd25519,
		Stewards:          bytes.Clone(s.stewards.raw),
		StewardsSignature: s.stewards.signature,
		Signed:            signed,
		Signature:         signature,
	})
	if err != nil {
		return nil, err
	}
	return parseManifest(raw, View{s.stewards.account, s})
}
