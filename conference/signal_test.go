package conference

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

func samples() map[string]*Signal {
	s := func(k Kind, set func(*Signal)) *Signal {
		s := &Signal{Call: CallID{1, 2}, Kind: k, Number: 3}
		if set != nil {
			set(s)
		}
		return s
	}
	m := Mixer{Key: identity.TransportKey{7}, Addrs: []string{"/dns/m"}, Name: "Ada"}
	return map[string]*Signal{
		"invite, direct": s(KindInvite, func(s *Signal) { s.Invite = &Invite{Mode: Direct, Media: Video} }),
		"invite, mixed": s(KindInvite, func(s *Signal) {
			s.Invite = &Invite{
				Mode: Mixed, Media: Audio, Members: []identity.Account{{1}}, Room: RoomID{5}, Mixers: []Mixer{m},
				Keys: []DeviceKey{{Device: 2, Key: [KeySize]byte{9}}},
			}
		}),
		"ringing":   s(KindRinging, nil),
		"accept":    s(KindAccept, nil),
		"decline":   s(KindDecline, nil),
		"busy":      s(KindBusy, nil),
		"cancel":    s(KindCancel, nil),
		"hang-up":   s(KindHangUp, nil),
		"elsewhere": s(KindElsewhere, func(s *Signal) { s.Elsewhere = &Elsewhere{Device: 2} }),
		"roster": s(KindRoster, func(s *Signal) {
			s.Roster = &Roster{Parties: []Party{{Account: identity.Account{1}, Device: 1}}}
		}),
		"description": s(KindDescription, func(s *Signal) { s.Description = &Description{Type: Offer, Round: 1, SDP: "v=0"} }),
		"candidates": s(KindCandidates, func(s *Signal) {
			s.Candidates = &Candidates{Round: 1, Lines: []string{"candidate:1"}, Last: true}
		}),
		"state":  s(KindState, func(s *Signal) { s.State = &State{Hold: true, Hand: true} }),
		"mixers": s(KindMixers, func(s *Signal) { s.Mixers = &Mixers{Epoch: 1, List: []Mixer{m}} }),
		"mixers, asking": s(KindMixers, func(s *Signal) {
			s.Mixers = &Mixers{Epoch: 1, List: []Mixer{m}, Ask: true}
		}),
		"media key": s(KindMediaKey, func(s *Signal) { s.MediaKey = &MediaKey{Key: []byte{1, 2}} }),
	}
}

// golden is the wire format: a change here is a new protocol.
var golden = map[string]string{
	"accept":         "a3015001020000000000000000000000000000020c0303",
	"busy":           "a3015001020000000000000000000000000000020e0303",
	"cancel":         "a3015001020000000000000000000000000000020f0303",
	"candidates":     "a40150010200000000000000000000000000000214030314a3010102816b63616e6469646174653a3103f5",
	"decline":        "a3015001020000000000000000000000000000020d0303",
	"description":    "a40150010200000000000000000000000000000213030313a3010102010363763d30",
	"elsewhere":      "a40150010200000000000000000000000000000211030311a10102",
	"hang-up":        "a301500102000000000000000000000000000002100303",
	"invite, direct": "a4015001020000000000000000000000000000020a03030aa201010202",
	"invite, mixed": "a4015001020000000000000000000000000000020a03030aa601030201038158200100000000000000000000000000000000" +
		"0000000000000000000000000000000450050000000000000000000000000000000581a30158200700000000000000000000" +
		"0000000000000000000000000000000000000000000281662f646e732f6d03634164610681a2010202582009000000000000" +
		"00000000000000000000000000000000000000000000000000",
	"media key": "a40150010200000000000000000000000000000217030317a101420102",
	"mixers": "a40150010200000000000000000000000000000216030316a201010381a30158200700000000000000000000000000000000" +
		"0000000000000000000000000000000281662f646e732f6d0363416461",
	"mixers, asking": "a40150010200000000000000000000000000000216030316a301010381a30158200700000000000000000000000000000000" +
		"0000000000000000000000000000000281662f646e732f6d036341646104f5",
	"ringing": "a3015001020000000000000000000000000000020b0303",
	"roster": "a40150010200000000000000000000000000000212030312a10181a201582001000000000000000000000000000000000000" +
		"000000000000000000000000000201",
	"state": "a40150010200000000000000000000000000000215030315a201f503f5",
}

