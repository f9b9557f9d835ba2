package node

import (
	"errors"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

// ErrFull says that the disk is nearly full: nothing was kept.
var ErrFull = vault.ErrFull

// IsInvalid tells whether an error says that what was asked is not in order: a text too long, an address misspelt.
func IsInvalid(err error) bool {
	for _, e := range []error{chat.ErrMessage, identity.ErrKey, identity.ErrWords, identity.ErrChecksum, identity.ErrText, identity.ErrNewer, identity.ErrMalformed} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
