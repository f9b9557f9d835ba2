package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/linnetmesh/linnet/node"
)

// routes serves all operations.
func (s *Server) routes() {
	handle(s, GetStatus, func(context.Context, *InNone) (*Status, error) { return s.status(), nil })
	handle(s, GetDoctor, func(ctx context.Context, in *InDoctor) (*Report, error) {
		r, err := s.daemon.Doctor(ctx, in.Report)
		return &r, err
	})
	handle(s, Stop, func(context.Context, *InNone) (*Done, error) {
		s.daemon.Stop()
		return &Done{true}, nil
	})
	handle(s, ListAccounts, func(context.Context, *InNone) (*Accounts, error) { return &Accounts{s.daemon.Accounts()}, nil })
	handle(s, CreateAccount, func(ctx context.Context, in *InCreate) (*Account, error) { return value(s.daemon.Create(ctx, in)) })
	handle(s, Unlock, func(ctx context.Context, in *InUnlock) (*Account, error) {
		return value(s.daemon.Unlock(ctx, in))
	})
	handle(s, SetPassphrase, func(ctx context.Context, in *InPassphrase) (*Done, error) {
		return done(s.daemon.SetPassphrase(ctx, in))
	})
	handle(s, OpenPage, func(context.Context, *InNone) (*Login, error) { return s.openPage() })
	handle(s, DrawQR, func(_ context.Context, in *InDraw) (*Drawn, error) { return draw(in.Body.Text) })
	handle(s, ListTokens, func(context.Context, *InNone) (*Tokens, error) { return &Tokens{s.tokens.list()}, nil })
	handle(s, MakeToken, s.makeToken)
	handle(s, DropToken, func(_ context.Context, in *InToken) (*Done, error) { return done(s.tokens.drop(in.Token)) })
	s.accountRoutes()
	s.backupRoutes()
	s.contactRoutes()
	s.chatRoutes()
	s.callRoutes()
	s.messageRoutes()
}

// changed tells who watches that an account looks different.
func (s *Server) changed() { s.ring.add(Event{Type: "account", Time: time.Now()}) }

// viewPicture shows a picture, which this node has encoded, and nobody else.
func viewPicture(image []byte, err error) (*Picture, error) {
	return &Picture{Name: PictureName(sha256.Sum256(image)), Type: "image/jpeg", Image: image}, err
}

// done and value make what handlers return of what methods do.
func done(err error) (*Done, error) { return &Done{err == nil}, err }

func value[T any](v T, err error) (*T, error) { return &v, err }

func (s *Server) status() *Status {
	st := s.daemon.Status()
	for i := range st.Accounts {
		a := &st.Accounts[i]
		n, err := s.daemon.Node(a.Name)
		if err != nil {
			continue
		}
		in := &at{n, a.Name, &caller{scope: Admin}}
		if made, ok := n.LastBackup(); ok {
			a.Backup = &made
		}
		for _, w := range n.Waiting() {
			if w.Account == n.Account() {
				continue
			}
			x := Waiting{To: w.Account.String(), Name: in.nameOf(w.Account), Device: int(w.Device), Messages: w.Posts, Kept: w.Kept, Why: w.Why, Reason: string(node.ReasonOf(w.Why)), Next: ptr(w.Next)}
			if ref, since, ok := n.Oldest(w.Account, w.Device); ok {
				x.First, x.Since = textOf(ref.ID), &since
				if m, err := n.Message(w.Account, ref); err == nil && w.Kept > 0 {
					for _, d := range in.viewMessage(w.Account, &m).Deliveries {
						if d.Device == x.Device {
							x.Keepers = d.Kept
						}
					}
				}
			}
			a.Waiting = append(a.Waiting, x)
		}
		slices.SortFunc(a.Waiting, func(x, y Waiting) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Device, y.Device)) })
		for _, id := range n.Awake() {
			if c, err := n.Contact(id); err == nil {
				a.Awake = append(a.Awake, in.viewContact(&c))
			}
		}
	}
	return &st
}

func (s *Server) makeToken(ctx context.Context, in *InMakeToken) (*Token, error) {
	k := Token{Name: in.Body.Name, Scope: in.Body.Scope, Account: in.Body.Account}
	if k.Account != "" || len(in.Body.Chats) > 0 {
		a, err := s.in(ctx, k.Account)
		if err != nil {
			return nil, err
		}
		k.Account = a.name
		for _, text := range in.Body.Chats {
			c, err := a.contact(text)
			if err != nil {
				return nil, err
			}
			k.Chats = append(k.Chats, c.Account.String())
		}
	}
	return value(s.tokens.make(k, time.Duration(in.Body.Seconds)*time.Second))
}

