// Package senderkey encrypts a group's messages once for all who read them: the Signal Protocol's sender keys.
//
// Each device that speaks in a group has a chain of keys and a signing key of its own. It tells both to every member
// through the sessions with their devices, and then encrypts each message once.
//
//	SenderKeyDistributionMessage = 0x33 ‖ pb{1 distribution (16)   2 chain id   3 iteration   4 chain key (32)
//	                               5 signing key (33)}
//	SenderKeyMessage = 0x33 ‖ pb{1 distribution (16)   2 chain id   3 iteration   4 ciphertext} ‖ signature (64)
//
//	chain step    seed = HMAC(chain key, 0x01), chain key = HMAC(chain key, 0x02)
//	message keys  iv (16) ‖ cipher (32) = HKDF(no salt, seed, "WhisperGroup", 48)
//	ciphertext    AES-256-CBC with PKCS #7
//	signature     XEdDSA by the signing key, of everything before it
//
// It protects what was said before a key was stolen. It does not heal: whoever steals a chain key reads on until the
// sender makes a new distribution, and so does a removed member, which is why a removal takes a new one from
// everybody. The chain is post-quantum where the sessions that carried it are; the signatures are classical. They
// prove a message to whoever has the signing key, which is known to the group alone and says nothing about a person.
//
// Everything is a value: a call returns the next Sender or Receiver and leaves its own untouched, also when it fails.
// Both may be read by several goroutines at once. The next value must be stored before the message leaves or is shown.
//
// Sources: "WhatsUpp with Sender Keys?" (Balbás, Collins, Gajland), section 3, for the construction; PROTOCOL.md for the
// bytes.
package senderkey

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/linnetmesh/linnet/crypto/internal/cbc"
	"github.com/linnetmesh/linnet/crypto/internal/kdf"
	"github.com/linnetmesh/linnet/crypto/internal/skipped"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

const (
	labelKeys = "WhisperGroup"

	maxStates    = 5                  // chains that a Receiver keeps
	maxIteration = math.MaxUint32 - 1 // of a message
)

var (
	// ErrMessage says that a message is malformed.
	ErrMessage = errors.New("senderkey: malformed message")
	// ErrLegacy says that a message is of a version that is no longer spoken.
	ErrLegacy = errors.New("senderkey: legacy version")
	// ErrVersion says that a message is of a version that is not known yet.
	ErrVersion = errors.New("senderkey: unknown version")
	// ErrNoKey says that the sender's distribution of this message did not come, or was replaced since.
	ErrNoKey = errors.New("senderkey: no such sender key")
	// ErrDistribution says that a distribution cannot be used by this Receiver: it has another name, or no key.
	ErrDistribution = errors.New("senderkey: other distribution")
	// ErrDecrypt says that a message is not the sender's.
	ErrDecrypt = errors.New("senderkey: cannot decrypt")
	// ErrDuplicate says that the key of a message was used or dropped, or was never given to us.
	ErrDuplicate = errors.New("senderkey: key is gone")
	// ErrTooFar says that a message is too far ahead of its chain.
	ErrTooFar = errors.New("senderkey: too far in the future")
	// ErrTooLarge says that a plaintext is larger than MaxPlaintext.
	ErrTooLarge = errors.New("senderkey: plaintext too large")
	// ErrExhausted says that a chain has no iteration left: a new distribution is needed.
	ErrExhausted = errors.New("senderkey: chain exhausted")
	// ErrState says that stored bytes are not a state of this version.
	ErrState = errors.New("senderkey: invalid state")
)

// Sender is one device's own chain in one distribution. The zero Sender is none: use NewSender or ParseSender.
type Sender struct {
	id      ID
	chainID uint32
	chain   kdf.Chain // its Index is the iteration
	signing xeddsa.PrivateKey
}

// NewSender returns a fresh chain for a distribution.
func NewSender(id ID) *Sender {
	s := &Sender{id: id, signing: xeddsa.GenerateKey()}
	var b [4]byte
	rand.Read(b[:])
	s.chainID = binary.BigEndian.Uint32(b[:]) >> 1 // 31 bits, as everybody's
	rand.Read(s.chain.Key[:])
	return s
}

// Format prints what this is, and nothing of its secrets, whatever the verb.
func (Sender) Format(f fmt.State, _ rune) { fmt.Fprint(f, "senderkey.Sender") }

// ID returns the name of the distribution.
func (s *Sender) ID() ID { return s.id }

