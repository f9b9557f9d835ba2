package identity

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/internal/vectors"
)

// TestBech32m runs the vectors of BIP 350, under its limit of 90 characters.
func TestBech32m(t *testing.T) {
	var v struct {
		Valid   []string
		Invalid []struct{ Text, Why string }
	}
	vectors.Read("testdata/bech32m.json", &v)
	if len(v.Valid) != 7 || len(v.Invalid) != 14 {
		t.Fatalf("%d and %d vectors", len(v.Valid), len(v.Invalid))
	}
	for _, text := range v.Valid {
		prefix, values, err := decodeValues(text, 90)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		// The vectors hold groups of 5 bits that are not always bytes, so they are written again as such.
		sum := polymodPrefix(prefix)
		again := prefix + "1"
		for _, x := range values {
			sum = polymod(sum, x)
			again += textAlphabet[x : x+1]
		}
		for range textChecksum {
			sum = polymod(sum, 0)
		}
		again += string(checksumText(sum ^ textConstant))
		if again != strings.ToLower(text) {
			t.Errorf("%s is written %s", text, again)
		}
	}
	for _, x := range v.Invalid {
		if _, _, err := decodeValues(strings.ReplaceAll(x.Text, "\u0080", "\x80"), 90); err == nil {
			t.Errorf("%q is accepted: %s", x.Text, x.Why)
		}
	}
}

func checksumText(sum uint32) (b []byte) {
	for i := range textChecksum {
		b = append(b, textAlphabet[sum>>(5*(textChecksum-1-i))&31])
	}
	return b
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 120).Draw(t, "data")
		prefix := rapid.StringMatching(`[a-z!1]{1,20}`).Draw(t, "prefix")
		text := encodeText(prefix, data)
		for _, x := range []string{text, strings.ToUpper(text)} {
			p, d, err := decodeText(x, 1000)
			if err != nil || p != prefix || !bytes.Equal(d, data) {
				t.Fatalf("%s: got %s %x, %v", x, p, d, err)
			}
		}
		// Three wrong characters are always found, up to 1023 of them.
		wrong := []byte(text)
		at := rapid.SliceOfNDistinct(rapid.IntRange(len(prefix)+1, len(text)-1), 1, 3, rapid.ID).Draw(t, "at")
		for _, i := range at {
			old := strings.IndexByte(textAlphabet, wrong[i])
			wrong[i] = textAlphabet[(old+rapid.IntRange(1, 31).Draw(t, "by"))%32]
		}
		if _, _, err := decodeText(string(wrong), 1000); !errors.Is(err, ErrChecksum) {
			t.Fatalf("%s for %s: got %v", wrong, text, err)
		}
	})
}

func adaAddress() Address {
	s := seedOf("Ada")
	return Address{s.Account().Public(), s.DiscoveryRoot(0).Key(0).Public()}
}

func TestAddress(t *testing.T) {
	a := adaAddress()
	text := a.String()
	if len(text) != AddressSize || !strings.HasPrefix(text, "linnet1") {
		t.Errorf("%d characters: %s", len(text), text)
	}
	for _, x := range []string{text, a.Upper()} {
		got, err := ParseAddress(x)
		if err != nil || got != a {
			t.Errorf("%s: got %v, %v", x, got, err)
		}
	}
	if strings.ContainsAny(a.Upper(), "abcdefghijklmnopqrstuvwxyz") {
		t.Error(a.Upper())
	}
}

// addressRow is one failure of an address, for the table and for the vectors.
type addressRow struct {
	Name  string `json:"name"`
	Text  string `json:"text"`
	Error string `json:"error"` // as errorName calls it
}

