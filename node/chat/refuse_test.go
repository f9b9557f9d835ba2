package chat

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// wrong has one fault per row; without it the message is the sample of that name.
var wrong = []struct {
	fault, of string
	spoil     func(*Message)
	want      error
}{
	{"no ID", "text", func(m *Message) { m.ID = ID{} }, ErrMessage},
	{"no time", "text", func(m *Message) { m.Time = 0 }, ErrMessage},
	{"clock beyond 48 bits", "text", func(m *Message) { m.Ahead = 1 << 48 }, ErrMessage},
	{"kind below", "unknown kind", func(m *Message) { m.Kind = 9 }, ErrMessage},
	{"kind above", "unknown kind", func(m *Message) { m.Kind = 128 }, ErrMessage},
	{"two bodies", "text", func(m *Message) { m.Call = &Opaque{Bytes: []byte{1}} }, ErrMessage},
	{"no body", "text", func(m *Message) { m.Text = nil }, ErrMessage},
	{"known body of an unknown kind", "unknown kind", func(m *Message) { m.Text = &Text{Text: "x"} }, ErrMessage},
	{"known body of a reserved kind", "roster, reserved", func(m *Message) { m.Text = &Text{Text: "x"} }, ErrMessage},
	{"empty text", "text", func(m *Message) { m.Text.Text = "" }, ErrMessage},
	{"text too long", "text", func(m *Message) { m.Text.Text = strings.Repeat("x", TextSize+1) }, identity.ErrSize},
	{"text not UTF-8", "text", func(m *Message) { m.Text.Text = "\xff" }, identity.ErrMalformed},
	{"reply to nobody", "reply", func(m *Message) { m.ReplyTo.Author = identity.Account{} }, ErrMessage},
	{"reply to nothing", "reply", func(m *Message) { m.ReplyTo.ID = ID{} }, ErrMessage},
	{"timer of no time", "text with everything", func(m *Message) { m.Timer.Seconds = 0 }, ErrMessage},
	{"timer of years", "text with everything", func(m *Message) { m.Timer.Seconds = 366*86400 + 1 }, ErrMessage},
	{"timer from something new", "text with everything", func(m *Message) { m.Timer.From = 2 }, identity.ErrNewer},
	{"attachment without hash", "text with everything", func(m *Message) { m.Attachments[1].Hash = [32]byte{} }, ErrMessage},
	{"too many attachments", "attachment without text", func(m *Message) {
		m.Attachments = append(m.Attachments, make([]Attachment, 16)...)
		for i := range m.Attachments {
			m.Attachments[i].Hash = fill(1)
		}
	}, identity.ErrSize},
	{"attachment's name too long", "text with everything", func(m *Message) { m.Attachments[0].Name = strings.Repeat("x", 256) }, identity.ErrSize},
	{"attachment's type too long", "text with everything", func(m *Message) { m.Attachments[0].Type = strings.Repeat("x", 128) }, identity.ErrSize},
	{"attachment's place too long", "text with everything", func(m *Message) { m.Attachments[0].Place = make([]byte, 1025) }, identity.ErrSize},
	{"thumbnail too large", "text with everything", func(m *Message) { m.Attachments[0].Thumbnail = make([]byte, 4097) }, identity.ErrSize},
	{"waveform too long", "text with everything", func(m *Message) { m.Attachments[0].Waveform = make([]byte, 129) }, identity.ErrSize},
	{"parts fit, the whole does not", "text with everything", func(m *Message) {
		for i := range 14 {
			m.Attachments = append(m.Attachments, Attachment{Hash: fill(byte(i + 1)), Thumbnail: make([]byte, 4096)})
		}
	}, identity.ErrSize},
	{"reaction to nobody", "reaction", func(m *Message) { m.Reaction.Target.Author = identity.Account{} }, ErrMessage},
	{"reaction to nothing", "reaction", func(m *Message) { m.Reaction.Target.ID = ID{} }, ErrMessage},
	{"reaction with a space", "reaction", func(m *Message) { m.Reaction.Emoji = "a b" }, ErrMessage},
	{"reaction with a control", "reaction", func(m *Message) { m.Reaction.Emoji = "\x00" }, ErrMessage},
	{"reaction too long", "reaction", func(m *Message) { m.Reaction.Emoji = strings.Repeat("x", 65) }, identity.ErrSize},
	{"reaction with a timer", "reaction", func(m *Message) { m.Timer = &Timer{Seconds: 1} }, ErrMessage},
	{"reaction to view once", "reaction", func(m *Message) { m.ViewOnce = true }, ErrMessage},
	{"contact with an attachment", "contact", func(m *Message) { m.Attachments = []Attachment{{Hash: fill(1)}} }, ErrMessage},
	{"edit with a reply", "edit", func(m *Message) { m.ReplyTo = &Ref{Author: ada, ID: id(1)} }, ErrMessage},
	{"edit of nothing", "edit", func(m *Message) { m.Edit.Target = ID{} }, ErrMessage},
	{"edit to nothing", "edit", func(m *Message) { m.Edit.Text = "" }, ErrMessage},
	{"edit too long", "edit", func(m *Message) { m.Edit.Text = strings.Repeat("x", TextSize+1) }, identity.ErrSize},
	{"delete none", "delete", func(m *Message) { m.Delete.Targets = nil }, ErrMessage},
	{"delete nothing", "delete", func(m *Message) { m.Delete.Targets[1] = ID{} }, ErrMessage},
	{"delete too many", "delete", func(m *Message) { m.Delete.Targets = make([]ID, 257); fillIDs(m.Delete.Targets) }, identity.ErrSize},
	{"receipt for nobody", "receipt", func(m *Message) { m.Receipt.Author = identity.Account{} }, ErrMessage},
	{"receipt of none", "receipt", func(m *Message) { *m.Receipt = Receipt{Author: ada} }, ErrMessage},
	{"delivered nothing", "receipt", func(m *Message) { m.Receipt.Delivered[0] = ID{} }, ErrMessage},
	{"read nothing", "receipt", func(m *Message) { m.Receipt.Read[0] = ID{} }, ErrMessage},
	{"viewed nothing", "receipt", func(m *Message) { m.Receipt.Viewed[0] = ID{} }, ErrMessage},
	{"delivered too many", "receipt", func(m *Message) { m.Receipt.Delivered = make([]ID, 257); fillIDs(m.Receipt.Delivered) }, identity.ErrSize},
	{"contact without address", "contact", func(m *Message) { m.Contact.Address = "" }, ErrMessage},
	{"contact's address too long", "contact", func(m *Message) { m.Contact.Address = strings.Repeat("x", 161) }, identity.ErrSize},
	{"contact's name too long", "contact", func(m *Message) { m.Contact.Name = strings.Repeat("x", 129) }, identity.ErrSize},
	{"name too long", "profile", func(m *Message) { m.Profile.Name = strings.Repeat("x", 129) }, identity.ErrSize},
	{"about too long", "profile", func(m *Message) { m.Profile.About = strings.Repeat("x", 513) }, identity.ErrSize},
	{"avatar too large", "avatar", func(m *Message) { m.Avatar.Image = make([]byte, AvatarSize+1) }, identity.ErrSize},
	{"timer change of years", "timer", func(m *Message) { m.NewTimer.Seconds = 366*86400 + 1 }, ErrMessage},
	{"timer change from something new", "timer", func(m *Message) { m.NewTimer.From = 2 }, identity.ErrNewer},
	{"empty call", "call", func(m *Message) { m.Call.Bytes = nil }, ErrMessage},
	{"call too large", "call", func(m *Message) { m.Call.Bytes = make([]byte, 32769) }, identity.ErrSize},
	{"empty signal", "signal", func(m *Message) { m.Signal.Bytes = nil }, ErrMessage},
	{"missing sequence 0", "retry", func(m *Message) { m.Retry.Missing[0].First = 0 }, ErrMessage},
	{"missing backward", "retry", func(m *Message) { m.Retry.Missing[1].Last = 4 }, ErrMessage},
	{"missing not apart", "retry", func(m *Message) { m.Retry.Missing[1].First = 4 }, ErrMessage},
	{"missing overlaps", "retry", func(m *Message) { m.Retry.Missing[1].First = 3 }, ErrMessage},
	{"too many posts", "retry", func(m *Message) { m.Retry.Posts = make([][32]byte, 257) }, identity.ErrSize},
	{"unknown key that is known", "text", func(m *Message) { m.Unknown = "\x04\x00" }, identity.ErrMalformed},
}