// Sent returns how many messages were encrypted.
func (s *Sender) Sent() uint32 { return s.chain.Index }

// Distribution returns what lets somebody read the messages from the next one on.
func (s *Sender) Distribution() *Distribution {
	return &Distribution{s.id, s.chainID, s.chain.Index, s.chain.Key, s.signing.Public()}
}

// Encrypt returns the Sender after one message, and the SenderKeyMessage. The plaintext is at most MaxPlaintext bytes.
func (s *Sender) Encrypt(plaintext []byte) (next *Sender, out []byte, err error) {
	if len(plaintext) > MaxPlaintext {
		return nil, nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(plaintext))
	}
	if s.chain.Index > maxIteration {
		return nil, nil, ErrExhausted
	}
	n := *s
	m := Message{ID: s.id, ChainID: s.chainID, Iteration: s.chain.Index}
	seed := n.chain.Step(true)
	iv, key := deriveKeys(&seed)
	m.ciphertext = cbc.Encrypt(&key, &iv, plaintext)
	out = m.appendTo(make([]byte, 0, len(m.ciphertext)+128))
	signature, err := s.signing.Sign(out)
	if err != nil {
		return nil, nil, ErrState
	}
	return &n, append(out, signature[:]...), nil
}

// Receiver is what one device knows of another device's chains in one distribution. The zero Receiver knows none, and
// of every distribution.
type Receiver struct {
	id     ID      // of all states
	states []state // newest first, at most maxStates; what it holds is never written to
}

// state is one chain of the sender.
type state struct {
	chainID    uint32
	chain      kdf.Chain
	signingKey xeddsa.PublicKey
	late       skipped.Keys // seeds of messages that did not come yet
}

// Format prints what this is, and nothing of its secrets, whatever the verb.
func (Receiver) Format(f fmt.State, _ rune) { fmt.Fprint(f, "senderkey.Receiver") }

// Add returns the Receiver after a distribution, which must have come through a session with the sender. A chain
// that is known already is kept where it stands; one with the same id and another signing key is replaced. The five
// newest are kept. A distribution of another name than the ones before takes another Receiver:
// it returns ErrDistribution.
func (r *Receiver) Add(d *Distribution) (*Receiver, error) {
	if d.signingKey.IsZero() || len(r.states) > 0 && r.id != d.id {
		return nil, ErrDistribution
	}
	fresh := state{chainID: d.chainID, chain: kdf.Chain{Key: d.chainKey, Index: d.iteration}, signingKey: d.signingKey}
	states := make([]state, 1, maxStates)
	for _, s := range r.states {
		switch {
		case s.chainID != d.chainID:
			states = append(states, s)
		case s.signingKey == d.signingKey:
			fresh = s
		}
	}
	states[0] = fresh
	return &Receiver{d.id, states[:min(len(states), maxStates)]}, nil
}

// Decrypt returns the Receiver after a message, and its plaintext. The signature is checked before anything else.
func (r *Receiver) Decrypt(m *Message) (next *Receiver, plaintext []byte, err error) {
	i := slices.IndexFunc(r.states, func(s state) bool { return s.chainID == m.ChainID })
	if i < 0 || r.id != m.ID {
		return nil, nil, ErrNoKey
	}
	s := r.states[i] // a copy
	if s.signingKey.Verify(m.body, m.signature) != nil {
		return nil, nil, ErrDecrypt
	}
	seed, err := s.seed(m.Iteration)
	if err != nil {
		return nil, nil, err
	}
	iv, key := deriveKeys(&seed)
	if plaintext, err = cbc.Decrypt(&key, &iv, m.ciphertext); err != nil {
		return nil, nil, ErrDecrypt
	}
	states := slices.Clone(r.states)
	states[i] = s
	return &Receiver{r.id, states}, plaintext, nil
}

// seed returns the seed of a message, once.
func (s *state) seed(iteration uint32) (seed [32]byte, err error) {
	seed, s.late, err = s.late.Key(s.chain.Index, iteration, skipped.MaxJump, s.chain.Step)
	switch {
	case errors.Is(err, skipped.ErrTooFar):
		return seed, ErrTooFar
	case err != nil:
		return seed, ErrDuplicate
	}
	return seed, nil
}

func deriveKeys(seed *[32]byte) (iv [16]byte, key [32]byte) {
	var out [48]byte
	kdf.HKDF(out[:], nil, seed[:], labelKeys)
	return [16]byte(out[:16]), [32]byte(out[16:])
}
