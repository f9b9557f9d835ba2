package node

import (
	"fmt"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// signal is what two nodes tell each other, in a message of kind signal: any of these, each once.
type signal struct {
	Request  *request         `cbor:"1,keyasint,omitempty"`            // become my contact
	Accepted bool             `cbor:"2,keyasint,omitempty"`            // you are a contact now
	Site     *site            `cbor:"3,keyasint,omitempty"`            // where the sending device is
	Manifest []byte           `cbor:"4,keyasint,omitempty" max:"2048"` // the sender's, since the other knows an older one
	Address  string           `cbor:"5,keyasint,omitempty" max:"256"`  // the sender's, where it changed
	Contact  *grantContact    `cbor:"6,keyasint,omitempty"`            // to own devices: a contact that this one changed
	Took     []chat.ID        `cbor:"7,keyasint,omitempty" max:"256"`  // messages of the other device that came by a relay, and are stored
	Unknown  identity.Unknown `cbor:"-"`
}

// light tells whether nobody needs to be told that the signal came: it says itself what came.
func (s *signal) light() bool {
	return s.Request == nil && !s.Accepted && s.Site == nil && s.Manifest == nil && s.Address == "" && s.Contact == nil && len(s.Took) > 0
}

// request asks to become a contact.
type request struct {
	Token   []byte           `cbor:"1,keyasint,omitempty" max:"32"`  // of an invite
	Name    string           `cbor:"2,keyasint,omitempty" max:"128"` // how the sender wants to be called
	Unknown identity.Unknown `cbor:"-"`
}

// signalSize is the most that a signal takes in bytes.
const signalSize = 8192

func (s *signal) marshal() ([]byte, error) { return identity.Marshal(s) }

func parseSignal(b []byte) (*signal, error) {
	s := new(signal)
	if err := identity.Unmarshal(b, signalSize, s); err != nil {
		return nil, fmt.Errorf("reading a signal: %w", err)
	}
	return s, nil
}
