package nodetest

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// wire looks at what travels on the deliver lane: no key is used for two messages, and nothing leaves before it is kept.
type wire struct {
	failed func(string, ...any)

	mu        sync.Mutex
	senders   map[identity.TransportKey]*vault.Vault // by the host that they dial from
	parts     map[uint64][]byte                      // of frames, by connection
	seen      map[envelope.Name]bool
	nonces    map[[20]byte]envelope.Name // by tag and nonce
	sessions  map[string][32]byte        // hash of what a message key encrypted, by sender, ratchet key and counter
	envelopes int                        // different ones
	again     int                        // that left before
	unkept    int                        // that were not in the outbox any more when they left
	restored  bool                       // a disk went back: its message keys may be used again
	reused    int                        // message keys
}

func newWire(failed func(string, ...any)) *wire {
	return &wire{
		failed: failed, senders: make(map[identity.TransportKey]*vault.Vault), parts: make(map[uint64][]byte),
		seen: make(map[envelope.Name]bool), nonces: make(map[[20]byte]envelope.Name), sessions: make(map[string][32]byte),
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
	if form != envelope.FormOpening {
		key := [20]byte(b[1:])
		if _, ok := w.nonces[key]; ok {
			w.failed("tag and nonce of envelope %x were used before", name[:4])
		}
		w.nonces[key] = name
	}
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
