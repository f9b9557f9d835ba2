package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"golang.org/x/mod/semver"

	"github.com/linnetmesh/linnet/node/api"
)

// version is what this program is called where whoever builds it says so, as of sources without git:
// -ldflags '-X main.version=v1.2.3'. Empty is what the Go toolchain knows.
var version string

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
		b.Version = cmp.Or(version, b.Version)
		return b
	}
	b.Version = cmp.Or(version, info.Main.Version, b.Version)
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

// checkVersion compares the daemon that runs with the command that asks it; nothing if they are the same. Versions that are none
// (semver.org), such as that of a build from changed sources, are different, and nobody knows which is older.
func checkVersion(daemon, command string) []api.Check {
	if daemon == command {
		return nil
	}
	c := api.Check{
		Name: "version", State: checkWarn, Fix: "linnet down, then linnet up",
		Text: fmt.Sprintf("the daemon that runs is %s, and this command is %s", daemon, command),
	}
	if !semver.IsValid(daemon) || !semver.IsValid(command) {
		return []api.Check{c}
	}
	switch semver.Compare(daemon, command) {
	case -1:
		c.Text = fmt.Sprintf("the daemon that runs is %s, older than this command, which is %s", daemon, command)
	case 1:
		c.Text = fmt.Sprintf("this command is %s, older than the daemon that runs, which is %s", command, daemon)
		c.Fix = "install the newer one in its place"
		if me, err := os.Executable(); err == nil {
			c.Fix += ": " + me
		}
	}
	return []api.Check{c}
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
