package descriptor

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/canon"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

var updating = flag.Bool("update", false, "write the vectors in testdata anew")

// start is 10:40 UTC on the first day of these tests.
var start = time.Unix(1_800_000_000, 0).UTC().Truncate(24 * time.Hour).Add(10*time.Hour + 40*time.Minute)

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
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

func secretOf(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

func fixed(name string) [32]byte { return [32]byte(secretOf(name)) }

func discoveryOf(t fataler, name string) identity.DiscoveryPrivateKey {
	t.Helper()
	return must[identity.DiscoveryPrivateKey](t)(identity.ParseDiscoveryPrivateKey(secretOf("discovery of " + name)))
}

func transportOf(t fataler, name string) identity.TransportPrivateKey {
	t.Helper()
	return must[identity.TransportPrivateKey](t)(identity.ParseTransportPrivateKey(secretOf("transport of " + name)))
}

func identityOf(t fataler, name string) xeddsa.PrivateKey {
	t.Helper()
	return must[xeddsa.PrivateKey](t)(xeddsa.ParsePrivateKey(secretOf("identity of " + name)))
}

// drawnOf is fixed randomness.
func drawnOf(name string) (d drawn) {
	copy(d.nonce[:], secretOf("nonce "+name))
	d.hedge = fixed("hedge " + name)
	b := secretOf("work " + name)
	d.work = binary.BigEndian.Uint64(b)
	return d
}

// person is an account with n devices, of which the first is the only steward. Device i has the number i+1.
type person struct {
	name      string
	discovery identity.DiscoveryPrivateKey
	view      identity.View
	keys      []xeddsa.PrivateKey
	entries   []identity.Device
}

func personOf(t fataler, name string, n int, stewards int) *person {
	t.Helper()
	seed := must[identity.Seed](t)(identity.ParseSeed(secretOf("seed of " + name)))
	a := seed.Account()
	p := &person{name: name, discovery: discoveryOf(t, name)}
	for i := range n {
		key := identityOf(t, fmt.Sprint(name, i))
		p.keys = append(p.keys, key)
		p.entries = append(p.entries, must[identity.Device](t)(identity.NewDevice(a.Public(), uint8(i+1), key, start)))
	}
	s := must[identity.Stewards](t)(a.NewEpoch(0, start, p.entries[:stewards]...))
	m := must[*identity.Manifest](t)(s.Begin(p.keys[0], start, p.entries...))
	p.view = must[identity.View](t)(identity.NewView(a.Public()).Apply(m))
	return p
}

// stranger is the view of who knows the address alone.
func (p *person) stranger() identity.View { return identity.NewView(p.view.Account()) }

func (p *person) d() identity.DiscoveryKey { return p.discovery.Public() }

func (p *person) record(t fataler, i int, d Device) Record {
	t.Helper()
	return must[Record](t)(NewRecord(p.keys[i], p.entries[i], d))
}

// content has a full record of each device, of this version.
func (p *person) content(t fataler, version uint64) Content {
	t.Helper()
	var records []Record
	for i := range p.keys {
		records = append(records, p.record(t, i, fullDevice(t, fmt.Sprint(p.name, i), version)))
	}
	return must[Content](t)(NewContent(p.view, records...))
}

// seal makes a descriptor with fixed randomness.
func (p *person) seal(t fataler, c Content, at Place, now time.Time) Sealed {
	t.Helper()
	return must[Sealed](t)(c.seal(p.discovery, at, time.Time{}, now, drawnOf(fmt.Sprint(p.name, at))))
}

func address(name string, n int) []byte {
	b := secretOf("address " + name)
	return append(b, secretOf(name)...)[:n]
}

func boxOf(t fataler, name string) Box {
	t.Helper()
	key := must[identity.BoxPrivateKey](t)(identity.ParseBoxPrivateKey(secretOf("box " + name)))
	return Box{
		Relay:     transportOf(t, "relay "+name).Public(),
		Addresses: [][]byte{address(name+"a", AddressSize), address(name+"b", AddressSize)},
		Box:       key.Public(),
		Knock:     Knock{Work: 22, Size: 8192},
	}
}

// fullDevice has three boxes with two addresses of the longest each, which leaves room for a transport key.
func fullDevice(t fataler, name string, version uint64) Device {
	t.Helper()
	return Device{
		Number:    1,
		Version:   version,
		Features:  []uint16{1, 2, 3, 4, 5, 6, 7, 8},
		Boxes:     []Box{boxOf(t, name+"/0"), boxOf(t, name+"/1"), boxOf(t, name+"/2")},
		Bundle:    BundleKey(fixed("bundle " + name)),
		Transport: transportOf(t, name).Public(),
	}
}

// leastDevice says as little as a device can.
func leastDevice(name string, version uint64) Device {
	return Device{Number: 1, Version: version, Bundle: BundleKey(fixed("bundle " + name))}
}

func placeOf(now time.Time) Place { return Place{Period: PeriodOf(now)} }

// forgeValue makes a value with any header and plaintext, worked for and signed.
func (p *person) forge(t fataler, at Place, change func(value []byte), plain []byte) Sealed {
	t.Helper()
	s := must[*signer](t)(newSigner(p.discovery, at))
	value := header{version, at.Period, at.Replica, at.Period.start(), at.Period.notAfter()}.appendTo(nil)
	value = append(value, make([]byte, workSize+24)...)
	if plain == nil {
		plain = make([]byte, plainSize)
	}
	change(value)
	value = aead(p.d(), s.public, at.Period).Seal(value, value[offsetNonce:], plain, value[:offsetWork])
	rest := restOf(value, offsetWork, offsetSignature)
	nonce := findWork(s.public, rest, 0)
	copy(value[offsetWork:], nonce[:])
	sig := s.sign(signedOf(nonce[:], rest), [32]byte{})
	return Sealed{at, s.public, append(value, sig[:]...), fromMillis(parseHeader(value).time)}
}

func plainOf(t fataler, body any) []byte {
	t.Helper()
	b := must[[]byte](t)(canon.Marshal(body))
	plain := append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
	return append(plain, make([]byte, plainSize-len(plain))...)
}

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	return must[[]byte](t)(hex.DecodeString(s))
}
