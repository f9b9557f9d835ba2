package identity

import (
	"time"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// View is what a reader knows of one account: the sum of all its manifests that the reader has verified. Whoever has
// seen the same manifests has the same View, in whatever order they came; and once a steward has seen them too, its next
// manifest alone leads everybody there.
//
//	epochs        the higher beats the lower, whatever was signed in it
//	revocations   are united: a revoked number never returns within its epoch
//	additions     are united; of two devices under one number, or two numbers of one identity key, that whose entry has
//	              the lower hash stands
//	surplus       of more than MaxDevices the stewards count first, and then who was there longer
//
// So no manifest takes anything back, and an old one is refused only because it is of no use.
//
// A View is a value and safe for several goroutines at once: Read and Apply return the next one, which the owner
// stores. The zero value knows no account and refuses to work.
type View struct {
	account Account
	state   state
}

// NewView returns a View that knows nothing of the account but who it is.
func NewView(a Account) View { return View{account: a} }

// IsZero tells whether v knows no account.
func (v View) IsZero() bool { return v.account.IsZero() }

// Read reads a manifest of this account, verifies what the View does not know yet, and applies it. The errors are those
// of ParseManifest and Apply, and then the View returned is v; the manifest is returned if it was verified, also when
// Apply refuses it. A manifest that only renews costs one verification.
func (v View) Read(b []byte, now time.Time) (View, *Manifest, error) {
	if v.IsZero() {
		return v, nil, ErrKey
	}
	m, err := parseManifest(b, v)
	if err != nil {
		return v, nil, err
	}
	next, err := v.Apply(m, now)
	return next, m, err
}

// Apply returns the View that knows m as well. The error is ErrAccount if m is another account's, ErrFuture if its time
// lies more than MaxAhead after now (try again when the clock is right), and ErrRollback if it is older and brings
// nothing; the View returned is v then. To apply the newest again is no error.
func (v View) Apply(m *Manifest, now time.Time) (View, error) {
	switch {
	case v.IsZero() || m == nil:
		return v, ErrKey
	case m.Account() != v.account:
		return v, ErrAccount
	case m.Time().After(now.Add(MaxAhead)):
		return v, ErrFuture
	}
	next := View{v.account, v.state.join(stateOf(m))}
	if next.state.equal(v.state) && v.state.head.compare(m) != 0 {
		return v, ErrRollback
	}
	return next, nil
}

// Account returns whose devices these are.
func (v View) Account() Account { return v.account }

// Stewards returns the statement of the highest epoch, which is zero before the first manifest.
func (v View) Stewards() Stewards { return v.state.stewards }

// Manifest returns the newest manifest, nil before the first.
func (v View) Manifest() *Manifest { return v.state.head }

// Head returns what names the newest manifest, zero before the first.
func (v View) Head() Head {
	if v.state.head == nil {
		return Head{}
	}
	return v.state.head.Head()
}

// Devices returns the active devices by their numbers, at most MaxDevices.
func (v View) Devices() []Device { return v.state.active() }

// Revoked returns the revoked numbers of the highest epoch.
func (v View) Revoked() Numbers { return v.state.revoked }

// Check returns nil if the device with this number is active and has this identity key. Otherwise the error is
// ErrRevoked, or ErrNotListed.
func (v View) Check(number uint8, identity xeddsa.PublicKey) error {
	if v.state.revoked.Has(number) {
		return ErrRevoked
	}
	if d := find(v.state.active(), number); d.IsZero() || d.identity != identity {
		return ErrNotListed
	}
	return nil
}

// FreeNumber returns a number that no device of this epoch has or had, drawn at random. The error is ErrFull if there
// is none, or if MaxDevices devices are active.
func (v View) FreeNumber() (uint8, error) {
	if len(v.state.active()) >= MaxDevices {
		return 0, ErrFull
	}
	return v.state.used().free()
}

// Forked tells whether stewards went apart: what is known is more than the newest manifest says. The next manifest that
// a steward signs ends it.
func (v View) Forked() bool { return v.state.forked() }

// Time returns the latest time of a manifest of the highest epoch, the zero Time before the first.
func (v View) Time() time.Time {
	if v.state.head == nil {
		return time.Time{}
	}
	return time.Unix(int64(v.state.time), 0).UTC()
}

// Due tells whether a steward should sign the manifest anew: RenewAfter has passed, or there is a fork to end.
func (v View) Due(now time.Time) bool { return v.Forked() || now.Sub(v.Time()) > RenewAfter }

// Stale tells whether the reader should ask before a first message: nothing was heard for StaleAfter, or ever.
func (v View) Stale(now time.Time) bool { return now.Sub(v.Time()) > StaleAfter }

// Equal tells whether both know the same of the same account.
func (v View) Equal(other View) bool { return v.account == other.account && v.state.equal(other.state) }

// ViewSize is the most that a stored View takes in bytes.
const ViewSize = 40 << 10

// viewBody is how a View is stored.
type viewBody struct {
	Account  Account       `cbor:"1,keyasint"`
	Manifest []byte        `cbor:"2,keyasint,omitempty" max:"2048"`
	Devices  []canon.Raw   `cbor:"3,keyasint,omitempty" max:"127" each:"160"`
	Revoked  Numbers       `cbor:"4,keyasint,omitempty"`
	Time     uint64        `cbor:"5,keyasint,omitempty"`
	Unknown  canon.Unknown `cbor:"-"`
}

// AppendTo appends the stored form, at most ViewSize bytes. It is for the reader's own sealed storage: what a fork left
// in it is not signed any more. A zero View appends nothing.
func (v View) AppendTo(b []byte) []byte {
	if v.IsZero() {
		return b
	}
	body := viewBody{Account: v.account, Devices: list(v.state.devices), Revoked: v.state.revoked, Time: v.state.time}
	if v.state.head != nil {
		body.Manifest = v.state.head.raw
	}
	stored, err := canon.Marshal(body)
	if err != nil { // every part was read under the same limits
		panic("identity: " + err.Error())
	}
	return append(b, stored...)
}

// ParseView reads what AppendTo wrote, and verifies manifest and proofs again. The errors are those of ParseManifest,
// and ErrManifest if the parts do not fit together.
func ParseView(b []byte) (View, error) {
	var body viewBody
	if err := canon.Unmarshal(b, ViewSize, &body); err != nil {
		return View{}, err
	}
	if _, err := parsePoint(body.Account[:]); err != nil {
		return View{}, err
	}
	v := NewView(body.Account)
	if body.Manifest == nil {
		if len(body.Devices) > 0 || body.Revoked != (Numbers{}) || body.Time != 0 {
			return View{}, ErrManifest
		}
		return v, nil
	}
	m, err := parseManifest(body.Manifest, v)
	if err != nil {
		return View{}, err
	}
	v.state = stateOf(m)
	stored := state{m.stewards, m, nil, body.Revoked, body.Time}
	for _, raw := range body.Devices {
		d, err := ParseDevice(body.Account, raw)
		if err != nil {
			return View{}, err
		}
		stored.devices = append(stored.devices, d)
	}
	if body.Revoked.Has(0) || body.Time > maxCount || !stored.equal(stored.join(v.state)) {
		return View{}, ErrManifest
	}
	v.state = stored
	return v, nil
}
