package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/node"
)

// Rules of event streams.
const (
	heartbeat     = 15 * time.Second
	writePatience = 10 * time.Second // how long a reader may be stuck
)

// Run collects the events of all accounts until ctx ends. Streams of events end with it. It is called once.
func (s *Server) Run(ctx context.Context) error {
	defer close(s.end)
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(map[*node.Node]bool)
	for {
		accounts := s.daemon.Accounts()
		running := make(map[*node.Node]bool)
		for _, a := range accounts {
			n, err := s.daemon.Node(a.Name)
			if err != nil {
				continue
			}
			running[n] = true
			if !watched[n] {
				watched[n] = true
				all.Go(func() { s.collect(ctx, &at{n, a.Name, &caller{scope: Admin}}) })
			}
		}
		for n := range watched {
			if !running[n] {
				delete(watched, n)
			}
		}
		select {
		case <-s.daemon.Changed():
			s.ring.add(Event{Type: "account", Time: time.Now()})
		case <-ctx.Done():
			return nil
		}
	}
}

// collect takes the events of a node until it ends.
func (s *Server) collect(ctx context.Context, a *at) {
	last := a.LastEvent()
	for ctx.Err() == nil {
		err := a.Watch(ctx, last, func(e node.Event) error {
			last = e.ID
			if v, ok := a.viewEvent(&e); ok {
				s.ring.add(v)
			}
			return nil
		})
		if !errors.Is(err, node.ErrResync) {
			return
		}
		last = a.LastEvent()
		s.ring.add(Event{Type: "resync", Time: time.Now(), Account: a.name})
	}
}

// viewEvent shows an event, with the message as it is now. It is false for what no face needs.
func (a *at) viewEvent(e *node.Event) (Event, bool) {
	v := Event{Type: e.Kind.String(), Time: e.Time, Account: a.name}
	switch e.Kind {
	case node.EventMessage, node.EventDelivery:
		with := node.Account(e.Conversation)
		v.With, v.Name = with.String(), a.nameOf(with)
		m, err := a.Message(with, e.Ref)
		if err != nil {
			v.Gone = textOf(e.Ref.ID)
			return v, e.Kind == node.EventMessage
		}
		show := a.viewMessage(with, &m)
		v.Message = &show
	case node.EventContact:
		v.With, v.Name = e.Account.String(), a.nameOf(e.Account)
		if c, err := a.Contact(e.Account); err == nil {
			show := a.viewContact(&c)
			v.Contact = &show
		}
	case node.EventTyping, node.EventPresence:
		v.With, v.Name, v.On = e.Account.String(), a.nameOf(e.Account), e.On
	case node.EventWaiting:
		v.With, v.Name = e.Account.String(), a.nameOf(e.Account)
	case node.EventRelay:
	case node.EventCall:
		v.Call = a.currentCall()
		v.With, v.Name = e.Account.String(), a.nameOf(e.Account)
	default:
		return v, false
	}
	return v, true
}

// serveEvents streams events, as text/event-stream.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		refuse(w, problem(http.StatusMethodNotAllowed, CodeNotFound, "", "events are read with GET"))
		return
	}
	if !c.may(Read) {
		refuse(w, problem(http.StatusForbidden, CodeScope, "", "this takes a token of scope read"))
		return
	}
	account := r.URL.Query().Get("account")
	if c.account != "" {
		if account != "" && account != c.account {
			refuse(w, problem(http.StatusForbidden, CodeScope, "", "the token is for another account"))
			return
		}
		account = c.account
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		refuse(w, problem(http.StatusTooManyRequests, CodeRate, "", "too many streams of events"))
		return
	}
	out := &stream{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	last, known := s.ring.newest(), true
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		last, known = s.ring.parse(id)
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	if err := out.comment(); err != nil {
		return
	}
	for {
		events, more, ok := s.ring.after(last)
		if !known || !ok {
			last, known = s.ring.newest(), true
			if out.write(textOfEvent(&Event{ID: s.ring.id(last), Type: "resync", Time: time.Now()})) != nil {
				return
			}
			continue
		}
		for i := range events {
			e := &events[i]
			last++
			if account != "" && e.account != "" && e.account != account || len(c.chats) > 0 && !slices.Contains(c.chats, e.with) && e.kind != "resync" {
				continue
			}
			if out.write(e.text) != nil {
				return
			}
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-more:
		case <-beat.C:
			if out.comment() != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-s.end:
			return
		}
	}
}

// stream writes events. Who does not read for writePatience is cut off.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (t *stream) comment() error { return t.write([]byte(": \n\n")) }

func (t *stream) write(text []byte) error {
	_ = t.control.SetWriteDeadline(time.Now().Add(writePatience)) // not every listener can
	if _, err := t.w.Write(text); err != nil {
		return err
	}
	return t.control.Flush()
}
