package identity

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// state is what the manifests of an account come to. Two states are joined by taking
//
//	the higher epoch; of the lower one nothing is left
//	the union of what was revoked in it, under whichever statement with its number
//	of two statements with its number that with the lower hash, and of the other nothing else
//	under it, the newest manifest, whether there was another of its version, and of the entries of each number that
//	is not revoked the one with the lower hash
//
// Each of these is commutative, associative and idempotent, and so is join: the order in which manifests come does not
// matter, nor how often. No clock comes into it. The zero value is what is known of an account before its first manifest.
//
// It is a value: no operation writes to what a state holds.
type state struct {
	stewards Stewards
	head     *Manifest // the newest
	parted   bool      // another manifest with the head's version was seen
	devices  []Device  // one per number, by number, none revoked; more than MaxDevices may stand here after a fork
	burnt    Numbers   // what was revoked in the epoch, also the number of somebody who is now a steward
	active   []Device  // what follows from stewards and devices: who counts, by number
}

// stateOf returns what one manifest says.
func stateOf(m *Manifest) state {
	return state{stewards: m.stewards, head: m, devices: m.devices, burnt: m.revoked, active: m.devices}
}

// revoked returns the revoked numbers: a steward's are never among them. (Only under another statement with the same
// epoch could one have been revoked.)
func (s state) revoked() Numbers { return s.burnt.without(s.stewards.Numbers()) }

// join returns what both states say.
func (s state) join(other state) state {
	if c := s.stewards.compare(other.stewards); c < 0 {
		s, other = other, s
	}
	switch {
	case s.stewards.epoch != other.stewards.epoch || other.head == nil:
		return s
	case s.stewards.hash != other.stewards.hash:
		return s.with(other.burnt)
	case s.head.version == other.head.version:
		s.parted = s.parted || other.parted || s.head.hash != other.head.hash
	case s.head.version < other.head.version:
		s.parted = other.parted
	}
	if s.head.compare(other.head) < 0 {
		s.head = other.head
	}
	return s.with(other.burnt, other.devices...)
}

// with returns the state with these numbers revoked and these entries, without those whose number is revoked.
func (s state) with(burnt Numbers, devices ...Device) state {
	burnt = burnt.union(s.burnt)
	if burnt == s.burnt && !slices.ContainsFunc(devices, func(d Device) bool { return find(s.devices, d.number) != d }) {
		return s // as nearly always
	}
	s.burnt = burnt
	s.devices = slices.Concat(s.devices, devices)
	return s.ordered()
}

// ordered returns the state with its entries as they should be, and who counts of them.
func (s state) ordered() state {
	revoked := s.revoked()
	all := slices.Clone(s.devices)
	slices.SortFunc(all, func(a, b Device) int { return cmp.Or(compareNumber(a, b), compareHash(a, b)) })
	all = slices.DeleteFunc(all, func(d Device) bool { return revoked.Has(d.number) || !s.stewards.admits(d) })
	s.devices = slices.CompactFunc(all, func(a, b Device) bool { return a.number == b.number }) // keeps the lowest hash
	s.active = s.count()
	return s
}

// count returns the devices that count, by number: of those with one identity key that with the lower hash, and of those
// at most MaxDevices, the stewards first and then by time and number.
func (s state) count() []Device {
	list := slices.SortedFunc(slices.Values(s.devices), compareHash)
	seen := make(map[xeddsa.PublicKey]bool, len(list))
	list = slices.DeleteFunc(list, func(d Device) bool {
		again := seen[d.identity]
		seen[d.identity] = true
		return again
	})
	slices.SortFunc(list, func(a, b Device) int {
		if first := s.stewards.Has(a.identity); first != s.stewards.Has(b.identity) {
			if first {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.time, b.time), compareNumber(a, b))
	})
	list = slices.Clip(list[:min(len(list), MaxDevices)])
	slices.SortFunc(list, compareNumber)
	return list
}

// used returns all numbers that no new device may have.
func (s state) used() Numbers {
	used := s.burnt
	for _, d := range s.devices {
		used = used.with(d.number)
	}
	return used
}

// settled returns the state as one manifest can say it: what is not active is revoked.
func (s state) settled() state {
	var surplus Numbers
	for _, d := range s.devices {
		if find(s.active, d.number) != d {
			surplus = surplus.with(d.number)
		}
	}
	return s.with(surplus)
}

// forked tells whether there was another manifest with the version of the newest, or whether the newest does not say
// all that is known.
func (s state) forked() bool {
	return s.head != nil && (s.parted || s.head.revoked != s.revoked() || !slices.Equal(s.head.devices, s.devices))
}

// equal tells whether both know the same.
func (s state) equal(other state) bool {
	return s.stewards.epoch == other.stewards.epoch && s.stewards.hash == other.stewards.hash &&
		s.head.compare(other.head) == 0 && s.parted == other.parted && s.burnt == other.burnt &&
		slices.Equal(s.devices, other.devices)
}

// list returns the entries as they travel.
func list(devices []Device) []Raw {
	raw := make([]Raw, len(devices))
	for i, d := range devices {
		raw[i] = bytes.Clone([]byte(d.raw))
	}
	return raw
}
