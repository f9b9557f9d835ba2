// Package entropy draws what a step of the ratchets needs afresh.
//
// It exists for one reason: a test that replays a recorded conversation must put the recorded keys where a step would
// draw new ones, to compare every byte that the step makes. A nil *Recorded is the real thing, and nothing but a test
// can make another, for the package is internal and no stored state holds one.
package entropy

import (
	"crypto/mlkem"
	"crypto/rand"

	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Recorded stands for the randomness of a recording. Every field must be set. The KEM's keys are recorded in their
// expanded form, which crypto/mlkem cannot load, so the two operations on them are part of it.
type Recorded struct {
	NewRatchetKey  func() xeddsa.PrivateKey
	NewSeed        func() [mlkem.SeedSize]byte
	NewCoin        func() [32]byte
	EncapsulateKey func(seed *[mlkem.SeedSize]byte) (ek []byte)
	DecapsulateKey func(seed *[mlkem.SeedSize]byte, ciphertext []byte) (shared []byte, err error)
}

// RatchetKey returns a fresh key pair for a Diffie-Hellman ratchet.
func (r *Recorded) RatchetKey() xeddsa.PrivateKey {
	if r != nil {
		return r.NewRatchetKey()
	}
	return xeddsa.GenerateKey()
}

// Seed returns a fresh ML-KEM seed.
func (r *Recorded) Seed() (seed [mlkem.SeedSize]byte) {
	if r != nil {
		return r.NewSeed()
	}
	rand.Read(seed[:])
	return seed
}

// Coin returns the fresh 32 bytes of an encapsulation.
func (r *Recorded) Coin() (coin [32]byte) {
	if r != nil {
		return r.NewCoin()
	}
	rand.Read(coin[:])
	return coin
}

// EncapsulationKey returns the ML-KEM-768 encapsulation key of the seed: t (1152 bytes) ‖ rho (32).
func (r *Recorded) EncapsulationKey(seed *[mlkem.SeedSize]byte) []byte {
	if r != nil {
		return r.EncapsulateKey(seed)
	}
	return expand(seed).EncapsulationKey().Bytes()
}

// Decapsulate returns the ML-KEM-768 secret that the ciphertext carries.
func (r *Recorded) Decapsulate(seed *[mlkem.SeedSize]byte, ciphertext []byte) ([]byte, error) {
	if r != nil {
		return r.DecapsulateKey(seed, ciphertext)
	}
	return expand(seed).Decapsulate(ciphertext)
}

func expand(seed *[mlkem.SeedSize]byte) *mlkem.DecapsulationKey768 {
	k, err := mlkem.NewDecapsulationKey768(seed[:])
	if err != nil {
		panic("entropy: a seed is refused: " + err.Error())
	}
	return k
}
