package mailboxtest

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/linnetmesh/linnet/mailbox"
)

// Disk is what a store keeps its boxes on, with the faults that it can have. Each test of the suite has one of its own.
type Disk struct {
	// Open opens the store, with all that was kept. It is called again after Close and Crash.
	Open func(t testing.TB) mailbox.Store
	// Crash ends the store that is open as a kill of its process would: without a Close. Nil does with Close instead.
	Crash func(t testing.TB, s mailbox.Store)
	// SetFull makes the disk full, or gives room again, while the store is open. Nil leaves out what needs it.
	SetFull func(t testing.TB, s mailbox.Store, full bool)
	// Damage flips a byte of a post where it lies, while the store is open or closed. Nil leaves out what needs it.
	Damage func(t testing.TB, s mailbox.Store, box mailbox.BoxID, post mailbox.Post)
}

// RunStore is the suite that every store must pass.
func RunStore(t *testing.T, disk func(t *testing.T) Disk) {
	t.Helper()
	for _, tt := range []struct {
		name string
		run  func(h *house)
	}{
		{"boxes", testBoxes},
		{"posts", testPosts},
		{"pages", testPages},
		{"chain", testChain},
		{"crash", testCrash},
		{"expiry", testExpiry},
		{"bundles", testBundles},
		{"descriptors", testDescriptors},
		{"full", testFull},
		{"damage", testDamage},
		{"together", testTogether},
		{"model", testModel},
		{"end", testEnd},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &house{TB: t, disk: disk(t)}
			h.Store = h.disk.Open(t)
			defer func() {
				if err := h.Close(); err != nil && !errors.Is(err, mailbox.ErrClosed) {
					t.Errorf("Close: %v", err)
				}
			}()
			tt.run(h)
		})
	}
}

// house is a store under test.
type house struct {
	testing.TB
	mailbox.Store
	disk Disk
}

// reopen closes the store and opens it again.
func (h *house) reopen() {
	h.Helper()
	if err := h.Close(); err != nil {
		h.Fatalf("Close: %v", err)
	}
	h.Store = h.disk.Open(h)
}

// crash ends the store as a kill would, and opens it again.
func (h *house) crash() {
	h.Helper()
	if h.disk.Crash == nil {
		h.reopen()
		return
	}
	h.disk.Crash(h, h.Store)
	h.Store = h.disk.Open(h)
}

// boxID draws the ID of a box: no store cares whether it is a key.
func boxID() (id mailbox.BoxID) {
	_, _ = crand.Read(id[:]) // never fails
	return id
}

// box makes a box and returns its ID.
func (h *house) box(kind mailbox.Kind) mailbox.BoxID {
	h.Helper()
	id := boxID()
	b, made, err := h.SetBox(h.Context(), mailbox.Box{ID: id, Kind: kind, Secret: [32]byte{1}})
	if err != nil || !made || b.ID != id || b.Kind != kind || b.Incarnation == (mailbox.Incarnation{}) {
		h.Fatalf("SetBox: %+v, %v, %v", b, made, err)
	}
	return id
}

// deposit returns a random post of a size for a box.
func deposit(box mailbox.BoxID, size int, until mailbox.Age) mailbox.Deposit {
	b := make([]byte, size)
	_, _ = crand.Read(b) // never fails
	return mailbox.Deposit{
		Box: box, Name: mailbox.NameOf(b), Bytes: b, Token: mailbox.TokenID{1, b[0]}, Class: mailbox.Class{2, b[1]}, Until: until,
	}
}

// put puts posts, and fails the test if one is not kept.
func (h *house) put(posts ...mailbox.Deposit) []mailbox.Item {
	h.Helper()
	kept := h.Put(h.Context(), posts)
	if len(kept) != len(posts) {
		h.Fatalf("Put: %d results for %d posts", len(kept), len(posts))
	}
	items := make([]mailbox.Item, len(kept))
	for i, k := range kept {
		if k.Err != nil {
			h.Fatalf("Put: post %d: %v", i, k.Err)
		}
		items[i] = k.Item
	}
	return items
}

// all returns what lies in a box.
func (h *house) all(box mailbox.BoxID) []mailbox.Post {
	h.Helper()
	posts, err := h.Fetch(h.Context(), box, 0, math.MaxInt32, math.MaxInt32)
	if err != nil {
		h.Fatalf("Fetch: %v", err)
	}
	return posts
}

