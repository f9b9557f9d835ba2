package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/internal/vectors"
)

// TestWordList holds the list to what BIP 39 says of it, and to the bytes of the BIP's english.txt.
func TestWordList(t *testing.T) {
	const want = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
	if got := sha256.Sum256([]byte(english)); hex.EncodeToString(got[:]) != want {
		t.Errorf("SHA-256 is %x", got)
	}
	words := wordList()
	if len(words) != 2048 || !slices.IsSorted(words) {
		t.Errorf("%d words, sorted: %v", len(words), slices.IsSorted(words))
	}
	heads := map[string]bool{}
	for _, w := range words {
		if len(w) < 3 || len(w) > 8 || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("%q", w)
		}
		heads[w[:min(4, len(w))]] = true
	}
	if len(heads) != len(words) {
		t.Errorf("%d words begin alike", len(words)-len(heads))
	}
}

type wordVectors struct {
	Seeds []struct {
		Seed  vectors.Hex
		Words string
	}
}

func readWords(t testing.TB) (v wordVectors) {
	t.Helper()
	vectors.Read("testdata/words.json", &v)
	if len(v.Seeds) < 8 {
		t.Fatal("no vectors")
	}
	return v
}

func TestWordVectors(t *testing.T) {
	for _, v := range readWords(t).Seeds {
		s, err := ParseSeed(v.Seed)
		if err != nil {
			t.Fatal(err)
		}
		words, err := s.Words()
		if err != nil || strings.Join(words, " ") != v.Words {
			t.Errorf("%x: got %v, %v", v.Seed, words, err)
		}
		again, err := ParseWords(v.Words)
		if err != nil || !again.Equal(s) {
			t.Errorf("%s: %v", v.Words, err)
		}
	}
}

func TestParseWords(t *testing.T) {
	good := readWords(t).Seeds[4].Words
	replace := func(i int, w string) string {
		words := strings.Fields(good)
		words[i] = w
		return strings.Join(words, " ")
	}
	swapped := strings.Fields(good)
	swapped[2], swapped[3] = swapped[3], swapped[2]
	for _, tt := range []struct {
		name, text string
		want       error
		position   int
	}{
		{"as written", good, nil, 0},
		{"upper case", strings.ToUpper(good), nil, 0},
		{"mixed case", strings.ToUpper(good[:40]) + good[40:], nil, 0},
		{"lines and tabs", "\r\n\t " + strings.ReplaceAll(good, " ", " \r\n\t") + "\n", nil, 0},
		{"wide spaces", strings.ReplaceAll(good, " ", "\u3000\u00a0"), nil, 0},
		{"first word unknown", replace(0, "linnet"), ErrWords, 1},
		{"last word unknown", replace(23, "linnet"), ErrWords, 24},
		{"cut word", replace(6, strings.Fields(good)[6][:3]), ErrWords, 7},
		{"other word", replace(6, "abandon"), ErrChecksum, 0},
		{"two changed places", strings.Join(swapped, " "), ErrChecksum, 0},
		{"a word too few", good[:strings.LastIndex(good, " ")], ErrWords, 0},
		{"a word too many", good + " abandon", ErrWords, 0},
		{"12 words", strings.Repeat("abandon ", 11) + "about", ErrWords, 0},
		{"nothing", "", ErrWords, 0},
		{"too long", strings.Repeat(" ", 1001-len(good)+24) + good, ErrWords, 0},
		{"zero bytes", strings.ReplaceAll(good, " ", "\x00"), ErrWords, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ParseWords(tt.text)
			if !errors.Is(err, tt.want) || (err == nil) == s.IsZero() {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			var word *WordError
			if errors.As(err, &word) != (tt.position > 0) || tt.position > 0 && word.Position != tt.position {
				t.Errorf("got %v, want position %d", err, tt.position)
			}
			for _, w := range strings.Fields(tt.text) {
				if err != nil && len(w) > 4 && strings.Contains(err.Error(), w) && !strings.Contains("identity words checksum word list", w) {
					t.Errorf("%v holds a word", err)
				}
			}
		})
	}
}

func TestWordsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "seed")
		s := must[Seed](t)(ParseSeed(b))
		words := must[[]string](t)(s.Words())
		again, err := ParseWords(strings.Join(words, "\n"))
		if err != nil || !bytes.Equal(again.AppendTo(nil), b) {
			t.Fatalf("%x comes back as %x, %v", b, again.AppendTo(nil), err)
		}
	})
}

func TestErase(t *testing.T) {
	s := NewSeed()
	held := s
	inside := s.s.b
	s.Erase()
	s.Erase()
	if !s.IsZero() || !held.IsZero() || *inside != [KeySize]byte{} {
		t.Error("something is left")
	}
	if _, err := held.Words(); !errors.Is(err, ErrKey) {
		t.Errorf("an erased seed has words: %v", err)
	}
	if !held.Account().IsZero() || !held.DiscoveryRoot(0).IsZero() || !held.ArchiveBox().IsZero() || held.Equal(s) || len(held.AppendTo(nil)) > 0 {
		t.Error("an erased seed works")
	}
	Seed{}.Erase()
}

// decimal is how fmt prints bytes: "12 34 56".
func decimal(b []byte) string { return strings.Trim(fmt.Sprintf("%d", b), "[]") }

// TestPrintsNothing looks for secrets under every verb, bare and inside of other things.
func TestPrintsNothing(t *testing.T) {
	seed := seedOf("printed")
	transport := must[TransportPrivateKey](t)(ParseTransportPrivateKey(secretOf("printed")))
	box := must[BoxPrivateKey](t)(ParseBoxPrivateKey(secretOf("printed")))
	discovery := must[DiscoveryPrivateKey](t)(ParseDiscoveryPrivateKey(secretOf("printed")))
	root := must[DiscoveryRoot](t)(ParseDiscoveryRoot(secretOf("printed")))
	secret := secretOf("printed")
	account := (*seed.Account().s.key).Seed()
	for _, v := range []any{
		seed, transport, box, discovery, root, seed.Account(), &seed, &transport,
		struct{ k Seed }{seed},
		struct{ k AccountPrivateKey }{seed.Account()},
		&struct{ k any }{transport},
		struct{ k DiscoveryRoot }{root},
		struct{ k DiscoveryPrivateKey }{discovery},
		[]BoxPrivateKey{box},
		map[string]any{"k": root},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%w", "%z"} {
			out := strings.ToLower(fmt.Sprintf(verb, v))
			for _, b := range [][]byte{secret, account} {
				for _, leak := range []string{hex.EncodeToString(b[:4]), decimal(b[:3]), string(b[:6]), fmt.Sprintf("%#v", b[:3])[7:20]} {
					if strings.Contains(out, strings.ToLower(leak)) {
						t.Errorf("%s of %T prints %s", verb, v, out)
					}
				}
			}
		}
	}
	if got := fmt.Sprintf("%x %v", seed.DiscoveryRoot(0).Key(0).Public(), DiscoveryKey{}); got != "identity.DiscoveryKey identity.DiscoveryKey" {
		t.Errorf("got %s", got)
	}
}
