package descriptor

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
)

func FuzzValidate(f *testing.F) {
	ada := personOf(f, "Ada", 1, 1)
	s := ada.forge(f, placeOf(start), func([]byte) {}, nil) // the same in every process: no hedge
	f.Add(s.Key.DHT(), s.Value, start.UnixMilli())
	f.Add("/linnet/", []byte{1}, int64(-1))
	f.Fuzz(func(t *testing.T, dht string, value []byte, ms int64) {
		if Validate(dht, value, time.UnixMilli(ms)) == nil && !bytes.Equal(value, s.Value) {
			t.Error("a forgery passes")
		}
		_, _ = Select([][]byte{value, s.Value})
		_, _ = Open(value, ada.d(), ada.view, time.UnixMilli(ms))
	})
}

// FuzzParsePlain starts behind the seal: everything there was written by somebody who knows d.
func FuzzParsePlain(f *testing.F) {
	ada := personOf(f, "Ada", 2, 1)
	f.Add(must[[]byte](f)(ada.content(f, 1).marshal()))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > plainSize-lengthSize {
			return
		}
		plain := append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
		body, err := parsePlain(append(plain, make([]byte, plainSize-len(plain))...))
		if err != nil {
			return
		}
		if again, err := canon.Marshal(body); err != nil || !bytes.Equal(again, b) {
			t.Errorf("written again %x, %v", again, err)
		}
		c, _, err := body.verify(ada.stranger())
		if err == nil && len(must[[]byte](t)(c.marshal())) > bodySize {
			t.Error("does not fit")
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	ada := personOf(f, "Ada", 1, 1)
	f.Add(ada.record(f, 0, fullDevice(f, "a", 1)).AppendTo(nil))
	f.Add(ada.record(f, 0, leastDevice("a", 1)).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b, ada.entries[0])
		if err == nil {
			if d, err := r.Device(); !bytes.Equal(r.AppendTo(nil), b) || err == nil && d.Version != r.Version() {
				t.Error("changed")
			}
		}
		outer, head, err := parseRecord(b)
		if err != nil {
			return
		}
		d, err := parseDevice(outer.Signed)
		if err != nil {
			return
		}
		if d.Number != head.Number || d.Version != head.Version {
			t.Error("two readings")
		}
		if again, err := NewRecord(ada.keys[0], ada.entries[0], d); err == nil && !cmp.Equal(must[Device](t)(again.Device()), d) && d.Number == 1 {
			t.Error("changed")
		}
	})
}

func FuzzParseSeen(f *testing.F) {
	f.Add(Seen{}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseSeen(b); err == nil && !bytes.Equal(s.AppendTo(nil), b) {
			t.Error("changed")
		}
	})
}

func FuzzValidateNode(f *testing.F) {
	n := nodeOf(f)
	value := must[[]byte](f)(n.seal(transportOf(f, "relay"), time.Time{}, start, 7))
	f.Add(NodeKey(n.Key), value)
	f.Fuzz(func(t *testing.T, dht string, b []byte) {
		if ValidateNode(dht, b, start) == nil && !bytes.Equal(b, value) {
			t.Error("a forgery passes")
		}
		_, _ = SelectNode([][]byte{b, value})
		var body nodeBody
		if canon.Unmarshal(b, NodeSize, &body) == nil && body.check() == nil {
			if again, err := canon.Marshal(body); err != nil || !bytes.Equal(again, b) {
				t.Errorf("written again %x, %v", again, err)
			}
		}
	})
}
