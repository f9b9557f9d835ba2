package descriptor

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/identity"
)

func TestPlaces(t *testing.T) {
	p := PeriodOf(start)
	at := func(periods ...Period) (list []Place) {
		for _, p := range periods {
			list = append(list, Place{p, 0}, Place{p, 1})
		}
		return list
	}
	const ms = time.Millisecond
	for _, tt := range []struct {
		name            string
		after           time.Duration // the period's start
		lookup, publish []Place
	}{
		{"start", 0, at(p, p-1), at(p)},
		{"1 ms before 3 h", 3*time.Hour - ms, at(p, p-1), at(p)},
		{"3 h", 3 * time.Hour, at(p), at(p)},
		{"1 ms before 23 h", 23*time.Hour - ms, at(p), at(p)},
		{"23 h", 23 * time.Hour, at(p, p+1), at(p, p+1)},
		{"last ms", 24*time.Hour - ms, at(p, p+1), at(p, p+1)},
	} {
		now := p.Start().Add(tt.after)
		if got := LookupPlaces(now); !cmp.Equal(got, tt.lookup) {
			t.Errorf("%s: lookup %v", tt.name, got)
		}
		if got := PublishPlaces(now); !cmp.Equal(got, tt.publish) {
			t.Errorf("%s: publish %v", tt.name, got)
		}
	}
	if got := LookupPlaces(time.Unix(-5, 0)); !cmp.Equal(got, at(0)) {
		t.Errorf("before 1970: %v", got)
	}
	ahead := AheadPlaces(start)
	if len(ahead) != 28 || ahead[0] != (Place{p + 1, 0}) || ahead[27] != (Place{p + 14, 1}) {
		t.Errorf("ahead: %v", ahead)
	}
}

// TestClockSteps walks through all 2^15 steps, for the secret of an account and for the least and greatest cuts that can
// be drawn: the numbers rise from step to step, all of them lie over 24 h before the period and none before 1970, and the
// borders are where PROTOCOL.md says.
func TestClockSteps(t *testing.T) {
	p := PeriodOf(start)
	begin := p.start() - clockAhead*clockStep
	if got := time.Duration(p.start()-begin) * time.Millisecond; got != 1_320_960*time.Second || got < 15*PeriodLength {
		t.Errorf("the first step is %v before the period", got)
	}
	if got := (clockSteps - clockAhead) * clockStep * time.Millisecond; got != 88_064*time.Second || got < PeriodLength || clockSteps-clockAhead != clockSteps/16 {
		t.Errorf("the last step ends %v after the start of the period", got)
	}
	block := must[cipher.Block](t)(aes.NewCipher(secretOf("clock")))
	for name, draw := range map[string]func(uint64) uint64{
		"secret":     func(node uint64) uint64 { return drawBlock(block, 0, node) },
		"least":      func(uint64) uint64 { return 0 },
		"greatest":   func(uint64) uint64 { return 1<<64 - 1 },
		"to and fro": func(node uint64) uint64 { return -(node & 1) },
	} {
		last := p.start() - periodMillis - clockSpan
		for step := uint64(0); step < clockSteps; step++ {
			now := begin + step*clockStep
			low, end := clockRange(p.start(), now, draw)
			again, same := clockRange(p.start(), now+clockStep-1, draw)
			if step >= clockAhead && step%(1<<clockLive) != 0 { // one with the step before
				if low >= last || end != last || again != low || same != end {
					t.Fatalf("%s: step %d of the period is [%d, %d), after %d", name, step, low, end, last)
				}
				continue
			}
			if low != last || end <= low || again != low || same != end {
				t.Fatalf("%s: step %d is [%d, %d), after %d", name, step, low, end, last)
			}
			last = end
		}
		if last != p.start()-periodMillis {
			t.Errorf("%s: the last ends at %d", name, last)
		}
		first, _ := clockRange(p.start(), 0, draw)
		if first != p.start()-periodMillis-clockSpan {
			t.Errorf("%s: what was before the first step is %d", name, first)
		}
		if _, end := clockRange(p.start(), maxCount, draw); end != p.start()-periodMillis {
			t.Errorf("%s: what is after the last step ends at %d", name, end)
		}
	}
}

