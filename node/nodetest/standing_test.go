package nodetest

import (
	"crypto/sha256"
	"maps"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/mailbox"
)

// standing is what the DHT has of an account's descriptors, the newest of each place by its hash, and what relays have.
func (w *postWorld) standing(p *Person) map[string][32]byte {
	w.t.Helper()
	out, order := make(map[string][32]byte), make(map[string]time.Time)
	at := p.Node.Address()
	h := w.Net.NewHost()
	defer h.Close()
	w.Join(w.ctx, h)
	for _, place := range descriptor.LookupPlaces(time.Now()) {
		key, err := descriptor.Blind(at.Discovery, place)
		w.must(err)
		w.must(h.Lookup(w.ctx, key.DHT(), func(value []byte) bool {
			o, err := descriptor.Open(value, at.Discovery, identity.NewView(at.Account), time.Now())
			if err == nil && o.Order.After(order[key.DHT()]) {
				out[key.DHT()], order[key.DHT()] = sha256.Sum256(value), o.Order
			}
			return true
		}))
	}
	for _, r := range w.Relays {
		for period := range descriptor.Period(descriptor.AheadPeriods + 1) {
			w.must(r.Store.Descriptors(w.ctx, uint64(descriptor.PeriodOf(time.Now())+period), mailbox.PlaceKey{}, func(d mailbox.Descriptor) bool {
				out[r.Name+string(d.Key[:])] = sha256.Sum256(d.Value)
				return true
			}))
		}
	}
	return out
}

// A device that starts, and one that looks at what its account published, makes no descriptors anew where they say what
// they should: signing them, for its relays above all, is work.
func TestStandingDescriptors(t *testing.T) {
	inPostWorld(t, 2, func(w *postWorld) {
		oak, elm := w.Relays[0], w.Relays[1]
		ada := w.person("Ada", oak)
		time.Sleep(descriptor.PeriodLength - time.Duration(time.Now().UnixNano())%descriptor.PeriodLength + 3*time.Hour) // into a period
		before := w.standing(ada)
		if len(before) < 2+2*descriptor.AheadPeriods {
			w.t.Fatalf("%d descriptors", len(before))
		}
		unchanged := func(when string) {
			w.t.Helper()
			if !maps.Equal(before, w.standing(ada)) {
				w.t.Errorf("%s: there are new descriptors", when)
			}
		}
		for range 2 {
			w.must(ada.Stop())
			time.Sleep(20 * time.Minute)
			w.must(ada.Start(w.ctx))
			w.until("the relay has all again", func() bool { return ada.Node.Relays()[0].Ready })
			time.Sleep(2 * time.Minute)
			unchanged("after a start")
		}
		ada.Crash()
		w.must(ada.Start(w.ctx))
		time.Sleep(7 * time.Hour) // it has read what stands in the DHT
		unchanged("after some hours")

		two, err := w.Link(w.ctx, ada, "Ada's other")
		w.must(err)
		_, err = two.Node.AddRelay(w.ctx, elm.Address())
		w.must(err)
		time.Sleep(2 * time.Hour)
		changed := w.standing(ada)
		if maps.Equal(before, changed) {
			w.t.Error("a new device changed nothing")
		}
		before = changed
		time.Sleep(3 * time.Hour)
		unchanged("while two devices look after them")
		w.must(two.Stop())
		time.Sleep(4 * time.Hour) // longer than the DHT keeps what nobody puts
		w.must(two.Start(w.ctx))
		time.Sleep(10 * time.Minute)
		unchanged("after one of two slept")

		_, err = ada.Node.AddRelay(w.ctx, elm.Address())
		w.must(err)
		time.Sleep(time.Hour)
		if maps.Equal(before, w.standing(ada)) {
			w.t.Error("another box changed nothing")
		}
	})
}

// alone has a contact start anew while all relays are gone, and write: it reaches the device by what it keeps of where
// that is.
func (w *postWorld) alone(from, to *Person) {
	w.t.Helper()
	for _, r := range w.Relays {
		w.must(r.Kill())
	}
	w.must(from.Stop())
	w.must(from.Start(w.ctx))
	w.say(from, to.Node.Account(), "where are you?")
	began := time.Now()
	w.until("it does not come", func() bool { return to.shows(from.Node.Account(), "where are you?") == 1 })
	if took := time.Since(began); took > time.Minute {
		w.t.Errorf("it took %v", took)
	}
}

// A contact reaches a device that woke elsewhere although its record is the old one, since another device of its account
// published meanwhile.
func TestMovesWhileAnotherPublishes(t *testing.T) {
	inPostWorld(t, 2, func(w *postWorld) {
		oak, elm := w.Relays[0], w.Relays[1]
		ada, bob := w.person("Ada", oak), w.person("Bob", oak)
		w.must(w.Befriend(w.ctx, ada, bob))
		two, err := w.Link(w.ctx, ada, "Ada's other")
		w.must(err)
		time.Sleep(2 * time.Hour) // all have said where they are
		was := ada.Host.Key()
		w.must(ada.Stop())
		_, err = two.Node.AddRelay(w.ctx, elm.Address())
		w.must(err)
		time.Sleep(time.Hour)
		w.must(ada.Start(w.ctx))
		if ada.Host.Key() == was {
			w.t.Fatal("it woke where it was")
		}
		time.Sleep(20 * time.Minute)
		w.say(ada, bob.Node.Account(), "good morning")
		w.until("bob does not get it", func() bool { return bob.shows(ada.Node.Account(), "good morning") == 1 })
		w.must(two.Stop())
		w.alone(bob, ada)
	})
}

// A descriptor says less than what a device tells its contacts, so reading one takes nothing away: the device published
// anew, since its account changed, and has said nothing to its contact since.
func TestDescriptorSaysLess(t *testing.T) {
	inPostWorld(t, 1, func(w *postWorld) {
		oak := w.Relays[0]
		ada, bob := w.person("Ada", oak), w.person("Bob", oak)
		w.must(w.Befriend(w.ctx, ada, bob))
		two, err := w.Link(w.ctx, ada, "Ada's other")
		w.must(err)
		time.Sleep(2 * time.Hour)
		w.must(two.Stop())
		w.alone(bob, ada)
	})
}
