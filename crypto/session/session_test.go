package session

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/internal/vectors"
	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/pqxdh"
	"github.com/linnetmesh/linnet/crypto/ratchet"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

type tester interface {
	Helper()
	Fatalf(string, ...any)
}

// device is one end of a conversation under test, with its prekeys.
type device struct {
	identity xeddsa.PrivateKey
	address  Address
	signed   xeddsa.PrivateKey
	kem      kyber.PrivateKey
	oneTime  map[uint32]xeddsa.PrivateKey
	replays  *Replays
	nextID   uint32
	record   *Record
}

func newDevice(number uint8) *device {
	return &device{
		identity: xeddsa.GenerateKey(), address: NewAddress([16]byte{number, 0xee}, number),
		signed: xeddsa.GenerateKey(), kem: kyber.GenerateKey(),
		oneTime: map[uint32]xeddsa.PrivateKey{}, replays: new(Replays), nextID: 1000,
	}
}

// newPair returns two devices that know of each other and have no session.
func newPair(t tester) (a, b *device) {
	t.Helper()
	a, b = newDevice(1), newDevice(2)
	a.meet(t, b)
	b.meet(t, a)
	return a, b
}

func (d *device) party() Party { return Party{d.identity.Public(), d.address} }

func (d *device) meet(t tester, other *device) {
	t.Helper()
	var err error
	if d.record, err = New(d.party(), other.party()); err != nil {
		t.Fatalf("New: %v", err)
	}
}

// bundle returns what the device publishes, with a fresh one-time prekey or none.
func (d *device) bundle(t tester, oneTime bool) *pqxdh.Bundle {
	t.Helper()
	b := &pqxdh.Bundle{
		RegistrationID: 7, Device: d.address.Device(), Identity: d.identity.Public(),
		SignedPreKeyID: 1, SignedPreKey: d.signed.Public(), KEMPreKeyID: 2, KEMPreKey: d.kem.Public(),
	}
	var err1, err2 error
	b.SignedPreKeySignature, err1 = d.identity.Sign(b.SignedPreKey.Bytes())
	b.KEMPreKeySignature, err2 = d.identity.Sign(b.KEMPreKey.Bytes())
	if err1 != nil || err2 != nil {
		t.Fatalf("signing: %v, %v", err1, err2)
	}
	if oneTime {
		d.nextID++
		d.oneTime[d.nextID] = xeddsa.GenerateKey()
		b.OneTimePreKeyID, b.OneTimePreKey = d.nextID, d.oneTime[d.nextID].Public()
	}
	return b
}

func (d *device) initiate(t tester, other *device, oneTime bool) {
	t.Helper()
	next, err := d.record.Initiate(d.identity, 5, other.bundle(t, oneTime), now)
	if err != nil {
		t.Fatalf("Initiate: %v", err)
	}
	d.record = again(t, next)
}

// letter is one message on the way.
type letter struct {
	kind      Kind
	bytes     []byte
	plaintext string
}

func (d *device) send(t tester, plaintext string) letter {
	t.Helper()
	before := d.record.AppendTo(nil)
	next, kind, out, err := d.record.Encrypt([]byte(plaintext), now)
	if err != nil {
		t.Fatalf("Encrypt: %v", err)
	}
	if !bytes.Equal(d.record.AppendTo(nil), before) {
		t.Fatalf("Encrypt changed the old record")
	}
	d.record = again(t, next)
	return letter{kind, out, plaintext}
}

// open decrypts and, if that succeeds, does what an owner must: stores the record, deletes the one-time key, remembers
// the use of the last-resort key. If it fails, it holds that nothing changed.
func (d *device) open(t tester, kind Kind, in []byte) (string, error) {
	t.Helper()
	before := d.record.AppendTo(nil)
	next, plaintext, m, a, err := d.decrypt(kind, in)
	if !bytes.Equal(d.record.AppendTo(nil), before) {
		t.Fatalf("a failed or successful decryption changed the old record")
	}
	if err != nil {
		return "", err
	}
	if a.Opened {
		if m.HasPreKey {
			delete(d.oneTime, m.PreKeyID)
		}
		if err := d.replays.Add(a.Replay); err != nil {
			t.Fatalf("Add: %v", err)
		}
	}
	d.record = again(t, next)
	return string(plaintext), nil
}