// TestNewestWins: of two signing times for one place by devices that know nothing of each other the later is higher, from
// 43 s on if one was signed ahead, from a quarter of a day on within the period; and whatever replaces is higher.
func TestNewestWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := discoveryOf(t, rapid.StringN(1, 3, 9).Draw(t, "account"))
		at := Place{PeriodOf(start) + 14, uint8(rapid.IntRange(0, 1).Draw(t, "replica"))}
		s := must[*signer](t)(newSigner(d, at))
		span := int64(15*PeriodLength/time.Millisecond - 1)
		from := PeriodOf(start).Start()
		border := int64(at.Period.start()) - from.UnixMilli()
		first := rapid.Int64Range(0, span).Draw(t, "first")
		second := rapid.Int64Range(first, span).Draw(t, "second")
		sign := func(ms int64, replaces uint64) uint64 {
			return s.signingTime(at.Period, from.Add(time.Duration(ms)*time.Millisecond), replaces)
		}
		a, b := sign(first, 0), sign(second, 0)
		apart := second-first >= clockStep
		if first >= border {
			apart = second-first >= clockStep<<clockLive
		}
		if a > b || a == b && (apart || first < border && second >= border) {
			t.Fatalf("signed at %d: %d, signed at %d: %d", first, a, second, b)
		}
		limit := at.Period.start() - periodMillis
		if b >= limit {
			t.Fatalf("signed at %d: %d", second, b)
		}
		last := a
		for range rapid.IntRange(1, 80).Draw(t, "seals of one moment") {
			next := sign(second, last)
			if next <= last || next >= limit && next > last+1 {
				t.Fatalf("%d replaces %d", next, last)
			}
			last = next
		}
		if fast := limit + uint64(second); sign(first, fast) != fast+1 {
			t.Fatal("what a thief or a clock signed is not replaced")
		}
	})
}

// TestUnlinkable compares descriptors of one account, and of two, without D: what is equal across places is the version
// and the size, and else only what follows from the place alone.
func TestUnlinkable(t *testing.T) {
	ada, bob := personOf(t, "Ada", 2, 1), personOf(t, "Bob", 1, 1)
	c := ada.content(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		now := start.Add(time.Duration(rapid.Int64Range(0, int64(12*time.Hour)).Draw(t, "now")))
		places := append(PublishPlaces(now)[:2], AheadPlaces(now)...)
		i := rapid.IntRange(0, len(places)-1).Draw(t, "one place")
		j := rapid.IntRange(0, len(places)-1).Filter(func(j int) bool { return j != i }).Draw(t, "other place")
		one := must[Sealed](t)(c.Seal(ada.discovery, places[i], time.Time{}, now))
		other := must[Sealed](t)(c.Seal(ada.discovery, places[j], time.Time{}, now))
		again := must[Sealed](t)(c.Seal(ada.discovery, places[i], time.Time{}, now))
		others := must[Sealed](t)(bob.content(t, 9).Seal(bob.discovery, places[i], time.Time{}, now))

		for name, pair := range map[string][2]Sealed{"places": {one, other}, "twice": {one, again}, "accounts": {one, others}} {
			a, b := pair[0], pair[1]
			x, y := parseHeader(a.Value), parseHeader(b.Value)
			if x.version != y.version || len(a.Value) != len(b.Value) || len(a.Value) != Size {
				t.Fatalf("%s: not of one form", name)
			}
			for _, s := range pair {
				h := parseHeader(s.Value)
				if h.period != s.Place.Period || h.replica != s.Place.Replica || h.notAfter != s.Place.Period.notAfter() {
					t.Fatalf("%s: the header says more than the place", name)
				}
			}
			for field, span := range map[string][2]int{
				"work nonce": {offsetWork, offsetNonce}, "nonce": {offsetNonce, offsetSealed},
				"R": {offsetSignature, offsetSignature + 32}, "s": {offsetSignature + 32, Size},
			} {
				if bytes.Equal(a.Value[span[0]:span[1]], b.Value[span[0]:span[1]]) {
					t.Fatalf("%s: equal %s", name, field)
				}
			}
			if a.Place != b.Place && (a.Key == b.Key || x.time == y.time) {
				t.Fatalf("%s: equal key or signing time %d", name, x.time)
			}
			for k := offsetSealed; k+8 <= offsetSignature; k += 8 {
				if bytes.Equal(a.Value[k:k+8], b.Value[k:k+8]) {
					t.Fatalf("%s: equal bytes at %d", name, k)
				}
			}
			for _, s := range pair { // nothing that stands inside shows
				for what, secret := range map[string][]byte{"account": c.Manifest().AppendTo(nil)[20:60], "D": ada.d().AppendTo(nil)} {
					if bytes.Contains(s.Value, secret) {
						t.Fatalf("%s: %s shows", name, what)
					}
				}
			}
		}
	})
}

