package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"filippo.io/edwards25519"
	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/internal/vectors"
)

// badPoints are no keys of anybody: one failure each.
func badPoints(t testing.TB) map[string][]byte {
	t.Helper()
	good := seedOf("somebody").Account().Public()
	add := func(hex string) []byte {
		p, err := new(edwards25519.Point).SetBytes(good[:])
		if err != nil {
			t.Fatal(err)
		}
		q, err := new(edwards25519.Point).SetBytes(fromHex(t, hex))
		if err != nil {
			t.Fatal(err)
		}
		return p.Add(p, q).Bytes()
	}
	const (
		order2 = "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
		order4 = "0000000000000000000000000000000000000000000000000000000000000000"
		order8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
	)
	return map[string][]byte{
		"empty":                         {},
		"short":                         good[:31],
		"long":                          append(good[:], 0),
		"identity":                      fromHex(t, "0100000000000000000000000000000000000000000000000000000000000000"),
		"order 2":                       fromHex(t, order2),
		"order 4":                       fromHex(t, order4),
		"order 4, negative":             fromHex(t, "0000000000000000000000000000000000000000000000000000000000000080"),
		"order 8":                       fromHex(t, order8),
		"order 8, negative":             fromHex(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
		"order 8, other":                fromHex(t, "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
		"torsion of order 2":            add(order2),
		"torsion of order 4":            add(order4),
		"torsion of order 8":            add(order8),
		"not on the curve":              fromHex(t, "0200000000000000000000000000000000000000000000000000000000000000"),
		"identity, negative zero":       fromHex(t, "0100000000000000000000000000000000000000000000000000000000000080"),
		"order 2, negative zero":        fromHex(t, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
		"y = p":                         fromHex(t, "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
		"y = p + 1":                     fromHex(t, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
		"y = p + 4, which is a point's": fromHex(t, "f1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
		"y = 2^255 - 1":                 fromHex(t, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
	}
}

func TestBadPoints(t *testing.T) {
	for name, b := range badPoints(t) {
		for kind, parse := range map[string]func([]byte) error{
			"account":   func(b []byte) error { _, err := ParseAccount(b); return err },
			"discovery": func(b []byte) error { _, err := ParseDiscoveryKey(b); return err },
			"box":       func(b []byte) error { _, err := ParseBoxKey(b); return err },
			"transport": func(b []byte) error { _, err := ParseTransportKey(b); return err },
		} {
			if err := parse(b); !errors.Is(err, ErrKey) {
				t.Errorf("%s as %s: got %v", name, kind, err)
			}
		}
	}
}

// keyVector is what follows from one seed.
type keyVector struct {
	Seed       vectors.Hex  `json:"seed"`
	Account    vectors.Hex  `json:"account"`
	Name       string       `json:"name"`
	ArchiveBox vectors.Hex  `json:"archiveBox"`
	Roots      []rootVector `json:"roots"`
	Address    string       `json:"address"` // with discovery key 0 of root 0
}

type rootVector struct {
	Number uint32          `json:"number"`
	Root   vectors.Hex     `json:"root"`
	Keys   []derivedVector `json:"keys"`
}

type derivedVector struct {
	Number uint32      `json:"number"`
	Secret vectors.Hex `json:"secret"`
	Public vectors.Hex `json:"public"`
}

type keyVectors struct {
	Note   string         `json:"note"`
	Seeds  []keyVector    `json:"seeds"`
	Safety []safetyVector `json:"safety"`
}

type safetyVector struct {
	Ours      vectors.Hex `json:"ours"`
	Theirs    vectors.Hex `json:"theirs"`
	Digits    string      `json:"digits"`
	Scannable vectors.Hex `json:"scannable"`
}

func makeKeyVectors(t testing.TB) keyVectors {
	t.Helper()
	v := keyVectors{Note: "what follows from a seed, and the safety numbers of two accounts; see PROTOCOL.md"}
	seeds := [][]byte{make([]byte, KeySize), secretOf("Ada"), secretOf("Ben")}
	for _, b := range seeds {
		s := must[Seed](t)(ParseSeed(b))
		a := s.Account().Public()
		archive := s.ArchiveBox().Public()
		k := keyVector{Seed: b, Account: a.AppendTo(nil), Name: a.Name().String(), ArchiveBox: archive.AppendTo(nil)}
		for _, n := range []uint32{0, 1, 0xffffffff} {
			r := s.DiscoveryRoot(n)
			root := rootVector{Number: n, Root: r.AppendTo(nil)}
			for _, m := range []uint32{0, 1, 0x01020304} {
				key := r.Key(m)
				root.Keys = append(root.Keys, derivedVector{m, key.AppendTo(nil), key.Public().AppendTo(nil)})
			}
			k.Roots = append(k.Roots, root)
		}
		k.Address = Address{a, s.DiscoveryRoot(0).Key(0).Public()}.String()
		v.Seeds = append(v.Seeds, k)
	}
	for _, pair := range [][2]int{{0, 1}, {1, 2}, {2, 1}} {
		ours, theirs := Account(v.Seeds[pair[0]].Account), Account(v.Seeds[pair[1]].Account)
		f, err := SafetyNumber(ours, theirs)
		if err != nil {
			t.Fatal(err)
		}
		v.Safety = append(v.Safety, safetyVector{ours[:], theirs[:], f.String(), f.Scannable()})
	}
	return v
}

// TestKeyVectors: a change here is a new protocol.
func TestKeyVectors(t *testing.T) {
	got := makeKeyVectors(t)
	update(t, "testdata/keys.json", got)
	var want keyVectors
	vectors.Read("testdata/keys.json", &want)
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	if s := want.Safety; s[1].Digits != s[2].Digits || s[0].Digits == s[1].Digits {
		t.Error("safety numbers are not those of pairs")
	}
}

// TestDerivation derives the keys again from the words of PROTOCOL.md, with the standard library alone.
func TestDerivation(t *testing.T) {
	derive := func(secret []byte, info string) []byte {
		return must[[]byte](t)(hkdf.Key(sha256.New, secret, nil, info, 32))
	}
	public := func(seed []byte) vectors.Hex {
		return vectors.Hex(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	}
	for _, k := range makeKeyVectors(t).Seeds {
		got := []vectors.Hex{k.Account, k.ArchiveBox, k.Roots[0].Root, k.Roots[0].Keys[2].Secret, k.Roots[0].Keys[2].Public}
		root := derive(k.Seed, "linnet discovery root v1\x00\x00\x00\x00\x00")
		key := derive(root, "linnet discovery key v1\x00\x01\x02\x03\x04")
		want := []vectors.Hex{
			public(derive(k.Seed, "linnet account v1\x00")),
			public(derive(k.Seed, "linnet archive box v1\x00")),
			root, key, public(key),
		}
		if !cmp.Equal(got, want) {
			t.Error(cmp.Diff(want, got))
		}
		sum := sha256.Sum256(append([]byte("linnet protocol name v1\x00"), k.Account...))
		if n := Account(k.Account).Name(); n[6]>>4 != 8 || n[8]>>6 != 2 || !bytes.Equal(n[9:], sum[9:16]) || !bytes.Equal(n[:6], sum[:6]) {
			t.Errorf("name %v of %x", n, sum)
		}
	}
}

func TestSafetyNumber(t *testing.T) {
	a, b, c := seedOf("Ada").Account().Public(), seedOf("Ben").Account().Public(), seedOf("Cleo").Account().Public()
	f, err := SafetyNumber(a, b)
	if err != nil {
		t.Fatal(err)
	}
	g, err := SafetyNumber(b, a)
	if err != nil {
		t.Fatal(err)
	}
	if f.String() != g.String() || f.Compare(g.Scannable()) != nil {
		t.Error("the two sides see different numbers")
	}
	h, err := SafetyNumber(a, c)
	if err != nil {
		t.Fatal(err)
	}
	if f.String() == h.String() || f.Compare(h.Scannable()) == nil {
		t.Error("two accounts have one number")
	}
	// The negative of a key has the same Montgomery form; the id tells them apart.
	p := must[*edwards25519.Point](t)(new(edwards25519.Point).SetBytes(b[:]))
	minus := must[Account](t)(ParseAccount(p.Negate(p).Bytes()))
	n, err := SafetyNumber(a, minus)
	if err != nil {
		t.Fatal(err)
	}
	if n.String() == f.String() {
		t.Error("a key and its negative have one number")
	}
	for name, bad := range badPoints(t) {
		if len(bad) == KeySize {
			if _, err := SafetyNumber(a, Account(bad)); !errors.Is(err, ErrKey) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
}

func TestSigningKeys(t *testing.T) {
	box, transport := GenerateBoxKey(), GenerateTransportKey()
	boxAgain := must[BoxPrivateKey](t)(ParseBoxPrivateKey(box.AppendTo(nil)))
	transportAgain := must[TransportPrivateKey](t)(ParseTransportPrivateKey(transport.AppendTo(nil)))
	if !box.Equal(boxAgain) || !transport.Equal(transportAgain) || box.Equal(GenerateBoxKey()) || transport.Equal(GenerateTransportKey()) {
		t.Error("Equal errs")
	}
	if box.Public() != boxAgain.Public() || transport.Public() != transportAgain.Public() || box.Public().IsZero() || transport.Public().IsZero() {
		t.Error("Public errs")
	}
	sig := must[[SignatureSize]byte](t)(box.Sign(LabelBox, []byte("a"), []byte("b")))
	if err := box.Public().Verify(LabelBox, sig[:], []byte("ab")); err != nil {
		t.Error(err)
	}
	theirs := must[[SignatureSize]byte](t)(transport.Sign(LabelCustody, []byte("ab")))
	if err := transport.Public().Verify(LabelCustody, theirs[:], []byte("ab")); err != nil {
		t.Error(err)
	}
	flipped := theirs
	flipped[40] ^= 1
	for name, err := range map[string]error{
		"other label":  box.Public().Verify(LabelToken, sig[:], []byte("ab")),
		"other parts":  box.Public().Verify(LabelBox, sig[:], []byte("abc")),
		"other key":    GenerateBoxKey().Public().Verify(LabelBox, sig[:], []byte("ab")),
		"zero key":     BoxKey{}.Verify(LabelBox, sig[:], []byte("ab")),
		"cut":          box.Public().Verify(LabelBox, sig[:63], []byte("ab")),
		"flipped":      transport.Public().Verify(LabelCustody, flipped[:], []byte("ab")),
		"zero node":    TransportKey{}.Verify(LabelCustody, theirs[:], []byte("ab")),
		"wrong length": transport.Public().Verify(LabelCustody, nil, []byte("ab")),
	} {
		if !errors.Is(err, ErrSignature) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, size := range map[string]int{"short": 31, "long": 33, "none": 0} {
		b := make([]byte, size)
		_, e1 := ParseBoxPrivateKey(b)
		_, e2 := ParseTransportPrivateKey(b)
		_, e3 := ParseDiscoveryPrivateKey(b)
		_, e4 := ParseDiscoveryRoot(b)
		_, e5 := ParseSeed(b)
		for i, err := range []error{e1, e2, e3, e4, e5} {
			if !errors.Is(err, ErrKey) {
				t.Errorf("%s, %d: got %v", name, i, err)
			}
		}
	}
}

// TestZero: no zero value works, or equals anything.
func TestZero(t *testing.T) {
	_, words := Seed{}.Words()
	_, box := BoxPrivateKey{}.Sign(LabelBox)
	_, transport := TransportPrivateKey{}.Sign(LabelCustody)
	_, epoch := AccountPrivateKey{}.NewEpoch(0, start, Device{})
	_, device := NewDevice(Account{}, 1, identityOf("a"), start)
	_, begin := Stewards{}.Begin(identityOf("a"), start)
	_, renew := View{}.Renew(identityOf("a"), start)
	_, add := View{}.Add(identityOf("a"), Device{}, start)
	_, revoke := View{}.Revoke(identityOf("a"), start, 1)
	_, apply := View{}.Apply(nil)
	_, _, read := View{}.Read(nil)
	_, safety := SafetyNumber(Account{}, seedOf("a").Account().Public())
	for i, err := range []error{words, box, transport, epoch, device, begin, renew, add, revoke, apply, read, safety} {
		if !errors.Is(err, ErrKey) {
			t.Errorf("%d: got %v", i, err)
		}
	}
	if (Seed{}).Equal(Seed{}) || (AccountPrivateKey{}).Equal(AccountPrivateKey{}) || (DiscoveryRoot{}).Equal(DiscoveryRoot{}) ||
		(DiscoveryPrivateKey{}).Equal(DiscoveryPrivateKey{}) || (BoxPrivateKey{}).Equal(BoxPrivateKey{}) ||
		(TransportPrivateKey{}).Equal(TransportPrivateKey{}) {
		t.Error("zero keys are equal")
	}
	if !(AccountPrivateKey{}).Public().IsZero() || !(DiscoveryRoot{}).Key(0).IsZero() || !(DiscoveryPrivateKey{}).Public().IsZero() ||
		!(BoxPrivateKey{}).Public().IsZero() || !(TransportPrivateKey{}).Public().IsZero() {
		t.Error("zero keys lead to others")
	}
	for i, b := range [][]byte{
		Seed{}.AppendTo(nil), DiscoveryRoot{}.AppendTo(nil), DiscoveryPrivateKey{}.AppendTo(nil), BoxPrivateKey{}.AppendTo(nil),
		TransportPrivateKey{}.AppendTo(nil), View{}.AppendTo(nil), Device{}.AppendTo(nil),
	} {
		if len(b) > 0 {
			t.Errorf("%d: a zero value is written", i)
		}
	}
	if v := (View{}); v.Manifest() != nil || v.Head() != (Head{}) || len(v.Devices()) > 0 || !v.Stale(start) || v.Forked() || !v.Time().IsZero() {
		t.Error("a zero view knows something")
	}
}

func TestDiscovery(t *testing.T) {
	s := seedOf("Ada")
	k := s.DiscoveryRoot(0).Key(7)
	again := must[DiscoveryPrivateKey](t)(ParseDiscoveryPrivateKey(k.AppendTo(nil)))
	root := must[DiscoveryRoot](t)(ParseDiscoveryRoot(s.DiscoveryRoot(0).AppendTo(nil)))
	if !k.Equal(again) || !root.Equal(s.DiscoveryRoot(0)) || !root.Key(7).Equal(k) {
		t.Error("what is stored does not come back")
	}
	if k.Equal(s.DiscoveryRoot(0).Key(8)) || k.Equal(s.DiscoveryRoot(1).Key(7)) || root.Equal(s.DiscoveryRoot(1)) {
		t.Error("two numbers lead to one key")
	}
	if p, err := ParseDiscoveryKey(k.Public().AppendTo(nil)); err != nil || p != k.Public() || p.IsZero() {
		t.Errorf("got %v", err)
	}
	if !s.Account().Equal(seedOf("Ada").Account()) || s.Account().Equal(seedOf("Ben").Account()) {
		t.Error("Equal errs")
	}
}

func TestText(t *testing.T) {
	type texts struct {
		A Account
		D Address
		T TransportKey
	}
	a := seedOf("Ada").Account().Public()
	want := texts{a, Address{a, seedOf("Ada").DiscoveryRoot(0).Key(0).Public()}, GenerateTransportKey().Public()}
	b := must[[]byte](t)(json.Marshal(want))
	var got texts
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Fatalf("got %v, %v", got, err)
	}
	if len(want.T.String()) != 72 || !strings.HasPrefix(want.T.String(), "linnetnode1") {
		t.Errorf("got %s", want.T)
	}
	for name, text := range map[string]string{
		"upper case": strings.ToUpper(a.String()), "short": a.String()[:62], "not hex": "zz" + a.String()[2:],
		"order 4": strings.Repeat("0", 64), "empty": "",
	} {
		before := got.A
		if err := got.A.UnmarshalText([]byte(text)); !errors.Is(err, ErrKey) || got.A != before {
			t.Errorf("%s: got %v", name, err)
		}
	}
	before := got
	if err := got.T.UnmarshalText([]byte(want.D.String())); !errors.Is(err, ErrText) || got != before {
		t.Errorf("an address passes for a transport key: %v", err)
	}
	if err := got.D.UnmarshalText([]byte(want.T.String())); !errors.Is(err, ErrText) || got != before {
		t.Errorf("a transport key passes for an address: %v", err)
	}
	if got := (BoxKey{1}).String(); got != "01"+strings.Repeat("0", 62) {
		t.Errorf("got %s", got)
	}
}
