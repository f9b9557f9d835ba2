package chat

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

var updating = flag.Bool("update", false, "write the vectors in testdata anew")

var (
	start = time.UnixMilli(1_800_000_000_000).UTC() // 2027-01-15
	t0    = At(start)
	ada   = account(0xa0)
	ben   = account(0xb0)
	cleo  = account(0xc0)
)

func account(b byte) (a identity.Account) { return identity.Account(bytes.Repeat([]byte{b}, 32)) }

func fill(b byte) (h [32]byte) { return [32]byte(bytes.Repeat([]byte{b}, 32)) }

func id(b byte) ID { return ID(bytes.Repeat([]byte{b}, IDSize)) }

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sample is a message in the golden table and in the vectors.
type sample struct {
	name string
	m    Message
}

func samples() []sample {
	m := func(k Kind) Message { return Message{ID: id(1), Time: t0 + 2, Kind: k} }
	with := func(k Kind, set func(*Message)) Message {
		message := m(k)
		set(&message)
		return message
	}
	target := Ref{Author: ada, ID: id(2)}
	return []sample{
		{"text", with(KindText, func(m *Message) { m.Text = &Text{Text: "hello, Ada"} })},
		{"reply", with(KindText, func(m *Message) { m.Text, m.ReplyTo = &Text{Text: "é"}, &target })},
		{"text with everything", with(KindText, func(m *Message) {
			m.Conversation, m.Ahead, m.Timer, m.ViewOnce, m.ReplyTo = fill(7), 1500, &Timer{Seconds: 3600}, true, &target
			m.Attachments = []Attachment{{
				Hash: fill(8), Size: 1 << 20, Type: "audio/ogg", Name: "voice.ogg", Key: fill(9), Place: []byte{1, 2},
				Thumbnail: []byte{3}, Width: 1, Height: 2, Duration: 3000, Waveform: []byte{0, 128, 255},
			}, {Hash: fill(10)}}
			m.Text = &Text{Text: "listen"}
		})},
		{"attachment without text", with(KindText, func(m *Message) {
			m.Text, m.Attachments = &Text{}, []Attachment{{Hash: fill(8), Size: 5}}
		})},
		{"reaction", with(KindReaction, func(m *Message) { m.Reaction = &Reaction{Target: target, Emoji: "👍🏽"} })},
		{"reaction taken back", with(KindReaction, func(m *Message) { m.Reaction = &Reaction{Target: target} })},
		{"edit", with(KindEdit, func(m *Message) { m.Edit = &Edit{Target: id(2), Text: "hullo"} })},
		{"delete", with(KindDelete, func(m *Message) { m.Delete = &Delete{Targets: []ID{id(2), id(3)}} })},
		{"receipt", with(KindReceipt, func(m *Message) {
			m.Receipt = &Receipt{Author: ada, Delivered: []ID{id(2), id(3)}, Read: []ID{id(4)}, Viewed: []ID{id(5)}}
		})},
		{"contact", with(KindContact, func(m *Message) {
			m.Contact, m.Timer = &Contact{Address: "linnet1qy", Name: "Cleo"}, &Timer{Seconds: 60, From: FromSent}
		})},
		{"profile", with(KindProfile, func(m *Message) { m.Profile = &Profile{Name: "Ada", About: "counts", Avatar: fill(6)} })},
		{"avatar", with(KindAvatar, func(m *Message) { m.Avatar = &Avatar{Image: []byte("\x89PNG")} })},
		{"avatar taken away", with(KindAvatar, func(m *Message) { m.Avatar = &Avatar{} })},
		{"timer", with(KindTimer, func(m *Message) { m.NewTimer = &Timer{Seconds: 86400, From: FromSent} })},
		{"timer off", with(KindTimer, func(m *Message) { m.NewTimer = &Timer{} })},
		{"call", with(KindCall, func(m *Message) { m.Call = &Opaque{Bytes: []byte{1, 2, 3}} })},
		{"retry", with(KindRetry, func(m *Message) {
			m.Retry = &Retry{Posts: [][32]byte{fill(1)}, Missing: []Range{{First: 3, Last: 3}, {First: 5, Last: 9}}}
		})},
		{"retry everything", with(KindRetry, func(m *Message) { m.Retry = &Retry{} })},
		{"signal", with(KindSignal, func(m *Message) { m.Signal = &Opaque{Bytes: []byte{4}} })},
		{"roster, reserved", with(KindRoster, func(m *Message) { m.Conversation, m.Unknown = fill(7), "\x16\xa1\x01\x02" })},
		{"unknown kind", with(99, func(m *Message) { m.ReplyTo, m.Unknown = &target, "\x18\x63\xa1\x01\x02\x18\x80\xf5" })},
		{"unknown fields", with(KindText, func(m *Message) {
			m.Text, m.Unknown = &Text{Text: "x", Unknown: "\x02\x03"}, "\x18\x80\xf5"
		})},
	}
}

func plaintexts() map[string]Plaintext {
	return map[string]Plaintext{
		"heads":  {Sequence: 1000, Seen: 999},
		"light":  {Seen: 5, Message: []byte{0xa0}},
		"first":  {Sequence: 1, Secret: fill(0x55), Message: []byte{0xa0}},
		"second": {Sequence: 2, Seen: 1, Message: []byte{0xa0}},
		"copy": {Sequence: 7, Seen: 6, Message: []byte{0xa0}, Copy: &Copy{
			Conversation: Direct(ben), Recipients: []Recipient{{Account: ben, Devices: []byte{1, 5, 127}}},
		}},
	}
}

func weaks() map[string]Weak {
	return map[string]Weak{
		"typing":         {Kind: WeakTyping, Time: t0, On: true},
		"stopped typing": {Kind: WeakTyping, Time: t0, Conversation: fill(7)},
		"present":        {Kind: WeakPresence, Time: t0, On: true},
		"new avatar":     {Kind: WeakAvatar, Time: t0, Avatar: fill(6)},
		"unknown":        {Kind: 9, Time: t0, On: true, Avatar: fill(6), Unknown: "\x06\x01"},
	}
}

// readVectors reads a file of testdata, after it was written anew if the tests were told to.
func readVectors(t testing.TB, file string, fresh, into any) {
	t.Helper()
	if *updating {
		b, err := json.MarshalIndent(fresh, "", " ")
		if err == nil {
			err = os.WriteFile(file, append(b, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
