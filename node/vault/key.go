package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// keyFile holds the master key, as it is or wrapped by the passphrase.
const keyFile = "key"

// How the master key is wrapped.
const (
	wrapNone   byte = 0
	wrapArgon2 byte = 1
)

// Bounds of the parameters of argon2id (RFC 9106): a file that asks for more is damaged, and must not eat the memory.
const (
	maxTime    = 64
	maxMemory  = 1 << 20 // KiB
	maxThreads = 16
)

// keySlot is the payload of the key file:
//
//	schema (2) ‖ wrap (1) ‖ time (4) ‖ memory in KiB (4) ‖ threads (1) ‖ salt (16) ‖ nonce (24) ‖ master key (32, or 48 sealed)
type keySlot struct {
	schema       uint16
	wrap         byte
	time, memory uint32
	threads      uint8
	salt         [16]byte
	nonce        [nonceSize]byte
	master       []byte
}

const keySlotHead = 2 + 1 + 4 + 4 + 1 + 16 + nonceSize

func (k *keySlot) head() []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, keySlotHead+48), k.schema)
	b = append(b, k.wrap)
	b = binary.BigEndian.AppendUint32(b, k.time)
	b = binary.BigEndian.AppendUint32(b, k.memory)
	b = append(b, k.threads)
	b = append(b, k.salt[:]...)
	return append(b, k.nonce[:]...)
}

// parseKeySlot reads the payload of the key file for a program that knows schemas up to this one. The error is ErrDamaged,
// or a *SchemaError: of what is newer, only the schema is looked at.
func parseKeySlot(b []byte, known uint16) (k keySlot, err error) {
	if len(b) < 2 {
		return k, fmt.Errorf("%w: key file", ErrDamaged)
	}
	if k.schema = binary.BigEndian.Uint16(b); k.schema > known {
		return k, &SchemaError{Stored: k.schema, Known: known}
	}
	if len(b) < keySlotHead {
		return k, fmt.Errorf("%w: key file", ErrDamaged)
	}
	k.wrap, k.time, k.memory, k.threads = b[2], binary.BigEndian.Uint32(b[3:]), binary.BigEndian.Uint32(b[7:]), b[11]
	k.salt, k.nonce, k.master = [16]byte(b[12:]), [nonceSize]byte(b[28:]), b[keySlotHead:]
	switch {
	case k.schema == 0:
	case k.wrap == wrapNone && len(k.master) == 32:
		return k, nil
	case k.wrap == wrapArgon2 && len(k.master) == 32+chacha20poly1305.Overhead && k.time-1 < maxTime &&
		k.memory-8 <= maxMemory-8 && k.threads-1 < maxThreads:
		return k, nil
	}
	return k, fmt.Errorf("%w: key file", ErrDamaged)
}

// wrapper returns what wraps the master key under the passphrase.
func (k *keySlot) wrapper(passphrase []byte) cipher.AEAD {
	key := argon2.IDKey(passphrase, k.salt[:], k.time, k.memory, k.threads, 32)
	return aead([32]byte(key))
}

// wrapMaster returns the payload that holds the master key. Without passphrase it holds it as it is.
func wrapMaster(schema uint16, master *[32]byte, passphrase []byte, mobile bool) []byte {
	k := keySlot{schema: schema}
	if len(passphrase) == 0 {
		return append(k.head(), master[:]...)
	}
	// RFC 9106, section 4, the second choice; on phones half the memory and more time.
	if k.wrap, k.time, k.memory, k.threads = wrapArgon2, 3, 64<<10, 4; mobile {
		k.time, k.memory = 5, 32<<10
	}
	rand.Read(k.salt[:])
	rand.Read(k.nonce[:])
	head := k.head()
	return k.wrapper(passphrase).Seal(head[:len(head):cap(head)], k.nonce[:], master[:], head)
}

// unwrap returns the master key from the payload that k was parsed from. The error is ErrPassphrase.
func (k *keySlot) unwrap(payload, passphrase []byte) (master [32]byte, err error) {
	switch {
	case k.wrap == wrapNone && len(passphrase) > 0:
		return master, fmt.Errorf("%w: this vault has none", ErrPassphrase)
	case k.wrap == wrapNone:
		return [32]byte(k.master), nil
	case len(passphrase) == 0:
		return master, fmt.Errorf("%w: this vault needs one", ErrPassphrase)
	}
	b, err := k.wrapper(passphrase).Open(nil, k.nonce[:], k.master, payload[:keySlotHead])
	debug.FreeOSMemory() // argon2 took tens of MiB once
	if err != nil {
		return master, ErrPassphrase
	}
	return [32]byte(b), nil
}

// unlock reads or makes the keys, and opens the store with them.
func (v *Vault) unlock(passphrase []byte) error {
	fresh, err := v.store.fresh()
	if err != nil {
		return fmt.Errorf("reading vault: %w", err)
	}
	sequence, payload, ok, err := readSlots(v.store, keyFile)
	switch {
	case err != nil:
		return err
	case ok:
		if err := v.takeKey(sequence, payload, passphrase); err != nil {
			return err
		}
	case !fresh:
		return fmt.Errorf("%w: key file", ErrDamaged)
	default:
		rand.Read(v.keys.master[:])
		v.schema = v.ladder.top()
		if _, err := replaceSlots(v.store, keyFile, 0, wrapMaster(v.schema, &v.keys.master, passphrase, v.mobile)); err != nil {
			return err
		}
	}
	v.keys.vault = aead(derive(&v.keys.master, useRecords))
	if err := v.readErase(fresh); err != nil {
		return err
	}
	if err := v.beginMark(fresh); err != nil {
		return err
	}
	badger := derive(&v.keys.master, useBadger)
	return v.store.open(badger[:])
}

// takeKey takes the master key from the key file, and has an upgrade begin if it is of a lower schema. If the process died
// between the two slots of ChangePassphrase, one still holds the key under the passphrase before, or under none: it is
// overwritten now, and so is one that is damaged.
func (v *Vault) takeKey(sequence uint64, payload, passphrase []byte) error {
	k, err := parseKeySlot(payload, v.ladder.top())
	if err != nil {
		return err
	}
	if v.keys.master, err = k.unwrap(payload, passphrase); err != nil {
		return err
	}
	v.schema = k.schema
	if twins, err := twinSlots(v.store, keyFile); err != nil {
		return err
	} else if !twins {
		if err := writeSlot(v.store, keyFile, sequence+1, payload); err != nil {
			v.log.Warn("one of the two slots of the key file is not as the other", "error", err)
		}
	}
	return v.beginUpgrade()
}

// ChangePassphrase wraps the vault's key anew. An empty passphrase is none, so it also adds and removes one. The records
// stay as they are, and so whoever has a copy of the old key file and the old passphrase can still read them.
//
// The error is ErrPassphrase if old is wrong, and nothing changed; or the disk's, and then either passphrase may be the
// one that opens the vault: one of them does, whenever the power goes.
func (v *Vault) ChangePassphrase(old, passphrase []byte) error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	v.writing.Lock()
	defer v.writing.Unlock()
	sequence, payload, ok, err := readSlots(v.store, keyFile)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: key file", ErrDamaged)
	}
	k, err := parseKeySlot(payload, v.schema)
	if err != nil {
		return err
	}
	master, err := k.unwrap(payload, old)
	if err != nil {
		return err
	}
	if master != v.keys.master {
		return errors.Join(ErrDamaged, errors.New("another vault's key file"))
	}
	_, err = replaceSlots(v.store, keyFile, sequence, wrapMaster(v.schema, &master, passphrase, v.mobile))
	return err
}