// holds fails the test if a box holds anything else than these posts, in this order, or says so.
func (h *house) holds(box mailbox.BoxID, want ...mailbox.Deposit) {
	h.Helper()
	posts := h.all(box)
	if len(posts) != len(want) {
		h.Errorf("the box holds %d posts, want %d", len(posts), len(want))
		return
	}
	size := uint64(0)
	items, err := h.List(h.Context(), box, 0, math.MaxInt32)
	if err != nil || len(items) != len(want) {
		h.Fatalf("List: %d items, %v, want %d", len(items), err, len(want))
	}
	for i, w := range want {
		p := posts[i]
		if p.Name != w.Name || !bytes.Equal(p.Bytes, w.Bytes) || p.Token != w.Token || p.Class != w.Class || p.Until != w.Until || int(p.Size) != len(w.Bytes) {
			h.Errorf("post %d is %+v, want %v of token %v until %d", i, p.Item, w.Name, w.Token, w.Until)
		}
		if d := cmp.Diff(p.Item, items[i]); d != "" {
			h.Errorf("Fetch and List differ at %d: %s", i, d)
		}
		one, err := h.Get(h.Context(), box, w.Name)
		if err != nil || !bytes.Equal(one.Bytes, w.Bytes) || one.Item != p.Item {
			h.Errorf("Get: %+v, %v", one.Item, err)
		}
		size += uint64(len(w.Bytes))
	}
	b, err := h.Box(h.Context(), box)
	if err != nil || b.Posts != uint64(len(want)) || b.Bytes != size {
		h.Errorf("Box says %d posts and %d bytes, want %d and %d (%v)", b.Posts, b.Bytes, len(want), size, err)
	}
}

func testBoxes(h *house) {
	ctx := h.Context()
	if _, err := h.Box(ctx, mailbox.BoxID{9}); !errors.Is(err, mailbox.ErrNoBox) {
		h.Errorf("no box: %v", err)
	}
	id := h.box(mailbox.Mail)
	before, _ := h.Box(ctx, id)
	want := before
	want.Secret, want.Closed, want.Seen, want.Origin = [32]byte{7}, true, 99, mailbox.Origin{Near: 5, Far: math.MaxUint64}
	want.Revoked, want.Extra = []mailbox.Revoked{{ID: mailbox.TokenID{3}, Until: 1 << 40}}, []byte("later")
	set := want
	set.Made, set.Incarnation, set.Seq, set.Posts = 77, mailbox.Incarnation{}, 12, 13 // not the owner's
	now, made, err := h.SetBox(ctx, set)
	if err != nil || made {
		h.Fatalf("SetBox: %v, %v", made, err)
	}
	if d := cmp.Diff(want, now); d != "" {
		h.Errorf("SetBox (-want +got):\n%s", d)
	}
	h.crash()
	if again, err := h.Box(ctx, id); err != nil || cmp.Diff(want, again) != "" {
		h.Errorf("after a crash: %v\n%s", err, cmp.Diff(want, again))
	}
	other := want
	other.Kind = mailbox.Blob
	if _, _, err := h.SetBox(ctx, other); !errors.Is(err, mailbox.ErrKind) {
		h.Errorf("another kind: %v", err)
	}
	more := map[mailbox.BoxID]bool{id: true}
	for range 20 {
		more[h.box(mailbox.Shelf)] = true
	}
	seen := map[mailbox.BoxID]bool{}
	if err := h.Boxes(ctx, func(b mailbox.Box) bool {
		if seen[b.ID] {
			h.Error("a box comes twice")
		}
		seen[b.ID] = true
		if b.ID == id && (b.Origin != want.Origin || b.Seen != want.Seen || b.Kind != mailbox.Mail) {
			h.Errorf("Boxes tells of %+v", b)
		}
		return true
	}); err != nil || cmp.Diff(more, seen) != "" {
		h.Errorf("Boxes: %v\n%s", err, cmp.Diff(more, seen))
	}
	n := 0
	if err := h.Boxes(ctx, func(mailbox.Box) bool { n++; return n < 3 }); err != nil || n != 3 {
		h.Errorf("Boxes went on: %d, %v", n, err)
	}
	d := deposit(id, 512, 1000)
	h.put(d)
	if s := h.Stats(); s.Boxes != 21 || s.Posts != 1 || s.Bytes != 512 {
		h.Errorf("Stats: %+v", s)
	}
	for range 2 {
		if err := h.RemoveBox(ctx, id); err != nil {
			h.Errorf("RemoveBox: %v", err)
		}
	}
	h.crash()
	if _, err := h.Box(ctx, id); !errors.Is(err, mailbox.ErrNoBox) {
		h.Errorf("a removed box: %v", err)
	}
	if k := h.Put(ctx, []mailbox.Deposit{d}); !errors.Is(k[0].Err, mailbox.ErrNoBox) {
		h.Errorf("a put into it: %v", k[0].Err)
	}
	for name, err := range map[string]error{
		"List":       second(h.List(ctx, id, 0, 1)),
		"Fetch":      second(h.Fetch(ctx, id, 0, 1, 1)),
		"Get":        second(h.Get(ctx, id, d.Name)),
		"Ack":        second(h.Ack(ctx, id, []mailbox.Name{d.Name})),
		"SetBundle":  h.SetBundle(ctx, id, mailbox.Bundle{Version: 1, Base: []byte("b")}),
		"Leave":      h.Leave(ctx, id, nil),
		"TakeBundle": third(h.TakeBundle(ctx, id, true)),
	} {
		if !errors.Is(err, mailbox.ErrNoBox) {
			h.Errorf("%s of a removed box: %v", name, err)
		}
	}
	again, made, err := h.SetBox(ctx, mailbox.Box{ID: id, Kind: mailbox.Blob})
	if err != nil || !made || again.Incarnation == before.Incarnation || again.Seq != 0 || again.Posts != 0 {
		h.Errorf("made again: %+v, %v, %v", again, made, err)
	}
	h.holds(id)
}

