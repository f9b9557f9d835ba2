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

// manifestBody is how a manifest travels. It is closed: no signature covers it, so a carrier could add to it.
type manifestBody struct {
	Algorithm         uint64              `cbor:"1,keyasint"`
	Account           Account             `cbor:"2,keyasint"`
	Stewards          []byte              `cbor:"3,keyasint" max:"360"`
	StewardsSignature [SignatureSize]byte `cbor:"4,keyasint"`
	Signed            []byte              `cbor:"5,keyasint" max:"2048"`
	Signer            uint8               `cbor:"6,keyasint"`
	Signature         [SignatureSize]byte `cbor:"7,keyasint"`
	Closed            canon.Closed        `cbor:"-"`
}

// signedBody is the part of a manifest that the steward signs.
type signedBody struct {
	Version  uint64         `cbor:"1,keyasint"`
	Previous [HashSize]byte `cbor:"2,keyasint,omitempty"`
	Devices  []canon.Raw    `cbor:"3,keyasint" max:"8" each:"160"`
	Revoked  Numbers        `cbor:"4,keyasint"`
	Time     uint64         `cbor:"5,keyasint"`
	Unknown  canon.Unknown  `cbor:"-"`
}

// extensionSize is the most that the unknown pairs of a signedBody take in bytes. Stewards hand them on, so one that was
// stolen could else fill the manifests of the others: with this, eight devices always fit.
const extensionSize = 128

// ParseManifest reads a manifest of at most ManifestSize bytes and verifies all of it: the account's word on its
// stewards, the steward's signature, every device's proof. Whose manifest it is, Account says.
//
// Nothing that was signed is read before its signature was verified. So of those who carry a manifest none can make it
// ErrNewer, except by changing its algorithm.
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
	if known.IsZero() {
		if _, err := parsePoint(outer.Account[:]); err != nil {
			return nil, err
		}
	} else if outer.Account != known.account {
		return nil, ErrAccount
	}
	s := known.state.stewards
	if s.IsZero() || !bytes.Equal(s.raw, outer.Stewards) || s.signature != outer.StewardsSignature {
		if s, err = parseStewards(outer.Account, outer.Stewards, outer.StewardsSignature); err != nil {
			return nil, err
		}
	}
	signer := s.key(outer.Signer)
	if signer.IsZero() {
		return nil, ErrNotSteward
	}
	parts := signedParts(&s, outer.Signer, outer.Signed)
	if err := LabelManifest.Verify(signer, outer.Signature[:], parts...); err != nil {
		return nil, err
	}
	m := &Manifest{stewards: s, signer: outer.Signer, hash: LabelManifestHash.Hash(parts...), raw: bytes.Clone(b)}
	if err := m.readBody(outer.Signed, known.state.devices); err != nil {
		return nil, err
	}
	return m, nil
}

// parseOuter reads the algorithm before the rest: another one may have another form. Key 1 is the first of every form.
func parseOuter(b []byte) (outer manifestBody, err error) {
	const (
		anyAlgorithm = 16 << 10 // bytes; post-quantum signatures are large
		mapHead      = 5 << 5   // and the number of pairs, under 24
		longByte     = 24       // the next byte is the number
	)
	if len(b) > anyAlgorithm {
		return outer, ErrSize
	}
	if canon.Check(b) != nil || len(b) < 3 || b[0] < mapHead || b[0] >= mapHead+longByte || b[1] != 1 || b[2] > longByte {
		return outer, ErrMalformed
	}
	if b[2] != algorithmEd25519 {
		return outer, ErrNewer
	}
	return outer, canon.Unmarshal(b, ManifestSize, &outer)
}

// readBody reads what the steward signed, and verifies the proofs of devices that are not known.
func (m *Manifest) readBody(b []byte, known []Device) error {
	var body signedBody
	if err := canon.Unmarshal(b, ManifestSize, &body); err != nil {
		return err
	}
	if len(body.Unknown) > extensionSize {
		return ErrSize
	}
	m.version, m.previous, m.revoked, m.time, m.unknown = body.Version, body.Previous, body.Revoked, body.Time, body.Unknown
	left, err := m.readDevices(body.Devices, known)
	if err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	for _, u := range left { // last, for they are the most work
		if err := u.device.prove(u.body); err != nil {
			return err
		}
	}
	return nil
}

