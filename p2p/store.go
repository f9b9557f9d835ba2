package p2p

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"
	"sync"
	"time"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"google.golang.org/protobuf/proto"

	"github.com/linnetmesh/linnet/crypto/descriptor"
)

// Kinds of records, as their keys begin.
const (
	descriptorSpace = "linnet"
	nodeSpace       = "linnet-node"
)

// maxKey is the most that a key takes: "/linnet-node/" and 32 bytes.
const maxKey = 2 + len(nodeSpace) + descriptor.KeySize

// overhead is what a record takes besides its key and value, in bytes.
const overhead = 256

var (
	// ErrOlder says that a newer record is there.
	ErrOlder = errors.New("p2p: a newer record is there")
	// ErrFull says that a store has room for nearer records only.
	ErrFull = errors.New("p2p: store full")
)

// validate tells whether a value may lie under a key now. It looks at what is cheap first.
func validate(key string, value []byte, now time.Time) error {
	switch space(key) {
	case descriptorSpace:
		return descriptor.Validate(key, value, now)
	case nodeSpace:
		return descriptor.ValidateNode(key, value, now)
	default:
		return descriptor.ErrKey
	}
}

// newest returns the index of the value to keep.
func newest(key string, values [][]byte) (int, error) {
	if space(key) == nodeSpace {
		return descriptor.SelectNode(values)
	}
	return descriptor.Select(values)
}

func space(key string) string {
	if len(key) > maxKey || !strings.HasPrefix(key, "/") {
		return ""
	}
	name, _, _ := strings.Cut(key[1:], "/")
	return name
}

// rules are the rules of records, as the DHT asks for them.
type rules struct{}

func (rules) Validate(key string, value []byte) error { return validate(key, value, time.Now()) }

func (rules) Select(key string, values [][]byte) (int, error) { return newest(key, values) }

// store keeps records in RAM: for each key the newest, for recordLife from when it came, and never beyond its own end of
// validity, for it is validated again when it is asked for. When it is full, the records farthest from this node (by the
// XOR metric of the DHT) go, which lookups seek elsewhere; so a flood of valid records displaces what is near only if
// each of its keys is nearer still. It may be used by several goroutines at once.
type store struct {
	self       [sha256.Size]byte // this node's place
	maxRecords int
	maxBytes   int

	mu      sync.Mutex
	records map[string]record
	bytes   int
}

type record struct {
	value    []byte // never changed
	received time.Time
	distance [sha256.Size]byte
}

func newStore(self string, records, bytes int) *store {
	return &store{
		self: sha256.Sum256([]byte(self)), maxRecords: records, maxBytes: bytes, records: make(map[string]record),
	}
}

func (s *store) distance(key string) (d [sha256.Size]byte) {
	d = sha256.Sum256([]byte(key))
	for i := range d {
		d[i] ^= s.self[i]
	}
	return d
}

func cost(key string, value []byte) int { return len(key) + len(value) + overhead }

// put keeps a value if it is valid, not older than the one that is there, and near enough. A value that is there already
// is kept anew. The errors are those of the validators, ErrOlder and ErrFull.
func (s *store) put(key string, value []byte, now time.Time) error {
	if err := validate(key, value, now); err != nil {
		return err
	}
	return s.keep(key, value, now)
}

// keep is put for what was validated.
func (s *store) keep(key string, value []byte, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, there := s.records[key]
	if there && now.Sub(old.received) <= recordLife {
		i, err := newest(key, [][]byte{value, old.value})
		if err != nil {
			return err
		}
		if i != 0 {
			return ErrOlder
		}
	}
	r := record{bytes.Clone(value), now, s.distance(key)}
	if err := s.makeRoom(key, r, now); err != nil {
		return err
	}
	s.drop(key)
	s.records[key] = r
	s.bytes += cost(key, value)
	return nil
}

// makeRoom drops what has expired, and then the farthest, until r fits under key, and nothing if it never would.
func (s *store) makeRoom(key string, r record, now time.Time) error {
	fits := func() bool {
		n, size := len(s.records), s.bytes+cost(key, r.value)
		if old, there := s.records[key]; there {
			n, size = n-1, size-cost(key, old.value)
		}
		return n < s.maxRecords && size <= s.maxBytes
	}
	if fits() {
		return nil
	}
	s.expire(now)
	for !fits() {
		farthest, at := "", record{}
		for k, have := range s.records {
			if k != key && (farthest == "" || bytes.Compare(have.distance[:], at.distance[:]) > 0) {
				farthest, at = k, have
			}
		}
		if farthest == "" || bytes.Compare(at.distance[:], r.distance[:]) < 0 {
			return ErrFull
		}
		s.drop(farthest)
	}
	return nil
}

