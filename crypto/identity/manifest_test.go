package identity

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/internal/vectors"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// usual is a manifest of version 3: two stewards, 1 and 2, a third device, 5, and 9 revoked.
func usual(t fataler) *Manifest {
	t.Helper()
	seed := seedOf("Ada")
	v := viewOf(t, epochOf(t, seed, 0, start, "phone", "laptop"))
	m := must[*Manifest](t)(v.Add(identityOf("phone"), deviceOf(t, seed.Account().Public(), 5, "tablet", start), start.Add(time.Hour)))
	v = viewOf(t, v.Manifest(), m)
	return must[*Manifest](t)(v.Revoke(identityOf("laptop"), start.Add(2*time.Hour), 9))
}

// TestGolden takes a manifest apart byte by byte: a change here is a new protocol.
func TestGolden(t *testing.T) {
	m := usual(t)
	o := outerOf(t, m)
	entry := func(d Device) string {
		var b deviceBody
		if err := canon.Unmarshal([]byte(d.raw), DeviceSize, &b); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("a4 01 %02x 02 5821 %x 03 1a %08x 04 5840 %x", d.number, d.identity.Bytes(), uint32(d.time), b.Proof)
	}
	account := seedOf("Ada").Account().Public()
	key := func(name string) string { return hex.EncodeToString(identityOf(name).Public().Bytes()) }
	statement := fromHex(t, "a2 01 1a 6b49d200 02 82 a2 01 01 02 5821"+key("phone")+"a2 01 02 02 5821"+key("laptop"))
	body := fromHex(t, "a5 01 03 02 5820"+fmt.Sprintf("%x", m.previous)+
		"03 83"+entry(m.devices[0])+entry(m.devices[1])+entry(m.devices[2])+
		"04 50 00020000000000000000000000000000 05 1a 6b49ee20")
	for name, pair := range map[string][2][]byte{
		"stewards": {o.Stewards, statement},
		"body":     {o.Signed, body},
		"manifest": {m.AppendTo(nil), fromHex(t, fmt.Sprintf("a7 01 01 02 5820 %s 03 58%02x %x 04 5840 %x 05 59%04x %x 06 02 07 5840 %x",
			account, len(statement), statement, o.StewardsSignature, len(body), body, o.Signature))},
	} {
		if !bytes.Equal(pair[0], pair[1]) {
			t.Errorf("%s:\ngot  %x\nwant %x", name, pair[0], pair[1])
		}
	}
	for i, d := range m.devices {
		if len(d.raw) != 112 {
			t.Errorf("device %d has %d bytes", i, len(d.raw))
		}
	}
	// What is signed and hashed, from the words of PROTOCOL.md.
	sh := Label("linnet stewards hash v1").Hash(account[:], statement)
	if want := Label("linnet manifest hash v1").Hash([]byte{1}, sh[:], []byte{2}, body); m.Head() != (Head{
		Epoch: 1800000000, Version: 3, Hash: want, Stewards: [8]byte(sh[:8]),
	}) {
		t.Errorf("got %v, want hash %x", m.Head(), want)
	}
	if err := Label("linnet manifest v1").Verify(identityOf("laptop").Public(), o.Signature[:], []byte{1}, sh[:], []byte{2}, body); err != nil {
		t.Error(err)
	}
	if m.Signer() != 2 || m.Time() != start.Add(2*time.Hour) || m.Account() != account || m.Stewards().Epoch() != 1800000000 ||
		!slices.Equal(numbersOf(m.Devices()), []uint8{1, 2, 5}) || !slices.Equal(m.Revoked().List(), []uint8{9}) {
		t.Errorf("got %+v", m)
	}
	d := m.Devices()[2]
	var b deviceBody
	if err := canon.Unmarshal([]byte(d.raw), DeviceSize, &b); err != nil {
		t.Fatal(err)
	}
	if err := Label("linnet device v1").Verify(d.identity, b.Proof[:], account[:], []byte{5}, d.identity.Bytes(),
		binary.BigEndian.AppendUint64(nil, uint64(start.Unix()))); err != nil {
		t.Error(err)
	}
	if d.Number() != 5 || d.Identity() != identityOf("tablet").Public() || d.Time() != start || d.Account() != account {
		t.Errorf("got %+v", d)
	}
	if s := m.Stewards(); !s.Has(identityOf("phone").Public()) || s.Has(identityOf("tablet").Public()) || len(s.Keys()) != 2 || s.Account() != account {
		t.Errorf("got %+v", s)
	}
}

