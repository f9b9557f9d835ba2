package descriptor

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
)

// TestEightDevices: the largest that an account can say fits, whatever the extensions.
func TestEightDevices(t *testing.T) {
	for _, stewards := range []int{1, 8} {
		ada := personOf(t, "Ada", 8, stewards)
		c := ada.content(t, 1<<53-1)
		body := must[[]byte](t)(c.marshal())
		r := c.Records()[0]
		t.Logf("%d stewards: manifest %d, record %d, all %d of %d bytes", stewards,
			len(c.Manifest().AppendTo(nil)), len(r.raw), len(body), plainSize-lengthSize)
		s := must[Sealed](t)(c.Seal(ada.discovery, placeOf(start), time.Time{}, start))
		got := must[Opened](t)(Open(s.Value, ada.d(), ada.stranger(), start))
		if len(s.Value) != Size || !got.Content.Equal(c) || len(got.Refused) > 0 || got.Place != s.Place {
			t.Errorf("got %v", got.Refused)
		}
		if d, want := deviceOf(t, got.Content.Records()[0]), fullDevice(t, "Ada0", 1<<53-1); !cmp.Equal(d, want) {
			t.Error(cmp.Diff(want, d))
		}
	}
	t.Logf("the least record takes %d bytes, the largest body %d", len(ada0(t).raw), bodySize)
	full := contentBody{Manifest: make([]byte, identity.ManifestSize)}
	for range identity.MaxDevices {
		full.Records = append(full.Records, make([]byte, RecordSize))
	}
	if b := must[[]byte](t)(canon.Marshal(full)); len(b) != bodySize || len(b) > plainSize-lengthSize {
		t.Errorf("the largest body takes %d, and %d were reckoned", len(b), bodySize)
	}
}

func second[T any](_ T, err error) error { return err }

