// Package identity names people and their devices, and signs what they claim.
//
// An account is one Ed25519 key pair A, made from a seed that a person keeps as 24 words. A discovery key D lets others
// find the account, and can be changed. A device has an X25519 identity key, which also signs (crypto/xeddsa). The
// account names stewards, and stewards say which devices are the account's:
//
//	seed (32) ──HKDF──▶ A, archive-box key, discovery roots R0, R1, … ──HKDF──▶ discovery keys D0, D1, …
//
//	address      "linnet1" bech32m( version (1) ‖ algorithm (1) ‖ A (32) ‖ D (32) )      119 characters
//	stewards     CBOR {epoch, numbers and identity keys}, signed by A                    9 bytes and 39 per steward
//	device       CBOR {number 1..127, identity key, time, the device's own signature}    112 or 113 bytes
//	manifest     CBOR {algorithm, A, stewards, signature, body, signer, signature}       369 to about 1480 bytes
//	  body       CBOR {version, previous hash, 1..8 devices, revoked numbers, time}, signed by a steward
//
// A View is what a reader knows of one account. It takes manifests and returns the next View, and it is the same View
// whatever the order in which they came: the highest epoch counts, within it what was revoked stays revoked, and of two
// devices under one number the one with the lower hash stands. No manifest can take anything back, so a fork of two
// stewards is merged by everybody alike, without a new signature.
//
// Everything here is a value, safe for several goroutines at once, and pure: no clock (now is an argument), no I/O, no
// goroutine, no log. Only fresh keys draw randomness. Signatures are classical: a quantum computer could forge them,
// and could read nothing by that. PROTOCOL.md has every byte, in CDDL and tables, and vectors for other programs.
package identity

import (
	"errors"
	"fmt"
	"time"

	"github.com/linnetmesh/linnet/crypto/internal/canon"
)

// Limits of an account.
const (
	// MaxDevices is how many devices an account has at most at a time.
	MaxDevices = 8
	// MaxNumber is the highest device number; the lowest is 1.
	MaxNumber = 127
)

// Sizes in bytes.
const (
	// KeySize is the size of every public key and every secret of this package.
	KeySize = 32
	// HashSize is the size of a Head's hash.
	HashSize = 32
	// SignatureSize is the size of every signature, Ed25519 and XEdDSA.
	SignatureSize = 64
	// DeviceSize is the most that a device entry takes. Without extensions it takes 112 or 113.
	DeviceSize = 160
	// ManifestSize is the most that a manifest takes. Without extensions it takes 369 (one device) to about
	// 1480 (eight, all of them stewards).
	ManifestSize = 2048
)

// Times of a manifest.
const (
	// RenewAfter is the age at which a steward signs a manifest anew.
	RenewAfter = 30 * 24 * time.Hour
	// StaleAfter is the age from which on one asks before a first message: somebody may be holding back what came after.
	StaleAfter = 90 * 24 * time.Hour
	// MaxAhead is how far a manifest's time may lie ahead of the reader's before nobody knows its age. It is wide, since
	// either clock may be wrong.
	MaxAhead = 24 * time.Hour
)

// algorithmEd25519 is the algorithm of account keys, in addresses and manifests.
const algorithmEd25519 = 1

// maxCount is the highest epoch, version and time (Unix seconds): what a double holds exactly, for JSON.
const maxCount = 1<<53 - 1

// What any body of CBOR may be refused for.
var (
	// ErrMalformed says that bytes are not the one encoding of what was expected.
	ErrMalformed = canon.ErrMalformed
	// ErrSize says that something is larger than its limit.
	ErrSize = canon.ErrSize
	// ErrNewer says that something needs a newer Linnet: a version, an algorithm, or a key that must be understood.
	ErrNewer = canon.ErrNewer
)

// What keys, words and addresses may be refused for.
var (
	// ErrKey says that bytes are not a key of this kind, or that a key was never set.
	ErrKey = errors.New("identity: invalid key")
	// ErrWords says that a text is not 24 words of the list. A *WordError tells which word.
	ErrWords = errors.New("identity: not the words of a seed")
	// ErrChecksum says that a text was misspelt: words or characters that could be right do not fit together.
	ErrChecksum = errors.New("identity: wrong checksum")
	// ErrText says that a text is no address, or no transport key.
	ErrText = errors.New("identity: not a text of this kind")
)

// What manifests may be refused for.
var (
	// ErrSignature says that a signature does not belong to this key and what was signed.
	ErrSignature = errors.New("identity: invalid signature")
	// ErrManifest says that a manifest contradicts itself.
	ErrManifest = errors.New("identity: invalid manifest")
	// ErrAccount says that a manifest or a device belongs to another account.
	ErrAccount = errors.New("identity: other account")
	// ErrProof says that a device did not sign that it belongs to the account under this number.
	ErrProof = errors.New("identity: device does not prove its key")
	// ErrNotSteward says that the signer of a manifest is no steward of its epoch.
	ErrNotSteward = errors.New("identity: not a steward")
	// ErrRollback says that a manifest is older than what is known, and brings nothing.
	ErrRollback = errors.New("identity: older than what is known")
	// ErrFork is an ErrRollback of a manifest that brings nothing and yet is not of the past of the newest: stewards went
	// apart, or one of them signed two things.
	ErrFork = fmt.Errorf("%w, and parted from it", ErrRollback)
)

// What an account may refuse to do, or say of a device.
var (
	// ErrNumber says that a device number is not in 1..127, or was used in this epoch.
	ErrNumber = errors.New("identity: device number cannot be used")
	// ErrListed says that a device's identity key is in the manifest already.
	ErrListed = errors.New("identity: device is listed")
	// ErrFull says that the account has MaxDevices devices, or no number is free.
	ErrFull = errors.New("identity: no room for another device")
	// ErrNewEpoch says that something takes a new epoch, and so the words of the seed: revoking a steward, or going on
	// when the version is the highest there is.
	ErrNewEpoch = errors.New("identity: takes a new epoch")
	// ErrClock says that a time cannot be right.
	ErrClock = errors.New("identity: the clock is wrong")
	// ErrRevoked says that a device was revoked.
	ErrRevoked = errors.New("identity: device is revoked")
	// ErrNotListed says that a device is not one of the account's.
	ErrNotListed = errors.New("identity: device is not listed")
)

// seconds returns the time as manifests carry it, 0 for what was before 1970.
func seconds(t time.Time) uint64 { return uint64(min(max(t.Unix(), 0), maxCount)) }
