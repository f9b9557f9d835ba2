// Package sframe encrypts media frames (RFC 9605).
//
// A sealed frame is a header, the encrypted frame and a tag:
//
//	byte 0            config: X KKK Y CCC
//	                  X = 0: KKK is the KID (0 to 7); X = 1: KKK is the KID's length in bytes, minus one
//	                  Y = 0: CCC is the CTR (0 to 7); Y = 1: CCC is the CTR's length in bytes, minus one
//	then 0 or 1 to 8  KID, big-endian, without leading zeros: names the key
//	then 0 or 1 to 8  CTR, big-endian, without leading zeros: counts the frames under this key, from 0
//	then n            the frame, encrypted: as long as before
//	then 4 to 16      the tag: its size is the cipher suite's
//
// A header takes 1 to [MaxHeader] bytes. With a KID under 8 it takes 2 bytes up to the 256th frame, 3 up to the
// 65536th (22 minutes of voice) and 4 for four days more, so a voice packet grows by 19 or 20 bytes with a tag of 16.
// The nonce is a salt of 12 bytes XOR the CTR; key and salt come by HKDF from a base key, the KID and the suite
// (section 4.4.2). The tag covers header, metadata and frame. PROTOCOL.md says how Linnet uses this.
//
// What is protected: nobody without the [Key] reads a frame, or changes frame, header or metadata unnoticed, and a
// [Receiver] opens each frame at most once. What is not: the header is in the clear, and it and the length tell a
// forwarder who sends how much and when. Whoever holds a Key can also forge frames under it, so a participant who
// colludes with the forwarder can speak as another (section 7.2). A withheld frame looks like a lost one. Suites with
// short tags are easier to forge; see [Suite].
//
// A [Sender] may be used by several goroutines at once. A [Receiver] is used by one at a time. All else are values.
package sframe

import "errors"

// Limits, checked before memory is taken.
const (
	// MaxHeader is the size in bytes of the longest header.
	MaxHeader = 1 + 8 + 8

	// MaxTag is the size in bytes of the longest tag. A frame grows by MaxHeader+MaxTag bytes at most.
	MaxTag = 16

	// MaxFrame is the size in bytes of the longest frame before it is sealed: a large key frame fits.
	MaxFrame = 1 << 20

	// MaxMetadata is the size in bytes of the longest metadata.
	MaxMetadata = 1 << 10

	// MaxKeySize is the size in bytes of the longest form of a Key. A Sender's takes 42.
	MaxKeySize = keyHead + maxBaseKey

	// MaxKeys is how many keys a Receiver holds at once: two streams and two generations of 256 senders.
	MaxKeys = 1024

	// Window is how many counters a Receiver looks back, per key, for frames that come late: 20 s of voice,
	// about a second of video. What is older is refused.
	Window = 1024
)

var (
	// ErrSuite says that a cipher suite is not one of ours.
	ErrSuite = errors.New("sframe: unknown cipher suite")

	// ErrKey says that a key is malformed, or the zero value.
	ErrKey = errors.New("sframe: bad key")

	// ErrHeader says that a header is cut short or not in its only form.
	ErrHeader = errors.New("sframe: bad header")

	// ErrTooLong says that a frame is longer than MaxFrame or its metadata than MaxMetadata.
	ErrTooLong = errors.New("sframe: too long")

	// ErrExhausted says that a Sender has used all its counters: make another.
	ErrExhausted = errors.New("sframe: counter exhausted")

	// ErrFull says that a Receiver holds MaxKeys keys.
	ErrFull = errors.New("sframe: full")

	// ErrTaken says that a Receiver already has a key for this KID. It keeps it, and what it has seen under it.
	ErrTaken = errors.New("sframe: KID taken")

	// ErrNoKey says that no key is known for a frame's KID. The frame may be kept and tried again when its key has
	// come (section 4.4.4); nothing in it is proven.
	ErrNoKey = errors.New("sframe: no key for this KID")

	// ErrReplay says that a frame's counter was opened before, or is too old to tell.
	ErrReplay = errors.New("sframe: replayed")

	// ErrOpen says that a frame was not sealed under this key with this metadata, or was changed on its way.
	ErrOpen = errors.New("sframe: cannot open")
)
