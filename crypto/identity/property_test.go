package identity

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// apart is an account whose stewards act without hearing of each other, but when they are told.
type apart struct {
	seed     Seed
	now      time.Time
	stewards []string
	views    []View
	signed   []*Manifest // all, in the order of signing
	linked   int
}

func newApart(t fataler) *apart {
	w := &apart{seed: seedOf("Ada"), now: start, stewards: []string{"phone", "laptop", "desk"}}
	first := epochOf(t, w.seed, 0, start, w.stewards...)
	w.signed = append(w.signed, first)
	for range w.stewards {
		w.views = append(w.views, viewOf(t, first))
	}
	return w
}

// sign applies what steward i signed to its own view.
func (w *apart) sign(t fataler, i int, m *Manifest, err error) {
	t.Helper()
	if errors.Is(err, ErrFull) {
		return
	}
	if err != nil {
		t.Fatalf("steward %d: %v", i, err)
	}
	w.signed = append(w.signed, m)
	w.views[i] = w.apply(t, w.views[i], m)
	if w.views[i].Forked() || w.views[i].Due(w.now) || w.views[i].Manifest() != m {
		t.Fatalf("what steward %d signed does not say all it knows", i)
	}
}

// apply holds every step of a view to what must always be so.
func (w *apart) apply(t fataler, v View, m *Manifest) View {
	t.Helper()
	next, err := v.Apply(m)
	if err != nil && (!errors.Is(err, ErrRollback) || !next.Equal(v)) {
		t.Fatalf("apply: %v", err)
	}
	active := next.Devices()
	if len(active) > MaxDevices {
		t.Fatalf("%d devices", len(active))
	}
	keys := map[xeddsa.PublicKey]bool{}
	for _, d := range active {
		if next.Revoked().Has(d.number) || keys[d.identity] || next.Check(d.number, d.identity) != nil {
			t.Fatalf("device %d is active", d.number)
		}
		keys[d.identity] = true
	}
	for _, s := range next.state.stewards.list {
		if next.Check(s.number, s.identity) != nil || next.Revoked().Has(s.number) {
			t.Fatalf("a steward is not active")
		}
	}
	if next.Stewards().compare(v.Stewards()) == 0 {
		if next.Revoked().union(v.Revoked()) != next.Revoked() {
			t.Fatalf("a revoked number is back")
		}
		if next.Head() != v.Head() && !next.Head().Newer(v.Head()) {
			t.Fatalf("went back")
		}
	}
	return next
}

func (w *apart) actions() map[string]func(*rapid.T) {
	steward := func(t *rapid.T) int { return rapid.IntRange(0, len(w.stewards)-1).Draw(t, "steward") }
	return map[string]func(*rapid.T){
		"add": func(t *rapid.T) {
			i := steward(t)
			w.linked++
			// Few numbers and few keys, so that they clash.
			number := uint8(rapid.IntRange(4, 9).Draw(t, "number"))
			name := fmt.Sprint("device ", rapid.IntRange(0, 5).Draw(t, "device"))
			d := deviceOf(t, w.seed.Account().Public(), number, name, w.now)
			m, err := w.views[i].Add(identityOf(w.stewards[i]), d, w.now)
			if errors.Is(err, ErrNumber) || errors.Is(err, ErrListed) {
				return
			}
			w.sign(t, i, m, err)
		},
		"link": func(t *rapid.T) {
			i := steward(t)
			w.linked++
			number, err := w.views[i].FreeNumber()
			if err != nil {
				return
			}
			d := deviceOf(t, w.seed.Account().Public(), number, fmt.Sprint("linked ", w.linked), w.now)
			m, err := w.views[i].Add(identityOf(w.stewards[i]), d, w.now)
			w.sign(t, i, m, err)
		},
		"revoke": func(t *rapid.T) {
			i := steward(t)
			number := uint8(rapid.IntRange(4, 9).Draw(t, "number"))
			if devices := w.views[i].Devices(); rapid.Bool().Draw(t, "listed") {
				number = devices[rapid.IntRange(0, len(devices)-1).Draw(t, "device")].number
			}
			m, err := w.views[i].Revoke(identityOf(w.stewards[i]), w.now, number)
			if errors.Is(err, ErrNewEpoch) && number <= 3 {
				return
			}
			w.sign(t, i, m, err)
		},
		"renew": func(t *rapid.T) {
			i := steward(t)
			m, err := w.views[i].Renew(identityOf(w.stewards[i]), w.now)
			w.sign(t, i, m, err)
		},
		"tell": func(t *rapid.T) {
			i := steward(t)
			w.views[i] = w.apply(t, w.views[i], rapid.SampledFrom(w.signed).Draw(t, "manifest"))
		},
		"wait": func(t *rapid.T) {
			w.now = w.now.Add(time.Duration(rapid.IntRange(1, 1000).Draw(t, "minutes")) * time.Minute)
		},
	}
}

