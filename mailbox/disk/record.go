package disk

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/linnetmesh/linnet/mailbox"
)

// Drawers are the first bytes of keys. A box is its place: a keyed hash of its ID (16), so that keys name nobody.
const (
	owners  byte = 'b' // place → the owner's part of a box
	states  byte = 's' // place → the store's part of a box
	posts   byte = 'p' // place ‖ sequence (8) ‖ until (8) → post
	names   byte = 'n' // place ‖ name (16) → sequence ‖ until
	expiry  byte = 'x' // hour (8) ‖ place → nothing: posts of this box may expire in this hour
	bases   byte = 'u' // place → version and base of a bundle
	parts   byte = 'v' // place ‖ number (1) → one-time part
	left    byte = 'd' // key of the DHT (32) → descriptor
	periods byte = 'e' // period (8) ‖ key of the DHT → place
	leavers byte = 'l' // place ‖ key of the DHT → period
	ends    byte = 'y' // hour (8) ‖ key of the DHT → nothing: this descriptor may be forgotten in this hour
	ring    byte = 'r' // commit mod 65536 (2) → commit (8)
	scalars byte = 'k' // name → the age, and what is known of damage
	filler  byte = 'z' // nothing: it fills a table of Badger's up
)

const (
	placeSize  = 16
	macSize    = 16
	sealedSize = chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
)

// place is where a box lies.
type place [placeSize]byte

// keys are what records are sealed and checked with.
type keys struct {
	hash, mac [32]byte
	aead      cipher.AEAD
}

func newKeys(master [32]byte) *keys {
	derive := func(what string) [32]byte {
		return sha256.Sum256(append([]byte("linnet relay disk v1\x00"+what+"\x00"), master[:]...))
	}
	seal := derive("seal")
	a, err := chacha20poly1305.NewX(seal[:])
	if err != nil {
		panic(err) // the size is right
	}
	return &keys{hash: derive("place"), mac: derive("check"), aead: a}
}

// place returns where a box lies.
func (k *keys) place(id mailbox.BoxID) place {
	var b [64]byte
	copy(b[:], k.hash[:])
	copy(b[32:], id[:])
	sum := sha256.Sum256(b[:])
	return place(sum[:placeSize])
}

// check returns what must stand behind content that is not secret. Key and content are of sizes that follow from the
// drawer, so their border needs no mark.
func (k *keys) check(key, content []byte) (mac [macSize]byte) {
	var space [256]byte
	b := append(append(append(space[:0], k.mac[:]...), key...), content...)
	sum := sha256.Sum256(b)
	return [macSize]byte(sum[:macSize])
}

// guarded returns content with its check.
func (k *keys) guarded(key, content []byte) []byte {
	mac := k.check(key, content)
	return append(append(make([]byte, 0, len(content)+macSize), content...), mac[:]...)
}

var errSealed = errors.New("does not open")

// unguarded returns the content, of size bytes, that guarded made for this place.
func (k *keys) unguarded(key, b []byte, size int) ([]byte, error) {
	if len(b) != size+macSize {
		return nil, errSealed
	}
	mac := k.check(key, b[:size])
	if subtle.ConstantTimeCompare(mac[:], b[size:]) != 1 {
		return nil, errSealed
	}
	return b[:size], nil
}

// seal appends nonce and ciphertext of a value that belongs to ad.
func (k *keys) seal(dst, ad, value []byte) []byte {
	n := len(dst)
	dst = append(dst, make([]byte, chacha20poly1305.NonceSizeX)...)
	rand.Read(dst[n:])
	return k.aead.Seal(dst, dst[n:], value, ad)
}

// open opens what seal appended.
func (k *keys) open(ad, sealed []byte) ([]byte, error) {
	if len(sealed) < sealedSize {
		return nil, errSealed
	}
	value, err := k.aead.Open(nil, sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:], ad)
	if err != nil {
		return nil, errSealed
	}
	if value == nil {
		value = []byte{}
	}
	return value, nil
}

