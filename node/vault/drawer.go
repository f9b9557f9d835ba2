package vault

import (
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
)

// Drawer is where records of one sort lie.
type Drawer uint8

// The drawers. Their numbers are on disk.
const (
	Account  Drawer = 1  // the account's and the device's own keys and state
	Contact  Drawer = 2  // contacts and requests
	Invite   Drawer = 3  // invites that were given out
	Session  Drawer = 4  // sessions with devices; sealed under the erase key
	PreKey   Drawer = 5  // private halves of prekeys; sealed under the erase key
	Replay   Drawer = 6  // what was used up, such as one-time prekeys and tokens
	Dedupe   Drawer = 7  // names of what came already
	Outbox   Drawer = 8  // envelopes that are to leave
	Delivery Drawer = 9  // how far messages came
	Peer     Drawer = 10 // what is known of nodes and relays
	Setting  Drawer = 11 // choices of the user, timers and clocks of conversations

	// History itself has methods of its own.
	items Drawer = 64 // conversation ‖ time ‖ author ‖ ID → item
	refs  Drawer = 65 // conversation ‖ author ‖ ID → 0 ‖ item, or 1 ‖ time
	dates Drawer = 96 // until ‖ drawer ‖ key → nothing
	ring  Drawer = 97 // commit mod 65536 → commit, not sealed
	holes Drawer = 98 // what is known of commits that vanished

	filler Drawer = 99 // nothing: it fills a table of Badger's up

	climbed Drawer = 100 // how far an upgrade came, see upgrade
)

// String names the drawer, also in errors and in Damaged.
func (d Drawer) String() string {
	switch d {
	case Account:
		return "account"
	case Contact:
		return "contact"
	case Invite:
		return "invite"
	case Session:
		return "session"
	case PreKey:
		return "prekey"
	case Replay:
		return "replay"
	case Dedupe:
		return "dedupe"
	case Outbox:
		return "outbox"
	case Delivery:
		return "delivery"
	case Peer:
		return "peer"
	case Setting:
		return "setting"
	case items:
		return "history"
	case refs:
		return "history index"
	case dates:
		return "dates"
	case ring:
		return "commit ring"
	case holes:
		return "lost commits"
	case filler:
		return "filler"
	case climbed:
		return "upgrade"
	default:
		return fmt.Sprintf("drawer %d", uint8(d))
	}
}

// open tells whether d is for callers.
func (d Drawer) open() bool { return d >= Account && d <= Setting }

// erased tells whether d is sealed under the erase key.
func (d Drawer) erased() bool { return d == Session || d == PreKey }

// at returns the store's key of a record.
func (d Drawer) at(parts ...[]byte) []byte {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	b := append(make([]byte, 0, n), byte(d))
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// after returns the least key that is higher than all that begin with prefix. The prefix begins with a drawer.
func after(prefix []byte) []byte {
	b := slices.Clone(prefix)
	for i := len(b) - 1; ; i-- {
		if b[i]++; b[i] != 0 {
			return b[:i+1]
		}
	}
}

// Damage is how many records of a drawer did not open, or that a file of the vault did not.
type Damage struct {
	// What is a drawer as Drawer.String has it, such as "contact" or "history"; or "tables", "erase key" or "high-water
	// mark". It never has keys or contents in it.
	What    string
	Records uint64 // 1 of a file
}

// String says it for people, with what it means where that is not plain: "3 records of drawer contact do not open".
func (d Damage) String() string {
	switch d.What {
	case damagedTables:
		return "tables below the records are damaged: some records may be missing"
	case damagedErase:
		return "the erase key does not open: the sessions that were under it begin anew"
	case damagedMark:
		return "the high-water mark is damaged: whether the last commits are missing is not known"
	}
	if d.Records == 1 {
		return "1 record of drawer " + d.What + " does not open"
	}
	return fmt.Sprintf("%d records of drawer %s do not open", d.Records, d.What)
}

// What is damaged beside records.
const (
	damagedTables = "tables"
	damagedErase  = "erase key"
	damagedMark   = "high-water mark"
)

// maxDamage bounds how many damaged records are told apart.
const maxDamage = 1 << 16

// damage counts damaged records, each once. The zero value is ready.
type damage struct {
	mutex  sync.Mutex
	seed   maphash.Seed
	seen   map[uint64]bool
	counts map[string]uint64
}

// add counts the record under key as damaged, and tells whether it was not known.
func (d *damage) add(what string, key []byte) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.seen == nil {
		d.seed, d.seen, d.counts = maphash.MakeSeed(), make(map[uint64]bool), make(map[string]uint64)
	}
	h := maphash.Bytes(d.seed, key)
	if d.seen[h] || len(d.seen) >= maxDamage {
		return false
	}
	d.seen[h] = true
	d.counts[what]++
	return true
}

func (d *damage) total() (n uint64) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for _, c := range d.counts {
		n += c
	}
	return n
}

// Damaged returns what did not open since Open, by what it is: a drawer or a file of the vault, sorted by name. Only what
// was read is known; after Scrub, that is all. It counts up to 65 536 records.
func (v *Vault) Damaged() []Damage {
	v.damage.mutex.Lock()
	defer v.damage.mutex.Unlock()
	var all []Damage
	for what, n := range v.damage.counts {
		all = append(all, Damage{what, n})
	}
	slices.SortFunc(all, func(a, b Damage) int {
		if a.What < b.What {
			return -1
		}
		return 1
	})
	return all
}

// damaged counts the record, and returns the error that says so.
func (v *Vault) damaged(key []byte) error {
	what := Drawer(key[0]).String()
	if v.damage.add(what, key) {
		v.log.Warn("a stored record is damaged", "drawer", what)
	}
	return fmt.Errorf("%w: %s", ErrDamaged, what)
}
