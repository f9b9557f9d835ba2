package identity

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
)

// moved is an account of two stewards, phone (1) and laptop (9), which signed an entry under 5 too, long ago.
func moved(t fataler) (first *Manifest, old Device) {
	t.Helper()
	a := seedOf("Ada").Account()
	phone, laptop := deviceOf(t, a.Public(), 1, "phone", start), deviceOf(t, a.Public(), 9, "laptop", start)
	s := must[Stewards](t)(a.NewEpoch(0, start, phone, laptop))
	return must[*Manifest](t)(s.Begin(identityOf("phone"), start, phone, laptop)), deviceOf(t, a.Public(), 5, "laptop", start)
}

// TestStewardIsNotRenumbered: a stolen steward cannot revoke another by listing it under an old number, nor list
// somebody else under its number.
func TestStewardIsNotRenumbered(t *testing.T) {
	m, old := moved(t)
	v := viewOf(t, m)
	stranger := deviceOf(t, m.Account(), 9, "stranger", start)
	for name, change := range map[string]func(*signedBody){
		"renumbered":             func(b *signedBody) { b.Devices[1] = Raw(old.raw) },
		"renumbered and revoked": func(b *signedBody) { b.Devices, b.Revoked = []Raw{b.Devices[0], Raw(old.raw)}, b.Revoked.with(9) },
		"replaced":               func(b *signedBody) { b.Devices[1] = Raw(stranger.raw) },
		"listed twice":           func(b *signedBody) { b.Devices = []Raw{b.Devices[0], Raw(old.raw), b.Devices[1]} },
		"revoked":                func(b *signedBody) { b.Devices, b.Revoked = b.Devices[:1], b.Revoked.with(9) },
		"revoked but listed":     func(b *signedBody) { b.Revoked = b.Revoked.with(9) },
		"left out":               func(b *signedBody) { b.Devices = b.Devices[:1] },
	} {
		raw := forge(t, m, "phone", func(b *signedBody) {
			b.Version, b.Previous = 2, m.hash
			change(b)
		})
		if next, _, err := v.Read(raw); !errors.Is(err, ErrManifest) || !next.Equal(v) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	raw := forge(t, m, "phone", func(b *signedBody) { b.Version, b.Previous, b.Revoked = 2, m.hash, b.Revoked.with(5) })
	v, _, err := v.Read(raw)
	if err != nil || v.Check(9, identityOf("laptop").Public()) != nil {
		t.Errorf("its old number is revoked: %v", err)
	}
	if _, err := v.Revoke(identityOf("laptop"), start, 1); !errors.Is(err, ErrNewEpoch) {
		t.Errorf("a steward is revoked: %v", err)
	}
}

// TestStewardsKeepTheirPlace: whatever a stolen steward signs and whatever comes in which order, the others keep their
// numbers and can go on, and what one of them signs next ends fork and delay, and has room.
func TestStewardsKeepTheirPlace(t *testing.T) {
	names := []string{"phone", "laptop", "desk"}
	rapid.Check(t, func(t *rapid.T) {
		first := epochOf(t, seedOf("Ada"), 0, start, names...)
		a := first.Account()
		views := []View{viewOf(t, first), viewOf(t, first)}
		var signed []*Manifest
		for range rapid.IntRange(1, 8).Draw(t, "manifests") {
			v := views[0]
			devices := map[uint8]Device{}
			for n, name := range names {
				devices[uint8(n+1)] = deviceOf(t, a, uint8(n+1), name, start)
			}
			for range rapid.IntRange(0, 6).Draw(t, "entries") { // old numbers and times of stewards, and others
				n := uint8(rapid.IntRange(1, 9).Draw(t, "number"))
				name := rapid.SampledFrom(append(names, "a", "b", "c")).Draw(t, "name")
				devices[n] = deviceOf(t, a, n, name, start.Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "time"))*time.Hour))
			}
			var revoked Numbers
			for _, n := range rapid.SliceOfN(rapid.IntRange(1, 9), 0, 3).Draw(t, "revoked") {
				revoked = revoked.with(uint8(n))
			}
			raw := forge(t, first, "phone", func(b *signedBody) {
				b.Version = rapid.SampledFrom([]uint64{2, 3, v.state.head.version, v.state.head.version + 1, maxCount - 9}).Draw(t, "version")
				b.Previous = rapid.SampledFrom([][32]byte{first.hash, v.state.head.hash, {1}}).Draw(t, "previous")
				if b.Version == 1 {
					b.Previous = [32]byte{}
				}
				b.Time = rapid.SampledFrom([]uint64{0, uint64(start.Unix()), maxCount}).Draw(t, "time")
				b.Revoked, b.Devices = revoked, nil
				b.Unknown = rapid.SampledFrom([]Unknown{"", extension(extensionSize), extension(extensionSize + 1)}).Draw(t, "unknown")
				for n := range uint8(10) {
					if d, ok := devices[n]; ok && len(b.Devices) < MaxDevices {
						b.Devices = append(b.Devices, Raw(d.raw))
					}
				}
			})
			next, m, _ := views[0].Read(raw)
			if m != nil {
				views[0], signed = next, append(signed, m)
			}
		}
		for _, m := range rapid.Permutation(signed).Draw(t, "order") {
			views[1], _ = views[1].Apply(m)
		}
		if !views[0].Equal(views[1]) || views[0].Forked() != views[1].Forked() {
			t.Fatalf("order matters")
		}
		v, by := views[1], identityOf(rapid.SampledFrom(names[1:]).Draw(t, "by"))
		for i, name := range names {
			if err := v.Check(uint8(i+1), identityOf(name).Public()); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		m, err := v.Renew(by, start)
		if err != nil {
			t.Fatalf("renew: %v", err)
		}
		if v, err = v.Apply(m); err != nil || v.Forked() || v.Due(start) || v.Stale(start) || v.Manifest() != m {
			t.Fatalf("one renewal ends nothing: %v, forked %v, due %v", err, v.Forked(), v.Due(start))
		}
		for i := 0; len(v.Devices()) < MaxDevices; i++ {
			m, err := v.Add(by, deviceOf(t, a, uint8(100+i), fmt.Sprint("more ", i), start), start)
			if err != nil {
				t.Fatalf("adding %d: %v", i, err)
			}
			v, _ = v.Apply(m)
		}
	})
}