func TestSeen(t *testing.T) {
	var s Seen
	p := PeriodOf(start)
	ms := func(n int) time.Time { return start.Add(time.Duration(n) * time.Millisecond) }
	for _, tt := range []struct {
		name string
		at   Place
		time time.Time
		want error
	}{
		{"first", Place{p, 0}, ms(5), nil},
		{"the same", Place{p, 0}, ms(5), nil},
		{"older", Place{p, 0}, ms(4), ErrRollback},
		{"older at the other replica", Place{p, 1}, ms(4), nil},
		{"newer", Place{p, 0}, ms(6), nil},
		{"next period, signed ahead", Place{p + 1, 0}, ms(-9), nil},
		{"back over the border, newer than was seen there", Place{p, 0}, ms(7), nil},
		{"back over the border, older", Place{p, 0}, ms(6), ErrRollback},
		{"the period after the next", Place{p + 2, 0}, ms(-9), nil},
		{"back over two borders", Place{p, 0}, ms(8), ErrRollback},
		{"between", Place{p + 1, 0}, ms(-8), nil},
		{"never seen, and long ago", Place{p - 5, 0}, ms(8), ErrRollback},
		{"no replica", Place{p, 2}, ms(7), ErrReplica},
	} {
		next, err := s.Next(tt.at, tt.time)
		if !errors.Is(err, tt.want) || err != nil && next != s {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		s = next
	}
	if got := s.Last(Place{p + 1, 0}); !got.Equal(ms(-8)) {
		t.Errorf("last: got %v", got)
	}
	if !s.Last(Place{p, 0}).IsZero() || !s.Last(Place{p, 3}).IsZero() || !(Seen{}).Last(Place{}).IsZero() {
		t.Error("last of what was not seen")
	}
	stored := s.AppendTo(nil)
	if got, err := ParseSeen(stored); err != nil || got != s || len(stored) != SeenSize {
		t.Errorf("stored: got %v, %v", got, err)
	}
	if _, err := ParseSeen(stored[1:]); !errors.Is(err, ErrSize) {
		t.Errorf("cut: got %v", err)
	}
	if _, err := ParseSeen(bytes.Repeat([]byte{0xff}, SeenSize)); !errors.Is(err, ErrMalformed) {
		t.Errorf("no numbers: got %v", err)
	}
}

// TestNothingPrints: keys and what they belong to.
func TestNothingPrints(t *testing.T) {
	d := discoveryOf(t, "Ada")
	s := must[*signer](t)(newSigner(d, placeOf(start)))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if got := fmt.Sprintf(verb, s); got != "descriptor.signer" {
			t.Errorf("%s: %s", verb, got)
		}
		if got := fmt.Sprintf(verb, BundleKey(fixed("b"))); got != "descriptor.BundleKey" {
			t.Errorf("%s: %s", verb, got)
		}
	}
	if !(BundleKey{}).IsZero() || !(BlindedKey{}).IsZero() || (Device{}).Number != 0 || !errors.Is(second((Record{}).Device()), ErrKey) {
		t.Error("zero values")
	}
	var _ identity.Unknown
}
