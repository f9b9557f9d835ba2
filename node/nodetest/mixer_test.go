package nodetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/p2p/frame"
)

// sdp is a description with a certificate, which is all that a mixer without media looks at.
func sdp(certificate byte) string {
	return fmt.Sprintf("v=0\r\na=fingerprint:sha-256 %02x%s\r\n", certificate, strings.Repeat(":00", 31))
}

// mixers are super-nodes without media, and the lane to them: each works, or does what is said of it.
type mixers struct {
	mu    sync.Mutex
	does  map[node.TransportKey]string // "down", "silent" or "full"; else it works
	legs  map[node.TransportKey]map[net.Conn]bool
	calls sync.WaitGroup
}

// mixerOf is a mixer of somebody.
func mixerOf(name string) node.Mixer {
	m := node.Mixer{Addrs: []string{"/dns/" + name}, Name: name}
	copy(m.Key[:], name)
	return m
}

func (m *mixers) set(name, does string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := mixerOf(name).Key
	if m.does[key] = does; does == "down" {
		for c := range m.legs[key] {
			_ = c.Close()
		}
	}
}

// Dial opens a stream to a mixer.
func (m *mixers) Dial(_ context.Context, key node.TransportKey, _ []string) (net.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	does := m.does[key]
	if does == "down" {
		return nil, errors.New("refused")
	}
	here, there := net.Pipe()
	m.calls.Go(func() {
		defer there.Close()
		m.serve(key, there, does)
	})
	return here, nil
}

func (m *mixers) serve(key node.TransportKey, c net.Conn, does string) {
	s := frame.New(c, conference.AskSize, time.Minute)
	hear := func() *conference.Ask {
		b, err := s.ReadWithin(time.Hour)
		if err != nil {
			return &conference.Ask{}
		}
		a, err := conference.ParseAsk(b)
		if err != nil || does == "silent" {
			_, _ = s.ReadWithin(time.Hour)
			return &conference.Ask{}
		}
		return a
	}
	say := func(r conference.Reply) {
		if b, err := r.AppendTo(nil); err == nil {
			_ = s.Write(b)
		}
	}
	switch a := hear(); {
	case does == "full" && a.Open != nil:
		say(conference.Reply{Refused: &conference.Refused{Why: conference.ErrFull}})
	case a.Open != nil:
		say(conference.Reply{Done: &conference.Done{}})
	case a.Enter != nil:
		own, err := conference.FingerprintOf(sdp(2))
		if err != nil {
			return
		}
		say(conference.Reply{Welcome: &conference.Welcome{Fingerprint: own}})
		p := hear().Prove
		if p == nil {
			return
		}
		join, err := conference.ParseJoinKey(p.Key[:])
		if err != nil {
			return
		}
		theirs, err := conference.FingerprintOf(p.Offer)
		if err != nil {
			return
		}
		m.leg(key, c, true)
		defer m.leg(key, c, false)
		say(conference.Reply{Entered: &conference.Entered{Answer: sdp(2), Proof: join.Proof(conference.Answering, theirs, own), Leg: 1}})
		_, _ = s.ReadWithin(24 * time.Hour)
	}
}

func (m *mixers) leg(key node.TransportKey, c net.Conn, in bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.legs[key] == nil {
		m.legs[key] = make(map[net.Conn]bool)
	}
	if delete(m.legs[key], c); in {
		m.legs[key][c] = true
	}
}

// TestMixers has nodes call each other through mixers of which some are down, say nothing, or are full.
func TestMixers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(1, 4)
		lane := &mixers{does: make(map[node.TransportKey]string), legs: make(map[node.TransportKey]map[net.Conn]bool)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		var people []*Person
		for _, name := range []string{"Ada", "Ben", "Cleo"} {
			p, err := w.Add(ctx, name)
			must(err)
			must(p.Stop())
			p.Config = func(c *node.Config) { c.Conference = lane }
			must(p.Start(ctx))
			people = append(people, p)
		}
		ada, ben, cleo := people[0], people[1], people[2]
		must(w.Befriend(ctx, ada, ben))
		must(w.Befriend(ctx, ada, cleo))
		must(w.Befriend(ctx, ben, cleo))
		others := []node.Account{ben.Node.Account(), cleo.Node.Account()}
		via := func(names ...string) (o node.CallOptions) {
			for _, name := range names {
				o.Via = append(o.Via, mixerOf(name))
			}
			return o
		}
		status := func(p *Person) string {
			v, _ := p.Node.Call()
			text := v.Status.String()
			if v.Mixer != nil {
				text += " at " + v.Mixer.Name
			}
			return text
		}
		until := func(want string, within time.Duration, of ...*Person) {
			t.Helper()
			short, cancel := context.WithTimeout(ctx, within)
			defer cancel()
			if err := w.Until(short, func() bool {
				for _, p := range of {
					if status(p) != want {
						return false
					}
				}
				return true
			}); err != nil {
				for _, p := range of {
					v, _ := p.Node.Call()
					t.Errorf("%s: %s, %+v", p.Name, status(p), v.Mixers)
				}
				t.Fatalf("not %s within %v", want, within)
			}
		}

		// None has room: each one's reason is told, and kept.
		lane.set("oak", "down")
		lane.set("elm", "full")
		_, err := ada.Node.StartCall(ctx, others, via("oak", "elm"))
		must(err)
		until("ended at elm", time.Second, ada)
		want := "oak cannot be reached, elm is full"
		if v, _ := ada.Node.Call(); v.Because() != want {
			t.Errorf("because %s, want %s", v.Because(), want)
		}
		synctest.Wait() // until the history is kept
		if r := ada.Node.Calls(); len(r) != 1 || r[0].Because != want || len(ben.Node.Calls()) > 0 {
			t.Errorf("the history is %+v, and Ben's %v", r, ben.Node.Calls())
		}

		// The first is down, the second says nothing, and the third has room.
		lane.set("elm", "silent")
		call, err := ada.Node.StartCall(ctx, others, via("oak", "elm", "ash", "fir"))
		must(err)
		carry(ctx, ada.Node, call, ada.Name)
		until("ringing at ash", conference.MixerTime+time.Second, ben, cleo)
		for _, p := range people[1:] {
			must(p.Node.AnswerCall(ctx, call))
			carry(ctx, p.Node, call, p.Name)
		}
		until("talking at ash", 2*time.Second, people...)

		// It is lost, for all.
		lane.set("ash", "down")
		until("talking at fir", 3*time.Second, people...)
		lane.set("ash", "")

		// The room says that Cleo is alone, and then that she is not.
		for others, alone := range []bool{true, false} {
			must(cleo.Node.ReportCall(ctx, call, cleo.Name, node.CallReport{Kind: node.ReportRoom, Others: 2 * others}))
			time.Sleep(conference.AloneTime)
			synctest.Wait()
			if v, _ := cleo.Node.Call(); v.Alone != alone {
				t.Errorf("alone: %v, want %v", v.Alone, alone)
			}
		}
		must(ada.Node.HangUp(ctx, call))
		must(ben.Node.HangUp(ctx, call))
		until("ended at fir", 5*time.Second, people...)
		synctest.Wait()
		for _, p := range people {
			if r := p.Node.Calls()[0]; r.Mixer != "fir" || r.Reason != conference.ReasonHungUp || r.Because != "" {
				t.Errorf("%s: the history says %+v", p.Name, r)
			}
		}
		must(w.Close())
		lane.calls.Wait()
	})
}
