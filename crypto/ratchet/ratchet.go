// Package ratchet is the Double Ratchet of the Signal Protocol, with the post-quantum ratchet mixed into every key
// (together: the Triple Ratchet).
//
//	SignalMessage = 0x44 ‖ pb{1 ratchet key (33)   2 counter   3 previous counter   4 ciphertext   5 SPQR message
//	                [6 addresses (36)]} ‖ MAC (8)
//
//	root step     root ‖ chain  = HKDF(salt = root, DH, "WhisperRatchet", 64)
//	chain step    seed = HMAC(chain, 0x01), chain = HMAC(chain, 0x02)
//	message keys  cipher (32) ‖ MAC (32) ‖ iv (16) = HKDF(salt = SPQR key, seed, "WhisperMessageKeys", 80)
//	ciphertext    AES-256-CBC with PKCS #7
//	MAC           HMAC(MAC key, sender's identity key ‖ recipient's ‖ version ‖ pb)[:8]
//
// A message with a new ratchet key of the other side turns the Diffie-Hellman ratchet; the five newest receiving
// chains are kept for messages that come late. Keys of messages that did not come are kept as seeds, since the SPQR
// key is known only with the message.
//
// Everything is a value: a call returns the next State and leaves its own untouched, also when it fails. A State may
// be read by several goroutines at once. The next State must be stored before the ciphertext leaves or the plaintext
// is shown: whoever goes back to an old State uses a key twice.
//
// It protects what was said before the state was stolen (used keys are gone), and what is said after both sides have
// sent again (classically) or an SPQR epoch has turned (against quantum computers too). The MAC is of shared keys and
// proves nothing to others. PROTOCOL.md has the whole.
//
// Sources: "The Double Ratchet Algorithm", sections 2.2 to 2.6, 3.3 to 3.5, 5.2 and 6.2 to 6.5 (numbers of revision 1), and
// "Triple Ratchet" (revision 4).
package ratchet

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/linnetmesh/linnet/crypto/internal/cbc"
	"github.com/linnetmesh/linnet/crypto/internal/entropy"
	"github.com/linnetmesh/linnet/crypto/internal/kdf"
	"github.com/linnetmesh/linnet/crypto/internal/skipped"
	"github.com/linnetmesh/linnet/crypto/pqxdh"
	"github.com/linnetmesh/linnet/crypto/spqr"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

const (
	labelRoot = "WhisperRatchet"
	labelKeys = "WhisperMessageKeys"

	maxReceivers = 5                  // receiving chains that are kept
	maxCounter   = math.MaxUint32 - 1 // of a message
)

var (
	// ErrMessage says that a message is malformed.
	ErrMessage = errors.New("ratchet: malformed message")
	// ErrLegacy says that a message is of a version that is no longer spoken.
	ErrLegacy = errors.New("ratchet: legacy version")
	// ErrVersion says that a message is of a version that is not known yet.
	ErrVersion = errors.New("ratchet: unknown version")
	// ErrDecrypt says that a message cannot be opened with this state.
	ErrDecrypt = errors.New("ratchet: cannot decrypt")
	// ErrDuplicate says that the key of a message was used or dropped. Nothing vouches for such a message: anybody who
	// saw a ratchet key can make one, so it proves neither that this message came before nor who sent it.
	ErrDuplicate = errors.New("ratchet: key is gone")
	// ErrTooFar says that a message is too far ahead of its chain.
	ErrTooFar = errors.New("ratchet: too far in the future")
	// ErrTooLarge says that a plaintext is larger than MaxPlaintext.
	ErrTooLarge = errors.New("ratchet: plaintext too large")
	// ErrExhausted says that a sending chain has no counter left.
	ErrExhausted = errors.New("ratchet: chain exhausted")
	// ErrKey says that a session cannot start from these keys.
	ErrKey = errors.New("ratchet: invalid key")
	// ErrState says that stored bytes are not a state of this version.
	ErrState = errors.New("ratchet: invalid state")
)

// State is one side's ratchets. The zero State is none: use NewInitiator, NewResponder or Parse.
type State struct {
	local, remote xeddsa.PublicKey // identity keys

	root      [32]byte
	ours      xeddsa.PrivateKey // our ratchet key
	send      kdf.Chain
	previous  uint32     // counter of our last message under the ratchet key before, or 0
	receivers []receiver // oldest first, at most maxReceivers; what it holds is never written to
	pq        *spqr.State
	recorded  *entropy.Recorded // nil, except where a test replays a recording
}

