package descriptor

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"filippo.io/edwards25519"
	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
)

func nodeOf(t fataler) Node {
	t.Helper()
	const name = "relay"
	return Node{
		Key:       transportOf(t, name).Public(),
		Addresses: [][]byte{address(name+"a", 40), address(name+"b", 64)},
		Roles:     []Role{RoleRelay, RoleTurn},
		Limits:    Limits{Post: 65536, Posts: 1000, Bytes: 8 << 20, Keep: 30 * 86400},
		Unknown:   "\x09\x01",
	}
}

func TestNode(t *testing.T) {
	n, key := nodeOf(t), transportOf(t, "relay")
	value := must[[]byte](t)(n.Seal(key, time.Time{}, start))
	t.Logf("%d bytes", len(value))
	got, signed, err := OpenNode(value, n.Key, start)
	if err != nil || !signed.Equal(start) || !cmp.Equal(got, n) {
		t.Fatalf("%v, %v\n%s", signed, err, cmp.Diff(n, got))
	}
	if _, err := n.Seal(key, start.Add(MaxAhead), start); !errors.Is(err, ErrFuture) {
		t.Errorf("what no node would take: got %v", err)
	}
	last := must[[]byte](t)(n.Seal(key, start.Add(MaxAhead-time.Millisecond), start))
	if err := ValidateNode(NodeKey(n.Key), last, start); err != nil {
		t.Errorf("the last that nodes take: got %v", err)
	}
	next := must[[]byte](t)(n.Seal(key, start.Add(time.Minute), start))
	if i, err := SelectNode([][]byte{value, next}); i != 1 || err != nil {
		t.Errorf("select: got %d, %v", i, err)
	}
	n.Addresses = nil
	for range 8 {
		n.Addresses = append(n.Addresses, make([]byte, 64))
	}
	if largest := must[[]byte](t)(n.Seal(key, time.Time{}, start)); len(largest) > NodeSize {
		t.Errorf("%d bytes", len(largest))
	}
	for _, tt := range []struct {
		name   string
		change func(*Node)
		want   error
	}{
		{"no address", func(n *Node) { n.Addresses = nil }, ErrRecord},
		{"empty address", func(n *Node) { n.Addresses[0] = nil }, ErrRecord},
		{"long address", func(n *Node) { n.Addresses[0] = make([]byte, 65) }, ErrSize},
		{"nine addresses", func(n *Node) { n.Addresses = append(n.Addresses, n.Addresses[0]) }, ErrSize},
		{"no role", func(n *Node) { n.Roles = nil }, ErrRecord},
		{"role twice", func(n *Node) { n.Roles = []Role{2, 2} }, ErrRecord},
		{"extension too large", func(n *Node) { n.Unknown = canon.Unknown("\x09\x59\x03\x00" + string(make([]byte, 768))) }, ErrSize},
		{"other key", func(n *Node) { n.Key = transportOf(t, "other").Public() }, ErrKey},
	} {
		m := n
		m.Addresses = append([][]byte(nil), n.Addresses...)
		tt.change(&m)
		if _, err := m.Seal(key, time.Time{}, start); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
	if _, err := n.Seal(identity.TransportPrivateKey{}, time.Time{}, start); !errors.Is(err, ErrKey) {
		t.Errorf("zero key: got %v", err)
	}
}

// forgeSmall returns a node record that verifies by plain Ed25519 under a key A of order 8, which has no secret: S = 0 and
// R = -k·A holds as soon as the hash k of R, A and the record fits R, one time of eight.
func forgeSmall(t *testing.T, good []byte) []byte {
	t.Helper()
	a := must[*edwards25519.Point](t)(new(edwards25519.Point).SetBytes(fromHex(t, torsion)))
	value := bytes.Clone(good)
	signature := len(value) - 64
	copy(value[nodeOffsetKey:], a.Bytes())
	clear(value[signature:])
	copy(value[signature:], new(edwards25519.Point).Negate(a).Bytes())
	for from := uint64(0); ; from++ {
		nonce := findWork([32]byte(a.Bytes()), restOf(value, nodeOffsetWork, signature), from)
		copy(value[nodeOffsetWork:], nonce[:])
		if from = binary.BigEndian.Uint64(nonce[:]); ed25519.Verify(a.Bytes(), identity.LabelNodeRecord.Input(value[:signature]), value[signature:]) {
			return value
		}
	}
}

// forgeTorsioned returns a node record by the owner of a key to which a point T of order 8 was added. It verifies as soon as
// the hash k of it makes k·T vanish.
func forgeTorsioned(t *testing.T, key identity.TransportPrivateKey, good []byte) []byte {
	t.Helper()
	public := torsioned(t, key.Public())
	expanded := sha512.Sum512(key.AppendTo(nil))
	scalar := must[*edwards25519.Scalar](t)(edwards25519.NewScalar().SetBytesWithClamping(expanded[:32]))
	owner := signer{public: BlindedKey(public), scalar: scalar}
	value := bytes.Clone(good)
	signature := len(value) - 64
	copy(value[nodeOffsetKey:], public[:])
	nonce := findWork(public, restOf(value, nodeOffsetWork, signature), 0)
	copy(value[nodeOffsetWork:], nonce[:])
	message := identity.LabelNodeRecord.Input(value[:signature])
	for i := range 1000 {
		sig := owner.sign(message, fixed(fmt.Sprint(i)))
		if copy(value[signature:], sig[:]); ed25519.Verify(public[:], message, sig[:]) {
			return value
		}
	}
	t.Fatal("no signature in 1000")
	return nil
}

func TestValidateNodeRefuses(t *testing.T) {
	n, key := nodeOf(t), transportOf(t, "relay")
	body := must[[]byte](t)(canon.Marshal(nodeBody{n.Addresses, n.Roles, n.Limits, ""}))
	at := millis(start)
	seal := func(signed, notAfter uint64, body []byte) []byte {
		return must[[]byte](t)(sealNode(key, signed, notAfter, body, 0))
	}
	good := seal(at, at+nodeLifeMillis, body)
	flip := func(i int) []byte {
		b := bytes.Clone(good)
		b[i] ^= 1
		return b
	}
	rework := func(b []byte) []byte {
		nonce := findWork([32]byte(b[1:33]), restOf(b, nodeOffsetWork, len(b)-64), 0)
		copy(b[nodeOffsetWork:], nonce[:])
		return b
	}
	// By a key of small order or outside of the group anybody, or its owner, makes signatures that hold without cofactor.
	small := forgeSmall(t, good)
	torsioned := forgeTorsioned(t, key, good)
	for _, tt := range []struct {
		name  string
		value []byte
		now   time.Time
		want  error
	}{
		{"right", good, start, nil},
		{"last ms", good, start.Add(NodeLife), nil},
		{"expired", good, start.Add(NodeLife + time.Millisecond), ErrExpired},
		{"ten minutes ahead", good, start.Add(-MaxAhead), nil},
		{"in the future", good, start.Add(-MaxAhead - time.Millisecond), ErrFuture},
		{"good for too long", seal(at, at+nodeLifeMillis+1, body), start, ErrNotAfter},
		{"never good", seal(at, at, body), start, ErrNotAfter},
		{"time without end", seal(1<<64-1, 0, body), start, ErrFuture},
		{"empty", nil, start, ErrSize},
		{"too short", good[:nodeLeast-1], start, ErrSize},
		{"too long", make([]byte, NodeSize+1), start, ErrSize},
		{"version", flip(0), start, ErrNewer},
		{"key", flip(5), start, ErrKey},
		{"time", flip(nodeOffsetTime + 7), start, ErrWork},
		{"not-after", flip(nodeOffsetNotAfter + 6), start, ErrNotAfter},
		{"work nonce", flip(nodeOffsetWork + 7), start, ErrWork},
		{"body", flip(nodeOffsetBody + 9), start, ErrWork},
		{"body, worked for", rework(flip(nodeOffsetBody + 9)), start, ErrSignature},
		{"signature", flip(len(good) - 40), start, ErrSignature},
		{"small order", small, start, ErrKey},
		{"not of prime order", torsioned, start, ErrKey},
		{"no role", seal(at, at+1, []byte("\xa2\x01\x81\x41\x01\x02\x80")), start, ErrRecord},
		{"roles out of order", seal(at, at+1, []byte("\xa2\x01\x81\x41\x01\x02\x82\x02\x01")), start, ErrRecord},
		{"must be understood", seal(at, at+1, []byte("\xa3\x01\x81\x41\x01\x02\x81\x01\x20\x01")), start, ErrNewer},
		{"roles twice", seal(at, at+1, []byte("\xa3\x01\x81\x41\x01\x02\x81\x01\x02\x81\x01")), start, ErrMalformed},
		{"length bomb", seal(at, at+1, []byte("\xa2\x01\x9b\x0f\xff\xff\xff\xff\xff\xff\xff\x02\x81\x01")), start, ErrMalformed},
		{"no CBOR", seal(at, at+1, []byte("x")), start, ErrMalformed},
	} {
		of := n.Key
		if errors.Is(tt.want, ErrKey) && tt.name != "key" {
			of = identity.TransportKey(tt.value[nodeOffsetKey:])
			if !ed25519.Verify(of[:], identity.LabelNodeRecord.Input(tt.value[:len(tt.value)-64]), tt.value[len(tt.value)-64:]) {
				t.Fatalf("%s: not a signature", tt.name)
			}
		}
		if err := ValidateNode(NodeKey(of), tt.value, tt.now); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if got, _, err := OpenNode(tt.value, of, tt.now); !errors.Is(err, tt.want) || err != nil && !cmp.Equal(got, Node{}) {
			t.Errorf("%s, opened: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if err := ValidateNode("/linnet-node/x", good, start); !errors.Is(err, ErrKey) {
		t.Errorf("other place: got %v", err)
	}
	if _, _, err := OpenNode(good, identity.TransportKey{0: 1}, start); !errors.Is(err, ErrKey) {
		t.Errorf("another key: got %v", err)
	}
	if _, err := SelectNode([][]byte{make([]byte, 10)}); !errors.Is(err, ErrSize) {
		t.Errorf("nothing to select: got %v", err)
	}
	if binary.BigEndian.Uint64(good[nodeOffsetTime:]) != at {
		t.Error("offset of the time")
	}
}