func second[T any](_ T, err error) error      { return err }
func third[T, U any](_ T, _ U, e error) error { return e }

func testPosts(h *house) {
	ctx := h.Context()
	a, b := h.box(mailbox.Mail), h.box(mailbox.Mail)
	one, two, three := deposit(a, 512, 100), deposit(b, 64<<10, 200), deposit(a, 1024, 300)
	kept := h.Put(ctx, []mailbox.Deposit{one, two, three, one, {Box: mailbox.BoxID{9}, Name: one.Name, Bytes: one.Bytes}})
	for i, want := range []struct {
		seq uint64
		old bool
		err error
	}{{1, false, nil}, {1, false, nil}, {2, false, nil}, {1, true, nil}, {0, false, mailbox.ErrNoBox}} {
		if k := kept[i]; k.Seq != want.seq || k.Old != want.old || !errors.Is(k.Err, want.err) {
			h.Errorf("post %d: %+v, want %+v", i, k, want)
		}
	}
	h.holds(a, one, three)
	h.holds(b, two)
	// The same post again, as if it were another's: what was there counts.
	again := one
	again.Token, again.Until = mailbox.TokenID{9}, 999
	if k := h.Put(ctx, []mailbox.Deposit{again})[0]; !k.Old || k.Until != 100 || k.Token != one.Token || k.Err != nil {
		h.Errorf("put again: %+v", k)
	}
	// The same bytes in another box are another post.
	other := one
	other.Box = b
	h.put(other)
	h.holds(b, two, other)
	items, err := h.Ack(ctx, a, []mailbox.Name{one.Name, two.Name, one.Name})
	if err != nil || len(items) != 1 || items[0].Name != one.Name || items[0].Seq != 1 || items[0].Size != 512 {
		h.Errorf("Ack: %+v, %v", items, err)
	}
	if items, err := h.Ack(ctx, a, []mailbox.Name{one.Name}); err != nil || len(items) != 0 {
		h.Errorf("Ack again: %+v, %v", items, err)
	}
	if _, err := h.Get(ctx, a, one.Name); !errors.Is(err, mailbox.ErrNotFound) {
		h.Errorf("Get of what was acked: %v", err)
	}
	h.holds(a, three)
	h.crash()
	h.holds(a, three)
	h.holds(b, two, other)
	// What was acked may come again, and has a new sequence.
	if got := h.put(one); got[0].Seq != 3 {
		h.Errorf("put after an ack: %+v", got)
	}
	h.holds(a, three, one)
	if len(h.Put(ctx, nil)) != 0 {
		h.Error("Put of nothing")
	}
	// The caller may reuse its bytes.
	four := deposit(a, 512, 400)
	lent := four
	lent.Bytes = bytes.Clone(four.Bytes)
	h.put(lent)
	clear(lent.Bytes)
	h.holds(a, three, one, four)
}