func (s *Server) accountRoutes() {
	account := func(ctx context.Context, name string) (*Account, error) {
		c := callerOf(ctx)
		if name == "-" && c.account != "" {
			name = c.account
		}
		for _, a := range s.daemon.Accounts() {
			if (a.Name == name || name == "-") && (c.account == "" || c.account == a.Name) {
				return &a, nil
			}
		}
		return nil, problem(404, CodeNoAccount, "linnet account", "there is no account %q on this machine", name)
	}
	handle(s, GetAccount, func(ctx context.Context, in *InAccount) (*Account, error) { return account(ctx, in.Account) })
	handle(s, SetProfile, func(ctx context.Context, in *InProfile) (*Account, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		if err := a.SetProfile(ctx, in.Body.Display, in.Body.About); err != nil {
			return nil, err
		}
		s.changed()
		return account(ctx, a.name)
	})
	picture := func(ctx context.Context, name string, file []byte) (*Account, error) {
		a, err := s.in(ctx, name)
		if err != nil {
			return nil, err
		}
		if err := a.SetPicture(ctx, file); err != nil {
			return nil, err
		}
		s.changed()
		return account(ctx, a.name)
	}
	handle(s, SetPicture, func(ctx context.Context, in *InPicture) (*Account, error) {
		if len(in.Body.Image) == 0 {
			return nil, node.ErrPicture
		}
		return picture(ctx, in.Account, in.Body.Image)
	})
	handle(s, DropPicture, func(ctx context.Context, in *InAccount) (*Account, error) { return picture(ctx, in.Account, nil) })
	handle(s, GetPicture, func(ctx context.Context, in *InAccount) (*Picture, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		return viewPicture(a.Picture(a.Account()))
	})
	handle(s, ContactPicture, func(ctx context.Context, in *InContact) (*Picture, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		c, err := a.contact(in.Contact)
		if err != nil {
			return nil, err
		}
		return viewPicture(a.Picture(c.Account))
	})
	handle(s, GetWords, func(ctx context.Context, in *InAccount) (*Words, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		w, err := a.Words()
		return &Words{w}, err
	})
	handle(s, ConfirmWords, func(ctx context.Context, in *InConfirmWords) (*Done, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		return done(a.ConfirmWords(ctx, in.Body.Words))
	})
	handle(s, ListRelays, func(ctx context.Context, in *InAccount) (*Relays, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		return a.viewRelays(), nil
	})
	handle(s, AddRelay, func(ctx context.Context, in *InAddRelay) (*Relays, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		if _, err := a.AddRelay(ctx, in.Body.Address); err != nil {
			return nil, err
		}
		return a.viewRelays(), nil
	})
	handle(s, RemoveRelay, func(ctx context.Context, in *InRelay) (*Relays, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		key, err := a.relay(in.Relay)
		if err != nil {
			return nil, err
		}
		if err := a.RemoveRelay(ctx, key); err != nil {
			return nil, err
		}
		return a.viewRelays(), nil
	})
	handle(s, GetCustody, func(ctx context.Context, in *InAccount) (*Custody, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		return a.viewCustody()
	})
	handle(s, ListInvites, func(ctx context.Context, in *InAccount) (*Invites, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		all, err := a.Invites()
		if err != nil {
			return nil, err
		}
		out := &Invites{Invites: []Invite{}}
		for i := range all {
			out.Invites = append(out.Invites, viewInvite(&all[i]))
		}
		return out, nil
	})
	handle(s, MakeInvite, func(ctx context.Context, in *InMakeInvite) (*Invite, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		life := inviteLife
		if in.Body.Seconds != nil {
			life = time.Duration(*in.Body.Seconds) * time.Second
		}
		i, err := a.Invite(ctx, life, in.Body.Standing)
		if err != nil {
			return nil, err
		}
		v := viewInvite(i)
		return &v, nil
	})
	handle(s, RevokeInvite, func(ctx context.Context, in *InInvite) (*Done, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		all, err := a.Invites()
		if err != nil {
			return nil, err
		}
		for i := range all {
			if inviteID(&all[i]) == in.Invite {
				return done(a.RevokeInvite(ctx, all[i].Token))
			}
		}
		return nil, problem(404, CodeNotFound, "linnet invite list", "no such invite")
	})
}

// inviteLife is how long an invite is good if nobody says.
const inviteLife = 24 * time.Hour

// inviteID names an invite where its link must not be seen.
func inviteID(i *node.Invite) string {
	sum := sha256.Sum256(i.Token)
	return hex.EncodeToString(sum[:4])
}

