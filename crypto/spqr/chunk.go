package spqr

import (
	"encoding/binary"
	"slices"
	"sync"
)

// The chunk code: a message of n chunks is cut so that any n of up to 65,536 different chunks give it back. Word i of
// the message (16 bits, big endian) is the value of polynomial i mod 16 at x = i div 16, over GF(2^16) with the
// polynomial x^16 + x^12 + x^3 + x + 1. So the first n chunks are the message itself, and the later ones are values of
// the same polynomials, of degree below n, at further points (a Reed-Solomon erasure code). Nothing here is secret.
const (
	chunkSize = 32 // 16 words
	chunkMax  = 1 << 16
)

// mul is the product in GF(2^16).
func mul(a, b uint16) uint16 {
	var p uint32
	for i := range 16 {
		p ^= uint32(a) << i & -(uint32(b) >> i & 1)
	}
	for range 4 { // each turn replaces the bits from 16 up by lower ones; after four none is left
		high := p >> 16
		p = p&0xffff ^ high ^ high<<1 ^ high<<3 ^ high<<12
	}
	return uint16(p)
}

// inverse is a^(2^16-2).
func inverse(a uint16) uint16 {
	r := uint16(1)
	for range 15 {
		a = mul(a, a)
		r = mul(r, a)
	}
	return r
}

// chunk is 16 words, four in each number, for all 16 polynomials at one x.
type chunk [4]uint64

func parseChunk(b []byte) (c chunk) {
	for i := range c {
		c[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return c
}

func (c *chunk) put(b []byte) {
	for i, w := range c {
		binary.BigEndian.PutUint64(b[8*i:], w)
	}
}

// combine returns the sum of the chunks, each multiplied by its weight: Horner's rule over the bits of the weights.
func combine(weights []uint16, chunks []chunk) (sum chunk) {
	for bit := 15; bit >= 0; bit-- {
		for i, w := range sum {
			high := w & 0x8000_8000_8000_8000
			sum[i] = (w^high)<<1 ^ high>>15*0x100b
		}
		for i, w := range weights {
			if w>>bit&1 == 1 {
				for j := range sum {
					sum[j] ^= chunks[i][j]
				}
			}
		}
	}
	return sum
}

// barycentric returns, for each of the points, 1 / product of its differences to all the others.
func barycentric(points []uint16) []uint16 {
	w := make([]uint16, len(points))
	for i, x := range points {
		p := uint16(1)
		for j, y := range points {
			if i != j {
				p = mul(p, x^y)
			}
		}
		w[i] = inverse(p)
	}
	return w
}

// lagrange returns the weights with which the values at the points add up to the value at x.
func lagrange(points, barycentric []uint16, x uint16) []uint16 {
	w := slices.Clone(barycentric)
	p := uint16(1) // the product of x's differences to the points before i, then to those after it
	for i, y := range points {
		w[i] = mul(w[i], p)
		p = mul(p, x^y)
	}
	p = 1
	for i, y := range slices.Backward(points) {
		w[i] = mul(w[i], p)
		p = mul(p, x^y)
	}
	return w
}

// basis holds the points 0..n-1 and their barycentric weights for one size of message, made when first needed.
type basis struct {
	once            sync.Once
	points, weights []uint16
}

var bases [maxChunks + 1]basis

// maxChunks is the number of chunks of the longest message, the vector.
const maxChunks = vectorSize / chunkSize

func basisOf(n int) *basis {
	b := &bases[n]
	b.once.Do(func() {
		for i := range n {
			b.points = append(b.points, uint16(i))
		}
		b.weights = barycentric(b.points)
	})
	return b
}

// encoder cuts one message. It is a value; message is never written to. The zero value is no encoder.
type encoder struct {
	message []byte // a multiple of chunkSize
	next    uint16 // index of the next chunk; it starts again after 65,535
}

// step returns the encoder after one chunk, with that chunk.
func (e encoder) step() (next encoder, index uint16, c [chunkSize]byte) {
	index = e.next
	e.next++
	return e, index, e.chunk(index)
}

func (e encoder) chunk(index uint16) (out [chunkSize]byte) {
	n := len(e.message) / chunkSize
	if int(index) < n {
		copy(out[:], e.message[chunkSize*int(index):])
		return out
	}
	var chunks [maxChunks]chunk
	for i := range n {
		chunks[i] = parseChunk(e.message[chunkSize*i:])
	}
	b := basisOf(n)
	sum := combine(lagrange(b.points, b.weights, index), chunks[:n])
	sum.put(out[:])
	return out
}

// decoder collects the chunks of one message. It is a value; what it holds is never written to.
type decoder struct {
	need   int     // chunks that give the message
	points []point // those that came, all different, at most need
}

type point struct {
	index uint16
	chunk [chunkSize]byte
}

func newDecoder(size int) decoder { return decoder{need: size / chunkSize} }

// add returns the decoder with one chunk more, and the message once there are enough. The first chunk of an index
// counts.
func (d decoder) add(index uint16, c [chunkSize]byte) (decoder, []byte) {
	if len(d.points) < d.need && !slices.ContainsFunc(d.points, func(p point) bool { return p.index == index }) {
		d.points = append(slices.Clip(d.points), point{index, c})
	}
	return d, d.message()
}

// message returns the message, or nil if there are not enough chunks.
func (d decoder) message() []byte {
	if len(d.points) < d.need {
		return nil
	}
	out := make([]byte, d.need*chunkSize)
	missing := make([]bool, d.need)
	for i := range missing {
		missing[i] = true
	}
	points, chunks := make([]uint16, d.need), make([]chunk, d.need)
	for i, p := range d.points {
		points[i], chunks[i] = p.index, parseChunk(p.chunk[:])
		if int(p.index) < d.need {
			copy(out[chunkSize*int(p.index):], p.chunk[:])
			missing[p.index] = false
		}
	}
	var weights []uint16
	for x, m := range missing {
		if !m {
			continue
		}
		if weights == nil {
			weights = barycentric(points)
		}
		sum := combine(lagrange(points, weights, uint16(x)), chunks)
		sum.put(out[chunkSize*x:])
	}
	return out
}