func testPages(h *house) {
	ctx := h.Context()
	box := h.box(mailbox.Shelf)
	var all []mailbox.Deposit
	for i := range 40 {
		all = append(all, deposit(box, []int{512, 4096, 65536}[i%3], 1000))
	}
	h.put(all...)
	var got []mailbox.Name
	for after := uint64(0); ; {
		posts, err := h.Fetch(ctx, box, after, 7, 70_000)
		if err != nil {
			h.Fatal(err)
		}
		if len(posts) == 0 {
			break
		}
		size := 0
		for _, p := range posts {
			if p.Seq <= after {
				h.Fatalf("sequence %d after %d", p.Seq, after)
			}
			after = p.Seq
			size += len(p.Bytes)
			got = append(got, p.Name)
		}
		if len(posts) > 7 || len(posts) > 1 && size > 70_000 {
			h.Errorf("a page of %d posts and %d bytes", len(posts), size)
		}
	}
	if len(got) != len(all) {
		h.Fatalf("got %d posts in pages, want %d", len(got), len(all))
	}
	for i := range got {
		if got[i] != all[i].Name {
			h.Fatalf("post %d is out of order", i)
		}
	}
	// The first comes however large it is.
	if posts, err := h.Fetch(ctx, box, 2, 10, 1); err != nil || len(posts) != 1 || len(posts[0].Bytes) != 65536 {
		h.Errorf("one byte of room: %d posts, %v", len(posts), err)
	}
	if items, err := h.List(ctx, box, 5, 3); err != nil || len(items) != 3 || items[0].Seq != 6 {
		h.Errorf("List: %+v, %v", items, err)
	}
	if items, err := h.List(ctx, box, 40, 3); err != nil || len(items) != 0 {
		h.Errorf("List behind the end: %+v, %v", items, err)
	}
}

func testChain(h *house) {
	box := h.box(mailbox.Shelf)
	var chain mailbox.Chain
	seq := uint64(0)
	for round := range 4 {
		for range 5 {
			for _, item := range h.put(deposit(box, 512, 1000), deposit(box, 512, 1000)) {
				seq++
				chain = chain.Next(seq, item.Name)
				if item.Seq != seq || item.Chain != chain {
					h.Fatalf("item %d: sequence %d, chain %x, want %x", seq, item.Seq, item.Chain[:4], chain[:4])
				}
			}
		}
		b, err := h.Box(h.Context(), box)
		if err != nil || b.Seq != seq || b.Chain != chain {
			h.Fatalf("round %d: box at %d, chain %x, want %d, %x (%v)", round, b.Seq, b.Chain[:4], seq, chain[:4], err)
		}
		switch round {
		case 0:
			h.crash()
		case 1: // what goes does not change what was
			items, _ := h.List(h.Context(), box, 0, 100)
			for _, i := range items {
				if _, err := h.Ack(h.Context(), box, []mailbox.Name{i.Name}); err != nil {
					h.Fatal(err)
				}
			}
			h.reopen()
		case 2:
			if err := h.Expire(h.Context(), 2000, func(mailbox.BoxID, []mailbox.Item) {}); err != nil {
				h.Fatal(err)
			}
			h.crash()
		}
	}
}

func testCrash(h *house) {
	box, other := h.box(mailbox.Mail), h.box(mailbox.Mail)
	var want, rest []mailbox.Deposit
	for i := range 12 {
		var some []mailbox.Deposit
		for j := range 1 + i*3%7 {
			d := deposit(box, []int{512, 1024, 8192}[(i+j)%3], 1000)
			some = append(some, d)
			want = append(want, d)
			if j%2 == 0 {
				e := deposit(other, 512, 1000)
				some = append(some, e)
				rest = append(rest, e)
			}
		}
		h.put(some...)
		if i%3 == 1 {
			if _, err := h.Ack(h.Context(), box, []mailbox.Name{want[0].Name}); err != nil {
				h.Fatal(err)
			}
			want = want[1:]
		}
		h.crash()
		h.holds(box, want...)
		h.holds(other, rest...)
	}
	if s := h.Stats(); s.Posts != uint64(len(want)+len(rest)) || s.Lost != 0 {
		h.Errorf("Stats: %+v", s)
	}
}