func (s *Server) contactRoutes() {
	handle(s, ListContacts, func(ctx context.Context, in *InContacts) (*Contacts, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		out := &Contacts{Contacts: []Contact{}}
		for _, c := range a.Contacts() {
			if a.allows(c.Account) && (in.State == "" || in.State == c.State.String()) {
				out.Contacts = append(out.Contacts, a.viewContact(&c))
			}
		}
		return out, nil
	})
	handle(s, AddContact, func(ctx context.Context, in *InAdd) (*Contact, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		id, err := s.daemon.Add(ctx, a.name, in.Body.Invite)
		if err != nil {
			return nil, err
		}
		if in.Body.Alias != "" {
			if err := a.SetAlias(ctx, id, in.Body.Alias); err != nil {
				return nil, err
			}
		}
		return a.showContact(id)
	})
	handle(s, GetContact, func(ctx context.Context, in *InContact) (*Contact, error) {
		a, c, err := s.with(ctx, in)
		if err != nil {
			return nil, err
		}
		v := a.viewContact(&c)
		v.Number, err = a.SafetyNumber(c.Account)
		return &v, err
	})
	handle(s, ChangeContact, s.changeContact)
	handle(s, AcceptRequest, func(ctx context.Context, in *InContact) (*Contact, error) {
		a, c, err := s.with(ctx, in)
		if err != nil {
			return nil, err
		}
		if err := a.Accept(ctx, c.Account); err != nil {
			return nil, err
		}
		return a.showContact(c.Account)
	})
	handle(s, RemoveContact, func(ctx context.Context, in *InContact) (*Done, error) {
		a, c, err := s.with(ctx, in)
		if err != nil {
			return nil, err
		}
		return done(a.Remove(ctx, c.Account))
	})
	handle(s, ListChats, func(ctx context.Context, in *InAccount) (*Chats, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		all, err := a.Chats()
		if err != nil {
			return nil, err
		}
		out := &Chats{Chats: []Chat{}}
		for i := range all {
			if !a.allows(all[i].With.Account) {
				continue
			}
			c, err := a.viewChat(&all[i])
			if err != nil {
				return nil, err
			}
			out.Chats = append(out.Chats, c)
		}
		return out, nil
	})
}

func (s *Server) changeContact(ctx context.Context, in *InChangeContact) (*Contact, error) {
	a, c, err := s.with(ctx, &in.InContact)
	if err != nil {
		return nil, err
	}
	if v := in.Body.Alias; v != nil {
		if err := a.SetAlias(ctx, c.Account, *v); err != nil {
			return nil, err
		}
	}
	if v := in.Body.Verified; v != nil {
		if err := a.SetVerified(ctx, c.Account, *v); err != nil {
			return nil, err
		}
	}
	if v := in.Body.Blocked; v != nil && *v != (c.State == node.Blocked) {
		change := a.Block
		if !*v {
			change = a.Unblock
		}
		if err := change(ctx, c.Account); err != nil {
			return nil, err
		}
	}
	return a.showContact(c.Account)
}

// with returns the account and the contact of a call.
func (s *Server) with(ctx context.Context, in *InContact) (*at, node.Contact, error) {
	a, err := s.in(ctx, in.Account)
	if err != nil {
		return nil, node.Contact{}, err
	}
	c, err := a.contact(in.Contact)
	return a, c, err
}

func (a *at) showContact(id node.Account) (*Contact, error) {
	c, err := a.Contact(id)
	if err != nil {
		return nil, err
	}
	v := a.viewContact(&c)
	return &v, nil
}

func (a *at) showMessage(with node.Account, ref node.Ref) (*Message, error) {
	m, err := a.Message(with, ref)
	if err != nil {
		return nil, err
	}
	v := a.viewMessage(with, &m)
	return &v, nil
}

