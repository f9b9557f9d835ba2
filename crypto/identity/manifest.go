package identity

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Manifest is an account's list of its devices, as one steward signed it. A Manifest was verified, and never changes.
// Whether there is a newer one only a View can tell.
type Manifest struct {
	stewards Stewards
	version  uint64
	previous [HashSize]byte // zero in version 1
	devices  []Device       // by their numbers
	revoked  Numbers
	time     uint64 // Unix seconds
	signer   uint8
	hash     [HashSize]byte
	unknown  canon.Unknown // of the body
	raw      []byte        // as it travelled
}

// manifestAlgorithm is what is read first: all else depends on it.
type manifestAlgorithm struct {
	Algorithm uint64        `cbor:"1,keyasint"`
	Unknown   canon.Unknown `cbor:"-"`
}

// manifestBody is how a manifest travels.
type manifestBody struct {
	Algorithm         uint64              `cbor:"1,keyasint"`
	Stewards          []byte              `cbor:"2,keyasint" max:"512"`
	StewardsSignature [SignatureSize]byte `cbor:"3,keyasint"`
	Signed            []byte              `cbor:"4,keyasint" max:"2048"`
	Signature         [SignatureSize]byte `cbor:"5,keyasint"`
	Unknown           canon.Unknown       `cbor:"-"`
}

// signedBody is the part of a manifest that the steward signs.
type signedBody struct {
	Account  Account        `cbor:"1,keyasint"`
	Version  uint64         `cbor:"2,keyasint"`
	Previous [HashSize]byte `cbor:"3,keyasint,omitempty"`
	Devices  []canon.Raw    `cbor:"4,keyasint" max:"8" each:"160"`
	Revoked  Numbers        `cbor:"5,keyasint"`
	Time     uint64         `cbor:"6,keyasint"`
	Signer   uint8          `cbor:"7,keyasint"`
	Unknown  canon.Unknown  `cbor:"-"`
}

// ParseManifest reads a manifest of at most ManifestSize bytes and verifies all of it: the account's word on its
// stewards, the steward's signature, every device's proof. Whose manifest it is, Account says.
//
// The error is ErrSize, ErrMalformed or ErrNewer for its form, ErrKey for a key that cannot be used, ErrManifest for
// what contradicts itself, and ErrNumber, ErrProof, ErrNotSteward or ErrSignature.
func ParseManifest(b []byte) (*Manifest, error) { return parseManifest(b, View{}) }

// parseManifest takes as verified what the view knows.
func parseManifest(b []byte, known View) (*Manifest, error) {
	outer, err := parseOuter(b)
	if err != nil {
		return nil, err
	}
	var body signedBody
	if err := canon.Unmarshal(outer.Signed, ManifestSize, &body); err != nil {
		return nil, err
	}
	if known.IsZero() {
		if _, err := parsePoint(body.Account[:]); err != nil {
			return nil, err
		}
	} else if body.Account != known.account {
		return nil, ErrAccount
	}
	m := &Manifest{
		version:  body.Version,
		previous: body.Previous,
		revoked:  body.Revoked,
		time:     body.Time,
		signer:   body.Signer,
		unknown:  body.Unknown,
		raw:      bytes.Clone(b),
	}
	m.stewards = known.state.stewards
	if m.stewards.IsZero() || !bytes.Equal(m.stewards.raw, outer.Stewards) || m.stewards.signature != outer.StewardsSignature {
		if m.stewards, err = parseStewards(body.Account, outer.Stewards, outer.StewardsSignature); err != nil {
			return nil, err
		}
	}
	left, err := m.readDevices(body.Devices, known.state.devices)
	if err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	signer := m.device(m.signer)
	parts := signedParts(&m.stewards, outer.Signed)
	if err := LabelManifest.Verify(signer.identity, outer.Signature[:], parts...); err != nil {
		return nil, err
	}
	for _, u := range left { // last, for they are the most work
		if err := u.device.prove(u.proof); err != nil {
			return nil, err
		}
	}
	m.hash = LabelManifestHash.Hash(parts...)
	return m, nil
}

// parseOuter reads the algorithm before the rest: another one may have other sizes.
func parseOuter(b []byte) (outer manifestBody, err error) {
	const anyAlgorithm = 16 << 10 // bytes; post-quantum signatures are large
	var first manifestAlgorithm
	if err := canon.Unmarshal(b, anyAlgorithm, &first); err != nil {
		return outer, err
	}
	if first.Algorithm != algorithmEd25519 {
		return outer, ErrNewer
	}
	return outer, canon.Unmarshal(b, ManifestSize, &outer)
}

