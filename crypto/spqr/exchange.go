package spqr

import (
	"crypto/hmac"
	"crypto/mlkem"

	"github.com/linnetmesh/linnet/crypto/internal/entropy"
)

// The sizes of the two messages that carry a MAC.
const (
	hdrMessageSize = headerSize + macSize
	ct2MessageSize = ct2Size + macSize
)

// Phase is where a device stands in the exchange of an epoch. One side owns the key pair, the other encapsulates, and
// the roles change with each epoch; the initiator of the session owns the odd ones.
//
//	owner                                     encapsulator
//	KeysUnsampled
//	  │ send: draw keys                       NoHeaderReceived ◄──────────────┐
//	KeysSampled          ── Hdr ──►             │ header complete, MAC right   │
//	  │                                       HeaderReceived                   │
//	  │                                         │ send: encapsulate, emit      │
//	  │ first Ct1        ◄── Ct1 ──           Ct1Sampled                       │
//	HeaderSent           ── Ek ──►              │ vector complete              │
//	  │ ct1 complete                            ├──────► EkReceivedCt1Sampled ─┤ acknowledged
//	Ct1Received          ── EkCt1Ack ──►        ├──────► Ct1Acknowledged ──────┤ vector complete
//	  │ first Ct2                               │ both                         │
//	  │                  ◄── Ct2 ──           Ct2Sampled ◄─────────────────────┘
//	EkSentCt1Received    ── Ct1Ack ──►          │ a message of the next epoch
//	  │ ct2 complete, MAC right: emit           ▼
//	  ▼                                       KeysUnsampled of the next epoch
//	NoHeaderReceived of the next epoch
type Phase byte

// The phases. Their names are the specification's.
const (
	KeysUnsampled Phase = iota
	KeysSampled
	HeaderSent
	Ct1Received
	EkSentCt1Received
	NoHeaderReceived
	HeaderReceived
	Ct1Sampled
	EkReceivedCt1Sampled
	Ct1Acknowledged
	Ct2Sampled
)

var phaseNames = [...]string{
	"KeysUnsampled", "KeysSampled", "HeaderSent", "Ct1Received", "EkSentCt1Received",
	"NoHeaderReceived", "HeaderReceived", "Ct1Sampled", "EkReceivedCt1Sampled", "Ct1Acknowledged", "Ct2Sampled",
}

// String returns the name of the phase.
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return "Phase?"
}

// owns tells whether a device in this phase owns the key pair of the epoch.
func (p Phase) owns() bool { return p <= EkSentCt1Received }

// emitted tells whether a device in this phase knows the secret of its own epoch already.
func (p Phase) emitted() bool { return p >= Ct1Sampled }

// exchange is the state machine of the epochs. It is a value; what its slices hold is never written to. Which parts
// are set depends on the phase, and nothing is kept for longer than that (see layout).
type exchange struct {
	phase Phase
	epoch uint64
	auth  authenticator

	seed   [mlkem.SeedSize]byte // owner: the key pair
	coin   [coinSize]byte       // encapsulator: the randomness, from which ct1 and ct2 come
	header [headerSize]byte     // encapsulator
	vector []byte               // encapsulator
	ct1    []byte               // owner
	out    encoder              // what is being sent
	in     decoder              // what is being received
}

func startExchange(secret *[32]byte, initiator bool) exchange {
	x := exchange{epoch: 1, phase: NoHeaderReceived, in: newDecoder(hdrMessageSize)}
	if initiator {
		x = exchange{epoch: 1, phase: KeysUnsampled}
	}
	x.auth = x.auth.with(1, secret)
	return x
}

// to returns the exchange in another phase of the same epoch, with nothing but the authenticator.
func (x *exchange) to(p Phase) exchange { return exchange{phase: p, epoch: x.epoch, auth: x.auth} }

// nextEpoch returns the exchange at the beginning of the next epoch.
func (x *exchange) nextEpoch(p Phase) exchange {
	return exchange{phase: p, epoch: x.epoch + 1, auth: x.auth}
}

// send returns the exchange after sending, what to send, and, if it came about, the secret of the epoch.
func (x exchange) send(r *entropy.Recorded) (next exchange, m message, secret *[32]byte) {
	m.epoch = x.epoch
	switch x.phase {
	case KeysUnsampled:
		next = x.to(KeysSampled)
		next.seed = r.Seed()
		header, _ := split(r.EncapsulationKey(&next.seed))
		next.out.message = next.auth.appendHeader(nil, next.epoch, &header)
		x = next
		m.kind = kindHdr
	case HeaderReceived:
		next = x.to(Ct1Sampled)
		next.header, next.in, next.coin = x.header, x.in, r.Coin()
		shared, ct1 := encapsulate1(&next.header, &next.coin)
		next.out.message = ct1
		s := epochSecret(next.epoch, shared[:])
		next.auth = next.auth.with(next.epoch, &s)
		x, secret = next, &s
		m.kind = kindCt1
	case KeysSampled:
		m.kind = kindHdr
	case HeaderSent:
		m.kind = kindVector
	case Ct1Received:
		m.kind = kindAck
	case EkSentCt1Received:
		m.kind = kindCt1Ack
	case Ct1Sampled, EkReceivedCt1Sampled:
		m.kind = kindCt1
	case Ct2Sampled:
		m.kind = kindCt2
	case NoHeaderReceived, Ct1Acknowledged:
		m.kind = kindNone
	}
	if m.kind.hasChunk() {
		x.out, m.chunk, m.data = x.out.step()
	}
	return x, m, secret
}

