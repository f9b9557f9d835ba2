package descriptor

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Validate tells whether a node of the DHT keeps this value under this key now. It looks at what is cheap first, and
// needs to know nothing of the account: at most some 10 µs go into garbage, and a signature is verified only for what
// was worked for.
//
//	ErrKey        the key is no "/linnet/" and 32 bytes
//	ErrSize       not Size bytes;                ErrNewer      another version
//	ErrPeriod     not now's period ± 1;          ErrReplica    neither 0 nor 1
//	ErrFuture     signed over MaxAhead ahead
//	ErrNotAfter   not the period's;              ErrExpired    Grace has passed
//	ErrWork       no work
//	ErrSignature  not signed by the key
func Validate(dht string, value []byte, now time.Time) error {
	key, err := ParseKey(dht)
	if err != nil {
		return err
	}
	return validate(key, value, now, MaxAhead)
}

// validate is Validate for a clock that may be behind the signer's by so much.
func validate(key BlindedKey, value []byte, now time.Time, ahead time.Duration) error {
	if len(value) != Size {
		return ErrSize
	}
	h := parseHeader(value)
	switch {
	case h.version != version:
		return ErrNewer
	case !h.period.near(now):
		return ErrPeriod
	case h.replica >= Replicas:
		return ErrReplica
	case h.time > millis(now.Add(ahead)):
		return ErrFuture
	case h.notAfter != h.period.notAfter():
		return ErrNotAfter
	case millis(now) > h.notAfter:
		return ErrExpired
	}
	rest := restOf(value, offsetWork, offsetSignature)
	nonce := value[offsetWork:offsetNonce]
	if !checkWork(key, rest, nonce) {
		return ErrWork
	}
	if !ed25519.Verify(key[:], signedOf(nonce, rest), value[offsetSignature:]) {
		return ErrSignature
	}
	return nil
}

// Select returns the index of the value to keep, of several that Validate passed for one key: that with the newest
// signing time, and of those the one with the lowest SHA-256. Everybody selects the same, in whatever order they came.
// Values of another size are passed over; the error is ErrSize if there is none left.
func Select(values [][]byte) (int, error) {
	return choose(values, Size, Size, offsetTime)
}

// choose selects among values whose signing time stands at this offset.
func choose(values [][]byte, least, most, offset int) (int, error) {
	best, bestTime := -1, uint64(0)
	for i, v := range values {
		if len(v) < least || len(v) > most {
			continue
		}
		t := binary.BigEndian.Uint64(v[offset:])
		if best < 0 || t > bestTime || t == bestTime && lower(v, values[best]) {
			best, bestTime = i, t
		}
	}
	if best < 0 {
		return 0, ErrSize
	}
	return best, nil
}

func lower(a, b []byte) bool {
	x, y := sha256.Sum256(a), sha256.Sum256(b)
	return bytes.Compare(x[:], y[:]) < 0
}
