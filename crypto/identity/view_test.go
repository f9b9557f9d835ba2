package identity

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/internal/vectors"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// story is a list of manifests, as one reader gets them, and what the reader knows afterwards.
type story struct {
	Name    string      `json:"name"`
	Account vectors.Hex `json:"account"`
	Steps   []storyStep `json:"steps"`
	After   storyAfter  `json:"after"`
}

type storyStep struct {
	Manifest vectors.Hex `json:"manifest"`
	Error    string      `json:"error"`
}

type storyAfter struct {
	Epoch   uint64              `json:"epoch"`
	Version uint64              `json:"version"`
	Hash    vectors.Hex         `json:"hash"`
	Active  map[int]vectors.Hex `json:"active"` // number to identity key
	Revoked []int               `json:"revoked"`
	Time    int64               `json:"time"`
	Forked  bool                `json:"forked"`
}

func afterOf(v View) storyAfter {
	h := v.Head()
	a := storyAfter{
		Epoch: h.Epoch, Version: h.Version, Hash: h.Hash[:], Active: map[int]vectors.Hex{}, Revoked: []int{},
		Time: v.Time().Unix(), Forked: v.Forked(),
	}
	for _, d := range v.Devices() {
		a.Active[int(d.number)] = d.identity.Bytes()
	}
	for _, n := range v.Revoked().List() {
		a.Revoked = append(a.Revoked, int(n))
	}
	return a
}

// tell makes a story by applying the manifests in order, and whatever errors come.
func tell(t fataler, name string, manifests ...*Manifest) story {
	t.Helper()
	a := seedOf("Ada").Account().Public()
	s := story{Name: name, Account: a[:]}
	v := NewView(a)
	for _, m := range manifests {
		next, err := v.Apply(m)
		s.Steps = append(s.Steps, storyStep{m.raw, errorName(err)})
		v = next
	}
	s.After = afterOf(v)
	return s
}

func day(n int) time.Time { return start.Add(time.Duration(n) * 24 * time.Hour) }

