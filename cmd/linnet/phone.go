package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmesh/linnet/conference/headless"
	"github.com/linnetmesh/linnet/conference/rtc"
	"github.com/linnetmesh/linnet/node/api"
)

func newCall() *cobra.Command {
	c := asking("call @CONTACT…", "Call somebody", `Call calls contacts and carries the voice of the call: it says what --play names, and keeps what it hears in --record.
One is called straight and up to three in a mesh, end-to-end encrypted; more, or all with --via, through a mixer, which hears the
call: the first of those named that has room, and the next when it is lost. What becomes of them is said as it happens. It ends when the file was played, when --for is over, on Ctrl+C, or when the others leave.

With linnet call answer the call that rings is taken in the same way.`, 1, 127, func(ctx context.Context, t *talk, args []string) error {
		in := api.InStartCall{InAccount: t.at()}
		in.Body.Contacts = args
		via, err := t.flags.Flags().GetStringArray("via")
		if err != nil {
			return err
		}
		if len(via) > maxMixers {
			return &usageError{fmt.Sprintf("--via: %d mixers, at most %d", len(via), maxMixers)}
		}
		for _, text := range via {
			address, err := mixerAddress(text)
			if err != nil {
				return err
			}
			in.Body.Via = append(in.Body.Via, address)
		}
		p, err := t.phone()
		if err != nil {
			return err
		}
		call, err := api.StartCall.Call(ctx, t.Client, in)
		if err != nil {
			return errors.Join(err, p.endpoint.Close())
		}
		return p.carry(ctx, call)
	})
	withVoice(c)
	c.Flags().StringArray("via", nil, "address of a mixer, as linnet-mixer prints it, or a file that holds it; given up to four times, the next takes over when one is down or lost")
	answer := asking("answer", "Take the call that rings", `Answer takes the call that rings. With --wait it waits for one.`, 0, 0,
		func(ctx context.Context, t *talk, _ []string) error {
			p, err := t.phone()
			if err != nil {
				return err
			}
			if wait := t.span("wait"); wait > 0 {
				if err := t.ringing(ctx, wait); err != nil {
					return errors.Join(err, p.endpoint.Close())
				}
			}
			call, err := api.AnswerCall.Call(ctx, t.Client, t.current())
			if err != nil {
				return errors.Join(err, p.endpoint.Close())
			}
			return p.carry(ctx, call)
		})
	withVoice(answer)
	answer.Flags().Duration("wait", 0, "wait so long for a call")
	hangUp := asking("hangup", "Leave, give up or decline the call", "Hangup ends the call here, whatever its state.", 0, 0,
		func(ctx context.Context, t *talk, _ []string) error {
			call, err := api.HangUp.Call(ctx, t.Client, t.current())
			if err != nil {
				return err
			}
			return t.say(call, func(w io.Writer) { printCall(w, call) })
		})
	hangUp.Aliases = []string{"decline"}
	voice := asking("voice", "Mute, hold, raise the hand", "Voice says what is done with the own voice from now on: nothing of it without a flag.", 0, 0,
		func(ctx context.Context, t *talk, _ []string) error {
			in := api.InVoice{InCall: t.current()}
			in.Body.Mute, in.Body.Hold, in.Body.Hand = t.bool("mute"), t.bool("hold"), t.bool("hand")
			call, err := api.SetVoice.Call(ctx, t.Client, in)
			if err != nil {
				return err
			}
			return t.say(call, func(w io.Writer) { printCall(w, call) })
		})
	voice.Flags().Bool("mute", false, "do not speak")
	voice.Flags().Bool("hold", false, "neither speak nor listen")
	voice.Flags().Bool("hand", false, "want to speak")
	c.AddCommand(answer, hangUp, voice)
	return c
}

