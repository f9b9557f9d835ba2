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
	Time    time.Time // when it was signed; see Content.Seal
	// Refused says why records were left out, one error for each: identity.ErrRevoked and identity.ErrNotListed are
	// usual, ErrNewer asks for a newer Linnet, and for the others somebody does not keep to the protocol. A bad record
	// hides no other device.
	Refused []error
}

// Format prints what this is, and nothing of it, whatever the verb.
func (Opened) Format(f fmt.State, _ rune) { fmt.Fprint(f, "descriptor.Opened") }

// Open reads a descriptor of the account that the view is of, and verifies everything: what Validate does, the seal, the
// manifest and the records. What the view knows need not be verified again; for an account of which one knows the
// address alone it is identity.NewView(address.Account). Records count if their device is active in the view after the
// manifest was applied to it, which is left to the caller to do:
//
//	opened, err := descriptor.Open(value, address.Discovery, view, now)
//	next, err := view.Apply(opened.Content.Manifest())           // identity.ErrRollback: nothing new
//
// Only what a reader looks for at this time is opened (LookupPlaces); of another period the error is ErrPeriod. What was
// opened is remembered in a Seen, and refused if that refuses it. A descriptor signed up to Grace ahead of now opens: nodes
// hold it to MaxAhead, and a reader's clock may be slow.
//
// An older manifest than the view's is no reason to refuse: the boxes may still be right. The errors are those of Blind
// and Validate, ErrOpen, ErrMalformed, ErrNewer or ErrSize for what was inside, and those of identity.View.Read for the
// manifest.
func Open(value []byte, d identity.DiscoveryKey, known identity.View, now time.Time) (Opened, error) {
	if known.IsZero() {
		return Opened{}, ErrKey
	}
	if len(value) != Size {
		return Opened{}, ErrSize
	}
	h := parseHeader(value)
	at := Place{h.period, h.replica}
	if h.version == version && h.replica < Replicas && !slices.Contains(LookupPlaces(now), at) {
		return Opened{}, ErrPeriod // nobody asked for it, so somebody wants it to be seen
	}
	key, err := Blind(d, at)
	if err != nil {
		return Opened{}, err
	}
	if err := validate(key, value, now, Grace); err != nil { // nodes held it to MaxAhead; a reader may be slow
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
	return Opened{content, at, fromMillis(h.time), refused}, err
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
	if err := canon.Unmarshal(rest[:n], bodySize, &body); err != nil {
		return body, err
	}
	if len(body.Unknown) > maxUnknown {
		return body, ErrSize
	}
	return body, nil
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
	return Content{manifest: m, unknown: b.Unknown}.with(records...), refused, nil
}

// activeRecord verifies a record by that of the devices which has its number and is active.
func activeRecord(raw []byte, v identity.View, devices []identity.Device) (Record, error) {
	outer, d, err := parseRecord(raw)
	if err != nil {
		return Record{}, fmt.Errorf("reading record: %w", err)
	}
	reason := identity.ErrNotListed
	if v.Revoked().Has(d.Number) {
		reason = identity.ErrRevoked
	}
	for _, entry := range devices {
		if entry.Number() == d.Number && v.Check(d.Number, entry.Identity()) == nil {
			r, err := outer.verify(raw, &d, entry)
			if err == nil {
				return r, nil
			}
			reason = err
		}
	}
	return Record{}, fmt.Errorf("record of device %d: %w", d.Number, reason)
}
