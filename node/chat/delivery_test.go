package chat

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/identity"
)

func relay(b byte) identity.TransportKey { return identity.TransportKey(account(b)) }

func custody(b byte, d time.Duration) Input {
	return Input{Event: Custody, Relay: relay(b), Until: start.Add(d)}
}

// TestDelivery tells a story per transition.
func TestDelivery(t *testing.T) {
	hour := time.Hour
	oak, elm := custody(1, hour), custody(2, 2*hour)
	acked, seen, passed, again := Input{Event: Acked}, Input{Event: Seen}, Input{}, Input{Event: TryAgain}
	gaveUp, delayed := Input{Event: GivenUp, Why: "device was revoked"}, Input{Event: Delayed, Why: "clock"}
	lost := Input{Event: Lost, Relay: relay(1)}
	for _, tt := range []struct {
		name string
		in   []Input
		need int
		at   time.Duration // of the last input
		want State
		why  string
	}{
		{"nothing happened", nil, 2, 0, Queued, ""},
		{"it cannot leave", []Input{delayed}, 2, 0, Queued, "clock"},
		{"why stays", []Input{delayed, passed}, 2, 0, Queued, "clock"},
		{"one receipt is not enough", []Input{oak}, 2, 0, Queued, ""},
		{"one relay twice is one", []Input{oak, oak}, 2, 0, Queued, ""},
		{"one receipt where there is one box", []Input{oak}, 1, 0, Kept, ""},
		{"no need is a need of one", nil, 0, 0, Queued, ""},
		{"two receipts", []Input{delayed, oak, elm}, 2, 0, Kept, ""},
		{"a receipt from nobody", []Input{oak, {Event: Custody, Until: start.Add(hour)}}, 2, 0, Queued, ""},
		{"a relay was lost", []Input{oak, elm, lost}, 2, 0, Queued, ""},
		{"a receipt ran out", []Input{oak, elm, passed}, 2, hour, Queued, ""},
		{"not yet", []Input{oak, elm, passed}, 2, hour - time.Millisecond, Kept, ""},
		{"a receipt that has run out already", []Input{custody(1, -hour), elm}, 2, 0, Queued, ""},
		{"kept again", []Input{oak, elm, lost, oak}, 2, 0, Kept, ""},
		{"queued to delivered", []Input{acked}, 2, 0, Delivered, ""},
		{"kept to delivered", []Input{oak, elm, acked}, 2, 0, Delivered, ""},
		{"queued to read", []Input{seen}, 2, 0, Read, ""},
		{"kept to read", []Input{oak, elm, seen}, 2, 0, Read, ""},
		{"delivered to read", []Input{acked, seen}, 2, 0, Read, ""},
		{"queued to failed", []Input{oak, gaveUp}, 2, 0, Failed, "device was revoked"},
		{"kept to failed", []Input{oak, elm, gaveUp}, 2, 0, Failed, "device was revoked"},
		{"failed stays", []Input{gaveUp, oak, elm, delayed, passed}, 2, 0, Failed, "device was revoked"},
		{"failed to queued", []Input{gaveUp, again}, 2, 0, Queued, ""},
		{"failed, and came after all", []Input{gaveUp, acked}, 2, 0, Delivered, ""},
		{"failed, and was read", []Input{gaveUp, seen}, 2, 0, Read, ""},
		{"delivered stays", []Input{acked, gaveUp, again, lost, oak, delayed, passed}, 2, 1000 * hour, Delivered, ""},
		{"read stays", []Input{seen, acked, gaveUp, again, lost, oak, passed}, 2, 1000 * hour, Read, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d Delivery
			for i, in := range tt.in {
				now := start
				if i == len(tt.in)-1 {
					now = start.Add(tt.at)
				}
				d = d.Step(now, in, tt.need)
			}
			if d.State != tt.want || d.Why != tt.why {
				t.Errorf("got %v %q, want %v %q", d.State, d.Why, tt.want, tt.why)
			}
		})
	}
}

