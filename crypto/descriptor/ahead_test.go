package descriptor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

// TestAhead: what is signed ahead is good when its time has come, from a day before its period to 3 hours after, and not
// otherwise.
func TestAhead(t *testing.T) {
	ada := personOf(t, "Ada", 1, 1)
	c := ada.content(t, 1)
	list := must[[]Sealed](t)(c.Ahead(ada.discovery, nil, start))
	for i, s := range list {
		begin := s.Place.Period.Start()
		if s.Place != AheadPlaces(start)[i] || s.Key != must[BlindedKey](t)(Blind(ada.d(), s.Place)) {
			t.Fatalf("place %v", s.Place)
		}
		for _, row := range []struct {
			after time.Duration
			want  error
		}{
			{-24 * time.Hour, nil},
			{-time.Millisecond, nil},
			{0, nil},
			{27 * time.Hour, nil},
			{-24*time.Hour - time.Millisecond, ErrPeriod},
			{27*time.Hour + time.Millisecond, ErrExpired},
		} {
			if err := Validate(s.Key.DHT(), s.Value, begin.Add(row.after)); !errors.Is(err, row.want) {
				t.Errorf("%v, %v after: got %v, want %v", s.Place, row.after, err, row.want)
			}
		}
		o := must[Opened](t)(Open(s.Value, ada.d(), ada.stranger(), begin))
		if !o.Content.Equal(c) || !o.Order.Before(begin.Add(-PeriodLength)) || !o.Order.Equal(s.Order) {
			t.Errorf("%v: signed %v", s.Place, o.Order)
		}
	}
}

// TestFuture: nothing is sealed that no node would take.
func TestFuture(t *testing.T) {
	ada := personOf(t, "Ada", 1, 1)
	c := ada.content(t, 1)
	p := PeriodOf(start)
	far := Place{p + 3, 0}
	put := far.Period.Start().Add(-Early)
	for _, tt := range []struct {
		name     string
		at       Place
		replaces time.Time
		want     error
	}{
		{"none", placeOf(start), time.Time{}, nil},
		{"the last that nodes take", placeOf(start), start.Add(MaxAhead - time.Millisecond), nil},
		{"1 ms more", placeOf(start), start.Add(MaxAhead), ErrFuture},
		{"a year", placeOf(start), start.AddDate(1, 0, 0), ErrFuture},
		{"the end of time", placeOf(start), time.Unix(1<<60, 0), ErrFuture},
		{"ahead, the last that nodes take in its time", far, put.Add(MaxAhead - time.Millisecond), nil},
		{"ahead, 1 ms more", far, put.Add(MaxAhead), ErrFuture},
	} {
		s, err := c.Seal(ada.discovery, tt.at, tt.replaces, start)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if err != nil {
			continue
		}
		if err := ValidateAhead(s.Key.DHT(), s.Value, start); err != nil {
			t.Errorf("%s: a relay refuses it: %v", tt.name, err)
		}
		now := start
		if tt.at == far {
			now = put
		}
		if err := Validate(s.Key.DHT(), s.Value, now); err != nil {
			t.Errorf("%s: a node refuses it: %v", tt.name, err)
		}
	}
	if _, err := c.Ahead(ada.discovery, map[Place]time.Time{far: put.AddDate(0, 0, 1)}, start); !errors.Is(err, ErrFuture) {
		t.Errorf("a batch: got %v", err)
	}
}

// TestAheadReplaces: a device's next batch wins at every place, also if its clock was fast and was put right since.
func TestAheadReplaces(t *testing.T) {
	ada := personOf(t, "Ada", 1, 1)
	known, before := map[Place]time.Time{}, map[Place]Sealed{}
	for _, s := range must[[]Sealed](t)(ada.content(t, 1).Ahead(ada.discovery, nil, start.Add(5*time.Hour))) {
		known[s.Place], before[s.Place] = s.Order, s
	}
	for _, s := range must[[]Sealed](t)(ada.content(t, 2).Ahead(ada.discovery, known, start)) {
		if i := must[int](t)(Select([][]byte{before[s.Place].Value, s.Value})); i != 1 {
			t.Errorf("%v is not replaced", s.Place)
		}
	}
}

// TestValidateAhead: a relay keeps what nodes will take when its time comes, and only that.
func TestValidateAhead(t *testing.T) {
	ada := personOf(t, "Ada", 1, 1)
	p := PeriodOf(start)
	put := func(at Place) time.Time { return at.Period.put(start) }
	for _, tt := range []struct {
		name   string
		after  int // periods
		change func(at Place, value []byte)
		want   error
	}{
		{"now", 0, func(Place, []byte) {}, nil},
		{"next", 1, func(Place, []byte) {}, ErrFuture}, // signed at its very start
		{"next, signed when it is put", 1, func(at Place, b []byte) { binary.BigEndian.PutUint64(b[offsetTime:], millis(put(at))) }, nil},
		{"last", 14, func(_ Place, b []byte) { binary.BigEndian.PutUint64(b[offsetTime:], 1) }, nil},
		{"last, ten minutes ahead", 14, func(at Place, b []byte) {
			binary.BigEndian.PutUint64(b[offsetTime:], millis(put(at).Add(MaxAhead)))
		}, nil},
		{"last, 1 ms more", 14, func(at Place, b []byte) {
			binary.BigEndian.PutUint64(b[offsetTime:], millis(put(at).Add(MaxAhead))+1)
		}, ErrFuture},
		{"by a clock past a border", 15, func(_ Place, b []byte) { binary.BigEndian.PutUint64(b[offsetTime:], 1) }, nil},
		{"too far", 16, func(_ Place, b []byte) { binary.BigEndian.PutUint64(b[offsetTime:], 1) }, ErrPeriod},
		{"past", -2, func(Place, []byte) {}, ErrPeriod},
		{"expired", -1, func(Place, []byte) {}, ErrExpired},
		{"not-after", 9, func(_ Place, b []byte) {
			binary.BigEndian.PutUint64(b[offsetTime:], 1)
			b[offsetNotAfter+7] ^= 1
		}, ErrNotAfter},
		{"replica", 9, func(_ Place, b []byte) { b[offsetReplica] = 2 }, ErrReplica},
		{"version", 9, func(_ Place, b []byte) { b[0] = 2 }, ErrNewer},
	} {
		at := Place{Period(int(p) + tt.after), 0}
		s := ada.forge(t, at, func(b []byte) { tt.change(at, b) }, nil)
		if err := ValidateAhead(s.Key.DHT(), s.Value, start); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if tt.want != nil || tt.after > AheadPeriods {
			continue
		}
		if err := Validate(s.Key.DHT(), s.Value, put(at)); err != nil {
			t.Errorf("%s: when its time has come: got %v", tt.name, err)
		}
	}
	s := ada.forge(t, Place{p + 9, 0}, func(b []byte) { binary.BigEndian.PutUint64(b[offsetTime:], 1) }, nil)
	for name, i := range map[string]int{"sealed": offsetSealed, "signature": offsetSignature} {
		value := bytes.Clone(s.Value)
		value[i] ^= 1
		if err := ValidateAhead(s.Key.DHT(), value, start); !errors.Is(err, ErrWork) && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := ValidateAhead("/linnet/", s.Value, start); !errors.Is(err, ErrKey) {
		t.Errorf("key: got %v", err)
	}
}
