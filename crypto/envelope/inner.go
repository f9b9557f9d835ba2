package envelope

import (
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/session"
)

// innerVersion is the version of the inner header.
const innerVersion = 1

// KindWeak is the kind of a weak update: its message is not of a session.
const KindWeak session.Kind = 0

// Inner is what lies inside the seal: who wrote, what they know of each other's devices, and the message. The sender is
// only claimed here. In form 1 the session proves it, in forms 2 and 3 the keys do.
type Inner struct {
	Sender Party
	Head   identity.Head  // of the sender's manifest
	Seen   *identity.Head // of the recipient's manifest, as the sender knows it; nil if it knows none

	Kind    session.Kind // PreKey in form 1, Signal in form 2, KindWeak in form 3
	Message []byte       // of the session, or the weak update

	// Openings also tell who writes, for a recipient who never heard of them. No other form may.
	Address  string       // the sender's address as text, or empty
	Manifest identity.Raw // the sender's manifest as it travels, or nil

	Unknown identity.Unknown
}

// innerBody is how an inner header travels.
type innerBody struct {
	Version  uint8            `cbor:"1,keyasint"`
	Account  identity.Account `cbor:"2,keyasint"`
	Device   uint8            `cbor:"3,keyasint"`
	Head     identity.Head    `cbor:"4,keyasint"`
	Seen     *identity.Head   `cbor:"5,keyasint,omitempty"`
	Kind     uint8            `cbor:"6,keyasint"`
	Message  []byte           `cbor:"7,keyasint" max:"65536"`
	Address  string           `cbor:"8,keyasint,omitempty" max:"160"`
	Manifest canon.Raw        `cbor:"9,keyasint,omitempty" max:"16384"` // more than a manifest has, so that a newer one says that it is newer
	Unknown  canon.Unknown    `cbor:"-"`
}

// kindOf is the one kind of message that goes with a form.
func kindOf(f Form) session.Kind {
	switch f {
	case FormOpening:
		return session.KindPreKey
	case FormSession:
		return session.KindSignal
	default:
		return KindWeak
	}
}

// valid tells whether the header may stand in an envelope of this form.
func (in *Inner) valid(f Form) bool {
	tells := in.Address != "" || in.Manifest != nil
	return in.Sender.valid() && in.Kind == kindOf(f) && (f == FormOpening || !tells)
}

// marshal returns the body of an envelope of this form.
func (in *Inner) marshal(f Form) ([]byte, error) {
	if !in.valid(f) {
		return nil, ErrInner
	}
	b, err := canon.Marshal(innerBody{
		Version: innerVersion, Account: in.Sender.Account, Device: in.Sender.Device, Head: in.Head, Seen: in.Seen,
		Kind: uint8(in.Kind), Message: in.Message, Address: in.Address, Manifest: in.Manifest, Unknown: in.Unknown,
	})
	if err != nil {
		return nil, ErrInner
	}
	return b, nil
}

// parseInner reads the body of an envelope of this form. A body that needs a newer Linnet returns identity.ErrNewer.
func parseInner(b []byte, f Form) (*Inner, error) {
	var version struct { // first: a newer body may have nothing else in common
		Version uint8         `cbor:"1,keyasint"`
		Unknown canon.Unknown `cbor:"-"`
	}
	if err := canon.Unmarshal(b, MaxSize, &version); err != nil {
		return nil, err
	}
	if version.Version != innerVersion {
		return nil, identity.ErrNewer
	}
	var body innerBody
	if err := canon.Unmarshal(b, MaxSize, &body); err != nil {
		return nil, err
	}
	in := &Inner{
		Sender: Party{body.Account, body.Device}, Head: body.Head, Seen: body.Seen, Kind: session.Kind(body.Kind),
		Message: body.Message, Address: body.Address, Manifest: body.Manifest, Unknown: body.Unknown,
	}
	if !in.valid(f) {
		return nil, ErrInner
	}
	return in, nil
}