func (d *device) decrypt(kind Kind, in []byte) (*Record, []byte, *PreKeyMessage, Accepted, error) {
	if kind == KindSignal {
		next, plaintext, err := d.record.Decrypt(in)
		return next, plaintext, nil, Accepted{}, err
	}
	m, err := ParsePreKeyMessage(in)
	if err != nil {
		return nil, nil, nil, Accepted{}, err
	}
	next, a, err := d.record.Accept(m, d.keys(m))
	return next, a.Plaintext, m, a, err
}

// keys returns the keys that the device has, whatever the message names.
func (d *device) keys(m *PreKeyMessage) *Keys {
	return &Keys{
		Identity:       d.identity,
		SignedPreKeyID: 1, SignedPreKey: d.signed,
		KEMPreKeyID: 2, KEMPreKey: d.kem,
		PreKeyID: m.PreKeyID, PreKey: d.oneTime[m.PreKeyID],
		LastResort: d.replays,
	}
}

func (d *device) mustOpen(t tester, l letter) {
	t.Helper()
	if got, err := d.open(t, l.kind, l.bytes); err != nil || got != l.plaintext {
		t.Fatalf("%v: got %q, %v, want %q", l.kind, got, err, l.plaintext)
	}
}

// again returns the record as it comes back from storage.
func again(t tester, r *Record) *Record {
	t.Helper()
	b := r.AppendTo(nil)
	next, err := ParseRecord(b)
	if err != nil {
		t.Fatalf("a stored record does not come back: %v", err)
	}
	if !bytes.Equal(next.AppendTo(nil), b) {
		t.Fatalf("a stored record comes back as another")
	}
	return next
}

// damage flips one bit. The registration id is the one part that nothing authenticates, as in the official protocol;
// harmless says that the bit was of it.
func damage(in []byte, bit int) (out []byte, harmless bool) {
	out = bytes.Clone(in)
	out[bit/8] ^= 1 << (bit % 8)
	a, err1 := ParsePreKeyMessage(in)
	b, err2 := ParsePreKeyMessage(out)
	return out, err1 == nil && err2 == nil && a.RegistrationID != b.RegistrationID
}

// TestConversations plays random conversations of two devices that both may open sessions, over a network that loses,
// repeats, reorders and damages. What is delivered is what was sent, once; a failure changes nothing; and when the
// network is good again, both sides come to use one session.
func TestConversations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d [2]*device
		d[0], d[1] = newPair(t)
		var wire [2][]letter
		delivered := [2]map[string]bool{{}, {}}
		d[0].initiate(t, d[1], rapid.Bool().Draw(t, "one-time key"))
		if rapid.Bool().Draw(t, "both") {
			d[1].initiate(t, d[0], rapid.Bool().Draw(t, "one-time key back"))
		}
		for i := range rapid.IntRange(0, 60).Draw(t, "events") {
			who := rapid.IntRange(0, 1).Draw(t, "who")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1, 2, 3: // says something
				if d[who].record.Usable(now) {
					wire[who] = append(wire[who], d[who].send(t, fmt.Sprintf("%d from %d", i, who)))
				}
			case 4: // opens another session
				d[who].initiate(t, d[1-who], rapid.Bool().Draw(t, "one-time key"))
			case 5: // something damaged arrives
				if len(wire[who]) > 0 {
					l := rapid.SampledFrom(wire[who]).Draw(t, "letter")
					bad, harmless := damage(l.bytes, rapid.IntRange(0, 8*len(l.bytes)-1).Draw(t, "bit"))
					if rapid.Bool().Draw(t, "cut") {
						bad, harmless = l.bytes[:rapid.IntRange(0, len(l.bytes)-1).Draw(t, "to")], false
					}
					if got, err := d[1-who].open(t, l.kind, bad); err == nil {
						if !harmless || got != l.plaintext || delivered[who][got] {
							t.Fatalf("a damaged message opens to %q", got)
						}
						delivered[who][got] = true
					}
				}
			default: // something arrives, and may arrive again
				if len(wire[who]) > 0 {
					l := rapid.SampledFrom(wire[who]).Draw(t, "letter")
					got, err := d[1-who].open(t, l.kind, l.bytes)
					switch {
					case err == nil && (got != l.plaintext || delivered[who][got]):
						t.Fatalf("%q came as %q, delivered before %v", l.plaintext, got, delivered[who][got])
					case err != nil && !delivered[who][l.plaintext]:
						t.Fatalf("%q: %v", l.plaintext, err)
					case err == nil:
						delivered[who][got] = true
					}
				}
			}
		}
		// Everything still on the way arrives, in any order; then the network is good.
		for who := range d {
			for _, i := range rapid.Permutation(indexes(wire[who])).Draw(t, "order") {
				l := wire[who][i]
				got, err := d[1-who].open(t, l.kind, l.bytes)
				if (err == nil) == delivered[who][l.plaintext] || err == nil && got != l.plaintext {
					t.Fatalf("%q: got %q, %v, delivered before %v", l.plaintext, got, err, delivered[who][l.plaintext])
				}
			}
		}
		for i := range 3 {
			for who := range d {
				if d[who].record.Usable(now) {
					d[1-who].mustOpen(t, d[who].send(t, fmt.Sprintf("in peace %d from %d", i, who)))
				}
			}
		}
		if a, b := d[0].record.current, d[1].record.current; a.baseKey != b.baseKey || a.pending != nil || b.pending != nil {
			t.Fatal("the two sides did not come to use one session")
		}
		if l := d[0].send(t, "at last"); l.kind != KindSignal {
			t.Fatalf("a settled session still sends %v", l.kind)
		}
	})
}

