package spqr

import (
	"crypto/mlkem"
	"crypto/sha3"
	"crypto/subtle"
)

// Incremental ML-KEM-768: the encapsulator starts with the header alone, and needs the rest of the encapsulation key
// only for the last 128 bytes of the ciphertext. What comes out is FIPS 203 to the byte. The owner's side is
// crypto/mlkem; the encapsulator's cannot be, since it takes the whole key at once.
//
//	header   64 bytes   rho ‖ SHA3-256(ek)
//	vector 1152 bytes   t, ek = t ‖ rho
//	ct1     960 bytes   u, compressed to 10 bits
//	ct2     128 bytes   v, compressed to 4 bits
const (
	headerSize = 64
	vectorSize = 1152
	ct1Size    = 960
	ct2Size    = 128
	coinSize   = 32
)

// split takes an encapsulation key apart into header and vector.
func split(ek []byte) (header [headerSize]byte, vector []byte) {
	vector = ek[:vectorSize:vectorSize]
	digest := sha3.Sum256(ek)
	copy(header[:], ek[vectorSize:])
	copy(header[32:], digest[:])
	return header, vector
}

// checkKey tells whether vector is the one that the header speaks of, and passes the modulus check of FIPS 203,
// section 7.2.
func checkKey(header *[headerSize]byte, vector []byte) bool {
	ek := append(append(make([]byte, 0, mlkem.EncapsulationKeySize768), vector...), header[:32]...)
	digest := sha3.Sum256(ek)
	if subtle.ConstantTimeCompare(digest[:], header[32:]) != 1 {
		return false
	}
	_, err := mlkem.NewEncapsulationKey768(ek)
	return err == nil
}

// encapsulate1 returns the shared secret that the coin stands for, and the first part of the ciphertext.
func encapsulate1(header *[headerSize]byte, coin *[coinSize]byte) (shared [32]byte, ct1 []byte) {
	shared, r := g(header, coin)
	y := noiseVector(&r, 0)
	for i := range y {
		y[i].ntt()
	}
	e1 := noiseVector(&r, 3)
	ct1 = make([]byte, 0, ct1Size)
	for i := range 3 {
		var u ring
		for j := range 3 {
			// A transposed: row i of it is column i of A, whose entry (j, i) is sampled from rho ‖ i ‖ j.
			a := uniform(header[:32], byte(i), byte(j))
			u.addProduct(&a, &y[j])
		}
		u.inverseNTT()
		u.add(&e1[i])
		ct1 = u.appendCompressed10(ct1)
	}
	return shared, ct1
}

// encapsulate2 returns the second part of the ciphertext. The vector must have passed checkKey.
func encapsulate2(header *[headerSize]byte, coin *[coinSize]byte, vector []byte) (ct2 []byte) {
	_, r := g(header, coin)
	y := noiseVector(&r, 0)
	var v ring
	for i := range y {
		y[i].ntt()
		t := decode12(vector[384*i:])
		v.addProduct(&t, &y[i])
	}
	v.inverseNTT()
	e2 := noise(&r, 6)
	v.add(&e2)
	m := decompress1(coin)
	v.add(&m)
	return v.appendCompressed4(make([]byte, 0, ct2Size))
}

// g is the hash of ML-KEM.Encaps_internal (FIPS 203, algorithm 17): the secret, and the randomness of K-PKE.
func g(header *[headerSize]byte, coin *[coinSize]byte) (shared, r [32]byte) {
	var in [coinSize + 32]byte
	copy(in[:], coin[:])
	copy(in[coinSize:], header[32:])
	out := sha3.Sum512(in[:])
	return [32]byte(out[:32]), [32]byte(out[32:])
}
