package descriptor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
)

// Opened is what a reader finds in a descriptor.
type Opened struct {
	Content Content
	Place   Place
	// Order is the signing time: of two descriptors of one place the higher is the newer. It is no true time, and says
	// nothing of when either was signed (see Content.Seal). Seen.Next takes it, and so does who replaces this one.
	Order time.Time
	// Refused says why records were left out, one error for each: identity.ErrRevoked and identity.ErrNotListed are
	// usual, and for the others somebody does not keep to the protocol. A bad record hides no other device.
	Refused []error
}

// Format prints what this is, and nothing of it, whatever the verb.
func (Opened) Format(f fmt.State, _ rune) { fmt.Fprint(f, "descriptor.Opened") }

// Open reads a descriptor of the account that the view is of, and verifies everything: what Validate does, the seal, the
// manifest and the records. What the view knows need not be verified again; for an account of which one knows the
// address alone it is identity.NewView(address.Account). Records count if their device is active in the view after the
// manifest was applied to it, which is left to the caller to do. What is known from elsewhere is merged, and Active says
// what of it all still counts:
//
//	opened, err := descriptor.Open(value, address.Discovery, view, now)
//	next, err := view.Apply(opened.Content.Manifest())           // identity.ErrRollback: nothing new
//	known, err = known.Merge(opened.Content)
//	usable, err := known.Active(next)
//
// Only what a reader looks for at this time is opened (LookupPlaces); of another period the error is ErrPeriod. What was
// opened is remembered in a Seen, and refused if that refuses it.
//
// An older manifest than the view's is no reason to refuse: the boxes may still be right. The errors are those of Validate
// and Blind, ErrOpen, ErrMalformed, ErrNewer or ErrSize for what was inside, and those of identity.View.Read for the
// manifest; the Opened is zero then. Who gets ErrNewer does not publish: it would write over what it cannot read.
func Open(value []byte, d identity.DiscoveryKey, known identity.View, now time.Time) (Opened, error) {
	if known.IsZero() {
		return Opened{}, ErrKey
	}
	h, err := checkHeader(value, now, nodesAhead)
	if err != nil {
		return Opened{}, err
	}
	at := Place{h.period, h.replica}
	if !slices.Contains(LookupPlaces(now), at) {
		return Opened{}, ErrPeriod // nobody asked for it, so somebody wants it to be seen
	}
	key, err := Blind(d, at)
	if err != nil {
		return Opened{}, err
	}
	if err := checkSignature(key, value); err != nil {
		return Opened{}, err
	}
	plain, err := aead(d, key, h.period).Open(nil, value[offsetNonce:offsetSealed], value[offsetSealed:offsetSignature], value[:offsetWork])
	if err != nil {
		return Opened{}, ErrOpen
	}
	body, err := parsePlain(plain)
	if err != nil {
		return Opened{}, err
	}
	content, refused, err := body.verify(known)
	if err != nil {
		return Opened{}, err
	}
	return Opened{content, at, fromMillis(h.time), refused}, nil
}

// parsePlain reads what was sealed, plainSize bytes.
func parsePlain(plain []byte) (body contentBody, err error) {
	if len(plain) != plainSize {
		return body, ErrSize
	}
	n, rest := int(binary.BigEndian.Uint16(plain)), plain[lengthSize:]
	if n > len(rest) || slices.ContainsFunc(rest[n:], func(b byte) bool { return b != 0 }) {
		return body, ErrMalformed
	}
	err = canon.Unmarshal(rest[:n], bodySize, &body)
	return body, err
}

// verify verifies the manifest, and then each record by it.
func (b *contentBody) verify(known identity.View) (c Content, refused []error, err error) {
	view, m, err := known.Read(b.Manifest)
	if err != nil && !errors.Is(err, identity.ErrRollback) {
		return Content{}, nil, fmt.Errorf("reading manifest: %w", err)
	}
	devices := slices.Concat(view.Devices(), m.Devices())
	records := make([]Record, 0, len(b.Records))
	for _, raw := range b.Records {
		r, err := activeRecord(raw, view, devices)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		records = append(records, r)
	}
	return Content{manifest: m}.with(records...), refused, nil
}

// activeRecord verifies a record by that of the devices which has its number and is active.
func activeRecord(raw []byte, v identity.View, devices []identity.Device) (Record, error) {
	outer, head, err := parseRecord(raw)
	if err != nil {
		return Record{}, fmt.Errorf("reading record: %w", err)
	}
	reason := identity.ErrNotListed
	if v.Revoked().Has(head.Number) {
		reason = identity.ErrRevoked
	}
	for _, entry := range devices {
		if entry.Number() == head.Number && v.Check(head.Number, entry.Identity()) == nil {
			r, err := outer.verify(raw, head, entry)
			if err == nil {
				return r, nil
			}
			reason = err
		}
	}
	return Record{}, fmt.Errorf("record of device %d: %w", head.Number, reason)
}
