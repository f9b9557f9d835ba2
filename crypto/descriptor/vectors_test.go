package descriptor

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/vectors"
)

type hexBytes = vectors.Hex

// file is testdata/descriptor.json. Times are ms since 1970.
type file struct {
	Blinding []blindingVector `json:"blinding"`
	Sealed   []sealedVector   `json:"sealed"`
	Refused  []refusedVector  `json:"refused"`
	Node     []nodeVector     `json:"node"`
}

type blindingVector struct {
	Seed        hexBytes `json:"d"` // Ed25519 seed
	Public      hexBytes `json:"D"`
	Period      Period   `json:"period"`
	Replica     uint8    `json:"replica"`
	Blinded     hexBytes `json:"blinded"`
	Scalar      hexBytes `json:"blinded_scalar"` // little endian
	Prefix      hexBytes `json:"prefix"`
	Clock       hexBytes `json:"clock_key"`
	Now         uint64   `json:"signed_at"`
	SigningTime uint64   `json:"signing_time"`
	Again       uint64   `json:"signing_time_replacing_it"` // at the same moment
}

type sealedVector struct {
	Seed     hexBytes `json:"d"`
	Account  hexBytes `json:"account"`
	Period   Period   `json:"period"`
	Replica  uint8    `json:"replica"`
	Now      uint64   `json:"signed_at"`
	Replaces uint64   `json:"replaces"` // 0 if none
	Nonce    hexBytes `json:"nonce"`
	Hedge    hexBytes `json:"hedge"`
	Work     uint64   `json:"work_from,string"`
	Body     hexBytes `json:"body"`
	DHT      hexBytes `json:"dht_key"`
	Validate uint64   `json:"validate_at"`
	Value    hexBytes `json:"value"`
}

type refusedVector struct {
	Why   string   `json:"why"`
	DHT   hexBytes `json:"dht_key"`
	Now   uint64   `json:"validate_at"`
	Value hexBytes `json:"value_first_58"` // the first bytes of what else is the first sealed value
}

type nodeVector struct {
	Seed  hexBytes `json:"transport"`
	Now   uint64   `json:"signed_at"`
	DHT   hexBytes `json:"dht_key"`
	Value hexBytes `json:"value"`
}

const vectorFile = "testdata/descriptor.json"

// golden: a change here is a new protocol.
var golden = map[string]string{
	"Ada's key today":       "c717b772253f523e180ac81f76bce15f217d68da8a0811d7f5d8410e50941a0d",
	"Ada's descriptor":      "0ab19ff473f95353cb9d978a2118bcfbe449f625528f051db33cebc849177194",
	"the relay's record":    "a32f5e67b926ce09abb8b396a95a897eaaeb0d44de4881d4ed682c8d4f8c3c25",
	"where the relay is":    "d3db39dbde3f1a9058d0e6489b075528eea5d28c1036cd4adf2d03c6f9710e6e",
	"Ada's time, 9 d early": "2014-01-14T08:42:24.511Z",
	"Ada's time at 10:40":   "2026-10-02T07:10:49.743Z",
	"Ada's next at 10:40":   "2026-10-04T03:28:45.262Z",
}

func TestGolden(t *testing.T) {
	ada := personOf(t, "Ada", 2, 1)
	at := placeOf(start)
	key := must[BlindedKey](t)(Blind(ada.d(), at))
	body := []byte("not a body, since XEdDSA is hedged: the bytes of a sealed body stand in testdata")
	s := must[*signer](t)(newSigner(ada.discovery, at))
	sealed := s.seal(ada.d(), at, millis(start), body, drawnOf("golden"))
	value := sha256.Sum256(sealed.Value)
	node := must[[]byte](t)(nodeOf(t).seal(transportOf(t, "relay"), time.Time{}, start, 7))
	nodeSum := sha256.Sum256(node)
	ahead := s.signingTime(at.Period, at.Period.Start().Add(-9*24*time.Hour), 0)
	live := s.signingTime(at.Period, start, 0)
	for name, got := range map[string]string{
		"Ada's key today":       hex.EncodeToString(key[:]),
		"Ada's descriptor":      hex.EncodeToString(value[:]),
		"the relay's record":    hex.EncodeToString(nodeSum[:]),
		"where the relay is":    hex.EncodeToString([]byte(NodeKey(transportOf(t, "relay").Public()))[len(nodeKeyPrefix):]),
		"Ada's time, 9 d early": fromMillis(ahead).Format(time.RFC3339Nano),
		"Ada's time at 10:40":   fromMillis(live).Format(time.RFC3339Nano),
		"Ada's next at 10:40":   fromMillis(s.signingTime(at.Period, start, live)).Format(time.RFC3339Nano),
	} {
		if got != golden[name] {
			t.Errorf("%s: got %s, want %s", name, got, golden[name])
		}
	}
}