func testExpiry(h *house) {
	ctx := h.Context()
	a, b := h.box(mailbox.Mail), h.box(mailbox.Blob)
	early, late, same := deposit(a, 512, 100), deposit(a, 512, 102), deposit(b, 1024, 100)
	h.put(late, early, same)
	expire := func(now mailbox.Age) map[mailbox.BoxID][]mailbox.Name {
		h.Helper()
		gone := map[mailbox.BoxID][]mailbox.Name{}
		if err := h.Expire(ctx, now, func(box mailbox.BoxID, items []mailbox.Item) {
			for _, i := range items {
				gone[box] = append(gone[box], i.Name)
			}
		}); err != nil {
			h.Fatal(err)
		}
		return gone
	}
	if d := cmp.Diff(map[mailbox.BoxID][]mailbox.Name{}, expire(99)); d != "" {
		h.Errorf("before its time: %s", d)
	}
	h.holds(a, late, early)
	want := map[mailbox.BoxID][]mailbox.Name{a: {early.Name}, b: {same.Name}}
	if d := cmp.Diff(want, expire(100)); d != "" {
		h.Errorf("at its time: %s", d)
	}
	h.holds(a, late)
	h.holds(b)
	h.crash()
	if got := h.Age(); got != 100 {
		h.Errorf("Age after a crash: %d, want 100", got)
	}
	expire(50)
	if got := h.Age(); got != 100 {
		h.Errorf("Age went back to %d", got)
	}
	h.holds(a, late)
	// What expired may come again.
	early.Until = 500
	h.put(early)
	h.holds(a, late, early)
	expire(math.MaxInt64)
	h.holds(a)
	if s := h.Stats(); s.Posts != 0 || s.Bytes != 0 {
		h.Errorf("Stats: %+v", s)
	}
}

func testBundles(h *house) {
	ctx := h.Context()
	box := h.box(mailbox.Mail)
	if _, _, err := h.TakeBundle(ctx, box, true); !errors.Is(err, mailbox.ErrNotFound) {
		h.Errorf("none: %v", err)
	}
	b := mailbox.Bundle{Version: 5, Base: bytes.Repeat([]byte{1}, 4096)}
	for i := range mailbox.MaxParts {
		b.Parts = append(b.Parts, bytes.Repeat([]byte{byte(i)}, 2048))
	}
	set := func(b mailbox.Bundle, want error) {
		h.Helper()
		if err := h.SetBundle(ctx, box, b); !errors.Is(err, want) {
			h.Errorf("SetBundle %d: %v, want %v", b.Version, err, want)
		}
	}
	set(b, nil)
	given := map[byte]bool{}
	take := func(part, want bool) {
		h.Helper()
		base, one, err := h.TakeBundle(ctx, box, part)
		if err != nil || !bytes.Equal(base, b.Base) || (one != nil) != want {
			h.Errorf("TakeBundle: base of %d, part of %d, %v", len(base), len(one), err)
			return
		}
		if want && (given[one[0]] || len(one) != 2048) {
			h.Errorf("part %d was given twice", one[0])
		}
		if want {
			given[one[0]] = true
		}
	}
	take(false, false)
	for range 4 {
		take(true, true)
	}
	h.crash()
	set(b, nil) // again: what was given does not come back
	for range 6 {
		take(true, true)
	}
	take(true, false)
	if got, err := h.Box(ctx, box); err != nil || got.Parts != 0 || got.Bundle != 5 {
		h.Errorf("Box: %d parts, bundle %d, %v", got.Parts, got.Bundle, err)
	}
	b.Version = 4
	set(b, mailbox.ErrStale)
	b.Version, b.Base, b.Parts = 6, []byte("base"), b.Parts[:3]
	clear(given)
	set(b, nil)
	h.crash()
	if got, err := h.Box(ctx, box); err != nil || got.Parts != 3 || got.Bundle != 6 {
		h.Errorf("Box: %d parts, bundle %d, %v", got.Parts, got.Bundle, err)
	}
	// Many ask at once: each part is given once.
	var group sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range 20 {
		group.Go(func() {
			_, one, err := h.TakeBundle(ctx, box, true)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				h.Errorf("TakeBundle: %v", err)
			}
			if one != nil {
				n++
				if given[one[0]] {
					h.Errorf("part %d was given twice", one[0])
				}
				given[one[0]] = true
			}
		})
	}
	group.Wait()
	if n != 3 {
		h.Errorf("%d parts were given, want 3", n)
	}
}