func TestOpenRefuses(t *testing.T) {
	ada, bob := personOf(t, "Ada", 3, 1), personOf(t, "Bob", 1, 1)
	at := placeOf(start)
	manifest := ada.view.Manifest().AppendTo(nil)
	least := ada.record(t, 0, leastDevice("a", 1)).AppendTo(nil)
	forge := func(plain []byte) []byte { return ada.forge(t, at, func([]byte) {}, plain).Value }
	good := plainOf(t, contentBody{Manifest: manifest, Records: [][]byte{least}})
	padded := bytes.Clone(good)
	padded[plainSize-1] = 1
	long := bytes.Clone(good)
	long[0], long[1] = 0xff, 0xff
	tampered := func() []byte { // signed by who does not know how to encrypt
		v := forge(good)
		v[offsetSealed] ^= 1
		s := must[*signer](t)(newSigner(ada.discovery, at))
		rest := restOf(v, offsetWork, offsetSignature)
		nonce := findWork(s.public, rest, 0)
		copy(v[offsetWork:], nonce[:])
		sig := s.sign(signedOf(nonce[:], rest), [32]byte{})
		copy(v[offsetSignature:], sig[:])
		return v
	}()
	for _, tt := range []struct {
		name  string
		value []byte
		view  identity.View
		want  error
	}{
		{"right", forge(good), ada.stranger(), nil},
		{"zero view", forge(good), identity.View{}, ErrKey},
		{"short", nil, ada.stranger(), ErrSize},
		{"not encrypted to D", tampered, ada.stranger(), ErrOpen},
		{"no body", forge(nil), ada.stranger(), ErrMalformed},
		{"padding not zero", forge(padded), ada.stranger(), ErrMalformed},
		{"length beyond the end", forge(long), ada.stranger(), ErrMalformed},
		{"no manifest", forge(plainOf(t, contentBody{})), ada.stranger(), ErrMalformed},
		{"manifest of another", forge(plainOf(t, contentBody{Manifest: bob.view.Manifest().AppendTo(nil)})), ada.stranger(), ErrAccount},
		{"account of another", forge(good), bob.stranger(), ErrAccount},
		{"manifest cut", forge(plainOf(t, contentBody{Manifest: manifest[:99]})), ada.stranger(), ErrMalformed},
		{"extension that nobody signed", forge(plainOf(t, openBody{Manifest: manifest, Unknown: "\x07\x01"})), ada.stranger(), ErrMalformed},
		{"no extension", forge(plainOf(t, openBody{Manifest: manifest})), ada.stranger(), nil},
		{"nine records", forge(plainOf(t, openBody{Manifest: manifest, Records: [][]byte{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}}})), ada.stranger(), ErrSize},
		{"records of nothing", forge(plainOf(t, openBody{Manifest: manifest, Records: [][]byte{{}, nil}})), ada.stranger(), nil},
	} {
		o, err := Open(tt.value, ada.d(), tt.view, start)
		if !errors.Is(err, tt.want) || o.Content.IsZero() != (err != nil) || err != nil && !cmp.Equal(o, Opened{}) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := Open(forge(good), bob.d(), ada.stranger(), start); !errors.Is(err, ErrWork) && !errors.Is(err, ErrSignature) {
		t.Errorf("discovery key of another: got %v", err)
	}
	if _, err := Open(forge(good), identity.DiscoveryKey{}, ada.stranger(), start); !errors.Is(err, ErrKey) {
		t.Errorf("zero discovery key: got %v", err)
	}
	if _, err := Open(forge(good), ada.d(), ada.stranger(), start.Add(48*time.Hour)); !errors.Is(err, ErrPeriod) {
		t.Errorf("late: got %v", err)
	}

	// What costs nothing comes first: no key is blinded, or this one would be refused.
	for name, tt := range map[string]struct {
		offset int
		want   error
	}{
		"a newer version":               {0, ErrNewer},
		"another period":                {offsetPeriod, ErrPeriod},
		"the period of tomorrow":        {offsetPeriod + 7, ErrPeriod},
		"another replica":               {offsetReplica, ErrReplica},
		"a signing time without end":    {offsetTime, ErrFuture},
		"another end":                   {offsetNotAfter, ErrNotAfter},
		"the key, when all is as usual": {Size - 1, ErrKey},
	} {
		value := forge(good)
		value[tt.offset] ^= 0x7e
		if tt.offset == 0 {
			value[offsetReplica] = 9
		}
		if o, err := Open(value, identity.DiscoveryKey{1}, ada.stranger(), start); !errors.Is(err, tt.want) || !cmp.Equal(o, Opened{}) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}

	// One bad record hides no other.
	bobs := bob.record(t, 0, leastDevice("b", 1)).AppendTo(nil)
	two := ada.record(t, 1, leastDevice("c", 1)).AppendTo(nil)
	fork := personOf(t, "Ada", 5, 1).record(t, 4, leastDevice("e", 1)).AppendTo(nil)
	revoked := must[*identity.Manifest](t)(ada.view.Revoke(ada.keys[0], start, 2))
	view := must[identity.View](t)(ada.view.Apply(revoked))
	value := forge(plainOf(t, contentBody{Manifest: manifest, Records: [][]byte{bobs, two, least, fork, {0x80}}}))
	o, err := Open(value, ada.d(), view, start) // the manifest is older than the view's
	if err != nil || len(o.Content.Records()) != 1 || o.Content.Records()[0].Number() != 1 || len(o.Refused) != 4 {
		t.Fatalf("got %v, %v", o.Refused, err)
	}
	for i, want := range []error{ErrSignature, identity.ErrRevoked, identity.ErrNotListed, ErrMalformed} {
		if !errors.Is(o.Refused[i], want) {
			t.Errorf("record %d: got %v, want %v", i, o.Refused[i], want)
		}
	}
}

// openBody is a body as somebody may write it who knows d and does not keep to the protocol.
type openBody struct {
	Manifest []byte        `cbor:"1,keyasint" max:"2048"`
	Records  [][]byte      `cbor:"2,keyasint,omitempty" max:"9" each:"720"`
	Unknown  canon.Unknown `cbor:"-"`
}

