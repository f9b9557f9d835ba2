package identity

import (
	"crypto/rand"
	"math/big"
)

// Numbers is a set of device numbers, 16 bytes: number n is bit n%8, counted from the least, of byte n/8. Bit 0 is never
// set, for no device has the number 0. It may be compared with ==. The zero value is the empty set.
type Numbers [(MaxNumber + 1) / 8]byte

// Has tells whether the set holds n. It holds no number above MaxNumber.
func (s Numbers) Has(n uint8) bool { return n <= MaxNumber && s[n/8]>>(n%8)&1 == 1 }

// List returns the numbers in rising order.
func (s Numbers) List() []uint8 {
	var list []uint8
	for n := range uint8(MaxNumber + 1) {
		if s.Has(n) {
			list = append(list, n)
		}
	}
	return list
}

// with returns the set with n, which is at most MaxNumber.
func (s Numbers) with(n uint8) Numbers {
	s[n/8] |= 1 << (n % 8)
	return s
}

// union returns what either set holds.
func (s Numbers) union(other Numbers) Numbers {
	for i := range s {
		s[i] |= other[i]
	}
	return s
}

// without returns what s holds and other does not.
func (s Numbers) without(other Numbers) Numbers {
	for i := range s {
		s[i] &^= other[i]
	}
	return s
}

// free returns a number in 1..MaxNumber that is not in the set, drawn at random: two stewards that are apart would both
// take the lowest, and one of the two devices would lose it. It returns ErrFull if there is none.
func (s Numbers) free() (uint8, error) {
	s = s.with(0)
	var left []uint8
	for n := range uint8(MaxNumber + 1) {
		if !s.Has(n) {
			left = append(left, n)
		}
	}
	if len(left) == 0 {
		return 0, ErrFull
	}
	i, err := rand.Int(rand.Reader, big.NewInt(int64(len(left))))
	if err != nil { // crypto/rand would rather crash
		panic("identity: " + err.Error())
	}
	return left[i.Int64()], nil
}
