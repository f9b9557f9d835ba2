package conference

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// AskSize and ReplySize are the most that an Ask and a Reply take in bytes, one in a frame.
const (
	AskSize   = 64 << 10
	ReplySize = 24 << 10
)

// SDPSize is the most that an offer or answer takes in bytes: a browser's with video has some 7 KiB.
const SDPSize = 16 << 10

// Ask is what is said to a mixer on /linnet/conference/1. Exactly one field is set.
//
// A stream either opens or changes a room, one Ask and one Reply; or it is a leg's: Enter and Welcome, Prove and Entered,
// and then as many Again and Entered as the network demands. The leg lives as long as its stream.
type Ask struct {
	Open    *Opening         `cbor:"1,keyasint,omitempty"`
	Admit   *Admit           `cbor:"2,keyasint,omitempty"`
	Enter   *Visit           `cbor:"3,keyasint,omitempty"`
	Prove   *Prove           `cbor:"4,keyasint,omitempty"`
	Again   *Again           `cbor:"5,keyasint,omitempty"`
	Unknown identity.Unknown `cbor:"-"`
}

// RoomKeys is how many keys a room knows at most: eight devices of 128 accounts.
const RoomKeys = 1024

// Opening opens a room.
type Opening struct {
	Room    RoomID           `cbor:"1,keyasint"`
	Mode    Mode             `cbor:"2,keyasint"`                    // Mixed or Forward
	Owner   KeyHash          `cbor:"3,keyasint"`                    // of the key that changes it
	Keys    []KeyHash        `cbor:"4,keyasint" max:"1024"`         // that enter
	Token   string           `cbor:"5,keyasint,omitempty" max:"64"` // of who may open rooms here
	Unknown identity.Unknown `cbor:"-"`
}

// Admit lets other devices in, and throws some out.
type Admit struct {
	Room    RoomID           `cbor:"1,keyasint"`
	Owner   [KeySize]byte    `cbor:"2,keyasint"` // the key
	Add     []KeyHash        `cbor:"3,keyasint,omitempty" max:"512"`
	Drop    []KeyHash        `cbor:"4,keyasint,omitempty" max:"512"`
	Unknown identity.Unknown `cbor:"-"`
}

