package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/linnetmesh/linnet/node/api"
	"github.com/linnetmesh/linnet/node/vault"
)

// keyringService is what Linnet is called in the system's keyring: the Secret Service of a desktop, the Keychain of macOS,
// the Credential Manager of Windows. There each account is known by the folder of its vault.
const keyringService = "linnet"

// keyringPatience is how long a keyring may take, which may ask its owner something first.
const keyringPatience = 20 * time.Second

// errSlowKeyring is a keyring that does not answer.
var errSlowKeyring = errors.New("it does not answer")

// inKeyring does something with the keyring, but does not wait for it for ever.
func inKeyring(do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	t := time.NewTimer(keyringPatience)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return errSlowKeyring
	}
}

// remember puts a passphrase into the keyring.
func remember(folder, passphrase string) error {
	if err := inKeyring(func() error { return keyring.Set(keyringService, folder, passphrase) }); err != nil {
		return refusal(http.StatusUnprocessableEntity, api.CodeInvalid, "do without --keyring", "the system's keyring did not take the passphrase: %v", err)
	}
	return nil
}

// recall returns the passphrase that the keyring has for a vault, empty if the vault takes none, or the keyring has none.
func (h *house) recall(folder string) []byte {
	if locked, err := vault.Locked(folder); err != nil || !locked {
		return nil
	}
	found := make(chan string, 1)
	err := inKeyring(func() error {
		text, err := keyring.Get(keyringService, folder)
		found <- text
		return err
	})
	if err != nil {
		if !errors.Is(err, keyring.ErrNotFound) {
			h.settings.Log.Debug("the keyring was not read", "error", err)
		}
		return nil
	}
	return []byte(<-found)
}

// reword puts another passphrase in the place of one that the keyring has, if it has one.
func reword(folder, passphrase string) error {
	err := inKeyring(func() error {
		if _, err := keyring.Get(keyringService, folder); err != nil {
			return err
		}
		if passphrase == "" {
			return keyring.Delete(keyringService, folder)
		}
		return keyring.Set(keyringService, folder, passphrase)
	})
	if err != nil && !errors.Is(err, keyring.ErrNotFound) && !errors.Is(err, keyring.ErrUnsupportedPlatform) {
		return fmt.Errorf("the keyring: %w", err)
	}
	return nil
}
