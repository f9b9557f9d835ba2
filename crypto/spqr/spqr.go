// Package spqr is the Sparse Post-Quantum Ratchet, the third ratchet of the Signal Protocol.
//
// Under the conversation runs an endless series of ML-KEM-768 exchanges, one per epoch, cut in chunks of 32 bytes so
// that each message carries one. Every exchange adds a fresh secret to a chain of keys, and every message key of the
// Double Ratchet is mixed with one of them. So whoever stole the state, or recorded everything and later builds a
// quantum computer, is locked out again once an exchange has gone through.
//
//	message   = version (1) ‖ epoch (varint, ≥ 1) ‖ index (varint, ≥ 1) ‖ kind (1) [ ‖ chunk (varint, ≤ 65535) ‖ data (32) ]
//	kind      0 None   1 Hdr, of 96 bytes   2 Ek, of 1152   3 EkCt1Ack, of 1152   4 Ct1Ack   5 Ct1, of 960   6 Ct2, of 160
//
// Any n chunks of a message of 32·n bytes give it back, so loss costs nothing but time. An epoch takes at least 44
// messages of the key's owner and answers in between. A message costs 4 bytes with nothing to carry, 37 to 52
// with a chunk.
//
// It is stricter than the official library in two points, both of which would let a message do without a key of
// this ratchet: a message of an unknown version is refused (there: ignored), and so is index 0 of the first epoch
// (there: no key). The official library sends neither.
//
// Everything is a value: a call returns the next State and leaves its own untouched, also when it fails. A State may
// be read by several goroutines at once. Secrecy rests on ML-KEM and the first secret, authenticity on the secrets so
// far. PROTOCOL.md has the whole.
//
// Sources: "The Double Ratchet Algorithm", revision 4, "Sparse Post-Quantum Ratchet" and "Triple Ratchet";
// "The ML-KEM Braid Protocol" (Signal, revision 1); FIPS 203.
package spqr

import (
	"errors"
	"fmt"

	"github.com/linnetmesh/linnet/crypto/internal/entropy"
	"github.com/linnetmesh/linnet/crypto/internal/skipped"
)

var (
	// ErrMessage says that a message is malformed.
	ErrMessage = errors.New("spqr: malformed message")
	// ErrVersion says that a message is of another version of this protocol.
	ErrVersion = errors.New("spqr: unknown version")
	// ErrEpoch says that a message is of an epoch that is over, or that cannot be yet.
	ErrEpoch = errors.New("spqr: epoch out of reach")
	// ErrAuthentication says that a key or ciphertext is not the other side's.
	ErrAuthentication = errors.New("spqr: authentication failed")
	// ErrTooFar says that a message is too far ahead of its chain.
	ErrTooFar = errors.New("spqr: too far in the future")
	// ErrDuplicate says that the key of a message was used or dropped.
	ErrDuplicate = errors.New("spqr: key is gone")
	// ErrExhausted says that a chain has no index left.
	ErrExhausted = errors.New("spqr: chain exhausted")
	// ErrState says that stored bytes are not a state of this version.
	ErrState = errors.New("spqr: invalid state")
)

// State is one side's ratchet. The zero State is none: use New or Parse.
type State struct {
	exchange exchange
	chains   chains
	recorded *entropy.Recorded // nil, except where a test replays a recording
}

// New returns the ratchet at its beginning. Both sides give the same secret; initiator is who opened the session.
func New(secret *[32]byte, initiator bool) *State {
	return &State{exchange: startExchange(secret, initiator), chains: startChains(secret, initiator)}
}

// Replaying returns the ratchet with the randomness of a recording, for tests in this module.
func (s *State) Replaying(r *entropy.Recorded) *State {
	next := *s
	next.recorded = r
	return &next
}

// Format prints what this is, and nothing of its secrets, whatever the verb.
func (State) Format(f fmt.State, _ rune) { fmt.Fprint(f, "spqr.State") }

// Phase returns where the exchange stands.
func (s *State) Phase() Phase { return s.exchange.phase }

// Epoch returns the epoch of the exchange, from 1.
func (s *State) Epoch() uint64 { return s.exchange.epoch }

// ChainEpoch returns the newest epoch whose secret is in the chains, from 0.
func (s *State) ChainEpoch() uint64 {
	if len(s.chains.links) == 0 {
		return 0
	}
	return s.chains.links[len(s.chains.links)-1].epoch
}

// Steps returns how many keys of the chain Receive would have to make for what came with a message, without making any.
// It fails where Receive would fail for the epoch or for the distance.
func (s *State) Steps(in []byte) (int, error) {
	m, err := parseMessage(in)
	if err != nil {
		return 0, err
	}
	i := s.chains.at(m.epoch - 1)
	if i < 0 {
		return 0, ErrEpoch
	}
	n, err := skipped.Steps(s.chains.links[i].recv.index+1, m.index, maxJump)
	if err != nil {
		return 0, fromSkipped(err)
	}
	return n, nil
}

// Send returns the ratchet after one message, what to send with it (at most 52 bytes), and the message's key. It
// fails with ErrExhausted after 2^32-2 messages of one epoch, and with ErrEpoch for the zero State.
func (s *State) Send() (next *State, out []byte, key [32]byte, err error) {
	n := *s
	var m message
	var secret *[32]byte
	n.exchange, m, secret = s.exchange.send(s.recorded)
	if secret != nil {
		n.chains.addEpoch(m.epoch, secret)
	}
	if m.index, key, err = n.chains.sendKey(m.epoch - 1); err != nil {
		return nil, nil, key, err
	}
	return &n, m.appendTo(make([]byte, 0, 52)), key, nil
}

// Receive returns the ratchet after what came with one message, at most MaxMessage bytes, and the message's key. The
// caller must not keep the next state unless the message's MAC proves to be right.
func (s *State) Receive(in []byte) (next *State, key [32]byte, err error) {
	m, err := parseMessage(in)
	if err != nil {
		return nil, key, err
	}
	n := *s
	var secret *[32]byte
	if n.exchange, secret, err = s.exchange.receive(&m, s.recorded); err != nil {
		return nil, key, err
	}
	if secret != nil {
		n.chains.addEpoch(m.epoch, secret)
	}
	if key, err = n.chains.recvKey(m.epoch-1, m.index); err != nil {
		return nil, key, err
	}
	return &n, key, nil
}

// fromSkipped returns the error of this package that stands for one of the skipped keys.
func fromSkipped(err error) error {
	if errors.Is(err, skipped.ErrTooFar) {
		return ErrTooFar
	}
	return ErrDuplicate
}
