package api

import (
	"context"
	"io"

	"github.com/linnetmesh/linnet/node"
)

// Daemon is what the API is the face of: the accounts of a machine. Its methods are for several goroutines at once. Errors
// other than *Problem and those of node are internal ones.
type Daemon interface {
	// Accounts returns all, running or not, the default first.
	Accounts() []Account
	// Node returns the node of a running account by its local name, "-" for the default. The error is a *Problem:
	// CodeNoAccount, CodeLocked or CodeStopped.
	Node(account string) (*node.Node, error)
	// Add is node.Node.Add, once the host knows the nodes of the invite.
	Add(ctx context.Context, account, invite string) (node.Account, error)
	// Create makes an account and runs it.
	Create(ctx context.Context, in *InCreate) (Account, error)
	// Restore makes an account of a backup, and runs it. Nothing is left of one that fails.
	Restore(ctx context.Context, in *RestoreHead, file io.Reader) (Restored, error)
	// Unlock opens and runs an account that is locked.
	Unlock(ctx context.Context, in *InUnlock) (Account, error)
	// SetPassphrase changes how the store of an account is locked.
	SetPassphrase(ctx context.Context, in *InPassphrase) error
	// Status tells how the machine and each account do: Checks and Peers; what a node knows by itself, Server adds.
	Status() Status
	// Doctor looks at everything.
	Doctor(ctx context.Context, report bool) (Report, error)
	// Changed is poked when the list of accounts, or the state of one, changed.
	Changed() <-chan struct{}
	// Stop begins to end the daemon, and returns at once.
	Stop()
}
