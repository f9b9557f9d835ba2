package nodetest

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// wire looks at what travels on the deliver lane, and at what relays keep: no key is used for two messages, nothing leaves
// before it is kept, and no relay is said to keep what it never kept.
type wire struct {
	failed func(string, ...any)

	mu        sync.Mutex
	senders   map[identity.TransportKey]*vault.Vault // by the host that they dial from
	parts     map[uint64][]byte                      // of frames, by connection
	seen      map[envelope.Name]bool
	nonces    map[[20]byte]envelope.Name // by tag and nonce
	sessions  map[string][32]byte        // hash of what a message key encrypted, by sender, ratchet key and counter
	kept      map[custody]bool
	envelopes int  // different ones
	again     int  // that left before
	unkept    int  // that were not in the outbox any more when they left
	restored  bool // a disk went back: its message keys may be used again
	reused    int  // message keys
}

// custody is that a relay kept an envelope.
type custody struct {
	relay identity.TransportKey
	name  envelope.Name
}

func newWire(failed func(string, ...any)) *wire {
	return &wire{
		failed: failed, senders: make(map[identity.TransportKey]*vault.Vault), parts: make(map[uint64][]byte),
		seen: make(map[envelope.Name]bool), nonces: make(map[[20]byte]envelope.Name), sessions: make(map[string][32]byte),
		kept: make(map[custody]bool),
	}
}

// sender tells whose host dials.
func (w *wire) sender(p *Person) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.senders[p.Host.Key()] = p.Vault
}

func (w *wire) tap(e p2ptest.Event) {
	if e.Proto != DeliverLane || e.Reply || e.Replay {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Kind != p2ptest.Sent {
		delete(w.parts, e.Conn)
		return
	}
	b := append(w.parts[e.Conn], e.Data...)
	for {
		size, n := binary.Uvarint(b)
		if n <= 0 || uint64(len(b)-n) < size {
			break
		}
		w.envelope(e.From, b[n:n+int(size)])
		b = b[n+int(size):]
	}
	w.parts[e.Conn] = append([]byte(nil), b...)
}

// envelope looks at one. It is called with the lock.
func (w *wire) envelope(from identity.TransportKey, b []byte) {
	name := envelope.NameOf(b)
	if w.seen[name] {
		w.again++
		return
	}
	w.seen[name] = true
	w.envelopes++
	form, err := envelope.FormOf(b)
	if err != nil {
		w.failed("an envelope of no form left: %v", err)
		return
	}
	w.nonce(form, name, b)
	v := w.senders[from]
	if form == envelope.FormWeak || v == nil {
		return
	}
	message, err := keptSession(v, b)
	switch {
	case errors.Is(err, vault.ErrClosed):
	case err != nil:
		w.failed("reading the outbox: %v", err)
	case message == nil:
		w.unkept++
	default:
		w.session(form, message)
	}
}

// nonce looks whether an envelope has a tag and nonce of its own. It is called with the lock.
func (w *wire) nonce(form envelope.Form, name envelope.Name, b []byte) {
	if form == envelope.FormOpening {
		return
	}
	key := [20]byte(b[1:])
	if other, ok := w.nonces[key]; ok && other != name {
		w.failed("envelopes %x and %x have one tag and nonce", other[:4], name[:4])
	}
	w.nonces[key] = name
}

// left is told what a relay keeps.
func (w *wire) left(relay identity.TransportKey, d mailbox.Deposit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	form, err := envelope.FormOf(d.Bytes)
	if err != nil || form == envelope.FormWeak {
		w.failed("a relay keeps an envelope of form %v: %v", form, err)
		return
	}
	w.nonce(form, envelope.Name(d.Name), d.Bytes)
	w.kept[custody{relay, envelope.Name(d.Name)}] = true
}

// honest checks that each relay that an outbox names as a keeper kept just that envelope. It returns how many it names. An
// error is of a vault that was closed meanwhile.
func (w *wire) honest(v *vault.Vault) (keepers int, err error) {
	err = v.Each(vault.Outbox, nil, func(_, value []byte) error {
		var p keptPost
		if err := identity.Unmarshal(value, 256<<10, &p); err != nil {
			return err
		}
		state, err := chat.ParseDelivery(p.Delivery)
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, k := range state.Keepers {
			keepers++
			if name := envelope.NameOf(p.Envelope); !w.kept[custody{k.Relay, name}] {
				w.failed("relay %x is said to keep envelope %x, and never did", k.Relay[:4], name[:4])
			}
		}
		return nil
	})
	return keepers, err
}

// session looks at which message key encrypted what.
func (w *wire) session(form envelope.Form, message []byte) {
	whole := message
	if form == envelope.FormOpening {
		message = fields(message[1:])[4]
	}
	if len(message) < 9 {
		w.failed("a session message of %d bytes", len(message))
		return
	}
	f := fields(message[1 : len(message)-8])
	counter := f[2]
	key := fmt.Sprintf("%x %x", f[1], counter)
	hash := sha256.Sum256(message)
	if old, ok := w.sessions[key]; ok && old != hash {
		if w.reused++; w.restored {
			return
		}
		w.failed("a message key was used twice (%s, %d bytes)", key, len(whole))
	}
	w.sessions[key] = hash
}

// fields returns the last of each field of a protobuf: what it holds, or its varint.
func fields(b []byte) map[uint64][]byte {
	out := make(map[uint64][]byte)
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return out
		}
		b = b[n:]
		value, n := binary.Uvarint(b)
		if n <= 0 {
			return out
		}
		switch tag & 7 {
		case 0:
			out[tag>>3] = b[:n]
			b = b[n:]
		case 2:
			if value > uint64(len(b)-n) {
				return out
			}
			out[tag>>3] = b[n : n+int(value)]
			b = b[n+int(value):]
		default:
			return out
		}
	}
	return out
}

// keptPost is what of a post in the outbox matters here.
type keptPost struct {
	Session  []byte           `cbor:"9,keyasint,omitempty" max:"66560"`
	Envelope []byte           `cbor:"10,keyasint,omitempty" max:"65536"`
	Delivery []byte           `cbor:"14,keyasint,omitempty" max:"1024"`
	Unknown  identity.Unknown `cbor:"-"`
}

var errFound = errors.New("found")

// keptSession returns the session message of an envelope that lies in an outbox, nil if there is none.
func keptSession(v *vault.Vault, b []byte) (message []byte, err error) {
	err = v.Each(vault.Outbox, nil, func(_, value []byte) error {
		var p keptPost
		if err := identity.Unmarshal(value, 256<<10, &p); err != nil {
			return err
		}
		if string(p.Envelope) != string(b) {
			return nil
		}
		message = p.Session
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return message, err
}
