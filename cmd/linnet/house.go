package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/api"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p"
)

// houseSettings say what a house is made of.
type houseSettings struct {
	Folder string     // in which each account has a folder, which is its vault
	Host   p2p.Config // of each account, which has a host of its own: nobody can tell that two live here
	Log    *slog.Logger
	Listen string // where the loopback listener is; empty: there is none
	Wanted string // where it was to be
	// LogFile and Socket are what the doctor looks at, if they are not empty.
	LogFile, Socket string
	// Stop begins to end the daemon, and returns at once.
	Stop func()
}

// house is the accounts of a machine, each of which lives for itself: what happens to one does not hold up the others. It
// is the api.Daemon.
type house struct {
	settings houseSettings
	since    time.Time
	life     context.Context //nolint:containedctx // that of the accounts, which ends with the house and not with a call
	end      context.CancelFunc
	changed  chan struct{}
	work     sync.WaitGroup
	making   sync.Mutex // one account is named at a time

	mutex   sync.Mutex
	tenants []*tenant // the default first
	closed  bool
	errs    []error // of accounts that ended when the house did
}

var _ api.Daemon = (*house)(nil)

// openPatience is how long a house waits for its accounts to open before it answers. What takes longer goes on.
const openPatience = 3 * time.Second

// openHouse opens and runs all accounts in the folder, at the same time. That one does not open is no error: it is locked,
// or failed, and says so. The house must be closed.
func openHouse(ctx context.Context, s houseSettings) (*house, error) {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if err := makeFolder(s.Folder); err != nil {
		return nil, err
	}
	if err := clean(s.Folder); err != nil {
		return nil, err
	}
	names, err := findAccounts(s.Folder)
	if err != nil {
		return nil, err
	}
	h := &house{settings: s, since: time.Now(), changed: make(chan struct{}, 1)}
	h.life, h.end = context.WithCancel(context.WithoutCancel(ctx))
	for _, name := range names {
		h.tenants = append(h.tenants, newTenant(s.Folder, name))
	}
	var all sync.WaitGroup
	for i, t := range h.tenants {
		all.Add(1)
		h.work.Go(func() {
			defer all.Done()
			if err := h.open(t, nil); err != nil && !errors.Is(err, vault.ErrPassphrase) {
				s.Log.Error("an account does not open", "account", i+1, "error", err)
			}
		})
	}
	opened := make(chan struct{})
	h.work.Go(func() {
		all.Wait()
		close(opened)
	})
	patience := time.NewTimer(openPatience)
	defer patience.Stop()
	select {
	case <-opened:
	case <-patience.C:
	case <-ctx.Done():
	}
	return h, nil
}

// Close ends all accounts, and waits until nothing of them is left.
func (h *house) Close() error {
	h.mutex.Lock()
	h.closed = true
	h.mutex.Unlock()
	h.end()
	h.work.Wait()
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return errors.Join(h.errs...)
}

// poke tells that something changed, to who looks at Changed.
func (h *house) poke() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// Changed is poked when the list of accounts, or the state of one, changed.
func (h *house) Changed() <-chan struct{} { return h.changed }

// Stop begins to end the daemon.
func (h *house) Stop() {
	if h.settings.Stop != nil {
		h.settings.Stop()
	}
}

// all returns the accounts of now.
func (h *house) all() []*tenant {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return append([]*tenant(nil), h.tenants...)
}

// Accounts returns all accounts, the default first.
func (h *house) Accounts() []api.Account {
	out := []api.Account{}
	for _, t := range h.all() {
		out = append(out, h.view(t))
	}
	return out
}

// find returns an account by its local name.
func (h *house) find(account string) (*tenant, error) {
	all := h.all()
	if len(all) == 0 {
		return nil, refusal(http.StatusNotFound, api.CodeNoAccount, "linnet up --name NAME", "there is no account on this machine yet")
	}
	for _, t := range all {
		if account == "-" || t.name == account {
			return t, nil
		}
	}
	return nil, refusal(http.StatusNotFound, api.CodeNoAccount, "linnet account", "there is no account %q on this machine", account)
}

