package chat

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// ItemSize is the most that a stored Item takes in bytes.
const ItemSize = 512 << 10

// itemBody is how an Item is stored.
type itemBody struct {
	Ref       Ref              `cbor:"1,keyasint"`
	Message   []byte           `cbor:"2,keyasint,omitempty" max:"55296"`
	Device    uint8            `cbor:"3,keyasint,omitempty"`
	Received  Time             `cbor:"4,keyasint,omitempty"`
	Edit      *changeBody      `cbor:"5,keyasint,omitempty"`
	Reactions []changeBody     `cbor:"6,keyasint,omitempty" max:"1024"`
	Marks     []markBody       `cbor:"7,keyasint,omitempty" max:"2048"`
	Deleted   bool             `cbor:"8,keyasint,omitempty"`
	Erased    bool             `cbor:"9,keyasint,omitempty"`
	Head      *headBody        `cbor:"10,keyasint,omitempty"` // instead of the message where its content went
	Unknown   identity.Unknown `cbor:"-"`
}

type headBody struct {
	Time    Time             `cbor:"1,keyasint"`
	Kind    Kind             `cbor:"2,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

type changeBody struct {
	Account identity.Account `cbor:"1,keyasint"`
	Time    Time             `cbor:"2,keyasint"`
	ID      ID               `cbor:"3,keyasint"`
	Text    string           `cbor:"4,keyasint,omitempty" max:"16384"`
	Unknown identity.Unknown `cbor:"-"`
}

type markBody struct {
	Account   identity.Account `cbor:"1,keyasint"`
	Device    uint8            `cbor:"2,keyasint"`
	Delivered Time             `cbor:"3,keyasint,omitempty"`
	Read      Time             `cbor:"4,keyasint,omitempty"`
	Viewed    Time             `cbor:"5,keyasint,omitempty"`
	Unknown   identity.Unknown `cbor:"-"`
}

// AppendTo appends the stored form, at most ItemSize bytes. It is for the device's own sealed storage. The errors are
// those of Message.AppendTo.
func (it *Item) AppendTo(b []byte) ([]byte, error) {
	body := itemBody{Ref: it.Ref, Device: it.Device, Received: it.Received, Deleted: it.Deleted, Erased: it.Erased}
	if it.Message != nil && it.gone() {
		body.Head = &headBody{Time: it.Message.Time, Kind: it.Message.Kind}
	} else if it.Message != nil {
		var err error
		if body.Message, err = it.Message.AppendTo(nil); err != nil {
			return nil, err
		}
	}
	if it.Edit != nil {
		body.Edit = &changeBody{Account: it.Edit.Account, Time: it.Edit.Time, ID: it.Edit.ID, Text: it.Edit.Text}
	}
	for _, c := range it.Reactions {
		body.Reactions = append(body.Reactions, changeBody{Account: c.Account, Time: c.Time, ID: c.ID, Text: c.Text})
	}
	for _, m := range it.Marks {
		body.Marks = append(body.Marks, markBody{
			Account: m.Account, Device: m.Device, Delivered: m.Delivered, Read: m.Read, Viewed: m.Viewed,
		})
	}
	stored, err := identity.Marshal(body)
	if err != nil {
		return nil, err
	}
	return append(b, stored...), nil
}

// ParseItem reads what Item.AppendTo wrote. The errors are those of ParseMessage.
func ParseItem(b []byte) (*Item, error) {
	var body itemBody
	if err := identity.Unmarshal(b, ItemSize, &body); err != nil {
		return nil, err
	}
	it := &Item{
		Ref: body.Ref, Device: body.Device, Received: body.Received, Deleted: body.Deleted, Erased: body.Erased,
	}
	switch {
	case body.Head != nil:
		it.Message = &Message{ID: body.Ref.ID, Time: body.Head.Time, Kind: body.Head.Kind}
	case body.Message != nil:
		var err error
		if it.Message, err = ParseMessage(body.Message); err != nil {
			return nil, err
		}
	}
	if body.Edit != nil {
		it.Edit = &Change{body.Edit.Account, body.Edit.Time, body.Edit.ID, body.Edit.Text}
	}
	for _, c := range body.Reactions {
		it.Reactions = append(it.Reactions, Change{c.Account, c.Time, c.ID, c.Text})
	}
	for _, m := range body.Marks {
		it.Marks = append(it.Marks, Mark{Author{m.Account, m.Device}, m.Delivered, m.Read, m.Viewed})
	}
	if !it.consistent() || body.Head != nil && (body.Message != nil || !it.gone()) || body.Message != nil && it.gone() {
		return nil, fmt.Errorf("%w: stored item", ErrMessage)
	}
	return it, nil
}

// consistent tells whether Apply could have made it.
func (it *Item) consistent() bool {
	came := it.Message != nil
	switch {
	case !it.Ref.valid() || it.Ref != it.Ref.known():
		return false
	case came != (Author{it.Ref.Author, it.Device}).valid() || came != (it.Received != 0) || !came && it.Device != 0:
		return false
	case came && (it.Message.ID != it.Ref.ID || it.Message.Time == 0 || !it.Message.Kind.Shown() || it.Message.Kind > MaxKind):
		return false
	case it.gone() && (it.Edit != nil || it.Reactions != nil):
		return false
	case it.Edit != nil && (it.Edit.Account != it.Ref.Author || it.Edit.Text == ""):
		return false
	}
	ordered := slices.IsSortedFunc(it.Reactions, func(a, b Change) int { return rising(Author{Account: a.Account}, Author{Account: b.Account}) }) &&
		slices.IsSortedFunc(it.Marks, func(a, b Mark) int { return rising(a.Author, b.Author) })
	return ordered && !slices.ContainsFunc(it.Marks, func(m Mark) bool {
		return !m.valid() || m.Delivered == 0 || m.Account == it.Ref.Author
	})
}

// rising compares for IsSortedFunc so that equal ones are out of order.
func rising(a, b Author) int { return cmp.Or(a.compare(b), -1) }
