package node

import (
	"context"
	"time"

	"github.com/linnetmesh/linnet/conference"
)

// TaskKind says what who carries the media of a call is to do.
type TaskKind string

// The tasks.
const (
	TaskConnect     TaskKind = "connect"     // begin a link to Peer, with an offer if Offer
	TaskDescription TaskKind = "description" // Peer says an offer (if Offer) or an answer: SDP, of Round
	TaskCandidates  TaskKind = "candidates"  // Peer found Lines, of Round, all if Last
	TaskRestart     TaskKind = "restart"     // seek another way to Peer: who offered offers again
	TaskLeave       TaskKind = "leave"       // end the link to Peer
	TaskVoice       TaskKind = "voice"       // send what the microphone hears if Speak, play what comes if Listen
	TaskShow        TaskKind = "show"        // tell the room State over the data channel
	TaskRekey       TaskKind = "rekey"       // make a media key and report it
	TaskTakeKey     TaskKind = "take key"    // Key is Peer's media key
	TaskDropKey     TaskKind = "drop key"    // forget the media keys of Peer
	TaskOver        TaskKind = "over"        // the call is over: Reason, Because; or it became Next, since both called at once
)

// CallTask is something to be done with media. Which fields are set, TaskKind says. The zero Peer is the room on a mixer.
type CallTask struct {
	ID            uint64 // rising, from 1 in each call
	Kind          TaskKind
	Peer          CallParty
	Offer, Video  bool
	Round         uint32
	SDP           string
	Lines         []string
	Last          bool
	Speak, Listen bool
	State         CallState
	Key           []byte
	Reason        string
	Because       string
	Next          CallID
}

// ReportKind says what who carries the media tells.
type ReportKind string

// The reports.
const (
	ReportUp          ReportKind = "up"          // media flow from and to Peer
	ReportDown        ReportKind = "down"        // they stopped
	ReportDescription ReportKind = "description" // an offer (if Offer) or answer for Peer: SDP, of Round
	ReportCandidates  ReportKind = "candidates"  // found Lines for Peer, of Round, all if Last
	ReportKey         ReportKind = "key"         // Key is the own new media key
	ReportRoom        ReportKind = "room"        // the room on the mixer says that so many Others are in it
)

// CallReport is what who carries the media tells. The zero Peer is the room on a mixer.
type CallReport struct {
	Kind   ReportKind
	Peer   CallParty
	Offer  bool
	Round  uint32
	SDP    string
	Lines  []string
	Last   bool
	Key    []byte
	Others int
}

// Bounds of who carries media.
const (
	seatTasks    = 256              // that wait to be taken
	seatPatience = 15 * time.Second // for who does not ask for tasks any more
)

// seat is where the tasks of a call wait for who carries its media. The phone's mutex guards it.
type seat struct {
	call   CallID
	holder string
	tasks  []CallTask
	last   uint64
	more   chan struct{} // closed when there are more, and made anew
	asking int
	asked  time.Time // when somebody last did
	full   bool
	over   bool
}

// gone returns when the seat counts as left, or was; zero if it does not.
func (s *seat) gone() time.Time {
	switch {
	case s.full:
		return s.asked
	case s.holder == "" || s.asking > 0 || s.over:
		return time.Time{}
	}
	return s.asked.Add(seatPatience)
}

// sit makes a seat for another call.
func (p *phone) sit(call CallID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seat != nil {
		if !p.seat.over {
			p.seat.add(CallTask{Kind: TaskOver, Next: call})
		}
	}
	p.seat = &seat{call: call, more: make(chan struct{}), asked: time.Now()}
}

func (s *seat) add(t CallTask) {
	if s.over {
		return
	}
	s.over = t.Kind == TaskOver
	if len(s.tasks) >= seatTasks && !s.over {
		s.full = true // it is given up: see phone.deserted
		return
	}
	s.last++
	t.ID = s.last
	s.tasks = append(s.tasks, t)
	close(s.more)
	s.more = make(chan struct{})
}

// assign has something done by who carries the media.
func (p *phone) assign(call CallID, t CallTask) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seat != nil && p.seat.call == call {
		p.seat.add(t)
	}
}

// take sits down, or stays. The error is ErrCallSeat.
func (s *seat) take(holder string) error {
	if s.holder == "" {
		s.holder = holder
	}
	if s.holder != holder || holder == "" {
		return ErrCallSeat
	}
	s.asked = time.Now()
	return nil
}