// TestLargestManifest: everything at its limit fits, so no steward can fill what the others have to sign.
func TestLargestManifest(t *testing.T) {
	a := seedOf("Ada").Account()
	far := time.Unix(maxCount, 0)
	devices := make([]Device, MaxDevices)
	for i := range devices {
		key := identityOf(fmt.Sprint("large ", i))
		body := deviceBody{Number: uint8(120 + i), Identity: [33]byte(key.Public().Bytes()), Time: maxCount, Unknown: extension(DeviceSize - 117)}
		body.Proof = must[[SignatureSize]byte](t)(LabelDevice.Sign(key, body.proven(a.Public())...))
		raw := must[[]byte](t)(canon.Marshal(body))
		if len(raw) != DeviceSize {
			t.Fatalf("an entry of %d bytes", len(raw))
		}
		devices[i] = must[Device](t)(ParseDevice(a.Public(), raw))
	}
	s := must[Stewards](t)(a.NewEpoch(maxCount-1, start, devices...))
	var body stewardsBody
	if err := canon.Unmarshal(s.raw, stewardsSize, &body); err != nil {
		t.Fatal(err)
	}
	body.Unknown = extension(stewardsSize - len(s.raw))
	raw := must[[]byte](t)(canon.Marshal(body))
	account := a.Public()
	s = must[Stewards](t)(parseStewards(account, raw, must[[SignatureSize]byte](t)(a.s.sign(LabelStewards, account[:], raw))))
	m := must[*Manifest](t)(s.Begin(identityOf("large 0"), far, devices...))
	var last []byte
	for _, pairs := range []Unknown{extension(extensionSize), manyPairs(extensionSize)} {
		last = forge(t, m, "large 7", func(b *signedBody) { b.Version, b.Previous, b.Unknown = maxCount-1, m.hash, pairs })
		v, _, err := viewOf(t, m).Read(last)
		if err != nil || len(s.raw) != stewardsSize || len(last) > ManifestSize {
			t.Fatalf("%d bytes: %v", len(last), err)
		}
		if _, err := v.Renew(identityOf("large 0"), far); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(last); got != 2028 {
		t.Errorf("the largest has %d bytes", got)
	}
}

// manyPairs returns pairs of n bytes, n even, in the fewest bytes each.
func manyPairs(n int) (u Unknown) {
	for key := 6; len(u) < n; key++ {
		if key < 24 {
			u += Unknown([]byte{byte(key), 0})
			continue
		}
		u += Unknown([]byte{0x18, byte(key), 0x18, 0x20})
	}
	return u
}

// TestWrongClocks: what was signed by a clock that ran ahead counts, and does not stay.
func TestWrongClocks(t *testing.T) {
	seed := seedOf("Ada")
	first := epochOf(t, seed, 0, start, "phone", "laptop")
	tablet := deviceOf(t, first.Account(), 3, "tablet", start)
	ahead := start.Add(3 * 365 * 24 * time.Hour)
	v := viewOf(t, first)
	v = viewOf(t, first, must[*Manifest](t)(v.Add(identityOf("phone"), tablet, start)))
	v, err := v.Apply(must[*Manifest](t)(v.Revoke(identityOf("phone"), ahead, 3)))
	if err != nil || !errors.Is(v.Check(3, tablet.Identity()), ErrRevoked) {
		t.Fatalf("revoked with a clock ahead: %v", err)
	}
	if !v.Due(start) || !v.Stale(start) || v.Time() != ahead {
		t.Errorf("nobody knows its age: due %v, stale %v", v.Due(start), v.Stale(start))
	}
	later := start.Add(24 * time.Hour)
	v, err = v.Apply(must[*Manifest](t)(v.Renew(identityOf("laptop"), later)))
	if err != nil || v.Due(later) || v.Stale(later) || v.Time() != later || !v.Due(later.Add(RenewAfter+time.Second)) {
		t.Errorf("the time ahead stays: %v, %v", v.Time(), err)
	}
}

// TestEpochAhead: an epoch that was begun with a wrong clock outranks one begun with nothing but the words; whoever
// refuses that one holds the statement that says what the next must be.
func TestEpochAhead(t *testing.T) {
	seed := seedOf("Ada")
	ben := viewOf(t, epochOf(t, seed, 0, start.Add(30*365*24*time.Hour), "phone")) // 2056
	words := epochOf(t, seed, 0, start, "new phone")
	if _, err := ben.Apply(words); !errors.Is(err, ErrRollback) {
		t.Fatalf("got %v", err)
	}
	// Ben hands back what he knows, and the new phone begins again.
	own, _, err := viewOf(t, words).Read(ben.Manifest().AppendTo(nil))
	if err != nil {
		t.Fatal(err)
	}
	again := epochOf(t, seed, own.Stewards().Epoch(), start, "new phone")
	for _, v := range []View{ben, own, viewOf(t, words), NewView(ben.Account())} { // those who never heard of it too
		if v, err := v.Apply(again); err != nil || v.Check(1, identityOf("new phone").Public()) != nil || len(v.Devices()) != 1 {
			t.Errorf("got %v", err)
		}
	}
}

// TestTwoStatements: of two statements with one number one stands, and what was revoked under either stays revoked.
func TestTwoStatements(t *testing.T) {
	a := seedOf("Ada").Account()
	phone, laptop := deviceOf(t, a.Public(), 1, "phone", start), deviceOf(t, a.Public(), 2, "laptop", start)
	s1 := must[Stewards](t)(a.NewEpoch(0, start, phone))
	s2 := must[Stewards](t)(a.NewEpoch(0, start, phone, laptop))
	wins := must[*Manifest](t)(s1.Begin(identityOf("phone"), start, phone))
	loses := must[*Manifest](t)(s2.Begin(identityOf("phone"), start, phone, laptop))
	if wins.stewards.compare(loses.stewards) < 0 {
		wins, loses = loses, wins
	}
	before := viewOf(t, loses)
	revoked := must[*Manifest](t)(before.Revoke(identityOf("phone"), start, 77))
	before = viewOf(t, loses, revoked)
	after := viewOf(t, loses, revoked, wins)
	if !after.Revoked().Has(77) || after.Manifest() != wins || !after.Equal(viewOf(t, wins, loses, revoked)) {
		t.Errorf("revoked %v, under %v", after.Revoked().List(), after.Head())
	}
	if before.Head().Newer(after.Head()) || !after.Head().Newer(before.Head()) {
		t.Error("the head of the statement that lost is newer, with its version 2")
	}
	if _, err := after.Apply(revoked); !errors.Is(err, ErrRollback) {
		t.Errorf("got %v", err)
	}
	// One whose number was revoked under the other statement is a steward under this.
	var other Device
	for i := 0; ; i++ { // until its hash is the lower
		s := must[Stewards](t)(a.NewEpoch(0, start, phone, deviceOf(t, a.Public(), 77, fmt.Sprint("desk ", i), start)))
		if s.compare(after.Stewards()) > 0 {
			other = deviceOf(t, a.Public(), 77, fmt.Sprint("desk ", i), start)
			m := must[*Manifest](t)(s.Begin(identityOf("phone"), start, phone, other))
			after = viewOf(t, after.Manifest(), loses, revoked, m)
			break
		}
	}
	if after.Check(77, other.Identity()) != nil || after.Revoked().Has(77) || after.Forked() {
		t.Error("a steward is revoked")
	}
}

// TestForkIsTold: two manifests of one version are always told from an old one, whichever has the lower hash.
func TestForkIsTold(t *testing.T) {
	first := epochOf(t, seedOf("Ada"), 0, start, "phone", "laptop")
	v := viewOf(t, first)
	tablet := deviceOf(t, first.Account(), 3, "tablet", start)
	a := must[*Manifest](t)(v.Add(identityOf("phone"), tablet, start))
	for i := range 20 {
		b := must[*Manifest](t)(v.Renew(identityOf("laptop"), start.Add(-time.Duration(i)*time.Second)))
		for _, order := range [][]*Manifest{{a, b}, {b, a}} {
			both := viewOf(t, first, order[0])
			both, err := both.Apply(order[1])
			if err != nil || !both.Forked() || !both.Due(start) || !a.Apart(b) || !b.Apart(a) {
				t.Fatalf("%d: not forked: %v", i, err)
			}
			if again := must[View](t)(ParseView(both.AppendTo(nil))); !again.Equal(both) || !again.Forked() {
				t.Fatalf("%d: the fork is not stored", i)
			}
			other := a
			if both.Manifest() == a {
				other = b
			}
			if _, err := both.Apply(other); !errors.Is(err, ErrFork) || !errors.Is(err, ErrRollback) {
				t.Fatalf("%d: the other again: %v", i, err)
			}
			if _, err := both.Apply(first); errors.Is(err, ErrFork) || !errors.Is(err, ErrRollback) {
				t.Fatalf("%d: an old one: %v", i, err)
			}
			// It ends, and the one that does not lead there is still told from the one that does.
			ended := must[View](t)(both.Apply(must[*Manifest](t)(both.Renew(identityOf("phone"), start))))
			if ended.Forked() {
				t.Fatalf("%d: still forked", i)
			}
			if _, err := ended.Apply(other); !errors.Is(err, ErrFork) {
				t.Fatalf("%d: the other after the end: %v", i, err)
			}
			if _, err := ended.Apply(both.Manifest()); errors.Is(err, ErrFork) || !errors.Is(err, ErrRollback) {
				t.Fatalf("%d: the one before the end: %v", i, err)
			}
		}
	}
}

// TestCarrierAddsNothing: what no signature covers has one form.
func TestCarrierAddsNothing(t *testing.T) {
	m := usual(t)
	for _, pair := range [][]byte{{0x08, 0x01}, {0x18, 0x64, 0x42, 1, 2}, {0x20, 0x00}, {0x38, 0x64, 0x00}} {
		raw := append(append([]byte{m.raw[0] + 1}, m.raw[1:]...), pair...)
		if _, err := ParseManifest(raw); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x: got %v", pair, err)
		}
	}
	for _, change := range []func(*manifestBody){
		func(o *manifestBody) { o.Signed = newer(o.Signed) },
		func(o *manifestBody) { o.Stewards = newer(o.Stewards) },
	} {
		o := outerOf(t, m)
		change(&o)
		if _, err := ParseManifest(must[[]byte](t)(canon.Marshal(o))); !errors.Is(err, ErrSignature) {
			t.Errorf("what nobody signed needs a newer Linnet: %v", err)
		}
	}
}