func indexes(l []letter) []int {
	out := make([]int, len(l))
	for i := range out {
		out[i] = i
	}
	return out
}

// TestBothOpenAtOnce has both sides open a session before anything arrives, and talk on in lockstep, so that for a while
// each sends on the session that the other does not send on. Their keys have the same numbers in both sessions.
func TestBothOpenAtOnce(t *testing.T) {
	a, b := newPair(t)
	a.initiate(t, b, true)
	b.initiate(t, a, true)
	for i := range 20 {
		toB, toA := a.send(t, fmt.Sprint("a ", i)), b.send(t, fmt.Sprint("b ", i))
		b.mustOpen(t, toB)
		a.mustOpen(t, toA)
	}
	b.mustOpen(t, a.send(t, "after you"))
	a.mustOpen(t, b.send(t, "no, after you"))
	if a.record.current.baseKey != b.record.current.baseKey {
		t.Error("the two sides did not come to use one session")
	}
}

// TestLateOfArchived opens messages of an old session after a new one has gone as far.
func TestLateOfArchived(t *testing.T) {
	a, b := newPair(t)
	a.initiate(t, b, true)
	b.mustOpen(t, a.send(t, "hi"))
	a.mustOpen(t, b.send(t, "hi"))
	var late []letter
	for i := range 5 {
		late = append(late, a.send(t, fmt.Sprint("late ", i)))
	}
	a.initiate(t, b, true)
	for i := range 10 {
		b.mustOpen(t, a.send(t, fmt.Sprint("new ", i)))
		a.mustOpen(t, b.send(t, fmt.Sprint("answer ", i)))
	}
	for _, l := range late {
		b.mustOpen(t, l)
	}
}

// TestGarbageIsCheap holds that a message that opens nothing takes no more steps than maxSteps, however many sessions
// there are, and that those within reach still open.
func TestGarbageIsCheap(t *testing.T) {
	a, b := newPair(t)
	var far letter
	for i := range 6 {
		a.initiate(t, b, false)
		b.mustOpen(t, a.send(t, "hi"))
		a.mustOpen(t, b.send(t, "hi"))
		if i == 4 { // an archived session, and a new ratchet key: thousands of messages later
			r := a.record
			for range 9000 {
				var err error
				if r, _, far.bytes, err = r.Encrypt([]byte("far"), now); err != nil {
					t.Fatal(err)
				}
			}
			far.kind, far.plaintext, a.record = KindSignal, "far", r
		}
	}
	m, err := ratchet.ParseMessage(far.bytes)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	all := b.record.all()
	tried := candidates(all, m)
	for _, i := range tried {
		steps, _, err := all[i].ratchet.Steps(m)
		if err != nil {
			t.Fatal(err)
		}
		total += steps
	}
	if total > maxSteps || len(tried) >= 6 || len(tried) < 2 {
		t.Errorf("%d candidates take %d steps", len(tried), total)
	}
	b.mustOpen(t, far)
}

