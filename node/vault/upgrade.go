package vault

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// upgradeFile says that an upgrade began: two slots of from (2) ‖ to (2) ‖ number of the copy (2). It counts while the
// schema in the key file is lower than to, and has an older program refuse what is half upgraded.
const upgradeFile = "upgrade"

// Upgrade is what Open did to a vault of a lower schema.
type Upgrade struct {
	From, To uint16 // schemas
	// Copy is the folder in which the vault lies as it was, beside its own, such as "linnet.schema1"; empty on a Disk, and
	// if it was removed meanwhile. Its sessions and their erase key are in it, so it should not stay for long: removing it
	// is up to the user. Opened by the older program it says that commits are Lost, so that sessions begin anew: those in
	// it may have been used since.
	Copy string
}

// Upgraded returns what Open upgraded, also if it went on with what another Open began, and nil if there was nothing to.
func (v *Vault) Upgraded() *Upgrade { return v.upgraded }

// ladder is what a program knows about schemas: element i brings a vault from schema i+1 to i+2.
type ladder []step

// theLadder has no steps: there was no other schema yet. Schema is its top.
var theLadder ladder

// top returns the schema that the program writes.
func (l ladder) top() uint16 { return uint16(1 + len(l)) }

// step brings the records of one schema to the next.
type step struct {
	// drawers are those to look through, in ascending order.
	drawers []Drawer
	// change is called for every record of the drawers, in the order of keys. It puts into the batch what takes the
	// record's place, a few records at most. Once the batch is durable it is not called for that record again, whenever the
	// process dies; so it need not recognise what it made, unless it puts that under a higher key of these drawers. Key
	// begins with the drawer; key and value are its own only while it runs. Records that are damaged stay as they are.
	change func(b *Batch, key, value []byte, until uint64)
}

func appendUpgrade(b []byte, from, to, number uint16) []byte {
	b = binary.BigEndian.AppendUint16(b, from)
	b = binary.BigEndian.AppendUint16(b, to)
	return binary.BigEndian.AppendUint16(b, number)
}

// parseUpgrade reads the upgrade file; ok is false if there was no upgrade. A newer program may have more in it.
func parseUpgrade(payload []byte) (from, to, number uint16, ok bool) {
	if len(payload) < 6 {
		return 0, 0, 0, false
	}
	return binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:]), binary.BigEndian.Uint16(payload[4:]), true
}

// beginUpgrade has a copy made if the vault is of a lower schema, and notes that an upgrade begins. The records are not
// open yet. The error is ErrFull, a *SchemaError, or the disk's.
func (v *Vault) beginUpgrade() error {
	sequence, payload, _, err := readSlots(v.store, upgradeFile)
	if err != nil {
		return err
	}
	top := v.ladder.top()
	from, to, number, ok := parseUpgrade(payload)
	begun := ok && to > v.schema
	switch {
	case begun && to > top:
		return &SchemaError{Stored: to, Known: top}
	case v.schema == top:
		return nil
	}
	u := &Upgrade{From: from, To: top}
	if begun {
		u.Copy = v.store.kept(from, number)
	} else {
		u.From = v.schema
		if u.Copy, number, err = v.store.keep(v.schema); err != nil {
			return fmt.Errorf("keeping a copy of the vault: %w", err)
		}
	}
	if !begun || to != top {
		if _, err := replaceSlots(v.store, upgradeFile, sequence, appendUpgrade(nil, u.From, u.To, number)); err != nil {
			return err
		}
	}
	v.upgraded = u
	return nil
}

// upgrade climbs the ladder. After each step the key file says the new schema: until then, the step goes on where it was.
func (v *Vault) upgrade(passphrase []byte) error {
	for v.schema < v.ladder.top() {
		v.log.Info("upgrading the vault", "schema", v.schema, "to", v.schema+1)
		s := v.ladder[v.schema-1]
		for _, d := range s.drawers {
			for more := true; more; {
				var err error
				if more, err = v.climb(s, d); err != nil {
					return fmt.Errorf("upgrading the vault from schema %d: %w", v.schema, err)
				}
			}
		}
		sequence, _, _, err := readSlots(v.store, keyFile)
		if err != nil {
			return err
		}
		next := wrapMaster(v.schema+1, &v.keys.master, passphrase, v.mobile)
		if _, err := replaceSlots(v.store, keyFile, sequence, next); err != nil {
			return err
		}
		v.schema++
	}
	return nil
}

// climb changes what fits into one commit, with a note of how far it came, and tells whether there is more in the drawer:
//
//	climbed → schema (2) ‖ key of the last record that was looked at
func (v *Vault) climb(s step, d Drawer) (more bool, err error) {
	from, to := d.at(), after(d.at())
	note, err := v.get(climbed.at())
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return false, err // without it, records might be changed twice
	case len(note) > 2 && binary.BigEndian.Uint16(note) == v.schema:
		if last := Drawer(note[2]); last > d {
			return false, nil
		} else if last == d {
			from = append(note[2:], 0)
		}
	}
	b := v.NewBatch()
	b.Urgent = true // there was room when it began, and it must come to an end
	var last []byte
	err = v.store.scan(from, to, false, func(key, sealed []byte) error {
		if b.Full() {
			return errEnough
		}
		last = append(last[:0], key...)
		value, until, err := v.keys.open(nil, key, sealed)
		if err != nil {
			_ = v.damaged(key)
			return nil //nolint:nilerr // it was counted
		}
		s.change(b, key, value, until)
		return nil
	})
	if more = errors.Is(err, errEnough); err != nil && !more {
		return false, err
	}
	if b.Len() == 0 {
		return false, nil
	}
	b.set(climbed.at(), write{value: append(binary.BigEndian.AppendUint16(nil, v.schema), last...)})
	return more, v.Commit(b)
}
