package api

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/linnetmesh/linnet/node"
)

// Call is a call that goes on.
type Call struct {
	ID       string     `json:"id"`
	State    string     `json:"state" enum:"calling,alerting,ringing,connecting,talking,reconnecting,ended" doc:"ringing: somebody calls, answer or hang up; alerting: it rings there"`
	Reason   string     `json:"reason,omitempty" doc:"why it ended"`
	Mode     string     `json:"mode" doc:"direct and mesh: end-to-end encrypted; mixed: the mixer hears it; forwarding"`
	Video    bool       `json:"video,omitempty"`
	Outgoing bool       `json:"outgoing,omitempty"`
	With     []CallPart `json:"with" doc:"the others that are in; of one that rings, who calls"`
	Because  string     `json:"because,omitempty" doc:"of a call that failed or was lost, what each mixer did: oak cannot be reached, elm is full"`
	Mixer    string     `json:"mixer,omitempty" doc:"whose mixer carries the call, or is to, as the caller says"`
	Mixers   []Mixer    `json:"mixers,omitempty" doc:"all that may carry the call, in the order in which they take over, in a circle"`
	Alone    string     `json:"alone,omitempty" enum:"yet,again" doc:"none of the others is in the room on the mixer, as that says: still none, or none any more; they are asked where they are"`
	Mute     bool       `json:"mute,omitempty"`
	Hold     bool       `json:"hold,omitempty"`
	Hand     bool       `json:"hand,omitempty"`
	Began    *time.Time `json:"began,omitempty" doc:"when media first flowed"`
}

// Mixer is one of the mixers that may carry a call.
type Mixer struct {
	ID    string `json:"id" doc:"transport key, hex: only who has it is this mixer"`
	Name  string `json:"name,omitempty" doc:"whose it is, as the caller says; absent: not said"`
	State string `json:"state" enum:"named,asked,ready,chosen,used,failed" doc:"named: not needed yet; asked: to open the room, by this device; ready: it is open there, in case; chosen: it is to carry the call, and its room is entered, or will be when the call is taken; used: it carries the call, and hears it; failed: tried in vain by this device, or lost"`
	Why   string `json:"why,omitempty" doc:"it failed, when it last did: cannot be reached"`
}

// CallPart is another device in a call.
type CallPart struct {
	ID     string `json:"id" doc:"account key, hex"`
	Name   string `json:"name"`
	Device int    `json:"device"`
	Mute   bool   `json:"mute,omitempty"`
	Hold   bool   `json:"hold,omitempty"`
	Hand   bool   `json:"hand,omitempty"`
	Up     bool   `json:"up,omitempty" doc:"media flow between it and this device"`
}

// PastCall is an entry of the history of calls.
type PastCall struct {
	ID       string    `json:"id"`
	With     string    `json:"with" doc:"account key, hex: who called, or the first that was called"`
	Name     string    `json:"name"`
	Others   int       `json:"others,omitempty" doc:"how many more were called"`
	Outgoing bool      `json:"outgoing,omitempty"`
	Time     time.Time `json:"time"`
	Reason   string    `json:"reason" doc:"hung up, declined, busy, cancelled, no answer, missed, answered elsewhere, failed, lost"`
	Seconds  int       `json:"seconds,omitempty" doc:"since media first flowed"`
	Because  string    `json:"because,omitempty" doc:"of one that failed or was lost, what each mixer did"`
	Mixer    string    `json:"mixer,omitempty" doc:"whose mixer carried it last, as the caller said"`
}

