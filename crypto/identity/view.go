package identity

import (
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// View is what a reader knows of one account: the sum of all its manifests that the reader has verified. Whoever has
// seen the same manifests has the same View, in whatever order they came; and once a steward has seen them too, its next
// manifest alone leads everybody there.
//
//	epochs        the higher beats the lower, whatever was signed in it; of two statements with one number that with
//	              the lower hash stands
//	stewards      have their numbers and places for the whole epoch
//	revocations   are united: a revoked number never returns within its epoch, under whichever statement
//	additions     are united; of two devices under one number, or two numbers of one identity key, that whose entry has
//	              the lower hash stands
//	surplus       of more than MaxDevices the stewards count first, and then who was there longer
//
// So no manifest takes anything back, and an old one is refused only because it is of no use. No clock comes into it:
// times say how old a View is, not what counts.
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
func (v View) Read(b []byte) (View, *Manifest, error) {
	if v.IsZero() {
		return v, nil, ErrKey
	}
	m, err := parseManifest(b, v)
	if err != nil {
		return v, nil, err
	}
	next, err := v.Apply(m)
	return next, m, err
}

// Apply returns the View that knows m as well, whatever the clock says: what was revoked with a wrong clock is revoked.
//
// The View returned is v if there is an error: ErrAccount if m is another account's; ErrFork if m brings nothing, and is
// Apart from the newest manifest; ErrRollback if it is older and brings nothing. Who gets ErrRollback for an m of a lower
// epoch should hand its own newest manifest to whoever it had m from (see AccountPrivateKey.NewEpoch). To apply the
// newest again is no error, and neither is a manifest that is Apart and brings something, be it the news of the fork:
// then Forked tells, and m.Apart(v.Manifest()).
func (v View) Apply(m *Manifest) (View, error) {
	switch {
	case v.IsZero() || m == nil:
		return v, ErrKey
	case m.Account() != v.account:
		return v, ErrAccount
	}
	next := View{v.account, v.state.join(stateOf(m))}
	switch {
	case !next.state.equal(v.state) || v.state.head.compare(m) == 0:
		return next, nil
	case m.Apart(v.state.head):
		return v, ErrFork
	}
	return v, ErrRollback
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
func (v View) Devices() []Device { return slices.Clone(v.state.active) }

// Revoked returns the revoked numbers of the highest epoch.
func (v View) Revoked() Numbers { return v.state.revoked() }

// Check returns nil if the device with this number is active and has this identity key. Otherwise the error is
// ErrRevoked, or ErrNotListed.
func (v View) Check(number uint8, identity xeddsa.PublicKey) error {
	if d := find(v.state.active, number); !d.IsZero() && d.identity == identity {
		return nil
	}
	if v.state.revoked().Has(number) {
		return ErrRevoked
	}
	return ErrNotListed
}

// FreeNumber returns a number that no device of this epoch has or had, drawn at random. The error is ErrFull if there
// is none, or if MaxDevices devices are active.
func (v View) FreeNumber() (uint8, error) {
	if len(v.state.active) >= MaxDevices {
		return 0, ErrFull
	}
	return v.state.used().free()
}

// Forked tells whether stewards went apart: two manifests have the newest version, or what is known is more than the
// newest says. The next manifest that any steward signs ends it.
func (v View) Forked() bool { return v.state.forked() }

// Time returns when the newest manifest was signed, by its steward's clock, and the zero Time before the first.
func (v View) Time() time.Time {
	if v.state.head == nil {
		return time.Time{}
	}
	return v.state.head.Time()
}

// Due tells whether a steward should sign the manifest anew: RenewAfter has passed, its time lies more than MaxAhead
// ahead, or there is a fork to end.
func (v View) Due(now time.Time) bool { return v.Forked() || v.older(now, RenewAfter) }

// Stale tells whether the reader should ask before a first message: nothing was heard for StaleAfter, or ever, or it
// cannot be told, since the manifest's time lies more than MaxAhead ahead.
func (v View) Stale(now time.Time) bool { return v.older(now, StaleAfter) }

// older tells whether the newest manifest is older than that, or of a time to come, so that nobody knows its age.
func (v View) older(now time.Time, age time.Duration) bool {
	t := v.Time()
	return now.Sub(t) > age || t.Sub(now) > MaxAhead
}

// Equal tells whether both know the same of the same account.
func (v View) Equal(other View) bool { return v.account == other.account && v.state.equal(other.state) }

// ViewSize is the most that a stored View takes in bytes.
const ViewSize = 40 << 10

// viewBody is how a View is stored.
type viewBody struct {
	Account  Account       `cbor:"1,keyasint"`
	Manifest []byte        `cbor:"2,keyasint,omitempty" max:"2048"`
	Devices  []canon.Raw   `cbor:"3,keyasint,omitempty" max:"127" each:"160"`
	Burnt    Numbers       `cbor:"4,keyasint,omitempty"`
	Parted   bool          `cbor:"5,keyasint,omitempty"`
	Unknown  canon.Unknown `cbor:"-"`
}

// AppendTo appends the stored form, at most ViewSize bytes. It is for the reader's own sealed storage: what a fork left
// in it is not signed any more. A zero View appends nothing.
func (v View) AppendTo(b []byte) []byte {
	if v.IsZero() {
		return b
	}
	body := viewBody{Account: v.account, Devices: list(v.state.devices), Burnt: v.state.burnt, Parted: v.state.parted}
	if v.state.head != nil {
		body.Manifest = v.state.head.raw
	}
	stored, err := canon.Marshal(body)
	if err != nil { // every part was read under the same limits
		panic("identity: " + err.Error())
	}
	return append(b, stored...)
}

// ParseView reads what AppendTo wrote. It verifies the two signatures of the manifest again, so that a record that was
// mixed up is found. It believes the entries and revocations, whose signatures were verified when they were read and are
// partly gone since: so what is read here must come from storage that nobody else can write. The errors are those of
// ParseManifest, and ErrManifest if the parts do not fit together.
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
		if len(body.Devices) > 0 || body.Burnt != (Numbers{}) || body.Parted {
			return View{}, ErrManifest
		}
		return v, nil
	}
	stored := state{burnt: body.Burnt, parted: body.Parted}
	for _, raw := range body.Devices {
		d, _, err := readDevice(body.Account, raw)
		if err != nil {
			return View{}, err
		}
		stored.devices = append(stored.devices, d)
	}
	m, err := parseManifest(body.Manifest, View{v.account, stored})
	if err != nil {
		return View{}, err
	}
	stored.stewards, stored.head = m.stewards, m
	v.state = stored.ordered()
	if body.Burnt.Has(0) || !v.state.equal(stored) || !v.state.equal(v.state.join(stateOf(m))) {
		return View{}, ErrManifest
	}
	return v, nil
}
