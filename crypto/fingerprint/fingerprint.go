// Package fingerprint makes safety numbers: what two people compare to know that nobody stands between them.
//
//	hash       h = SHA-512(0x0000 ‖ key ‖ id ‖ key), then iterations - 1 times h = SHA-512(h ‖ key)
//	display    six groups of five digits from each side's hash, the smaller half first: 60 digits, the same on
//	           both sides. Group i is the 40-bit big-endian number h[5i:5i+5] mod 100000
//	scan       pb{1 version   2 pb{1 own hash (32)}   3 pb{1 other's hash (32)}}, for a QR code
//
// where key is the 33 bytes of an identity key and id are stable bytes of its owner. The many iterations make it dear
// to look for a key whose number looks like another's: a half has 99.6 bits, of which a person may compare fewer.
//
// It is pure and classical: it compares public keys, and nothing in it is secret.
//
// Source: the official Signal library's numeric fingerprint, as described in PROTOCOL.md.
package fingerprint

import (
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/internal/pb"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

const (
	// Iterations is how often everybody hashes.
	Iterations = 5200
	// MaxIterations is the most that New takes; the fewest are 2.
	MaxIterations = 1_000_000
	// MaxID is the largest id in bytes.
	MaxID = 1 << 10
	// ScanSize is the largest scannable code in bytes.
	ScanSize = 80
	// Digits is the length of a displayed safety number.
	Digits = 60

	hashSize = 32 // of each side, in a scannable code
)

var (
	// ErrInput says that a safety number cannot be made of these.
	ErrInput = errors.New("fingerprint: invalid input")
	// ErrScan says that what was scanned is no safety number.
	ErrScan = errors.New("fingerprint: not a safety number")
	// ErrVersion says that the other side makes its safety numbers in another way.
	ErrVersion = errors.New("fingerprint: other version")
	// ErrMismatch says that the two sides do not see the same keys.
	ErrMismatch = errors.New("fingerprint: safety numbers differ")
)

// Owner is one side of a safety number.
type Owner struct {
	ID  []byte // stable bytes, at most MaxID
	Key xeddsa.PublicKey
}

// Fingerprint is the safety number of two owners, as the first of them sees it.
type Fingerprint struct {
	version       uint32
	local, remote [sha512.Size]byte
}

// New computes the safety number. It takes 2·iterations hashes, some milliseconds for Iterations of them. The version
// says how the ids are made; it is compared when codes are scanned, and does not enter the digits.
func New(version uint32, iterations int, local, remote Owner) (*Fingerprint, error) {
	if iterations < 2 || iterations > MaxIterations {
		return nil, fmt.Errorf("%w: %d iterations", ErrInput, iterations)
	}
	for _, o := range []Owner{local, remote} {
		if o.Key.IsZero() || len(o.ID) > MaxID {
			return nil, ErrInput
		}
	}
	return &Fingerprint{version, hash(iterations, local), hash(iterations, remote)}, nil
}

func hash(iterations int, o Owner) (sum [sha512.Size]byte) {
	key := o.Key.Bytes()
	in := append([]byte{0, 0}, key...)
	in = append(in, o.ID...)
	sum = sha512.Sum512(append(in, key...))
	var next [sha512.Size + xeddsa.PublicKeySize]byte
	copy(next[sha512.Size:], key)
	for range iterations - 1 {
		copy(next[:], sum[:])
		sum = sha512.Sum512(next[:])
	}
	return sum
}

// String returns the Digits digits of the safety number, without spaces.
func (f *Fingerprint) String() string {
	a, b := half(&f.local), half(&f.remote)
	if a > b {
		a, b = b, a
	}
	return a + b
}

func half(sum *[sha512.Size]byte) string {
	out := make([]byte, 0, Digits/2)
	for i := range 6 {
		var n uint64
		for _, b := range sum[5*i : 5*i+5] {
			n = n<<8 | uint64(b)
		}
		out = fmt.Appendf(out, "%05d", n%100_000)
	}
	return string(out)
}

// Scannable returns what a QR code shows to the other side, at most ScanSize bytes.
func (f *Fingerprint) Scannable() []byte {
	side := func(sum *[sha512.Size]byte) func([]byte) []byte {
		return func(b []byte) []byte { return pb.AppendBytes(b, 1, sum[:hashSize]) }
	}
	b := pb.AppendUint(make([]byte, 0, ScanSize), 1, uint64(f.version))
	b = pb.AppendMessage(b, 2, side(&f.local))
	return pb.AppendMessage(b, 3, side(&f.remote))
}

// Compare returns nil if what was scanned from the other side's screen is this safety number seen from there, and
// otherwise ErrScan, ErrVersion or ErrMismatch.
func (f *Fingerprint) Compare(scanned []byte) error {
	version, local, remote, err := parse(scanned)
	if err != nil {
		return err
	}
	if version != f.version {
		return fmt.Errorf("%w: %d, ours is %d", ErrVersion, version, f.version)
	}
	if subtle.ConstantTimeCompare(local[:], f.remote[:hashSize])&subtle.ConstantTimeCompare(remote[:], f.local[:hashSize]) != 1 {
		return ErrMismatch
	}
	return nil
}

func parse(b []byte) (version uint32, local, remote [hashSize]byte, err error) {
	if len(b) > ScanSize {
		return 0, local, remote, ErrScan
	}
	r := pb.NewReader(b, pb.Skip)
	version = r.Uint32(1)
	sides := [2]*pb.Reader{
		pb.NewReader(r.Bytes(2, 0, ScanSize), pb.Skip),
		pb.NewReader(r.Bytes(3, 0, ScanSize), pb.Skip),
	}
	sides[0].Fixed(1, local[:])
	sides[1].Fixed(1, remote[:])
	if r.Done() != nil || sides[0].Done() != nil || sides[1].Done() != nil {
		return 0, local, remote, ErrScan
	}
	return version, local, remote, nil
}