// CallTask is something that who carries the media of a call is to do.
type CallTask struct {
	ID      uint64   `json:"id"`
	Kind    string   `json:"kind" enum:"connect,description,candidates,restart,leave,voice,show,rekey,take key,drop key,over"`
	Peer    string   `json:"peer,omitempty" doc:"the other end of the link; absent: the room on a mixer"`
	Offer   bool     `json:"offer,omitempty" doc:"of connect: make an offer; of description: it is one"`
	Video   bool     `json:"video,omitempty"`
	Round   uint32   `json:"round,omitempty" doc:"of a description: an answer repeats the offer's"`
	SDP     string   `json:"sdp,omitempty"`
	Lines   []string `json:"lines,omitempty" doc:"candidates"`
	Last    bool     `json:"last,omitempty"`
	Speak   bool     `json:"speak,omitempty"`
	Listen  bool     `json:"listen,omitempty"`
	Mute    bool     `json:"mute,omitempty"`
	Hold    bool     `json:"hold,omitempty"`
	Hand    bool     `json:"hand,omitempty"`
	Key     []byte   `json:"key,omitempty"`
	Reason  string   `json:"reason,omitempty" doc:"of over"`
	Because string   `json:"because,omitempty" doc:"of over: what each mixer did, if it failed or was lost"`
	Next    string   `json:"next,omitempty" doc:"of over: the call that took its place, since both called at once"`
}

// callRoutes serves calls.
func (s *Server) callRoutes() {
	handle(s, ListCalls, func(ctx context.Context, in *InAccount) (*Calls, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		return a.viewCalls(), nil
	})
	handle(s, StartCall, s.startCall)
	handle(s, AnswerCall, func(ctx context.Context, in *InCall) (*Call, error) {
		return s.changeCall(ctx, in, (*node.Node).AnswerCall)
	})
	handle(s, HangUp, func(ctx context.Context, in *InCall) (*Call, error) {
		return s.changeCall(ctx, in, (*node.Node).HangUp)
	})
	handle(s, SetVoice, func(ctx context.Context, in *InVoice) (*Call, error) {
		return s.changeCall(ctx, &in.InCall, func(n *node.Node, ctx context.Context, call node.CallID) error {
			return n.SetVoice(ctx, call, node.CallState{Mute: in.Body.Mute, Hold: in.Body.Hold, Hand: in.Body.Hand})
		})
	})
	handle(s, GetCallTasks, func(ctx context.Context, in *InCallTasks) (*CallTasks, error) {
		a, call, err := s.call(ctx, &in.InCall)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, time.Duration(in.Wait)*time.Second)
		defer cancel()
		tasks, err := a.CallTasks(ctx, call, in.Holder, in.After)
		out := &CallTasks{Tasks: []CallTask{}}
		for i := range tasks {
			out.Tasks = append(out.Tasks, viewTask(&tasks[i]))
		}
		return out, err
	})
	handle(s, ReportCall, func(ctx context.Context, in *InReportCall) (*Done, error) {
		a, call, err := s.call(ctx, &in.InCall)
		if err != nil {
			return nil, err
		}
		b := &in.Body
		peer, ok := parsePeer(b.Peer)
		if !ok {
			return nil, problem(400, CodeInvalid, "", "that is no peer of a call")
		}
		return done(a.ReportCall(ctx, call, b.Holder, node.CallReport{
			Kind: node.ReportKind(b.Kind), Peer: peer, Offer: b.Offer, Round: b.Round, SDP: b.SDP, Lines: b.Lines, Last: b.Last, Key: b.Key,
			Others: b.Others,
		}))
	})
}