func TestGolden(t *testing.T) {
	for name, s := range samples() {
		b, err := s.AppendTo(nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := hex.EncodeToString(b); got != golden[name] {
			t.Errorf("%q: %q,", name, got)
		}
		back, err := ParseSignal(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(s, back); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Every body and rule, once broken.
func TestRefuse(t *testing.T) {
	for _, tt := range []struct {
		of    string
		spoil func(*Signal)
	}{
		{"ringing", func(s *Signal) { s.Call = CallID{} }},
		{"ringing", func(s *Signal) { s.Number = 0 }},
		{"ringing", func(s *Signal) { s.Kind = 9 }},
		{"ringing", func(s *Signal) { s.State = &State{} }},
		{"state", func(s *Signal) { s.State = nil }},
		{"invite, direct", func(s *Signal) { s.Invite.Room = RoomID{1} }},
		{"invite, direct", func(s *Signal) { s.Invite.Mode = 0 }},
		{"invite, mixed", func(s *Signal) { s.Invite.Mixers = nil }},
		{"invite, mixed", func(s *Signal) { s.Invite.Mixers = append(s.Invite.Mixers, s.Invite.Mixers[0]) }},
		{"invite, mixed", func(s *Signal) { s.Invite.Keys[0].Device = 0 }},
		{"invite, mixed", func(s *Signal) { s.Invite.Keys = append(s.Invite.Keys, s.Invite.Keys[0]) }},
		{"invite, mixed", func(s *Signal) { s.Invite.Members = append(s.Invite.Members, s.Invite.Members[0]) }},
		{"elsewhere", func(s *Signal) { s.Elsewhere.Device = 200 }},
		{"roster", func(s *Signal) { s.Roster.Parties[0].Device = 0 }},
		{"roster", func(s *Signal) { s.Roster.Parties = nil }},
		{"description", func(s *Signal) { s.Description.SDP = "" }},
		{"description", func(s *Signal) { s.Description.Type = 3 }},
		{"candidates", func(s *Signal) { s.Candidates.Lines = nil }},
		{"mixers", func(s *Signal) { s.Mixers.Current = 1 }},
		{"media key", func(s *Signal) { s.MediaKey.Key = nil }},
	} {
		s := samples()[tt.of]
		tt.spoil(s)
		if _, err := s.AppendTo(nil); !errors.Is(err, ErrSignal) {
			t.Errorf("%s: wrote %v", tt.of, err)
		}
		b, err := identity.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseSignal(b); !errors.Is(err, ErrSignal) && !errors.Is(err, identity.ErrMalformed) {
			t.Errorf("%s: read %v", tt.of, err)
		}
	}
	for _, spoil := range []func(*Signal){
		func(s *Signal) { s.Description = &Description{Type: Offer, SDP: strings.Repeat("x", SDPSize+1)} },
		func(s *Signal) { s.Description = &Description{Type: Offer, SDP: strings.Repeat("x", SDPSize+1)} },
	} {
		s := samples()["description"]
		spoil(s)
		if _, err := s.AppendTo(nil); !errors.Is(err, identity.ErrSize) {
			t.Errorf("too large: %v", err)
		}
	}
	unknown := &Signal{Call: CallID{1}, Kind: 40, Number: 1}
	b, _ := unknown.AppendTo(nil)
	if s, err := ParseSignal(b); err != nil || s.Kind.Known() {
		t.Errorf("unknown kind: %v, %v", s, err)
	}
}

// The largest call that can be held can be signalled.
func TestLargest(t *testing.T) {
	inv := &Invite{Mode: Mixed, Media: Video, Room: RoomID{1}}
	roster := &Roster{}
	for i := range CallSize - 1 {
		inv.Members = append(inv.Members, identity.Account{1, byte(i)})
		roster.Parties = append(roster.Parties, Party{Account: identity.Account{1, byte(i)}, Device: 127})
	}
	for i := range 4 {
		m := Mixer{Key: identity.TransportKey{byte(i + 1)}, Name: strings.Repeat("n", 64)}
		for range 4 {
			m.Addrs = append(m.Addrs, strings.Repeat("a", 128))
		}
		inv.Mixers = append(inv.Mixers, m)
	}
	for i := range 8 {
		inv.Keys = append(inv.Keys, DeviceKey{Device: uint8(i + 1), Key: [KeySize]byte{1}})
	}
	for _, s := range []*Signal{
		{Call: CallID{1}, Kind: KindInvite, Number: 1 << 60, Invite: inv},
		{Call: CallID{1}, Kind: KindRoster, Number: 1 << 60, Roster: roster},
	} {
		if b, err := s.AppendTo(nil); err != nil || len(b) > SignalSize {
			t.Errorf("%v: %d bytes, %v", s.Kind, len(b), err)
		}
	}
}

// FuzzParse holds that what parses is written again with the same bytes, and that a line stands whatever it hears.
func FuzzParse(f *testing.F) {
	for _, name := range slices.Sorted(maps.Keys(golden)) {
		b, err := hex.DecodeString(golden[name])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, a := range asks() {
		b, err := a.AppendTo(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := ParseAsk(b); err == nil {
			if got, err := a.AppendTo(nil); err != nil || !bytes.Equal(got, b) {
				t.Fatalf("ask: got %x, %v", got, err)
			}
		}
		if r, err := ParseReply(b); err == nil {
			if got, err := r.AppendTo(nil); err != nil || !bytes.Equal(got, b) {
				t.Fatalf("reply: got %x, %v", got, err)
			}
		}
		_, _ = FingerprintOf(string(b))
		s, err := ParseSignal(b)
		if err != nil {
			return
		}
		if got, err := s.AppendTo(nil); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("got %x, %v, want %x", got, err, b)
		}
		w := newWorld(t, 0, 1)
		w.step(1, Heard{From: w.lines[0].party, Signal: s})
		w.dial(0, 1, Direct, 1)
		s.Call = CallID{1}
		w.step(0, Heard{From: w.lines[1].party, Signal: s})
		w.step(1, Heard{From: w.lines[0].party, Signal: s})
		w.pass(2 * RingTime)
	})
}

func asks() []*Ask {
	return []*Ask{
		{Open: &Opening{Room: RoomID{1}, Mode: Mixed, Keys: []KeyHash{{1}, {2}}, Token: "t"}},
		{Admit: &Admit{Room: RoomID{1}, Add: []KeyHash{{1}}, Drop: []KeyHash{{2}}}},
		{Enter: &Visit{Room: RoomID{1}}},
		{Prove: &Prove{Offer: "v=0"}},
		{Again: &Again{Offer: "v=0"}},
	}
}

func TestKeys(t *testing.T) {
	k := NewJoinKey()
	back, err := ParseBearer(k.Bearer())
	if err != nil || !back.Equal(k) {
		t.Errorf("bearer: %v", err)
	}
	for _, bad := range []string{"", k.Bearer() + "A", strings.Repeat("A", 43), "!" + k.Bearer()[1:]} {
		if _, err := ParseBearer(bad); !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	a, b := Fingerprint{1}, Fingerprint{2}
	proof := k.Proof(Entering, a, b)
	if err := k.Check(proof, Entering, a, b); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"the other side":  k.Check(proof, Answering, a, b),
		"the other way":   k.Check(proof, Entering, b, a),
		"another key":     NewJoinKey().Check(proof, Entering, a, b),
		"no key":          JoinKey{}.Check(JoinKey{}.Proof(Entering, a, b), Entering, a, b),
		"another one's":   k.Check(proof, Entering, Fingerprint{3}, b),
		"not a proof":     k.Check([KeySize]byte{}, Entering, a, b),
		"zero is no key":  func() error { _, err := ParseJoinKey(make([]byte, KeySize)); return err }(),
		"short is no key": func() error { _, err := ParseJoinKey(make([]byte, 31)); return err }(),
	} {
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, v := range []any{k, DeviceKey{Key: [KeySize]byte{0xab}}, MediaKey{Key: []byte{0xab}}} {
		if got := fmt.Sprintf("%v %+v %x %s", v, v, v, v); strings.Contains(got, "ab") || strings.Contains(got, k.Bearer()) {
			t.Errorf("prints %s", got)
		}
	}
}

func TestFingerprintOf(t *testing.T) {
	hexed := strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	one := "v=0\r\na=fingerprint:sha-256 " + hexed + "\r\n"
	if f, err := FingerprintOf(one + one + "m=audio\r\nA=FINGERPRINT:SHA-256 " + strings.ToLower(hexed)); err != nil || f[31] != 0xab {
		t.Errorf("%v, %v", f, err)
	}
	for _, bad := range []string{
		"", "v=0\r\n", "a=fingerprint:sha-256 AB:CD\r\n", "a=fingerprint:sha-1 " + hexed, "a=fingerprint:sha-256 zz" + hexed[2:],
		one + "a=fingerprint:sha-256 CD" + hexed[2:], one + "a=fingerprint:sha-512 " + hexed + hexed,
	} {
		if _, err := FingerprintOf(bad); !errors.Is(err, ErrSignal) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := FingerprintOf(strings.Repeat("x", SDPSize+1)); !errors.Is(err, identity.ErrSize) {
		t.Error(err)
	}
}