func (s *store) drop(key string) {
	if r, there := s.records[key]; there {
		delete(s.records, key)
		s.bytes -= cost(key, r.value)
	}
}

// sweep drops what has expired.
func (s *store) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
}

func (s *store) expire(now time.Time) {
	for key, r := range s.records {
		if now.Sub(r.received) > recordLife {
			s.drop(key)
		}
	}
}

// get returns the value under a key and when it came, or nil. The caller must not change it.
func (s *store) get(key string, now time.Time) ([]byte, time.Time) {
	s.mu.Lock()
	r, there := s.records[key]
	s.mu.Unlock()
	if !there || now.Sub(r.received) > recordLife || validate(key, r.value, now) != nil {
		return nil, time.Time{}
	}
	return r.value, r.received
}

func (s *store) remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(key)
}

// size returns the number of records and their bytes.
func (s *store) size() (records, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records), s.bytes
}

// shelf is a store as the DHT library sees it: its keys are "/", the kind, "/" and the whole key in base 32, and its values
// are libp2p records.
type shelf struct{ *store }

var _ ds.Batching = shelf{}

var keyText = base32.StdEncoding.WithPadding(base32.NoPadding)

// errShelfKey says that the library asked for something that is no record.
var errShelfKey = errors.New("p2p: not the key of a record")

func parseShelfKey(k ds.Key) (string, error) {
	key, err := keyText.DecodeString(k.BaseNamespace())
	if err != nil || len(key) > maxKey {
		return "", errShelfKey
	}
	return string(key), nil
}

func shelfKey(key string) ds.Key {
	return ds.NewKey("/" + space(key) + "/" + keyText.EncodeToString([]byte(key)))
}

func (s shelf) Get(_ context.Context, k ds.Key) ([]byte, error) {
	key, err := parseShelfKey(k)
	if err != nil {
		return nil, ds.ErrNotFound
	}
	value, received := s.get(key, time.Now())
	if value == nil {
		return nil, ds.ErrNotFound
	}
	return marshalRecord(key, value, received)
}

func marshalRecord(key string, value []byte, received time.Time) ([]byte, error) {
	return proto.Marshal(&recpb.Record{
		Key: []byte(key), Value: value, TimeReceived: received.UTC().Format(time.RFC3339Nano),
	})
}

// Put keeps a record that the library validated and selected just now.
func (s shelf) Put(_ context.Context, k ds.Key, b []byte) error {
	key, err := parseShelfKey(k)
	if err != nil {
		return err
	}
	var r recpb.Record
	if err := proto.Unmarshal(b, &r); err != nil {
		return err
	}
	if string(r.GetKey()) != key {
		return errShelfKey
	}
	return s.keep(key, r.GetValue(), time.Now())
}

func (s shelf) Has(ctx context.Context, k ds.Key) (bool, error) {
	_, err := s.Get(ctx, k)
	if errors.Is(err, ds.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (s shelf) GetSize(ctx context.Context, k ds.Key) (int, error) {
	b, err := s.Get(ctx, k)
	if err != nil {
		return -1, err
	}
	return len(b), nil
}

func (s shelf) Delete(_ context.Context, k ds.Key) error {
	key, err := parseShelfKey(k)
	if err != nil {
		return err
	}
	s.remove(key)
	return nil
}

// Query returns all records that fit. The library would sweep with it; the host sweeps for itself.
func (s shelf) Query(_ context.Context, q query.Query) (query.Results, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var entries []query.Entry
	for key, r := range s.records {
		b, err := marshalRecord(key, r.value, r.received)
		if err != nil {
			return nil, err
		}
		entries = append(entries, query.Entry{Key: shelfKey(key).String(), Value: b, Size: len(b)})
	}
	return query.NaiveQueryApply(q, query.ResultsWithEntries(q, entries)), nil
}

func (s shelf) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(s), nil }
func (s shelf) Sync(context.Context, ds.Key) error      { return nil }
func (s shelf) Close() error                            { return nil }
