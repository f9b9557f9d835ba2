package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// eraseFile holds the erase key, sealed under the vault's own.
const eraseFile = "erase"

// RenewAfter is the age at which Renew replaces the erase key.
const RenewAfter = 12 * time.Hour

// eraseSlot is what is sealed in the erase file:
//
//	born (8, ms since 1970) ‖ number (8) ‖ key (32) ‖ number of the key before (8) ‖ that key (32), zero when all is renewed
type eraseSlot struct {
	sequence uint64
	born     uint64
	id       keyID
	key      [32]byte
	lastID   keyID
	last     [32]byte
}

const eraseSlotSize = 8 + 2*(keyIDSize+32)

func (e *eraseSlot) appendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, e.born)
	b = append(append(b, e.id[:]...), e.key[:]...)
	return append(append(b, e.lastID[:]...), e.last[:]...)
}

func (k *keys) sealSlot(e *eraseSlot) []byte {
	b := make([]byte, nonceSize, nonceSize+eraseSlotSize+chacha20poly1305.Overhead)
	rand.Read(b)
	return aead(derive(&k.master, useErase)).Seal(b, b, e.appendTo(nil), []byte(eraseFile))
}

func (k *keys) openSlot(payload []byte) (e eraseSlot, err error) {
	if len(payload) < nonceSize {
		return e, errSealed
	}
	b, err := aead(derive(&k.master, useErase)).Open(nil, payload[:nonceSize], payload[nonceSize:], []byte(eraseFile))
	if err != nil || len(b) != eraseSlotSize {
		return e, errSealed
	}
	e.born = binary.BigEndian.Uint64(b)
	e.id, e.key = keyID(b[8:]), [32]byte(b[16:])
	e.lastID, e.last = keyID(b[48:]), [32]byte(b[56:])
	return e, nil
}

// use makes e what opens records.
func (k *keys) use(e eraseSlot) {
	k.slot, k.erase = e, make(map[keyID]cipher.AEAD, 2)
	add := func(id keyID, key *[32]byte) {
		var derived [32]byte
		identity.LabelErase.Derive(derived[:], key[:])
		k.erase[id] = aead(derived)
	}
	if e.lastID != (keyID{}) {
		add(e.lastID, &e.last)
	}
	add(e.id, &e.key)
}

// next returns a slot with a fresh key.
func (e eraseSlot) next() eraseSlot {
	n := eraseSlot{sequence: e.sequence, lastID: e.id, last: e.key}
	rand.Read(n.id[:])
	rand.Read(n.key[:])
	return n
}

// readErase reads the erase key, or makes one. If it is damaged, what lay under it is gone, and shows as damaged.
func (v *Vault) readErase(fresh bool) error {
	sequence, payload, ok, err := readSlots(v.store, eraseFile)
	if err != nil {
		return err
	}
	var e eraseSlot
	if ok {
		if e, err = v.keys.openSlot(payload); err == nil {
			e.sequence = sequence
			v.keys.use(e)
			return nil
		}
	}
	if !fresh {
		v.damage.add(damagedErase, []byte(eraseFile))
		v.log.Warn("the erase key is damaged: sessions are lost")
	}
	e = eraseSlot{sequence: sequence}.next()
	e.lastID, e.last = keyID{}, [32]byte{}
	if e.sequence, err = replaceSlots(v.store, eraseFile, sequence, v.keys.sealSlot(&e)); err != nil {
		return err
	}
	v.keys.use(e)
	return nil
}

// Renew replaces the erase key once it is RenewAfter old, or from a time to come; the owner calls it at least daily, and
// after a crash it goes on where it was. Sessions and prekeys are sealed under a fresh key in several transactions, and
// then the old key is overwritten: from then on, nobody who gets disk and passphrase can open what was deleted or
// replaced before. Where the disk itself keeps old blocks, as flash does for a while, so may the key file's.
//
// The error is ErrFull, ErrClosed, or the disk's; then both keys stay, and Renew is to be called again.
func (v *Vault) Renew(now time.Time) error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	v.renewing.Lock()
	defer v.renewing.Unlock()
	if v.keys.slot.lastID == (keyID{}) {
		if born := v.keys.slot.born; born != 0 && stamp(now) >= born && stamp(now)-born < uint64(RenewAfter.Milliseconds()) {
			return nil
		}
		e := v.keys.slot.next()
		e.born = stamp(now)
		if err := v.turn(e, 1); err != nil {
			return err
		}
	}
	for _, d := range []Drawer{Session, PreKey} {
		if err := v.reseal(d); err != nil {
			return fmt.Errorf("renewing %s records: %w", d, err)
		}
	}
	e := v.keys.slot
	e.lastID, e.last = keyID{}, [32]byte{}
	return v.turn(e, 2)
}

// turn writes the erase key into one or both slots and uses it. Only Renew does that, so it may read the slot unlocked.
func (v *Vault) turn(e eraseSlot, slots int) error {
	v.writing.Lock() // no commit seals under a key that is not in the file
	defer v.writing.Unlock()
	if v.broken != nil {
		return v.broken
	}
	payload := v.keys.sealSlot(&e)
	for range slots {
		if err := writeSlot(v.store, eraseFile, e.sequence+1, payload); err != nil {
			v.broken = fmt.Errorf("%w: %w", ErrClosed, err) // which key is in the file is not known
			return v.broken
		}
		e.sequence++
	}
	v.keyMutex.Lock()
	defer v.keyMutex.Unlock()
	v.keys.use(e)
	return nil
}

var errEnough = errors.New("enough")

// reseal seals everything in a drawer that is under the key before under the current one.
func (v *Vault) reseal(d Drawer) error {
	from, to := d.at(), after(d.at())
	for {
		var old [][]byte
		var size int
		err := v.store.scan(from, to, false, func(key, sealed []byte) error {
			if h, _, err := parseHeader(sealed); err == nil && h.erase == v.keys.slot.lastID {
				old = append(old, append([]byte(nil), key...))
				small, big := weigh(key, sealed)
				if size += small + big; len(old) >= 512 || size >= maxSmall/2 {
					return errEnough
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		if len(old) == 0 {
			return nil
		}
		if err := v.resealKeys(old); err != nil {
			return err
		}
		from = append(old[len(old)-1], 0)
	}
}

func (v *Vault) resealKeys(old [][]byte) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	var ops []op
	for _, key := range old {
		sealed, err := v.store.get(key)
		if err != nil {
			return err
		}
		if h, _, err := parseHeader(sealed); err != nil || h.erase != v.keys.slot.lastID {
			continue // written anew, or deleted
		}
		value, until, err := v.keys.open(nil, key, sealed)
		if err != nil {
			_ = v.damaged(key) // it stays as it is, and is named when it is read
			continue
		}
		ops = append(ops, op{key, v.keys.seal(key, value, until)})
	}
	if len(ops) == 0 {
		return nil
	}
	return v.apply(ops, true)
}
