package p2p

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

func TestStoreLifetimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStore("me", 10, 1<<20)
		begin := time.Now()
		s, late := subjectOf(), subjectOf()
		if err := st.put(s.dht(), s.record(t, begin), begin); err != nil {
			t.Fatal(err)
		}
		// Signed 23 h ago, so it ends before its time here does.
		if err := st.put(late.dht(), late.record(t, begin.Add(-23*time.Hour)), begin); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			after      time.Duration
			have, late bool
		}{{0, true, true}, {59 * time.Minute, true, true}, {61 * time.Minute, true, false}, {recordLife, true, false}, {recordLife + 1, false, false}} {
			now := begin.Add(c.after)
			value, _ := st.get(s.dht(), now)
			lateValue, _ := st.get(late.dht(), now)
			if (value != nil) != c.have || (lateValue != nil) != c.late {
				t.Errorf("after %v: %v %v, want %v %v", c.after, value != nil, lateValue != nil, c.have, c.late)
			}
		}
		st.sweep(begin.Add(recordLife))
		if n, _ := st.size(); n != 2 {
			t.Errorf("%d records, want 2", n)
		}
		st.sweep(begin.Add(recordLife + 1))
		if n, size := st.size(); n != 0 || size != 0 {
			t.Errorf("%d records of %d bytes, want none", n, size)
		}
	})
}

// What has run out here does not stand in the way of an older one that is still valid.
func TestStoreOlderAfterLife(t *testing.T) {
	st := newStore("me", 10, 1<<20)
	s := subjectOf()
	now := time.Now()
	newer, older := s.record(t, now), s.record(t, now.Add(-time.Hour))
	if err := st.put(s.dht(), newer, now); err != nil {
		t.Fatal(err)
	}
	if err := st.put(s.dht(), older, now.Add(recordLife)); !errors.Is(err, ErrOlder) {
		t.Errorf("got %v, want ErrOlder", err)
	}
	if err := st.put(s.dht(), older, now.Add(recordLife+1)); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestStoreKeepsTheNearest(t *testing.T) {
	now := time.Now()
	type kept struct {
		s     *subject
		value []byte
		at    [32]byte
	}
	var all []kept
	st := newStore("me", 4, 1<<20)
	for range 12 {
		s := subjectOf()
		all = append(all, kept{s, s.record(t, now), st.distance(s.dht())})
	}
	for _, k := range all {
		if err := st.put(k.s.dht(), k.value, now); err != nil && !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return bytes.Compare(a.at[:], b.at[:]) })
	for i, k := range all {
		if value, _ := st.get(k.s.dht(), now); (value != nil) != (i < 4) {
			t.Errorf("number %d by distance: kept is %v", i, value != nil)
		}
	}
	// What has expired makes room for anybody.
	far := all[len(all)-1]
	if err := st.put(far.s.dht(), far.value, now.Add(recordLife+1)); err != nil {
		t.Errorf("after the others expired: %v", err)
	}
	// Bytes count as records do.
	small := newStore("me", 100, 3*cost(far.s.dht(), far.value))
	for _, k := range all {
		_ = small.put(k.s.dht(), k.value, now)
	}
	if n, size := small.size(); n != 3 || size > small.maxBytes {
		t.Errorf("%d records of %d bytes", n, size)
	}
}

// Whatever comes, the store stays within its limits, counts right, and holds nothing older than it did.
func TestStoreModel(t *testing.T) {
	base := time.Now()
	subjects := []*subject{subjectOf(), subjectOf(), subjectOf(), subjectOf(), subjectOf()}
	values := make([][][]byte, len(subjects))
	for i, s := range subjects {
		for v := range 3 {
			values[i] = append(values[i], s.record(t, base.Add(time.Duration(v)*time.Second)))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		one := cost(subjects[0].dht(), values[0][0])
		st := newStore("me", rapid.IntRange(1, 4).Draw(t, "records"), one*rapid.IntRange(1, 6).Draw(t, "bytes"))
		now := base.Add(time.Minute)
		version := func(i int, value []byte) int {
			return slices.IndexFunc(values[i], func(v []byte) bool { return bytes.Equal(v, value) })
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				i, v := rapid.IntRange(0, len(subjects)-1).Draw(t, "subject"), rapid.IntRange(0, 2).Draw(t, "version")
				key := subjects[i].dht()
				before, _ := st.get(key, now)
				err := st.put(key, values[i][v], now)
				after, _ := st.get(key, now)
				switch {
				case err == nil && !bytes.Equal(after, values[i][v]):
					t.Fatalf("not kept")
				case errors.Is(err, ErrOlder) && (before == nil || version(i, before) <= v):
					t.Fatalf("refused version %d as older than %d", v, version(i, before))
				case err != nil && !bytes.Equal(before, after):
					t.Fatalf("refused and changed: %v", err)
				case before != nil && errors.Is(err, ErrFull):
					t.Fatalf("no room for what is there")
				}
			},
			"wait": func(t *rapid.T) {
				now = now.Add(rapid.SampledFrom([]time.Duration{time.Minute, 2 * time.Hour}).Draw(t, "time"))
			},
			"sweep": func(*rapid.T) { st.sweep(now) },
			"remove": func(t *rapid.T) {
				st.remove(subjects[rapid.IntRange(0, len(subjects)-1).Draw(t, "subject")].dht())
			},
			"": func(t *rapid.T) {
				n, size := st.size()
				sum := 0
				for key, r := range st.records {
					sum += cost(key, r.value)
				}
				if n > st.maxRecords || size > st.maxBytes || size != sum || n != len(st.records) {
					t.Fatalf("%d records of %d bytes (%d)", n, size, sum)
				}
			},
		})
	})
}