// stories makes the stories anew, with what their tellers expect of them.
func stories(t testing.TB) (all []story) {
	t.Helper()
	seed := seedOf("Ada")
	account := seed.Account().Public()
	phone, laptop := identityOf("phone"), identityOf("laptop")
	device := func(number uint8, name string) Device { return deviceOf(t, account, number, name, start) }
	ok := must[*Manifest](t)
	expect := func(s story, forked bool, active []int, revoked []int, errs ...string) {
		t.Helper()
		var got []string
		for _, step := range s.Steps {
			got = append(got, step.Error)
		}
		numbers := []int{}
		for n := range s.After.Active {
			numbers = append(numbers, n)
		}
		slices.Sort(numbers)
		alike := func(got, want string) bool { // which of two stands first in a fork is chance, and so, which is of its past
			return got == want || got == "fork" && want == "rollback"
		}
		if len(errs) > 0 && !slices.EqualFunc(got, errs, alike) {
			t.Errorf("%s: got errors %q, want %q", s.Name, got, errs)
		}
		if !cmp.Equal(numbers, active) || !cmp.Equal(s.After.Revoked, revoked) || s.After.Forked != forked {
			t.Errorf("%s: got %v active, %v revoked, forked %v", s.Name, numbers, s.After.Revoked, s.After.Forked)
		}
		all = append(all, s)
	}

	first := epochOf(t, seed, 0, start, "phone", "laptop")
	v1 := viewOf(t, first)
	add5 := ok(v1.Add(phone, device(5, "tablet"), day(1)))
	v2 := viewOf(t, first, add5)
	revoke5 := ok(v2.Revoke(laptop, day(2), 5))
	expect(tell(t, "added and revoked", first, add5, revoke5), false, []int{1, 2}, []int{5}, "", "", "")
	expect(tell(t, "backwards", revoke5, add5, first), false, []int{1, 2}, []int{5}, "", "rollback", "rollback")
	expect(tell(t, "twice", add5, add5), false, []int{1, 2, 5}, []int{}, "", "")
	expect(tell(t, "with a link missing", first, revoke5), false, []int{1, 2}, []int{5}, "", "")

	add6 := ok(v1.Add(laptop, device(6, "watch"), day(1)))
	expect(tell(t, "a fork of two additions", first, add5, add6), true, []int{1, 2, 5, 6}, []int{}, "", "", "")
	merged := ok(viewOf(t, first, add5, add6).Renew(phone, day(2)))
	expect(tell(t, "a fork that is ended", add6, first, add5, merged), false, []int{1, 2, 5, 6}, []int{})
	expect(tell(t, "a fork of which only the end is seen", merged), false, []int{1, 2, 5, 6}, []int{}, "")
	expect(tell(t, "a fork, its end before it", merged, add5, add6, first), false, []int{1, 2, 5, 6}, []int{}, "", "rollback", "rollback", "rollback")
	expect(tell(t, "a fork of addition and revocation", add5, revoke5, ok(v2.Add(phone, device(6, "watch"), day(2)))), true, []int{1, 2, 6}, []int{5})

	long := v1
	var behind []*Manifest
	for i := range 4 {
		m := ok(long.Renew(laptop, day(3+i)))
		long, behind = viewOf(t, long.Manifest(), m), append(behind, m)
	}
	expect(tell(t, "a short fork after a long one still revokes", append(behind, add5, revoke5)...), true, []int{1, 2}, []int{5})

	clash := ok(v1.Add(laptop, device(5, "watch"), day(1)))
	winner := add5.device(5)
	if compareHash(clash.device(5), winner) < 0 {
		winner = clash.device(5)
	}
	s := tell(t, "two devices under one number", first, add5, clash)
	expect(s, true, []int{1, 2, 5}, []int{})
	if !bytes.Equal(s.After.Active[5], winner.identity.Bytes()) {
		t.Error("the higher hash stands")
	}
	ended := ok(viewOf(t, first, add5, clash).Renew(phone, day(2)))
	expect(tell(t, "two devices under one number, ended", ended, clash, add5), false, []int{1, 2, 5}, []int{}, "", "rollback", "rollback")

	again := ok(v1.Add(laptop, device(9, "tablet"), day(1)))
	stays, goes := 5, 9
	if compareHash(again.device(9), add5.device(5)) < 0 {
		stays, goes = 9, 5
	}
	expect(tell(t, "one device under two numbers", first, add5, again), true, []int{1, 2, stays}, []int{})
	ended = ok(viewOf(t, first, add5, again).Renew(phone, day(2)))
	expect(tell(t, "one device under two numbers, ended", first, add5, again, ended), false, []int{1, 2, stays}, []int{goes})

	left, right := v1, v1
	for i := range 5 {
		at := day(1).Add(time.Duration(i) * time.Hour)
		m := ok(left.Add(phone, deviceOf(t, account, uint8(20+i), "left "+string(rune('a'+i)), at), at))
		left = viewOf(t, left.Manifest(), m)
		at = at.Add(time.Minute)
		m = ok(right.Add(laptop, deviceOf(t, account, uint8(10+i), "right "+string(rune('a'+i)), at), at))
		right = viewOf(t, right.Manifest(), m)
	}
	expect(tell(t, "a fork with more than eight", left.Manifest(), right.Manifest()), true, []int{1, 2, 10, 11, 12, 20, 21, 22}, []int{})
	both := viewOf(t, left.Manifest(), right.Manifest())
	fewer := ok(both.Revoke(phone, day(2), 10, 11))
	expect(tell(t, "a fork with more than eight, and two revoked", left.Manifest(), right.Manifest(), fewer), false,
		[]int{1, 2, 12, 13, 20, 21, 22, 23}, []int{10, 11, 14, 24})
	ended = ok(both.Renew(laptop, day(2)))
	expect(tell(t, "a fork with more than eight, ended", ended), false, []int{1, 2, 10, 11, 12, 20, 21, 22}, []int{13, 14, 23, 24})

	early := func(name string, number uint8) Device {
		return deviceOf(t, account, number, name, start.Add(-time.Hour))
	}
	left, right = v1, v1
	for i := range 5 {
		left = viewOf(t, left.Manifest(), ok(left.Add(phone, early("left "+string(rune('a'+i)), uint8(20+i)), day(1))))
		right = viewOf(t, right.Manifest(), ok(right.Add(laptop, early("right "+string(rune('a'+i)), uint8(10+i)), day(1))))
	}
	expect(tell(t, "a fork with more than eight, all there before the stewards", left.Manifest(), right.Manifest()), true,
		[]int{1, 2, 10, 11, 12, 13, 14, 20}, []int{})

	next := epochOf(t, seed, first.stewards.epoch, start, "phone")
	expect(tell(t, "a new epoch beats a longer chain", append(behind, next)...), false, []int{1}, []int{}, "", "", "", "", "")
	expect(tell(t, "an old epoch after a new one", next, behind[3], revoke5), false, []int{1}, []int{}, "", "rollback", "rollback")
	back := ok(viewOf(t, next).Add(phone, device(5, "tablet"), day(4)))
	expect(tell(t, "a number revoked in the old epoch", revoke5, next, back), false, []int{1, 5}, []int{}, "", "", "")
	rival := epochOf(t, seed, first.stewards.epoch, start, "laptop")
	s = tell(t, "two statements of one epoch", next, rival)
	want := 1
	if bytes.Compare(rival.stewards.hash[:], next.stewards.hash[:]) < 0 {
		expect(s, false, []int{want}, []int{}, "", "")
	} else {
		expect(s, false, []int{want}, []int{}, "", "rollback")
	}

	future := ok(v1.Renew(phone, day(10)))
	expect(tell(t, "of a time to come", first, future), false, []int{1, 2}, []int{}, "", "")
	expect(tell(t, "somebody else's", first, epochOf(t, seedOf("Ben"), 0, start, "phone")), false, []int{1, 2}, []int{}, "", "account")
	return all
}

