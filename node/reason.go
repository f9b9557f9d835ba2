package node

import (
	"slices"
	"strings"

	"github.com/linnetmesh/linnet/mailbox"
)

// Reason is a stable name of why something waits, failed, or cannot be used. It stands beside a sentence of this node, for
// programs, and for faces that speak other languages. Reasons stay; more may come.
type Reason string

// The reasons.
const (
	ReasonNotFound   Reason = "not_found"    // nobody in the network has the account's descriptor
	ReasonLooking    Reason = "looking"      // the account is being looked for
	ReasonNowhere    Reason = "nowhere"      // its device says nowhere that it can be reached directly
	ReasonBusy       Reason = "device_busy"  // its device cannot take it now
	ReasonReset      Reason = "session_lost" // its device lost the session, and a new one begins
	ReasonNoAnswer   Reason = "no_answer"    // its device does not answer
	ReasonDeviceGone Reason = "device_gone"  // its device was taken off the account
	ReasonNoRelay    Reason = "no_relay"     // no relay of its answers
	ReasonTooOld     Reason = "too_old"      // it was not delivered for 30 days
	ReasonRemoved    Reason = "removed"      // the contact was removed
	ReasonBlocked    Reason = "blocked"      // the contact is blocked
	ReasonRevoked    Reason = "revoked"      // this device was taken off its account

	ReasonSlow        Reason = "relay_slow"        // the relay does not answer in time
	ReasonUnreachable Reason = "relay_unreachable" // the relay cannot be reached
	ReasonRelayBusy   Reason = "relay_busy"
	ReasonRelayDrains Reason = "relay_drains" // it takes nothing new
	ReasonRelayFull   Reason = "relay_full"
	ReasonRelayFailed Reason = "relay_failed"
	ReasonRelayLies   Reason = "relay_lies"   // it does not keep to the protocol
	ReasonRelayBanned Reason = "relay_banned" // it refuses this device
	ReasonManyBoxes   Reason = "relay_boxes"  // it gave this network as many boxes as it gives
	ReasonBoxFull     Reason = "box_full"     // the box, or what a contact may have in it
	ReasonTooFast     Reason = "too_fast"
	ReasonNoStrangers Reason = "no_strangers" // the box takes nothing from who has no token
	ReasonNewer       Reason = "newer"        // it needs a newer Linnet
	ReasonOther       Reason = "other"        // there is a sentence alone
)

// What is said of relays that errors of mailbox do not say as well.
const (
	saysSlow        = "it does not answer in time"
	saysUnreachable = "it cannot be reached"
)

// sentences are the beginnings of what is said for reasons. Those of errors are theirs, so that neither changes alone.
var sentences = []struct {
	says   string
	reason Reason
}{
	{errNotFound.Error(), ReasonNotFound},
	{reasonUnknown, ReasonLooking},
	{errNowhere.Error(), ReasonNowhere},
	{errBusy.Error(), ReasonBusy},
	{errReset.Error(), ReasonReset},
	{errNoAnswer.Error(), ReasonNoAnswer},
	{errNotListed.Error(), ReasonDeviceGone},
	{deviceGone, ReasonDeviceGone},
	{errNoRelay.Error(), ReasonNoRelay},
	{tooOld, ReasonTooOld},
	{contactGone, ReasonRemoved},
	{blockedHere, ReasonBlocked},
	{ErrBlocked.Error(), ReasonBlocked},
	{revokedHere, ReasonRevoked},
	{ErrRevoked.Error(), ReasonRevoked},
	{saysSlow, ReasonSlow},
	{saysUnreachable, ReasonUnreachable},
	{mailbox.ErrUnreachable.Error(), ReasonUnreachable},
	{mailbox.ErrBusy.Error(), ReasonRelayBusy},
	{mailbox.ErrDraining.Error(), ReasonRelayDrains},
	{mailbox.ErrDiskFull.Error(), ReasonRelayFull},
	{mailbox.ErrInternal.Error(), ReasonRelayFailed},
	{mailbox.ErrLie.Error(), ReasonRelayLies},
	{mailbox.ErrBanned.Error(), ReasonRelayBanned},
	{mailbox.ErrTooManyBoxes.Error(), ReasonManyBoxes},
	{mailbox.ErrBoxFull.Error(), ReasonBoxFull},
	{mailbox.ErrTokenFull.Error(), ReasonBoxFull},
	{mailbox.ErrClassFull.Error(), ReasonBoxFull},
	{mailbox.ErrRate.Error(), ReasonTooFast},
	{mailbox.ErrStrangersFull.Error(), ReasonNoStrangers},
	{mailbox.ErrStrangersClosed.Error(), ReasonNoStrangers},
	{mailbox.ErrNewer.Error(), ReasonNewer},
}

// ReasonOf returns the name of what a sentence of this node says, ReasonOther for one that has none, and "" for none. Of a
// sentence that gives two reasons it is the first: what else goes wrong does so since that does.
func ReasonOf(sentence string) Reason {
	if sentence == "" {
		return ""
	}
	best, at := ReasonOther, len(sentence)
	for _, s := range sentences {
		if i := strings.Index(sentence, strings.TrimPrefix(s.says, "mailbox: ")); i >= 0 && i < at {
			best, at = s.reason, i
		}
	}
	return best
}

// Reasons returns all reasons that ReasonOf knows, for who has words of their own for them, each once.
func Reasons() []Reason {
	out := []Reason{ReasonOther}
	for _, s := range sentences {
		if !slices.Contains(out, s.reason) {
			out = append(out, s.reason)
		}
	}
	return out
}