// TestSizes holds the package document to its word.
func TestSizes(t *testing.T) {
	names := strings.Fields("a b c d e f g h")
	full := epochOf(t, seedOf("Ada"), 0, start, names...)
	v := viewOf(t, full)
	full = must[*Manifest](t)(v.Renew(identityOf("a"), start))
	if got := len(full.raw); got != 1463 {
		t.Errorf("eight devices, all of them stewards: %d bytes", got)
	}
	one := epochOf(t, seedOf("Ada"), 0, start, "a")
	if got := len(one.raw); got != 369 {
		t.Errorf("one device, first version: %d bytes", got)
	}
	v = viewOf(t, one)
	for i, name := range names[1:] {
		one = must[*Manifest](t)(v.Add(identityOf("a"), deviceOf(t, one.Account(), uint8(i+10), name, start), start))
		v = viewOf(t, v.Manifest(), one)
	}
	if got := len(one.raw); got != 1189 {
		t.Errorf("eight devices, one steward: %d bytes", got)
	}
	h := v.Head()
	h.Version = 23
	if got := len(must[[]byte](t)(Marshal(h))); got != 54 {
		t.Errorf("a head: %d bytes", got)
	}
	if got := len(v.AppendTo(nil)); got > 3000 {
		t.Errorf("a view of eight devices: %d bytes", got)
	}
}

// manifestRow is one failure of a manifest.
type manifestRow struct {
	Name     string      `json:"name"`
	Manifest vectors.Hex `json:"manifest"`
	Error    string      `json:"error"` // as errorName calls it
}