// receiver is a receiving chain, for one ratchet key of the other side.
type receiver struct {
	theirs xeddsa.PublicKey
	chain  kdf.Chain
	late   skipped.Keys // seeds of messages that did not come yet
}

// NewInitiator returns the state of whoever opens a session: with the secrets of the handshake, a fresh ratchet key,
// and the signed prekey of the other side, which is its first ratchet key.
func NewInitiator(secrets pqxdh.Secrets, ours xeddsa.PrivateKey, theirs, local, remote xeddsa.PublicKey) (*State, error) {
	if local.IsZero() || remote.IsZero() {
		return nil, ErrKey
	}
	s := &State{local: local, remote: remote, ours: ours, pq: spqr.New(&secrets.PQ, true)}
	s.receivers = []receiver{{theirs: theirs, chain: kdf.Chain{Key: secrets.Chain}}}
	dh, err := ours.DH(theirs)
	if err != nil {
		return nil, ErrKey
	}
	s.root, s.send.Key = rootStep(&secrets.Root, &dh)
	return s, nil
}

// NewResponder returns the state of whoever a session was opened with: with the secrets of the handshake and its
// own signed prekey.
func NewResponder(secrets pqxdh.Secrets, ours xeddsa.PrivateKey, local, remote xeddsa.PublicKey) (*State, error) {
	if local.IsZero() || remote.IsZero() || ours.IsZero() {
		return nil, ErrKey
	}
	return &State{
		local: local, remote: remote, root: secrets.Root, ours: ours,
		send: kdf.Chain{Key: secrets.Chain}, pq: spqr.New(&secrets.PQ, false),
	}, nil
}

// Replaying returns the state with the randomness of a recording, for tests in this module.
func (s *State) Replaying(r *entropy.Recorded) *State {
	next := *s
	next.recorded, next.pq = r, s.pq.Replaying(r)
	return &next
}

// Format prints what this is, and nothing of its secrets, whatever the verb.
func (State) Format(f fmt.State, _ rune) { fmt.Fprint(f, "ratchet.State") }

// PQ returns the state of the post-quantum ratchet.
func (s *State) PQ() *spqr.State { return s.pq }

// Encrypt returns the state after one message, and the SignalMessage. The plaintext is at most MaxPlaintext bytes;
// addresses may be nil.
func (s *State) Encrypt(plaintext []byte, addresses *Addresses) (next *State, out []byte, err error) {
	if s.pq == nil {
		return nil, nil, ErrState
	}
	if len(plaintext) > MaxPlaintext {
		return nil, nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(plaintext))
	}
	if s.send.Index > maxCounter {
		return nil, nil, ErrExhausted
	}
	n := *s
	m := Message{ratchetKey: s.ours.Public(), counter: s.send.Index, previous: s.previous, addresses: addresses}
	var pqKey [32]byte
	if n.pq, m.pq, pqKey, err = s.pq.Send(); err != nil {
		return nil, nil, ErrExhausted
	}
	seed := n.send.Step(true)
	keys := deriveKeys(&seed, &pqKey)
	m.ciphertext = cbc.Encrypt(&keys.cipher, &keys.iv, plaintext)
	out = m.appendTo(make([]byte, 0, len(m.ciphertext)+200))
	mac := messageMAC(&keys.mac, s.local, s.remote, out)
	return &n, append(out, mac[:]...), nil
}

// Decrypt returns the state after a message, and its plaintext. If the message names addresses, they must be these;
// nil stands for addresses that nobody can name.
func (s *State) Decrypt(m *Message, addresses *Addresses) (next *State, plaintext []byte, err error) {
	if _, _, err := s.Steps(m); err != nil { // whatever is out of reach costs nothing
		return nil, nil, err
	}
	n := *s
	n.receivers = slices.Clone(s.receivers)
	var seed, pqKey [32]byte
	i := n.find(m.ratchetKey)
	if i >= 0 { // only this tells that a message of this session came before
		if seed, err = n.receivers[i].seed(m.counter); err != nil {
			return nil, nil, err
		}
	}
	if n.pq, pqKey, err = s.pq.Receive(m.pq); err != nil {
		return nil, nil, fromSPQR(err)
	}
	if i < 0 {
		r, err := n.follow(m.ratchetKey)
		if err != nil {
			return nil, nil, err
		}
		if seed, err = r.seed(m.counter); err != nil {
			return nil, nil, err
		}
	}
	keys := deriveKeys(&seed, &pqKey)
	if !checkMAC(&keys.mac, s.remote, s.local, m.body, m.mac) {
		return nil, nil, ErrDecrypt
	}
	if m.addresses != nil && (addresses == nil || *m.addresses != *addresses) {
		return nil, nil, ErrDecrypt
	}
	if plaintext, err = cbc.Decrypt(&keys.cipher, &keys.iv, m.ciphertext); err != nil {
		return nil, nil, ErrDecrypt
	}
	if i < 0 {
		if err := n.turn(m.ratchetKey); err != nil {
			return nil, nil, err
		}
	}
	return &n, plaintext, nil
}