func sheet(key byte, period, signed uint64, until mailbox.Age) mailbox.Descriptor {
	return mailbox.Descriptor{
		Key: mailbox.PlaceKey{key}, Period: period, Signed: signed, Until: until,
		Value: bytes.Repeat([]byte{key, byte(signed)}, mailbox.DescriptorSize/2),
	}
}

func testDescriptors(h *house) {
	ctx := h.Context()
	a, b := h.box(mailbox.Mail), h.box(mailbox.Mail)
	leave := func(box mailbox.BoxID, list ...mailbox.Descriptor) {
		h.Helper()
		if err := h.Leave(ctx, box, list); err != nil {
			h.Fatal(err)
		}
	}
	of := func(period uint64, after byte) (got []mailbox.Descriptor) {
		h.Helper()
		err := h.Descriptors(ctx, period, mailbox.PlaceKey{after}, func(d mailbox.Descriptor) bool {
			got = append(got, d)
			return true
		})
		if err != nil {
			h.Fatal(err)
		}
		return got
	}
	same := func(what string, got []mailbox.Descriptor, want ...mailbox.Descriptor) {
		h.Helper()
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(bytes.Equal)); d != "" {
			h.Errorf("%s (-want +got): %.300s", what, d)
		}
	}
	leave(a, sheet(3, 7, 10, 100), sheet(1, 7, 10, 100), sheet(2, 8, 10, 100))
	same("period 7", of(7, 0), sheet(1, 7, 10, 100), sheet(3, 7, 10, 100))
	same("after 1", of(7, 1), sheet(3, 7, 10, 100))
	same("period 9", of(9, 0))
	// Another device of the same account: the newer stands.
	leave(b, sheet(1, 7, 11, 200), sheet(3, 7, 9, 200), sheet(4, 7, 1, 200))
	h.crash()
	same("two boxes", of(7, 0), sheet(1, 7, 11, 200), sheet(3, 7, 10, 100), sheet(4, 7, 1, 200))
	if d, err := h.Descriptor(ctx, mailbox.PlaceKey{1}); err != nil || d.Signed != 11 || !bytes.Equal(d.Value, sheet(1, 7, 11, 200).Value) {
		h.Errorf("Descriptor: %d, %v", d.Signed, err)
	}
	if _, err := h.Descriptor(ctx, mailbox.PlaceKey{9}); !errors.Is(err, mailbox.ErrNotFound) {
		h.Errorf("no descriptor: %v", err)
	}
	// What a box leaves replaces what it left, and nobody else's.
	leave(a, sheet(5, 7, 20, 100))
	same("replaced", of(7, 0), sheet(1, 7, 11, 200), sheet(4, 7, 1, 200), sheet(5, 7, 20, 100))
	same("period 8", of(8, 0))
	n := 0
	if err := h.Descriptors(ctx, 7, mailbox.PlaceKey{}, func(mailbox.Descriptor) bool { n++; return false }); err != nil || n != 1 {
		h.Errorf("Descriptors went on: %d, %v", n, err)
	}
	if s := h.Stats(); s.Descriptors != 3 {
		h.Errorf("Stats: %d descriptors, want 3", s.Descriptors)
	}
	if err := h.Expire(ctx, 150, func(mailbox.BoxID, []mailbox.Item) {}); err != nil {
		h.Fatal(err)
	}
	same("expired", of(7, 0), sheet(1, 7, 11, 200), sheet(4, 7, 1, 200))
	if err := h.RemoveBox(ctx, b); err != nil {
		h.Fatal(err)
	}
	h.crash()
	same("removed", of(7, 0))
}