// TestEveryBit flips each bit of a first message. Nothing opens but what differs in the registration id alone.
func TestEveryBit(t *testing.T) {
	a, b := newPair(t)
	a.initiate(t, b, true)
	first, second := a.send(t, "hi"), a.send(t, "there")
	for i, l := range []letter{first, second} {
		known := i == 1 // the session is there, so the handshake is not made again
		harmless := 0
		for bit := range 8 * len(l.bytes) {
			// The handshake takes a millisecond, so of its longest part only every 61st bit is tried.
			if at := len(l.bytes) - bit/8; !known && at < kyber.CiphertextSize && bit%61 != 0 {
				continue
			}
			bad, registrationID := damage(l.bytes, bit)
			_, got, _, _, err := b.decrypt(l.kind, bad)
			if (err == nil) != registrationID || err == nil && string(got) != l.plaintext {
				t.Errorf("known %v, bit %d flipped, of the registration id %v: got %q, %v", known, bit, registrationID, got, err)
			}
			if registrationID {
				harmless++
			}
		}
		if harmless == 0 {
			t.Errorf("known %v: no bit of the registration id was tried", known)
		}
		b.mustOpen(t, l)
	}
}

func TestErrors(t *testing.T) {
	a, b := newPair(t)
	c, _ := newPair(t)

	if _, _, _, err := a.record.Encrypt(nil, now); !errors.Is(err, ErrNoSession) {
		t.Errorf("Encrypt without a session: got %v", err)
	}
	if _, err := a.record.Initiate(a.identity, 1, c.bundle(t, false), now); !errors.Is(err, ErrUntrustedIdentity) {
		t.Errorf("Initiate with another's bundle: got %v", err)
	}
	if _, err := a.record.Initiate(c.identity, 1, b.bundle(t, false), now); !errors.Is(err, ErrNoKey) {
		t.Errorf("Initiate with another's identity: got %v", err)
	}
	bad := b.bundle(t, false)
	bad.SignedPreKeySignature[0] ^= 1
	if _, err := a.record.Initiate(a.identity, 1, bad, now); !errors.Is(err, pqxdh.ErrSignature) {
		t.Errorf("Initiate with a bad signature: got %v", err)
	}
	bad = b.bundle(t, false)
	bad.Device++
	if _, err := a.record.Initiate(a.identity, 1, bad, now); !errors.Is(err, pqxdh.ErrBundle) {
		t.Errorf("Initiate with another device: got %v", err)
	}

	a.initiate(t, b, true)
	first := a.send(t, "hi")
	if _, err := b.open(t, KindSignal, first.bytes); !errors.Is(err, ratchet.ErrMessage) {
		t.Errorf("a first message as another kind: got %v", err)
	}
	m, err := ParsePreKeyMessage(first.bytes)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(k *Keys){
		"zero keys":             func(k *Keys) { *k = Keys{} },
		"no signed prekey":      func(k *Keys) { k.SignedPreKey = xeddsa.PrivateKey{} },
		"no KEM prekey":         func(k *Keys) { k.KEMPreKey = kyber.PrivateKey{} },
		"no one-time prekey":    func(k *Keys) { k.PreKey = xeddsa.PrivateKey{} },
		"another's identity":    func(k *Keys) { k.Identity = a.identity },
		"another signed prekey": func(k *Keys) { k.SignedPreKeyID++ },
		"another KEM prekey":    func(k *Keys) { k.KEMPreKeyID++ },
		"another prekey":        func(k *Keys) { k.PreKeyID++ },
	} {
		keys := b.keys(m)
		change(keys)
		if _, _, err := b.record.Accept(m, keys); !errors.Is(err, ErrNoKey) {
			t.Errorf("Accept, %s: got %v, want %v", name, err, ErrNoKey)
		}
	}
	if _, _, err := b.record.Accept(m, nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("Accept without keys: got %v, want %v", err, ErrNoKey)
	}
	wrong := b.keys(m)
	wrong.SignedPreKey = xeddsa.GenerateKey()
	if _, _, err := b.record.Accept(m, wrong); !errors.Is(err, ratchet.ErrDecrypt) {
		t.Errorf("Accept with another signed prekey: got %v", err)
	}
	stranger := newDevice(3)
	stranger.meet(t, c)
	if _, _, err := stranger.record.Accept(m, nil); !errors.Is(err, ErrUntrustedIdentity) {
		t.Errorf("Accept of another's message: got %v", err)
	}
	if b.record.Knows(m) {
		t.Error("the session is known before the message came")
	}
	b.mustOpen(t, first)
	if !b.record.Knows(m) {
		t.Error("the session is not known")
	}
	if _, err := b.open(t, first.kind, first.bytes); !errors.Is(err, ratchet.ErrDuplicate) {
		t.Errorf("a repeated message: got %v", err)
	}
	if _, err := a.open(t, KindPreKey, first.bytes); !errors.Is(err, ErrUntrustedIdentity) {
		t.Errorf("one's own message: got %v", err)
	}
}

