package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// fataler is what *testing.T, *testing.B, *testing.F and *rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// start is when the worlds of these tests begin.
var start = time.Unix(1_800_000_000, 0).UTC()

func fromHex(t fataler, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return b
}

func secretOf(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

func seedOf(name string) Seed {
	s, err := ParseSeed(secretOf(name))
	if err != nil {
		panic(err)
	}
	return s
}

// Keys and entries are made once: that is most of the work of these tests.
var (
	identities sync.Map // name to xeddsa.PrivateKey
	entries    sync.Map // entryKey to Device
)

type entryKey struct {
	account Account
	number  uint8
	name    string
	time    int64
}

func identityOf(name string) xeddsa.PrivateKey {
	if k, ok := identities.Load(name); ok {
		return k.(xeddsa.PrivateKey)
	}
	k, err := xeddsa.ParsePrivateKey(secretOf("identity of " + name))
	if err != nil {
		panic(err)
	}
	identities.Store(name, k)
	return k
}

func deviceOf(t fataler, a Account, number uint8, name string, now time.Time) Device {
	t.Helper()
	key := entryKey{a, number, name, now.Unix()}
	if d, ok := entries.Load(key); ok {
		return d.(Device)
	}
	d, err := NewDevice(a, number, identityOf(name), now)
	if err != nil {
		t.Fatalf("device %s: %v", name, err)
	}
	entries.Store(key, d)
	return d
}

// epochOf begins an epoch whose stewards have the given names and the numbers 1, 2, …
func epochOf(t fataler, seed Seed, seen uint64, now time.Time, stewards ...string) *Manifest {
	t.Helper()
	a := seed.Account()
	var devices []Device
	for i, name := range stewards {
		devices = append(devices, deviceOf(t, a.Public(), uint8(i+1), name, now))
	}
	s, err := a.NewEpoch(seen, now, devices...)
	if err != nil {
		t.Fatalf("new epoch: %v", err)
	}
	m, err := s.Begin(identityOf(stewards[0]), now, devices...)
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	return m
}

func viewOf(t fataler, manifests ...*Manifest) View {
	t.Helper()
	v := NewView(manifests[0].Account())
	for _, m := range manifests {
		next, err := v.Apply(m)
		if err != nil && !errors.Is(err, ErrRollback) {
			t.Fatalf("apply: %v", err)
		}
		v = next
	}
	return v
}

func must[T any](t fataler) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%v", err)
		}
		return v
	}
}

func numbersOf(devices []Device) (n []uint8) {
	for _, d := range devices {
		n = append(n, d.number)
	}
	return n
}

// forge signs a manifest that nobody would: change may do anything to what the steward signs.
func forge(t fataler, m *Manifest, steward string, change func(*signedBody)) []byte {
	t.Helper()
	var o manifestBody
	if err := canon.Unmarshal(m.raw, ManifestSize, &o); err != nil {
		t.Fatalf("%v", err)
	}
	var b signedBody
	if err := canon.Unmarshal(o.Signed, ManifestSize, &b); err != nil {
		t.Fatalf("%v", err)
	}
	if change != nil {
		change(&b)
	}
	signed, err := canon.Marshal(b)
	if err != nil {
		t.Fatalf("forging: %v", err)
	}
	return resign(t, m, o, signed, steward, nil)
}

// resign puts anything at all into the place of what the steward signs, and signs it under the steward's number, if it
// has one, or under that which outer sets.
func resign(t fataler, m *Manifest, o manifestBody, signed []byte, steward string, outer func(*manifestBody)) []byte {
	t.Helper()
	o.Signed = signed
	if n := m.stewards.number(identityOf(steward).Public()); n != 0 {
		o.Signer = n
	}
	if outer != nil {
		outer(&o)
	}
	o.Signature = must[[SignatureSize]byte](t)(LabelManifest.Sign(identityOf(steward), signedParts(&m.stewards, o.Signer, signed)...))
	raw, err := canon.Marshal(o)
	if err != nil {
		t.Fatalf("forging: %v", err)
	}
	return raw
}

func outerOf(t fataler, m *Manifest) (o manifestBody) {
	t.Helper()
	if err := canon.Unmarshal(m.raw, ManifestSize, &o); err != nil {
		t.Fatalf("%v", err)
	}
	return o
}

// errorName is how vectors call an error.
func errorName(err error) string {
	for name, e := range map[string]error{
		"malformed": ErrMalformed, "size": ErrSize, "newer": ErrNewer, "key": ErrKey, "words": ErrWords, "checksum": ErrChecksum,
		"text": ErrText, "signature": ErrSignature, "manifest": ErrManifest, "account": ErrAccount, "proof": ErrProof,
		"not steward": ErrNotSteward, "number": ErrNumber,
	} {
		if errors.Is(err, ErrFork) {
			return "fork"
		}
		if errors.Is(err, ErrRollback) {
			return "rollback"
		}
		if errors.Is(err, e) {
			return name
		}
	}
	if err != nil {
		return fmt.Sprintf("unexpected: %v", err)
	}
	return ""
}

var _ fataler = (*testing.T)(nil)