func newCalls() *cobra.Command {
	return asking("calls", "Tell of the current call and of those that were", `Calls prints the call that goes on and the last ones, the newest first.`, 0, 0,
		func(ctx context.Context, t *talk, _ []string) error {
			all, err := api.ListCalls.Call(ctx, t.Client, t.at())
			if err != nil {
				return err
			}
			return t.say(all, func(w io.Writer) {
				if all.Current != nil {
					printCall(w, all.Current)
				}
				for i := range all.Calls {
					printPast(w, &all.Calls[i], time.Now())
				}
				if all.Current == nil && len(all.Calls) == 0 {
					fmt.Fprintln(w, "None yet. linnet call @CONTACT calls somebody.")
				}
			})
		})
}

func withVoice(c *cobra.Command) {
	c.Flags().String("play", "", "WAV or Ogg Opus file to say")
	c.Flags().Bool("loop", false, "say it again and again")
	c.Flags().String("record", "", "file to keep what is heard in: Ogg Opus if it ends in .ogg or .opus, else WAV")
	c.Flags().Duration("for", 0, "hang up so long after it was taken")
}

func (t *talk) current() api.InCall { return api.InCall{InAccount: t.at(), Call: "-"} }

// maxMixers is how many mixers a call may have, one after the other.
const maxMixers = 4

// maxMixerFile is how large the file with the address of a mixer may be.
const maxMixerFile = 4 << 10

// mixerAddress returns the address of a mixer, which may lie in a file: it can hold a token.
func mixerAddress(text string) (string, error) {
	if strings.HasPrefix(text, "linnet:") {
		return text, nil
	}
	no := &usageError{"--via is no address of a mixer, nor a file that holds one: " + text}
	f, err := os.Open(text)
	if err != nil {
		return "", no
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxMixerFile+1))
	if err != nil || len(b) > maxMixerFile {
		return "", no
	}
	return strings.TrimSpace(string(b)), nil
}

// ringing waits until a call rings.
func (t *talk) ringing(ctx context.Context, wait time.Duration) error {
	short, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		all, err := api.ListCalls.Call(ctx, t.Client, t.at())
		if err != nil || all.Current != nil && all.Current.State == "ringing" {
			return err
		}
		select {
		case <-short.Done():
			if ctx.Err() != nil {
				return errInterrupted
			}
			return &api.Problem{Code: api.CodeNotFound, Detail: "nobody called"}
		case <-tick.C:
		}
	}
}

// phone is linnet call while it carries the voice of a call.
type phone struct {
	*talk
	endpoint *rtc.Endpoint
	voice    *headless.Phone
	holder   string
	record   string
	limit    time.Duration
	over     *api.CallTask // the last task

	mu    sync.Mutex
	call  string
	shown map[string]string // what was last said of each mixer
	alone string            // and of who is there
}

// phone reads what is to be said, and makes ready to carry a call.
func (t *talk) phone() (*phone, error) {
	p := &phone{talk: t, holder: rand.Text(), shown: make(map[string]string), record: t.text("record"), limit: t.span("for")}
	cfg := headless.PhoneConfig{Loop: t.bool("loop"), Record: p.record != "", Tell: p.tell}
	if play := t.text("play"); play != "" {
		var err error
		if cfg.Play, err = headless.ReadFile(play); err != nil {
			return nil, err
		}
	}
	var err error
	if p.endpoint, err = rtc.Listen(rtc.Config{Loopback: true}); err != nil {
		return nil, err
	}
	cfg.Endpoint = p.endpoint
	p.voice = headless.NewPhone(cfg)
	return p, nil
}

// tell brings what became of a task to the daemon.
func (p *phone) tell(ctx context.Context, r headless.Report) error {
	in := api.InReportCall{InCall: api.InCall{InAccount: p.at(), Call: "-"}}
	in.Body.Holder, in.Body.Peer = p.holder, r.Peer
	switch {
	case r.Room:
		in.Body.Kind, in.Body.Others = "room", r.Others
	case r.SDP != "":
		in.Body.Kind, in.Body.SDP, in.Body.Offer, in.Body.Round = "description", r.SDP, r.Offer, r.Round
	case r.Up:
		in.Body.Kind = "up"
	default:
		in.Body.Kind = "down"
	}
	_, err := api.ReportCall.Call(ctx, p.Client, in)
	var problem *api.Problem
	if errors.As(err, &problem) && problem.Code == api.CodeNotFound {
		return nil // the call is over: the last task says so
	}
	return err
}

