package spqr

import (
	"encoding/binary"
	"fmt"
	"math"
)

// version is the first byte of every message.
const version = 1

// MaxMessage is the largest message in bytes that is read. What is written takes at most 52; the rest is for what a
// later version may append.
const MaxMessage = 256

// kind says what a message carries of the exchange that turns under the conversation.
type kind byte

const (
	kindNone   kind = 0
	kindHdr    kind = 1 // a chunk of header ‖ MAC, 96 bytes
	kindVector kind = 2 // a chunk of the vector, 1152 bytes ("Ek")
	kindAck    kind = 3 // the same, and: the sender has the whole of ct1 ("EkCt1Ack")
	kindCt1Ack kind = 4
	kindCt1    kind = 5 // a chunk of ct1, 960 bytes
	kindCt2    kind = 6 // a chunk of ct2 ‖ MAC, 160 bytes
)

// hasChunk tells whether a message of this kind carries a chunk.
func (k kind) hasChunk() bool { return k != kindNone && k != kindCt1Ack }

// message is what travels in field 5 of a SignalMessage.
type message struct {
	epoch uint64 // of the exchange, ≥ 1
	index uint32 // of the message key, in the sending chain of epoch - 1; ≥ 1
	kind  kind
	chunk uint16 // index of the chunk
	data  [chunkSize]byte
}

func (m *message) appendTo(b []byte) []byte {
	b = append(b, version)
	b = binary.AppendUvarint(b, m.epoch)
	b = binary.AppendUvarint(b, uint64(m.index))
	b = append(b, byte(m.kind))
	if m.kind.hasChunk() {
		b = binary.AppendUvarint(b, uint64(m.chunk))
		b = append(b, m.data[:]...)
	}
	return b
}

// parseMessage reads a message and ignores what follows it, which a later version may use.
func parseMessage(b []byte) (message, error) {
	var m message
	if len(b) == 0 || len(b) > MaxMessage {
		return m, fmt.Errorf("%w: %d bytes", ErrMessage, len(b))
	}
	if b[0] != version {
		return m, fmt.Errorf("%w %d", ErrVersion, b[0])
	}
	r := reader{b: b[1:]}
	m.epoch = r.varint(math.MaxUint64)
	m.index = uint32(r.varint(maxIndex))
	m.kind = kind(r.byte())
	if m.kind > kindCt2 || m.epoch == 0 || m.index == 0 {
		r.bad = true
	}
	if m.kind.hasChunk() {
		m.chunk = uint16(r.varint(math.MaxUint16))
		copy(m.data[:], r.take(chunkSize))
	}
	if r.bad {
		return message{}, ErrMessage
	}
	return m, nil
}

// reader reads a message; the first error sticks.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) varint(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if r.bad || n <= 0 || v > most || n > 1 && r.b[n-1] == 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}
