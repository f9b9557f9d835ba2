package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// The form is the first byte of a record: what follows before the nonce.
const (
	formVault byte = 1      // under the vault's key
	formErase byte = 2      // the number (8) of the erase key it is under
	formUntil byte = 1 << 2 // besides: a time (8, ms since 1970) until which the record counts
)

const (
	nonceSize  = chacha20poly1305.NonceSizeX
	keyIDSize  = 8
	sealedSize = 1 + keyIDSize + 8 + nonceSize + chacha20poly1305.Overhead // by how much a record grows at most
)

// keyID tells erase keys apart. It is drawn, not counted, so that no two are alike even where a file was lost.
type keyID [keyIDSize]byte

// keys is what opens records. The zero value opens nothing.
type keys struct {
	master [32]byte
	vault  cipher.AEAD
	erase  map[keyID]cipher.AEAD // the current, and during Renew the one before
	slot   eraseSlot             // what is in the file
	place  []byte                // seal's associated data, which would be made anew for every record
}

var errSealed = errors.New("does not open")

// derive returns one of the vault's keys.
func derive(master *[32]byte, use byte) (k [32]byte) {
	identity.LabelVault.Derive(k[:], master[:], []byte{use})
	return k
}

// The uses of the master key.
const (
	useRecords byte = 1
	useBadger  byte = 2
	useErase   byte = 3
)

func aead(key [32]byte) cipher.AEAD {
	a, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic(err) // the size is right
	}
	return a
}

// header is what lies before the nonce.
type header struct {
	form  byte
	erase keyID
	until uint64 // 0 for none
}

func (h header) appendTo(b []byte) []byte {
	b = append(b, h.form)
	if h.form&^formUntil == formErase {
		b = append(b, h.erase[:]...)
	}
	if h.form&formUntil != 0 {
		b = binary.BigEndian.AppendUint64(b, h.until)
	}
	return b
}

// parseHeader reads the header of a sealed record, and returns its size.
func parseHeader(b []byte) (h header, n int, err error) {
	if len(b) == 0 {
		return h, 0, errSealed
	}
	h.form, n = b[0], 1
	switch h.form &^ formUntil {
	case formVault:
	case formErase:
		if len(b) < n+keyIDSize {
			return h, 0, errSealed
		}
		h.erase = keyID(b[n:])
		n += keyIDSize
	default:
		return h, 0, errSealed
	}
	if h.form&formUntil != 0 {
		if len(b) < n+8 {
			return h, 0, errSealed
		}
		h.until = binary.BigEndian.Uint64(b[n:])
		n += 8
	}
	if len(b) < n+nonceSize+chacha20poly1305.Overhead {
		return h, 0, errSealed
	}
	return h, n, nil
}

// seal seals a value for its place under the current keys; until is zero for none. Only one goroutine may seal at a time.
func (k *keys) seal(key, value []byte, until uint64) []byte {
	return k.appendSealed(make([]byte, 0, sealedSize+len(value)), key, value, until)
}

// appendSealed appends what seal returns to dst.
func (k *keys) appendSealed(dst, key, value []byte, until uint64) []byte {
	h, a := header{form: formVault, until: until}, k.vault
	if Drawer(key[0]).erased() {
		h.form, h.erase, a = formErase, k.slot.id, k.erase[k.slot.id]
	}
	if until != 0 {
		h.form |= formUntil
	}
	b := h.appendTo(dst)
	k.place = append(append(k.place[:0], b[len(dst):]...), key...)
	n := len(b)
	b = slices.Grow(b, nonceSize+len(value)+a.Overhead())[:n+nonceSize]
	rand.Read(b[n:])
	return a.Seal(b, b[n:], value, k.place)
}

// open opens what seal made for this place and appends the value to dst. It also fails where a drawer of erased things
// holds something under the vault's key, or the other way round.
func (k *keys) open(dst, key, sealed []byte) (value []byte, until uint64, err error) {
	h, n, err := parseHeader(sealed)
	if err != nil {
		return nil, 0, err
	}
	a := k.vault
	if erased := h.form&^formUntil == formErase; erased != Drawer(key[0]).erased() {
		return nil, 0, errSealed
	} else if erased {
		if a = k.erase[h.erase]; a == nil {
			return nil, 0, errSealed
		}
	}
	var space [128]byte
	ad := append(append(space[:0], sealed[:n]...), key...)
	value, err = a.Open(dst, sealed[n:n+nonceSize], sealed[n+nonceSize:], ad)
	if err != nil {
		return nil, 0, errSealed
	}
	return value, h.until, nil
}

// stamp returns a time as records hold it, 1 at least: zero is none.
func stamp(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 1)) }