// The store as the DHT library sees it.
func TestShelf(t *testing.T) {
	ctx := context.Background()
	sh := shelf{newStore("me", 2, 1<<20)}
	s := subjectOf()
	value := s.record(t, time.Now())
	k := shelfKey(s.dht())
	b := must[[]byte](t)(marshalRecord(s.dht(), value, time.Time{}))
	if _, err := sh.Get(ctx, k); !errors.Is(err, ds.ErrNotFound) {
		t.Errorf("empty: %v", err)
	}
	if err := sh.Put(ctx, k, b); err != nil {
		t.Fatal(err)
	}
	if err := sh.Put(ctx, shelfKey(subjectOf().dht()), b); err == nil {
		t.Error("put under another key")
	}
	if err := sh.Put(ctx, ds.NewKey("/linnet/no base 32!"), b); err == nil {
		t.Error("put under no key")
	}
	got := must[[]byte](t)(sh.Get(ctx, k))
	var r recpb.Record
	if err := proto.Unmarshal(got, &r); err != nil || !bytes.Equal(r.GetValue(), value) || string(r.GetKey()) != s.dht() {
		t.Errorf("got %v, %v", &r, err)
	}
	if has, err := sh.Has(ctx, k); !has || err != nil {
		t.Errorf("has: %v, %v", has, err)
	}
	if n, err := sh.GetSize(ctx, k); n != len(got) || err != nil {
		t.Errorf("size: %d, %v", n, err)
	}
	for prefix, want := range map[string]int{"": 1, "/linnet-node": 1, "/linnet/": 0} {
		res := must[query.Results](t)(sh.Query(ctx, query.Query{Prefix: prefix}))
		entries := must[[]query.Entry](t)(res.Rest())
		if len(entries) != want {
			t.Errorf("%d entries under %q, want %d", len(entries), prefix, want)
		}
		if want == 1 {
			if diff := cmp.Diff(k.String(), entries[0].Key); diff != "" {
				t.Errorf("key (-want +got):\n%s", diff)
			}
		}
	}
	if err := sh.Delete(ctx, k); err != nil {
		t.Error(err)
	}
	if has, err := sh.Has(ctx, k); has || err != nil {
		t.Errorf("deleted, and has: %v, %v", has, err)
	}
}

func TestBuckets(t *testing.T) {
	p, now := pace{rate: 2, burst: 3}, time.Unix(1000, 0)
	var b bucket
	take := func(n int) (took int) {
		for range n {
			if b.take(p, now) {
				took++
			}
		}
		return took
	}
	if got := take(5); got != 3 {
		t.Errorf("at first %d, want 3", got)
	}
	now = now.Add(time.Second)
	if got := take(5); got != 2 {
		t.Errorf("after a second %d, want 2", got)
	}
	now = now.Add(-time.Hour) // a clock that is set back gives nothing and takes nothing
	if got := take(5); got != 0 {
		t.Errorf("set back %d, want 0", got)
	}
	now = now.Add(24 * time.Hour)
	if got := take(5); got != 3 {
		t.Errorf("after a day %d, want 3", got)
	}
}

func TestGaugeIsBounded(t *testing.T) {
	g := newGauge(limits{requests: pace{1, 1}, puts: pace{1, 1}, conns: 1})
	now := time.Unix(1000, 0)
	passed := 0
	for i := range 3 * maxPaced {
		if g.request(peer.ID(fmt.Sprint(i)), now) {
			passed++
		}
	}
	if len(g.paced) > maxPaced {
		t.Errorf("%d buckets, at most %d", len(g.paced), maxPaced)
	}
	if passed != allFactor {
		t.Errorf("%d requests of all, want %d", passed, allFactor)
	}
	entered := 0
	for i := range 100 {
		if g.enter(peer.ID(fmt.Sprint(i % 2))) {
			entered++
		}
	}
	if entered != g.limit {
		t.Errorf("%d at once, want %d", entered, g.limit)
	}
}
