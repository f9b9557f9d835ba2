package backup

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
)

// maxRecipients is for how many recipients a backup can be made.
const maxRecipients = 32

// maxWork is the most work that a passphrase may cost, by the logarithm: about 4 s, and 1 GiB of memory.
const maxWork = 20

// Lock says who can open a backup: who knows a passphrase, or who has the private half of any of some recipients.
type Lock struct {
	Passphrase string
	// Recipients are as age has them: age1… or, against quantum computers, age1pq1….
	Recipients []string
	// Work is the logarithm of what trying a passphrase costs; 0 is what age thinks right, about a second.
	Work int
}

// recipients returns the lock as age has it. The error is ErrLock.
func (l Lock) recipients() ([]age.Recipient, error) {
	switch {
	case l.Passphrase != "" && len(l.Recipients) > 0:
		return nil, fmt.Errorf("%w: a passphrase and recipients do not go together", ErrLock)
	case len(l.Recipients) > maxRecipients:
		return nil, fmt.Errorf("%w: more than %d recipients", ErrLock, maxRecipients)
	case l.Passphrase != "":
		r, err := age.NewScryptRecipient(l.Passphrase)
		if err != nil {
			return nil, ErrLock
		}
		if l.Work > 0 {
			r.SetWorkFactor(min(l.Work, maxWork))
		}
		return []age.Recipient{r}, nil
	}
	var out []age.Recipient
	for _, text := range l.Recipients {
		var r age.Recipient
		var err error
		if text = strings.TrimSpace(text); strings.HasPrefix(text, "age1pq1") {
			r, err = age.ParseHybridRecipient(text)
		} else {
			r, err = age.ParseX25519Recipient(text)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %q is no recipient of age, or it was misspelt", ErrLock, text)
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return nil, ErrLock
	}
	return out, nil
}

// Key opens a backup.
type Key struct {
	Passphrase string
	// Identities are private halves of recipients, one in a line, as in a file of age-keygen.
	Identities string
}

// identities returns the key as age has it. The error is ErrKey.
func (k Key) identities() (out []age.Identity, err error) {
	if k.Identities != "" {
		if out, err = age.ParseIdentities(strings.NewReader(k.Identities)); err != nil {
			return nil, fmt.Errorf("%w: that is no file of identities of age", ErrKey) // age's own words may quote it
		}
	}
	if k.Passphrase != "" {
		i, err := age.NewScryptIdentity(k.Passphrase)
		if err != nil {
			return nil, ErrKey
		}
		i.SetMaxWorkFactor(maxWork)
		out = append(out, i)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrKey)
	}
	return out, nil
}

// Check tells whether a backup can be made with the lock. The error is ErrLock.
func (l Lock) Check() error {
	_, err := l.recipients()
	return err
}

// TakesPassphrase tells whether a file, of which this is the beginning, opens by a passphrase. If not, it opens by an
// identity, or is no backup.
func TakesPassphrase(head []byte) bool {
	return bytes.HasPrefix(head, []byte("age-encryption.org/v1\n-> scrypt "))
}

// sayKey tells a wrong key from a wrong file.
func sayKey(err error) error {
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) || errors.Is(err, age.ErrIncorrectIdentity) {
		return ErrKey
	}
	return fmt.Errorf("%w: %w", ErrFormat, err)
}
