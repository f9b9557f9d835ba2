package descriptor

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"filippo.io/edwards25519"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// torsion is a point of order 8, from RFC 8032's curve; small are the encodings of small order that are canonical.
const torsion = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"

// torsioned returns the key plus a point of order 8.
func torsioned(t *testing.T, key [32]byte) (out [32]byte) {
	t.Helper()
	p := must[*edwards25519.Point](t)(new(edwards25519.Point).SetBytes(key[:]))
	q := must[*edwards25519.Point](t)(new(edwards25519.Point).SetBytes(fromHex(t, torsion)))
	copy(out[:], p.Add(p, q).Bytes())
	return out
}

// badKeys are keys that nobody may use.
func badKeys(t *testing.T) map[string][32]byte {
	t.Helper()
	return map[string][32]byte{
		"zero":                 {},
		"identity":             {0: 1},
		"of order 2":           [32]byte(fromHex(t, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")),
		"of order 8":           [32]byte(fromHex(t, torsion)),
		"not canonical":        [32]byte(fromHex(t, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")),
		"not canonical, y = 3": [32]byte(fromHex(t, "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")),
		"not a point":          {0: 2},
		"torsioned":            torsioned(t, discoveryOf(t, "Ada").Public()),
	}
}

func TestBlindRefuses(t *testing.T) {
	for name, k := range badKeys(t) {
		if got, err := Blind(k, placeOf(start)); !errors.Is(err, ErrKey) || !got.IsZero() {
			t.Errorf("%s: got %x, %v", name, got, err)
		}
	}
	d := discoveryOf(t, "Ada")
	if _, err := Blind(d.Public(), Place{1, 2}); !errors.Is(err, ErrReplica) {
		t.Errorf("replica 2: got %v", err)
	}
	if _, err := newSigner(d, Place{1, 2}); !errors.Is(err, ErrReplica) {
		t.Errorf("signer of replica 2: got %v", err)
	}
	if _, err := newSigner(identity.DiscoveryPrivateKey{}, placeOf(start)); !errors.Is(err, ErrKey) {
		t.Errorf("zero key: got %v", err)
	}
}

// TestValidateRefuses has one failure per row: each value is worked for and signed after what is wrong was done to it,
// where that can be.
func TestValidateRefuses(t *testing.T) {
	ada := personOf(t, "Ada", 1, 1)
	at := placeOf(start)
	put := func(offset int, v uint64) func([]byte) {
		return func(b []byte) { binary.BigEndian.PutUint64(b[offset:], v) }
	}
	now := millis(start)
	border := at.Period.Start()
	for _, tt := range []struct {
		name   string
		at     Place
		change func([]byte)
		now    time.Time
		want   error
	}{
		{"right", at, func([]byte) {}, start, nil},
		{"other version", at, func(b []byte) { b[0] = 2 }, start, ErrNewer},
		{"version 0", at, func(b []byte) { b[0] = 0 }, start, ErrNewer},
		{"the period before its first second", at, func([]byte) {}, border.Add(-MaxAhead), nil},
		{"signing time just over ten minutes ahead", at, func([]byte) {}, border.Add(-MaxAhead - time.Millisecond), ErrFuture},
		{"signed ahead, a period early", at, put(offsetTime, 1), border.Add(-24 * time.Hour), nil},
		{"signed ahead, a period and 1 ms early", at, put(offsetTime, 1), border.Add(-24*time.Hour - time.Millisecond), ErrPeriod},
		{"last ms", at, func([]byte) {}, border.Add(27 * time.Hour), nil},
		{"1 ms late", at, func([]byte) {}, border.Add(27*time.Hour + time.Millisecond), ErrExpired},
		{"the next period's last ms", at, func([]byte) {}, border.Add(48*time.Hour - time.Millisecond), ErrExpired},
		{"two periods late", at, func([]byte) {}, border.Add(48 * time.Hour), ErrPeriod},
		{"period of another", at, put(offsetPeriod, uint64(at.Period)+1), start, ErrNotAfter},
		{"no period", at, put(offsetPeriod, 1<<64-1), start, ErrPeriod},
		{"period 0", at, put(offsetPeriod, 0), start, ErrPeriod},
		{"replica 2", at, func(b []byte) { b[offsetReplica] = 2 }, start, ErrReplica},
		{"time ten minutes ahead", at, put(offsetTime, now+600_000), start, nil},
		{"time over ten minutes ahead", at, put(offsetTime, now+600_001), start, ErrFuture},
		{"time without end", at, put(offsetTime, 1<<64-1), start, ErrFuture},
		{"not-after of the next period", at, put(offsetNotAfter, (at.Period + 1).notAfter()), start, ErrNotAfter},
		{"not-after 1 ms less", at, put(offsetNotAfter, at.Period.notAfter()-1), start, ErrNotAfter},
		{"clock before 1970", at, func([]byte) {}, time.Unix(-1e9, 0), ErrPeriod},
		{"clock far ahead", at, func([]byte) {}, time.Unix(1<<60, 0), ErrPeriod},
	} {
		s := ada.forge(t, tt.at, tt.change, nil)
		if err := Validate(s.Key.DHT(), s.Value, tt.now); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}

	good := ada.forge(t, at, func([]byte) {}, nil)
	other := must[BlindedKey](t)(Blind(ada.d(), Place{at.Period, 1}))
	for _, tt := range []struct {
		name, dht string
		value     []byte
		want      error
	}{
		{"right", good.Key.DHT(), good.Value, nil},
		{"empty", good.Key.DHT(), nil, ErrSize},
		{"a byte less", good.Key.DHT(), good.Value[:Size-1], ErrSize},
		{"a byte more", good.Key.DHT(), append(bytes.Clone(good.Value), 0), ErrSize},
		{"no key", "", good.Value, ErrKey},
		{"key without name space", string(good.Key[:]), good.Value, ErrKey},
		{"key of nodes", "/linnet-node/" + string(good.Key[:]), good.Value, ErrKey},
		{"key too short", good.Key.DHT()[:39], good.Value, ErrKey},
		{"key too long", good.Key.DHT() + "x", good.Value, ErrKey},
		{"key of the other replica", other.DHT(), good.Value, ErrWork},
	} {
		if err := Validate(tt.dht, tt.value, start); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestValidateKeys: what somebody else worked for and signed is no good under a key that is none.
func TestValidateKeys(t *testing.T) {
	ada := personOf(t, "Ada", 1, 1)
	good := ada.forge(t, placeOf(start), func([]byte) {}, nil)
	keys := badKeys(t)
	keys["D' torsioned"] = torsioned(t, good.Key)
	for name, k := range keys {
		value := bytes.Clone(good.Value)
		nonce := findWork(k, restOf(value, offsetWork, offsetSignature), 0)
		copy(value[offsetWork:], nonce[:])
		if err := Validate(BlindedKey(k).DHT(), value, start); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestFlippedBits flips each bit of the header and one of every byte of the rest: nothing passes, and the first check
// that can see it does. One change in 65,536 does not need new work; the signature sees that.
func TestFlippedBits(t *testing.T) {
	ada := personOf(t, "Ada", 2, 1)
	s := ada.seal(t, ada.content(t, 1), placeOf(start), start)
	if err := Validate(s.Key.DHT(), s.Value, start); err != nil {
		t.Fatal(err)
	}
	fields := []struct {
		name string
		end  int
		want []error
	}{
		{"version", offsetPeriod, []error{ErrNewer}},
		{"period", offsetReplica, []error{ErrPeriod, ErrNotAfter}},
		{"replica", offsetTime, []error{ErrReplica, ErrWork, ErrSignature}},
		{"signing time", offsetNotAfter, []error{ErrFuture, ErrWork, ErrSignature}},
		{"not-after", offsetWork, []error{ErrNotAfter}},
		{"work nonce", offsetNonce, []error{ErrWork, ErrSignature}},
		{"nonce", offsetSealed, []error{ErrWork, ErrSignature}},
		{"sealed", offsetSignature, []error{ErrWork, ErrSignature}},
		{"signature", Size, []error{ErrSignature}},
	}
	field := 0
	for i := range Size {
		if i == fields[field].end {
			field++
		}
		bits := []int{i % 8}
		if i < offsetSealed || i >= offsetSignature {
			bits = []int{0, 1, 2, 3, 4, 5, 6, 7}
		}
		if testing.Short() && i > offsetSealed && i < offsetSignature && i%17 != 0 {
			continue
		}
		for _, bit := range bits {
			s.Value[i] ^= 1 << bit
			err := Validate(s.Key.DHT(), s.Value, start)
			if !slices.ContainsFunc(fields[field].want, func(w error) bool { return errors.Is(err, w) }) {
				t.Errorf("%s, byte %d, bit %d: got %v", fields[field].name, i, bit, err)
			}
			s.Value[i] ^= 1 << bit
		}
	}

	// Whoever works again for what they changed still lacks the key.
	for name, i := range map[string]int{"replica": offsetReplica, "time": offsetTime + 7, "nonce": offsetNonce, "sealed": offsetSealed + 9, "tag": offsetSignature - 1} {
		value := bytes.Clone(s.Value)
		value[i] ^= 1
		nonce := findWork(s.Key, restOf(value, offsetWork, offsetSignature), 0)
		copy(value[offsetWork:], nonce[:])
		if err := Validate(s.Key.DHT(), value, start); !errors.Is(err, ErrSignature) {
			t.Errorf("%s, worked for: got %v", name, err)
		}
	}
	value := bytes.Clone(s.Value) // another nonce that will do is not the one that was signed
	nonce := findWork(s.Key, restOf(value, offsetWork, offsetSignature), binary.BigEndian.Uint64(value[offsetWork:])+1)
	copy(value[offsetWork:], nonce[:])
	if err := Validate(s.Key.DHT(), value, start); !errors.Is(err, ErrSignature) {
		t.Errorf("other work: got %v", err)
	}
}

func TestSelect(t *testing.T) {
	ada := personOf(t, "Ada", 1, 1)
	at := placeOf(start)
	older := ada.forge(t, at, func(b []byte) { binary.BigEndian.PutUint64(b[offsetTime:], 7) }, nil).Value
	newer := ada.forge(t, at, func(b []byte) { binary.BigEndian.PutUint64(b[offsetTime:], 256) }, nil).Value
	twin := ada.forge(t, at, func(b []byte) {
		binary.BigEndian.PutUint64(b[offsetTime:], 256)
		b[offsetNonce] = 1
	}, nil).Value
	best := newer
	if lower(twin, newer) {
		best = twin
	}
	for _, order := range [][][]byte{
		{older, newer, twin}, {newer, twin, older}, {twin, older, newer}, {nil, twin, newer[:9], newer}, {twin, twin, newer},
	} {
		i, err := Select(order)
		if err != nil || !bytes.Equal(order[i], best) {
			t.Errorf("got %d, %v", i, err)
		}
	}
	if _, err := Select([][]byte{nil, newer[:100]}); !errors.Is(err, ErrSize) {
		t.Errorf("nothing to select: got %v", err)
	}
	if i, err := Select([][]byte{older}); i != 0 || err != nil {
		t.Errorf("one: got %d, %v", i, err)
	}
}

// TestPlainEd25519: D' and the signature are those of RFC 8032, to every implementation.
func TestPlainEd25519(t *testing.T) {
	for i := range 20 {
		at := Place{Period(20000 + i), uint8(i % 2)}
		d := discoveryOf(t, string(rune('a'+i)))
		s := must[*signer](t)(newSigner(d, at))
		if want := must[BlindedKey](t)(Blind(d.Public(), at)); s.public != want {
			t.Fatalf("h·d·B = %x, h·D = %x", s.public, want)
		}
		message := []byte("message")
		a, b := s.sign(message, fixed("a")), s.sign(message, fixed("b"))
		if !ed25519.Verify(s.public[:], message, a[:]) || !ed25519.Verify(s.public[:], message, b[:]) {
			t.Fatal("not a signature")
		}
		if bytes.Equal(a[:32], b[:32]) {
			t.Error("the randomness does not come in")
		}
		c := s.sign([]byte("other"), fixed("a")) // a random source that repeats itself gives nothing away
		if bytes.Equal(a[:32], c[:32]) {
			t.Error("two messages under one nonce")
		}
		if _, err := identity.ParseDiscoveryKey(s.public[:]); err != nil {
			t.Errorf("D' is not of prime order: %v", err)
		}
	}
}
