package chat

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// golden has each message of samples.
var golden = map[string]string{
	"text": "a4015001010101010101010101010101010101021b01a3185c50000002030a0aa1016a68656c6c6f2c20416461",
	"reply": "a5015001010101010101010101010101010101021b01a3185c50000002030a09a2015820a0a0a0a0a0a0a0a0a0a0a0a0a0a0" +
		"a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a00250020202020202020202020202020202020aa10162c3a9",
	"text with everything": "aa015001010101010101010101010101010101021b01a3185c50000002030a04582007070707070707070707070707070707" +
		"07070707070707070707070707070707051905dc06a101190e100782ab015820080808080808080808080808080808080808" +
		"0808080808080808080808080808021a001000000369617564696f2f6f67670469766f6963652e6f67670558200909090909" +
		"09090909090909090909090909090909090909090909090909090906420102074103080109020a190bb80b430080ffa20158" +
		"200a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a020008f509a2015820a0a0a0a0a0a0a0a0" +
		"a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a00250020202020202020202020202020202020aa101666c697374" +
		"656e",
	"attachment without text": "a5015001010101010101010101010101010101021b01a3185c50000002030a0781a201582008080808080808080808080808" +
		"0808080808080808080808080808080808080802050aa0",
	"reaction": "a4015001010101010101010101010101010101021b01a3185c50000002030b0ba201a2015820a0a0a0a0a0a0a0a0a0a0a0a0" +
		"a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a00250020202020202020202020202020202020268f09f918df09f8fbd",
	"reaction taken back": "a4015001010101010101010101010101010101021b01a3185c50000002030b0ba101a2015820a0a0a0a0a0a0a0a0a0a0a0a0" +
		"a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0025002020202020202020202020202020202",
	"edit": "a4015001010101010101010101010101010101021b01a3185c50000002030c0ca20150020202020202020202020202020202" +
		"02026568756c6c6f",
	"delete": "a4015001010101010101010101010101010101021b01a3185c50000002030d0da10182500202020202020202020202020202" +
		"02025003030303030303030303030303030303",
	"receipt": "a4015001010101010101010101010101010101021b01a3185c50000002030e0ea4015820a0a0a0a0a0a0a0a0a0a0a0a0a0a0" +
		"a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a00282500202020202020202020202020202020250030303030303030303030303" +
		"030303030381500404040404040404040404040404040404815005050505050505050505050505050505",
	"contact": "a5015001010101010101010101010101010101021b01a3185c50000002030f06a201183c02010fa201696c696e6e65743171" +
		"790264436c656f",
	"profile": "a4015001010101010101010101010101010101021b01a3185c50000002031010a301634164610266636f756e747303582006" +
		"06060606060606060606060606060606060606060606060606060606060606",
	"avatar":            "a4015001010101010101010101010101010101021b01a3185c50000002031111a1014489504e47",
	"avatar taken away": "a4015001010101010101010101010101010101021b01a3185c50000002031111a0",
	"timer":             "a4015001010101010101010101010101010101021b01a3185c50000002031212a2011a000151800201",
	"timer off":         "a4015001010101010101010101010101010101021b01a3185c50000002031212a10100",
	"call":              "a4015001010101010101010101010101010101021b01a3185c50000002031313a10143010203",
	"retry": "a4015001010101010101010101010101010101021b01a3185c50000002031414a20181582001010101010101010101010101" +
		"010101010101010101010101010101010101010282a201030203a201050209",
	"retry everything": "a4015001010101010101010101010101010101021b01a3185c50000002031414a0",
	"signal":           "a4015001010101010101010101010101010101021b01a3185c50000002031515a1014104",
	"roster, reserved": "a5015001010101010101010101010101010101021b01a3185c50000002031604582007070707070707070707070707070707" +
		"0707070707070707070707070707070716a10102",
	"unknown kind": "a6015001010101010101010101010101010101021b01a3185c5000000203186309a2015820a0a0a0a0a0a0a0a0a0a0a0a0a0" +
		"a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a00250020202020202020202020202020202021863a101021880f5",
	"unknown fields": "a5015001010101010101010101010101010101021b01a3185c50000002030a0aa201617802031880f5",
}

var goldenPlaintexts = map[string]string{
	"copy": "a40107020604a2015820b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b00281a2015820b0b0" +
		"b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0024301057f0541a0",
	"first":  "a3010103582055555555555555555555555555555555555555555555555555555555555555550541a0",
	"heads":  "a2011903e8021903e7",
	"light":  "a3010002050541a0",
	"second": "a3010202010541a0",
}

var goldenWeaks = map[string]string{
	"new avatar":     "a30103021b01a3185c500000000558200606060606060606060606060606060606060606060606060606060606060606",
	"present":        "a30102021b01a3185c5000000004f5",
	"stopped typing": "a30101021b01a3185c500000000358200707070707070707070707070707070707070707070707070707070707070707",
	"typing":         "a30101021b01a3185c5000000004f5",
	"unknown": "a50109021b01a3185c5000000004f50558200606060606060606060606060606060606060606060606060606060606060606" +
		"0601",
}

