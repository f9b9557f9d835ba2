// Package session is the conversation of one device with one other device: the Signal Protocol's sessions, from the
// first message to somebody asleep until both have forgotten it.
//
//	PreKeySignalMessage = 0x44 ‖ pb{[1 one-time prekey id]   2 base key (33)   3 identity key (33)
//	                      4 SignalMessage   5 registration id   6 signed prekey id   7 KEM prekey id
//	                      8 KEM ciphertext (1569)}
//
// A Record holds what a device remembers of the sessions with one other device. It sends on the current one. The
// initiator puts the handshake (crypto/pqxdh) around every message until the first answer. If both open a session at
// once, each has two; a message that opens with an archived session makes it the current one, and so both come to
// use the same.
//
// Everything is a value: a call returns the next Record and leaves its own untouched, also when it fails. A Record
// may be read by several goroutines at once. The rule of use is: store the next Record, and in the same
// transaction what was sent or received with it, before anything leaves or is shown.
//
// Errors of crypto/ratchet and crypto/pqxdh pass through: ratchet.ErrDuplicate for a message that came before,
// ratchet.ErrTooFar, ErrVersion and ErrLegacy, ratchet.ErrDecrypt for everything that does not open,
// pqxdh.ErrSignature for a bundle with a bad signature.
//
// Sources: "The PQXDH Key Agreement Protocol", "The Double Ratchet Algorithm" and "The Sesame Algorithm" (Signal).
package session

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/pqxdh"
	"github.com/linnetmesh/linnet/crypto/ratchet"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

const (
	// MaxArchived is how many sessions are kept beside the current one.
	MaxArchived = 40
	// MaxUnanswered is how long a session may be used for sending without an answer.
	MaxUnanswered = 30 * 24 * time.Hour
)

var (
	// ErrMessage says that a message is malformed.
	ErrMessage = errors.New("session: malformed message")
	// ErrNoSession says that there is no session at all.
	ErrNoSession = errors.New("session: none")
	// ErrUnanswered says that the session was never answered and is older than MaxUnanswered, or was opened more than a day
	// in the future: a new bundle is needed.
	ErrUnanswered = errors.New("session: unanswered for too long")
	// ErrUntrustedIdentity says that a bundle or message is of another identity key than the Record.
	ErrUntrustedIdentity = errors.New("session: untrusted identity")
	// ErrParty says that a device lacks its identity key, or has an address that cannot be.
	ErrParty = errors.New("session: invalid party")
	// ErrNoKey says that a private key which the first message needs is gone, or was never set, or is another.
	ErrNoKey = errors.New("session: no such prekey")
	// ErrReplayed says that a first message used the last-resort key before.
	ErrReplayed = errors.New("session: first message was replayed")
	// ErrReplaysFull says that a last-resort key was used MaxReplays times and must be replaced.
	ErrReplaysFull = errors.New("session: last-resort key is worn out")
	// ErrState says that stored bytes are not a state of this version.
	ErrState = errors.New("session: invalid state")
)

// AddressSize is the size of an Address in bytes.
const AddressSize = ratchet.AddressesSize / 2

// Address names a device in the messages that open a session: kind (0) ‖ UUID (16) ‖ device (1..127). A message that
// names other addresses than the receiver expects does not open. The zero Address stands for a name that has no
// such form: such a device names none, and refuses messages that do.
type Address [AddressSize]byte

// NewAddress returns the address of a device of the account with the given UUID.
func NewAddress(uuid [16]byte, device uint8) (a Address) {
	copy(a[1:], uuid[:])
	a[AddressSize-1] = device
	return a
}

// Device returns the device's number.
func (a Address) Device() uint8 { return a[AddressSize-1] }

// IsZero tells whether a is the zero Address.
func (a Address) IsZero() bool { return a == Address{} }

// Party is one of the two devices of a session.
type Party struct {
	Identity xeddsa.PublicKey
	Address  Address
}

func (p *Party) valid() bool {
	device := p.Address.Device()
	return !p.Identity.IsZero() && (p.Address.IsZero() || p.Address[0] <= 1 && device >= 1 && device <= pqxdh.MaxDevice)
}

// Record is what a device remembers of its sessions with one other device. The zero Record is none: use New or
// ParseRecord.
type Record struct {
	local, remote Party
	current       *conversation   // nil if there is none
	archived      []*conversation // newest first, at most MaxArchived; what it holds is never written to
}

// conversation is one session. It is never written to.
type conversation struct {
	baseKey   xeddsa.PublicKey // of the handshake
	handshake [32]byte         // of the messages that open it; zero where we opened it
	ratchet   *ratchet.State
	pending   *pending // what goes around each message; nil once it was answered, or where the other side opened it
}

// pending is the beginning of a session that has no answer yet.
type pending struct {
	opening
	since uint64 // when it was opened, ms since 1970
}

// New returns a Record without a session. Both identity keys must be set, and the addresses zero or of a device 1..127.
func New(local, remote Party) (*Record, error) {
	if !local.valid() || !remote.valid() {
		return nil, ErrParty
	}
	return &Record{local: local, remote: remote}, nil
}