// manifestRows makes them anew; XEdDSA is hedged, so no two runs make the same.
func manifestRows(t testing.TB) []manifestRow {
	t.Helper()
	m := usual(t)
	seed := seedOf("Ada")
	account := seed.Account().Public()
	o := outerOf(t, m)
	rows := []manifestRow{{"right", m.raw, ""}}
	row := func(name, want string, b []byte) { rows = append(rows, manifestRow{name, b, want}) }
	signed := func(name, want string, change func(*signedBody)) { row(name, want, forge(t, m, "laptop", change)) }
	outer := func(name, want string, change func(*manifestBody)) {
		changed := o
		change(&changed)
		row(name, want, must[[]byte](t)(canon.Marshal(changed)))
	}
	bytesSigned := func(name, want string, b []byte) { row(name, want, resign(t, m, o, b, "laptop", nil)) }

	// The form.
	row("empty", "malformed", nil)
	row("cut", "malformed", m.raw[:len(m.raw)-1])
	row("trailing", "malformed", append(bytes.Clone(m.raw), 0))
	row("too large", "size", append(bytes.Clone(m.raw), make([]byte, 16<<10)...))
	added := func(b ...byte) []byte { return append(append([]byte{0xa8}, m.raw[1:]...), b...) }
	row("too large for its algorithm", "size", added(append([]byte{0x08, 0x59, 0x06, 0x00}, make([]byte, 0x600)...)...))
	row("duplicate key", "malformed", append(append([]byte{0xa8}, m.raw[1:3]...), m.raw[1:]...))
	row("long integer", "malformed", append([]byte{0xa7, 0x01, 0x18, 0x01}, m.raw[3:]...))
	outer("algorithm 0", "newer", func(o *manifestBody) { o.Algorithm = 0 })
	outer("algorithm 2", "newer", func(o *manifestBody) { o.Algorithm = 2 })
	row("algorithm 2, of another form", "newer", fromHex(t, "a2 01 02 02 590a00"+strings.Repeat("00", 0xa00)))
	outer("algorithm 255", "newer", func(o *manifestBody) { o.Algorithm = 255 })
	outer("algorithm 256", "malformed", func(o *manifestBody) { o.Algorithm = 256 })
	row("algorithm 2, with a key before it", "malformed", fromHex(t, "a2 00 01 01 02"))
	row("algorithm 2, with a negative key", "newer", fromHex(t, "a2 01 02 20 00"))
	row("no algorithm", "malformed", fromHex(t, "a1 02 01"))
	row("nothing in it", "malformed", fromHex(t, "a0"))
	row("added by a carrier: a key", "malformed", added(0x08, 0x01))
	row("added by a carrier: a negative key", "malformed", added(0x20, 0x01))
	row("depth bomb", "malformed", added(append([]byte{0x08}, bytes.Repeat([]byte{0x81}, 500)...)...))
	row("length bomb", "malformed", added(0x08, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))

	// What the account says.
	said := func(name, want string, raw []byte) {
		as := *m
		as.stewards.hash = LabelStewardsHash.Hash(account[:], raw)
		row(name, want, resign(t, &as, o, o.Signed, "laptop", func(o *manifestBody) {
			o.Stewards = raw
			o.StewardsSignature = must[[SignatureSize]byte](t)(seed.Account().s.sign(LabelStewards, account[:], raw))
		}))
	}
	statement := func(name, want string, change func(*stewardsBody)) {
		var s stewardsBody
		if err := canon.Unmarshal(o.Stewards, stewardsSize, &s); err != nil {
			t.Fatal(err)
		}
		change(&s)
		said(name, want, must[[]byte](t)(canon.Marshal(s)))
	}
	statement("stewards: unknown key", "", func(s *stewardsBody) { s.Unknown = "\x08\x01" })
	said("stewards: unknown negative key", "newer", newer(o.Stewards))
	statement("stewards: epoch 0", "manifest", func(s *stewardsBody) { s.Epoch = 0 })
	statement("stewards: highest epoch", "", func(s *stewardsBody) { s.Epoch = maxCount })
	statement("stewards: epoch too high", "manifest", func(s *stewardsBody) { s.Epoch = maxCount + 1 })
	statement("stewards: none", "manifest", func(s *stewardsBody) { s.Stewards = nil })
	statement("stewards: out of order", "manifest", func(s *stewardsBody) { slices.Reverse(s.Stewards) })
	statement("stewards: one twice", "manifest", func(s *stewardsBody) { s.Stewards[0] = s.Stewards[1] })
	statement("stewards: one key twice", "manifest", func(s *stewardsBody) { s.Stewards[0].Identity = s.Stewards[1].Identity })
	statement("stewards: number 0", "number", func(s *stewardsBody) { s.Stewards[0].Number = 0 })
	statement("stewards: number 128", "number", func(s *stewardsBody) { s.Stewards[1].Number = 128 })
	statement("stewards: a key of another type", "key", func(s *stewardsBody) { s.Stewards[0].Identity[0] = 0x04 })
	watch := [33]byte(identityOf("watch").Public().Bytes())
	statement("stewards: one is not listed", "manifest", func(s *stewardsBody) {
		s.Stewards = append(s.Stewards, stewardBody{Number: 6, Identity: watch})
	})
	statement("stewards: one number is listed with another key", "manifest", func(s *stewardsBody) {
		s.Stewards = append(s.Stewards, stewardBody{Number: 5, Identity: watch})
	})
	statement("stewards: one of them is revoked", "manifest", func(s *stewardsBody) {
		s.Stewards = append(s.Stewards, stewardBody{Number: 9, Identity: watch})
	})
	statement("stewards: the other one is listed under another number", "manifest", func(s *stewardsBody) {
		s.Stewards[0].Identity = [33]byte(identityOf("tablet").Public().Bytes())
	})
	outer("stewards: flipped bit", "signature", func(o *manifestBody) { o.Stewards = flip(o.Stewards, 4) })
	outer("stewards: flipped bit in the signature", "signature", func(o *manifestBody) { o.StewardsSignature[3] ^= 1 })
	outer("stewards: signed by somebody else", "signature", func(o *manifestBody) {
		o.StewardsSignature = must[[SignatureSize]byte](t)(seedOf("Ben").Account().s.sign(LabelStewards, account[:], o.Stewards))
	})
	outer("stewards: signed without label", "signature", func(o *manifestBody) {
		o.StewardsSignature = must[[SignatureSize]byte](t)(seed.Account().s.sign(LabelManifest, account[:], o.Stewards))
	})
	other := epochOf(t, seed, 1_900_000_000, start, "phone", "laptop")
	outer("stewards: of another epoch", "signature", func(o *manifestBody) {
		o.Stewards, o.StewardsSignature = other.stewards.raw, other.stewards.signature
	})

	// What the steward says.
	signed("unknown key in the body", "", func(b *signedBody) { b.Unknown = "\x18\x64\xa1\x20\xf4" })
	bytesSigned("unknown negative key in the body", "newer", newer(o.Signed))
	bytesSigned("duplicate key in the body", "malformed", append(append([]byte{0xa6}, o.Signed[1:3]...), o.Signed[1:]...))
	bytesSigned("missing key in the body", "malformed", append([]byte{0xa4}, o.Signed[1:len(o.Signed)-6]...))
	bytesSigned("body is no map", "malformed", []byte{0x80})
	bytesSigned("empty body", "malformed", nil)
	bytesSigned("depth bomb in the body", "malformed", append(append(append([]byte{0xa6}, o.Signed[1:]...), 0x08), bytes.Repeat([]byte{0x81}, 300)...))
	bytesSigned("length bomb in the body", "malformed", bytes.Replace(o.Signed, []byte{0x03, 0x83}, []byte{0x03, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1))
	signed("unknown pairs at their limit", "", func(b *signedBody) { b.Unknown = extension(extensionSize) })
	signed("unknown pairs over their limit", "size", func(b *signedBody) { b.Unknown = extension(extensionSize + 1) })
	outer("body of the future, not signed", "signature", func(o *manifestBody) { o.Signed = fromHex(t, "a1 20 00") })
	outer("statement of the future, not signed", "signature", func(o *manifestBody) { o.Stewards = fromHex(t, "a1 20 00") })
	bytesSigned("body of the future", "newer", fromHex(t, "a1 20 00"))
	outer("other account", "signature", func(o *manifestBody) { o.Account = seedOf("Ben").Account().Public() })
	for _, bad := range []string{"order 8", "torsion of order 8", "y = p + 1", "identity", "not on the curve", "order 4"} {
		outer("account: "+bad, "key", func(o *manifestBody) { o.Account = Account(badPoints(t)[bad]) })
	}
	signed("version 0", "manifest", func(b *signedBody) { b.Version = 0 })
	signed("version 1 with a previous one", "manifest", func(b *signedBody) { b.Version = 1 })
	signed("version 3 without a previous one", "manifest", func(b *signedBody) { b.Previous = [32]byte{} })
	signed("highest version", "", func(b *signedBody) { b.Version = maxCount })
	signed("version too high", "manifest", func(b *signedBody) { b.Version = maxCount + 1 })
	signed("time too high", "manifest", func(b *signedBody) { b.Time = maxCount + 1 })
	signed("number 0 revoked", "manifest", func(b *signedBody) { b.Revoked[0] |= 1 })
	signed("a listed number revoked", "manifest", func(b *signedBody) { b.Revoked = b.Revoked.with(5) })
	signed("a steward revoked, and listed", "manifest", func(b *signedBody) { b.Revoked = b.Revoked.with(1) })
	signed("a steward revoked", "manifest", func(b *signedBody) { b.Revoked, b.Devices = b.Revoked.with(1), b.Devices[1:] })
	signed("a steward not listed", "manifest", func(b *signedBody) { b.Devices = b.Devices[1:] })
	signed("no devices", "manifest", func(b *signedBody) { b.Devices = nil })
	signed("devices out of order", "manifest", func(b *signedBody) { b.Devices[1], b.Devices[2] = b.Devices[2], b.Devices[1] })
	signed("a device twice", "manifest", func(b *signedBody) { b.Devices = append(b.Devices, b.Devices[2]) })
	signed("a number twice", "manifest", func(b *signedBody) {
		b.Devices = append(b.Devices, canon.Raw(deviceOf(t, account, 5, "watch", start).raw))
	})
	signed("an identity key twice", "manifest", func(b *signedBody) {
		b.Devices = append(b.Devices, canon.Raw(deviceOf(t, account, 6, "tablet", start).raw))
	})
	signed("eight devices", "", func(b *signedBody) { b.Devices = append(b.Devices, someDevices(t, account, 5)...) })
	row("nine devices", "size", nineDevices(t, m))
	signer := func(name, want, by string, number uint8) {
		row(name, want, resign(t, m, o, o.Signed, by, func(o *manifestBody) { o.Signer = number }))
	}
	signer("signed by a device that is no steward", "not steward", "tablet", 5)
	signer("signed by nobody", "not steward", "laptop", 7)
	signer("signed under number 0", "not steward", "laptop", 0)
	signer("signed by another steward than it says", "signature", "laptop", 1)
	outer("another signer", "signature", func(o *manifestBody) { o.Signer = 1 })
	row("signed by a device that is no steward, under a steward's name", "signature", forge(t, m, "tablet", nil))
	outer("flipped bit in the body", "signature", func(o *manifestBody) {
		o.Signed = flip(o.Signed, bytes.LastIndex(o.Signed, []byte{0x05, 0x1a})+5)
	})
	outer("flipped bit in the signature", "signature", func(o *manifestBody) { o.Signature[3] ^= 1 })
	outer("flipped sign in the signature", "signature", func(o *manifestBody) { o.Signature[63] ^= 0x80 })

	// What the devices say.
	entry := func(name, want string, raw []byte) {
		signed("device: "+name, want, func(b *signedBody) { b.Devices[2] = raw })
	}
	body := func(change func(*deviceBody)) []byte {
		var d deviceBody
		if err := canon.Unmarshal([]byte(m.devices[2].raw), DeviceSize, &d); err != nil {
			t.Fatal(err)
		}
		change(&d)
		return must[[]byte](t)(canon.Marshal(d))
	}
	prove := func(d *deviceBody, a Account, signer string) {
		d.Proof = must[[SignatureSize]byte](t)(LabelDevice.Sign(identityOf(signer), d.proven(a)...))
	}
	entry("unknown key", "", body(func(d *deviceBody) {
		d.Unknown = "\x08\x01"
		prove(d, account, "tablet")
	}))
	entry("unknown key, not proven", "proof", body(func(d *deviceBody) { d.Unknown = "\x08\x01" }))
	entry("unknown negative key", "newer", newer([]byte(m.devices[2].raw)))
	bytesSigned("device: too large", "size", bytes.Replace(o.Signed, []byte(m.devices[2].raw),
		body(func(d *deviceBody) { d.Unknown = canon.Unknown("\x08\x58\x40" + strings.Repeat("x", 64)) }), 1))
	entry("time too high", "malformed", body(func(d *deviceBody) { d.Time = maxCount + 1 }))
	entry("other time", "proof", body(func(d *deviceBody) { d.Time = 0 }))
	for _, number := range []uint8{0, 127, 128} {
		entry(fmt.Sprint("number ", number), map[bool]string{true: "number"}[number != 127], body(func(d *deviceBody) {
			d.Number = number
			prove(d, account, "tablet")
		}))
	}
	entry("proof of another number", "proof", body(func(d *deviceBody) { d.Number = 6 }))
	entry("proof for another account", "proof", body(func(d *deviceBody) {
		prove(d, seedOf("Ben").Account().Public(), "tablet")
	}))
	entry("proof by another key", "proof", body(func(d *deviceBody) { prove(d, account, "laptop") }))
	entry("somebody else's key", "proof", body(func(d *deviceBody) { copy(d.Identity[:], identityOf("Ben's").Public().Bytes()) }))
	entry("flipped bit in the proof", "proof", body(func(d *deviceBody) { d.Proof[7] ^= 1 }))
	entry("proof without label", "proof", body(func(d *deviceBody) {
		d.Proof = must[[SignatureSize]byte](t)(identityOf("tablet").Sign(slices.Concat(d.proven(account)...)))
	}))
	entry("key of another type", "key", body(func(d *deviceBody) { d.Identity[0] = 0x04 }))
	entry("key with bit 255", "key", body(func(d *deviceBody) {
		d.Identity[32] |= 0x80
		prove(d, account, "tablet")
	}))
	entry("key with torsion", "key", body(func(d *deviceBody) { copy(d.Identity[1:], torsioned(t, identityOf("tablet").Public())) }))
	entry("key of small order", "key", body(func(d *deviceBody) { d.Identity = [33]byte{0x05, 0x01} }))
	entry("key on the twist", "key", body(func(d *deviceBody) { d.Identity = [33]byte{0x05, 0x02} }))
	return rows
}

// newer returns the map b with a key that must be understood.
func newer(b []byte) []byte { return append(append([]byte{b[0] + 1}, b[1:]...), 0x20, 0x01) }

// extension returns one pair of n bytes.
func extension(n int) canon.Unknown {
	head := []byte{0x08, 0x58, byte(n - 3)} // a byte string of 24 bytes or more
	if n < 2+24 {
		head = []byte{0x08, 0x40 | byte(n-2)}
	}
	return canon.Unknown(head) + canon.Unknown(strings.Repeat("x", n-len(head)))
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// someDevices returns n entries with the numbers 20, 21, …
func someDevices(t fataler, a Account, n int) (raw []canon.Raw) {
	for i := range n {
		raw = append(raw, canon.Raw(deviceOf(t, a, uint8(20+i), fmt.Sprint("some ", i), start).raw))
	}
	return raw
}

// nineDevices is what canon would not write.
func nineDevices(t fataler, m *Manifest) []byte {
	o := outerOf(t, m)
	three := append([]byte{0x03, 0x83}, m.Devices()[0].raw...) // the list, and not two bytes of a hash that look like it
	b := bytes.Replace(o.Signed, three, append([]byte{0x03, 0x89}, three[2:]...), 1)
	at := bytes.LastIndex(b, append([]byte{0x04, 0x50}, m.revoked[:]...))
	var more []byte
	for _, raw := range someDevices(t, m.Account(), 6) {
		more = append(more, raw...)
	}
	return resign(t, m, o, slices.Concat(b[:at], more, b[at:]), "laptop", nil)
}

// torsioned adds a point of order 8 to a key.
func torsioned(t fataler, key xeddsa.PublicKey) []byte {
	t.Helper()
	var one, above field.Element
	u, err := new(field.Element).SetBytes(key.Bytes()[1:])
	if err != nil {
		t.Fatalf("%v", err)
	}
	one.One()
	y := u.Multiply(new(field.Element).Subtract(u, &one), above.Invert(above.Add(u, &one))).Bytes() // y = (u-1)/(u+1)
	p, err := new(edwards25519.Point).SetBytes(y)
	if err != nil {
		t.Fatalf("%v", err)
	}
	q, err := new(edwards25519.Point).SetBytes(fromHex(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return p.Add(p, q).BytesMontgomery()
}

// TestManifestRefuses runs what was recorded, and what is made anew.
func TestManifestRefuses(t *testing.T) {
	rows := manifestRows(t)
	type file struct {
		Note string        `json:"note"`
		Rows []manifestRow `json:"rows"`
	}
	update(t, "testdata/manifest.json", file{"manifests, one failure each; an empty error means that the manifest is right", rows})
	var recorded file
	vectors.Read("testdata/manifest.json", &recorded)
	if len(recorded.Rows) != len(rows) {
		t.Errorf("%d rows are recorded, of %d", len(recorded.Rows), len(rows))
	}
	for _, r := range slices.Concat(rows, recorded.Rows) {
		m, err := ParseManifest(r.Manifest)
		if errorName(err) != r.Error {
			t.Errorf("%s: got %v, want %q", r.Name, err, r.Error)
		}
		if (m == nil) != (err != nil) || m != nil && !bytes.Equal(m.AppendTo(nil), r.Manifest) {
			t.Errorf("%s: got %v, %v", r.Name, m, err)
		}
	}
}

// TestEveryByte: no byte of a manifest can be another.
func TestEveryByte(t *testing.T) {
	m := usual(t)
	v := viewOf(t, m)
	for i := range m.raw {
		b := bytes.Clone(m.raw)
		b[i] ^= 1 << (i % 8)
		if _, err := ParseManifest(b); err == nil {
			t.Errorf("byte %d is not covered", i)
		}
		// A view that knows all of it is no easier to fool.
		if _, _, err := v.Read(b); err == nil {
			t.Errorf("byte %d is not covered for one who knows the rest", i)
		}
	}
}

func TestParseKeepsNothing(t *testing.T) {
	m := usual(t)
	b := m.AppendTo(nil)
	got := must[*Manifest](t)(ParseManifest(b))
	clear(b)
	if !bytes.Equal(got.AppendTo(nil), m.raw) || got.Head() != m.Head() {
		t.Error("a manifest changed with its input")
	}
	got.Devices()[0] = Device{}
	got.Stewards().Keys()[0] = xeddsa.PublicKey{}
	if got.devices[0].IsZero() || got.stewards.list[0].identity.IsZero() {
		t.Error("a manifest changed through what it returned")
	}
}

// TestUnknownSurvives: a steward that does not know an extension hands it on.
func TestUnknownSurvives(t *testing.T) {
	m := usual(t)
	extended := must[*Manifest](t)(ParseManifest(forge(t, m, "laptop", func(b *signedBody) {
		b.Unknown = "\x18\x64\x63abc"
		b.Version = 4
	})))
	v := viewOf(t, m, extended)
	next := must[*Manifest](t)(v.Renew(identityOf("phone"), start))
	if next.unknown != "\x18\x64\x63abc" || next.version != 5 {
		t.Errorf("got %q in version %d", next.unknown, next.version)
	}
}

func TestNumbers(t *testing.T) {
	s := Numbers{}.with(1).with(127).with(64)
	if !slices.Equal(s.List(), []uint8{1, 64, 127}) || s.Has(0) || s.Has(128) || s.Has(255) || !s.Has(127) {
		t.Errorf("got %v", s.List())
	}
	if want := (Numbers{0: 0x02, 8: 0x01, 15: 0x80}); s != want {
		t.Errorf("got %x, want %x", s, want)
	}
	var all Numbers
	for n := range uint8(MaxNumber) {
		free, err := all.free()
		if err != nil || free < 1 || free > MaxNumber || all.Has(free) {
			t.Fatalf("%d: got %d, %v", n, free, err)
		}
		all = all.with(free)
	}
	if _, err := all.free(); !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
}

func TestHead(t *testing.T) {
	h := Head{Epoch: 2, Version: 3, Hash: [32]byte{5}}
	for _, tt := range []struct {
		other Head
		want  bool
	}{
		{h, false},
		{Head{}, true},
		{Head{Epoch: 1, Version: 9}, true},
		{Head{Epoch: 3, Version: 1}, false},
		{Head{Epoch: 2, Version: 2}, true},
		{Head{Epoch: 2, Version: 4}, false},
		{Head{Epoch: 2, Version: 3, Hash: [32]byte{6}}, true},
		{Head{Epoch: 2, Version: 3, Hash: [32]byte{4}}, false},
		{Head{Epoch: 2, Version: 9, Stewards: [8]byte{1}}, true},
		{Head{Epoch: 1, Version: 9, Stewards: [8]byte{}}, true},
		{Head{Epoch: 3, Version: 1, Stewards: [8]byte{1}}, false},
	} {
		if got := h.Newer(tt.other); got != tt.want {
			t.Errorf("%v: got %v", tt.other, got)
		}
	}
	b := must[[]byte](t)(Marshal(h))
	if want := "a3 01 02 02 03 03 5820 05" + strings.Repeat("00", 31); !bytes.Equal(b, fromHex(t, want)) {
		t.Errorf("got %x", b)
	}
	h.Stewards = [8]byte{7}
	b = must[[]byte](t)(Marshal(h))
	if want := "a4 01 02 02 03 03 5820 05" + strings.Repeat("00", 31) + "04 48 0700000000000000"; !bytes.Equal(b, fromHex(t, want)) {
		t.Errorf("got %x", b)
	}
	var again Head
	if err := Unmarshal(b, 64, &again); err != nil || again != h {
		t.Errorf("got %v, %v", again, err)
	}
	if err := Unmarshal(binary.BigEndian.AppendUint64(nil, 1), 64, &again); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v", err)
	}
}
