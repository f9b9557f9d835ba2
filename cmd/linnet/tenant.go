package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/api"
	"github.com/linnetmesh/linnet/node/vault"
)

// The states of an account.
const (
	stateRunning = "running"
	stateLocked  = "locked"
	stateFailed  = "failed"
)

// tenant is an account in the house. All but name and folder is guarded by the mutex of the house.
type tenant struct {
	name, folder string
	opening      sync.Mutex // held by who opens it

	messenger *messenger // nil unless it runs
	state     string
	problem   string
	cause     error // of the problem, if it is one of opening or running
}

// beingOpened is why a tenant does not run yet.
const beingOpened = "it is still being opened"

func newTenant(folder, name string) *tenant {
	return &tenant{name: name, folder: filepath.Join(folder, name), state: stateFailed, problem: beingOpened}
}

// open opens an account and runs it, unless it runs. Without the passphrase that it takes, which the keyring may have, it is
// locked. The errors are those of openNode.
func (h *house) open(t *tenant, passphrase []byte) error {
	t.opening.Lock()
	defer t.opening.Unlock()
	h.mutex.Lock()
	runs, gone := t.messenger != nil, !slices.Contains(h.tenants, t)
	h.mutex.Unlock()
	switch {
	case runs:
		return nil
	case gone: // it was evicted
		return refusal(http.StatusNotFound, api.CodeNoAccount, "linnet account", "there is no account %q on this machine", t.name)
	}
	recalled := len(passphrase) == 0
	if recalled {
		passphrase = h.recall(t.folder)
	}
	m, err := openNode(settings{Folder: t.folder, Passphrase: passphrase, Host: h.settings.Host, Log: h.settings.Log})
	h.mutex.Lock()
	defer h.mutex.Unlock()
	defer h.poke()
	switch {
	case err == nil && h.closed:
		return errors.Join(refusal(http.StatusServiceUnavailable, api.CodeStopped, "", "the daemon stops"), m.Close())
	case err == nil:
		t.messenger, t.state, t.problem, t.cause = m, stateRunning, "", nil
		if u := m.vault.Upgraded(); u != nil {
			h.settings.Log.Info("a store was upgraded; a copy of what it was is kept beside it", "from", u.From, "to", u.To)
		}
		h.work.Go(func() { h.attend(t, m) })
	case errors.Is(err, vault.ErrPassphrase):
		if t.state, t.problem, t.cause = stateLocked, "", nil; recalled && len(passphrase) > 0 {
			t.problem = "locked: the passphrase that the keyring has is not the right one"
		}
	default:
		t.state, t.problem, t.cause = stateFailed, err.Error(), err
	}
	return err
}

// fixOf says what to do about an account that does not open; empty is nothing but to try again.
func fixOf(err error) string {
	switch {
	case errors.As(err, new(*vault.SchemaError)):
		return "install the Linnet that wrote it, or a newer one; then linnet down and linnet up"
	case isFull(err):
		return "make room on the disk; then linnet down and linnet up"
	}
	return ""
}

// attend runs an account until the house or the account itself ends.
func (h *house) attend(t *tenant, m *messenger) {
	err := errors.Join(m.Run(h.life), m.Close())
	h.mutex.Lock()
	defer h.mutex.Unlock()
	defer h.poke()
	t.messenger, t.state, t.problem, t.cause = nil, stateFailed, "it has ended", err
	if err != nil {
		t.problem = err.Error()
	}
	if h.life.Err() != nil {
		h.errs = append(h.errs, err)
		return
	}
	h.settings.Log.Error("an account ended", "account", slices.Index(h.tenants, t)+1, "error", err)
}

// view returns an account as the API shows it.
func (h *house) view(t *tenant) api.Account {
	h.mutex.Lock()
	a, m := api.Account{Name: t.name, State: t.state, Problem: t.problem}, t.messenger
	h.mutex.Unlock()
	if m == nil {
		return a
	}
	a.ID, a.Address, a.Device = m.Node.Account().String(), m.Node.Address().String(), int(m.Node.Device())
	a.Display, a.About = m.Node.Name()
	a.Picture = api.PictureName(m.Node.OwnPicture())
	for _, d := range m.Node.Devices() {
		a.Devices = append(a.Devices, int(d))
	}
	_, err := m.Node.Words()
	a.Words = err == nil
	return a
}

