package spqr

import (
	"crypto/mlkem"
	"testing"

	"github.com/linnetmesh/linnet/crypto/internal/kdf"
)

// BenchmarkSendOneWay sends without ever getting an answer: the header's chunks, over and over.
func BenchmarkSendOneWay(b *testing.B) {
	s := pair()[0].state
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if s, _, _, err = s.Send(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSendFloor is the one key derivation of a message.
func BenchmarkSendFloor(b *testing.B) {
	var key [32]byte
	var out [64]byte
	b.ReportAllocs()
	for b.Loop() {
		kdf.HKDF(out[:], nil, key[:], labelNext)
	}
}

// BenchmarkExchange is one message each way while epochs turn, with everything that an epoch takes.
func BenchmarkExchange(b *testing.B) {
	sides := pair()
	x, y := sides[0].state, sides[1].state
	b.ReportAllocs()
	for b.Loop() {
		next, out, _, err := x.Send()
		if err != nil {
			b.Fatal(err)
		}
		if y, _, err = y.Receive(out); err != nil {
			b.Fatal(err)
		}
		x, y = y, next
	}
}

// BenchmarkEpochFloor is the key encapsulation of one epoch, with crypto/mlkem.
func BenchmarkEpochFloor(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		dk, _ := mlkem.GenerateKey768()
		_, c := dk.EncapsulationKey().Encapsulate()
		_, _ = dk.Decapsulate(c)
	}
}

// BenchmarkEncapsulate is both halves of the incremental encapsulation.
func BenchmarkEncapsulate(b *testing.B) {
	dk, _ := mlkem.GenerateKey768()
	header, vector := split(dk.EncapsulationKey().Bytes())
	var coin [coinSize]byte
	b.ReportAllocs()
	for b.Loop() {
		encapsulate1(&header, &coin)
		encapsulate2(&header, &coin, vector)
	}
}

// BenchmarkEncapsulateFloor is the same with crypto/mlkem, which takes the key whole.
func BenchmarkEncapsulateFloor(b *testing.B) {
	dk, _ := mlkem.GenerateKey768()
	ek, _ := mlkem.NewEncapsulationKey768(dk.EncapsulationKey().Bytes())
	b.ReportAllocs()
	for b.Loop() {
		ek.Encapsulate()
	}
}

// BenchmarkRepairChunk is one chunk beyond the message, of the longest one.
func BenchmarkRepairChunk(b *testing.B) {
	e := encoder{message: make([]byte, vectorSize), next: maxChunks}
	b.ReportAllocs()
	for b.Loop() {
		e.chunk(e.next)
	}
}

// BenchmarkDecodeWorst decodes the longest message from repair chunks alone.
func BenchmarkDecodeWorst(b *testing.B) {
	e, d := encoder{message: make([]byte, vectorSize), next: maxChunks}, newDecoder(vectorSize)
	for range maxChunks {
		var index uint16
		var c [chunkSize]byte
		e, index, c = e.step()
		d, _ = d.add(index, c)
	}
	b.ReportAllocs()
	for b.Loop() {
		d.message()
	}
}
