package crypto

import "crypto/sha256"

// MaxPurpose is the size in bytes of the longest Purpose.
const MaxPurpose = 255

// Purpose says what sealed or signed bytes are for: "example.org backup v1". Both sides must name the same one, so that
// what was said in one place cannot be brought up in another: a signed "yes" to an invitation is no "yes" to a contract.
//
// Write a constant for each kind of message, with the name of your project and a version, and take none from what was
// received. What differs from message to message (names, times, numbers) belongs into the message. It is not secret,
// and not sent. It is 1 to MaxPurpose bytes of printable ASCII, space included; calls refuse others with ErrPurpose.
type Purpose string

func (p Purpose) check() error {
	if len(p) == 0 || len(p) > MaxPurpose {
		return ErrPurpose
	}
	for i := range len(p) {
		if p[i] < ' ' || p[i] > '~' {
			return ErrPurpose
		}
	}
	return nil
}

// bind returns what a signature covers ahead of the message, and what HPKE takes for info:
//
//	label ‖ 0x00 ‖ SHA-256(public key, all PublicSize bytes) ‖ size of the purpose (1) ‖ purpose
//
// It never means two things: no label holds a zero byte, and all that follows has a size known by then. The hash binds
// the two halves of a public key to each other: without it, somebody could join another's signing half to a sealing half
// of their own, and pass for the other until what is sealed in answer reaches them.
func (p Purpose) bind(label string, public *Public, room int) []byte {
	hash := sha256.Sum256(public.raw[:])
	b := make([]byte, 0, len(label)+1+len(hash)+1+len(p)+room)
	b = append(append(b, label...), 0)
	b = append(append(b, hash[:]...), byte(len(p)))
	return append(b, p...)
}
