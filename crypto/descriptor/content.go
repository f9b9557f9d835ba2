package descriptor

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
)

// Content is what an account publishes: its manifest, and the newest record of each device. All of it was verified.
//
// It is a value and safe for several goroutines at once. Contents of one account are joined by Merge, which takes the
// newest manifest and, of each device, the record of the highest version, whether this Linnet can read it or not; it is
// commutative, associative and idempotent, so all writers and readers that have seen the same come to the same. Merge
// forgets nobody: who is revoked goes with Active, which writers and readers call. The zero value knows nothing.
type Content struct {
	manifest *identity.Manifest
	records  []Record // by number and identity key, one each
}

// contentBody is how a content travels, inside the seal. What it grows by, manifest and records hold: those are signed by
// devices, and a newer one of them replaces an older.
type contentBody struct {
	Manifest []byte       `cbor:"1,keyasint" max:"2048"`
	Records  [][]byte     `cbor:"2,keyasint,omitempty" max:"8" each:"720"`
	Closed   canon.Closed `cbor:"-"` // whoever has d, or stole it, could else add what nobody could ever take away
}

// bodySize is the most that a contentBody takes: it always fits.
const bodySize = 1 + 1 + 3 + identity.ManifestSize + 1 + 1 + identity.MaxDevices*(3+RecordSize)

var _ = [plainSize - lengthSize - bodySize]struct{}{} // does not compile if it does not fit

// NewContent returns what an account publishes according to a view: its newest manifest, and these records, which may be
// none. The errors are ErrKey for a view without manifest, ErrAccount, and identity.ErrRevoked or identity.ErrNotListed
// for the record of a device that is not active.
func NewContent(v identity.View, records ...Record) (Content, error) {
	if v.IsZero() || v.Manifest() == nil {
		return Content{}, ErrKey
	}
	for _, r := range records {
		if r.account != v.Account() {
			return Content{}, ErrAccount
		}
		if err := v.Check(r.number, r.identity); err != nil {
			return Content{}, err
		}
	}
	return Content{manifest: v.Manifest()}.with(records...), nil
}

// Format prints what this is, and nothing of it, whatever the verb: the records hold bundle keys.
func (Content) Format(f fmt.State, _ rune) { fmt.Fprint(f, "descriptor.Content") }

// IsZero tells whether c knows nothing.
func (c Content) IsZero() bool { return c.manifest == nil }

// Manifest returns the newest manifest, nil for a zero Content. A View that applies it may know more.
func (c Content) Manifest() *identity.Manifest { return c.manifest }

// Records returns the newest record of each device, by their numbers.
func (c Content) Records() []Record { return slices.Clone(c.records) }

// Merge returns what both contents say. The error is ErrAccount; a zero Content brings nothing.
func (c Content) Merge(other Content) (Content, error) {
	switch {
	case other.IsZero():
		return c, nil
	case c.IsZero():
		return other, nil
	case c.manifest.Account() != other.manifest.Account():
		return c, ErrAccount
	}
	if compareManifest(c.manifest, other.manifest) > 0 {
		c.manifest = other.manifest
	}
	return c.with(other.records...), nil
}

// Active returns the content as the owner of this view publishes or uses it: with the newest manifest of both, and only
// the records of devices that are active by what both know. The error is ErrAccount, or ErrKey for a view or content that
// knows nothing.
func (c Content) Active(v identity.View) (Content, error) {
	if c.IsZero() || v.IsZero() {
		return Content{}, ErrKey
	}
	if c.manifest.Account() != v.Account() {
		return Content{}, ErrAccount
	}
	if m := v.Manifest(); m != nil && compareManifest(c.manifest, m) > 0 {
		c.manifest = m
	}
	if next, err := v.Apply(c.manifest); err == nil { // what the content knows of devices, the view may not know yet
		v = next
	}
	c.records = slices.DeleteFunc(c.Records(), func(r Record) bool { return v.Check(r.number, r.identity) != nil })
	return c, nil
}

// Equal tells whether both say the same, byte by byte.
func (c Content) Equal(other Content) bool {
	if c.IsZero() || other.IsZero() {
		return c.IsZero() == other.IsZero()
	}
	return compareManifest(c.manifest, other.manifest) == 0 && slices.Equal(c.records, other.records)
}

// with returns the content with these records, where they are newer.
func (c Content) with(records ...Record) Content {
	all := slices.Concat(c.records, records)
	slices.SortFunc(all, func(a, b Record) int { return cmp.Or(compareOwner(a, b), compareNewer(a, b)) })
	c.records = slices.CompactFunc(all, func(a, b Record) bool { return compareOwner(a, b) == 0 }) // keeps the first
	return c
}

// marshal returns the body. The errors are ErrKey for a zero Content, and ErrFull.
func (c Content) marshal() ([]byte, error) {
	if c.IsZero() {
		return nil, ErrKey
	}
	if len(c.records) > identity.MaxDevices {
		return nil, ErrFull
	}
	body := contentBody{Manifest: c.manifest.AppendTo(nil)}
	for _, r := range c.records {
		body.Records = append(body.Records, r.AppendTo(nil))
	}
	return canon.Marshal(body)
}

// compareManifest orders manifests of one account, the newest first, and those that differ in nothing that was signed by
// their bytes.
func compareManifest(a, b *identity.Manifest) int {
	switch x, y := a.Head(), b.Head(); {
	case x.Newer(y):
		return -1
	case y.Newer(x):
		return 1
	default:
		return bytes.Compare(a.AppendTo(nil), b.AppendTo(nil))
	}
}
