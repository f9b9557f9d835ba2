package spqr

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/linnetmesh/linnet/crypto/internal/pb"
	"github.com/linnetmesh/linnet/crypto/internal/skipped"
)

// The stored form of a State:
//
//	stateVersion ‖ pb{
//	   1 initiator (0, 1)   2 phase   3 epoch   4 authenticator root (32)   5 authenticator MAC key (32)
//	   6 seed (64)   7 coin (32)   8 header (64)   9 vector (1152)   10 ct1 (960)
//	   11 message being sent   12 its next chunk   13 chunks received, each index (2, big endian) ‖ data (32)
//	   14 chain root (32)   15 epoch of the last message sent
//	   16 links, each pb{1 epoch   2 sending index   3 sending key (32)   4 receiving index   5 receiving key (32)
//	      6 skipped keys, each index (4, big endian) ‖ key (32)} }
//
// Fields 6 to 13 are there exactly where layout says so, and link field 3 exactly where the key is not erased.
const stateVersion = 1

// MaxState is the largest stored State in bytes.
const MaxState = 256 << 10

const pointSize = 2 + chunkSize

// layout says what a phase holds: parts of the exchange, and the sizes of the messages being sent and received.
var layout = [...]struct {
	seed, coin, header, vector, ct1 bool
	out, in                         int
}{
	KeysUnsampled:        {},
	KeysSampled:          {seed: true, out: hdrMessageSize},
	HeaderSent:           {seed: true, out: vectorSize, in: ct1Size},
	Ct1Received:          {seed: true, ct1: true, out: vectorSize},
	EkSentCt1Received:    {seed: true, ct1: true, in: ct2MessageSize},
	NoHeaderReceived:     {in: hdrMessageSize},
	HeaderReceived:       {header: true, in: vectorSize},
	Ct1Sampled:           {coin: true, header: true, out: ct1Size, in: vectorSize},
	EkReceivedCt1Sampled: {coin: true, header: true, vector: true, out: ct1Size},
	Ct1Acknowledged:      {coin: true, header: true, in: vectorSize},
	Ct2Sampled:           {out: ct2MessageSize},
}

// AppendTo appends the stored form of the state: secrets, to be sealed by whoever stores them.
func (s *State) AppendTo(b []byte) []byte {
	x, c := &s.exchange, &s.chains
	has := layout[x.phase]
	b = append(b, stateVersion)
	b = pb.AppendBool(b, 1, c.initiator)
	b = pb.AppendUint(b, 2, uint64(x.phase))
	b = pb.AppendUint(b, 3, x.epoch)
	b = pb.AppendBytes(b, 4, x.auth.root[:])
	b = pb.AppendBytes(b, 5, x.auth.mac[:])
	if has.seed {
		b = pb.AppendBytes(b, 6, x.seed[:])
	}
	if has.coin {
		b = pb.AppendBytes(b, 7, x.coin[:])
	}
	if has.header {
		b = pb.AppendBytes(b, 8, x.header[:])
	}
	if has.vector {
		b = pb.AppendBytes(b, 9, x.vector)
	}
	if has.ct1 {
		b = pb.AppendBytes(b, 10, x.ct1)
	}
	if has.out > 0 {
		b = pb.AppendBytes(b, 11, x.out.message)
		b = pb.AppendUint(b, 12, uint64(x.out.next))
	}
	if has.in > 0 {
		b = pb.AppendHeader(b, 13, len(x.in.points)*pointSize)
		for i := range x.in.points {
			b = binary.BigEndian.AppendUint16(b, x.in.points[i].index)
			b = append(b, x.in.points[i].chunk[:]...)
		}
	}
	b = pb.AppendBytes(b, 14, c.root[:])
	b = pb.AppendUint(b, 15, c.sendEpoch)
	for i := range c.links {
		b = pb.AppendMessage(b, 16, func(b []byte) []byte { return c.links[i].appendTo(b, c.sendEpoch) })
	}
	return b
}

func (l *link) appendTo(b []byte, sendEpoch uint64) []byte {
	b = pb.AppendUint(b, 1, l.epoch)
	b = pb.AppendUint(b, 2, uint64(l.send.index))
	if l.epoch >= sendEpoch {
		b = pb.AppendBytes(b, 3, l.send.next[:])
	}
	b = pb.AppendUint(b, 4, uint64(l.recv.index))
	b = pb.AppendBytes(b, 5, l.recv.next[:])
	b = l.late.AppendTo(pb.AppendHeader(b, 6, l.late.Size()))
	return b
}