// TestDeliveryHolds: nothing is claimed that was not proven, and nothing that was proven is taken back.
func TestDeliveryHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Delivery
		acked, seen := false, false
		until := map[byte]time.Time{}
		now := start
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(-1, 10).Draw(t, "minutes")) * time.Minute)
			r := rapid.ByteRange(1, 12).Draw(t, "relay")
			in := Input{
				Event: Event(rapid.ByteRange(0, 8).Draw(t, "event")), Relay: relay(r),
				Until: start.Add(time.Duration(rapid.IntRange(-5, 60).Draw(t, "until")) * time.Minute), Why: "x",
			}
			need := rapid.IntRange(0, 3).Draw(t, "need")
			before, copied := d, append([]Keeper(nil), d.Keepers...)
			next := d.Step(now, in, need)
			if !cmp.Equal(copied, before.Keepers) {
				t.Fatal("Step wrote to its own")
			}
			acked, seen = acked || in.Event == Acked, seen || in.Event == Seen
			switch {
			case in.Event == Custody && in.Until.After(until[r]):
				until[r] = in.Until
			case in.Event == Lost:
				delete(until, r)
			}
			keeps := 0
			for _, u := range until {
				if u.After(now) {
					keeps++
				}
			}
			if before.State == Read && next.State != Read || before.State == Delivered && next.State != Delivered && next.State != Read {
				t.Fatalf("%v: from %v back to %v", in.Event, before.State, next.State)
			}
			if next.State == Read && !seen || next.State == Delivered && !acked || seen && next.State != Read ||
				acked && next.State != Delivered && next.State != Read {
				t.Fatalf("%v although acked %v, seen %v", next.State, acked, seen)
			}
			if next.State == Kept && (keeps < need || keeps == 0) {
				t.Fatalf("kept by %d, needs %d", keeps, need)
			}
			if next.State == Failed && next.Why == "" || len(next.Keepers) > MaxKeepers {
				t.Fatalf("%+v", next)
			}
			b, err := next.AppendTo(nil)
			if err != nil || len(b) > DeliverySize {
				t.Fatal(len(b), err)
			}
			if parsed, err := ParseDelivery(b); err != nil || !cmp.Equal(parsed, next) {
				t.Fatalf("%+v, %v", parsed, err)
			}
			d = next
		}
	})
}

// TestKeepers: of one relay the longest receipt counts, of too many relays those that keep it longest.
func TestKeepers(t *testing.T) {
	var d Delivery
	for n := range byte(10) {
		d = d.Step(start, custody(n+1, time.Duration(100-n)*time.Hour), 2)
	}
	d = d.Step(start, custody(1, time.Hour), 2)
	var got []byte
	for _, k := range d.Keepers {
		got = append(got, k.Relay[0])
	}
	if want := []byte{1, 2, 3, 4, 5, 6, 7, 8}; !cmp.Equal(got, want) || d.Keepers[0].Until != uint64(start.Add(100*time.Hour).UnixMilli()) {
		t.Errorf("got %v, until %d", got, d.Keepers[0].Until)
	}
}

func TestWhyIsCut(t *testing.T) {
	d := Delivery{}.Step(start, Input{Event: GivenUp, Why: strings.Repeat("é", 100)}, 2)
	if d.Why != strings.Repeat("é", 60) {
		t.Errorf("got %q", d.Why)
	}
	if d = (Delivery{}).Step(start, Input{Event: GivenUp, Why: "a\xffb"}, 2); d.Why != "a?b" {
		t.Errorf("got %q", d.Why)
	}
}

func TestDeliveryRefuses(t *testing.T) {
	k := []Keeper{{Relay: relay(1), Until: 1}}
	for name, d := range map[string]Delivery{
		"unknown state":          {State: 5},
		"kept by nobody":         {State: Kept},
		"delivered, and a relay": {State: Delivered, Keepers: k},
		"delivered, and why":     {State: Delivered, Why: "x"},
		"failed without why":     {State: Failed},
		"kept, and why":          {State: Kept, Keepers: k, Why: "x"},
		"a relay twice":          {Keepers: append(k, k...)},
		"relays out of order":    {Keepers: []Keeper{{Relay: relay(2)}, {Relay: relay(1)}}},
		"a relay of nobody":      {Keepers: []Keeper{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := d.AppendTo(nil); !errors.Is(err, ErrMessage) {
				t.Errorf("AppendTo: got %v", err)
			}
			b, err := identity.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseDelivery(b); !errors.Is(err, ErrMessage) {
				t.Errorf("ParseDelivery: got %v", err)
			}
		})
	}
}
