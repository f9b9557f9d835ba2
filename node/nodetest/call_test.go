package nodetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/linnetmesh/linnet/node"
)

// carrier carries the media of a call as far as signals show it: descriptions are words, and whoever has both is up.
type carrier struct {
	call node.CallID

	mu    sync.Mutex
	peers map[node.CallParty]bool // whom we offer
	round map[node.CallParty]uint32
	voice node.CallTask
	left  []node.CallParty
	err   error
}

func (c *carrier) now() node.CallID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.call
}

// carry does the tasks of a call until it is over.
func carry(ctx context.Context, n *node.Node, call node.CallID, name string) *carrier {
	c := &carrier{call: call, peers: make(map[node.CallParty]bool), round: make(map[node.CallParty]uint32)}
	go func() {
		for after := uint64(0); ; {
			short, cancel := context.WithTimeout(ctx, 10*time.Second)
			tasks, err := n.CallTasks(short, c.now(), name, after)
			cancel()
			for _, t := range tasks {
				after = t.ID
				err = errors.Join(err, c.do(ctx, n, name, t))
				if t.Kind == node.TaskOver {
					c.mu.Lock()
					if c.call = t.Next; t.Next == (node.CallID{}) {
						c.mu.Unlock()
						return
					}
					c.mu.Unlock()
					after = 0
					break
				}
			}
			if err != nil || ctx.Err() != nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.err = err
				return
			}
		}
	}()
	return c
}

func (c *carrier) do(ctx context.Context, n *node.Node, name string, t node.CallTask) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	report := func(r node.CallReport) error {
		r.Peer = t.Peer
		call := c.call
		c.mu.Unlock()
		defer c.mu.Lock()
		if err := n.ReportCall(ctx, call, name, r); !errors.Is(err, node.ErrUnknownCall) {
			return err
		}
		return nil // it is over: the last task says so
	}
	switch t.Kind {
	case node.TaskConnect:
		c.peers[t.Peer] = t.Offer
		fallthrough
	case node.TaskRestart:
		if !c.peers[t.Peer] {
			return nil
		}
		c.round[t.Peer]++
		return report(node.CallReport{Kind: node.ReportDescription, Offer: true, Round: c.round[t.Peer], SDP: sdp(1)})
	case node.TaskDescription:
		if t.Offer {
			if err := report(node.CallReport{Kind: node.ReportDescription, Round: t.Round, SDP: "answer"}); err != nil {
				return err
			}
		}
		return report(node.CallReport{Kind: node.ReportUp})
	case node.TaskLeave:
		c.left = append(c.left, t.Peer)
	case node.TaskVoice:
		c.voice = t
	default:
	}
	return nil
}

// phone is what people do with their telephones.
func (s *story) phone(ctx context.Context, d *datadriven.TestData) (string, error) {
	p := s.person(d, 0)
	view, _ := p.Node.Call()
	start := func(call node.CallID) {
		s.lines[p.Name] = carry(s.t.Context(), p.Node, call, p.Name)
	}
	switch d.Cmd {
	case "call":
		var to []node.Account
		for i := 1; i < len(d.CmdArgs); i++ {
			to = append(to, s.person(d, i).Node.Account())
		}
		call, err := p.Node.StartCall(ctx, to, node.CallOptions{})
		if err == nil {
			start(call)
		}
		return "", err
	case "answer":
		err := p.Node.AnswerCall(ctx, view.Call)
		if err == nil {
			start(view.Call)
		}
		return "", err
	case "hangup":
		return "", p.Node.HangUp(ctx, view.Call)
	case "voice":
		return "", p.Node.SetVoice(ctx, view.Call, node.CallState{Mute: d.HasArg("mute"), Hold: d.HasArg("hold"), Hand: d.HasArg("hand")})
	case "lose": // the media stop, as whoever carries them notices
		for _, x := range view.Parties {
			if w := word(d, 1); w == "" || s.names[x.Party.Account] == w {
				if err := p.Node.ReportCall(ctx, view.Call, p.Name, node.CallReport{Kind: node.ReportDown, Peer: x.Party}); err != nil {
					return "", err
				}
				for _, q := range s.w.People {
					if other, in := q.Node.Call(); q.Awake() && q.Node.Account() == x.Party.Account && q.Node.Device() == x.Party.Device && in && other.Call == view.Call {
						self := node.CallParty{Account: p.Node.Account(), Device: p.Node.Device()}
						if err := q.Node.ReportCall(ctx, view.Call, q.Name, node.CallReport{Kind: node.ReportDown, Peer: self}); err != nil {
							return "", err
						}
					}
				}
			}
		}
		return "", nil
	case "calls":
		synctest.Wait()
		var out []string
		for _, r := range p.Node.Calls() {
			way := "from"
			if r.Outgoing {
				way = "to"
			}
			text := fmt.Sprintf("%s %s: %s", way, s.names[r.With], r.Reason)
			if r.Lasted > 0 {
				text += fmt.Sprintf(" after %d s", int(r.Lasted.Round(time.Second).Seconds()))
			}
			out = append(out, text)
		}
		if d.HasArg("count") { // of calls at once, chance says whose stays
			return fmt.Sprint(len(out)), nil
		}
		if out == nil {
			return "none", nil
		}
		return strings.Join(out, "\n"), nil
	default:
		synctest.Wait()
		view, in := p.Node.Call()
		if !in {
			if view.Reason == 0 {
				return "idle", nil
			}
			return "ended: " + view.Reason.String(), nil
		}
		out := fmt.Sprintf("%s %s", view.Status, view.Mode)
		var with []string
		for _, x := range view.Parties {
			text := s.names[x.Party.Account]
			if x.State.Mute {
				text += " (muted)"
			}
			if x.State.Hold {
				text += " (on hold)"
			}
			if x.State.Hand {
				text += " (hand up)"
			}
			with = append(with, text)
		}
		slices.Sort(with)
		if len(with) > 0 {
			out += " with " + strings.Join(with, ", ")
		}
		if c := s.lines[p.Name]; c != nil && c.call == view.Call {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.err != nil {
				return "", c.err
			}
			if c.voice.Speak {
				out += ", speaks"
			}
			if c.voice.Listen {
				out += ", listens"
			}
		}
		return out, nil
	}
}
