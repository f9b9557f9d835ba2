package api

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Bounds of tokens, and of the bytes of their file.
const (
	maxTokens    = 256
	maxTokenFile = 4 << 20
	maxPages     = 64 // of maxTokens are for tabs
)

// tokens are the tokens that programs have. The file keeps hashes: who reads it can use none of them. A secret has 130
// random bits, so that a plain hash is enough, and guessing is hopeless.
type tokens struct {
	file string

	mu  sync.Mutex
	all []storedToken
}

type storedToken struct {
	Token
	Hash string `json:"hash"` // SHA-256 of the secret, hex
}

func openTokens(file string) (*tokens, error) {
	t := &tokens{file: file}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading tokens: %w", err)
	}
	if info.Size() > maxTokenFile {
		return nil, fmt.Errorf("reading tokens: %s is too large", filepath.Base(file))
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading tokens: %w", err)
	}
	if err := json.Unmarshal(b, &t.all); err != nil {
		return nil, fmt.Errorf("reading tokens: %w", err)
	}
	return t, nil
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// find returns what a secret allows now, nil if nothing.
func (t *tokens) find(secret string) *caller {
	if secret == "" || len(secret) > 128 {
		return nil
	}
	hash, now := []byte(hashOf(secret)), time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.all {
		k := &t.all[i]
		if subtle.ConstantTimeCompare(hash, []byte(k.Hash)) != 1 {
			continue
		}
		if k.Until != nil && !now.Before(*k.Until) {
			return nil
		}
		k.Used = &now
		return &caller{scope: k.Scope, account: k.Account, chats: k.Chats}
	}
	return nil
}

// make makes a token, with its secret.
func (t *tokens) make(k Token, life time.Duration) (Token, error) {
	secret := "linnet-" + rand.Text()
	k.ID, k.Created = rand.Text()[:8], time.Now().Truncate(time.Second)
	if life > 0 {
		until := k.Created.Add(life)
		k.Until = &until
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if k.Page {
		t.forgetPages(k.Created)
	}
	if len(t.all) >= maxTokens {
		return Token{}, problem(507, CodeFull, "linnet token revoke ID", "there are %d tokens already", maxTokens)
	}
	next := append(slices.Clone(t.all), storedToken{k, hashOf(secret)})
	if err := t.write(next); err != nil {
		return Token{}, err
	}
	t.all = next
	k.Secret = secret
	return k, nil
}

// forgetPages makes room for the token of one more tab: those that are over go, and the oldest of too many. The caller holds
// mu, and writes.
func (t *tokens) forgetPages(now time.Time) {
	pages := 0
	for i := len(t.all) - 1; i >= 0; i-- {
		k := &t.all[i]
		if !k.Page {
			continue
		}
		if pages++; pages >= maxPages || k.Until != nil && !now.Before(*k.Until) {
			t.all = slices.Delete(slices.Clone(t.all), i, i+1)
		}
	}
}

func (t *tokens) drop(id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(t.all), func(k storedToken) bool { return k.ID == id })
	if len(next) == len(t.all) {
		return problem(404, CodeNotFound, "linnet token", "no such token")
	}
	if err := t.write(next); err != nil {
		return err
	}
	t.all = next
	return nil
}

func (t *tokens) list() (out []Token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.all {
		out = append(out, t.all[i].Token)
	}
	return out
}

// write puts the file in the place of the old one.
func (t *tokens) write(all []storedToken) error {
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(t.file), ".tokens-*") // of mode 0600
	if err != nil {
		return fmt.Errorf("keeping tokens: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), t.file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("keeping tokens: %w", err)
	}
	return nil
}
