package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man FOLDER",
		Short: "Write manual pages",
		Long: `Man writes a manual page for each verb into a folder, such as one of those that manpath lists with man1
behind it.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{"it is: linnet man FOLDER"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // manual pages are for everybody
				return fmt.Errorf("making the folder: %w", err)
			}
			root := c.Root()
			root.DisableAutoGenTag = true // the same program writes the same pages
			if err := doc.GenManTree(root, &doc.GenManHeader{Title: "LINNET", Section: "1", Source: "Linnet", Manual: "Linnet"}, args[0]); err != nil {
				return fmt.Errorf("writing manual pages: %w", err)
			}
			return nil
		},
	}
}
