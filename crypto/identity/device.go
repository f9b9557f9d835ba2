package identity

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Device is an entry of a manifest: one installation of an account. The device has signed all of it, and that it belongs
// to the account, so nobody can list somebody else's key, nor change anything. A Device other than the zero value was verified, and never
// changes. It may be compared with ==.
type Device struct {
	account  Account
	number   uint8
	identity xeddsa.PublicKey
	time     uint64 // Unix seconds
	hash     [HashSize]byte
	raw      string // as it travelled
}

// deviceBody is how an entry travels.
type deviceBody struct {
	Number   uint8                      `cbor:"1,keyasint"`
	Identity [xeddsa.PublicKeySize]byte `cbor:"2,keyasint"`
	Time     uint64                     `cbor:"3,keyasint"`
	Proof    [SignatureSize]byte        `cbor:"4,keyasint"` // of the rest: see proven
	Unknown  canon.Unknown              `cbor:"-"`
}

// NewDevice makes the entry of a device, on the device itself: only its identity key can. The number is what a steward
// gave it (View.FreeNumber), and 1 or any other for an account's first device. The errors are ErrKey and ErrNumber.
func NewDevice(a Account, number uint8, identity xeddsa.PrivateKey, now time.Time) (Device, error) {
	if a.IsZero() || identity.IsZero() {
		return Device{}, ErrKey
	}
	if number < 1 || number > MaxNumber {
		return Device{}, ErrNumber
	}
	body := deviceBody{
		Number:   number,
		Identity: [xeddsa.PublicKeySize]byte(identity.Public().Bytes()),
		Time:     seconds(now),
	}
	sig, err := LabelDevice.Sign(identity, body.proven(a)...)
	if err != nil {
		return Device{}, err
	}
	body.Proof = sig
	raw, err := canon.Marshal(body)
	if err != nil {
		return Device{}, err
	}
	return ParseDevice(a, raw)
}

// ParseDevice reads the entry of a device of this account, at most DeviceSize bytes, and verifies the device's proof.
// The error is ErrSize, ErrMalformed or ErrNewer for its form, ErrNumber, ErrKey for an identity key that is not
// canonical or not of prime order, and ErrProof.
func ParseDevice(a Account, b []byte) (Device, error) {
	d, body, err := readDevice(a, b)
	if err == nil {
		err = d.prove(body)
	}
	if err != nil {
		return Device{}, err
	}
	return d, nil
}

// proven returns what a device's proof covers: account (32) ‖ number (1) ‖ identity key (33) ‖ time (8) ‖ unknown pairs.
func (b *deviceBody) proven(a Account) [][]byte {
	return [][]byte{a[:], {b.Number}, b.Identity[:], binary.BigEndian.AppendUint64(nil, b.Time), []byte(b.Unknown)}
}

// readDevice reads an entry without verifying anything.
func readDevice(a Account, b []byte) (Device, *deviceBody, error) {
	var body deviceBody
	if err := canon.Unmarshal(b, DeviceSize, &body); err != nil {
		return Device{}, nil, err
	}
	if body.Number < 1 || body.Number > MaxNumber {
		return Device{}, nil, ErrNumber
	}
	if body.Time > maxCount {
		return Device{}, nil, ErrMalformed
	}
	key, err := xeddsa.ParsePublicKey(body.Identity[:])
	if err != nil {
		return Device{}, nil, ErrKey
	}
	return Device{a, body.Number, key, body.Time, LabelDeviceHash.Hash(b), string(b)}, &body, nil
}

// prove verifies what readDevice read.
func (d Device) prove(body *deviceBody) error {
	if d.identity.CheckCanonical() != nil {
		return ErrKey
	}
	if d.account.IsZero() || LabelDevice.Verify(d.identity, body.Proof[:], body.proven(d.account)...) != nil {
		return ErrProof
	}
	return nil
}

// IsZero tells whether d was never set.
func (d Device) IsZero() bool { return d == Device{} }

// Account returns the account that the device belongs to.
func (d Device) Account() Account { return d.account }

// Number returns the device's number, 1..MaxNumber.
func (d Device) Number() uint8 { return d.number }

// Identity returns the device's identity key.
func (d Device) Identity() xeddsa.PublicKey { return d.identity }

// Time returns when the entry was made, by the device's clock.
func (d Device) Time() time.Time { return time.Unix(int64(d.time), 0).UTC() }

// AppendTo appends the entry as it travels, at most DeviceSize bytes: from a new device to the steward that links it.
func (d Device) AppendTo(b []byte) []byte { return append(b, d.raw...) }

// compareHash orders devices that clash: the lower stands.
func compareHash(a, b Device) int { return bytes.Compare(a.hash[:], b.hash[:]) }

func compareNumber(a, b Device) int { return int(a.number) - int(b.number) }
