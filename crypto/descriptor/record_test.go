package descriptor

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
)

func TestRecordRefuses(t *testing.T) {
	ada, bob := personOf(t, "Ada", 2, 1), personOf(t, "Bob", 1, 1)
	key, entry := ada.keys[0], ada.entries[0]
	change := func(f func(*Device)) Device {
		d := fullDevice(t, "Ada0", 1)
		f(&d)
		return d
	}
	for _, tt := range []struct {
		name string
		d    Device
		want error
	}{
		{"full", change(func(*Device) {}), nil},
		{"least", leastDevice("Ada0", 1), nil},
		{"version 0", change(func(d *Device) { d.Version = 0 }), ErrRecord},
		{"version 2^53", change(func(d *Device) { d.Version = 1 << 53 }), ErrRecord},
		{"no bundle key", change(func(d *Device) { d.Bundle = BundleKey{} }), ErrRecord},
		{"feature twice", change(func(d *Device) { d.Features = []uint16{1, 1} }), ErrRecord},
		{"features out of order", change(func(d *Device) { d.Features = []uint16{2, 1} }), ErrRecord},
		{"33 features", change(func(d *Device) { d.Boxes, d.Features = nil, make33() }), ErrSize},
		{"box without relay", change(func(d *Device) { d.Boxes[1].Relay = identity.TransportKey{} }), ErrRecord},
		{"box without key", change(func(d *Device) { d.Boxes[1].Box = identity.BoxKey{} }), ErrRecord},
		{"box twice", change(func(d *Device) { d.Boxes[1].Box = d.Boxes[2].Box }), ErrRecord},
		{"empty address", change(func(d *Device) { d.Boxes[1].Addresses[0] = nil }), ErrRecord},
		{"address of 41 bytes", change(func(d *Device) { d.Boxes[1].Addresses[0] = make([]byte, 41) }), ErrSize},
		{"three addresses", change(func(d *Device) { d.Boxes[1].Addresses = [][]byte{{1}, {2}, {3}} }), ErrSize},
		{"five boxes", change(func(d *Device) {
			d.Boxes = nil
			for i := range 5 {
				d.Boxes = append(d.Boxes, Box{Relay: ada.transport(t), Box: boxOf(t, fmt.Sprint(i)).Box})
			}
		}), ErrSize},
		{"five addresses of its own", change(func(d *Device) { d.Boxes, d.Direct = nil, [][]byte{{1}, {2}, {3}, {4}, {5}} }), ErrSize},
		{"direct without transport key", change(func(d *Device) { d.Transport, d.Direct = identity.TransportKey{}, [][]byte{{1}} }), ErrRecord},
		{"four full boxes", change(func(d *Device) { d.Boxes = append(d.Boxes, boxOf(t, "fourth")) }), ErrSize},
		{"an extension", change(func(d *Device) { d.Unknown = "\x18\x63\x01" }), nil},
		{"an extension that is none", change(func(d *Device) { d.Unknown = "\x63" }), ErrMalformed},
	} {
		r, err := NewRecord(key, entry, tt.d)
		if !errors.Is(err, tt.want) || r.IsZero() != (err != nil) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if err == nil && !cmp.Equal(deviceOf(t, r), tt.d) {
			t.Errorf("%s: %s", tt.name, cmp.Diff(tt.d, deviceOf(t, r)))
		}
	}
	for name, err := range map[string]error{
		"key of another": second(NewRecord(ada.keys[1], entry, leastDevice("x", 1))),
		"zero key":       second(NewRecord(bob.keys[0], identity.Device{}, leastDevice("x", 1))),
		"zero entry":     second(ParseRecord(nil, identity.Device{})),
	} {
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s: got %v", name, err)
		}
	}

	raw := ada.record(t, 0, leastDevice("Ada0", 1)).AppendTo(nil)
	flipped := func(i int) []byte {
		b := bytes.Clone(raw)
		b[i] ^= 1
		return b
	}
	for _, tt := range []struct {
		name  string
		raw   []byte
		entry identity.Device
		want  error
	}{
		{"right", raw, entry, nil},
		{"of another device", raw, ada.entries[1], ErrRecord},
		{"of another account", raw, bob.entries[0], ErrSignature},
		{"cut", raw[:len(raw)-1], entry, ErrMalformed},
		{"too long", make([]byte, RecordSize+1), entry, ErrSize},
		{"bundle key changed", flipped(40), entry, ErrSignature},
		{"signature changed", flipped(len(raw) - 9), entry, ErrSignature},
		{"must be understood", must[[]byte](t)(signRaw(t, ada, newerSigned(1, 1))), entry, nil},
		{"must be understood, of another device", must[[]byte](t)(signRaw(t, ada, newerSigned(2, 1))), entry, ErrRecord},
		{"must be understood, version 0", must[[]byte](t)(signRaw(t, ada, newerSigned(1, 0))), entry, ErrRecord},
		{"must be understood, without version", must[[]byte](t)(signRaw(t, ada, "\xa2\x01\x01\x20\x01")), entry, ErrMalformed},
		{"must be understood, another signed it", must[[]byte](t)(signRaw(t, bob, newerSigned(1, 1))), entry, ErrSignature},
		{"contradicts itself, another signed it", must[[]byte](t)(signRaw(t, bob, "\xa2\x01\x01\x02\x01")), entry, ErrSignature},
		{"no bundle key", must[[]byte](t)(signRaw(t, ada, "\xa2\x01\x01\x02\x01")), entry, ErrMalformed},
		{"device 0", must[[]byte](t)(signRaw(t, ada, "\xa3\x01\x00\x02\x01\x05\x58\x20"+string(secretOf("b")))), entry, ErrRecord},
		{"bundle key twice", must[[]byte](t)(signRaw(t, ada, "\xa4\x01\x01\x02\x01\x05\x58\x20"+string(secretOf("b"))+"\x05\x58\x20"+string(secretOf("b")))), entry, ErrMalformed},
		{"too deep", must[[]byte](t)(signRaw(t, ada, "\xa4\x01\x01\x02\x01\x05\x58\x20"+string(secretOf("b"))+"\x08"+strings.Repeat("\x81", 8)+"\x01")), entry, ErrMalformed},
		{"length bomb", must[[]byte](t)(signRaw(t, ada, "\xa4\x01\x01\x02\x01\x04\x9b\x00\xff\xff\xff\xff\xff\xff\xff\x05\x58\x20"+string(secretOf("b")))), entry, ErrMalformed},
	} {
		if _, err := ParseRecord(tt.raw, tt.entry); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestNewerRecord holds that a writer carries the record of a device which says what this Linnet does not understand, by
// the rules of all records, and writes it as it came.
func TestNewerRecord(t *testing.T) {
	ada, bob := personOf(t, "Ada", 3, 1), personOf(t, "Bob", 1, 1)
	at := placeOf(start)
	manifest := ada.view.Manifest().AppendTo(nil)
	older := ada.record(t, 0, leastDevice("a", 5))
	newer := must[[]byte](t)(signRaw(t, ada, newerSigned(1, 6)))
	opened := func(records ...[]byte) Opened {
		value := ada.forge(t, at, func([]byte) {}, plainOf(t, contentBody{Manifest: manifest, Records: records})).Value
		return must[Opened](t)(Open(value, ada.d(), ada.stranger(), start))
	}
	o := opened(newer)
	if len(o.Refused) != 0 || len(o.Content.Records()) != 1 {
		t.Fatalf("refused %v", o.Refused)
	}

	mine := must[Content](t)(NewContent(ada.view, older, ada.record(t, 1, leastDevice("b", 1))))
	for name, merged := range map[string]Content{
		"into mine": must[Content](t)(mine.Merge(o.Content)),
		"into it":   must[Content](t)(o.Content.Merge(mine)),
	} {
		active := must[Content](t)(merged.Active(ada.view))
		s := must[Sealed](t)(active.Seal(ada.discovery, at, time.Time{}, start))
		again := must[Opened](t)(Open(s.Value, ada.d(), ada.stranger(), start)).Content
		if !again.Equal(active) || len(again.Records()) != 2 {
			t.Fatalf("%s: %d records", name, len(again.Records()))
		}
		r := again.Records()[0]
		if !bytes.Equal(r.AppendTo(nil), newer) || r.Number() != 1 || r.Version() != 6 || r.Identity() != ada.keys[0].Public() {
			t.Errorf("%s: it came back as version %d of device %d", name, r.Version(), r.Number())
		}
		if d, err := r.Device(); !errors.Is(err, ErrNewer) || !cmp.Equal(d, Device{}) {
			t.Errorf("%s: device: got %v", name, err)
		}
	}

	// A higher version that everybody can read replaces it, and revocation takes it away.
	back := ada.record(t, 0, leastDevice("a", 7))
	if got := must[Content](t)(o.Content.Merge(must[Content](t)(NewContent(ada.view, back)))).Records(); len(got) != 1 || got[0] != back {
		t.Error("it stands above what is newer")
	}
	both := opened(newer, must[[]byte](t)(signRawBy(t, ada, 1, newerSigned(2, 1)))).Content
	m := must[*identity.Manifest](t)(ada.view.Revoke(ada.keys[0], start, 2))
	view := must[identity.View](t)(ada.view.Apply(m))
	if got := must[Content](t)(both.Active(view)).Records(); len(both.Records()) != 2 || len(got) != 1 || got[0].Number() != 1 {
		t.Errorf("%d of %d records after its revocation", len(got), len(both.Records()))
	}

	// Whoever cannot sign it cannot have it carried.
	flipped := bytes.Clone(newer)
	flipped[len(flipped)-1] ^= 1
	for name, tt := range map[string]struct {
		raw  []byte
		want error
	}{
		"signed by another":      {must[[]byte](t)(signRaw(t, bob, newerSigned(1, 6))), ErrSignature},
		"signature changed":      {flipped, ErrSignature},
		"of a device not listed": {must[[]byte](t)(signRaw(t, ada, newerSigned(9, 6))), identity.ErrNotListed},
		"number 0":               {must[[]byte](t)(signRaw(t, ada, newerSigned(0, 6))), ErrRecord},
		"not deterministic":      {must[[]byte](t)(signRaw(t, ada, "\xa3\x20\x01\x01\x01\x02\x01")), ErrMalformed},
	} {
		o := opened(tt.raw)
		if len(o.Content.Records()) != 0 || len(o.Refused) != 1 || !errors.Is(o.Refused[0], tt.want) {
			t.Errorf("%s: got %v, want %v", name, o.Refused, tt.want)
		}
	}
}

func deviceOf(t fataler, r Record) Device {
	t.Helper()
	return must[Device](t)(r.Device())
}

func ada0(t *testing.T) Record {
	t.Helper()
	return personOf(t, "Ada", 1, 1).record(t, 0, leastDevice("Ada0", 1))
}

func make33() (f []uint16) {
	for i := range uint16(33) {
		f = append(f, i)
	}
	return f
}

// newerSigned is what a device says to a Linnet that is to come: nothing that this one knows but number and version, and
// what it must understand.
func newerSigned(number, version byte) string {
	return "\xa4\x01" + string(rune(number)) + "\x02" + string(rune(version)) + "\x05\x01\x20\x01"
}

// signRaw signs anything as the record of a person's first device.
func signRaw(t fataler, p *person, signed string) ([]byte, error) {
	t.Helper()
	return signRawBy(t, p, 0, signed)
}

// signRawBy signs anything as the record of a person's device i.
func signRawBy(t fataler, p *person, i int, signed string) ([]byte, error) {
	t.Helper()
	a := p.view.Account()
	sig := must[[64]byte](t)(identity.LabelDeviceRecord.Sign(p.keys[i], a[:], []byte(signed)))
	return canon.Marshal(recordBody{Signed: []byte(signed), Signature: sig})
}

func (p *person) transport(t fataler) identity.TransportKey { return transportOf(t, p.name).Public() }