// CallTasks returns what is to be done for the media of a call after a task, in order, and waits for it: until ctx ends, when
// it returns none. Who calls it first carries the media, and names itself by holder, any text that nobody else has; asking
// for what comes after a task tells that it was done. Whoever does not ask again for 15 s hangs up. The last task of a
// call is TaskOver. The errors are ErrUnknownCall, ErrCallSeat and ErrStopped.
func (n *Node) CallTasks(ctx context.Context, call CallID, holder string, after uint64) ([]CallTask, error) {
	p := &n.phone
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.seat
	if s == nil || s.call != call {
		return nil, ErrUnknownCall
	}
	if err := s.take(holder); err != nil {
		return nil, err
	}
	for len(s.tasks) > 1 && s.tasks[0].ID <= after || len(s.tasks) == 1 && !s.over && s.tasks[0].ID <= after {
		s.tasks = s.tasks[1:]
	}
	if len(s.tasks) == 0 {
		more := s.more
		s.asking++
		p.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
		case <-n.stop:
			p.mu.Lock()
			return nil, ErrStopped
		}
		p.mu.Lock()
		s.asking--
		s.asked = time.Now()
		if s.asking == 0 {
			p.hear(nil) // it counts from now on when nobody asks
		}
	}
	return append([]CallTask(nil), s.tasks...), nil
}

// ReportCall tells what became of the tasks of a call. The errors are ErrUnknownCall and ErrCallSeat.
func (n *Node) ReportCall(ctx context.Context, call CallID, holder string, r CallReport) error {
	p := &n.phone
	p.mu.Lock()
	s := p.seat
	if s == nil || s.call != call {
		p.mu.Unlock()
		return ErrUnknownCall
	}
	err := s.take(holder)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	return p.ask(ctx, phoneInput{call: call, media: &r})
}

// report takes what who carries the media tells.
func (p *phone) report(ctx context.Context, r *CallReport) error {
	switch r.Kind {
	case ReportUp:
		p.step(ctx, conference.LinkUp{Peer: r.Peer})
	case ReportDown:
		p.step(ctx, conference.LinkDown{Peer: r.Peer})
	case ReportDescription:
		if r.SDP == "" || len(r.SDP) > conference.SDPSize {
			return ErrCall
		}
		if r.Peer.IsZero() {
			return p.offerRoom(ctx, r)
		}
		d := conference.Description{Type: conference.Answer, Round: r.Round, SDP: r.SDP}
		if r.Offer {
			d.Type = conference.Offer
		}
		p.step(ctx, conference.Described{Peer: r.Peer, Description: d})
	case ReportCandidates:
		p.step(ctx, conference.Found{Peer: r.Peer, Candidates: conference.Candidates{Round: r.Round, Lines: r.Lines, Last: r.Last}})
	case ReportRoom:
		if !r.Peer.IsZero() || r.Others < 0 {
			return ErrCall
		}
		p.step(ctx, conference.Company{Others: r.Others})
	case ReportKey:
		p.step(ctx, conference.MadeKey{Key: r.Key})
	default:
		return ErrCall
	}
	return nil
}

// taskOf returns an action of the line as a task.
func taskOf(a conference.Action) (t CallTask) {
	switch a := a.(type) {
	case conference.Connect:
		t = CallTask{Kind: TaskConnect, Peer: a.Peer, Offer: a.Offer, Video: a.Media == conference.Video}
	case conference.Apply:
		if d := a.Signal.Description; d != nil {
			t = CallTask{Kind: TaskDescription, Peer: a.Peer, Offer: d.Type == conference.Offer, Round: d.Round, SDP: d.SDP}
		} else if c := a.Signal.Candidates; c != nil {
			t = CallTask{Kind: TaskCandidates, Peer: a.Peer, Round: c.Round, Lines: c.Lines, Last: c.Last}
		}
	case conference.Restart:
		t = CallTask{Kind: TaskRestart, Peer: a.Peer}
	case conference.Voice:
		t = CallTask{Kind: TaskVoice, Speak: a.Speak, Listen: a.Listen}
	case conference.Show:
		t = CallTask{Kind: TaskShow, State: CallState(a)}
	case conference.Rekey:
		t = CallTask{Kind: TaskRekey}
	case conference.TakeKey:
		t = CallTask{Kind: TaskTakeKey, Peer: a.From, Key: a.Key}
	case conference.DropKey:
		t = CallTask{Kind: TaskDropKey, Peer: a.Of}
	case conference.Send, conference.Finish, conference.Ring, conference.Wake, conference.Open, conference.Join, conference.Leave:
	}
	return t
}
