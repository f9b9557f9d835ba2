package chat_test

import (
	"fmt"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// Ada says something to Ben, who reacts. Errors are left out.
func Example() {
	now := time.Date(2027, 1, 15, 8, 0, 0, 0, time.UTC)
	ada, ben := chat.Author{Account: identity.Account{1}, Device: 1}, chat.Author{Account: identity.Account{2}, Device: 1}
	var adas, bens chat.Clock

	adas, m := chat.NewMessage(adas, now, 0)
	m.Kind, m.Text = chat.KindText, &chat.Text{Text: "hello, Ben"}
	message, _ := m.AppendTo(nil)                                                  // once
	plaintext, _ := (&chat.Plaintext{Sequence: 1, Message: message}).AppendTo(nil) // for each device

	p, _ := chat.ParsePlaintext(plaintext)
	got, _ := chat.ParseMessage(p.Message)
	var c chat.Conversation // of p.ConversationOf(got, ada.Account, ben.Account)
	_ = c.Apply(got, ada, now)
	bens = bens.Witness(got.Time, now)

	bens, r := chat.NewMessage(bens, now, 0)
	r.Kind = chat.KindReaction
	r.Reaction = &chat.Reaction{Target: chat.Ref{Author: ada.Account, ID: got.ID}, Emoji: "👋"}
	_ = c.Apply(r, ben, now)
	fmt.Println(r.Time > got.Time, bens.Last() == r.Time, adas.Last() == m.Time)

	for _, l := range c.Lines(ben.Account, now) {
		fmt.Println(l.Text, l.Reactions[0].Text)
	}
	// Output:
	// true true true
	// hello, Ben 👋
}