func fillIDs(ids []ID) {
	for i := range ids {
		ids[i] = id(1)
	}
}

func sampleOf(t testing.TB, name string) *Message {
	t.Helper()
	for _, s := range samples() {
		if s.name == name {
			return &s.m
		}
	}
	t.Fatalf("no sample %q", name)
	return nil
}

// TestRefuses holds that a wrong message is neither written nor read.
func TestRefuses(t *testing.T) {
	for _, tt := range wrong {
		t.Run(tt.fault, func(t *testing.T) {
			m := sampleOf(t, tt.of)
			if _, err := m.AppendTo(nil); err != nil {
				t.Fatalf("without the fault: %v", err)
			}
			tt.spoil(m)
			if b, err := m.AppendTo(nil); !errors.Is(err, tt.want) || b != nil {
				t.Errorf("AppendTo: got %v, want %v", err, tt.want)
			}
			b, err := identity.Marshal(m) // as somebody careless would write it
			if err != nil {
				return
			}
			if got, err := ParseMessage(b); !errors.Is(err, tt.want) || got != nil {
				t.Errorf("ParseMessage: got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestRefusesBytes is for faults that a Message cannot have.
func TestRefusesBytes(t *testing.T) {
	good, _ := sampleOf(t, "text").AppendTo(nil)
	reaction, _ := sampleOf(t, "reaction").AppendTo(nil)
	for _, tt := range []struct {
		fault string
		b     []byte
		want  error
	}{
		{"none", good, nil},
		{"nothing", nil, identity.ErrMalformed},
		{"cut", good[:len(good)-1], identity.ErrMalformed},
		{"something behind", append(bytes.Clone(good), 0), identity.ErrMalformed},
		{"too large", make([]byte, MessageSize+1), identity.ErrSize},
		{"must be understood", append(append([]byte{good[0] + 1}, good[1:]...), 0x20, 0x01), identity.ErrNewer},
		{"must be understood, within", bytes.Replace(reaction, []byte{0x0b, 0xa2, 0x01, 0xa2}, []byte{0x0b, 0xa2, 0x01, 0xa3}, 1), identity.ErrMalformed},
		{"ID of 15 bytes", bytes.Replace(good, append([]byte{0x50}, bytes.Repeat([]byte{1}, 16)...), append([]byte{0x4f}, bytes.Repeat([]byte{1}, 15)...), 1), identity.ErrMalformed},
		{"kind as text", bytes.Replace(good, []byte{0x03, 0x0a}, []byte{0x03, 0x60}, 1), identity.ErrMalformed},
		{"a timer that is false", bytes.Replace(append([]byte{good[0] + 1}, good[1:]...), []byte{0x0a, 0xa1}, []byte{0x08, 0xf4, 0x0a, 0xa1}, 1), identity.ErrMalformed},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			if _, err := ParseMessage(tt.b); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestPlaintextRefuses(t *testing.T) {
	for _, tt := range []struct {
		fault, of string
		spoil     func(*Plaintext)
		want      error
	}{
		{"sequence of 64 bits", "second", func(p *Plaintext) { p.Sequence = 1 << 63 }, ErrMessage},
		{"seen of 64 bits", "second", func(p *Plaintext) { p.Seen = 1 << 63 }, ErrMessage},
		{"message too large", "second", func(p *Plaintext) { p.Message = make([]byte, MessageSize+1) }, identity.ErrSize},
		{"copy of nothing", "copy", func(p *Plaintext) { p.Message = nil }, ErrMessage},
		{"copy to nowhere", "copy", func(p *Plaintext) { p.Copy.Conversation = ConversationID{} }, ErrMessage},
		{"copy to nobody", "copy", func(p *Plaintext) { p.Copy.Recipients[0].Account = identity.Account{} }, ErrMessage},
		{"copy to no device", "copy", func(p *Plaintext) { p.Copy.Recipients[0].Devices = nil }, ErrMessage},
		{"device 0", "copy", func(p *Plaintext) { p.Copy.Recipients[0].Devices[0] = 0 }, ErrMessage},
		{"device 128", "copy", func(p *Plaintext) { p.Copy.Recipients[0].Devices[2] = 128 }, ErrMessage},
		{"devices not ascending", "copy", func(p *Plaintext) { p.Copy.Recipients[0].Devices[1] = 1 }, ErrMessage},
		{"nine devices", "copy", func(p *Plaintext) { p.Copy.Recipients[0].Devices = []byte{1, 2, 3, 4, 5, 6, 7, 8, 9} }, identity.ErrSize},
		{"65 recipients", "copy", func(p *Plaintext) {
			for len(p.Copy.Recipients) < 65 {
				p.Copy.Recipients = append(p.Copy.Recipients, p.Copy.Recipients[0])
			}
		}, identity.ErrSize},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			p := plaintexts()[tt.of]
			tt.spoil(&p)
			if _, err := p.AppendTo(nil); !errors.Is(err, tt.want) {
				t.Errorf("AppendTo: got %v, want %v", err, tt.want)
			}
			if b, err := identity.Marshal(&p); err == nil {
				if got, err := ParsePlaintext(b); !errors.Is(err, tt.want) || got != nil {
					t.Errorf("ParsePlaintext: got %v, want %v", err, tt.want)
				}
			}
		})
	}
}

func TestWeakRefuses(t *testing.T) {
	for _, tt := range []struct {
		fault string
		w     Weak
		want  error
	}{
		{"no kind", Weak{Time: t0}, ErrMessage},
		{"no time", Weak{Kind: WeakTyping}, ErrMessage},
		{"typing with an avatar", Weak{Kind: WeakTyping, Time: t0, Avatar: fill(1)}, ErrMessage},
		{"presence with an avatar", Weak{Kind: WeakPresence, Time: t0, Avatar: fill(1)}, ErrMessage},
		{"avatar that is on", Weak{Kind: WeakAvatar, Time: t0, On: true}, ErrMessage},
		{"too large", Weak{Kind: WeakTyping, Time: t0, Unknown: "\x06\x59\x01\x00" + identity.Unknown(make([]byte, 256))}, identity.ErrSize},
		{"must be understood", Weak{Kind: WeakTyping, Time: t0, Unknown: "\x20\x01"}, identity.ErrNewer},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			if _, err := tt.w.AppendTo(nil); !errors.Is(err, tt.want) && !errors.Is(tt.want, identity.ErrNewer) {
				t.Errorf("AppendTo: got %v, want %v", err, tt.want)
			}
			if b, err := identity.Marshal(&tt.w); err == nil {
				if got, err := ParseWeak(b); !errors.Is(err, tt.want) || got != nil {
					t.Errorf("ParseWeak: got %v, want %v", err, tt.want)
				}
			}
		})
	}
}
