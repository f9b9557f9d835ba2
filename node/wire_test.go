package node

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// The golden tables: a change here is a new protocol.

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnswers(t *testing.T) {
	list := []answer{
		{statusStored, envelope.Name{1, 2}, [32]byte{0xaa}},
		{statusUnknown, envelope.Name{3}, [32]byte{}},
	}
	var b []byte
	for _, a := range list {
		b = a.appendTo(b)
	}
	zeros := strings.Repeat("00", 31)
	want := unhex(t, "01 0102"+zeros[2:]+" aa"+zeros+" 02 03"+zeros+" 00"+zeros)
	if !bytes.Equal(b, want) {
		t.Fatalf("got %x", b)
	}
	got, ok := parseAnswers(b)
	if !ok {
		t.Fatal("refused")
	}
	if diff := cmp.Diff(list, got, cmp.AllowUnexported(answer{})); diff != "" {
		t.Error(diff)
	}
	for name, bad := range map[string][]byte{
		"nothing": {}, "cut": b[:len(b)-1], "too many": make([]byte, (maxAnswers+1)*answerSize),
	} {
		if _, ok := parseAnswers(bad); ok {
			t.Errorf("%s: taken", name)
		}
	}
}

func addressOf(t testing.TB, name string) identity.Address {
	t.Helper()
	seed, err := identity.ParseSeed(bytes.Repeat([]byte(name[:1]), 32))
	if err != nil {
		t.Fatal(err)
	}
	a := seed.Account()
	return identity.Address{Account: a.Public(), Discovery: seed.DiscoveryRoot(0).Key(0).Public()}
}