// Format prints what this is, and nothing of its secrets, whatever the verb.
func (Record) Format(f fmt.State, _ rune) { fmt.Fprint(f, "session.Record") }

// Remote returns the other device.
func (r *Record) Remote() Party { return r.remote }

// Usable tells whether Encrypt would find a session at this time.
func (r *Record) Usable(now time.Time) bool { return r.usable(now) == nil }

// Unanswered tells whether Encrypt would make a PreKeySignalMessage: this side opened the current session, and has no
// answer in it yet.
func (r *Record) Unanswered() bool { return r.current != nil && r.current.pending != nil }

func (r *Record) usable(now time.Time) error {
	if r.current == nil {
		return ErrNoSession
	}
	if p := r.current.pending; p != nil {
		// Nothing is known of the age of a session that was opened in the future: a clock was wrong.
		if age := now.Sub(time.UnixMilli(int64(p.since))); age > MaxUnanswered || age < -24*time.Hour {
			return ErrUnanswered
		}
	}
	return nil
}

// Initiate opens a session with the owner of a bundle, which becomes the current one. The bundle must be of the
// Record's other device; identity is the local private key.
func (r *Record) Initiate(identity xeddsa.PrivateKey, registrationID uint32, b *pqxdh.Bundle, now time.Time) (*Record, error) {
	if identity.Public() != r.local.Identity {
		return nil, ErrNoKey
	}
	if b == nil {
		return nil, pqxdh.ErrBundle
	}
	if b.Identity != r.remote.Identity {
		return nil, ErrUntrustedIdentity
	}
	if !r.remote.Address.IsZero() && r.remote.Address.Device() != b.Device {
		return nil, pqxdh.ErrBundle
	}
	secrets, o, err := pqxdh.Initiate(identity, b)
	if err != nil {
		return nil, err
	}
	state, err := ratchet.NewInitiator(secrets, xeddsa.GenerateKey(), b.SignedPreKey, r.local.Identity, r.remote.Identity)
	if err != nil {
		return nil, err
	}
	p := &pending{since: uint64(max(now.UnixMilli(), 0)), opening: opening{
		registrationID: registrationID,
		hasPreKey:      !b.OneTimePreKey.IsZero(),
		signedPreKeyID: b.SignedPreKeyID,
		kemPreKeyID:    b.KEMPreKeyID,
		kemCiphertext:  o.KEMCiphertext,
	}}
	if p.hasPreKey {
		p.preKeyID = b.OneTimePreKeyID
	}
	return r.with(&conversation{baseKey: o.BaseKey, ratchet: state, pending: p}), nil
}

// Trimmed returns the Record with at most so many archived sessions, the newest: the oldest are forgotten, and what comes in
// them does not open any more. It is for owners whose store has a limit of its own.
func (r *Record) Trimmed(archived int) *Record {
	if archived >= len(r.archived) {
		return r
	}
	n := *r
	n.archived = slices.Clip(r.archived[:max(archived, 0)])
	return &n
}

// Encrypt returns the Record after one message on the current session, and the message. The plaintext is at most
// MaxPlaintext bytes.
func (r *Record) Encrypt(plaintext []byte, now time.Time) (next *Record, kind Kind, out []byte, err error) {
	if err := r.usable(now); err != nil {
		return nil, 0, nil, err
	}
	c := *r.current
	var addresses *ratchet.Addresses
	if c.pending != nil {
		addresses = addressesOf(r.local.Address, r.remote.Address)
	}
	if c.ratchet, out, err = c.ratchet.Encrypt(plaintext, addresses); err != nil {
		return nil, 0, nil, err
	}
	n := *r
	n.current = &c
	if c.pending == nil {
		return &n, KindSignal, out, nil
	}
	out = appendPreKeyMessage(make([]byte, 0, len(out)+maxOpening), &c.pending.opening, c.baseKey, r.local.Identity, out)
	return &n, KindPreKey, out, nil
}

// answered returns the conversation after a message of the other side.
func (c *conversation) answered(state *ratchet.State) *conversation {
	n := *c
	n.ratchet, n.pending = state, nil
	return &n
}

// all returns the current conversation, if there is one, and the archived ones, newest first.
func (r *Record) all() []*conversation {
	if r.current == nil {
		return r.archived
	}
	return append([]*conversation{r.current}, r.archived...)
}

// with returns the Record with a new current conversation; the one before is archived.
func (r *Record) with(c *conversation) *Record {
	n := *r
	n.current, n.archived = c, r.all()
	n.archived = n.archived[:min(len(n.archived), MaxArchived)]
	return &n
}

// promote returns the Record with c as current conversation, in the place of number i of all.
func (r *Record) promote(i int, c *conversation) *Record {
	n := *r
	n.current = c
	if i > 0 || r.current == nil {
		others := slices.Clone(r.all())
		n.archived = slices.Delete(others, i, i+1)
	}
	return &n
}

// addressesOf returns what a message names, or nil if one of the two cannot be named.
func addressesOf(sender, recipient Address) *ratchet.Addresses {
	if sender.IsZero() || recipient.IsZero() {
		return nil
	}
	return (*ratchet.Addresses)(bytes.Join([][]byte{sender[:], recipient[:]}, nil))
}
