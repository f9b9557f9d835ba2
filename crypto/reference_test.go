package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"slices"
)

// A second implementation, from PROTOCOL.md and the primitives, without crypto/hpke and without a line of the first. It
// checks nothing, and takes its randomness as arguments.

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

type referenceKeys struct {
	sign   ed25519.PrivateKey
	mlkem  *mlkem.DecapsulationKey768
	x25519 *ecdh.PrivateKey
	public []byte
}

func referenceSecret(secret []byte) referenceKeys {
	seed := secret[1:]
	derive := func(label string) []byte {
		return must(hkdf.Expand(sha256.New, must(hkdf.Extract(sha256.New, seed, make([]byte, 32))), label, 32))
	}
	k := referenceKeys{sign: ed25519.NewKeyFromSeed(derive("linnet front door signing key v1"))}
	expanded := sha3.SumSHAKE256(derive("linnet front door sealing key v1"), 96)
	k.mlkem = must(mlkem.NewDecapsulationKey768(expanded[:64]))
	k.x25519 = must(ecdh.X25519().NewPrivateKey(expanded[64:]))
	k.public = join([]byte{0x11}, k.sign[32:], k.mlkem.EncapsulationKey().Bytes(), k.x25519.PublicKey().Bytes())
	return k
}

func referenceBind(label string, public []byte, purpose string) []byte {
	hash := sha256.Sum256(public)
	return join([]byte(label), []byte{0}, hash[:], []byte{byte(len(purpose))}, []byte(purpose))
}

func referenceSign(k referenceKeys, purpose string, message []byte) []byte {
	covered := join(referenceBind("linnet front door signed v1", k.public, purpose), message)
	return join([]byte{0x41}, ed25519.Sign(k.sign, covered), message)
}

func referenceSeal(public []byte, purpose string, message, coinsMLKEM, coinsX25519 []byte) []byte {
	sharedM, encM, err := mlkemtest.Encapsulate768(must(mlkem.NewEncapsulationKey768(public[33:1217])), coinsMLKEM)
	if err != nil {
		panic(err)
	}
	ephemeral := must(ecdh.X25519().NewPrivateKey(coinsX25519))
	encX := ephemeral.PublicKey().Bytes()
	sharedX := must(ephemeral.ECDH(must(ecdh.X25519().NewPublicKey(public[1217:]))))
	aead, nonce := referenceAEAD(public, purpose, sharedM, sharedX, encX)
	return join([]byte{0x31}, encM, encX, aead.Seal(nil, nonce, message, nil))
}

func referenceOpen(k referenceKeys, purpose string, sealed []byte) ([]byte, error) {
	encM, encX, ciphertext := sealed[1:1089], sealed[1089:1121], sealed[1121:]
	sharedM := must(k.mlkem.Decapsulate(encM))
	sharedX := must(k.x25519.ECDH(must(ecdh.X25519().NewPublicKey(encX))))
	aead, nonce := referenceAEAD(k.public, purpose, sharedM, sharedX, encX)
	return aead.Open(nil, nonce, ciphertext, nil)
}

// referenceAEAD is X-Wing's combiner and the key schedule of RFC 9180, section 5.1.
func referenceAEAD(public []byte, purpose string, sharedM, sharedX, encX []byte) (aead cipher.AEAD, nonce []byte) {
	shared := sha3.Sum256(join(sharedM, sharedX, encX, public[1217:], []byte(`\.//^\`)))
	suite := []byte("HPKE\x64\x7a\x00\x01\x00\x02")
	extract := func(salt []byte, label string, ikm []byte) []byte {
		return must(hkdf.Extract(sha256.New, join([]byte("HPKE-v1"), suite, []byte(label), ikm), salt))
	}
	info := referenceBind("linnet front door sealed v1", public, purpose)
	context := join([]byte{0}, extract(nil, "psk_id_hash", nil), extract(nil, "info_hash", info))
	secret := extract(shared[:], "secret", nil)
	expand := func(label string, size int) []byte {
		info := join(binary.BigEndian.AppendUint16(nil, uint16(size)), []byte("HPKE-v1"), suite, []byte(label), context)
		return must(hkdf.Expand(sha256.New, secret, string(info), size))
	}
	return must(cipher.NewGCM(must(aes.NewCipher(expand("key", 32))))), expand("base_nonce", 12)
}
