package identity

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// state is what the manifests of an account come to. Two states are joined by taking the higher epoch and, within it,
// the union of the revoked numbers, the lower hash for each number that is left, the newest manifest and the latest
// time. Each of these is commutative, associative and idempotent, and so is join: the order in which manifests come
// does not matter, nor how often. The zero value is what is known of an account before its first manifest.
//
// It is a value: no operation writes to what a state holds.
type state struct {
	stewards Stewards
	head     *Manifest // the newest
	devices  []Device  // one per number, by number, none revoked; more than MaxDevices may stand here after a fork
	revoked  Numbers
	time     uint64 // the latest
}

// stateOf returns what one manifest says.
func stateOf(m *Manifest) state { return state{m.stewards, m, m.devices, m.revoked, m.time} }

// join returns what both states say.
func (s state) join(other state) state {
	if c := s.stewards.compare(other.stewards); c != 0 || s.stewards.IsZero() {
		if c > 0 {
			return s
		}
		return other
	}
	if s.head.compare(other.head) < 0 {
		s.head = other.head
	}
	s.revoked = s.revoked.union(other.revoked)
	s.time = max(s.time, other.time)
	return s.with(other.devices...)
}

// with returns the state with these entries, and without those whose number is revoked.
func (s state) with(devices ...Device) state {
	all := slices.Concat(s.devices, devices)
	slices.SortFunc(all, func(a, b Device) int { return cmp.Or(compareNumber(a, b), compareHash(a, b)) })
	all = slices.CompactFunc(all, func(a, b Device) bool { return a.number == b.number }) // keeps the first: the lowest hash
	s.devices = slices.DeleteFunc(all, func(d Device) bool { return s.revoked.Has(d.number) })
	return s
}

// without returns the state with these numbers revoked.
func (s state) without(numbers Numbers) state {
	s.revoked = s.revoked.union(numbers)
	return s.with()
}

// active returns the devices that count, by number: of those with one identity key that with the lower hash, and of
// those at most MaxDevices, the stewards first and then by time and number.
func (s state) active() []Device {
	list := slices.SortedFunc(slices.Values(s.devices), compareHash)
	seen := make(map[xeddsa.PublicKey]bool, len(list))
	list = slices.DeleteFunc(list, func(d Device) bool {
		again := seen[d.identity]
		seen[d.identity] = true
		return again
	})
	slices.SortFunc(list, func(a, b Device) int {
		return cmp.Or(
			cmp.Compare(btoi(s.stewards.Has(b.identity)), btoi(s.stewards.Has(a.identity))),
			cmp.Compare(a.time, b.time),
			compareNumber(a, b),
		)
	})
	list = list[:min(len(list), MaxDevices)]
	slices.SortFunc(list, compareNumber)
	return list
}

// used returns all numbers that no new device may have.
func (s state) used() Numbers {
	used := s.revoked
	for _, d := range s.devices {
		used = used.with(d.number)
	}
	return used
}

// settled returns the state as one manifest can say it: what is not active is revoked.
func (s state) settled() state {
	active := s.active()
	for _, d := range s.devices {
		if !slices.Contains(active, d) {
			s.revoked = s.revoked.with(d.number)
		}
	}
	s.devices = active
	return s
}

// forked tells whether the newest manifest does not say all that is known.
func (s state) forked() bool {
	return s.head != nil && (s.head.revoked != s.revoked || !slices.Equal(s.head.devices, s.devices))
}

// equal tells whether both know the same.
func (s state) equal(other state) bool {
	return s.stewards.epoch == other.stewards.epoch && s.stewards.hash == other.stewards.hash &&
		s.head.compare(other.head) == 0 && slices.Equal(s.devices, other.devices) &&
		s.revoked == other.revoked && s.time == other.time
}

// list returns the entries as they travel.
func list(devices []Device) []Raw {
	raw := make([]Raw, len(devices))
	for i, d := range devices {
		raw[i] = bytes.Clone([]byte(d.raw))
	}
	return raw
}
