package pqxdh

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/internal/kdf"
	"github.com/linnetmesh/linnet/crypto/internal/pb"
	"github.com/linnetmesh/linnet/crypto/internal/vectors"
	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// owner is a device with the private halves of its bundle.
type owner struct {
	Responder
	bundle Bundle
}

func newOwner(t testing.TB, oneTime bool) *owner {
	t.Helper()
	o := &owner{Responder: Responder{Identity: xeddsa.GenerateKey(), SignedPreKey: xeddsa.GenerateKey(), KEMPreKey: kyber.GenerateKey()}}
	b := &o.bundle
	*b = Bundle{Device: 1, Identity: o.Identity.Public(), SignedPreKey: o.SignedPreKey.Public(), KEMPreKey: o.KEMPreKey.Public()}
	if oneTime {
		o.OneTimePreKey = xeddsa.GenerateKey()
		b.OneTimePreKey = o.OneTimePreKey.Public()
	}
	o.sign(t)
	return o
}

func (o *owner) sign(t testing.TB) {
	t.Helper()
	var err1, err2 error
	o.bundle.SignedPreKeySignature, err1 = o.Identity.Sign(o.bundle.SignedPreKey.Bytes())
	o.bundle.KEMPreKeySignature, err2 = o.Identity.Sign(o.bundle.KEMPreKey.Bytes())
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
}