// Parse reads a stored State of at most MaxState bytes. It refuses whatever AppendTo would not have written.
func Parse(b []byte) (*State, error) {
	if len(b) == 0 || len(b) > MaxState || b[0] != stateVersion {
		return nil, ErrState
	}
	var s State
	x, c := &s.exchange, &s.chains
	r := pb.NewReader(b[1:], pb.Refuse)
	c.initiator = r.Bool(1)
	phase := r.Uint32(2)
	if phase >= uint32(len(layout)) {
		return nil, ErrState
	}
	x.phase = Phase(phase)
	has := layout[x.phase]
	x.epoch = r.Uint64(3)
	r.Fixed(4, x.auth.root[:])
	r.Fixed(5, x.auth.mac[:])
	if has.seed {
		r.Fixed(6, x.seed[:])
	}
	if has.coin {
		r.Fixed(7, x.coin[:])
	}
	if has.header {
		r.Fixed(8, x.header[:])
	}
	if has.vector {
		x.vector = slices.Clone(r.Bytes(9, vectorSize, vectorSize))
	}
	if has.ct1 {
		x.ct1 = slices.Clone(r.Bytes(10, ct1Size, ct1Size))
	}
	if has.out > 0 {
		x.out.message = slices.Clone(r.Bytes(11, has.out, has.out))
		next := r.Uint32(12)
		if next >= chunkMax {
			r.Fail()
		}
		x.out.next = uint16(next)
	}
	if has.in > 0 {
		x.in = newDecoder(has.in)
		points := r.Bytes(13, 0, (x.in.need-1)*pointSize)
		if !x.in.parse(points) {
			r.Fail()
		}
	}
	r.Fixed(14, c.root[:])
	c.sendEpoch = r.Uint64(15)
	for r.Has(16) && len(c.links) < maxLinks {
		var l link
		if !l.parse(r.Bytes(16, 0, MaxState), c.sendEpoch) {
			r.Fail()
		}
		c.links = append(c.links, l)
	}
	if r.Done() != nil || !s.consistent() {
		return nil, ErrState
	}
	return &s, nil
}

func (d *decoder) parse(b []byte) bool {
	for ; len(b) >= pointSize; b = b[pointSize:] {
		before := len(d.points)
		*d, _ = d.add(binary.BigEndian.Uint16(b), [chunkSize]byte(b[2:pointSize]))
		if len(d.points) == before {
			return false
		}
	}
	return len(b) == 0
}

func (l *link) parse(b []byte, sendEpoch uint64) bool {
	r := pb.NewReader(b, pb.Refuse)
	l.epoch = r.Uint64(1)
	l.send.index = r.Uint32(2)
	if l.epoch >= sendEpoch {
		r.Fixed(3, l.send.next[:])
	}
	l.recv.index = r.Uint32(4)
	r.Fixed(5, l.recv.next[:])
	late := r.Bytes(6, 0, skipped.Max*skipped.Size)
	if r.Done() != nil {
		return false
	}
	var ok bool
	l.late, ok = skipped.Parse(late, 1, l.recv.index+1)
	return ok && l.send.index <= maxIndex && l.recv.index <= maxIndex
}

// consistent tells whether the parts of a state can stand beside each other.
func (s *State) consistent() bool {
	x, c := &s.exchange, &s.chains
	if x.epoch == 0 || x.epoch > math.MaxInt64 || len(c.links) == 0 || x.phase.owns() != (c.initiator == (x.epoch%2 == 1)) {
		return false
	}
	newest := x.epoch - 1
	if x.phase.emitted() {
		newest = x.epoch
	}
	for i, l := range c.links {
		if l.epoch != newest-uint64(len(c.links)-1-i) {
			return false
		}
	}
	// The last message was sent in this epoch, or in the one before where nothing was sent in this one yet.
	behind := uint64(1)
	if x.phase == KeysUnsampled || x.phase == NoHeaderReceived || x.phase == HeaderReceived {
		behind = min(2, x.epoch)
	}
	if c.links[0].epoch > newest || c.sendEpoch >= x.epoch || x.epoch-c.sendEpoch > behind || c.at(c.sendEpoch) < 0 || c.at(c.sendEpoch) > 1 {
		return false
	}
	return !layout[x.phase].vector || checkKey(&x.header, x.vector)
}