// TestRefusesNonCanonicalBaseKey puts base keys into a message that are no unique encoding of a point.
func TestRefusesNonCanonicalBaseKey(t *testing.T) {
	a, b := newPair(t)
	a.initiate(t, b, false)
	l := a.send(t, "hi")
	m, err := ParsePreKeyMessage(l.bytes)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(l.bytes, m.BaseKey.Bytes())
	highBit, twist := bytes.Clone(l.bytes), bytes.Clone(l.bytes)
	highBit[i+32] |= 0x80
	copy(twist[i+1:], append([]byte{2}, make([]byte, 31)...))
	for name, in := range map[string][]byte{"high bit": highBit, "u = 2": twist} {
		if _, err := b.open(t, KindPreKey, in); !errors.Is(err, pqxdh.ErrKeyAgreement) {
			t.Errorf("%s: got %v, want %v", name, err, pqxdh.ErrKeyAgreement)
		}
	}
	b.mustOpen(t, l)
}

// TestAddresses holds that a first message opens only where its names are expected.
func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		name                string
		sender, atReceiver  Address // as the sender is named by itself, and by the receiver
		receiver, expecting Address // as the receiver is named by the sender, and by itself
		want                error
	}{
		{name: "named", sender: Address{1: 1, 17: 1}, atReceiver: Address{1: 1, 17: 1}, receiver: Address{1: 2, 17: 2}, expecting: Address{1: 2, 17: 2}},
		{name: "nobody named"},
		{name: "sender names nobody", atReceiver: Address{1: 1, 17: 1}, expecting: Address{1: 2, 17: 2}},
		{name: "receiver expects no names", sender: Address{1: 1, 17: 1}, receiver: Address{1: 2, 17: 2}, want: ratchet.ErrDecrypt},
		{name: "other sender", sender: Address{1: 1, 17: 1}, atReceiver: Address{1: 9, 17: 1}, receiver: Address{1: 2, 17: 2}, expecting: Address{1: 2, 17: 2}, want: ratchet.ErrDecrypt},
		{name: "other device", sender: Address{1: 1, 17: 1}, atReceiver: Address{1: 1, 17: 3}, receiver: Address{1: 2, 17: 2}, expecting: Address{1: 2, 17: 2}, want: ratchet.ErrDecrypt},
		{name: "other kind", sender: Address{1: 1, 17: 1}, atReceiver: Address{1, 1, 17: 1}, receiver: Address{1: 2, 17: 2}, expecting: Address{1: 2, 17: 2}, want: ratchet.ErrDecrypt},
		{name: "other recipient", sender: Address{1: 1, 17: 1}, atReceiver: Address{1: 1, 17: 1}, receiver: Address{1: 2, 17: 2}, expecting: Address{1: 4, 17: 2}, want: ratchet.ErrDecrypt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := newDevice(1), newDevice(2)
			var err1, err2 error
			a.record, err1 = New(Party{a.identity.Public(), tt.sender}, Party{b.identity.Public(), tt.receiver})
			b.record, err2 = New(Party{b.identity.Public(), tt.expecting}, Party{a.identity.Public(), tt.atReceiver})
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			a.initiate(t, b, false)
			l := a.send(t, "hi")
			if _, err := b.open(t, l.kind, l.bytes); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestUnanswered holds the rule of 30 days.
func TestUnanswered(t *testing.T) {
	a, b := newPair(t)
	a.initiate(t, b, false)
	for _, tt := range []struct {
		at   time.Time
		want error
	}{
		{now, nil},
		{now.Add(MaxUnanswered), nil},
		{now.Add(MaxUnanswered + time.Millisecond), ErrUnanswered},
		{now.AddDate(50, 0, 0), ErrUnanswered},
		{now.Add(-24 * time.Hour), nil},
		{now.AddDate(-50, 0, 0), ErrUnanswered}, // a clock was wrong: nothing is known of its age
	} {
		if _, _, _, err := a.record.Encrypt([]byte("hi"), tt.at); !errors.Is(err, tt.want) {
			t.Errorf("after %v: got %v, want %v", tt.at.Sub(now), err, tt.want)
		}
		if a.record.Usable(tt.at) != (tt.want == nil) {
			t.Errorf("after %v: usable %v", tt.at.Sub(now), a.record.Usable(tt.at))
		}
	}
	b.mustOpen(t, a.send(t, "hi"))
	a.mustOpen(t, b.send(t, "hi yourself"))
	if _, kind, _, err := a.record.Encrypt([]byte("still there?"), now.AddDate(50, 0, 0)); err != nil || kind != KindSignal {
		t.Errorf("an answered session after 50 years: got %v, %v", kind, err)
	}
}

// TestLastResort holds that a first message opens its session once, also after the session is forgotten.
func TestLastResort(t *testing.T) {
	a, b := newPair(t)
	a.initiate(t, b, false)
	l := a.send(t, "hi")
	b.mustOpen(t, l)
	b.meet(t, a) // everything forgotten but the replays
	stored, err := ParseReplays(b.replays.AppendTo(nil))
	if err != nil || stored.Len() != 1 {
		t.Fatalf("stored replays: %v", err)
	}
	b.replays = stored
	if _, err := b.open(t, l.kind, l.bytes); !errors.Is(err, ErrReplayed) {
		t.Errorf("got %v, want %v", err, ErrReplayed)
	}
	for i := range MaxReplays - 1 {
		if err := b.replays.Add(Replay{byte(i), byte(i >> 8), byte(i >> 16), 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.replays.Add(Replay{9, 9, 9, 9}); !errors.Is(err, ErrReplaysFull) {
		t.Errorf("one more: got %v", err)
	}
	a.initiate(t, b, false)
	l = a.send(t, "hi again")
	if _, err := b.open(t, l.kind, l.bytes); !errors.Is(err, ErrReplaysFull) {
		t.Errorf("got %v, want %v", err, ErrReplaysFull)
	}
	full := b.replays.AppendTo(nil)
	if r, err := ParseReplays(full); err != nil || r.Len() != MaxReplays {
		t.Errorf("full replays do not come back: %v", err)
	}
	for name, in := range map[string][]byte{
		"empty": nil, "version": {2}, "cut": full[:len(full)-1], "too many": append(bytes.Clone(full), full[1:33]...),
		"out of order": append(append([]byte{1}, full[33:65]...), full[1:33]...), "twice": append(bytes.Clone(full[:33]), full[1:33]...),
	} {
		if _, err := ParseReplays(in); !errors.Is(err, ErrState) {
			t.Errorf("replays, %s: got %v", name, err)
		}
	}
}

// TestArchive holds that 40 sessions are kept beside the current one, and that a message of a kept one makes it current.
func TestArchive(t *testing.T) {
	a, b := newPair(t)
	var letters []letter
	for i := range MaxArchived + 2 {
		a.initiate(t, b, false)
		l := a.send(t, fmt.Sprint(i))
		letters = append(letters, a.send(t, fmt.Sprint("late ", i)))
		b.mustOpen(t, l)
	}
	if n := len(b.record.archived); n != MaxArchived {
		t.Fatalf("%d archived", n)
	}
	// The oldest fell out; its message opens nothing, for its first use of the keys is remembered.
	if _, err := b.open(t, letters[0].kind, letters[0].bytes); !errors.Is(err, ErrReplayed) {
		t.Errorf("the oldest: got %v, want %v", err, ErrReplayed)
	}
	b.mustOpen(t, letters[1])
	m, err := ParsePreKeyMessage(letters[1].bytes)
	if err != nil {
		t.Fatal(err)
	}
	if b.record.current.baseKey != m.BaseKey || len(b.record.archived) != MaxArchived {
		t.Error("an archived session that opened a message is not the current one")
	}
	if n := len(b.record.AppendTo(nil)); n > MaxRecord {
		t.Errorf("stored: %d bytes", n)
	}
}

// TestSizes holds what PROTOCOL.md says of sizes.
func TestSizes(t *testing.T) {
	for _, oneTime := range []bool{false, true} {
		a, b := newPair(t)
		a.initiate(t, b, oneTime)
		over := func(l letter) int { return len(l.bytes) - (len(l.plaintext)/16+1)*16 }
		first := a.send(t, "hi")
		want := 1779
		if oneTime {
			want += 3 // an id of two bytes
		}
		if got := over(first); got != want {
			t.Errorf("first message, one-time key %v: %d bytes above its plaintext, want %d", oneTime, got, want)
		}
		b.mustOpen(t, first)
		quiet := b.send(t, "hi")
		if got := over(quiet); got != 56 {
			t.Errorf("an answer: %d bytes above its plaintext, want 56", got)
		}
		a.mustOpen(t, quiet)
		if got := over(a.send(t, "hi")); got != 89 {
			t.Errorf("a message with a chunk: %d bytes above its plaintext, want 89", got)
		}
		for _, d := range []*device{a, b} {
			if n := len(d.record.AppendTo(nil)); n < 500 || n > 1000 {
				t.Errorf("stored: %d bytes", n)
			}
		}
	}
}

var update = flag.Bool("update", false, "write testdata/record-v1.json anew: only for a new version of the stored form")

// TestRecordGolden opens two records that were stored by the first version, in the middle of a conversation with messages
// on the way, and goes on with it.
func TestRecordGolden(t *testing.T) {
	const file = "testdata/record-v1.json"
	type golden struct {
		A, B vectors.Hex
		Late []struct { // messages of A that B did not open yet
			Kind               Kind
			Message, Plaintext vectors.Hex
		}
	}
	if *update {
		a, b := newPair(t)
		var g golden
		late := func(l letter) {
			g.Late = append(g.Late, struct {
				Kind               Kind
				Message, Plaintext vectors.Hex
			}{l.kind, l.bytes, vectors.Hex(l.plaintext)})
		}
		a.initiate(t, b, true)
		late(a.send(t, "of the first session"))
		b.mustOpen(t, a.send(t, "hi"))
		b.initiate(t, a, false)
		a.mustOpen(t, b.send(t, "hi"))
		for i := range 40 {
			late(a.send(t, fmt.Sprint("late ", i)))
			b.mustOpen(t, a.send(t, "x"))
			a.mustOpen(t, b.send(t, "y"))
		}
		a.initiate(t, b, false)
		late(a.send(t, "of the last session"))
		g.Late = append(g.Late[:1], g.Late[len(g.Late)-6:]...) // the others are of chains that are gone
		g.A, g.B = a.record.AppendTo(nil), b.record.AppendTo(nil)
		vectors.Write(file, g)
	}
	var g golden
	vectors.Read(file, &g)
	var d [2]*device
	for i, stored := range [][]byte{g.A, g.B} {
		r, err := ParseRecord(stored)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r.AppendTo(nil), stored) {
			t.Fatal("the stored form has changed: this takes a new version")
		}
		d[i] = &device{record: r}
	}
	for i, l := range slices.Backward(g.Late) {
		m, err := ParsePreKeyMessage(l.Message)
		if l.Kind == KindPreKey && err == nil && !d[1].record.Knows(m) {
			continue // its keys are not stored
		}
		if got, err := d[1].open(t, l.Kind, l.Message); err != nil || got != string(l.Plaintext) {
			t.Errorf("late message %d: got %q, %v, want %q", i, got, err, l.Plaintext)
		}
	}
	if d[0].record.Usable(now) {
		d[0].send(t, "still there?")
	}
	d[0].mustOpen(t, d[1].send(t, "still here"))
	d[1].mustOpen(t, d[0].send(t, "good"))
}

// TestRecordRefused has one fault per row.
func TestRecordRefused(t *testing.T) {
	a, b := newPair(t)
	a.initiate(t, b, true)
	good := a.record.AppendTo(nil)
	for name, in := range map[string][]byte{
		"empty": nil, "version": append([]byte{2}, good[1:]...), "no fields": {1}, "cut": good[:len(good)-1],
		"longer": append(bytes.Clone(good), 0), "oversize": make([]byte, MaxRecord+1),
	} {
		if _, err := ParseRecord(in); !errors.Is(err, ErrState) {
			t.Errorf("%s: got %v, want %v", name, err, ErrState)
		}
	}
	for name, bad := range map[string]Party{
		"no key":     {Address: a.address},
		"device 0":   {a.identity.Public(), Address{1: 1}},
		"device 128": {a.identity.Public(), Address{1: 1, 17: 128}},
		"kind 2":     {a.identity.Public(), Address{0: 2, 17: 1}},
	} {
		if _, err := New(bad, b.party()); !errors.Is(err, ErrParty) {
			t.Errorf("local, %s: got %v", name, err)
		}
		if _, err := New(b.party(), bad); !errors.Is(err, ErrParty) {
			t.Errorf("remote, %s: got %v", name, err)
		}
	}
	archivedAlone := *a.record
	archivedAlone.archived, archivedAlone.current = archivedAlone.all(), nil
	twice := *a.record
	twice.archived = twice.all()
	for name, r := range map[string]*Record{"no current session": &archivedAlone, "one session twice": &twice} {
		if _, err := ParseRecord(r.AppendTo(nil)); !errors.Is(err, ErrState) {
			t.Errorf("%s: got %v, want %v", name, err, ErrState)
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	a, _ := newPair(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if out := fmt.Sprintf(verb, a.record); out != "session.Record" {
			t.Errorf("%s prints %s", verb, out)
		}
	}
}

func FuzzParsePreKeyMessage(f *testing.F) {
	a, b := newPair(f)
	a.initiate(f, b, true)
	f.Add(a.send(f, "hi").bytes)
	a.initiate(f, b, false)
	f.Add(a.send(f, "hi").bytes)
	f.Fuzz(func(t *testing.T, in []byte) {
		if next, _, _, _, err := b.decrypt(KindPreKey, in); err == nil {
			again(t, next)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	a, b := newPair(f)
	f.Add(a.record.AppendTo(nil))
	a.initiate(f, b, true)
	f.Add(a.record.AppendTo(nil))
	b.mustOpen(f, a.send(f, "hi"))
	b.initiate(f, a, false)
	f.Add(b.record.AppendTo(nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := ParseRecord(in)
		if err != nil {
			return
		}
		if !bytes.Equal(r.AppendTo(nil), in) {
			t.Errorf("%x is written %x", in, r.AppendTo(nil))
		}
		if next, _, _, err := r.Encrypt(nil, now); err == nil {
			again(t, next)
		}
	})
}

func FuzzParseReplays(f *testing.F) {
	var r Replays
	_ = r.Add(Replay{1})
	_ = r.Add(Replay{2})
	f.Add(r.AppendTo(nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		if r, err := ParseReplays(in); err == nil && !bytes.Equal(r.AppendTo(nil), in) {
			t.Errorf("%x is written %x", in, r.AppendTo(nil))
		}
	})
}
