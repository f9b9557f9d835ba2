package spqr

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/rand"
	"testing"
)

// TestIncremental holds the two halves of the encapsulation to FIPS 203: the standard library's ciphertext and secret
// for the same key and coin, and its decapsulation.
func TestIncremental(t *testing.T) {
	for range 200 {
		dk, err := mlkem.GenerateKey768()
		if err != nil {
			t.Fatal(err)
		}
		var coin [coinSize]byte
		rand.Read(coin[:])
		header, vector := split(dk.EncapsulationKey().Bytes())
		if !checkKey(&header, vector) {
			t.Fatal("a good key is refused")
		}
		shared, ct1 := encapsulate1(&header, &coin)
		ct2 := encapsulate2(&header, &coin, vector)

		wantShared, want, err := mlkemtest.Encapsulate768(dk.EncapsulationKey(), coin[:])
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(shared[:], wantShared) || !bytes.Equal(append(ct1, ct2...), want) {
			t.Fatal("not the ciphertext of FIPS 203")
		}
	}
}

func TestCheckKeyRefuses(t *testing.T) {
	dk, err := mlkem.GenerateKey768()
	if err != nil {
		t.Fatal(err)
	}
	header, vector := split(dk.EncapsulationKey().Bytes())

	flipped := bytes.Clone(vector)
	flipped[100] ^= 1
	if checkKey(&header, flipped) {
		t.Error("a vector that the header does not name is accepted")
	}

	// A vector with a coefficient of 4095, and the header that names it.
	ek := append(bytes.Clone(vector), header[:32]...)
	ek[0], ek[1] = 0xff, ek[1]|0x0f
	header, vector = split(ek)
	if checkKey(&header, vector) {
		t.Error("a coefficient above the modulus is accepted")
	}
}

// TestReductions holds the multiplications that stand for divisions to the divisions, over their whole domain.
func TestReductions(t *testing.T) {
	for x := range uint32(1 << 24) {
		if got := reduce(x); got != uint16(x%q) {
			t.Fatalf("reduce(%d) = %d", x, got)
		}
	}
	for x := range uint16(q) {
		for _, d := range []uint{4, 10} {
			want := uint16((uint32(x)<<d+q/2)/q) & (1<<d - 1)
			if got := compress(x, d); got != want {
				t.Fatalf("compress(%d, %d) = %d, want %d", x, d, got, want)
			}
		}
	}
}
