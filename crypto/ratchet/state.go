package ratchet

import (
	"bytes"

	"github.com/linnetmesh/linnet/crypto/internal/pb"
	"github.com/linnetmesh/linnet/crypto/internal/skipped"
	"github.com/linnetmesh/linnet/crypto/spqr"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// The stored form of a State:
//
//	stateVersion ‖ pb{
//	   1 root key (32)   2 our ratchet key (32, private)
//	   3 sending chain key (32)   4 its next counter   5 previous counter
//	   6 receiving chains, oldest first, each pb{1 ratchet key (33)   2 chain key (32)   3 next counter
//	      4 seeds of messages that did not come, each counter (4, big endian) ‖ seed (32)}
//	   7 state of the post-quantum ratchet }
//
// The identity keys are not part of it; whoever stores many states of one pair stores them once.
const stateVersion = 1

// MaxState is the largest stored State in bytes.
const MaxState = spqr.MaxState + maxReceivers*maxReceiver + 1024

// maxReceiver is the largest stored receiving chain in bytes.
const maxReceiver = skipped.Max*skipped.Size + 128

// AppendTo appends the stored form of the state: secrets, to be sealed by whoever stores them.
func (s *State) AppendTo(b []byte) []byte {
	b = append(b, stateVersion)
	b = pb.AppendBytes(b, 1, s.root[:])
	b = s.ours.AppendTo(pb.AppendHeader(b, 2, xeddsa.PrivateKeySize))
	b = pb.AppendBytes(b, 3, s.send.Key[:])
	b = pb.AppendUint(b, 4, uint64(s.send.Index))
	b = pb.AppendUint(b, 5, uint64(s.previous))
	for i := range s.receivers {
		b = pb.AppendMessage(b, 6, s.receivers[i].appendTo)
	}
	return pb.AppendMessage(b, 7, s.pq.AppendTo)
}

func (r *receiver) appendTo(b []byte) []byte {
	b = r.theirs.AppendTo(pb.AppendHeader(b, 1, xeddsa.PublicKeySize))
	b = pb.AppendBytes(b, 2, r.chain.Key[:])
	b = pb.AppendUint(b, 3, uint64(r.chain.Index))
	return r.late.AppendTo(pb.AppendHeader(b, 4, r.late.Size()))
}

// Parse reads a stored State of at most MaxState bytes, of the session between two identity keys. It refuses whatever
// AppendTo would not have written.
func Parse(b []byte, local, remote xeddsa.PublicKey) (*State, error) {
	if len(b) == 0 || len(b) > MaxState || b[0] != stateVersion || local.IsZero() || remote.IsZero() {
		return nil, ErrState
	}
	s := State{local: local, remote: remote}
	r := pb.NewReader(b[1:], pb.Refuse)
	r.Fixed(1, s.root[:])
	ours := r.Bytes(2, xeddsa.PrivateKeySize, xeddsa.PrivateKeySize)
	r.Fixed(3, s.send.Key[:])
	s.send.Index = r.Uint32(4)
	s.previous = r.Uint32(5)
	for r.Has(6) && len(s.receivers) < maxReceivers {
		s.receivers = append(s.receivers, parseReceiver(r, r.Bytes(6, 0, maxReceiver)))
	}
	pq := r.Bytes(7, 0, spqr.MaxState)
	if r.Done() != nil {
		return nil, ErrState
	}
	var err error
	if s.ours, err = xeddsa.ParsePrivateKey(ours); err != nil || !bytes.Equal(s.ours.AppendTo(nil), ours) {
		return nil, ErrState
	}
	if s.pq, err = spqr.Parse(pq); err != nil {
		return nil, ErrState
	}
	for i, a := range s.receivers {
		for _, b := range s.receivers[:i] {
			if a.theirs == b.theirs {
				return nil, ErrState
			}
		}
	}
	return &s, nil
}

// parseReceiver reads one receiving chain; r fails if that fails.
func parseReceiver(r *pb.Reader, b []byte) (c receiver) {
	in := pb.NewReader(b, pb.Refuse)
	key := in.Bytes(1, xeddsa.PublicKeySize, xeddsa.PublicKeySize)
	in.Fixed(2, c.chain.Key[:])
	c.chain.Index = in.Uint32(3)
	late := in.Bytes(4, 0, skipped.Max*skipped.Size)
	if in.Done() != nil {
		r.Fail()
		return c
	}
	var err error
	var ok bool
	c.theirs, err = xeddsa.ParsePublicKey(key)
	if c.late, ok = skipped.Parse(late, 0, c.chain.Index); err != nil || !ok {
		r.Fail()
	}
	return c
}
