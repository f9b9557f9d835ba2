package main

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"

	"github.com/linnetmesh/linnet/node/api"
)

// accountFlag names the account that a verb is for.
const accountFlag = "account"

// withAccount gives a verb the flag --account.
func withAccount(c *cobra.Command) {
	c.Flags().String(accountFlag, "-", "local name of the account; - is LINNET_ACCOUNT, else the oldest")
}

// dial returns a client of the daemon that runs, and which account the verb is for: that of --account, else of
// LINNET_ACCOUNT, else "-", the default. It connects to nobody yet.
func dial(c *cobra.Command) (*api.Client, string, error) {
	p, err := findPaths()
	if err != nil {
		return nil, "", err
	}
	account := "-"
	if f := c.Flag(accountFlag); f != nil {
		account = f.Value.String()
	}
	if account == "-" {
		account = cmp.Or(os.Getenv("LINNET_ACCOUNT"), "-")
	}
	return api.DialSocket(p.Socket), account, nil
}