// TestForksMerge: any interleaving of additions and revocations by stewards apart comes to one view on every device, in
// any order of delivery, with any repetition; and one manifest of a steward that has seen it all says the same.
func TestForksMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newApart(t)
		t.Repeat(w.actions())
		var readers []View
		for range 4 {
			v := NewView(w.seed.Account().Public())
			for _, m := range rapid.Permutation(w.signed).Draw(t, "order") {
				v = w.apply(t, v, m)
				if rapid.IntRange(0, 9).Draw(t, "again") == 0 {
					v = w.apply(t, v, rapid.SampledFrom(w.signed).Draw(t, "which"))
				}
			}
			readers = append(readers, v)
		}
		for i, v := range readers {
			if !v.Equal(readers[0]) || !slices.Equal(v.Devices(), readers[0].Devices()) || v.Forked() != readers[0].Forked() {
				t.Fatalf("reader %d sees %v, and reader 0 %v", i, numbersOf(v.Devices()), numbersOf(readers[0].Devices()))
			}
		}
		// Whoever ends the fork, newcomers and those who were there see the same.
		i := rapid.IntRange(0, len(w.stewards)-1).Draw(t, "last steward")
		last, err := readers[0].Renew(identityOf(w.stewards[i]), w.now)
		if err != nil {
			t.Fatalf("%v", err)
		}
		newcomer := w.apply(t, NewView(w.seed.Account().Public()), last)
		old := w.apply(t, readers[1], last)
		if !newcomer.Equal(old) || newcomer.Forked() || !slices.Equal(newcomer.Devices(), readers[0].Devices()) {
			t.Fatalf("the newcomer sees %v, the others %v, before it was %v", numbersOf(newcomer.Devices()), numbersOf(old.Devices()), numbersOf(readers[0].Devices()))
		}
		for _, m := range w.signed {
			if _, err := newcomer.Apply(m); !errors.Is(err, ErrRollback) {
				t.Fatalf("an older manifest still says something: %v", err)
			}
		}
	})
}

// TestJoin: join is commutative, associative and idempotent, over epochs too.
func TestJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newApart(t)
		t.Repeat(w.actions())
		for i := range 2 { // two statements with one number
			m := epochOf(t, w.seed, w.signed[0].stewards.epoch, start, w.stewards[i])
			revoked := must[*Manifest](t)(viewOf(t, m).Revoke(identityOf(w.stewards[i]), start, uint8(40+i), 42))
			w.signed = append(w.signed, m, revoked)
		}
		// A third with the same number, whose steward has a number that is revoked under another.
		account := w.seed.Account()
		third := deviceOf(t, account.Public(), 41, "third", start)
		s := must[Stewards](t)(account.NewEpoch(w.signed[0].stewards.epoch, start, third))
		w.signed = append(w.signed, must[*Manifest](t)(s.Begin(identityOf("third"), start, third)))
		draw := func(label string) state {
			var s state
			for _, m := range rapid.SliceOfN(rapid.SampledFrom(w.signed), 0, 4).Draw(t, label) {
				s = s.join(stateOf(m))
			}
			return s
		}
		a, b, c := draw("a"), draw("b"), draw("c")
		if !a.join(b).equal(b.join(a)) {
			t.Fatalf("not commutative")
		}
		if !a.join(b).join(c).equal(a.join(b.join(c))) {
			t.Fatalf("not associative")
		}
		if !a.join(a).equal(a) || !a.join(b).join(b).equal(a.join(b)) {
			t.Fatalf("not idempotent")
		}
		if s := a.join(b); s.head != nil && !s.settled().settled().equal(s.settled()) {
			t.Fatalf("settling is not settled")
		}
	})
}