// unproven is a device whose proof is still to be verified.
type unproven struct {
	device Device
	proof  proof
}

// readDevices reads the entries, which rise by number, and returns those that are not known and so need their proof.
func (m *Manifest) readDevices(raw []canon.Raw, known []Device) (left []unproven, err error) {
	m.devices = make([]Device, len(raw))
	for i, r := range raw {
		if at := slices.IndexFunc(known, func(d Device) bool { return d.raw == string(r) }); at >= 0 {
			m.devices[i] = known[at]
		} else {
			d, p, err := readDevice(m.stewards.account, r)
			if err != nil {
				return nil, err
			}
			m.devices[i], left = d, append(left, unproven{d, p})
		}
		if i > 0 && compareNumber(m.devices[i-1], m.devices[i]) >= 0 {
			return nil, ErrManifest
		}
	}
	return left, nil
}

// check looks for what contradicts itself: that needs no other manifest, so all readers agree on it.
func (m *Manifest) check() error {
	if m.version < 1 || m.version > maxCount || m.time > maxCount || m.revoked.Has(0) ||
		(m.version == 1) != (m.previous == [HashSize]byte{}) {
		return ErrManifest
	}
	listed := make([]xeddsa.PublicKey, 0, MaxDevices)
	for _, d := range m.devices {
		if m.revoked.Has(d.number) || slices.Contains(listed, d.identity) {
			return ErrManifest
		}
		listed = append(listed, d.identity)
	}
	for _, s := range m.stewards.keys { // so none of them can be revoked within the epoch
		if !slices.Contains(listed, s) {
			return ErrManifest
		}
	}
	if !m.stewards.Has(m.device(m.signer).identity) {
		return ErrNotSteward
	}
	return nil
}

// signedParts is what follows the label in what a steward signs, and in what a manifest's hash is of.
func signedParts(s *Stewards, body []byte) [][]byte {
	return [][]byte{{algorithmEd25519}, s.hash[:], body}
}

// device returns the device of this number, or the zero Device.
func (m *Manifest) device(number uint8) Device { return find(m.devices, number) }

func find(devices []Device, number uint8) Device {
	i, ok := slices.BinarySearchFunc(devices, number, func(d Device, n uint8) int { return cmp.Compare(d.number, n) })
	if !ok {
		return Device{}
	}
	return devices[i]
}

// Account returns the account whose manifest it is.
func (m *Manifest) Account() Account { return m.stewards.account }

// Stewards returns the statement under which it was signed.
func (m *Manifest) Stewards() Stewards { return m.stewards }

// Devices returns the listed devices by their numbers, 1 to MaxDevices of them.
func (m *Manifest) Devices() []Device { return slices.Clone(m.devices) }

// Revoked returns the revoked numbers.
func (m *Manifest) Revoked() Numbers { return m.revoked }

// Time returns when it was signed, by the steward's clock.
func (m *Manifest) Time() time.Time { return time.Unix(int64(m.time), 0).UTC() }

// Signer returns the number of the steward that signed it.
func (m *Manifest) Signer() uint8 { return m.signer }

// Head returns what names the manifest.
func (m *Manifest) Head() Head {
	return Head{Epoch: m.stewards.epoch, Version: m.version, Hash: m.hash}
}

// Follows tells whether m was signed by somebody who knew previous as the newest. If it does not follow the newest that
// a reader knows, then a link is missing, or there is a fork.
func (m *Manifest) Follows(previous *Manifest) bool {
	return m.stewards.hash == previous.stewards.hash && m.version == previous.version+1 && m.previous == previous.hash
}

// AppendTo appends the manifest as it travelled, at most ManifestSize bytes.
func (m *Manifest) AppendTo(b []byte) []byte { return append(b, m.raw...) }

// compare orders the manifests of one epoch: a higher version is more, and of two with one version that with the lower
// hash. A nil one is least.
func (m *Manifest) compare(other *Manifest) int {
	switch {
	case m == nil || other == nil:
		return cmp.Compare(btoi(m != nil), btoi(other != nil))
	default:
		return cmp.Or(cmp.Compare(m.version, other.version), bytes.Compare(other.hash[:], m.hash[:]))
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