// at returns the key of a record.
func at(drawer byte, more ...[]byte) []byte {
	n := 1
	for _, p := range more {
		n += len(p)
	}
	b := append(make([]byte, 0, n), drawer)
	for _, p := range more {
		b = append(b, p...)
	}
	return b
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// postKey returns the key of a post.
func postKey(p place, seq uint64, until mailbox.Age) []byte {
	b := append(make([]byte, 0, postKeySize), posts)
	b = append(b, p[:]...)
	b = binary.BigEndian.AppendUint64(b, seq)
	return binary.BigEndian.AppendUint64(b, uint64(until))
}

const postKeySize = 1 + placeSize + 8 + 8

// parsePostKey reads the sequence and the time in the key of a post.
func parsePostKey(key []byte) (seq uint64, until mailbox.Age, ok bool) {
	if len(key) != postKeySize {
		return 0, 0, false
	}
	return binary.BigEndian.Uint64(key[1+placeSize:]), mailbox.Age(binary.BigEndian.Uint64(key[1+placeSize+8:])), true
}

// nameKey returns the key under which a post is found by name: half of it, which is enough within a box.
func nameKey(p place, name mailbox.Name) []byte { return at(names, p[:], name[:16]) }

// hourKey returns the key of the expiry index for a time.
func hourKey(until mailbox.Age, p place) []byte { return at(expiry, u64(uint64(until)/3600), p[:]) }

// A post is
//
//	name (32) ‖ chain (32) ‖ size (4) ‖ token (16) ‖ class (8) ‖ check (16) ‖ nonce (24) ‖ ciphertext
//
// The check covers the key and what stands before it, so that a list reads no more than that.
const itemSize = mailbox.NameSize + 32 + 4 + 16 + 8

// appendItem appends what stands before the check.
func appendItem(b []byte, i *mailbox.Item) []byte {
	b = append(b, i.Name[:]...)
	b = append(b, i.Chain[:]...)
	b = binary.BigEndian.AppendUint32(b, i.Size)
	b = append(b, i.Token[:]...)
	return append(b, i.Class[:]...)
}

// item reads the head of a post.
func (k *keys) item(key, value []byte) (i mailbox.Item, err error) {
	seq, until, ok := parsePostKey(key)
	if !ok || len(value) < itemSize+macSize {
		return i, errSealed
	}
	b, err := k.unguarded(key, value[:itemSize+macSize], itemSize)
	if err != nil {
		return i, err
	}
	i.Seq, i.Until = seq, until
	b = b[copy(i.Name[:], b):]
	b = b[copy(i.Chain[:], b):]
	i.Size, b = binary.BigEndian.Uint32(b), b[4:]
	b = b[copy(i.Token[:], b):]
	copy(i.Class[:], b)
	return i, nil
}

// bodyAD is what the ciphertext of a post belongs to.
func bodyAD(p place, name mailbox.Name) []byte { return at(posts, p[:], name[:]) }

// post reads a whole post.
func (k *keys) post(key, value []byte) (p mailbox.Post, err error) {
	if p.Item, err = k.item(key, value); err != nil {
		return p, err
	}
	p.Bytes, err = k.open(bodyAD(place(key[1:]), p.Name), value[itemSize+macSize:])
	if err == nil && len(p.Bytes) != int(p.Size) {
		err = errSealed
	}
	return p, err
}

// state is the store's part of a box.
type state struct {
	Seq, Posts, Bytes, Lost, Sum, Bundle uint64
	Marks                                [2]uint64 // hours for which the expiry index has this box already
	Parts                                uint16    // bits of the one-time parts that are left
	Chain                                mailbox.Chain
	Floor                                uint64 // no post lies up to this sequence: what was there, a reader need not pass by
}

// stateSize is that of a state. One without a floor is of stores that were written before there was one.
const (
	stateSize  = stateSize0 + 8
	stateSize0 = 6*8 + 2*8 + 2 + 32
)

func (k *keys) sealState(p place, s *state) []byte {
	b, err := binary.Append(make([]byte, 0, stateSize), binary.BigEndian, s)
	if err != nil {
		panic(err) // its size is fixed
	}
	return k.guarded(at(states, p[:]), b)
}

func (k *keys) openState(p place, value []byte) (s state, err error) {
	size := stateSize
	if len(value) == stateSize0+macSize {
		size = stateSize0
	}
	b, err := k.unguarded(at(states, p[:]), value, size)
	if err != nil {
		return s, err
	}
	var whole [stateSize]byte
	copy(whole[:], b)
	_, err = binary.Decode(whole[:], binary.BigEndian, &s)
	return s, err
}

// mix is what a post adds to the sum of its box, and takes away again: with the count it shows a hole.
func mix(seq uint64, name mailbox.Name) uint64 {
	return (binary.BigEndian.Uint64(name[:]) ^ seq) * 0x9e3779b97f4a7c15
}

// add counts a post in.
func (s *state) add(i *mailbox.Item) {
	s.Posts++
	s.Bytes += uint64(i.Size)
	s.Sum += mix(i.Seq, i.Name)
}

// drop counts a post out.
func (s *state) drop(i *mailbox.Item) {
	s.Posts = max(s.Posts, 1) - 1
	s.Bytes = max(s.Bytes, uint64(i.Size)) - uint64(i.Size)
	s.Sum -= mix(i.Seq, i.Name)
	if s.Posts == 0 && s.Sum == 0 { // a count alone may be wrong after damage
		s.Floor = s.Seq
	}
}

// owner is the owner's part of a box.
//
//	ID (32) ‖ kind (1) ‖ made (8) ‖ secret (32) ‖ closed (1) ‖ seen (8) ‖ origin (16) ‖ incarnation (8)
//	‖ revoked: count (2), each ID (16) ‖ until (8) ‖ extra
func appendOwner(b []byte, x *mailbox.Box) []byte {
	b = append(b, x.ID[:]...)
	b = append(b, byte(x.Kind))
	b = binary.BigEndian.AppendUint64(b, uint64(x.Made))
	b = append(b, x.Secret[:]...)
	closed := byte(0)
	if x.Closed {
		closed = 1
	}
	b = append(b, closed)
	b = binary.BigEndian.AppendUint64(b, uint64(x.Seen))
	b = binary.BigEndian.AppendUint64(b, x.Origin.Near)
	b = binary.BigEndian.AppendUint64(b, x.Origin.Far)
	b = append(b, x.Incarnation[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(x.Revoked)))
	for _, r := range x.Revoked {
		b = append(b, r.ID[:]...)
		b = binary.BigEndian.AppendUint64(b, r.Until)
	}
	return append(b, x.Extra...)
}

const ownerSize = 32 + 1 + 8 + 32 + 1 + 8 + 16 + 8 + 2

func parseOwner(b []byte) (x mailbox.Box, err error) {
	if len(b) < ownerSize {
		return x, errSealed
	}
	b = b[copy(x.ID[:], b):]
	x.Kind, b = mailbox.Kind(b[0]), b[1:]
	x.Made, b = mailbox.Age(binary.BigEndian.Uint64(b)), b[8:]
	b = b[copy(x.Secret[:], b):]
	x.Closed, b = b[0] == 1, b[1:]
	x.Seen, b = mailbox.Age(binary.BigEndian.Uint64(b)), b[8:]
	x.Origin.Near, x.Origin.Far, b = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), b[16:]
	b = b[copy(x.Incarnation[:], b):]
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; len(b) < 24*n {
		return x, errSealed
	}
	for range n {
		r := mailbox.Revoked{Until: binary.BigEndian.Uint64(b[16:])}
		copy(r.ID[:], b)
		x.Revoked, b = append(x.Revoked, r), b[24:]
	}
	if len(b) > 0 {
		x.Extra = bytes.Clone(b)
	}
	return x, nil
}

// A descriptor is, before it is sealed,
//
//	place of the box (16) ‖ period (8) ‖ signed (8) ‖ until (8) ‖ value
const leftSize = placeSize + 3*8

func appendLeft(b []byte, p place, d *mailbox.Descriptor) []byte {
	b = append(b, p[:]...)
	b = binary.BigEndian.AppendUint64(b, d.Period)
	b = binary.BigEndian.AppendUint64(b, d.Signed)
	b = binary.BigEndian.AppendUint64(b, uint64(d.Until))
	return append(b, d.Value...)
}

func parseLeft(key mailbox.PlaceKey, b []byte) (p place, d mailbox.Descriptor, err error) {
	if len(b) < leftSize {
		return p, d, errSealed
	}
	b = b[copy(p[:], b):]
	d.Key = key
	d.Period, d.Signed, d.Until = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), mailbox.Age(binary.BigEndian.Uint64(b[16:]))
	d.Value = b[24:]
	return p, d, nil
}
