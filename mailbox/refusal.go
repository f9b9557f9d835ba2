package mailbox

import (
	"errors"
	"fmt"
	"time"
)

// What a relay refuses. Each travels as a number, and comes out of the Client as a *RefusedError that wraps it.
var (
	// ErrMalformed says that bytes are not a request, or not what was expected.
	ErrMalformed = errors.New("mailbox: malformed")
	// ErrNewer says that something needs a newer Linnet.
	ErrNewer = errors.New("mailbox: needs a newer Linnet")
	// ErrUnknown says that the relay does not know this request, or refuses for a reason that this Linnet does not know.
	ErrUnknown = errors.New("mailbox: not understood there")
	// ErrBusy says that the relay has too much to do, or this connection asks too much at once: try again.
	ErrBusy = errors.New("mailbox: relay is busy")
	// ErrInternal says that the relay's disk or program failed.
	ErrInternal = errors.New("mailbox: relay failed")
	// ErrDraining says that the relay takes nothing any more and gives what it has: find another.
	ErrDraining = errors.New("mailbox: relay is closing down")
	// ErrDiskFull says that the relay has no room for anybody.
	ErrDiskFull = errors.New("mailbox: relay has no room left")
	// ErrBanned says that the operator wants nothing to do with this node or box.
	ErrBanned = errors.New("mailbox: banned here")

	// ErrNoBox says that there is no such box.
	ErrNoBox = errors.New("mailbox: no such box")
	// ErrKind says that this cannot be done with a box of this kind.
	ErrKind = errors.New("mailbox: wrong kind of box")
	// ErrProof says that the box key was not proven, or the capability is not good.
	ErrProof = errors.New("mailbox: not the owner or a reader")
	// ErrTooManyBoxes says that too many boxes were opened from this part of the network, or in all.
	ErrTooManyBoxes = errors.New("mailbox: too many boxes from this network")
	// ErrCursor says that a cursor is not of this box as it is now: list the names again.
	ErrCursor = errors.New("mailbox: cursor is of another time")
	// ErrNotFound says that there is no such post, bundle or descriptor.
	ErrNotFound = errors.New("mailbox: not found")
	// ErrStale says that a newer one is there already.
	ErrStale = errors.New("mailbox: older than what is there")

	// ErrPostSize says that a post has a size that none may have.
	ErrPostSize = errors.New("mailbox: not a size of posts")
	// ErrToken says that a token was not made by the box's owner, or not for this relay.
	ErrToken = errors.New("mailbox: invalid token")
	// ErrTokenExpired says that a token was good once.
	ErrTokenExpired = errors.New("mailbox: token has expired")
	// ErrTokenRevoked says that the owner took the token back.
	ErrTokenRevoked = errors.New("mailbox: token was revoked")
	// ErrTokenFull says that as much lies in the box under this token as it allows: wait until it is fetched.
	ErrTokenFull = errors.New("mailbox: share of this token is full")
	// ErrClassFull says that as much lies in the box as one contact may leave there: wait until it is fetched.
	ErrClassFull = errors.New("mailbox: share of this contact is full")
	// ErrBoxFull says that the box is full: wait until it is fetched.
	ErrBoxFull = errors.New("mailbox: box is full")
	// ErrRate says that too much came under this token in too little time.
	ErrRate = errors.New("mailbox: too fast")
	// ErrStrangersFull says that as much lies in the box as all strangers together may leave there.
	ErrStrangersFull = errors.New("mailbox: no room for strangers left")
	// ErrStrangersClosed says that the owner lets no strangers in.
	ErrStrangersClosed = errors.New("mailbox: no strangers let in")
	// ErrStrangerSize says that a post is larger than a stranger's may be.
	ErrStrangerSize = errors.New("mailbox: too large for a stranger")
	// ErrWork says that a stranger did too little work, or for something else, or that its challenge is too old.
	ErrWork = errors.New("mailbox: no work for it")
)

// What the Client finds out about a relay.
var (
	// ErrUnreachable says that the relay could not be dialled, or the connection broke before the answer came. Whether the
	// request was carried out nobody knows; to repeat it does no harm.
	ErrUnreachable = errors.New("mailbox: relay cannot be reached")
	// ErrLie says that a relay said what cannot be: a receipt that it did not sign or for something else, a post that does
	// not fit its name, an answer or a push that nobody asked for, a time that it did not sign. The connection is closed.
	ErrLie = errors.New("mailbox: relay does not keep to the protocol")
	// ErrClosed says that the Client or Server was closed.
	ErrClosed = errors.New("mailbox: closed")
)

// RefusedError is a relay's no. It wraps one of the errors of this package, which errors.Is finds.
type RefusedError struct {
	Err error
	// RetryAfter is when it may be worth trying again; 0 if the relay does not know.
	RetryAfter time.Duration
	// Bits, with ErrWork, is how much work would do now.
	Bits uint8
}

// Error says why, and when it may be worth trying again.
func (r *RefusedError) Error() string {
	if r.RetryAfter > 0 {
		return fmt.Sprintf("%v; again in %v", r.Err, r.RetryAfter)
	}
	return r.Err.Error()
}

// Unwrap returns the reason.
func (r *RefusedError) Unwrap() error { return r.Err }

// code is a reason as it travels. 0 is none.
type code uint16

// codes are the numbers of the reasons: a change here is a new protocol.
var codes = map[code]error{
	1:  ErrMalformed,
	2:  ErrNewer,
	3:  ErrUnknown,
	4:  ErrBusy,
	5:  ErrInternal,
	6:  ErrDraining,
	7:  ErrDiskFull,
	8:  ErrBanned,
	16: ErrNoBox,
	17: ErrKind,
	18: ErrProof,
	19: ErrTooManyBoxes,
	20: ErrCursor,
	21: ErrNotFound,
	22: ErrStale,
	32: ErrPostSize,
	33: ErrToken,
	34: ErrTokenExpired,
	35: ErrTokenRevoked,
	36: ErrTokenFull,
	37: ErrClassFull,
	38: ErrBoxFull,
	39: ErrRate,
	40: ErrStrangersFull,
	41: ErrStrangersClosed,
	42: ErrStrangerSize,
	43: ErrWork,
}

// codeOf returns the number of a reason: that of ErrInternal for what has none, since it is nobody else's business.
func codeOf(err error) code {
	for c, e := range codes {
		if errors.Is(err, e) {
			return c
		}
	}
	return 5
}

// errorOf returns the reason with a number: ErrUnknown for one of a later version.
func errorOf(c code) error {
	if err, ok := codes[c]; ok {
		return err
	}
	return ErrUnknown
}