// Create makes an account, or has one again from its words, and runs it.
func (h *house) Create(_ context.Context, in *api.InCreate) (api.Account, error) {
	if err := h.mayBecome(in.Body.Name, in.Body.Passphrase, in.Body.Keyring); err != nil {
		return api.Account{}, err
	}
	found := func(v *vault.Vault) error { return node.Create(v, in.Body.Display, time.Now()) }
	if in.Body.Words != "" {
		if err := h.absent(in.Body.Words); err != nil {
			return api.Account{}, err
		}
		found = func(v *vault.Vault) error { return node.Recover(v, in.Body.Words, in.Body.Display, time.Now()) }
	}
	temporary, err := makeAccount(h.settings.Folder, []byte(in.Body.Passphrase), found)
	if err != nil {
		return api.Account{}, refusalOf(err)
	}
	return h.moveIn(temporary, in.Body.Name, in.Body.Display, in.Body.Passphrase, in.Body.Keyring)
}

// Restore makes an account of a backup, and runs it.
func (h *house) Restore(ctx context.Context, in *api.RestoreHead, file io.Reader) (api.Restored, error) {
	if err := h.mayBecome(in.Name, in.Lock, in.Keyring); err != nil {
		return api.Restored{}, err
	}
	if err := h.absent(in.Words); err != nil {
		return api.Restored{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.life, cancel)() //nolint:contextcheck // the house's, which ends it, too
	var got node.BackupSummary
	temporary, err := makeAccount(h.settings.Folder, []byte(in.Lock), func(v *vault.Vault) (err error) {
		got, err = node.Restore(ctx, v, file, node.BackupKey{Passphrase: in.Passphrase, Identities: in.Identities}, in.Words, time.Now())
		return err
	})
	if err != nil {
		return api.Restored{}, refusalOf(err)
	}
	a, err := h.moveIn(temporary, in.Name, got.Name, in.Lock, in.Keyring)
	return api.Restored{Account: a, Backup: api.ViewBackup(&got)}, err
}

// mayBecome tells whether an account can be made with such a local name, which may be empty, and such a lock.
func (h *house) mayBecome(name, passphrase string, keyring bool) error {
	switch {
	case keyring && passphrase == "":
		return refusal(http.StatusUnprocessableEntity, api.CodeInvalid, "", "the keyring is for a passphrase, and there is none")
	case name == "":
		return nil
	case len(name) > maxName || !accountName.MatchString(name) || keptCopy.MatchString(name):
		return refusal(http.StatusUnprocessableEntity, api.CodeInvalid, "",
			"a local name has 1 to %d of a-z, 0-9, dot, dash and underscore, and begins with a letter or digit", maxName)
	case h.taken(name):
		return refusal(http.StatusConflict, api.CodeConflict, "choose another name", "there is an account %q already", name)
	}
	return nil
}

// absent tells whether the account of some words runs here already: as another device it would take that one off the account.
func (h *house) absent(words string) error {
	id, err := node.AccountOfWords(words)
	if err != nil {
		return err
	}
	for _, a := range h.Accounts() {
		if a.ID == id.String() {
			return refusal(http.StatusConflict, api.CodeConflict, "linnet account", "this account is here already, as %q", a.Name)
		}
	}
	return nil
}

// moveIn gives a new account its name, which is made of how contacts see it if there is none, and runs it. One that does not
// run, as the disk is full, is taken away again: whoever asked for it hears that there is none, and asks again.
func (h *house) moveIn(temporary, name, display, passphrase string, keyring bool) (_ api.Account, err error) {
	h.making.Lock()
	defer h.making.Unlock()
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }() // unless it was renamed
	if name == "" {
		name = h.free(slug(display))
	} else if err := h.mayBecome(name, passphrase, keyring); err != nil {
		return api.Account{}, err
	}
	t := newTenant(h.settings.Folder, name)
	if keyring {
		if err := remember(t.folder, passphrase); err != nil {
			return api.Account{}, err
		}
	}
	if err := os.Rename(temporary, t.folder); err != nil { // what may be there now is not ours
		return api.Account{}, errors.Join(refusalOf(fmt.Errorf("naming an account: %w", err)), forget(t, keyring))
	}
	if err = syncFolder(h.settings.Folder); err == nil {
		h.mutex.Lock()
		h.tenants = append(h.tenants, t)
		h.mutex.Unlock()
		h.keepOrder()
		err = h.open(t, []byte(passphrase))
	}
	if err != nil {
		h.evict(t, keyring)
		return api.Account{}, refusalOf(fmt.Errorf("moving in: %w", err))
	}
	return h.view(t), nil
}

