package session

import (
	"bytes"
	"math"

	"github.com/linnetmesh/linnet/crypto/internal/pb"
	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/ratchet"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// The stored form of a Record:
//
//	recordVersion ‖ pb{
//	   1 local identity key (33)   2 local address (18)   3 remote identity key (33)   4 remote address (18)
//	   [5 current session]   6 archived sessions, newest first }
//	session = pb{
//	   1 base key (33)   2 handshake hash (32)   3 ratchet state
//	   [4 opening, pb{1 time in ms   2 registration id   [3 one-time prekey id]   4 signed prekey id
//	      5 KEM prekey id   6 KEM ciphertext (1569)} ] }
const recordVersion = 1

const (
	// MaxRecord is the largest stored Record in bytes. One of a single session takes some 0.5 to 4 KiB.
	MaxRecord       = (1+MaxArchived)*maxConversation + 1024
	maxConversation = ratchet.MaxState + maxOpening + 256
)

// AppendTo appends the stored form of the Record: secrets, to be sealed by whoever stores them.
func (r *Record) AppendTo(b []byte) []byte {
	b = append(b, recordVersion)
	b = r.local.Identity.AppendTo(pb.AppendHeader(b, 1, xeddsa.PublicKeySize))
	b = pb.AppendBytes(b, 2, r.local.Address[:])
	b = r.remote.Identity.AppendTo(pb.AppendHeader(b, 3, xeddsa.PublicKeySize))
	b = pb.AppendBytes(b, 4, r.remote.Address[:])
	if r.current != nil {
		b = pb.AppendMessage(b, 5, r.current.appendTo)
	}
	for _, c := range r.archived {
		b = pb.AppendMessage(b, 6, c.appendTo)
	}
	return b
}

func (c *conversation) appendTo(b []byte) []byte {
	b = c.baseKey.AppendTo(pb.AppendHeader(b, 1, xeddsa.PublicKeySize))
	b = pb.AppendBytes(b, 2, c.handshake[:])
	b = pb.AppendMessage(b, 3, c.ratchet.AppendTo)
	if c.pending != nil {
		b = pb.AppendMessage(b, 4, c.pending.appendTo)
	}
	return b
}

func (p *pending) appendTo(b []byte) []byte {
	b = pb.AppendUint(b, 1, p.since)
	b = pb.AppendUint(b, 2, uint64(p.registrationID))
	if p.hasPreKey {
		b = pb.AppendUint(b, 3, uint64(p.preKeyID))
	}
	b = pb.AppendUint(b, 4, uint64(p.signedPreKeyID))
	b = pb.AppendUint(b, 5, uint64(p.kemPreKeyID))
	return pb.AppendBytes(b, 6, p.kemCiphertext)
}

// ParseRecord reads a stored Record of at most MaxRecord bytes. It refuses whatever AppendTo would not have written.
func ParseRecord(b []byte) (*Record, error) {
	if len(b) == 0 || len(b) > MaxRecord || b[0] != recordVersion {
		return nil, ErrState
	}
	var rec Record
	r := pb.NewReader(b[1:], pb.Refuse)
	rec.local = parseParty(r, 1)
	rec.remote = parseParty(r, 3)
	if r.Failed() {
		return nil, ErrState
	}
	if r.Has(5) {
		rec.current = rec.parse(r, 5)
	}
	for r.Has(6) && len(rec.archived) < MaxArchived {
		rec.archived = append(rec.archived, rec.parse(r, 6))
	}
	if r.Done() != nil || !rec.local.valid() || !rec.remote.valid() || rec.current == nil && len(rec.archived) > 0 {
		return nil, ErrState
	}
	known := make(map[xeddsa.PublicKey]bool)
	for _, c := range rec.all() {
		if known[c.baseKey] {
			return nil, ErrState
		}
		known[c.baseKey] = true
	}
	return &rec, nil
}

// parseParty reads fields n and n+1; r fails if that fails.
func parseParty(r *pb.Reader, n uint32) (p Party) {
	var err error
	if p.Identity, err = xeddsa.ParsePublicKey(r.Bytes(n, xeddsa.PublicKeySize, xeddsa.PublicKeySize)); err != nil {
		r.Fail()
	}
	r.Fixed(n+1, p.Address[:])
	return p
}

// parse reads field n, a conversation; r fails if that fails.
func (r *Record) parse(in *pb.Reader, n uint32) *conversation {
	body := pb.NewReader(in.Bytes(n, 0, maxConversation), pb.Refuse)
	var c conversation
	key := body.Bytes(1, xeddsa.PublicKeySize, xeddsa.PublicKeySize)
	body.Fixed(2, c.handshake[:])
	state := body.Bytes(3, 0, ratchet.MaxState)
	if body.Has(4) {
		c.pending = parsePending(body, 4)
	}
	if body.Done() != nil {
		in.Fail()
		return &c
	}
	var err1, err2 error
	c.baseKey, err1 = xeddsa.ParsePublicKey(key)
	c.ratchet, err2 = ratchet.Parse(state, r.local.Identity, r.remote.Identity)
	if err1 != nil || err2 != nil {
		in.Fail()
	}
	return &c
}

// parsePending reads field n; r fails if that fails.
func parsePending(r *pb.Reader, n uint32) *pending {
	in := pb.NewReader(r.Bytes(n, 0, maxOpening), pb.Refuse)
	var p pending
	p.since = in.Uint64(1)
	p.registrationID = in.Uint32(2)
	if p.hasPreKey = in.Has(3); p.hasPreKey {
		p.preKeyID = in.Uint32(3)
	}
	p.signedPreKeyID = in.Uint32(4)
	p.kemPreKeyID = in.Uint32(5)
	p.kemCiphertext = bytes.Clone(in.Bytes(6, kyber.CiphertextSize, kyber.CiphertextSize))
	if in.Done() != nil || p.since > math.MaxInt64 || kyber.CheckCiphertext(p.kemCiphertext) != nil {
		r.Fail()
	}
	return &p
}
