package conference

import (
	"fmt"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// Status is where a Line is.
//
//	          Dial                         Invite heard
//	   ┌─────────────────────── Idle ────────────────────────┐
//	   ▼                                                     ▼
//	Calling ── Ringing heard ──▶ Alerting                 Ringing
//	   │                            │                      │   │
//	   └────── Accept heard ────────┤              Accept ─┘   │
//	                                ▼                │         │
//	                            Connecting ◀─────────┘         │
//	                                │ media up                 │
//	                                ▼                          │
//	                             Talking ◀────────┐            │
//	                                │ media lost  │ media up   │
//	                                ▼             │            │
//	                           Reconnecting ──────┘            │ Reject, Cancel heard,
//	                                │                          │ taken elsewhere, time
//	 from everywhere: HangUp, time ─┴──────▶ Ended ◀───────────┘
//
// Ended is Idle with a Reason. Two that call each other at once are in one call: see Line.invited.
type Status uint8

// The statuses.
const (
	Idle         Status = iota
	Calling             // invites are out
	Alerting            // it rings at one at least
	Ringing             // somebody calls us
	Connecting          // it was taken; media come
	Talking             // media flow
	Reconnecting        // media stopped, and are sought
	Ended               // Reason says why
)

// String names the status.
func (s Status) String() string {
	names := [...]string{"idle", "calling", "alerting", "ringing", "connecting", "talking", "reconnecting", "ended"}
	if int(s) >= len(names) {
		return fmt.Sprintf("status %d", uint8(s))
	}
	return names[s]
}

// active tells whether there is a call.
func (s Status) active() bool { return s != Idle && s != Ended }

// within tells whether this device is in the call.
func (s Status) within() bool { return s == Connecting || s == Talking || s == Reconnecting }

// Reason is why a call ended.
type Reason uint8

// The reasons.
const (
	ReasonHungUp    Reason = 1 + iota
	ReasonDeclined         // they do not want to, or we did not
	ReasonBusy             // they are in another call
	ReasonCancelled        // we gave up before anybody answered
	ReasonNoAnswer         // nobody answered in time
	ReasonMissed           // we did not answer, or could not
	ReasonElsewhere        // another device of ours took it, or declined
	ReasonFailed           // media never came
	ReasonLost             // media stopped, and did not come back
	ReasonNewer            // it is of a mode that this program does not know
)

// String names the reason.
func (r Reason) String() string {
	names := [...]string{
		"", "hung up", "declined", "busy", "cancelled", "no answer", "missed", "answered elsewhere", "failed", "lost",
		"needs a newer Linnet",
	}
	if r == 0 || int(r) >= len(names) {
		return fmt.Sprintf("reason %d", uint8(r))
	}
	return names[r]
}

// How long things may take.
const (
	RingTime      = 60 * time.Second // until who calls gives up; who is called stops ringSlack later
	ringSlack     = 5 * time.Second
	ConnectTime   = 30 * time.Second // until media must flow
	ReconnectTime = 30 * time.Second // until lost media must flow again
	RestartEvery  = 5 * time.Second  // between restarts of a link to a device
	BusyGrace     = 3 * time.Second  // for another device of somebody whose first is busy
	MixerTime     = 3 * time.Second  // for each of several mixers to open the room, and to be joined at first
	MixerPatience = time.Second      // for a mixer that went silent
	JoinPatience  = 2 * time.Second  // for one to be joined in its place: with the last, 3 s in all
	StayTime      = 10 * time.Second // for which media must have flowed for a mixer to count as one that works
)

// Input is something that a Line is told. What comes from the network is a Heard; all others come from this device.
//
//sumtype:decl
type Input interface{ input() }

// The inputs. Nil tells that time passed.
type (
	// Dial starts a call. It is passed over while there is another, and if it is not valid.
	Dial struct {
		Call    CallID
		Mode    Mode
		Media   Media
		Callees []Callee
		Room    RoomID  // of hosted modes, as are the next two
		Mixers  []Mixer // one at least
		Key     JoinKey // our own
	}
	// Heard is a signal of a device, proved by the session in which it came.
	Heard struct {
		From   Party
		Signal *Signal
		Age    time.Duration // how long it waited at a relay; an invite older than RingTime is a missed call
	}
	// Accept takes the call that rings.
	Accept struct{}
	// Reject declines the call that rings.
	Reject struct{}
	// HangUp leaves, gives up, or declines.
	HangUp struct{}
	// Set is what the user does with the own voice.
	Set State
	// Opened tells whether the room is open at a mixer.
	Opened struct {
		Mixer identity.TransportKey
		Why   string // why not, as Plain says it; empty: it is
	}
	// LinkUp tells that media flow; the zero Party is the room.
	LinkUp struct{ Peer Party }
	// LinkDown tells that they stopped.
	LinkDown struct{ Peer Party }
	// RoomLost tells that the mixer is gone, or wants us no more.
	RoomLost struct{ Why string } // as Plain says it; empty: unknown
	// NotEntered tells that the room could not be entered, which was tried as often as makes sense.
	NotEntered struct{ Why string } // as Plain says it
	// Company tells how many others are in the room, as the room says.
	Company struct{ Others int }
	// NetworkChanged tells that this device has other addresses.
	NetworkChanged struct{}
	// Described is what is to be told to a peer.
	Described struct {
		Peer        Party
		Description Description
	}
	// Found are candidates to be told to a peer.
	Found struct {
		Peer       Party
		Candidates Candidates
	}
	// MadeKey is the new media key that Rekey asked for.
	MadeKey struct{ Key []byte }
)

// Callee is an account to be called.
type Callee struct {
	Account identity.Account
	Keys    []DeviceKey // for hosted modes, one for each device
}

func (Dial) input()           {}
func (Heard) input()          {}
func (Accept) input()         {}
func (Reject) input()         {}
func (HangUp) input()         {}
func (Set) input()            {}
func (Opened) input()         {}
func (LinkUp) input()         {}
func (LinkDown) input()       {}
func (RoomLost) input()       {}
func (NotEntered) input()     {}
func (Company) input()        {}
func (NetworkChanged) input() {}
func (Described) input()      {}
func (Found) input()          {}
func (MadeKey) input()        {}

// Action is something that a Line wants done, in the order in which it says so.
//
//sumtype:decl
type Action interface{ action() }

// The actions.
type (
	// Send sends a signal to a device, or with Device 0 to all devices of the account.
	Send struct {
		To     identity.Account
		Device uint8
		Signal *Signal
	}
	// Ring starts or stops the ringing here.
	Ring struct{ On bool }
	// Open opens the room at every mixer of the list, and tells with Opened of each whether it has it.
	Open struct {
		Mixers []Mixer
		Room   RoomID
		Mode   Mode
		Hashes []KeyHash // who may enter
	}
	// Connect starts a link to a device. Who is to offer does so.
	Connect struct {
		Peer  Party
		Offer bool
		Media Media
	}
	// Apply gives a link what its peer said: a description or candidates.
	Apply struct {
		Peer   Party
		Signal *Signal
	}
	// Restart seeks another way for a link (an ICE restart); the zero Party is the room. Who offered offers again.
	Restart struct{ Peer Party }
	// Join enters a room.
	Join struct {
		Mixer Mixer
		Room  RoomID
		Mode  Mode
		Media Media
		Key   JoinKey
		// Hashes, if there are any, are those of Open: the mixer may know the room no more, and is to open it first.
		Hashes []KeyHash
	}
	// Leave ends a link; the zero Party is the room.
	Leave struct{ Peer Party }
	// Voice says whether to send what the microphone hears, and whether to play what comes.
	Voice struct{ Speak, Listen bool }
	// Show tells the room over the data channel what the user does.
	Show State
	// Rekey makes a new media key, which comes back as MadeKey.
	Rekey struct{}
	// TakeKey is the media key of somebody in the call.
	TakeKey struct {
		From Party
		Key  []byte
	}
	// DropKey forgets the media keys of somebody who left.
	DropKey struct{ Of Party }
	// Wake asks for a Step at that time. A later Wake replaces it; the zero time asks for none.
	Wake struct{ At time.Time }
	// Finish is an entry of the call history: the current call ended, or another never began.
	Finish struct {
		Call     CallID
		With     identity.Account // who called, or the first that was called
		Outgoing bool
		Reason   Reason
		Lasted   time.Duration // since media first flowed
	}
)

func (Send) action()    {}
func (Ring) action()    {}
func (Open) action()    {}
func (Connect) action() {}
func (Apply) action()   {}
func (Restart) action() {}
func (Join) action()    {}
func (Leave) action()   {}
func (Voice) action()   {}
func (Show) action()    {}
func (Rekey) action()   {}
func (TakeKey) action() {}
func (DropKey) action() {}
func (Wake) action()    {}
func (Finish) action()  {}