// evict takes away a new account that did not open, unless it did meanwhile, as somebody else asked for it.
func (h *house) evict(t *tenant, keyring bool) {
	t.opening.Lock()
	defer t.opening.Unlock()
	h.mutex.Lock()
	runs := t.messenger != nil
	if !runs {
		h.tenants = slices.DeleteFunc(h.tenants, func(x *tenant) bool { return x == t })
	}
	h.mutex.Unlock()
	if runs {
		return
	}
	h.poke()
	h.keepOrder()
	if err := errors.Join(os.RemoveAll(t.folder), forget(t, keyring)); err != nil {
		h.settings.Log.Error("what is left of a new account was not removed", "error", err)
	}
}

// forget has the keyring forget the passphrase of an account that there is none of, if it has it.
func forget(t *tenant, keyring bool) error {
	if !keyring {
		return nil
	}
	return reword(t.folder, "")
}

// keepOrder writes down which account is older than which. It is only about who is the default.
func (h *house) keepOrder() {
	var names []string
	for _, t := range h.all() {
		names = append(names, t.name)
	}
	if err := writeOrder(h.settings.Folder, names); err != nil {
		h.settings.Log.Warn("the order of accounts was not written", "error", err)
	}
}

// maxName is how long a local name may be.
const maxName = 64

// keptCopy is how the copy is called that an upgrade of a store leaves. It is no account: run beside the one that it is a copy
// of, both would use the same keys.
var keptCopy = regexp.MustCompile(`\.schema[0-9]+`)

// accountName is what a local name is made of.
var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

// unfinished is how folders begin in which an account is being made.
const unfinished = ".new-"

// orderFile holds the local names of accounts, the oldest first, one in a line.
const orderFile = "order"

// makeAccount makes a vault with an account in it. Its folder is to take its name last: who is interrupted leaves no half of
// one.
func makeAccount(folder string, passphrase []byte, found func(*vault.Vault) error) (_ string, err error) {
	temporary, err := os.MkdirTemp(folder, unfinished)
	if err != nil {
		return "", fmt.Errorf("making a folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temporary))
		}
	}()
	v, err := vault.Open(vault.Config{Folder: temporary, Passphrase: passphrase})
	if err != nil {
		return "", fmt.Errorf("making the vault: %w", err)
	}
	if err := errors.Join(found(v), v.Close()); err != nil {
		return "", fmt.Errorf("making an account: %w", err)
	}
	return temporary, nil
}

// clean removes what is left in a folder of accounts that were being made when a daemon was killed. Whoever calls it holds
// the daemon's lock.
func clean(folder string) error {
	left, err := filepath.Glob(filepath.Join(folder, unfinished+"*"))
	if err != nil {
		return fmt.Errorf("looking for unfinished accounts: %w", err)
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing an unfinished account: %w", err)
		}
	}
	return nil
}

// findAccounts returns the local names of the accounts in a folder, the oldest first.
func findAccounts(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("looking for accounts: %w", err)
	}
	var names []string
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		switch {
		case !e.IsDir():
		case accountName.MatchString(e.Name()) && !keptCopy.MatchString(e.Name()):
			if _, err := os.Lstat(filepath.Join(path, "key")); err == nil {
				names = append(names, e.Name())
			}
		}
	}
	b, err := os.ReadFile(filepath.Join(folder, orderFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the order of accounts: %w", err)
	}
	order := strings.Fields(string(b))
	rank := func(name string) int {
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(names, func(x, y string) int { return rank(x) - rank(y) })
	return names, nil
}

func writeOrder(folder string, names []string) error {
	path := filepath.Join(folder, orderFile)
	if err := os.WriteFile(path+".new", []byte(strings.Join(names, "\n")+"\n"), 0o600); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	return os.Rename(path+".new", path)
}

// taken tells whether a local name is in use, be it by something that is no account.
func (h *house) taken(name string) bool {
	for _, t := range h.all() {
		if t.name == name {
			return true
		}
	}
	_, err := os.Lstat(filepath.Join(h.settings.Folder, name))
	return !errors.Is(err, fs.ErrNotExist)
}

// free returns a name that is not taken, with a number behind it if need be.
func (h *house) free(name string) string {
	for i, try := 2, name; ; i++ {
		if !h.taken(try) {
			return try
		}
		try = name + "-" + strconv.Itoa(i)
	}
}

// slug makes a local name of a display name: "Ada Lovelace" is ada-lovelace.
func slug(display string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(display) {
		switch {
		case b.Len() >= maxName/2:
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if s := strings.TrimRight(b.String(), "-"); s != "" {
		return s
	}
	return "account"
}