func testFull(h *house) {
	if h.disk.SetFull == nil {
		h.Log("this store's disk cannot be made full")
		return
	}
	ctx := h.Context()
	box := h.box(mailbox.Mail)
	one, two := deposit(box, 1024, 100), deposit(box, 1024, 1000)
	h.put(one, two)
	b := mailbox.Bundle{Version: 1, Base: []byte("base"), Parts: [][]byte{[]byte("part")}}
	if err := h.SetBundle(ctx, box, b); err != nil {
		h.Fatal(err)
	}
	h.disk.SetFull(h, h.Store, true)
	if !h.Stats().Full {
		h.Error("Stats does not tell")
	}
	more := deposit(box, 1024, 1000)
	for i, k := range h.Put(ctx, []mailbox.Deposit{more, one}) {
		if want := []error{mailbox.ErrDiskFull, nil}[i]; !errors.Is(k.Err, want) && !errors.Is(k.Err, mailbox.ErrDiskFull) {
			h.Errorf("Put %d: %v", i, k.Err)
		}
	}
	_, _, err := h.SetBox(ctx, mailbox.Box{ID: boxID(), Kind: mailbox.Mail})
	b.Version = 2
	for name, err := range map[string]error{
		"SetBox": err, "SetBundle": h.SetBundle(ctx, box, b), "Leave": h.Leave(ctx, box, []mailbox.Descriptor{sheet(1, 1, 1, 1)}),
	} {
		if !errors.Is(err, mailbox.ErrDiskFull) {
			h.Errorf("%s: %v", name, err)
		}
	}
	h.holds(box, one, two)
	if _, err := h.Ack(ctx, box, []mailbox.Name{two.Name}); err != nil {
		h.Errorf("Ack on a full disk: %v", err)
	}
	h.holds(box, one)
	if err := h.Expire(ctx, 500, func(mailbox.BoxID, []mailbox.Item) {}); err != nil {
		h.Errorf("Expire on a full disk: %v", err)
	}
	h.holds(box)
	h.disk.SetFull(h, h.Store, false)
	h.put(more)
	h.holds(box, more)
	h.crash()
	h.holds(box, more)
	if h.Stats().Full {
		h.Error("Stats says that it is still full")
	}
}

func testDamage(h *house) {
	if h.disk.Damage == nil {
		h.Log("this store's disk cannot be damaged")
		return
	}
	ctx := h.Context()
	box, other := h.box(mailbox.Mail), h.box(mailbox.Mail)
	var all []mailbox.Deposit
	for range 5 {
		all = append(all, deposit(box, 1024, 1000))
	}
	whole := deposit(other, 1024, 1000)
	h.put(append(all, whole)...)
	posts := h.all(box)
	h.disk.Damage(h, h.Store, box, posts[2])
	got := h.all(box)
	if len(got) != 4 {
		h.Fatalf("%d posts are left of 5, of which one is damaged", len(got))
	}
	for _, p := range got {
		if mailbox.NameOf(p.Bytes) != p.Name || p.Name == all[2].Name {
			h.Error("a damaged post was given")
		}
	}
	if _, err := h.Get(ctx, box, all[2].Name); !errors.Is(err, mailbox.ErrNotFound) {
		h.Errorf("Get of a damaged post: %v", err)
	}
	if b, err := h.Box(ctx, box); err != nil || b.Lost != 1 {
		h.Errorf("the box says that it lost %d, %v", b.Lost, err)
	}
	if s := h.Stats(); s.Lost != 1 {
		h.Errorf("Stats says that %d were lost", s.Lost)
	}
	// It may be put again, and heals.
	h.put(all[2])
	if len(h.all(box)) != 5 {
		h.Error("a damaged post cannot be put again")
	}
	h.reopen()
	if len(h.all(box)) != 5 {
		h.Error("a healed box does not survive")
	}
	h.holds(other, whole)
}

func testTogether(h *house) {
	ctx := h.Context()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			box := h.box(mailbox.Mail) //nolint:contextcheck // all have the test's
			var want []mailbox.Deposit
			for i := range 10 {
				some := []mailbox.Deposit{deposit(box, 512, 1000), deposit(box, 1024, 1000)}
				h.put(some...) //nolint:contextcheck // the same
				want = append(want, some...)
				if i%3 == 2 {
					if _, err := h.Ack(ctx, box, []mailbox.Name{want[0].Name, want[2].Name}); err != nil {
						h.Error(err)
					}
					want = append([]mailbox.Deposit{want[1]}, want[3:]...)
				}
				if i%4 == 0 {
					_ = h.Expire(ctx, 10, func(mailbox.BoxID, []mailbox.Item) {})
				}
			}
			h.holds(box, want...) //nolint:contextcheck // the same
		})
	}
	group.Wait()
	h.crash()
	if s := h.Stats(); s.Boxes != 8 || s.Posts != 8*(20-6) {
		h.Errorf("Stats: %+v", s)
	}
}