// carry carries a call until it is over, and writes down what was heard.
func (p *phone) carry(ctx context.Context, call *api.Call) (err error) {
	p.setCall(call.ID)
	defer func() { err = errors.Join(err, p.endpoint.Close()) }()
	life, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.limit > 0 {
		life, cancel = context.WithTimeout(life, p.limit)
		defer cancel()
	}
	played := make(chan error, 1)
	go func() {
		played <- p.voice.Run(life)
		cancel() // said all there was to say
	}()
	told := make(chan struct{})
	go func() {
		defer close(told)
		p.follow(life)
	}()
	reason, err := p.work(life)
	cancel()
	<-told
	err = errors.Join(err, <-played)
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	if reason == "" {
		over, hangUp := api.HangUp.Call(last, p.Client, p.current())
		if hangUp == nil {
			reason = over.Reason
		}
	}
	if p.record != "" {
		if heard := p.voice.Heard(); len(heard) > 0 {
			err = errors.Join(err, headless.WriteFile(p.record, heard))
		}
	}
	counts := p.voice.Counts()
	if err == nil && ctx.Err() != nil {
		err = errInterrupted
	}
	if err != nil {
		return err
	}
	because := ""
	if p.over != nil {
		because = p.over.Because
	}
	why := whyOver(reason, because)
	if counts.HeardPackets == 0 && reason != "hung up" {
		return &api.Problem{Code: api.CodeBlocked, Detail: "no call: " + why, Hint: "linnet calls"}
	}
	return p.say(struct {
		ID      string `json:"id"`
		Reason  string `json:"reason"`
		Because string `json:"because,omitempty"`
		Sent    uint64 `json:"sent_bytes"`
		Heard   uint64 `json:"heard_bytes"`
	}{p.call, reason, because, counts.SentBytes, counts.HeardBytes}, func(w io.Writer) {
		fmt.Fprintf(w, "%s: sent %d kB, heard %d kB\n", why, counts.SentBytes/1000, counts.HeardBytes/1000)
	})
}

// whyOver says why a call is over.
func whyOver(reason, because string) string {
	if because == "" {
		return reason
	}
	return reason + " because " + line1(because)
}

func (p *phone) setCall(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call = id
}

// follow says what becomes of the mixers of the call, until ctx ends.
func (p *phone) follow(ctx context.Context) {
	p.look(ctx)
	// Without events, who carries the call still looks whenever there is something to do.
	_ = p.Watch(ctx, "", p.account, func(e api.Event) error {
		if e.Type == "call" {
			p.look(ctx)
		}
		return nil
	})
}

// look says what is new about the mixers of the call.
func (p *phone) look(ctx context.Context) {
	all, err := api.ListCalls.Call(ctx, p.Client, p.at())
	if err != nil || all.Current == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if all.Current.ID == p.call {
		printMixers(p.flags.ErrOrStderr(), all.Current.Mixers, p.shown)
		if all.Current.Alone != p.alone {
			p.alone = all.Current.Alone
			fmt.Fprintln(p.flags.ErrOrStderr(), aloneWords(p.alone))
		}
	}
}

// printMixers says what is new about mixers since it was last shown: which failed and why, and which one hears the call.
func printMixers(w io.Writer, mixers []api.Mixer, shown map[string]string) {
	for _, pass := range []string{"failed", "used"} { // first what failed, then what came of it
		for i := range mixers {
			m := &mixers[i]
			if m.State == "used" != (pass == "used") {
				continue
			}
			text := ""
			switch {
			case m.State == "used":
				text = "carries the call, and hears it"
			case m.Why != "":
				text = line1(m.Why)
			}
			if text != "" && text != shown[m.ID] {
				fmt.Fprintf(w, "The mixer of %s %s.\n", whose(m), text)
			}
			shown[m.ID] = text
		}
	}
}

