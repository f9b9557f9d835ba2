package descriptor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

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
	small := bytes.Clone(good) // under a key of small order
	copy(small[1:], fromHex(t, torsion))
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
		{"small order", rework(small), start, ErrSignature},
		{"no role", seal(at, at+1, []byte("\xa2\x01\x81\x41\x01\x02\x80")), start, ErrRecord},
		{"roles out of order", seal(at, at+1, []byte("\xa2\x01\x81\x41\x01\x02\x82\x02\x01")), start, ErrRecord},
		{"must be understood", seal(at, at+1, []byte("\xa3\x01\x81\x41\x01\x02\x81\x01\x20\x01")), start, ErrNewer},
		{"roles twice", seal(at, at+1, []byte("\xa3\x01\x81\x41\x01\x02\x81\x01\x02\x81\x01")), start, ErrMalformed},
		{"length bomb", seal(at, at+1, []byte("\xa2\x01\x9b\x0f\xff\xff\xff\xff\xff\xff\xff\x02\x81\x01")), start, ErrMalformed},
		{"no CBOR", seal(at, at+1, []byte("x")), start, ErrMalformed},
	} {
		dht := NodeKey(n.Key)
		if tt.name == "small order" {
			dht = NodeKey(identity.TransportKey(fromHex(t, torsion)))
		}
		if err := ValidateNode(dht, tt.value, tt.now); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if err := ValidateNode("/linnet-node/x", good, start); !errors.Is(err, ErrKey) {
		t.Errorf("other place: got %v", err)
	}
	if _, _, err := OpenNode(good, identity.TransportKey{0: 1}, start); !errors.Is(err, ErrKey) {
		t.Errorf("key of small order: got %v", err)
	}
	if _, err := SelectNode([][]byte{make([]byte, 10)}); !errors.Is(err, ErrSize) {
		t.Errorf("nothing to select: got %v", err)
	}
	if binary.BigEndian.Uint64(good[nodeOffsetTime:]) != at {
		t.Error("offset of the time")
	}
}
