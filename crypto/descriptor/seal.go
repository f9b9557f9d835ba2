package descriptor

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// What lies inside the seal, in bytes: length (2) ‖ body ‖ zeros.
const (
	lengthSize = 2
	plainSize  = offsetSignature - offsetSealed - chacha20poly1305.Overhead
)

// Sealed is a descriptor, ready for the DHT: the Value of Size bytes belongs under Key.DHT().
type Sealed struct {
	Place Place
	Key   BlindedKey
	Value []byte
	// Order is the signing time. A device remembers it for each place, and replaces it by the next that it seals there.
	Order time.Time
}

// drawn is the randomness of one descriptor.
type drawn struct {
	nonce [chacha20poly1305.NonceSizeX]byte
	hedge [32]byte // for the signature
	work  uint64   // where the search begins
}

func draw() (d drawn) {
	var b [8]byte
	rand.Read(d.nonce[:])
	rand.Read(d.hedge[:])
	rand.Read(b[:])
	d.work = binary.BigEndian.Uint64(b[:])
	return d
}

// Seal makes the descriptor of a place in this period, or in one of the AheadPeriods after it. It takes some 10 ms, for
// the work.
//
// Replaces is the signing time of the latest descriptor that was read or sealed at this place, if any: the new one comes
// after it, even if the clock that signed it was ahead. (Opened.Order, Sealed.Order; the zero Time is none.)
//
// The signing time is no true time, which would link the replicas, and the descriptors signed ahead: it is a secret
// number, over 24 h below the period's start, that rises with the true time. Of two signed before the period, at least
// 43 s apart, the later wins, what is signed in the period wins against both, and within the period what is signed a
// quarter of a day later, whether or not a device knew what it replaces.
//
// The errors are ErrKey for a zero key or content, ErrReplica, ErrPeriod for a period that has passed, is too far ahead,
// or of 1970 to 1987, ErrFull, and ErrFuture if no node would take what comes after replaces: d is in the hands of a
// thief, or a clock is wrong, and after MaxAhead at the latest by the nodes' clocks one may try again.
func (c Content) Seal(d identity.DiscoveryPrivateKey, at Place, replaces, now time.Time) (Sealed, error) {
	return c.seal(d, at, replaces, now, draw())
}

// Ahead makes the descriptors of all AheadPlaces, 28 of them, for relays to put while the account sleeps. Devices do so
// anew when what they say changes, and daily. It takes a quarter of a second, for the work.
//
// Replaces has the latest signing time of each place at which this device knows one, above all from its last Ahead, whose
// clock may have been fast; it may be nil. The errors are those of Seal.
func (c Content) Ahead(d identity.DiscoveryPrivateKey, replaces map[Place]time.Time, now time.Time) ([]Sealed, error) {
	list := make([]Sealed, 0, AheadPeriods*Replicas)
	for _, at := range AheadPlaces(now) {
		s, err := c.Seal(d, at, replaces[at], now)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func (c Content) seal(d identity.DiscoveryPrivateKey, at Place, replaces, now time.Time, fresh drawn) (Sealed, error) {
	s, err := newSigner(d, at)
	if err != nil {
		return Sealed{}, err
	}
	if current := PeriodOf(now); at.Period < current || at.Period > current+AheadPeriods || at.Period.start() < clockSpan+periodMillis {
		return Sealed{}, ErrPeriod
	}
	signed := s.signingTime(at.Period, now, millis(replaces))
	if signed > millis(at.Period.put(now).Add(MaxAhead)) {
		return Sealed{}, ErrFuture
	}
	body, err := c.marshal()
	if err != nil {
		return Sealed{}, err
	}
	return s.seal(d.Public(), at, signed, body, fresh), nil
}

// seal encrypts a body of at most plainSize - lengthSize bytes, works and signs.
func (s *signer) seal(d identity.DiscoveryKey, at Place, signed uint64, body []byte, fresh drawn) Sealed {
	plain := binary.BigEndian.AppendUint16(make([]byte, 0, plainSize), uint16(len(body)))
	plain = append(plain, body...)[:plainSize] // the rest of it is zero

	value := header{version, at.Period, at.Replica, signed, at.Period.notAfter()}.appendTo(make([]byte, 0, Size))
	value = append(value, make([]byte, workSize)...)
	value = append(value, fresh.nonce[:]...)
	value = aead(d, s.public, at.Period).Seal(value, fresh.nonce[:], plain, value[:offsetWork])

	rest := restOf(value, offsetWork, offsetSignature)
	nonce := findWork(s.public, rest, fresh.work)
	copy(value[offsetWork:], nonce[:])
	signature := s.sign(signedOf(nonce[:], rest), fresh.hedge)
	return Sealed{at, s.public, append(value, signature[:]...), fromMillis(signed)}
}

// aead returns the cipher of one place: nobody makes its key without D, and no other place has it.
func aead(d identity.DiscoveryKey, k BlindedKey, p Period) cipher.AEAD {
	var key [chacha20poly1305.KeySize]byte
	identity.LabelDescriptorSeal.Derive(key[:], d[:], k[:], binary.BigEndian.AppendUint64(nil, uint64(p)))
	a, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("descriptor: XChaCha20-Poly1305 refuses 32 bytes")
	}
	return a
}
