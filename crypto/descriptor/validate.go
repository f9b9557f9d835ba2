package descriptor

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// nodesAhead is how many periods before its own a descriptor is good for the nodes of the DHT.
const nodesAhead = 1

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
	return validate(dht, value, now, nodesAhead)
}

// ValidateAhead tells whether a relay keeps this value under this key now, to put it when its time comes: all that
// Validate asks, of periods up to AheadPeriods + 1 after now's, so that the relay's clock may be behind by a border. A
// signing time may lie up to MaxAhead after the moment from which on relays and devices put the value, Early before its
// period: then nodes will take it. The errors are those of Validate.
func ValidateAhead(dht string, value []byte, now time.Time) error {
	return validate(dht, value, now, AheadPeriods+1)
}

func validate(dht string, value []byte, now time.Time, ahead Period) error {
	key, err := ParseKey(dht)
	if err != nil {
		return err
	}
	if _, err := checkHeader(value, now, ahead); err != nil {
		return err
	}
	return checkSignature(key, value)
}

// checkHeader looks at what costs nothing, for periods from the one before now's to so many after it.
func checkHeader(value []byte, now time.Time, ahead Period) (header, error) {
	if len(value) != Size {
		return header{}, ErrSize
	}
	h := parseHeader(value)
	current, signed := PeriodOf(now), now
	if ahead > nodesAhead {
		signed = h.period.put(now)
	}
	switch {
	case h.version != version:
		return header{}, ErrNewer
	case h.period > current+ahead || h.period+1 < current:
		return header{}, ErrPeriod
	case h.replica >= Replicas:
		return header{}, ErrReplica
	case h.time > millis(signed.Add(MaxAhead)):
		return header{}, ErrFuture
	case h.notAfter != h.period.notAfter():
		return header{}, ErrNotAfter
	case millis(now) > h.notAfter:
		return header{}, ErrExpired
	}
	return h, nil
}

// checkSignature looks for the work, and verifies the signature of what was worked for.
func checkSignature(key BlindedKey, value []byte) error {
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
