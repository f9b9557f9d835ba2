package identity

import (
	"bytes"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Begin signs the first manifest of an epoch, which lists these devices, at most MaxDevices, all stewards among them.
// The steward is the identity key of one of them. Devices of an earlier epoch are listed by the same entries, also those
// that were revoked in it: a Stewards does not know. Who has a View takes View.Begin, which does. The errors are ErrKey, ErrNotSteward, ErrAccount for a device of somebody else, ErrFull, and ErrManifest if a steward is missing
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

// Begin signs the first manifest of an epoch, as Stewards.Begin does, for an account of which something is known: devices
// that were revoked in the last epoch are not listed again by their entries. (Who shall come back makes a new entry,
// under another number.) The errors are also ErrAccount for the statement of somebody else, ErrRollback if it does not
// outrank what is known, so that nobody would take the manifest, and ErrRevoked.
func (v View) Begin(s Stewards, steward xeddsa.PrivateKey, now time.Time, devices ...Device) (*Manifest, error) {
	switch {
	case v.IsZero() || s.IsZero():
		return nil, ErrKey
	case s.account != v.account:
		return nil, ErrAccount
	case s.epoch <= v.state.stewards.epoch:
		return nil, ErrRollback
	}
	for _, d := range devices {
		if v.state.burnt.Has(d.number) {
			return nil, ErrRevoked
		}
	}
	return s.Begin(steward, now, devices...)
}

// Add signs the next manifest, with one more device. The device made its entry itself, under a number from FreeNumber.
// The errors are those of Renew, ErrAccount for a device of somebody else, ErrNumber if the number was used in this
// epoch, ErrListed if the identity key is listed, and ErrFull.
func (v View) Add(steward xeddsa.PrivateKey, d Device, now time.Time) (*Manifest, error) {
	if v.state.head == nil || d.IsZero() {
		return nil, ErrKey
	}
	switch {
	case d.account != v.account:
		return nil, ErrAccount
	case v.state.used().Has(d.number):
		return nil, ErrNumber
	case slices.ContainsFunc(v.state.devices, func(o Device) bool { return o.identity == d.identity }):
		return nil, ErrListed
	case len(v.state.active) >= MaxDevices:
		return nil, ErrFull
	}
	return sign(steward, v.state.with(Numbers{}, d), now)
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
		switch {
		case n < 1 || n > MaxNumber:
			return nil, ErrNumber
		case v.state.stewards.Numbers().Has(n):
			return nil, ErrNewEpoch
		}
		revoked = revoked.with(n)
	}
	return sign(steward, v.state.with(revoked), now)
}

// Renew signs the next manifest, in which nothing changes but the time, and in which a fork ends: it says all that is
// known, and what is not active is revoked. The errors are ErrKey, ErrNotSteward, and ErrNewEpoch if the version is the
// highest there is, which a stolen steward can make it.
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
	signer := s.stewards.number(steward.Public())
	if signer == 0 {
		return nil, ErrNotSteward
	}
	body := signedBody{Version: 1, Time: seconds(now)}
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
	body.Devices, body.Revoked = list(s.devices), s.revoked()
	signed, err := canon.Marshal(body)
	if err != nil {
		return nil, err
	}
	signature, err := LabelManifest.Sign(steward, signedParts(&s.stewards, signer, signed)...)
	if err != nil {
		return nil, err
	}
	raw, err := canon.Marshal(manifestBody{
		Algorithm:         algorithmEd25519,
		Account:           s.stewards.account,
		Stewards:          bytes.Clone(s.stewards.raw),
		StewardsSignature: s.stewards.signature,
		Signed:            signed,
		Signer:            signer,
		Signature:         signature,
	})
	if err != nil {
		return nil, err
	}
	return parseManifest(raw, View{s.stewards.account, s})
}
