// Package descriptor blinds, encrypts and signs what an account publishes.
//
// Whoever has an address (account A, discovery key D) finds the account in the DHT; nobody else can tell whose record it
// is, nor that two records are one account's. Every 24 hours (a period) each of two replicas gets a key of its own, which
// D alone leads to, as Tor does it for onion services (rend-spec-v3, appendix A.2):
//
//	h    = SHA-512(label ‖ D ‖ period (8) ‖ replica (1)) mod l
//	D'   = h·D                         public, the key of the record, made by whoever knows D
//	d'   = h·d mod l                   private, made by the account's devices; gives d away, so it never leaves them
//	DHT  = "/linnet/" ‖ D' (32)
//
// A value always has 8192 bytes; integers are big endian:
//
//	   0     1  version = 1
//	   1     8  period                 days since 1970-01-01 UTC
//	   9     1  replica                0 or 1
//	  10     8  signing time           in ms, and no true time: see Content.Seal
//	  18     8  not-after              ms since 1970: the period's end and 3 hours
//	  26     8  work nonce
//	  34    24  nonce
//	  58  8070  XChaCha20-Poly1305     of: length (2) ‖ CBOR ‖ zeros; associated data: bytes 0..25
//	8128    64  signature              Ed25519 by d', over work nonce and hash of bytes 0..25 ‖ 34..8127
//
// Inside stand the manifest and up to eight device records, each signed by its device, so that a thief of d can lead
// astray, and never lie about devices. Relays and mixers publish node records, which hide nothing: see Node.
//
// Devices publish in turn: read, Open, Merge, Active, Seal, write. Content is a value that grows by Merge alike in
// whatever order it comes. While all devices sleep, relays put what Content.Ahead left with them, having asked
// ValidateAhead. Readers go the same way up to Active: what the replicas and earlier reads say is merged, Merge forgets
// nobody, and only Active leaves out the devices that have been revoked since.
//
// Everything here is safe for several goroutines at once, and pure: no clock (now is an argument), no I/O, no goroutine,
// no log. Only sealing draws randomness. All of it is classical: a quantum computer that has an address's D gains
// nothing, and one that finds d from D can do what a thief of d can. PROTOCOL.md has every byte, and vectors.
package descriptor

import (
	"errors"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Sizes in bytes.
const (
	// Size is the size of every descriptor.
	Size = 8192
	// KeySize is the size of a blinded key.
	KeySize = 32
	// RecordSize is the most that a signed device record takes.
	RecordSize = 720
	// AddressSize is the most that one network address takes.
	AddressSize = 40
	// NodeSize is the most that a node record takes.
	NodeSize = 1024
)

// Limits of a device record.
const (
	MaxFeatures  = 32 // features
	MaxBoxes     = 4  // boxes; with three full ones a record has room for little else
	MaxAddresses = 2  // addresses of a box's relay
	MaxDirect    = 4  // addresses of the device itself
)

// Times.
const (
	// PeriodLength is how long a blinded key is used.
	PeriodLength = 24 * time.Hour
	// Replicas is how many keys a period has.
	Replicas = 2
	// AheadPeriods is for how many periods to come Content.Ahead signs.
	AheadPeriods = 14
	// Grace is how long a descriptor is good after its period.
	Grace = 3 * time.Hour
	// Early is how long before a period its descriptors are put and asked for: clocks differ.
	Early = time.Hour
	// MaxAhead is how far a signing time may lie ahead of the clock of who validates.
	MaxAhead = 10 * time.Minute
	// NodeLife is how long a node record is good after it was signed.
	NodeLife = 24 * time.Hour
)

// WorkBits is how many zero bits the work of a value begins with: about 65,536 hashes.
const WorkBits = 16

// What values may be refused for, in the order in which Validate looks.
var (
	// ErrKey says that a key is not one: of the DHT, a discovery key that cannot be blinded, or one that was never set.
	ErrKey = identity.ErrKey
	// ErrSize says that a value has not the size it must have, or that a part of it is larger than its limit.
	ErrSize = identity.ErrSize
	// ErrNewer says that something needs a newer Linnet.
	ErrNewer = identity.ErrNewer
	// ErrPeriod says that a descriptor is of a period that is neither now nor next to it.
	ErrPeriod = errors.New("descriptor: not of this period")
	// ErrReplica says that a replica is neither 0 nor 1.
	ErrReplica = errors.New("descriptor: no such replica")
	// ErrFuture says that a signing time lies, or to replace another would have to lie, more than MaxAhead ahead.
	ErrFuture = errors.New("descriptor: signed in the future")
	// ErrNotAfter says that a value is not good until when it must be.
	ErrNotAfter = errors.New("descriptor: wrong end of validity")
	// ErrExpired says that a value was good once.
	ErrExpired = errors.New("descriptor: expired")
	// ErrWork says that nobody worked for a value.
	ErrWork = errors.New("descriptor: no work")
	// ErrSignature says that a signature does not belong to this key and what was signed.
	ErrSignature = identity.ErrSignature
)

// What a reader may refuse that passed Validate.
var (
	// ErrMalformed says that bytes are not the one encoding of what was expected.
	ErrMalformed = identity.ErrMalformed
	// ErrOpen says that a descriptor cannot be decrypted: who signed it does not keep to the protocol.
	ErrOpen = errors.New("descriptor: cannot open")
	// ErrRollback says that a descriptor is older than one that the reader has seen.
	ErrRollback = errors.New("descriptor: older than what was seen")
	// ErrRecord says that a record contradicts itself: a key is missing, a list out of order, a number out of range.
	ErrRecord = errors.New("descriptor: invalid record")
	// ErrAccount says that two contents are not of the same account.
	ErrAccount = identity.ErrAccount
	// ErrFull says that a content holds more devices than an account has: Active was not called.
	ErrFull = identity.ErrFull
)

// maxCount is the highest version and time: what a double holds exactly, for JSON.
const maxCount = 1<<53 - 1

// millis returns the time as values carry it, 0 for what was before 1970.
func millis(t time.Time) uint64 {
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case s > maxCount/1000-1:
		return maxCount
	default:
		return uint64(t.UnixMilli())
	}
}

// fromMillis returns the time that a value carries.
func fromMillis(ms uint64) time.Time { return time.UnixMilli(int64(min(ms, maxCount))).UTC() }