// TestGolden: a change here is a new protocol.
func TestGolden(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			want := fromHex(t, golden[s.name])
			got, err := s.m.AppendTo([]byte{0xff})
			if err != nil || !bytes.Equal(got, append([]byte{0xff}, want...)) {
				t.Fatalf("got  %x, %v\nwant ff%x", got, err, want)
			}
			m, err := ParseMessage(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&s.m, m); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlaintextGolden(t *testing.T) {
	for name, p := range plaintexts() {
		t.Run(name, func(t *testing.T) {
			want := fromHex(t, goldenPlaintexts[name])
			if got, err := p.AppendTo(nil); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("got  %x, %v\nwant %x", got, err, want)
			}
			if got, err := ParsePlaintext(want); err != nil || !cmp.Equal(got, &p) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestWeakGolden(t *testing.T) {
	for name, w := range weaks() {
		t.Run(name, func(t *testing.T) {
			want := fromHex(t, goldenWeaks[name])
			if got, err := w.AppendTo(nil); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("got  %x, %v\nwant %x", got, err, want)
			}
			if got, err := ParseWeak(want); err != nil || !cmp.Equal(got, &w) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// TestEveryKind holds that no known kind is missing in the golden table.
func TestEveryKind(t *testing.T) {
	have := map[Kind]bool{}
	for _, s := range samples() {
		have[s.m.Kind] = true
	}
	for k := MinKind; k.Known(); k++ {
		if !have[k] {
			t.Errorf("no sample of %v", k)
		}
	}
}

// TestSizes holds what PROTOCOL.md says of sizes.
func TestSizes(t *testing.T) {
	text := sampleOf(t, "text")
	text.Text.Text = ""
	size := func(m *Message) int {
		b, err := m.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		p := Plaintext{Sequence: 100, Seen: 100, Message: b}
		if b, err = p.AppendTo(nil); err != nil {
			t.Fatal(err)
		}
		return len(b)
	}
	text.Text.Text = strings.Repeat("x", 100)
	if got, want := size(text)-100, 46; got != want {
		t.Errorf("a text of 100 bytes takes %d more, want %d", got, want)
	}
	text.Text.Text = strings.Repeat("x", TextSize)
	size(text)
	avatar := sampleOf(t, "avatar")
	avatar.Avatar.Image = make([]byte, AvatarSize)
	size(avatar)

	full := Plaintext{Sequence: 1<<63 - 1, Seen: 1<<63 - 1, Secret: fill(1), Message: make([]byte, MessageSize)}
	full.Copy = &Copy{Conversation: fill(1)}
	for range 64 {
		full.Copy.Recipients = append(full.Copy.Recipients, Recipient{Account: ben, Devices: []byte{1, 2, 3, 4, 5, 6, 7, 8}})
	}
	if b, err := full.AppendTo(nil); err != nil || len(b) != 58340 {
		t.Errorf("the largest plaintext: %d bytes, %v", len(b), err)
	}
}

// TestKeepsWhatIsNewer holds that a plaintext can be read where its message cannot.
func TestKeepsWhatIsNewer(t *testing.T) {
	good, _ := sampleOf(t, "text").AppendTo(nil)
	newer := append(append([]byte{good[0] + 1}, good[1:]...), 0x20, 0x01)
	b, err := (&Plaintext{Sequence: 1, Message: newer}).AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePlaintext(b)
	if err != nil || !bytes.Equal(p.Message, newer) {
		t.Fatalf("got %v, %v", p, err)
	}
	if _, err := ParseMessage(p.Message); !errors.Is(err, identity.ErrNewer) {
		t.Errorf("got %v, want %v", err, identity.ErrNewer)
	}
}

func TestSecretDoesNotPrint(t *testing.T) {
	p := Plaintext{Sequence: 1, Secret: fill(0x5a)}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(format, p); strings.Contains(strings.ToLower(got), "5a") || strings.Contains(got, "90") {
			t.Errorf("%s prints %s", format, got)
		}
	}
}

// vector is a line of testdata/chat.json.
type vector struct {
	Name string `json:"name"`
	Of   string `json:"of"` // message, plaintext or weak update
	Hex  string `json:"hex"`
	Err  string `json:"error,omitempty"` // refused, for this reason
}

func vectors(t testing.TB) (all []vector) {
	t.Helper()
	add := func(of, name string, b []byte, err error, why string) {
		if err != nil {
			t.Fatal(name, err)
		}
		all = append(all, vector{name, of, hex.EncodeToString(b), why})
	}
	for _, s := range samples() {
		b, err := s.m.AppendTo(nil)
		add("message", s.name, b, err, "")
	}
	ps, ws := plaintexts(), weaks()
	for _, name := range slices.Sorted(maps.Keys(ps)) {
		p := ps[name]
		b, err := p.AppendTo(nil)
		add("plaintext", name, b, err, "")
	}
	for _, name := range slices.Sorted(maps.Keys(ws)) {
		w := ws[name]
		b, err := w.AppendTo(nil)
		add("weak update", name, b, err, "")
	}
	for _, tt := range wrong {
		m := sampleOf(t, tt.of)
		tt.spoil(m)
		if b, err := identity.Marshal(m); err == nil && len(b) < 1024 {
			add("message", tt.fault, b, nil, tt.want.Error())
		}
	}
	return all
}

func TestVectors(t *testing.T) {
	var stored []vector
	readVectors(t, "testdata/chat.json", vectors(t), &stored)
	if diff := cmp.Diff(vectors(t), stored); diff != "" {
		t.Error(diff)
	}
	for _, v := range stored {
		b, written := fromHex(t, v.Hex), []byte(nil)
		var err error
		switch v.Of {
		case "message":
			var m *Message
			if m, err = ParseMessage(b); err == nil {
				written, err = m.AppendTo(nil)
			}
		case "plaintext":
			var p *Plaintext
			if p, err = ParsePlaintext(b); err == nil {
				written, err = p.AppendTo(nil)
			}
		default:
			var w *Weak
			if w, err = ParseWeak(b); err == nil {
				written, err = w.AppendTo(nil)
			}
		}
		if v.Err == "" && (err != nil || !bytes.Equal(written, b)) || v.Err != "" && (err == nil || !strings.HasPrefix(err.Error(), v.Err)) {
			t.Errorf("%s %q: got %x, %v", v.Of, v.Name, written, err)
		}
	}
}
