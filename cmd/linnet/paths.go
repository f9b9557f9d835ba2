package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
)

// maxSocket is how long the path of a socket may be: systems take 104 to 108 bytes, and one of zero at the end.
const maxSocket = 100

// paths are where everything of one daemon lies. All folders are of mode 0700.
type paths struct {
	V      int    `json:"v"`
	Config string `json:"config"` // folder of what its owner chose
	Data   string `json:"data"`   // folder with a vault for each account
	State  string `json:"state"`  // folder of logs
	Tokens string `json:"tokens"` // file of the API's tokens, hashed
	Log    string `json:"log"`    // of a daemon in the background
	Crash  string `json:"crash"`  // last words of a daemon in the background
	Lock   string `json:"lock"`   // held by the daemon that runs; holds its process ID
	Socket string `json:"socket"` // of the API
}

// findPaths returns the paths that the environment asks for: all in LINNET_HOME if that is set, else where the system has
// such files, on Unix those of XDG. It makes nothing.
func findPaths() (paths, error) { return findPathsOn(runtime.GOOS, os.Getenv) }

func findPathsOn(system string, env func(string) string) (paths, error) {
	if home := env("LINNET_HOME"); home != "" {
		home, err := filepath.Abs(home)
		if err != nil {
			return paths{}, fmt.Errorf("finding LINNET_HOME: %w", err)
		}
		return newPathsIn(home, filepath.Join(home, "accounts"), filepath.Join(home, "state"), home), nil
	}
	// folder returns the folder that a variable names, else one below the user's own. XDG has relative ones ignored.
	home := env("HOME")
	if system == "windows" {
		home = env("USERPROFILE")
	}
	if !filepath.IsAbs(home) {
		return paths{}, errors.New("there is no home folder; set LINNET_HOME to a folder for Linnet")
	}
	folder := func(name string, below ...string) string {
		if f := env(name); filepath.IsAbs(f) {
			return f
		}
		return filepath.Join(append([]string{home}, below...)...)
	}
	switch system {
	case "windows":
		local := filepath.Join(folder("LOCALAPPDATA", "AppData", "Local"), "Linnet")
		return newPathsIn(filepath.Join(folder("APPDATA", "AppData", "Roaming"), "Linnet"), filepath.Join(local, "accounts"),
			filepath.Join(local, "logs"), local), nil
	case "darwin", "ios":
		own := filepath.Join(home, "Library", "Application Support", "Linnet")
		return newPathsIn(own, filepath.Join(own, "accounts"), filepath.Join(home, "Library", "Logs", "Linnet"), own), nil
	}
	data := filepath.Join(folder("XDG_DATA_HOME", ".local", "share"), "linnet")
	run := data
	if f := env("XDG_RUNTIME_DIR"); filepath.IsAbs(f) && len(filepath.Join(f, "linnet", "linnet.sock")) <= maxSocket {
		run = filepath.Join(f, "linnet")
	}
	return newPathsIn(filepath.Join(folder("XDG_CONFIG_HOME", ".config"), "linnet"), data,
		filepath.Join(folder("XDG_STATE_HOME", ".local", "state"), "linnet"), run), nil
}

func newPathsIn(config, data, state, run string) paths {
	return paths{
		V: formatVersion, Config: config, Data: data, State: state,
		Tokens: filepath.Join(config, "tokens.json"),
		Log:    filepath.Join(state, "linnet.log"),
		Crash:  filepath.Join(state, "crash.log"),
		Lock:   filepath.Join(data, "linnet.lock"),
		Socket: filepath.Join(run, "linnet.sock"),
	}
}

// make makes the folders. A folder of Linnet's own that others could look into is closed to them.
func (p *paths) make() error {
	for _, f := range []string{p.Config, p.Data, p.State, filepath.Dir(p.Socket)} {
		if err := makeFolder(f); err != nil {
			return err
		}
	}
	return nil
}

func makeFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	if err := os.Chmod(path, 0o700); err != nil { //nolint:gosec // a folder
		return fmt.Errorf("closing a folder to others: %w", err)
	}
	return nil
}

// tooOpen returns the mode of a file or folder if others than its owner may do anything with it. Windows has no modes.
func tooOpen(path string) (mode fs.FileMode, open bool) {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" {
		return 0, false
	}
	return info.Mode().Perm(), info.Mode().Perm()&0o077 != 0
}

func newPaths() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "paths",
		Short: "Say where everything lies",
		Long: `Paths says where Linnet keeps what it keeps. LINNET_HOME puts all of it in one folder;
without that it goes where the system has such files.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := findPaths()
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), p)
			}
			for _, x := range [][2]string{
				{"config", p.Config},
				{"data", p.Data},
				{"state", p.State},
				{"tokens", p.Tokens},
				{"log", p.Log},
				{"crash", p.Crash},
				{"lock", p.Lock},
				{"socket", p.Socket},
			} {
				if _, err := fmt.Fprintf(c.OutOrStdout(), "%-8s%s\n", x[0], x[1]); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}