func testEnd(h *house) {
	box := h.box(mailbox.Mail)
	ctx, cancel := context.WithCancel(h.Context())
	cancel()
	if _, err := h.Fetch(ctx, box, 0, 1, 1); !errors.Is(err, context.Canceled) {
		h.Errorf("with a context that ended: %v", err)
	}
	if err := h.Close(); err != nil {
		h.Errorf("Close: %v", err)
	}
	if _, err := h.Box(h.Context(), box); !errors.Is(err, mailbox.ErrClosed) {
		h.Errorf("Box after Close: %v", err)
	}
	if k := h.Put(h.Context(), []mailbox.Deposit{deposit(box, 512, 1)}); !errors.Is(k[0].Err, mailbox.ErrClosed) {
		h.Errorf("Put after Close: %v", k[0].Err)
	}
}

// testModel does the same at random to the store and to one in memory, with crashes in between, and compares.
func testModel(h *house) {
	const steps = 400
	ctx := h.Context()
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	model := &Memory{}
	var boxes []mailbox.BoxID
	var puts []mailbox.Deposit
	age := mailbox.Age(0)
	for range 4 {
		id := h.box(mailbox.Mail)
		if _, _, err := model.SetBox(ctx, mailbox.Box{ID: id, Kind: mailbox.Mail, Secret: [32]byte{1}}); err != nil {
			h.Fatal(err)
		}
		boxes = append(boxes, id)
	}
	box := func() mailbox.BoxID { return boxes[r.IntN(len(boxes))] }
	for step := range steps {
		switch n := r.IntN(20); {
		case n < 10:
			var some []mailbox.Deposit
			for range 1 + r.IntN(4) {
				d := deposit(box(), 512<<r.IntN(4), age+mailbox.Age(1+r.IntN(50)))
				if len(puts) > 0 && r.IntN(5) == 0 {
					d = puts[r.IntN(len(puts))]
				}
				some = append(some, d)
				puts = append(puts, d)
			}
			if d := cmp.Diff(model.Put(ctx, some), h.Put(ctx, some)); d != "" {
				h.Fatalf("step %d: Put (-model +store):\n%s", step, d)
			}
		case n < 14 && len(puts) > 0:
			id := box()
			var names []mailbox.Name
			for range r.IntN(5) {
				names = append(names, puts[r.IntN(len(puts))].Name)
			}
			want, _ := model.Ack(ctx, id, names)
			got, err := h.Ack(ctx, id, names)
			if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b mailbox.Item) bool { return a.Seq < b.Seq })); err != nil || d != "" {
				h.Fatalf("step %d: Ack: %v\n%s", step, err, d)
			}
		case n < 16:
			age += mailbox.Age(r.IntN(10))
			gone := func(into map[mailbox.BoxID]int) func(mailbox.BoxID, []mailbox.Item) {
				return func(b mailbox.BoxID, items []mailbox.Item) { into[b] += len(items) }
			}
			want, got := map[mailbox.BoxID]int{}, map[mailbox.BoxID]int{}
			_ = model.Expire(ctx, age, gone(want))
			if err := h.Expire(ctx, age, gone(got)); err != nil || cmp.Diff(want, got) != "" {
				h.Fatalf("step %d: Expire: %v\n%s", step, err, cmp.Diff(want, got))
			}
		case n < 19:
			id, after, limit, size := box(), uint64(r.IntN(60)), 1+r.IntN(20), r.IntN(20_000)
			want, _ := model.Fetch(ctx, id, after, limit, size)
			got, err := h.Fetch(ctx, id, after, limit, size)
			if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(bytes.Equal)); err != nil || d != "" {
				h.Fatalf("step %d: Fetch after %d: %v\n%.500s", step, after, err, d)
			}
		case step%3 == 0:
			h.crash()
		}
	}
	for _, id := range boxes {
		want, _ := model.Box(ctx, id)
		got, err := h.Box(ctx, id)
		if d := cmp.Diff(want, got, cmpopts.IgnoreFields(mailbox.Box{}, "Incarnation"), cmpopts.EquateEmpty()); err != nil || d != "" {
			h.Errorf("in the end: %v\n%s", err, d)
		}
	}
}