// TestProofCoversEntry: a steward cannot change anything of an entry.
func TestProofCoversEntry(t *testing.T) {
	d := usual(t).devices[2]
	for i := range d.raw {
		b := []byte(d.raw)
		b[i] ^= 1
		if _, err := ParseDevice(d.account, b); err == nil {
			t.Errorf("byte %d is not covered", i)
		}
	}
	if _, err := ParseDevice(d.account, append([]byte{0xa5}, d.raw[1:]+"\x08\x01"...)); !errors.Is(err, ErrProof) {
		t.Errorf("added: got %v", err)
	}
}

// crowded is a view that a stolen steward has filled: an entry under every number.
func crowded(t fataler) View {
	first := epochOf(t, seedOf("Ada"), 0, start, "phone")
	v := viewOf(t, first)
	for n := 2; n <= MaxNumber; n += MaxDevices - 1 {
		raw := forge(t, first, "phone", func(b *signedBody) {
			b.Version, b.Previous = uint64(n), first.hash
			for i := n; i < n+MaxDevices-1 && i <= MaxNumber; i++ {
				b.Devices = append(b.Devices, Raw(deviceOf(t, first.Account(), uint8(i), fmt.Sprint("x", i), start).raw))
			}
		})
		next, _, err := v.Read(raw)
		if err != nil {
			t.Fatalf("%v", err)
		}
		v = next
	}
	return v
}