// TestStories runs what was recorded and what is made anew: in the order told, with those errors, and in other orders.
func TestStories(t *testing.T) {
	made := stories(t)
	type file struct {
		Note    string  `json:"note"`
		Stories []story `json:"stories"`
	}
	update(t, "testdata/view.json", file{"what a reader knows after manifests in this order, with these errors, and in any other order", made})
	var recorded file
	vectors.Read("testdata/view.json", &recorded)
	if len(recorded.Stories) != len(made) {
		t.Errorf("%d stories are recorded, of %d", len(recorded.Stories), len(made))
	}
	for _, s := range slices.Concat(made, recorded.Stories) {
		var orders [][]storyStep
		for i := range s.Steps {
			orders = append(orders, slices.Concat(s.Steps[i:], s.Steps[:i]))
		}
		backwards := slices.Clone(s.Steps)
		slices.Reverse(backwards)
		for i, steps := range append(orders, backwards) {
			v := NewView(Account(s.Account))
			for _, step := range steps {
				next, _, err := v.Read(step.Manifest)
				if i == 0 && errorName(err) != step.Error {
					t.Errorf("%s: got %v, want %q", s.Name, err, step.Error)
				}
				if err != nil && !next.Equal(v) {
					t.Errorf("%s: a refused manifest changed the view", s.Name)
				}
				v = next
			}
			if got := afterOf(v); !cmp.Equal(got, s.After) {
				t.Errorf("%s, order %d: %s", s.Name, i, cmp.Diff(s.After, got))
			}
		}
	}
}

func TestCheck(t *testing.T) {
	m := usual(t)
	v := viewOf(t, m)
	for _, tt := range []struct {
		number uint8
		key    xeddsa.PublicKey
		want   error
	}{
		{1, identityOf("phone").Public(), nil},
		{5, identityOf("tablet").Public(), nil},
		{5, identityOf("phone").Public(), ErrNotListed},
		{1, xeddsa.PublicKey{}, ErrNotListed},
		{3, xeddsa.PublicKey{}, ErrNotListed},
		{3, identityOf("phone").Public(), ErrNotListed},
		{9, identityOf("phone").Public(), ErrRevoked},
		{0, xeddsa.PublicKey{}, ErrNotListed},
		{128, identityOf("phone").Public(), ErrNotListed},
		{255, identityOf("phone").Public(), ErrNotListed},
	} {
		if err := v.Check(tt.number, tt.key); !errors.Is(err, tt.want) {
			t.Errorf("%d: got %v, want %v", tt.number, err, tt.want)
		}
	}
}