func (s *Server) startCall(ctx context.Context, in *InStartCall) (*Call, error) {
	a, err := s.in(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	o := node.CallOptions{Video: in.Body.Video, Tokens: make(map[node.TransportKey]string)}
	for _, text := range in.Body.Via {
		m, token, err := node.ParseMixer(text)
		if err != nil {
			return nil, err
		}
		o.Via = append(o.Via, m)
		o.Tokens[m.Key] = token
	}
	var to []node.Account
	for _, text := range in.Body.Contacts {
		c, err := a.contact(text)
		if err != nil {
			return nil, err
		}
		to = append(to, c.Account)
	}
	if _, err := a.StartCall(ctx, to, o); err != nil {
		return nil, err
	}
	return a.currentCall(), nil
}

// call returns the account and the call that are meant; - is the current call.
func (s *Server) call(ctx context.Context, in *InCall) (*at, node.CallID, error) {
	a, err := s.in(ctx, in.Account)
	if err != nil {
		return nil, node.CallID{}, err
	}
	if in.Call == "-" {
		view, ok := a.Call()
		if !ok {
			return nil, node.CallID{}, node.ErrUnknownCall
		}
		return a, view.Call, nil
	}
	b, err := hex.DecodeString(in.Call)
	if err != nil || len(b) != len(node.CallID{}) {
		return nil, node.CallID{}, node.ErrUnknownCall
	}
	return a, node.CallID(b), nil
}

func (s *Server) changeCall(ctx context.Context, in *InCall, do func(*node.Node, context.Context, node.CallID) error) (*Call, error) {
	a, call, err := s.call(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := do(a.Node, ctx, call); err != nil {
		return nil, err
	}
	return a.currentCall(), nil
}

// currentCall shows the current call, or the last.
func (a *at) currentCall() *Call {
	v, in := a.Call()
	out := &Call{
		ID: v.Call.String(), State: v.Status.String(), Mode: v.Mode.String(), Video: v.Media.String() == "video", Outgoing: v.Outgoing,
		Mute: v.Own.Mute, Hold: v.Own.Hold, Hand: v.Own.Hand, Began: ptr(v.Began), With: []CallPart{},
	}
	if !in {
		out.Reason, out.Because = v.Reason.String(), v.Because()
	}
	for _, p := range v.Parties {
		out.With = append(out.With, CallPart{
			ID: p.Party.Account.String(), Name: a.nameOf(p.Party.Account), Device: int(p.Party.Device), Mute: p.State.Mute, Hold: p.State.Hold,
			Hand: p.State.Hand, Up: p.Up,
		})
	}
	if m := v.Mixer; m != nil {
		if out.Mixer = m.Name; m.Name == "" {
			out.Mixer = m.Key.String()
		}
	}
	switch {
	case v.Alone && v.Met:
		out.Alone = "again"
	case v.Alone:
		out.Alone = "yet"
	}
	for i := range v.Mixers {
		m := &v.Mixers[i]
		out.Mixers = append(out.Mixers, Mixer{ID: m.Mixer.Key.String(), Name: m.Mixer.Name, State: m.State.String(), Why: m.Why})
	}
	return out
}

func (a *at) viewCalls() *Calls {
	out := &Calls{Calls: []PastCall{}}
	if v, in := a.Call(); in && (a.allows(v.Caller.Account) || len(a.caller.chats) == 0) {
		out.Current = a.currentCall()
	}
	for _, r := range a.Calls() {
		if a.allows(r.With) {
			out.Calls = append(out.Calls, PastCall{
				ID: r.Call.String(), With: r.With.String(), Name: a.nameOf(r.With), Others: int(r.Others), Outgoing: r.Outgoing, Time: r.Time,
				Reason: r.Reason.String(), Seconds: int(r.Lasted.Seconds()), Because: r.Because, Mixer: r.Mixer,
			})
		}
	}
	return out
}

func viewTask(t *node.CallTask) CallTask {
	out := CallTask{
		ID: t.ID, Kind: string(t.Kind), Peer: peerText(t.Peer), Offer: t.Offer, Video: t.Video, Round: t.Round, SDP: t.SDP, Lines: t.Lines,
		Last: t.Last, Speak: t.Speak, Listen: t.Listen, Mute: t.State.Mute, Hold: t.State.Hold, Hand: t.State.Hand, Key: t.Key, Reason: t.Reason,
		Because: t.Because,
	}
	if t.Next != (node.CallID{}) {
		out.Next = t.Next.String()
	}
	return out
}

// peerText names a party: account in hex, a dot, the number of the device. The room has the empty name.
func peerText(p node.CallParty) string {
	if p.IsZero() {
		return ""
	}
	return p.Account.String() + "." + strconv.Itoa(int(p.Device))
}

func parsePeer(text string) (p node.CallParty, ok bool) {
	if text == "" {
		return p, true
	}
	account, number, _ := strings.Cut(text, ".")
	n, err := strconv.ParseUint(number, 10, 7)
	if err != nil || p.Account.UnmarshalText([]byte(account)) != nil {
		return node.CallParty{}, false
	}
	p.Device = uint8(n)
	return p, true
}
