package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what this program was made of.
type build struct {
	V        int    `json:"v"`
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source
	Changed  bool   `json:"changed,omitempty"`  // since that revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Say which linnet this is",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			b := readBuild()
			if asJSON {
				return printJSON(c.OutOrStdout(), b)
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), b)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

// readBuild returns what the Go toolchain wrote into the program.
func readBuild() build {
	b := build{V: formatVersion, Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = cmp.Or(info.Main.Version, b.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b
}

// String is for people.
func (b build) String() string {
	s := "linnet " + b.Version
	if b.Revision != "" {
		s += " " + b.Revision
	}
	if b.Changed {
		s += " (changed since)"
	}
	return s + " " + b.Go + " " + b.Platform
}
