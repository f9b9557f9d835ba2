package identity

import (
	"crypto/sha256"
	_ "embed" // the list of words
	"fmt"
	"slices"
	"strings"
	"sync"
)

// SeedWords is how many words stand for a seed.
const SeedWords = 24

// maxWordsText is the longest text in bytes that ParseWords looks at: 24 words of at most 8 letters, and much room.
const maxWordsText = 1024

// english is the English list of BIP 39: 2048 words, sorted, told apart by their first four letters.
//
//go:embed english.txt
var english string

var wordList = sync.OnceValue(func() []string { return strings.Fields(english) })

// WordError is an ErrWords that knows which word it is about. It does not hold the word, since that is secret.
type WordError struct {
	Position int // 1..24
}

// Error tells the position.
func (e *WordError) Error() string {
	return fmt.Sprintf("%v: word %d is not in the list", ErrWords, e.Position)
}

// Unwrap returns ErrWords.
func (e *WordError) Unwrap() error { return ErrWords }

// Words returns the SeedWords words that stand for the seed, for its owner's eyes alone. They are the entropy of a
// BIP 39 mnemonic (English, 256 bits, 8 bits of checksum); no passphrase and no PBKDF2 come in, so a wallet would make
// other keys from them. The error is ErrKey for a zero seed.
func (s Seed) Words() ([]string, error) {
	if s.IsZero() {
		return nil, ErrKey
	}
	sum := sha256.Sum256(s.s.b[:])
	bits := append(slices.Clone(s.s.b[:]), sum[0])
	defer clear(bits)
	words := make([]string, SeedWords)
	for i := range words {
		var index int
		for bit := 11 * i; bit < 11*(i+1); bit++ {
			index = index<<1 | int(bits[bit/8]>>(7-bit%8)&1)
		}
		words[i] = wordList()[index]
	}
	return words, nil
}

// ParseWords reads the words of a seed, in upper or lower case and with any white space around them. The error is
// ErrWords, as a *WordError if a word is not in the list, or ErrChecksum if all are, but do not belong together: a word
// was taken for another, or two changed places. It never holds a word.
func ParseWords(text string) (Seed, error) {
	if len(text) > maxWordsText {
		return Seed{}, fmt.Errorf("%w: too long", ErrWords)
	}
	words := strings.Fields(strings.ToLower(text))
	if len(words) != SeedWords {
		return Seed{}, fmt.Errorf("%w: %d words, not %d", ErrWords, len(words), SeedWords)
	}
	var bits [KeySize + 1]byte
	defer clear(bits[:])
	for i, w := range words {
		index, ok := slices.BinarySearch(wordList(), w)
		if !ok {
			return Seed{}, &WordError{i + 1}
		}
		for j := range 11 {
			bit := 11*i + j
			bits[bit/8] |= byte(index>>(10-j)&1) << (7 - bit%8)
		}
	}
	if sum := sha256.Sum256(bits[:KeySize]); sum[0] != bits[KeySize] {
		return Seed{}, ErrChecksum
	}
	return ParseSeed(bits[:KeySize])
}