func addressRows(t testing.TB) []addressRow {
	t.Helper()
	a := adaAddress()
	text := a.String()
	data := slices.Concat([]byte{1, 1}, a.Account[:], a.Discovery[:])
	with := func(i int, b byte) string {
		d := slices.Clone(data)
		d[i] = b
		return encodeText("linnet", d)
	}
	keys := func(account, discovery []byte) string {
		return encodeText("linnet", slices.Concat([]byte{1, 1}, account, discovery))
	}
	rows := []addressRow{
		{"right", text, ""},
		{"right, upper case", a.Upper(), ""},
		{"mixed case", strings.ToUpper(text[:1]) + text[1:], "text"},
		{"mixed case at the end", text[:118] + strings.ToUpper(text[118:]), "text"},
		{"wrong character in the prefix", "linnat" + text[6:], "checksum"},
		{"wrong first character", text[:7] + "z" + text[8:], "checksum"},
		{"wrong last character", text[:118] + string(textAlphabet[(strings.IndexByte(textAlphabet, text[118])+1)%32]), "checksum"},
		{"character left out", text[:50] + text[51:], "checksum"},
		{"two characters changed places", text[:60] + text[61:62] + text[60:61] + text[62:], "checksum"},
		{"character that is none", text[:50] + "b" + text[51:], "text"},
		{"space before", " " + text, "text"},
		{"space after", text + " ", "text"},
		{"Kelvin sign for K", strings.Replace(a.Upper(), "K", "\u212a", 1), "text"},
		{"long s", strings.Replace(text, "s", "\u017f", 1), "text"},
		{"zero byte", text[:50] + "\x00" + text[51:], "text"},
		{"other prefix", encodeText("linnetnode", data), "text"},
		{"bitcoin's prefix", encodeText("bc", data), "text"},
		{"bech32, not bech32m", bech32Of(text), "checksum"},
		{"version 0", with(0, 0), "newer"},
		{"version 2", with(0, 2), "newer"},
		{"algorithm 0", with(1, 0), "newer"},
		{"algorithm 2", with(1, 2), "newer"},
		{"a newer version, longer", encodeText("linnet", append([]byte{2, 2}, make([]byte, 130)...)), "newer"},
		{"version only", encodeText("linnet", []byte{1}), "text"},
		{"nothing", encodeText("linnet", nil), "text"},
		{"a byte too few", encodeText("linnet", data[:65]), "text"},
		{"a byte too many", encodeText("linnet", append(slices.Clone(data), 0)), "text"},
		{"one key", encodeText("linnet", data[:34]), "text"},
		{"spare bits set", spareBits(data), "text"},
		{"no text", "", "text"},
		{"no separator", strings.ReplaceAll(text, "1", ""), "text"},
		{"longer than is looked at", encodeText("linnet", append([]byte{2, 2}, make([]byte, 200)...)), "text"},
		{"both keys the same", keys(a.Account[:], a.Account[:]), "key"},
	}
	bad := badPoints(t)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for n := range bad {
			if !yield(n) {
				return
			}
		}
	}) {
		if len(bad[name]) == KeySize {
			rows = append(rows,
				addressRow{"account: " + name, keys(bad[name], a.Discovery[:]), "key"},
				addressRow{"discovery key: " + name, keys(a.Account[:], bad[name]), "key"})
		}
	}
	return rows
}

// bech32Of gives a text the checksum of BIP 173.
func bech32Of(text string) string {
	at := strings.LastIndexByte(text, '1')
	sum := polymodPrefix(text[:at])
	for _, c := range text[at+1 : len(text)-textChecksum] {
		sum = polymod(sum, byte(strings.IndexRune(textAlphabet, c)))
	}
	for range textChecksum {
		sum = polymod(sum, 0)
	}
	return text[:len(text)-textChecksum] + string(checksumText(sum^1))
}

// spareBits sets the last of the bits that fill the last group.
func spareBits(data []byte) string {
	values := regroup(nil, data, 8, 5)
	values[len(values)-1] |= 1
	sum := polymodPrefix("linnet")
	text := "linnet1"
	for _, v := range values {
		sum = polymod(sum, v)
		text += textAlphabet[v : v+1]
	}
	for range textChecksum {
		sum = polymod(sum, 0)
	}
	return text + string(checksumText(sum^textConstant))
}

func TestAddressRefuses(t *testing.T) {
	rows := addressRows(t)
	update(t, "testdata/address.json", struct {
		Note string       `json:"note"`
		Rows []addressRow `json:"rows"`
	}{"addresses, one failure each; an empty error means that the address is right", rows})
	var recorded struct{ Rows []addressRow }
	vectors.Read("testdata/address.json", &recorded)
	if !slices.Equal(recorded.Rows, rows) {
		t.Error("the recorded rows are others")
	}
	for _, r := range recorded.Rows {
		got, err := ParseAddress(r.Text)
		if errorName(err) != r.Error {
			t.Errorf("%s: got %v, want %q", r.Name, err, r.Error)
		}
		if err != nil && got != (Address{}) {
			t.Errorf("%s: something is returned", r.Name)
		}
	}
}
