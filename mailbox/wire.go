package mailbox

import (
	"encoding/binary"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// What travels is a frame of p2p/frame, at most frame.Max bytes:
//
//	verb (1) ‖ id (4) ‖ length of head (2) ‖ head (CBOR) ‖ tail
//
// The tail are bytes that nobody looks into: posts, names, bundles. An answer carries the id of its request, which the
// client counts up from 1; id 0 is what nobody asked for.
const headerSize = 1 + 4 + 2

// maxHead is the size of the largest head in bytes.
const maxHead = 48 << 10

// verb says what a frame is.
type verb uint8

// Requests.
const (
	verbOwn        verb = 1
	verbOpen       verb = 2
	verbClose      verb = 3
	verbRevoke     verb = 4
	verbPut        verb = 5
	verbChallenge  verb = 6
	verbFetch      verb = 7
	verbCredit     verb = 8 // to a fetch or listen under way, by its id; not answered
	verbStop       verb = 9 // the same
	verbList       verb = 10
	verbGet        verb = 11
	verbAck        verb = 12
	verbPutBundle  verb = 13
	verbTakeBundle verb = 14
	verbLeave      verb = 15
	verbDescriptor verb = 16
	verbPutWeak    verb = 17
	verbListenWeak verb = 18
	verbTime       verb = 19
)

// Answers, and what a relay says unasked.
const (
	verbHello   verb = 128 // id 0, first of all
	verbDone    verb = 129
	verbRefused verb = 130
	verbPosts   verb = 131 // any number, to one fetch
	verbWeak    verb = 132 // any number, to one listenWeak
	verbNotice  verb = 133 // id 0
)

// packet is a frame that was read.
type packet struct {
	verb verb
	id   uint32
	head []byte
	tail []byte
}

// parsePacket splits a frame. It keeps b. The error is ErrMalformed.
func parsePacket(b []byte) (p packet, err error) {
	if len(b) < headerSize {
		return p, ErrMalformed
	}
	n := int(binary.BigEndian.Uint16(b[5:]))
	if n > maxHead || len(b)-headerSize < n {
		return p, ErrMalformed
	}
	at := headerSize + n
	return packet{verb(b[0]), binary.BigEndian.Uint32(b[1:]), b[headerSize:at:at], b[at:]}, nil
}

// packetOf returns a frame's body. It panics for a head that cannot be written, which is a mistake in the program.
func packetOf(v verb, id uint32, head any, tail ...[]byte) []byte {
	var h []byte
	if head != nil {
		var err error
		if h, err = identity.Marshal(head); err != nil || len(h) > maxHead {
			panic("mailbox: head cannot be written")
		}
	}
	size := headerSize + len(h)
	for _, t := range tail {
		size += len(t)
	}
	b := append(make([]byte, 0, size), byte(v))
	b = binary.BigEndian.AppendUint32(b, id)
	b = binary.BigEndian.AppendUint16(b, uint16(len(h)))
	b = append(b, h...)
	for _, t := range tail {
		b = append(b, t...)
	}
	return b
}

// read reads the head into the struct that v points to. The error is ErrMalformed or ErrNewer.
func (p *packet) read(v any) error {
	switch err := identity.Unmarshal(p.head, maxHead, v); {
	case err == nil:
		return nil
	case isNewer(err):
		return ErrNewer
	default:
		return ErrMalformed
	}
}

type helloHead struct {
	Nonce    [32]byte         `cbor:"1,keyasint"`
	Draining bool             `cbor:"2,keyasint,omitempty"`
	Unknown  identity.Unknown `cbor:"-"`
}

type noticeHead struct {
	Draining bool             `cbor:"1,keyasint,omitempty"`
	Unknown  identity.Unknown `cbor:"-"`
}

type refusedHead struct {
	Code    uint16           `cbor:"1,keyasint"`
	Retry   uint32           `cbor:"2,keyasint,omitempty"` // seconds
	Bits    uint8            `cbor:"3,keyasint,omitempty"`
	Unknown identity.Unknown `cbor:"-"`
}

type ownHead struct {
	Box       BoxID                        `cbor:"1,keyasint"`
	Signature [identity.SignatureSize]byte `cbor:"2,keyasint"`
	Unknown   identity.Unknown             `cbor:"-"`
}

type openHead struct {
	Box     BoxID            `cbor:"1,keyasint"`
	Kind    uint8            `cbor:"2,keyasint"`
	Secret  [SecretSize]byte `cbor:"3,keyasint"`
	Closed  bool             `cbor:"4,keyasint,omitempty"`
	Unknown identity.Unknown `cbor:"-"`
}

type openedHead struct {
	Made     bool             `cbor:"1,keyasint,omitempty"`
	Cursor   [CursorSize]byte `cbor:"2,keyasint"`
	Posts    uint64           `cbor:"3,keyasint,omitempty"`
	Bytes    uint64           `cbor:"4,keyasint,omitempty"`
	Lost     uint64           `cbor:"5,keyasint,omitempty"`
	Parts    uint8            `cbor:"6,keyasint,omitempty"`
	Bundle   uint64           `cbor:"7,keyasint,omitempty"`
	MaxPosts uint64           `cbor:"8,keyasint"`
	MaxBytes uint64           `cbor:"9,keyasint"`
	Keep     uint64           `cbor:"10,keyasint"` // seconds
	Draining bool             `cbor:"11,keyasint,omitempty"`
	Time     uint64           `cbor:"12,keyasint"` // ms
	Unknown  identity.Unknown `cbor:"-"`
}

// boxHead is of close, challenge and ack.
type boxHead struct {
	Box     BoxID            `cbor:"1,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

type revokeHead struct {
	Box     BoxID            `cbor:"1,keyasint"`
	List    []revokedBody    `cbor:"2,keyasint" max:"256"`
	Unknown identity.Unknown `cbor:"-"`
}

type revokedBody struct {
	ID      TokenID          `cbor:"1,keyasint"`
	Until   uint64           `cbor:"2,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

type putHead struct {
	Box     BoxID            `cbor:"1,keyasint"`
	Token   [TokenSize]byte  `cbor:"2,keyasint,omitempty"`
	Work    *workBody        `cbor:"3,keyasint,omitempty"`
	Unknown identity.Unknown `cbor:"-"`
}

type workBody struct {
	Challenge [challengeSize]byte `cbor:"1,keyasint"`
	Nonce     [8]byte             `cbor:"2,keyasint"`
	Unknown   identity.Unknown    `cbor:"-"`
}

type keptHead struct {
	Until   uint64           `cbor:"1,keyasint"` // seconds since 1970
	Proof   []byte           `cbor:"2,keyasint" max:"388"`
	Unknown identity.Unknown `cbor:"-"`
}

type challengeHead struct {
	Challenge [challengeSize]byte `cbor:"1,keyasint"`
	Bits      uint8               `cbor:"2,keyasint"`
	Unknown   identity.Unknown    `cbor:"-"`
}

type fetchHead struct {
	Box        BoxID                `cbor:"1,keyasint"`
	Cursor     [CursorSize]byte     `cbor:"2,keyasint,omitempty"`
	Follow     bool                 `cbor:"3,keyasint,omitempty"`
	Window     uint32               `cbor:"4,keyasint"` // bytes that may be under way
	Capability [CapabilitySize]byte `cbor:"5,keyasint,omitempty"`
	Unknown    identity.Unknown     `cbor:"-"`
}

type creditHead struct {
	Bytes   uint32           `cbor:"1,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

type postsHead struct {
	Items   []itemBody       `cbor:"1,keyasint,omitempty" max:"1000"`
	Caught  bool             `cbor:"2,keyasint,omitempty"` // nothing more lies there now
	End     bool             `cbor:"3,keyasint,omitempty"` // no more frames come
	Cursor  [CursorSize]byte `cbor:"4,keyasint"`           // of the last
	Unknown identity.Unknown `cbor:"-"`
}

type itemBody struct {
	Name    Name             `cbor:"1,keyasint"`
	Seq     uint64           `cbor:"2,keyasint"`
	Size    uint32           `cbor:"3,keyasint"`
	Token   TokenID          `cbor:"4,keyasint,omitempty"`
	Unknown identity.Unknown `cbor:"-"`
}

type listHead struct {
	Box        BoxID                `cbor:"1,keyasint"`
	After      uint64               `cbor:"2,keyasint,omitempty"`
	Capability [CapabilitySize]byte `cbor:"3,keyasint,omitempty"`
	Unknown    identity.Unknown     `cbor:"-"`
}

type listedHead struct {
	Items   []itemBody       `cbor:"1,keyasint,omitempty" max:"500"`
	Cursor  [CursorSize]byte `cbor:"2,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

type getHead struct {
	Box        BoxID                `cbor:"1,keyasint"`
	Name       Name                 `cbor:"2,keyasint"`
	Capability [CapabilitySize]byte `cbor:"3,keyasint,omitempty"`
	Unknown    identity.Unknown     `cbor:"-"`
}

type putBundleHead struct {
	Box     BoxID            `cbor:"1,keyasint"`
	Version uint64           `cbor:"2,keyasint"`
	Base    uint32           `cbor:"3,keyasint"`           // bytes of the base, which the tail begins with
	Part    uint32           `cbor:"4,keyasint,omitempty"` // bytes of each part after it
	Unknown identity.Unknown `cbor:"-"`
}

type takeBundleHead struct {
	Box     BoxID            `cbor:"1,keyasint"`
	Token   [TokenSize]byte  `cbor:"2,keyasint,omitempty"`
	Work    *workBody        `cbor:"3,keyasint,omitempty"`
	Unknown identity.Unknown `cbor:"-"`
}

type bundleHead struct {
	Base    uint32           `cbor:"1,keyasint"` // bytes of the base; the rest of the tail is the part
	Unknown identity.Unknown `cbor:"-"`
}

type leaveHead struct {
	Box     BoxID            `cbor:"1,keyasint"`
	First   bool             `cbor:"2,keyasint,omitempty"`
	Last    bool             `cbor:"3,keyasint,omitempty"`
	Unknown identity.Unknown `cbor:"-"`
}

type descriptorHead struct {
	Key     PlaceKey         `cbor:"1,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

type putWeakHead struct {
	Box     BoxID            `cbor:"1,keyasint"`
	Token   [TokenSize]byte  `cbor:"2,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

type listenWeakHead struct {
	Box        BoxID                `cbor:"1,keyasint"`
	Ring       uint64               `cbor:"2,keyasint,omitempty"`
	Seq        uint64               `cbor:"3,keyasint,omitempty"`
	Capability [CapabilitySize]byte `cbor:"4,keyasint,omitempty"`
	Unknown    identity.Unknown     `cbor:"-"`
}

type weakHead struct {
	Ring    uint64           `cbor:"1,keyasint"`
	Items   []weakBody       `cbor:"2,keyasint" max:"64"`
	Unknown identity.Unknown `cbor:"-"`
}

type weakBody struct {
	Seq     uint64           `cbor:"1,keyasint"`
	Size    uint32           `cbor:"2,keyasint"`
	Token   TokenID          `cbor:"3,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

type timeHead struct {
	Nonce   [32]byte         `cbor:"1,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

type toldHead struct {
	Time      uint64                       `cbor:"1,keyasint"` // ms since 1970
	Signature [identity.SignatureSize]byte `cbor:"2,keyasint"`
	Unknown   identity.Unknown             `cbor:"-"`
}

// leftSize is the size of one descriptor in the tail of a leave; leftAtOnce is how many such a tail has at most.
const (
	leftSize   = len(PlaceKey{}) + DescriptorSize
	leftAtOnce = 8
)

// cursorBytes returns a cursor as heads carry it.
func cursorBytes(c Cursor) (b [CursorSize]byte) {
	c.AppendTo(b[:0])
	return b
}

func cursorOf(b [CursorSize]byte) Cursor {
	c, _ := ParseCursor(b[:]) // has the size
	return c
}

// tokenBytes returns a token as heads carry it: zeros for none.
func tokenBytes(t Token) (b [TokenSize]byte) {
	if !t.IsZero() {
		t.AppendTo(b[:0])
	}
	return b
}

func capabilityBytes(c Capability) (b [CapabilitySize]byte) {
	if !c.IsZero() {
		c.AppendTo(b[:0])
	}
	return b
}

// millis returns the milliseconds since 1970, 0 for what was before.
func millis(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) }

func bodyOf(i Item) itemBody {
	return itemBody{Name: i.Name, Seq: i.Seq, Size: i.Size, Token: i.Token}
}

func (b *itemBody) item() Item { return Item{Name: b.Name, Seq: b.Seq, Size: b.Size, Token: b.Token} }

// parseBundle splits the tail of a putBundle. The error is ErrMalformed.
func parseBundle(h *putBundleHead, tail []byte) (Bundle, error) {
	b := Bundle{Version: h.Version}
	base, part := int(h.Base), int(h.Part)
	if h.Version == 0 || base < 1 || base > MaxBase || part > MaxPart || base > len(tail) {
		return b, ErrMalformed
	}
	b.Base, tail = tail[:base:base], tail[base:]
	switch {
	case len(tail) == 0:
		return b, nil
	case part < 1 || len(tail)%part != 0 || len(tail)/part > MaxParts:
		return b, ErrMalformed
	}
	for ; len(tail) > 0; tail = tail[part:] {
		b.Parts = append(b.Parts, tail[:part:part])
	}
	return b, nil
}

// Where things stand in a descriptor (crypto/descriptor), as far as a relay needs to know.
const (
	offsetPeriod    = 1
	offsetSigned    = 10
	offsetWork      = 26
	offsetNonce     = 34
	offsetSignature = DescriptorSize - identity.SignatureSize
)

// parseDescriptor reads what a relay needs to know of a descriptor, and verifies that the owner of its key signed it, so
// that nobody leaves anything under a key of somebody else. The Publisher looks at the rest. The errors are ErrMalformed
// and ErrProof.
func parseDescriptor(key PlaceKey, value []byte) (Descriptor, error) {
	if len(value) != DescriptorSize || value[0] != 1 {
		return Descriptor{}, ErrMalformed
	}
	nonce := value[offsetWork:offsetNonce]
	rest := identity.LabelDescriptorRest.Hash(value[:offsetWork], value[offsetNonce:offsetSignature])
	if identity.BoxKey(key).Verify(identity.LabelDescriptor, value[offsetSignature:], nonce, rest[:]) != nil {
		return Descriptor{}, ErrProof
	}
	return Descriptor{
		Key:    key,
		Period: binary.BigEndian.Uint64(value[offsetPeriod:]),
		Signed: binary.BigEndian.Uint64(value[offsetSigned:]),
		Value:  value,
	}, nil
}