// aloneWords says whether others are where the call is.
func aloneWords(alone string) string {
	switch alone {
	case "":
		return "Others are there now."
	case "yet":
		return "None of the others is there yet: they are asked where they are."
	default:
		return "None of the others is there any more: they are asked where they are."
	}
}

// whose says whose a mixer is, or how its key begins.
func whose(m *api.Mixer) string {
	if m.Name == "" {
		return m.ID[:min(len(m.ID), 8)]
	}
	return line1(m.Name)
}

// work does the tasks of the call until it is over, and returns why, or nothing if ctx ended.
func (p *phone) work(ctx context.Context) (string, error) {
	for after := uint64(0); ; {
		in := api.InCallTasks{InCall: api.InCall{InAccount: p.at(), Call: p.call}, Holder: p.holder, After: after, Wait: 5}
		out, err := api.GetCallTasks.Call(ctx, p.Client, in)
		if ctx.Err() != nil {
			return "", nil //nolint:nilerr // it ends in good order
		}
		if err != nil {
			return "", err
		}
		p.look(ctx)
		for i := range out.Tasks {
			t := &out.Tasks[i]
			after = t.ID
			if t.Kind != "over" {
				p.do(ctx, t)
				continue
			}
			if t.Next == "" {
				p.over = t
				return t.Reason, nil
			}
			after = 0 // both called at once
			p.setCall(t.Next)
			break
		}
	}
}

// do does a task. What fails there, the call tries again by itself, or gives up with a reason.
func (p *phone) do(ctx context.Context, t *api.CallTask) {
	var err error
	switch t.Kind {
	case "connect":
		err = p.voice.Connect(ctx, t.Peer, t.Offer)
	case "description":
		err = p.voice.Describe(ctx, t.Peer, t.SDP, t.Offer, t.Round)
	case "restart":
		err = p.voice.Restart(ctx, t.Peer)
	case "leave":
		p.voice.Leave(t.Peer)
	case "voice":
		p.voice.SetVoice(t.Speak, t.Listen)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(p.flags.ErrOrStderr(), "The voice found no way (%s: %s); it is sought again.\n", t.Kind, line1(err.Error()))
	}
}

func printCall(w io.Writer, c *api.Call) {
	var with []string
	for _, p := range c.With {
		text := line1(p.Name)
		for _, does := range []struct {
			is   bool
			word string
		}{{p.Mute, "muted"}, {p.Hold, "on hold"}, {p.Hand, "hand up"}} {
			if does.is {
				text += " (" + does.word + ")"
			}
		}
		with = append(with, text)
	}
	text := c.State
	if c.Reason != "" {
		text += ": " + whyOver(c.Reason, c.Because)
	}
	fmt.Fprintf(w, "%s  %s", text, c.Mode)
	if len(with) > 0 {
		fmt.Fprintf(w, "  %s", strings.Join(with, ", "))
	}
	fmt.Fprintln(w)
	if c.Alone != "" {
		fmt.Fprintln(w, "  "+aloneWords(c.Alone))
	}
	for i := range c.Mixers {
		m := &c.Mixers[i]
		fmt.Fprintf(w, "  the mixer of %s %s\n", whose(m), mixerWords(m))
	}
}

// mixerWords says what a mixer does for the call.
func mixerWords(m *api.Mixer) string {
	switch m.State {
	case "used":
		return "carries the call, and hears it"
	case "chosen":
		return "is to carry the call, and will hear it"
	case "asked":
		return "is asked to open a room"
	case "failed":
		return line1(m.Why)
	default:
		return "takes over if it must"
	}
}

func printPast(w io.Writer, c *api.PastCall, now time.Time) {
	way, name := "from", line1(c.Name)
	if c.Outgoing {
		way = "to"
	}
	if c.Others > 0 {
		name = fmt.Sprintf("%s and %d more", name, c.Others)
	}
	fmt.Fprintf(w, "%-12s %-4s %s  %s", when(c.Time, now), way, name, whyOver(c.Reason, c.Because))
	if c.Seconds > 0 {
		fmt.Fprintf(w, ", %s", time.Duration(c.Seconds)*time.Second)
	}
	fmt.Fprintln(w)
}
