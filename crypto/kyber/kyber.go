// Package kyber is Kyber-1024 in the form of round 3, the key encapsulation of the Signal Protocol's first messages.
//
// Round 3 and FIPS 203 (ML-KEM) share keys, ciphertexts and checks; they differ in the last step alone, which
// hashes the secret once more with the ciphertext. So this is the standard library's ML-KEM-1024 with that step:
//
//	public key   1569 bytes   0x08 ‖ encapsulation key (1568)
//	ciphertext   1569 bytes   0x08 ‖ c (1568)
//	private key    64 bytes   FIPS 203 seed d ‖ z; the expanded form is never stored
//	secret         32 bytes   SHAKE256(K ‖ SHA3-256(c), 32), where K is the secret of ML-KEM
//
// A ciphertext that was tampered with gives a secret that nobody knows, not an error (implicit rejection); what is
// encrypted under it then fails.
//
// Sources: "CRYSTALS-Kyber, algorithm specifications", version 3.02, algorithms 8 and 9; FIPS 203, sections 6 and 7.
package kyber

import (
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha3"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
)

// Sizes in bytes.
const (
	PublicKeySize  = 1 + mlkem.EncapsulationKeySize1024 // with the type byte
	CiphertextSize = 1 + mlkem.CiphertextSize1024       // with the type byte
	SeedSize       = mlkem.SeedSize
	SecretSize     = mlkem.SharedKeySize
)

// keyType is the type byte of a Kyber-1024 key and ciphertext.
const keyType = 0x08

var (
	// ErrKey says that bytes are not a key of this kind, or that a key was never set.
	ErrKey = errors.New("kyber: invalid key")
	// ErrCiphertext says that bytes have not the form of a ciphertext.
	ErrCiphertext = errors.New("kyber: invalid ciphertext")
)

// PublicKey is an encapsulation key. It is a small handle that may be copied and used by several goroutines at once.
// The zero value is no key: it refuses to encapsulate.
type PublicKey struct{ k *mlkem.EncapsulationKey1024 }

// ParsePublicKey reads a public key of exactly PublicKeySize bytes and checks it as FIPS 203 section 7.2 says.
func ParsePublicKey(b []byte) (PublicKey, error) {
	if len(b) != PublicKeySize || b[0] != keyType {
		return PublicKey{}, ErrKey
	}
	k, err := mlkem.NewEncapsulationKey1024(b[1:])
	if err != nil {
		return PublicKey{}, ErrKey
	}
	return PublicKey{k}, nil
}

// IsZero tells whether p was never set.
func (p PublicKey) IsZero() bool { return p.k == nil }

// AppendTo appends the PublicKeySize bytes of the key as it travels. A zero key appends nothing.
func (p PublicKey) AppendTo(b []byte) []byte {
	if p.IsZero() {
		return b
	}
	return append(append(b, keyType), p.k.Bytes()...)
}

// Bytes returns the key as it travels.
func (p PublicKey) Bytes() []byte { return p.AppendTo(nil) }

// Encapsulate draws a secret and returns it together with the ciphertext that carries it to the owner of p.
func (p PublicKey) Encapsulate() (secret [SecretSize]byte, ciphertext []byte, err error) {
	if p.IsZero() {
		return secret, nil, ErrKey
	}
	shared, c := p.k.Encapsulate()
	return finish(shared, c), append([]byte{keyType}, c...), nil
}

// PrivateKey is a decapsulation key. It is a small handle that may be copied and used by several goroutines at once.
// It cannot be compared with == and does not print its secret. The zero value is no key: it refuses to decapsulate.
type PrivateKey struct {
	_ [0]func() // no ==
	k *private
}

// private is what a PrivateKey leads to; the seed is expanded when the key is first used.
type private struct {
	seed *[SeedSize]byte // a pointer, because fmt prints what it finds behind one, and not behind two
	once sync.Once
	key  *mlkem.DecapsulationKey1024
}

// GenerateKey returns a fresh key pair.
func GenerateKey() PrivateKey {
	var seed [SeedSize]byte
	rand.Read(seed[:])
	return PrivateKey{k: &private{seed: &seed}}
}

// ParsePrivateKey reads a private key: a seed of exactly SeedSize bytes.
func ParsePrivateKey(seed []byte) (PrivateKey, error) {
	if len(seed) != SeedSize {
		return PrivateKey{}, ErrKey
	}
	b := [SeedSize]byte(seed)
	return PrivateKey{k: &private{seed: &b}}, nil
}

// IsZero tells whether k was never set.
func (k PrivateKey) IsZero() bool { return k.k == nil }

// Format prints what this is, and nothing of the secret, whatever the verb.
func (PrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "kyber.PrivateKey") }

// AppendTo appends the secret SeedSize bytes of the key, for sealed storage. A zero key appends nothing.
func (k PrivateKey) AppendTo(b []byte) []byte {
	if k.IsZero() {
		return b
	}
	return append(b, k.k.seed[:]...)
}

// Equal tells in constant time whether both are the same key. Zero keys equal nothing.
func (k PrivateKey) Equal(other PrivateKey) bool {
	return !k.IsZero() && !other.IsZero() && subtle.ConstantTimeCompare(k.k.seed[:], other.k.seed[:]) == 1
}

// Public returns the public half, which is the zero PublicKey for a zero key.
func (k PrivateKey) Public() PublicKey {
	if k.IsZero() {
		return PublicKey{}
	}
	return PublicKey{k.k.expand().EncapsulationKey()}
}

// Decapsulate returns the secret that ciphertext, of exactly CiphertextSize bytes, carries.
func (k PrivateKey) Decapsulate(ciphertext []byte) (secret [SecretSize]byte, err error) {
	if k.IsZero() {
		return secret, ErrKey
	}
	if err := CheckCiphertext(ciphertext); err != nil {
		return secret, err
	}
	c := ciphertext[1:]
	shared, err := k.k.expand().Decapsulate(c)
	if err != nil {
		return secret, ErrCiphertext
	}
	return finish(shared, c), nil
}

// CheckCiphertext returns ErrCiphertext unless b has the form of a ciphertext: its size and type byte.
func CheckCiphertext(b []byte) error {
	if len(b) != CiphertextSize || b[0] != keyType {
		return ErrCiphertext
	}
	return nil
}

func (p *private) expand() *mlkem.DecapsulationKey1024 {
	p.once.Do(func() {
		key, err := mlkem.NewDecapsulationKey1024(p.seed[:])
		if err != nil {
			panic("kyber: a seed is refused: " + err.Error())
		}
		p.key = key
	})
	return p.key
}

// finish makes the secret of round 3 out of that of FIPS 203.
func finish(shared, c []byte) (secret [SecretSize]byte) {
	digest := sha3.Sum256(c)
	h := sha3.NewSHAKE256()
	h.Write(shared)
	h.Write(digest[:])
	h.Read(secret[:])
	return secret
}