func TestInviteText(t *testing.T) {
	key, err := identity.ParseTransportPrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	address := addressOf(t, "ada")
	full := &Invite{
		Address: address, Token: bytes.Repeat([]byte{9}, tokenSize), Until: time.Unix(1_800_000_000, 0),
		Peers: []Peer{{Key: key.Public(), Addrs: [][]byte{{4, 127, 0, 0, 1}, {4, 10, 0, 0, 1}}}},
	}
	for name, i := range map[string]*Invite{
		"full": full, "no token": {Address: address}, "for ever": {Address: address, Token: full.Token},
	} {
		text := i.String()
		if !strings.HasPrefix(text, inviteScheme) || text != strings.ToLower(text) {
			t.Fatalf("%s: %s", name, text)
		}
		for _, form := range []string{text, strings.ToUpper(text), " " + text[:40] + "\n  " + text[40:] + "\n"} {
			got, err := ParseInvite(form)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if diff := cmp.Diff(i, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
	if got, want := full.String(), goldenInvite; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if i, err := ParseInvite(address.String()); err != nil || i.Address != address || len(i.Token) != 0 {
		t.Errorf("an address: %v, %v", i, err)
	}
	text := full.String()
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"nothing":          {"", ErrInvite},
		"another scheme":   {"https://example.org", ErrInvite},
		"the scheme":       {inviteScheme, ErrInvite},
		"a letter":         {text[:50] + "a" + text[51:], ErrInvite},
		"cut":              {text[:len(text)-3], ErrInvite},
		"longer":           {text + "aaaaaaaa", ErrInvite},
		"huge":             {inviteScheme + strings.Repeat("a", 1<<20), ErrInvite},
		"no base32":        {inviteScheme + "018!", ErrInvite},
		"newer":            {resum(t, text, func(b []byte) { b[0] = 2 }), identity.ErrNewer},
		"no account":       {resum(t, text, func(b []byte) { copy(b[5:37], make([]byte, 32)) }), ErrInvite},
		"address misspelt": {address.String()[:60] + "q" + address.String()[61:], identity.ErrChecksum},
	} {
		if _, err := ParseInvite(tt.text); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

// resum changes a link and gives it the right checksum.
func resum(t testing.TB, text string, change func([]byte)) string {
	t.Helper()
	b, err := inviteText.DecodeString(strings.ToUpper(strings.TrimPrefix(text, inviteScheme)))
	if err != nil {
		t.Fatal(err)
	}
	b = b[:len(b)-checkSize]
	change(b)
	check := identity.LabelInvite.Hash(b)
	return inviteScheme + strings.ToLower(inviteText.EncodeToString(append(b, check[:checkSize]...)))
}

func TestSignals(t *testing.T) {
	key, err := identity.ParseTransportPrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	where := &site{Number: 3, Version: 9, Transport: key.Public(), Direct: [][]byte{{4, 127, 0, 0, 1}}}
	where.Bundle[0] = 5
	for _, tt := range []struct {
		name string
		s    signal
		hex  string
	}{
		{"request", signal{Request: &request{Token: []byte{1, 2}, Name: "Ada"}}, "a1 01 a2 01 420102 02 63416461"},
		{"bare request", signal{Request: &request{}}, "a1 01 a0"},
		{"accepted", signal{Accepted: true}, "a1 02 f5"},
		{"site", signal{Site: where}, "a1 03 a5 01 03 02 09 03 5820 05" + strings.Repeat("00", 31) + " 04 5820" + hex.EncodeToString(where.Transport[:]) + " 05 81 45 047f000001"},
		{"manifest", signal{Manifest: []byte{0xa0}}, "a1 04 41a0"},
		{"address", signal{Address: "linnet1"}, "a1 05 67 6c696e6e657431"},
	} {
		b, err := tt.s.marshal()
		if err != nil || !bytes.Equal(b, unhex(t, tt.hex)) {
			t.Errorf("%s: got %x, %v", tt.name, b, err)
		}
		got, err := parseSignal(b)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(&tt.s, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	for name, bad := range map[string]string{
		"nothing": "", "cut": "a101", "no map": "80", "must understand": "a1 20 00", "longer": "a000",
		"name too long": "a1 01 a1 02 7881" + strings.Repeat("61", 129),
	} {
		if _, err := parseSignal(unhex(t, bad)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzParseInvite(f *testing.F) {
	f.Add((&Invite{Address: addressOf(f, "ada"), Token: make([]byte, tokenSize)}).String())
	f.Add("linnet:add/")
	f.Fuzz(func(t *testing.T, text string) {
		i, err := ParseInvite(text)
		if err != nil {
			return
		}
		again, err := ParseInvite(i.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(i, again, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzParseSignal(f *testing.F) {
	f.Add(unhex(f, "a1 01 a2 01 420102 02 63416461"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSignal(b)
		if err != nil {
			return
		}
		if again, err := s.marshal(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x became %x, %v", b, again, err)
		}
	})
}

func FuzzParseAnswers(f *testing.F) {
	f.Add(make([]byte, answerSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, ok := parseAnswers(b)
		if !ok {
			return
		}
		var again []byte
		for i := range list {
			again = list[i].appendTo(again)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x became %x", b, again)
		}
	})
}

// FuzzParseStored: what lies in the vault was sealed by the vault, and may still be of another program.
func FuzzParseStored(f *testing.F) {
	p := &post{device: device{addressOf(f, "ada").Account, 1}, number: 5, postBody: postBody{Kind: chat.KindText, Message: []byte{1}, Said: 1}}
	p.ID[0], p.Conversation[0] = 1, 1
	b, err := p.marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.key(), b)
	f.Fuzz(func(t *testing.T, key, b []byte) {
		if p, err := parsePost(key, b); err == nil {
			if again, err := p.marshal(); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%x became %x, %v", b, again, err)
			}
		}
		if c, err := parseContact(key, b); err == nil {
			if _, err := c.marshal(); err != nil {
				t.Error(err)
			}
		}
	})
}

const goldenInvite = "linnet:add/agsqcwbag52mm3ebf5pl2xk5rv6sz6uc6nei4vew45fxk4qaot2iqrgrrvdaewbasyii5jrwjggqdw6oij64x3l5yhjkxpnuninoqq3gepqj" +
	"zd3r4udqguajbeeqscijbeeqscijbeeqscijaqngwsosaacydiqblaqoustmmprjyuqkx32va6ytf3c7tfkho2xl5pt3sjbb52tjcrdnelacqjcqi7yaaaaukbakaaaadzegeftq"