// receive returns the exchange after a message and, if it came about, the secret of the epoch.
func (x exchange) receive(m *message, r *entropy.Recorded) (next exchange, secret *[32]byte, err error) {
	if m.epoch > x.epoch {
		if x.phase == Ct2Sampled && m.epoch == x.epoch+1 {
			return x.nextEpoch(KeysUnsampled), nil, nil // what the message carries comes again
		}
		return x, nil, ErrEpoch
	}
	if m.epoch < x.epoch {
		return x, nil, nil
	}
	isVector := m.kind == kindVector || m.kind == kindAck
	switch {
	case x.phase == KeysSampled && m.kind == kindCt1:
		next = x.to(HeaderSent)
		next.seed = x.seed
		_, next.out.message = split(r.EncapsulationKey(&x.seed))
		next.in, _ = newDecoder(ct1Size).add(m.chunk, m.data)
		return next, nil, nil

	case x.phase == HeaderSent && m.kind == kindCt1:
		var ct1 []byte
		if x.in, ct1 = x.in.add(m.chunk, m.data); ct1 == nil {
			return x, nil, nil
		}
		next = x.to(Ct1Received)
		next.seed, next.out, next.ct1 = x.seed, x.out, ct1
		return next, nil, nil

	case x.phase == Ct1Received && m.kind == kindCt2:
		next = x.to(EkSentCt1Received)
		next.seed, next.ct1 = x.seed, x.ct1
		next.in, _ = newDecoder(ct2MessageSize).add(m.chunk, m.data)
		return next, nil, nil

	case x.phase == EkSentCt1Received && m.kind == kindCt2:
		var ct2 []byte
		if x.in, ct2 = x.in.add(m.chunk, m.data); ct2 == nil {
			return x, nil, nil
		}
		return x.decapsulate(ct2, r)

	case x.phase == NoHeaderReceived && m.kind == kindHdr:
		var whole []byte
		if x.in, whole = x.in.add(m.chunk, m.data); whole == nil {
			return x, nil, nil
		}
		header, ok := x.auth.openHeader(x.epoch, whole)
		if !ok {
			return x, nil, ErrAuthentication
		}
		next = x.to(HeaderReceived)
		next.header, next.in = header, newDecoder(vectorSize)
		return next, nil, nil

	case (x.phase == Ct1Sampled || x.phase == Ct1Acknowledged) && isVector:
		acked := x.phase == Ct1Acknowledged || m.kind == kindAck
		if x.in, x.vector = x.in.add(m.chunk, m.data); x.vector != nil && !checkKey(&x.header, x.vector) {
			return x, nil, ErrAuthentication
		}
		switch {
		case x.vector != nil && acked:
			return x.encapsulate(), nil, nil
		case x.vector != nil:
			x.phase, x.in = EkReceivedCt1Sampled, decoder{}
		case acked:
			x.phase, x.out = Ct1Acknowledged, encoder{}
		}
		return x, nil, nil

	case x.phase == EkReceivedCt1Sampled && (m.kind == kindAck || m.kind == kindCt1Ack):
		return x.encapsulate(), nil, nil
	}
	return x, nil, nil
}

// encapsulate ends the encapsulator's part, once the vector is there and the owner has ct1.
func (x *exchange) encapsulate() exchange {
	_, ct1 := encapsulate1(&x.header, &x.coin)
	ct2 := encapsulate2(&x.header, &x.coin, x.vector)
	next := x.to(Ct2Sampled)
	next.out.message = next.auth.appendCiphertext(nil, next.epoch, ct1, ct2)
	return next
}

// decapsulate ends the owner's part: message is ct2 ‖ MAC.
func (x *exchange) decapsulate(message []byte, r *entropy.Recorded) (exchange, *[32]byte, error) {
	ct2 := message[:ct2Size]
	shared, err := r.Decapsulate(&x.seed, append(x.ct1[:ct1Size:ct1Size], ct2...))
	if err != nil {
		return *x, nil, ErrAuthentication
	}
	secret := epochSecret(x.epoch, shared)
	next := x.nextEpoch(NoHeaderReceived)
	next.auth = x.auth.with(x.epoch, &secret)
	if !hmac.Equal(next.auth.appendCiphertext(nil, x.epoch, x.ct1, ct2), message) {
		return *x, nil, ErrAuthentication
	}
	next.in = newDecoder(hdrMessageSize)
	return next, &secret, nil
}
