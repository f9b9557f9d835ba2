package spqr

import "crypto/sha3"

// The arithmetic of ML-KEM (FIPS 203, section 4): polynomials of 256 coefficients mod q, in constant time where
// they are secret.

const q = 3329

// ring is a polynomial, or its number-theoretic transform; every coefficient is below q.
type ring [256]uint16

// reduce returns x mod q, for x < 2^24. (Barrett; floor(2^24/q) = 5039.)
func reduce(x uint32) uint16 {
	quotient := uint32(uint64(x) * 5039 >> 24)
	return subtractOnce(x - quotient*q)
}

// subtractOnce returns x mod q, for x < 2q, without a branch.
func subtractOnce(x uint32) uint16 {
	x -= q
	return uint16(x + q&uint32(int32(x)>>31))
}

func (f *ring) add(g *ring) {
	for i := range f {
		f[i] = subtractOnce(uint32(f[i]) + uint32(g[i]))
	}
}

// zetas are 17^bitrev7(i) mod q, gammas 17^(2 bitrev7(i) + 1) (FIPS 203, appendix A).
var zetas, gammas = roots()

func roots() (zetas, gammas [128]uint16) {
	for i := range zetas {
		rev := 0
		for bit := range 7 {
			rev |= i >> bit & 1 << (6 - bit)
		}
		z := uint32(1)
		for range rev {
			z = z * 17 % q
		}
		zetas[i] = uint16(z)
		gammas[i] = uint16(z * z % q * 17 % q)
	}
	return zetas, gammas
}

// ntt is algorithm 9.
func (f *ring) ntt() {
	k := 1
	for size := 128; size >= 2; size /= 2 {
		for start := 0; start < 256; start += 2 * size {
			zeta := uint32(zetas[k])
			k++
			for j := start; j < start+size; j++ {
				t := uint32(reduce(zeta * uint32(f[j+size])))
				f[j+size] = subtractOnce(uint32(f[j]) + q - t)
				f[j] = subtractOnce(uint32(f[j]) + t)
			}
		}
	}
}

// inverseNTT is algorithm 10.
func (f *ring) inverseNTT() {
	k := 127
	for size := 2; size <= 128; size *= 2 {
		for start := 0; start < 256; start += 2 * size {
			zeta := uint32(zetas[k])
			k--
			for j := start; j < start+size; j++ {
				t := uint32(f[j])
				f[j] = subtractOnce(t + uint32(f[j+size]))
				f[j+size] = reduce(zeta * uint32(subtractOnce(uint32(f[j+size])+q-t)))
			}
		}
	}
	for i := range f {
		f[i] = reduce(uint32(f[i]) * 3303) // 128^-1
	}
}

// addProduct adds the product of two transforms, algorithms 11 and 12.
func (f *ring) addProduct(a, b *ring) {
	for i := range 128 {
		a0, a1 := uint32(a[2*i]), uint32(a[2*i+1])
		b0, b1 := uint32(b[2*i]), uint32(b[2*i+1])
		high := uint32(reduce(uint32(reduce(a1*b1)) * uint32(gammas[i])))
		f[2*i] = subtractOnce(uint32(f[2*i]) + uint32(subtractOnce(uint32(reduce(a0*b0))+high)))
		f[2*i+1] = subtractOnce(uint32(f[2*i+1]) + uint32(subtractOnce(uint32(reduce(a0*b1))+uint32(reduce(a1*b0)))))
	}
}

// uniform is SampleNTT, algorithm 7, of the public seed rho ‖ row ‖ column.
func uniform(rho []byte, row, column byte) (f ring) {
	h := sha3.NewSHAKE128()
	h.Write(rho)
	h.Write([]byte{row, column})
	var buf [168]byte // one block
	for n := 0; ; {
		h.Read(buf[:])
		for b := buf[:]; len(b) >= 3; b = b[3:] {
			d1 := uint16(b[0]) | uint16(b[1]&0x0f)<<8
			d2 := uint16(b[1])>>4 | uint16(b[2])<<4
			for _, d := range [2]uint16{d1, d2} {
				if d < q {
					f[n] = d
					if n++; n == len(f) {
						return f
					}
				}
			}
		}
	}
}

// noise is SamplePolyCBD, algorithm 8, with eta 2, of PRF(r, n) = SHAKE256(r ‖ n).
func noise(r *[32]byte, n byte) (f ring) {
	h := sha3.NewSHAKE256()
	h.Write(r[:])
	h.Write([]byte{n})
	var buf [128]byte
	h.Read(buf[:])
	for i, b := range buf {
		for half := range 2 {
			bits := uint32(b) >> (4 * half)
			x := bits&1 + bits>>1&1
			y := bits>>2&1 + bits>>3&1
			f[2*i+half] = subtractOnce(x + q - y)
		}
	}
	return f
}

func noiseVector(r *[32]byte, first byte) (v [3]ring) {
	for i := range v {
		v[i] = noise(r, first+byte(i))
	}
	return v
}

// decode12 is ByteDecode, algorithm 6, of the first 384 bytes; they were checked to be below q.
func decode12(b []byte) (f ring) {
	for i := range 128 {
		b := b[3*i : 3*i+3]
		f[2*i] = uint16(b[0]) | uint16(b[1]&0x0f)<<8
		f[2*i+1] = uint16(b[1])>>4 | uint16(b[2])<<4
	}
	return f
}

// decompress1 is Decompress of 32 bytes to 0 or round(q/2), in constant time.
func decompress1(m *[32]byte) (f ring) {
	for i := range f {
		bit := uint16(m[i/8]) >> (i % 8) & 1
		f[i] = -bit & ((q + 1) / 2)
	}
	return f
}

// compress is Compress (FIPS 203, formula 4.7): round(2^d·x/q) mod 2^d, by multiplication and not by division.
func compress(x uint16, d uint) uint16 {
	n := uint64(x)<<d + q/2
	return uint16(n*2580335>>33) & (1<<d - 1) // floor(n/q), exact for n < 2^22: 2580335 = ceil(2^33/q)
}

// appendCompressed10 appends Compress and ByteEncode to 10 bits.
func (f *ring) appendCompressed10(b []byte) []byte {
	for i := 0; i < len(f); i += 4 {
		var x uint64
		for j := range 4 {
			x |= uint64(compress(f[i+j], 10)) << (10 * j)
		}
		b = append(b, byte(x), byte(x>>8), byte(x>>16), byte(x>>24), byte(x>>32))
	}
	return b
}

// appendCompressed4 appends Compress and ByteEncode to 4 bits.
func (f *ring) appendCompressed4(b []byte) []byte {
	for i := 0; i < len(f); i += 2 {
		b = append(b, byte(compress(f[i], 4)|compress(f[i+1], 4)<<4))
	}
	return b
}