func (s *Server) messageRoutes() {
	handle(s, GetHistory, func(ctx context.Context, in *InHistory) (*Page, error) {
		a, c, err := s.with(ctx, &in.InContact)
		if err != nil {
			return nil, err
		}
		return a.history(c.Account, in)
	})
	handle(s, SendMessage, s.send)
	handle(s, MarkRead, func(ctx context.Context, in *InMarkRead) (*Done, error) {
		a, c, err := s.with(ctx, &in.InContact)
		if err != nil {
			return nil, err
		}
		if len(in.Body.Messages) == 0 {
			return done(a.MarkAllRead(ctx, c.Account))
		}
		var ids []node.MessageID
		for _, text := range in.Body.Messages {
			with, m, err := a.message(text)
			if err != nil {
				return nil, err
			}
			if with.Account != c.Account || m.Own {
				return nil, problem(400, CodeInvalid, "", "message %s did not come from this contact", text)
			}
			ids = append(ids, m.Ref.ID)
		}
		return done(a.MarkRead(ctx, c.Account, ids...))
	})
	handle(s, SetTyping, s.weak((*node.Node).Typing))
	handle(s, SetPresence, s.weak((*node.Node).Presence))
	handle(s, SearchMessages, s.search)
	handle(s, GetMessage, func(ctx context.Context, in *InMessage) (*Message, error) {
		a, c, m, err := s.about(ctx, in)
		if err != nil {
			return nil, err
		}
		v := a.viewMessage(c.Account, &m)
		return &v, nil
	})
	handle(s, EditMessage, func(ctx context.Context, in *InEdit) (*Message, error) {
		a, c, m, err := s.about(ctx, &in.InMessage)
		if err != nil {
			return nil, err
		}
		if !m.Own {
			return nil, problem(400, CodeInvalid, "", "only own messages can be edited")
		}
		if err := a.Edit(ctx, c.Account, m.Ref.ID, in.Body.Text); err != nil {
			return nil, err
		}
		return a.showMessage(c.Account, m.Ref)
	})
	handle(s, DeleteMessage, func(ctx context.Context, in *InDelete) (*Done, error) {
		a, c, m, err := s.about(ctx, &in.InMessage)
		if err != nil {
			return nil, err
		}
		if !in.Everyone {
			return done(a.Erase(ctx, c.Account, m.Ref))
		}
		if !m.Own {
			return nil, problem(400, CodeInvalid, "without --everyone it goes from this device alone", "only own messages can be taken back from everyone")
		}
		return done(a.Delete(ctx, c.Account, m.Ref.ID))
	})
	handle(s, React, func(ctx context.Context, in *InReact) (*Message, error) {
		a, c, m, err := s.about(ctx, &in.InMessage)
		if err != nil {
			return nil, err
		}
		if err := a.React(ctx, c.Account, m.Ref, in.Body.Emoji); err != nil {
			return nil, err
		}
		return a.showMessage(c.Account, m.Ref)
	})
	handle(s, RetryMessage, func(ctx context.Context, in *InMessage) (*Message, error) {
		a, c, m, err := s.about(ctx, in)
		if err != nil {
			return nil, err
		}
		if m.State() != node.Failed {
			return nil, problem(409, CodeConflict, "linnet why ID", "the message did not fail")
		}
		if err := a.TryAgain(ctx, c.Account, m.Ref.ID); err != nil {
			return nil, err
		}
		return a.showMessage(c.Account, m.Ref)
	})
}

// about returns the account, the conversation and the message of a call.
func (s *Server) about(ctx context.Context, in *InMessage) (*at, node.Contact, node.Message, error) {
	a, err := s.in(ctx, in.Account)
	if err != nil {
		return nil, node.Contact{}, node.Message{}, err
	}
	c, m, err := a.message(in.Message)
	return a, c, m, err
}

func (s *Server) send(ctx context.Context, in *InSend) (*Message, error) {
	a, c, err := s.with(ctx, &in.InContact)
	if err != nil {
		return nil, err
	}
	var reply node.Ref
	if in.Body.Reply != "" {
		with, m, err := a.message(in.Body.Reply)
		if err != nil {
			return nil, err
		}
		if with.Account != c.Account {
			return nil, problem(400, CodeInvalid, "", "message %s is of another conversation", in.Body.Reply)
		}
		reply = m.Ref
	}
	var ref node.Ref
	if in.Key == "" {
		ref, err = a.Send(ctx, c.Account, in.Body.Text, reply)
	} else {
		ref, err = a.SendOnce(ctx, c.Account, in.Body.Text, reply, in.Key)
	}
	if err != nil {
		return nil, err
	}
	return a.showMessage(c.Account, ref)
}

func (s *Server) weak(tell func(*node.Node, context.Context, node.Account, bool) error) func(context.Context, *InWeak) (*Done, error) {
	return func(ctx context.Context, in *InWeak) (*Done, error) {
		a, c, err := s.with(ctx, &in.InContact)
		if err != nil {
			return nil, err
		}
		return done(tell(a.Node, ctx, c.Account, in.Body.On))
	}
}

func (s *Server) search(ctx context.Context, in *InSearch) (*Page, error) {
	a, err := s.in(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	var with node.Account
	if in.With != "" {
		c, err := a.contact(in.With)
		if err != nil {
			return nil, err
		}
		with = c.Account
	}
	out := &Page{Messages: []Message{}}
	err = a.Search(ctx, strings.TrimSpace(in.Text), with, func(id node.ConversationID, m node.Message) bool {
		if in.Skip > 0 && a.allows(node.Account(id)) {
			in.Skip--
		} else if a.allows(node.Account(id)) {
			out.Messages = append(out.Messages, a.viewMessage(node.Account(id), &m))
		}
		return len(out.Messages) < in.Limit
	})
	return out, err
}