func TestVectors(t *testing.T) {
	if *updating {
		writeVectors(t)
	}
	var v file
	vectors.Read(vectorFile, &v)
	for i, b := range v.Blinding {
		d := must[identity.DiscoveryPrivateKey](t)(identity.ParseDiscoveryPrivateKey(b.Seed))
		at := Place{b.Period, b.Replica}
		s := must[*signer](t)(newSigner(d, at))
		k := must[BlindedKey](t)(Blind(identity.DiscoveryKey(b.Public), at))
		if d.Public() != identity.DiscoveryKey(b.Public) || k != BlindedKey(b.Blinded) || s.public != k ||
			!bytes.Equal(s.scalar.Bytes(), b.Scalar) || !bytes.Equal(s.prefix[:], b.Prefix) || !bytes.Equal(s.clock[:], b.Clock) ||
			s.signingTime(b.Period, fromMillis(b.Now), 0) != b.SigningTime || s.signingTime(b.Period, fromMillis(b.Now), b.SigningTime) != b.Again {
			t.Errorf("blinding %d", i)
		}
	}
	for i, r := range v.Sealed {
		d := must[identity.DiscoveryPrivateKey](t)(identity.ParseDiscoveryPrivateKey(r.Seed))
		s := must[*signer](t)(newSigner(d, Place{r.Period, r.Replica}))
		fresh := drawn{work: r.Work}
		copy(fresh.nonce[:], r.Nonce)
		copy(fresh.hedge[:], r.Hedge)
		got := s.seal(d.Public(), Place{r.Period, r.Replica}, s.signingTime(r.Period, fromMillis(r.Now), r.Replaces), r.Body, fresh)
		if !bytes.Equal(got.Value, r.Value) || got.Key.DHT() != string(r.DHT) {
			t.Errorf("sealed %d is another", i)
		}
		o, err := Open(r.Value, d.Public(), identity.NewView(identity.Account(r.Account)), fromMillis(r.Validate))
		if err != nil || len(o.Refused) > 0 || !bytes.Equal(must[[]byte](t)(o.Content.marshal()), r.Body) {
			t.Errorf("sealed %d: %v, %v", i, err, o.Refused)
		}
	}
	reasons := map[string]error{
		"period": ErrPeriod, "replica": ErrReplica, "future": ErrFuture, "not-after": ErrNotAfter, "expired": ErrExpired,
		"work": ErrWork, "newer": ErrNewer, "key": ErrKey,
	}
	for _, r := range v.Refused {
		value := append(bytes.Clone(r.Value), v.Sealed[0].Value[len(r.Value):]...)
		if err := Validate(string(r.DHT), value, fromMillis(r.Now)); !errors.Is(err, reasons[r.Why]) || reasons[r.Why] == nil {
			t.Errorf("refused for %s: got %v", r.Why, err)
		}
	}
	for i, n := range v.Node {
		key := must[identity.TransportPrivateKey](t)(identity.ParseTransportPrivateKey(n.Seed))
		if _, _, err := OpenNode(n.Value, key.Public(), fromMillis(n.Now)); err != nil || NodeKey(key.Public()) != string(n.DHT) {
			t.Errorf("node %d: %v", i, err)
		}
	}
}

func writeVectors(t *testing.T) {
	t.Helper()
	var v file
	v.Blinding = make([]blindingVector, 12)
	for i := range v.Blinding {
		b := &v.Blinding[i]
		d := discoveryOf(t, []string{"Ada", "Bob"}[i/6])
		at := Place{PeriodOf(start) + Period(i%6/2*7), uint8(i % 2)}
		s := must[*signer](t)(newSigner(d, at))
		public := d.Public()
		b.Seed, b.Public, b.Period, b.Replica = d.AppendTo(nil), public[:], at.Period, at.Replica
		b.Blinded, b.Scalar, b.Prefix, b.Clock = s.public[:], s.scalar.Bytes(), s.prefix[:], s.clock[:]
		b.Now, b.SigningTime = millis(start), s.signingTime(at.Period, start, 0)
		b.Again = s.signingTime(at.Period, start, b.SigningTime)
	}
	ada := personOf(t, "Ada", 2, 1)
	account := ada.view.Account()
	var replaces time.Time
	for i, at := range []Place{placeOf(start), {PeriodOf(start) + 3, 1}, placeOf(start)} {
		v.Sealed = append(v.Sealed, sealedVector{})
		r := &v.Sealed[i]
		c := ada.content(t, uint64(i+1))
		fresh := drawnOf(at.Period.Start().String())
		if i == 2 { // replaces the first, and carries what needs a newer Linnet
			replaces = fromMillis(parseHeader(v.Sealed[0].Value).time)
			newer := must[[]byte](t)(signRaw(t, ada, newerSigned(1, 9)))
			c = c.with(must[Record](t)(ParseRecord(newer, ada.entries[0])))
		}
		s := must[Sealed](t)(c.seal(ada.discovery, at, replaces, start, fresh))
		r.Replaces = millis(replaces)
		r.Seed, r.Account, r.Period, r.Replica, r.Now = ada.discovery.AppendTo(nil), account[:], at.Period, at.Replica, millis(start)
		r.Nonce, r.Hedge, r.Work, r.Body = fresh.nonce[:], fresh.hedge[:], fresh.work, must[[]byte](t)(c.marshal())
		r.DHT, r.Value, r.Validate = hexBytes(s.Key.DHT()), s.Value, max(at.Period.start(), millis(start))
	}
	first := v.Sealed[0]
	for _, row := range []struct {
		why    string
		offset int
		now    time.Time
	}{
		{"newer", 0, start},
		{"period", -1, start.Add(48 * time.Hour)},
		{"replica", offsetReplica, start},
		{"future", offsetTime, start},
		{"not-after", offsetNotAfter + 7, start},
		{"expired", -1, PeriodOf(start).NotAfter().Add(time.Millisecond)},
		{"work", offsetWork, start},
		{"key", -2, start},
	} {
		value, dht := bytes.Clone(first.Value[:offsetSealed]), bytes.Clone(first.DHT)
		switch row.offset {
		case -1:
		case -2:
			dht = dht[1:]
		default:
			value[row.offset] ^= 2
		}
		v.Refused = append(v.Refused, refusedVector{row.why, dht, millis(row.now), value})
	}
	n, key := nodeOf(t), transportOf(t, "relay")
	v.Node = append(v.Node, nodeVector{key.AppendTo(nil), millis(start), hexBytes(NodeKey(n.Key)), must[[]byte](t)(n.seal(key, time.Time{}, start, 7))})
	vectors.Write(vectorFile, v)
}