// TestSigning has one refusal per row.
func TestSigning(t *testing.T) {
	seed := seedOf("Ada")
	account := seed.Account().Public()
	phone, tablet := identityOf("phone"), identityOf("tablet")
	v := viewOf(t, usual(t))
	device := func(number uint8, name string) Device { return deviceOf(t, account, number, name, start) }
	full := v
	for i := range 5 {
		full = viewOf(t, full.Manifest(), must[*Manifest](t)(full.Add(phone, device(uint8(30+i), "more "+string(rune('a'+i))), start)))
	}
	s := v.Stewards()
	end := viewOf(t, must[*Manifest](t)(ParseManifest(forge(t, v.Manifest(), "phone", func(b *signedBody) { b.Version = maxCount }))))
	only := func(_ any, err error) error { return err }
	newEpoch := func(seen uint64, stewards ...Device) error {
		return only(seed.Account().NewEpoch(seen, start, stewards...))
	}
	nine := make([]Device, 9)
	for i := range nine {
		nine[i] = device(uint8(i+1), string(rune('a'+i)))
	}
	next := must[Stewards](t)(seed.Account().NewEpoch(s.Epoch(), start, device(1, "phone")))
	for name, pair := range map[string][2]error{
		"renewed by no steward":                {only(v.Renew(tablet, start)), ErrNotSteward},
		"renewed by a stranger":                {only(v.Renew(identityOf("stranger"), start)), ErrNotSteward},
		"renewed by nobody":                    {only(v.Renew(xeddsa.PrivateKey{}, start)), ErrKey},
		"renewed at the last version":          {only(end.Renew(phone, start)), ErrNewEpoch},
		"added by no steward":                  {only(v.Add(tablet, device(6, "watch"), start)), ErrNotSteward},
		"added nobody":                         {only(v.Add(phone, Device{}, start)), ErrKey},
		"added somebody else's":                {only(v.Add(phone, deviceOf(t, seedOf("Ben").Account().Public(), 6, "watch", start), start)), ErrAccount},
		"added under a listed number":          {only(v.Add(phone, device(5, "watch"), start)), ErrNumber},
		"added under a revoked number":         {only(v.Add(phone, device(9, "watch"), start)), ErrNumber},
		"added again":                          {only(v.Add(phone, device(6, "tablet"), start)), ErrListed},
		"added a ninth":                        {only(full.Add(phone, device(6, "watch"), start)), ErrFull},
		"a number for a ninth":                 {only(full.FreeNumber()), ErrFull},
		"revoked by no steward":                {only(v.Revoke(tablet, start, 9)), ErrNotSteward},
		"revoked itself":                       {only(v.Revoke(phone, start, 1)), ErrNewEpoch},
		"revoked another steward":              {only(v.Revoke(phone, start, 5, 2)), ErrNewEpoch},
		"revoked number 0":                     {only(v.Revoke(phone, start, 0)), ErrNumber},
		"revoked number 128":                   {only(v.Revoke(phone, start, 128)), ErrNumber},
		"began without a steward":              {only(s.Begin(phone, start, device(1, "phone"))), ErrManifest},
		"began with one number twice":          {only(s.Begin(phone, start, device(1, "phone"), device(2, "laptop"), device(2, "watch"))), ErrManifest},
		"began with one key twice":             {only(s.Begin(phone, start, device(1, "phone"), device(2, "laptop"), device(3, "phone"))), ErrManifest},
		"began with somebody else's":           {only(s.Begin(phone, start, deviceOf(t, seedOf("Ben").Account().Public(), 1, "phone", start))), ErrAccount},
		"began by no steward":                  {only(s.Begin(tablet, start, device(1, "phone"), device(2, "laptop"))), ErrNotSteward},
		"began with nine":                      {only(s.Begin(phone, start, append(full.Devices(), device(6, "watch"))...)), ErrFull},
		"epoch without stewards":               {newEpoch(0), ErrManifest},
		"epoch of nine stewards":               {newEpoch(0, nine...), ErrManifest},
		"epoch with a steward twice":           {newEpoch(0, nine[0], nine[0]), ErrManifest},
		"epoch of nobody":                      {newEpoch(0, Device{}), ErrKey},
		"epoch with a number twice":            {newEpoch(0, nine[0], device(1, "phone")), ErrManifest},
		"epoch with a key twice":               {newEpoch(0, nine[0], device(2, "a")), ErrManifest},
		"epoch with somebody else's":           {newEpoch(0, deviceOf(t, seedOf("Ben").Account().Public(), 1, "phone", start)), ErrAccount},
		"epoch of a zero key":                  {only(AccountPrivateKey{}.NewEpoch(0, start, nine[0])), ErrKey},
		"epoch of nobody's clock":              {only(seed.Account().NewEpoch(0, time.Time{}, nine[0])), ErrClock},
		"began as known (no error)":            {only(v.Begin(next, phone, start, device(1, "phone"), device(5, "tablet"))), nil},
		"began with a revoked device":          {only(v.Begin(next, phone, start, device(1, "phone"), device(9, "lost"))), ErrRevoked},
		"began the epoch that is known":        {only(v.Begin(s, phone, start, device(1, "phone"), device(2, "laptop"))), ErrRollback},
		"began somebody else's":                {only(NewView(seedOf("Ben").Account().Public()).Begin(next, phone, start, device(1, "phone"))), ErrAccount},
		"began nothing":                        {only(v.Begin(Stewards{}, phone, start, device(1, "phone"))), ErrKey},
		"epoch after the last":                 {newEpoch(maxCount, nine[0]), ErrManifest},
		"epoch after more than that":           {newEpoch(1<<64-1, nine[0]), ErrManifest},
		"device under number 0":                {only(NewDevice(account, 0, phone, start)), ErrNumber},
		"device under number 128":              {only(NewDevice(account, 128, phone, start)), ErrNumber},
		"device without a key":                 {only(NewDevice(account, 1, xeddsa.PrivateKey{}, start)), ErrKey},
		"device read for another":              {only(ParseDevice(seedOf("Ben").Account().Public(), device(6, "watch").AppendTo(nil))), ErrProof},
		"device read for nobody":               {only(ParseDevice(Account{}, device(6, "watch").AppendTo(nil))), ErrProof},
		"applied nothing":                      {only(v.Apply(nil)), ErrKey},
		"epoch one before the last (no error)": {newEpoch(maxCount-1, nine[0]), nil},
		"revoked twice (no error)":             {only(v.Revoke(phone, start, 9)), nil},
		"revoked nobody's (no error)":          {only(v.Revoke(phone, start, 77)), nil},
	} {
		if !errors.Is(pair[0], pair[1]) {
			t.Errorf("%s: got %v, want %v", name, pair[0], pair[1])
		}
	}
}

