package chat

import (
	"fmt"
	"math"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// SecretSize is the size of a Secret in bytes.
const SecretSize = 32

// Secret is what the initiator of a session drew for its envelopes, and repeats inside every first message. It does not
// print. The zero Secret stands for none.
type Secret [SecretSize]byte

// Format prints what this is, and nothing of the secret, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "chat.Secret") }

// Plaintext is what the ratchet encrypts for one device: the message, which is the same for all, and what is said to
// this device alone. Without a message it tells only how far each has come.
type Plaintext struct {
	Sequence uint64           `cbor:"1,keyasint"`           // of this sender device to this device: 1, 2, 3, … without a gap, below 2^63; 0: it does not count, and may be lost
	Seen     uint64           `cbor:"2,keyasint,omitempty"` // the highest sequence that came from the other device, 0 for none
	Secret   Secret           `cbor:"3,keyasint,omitempty"` // in first messages
	Copy     *Copy            `cbor:"4,keyasint,omitempty"` // in what goes to the sender's own devices
	Message  []byte           `cbor:"5,keyasint,omitempty" max:"55296"`
	Unknown  identity.Unknown `cbor:"-"`
}

// Copy tells the sender's other devices where a message went that they did not send themselves.
type Copy struct {
	Conversation ConversationID   `cbor:"1,keyasint"`
	Recipients   []Recipient      `cbor:"2,keyasint,omitempty" max:"64"` // none where a group's roster tells
	Unknown      identity.Unknown `cbor:"-"`
}

// Recipient is an account and the devices of it that a message was sealed for.
type Recipient struct {
	Account identity.Account `cbor:"1,keyasint"`
	Devices []byte           `cbor:"2,keyasint" max:"8"` // numbers, ascending, one at least
	Unknown identity.Unknown `cbor:"-"`
}

// AppendTo appends the plaintext, at most PlaintextSize bytes. The message is not read, so that it can be encoded once
// for all. The error is ErrMessage, identity.ErrSize or identity.ErrMalformed.
func (p *Plaintext) AppendTo(b []byte) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	body, err := identity.Marshal(p)
	if err != nil {
		return nil, err
	}
	if len(body) > PlaintextSize {
		return nil, identity.ErrSize
	}
	return append(b, body...), nil
}

// ParsePlaintext reads what AppendTo wrote. It does not read the message: a sequence counts, and bytes can be stored,
// also where ParseMessage refuses or needs a newer Linnet. The errors are those of AppendTo, and identity.ErrNewer.
func ParsePlaintext(b []byte) (*Plaintext, error) {
	p := new(Plaintext)
	if err := identity.Unmarshal(b, PlaintextSize, p); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Plaintext) check() error {
	if p.Sequence > math.MaxInt64 || p.Seen > math.MaxInt64 {
		return fmt.Errorf("%w: sequence", ErrMessage)
	}
	if p.Copy == nil {
		return nil
	}
	if p.Copy.Conversation.IsZero() || len(p.Message) == 0 {
		return fmt.Errorf("%w: copy of nothing", ErrMessage)
	}
	for _, r := range p.Copy.Recipients {
		if r.Account.IsZero() || !numbers(r.Devices) {
			return fmt.Errorf("%w: recipient", ErrMessage)
		}
	}
	return nil
}

// numbers tells whether these are device numbers, ascending, one at least.
func numbers(b []byte) bool {
	for i, n := range b {
		if n < 1 || n > identity.MaxNumber || i > 0 && n <= b[i-1] {
			return false
		}
	}
	return len(b) > 0
}

// ConversationOf returns the conversation that the message m of this plaintext belongs to, on a device of the account
// me, where from is the account whose session decrypted it. So nobody can speak in a conversation of two others: only
// our own devices name one, and their copies from anybody else are refused with ErrCopy. Whether from is a member of a
// group is for others to say.
func (p *Plaintext) ConversationOf(m *Message, from, me identity.Account) (ConversationID, error) {
	switch {
	case p.Copy != nil && from != me:
		return ConversationID{}, ErrCopy
	case p.Copy != nil && !m.Conversation.IsZero() && m.Conversation != p.Copy.Conversation:
		return ConversationID{}, fmt.Errorf("%w: copy of another conversation", ErrMessage)
	case p.Copy != nil:
		return p.Copy.Conversation, nil
	case !m.Conversation.IsZero():
		return m.Conversation, nil
	default:
		return Direct(from), nil
	}
}
