package node

import (
	"context"

	"github.com/linnetmesh/linnet/node/chat"
)

// SetProfile says how the account is called, and tells all contacts. The limits are those of chat.Profile.
func (n *Node) SetProfile(ctx context.Context, name, about string) error {
	return n.run(ctx, func(t *turn) error {
		s := t.getSelf().clone()
		_, m := chat.NewMessage(chat.Clock{}, t.now, s.Profile)
		m.Kind, m.Profile = chat.KindProfile, &chat.Profile{Name: name, About: about}
		if _, err := m.AppendTo(nil); err != nil {
			return err
		}
		s.Name, s.About, s.Profile = name, about, m.Time
		t.putSelf(s)
		t.after(n.tellProfiles)
		return nil
	})
}

// tellProfile tells a contact how this account is called.
func (t *turn) tellProfile(c *contact) error {
	s := t.getSelf()
	_, err := t.say(c, s.Profile-1, 0, func(m *chat.Message) {
		m.Kind, m.Profile = chat.KindProfile, &chat.Profile{Name: s.Name, About: s.About, Avatar: s.Picture}
	})
	if c = t.contact(c.account); err == nil && c.Told != s.Profile {
		c = c.clone()
		c.Told = s.Profile
		t.putContact(c)
	}
	return err
}

// introduce tells a new contact how this account is called, and how it looks.
func (t *turn) introduce(c *contact) error {
	if err := t.tellProfile(c); err != nil || t.getSelf().Picture == (PictureHash{}) {
		return err
	}
	return t.tellPicture(t.contact(c.account))
}

// tellProfiles tells the contacts that do not know it how this account is called now.
func (n *Node) tellProfiles() {
	latest := n.currentSelf().Profile
	n.each(func(c *contact) bool { return c.State == Accepted && c.Told < latest }, (*turn).tellProfile)
}
