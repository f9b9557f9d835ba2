package api

import (
	"encoding/hex"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/linnetmesh/linnet/node"
)

// shownName returns what to call a contact.
func shownName(c *node.Contact) string {
	switch {
	case c.Alias != "":
		return c.Alias
	case c.Name != "":
		return c.Name
	default:
		return c.Account.String()[:8]
	}
}

// name returns what to call an account.
func (a *at) nameOf(id node.Account) string {
	if id == a.Account() {
		name, _ := a.Name()
		return name
	}
	c, err := a.Contact(id)
	if err != nil {
		return id.String()[:8]
	}
	return shownName(&c)
}

func (a *at) viewContact(c *node.Contact) Contact {
	out := Contact{
		ID: c.Account.String(), Name: shownName(c), Alias: c.Alias, Profile: c.Name, About: c.About, Picture: PictureName(c.Picture),
		Address: c.Address.String(), State: c.State.String(), Verified: c.Verified, Since: c.Since,
	}
	for _, d := range c.Devices {
		out.Devices = append(out.Devices, int(d))
	}
	for _, awake := range a.Awake() {
		out.Awake = out.Awake || awake == c.Account
	}
	return out
}

// PictureName is what an account's picture is named by: empty if it has none.
func PictureName(h node.PictureHash) string {
	if h == (node.PictureHash{}) {
		return ""
	}
	return hex.EncodeToString(h[:16])
}

func ptr(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// viewMessage shows a message of the conversation with an account.
func (a *at) viewMessage(with node.Account, m *node.Message) Message {
	out := Message{
		ID: textOf(m.Ref.ID), With: with.String(), Author: m.Ref.Author.String(), Name: a.nameOf(m.Ref.Author), Own: m.Own,
		Time: m.Place.Time.Time(), WrongTime: m.WrongTime, Kind: "newer", Text: m.Text, Edited: m.Edited, Deleted: m.Deleted,
		Hidden: m.Hidden, Unread: a.IsUnread(m), Place: placeText(m.Place),
	}
	switch {
	case m.Kind == node.KindText:
		out.Kind = "text"
	case m.Contact != nil:
		out.Kind = "contact"
		out.Card = &Card{Name: m.Contact.Name, Address: m.Contact.Address}
	case m.Timer != nil:
		out.Kind = "timer"
	}
	if r := m.ReplyTo; r != nil {
		q := Quote{ID: textOf(r.ID), Author: r.Author.String(), Name: a.nameOf(r.Author)}
		if about, err := a.Message(with, *r); err == nil {
			q.Text = beginning(about.Text, quoteSize)
		}
		out.ReplyTo = &q
	}
	for _, r := range m.Reactions {
		out.Reactions = append(out.Reactions, Reaction{Emoji: r.Text, Author: r.Account.String(), Name: a.nameOf(r.Account), Own: r.Account == a.Account()})
	}
	if m.Own {
		out.State = m.State().String()
		next := make(map[uint8]time.Time)
		if out.State == node.Queued.String() {
			for _, w := range a.Waiting() {
				if w.Account == with {
					next[w.Device] = w.Next
				}
			}
		}
		for _, w := range m.Deliveries {
			d := Delivery{
				To: w.Account.String(), Name: a.nameOf(w.Account), Device: int(w.Device), State: w.State.String(), Why: w.Why, Reason: string(node.ReasonOf(w.Why)),
				At: ptr(w.At), Relays: len(w.Keepers),
			}
			if w.State == node.Queued {
				d.Next = ptr(next[w.Device])
			}
			for _, k := range w.Keepers {
				until := time.UnixMilli(int64(k.Until))
				if d.Until == nil || until.After(*d.Until) {
					d.Until = &until
				}
				d.Kept = append(d.Kept, Keeper{Relay: k.Relay.String(), Until: until})
			}
			out.Deliveries = append(out.Deliveries, d)
		}
	}
	return out
}

// quoteSize is how many bytes of a message are quoted.
const quoteSize = 160

// beginning returns at most n bytes of a text, whole characters.
func beginning(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

func (a *at) viewRelays() *Relays {
	out := &Relays{Relays: []Relay{}}
	for _, r := range a.Relays() {
		out.Relays = append(out.Relays, viewRelay(&r))
	}
	return out
}

func (a *at) viewCustody() (*Custody, error) {
	all, err := a.Keeping()
	out := &Custody{Relays: []Keeping{}}
	for _, k := range all {
		out.Relays = append(out.Relays, Keeping{Relay: k.Relay.String(), Messages: k.Messages, Until: k.Until})
	}
	return out, err
}

// relay returns the relay with this ID, or whose ID has this part.
func (a *at) relay(id string) (key node.TransportKey, err error) {
	found := 0
	for _, r := range a.Relays() {
		if strings.Contains(r.Key.String(), strings.ToLower(id)) {
			key = r.Key
			found++
		}
	}
	switch found {
	case 0:
		return key, node.ErrUnknownRelay
	case 1:
		return key, nil
	default:
		return key, problem(http.StatusConflict, CodeAmbiguous, "linnet relay", "several relays have that in their ID")
	}
}

func viewRelay(r *node.Relay) Relay {
	out := Relay{
		ID: r.Key.String(), Addresses: r.Addrs, State: r.State.String(), Since: r.Since, Invited: r.Invited,
		Connected: r.Connected, Listens: r.Listens, Drains: r.Drains, Ready: r.Ready, Why: r.Why, Refuses: r.Refuses, Seen: ptr(r.Seen),
		Reason: string(node.ReasonOf(r.Why)), Refusal: string(node.ReasonOf(r.Refuses)),
	}
	if r.Timed {
		ms := r.Ahead.Milliseconds()
		out.AheadMS = &ms
	}
	return out
}

func viewInvite(i *node.Invite) Invite {
	return Invite{ID: inviteID(i), Link: i.String(), Until: ptr(i.Until), Standing: i.Standing}
}