// messenger returns that of an account that runs.
func (h *house) messenger(account string) (*messenger, error) {
	t, err := h.find(account)
	if err != nil {
		return nil, err
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	switch {
	case t.messenger != nil:
		return t.messenger, nil
	case t.state == stateLocked:
		return nil, refusal(http.StatusLocked, api.CodeLocked, "linnet account unlock", "%s is locked: it waits for its passphrase", t.name)
	default:
		p := refusal(http.StatusServiceUnavailable, api.CodeStopped, "linnet doctor", "%s does not run: %s", t.name, t.problem)
		var why *api.Problem
		if errors.As(refusalOf(t.cause), &why) { // programs are told as of any other call, and people more
			p.Title, p.Status, p.Code = why.Title, why.Status, why.Code
		}
		return nil, p
	}
}

// Node returns the node of an account that runs.
func (h *house) Node(account string) (*node.Node, error) {
	m, err := h.messenger(account)
	if err != nil {
		return nil, err
	}
	return m.Node, nil
}

// Add asks somebody to become a contact, once the host knows the nodes of the invite.
func (h *house) Add(ctx context.Context, account, invite string) (node.Account, error) {
	m, err := h.messenger(account)
	if err != nil {
		return node.Account{}, err
	}
	return m.Add(ctx, invite)
}

// Unlock opens and runs an account that is locked, and tries again one that failed.
func (h *house) Unlock(_ context.Context, in *api.InUnlock) (api.Account, error) {
	t, err := h.find(in.Account)
	if err != nil {
		return api.Account{}, err
	}
	if err := h.open(t, []byte(in.Body.Passphrase)); err != nil {
		return api.Account{}, refusalOf(err)
	}
	if in.Body.Keyring {
		if err := remember(t.folder, in.Body.Passphrase); err != nil {
			return api.Account{}, err
		}
	}
	return h.view(t), nil
}

// SetPassphrase changes how the vault of an account that runs is locked.
func (h *house) SetPassphrase(_ context.Context, in *api.InPassphrase) error {
	t, err := h.find(in.Account)
	if err != nil {
		return err
	}
	m, err := h.messenger(t.name)
	if err != nil {
		return err
	}
	if err := m.vault.ChangePassphrase([]byte(in.Body.Old), []byte(in.Body.New)); err != nil {
		return refusalOf(err)
	}
	if err := reword(t.folder, in.Body.New); err != nil {
		h.settings.Log.Warn("the keyring has the old passphrase", "error", err)
	}
	return nil
}

func refusal(status int, code api.Code, hint, format string, args ...any) *api.Problem {
	return &api.Problem{Title: http.StatusText(status), Status: status, Code: code, Hint: hint, Detail: fmt.Sprintf(format, args...)}
}

// refusalOf says what an error of opening an account means to who asked for it. Others it leaves as they are.
func refusalOf(err error) error {
	var newer *vault.SchemaError
	switch {
	case errors.Is(err, vault.ErrPassphrase):
		return refusal(http.StatusForbidden, api.CodeWrong, "", "wrong passphrase")
	case isFull(err):
		return refusal(http.StatusInsufficientStorage, api.CodeFull, "make room, then try again", "the disk is nearly full")
	case errors.As(err, &newer):
		return refusal(http.StatusConflict, api.CodeNewer, "install a newer Linnet", "a newer Linnet wrote this account")
	case errors.Is(err, vault.ErrDamaged):
		return refusal(http.StatusInternalServerError, api.CodeDamaged, "linnet doctor", "%v", err)
	default:
		return err
	}
}

// isFull tells whether an error says that there is no room on the disk, be it that the vault leaves what is left alone.
func isFull(err error) bool { return errors.Is(err, vault.ErrFull) || errors.Is(err, syscall.ENOSPC) }