// Steps returns how many steps of the chains of both ratchets Decrypt would take for a message, without taking any, and
// whether the message is of a receiving chain that is known. It fails where Decrypt would fail for the distance.
func (s *State) Steps(m *Message) (steps int, known bool, err error) {
	if s.pq == nil {
		return 0, false, ErrState
	}
	next, i := uint32(0), s.find(m.ratchetKey)
	if i >= 0 {
		next = s.receivers[i].chain.Index
	}
	ours, err := skipped.Steps(next, m.counter, skipped.MaxJump)
	if err != nil {
		return 0, false, ErrTooFar
	}
	theirs, err := s.pq.Steps(m.pq)
	if err != nil {
		return 0, false, fromSPQR(err)
	}
	return ours + theirs, i >= 0, nil
}

// find returns the place of the receiving chain of a ratchet key, or -1.
func (s *State) find(theirs xeddsa.PublicKey) int {
	return slices.IndexFunc(s.receivers, func(r receiver) bool { return r.theirs == theirs })
}

// fromSPQR returns the error of this package that stands for one of the post-quantum ratchet. Its ErrDuplicate is not
// ours: the message may be of another session, where the same epoch and index mean another key.
func fromSPQR(err error) error {
	switch {
	case errors.Is(err, spqr.ErrTooFar):
		return ErrTooFar
	case errors.Is(err, spqr.ErrVersion):
		return ErrVersion
	default:
		return ErrDecrypt
	}
}

// follow makes the receiving chain of a new ratchet key of the other side, the first half of a turn of the Diffie-Hellman
// ratchet. Like turn it writes to s, which must be a copy with receivers of its own.
func (s *State) follow(theirs xeddsa.PublicKey) (*receiver, error) {
	dh, err := s.ours.DH(theirs)
	if err != nil {
		return nil, ErrDecrypt
	}
	r := receiver{theirs: theirs}
	s.root, r.chain.Key = rootStep(&s.root, &dh)
	if s.receivers = append(s.receivers, r); len(s.receivers) > maxReceivers {
		s.receivers = slices.Delete(s.receivers, 0, len(s.receivers)-maxReceivers)
	}
	return &s.receivers[len(s.receivers)-1], nil
}

// turn draws a ratchet key of our own and makes its sending chain, the second half. It waits until the message has proved
// to be right.
func (s *State) turn(theirs xeddsa.PublicKey) error {
	s.ours = s.recorded.RatchetKey()
	dh, err := s.ours.DH(theirs)
	if err != nil {
		return ErrDecrypt
	}
	s.previous = max(s.send.Index, 1) - 1 // one less than the number of messages: so the official library counts
	s.send = kdf.Chain{}
	s.root, s.send.Key = rootStep(&s.root, &dh)
	return nil
}

// seed returns the seed of the message with the given counter, once.
func (r *receiver) seed(counter uint32) (seed [32]byte, err error) {
	seed, r.late, err = r.late.Key(r.chain.Index, counter, skipped.MaxJump, r.chain.Step)
	switch {
	case errors.Is(err, skipped.ErrTooFar):
		return seed, ErrTooFar
	case err != nil:
		return seed, ErrDuplicate
	}
	return seed, nil
}

func rootStep(root *[32]byte, dh *[32]byte) (nextRoot, chainKey [32]byte) {
	var out [64]byte
	kdf.HKDF(out[:], root[:], dh[:], labelRoot)
	return [32]byte(out[:32]), [32]byte(out[32:])
}

// messageKeys are the keys of one message.
type messageKeys struct {
	cipher, mac [32]byte
	iv          [16]byte
}

func deriveKeys(seed, pqKey *[32]byte) messageKeys {
	var out [80]byte
	kdf.HKDF(out[:], pqKey[:], seed[:], labelKeys)
	return messageKeys{[32]byte(out[:32]), [32]byte(out[32:64]), [16]byte(out[64:])}
}
