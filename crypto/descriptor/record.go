package descriptor

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Record is what one device says of itself, signed by its identity key for its account. A Record other than the zero
// value was verified, and never changes. It may be compared with ==.
//
// A device may say what must be understood and needs a newer Linnet. Its record is verified, merged and written again
// like any other, since that takes number and version alone; Device tells that it is of no use here.
type Record struct {
	account  identity.Account
	identity xeddsa.PublicKey
	number   uint8
	version  uint64
	raw      string // as it travelled
}

// recordBody is how a record travels.
type recordBody struct {
	Signed    []byte                       `cbor:"1,keyasint" max:"720"`
	Signature [identity.SignatureSize]byte `cbor:"2,keyasint"`
	Closed    canon.Closed                 `cbor:"-"` // no signature covers it, so a carrier could add to it
}

// recordHead is what of a signed device is read before its signature is verified, and of a newer one at all. In every
// version to come it stands where it stands.
type recordHead struct {
	Number  uint8      `cbor:"1,keyasint"`
	Version uint64     `cbor:"2,keyasint"`
	Rest    canon.Rest `cbor:"-"`
}

// NewRecord signs what a device says of itself. The entry is the device's own in the manifest, and gives the number.
// The version must be above that of its last record; the time in ms will do for a device that forgot it. The errors are
// ErrKey if the key is not the entry's, ErrRecord, and ErrSize for more than RecordSize bytes or a list over its limit.
func NewRecord(key xeddsa.PrivateKey, entry identity.Device, d Device) (Record, error) {
	if key.IsZero() || entry.IsZero() || key.Public() != entry.Identity() {
		return Record{}, ErrKey
	}
	d.Number = entry.Number()
	if err := d.check(); err != nil {
		return Record{}, err
	}
	signed, err := canon.Marshal(d)
	if err != nil {
		return Record{}, err
	}
	if len(signed) > RecordSize {
		return Record{}, ErrSize
	}
	account := entry.Account()
	signature, err := identity.LabelDeviceRecord.Sign(key, account[:], signed)
	if err != nil {
		return Record{}, err
	}
	raw, err := canon.Marshal(recordBody{Signed: signed, Signature: signature})
	if err != nil {
		return Record{}, err
	}
	if len(raw) > RecordSize {
		return Record{}, ErrSize
	}
	return Record{account, entry.Identity(), d.Number, d.Version, string(raw)}, nil
}

// ParseRecord reads a record of at most RecordSize bytes and verifies that this device signed it. That the device is
// active is for the caller to know. What needs a newer Linnet is no error; see Record.Device. The error is ErrSize or
// ErrMalformed for its form, ErrRecord for what is another device's or contradicts itself, ErrSignature, and ErrKey for a
// zero entry.
func ParseRecord(b []byte, entry identity.Device) (Record, error) {
	if entry.IsZero() {
		return Record{}, ErrKey
	}
	outer, head, err := parseRecord(b)
	if err != nil {
		return Record{}, err
	}
	return outer.verify(b, head, entry)
}

// parseRecord reads what of a record is read before its signature is verified.
func parseRecord(b []byte) (outer recordBody, head recordHead, err error) {
	if err := canon.Unmarshal(b, RecordSize, &outer); err != nil {
		return recordBody{}, recordHead{}, err
	}
	if err := canon.Unmarshal(outer.Signed, RecordSize, &head); err != nil {
		return recordBody{}, recordHead{}, err
	}
	if !countable(head.Number, head.Version) {
		return recordBody{}, recordHead{}, ErrRecord
	}
	return outer, head, nil
}

// parseDevice reads what was signed. The error is ErrNewer, or for what the device should not have signed ErrMalformed,
// ErrSize or ErrRecord.
func parseDevice(signed []byte) (d Device, err error) {
	if err := canon.Unmarshal(signed, RecordSize, &d); err != nil {
		return Device{}, err
	}
	if err := d.check(); err != nil {
		return Device{}, err
	}
	return d, nil
}

// verify returns the Record that b is, if it is this device's: the signature first, and what it is good for then.
func (r *recordBody) verify(b []byte, head recordHead, entry identity.Device) (Record, error) {
	if head.Number != entry.Number() {
		return Record{}, ErrRecord
	}
	account := entry.Account()
	if err := identity.LabelDeviceRecord.Verify(entry.Identity(), r.Signature[:], account[:], r.Signed); err != nil {
		return Record{}, err
	}
	if _, err := parseDevice(r.Signed); err != nil && !errors.Is(err, ErrNewer) {
		return Record{}, err
	}
	return Record{account, entry.Identity(), head.Number, head.Version, string(b)}, nil
}

// Format prints what this is, and nothing of it, whatever the verb: a record holds a bundle key.
func (Record) Format(f fmt.State, _ rune) { fmt.Fprint(f, "descriptor.Record") }

// IsZero tells whether r was never set.
func (r Record) IsZero() bool { return r == Record{} }

// Account returns the account for which the device signed.
func (r Record) Account() identity.Account { return r.account }

// Identity returns the identity key that signed.
func (r Record) Identity() xeddsa.PublicKey { return r.identity }

// Number returns the device's number.
func (r Record) Number() uint8 { return r.number }

// Version returns the record's version.
func (r Record) Version() uint64 { return r.version }

// Device returns what the device says. The caller may change it. The error is ErrNewer if it says what must be
// understood and needs a newer Linnet, and ErrKey for a zero Record.
func (r Record) Device() (Device, error) {
	if r.IsZero() {
		return Device{}, ErrKey
	}
	outer, _, err := parseRecord([]byte(r.raw))
	if err != nil {
		panic("descriptor: a verified record is refused: " + err.Error())
	}
	return parseDevice(outer.Signed)
}

// AppendTo appends the record as it travelled, at most RecordSize bytes.
func (r Record) AppendTo(b []byte) []byte { return append(b, r.raw...) }

// compareOwner orders records by whose they are.
func compareOwner(a, b Record) int {
	return cmp.Or(cmp.Compare(a.number, b.number), strings.Compare(string(a.identity.Bytes()), string(b.identity.Bytes())))
}

// compareNewer orders records of one device, the one that stands first: the higher version, and of two that a device
// signed under one version, or of one that somebody gave another signature, the bytes that are lower.
func compareNewer(a, b Record) int {
	return cmp.Or(cmp.Compare(b.version, a.version), strings.Compare(a.raw, b.raw))
}
