package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// Words of calls that callers of this room need.
type (
	// CallID names a call.
	CallID = conference.CallID
	// CallView is what can be seen of the current call.
	CallView = conference.View
	// CallParty is a device in a call; the zero value is the room on a mixer.
	CallParty = conference.Party
	// CallState is what somebody in a call does with the own voice.
	CallState = conference.State
	// CallReason is why a call ended.
	CallReason = conference.Reason
	// Mixer is a super-node that carries a call.
	Mixer = conference.Mixer
)

// Errors of calls.
var (
	// ErrUnknownCall says that there is no such call, or that it is over.
	ErrUnknownCall = errors.New("node: no such call")
	// ErrInCall says that this device is in a call already.
	ErrInCall = errors.New("node: in a call already")
	// ErrNeedsMixer says that a call is too large for what was asked: more than four need a mixer.
	ErrNeedsMixer = errors.New("node: a call of more than four needs a mixer")
	// ErrCallSeat says that somebody else carries the media of the call.
	ErrCallSeat = errors.New("node: another program carries the media of this call")
	// ErrCall says that a call cannot be as it was asked for.
	ErrCall = errors.New("node: such a call cannot be")
)

// CallOptions say how a call is to be. The zero value is a call of voices, straight from device to device.
type CallOptions struct {
	Video bool
	// Via are mixers that may carry the call, the first at first: up to four. A mixer hears the call.
	Via []Mixer
	// Tokens are what mixers want from who opens a room, by the mixer's key: at most 64 bytes each. No mixer is told another's.
	Tokens map[TransportKey]string
}

// StartCall calls contacts: one straight, two or three in a mesh, and any number, up to 127, through a mixer. It returns once
// their devices are being told; how it goes on shows in Call and EventCall. Whoever carries the media takes CallTasks. The
// errors are ErrInCall, ErrNeedsMixer, ErrCall, ErrUnknownContact and ErrBlocked.
func (n *Node) StartCall(ctx context.Context, to []Account, o CallOptions) (CallID, error) {
	in := conference.Dial{Call: conference.NewCallID(), Media: conference.Audio, Mixers: o.Via}
	if o.Video {
		in.Media = conference.Video
	}
	switch {
	case len(o.Via) > 0 && n.config.Conference == nil:
		return CallID{}, fmt.Errorf("%w: this node reaches no mixers", ErrCall)
	case len(o.Via) > 0:
		in.Mode, in.Room, in.Key = conference.Mixed, conference.NewRoomID(), conference.NewJoinKey()
	case len(to) == 1:
		in.Mode = conference.Direct
	case len(to) < conference.MeshSize:
		in.Mode = conference.Mesh
	default:
		return CallID{}, ErrNeedsMixer
	}
	for _, a := range to {
		c := n.contact(a)
		switch {
		case c == nil || c.State == myself || c.State == Requested || c.State == Asked:
			return CallID{}, ErrUnknownContact
		case c.State == Blocked:
			return CallID{}, ErrBlocked
		}
		who := conference.Callee{Account: a}
		if in.Room != (conference.RoomID{}) {
			for _, d := range c.view.Devices() {
				k := conference.DeviceKey{Device: d.Number()}
				conference.NewJoinKey().AppendTo(k.Key[:0])
				who.Keys = append(who.Keys, k)
			}
		}
		in.Callees = append(in.Callees, who)
	}
	err := n.phone.ask(ctx, phoneInput{in: in, tokens: o.Tokens})
	return in.Call, err
}

// AnswerCall takes the call that rings. The error is ErrUnknownCall.
func (n *Node) AnswerCall(ctx context.Context, call CallID) error {
	return n.phone.ask(ctx, phoneInput{call: call, in: conference.Accept{}})
}

// HangUp leaves a call, gives it up, or declines it. The error is ErrUnknownCall.
func (n *Node) HangUp(ctx context.Context, call CallID) error {
	return n.phone.ask(ctx, phoneInput{call: call, in: conference.HangUp{}})
}

// SetVoice says what this device does with its voice in a call. The error is ErrUnknownCall.
func (n *Node) SetVoice(ctx context.Context, call CallID, s CallState) error {
	s.Unknown = ""
	return n.phone.ask(ctx, phoneInput{call: call, in: conference.Set(s)})
}

// Call returns the current call, and whether there is one; if not, the view is of the last, or empty.
func (n *Node) Call() (CallView, bool) { return n.phone.look() }

// callSignal queues a signal for a device of a contact, or with number 0 for all.
func (t *turn) callSignal(to Account, number uint8, s *conference.Signal) error {
	c, err := t.partner(to)
	if err != nil {
		return err
	}
	if c.State != Accepted {
		return ErrUnknownContact
	}
	b, err := s.AppendTo(nil)
	if err != nil {
		return err
	}
	_, m := chat.NewMessage(chat.Clock{}, t.now, 0)
	m.Kind, m.Call = chat.KindCall, &chat.Opaque{Bytes: b}
	raw, err := m.AppendTo(nil)
	if err != nil {
		return err
	}
	devices := t.devices(c)
	if number != 0 {
		if !slices.ContainsFunc(c.view.Devices(), func(d identity.Device) bool { return d.Number() == number }) {
			return ErrUnknownContact
		}
		devices = []device{{to, number}}
	}
	for _, d := range devices {
		if t.waiting(d) >= 2*MaxQueue {
			return ErrOutboxFull
		}
		if err := t.queuePost(&post{device: d, postBody: postBody{
			Conversation: chat.Direct(to), ID: m.ID, Kind: m.Kind, Message: raw, Said: millisOf(t.now),
		}}); err != nil {
			return t.fail(err)
		}
	}
	return nil
}

// clockSlack is by how much clocks may differ before a signal that came straight counts as old.
const clockSlack = 5 * time.Minute

// takeCall takes the signal of a contact's device. A call is in the history from when it rings, so that it is missed
// whatever happens then.
func (t *turn) takeCall(m *chat.Message, from chat.Author) {
	s, err := conference.ParseSignal(m.Call.Bytes)
	if err != nil {
		t.n.log.Warn("a call's signal is not as it must be", "error", err)
		return
	}
	age := max(t.now.Sub(m.Sent()), 0)
	if t.live && age < clockSlack {
		age = 0 // it did not lie anywhere: who called tells by himself when he gives up
	}
	if in := s.Invite; in != nil && (len(in.Keys) == 0 || !in.JoinKey(t.n.number).IsZero()) {
		t.noteCall(CallRecord{
			Call: s.Call, With: from.Account, Time: t.now.Add(-min(age, dedupeFor)), Reason: conference.ReasonMissed, Mode: in.Mode,
			Mixer: firstMixer(in.Mixers),
		}, false)
	}
	if s.Kind == conference.KindElsewhere && s.Elsewhere.Device != t.n.number { // it may come long after the ringing
		t.settleCall(s.Call, from.Account)
	}
	heard := conference.Heard{From: CallParty{Account: from.Account, Device: from.Device}, Signal: s, Age: age}
	t.after(func() { t.n.phone.hear(heard) })
}

func mixerName(m *Mixer) string { return cmp.Or(m.Name, m.Key.String()) }

// firstMixer names the mixer that is to carry a call, if any is.
func firstMixer(list []Mixer) string {
	if len(list) == 0 {
		return ""
	}
	return mixerName(&list[0])
}
