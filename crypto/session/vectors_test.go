package session

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/internal/entropy"
	"github.com/linnetmesh/linnet/crypto/internal/pb"
	"github.com/linnetmesh/linnet/crypto/internal/vectors"
	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/pqxdh"
	"github.com/linnetmesh/linnet/crypto/ratchet"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// recordedParty is a party of a recording, with whatever secrets of it were recorded.
type recordedParty struct {
	Name                                          string
	DeviceID                                      uint8
	RegistrationID                                uint32
	IdentityPrivate, IdentityPublic               vectors.Hex
	PreKeyPrivate, SignedPreKeyPrivate, KyberSeed vectors.Hex
}

type recordedBundle struct {
	RegistrationID                            uint32
	DeviceID                                  uint8
	IdentityKey                               vectors.Hex
	PreKeyID                                  uint32
	PreKeyPublic                              vectors.Hex
	SignedPreKeyID                            uint32
	SignedPreKeyPublic, SignedPreKeySignature vectors.Hex
	KyberPreKeyID                             uint32
	KyberPreKeyPublic, KyberPreKeySignature   vectors.Hex
}

func private(t testing.TB, b []byte) xeddsa.PrivateKey {
	t.Helper()
	k, err := xeddsa.ParsePrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(t testing.TB, b []byte) xeddsa.PublicKey {
	t.Helper()
	k, err := xeddsa.ParsePublicKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// party returns the party as this package names it. Names that are no UUIDs have no address.
func (p *recordedParty) party(t testing.TB) Party {
	t.Helper()
	out := Party{Identity: public(t, p.IdentityPublic)}
	if got := private(t, p.IdentityPrivate).Public(); got != out.Identity {
		t.Fatalf("identity key of %s is not that of its private half", p.Name)
	}
	if b, err := hex.DecodeString(strings.ReplaceAll(p.Name, "-", "")); err == nil && len(b) == 16 && len(p.Name) == 36 {
		out.Address = NewAddress([16]byte(b), p.DeviceID)
	}
	return out
}

func (p *recordedParty) keys(t testing.TB, b *pqxdh.Bundle) *Keys {
	t.Helper()
	kem, err := kyber.ParsePrivateKey(p.KyberSeed)
	if err != nil {
		t.Fatal(err)
	}
	k := &Keys{
		Identity:       private(t, p.IdentityPrivate),
		SignedPreKeyID: b.SignedPreKeyID, SignedPreKey: private(t, p.SignedPreKeyPrivate),
		KEMPreKeyID: b.KEMPreKeyID, KEMPreKey: kem,
	}
	if len(p.PreKeyPrivate) > 0 {
		k.PreKeyID, k.PreKey = b.OneTimePreKeyID, private(t, p.PreKeyPrivate)
	} else {
		k.LastResort = new(Replays)
	}
	return k
}

func (b *recordedBundle) bundle(t testing.TB) *pqxdh.Bundle {
	t.Helper()
	kem, err := kyber.ParsePublicKey(b.KyberPreKeyPublic)
	if err != nil {
		t.Fatal(err)
	}
	out := &pqxdh.Bundle{
		RegistrationID: b.RegistrationID, Device: b.DeviceID, Identity: public(t, b.IdentityKey),
		SignedPreKeyID: b.SignedPreKeyID, SignedPreKey: public(t, b.SignedPreKeyPublic),
		SignedPreKeySignature: [64]byte(b.SignedPreKeySignature),
		KEMPreKeyID:           b.KyberPreKeyID, KEMPreKey: kem, KEMPreKeySignature: [64]byte(b.KyberPreKeySignature),
	}
	if len(b.PreKeyPublic) > 0 {
		out.OneTimePreKeyID, out.OneTimePreKey = b.PreKeyID, public(t, b.PreKeyPublic)
	}
	if err := out.Verify(); err != nil {
		t.Fatalf("recorded bundle: %v", err)
	}
	return out
}

// open decrypts a message of either kind, and stores and loads the Record on the way.
func open(t testing.TB, r *Record, kind Kind, message []byte, keys *Keys) (*Record, []byte, error) {
	t.Helper()
	r = again(t, r)
	if kind == KindSignal {
		return r.Decrypt(message)
	}
	m, err := ParsePreKeyMessage(message)
	if err != nil {
		return nil, nil, err
	}
	next, a, err := r.Accept(m, keys)
	if err == nil && a.Opened && keys.LastResort != nil {
		if err := keys.LastResort.Add(a.Replay); err != nil {
			t.Fatal(err)
		}
	}
	return next, a.Plaintext, err
}

// TestOneway decrypts what the official library sent to a sleeper, in the recorded order.
func TestOneway(t *testing.T) {
	var file struct {
		Scenarios []struct {
			ID               string
			Sender, Receiver recordedParty
			Bundle           recordedBundle
			SenderInitial    struct{ RootKey, RatchetPrivate, BaseKeyPublic, ChainKey vectors.Hex }
			DecryptOrder     []int
			Messages         []struct {
				Plaintext, Message vectors.Hex
				Type               Kind
			}
		}
	}
	vectors.Read("testdata/oneway.json", &file)
	if len(file.Scenarios) == 0 {
		t.Fatal("no scenarios")
	}
	for _, s := range file.Scenarios {
		t.Run(s.ID, func(t *testing.T) {
			sender, receiver := s.Sender.party(t), s.Receiver.party(t)
			bundle := s.Bundle.bundle(t)
			keys := s.Receiver.keys(t, bundle)
			r, err := New(receiver, sender)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.DecryptOrder) != len(s.Messages) || len(s.Messages) == 0 {
				t.Fatalf("%d messages, %d to decrypt", len(s.Messages), len(s.DecryptOrder))
			}
			for _, i := range s.DecryptOrder {
				m := s.Messages[i]
				first, err := ParsePreKeyMessage(m.Message)
				if err != nil {
					t.Fatal(err)
				}
				rewritten := appendPreKeyMessage(nil, &opening{
					first.RegistrationID, first.HasPreKey, first.PreKeyID, first.SignedPreKeyID, first.KEMPreKeyID, first.kemCiphertext,
				}, first.BaseKey, first.Identity, embedded(t, m.Message))
				if !bytes.Equal(rewritten, m.Message) {
					t.Errorf("message %d is written again as another", i)
				}
				if first.BaseKey != public(t, s.SenderInitial.BaseKeyPublic) || first.RegistrationID != s.Sender.RegistrationID ||
					first.SignedPreKeyID != bundle.SignedPreKeyID || first.KEMPreKeyID != bundle.KEMPreKeyID ||
					first.HasPreKey == bundle.OneTimePreKey.IsZero() || first.PreKeyID != bundle.OneTimePreKeyID {
					t.Errorf("message %d is read as another", i)
				}
				next, plaintext, err := open(t, r, m.Type, m.Message, keys)
				if err != nil || !bytes.Equal(plaintext, m.Plaintext) {
					t.Fatalf("message %d: got %x, %v, want %x", i, plaintext, err, m.Plaintext)
				}
				if _, _, err := open(t, next, m.Type, m.Message, keys); err == nil {
					t.Fatalf("message %d opens twice", i)
				}
				r = next
			}
			// What the receiver computed is what the sender began with.
			responder := pqxdh.Responder{Identity: keys.Identity, SignedPreKey: keys.SignedPreKey, KEMPreKey: keys.KEMPreKey, OneTimePreKey: keys.PreKey}
			first, _ := ParsePreKeyMessage(s.Messages[0].Message)
			secrets, err := responder.Respond(sender.Identity, pqxdh.Opening{BaseKey: first.BaseKey, KEMCiphertext: first.kemCiphertext})
			if err != nil {
				t.Fatal(err)
			}
			initial, err := ratchet.NewInitiator(secrets, private(t, s.SenderInitial.RatchetPrivate), bundle.SignedPreKey, sender.Identity, receiver.Identity)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range [][]byte{s.SenderInitial.RootKey, s.SenderInitial.ChainKey} {
				if !bytes.Contains(initial.AppendTo(nil), want) {
					t.Errorf("the sender's first state lacks the recorded key %x", want)
				}
			}
		})
	}
}

// embedded returns the SignalMessage in a PreKeySignalMessage.
func embedded(t testing.TB, message []byte) []byte {
	t.Helper()
	m, err := ParsePreKeyMessage(message)
	if err != nil {
		t.Fatal(err)
	}
	if m.message == nil {
		t.Fatal("no message")
	}
	r := pb.NewReader(message[1:], pb.Skip)
	return r.Bytes(4, 0, len(message))
}

// after is what a step of a recorded conversation left behind.
type after struct {
	SPQR           string
	Epoch          uint64
	ChainEpoch     *uint64
	RatchetPrivate vectors.Hex
	KEMDk          vectors.Hex `json:"kemDk"`
	KEMM           vectors.Hex `json:"kemM"`
}

// player is one side of a recorded conversation: its Record, and the randomness of the step that is played.
type player struct {
	record *Record
	keys   *Keys
	step   after

	dks   map[[64]byte][]byte // expanded decapsulation keys by the marks that stand for their seeds
	coins *[][]byte           // all coins drawn so far, by both sides
}

// recorded gives the step's randomness to the ratchets.
func (p *player) recorded(t testing.TB) *entropy.Recorded {
	t.Helper()
	must := func(b []byte, what string) []byte {
		if len(b) == 0 {
			t.Fatalf("a step draws a %s that was not recorded", what)
		}
		return b
	}
	return &entropy.Recorded{
		NewRatchetKey: func() xeddsa.PrivateKey { return private(t, must(p.step.RatchetPrivate, "ratchet key")) },
		NewCoin: func() [32]byte {
			*p.coins = append(*p.coins, p.step.KEMM)
			return [32]byte(must(p.step.KEMM, "coin"))
		},
		NewSeed: func() (mark [64]byte) {
			dk := must(p.step.KEMDk, "decapsulation key")
			copy(mark[:], fmt.Sprintf("stands for recorded key %d", len(p.dks)))
			p.dks[mark] = dk
			return mark
		},
		EncapsulateKey: func(mark *[64]byte) []byte { return p.dks[*mark][1152 : 1152+1184] },
		// Only seeds can be loaded into crypto/mlkem, so the secret is computed from the coin that the other side
		// recorded. That the ciphertext is right is shown by the other side, whose every byte is compared.
		DecapsulateKey: func(mark *[64]byte, _ []byte) ([]byte, error) {
			coin := (*p.coins)[len(*p.coins)-1]
			h := sha3.Sum256(p.dks[*mark][1152 : 1152+1184])
			k := sha3.Sum512(append(bytes.Clone(coin), h[:]...))
			return k[:32], nil
		},
	}
}

// load stores and loads the Record and gives it the randomness of a step.
func (p *player) load(t testing.TB, step after) {
	t.Helper()
	p.step = step
	r := again(t, p.record)
	if r.current != nil {
		c := *r.current
		c.ratchet = c.ratchet.Replaying(p.recorded(t))
		r.current = &c
	}
	p.record = r
}

func (p *player) check(t testing.TB, i int, want after) {
	t.Helper()
	pq := p.record.current.ratchet.PQ()
	if pq.Phase().String() != want.SPQR || pq.Epoch() != want.Epoch {
		t.Fatalf("step %d: %v of epoch %d, want %s of epoch %d", i, pq.Phase(), pq.Epoch(), want.SPQR, want.Epoch)
	}
	if want.ChainEpoch != nil && pq.ChainEpoch() != *want.ChainEpoch {
		t.Fatalf("step %d: chain epoch %d, want %d", i, pq.ChainEpoch(), *want.ChainEpoch)
	}
}

// TestConversation replays both sides of a recorded conversation of the official library and compares every message
// byte for byte, and where both ratchets stand after every step. Both states are stored and loaded at each step.
func TestConversation(t *testing.T) {
	var file struct {
		A, B   recordedParty
		Bundle recordedBundle
		Steps  []struct {
			Op, Who            string
			ID                 int
			Plaintext, Message vectors.Hex
			Type               Kind
			After              after
		}
		Final struct{ ARoot, BRoot vectors.Hex }
	}
	vectors.Read("testdata/conversation.json", &file)

	partyA, partyB := file.A.party(t), file.B.party(t)
	bundle := file.Bundle.bundle(t)
	var coins [][]byte
	newPlayer := func(own *recordedParty, local, remote Party) *player {
		r, err := New(local, remote)
		if err != nil {
			t.Fatal(err)
		}
		p := &player{record: r, dks: map[[64]byte][]byte{}, coins: &coins}
		if len(own.KyberSeed) > 0 {
			p.keys = own.keys(t, bundle)
		}
		return p
	}
	players := map[string]*player{"a": newPlayer(&file.A, partyA, partyB), "b": newPlayer(&file.B, partyB, partyA)}
	messages := map[int]struct {
		kind               Kind
		message, plaintext []byte
	}{}
	var encrypted, decrypted int
	for i, step := range file.Steps {
		p := players[step.Who]
		if p == nil {
			t.Fatalf("step %d: who is %q?", i, step.Who)
		}
		p.load(t, step.After)
		switch step.Op {
		case "init":
			// The base key's private half was not recorded. So the initiator's secrets are computed as the responder
			// does, from the first recorded message.
			var first *PreKeyMessage
			for _, s := range file.Steps {
				if s.Op == "encrypt" && s.Who == step.Who {
					first, _ = ParsePreKeyMessage(s.Message)
					break
				}
			}
			if first == nil {
				t.Fatal("the initiator sends nothing")
			}
			k := file.B.keys(t, bundle)
			responder := pqxdh.Responder{Identity: k.Identity, SignedPreKey: k.SignedPreKey, KEMPreKey: k.KEMPreKey, OneTimePreKey: k.PreKey}
			secrets, err := responder.Respond(partyA.Identity, pqxdh.Opening{BaseKey: first.BaseKey, KEMCiphertext: first.kemCiphertext})
			if err != nil {
				t.Fatal(err)
			}
			state, err := ratchet.NewInitiator(secrets, private(t, step.After.RatchetPrivate), bundle.SignedPreKey, partyA.Identity, partyB.Identity)
			if err != nil {
				t.Fatal(err)
			}
			p.record = p.record.with(&conversation{baseKey: first.BaseKey, ratchet: state, pending: &pending{opening: opening{
				registrationID: file.A.RegistrationID, hasPreKey: !bundle.OneTimePreKey.IsZero(), preKeyID: bundle.OneTimePreKeyID,
				signedPreKeyID: bundle.SignedPreKeyID, kemPreKeyID: bundle.KEMPreKeyID, kemCiphertext: first.kemCiphertext,
			}}})
		case "encrypt":
			next, kind, message, err := p.record.Encrypt(step.Plaintext, time.UnixMilli(0))
			if err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
			if kind != step.Type || !bytes.Equal(message, step.Message) {
				t.Fatalf("step %d: %v %x, want %v %x", i, kind, message, step.Type, step.Message)
			}
			p.record = next
			messages[step.ID] = struct {
				kind               Kind
				message, plaintext []byte
			}{kind, message, step.Plaintext}
			encrypted++
		case "decrypt":
			m, ok := messages[step.ID]
			if !ok {
				t.Fatalf("step %d: message %d was not sent", i, step.ID)
			}
			// The first message makes the session, so its randomness cannot be given to a session that is there.
			next, plaintext, err := p.accept(t, m.kind, m.message)
			if err != nil || !bytes.Equal(plaintext, m.plaintext) {
				t.Fatalf("step %d: got %x, %v, want %x", i, plaintext, err, m.plaintext)
			}
			p.record = next
			decrypted++
		default:
			t.Fatalf("step %d: what is %q?", i, step.Op)
		}
		p.check(t, i, step.After)
	}
	if encrypted == 0 || decrypted == 0 {
		t.Fatal("an empty conversation")
	}
	for who, want := range map[string][]byte{"a": file.Final.ARoot, "b": file.Final.BRoot} {
		if !bytes.Contains(players[who].record.AppendTo(nil), want) {
			t.Errorf("%s does not end with the recorded root key", who)
		}
	}
	t.Logf("%d messages encrypted, %d decrypted, %d epochs", encrypted, decrypted, players["a"].record.current.ratchet.PQ().Epoch()-1)
}

func (p *player) accept(t testing.TB, kind Kind, message []byte) (*Record, []byte, error) {
	t.Helper()
	if kind == KindSignal {
		return p.record.Decrypt(message)
	}
	m, err := ParsePreKeyMessage(message)
	if err != nil {
		return nil, nil, err
	}
	if p.record.Knows(m) {
		next, a, err := p.record.Accept(m, nil)
		return next, a.Plaintext, err
	}
	c, err := p.record.respond(m, p.keys)
	if err != nil {
		return nil, nil, err
	}
	c.ratchet = c.ratchet.Replaying(p.recorded(t))
	next, a, err := p.record.with(c).Accept(m, nil)
	return next, a.Plaintext, err
}
