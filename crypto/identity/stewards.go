package identity

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// stewardsSize is the most that a statement takes in bytes. Without extensions it takes at most 290.
const stewardsSize = 512

// Stewards is what an account says once per epoch: which identity keys may sign its manifests. It is the only thing
// that an account key signs. The statement travels in every manifest. A Stewards other than the zero value was verified,
// and never changes.
type Stewards struct {
	account   Account
	epoch     uint64
	keys      []xeddsa.PublicKey // by their bytes
	hash      [HashSize]byte
	raw       []byte // the statement, as it travelled
	signature [SignatureSize]byte
}

// stewardsBody is how the statement travels.
type stewardsBody struct {
	Epoch   uint64                       `cbor:"1,keyasint"`
	Keys    [][xeddsa.PublicKeySize]byte `cbor:"2,keyasint" max:"8"`
	Unknown canon.Unknown                `cbor:"-"`
}

// NewEpoch begins an epoch of the account with 1 to MaxDevices stewards. It outranks everything that was signed in
// lower epochs, and so throws out stewards that were stolen. The epoch's number is the higher of seen + 1 and now in
// Unix seconds, so it also outranks epochs that this device never heard of; seen is the highest epoch known, 0 if none.
//
// Each epoch takes a discovery root of its own. The errors are ErrKey, and ErrManifest for no steward, too many, or one
// twice, or if seen is as high as an epoch can be.
func (k AccountPrivateKey) NewEpoch(seen uint64, now time.Time, stewards ...xeddsa.PublicKey) (Stewards, error) {
	if k.IsZero() {
		return Stewards{}, ErrKey
	}
	if seen >= maxCount {
		return Stewards{}, ErrManifest
	}
	body := stewardsBody{Epoch: max(seen+1, seconds(now))}
	for _, s := range stewards {
		if s.IsZero() {
			return Stewards{}, ErrKey
		}
		body.Keys = append(body.Keys, [xeddsa.PublicKeySize]byte(s.Bytes()))
	}
	slices.SortFunc(body.Keys, compareKeys)
	raw, err := canon.Marshal(body)
	if err != nil {
		return Stewards{}, ErrManifest
	}
	signature, err := k.s.sign(LabelStewards, raw)
	if err != nil {
		return Stewards{}, err
	}
	s, err := parseStewards(k.Public(), raw, signature)
	if err != nil {
		return Stewards{}, ErrManifest
	}
	return s, nil
}

// parseStewards reads a statement and verifies its signature.
func parseStewards(a Account, raw []byte, signature [SignatureSize]byte) (Stewards, error) {
	var body stewardsBody
	if err := canon.Unmarshal(raw, stewardsSize, &body); err != nil {
		return Stewards{}, err
	}
	if body.Epoch < 1 || body.Epoch > maxCount || len(body.Keys) < 1 {
		return Stewards{}, ErrManifest
	}
	s := Stewards{
		account:   a,
		epoch:     body.Epoch,
		hash:      LabelStewardsHash.Hash(raw),
		raw:       bytes.Clone(raw),
		signature: signature,
	}
	for i, b := range body.Keys {
		key, err := xeddsa.ParsePublicKey(b[:])
		if err != nil {
			return Stewards{}, ErrKey
		}
		if i > 0 && compareKeys(body.Keys[i-1], b) >= 0 {
			return Stewards{}, ErrManifest
		}
		s.keys = append(s.keys, key)
	}
	if err := verify((*[KeySize]byte)(&a), signature[:], LabelStewards, raw); err != nil {
		return Stewards{}, err
	}
	return s, nil
}

// IsZero tells whether s was never set.
func (s Stewards) IsZero() bool { return s.epoch == 0 }

// Account returns the account that speaks.
func (s Stewards) Account() Account { return s.account }

// Epoch returns the number of the epoch, from 1.
func (s Stewards) Epoch() uint64 { return s.epoch }

// Keys returns the identity keys of the stewards, 1 to MaxDevices of them.
func (s Stewards) Keys() []xeddsa.PublicKey { return slices.Clone(s.keys) }

// Has tells whether the owner of this identity key is a steward.
func (s Stewards) Has(key xeddsa.PublicKey) bool { return slices.Contains(s.keys, key) }

// compare orders epochs: a higher number is more, and of two statements with one number that with the lower hash. The
// zero value is least.
func (s Stewards) compare(other Stewards) int {
	return cmp.Or(cmp.Compare(s.epoch, other.epoch), bytes.Compare(other.hash[:], s.hash[:]))
}

func compareKeys(a, b [xeddsa.PublicKeySize]byte) int { return bytes.Compare(a[:], b[:]) }