func TestCrowdedView(t *testing.T) {
	v := crowded(t)
	if len(v.state.devices) != MaxNumber || len(v.Devices()) != MaxDevices || !slices.Equal(numbersOf(v.Devices()), []uint8{1, 2, 3, 4, 5, 6, 7, 8}) {
		t.Errorf("%d entries, active %v", len(v.state.devices), numbersOf(v.Devices()))
	}
	stored := v.AppendTo(nil)
	if len(stored) > ViewSize {
		t.Errorf("%d bytes", len(stored))
	}
	again := must[View](t)(ParseView(stored))
	if !again.Equal(v) || !slices.Equal(again.Devices(), v.Devices()) || !bytes.Equal(again.AppendTo(nil), stored) {
		t.Error("it is stored as another")
	}
	key := identityOf("phone").Public()
	if n := testing.AllocsPerRun(10, func() { _ = v.Check(1, key) }); n > 0 {
		t.Errorf("a check takes %v allocations", n)
	}
	settled := must[View](t)(v.Apply(must[*Manifest](t)(v.Renew(identityOf("phone"), start))))
	if len(settled.state.devices) != MaxDevices || settled.Forked() {
		t.Errorf("%d entries are left", len(settled.state.devices))
	}
}

func BenchmarkParseView(b *testing.B) {
	for name, v := range map[string]View{"8": viewOf(b, eight(b)), "127": crowded(b)} {
		stored := v.AppendTo(nil)
		b.Run("entries="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseView(stored); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
