package bundle

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/internal/vectors"
	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/session"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// device returns a device of a fresh account, with its identity key.
func device(t testing.TB, number uint8) (xeddsa.PrivateKey, identity.Device) {
	t.Helper()
	k := xeddsa.GenerateKey()
	d, err := identity.NewDevice(identity.NewSeed().Account().Public(), number, k, now)
	if err != nil {
		t.Fatal(err)
	}
	return k, d
}

func issue(t testing.TB, k xeddsa.PrivateKey, d identity.Device) (*Private, *Bundle) {
	t.Helper()
	p, b, err := Issue(k, d, 77, 5, []uint16{1, 300}, now)
	if err != nil {
		t.Fatal(err)
	}
	return p, b
}

// TestSession opens sessions from what a relay holds: with the bundle alone, and with a one-time part.
func TestSession(t *testing.T) {
	ben, benDevice := device(t, 2)
	private, b := issue(t, ben, benDevice)
	privatePart, part, err := IssuePart(ben, benDevice, 6, now)
	if err != nil {
		t.Fatal(err)
	}
	key := GenerateKey()
	sealed, err1 := key.Seal(b)
	sealedPart, err2 := key.SealPart(part)
	if err1 != nil || err2 != nil || len(sealed) != SealedSize || len(sealedPart) != SealedPartSize {
		t.Fatalf("sealed: %d and %d bytes, %v, %v", len(sealed), len(sealedPart), err1, err2)
	}
	got, err1 := key.Open(sealed, benDevice, 5, now)
	gotPart, err2 := key.OpenPart(sealedPart, benDevice, now)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if got.Version() != 5 || got.RegistrationID() != 77 || !got.Has(300) || got.Has(2) || !got.NotAfter().Equal(now.Add(Lifetime)) || gotPart.ID() != 6 {
		t.Errorf("got %+v, part %d", got, gotPart.ID())
	}
	if private, err = ParsePrivate(private.AppendTo(nil)); err != nil {
		t.Fatal(err)
	}
	if privatePart, err = ParsePrivatePart(privatePart.AppendTo(nil)); err != nil {
		t.Fatal(err)
	}

	ada := xeddsa.GenerateKey()
	for _, p := range []*Part{nil, gotPart} {
		atAda, err := session.New(session.Party{Identity: ada.Public()}, session.Party{Identity: benDevice.Identity()})
		if err != nil {
			t.Fatal(err)
		}
		prekeys, err := got.PreKeys(p, now)
		if err != nil {
			t.Fatal(err)
		}
		if atAda, err = atAda.Initiate(ada, 1, prekeys, now); err != nil {
			t.Fatal(err)
		}
		_, _, message, err := atAda.Encrypt([]byte("hi"), now)
		if err != nil {
			t.Fatal(err)
		}
		m, err := session.ParsePreKeyMessage(message)
		if err != nil {
			t.Fatal(err)
		}
		keys := &session.Keys{Identity: ben, SignedPreKeyID: private.Version, SignedPreKey: private.SignedPreKey}
		if m.HasPreKey {
			keys.PreKeyID, keys.PreKey = privatePart.ID, privatePart.PreKey
			keys.KEMPreKeyID, keys.KEMPreKey = privatePart.ID, privatePart.KEMPreKey
		} else {
			keys.KEMPreKeyID, keys.KEMPreKey, keys.LastResort = private.Version, private.KEMPreKey, new(session.Replays)
		}
		atBen, err := session.New(session.Party{Identity: ben.Public()}, session.Party{Identity: ada.Public()})
		if err != nil {
			t.Fatal(err)
		}
		if _, a, err := atBen.Accept(m, keys); err != nil || string(a.Plaintext) != "hi" || m.HasPreKey != (p != nil) {
			t.Errorf("one-time part %v: got %q, %v", p != nil, a.Plaintext, err)
		}
	}
	_, other := device(t, 2)
	if _, err := (&Bundle{device: other, notAfter: now}).PreKeys(gotPart, now); !errors.Is(err, ErrBundle) {
		t.Errorf("another device's part: got %v", err)
	}
}

