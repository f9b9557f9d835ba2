package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"
	"time"

	"github.com/spf13/cobra"
)

// serviceFiles are what each system's manager of services reads, as templates.
//
//go:embed units
var serviceFiles embed.FS

// manager is a system's manager of services: its file, and the commands that it takes. FILE stands for where the file lies.
type manager struct {
	template string
	escape   func(string) string
	install  [][]string
	remove   [][]string
	state    []string
}

var managers = map[string]manager{
	"linux": {
		"units/linnet.service", escapeUnit,
		[][]string{{"systemctl", "--user", "daemon-reload"}, {"systemctl", "--user", "enable", "--now", "linnet.service"}},
		[][]string{{"systemctl", "--user", "disable", "--now", "linnet.service"}},
		[]string{"systemctl", "--user", "status", "--no-pager", "linnet.service"},
	},
	"darwin": {
		"units/org.linnetmesh.linnet.plist", escapeXML,
		[][]string{{"launchctl", "load", "-w", "FILE"}},
		[][]string{{"launchctl", "unload", "-w", "FILE"}},
		[]string{"launchctl", "list", "org.linnetmesh.linnet"},
	},
	"windows": {
		"units/linnet.xml", escapeXML,
		[][]string{{"schtasks", "/Create", "/TN", "Linnet", "/XML", "FILE", "/F"}, {"schtasks", "/Run", "/TN", "Linnet"}},
		[][]string{{"schtasks", "/End", "/TN", "Linnet"}, {"schtasks", "/Delete", "/TN", "Linnet", "/F"}},
		[]string{"schtasks", "/Query", "/TN", "Linnet"},
	},
}

// servicePatience is how long a manager may take.
const servicePatience = time.Minute

// escapeUnit quotes a word of a unit (systemd.syntax(7), systemd.service(5)): specifiers and variables are none.
func escapeUnit(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$").Replace(s) + `"`
}

func escapeXML(s string) string {
	b := new(strings.Builder)
	_ = xml.EscapeText(b, []byte(s)) // a Builder takes all
	return b.String()
}

// serviceFile returns what a system's manager of services is to read.
func serviceFile(system, program string, p paths) (string, error) {
	m, ok := managers[system]
	if !ok {
		return "", fmt.Errorf("there is no manager of services known for %s", system)
	}
	for _, path := range []string{program, p.Config, p.Data, p.State} {
		if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return "", errors.New("a path with control characters in it cannot stand in a service file")
		}
	}
	t, err := template.ParseFS(serviceFiles, m.template)
	if err != nil {
		return "", fmt.Errorf("reading the template: %w", err)
	}
	fields := struct{ Program, Home, Folders, Log string }{Program: m.escape(program), Log: m.escape(p.Log)}
	var folders []string
	for _, f := range []string{p.Config, p.Data, p.State, filepath.Dir(p.Socket)} {
		if len(folders) == 0 || folders[len(folders)-1] != m.escape(f) {
			folders = append(folders, m.escape(f))
		}
	}
	fields.Folders = strings.Join(folders, " ")
	if os.Getenv("LINNET_HOME") != "" {
		fields.Home = m.escape(p.Config)
		if system == "linux" {
			fields.Home = m.escape("LINNET_HOME=" + p.Config)
		}
	}
	b := new(bytes.Buffer)
	if err := t.Execute(b, fields); err != nil {
		return "", fmt.Errorf("writing the service file: %w", err)
	}
	return b.String(), nil
}

// servicePath returns where the manager of services looks for the file.
func servicePath(system string, p paths, env func(string) string) string {
	switch system {
	case "linux":
		config := env("XDG_CONFIG_HOME")
		if !filepath.IsAbs(config) {
			config = filepath.Join(env("HOME"), ".config")
		}
		return filepath.Join(config, "systemd", "user", "linnet.service")
	case "darwin":
		return filepath.Join(env("HOME"), "Library", "LaunchAgents", "org.linnetmesh.linnet.plist")
	default:
		return filepath.Join(p.Config, "linnet.xml")
	}
}

func newService() *cobra.Command {
	c := &cobra.Command{
		Use:   "service",
		Short: "Start Linnet with your session",
		Long: `Service has the system start Linnet with your session, and again if it fails: by systemd, launchd or the
Task Scheduler of Windows. An account with a passphrase stays locked until linnet account unlock.`,
		Args: noArguments,
	}
	verb := func(use, short string, do func(ctx context.Context, c *cobra.Command, m manager, file string, p paths) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: noArguments, RunE: func(c *cobra.Command, _ []string) error {
			p, err := findPaths()
			if err != nil {
				return err
			}
			m, ok := managers[runtime.GOOS]
			if !ok {
				return fmt.Errorf("there is no manager of services known for %s", runtime.GOOS)
			}
			ctx, cancel := context.WithTimeout(c.Context(), servicePatience)
			defer cancel()
			return do(ctx, c, m, servicePath(runtime.GOOS, p, os.Getenv), p)
		}}
	}
	var system string
	show := verb("show", "Print the file, and change nothing", func(_ context.Context, c *cobra.Command, _ manager, _ string, p paths) error {
		program, err := os.Executable()
		if err != nil {
			return fmt.Errorf("finding this program: %w", err)
		}
		text, err := serviceFile(system, program, p)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(c.OutOrStdout(), text)
		return err
	})
	show.Flags().StringVar(&system, "for", runtime.GOOS, "linux, darwin or windows")
	c.AddCommand(
		verb("install", "Start Linnet with your session from now on, and at once", installService),
		verb("uninstall", "Start it with your session no more, and stop it", removeService),
		verb("status", "Ask the system how it does", func(ctx context.Context, c *cobra.Command, m manager, file string, _ paths) error {
			return runManager(ctx, c, file, m.state)
		}),
		show,
	)
	return c
}

func installService(ctx context.Context, c *cobra.Command, m manager, file string, p paths) error {
	if pid, held := daemonPID(p.Lock); held {
		return fmt.Errorf("process %d runs already: linnet down, and then again", pid)
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	text, err := serviceFile(runtime.GOOS, program, p)
	if err != nil {
		return err
	}
	if err := p.make(); err != nil { // what does not exist cannot be written to
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("writing the service file: %w", err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing the service file: %w", err)
	}
	fmt.Fprintln(c.OutOrStdout(), "wrote  "+file)
	return runManager(ctx, c, file, m.install...)
}

func removeService(ctx context.Context, c *cobra.Command, m manager, file string, _ paths) error {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		_, err := fmt.Fprintln(c.OutOrStdout(), "There is no service.")
		return err
	}
	err := runManager(ctx, c, file, m.remove...)
	return errors.Join(err, os.Remove(file))
}

// runManager runs commands of the manager of services, and shows them and what they say.
func runManager(ctx context.Context, c *cobra.Command, file string, commands ...[]string) error {
	for _, words := range commands {
		words = append([]string(nil), words...)
		for i := range words {
			if words[i] == "FILE" {
				words[i] = file
			}
		}
		fmt.Fprintln(c.ErrOrStderr(), "runs   "+strings.Join(words, " "))
		run := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // from the table above
		run.Stdout, run.Stderr = c.OutOrStdout(), c.ErrOrStderr()
		if err := run.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(words, " "), err)
		}
	}
	return nil
}
