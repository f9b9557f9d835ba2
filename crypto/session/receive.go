package session

import (
	"crypto/subtle"
	"errors"
	"slices"

	"github.com/linnetmesh/linnet/crypto/internal/skipped"
	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/pqxdh"
	"github.com/linnetmesh/linnet/crypto/ratchet"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Decrypt returns the Record after a SignalMessage of at most ratchet.MaxMessage bytes, and its plaintext. It tries
// the current session and then the archived ones; the one that opens the message becomes the current one. If none
// does, the error is that of the first that was tried, ratchet.ErrTooFar if it is too far ahead for each, or ErrNoSession
// if there is none.
func (r *Record) Decrypt(message []byte) (next *Record, plaintext []byte, failed error) {
	m, err := ratchet.ParseMessage(message)
	if err != nil {
		return nil, nil, err
	}
	addresses := addressesOf(r.remote.Address, r.local.Address)
	all := r.all()
	for _, i := range candidates(all, m) {
		c := all[i]
		state, plaintext, err := c.ratchet.Decrypt(m, addresses)
		switch {
		case err == nil:
			return r.promote(i, c.answered(state)), plaintext, nil
		case errors.Is(err, ratchet.ErrDuplicate):
			return nil, nil, err
		case failed == nil:
			failed = err
		}
	}
	switch {
	case failed != nil:
		return nil, nil, failed
	case r.current == nil:
		return nil, nil, ErrNoSession
	default:
		return nil, nil, ratchet.ErrTooFar
	}
}

// maxSteps is how many steps of chains are taken for a message that may be of any session. Two whole jumps of both ratchets:
// one message that opens nothing must not cost as much as forty.
const maxSteps = 4 * skipped.MaxJump

// candidates returns the numbers of the sessions that may open a message, in the order in which to try them: those that
// know its ratchet key, for it is of no other; then the current one and the archived ones, newest first, as long as
// the steps that they would take stay below maxSteps in all.
func candidates(all []*conversation, m *ratchet.Message) []int {
	var know, may []int
	left := maxSteps
	for i, c := range all {
		steps, known, err := c.ratchet.Steps(m)
		switch {
		case err != nil:
		case known:
			know = append(know, i)
		case steps <= left:
			left -= steps
			may = append(may, i)
		}
	}
	return append(know, may...)
}

// Keys are the private keys that a first message refers to. They are not looked at if the message is of a session
// that is known already, so those that are gone may be left zero.
type Keys struct {
	Identity xeddsa.PrivateKey

	// Each prekey comes with its id, which must be the one that the message names. PreKey must be zero if it names none.
	SignedPreKeyID, PreKeyID, KEMPreKeyID uint32
	SignedPreKey, PreKey                  xeddsa.PrivateKey
	KEMPreKey                             kyber.PrivateKey

	// LastResort remembers the uses of KEMPreKey, if that is a last-resort key; nil if it is deleted after its use.
	LastResort *Replays
}

// Accepted is what a PreKeySignalMessage brought.
type Accepted struct {
	Plaintext []byte
	// Opened says that the message opened a new session. Then the owner must, in the transaction that stores the next
	// Record, delete the one-time prekeys that it used, and add Replay where the last-resort key was used.
	Opened bool
	Replay Replay
}

// Accept returns the Record after a PreKeySignalMessage, and what it brought. The first such message of a session
// opens it and makes it the current one; the others need none of the keys.
func (r *Record) Accept(m *PreKeyMessage, keys *Keys) (*Record, Accepted, error) {
	if m.Identity != r.remote.Identity {
		return nil, Accepted{}, ErrUntrustedIdentity
	}
	all := r.all()
	i := slices.IndexFunc(all, func(c *conversation) bool {
		return subtle.ConstantTimeCompare(c.baseKey.Bytes(), m.BaseKey.Bytes()) == 1
	})
	a := Accepted{Opened: i < 0}
	var c *conversation
	if a.Opened {
		var err error
		if c, err = r.respond(m, keys); err != nil {
			return nil, Accepted{}, err
		}
		a.Replay = m.Replay()
	} else {
		c = all[i]
		if handshake := m.handshake(); subtle.ConstantTimeCompare(c.handshake[:], handshake[:]) != 1 {
			return nil, Accepted{}, ratchet.ErrDecrypt
		}
	}
	state, plaintext, err := c.ratchet.Decrypt(m.message, addressesOf(r.remote.Address, r.local.Address))
	if err != nil {
		return nil, Accepted{}, err
	}
	a.Plaintext = plaintext
	if c = c.answered(state); a.Opened {
		return r.with(c), a, nil
	}
	return r.promote(i, c), a, nil
}

// Knows tells whether a first message is of a session that is known already, so that Accept needs no keys.
func (r *Record) Knows(m *PreKeyMessage) bool {
	return slices.ContainsFunc(r.all(), func(c *conversation) bool { return c.baseKey == m.BaseKey })
}

// respond makes the session that a first message opens.
func (r *Record) respond(m *PreKeyMessage, k *Keys) (*conversation, error) {
	if k == nil || k.Identity.Public() != r.local.Identity || !k.match(m) {
		return nil, ErrNoKey
	}
	if k.LastResort != nil {
		if k.LastResort.Has(m.Replay()) {
			return nil, ErrReplayed
		}
		if k.LastResort.Len() >= MaxReplays {
			return nil, ErrReplaysFull
		}
	}
	responder := pqxdh.Responder{
		Identity: k.Identity, SignedPreKey: k.SignedPreKey, KEMPreKey: k.KEMPreKey, OneTimePreKey: k.PreKey,
	}
	secrets, err := responder.Respond(m.Identity, pqxdh.Opening{BaseKey: m.BaseKey, KEMCiphertext: m.kemCiphertext})
	if err != nil {
		return nil, err
	}
	state, err := ratchet.NewResponder(secrets, k.SignedPreKey, r.local.Identity, r.remote.Identity)
	if err != nil {
		return nil, err
	}
	return &conversation{baseKey: m.BaseKey, handshake: m.handshake(), ratchet: state}, nil
}

// match tells whether these are the prekeys that a message names.
func (k *Keys) match(m *PreKeyMessage) bool {
	if k.SignedPreKey.IsZero() || k.KEMPreKey.IsZero() || k.SignedPreKeyID != m.SignedPreKeyID || k.KEMPreKeyID != m.KEMPreKeyID {
		return false
	}
	return k.PreKey.IsZero() != m.HasPreKey && (!m.HasPreKey || k.PreKeyID == m.PreKeyID)
}