func TestEpochNumber(t *testing.T) {
	phone := deviceOf(t, seedOf("Ada").Account().Public(), 1, "phone", start)
	for _, tt := range []struct {
		seen uint64
		now  time.Time
		want uint64 // 0: ErrClock
	}{
		{0, start, 1_800_000_000},
		{1_799_999_999, start, 1_800_000_000},
		{1_800_000_000, start, 1_800_000_001},
		{2_000_000_000, start, 2_000_000_001},
		{0, earliest, 1_767_225_600},
		{0, latest.Add(-1), 4_102_444_799},
		{1 << 40, start, 1<<40 + 1},
		{0, earliest.Add(-1), 0},
		{0, latest, 0},
		{0, time.Unix(0, 0), 0},
		{0, time.Time{}, 0},
		{1_900_000_000, time.Time{}, 0},
	} {
		s, err := seedOf("Ada").Account().NewEpoch(tt.seen, tt.now, phone)
		if errors.Is(err, ErrClock) != (tt.want == 0) || err != nil && !errors.Is(err, ErrClock) || s.Epoch() != tt.want {
			t.Errorf("seen %d at %v: got %d, %v, want %d", tt.seen, tt.now, s.Epoch(), err, tt.want)
		}
	}
}

func TestAges(t *testing.T) {
	v := viewOf(t, epochOf(t, seedOf("Ada"), 0, start, "phone"))
	for _, tt := range []struct {
		now        time.Time
		due, stale bool
	}{
		{start, false, false},
		{start.Add(-MaxAhead), false, false},
		{start.Add(-MaxAhead - time.Second), true, true},
		{start.Add(-1000 * time.Hour), true, true},
		{start.Add(-1 << 62), true, true},
		{start.Add(RenewAfter), false, false},
		{start.Add(RenewAfter + time.Second), true, false},
		{start.Add(StaleAfter), true, false},
		{start.Add(StaleAfter + time.Second), true, true},
		{start.Add(1 << 62), true, true},
	} {
		if v.Due(tt.now) != tt.due || v.Stale(tt.now) != tt.stale {
			t.Errorf("%v: due %v, stale %v", tt.now, v.Due(tt.now), v.Stale(tt.now))
		}
	}
	if empty := NewView(v.Account()); !empty.Stale(start) || !empty.Due(start) {
		t.Error("nothing known is not stale")
	}
}