// TestHigherEpochWins: who has the words throws out a stolen steward, however long and forked its chain.
func TestHigherEpochWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newApart(t)
		t.Repeat(w.actions())
		old := w.signed[0].stewards.epoch
		next := epochOf(t, w.seed, old, w.now, "new phone")
		if next.stewards.epoch <= old {
			t.Fatalf("epoch %d after %d", next.stewards.epoch, old)
		}
		v := NewView(w.seed.Account().Public())
		for _, m := range rapid.Permutation(append(w.signed, next)).Draw(t, "order") {
			v = w.apply(t, v, m)
		}
		if v.Manifest() != next || v.Forked() || len(v.Devices()) != 1 || v.Check(1, identityOf("new phone").Public()) != nil {
			t.Fatalf("the old epoch still counts: %v", numbersOf(v.Devices()))
		}
		for _, name := range w.stewards {
			if _, err := v.Renew(identityOf(name), w.now); !errors.Is(err, ErrNotSteward) {
				t.Fatalf("%s is still a steward: %v", name, err)
			}
		}
	})
}

// TestNobodyListsAnother: a steward that does what it likes cannot list a key whose owner did not sign for this account
// and number, whatever it takes from entries that it has seen.
func TestNobodyListsAnother(t *testing.T) {
	ada, ben := seedOf("Ada"), seedOf("Ben")
	victim := deviceOf(t, ben.Account().Public(), 5, "victim", start)
	base := viewOf(t, epochOf(t, ada, 0, start, "phone"))
	var theirs, own deviceBody
	if canon.Unmarshal([]byte(victim.raw), DeviceSize, &theirs) != nil {
		t.Fatal("no device")
	}
	if canon.Unmarshal([]byte(deviceOf(t, ada.Account().Public(), 6, "own", start).raw), DeviceSize, &own) != nil {
		t.Fatal("no device")
	}
	rapid.Check(t, func(t *rapid.T) {
		fake := deviceBody{
			Number:   rapid.SampledFrom([]uint8{5, 6, 7}).Draw(t, "number"),
			Identity: theirs.Identity,
			Time:     uint64(rapid.IntRange(0, 5).Draw(t, "time")),
			Proof:    rapid.SampledFrom([][SignatureSize]byte{theirs.Proof, own.Proof}).Draw(t, "proof"),
			Unknown:  rapid.SampledFrom([]canon.Unknown{"", "\x08\x01"}).Draw(t, "unknown"),
		}
		a := ada.Account().Public()
		sign := func(l Label, by string) [SignatureSize]byte {
			return must[[SignatureSize]byte](t)(l.Sign(identityOf(by), fake.proven(a)...))
		}
		switch rapid.IntRange(0, 4).Draw(t, "how") {
		case 0:
			fake.Proof = sign(LabelDevice, "phone")
		case 1:
			fake.Proof = sign(LabelDevice, "own")
		case 2: // the victim signed much, but not this
			fake.Proof = sign(LabelManifest, "victim")
		case 3:
			fake.Proof = must[[SignatureSize]byte](t)(identityOf("victim").Sign(fake.Identity[:]))
		}
		raw := must[[]byte](t)(canon.Marshal(fake))
		if _, err := ParseDevice(a, raw); !errors.Is(err, ErrProof) {
			t.Fatalf("ParseDevice: %v", err)
		}
		forged := forge(t, base.Manifest(), "phone", func(b *signedBody) {
			b.Version, b.Previous = 2, base.Manifest().hash
			b.Devices = append(b.Devices, raw)
		})
		if _, err := ParseManifest(forged); !errors.Is(err, ErrProof) {
			t.Fatalf("ParseManifest: %v", err)
		}
		if next, _, err := base.Read(forged); !errors.Is(err, ErrProof) || !next.Equal(base) {
			t.Fatalf("Read: %v", err)
		}
	})
}