// unproven is a device whose proof is still to be verified.
type unproven struct {
	device Device
	body   *deviceBody
}

// readDevices reads the entries, which rise by number, and returns those that are not known and so need their proof.
func (m *Manifest) readDevices(raw []canon.Raw, known []Device) (left []unproven, err error) {
	m.devices = make([]Device, len(raw))
	for i, r := range raw {
		if at := slices.IndexFunc(known, func(d Device) bool { return d.raw == string(r) }); at >= 0 {
			m.devices[i] = known[at]
		} else {
			d, body, err := readDevice(m.stewards.account, r)
			if err != nil {
				return nil, err
			}
			m.devices[i], left = d, append(left, unproven{d, body})
		}
		if i > 0 && compareNumber(m.devices[i-1], m.devices[i]) >= 0 {
			return nil, ErrManifest
		}
	}
	return left, nil
}

// check looks for what contradicts itself: that needs no other manifest, so all readers agree on it.
//
// Every steward is listed under its number, and no listed number is revoked. So whatever manifests of one statement come
// together, each has the stewards under the same numbers and keys and none of these numbers is revoked: no merge can
// take a steward's place.
func (m *Manifest) check() error {
	if m.version < 1 || m.version > maxCount || m.time > maxCount || m.revoked.Has(0) ||
		(m.version == 1) != (m.previous == [HashSize]byte{}) {
		return ErrManifest
	}
	listed := make([]xeddsa.PublicKey, 0, MaxDevices)
	for _, d := range m.devices {
		if m.revoked.Has(d.number) || slices.Contains(listed, d.identity) || !m.stewards.admits(d) {
			return ErrManifest
		}
		listed = append(listed, d.identity)
	}
	for _, s := range m.stewards.list {
		if m.device(s.number).identity != s.identity {
			return ErrManifest
		}
	}
	return nil
}

// signedParts is what follows the label in what a steward signs, and in what a manifest's hash is of.
func signedParts(s *Stewards, signer uint8, body []byte) [][]byte {
	return [][]byte{{algorithmEd25519}, s.hash[:], {signer}, body}
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
	return Head{
		Epoch: m.stewards.epoch, Version: m.version, Hash: m.hash, Stewards: [statementSize]byte(m.stewards.hash[:]),
	}
}

// Follows tells whether m was signed by somebody who knew previous as the newest. If it does not follow the newest that
// a reader knows, then a link is missing, or there is a fork.
func (m *Manifest) Follows(previous *Manifest) bool {
	return m.stewards.hash == previous.stewards.hash && m.version == previous.version+1 && m.previous == previous.hash
}

// Apart tells whether stewards went apart between m and other, or one of them signed two things: both are of one
// statement and of one version, or of two that follow each other, and yet neither follows the other. It is the same both
// ways. Of manifests that are further apart nothing can be said without those between.
func (m *Manifest) Apart(other *Manifest) bool {
	if m == nil || other == nil || m.stewards.hash != other.stewards.hash {
		return false
	}
	switch {
	case m.version == other.version:
		return m.hash != other.hash
	case m.version == other.version+1:
		return m.previous != other.hash
	case m.version+1 == other.version:
		return m.hash != other.previous
	}
	return false
}

// AppendTo appends the manifest as it travelled, at most ManifestSize bytes.
func (m *Manifest) AppendTo(b []byte) []byte { return append(b, m.raw...) }

// compare orders the manifests of one epoch: a higher version is more, and of two with one version that with the lower
// hash. A nil one is least.
func (m *Manifest) compare(other *Manifest) int {
	switch {
	case m == other:
		return 0
	case m == nil:
		return -1
	case other == nil:
		return 1
	}
	return cmp.Or(cmp.Compare(m.version, other.version), bytes.Compare(other.hash[:], m.hash[:]))
}
