package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/linnetmesh/linnet/node"
)

// chatRoutes serves what a page needs beside contacts and messages.
func (s *Server) chatRoutes() {
	handle(s, GetChat, func(ctx context.Context, in *InContact) (*Chat, error) {
		a, c, err := s.with(ctx, in)
		if err != nil {
			return nil, err
		}
		return a.showChat(c)
	})
	handle(s, ChangeChat, s.changeChat)
	handle(s, GetPrivacy, func(ctx context.Context, in *InAccount) (*Privacy, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		p, err := a.Privacy()
		return &Privacy{NoReceipts: p.NoReceipts, NoTyping: p.NoTyping}, err
	})
	handle(s, SetPrivacy, func(ctx context.Context, in *InSetPrivacy) (*Privacy, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		return &in.Body, a.SetPrivacy(ctx, node.Privacy{NoReceipts: in.Body.NoReceipts, NoTyping: in.Body.NoTyping})
	})
	handle(s, GetStorage, func(ctx context.Context, in *InAccount) (*Storage, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		out := new(Storage)
		out.Bytes, out.Free = a.Storage()
		return out, nil
	})
	handle(s, Inspect, s.inspect)
}

// viewChat shows a conversation.
func (a *at) viewChat(c *node.Chat) (Chat, error) {
	out := Chat{With: a.viewContact(&c.With), Unread: c.Unread}
	if c.Last != nil {
		m := a.viewMessage(c.With.Account, c.Last)
		out.Last = &m
	}
	choices, err := a.Choices(c.With.Account)
	if err != nil {
		return out, err
	}
	out.Pinned, out.Archived, out.Marked, out.Draft = choices.Pinned, choices.Archived, choices.Marked, choices.Draft
	if time.Now().Before(choices.Muted) {
		out.Muted = &choices.Muted
	}
	return out, nil
}

func (a *at) showChat(with node.Contact) (*Chat, error) {
	c := node.Chat{With: with}
	newest, err := a.Newest(with.Account, 1)
	if err != nil {
		return nil, err
	}
	if len(newest) > 0 {
		c.Last = &newest[0]
		if c.Unread, err = a.Unread(with.Account); err != nil {
			return nil, err
		}
	}
	return value(a.viewChat(&c))
}

func (s *Server) changeChat(ctx context.Context, in *InChangeChat) (*Chat, error) {
	a, c, err := s.with(ctx, &in.InContact)
	if err != nil {
		return nil, err
	}
	set := func(to, from *bool) {
		if from != nil {
			*to = *from
		}
	}
	if _, err := a.Choose(ctx, c.Account, func(x *node.Choices) {
		set(&x.Pinned, in.Body.Pinned)
		set(&x.Archived, in.Body.Archived)
		set(&x.Marked, in.Body.Marked)
		if until := in.Body.Muted; until != nil {
			x.Muted = time.Time{}
			if time.Now().Before(*until) {
				x.Muted = *until
			}
		}
		if in.Body.Draft != nil {
			x.Draft = *in.Body.Draft
		}
	}); err != nil {
		return nil, err
	}
	out, err := a.showChat(c)
	if err == nil {
		s.ring.add(Event{Type: "chat", Time: time.Now(), Account: a.name, With: out.With.ID, Name: out.With.Name, Chat: out})
	}
	return out, err
}

// history reads a part of a conversation, the newest first, whichever way it was asked for.
func (a *at) history(with node.Account, in *InHistory) (*Page, error) {
	before, err := parsePlace(in.Before)
	if err != nil {
		return nil, err
	}
	after, err := parsePlace(in.After)
	if err != nil {
		return nil, err
	}
	if !in.Since.IsZero() {
		after = node.PlaceAt(in.Since)
	}
	upwards := after != (node.Place{})
	var all []node.Message
	if upwards {
		all, err = a.MessagesAfter(with, after, in.Limit)
		slices.Reverse(all)
	} else {
		all, err = a.Messages(with, before, in.Limit)
	}
	if err != nil {
		return nil, err
	}
	out := &Page{Messages: []Message{}}
	for i := range all {
		out.Messages = append(out.Messages, a.viewMessage(with, &all[i]))
	}
	switch {
	case len(all) == 0:
	case upwards && len(all) == in.Limit:
		out.After, out.Before = out.Messages[0].Place, out.Messages[len(all)-1].Place
	case upwards || len(all) == in.Limit:
		out.Before = out.Messages[len(all)-1].Place
	}
	return out, nil
}

func (s *Server) inspect(ctx context.Context, in *InInspect) (*Inspected, error) {
	a, err := s.in(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	i, err := node.ParseInvite(in.Body.Invite)
	if err != nil {
		return nil, err
	}
	id := i.Address.Account
	out := &Inspected{ID: id.String(), Self: id == a.Account(), Bare: len(i.Token) == 0, Until: ptr(i.Until), Over: i.Over(time.Now())}
	if c, err := a.Contact(id); err == nil {
		show := a.viewContact(&c)
		out.Known = &show
	}
	return out, nil
}

// draw draws a QR code.
func draw(text string) (*Drawn, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil, problem(400, CodeInvalid, "", "that does not fit into a QR code")
	}
	out := new(Drawn)
	for y := range code.Size {
		var row strings.Builder
		for x := range code.Size {
			if code.Black(x, y) {
				row.WriteByte('1')
			} else {
				row.WriteByte('0')
			}
		}
		out.Rows = append(out.Rows, row.String())
	}
	return out, nil
}