func TestTimes(t *testing.T) {
	k, d := device(t, 1)
	private, b := issue(t, k, d)
	privatePart, part, err := IssuePart(k, d, 6, now)
	if err != nil {
		t.Fatal(err)
	}
	raw := b.AppendTo(nil)
	for _, tt := range []struct {
		name string
		at   time.Time
		want error
	}{
		{"at once", now, nil},
		{"the last second", now.Add(Lifetime), nil},
		{"a second later", now.Add(Lifetime + time.Second), ErrExpired},
		{"a clock that is a day behind", now.Add(-MaxAhead), nil},
		{"a clock that is more than a day behind", now.Add(-MaxAhead - time.Second), ErrExpired},
		{"years before", now.AddDate(-5, 0, 0), ErrExpired},
		{"years later", now.AddDate(5, 0, 0), ErrExpired},
	} {
		if _, err := Parse(raw, d, 0, tt.at); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if _, err := ParsePart(part.AppendTo(nil), d, tt.at); !errors.Is(err, tt.want) {
			t.Errorf("part, %s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	late := now.Add(Lifetime + time.Second)
	if _, err := b.PreKeys(nil, late); !errors.Is(err, ErrExpired) {
		t.Errorf("prekeys of an old bundle: got %v", err)
	}
	b.notAfter = late
	if _, err := b.PreKeys(part, late); !errors.Is(err, ErrExpired) {
		t.Errorf("prekeys of an old part: got %v", err)
	}
	if _, fresh := issue(t, k, d); fresh.Due(now.Add(RenewAfter)) || !fresh.Due(now.Add(RenewAfter+time.Second)) {
		t.Error("a bundle is due at the wrong time")
	}
	for _, expired := range []func(time.Time) bool{private.Expired, privatePart.Expired} {
		if expired(now.Add(KeepPrivate)) || !expired(now.Add(KeepPrivate+time.Second)) {
			t.Error("a private half expires at the wrong time")
		}
	}
	again, err := identity.NewDevice(d.Account(), d.Number(), k, now.Add(time.Hour)) // the same device, entered anew
	if err != nil {
		t.Fatal(err)
	}
	if part, err = ParsePart(part.AppendTo(nil), again, now); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PreKeys(part, now); err != nil {
		t.Errorf("a part under a new entry of the device: %v", err)
	}
}

// TestRefused has one fault per row, each signed by the device itself.
func TestRefused(t *testing.T) {
	k, d := device(t, 1)
	_, good := issue(t, k, d)
	var outer signed
	var base body
	if err := canon.Unmarshal(good.AppendTo(nil), MaxSize, &outer); err != nil {
		t.Fatal(err)
	}
	if err := canon.Unmarshal(outer.Body, MaxSize, &base); err != nil {
		t.Fatal(err)
	}
	_, other := device(t, 1)
	for _, tt := range []struct {
		name   string
		change func(b *body)
		want   error
	}{
		{"nothing", func(*body) {}, nil},
		{"another account", func(b *body) { b.Account = other.Account() }, ErrBundle},
		{"another device", func(b *body) { b.Device = 2 }, ErrBundle},
		{"another identity key", func(b *body) { b.Identity = [33]byte(other.Identity().Bytes()) }, ErrBundle},
		{"type of the signed prekey", func(b *body) { b.Signed[0] = 6 }, ErrBundle},
		{"another signed prekey", func(b *body) { b.Signed[9] ^= 1 }, ErrSignature},
		{"signature of the signed prekey", func(b *body) { b.SignedSig[9] ^= 1 }, ErrSignature},
		{"type of the KEM prekey", func(b *body) { b.KEM[0] = 7 }, ErrBundle},
		{"another KEM prekey", func(b *body) { b.KEM[kyber.PublicKeySize-1] ^= 1 }, ErrSignature},
		{"signature of the KEM prekey", func(b *body) { b.KEMSig[9] ^= 1 }, ErrSignature},
		{"short envelope key", func(b *body) { b.Envelope = b.Envelope[1:] }, ErrBundle},
		{"envelope key above the modulus", func(b *body) { b.Envelope = bytes.Repeat([]byte{0xff}, envelope.PublicKeySize) }, ErrBundle},
		{"too long a life", func(b *body) { b.NotAfter += 2 * 86400 }, ErrExpired},
		{"the end of time", func(b *body) { b.NotAfter = 1<<64 - 1 }, ErrExpired},
		{"something new that may be ignored", func(b *body) { b.Unknown = "\x18\x63\x00" }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := base
			b.Envelope = bytes.Clone(base.Envelope)
			tt.change(&b)
			raw, err := sign(k, identity.LabelBundle, b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Parse(raw, d, 0, now); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	raw, err := sign(k, identity.LabelBundlePart, base)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(raw, d, 0, now); !errors.Is(err, ErrSignature) {
		t.Errorf("label of a part: got %v", err)
	}
	if raw, err = sign(xeddsa.GenerateKey(), identity.LabelBundle, base); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(raw, d, 0, now); !errors.Is(err, ErrSignature) {
		t.Errorf("another's signature: got %v", err)
	}
	if _, err := Parse(make([]byte, MaxSize+1), d, 0, now); !errors.Is(err, identity.ErrSize) {
		t.Errorf("oversize: got %v", err)
	}
	if _, err := Parse(good.AppendTo(nil), identity.Device{}, 0, now); !errors.Is(err, ErrKey) {
		t.Errorf("no device: got %v", err)
	}
	newer := append([]byte{0xa3, 0x01}, bytes.Clone(good.AppendTo(nil)[2:])...)
	newer = append(newer, 0x20, 0x00) // key -1: must be understood
	if _, err := Parse(newer, d, 0, now); !errors.Is(err, ErrBundle) {
		t.Errorf("something around the body that must be understood, which nobody signed: got %v", err)
	}
	newer[len(newer)-2] = 3 // key 3: could be ignored
	if _, err := Parse(newer, d, 0, now); !errors.Is(err, ErrBundle) {
		t.Errorf("something around the body that nobody signed: got %v", err)
	}
	if _, err := Parse(good.AppendTo(nil), d, good.Version()+1, now); !errors.Is(err, ErrRollback) {
		t.Errorf("an older one: got %v", err)
	}
	if _, _, err := Issue(xeddsa.GenerateKey(), d, 1, 1, nil, now); !errors.Is(err, ErrKey) {
		t.Errorf("Issue with another key: got %v", err)
	}
	if _, _, err := IssuePart(xeddsa.GenerateKey(), d, 1, now); !errors.Is(err, ErrKey) {
		t.Errorf("IssuePart with another key: got %v", err)
	}
}

// TestSealRefused holds that what is sealed opens with its key, for its device and as what it is, and not otherwise.
func TestSealRefused(t *testing.T) {
	k, d := device(t, 1)
	_, b := issue(t, k, d)
	_, part, err := IssuePart(k, d, 9, now)
	if err != nil {
		t.Fatal(err)
	}
	key := GenerateKey()
	sealed, err := key.Seal(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := key.Seal(b)
	if err != nil || bytes.Equal(again, sealed) {
		t.Errorf("sealed twice, the same bytes, %v", err)
	}
	sealedPart, err := key.SealPart(part)
	if err != nil {
		t.Fatal(err)
	}
	_, other := device(t, 1)
	for name, f := range map[string]func() error{
		"another key":      func() error { _, err := GenerateKey().Open(sealed, d, 0, now); return err },
		"another device":   func() error { _, err := key.Open(sealed, other, 0, now); return err },
		"part as bundle":   func() error { _, err := key.Open(sealedPart, d, 0, now); return err },
		"bundle as part":   func() error { _, err := key.OpenPart(sealed, d, now); return err },
		"cut":              func() error { _, err := key.Open(sealed[:SealedSize-1], d, 0, now); return err },
		"version":          func() error { _, err := key.Open(append([]byte{2}, sealed[1:]...), d, 0, now); return err },
		"empty":            func() error { _, err := key.Open(nil, d, 0, now); return err },
		"another part key": func() error { _, err := GenerateKey().OpenPart(sealedPart, d, now); return err },
	} {
		if err := f(); !errors.Is(err, ErrOpen) {
			t.Errorf("%s: got %v, want %v", name, err, ErrOpen)
		}
	}
	if _, err := (Key{}).Seal(b); !errors.Is(err, ErrKey) {
		t.Errorf("no key: got %v", err)
	}
	if _, err := (Key{}).Open(sealed, d, 0, now); !errors.Is(err, ErrKey) {
		t.Errorf("no key: got %v", err)
	}
	if _, err := ParseKey(make([]byte, 31)); !errors.Is(err, ErrKey) {
		t.Errorf("short key: got %v", err)
	}
	if again, err := ParseKey(key.AppendTo(nil)); err != nil {
		t.Error(err)
	} else if _, err := again.Open(sealed, d, 0, now); err != nil {
		t.Errorf("a stored key: %v", err)
	}
	rapid.Check(t, func(t *rapid.T) {
		bit := rapid.IntRange(0, 8*SealedSize-1).Draw(t, "bit")
		bad := bytes.Clone(sealed)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := key.Open(bad, d, 0, now); !errors.Is(err, ErrOpen) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
	})
}

func TestPrivateRefused(t *testing.T) {
	k, d := device(t, 1)
	p, _ := issue(t, k, d)
	stored := p.AppendTo(nil)
	if again, err := ParsePrivate(stored); err != nil || !bytes.Equal(again.AppendTo(nil), stored) || !again.Issued.Equal(now) {
		t.Errorf("a stored private half does not come back: %v", err)
	}
	for name, b := range map[string][]byte{"empty": nil, "cut": stored[:len(stored)-1], "oversize": make([]byte, MaxPrivate+1)} {
		if _, err := ParsePrivate(b); err == nil {
			t.Errorf("%s is accepted", name)
		}
		if _, err := ParsePrivatePart(b); err == nil {
			t.Errorf("%s is accepted as a part", name)
		}
	}
	if b := append((&Private{}).AppendTo(nil), (&PrivatePart{}).AppendTo(nil)...); len(b) != 0 {
		t.Error("keys that were never set are stored")
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	key, err := ParseKey(bytes.Repeat([]byte{0xab}, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if out := fmt.Sprintf(verb+verb+verb, key, Private{}, PrivatePart{}); out != "bundle.Keybundle.Privatebundle.PrivatePart" {
			t.Errorf("%s prints %s", verb, out)
		}
		out := []byte(fmt.Sprintf(verb, struct{ k Key }{key}))
		if bytes.Contains(out, []byte("abab")) || bytes.Contains(out, []byte("171 171")) {
			t.Errorf("%s prints %s", verb, out)
		}
	}
}

var update = flag.Bool("update", false, "write testdata/bundle.json anew: only for a new version of the protocol")

// recording is a vector that other implementations can use.
type recording struct {
	Device     vectors.Hex // entry of the manifest
	Account    vectors.Hex
	At         int64 // Unix seconds
	Key        vectors.Hex
	Bundle     vectors.Hex
	Part       vectors.Hex
	Sealed     vectors.Hex
	SealedPart vectors.Hex
	Private    vectors.Hex
}

func TestVectors(t *testing.T) {
	const file = "testdata/bundle.json"
	if *update {
		k, d := device(t, 3)
		p, b := issue(t, k, d)
		_, part, err := IssuePart(k, d, 70000, now)
		if err != nil {
			t.Fatal(err)
		}
		key := GenerateKey()
		sealed, err1 := key.Seal(b)
		sealedPart, err2 := key.SealPart(part)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		account := d.Account()
		vectors.Write(file, recording{
			d.AppendTo(nil), account[:], now.Unix(), key.AppendTo(nil),
			b.AppendTo(nil), part.AppendTo(nil), sealed, sealedPart, p.AppendTo(nil),
		})
	}
	var r recording
	vectors.Read(file, &r)
	account, err := identity.ParseAccount(r.Account)
	if err != nil {
		t.Fatal(err)
	}
	d, err := identity.ParseDevice(account, r.Device)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(r.Key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := key.Open(r.Sealed, d, 0, time.Unix(r.At, 0))
	if err != nil || !bytes.Equal(b.AppendTo(nil), r.Bundle) {
		t.Fatalf("bundle: %v", err)
	}
	part, err := key.OpenPart(r.SealedPart, d, time.Unix(r.At, 0))
	if err != nil || !bytes.Equal(part.AppendTo(nil), r.Part) {
		t.Fatalf("part: %v", err)
	}
	p, err := ParsePrivate(r.Private)
	if err != nil {
		t.Fatal(err)
	}
	prekeys, err := b.PreKeys(nil, time.Unix(r.At, 0))
	if err != nil {
		t.Fatal(err)
	}
	if p.SignedPreKey.Public() != prekeys.SignedPreKey || !bytes.Equal(p.KEMPreKey.Public().Bytes(), prekeys.KEMPreKey.Bytes()) ||
		!bytes.Equal(p.EnvelopeKey.Public().AppendTo(nil), b.EnvelopeKey().AppendTo(nil)) {
		t.Error("the private halves are not those of the bundle")
	}
	// What is written today has the recorded form, byte for byte up to keys, signatures and sizes.
	if got, want := len(r.Bundle), 3130; got != want {
		t.Errorf("a bundle takes %d bytes, want %d", got, want)
	}
	if got, want := len(r.Part), 1798; got != want {
		t.Errorf("a part takes %d bytes, want %d", got, want)
	}
}

func FuzzParse(f *testing.F) {
	k, d := device(f, 1)
	_, b := issue(f, k, d)
	_, part, err := IssuePart(k, d, 1, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.AppendTo(nil))
	f.Add(part.AppendTo(nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		if b, err := Parse(in, d, 0, now); err == nil && !bytes.Equal(b.AppendTo(nil), in) {
			t.Error("a bundle is not its bytes")
		}
		if p, err := ParsePart(in, d, now); err == nil && !bytes.Equal(p.AppendTo(nil), in) {
			t.Error("a part is not its bytes")
		}
		// The same without the signature in the way.
		var outer body
		_ = canon.Unmarshal(in, MaxSize, &outer)
	})
}

func FuzzOpen(f *testing.F) {
	k, d := device(f, 1)
	_, b := issue(f, k, d)
	key := GenerateKey()
	sealed, err := key.Seal(b)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Fuzz(func(_ *testing.T, in []byte) {
		_, _ = key.Open(in, d, 0, now)
		_, _ = key.OpenPart(in, d, now)
	})
}

func FuzzParsePrivate(f *testing.F) {
	k, d := device(f, 1)
	p, _ := issue(f, k, d)
	f.Add(p.AppendTo(nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		if p, err := ParsePrivate(in); err == nil && len(p.AppendTo(nil)) > len(in) {
			t.Error("what is stored grows")
		}
		_, _ = ParsePrivatePart(in)
	})
}

func BenchmarkIssue(b *testing.B) {
	k, d := device(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		issue(b, k, d)
	}
}

func BenchmarkParse(b *testing.B) {
	k, d := device(b, 1)
	_, bundle := issue(b, k, d)
	raw := bundle.AppendTo(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(raw, d, 0, now); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseFloor is its primitives: three signatures verified, and the keys read.
func BenchmarkParseFloor(b *testing.B) {
	k, d := device(b, 1)
	_, bundle := issue(b, k, d)
	kem, env := bundle.prekeys.KEMPreKey.Bytes(), bundle.EnvelopeKey().AppendTo(nil)
	signature, _ := k.Sign(kem)
	b.ReportAllocs()
	for b.Loop() {
		for range 3 {
			_ = d.Identity().Verify(kem, signature[:])
		}
		_, _ = kyber.ParsePublicKey(kem)
		_, _ = envelope.ParsePublicKey(env)
	}
}

func BenchmarkSeal(b *testing.B) {
	k, d := device(b, 1)
	_, bundle := issue(b, k, d)
	key := GenerateKey()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := key.Seal(bundle); err != nil {
			b.Fatal(err)
		}
	}
}
