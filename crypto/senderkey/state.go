package senderkey

import (
	"bytes"

	"github.com/linnetmesh/linnet/crypto/internal/pb"
	"github.com/linnetmesh/linnet/crypto/internal/skipped"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// The stored forms:
//
//	Sender   = stateVersion ‖ pb{1 distribution (16)   2 chain id   3 next iteration   4 chain key (32)
//	           5 signing key (32, private)}
//	Receiver = stateVersion ‖ pb{1 distribution (16)   2 chains, newest first, each pb{1 chain id   2 next iteration
//	           3 chain key (32)   4 signing key (33)
//	           5 seeds of messages that did not come, each iteration (4, big endian) ‖ seed (32)}}
const stateVersion = 1

const (
	// MaxSender is the largest stored Sender in bytes.
	MaxSender = 128
	// MaxReceiver is the largest stored Receiver in bytes.
	MaxReceiver = maxStates*maxState + 16
	maxState    = skipped.Max*skipped.Size + 128
)

// AppendTo appends the stored form of the Sender: secrets, to be sealed by whoever stores them.
func (s *Sender) AppendTo(b []byte) []byte {
	b = append(b, stateVersion)
	b = pb.AppendBytes(b, 1, s.id[:])
	b = pb.AppendUint(b, 2, uint64(s.chainID))
	b = pb.AppendUint(b, 3, uint64(s.chain.Index))
	b = pb.AppendBytes(b, 4, s.chain.Key[:])
	return s.signing.AppendTo(pb.AppendHeader(b, 5, xeddsa.PrivateKeySize))
}

// ParseSender reads a stored Sender of at most MaxSender bytes. It refuses whatever AppendTo would not have written.
func ParseSender(b []byte) (*Sender, error) {
	if len(b) == 0 || len(b) > MaxSender || b[0] != stateVersion {
		return nil, ErrState
	}
	var s Sender
	r := pb.NewReader(b[1:], pb.Refuse)
	r.Fixed(1, s.id[:])
	s.chainID = r.Uint32(2)
	s.chain.Index = r.Uint32(3)
	r.Fixed(4, s.chain.Key[:])
	signing := r.Bytes(5, xeddsa.PrivateKeySize, xeddsa.PrivateKeySize)
	if r.Done() != nil {
		return nil, ErrState
	}
	var err error
	if s.signing, err = xeddsa.ParsePrivateKey(signing); err != nil || !bytes.Equal(s.signing.AppendTo(nil), signing) {
		return nil, ErrState
	}
	return &s, nil
}

// AppendTo appends the stored form of the Receiver: secrets, to be sealed by whoever stores them.
func (r *Receiver) AppendTo(b []byte) []byte {
	b = append(b, stateVersion)
	b = pb.AppendBytes(b, 1, r.id[:])
	for i := range r.states {
		b = pb.AppendMessage(b, 2, r.states[i].appendTo)
	}
	return b
}

func (s *state) appendTo(b []byte) []byte {
	b = pb.AppendUint(b, 1, uint64(s.chainID))
	b = pb.AppendUint(b, 2, uint64(s.chain.Index))
	b = pb.AppendBytes(b, 3, s.chain.Key[:])
	b = s.signingKey.AppendTo(pb.AppendHeader(b, 4, xeddsa.PublicKeySize))
	return s.late.AppendTo(pb.AppendHeader(b, 5, s.late.Size()))
}

// ParseReceiver reads a stored Receiver of at most MaxReceiver bytes. It refuses whatever AppendTo would not have
// written.
func ParseReceiver(b []byte) (*Receiver, error) {
	if len(b) == 0 || len(b) > MaxReceiver || b[0] != stateVersion {
		return nil, ErrState
	}
	var rec Receiver
	r := pb.NewReader(b[1:], pb.Refuse)
	r.Fixed(1, rec.id[:])
	for r.Has(2) && len(rec.states) < maxStates {
		s, ok := parseState(r.Bytes(2, 0, maxState))
		if !ok {
			return nil, ErrState
		}
		for _, other := range rec.states {
			if other.chainID == s.chainID {
				return nil, ErrState
			}
		}
		rec.states = append(rec.states, s)
	}
	if r.Done() != nil {
		return nil, ErrState
	}
	return &rec, nil
}

func parseState(b []byte) (s state, ok bool) {
	r := pb.NewReader(b, pb.Refuse)
	s.chainID = r.Uint32(1)
	s.chain.Index = r.Uint32(2)
	r.Fixed(3, s.chain.Key[:])
	key := r.Bytes(4, xeddsa.PublicKeySize, xeddsa.PublicKeySize)
	late := r.Bytes(5, 0, skipped.Max*skipped.Size)
	if r.Done() != nil {
		return s, false
	}
	var err error
	if s.signingKey, err = xeddsa.ParsePublicKey(key); err != nil {
		return s, false
	}
	s.late, ok = skipped.Parse(late, 0, s.chain.Index)
	return s, ok
}
