// Package pqxdh agrees on the first secrets of a session with somebody who may be asleep.
//
// The sleeper B has published a bundle: its identity key IK_B, a signed prekey SPK_B, a signed Kyber-1024 prekey and,
// if one is left, a one-time prekey OPK_B. The initiator A makes a base key EK_A, encapsulates a secret to the KEM
// prekey, and both compute
//
//	secret = 0xFF × 32 ‖ DH(IK_A, SPK_B) ‖ DH(EK_A, IK_B) ‖ DH(EK_A, SPK_B) ‖ [ DH(EK_A, OPK_B) ‖ ] KEM secret
//	root ‖ chain ‖ pq = HKDF(no salt, secret, "WhisperText_X25519_SHA-256_CRYSTALS-KYBER-1024", 96)
//
// Two signatures, both XEdDSA under IK_B, stand in a bundle: over the 33 bytes of SPK_B and over the 1569 bytes of
// the KEM prekey. How a bundle travels is not fixed here (crypto/bundle says it for Linnet).
//
// Secrecy holds as long as either X25519 or Kyber-1024 does. Authentication is classical: who can compute discrete
// logarithms can pretend to be B while the handshake is made, and can read nothing that was recorded before. Neither
// side signs anything about the other, so a transcript proves nothing to a third party. The identities enter no key
// here; they are bound by the MAC of each message (crypto/ratchet).
//
// Sources: "The PQXDH Key Agreement Protocol", sections 2 to 4 (Signal, revision 3).
package pqxdh

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/internal/kdf"
	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// label is the info of the key derivation: it names the curve, the hash and the KEM.
const label = "WhisperText_X25519_SHA-256_CRYSTALS-KYBER-1024"

// MaxDevice is the highest device number; the lowest is 1.
const MaxDevice = 127

var (
	// ErrBundle says that a bundle lacks a part or has one that cannot be.
	ErrBundle = errors.New("pqxdh: invalid bundle")
	// ErrSignature says that a prekey of a bundle was not signed by the bundle's identity key.
	ErrSignature = errors.New("pqxdh: invalid prekey signature")
	// ErrKeyAgreement says that the keys of a handshake do not lead to a secret.
	ErrKeyAgreement = errors.New("pqxdh: key agreement failed")
)

// Bundle is what a device publishes so that others can start a session while it sleeps.
type Bundle struct {
	RegistrationID uint32 // drawn once per installation
	Device         uint8  // 1..MaxDevice
	Identity       xeddsa.PublicKey

	SignedPreKeyID        uint32
	SignedPreKey          xeddsa.PublicKey
	SignedPreKeySignature [xeddsa.SignatureSize]byte

	KEMPreKeyID        uint32
	KEMPreKey          kyber.PublicKey
	KEMPreKeySignature [xeddsa.SignatureSize]byte

	OneTimePreKeyID uint32           // means something only if OneTimePreKey is set
	OneTimePreKey   xeddsa.PublicKey // zero if none is left
}

// Verify returns ErrBundle if a part is missing, and ErrSignature unless the identity key signed both prekeys. The
// one-time prekey is not signed: who swaps it can make the session fail, and gains nothing else.
func (b *Bundle) Verify() error {
	if b.Device < 1 || b.Device > MaxDevice || b.Identity.IsZero() || b.SignedPreKey.IsZero() || b.KEMPreKey.IsZero() {
		return ErrBundle
	}
	if b.Identity.Verify(b.SignedPreKey.Bytes(), b.SignedPreKeySignature[:]) != nil ||
		b.Identity.Verify(b.KEMPreKey.Bytes(), b.KEMPreKeySignature[:]) != nil {
		return ErrSignature
	}
	return nil
}

// Secrets are what both sides of a handshake share: the beginnings of the two ratchets. They are for crypto/ratchet.
type Secrets struct {
	_     [0]func() // no ==
	Root  [32]byte  // root key of the Double Ratchet
	Chain [32]byte  // its first chain key
	PQ    [32]byte  // from which the post-quantum ratchet starts
}

// Format prints what this is, and nothing of the secret, whatever the verb.
func (Secrets) Format(f fmt.State, _ rune) { fmt.Fprint(f, "pqxdh.Secrets") }

// Opening is what the initiator tells the responder, in every message until the first answer.
type Opening struct {
	BaseKey       xeddsa.PublicKey
	KEMCiphertext []byte // kyber.CiphertextSize bytes
}

// Initiate verifies the bundle and makes the secrets of a new session with its owner. What it returns as Opening lets
// the responder make the same.
func Initiate(identity xeddsa.PrivateKey, b *Bundle) (Secrets, Opening, error) {
	if err := b.Verify(); err != nil {
		return Secrets{}, Opening{}, err
	}
	base := xeddsa.GenerateKey()
	shared, ciphertext, err := b.KEMPreKey.Encapsulate()
	if err != nil {
		return Secrets{}, Opening{}, ErrKeyAgreement
	}
	legs := []leg{{identity, b.SignedPreKey}, {base, b.Identity}, {base, b.SignedPreKey}}
	if !b.OneTimePreKey.IsZero() {
		legs = append(legs, leg{base, b.OneTimePreKey})
	}
	s, err := derive(legs, &shared)
	return s, Opening{base.Public(), ciphertext}, err
}

// Responder holds the private keys of the responder that an opening refers to.
type Responder struct {
	Identity      xeddsa.PrivateKey
	SignedPreKey  xeddsa.PrivateKey
	KEMPreKey     kyber.PrivateKey
	OneTimePreKey xeddsa.PrivateKey // zero if the initiator used none
}

// Respond makes the secrets that the initiator with the given identity key made. It refuses a base key that is not
// canonical, for the base key is what a repeated opening is known by. It cannot tell whether the initiator
// was who it says: the first message that the secrets open does.
func (r *Responder) Respond(identity xeddsa.PublicKey, o Opening) (Secrets, error) {
	if o.BaseKey.CheckCanonical() != nil {
		return Secrets{}, ErrKeyAgreement
	}
	shared, err := r.KEMPreKey.Decapsulate(o.KEMCiphertext)
	if err != nil {
		return Secrets{}, ErrKeyAgreement
	}
	legs := []leg{{r.SignedPreKey, identity}, {r.Identity, o.BaseKey}, {r.SignedPreKey, o.BaseKey}}
	if !r.OneTimePreKey.IsZero() {
		legs = append(legs, leg{r.OneTimePreKey, o.BaseKey})
	}
	return derive(legs, &shared)
}

// leg is one of the three or four key agreements of a handshake.
type leg struct {
	ours   xeddsa.PrivateKey
	theirs xeddsa.PublicKey
}

func derive(legs []leg, shared *[kyber.SecretSize]byte) (s Secrets, err error) {
	secret := bytes.Repeat([]byte{0xff}, 32)
	for _, l := range legs {
		dh, err := l.ours.DH(l.theirs)
		if err != nil {
			return s, ErrKeyAgreement
		}
		secret = append(secret, dh[:]...)
	}
	secret = append(secret, shared[:]...)
	var out [96]byte
	kdf.HKDF(out[:], nil, secret, label)
	s.Root, s.Chain, s.PQ = [32]byte(out[:32]), [32]byte(out[32:64]), [32]byte(out[64:])
	return s, nil
}