// Visit begins a leg.
type Visit struct {
	Room    RoomID           `cbor:"1,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

// Prove shows the join key, and that whoever has it carries the media.
type Prove struct {
	Key     [KeySize]byte    `cbor:"1,keyasint"`
	Proof   [KeySize]byte    `cbor:"2,keyasint"` // JoinKey.Proof(Entering, …)
	Offer   string           `cbor:"3,keyasint" max:"16384"`
	Unknown identity.Unknown `cbor:"-"`
}

// Again is another offer of the same leg, with the same fingerprint: an ICE restart.
type Again struct {
	Offer   string           `cbor:"1,keyasint" max:"16384"`
	Unknown identity.Unknown `cbor:"-"`
}

// Reply is what a mixer says. Exactly one field is set.
type Reply struct {
	Done    *Done            `cbor:"1,keyasint,omitempty"`
	Welcome *Welcome         `cbor:"2,keyasint,omitempty"`
	Entered *Entered         `cbor:"3,keyasint,omitempty"`
	Refused *Refused         `cbor:"4,keyasint,omitempty"`
	Unknown identity.Unknown `cbor:"-"`
}

// Done says that a room was opened or changed.
type Done struct {
	Unknown identity.Unknown `cbor:"-"`
}

// Welcome says with which certificate the mixer will answer, so that Prove can be made.
type Welcome struct {
	Fingerprint Fingerprint      `cbor:"1,keyasint"`
	Unknown     identity.Unknown `cbor:"-"`
}

// Entered answers an offer.
type Entered struct {
	Answer  string           `cbor:"1,keyasint" max:"16384"`
	Proof   [KeySize]byte    `cbor:"2,keyasint"` // JoinKey.Proof(Answering, …)
	Leg     uint32           `cbor:"3,keyasint"` // what the leg is called in the room
	Unknown identity.Unknown `cbor:"-"`
}

// Refused says why not, or why the leg ended. Nothing follows.
type Refused struct {
	Why     RefusalError     `cbor:"1,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

// RefusalError is why a mixer says no. It is an error.
type RefusalError uint8

// The refusals.
const (
	ErrMalformed  RefusalError = 1 + iota // what was asked is malformed
	ErrNoRoom                             // there is no such room, or it is closed
	ErrNoKey                              // no such key, or a wrong proof: also for rooms that are not
	ErrFull                               // no more legs, rooms or bandwidth
	ErrNotAllowed                         // this node may not open rooms here
	ErrExists                             // another room has this ID
	ErrClosing                            // the mixer stops
	ErrDropped                            // the leg was thrown out, or entered again from elsewhere
	ErrSlow                               // the leg did not read, or nothing came of it
)

// Error says why.
func (r RefusalError) Error() string { return "conference: refused: " + r.Word() }

// Word is the reason in a word or two, for metrics.
func (r RefusalError) Word() string {
	names := [...]string{"", "malformed", "no room", "no key", "full", "not allowed", "exists", "closing", "dropped", "slow"}
	if r == 0 || int(r) >= len(names) {
		return fmt.Sprintf("reason %d", uint8(r))
	}
	return names[r]
}

// AppendTo appends the ask, at most AskSize bytes.
func (a *Ask) AppendTo(b []byte) ([]byte, error) { return appendBody(b, a, a.check()) }

// ParseAsk reads what AppendTo wrote. The errors are ErrSignal, identity.ErrSize, identity.ErrMalformed and
// identity.ErrNewer.
func ParseAsk(b []byte) (*Ask, error) {
	a := new(Ask)
	if err := identity.Unmarshal(b, AskSize, a); err != nil {
		return nil, err
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Ask) check() error {
	set := 0
	for _, s := range [...]bool{a.Open != nil, a.Admit != nil, a.Enter != nil, a.Prove != nil, a.Again != nil} {
		if s {
			set++
		}
	}
	if o := a.Open; set != 1 || o != nil && (o.Room.IsZero() || !o.Mode.hosted() || len(o.Keys) == 0) {
		return fmt.Errorf("%w: ask", ErrSignal)
	}
	return nil
}

// AppendTo appends the reply, at most ReplySize bytes.
func (r *Reply) AppendTo(b []byte) ([]byte, error) { return appendBody(b, r, r.check()) }

// ParseReply reads what AppendTo wrote. The errors are those of ParseAsk.
func ParseReply(b []byte) (*Reply, error) {
	r := new(Reply)
	if err := identity.Unmarshal(b, ReplySize, r); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Reply) check() error {
	set := 0
	for _, s := range [...]bool{r.Done != nil, r.Welcome != nil, r.Entered != nil, r.Refused != nil} {
		if s {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("%w: reply", ErrSignal)
	}
	return nil
}

func appendBody(b []byte, v any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	body, err := identity.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(b, body...), nil
}

// FingerprintOf returns the one SHA-256 fingerprint that an SDP names, however often. The error is ErrSignal if there is
// none, another hash, or a second one: whoever checks one and connects to the other would be deceived.
func FingerprintOf(sdp string) (Fingerprint, error) {
	var f Fingerprint
	if len(sdp) > SDPSize {
		return f, identity.ErrSize
	}
	found := false
	for line := range strings.Lines(sdp) {
		text, ok := cutPrefixFold(strings.TrimRight(line, "\r\n"), "a=fingerprint:")
		if !ok {
			continue
		}
		algorithm, value, _ := strings.Cut(text, " ")
		b, err := hex.DecodeString(strings.ReplaceAll(value, ":", ""))
		if !strings.EqualFold(algorithm, "sha-256") || err != nil || len(b) != len(f) || found && Fingerprint(b) != f {
			return Fingerprint{}, fmt.Errorf("%w: fingerprint", ErrSignal)
		}
		f, found = Fingerprint(b), true
	}
	if !found {
		return f, fmt.Errorf("%w: no fingerprint", ErrSignal)
	}
	return f, nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