func TestFollows(t *testing.T) {
	first := epochOf(t, seedOf("Ada"), 0, start, "phone", "laptop")
	second := must[*Manifest](t)(viewOf(t, first).Renew(identityOf("phone"), day(1)))
	third := must[*Manifest](t)(viewOf(t, second).Renew(identityOf("phone"), day(2)))
	fork := must[*Manifest](t)(viewOf(t, first).Renew(identityOf("laptop"), day(3)))
	for name, pair := range map[string][2]bool{
		"next":    {second.Follows(first), true},
		"further": {third.Follows(second), true},
		"gap":     {third.Follows(first), false},
		"fork":    {third.Follows(fork), false},
		"back":    {first.Follows(second), false},
		"itself":  {first.Follows(first), false},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %v", name, pair[0])
		}
	}
}

func TestStoredView(t *testing.T) {
	for _, s := range stories(t) {
		v := NewView(Account(s.Account))
		for _, step := range s.Steps {
			v, _, _ = v.Read(step.Manifest)
		}
		stored := v.AppendTo([]byte("before"))[6:]
		again, err := ParseView(stored)
		if err != nil || !again.Equal(v) || !bytes.Equal(again.AppendTo(nil), stored) || !cmp.Equal(afterOf(again), afterOf(v)) {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	empty := NewView(seedOf("Ada").Account().Public())
	if again, err := ParseView(empty.AppendTo(nil)); err != nil || !again.Equal(empty) {
		t.Errorf("empty: %v", err)
	}
	v := viewOf(t, usual(t))
	var good viewBody
	if err := canon.Unmarshal(v.AppendTo(nil), ViewSize, &good); err != nil {
		t.Fatal(err)
	}
	watch := canon.Raw(deviceOf(t, v.Account(), 77, "watch", start).raw)
	other := canon.Raw(deviceOf(t, v.Account(), 78, "laptop", start).raw)
	for name, tt := range map[string]struct {
		change func(*viewBody)
		want   error
	}{
		"other account":              {func(b *viewBody) { b.Account = seedOf("Ben").Account().Public() }, ErrAccount},
		"account that is none":       {func(b *viewBody) { b.Account = Account{} }, ErrKey},
		"devices without manifest":   {func(b *viewBody) { b.Manifest = nil }, ErrManifest},
		"device left out":            {func(b *viewBody) { b.Devices = b.Devices[1:] }, ErrManifest},
		"device more (no error)":     {func(b *viewBody) { b.Devices = append(b.Devices, watch) }, nil},
		"device that is revoked":     {func(b *viewBody) { b.Devices, b.Burnt = append(b.Devices, watch), b.Burnt.with(77) }, ErrManifest},
		"a steward's other number":   {func(b *viewBody) { b.Devices = append(b.Devices, other) }, ErrManifest},
		"a device twice":             {func(b *viewBody) { b.Devices = append(b.Devices, b.Devices[2]) }, ErrManifest},
		"revocation left out":        {func(b *viewBody) { b.Burnt = Numbers{} }, ErrManifest},
		"revoked number 0":           {func(b *viewBody) { b.Burnt[0] |= 1 }, ErrManifest},
		"parted without manifest":    {func(b *viewBody) { b.Manifest, b.Devices, b.Burnt, b.Parted = nil, nil, Numbers{}, true }, ErrManifest},
		"manifest flipped":           {func(b *viewBody) { b.Manifest = flip(b.Manifest, len(b.Manifest)-1) }, ErrSignature},
		"devices in another order":   {func(b *viewBody) { slices.Reverse(b.Devices) }, ErrManifest},
		"a device that is no device": {func(b *viewBody) { b.Devices[0] = canon.Raw{0x80} }, ErrMalformed},
	} {
		b := good
		b.Devices = slices.Clone(good.Devices)
		tt.change(&b)
		got, err := ParseView(must[[]byte](t)(canon.Marshal(b)))
		if !errors.Is(err, tt.want) || err != nil && !got.IsZero() {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	if _, err := ParseView(make([]byte, ViewSize+1)); !errors.Is(err, ErrSize) {
		t.Errorf("too large: got %v", err)
	}
}