func TestContent(t *testing.T) {
	ada, bob := personOf(t, "Ada", 3, 1), personOf(t, "Bob", 1, 1)
	c := ada.content(t, 1)
	if _, err := c.Merge(bob.content(t, 1)); !errors.Is(err, ErrAccount) {
		t.Errorf("merge: got %v", err)
	}
	if _, err := c.Active(bob.view); !errors.Is(err, ErrAccount) {
		t.Errorf("active: got %v", err)
	}
	for name, err := range map[string]error{
		"content of nobody":   second(NewContent(ada.stranger())),
		"content of a zero":   second(NewContent(identity.View{})),
		"active zero view":    second(c.Active(identity.View{})),
		"active zero content": second(Content{}.Active(ada.view)),
		"seal zero":           second(Content{}.Seal(ada.discovery, placeOf(start), time.Time{}, start)),
		"seal zero key":       second(c.Seal(identity.DiscoveryPrivateKey{}, placeOf(start), time.Time{}, start)),
		"ahead zero key":      second(c.Ahead(identity.DiscoveryPrivateKey{}, nil, start)),
	} {
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := NewContent(ada.view, bob.record(t, 0, leastDevice("b", 1))); !errors.Is(err, ErrAccount) {
		t.Errorf("record of another: got %v", err)
	}
	m := must[*identity.Manifest](t)(ada.view.Revoke(ada.keys[0], start, 2))
	v := must[identity.View](t)(ada.view.Apply(m))
	if _, err := NewContent(v, ada.record(t, 1, leastDevice("b", 1))); !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("revoked: got %v", err)
	}
	active := must[Content](t)(c.Active(v))
	if len(active.Records()) != 2 || active.Manifest() != m || len(c.Records()) != 3 {
		t.Errorf("%d records are active", len(active.Records()))
	}
	for name, p := range map[string]Place{
		"past": {PeriodOf(start) - 1, 0}, "far": {PeriodOf(start) + 15, 0},
	} {
		if _, err := c.Seal(ada.discovery, p, time.Time{}, start); !errors.Is(err, ErrPeriod) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for year, want := range map[int]error{1970: ErrPeriod, 1987: ErrPeriod, 2000: nil} { // 2000 is when a synctest bubble begins
		now := time.Date(year, 2, 1, 0, 0, 0, 0, time.UTC)
		if _, err := c.Seal(ada.discovery, placeOf(now), time.Time{}, now); !errors.Is(err, want) {
			t.Errorf("%d: got %v, want %v", year, err, want)
		}
	}
	if _, err := c.Seal(ada.discovery, Place{PeriodOf(start), 2}, time.Time{}, start); !errors.Is(err, ErrReplica) {
		t.Errorf("replica: got %v", err)
	}
	many := c
	for i := range 9 {
		many = many.with(Record{account: c.Manifest().Account(), number: uint8(50 + i)})
	}
	if _, err := many.Seal(ada.discovery, placeOf(start), time.Time{}, start); !errors.Is(err, ErrFull) {
		t.Errorf("many: got %v", err)
	}
}

// TestMergeIsAUnion: whatever is merged, in whatever order and however often, comes to the same; nothing goes back.
func TestMergeIsAUnion(t *testing.T) {
	ada := personOf(t, "Ada", 4, 2)
	var contents []Content
	views := []identity.View{ada.view}
	for i := range 3 { // manifests apart: a fork, and what follows
		m := must[*identity.Manifest](t)(views[i/2].Revoke(ada.keys[i%2], start.Add(time.Duration(i)*time.Hour), uint8(100+i)))
		views = append(views, must[identity.View](t)(views[i/2].Apply(m)))
	}
	for i, v := range views {
		for version := range uint64(3) {
			c := must[Content](t)(NewContent(v, ada.record(t, i, leastDevice(fmt.Sprint(i, version), version+1))))
			clash := ada.record(t, (i+1)%4, leastDevice(fmt.Sprint("clash", i), version+1))
			contents = append(contents, c.with(clash))
		}
	}
	contents = append(contents, Content{})
	draw := rapid.SampledFrom(contents)
	merge := func(t *rapid.T, a, b Content) Content { return must[Content](t)(a.Merge(b)) }
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := draw.Draw(t, "a"), draw.Draw(t, "b"), draw.Draw(t, "c")
		a = merge(t, a, draw.Draw(t, "d"))
		if !merge(t, a, b).Equal(merge(t, b, a)) {
			t.Error("not commutative")
		}
		if !merge(t, merge(t, a, b), c).Equal(merge(t, a, merge(t, b, c))) {
			t.Error("not associative")
		}
		if !merge(t, a, a).Equal(a) || !merge(t, merge(t, a, b), b).Equal(merge(t, a, b)) {
			t.Error("not idempotent")
		}
		sum := merge(t, a, b)
		for _, r := range slices.Concat(a.records, b.records) {
			if !slices.ContainsFunc(sum.records, func(s Record) bool {
				return s.number == r.number && s.identity == r.identity && s.version >= r.version
			}) {
				t.Error("went back")
			}
		}
	})
}