// TestVectors holds the responder to the official library: from the recorded secrets and the first recorded message
// of each scenario it must come to the sender's recorded first keys.
func TestVectors(t *testing.T) {
	var file struct {
		Scenarios []struct {
			ID       string
			Sender   struct{ IdentityPublic vectors.Hex }
			Receiver struct {
				IdentityPrivate, PreKeyPrivate, SignedPreKeyPrivate, KyberSeed vectors.Hex
			}
			Bundle struct {
				RegistrationID                                         uint32
				DeviceID                                               uint8
				IdentityKey, SignedPreKeyPublic, SignedPreKeySignature vectors.Hex
				KyberPreKeyPublic, KyberPreKeySignature                vectors.Hex
			}
			SenderInitial struct{ RootKey, RatchetPrivate, ChainKey vectors.Hex }
			Messages      []struct{ Message vectors.Hex }
		}
	}
	vectors.Read("../session/testdata/oneway.json", &file)
	if len(file.Scenarios) == 0 {
		t.Fatal("no vectors")
	}
	private := func(t *testing.T, b []byte) xeddsa.PrivateKey {
		t.Helper()
		if len(b) == 0 {
			return xeddsa.PrivateKey{}
		}
		k, err := xeddsa.ParsePrivateKey(b)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	public := func(t *testing.T, b []byte) xeddsa.PublicKey {
		t.Helper()
		k, err := xeddsa.ParsePublicKey(b)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	for _, s := range file.Scenarios {
		t.Run(s.ID, func(t *testing.T) {
			kem, err := kyber.ParsePrivateKey(s.Receiver.KyberSeed)
			if err != nil {
				t.Fatal(err)
			}
			r := Responder{
				Identity: private(t, s.Receiver.IdentityPrivate), SignedPreKey: private(t, s.Receiver.SignedPreKeyPrivate),
				OneTimePreKey: private(t, s.Receiver.PreKeyPrivate), KEMPreKey: kem,
			}
			b := Bundle{
				RegistrationID: s.Bundle.RegistrationID, Device: s.Bundle.DeviceID, Identity: public(t, s.Bundle.IdentityKey),
				SignedPreKey: public(t, s.Bundle.SignedPreKeyPublic), SignedPreKeySignature: [64]byte(s.Bundle.SignedPreKeySignature),
				KEMPreKeySignature: [64]byte(s.Bundle.KyberPreKeySignature),
			}
			if b.KEMPreKey, err = kyber.ParsePublicKey(s.Bundle.KyberPreKeyPublic); err != nil {
				t.Fatal(err)
			}
			if err := b.Verify(); err != nil {
				t.Errorf("recorded bundle: %v", err)
			}
			in := pb.NewReader(s.Messages[0].Message[1:], pb.Skip)
			if in.Has(1) {
				in.Uint32(1)
			}
			base := in.Bytes(2, 33, 33)
			opening := Opening{BaseKey: public(t, base), KEMCiphertext: in.Bytes(8, kyber.CiphertextSize, kyber.CiphertextSize)}
			secrets, err := r.Respond(public(t, s.Sender.IdentityPublic), opening)
			if err != nil {
				t.Fatal(err)
			}
			// The sender's first root step (Double Ratchet), with its recorded ratchet key.
			dh, err := private(t, s.SenderInitial.RatchetPrivate).DH(b.SignedPreKey)
			if err != nil {
				t.Fatal(err)
			}
			var out [64]byte
			kdf.HKDF(out[:], secrets.Root[:], dh[:], "WhisperRatchet")
			if !bytes.Equal(out[:32], s.SenderInitial.RootKey) || !bytes.Equal(out[32:], s.SenderInitial.ChainKey) {
				t.Errorf("got root %x and chain %x, want %x and %x", out[:32], out[32:], s.SenderInitial.RootKey, s.SenderInitial.ChainKey)
			}
		})
	}
}

// TestGolden pins the key derivation, with and without a one-time prekey.
func TestGolden(t *testing.T) {
	key := func(b byte) xeddsa.PrivateKey {
		k, err := xeddsa.ParsePrivateKey(bytes.Repeat([]byte{b}, 32))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	legs := []leg{{key(1), key(2).Public()}, {key(3), key(4).Public()}, {key(5), key(6).Public()}, {key(7), key(8).Public()}}
	shared := [kyber.SecretSize]byte{0xaa}
	for _, tt := range []struct {
		legs int
		want string
	}{{3, goldenThree}, {4, goldenFour}} {
		s, err := derive(legs[:tt.legs], &shared)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(bytes.Join([][]byte{s.Root[:], s.Chain[:], s.PQ[:]}, nil)); got != tt.want {
			t.Errorf("%d agreements: got %s, want %s", tt.legs, got, tt.want)
		}
	}
}

const (
	goldenThree = "9c8ab7e07cc957a3fd2d8c7e546012f852861acbedeaadb90661b39aec6081266375668c6444f6258bd3dc04f54c72b91014c0be165d034a17dfd4b9306ba7e777d1cd1de2a6d44c133ef893e218b364a0c77e3192c13ce5688249af48ada3e4"
	goldenFour  = "4cbc6fc66648a039a4ef03f5dae460d38a1e811213d06e65dfc5adc47ad6c52fc848f40faf884990658478d5f22a53d348a6cedc19d014a5e27099b9b1163869875d76c14df4bda6136617f0528b909939a859d2640dcb3a4084e52d322efe53"
)

// TestBothSidesAgree holds that both come to the same secrets, and that no change to the opening or the keys goes by.
func TestBothSidesAgree(t *testing.T) {
	ada := xeddsa.GenerateKey()
	owners := map[bool]*owner{true: newOwner(t, true), false: newOwner(t, false)}
	rapid.Check(t, func(rt *rapid.T) {
		o := owners[rapid.Bool().Draw(rt, "one-time key")]
		want, opening, err := Initiate(ada, &o.bundle)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := o.Respond(ada.Public(), opening)
		if err != nil || got.Root != want.Root || got.Chain != want.Chain || got.PQ != want.PQ {
			rt.Fatalf("the sides differ, %v", err)
		}
		r, identity := o.Responder, ada.Public()
		switch rapid.IntRange(0, 6).Draw(rt, "change") {
		case 0:
			bit := rapid.IntRange(8, 8*kyber.CiphertextSize-1).Draw(rt, "bit")
			opening.KEMCiphertext[bit/8] ^= 1 << (bit % 8)
		case 1:
			opening.BaseKey = xeddsa.GenerateKey().Public()
		case 2:
			identity = xeddsa.GenerateKey().Public()
		case 3:
			r.SignedPreKey = xeddsa.GenerateKey()
		case 4:
			r.OneTimePreKey = xeddsa.GenerateKey()
		case 5:
			r.KEMPreKey = kyber.GenerateKey()
		case 6:
			r.Identity = xeddsa.GenerateKey()
		}
		if got, err = r.Respond(identity, opening); err == nil && (got.Root == want.Root || got.Chain == want.Chain || got.PQ == want.PQ) {
			rt.Fatal("a changed handshake leads to the same secret")
		}
	})
}

// TestRefuses has one fault per row.
func TestRefuses(t *testing.T) {
	ada := xeddsa.GenerateKey()
	for _, tt := range []struct {
		name   string
		change func(o *owner)
		want   error
	}{
		{"nothing", func(*owner) {}, nil},
		{"device 0", func(o *owner) { o.bundle.Device = 0 }, ErrBundle},
		{"device 128", func(o *owner) { o.bundle.Device = 128 }, ErrBundle},
		{"no identity", func(o *owner) { o.bundle.Identity = xeddsa.PublicKey{} }, ErrBundle},
		{"no signed prekey", func(o *owner) { o.bundle.SignedPreKey = xeddsa.PublicKey{} }, ErrBundle},
		{"no KEM prekey", func(o *owner) { o.bundle.KEMPreKey = kyber.PublicKey{} }, ErrBundle},
		{"another's identity", func(o *owner) { o.bundle.Identity = xeddsa.GenerateKey().Public() }, ErrSignature},
		{"another's signed prekey", func(o *owner) { o.bundle.SignedPreKey = xeddsa.GenerateKey().Public() }, ErrSignature},
		{"another's KEM prekey", func(o *owner) { o.bundle.KEMPreKey = kyber.GenerateKey().Public() }, ErrSignature},
		{"signature of the prekey", func(o *owner) { o.bundle.SignedPreKeySignature[9] ^= 1 }, ErrSignature},
		{"signature of the KEM prekey", func(o *owner) { o.bundle.KEMPreKeySignature[9] ^= 1 }, ErrSignature},
		{"signatures swapped", func(o *owner) {
			b := &o.bundle
			b.SignedPreKeySignature, b.KEMPreKeySignature = b.KEMPreKeySignature, b.SignedPreKeySignature
		}, ErrSignature},
		{"one-time prekey of small order", func(o *owner) {
			k, err := xeddsa.ParsePublicKey(append([]byte{5, 1}, make([]byte, 31)...))
			if err != nil {
				t.Fatal(err)
			}
			o.bundle.OneTimePreKey = k
		}, ErrKeyAgreement},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOwner(t, true)
			tt.change(o)
			if _, _, err := Initiate(ada, &o.bundle); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	o := newOwner(t, false)
	if _, _, err := Initiate(xeddsa.PrivateKey{}, &o.bundle); !errors.Is(err, ErrKeyAgreement) {
		t.Errorf("no identity of one's own: got %v", err)
	}
	_, good, err := Initiate(ada, &o.bundle)
	if err != nil {
		t.Fatal(err)
	}
	for name, opening := range map[string]Opening{
		"no base key":      {KEMCiphertext: good.KEMCiphertext},
		"no ciphertext":    {BaseKey: good.BaseKey},
		"short ciphertext": {good.BaseKey, good.KEMCiphertext[:100]},
	} {
		if _, err := o.Respond(ada.Public(), opening); !errors.Is(err, ErrKeyAgreement) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := new(Responder).Respond(ada.Public(), good); !errors.Is(err, ErrKeyAgreement) {
		t.Errorf("no keys: got %v", err)
	}
	if _, err := o.Respond(xeddsa.PublicKey{}, good); !errors.Is(err, ErrKeyAgreement) {
		t.Errorf("no identity: got %v", err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if out := fmt.Sprintf(verb, Secrets{Root: [32]byte{1}}); out != "pqxdh.Secrets" {
			t.Errorf("%s prints %s", verb, out)
		}
	}
}

func FuzzRespond(f *testing.F) {
	ada := xeddsa.GenerateKey()
	o := newOwner(f, false)
	_, good, err := Initiate(ada, &o.bundle)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.BaseKey.Bytes(), good.KEMCiphertext)
	f.Fuzz(func(_ *testing.T, base, ciphertext []byte) {
		if k, err := xeddsa.ParsePublicKey(base); err == nil {
			_, _ = o.Respond(ada.Public(), Opening{k, ciphertext})
		}
	})
}

func BenchmarkInitiate(b *testing.B) {
	ada, o := xeddsa.GenerateKey(), newOwner(b, true)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Initiate(ada, &o.bundle); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInitiateFloor is its primitives: two signatures verified, a key pair, four agreements, one encapsulation.
func BenchmarkInitiateFloor(b *testing.B) {
	ada, o := xeddsa.GenerateKey(), newOwner(b, true)
	ada.Public()
	signed, kem := o.bundle.SignedPreKey.Bytes(), o.bundle.KEMPreKey.Bytes()
	b.ReportAllocs()
	for b.Loop() {
		_ = o.bundle.Identity.Verify(signed, o.bundle.SignedPreKeySignature[:])
		_ = o.bundle.Identity.Verify(kem, o.bundle.KEMPreKeySignature[:])
		base := xeddsa.GenerateKey()
		_, _ = ada.DH(o.bundle.SignedPreKey)
		for range 3 {
			_, _ = base.DH(o.bundle.Identity)
		}
		_, _, _ = o.bundle.KEMPreKey.Encapsulate()
	}
}

func BenchmarkRespond(b *testing.B) {
	ada, o := xeddsa.GenerateKey(), newOwner(b, true)
	_, opening, err := Initiate(ada, &o.bundle)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Respond(ada.Public(), opening); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRespondFloor is its primitives: the check of the base key, four agreements, one decapsulation.
func BenchmarkRespondFloor(b *testing.B) {
	ada, o := xeddsa.GenerateKey(), newOwner(b, true)
	_, opening, err := Initiate(ada, &o.bundle)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = opening.BaseKey.CheckCanonical()
		for range 4 {
			_, _ = o.SignedPreKey.DH(opening.BaseKey)
		}
		_, _ = o.KEMPreKey.Decapsulate(opening.KEMCiphertext)
	}
}
