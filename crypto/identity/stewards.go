package identity

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// stewardsSize is the most that a statement takes in bytes. Without extensions it takes at most 333.
const stewardsSize = 360

// No clock is right that shows a time before or after these.
var (
	earliest = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC)
)

// Stewards is what an account says once per epoch: which devices may sign its manifests, by number and identity key. It
// is the only thing that an account key signs. The statement travels in every manifest. A Stewards other than the zero
// value was verified, and never changes.
//
// A steward keeps its number and its place for the whole epoch: no manifest without it is valid, nor one that lists
// its key under another number, or another key under its number.
type Stewards struct {
	account   Account
	epoch     uint64
	list      []steward // by number
	hash      [HashSize]byte
	raw       []byte // the statement, as it travelled
	signature [SignatureSize]byte
}

type steward struct {
	number   uint8
	identity xeddsa.PublicKey
}

// stewardsBody is how the statement travels.
type stewardsBody struct {
	Epoch    uint64        `cbor:"1,keyasint"`
	Stewards []stewardBody `cbor:"2,keyasint" max:"8"`
	Unknown  canon.Unknown `cbor:"-"`
}

type stewardBody struct {
	Number   uint8                      `cbor:"1,keyasint"`
	Identity [xeddsa.PublicKeySize]byte `cbor:"2,keyasint"`
	Unknown  canon.Unknown              `cbor:"-"`
}

// NewEpoch begins an epoch of the account with 1 to MaxDevices stewards, which are devices of the account: their
// entries say under which numbers. It outranks everything that was signed in lower epochs, and so throws out stewards
// that were stolen. Its number is the higher of seen + 1 and now in Unix seconds.
//
// SEEN IS THE HIGHEST EPOCH THAT ANYBODY IS KNOWN TO HAVE SEEN, 0 if none is known: View.Stewards().Epoch() of one's
// own account, after asking relays and contacts for its newest manifest. Without it the new epoch still outranks all
// that were begun with a clock that was right. It is below one that was begun with a clock that ran ahead, and then
// whoever knows that one refuses this one, and hands on the statement that says what seen must be; the words are needed
// once more. So keep the Seed until a relay or a contact has taken the new manifest.
//
// Each epoch takes a discovery root of its own. The errors are ErrKey, ErrAccount for a device of somebody else,
// ErrClock if now is before 2026 or after 2099, and ErrManifest for no steward, too many, or one number or key twice, or
// if seen is as high as an epoch can be.
func (k AccountPrivateKey) NewEpoch(seen uint64, now time.Time, stewards ...Device) (Stewards, error) {
	switch {
	case k.IsZero():
		return Stewards{}, ErrKey
	case now.Before(earliest) || !now.Before(latest):
		return Stewards{}, ErrClock
	case seen >= maxCount:
		return Stewards{}, ErrManifest
	}
	account := k.Public()
	body := stewardsBody{Epoch: max(seen+1, seconds(now))}
	for _, d := range slices.SortedFunc(slices.Values(stewards), compareNumber) {
		if d.IsZero() {
			return Stewards{}, ErrKey
		}
		if d.account != account {
			return Stewards{}, ErrAccount
		}
		key := [xeddsa.PublicKeySize]byte(d.identity.Bytes())
		body.Stewards = append(body.Stewards, stewardBody{Number: d.number, Identity: key})
	}
	raw, err := canon.Marshal(body)
	if err != nil {
		return Stewards{}, ErrManifest
	}
	signature, err := k.s.sign(LabelStewards, account[:], raw)
	if err != nil {
		return Stewards{}, err
	}
	s, err := parseStewards(account, raw, signature)
	if err != nil {
		return Stewards{}, ErrManifest
	}
	return s, nil
}

// parseStewards verifies the signature of a statement, and then reads it.
func parseStewards(a Account, raw []byte, signature [SignatureSize]byte) (Stewards, error) {
	if err := verify((*[KeySize]byte)(&a), signature[:], LabelStewards, a[:], raw); err != nil {
		return Stewards{}, err
	}
	var body stewardsBody
	if err := canon.Unmarshal(raw, stewardsSize, &body); err != nil {
		return Stewards{}, err
	}
	if body.Epoch < 1 || body.Epoch > maxCount || len(body.Stewards) < 1 {
		return Stewards{}, ErrManifest
	}
	s := Stewards{
		account:   a,
		epoch:     body.Epoch,
		hash:      LabelStewardsHash.Hash(a[:], raw),
		raw:       bytes.Clone(raw),
		signature: signature,
	}
	for i, b := range body.Stewards {
		if b.Number < 1 || b.Number > MaxNumber {
			return Stewards{}, ErrNumber
		}
		key, err := xeddsa.ParsePublicKey(b.Identity[:])
		if err != nil {
			return Stewards{}, ErrKey
		}
		if s.Has(key) || i > 0 && body.Stewards[i-1].Number >= b.Number {
			return Stewards{}, ErrManifest
		}
		s.list = append(s.list, steward{b.Number, key})
	}
	return s, nil
}

// IsZero tells whether s was never set.
func (s Stewards) IsZero() bool { return s.epoch == 0 }

// Account returns the account that speaks.
func (s Stewards) Account() Account { return s.account }

// Epoch returns the number of the epoch, from 1.
func (s Stewards) Epoch() uint64 { return s.epoch }

// Keys returns the identity keys of the stewards by their numbers, 1 to MaxDevices of them.
func (s Stewards) Keys() []xeddsa.PublicKey {
	keys := make([]xeddsa.PublicKey, len(s.list))
	for i, o := range s.list {
		keys[i] = o.identity
	}
	return keys
}

// Numbers returns the numbers of the stewards, which cannot be revoked within the epoch.
func (s Stewards) Numbers() (n Numbers) {
	for _, o := range s.list {
		n = n.with(o.number)
	}
	return n
}

// Has tells whether the owner of this identity key is a steward.
func (s Stewards) Has(key xeddsa.PublicKey) bool { return s.number(key) != 0 }

// number returns the number of the steward with this identity key, 0 if there is none.
func (s Stewards) number(key xeddsa.PublicKey) uint8 {
	for _, o := range s.list {
		if o.identity == key {
			return o.number
		}
	}
	return 0
}

// key returns the identity key of the steward with this number, zero if there is none.
func (s Stewards) key(number uint8) xeddsa.PublicKey {
	for _, o := range s.list {
		if o.number == number {
			return o.identity
		}
	}
	return xeddsa.PublicKey{}
}

// admits tells whether an entry fits the statement: its number is a steward's if and only if its key is that steward's.
func (s Stewards) admits(d Device) bool {
	if n := s.number(d.identity); n != 0 {
		return n == d.number
	}
	return s.key(d.number).IsZero()
}

// compare orders statements: a higher epoch is more, and of two with one number that with the lower hash. The zero value
// is least.
func (s Stewards) compare(other Stewards) int {
	return cmp.Or(cmp.Compare(s.epoch, other.epoch), bytes.Compare(other.hash[:], s.hash[:]))
}