// TestWritersInTurn: devices that read, merge and write, with clocks that differ, lose nobody's record, and what each
// writes replaces what it read.
func TestWritersInTurn(t *testing.T) {
	ada := personOf(t, "Ada", 3, 1)
	at := placeOf(start)
	var value []byte
	for turn := range 9 {
		i := turn % 3
		now := start.Add(time.Duration(turn)*time.Second + []time.Duration{0, 9 * time.Minute, -9 * time.Minute}[i])
		mine := must[Content](t)(NewContent(ada.view, ada.record(t, i, leastDevice("x", uint64(turn+1)))))
		var replaces time.Time
		if value != nil {
			o := must[Opened](t)(Open(value, ada.d(), ada.view, start.Add(time.Minute)))
			mine, replaces = must[Content](t)(mine.Merge(o.Content)), o.Order
		}
		next := must[Sealed](t)(must[Content](t)(mine.Active(ada.view)).Seal(ada.discovery, at, replaces, now))
		if value != nil {
			if i := must[int](t)(Select([][]byte{value, next.Value})); i != 1 {
				t.Errorf("turn %d does not replace the one before", turn)
			}
		}
		value = next.Value
	}
	o := must[Opened](t)(Open(value, ada.d(), ada.view, start.Add(time.Minute)))
	for i, r := range o.Content.Records() {
		if r.Version() != uint64(7+i) || r.Account() != ada.view.Account() || r.Identity() != ada.keys[i].Public() {
			t.Errorf("device %d has version %d", r.Number(), r.Version())
		}
	}
}

// TestSlowClocks holds that a reader whose clock is an hour fast or Grace slow opens what was just sealed, as PROTOCOL.md
// promises, and that a node does not refuse it for its signing time.
func TestSlowClocks(t *testing.T) {
	ada := personOf(t, "Ada", 1, 1)
	noon := PeriodOf(start).Start().Add(12 * time.Hour)
	c := ada.content(t, 1)
	s := must[Sealed](t)(c.Seal(ada.discovery, placeOf(noon), time.Time{}, noon))
	for _, off := range []time.Duration{-12 * time.Hour, -Grace, -time.Hour, 0, time.Hour, 11 * time.Hour} {
		if _, err := Open(s.Value, ada.d(), ada.stranger(), noon.Add(off)); err != nil {
			t.Errorf("a reader %v off: got %v", off, err)
		}
		if err := Validate(s.Key.DHT(), s.Value, noon.Add(off)); err != nil {
			t.Errorf("a node %v off: got %v", off, err)
		}
	}
}

// TestActiveKnowsTheNewestManifest holds that a writer who merged what it read does not drop a device that its own view
// does not know yet, but the manifest in the content does.
func TestActiveKnowsTheNewestManifest(t *testing.T) {
	two, one := personOf(t, "Ada", 2, 1), personOf(t, "Ada", 1, 1)
	c := two.content(t, 1)
	if len(c.Records()) != 2 {
		t.Fatalf("%d records", len(c.Records()))
	}
	before, err := c.Active(two.view)
	if err != nil || len(before.Records()) != 2 {
		t.Fatalf("by its own view: %d records, %v", len(before.Records()), err)
	}
	behind, err := c.Active(identity.NewView(one.view.Account()))
	if err != nil || len(behind.Records()) != 2 {
		t.Errorf("by a view that knows no manifest yet: %d records, %v", len(behind.Records()), err)
	}
}

// TestNothingPrintsNested holds that neither a record nor what holds records shows a bundle key.
func TestNothingPrintsNested(t *testing.T) {
	c := personOf(t, "Ada", 1, 1).content(t, 1)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		want := "descriptor.Contentdescriptor.Recorddescriptor.Opened"
		if out := fmt.Sprintf(verb+verb+verb, c, c.Records()[0], Opened{Content: c}); out != want {
			t.Errorf("%s prints %s", verb, out)
		}
	}
}

// TestOpensWhatIsLookedFor holds that a record of the next period, signed ahead, opens only when readers look for it.
func TestOpensWhatIsLookedFor(t *testing.T) {
	ada := personOf(t, "Ada", 1, 1)
	next := PeriodOf(start) + 1
	s := must[Sealed](t)(ada.content(t, 1).Seal(ada.discovery, Place{Period: next}, time.Time{}, start))
	for _, tt := range []struct {
		before time.Duration
		want   error
	}{{13 * time.Hour, ErrPeriod}, {Early + time.Minute, ErrPeriod}, {Early, nil}, {0, nil}, {-12 * time.Hour, nil}} {
		if _, err := Open(s.Value, ada.d(), ada.stranger(), next.Start().Add(-tt.before)); !errors.Is(err, tt.want) {
			t.Errorf("%v before its period: got %v, want %v", tt.before, err, tt.want)
		}
	}
}
